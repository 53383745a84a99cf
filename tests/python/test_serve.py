"""`sinter-hpc serve`: driven by ASE and by i-PI, against `evaluate` on the same frames.

What goes over the socket is in atomic units: a number is divided by a unit on one side and multiplied
by it on the other, which costs two roundings. Positions are put on the program's grid (2^-36 Å) before,
so that they come back to the same bits there, and energies and forces differ by these two roundings.
"""

import copy
import gc
import os
import pickle
import re
import signal
import socket
import subprocess
import sys
import time

import ase.io
import numpy as np
import pytest
from ase import Atoms, units
from ase.build import add_adsorbate, bulk, fcc100
from ase.calculators.calculator import CalculationFailed, CalculatorSetupError, PropertyNotImplementedError
from ase.calculators.fd import calculate_numerical_forces
from ase.calculators.socketio import IPIProtocol, SocketIOCalculator
from ase.constraints import FixAtoms
from ase.mep import NEB
from ase.optimize import BFGS, FIRE
from ase.vibrations import Vibrations

from running import HEAD, MPIRUN, POTENTIALS, PROGRAM, ROOT, environment, ranks_of, sinter

sys.path.insert(0, str(ROOT / "tools"))

from sinter_tools.ase import SinterHPC, extended_xyz

IRON_PLATINUM = {
    "library": str(POTENTIALS / "PtFe.library.meam"),
    "parameters": str(POTENTIALS / "PtFe.meam"),
    "elements": ["Pt", "Fe"],
}
# Seven lines of arithmetic for a pair: for what takes many evaluations.
COPPER_SILVER = {
    "kind": "sutton-chen",
    "file": str(POTENTIALS / "sutton-chen.toml"),
    "elements": ["Cu", "Ag"],
}
ROUNDINGS = 4 * np.finfo(float).eps


def calculator(potential=COPPER_SILVER, ranks=None, **more):
    launch = [MPIRUN, "-n", str(ranks)] if ranks else []
    return SinterHPC(potential, command=[*launch, str(PROGRAM)], **more)


@pytest.fixture(autouse=True)
def ranks_may_share_cores(monkeypatch):
    for name, value in environment().items():
        monkeypatch.setenv(name, value)


def on_grid(atoms):
    atoms.positions = np.round(atoms.positions * 2.0**36) / 2.0**36
    return atoms


def alloy(size, seed, **more):
    atoms = bulk("Pt", cubic=True, a=3.90625) * size
    rng = np.random.default_rng(seed)
    atoms.symbols[rng.random(len(atoms)) < 0.2] = "Fe"
    atoms.positions += rng.normal(0, 0.1, (len(atoms), 3))
    return on_grid(atoms)


def evaluated(folder, potential, frames):
    """Energy, forces and virial of each, as `evaluate` has them."""
    tables = [f"{key} = {value!r}" for key, value in potential.items()]
    (folder / "field.toml").write_text("\n".join(["[potential]", *tables]))
    (folder / "frames.xyz").write_text("".join(map(extended_xyz, frames)))
    done = sinter("evaluate", folder / "field.toml", folder / "frames.xyz", "--output", folder / "out.xyz")
    assert done.returncode == 0, done.stderr
    found = ase.io.read(folder / "out.xyz", index=":")
    # The forces stand in the file with all their digits.
    return [(a.get_potential_energy(), a.get_forces(), np.reshape(a.info["virial"], (3, 3))) for a in found]


def assert_equal(atoms, expected):
    """Up to the roundings of the units."""
    energy, forces, virial = expected
    assert abs(atoms.get_potential_energy() - energy) <= ROUNDINGS * abs(energy)
    assert atoms.get_potential_energy(force_consistent=True) == atoms.get_potential_energy()
    assert np.all(np.abs(atoms.get_forces() - forces) <= ROUNDINGS * np.abs(forces))
    found = [atoms.calc.virial] if isinstance(atoms.calc, SinterHPC) else []
    if atoms.pbc.all():
        found.append(-atoms.get_stress(voigt=False) * atoms.get_volume())
    assert found and all(np.all(np.abs(w - virial) <= 2 * ROUNDINGS * np.abs(virial)) for w in found)


