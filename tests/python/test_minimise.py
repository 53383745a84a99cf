"""Minimisations say whether they converged, and show no temperature."""

import re

import h5py
import numpy as np
import pytest

from running import HEAD, run, write_input

# The tolerance is wide: some tens of steps reach it.
CONVERGES = """
[[stage]]
kind = "quench"
force_tolerance_ev_per_angstrom = 0.05
"""
GIVES_UP = """
[[stage]]
kind = "minimise"
max_steps = 20
"""
HOLD = """
[[stage]]
kind = "hold"
ensemble = "nve"
temperature_k = 300
duration_ps = 0.04
"""


def test_a_minimisation_that_converges_says_so(tmp_path):
    path = write_input(tmp_path, HEAD + CONVERGES)
    done = run("--output", tmp_path / "out", path, ranks=2)
    assert done.returncode == 0, done.stderr
    said = re.search(
        r"stage 1 \(quench\) converged in (\d+) steps: the largest force component is ([\d.e-]+) eV/Å, "
        r"at most 0\.05 was wanted",
        done.stdout,
    )
    assert said, done.stdout
    assert re.search(r"Done at step \d+: .*, converged, largest force component [\d.e-]+ eV/Å", done.stdout)
    assert "arning" not in done.stdout + done.stderr
    with h5py.File(tmp_path / "out/trajectory.h5md") as file:
        thermo = file["sinter/thermo"]
        largest = thermo["largest_force"][:]
        assert thermo["largest_force"].attrs["unit"] == "eV Angstrom-1"
        # As the forces of the frames have it, and as the log tells it.
        forces = file["particles/trajectory/forces/value"][-1]
        assert largest[-1] == np.abs(forces).max() <= 0.05 < largest[0]
        assert float(said[2]) == pytest.approx(largest[-1], rel=1e-3)
        assert np.isnan(thermo["temperature"][:]).all(), "there is no motion"
        assert np.isnan(file["sinter/particles/temperature"][:]).all()
        assert (thermo["kinetic_energy"][:] == 0).all()
        assert (thermo["total_energy"][:] == thermo["potential_energy"][:]).all()


def test_giving_up_is_a_warning_in_the_last_lines(tmp_path):
    """Of a later job too, that goes on behind the stage."""
    path = write_input(tmp_path, HEAD + GIVES_UP)
    done = run("--output", tmp_path / "out", path)
    assert done.returncode == 0, done.stderr
    told = r": stage 1 \(minimise\) has not converged: it gave up after 20 steps, as many as `max_steps` allows"
    assert re.search("warn(ing)?" + told, done.stderr), done.stderr
    last = done.stdout[done.stdout.index("Done at step 20") :]
    assert re.match(r"Done at step 20: .*, not converged, largest force component [\d.e-]+ eV/Å\.\n", last), last
    assert re.search("Warning" + told, last), last
    table = re.search(r"^ +step +time +F max .*\n +ps +eV/Å .*\n(?:.*\n)*? +20 +0\.000 +(\S+) ", done.stdout, re.M)
    force = re.search(r"largest force component ([\d.e-]+)", last)[1]
    assert float(table[1]) == pytest.approx(float(force), rel=0.05), "and no temperature"

    longer = write_input(tmp_path, HEAD + GIVES_UP + HOLD)
    done = run("--resume", "--output", tmp_path / "out", longer, ranks=2)
    assert done.returncode == 0, done.stderr
    last = done.stdout[done.stdout.index("Done at step 40") :]
    assert re.match(r"Done at step 40: .* K, [\d.]+ ns/day\.\n", last), last
    assert re.search("Warning" + told, last), last
