"""`sinter-hpc audit`: a piece of a run done again, against what the run has left."""

import os
import re
import shutil
import subprocess

import h5py
import pytest

from running import HEAD, MPIRUN, ONE_PROCESS, PROGRAM, PROTOCOL, environment, run, sinter, write_input

KEEP = "[checkpoint]\nevery_steps = 15\nkeep = 50\n"
FLIPPED = 117
SHORT = '[[stage]]\nkind = "hold"\ntemperature_k = 1000\nduration_ps = 0.12\nthermostat = "langevin"\n'


def steps(folder):
    return sorted(int(file.stem.split("-")[1]) for file in folder.glob("checkpoint-*.h5"))


def audit(*words, ranks=None, threads=1, program=PROGRAM, more=()):
    launch = [MPIRUN, "-n", str(ranks)] if ranks else []
    command = [*launch, str(program), "audit", *map(str, words), "--threads", str(threads), "--oversubscribe"]
    return subprocess.run(command, capture_output=True, text=True, timeout=120, env=environment() | dict(more))


@pytest.fixture(scope="module")
def done(tmp_path_factory):
    """A run of every kind of stage, of which nothing is left but its folder."""
    home = tmp_path_factory.mktemp("audited")
    path = write_input(home, HEAD + KEEP + PROTOCOL)
    assert run("--output", home / "out", path, ranks=2).returncode == 0
    path.unlink()
    assert len(steps(home / "out")) > 8
    return home / "out"


@pytest.fixture(scope="module")
def broken(done, tmp_path_factory):
    """The same run on a machine that changes one bit of one velocity."""
    home = tmp_path_factory.mktemp("broken")
    path = write_input(home, HEAD + KEEP + PROTOCOL)
    fault = {"SINTER_FAULT": f"flip {FLIPPED} 0"}
    assert run("--output", home / "out", path, more=fault.items()).returncode == 0
    assert steps(home / "out") == steps(done)
    return home / "out"


def contents(folder):
    return {file.name: (file.stat().st_mtime_ns, file.read_bytes()) for file in folder.iterdir()}


@pytest.mark.parametrize("how", [{}, {"ranks": 3}, {"threads": 2}, {"program": ONE_PROCESS}], ids=str)
def test_a_sound_run_has_the_same_bits_on_any_ranks_and_leaves_no_trace(done, tmp_path, how):
    before = contents(done)
    all_ = steps(done)
    for between in [(all_[0], all_[-1]), (all_[2], all_[3])]:
        told = audit(done, "--between", *between, more={"TMPDIR": str(tmp_path)}.items(), **how)
        assert told.returncode == 0, told.stderr
        follows = f"checkpoint-{between[1]}.h5 follows from checkpoint-{between[0]}.h5: done again it has the same bits"
        assert follows in told.stdout, told.stdout
    assert list(tmp_path.iterdir()) == []
    assert contents(done) == before


def test_without_wishes_a_piece_is_drawn(done):
    told = audit(done)
    assert told.returncode == 0, told.stderr
    first, last = map(int, re.search(r"steps (\d+) to (\d+) of 402 atoms are done again", told.stdout).groups())
    all_ = steps(done)
    assert all_[all_.index(first) + 1] == last


def test_a_bit_that_flipped_is_found_where_it_did(broken):
    all_ = steps(broken)
    # Frames stand before and behind the fault.
    last = [step for step in all_ if step >= FLIPPED][2]
    first = max(step for step in all_ if step < FLIPPED)
    told = audit(broken, "--between", first, last, ranks=2)
    assert told.returncode == 1
    assert f"checkpoint-{last}.h5: this does not follow from checkpoint-{first}.h5" in told.stderr
    count = int(re.search(r"(\d+) of 402 atoms, atom \d+ the first \(position.*velocity\)", told.stderr)[1])
    assert count >= 1
    behind = r"the frame of step \d+, up to that of step \d+ they are the same: \d+ of 402 atoms, atom \d+ the first \([^)]*position"
    assert re.search(behind, told.stderr), told.stderr
    for first, last in [(all_[0], first), (last, all_[-1])]:
        assert audit(broken, "--between", first, last).returncode == 0


def test_a_fault_of_the_machine_that_audits_is_found_too(done):
    first, last = steps(done)[:2]
    told = audit(done, "--between", first, last, ranks=2, more={"SINTER_FAULT": f"flip {last} 1"}.items())
    assert told.returncode == 1 and "1 of 402 atoms" not in told.stdout
    assert "of 402 atoms, atom" in told.stderr, told.stderr


