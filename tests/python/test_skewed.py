"""Cells that stand not along x, y and z through the calculator of ASE: copies that do."""

import sys
from itertools import product

import numpy as np
import pytest
import tomli_w
from ase.build import add_adsorbate, bulk, fcc111
from ase.calculators.calculator import CalculationFailed, CalculatorSetupError
from ase.calculators.fd import calculate_numerical_forces
from ase.filters import FrechetCellFilter
from ase.optimize import BFGS
from scipy.spatial.transform import Rotation

from running import ROOT

sys.path.insert(0, str(ROOT / "tools"))

from sinter_tools.skewed import Cell
from test_serve import COPPER_SILVER, IRON_PLATINUM, calculator

CRYSTALS = {
    "fcc": (bulk("Cu", "fcc", a=3.6), bulk("Cu", "fcc", a=3.6, cubic=True), 2),
    "bcc": (bulk("Cu", "bcc", a=2.9), bulk("Cu", "bcc", a=2.9, cubic=True), 2),
    "hcp": (bulk("Cu", "hcp", a=2.5, c=4.2), bulk("Cu", "hcp", a=2.5, c=4.2, orthorhombic=True), 2),
    "bct": (bulk("Cu", "bct", a=2.8, c=3.3), None, 2),
    "diamond": (bulk("Cu", "diamond", a=5.0), bulk("Cu", "diamond", a=5.0, cubic=True), 2),
}


@pytest.mark.parametrize("kind", CRYSTALS)
@pytest.mark.parametrize("potential", [COPPER_SILVER, IRON_PLATINUM], ids=["embedded", "meam"])
def test_a_primitive_cell_has_the_energy_and_stress_of_an_orthogonal_one(kind, potential):
    primitive, orthogonal, copies = CRYSTALS[kind]
    assert Cell(primitive).copies == copies
    if orthogonal is None:
        orthogonal = Cell(primitive).filled(primitive)
    found = []
    for atoms in (primitive.copy(), orthogonal.copy()):
        if potential is IRON_PLATINUM:
            atoms.symbols[:] = "Pt"
            atoms.set_cell(1.1 * atoms.cell, scale_atoms=True)
        with calculator(potential) as atoms.calc:
            found.append([atoms.get_potential_energy() / len(atoms), *atoms.get_stress()])
            assert np.abs(atoms.get_forces()).max() < 1e-8
    assert found[0] == pytest.approx(found[1], abs=1e-9)


def rattled_slab():
    slab = fcc111("Cu", (2, 2, 3), a=3.6, vacuum=6)
    add_adsorbate(slab, "Ag", 2.2, "fcc")
    slab.rattle(0.05, seed=1)
    return slab


def rattled_crystal():
    crystal = bulk("Cu", "fcc", a=3.6).repeat((2, 2, 1))
    crystal.symbols[1] = "Ag"
    crystal.rattle(0.08, seed=2)
    return crystal


@pytest.mark.parametrize("make", [rattled_slab, rattled_crystal])
def test_forces_in_a_skewed_cell_are_the_derivatives_of_the_energy(make):
    atoms = make()
    with calculator(threads=1) as atoms.calc:
        forces = atoms.get_forces()
        assert forces.sum(0) == pytest.approx(0, abs=1e-9)
        some = calculate_numerical_forces(atoms, eps=1e-4, iatoms=[0, 1, len(atoms) - 1])
        assert np.abs(forces[[0, 1, -1]] - some).max() < 1e-6


def test_a_turned_system_has_turned_forces_and_stress():
    straight = bulk("Cu", cubic=True, a=3.6).repeat((2, 2, 1))
    straight.symbols[3] = "Ag"
    straight.rattle(0.1, seed=3)
    rotation = Rotation.from_rotvec([0.4, 0.2, -0.7]).as_matrix()
    turned = straight.copy()
    turned.set_cell(straight.cell @ rotation.T)
    turned.positions = straight.positions @ rotation.T
    with calculator() as calc:
        straight.calc = turned.calc = calc
        energy, forces, stress = straight.get_potential_energy(), straight.get_forces(), straight.get_stress(voigt=False)
        assert turned.get_potential_energy() == pytest.approx(energy, abs=1e-8)
        assert turned.get_forces() == pytest.approx(forces @ rotation.T, abs=1e-8)
        assert turned.get_stress(voigt=False) == pytest.approx(rotation @ stress @ rotation.T, abs=1e-9)


@pytest.mark.parametrize("pbc", [p for p in product([True, False], repeat=3) if any(p)])
def test_directions_that_are_free_stay_so(pbc):
    """Distances within reach are those of the given cell, whatever vectors are there in free directions."""
    atoms = bulk("Cu", "fcc", a=3.6).repeat(2)
    atoms.rattle(0.1, seed=4)
    atoms.pbc = pbc
    filled = Cell(atoms).filled(atoms)
    assert filled.pbc.tolist() == list(pbc) and len(filled) % len(atoms) == 0

    def neighbours(system):
        from ase.neighborlist import neighbor_list

        first, distance = neighbor_list("id", system, 4.5)
        return np.sort(distance[first < len(atoms)])

    assert neighbours(filled) == pytest.approx(neighbours(atoms), abs=1e-9)


def test_a_primitive_cell_relaxes_to_the_lattice_constant():
    sizes = []
    for atoms in (bulk("Cu", a=3.5), bulk("Cu", a=3.5, cubic=True)):
        with calculator(threads=1) as atoms.calc:
            assert BFGS(FrechetCellFilter(atoms), logfile=None).run(fmax=1e-4, steps=60)
            sizes.append(atoms.get_volume() / len(atoms))
    assert sizes[0] == pytest.approx(sizes[1], rel=1e-5)


def sheared(atoms):
    atoms.set_cell(atoms.cell @ (np.eye(3) + [[0, 0.01, 0], [0, 0, 0], [0, 0, 0]]), scale_atoms=True)
    return atoms


def test_sheared_cells_are_refused():
    atoms = sheared(bulk("Cu", a=3.6))
    with calculator() as atoms.calc, pytest.raises(CalculatorSetupError, match="only orthogonal boxes are supported"):
        atoms.get_potential_energy()


def test_skewed_cells_are_refused_beside_what_stands_in_space(tmp_path):
    path = tmp_path / "input.toml"
    table = tomli_w.dumps({"potential": COPPER_SILVER, "uniform_force": [{"force_ev_per_angstrom": [0.1, 0, 0]}]})
    path.write_text(table)
    atoms = bulk("Cu", a=3.6)
    with calculator(path) as atoms.calc, pytest.raises(CalculatorSetupError, match="only orthogonal boxes are supported"):
        atoms.get_potential_energy()
    straight = bulk("Cu", a=3.6, cubic=True)
    with calculator(path) as straight.calc:
        assert straight.get_forces().sum(0) == pytest.approx([0.4, 0, 0], abs=1e-9)


def test_what_fails_says_that_atoms_are_counted_over_copies():
    atoms = bulk("Cu", a=3.6).repeat((2, 1, 1))
    with calculator() as atoms.calc:
        atoms.get_potential_energy()
        atoms.positions[1] = atoms.positions[0] + [0, 0, 0.01]
        with pytest.raises(CalculationFailed, match=r"it is 0.0100 Å from atom .*copies of the 2, which make the cell orthogonal"):
            atoms.get_potential_energy()
