"""The job scripts: one run over several jobs of a real Slurm, and what can be said of the
scripts of schedulers that are not at hand."""

import re
import subprocess
import time

import pytest

from running import HEAD, MPIRUN, PROGRAM, ROOT, different_atoms, differences, run, write_input
from slurm import Slurm

SCRIPTS = ROOT / "jobscripts"
RUN_SECONDS = 180
LONGEST_SECONDS = 1800

# Each scheduler's directive, and the variables that its documentation promises to a job
# (jobscripts/README.md tells which documentation).
SCHEDULERS = {
    "slurm": ("#SBATCH", {"SLURM_CPUS_PER_TASK", "SLURM_JOB_ID"}),
    "pbs": ("#PBS", {"PBS_JOBID", "PBS_NODEFILE", "PBS_O_WORKDIR", "OMP_NUM_THREADS"}),
    "lsf": ("#BSUB", {"LSB_DJOB_NUMPROC", "LSB_JOBID", "LS_SUBCWD"}),
    "flux": ("#flux:", set()),
}
# What may stand in a directive, by the same documentation.
DIRECTIVES = {
    "slurm": r"--(nodes|ntasks-per-node|cpus-per-task)=\d+|--time=\d+:\d\d:\d\d|--job-name=\w+"
    r"|--output=\S+|--hint=nomultithread|--signal=USR2@\d+",
    "pbs": r"-l select=\d+(:(ncpus|mpiprocs|ompthreads)=\d+)+|-l walltime=\d+:\d\d:\d\d"
    r"|-l place=(free|pack|scatter|vscatter)(:(excl|shared|exclhost))?|-N \w+|-j oe",
    "lsf": r'-n \d+|-R "span\[ptile=\d+\]"|-R "affinity\[core\(\d+,same=(numa|socket)\)'
    r':cpubind=(numa|socket|core|thread):membind=local(only|prefer):distribute=pack\]"'
    r"|-W \d+:\d\d|-J \w+|-o \S+|-x|-wa [A-Z0-9]+|-wt \d+",
    "flux": r"--(nodes|nslots|cores-per-slot)=\d+|--time-limit=\d+[smhd]|--job-name=\w+"
    r"|--output=\S+|--exclusive",
}
# Of the shell, and of the program (README.md).
OTHER_VARIABLES = {"BASH_REMATCH", "IFS", "SECONDS", "SINTER_JOB_END_TIME"}


def protocol(duration_ps):
    """Noise of its own in every step: a step done twice or left out would show."""
    return f"""
[[stage]]
kind = "hold"
temperature_k = 1000
duration_ps = {duration_ps}
thermostat = "langevin"
"""


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory):
    """The input of a run of about three minutes on this machine, and what comes of it."""
    folder = tmp_path_factory.mktemp("undisturbed")
    head = re.sub(r"_interval_ps = 0.02", "_interval_ps = 1", HEAD)
    trial = write_input(folder, head + protocol(40), "trial.toml")
    done = run("--output", folder / "trial", trial, ranks=2)
    assert done.returncode == 0, done.stderr
    # Of the last column of the table the best (but for the last line, of few steps): a machine
    # that does something else meanwhile makes the run longer, but not shorter.
    log = (folder / "trial/run.log").read_text()
    *rates, _ = map(float, re.findall(r"^ +\d+ +[\d.]+ .* ([\d.]+)$", log, re.M))
    ns_per_day = max(rates)
    duration_ps = round(ns_per_day * 1000 / 86_400 * RUN_SECONDS)
    path = write_input(folder, head + protocol(duration_ps))
    done = run("--output", folder / "out", path, threads=2, timeout=LONGEST_SECONDS)
    assert done.returncode == 0, done.stderr
    return path, folder / "out"


