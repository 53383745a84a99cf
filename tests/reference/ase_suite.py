#!/usr/bin/env python3
"""ASE's own tests on this calculator: those that ASE runs on its EMT, with EMT replaced by `sinter_tools.ase.SinterHPC`
and a Gupta potential.

    python3 tests/reference/ase_suite.py --program target/release/sinter-hpc

needs ase, pytest and `pip install ./tools`; two minutes. It tells how many pass, and of the others the reason. Left out are tests of
EMT itself, of files, databases and command lines, and of programs that are not here. What fails is told apart: elements
that the potential has not (molecules), sheared cells (the engine has orthogonal boxes; others are evaluated as copies,
`skewed.py`), and tests that compare with numbers of EMT or ask for more digits than positions on a grid of 1.5e-11 Å give.
The last group is listed: whoever changes the calculator looks at it.
"""

import argparse
import collections
import functools
import os
import pathlib
import re
import signal
import subprocess
import sys
import tempfile

import ase.test
import pytest
from ase.build import bulk
from scipy.optimize import minimize_scalar

ROOT = pathlib.Path(__file__).resolve().parents[2]
GUPTA = {
    "kind": "gupta",
    "file": str(ROOT / "inputs/potentials/gupta.toml"),
    "elements": ["Ag", "Al", "Au", "Cu", "Ir", "Ni", "Pd", "Pt", "Rh"],
}
LEFT_OUT = r"/emt/|/fio/|/db/|/cli/|plugins|plumed|dftd3|ts09|minimahop|autoneb|subprocess_calculator"
REASONS = {
    "an element that the potential has not": "but the potential has only",
    "a sheared cell": "only orthogonal boxes are supported",
}
SECONDS = 60
PROGRAM = "SINTER_HPC"


def of_crystal(kind, symbol):
    """Energy of an atom in the fcc crystal of an element, from which EMT counts."""

    def energy(edge):
        atoms = bulk(symbol, "fcc", a=edge)
        atoms.calc = calculator
        return atoms.get_potential_energy()

    with kind(GUPTA, command=[os.environ[PROGRAM]], threads=1) as calculator:
        return minimize_scalar(energy, bounds=(3.3, 4.5), method="bounded").fun


class Replaced:
    """The plugin: the name EMT means this engine, in every module that imports it later."""

    def __init__(self):
        import ase.calculators.emt
        from sinter_tools.ase import SinterHPC

        made = self.made = []
        crystals = functools.cache(lambda symbol: of_crystal(SinterHPC, symbol))

        class EMT(SinterHPC):
            name = "emt"

            def __init__(self, **parameters):
                super().__init__(GUPTA, command=[os.environ[PROGRAM]], threads=1, **parameters)
                made.append(self)

            def calculate(self, *arguments, **more):
                super().calculate(*arguments, **more)
                for symbol in self.atoms.get_chemical_symbols():
                    self.results["energy"] -= crystals(symbol)
                self.results["free_energy"] = self.results["energy"]

        ase.calculators.emt.EMT = EMT

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_call(self, item):
        def late(*_):
            raise TimeoutError(f"{SECONDS} s")

        signal.signal(signal.SIGALRM, late)
        signal.alarm(SECONDS)
        try:
            return (yield)
        finally:
            signal.alarm(0)
            for calculator in self.made:
                calculator.close()
            self.made.clear()


def inside(files):
    """In a process of its own: ASE's tests, with the plugin."""
    sys.path.insert(0, str(ROOT / "tools"))
    options = ["-q", "-p", "no:cacheprovider", "--tb=line", "-rfE", *files]
    return pytest.main(options, plugins=[Replaced()])


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--program", type=pathlib.Path, default=ROOT / "target/release/sinter-hpc")
    parser.add_argument("--files", nargs="*", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.files:
        return inside(arguments.files)
    folder = pathlib.Path(ase.test.__file__).parent
    files = [str(path) for path in sorted(folder.rglob("test_*.py")) if "EMT" in path.read_text()]
    files = [path for path in files if not re.search(LEFT_OUT, path)]
    environment = os.environ | {PROGRAM: str(arguments.program.resolve())}
    with tempfile.TemporaryDirectory() as empty:
        command = [sys.executable, __file__, "--files", *files]
        done = subprocess.run(command, env=environment, capture_output=True, text=True, cwd=empty)
    told = done.stdout.splitlines()
    failed = collections.defaultdict(list)
    for line in told:
        found = re.match(r"(?:FAILED|ERROR) \S*/ase/test/(\S+)(?: - (.*))?", line)
        if found:
            why = next((reason for reason, words in REASONS.items() if words in (found[2] or "")), "other")
            failed[why].append(f"{found[1]}: {found[2]}")
    if not failed and done.returncode not in (0, 1):
        sys.exit(done.stdout[-3000:] + done.stderr[-3000:])
    print(told[-1])
    for why, tests in failed.items():
        print(f"{len(tests):4d}  {why}")
    print("\n".join(failed["other"]))
    return 0


if __name__ == "__main__":
    sys.exit(main())
