"""Shapes against ase.cluster: counts and, up to a turn, the distances between atoms; and what elements are where."""

import itertools
import subprocess

import ase.cluster
import ase.io
import numpy as np
import pytest
from running import HEAD, PROGRAM, write_input
from scipy.spatial import cKDTree
from wulffpack import SingleCrystal
from ase.build import bulk

A = 3.9  # Å
NEAREST = A / 2**0.5
POTENTIAL = HEAD[: HEAD.index("[[particle]]")]


def built(folder, particle):
    text = f"""{POTENTIAL}
[[particle]]
lattice_constant_angstrom = {A}
{particle}
[[stage]]
kind = "hold"
temperature_k = 300
duration_ps = 1
"""
    output = folder / "particle.xyz"
    command = [PROGRAM, "build", write_input(folder, text), "--output", output, "--force"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    return ase.io.read(output)


PLAIN = "composition = { Pt = 1.0 }\n"


def distances(positions):
    """All of them, in order, over that of nearest neighbours (mean of the bonds)."""
    r = np.linalg.norm(positions[:, None] - positions[None, :], axis=2)
    r = np.sort(r[np.triu_indices(len(positions), 1)])
    return r / r[r < 1.2 * r[0]].mean()


def same_shape(ours, theirs):
    assert len(ours) == len(theirs)
    np.testing.assert_allclose(distances(ours.positions), distances(theirs.positions), rtol=2e-3)


def neighbours(atoms, within):
    tree = cKDTree(atoms.positions)
    return [np.array([j for j in near if j != i], dtype=int)
            for i, near in enumerate(tree.query_ball_point(atoms.positions, within))]


@pytest.mark.parametrize("shells", [2, 3, 5, 8])
def test_icosahedra_are_those_of_ase(tmp_path, shells):
    theirs = ase.cluster.Icosahedron("Pt", shells, latticeconstant=A)
    ours = built(tmp_path, f'shape = "icosahedron"\natoms = {len(theirs)}\n{PLAIN}')
    same_shape(ours, theirs)


@pytest.mark.parametrize("p, q, r", [(2, 2, 1), (3, 3, 2), (4, 4, 2), (5, 5, 2)])
def test_decahedra_are_those_of_ase(tmp_path, p, q, r):
    theirs = ase.cluster.Decahedron("Pt", p, q, r, latticeconstant=A)
    ours = built(tmp_path, f'shape = "decahedron"\natoms = {len(theirs)}\n{PLAIN}')
    same_shape(ours, theirs)


def test_octahedra_and_what_is_cut_of_them_are_those_of_ase(tmp_path):
    for length, cutoff, ours in [
        (7, 0, 'shape = "octahedron"'),
        (10, 3, 'shape = "truncated-octahedron"'),
        (9, 4, 'shape = "cuboctahedron"'),
        (10, 3, 'shape = "octahedron"\ntruncation = 0.333'),
        (9, 4, 'shape = "cube"\ntruncation = 0.5'),
    ]:
        theirs = ase.cluster.Octahedron("Pt", length, cutoff, latticeconstant=A)
        same_shape(built(tmp_path, f"{ours}\natoms = {len(theirs)}\n{PLAIN}"), theirs)


def test_tetrahedra_have_tetrahedral_numbers(tmp_path):
    counts = set()
    for wanted in range(2, 1000, 8):
        counts.add(len(built(tmp_path, f'shape = "tetrahedron"\natoms = {wanted}\n{PLAIN}')))
    assert counts <= {n * (n + 1) * (n + 2) // 6 for n in range(1, 20)}
    assert len(counts) >= 14


@pytest.mark.parametrize("shape", ["icosahedron", "decahedron"])
def test_an_exact_number_is_made_from_the_next_larger_shape(tmp_path, shape):
    ours = built(tmp_path, f'shape = "{shape}"\natoms = 500\nsize = "exact"\n{PLAIN}')
    assert len(ours) == 500
    assert min(map(len, neighbours(ours, 1.2 * NEAREST))) >= 3


def test_wulff_shapes_of_other_families_are_those_of_wulffpack(tmp_path):
    energies = {"111": 1.0, "100": 1.1, "110": 1.15, "210": 1.12}
    theirs = SingleCrystal({tuple(map(int, f)): e for f, e in energies.items()},
                           primitive_structure=bulk("Pt", a=A), natoms=3000)
    table = ", ".join(f'"{family}" = {energy}' for family, energy in energies.items())
    for atoms in (theirs.atoms, theirs.get_shifted_atoms(center_shift=(A / 2, 0, 0))):
        ours = built(tmp_path, f"surface_energy_j_per_m2 = {{ {table} }}\natoms = {len(atoms)}\n{PLAIN}")
        assert len(ours) == len(atoms)


@pytest.mark.parametrize("shape, edge, volume", [
    ("cube", 5.0, 1.0), ("octahedron", 6.0, 2**0.5 / 3), ("truncated-octahedron", 2.5, 8 * 2**0.5),
    ("cuboctahedron", 4.0, 5 * 2**0.5 / 3), ("tetrahedron", 9.0, 2**0.5 / 12),
    ("triangular-plate", 8.0, 3**0.5 / 4 * 0.3),
])
def test_edges_have_their_lengths(tmp_path, shape, edge, volume):
    ours = built(tmp_path, f'shape = "{shape}"\nedge_nm = {edge}\n{PLAIN}')
    atomic = A**3 / 4
    # Complete shapes come in steps of some per cent.
    assert len(ours) == pytest.approx(volume * (10 * edge) ** 3 / atomic, rel=0.12)


def test_rods_plates_and_hemispheres_have_their_proportions(tmp_path):
    size = "diameter_nm = 5\n" + PLAIN
    rod = built(tmp_path, f'shape = "rod"\naspect_ratio = 4\n{size}').positions
    low, high = rod.min(axis=0), rod.max(axis=0)
    assert (high - low)[2] / (high - low)[0] == pytest.approx(4, rel=0.1)
    half = built(tmp_path, f'shape = "hemisphere"\n{size}').positions
    low, high = half.min(axis=0), half.max(axis=0)
    assert low[2] == pytest.approx(0, abs=1e-6)
    assert high[0] == pytest.approx(high[2], abs=A / 2)
    plate = built(tmp_path, f'shape = "triangular-plate"\n{size}').positions
    across = plate @ np.array([1, 1, 1]) / 3**0.5
    sides = [plate @ np.array(n) / 6**0.5 for n in ([-2, 1, 1], [1, -2, 1], [1, 1, -2])]
    edge = (max(s.max() for s in sides) - min(s.min() for s in sides)) * 2 / 3**0.5
    assert np.ptp(across) / edge == pytest.approx(0.3, abs=0.05)


def test_rounding_lies_between_the_shape_and_a_sphere(tmp_path):
    spread = []
    for rounding in (0, 0.5, 1):
        r = np.linalg.norm(built(
            tmp_path, f'shape = "cube"\natoms = 4000\nrounding = {rounding}\n{PLAIN}').positions, axis=1)
        spread.append(r.max() / r.mean())
    sphere = 4 / 3
    assert spread[0] > spread[1] > spread[2] == pytest.approx(sphere, rel=0.03)


@pytest.mark.parametrize("defect", ["twin", "stacking-fault"])
def test_a_defect_keeps_the_neighbours(tmp_path, defect):
    atoms = built(tmp_path, f'shape = "sphere"\natoms = 3000\ndefect = "{defect}"\n{PLAIN}')
    near = neighbours(atoms, 1.1 * NEAREST)
    r = atoms.positions
    inside = np.linalg.norm(r, axis=1) < 0.7 * np.linalg.norm(r, axis=1).max()
    assert all(len(n) == 12 for n, i in zip(near, inside) if i)
    assert min(np.linalg.norm(r[n] - r[i], axis=1).min() for i, n in enumerate(near)) > 0.999 * NEAREST
    # Hexagonal surroundings: no neighbour has another straight across for half of the bonds.
    def opposite(i):
        return sum(np.linalg.norm(r[near[i]] + r[j] - 2 * r[i], axis=1).min() < 0.1 for j in near[i])
    hexagonal = {round(float(r[i].sum() / 3**0.5), 2) for i in np.flatnonzero(inside) if opposite(i) == 6}
    assert len(hexagonal) == {"twin": 1, "stacking-fault": 2}[defect]


def test_bcc_and_hcp_have_their_neighbours(tmp_path):
    bcc = built(tmp_path, f'shape = "sphere"\nlattice = "bcc"\natoms = 2000\n{PLAIN}')
    near = [len(n) for n in neighbours(bcc, 0.93 * A)]
    assert near[int(np.argmin(np.linalg.norm(bcc.positions, axis=1)))] == 8
    assert len(bcc) == pytest.approx(2000, rel=0.05)
    hcp = built(tmp_path, f'shape = "sphere"\nlattice = "hcp"\natoms = 2000\n{PLAIN}')
    near = [len(n) for n in neighbours(hcp, 1.1 * A)]
    assert near[int(np.argmin(np.linalg.norm(hcp.positions, axis=1)))] == 12
    assert len(hcp) == pytest.approx(2000, rel=0.05)
    dodecahedron = built(tmp_path, f'lattice = "bcc"\natoms = 1695\nsurface_energy_j_per_m2 = {{ "110" = 1.0 }}\n{PLAIN}')
    assert len(dodecahedron) in {15, 65, 175, 369, 671, 1105, 1695}


@pytest.mark.parametrize("lattice, like", [("l1_2", 0), ("l1_0", 4)])
def test_ordered_alloys_are_ordered_as_far_as_wanted(tmp_path, lattice, like):
    make = f'shape = "sphere"\nlattice = "{lattice}"\natoms = 3000\nsublattices = [{{ Fe = 1.0 }}, {{ Pt = 1.0 }}]\n'
    share = {"l1_2": 0.25, "l1_0": 0.5}[lattice]
    perfect = built(tmp_path, make)
    iron = perfect.symbols == "Fe"
    near = neighbours(perfect, 1.1 * NEAREST)
    assert all(iron[n].sum() == like for n, i in zip(near, iron) if i and len(n) == 12)
    # The order parameter: (fraction of iron on its sites - mean) / (1 - share of these sites).
    half = built(tmp_path, make + "order = 0.6\n")
    now = half.symbols == "Fe"
    mean = now.mean()
    order = (now[iron].mean() - mean) / (1 - iron.mean())
    assert order == pytest.approx(0.6, abs=0.002)
    assert mean == pytest.approx(share, abs=0.02)
    assert now.sum() == pytest.approx(iron.sum(), abs=1)


def test_shells_slices_and_gradients(tmp_path):
    make = 'shape = "cube"\natoms = 4000\n'
    shells = built(tmp_path, make + """
[particle.mixture]
kind = "shells"
parts = [{ fraction = 0.3, composition = { Pt = 1.0 } }, { fraction = 0.7, composition = { Fe = 1.0 } }]
""")
    r = np.abs(shells.positions).max(axis=1)
    iron = shells.symbols == "Fe"
    assert iron.sum() == round(0.7 * len(shells))
    assert r[~iron].max() <= r[iron].min() + 1e-6
    janus = built(tmp_path, make + """
[particle.mixture]
kind = "slices"
direction = [1, 1, 0]
parts = [{ fraction = 0.5, composition = { Pt = 1.0 } }, { fraction = 0.5, composition = { Pt = 0.5, Fe = 0.5 } }]
""")
    along = janus.positions @ np.array([1, 1, 0])
    iron = janus.symbols == "Fe"
    assert abs(iron.sum() - len(janus) / 4) <= 1
    assert along[iron].min() >= np.median(along) - 1e-6
    graded = built(tmp_path, 'shape = "sphere"\natoms = 8000\n' + """
[particle.mixture]
kind = "gradient"
inside = { Pt = 1.0 }
outside = { Fe = 1.0 }
""")
    r = np.linalg.norm(graded.positions, axis=1)
    iron = graded.symbols == "Fe"
    for low, high in itertools.pairwise(np.linspace(0, 1, 6) * r.max() * 1.001):
        ring = (r >= low) & (r < high)
        assert iron[ring].mean() == pytest.approx((r[ring] / r.max()).mean(), abs=0.02)


def test_a_rough_surface_lacks_its_part(tmp_path):
    for shape in ("cube", "icosahedron"):
        make = f'shape = "{shape}"\natoms = 2000\n{PLAIN}'
        whole = built(tmp_path, make)
        surface = sum(len(n) < 12 for n in neighbours(whole, 1.2 * NEAREST))
        rough = built(tmp_path, make + "surface_removed_fraction = 0.25\n")
        assert len(whole) - len(rough) == int(0.25 * surface + 0.5)
        missing = cKDTree(rough.positions).query(whole.positions)[0] > 0.5
        assert missing.sum() == len(whole) - len(rough)
