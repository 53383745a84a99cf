"""Runs the program as users do, and compares what it leaves behind."""

import json
import os
import subprocess
import time
from pathlib import Path

import h5py
import numpy as np

ROOT = Path(__file__).resolve().parents[2]
PROGRAM = Path(os.environ.get("SINTER_HPC", ROOT / "target/release/sinter-hpc"))
# The build without MPI, where the test command has made one.
ONE_PROCESS = Path(
    os.environ.get("SINTER_HPC_ONE_PROCESS", ROOT / "target/one-process/release/sinter-hpc")
)
# That of the MPI library which the program was built with (tools/setup.sh).
MPIRUN = os.environ.get("MPIRUN", "mpirun")
# Where launchers tell a rank its number: Open MPI, then MPICH.
RANK = (b"OMPI_COMM_WORLD_RANK=", b"PMI_RANK=")
POTENTIALS = ROOT / "inputs/potentials"

HEAD = f"""
title = "a small pair"
seed = 3
[potential]
library = "{POTENTIALS}/PtFe.library.meam"
parameters = "{POTENTIALS}/PtFe.meam"
elements = ["Pt", "Fe"]
[[particle]]
count = 2
atoms = 200
surface_energy_j_per_m2 = {{ "111" = 1.656, "100" = 2.167, "110" = 1.979 }}
lattice_constant_angstrom = 3.88
composition = {{ Pt = 0.85, Fe = 0.15 }}
[placement]
gap_angstrom = 4.0
[output]
trajectory_interval_ps = 0.02
series_interval_ps = 0.02
forces = true
energies = true
"""

# Every kind of stage and thermostat once, with the joining of the particles.
PROTOCOL = """
[[stage]]
kind = "minimise"
max_steps = 20
particles = "apart"
[[stage]]
kind = "equilibrate"
particles = "apart"
temperature_k = 1473
duration_ps = 0.06
thermostat = "langevin"
[[stage]]
kind = "hold"
temperature_k = 1473
duration_ps = 0.1
remove_linear_momentum = "particle"
thermostat_for = "particle"
[[stage]]
kind = "cool"
temperature_k = 1473
end_temperature_k = 1000
duration_ps = 0.06
thermostat = "bussi"
[[stage]]
kind = "hold"
ensemble = "nve"
duration_ps = 0.04
"""


def write_input(folder, text=HEAD + PROTOCOL, name="pair.toml"):
    path = Path(folder) / name
    path.write_text(text)
    return path


def environment():
    """Idle ranks give their core to others: there are more of them than cores."""
    return os.environ | {
        "OMPI_ALLOW_RUN_AS_ROOT": "1",
        "OMPI_ALLOW_RUN_AS_ROOT_CONFIRM": "1",
        "OMPI_MCA_rmaps_base_oversubscribe": "1",
        "OMPI_MCA_mpi_yield_when_idle": "1",
    }


def run(*arguments, ranks=None, threads=1, program=PROGRAM, timeout=300, more=()):
    """Runs the program and returns the finished process; `ranks`: under mpirun;
    `more`: environment."""
    launch = [MPIRUN, "-n", str(ranks)] if ranks else []
    # More threads than this machine has cores, in places.
    command = launch + [str(program), "--threads", str(threads), "--oversubscribe", *map(str, arguments)]
    return subprocess.run(
        command,
        capture_output=True,
        text=True,
        timeout=timeout,
        env=environment() | dict(more),
    )


def sinter(*arguments):
    """A subcommand (`build`, `evaluate`, `inspect`), finished."""
    command = [str(PROGRAM), *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, env=environment())


def start(*arguments, ranks=None, threads=1, prefix=(), more=()):
    """Starts the program and returns the running process, the launcher where there are
    `ranks`; `more`: environment."""
    launch = [MPIRUN, "-n", str(ranks)] if ranks else []
    program = [str(PROGRAM), "--threads", str(threads), "--oversubscribe"]
    command = [*prefix, *launch, *program, *map(str, arguments)]
    return subprocess.Popen(
        command,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=environment() | dict(more),
    )


def refusal(folder, text, change):
    """What `check` says of an input of this text with the first of `change` replaced by the second, which makes it a bad one;
    and its lines."""
    old, new = change
    assert old in text
    path = write_input(folder, text.replace(old, new, 1))
    done = sinter("check", path)
    assert done.returncode == 2, done.stdout + done.stderr
    return done.stderr, path.read_text().splitlines()


def wait_until(condition, seconds=600, pause=0.02, told=str):
    """`told()`: what is to be said where it does not happen."""
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, f"it does not happen in {seconds} s {told()}"
        time.sleep(pause)


def steps_begun(folder):
    log = folder / "run.log"
    return log.exists() and "Stage 1" in log.read_text()


def ranks_of(launcher):
    """Process ids of the ranks that a launcher started, rank 0 first."""
    parents, ranks = {}, {}
    for process in map(int, filter(str.isdigit, os.listdir("/proc"))):
        try:
            status = Path(f"/proc/{process}/stat").read_text()
            variables = Path(f"/proc/{process}/environ").read_bytes().split(b"\0")
        except OSError:
            continue
        parents[process] = int(status.rsplit(")", 1)[1].split()[1])
        ranks |= {process: int(v.split(b"=")[1]) for v in variables if v.startswith(RANK)}

    def started(process):
        return process == launcher.pid or (process in parents and started(parents[process]))

    return sorted(filter(started, ranks), key=ranks.get)


def same_end(reference, folder):
    """The run in `folder` ended as the one whose last checkpoint is `reference`."""
    trajectories = reference.with_name("trajectory.h5md"), folder / "trajectory.h5md"
    assert differences(*trajectories) == []
    assert different_atoms(reference, folder / reference.name) == []


def contents(path):
    """Every dataset of an HDF5 file by its name, but what names the ranks."""
    found = {}

    def visit(name, item):
        if isinstance(item, h5py.Dataset) and not name.startswith("parameters"):
            found[name] = item[()]

    with h5py.File(path) as file:
        file.visititems(visit)
        file["particles/trajectory"].visititems(
            lambda name, item: visit("particles/trajectory/" + name, item)
        )
    return found


def different_atoms(one, other):
    """Names of what differs between the atoms of two checkpoints in any bit."""
    with h5py.File(one) as a, h5py.File(other) as b:
        assert len(a["atoms"]) >= 5 and a["atoms"].keys() == b["atoms"].keys()
        return [name for name in a["atoms"] if a["atoms"][name][()].tobytes() != b["atoms"][name][()].tobytes()]


def state_of(checkpoint):
    """The header of a checkpoint, and the bits of all that it holds besides."""
    with h5py.File(checkpoint) as file:
        header = json.loads(file["header"][()])
        data = {}
        file.visititems(lambda name, item: data.update({name: item[()].tobytes()}) if isinstance(item, h5py.Dataset) and name != "header" else None)
    return header, data


def differences(one, other):
    """Names of the datasets that differ between two files in any bit."""
    a, b = contents(one), contents(other)
    assert len(a) > 20, "the file holds frames and series"
    return sorted(set(a) ^ set(b)) + [
        name for name in a.keys() & b.keys() if np.asarray(a[name]).tobytes() != np.asarray(b[name]).tobytes()
    ]
