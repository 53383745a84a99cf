"""Crystals by polyhedral template matching, held against OVITO's on the frames of hot runs."""

import h5py
import numpy as np
import pytest

from running import POTENTIALS, differences, run, write_input

MEAM = f"""
[potential]
library = "{POTENTIALS}/PtFe.library.meam"
parameters = "{POTENTIALS}/PtFe.meam"
elements = ["Pt", "Fe"]
"""
GUPTA = f"""
[potential]
kind = "gupta"
file = "{POTENTIALS}/gupta.toml"
elements = ["Cu"]
"""
OUTPUT = """
[output]
trajectory_interval_ps = 0.1
columns = ["template", "template_rmsd"]
template_rmsd = 0.12
[[stage]]
kind = "hold"
temperature_k = {temperature}
duration_ps = 0.3
"""

PARTICLES = MEAM + """
[[particle]]
count = 2
atoms = {atoms}
surface_energy_j_per_m2 = {{ "111" = 1.656, "100" = 2.167, "110" = 1.979 }}
lattice_constant_angstrom = 3.88
composition = {{ Pt = 0.85, Fe = 0.15 }}
[placement]
gap_angstrom = 2.0
"""
CRYSTAL = """
[crystal]
lattice = "{lattice}"
lattice_constant_angstrom = {constant}
composition = {{ {element} = 1.0 }}
"""
RUNS = {
    "fcc particles": (PARTICLES.format(atoms=1500), 1300),
    "fcc": (MEAM + CRYSTAL.format(lattice="fcc", constant=3.95, element="Pt") + "repeats = [7, 7, 7]", 1400),
    "bcc": (MEAM + CRYSTAL.format(lattice="bcc", constant=2.89, element="Fe") + "repeats = [9, 9, 9]", 900),
    "hcp": (GUPTA + CRYSTAL.format(lattice="hcp", constant=2.58, element="Cu") + "repeats = [9, 5, 6]", 800),
}


@pytest.fixture(scope="module", params=RUNS)
def frames(request, tmp_path_factory):
    """The trajectory of a run."""
    folder = tmp_path_factory.mktemp("templates")
    text, temperature = RUNS[request.param]
    done = run("--output", folder / "out", write_input(folder, text + OUTPUT.format(temperature=temperature)))
    assert done.returncode == 0, done.stderr
    return folder / "out/trajectory.h5md"


def test_templates_are_those_of_ovito_and_shown_by_it(frames):
    from ovito.io import import_file
    from ovito.modifiers import PolyhedralTemplateMatchingModifier

    path = frames
    kinds = PolyhedralTemplateMatchingModifier.Type
    modifier = PolyhedralTemplateMatchingModifier(rmsd_cutoff=0.12, output_rmsd=True)
    modifier.structures[kinds.ICO].enabled = True
    pipeline = import_file(str(path))
    pipeline.modifiers.append(modifier)
    with h5py.File(path) as file:
        template = file["particles/trajectory/template/value"][:]
        rmsd = file["particles/trajectory/template_rmsd/value"][:]
        classes = file["sinter/templates/classes"][:]
        mean = file["sinter/templates/rmsd"][:]
        particle = file["particles/trajectory/particle"][:]
    equal, apart = [], []
    for frame in range(1, len(template)):
        data = pipeline.compute(frame)
        order = np.argsort(data.particles["Particle Identifier"][...])
        assert (data.particles["template"][...][order] == template[frame]).all(), "as OVITO reads it"
        theirs = data.particles["Structure Type"][...][order]
        same = theirs == template[frame]
        equal.append(same)
        matched = same & (theirs > 0)
        apart.append(abs(data.particles["RMSD"][...][order] - rmsd[frame])[matched])
        for k in range(classes.shape[1]):
            own = (particle == k)
            assert (classes[frame, k] == np.bincount(template[frame, own], minlength=5)).all()
            for kind in range(1, 5):
                of = rmsd[frame, own & (template[frame] == kind)]
                np.testing.assert_allclose(mean[frame, k, kind - 1], of.mean() if len(of) else np.nan, rtol=1e-12)
    assert np.mean(equal) >= 0.999
    assert np.concatenate(apart).max() < 1e-6


def test_templates_are_the_same_on_any_ranks(tmp_path):
    """Surfaces, a gap and borders of ranks across crystals, in single precision too; asked for by
    columns alone the usual bound counts."""
    text = PARTICLES.format(atoms=400) + OUTPUT.format(temperature=1300)
    for more in ("", "position_tolerance_angstrom = 0.001\n"):
        path = write_input(tmp_path, text.replace("template_rmsd = 0.12\n", more))
        for ranks in (1, 3):
            done = run("--output", tmp_path / f"{ranks}", "--force", path, ranks=ranks)
            assert done.returncode == 0, done.stderr
        assert differences(tmp_path / "1/trajectory.h5md", tmp_path / "3/trajectory.h5md") == []
    with h5py.File(tmp_path / "1/trajectory.h5md") as file:
        template = file["particles/trajectory/template/value"][:]
        rmsd = file["particles/trajectory/template_rmsd/value"][:]
    assert rmsd.dtype == np.float32
    assert rmsd[template > 0].max() <= 0.1 < rmsd[np.isfinite(rmsd)].max()
    assert (template[~(rmsd <= 0.1)] == 0).all() and np.isnan(rmsd).any()
