"""An ASE calculator: energies, forces and stresses of sinter-hpc for whatever ASE does with them.

    from sinter_tools.ase import SinterHPC

    with SinterHPC("inputs/quickstart.toml") as calculator:      # the force field of that input
        atoms.calc = calculator
        BFGS(atoms).run(fmax=0.01)

The program runs beside Python (`sinter-hpc serve`) and keeps its neighbour lists from call to call.
It is started anew when elements, number of atoms or periodic directions change. Units are ASE's
(eV, Å). Cells that do not stand along x, y and z are evaluated as copies that do (`skewed`).
"""

import json
import os
import re
import shlex
import shutil
import socket
import subprocess
import tempfile
import tomllib
import warnings
import weakref
from pathlib import Path

import numpy as np
import tomli_w
from ase.calculators.calculator import (
    CalculationFailed,
    Calculator,
    CalculatorSetupError,
    all_changes,
)
from ase.calculators.socketio import IPIProtocol, SocketClosed
from ase.stress import full_3x3_to_voigt_6_stress

from .campaign import find_program
from .inputs import absolute
from .skewed import Cell

# Tables of an input that say what acts on the atoms.
_ACTING = ("potential", "term", "plane", "piston", "tether", "uniform_force", "fixed")

# What launchers tell the processes that they start, and not those that these start.
_OF_A_LAUNCHER = ("OMPI_COMM_WORLD_", "OMPI_UNIVERSE_", "PMI_", "PMIX_", "SLURM_STEP_NUM_TASKS")

# Seconds between two looks at whether the program is still there while it starts.
_LOOK = 0.05


class SinterHPC(Calculator):
    """Energies (eV), forces (eV/Å) and stresses (eV/Å³) of a force field of sinter-hpc.

    Stresses are derivatives of the energy by the strain over the volume of the cell, as of other calculators: of
    slabs and clusters too, where the volume is that of the cell with its vacuum; without a cell there are none. `virial`
    (Σ r f, 3 x 3, eV) is that of the last calculation. Energies of single atoms (`get_potential_energies`) are those
    that add up to the energy; who asks for them has them in all calculations from then on.

    potential
        An input file, of which the force field counts (with planes and the like, which begin to act
        on the first atoms that come), or the table `[potential]` as a dictionary, or a list of such
        tables: the terms of a sum. Paths in tables count from the working directory.
    command
        What starts the program: "sinter-hpc", "mpirun -n 4 sinter-hpc", ..., as text or as a list;
        unless told, sinter-hpc on the path or as built in the repository.
    threads
        Of each process; unless told, as many as there are cores for. Several calculators at once, and
        small systems, want 1.
    timeout
        Seconds after which an answer is given up; unless told, never.

    Raises `CalculatorSetupError` where the program refuses what it is given and `CalculationFailed`
    where it fails, with the program's own message.
    """

    name = "sinter-hpc"
    implemented_properties = ["energy", "free_energy", "energies", "forces", "stress"]
    default_parameters = {"potential": None, "command": None, "threads": None, "timeout": None}
    discard_results_on_any_change = True

    def __init__(self, potential=None, **others):
        self._server = self._cell = None
        self._energies = False
        self.virial = None
        super().__init__(potential=potential, **others)

    def set(self, **parameters):
        """Changes what the calculator was made with; the next calculation starts the program anew."""
        unknown = sorted(set(parameters) - set(self.default_parameters))
        if unknown:
            known = ", ".join(self.default_parameters)
            raise CalculatorSetupError(f"{unknown[0]} is unknown to this calculator; it has {known}")
        changed = super().set(**parameters)
        if changed:
            self.close()
        return changed

    def calculate(self, atoms=None, properties=("energy",), system_changes=all_changes):
        super().calculate(atoms, properties, system_changes)
        self.results = {}
        if self.atoms is None:
            raise CalculatorSetupError("which atoms? this calculator has none")
        if self._cell is None or not self._cell.is_of(self.atoms):
            stands = set(force_field(self.parameters["potential"])) - {"potential", "term"}
            self._cell = Cell(self.atoms, stays=bool(stands))
        filled = self._cell.filled(self.atoms)
        system = filled.get_chemical_symbols(), filled.pbc.tolist()
        wants = "energies" in properties and not self._energies
        self._energies |= wants
        if self._server is not None and (wants or not self._server.is_for(system)):
            self.close()
        if self._server is None:
            self._server = _Server(self.parameters, system, filled, self._energies)
        try:
            found = self._server.ask(filled)
        except BaseException as error:
            # Nobody knows where in the dialogue the two stand.
            self.close()
            if isinstance(error, CalculationFailed) and self._cell.copies > 1:
                copies = f"atoms are counted over {self._cell.copies} copies of the {len(self.atoms)}, which make the cell orthogonal"
                raise CalculationFailed(f"{error} ({copies})") from error
            raise
        *found, energies = found
        energy, forces, virial = self._cell.given(*found)
        self.results = {"energy": energy, "free_energy": energy, "forces": forces}
        if energies is not None:
            # The copies stand behind the atoms that were given.
            self.results["energies"] = energies[: len(self.atoms)]
        self.virial = virial
        # As ASE has it, of slabs and clusters too: per volume of the cell, where that is one.
        if self.atoms.cell.rank == 3:
            self.results["stress"] = full_3x3_to_voigt_6_stress(-virial / self.atoms.get_volume())

    def __getstate__(self):
        """Of a copy, which starts a program of its own."""
        return self.__dict__ | {"_server": None}

    def close(self):
        """Ends the program. The calculator can go on: the next calculation starts it again."""
        server, self._server = self._server, None
        if server is not None:
            server.close()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()


