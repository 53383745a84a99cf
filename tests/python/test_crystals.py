"""Crystals and slabs of `[crystal]` against those of ASE (A. H. Larsen et al., J. Phys.: Condens.
Matter 29 (2017) 273002): numbers of atoms, the distances that each atom sees, and energies.
"""

import re
import subprocess
from collections import Counter

import ase
import ase.io
import numpy as np
import pytest
from ase import build
from ase.lattice.compounds import B2, L1_0, L1_2
from ase.neighborlist import neighbor_list
from running import HEAD, PROGRAM, write_input

POTENTIAL = HEAD[: HEAD.index("[[particle]]")]
STAGE = '[[stage]]\nkind = "minimise"\n'

A, C = 3.9, 4.9  # Å
PT = "composition = { Pt = 1.0 }"
ORDERED = "sublattices = [{ Fe = 1.0 }, { Pt = 1.0 }]"


def crystal(lattice, more, a=A, made_of=PT):
    return f'[crystal]\nlattice = "{lattice}"\nlattice_constant_angstrom = {a}\n{made_of}\n{more}\n'


def compound(factory, constant=A):
    return factory(symbol=["Fe", "Pt"], latticeconstant=constant, size=(3, 3, 3))


def slab(z, repeats, layers, more=""):
    return f'surface = "z"\nz = {z}\nrepeats = {repeats}\nlayers = {layers}\n{more}'


# Ours, ASE's, and whether the numbers of atoms are equal (or the cells have other shapes).
CASES = {
    "sc": (crystal("sc", "repeats = [3, 3, 3]"), build.bulk("Pt", "sc", a=A) * 3),
    "bcc": (crystal("bcc", "repeats = [3, 3, 3]"), build.bulk("Pt", "bcc", a=A, cubic=True) * 3),
    "fcc": (crystal("fcc", "repeats = [3, 3, 3]"), build.bulk("Pt", "fcc", a=A, cubic=True) * 3),
    "fcc turned": (
        crystal("fcc", "x = [1, 1, -2]\ny = [1, 1, 1]\nz = [1, -1, 0]\nrepeats = [3, 2, 4]"),
        build.bulk("Pt", "fcc", a=A) * (6, 6, 4),
    ),
    "diamond": (
        crystal("diamond", "repeats = [2, 2, 2]", 5.4),
        build.bulk("Pt", "diamond", a=5.4, cubic=True) * 2,
    ),
    "hcp": (
        crystal("hcp", f"repeats = [4, 3, 2]\nlattice_constant_c_angstrom = {C}", 2.9),
        build.bulk("Pt", "hcp", a=2.9, c=C) * (6, 4, 2),
    ),
    "b2": (crystal("b2", "repeats = [3, 3, 3]", A, ORDERED), compound(B2)),
    "l1_2": (crystal("l1_2", "repeats = [3, 3, 3]", A, ORDERED), compound(L1_2)),
    "l1_0": (
        crystal("l1_0", "repeats = [3, 3, 3]\nlattice_constant_c_angstrom = 3.7", A, ORDERED),
        compound(L1_0, (A, 3.7)),
    ),
    "fcc111": (
        crystal("fcc", slab([1, 1, 1], [4, 2], 5)),
        build.fcc111("Pt", (4, 4, 5), a=A, orthogonal=True, vacuum=5),
    ),
    "fcc100": (
        crystal("fcc", slab([0, 0, 1], [3, 3], 5)),
        build.fcc100("Pt", (6, 3, 5), a=A, vacuum=5),
    ),
    "fcc110": (
        crystal("fcc", slab([1, 1, 0], [4, 3], 5)),
        build.fcc110("Pt", (4, 3, 5), a=A, vacuum=5),
    ),
    "fcc211": (
        # A layer of ASE's is a terrace of three of ours.
        crystal("fcc", slab([2, 1, 1], [3, 1], 9)),
        build.fcc211("Pt", (3, 3, 3), a=A, vacuum=5),
    ),
    "bcc100": (
        crystal("bcc", slab([0, 0, 1], [4, 4], 5), 3.2),
        build.bcc100("Pt", (4, 4, 5), a=3.2, vacuum=5),
    ),
    "bcc110": (
        crystal("bcc", slab([1, 1, 0], [3, 3], 5), 3.2),
        build.bcc110("Pt", (6, 3, 5), a=3.2, orthogonal=False, vacuum=5),
    ),
    "bcc111": (
        crystal("bcc", slab([1, 1, 1], [3, 2], 6), 3.2),
        build.bcc111("Pt", (3, 4, 6), a=3.2, orthogonal=True, vacuum=5),
    ),
    "hcp0001": (
        crystal("hcp", slab([0, 0, 0, 1], [4, 2], 5, f"lattice_constant_c_angstrom = {C}"), 2.9),
        build.hcp0001("Pt", (4, 4, 5), a=2.9, c=C, orthogonal=True, vacuum=5),
    ),
    "hcp10m10": (
        crystal(
            "hcp",
            # A layer of ASE's is two of ours.
            slab([1, 0, -1, 0], [4, 2], 6, f"lattice_constant_c_angstrom = {C}"),
            2.9,
        ),
        build.hcp10m10("Pt", (4, 4, 3), a=2.9, c=C, vacuum=5),
    ),
    "diamond111": (
        crystal("diamond", slab([1, 1, 1], [3, 2], 6), 5.4),
        build.diamond111("Pt", (3, 4, 6), a=5.4, vacuum=5),
    ),
}


