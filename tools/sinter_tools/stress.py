"""Stress of single atoms, and that in necks: the column `stress` of the run where it has one, else from energies that
the program evaluates.

    σ_ab(i) = (∂E_i/∂ε_ab - m v_a v_b) / Ω

with E_i the energy of atom i as the program has it (embedding and half of each pair term), ε a strain of all atoms
alike, v the velocity about that of the particle's centre, Ω = d³/√2 and d the mean distance of neighbours: tension is
positive, pressure is -tr σ/3, and the sum over atoms of the first part is minus the virial of the run. The derivatives
are central differences, two evaluations of the frame for each component, so this holds for every force field. Boxes
may be strained along their periodic directions but not sheared across them: there shear, and von Mises's stress, are not
known (NaN), though the run itself knows them.

Neck atoms: those of two particles that are bonded to the other one, or within 3/8 of a lattice constant of the plane
across their line of centres through the middle of these. Single atoms shake: the stress of a neck is the mean tensor
of its atoms.
"""

import itertools
import subprocess
import tempfile
from dataclasses import dataclass
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np

from . import analysis, pictures, surfaces
from .campaign import find_program
from .trajectory import Unusable

STRAIN = 1e-4
GPA = 160.21766208  # of eV/Å³
KINETIC = 1.0364269656e-4  # eV of one g/mol (Å/ps)²
COMPONENTS = [(0, 0), (1, 1), (2, 2), (0, 1), (0, 2), (1, 2)]


def _extended_xyz(file, positions, symbols, lengths, periodic):
    """A frame as the program reads it. The box of free directions does not matter."""
    room = np.where(periodic, lengths, np.ptp(positions, axis=0) + 100)
    cell = " ".join(repr(float(x)) for x in np.diag(room).ravel())
    pbc = " ".join("FT"[int(p)] for p in periodic)
    file.write(f'{len(positions)}\nLattice="{cell}" pbc="{pbc}" Properties=species:S:1:pos:R:3\n')
    file.writelines(f"{symbol} {x!r} {y!r} {z!r}\n" for symbol, (x, y, z) in zip(symbols, positions.tolist()))


def _energies(path, atoms):
    """`local_energy` of each frame of extended XYZ."""
    with open(path, encoding="utf-8") as file:
        while first := file.readline():
            if int(first) != atoms:
                raise Unusable(f"{path}: {first.strip()} atoms in place of {atoms}")
            columns = next(part for part in file.readline().split() if part.startswith("Properties="))
            fields = columns.removeprefix("Properties=").split(":")
            widths = list(zip(fields[::3], map(int, fields[2::3])))
            place = sum(width for _, width in itertools.takewhile(lambda field: field[0] != "local_energy", widths))
            yield np.array([float(file.readline().split()[place]) for _ in range(atoms)])


def strain_derivatives(positions, symbols, lengths, periodic, input_file, program=None):
    """∂E_i/∂ε_ab of each atom, eV (N x 3 x 3)."""
    periodic = np.asarray(periodic)
    known = [(a, b) for a, b in COMPONENTS if a == b or not (periodic[a] or periodic[b])]
    middle = np.where(periodic, 0, positions.mean(0))
    found = np.full((len(positions), 3, 3), np.nan)
    with tempfile.TemporaryDirectory() as folder:
        frames, out = Path(folder) / "strained.xyz", Path(folder) / "energies.xyz"
        with open(frames, "w", encoding="utf-8") as file:
            for (a, b), sign in itertools.product(known, (1, -1)):
                strain = np.zeros((3, 3))
                strain[a, b] += sign * STRAIN / 2
                strain[b, a] += sign * STRAIN / 2
                strained = positions + (positions - middle) @ strain
                _extended_xyz(file, strained, symbols, lengths * (1 + np.diag(strain)), periodic)
        command = [program or find_program(None), "evaluate", str(input_file), str(frames), "--output", str(out)]
        done = subprocess.run(command, capture_output=True, text=True)
        if done.returncode:
            raise Unusable(f"{Path(command[0]).name} evaluate: {done.stderr.strip().removeprefix('error: ')}")
        energies = _energies(out, len(positions))
        for a, b in known:
            found[:, a, b] = found[:, b, a] = (next(energies) - next(energies)) / (2 * STRAIN)
    return found


