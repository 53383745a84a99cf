"""Atoms that have left end no run: they fly on, or come to rest where the input says."""

import h5py
import numpy as np
import pytest

from running import POTENTIALS, different_atoms, run, same_end, sinter, write_input

# A dimer that vibrates, and atoms that leave it at some speed.
HEAD = f"""
[potential]
library = "{POTENTIALS}/PtFe.library.meam"
parameters = "{POTENTIALS}/PtFe.meam"
elements = ["Pt", "Fe"]
[structure]
file = "evaporating.xyz"
[dynamics]
timestep_fs = 10
[output]
trajectory_interval_ps = 10
series_interval_ps = 10
[checkpoint]
every_steps = 1600
keep = 9
[[stage]]
kind = "hold"
ensemble = "nve"
duration_ps = 50
"""


def evaporating(folder, text, atoms):
    lines = [f"{element} {x} {y} 0 {vx} {vy} 0" for element, x, y, vx, vy in atoms]
    (folder / "evaporating.xyz").write_text(
        f"{len(lines)}\nProperties=species:S:1:pos:R:3:velo:R:3\n" + "\n".join(lines) + "\n"
    )
    return write_input(folder, text)


DIMER = [("Pt", 0, 0, 0, 0), ("Pt", 2.5, 0, 0, 0)]


def frames(folder):
    with h5py.File(folder / "trajectory.h5md") as file:
        return (
            file["particles/trajectory/position/value"][:],
            file["particles/trajectory/velocity/value"][:],
            file["sinter/thermo/frozen_atoms"][:],
            file["sinter/thermo/conserved_energy"][:],
        )


def test_an_atom_flies_on_beyond_three_micrometres(tmp_path):
    path = evaporating(tmp_path, HEAD, [*DIMER, ("Pt", 16000, 0, 400, 0)])
    done = run("--output", tmp_path / "out", path)
    assert done.returncode == 0, done.stderr
    positions, _, frozen, energy = frames(tmp_path / "out")
    assert positions[-1, 2, 0] == pytest.approx(16000 + 50 * 400, abs=1e-6)
    assert (frozen == 0).all() and np.ptp(energy) < 0.01
    assert "1 atom has evaporated.\n" in done.stdout


def test_it_comes_to_rest_where_the_input_says_with_the_same_bits_everywhere(tmp_path):
    text = HEAD.replace("duration_ps = 50", "duration_ps = 0.2").replace("every_steps = 1600", "every_steps = 5")
    text = text.replace("interval_ps = 10", "interval_ps = 0.04")
    text += '[evaporation]\natoms = "freeze"\nbeyond_angstrom = 25\n'
    atoms = [*DIMER, ("Pt", 15, 0, 400, 0), ("Fe", 0, -15, 0, -100), ("Pt", 0, 15, 0, 20)]
    path = evaporating(tmp_path, text, atoms)
    done = run("--output", tmp_path / "one", path)
    assert done.returncode == 0, done.stderr
    positions, velocities, frozen, _ = frames(tmp_path / "one")
    # After 3 and 10 steps, and there to the end.
    assert list(frozen) == [0, 1, 1, 2, 2, 2]
    assert positions[-1, 2, 0] == pytest.approx(27, abs=1e-6)
    assert positions[-1, 3, 1] == pytest.approx(-25, abs=1e-6)
    assert np.abs(velocities[-1, [2, 3]]).max() == 0
    assert positions[-1, 4, 1] == pytest.approx(19, abs=1e-6), "this one flies"
    assert "2 atoms at rest far out" in done.stdout

    # From a checkpoint in the middle, where one of them is at rest already, and on two ranks.
    again = run("--restart", tmp_path / "one/checkpoint-5.h5", "--output", tmp_path / "two", path, ranks=2)
    assert again.returncode == 0, again.stderr
    assert different_atoms(tmp_path / "one/checkpoint-20.h5", tmp_path / "two/checkpoint-20.h5") == []
    whole = run("--output", tmp_path / "three", path, ranks=2)
    assert whole.returncode == 0, whole.stderr
    same_end(tmp_path / "one/checkpoint-20.h5", tmp_path / "three")


