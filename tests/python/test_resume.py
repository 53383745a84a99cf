"""Going on with a run: what a folder may hold, two jobs in one folder, and inputs that
ask for another future or another past."""

import json
import re
import shutil
import signal
import subprocess
import time
from pathlib import Path

import h5py
import pytest

from running import (
    HEAD,
    POTENTIALS,
    PROGRAM,
    PROTOCOL,
    different_atoms,
    differences,
    run,
    sinter,
    start,
    steps_begun,
    wait_until,
    write_input,
)

# Two stages, of which the first has the particles apart.
SHORT = """
[[stage]]
kind = "equilibrate"
particles = "apart"
temperature_k = 1000
duration_ps = 0.04
[[stage]]
kind = "hold"
temperature_k = 1000
duration_ps = 0.05
"""
END = 45


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    """A run that is through, with all its checkpoints."""
    folder = tmp_path_factory.mktemp("finished")
    path = write_input(folder, HEAD + "surface_interval_ps = 0.05\n[checkpoint]\nkeep = 99\nevery_steps = 16\n" + SHORT)
    done = run("--output", folder / "out", path)
    assert done.returncode == 0, done.stderr
    return path, folder / "out"


@pytest.fixture
def copy(finished, tmp_path):
    """The input of that run, and its folder to do harm to."""
    path, reference = finished
    shutil.copytree(reference, tmp_path / "out")
    return path, tmp_path / "out"


def everything(folder, but=()):
    """The content of every file in and below a folder."""
    files = (path for path in folder.rglob("*") if path.is_file() and path.name not in but)
    return {str(path.relative_to(folder)): path.read_bytes() for path in files}


def lose(folder, *patterns):
    for pattern in patterns:
        for path in folder.glob(pattern):
            path.unlink()


def damage(folder):
    for path in folder.glob("checkpoint-*.h5"):
        path.write_bytes(path.read_bytes()[:-1])


@pytest.mark.parametrize(
    "harm, told",
    [
        (lambda f: lose(f, "checkpoint-*"), r"checkpoint-45\.h5, of which run\.log tells, is not here"),
        (lambda f: lose(f, "checkpoint-*", "run.log"), r"trajectory\.h5md reaches to step 45"),
        (lambda f: lose(f, "checkpoint-*", "trajectory.h5md"), r"checkpoint-45\.h5, of which"),
        (damage, r"no checkpoint in it is sound.*reaches to step 45(.|\n)*checkpoint-16\.h5"),
    ],
    ids=["no checkpoints", "only a trajectory", "only a log", "unsound checkpoints"],
)
def test_resume_never_begins_a_run_anew(finished, copy, harm, told):
    path, folder = copy
    harm(folder)
    before = everything(folder)
    for ranks in (None, 2):
        done = run("--resume", "--output", folder, path, ranks=ranks)
        assert done.returncode == 2, done.stdout
        assert re.search(told, done.stderr) and "--force" in done.stderr, done.stderr
        assert everything(folder) == before, "nothing is touched"
    done = run("--force", "--output", folder, path)
    assert done.returncode == 0, done.stderr
    assert differences(finished[1] / "trajectory.h5md", folder / "trajectory.h5md") == []
    assert not list(folder.glob("set-aside-*")), "what was to be replaced is gone"


def test_a_run_killed_before_its_first_checkpoint_is_set_aside_and_begins(finished, tmp_path):
    """As a job of a chain does it; the next one must not find a dead end."""
    path, reference = finished
    slow = write_input(tmp_path, path.read_text().replace("duration_ps = 0.04", "duration_ps = 400").replace("every_steps = 16", ""))
    folder = tmp_path / "out"
    job = start("--resume", "--output", folder, slow)
    wait_until(lambda: (folder / "trajectory.h5md").exists() and steps_begun(folder))
    time.sleep(0.5)
    job.kill()
    job.communicate()
    (folder / "checkpoint-7.h5.partial").write_text("of the killed job")
    before = everything(folder, but=["run.lock"])
    done = run("--resume", "--output", folder, path, ranks=2)
    assert done.returncode == 0, done.stderr
    assert "ended before its first checkpoint" in done.stderr and "set-aside-1" in done.stderr
    assert everything(folder / "set-aside-1") == before
    assert differences(reference / "trajectory.h5md", folder / "trajectory.h5md") == []