def frames_of_all_kinds(atoms, seed):
    """Moved a little, then far, wrapped, in other cells, and back."""
    rng = np.random.default_rng(seed)

    def moved(start, by):
        other = start.copy()
        other.positions += rng.normal(0, by, (len(atoms), 3))
        return on_grid(other)

    frames = [atoms, moved(atoms, 1e-3), moved(atoms, 0.05), moved(atoms, 0.1)]
    wrapped = frames[-1].copy()
    wrapped.wrap()
    # By whole periods, which are on the grid.
    frames += [on_grid(wrapped), atoms]
    for scale in ([1.0078125, 1, 1], [1.0078125, 0.9921875, 1.015625]):
        other = atoms.copy()
        other.set_cell(other.cell * np.array(scale)[:, None], scale_atoms=True)
        frames += [on_grid(other), moved(other, 0.01)]
    return [*frames, atoms]


@pytest.mark.parametrize("ranks", [None, 3])
@pytest.mark.parametrize("pbc", [True, (True, True, False), False])
def test_every_number_is_that_of_evaluate(tmp_path, ranks, pbc):
    atoms = alloy((4, 3, 3), seed=1)
    atoms.pbc = pbc
    frames = frames_of_all_kinds(atoms, seed=2)
    expected = evaluated(tmp_path, IRON_PLATINUM, frames)
    with calculator(IRON_PLATINUM, ranks) as served:
        for frame, numbers in zip(frames, expected):
            frame.calc = served
            assert_equal(frame, numbers)
    # Nothing is left behind.
    assert served._server is None


@pytest.mark.parametrize("ranks", [None, 3])
def test_energies_of_atoms_are_those_of_evaluate(tmp_path, ranks):
    atoms = alloy((4, 3, 3), seed=1)
    evaluated(tmp_path, IRON_PLATINUM, [atoms])
    expected = ase.io.read(tmp_path / "out.xyz").arrays["local_energy"]
    with calculator(IRON_PLATINUM, ranks) as atoms.calc:
        energy, pid = atoms.get_potential_energy(), atoms.calc._server.program.pid
        assert "energies" not in atoms.calc.results
        np.testing.assert_allclose(atoms.get_potential_energies(), expected, rtol=0, atol=1e-9)
        # The program was started anew for them; from then on they come with everything.
        assert atoms.calc._server.program.pid != pid
        assert atoms.get_potential_energies().sum() == pytest.approx(energy, abs=1e-9)
        atoms.rattle(0.01, seed=2)
        assert atoms.get_potential_energy() == pytest.approx(atoms.calc.results["energies"].sum(), abs=1e-9)
    # Of the atoms alone that were given, where copies fill an orthogonal cell.
    primitive = bulk("Pt", a=3.92)
    with calculator(IRON_PLATINUM, ranks) as primitive.calc:
        assert primitive.get_potential_energies() == pytest.approx([primitive.get_potential_energy()], abs=1e-9)


def test_lists_are_kept_while_nothing_has_moved_far(tmp_path):
    atoms = alloy((3, 3, 3), seed=3)
    (tmp_path / "atoms.xyz").write_text(extended_xyz(atoms))
    program, protocol, _ = serving(tmp_path)
    rng = np.random.default_rng(4)
    for _ in range(20):
        atoms.positions += rng.normal(0, 0.005, (len(atoms), 3))
        protocol.calculate(atoms.positions, atoms.cell)
    # By whole periods: for the program nothing has moved.
    jumped = atoms.positions + rng.integers(-3, 4, (len(atoms), 3)) * atoms.cell.lengths()
    protocol.calculate(jumped, atoms.cell)
    protocol.calculate(atoms.positions * 1.01, atoms.cell.array * 1.01)
    protocol.end()
    told, _ = program.communicate(timeout=60)
    assert program.returncode == 0
    assert "the other program says that it is done: 22 evaluations, " in told
    # That of the structure, and that of the other cell.
    assert told.rstrip().endswith(", 2 neighbour lists"), told


