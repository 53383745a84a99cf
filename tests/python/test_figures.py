"""Figures of runs that are out of the ordinary: atoms that have left, bulk, minimisations, particles that never meet,
files that are damaged."""

import shutil
import sys
from pathlib import Path
from types import SimpleNamespace

import h5py
import numpy as np
import pytest
from PIL import Image

from running import HEAD, ROOT, run, write_input

sys.path.insert(0, str(ROOT / "tools"))

from sinter_tools import Trajectory, analysis, diffraction, movie, necks, pictures, plots, report, strain, summary
from sinter_tools.cli import main
from sinter_tools.trajectory import Unusable
from test_surfaces import Made, shape

APART = """
[[stage]]
kind = "equilibrate"
particles = "apart"
temperature_k = 800
duration_ps = 0.1
"""


def carried_out(folder, text):
    done = run("--output", folder / "out", write_input(folder, text))
    assert done.returncode == 0, done.stderr
    return folder / "out"


@pytest.fixture(scope="module")
def apart(tmp_path_factory):
    """The folder of a run whose particles are never put together."""
    return carried_out(tmp_path_factory.mktemp("apart"), HEAD + APART)


@pytest.fixture(scope="module")
def bulk(tmp_path_factory):
    """The folder of a crystal that is relaxed, and nothing else."""
    head = HEAD[: HEAD.index("[[particle]]")] + HEAD[HEAD.index("[output]") :] + "layers = true\n"
    crystal = '[crystal]\nlattice_constant_angstrom = 3.88\ncomposition = { Pt = 0.85, Fe = 0.15 }\nrepeats = [4, 4, 4]\n'
    return carried_out(tmp_path_factory.mktemp("bulk"), head + crystal + '[[stage]]\nkind = "minimise"\nmax_steps = 60\n')


def labels(figure):
    return [text for axis in figure.axes for text in (axis.get_xlabel(), axis.get_ylabel())]


def test_atoms_that_have_evaporated_do_not_diffuse():
    """Nor do those that evaporate later."""
    positions, axes = shape(face_100=6)
    rng = np.random.default_rng(2)
    leaving = int(np.linalg.norm(positions, axis=1).argmax())
    frames = []
    for step in range(41):
        places = np.concatenate([positions + rng.normal(0, 0.01, positions.shape), [[60.0 + 5 * step, 0, 0]]])
        places[leaving] *= 1 + 0.2 * step
        frames.append(places)
    made = Made(frames, axes)
    figure = plots.displacements(made)
    rows = [line.get_ydata() for line in figure.axes[0].get_lines()]
    assert len(rows) == 2 and max(row.max() for row in rows) < 0.01
    drawn = plots.diffusion(made)
    assert max(line.get_ydata().max() for line in drawn.axes[0].get_lines()) < 0.01
    plots.plt.close("all")


def test_pictures_have_room_for_what_is_bonded():
    """And for what has left no farther than half as far as that is wide."""
    positions, _ = shape(face_100=6)
    numbers = np.full(len(positions), 29)
    far, near = ([*positions[0] + [x, 0, 0]] for x in (1e5, 6 + np.ptp(positions)))
    for extra, expected in ((far, False), (near, True)):
        assert pictures.in_view(np.vstack([positions, extra]))[-1] == expected
        assert pictures.in_view(np.vstack([positions, extra]))[:-1].all()
    alone, _ = pictures.haadf(positions, numbers, pixels=100)
    with_far, _ = pictures.haadf(np.vstack([positions, far]), np.append(numbers, 29), pixels=100)
    np.testing.assert_array_equal(alone, with_far)
    colour = np.ones((len(positions) + 1, 3)) * 0.5
    np.testing.assert_array_equal(
        pictures.balls(positions, colour[1:], pixels=100)[0], pictures.balls(np.vstack([positions, far]), colour, pixels=100)[0]
    )


