"""Constant pressure in runs: bits, restarts, what is conserved, and what the box comes to."""

import sys
from types import SimpleNamespace

import h5py
import numpy as np
import pytest

from running import POTENTIALS, ROOT, different_atoms, refusal, run, sinter, write_input

sys.path.insert(0, str(ROOT / "tools"))
from sinter_tools import Trajectory, analysis, plots, summary  # noqa: E402

HEAD = f"""
seed = 7
[potential]
kind = "gupta"
file = "{POTENTIALS}/gupta.toml"
elements = ["Cu"]
[crystal]
lattice = "fcc"
composition = {{ Cu = 1 }}
lattice_constant_angstrom = 3.68
repeats = [3, 3, 3]
[checkpoint]
every_steps = 85
keep = 99
[output]
series_interval_ps = 0.04
trajectory_interval_ps = 0.4
"""

# Without a barostat, then both kinds: along a ramp, axes by themselves.
PROTOCOL = """
[[stage]]
kind = "equilibrate"
temperature_k = 300
duration_ps = 0.2
thermostat = "bussi"
[[stage]]
kind = "hold"
ensemble = "npt"
temperature_k = 300
duration_ps = 1.2
thermostat = "langevin"
pressure = { target_gpa = 0, relaxation_fs = 200, interval_fs = 20 }
[[stage]]
kind = "heat"
ensemble = "npt"
temperature_k = 300
end_temperature_k = 400
duration_ps = 1.2
[stage.pressure]
target_gpa = 0
end_gpa = 5
axes = ["xy", "z"]
barostat = "martyna-tobias-klein"
relaxation_fs = 400
interval_fs = 20
"""


def finished(folder, path, *arguments, **how):
    done = run("--output", folder, *arguments, path, **how)
    assert done.returncode == 0, done.stderr
    return folder


@pytest.fixture(scope="module")
def case(tmp_path_factory):
    folder = tmp_path_factory.mktemp("pressure")
    path = write_input(folder, HEAD + PROTOCOL)
    return path, finished(folder / "one", path)


def thermo(folder):
    with h5py.File(folder / "trajectory.h5md") as file:
        return {name: column[:] for name, column in file["sinter/thermo"].items()}


def test_the_box_follows_the_pressure(case):
    _, folder = case
    columns = thermo(folder)
    stage, volume = columns["stage_number"], columns["volume"]
    before, free, ramp = (columns["stage_number"] == number for number in (1, 2, 3))
    assert np.ptp(volume[before][:-1]) == 0 and np.isnan(columns["target_pressure"][before][:-1]).all()
    # Built 1 % too long: 3 % of the volume have to go. Then 5 GPa press on some 150.
    relaxed, pressed = volume[free][-10:].mean(), volume[ramp][-3:].mean()
    assert 0.96 < relaxed / volume[0] < 0.985, relaxed / volume[0]
    assert 0.955 < pressed / relaxed < 0.985, pressed / relaxed
    assert abs(columns["pressure"][free][-15:].mean()) < 1.5
    assert columns["target_pressure"][-1] == 5 and columns["target_pressure"][free][1:].max() <= 0
    assert abs(columns["pressure"][-5:].mean() - 5) < 2
    with h5py.File(folder / "trajectory.h5md") as file:
        lengths = file["cell_lengths"][:]
    assert lengths.shape[0] > 5 and (lengths[:, 0] == lengths[:, 1]).all()
    cubic = lengths[:, 0] == lengths[:, 2]
    assert cubic[0] and cubic[3] and not cubic[-1]
    assert np.isclose(lengths[-1].prod(), volume[-1], rtol=1e-12)
    assert stage[-1] == 3


def test_energy_is_conserved_while_the_box_changes(case):
    """Within what the time step leaves at constant volume: 0.1 meV per atom."""
    _, folder = case
    columns = thermo(folder)
    for number in (2, 3):
        inside = np.flatnonzero(columns["stage_number"] == number)[1:]
        conserved, total = (columns[name][inside] for name in ("conserved_energy", "total_energy"))
        assert np.ptp(conserved) / 108 < 1e-4, number
        assert np.ptp(total) > 20 * np.ptp(conserved), "the thermostat and the box have worked"


