#!/usr/bin/env python3
"""Writes small table potentials of two invented metals, for tests: `tables.eam.alloy`,
`tables.eam.fs`, `Cu.eam` and `Ag.eam` (of different grids) beside this script's `embedded/`.

    python3 tests/reference/tables.py tests/reference/embedded
    python3 tests/reference/embedded.py --write tests/reference/embedded tests/reference/embedded/*.eam*

The functions resemble Cu and Ag (rho ~ exp, F = -A sqrt(rho) + B rho, phi Born-Mayer), all
brought to zero before the cutoff. What matters is that F ends at a density that pressed atoms pass.
"""

import math
import pathlib
import sys

CUTOFF = 5.0
# Before the last knots, which LAMMPS loses where files are mixed.
ZERO = 4.8
METALS = [
    # symbol, number, mass, a, A (eV), q, strength of phi (eV), p
    ("Cu", 29, 63.55, 3.615, 1.22, 2.28, 0.0855, 10.96),
    ("Ag", 47, 107.87, 4.09, 1.18, 3.14, 0.1028, 10.93),
]


def fade(r):
    return (1 - (r / ZERO) ** 4) ** 2 if r < ZERO else 0.0


def density(metal, r):
    return fade(r) * math.exp(-2 * metal[5] * (r / (metal[3] / math.sqrt(2)) - 1))


def pair(one, two, r):
    r0 = 0.5 * (one[3] + two[3]) / math.sqrt(2)
    strength = math.sqrt(one[6] * two[6])
    return 2 * strength * fade(r) * math.exp(-0.5 * (one[7] + two[7]) * (r / r0 - 1))


def embedding(metal, rho):
    return -metal[4] * math.sqrt(rho) + 0.002 * rho


def lines(values):
    return "\n".join(" ".join(f"{x:.10e}" for x in values[n : n + 5]) for n in range(0, len(values), 5))


def setfl(path, by_pair, knots=240):
    nrho, drho, nr, dr = 200, 0.1, knots, CUTOFF / (knots - 1)
    text = "Invented, for tests\nUNITS: metal\nSee tests/reference/tables.py\n2 Cu Ag\n"
    text += f"{nrho} {drho} {nr} {dr!r} {CUTOFF}\n"
    for metal in METALS:
        text += f"{metal[1]} {metal[2]} {metal[3]} fcc\n" + lines([embedding(metal, n * drho) for n in range(nrho)]) + "\n"
        for other in METALS if by_pair else [metal]:
            scale = 1.1 if by_pair and other is not metal else 1.0
            text += lines([scale * density(metal, n * dr) for n in range(nr)]) + "\n"
    for i, one in enumerate(METALS):
        for two in METALS[: i + 1]:
            text += lines([n * dr * pair(one, two, n * dr) for n in range(nr)]) + "\n"
    path.write_text(text)


def funcfl(path, metal, nr, nrho):
    # Beyond the end of F LAMMPS is not continuous where files are mixed, so it lies far out.
    dr, drho = CUTOFF / (nr - 1), 80 / (nrho - 1)
    charge = [math.sqrt(n * dr * pair(metal, metal, n * dr) / (27.2 * 0.529)) for n in range(nr)]
    text = f"Invented, for tests\n{metal[1]} {metal[2]} {metal[3]} FCC\n{nrho} {drho!r} {nr} {dr!r} {CUTOFF}\n"
    for values in [[embedding(metal, n * drho) for n in range(nrho)], charge, [density(metal, n * dr) for n in range(nr)]]:
        text += lines(values) + "\n"
    path.write_text(text)


def main():
    folder = pathlib.Path(sys.argv[1])
    folder.mkdir(parents=True, exist_ok=True)
    setfl(folder / "tables.eam.alloy", False)
    setfl(folder / "tables.eam.fs", True)
    funcfl(folder / "Cu.eam", METALS[0], 240, 200)
    funcfl(folder / "Ag.eam", METALS[1], 300, 150)


if __name__ == "__main__":
    main()
