"""Cells that are not orthogonal, as copies that are.

The engine knows boxes along x, y and z. A lattice of vectors p_k (rows of P) has an orthogonal cell if there are integer
combinations M P of them that are perpendicular to one another; all primitive cells of cubic, tetragonal, orthorhombic and hexagonal
crystals do. `Cell` finds the one of fewest copies, turns it to x, y and z, and turns the answers back: energies and
virials are those of |det M| copies, forces those of each. A sheared crystal has none.
"""

import numpy as np
from ase import Atoms
from ase.build.supercells import lattice_points_in_supercell

#: Combinations of each vector up to so many times: enough for the primitive cells above.
MOST = 3
#: Cosines of angles that count as right ones. The cell that is taken is as far from that which was given.
RIGHT = 1e-10


def _is_along_axes(cell, periodic):
    """Whether each periodic vector stands along its own axis, as the engine has them."""
    return not np.any((cell * ~np.eye(3, dtype=bool))[periodic])


def _combinations(vectors):
    """M of the orthogonal cell with the fewest copies; None where there is none within `MOST`."""
    count = len(vectors)
    whole = np.stack(np.meshgrid(*[np.arange(-MOST, MOST + 1)] * count, indexing="ij"), -1).reshape(-1, count)
    # Of v and -v the one whose first component that is not 0 is positive.
    whole = np.array([v for v in whole if v.any() and v[np.flatnonzero(v)[0]] > 0])
    lengths = np.linalg.norm(whole @ vectors, axis=1)
    if not lengths.all() or not np.isfinite(lengths).all():
        return None
    whole = whole[np.argsort(lengths, kind="stable")]
    unit = whole @ vectors
    unit /= np.linalg.norm(unit, axis=1)[:, None]
    right = np.abs(unit @ unit.T) < RIGHT
    chosen = [[k] for k in range(len(whole))]
    for _ in range(count - 1):
        chosen = [[*some, k] for some in chosen for k in np.flatnonzero(right[some].all(0)) if k > some[-1]]
    sizes = [abs(round(np.linalg.det(whole[some]))) for some in chosen]
    return whole[chosen[int(np.argmin(sizes))]] if chosen else None


def _order(combined, vectors):
    """Each combination to the axis that it goes along most, so that cells that are nearly orthogonal are hardly turned."""
    share = np.abs(combined @ vectors)
    order = []
    for axis in range(len(vectors)):
        left = [k for k in range(len(combined)) if k not in order]
        order.append(max(left, key=lambda k: share[k, axis] / np.linalg.norm(share[k])))
    return combined[order]


class Cell:
    """The orthogonal cell of atoms, and what turns it to x, y and z: `copies` of them, rows of `axes`. The given cell
    where it is one, where there is none (the program says what is wrong), and where it `stays` because something stands in space."""

    def __init__(self, atoms, stays=False):
        self.pbc = atoms.pbc.copy()
        self.matrix, self.axes, self.copies = np.eye(3, dtype=int), np.eye(3), 1
        self.is_given = True
        vectors = np.asarray(atoms.cell)[self.pbc]
        if stays or not len(vectors) or _is_along_axes(np.asarray(atoms.cell), self.pbc):
            return
        found = _combinations(vectors)
        if found is None:
            return
        found = _order(found, vectors)
        self.matrix[np.ix_(self.pbc, self.pbc)] = found
        self.copies = abs(round(np.linalg.det(found)))
        self.is_given = False
        self.axes = self._axes(atoms)

    def _axes(self, atoms):
        """Directions of the combined vectors, and what is perpendicular to them; right-handed."""
        along = (self.matrix @ np.asarray(atoms.cell))[self.pbc]
        full = np.linalg.svd(along)[2]
        axes = np.empty((3, 3))
        axes[self.pbc] = along / np.linalg.norm(along, axis=1)[:, None]
        axes[~self.pbc] = full[len(along) :]
        if np.linalg.det(axes) < 0:
            axes[np.flatnonzero(~self.pbc)[0] if not self.pbc.all() else 2] *= -1
        return axes

    def is_of(self, atoms):
        """Whether these atoms' cell becomes orthogonal in the same way."""
        if (atoms.pbc != self.pbc).any():
            return False
        if self.is_given:
            return _is_along_axes(np.asarray(atoms.cell), self.pbc)
        along = (self.matrix @ np.asarray(atoms.cell))[self.pbc]
        cosines = along @ along.T / np.outer(*[np.linalg.norm(along, axis=1)] * 2)
        return bool(np.all(np.abs(cosines - np.eye(len(along))) < RIGHT))

    def filled(self, atoms):
        """The atoms in this cell: the given ones, then their copies."""
        if self.is_given:
            return atoms
        self.axes = self._axes(atoms)
        matrix, cell = self.matrix, np.asarray(atoms.cell).copy()
        for free in np.flatnonzero(~self.pbc):
            cell[free] = self.axes[free]
        shifts = lattice_points_in_supercell(matrix) @ matrix @ cell
        shifts = shifts[np.argsort(np.linalg.norm(shifts, axis=1), kind="stable")]
        positions = (atoms.positions[None] + shifts[:, None]).reshape(-1, 3) @ self.axes.T
        lengths = np.where(self.pbc, np.linalg.norm(matrix @ cell, axis=1), 0)
        return Atoms(atoms.get_chemical_symbols() * self.copies, positions=positions, cell=np.diag(lengths), pbc=self.pbc)

    def given(self, energy, forces, virial):
        """What the program found for the filled cell, for the atoms that were given."""
        if self.is_given:
            return energy, forces, virial
        forces = forces[: len(forces) // self.copies] @ self.axes
        return energy / self.copies, forces, self.axes.T @ virial @ self.axes / self.copies