def test_the_end_of_coordinates_ends_no_run(tmp_path):
    """Two micrometres are left to it, at a speed of 84 km/s."""
    text = HEAD.replace("duration_ps = 50", "duration_ps = 150")
    path = evaporating(tmp_path, text, [("Pt", 0, 0, 0, 0), ("Fe", 16000, 0, 840, 0)])
    done = run("--output", tmp_path / "out", path)
    assert done.returncode == 0, done.stderr
    positions, _, frozen, _ = frames(tmp_path / "out")
    assert 130_000 <= positions[-1, 1, 0] < 130_010 and frozen[-1] == 1
    longer = evaporating(
        tmp_path, text.replace("duration_ps = 150", "duration_ps = 160"), [("Pt", 0, 0, 0, 0), ("Fe", 16000, 0, 840, 0)]
    )
    again = run("--restart", tmp_path / "out/checkpoint-15000.h5", "--output", tmp_path / "on", longer)
    assert again.returncode == 0, again.stderr


@pytest.mark.parametrize("what", ["freeze", "remove"])
def test_what_has_not_evaporated_is_not_held_as_by_a_wall(tmp_path, what):
    """A cluster flies out as a whole."""
    sites = [1.96 * np.array(p) for p in np.ndindex(3, 3, 3) if sum(p) % 2 == 0]
    path = write_input(tmp_path, leaving(what))
    lines = [f"Pt {x} {y} {z} 150 0 0" for x, y, z in sites]
    header = f"{len(lines)}\nProperties=species:S:1:pos:R:3:velo:R:3\n"
    (tmp_path / "evaporating.xyz").write_text(header + "\n".join(lines) + "\n")
    for ranks in [None, 2]:
        done = run("--force", "--output", tmp_path / "out", path, ranks=ranks)
        assert done.returncode == 1, done.stdout
        assert "beyond 25 Å, where atoms come to rest, and has not evaporated: it has" in done.stderr
        assert done.stderr.count("error: ") == 1, done.stderr


# One leaves at once, one follows it to where it was removed, and two leave as a pair.
LEAVING = [*DIMER, ("Pt", 24.5, 0, 100, 0), ("Fe", 0, -15, 0, -100), ("Fe", 3, -15, 0, -100), ("Pt", 19.9, 1, 100, 0)]


def leaving(what):
    text = HEAD.replace("duration_ps = 50", "duration_ps = 0.2").replace("every_steps = 1600", "every_steps = 5")
    text = text.replace("[output]", "[output]\nforces = true\nenergies = true")
    return text.replace("interval_ps = 10", "interval_ps = 0.01") + (
        f'[evaporation]\natoms = "{what}"\nbeyond_angstrom = 25\n'
    )


