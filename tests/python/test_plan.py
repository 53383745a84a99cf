"""What `sinter-hpc plan` says, against runs on 1 to 64 ranks."""

import re
import subprocess
import sys

import h5py
import pytest

from running import HEAD, MPIRUN, POTENTIALS, PROGRAM, ROOT, environment, run, sinter, write_input

RANKS = [1, 2, 4, 8]
STEPS = 30
# What a plan counts as a step.
STEP = ["integrate", "migrate", "neighbour", "exchange", "density", "embedding", "force"]
ATOMS = "atoms = 2700\n"
PROTOCOL = '[[stage]]\nkind = "hold"\ntemperature_k = 1473\nduration_ps = 0.06\n'

# A rank, and the most memory that it had, kB.
MEASURED = """
import resource, subprocess, sys
code = subprocess.call(sys.argv[1:])
print("MOST", resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss, file=sys.stderr, flush=True)
sys.exit(code)
"""


@pytest.fixture(scope="module")
def planned(tmp_path_factory):
    folder = tmp_path_factory.mktemp("plan")
    path = write_input(folder, (HEAD + PROTOCOL).replace("atoms = 200\n", ATOMS))
    ranks = ",".join(map(str, RANKS))
    command = [str(PROGRAM), "plan", str(path), "--ranks", ranks, "--speed", "1000000"]
    done = subprocess.run(command, capture_output=True, text=True, env=environment(), timeout=120)
    assert done.returncode == 0, done.stderr
    return path, done.stdout


@pytest.fixture(scope="module", params=RANKS)
def ran(request, planned, tmp_path_factory):
    path, plan = planned
    out = tmp_path_factory.mktemp("run") / "out"
    program = [str(PROGRAM), "--threads", "1", "--output", str(out), str(path)]
    command = [MPIRUN, "-n", str(request.param), sys.executable, "-c", MEASURED, *program]
    done = subprocess.run(command, capture_output=True, text=True, env=environment(), timeout=300)
    assert done.returncode == 0, done.stderr
    return request.param, plan, rows(plan, request.param)[0], out, done


def rows(plan, ranks):
    """The rows for so many ranks: of space, of time."""
    found = [line.split() for line in plan.splitlines() if re.match(rf" +{ranks} ", line)]
    assert len(found) == 2, plan
    return found


def size(number, unit):
    return float(number) * {"B": 1, "kB": 1e3, "MB": 1e6, "GB": 1e9}[unit]


def test_atoms_and_lists_are_those_of_the_run(ran):
    ranks, plan, row, _, done = ran
    atoms, neighbours = re.search(r"^atoms +(\d+), ([\d.]+) neighbours", plan).groups()
    assert re.search(rf"^  atoms +{atoms}: ", done.stdout, re.M)
    lists = re.search(r"lists: .* ([\d.]+) neighbours per atom.* ([\d.]+) ghosts", done.stdout)
    # The run's are of its last list, of atoms that heat has moved apart a little more.
    assert float(lists[1]) == pytest.approx(float(neighbours), rel=0.05)
    assert abs(int(row[1]) - int(atoms) / ranks) <= 0.02 * int(atoms) / ranks
    assert float(row[2]) < 1.02
    # The plan's are the most of a rank, the run's a mean.
    mean, rounding = float(lists[2]), 0.005
    least, most = (ghosts * int(atoms) / ranks for ghosts in (mean - rounding, mean + rounding))
    assert 0.9 * least <= int(row[3]) <= 1.25 * most


def test_memory_is_that_of_the_run(ran):
    _, _, row, _, done = ran
    most = 1024 * max(map(int, re.findall(r"MOST (\d+)", done.stderr)))
    assert size(row[4], row[5]) == pytest.approx(most, rel=0.15)


def test_the_time_of_a_step_is_that_of_the_run(planned, tmp_path):
    """On one rank and the speed that the plan measures itself, within a factor of three; the machine
    may be busy with something else just then, so that it has three tries."""
    path, _ = planned
    ratios = []
    for attempt in range(3):
        command = [str(PROGRAM), "plan", str(path), "--ranks", "1"]
        plan = subprocess.run(command, capture_output=True, text=True, env=environment()).stdout
        row = rows(plan, 1)[1]
        out = str(tmp_path / str(attempt))
        command = [str(PROGRAM), "--threads", "1", "--output", out, str(path)]
        done = subprocess.run(command, capture_output=True, text=True, env=environment(), timeout=120)
        phases = {name: float(re.search(rf"^  {name} +[\d.]+ +([\d.]+)", done.stdout, re.M)[1]) for name in STEP}
        ratios.append(float(row[1]) * 1e-3 * STEPS / sum(phases.values()))
        if 1 / 3 < ratios[-1] < 3:
            break
    assert 1 / 3 < ratios[-1] < 3, ratios
    assert "Not measured, but taken for the network: messages of 2 µs" in plan