def test_force_removes_nothing_before_the_new_run_stands(copy):
    path, folder = copy
    before = everything(folder)
    bad = write_input(folder.parent, path.read_text().replace("gap_angstrom = 4.0", "gap_angstrom = 1e-3"))
    done = run("--force", "--output", folder, bad)
    assert done.returncode == 2 and "overlap" in done.stderr, done.stderr
    assert everything(folder) == before


def test_a_trajectory_that_is_gone_is_told_of(copy):
    path, folder = copy
    lose(folder, "trajectory.h5md", "checkpoint-45.h5", "checkpoint-32.h5")
    done = run("--resume", "--output", folder, path)
    assert done.returncode == 0, done.stderr
    assert re.search(r"trajectory\.h5md is not here: a new one begins at step 20", done.stderr)


@pytest.mark.parametrize("harm", [lambda data: data[:3000], lambda data: bytes(len(data))])
def test_a_damaged_trajectory_is_told_with_what_to_do(copy, harm):
    path, folder = copy
    lose(folder, "checkpoint-45.h5")
    trajectory = folder / "trajectory.h5md"
    trajectory.write_bytes(harm(trajectory.read_bytes()))
    done = run("--resume", "--output", folder, path)
    assert done.returncode == 1 and str(trajectory) in done.stderr, done.stderr
    assert done.stderr.rstrip().endswith(
        "The checkpoint is sound, this trajectory is not: restore the file, or move it away, and a new "
        "one begins at step 32"
    ), done.stderr
    trajectory.rename(folder / "damaged.h5md")
    done = run("--resume", "--output", folder, path)
    assert done.returncode == 0, done.stderr


def half_written(trajectory, step):
    """A trajectory as a kill in the middle of a flush leaves it: behind what is before a step, rows whose own step reads as 0."""
    with h5py.File(trajectory, "r+") as file:
        groups = [*file["sinter"].values(), *(g for g in file["particles/trajectory"].values() if isinstance(g, h5py.Group))]
        # Of the frames there is one column of steps, under many names.
        found = [(group, int((group["step"][:] < step).sum())) for group in groups if "step" in group]
        for group, kept in found:
            growing = [column for column in group.values() if isinstance(column, h5py.Dataset) and column.maxshape[0] is None]
            for rows in (kept, kept + 1):
                for column in growing:
                    column.resize(rows, axis=0)
        assert file["step"][-1] == 0 < file["step"][-2]
        return int(file["step"][-2])


def test_a_frame_whose_step_has_not_come_to_the_disk_is_no_frame(finished, copy):
    path, folder = copy
    lose(folder, "checkpoint-45.h5")
    half_written(folder / "trajectory.h5md", 32)
    told = sinter("inspect", folder / "trajectory.h5md")
    assert told.returncode == 1 and "--resume cuts it off" in told.stderr, told.stderr
    done = run("--resume", "--output", folder, path)
    assert done.returncode == 0, done.stderr
    with h5py.File(folder / "trajectory.h5md") as file, h5py.File(finished[1] / "trajectory.h5md") as whole:
        for name in ("step", "coordinates", "sinter/thermo/step", "sinter/thermo/temperature", "sinter/structure/step"):
            assert file[name][:].tolist() == whole[name][:].tolist(), name


def test_a_trajectory_with_a_half_written_frame_reaches_to_the_frame_before(copy):
    """It was taken for one that had not got beyond step 0, and set aside as a false start."""
    path, folder = copy
    lose(folder, "checkpoint-*", "run.log")
    reached = half_written(folder / "trajectory.h5md", 32)
    done = run("--resume", "--output", folder, path)
    assert done.returncode == 2, done.stdout
    assert f"trajectory.h5md reaches to step {reached}" in done.stderr, done.stderr