def checkpoints(folder):
    return {path.name: path.read_bytes() for path in folder.glob("checkpoint-*.h5")}


def test_same_bits_on_any_ranks_and_threads(case, tmp_path):
    path, reference = case
    for ranks, threads in [(2, 1), (1, 2)]:
        folder = finished(tmp_path / f"{ranks}-{threads}", path, ranks=ranks, threads=threads)
        assert checkpoints(folder) == checkpoints(reference)


# Within each stage at constant pressure, on and off a change of the box.
@pytest.mark.parametrize("step", [255, 1020])
def test_same_bits_through_restarts(case, tmp_path, step):
    path, reference = case
    start = reference / f"checkpoint-{step}.h5"
    folder = finished(tmp_path / "out", path, "--restart", start)
    assert different_atoms(reference / "checkpoint-1300.h5", folder / "checkpoint-1300.h5") == []
    whole, rest = thermo(reference), thermo(folder)
    for name, values in whole.items():
        np.testing.assert_array_equal(values[whole["step"] >= step], rest[name], name)


STILL = """
[[stage]]
kind = "hold"
ensemble = "npt"
temperature_k = 300
duration_ps = 2
pressure = { target_gpa = 0, relaxation_fs = 200, interval_fs = 20, axes = ["yzx"] }
"""


@pytest.mark.parametrize(
    ["change", "told"],
    [
        ("target_gpa = 0", None),
        ("target_gpa = -20", ["where -20.000 GPa was asked for", "does what is in it withstand this pressure?"]),
        ("target_gpa = 2, compressibility_per_gpa = 1e-20", ["where 2.000 GPa was asked for", "larger `compressibility_per_gpa` than 1e-20"]),
    ],
)
def test_a_pressure_that_was_not_held_is_told(tmp_path, change, told):
    """A crystal that tension tears apart, and a box too stiff to move."""
    path = write_input(tmp_path, HEAD + STILL.replace("target_gpa = 0", change))
    done = run("--output", tmp_path / "out", path)
    assert done.returncode == 0, done.stderr
    warned = "warning: stage 1 (hold) has not held its pressure: "
    assert (warned in done.stderr) == (told is not None), done.stderr
    for words in told or []:
        assert words in done.stderr and words in done.stdout, done.stderr
    # A longer stage is judged anew.
    if told is None:
        return
    done = run("--output", tmp_path / "out", "--resume", "--extend", "0.1ps", path)
    assert done.returncode == 0 and done.stdout.count("Warning: stage 1 (hold)") == 1, done.stdout


@pytest.mark.parametrize(
    ["duration", "change", "told"],
    [
        (0.4, "target_gpa = 0", None),
        (0.4, "target_gpa = 20, compressibility_per_gpa = 1e-20", "has not held its pressure: "),
        (0.1, "target_gpa = 0", "is too short to say whether it has held its pressure: its box changed 5 times, and from 16 times on"),
    ],
)
def test_a_short_stage_is_judged_too_or_said_to_be_too_short(tmp_path, duration, change, told):
    short = STILL.replace("target_gpa = 0", change).replace("duration_ps = 2", f"duration_ps = {duration}")
    path = write_input(tmp_path, HEAD + short)
    done = run("--output", tmp_path / "out", path)
    assert done.returncode == 0, done.stderr
    assert ("warning: stage 1 (hold)" in done.stderr) == (told is not None), done.stderr
    assert told is None or told in done.stderr, done.stderr


def test_log_and_inspect_tell_pressure_and_volume(case):
    _, folder = case
    log = (folder / "run.log").read_text()
    heads = [line.split() for line in log.splitlines() if line.split()[:1] == ["step"]]
    assert [("P" in head, "V" in head) for head in heads] == [(False, False), (True, True), (True, True)]
    assert max(len(line) for line in log.splitlines() if line[:10].strip().isdigit()) <= 80
    told = sinter("inspect", folder / "trajectory.h5md").stdout
    end = thermo(folder)
    assert f"pressure    {end['pressure'][-1]:.3f} GPa at step 1300 (2.600 ps), 5.000 GPa asked for" in told, told
    assert "11.040 Å in the first frame" in told and "in the last" in told, told