def test_files_are_as_large_as_those_of_the_run(ran):
    _, plan, _, out, _ = ran
    checkpoint = re.search(r"^checkpoints +([\d.]+) (\w+) each", plan, re.M).groups()
    written = (out / f"checkpoint-{STEPS}.h5").stat().st_size
    assert size(*checkpoint) == pytest.approx(written, rel=0.05)
    trajectory = re.search(r"^trajectory +([\d.]+) (\w+): 4 frames", plan, re.M).groups()
    written = (out / "trajectory.h5md").stat().st_size
    assert size(*trajectory) == pytest.approx(written, rel=0.25)
    assert int(re.search(r"^steps +(\d+)", plan, re.M)[1]) == STEPS


@pytest.mark.parametrize("output", ["", "position_tolerance_angstrom = 0.001\n", "compress = true\n"])
def test_frames_and_the_room_they_take_are_those_of_the_run(tmp_path, output):
    """With intervals that do not divide the stages: a stage begins with a frame, the run ends with one."""
    stages = PROTOCOL.replace("0.06", "0.05") + PROTOCOL.replace("0.06", "0.11")
    stages = stages.replace("duration", "trajectory_interval_ps = 0.02\nduration")
    path = write_input(tmp_path, HEAD + output + stages)
    command = [str(PROGRAM), "plan", str(path), "--ranks", "1", "--speed", "1000000"]
    plan = subprocess.run(command, capture_output=True, text=True, env=environment()).stdout
    wanted = re.search(r"^trajectory +([\d.]+) (\w+): (\d+) frames", plan, re.M)
    command = [str(PROGRAM), "--threads", "1", "--output", str(tmp_path / "out"), str(path)]
    subprocess.run(command, check=True, capture_output=True, env=environment(), timeout=120)
    written = tmp_path / "out/trajectory.h5md"
    with h5py.File(written) as file:
        assert list(file["step"]) == [0, 10, 20, 25, 35, 45, 55, 65, 75, 80]
    assert int(wanted[3]) == 10
    assert size(wanted[1], wanted[2]) == pytest.approx(written.stat().st_size, rel=0.25)


def test_more_ranks_cost_more_messages_and_the_limit_is_told(planned):
    path, _ = planned
    command = [str(PROGRAM), "plan", str(path), "--ranks", "16,1024", "--speed", "1000000"]
    plan = subprocess.run(command, capture_output=True, text=True, env=environment()).stdout
    few, many = (rows(plan, ranks)[1] for ranks in (16, 1024))
    messages = [float(row[2]) for row in (few, many)]
    efficiency = [int(row[3]) for row in (few, many)]
    assert 0 < messages[0] != messages[1] > 0
    assert efficiency[0] >= 50 and efficiency[1] < 20, plan
    limit = int(re.search(r"It pays up to some (\d+) ranks, \d+ atoms on each", plan)[1])
    assert 16 <= limit < 1024


# The raft of 36 particles, some 19,000 atoms.
MANY = [1, 8, 27, 64]
RAFT = ROOT / "inputs/ensemble/raft_36_small.toml"


@pytest.fixture(scope="module")
def raft(tmp_path_factory):
    """Four steps of it, and its plan."""
    folder = tmp_path_factory.mktemp("raft")
    text = RAFT.read_text()
    text = text[: text.index("[[stage]]")].replace('"../potentials', f'"{POTENTIALS}')
    path = write_input(folder, text + PROTOCOL.replace("0.06", "0.008"), "raft.toml")
    command = ["plan", str(path), "--ranks", ",".join(map(str, MANY)), "--speed", "1000000"]
    done = sinter(*command)
    assert done.returncode == 0, done.stderr
    return path, done.stdout


CRYSTAL = """
[potential]
kind = "gupta"
file = "{potentials}/gupta.toml"
elements = ["Cu"]

[crystal]
atoms = 60000
lattice_constant_angstrom = 3.61
composition = {{ Cu = 1.0 }}
"""


