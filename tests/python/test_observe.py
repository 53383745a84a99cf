"""What a run measures with its frames, held against OVITO on the same frames."""

import h5py
import numpy as np
import pytest

from running import HEAD, differences, run, write_input

# Large enough for crystals within, and hot.
COLUMNS = HEAD.replace("atoms = 200", "atoms = 800").replace(
    "forces = true", 'columns = ["structure", "surface", "coordination", "host", "cluster", "displacement"]\nlayers = true'
).replace("gap_angstrom = 4.0", "gap_angstrom = 2.0\nfacing = [1, 0, 0]")
STAGES = """
[[stage]]
kind = "equilibrate"
particles = "apart"
temperature_k = 900
duration_ps = 0.1
[[stage]]
kind = "hold"
temperature_k = 900
duration_ps = 0.2
"""


TRACES = """
[traces]
atoms = "gap"
ids = [7, 3]
interval_ps = 0.004
"""


@pytest.fixture(scope="module")
def pair(tmp_path_factory):
    """The folder of a run with columns of the atoms, and its input."""
    folder = tmp_path_factory.mktemp("observe")
    path = write_input(folder, COLUMNS + TRACES + STAGES)
    done = run("--output", folder / "out", path)
    assert done.returncode == 0, done.stderr
    return folder / "out", path


def pipeline(folder, *modifiers):
    from ovito.io import import_file

    made = import_file(str(folder / "trajectory.h5md"))
    made.modifiers.extend(modifiers)
    return made


def test_columns_are_those_of_ovito_and_shown_by_it(pair):
    """Structure classes and coordination of all atoms of all frames; the surface of nearly all."""
    from ovito.modifiers import (
        CommonNeighborAnalysisModifier,
        ConstructSurfaceModifier,
        CoordinationAnalysisModifier,
    )

    folder, _ = pair
    shape = ConstructSurfaceModifier.Method.AlphaShape
    surface = ConstructSurfaceModifier(
        method=shape, radius=2.8, smoothing_level=0, select_surface_particles=True
    )
    with h5py.File(folder / "trajectory.h5md") as file:
        frames = {name: file[f"particles/trajectory/{name}/value"][:] for name in ("structure", "surface", "coordination", "host", "cluster")}
        nearest = file["sinter/structure/nearest_neighbour_distance"][:]
        steps = file["sinter/structure/step"][:]
        assert (steps == file["particles/trajectory/position/step"][:]).all()
        classes = file["sinter/structure/classes"][:]
        at_surface = file["sinter/structure/surface_atoms"][:]
    seen = pipeline(folder, CommonNeighborAnalysisModifier(), surface)
    equal, same_surface = [], []
    for frame in range(0, len(steps), 4):
        data = seen.compute(frame)
        order = np.argsort(data.particles["Particle Identifier"][...])
        for name, values in frames.items():
            assert (data.particles[name][...][order] == values[frame]).all(), f"{name} as OVITO reads it"
        theirs = data.particles["Structure Type"][...][order]
        equal.append(theirs == frames["structure"][frame])
        same_surface.append(data.particles["Selection"][...][order] == frames["surface"][frame])
        assert (classes[frame].sum(0) == np.bincount(frames["structure"][frame], minlength=5)).all()
        assert at_surface[frame].sum() == frames["surface"][frame].sum()
        reach = (1 + np.sqrt(2)) / 2 * nearest[frame]
        counted = pipeline(folder, CoordinationAnalysisModifier(cutoff=reach)).compute(frame)
        assert (counted.particles["Coordination"][...][order] == frames["coordination"][frame]).all()
    assert np.mean(equal) >= 0.999
    assert np.mean(same_surface) > 0.98
    assert (classes[-1, :, 1] > 100).all(), "crystals within"