def test_particles_are_cut_open_each_through_its_middle():
    ball = np.array([(x, y, z) for x in (-1.0, 0, 1) for y in (-1.0, 0, 1) for z in (-1.0, 0, 1)])
    higher = ball + [10, 0, 7]
    for view, axis in (("z", 2), ("x", 0), ("0,-1,0", 1)):
        left = pictures.cut_open(np.vstack([ball, higher]), np.repeat([0, 1], 27), view)
        sign = -1 if view == "0,-1,0" else 1
        expected = sign * ball[:, axis] < 0.5
        np.testing.assert_array_equal(left, np.concatenate([expected, expected]))


def test_no_picture_of_atoms_without_a_number():
    with pytest.raises(Unusable, match="no atomic number"):
        pictures.haadf(np.eye(3), np.zeros(3, int))


def stacked(letters, count=10):
    """Close-packed layers by their letters, 2.8 Å between neighbours, with a little heat."""
    u, v = np.meshgrid(np.arange(count), np.arange(count))
    layers = []
    for k, letter in enumerate(letters):
        a, b = u.ravel() + "ABC".index(letter) / 3, v.ravel() + "ABC".index(letter) / 3
        layers.append(np.stack([a + b / 2, b * np.sqrt(3) / 2, np.full(len(a), k * np.sqrt(2 / 3))], 1))
    return 2.8 * np.concatenate(layers) + np.random.default_rng(1).normal(0, 0.05, (len(letters) * count**2, 3))


@pytest.mark.parametrize(
    "letters, layers",
    [("ABCABCABC", {}), ("ABCABACBA", {4: 0}), ("ABCABABCABC", {4: 1, 5: 1}), ("ABABABABAB", dict.fromkeys(range(1, 9), 2))],
)
def test_faults_of_the_stacking_are_told_apart(letters, layers):
    positions, free = stacked(letters), (np.zeros(3), np.zeros(3, bool))
    classes = analysis.structure_classes(positions, *free)
    masks = np.array(analysis.planar_faults(classes, positions, *free))
    assert (masks.sum(0) <= (classes == analysis.HCP)).all()
    # One by itself is no layer.
    alone = np.where(np.arange(len(classes)) == np.flatnonzero(classes > 0)[0], analysis.HCP, analysis.FCC)
    assert not np.any(analysis.planar_faults(alone, positions, *free))
    level = np.round(positions[:, 2] / 2.8 / np.sqrt(2 / 3)).astype(int)
    for k in range(len(letters)):
        own = masks[:, level == k].sum(1)
        if k in layers:
            assert own[layers[k]] >= 60 and own.sum() - own[layers[k]] <= 4, (k, own)
        else:
            assert own.sum() == 0, (k, own)


def test_far_atoms_are_in_the_debye_sum():
    """One 40,000 Å away adds its own scattering and all but no interference, without room for all distances."""
    rng = np.random.default_rng(3)
    positions, symbols = rng.uniform(0, 12, (40, 3)), np.array(["Pt"] * 41)
    q = np.linspace(1, 6, 40)
    with_far = diffraction.debye(np.vstack([positions, [4e4, 0, 0]]), symbols, q)
    near, one = diffraction.debye(positions, symbols[:40], q), diffraction.debye(positions[:1], symbols[:1], q)
    np.testing.assert_allclose(with_far, (40 * near + one) / 41, rtol=2e-3)
    apart = np.linalg.norm(positions - [4e4, 0, 0], axis=1)
    interference = 2 * one / 41 * np.sinc(np.outer(q, apart) / np.pi).sum(1)
    np.testing.assert_allclose(with_far - (40 * near + one) / 41, interference, atol=1e-6 * near.max())


