"""Figures of a run against time and radius. Each function draws one and returns it, or
None where the file has nothing to draw it from."""

import matplotlib.pyplot as plt
import numpy as np

from . import analysis, facing, surfaces
from .style import COLOURS, STRUCTURE_COLOURS
from .trajectory import Unusable


def _mark(axis, trajectory):
    """Marks where the particles were put together, if they were apart before."""
    together = trajectory.together()
    if together > trajectory.times[0]:
        axis.axvline(together, color="0.5", lw=0.8, ls=":")
        axis.annotate(
            "put together", (together, 1), xycoords=("data", "axes fraction"), xytext=(3, -2),
            textcoords="offset points", va="top", fontsize="x-small", color="0.4",
        )


def thermo(trajectory):
    """Temperature, and total energy per atom."""
    temperature = trajectory.series("thermo", "temperature")
    energy = trajectory.series("thermo", "total_energy")
    if temperature is None or energy is None or not len(temperature.time):
        return None
    if np.isfinite(temperature.values).any():
        figure, (above, below) = plt.subplots(2, sharex=True, figsize=(6, 4.2))
        above.plot(temperature.time, temperature.values, lw=0.8)
        above.set_ylabel("temperature / K")
        _mark(above, trajectory)
    else:
        figure, below = plt.subplots(figsize=(6, 3.2))
    along, name = _clock(energy.time, energy.step)
    below.plot(along, energy.values / trajectory.atoms, lw=0.8, color=COLOURS[1])
    below.set_ylabel("total energy per atom / eV")
    below.set_xlabel(name)
    figure.align_ylabels()
    return figure


def _from_zero(axis, least=0.0):
    """A little below zero begins the axis, so that what stays at zero is seen beside its line; it reaches to `least`
    at the least, so that rounding is not seen."""
    top = max(axis.get_ylim()[1], least)
    axis.set_ylim(-0.03 * top, top)


def _clock(times, steps):
    """What to draw against, and its name: the time, or steps where no time passes, as in minimisation."""
    return (times, "time / ps") if len(times) < 2 or np.ptp(times) > 0 else (steps, "number of the step")


def neck(trajectory):
    """Gap and neck radius of each pair, with the fitted power law of the growth."""
    gap, radius = trajectory.series("pairs", "gap"), trajectory.series("pairs", "neck_radius")
    if gap is None or radius is None or not len(gap.time):
        return None
    pairs = trajectory.pairs()
    figure, (above, below) = plt.subplots(2, sharex=True, figsize=(6, 4.6))
    named = 1 < len(pairs) <= len(COLOURS)
    exponents = []
    thin = {"lw": 0.8} if len(pairs) <= MOST_COLOURED else {"lw": 0.5, "alpha": 0.3}
    along, clock = _clock(gap.time, gap.step)
    for k, pair in enumerate(pairs):
        colour = COLOURS[k % len(COLOURS)] if len(pairs) <= MOST_COLOURED else COLOURS[0]
        label = f"particles {pair[0]} and {pair[1]}" if named else None
        above.plot(along, gap.values[:, k], color=colour, label=label, **thin)
        below.plot(along, radius.values[:, k], color=colour, **thin)
        fit = analysis.growth(radius.time, radius.values[:, k])
        if fit is None:
            continue
        amplitude, exponent, error, since, until = fit
        exponents.append(exponent)
        if len(pairs) == 1:
            time = np.linspace(since, until, 300)[1:]
            law = rf"$R \propto (t - t_0)^{{{exponent:.2f} \pm {error:.2f}}}$, $t_0$ = {since:.1f} ps"
            below.plot(time, amplitude * (time - since) ** exponent, color=COLOURS[1], lw=1.4, label=law)
    if len(exponents) > 1:
        below.set_title(f"exponents {min(exponents):.2f} to {max(exponents):.2f}", fontsize="small", loc="right")
    above.set_ylabel("gap / Å")
    below.set_ylabel("neck radius / Å")
    below.set_xlabel(clock)
    for axis in (above, below):
        _from_zero(axis, 1.0)
        if axis.get_legend_handles_labels()[0]:
            axis.legend()
    figure.align_ylabels()
    return figure


