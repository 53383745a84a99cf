"""What became of many particles at each temperature: nothing, necks only, migration, ripening.

A period is a stage of the protocol, or what of it there is while the particles share one space; one in which no time passes, as in minimisation, is
none. Which of these things happened in it:

    necks       a neck has begun to stand (`/sinter/mergers`), however its gap was closed
    migration   a particle has moved by more than one distance of neighbours before it had a neck (not counted as far as a box that
                changes carries it along), or a neck's gap was closed by migration (`closure` of `/sinter/mergers`)
    ripening    an atom has left a particle and its neighbours: it is vapour at the end of the period, or it has gone over from a particle
                that no neck joins to any other (`lost_atoms` of `/sinter/structure`)

Bodies are particles, or as many as necks join. Everything comes from the series, so that no frame is read.
"""

import csv
from dataclasses import astuple, dataclass, fields

import matplotlib.pyplot as plt
import numpy as np

from .style import COLOURS
from .trajectory import ATOMS, Unusable

#: How gaps are closed, as `closure` has it.
CLOSURES = ("surface diffusion", "migration", "touching")


@dataclass(frozen=True)
class Period:
    """What happened in a stage; times in ps since the run began, temperatures in K."""

    stage: int
    name: str
    begin_ps: float
    end_ps: float
    #: Of the thermostat, or measured where there is none: at the begin and at the end.
    from_k: float
    to_k: float
    #: At the end.
    bodies: int
    #: Necks that have begun to stand, by how the gap was closed.
    by_surface_diffusion: int
    by_migration: int
    touching: int
    #: Particles without a neck that moved farther than neighbours are apart, and how far the farthest did, Å.
    moved: int
    farthest_angstrom: float
    #: Atoms: vapour at the end, and those that particles without a neck have lost to others in the period.
    vapour: int
    gone_over: int

    @property
    def necks(self):
        return self.by_surface_diffusion + self.by_migration + self.touching

    @property
    def kind(self):
        """In one word or two."""
        others = ["migration"] * bool(self.moved or self.by_migration) + ["ripening"] * bool(self.vapour or self.gone_over)
        if not others:
            return "necks only" if self.necks else "nothing"
        return " and ".join(["necks"] * bool(self.necks) + others)


def _last(series, time):
    """The row of a moment, or the last one before it; None before the first."""
    k = np.searchsorted(series.time, time + 1e-9) - 1
    return series.values[k] if k >= 0 else None


def _text(value):
    return value.decode("utf-8", "replace") if isinstance(value, bytes) else str(value)


class Necks:
    """The necks of a run: which particles they join at each moment."""

    def __init__(self, trajectory):
        self.pairs = trajectory.pairs()
        self.stands = trajectory.series("pairs", "neck_time")
        merged = {name: trajectory.series("mergers", name) for name in ("neck_time", "closure", "particles")}
        known = merged["neck_time"] is not None
        self.times = merged["neck_time"].values if known else np.zeros(0)
        self.closures = [_text(value) for value in merged["closure"].values] if known else []
        self.particles = merged["particles"].values if known else np.zeros((0, 2), int)

    def joined(self, time):
        """The pairs between which a neck stands, as is known by the end: a neck has to last before it is told."""
        if self.stands is None or not self.pairs:
            return []
        later = self.stands.values[np.searchsorted(self.stands.time, time - 1e-9) :]
        return [pair for pair, since in zip(self.pairs, later.T) if (since <= time + 1e-9).any()]

    def bodies(self, time, particles):
        """How many bodies there are of so many particles."""
        body = list(range(particles))
        for a, b in self.joined(time):
            one, other = body[a], body[b]
            body = [one if k == other else k for k in body]
        return len(set(body))

    def alone(self, time, particles):
        """Of each particle whether it has no neck."""
        free = np.ones(particles, bool)
        for pair in self.joined(time):
            free[list(pair)] = False
        return free

    def formed(self, begin, end):
        """Of each closure how many necks began to stand in (begin, end]."""
        inside = [c for c, t in zip(self.closures, self.times) if begin < t <= end]
        return [inside.count(closure) for closure in CLOSURES]

    def first(self, particle, begin, end):
        """When a particle got its first neck in a time; the end of it where it got none."""
        of = (self.particles == particle).any(1) & (self.times > begin) & (self.times <= end)
        return float(self.times[of].min()) if of.any() else end


