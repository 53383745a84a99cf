"""Close-up of the gap between two particles, with the paths of the atoms that bridge it.

The slab about the middle of the pair is seen from the side; atoms of other particles are grey. Atoms that end nearest to the
middle of the gap are followed from when the particles were put together. Across periodic boundaries the second
particle stands where it is nearest to the first; evaporated atoms do not tell where the gap is.
"""

import matplotlib.pyplot as plt
import numpy as np

from . import analysis, surfaces
from .style import COLOURS
from .trajectory import Unusable


#: Of the atoms that are followed: colours that are not the particles', and shapes where these are used up.
PATHS = [(colour, marker) for marker in "osD^v" for colour in COLOURS[2:7]]


def _axis(positions, one, other):
    """Middle between two particles, and the direction from the first to the second."""
    a, b = positions[one].mean(0), positions[other].mean(0)
    direction = (b - a) / np.linalg.norm(b - a)
    low = (positions[other] @ direction).min()
    high = (positions[one] @ direction).max()
    inside = np.clip((low + high) / 2, a @ direction, b @ direction)
    return a + (inside - a @ direction) * direction, direction


def _placed(trajectory, pair, first):
    """A function of a frame: positions, those of the second particle nearest to the first as they are in the first frame, seen
    from where the two have moved to together, which others make them do."""
    one, other = (trajectory.particle == p for p in pair)
    # Medians do not see what has evaporated.
    middle = lambda frame: (np.median(frame.positions[one], axis=0) + np.median(frame.positions[other], axis=0)) / 2
    moved = lambda frame: middle(frame) - middle(first) if trajectory.particle.max() > 1 else 0.0
    apart = first.positions[other].mean(0) - first.positions[one].mean(0)
    shift = analysis.nearest_images(apart, first.lengths, trajectory.periodic) - apart
    return lambda frame: frame.positions + other[:, None] * shift - moved(frame)


def followed(trajectory, pair, count):
    """The atoms that have come farthest into the gap: those that end within 6 Å of its middle
    plane and 10 Å of the line of centres, by how much nearer to that plane they have come."""
    one, other = (trajectory.particle == p for p in pair)
    first = trajectory.frame(trajectory.at(trajectory.together()))
    last = trajectory.frame(-1)
    placed = _placed(trajectory, pair, first)
    bound = ~surfaces.vapour(trajectory, first)
    middle, direction = _axis(placed(first), one & bound, other & bound)
    depth = lambda frame: np.abs((placed(frame) - middle) @ direction)
    gain = np.where(one | other, depth(first) - depth(last), -np.inf)
    place = placed(last) - middle
    aside = np.linalg.norm(place - np.outer(place @ direction, direction), axis=1)
    near = np.where((depth(last) < 6) & (aside < 10), gain, -np.inf)
    chosen = np.argsort(near)[::-1][:count]
    return chosen[near[chosen] > 0]


def figure(trajectory, pair=None, count=3, half_width=14.0):
    """Four moments from together to the end, atoms within `half_width` Å of the middle of the
    gap, with the paths of `count` atoms; `pair`: that with the widest neck unless given."""
    if not pair and len(np.unique(trajectory.particle)) < 2:
        raise Unusable("there is only one particle in this file: a gap is between two")
    pair = pair or trajectory.main_pair()
    if pair[0] == pair[1]:
        raise Unusable(f"a pair is of two particles, not of {pair[0]} alone")
    one, other = (trajectory.particle == p for p in pair)
    if not one.any() or not other.any():
        raise Unusable(f"there are no particles {pair[0]} and {pair[1]} in this file")
    if not trajectory.is_together():
        raise Unusable("the particles of this file are never together: there is no gap to look at yet")
    start = trajectory.at(trajectory.together())
    atoms = followed(trajectory, pair, count)
    moments = np.unique(np.linspace(start, len(trajectory) - 1, 4).round().astype(int))
    first = trajectory.frame(start)
    placed = _placed(trajectory, pair, first)
    bound = ~surfaces.vapour(trajectory, first)
    middle, direction = _axis(placed(first), one & bound, other & bound)
    across = np.cross(direction, [0, 0, 1.0]) if abs(direction[2]) < 0.9 else np.cross(direction, [1.0, 0, 0])
    across /= np.linalg.norm(across)
    view = np.stack([direction, across, np.cross(direction, across)])
    paths = np.array([(placed(trajectory.frame(i))[atoms] - middle) @ view.T for i in range(start, len(trajectory))])
    figure, axes = plt.subplots(1, len(moments), figsize=(3 * len(moments), 3.2), squeeze=False)
    for axis, index in zip(axes[0], moments):
        frame = trajectory.frame(int(index))
        places = placed(frame) - middle
        beside = ~(one | other)
        places[beside] = analysis.nearest_images(places[beside], frame.lengths, trajectory.periodic)
        places = places @ view.T
        seen = (np.abs(places[:, :2]) < half_width).all(1) & (np.abs(places[:, 2]) < 6)
        order = np.flatnonzero(seen)[np.argsort(places[seen, 2])]
        colour = np.where(one[order], COLOURS[0], np.where(other[order], COLOURS[1], COLOURS[6]))
        size = (2.6 / (2 * half_width) * 2.6 * 72) ** 2
        axis.scatter(places[order, 0], places[order, 1], s=size, c=colour, alpha=0.35, edgecolors="white", linewidths=0.4)
        for k, atom in enumerate(atoms):
            path = paths[: index - start + 1, k]
            colour, marker = PATHS[k % len(PATHS)]
            axis.plot(path[:, 0], path[:, 1], color=colour, lw=0.9)
            axis.scatter(*path[-1, :2], s=0.5 * size, color=colour, marker=marker, edgecolors="black", linewidths=0.6,
                         zorder=3, label=f"atom {atom}")
        axis.set_xlim(-half_width, half_width)
        axis.set_ylim(-half_width, half_width)
        axis.set_aspect("equal")
        axis.grid(False)
        axis.set_title(f"{frame.time:g} ps", fontsize="small")
        several = trajectory.particle.max() > 1
        axis.set_xlabel(f"from particle {pair[0]} to {pair[1]} / Å" if several else "along the pair / Å")
    axes[0, 0].set_ylabel("across / Å")
    for axis in axes[0, 1:]:
        axis.set_yticklabels([])
    if len(atoms):
        figure.legend(*axes[0, -1].get_legend_handles_labels(), loc="outside lower center", ncols=min(len(atoms), 8))
    return figure
