"""What `sinter_tools.surfaces` finds in frames, against what is known of them, the run, OVITO and freud."""

import re
import sys
from types import SimpleNamespace

import h5py
import numpy as np
import pytest
from ase.build import bulk

from running import HEAD, ROOT, run, write_input

sys.path.insert(0, str(ROOT / "tools"))

from sinter_tools import Trajectory, analysis, summary, surfaces
from sinter_tools.trajectory import Series

INPUT = HEAD.replace("atoms = 200", "atoms = 600").replace(
    "forces = true", 'columns = ["structure", "surface", "coordination", "cluster", "facet"]\nlayers = true\ndiffusion_window_ps = 0.1\nsurface_interval_ps = 0'
).replace("gap_angstrom = 4.0", "gap_angstrom = 2.0") + """
[[stage]]
kind = "hold"
temperature_k = 1800
duration_ps = 0.3
"""
A = 3.92
D = A / np.sqrt(2)


@pytest.fixture(scope="module")
def hot(tmp_path_factory):
    """The folder of a run of two hot particles."""
    folder = tmp_path_factory.mktemp("surfaces")
    done = run("--output", folder / "out", write_input(folder, INPUT))
    assert done.returncode == 0, done.stderr
    return folder / "out"


def of_steps(values):
    """A series with a row for each step."""
    steps = np.arange(len(values))
    return Series(time=steps, step=steps, values=np.asarray(values), unit="", definition="")


class Made:
    """A trajectory of frames that are given, of one particle, as `Trajectory` would show it."""

    def __init__(self, frames, axes=np.eye(3), interval=1.0):
        self.positions = frames
        self.atoms = len(frames[0])
        self.particle = np.zeros(self.atoms, int)
        self.periodic = np.zeros(3, bool)
        self.times = interval * np.arange(len(frames))
        self.axes = axes

    def __len__(self):
        return len(self.positions)

    def frame(self, index):
        return SimpleNamespace(index=index, step=index, time=self.times[index], positions=self.positions[index], lengths=np.zeros(3))

    def at(self, time):
        return int(np.argmin(np.abs(self.times - time)))

    def together(self):
        return 0.0

    def series(self, group, name):
        values = {"nearest_neighbour_distance": np.full(len(self), D), "lattice_axes": np.full((len(self), 1, 3, 3), self.axes)}
        return of_steps(values[name]) if name in values else None


def turned(degrees=33, about=(1, 2, 3)):
    """Rows of turned axes."""
    from scipy.spatial.transform import Rotation

    return Rotation.from_rotvec(np.radians(degrees) * np.array(about) / np.linalg.norm(about)).as_matrix().T


def shape(**reach):
    """Atoms of an fcc body as far as faces of some kinds let it, in halves of the lattice constant from an atom,
    turned; and its axes."""
    grid = np.array(np.meshgrid(*[np.arange(-16, 17)] * 3)).reshape(3, -1).T
    grid = grid[grid.sum(1) % 2 == 0]
    for name, far in reach.items():
        index = np.array([int(digit) for digit in name.removeprefix("face_")])
        faces = surfaces.FACES[(index.sum() == 2) * 2 + (index.sum() == 3)] * np.linalg.norm(index)
        grid = grid[(grid @ faces.T).max(1) <= far]
    return grid * A / 2 @ turned(), turned()


def test_surfaces_and_layers_are_those_of_the_run(hot):
    with Trajectory(hot) as trajectory:
        layers = trajectory.series("layers", "atoms").values
        for index in (0, 7, len(trajectory) - 1):
            here = surfaces.around(trajectory, trajectory.frame(index))
            assert (here.surface == (trajectory.column("surface", index) == 1)).all()
            assert (here.coordination == trajectory.column("coordination", index)).all()
            found = surfaces.layers(here)
            for particle in (0, 1):
                own = found[trajectory.particle == particle]
                assert np.bincount(own[own >= 0], minlength=4).tolist() == layers[index, particle].tolist()


