"""What holds an adatom and what it has to climb: detachment energies and barriers on fcc surfaces.

A slab at the lattice constant of its own crystal bears one adatom of the main element. Energies are of
relaxed atoms, in eV:

    detachment   E(slab) + E(atom far away) - E(slab with adatom)
    hop          to the hollow next to it: on (100) over a bridge, on (111) from fcc to hcp
    exchange     the adatom takes the place of a surface atom, which becomes the adatom

A barrier is that of a saddle. A band of images between the two minima (climbing image, NEB) leads near
it, the dimer method from there to where no force is left. It counts when its Hessian (differences of
the forces on all atoms that may move) has exactly one negative eigenvalue, and when a push either way
leads down to the two minima. Where it leads to another one, bands along the rest of the way must not rise
more than 0.01 eV above it; where they do, their saddles are found too, and the highest of all is the
barrier. In an alloy each sample has another arrangement of the atoms.
"""

import itertools
import re
from dataclasses import dataclass, field

import numpy as np

from .trajectory import Unusable

try:
    from ase import Atoms
    from ase.build import bulk, fcc100, fcc111
    from ase.calculators.singlepoint import SinglePointCalculator
    from ase.constraints import FixAtoms
    from ase.data import atomic_numbers, reference_states
    from ase.filters import FrechetCellFilter
    from ase.mep import NEB, DimerControl, MinModeAtoms, MinModeTranslate
    from ase.mep.neb import NEBOptimizer
    from ase.optimize import FIRE

    from .ase import SinterHPC
except ImportError as error:
    raise Unusable(f'this wants ASE: pip install "./tools[ase]" ({error})') from None

# eV: DFT in "Surface self-diffusion induced sintering of nanoparticles", for Pt.
PAPER = {
    ("detachment", "100"): 5.95,
    ("detachment", "111"): 4.6,
    ("hop", "100"): 1.08,
    ("hop", "111"): 0.60,
}
PROCESSES = ("detachment", "hop", "exchange")
SURFACES = ("100", "111")

IMAGES = 7
# eV: the highest image climbs by less than the first; a saddle this near to it is the one that was sought,
# and none is higher by more; what the rest of a way may be above the highest saddle.
RUNAWAY, NEAR, EXACT = 0.5, 0.1, 0.01
MOST_STEPS, BAND_STEPS = 1000, 100
# eV/Å: the largest force that counts as none at minima and saddles, and in the band.
AT_REST, IN_BAND = 2e-3, 0.05
# Å: of the differences that make a Hessian; of a push off a saddle; how far an atom may be from where
# it is in a structure that counts as the same.
STEP, PUSH, SAME = 0.01, 0.1, 0.3
# eV/Å²: less is the error of the differences.
FLAT = 5e-3
# How often a saddle of higher order is left along its second mode.
MOST_PUSHES = 4
# Stretches of a way in several steps that are looked at.
MOST_LEGS = 8
VACUUM = 12.0


@dataclass
class Found:
    """One process on one slab; energies in eV."""

    slab: str
    surface: str
    process: str
    sample: int
    #: What moves: the adatom, and of an exchange the surface atom.
    atoms: str
    energy: float = np.nan
    #: Of the way back, and of the lowest minimum between the two ends.
    back: float = np.nan
    between: float = np.nan
    #: Of the slab's crystal, Å.
    constant: float = np.nan
    #: Of the Hessian at the saddle.
    negative_eigenvalues: int = -1
    #: Why it does not count; empty where it does.
    fault: str = ""
    #: Structures by name.
    structures: dict = field(default_factory=dict, repr=False)


class NoSaddle(Exception):
    """Why a process has no barrier, in words."""


def composition(text):
    """Shares of the elements in "Pt" or "Pt85Fe15"."""
    parts = re.findall(r"([A-Z][a-z]?)([\d.]*)", text)
    shares = {symbol: float(share or 1) for symbol, share in parts if share != "."}
    if "".join(map("".join, parts)) != text or not shares or sum(shares.values()) <= 0:
        raise Unusable(f"{text}: an element or an alloy, as Pt or Pt85Fe15")
    return {symbol: share / sum(shares.values()) for symbol, share in shares.items()}


def mixed(atoms, shares, seed):
    """Deals the elements out at random, in exact numbers."""
    ends = np.round(np.cumsum(list(shares.values())) * len(atoms)).astype(int)
    dealt = np.repeat(list(shares), np.diff([0, *ends]))
    atoms.symbols = np.random.default_rng(seed).permutation(dealt)
    return atoms


