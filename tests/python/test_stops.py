"""Checkpoints by the clock and by request, and every way to stop early."""

import os
import re
import signal
import subprocess
import time

import h5py
import pytest

from running import HEAD, PROGRAM, ranks_of, run, same_end, start, steps_begun, wait_until, write_input

# Some seconds long, so that there is time to send signals.
LONG = """
[[stage]]
kind = "hold"
temperature_k = 1473
duration_ps = 15
thermostat = "langevin"
[[stage]]
kind = "hold"
ensemble = "nve"
duration_ps = 5
"""
END = 10_000


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory):
    folder = tmp_path_factory.mktemp("undisturbed")
    path = write_input(folder, HEAD + LONG)
    done = run("--output", folder / "out", path, threads=2)
    assert done.returncode == 0, done.stderr
    return path, folder / "out" / f"checkpoint-{END}.h5"


@pytest.mark.parametrize("name", ["SIGTERM", "SIGUSR2", "SIGINT"])
def test_a_signal_stops_after_a_checkpoint_and_the_same_command_goes_on(undisturbed, tmp_path, name):
    path, reference = undisturbed
    command = ["--resume", "--output", tmp_path, path]
    job = start(*command)
    wait_until(lambda: steps_begun(tmp_path))
    job.send_signal(getattr(signal, name))
    out, errors = job.communicate(timeout=600)
    assert job.returncode == 75, out + errors
    assert f"Stopped early (signal {name})" in out
    assert out.rstrip().endswith("Exit code 75: submit the job again to go on from the checkpoint.")
    assert f"--resume --output {tmp_path} {path}" in out
    [checkpoint] = tmp_path.glob("checkpoint-*.h5")
    assert 0 < int(checkpoint.stem.split("-")[1]) < END
    done = run(*command, ranks=2)
    assert done.returncode == 0, done.stderr
    same_end(reference, tmp_path)


def test_any_rank_may_hear_the_signal(undisturbed, tmp_path):
    """The launcher may be given it, or a single rank: SIGUSR1 here, then SIGTERM there."""
    path, reference = undisturbed
    command = ["--resume", "--output", tmp_path, path]
    job = start(*command, ranks=3)
    wait_until(lambda: steps_begun(tmp_path))
    job.send_signal(signal.SIGUSR1)
    wait_until(lambda: list(tmp_path.glob("checkpoint-*.h5")))
    assert job.poll() is None, "a checkpoint, and on"
    os.kill(ranks_of(job)[2], signal.SIGTERM)
    out, errors = job.communicate(timeout=600)
    assert job.returncode == 75, out + errors
    assert "Stopped early (signal SIGTERM)" in out
    assert len(list(tmp_path.glob("checkpoint-*.h5"))) == 2
    assert run(*command).returncode == 0
    same_end(reference, tmp_path)


def test_a_second_interrupt_stops_at_once(undisturbed, tmp_path):
    path, _ = undisturbed
    # Before the first step nobody looks for orders: only the second one counts.
    slow = write_input(tmp_path, path.read_text().replace("atoms = 200", "atoms = 60000"))
    job = start("--output", tmp_path / "out", slow)
    wait_until(lambda: (tmp_path / "out").exists())
    job.send_signal(signal.SIGINT)
    time.sleep(0.2)
    job.send_signal(signal.SIGINT)
    began = time.monotonic()
    job.communicate(timeout=30)
    assert job.returncode == 130 and time.monotonic() - began < 2
    assert not list((tmp_path / "out").glob("checkpoint-*.h5"))
    assert not (tmp_path / "out/run.lock").exists(), "nothing is left that was only begun"


@pytest.mark.parametrize("ranks", [1, 2])
def test_an_interrupt_of_the_launcher_ends_with_a_checkpoint(undisturbed, tmp_path, ranks):
    """As Ctrl-C does it. Open MPI passes it on as SIGCONT, after the time given to it as SIGTERM,
    and kills after as much again: the first brings a checkpoint, the second the end."""
    path, _ = undisturbed
    endless = write_input(tmp_path, path.read_text().replace("duration_ps = 15", "duration_ps = 15000"))
    grace = {f"{name}_MCA_odls_base_sigkill_timeout": "5" for name in ("OMPI", "PRTE")}
    out = tmp_path / "out"
    job = start("--output", out, endless, ranks=ranks, more=grace)
    wait_until(lambda: steps_begun(out))
    job.send_signal(signal.SIGINT)
    said, errors = job.communicate(timeout=60)
    assert "Stopped early (signal SIG" in said, said + errors
    assert list(out.glob("checkpoint-*.h5"))
    assert not list(out.glob("*.partial")) and not (out / "run.lock").exists()


