"""What is computed from frames and series: plain functions of arrays.

Structure classes: adaptive common neighbour analysis, Stukowski, Modelling Simul. Mater.
Sci. Eng. 20 (2012) 045021. Neck growth: R = A (t - t0)^n, as studies of sintering fit it.
"""

import numpy as np
from scipy.spatial import cKDTree

OTHER, FCC, HCP, BCC, ICO = range(5)
STRUCTURES = ["other", "fcc", "hcp", "bcc", "icosahedral"]
FAULTS = ["twin boundaries", "stacking faults", "hcp crystals"]


def tree(positions, lengths, periodic):
    """Neighbours in a box; free directions are made longer than the atoms reach."""
    low = positions.min(axis=0)
    span = np.ptp(positions, axis=0)
    if not np.any(periodic):
        return cKDTree(positions), positions
    # While particles are apart a box has no lengths: each is alone.
    periodic = np.asarray(periodic) & (np.asarray(lengths) > 0)
    size = np.where(periodic, lengths, 3 * span + 100)
    wrapped = np.mod(positions - np.where(periodic, 0, low), size)
    # The remainder of a tiny negative number is the divisor itself.
    wrapped[wrapped >= size] = 0
    return cKDTree(wrapped, boxsize=size), wrapped


def nearest_images(vectors, lengths, periodic):
    """Vectors between atoms (... x 3), each to the nearest image."""
    # While particles are apart a box has no lengths: each is alone.
    periodic = np.asarray(periodic) & (np.asarray(lengths) > 0)
    size = np.where(periodic, lengths, 1.0)
    return vectors - np.where(periodic, size * np.round(vectors / size), 0)


def nearest_distance(positions, lengths, periodic):
    """Median distance of an atom to its nearest neighbour, Å."""
    neighbours, places = tree(positions, lengths, periodic)
    distance, _ = neighbours.query(places, k=2)
    return float(np.median(distance[:, 1]))


def structure_classes(positions, lengths, periodic, chunk=20_000):
    """Class of each atom: `OTHER`, `FCC`, `HCP`, `BCC` or `ICO`."""
    neighbours, places = tree(positions, lengths, periodic)
    classes = np.full(len(places), OTHER)
    if len(places) < 15:
        return classes
    for first in range(0, len(places), chunk):
        some = slice(first, first + chunk)
        distance, index = neighbours.query(places[some], k=15)
        delta = nearest_images(places[index[:, 1:]] - places[some, None], lengths, periodic)
        classes[some] = _classes(delta, distance[:, 1:])
    return classes


def _bonds(delta, cutoff):
    """Which of the neighbours of an atom are neighbours of each other."""
    between = ((delta[:, :, None] - delta[:, None]) ** 2).sum(-1)
    bonded = between <= cutoff[:, None, None] ** 2
    bonded[:, np.arange(delta.shape[1]), np.arange(delta.shape[1])] = False
    return bonded


def _signatures(bonded):
    """For each neighbour: common neighbours, bonds between them, and most bonds of one."""
    common = bonded.sum(2)
    # degree[i, j, k]: bonds of k to the other common neighbours of atom i and its neighbour j.
    ones = bonded.astype(np.int16)
    degree = np.where(bonded, ones @ ones, 0)
    return common, degree.sum(2) // 2, degree.max(2), np.where(bonded, degree, 99).min(2)


def _classes(delta, distance):
    found = np.full(len(delta), OTHER)
    cutoff = (1 + np.sqrt(2)) / 2 * distance[:, :12].mean(1)
    common, bonds, most, least = _signatures(_bonds(delta[:, :12], cutoff))
    counted = lambda *signature: (common == signature[0]) & (bonds == signature[1])
    n421 = (counted(4, 2) & (most == 1)).sum(1)
    n422 = (counted(4, 2) & (most == 2)).sum(1)
    n555 = (counted(5, 5) & (most == 2) & (least == 2)).sum(1)
    found[n421 == 12] = FCC
    found[(n421 == 6) & (n422 == 6)] = HCP
    found[n555 == 12] = ICO
    # bcc: the mean of both shells' distances, each in units of the nearest one's.
    scale = (distance[:, :8].mean(1) * 2 / np.sqrt(3) * 8 + distance[:, 8:14].mean(1) * 6) / 14
    cutoff = (1 + np.sqrt(2)) / 2 * scale
    common, bonds, most, least = _signatures(_bonds(delta[:, :14], cutoff))
    ring = (most == 2) & (least == 2)
    n666 = (counted(6, 6) & ring).sum(1)
    n444 = (counted(4, 4) & ring).sum(1)
    found[(found == OTHER) & (n666 == 8) & (n444 == 6)] = BCC
    return found


