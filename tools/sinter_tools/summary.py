"""A run in some lines, and runs side by side."""

import matplotlib.pyplot as plt
import numpy as np

from . import analysis, checkpoints, surfaces, tables
from .style import COLOURS
from .trajectory import Unusable, as_text


def _last(series):
    return None if series is None or not len(series.values) else series.values[-1]


def contacts(trajectory):
    """Of each pair the time since which a neck stands at the end, ps after the particles were put together;
    None where there is none. Of files that do not tell: since which the gap has been closed."""
    stands = trajectory.series("pairs", "neck_time")
    if stands is not None and len(stands.time):
        since = stands.values[-1] - stands.time[0]
        return [float(one) if np.isfinite(one) else None for one in since]
    radius = trajectory.series("pairs", "neck_radius")
    if radius is None or not len(radius.time):
        return [None] * len(trajectory.pairs())
    found = []
    for own in radius.values.T:
        open_ = np.flatnonzero(~(own > 0))
        first = open_[-1] + 1 if len(open_) else 0
        found.append(float(radius.time[first] - radius.time[0]) if own[-1] > 0 else None)
    return found


def main_neck(trajectory):
    """The same and the radius at the end (Å) of the pair with the widest neck; None where there are no pairs."""
    pairs, radius = trajectory.pairs(), trajectory.series("pairs", "neck_radius")
    if not pairs:
        return None, None
    pair = pairs.index(trajectory.main_pair())
    return contacts(trajectory)[pair], 0.0 if radius is None else float(radius.values[-1, pair])


def _all_axes_change(trajectory, stage):
    """Whether no length of the box is kept: where one is, fluctuations of the volume tell another modulus."""
    stages = trajectory.input.get("stage", [])
    table = stages[stage - 1].get("pressure", {}) if stage <= len(stages) else {}
    return set("".join(table.get("axes", ["xyz"]))) == set("xyz")