def test_a_checkpoint_that_changed_is_found(done, broken, tmp_path):
    folder = tmp_path / "out"
    shutil.copytree(done, folder)
    first, last = steps(done)[-2:]
    # Sound, but of the run with the fault.
    shutil.copy(broken / f"checkpoint-{last}.h5", folder)
    told = audit(folder, "--between", first, last)
    assert told.returncode == 1 and "this does not follow from" in told.stderr
    # A byte on the disk.
    with open(folder / f"checkpoint-{first}.h5", "r+b") as file:
        file.seek(-1000, os.SEEK_END)
        byte = file.read(1)
        file.seek(-1000, os.SEEK_END)
        file.write(bytes([byte[0] ^ 1]))
    told = audit(folder, "--between", first, last)
    # A fault that the audit has found, as another that it finds; not a wrong question.
    assert told.returncode == 1 and "not a sound checkpoint" in told.stderr, told.stderr
    assert "what was written is not what is there now" in told.stderr and "--between" in told.stderr


def test_a_frame_at_the_border_of_two_pieces_is_found_by_the_later_one(done, tmp_path):
    folder = tmp_path / "out"
    shutil.copytree(done, folder)
    with h5py.File(folder / "trajectory.h5md", "r+") as file:
        frames = file["step"][:].tolist()
        inner = [step for step in steps(done)[1:-1] if step in frames]
        position = file["coordinates"]
        row = frames.index(inner[0])
        position[row, 3, 0] += 1e-9
    kept = steps(done)
    after = kept[kept.index(inner[0]) + 1]
    told = audit(folder, "--between", inner[0], after)
    assert told.returncode == 1 and f"the frame of step {inner[0]}" in told.stderr, told.stderr
    # None of it is said to be the same where there are no frames to compare.
    (folder / "trajectory.h5md").unlink()
    told = audit(folder, "--between", inner[0], after)
    assert told.returncode == 0 and "its frames are not compared" in told.stderr, told.stderr


COLUMNS = """\
columns = ["structure", "template", "template_rmsd", "surface", "facet", "coordination", "host", "cluster", "grain", "displacement", "stress"]
diffusion_window_ps = 0.1
"""


def with_columns(home, more=""):
    """Particles that come together, with all that frames can hold."""
    head = HEAD.replace("[output]\n", "[output]\n" + COLUMNS + more)
    assert head != HEAD
    apart = SHORT.replace("duration_ps = 0.12", 'duration_ps = 0.04\nparticles = "apart"')
    path = write_input(home, head + KEEP + apart + SHORT)
    assert run("--output", home / "out", path).returncode == 0
    return home / "out"


@pytest.fixture(scope="module")
def full(tmp_path_factory):
    return with_columns(tmp_path_factory.mktemp("full"))


def quantities(file):
    """Names of all that has a row for each frame."""
    found = []
    file["particles/trajectory"].visit(lambda name: found.append(name) if name.endswith("/value") else None)
    return sorted(name.removesuffix("/value") for name in found)