#: Pairs whose lines are told apart; more are drawn pale, to show how many are where.
MOST_COLOURED = 16

#: Å: what moves less is at rest, and a picture of it one of rounding.
LEAST_MOTION = 0.01


def centres(trajectory):
    """How far each particle's centre has moved, and the distance of the centres."""
    displacement = trajectory.series("particles", "displacement")
    distance = trajectory.series("pairs", "centre_distance")
    if displacement is None or not np.isfinite(displacement.values).any():
        return None
    rows = 1 if distance is None or not len(distance.time) else 2
    figure, axes = plt.subplots(rows, sharex=True, figsize=(6, 2.3 * rows), squeeze=False)
    above = axes[0, 0]
    count = displacement.values.shape[1]
    since = displacement.time >= trajectory.together()
    along, name = _clock(displacement.time[since], displacement.step[since])
    if count <= 6:
        for k in range(count):
            above.plot(along, displacement.values[since, k], "-" if k % 2 == 0 else "--", lw=1, label=f"particle {k}")
        if count > 1:
            above.legend()
    else:
        low, middle, high = np.percentile(displacement.values[since], [10, 50, 90], axis=1)
        above.fill_between(along, low, high, alpha=0.25, lw=0, label="10 to 90 %")
        above.plot(along, middle, label=f"median of {count} particles")
        above.legend()
    above.set_ylabel("centre moved by / Å")
    _from_zero(above, LEAST_MOTION)
    if rows == 2:
        pairs = trajectory.pairs()
        for k in range(len(pairs)):
            style = {"lw": 0.8, "color": COLOURS[k % len(COLOURS)]} if len(pairs) <= MOST_COLOURED else {"lw": 0.5, "alpha": 0.3, "color": COLOURS[0]}
            axes[1, 0].plot(_clock(distance.time, distance.step)[0], distance.values[:, k], **style)
        axes[1, 0].set_ylabel("distance of centres / Å")
        low, high = axes[1, 0].get_ylim()
        if high - low < LEAST_MOTION:
            axes[1, 0].set_ylim((low + high - LEAST_MOTION) / 2, (low + high + LEAST_MOTION) / 2)
    axes[-1, 0].set_xlabel(name)
    figure.align_ylabels()
    return figure


def climbing(trajectory):
    """Coverage of the layers above the facets with which two particles face each other (`facing`): of several pairs those
    with the widest neck."""
    if not trajectory.pairs():
        return None
    pair = trajectory.main_pair()
    times, coverage = facing.history(trajectory, pair)
    known = np.isfinite(coverage[:, :, 0])
    # A line wants two frames that follow each other.
    if not (known[1:] & known[:-1]).any():
        return None
    figure, axes = plt.subplots(facing.LAYERS - 1, sharex=True, figsize=(6, 4.2))
    for layer, (axis, name) in enumerate(zip(axes, ("first", "second"))):
        for k, particle in enumerate(pair):
            axis.plot(times, coverage[:, k, layer], lw=1.2, color=COLOURS[k], label=f"particle {particle}", ls=("-", "--")[k])
        axis.set_ylabel(f"coverage of the\n{name} layer above")
        _from_zero(axis, 0.02)
    axes[0].legend()
    axes[-1].set_xlabel("time / ps")
    figure.align_ylabels()
    return figure


def displacements(trajectory):
    """Mean square displacement of surface and inner atoms, motion and rotation of whole particles taken away; atoms that are
    vapour in the first or in the last frame do not count."""
    first = trajectory.frame(trajectory.at(trajectory.together()))
    if len(trajectory) - first.index < 3 or trajectory.times[-1] == first.time:
        return None
    here = surfaces.around(trajectory, first)
    bound = (here.coordination > 0) & ~surfaces.vapour(trajectory, trajectory.frame(-1))
    groups = {"surface atoms": here.surface & bound, "inner atoms": ~here.surface & bound}
    times, rows = analysis.mean_square_displacements(trajectory, first.time, groups, bound)
    if not any(np.isfinite(row).all() for row in rows.values()):
        return None
    figure, axis = plt.subplots(figsize=(6, 3.2))
    for name, row in rows.items():
        if np.isfinite(row).all():
            axis.plot(times, row, label=f"{name} ({groups[name].sum():,})")
    axis.set_xlabel(f"time since {first.time:g} ps / ps")
    axis.set_ylabel("mean square displacement / Å²")
    _from_zero(axis)
    axis.legend()
    return figure


