"""Minimisations say whether they converged, and show no temperature."""

import re

import h5py
import numpy as np
import pytest

from running import HEAD, differences, run, same_end, write_input

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


def test_more_steps_go_on_with_one_that_gave_up(tmp_path):
    """With the bits of one that had so many from the start, and no word of giving up."""
    more = GIVES_UP.replace("max_steps = 20", "max_steps = 31")
    whole = run("--output", tmp_path / "whole", write_input(tmp_path, HEAD + more + HOLD, "whole.toml"))
    assert whole.returncode == 0, whole.stderr
    first = run("--output", tmp_path / "out", write_input(tmp_path, HEAD + GIVES_UP))
    assert first.returncode == 0 and "make max_steps larger, then" in first.stdout, first.stdout
    refused = run("--resume", "--extend", "1ps", "--output", tmp_path / "out", tmp_path / "pair.toml")
    assert refused.returncode == 2 and "make its `max_steps` larger, or add a stage" in refused.stderr
    on = run("--resume", "--output", tmp_path / "out", write_input(tmp_path, HEAD + more + HOLD), ranks=2)
    assert on.returncode == 0, on.stderr
    assert "it gave up after 31 steps" in on.stdout and "after 20 steps" not in on.stdout
    same_end(tmp_path / "whole/checkpoint-51.h5", tmp_path / "out")
    assert differences(tmp_path / "whole/trajectory.h5md", tmp_path / "out/trajectory.h5md") == []


def test_frames_of_a_minimisation_have_no_velocities(tmp_path):
    text = HEAD.replace("trajectory_interval_ps = 0.02", "trajectory_interval_ps = 0.01")
    done = run("--output", tmp_path / "out", write_input(tmp_path, text + GIVES_UP + HOLD))
    assert done.returncode == 0, done.stderr
    with h5py.File(tmp_path / "out/trajectory.h5md") as file:
        steps = file["particles/trajectory/position/step"][:]
        speeds = np.abs(file["particles/trajectory/velocity/value"][:]).max(axis=(1, 2))
    # The hold draws its own at step 20.
    assert len(steps[steps < 20]) == 4 and not speeds[steps < 20].any() and (speeds[steps >= 20] > 0).all()