@pytest.mark.parametrize("again", ["--resume", "--restart"])
def test_a_checkpoint_under_the_name_of_another_step_is_refused(copy, again):
    path, folder = copy
    lose(folder, "checkpoint-45.h5")
    (folder / "checkpoint-32.h5").rename(folder / "checkpoint-60.h5")
    before = everything(folder, but=["run.log"])
    renamed = folder / "checkpoint-60.h5"
    how = ["--resume", "--output", folder] if again == "--resume" else ["--restart", renamed, "--output", folder.parent / "fork"]
    done = run(*how, path)
    assert done.returncode == 2, done.stderr
    assert "its name says step 60, and it is of step 32" in done.stderr
    assert "Name it checkpoint-32.h5 again" in done.stderr
    assert everything(folder, but=["run.log"]) == before


def test_a_checkpoint_of_another_folder_does_not_cut_a_trajectory(finished, copy):
    path, folder = copy
    before = everything(folder)
    done = run("--restart", finished[1] / "checkpoint-20.h5", "--output", folder, path)
    assert done.returncode == 2 and "holds a run already" in done.stderr, done.stderr
    assert everything(folder) == before


@pytest.mark.parametrize("ranks", [None, 2])
def test_a_finished_run_has_nothing_left_to_do(copy, ranks):
    path, folder = copy
    before = everything(folder, but=["run.log"])
    done = run("--resume", "--output", folder, path, ranks=ranks)
    assert done.returncode == 0, done.stderr
    assert "Nothing is left to do" in done.stdout
    assert "0.0 x 0.0" not in done.stdout, "the box is that of the atoms"
    assert everything(folder, but=["run.log"]) == before
    assert "Nothing is left to do" in (folder / "run.log").read_text()


def test_a_finished_run_that_lacks_its_last_frame_gets_it(finished, copy):
    """Its job was killed after the last checkpoint: as one that went on from there."""
    path, folder = copy
    done = run("--restart", folder / "checkpoint-32.h5", "--output", folder, path)
    assert done.returncode == 0, done.stderr
    with h5py.File(folder / "trajectory.h5md", "r+") as file:
        for name, item in list(file["particles/trajectory"].items()):
            if "value" in item:
                item["value"].resize(item["value"].shape[0] - 1, axis=0)
        rows = file["particles/trajectory/position/step"].shape[0] - 1
        for path_of_rows in ("step", "time"):
            file[f"particles/trajectory/position/{path_of_rows}"].resize(rows, axis=0)
    done = run("--resume", "--output", folder, path)
    assert done.returncode == 0, done.stderr
    with h5py.File(folder / "trajectory.h5md") as file:
        assert file["particles/trajectory/position/step"][-1] == END


def test_the_box_in_the_log_is_that_of_check(finished, tmp_path):
    path, folder = finished
    done = subprocess.run([PROGRAM, "check", path], capture_output=True, text=True)
    checked = re.search(r"box: ([\d.]+) Å \(free\)", done.stdout)[1]
    assert re.search(rf"box +{checked} x ", (folder / "run.log").read_text())


def test_a_second_job_chooses_its_checkpoint_when_the_first_has_left(finished, tmp_path):
    """It has waited for the lock, and finds what the first one wrote meanwhile."""
    path, _ = finished
    text = path.read_text().replace("duration_ps = 0.05", "duration_ps = 1000")
    path = write_input(tmp_path, text.replace("every_steps = 16", ""))
    folder = tmp_path / "out"
    first = start("--resume", "--output", folder, path)
    wait_until(lambda: (folder / "checkpoint-20.h5").exists())
    second = start("--resume", "--output", folder, path)
    waits = Path(f"/proc/{second.pid}/fd")

    def at_the_lock():
        try:
            return any(link.resolve().name == "run.lock" for link in waits.iterdir())
        except OSError:
            return False

    wait_until(at_the_lock)
    first.send_signal(signal.SIGUSR2)
    out, errors = first.communicate(timeout=60)
    assert first.returncode == 75, out + errors
    last = max(int(p.stem.split("-")[1]) for p in folder.glob("checkpoint-*.h5"))
    assert last > 20
    wait_until(lambda: "goes on from" in (folder / "run.log").read_text())
    second.send_signal(signal.SIGUSR2)
    out, errors = second.communicate(timeout=60)
    assert second.returncode == 75, out + errors
    assert re.search(rf"checkpoint-{last}\.h5,\s+step {last}", out), out + errors
    assert not list(folder.glob("set-aside-*")), "no newer checkpoint is put away"


