"""Surfaces in frames: which atoms are at them, what facet they are of, how deep the others lie, how they diffuse;
area and volume of what they enclose.

Surface atoms are those of the run (`src/observe/surroundings.rs`): with d the mean distance to the twelve nearest
neighbours, the neighbours within 3/2 d leave a cone of 45° empty about the direction n that they leave most room
in, n = -Σ u / |Σ u|. Facets: n, averaged with those of the neighbours at the surface, lies within 15° of a ⟨100⟩,
⟨111⟩ or ⟨110⟩ of the particle's lattice (`lattice_axes` in /sinter/structure); else the atom is at a step or an edge.

Diffusion: mean square displacements against lag, of each kind of site at the lag's beginning, averaged over several
beginnings (atoms that are vapour then or at the end do not count), each particle turned and shifted back by what its inner atoms fit best; at surfaces across n, so that MSD = 4 D t + c, and 6 D t + c within. D is the slope of a line through lags
from a fifth of the longest on; its error is that of the mean over beginnings. Where the run has measured this itself, in windows
one after the other (`src/observe/diffusion.rs`), figures and summaries are of these.

Enclosed: the Delaunay tetrahedra with a circumscribed sphere of at most `RADIUS` (H. Edelsbrunner, E. P. Mücke, ACM
Trans. Graph. 13 (1994) 43; in OVITO "alpha shape"). What no such tetrahedron fills is void. The run has the same from
the surface alone (`src/observe/alpha_shape.rs`), which is taken of frames that it has it of.
"""

from dataclasses import dataclass

import numpy as np
from scipy.sparse import coo_matrix
from scipy.sparse.csgraph import connected_components
from scipy.spatial import ConvexHull, Delaunay, QhullError

from . import analysis

HALF_WAY = (1 + np.sqrt(2)) / 2
CONE_REACH, CONE = 1.5, np.sqrt(0.5)
INNER, FACE_100, FACE_111, FACE_110, STEPS, NOWHERE = range(6)
KINDS = ["inner", "(100)", "(111)", "(110)", "steps and edges"]
NEAR_FACE = np.cos(np.radians(15))
LAYERS = ["surface", "second layer", "third layer", "deeper"]
#: Å: of OVITO's examples for metals, about a bond; the same as the run's.
RADIUS = 2.8
#: Å: spheres through more than four atoms of a crystal have no tetrahedra of their own, so these are told from
#: positions that are so much off, and measured as the atoms stand.
SHAKEN = 1e-6


@dataclass(frozen=True)
class Around:
    """What is around each atom of a frame: number of neighbours, whether it is at the surface, the direction out
    of it (N x 3), and neighbours as a sparse list (pairs of atoms, either way)."""

    coordination: np.ndarray
    surface: np.ndarray
    outward: np.ndarray
    pairs: np.ndarray


def _of_run(trajectory, frame, group, name):
    """The row that the run has measured at this frame; None where it has not."""
    series = trajectory.series(group, name)
    return None if series is None else series.at(frame)


def mean_distance(trajectory, frame):
    """d in Å: as the run has measured it, or else of all atoms that have twelve neighbours in one shell, or the median to the
    nearest where none has; NaN of a single atom."""
    known = _of_run(trajectory, frame, "structure", "nearest_neighbour_distance")
    if known is not None and np.isfinite(known):
        return float(known)
    if len(frame.positions) < 2:
        return np.nan
    neighbours, places = analysis.tree(frame.positions, frame.lengths, trajectory.periodic)
    distance = neighbours.query(places, k=min(13, len(places)))[0]
    full = distance[:, -1] < 1.3 * np.median(distance[:, 1])
    return float(distance[full, 1:].mean() if full.any() else np.median(distance[:, 1]))