class _Server:
    """The program, and the socket over which it is asked."""

    def __init__(self, parameters, system, atoms, energies):
        self.system = system
        self.energies = energies
        self.timeout = parameters["timeout"]
        folder = tempfile.mkdtemp(prefix="sinter-hpc-")
        self._parts = [lambda: shutil.rmtree(folder, ignore_errors=True)]
        # Also when nobody closes it: at the latest when Python ends.
        self.close = weakref.finalize(self, _undo, self._parts)
        try:
            self._start(Path(folder), parameters, atoms)
        except BaseException:
            self.close()
            raise

    def _start(self, folder, parameters, atoms):
        strange = ~np.isfinite(atoms.positions).all(axis=1)
        if strange.any():
            raise CalculatorSetupError(f"the position of atom {strange.argmax()} (counted from 0) is no finite number")
        tables = force_field(parameters["potential"])
        tables["structure"] = {"file": str(folder / "atoms.xyz"), "particles_from": "one"}
        (folder / "atoms.xyz").write_text(extended_xyz(atoms))
        self.input = folder / "input.toml"
        self.input.write_text(tomli_w.dumps(tables))
        potential = parameters["potential"]
        self.whose = str(potential) if isinstance(potential, (str, os.PathLike)) else "the calculator"
        address = folder / "socket"
        listening = socket.socket(socket.AF_UNIX)
        self._parts.append(listening.close)
        listening.bind(str(address))
        listening.listen(1)

        command = [*_command(parameters["command"]), "serve", str(self.input)]
        if self.energies:
            command += ["--energies"]
        if parameters["threads"] is not None:
            command += ["--threads", str(parameters["threads"]), "--oversubscribe"]
        self.told = folder / "told"
        with open(self.told, "wb") as told:
            try:
                self.program = subprocess.Popen(
                    [*command, "--socket", f"unix:{address}"],
                    stdin=subprocess.DEVNULL,
                    stdout=subprocess.DEVNULL,
                    stderr=told,
                    env=_environment(),
                )
            except OSError as error:
                raise CalculatorSetupError(f"{command[0]}: {error.strerror}") from None
        program = self.program
        self._parts.append(lambda: _wait(program))
        listening.settimeout(_LOOK)
        while True:
            try:
                connection, _ = listening.accept()
                break
            except TimeoutError:
                if self.program.poll() is not None:
                    raise self._failure() from None
        self._parts.append(connection.close)
        connection.settimeout(self.timeout)
        self.protocol = protocol = IPIProtocol(connection)
        self._parts.append(lambda: _quietly(protocol.end))
        for line in self._lines():
            if line.startswith("warning: "):
                warnings.warn(self._for_people(line).removeprefix("warning: "), stacklevel=6)

    def is_for(self, system):
        return self.system == system and self.program.poll() is None

    def ask(self, atoms):
        try:
            found = self.protocol.calculate(atoms.positions, atoms.cell)
        except TimeoutError:
            raise CalculationFailed(f"sinter-hpc has not answered for {self.timeout} s") from None
        except (SocketClosed, ConnectionError, AssertionError):
            raise self._failure() from None
        energies = np.array(json.loads(bytes(found["morebytes"]))["energies"]) if self.energies else None
        return found["energy"], found["forces"], found["virial"], energies

    def _lines(self):
        return self.told.read_text(errors="replace").splitlines()

    def _for_people(self, line):
        """The input was made here: nobody finds a line of it."""
        return re.sub(rf"{re.escape(str(self.input))}(:\d+:\d+)?", self.whose, line)

    def _failure(self):
        """What the program says of its end."""
        try:
            code = self.program.wait(timeout=30)
        except subprocess.TimeoutExpired:
            return CalculationFailed("sinter-hpc does not speak any more, and does not end")
        lines = [self._for_people(line) for line in self._lines()]
        errors = [line for line in lines if line.startswith("error: ")]
        kind = CalculatorSetupError if code == 2 else CalculationFailed
        return kind("\n".join(errors or lines[-20:]) or f"sinter-hpc ended with {code} and without a word")


