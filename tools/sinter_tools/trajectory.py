"""The trajectory file as arrays: frames read one at a time, series whole.

Lengths are in Å, times in ps, velocities in Å/ps, energies in eV, masses in g/mol.
Atoms stand in the order of their ids in every frame, so atom `i` is the same atom
everywhere; which element it is, belongs to a frame: Monte Carlo swaps change it. Positions are unwrapped: particles are whole, displacements are differences.
"""

import tomllib
from collections import Counter
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import h5py
import numpy as np
import periodictable

ATOMS = "particles/trajectory"


class Unusable(Exception):
    """A file or a wish that cannot be met, in words for people."""


@dataclass(frozen=True)
class Series:
    """A time series: `values` has a row for every time."""

    time: np.ndarray
    step: np.ndarray
    values: np.ndarray
    unit: str
    definition: str

    def at(self, frame):
        """The row of a frame's step; None where the series has none."""
        same = np.flatnonzero(self.step == frame.step)
        return self.values[same[0]] if len(same) else None


@dataclass(frozen=True)
class Frame:
    """One frame; arrays are N x 3, but for `symbols` (N) and `lengths` and `origin` of the box."""

    index: int
    step: int
    time: float
    positions: np.ndarray
    symbols: np.ndarray
    lengths: np.ndarray
    origin: np.ndarray

    @property
    def numbers(self):
        """Of each atom its atomic number."""
        of = {symbol: number_of(symbol) for symbol in set(self.symbols.tolist())}
        return np.array([of[symbol] for symbol in self.symbols.tolist()])

    @property
    def composition(self):
        """Number of atoms of each element, the most frequent first."""
        return dict(Counter(self.symbols.tolist()).most_common())


def number_of(symbol):
    """Atomic number of an element by its symbol; 0 where it is none."""
    element = getattr(periodictable, symbol, None)
    return getattr(element, "number", 0)


def symbol_of(number):
    try:
        return periodictable.elements[int(number)].symbol
    except (KeyError, IndexError):
        return f"X{number}"


#: What nothing can be told without.
NEEDED = [f"{ATOMS}/{name}" for name in ("position/value", "position/step", "position/time", "species/value", "box", "box/edges/value")]