def serving(folder, *more, potential=IRON_PLATINUM, address=None, ranks=None):
    """The program on the atoms in `atoms.xyz`, connected; with the protocol and the connection."""
    tables = [f"{key} = {value!r}" for key, value in potential.items()]
    (folder / "in.toml").write_text("\n".join(["[potential]", *tables, "[structure]", "file = 'atoms.xyz'", ""]))
    name = folder / "socket"
    name.unlink(missing_ok=True)
    listening = socket.socket(socket.AF_UNIX if address is None else socket.AF_INET)
    listening.bind(str(name) if address is None else address)
    listening.listen(1)
    where = f"unix:{name}" if address is None else "localhost:%d" % listening.getsockname()[1]
    launch = [MPIRUN, "-n", str(ranks)] if ranks else []
    command = [*launch, str(PROGRAM), "serve", str(folder / "in.toml"), "--socket", where, *more]
    program = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment())
    listening.settimeout(120)
    connection, _ = listening.accept()
    connection.settimeout(120)
    listening.close()
    return program, IPIProtocol(connection), connection


@pytest.mark.parametrize("squeezed", [1.0, 0.72])
def test_densities_beyond_the_tables_are_told_at_the_end(tmp_path, squeezed):
    atoms = bulk("Cu", cubic=True, a=3.6) * (2, 2, 2)
    (tmp_path / "atoms.xyz").write_text(extended_xyz(atoms))
    tables = {"kind": "eam/alloy", "file": str(ROOT / "tests/reference/embedded/tables.eam.alloy"), "elements": ["Cu"]}
    program, protocol, _ = serving(tmp_path, potential=tables)
    for edge in (1.0, squeezed):
        protocol.calculate(atoms.positions * edge, atoms.cell.array * edge)
    protocol.end()
    _, errors = program.communicate(timeout=60)
    assert program.returncode == 0, errors
    assert errors.count("its tables of F end at 19.9000, and F went on straight") == (squeezed < 1), errors


def test_ase_as_server_over_both_kinds_of_socket(tmp_path):
    atoms = alloy((2, 2, 2), seed=5)
    (tmp_path / "atoms.xyz").write_text(extended_xyz(atoms))
    (expected,) = evaluated(tmp_path, IRON_PLATINUM, [atoms])
    tables = [f"{key} = {value!r}" for key, value in IRON_PLATINUM.items()]
    (tmp_path / "in.toml").write_text("\n".join(["[potential]", *tables, "[structure]", "file = 'atoms.xyz'", ""]))
    name, port = f"sinter_{os.getpid()}", free_port()
    for server, where in [({"unixsocket": name}, f"unix:{name}"), ({"port": port}, f"localhost:{port}")]:
        command = [str(PROGRAM), "serve", str(tmp_path / "in.toml"), "--socket", where]
        with SocketIOCalculator(**server) as driver:
            program = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
            atoms.calc = driver
            assert_equal(atoms, expected)
        told, _ = program.communicate(timeout=60)
        # ASE's server ends by closing the connection.
        assert program.returncode == 0
        assert "32 atoms (Pt " in told and "periodic along x, y, z\n" in told
        assert "the other program closed the connection: 1 evaluation, " in told


def free_port():
    with socket.socket() as probe:
        probe.bind(("localhost", 0))
        return probe.getsockname()[1]


