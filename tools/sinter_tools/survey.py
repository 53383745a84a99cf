"""A survey of what adatoms climb (`barriers.py`): which rows, by how many processes at once, and the table of them.

A row is one process on one surface of one sample of a slab; rows depend on nothing but the input's force field and the
settings, so any process may find any of them, in any order. In the file of `--output` each row stands as soon as it is
found, so a survey that was killed goes on where it was. Rows tell the settings that they were found with (`size`,
`layers`, `seed`, `force_field`: the beginning of the SHA-256 of the tables and files that it consists of); those found
with others are never mixed in.
"""

import atexit
import csv
import io
import itertools
import json
import multiprocessing
import os
import signal
import threading
from concurrent.futures import ProcessPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass

import numpy as np
from ase.calculators.calculator import CalculatorError

from .ase import extended_xyz, force_field
from .barriers import PAPER, PROCESSES, SURFACES, Face, Found, Landscape, NoSaddle, composition
from .inputs import fingerprint
from .trajectory import Unusable

ENERGIES = ("energy", "back", "between")


@dataclass(frozen=True)
class Row:
    """Which process."""

    slab: str
    sample: int
    surface: str
    process: str

    def __str__(self):
        return f"{self.slab}-{self.surface}-{self.sample}-{self.process}"


@dataclass(frozen=True)
class Settings:
    """What all rows of a survey have in common."""

    input: str
    size: int
    layers: int
    seed: int
    command: str | None

    def told(self):
        """Those that rows are marked with."""
        return {"size": self.size, "layers": self.layers, "seed": self.seed, "force_field": fingerprint(force_field(self.input))}

    def landscape(self, slab, constant=None):
        return Landscape(self.input, slab, self.size, self.layers, self.seed, self.command, constant)


def lattice_constant(settings, slab):
    with settings.landscape(slab) as landscape:
        return landscape.lattice_constant()


def find(settings, constant, row):
    """One row, with the lattice constant (Å) of its slab."""
    with settings.landscape(row.slab, constant) as landscape:
        try:
            found = Face(landscape, row.surface, row.sample).find(row.process)
        except NoSaddle as why:
            names = row.slab, row.surface, row.process, row.sample, landscape.adatom
            found = Found(*names, constant=constant, fault=str(why))
    for atoms in found.structures.values():
        # A calculator is of the process that has it.
        atoms.calc = None
    return found


class Rows:
    """What was found, in the file of `--output` (None: in memory alone)."""

    def __init__(self, path, settings):
        self.path, self.settings, self.found = path, settings, {}
        if path is None:
            return
        self.write, read = formats(path)
        try:
            with open(path, encoding="utf-8", newline="") as file:
                rows = read(file)
        except FileNotFoundError:
            return
        except (ValueError, csv.Error) as error:
            raise Unusable(f"{path}: not a table of barriers ({error}): another --output, or remove it") from None
        for number, row in enumerate(rows, 1):
            self._take(number, row)

    def _take(self, number, row):
        where = f"{self.path}: row {number}"
        try:
            one = Found(*(row[name] for name in ("slab", "surface", "process")), int(row["sample"]), row["atoms"])
            for name in ENERGIES:
                energy = row[name + "_ev"]
                setattr(one, name, np.nan if energy in (None, "") else float(energy))
            one.constant = float(row["lattice_constant_angstrom"])
            one.negative_eigenvalues, one.fault = int(row["negative_eigenvalues"]), row["fault"]
            theirs = {name: type(ours)(row[name]) for name, ours in self.settings.items()}
        except (KeyError, TypeError, ValueError):
            raise Unusable(f"{where} is none of `sinter-tools barriers`: another --output, or remove it") from None
        for name, ours in self.settings.items():
            if theirs[name] != ours:
                differ = f"{name} {theirs[name]}, and {ours} is asked for"
                raise Unusable(f"{where} was found with {differ}: another --output, or remove it")
        self.found[Row(one.slab, one.sample, one.surface, one.process)] = one

    def keep(self, row, one, wanted):
        """Rows stand in the order in which they are wanted, behind those that are not."""
        self.found[row] = one
        if self.path is None:
            return
        place = {row: number for number, row in enumerate(wanted)}
        rows = sorted(self.found, key=lambda row: place.get(row, -1))
        partial = self.path.with_name(self.path.name + ".partial")
        partial.write_text(self.write([as_told(self.found[row]) | self.settings for row in rows]), encoding="utf-8")
        partial.replace(self.path)


def as_told(one):
    """A row of the file."""
    row = {name: getattr(one, name) for name in ("slab", "surface", "process", "sample", "atoms")}
    for name in ENERGIES:
        energy = float(getattr(one, name))
        row[name + "_ev"] = None if np.isnan(energy) else energy
    more = {"negative_eigenvalues": one.negative_eigenvalues, "fault": one.fault}
    return row | more | {"lattice_constant_angstrom": one.constant}


