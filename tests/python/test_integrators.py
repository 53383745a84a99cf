"""Leapfrog and position Verlet: bits, restarts, what files hold, and what cannot go with them."""

import h5py
import numpy as np
import pytest

from running import POTENTIALS, different_atoms, refusal, run, write_input

HEAD = f"""
seed = 7
[potential]
kind = "gupta"
file = "{POTENTIALS}/gupta.toml"
elements = ["Cu"]
[[particle]]
shape = "sphere"
atoms = 150
lattice_constant_angstrom = 3.61
composition = {{ Cu = 1 }}
[dynamics]
timestep_fs = 2
[checkpoint]
every_steps = 25
keep = 99
[output]
series_interval_ps = 0.01
trajectory_interval_ps = 0.04
forces = true
"""

STAGE = """
[[stage]]
kind = "hold"
ensemble = "nve"
temperature_k = 600
duration_ps = 0.2
integrator = "velocity-verlet"
"""
WARM = STAGE.replace('"nve"', '"nvt"').replace("velocity-verlet", "position-verlet")


def finished(folder, path, *arguments, **how):
    done = run("--output", folder, *arguments, path, **how)
    assert done.returncode == 0, done.stderr
    return folder


def files(folder):
    """Checkpoints, and frames and series of the trajectory."""
    found = {path.name: path.read_bytes() for path in folder.glob("checkpoint-*.h5")}
    with h5py.File(folder / "trajectory.h5md") as file:
        for name in ("coordinates", "velocities", "sinter/thermo/conserved_energy", "sinter/thermo/temperature"):
            found[name] = file[name][:].tobytes()
        found["forces"] = file["forces"][:].tobytes()
    return found


CASES = {
    "leapfrog": STAGE.replace("velocity-verlet", "leapfrog"),
    "position": STAGE.replace("velocity-verlet", "position-verlet") + WARM.replace("600", "700"),
}


@pytest.mark.parametrize("case", CASES)
def test_same_bits_on_any_ranks_and_through_restarts(tmp_path, case):
    path = write_input(tmp_path, HEAD + CASES[case])
    reference = finished(tmp_path / "one", path)
    for ranks, threads in [(3, 1), (1, 2)]:
        assert files(finished(tmp_path / f"{ranks}-{threads}", path, ranks=ranks, threads=threads)) == files(reference)
    # Who looks at other times changes nothing.
    seldom = write_input(tmp_path, path.read_text().replace("0.01", "0.06").replace("0.04", "0.18"), "seldom.toml")
    seldom = finished(tmp_path / "seldom", seldom)
    last = max(reference.glob("checkpoint-*.h5"), key=lambda file: int(file.stem.split("-")[1]))
    assert different_atoms(last, seldom / last.name) == []
    rest = finished(tmp_path / "rest", path, "--restart", reference / "checkpoint-75.h5")
    assert different_atoms(last, rest / last.name) == []


def test_what_is_shown_is_of_whole_steps(tmp_path):
    """Leapfrog has the trajectory, energies and temperatures of velocity Verlet; position Verlet conserves its own as well, and the
    forces in its frames are those of the positions in them."""
    thermo = {}
    for name in ("velocity-verlet", "leapfrog", "position-verlet"):
        folder = finished(tmp_path / name, write_input(tmp_path, HEAD + STAGE.replace("velocity-verlet", name)))
        with h5py.File(folder / "trajectory.h5md") as file:
            thermo[name] = {key: file[f"sinter/thermo/{key}"][:] for key in ("total_energy", "temperature", "pressure") if f"sinter/thermo/{key}" in file}
            thermo[name] |= {"velocity": file["velocities"][:], "force": file["forces"][:]}
            thermo[name]["position"] = file["coordinates"][:]
    for key, values in thermo["velocity-verlet"].items():
        np.testing.assert_array_equal(thermo["leapfrog"][key], values, err_msg=key)
    for name, columns in thermo.items():
        assert np.ptp(columns["total_energy"]) / 150 < 3e-4, name
        assert columns["temperature"][0] == pytest.approx(600)
    # Positions that differ little have forces that do.
    one, other = (thermo[name] for name in ("velocity-verlet", "position-verlet"))
    np.testing.assert_allclose(other["force"][:3], one["force"][:3], atol=0.1)


@pytest.mark.parametrize(
    ["change", "told"],
    [
        (('ensemble = "nve"', 'ensemble = "nvt"'), "no thermostat acts"),
        (('ensemble = "nve"', 'ensemble = "npt"\npressure = { target_gpa = 0 }'), "the box changes between steps"),
        (('integrator = "leapfrog"\n', 'integrator = "leapfrog"\nswaps = { interval_ps = 0.1, attempts = 1 }\n'), "swaps come between"),
        (('ensemble = "nve"\n', 'ensemble = "nvt"\nthermostat = "langevin"\n'), "no thermostat acts"),
        (('"leapfrog"', '"leap-frog"'), "leapfrog"),
    ],
)
def test_what_cannot_go_with_an_integrator_is_refused_at_its_line(tmp_path, change, told):
    said, rows = refusal(tmp_path, HEAD + CASES["leapfrog"], change)
    line = 1 + [row.startswith("integrator") for row in rows].index(True)
    assert told in said and f":{line}:" in said, said


def test_noise_does_not_go_with_position_verlet(tmp_path):
    said, _ = refusal(tmp_path, HEAD + WARM, ("duration_ps", 'thermostat = "langevin"\nduration_ps'))
    assert "Take another `thermostat`" in said, said