def diffusion(trajectory):
    """Mean square displacement against lag by kind of facet, with the coefficients of diffusion."""
    found = surfaces.of_windows(trajectory) or surfaces.diffusion(trajectory)
    if not found:
        return None
    figure, axis = plt.subplots(figsize=(6, 4.4))
    largest = max(abs(of.constant) for of in found.values()) * surfaces.SQUARE_METRES
    power = int(np.floor(np.log10(largest))) if largest > 0 else 0
    for name, of in found.items():
        constant, error = (x * surfaces.SQUARE_METRES / 10.0**power for x in (of.constant, of.error))
        error = "" if np.isnan(error) else f" ± {error:.2f}"
        law = f"{name}, {of.atoms:.0f} atoms: D = {constant:.2f}{error}"
        axis.plot(of.lags, of.squares, color=COLOURS[surfaces.KINDS.index(name)], label=law)
    axis.set_xlabel("lag / ps")
    axis.set_ylabel("mean square displacement / Å²")
    _from_zero(axis)
    title = rf"D in $10^{{{power}}}$ m²/s"
    figure.legend(loc="outside lower center", ncols=2, title=title, title_fontsize="small", alignment="left")
    return figure


def lindemann(trajectory, windows=8, least=5):
    """Lindemann index by layer below the surface, in windows of frames since the particles were put together; atoms that
    are vapour at the end of a window do not count in it."""
    first = trajectory.at(trajectory.together())
    count = min(windows, (len(trajectory) - first) // least)
    if count < 1:
        return None
    times, rows = [], []
    for indices in np.array_split(np.arange(first, len(trajectory)), count):
        here = surfaces.around(trajectory, trajectory.frame(int(indices[0])))
        some = indices[:: max(1, len(indices) // 20)]
        gone = surfaces.vapour(trajectory, trajectory.frame(int(some[-1])))
        index = analysis.lindemann(trajectory, some.tolist(), here.pairs[~gone[here.pairs].any(1)])
        layer = surfaces.layers(here)
        means = [index[layer == k] for k in range(len(surfaces.LAYERS))]
        rows.append([np.nanmean(own) if np.isfinite(own).any() else np.nan for own in means])
        times.append(trajectory.times[indices].mean())
    rows = np.array(rows)
    if not np.isfinite(rows).any():
        return None
    figure, axis = plt.subplots(figsize=(6, 3.2))
    for k, name in enumerate(surfaces.LAYERS):
        if np.isfinite(rows[:, k]).any():
            axis.plot(times, rows[:, k], ".-", label=name)
    axis.axhline(0.1, color="0.5", lw=0.8, ls=":")
    axis.set_xlabel("time / ps")
    axis.set_ylabel("Lindemann index")
    axis.set_ylim(0, 1.25 * max(0.12, np.nanmax(rows)))
    axis.legend(ncols=4, loc="upper center", columnspacing=1, handlelength=1.4)
    return figure


def layers(trajectory):
    """Energies of atoms by layer below the surface, and what is melted, all particles together."""
    atoms, energy = trajectory.series("layers", "atoms"), trajectory.series("layers", "potential_energy")
    melted = trajectory.series("layers", "melted")
    if atoms is None or energy is None or melted is None or not len(atoms.time):
        return None
    number = atoms.values.sum(1)
    with np.errstate(invalid="ignore"):
        mean = (atoms.values * np.nan_to_num(energy.values)).sum(1) / number
        share = 100 * melted.values.sum(1) / number
    figure, (above, below) = plt.subplots(2, sharex=True, figsize=(6, 4.6))
    along, clock = _clock(atoms.time, atoms.step)
    for k, name in enumerate(surfaces.LAYERS):
        if number[:, k].any():
            above.plot(along, mean[:, k], lw=1, label=name, color=COLOURS[k])
            below.plot(along, share[:, k], lw=1, color=COLOURS[k])
    above.set_ylabel("potential energy\nper atom / eV")
    below.set_ylabel("melted atoms / %")
    below.set_xlabel(clock)
    _from_zero(below, 1.0)
    figure.legend(*above.get_legend_handles_labels(), loc="outside upper center", ncols=4)
    figure.align_ylabels()
    return figure


#: Atoms of which a share is told; of fewer it is noise.
LEAST_SHARED = 20


def order(trajectory):
    """Long-range and short-range order of alloys: of two species, means over the particles that have `LEAST_SHARED` atoms in their
    lattice, and both species among them."""
    names = ("l1_2", "l1_0", "warren_cowley", "sublattices")
    l1_2, l1_0, alpha, sublattices = (trajectory.series("order", name) for name in names)
    if l1_2 is None or l1_0 is None or alpha is None or sublattices is None or alpha.values.shape[-1] != 1 or not len(alpha.time):
        return None
    if len(trajectory.elements) < 2:
        return None
    number = sublattices.values.sum(2)
    is_alloy = (number.sum(2) >= LEAST_SHARED) & (number > 0).all(2)
    columns = [
        ("L1$_2$", np.abs(l1_2.values[..., 0])),
        ("L1$_0$", l1_0.values[..., 0]),
        ("Warren-Cowley, first shell", alpha.values[..., 0, 0]),
        ("second shell", alpha.values[..., 1, 0]),
    ]
    if not any((is_alloy & np.isfinite(values)).any() for _, values in columns):
        return None
    along, clock = _clock(alpha.time, alpha.step)
    figure, axis = plt.subplots(figsize=(6, 3.4))
    for name, values in columns:
        known = is_alloy & np.isfinite(values)
        mean = np.where(known, values, 0).sum(1) / np.where(known.any(1), known.sum(1), np.nan)
        if known.any():
            axis.plot(along, mean, lw=1, label=name)
    axis.axhline(0, color="0.5", lw=0.8)
    axis.set_xlabel(clock)
    axis.set_ylabel("order parameter")
    axis.set_ylim(-0.4, 1.05)
    figure.legend(loc="outside upper center", ncols=4)
    return figure


def _some_frames(trajectory, first, most):
    """So many frames from the first on, fewer where there are many atoms to enclose; or those that the run has enclosed
    itself, where these are as many, or all there can be. Too many atoms: none."""
    most = 0 if trajectory.atoms > surfaces.MOST_ATOMS else min(4 * surfaces.MOST_ATOMS // trajectory.atoms, most)
    known = surfaces.measured(trajectory)
    known = known[known >= first]
    if len(known) >= max(most, 2):
        return known
    if not most or len(trajectory) - first < 2:
        return []
    return np.unique(np.linspace(first, len(trajectory) - 1, most).round().astype(int))


def _around(time, values, moments):
    """Means of a series around some moments, each from half-way to the one before to half-way to the next."""
    nearest = np.abs(np.subtract.outer(time, moments)).argmin(1)
    return np.array([np.nanmean(values[nearest == k]) if (nearest == k).any() else np.nan for k in range(len(moments))])


def _pressed(trajectory):
    """What presses: times and pressures as they are (those that are steered to are another matter), and whether
    they are steered along a ramp. Of a box whose pressure changes, or of pistons at a pressure; None of others."""
    measured, target = trajectory.series("thermo", "pressure"), trajectory.series("thermo", "target_pressure")
    if measured is not None and target is not None:
        held = np.isfinite(target.values) & np.isfinite(measured.values)
        changes = np.flatnonzero(target.values[held] != target.values[held][:1])
        if len(changes):
            since = slice(changes[0] - 1, None)
            return target.time[held][since], measured.values[held][since], True
    pistons = trajectory.series("piston", "pressure")
    if pistons is None or not np.isfinite(pistons.values).any():
        return None
    steered = np.isfinite(pistons.values).all(0)
    return pistons.time, pistons.values[:, steered].mean(1), False


def pressed(trajectory, most=24):
    """What presses on atoms does to them, by frame: times (ps), pressures (GPa), void fractions (of a periodic box, or else of the
    convex hull), contact areas (nm²; None where no pairs are followed), and whether the pressure is steered along a ramp in a box.
    None where nothing presses."""
    found = _pressed(trajectory)
    if found is None:
        return None
    time, pressure, is_ramp = found
    chosen = _some_frames(trajectory, trajectory.at(time[0]), most)
    if not len(chosen):
        return None
    moments = trajectory.times[chosen]
    void = []
    for index in chosen:
        frame = trajectory.frame(int(index))
        void.append(surfaces.void_fraction(trajectory, frame))
    radius, contact = trajectory.series("pairs", "neck_radius"), None
    if radius is not None:
        contact = _around(radius.time, np.pi * np.square(np.nan_to_num(radius.values)).sum(1) / 100, moments)
    return moments, _around(time, pressure, moments), np.array(void), contact, is_ramp


def pressing(trajectory):
    """Void fraction and contact area of what is pressed: against the pressure where this rises or falls in a box, or against time,
    with the pressure, under pistons."""
    found = pressed(trajectory)
    if found is None:
        return None
    moments, pressure, void, contact, is_ramp = found
    rows = [] if is_ramp else [("pressure / GPa", pressure)]
    rows.append(("void fraction / %" if trajectory.periodic.all() else "void fraction\nof the hull / %", 100 * void))
    if contact is not None:
        rows.append(("contact area / nm²", contact))
    along, name = (pressure, "pressure / GPa") if is_ramp else (moments, "time / ps")
    figure, axes = plt.subplots(len(rows), sharex=True, figsize=(6, 0.8 + 1.7 * len(rows)), squeeze=False)
    for axis, (label, values), colour in zip(axes[:, 0], rows, COLOURS):
        axis.plot(along, values, ".-", color=colour)
        axis.set_ylabel(label)
        axis.set_ylim(bottom=min(0, np.nanmin(values)))
    axes[-1, 0].set_xlabel(name)
    figure.align_ylabels()
    return figure


def surface(trajectory, most=16):
    """Surface area and volume of what the atoms enclose; in periodic boxes the void fraction."""
    chosen = _some_frames(trajectory, trajectory.at(trajectory.together()), most)
    if not len(chosen):
        return None
    volume, area, room = [], [], []
    for index in chosen:
        frame = trajectory.frame(int(index))
        found = surfaces.of_all(trajectory, frame)
        volume.append(found[0])
        area.append(found[1])
        room.append(np.prod(frame.lengths))
    (times, clock), volume, area = _clock(trajectory.times[chosen], trajectory.steps[chosen]), np.array(volume), np.array(area)
    figure, axes = plt.subplots(2, sharex=True, figsize=(6, 4.2))
    axes[0].plot(times, area / 100, ".-")
    axes[0].set_ylabel("surface area / nm²")
    if not area.any():
        _from_zero(axes[0], 1.0)
    if trajectory.periodic.all():
        axes[1].plot(times, 100 * np.maximum(1 - volume / np.array(room), 0), ".-", color=COLOURS[1])
        axes[1].set_ylabel("void fraction / %")
        _from_zero(axes[1], 0.1)
    else:
        axes[1].plot(times, volume / 1000, ".-", color=COLOURS[1])
        axes[1].set_ylabel("volume / nm³")
    axes[1].set_xlabel(clock)
    figure.align_ylabels()
    return figure


def composition(trajectory):
    """Fraction of each element in shells below each particle's surface, first and last frame."""
    elements = trajectory.elements
    start = trajectory.frame(trajectory.at(trajectory.together()))
    if len(elements) < 2 or not _finite(trajectory, start).any():
        return None
    figure, axis = plt.subplots(figsize=(6, 3.2))
    end = trajectory.frame(-1)
    when = lambda frame: f"{frame.time:g} ps" if end.time > start.time else f"step {frame.step}"
    for frame, style in [(start, ".--"), (end, ".-")][end.step == start.step :]:
        for colour, element in zip(COLOURS, elements[1:]):
            radius, fraction = _shells(trajectory, frame, frame.symbols == element)
            axis.plot(radius, 100 * fraction, style, color=colour, label=f"{element}, {when(frame)}")
    axis.set_xlabel("distance from the surface of the particle / Å")
    axis.set_ylabel("atoms / %")
    _from_zero(axis)
    axis.legend(ncols=2)
    return figure


def _finite(trajectory, frame):
    """Which particles end within the box: those of bulk and slabs have no outermost atoms."""
    periodic = trajectory.periodic & (frame.lengths > 0)
    room = np.where(periodic, frame.lengths, np.inf)
    # What reaches to within two bonds of its own image fills the box.
    bond = 2 * surfaces.mean_distance(trajectory, frame)
    own = [frame.positions[trajectory.particle == particle] for particle in np.unique(trajectory.particle)]
    return np.array([(np.ptp(places, axis=0) + bond < room).all() for places in own])


def _shells(trajectory, frame, is_element, width=2.5):
    """Against the depth below each particle's outermost atoms, all particles together; what has evaporated from one does not count."""
    whole = surfaces.largest_pieces(trajectory, frame)
    depth = np.full(trajectory.atoms, np.nan)
    for particle in np.unique(trajectory.particle)[_finite(trajectory, frame)]:
        own = whole & (trajectory.particle == particle)
        centre = frame.positions[own].mean(0)
        away = np.linalg.norm(frame.positions[own] - centre, axis=1)
        depth[own] = np.percentile(away, 99.5) - away
    inside = np.isfinite(depth)
    shell = np.maximum(depth[inside] // width, 0).astype(int)
    counts = np.bincount(shell)
    enough = counts >= LEAST_SHARED
    share = np.bincount(shell, is_element[inside]) / np.maximum(counts, 1)
    return ((np.arange(len(counts)) + 0.5) * width)[enough], share[enough]


def structures(trajectory, most=40):
    """Fraction of atoms in each structure class against time; where some are hcp, also what faults they are in."""
    chosen = np.unique(np.linspace(0, len(trajectory) - 1, most).round().astype(int))
    fractions, faults = [], []
    for index in chosen:
        frame = trajectory.frame(int(index))
        where = frame.positions, frame.lengths, trajectory.periodic
        classes = analysis.structure_classes(*where)
        fractions.append(np.bincount(classes, minlength=5) / trajectory.atoms)
        faults.append([mask.mean() for mask in analysis.planar_faults(classes, *where)])
    fractions, faults = 100 * np.array(fractions), 100 * np.array(faults)
    rows = 2 if faults.max() >= 0.1 else 1
    figure, axes = plt.subplots(rows, sharex=True, figsize=(6, 1.2 + 2 * rows), squeeze=False)
    above, below = axes[0, 0], axes[-1, 0]
    along, clock = _clock(trajectory.times[chosen], trajectory.steps[chosen])
    for k, name in enumerate(analysis.STRUCTURES):
        if fractions[:, k].max() >= 0.1:
            above.plot(along, fractions[:, k], ".-", color=STRUCTURE_COLOURS[k], label=name)
    if rows == 2:
        for k, name in enumerate(analysis.FAULTS):
            if faults[:, k].max() >= 0.1:
                below.plot(along, faults[:, k], ".-", color=COLOURS[3 + k], label=name)
        below.set_ylabel("atoms / %")
        _from_zero(below, 1.1 * faults.max())
        below.legend(loc="lower left", bbox_to_anchor=(0, 1), ncols=3, borderaxespad=0.1)
    above.set_ylabel("atoms / %")
    above.set_ylim(0, 100)
    above.legend(loc="lower left", bbox_to_anchor=(0, 1), ncols=5, borderaxespad=0.1)
    below.set_xlabel(clock)
    _mark(above, trajectory)
    figure.align_ylabels()
    return figure


def pair_distribution(trajectory):
    """g(r) of the last frame."""
    frame = trajectory.frame(-1)
    if trajectory.atoms < 2:
        return None
    nearest = analysis.nearest_distance(frame.positions, frame.lengths, trajectory.periodic)
    radius, g = analysis.g_of_r(frame.positions, frame.lengths, trajectory.periodic, reach=4 * nearest)
    figure, axis = plt.subplots(figsize=(6, 3.0))
    axis.plot(radius, g, lw=1)
    axis.set_xlabel("distance / Å")
    axis.set_ylabel("g(r)")
    axis.set_xlim(left=0.6 * nearest)
    axis.set_title(f"{frame.time:g} ps", fontsize="small", loc="right")
    return figure


def sizes(trajectory):
    """Histogram of particle diameters with the Gaussian of their mean and deviation."""
    diameters = analysis.equivalent_diameters(trajectory, trajectory.frame(0)) / 10
    if len(diameters) < 8:
        return None
    mean, deviation = diameters.mean(), diameters.std(ddof=1)
    figure, axis = plt.subplots(figsize=(5, 3.2))
    # By the rule of Freedman and Diaconis, which has one bin where half of the sizes are alike.
    bins = min(max(len(np.histogram_bin_edges(diameters, "fd")) - 1, 8), 40)
    counts, edges, _ = axis.hist(diameters, bins=bins, color=COLOURS[5], edgecolor="white")
    if deviation > 0:
        x = np.linspace(mean - 4 * deviation, mean + 4 * deviation, 300)
        width = edges[1] - edges[0]
        gauss = len(diameters) * width / (deviation * np.sqrt(2 * np.pi)) * np.exp(-(((x - mean) / deviation) ** 2) / 2)
        fwhm = 2 * np.sqrt(2 * np.log(2)) * deviation
        axis.plot(x, gauss, color=COLOURS[1], label=f"mean {mean:.2f} nm, full width {fwhm:.2f} nm")
        axis.legend(loc="lower left", bbox_to_anchor=(0, 1), borderaxespad=0.1)
    axis.set_xlabel("diameter of the ball of the same volume / nm")
    axis.set_ylabel("particles")
    return figure


FIGURES = {
    "thermo": thermo,
    "neck": neck,
    "centres": centres,
    "climbing": climbing,
    "displacements": displacements,
    "diffusion": diffusion,
    "lindemann": lindemann,
    "layers": layers,
    "order": order,
    "surface": surface,
    "pressing": pressing,
    "composition": composition,
    "structures": structures,
    "g_of_r": pair_distribution,
    "sizes": sizes,
}


#: What a file must have for each: why it has not been drawn.
NEEDS = {
    "thermo": "series of temperature and energy",
    "neck": "series of pairs of particles",
    "centres": "particles that stand together, and series of how far they have moved",
    "climbing": "two particles with facets that face each other, in frames that follow each other",
    "displacements": "three frames or more, with time between them, since the particles were put together",
    "diffusion": "ten frames or more, with time between them and axes of lattices, since the particles were put together",
    "lindemann": "five frames or more of atoms with neighbours, since the particles were put together",
    "layers": "series of the layers below the surface (`layers = true` in `[output]`)",
    "order": f"an alloy of two elements, {LEAST_SHARED} atoms or more of it in a lattice that the run has found",
    "surface": f"two frames or more of at most {surfaces.MOST_ATOMS:,} atoms, or of which the run has measured the surface",
    "pressing": "a pressure on a box that changes, or pistons at a pressure",
    "composition": "two elements or more, and particles that end within the box",
    "structures": "frames",
    "g_of_r": "two atoms or more",
    "sizes": "eight particles or more",
}


def _mark_lone_points(figure):
    """A line does not show a point that has none beside it: of a run with one row, or where a layer comes and goes."""
    for line in (line for axis in figure.axes for line in axis.lines):
        known = np.isfinite(np.asarray(line.get_xdata(), float)) & np.isfinite(np.asarray(line.get_ydata(), float))
        beside = np.pad(known, 1)
        alone = np.flatnonzero(known & ~beside[:-2] & ~beside[2:])
        if line.get_marker() in (None, "None", "") and len(alone):
            line.set_marker(".")
            line.set_markevery(alone.tolist())


def draw(trajectory, names=None):
    """Yields name and figure of those wanted that the file has something for."""
    for name in names or FIGURES:
        if name not in FIGURES:
            raise Unusable(f"there is no figure {name}; there are {', '.join(FIGURES)}")
        figure = FIGURES[name](trajectory)
        if figure is not None:
            _mark_lone_points(figure)
            yield name, figure