def for_this_machine(script, path):
    """What a user changes: the numbers on top, what to run, and here the signal, which two
    minutes before the end of one minute would come at once."""
    for old, new in (
        ("--nodes=2", "--nodes=1"),
        ("--ntasks-per-node=8", "--ntasks-per-node=2"),
        ("--cpus-per-task=8", "--cpus-per-task=1"),
        ("--time=24:00:00", "--time=00:01:00"),
        ("--signal=USR2@120", "--signal=USR2@10"),
        ("input=inputs/quickstart.toml", f"input={path}"),
        ("program=target/release/sinter-hpc", f"program={PROGRAM}"),
    ):
        assert script.count(old) == 1, old
        script = script.replace(old, new)
    return script


def test_jobs_of_one_minute_finish_a_run_of_three(undisturbed, tmp_path):
    path, reference = undisturbed
    script = tmp_path / "slurm.sh"
    script.write_text(for_this_machine((SCRIPTS / "slurm.sh").read_text(), path))
    daemons = tmp_path / "slurm"
    daemons.mkdir()
    with Slurm(daemons, mpi="pmi2" if "mpich" in MPIRUN else "pmix") as slurm:
        assert "Submitted" in slurm.run("sbatch", str(script), cwd=tmp_path)
        until = time.monotonic() + LONGEST_SECONDS
        while slurm.unfinished() and time.monotonic() < until:
            time.sleep(1)
        jobs = slurm.jobs()
        logs = slurm.logs()
    output = "\n".join(file.read_text() for file in sorted(tmp_path.glob("sinter-*.out")))
    told = f"{jobs}\n{output[-5000:]}\n{logs}"
    *stopped, last = [jobs[number] for number in sorted(jobs)]
    assert last == ("COMPLETED", "0:0"), told
    assert len(stopped) >= 2 and set(stopped) == {("FAILED", "75:0")}, told
    assert "Stopped early (signal SIGUSR2)" in output, told
    results = tmp_path / "results/pair"
    assert differences(reference / "trajectory.h5md", results / "trajectory.h5md") == []
    end = max(reference.glob("checkpoint-*.h5"), key=lambda file: int(file.stem.split("-")[1]))
    assert different_atoms(end, results / end.name) == []


@pytest.mark.parametrize("name", SCHEDULERS)
def test_script_is_sound_bash(name):
    done = subprocess.run(["bash", "-n", SCRIPTS / f"{name}.sh"], capture_output=True, text=True)
    assert done.returncode == 0 and done.stderr == ""


@pytest.mark.parametrize("name", SCHEDULERS)
def test_script_uses_documented_variables_only(name):
    text = (SCRIPTS / f"{name}.sh").read_text()
    code = "\n".join(line for line in text.splitlines() if not line.startswith("#"))
    used = set(re.findall(r"\b[A-Z][A-Z_]{2,}\b", re.sub(r"#.*|Resource_\S*|USR2", "", code)))
    assert used <= SCHEDULERS[name][1] | OTHER_VARIABLES, used


@pytest.mark.parametrize("name", SCHEDULERS)
def test_script_uses_documented_directives_only(name):
    directive, _ = SCHEDULERS[name]
    lines = (SCRIPTS / f"{name}.sh").read_text().splitlines()
    # A comment may stand behind, but for PBS, which has none.
    comment = r"$" if name == "pbs" else r"( +#.*)?$"
    for line in lines:
        if line.startswith(directive):
            assert re.fullmatch(f"{directive} ({DIRECTIVES[name]}){comment}", line), line
        else:
            # Flux takes any other line in which its tag follows the sign of a comment for an error.
            assert not re.match(r"\W*(flux|FLUX):", line), line


@pytest.mark.parametrize("name", SCHEDULERS)
def test_script_goes_on_with_itself_on_75_alone(name):
    """And its directives stand before the first command, after which none is read."""
    directive, _ = SCHEDULERS[name]
    lines = (SCRIPTS / f"{name}.sh").read_text().splitlines()
    first_command = next(n for n, line in enumerate(lines) if line and not line.startswith("#"))
    assert sum(line.startswith(directive) for line in lines[:first_command]) >= 5
    assert not any(line.startswith(directive) for line in lines[first_command:])
    text = "\n".join(lines)
    assert "--resume" in text and 'if [ "$code" = 75 ] && ' in text
    assert text.endswith('exit "$code"')
