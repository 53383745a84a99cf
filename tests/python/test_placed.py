"""Runs of what stands together in one box: a slab, built particles and particles from files.
Their bits are those of one rank, through a restart as well."""

import shutil
import subprocess

from running import HEAD, PROGRAM, run, same_end, write_input

POTENTIAL = HEAD[: HEAD.index("[[particle]]")]
METAL = "lattice_constant_angstrom = 3.9\ncomposition = { Pt = 0.9, Fe = 0.1 }\n"
OUTPUT = """
[output]
trajectory_interval_ps = 0.02
series_interval_ps = 0.02
[checkpoint]
every_steps = 15
"""
STAGE = """
[[stage]]
kind = "hold"
temperature_k = 900
duration_ps = 0.06
thermostat = "langevin"
"""


def test_particles_on_a_slab_run_alike_on_any_ranks_and_through_a_restart(tmp_path):
    alone = f"{POTENTIAL}[[particle]]\natoms = 80\n{METAL}{STAGE}"
    particle = write_input(tmp_path, alone, "alone.toml")
    command = [PROGRAM, "build", particle, "--output", tmp_path / "alone.h5"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    text = f"""{POTENTIAL}
[crystal]
{METAL}
surface = "z"
z = [1, 1, 1]
lengths_angstrom = [48, 24]
layers = 3
adatoms = {{ removed_fraction = 0.95 }}
[[particle]]
structure = {{ file = "alone.h5" }}
above = {{ gap_angstrom = 3.0 }}
[[particle]]
atoms = 80
{METAL}
above = {{ gap_angstrom = 3.0 }}
[placement]
gap_angstrom = 4.0
{OUTPUT}{STAGE}"""
    path = write_input(tmp_path, text)
    reference = tmp_path / "one"
    done = run("--output", reference, path)
    assert done.returncode == 0, done.stderr
    # The gap between the two, and what each has to the slab; a line each at the end.
    log = (reference / "run.log").read_text()
    for pair in ("Particles 0 and 1", "Particles 0 and 2", "Particles 1 and 2"):
        assert pair in log
    assert run("--output", tmp_path / "three", path, ranks=3).returncode == 0
    same_end(reference / "checkpoint-30.h5", tmp_path / "three")

    again = tmp_path / "again"
    shutil.copytree(reference, again)
    (again / "checkpoint-30.h5").unlink()
    done = run("--resume", "--output", again, path, ranks=2)
    assert done.returncode == 0, done.stderr
    same_end(reference / "checkpoint-30.h5", again)

    # The effective input is the same system again.
    done = run("--output", tmp_path / "effective", reference / "input.toml")
    assert done.returncode == 0, done.stderr
    same_end(reference / "checkpoint-30.h5", tmp_path / "effective")
