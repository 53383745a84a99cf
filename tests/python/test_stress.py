"""Stress of single atoms by strained frames: against the virial, elastic constants and forces that are known."""

import re
import sys
from types import SimpleNamespace

import h5py
import numpy as np
import pytest
from ase.build import bulk

from running import HEAD, POTENTIALS, PROGRAM, ROOT, differences, run, write_input

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


COLUMN = """
columns = ["stress"]
[[stage]]
kind = "hold"
temperature_k = 900
duration_ps = 0.04
"""


@pytest.fixture(scope="module")
def pair(tmp_path_factory):
    """A run of two touching particles with a column of stresses."""
    folder = tmp_path_factory.mktemp("column")
    path = write_input(folder, HEAD.replace("gap_angstrom = 4.0", "gap_angstrom = 1.8") + COLUMN)
    done = run("--output", folder / "out", path)
    assert done.returncode == 0, done.stderr
    return folder / "out", path


def test_the_column_is_what_strained_frames_tell(pair):
    """And what the tools take where it is there; OVITO has it as six components."""
    from ovito.io import import_file

    with Trajectory(pair[0]) as trajectory:
        frame = trajectory.frame(-1)
        column = stress.stresses(trajectory, frame)
        evaluated = stress.stresses(trajectory, frame, pair[0] / "input.toml", str(PROGRAM))
        numbers = trajectory.column("stress", frame.index)
    assert np.ptp(stress.pressure(column)) > 10
    np.testing.assert_allclose(column, evaluated, atol=1e-3)
    data = import_file(str(pair[0] / "trajectory.h5md")).compute(2)
    order = np.argsort(data.particles["Particle Identifier"][...])
    np.testing.assert_allclose(data.particles["stress"][...][order], numbers)


def test_the_column_leaves_the_run_as_it_is_on_any_ranks(pair, tmp_path):
    folder, path = pair
    done = run("--output", tmp_path / "three", path, ranks=3)
    assert done.returncode == 0, done.stderr
    assert differences(folder / "trajectory.h5md", tmp_path / "three/trajectory.h5md") == []
    bare = write_input(tmp_path, path.read_text().replace('columns = ["stress"]', ""), "bare.toml")
    done = run("--output", tmp_path / "bare", bare)
    assert done.returncode == 0, done.stderr
    with h5py.File(folder / "trajectory.h5md") as one, h5py.File(tmp_path / "bare/trajectory.h5md") as other:
        for name in ("position", "velocity", "forces", "potential_energy"):
            both = [file[f"particles/trajectory/{name}/value"][:] for file in (one, other)]
            assert np.array_equal(*both), name


def test_the_run_has_the_stress_of_the_neck(pair):
    """That of the atoms that it counts there: so many one after another along the line of centres."""
    with Trajectory(pair[0]) as trajectory:
        pairs, boundaries, particles = (trajectory.file[f"sinter/{name}"] for name in ("pairs", "boundaries", "particles"))
        checked = 0
        for index in range(len(trajectory)):
            frame, tensor = trajectory.frame(index), stress.stresses(trajectory, trajectory.frame(index))
            row = pairs["step"][:].tolist().index(frame.step)
            count, found = pairs["neck_atoms"][row, 0], [boundaries[name][index, 0] for name in ("neck_pressure", "neck_von_mises")]
            assert np.isfinite(found).all() == (count > 0)
            if count == 0:
                continue
            centre = particles["centre"][row]
            axis = (centre[1] - centre[0]) / np.linalg.norm(centre[1] - centre[0])
            along = np.argsort((frame.positions - centre.mean(0)) @ axis)
            means = [tensor[along[k : k + count]].mean(0) for k in range(len(along) - count + 1)]
            apart = [np.hypot(stress.pressure(mean) - found[0], stress.von_mises(mean) - found[1]) for mean in means]
            assert min(apart) < 1e-6
            checked += 1
        assert checked >= 2


