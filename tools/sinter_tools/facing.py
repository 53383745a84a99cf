"""The facets with which two particles face each other, layer by layer: what stands above them.

Along the line of centres each particle has layers of spacing d, which with the phase of their positions is what makes
|Σ exp(2πi s/d)| greatest over its atoms within `RADIUS` of the line (s: how far an atom lies outwards of the centre).
A layer is full where it has as many atoms as the middle one of those inside; the facet is the outermost that
is more than half full. Coverage: atoms of the layers above it over those of a full one. Adatoms on a facet are its first layer;
where there is a second one, they have made a step.
"""

import numpy as np

from . import surfaces

RADIUS = 15.0
#: Spacings that are tried, in nearest-neighbour distances: from that of (110) to that of (111).
SPACINGS = np.linspace(0.45, 0.88, 431)
#: Of |Σ exp(2πi s/d)| over the number of atoms: less is no facet across the line of centres.
LEAST_ORDER = 0.25
LAYERS = 3


def _layers(outward, distance):
    """The number of its layer for each place s, spacing and order; `distance` between neighbours, Å."""
    inside = outward[outward > 0]
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
    outward = outward[aside < RADIUS]
    layer, order = _layers(outward, distance)
    if order < LEAST_ORDER or layer.max() < 2 * LAYERS:
        return None
    filled = np.bincount(layer[layer >= 0], minlength=layer.max() + 1 + LAYERS)
    full = np.median(filled[1 : layer.max() - LAYERS])
    facet = int(np.flatnonzero(filled > full / 2).max())
    above = filled[facet + 1 :]
    return np.append(above[: LAYERS - 1], above[LAYERS - 1 :].sum()) / full


def history(trajectory, pair=(0, 1)):
    """Times (ps) and coverage (frames x 2 x `LAYERS`, NaN where there are no layers) since the particles stand together."""
    masks = [trajectory.particle == particle for particle in pair]
    times, rows = [], []
    for index in range(trajectory.at(trajectory.together()), len(trajectory)):
        frame = trajectory.frame(index)
        distance = surfaces.mean_distance(trajectory, frame)
        centres = [frame.positions[mask].mean(0) for mask in masks]
        found = [coverage(frame.positions, mask, other, distance) for mask, other in zip(masks, centres[::-1])]
        times.append(frame.time)
        rows.append([np.full(LAYERS, np.nan) if row is None else row for row in found])
    return np.array(times), np.array(rows)