def relaxed(atoms):
    """Lets atoms come to rest, in place, always downhill: what goes by curvature would find saddles too."""
    if not FIRE(atoms, logfile=None).run(fmax=AT_REST, steps=MOST_STEPS):
        raise NoSaddle("a structure does not come to rest")
    return atoms


def apart(atoms, one, other):
    """From one place (or several) to another, across the nearest periods."""
    lengths = np.where(atoms.pbc, atoms.cell.lengths(), np.inf)
    way = np.asarray(other) - one
    return way - np.where(atoms.pbc, np.round(way / lengths) * atoms.cell.lengths(), 0)


class Landscape:
    """What adatoms find on slabs of one composition."""

    def __init__(self, potential, name, size=6, layers=6, seed=1, command=None, constant=None):
        self.name, self.shares = name, composition(name)
        self.size, self.layers, self.seed = size, layers, seed
        self.adatom = max(self.shares, key=self.shares.get)
        self._calculators = {}
        # Slabs are too small for more threads.
        self._make = lambda: SinterHPC(potential, command=command, threads=1)
        self._constant = constant

    def __enter__(self):
        return self

    def __exit__(self, *_):
        for calculator in self._calculators.values():
            calculator.close()

    def served(self, atoms):
        """Gives atoms a calculator: one for each size, each with a program of its own."""
        if len(atoms) not in self._calculators:
            self._calculators[len(atoms)] = self._make()
        atoms.calc = self._calculators[len(atoms)]
        return atoms

    def lattice_constant(self):
        """Of the fcc crystal without stress, Å; of an alloy that of a random crystal of 500 atoms."""
        if self._constant is None:
            periods = 5 if len(self.shares) > 1 else 2
            known = reference_states[atomic_numbers[self.adatom]] or {}
            start = known["a"] if known.get("symmetry") == "fcc" else 3.8
            crystal = bulk(self.adatom, "fcc", a=start, cubic=True) * periods
            self.served(mixed(crystal, self.shares, self.seed))
            free = FrechetCellFilter(crystal, hydrostatic_strain=True)
            if not FIRE(free, logfile=None).run(fmax=AT_REST / 10, steps=MOST_STEPS):
                raise Unusable(f"{self.name}: its fcc crystal does not come to rest")
            self._constant = float(crystal.cell.lengths()[0] / periods)
        return self._constant

    def alone(self):
        """Energy of an adatom far away, eV."""
        return self.served(Atoms(self.adatom)).get_potential_energy()