class Trajectory:
    """A trajectory of sinter-hpc, open for reading; `path` is the file or its folder."""

    def __init__(self, path):
        path = Path(path)
        self.path = path / "trajectory.h5md" if path.is_dir() else path
        try:
            self.file = h5py.File(self.path, "r", locking=False)
        except FileNotFoundError:
            raise Unusable(f"{self.path}: there is no such file") from None
        except OSError as error:
            raise Unusable(f"{self.path}: this is no HDF5 file that can be read ({error})") from None
        try:
            self._begin()
        except (KeyError, OSError, RuntimeError) as error:
            raise self._damaged(error) from error

    def _begin(self):
        """What is there of all that is needed."""
        missing = [name for name in NEEDED if name not in self.file]
        if ATOMS not in self.file or f"{ATOMS}/position/value" in missing:
            creator = self.file.get("h5md/creator")
            if creator is not None and as_text(creator.attrs.get("name", "")) == "sinter-hpc":
                raise self._without_frames()
            raise Unusable(f"{self.path}: this file holds no trajectory of sinter-hpc")
        if missing or "boundary" not in self.file[f"{ATOMS}/box"].attrs:
            raise Unusable(f"{self.path}: this is no whole trajectory of sinter-hpc: {(missing or ['box/boundary'])[0]} is missing")
        self._position = self.file[f"{ATOMS}/position/value"]
        self.steps = self.file[f"{ATOMS}/position/step"][:]
        self.times = self.file[f"{ATOMS}/position/time"][:]
        if not len(self.steps):
            raise self._without_frames()
        boundary = self.file[f"{ATOMS}/box"].attrs["boundary"]
        self.periodic = np.array([as_text(b) == "periodic" for b in boundary])
        self._names = self._species_names()
        particle = self.file.get("particle")
        self.particle = np.zeros(self.atoms, int) if particle is None else particle[:]

    def __enter__(self):
        return self

    def __exit__(self, _, error, trace):
        self.file.close()
        while trace is not None and trace.tb_next is not None:
            trace = trace.tb_next
        # What HDF5 cannot find or read, wherever it was asked for.
        if trace is not None and "h5py" in trace.tb_frame.f_code.co_filename and isinstance(error, Exception):
            raise self._damaged(error) from error

    def _without_frames(self):
        return Unusable(f"{self.path}: there is no frame in this file yet: if the run has ended, --resume goes on with it")

    def _damaged(self, error):
        return Unusable(f"{self.path}: this file is damaged or not whole ({error.args[0] if error.args else error})")

    def __len__(self):
        return len(self.steps)

    @property
    def atoms(self):
        return self._position.shape[1]

    @property
    def title(self):
        return as_text(self.file.attrs.get("title", "")) or self.path.parent.name

    @property
    def input(self):
        """The input of the run as a dictionary; empty where there is none."""
        text = self.file.get("parameters/input")
        return {} if text is None else tomllib.loads(as_text(text[()]))

    @cached_property
    def elements(self):
        """All elements that atoms are of in some frame: those of the first, the most frequent first,
        then those that swaps have brought. (Where there were some, all frames are looked through, once.)"""
        found = Counter(self.symbols_of(0).tolist())
        first = [symbol for symbol, _ in found.most_common()]
        if "sinter/swaps" not in self.file:
            return first
        species = self.file[f"{ATOMS}/species/value"]
        later = {number for index in range(len(self)) for number in np.unique(species[index]).tolist()}
        return first + sorted({self._name(number) for number in later} - set(first))

    def mass(self, symbol):
        """Of an element, g/mol: that of the potential, or else the standard one."""
        known = self.file.get("parameters/species", {})
        if symbol in known and "mass" in known[symbol].attrs:
            return float(known[symbol].attrs["mass"])
        return float(periodictable.elements.symbol(symbol).mass)

    def symbols_of(self, index):
        """Of each atom its element in a frame."""
        numbers, places = np.unique(self.file[f"{ATOMS}/species/value"][index], return_inverse=True)
        return np.array([self._name(number) for number in numbers.tolist()])[places]

    def _name(self, number):
        return self._names.get(number, symbol_of(number))

    def _species_names(self):
        """Identity goes by name; files that have numbers alone get those of the elements."""
        species = self.file[f"{ATOMS}/species/value"]
        names = h5py.check_enum_dtype(species.dtype)
        of = {number: name for name, number in (names or {}).items()}
        if "names" in species.attrs:
            of = dict(zip(map(int, species.attrs["numbers"]), map(as_text, species.attrs["names"])))
        if not of:
            for name, group in self.file.get("parameters/species", {}).items():
                if "atomic_number" in group.attrs:
                    of[int(group.attrs["atomic_number"])] = name
        return of

    def frame(self, index):
        """A frame by its number, counted from the end where negative."""
        count = len(self)
        if not -count <= index < count:
            raise Unusable(f"{self.path}: there is no frame {index}, only {count} (0 to {count - 1})")
        index %= count
        box = self.file[f"{ATOMS}/box"]
        lengths = np.asarray(box["edges/value"][index], float)
        if lengths.ndim == 2:
            lengths = np.diag(lengths)
        origin = box["origin/value"][index] if "origin" in box else np.zeros(3)
        return Frame(
            index,
            int(self.steps[index]),
            float(self.times[index]),
            np.asarray(self._position[index], float),
            self.symbols_of(index),
            lengths,
            np.asarray(origin, float),
        )

    def at(self, time):
        """Number of the frame nearest to a time, ps."""
        return int(np.argmin(np.abs(self.times - time)))

    def frames(self, every=1):
        return (self.frame(index) for index in range(0, len(self), every))

    def column(self, name, index):
        """A per-atom quantity of a frame (`velocity`, `force`, ...); None where it is not there."""
        path = f"{ATOMS}/{name}/value"
        return np.asarray(self.file[path][index], float) if path in self.file else None

    def series(self, group, name):
        """A time series such as `("pairs", "neck_radius")`; None where it is not there."""
        path = f"sinter/{group}"
        if path not in self.file or name not in self.file[path]:
            return None
        table = self.file[path]
        column = table[name]
        return Series(
            table["time"][:],
            table["step"][:],
            column[:],
            as_text(column.attrs.get("unit", "")),
            as_text(column.attrs.get("definition", "")),
        )

    def pairs(self):
        """The pairs of particles that were observed, as tuples."""
        pairs = self.series("pairs", "particles")
        return [] if pairs is None or not len(pairs.values) else [tuple(map(int, p)) for p in pairs.values[-1]]

    def main_pair(self):
        """Of the pairs that with the widest neck at the end, or with the narrowest gap where there is no neck; (0, 1) where
        none was observed."""
        pairs = self.pairs()
        radius, gap = self.series("pairs", "neck_radius"), self.series("pairs", "gap")
        if not pairs or radius is None or gap is None:
            return (0, 1)
        widest = np.nan_to_num(radius.values[-1])
        return pairs[int(widest.argmax() if widest.any() else np.nan_to_num(gap.values[-1], nan=np.inf).argmin())]

    def is_together(self):
        """Whether the particles come to share one space: how far they have moved is told from then on."""
        return "sinter/particles/displacement" not in self.file or self.first_together() is not None

    def together(self):
        """Time at which the particles stand together, ps; that of the first frame where they do from the start or
        never come to."""
        first = self.first_together()
        return float(self.times[0]) if first is None else first[1]

    def first_together(self):
        """Step and time (ps) from which on it is told how far the particles have moved; None where it is not."""
        moved = self.series("particles", "displacement")
        known = [] if moved is None else np.flatnonzero(np.isfinite(moved.values).any(axis=1))
        return (int(moved.step[known[0]]), float(moved.time[known[0]])) if len(known) else None


def as_text(value):
    """A string of HDF5, which is bytes where its length is fixed."""
    if isinstance(value, bytes):
        return value.decode("utf-8", "replace")
    return str(value)