def around(trajectory, frame):
    """`Around` of all atoms of a frame."""
    d = mean_distance(trajectory, frame)
    neighbours, places = analysis.tree(frame.positions, frame.lengths, trajectory.periodic)
    pairs = neighbours.query_pairs(CONE_REACH * d, output_type="ndarray")
    pairs = np.concatenate([pairs, pairs[:, ::-1]])
    pairs = pairs[np.argsort(pairs[:, 0], kind="stable")]
    vectors = analysis.nearest_images(places[pairs[:, 1]] - places[pairs[:, 0]], frame.lengths, trajectory.periodic)
    length = np.linalg.norm(vectors, axis=1)
    vectors /= length[:, None]
    count = len(places)
    # Without a pair they would be integers.
    outward = -np.stack([np.bincount(pairs[:, 0], vectors[:, k], count) for k in range(3)], 1).astype(float)
    size = np.linalg.norm(outward, axis=1)
    blocked = (vectors * outward[pairs[:, 0]]).sum(1) >= CONE * size[pairs[:, 0]]
    bonded = length <= HALF_WAY * d
    coordination = np.bincount(pairs[bonded, 0], minlength=count)
    surface = (np.bincount(pairs[blocked, 0], minlength=count) == 0) & (coordination > 0) & (size > 1e-9)
    outward /= np.maximum(size, 1e-9)[:, None]
    return Around(coordination, surface, outward, pairs[bonded])


def _counted_no_vapour(trajectory, frame):
    counted = _of_run(trajectory, frame, "structure", "vapour_atoms")
    return counted is not None and not counted.any()


def vapour(trajectory, frame):
    """Which atoms have no neighbour; where the run has counted none, none is looked for."""
    if _counted_no_vapour(trajectory, frame):
        return np.zeros(trajectory.atoms, bool)
    return around(trajectory, frame).coordination == 0


def largest_pieces(trajectory, frame):
    """Which atoms are of the largest cluster of those of their particle: what has evaporated from it, alone or together, is not.
    All, where the run has counted no vapour."""
    if _counted_no_vapour(trajectory, frame):
        return np.ones(trajectory.atoms, bool)
    particle, pairs = trajectory.particle, around(trajectory, frame).pairs
    bonds = pairs[particle[pairs[:, 0]] == particle[pairs[:, 1]]]
    graph = coo_matrix((np.ones(len(bonds), bool), bonds.T), shape=(len(particle), len(particle)))
    cluster = connected_components(graph, directed=False)[1]
    first = np.unique(cluster, return_index=True)[1]
    # Clusters by size, the largest last, so that it is the one that stays.
    order = np.argsort(np.bincount(cluster), kind="stable")
    largest = np.zeros(int(particle.max()) + 1, int)
    largest[particle[first[order]]] = order
    return cluster == largest[particle]


def layers(here):
    """Of each atom 0 at the surface, 1 and 2 in the layers below, 3 deeper; -1 without a neighbour."""
    found = np.where(here.coordination == 0, -1, np.where(here.surface, 0, 3))
    for layer in (1, 2):
        above = np.zeros(len(found), bool)
        above[here.pairs[found[here.pairs[:, 1]] == layer - 1, 0]] = True
        found[(found == 3) & above] = layer
    return found


def _directions(*indices):
    """All lattice directions of a kind, unit vectors."""
    signs = np.array(np.meshgrid(*[[-1, 1]] * 3)).reshape(3, -1).T
    orders = np.array([np.roll(indices, k) for k in range(3)])
    all_of = np.unique((orders[:, None] * signs).reshape(-1, 3), axis=0)
    return all_of / np.linalg.norm(indices)


FACES = [_directions(1, 0, 0), _directions(1, 1, 1), _directions(1, 1, 0)]


def lattice_axes(trajectory, frame):
    """Rows of cubic axes of each particle (particles x 3 x 3) as the run has found them; None where it has not."""
    return _of_run(trajectory, frame, "structure", "lattice_axes")


