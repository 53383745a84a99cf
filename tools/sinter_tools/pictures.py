"""Pictures of atoms: what a HAADF detector would show, and shaded balls.

HAADF: each atom adds Z^1.7 (the exponent that the field uses for such detectors) at its
place in projection, blurred by the probe; dynamical scattering is left out.
"""

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.colors import to_rgb
from scipy.ndimage import gaussian_filter
from scipy.spatial import cKDTree

from . import analysis
from .style import COLOURS, STRUCTURE_COLOURS
from .trajectory import Unusable

EXPONENT = 1.7
#: Å: full width of the probe at half maximum.
PROBE = 0.8
COLOURINGS = ["particle", "species", "structure", "displacement"]
_VIRIDIS = plt.get_cmap("viridis")


def axes_of(view):
    """Right, up and towards the eye, for `x`, `y`, `z` or a direction."""
    named = {"x": (1, 0, 0), "y": (0, 1, 0), "z": (0, 0, 1)}
    try:
        towards = np.array(named.get(view) or [float(x) for x in str(view).split(",")], float)
    except ValueError:
        towards = np.zeros(2)
    if towards.shape != (3,) or not np.linalg.norm(towards) > 0:
        raise Unusable(f'view: "x", "y", "z" or a direction as "1,1,0", not "{view}"')
    towards /= np.linalg.norm(towards)
    # The line of centres of a pair is x: it lies across wherever it can.
    across = np.array([1.0, 0, 0]) if abs(towards[0]) < 0.9 else np.array([0, 1.0, 0])
    right = across - across @ towards * towards
    right /= np.linalg.norm(right)
    return np.stack([right, np.cross(towards, right), towards])


def in_view(positions):
    """Which atoms a picture has room for: all but those that have evaporated and are more than half as far away from
    what is bonded as that is wide."""
    count = len(positions)
    if count < 4:
        return np.ones(count, bool)
    distance = cKDTree(positions).query(positions, k=4)[0]
    bonded = distance[:, 3] < 1.6 * np.median(distance[:, 1])
    if not bonded.any():
        return np.ones(count, bool)
    low, high = positions[bonded].min(0), positions[bonded].max(0)
    room = 0.5 * (high - low).max()
    return ((positions >= low - room) & (positions <= high + room)).all(1)


def _window(places, margin, pixels):
    """Lower corner, Å per pixel, and shape (rows, columns) of a picture of all atoms, with
    room above and below them for what is written there."""
    low, high = places[:, :2].min(0) - margin, places[:, :2].max(0) + margin
    room = 0.12 * (high - low).max()
    low[1], high[1] = low[1] - 0.5 * room, high[1] + room
    scale = (high - low).max() / pixels
    shape = np.maximum(np.ceil((high - low) / scale).astype(int), 1)
    return low, scale, (int(shape[1]), int(shape[0]))


def haadf(positions, numbers, view="z", probe=PROBE, thickness=None, pixels=1000):
    """Intensities (rows x columns, 1 at the most) and Å per pixel; `probe`: full width at
    half maximum in Å; `thickness`: of the slab about the middle that is seen, Å."""
    if not np.all(numbers):
        raise Unusable("an atom that is no chemical element has no atomic number: there is no HAADF picture of it")
    seen = in_view(positions)
    places, numbers = positions[seen] @ axes_of(view).T, numbers[seen]
    if thickness is not None:
        middle = (places[:, 2].min() + places[:, 2].max()) / 2
        seen = np.abs(places[:, 2] - middle) <= thickness / 2
        if not seen.any():
            raise Unusable(f"no atom lies in a slab {thickness} Å thick about the middle")
        places, numbers = places[seen], numbers[seen]
    low, scale, shape = _window(places, 5 + 2 * probe, pixels)
    place = (places[:, :2] - low) / scale - 0.5
    corner = np.floor(place).astype(int)
    part = place - corner
    weight = numbers.astype(float) ** EXPONENT
    picture = np.zeros(shape)
    for dx in (0, 1):
        for dy in (0, 1):
            share = np.abs(1 - dx - part[:, 0]) * np.abs(1 - dy - part[:, 1])
            column = np.clip(corner[:, 0] + dx, 0, shape[1] - 1)
            row = np.clip(corner[:, 1] + dy, 0, shape[0] - 1)
            np.add.at(picture, (row, column), weight * share)
    picture = gaussian_filter(picture, probe / scale / (2 * np.sqrt(2 * np.log(2))))
    return picture / picture.max(), scale


def colours(trajectory, frame, by):
    """A colour for each atom (N x 3) and what the colours mean: names with colours, a
    label with the range of a scale, or words."""
    if by == "particle":
        count = int(trajectory.particle.max()) + 1
        palette = np.array([to_rgb(COLOURS[k % 6]) for k in range(count)])
        names = {f"particle {k}": palette[k] for k in range(count)} if count <= 6 else {}
        return palette[trajectory.particle], names
    if by == "species":
        elements = trajectory.elements
        palette = {e: np.array(to_rgb(COLOURS[k % len(COLOURS)])) for k, e in enumerate(elements)}
        return np.array([palette[s] for s in frame.symbols.tolist()]), palette
    if by == "structure":
        classes = analysis.structure_classes(frame.positions, frame.lengths, trajectory.periodic)
        palette = np.array([to_rgb(c) for c in STRUCTURE_COLOURS])
        there = np.unique(classes)
        return palette[classes], {analysis.STRUCTURES[k]: palette[k] for k in there}
    if by == "displacement":
        start = trajectory.frame(trajectory.at(trajectory.together()))
        if frame.step < start.step:
            # To where they are put is no way that atoms have moved.
            grey = np.full((trajectory.atoms, 3), 0.6)
            return grey, f"not yet put together, which is at {start.time:g} ps"
        moved = np.linalg.norm(frame.positions - start.positions, axis=1)
        top = max(float(np.percentile(moved, 99)), 1e-9)
        return _VIRIDIS(np.clip(moved / top, 0, 1))[:, :3], (f"moved since {start.time:g} ps / Å", 0.0, top)
    raise Unusable(f"colours by {', '.join(COLOURINGS)}, not {by}")


