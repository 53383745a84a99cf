"""What became of many particles at each temperature: nothing, necks only, migration, ripening.

A period is a stage of the protocol, or what of it there is while the particles share one space. Which of these things happened in it:

    necks       a neck has begun to stand (`neck_time` of `/sinter/pairs`), however its gap was closed
    migration   a particle has moved by more than one distance of neighbours before it had a neck, not counted as far as a box that
                changes carries it along
    ripening    an atom has left a particle and its neighbours: there is more vapour at the end (atoms without any neighbour within the cutoff of
                the potential; clusters that have evaporated do not count), or atoms have gone over to other particles (`lost_atoms` of
                `/sinter/structure`) from one that was bonded to none of them

Bodies are particles, or as many as necks join. What fills a box (a slab, a support) is none: what happens to it is not looked at, nor what it does to others.
Rows are told by their steps, since minimisation takes no time.
"""

from dataclasses import astuple, dataclass, fields
from functools import lru_cache
from typing import NamedTuple

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.ticker import MaxNLocator
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from . import analysis, surfaces, tables
from .style import COLOURS
from .trajectory import Unusable, as_text

#: How gaps are closed, as `closure` has it, and in the figure.
CLOSURES = {"surface diffusion": "necks by diffusion", "migration": "necks by migration", "touching": "necks of what touched"}
#: As many bonded atoms of each side make a neck.
NECK_ATOMS = 4


@dataclass(frozen=True)
class Period:
    """What happened in a stage; times in ps since the run began, temperatures in K."""

    stage: int
    name: str
    begin_ps: float
    end_ps: float
    #: Of the thermostat at the begin and at the end; where there is none, the mean of what was measured.
    from_k: float
    to_k: float
    #: At the end.
    bodies: int
    #: Necks that have begun to stand, by how the gap was closed when the pair first came together.
    by_surface_diffusion: int
    by_migration: int
    touching: int
    #: Particles without a neck that moved farther than neighbours are apart, and how far the farthest did, Å.
    moved: int
    farthest_angstrom: float
    #: Atoms: vapour at the end, how much more that is than at the begin, and those gone over from particles without a bond.
    vapour: int
    evaporated: int
    gone_over: int

    @property
    def necks(self):
        return self.by_surface_diffusion + self.by_migration + self.touching

    @property
    def kind(self):
        """In one word or two."""
        others = ["migration"] * bool(self.moved) + ["ripening"] * bool(self.evaporated or self.gone_over)
        if not others:
            return "necks only" if self.necks else "nothing"
        return " and ".join(["necks"] * bool(self.necks) + others)


class Neck(NamedTuple):
    """When a neck began to stand (ps), between which particles, and how their gap was closed."""

    step: int
    time: float
    pair: tuple
    closure: str


def _row(steps, step):
    """The number of a step's row, or that of the last one before it; -1 before the first."""
    return int(np.searchsorted(steps, step, side="right")) - 1


