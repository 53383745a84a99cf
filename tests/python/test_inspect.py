"""`sinter-hpc inspect` on sound, damaged and foreign files."""

import fcntl
import subprocess

import h5py
import pytest

from running import HEAD, PROGRAM, environment, run, write_input

PROTOCOL = '[[stage]]\nkind = "hold"\ntemperature_k = 900\nduration_ps = 0.04\n'


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    folder = tmp_path_factory.mktemp("inspect")
    path = write_input(folder, HEAD + PROTOCOL)
    done = run("--output", folder / "out", path)
    assert done.returncode == 0, done.stderr
    return folder / "out"


def inspect(path):
    done = run_inspect(path)
    assert done.returncode == 0, done.stderr
    return done.stdout


def run_inspect(path):
    return subprocess.run(
        [str(PROGRAM), "inspect", str(path)], capture_output=True, text=True, env=environment()
    )


def refused(path, code=1):
    """The one line on the error stream, which begins with the name of the file."""
    done = run_inspect(path)
    assert done.returncode == code and done.stdout == ""
    assert done.stderr.count("\n") == 1 and done.stderr.startswith(f"error: {path}: "), done.stderr
    return done.stderr.removeprefix(f"error: {path}: ").strip()


def test_a_checkpoint_tells_what_it_holds(files):
    told = inspect(files / "checkpoint-20.h5")
    for expected in ["a checkpoint", "step 20 (0.040 ps)", "402: 342 Pt, 60 Fe", "x free", "seed        3"]:
        assert expected in told
    assert told.strip().splitlines()[-1].strip().startswith("sound: ")


def test_a_trajectory_tells_what_it_holds(files):
    told = inspect(files / "trajectory.h5md")
    for expected in ["a trajectory", "3, step 0 (0.000 ps) to step 20 (0.040 ps)", "thermo: 3", "PtFe.meam"]:
        assert expected in told
    assert told.strip().splitlines()[-1].strip().startswith("sound: ")


@pytest.mark.parametrize("name", ["checkpoint-20.h5", "trajectory.h5md"])
@pytest.mark.parametrize("part", [0.0, 0.01, 0.5, 0.999])
def test_a_cut_file_is_refused(files, tmp_path, name, part):
    data = (files / name).read_bytes()
    cut = tmp_path / name
    cut.write_bytes(data[: int(part * len(data))])
    told = refused(cut)
    assert "not a sound" in told
    if name == "trajectory.h5md" and part > 0:
        assert f"it was cut short: {cut.stat().st_size} bytes are there, of {len(data)}" in told


def test_a_flipped_bit_of_a_checkpoint_is_found(files, tmp_path):
    sound = (files / "checkpoint-20.h5").read_bytes()
    flipped = tmp_path / "checkpoint-20.h5"
    for place, what in [(5000, "its checksum is wrong"), (-1, "its checksum of particle is wrong")]:
        data = bytearray(sound)
        data[place] ^= 1
        flipped.write_bytes(data)
        assert refused(flipped).startswith(f"not a sound checkpoint: {what}")


def test_of_a_damaged_file_of_a_run_it_is_told_that_the_run_goes_on(files, tmp_path):
    data = (files / "trajectory.h5md").read_bytes()
    (tmp_path / "trajectory.h5md").write_bytes(data[:3000])
    with open(tmp_path / "run.lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        lock.write("process 7 on somewhere\n")
        lock.flush()
        told = refused(tmp_path / "trajectory.h5md")
        assert told.startswith("not a sound trajectory: it was cut short")
        assert told.endswith(
            "; a run writes into this folder just now (process 7 on somewhere): look again later"
        )
        (tmp_path / "trajectory.h5md").write_bytes(data)
        assert "sound: " in inspect(tmp_path / "trajectory.h5md")


def test_foreign_files_are_named(files, tmp_path):
    text = tmp_path / "notes.txt"
    text.write_text("Dear diary")
    assert "not an HDF5 file" in refused(text)
    with h5py.File(tmp_path / "foreign.h5", "w") as file:
        file["data"] = [1, 2, 3]
    assert refused(tmp_path / "foreign.h5").endswith("an HDF5 file, but not of sinter-hpc")
    assert refused(tmp_path / "nowhere.h5", code=2) == "there is no such file"
    assert "this is a folder" in refused(tmp_path)


def test_a_checkpoint_that_was_never_sealed_is_told_as_such(files, tmp_path):
    data = bytearray((files / "checkpoint-20.h5").read_bytes())
    data[:512] = bytes(512)
    partial = tmp_path / "checkpoint-20.h5.partial"
    partial.write_bytes(data)
    assert "never finished" in refused(partial)