def test_peaks_are_labelled_where_there_is_room():
    angles = np.arange(20, 120, 0.1)
    places = [30, 36, 38, 60, 61.5, 100]
    intensity = sum((10 - k) * np.exp(-(((angles - place) / 0.5) ** 2)) for k, place in enumerate(places))
    found = [(float(place), 1.0, 20.0) for place in places]
    for wavelength, told in ((diffraction.COPPER, r"Cu K$\alpha_1$"), (0.7107, r"$\lambda$ = 0.7107 Å")):
        figure = diffraction.figure(angles, intensity, found, "", wavelength)
        axis = figure.axes[0]
        assert told in axis.get_xlabel()
        figure.canvas.draw()
        boxes = [text.get_window_extent() for text in axis.texts]
        assert 3 <= len(boxes) < len(places)
        assert not any(a.overlaps(b) for n, a in enumerate(boxes) for b in boxes[:n])
        plots.plt.close(figure)


def test_a_step_wider_than_a_peak_tells_no_size():
    """Of peaks 1° wide."""
    of_step = lambda step: (angles := np.arange(30, 60, step), np.exp(-4 * np.log(2) * (angles - 45) ** 2))
    ((place, width, size),) = diffraction.peaks(*of_step(0.1))
    assert width == pytest.approx(1, abs=0.01) and size == pytest.approx(90, abs=1.5)
    assert list(diffraction.lines([(place, width, size)])) == ["peak at  45.00 deg, width 1.00 deg, Scherrer size 8.98 nm"]
    for step in (0.5, 1.0, 3.0):
        found = diffraction.peaks(*of_step(step))
        assert np.isnan(found[0][1:]).all()
        assert list(diffraction.lines(found))[1] == "a width takes 3 steps or more: choose a smaller --step"
        figure = diffraction.figure(*of_step(step), found, "")
        assert [text.get_text() for text in figure.axes[0].texts] == ["45.0°"]
        plots.plt.close(figure)


def test_followed_atoms_look_different():
    assert len(set(necks.PATHS)) == len(necks.PATHS) >= 20


def test_a_map_without_columns_is_refused(monkeypatch):
    positions, _ = shape(face_100=3)
    made = Made([positions])
    with pytest.raises(Unusable, match="no column 0.5 Å wide of this picture has 5 atoms"):
        strain.figure(made, made.frame(0), resolution=0.5)


def test_a_box_without_lengths_has_no_images():
    """As while particles are apart."""
    vectors = np.array([[3.0, -8.0, 1.0]])
    np.testing.assert_array_equal(analysis.nearest_images(vectors, np.zeros(3), np.ones(3, bool)), vectors)
    np.testing.assert_array_equal(analysis.nearest_images(vectors, np.array([5.0, 5, 0]), np.ones(3, bool)), [[-2, 2, 1]])


def test_a_movie_keeps_the_shape_of_what_it_shows(apart):
    with Trajectory(apart) as trajectory:
        frames = [trajectory.frame(0), trajectory.frame(-1)]
        frames[1].positions[:, 1] *= 3
        first, second = movie.images(trajectory, frames, "balls", 120)
    assert first.size == second.size
    # The taller one has room beside it.
    assert (np.asarray(second)[:, :5] == 255).all()


def test_particles_that_are_never_together(apart, tmp_path, capsys):
    assert main(["neck", str(apart), "--output", str(tmp_path / "neck.png")]) == 2
    assert "the particles of this file are never together" in capsys.readouterr().err
    with Trajectory(apart) as trajectory:
        assert not trajectory.is_together()
        assert plots.centres(trajectory) is None
    assert main(["report", str(apart), "--output", str(tmp_path / "report.html")]) == 0
    page = (tmp_path / "report.html").read_text()
    assert "put together, 0 ps" not in page and "Atoms at the beginning, 0 ps" in page and "X-ray pattern" in page


