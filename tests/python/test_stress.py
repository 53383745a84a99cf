"""Stress of single atoms by strained frames: against the virial, elastic constants and forces that are known."""

import re
import sys
from types import SimpleNamespace

import numpy as np
import pytest
from ase.build import bulk

from running import HEAD, POTENTIALS, PROGRAM, ROOT, run, write_input

sys.path.insert(0, str(ROOT / "tools"))

from sinter_tools import Trajectory, stress
from sinter_tools.cli import main

FIELD = f"""
[potential]
library = "{POTENTIALS}/PtFe.library.meam"
parameters = "{POTENTIALS}/PtFe.meam"
elements = ["Pt", "Fe"]
"""


@pytest.fixture(scope="module")
def field(tmp_path_factory):
    """An input with a force field and nothing else."""
    path = tmp_path_factory.mktemp("field") / "field.toml"
    path.write_text(FIELD)
    return path


def test_the_sum_over_atoms_is_the_virial(field, tmp_path):
    """Of two hot particles: all six components, as LAMMPS has them."""
    count, comment, *lines = (ROOT / "tests/reference/pair_hot.xyz").read_text().splitlines()
    fields = [line.split() for line in lines[: int(count)]]
    expected = np.array(re.search('virial="([^"]*)"', comment)[1].split(), float)
    positions, symbols = np.array([row[1:4] for row in fields], float), [row[0] for row in fields]
    derivatives = stress.strain_derivatives(positions, symbols, np.zeros(3), np.zeros(3, bool), field, str(PROGRAM))
    total = derivatives.sum(0)
    found = [-total[a, b] for a, b in stress.COMPONENTS]
    np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-4)


def test_a_strained_crystal_has_the_stress_of_its_elastic_constants(field):
    """Pt: C11 358.118, C12 253.508 GPa at 3.91737159 Å; each atom alike, shear across periods not known."""
    crystal = bulk("Pt", "fcc", a=3.91737159, cubic=True).repeat(3)
    strain = 1e-4
    stretched = crystal.copy()
    stretched.set_cell(np.diag(crystal.cell.lengths() * [1 + strain, 1, 1]), scale_atoms=True)
    derivatives = stress.strain_derivatives(
        stretched.positions, ["Pt"] * len(stretched), stretched.cell.lengths(), np.ones(3, bool), field, str(PROGRAM)
    )
    tensor = stress.GPA * derivatives / (crystal.get_volume() / len(crystal))
    for d, constant in ((0, 358.118), (1, 253.508), (2, 253.508)):
        np.testing.assert_allclose(tensor[:, d, d], constant * strain, rtol=5e-3)
    assert np.isnan(tensor[:, 0, 1]).all()
    np.testing.assert_allclose(stress.pressure(tensor), -(358.118 + 2 * 253.508) / 3 * strain, rtol=5e-3)


def test_invariants_of_simple_states():
    rod = np.diag([3.0, 0, 0])
    shear = np.array([[0, 2.0, 0], [2.0, 0, 0], [0, 0, 0]])
    both = np.array([rod, -5 * np.eye(3), shear])
    np.testing.assert_allclose(stress.pressure(both), [-1, 5, 0], atol=1e-15)
    np.testing.assert_allclose(stress.von_mises(both), [3, 0, 2 * np.sqrt(3)], atol=1e-15)


def test_motion_adds_its_pressure(field, tmp_path):
    """n k T, about the drift of each particle."""
    crystal = bulk("Pt", "fcc", a=3.92, cubic=True).repeat(2)
    rng = np.random.default_rng(1)
    velocity = rng.normal(0, 2.0, crystal.positions.shape) + [5, 0, 0]
    still = SimpleNamespace(
        path=tmp_path / "x", periodic=np.ones(3, bool), particle=np.zeros(len(crystal), int), mass=lambda symbol: 195.08,
        series=lambda group, name: None, column=lambda name, index: None,
    )
    frame = SimpleNamespace(index=0, step=0, positions=crystal.positions, symbols=np.array(["Pt"] * 32), lengths=crystal.cell.lengths())
    cold = stress.stresses(still, frame, field, str(PROGRAM))
    still.column = lambda name, index: velocity if name == "velocity" else None
    hot = stress.stresses(still, frame, field, str(PROGRAM))
    own = velocity - velocity.mean(0)
    expected = 195.08 * 1.0364269656e-4 * (own**2).sum() / 3 / crystal.get_volume() * 160.21766208
    np.testing.assert_allclose((stress.pressure(hot) - stress.pressure(cold)).mean(), expected, rtol=1e-6)


def test_the_command_tells_of_necks_and_draws(tmp_path, capsys):
    text = HEAD.replace("gap_angstrom = 4.0", "gap_angstrom = 1.8") + """
[[stage]]
kind = "hold"
temperature_k = 300
duration_ps = 0.1
"""
    done = run("--output", tmp_path / "out", write_input(tmp_path, text))
    assert done.returncode == 0, done.stderr
    assert main(["stress", str(tmp_path / "out"), "--program", str(PROGRAM)]) == 0
    told = capsys.readouterr().out
    assert "particles 0 and 1: pressure" in told and (tmp_path / "out/stress.png").is_file()
    with Trajectory(tmp_path / "out") as trajectory:
        frame = trajectory.frame(-1)
        tensor = stress.stresses(trajectory, frame, program=str(PROGRAM))
        (neck,) = stress.necks(trajectory, frame, tensor)
        assert neck.particles == (0, 1) and set(trajectory.particle[neck.atoms]) == {0, 1}
        assert 2 <= len(neck.atoms) < 100
        np.testing.assert_allclose(neck.pressure, stress.pressure(tensor[neck.atoms]).mean())
    assert main(["stress", str(tmp_path / "out"), "--input", str(tmp_path / "none.toml")]) == 2
    assert "there is no such file" in capsys.readouterr().err


def test_pairs_without_a_neck_and_what_is_not_known_are_told_in_words():
    """Across periodic directions there is no shear."""
    neck = stress.NeckStress((0, 1), np.arange(3), 1.25, np.nan, np.array([1.0, 0, 0]), np.zeros(3))
    told = list(stress.lines([neck], [(0, 1), (1, 2)]))
    assert told == [
        "particles 0 and 1: pressure 1.25 GPa, von Mises not known across periodic directions, in 3 neck atoms",
        "particles 1 and 2: not bonded in this frame, no neck",
    ]