def planar_faults(classes, positions, lengths, periodic):
    """Where close-packed layers are stacked otherwise than in fcc: masks of the atoms in twin boundaries, in stacking
    faults and in hcp crystals, from the classes of all atoms.

    The layer of an atom in hcp surroundings is that of its six neighbours that have one opposite to them; of the six
    others three lie in either layer beside it. A twin boundary is one such layer between layers of fcc, an intrinsic
    stacking fault two side by side, hcp more. By majority, where surfaces and heat leave some without a class: a layer
    beside is hcp, or fcc, where two or all of its three are; a hcp layer beside another that has none of fcc on its
    other side is of a hcp crystal. Atoms with fewer than two others of hcp in their layer, as heat makes them, are in none."""
    inside = np.flatnonzero(classes == HCP)
    masks = np.zeros((3, len(classes)), bool)
    if len(inside):
        neighbours, places = tree(positions, lengths, periodic)
        _, index = neighbours.query(places[inside], k=13)
        around = index[:, 1:]
        vectors = nearest_images(places[around] - places[inside, None], lengths, periodic)
        vectors /= np.linalg.norm(vectors, axis=2, keepdims=True)
        # Best opposites: six of hcp's twelve have none nearer than 110° to the straight line.
        opposite = np.einsum("nik,njk->nij", vectors, vectors).min(2)
        order = np.argsort(opposite, axis=1)
        layer, beside = order[:, :6], order[:, 6:]
        rows = np.arange(len(inside))[:, None]
        out = vectors[rows, beside]
        up = np.einsum("nk,nik->ni", out[:, 0], out) > 0
        found = classes[around[rows, beside]]
        most = lambda kind, side: ((found == kind) & side).sum(1) >= 2
        is_layer = (classes[around[rows, layer]] == HCP).sum(1) >= 2
        like = most(HCP, up).astype(int) + most(HCP, ~up)
        fault = (like == 1) & (most(FCC, up) | most(FCC, ~up))
        for kind, own in enumerate((like == 0, fault, (like > 0) & ~fault)):
            masks[kind, inside[own & is_layer]] = True
    return tuple(masks)


def coordination(positions, lengths, periodic, cutoff):
    """Number of neighbours of each atom within the cutoff, Å."""
    neighbours, places = tree(positions, lengths, periodic)
    return neighbours.query_ball_point(places, cutoff, return_length=True) - 1