class Face:
    """A relaxed slab with a surface atom in its middle and the hollows around that one."""

    def __init__(self, landscape, surface, sample):
        self.landscape, self.surface, self.sample = landscape, surface, sample
        a = landscape.lattice_constant()
        self.bond = a / np.sqrt(2)
        square = surface == "100"
        self.spacing = a / 2 if square else a / np.sqrt(3)
        size = (landscape.size, landscape.size + landscape.size % 2, landscape.layers)
        make, more = (fcc100, {}) if square else (fcc111, {"orthogonal": True})
        atoms = make(landscape.adatom, size, a=a, vacuum=VACUUM, periodic=True, **more)
        atoms.pbc = (True, True, False)
        mixed(atoms, landscape.shares, [landscape.seed, sample, int(surface)])
        heights = atoms.positions[:, 2] - atoms.positions[:, 2].min()
        # The two lowest layers are the crystal below.
        atoms.set_constraint(FixAtoms(np.flatnonzero(heights < 1.5 * self.spacing)))
        levels = np.round(heights / self.spacing).astype(int)
        top, second = (np.flatnonzero(levels == landscape.layers - k) for k in (1, 2))
        middle = np.array([*atoms.cell.lengths()[:2] / 2, atoms.positions[top[0], 2]])
        self.centre = int(top[np.argmin(np.linalg.norm(apart(atoms, middle, atoms.positions[top]), axis=1))])
        self.hollows = self._hollows(atoms, second, square)
        self.top = atoms.positions[top[0], 2]
        self.site = atoms.positions[self.centre].copy()
        self.atoms = relaxed(landscape.served(atoms))

    def _hollows(self, atoms, second, square):
        """Counter-clockwise, on (111) from an fcc one on."""
        count, reach, first = (4, self.bond / np.sqrt(2), np.pi / 4) if square else (6, self.bond / np.sqrt(3), np.pi / 6)
        turns = first + 2 * np.pi * np.arange(count) / count
        around = np.stack([np.cos(turns), np.sin(turns), np.zeros(count)], axis=1)
        places = atoms.positions[self.centre] + reach * around
        # Where an atom of the second layer lies below, an adatom stands as in hcp.
        under = [np.linalg.norm(apart(atoms, place, atoms.positions[second])[:, :2], axis=1).min() for place in places]
        return places if square or under[0] > 0.1 * self.bond else np.roll(places, -1, axis=0)

    def over(self, hollow):
        """Where an adatom stands over a hollow."""
        return np.array([*hollow[:2], self.top + self.spacing])

    def with_adatom(self):
        atoms = self.atoms.copy()
        atoms += Atoms(self.landscape.adatom, [self.over(self.hollows[0])])
        return relaxed(self.landscape.served(atoms))

    def find(self, process):
        """One of `PROCESSES`."""
        return self.detachment() if process == "detachment" else self.barrier(process)

    def detachment(self):
        found = self._found("detachment")
        bound = self.with_adatom()
        found.structures = {"slab": self.atoms, "bound": bound}
        energies = [atoms.get_potential_energy() for atoms in (self.atoms, bound)]
        found.energy = energies[0] + self.landscape.alone() - energies[1]
        return found

    def barrier(self, process):
        """`hop` or `exchange`."""
        found = self._found(process)
        try:
            start = self.with_adatom()
            end = start.copy()
            if process == "hop":
                wanted = {-1: self.over(self.hollows[1])}
            else:
                # Across the surface atom on (100), round it on (111).
                wanted = {-1: self.site, self.centre: self.over(self.hollows[2])}
            for atom, place in wanted.items():
                end.positions[atom] = place
            relaxed(self.landscape.served(end))
            for atom, place in wanted.items():
                if np.linalg.norm(apart(end, end.positions[atom], place)[:2]) > 0.4 * self.bond:
                    raise NoSaddle("the end is no minimum")
            found.structures = {"start": start, "end": end}
            cross(start, end, found)
        except NoSaddle as why:
            found.fault = str(why)
        return found

    def _found(self, process):
        symbols = self.landscape.adatom
        if process == "exchange":
            symbols += f"-{self.atoms.symbols[self.centre]}"
        constant = self.landscape.lattice_constant()
        return Found(self.landscape.name, self.surface, process, self.sample, symbols, constant=constant)


def cross(start, end, found):
    """Goes from one minimum to another and notes the highest saddle on the way."""
    saddle, minima = None, []
    legs = [(start, end)]
    for _ in range(MOST_LEGS):
        one, other = legs.pop()
        images = band(one, other)
        heights = energies(images)
        if saddle is None or heights.max() > saddle.get_potential_energy() + EXACT:
            reached, mode = saddle_near(images, int(np.argmax(heights)))
            if saddle is None or reached.get_potential_energy() > saddle.get_potential_energy():
                saddle = reached
            feet = feet_of(reached, mode, one, other)
            pairs = [(one, feet[0]), (feet[1], other)]
            minima += [foot for foot, (a, b) in zip(feet, pairs) if not is_same(a, b)]
            legs += [pair for pair in pairs if not is_same(*pair)]
        if not legs:
            break
    else:
        raise NoSaddle("it leads to other minima")
    found.negative_eigenvalues = 1
    found.structures["saddle"] = saddle
    top, foot, other = (one.get_potential_energy() for one in (saddle, start, end))
    found.energy, found.back = top - foot, top - other
    found.between = min((one.get_potential_energy() - foot for one in minima), default=np.nan)


def energies(images):
    return np.array([image.get_potential_energy() for image in images])


def known(atoms):
    """The same, with energy and forces kept: the ends of a band are asked for theirs again and again."""
    kept = atoms.copy()
    kept.calc = SinglePointCalculator(kept, energy=atoms.get_potential_energy(), forces=atoms.get_forces())
    return kept


def band(start, end):
    """Images from one minimum to another; the highest has climbed."""
    images = [known(start), *(start.copy() for _ in range(IMAGES)), known(end)]
    for image in images[1:-1]:
        image.calc = start.calc
    made = NEB(images, k=1.0, method="improvedtangent", allow_shared_calculator=True)
    made.interpolate("idpp", mic=True)
    # What does not come to rest here is left to the dimer method.
    NEBOptimizer(made, logfile=None).run(fmax=2 * IN_BAND, steps=BAND_STEPS)
    before, heights = made.get_positions(), energies(images)
    if heights.argmax() in (0, len(images) - 1):
        return images
    made.climb = True
    NEBOptimizer(made, logfile=None).run(fmax=IN_BAND, steps=BAND_STEPS)
    if energies(images).max() > heights.max() + RUNAWAY:
        # Where images are sparse, the highest one may climb past the saddle for ever; as it was, it is near.
        made.set_positions(before)
    return images


