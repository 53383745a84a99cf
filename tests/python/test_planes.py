"""Facets, faults of the stacking and grains that the run tells of, against the tools and OVITO on the same frames."""

import sys

import numpy as np
import pytest

from running import POTENTIALS, ROOT, differences, run, write_input

sys.path.insert(0, str(ROOT / "tools"))

from sinter_tools import Trajectory, analysis, surfaces

FIELD = f"""
seed = 5
[potential]
kind = "gupta"
file = "{POTENTIALS}/gupta.toml"
elements = ["Cu"]
"""
PARTICLE = """
[[particle]]
atoms = {atoms}
shape = "{shape}"
lattice_constant_angstrom = 3.61
composition = {{ Cu = 1.0 }}
{more}
"""
OUTPUT = """
[placement]
gap_angstrom = {gap}
gap_between = "atoms"
[output]
trajectory_interval_ps = 0.05
columns = ["structure", "template", "surface", "facet", "grain"]
template_rmsd = 0.12
[[stage]]
kind = "hold"
temperature_k = {temperature}
duration_ps = {duration}
"""


def whole(trajectory, name, index):
    return trajectory.column(name, index).astype(int)


def particles(shape, atoms, *more):
    return "".join(PARTICLE.format(shape=shape, atoms=atoms, more=one) for one in more)


RUNS = {
    # Necks between crystals that lie differently, one of them by an angle that is small.
    "necks": FIELD + particles("sphere", 900, "", "misorientation_deg = 35", "misorientation_deg = 14")
    + OUTPUT.format(gap=1.8, temperature=1000, duration=0.4),
    "faults": FIELD + particles("sphere", 1200, 'defect = "twin"', 'defect = "stacking-fault"', 'lattice = "hcp"')
    .replace('3.61\ncomposition = { Cu = 1.0 }\nlattice = "hcp"', '2.56\ncomposition = { Cu = 1.0 }\nlattice = "hcp"')
    + OUTPUT.format(gap=6.0, temperature=500, duration=0.1),
}


@pytest.fixture(scope="module", params=RUNS)
def done(request, tmp_path_factory):
    """The name of a run, its folder and its input."""
    folder = tmp_path_factory.mktemp("planes")
    path = write_input(folder, RUNS[request.param])
    told = run("--output", folder / "out", path)
    assert told.returncode == 0, told.stderr
    return request.param, folder / "out", path


def test_facets_and_faults_are_those_of_the_tools(done):
    name, folder, _ = done
    with Trajectory(folder) as trajectory:
        facets, faults = (trajectory.series("structure", of).values for of in ("facets", "faults"))
        for index in range(len(trajectory)):
            frame = trajectory.frame(index)
            kinds, _ = surfaces.facets(trajectory, frame)
            differ = kinds != whole(trajectory, "facet", index)
            # In the frame that was built directions lie at the very bounds.
            assert not differ.any() or index == 0 and differ.mean() < 0.02, np.flatnonzero(differ)
            where = frame.positions, frame.lengths, trajectory.periodic
            masks = analysis.planar_faults(whole(trajectory, "structure", index), *where)
            for particle in range(facets.shape[1]):
                own = trajectory.particle == particle
                sites = np.bincount(whole(trajectory, "facet", index)[own], minlength=6)
                assert sites[1:5].tolist() == facets[index, particle].tolist()
                assert [mask[own].sum() for mask in masks] == faults[index, particle].tolist()
        last = faults[-1].argmax(1)
        assert name == "necks" or last.tolist() == [0, 1, 2] and (faults[-1].max(1) > 30).all()
        assert (facets[-1].sum(0) > 10).all()