def test_a_second_job_is_refused_while_the_first_runs(finished, tmp_path):
    path, _ = finished
    path = write_input(tmp_path, path.read_text().replace("duration_ps = 0.05", "duration_ps = 1000"))
    folder = tmp_path / "out"
    first = start("--resume", "--output", folder, path)
    wait_until(lambda: (folder / "checkpoint-20.h5").exists())
    for command in (["--resume"], ["--restart", folder / "checkpoint-20.h5"], ["--force"]):
        done = run(*command, "--output", folder, path)
        assert done.returncode == 2 and "another run writes into this folder" in done.stderr
    first.send_signal(signal.SIGUSR2)
    assert first.wait(timeout=60) == 75
    assert not list(folder.glob("set-aside-*"))


LENGTH = "duration_ps = 0.05"


def longer_input(finished, tmp_path, old=LENGTH, new="duration_ps = 0.13"):
    text = finished[0].read_text()
    assert old in text
    return write_input(tmp_path, text.replace(old, new), "longer.toml")


def state(checkpoint):
    """All that the next step depends on besides the atoms."""
    with h5py.File(checkpoint) as file:
        header = json.loads(file["header"][()])
    return {name: header[name] for name in ("atoms", "step", "time_ps", "stage", "cell", "state")}


def same_run(one, other):
    """The same trajectory, checkpoints that hold the same to the bit (their provenance
    tells from which checkpoints the run went on), and the same effective input."""
    assert differences(one / "trajectory.h5md", other / "trajectory.h5md") == []
    common = {p.name for p in one.glob("checkpoint-*.h5")} & {p.name for p in other.glob("checkpoint-*.h5")}
    last = max(common, key=lambda name: int(name.split("-")[1][:-3]))
    assert len(common) > 1
    for name in common:
        assert different_atoms(one / name, other / name) == [], name
        ends_a_stage = state(one / name)["stage"] != state(other / name)["stage"]
        assert ends_a_stage or state(one / name) == state(other / name), name
    assert state(one / last) == state(other / last)
    assert (one / "input.toml").read_text() == (other / "input.toml").read_text()


@pytest.mark.parametrize("ranks", [None, 3])
def test_a_longer_last_stage_has_the_bits_of_one_that_was_so_long_from_the_start(
    finished, copy, tmp_path, ranks
):
    """At its old end, 45, neither a frame nor a point of the series is due: the longer run
    has none there."""
    path, folder = copy
    longer = longer_input(finished, tmp_path)
    whole = run("--output", tmp_path / "whole", longer, ranks=ranks)
    assert whole.returncode == 0, whole.stderr
    done = run("--resume", "--output", folder, longer, ranks=ranks)
    assert done.returncode == 0, done.stderr
    same_run(tmp_path / "whole", folder)
    change = "stage[1].duration_ps: 0.05 -> 0.13"
    assert re.search(rf"Different from step 45 on:\n  {re.escape(change)}", done.stdout)
    with h5py.File(folder / "trajectory.h5md") as file:
        [restart] = file["parameters/restarts"].values()
        assert restart.attrs["step"] == 45 and restart.attrs["changes"] == change
        assert "duration_ps = 0.13" in restart["input"][()].decode()
    told = subprocess.run([PROGRAM, "inspect", folder / "checkpoint-85.h5"], capture_output=True, text=True)
    assert change in told.stdout


@pytest.mark.parametrize("thermostat", ["nose-hoover", "langevin", "bussi"])
def test_a_longer_stage_of_every_thermostat(tmp_path, thermostat):
    hold = f"""
[checkpoint]
keep = 99
every_steps = 16
[stop]
energy_drift_ev_per_atom = 10
[[stage]]
kind = "minimise"
max_steps = 10
[[stage]]
kind = "equilibrate"
temperature_k = 1000
duration_ps = 0.05
thermostat = "{thermostat}"
thermostat_for = "particle"
"""
    path = write_input(tmp_path, HEAD + hold)
    assert run("--output", tmp_path / "out", path).returncode == 0
    path = write_input(tmp_path, HEAD + hold.replace("0.05", "0.13"))
    assert run("--output", tmp_path / "whole", path).returncode == 0
    done = run("--resume", "--output", tmp_path / "out", path)
    assert done.returncode == 0, done.stderr
    same_run(tmp_path / "whole", tmp_path / "out")