class Places:
    """Where the particles' centres are, and where a box that changes carries them."""

    def __init__(self, trajectory, centres):
        self.centres = centres
        self.times, box = trajectory.times, trajectory.file[f"{ATOMS}/box"]
        edges = box["edges/value"][:]
        self.edges = edges if edges.ndim == 2 else np.diagonal(edges, axis1=1, axis2=2)
        self.origins = box["origin/value"][:] if "origin" in box else np.zeros_like(self.edges)
        self.periodic = trajectory.periodic

    def _box(self, time):
        """Corner and lengths of the box: those of the last frame."""
        k = max(np.searchsorted(self.times, time + 1e-9) - 1, 0)
        return self.origins[k], self.edges[k]

    def moved(self, particle, begin, end):
        """How far a particle has moved on its own, Å."""
        (origin, lengths), (later, stretched) = self._box(begin), self._box(end)
        start = _last(self.centres, begin)[particle]
        ratio = np.divide(stretched, lengths, out=np.ones(3), where=lengths > 0)
        carried = np.where(self.periodic, later + (start - origin) * ratio, start)
        return float(np.linalg.norm(_last(self.centres, end)[particle] - carried))


def periods(trajectory):
    """What happened in each stage, one after the other."""
    names = ("stage_number", "stage", "target_temperature", "temperature", "evaporated_atoms")
    thermo = {name: trajectory.series("thermo", name) for name in names}
    centres, distance = trajectory.series("particles", "centre"), trajectory.series("structure", "nearest_neighbour_distance")
    missing = [name for name, one in {**thermo, "centre": centres, "nearest_neighbour_distance": distance}.items() if one is None]
    if missing:
        raise Unusable(f"{trajectory.path}: there is no series of {missing[0]} in this file, without which events are not told")
    if not trajectory.is_together():
        raise Unusable(f"{trajectory.path}: the particles do not come to share one space in this run: there are no events between them")
    time, number = thermo["stage_number"].time, thermo["stage_number"].values
    particles = centres.values.shape[1]
    necks, lost = Necks(trajectory), trajectory.series("structure", "lost_atoms")
    removed, places = trajectory.series("thermo", "removed_atoms"), Places(trajectory, centres)
    stages = trajectory.input.get("stage", [])
    begin = trajectory.together()
    found = []
    for stage in np.unique(number[time >= begin - 1e-9]):
        rows, after = (np.flatnonzero((time >= begin - 1e-9) & which) for which in (number == stage, number > stage))
        # The point where two stages meet is of the one that begins.
        end = float(time[after[0]] if len(after) else time[rows[-1]])
        if end <= begin:
            continue
        table = stages[stage - 1] if len(after) and stage <= len(stages) else {}
        target, measured = (thermo[name].values[rows] for name in ("target_temperature", "temperature"))
        held = target if np.isfinite(target).all() else measured
        # What touches when the particles are put together has had its neck since that moment.
        formed = necks.formed(begin if found else begin - 1e-6, end)
        free = necks.alone(begin, particles) if found else np.ones(particles, bool)
        moved = np.array([places.moved(p, begin, necks.first(p, begin, end)) for p in np.flatnonzero(free)])
        apart = free & necks.alone(end, particles)
        over = [_last(lost, moment) for moment in (begin, end)] if lost is not None else [None, None]
        gone = 0 if over[1] is None else over[1] - (0 if over[0] is None else over[0])
        vapour = _last(thermo["evaporated_atoms"], end) + (0 if removed is None else _last(removed, end))
        found.append(
            Period(
                stage=int(stage),
                name=_text(thermo["stage"].values[rows[-1]]),
                begin_ps=round(begin, 6),
                end_ps=round(end, 6),
                from_k=float(held[0]),
                to_k=float(table.get("end_temperature_k", table.get("temperature_k", held[-1]))),
                bodies=necks.bodies(end, particles),
                by_surface_diffusion=formed[0],
                by_migration=formed[1],
                touching=formed[2],
                moved=int((moved > _last(distance, end)).sum()),
                farthest_angstrom=round(float(np.nan_to_num(moved).max(initial=0)), 3),
                vapour=int(vapour),
                gone_over=int(np.sum(gone * apart)),
            )
        )
        begin = end
    return found


