"""Planes, pistons, tethers, uniform forces and fixed atoms in whole runs."""

import json

import h5py
import numpy as np
import pytest

from running import POTENTIALS, different_atoms, run, sinter, write_input

HEAD = f"""
[potential]
library = "{POTENTIALS}/PtFe.library.meam"
parameters = "{POTENTIALS}/PtFe.meam"
elements = ["Pt", "Fe"]
[output]
trajectory_interval_ps = 0.1
series_interval_ps = 0.02
forces = true
energies = true
[[particle]]
count = 2
atoms = 79
surface_energy_j_per_m2 = {{ "111" = 1.0, "100" = 1.07 }}
lattice_constant_angstrom = 3.9
composition = {{ Pt = 0.75, Fe = 0.25 }}
[placement]
gap_angstrom = 3.0
"""

PLANE = """
[[plane]]
kind = "lj-9-3"
gap_angstrom = 2.3
sigma_angstrom = { Pt = 2.6, Fe = 2.4 }
epsilon_ev = { Pt = 0.3, Fe = 0.3 }
"""

TERMS = PLANE + """
[[piston]]
gap_angstrom = 0.5
pressure_gpa = 2.0
area_angstrom2 = 200
damping_time_ps = 0.3
[[piston]]
axis = "y"
gap_angstrom = 0
speed_angstrom_per_ps = 1.5
[[tether]]
atoms = { particles = [1], axis = "x", highest_angstrom = 3 }
spring_ev_per_angstrom2 = 0.5
[[uniform_force]]
atoms = { species = ["Fe"] }
force_ev_per_angstrom = [0, 0, -0.002]
[[fixed]]
atoms = { particles = [0], lowest_angstrom = 3 }
"""

PROTOCOL = """
[[stage]]
kind = "equilibrate"
particles = "apart"
temperature_k = 600
duration_ps = 0.1
[[stage]]
kind = "hold"
temperature_k = 600
duration_ps = 0.1
[[stage]]
kind = "minimise"
max_steps = 20
[[stage]]
kind = "hold"
ensemble = "nve"
duration_ps = 0.3
"""


def finished(folder, path, **how):
    done = run("--output", folder, *how.pop("arguments", ()), path, **how)
    assert done.returncode == 0, done.stderr
    return done


def series(folder, name):
    with h5py.File(folder / "trajectory.h5md") as file:
        group = file[f"sinter/{name}"]
        return {key: group[key][:] for key in group}


def state(checkpoint):
    """What it knows besides the atoms, the terms among it."""
    with h5py.File(checkpoint) as file:
        found = json.loads(file["header"][()])["state"]
    assert len(found["one_body"]) == 6
    return found | {"last_frame": None}


def checkpoints(folder):
    return {path.name: path.read_bytes() for path in folder.glob("checkpoint-*.h5")}


def test_same_bits_on_any_ranks_and_through_restarts(tmp_path):
    keeps = "[checkpoint]\nevery_steps = 25\nkeep = 30\n"
    path = write_input(tmp_path, HEAD + keeps + TERMS + PROTOCOL)
    finished(tmp_path / "one", path)
    alone = checkpoints(tmp_path / "one")
    for ranks in [2, 4]:
        finished(tmp_path / f"ranks{ranks}", path, ranks=ranks)
        assert checkpoints(tmp_path / f"ranks{ranks}") == alone
    # Apart, where they come together, and in the middle of each stage after that.
    for step in [25, 50, 75, 175]:
        folder = tmp_path / f"from{step}"
        start = tmp_path / f"one/checkpoint-{step}.h5"
        finished(folder, path, arguments=["--restart", start], ranks=2)
        last = max(alone, key=lambda name: int(name.split("-")[1].split(".")[0]))
        assert different_atoms(tmp_path / "one" / last, folder / last) == []
        assert state(folder / last) == state(tmp_path / "one" / last), f"from step {step}"