def flip_last_bit(file, path, row):
    """Of the fourth atom's number, or of the first of what is of the whole frame."""
    data = file[path]
    values = data[row]
    flat = values.reshape(-1) if values.ndim else values.reshape(1)
    at = 3 * (flat.size // 402) if flat.size >= 402 else 0
    flat[at : at + 1].view("u1")[0] ^= 1
    data[row] = flat.reshape(values.shape)


def test_any_bit_of_a_frame_is_found_and_the_checkpoint_is_not_blamed(full, tmp_path):
    folder = tmp_path / "out"
    first, last = steps(full)[-3:-1]
    told = audit(full, "--between", first, last)
    assert told.returncode == 0 and re.search(r"and so have \d+ frames between them", told.stdout), told
    with h5py.File(full / "trajectory.h5md") as file:
        all_ = quantities(file)
        frames = file["step"][:].tolist()
    assert {"id", "species", "forces", "potential_energy", "box/edges", "structure", "displacement", "grain", "stress"} <= set(all_)
    step = next(step for step in frames if first < step < last)
    shutil.copytree(full, folder)
    for name in [*all_, "time"]:
        path = "position/time" if name == "time" else f"{name}/value"
        with h5py.File(folder / "trajectory.h5md", "r+") as file:
            flip_last_bit(file["particles/trajectory"], path, frames.index(step))
        told = audit(folder, "--between", first, last)
        with h5py.File(folder / "trajectory.h5md", "r+") as file:
            flip_last_bit(file["particles/trajectory"], path, frames.index(step))
        whole = name == "time" or name.startswith("box/")
        # How far an atom has gone is no longer what its positions say.
        names = "position, displacement" if name == "position" else name
        what = name if whole else rf"1 of 402 atoms, atom 3 the first \({names}\)"
        assert told.returncode == 1, (name, told)
        assert re.search(rf"the frame of step {step}(, up to that of step \d+ they are the same)?: {what}\.", told.stderr), told.stderr
        assert f"{folder}/trajectory.h5md: checkpoint-{last}.h5 follows from checkpoint-{first}.h5, but what stands here" in told.stderr
        assert "this does not follow" not in told.stderr
    assert audit(folder, "--between", first, last).returncode == 0


def test_frames_in_fewer_bits_are_compared_as_they_stand(tmp_path):
    folder = with_columns(tmp_path, "position_tolerance_angstrom = 1e-3\n")
    first, last = steps(folder)[0], steps(folder)[-1]
    told = audit(folder, "--between", first, last)
    assert told.returncode == 0 and "and so have" in told.stdout, told
    with h5py.File(folder / "trajectory.h5md", "r+") as file:
        row = len(file["step"]) - 2
        flip_last_bit(file["particles/trajectory"], "displacement/value", row)
    told = audit(folder, "--between", first, last)
    assert told.returncode == 1 and "1 of 402 atoms, atom 3 the first (displacement)" in told.stderr, told.stderr


def test_a_frame_that_is_not_there_or_of_another_step_is_a_difference(full, tmp_path):
    folder = tmp_path / "out"
    shutil.copytree(full, folder)
    first, last = steps(full)[-3:-1]
    trajectory = folder / "trajectory.h5md"
    with h5py.File(trajectory, "r+") as file:
        frames = file["step"][:].tolist()
        row = next(row for row, step in enumerate(frames) if first < step < last)
        file["step"][row] += 1
    told = audit(folder, "--between", first, last)
    assert told.returncode == 1, told
    assert f"the frame of step {frames[row]}" in told.stderr and "there is none, done again there is one" in told.stderr
    with h5py.File(trajectory, "r+") as file:
        file["step"][row] = 0
    told = audit(folder, "--between", first, last)
    assert told.returncode == 1 and "its step is not above that of the frame before" in told.stderr, told.stderr


def test_what_cannot_be_done_again_is_refused(done, tmp_path):
    all_ = steps(done)
    for words, said in [
        ([tmp_path / "nowhere"], "nowhere"),
        ([tmp_path], "there is no checkpoint in this folder"),
        ([done, "--between", all_[0], 1], "there is no checkpoint of step 1;"),
        ([done, "--between", all_[1], all_[0]], "the first step is to be below the second"),
        ([done, "--between", all_[0]], "2 values"),
        ([done, "--between", all_[0], all_[1], "--between", all_[1], all_[2]], "is given twice"),
        ([done / "nowhere"], "this is no folder: name the output folder of a run"),
        ([done, "--scratch", done / "nowhere"], "there is no such folder"),
        ([done, "--scratch", tmp_path / "nowhere"], "nowhere"),
    ]:
        told = audit(*words)
        assert told.returncode in (1, 2) and said in told.stderr, told.stderr
        if "nowhere" not in said:
            assert told.returncode == 2


def test_an_input_that_changed_leads_nowhere_but_on_its_own_pieces(tmp_path):
    folder = tmp_path / "out"
    path = write_input(tmp_path, HEAD + KEEP + SHORT)
    assert run("--output", folder, path).returncode == 0
    write_input(tmp_path, HEAD + KEEP + SHORT + SHORT.replace("1000", "900"))
    assert run("--resume", "--output", folder, path).returncode == 0
    assert run("--resume", "--extend", "0.05ps", "--output", folder, path).returncode == 0
    assert steps(folder) == [15, 30, 45, 60, 75, 90, 105, 120, 135, 145]
    told = audit(folder, "--between", 45, 75)
    assert told.returncode == 2 and "the input changed, at step 60" in told.stderr, told.stderr
    for between in [(15, 60), (60, 105), (120, 145)]:
        told = audit(folder, "--between", *between)
        assert told.returncode == 0, told.stderr


def test_atoms_that_came_from_a_file_need_it_once_more(tmp_path):
    folder, start = tmp_path / "out", tmp_path / "start.xyz"
    pair = write_input(tmp_path, HEAD + SHORT)
    assert sinter("build", pair, "--output", start).returncode == 0
    potential = HEAD[HEAD.index("[potential]") : HEAD.index("[[particle]]")]
    text = f'{potential}[structure]\nfile = "start.xyz"\n{KEEP}{SHORT}'
    path = write_input(tmp_path, text, "structure.toml")
    assert run("--output", folder, path).returncode == 0
    path.unlink()
    told = audit(folder)
    assert told.returncode == 0, told.stderr
    with open(start, "a") as file:
        file.write("\n")
    told = audit(folder)
    assert told.returncode == 2 and "`start.xyz`, from which the run read its atoms, is another file by now" in told.stderr
    assert "--output" not in told.stderr and "bring back what it was" in told.stderr, told.stderr
    start.unlink()
    told = audit(folder)
    assert told.returncode == 2 and "`start.xyz`, from which the run read its atoms" in told.stderr, told.stderr
    assert f"{folder}/input.toml:" in told.stderr, told.stderr


def test_a_run_that_came_to_its_physical_end_follows_too(tmp_path):
    folder = tmp_path / "out"
    path = write_input(tmp_path, HEAD + KEEP + SHORT.replace("0.12", "2") + "[stop]\nneck_ratio = 0.01\n")
    done = run("--output", folder, path)
    assert done.returncode == 0 and "the neck ratio is" in done.stdout, done.stdout
    told = audit(folder, "--between", *steps(folder)[-2:])
    assert told.returncode == 0, told.stderr