def test_a_process_that_is_continued_writes_a_checkpoint(undisturbed, tmp_path):
    """So does Open MPI before it sends SIGTERM, and Slurm: time is won."""
    path, reference = undisturbed
    job = start("--output", tmp_path / "out", path)
    wait_until(lambda: steps_begun(tmp_path / "out"))
    job.send_signal(signal.SIGCONT)
    wait_until(lambda: list((tmp_path / "out").glob("checkpoint-*.h5")))
    assert job.poll() is None, "and goes on"
    assert job.wait(timeout=600) == 0
    same_end(reference, tmp_path / "out")


def test_a_file_named_stop_stops_and_is_gone(undisturbed, tmp_path):
    path, reference = undisturbed
    command = ["--resume", "--output", tmp_path, path]
    job = start(*command, ranks=2)
    wait_until(lambda: steps_begun(tmp_path))
    (tmp_path / "STOP").touch()
    out, errors = job.communicate(timeout=600)
    assert job.returncode == 75, out + errors
    assert "Stopped early (the file STOP asked for it)" in out
    assert not (tmp_path / "STOP").exists(), "the next job goes on"
    assert run(*command).returncode == 0
    same_end(reference, tmp_path)


def test_a_file_named_stop_from_before_stops_nothing_which_is_told(undisturbed, tmp_path):
    path, reference = undisturbed
    (tmp_path / "STOP").touch()
    done = run("--output", tmp_path, path)
    assert done.returncode == 0, done.stderr
    assert "STOP was there before this job began" in done.stderr and not (tmp_path / "STOP").exists()
    same_end(reference, tmp_path)


def test_a_folder_named_stop_stops_once_and_is_left_in_peace(undisturbed, tmp_path):
    """One that cannot be removed must neither end the run with an error nor each later job at once."""
    path, reference = undisturbed
    command = ["--resume", "--output", tmp_path, path]
    job = start(*command, ranks=2)
    wait_until(lambda: steps_begun(tmp_path))
    (tmp_path / "STOP.new").mkdir()
    (tmp_path / "STOP.new/file").touch()
    (tmp_path / "STOP.new").rename(tmp_path / "STOP")
    out, errors = job.communicate(timeout=600)
    assert job.returncode == 75, out + errors
    assert "Stopped early (the file STOP asked for it)" in out
    assert "STOP cannot be removed" in errors
    done = run(*command)
    assert done.returncode == 0, done.stderr
    assert "STOP cannot be removed" in done.stderr and (tmp_path / "STOP/file").exists()
    same_end(reference, tmp_path)


def test_wall_time_stops_after_a_step_at_least(undisturbed, tmp_path):
    """A second is less than is kept for leaving: each job comes one step further."""
    path, reference = undisturbed
    limited = write_input(tmp_path, path.read_text() + '[stop]\nwalltime = "0:00:01"\n')
    command = ["--resume", "--output", tmp_path / "out"]
    for n in range(1, 4):
        done = run(*command, limited, ranks=1 + n % 2)
        assert done.returncode == 75, done.stderr
        assert "(the time of the job is used up)" in done.stdout
        assert (tmp_path / f"out/checkpoint-{n}.h5").exists()
    assert run(*command, path).returncode == 0
    same_end(reference, tmp_path / "out")


def test_a_job_ends_before_its_scheduler_kills_it(undisturbed, tmp_path, monkeypatch):
    path, _ = undisturbed
    endless = write_input(tmp_path, path.read_text().replace("duration_ps = 15", "duration_ps = 15000"))
    end = int(time.time()) + 12
    monkeypatch.setenv("SLURM_JOB_END_TIME", str(end))
    done = run("--output", tmp_path / "out", endless, ranks=2)
    assert done.returncode == 75, done.stderr
    assert time.time() < end
    assert "(says SLURM_JOB_END_TIME)" in done.stdout