def test_a_longer_stage_and_others_behind_it(finished, copy, tmp_path):
    path, folder = copy
    longer = longer_input(finished, tmp_path)
    longer.write_text(longer.read_text() + '[[stage]]\nkind = "quench"\nmax_steps = 5\n')
    assert run("--output", tmp_path / "whole", longer).returncode == 0
    done = run("--resume", "--output", folder, longer)
    assert done.returncode == 0, done.stderr
    same_run(tmp_path / "whole", folder)
    assert 'stage[2]: not given -> a stage "quench"' in done.stdout


def test_the_effective_input_goes_on_in_silence(finished, copy):
    """`input.toml` is the same input: nothing in it is said to have no effect."""
    path, folder = copy
    lose(folder, "checkpoint-45.h5")
    again = shutil.copy(folder / "input.toml", folder.parent / "again.toml")
    told = [sinter("check", file).stderr.splitlines() for file in (path, again)]
    assert not any("no effect" in line for line in told[1]), told[1]
    assert len(told[0]) == len(told[1]), told
    done = run("--resume", "--output", folder, again)
    assert done.returncode == 0 and "Different from" not in done.stdout, done.stderr


def test_extend_lengthens_the_last_stage(finished, copy, tmp_path):
    """The same command goes on with the same wish; without it, what was extended stays so."""
    path, folder = copy
    whole = run("--output", tmp_path / "whole", longer_input(finished, tmp_path))
    assert whole.returncode == 0, whole.stderr
    command = ["--output", folder, "--resume"]
    limited = write_input(tmp_path, path.read_text() + '[stop]\nwalltime = "0:00:01"\n')
    for extend in (["--extend", "0.08ps"], ["--extend", "80fs"], []):
        done = run(*command, *extend, limited)
        assert done.returncode == 75, done.stderr
    assert (folder / "checkpoint-48.h5").exists()
    assert "duration_ps = 0.13" in (folder / "input.toml").read_text()
    done = run(*command, path, ranks=2)
    assert done.returncode == 0, done.stderr
    same_run(tmp_path / "whole", folder)
    done = run(*command, path)
    assert done.returncode == 0 and "Nothing is left to do" in done.stdout, done.stderr
    # Written down, it is the same run; and a run that is through is extended once more.
    done = run(*command, tmp_path / "longer.toml")
    assert done.returncode == 0 and "Nothing is left to do" in done.stdout, done.stderr
    done = run(*command, "--extend", "0.00008 ns", path)
    assert done.returncode == 0, done.stderr
    assert "duration_ps = 0.21" in (folder / "input.toml").read_text()
    assert (folder / "checkpoint-125.h5").exists()
    done = run(*command, write_input(tmp_path, path.read_text().replace(LENGTH, "duration_ps = 0.1")))
    assert done.returncode == 2, done.stdout
    assert "stage[1].duration_ps 0.21, and the input says 0.1" in done.stderr


@pytest.mark.parametrize(
    "text, told",
    [
        ("10", "the unit is missing"),
        ("1 h", "`h` is no unit of time here"),
        ("0.4fs", "--extend: 0.0004 ps is shorter than a time step of 2 fs"),
        ("-1ps", "no time above 0"),
    ],
)
def test_what_is_no_extension_is_refused(copy, text, told):
    path, folder = copy
    before = everything(folder)
    done = run("--resume", f"--extend={text}", "--output", folder, path)
    assert done.returncode == 2 and told in done.stderr, done.stderr
    assert everything(folder) == before