def test_energies_and_forces_are_in_the_series(tmp_path):
    path = write_input(tmp_path, HEAD + TERMS + PROTOCOL)
    done = finished(tmp_path / "out", path)
    assert "One-body terms begin to act\nplane[0]: stands at z = " in done.stdout
    thermo = series(tmp_path / "out", "thermo")
    together = thermo["stage_number"] > 1
    for name in ["plane", "piston", "tether", "uniform_force", "fixed"]:
        own = series(tmp_path / "out", name)
        assert set(own["step"]) == set(thermo["step"][together]), "not while they are apart"
        assert np.isfinite(own["force"]).all()
    assert series(tmp_path / "out", "fixed")["force"].shape[1:] == (1, 3)
    # What the terms give less what fixed atoms take is the force on all atoms.
    total = sum(series(tmp_path / "out", name)["force"][-1].sum(axis=0) for name in ["plane", "piston", "tether", "uniform_force"])
    total -= series(tmp_path / "out", "fixed")["force"][-1].sum(axis=0)
    with h5py.File(tmp_path / "out/trajectory.h5md") as file:
        atoms = file["particles/trajectory"]
        forces, velocities = atoms["forces/value"][-1], atoms["velocity/value"][-1]
        still = (velocities == 0).all(axis=1)
        assert 0 < still.sum() < 40 and (forces[still] == 0).all()
    assert forces.sum(axis=0) == pytest.approx(total, abs=1e-9)
    # In the stage of constant energy: two pistons, one at a speed, one damped.
    energy = thermo["conserved_energy"][thermo["stage_number"] == 4]
    assert np.ptp(energy) < 0.01
    given = series(tmp_path / "out", "piston")["given_energy"]
    assert np.abs(given[-1]).min() > 0.02, "both have done something"


def test_a_piston_keeps_the_mass_that_it_began_with(tmp_path):
    """By default that of all atoms, of which swaps make others."""
    text = HEAD + PLANE + """
[checkpoint]
every_steps = 20
keep = 9
[[piston]]
gap_angstrom = 0
pressure_gpa = 10
area_angstrom2 = 200
[[stage]]
kind = "hold"
temperature_k = 800
duration_ps = 0.12
[stage.swaps]
interval_ps = 0.02
attempts = 20
ensemble = "semi-grand"
chemical_potential_ev = { Pt = 0, Fe = 2 }
"""
    path = write_input(tmp_path, text)
    finished(tmp_path / "one", path)
    with h5py.File(tmp_path / "one/checkpoint-20.h5") as first, h5py.File(tmp_path / "one/checkpoint-60.h5") as last:
        counts = [np.bincount(np.ravel(file["atoms/species"])) for file in (first, last)]
    assert counts[0].tolist() != counts[1].tolist(), "atoms have become others"
    finished(tmp_path / "rest", path, arguments=("--restart", tmp_path / "one/checkpoint-40.h5"), ranks=2)
    assert different_atoms(tmp_path / "one/checkpoint-60.h5", tmp_path / "rest/checkpoint-60.h5") == []


def test_one_atom_that_alone_may_move_is_told_of(tmp_path):
    numbers = list(range(1, 158))
    text = HEAD + f'[[fixed]]\natoms = {{ numbers = {numbers} }}\n[[stage]]\nkind = "hold"\ntemperature_k = 300\nduration_ps = 0.002\n'
    path = write_input(tmp_path, text)
    for done in (sinter("check", path), run("--output", tmp_path / "out", path, ranks=2)):
        assert done.returncode == 0, done.stderr
        assert done.stderr.count("all atoms but one are held fixed") == 1, done.stderr


def test_a_piston_reaches_its_pressure(tmp_path):
    """On a slab whose lowest layer does not move; its area is that of the box."""
    text = HEAD[: HEAD.index("[[particle]]")].replace("trajectory_interval_ps = 0.1", "trajectory_interval_ps = 1") + """
[crystal]
lattice_constant_angstrom = 3.93
composition = { Pt = 1.0 }
surface = "z"
lengths_angstrom = [16, 16]
layers = 6
[[fixed]]
atoms = { lowest_angstrom = 0.5 }
[[piston]]
gap_angstrom = 0.1
pressure_gpa = 3.0
mass_g_per_mol = 5000
damping_time_ps = 0.2
[[stage]]
kind = "hold"
duration_ps = 7
temperature_k = 300
"""
    finished(tmp_path / "out", write_input(tmp_path, text))
    found = series(tmp_path / "out", "piston")
    late = found["time"] > 2
    assert found["pressure"][late].mean() == pytest.approx(3.0, abs=0.05)
    assert np.abs(found["velocity"][late].mean()) < 0.1
    # On the other side the fixed atoms bear the load.
    with h5py.File(tmp_path / "out/trajectory.h5md") as file:
        area = np.prod(file["particles/trajectory/box/edges/value"][-1][:2])
    load = 3.0 * area / 160.2176634
    assert series(tmp_path / "out", "fixed")["force"][late, 0, 2].mean() == pytest.approx(-load, rel=0.05)