def test_what_cannot_be_served_is_refused(tmp_path):
    (tmp_path / "atoms.xyz").write_text(extended_xyz(alloy((2, 2, 2), seed=5)))
    program, protocol, _ = serving(tmp_path)
    with pytest.raises(OSError):
        protocol.calculate(np.zeros((31, 3)), np.eye(3) * 20)
    _, told = program.communicate(timeout=60)
    assert program.returncode == 2
    assert told.startswith("error: the other program sends 31 atoms, and the structure of ")

    for where, code, said in [
        (f"unix:{tmp_path}/nobody", 2, "there is no such socket; start the program that listens"),
        (f"localhost:{free_port()}", 2, "nobody listens there"),
        ("localhost", 2, "unix:localhost for a socket file, localhost:31415 for a host"),
    ]:
        done = sinter("serve", tmp_path / "in.toml", "--socket", where, "--patience", "0")
        assert (done.returncode, said in done.stderr) == (code, True), done.stderr
    with open(tmp_path / "in.toml", "a") as file:
        file.write('[box]\nboundary = ["periodic", "periodic", "free"]\n')
        file.write('[[piston]]\naxis = "z"\nside = "below"\nposition_angstrom = -5\nspeed_angstrom_per_ps = 0.1\n')
    done = sinter("serve", tmp_path / "in.toml", "--socket", "unix:nobody", "--patience", "0")
    assert done.returncode == 2
    assert "a piston moves with the time of a run" in done.stderr, done.stderr


@pytest.mark.parametrize("ranks", [None, 3])
def test_a_server_that_goes_away_ends_the_program(tmp_path, ranks):
    atoms = alloy((2, 2, 2), seed=5)
    (tmp_path / "atoms.xyz").write_text(extended_xyz(atoms))
    # Between two questions; in the middle of one; before it fetched what it had asked for.
    positions = (atoms.positions / units.Bohr).tobytes()
    cell = (atoms.cell.array / units.Bohr).tobytes()
    question = b"POSDATA     " + cell + cell + np.int32(len(atoms)).tobytes() + positions
    for said, code, told in [
        (b"", 1, "error: the other program closed the connection before it asked for anything"),
        (question[:500], 1, "error: the other program has gone away: "),
        (question, 1, "error: the other program has gone away before it fetched the forces"),
        (b"HELLO WORLD!", 1, 'error: the other program says "HELLO WORLD!", which is no word'),
    ]:
        program, _, connection = serving(tmp_path, ranks=ranks)
        connection.sendall(said)
        connection.close()
        _, errors = program.communicate(timeout=60)
        assert program.returncode == code, errors
        assert told in errors and errors.count("error: ") == 1, errors
    # As ASE's server ends: between two questions.
    program, protocol, connection = serving(tmp_path, ranks=ranks)
    protocol.calculate(atoms.positions, atoms.cell)
    connection.close()
    _, errors = program.communicate(timeout=60)
    assert (program.returncode, "error" in errors) == (0, False), errors


def test_ranks_that_wait_leave_their_cores_alone(tmp_path):
    atoms = alloy((2, 2, 2), seed=5)
    (tmp_path / "atoms.xyz").write_text(extended_xyz(atoms))
    program, protocol, _ = serving(tmp_path, ranks=3)
    protocol.calculate(atoms.positions, atoms.cell)

    def seconds(process):
        fields = open(f"/proc/{process}/stat").read().rsplit(")", 1)[1].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    ranks = ranks_of(program)
    assert len(ranks) == 3
    time.sleep(0.2)
    before = [seconds(rank) for rank in ranks]
    time.sleep(2)
    used = [seconds(rank) - then for rank, then in zip(ranks, before)]
    assert max(used) < 0.2, used
    protocol.end()
    assert program.wait(timeout=60) == 0