def test_a_removed_atom_acts_on_nobody_and_keeps_its_row(tmp_path):
    path = evaporating(tmp_path, leaving("remove"), LEAVING)
    done = run("--output", tmp_path / "one", path)
    assert done.returncode == 0, done.stderr
    assert "4 atoms removed far out" in done.stdout and "at rest far out" not in done.stdout
    assert "Step 1: 1 atom (2) removed far out" in done.stdout
    with h5py.File(tmp_path / "one/trajectory.h5md") as file:
        gone = file["sinter/departures"]
        assert list(gone["step"]) == [1, 6, 10, 10] and list(gone["atom"]) == [2, 5, 3, 4]
        assert gone["time"][:] == pytest.approx([0.01, 0.06, 0.1, 0.1], abs=1e-12)
        thermo = file["sinter/thermo"]
        assert list(thermo["removed_atoms"]) == [0] + [1] * 5 + [2] * 4 + [4] * 11
        assert not thermo["frozen_atoms"][:].any()
        frames = file["particles/trajectory"]
        for step, atom in zip(gone["step"], gone["atom"]):
            place = frames["position/value"][step:, atom]
            assert (place == place[0]).all() and np.abs(place[0]).max() >= 25
            assert not frames["velocity/value"][step:, atom].any()
            assert not frames["forces/value"][step:, atom].any()
            assert not frames["potential_energy/value"][step:, atom].any()
        # The one that was removed 1.1 Å from there did not act on it.
        assert frames["position/value"][-1, 5] == pytest.approx([25.9, 1, 0], abs=1e-6)
        assert frames["position/value"][-1, 2] == pytest.approx([25.5, 0, 0], abs=1e-6)
        energy = thermo["conserved_energy"][:]
        assert np.ptp(energy[10:]) < 2e-3 and np.ptp(energy[1:6]) < 2e-2 and energy[5] - energy[6] > 1
        # Sums are those of the rest.
        velocity, masses = frames["velocity/value"][-1, :2], 195.08
        kinetic = 0.5 * masses * (velocity**2).sum() / 9648.5332
        assert thermo["kinetic_energy"][-1] == pytest.approx(kinetic, rel=1e-5)
        centre = file["sinter/particles/centre"][-1, 0]
        assert centre == pytest.approx(frames["position/value"][-1, :2].mean(axis=0), abs=1e-6)
        # Of two atoms that do not turn: one degree of freedom.
        relative = velocity - velocity.mean(axis=0)
        kelvin = masses * (relative**2).sum() / 9648.5332 / 8.617333262e-5
        assert thermo["temperature"][-1] == pytest.approx(kelvin, rel=1e-5)

    again = run("--restart", tmp_path / "one/checkpoint-10.h5", "--output", tmp_path / "two", path, ranks=2)
    assert again.returncode == 0, again.stderr
    assert different_atoms(tmp_path / "one/checkpoint-20.h5", tmp_path / "two/checkpoint-20.h5") == []
    with h5py.File(tmp_path / "two/trajectory.h5md") as file:
        assert list(file["sinter/departures/step"]) == [1, 6, 10, 10]
    whole = run("--output", tmp_path / "three", path, ranks=3)
    assert whole.returncode == 0, whole.stderr
    same_end(tmp_path / "one/checkpoint-20.h5", tmp_path / "three")
    seen = sinter("inspect", tmp_path / "three/trajectory.h5md")
    assert seen.returncode == 0 and "departures: 4, step 1 (0.010 ps) to step 10 (0.100 ps)" in seen.stdout
    # Cut back to a step at which some have left, and on.
    cut = run("--restart", tmp_path / "one/checkpoint-10.h5", "--output", tmp_path / "one", path, ranks=2)
    assert cut.returncode == 0, cut.stderr
    with h5py.File(tmp_path / "one/trajectory.h5md") as file:
        assert list(file["sinter/departures/atom"]) == [2, 5, 3, 4]


def test_atoms_that_had_evaporated_are_told_of_where_a_trajectory_is_read(tmp_path):
    path = evaporating(tmp_path, leaving("remove"), LEAVING)
    done = run("--output", tmp_path / "out", path)
    assert done.returncode == 0, done.stderr
    for frame, count in ((-1, 4), (0, 0)):
        text = HEAD.replace('"evaporating.xyz"', f'"out/trajectory.h5md"\nframe = {frame}')
        seen = sinter("check", write_input(tmp_path, text, "again.toml"))
        assert (f"{count} of the atoms had evaporated" in seen.stderr) == (count > 0), seen.stderr