def test_the_order_of_axes_and_a_ramp_to_where_it_is_are_no_change(tmp_path):
    path = write_input(tmp_path, HEAD + STILL.replace("duration_ps = 2", "duration_ps = 0.2"))
    folder = finished(tmp_path / "out", path)
    same = path.read_text().replace('"yzx"', '"xyz"').replace("target_gpa = 0", "target_gpa = 0, end_gpa = 0")
    same = write_input(tmp_path, same.replace("interval_fs = 20", "interval_fs = 19.6"), "same.toml")
    done = run("--output", tmp_path / "rest", "--restart", folder / "checkpoint-85.h5", same)
    assert done.returncode == 0 and "Different" not in done.stdout, done.stdout + done.stderr
    assert "19.6 fs is not a whole number of time steps of 2 fs: the nearest is used, 10 steps = 20 fs" in done.stderr
    assert different_atoms(folder / "checkpoint-100.h5", tmp_path / "rest/checkpoint-100.h5") == []


def test_the_advice_after_a_ramp_is_one_that_is_followed(tmp_path):
    done = run("--output", tmp_path / "out", write_input(tmp_path, HEAD + RAMP))
    assert "add a stage, then" in done.stdout and "--extend" not in done.stdout, done.stdout


RAMP = """
[[stage]]
kind = "hold"
ensemble = "npt"
temperature_k = 300
duration_ps = 0.1
pressure = { target_gpa = 0, end_gpa = 5 }
"""


def test_a_ramp_of_pressure_that_has_begun_keeps_its_length(case, tmp_path):
    path = write_input(tmp_path, HEAD + RAMP)
    folder = finished(tmp_path / "out", path)
    longer = write_input(tmp_path, HEAD + RAMP.replace("duration_ps = 0.1", "duration_ps = 0.2"), "longer.toml")
    for more in (["--extend", "0.1ps", path], [longer]):
        done = run("--output", folder, "--resume", *more)
        assert done.returncode == 2 and "other pressures so far" in done.stderr, done.stderr
        # What the input says is not what was asked for with `--extend`.
        assert ("the input says" in done.stderr) == (more == [longer]), done.stderr
    # Both at once, in the middle.
    path, folder = case
    done = run("--output", tmp_path / "longer", "--restart", folder / "checkpoint-1020.h5", "--extend", "0.1ps", path)
    assert done.returncode == 2 and "other temperatures and pressures so far" in done.stderr, done.stderr


def test_figure_and_summary_tell_what_pressure_does(case):
    """A crystal without voids stays one; its box has no contacts."""
    _, folder = case
    with Trajectory(folder / "trajectory.h5md") as trajectory:
        figure = plots.pressing(trajectory)
        (axis,) = figure.axes
        pressure, void = axis.lines[0].get_data()
        series, target = (trajectory.series("thermo", name) for name in ("pressure", "target_pressure"))
        # The pressure as it is, not what is steered to: means about the frames lie within it.
        ramp = series.values[np.isfinite(target.values)][1:]
        assert ramp.min() <= pressure.min() < pressure.max() <= ramp.max()
        assert len(pressure) == len(void) and pressure[-1] - pressure[0] > 2
        np.testing.assert_allclose(void, 0, atol=1e-6)
        # The stages are short: one holds its pressure in few points.
        assert list(summary.at_pressure(trajectory)) == []
        (line,) = summary.at_pressure(trajectory, least=15)
    assert line.startswith("  stage 2 (hold), 300 K, 0 GPa: 12.") and "bulk modulus" in line, line