def test_facets_are_told_by_their_normals():
    """Of a cube, an octahedron and a body of (110) faces, however they lie."""
    for faces, kind in [
        ({"face_100": 6}, surfaces.FACE_100),
        ({"face_111": 14}, surfaces.FACE_111),
        ({"face_110": 12}, surfaces.FACE_110),
    ]:
        positions, axes = shape(**faces)
        made = Made([positions], axes)
        kinds, normals = surfaces.facets(made, made.frame(0))
        inside = positions @ axes.T
        planes = inside @ surfaces.FACES[kind - 1].T
        # Those on one face, and far below the planes of all others.
        own, others = np.sort(planes.max(0) - planes, axis=1)[:, :2].T
        middle = (own < 0.1) & (others > 5)
        assert middle.sum() >= 8 and (kinds[middle] == kind).all(), faces
        face = (planes.max(0) - planes[middle]).argmin(1)
        along = (normals[middle] * (surfaces.FACES[kind - 1][face] @ axes)).sum(1)
        np.testing.assert_allclose(along, 1, atol=1e-12)
        deep = np.linalg.norm(positions, axis=1) < 0.4 * planes.max()
        assert (kinds[deep] == surfaces.INNER).all()


def test_diffusion_finds_the_constants_that_were_put_in():
    """Atoms of (100) and (111) faces walk along them, each kind at its own pace, on a particle that turns and drifts."""
    positions, axes = shape(face_100=8, face_111=14)
    made = Made([positions], axes)
    kinds, normals = surfaces.facets(made, made.frame(0))
    pace = np.zeros(len(kinds))
    pace[kinds == surfaces.FACE_100], pace[kinds == surfaces.FACE_111] = 2e-4, 5e-5
    rng = np.random.default_rng(5)
    walk, frames = np.zeros_like(positions), []
    for step in range(401):
        turn = turned(0.02 * step, (0, 1, 1))
        frames.append((positions + walk) @ turn + 0.01 * step)
        move = rng.normal(0, 1, positions.shape) * np.sqrt(2 * pace)[:, None]
        walk += move - (move * normals).sum(1)[:, None] * normals
    made = Made(frames, axes)
    # The axes turn with the particle.
    made.series = lambda group, name: Made.series(made, group, name) if name != "lattice_axes" else of_steps(
        [[axes @ turned(0.02 * step, (0, 1, 1))] for step in range(401)]
    )
    found = surfaces.diffusion(made)
    for name, constant in (("(100)", 2e-4), ("(111)", 5e-5)):
        assert abs(found[name].constant - constant) < 0.1 * constant + 3 * found[name].error, name
        assert found[name].error < 0.1 * constant
        # Some have come to lie otherwise when later lags begin.
        assert abs(found[name].atoms / (kinds == surfaces.KINDS.index(name)).sum() - 1) < 0.05
    assert abs(found["inner"].constant) < 1e-6