def survey(wanted, tell=print):
    """All that `sinter-tools barriers` was asked for."""
    if min(wanted.size, wanted.layers) < 4:
        raise Unusable("the adatom sees itself or the fixed layers in slabs of fewer than 4 atoms or layers")
    settings = Settings(str(wanted.input), wanted.size, wanted.layers, wanted.seed, wanted.command)
    slabs, surfaces = (list(dict.fromkeys(given)) for given in (wanted.slabs, wanted.surfaces))
    samples = {slab: wanted.samples if len(composition(slab)) > 1 else 1 for slab in slabs}
    rows = [Row(slab, *rest) for slab in slabs for rest in itertools.product(range(samples[slab]), surfaces, PROCESSES)]
    try:
        kept = Rows(wanted.output, settings.told())
        missing = [row for row in rows if row not in kept.found or not _is_drawn(row, kept.found[row], wanted.structures)]
        if len(missing) < len(rows):
            tell(f"{wanted.output}: {len(rows) - len(missing)} of {len(rows)} rows are there already")
        constants = {row.slab: one.constant for row, one in kept.found.items()}
        for row, one in carried_out(settings, constants, missing, wanted.jobs, tell):
            if wanted.structures:
                _write_structures(row, one, wanted.structures)
            kept.keep(row, one, rows)
            tell(_line(one))
    except CalculatorError as error:
        raise Unusable(str(error).removeprefix("error: ")) from None
    except BrokenProcessPool:
        raise Unusable("a process of this survey was killed; with --output the same command goes on with what is missing") from None
    return [kept.found[row] for row in rows]


def carried_out(settings, constants, rows, jobs, tell):
    """Rows as they are found, by so many processes at once; lattice constants (Å) by slab, as far as they are known."""
    slabs = [slab for slab in dict.fromkeys(row.slab for row in rows) if slab not in constants]
    if not rows:
        return
    # Not forked: what this process has open is not theirs.
    context = multiprocessing.get_context("spawn")
    others = multiprocessing.active_children()
    pool = ProcessPoolExecutor(min(jobs, len(rows)), context, initializer=_end_when_told)
    try:
        for slab, constant in zip(slabs, pool.map(lattice_constant, itertools.repeat(settings), slabs)):
            tell(f"{slab}: lattice constant {constant:.4f} Å")
            constants[slab] = constant
        of = {pool.submit(find, settings, constants[row.slab], row): row for row in rows}
        for done in as_completed(of):
            yield of[done], done.result()
    except BaseException:
        for process in multiprocessing.active_children():
            if process not in others:
                process.terminate()
        raise
    finally:
        pool.shutdown(cancel_futures=True)


def _end_when_told():
    """In a process of the survey: it ends, and tidies up, when it is told to or when its parent is gone."""

    def end(*_):
        # Programs that were started are ended by what runs at the exit of Python.
        atexit._run_exitfuncs()
        os._exit(1)

    def watch():
        multiprocessing.parent_process().join()
        os.kill(os.getpid(), signal.SIGTERM)

    signal.signal(signal.SIGTERM, end)
    # From a terminal it comes to all processes: the parent says what it means.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    threading.Thread(target=watch, daemon=True).start()


def _is_drawn(row, one, folder):
    """Whether the structures that are wanted of a row stand in their file; what failed early has none."""
    return not folder or bool(one.fault) or (folder / f"{row}.xyz").exists()


def _write_structures(row, one, folder):
    """Minima and saddle."""
    folder.mkdir(parents=True, exist_ok=True)
    if one.structures:
        (folder / f"{row}.xyz").write_text("".join(map(extended_xyz, one.structures.values())))


def _line(one):
    name = f"{one.slab} ({one.surface}) {one.sample}: {one.process} of {one.atoms}"
    return f"{name}: {one.fault}" if one.fault else f"{name}: {one.energy:.4f} eV"


def table(found):
    """Lines for people: a row for each process, a column for each slab."""
    slabs = list(dict.fromkeys(one.slab for one in found))
    of_paper = any(composition(slab).get("Pt", 0) > 0.5 for slab in slabs)
    head = ["eV", *slabs, *(["paper, DFT"] if of_paper else [])]
    rows = []
    for process in PROCESSES:
        for surface in SURFACES:
            here = [one for one in found if (one.process, one.surface) == (process, surface)]
            if not here:
                continue
            cells = [_cell([one for one in here if one.slab == slab]) for slab in slabs]
            if of_paper:
                cells.append(f"{PAPER[process, surface]:.2f}" if (process, surface) in PAPER else "")
            rows.append([f"{process} ({surface})", *cells])
    return [f"| {' | '.join(row)} |" for row in (head, ["---"] * len(head), *rows)]


def _cell(found):
    """Mean, spread and number of samples."""
    sound = np.array([one.energy for one in found if not one.fault])
    if len(sound) == 0:
        return found[0].fault if found else ""
    missing = f" of {len(found)}" if len(sound) < len(found) else ""
    if len(found) == 1:
        return f"{sound[0]:.3f}"
    spread = sound.std(ddof=1) if len(sound) > 1 else 0.0
    return f"{sound.mean():.3f} ± {spread:.3f} ({len(sound)}{missing})"


def _csv(rows):
    text = io.StringIO()
    lines = csv.DictWriter(text, rows[0], lineterminator="\n")
    lines.writeheader()
    lines.writerows(rows)
    return text.getvalue()


def _json(rows):
    return json.dumps(rows, indent=1) + "\n"


def _from_csv(file):
    lines = csv.DictReader(file)
    if lines.fieldnames and "slab" not in lines.fieldnames:
        raise ValueError("no column `slab`")
    return list(lines)


def _from_json(file):
    rows = json.load(file)
    if not isinstance(rows, list):
        raise ValueError("no list")
    return rows


def formats(path):
    """What writes and what reads rows, by the ending of a file."""
    known = {".csv": (_csv, _from_csv), ".json": (_json, _from_json)}
    if path.suffix not in known:
        raise Unusable(f"{path}: the ending must tell the format: .csv or .json")
    return known[path.suffix]
