"""What must not be lost, whatever happens: kills, full and closed folders, missing files,
panics, numbers that are none. After each, --resume reaches the bits of an undisturbed run."""

import contextlib
import os
import random
import re
import resource
import shutil
import signal
import subprocess
import time

import h5py
import pytest

from running import HEAD, POTENTIALS, environment, ranks_of, run, same_end, start, steps_begun, wait_until, write_input

# A checkpoint every few steps, so that much of the time goes into writing them.
PROTOCOL = """
[checkpoint]
every_steps = 5
[[stage]]
kind = "minimise"
max_steps = 20
particles = "apart"
[[stage]]
kind = "hold"
temperature_k = 1473
duration_ps = 0.4
thermostat = "langevin"
[[stage]]
kind = "hold"
temperature_k = 1473
duration_ps = 0.16
"""
END = 300

KILLS = 50
# A loaded machine is slow, and not a failure; seconds.
PATIENCE = 600
# Ranks leave within so many seconds when one of them is gone.
GONE = 10
# Ranks that write nothing for so many seconds, where they write after every few steps.
HANGING = 60


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory):
    folder = tmp_path_factory.mktemp("undisturbed")
    path = write_input(folder, HEAD + PROTOCOL)
    done = run("--output", folder / "out", path)
    assert done.returncode == 0, done.stderr
    return path, folder / "out" / f"checkpoint-{END}.h5"


def goes_on(undisturbed, folder, ranks=None):
    path, reference = undisturbed
    done = run("--resume", "--output", folder, path, ranks=ranks)
    assert done.returncode == 0, done.stderr
    same_end(reference, folder)


def for_kills(folder):
    """Environment of launches that are killed: what they leave behind goes where it is
    removed with the test. And Open MPI's mpirun shares a locked table with its ranks, on
    which it waits forever when a rank dies with the lock; `hash` does without."""
    folder.mkdir(exist_ok=True)
    return {
        "OMPI_MCA_btl_vader_backing_directory": str(folder),
        "OMPI_MCA_orte_tmpdir_base": str(folder),
        "PMIX_MCA_gds": "hash",
    }


def kill(job, ranks, everything):
    """SIGKILL to one rank, or to the launcher and all ranks; all are gone soon."""
    victims = [job.pid, *ranks] if everything else random.sample(ranks, 1)
    for victim in victims:
        try:
            os.kill(victim, signal.SIGKILL)
        except ProcessLookupError:
            pass
    job.communicate(timeout=GONE)
    wait_until(lambda: not any(os.path.exists(f"/proc/{rank}") for rank in ranks), GONE)


def moment(kills, job, folder):
    """Waits: for a checkpoint that is being written, for some time after the start, or
    for some time of steps."""
    if kills % 3 == 0:
        wait_until(lambda: list(folder.glob("*.partial")) or job.poll() is not None, PATIENCE, 0.0005)
    elif kills % 3 == 1:
        time.sleep(random.uniform(0, 1))
    else:
        wait_until(lambda: steps_begun(folder) or job.poll() is not None, PATIENCE)
        time.sleep(random.uniform(0, 1.5))


def test_fifty_kills_at_any_moment(undisturbed, tmp_path):
    """Of one rank and of all; every third as soon as a checkpoint is being written. The
    same folder is gone on with until the run is done."""
    seed = random.randrange(10**6)
    print(f"seed {seed}")
    random.seed(seed)
    path, reference = undisturbed
    kills = in_writing = runs = 0
    leftovers = for_kills(tmp_path / "mpi")
    while kills < KILLS:
        folder = tmp_path / f"out-{runs}"
        done = False
        while not done:
            job = start("--resume", "--output", folder, path, ranks=2, more=leftovers)
            if kills < KILLS:
                moment(kills, job, folder)
                ranks = ranks_of(job)
                if ranks and job.poll() is None:
                    kill(job, ranks, everything=kills % 2 == 0)
                    kills += 1
                    in_writing += bool(list(folder.glob("*.partial")))
                    continue
            output, errors = job.communicate(timeout=PATIENCE)
            assert job.returncode == 0, output + errors
            done = True
        same_end(reference, folder)
        shutil.rmtree(folder)
        runs += 1
    print(f"{kills} kills, {in_writing} in the middle of a checkpoint, {runs} runs")
    assert in_writing >= 5, "some hit a checkpoint that was being written"