def test_of_a_pair_potential_each_end_has_half_of_the_virial(tmp_path):
    """As `compute stress/atom` of LAMMPS has it (`lj/smooth/linear`: within 4e-6 eV of 10)."""
    text = f"""
[potential]
kind = "lennard-jones"
file = "{POTENTIALS}/lennard-jones.toml"
elements = ["Ag"]
[[particle]]
atoms = 150
shape = "sphere"
lattice_constant_angstrom = 4.1
composition = {{ Ag = 1.0 }}
[output]
trajectory_interval_ps = 0.02
""" + COLUMN
    done = run("--output", tmp_path / "out", write_input(tmp_path, text))
    assert done.returncode == 0, done.stderr
    with h5py.File(tmp_path / "out/trajectory.h5md") as file:
        places, velocity, column = (file[f"particles/trajectory/{name}/value"][-1] for name in ("position", "velocity", "stress"))
        volume = file["sinter/structure/nearest_neighbour_distance"][-1] ** 3 / np.sqrt(2)
        mass = file["parameters/species/Ag"].attrs["mass"]
    apart = places[:, None] - places
    r = np.linalg.norm(apart, axis=2)
    np.fill_diagonal(r, np.inf)

    def slope(r):  # epsilon and sigma of silver in the file
        return 4 * 0.345305 * (6 * 2.6376**6 / r**7 - 12 * 2.6376**12 / r**13)

    pull = np.where(r < 10, (slope(r) - slope(10.0)) / r, 0)
    own = velocity - velocity.mean(0)
    expected = 0.5 * np.einsum("ij,ija,ijb->iab", pull, apart, apart)
    expected -= stress.KINETIC * mass * own[:, :, None] * own[:, None, :]
    np.testing.assert_allclose([column[:, k] * volume / stress.GPA for k in range(6)], [expected[:, a, b] for a, b in stress.COMPONENTS], atol=2e-6)


@pytest.mark.parametrize("form", ["", "position_tolerance_angstrom = 0.001\nvelocities = true"])
def test_stresses_add_up_to_the_pressure(field, tmp_path, form):
    """In a hot periodic crystal, sheared components too; also where numbers are rounded."""
    text = FIELD + f"""
[crystal]
lattice_constant_angstrom = 3.95
composition = {{ Pt = 0.8, Fe = 0.2 }}
repeats = [4, 4, 4]
[output]
trajectory_interval_ps = 0.02
series_interval_ps = 0.02
{form}
""" + COLUMN
    done = run("--output", tmp_path / "out", write_input(tmp_path, text))
    assert done.returncode == 0, done.stderr
    with h5py.File(tmp_path / "out/trajectory.h5md") as file:
        column = file["particles/trajectory/stress/value"][:].astype(float)
        assert file["particles/trajectory/stress/value"].dtype == (np.float32 if form else np.float64)
        d = file["sinter/structure/nearest_neighbour_distance"][:]
        thermo = file["sinter/thermo"]
        pressure = np.stack([thermo[f"pressure_{ab}"][:] for ab in ("xx", "yy", "zz", "xy", "xz", "yz")], 1)
        volume = thermo["volume"][:]
    found = -column.sum(1) * (d**3 / np.sqrt(2) / volume)[:, None]
    assert abs(pressure).max() > 1
    np.testing.assert_allclose(found, pressure, atol=2e-5)


def test_pairs_without_a_neck_and_what_is_not_known_are_told_in_words():
    """Across periodic directions there is no shear."""
    neck = stress.NeckStress((0, 1), np.arange(3), 1.25, np.nan, np.array([1.0, 0, 0]), np.zeros(3))
    told = list(stress.lines([neck], [(0, 1), (1, 2)]))
    assert told == [
        "particles 0 and 1: pressure 1.25 GPa, von Mises not known across periodic directions, in 3 neck atoms",
        "particles 1 and 2: not bonded in this frame, no neck",
    ]
