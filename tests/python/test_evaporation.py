"""Atoms that have left end no run: they fly on, or come to rest where the input says."""

import h5py
import numpy as np
import pytest

from running import HEAD as PAIR
from running import PROTOCOL, POTENTIALS, different_atoms, run, same_end, write_input

# A dimer that vibrates, and atoms that leave it at some speed.
HEAD = f"""
[potential]
library = "{POTENTIALS}/PtFe.library.meam"
parameters = "{POTENTIALS}/PtFe.meam"
elements = ["Pt", "Fe"]
[structure]
file = "evaporating.xyz"
[dynamics]
timestep_fs = 10
[output]
trajectory_interval_ps = 10
series_interval_ps = 10
[checkpoint]
every_steps = 1600
keep = 9
[[stage]]
kind = "hold"
ensemble = "nve"
duration_ps = 50
"""


def evaporating(folder, text, atoms):
    lines = [f"{element} {x} {y} 0 {vx} {vy} 0" for element, x, y, vx, vy in atoms]
    (folder / "evaporating.xyz").write_text(
        f"{len(lines)}\nProperties=species:S:1:pos:R:3:velo:R:3\n" + "\n".join(lines) + "\n"
    )
    return write_input(folder, text)


DIMER = [("Pt", 0, 0, 0, 0), ("Pt", 2.5, 0, 0, 0)]


def frames(folder):
    with h5py.File(folder / "trajectory.h5md") as file:
        return (
            file["particles/trajectory/position/value"][:],
            file["particles/trajectory/velocity/value"][:],
            file["sinter/thermo/frozen_atoms"][:],
            file["sinter/thermo/conserved_energy"][:],
        )


def test_an_atom_flies_on_beyond_three_micrometres(tmp_path):
    path = evaporating(tmp_path, HEAD, [*DIMER, ("Pt", 16000, 0, 400, 0)])
    done = run("--output", tmp_path / "out", path)
    assert done.returncode == 0, done.stderr
    positions, _, frozen, energy = frames(tmp_path / "out")
    assert positions[-1, 2, 0] == pytest.approx(16000 + 50 * 400, abs=1e-6)
    assert (frozen == 0).all() and np.ptp(energy) < 0.01
    assert "1 atom has evaporated.\n" in done.stdout


def test_it_comes_to_rest_where_the_input_says_with_the_same_bits_everywhere(tmp_path):
    text = HEAD.replace("duration_ps = 50", "duration_ps = 0.2").replace("every_steps = 1600", "every_steps = 5")
    text = text.replace("interval_ps = 10", "interval_ps = 0.04")
    text += '[evaporation]\natoms = "freeze"\nbeyond_angstrom = 25\n'
    atoms = [*DIMER, ("Pt", 15, 0, 400, 0), ("Fe", 0, -15, 0, -100), ("Pt", 0, 15, 0, 20)]
    path = evaporating(tmp_path, text, atoms)
    done = run("--output", tmp_path / "one", path)
    assert done.returncode == 0, done.stderr
    positions, velocities, frozen, _ = frames(tmp_path / "one")
    # After 3 and 10 steps, and there to the end.
    assert list(frozen) == [0, 1, 1, 2, 2, 2]
    assert positions[-1, 2, 0] == pytest.approx(27, abs=1e-6)
    assert positions[-1, 3, 1] == pytest.approx(-25, abs=1e-6)
    assert np.abs(velocities[-1, [2, 3]]).max() == 0
    assert positions[-1, 4, 1] == pytest.approx(19, abs=1e-6), "this one flies"
    assert "2 atoms at rest far out" in done.stdout

    # From a checkpoint in the middle, where one of them is at rest already, and on two ranks.
    again = run("--restart", tmp_path / "one/checkpoint-5.h5", "--output", tmp_path / "two", path, ranks=2)
    assert again.returncode == 0, again.stderr
    assert different_atoms(tmp_path / "one/checkpoint-20.h5", tmp_path / "two/checkpoint-20.h5") == []
    whole = run("--output", tmp_path / "three", path, ranks=2)
    assert whole.returncode == 0, whole.stderr
    same_end(tmp_path / "one/checkpoint-20.h5", tmp_path / "three")


def test_the_end_of_coordinates_ends_no_run(tmp_path):
    """Two micrometres are left to it, at a speed of 84 km/s."""
    text = HEAD.replace("duration_ps = 50", "duration_ps = 150")
    path = evaporating(tmp_path, text, [("Pt", 0, 0, 0, 0), ("Fe", 16000, 0, 840, 0)])
    done = run("--output", tmp_path / "out", path)
    assert done.returncode == 0, done.stderr
    positions, _, frozen, _ = frames(tmp_path / "out")
    assert 130_000 <= positions[-1, 1, 0] < 130_010 and frozen[-1] == 1
    longer = evaporating(
        tmp_path, text.replace("duration_ps = 150", "duration_ps = 160"), [("Pt", 0, 0, 0, 0), ("Fe", 16000, 0, 840, 0)]
    )
    again = run("--restart", tmp_path / "out/checkpoint-15000.h5", "--output", tmp_path / "on", longer)
    assert again.returncode == 0, again.stderr


def test_what_has_not_evaporated_is_not_held_as_by_a_wall(tmp_path):
    text = PAIR + '[evaporation]\natoms = "freeze"\nbeyond_angstrom = 10\n' + PROTOCOL
    done = run("--output", tmp_path / "out", write_input(tmp_path, text))
    assert done.returncode == 1, done.stdout
    assert "beyond 10 Å, where atoms come to rest, and has not evaporated" in done.stderr
