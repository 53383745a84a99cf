"""A Slurm of our own: one node, this machine, with its daemons in one folder.

Debian and Ubuntu: apt-get install slurmctld slurmd slurm-client munge. Nothing of the
system's own Slurm, if it has one, is read or touched.
"""

import getpass
import os
import shutil
import socket
import subprocess
import time
from pathlib import Path

DAEMONS = ("munged", "mungekey", "slurmctld", "slurmd")
# Outside of the PATH of most users.
PATH = os.environ["PATH"] + ":/usr/sbin:/sbin"

CONFIGURATION = """
ClusterName=sinter
SlurmctldHost={host}(127.0.0.1)
SlurmctldPort={controller_port}
SlurmdPort={node_port}
SlurmUser={user}
SlurmdUser={user}
AuthType=auth/munge
AuthInfo=socket={folder}/munge.socket
StateSaveLocation={folder}/state
SlurmdSpoolDir={folder}/spool
SlurmctldPidFile={folder}/slurmctld.pid
SlurmdPidFile={folder}/slurmd.pid
SlurmctldLogFile={folder}/slurmctld.log
SlurmdLogFile={folder}/slurmd.log
ProctrackType=proctrack/linuxproc
TaskPlugin=task/affinity
JobAcctGatherType=jobacct_gather/none
SelectType=select/cons_tres
SelectTypeParameters=CR_Core
MpiDefault={mpi}
ReturnToService=2
# There may be fewer cores than a test asks for.
SlurmdParameters=config_overrides
NodeName={host} NodeAddr=127.0.0.1 CPUs=2 Boards=1 SocketsPerBoard=1 CoresPerSocket=2 ThreadsPerCore=1
PartitionName=all Nodes=ALL Default=YES MaxTime=INFINITE State=UP
"""


def free_ports(count):
    sockets = [socket.socket() for _ in range(count)]
    for s in sockets:
        s.bind(("127.0.0.1", 0))
    ports = [s.getsockname()[1] for s in sockets]
    for s in sockets:
        s.close()
    return ports


class Slurm:
    """Started by `with`; its daemons end with it."""

    def __init__(self, folder, mpi):
        self.folder = Path(folder)
        self.processes = []
        missing = [name for name in (*DAEMONS, "sbatch", "srun") if not shutil.which(name, path=PATH)]
        assert not missing, f"no {', '.join(missing)}: apt-get install slurmctld slurmd slurm-client munge"
        for name in ("state", "spool"):
            (self.folder / name).mkdir()
        controller_port, node_port = free_ports(2)
        configuration = CONFIGURATION.format(
            host=socket.gethostname().split(".")[0],
            user=getpass.getuser(),
            folder=self.folder,
            controller_port=controller_port,
            node_port=node_port,
            mpi=mpi,
        )
        (self.folder / "slurm.conf").write_text(configuration)
        (self.folder / "cgroup.conf").write_text("CgroupAutomount=no\n")
        # Without what a job of another Slurm, or an earlier test, left.
        kept = {name: value for name, value in os.environ.items() if not name.startswith("SLURM")}
        self.environment = kept | {"SLURM_CONF": str(self.folder / "slurm.conf"), "PATH": PATH}

    def start(self, *command):
        with open(self.folder / f"{command[0]}.out", "w") as output:
            process = subprocess.Popen(
                command, env=self.environment, stdout=output, stderr=subprocess.STDOUT
            )
        self.processes.append(process)

    def __enter__(self):
        try:
            key = self.folder / "munge.key"
            subprocess.run(["mungekey", "--create", f"--keyfile={key}"], env=self.environment, check=True)
            self.start(
                "munged",
                "--foreground",
                "--force",
                f"--key-file={key}",
                f"--socket={self.folder}/munge.socket",
                f"--pid-file={self.folder}/munged.pid",
                f"--log-file={self.folder}/munged.log",
                f"--seed-file={self.folder}/munged.seed",
            )
            self.wait(lambda: (self.folder / "munge.socket").exists(), "munged")
            self.start("slurmctld", "-D")
            self.start("slurmd", "-D")
            self.wait(lambda: "idle" in self.run("sinfo", "--noheader", "--format=%t"), "the node")
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_):
        for process in reversed(self.processes):
            process.terminate()
        for process in self.processes:
            try:
                process.wait(20)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()

    def wait(self, done, what, seconds=60):
        until = time.monotonic() + seconds
        while not done():
            dead = [process.args[0] for process in self.processes if process.poll() is not None]
            if dead or time.monotonic() > until:
                raise AssertionError(f"{what} does not come up ({dead} ended)\n{self.logs()}")
            time.sleep(0.2)

    def logs(self):
        files = [*self.folder.glob("*.out"), *self.folder.glob("*.log")]
        return "\n".join(f"--- {file.name}\n{file.read_text()[-3000:]}" for file in files)

    def run(self, *command, cwd=None):
        """What a command of Slurm prints; nothing where it fails."""
        done = subprocess.run(
            command, env=self.environment, capture_output=True, text=True, timeout=60, cwd=cwd
        )
        return done.stdout if done.returncode == 0 else ""

    def jobs(self):
        """State and exit code of each job so far, by its number."""
        table = self.run("scontrol", "--oneliner", "show", "job")
        jobs = {}
        for line in table.splitlines():
            fields = dict(word.split("=", 1) for word in line.split() if "=" in word)
            if "JobId" in fields:
                jobs[int(fields["JobId"])] = (fields["JobState"], fields["ExitCode"])
        return jobs

    def unfinished(self):
        """Whether any job waits or runs."""
        return bool(self.run("squeue", "--noheader").strip())