def test_the_piston_of_the_input_that_presses_bears_on_the_particles(tmp_path):
    done = run("--output", tmp_path / "out", ROOT / "inputs/pressing.toml", timeout=600)
    assert done.returncode == 0, done.stderr
    with Trajectory(tmp_path / "out") as trajectory:
        pressure = trajectory.series("piston", "pressure")
        # Particles vibrate under it: 0.97 GPa over these 9 ps.
        assert pressure.values[pressure.time > 7].mean() == pytest.approx(1, abs=0.15)
        figure = plots.pressing(trajectory)
        drawn, void, contact = (axis.lines[0].get_ydata() for axis in figure.axes)
        assert figure.axes[0].get_ylabel() == "pressure / GPa" and drawn[0] == 0 and drawn[-8:].mean() > 0.7
        assert void[-1] < 0.7 * void[0] and contact[-1] > 4 * contact[0]


def test_no_bulk_modulus_where_a_length_is_kept():
    for axes, all_change in ((None, True), (["xyz"], True), (["xy", "z"], True), (["z"], False), (["xy"], False)):
        pressure = {"target_gpa": 0} | ({"axes": axes} if axes else {})
        trajectory = SimpleNamespace(input={"stage": [{"kind": "hold"}, {"pressure": pressure}]})
        assert summary._all_axes_change(trajectory, 2) == all_change


def test_the_bulk_modulus_is_that_of_the_fluctuations():
    """Volumes drawn from the Gaussian of a bulk modulus of 200 GPa."""
    random = np.random.default_rng(5)
    variance = 1.380649e-23 * 300 * 1500e-30 / 200e9 * 1e60
    volume = random.normal(1500, np.sqrt(variance), 4000)
    modulus, error = analysis.bulk_modulus(volume, 300)
    # Of n values the variance is known to sqrt(2/n).
    assert 2 < error < 10 and abs(modulus - 200) < 4 * 200 * np.sqrt(2 / 4000)


@pytest.mark.parametrize(
    ["change", "told"],
    [
        (("target_gpa = 0,", "target_gpa = 0, chain_length = 2,"), "only `martyna-tobias-klein` has a chain"),
        (('ensemble = "npt"', 'ensemble = "nvt"'), "does not hold a pressure"),
        (("pressure = { target_gpa = 0, relaxation_fs = 200, interval_fs = 20 }", ""), "`npt` needs a table"),
        (('axes = ["xy", "z"]', 'axes = ["xy", "y"]'), "the axis y is named twice"),
        (('axes = ["xy", "z"]', 'axes = ["w"]'), "names no axes"),
        (("relaxation_fs = 200", "relaxation_fs = 100"), "fewer than ten changes"),
        (("[output]", '[[fixed]]\natoms = { lowest_angstrom = 1 }\n[output]'), "while something holds"),
        (('repeats = [3, 3, 3]', 'repeats = [3, 3]\nlayers = 3\nsurface = "z"'), "periodic in x, y and z"),
    ],
)
def test_what_contradicts_a_pressure_is_refused(tmp_path, change, told):
    said, _ = refusal(tmp_path, HEAD + PROTOCOL, change)
    assert told in said, said


def test_a_file_that_is_not_periodic_has_no_pressure(tmp_path):
    rows = [f"Cu {1.8 * i} {1.8 * j} {1.8 * k}" for i in range(4) for j in range(4) for k in range(4) if (i + j + k) % 2 == 0]
    head = f'{len(rows)}\nLattice="7.2 0 0 0 7.2 0 0 0 7.2" pbc="T T F" Properties=species:S:1:pos:R:3\n'
    (tmp_path / "slab.xyz").write_text(head + "\n".join(rows) + "\n")
    crystal = HEAD[HEAD.index("[crystal]") : HEAD.index("[checkpoint]")]
    text = HEAD.replace(crystal, '[structure]\nfile = "slab.xyz"\n') + PROTOCOL
    path = write_input(tmp_path, text)
    for how in (["check", path], ["plan", "--ranks", "1", "--speed", "1000000", path]):
        done = sinter(*how)
        assert done.returncode == 2 and "periodic in x, y and z" in done.stderr, (how, done.stderr)
