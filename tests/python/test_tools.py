"""`sinter-tools`: figures, pictures and exports, held against OVITO, ASE and plain sums."""

import json
import os
import subprocess
import sys
import tomllib
from types import SimpleNamespace

import ase.io
import h5py
import numpy as np
import pytest
from PIL import Image

from running import HEAD, ROOT, run, write_input

sys.path.insert(0, str(ROOT / "tools"))

import sinter_tools
from sinter_tools import Trajectory, analysis, diffraction, pictures, plots, strain
from sinter_tools.cli import main

STAGES = """
[[stage]]
kind = "equilibrate"
particles = "apart"
temperature_k = 800
duration_ps = 0.1
[[stage]]
kind = "hold"
temperature_k = 800
duration_ps = 0.4
"""


@pytest.fixture(scope="module")
def pair(tmp_path_factory):
    """The folder of a run of two particles whose gap closes at once."""
    folder = tmp_path_factory.mktemp("tools")
    more = "neck_hold_ps = 0.1\nlayers = true\n"
    path = write_input(folder, HEAD.replace("gap_angstrom = 4.0", "gap_angstrom = 2.0") + more + STAGES)
    done = run("--output", folder / "out", path)
    assert done.returncode == 0, done.stderr
    return folder / "out"


@pytest.fixture(scope="module")
def crystals():
    """Positions, box and class of perfect crystals with a little heat, in periodic boxes."""
    from ase.build import bulk

    rng = np.random.default_rng(1)
    cells = {
        analysis.FCC: bulk("Pt", "fcc", a=3.92, cubic=True).repeat(4),
        analysis.BCC: bulk("Fe", "bcc", a=2.86, cubic=True).repeat(5),
        analysis.HCP: bulk("Co", "hcp", a=2.5, orthorhombic=True).repeat((6, 4, 4)),
    }
    for atoms in cells.values():
        atoms.positions += rng.normal(0, 0.03, (len(atoms), 3))
    return cells


def test_structure_classes_of_crystals(crystals):
    for kind, atoms in crystals.items():
        found = analysis.structure_classes(atoms.positions, atoms.cell.lengths(), np.ones(3, bool))
        assert (found == kind).all(), analysis.STRUCTURES[kind]


