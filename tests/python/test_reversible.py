"""Motion that is undone to the bit: there on some ranks, back on others."""

import h5py
import numpy as np
import pytest

from running import HEAD, refusal, run, sinter, write_input

PROTOCOL = """
[[stage]]
kind = "equilibrate"
temperature_k = 1200
duration_ps = 0.05
[[stage]]
kind = "hold"
ensemble = "nve"
duration_ps = 0.3
reversible = true
[[stage]]
kind = "hold"
ensemble = "nve"
duration_ps = 0.3
reversible = true
reverse_velocities = true
"""
# Of velocities, Å/ps: what 2⁻⁴⁰ eV/Å, the quantum of forces, gives to an atom of iron (55.8 g/mol), the lightest, in 1 fs.
QUANTUM = 1e-3 * 9648.5 / 55.8 * 2.0**-40


def atoms(path):
    """Places and velocities in the order of ids."""
    with h5py.File(path) as file:
        table = file["atoms"]
        assert (np.diff(table["id"][:]) == 1).all() if "id" in table else True
        return table["position"][:], table["velocity"][:]


def test_a_run_comes_back_on_other_ranks(tmp_path):
    path = write_input(tmp_path, HEAD + "[checkpoint]\nkeep = 9\n" + PROTOCOL)
    out = tmp_path / "out"
    done = run("--output", out, path)
    assert done.returncode == 0, done.stderr
    back = tmp_path / "back"
    done = run("--output", back, "--restart", out / "checkpoint-175.h5", path, ranks=2)
    assert done.returncode == 0, done.stderr
    place, velocity = atoms(out / "checkpoint-25.h5")
    farthest, _ = atoms(out / "checkpoint-175.h5")
    assert np.linalg.norm(farthest - place, axis=1).mean() > 0.2, "nothing moved"
    for folder in (out, back):
        again, turned = atoms(folder / "checkpoint-325.h5")
        np.testing.assert_array_equal(again, place)
        # Momenta became integers when the stage at constant energy began.
        assert np.abs(turned + velocity).max() <= QUANTUM / 2


@pytest.mark.parametrize(
    ["change", "told"],
    [
        (('ensemble = "nve"', 'ensemble = "nvt"\ntemperature_k = 300'), "heat baths cannot be undone"),
        (("reversible = true", 'reversible = true\nremove_linear_momentum = "system"'), "momenta that are taken away"),
        (("reversible = true", "reversible = true\nswaps = { interval_ps = 0.1, attempts = 1, temperature_k = 9 }"), "swaps cannot be undone: leave `reversible` out of this stage, or its `swaps`"),
        (("[[stage]]", "[[piston]]\ngap_angstrom = 1\nspeed_angstrom_per_ps = 1\n[[stage]]"), "a `[[piston]]` moves on and cannot be undone: leave `reversible` out, or the piston"),
        (('"equilibrate"\ntemperature_k = 1200\nduration_ps = 0.05', '"minimise"\nreversible = true'), "`reversible` has no meaning"),
        (('"equilibrate"\ntemperature_k = 1200\nduration_ps = 0.05', '"minimise"\nreverse_velocities = true'), "`reverse_velocities` has no meaning"),
    ],
)
def test_what_cannot_be_undone_is_refused(tmp_path, change, told):
    said, _ = refusal(tmp_path, HEAD + PROTOCOL, change)
    assert told in said, said


def test_a_way_back_from_what_is_not_undone_is_told(tmp_path):
    warm = PROTOCOL.replace('ensemble = "nve"', 'temperature_k = 300', 1).replace("reversible = true\n", "", 1)
    path = write_input(tmp_path, HEAD + warm)
    done = sinter("check", path)
    assert done.returncode == 0, done.stderr
    assert "is not undone to the bit: heat baths cannot be undone" in done.stderr and "(stage[1], line " in done.stderr


@pytest.mark.parametrize("kind", ["quench", "minimise"])
def test_velocities_that_are_not_there_are_told(tmp_path, kind):
    before, back = (HEAD + PROTOCOL).rsplit("[[stage]]", 1)
    path = write_input(tmp_path, f'{before}[[stage]]\nkind = "{kind}"\n[[stage]]{back}')
    done = sinter("check", path)
    line = path.read_text().split("\n").index(f'kind = "{kind}"') + 1
    assert done.returncode == 0, done.stderr
    assert f"there is nothing to turn around: the stage before (stage[2], line {line}) leaves all atoms at rest" in done.stderr


