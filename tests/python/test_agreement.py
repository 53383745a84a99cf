"""`evaluate` and `tools/agreement.py`, as README.md uses them."""

import re
import subprocess
import sys

from running import POTENTIALS, PROGRAM, ROOT

REFERENCE = ROOT / "tests/reference/particle_hot.xyz"


def compare(found, expected):
    tool = [sys.executable, str(ROOT / "tools/agreement.py"), str(found), str(expected)]
    return subprocess.run(tool, capture_output=True, text=True)


def evaluated(folder):
    found = folder / "found.xyz"
    files = ["--library", POTENTIALS / "PtFe.library.meam", "--parameters", POTENTIALS / "PtFe.meam"]
    command = [PROGRAM, "evaluate", *files, "--elements", "Pt,Fe", REFERENCE, "--output", found]
    subprocess.run([str(word) for word in command], check=True, capture_output=True)
    return found


def test_evaluate_agrees_with_lammps_far_better_than_asked(tmp_path):
    done = compare(evaluated(tmp_path), REFERENCE)
    assert done.returncode == 0, done.stderr
    told = re.fullmatch(r"1 frames, 2675 atoms: energy (\S+), force (\S+), virial (\S+)\n", done.stdout)
    energy, force, virial = map(float, told.groups())
    # The cubics of LAMMPS's table of the pair energy, which ours copies.
    assert energy < 1e-9 and force < 1e-8 and virial < 1e-8


def test_agreement_finds_one_wrong_energy_and_other_frames(tmp_path):
    found = evaluated(tmp_path)
    lines = found.read_text().splitlines()
    fields = lines[1].split("Properties=")[1].split()[0].split(":")
    names, widths = fields[::3], [int(width) for width in fields[2::3]]
    column = sum(widths[: names.index("local_energy")])
    atom = lines[100].split()
    atom[column] = str(float(atom[column]) * (1 + 1e-3))
    wrong = tmp_path / "wrong.xyz"
    wrong.write_text("\n".join([*lines[:100], " ".join(atom), *lines[101:]]) + "\n")
    assert "energy 1.0e-03, " in compare(wrong, REFERENCE).stdout
    other = compare(found, ROOT / "tests/reference/liquid.xyz")
    assert other.returncode != 0 and "same atoms" in other.stderr