@pytest.mark.filterwarnings("error::RuntimeWarning")
@pytest.mark.parametrize("atoms", [1, 2])
def test_one_or_two_atoms_have_what_there_is_of_them(tmp_path, capsys, atoms):
    places = "".join(f"Ag 0 0 {2.9 * k}\n" for k in range(atoms))
    (tmp_path / "few.xyz").write_text(f'{atoms}\nLattice="50 0 0 0 50 0 0 0 50" pbc="F F F" Properties=species:S:1:pos:R:3\n{places}')
    head = f"""[potential]
kind = "lennard-jones"
file = "{ROOT}/inputs/potentials/lennard-jones.toml"
elements = ["Ag"]
[structure]
file = "few.xyz"
particles_from = "one"
[output]
trajectory_interval_ps = 0.02
columns = ["facet", "grain", "stress"]
layers = true
[[stage]]
kind = "hold"
temperature_k = 300
duration_ps = 0.2
"""
    folder = carried_out(tmp_path, head)
    for command in (["plot"], ["report"], ["digest"], ["image"]):
        assert main([*command, str(folder)]) == 0
    assert main(["neck", str(folder)]) == 2
    assert "there is only one particle in this file: a gap is between two" in capsys.readouterr().err
    assert main(["stress", str(folder)]) == 2
    assert "no atom of this section has a stress that is known" in capsys.readouterr().err


def test_a_lone_point_is_seen():
    figure, axis = plots.plt.subplots()
    (one,) = axis.plot([0], [1])
    (some,) = axis.plot([0, 1, 2, 3, 4, 5], [1, np.nan, 2, 3, np.nan, 4])
    (line,) = axis.plot([0, 1], [1, 2])
    plots._mark_lone_points(figure)
    assert (one.get_marker(), one.get_markevery()) == (".", [0])
    assert (some.get_marker(), some.get_markevery()) == (".", [0, 5])
    assert line.get_marker() == "None"


def test_sizes_that_are_mostly_alike_have_a_histogram(monkeypatch):
    """By the rule of Freedman and Diaconis alone it would be one bar, and the Gaussian three times as high."""
    diameters = np.concatenate([np.full(160, 12.0), np.random.default_rng(1).normal(12, 1.5, 104)])
    monkeypatch.setattr(analysis, "equivalent_diameters", lambda *_: diameters)
    axis = plots.sizes(SimpleNamespace(frame=lambda _: None)).axes[0]
    assert len(axis.patches) >= 8 and sum(bar.get_height() for bar in axis.patches) == 264


@pytest.mark.parametrize("radii, gaps, pair", [([0, 2, 7], [9, 0, 0], (1, 2)), ([0, 0, np.nan], [9, 3, np.nan], (0, 2))])
def test_the_pair_that_is_looked_at_is_the_one_that_has_joined(radii, gaps, pair):
    of = {"neck_radius": np.array([radii]), "gap": np.array([gaps])}
    made = SimpleNamespace(pairs=lambda: [(0, 1), (0, 2), (1, 2)], series=lambda _, name: SimpleNamespace(values=of[name]))
    assert Trajectory.main_pair(made) == pair


def test_of_many_pairs_those_with_a_neck_are_told_of():
    pairs = [(a, b) for a in range(12) for b in range(a)]
    gap = np.where(np.arange(66) < 30, 0.0, 5.0)[None]
    of = {"neck_radius": np.where(gap > 0, 0, 1 + np.arange(66)), "gap": gap, "neck_time": np.where(gap > 0, np.nan, 2.5)}
    series = lambda _, name: SimpleNamespace(values=of[name], time=np.array([1.0]))
    told = list(summary._of_pairs(SimpleNamespace(pairs=lambda: pairs, series=series)))
    assert told[:2] == ["  66 pairs of neighbours, 30 of them with a neck", "  the 24 widest:"] and len(told) == 26
    assert told[-1] == "  particles 8 and 1: a neck from 1.5 ps after they were put together on, radius 30.0 Å"


def test_runs_are_named_by_what_makes_them_different():
    paths = [Path(f"map/temperature_k-{t}/gap-2.0/trajectory.h5md") for t in (300, 600)]
    assert summary.told_apart(paths) == ["temperature_k-300/gap-2.0", "temperature_k-600/gap-2.0"]
    assert summary.told_apart(paths[:1] * 2) == ["gap-2.0", "gap-2.0"]
    assert summary.told_apart([Path("out/a.h5md"), Path("out/b.h5md")]) == ["a.h5md", "b.h5md"]


