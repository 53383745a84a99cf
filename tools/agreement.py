#!/usr/bin/env python3
"""Compares energies, forces and virials of two extended XYZ files, frame by frame.

    sinter-hpc evaluate --library F --parameters F --elements Pt,Fe FRAMES.xyz --output OUT.xyz
    python3 tools/agreement.py OUT.xyz FRAMES.xyz

Prints the largest deviation of the first file from the second: of the energy of an
atom and the force on it, relative to the second where that is above 1 eV or 1 eV/Å,
and of the virial relative to the largest component of its frame. Needs Python only.
"""

import math
import re
import sys


def frames(path):
    """Of each frame: energies (eV), forces (eV/Å), virial (eV)."""
    with open(path) as lines:
        for first in lines:
            if not first.strip():
                continue
            comment = next(lines)
            columns, at = {}, 0
            fields = re.search(r"Properties=(\S+)", comment)[1].split(":")
            for name, width in zip(fields[::3], fields[2::3]):
                columns[name] = slice(at, at := at + int(width))
            atoms = [next(lines).split() for _ in range(int(first))]
            numbers = lambda name: [[float(x) for x in atom[columns[name]]] for atom in atoms]
            virial = re.search(r'virial="([^"]*)"', comment)
            virial = [float(x) for x in virial[1].split()] if virial else []
            # Reference data have six numbers (xx yy zz xy xz yz), evaluated frames all nine.
            if len(virial) == 6:
                xx, yy, zz, xy, xz, yz = virial
                virial = [xx, xy, xz, xy, yy, yz, xz, yz, zz]
            yield (
                [energy for [energy] in numbers("local_energy")],
                numbers("forces"),
                virial,
            )


def deviations(found, expected):
    """Largest of a frame: energy, force, virial."""
    if [len(values) for values in found] != [len(values) for values in expected]:
        sys.exit("the files do not hold the same atoms")
    energy = max(abs(a - b) / max(1, abs(b)) for a, b in zip(found[0], expected[0]))
    force = max(math.dist(a, b) / max(1, math.hypot(*b)) for a, b in zip(found[1], expected[1]))
    scale = max([1, *map(abs, expected[2])])
    virial = max((abs(a - b) / scale for a, b in zip(found[2], expected[2])), default=math.nan)
    return energy, force, virial


def main():
    if len(sys.argv) != 3:
        sys.exit(__doc__)
    found, expected = (list(frames(path)) for path in sys.argv[1:])
    if len(found) != len(expected):
        sys.exit(f"{len(found)} frames in the first file, {len(expected)} in the second")
    worst = [max(column) for column in zip(*map(deviations, found, expected))]
    atoms = sum(len(energies) for energies, _, _ in expected)
    print(f"{len(expected)} frames, {atoms} atoms: energy {worst[0]:.1e}, force {worst[1]:.1e}, virial {worst[2]:.1e}")


if __name__ == "__main__":
    main()
