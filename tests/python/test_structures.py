"""Every extended XYZ that the program writes is read by itself, ASE, OVITO and MDAnalysis; and
structures from ASE are read with all that they say."""

import subprocess
import sys

import ase.io
import MDAnalysis
import numpy as np
import pytest
from ase import units
from ase.build import bulk
from ovito.io import import_file

from running import POTENTIALS, PROGRAM, ROOT, write_input

FILES = [
    "--library", POTENTIALS / "PtFe.library.meam",
    "--parameters", POTENTIALS / "PtFe.meam",
    "--elements", "Pt,Fe",
]  # fmt: skip

INPUT = f"""
[potential]
library = "{POTENTIALS}/PtFe.library.meam"
parameters = "{POTENTIALS}/PtFe.meam"
elements = ["Pt", "Fe"]
[structure]
file = "FILE"
MORE
[[stage]]
kind = "hold"
ensemble = "nve"
duration_ps = 0.004
"""


def tell(*words):
    done = subprocess.run([PROGRAM, *map(str, words)], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return done.stdout, done.stderr


def evaluate(source, output):
    tell("evaluate", *FILES, source, "--output", output)


def build(folder, file, output, more="", name="input.toml"):
    text = INPUT.replace("FILE", str(file)).replace("MORE", more)
    return tell("build", write_input(folder, text, name), "--output", output)[1]


def crystal():
    atoms = bulk("Pt", cubic=True, a=3.85).repeat(3)
    atoms.symbols[::5] = "Fe"
    atoms.rattle(0.05, seed=1)
    return atoms


def test_ase_reads_energy_forces_and_stress_of_evaluated_frames(tmp_path):
    atoms = crystal()
    ase.io.write(tmp_path / "in.xyz", atoms)
    evaluate(tmp_path / "in.xyz", tmp_path / "out.xyz")
    found = ase.io.read(tmp_path / "out.xyz")
    assert np.array_equal(found.numbers, atoms.numbers) and found.pbc.all()
    virial = found.info["virial"]
    assert virial.shape == (3, 3) and np.array_equal(virial, virial.T)
    stress = found.get_stress(voigt=False)
    assert np.allclose(stress, -virial / atoms.get_volume(), atol=1e-12)
    assert abs(found.get_forces().sum(axis=0)).max() < 1e-9

    # The trace by finite differences of the energy: stress = dE/d(strain) / V.
    energies = []
    for strain in (1e-4, -1e-4):
        stretched = atoms.copy()
        stretched.set_cell(atoms.cell * (1 + strain), scale_atoms=True)
        energies.append(stretched)
    ase.io.write(tmp_path / "strained.xyz", energies)
    evaluate(tmp_path / "strained.xyz", tmp_path / "strained_out.xyz")
    more, less = (frame.get_potential_energy() for frame in ase.io.read(tmp_path / "strained_out.xyz", ":"))
    assert np.isclose(np.trace(stress), (more - less) / 2e-4 / atoms.get_volume(), rtol=1e-4)
    # Again through ASE and the program: the same bits, and nothing that is stale.
    ase.io.write(tmp_path / "again.xyz", found)
    evaluate(tmp_path / "again.xyz", tmp_path / "again_out.xyz")
    assert ase.io.read(tmp_path / "again_out.xyz").get_potential_energy() == pytest.approx(
        found.get_potential_energy(), abs=1e-5
    )


def test_what_is_written_is_read_by_all(tmp_path):
    atoms = crystal()
    atoms.set_velocities(np.random.default_rng(2).normal(0, 0.02, (len(atoms), 3)))
    ase.io.write(tmp_path / "in.xyz", atoms)
    build(tmp_path, tmp_path / "in.xyz", tmp_path / "built.xyz")
    evaluate(tmp_path / "built.xyz", tmp_path / "evaluated.xyz")
    velocities = atoms.get_velocities() / (units.Ang / (1000 * units.fs))
    for name in ("built.xyz", "evaluated.xyz"):
        path = tmp_path / name
        found = ase.io.read(path)
        assert np.array_equal(found.numbers, atoms.numbers) and found.pbc.all()
        assert np.allclose(found.cell, atoms.cell, atol=1e-9)
        assert np.allclose(found.arrays["velo"], velocities, rtol=1e-6, atol=1e-9)
        data = import_file(path).compute()
        assert np.allclose(data.cell[:, :3], atoms.cell, atol=1e-9) and all(data.cell.pbc)
        assert np.allclose(data.particles["Velocity"], velocities, rtol=1e-6, atol=1e-9)
        kinds = data.particles["Particle Type"]
        names = [kinds.type_by_id(kind).name for kind in kinds]
        assert names == list(atoms.symbols)
        universe = MDAnalysis.Universe(str(path), format="XYZ", topology_format="XYZ")
        assert list(universe.atoms.names) == list(atoms.symbols)
        assert np.allclose(universe.atoms.positions, found.positions, atol=1e-5)
        # By the program itself: the same file again.
        build(tmp_path, path, tmp_path / f"again_{name}", name="again.toml")
        again = ase.io.read(tmp_path / f"again_{name}")
        assert np.array_equal(again.positions, ase.io.read(tmp_path / "built.xyz").positions)
        assert np.array_equal(again.arrays["velo"], found.arrays["velo"])


def test_the_boundaries_of_a_file_from_ase_are_those_of_the_run(tmp_path):
    ase.io.write(tmp_path / "bulk.xyz", crystal())
    told, warned = tell("check", write_input(tmp_path, INPUT.replace("FILE", "bulk.xyz").replace("MORE", "[dynamics]\ninitial_temperature_k = 300")))
    assert "11.55 Å (periodic)" in told and "box" not in warned
    assert 'boundary = ["periodic", "periodic", "periodic"]' in told.replace("\n", "").replace("    ", "").replace(
        ",]", "]"
    ).replace('",\"', '", "')


def test_two_particles_from_ase_are_two(tmp_path):
    one = bulk("Pt", cubic=True, a=3.92).repeat(3)
    one.pbc = False
    other = one.copy()
    other.translate([15.5, 0, 0])
    pair = one + other
    pair.center(vacuum=10)
    pair.pbc = True
    ase.io.write(tmp_path / "pair.xyz", pair)
    warned = build(tmp_path, tmp_path / "pair.xyz", tmp_path / "out.xyz")
    assert "2 are found, as clusters of atoms" in warned
    found = ase.io.read(tmp_path / "out.xyz")
    assert np.array_equal(found.arrays["particle"], np.repeat([0, 1], len(one)))
    assert np.array_equal(found.arrays["id"], np.arange(len(pair)))


def test_a_molecule_per_atom_is_refused_with_the_key(tmp_path):
    atoms = bulk("Pt", cubic=True, a=3.92).repeat(3)
    lines = "".join(f"{i + 1} {i + 1} 1 0.0 {x} {y} {z}\n" for i, (x, y, z) in enumerate(atoms.positions))
    size = "".join(f"0 {3 * 3.92} {d}lo {d}hi\n" for d in "xyz")
    text = f"t\n\n{len(atoms)} atoms\n1 atom types\n{size}\nMasses\n\n1 195.08\n\nAtoms # full\n\n{lines}"
    (tmp_path / "each.data").write_text(text)
    source = INPUT.replace("FILE", "each.data")
    path = write_input(tmp_path, source.replace("MORE", 'types = ["Pt"]'))
    done = subprocess.run([PROGRAM, "check", path], capture_output=True, text=True)
    assert done.returncode == 2 and 'particles_from` = "molecule"' in done.stderr
    chosen = write_input(tmp_path, source.replace("MORE", 'types = ["Pt"]\nparticles_from = "clusters"'))
    assert "108 atoms, 1 particle\n" in tell("check", chosen)[0]


def test_agreement_reads_six_numbers_and_nine(tmp_path):
    reference = ROOT / "tests/reference/trimers.xyz"
    evaluate(reference, tmp_path / "out.xyz")
    tool = [sys.executable, ROOT / "tools/agreement.py"]
    for second in (reference, tmp_path / "out.xyz"):
        done = subprocess.run([*tool, tmp_path / "out.xyz", second], capture_output=True, text=True)
        assert done.returncode == 0, done.stderr
        assert float(done.stdout.split()[-1]) < 1e-5