def test_two_runs_never_write_into_one_folder(undisturbed, tmp_path):
    path, reference = undisturbed
    folder = tmp_path / "out"
    job = start("--output", folder, path)
    wait_until(lambda: steps_begun(folder), PATIENCE)
    job.send_signal(signal.SIGSTOP)
    for how in ["--resume", "--force"]:
        second = run(how, "--output", folder, path)
        assert second.returncode == 2, second.stderr
        assert f"another run writes into this folder (process {job.pid} on " in second.stderr, second.stderr
    job.send_signal(signal.SIGCONT)
    output, errors = job.communicate(timeout=PATIENCE)
    assert job.returncode == 0, output + errors
    same_end(reference, folder)
    assert not (folder / "run.lock").exists()


def test_a_full_file_system(undisturbed, tmp_path):
    """A limit on the size of files, set while the ranks run: the trajectory meets it."""
    path, _ = undisturbed
    job = start("--output", tmp_path / "out", path, ranks=2)
    wait_until(lambda: list((tmp_path / "out").glob("checkpoint-*.h5")), PATIENCE)
    limit = (tmp_path / "out/trajectory.h5md").stat().st_size + 50_000
    for rank in ranks_of(job):
        resource.prlimit(rank, resource.RLIMIT_FSIZE, (limit, limit))
    output, errors = job.communicate(timeout=PATIENCE)
    assert job.returncode == 1, output + errors
    assert "trajectory.h5md: File too large" in errors, errors
    assert re.search(r"in step \d+\. .*go on with --resume", errors), errors
    goes_on(undisturbed, tmp_path / "out", ranks=2)


@contextlib.contextmanager
def small_disk(folder, size):
    """A file system of so many bytes, and what makes it larger; none for who may not mount."""
    folder.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", f"size={size}", "tmpfs", str(folder)]
    if os.geteuid() != 0 or subprocess.run(mount, capture_output=True).returncode != 0:
        yield None
        return
    try:
        yield lambda: subprocess.run(["mount", "-o", "remount,size=1g", str(folder)], check=True)
    finally:
        subprocess.run(["umount", "--lazy", str(folder)], check=True)


def limit_files(job, folder, size):
    """What stands in for a small disk: no file may become longer."""
    wait_until(lambda: (folder / "run.log").exists() or job.poll() is not None, PATIENCE)
    for rank in ranks_of(job):
        resource.prlimit(rank, resource.RLIMIT_FSIZE, (size, size))


def moved(folder):
    """When a file of the folder was last written to."""
    return max((path.stat().st_mtime for path in folder.glob("*") if path.exists()), default=0)


def ends_soon(job, folder):
    """The run ends by itself, and not long after it has last written anything."""
    began = time.time()
    idle = lambda: time.time() - max(moved(folder), began)
    wait_until(lambda: job.poll() is not None or idle() > HANGING, PATIENCE)
    assert job.poll() is not None, "it hangs"
    return job.communicate(timeout=GONE)