def test_structure_classes_are_those_of_ovito(pair):
    from ovito.io import import_file
    from ovito.modifiers import CommonNeighborAnalysisModifier

    pipeline = import_file(str(pair / "trajectory.h5md"))
    pipeline.modifiers.append(CommonNeighborAnalysisModifier())
    with Trajectory(pair) as trajectory:
        equal = []
        for index in (0, len(trajectory) // 2, len(trajectory) - 1):
            frame = trajectory.frame(index)
            found = analysis.structure_classes(frame.positions, frame.lengths, trajectory.periodic)
            data = pipeline.compute(index)
            order = np.argsort(data.particles["Particle Identifier"][...])
            equal.append(found == data.particles["Structure Type"][...][order])
    assert np.mean(equal) >= 0.999


def test_pair_distribution_is_that_of_ovito(crystals):
    from ovito.io.ase import ase_to_ovito
    from ovito.modifiers import CoordinationAnalysisModifier
    from ovito.pipeline import Pipeline, StaticSource

    atoms = crystals[analysis.FCC]
    pipeline = Pipeline(source=StaticSource(data=ase_to_ovito(atoms)))
    pipeline.modifiers.append(CoordinationAnalysisModifier(cutoff=6.0, number_of_bins=120))
    expected = pipeline.compute().tables["coordination-rdf"].xy()
    radius, g = analysis.g_of_r(atoms.positions, atoms.cell.lengths(), np.ones(3, bool), 6.0, 0.05)
    np.testing.assert_allclose(radius, expected[:, 0], atol=1e-12)
    np.testing.assert_allclose(g, expected[:, 1], rtol=1e-6)


def test_diffraction_is_the_exact_sum():
    """Term by term, for some dozen atoms of two elements."""
    from periodictable.cromermann import fxrayatq

    rng = np.random.default_rng(2)
    positions = rng.uniform(0, 12, (40, 3))
    symbols = np.array(["Pt", "Fe"])[rng.integers(0, 2, 40)]
    q = np.linspace(0.5, 8, 30)
    factor = np.array([fxrayatq(s, q) for s in symbols])
    distance = np.linalg.norm(positions[:, None] - positions, axis=2)
    exact = np.einsum("iq,jq,ijq->q", factor, factor, np.sinc(distance[..., None] * q / np.pi)) / 40
    np.testing.assert_allclose(diffraction.debye(positions, symbols, q), exact, rtol=1e-6)


def test_peaks_of_a_crystal_lie_where_bragg_has_them():
    from ase.cluster import FaceCenteredCubic

    atoms = FaceCenteredCubic("Pt", [(1, 0, 0), (1, 1, 1)], [5, 5], latticeconstant=3.92)
    symbols = np.array(atoms.get_chemical_symbols())
    two_theta = np.arange(30, 75, 0.1)
    q = 4 * np.pi * np.sin(np.radians(two_theta / 2)) / diffraction.COPPER
    found = diffraction.peaks(two_theta, diffraction.debye(atoms.positions, symbols, q))
    for plane in ([1, 1, 1], [2, 2, 0]):
        bragg = 2 * np.degrees(np.arcsin(diffraction.COPPER * np.linalg.norm(plane) / (2 * 3.92)))
        # Small crystals shift peaks by some tenths of a degree.
        assert min(abs(place - bragg) for place, _, _ in found) < 0.5, plane
    size = next(size for place, _, size in found if abs(place - 39.8) < 1)
    across = np.ptp(atoms.positions[:, 0])
    assert 0.6 * across < size < 1.4 * across


def test_the_package_tells_its_version(capsys):
    project = tomllib.loads((ROOT / "tools/pyproject.toml").read_text())
    assert project["project"]["dynamic"] == ["version"]
    with pytest.raises(SystemExit) as left:
        main(["--version"])
    assert left.value.code == 0
    assert capsys.readouterr().out == f"sinter-tools {sinter_tools.__version__}\n"


def test_growth_finds_the_exponent_that_was_put_in():
    time = np.arange(0, 50, 0.05)
    radius = np.where(time > 3, 2.0 * np.maximum(time - 3, 0) ** 0.3, 0)
    amplitude, exponent, error, since, until = analysis.growth(time, radius)
    assert abs(amplitude - 2) < 0.05 and abs(exponent - 0.3) < 0.01 and error < 0.01
    assert abs(since - 3) <= 0.05 and until > 30
    assert analysis.growth(time, np.zeros_like(time)) is None
    flickers = np.where((time > 3) & (time < 3.2), 1.0, 0)
    assert analysis.growth(time, flickers) is None
    shrinks = np.where(time > 3, 5 - 0.3 * np.log(np.maximum(time - 3, 0.05)), 0)
    assert analysis.growth(time, shrinks) is None


def test_growth_that_is_no_power_law_has_no_sharp_exponent():
    """A neck that stays small at first, and then grows all at once."""
    time = np.arange(0, 50, 0.05)
    late = np.where(time > 3, 1 + 9 / (1 + np.exp((12 - time) / 2)), 0)
    _, exponent, error, *_ = analysis.growth(time, late)
    assert error > 0.5 * exponent > 0


def test_haadf_shows_columns_by_the_power_of_their_atomic_number():
    """Two heavy atoms and one light one, far apart: intensities as n Z^1.7."""
    positions = np.array([[0, 0, 0], [0, 0, 5], [40, 0, 0]], float)
    numbers = np.array([78, 78, 26])
    picture, scale = pictures.haadf(positions, numbers, probe=2.0, pixels=400)
    middle = picture.shape[1] // 2
    heavy, light = picture[:, :middle], picture[:, middle:]
    assert abs(heavy.sum() / light.sum() - 2 * (78 / 26) ** 1.7) < 1e-6
    half = (picture.max(axis=0) > 0.5).sum() * scale
    assert abs(half - 2.0) < 3 * scale, "full width of the probe"


def test_strain_of_a_stretched_crystal(tmp_path):
    """A turned crystal, stretched by 2 % along x: that strain, and none across."""
    from ase.cluster import FaceCenteredCubic

    atoms = FaceCenteredCubic("Pt", [(1, 0, 0), (1, 1, 1)], [6, 6], latticeconstant=3.92)
    atoms.rotate(17, (1, 2, 3))
    stretched = atoms.positions * [1.02, 1, 1]
    frame = SimpleNamespace(positions=stretched, lengths=np.zeros(3))
    trajectory = SimpleNamespace(
        atoms=len(atoms), particle=np.zeros(len(atoms), int), periodic=np.zeros(3, bool)
    )
    found = strain.strains(trajectory, frame)
    known = found[np.isfinite(found[:, 0, 0])]
    assert len(known) > 100
    mean = known.mean(0)
    # Against the mean distance, which has grown by a third of the stretch.
    np.testing.assert_allclose(np.diag(mean) - mean[1, 1], [0.02, 0, 0], atol=1e-3)
    assert np.abs(mean - np.diag(np.diag(mean))).max() < 1e-3
    assert known[:, 0, 0].std() < 1e-3


@pytest.mark.parametrize("noise", [0, 0.05])
def test_strain_of_a_twinned_crystal_is_that_of_either_twin(noise):
    """Two twins, both compressed by 1 % across the boundary: no strain comes of how they lie."""
    corners = np.stack(np.meshgrid(*[np.arange(-12, 13)] * 3, indexing="ij"), axis=-1).reshape(-1, 3)
    sites = corners[corners.sum(1) % 2 == 0] * 3.92 / 2
    normal = np.ones(3) / np.sqrt(3)
    upper = sites[(sites @ normal > -0.1) & (np.linalg.norm(sites, axis=1) < 20)]
    lower = upper - 2 * np.outer(upper @ normal, normal)
    both = np.concatenate([upper, lower[upper @ normal > 0.1]])
    both -= 0.01 * np.outer(both @ normal, normal)
    both += np.random.default_rng(1).normal(0, noise, both.shape)
    frame = SimpleNamespace(positions=both, lengths=np.zeros(3))
    trajectory = SimpleNamespace(atoms=len(both), particle=np.zeros(len(both), int), periodic=np.zeros(3, bool))
    found = strain.strains(trajectory, frame)
    height = both @ normal
    for half in (height > 4, height < -4):
        known = found[half & np.isfinite(found[:, 0, 0])]
        assert len(known) > 400
        across = known @ normal @ normal
        along = (np.trace(known, axis1=1, axis2=2) - across) / 2
        assert (along - across).mean() == pytest.approx(0.01, abs=1e-3)
        assert across.std() < 1e-3 + noise / 2


def test_strain_of_a_decahedron_is_that_which_closes_its_gap():
    from ase.cluster import Decahedron

    atoms = Decahedron("Pt", 6, 4, 0, latticeconstant=3.92)
    frame = SimpleNamespace(positions=atoms.positions, lengths=np.zeros(3))
    trajectory = SimpleNamespace(atoms=len(atoms), particle=np.zeros(len(atoms), int), periodic=np.zeros(3, bool))
    found = strain.strains(trajectory, frame)
    classes = analysis.structure_classes(atoms.positions, np.zeros(3), np.zeros(3, bool))
    assert (np.isfinite(found[:, 0, 0]) == (classes == analysis.FCC)).all()
    # Five tetrahedra of 70.53 degrees close by 7.35 degrees.
    assert np.nanmax(np.abs(found)) < 0.03


@pytest.fixture(scope="module")
def swapped(tmp_path_factory):
    """The folder of a run in which platinum and iron become one another."""
    folder = tmp_path_factory.mktemp("swapped")
    swaps = """[stage.swaps]
interval_ps = 0.02
attempts = 60
ensemble = "semi-grand"
chemical_potential_ev = { Pt = 0, Fe = 1.5 }
"""
    path = write_input(folder, HEAD + STAGES + swaps)
    done = run("--output", folder / "out", path)
    assert done.returncode == 0, done.stderr
    return folder / "out"


def elements(folder):
    """Of each frame: the element of each atom, straight from the file."""
    with h5py.File(folder / "trajectory.h5md") as file:
        species = file["particles/trajectory/species/value"]
        return np.where(species[:] == 78, "Pt", "Fe")


def test_atoms_are_of_the_elements_of_their_frame(swapped, tmp_path, capsys):
    expected = elements(swapped)
    iron = (expected == "Fe").sum(axis=1)
    assert iron[-1] != iron[0]
    with Trajectory(swapped) as trajectory:
        for index, frame in enumerate(trajectory.frames()):
            assert frame.symbols.tolist() == expected[index].tolist()
            assert (frame.numbers == np.where(expected[index] == "Pt", 78, 26)).all()
        assert set(trajectory.elements) == {"Pt", "Fe"}
        frame, (palette, colours) = trajectory.frame(-1), pictures.colours(trajectory, trajectory.frame(-1), "species")
        assert (palette == [colours[symbol] for symbol in frame.symbols]).all()
    assert main(["summary", str(swapped)]) == 0
    told = capsys.readouterr().out
    assert f"{iron[0]} Fe" in told and "in the last frame" in told and f"{iron[-1]} Fe" in told


@pytest.mark.parametrize("kind", ["xyz", "lammps", "cfg", "vtk"])
@pytest.mark.parametrize("which", ["pair", "swapped"])
def test_exports_hold_the_atoms(request, tmp_path, kind, which):
    pair, path = request.getfixturevalue(which), tmp_path / "out"
    assert main(["export", str(pair), "--to", kind, "--output", str(path), "--every", "5"]) == 0
    with Trajectory(pair) as trajectory:
        indices = range(0, len(trajectory), 5)
        positions, times = trajectory.frame(indices[-1]).positions, trajectory.times[::5]
        symbols, numbers = trajectory.frame(indices[-1]).symbols, [frame.numbers for frame in trajectory.frames(5)]
    if kind == "vtk":
        with h5py.File(path) as file:
            root = file["VTKHDF"]
            np.testing.assert_allclose(root["Steps/Values"][:], times)
            offset = root["Steps/PointOffsets"][-1]
            np.testing.assert_allclose(root["Points"][offset:], positions, atol=1e-4)
            offsets = root["Steps/PointDataOffsets/atomic_number"][:]
            for first, expected in zip(offsets, numbers, strict=True):
                assert (root["PointData/atomic_number"][first : first + len(expected)] == expected).all()
        return
    if kind == "cfg":
        frames = [ase.io.read(file, format="cfg") for file in sorted(tmp_path.glob("*.cfg"))]
    else:
        read = {"xyz": "extxyz", "lammps": "lammps-dump-text"}[kind]
        frames = ase.io.read(path, index=":", format=read)
    assert len(frames) == len(indices)
    last = frames[-1]
    assert sorted(last.get_chemical_symbols()) == sorted(symbols.tolist())
    moved = last.positions - last.positions.mean(0)
    expected = positions - positions.mean(0)
    if kind == "cfg":  # one element after the other
        expected = np.concatenate([expected[symbols == s] for s in dict.fromkeys(last.get_chemical_symbols())])
    else:
        assert last.get_chemical_symbols() == symbols.tolist()
    np.testing.assert_allclose(moved, expected, atol=1e-6)


def test_vtk_opens_where_vtk_is(pair, tmp_path):
    """The layout that VTK's own reader asks for (VTKHDF 2.0, temporal PolyData)."""
    path = tmp_path / "out.vtkhdf"
    assert main(["export", str(pair), "--to", "vtk", "--output", str(path), "--every", "10"]) == 0
    with h5py.File(path) as file:
        root = file["VTKHDF"]
        assert root.attrs["Type"] == b"PolyData" and list(root.attrs["Version"]) == [2, 0]
        steps = int(root["Steps"].attrs["NSteps"])
        atoms = int(root["NumberOfPoints"][0])
        assert root["Points"].shape == (steps * atoms, 3)
        for kind in ("Vertices", "Lines", "Polygons", "Strips"):
            assert len(root[kind]["NumberOfCells"]) == steps
            assert len(root[kind]["Offsets"]) == int(root[kind]["NumberOfCells"][0]) + 1


def looks_drawn(path):
    """Not one colour alone."""
    return len(np.unique(np.asarray(Image.open(path).convert("L")))) > 20


def test_pictures_and_figures_are_drawn(pair, tmp_path, capsys):
    jobs = {
        "balls.png": ["image", "--by", "particle"],
        "species.png": ["image", "--by", "species", "--view", "1,1,0"],
        "structure.png": ["image", "--by", "structure", "--frame", "0"],
        "moved.png": ["image", "--by", "displacement"],
        "haadf.png": ["image", "--haadf", "--thickness", "10"],
        "neck.png": ["neck"],
        "strain.png": ["strain", "--frame", "0"],
        "xrd.png": ["xrd", "--step", "1", "--particle", "0"],
        "movie.gif": ["movie", "--every", "10", "--pixels", "200"],
        "map.png": ["compare"],
    }
    for name, (command, *options) in jobs.items():
        path = tmp_path / name
        assert main([command, str(pair), *options, "--output", str(path)]) == 0
        assert str(path) in capsys.readouterr().out
        assert looks_drawn(path), name
    assert main(["plot", str(pair), "--output", str(tmp_path / "figures")]) == 0
    drawn = {file.stem for file in (tmp_path / "figures").glob("*.png")}
    expected = {"thermo", "neck", "centres", "displacements", "diffusion", "lindemann", "layers", "order", "surface"}
    assert expected | {"composition", "structures", "g_of_r"} <= drawn
    assert all(looks_drawn(file) for file in (tmp_path / "figures").glob("*.png"))
    assert {file.stem for file in (tmp_path / "figures").glob("*.svg")} == drawn


def test_placement_is_no_displacement(pair):
    """Atoms of a frame of before the particles were put together are grey, and words say why."""
    with Trajectory(pair) as trajectory:
        assert trajectory.together() > trajectory.times[0]
        colour, meaning = pictures.colours(trajectory, trajectory.frame(0), "displacement")
        assert np.ptp(colour) == 0 and meaning == "not yet put together, which is at 0.1 ps"
        figure = pictures.balls_figure(trajectory, trajectory.frame(0), by="displacement", pixels=50)
        assert meaning in [text.get_text() for text in figure.axes[0].texts]
        assert "moved since 0.1 ps" in pictures.colours(trajectory, trajectory.frame(-1), "displacement")[1][0]
    plots.plt.close(figure)


def test_movie_as_mp4(pair, tmp_path):
    path = tmp_path / "movie.mp4"
    assert main(["movie", str(pair), "--every", "10", "--pixels", "200", "--output", str(path)]) == 0
    assert path.read_bytes()[4:8] == b"ftyp"


def test_figures_are_the_same_files_again(pair, tmp_path):
    for folder in ("one", "two"):
        assert main(["plot", str(pair), "--figures", "neck", "--output", str(tmp_path / folder)]) == 0
    for name in ("neck.png", "neck.svg"):
        assert (tmp_path / "one" / name).read_bytes() == (tmp_path / "two" / name).read_bytes()


def test_report_is_one_page_with_everything_in_it(pair, tmp_path):
    path = tmp_path / "report.html"
    assert main(["report", str(pair), "--output", str(path)]) == 0
    page = path.read_text()
    assert page.count("<img") >= 10 and page.count('src="data:image') == page.count("<img")
    assert "a small pair" in page and "gap_angstrom" in page


def test_summary_says_what_became_of_the_pair(pair, capsys):
    assert main(["summary", str(pair)]) == 0
    told = capsys.readouterr().out
    assert "2 particles" in told and "Pt" in told and "particles 0 and 1: a neck from" in told


def test_what_cannot_be_read_is_told(pair, tmp_path, capsys):
    nothing = tmp_path / "nothing.h5md"
    text = tmp_path / "text.h5md"
    text.write_text("no HDF5")
    foreign = tmp_path / "foreign.h5md"
    h5py.File(foreign, "w").close()
    killed = tmp_path / "killed.h5md"
    with h5py.File(killed, "w") as file:
        file.create_group("h5md/creator").attrs["name"] = "sinter-hpc"
    for arguments, words in [
        (["summary", str(nothing)], "there is no such file"),
        (["summary", str(text)], "no HDF5 file that can be read"),
        (["image", str(foreign)], "holds no trajectory"),
        (["image", str(killed)], "there is no frame in this file yet"),
        (["image", str(pair), "--frame", "9999"], "there is no frame 9999"),
        (["image", str(pair), "--time", "1000"], "--time 1000: the frames of"),
        (["image", str(pair), "--time", "-1"], "--time -1: the frames of"),
        (["image", str(pair), "--view", "up"], '"up"'),
        (["xrd", str(pair), "--particle", "7"], "there is no particle 7"),
        (["movie", str(pair), "--output", str(tmp_path / "m.avi")], "ends in .mp4 or .gif"),
        (["neck", str(pair), "--pair", "0", "5"], "no particles 0 and 5"),
        (["neck", str(pair), "--pair", "1", "1"], "of two particles, not of 1 alone"),
        (["xrd", str(pair), "--step", "40"], "three angles or more"),
        (["image", str(pair), "--output", str(tmp_path / "x.bmp")], "pictures end in .png, .svg or .pdf"),
    ]:
        assert main(arguments) == 2, arguments
        assert words in capsys.readouterr().err


def test_numbers_that_are_none_are_refused(pair, capsys):
    for arguments in (["image", str(pair), "--time", "nan"], ["xrd", str(pair), "--high", "inf"], ["xrd", str(pair), "--wavelength", "inf"], ["neck", str(pair), "--atoms", "26"]):
        with pytest.raises(SystemExit) as ended:
            main(arguments)
        assert ended.value.code == 2 and arguments[2] in capsys.readouterr().err


def test_a_picture_is_in_the_format_that_its_name_tells(pair, tmp_path):
    for name, first in (("a.jpg", b"\xff\xd8"), ("a.pdf", b"%PDF"), ("a.PNG", b"\x89PNG"), ("at_0.5K.png", b"\x89PNG")):
        assert main(["image", str(pair), "--pixels", "50", "--output", str(tmp_path / name)]) == 0
        assert (tmp_path / name).read_bytes().startswith(first)


def test_the_package_installs_and_brings_its_command(pair, tmp_path):
    pip = [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--target", str(tmp_path), str(ROOT / "tools")]
    subprocess.run(pip, check=True, capture_output=True, text=True)
    done = subprocess.run(
        [str(tmp_path / "bin/sinter-tools"), "summary", str(pair)],
        capture_output=True,
        text=True,
        env={"PYTHONPATH": str(tmp_path), "PATH": "/usr/bin:/bin"},
    )
    assert done.returncode == 0, done.stderr
    assert "a small pair" in done.stdout


def test_the_notebook_reads_the_file_with_h5py_alone(pair, tmp_path):
    """Its cells, one after the other, in a Python of their own."""
    notebook = json.loads((ROOT / "tools/examples/trajectory.ipynb").read_text())
    cells = ["".join(cell["source"]) for cell in notebook["cells"] if cell["cell_type"] == "code"]
    imported = {line.split()[1].split(".")[0] for cell in cells for line in cell.splitlines() if line.startswith(("import", "from"))}
    assert imported == {"os", "pathlib", "h5py", "matplotlib", "numpy"}
    assert all(not cell.get("outputs") for cell in notebook["cells"])
    done = subprocess.run(
        [sys.executable, "-c", "\n".join(cells)],
        cwd=tmp_path,
        env={**os.environ, "SINTER_RUN": str(pair), "MPLBACKEND": "Agg"},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    assert "gap_angstrom" in done.stdout and "particle 1:" in done.stdout and "'Pt':" in done.stdout
    for name in ("neck", "atoms", "displacements"):
        assert looks_drawn(tmp_path / f"{name}_by_hand.png")


def test_what_stays_at_zero_is_seen_beside_its_axis():
    """As a gap that has closed."""
    for values in ([0, 0], [5.5, 0]):
        figure, axis = plots.plt.subplots()
        axis.plot([0, 1], values)
        plots._from_zero(axis)
        low, high = axis.get_ylim()
        assert -0.1 * high < low < 0
        plots.plt.close(figure)