class Run:
    """The series that events are told from, those that there must be, and what the particles do in them."""

    def __init__(self, trajectory):
        self.trajectory = trajectory
        self.names = self._needed("thermo", "stage")
        self.numbers = self._needed("thermo", "stage_number")
        self.target = self._needed("thermo", "target_temperature")
        self.temperature = self._needed("thermo", "temperature")
        self.vapour = self._needed("thermo", "evaporated_atoms")
        self.centres = self._needed("particles", "centre")
        self._needed("particles", "displacement")
        together = trajectory.first_together()
        if together is None:
            raise Unusable(f"{trajectory.path}: the particles do not come to share one space in this run: there are no events between them")
        self.begin, self.begin_ps = together
        distance = self._needed("structure", "nearest_neighbour_distance")
        self.lost = self._needed("structure", "lost_atoms")
        self.bound = trajectory.series("structure", "vapour_atoms")
        known = distance.values[np.isfinite(distance.values)]
        if not len(known):
            raise Unusable(f"{trajectory.path}: no distance of neighbours is known in this run: of how far particles move nothing can be told")
        self.distance = float(known[-1])
        # Particles have frames in common, and some each.
        self._frame = lru_cache(maxsize=8)(self._read_frame)
        first = trajectory.frame(int(np.searchsorted(trajectory.steps, self.begin).clip(max=len(trajectory) - 1)))
        #: Of each particle whether it counts: what fills the box does not.
        self.counts = ~analysis.filled(trajectory, first).any(1)
        if not self.counts.any():
            raise Unusable(f"{trajectory.path}: all that is in this file fills its box: there are no particles that something could happen to")
        self._find_necks()
        departures = trajectory.series("departures", "atom")
        self.departed = [] if departures is None else list(zip(departures.step, trajectory.particle[departures.values]))
        edges = trajectory.file["particles/trajectory/box/edges/value"][:]
        self.box_changes = bool(trajectory.periodic.any() and np.ptp(edges, axis=0).any())

    def _needed(self, group, name):
        series = self.trajectory.series(group, name)
        if series is None or not len(series.step):
            raise Unusable(f"{self.trajectory.path}: there is no {name} of /sinter/{group} in this file, without which events are not told")
        return series

    def _find_necks(self):
        """By row and pair whether a neck stands between bodies, as is known by the end, since it has to last before it is told, and
        whether there is a bond; of each neck the step at which it began to stand, and its closure."""
        pairs = self.trajectory.pairs()
        self.pairs, self.steps, self.times, self.necks = np.array(pairs, int).reshape(-1, 2), np.zeros(0, int), np.zeros(0), []
        self.joined = self.bonded = np.zeros((0, len(pairs)), bool)
        if not pairs:
            return
        since, bridging = self._needed("pairs", "neck_time"), self._needed("pairs", "bridging_atoms")
        self.steps, self.times = since.step, since.time
        self.bonded = (bridging.values > 0).all(2)
        self.joined = np.zeros_like(self.bonded)
        closures = self._closures() if np.isfinite(since.values).any() else {}
        for k in np.flatnonzero(self.counts[self.pairs].all(1)):
            own, wide = since.values[:, k], (bridging.values[:, k] >= NECK_ATOMS).all(1)
            for time in np.unique(own[np.isfinite(own)]):
                last = np.flatnonzero(own == time)[-1]
                # Where minimisation stands still in time, the first row of that time need not have it yet.
                first = np.flatnonzero((self.times >= time - 1e-9) & (wide | (own == time)))[0]
                self.joined[first : last + 1, k] = True
                self.necks.append(Neck(int(self.steps[first]), float(self.times[first]), pairs[k], closures[tuple(sorted(pairs[k]))]))
        self.necks.sort()

    def _closures(self):
        """How the gap of each pair was closed, the first time."""
        particles, closure = self._needed("mergers", "particles"), self._needed("mergers", "closure")
        rows = reversed(list(zip(particles.values, closure.values)))
        return {tuple(sorted(map(int, pair))): as_text(how) for pair, how in rows}

    def joined_at(self, step):
        """The pairs between which a neck stands."""
        row = _row(self.steps, step)
        return self.pairs[self.joined[row]] if row >= 0 else self.pairs[:0]

    def bodies(self, step):
        """How many there are."""
        return self._bodies(self.joined_at(step))

    def _bodies(self, pairs):
        count = len(self.counts)
        joins = coo_array((np.ones(len(pairs)), np.transpose(pairs)), shape=(count, count))
        return int(connected_components(joins, directed=False)[0] - (~self.counts).sum())

    def history(self):
        """Times (ps) at which the number of bodies may change, and that number since each."""
        if not len(self.steps):
            return np.array([self.begin_ps]), [self.bodies(self.begin)]
        rows = [0, *(np.flatnonzero((self.joined[1:] != self.joined[:-1]).any(1)) + 1)]
        return self.times[rows], [self._bodies(self.pairs[self.joined[row]]) for row in rows]

    def formed(self, begin, end):
        """Of each closure how many necks began to stand after one step, up to another."""
        inside = [neck.closure for neck in self.necks if begin < neck.step <= end]
        return [inside.count(closure) for closure in CLOSURES]

    def moved(self, begin, end):
        """How far each particle without a neck has moved, until it got one, Å."""
        until = {particle: begin for particle in self.joined_at(begin).ravel().tolist()}
        for neck in self.necks:
            for particle in neck.pair if begin < neck.step <= end else ():
                until.setdefault(particle, neck.step)
        ends = {particle: until.get(particle, end) for particle in np.flatnonzero(self.counts).tolist()}
        return np.array([self._moved(particle, begin, last) for particle, last in ends.items() if last > begin])

    def _moved(self, particle, begin, end):
        gone = any(p == particle and begin < step <= end for step, p in self.departed)
        if self.box_changes or gone or self._has_vapour(particle, end):
            return self._moved_in_frames(particle, begin, end)
        places = self.centres.values[[_row(self.centres.step, moment) for moment in (begin, end)], particle]
        return float(np.linalg.norm(places[1] - places[0]))

    def _has_vapour(self, particle, end):
        """Atoms that fly away take the centre of mass with them."""
        return self.bound is None or bool(self.bound.values[max(_row(self.bound.step, end), 0), particle] > 0)

    def _moved_in_frames(self, particle, begin, end):
        """By the atoms that are still in the particle in the last frames before either moment, and as the box has not carried them."""
        (first, whole), (last, still) = (self._frame(max(_row(self.trajectory.steps, moment), 0)) for moment in (begin, end))
        own = (self.trajectory.particle == particle) & whole & still
        if not own.any():
            return 0.0
        start, stop = (frame.positions[own].mean(0) for frame in (first, last))
        ratio = np.divide(last.lengths, first.lengths, out=np.ones(3), where=first.lengths > 0)
        carried = np.where(self.trajectory.periodic, last.origin + (start - first.origin) * ratio, start)
        return float(np.linalg.norm(stop - carried))

    def _read_frame(self, index):
        """A frame, and which atoms are still in their particles."""
        frame = self.trajectory.frame(index)
        return frame, surfaces.largest_pieces(self.trajectory, frame)

    def gone_over(self, begin, end):
        """Atoms that particles which were bonded to none have lost to others."""
        inside = (self.steps >= begin) & (self.steps <= end)
        apart = self.counts.copy()
        apart[self.pairs[self.bonded[inside].any(0)].ravel()] = False
        rows = [_row(self.lost.step, moment) for moment in (begin, end)]
        before, after = (self.lost.values[row] if row >= 0 else 0 for row in rows)
        return int(np.clip(after - before, 0, None)[apart].sum())