# Every key of the input of SHORT, what it is changed to, and what is said of it at the end.
REFUSED = [
    ("seed = 3", "seed = 4", "seed 3, and the input says 4"),
    ("atoms = 200", "atoms = 300", "particle[0].atoms 200, and the input says 300"),
    ("atoms = 200", 'atoms = 200\nshape = "sphere"', 'particle[0].shape "wulff", and the input says "sphere"'),
    ("atoms = 200", "atoms = 200\nadatoms = { removed_fraction = 0.5 }", "particle[0].adatoms not given"),
    ("= 3.88", "= 3.9", "particle[0].lattice_constant_angstrom 3.88, and the input says 3.9"),
    ("Pt = 0.85, Fe = 0.15", "Pt = 0.5, Fe = 0.5", "particle[0].composition"),
    ("gap_angstrom = 4.0", "gap_angstrom = 6", "placement.gap_angstrom 4, and the input says 6"),
    ("gap_angstrom = 4.0", "gap_angstrom = 4\nfacing = [1, 1, 1]", "placement.facing [1, 0, 0], and the input says [1, 1, 1]"),
    ("gap_angstrom = 4.0", "gap_angstrom = 4\ntwist_deg = 5", "placement.twist_deg 0, and the input says 5"),
    ("[output]", "[dynamics]\ntimestep_fs = 1\n[output]", "dynamics.timestep_fs 2, and the input says 1"),
    ("forces = true", "forces = false", "output.forces true, and the input says false"),
    ("temperature_k = 1000", "temperature_k = 1100", "stage[0].temperature_k 1000, and the input says 1100"),
    ("duration_ps = 0.04", "duration_ps = 0.06", "stage[0].duration_ps 0.04, and the input says 0.06"),
    ("duration_ps = 0.05", "duration_ps = 0.03", "stage[1].duration_ps 0.05, and the input says 0.03"),
    ('kind = "hold"', 'kind = "hold"\nensemble = "nve"', 'stage[1].ensemble "nvt", and the input says "nve"'),
    ('kind = "hold"', 'kind = "hold"\nthermostat = "bussi"', 'stage[1].thermostat "nose-hoover"'),
    ('particles = "apart"', "", 'stage[0].particles "apart", and the input says "together"'),
]


@pytest.mark.parametrize("old, new, told", REFUSED)
def test_what_contradicts_the_past_is_refused_with_both_values(finished, copy, tmp_path, old, new, told):
    path, folder = copy
    other = longer_input(finished, tmp_path, old, new)
    before = everything(folder)
    done = run("--resume", "--output", folder, other)
    assert done.returncode == 2, done.stdout
    assert told in done.stderr and re.search(r"longer\.toml:\d+:\d+: checkpoint-45\.h5", done.stderr), done.stderr
    assert everything(folder) == before


def test_what_lies_ahead_may_change_and_is_told(finished, tmp_path):
    """From the end of the first stage, where the particles are still apart: as if it had
    been asked so from the start."""
    path, reference = finished
    changes = [
        ("gap_angstrom = 4.0", "gap_angstrom = 6"),
        ('kind = "hold"\ntemperature_k = 1000', 'kind = "cool"\nend_temperature_k = 900\ntemperature_k = 1200'),
        ("series_interval_ps = 0.02", "series_interval_ps = 0.01"),
        ("[output]", "[dynamics]\nskin_angstrom = 0.5\n[output]"),
    ]
    text = path.read_text()
    for old, new in changes:
        assert old in text
        text = text.replace(old, new)
    other = write_input(tmp_path, text)
    for folder in (tmp_path / "new", tmp_path / "back"):
        if folder.name == "back":
            shutil.copytree(reference, folder)
            checkpoint = folder / "checkpoint-20.h5"
        else:
            checkpoint = reference / "checkpoint-20.h5"
        done = run("--restart", checkpoint, "--output", folder, other)
        assert done.returncode == 0, done.stderr
        for told in [
            "placement.gap_angstrom: 4 -> 6",
            'stage[1].kind: "hold" -> "cool"',
            "output.series_interval_ps: 0.02 -> 0.01",
            "dynamics.skin_angstrom: 1 -> 0.5",
        ]:
            assert told in done.stdout and told in (folder / "run.log").read_text()
        with h5py.File(folder / "trajectory.h5md") as file:
            [restart] = file["parameters/restarts"].values()
            assert "placement.gap_angstrom: 4 -> 6" in restart.attrs["changes"]
    assert run("--output", tmp_path / "whole", other).returncode == 0
    whole, back = tmp_path / "whole/checkpoint-45.h5", tmp_path / "back/checkpoint-45.h5"
    assert different_atoms(whole, back) == []
    with h5py.File(tmp_path / "whole/trajectory.h5md") as a, h5py.File(tmp_path / "back/trajectory.h5md") as b:
        frames = [f["particles/trajectory/position/value"][()] for f in (a, b)]
        assert (frames[0][2:] == frames[1][2:]).all(), "the frame of the joining is of the new gap"