def test_diffusion_of_the_run_is_that_of_its_frames(hot):
    """Displacements in each window, from its first frame on; and what is told of the windows together."""
    with Trajectory(hot) as trajectory:
        names = ("began", "atoms", "square_displacement", "along_facet", "coefficient")
        began, atoms, square, along, constants = (trajectory.series("diffusion", name) for name in names)
        assert began.step.tolist() == trajectory.steps[1:].tolist(), "each frame but the first has a row"
        starts = np.unique(began.values)
        assert starts == pytest.approx([0, 0.1, 0.2], abs=1e-9)
        shells, lindemann = (trajectory.series("diffusion", name) for name in ("layer_atoms", "lindemann"))
        nearest = trajectory.series("structure", "nearest_neighbour_distance")
        slopes, gone = {}, {}
        for row, (step, start) in enumerate(zip(began.step, began.values)):
            first, now = trajectory.at(start), int(np.flatnonzero(trajectory.steps == step)[0])
            then = trajectory.frame(first).positions
            kinds, normals = surfaces.facets(trajectory, trajectory.frame(first))
            assert (kinds == trajectory.column("facet", first)).all()
            bound = (kinds != surfaces.NOWHERE) & (trajectory.column("facet", now) != surfaces.NOWHERE)
            places = trajectory.frame(now).positions
            moved = analysis.turned_back(trajectory.particle, bound & (kinds == surfaces.INNER), then, places) - then
            frames = gone.setdefault(start, [np.zeros_like(then)])
            frames.append(moved)
            layers = surfaces.layers(surfaces.around(trajectory, trajectory.frame(first)))
            spread = ((frames - np.mean(frames, 0)) ** 2).sum(2).mean(0)
            for particle, layer in np.ndindex(2, 4):
                own = bound & (trajectory.particle == particle) & (layers == layer)
                assert shells.values[row, particle, layer] == own.sum()
                rms = np.sqrt(spread[own].mean()) / nearest.values[nearest.step == step][0]
                assert lindemann.values[row, particle, layer] == pytest.approx(rms, rel=1e-9)
            squares = (moved**2).sum(1)
            across = squares - (moved * normals).sum(1) ** 2
            for particle in (0, 1):
                for kind in range(surfaces.NOWHERE):
                    own = bound & (trajectory.particle == particle) & (kinds == kind)
                    assert atoms.values[row, particle, kind] == own.sum()
                    if not own.any():
                        assert np.isnan(square.values[row, particle, kind])
                        continue
                    assert square.values[row, particle, kind] == pytest.approx(squares[own].mean(), rel=1e-9)
                    if kind != surfaces.INNER:
                        # Normals are kept in single precision.
                        assert along.values[row, particle, kind - 1] == pytest.approx(across[own].mean(), rel=1e-6)
                    lag = began.time[row] - start
                    if lag > 0.02 - 1e-9:
                        mean = (squares if kind == surfaces.INNER else across)[own].mean()
                        slopes.setdefault((start, particle, kind), []).append((lag, mean))
                        line = slopes[start, particle, kind]
                        if len(line) > 1:
                            slope = np.polyfit(*np.transpose(line), 1)[0] / (6 if kind == surfaces.INNER else 4)
                            assert constants.values[row, particle, kind] == pytest.approx(slope, rel=1e-5, abs=1e-6)
        together = surfaces.of_windows(trajectory)
        ends = [np.average(constants.values[row, :, 0], weights=atoms.values[row, :, 0]) for row in (4, 9, 14)]
        assert together["inner"].atoms == pytest.approx(np.mean([atoms.values[row, :, 0].sum() for row in (0, 5, 10)]))
        assert together["inner"].lags == pytest.approx([0.02, 0.04, 0.06, 0.08, 0.1])
        assert together["inner"].constant == pytest.approx(np.mean(ends))
        assert together["inner"].error == pytest.approx(np.std(ends, ddof=1) / np.sqrt(3))
        told = list(summary.lines(trajectory))
        assert any(re.match(r"  diffusion of all particles' atoms, inner: \S+ ± \S+ m²/s, of \d+ atoms$", line) for line in told), told


def test_windows_that_tell_nothing_are_left_out():
    """Of an earlier stage, that have not come to their end, or of which no slope is known; of particles without such atoms likewise."""
    rows = []  # stage, began, time, and of two particles with one kind of site each: atoms, squares, slope
    for stage, began, slopes in ((1, 0, (9, 9)), (2, 2, (3, np.nan)), (2, 4, (5, 1)), (2, 6, (np.nan, np.nan)), (3, 8, (np.nan, np.nan)), (3, 10, (7, 7))):
        for lag in (1, 2) if began < 10 else (1,):
            rows.append((stage, began, began + lag, (30, 10), (2.0 * lag, 4.0 * lag), slopes))
    stage, began, time, atoms, squares, slopes = (np.array(column, float) for column in zip(*rows))
    only_inner = lambda values, fill: np.stack([values] + [np.full_like(values, fill)] * 4, -1)
    columns = {
        "stage_number": stage,
        "began": began,
        "atoms": only_inner(atoms, 0),
        "square_displacement": only_inner(squares, np.nan),
        "along_facet": only_inner(squares, np.nan)[..., 1:],
        "coefficient": only_inner(slopes, np.nan),
    }
    series = lambda group, name: Series(time, np.arange(len(time)), columns[name], "", "") if group == "diffusion" else None
    made = SimpleNamespace(input={"output": {"diffusion_window_ps": 2.2}}, together=lambda: 0.0, series=series)
    found = surfaces.of_windows(made)
    assert list(found) == ["inner"] and found["inner"].atoms == 40
    # The second particle has no slope in the first window of the two that count.
    assert found["inner"].constant == pytest.approx((3 + (30 * 5 + 10 * 1) / 40) / 2)
    assert found["inner"].lags.tolist() == [1, 2] and found["inner"].squares == pytest.approx([2.5, 5.0])
    made.input["output"]["diffusion_window_ps"] = 3
    assert surfaces.of_windows(made) == {}