def force_field(potential):
    """The tables of an input (a path, or tables themselves) that say what acts on atoms, with absolute paths."""
    if potential is None:
        raise CalculatorSetupError("which force field? potential= an input file, or the table [potential] of one")
    if isinstance(potential, (str, os.PathLike)):
        path = Path(potential)
        try:
            tables = tomllib.loads(path.read_text())
        except OSError as error:
            raise CalculatorSetupError(f"{path}: {error.strerror}") from None
        except tomllib.TOMLDecodeError as error:
            raise CalculatorSetupError(f"{path}: {error}") from None
        tables, folder = {key: tables[key] for key in _ACTING if key in tables}, path.parent
    else:
        given = [potential] if isinstance(potential, dict) else list(potential)
        if not given:
            raise CalculatorSetupError("potential= is an empty list: which terms has the force field?")
        first, *others = given
        tables, folder = {"potential": dict(first)}, Path()
        if others:
            tables["term"] = [dict(term) for term in others]
    absolute(tables, folder)
    return tables


def extended_xyz(atoms):
    """The atoms as extended XYZ, to the last bit."""
    cell = " ".join(repr(float(x)) for x in np.asarray(atoms.cell).ravel())
    pbc = " ".join("FT"[int(p)] for p in atoms.pbc)
    head = f'{len(atoms)}\nLattice="{cell}" pbc="{pbc}" Properties=species:S:1:pos:R:3\n'
    lines = zip(atoms.get_chemical_symbols(), atoms.positions.tolist())
    return head + "".join(f"{symbol} {x!r} {y!r} {z!r}\n" for symbol, (x, y, z) in lines)


def _command(command):
    if command is None:
        return [find_program(None)]
    return shlex.split(command) if isinstance(command, str) else [str(part) for part in command]


def _environment():
    """Without what a launcher told this process: the program would take itself for one of its ranks."""

    def is_told(name):
        return name.startswith(_OF_A_LAUNCHER) and not name.startswith("PMIX_MCA_")

    return {name: value for name, value in os.environ.items() if not is_told(name)}


def _undo(parts):
    for part in reversed(parts):
        part()


def _quietly(task):
    try:
        task()
    except OSError:
        pass


def _wait(program):
    """The program has been told to end."""
    try:
        program.wait(timeout=10)
    except subprocess.TimeoutExpired:
        program.kill()
        program.wait()