def test_displacements_are_differences_of_positions(pair):
    """From the first frame of the particles together on, to the bit; OVITO shows them."""
    folder, _ = pair
    with h5py.File(folder / "trajectory.h5md") as file:
        frames = file["particles/trajectory/position"]
        together = np.searchsorted(frames["step"][:], file["sinter/pairs/step"][0])
        positions, displacement = frames["value"][:], file["particles/trajectory/displacement/value"][:]
    assert 0 < together < len(positions) - 5
    assert np.isnan(displacement[:together]).all() and (displacement[together] == 0).all()
    expected = np.sqrt(((positions[together:] - positions[together]) ** 2).sum(-1))
    np.testing.assert_allclose(displacement[together:], expected, rtol=1e-15)
    assert displacement[-1].max() > 0.5
    data = pipeline(folder).compute(len(positions) - 1)
    order = np.argsort(data.particles["Particle Identifier"][...])
    np.testing.assert_allclose(data.particles["displacement"][...][order], displacement[-1])


def test_rounded_displacements_are_those_of_rounded_positions(tmp_path):
    """In single precision, on two ranks, and after a restart in the midst of it."""
    text = COLUMNS.replace("atoms = 800", "atoms = 100").replace("layers = true", "position_tolerance_angstrom = 0.001")
    path = write_input(tmp_path, text + STAGES + "[checkpoint]\nevery_steps = 60\n")
    for name, ranks in (("one", 1), ("two", 2)):
        done = run("--output", tmp_path / name, path, ranks=ranks)
        assert done.returncode == 0, done.stderr
    assert differences(tmp_path / "one/trajectory.h5md", tmp_path / "two/trajectory.h5md") == []
    with h5py.File(tmp_path / "one/trajectory.h5md") as file:
        positions = file["particles/trajectory/position/value"][:].astype(float)
        displacement = file["particles/trajectory/displacement/value"][:]
    assert displacement.dtype == np.float32
    first = np.flatnonzero(np.isfinite(displacement[:, 0]))[0]
    expected = np.sqrt(((positions[first:] - positions[first]) ** 2).sum(-1))
    np.testing.assert_allclose(displacement[first:], expected, rtol=1e-6)
    checkpoints = sorted((tmp_path / "two").glob("checkpoint-*.h5"), key=lambda p: int(p.stem.split("-")[1]))
    for checkpoint in checkpoints[:-1]:
        done = run("--restart", checkpoint, "--output", tmp_path / "two", path)
        assert done.returncode == 0, done.stderr
        assert differences(tmp_path / "one/trajectory.h5md", tmp_path / "two/trajectory.h5md") == []


def test_layers_have_the_energies_of_their_atoms(pair):
    """The first layer is that of the surface flags, all layers have all atoms with neighbours."""
    folder, _ = pair
    with h5py.File(folder / "trajectory.h5md") as file:
        layers = {name: column[:] for name, column in file["sinter/layers"].items()}
        energy = file["particles/trajectory/potential_energy/value"][:]
        surface = file["particles/trajectory/surface/value"][:] == 1
        bonded = file["particles/trajectory/coordination/value"][:] > 0
        particle = file["particles/trajectory/particle"][:]
        iron = file["particles/trajectory/species/value"][:] == 26
        assert (layers["step"] == file["particles/trajectory/position/step"][:]).all()
    for k in (0, 1):
        own = particle == k
        for frame in range(0, len(energy), 3):
            atoms = layers["atoms"][frame, k]
            assert atoms[0] == (own & surface[frame]).sum() and atoms.sum() == (own & bonded[frame]).sum()
            mean = energy[frame, own & surface[frame]].mean()
            np.testing.assert_allclose(layers["potential_energy"][frame, k, 0], mean, rtol=1e-12)
            total = (atoms * layers["potential_energy"][frame, k]).sum()
            np.testing.assert_allclose(total, energy[frame, own & bonded[frame]].sum(), rtol=1e-12)
            assert layers["species"][frame, k, :, 1].sum() == (own & bonded[frame] & iron[frame]).sum()
    inner = layers["potential_energy"][:, :, 3].mean()
    assert layers["potential_energy"][:, :, 0].mean() > inner + 0.5, "atoms at the surface are dearer"
    assert (layers["melted_fraction"][-1] < 0.5).all() and (layers["atoms"] > 0).all()