def test_diffusion_counts_time_where_stages_have_different_intervals():
    """Frames every 0.1 ps in a first stage, every 1 ps in a second: the number of frames is no clock."""
    positions, axes = shape(face_100=8, face_111=14)
    made = Made([positions], axes)
    surface = surfaces.facets(made, made.frame(0))[0] != surfaces.INNER
    times = np.concatenate([np.arange(0, 20, 0.1), np.arange(20, 60.5, 1)])
    rng = np.random.default_rng(5)
    moves = rng.normal(0, 1, (len(times), *positions.shape)) * np.sqrt(2 * 1e-3 * np.diff(times, prepend=0))[:, None, None]
    walk = np.cumsum(moves * surface[:, None], axis=0)
    made = Made(list(positions + walk), axes)
    made.times = times
    found = surfaces.diffusion(made)
    assert found["(100)"].lags == pytest.approx(np.arange(1, 31), abs=1e-9)
    for name in ("(100)", "(111)"):
        assert found[name].constant == pytest.approx(1e-3, abs=1e-4 + 3 * found[name].error)
        assert found[name].error < 2e-4


def test_what_has_evaporated_together_is_no_piece_of_its_particle():
    ball, axes = shape(face_100=6)
    dimer = np.array([[60.0, 0, 0], [60.0, 0, D]])
    made = Made([np.concatenate([ball, dimer, ball + 30, [[0, 0, 90.0]]])], axes)
    made.particle = np.repeat([0, 1], [len(ball) + 2, len(ball) + 1])
    whole = surfaces.largest_pieces(made, made.frame(0))
    assert np.flatnonzero(~whole).tolist() == [len(ball), len(ball) + 1, made.atoms - 1]


def test_a_box_that_changes_moves_no_atom():
    """A crystal that a barostat compresses by 4 %."""
    made = Made([np.asarray(bulk("Pt", a=A, cubic=True).repeat(5).positions)] * 24)
    lengths = 5 * A * np.linspace(1, 0.96, 24)
    first, frame = made.frame(0), made.frame
    made.periodic = np.ones(3, bool)
    made.frame = lambda index: SimpleNamespace(
        **vars(frame(index)) | {"lengths": np.full(3, lengths[index]), "positions": first.positions * lengths[index] / lengths[0]}
    )
    _, rows = analysis.mean_square_displacements(made, 0.0, {"all": np.ones(made.atoms, bool)})
    assert rows["all"] == pytest.approx(0, abs=1e-20)
    assert surfaces.diffusion(made)["inner"].squares == pytest.approx(0, abs=1e-20)


def test_a_particle_that_only_turns_and_moves_is_displaced_by_nothing():
    """Though an atom of it evaporates; what fills a box along one direction is not turned."""
    ball = np.vstack([shape(face_100=6)[0], [[9.0, 9, 9]]])
    made = Made([ball @ turned(4 * step, (1, 0, 2)) + 0.3 * step for step in range(5)])
    for step, places in enumerate(made.positions):
        places[-1] += 50 * step
    bound = np.arange(made.atoms) < made.atoms - 1
    _, rows = analysis.mean_square_displacements(made, 0.0, {"bound": bound}, bound)
    assert rows["bound"] == pytest.approx(0, abs=1e-20)
    made.periodic, frame = np.array([True, False, False]), made.frame
    made.frame = lambda index: SimpleNamespace(**vars(frame(index)) | {"lengths": np.array([np.ptp(ball[bound, 0]), 0, 0])})
    _, rows = analysis.mean_square_displacements(made, 0.0, {"bound": bound}, bound)
    assert rows["bound"][-1] > 1


