"""Melting of particles and of the bulk: what campaigns with `figure = "melting"` measure and draw.

Particles are heated and cooled along ramps. The melting point is where the energy jumps: where the energy per atom, averaged over parts
of the ramp and smoothed by parabolas, rises fastest with the target temperature. (Small particles freeze gradually:
there the order of bonds is what figures show.) Besides, where the Lindemann index (the relative fluctuation of distances to
neighbours, over windows of frames) passes 0.1, and where half of the atoms below the surface layer are melted by the order of
their bonds (`/sinter/layers`).

Bulk: crystal and liquid side by side, at no pressure and several temperatures. While there are both, the energy changes at
a rate that is 0 at the melting point, and near it in proportion to the distance from it.

Gibbs and Thomson: T_m(d) = T_b - K/d, by least squares, with intervals of Student's t.
"""

import numpy as np
from scipy.signal import savgol_filter
from scipy.stats import t as student

from . import analysis, surfaces

BOLTZMANN = 8.617333262e-5  # eV/K
# Of the entropy of melting, in k per atom: what metals have (Richard's rule).
RICHARD = 1.1
LINDEMANN = 0.1
CONFIDENCE = 0.95
# Of a ramp: parts over which energies are averaged, and over how many of these they are smoothed.
PARTS, SMOOTH = 60, 11