@pytest.mark.parametrize("lattice, order", [("l1_2", 1), ("l1_2", 0.6), ("l1_0", 1), ("l1_0", 0.6), (None, 0)])
def test_order_is_that_which_was_built(tmp_path, lattice, order):
    """Two ordered particles, one of them turned, on one rank and on three."""
    shares = {"l1_2": (0.25, 0.75), "l1_0": (0.5, 0.5), None: (0.25, 0.75)}[lattice]
    mixed = f"composition = {{ Fe = {shares[0]}, Pt = {shares[1]} }}"
    ordered = f'lattice = "{lattice}"\nsublattices = [{{ Fe = 1.0 }}, {{ Pt = 1.0 }}]\norder = {order}'
    text = HEAD.replace("atoms = 200", "atoms = 1200\neuler_angles_deg = [20, 33, 5]").replace("forces = true\n", "")
    text = text.replace("composition = { Pt = 0.85, Fe = 0.15 }", ordered if lattice else mixed)
    text += """
[[stage]]
kind = "hold"
temperature_k = 300
duration_ps = 0.02
"""
    path = write_input(tmp_path, text)
    for ranks in (1, 3):
        done = run("--output", tmp_path / str(ranks), path, ranks=ranks)
        assert done.returncode == 0, done.stderr
    assert differences(tmp_path / "1/trajectory.h5md", tmp_path / "3/trajectory.h5md") == []
    with h5py.File(tmp_path / "1/trajectory.h5md") as file:
        table = {name: column[:] for name, column in file["sinter/order"].items()}
        classes = file["sinter/structure/classes"][:]
    assert (table["sublattices"].sum((2, 3)) <= classes[:, :, 1]).all()
    assert (table["sublattices"].sum((2, 3)) > 0.98 * classes[:, :, 1]).all()
    l1_2, l1_0 = table["l1_2"][..., 1], table["l1_0"][..., 1]
    if lattice == "l1_2":
        np.testing.assert_allclose(l1_2, order, atol=0.08 if order < 1 else 1e-9)
        np.testing.assert_allclose(l1_0, 0, atol=0.08 if order < 1 else 1e-9)
    elif lattice == "l1_0":
        np.testing.assert_allclose(l1_0, order, atol=0.08 if order < 1 else 1e-9)
        np.testing.assert_allclose(l1_2, 0, atol=0.08 if order < 1 else 1e-9)
    else:
        assert np.abs(l1_2).max() < 0.1 and np.abs(l1_0).max() < 0.1
    # Of ordered alloys with S: α_1 = -S²/3 and α_2 = S².
    np.testing.assert_allclose(table["warren_cowley"][:, :, 0, 0], -(order**2) / 3, atol=0.04)
    np.testing.assert_allclose(table["warren_cowley"][:, :, 1, 0], order**2, atol=0.06)


def test_clusters_are_those_of_ovito(pair):
    from ovito.modifiers import ClusterAnalysisModifier

    folder, _ = pair
    with h5py.File(folder / "trajectory.h5md") as file:
        ours = file["particles/trajectory/cluster/value"][:]
        nearest = file["sinter/structure/nearest_neighbour_distance"][:]
        series = {name: file[f"sinter/clusters/{name}"][:] for name in ("clusters", "single_atoms", "largest", "of_particles")}
    for frame in range(0, len(ours), 5):
        reach = (1 + np.sqrt(2)) / 2 * nearest[frame]
        data = pipeline(folder, ClusterAnalysisModifier(cutoff=reach)).compute(frame)
        order = np.argsort(data.particles["Particle Identifier"][...])
        theirs = data.particles["Cluster"][...][order]
        pairs = set(zip(ours[frame].tolist(), theirs.tolist()))
        assert len(pairs) == len(set(theirs.tolist())) == len(set(ours[frame].tolist())), "the same sets of atoms"
        _, sizes = np.unique(theirs, return_counts=True)
        assert series["clusters"][frame] == (sizes > 1).sum() and series["single_atoms"][frame] == (sizes == 1).sum()
        assert series["largest"][frame] == sizes.max()
    assert series["of_particles"][0, 0] != series["of_particles"][0, 1], "apart at first"
    assert series["of_particles"][-1, 0] == series["of_particles"][-1, 1]