def test_lindemann_index_of_independent_vibrations():
    """√2 σ/d for neighbours that shake by σ in each direction, each by itself."""
    atoms = bulk("Pt", "fcc", a=A, cubic=True).repeat(6)
    rng = np.random.default_rng(3)
    frames = [atoms.positions + rng.normal(0, 0.1, atoms.positions.shape) for _ in range(400)]
    made = Made(frames)
    made.periodic = np.ones(3, bool)
    made.frame = lambda index: SimpleNamespace(positions=frames[index], lengths=atoms.cell.lengths())
    tree, places = analysis.tree(atoms.positions, atoms.cell.lengths(), made.periodic)
    pairs = tree.query_pairs(1.2 * D, output_type="ndarray")
    pairs = np.concatenate([pairs, pairs[:, ::-1]])
    index = analysis.lindemann(made, range(400), pairs)
    assert abs(index.mean() / (np.sqrt(2) * 0.1 / D) - 1) < 0.01
    alone = analysis.lindemann(made, range(400), pairs[pairs[:, 0] != 5])
    assert np.isnan(alone[5]) and np.isfinite(np.delete(alone, 5)).all()


def test_a_cube_of_atoms_encloses_a_cube():
    positions = bulk("Pt", "fcc", a=A, cubic=True).repeat(5).positions
    # To whole cells: the atoms of the far faces too.
    grid = np.array([(x, y, z) for x in range(11) for y in range(11) for z in range(11) if (x + y + z) % 2 == 0])
    volume, area = surfaces.enclosed(grid * A / 2 @ turned(), np.zeros(3), np.zeros(3, bool))
    assert abs(volume / (5 * A) ** 3 - 1) < 1e-9 and abs(area / (6 * (5 * A) ** 2) - 1) < 1e-9
    lengths = np.full(3, 5 * A)
    volume, area = surfaces.enclosed(positions, lengths, np.ones(3, bool))
    assert abs(volume / (5 * A) ** 3 - 1) < 1e-9 and area == 0
    box = SimpleNamespace(periodic=np.ones(3, bool), series=lambda group, name: None)
    void = lambda places, lengths: surfaces.void_fraction(box, SimpleNamespace(positions=places, lengths=lengths))
    assert abs(void(positions, lengths)) < 1e-9
    made = Made([grid * A / 2])
    ((volume, area, sphericity),) = surfaces.of_particles(made, made.frame(0))
    assert abs(volume / (5 * A) ** 3 - 1) < 1e-9 and abs(sphericity / np.cbrt(np.pi / 6) - 1) < 1e-9
    # Half a box of it, whatever it is shifted by: eleven planes enclose five cells.
    slab = positions[positions[:, 2] < 2.6 * A] + [1, 2, 17]
    assert abs(void(slab, [5 * A, 5 * A, 10 * A]) - (1 - 0.25)) < 1e-9


def test_a_slab_has_no_sphericity():
    """Its surface are two faces alone, however thick it is; a particle beside it has one."""
    slab = bulk("Pt", a=A, cubic=True).repeat((5, 5, 5)).positions
    made = Made([np.concatenate([slab, shape(face_100=2)[0] + [10, 10, 50]])])
    made.particle, made.periodic, frame = np.arange(made.atoms) // len(slab), np.array([True, True, False]), made.frame
    made.frame = lambda index: SimpleNamespace(**vars(frame(index)) | {"lengths": np.array([5 * A, 5 * A, 0])})
    (told,) = summary._shapes(made, made.frame(0))
    assert told.startswith("  particle 1 at the end: ")
    assert surfaces.of_particles(made, made.frame(0))[0, 2] > 1