def test_forces_and_stresses_are_the_derivatives_of_the_energy():
    atoms = bulk("Cu", cubic=True, a=3.6) * (3, 3, 3)
    atoms.symbols[::7] = "Ag"
    atoms.rattle(0.1, seed=6)
    with calculator() as atoms.calc:
        # Positions have a grid of 1.5e-11 Å, so that steps may not be as short as usual.
        some = calculate_numerical_forces(atoms, eps=1e-4, iatoms=[0, 50])
        assert np.abs(atoms.get_forces()[[0, 50]] - some).max() < 1e-6
        stress, cell, step = atoms.get_stress(), atoms.cell.array.copy(), 1e-5
        for d in range(3):
            energies = []
            for strain in (step, -step):
                strained = atoms.copy()
                strained.calc = atoms.calc
                strained.set_cell(cell * (1 + strain * (np.arange(3) == d)), scale_atoms=True)
                energies.append(strained.get_potential_energy())
            assert stress[d] == pytest.approx((energies[0] - energies[1]) / (2 * step * atoms.get_volume()), abs=1e-7)


@pytest.mark.parametrize("pbc", [False, [True, True, False]])
def test_stress_of_what_is_free_is_the_derivative_of_its_energy(pbc):
    atoms = Atoms("Cu2Ag", [[0, 0, 0], [0.3, 0, 2.5], [2.1, 0.2, 1.2]], cell=[9, 8, 7], pbc=pbc)
    step = 1e-5
    with calculator() as atoms.calc:
        stress = atoms.get_stress(voigt=False)
        # Shear tilts no vector of a cell that nothing repeats along.
        for a, b in [(0, 0), (1, 1), (2, 2)] if np.any(pbc) else np.ndindex(3, 3):
            energies = []
            for strain in (step, -step):
                strained = atoms.copy()
                strained.calc = atoms.calc
                deformation = np.eye(3)
                deformation[a, b] += strain
                strained.positions = atoms.positions @ deformation
                if a == b:
                    strained.cell = atoms.cell @ deformation
                energies.append(strained.get_potential_energy())
            assert stress[a, b] == pytest.approx((energies[0] - energies[1]) / (2 * step * atoms.get_volume()), abs=1e-7)


def test_without_a_cell_there_is_no_stress():
    atoms = Atoms("Cu2", [[0, 0, 0], [0, 0, 2.5]])
    with calculator() as atoms.calc:
        assert atoms.get_potential_energy() < 0
        with pytest.raises(PropertyNotImplementedError):
            atoms.get_stress()


def test_relaxations_and_several_calculators_at_once():
    start = bulk("Cu", cubic=True, a=3.6) * (2, 2, 2)
    start.symbols[3] = "Ag"
    start.rattle(0.05, seed=7)
    with calculator(threads=1) as one, calculator(ranks=2) as other:
        energies = []
        for served, relax in [(one, BFGS), (other, FIRE)]:
            atoms = start.copy()
            atoms.calc = served
            assert relax(atoms, logfile=None).run(fmax=1e-4, steps=500)
            energies.append(atoms.get_potential_energy())
    assert energies[0] == pytest.approx(energies[1], abs=1e-6)


def test_a_band_between_two_minima():
    slab = fcc100("Cu", (3, 3, 3), a=3.61, vacuum=8, periodic=True)
    slab.pbc = (True, True, False)
    add_adsorbate(slab, "Cu", 1.8, "hollow")
    slab.set_constraint(FixAtoms(slab.positions[:, 2] < slab.positions[:, 2].min() + 2.5))
    with calculator() as served:
        slab.calc = served
        BFGS(slab, logfile=None).run(fmax=0.005)
        end = slab.copy()
        end.positions[-1, 0] += 3.61 / np.sqrt(2)
        images = [slab.copy() for _ in range(5)] + [end]
        for image in images:
            image.calc = served
        BFGS(end, logfile=None).run(fmax=0.005)
        band = NEB(images, climb=True, method="improvedtangent", allow_shared_calculator=True)
        band.interpolate(mic=True)
        FIRE(band, logfile=None).run(fmax=0.03, steps=200)
        energies = [image.get_potential_energy() for image in images]
        assert energies[0] == pytest.approx(energies[-1], abs=1e-4)
        assert 0.2 < max(energies) - energies[0] < 0.8
        # The top stands on the bridge, half-way.
        top = images[int(np.argmax(energies))]
        assert top.positions[-1, 0] - slab.positions[-1, 0] == pytest.approx(3.61 / np.sqrt(8), abs=0.05)