def stresses(trajectory, frame, input_file=None, program=None):
    """Stress of each atom of a frame, GPa (N x 3 x 3): that of the run, unless it has none or an `input_file` with a force
    field is given; this is else the one beside the run."""
    kept = trajectory.column("stress", frame.index)
    if kept is not None and input_file is None:
        return _tensor(kept)
    input_file = input_file or trajectory.path.parent / "input.toml"
    if not Path(input_file).is_file():
        raise Unusable(f"{input_file}: there is no such file to take the force field from (--input)")
    tensor = strain_derivatives(
        frame.positions, frame.symbols, frame.lengths, trajectory.periodic, input_file, program
    )
    velocity = trajectory.column("velocity", frame.index)
    if velocity is not None:
        mass = np.array([trajectory.mass(symbol) for symbol in frame.symbols.tolist()])
        weight = np.bincount(trajectory.particle, mass)
        drift = np.stack([np.bincount(trajectory.particle, mass * velocity[:, d]) for d in range(3)], 1)
        own = velocity - (drift / np.maximum(weight, 1e-300)[:, None])[trajectory.particle]
        tensor -= KINETIC * mass[:, None, None] * own[:, :, None] * own[:, None, :]
    volume = surfaces.mean_distance(trajectory, frame) ** 3 / np.sqrt(2)
    return GPA * tensor / volume


def _tensor(components):
    """Symmetric, from xx, yy, zz, xy, xz, yz."""
    xx, yy, zz, xy, xz, yz = components.T
    return np.stack([xx, xy, xz, xy, yy, yz, xz, yz, zz], -1).reshape(-1, 3, 3)


def pressure(tensor):
    return -np.trace(tensor, axis1=-2, axis2=-1) / 3


def von_mises(tensor):
    """√(3/2 s:s), s being the deviator."""
    deviator = tensor + pressure(tensor)[..., None, None] * np.eye(3)
    return np.sqrt(1.5 * (deviator**2).sum((-2, -1)))


@dataclass(frozen=True)
class NeckStress:
    """Of one pair: its neck atoms, and the pressure and von Mises's stress of their mean tensor, GPa."""

    particles: tuple
    atoms: np.ndarray
    pressure: float
    von_mises: float
    along: np.ndarray  # direction of the line of centres
    middle: np.ndarray


def necks(trajectory, frame, tensor):
    """`NeckStress` of each pair whose particles are bonded in this frame."""
    here = surfaces.around(trajectory, frame)
    thickness = 0.75 * np.sqrt(2) * surfaces.mean_distance(trajectory, frame)
    particle = trajectory.particle
    for first, second in trajectory.pairs():
        ends = particle[here.pairs]
        bonded = np.unique(here.pairs[(ends == [first, second]).all(1) | (ends == [second, first]).all(1)])
        if not len(bonded):
            continue
        # Places about one of the bonded atoms, nearest images.
        origin = frame.positions[bonded[0]]
        places = origin + analysis.nearest_images(frame.positions - origin, frame.lengths, trajectory.periodic)
        axis = places[particle == second].mean(0) - places[particle == first].mean(0)
        axis /= np.linalg.norm(axis)
        middle = places[bonded].mean(0)
        near = np.abs((places - middle) @ axis) <= thickness / 2
        atoms = np.union1d(bonded, np.flatnonzero(near & np.isin(particle, (first, second))))
        mean = tensor[atoms].mean(0)
        yield NeckStress((first, second), atoms, float(pressure(mean)), float(von_mises(mean)), axis, middle)


