"""Wulff shapes against WulffPack 1.5 (J. M. Rahm and P. Erhart, JOSS 5 (2020) 1944).

The conventions differ in the size only. WulffPack gives the polyhedron the volume
of `natoms` atoms and takes the lattice sites inside it about an atom (or about a
point that `get_shifted_atoms` is told), whatever their number. Ours grows the same
polyhedron about an atom and about an octahedral site, shell by shell, and takes the
number of atoms nearest to the wanted one. So each of WulffPack's particles must be
one of our complete shapes, and none of them may be nearer than ours.
"""

import functools
import re
import subprocess

import ase.io
import numpy as np
import pytest
from ase.build import bulk
from running import HEAD, PROGRAM, write_input
from wulffpack import SingleCrystal

A = 3.88  # Å
# Half of it along x: from an atom to an octahedral site.
OCTAHEDRAL = (A / 2, 0, 0)

ENERGIES = {
    "platinum": {"111": 1.656, "100": 2.167, "110": 1.979},
    "paper": {"111": 1.0, "100": 1.07, "110": 1.125},
    "cubic": {"111": 1.0, "100": 0.8, "110": 1.0},
    "two families": {"111": 1.0, "100": 1.2},
}
PAPER = 30802
PARTICLES = [(name, atoms) for name in ENERGIES for atoms in (300, 1000, 5000)] + [("paper", PAPER)]

# Distance of neighbouring layers, Å, and area of an atom in one, Å^2.
SPACING = {"111": A / 3**0.5, "100": A / 2, "110": A / 8**0.5}
AREA = {"111": 3**0.5 / 4 * A**2, "100": A**2 / 2, "110": A**2 / 2**0.5}
FACETS = {"111": 8, "100": 6, "110": 12}

# Rounding of positions to the grid and of WulffPack's geometry, Å.
ROUNDING = 1e-6
# The outermost layer lies up to one spacing inside its plane, up to two where the facet
# is so narrow that one of its layers has no site.
LAYERS = 2
# A layer's atoms end half a spacing inside the edges of their facet: with 10 to 16 atoms
# across, areas are known to some 20 %, and their shares to half of that.
AREA_SHARE = 0.1


@functools.cache
def wulffpack(name, atoms):
    energies = {tuple(map(int, family)): energy for family, energy in ENERGIES[name].items()}
    return SingleCrystal(energies, primitive_structure=bulk("Pt", a=A), natoms=atoms)


def built(folder, energies, atoms):
    """Positions of our particle, and by family its facets' layers: atoms and distance."""
    table = ", ".join(f'"{family}" = {energy}' for family, energy in energies.items())
    potential = HEAD[: HEAD.index("[[particle]]")]
    text = f"""{potential}
[[particle]]
atoms = {atoms}
lattice_constant_angstrom = {A}
surface_energy_j_per_m2 = {{ {table} }}
composition = {{ Pt = 1.0 }}
[[stage]]
kind = "hold"
temperature_k = 300
duration_ps = 1
"""
    output = folder / "particle.xyz"
    command = [PROGRAM, "build", write_input(folder, text), "--output", output, "--force"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    layers = {}
    for family, count, distance in re.findall(
        r"\((\d{3})\): outermost layer of (\d+) atoms, ([\d.]+) Å", done.stdout
    ):
        layers[family] = int(count), float(distance)
    return ase.io.read(output).positions, layers


def in_order(positions):
    return positions[np.lexsort(np.round(positions, 3).T)]


@pytest.mark.parametrize("name, atoms", PARTICLES)
def test_every_particle_of_wulffpack_is_one_of_ours(tmp_path, name, atoms):
    particle = wulffpack(name, atoms)
    shifted = particle.get_shifted_atoms(center_shift=OCTAHEDRAL).positions
    for theirs in (particle.atoms.positions, shifted):
        ours, layers = built(tmp_path, ENERGIES[name], len(theirs))
        assert len(ours) == len(theirs)
        if len(particle.atoms) != len(shifted):
            np.testing.assert_allclose(in_order(ours), in_order(theirs), atol=ROUNDING)
        for form in particle.forms:
            family = "".join(str(abs(index)) for index in form.miller_indices)
            plane = form.facets[0].distance_from_origin
            _, layer = layers["".join(sorted(family, reverse=True))]
            # Printed with two decimals.
            assert plane - LAYERS * SPACING[family] - 0.005 < layer < plane + 0.005


@pytest.mark.parametrize("name, atoms", PARTICLES)
def test_no_particle_of_wulffpack_is_nearer_to_the_wanted_number(tmp_path, name, atoms):
    particle = wulffpack(name, atoms)
    shifted = particle.get_shifted_atoms(center_shift=OCTAHEDRAL)
    ours, _ = built(tmp_path, ENERGIES[name], atoms)
    assert abs(len(ours) - atoms) <= min(abs(len(p) - atoms) for p in (particle.atoms, shifted))


@pytest.mark.parametrize("name", ENERGIES)
def test_facets_share_the_surface_as_those_of_wulffpack(tmp_path, name):
    particle = wulffpack(name, PAPER)
    _, layers = built(tmp_path, ENERGIES[name], PAPER)
    area = {f: FACETS[f] * layers[f][0] * AREA[f] for f in ENERGIES[name]}
    for form, share in particle.facet_fractions.items():
        family = "".join(str(index) for index in sorted(map(abs, form), reverse=True))
        assert area[family] / sum(area.values()) == pytest.approx(share, abs=AREA_SHARE)