@pytest.mark.parametrize("ranks", [1, 2, 3, 4])
def test_a_disk_that_fills_up_at_any_moment(undisturbed, tmp_path, ranks):
    """All ranks end with the reason; all that was flushed is sound, and what is gone on with
    in more room comes to the same bits."""
    path, reference = undisturbed
    whole = sum(file.stat().st_size for file in reference.parent.iterdir())
    size = random.randrange(whole // 8, whole * 9 // 10)
    print(f"{size} bytes")
    with small_disk(tmp_path / "disk", size) as enlarge:
        folder = tmp_path / "disk/out"
        job = start("--output", folder, path, ranks=ranks)
        if not enlarge:
            limit_files(job, folder, size)
        output, errors = ends_soon(job, folder)
        assert job.returncode == 1, output + errors
        told = r"/out/\S+: (No space left on device|File too large) \(os error \d+\)( in step \d+)?\. .*go on with --resume"
        assert re.search(told, errors), errors
        assert not list(folder.glob("*.partial"))
        if (folder / "trajectory.h5md").exists():
            with h5py.File(folder / "trajectory.h5md") as file:
                frames = file["step"].shape[0]
                assert {len(file[name]) for name in ("coordinates", "forces", "id", "time")} == {frames}
        if enlarge:
            enlarge()
        goes_on(undisturbed, folder)


def test_an_output_folder_that_is_taken_away(undisturbed, tmp_path):
    path, _ = undisturbed
    folder, elsewhere = tmp_path / "out", tmp_path / "elsewhere"
    job = start("--output", folder, path, ranks=2)
    wait_until(lambda: list(folder.glob("checkpoint-*.h5")), PATIENCE)
    folder.rename(elsewhere)
    output, errors = job.communicate(timeout=PATIENCE)
    assert job.returncode == 1, output + errors
    assert re.search(r"/out(/\S+)?: No such file or directory .*removed or renamed", errors), errors
    elsewhere.rename(folder)
    goes_on(undisturbed, folder)


@pytest.mark.parametrize("what", ["removed", "another", "cut"])
def test_a_trajectory_that_is_taken_away(undisturbed, tmp_path, what):
    path, _ = undisturbed
    folder = tmp_path / "out"
    job = start("--output", folder, path, ranks=2)
    wait_until(lambda: list(folder.glob("checkpoint-*.h5")), PATIENCE)
    trajectory, kept = folder / "trajectory.h5md", tmp_path / "kept"
    if what == "cut":
        os.truncate(trajectory, 10_000)
    else:
        # In one instant, so that the run never finds none where it is to find another.
        os.link(trajectory, kept)
        other = tmp_path / "other"
        other.write_text("another file")
        if what == "another":
            other.replace(trajectory)
        else:
            trajectory.unlink()
    output, errors = job.communicate(timeout=PATIENCE)
    assert job.returncode == 1, output + errors
    expected = {
        "removed": "No such file or directory",
        "another": "Stale file handle",
        # What is written after the cut makes the file longer again.
        "cut": r"it was cut (to \d+ bytes of \d+ )?while the run was writing it",
    }
    assert re.search(f"trajectory.h5md: {expected[what]}", errors), errors
    if what != "cut":
        kept.replace(trajectory)
        goes_on(undisturbed, folder)


def test_no_file_handles_left(undisturbed, tmp_path):
    path, _ = undisturbed
    job = start("--output", tmp_path / "out", path, ranks=2)
    wait_until(lambda: list((tmp_path / "out").glob("checkpoint-*.h5")), PATIENCE)
    # Of the second rank, which opens files for its part of a checkpoint.
    resource.prlimit(ranks_of(job)[1], resource.RLIMIT_NOFILE, (3, 3))
    output, errors = job.communicate(timeout=PATIENCE)
    assert job.returncode == 1, output + errors
    assert re.search(r"checkpoint-\d+.h5.partial: Too many open files .*ulimit -n.*\(rank 1\)", errors), errors
    goes_on(undisturbed, tmp_path / "out")


def test_a_file_system_too_full_for_a_checkpoint(undisturbed, tmp_path):
    path, _ = undisturbed
    job = start("--output", tmp_path / "out", path)
    wait_until(lambda: list((tmp_path / "out").glob("checkpoint-*.h5")), PATIENCE)
    resource.prlimit(job.pid, resource.RLIMIT_FSIZE, (10_000, 10_000))
    output, errors = job.communicate(timeout=PATIENCE)
    assert job.returncode == 1, output + errors
    assert "File too large" in errors, errors
    assert not list((tmp_path / "out").glob("*.partial")), "it takes no room"
    goes_on(undisturbed, tmp_path / "out")


def test_a_folder_that_turns_read_only(undisturbed, tmp_path):
    path, _ = undisturbed
    folder = tmp_path / "out"
    # To root every folder is open, unless it gives up this one power.
    prefix = ["setpriv", "--bounding-set=-dac_override"] if os.geteuid() == 0 else []
    job = start("--output", folder, path, prefix=prefix)
    wait_until(lambda: list(folder.glob("checkpoint-*.h5")), PATIENCE)
    folder.chmod(0o555)
    try:
        output, errors = job.communicate(timeout=PATIENCE)
    finally:
        folder.chmod(0o755)
    assert job.returncode == 1, output + errors
    assert str(folder) in errors and "ermission denied" in errors, errors
    goes_on(undisturbed, folder, ranks=2)


def test_a_potential_that_is_gone_at_the_restart(undisturbed, tmp_path):
    path, reference = undisturbed
    home = tmp_path / "potentials"
    shutil.copytree(POTENTIALS, home)
    own = write_input(tmp_path, path.read_text().replace(str(POTENTIALS), str(home)))
    job = start("--output", tmp_path / "out", own)
    wait_until(lambda: list((tmp_path / "out").glob("checkpoint-*.h5")), PATIENCE)
    job.send_signal(signal.SIGTERM)
    job.communicate(timeout=PATIENCE)
    assert job.returncode == 75
    (home / "PtFe.meam").rename(home / "elsewhere")
    before = sorted(p.name for p in (tmp_path / "out").iterdir())
    done = run("--resume", "--output", tmp_path / "out", own, ranks=2)
    assert done.returncode == 2, done.stderr
    assert re.search(r"pair\.toml:\d+:\d+: .*PtFe\.meam` does not exist", done.stderr), done.stderr
    assert sorted(p.name for p in (tmp_path / "out").iterdir()) == before
    (home / "elsewhere").rename(home / "PtFe.meam")
    assert run("--resume", "--output", tmp_path / "out", own).returncode == 0
    same_end(reference, tmp_path / "out")


def test_a_panic_in_a_worker_of_one_rank_of_eight_ends_all(undisturbed, tmp_path):
    path, _ = undisturbed
    fault = {"SINTER_FAULT": "panic 43 5"}
    job = start("--output", tmp_path / "out", path, ranks=8, threads=2, more=fault)
    wait_until(lambda: steps_begun(tmp_path / "out"), PATIENCE)
    ranks = ranks_of(job)
    assert len(ranks) == 8
    wait_until(lambda: not os.path.exists(f"/proc/{ranks[5]}"), PATIENCE)
    last = time.monotonic()
    output, errors = job.communicate(timeout=GONE)
    wait_until(lambda: not any(os.path.exists(f"/proc/{rank}") for rank in ranks), GONE)
    assert time.monotonic() - last < GONE
    assert job.returncode == 1, output + errors
    assert re.search(r"rank 5 of 8, thread worker \d+, step 43: panicked", errors), errors
    goes_on(undisturbed, tmp_path / "out", ranks=2)


def test_not_a_number_in_one_atom(undisturbed, tmp_path):
    path, _ = undisturbed
    job = start("--output", tmp_path / "out", path, ranks=2, more={"SINTER_FAULT": "nan 43 1"})
    output, errors = job.communicate(timeout=PATIENCE)
    assert job.returncode == 1, output + errors
    assert re.search(r"rank \d of 2: step 4[34], atom \d+: ", errors), errors
    goes_on(undisturbed, tmp_path / "out")