def test_frames_are_evaluated_with_planes(tmp_path):
    path = write_input(tmp_path, HEAD + PLANE.replace("gap_angstrom = 2.3", "position_angstrom = -1.5") + PROTOCOL)
    without = write_input(tmp_path, HEAD + PROTOCOL, name="without.toml")
    frame = tmp_path / "atom.xyz"
    frame.write_text("1\nProperties=species:S:1:pos:R:3\nPt 0 0 1.3\n")

    def evaluated(path):
        done = sinter("evaluate", path, frame, "--output", tmp_path / "out.xyz")
        assert done.returncode == 0, done.stderr
        lines = (tmp_path / "out.xyz").read_text().splitlines()
        energy = next(word for word in lines[1].split() if word.startswith("energy="))
        return float(energy.split("=")[1].strip('"')), [float(x) for x in lines[2].split()[4:7]]

    (energy, force), (alone, _) = evaluated(path), evaluated(without)
    ratio = 2.6 / 2.8
    assert energy - alone == pytest.approx(0.3 * (2 / 15 * ratio**9 - ratio**3), abs=1e-11)
    assert force == pytest.approx([0, 0, 0.3 * (1.2 * ratio**9 - 3 * ratio**3) / 2.8], abs=1e-11)

    frame.write_text("1\nProperties=species:S:1:pos:R:3\nPt 0 0 -1.6\n")
    done = sinter("evaluate", path, frame, "--output", tmp_path / "out.xyz")
    assert done.returncode == 2 and "`[[plane]]` number 1: 1 of the atoms are behind this plane" in done.stderr

    held = write_input(tmp_path, HEAD + TERMS.replace("particles = [0], ", "") + PROTOCOL, name="held.toml")
    frame.write_text("1\nProperties=species:S:1:pos:R:3\nPt 0 0 -1.6\n")
    done = sinter("evaluate", held, frame, "--output", tmp_path / "out.xyz")
    assert done.returncode == 0, done.stderr
    for name in ["tether", "fixed"]:
        assert f"`[[{name}]]` holds atoms to where a run begins: it has no effect on frames" in done.stderr


def test_a_changed_term_is_refused_with_both_values(tmp_path):
    path = write_input(tmp_path, HEAD + PLANE + PROTOCOL)
    finished(tmp_path / "out", path)
    stronger = path.read_text().replace("epsilon_ev = { Pt = 0.3", "epsilon_ev = { Pt = 0.4")
    path.write_text(stronger.replace("duration_ps = 0.3", "duration_ps = 0.4"))
    done = run("--resume", "--output", tmp_path / "out", path)
    assert done.returncode == 2
    then, now = [f'{{ "Fe" = 0.3, "Pt" = {pt} }}' for pt in (0.3, 0.4)]
    assert f"was written with plane[0].epsilon_ev {then}, and the input says {now}: " in done.stderr

    # Numbers that are as many time steps are not the same.
    pressed = write_input(tmp_path, HEAD + TERMS + PROTOCOL, name="pressed.toml")
    finished(tmp_path / "pressed", pressed)
    text = pressed.read_text()
    for old, new in [("damping_time_ps = 0.3", "damping_time_ps = 0.3005"), ("ps = 1.5", "ps = -1.5")]:
        pressed.write_text(text.replace(old, new).replace("duration_ps = 0.3\n", "duration_ps = 0.4\n"))
        done = run("--resume", "--output", tmp_path / "pressed", pressed)
        assert done.returncode == 2
        value = new.split(" = ")[1]
        assert f", and the input says {value}: " in done.stderr