def test_vibrations_of_a_dimer(tmp_path):
    pair = Atoms("Cu2", [[0, 0, 0], [0, 0, 2.2]])
    with calculator() as pair.calc:
        BFGS(pair, logfile=None).run(fmax=1e-4)
        vibrations = Vibrations(pair, name=str(tmp_path / "vib"), delta=0.01)
        vibrations.run()
        found = vibrations.get_energies().real.max()
        bond, step = pair.get_distance(0, 1), 0.01
        energies = []
        for stretch in (-step, 0, step):
            pair.set_distance(0, 1, bond + stretch)
            energies.append(pair.get_potential_energy())
    stiffness = (energies[0] - 2 * energies[1] + energies[2]) / step**2
    mass = pair.get_masses()[0] / 2
    expected = units._hbar * 1e10 / np.sqrt(units._e * units._amu) * np.sqrt(stiffness / mass)
    assert found == pytest.approx(expected, rel=1e-3)


def test_the_program_is_started_anew_where_it_has_to_be():
    atoms = Atoms("CuAg", [[0, 0, 0], [0, 0, 2.5]], cell=[20, 20, 20])
    with calculator() as served:
        atoms.calc = served
        first = atoms.get_potential_energy()
        program = served._server.program
        atoms.positions[1] = [0, 2.5, 0]
        assert atoms.get_potential_energy() == pytest.approx(first, abs=1e-12)
        assert served._server.program is program
        for change in (
            lambda: atoms.symbols.__setitem__(0, "Ag"),
            lambda: atoms.extend(Atoms("Cu", [[2.5, 0, 0]])),
            lambda: setattr(atoms, "pbc", True),
        ):
            program, before = served._server.program, atoms.get_potential_energy()
            change()
            # Nearer than its image is: pbc alone changes nothing else.
            atoms.cell[2, 2] -= 15.5 if atoms.pbc.any() else 0
            assert atoms.get_potential_energy() != before
            assert served._server.program is not program and program.returncode == 0
        # Killed behind our back.
        served._server.program.send_signal(signal.SIGKILL)
        served._server.program.wait()
        before = atoms.get_potential_energy()
        atoms.rattle(0.01)
        assert atoms.get_potential_energy() != before
        served.set(potential=IRON_PLATINUM)
        with pytest.raises(CalculatorSetupError, match="atom 0 .* is Ag, but the potential has only Pt, Fe"):
            atoms.get_potential_energy()


def test_copies_have_programs_of_their_own():
    """As `copy.deepcopy` and `pickle` make them, of a calculator and of atoms that have one."""
    atoms = bulk("Cu", cubic=True) * 2
    with calculator() as atoms.calc:
        energy = atoms.get_potential_energy()
        for made in (copy.deepcopy(atoms), pickle.loads(pickle.dumps(atoms))):
            assert made.get_potential_energy() == energy
            made.positions[0] += 0.1
            assert made.get_potential_energy() > energy + 1e-3
            assert atoms.get_potential_energy() == energy
            made.calc.close()


def test_what_is_no_place_is_told_by_its_atom():
    """And not by a line of a file that was made here."""
    atoms = bulk("Cu", cubic=True) * 2
    atoms.positions[3, 1] = np.nan
    with calculator() as atoms.calc:
        with pytest.raises(CalculatorSetupError, match=r"the position of atom 3 \(counted from 0\) is no finite number"):
            atoms.get_forces()
        atoms.positions[3, 1] = 0.5
        assert np.isfinite(atoms.get_potential_energy())
        with pytest.raises(CalculatorSetupError, match="which atoms"):
            calculator().get_potential_energy()