def test_the_same_input_written_otherwise_is_the_same(finished, copy, tmp_path):
    """Its effective form, and moved with the files that it names under other names."""
    path, folder = copy
    before = everything(folder, but=["run.log"])
    for name in ("PtFe.library.meam", "PtFe.meam"):
        shutil.copy(POTENTIALS / name, tmp_path / f"moved.{name}")
    moved = path.read_text().replace(f"{POTENTIALS}/", "moved.")
    moved = moved.replace("Pt = 0.85, Fe = 0.15", "Fe = 0.15, Pt = 0.85").replace("= 1000", "= 1e3")
    for other in (folder / "input.toml", write_input(tmp_path, moved)):
        done = run("--resume", "--output", folder, other)
        assert done.returncode == 0, done.stderr
        assert "Nothing is left to do" in done.stdout and "->" not in done.stdout
        assert everything(folder, but=["run.log"]) == before


def test_a_structure_is_compared_by_its_content(tmp_path):
    path = write_input(tmp_path)
    assert subprocess.run([PROGRAM, "build", path, "--output", tmp_path / "a.xyz"]).returncode == 0
    text = re.sub(r"\[\[particle\]\].*(?=\[output\])", '[structure]\nfile = "a.xyz"\n', HEAD, flags=re.S)
    stages = '[[stage]]\nkind = "hold"\ntemperature_k = 300\nduration_ps = 0.02\n'
    path = write_input(tmp_path, text + stages)
    assert run("--output", tmp_path / "out", path).returncode == 0
    shutil.copy(tmp_path / "a.xyz", tmp_path / "b.xyz")
    path = write_input(tmp_path, (text + stages).replace("a.xyz", "b.xyz"))
    done = run("--resume", "--output", tmp_path / "out", path)
    assert done.returncode == 0 and "Nothing is left" in done.stdout, done.stderr
    (tmp_path / "b.xyz").write_text((tmp_path / "a.xyz").read_text().replace("Fe ", "Pt ", 1))
    done = run("--resume", "--output", tmp_path / "out", path)
    assert done.returncode == 2, done.stdout
    assert re.search(r"structure\.file .a\.xyz \(\w{12}\)., and the input says .b\.xyz \(\w{12}\)", done.stderr)


def test_surface_energies_of_the_potential_are_the_same_when_resumed(tmp_path):
    lines = (HEAD + SHORT).splitlines()
    text = "\n".join(line for line in lines if not line.startswith("surface_energy")) + "\n"
    assert text.count("\n") < len(lines)
    path, folder = write_input(tmp_path, text), tmp_path / "run"
    run("--output", folder, path)
    longer = text.replace("duration_ps = 0.05", "duration_ps = 0.06")
    run("--resume", "--output", folder, write_input(tmp_path, longer, "longer.toml"))
    # With the numbers written out, as the effective input has them, it is the same particle.
    shutil.copy(folder / "input.toml", tmp_path / "effective.toml")
    assert "[particle.surface_energy_j_per_m2]" in (tmp_path / "effective.toml").read_text()
    run("--resume", "--output", folder, tmp_path / "effective.toml")
    assert "Nothing is left to do" in (folder / "run.log").read_text()


def test_a_refusal_names_only_what_was_written(tmp_path):
    """Surface energies that follow from the composition are no key that anybody wrote."""
    text = "\n".join(line for line in HEAD.splitlines() if not line.startswith("surface_energy")) + "\n" + PROTOCOL
    first = run("--output", tmp_path / "out", write_input(tmp_path, text))
    assert first.returncode == 0, first.stderr
    other = text.replace("Pt = 0.85, Fe = 0.15", "Pt = 0.75, Fe = 0.25")
    done = run("--resume", "--output", tmp_path / "out", write_input(tmp_path, other))
    assert done.returncode == 2
    assert "particle[0].composition" in done.stderr and "surface_energy" not in done.stderr, done.stderr
