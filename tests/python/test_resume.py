"""Going on with a run: what a folder may hold, two jobs in one folder, and inputs that
ask for another future or another past."""

import re
import shutil
import signal
import subprocess
import time
from pathlib import Path

import h5py
import pytest

from running import HEAD, PROGRAM, differences, run, start, steps_begun, wait_until, write_input

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
    path = write_input(folder, HEAD + "[checkpoint]\nkeep = 99\nevery_steps = 16\n" + SHORT)
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
    assert f"checkpoint-{last}.h5, step {last}" in out
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