def test_a_frozen_atom_is_an_obstacle_and_counts_in_no_mean(tmp_path):
    path = evaporating(tmp_path, leaving("freeze"), LEAVING)
    done = run("--output", tmp_path / "out", path)
    assert done.returncode == 0, done.stderr
    with h5py.File(tmp_path / "out/trajectory.h5md") as file:
        assert list(file["sinter/departures/atom"])[0] == 2
        frames, thermo = file["particles/trajectory"], file["sinter/thermo"]
        # It repels the one that follows, and does not move.
        assert abs(frames["position/value"][-1, 5, 0] - 25.9) > 0.1
        assert not frames["velocity/value"][1:, 2].any()
        moving = [atom for atom in range(6) if atom not in set(file["sinter/departures/atom"])]
        weights = np.array([195.08, 195.08, 195.08, 55.847, 55.847, 195.08])[moving]
        place = frames["position/value"][-1, moving]
        centre = (weights[:, None] * place).sum(axis=0) / weights.sum()
        assert file["sinter/particles/centre"][-1, 0] == pytest.approx(centre, abs=1e-6)
        kinetic = 0.5 * (weights[:, None] * frames["velocity/value"][-1, moving] ** 2).sum() / 9648.5332
        assert thermo["kinetic_energy"][-1] == pytest.approx(kinetic, rel=1e-5)


@pytest.mark.parametrize("thermostat", ["nose-hoover", "langevin", "bussi"])
def test_thermostats_forget_what_was_removed(tmp_path, thermostat):
    """The rest is brought to its temperature in the degrees of freedom that it has, with the same bits everywhere."""
    rng = np.random.default_rng(1)
    sites = [1.96 * np.array(p) for p in np.ndindex(3, 3, 3) if sum(p) % 2 == 0] + [(22, 0, 6), (-22, 0, 12)]
    speeds = rng.normal(0, 2, (len(sites), 3)) 
    # Without momentum: a centre of mass that moves would take the rest to the border in its turn.
    speeds -= speeds.mean(axis=0)
    speeds[-2:, 0] += [75, -75]
    lines = ["Pt " + " ".join(map(str, [*site, *speed])) for site, speed in zip(sites, speeds)]
    (tmp_path / "evaporating.xyz").write_text(
        f"{len(lines)}\nProperties=species:S:1:pos:R:3:velo:R:3\n" + "\n".join(lines) + "\n"
    )
    text = HEAD.replace('ensemble = "nve"', f'temperature_k = 600\nrelaxation_fs = 50\nthermostat = "{thermostat}"')
    text = text.replace("timestep_fs = 10", "timestep_fs = 2").replace("duration_ps = 50", "duration_ps = 10")
    text = text.replace("series_interval_ps = 10", "series_interval_ps = 0.02").replace("every_steps = 1600", "every_steps = 250")
    text = text.replace("keep = 9", "keep = 30") + '[evaporation]\natoms = "remove"\nbeyond_angstrom = 25\n'
    path = write_input(tmp_path, text)
    done = run("--output", tmp_path / "one", path)
    assert done.returncode == 0, done.stderr
    with h5py.File(tmp_path / "one/trajectory.h5md") as file:
        removed, kelvin = file["sinter/thermo/removed_atoms"][:], file["sinter/thermo/temperature"][:]
        assert removed[-1] == 2
        # Eight blocks of 1 ps, twenty relaxation times each; 99.9 % of such means lie within
        # 5.4 standard errors (Student's t, 7 degrees of freedom).
        blocks = kelvin[-400:].reshape(8, 50).mean(axis=1)
        error = blocks.std(ddof=1) / 8**0.5
        assert error < 30, blocks
        assert abs(blocks.mean() - 600) < 5.4 * error, blocks
        step = file["sinter/departures/step"][0]
    middle = f"checkpoint-{-(-step // 250) * 250}.h5"
    again = run("--restart", tmp_path / "one" / middle, "--output", tmp_path / "two", path, ranks=2)
    assert again.returncode == 0, again.stderr
    assert different_atoms(tmp_path / "one/checkpoint-5000.h5", tmp_path / "two/checkpoint-5000.h5") == []