def test_the_summary_tells_the_void_fraction_of_a_box(tmp_path, capsys):
    """One particle of n atoms in a periodic box; the program's own d³/√2 for each atom is near to it."""
    from sinter_tools.cli import main

    text = INPUT[: INPUT.index("[placement]")].replace("count = 2", "count = 1") + """
[box]
boundary = ["periodic", "periodic", "periodic"]
lengths_angstrom = [40, 40, 40]
[[stage]]
kind = "hold"
temperature_k = 300
duration_ps = 0.01
"""
    done = run("--output", tmp_path / "out", write_input(tmp_path, text))
    assert done.returncode == 0, done.stderr
    assert main(["summary", str(tmp_path / "out")]) == 0
    told = re.search("void fraction at the end: ([0-9.]+) %", capsys.readouterr().out)
    with Trajectory(tmp_path / "out") as trajectory:
        # Half of the volume of the outermost atoms lies outside of their centres.
        surface = surfaces.around(trajectory, trajectory.frame(0)).surface.sum()
        filled = (trajectory.atoms - 0.5 * surface) * 3.88**3 / 4
        start = trajectory.frame(0)
        measured = trajectory.series("surface", "void_fraction").values[0]
        assert measured == surfaces.void_fraction(trajectory, start)
        volume, _ = surfaces.enclosed(start.positions, start.lengths, trajectory.periodic)
        assert abs(measured - (1 - volume / 40**3)) < 1e-9
    assert abs(float(told[1]) / 100 - (1 - filled / 40**3)) < 0.02


def surface_of_ovito(folder, frame, only=None, **how):
    """Volume and area of all atoms, or of some by themselves."""
    from ovito.io import import_file
    from ovito.modifiers import ConstructSurfaceModifier, DeleteSelectedModifier

    pipeline = import_file(str(folder / "trajectory.h5md"))
    if only is not None:
        def select(frame, data):
            data.particles_.create_property("Selection", data=(~only).astype(int))

        pipeline.modifiers.extend([select, DeleteSelectedModifier()])
    pipeline.modifiers.append(ConstructSurfaceModifier(identify_regions=True, **how))
    data = pipeline.compute(frame)
    return data.attributes["ConstructSurfaceMesh.filled_volume"], data.attributes["ConstructSurfaceMesh.surface_area"]


def test_surface_area_and_volume_are_those_of_ovito(hot):
    from ovito.modifiers import ConstructSurfaceModifier

    shape = {"method": ConstructSurfaceModifier.Method.AlphaShape, "smoothing_level": 0}
    with Trajectory(hot) as trajectory:
        for index in (0, len(trajectory) - 1):
            frame = trajectory.frame(index)
            for radius in (2.8, 4.0):
                ours = surfaces.enclosed(frame.positions, frame.lengths, trajectory.periodic, radius)
                theirs = surface_of_ovito(hot, index, radius=radius, **shape)
                np.testing.assert_allclose(ours, theirs, rtol=0.03, err_msg=f"{index}, {radius}")