def test_velocities_of_built_atoms_are_not_there_to_turn(tmp_path):
    path = write_input(tmp_path, HEAD + PROTOCOL.replace("duration_ps", "reverse_velocities = true\nduration_ps", 1))
    line = path.read_text().split("\n").index("reverse_velocities = true") + 1
    done = sinter("check", path)
    told = f"{path}:{line}:1: there is nothing to turn around: atoms that are built begin at rest"
    assert done.returncode == 0 and told in done.stderr, done.stderr


def test_short_time_steps_are_undone_too(tmp_path):
    """The shortest that there is, in which velocities have most quanta of momentum."""
    stages = PROTOCOL.replace("duration_ps = 0.05", "duration_ps = 0.0001").replace("duration_ps = 0.3", "duration_ps = 0.001")
    begin, there = stages.split('[[stage]]\nkind = "hold"', 1)
    # A stage of its own, after which momenta are integers.
    first = f'{begin}[[stage]]\nkind = "hold"\nensemble = "nve"\nduration_ps = 0.0001\n[[stage]]\nkind = "hold"{there}'
    text = HEAD.replace("_interval_ps = 0.02", "_interval_ps = 1") + "[dynamics]\ntimestep_fs = 0.01\n[checkpoint]\nkeep = 9\n" + first
    done = run("--output", tmp_path / "out", write_input(tmp_path, text))
    assert done.returncode == 0, done.stderr
    place, velocity = atoms(tmp_path / "out/checkpoint-20.h5")
    again, turned = atoms(tmp_path / "out/checkpoint-220.h5")
    np.testing.assert_array_equal(again, place)
    np.testing.assert_array_equal(turned, -velocity)


def test_constant_energy_is_undone_without_being_asked(tmp_path):
    asked = write_input(tmp_path, HEAD + "[checkpoint]\nkeep = 9\n" + PROTOCOL)
    plain = write_input(tmp_path, asked.read_text().replace("reversible = true\n", ""), "plain.toml")
    last = []
    for path in (asked, plain):
        done = run("--output", tmp_path / path.stem, path)
        assert done.returncode == 0 and "not undone" not in done.stderr, done.stderr
        last.append(atoms(tmp_path / path.stem / "checkpoint-325.h5"))
    for one, other in zip(*last):
        np.testing.assert_array_equal(one, other)


@pytest.mark.parametrize(
    ["first", "second", "told"],
    [
        (2, '"position-verlet"', "was made with `velocity-verlet`, and `position-verlet` does not undo it"),
        (1, '"position-verlet"', "was made with `position-verlet`, and `velocity-verlet` does not undo it"),
    ],
)
def test_a_way_back_by_another_integrator_is_told(tmp_path, first, second, told):
    parts = (HEAD + PROTOCOL).split("reversible = true\n")
    parts[first] = f"integrator = {second}\n" + parts[first]
    path = write_input(tmp_path, "reversible = true\n".join(parts))
    done = sinter("check", path)
    there = path.read_text().split("\n").index("reversible = true") + 1
    assert done.returncode == 0 and told in done.stderr, done.stderr
    line = there + 1 if first == 1 else there - 4
    assert f"the way there (stage[1], line {line})" in done.stderr, done.stderr
    # As it is where both are the same.
    parts[3 - first] = f"integrator = {second}\n" + parts[3 - first]
    path = write_input(tmp_path, "reversible = true\n".join(parts))
    assert "does not undo" not in sinter("check", path).stderr


def test_a_way_back_of_particles_that_were_put_together_is_told(tmp_path):
    apart = PROTOCOL.replace("duration_ps", 'particles = "apart"\nduration_ps')
    before, back = apart.rsplit('particles = "apart"\n', 1)
    path = write_input(tmp_path, HEAD + before + back)
    done = sinter("check", path)
    assert done.returncode == 0, done.stderr
    assert "the particles were apart, and before this stage they are put together" in done.stderr
    assert "(stage[1], line " in done.stderr, done.stderr
    path = write_input(tmp_path, HEAD + apart)
    assert "put together" not in sinter("check", path).stderr