def facets(trajectory, frame, here=None):
    """Of each atom its kind of site, an index of `KINDS` (atoms of particles without axes: steps; of the vapour:
    `NOWHERE`), and the normal
    of its facet, in space; None where the file has no axes."""
    axes = lattice_axes(trajectory, frame)
    if axes is None:
        return None
    here = here or around(trajectory, frame)
    count = len(here.surface)
    # Heat tilts the direction out of one atom; that of a patch less.
    both = here.pairs[here.surface[here.pairs].all(1)]
    smooth = here.outward + np.stack([np.bincount(both[:, 0], here.outward[both[:, 1], k], count) for k in range(3)], 1)
    smooth /= np.maximum(np.linalg.norm(smooth, axis=1), 1e-9)[:, None]
    of_atom = axes[np.minimum(trajectory.particle, len(axes) - 1)]
    inside = np.einsum("nkd,nd->nk", np.nan_to_num(of_atom), smooth)
    kinds, normals, best = np.full(count, STEPS), smooth.copy(), np.full(count, NEAR_FACE)
    for kind, faces in zip((FACE_100, FACE_111, FACE_110), FACES):
        cosines = inside @ faces.T
        nearest = cosines.argmax(1)
        found = cosines.max(1) > best
        kinds[found], best[found] = kind, cosines.max(1)[found]
        normals[found] = np.einsum("nk,nkd->nd", faces[nearest[found]], of_atom[found])
    kinds[~here.surface] = INNER
    kinds[here.coordination == 0] = NOWHERE
    return kinds, normals


@dataclass(frozen=True)
class Diffusion:
    """Of one kind of site: lags (ps), mean square displacement (Å²), D and its error (Å²/ps), atoms on average."""

    lags: np.ndarray
    squares: np.ndarray
    constant: float
    error: float
    atoms: float


#: Frames that diffusion is told from, evenly chosen where there are more, to about a half.
MOST_FRAMES = 200
#: Å²/ps in m²/s.
SQUARE_METRES = 1e-8


