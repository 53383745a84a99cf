"""Strain of the lattice about each atom, averaged along the line of sight.

For each atom with twelve neighbours the deformation gradient J that carries the ideal fcc
shell, in the orientation of its crystal, onto the shell that is there, by least squares
(Falk and Langer, Phys. Rev. E 57 (1998) 7192; the reference is the ideal lattice and not an
earlier time). Its strain is E = (J + J^T)/2 - 1 in the axes of the picture. A particle has one
crystal, or several where twins or boundaries divide it: the orientation that fits most shells (`LEAST_FIT`), then that which
fits most of the others, until it is fewer than `FEWEST`, of which no strain is known.
"""

import matplotlib.pyplot as plt
import numpy as np

from . import analysis, pictures
from .trajectory import Unusable

#: Atoms of a column that is shown, and of a crystal.
FEWEST = 5
#: Mean cosine between the neighbours of an atom and those of the ideal shell: 0.96 across a twin boundary, 0.99 in heat.
LEAST_FIT = 0.975
SHELL = np.array([(a, b, 0) for a in (1, -1) for b in (1, -1)]
                 + [(a, 0, b) for a in (1, -1) for b in (1, -1)]
                 + [(0, a, b) for a in (1, -1) for b in (1, -1)]) / np.sqrt(2)


def _matched(vectors, reference):
    """The reference vector nearest in direction to each of the vectors."""
    unit = vectors / np.linalg.norm(vectors, axis=-1, keepdims=True)
    return reference[np.argmax(unit @ reference.T, axis=-1)]


def _turned(vectors, turned, steps=10):
    """Rotation of the lattice (rows: its cube axes) that fits shells (N x 12 x 3) best, from one nearby."""
    for _ in range(steps):
        reference = _matched(vectors, SHELL @ turned)
        # Kabsch: the rotation that carries the ideal shell onto what is there.
        u, _, v = np.linalg.svd(np.einsum("ijk,ijl->kl", reference @ turned.T, vectors))
        turned = u @ np.diag([1, 1, np.sign(np.linalg.det(u @ v))]) @ v
    return turned


def _fits(vectors, turned):
    """Which shells are of a lattice that is so turned."""
    cosine = (_matched(vectors, SHELL @ turned) * vectors).sum(2) / np.linalg.norm(vectors, axis=2)
    return cosine.mean(1) >= LEAST_FIT


def _largest_crystal(vectors):
    """Rotation of the lattice that most of some shells (N x 12 x 3) are of, and which these are."""
    best = np.eye(3), np.zeros(len(vectors), bool)
    for shell in vectors[:: max(1, len(vectors) // 20)]:
        turned = _turned(shell[None], _from_shell(shell))
        fits = _fits(vectors, turned)
        for _ in range(3):
            if fits.any():
                turned = _turned(vectors[fits], turned, 3)
                fits = _fits(vectors, turned)
        if fits.sum() > best[1].sum():
            best = turned, fits
    return best


def _from_shell(shell):
    """Axes from two neighbours at right angles, which lie along (110) and (1-10)."""
    unit = shell / np.linalg.norm(shell, axis=1, keepdims=True)
    cosine = np.abs(unit @ unit.T)
    i, j = np.unravel_index(np.argmin(cosine), cosine.shape)
    a, b = unit[i], unit[j] - unit[j] @ unit[i] * unit[i]
    b /= np.linalg.norm(b)
    x, y = (a + b) / np.sqrt(2), (a - b) / np.sqrt(2)
    return np.stack([x, y, np.cross(x, y)])


def strains(trajectory, frame):
    """Strain tensor of each atom (N x 3 x 3), not a number where the atom is not in an fcc
    surrounding, relative to the mean distance of neighbours in the frame."""
    classes = analysis.structure_classes(frame.positions, frame.lengths, trajectory.periodic)
    neighbours, places = analysis.tree(frame.positions, frame.lengths, trajectory.periodic)
    inside = np.flatnonzero(classes == analysis.FCC)
    found = np.full((trajectory.atoms, 3, 3), np.nan)
    if not len(inside):
        raise Unusable("no atom of this frame has an fcc surrounding")
    _, index = neighbours.query(places[inside], k=13)
    vectors = places[index[:, 1:]] - places[inside, None]
    vectors = analysis.nearest_images(vectors, frame.lengths, trajectory.periodic)
    distance = np.linalg.norm(vectors, axis=2).mean()
    for own, reference in _crystals(vectors, trajectory.particle[inside]):
        shell, reference = vectors[own], reference * distance
        # Least squares: J of each atom in vectors = reference J^T.
        moment = np.einsum("nij,nik->njk", reference, reference)
        mixed = np.einsum("nij,nik->njk", reference, shell)
        gradient = np.linalg.solve(moment, mixed).transpose(0, 2, 1)
        found[inside[own]] = (gradient + gradient.transpose(0, 2, 1)) / 2 - np.eye(3)
    return found


def _crystals(vectors, particle):
    """Of each crystal which shells (N x 12 x 3) are of it, and the ideal ones in its orientation."""
    for one in np.unique(particle):
        left = np.flatnonzero(particle == one)
        while len(left) >= FEWEST:
            turned, fits = _largest_crystal(vectors[left])
            if fits.sum() < FEWEST:
                break
            yield left[fits], _matched(vectors[left[fits]], SHELL @ turned)
            left = left[~fits]


def figure(trajectory, frame, view="z", resolution=4.0):
    """Maps of the two normal strains in the plane of the picture, averaged over columns
    `resolution` Å wide."""
    axes = pictures.axes_of(view)
    tensor = axes @ strains(trajectory, frame) @ axes.T
    places = frame.positions @ axes.T
    known = np.isfinite(tensor[:, 0, 0])
    seen = places[pictures.in_view(frame.positions), :2]
    low, high = seen.min(0) - 2, seen.max(0) + 2
    bins = np.maximum(((high - low) / resolution).astype(int), 1)
    box = [[low[0], high[0]], [low[1], high[1]]]
    count, _, _ = np.histogram2d(places[known, 0], places[known, 1], bins, box)
    if count.max() < FEWEST:
        raise Unusable(
            f"no column {resolution:g} Å wide of this picture has {FEWEST} atoms in fcc surroundings: "
            "a coarser --resolution, or another --view"
        )
    span = (high - low)[1] / (high - low)[0]
    drawn, panels = plt.subplots(2, sharex=True, figsize=(6, min(max(9 * span, 4), 12) + 1), layout="compressed")
    for panel, (d, name) in zip(panels, [(0, "horizontal"), (1, "vertical")]):
        sums, _, _ = np.histogram2d(places[known, 0], places[known, 1], bins, box, weights=tensor[known, d, d])
        mean = 100 * np.where(count >= FEWEST, sums / np.maximum(count, 1), np.nan)
        # A cell with few atoms shows heat, not strain.
        top = max(float(np.nanpercentile(np.abs(mean), 98)), 0.1)
        shown = panel.imshow(mean.T, origin="lower", extent=[*box[0], *box[1]], cmap="RdBu_r", vmin=-top, vmax=top)
        drawn.colorbar(shown, ax=panel, label=f"{name} strain / %")
        panel.set_ylabel("Å")
        panel.grid(False)
    panels[1].set_xlabel("Å")
    panels[0].set_title(f"{frame.time:g} ps", fontsize="small", loc="right")
    return drawn