def test_failures_have_the_words_of_the_program():
    atoms = Atoms("Cu2", [[0, 0, 0], [0, 0, 2.5]])
    with calculator() as atoms.calc:
        whole = atoms.get_potential_energy()
        atoms.positions[1, 2] = 0.01
        with pytest.raises(CalculationFailed, match="evaluation 2, atom 0 .*: it is 0.0100 Å from atom 1"):
            atoms.get_potential_energy()
        # And goes on.
        atoms.positions[1, 2] = 2.5
        assert atoms.get_potential_energy() == whole
        atoms.positions[1, 2] = np.nan
        with pytest.raises(CalculationFailed, match="sends atom 1 .* that is no position"):
            atoms.get_potential_energy()
    oblique = bulk("Cu")
    oblique.set_cell(oblique.cell @ [[1, 0.01, 0], [0, 1, 0], [0, 0, 1]])
    with calculator() as oblique.calc:
        with pytest.raises(CalculatorSetupError, match="take a larger, orthogonal cell") as failure:
            oblique.get_potential_energy()
        assert "input.toml" not in str(failure.value)
    for potential, said in [
        (None, "which force field"),
        ("/nowhere.toml", "/nowhere.toml: No such file"),
        ([], "which terms has the force field"),
        ({"kind": "sutton-chen", "file": "/nowhere.toml", "elements": ["Cu"]}, "/nowhere.toml"),
    ]:
        with calculator(potential) as atoms.calc, pytest.raises(CalculatorSetupError, match=said):
            atoms.set_positions([[0, 0, 0], [0, 0, 2.5]])
            atoms.get_potential_energy()
    with SinterHPC(COPPER_SILVER, command="no-such-program -x") as atoms.calc:
        with pytest.raises(CalculatorSetupError, match="no-such-program: No such file"):
            atoms.get_potential_energy()
    with pytest.raises(CalculatorSetupError, match="patience is unknown to this calculator"):
        calculator(patience=3)


def test_the_force_field_of_an_input_and_its_sum_of_terms(tmp_path):
    atoms = Atoms("CuAg", [[0, 0, 0], [0, 0, 2.5]])
    with SinterHPC(ROOT / "inputs/pairs/copper_silver.toml", command=str(PROGRAM)) as atoms.calc:
        alone = atoms.get_potential_energy()
    with calculator() as atoms.calc:
        assert atoms.get_potential_energy() == alone
    pairs = {"kind": "lennard-jones", "file": str(POTENTIALS / "lennard-jones.toml"), "elements": ["Cu", "Ag"]}
    with calculator(pairs) as atoms.calc:
        beside = atoms.get_potential_energy()
    with calculator([COPPER_SILVER, pairs]) as atoms.calc:
        assert atoms.get_potential_energy() == pytest.approx(alone + beside, rel=1e-11)


def test_a_calculator_that_nobody_closes_ends_with_its_last_user():
    served = calculator()
    atoms = Atoms("Cu2", [[0, 0, 0], [0, 0, 2.5]], calculator=served)
    atoms.get_potential_energy()
    program = served._server.program
    del served
    atoms.calc = None
    # ASE's calculators refer to themselves.
    gc.collect()
    assert program.returncode == 0


IPI = """
<simulation verbosity='low' safe_stride='1000'>
  <output prefix='run'>
    <properties stride='1' filename='out'> [step, potential, kinetic_md, conserved, pressure_md] </properties>
    <trajectory stride='1' filename='force' format='xyz'> forces{atomic_unit} </trajectory>
    <checkpoint stride='1' filename='state' overwrite='False'/>
  </output>
  <total_steps> 10 </total_steps>
  <ffsocket name='sinter' mode='unix' pbc='False'> <address> NAME </address> <latency> 1e-4 </latency> </ffsocket>
  <system>
    <initialize nbeads='BEADS'>
      <file mode='xyz'> init.xyz </file>
      <velocities mode='thermal' units='kelvin'> 600 </velocities>
    </initialize>
    <forces> <force forcefield='sinter'/> </forces>
    <ensemble> <temperature units='kelvin'> 600 </temperature> </ensemble>
    <motion mode='dynamics'>
      <dynamics mode='nve'> <timestep units='femtosecond'> 1 </timestep> </dynamics>
    </motion>
  </system>
</simulation>
"""


