#!/usr/bin/env python3
"""Writes small table potentials of two invented metals, for tests: `tables.eam.alloy`,
`tables.eam.fs`, `tables.adp`, `Cu.eam` and `Ag.eam` (of different grids) beside this script's `embedded/`,
and `SiGe.tersoff`.

    python3 tests/reference/tables.py tests/reference/embedded
    python3 tests/reference/embedded.py --write tests/reference/embedded tests/reference/embedded/*.{eam*,adp,tersoff}

The functions resemble Cu and Ag (rho ~ exp, F = -A sqrt(rho) + B rho, phi Born-Mayer), all
brought to zero before the cutoff. What matters is that F ends at a density that pressed atoms pass.
Silicon and germanium are those of J. Tersoff, Phys. Rev. B 39 (1989) 5566, but for lambda3, which is
invented (zero there), and for m.
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


def setfl(path, by_pair, knots=240, angular=False):
    # For `adp` LAMMPS's energies beyond the end of F do not belong to its forces, so it lies far out.
    nrho, drho = (400, 0.3) if angular else (200, 0.1)
    nr, dr = knots, CUTOFF / (knots - 1)
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
    if angular:
        for strength, decay in [(0.05, 1.1), (-0.03, 0.9)]:
            for i, one in enumerate(METALS):
                for j in range(i + 1):
                    own = strength * (1 if i == j else 1.4) * (1 + 0.3 * i)
                    text += lines([own * fade(n * dr) * math.exp(-decay * (n * dr - 2.5)) for n in range(nr)]) + "\n"
    path.write_text(text)


def tersoff(path):
    # A, B, lambda, mu, beta, n, c, d, h, R, S
    atoms = {
        "Si": (1830.8, 471.18, 2.4799, 1.7322, 1.1e-6, 0.78734, 1.0039e5, 16.217, -0.59825, 2.7, 3.0),
        "Ge": (1769.0, 419.23, 2.4451, 1.7047, 9.0166e-7, 0.75627, 1.0643e5, 15.652, -0.43884, 2.8, 3.1),
    }
    text = "# UNITS: metal\n# See tests/reference/tables.py\n"
    for i, one in atoms.items():
        for j, two in atoms.items():
            chi = 1.0 if i == j else 1.00061
            for k, three in atoms.items():
                bond = [one[5], one[4], 0.5 * (one[3] + two[3]), chi * math.sqrt(one[1] * two[1])]
                reach = [math.sqrt(one[n] * three[n]) for n in (9, 10)]
                last = [sum(reach) / 2, (reach[1] - reach[0]) / 2, 0.5 * (one[2] + two[2]), math.sqrt(one[0] * two[0])]
                m, lambda3 = (3, 0.8) if i == "Si" else (1, 0.3 if k == "Si" else 0.0)
                numbers = [m, 1.0, lambda3, one[6], one[7], one[8], *bond, *last]
                text += f"{i} {j} {k} " + " ".join(f"{x:.12g}" for x in numbers[:6]) + "\n   "
                text += " ".join(f"{x:.12g}" for x in numbers[6:]) + "\n"
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
    setfl(folder / "tables.adp", False, angular=True)
    tersoff(folder / "SiGe.tersoff")
    funcfl(folder / "Cu.eam", METALS[0], 240, 200)
    funcfl(folder / "Ag.eam", METALS[1], 300, 150)


if __name__ == "__main__":
    main()
