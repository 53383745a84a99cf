"""Dislocation lines in a frame, found by OVITO (A. Stukowski, V. V. Bulatov, A. Arsenlis, Modelling Simul. Mater. Sci. Eng. 20
(2012) 085007), with their Burgers vectors: what a boundary of a low angle at a neck is made of.

A line lies between two particles if atoms of both are within `REACH` of it.
"""

from dataclasses import dataclass

import matplotlib.pyplot as plt
import numpy as np

from . import analysis
from .style import COLOURS
from .trajectory import Unusable

#: Å: about two shells of neighbours.
REACH = 5.0
LATTICES = ("fcc", "bcc", "hcp")
#: Burgers vectors in cubic axes, their components sorted, and what lines with them are called.
NAMES = {
    "fcc": {(0, 1 / 2, 1 / 2): "1/2⟨110⟩", (1 / 6, 1 / 6, 1 / 3): "1/6⟨112⟩ (Shockley)", (0, 1 / 6, 1 / 6): "1/6⟨110⟩ (stair-rod)",
            (0, 0, 1 / 3): "1/3⟨100⟩ (Hirth)", (1 / 3, 1 / 3, 1 / 3): "1/3⟨111⟩ (Frank)"},
    "bcc": {(1 / 2, 1 / 2, 1 / 2): "1/2⟨111⟩", (0, 0, 1): "⟨100⟩", (0, 1, 1): "⟨110⟩"},
}


@dataclass(frozen=True)
class Line:
    """Corners (M x 3) and length, Å; Burgers vector in the axes of its crystal, in lattice constants; what lines with such are
    called; the particles that it lies between or in."""

    points: np.ndarray
    length: float
    burgers: np.ndarray
    name: str
    particles: tuple


def _ovito():
    try:
        import ovito
    except ImportError:
        raise Unusable('this wants OVITO: pip install ovito, or "./tools[ovito]"') from None
    return ovito


def _named(lattice, burgers):
    wanted = np.sort(np.abs(burgers))
    found = [name for vector, name in NAMES.get(lattice, {}).items() if np.allclose(wanted, sorted(vector), atol=1e-3)]
    return found[0] if found else "others"


def lines(trajectory, frame, lattice="fcc"):
    """The `Line`s of a frame."""
    _ovito()
    from ovito.data import DataCollection
    from ovito.modifiers import DislocationAnalysisModifier
    from ovito.pipeline import Pipeline, StaticSource

    data = DataCollection()
    data.create_particles(count=len(frame.positions)).create_property("Position", data=frame.positions)
    # While particles are apart a box has no lengths: each is alone.
    periodic = np.asarray(trajectory.periodic) & (frame.lengths > 0)
    low = np.where(periodic, frame.origin, frame.positions.min(0) - 10)
    size = np.where(periodic, frame.lengths, np.ptp(frame.positions, axis=0) + 20)
    data.create_cell(np.column_stack([np.diag(size), low]), pbc=tuple(bool(p) for p in periodic))
    crystal = getattr(DislocationAnalysisModifier.Lattice, lattice.upper())
    pipeline = Pipeline(source=StaticSource(data=data))
    pipeline.modifiers.append(DislocationAnalysisModifier(input_crystal_structure=crystal))
    found = []
    for line in pipeline.compute().dislocations.lines:
        points = np.array(line.points)
        tree, places = analysis.tree(np.vstack([frame.positions, points]), frame.lengths, periodic)
        near = np.concatenate([np.array(own, int) for own in tree.query_ball_point(places[-len(points) :], REACH)])
        particles = tuple(int(k) for k in np.unique(trajectory.particle[near[near < trajectory.atoms]]))
        burgers = np.array(line.true_burgers_vector)
        found.append(Line(points, float(line.length), burgers, _named(lattice, burgers), particles))
    return found


def told(found):
    """Length by kind, and between which particles."""
    if not found:
        yield "no dislocation lines"
        return
    for name in sorted({line.name for line in found}, key=lambda name: -sum(line.length for line in found if line.name == name)):
        own = [line for line in found if line.name == name]
        yield f"{name}: {len(own)} line{'s' * (len(own) > 1)}, {sum(line.length for line in own):.0f} Å"
    for particles in sorted({line.particles for line in found if len(line.particles) > 1}):
        own = sum(line.length for line in found if line.particles == particles)
        yield f"between particles {' and '.join(map(str, particles))}: {own:.0f} Å"


def figure(frame, found):
    """The lines by kind above the atoms, seen along the direction in which all is thinnest."""
    centre = frame.positions.mean(0)
    _, axes = np.linalg.eigh(np.cov((frame.positions - centre).T))
    across, along = axes[:, 1], axes[:, 2]
    flat = lambda places: np.stack([(places - centre) @ along, (places - centre) @ across], -1)
    atoms = flat(frame.positions)
    wide, high = np.ptp(atoms, axis=0) + 1
    drawn, axis = plt.subplots(figsize=(6, 1.4 + 5 * high / wide))
    axis.scatter(*atoms.T, s=4, color="0.85", linewidths=0, rasterized=True)
    for name, colour in zip(dict.fromkeys(line.name for line in found), COLOURS):
        for n, line in enumerate(line for line in found if line.name == name):
            axis.plot(*flat(line.points).T, color=colour, linewidth=2, label=name if n == 0 else None)
    axis.set_aspect("equal")
    axis.set_xlabel("along / Å")
    axis.set_ylabel("across / Å")
    axis.grid(False)
    if found:
        drawn.legend(loc="outside upper center", ncols=3)
    return drawn
