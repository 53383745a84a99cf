"""`sinter-tools eam`: tables of the embedded-atom method, and what alloys do with them."""

import sys

import ase.build
import ase.io
import h5py
import numpy as np
import pytest

from running import ROOT, run, sinter

sys.path.insert(0, str(ROOT / "tools"))

from sinter_tools import zhou
from sinter_tools.cli import main

SHIPPED = ROOT / "inputs/potentials/CuAgAu.eam.alloy"
# What the functions were fitted to: lattice constants (Å) and cohesive energies (eV) of measured crystals, as tabled by
# C. Kittel, Introduction to Solid State Physics, but for Cu and Au, of which the paper takes 3.54 and 3.93 eV.
MEASURED = {
    "Cu": (3.61, 3.54),
    "Ag": (4.09, 2.85),
    "Au": (4.08, 3.93),
    "Pd": (3.89, 3.91),
    "Pt": (3.92, 5.77),
    "Al": (4.05, 3.58),
    "Pb": (4.95, 2.02),
}


def numbers(text):
    return np.array([float(word) for row in text.split("\n")[5:] for word in row.split() if word != "fcc"])


def test_the_table_of_the_repository_is_what_the_command_makes(tmp_path, capsys):
    made = tmp_path / "made.eam.alloy"
    assert main(["eam", "Cu", "Ag", "Au", "--output", str(made)]) == 0
    assert str(made) in capsys.readouterr().out
    ours, theirs = made.read_text(), SHIPPED.read_text()
    assert ours.split("\n")[:5] == theirs.split("\n")[:5]
    np.testing.assert_allclose(numbers(ours), numbers(theirs), rtol=1e-8, atol=1e-12)


@pytest.mark.parametrize("element", MEASURED)
def test_elements_have_their_lattice_constants_and_energies(tmp_path, element):
    table = tmp_path / "one.eam.alloy"
    assert main(["eam", element, "--output", str(table)]) == 0
    (tmp_path / "one.toml").write_text(
        f'[potential]\nkind = "eam/alloy"\nfile = "one.eam.alloy"\nelements = ["{element}"]\n'
        '[structure]\nfile = "one.xyz"\n'
    )
    constant = zhou.ELEMENTS[element].lattice_constant
    strains = (0.998, 1.0, 1.002)
    frames = [ase.build.bulk(element, "fcc", a=strain * constant, cubic=True) * (5, 5, 5) for strain in strains]
    for frame in frames:
        frame.set_positions(frame.positions + 0.1)
    ase.io.write(tmp_path / "one.xyz", frames, format="extxyz")
    done = sinter("evaluate", tmp_path / "one.toml", tmp_path / "one.xyz", "--output", tmp_path / "out.xyz")
    assert done.returncode == 0, done.stderr
    found = ase.io.read(tmp_path / "out.xyz", ":")
    small, relaxed, large = (frame.get_potential_energy() / len(frame) for frame in found)
    measured, cohesion = MEASURED[element]
    assert constant == pytest.approx(measured, abs=0.006)
    assert -relaxed == pytest.approx(cohesion, abs=1e-3)
    assert relaxed < small and relaxed < large


@pytest.mark.parametrize(
    ["arguments", "told"],
    [
        (["Cu", "Xx"], "invalid choice: 'Xx' (choose from"),
        (["Cu", "--points", "3"], "must be from 100 to 100000, not 3"),
        (["Cu", "--points", "1000000000"], "must be from 100 to 100000, not 1000000000"),
    ],
)
def test_what_there_is_no_table_of_is_refused(arguments, told, capsys):
    with pytest.raises(SystemExit) as stopped:
        main(["eam", *arguments])
    assert stopped.value.code == 2 and told in capsys.readouterr().err


@pytest.mark.parametrize(["name", "least"], [("gold_silver", 0.7), ("copper_silver", 0.85)])
def test_silver_goes_to_the_surface(tmp_path, name, least):
    text = (ROOT / f"inputs/swaps/{name}.toml").read_text()
    text = text.replace("../potentials/", f"{SHIPPED.parent}/").replace("duration_ps = 8", "duration_ps = 2")
    path = tmp_path / "swaps.toml"
    path.write_text(text)
    done = run("--output", tmp_path / "out", path)
    assert done.returncode == 0, done.stderr
    with h5py.File(tmp_path / "out/trajectory.h5md") as file:
        counts = file["sinter/structure/surface_species"][:, 0].astype(float)
    silver = counts[:, 1] / counts.sum(axis=1)
    assert abs(silver[0] - 0.5) < 0.03
    assert silver[-1] > least