@pytest.mark.parametrize(
    "name, value, told",
    [
        ("PBS_WALLTIME", "24:00:00", r"in 2[34]:\d\d:\d\d \(says PBS_WALLTIME\)"),
        ("PBS_WALLTIME", "1:00:00:00", r"in 2[34]:\d\d:\d\d \(says PBS_WALLTIME\)"),
        ("SINTER_JOB_END_TIME", "{}.5", r"in 0:5\d:\d\d \(says SINTER_JOB_END_TIME\)"),
        ("SINTER_JOB_END_TIME", "date", r"in 0:5\d:\d\d \(says SINTER_JOB_END_TIME\)"),
        ("SINTER_JOB_END_TIME", "tomorrow", r"no end is known"),
    ],
)
def test_the_log_says_until_when_the_job_is_believed_to_last(undisturbed, tmp_path, monkeypatch, name, value, told):
    path, _ = undisturbed
    short = write_input(tmp_path, path.read_text().replace("= 15\n", "= 0.02\n").replace("= 5\n", "= 0.02\n"))
    end = time.time() + 3590
    value = time.strftime("%Y-%m-%dT%H:%M:%S", time.localtime(end)) if value == "date" else value.format(int(end))
    monkeypatch.setenv(name, value)
    done = run("--output", tmp_path / "out", short)
    assert done.returncode == 0, done.stderr
    assert re.search(r"job ends +.*" + told, done.stdout), done.stdout
    assert (f"{name} = `{value}` is not understood" in done.stderr) == (value == "tomorrow")


def test_threads_beyond_the_cores_are_to_be_asked_for_twice(undisturbed, tmp_path):
    path, _ = undisturbed
    command = [PROGRAM, "--threads", "999999", "--output", tmp_path / "out", path]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60)
    assert done.returncode == 2, done.stdout
    assert "--threads 999999: this rank may use" in done.stderr and "--oversubscribe" in done.stderr
    assert not (tmp_path / "out").exists()


def test_checkpoints_come_by_the_clock(undisturbed, tmp_path):
    path, reference = undisturbed
    often = "[checkpoint]\nevery_minutes = 0.001\nkeep = 9999\n"
    done = run("--output", tmp_path / "out", write_input(tmp_path, path.read_text() + often), ranks=2)
    assert done.returncode == 0, done.stderr
    written = list((tmp_path / "out").glob("checkpoint-*.h5"))
    assert len(written) >= 4, "two ends of stages, and some by the clock"
    line = re.search(r"checkpoints: (\d+) written, [\d.]+ s each, [\d.]+ % of the time", done.stdout)
    assert int(line[1]) == len(written)
    same_end(reference, tmp_path / "out")


def test_a_neck_that_is_wide_enough_ends_the_run(undisturbed, tmp_path):
    path, reference = undisturbed
    with h5py.File(reference.with_name("trajectory.h5md")) as file:
        ratios = file["sinter/pairs/neck_ratio"][:, 0]
        steps = file["sinter/pairs/step"][:]
    wanted = 0.9 * ratios.max()
    reached = steps[(ratios >= wanted).argmax()]
    assert reached > 0
    limited = write_input(tmp_path, path.read_text() + f"[stop]\nneck_ratio = {wanted}\n")
    written = []
    for command in (["--output"], ["--resume", "--output"]):
        done = run(*command, tmp_path / "out", limited, ranks=2)
        assert done.returncode == 0, done.stderr
        assert re.search(r"Done \(the neck ratio is .* was wanted\)", done.stdout)
        with h5py.File(tmp_path / "out/trajectory.h5md") as file:
            assert file["particles/trajectory/position/step"][-1] == reached
        written.append((tmp_path / f"out/checkpoint-{reached}.h5").stat().st_mtime_ns)
    assert written[0] == written[1], "nothing was left to do"
    assert run("--resume", "--output", tmp_path / "out", path).returncode == 0
    same_end(reference, tmp_path / "out")


def test_energy_that_drifts_fails_after_a_checkpoint(undisturbed, tmp_path):
    path, reference = undisturbed
    limit = "[stop]\nenergy_drift_ev_per_atom = 1e-9\n"
    done = run("--output", tmp_path / "out", write_input(tmp_path, path.read_text() + limit), ranks=2)
    assert done.returncode == 1, done.stdout
    assert re.search(r"step \d+: the conserved energy has drifted by", done.stderr), done.stderr
    assert list((tmp_path / "out").glob("checkpoint-*.h5"))
    assert run("--resume", "--output", tmp_path / "out", path).returncode == 0
    same_end(reference, tmp_path / "out")