def built(folder, table, name="crystal"):
    output = folder / f"{name}.xyz"
    path = write_input(folder, f"{POTENTIAL}\n{table}\n{STAGE}")
    command = [PROGRAM, "build", path, "--output", output]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    return ase.io.read(output)


def surroundings(atoms, reach):
    """How many atoms, of all, see the same elements at the same distances."""
    i, j, d = neighbor_list("ijd", atoms, reach)
    seen = [[] for _ in atoms]
    symbols = atoms.get_chemical_symbols()
    # Half a hundredth keeps rounding away from the distances of these crystals.
    for k, other, distance in zip(i, j, d):
        seen[k].append((symbols[other], int(np.floor(distance * 100 + 0.137))))
    counts = Counter((own, tuple(sorted(others))) for own, others in zip(symbols, seen))
    return {key: count / len(atoms) for key, count in counts.items()}


@pytest.mark.parametrize("name", CASES)
def test_every_atom_sees_what_it_sees_in_ases_crystal(tmp_path, name):
    table, theirs = CASES[name]
    ours = built(tmp_path, table)
    assert len(ours) == len(theirs)
    assert list(ours.pbc) == [True, True, "surface" not in table]
    # Of a slab only the area is the crystal's: the box across it has whatever vacuum there is.
    area = lambda cell: np.linalg.norm(np.cross(cell[0], cell[1]))  # noqa: E731
    size = area if "surface" in table else (lambda cell: cell.volume)
    assert size(ours.cell) == pytest.approx(size(theirs.cell))
    theirs.pbc = ours.pbc
    mine, wanted = surroundings(ours, 1.3 * A), surroundings(theirs, 1.3 * A)
    assert mine.keys() == wanted.keys()
    for key, share in wanted.items():
        assert mine[key] == pytest.approx(share)


def energy(folder, atoms, name):
    """eV per atom."""
    frames = folder / f"{name}_in.xyz"
    output = folder / f"{name}_out.xyz"
    bare = ase.Atoms(atoms.get_chemical_symbols(), atoms.positions, cell=atoms.cell, pbc=atoms.pbc)
    ase.io.write(frames, bare, format="extxyz")
    inputs = POTENTIAL.split('"')
    command = [PROGRAM, "evaluate", "--library", inputs[3], "--parameters", inputs[5]]
    command += ["--elements", "Pt,Fe", frames, "--output", output]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    comment = output.read_text().splitlines()[1]
    return float(re.search(r"\benergy=([-+.\deE]+)", comment)[1]) / len(atoms)


@pytest.mark.parametrize(
    "name, of", [("fcc turned", "fcc"), ("l1_2", "l1_2"), ("fcc111", "fcc111"), ("bcc110", "bcc110")]
)
def test_energies_are_those_of_ases_crystal(tmp_path, name, of):
    table, _ = CASES[name]
    ours = built(tmp_path, table)
    theirs = CASES[of][1].copy()
    if of == "bcc110":
        # The same slab in an orthogonal cell, as the program takes them.
        theirs = build.bcc110("Pt", (3, 6, 5), a=3.2, orthogonal=True, vacuum=5)
    theirs.pbc = ours.pbc
    mine, wanted = energy(tmp_path, ours, "ours"), energy(tmp_path, theirs, "theirs")
    assert mine == pytest.approx(wanted, abs=1e-9)