def jump_of(temperature, energy):
    """Where energies jump as the temperature rises: temperature, height, and half of the width in which they do. No
    numbers of too few points."""
    order = np.argsort(temperature)
    x, y = np.asarray(temperature, float)[order], np.asarray(energy, float)[order]
    if len(x) < 2 * PARTS:
        return float("nan"), 0.0, float("nan")
    parts = np.array_split(np.arange(len(x)), PARTS)
    x, y = (np.array([values[part].mean() for part in parts]) for values in (x, y))
    capacity = np.gradient(savgol_filter(y, SMOOTH, 2), x)
    # At the ends parabolas are not held on either side.
    inner = slice(SMOOTH // 2, -(SMOOTH // 2))
    best = int(np.argmax(capacity[inner])) + SMOOTH // 2
    if best in (SMOOTH // 2, len(x) - 1 - SMOOTH // 2):
        # It still rises at the end of the ramp: the jump is not over, wherever it is.
        return float("nan"), 0.0, float("nan")
    usual = float(np.median(capacity[inner]))
    high = capacity > (capacity[best] + usual) / 2
    first = best - int(np.argmin(high[: best + 1][::-1])) + 1 if not high[: best + 1].all() else 0
    last = best + int(np.argmin(high[best:])) - 1 if not high[best:].all() else len(x) - 1
    above = np.clip(capacity - usual, 0, None)
    # What is above the usual one on either side of the peak, down to it.
    low = best - int(np.argmin((above > 0)[: best + 1][::-1])) + 1 if not (above > 0)[: best + 1].all() else 0
    up = best + int(np.argmin((above > 0)[best:])) if not (above > 0)[best:].all() else len(x)
    height = float(np.trapezoid(above[low:up], x[low:up])) if up - low > 1 else 0.0
    return float(x[best]), height, float((x[last] - x[first]) / 2)


def passes(x, y, level):
    """Where y, against rising x, passes a level for good: the last crossing; None if it does not."""
    above = np.asarray(y) > level
    if not above.any() or above.all():
        return None
    k = int(np.flatnonzero(above != above[-1])[-1])
    if k + 1 >= len(x):
        return None
    part = (level - y[k]) / (y[k + 1] - y[k])
    return float(x[k] + part * (x[k + 1] - x[k]))


def ramps(trajectory):
    """The stages along which the temperature rises or falls: name, number, and their ranges of time."""
    for number, stage in enumerate(trajectory.input.get("stage", []), 1):
        if stage.get("kind") in ("heat", "cool"):
            yield stage["kind"], number, stage


def particle(trajectory):
    """What a run along ramps tells of its melting."""
    thermo = {name: trajectory.series("thermo", name) for name in ("potential_energy", "target_temperature", "stage_number")}
    number, target = thermo["stage_number"].values, thermo["target_temperature"].values
    energy, time = thermo["potential_energy"].values / trajectory.atoms, thermo["potential_energy"].time
    result = {"atoms": int(trajectory.atoms), "diameter_nm": diameter(trajectory)}
    for name, stage, settings in ramps(trajectory):
        inside = np.flatnonzero(number == stage)[1:]
        x, y = target[inside], energy[inside]
        point, jump, width = jump_of(x, y)
        begin, end = time[inside[0]], time[inside[-1]]
        rate = (settings["end_temperature_k"] - settings["temperature_k"]) / settings["duration_ps"]
        at = lambda times: np.interp(times, time[inside], x)
        found = {"rate_k_per_ps": rate, "point_k": point, "width_k": width, "jump_ev": jump}
        found["curve"] = _thinned(x, y)
        found["liquid"], found["lindemann"] = _liquid(trajectory, begin, end, at), _shaken(trajectory, begin, end, at)
        for measure, level in (("liquid", 0.5), ("lindemann", LINDEMANN)):
            pairs = sorted(zip(*found[measure]))
            crossing = passes([p[0] for p in pairs], [p[1] for p in pairs], level) if len(pairs) > 1 else None
            found[f"{measure}_point_k"] = crossing
        result[name] = found
    return result


def diameter(trajectory):
    """Of the sphere with as many atoms at the density of the lattice that the particle was built of, nm."""
    (settings,) = trajectory.input["particle"][:1]
    volume = settings["lattice_constant_angstrom"] ** 3 / (2 if settings.get("lattice") == "bcc" else 4)
    return float((6 * trajectory.atoms * volume / np.pi) ** (1 / 3) / 10)


def _thinned(x, y, points=120):
    """Means over so many parts, for figures."""
    parts = np.array_split(np.arange(len(x)), min(points, len(x)))
    return [[float(np.mean(values[part])) for part in parts] for values in (x, y)]


def _liquid(trajectory, begin, end, at):
    """Share of melted atoms among those below the surface layer, against temperature."""
    atoms, melted = trajectory.series("layers", "atoms"), trajectory.series("layers", "melted")
    if atoms is None or melted is None:
        return [[], []]
    inside = (atoms.time > begin) & (atoms.time <= end)
    # Rows x particles x layers.
    inner, molten = (series.values[inside].sum(1)[:, 1:].sum(1) for series in (atoms, melted))
    return [at(atoms.time[inside]).tolist(), (molten / np.maximum(inner, 1)).tolist()]


def _shaken(trajectory, begin, end, at, window=5):
    """Lindemann index of the inner atoms over windows of frames, against temperature."""
    frames = np.flatnonzero((trajectory.times > begin) & (trajectory.times <= end))
    temperatures, indices = [], []
    for some in np.array_split(frames, max(1, len(frames) // window)):
        if len(some) < 3:
            continue
        here = surfaces.around(trajectory, trajectory.frame(int(some[0])))
        index = analysis.lindemann(trajectory, some.tolist(), here.pairs)
        inner = surfaces.layers(here) > 0
        if np.isfinite(index[inner]).any():
            temperatures.append(float(at(trajectory.times[some].mean())))
            indices.append(float(np.nanmean(index[inner])))
    return [temperatures, indices]


def coexistence(trajectory):
    """The rate at which the energy per atom of crystal beside liquid changes, eV/ps, with its standard error, in the last stage:
    until so much has melted or frozen that one of them comes to its end."""
    thermo = {name: trajectory.series("thermo", name) for name in ("potential_energy", "target_temperature", "stage_number")}
    inside = np.flatnonzero(thermo["stage_number"].values == thermo["stage_number"].values.max())[1:]
    temperature = float(thermo["target_temperature"].values[inside[-1]])
    time = thermo["potential_energy"].time[inside]
    energy = thermo["potential_energy"].values[inside] / trajectory.atoms
    # The box comes to rest first.
    settled = len(time) // 10
    time, energy = time[settled:], energy[settled:]
    first = energy[: max(len(energy) // 20, 3)].mean()
    most = 0.3 * RICHARD * BOLTZMANN * temperature
    smooth = np.convolve(energy, np.ones(5) / 5, "same")
    beyond = np.flatnonzero(np.abs(smooth[2:-2] - first) > most)
    until = max(int(beyond[0]) + 2, 20) if len(beyond) else len(energy)
    slope, error = _slope(time[:until], energy[:until])
    curve = _thinned(thermo["potential_energy"].time[inside], thermo["potential_energy"].values[inside] / trajectory.atoms)
    return {"temperature_k": temperature, "rate_ev_per_ps": slope, "error": error, "until_ps": float(time[:until][-1]), "curve": curve}


def _slope(x, y, blocks=8):
    """Slope and its standard error, of means over blocks: neighbouring points are not independent."""
    parts = np.array_split(np.arange(len(x)), min(blocks, len(x)))
    means = np.array([[values[part].mean() for part in parts] for values in (x, y)])
    line = Line(*means)
    return line.slope, line.slope_error


class Line:
    """y = level + slope (x - middle) by least squares; what is given with errors has weights."""

    def __init__(self, x, y, errors=None):
        x, y = np.asarray(x, float), np.asarray(y, float)
        weights = np.ones(len(x)) if errors is None else 1 / np.asarray(errors, float) ** 2
        self.middle = np.average(x, weights=weights)
        self.level = np.average(y, weights=weights)
        spread = (weights * (x - self.middle) ** 2).sum()
        self.slope = float((weights * (x - self.middle) * (y - self.level)).sum() / spread)
        rest = y - self.at(x)
        self.free = max(len(x) - 2, 0)
        unit = (weights * rest**2).sum() / self.free if self.free else np.nan
        self.slope_error = float(np.sqrt(unit / spread))
        self.level_error = float(np.sqrt(unit / weights.sum()))
        self.factor = float(student.ppf((1 + CONFIDENCE) / 2, self.free)) if self.free else np.nan

    def at(self, x):
        return self.level + self.slope * (np.asarray(x) - self.middle)

    def error_at(self, x):
        """Half of the interval of confidence of the line."""
        return self.factor * np.hypot(self.level_error, self.slope_error * (np.asarray(x) - self.middle))

    def root(self):
        """Where it is 0, with half of the interval of confidence."""
        x = self.middle - self.level / self.slope
        return float(x), float(self.error_at(x) / abs(self.slope))


def bulk(results):
    """The melting point of the bulk from rates at several temperatures, with half of its interval of confidence and the line;
    None where they do not enclose it."""
    rates = sorted((r["temperature_k"], r["rate_ev_per_ps"]) for r in results)
    signs = [rate > 0 for _, rate in rates]
    if len(rates) < 3 or not any(signs) or all(signs):
        return None
    # Far from the point growth is no longer in proportion to the distance from it: the five nearest count.
    change = signs.index(True)
    low = max(0, min(change - 2, len(rates) - 5)) if len(rates) > 5 else 0
    x, y = zip(*rates[low : low + 5])
    line = Line(x, y)
    return *line.root(), line


def gibbs_thomson(results):
    """The line of melting points against 1/d of the slowest heating; None of fewer than three."""
    heated = [(r["diameter_nm"], r["heating"]) for r in results if "heating" in r]
    slowest = min((h["rate_k_per_ps"] for _, h in heated), default=0)
    points = [(1 / d, h["point_k"]) for d, h in heated if h["rate_k_per_ps"] == slowest and np.isfinite(h["point_k"])]
    if len(points) < 3 or len({round(x, 6) for x, _ in points}) < 2:
        return None
    return Line(*zip(*points))


def slowest_of_each_size(particles):
    """Of ramps at several rates those whose curves are drawn."""
    rate = lambda r: max((r[way]["rate_k_per_ps"] for way in ("heating", "cooling") if way in r), default=0)
    least = {}
    for r in particles:
        size = round(r["diameter_nm"], 2)
        least[size] = min(least.get(size, np.inf), rate(r))
    return [r for r in particles if rate(r) == least[round(r["diameter_nm"], 2)]]


def outcome(trajectory):
    """What is kept of a run: of a particle along ramps, or of crystal beside liquid."""
    if any(True for _ in ramps(trajectory)):
        found = particle(trajectory)
        return {"kind": "particle", **{{"heat": "heating", "cool": "cooling"}.get(key, key): value for key, value in found.items()}}
    return {"kind": "coexistence", **coexistence(trajectory)}


def turn(result, way):
    """Where a particle melts, by its energy; or freezes, which small ones do so gradually that the order of bonds tells it
    better. No number where it does not."""
    found = result[way]["point_k"] if way == "heating" else result[way]["liquid_point_k"]
    return float("nan") if found is None else found


def said(result):
    """A run in a few words."""
    if result["kind"] == "coexistence":
        return f"{result['rate_ev_per_ps'] * 1000:+.2f} ± {result['error'] * 1000:.2f} meV/ps per atom at {result['temperature_k']:g} K"
    points = {way: turn(result, way) for way in ("heating", "cooling") if way in result}
    parts = [f"{way} " + (f"{point:.0f} K" if np.isfinite(point) else "nothing found") for way, point in points.items()]
    return f"{result['diameter_nm']:.2f} nm: " + ", ".join(parts)


def split(results):
    """Particles and slabs."""
    return [[r for r in results if r["kind"] == kind] for kind in ("particle", "coexistence")]


def table(results):
    """Lines of CSV: a row for each ramp, and for the bulk."""
    yield "what,diameter_nm,rate_k_per_ps,melting_k,width_k,jump_ev,liquid_k,lindemann_k"
    number = lambda x: "" if x is None or not np.isfinite(x) else f"{x:.5g}"
    particles, slabs = split(results)
    for result in sorted(particles, key=lambda r: r["diameter_nm"]):
        for way in ("heating", "cooling"):
            if way in result:
                r = result[way]
                columns = [result["diameter_nm"], r["rate_k_per_ps"], r["point_k"], r["width_k"], r["jump_ev"]]
                columns += [r["liquid_point_k"], r["lindemann_point_k"]]
                yield f"{way}," + ",".join(map(number, columns))
    if slabs and (found := bulk(slabs)):
        yield f"bulk,,,{number(found[0])},{number(found[1])},,,"
    if line := gibbs_thomson(particles):
        yield f"gibbs-thomson at 1/d = 0,,,{number(line.at(0))},{number(line.error_at(0))},,,"


def figure(results):
    """Energies, Lindemann index and liquid fraction against temperature; growth of the liquid in the bulk; melting points
    against 1/d."""
    import matplotlib.pyplot as plt

    from . import style  # noqa: F401, one look for all

    particles, slabs = split(results)
    particles.sort(key=lambda r: r["diameter_nm"])
    sizes = sorted({round(r["diameter_nm"], 2) for r in particles})
    colours = {d: plt.get_cmap("viridis")(0.85 * k / max(len(sizes) - 1, 1)) for k, d in enumerate(sizes)}
    drawn, ((energies, order), (growth, points)) = plt.subplots(2, 2, figsize=(9.5, 7))
    named = set()
    for result in slowest_of_each_size(particles):
        size = round(result["diameter_nm"], 2)
        for way, look in (("heating", "-"), ("cooling", "--")):
            if way not in result:
                continue
            x, y = result[way]["curve"]
            name = f"{size:g} nm" if size not in named and way == "heating" else None
            energies.plot(x, y, look, color=colours[size], lw=1, label=name)
            named.add(size)
            if way == "heating":
                order.plot(*result[way]["liquid"], "-", color=colours[size], lw=1)
                order.plot(*result[way]["lindemann"], ":", color=colours[size], lw=1.5)
    energies.set_xlabel("temperature / K")
    energies.set_ylabel("potential energy per atom / eV")
    if named:
        low, high = energies.get_ylim()
        energies.set_ylim(bottom=low - 0.35 * (high - low))
        look = {"fontsize": "small", "title_fontsize": "small", "ncols": 2 if len(sizes) > 3 else 1}
        energies.legend(title="heated (solid), cooled (dashed)", loc="lower right", **look)
    order.axhline(LINDEMANN, color="0.6", lw=0.7)
    order.plot([], [], "-", color="0.3", label="liquid fraction below the surface")
    order.plot([], [], ":", color="0.3", label="Lindemann index")
    order.set_ylim(top=1.25)
    order.legend(fontsize="small", loc="upper left")
    order.set_xlabel("temperature / K")
    order.set_ylabel("when heated")
    at = [r["temperature_k"] for r in slabs]
    if slabs:
        growth.errorbar(at, [1000 * r["rate_ev_per_ps"] for r in slabs], [1000 * r["error"] for r in slabs], fmt="o", ms=4, color="C0")
    else:
        growth.set_axis_off()
    growth.axhline(0, color="0.6", lw=0.7)
    found = bulk(slabs) if slabs else None
    if found:
        point, half, line = found
        x = np.linspace(min(at), max(at), 100)
        growth.plot(x, 1000 * line.at(x), color="C0", lw=1)
        growth.axvspan(point - half, point + half, color="C0", alpha=0.15, lw=0)
        growth.set_title(f"bulk: {point:.0f} ± {half:.0f} K", fontsize="small", loc="right")
    growth.set_xlabel("temperature / K")
    growth.set_ylabel("crystal beside liquid:\nenergy per atom and time / (meV/ps)")
    rates = sorted({round(r["heating"]["rate_k_per_ps"], 3) for r in particles if "heating" in r})
    for way, mark, name in (("heating", "^", "melts"), ("cooling", "v", "freezes (half liquid)")):
        there = [r for r in particles if way in r and np.isfinite(turn(r, way))]
        for r in there:
            colour = colours[round(r["diameter_nm"], 2)]
            filled = colour if round(abs(r[way]["rate_k_per_ps"]), 3) in rates[:1] else "none"
            points.scatter(1 / r["diameter_nm"], turn(r, way), marker=mark, facecolors=[filled], edgecolors=[colour], s=28)
        if there:
            points.scatter([], [], marker=mark, color="0.3", s=28, label=name)
    if len(rates) > 1:
        points.scatter([], [], marker="^", facecolors="none", edgecolors="0.3", s=28, label=f"faster than {rates[0]:g} K/ps")
    line = gibbs_thomson(particles)
    if line:
        x = np.linspace(0, max(1 / r["diameter_nm"] for r in particles) * 1.05, 100)
        points.plot(x, line.at(x), color="0.3", lw=1)
        band = line.error_at(x)
        if np.isfinite(band).all():
            points.fill_between(x, line.at(x) - band, line.at(x) + band, color="0.3", alpha=0.12, lw=0)
        half = f" ± {float(line.error_at(0)):.0f}" if np.isfinite(line.error_at(0)) else ""
        points.set_title(f"$T$ = {float(line.at(0)):.0f}{half} K − {-line.slope:.0f} K nm / $d$", fontsize="small", loc="right")
    if found:
        points.errorbar([0], [found[0]], [found[1]], fmt="s", ms=5, color="C0", label="bulk, coexistence")
    shown = [turn(r, way) for r in particles for way in ("heating", "cooling") if way in r] + ([found[0]] if found else [])
    shown = [point for point in shown if np.isfinite(point)]
    if shown:
        # A wide band hides no points.
        room = 0.25 * max(np.ptp(shown), 50)
        points.set_ylim(min(shown) - room, max(max(shown), float(line.at(0)) if line else 0) + room)
    points.set_xlim(left=-0.01)
    points.set_xlabel("1 / diameter / nm$^{-1}$")
    points.set_ylabel("temperature / K")
    if shown:
        points.legend(fontsize="small")
    return drawn