def periods(run):
    """What happened in each stage, one after the other."""
    number, step, time = run.numbers.values, run.numbers.step, run.numbers.time
    stages = run.trajectory.input.get("stage", [])
    begin, found = run.begin, []
    for stage in np.unique(number[step >= begin]):
        rows, after = (np.flatnonzero((step >= begin) & which) for which in (number == stage, number > stage))
        # The row where two stages meet is of the one that begins.
        last = after[0] if len(after) else rows[-1]
        end = int(step[last])
        if end <= begin:
            continue
        table = stages[stage - 1] if len(after) and stage <= len(stages) else {}
        target, measured = run.target.values[rows], run.temperature.values[rows]
        steered = np.isfinite(target).all()
        mean = float(measured[np.isfinite(measured)].mean()) if np.isfinite(measured).any() else float("nan")
        formed = run.formed(begin if found else begin - 1, end)
        moved = run.moved(begin, end)
        vapour = [int(run.vapour.values[max(_row(step, moment), 0)]) for moment in (begin, end)]
        found.append(
            Period(
                stage=int(stage),
                name=as_text(run.names.values[rows[-1]]),
                begin_ps=round(float(time[_row(step, begin)]), 6),
                end_ps=round(float(time[last]), 6),
                from_k=float(target[0]) if steered else mean,
                to_k=float(table.get("end_temperature_k", table.get("temperature_k", target[-1]))) if steered else mean,
                bodies=run.bodies(end),
                by_surface_diffusion=formed[0],
                by_migration=formed[1],
                touching=formed[2],
                moved=int((moved > run.distance).sum()),
                farthest_angstrom=round(float(moved.max(initial=0)), 3),
                vapour=vapour[1],
                evaporated=max(vapour[1] - vapour[0], 0),
                gone_over=run.gone_over(begin, end),
            )
        )
        begin = end
    if not found:
        raise Unusable(f"{run.trajectory.path}: no step was made since the particles share one space: nothing has happened yet")
    return found