def grains_of_ovito(path, index):
    """Numbers by id, -1 for none."""
    from ovito.io import import_file
    from ovito.modifiers import GrainSegmentationModifier, PolyhedralTemplateMatchingModifier

    pipeline = import_file(str(path))
    pipeline.modifiers.append(PolyhedralTemplateMatchingModifier(rmsd_cutoff=0.12, output_orientation=True))
    pipeline.modifiers.append(GrainSegmentationModifier(min_grain_size=50, orphan_adoption=False))
    data = pipeline.compute(index)
    order = np.argsort(data.particles["Particle Identifier"][...])
    with Trajectory(path) as trajectory:
        for name in ("facet", "grain"):
            assert (data.particles[name][...][order] == trajectory.column(name, index)).all(), "as OVITO reads it"
    return data.particles["Grain"][...][order]


def test_grains_are_those_of_ovito(done):
    """Of each, atoms in both are as many as in either within 3 %. Layers of twin boundaries, which it gives to one side,
    are in none here."""
    name, folder, _ = done
    with Trajectory(folder) as trajectory:
        series = trajectory.file["sinter/grains"]
        for index in (0, 1, len(trajectory) - 1):
            ours, theirs = whole(trajectory, "grain", index), grains_of_ovito(folder / "trajectory.h5md", index)
            frame = trajectory.frame(index)
            where = frame.positions, frame.lengths, trajectory.periodic
            twins = analysis.planar_faults(whole(trajectory, "structure", index), *where)[0]
            twins &= (trajectory.particle == 0) & (name == "faults")  # of the hcp particle some layers have no other beside them
            assert (ours[twins] == 0).sum() >= 0.9 * twins.sum()
            ours[twins], theirs[twins] = 0, -1
            count = ours.max()
            assert series["grains"][index] == count == {"necks": 3, "faults": 4}[name]
            sizes = np.bincount(whole(trajectory, "grain", index))[1:]
            assert series["largest"][index] == sizes.max() and series["atoms"][index] == sizes.sum()
            # In the order of the lowest ids in them.
            firsts = [np.flatnonzero(ours == grain + 1)[0] for grain in range(count)]
            assert firsts == sorted(firsts)
            assert theirs.max() + 1 == count
            for grain in range(1, count + 1):
                own = ours == grain
                like = np.bincount(theirs[own] + 1)[1:].argmax()
                both = (own & (theirs == like)).sum()
                assert both > 0.97 * max(own.sum(), (theirs == like).sum()), (index, grain, both, own.sum(), (theirs == like).sum())
            for particle, (grain, atoms) in enumerate(zip(series["of_particles"][index], series["atoms_of_particles"][index])):
                of_particle = np.bincount(whole(trajectory, "grain", index)[trajectory.particle == particle], minlength=count + 1)
                assert of_particle[1:].max() == atoms == of_particle[grain]


def test_heat_joins_no_grains(tmp_path):
    """Near the melting point lattices of single atoms bridge 14° in a neck a few atoms wide."""
    text = f"""
seed = 5
[potential]
library = "{POTENTIALS}/PtFe.library.meam"
parameters = "{POTENTIALS}/PtFe.meam"
elements = ["Pt", "Fe"]
""" + particles("sphere", 1500, "", "misorientation_deg = 14").replace("3.61", "3.9").replace("Cu = 1.0", "Pt = 0.9, Fe = 0.1")
    text += OUTPUT.format(gap=1.9, temperature=1400, duration=0.4).replace("0.12", "0.15").replace("ps = 0.05", "ps = 0.4")
    told = run("--output", tmp_path / "out", write_input(tmp_path, text))
    assert told.returncode == 0, told.stderr
    with Trajectory(tmp_path / "out") as trajectory:
        found = trajectory.series("grains", "of_particles").values, trajectory.series("grains", "atoms_of_particles").values
    assert found[0].tolist() == [[1, 2]] * 2
    assert (found[1] > 900).all()


def test_they_are_the_same_on_any_ranks(done, tmp_path):
    _, folder, path = done
    told = run("--output", tmp_path / "four", path, ranks=4)
    assert told.returncode == 0, told.stderr
    assert differences(folder / "trajectory.h5md", tmp_path / "four/trajectory.h5md") == []