def many_atoms(kind):
    """Some 60,000: of particles, with MEAM, or of a periodic crystal, with a pair functional."""
    if kind == "crystal":
        return CRYSTAL.format(potentials=POTENTIALS)
    text = RAFT.read_text()
    text = text[: text.index("[[stage]]")].replace('"../potentials', f'"{POTENTIALS}')
    return re.sub(r"((?:mean|fwhm)_nm = )([0-9.]+)", lambda m: f"{m[1]}{1.45 * float(m[2]):.3f}", text)


@pytest.mark.parametrize("kind", ["raft", "crystal"])
@pytest.mark.parametrize("ranks", [1, 2, 8])
def test_memory_is_that_of_a_run_whose_atoms_take_more_than_the_program(tmp_path, kind, ranks):
    """Of hot atoms, whose lists are made again; those in slabs that others have copies of wait for these."""
    hot = "[dynamics]\ninitial_temperature_k = 2900\n"
    path = write_input(tmp_path, many_atoms(kind) + hot + PROTOCOL.replace("0.06", "0.04"), "larger.toml")
    plan = sinter("plan", path, "--ranks", ranks, "--speed", "1000000")
    memory, node = (size(*pair) for pair in zip(*[iter(rows(plan.stdout, ranks)[0][4:8])] * 2))
    done = run("--output", tmp_path / "out", path, ranks=ranks if ranks > 1 else None, timeout=600)
    assert done.returncode == 0, done.stderr
    most, *all_ = re.search(r"^memory: at most ([\d.]+ \w+)(?: on a rank, ([\d.]+ \w+) on all)?$", done.stdout, re.M).groups()
    assert memory == pytest.approx(size(*most.split()), rel=0.1)
    if ranks > 1:
        assert node == pytest.approx(size(*all_[0].split()), rel=0.1)


def counts(pattern, text):
    """Numbers and sizes in what the log says."""
    found = re.search(pattern, text, re.M)
    assert found, text
    words = [word.split() for word in found.groups()]
    return [size(*word) if len(word) > 1 else float(word[0]) for word in words]


@pytest.mark.parametrize("ranks", MANY)
def test_a_plan_is_what_ranks_have_send_and_hold(raft, tmp_path, ranks):
    """Space is divided as the run does it; the atoms of the plan are displaced as by heat, those of the run
    stand on their sites when it begins, which an atom in a hundred near a border can tell."""
    path, plan = raft
    atoms, imbalance, ghosts, *sizes, messages = rows(plan, ranks)[0][1:]
    memory, node, sent = (size(*pair) for pair in zip(sizes[::2], sizes[1::2]))
    if ranks == 1:
        # Long enough to be as hot as what is planned: pairs and triples are more then.
        hot = path.read_text().replace("0.008", "0.1")
        path = write_input(path.parent, hot, "hot.toml")
    done = run("--output", tmp_path / "out", path, ranks=ranks, timeout=600)
    assert done.returncode == 0, done.stderr
    if ranks == 1:
        (most,) = counts(r"^memory: at most ([\d.]+ \w+)$", done.stdout)
        assert memory == pytest.approx(most, rel=0.1) and node == memory
        (all_,) = counts(r"^  atoms +(\d+): ", done.stdout)
        assert (int(atoms), float(imbalance), int(ghosts), sent, int(messages)) == (all_, 1, 0, 0, 0)
        return
    most, all_ = counts(r"^memory: at most ([\d.]+ \w+) on a rank, ([\d.]+ \w+) on all$", done.stdout)
    assert memory == pytest.approx(most, rel=0.15)
    assert node == pytest.approx(all_, rel=0.1)
    most = counts(r"^ranks: at most (\d+) atoms and (\d+) ghosts, work ([\d.]+) of (?:the mean|its share)", done.stdout)
    assert int(atoms) == pytest.approx(most[0], rel=0.02)
    assert int(ghosts) == pytest.approx(most[1], rel=0.05)
    assert float(imbalance) == pytest.approx(most[2], abs=0.02)
    most = counts(r"^exchange: ([\d.]+ \w+) in (\d+) messages a step from a rank at most", done.stdout)
    assert sent == pytest.approx(most[0], rel=0.05)
    assert int(messages) == pytest.approx(most[1], rel=0.15)