def lines(found, pairs):
    """A line for each pair of particles."""
    bonded = {neck.particles: neck for neck in found}
    for a, b in pairs:
        neck = bonded.get((a, b))
        if neck is None:
            yield f"particles {a} and {b}: not bonded in this frame, no neck"
            continue
        known = np.isfinite(neck.von_mises)
        shear = f"von Mises {neck.von_mises:.2f} GPa" if known else "von Mises not known across periodic directions"
        yield f"particles {a} and {b}: pressure {neck.pressure:.2f} GPa, {shear}, in {len(neck.atoms)} neck atoms"


def figure(trajectory, frame, tensor, found):
    """A section along the line of centres of the widest neck, through its two particles: pressure, and von Mises's stress;
    each atom shows the mean over itself and its neighbours."""
    here = surfaces.around(trajectory, frame)
    count = here.coordination + 1
    smooth = tensor.copy()
    for a, b in itertools.product(range(3), repeat=2):
        smooth[:, a, b] += np.bincount(here.pairs[:, 0], tensor[here.pairs[:, 1], a, b], len(tensor))
    smooth /= count[:, None, None]
    widest = max(found, key=lambda neck: len(neck.atoms), default=None)
    if widest:
        along, middle = widest.along, widest.middle
    else:
        along, middle = np.array([1.0, 0, 0]), frame.positions.mean(0)
    across = np.eye(3)[np.abs(along).argmin()]
    across = np.cross(along, across)
    across /= np.linalg.norm(across)
    places = analysis.nearest_images(frame.positions - middle, frame.lengths, trajectory.periodic)
    d = surfaces.mean_distance(trajectory, frame)
    cut = (np.abs(places @ np.cross(along, across)) <= 0.75 * d) & pictures.in_view(frame.positions)
    if widest:
        # Others are seen as far as they stand about these two.
        own = places[np.isin(trajectory.particle, widest.particles) & (here.coordination > 0)]
        for axis in (along, across):
            cut &= (places @ axis >= (own @ axis).min() - d) & (places @ axis <= (own @ axis).max() + d)
    if not cut.any():
        raise Unusable("no atom of this section has a stress that is known")
    x, y = places[cut] @ along, places[cut] @ across
    span = np.ptp(y) / max(np.ptp(x), 1e-9)
    panels_of = [(pressure(smooth), "pressure / GPa", "RdBu_r"), (von_mises(smooth), "von Mises stress / GPa", "viridis")]
    # In periodic boxes von Mises's stress is not known.
    panels_of = [panel for panel in panels_of if np.isfinite(panel[0][cut]).any()]
    if not panels_of:
        raise Unusable("no atom of this section has a stress that is known")
    rows = len(panels_of)
    shape = (6, min(max(rows * 4.6 * span, 1.5 * rows), 5 * rows) + 1)
    drawn, panels = plt.subplots(rows, sharex=True, figsize=shape, squeeze=False, layout="compressed")
    panels = panels[:, 0]
    size = (72 * 4.4 * d / max(np.ptp(x) + 2 * d, 1e-9)) ** 2 * 0.8
    for panel, (values, name, palette) in zip(panels, panels_of):
        shown = values[cut]
        top = float(np.nanpercentile(np.abs(shown), 98)) if np.isfinite(shown).any() else 1.0
        low = -top if palette == "RdBu_r" else 0
        marks = panel.scatter(x, y, s=size, c=shown, cmap=palette, vmin=low, vmax=top, edgecolors="0.3", linewidths=0.3)
        drawn.colorbar(marks, ax=panel, label=name)
        panel.set_aspect("equal")
        panel.set_ylabel("Å")
        panel.grid(False)
        panel.set_xlim(x.min() - d, x.max() + d)
        panel.set_ylim(y.min() - d, y.max() + d)
    panels[-1].set_xlabel(_along_axis(trajectory, widest))
    panels[0].set_title(f"{frame.time:g} ps", fontsize="small", loc="right")
    return drawn


def _along_axis(trajectory, neck):
    if neck is None:
        return "x / Å"
    return "along the line of centres / Å" if trajectory.particle.max() < 2 else "from particle {} to {} / Å".format(*neck.particles)