def diffusion(trajectory, beginnings=6):
    """`Diffusion` by kind of site, since the particles were put together; empty where frames or axes are missing.
    Motion and rotation of whole particles do not count, nor what a barostat does to a box."""
    first = trajectory.at(trajectory.together())
    chosen = _evenly(trajectory.times, first)
    chosen = chosen[:: max(1, len(chosen) // MOST_FRAMES)]
    longest = len(chosen) // 2
    if longest < 5:
        return {}
    starts = np.unique(np.linspace(0, len(chosen) - 1 - longest, beginnings).astype(int))
    lags_from = lambda start: trajectory.times[chosen[start + 1 : start + longest + 1]] - trajectory.times[chosen[start]]
    lags, filled = lags_from(0), analysis.filled(trajectory, trajectory.frame(first))
    gone = vapour(trajectory, trajectory.frame(chosen[-1]))
    open_, rows = {}, {kind: np.full((len(starts), longest), np.nan) for kind in range(len(KINDS))}
    counts = np.zeros((len(starts), len(KINDS)))
    for index, number in enumerate(chosen):
        frame = trajectory.frame(number)
        places = analysis.unstretched(trajectory, frame, filled)
        for n, start in enumerate(starts):
            if index == start:
                found = facets(trajectory, frame)
                if found is None:
                    return {}
                found[0][gone] = NOWHERE
                open_[n] = (places, *found)
                counts[n] = np.bincount(found[0], minlength=len(KINDS))[: len(KINDS)]
            elif n in open_ and index <= start + longest:
                then, kinds, normals = open_[n]
                moved = analysis.turned_back(trajectory.particle, kinds == INNER, then, places) - then
                square = (moved**2).sum(1)
                across = square - (moved * normals).sum(1) ** 2
                for kind in range(len(KINDS)):
                    own = (square if kind == INNER else across)[kinds == kind]
                    rows[kind][n, index - start - 1] = own.mean() if len(own) else np.nan
        for n in [n for n, start in enumerate(starts) if n in open_ and index >= start + longest]:
            del open_[n]
    for n, start in enumerate(starts):
        for kind in rows:
            rows[kind][n] = np.interp(lags, lags_from(start), rows[kind][n])
    return {KINDS[kind]: _fitted(lags, rows[kind], kind, counts[:, kind].mean()) for kind in rows if counts[:, kind].all()}


def of_windows(trajectory):
    """The same from what the run has measured itself (`diffusion_window_ps`), of the atoms of all particles: the windows of the last stage
    in which one has come to its end and tells a slope take the place of beginnings. Empty where none has."""
    names = ("stage_number", "began", "atoms", "square_displacement", "along_facet", "coefficient")
    stage, began, atoms, square, along, slope = (trajectory.series("diffusion", name) for name in names)
    if began is None:
        return {}
    length = trajectory.input["output"]["diffusion_window_ps"]
    # Particles are put together between stages, and windows begin anew with each.
    later = began.time > trajectory.together()
    windows = [np.flatnonzero(later & (began.values == start)) for start in np.unique(began.values[later])]
    # Windows are of whole time steps, and end with a frame.
    lags = lambda own: began.time[own] - began.values[own]
    ended = lambda own: lags(own)[-1] > length - np.diff(lags(own), prepend=0)[-1] / 2
    whole = [own for own in windows if ended(own) and np.isfinite(slope.values[own[-1]]).any()]
    last = stage.values[whole[-1][0]] if whole else None
    whole = [own for own in whole if stage.values[own[0]] == last]
    squares, found = np.concatenate([square.values[..., :1], along.values], axis=-1), {}
    for kind, name in enumerate(KINDS):
        counts = atoms.values[..., kind]

        def mean(values):
            """Over the atoms of all particles of which there is a value; NaN without any."""
            known = np.isfinite(values)
            weights = np.where(known, counts, 0).sum(1)
            return np.where(known, counts * values, 0).sum(1) / np.where(weights > 0, weights, np.nan)

        ways, slopes = mean(squares[..., kind]), mean(slope.values[..., kind])
        told = [own for own in whole if np.isfinite(ways[own]).all() and np.isfinite(slopes[own[-1]])]
        if told:
            first = lags(told[0])
            rows = np.array([np.interp(first, lags(own), ways[own]) for own in told])
            ends = np.array([slopes[own[-1]] for own in told])
            error = ends.std(ddof=1) / np.sqrt(len(ends)) if len(ends) > 1 else np.nan
            number = np.mean([counts[own[0]].sum() for own in told])
            found[name] = Diffusion(first, rows.mean(0), float(ends.mean()), float(error), float(number))
    return found


def _evenly(times, first):
    """Numbers of frames from the first on that are evenly apart in time, as nearly as there are such, at the longest interval
    between two: stages may have different ones."""
    later = times[first:]
    interval = np.diff(later).max(initial=0)
    if interval <= 0:
        return np.array([first])
    wanted = later[0] + interval * np.arange(int((later[-1] - later[0]) / interval + 1e-6) + 1)
    return np.unique(first + np.abs(np.subtract.outer(wanted, later)).argmin(1))


def _fitted(lags, rows, kind, atoms):
    late = lags >= lags[-1] / 5
    slopes = np.polyfit(lags[late], rows[:, late].T, 1)[0] / (6 if kind == INNER else 4)
    error = slopes.std(ddof=1) / np.sqrt(len(slopes)) if len(slopes) > 1 else np.nan
    return Diffusion(lags, rows.mean(0), float(slopes.mean()), float(error), float(atoms))


def enclosed(positions, lengths, periodic, radius=RADIUS):
    """Volume (Å³) and surface area (Å²) of what atoms enclose; of a box that is periodic in some directions, of one
    period."""
    periodic = np.asarray(periodic)
    low = np.zeros(3)
    points = np.asarray(positions, float)
    shaken = np.random.default_rng(0).uniform(-SHAKEN, SHAKEN, points.shape)
    if periodic.any():
        size = np.where(periodic, lengths, 1.0)
        points = np.where(periodic, np.mod(points, size), points)
        margin = 4 * radius
        for d in np.flatnonzero(periodic):
            most = int(np.ceil(margin / size[d]))
            moved = [points + shift * size[d] * np.eye(3)[d] for shift in range(-most, most + 1)]
            near = [(image[:, d] > -margin) & (image[:, d] < size[d] + margin) for image in moved]
            shaken = np.concatenate([shaken[own] for own in near])
            points = np.concatenate([image[own] for image, own in zip(moved, near)])
        # No plane of a lattice is at the border of the period that is counted.
        low = 0.1234 * radius * np.ones(3)
    if len(points) < 5:
        return 0.0, 0.0
    try:
        mesh = Delaunay(points + shaken)
    except QhullError:
        return 0.0, 0.0
    solid = np.concatenate([_circumscribed(mesh.points[some]) <= radius for some in _pieces(mesh.simplices)])
    beside = mesh.neighbors
    volume, area, size = 0.0, 0.0, np.where(periodic, lengths, 1.0)
    for first, some in zip(range(0, len(solid), PIECE), _pieces(mesh.simplices)):
        corners, rows = points[some], slice(first, first + len(some))
        centre = corners.mean(1)
        counted = solid[rows] & np.all(~periodic | ((centre >= low) & (centre < low + size)), axis=1)
        volume += _volumes(corners[counted]).sum()
        free = (beside[rows] < 0) | ~solid[np.maximum(beside[rows], 0)]
        for k in range(4):
            face = np.delete(corners, k, 1)[counted & free[:, k]]
            area += np.linalg.norm(np.cross(face[:, 1] - face[:, 0], face[:, 2] - face[:, 0]), axis=1).sum() / 2
    return float(volume), float(area)


#: A triangulation takes some 2 kB for each atom: of no more than these is one made unasked.
MOST_ATOMS = 375_000
#: Tetrahedra that are looked at at a time.
PIECE = 200_000


def _pieces(simplices):
    return (simplices[first : first + PIECE] for first in range(0, len(simplices), PIECE))


def _volumes(corners):
    return np.abs(np.linalg.det(corners[:, 1:] - corners[:, :1])) / 6


def _circumscribed(corners):
    """Radius of the sphere through the corners of each tetrahedron (M x 4 x 3)."""
    edges = corners[:, 1:] - corners[:, :1]
    squares = (edges**2).sum(2)
    cross = np.cross(edges[:, [1, 2, 0]], edges[:, [2, 0, 1]])
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.linalg.norm((squares[:, :, None] * cross).sum(1), axis=1) / (12 * _volumes(corners))


def sphericity(volume, area):
    """π^⅓ (6 V)^⅔ / A; NaN without a surface."""
    return np.cbrt(np.pi * (6 * volume) ** 2) / area if area > 0 else np.nan


def measured(trajectory):
    """Frames of which the run has measured that itself."""
    series = trajectory.series("surface", "total_volume")
    return np.flatnonzero(np.isin(trajectory.steps, [] if series is None else series.step))


def of_particles(trajectory, frame, radius=RADIUS):
    """Volume (Å³), surface area (Å²) and sphericity of the atoms that came from each particle,
    each particle by itself: rows of three; 0, 0 and NaN where they enclose nothing."""
    known = [_of_run(trajectory, frame, "surface", name) for name in ("volume", "area", "sphericity")]
    if radius == RADIUS and known[0] is not None:
        return np.array(known).T
    rows = []
    for particle in range(int(trajectory.particle.max()) + 1):
        volume, area = enclosed(frame.positions[trajectory.particle == particle], frame.lengths, trajectory.periodic, radius)
        rows.append([volume, area, sphericity(volume, area)])
    return np.array(rows)


def of_all(trajectory, frame):
    """Volume (Å³) and surface area (Å²) of what all atoms enclose together."""
    known = [_of_run(trajectory, frame, "surface", name) for name in ("total_volume", "total_area")]
    if known[0] is not None:
        return tuple(map(float, known))
    return enclosed(frame.positions, frame.lengths, trajectory.periodic)


def is_cheap(trajectory, frame):
    """Whether that is known of a frame, or is soon."""
    return trajectory.atoms <= MOST_ATOMS or _of_run(trajectory, frame, "surface", "total_volume") is not None


def void_fraction(trajectory, frame):
    """Of a box that is periodic all around, the share that no atoms enclose; else of the convex hull of the atoms."""
    volume, _ = of_all(trajectory, frame)
    room = np.prod(frame.lengths) if np.all(trajectory.periodic) else ConvexHull(frame.positions).volume
    return 1 - volume / room