def test_a_run_without_pairs_has_no_radius_of_a_neck(bulk, capsys):
    assert main(["compare", str(bulk)]) == 0
    assert capsys.readouterr().out.splitlines()[1].split() == ["out", "-", "-", "-", "-"]


def test_other_particles_and_images_are_in_the_closeup():
    """Two particles that face each other across a boundary, and a third one beside them."""
    ball = shape(face_100=6)[0]
    places = np.concatenate([ball, ball + [0, 0, 72.0], ball + [17.0, 0, 85.0]])
    # The two move together, away from the third.
    made = Made([places, places - np.repeat([[7.0, 3, 2]], len(places), 0) * np.repeat([1, 1, 0], len(ball))[:, None]])
    made.particle = np.repeat([0, 1, 2], len(ball))
    made.periodic, made.main_pair, made.is_together = np.array([False, False, True]), lambda: (0, 1), lambda: True
    frame = made.frame
    made.frame = lambda index: SimpleNamespace(**vars(frame(index)) | {"lengths": np.array([0, 0, 100.0])})
    figure = necks.figure(made)
    atoms, later = (axis.collections[0] for axis in figure.axes)
    pale = lambda drawn: {tuple(np.round(place, 6)) for place, colour in zip(drawn.get_offsets(), drawn.get_facecolors()) if np.ptp(colour[:3]) > 0.1}
    assert pale(atoms) == pale(later) and len(pale(atoms)) > 20
    colours = {tuple(np.round(colour[:3], 3)) for colour in atoms.get_facecolors()}
    assert len(colours) == 3
    assert figure.axes[0].get_xlabel() == "from particle 0 to 1 / Å"
    # Either side of the gap, which is 28 Å less the particles.
    along = atoms.get_offsets()[:, 0]
    assert along.min() < -5 and along.max() > 5


def test_every_figure_has_a_caption_in_the_report():
    assert set(report.CAPTIONS) == set(plots.NEEDS) == set(plots.FIGURES)


def test_a_figure_that_is_asked_for_and_not_drawn_is_told_of(apart, tmp_path, capsys):
    assert main(["plot", str(apart), "--figures", "sizes", "thermo", "--output", str(tmp_path)]) == 2
    told = capsys.readouterr()
    assert "thermo.png" in told.out and "no figure sizes, which takes eight particles or more" in told.err


@pytest.mark.parametrize(
    "command, words",
    [
        (["image", "--probe", "0.8"], "--probe is of what a HAADF detector would see"),
        (["image", "--thickness", "9"], "--thickness is of what a HAADF detector would see"),
        (["image", "--haadf", "--by", "particle"], "--by is of balls"),
        (["movie", "--haadf", "--by", "species"], "--by is of balls"),
        (["export", "--to", "xyz", "--frame", "0", "--every", "2"], "--every: not allowed with argument --frame"),
    ],
)
def test_options_that_would_mean_nothing_are_refused(apart, tmp_path, capsys, command, words):
    try:
        code = main([command[0], str(apart), *command[1:], "--output", str(tmp_path / "out.gif")])
    except SystemExit as ended:
        code = ended.code
    assert code == 2 and words in capsys.readouterr().err and not list(tmp_path.iterdir())


def test_a_minimisation_is_drawn_against_steps(bulk, capsys):
    with Trajectory(bulk) as trajectory:
        figures = dict(plots.draw(trajectory))
        # Bulk has no surface to be told the distance from, and no time passes in which atoms move.
        assert not {"composition", "displacements", "diffusion"} & set(figures)
        for name in ("thermo", "centres", "layers", "order", "structures"):
            assert "number of the step" in labels(figures[name]), name
        assert "temperature / K" not in labels(figures["thermo"])
        plots.plt.close("all")
        assert not any("nan" in line for line in summary.lines(trajectory))
    assert main(["summary", str(bulk)]) == 0


