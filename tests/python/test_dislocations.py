"""Dislocation lines at necks: one that was put there, and those of a boundary of a low angle."""

import subprocess
import sys
from types import SimpleNamespace

import numpy as np
import pytest
from ase import Atoms
from scipy.sparse import coo_matrix
from scipy.sparse.csgraph import connected_components

from running import POTENTIALS, ROOT, run, write_input

sys.path.insert(0, str(ROOT / "tools"))

from sinter_tools import Trajectory, dislocations, surfaces
from sinter_tools.trajectory import Unusable

A = 3.92
B = A / np.sqrt(2)


def screw(periods=8, radius=22):
    """A wire of fcc along [110], periodic along it, with a screw dislocation 1/2 [110] in its middle."""
    grid = np.array(np.meshgrid(*[np.arange(-24, 25)] * 3)).reshape(3, -1).T
    grid = grid[grid.sum(1) % 2 == 0] * A / 2
    axes = np.array([[1, -1, 0], [0, 0, 1], [1, 1, 0]]) / np.linalg.norm([[1, -1, 0], [0, 0, 1], [1, 1, 0]], axis=1)[:, None]
    places = grid @ axes.T + [0.31, 0.47, 0]
    length = periods * B
    places = places[(np.hypot(places[:, 0], places[:, 1]) < radius) & (places[:, 2] > -1e-6) & (places[:, 2] < length - 1e-6)]
    places[:, 2] += B * np.arctan2(places[:, 1], places[:, 0]) / (2 * np.pi)
    return places, length


def made(places, lengths, periodic, particle):
    trajectory = SimpleNamespace(atoms=len(places), particle=particle, periodic=np.array(periodic))
    frame = SimpleNamespace(positions=places, lengths=np.array(lengths), origin=np.zeros(3))
    return trajectory, frame


def test_a_screw_dislocation_is_found_with_its_length_and_burgers_vector():
    places, length = screw()
    trajectory, frame = made(places, [0, 0, length], [False, False, True], (places[:, 0] > 0).astype(int))
    found = dislocations.lines(trajectory, frame)
    assert [line.name for line in found] == ["1/2⟨110⟩"]
    # It goes straight through the wire, from one corner of OVITO's mesh to the next.
    assert found[0].length == pytest.approx(length, rel=0.05)
    assert np.sort(np.abs(found[0].burgers)) == pytest.approx([0, 0.5, 0.5], abs=1e-3)
    assert found[0].particles == (0, 1)
    assert list(dislocations.told(found)) == [f"1/2⟨110⟩: 1 line, {found[0].length:.0f} Å", f"between particles 0 and 1: {found[0].length:.0f} Å"]
    # The same wire without it, and in a box that it does not know while particles are apart.
    places[:, 2] -= B * np.arctan2(places[:, 1], places[:, 0]) / (2 * np.pi)
    for lengths in ([0, 0, length], [0, 0, 0]):
        assert dislocations.lines(*made(places, lengths, [False, False, True], trajectory.particle)) == []
    assert list(dislocations.told([])) == ["no dislocation lines"]


def test_it_says_what_it_wants(monkeypatch):
    monkeypatch.setitem(sys.modules, "ovito", None)
    with pytest.raises(Unusable, match="pip install ovito"):
        dislocations.lines(*made(np.zeros((4, 3)), np.zeros(3), [False] * 3, np.zeros(4, int)))


def test_a_twist_boundary_has_dislocations_and_their_cores_are_its_defect_atoms(tmp_path):
    """A ball in two halves that are 8 degrees apart about the line of their centres."""
    grid = np.array(np.meshgrid(*[np.arange(-11, 12)] * 3)).reshape(3, -1).T
    places = grid[grid.sum(1) % 2 == 0] * A / 2
    places = places[np.linalg.norm(places, axis=1) < 20]
    second = places[:, 0] > -0.1
    turn = np.radians(8)
    places[second] = places[second] @ np.array([[1, 0, 0], [0, np.cos(turn), np.sin(turn)], [0, -np.sin(turn), np.cos(turn)]])
    ball = Atoms("Pt" * len(places), places)
    ball.set_array("particle", second.astype(int))
    ball.write(tmp_path / "ball.xyz", format="extxyz")
    text = f"""
seed = 1
[potential]
library = "{POTENTIALS}/PtFe.library.meam"
parameters = "{POTENTIALS}/PtFe.meam"
elements = ["Pt", "Fe"]
[structure]
file = "ball.xyz"
particles_from = "column"
[output]
trajectory_interval_ps = 0.2
columns = ["structure", "surface"]
[[stage]]
kind = "hold"
temperature_k = 300
duration_ps = 0.6
"""
    done = run("--output", tmp_path / "out", write_input(tmp_path, text))
    assert done.returncode == 0, done.stderr
    command = [sys.executable, "-m", "sinter_tools", "dislocations", str(tmp_path / "out")]
    told = subprocess.run(command, cwd=ROOT / "tools", capture_output=True, text=True)
    assert told.returncode == 0, told.stderr
    assert "between particles 0 and 1: " in told.stdout and (tmp_path / "out/dislocations.png").exists()
    with Trajectory(tmp_path / "out") as trajectory:
        frame = trajectory.frame(-1)
        found = dislocations.lines(trajectory, frame)
        between = [line for line in found if line.particles == (0, 1)]
        length = sum(line.length for line in between)
        # A network of screws, b apart over the angle, crosses a disc twice its area over that distance.
        spacing = B / turn
        assert 0.4 < length / (2 * np.pi * 16**2 / spacing) < 1.6, length
        assert all(np.abs(line.points[:, 0] + A / 4).max() < 6 for line in between)
        # The same atoms, found the long way.
        pairs = surfaces.around(trajectory, frame).pairs
        at_surface, other = trajectory.column("surface", -1) == 1, trajectory.column("structure", -1) == 0
        beside = np.isin(np.arange(len(other)), pairs[at_surface[pairs[:, 1]], 0])
        defect = other & ~at_surface & ~beside
        both = pairs[defect[pairs].all(1)]
        _, names = connected_components(coo_matrix((np.ones(len(both)), both.T), shape=(len(other),) * 2), directed=False)
        near = pairs[defect[pairs[:, 0]]]
        origins = {name: set(trajectory.particle[near[names[near[:, 0]] == name]].ravel()) for name in np.unique(names[defect])}
        counted = sum((names[defect] == name).sum() for name, particles in origins.items() if particles == {0, 1})
        assert trajectory.series("boundaries", "defect_atoms").values[-1, 0] == counted > 50
        assert (np.abs(frame.positions[defect, 0]) < 6).mean() > 0.8
