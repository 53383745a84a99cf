"""Ensembles run alike on any number of ranks; their particles are equilibrated once and used at many gaps."""

import subprocess

import ase.io
import h5py
import numpy as np
from running import HEAD, PROGRAM, run, same_end, write_input
from scipy.spatial import cKDTree

POTENTIAL = HEAD[: HEAD.index("[[particle]]")]
POPULATIONS = """
[[particle]]
fraction = 0.5
shape = "cube"
sizes = { kind = "gaussian", mean_nm = 1.2, fwhm_nm = 0.3, of = "edge" }
orientation = "spin"
lattice_constant_angstrom = 3.9
composition = { Pt = 0.75, Fe = 0.25 }
[[particle]]
fraction = 0.5
shape = "icosahedron"
atoms = 55
orientation = "random"
lattice_constant_angstrom = 3.9
[particle.mixture]
kind = "shells"
parts = [{ fraction = 0.24, composition = { Fe = 1.0 } }, { fraction = 0.76, composition = { Pt = 1.0 } }]
"""
PLACEMENT = """
[placement]
kind = "support"
particles = 8
coverage = {coverage}
gap_angstrom = {gap}
"""
APART = """
[[stage]]
kind = "equilibrate"
particles = "apart"
temperature_k = 300
duration_ps = 0.02
thermostat = "langevin"
"""
TOGETHER = """
[[stage]]
kind = "hold"
temperature_k = 300
duration_ps = 0.02
thermostat = "langevin"
[output]
trajectory_interval_ps = 0.02
series_interval_ps = 0.02
"""


def smallest_gap(atoms):
    particle = atoms.arrays["particle"]
    tree, best = cKDTree(atoms.positions), np.inf
    for i, j in tree.query_pairs(12):
        if particle[i] != particle[j]:
            best = min(best, np.linalg.norm(atoms.positions[i] - atoms.positions[j]))
    return best


def test_an_ensemble_runs_alike_on_any_ranks_and_is_equilibrated_once_for_many_gaps(tmp_path):
    def text(coverage, gap):
        return POTENTIAL + POPULATIONS + PLACEMENT.format(coverage=coverage, gap=gap) + APART + TOGETHER

    path = write_input(tmp_path, text(0.3, 4.0))
    done = run("--output", tmp_path / "one", path)
    assert done.returncode == 0, done.stderr
    assert run("--output", tmp_path / "five", path, ranks=5).returncode == 0
    same_end(tmp_path / "one/checkpoint-20.h5", tmp_path / "five")

    # From the particles as they were equilibrated, at another coverage and gap.
    wide = write_input(tmp_path, text(0.15, 7.0), "wide.toml")
    done = run("--restart", tmp_path / "one/checkpoint-10.h5", "--output", tmp_path / "wide", wide, ranks=2)
    assert done.returncode == 0, done.stderr
    done = run("--output", tmp_path / "begun_wide", wide)
    assert done.returncode == 0, done.stderr
    with h5py.File(tmp_path / "begun_wide/checkpoint-20.h5") as one, h5py.File(
        tmp_path / "wide/checkpoint-20.h5"
    ) as other:
        for name in ("position", "velocity"):
            assert (one[f"atoms/{name}"][:] == other[f"atoms/{name}"][:]).all()
    # But another population is another past.
    other = write_input(tmp_path, text(0.3, 4.0).replace("fwhm_nm = 0.3", "fwhm_nm = 0.4"), "other.toml")
    done = run("--restart", tmp_path / "one/checkpoint-10.h5", "--output", tmp_path / "other", other)
    assert done.returncode == 2 and "particle[0].sizes.fwhm_nm 0.3, and the input says 0.4" in done.stderr


def test_particles_of_a_trajectory_are_placed_anew(tmp_path):
    apart = POTENTIAL + POPULATIONS + PLACEMENT.format(coverage=0.3, gap=4.0) + APART
    path = write_input(tmp_path, apart, "apart.toml")
    done = run("--output", tmp_path / "apart", path)
    assert done.returncode == 0, done.stderr
    text = POTENTIAL + f"""
[[particle]]
count = 12
structure = {{ file = "{tmp_path}/apart/trajectory.h5md" }}
orientation = "random"
[placement]
kind = "raft"
gap_angstrom = 5
""" + TOGETHER
    output = tmp_path / "again.xyz"
    command = [PROGRAM, "build", write_input(tmp_path, text, "again.toml"), "--output", output]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    atoms = ase.io.read(output)
    sizes = np.bincount(atoms.arrays["particle"])
    # The eight of the file, and again the first four.
    assert len(sizes) == 12 and (sizes[8:] == sizes[:4]).all()
    assert 5 <= smallest_gap(atoms) < 6.5
    assert atoms.arrays.get("velo") is not None or atoms.get_momenta().any()