def at_pressure(trajectory, least=60):
    """Volume per atom and bulk modulus in the stages that hold one pressure and one temperature, from the
    last two thirds of each."""
    names = ("stage_number", "target_pressure", "target_temperature", "volume", "stage")
    columns = [trajectory.series("thermo", name) for name in names]
    if any(column is None for column in columns):
        return
    number, pressure, temperature, volume, name = (column.values for column in columns)
    for stage in np.unique(number):
        inside = np.flatnonzero(number == stage)[1:]
        inside = inside[len(inside) // 3 :]
        if len(inside) < least or np.isnan(pressure[inside]).any():
            continue
        if np.ptp(pressure[inside]) or np.ptp(temperature[inside]) or not np.ptp(volume[inside]):
            continue
        each, error = analysis.mean_and_error(volume[inside] / trajectory.atoms)
        label = as_text(name[inside[0]])
        line = f"  stage {stage} ({label}), {temperature[inside[0]]:g} K, {pressure[inside[0]]:g} GPa: {each:.3f} ± {error:.3f} Å³ per atom"
        if _all_axes_change(trajectory, int(stage)):
            modulus, doubt = analysis.bulk_modulus(volume[inside], temperature[inside[0]])
            line += f", bulk modulus {modulus:.3g} ± {doubt:.1g} GPa by its fluctuations"
        yield line


def _unfinished(trajectory):
    """That the run was to go on, where its last checkpoint tells it."""
    checkpoint = checkpoints.last(trajectory.path.parent)
    try:
        header = None if checkpoint is None else checkpoints.read(checkpoint)[0]
    except Unusable:
        header = None
    if header is not None and not checkpoints.is_finished(trajectory, header):
        until = checkpoints.planned_end(header)
        planned = f", it was to go to {until:g} ps" if until > trajectory.times[-1] else ""
        yield f"  not finished{planned}; the last checkpoint is of {header['time_ps']:g} ps, step {header['step']}"


def _shapes(trajectory, frame):
    """Surface, volume and sphericity of particles that have a shape."""
    # What fills the box along a periodic direction goes on there, without a surface.
    fills = analysis.filled(trajectory, frame).any(1)
    for k, (volume, area, roundness) in enumerate(surfaces.of_particles(trajectory, frame)):
        if area > 0 and not fills[k]:
            yield (
                f"  particle {k} at the end: surface {area / 100:.2f} nm², volume {volume / 1000:.2f} nm³, "
                f"sphericity {roundness:.3f}"
            )


def lines(trajectory):
    """What the file holds and what became of the pairs."""
    first, last = (
        ", ".join(f"{count:,} {symbol}" for symbol, count in trajectory.frame(index).composition.items())
        for index in (0, -1)
    )
    composition = first if first == last else f"{first}; in the last frame {last}"
    particles = int(trajectory.particle.max()) + 1
    yield f"{trajectory.path}: {trajectory.title}"
    yield f"  {trajectory.atoms:,} atoms ({composition}) in {particles} particle{'s' * (particles > 1)}"
    yield (
        f"  {len(trajectory)} frames, {trajectory.times[0]:g} to {trajectory.times[-1]:g} ps, "
        f"steps {trajectory.steps[0]} to {trajectory.steps[-1]}"
    )
    yield from _unfinished(trajectory)
    for group in trajectory.file.get("sinter", {}):
        table = trajectory.file[f"sinter/{group}"]
        names = sorted(set(table) - {"step", "time"})
        yield f"  series {group}: {len(table['time'])} points of {', '.join(names)}"
    temperature = _last(trajectory.series("thermo", "temperature"))
    if temperature is not None and np.isfinite(temperature):
        yield f"  at the end {float(temperature):.0f} K"
    yield from at_pressure(trajectory)
    evaporated = _last(trajectory.series("thermo", "evaporated_atoms"))
    if evaporated is not None:
        yield f"  evaporated atoms: {int(evaporated)}"
    end = trajectory.frame(-1)
    where = end.positions, end.lengths, trajectory.periodic
    faults = analysis.planar_faults(analysis.structure_classes(*where), *where)
    found = [f"{mask.sum():,} in {name}" for name, mask in zip(analysis.FAULTS, faults) if mask.any()]
    if found:
        yield f"  atoms in hcp surroundings at the end: {', '.join(found)}"
    cheap = surfaces.is_cheap(trajectory, end)
    if particles <= 8 and cheap:
        yield from _shapes(trajectory, end)
    if trajectory.periodic.all() and cheap:
        void = surfaces.void_fraction(trajectory, end)
        yield f"  void fraction at the end: {100 * max(void, 0):.1f} %"
    for name, of in surfaces.of_windows(trajectory).items():
        error = "" if np.isnan(of.error) else f" ± {of.error * surfaces.SQUARE_METRES:.2g}"
        yield f"  diffusion of all particles' atoms, {name}: {of.constant * surfaces.SQUARE_METRES:.3g}{error} m²/s, of {of.atoms:.0f} atoms"
    yield from _of_pairs(trajectory)


#: Pairs that are told of one by one; of more those without a neck are counted.
MOST_PAIRS = 24


def _of_pairs(trajectory):
    """What became of the pairs."""
    radius = trajectory.series("pairs", "neck_radius")
    gap = _last(trajectory.series("pairs", "gap"))
    pairs = trajectory.pairs() if gap is not None and radius is not None else []
    stand = contacts(trajectory)
    necks = [k for k in range(len(pairs)) if stand[k] is not None]
    told = range(len(pairs))
    if len(pairs) > MOST_PAIRS:
        yield f"  {len(pairs):,} pairs of neighbours, {len(necks):,} of them with a neck"
        widest = sorted(necks, key=lambda k: -radius.values[-1, k])
        told = sorted(widest[:MOST_PAIRS])
        if len(widest) > MOST_PAIRS:
            yield f"  the {MOST_PAIRS} widest:"
    for k in told:
        a, b = pairs[k]
        since = stand[k]
        if since is None:
            open_ = f"gap {gap[k]:.1f} Å" if gap[k] > 0 else "though they touch"
            yield f"  particles {a} and {b}: no neck, {open_}"
            continue
        fit = analysis.growth(radius.time, radius.values[:, k])
        law = "" if fit is None else f", radius grew as t^({fit[1]:.2f} ± {fit[2]:.2f})"
        yield f"  particles {a} and {b}: a neck from {since:.1f} ps after they were put together on, radius {radius.values[-1, k]:.1f} Å{law}"


def conditions(trajectory):
    """Temperature (K) at which the pair was held and gap (Å) across which it was set."""
    config = trajectory.input
    held = [s["temperature_k"] for s in config.get("stage", []) if s.get("particles") != "apart" and "temperature_k" in s]
    gap = config.get("placement", {}).get("gap_angstrom")
    return (held[0] if held else None), gap


def told_apart(paths):
    """Names of runs: of the folders of their trajectories as many of the last ones as make them different."""
    whole = [path.absolute() for path in paths]
    parts = [(path.parent if path.name == "trajectory.h5md" else path).parts for path in whole]
    enough = lambda count: len({own[-count:] for own in parts}) == len(set(parts))
    count = next(count for count in range(1, max(map(len, parts)) + 1) if enough(count))
    return ["/".join(own[-count:]) for own in parts]


def compare(trajectories):
    """Rows (name, temperature, gap, time to the neck, radius at the end) and a figure of the
    necks over temperature and gap, where both are known. Of several pairs in a run that with the widest neck counts."""
    names = told_apart([trajectory.path for trajectory in trajectories])
    rows = [(name, *conditions(trajectory), *main_neck(trajectory)) for name, trajectory in zip(names, trajectories)]
    known = [row for row in rows if row[1] is not None and row[2] is not None]
    return rows, (_map(known) if known else None)


def _map(rows):
    figure, axis = plt.subplots(figsize=(5, 3.6))
    necks = np.array([row[3] is not None for row in rows])
    gap, temperature = np.array([row[2] for row in rows]), np.array([row[1] for row in rows])
    radius = np.array([row[4] for row in rows], float)
    axis.scatter(gap[~necks], temperature[~necks], s=60, facecolors="none", edgecolors="0.5", label="no neck")
    if necks.any():
        drawn = axis.scatter(gap[necks], temperature[necks], s=60, c=radius[necks], cmap="viridis", vmin=0,
                             edgecolors="black", linewidths=0.5, label="neck")
        figure.colorbar(drawn, label="neck radius at the end / Å")
    axis.set_xlabel("gap / Å")
    axis.set_ylabel("temperature / K")
    axis.margins(0.15)
    axis.legend(loc="upper center", bbox_to_anchor=(0.5, 1.15), ncols=2)
    return figure


def table(rows):
    """The rows of `compare` for a terminal."""
    show = lambda value, form: "-" if value is None else format(value, form)
    body = [
        (name, show(temperature, "g"), show(gap, "g"), show(since, ".1f"), show(radius, ".1f"))
        for name, temperature, gap, since, radius in rows
    ]
    head = ("run", "T / K", "gap / Å", "neck after / ps", "radius / Å")
    return tables.aligned([head, *body])