def growth(time, radius):
    """A, n, the error of n, and t0 and t1, of R = A (t - t0)^n; None where the neck has not grown, or not for a
    decade of time. The error is the standard one of the fit together with half of what n of the two halves of log time
    differ by: growth that is no power law has no sharp exponent. t0 is the last moment without a neck, t1 that at which
    nine tenths of the last radius are reached: what comes after is no growth."""
    open_ = np.flatnonzero(~(radius > 0))
    first = open_[-1] if len(open_) else 0
    since, grown = time[first + 1 :] - time[first], radius[first + 1 :]
    # No time passes in minimisations.
    since, grown = since[since > 0], grown[since > 0]
    if not len(grown):
        return None
    last = np.median(grown[-max(1, len(grown) // 10) :])
    ends = int(np.argmax(grown >= 0.9 * last)) + 1
    since, grown = since[:ends], grown[:ends]
    if len(since) < 10 or since[-1] < 10 * since[0]:
        return None
    # Equal weight to each stretch of log time, else the end of the run decides alone.
    edges = np.geomspace(since[0], since[-1] * 1.0001, 25)
    which = np.digitize(since, edges)
    bins = [which == b for b in np.unique(which)]
    x = np.array([np.log(since[b]).mean() for b in bins])
    y = np.array([np.log(grown[b]).mean() for b in bins])
    if len(x) < 4:
        return None
    (n, a), covariance = np.polyfit(x, y, 1, cov=True)
    if n <= 0:
        return None
    middle = (len(x) + 1) // 2
    halves = [np.polyfit(x[half], y[half], 1)[0] for half in (slice(None, middle), slice(len(x) - middle, None))]
    error = np.hypot(np.sqrt(covariance[0, 0]), 0.5 * (halves[1] - halves[0]))
    return float(np.exp(a)), float(n), float(error), float(time[first]), float(time[first] + since[-1])


def radial_profile(positions, centre, values, width=2.0):
    """Mean of a value of atoms in shells about a centre: radii (Å), means, counts."""
    distance = np.linalg.norm(positions - centre, axis=1)
    shell = (distance / width).astype(int)
    counts = np.bincount(shell)
    sums = np.bincount(shell, values)
    full = counts > 0
    return (np.arange(len(counts))[full] + 0.5) * width, sums[full] / counts[full], counts[full]


def g_of_r(positions, lengths, periodic, reach=10.0, width=0.05):
    """Pair distribution g(r): radii (Å) and values. In vacuum the density is that of the
    atoms within `reach` of one that lies deep inside, so g tends to 1 only in the bulk."""
    neighbours, places = tree(positions, lengths, periodic)
    bins = int(round(reach / width))
    edges = np.linspace(0, reach, bins + 1)
    counts = np.zeros(bins)
    for first in range(0, len(places), 5_000):
        some = cKDTree(places[first : first + 5_000], boxsize=neighbours.boxsize)
        counts += np.diff(some.count_neighbors(neighbours, edges, cumulative=True).astype(float))
    shells = 4 / 3 * np.pi * np.diff(edges**3)
    if np.all(periodic):
        density = len(places) / np.prod(lengths)
    else:
        inside = neighbours.query_ball_point(places, reach / 2, return_length=True)
        density = inside.max() / (4 / 3 * np.pi * (reach / 2) ** 3)
    counts[0] = 0  # each atom with itself
    return (edges[1:] + edges[:-1]) / 2, counts / (len(places) * density * shells)


def filled(trajectory, frame, bond=3.5):
    """Of each particle the lengths of the box (Å) along periodic directions that it reaches all along, but for a bond; 0 along others."""
    lengths = np.where(trajectory.periodic, frame.lengths, 0.0)
    order = np.argsort(trajectory.particle, kind="stable")
    firsts = np.flatnonzero(np.diff(trajectory.particle[order], prepend=-1))
    own = frame.positions[order]
    spans = np.maximum.reduceat(own, firsts) - np.minimum.reduceat(own, firsts)
    found = np.zeros((int(trajectory.particle.max()) + 1, 3))
    found[trajectory.particle[order][firsts]] = np.where(spans >= lengths - bond, lengths, 0.0)
    return found


def unstretched(trajectory, frame, then):
    """Positions of a frame in a box of other lengths (those of `filled`, of each particle): what a barostat did to what fills the box is no motion."""
    now = np.where(trajectory.periodic, frame.lengths, 0.0)
    stretched = (now > 0) & (then > 0)
    return frame.positions * np.where(stretched, then / np.where(stretched, now, 1.0), 1.0)[trajectory.particle]


def turned_back(particle, fitted, then, now, straight=None):
    """Places now after a rotation and shift of each particle that bring its atoms of a mask (of all, where these are fewer than
    four) nearest to where they were then (W. Kabsch, Acta Cryst. A32 (1976) 922); `straight`: particles that are only shifted."""
    fitted = fitted | (np.bincount(particle, fitted) < 4)[particle]
    counts = np.maximum(np.bincount(particle, fitted), 1)[:, None]
    of_each = lambda values: np.stack([np.bincount(particle, fitted * column) for column in values.T], 1)
    centre = (of_each(then) / counts)[particle]
    own, other = now - (of_each(now) / counts)[particle], then - centre
    left, _, right = np.linalg.svd(of_each((own[:, :, None] * other[:, None]).reshape(-1, 9)).reshape(-1, 3, 3))
    left[:, :, -1] *= np.sign(np.linalg.det(left @ right))[:, None]
    rotation = left @ right
    if straight is not None:
        rotation[straight] = np.eye(3)
    return np.einsum("nk,nkd->nd", own, rotation[particle]) + centre


def mean_square_displacements(trajectory, since, chosen, bound=None):
    """Of groups of atoms from a time on, the motion and rotation of their particles and what a barostat does to the box taken
    away: times (ps) and a row of Å^2 for each group. What fills the box along a periodic direction cannot turn. `chosen`: masks
    of the atoms by name; `bound`: of those that tell how a particle has moved, unless all do."""
    bound = np.ones(trajectory.atoms, bool) if bound is None else bound
    first = trajectory.at(since)
    fills = filled(trajectory, trajectory.frame(first))
    reference = trajectory.frame(first).positions
    times, rows = [], {name: [] for name in chosen}
    for index in range(first, len(trajectory)):
        places = unstretched(trajectory, trajectory.frame(index), fills)
        square = ((turned_back(trajectory.particle, bound, reference, places, fills.any(1)) - reference) ** 2).sum(1)
        times.append(trajectory.times[index] - trajectory.times[first])
        for name, mask in chosen.items():
            rows[name].append(square[mask].mean() if mask.any() else np.nan)
    return np.array(times), {name: np.array(row) for name, row in rows.items()}


def mean_and_error(values, blocks=5):
    """Mean of what follows one another, and its standard error by the means of blocks."""
    means = np.array([block.mean() for block in np.array_split(values, blocks)])
    return float(np.mean(values)), float(means.std(ddof=1) / np.sqrt(blocks))


def bulk_modulus(volume, temperature, blocks=5):
    """Isothermal bulk modulus from the fluctuations of a volume (Å³) at constant pressure and temperature (K):
    K = kT ⟨V⟩ / (⟨V²⟩ - ⟨V⟩²), GPa, and its standard error by leaving out one block after the other."""
    factor = 1.380649e-2 * temperature  # k T in GPa Å³
    modulus = lambda some: factor * some.mean() / some.var()
    parts = np.array_split(np.asarray(volume, float), blocks)
    without = np.array([modulus(np.concatenate(parts[:k] + parts[k + 1 :])) for k in range(blocks)])
    error = np.sqrt((blocks - 1) / blocks * ((without - without.mean()) ** 2).sum())
    return float(modulus(np.concatenate(parts))), float(error)


def lindemann(trajectory, indices, pairs):
    """Lindemann index of each atom over some frames: the mean, over the neighbours that it has among `pairs`
    (M x 2, either way), of the relative fluctuation of their distance,
    √(⟨r²⟩ - ⟨r⟩²) / ⟨r⟩; NaN without neighbours. About 0.1 at melting points, far more in melts."""
    sums, squares = np.zeros(len(pairs)), np.zeros(len(pairs))
    for index in indices:
        frame = trajectory.frame(index)
        apart = nearest_images(frame.positions[pairs[:, 0]] - frame.positions[pairs[:, 1]], frame.lengths, trajectory.periodic)
        square = (apart**2).sum(1)
        sums += np.sqrt(square)
        squares += square
    mean = sums / len(indices)
    each = np.sqrt(np.maximum(squares / len(indices) - mean**2, 0)) / mean
    count = np.bincount(pairs[:, 0], minlength=trajectory.atoms)
    with np.errstate(invalid="ignore"):
        return np.bincount(pairs[:, 0], each, trajectory.atoms) / np.where(count, count, np.nan)


def equivalent_diameters(trajectory, frame):
    """Diameter of the ball of each particle's number of atoms, Å, by the density of its
    inner atoms (fcc at the median distance of nearest neighbours)."""
    nearest = nearest_distance(frame.positions, frame.lengths, trajectory.periodic)
    volume = nearest**3 / np.sqrt(2)
    counts = np.bincount(trajectory.particle)
    return np.cbrt(6 / np.pi * counts[counts > 0] * volume)