def test_axes_are_those_of_templates(pair):
    """OVITO's polyhedral template matching gives each atom an orientation of its own."""
    from ovito.modifiers import PolyhedralTemplateMatchingModifier
    from scipy.spatial.transform import Rotation

    folder, _ = pair
    seen = pipeline(folder, PolyhedralTemplateMatchingModifier(output_orientation=True, rmsd_cutoff=0.12))
    cube = Rotation.create_group("O")
    with h5py.File(folder / "trajectory.h5md") as file:
        structure = file["sinter/structure"]
        axes, order = structure["lattice_axes"][:], structure["lattice_order"][:]
        particle = file["particles/trajectory/particle"][:]
        misorientation = file["sinter/boundaries/misorientation"][-1, 0]
        rotation = structure["rotation"][:]
    last = len(axes) - 1
    data = seen.compute(last)
    by_id = np.argsort(data.particles["Particle Identifier"][...])
    quaternion = data.particles["Orientation"][...][by_id]
    fcc = data.particles["Structure Type"][...][by_id] == 1
    for k in (0, 1):
        ours = Rotation.from_matrix(axes[last, k].T)
        theirs = Rotation.from_quat(quaternion[fcc & (particle == k)])
        # Each by the name that brings it nearest to the mean.
        off = np.array([(ours.inv() * theirs * name).magnitude() for name in cube])
        best = off.argmin(0)
        named = Rotation.concatenate([theirs[i] * cube[int(n)] for i, n in enumerate(best)])
        assert np.degrees((ours.inv() * named.mean()).magnitude()) < 0.5
    assert (order[last] > 0.7).all()
    between = Rotation.from_matrix(axes[last, 0].T).inv() * Rotation.from_matrix(axes[last, 1].T)
    least = min((between * name).magnitude() for name in cube)
    assert abs(np.degrees(least) - misorientation) < 1e-6
    together = np.isfinite(rotation).all(1)
    assert (rotation[together][0] == 0).all() and (rotation[together] < 10).all()


def test_columns_do_not_close_the_file_to_others(pair):
    import MDAnalysis
    from ase.io.netcdftrajectory import NetCDFTrajectory

    folder, _ = pair
    path = folder / "trajectory.h5md"
    universe = MDAnalysis.Universe.empty(1, trajectory=False)
    with h5py.File(path) as file:
        positions = file["particles/trajectory/position/value"][-1]
    universe = MDAnalysis.Universe.empty(len(positions), trajectory=False)
    universe.load_new(str(path))
    universe.trajectory[-1]
    np.testing.assert_allclose(universe.atoms.positions, positions, atol=1e-4)
    with NetCDFTrajectory(str(path)) as frames:
        np.testing.assert_allclose(frames[-1].positions, positions)


def test_columns_leave_the_run_as_it_is(pair, tmp_path):
    """The same bits of everything else without them, and of all on two ranks and threads."""
    folder, path = pair
    bare = path.read_text().replace('columns = ["structure", "surface", "coordination", "host", "cluster", "displacement"]', "")
    done = run("--output", tmp_path / "bare", write_input(tmp_path, bare))
    assert done.returncode == 0, done.stderr
    found = differences(folder / "trajectory.h5md", tmp_path / "bare/trajectory.h5md")
    assert {name.split("/")[-2 if "/" in name else -1] for name in found} <= {"structure", "surface", "coordination", "host", "cluster", "displacement"}
    assert "particles/trajectory/structure/value" in found
    done = run("--output", tmp_path / "two", path, ranks=2, threads=2)
    assert done.returncode == 0, done.stderr
    assert differences(folder / "trajectory.h5md", tmp_path / "two/trajectory.h5md") == []


def test_a_resumed_run_goes_on_with_columns_and_axes(pair, tmp_path):
    import shutil

    folder, path = pair
    shutil.copytree(folder, tmp_path / "out")
    checkpoints = sorted((tmp_path / "out").glob("checkpoint-*.h5"), key=lambda p: int(p.stem.split("-")[1]))
    assert len(checkpoints) > 1
    done = run("--restart", checkpoints[-2], "--output", tmp_path / "out", path)
    assert done.returncode == 0, done.stderr
    assert differences(folder / "trajectory.h5md", tmp_path / "out/trajectory.h5md") == []