@pytest.mark.parametrize("beads, clients", [(1, 1), (3, 2)])
def test_ipi_moves_the_atoms(tmp_path, beads, clients):
    """A few steps of i-PI, of one replica and of a path integral over two of our processes."""
    atoms = alloy((2, 2, 2), seed=8)
    lengths = " ".join(f"{length / units.Bohr:.12f}" for length in atoms.cell.lengths())
    rows = [f"{s} {x!r} {y!r} {z!r}" for s, (x, y, z) in zip(atoms.symbols, (atoms.positions / units.Bohr).tolist())]
    head = f"# CELL(abcABC): {lengths} 90 90 90 cell{{atomic_unit}} positions{{atomic_unit}}"
    (tmp_path / "init.xyz").write_text("\n".join([str(len(atoms)), head, *rows]) + "\n")
    (tmp_path / "atoms.xyz").write_text(extended_xyz(atoms))
    name = f"sinter_{os.getpid()}_{beads}"
    (tmp_path / "ipi.xml").write_text(IPI.replace("NAME", name).replace("BEADS", str(beads)))
    tables = [f"{key} = {value!r}" for key, value in IRON_PLATINUM.items()]
    (tmp_path / "in.toml").write_text("\n".join(["[potential]", *tables, "[structure]", "file = 'atoms.xyz'"]))
    ipi = os.path.join(os.path.dirname(sys.executable), "i-pi")
    with open(tmp_path / "ipi.log", "w") as log:
        driver = subprocess.Popen([sys.executable, ipi, "ipi.xml"], cwd=tmp_path, stdout=log, stderr=log)
    # i-PI takes a while to listen: we try again meanwhile.
    command = [str(PROGRAM), "serve", str(tmp_path / "in.toml"), "--socket", f"unix:{name}", "--patience", "60"]
    programs = [subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) for _ in range(clients)]
    assert driver.wait(timeout=120) == 0, (tmp_path / "ipi.log").read_text()
    for program in programs:
        told, errors = program.communicate(timeout=60)
        assert program.returncode == 0, errors
        assert "the other program says that it is done" in told

    steps = np.loadtxt(tmp_path / "run.out")
    assert len(steps) == 11
    # Energy is conserved: the forces that came belong to the energies that came.
    assert np.ptp(steps[:, 3]) < 2e-3 * np.ptp(steps[:, 2])
    if beads > 1:
        return

    moved = []
    for step in range(11):
        # Frames of i-PI have six digits, its checkpoints nine.
        state = (tmp_path / f"run.state_{step}").read_text()
        (numbers,) = re.findall(r"<q shape='[^']*'>\s*\[([^]]*)\]", state)
        other = atoms.copy()
        other.positions = np.array(numbers.split(","), float).reshape(-1, 3) * units.Bohr
        moved.append(other)
    lines = (tmp_path / "run.force_0.xyz").read_text().splitlines()
    expected = evaluated(tmp_path, IRON_PLATINUM, moved)
    for k, (step, (energy, ours, _)) in enumerate(zip(steps, expected)):
        block = lines[k * (len(atoms) + 2) :][2 : len(atoms) + 2]
        forces = np.array([line.split()[1:4] for line in block], float) * units.Ha / units.Bohr
        # i-PI writes nine digits of energies and positions, six of forces.
        assert step[1] * units.Ha == pytest.approx(energy, rel=6e-9)
        assert forces == pytest.approx(ours, rel=6e-6, abs=1e-6)