def test_necks_of_a_minimisation_are_drawn_against_steps():
    """And have no law of growth: there is no time that they grow in."""
    steps = np.arange(40)
    values = {"gap": np.maximum(3.0 - steps, 0), "neck_radius": np.maximum(steps - 3.0, 0)}
    values |= {"displacement": 0.1 * steps, "centre_distance": 20 - 0.1 * steps}
    made = SimpleNamespace(
        pairs=lambda: [(0, 1)],
        series=lambda _, name: SimpleNamespace(time=np.zeros(40), step=steps, values=values[name][:, None]),
        together=lambda: 0.0,
    )
    for figure in (plots.neck(made), plots.centres(made)):
        assert figure.axes[1].get_xlabel() == "number of the step"
        assert all(line.get_xdata()[-1] == 39 for axis in figure.axes for line in axis.lines)
        assert all(len(axis.lines) == 1 for axis in figure.axes)
    plots.plt.close("all")


def test_order_is_of_alloys_in_a_lattice():
    """Of four particles one is an alloy; in others few atoms have a lattice, or all are of one element or of the other."""
    number = np.zeros((3, 4, 4, 2))
    number[:, :, 0] = [[30, 10], [12, 7], [169, 0], [0, 39]]
    values = {
        "l1_2": np.full((3, 4, 2), [[0.3], [1], [-1], [1]]),
        "l1_0": np.full((3, 4, 2), [[0.2], [1], [1], [1]]),
        "warren_cowley": np.full((3, 4, 2, 1), np.array([0.1, -1, 0.9, -1])[:, None, None]),
        "sublattices": number,
    }
    series = lambda _, name: SimpleNamespace(time=np.arange(3.0), step=np.arange(3), values=values[name])
    figure = plots.order(SimpleNamespace(series=series, elements=["Pt", "Fe"]))
    assert [line.get_ydata()[-1] for line in figure.axes[0].lines[:4]] == pytest.approx([0.3, 0.2, 0.1, 0.1])
    number[:, 0] = 0
    assert plots.order(SimpleNamespace(series=series, elements=["Pt", "Fe"])) is None
    plots.plt.close("all")


def test_rounding_is_not_drawn(bulk):
    with Trajectory(bulk) as trajectory:
        area, void = plots.surface(trajectory).axes
    assert area.get_ylim()[1] >= 1 and void.get_ylim()[1] >= 0.1
    assert all((line.get_ydata() >= 0).all() for line in void.get_lines())
    plots.plt.close("all")


def test_vtkhdf_has_no_ending_of_another_format(apart, tmp_path, capsys):
    assert main(["export", str(apart), "--to", "vtk", "--output", str(tmp_path / "out.vtk")]) == 2
    assert ".vtk is the ending of another of VTK's formats" in capsys.readouterr().err


@pytest.mark.parametrize("missing", ["position/time", "species", "box", "box/edges"])
def test_files_that_lack_something_say_what(apart, tmp_path, capsys, missing):
    path = tmp_path / "part.h5md"
    shutil.copy(apart / "trajectory.h5md", path)
    with h5py.File(path, "a") as file:
        del file[f"particles/trajectory/{missing}"]
    assert main(["summary", str(path)]) == 2
    assert f"this is no whole trajectory of sinter-hpc: particles/trajectory/{missing}" in capsys.readouterr().err


def test_files_that_are_damaged_say_so(apart, tmp_path, capsys):
    path = tmp_path / "part.h5md"
    whole = (apart / "trajectory.h5md").read_bytes()
    shutil.copy(apart / "trajectory.h5md", path)
    with h5py.File(path, "a") as file:
        del file["sinter/thermo/time"]
    assert main(["summary", str(path)]) == 2
    assert f"{path}: this file is damaged or not whole" in capsys.readouterr().err
    rng = np.random.default_rng(0)
    for _ in range(5):
        bytes_ = bytearray(whole)
        for place in rng.integers(0, len(whole), 300):
            bytes_[place] ^= 16
        path.write_bytes(bytes_)
        code = main(["summary", str(path)])
        assert code == 0 or (code in (1, 2) and "sinter-tools: error: " in capsys.readouterr().err)
