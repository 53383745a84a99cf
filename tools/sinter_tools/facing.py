"""The facets with which two particles face each other, layer by layer: what stands above them.

Along the line of centres each particle has layers of spacing d, which with the phase of their positions is what makes
|Σ exp(2πi s/d)| greatest over its atoms within a column about the line (s: how far an atom lies outwards of the centre).
A layer is full where it has as many atoms as the middle one of those inside; the facet is the outermost that
is more than half full. Coverage: atoms of the layers above it over those of a full one. Adatoms on a facet are its first layer;
where there is a second one, they have made a step. The radius of the column is `RADIUS`, or less where the facet is smaller:
then that of a disc with the facet's mean square distance from the line, since layers that taper towards a facet are not layers that lack atoms.
"""

import numpy as np

from . import analysis, surfaces

RADIUS = 15.0
#: Spacings that are tried, in nearest-neighbour distances: from that of (110) to that of (111).
SPACINGS = np.linspace(0.45, 0.88, 431)
#: Of |Σ exp(2πi s/d)| over the number of atoms: less is no facet across the line of centres.
LEAST_ORDER = 0.25
LAYERS = 3


def _layers(outward, is_near, distance):
    """The number of its layer for each place s, and the order of those near the line; `distance` between neighbours, Å."""
    inside = outward[is_near & (outward > 0)]
    waves = np.exp(2j * np.pi * inside[:, None] / (SPACINGS * distance)).mean(0)
    best = int(np.abs(waves).argmax())
    spacing = SPACINGS[best] * distance
    return np.round(outward / spacing - np.angle(waves[best]) / (2 * np.pi)).astype(int), float(np.abs(waves[best]))


def coverage(positions, of_particle, others_centre, distance):
    """Of one particle the coverage of the `LAYERS` layers above its facet towards the other; None where nothing is
    layered across the line of centres. Shapes: N x 3, N (mask), 3; `distance` between neighbours, Å."""
    places = positions[of_particle]
    centre = places.mean(0)
    along = (others_centre - centre) / np.linalg.norm(others_centre - centre)
    outward = (places - centre) @ along
    aside = np.linalg.norm(places - centre - np.outer(outward, along), axis=1)
    layer, order = _layers(outward, aside < RADIUS, distance)
    radius = RADIUS
    while True:
        near = layer[(aside < radius) & (layer >= 0)]
        if order < LEAST_ORDER or not len(near) or near.max() < 2 * LAYERS:
            return None
        filled = np.bincount(near, minlength=near.max() + 1 + LAYERS)
        full = np.median(filled[1 : near.max() - LAYERS])
        facet = int(np.flatnonzero(filled > full / 2).max())
        # A disc of radius R has the mean square distance R²/2; an atom that has flown away is none of it.
        extent = np.sqrt(2 * np.mean(aside[(layer == facet) & (aside < 2 * RADIUS)] ** 2))
        if extent >= radius:
            break
        radius = extent
    above = filled[facet + 1 :]
    return np.append(above[: LAYERS - 1], above[LAYERS - 1 :].sum()) / full


def history(trajectory, pair=(0, 1)):
    """Times (ps) and coverage (frames x 2 x `LAYERS`, NaN where there are no layers) since the particles stand together;
    atoms that have evaporated do not count."""
    times, rows = [], []
    for index in range(trajectory.at(trajectory.together()), len(trajectory)):
        frame = trajectory.frame(index)
        distance = surfaces.mean_distance(trajectory, frame)
        bound = ~surfaces.vapour(trajectory, frame)
        masks = [(trajectory.particle == particle) & bound for particle in pair]
        centres = [frame.positions[mask].mean(0) for mask in masks]
        # The other one may be nearest across a periodic boundary.
        apart = analysis.nearest_images(centres[1] - centres[0], frame.lengths, trajectory.periodic)
        towards = centres[0] + apart, centres[1] - apart
        found = [coverage(frame.positions, mask, other, distance) for mask, other in zip(masks, towards)]
        times.append(frame.time)
        rows.append([np.full(LAYERS, np.nan) if row is None else row for row in found])
    return np.array(times), np.array(rows)