def cut_open(positions, particle, view="z"):
    """Which atoms are left when each particle is cut through its middle and the half towards the eye taken away."""
    depth = positions @ axes_of(view)[2]
    count = np.bincount(particle)
    middle = np.bincount(particle, depth) / np.maximum(count, 1)
    return depth <= middle[particle]


def balls(positions, colour, view="z", radius=1.4, pixels=1000):
    """Balls lit from the upper left, the nearest in front: rows x columns x 3, white where
    there is nothing, and Å per pixel."""
    seen = in_view(positions)
    places, colour = positions[seen] @ axes_of(view).T, colour[seen]
    low, scale, shape = _window(places, radius + 4, pixels)
    size = radius / scale
    half = int(np.ceil(size))
    y, x = np.mgrid[-half : half + 1, -half : half + 1]
    picture = np.ones((*shape, 3))
    depth = np.full(shape, -np.inf)
    far, near = places[:, 2].min(), places[:, 2].max()
    centre = (places[:, :2] - low) / scale - 0.5
    # From the back to the front: few pixels are painted in vain, and fog is a function of depth.
    for i in np.argsort(places[:, 2]):
        cx, cy = centre[i]
        column, row = int(round(cx)), int(round(cy))
        u, v = x - (cx - column), y - (cy - row)
        square = (u * u + v * v) / (size * size)
        inside = square < 1
        up = np.sqrt(np.where(inside, 1 - square, 0))
        rows, columns = slice(row - half, row + half + 1), slice(column - half, column + half + 1)
        if row < half or column < half:
            continue
        old = depth[rows, columns]
        if old.shape != square.shape:
            continue
        height = places[i, 2] + radius * up
        front = inside & (height > old)
        light = np.clip((-0.45 * u + 0.45 * v) / size + 0.77 * up, 0, 1)
        fog = 0.55 + 0.45 * (places[i, 2] - far) / max(near - far, 1e-9)
        shade = (0.25 + 0.75 * light) * fog
        painted = colour[i] * shade[..., None] + 0.25 * (light[..., None] ** 20) * fog
        old[front] = height[front]
        picture[rows, columns][front] = np.clip(painted, 0, 1)[front]
    return picture, scale


def scale_bar(axis, scale, shape, colour):
    """A bar of a round length, a fifth of the picture or less, in its lower left corner."""
    width = shape[1] * scale
    length = max(l for l in [d * 10**e for e in range(-1, 5) for d in (1, 2, 5)] if l <= max(width / 5, 0.1))
    left, low = 0.04 * shape[1], 0.05 * shape[0]
    axis.plot([left, left + length / scale], [low, low], color=colour, lw=3, solid_capstyle="butt")
    text = f"{length / 10:g} nm" if length >= 10 else f"{length:g} Å"
    axis.annotate(text, (left + length / scale / 2, low), xytext=(0, 4), textcoords="offset points",
                  ha="center", color=colour, fontsize="small")


def _framed(picture, scale, dark, **options):
    shape = picture.shape
    figure, axis = plt.subplots(figsize=(6, 6 * shape[0] / shape[1]), layout="none")
    axis.set_position([0, 0, 1, 1])
    axis.imshow(picture, origin="lower", interpolation="antialiased", **options)
    axis.set_axis_off()
    axis.set_xlim(-0.5, shape[1] - 0.5)
    axis.set_ylim(-0.5, shape[0] - 0.5)
    scale_bar(axis, scale, shape, "white" if dark else "black")
    return figure, axis


def haadf_figure(trajectory, frame, **options):
    picture, scale = haadf(frame.positions, frame.numbers, **options)
    figure, axis = _framed(picture, scale, True, cmap="gray", vmin=0, vmax=1)
    axis.annotate(f"{frame.time:g} ps", (0.97, 0.96), xycoords="axes fraction", ha="right", va="top", color="white")
    return figure


def balls_figure(trajectory, frame, by="particle", cut=False, view="z", **options):
    colour, meaning = colours(trajectory, frame, by)
    positions = frame.positions
    if cut:
        left = cut_open(positions, trajectory.particle, view)
        positions, colour = positions[left], colour[left]
    picture, scale = balls(positions, colour, view, **options)
    figure, axis = _framed(picture, scale, False)
    axis.annotate(f"{frame.time:g} ps", (0.97, 0.96), xycoords="axes fraction", ha="right", va="top")
    if isinstance(meaning, dict) and len(meaning) > 1:
        handles = [plt.Line2D([], [], ls="", marker="o", color=c, label=name) for name, c in meaning.items()]
        axis.legend(handles=handles, loc="upper left", handletextpad=0.1)
    elif isinstance(meaning, str):
        axis.annotate(meaning, (0.03, 0.96), xycoords="axes fraction", va="top", fontsize="small")
    elif isinstance(meaning, tuple):
        label, low, high = meaning
        mappable = plt.cm.ScalarMappable(plt.Normalize(low, high), "viridis")
        bar = figure.colorbar(mappable, cax=axis.inset_axes([0.03, 0.955, 0.3, 0.02]), orientation="horizontal")
        bar.set_label(label, fontsize="small", labelpad=1)
        bar.ax.tick_params(labelsize="x-small", pad=1)
    return figure