def lines(found):
    """A table for a terminal."""
    head = (
        "stage", "T / K", "time / ps", "bodies", "necks", "diffusion", "migration", "touching", "moved", "farthest / Å", "vapour",
        "gone over", "what happened",
    )
    shown = lambda low, high: "-" if np.isnan([low, high]).any() else " to ".join(dict.fromkeys(f"{t:.0f}" for t in (low, high)))
    body = [
        (
            p.name, shown(p.from_k, p.to_k), f"{p.begin_ps:g} to {p.end_ps:g}", p.bodies, p.necks, p.by_surface_diffusion,
            p.by_migration, p.touching, p.moved, f"{p.farthest_angstrom:.1f}", p.vapour, p.gone_over, p.kind,
        )
        for p in found
    ]
    return tables.aligned([head, *body], words=(0, len(head) - 1))


def write(found, path):
    """The table as CSV."""
    head = [*(field.name for field in fields(Period)), "what_happened"]
    rows = ([*astuple(period), period.kind] for period in found)
    return tables.write([head, *(["" if value != value else value for value in row] for row in rows)], path)


def figure(run, found):
    """Temperature, bodies and necks, motion, and atoms that left, period by period along time."""
    drawn, (heat, bodies, motion, atoms) = plt.subplots(4, sharex=True, figsize=(6, 7.2))
    begin, end = found[0].begin_ps, found[-1].end_ps
    since = run.temperature.time >= begin
    heat.plot(run.temperature.time[since], run.temperature.values[since], lw=0.8)
    heat.set_ylabel("temperature / K")
    times, number = run.history()
    bodies.step([*times, end], [*number, number[-1]], where="post", color="0.3", label="bodies")
    for k, (closure, label) in enumerate(CLOSURES.items()):
        of = [neck.time for neck in run.necks if neck.closure == closure]
        if of:
            bodies.step([begin, *of, end], [0, *range(1, len(of) + 1), len(of)], where="post", color=COLOURS[k], label=label)
    bodies.set_ylabel("number")
    bodies.legend(loc="lower left", bbox_to_anchor=(0, 1), ncols=2, borderaxespad=0.1)
    timed = [p for p in found if p.end_ps > p.begin_ps]
    begins, wide = np.array([p.begin_ps for p in timed]), np.array([p.end_ps - p.begin_ps for p in timed])
    motion.bar(begins, [p.farthest_angstrom for p in timed], wide, align="edge", color=COLOURS[4], edgecolor="white")
    motion.axhline(run.distance, color="0.3", lw=0.8, ls=":", label="distance of neighbours")
    motion.legend(loc="upper left")
    motion.set_ylabel("farthest without\na neck / Å")
    motion.set_ylim(0, 1.4 * max(run.distance, *(p.farthest_angstrom for p in found)))
    for k, (name, label) in enumerate((("evaporated", "evaporated"), ("gone_over", "gone over"))):
        atoms.bar(begins + k * wide / 2, [getattr(p, name) for p in timed], wide / 2, align="edge", color=COLOURS[(5, 3)[k]], edgecolor="white", label=label)
    atoms.set_ylabel("atoms that left")
    atoms.legend(loc="upper left", ncols=2)
    atoms.set_ylim(0, 1.4 * max(1, *(p.evaporated for p in found), *(p.gone_over for p in found)))
    atoms.set_xlabel("time / ps")
    for axis in (bodies, atoms):
        axis.yaxis.set_major_locator(MaxNLocator(integer=True))
    bodies.set_ylim(bottom=0)
    for axis in (heat, bodies, motion, atoms):
        if end > begin:
            axis.set_xlim(begin, end)
        for period in timed[1:]:
            axis.axvline(period.begin_ps, color="0.8", lw=0.5, zorder=0)
    drawn.align_ylabels()
    return drawn