def saddle_near(images, top):
    """The saddle of first order near this image, and its mode."""
    if top in (0, len(images) - 1):
        raise NoSaddle("there is nothing to climb")
    image = images[top]
    height = image.get_potential_energy()
    along = apart(image, images[top - 1].positions, images[top + 1].positions)
    # The mode nearest to the band: near flat tops the dimer would turn to another one.
    _, modes = curvatures(image)
    nearest = modes[np.abs((modes * along).sum(axis=(1, 2))).argmax()]
    reached, faults = [], []
    # Long steps may leave a flat top, short ones may not arrive.
    for mode, longest in itertools.product((nearest, along), (0.03, 0.1)):
        try:
            saddle, mode = first_order(image, mode, longest)
            beside = abs(saddle.get_potential_energy() - height)
            reached.append((beside, len(reached), saddle, mode))
            if beside < NEAR:
                break
        except NoSaddle as why:
            faults.append(why)
    if not reached:
        raise faults[0]
    _, _, saddle, mode = min(reached)
    if saddle.get_potential_energy() > height + NEAR:
        raise NoSaddle("the dimer method climbs away from the band")
    return saddle, mode


def first_order(image, mode, longest):
    """The saddle that the dimer method finds from here; one of higher order is left along its second mode."""
    saddle = image.copy()
    saddle.calc = image.calc
    for _ in range(MOST_PUSHES):
        climb(saddle, mode, longest)
        values, modes = curvatures(saddle)
        negative = int((values < -FLAT).sum())
        if negative == 1:
            return saddle, modes[0]
        mode = modes[0]
        saddle.positions += PUSH * modes[1]
    raise NoSaddle(f"a Hessian has {negative} negative eigenvalues")


def feet_of(saddle, mode, start, end):
    """The minima on both sides of a saddle, that towards `start` first."""
    feet = []
    for way in (PUSH, -PUSH):
        foot = saddle.copy()
        foot.calc = saddle.calc
        foot.positions += way * mode
        feet.append(relaxed(foot))
    turned = far(feet[0], start) + far(feet[1], end) > far(feet[1], start) + far(feet[0], end)
    return feet[::-1] if turned else feet


def climb(atoms, mode, longest):
    """To a saddle, by the dimer method: the mode is where to look for the way up, the longest step in Å."""
    moves = np.ones(len(atoms), bool)
    moves[atoms.constraints[0].index] = False
    mode = np.where(moves[:, None], mode, 0)
    with DimerControl(logfile=None, mask=moves.tolist(), maximum_translation=longest, max_num_rot=4) as control:
        dimer = MinModeAtoms(atoms, control, eigenmodes=[mode / np.linalg.norm(mode)])
        with MinModeTranslate(dimer, logfile=None) as walk:
            if not walk.run(fmax=AT_REST, steps=MOST_STEPS // 2):
                raise NoSaddle("the dimer method finds none")


def curvatures(atoms):
    """Eigenvalues (eV/Å²), lowest first, and modes of the Hessian of all atoms that may move."""
    moves = np.setdiff1d(np.arange(len(atoms)), atoms.constraints[0].index)
    displaced = atoms.copy()
    displaced.calc = atoms.calc
    hessian = []
    for atom in moves:
        for d in range(3):
            forces = []
            for step in (STEP, -STEP):
                displaced.positions[:] = atoms.positions
                displaced.positions[atom, d] += step
                forces.append(displaced.get_forces()[moves].ravel())
            hessian.append((forces[1] - forces[0]) / (2 * STEP))
    hessian = np.array(hessian)
    values, vectors = np.linalg.eigh((hessian + hessian.T) / 2)
    modes = np.zeros((len(values), len(atoms), 3))
    modes[:, moves] = vectors.T.reshape(-1, len(moves), 3)
    return values, modes


def far(one, other):
    """How far two structures are apart, Å."""
    return float(np.linalg.norm(apart(one, one.positions, other.positions)))


def is_same(one, other):
    return bool(np.linalg.norm(apart(one, one.positions, other.positions), axis=1).max() < SAME)
