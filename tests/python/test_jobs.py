"""The job scripts: one run over several jobs of a real Slurm, and what can be said of the
scripts of schedulers that are not at hand."""

import math
import re
import subprocess

import pytest

from running import HEAD, MPIRUN, PROGRAM, ROOT, run, same_end, wait_until, write_input
from slurm import Slurm

SCRIPTS = ROOT / "jobscripts"
# Longer than any two jobs get; and a time step.
LONG_PS = 10_000
STEP_PS = 0.002

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


def newest(folder):
    """Its checkpoint of the last step."""
    return max(folder.glob("checkpoint-*.h5"), key=lambda file: int(file.stem.split("-")[1]))


def test_jobs_of_one_minute_finish_a_run_that_is_longer(tmp_path):
    """However fast this machine is: two jobs end before the run does, and then its input ends a little
    behind where they have come to, for the third, which the partition does not start before."""
    head = re.sub(r"_interval_ps = 0.02", "_interval_ps = 1", HEAD)
    path = write_input(tmp_path, head + protocol(LONG_PS))
    results = tmp_path / "results/pair"
    script = tmp_path / "slurm.sh"
    script.write_text(for_this_machine((SCRIPTS / "slurm.sh").read_text(), path))
    daemons = tmp_path / "slurm"
    daemons.mkdir()
    with Slurm(daemons, mpi="pmi2" if "mpich" in MPIRUN else "pmix") as slurm:

        def states():
            return [job for _, job in sorted(slurm.jobs().items())]

        def output():
            return "\n".join(file.read_text() for file in sorted(tmp_path.glob("sinter-*.out")))

        def told():
            return f"{slurm.jobs()}\n{output()[-5000:]}\n{slurm.logs()}"

        assert "Submitted" in slurm.run("sbatch", str(script), cwd=tmp_path)
        wait_until(lambda: [state for state, _ in states()][1:] == ["RUNNING"], 120, 0.5, told)
        slurm.run("scontrol", "update", "PartitionName=all", "State=DOWN")
        wait_until(lambda: [state for state, _ in states()][2:] == ["PENDING"], 120, 0.5, told)
        wait_until(lambda: states()[1][0] != "COMPLETING", 60, 0.5, told)
        step = int(newest(results).stem.split("-")[1])
        write_input(tmp_path, head + protocol(math.ceil(step * STEP_PS) + 1))
        slurm.run("scontrol", "update", "PartitionName=all", "State=UP")
        wait_until(lambda: not slurm.unfinished(), 120, 0.5, told)
        stopped = ("FAILED", "75:0")
        assert states() == [stopped, stopped, ("COMPLETED", "0:0")], told()
        assert output().count("Stopped early (signal SIGUSR2)") == 2, told()
    # On one core, where nothing waits for another process that has none.
    done = run("--output", tmp_path / "undisturbed", path, timeout=1200)
    assert done.returncode == 0, done.stderr
    same_end(newest(tmp_path / "undisturbed"), results)


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