def lines(found):
    """A table for a terminal."""
    head = ("stage", "T / K", "time / ps", "bodies", "necks", "diffusion", "migration", "touching", "moved", "farthest / Å", "vapour", "gone over", "what happened")
    show = lambda low, high: "-" if np.isnan([low, high]).any() else " to ".join(dict.fromkeys(f"{t:.0f}" for t in (low, high)))
    body = [
        (
            p.name, show(p.from_k, p.to_k), f"{p.begin_ps:g} to {p.end_ps:g}", p.bodies, p.necks, p.by_surface_diffusion,
            p.by_migration, p.touching, p.moved, f"{p.farthest_angstrom:.1f}", p.vapour, p.gone_over, p.kind,
        )
        for p in found
    ]
    rows = [head, *[tuple(map(str, row)) for row in body]]
    widths = [max(len(row[c]) for row in rows) for c in range(len(head))]
    texts = (0, len(head) - 1)
    for row in rows:
        yield "  ".join(v.ljust(w) if c in texts else v.rjust(w) for c, (v, w) in enumerate(zip(row, widths))).rstrip()


def write(found, path):
    """The table as CSV."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow([field.name for field in fields(Period)] + ["what_happened"])
        rows = ([*astuple(period), period.kind] for period in found)
        writer.writerows([["" if value != value else value for value in row] for row in rows])
    return path


def figure(trajectory, found):
    """Temperature, bodies and necks, motion, and atoms that left, period by period along time."""
    drawn, (heat, bodies, motion, atoms) = plt.subplots(4, sharex=True, figsize=(6, 7))
    temperature = trajectory.series("thermo", "temperature")
    since = temperature.time >= found[0].begin_ps
    heat.plot(temperature.time[since], temperature.values[since], lw=0.8)
    heat.set_ylabel("temperature / K")
    ends = np.array([found[0].begin_ps, *(p.end_ps for p in found)])
    necks = Necks(trajectory)
    particles = trajectory.series("particles", "centre").values.shape[1]
    times = np.unique([found[0].begin_ps, ends[-1], *necks.times[necks.times <= ends[-1]]])
    bodies.step(times, [necks.bodies(time, particles) for time in times], where="post", color="0.3", label="bodies")
    for k, closure in enumerate(CLOSURES):
        of = np.sort([t for t, c in zip(necks.times, necks.closures) if c == closure])
        if len(of):
            bodies.step([found[0].begin_ps, *of, ends[-1]], [0, *range(1, len(of) + 1), len(of)], where="post", color=COLOURS[k], label=f"necks by {closure}" if k < 2 else "necks of what touched")
    bodies.set_ylabel("number")
    bodies.set_ylim(bottom=0)
    bodies.legend(loc="lower left", bbox_to_anchor=(0, 1), ncols=3, borderaxespad=0.1)
    wide = np.diff(ends)
    motion.bar(ends[:-1], [p.farthest_angstrom for p in found], wide, align="edge", color=COLOURS[4], edgecolor="white")
    motion.set_ylabel("farthest without\na neck / Å")
    atoms.bar(ends[:-1], [p.vapour for p in found], wide / 2, align="edge", color=COLOURS[5], edgecolor="white", label="vapour")
    atoms.bar(ends[:-1] + wide / 2, [p.gone_over for p in found], wide / 2, align="edge", color=COLOURS[3], edgecolor="white", label="gone over")
    atoms.set_ylabel("atoms that left")
    atoms.legend(loc="upper left", ncols=2)
    atoms.set_ylim(0, 1.3 * max(1, *(p.vapour for p in found), *(p.gone_over for p in found)))
    atoms.set_xlabel("time / ps")
    for axis in (heat, bodies, motion, atoms):
        axis.set_xlim(ends[0], ends[-1])
        for end in ends[1:-1]:
            axis.axvline(end, color="0.8", lw=0.5, zorder=0)
    drawn.align_ylabels()
    return drawn