def test_surfaces_of_the_run_are_those_of_a_triangulation_and_of_ovito(hot):
    """Of each particle by itself and of both together, rough and smoothed."""
    from ovito.modifiers import ConstructSurfaceModifier

    shape = {"method": ConstructSurfaceModifier.Method.AlphaShape, "radius": surfaces.RADIUS}
    with Trajectory(hot) as trajectory:
        of = lambda name: trajectory.series("surface", name)
        assert (of("area").step == trajectory.steps).all()
        assert (surfaces.measured(trajectory) == np.arange(len(trajectory))).all()
        for index in (0, len(trajectory) // 2, len(trajectory) - 1):
            frame = trajectory.frame(index)
            measured = surfaces.of_particles(trajectory, frame)
            for particle in (0, 1):
                own = trajectory.particle == particle
                volume, area = surfaces.enclosed(frame.positions[own], frame.lengths, trajectory.periodic)
                expected = [volume, area, surfaces.sphericity(volume, area)]
                np.testing.assert_allclose(measured[particle], expected, rtol=1e-9)
                theirs = surface_of_ovito(hot, index, own, smoothing_level=0, **shape)
                np.testing.assert_allclose(measured[particle, :2], theirs, rtol=1e-6)
                _, smooth = surface_of_ovito(hot, index, own, smoothing_level=8, **shape)
                np.testing.assert_allclose(of("smooth_area").values[index, particle], smooth, rtol=1e-3)
            together = surfaces.of_all(trajectory, frame)
            expected = surfaces.enclosed(frame.positions, frame.lengths, trajectory.periodic)
            np.testing.assert_allclose(together, expected, rtol=1e-9)
            _, smooth = surface_of_ovito(hot, index, smoothing_level=8, **shape)
            np.testing.assert_allclose(of("total_smooth_area").values[index], smooth, rtol=1e-3)
            assert measured[:, 2].max() < 1


def test_pair_distributions_clusters_and_bond_order_are_those_of_freud(hot):
    import freud

    with h5py.File(hot / "trajectory.h5md") as file:
        positions = file["particles/trajectory/position/value"][:]
        nearest = file["sinter/structure/nearest_neighbour_distance"][:]
        clusters = file["particles/trajectory/cluster/value"][:]
        coordination = file["particles/trajectory/coordination/value"][:]
        melted = file["sinter/layers/melted"][:]
        atoms = file["sinter/layers/atoms"][:]
    room = freud.box.Box.cube(500)
    for index in (0, len(positions) // 2, len(positions) - 1):
        reach = {"r_max": (1 + np.sqrt(2)) / 2 * nearest[index], "exclude_ii": True}
        system = (room, positions[index] - positions[index].mean(0))
        query = freud.locality.AABBQuery(*system)
        neighbours = query.query(system[1], reach).toNeighborList()
        assert (neighbours.neighbor_counts == coordination[index]).all()
        theirs = freud.cluster.Cluster().compute(system, neighbors=reach).cluster_idx
        pairs = set(zip(clusters[index].tolist(), theirs.tolist()))
        assert len(pairs) == len(set(theirs.tolist())) == len(set(clusters[index].tolist()))
        bonds = freud.order.SolidLiquid(l=6, q_threshold=0.5, solid_threshold=0, normalize_q=True)
        coherent = bonds.compute(system, neighbors=neighbours).num_connections
        liquid = (2 * coherent <= coordination[index]) & (coordination[index] > 0)
        assert atoms[index].sum() == (coordination[index] > 0).sum()
        # freud sums in single precision: one bond may be on the other side of a half.
        assert abs(melted[index].sum() - liquid.sum()) <= 1
    assert melted[-1].sum() > 10


def test_pair_distribution_is_that_of_freud():
    import freud

    atoms = bulk("Pt", "fcc", a=A, cubic=True).repeat(6)
    lengths = atoms.cell.lengths()
    # Numbers that single precision has, as freud keeps them.
    positions = (atoms.positions + np.random.default_rng(1).normal(0, 0.1, atoms.positions.shape)).astype("f4")
    rdf = freud.density.RDF(bins=100, r_max=8.0)
    rdf.compute((freud.box.Box(*lengths), positions - lengths.astype("f4") / 2))
    radius, g = analysis.g_of_r(positions.astype(float), lengths, np.ones(3, bool), reach=8.0, width=0.08)
    np.testing.assert_allclose(radius, rdf.bin_centers, atol=1e-6)
    # freud's own g(r), its shells, has pairs / (N - 1) of the density; counts are whole numbers.
    shells = 4 / 3 * np.pi * np.diff(rdf.bin_edges.astype(float) ** 3)
    ours = g * len(positions) ** 2 / np.prod(lengths) * shells
    assert np.abs(ours - rdf.bin_counts).max() <= 2, "pairs at the border of a bin in single precision"
    assert (np.abs(ours - rdf.bin_counts) < 0.01).mean() > 0.9