def test_paths_of_atoms_in_the_gap(pair):
    """Those nearest to the other particle when they are put together; where frames are, the same places."""
    folder, _ = pair
    with h5py.File(folder / "trajectory.h5md") as file:
        traces = file["sinter/traces"]
        atoms, position, steps = traces["atoms"][:], traces["position"][:], traces["step"][:]
        frames = file["particles/trajectory/position"]
        particle = file["particles/trajectory/particle"][:]
        together = file["sinter/pairs/step"][0]
        assert (atoms == atoms[0]).all() and {3, 7} <= set(atoms[0])
        assert steps[0] == together and (np.diff(steps) == 2).all()
        chosen = atoms[0]
        for step, places in zip(frames["step"][:], frames["value"][:]):
            if step >= together:
                assert (position[steps == step][0] == places[chosen]).all(), step
            if step == together:
                first = places
    axis = first[particle == 1].mean(0) - first[particle == 0].mean(0)
    along = first @ (axis / np.linalg.norm(axis))
    by_rule = np.setdiff1d(chosen, [3, 7])
    for k, sign in ((0, 1), (1, -1)):
        own = by_rule[particle[by_rule] == k]
        assert 5 < len(own) < 80
        outermost = (sign * along[particle == k]).max()
        assert (sign * along[own] > outermost - 1.6).all()


def test_traces_that_cannot_be_are_refused(tmp_path):
    for traces, words in {
        "[traces]\n": "no atoms are named",
        "[traces]\nids = [4, 4]\n": "atom 4 is named twice",
        "[traces]\nids = [1, 100000]\n": "there is no atom 100000",
        '[traces]\natoms = "gaps"\n': "gap",
    }.items():
        done = run("--output", tmp_path / "out", write_input(tmp_path, COLUMNS + traces + STAGES))
        assert done.returncode == 2 and words in done.stderr and "traces" in done.stderr, done.stderr
    alone = (COLUMNS + TRACES + STAGES).replace("count = 2", "count = 1")
    done = run("--output", tmp_path / "out", write_input(tmp_path, alone))
    assert done.returncode == 2 and "`gap` needs two particles" in done.stderr, done.stderr


def test_pair_distributions_are_those_of_ovito(tmp_path):
    """Of a hot ordered alloy in a periodic box, farther than half of it."""
    from ovito.modifiers import CoordinationAnalysisModifier

    text = HEAD[: HEAD.index("[[particle]]")] + """
[crystal]
lattice = "l1_2"
lattice_constant_angstrom = 3.86
sublattices = [{ Fe = 1.0 }, { Pt = 1.0 }]
repeats = [4, 4, 4]
[output]
trajectory_interval_ps = 0.05
pair_distribution_angstrom = 9
[[stage]]
kind = "hold"
temperature_k = 600
duration_ps = 0.1
"""
    done = run("--output", tmp_path / "out", write_input(tmp_path, text))
    assert done.returncode == 0, done.stderr
    with h5py.File(tmp_path / "out/trajectory.h5md") as file:
        table = file["sinter/pair_distribution"]
        distance, g = table["distance"][:], table["g"][:]
        assert len(g) == len(file["frame"]) == 3
    modifier = CoordinationAnalysisModifier(cutoff=9.0, number_of_bins=180, partial=True)
    seen = pipeline(tmp_path / "out", modifier)
    for frame in (0, 2):
        theirs = seen.compute(frame).tables["coordination-rdf"]
        names = theirs.y.component_names
        columns = {name: theirs.y[:, k] for k, name in enumerate(names)}
        np.testing.assert_allclose(distance[frame], theirs.xy()[:, 0], atol=1e-9)
        for k, pair in enumerate((("78", "78"), ("78", "26"), ("26", "26"))):
            name = next(n for n in names if sorted(n.split("-")) == sorted(pair))
            np.testing.assert_allclose(g[frame, k], columns[name], rtol=1e-6, atol=1e-9)
