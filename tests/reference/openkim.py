#!/usr/bin/env python3
"""Parameter files of the EAM_Dynamo models in Debian's package `openkim-models`.

    apt-get download openkim-models && dpkg -x openkim-models_*.deb models
    python3 tests/reference/openkim.py models FOLDER
    python3 tests/reference/embedded.py FOLDER/*

A model of OpenKIM is a shared library in which each parameter file is an array of bytes, named
as the file but for its dots. Those of the driver EAM_Dynamo are funcfl, setfl, or setfl of
Finnis-Sinclair form, as LAMMPS reads them; which one, their contents tell. Needs `nm` (binutils).
"""

import pathlib
import re
import subprocess
import sys


def parameter_files(library):
    """(name, contents) of each parameter file in a model's shared library."""
    data = library.read_bytes()
    symbols = {}
    for line in subprocess.run(["nm", "-D", "--defined-only", library], check=True, capture_output=True, text=True).stdout.splitlines():
        address, _, name = line.split()
        symbols[name] = int(address, 16)
    for name, address in symbols.items():
        if f"{name}_len" in symbols and not name.startswith(("kim", "item_")):
            # Constants stand in the file where they stand in memory.
            length = int.from_bytes(data[symbols[f"{name}_len"] :][:4], "little")
            yield name, data[address : address + length]


def kind(text):
    """The end of the name under which LAMMPS's users keep such a file."""
    lines = text.decode(errors="replace").split("\n")
    try:
        # funcfl: atomic number, mass, edge, lattice; then five numbers of its grids.
        [float(word) for word in lines[1].split()[:3]]
        if len([float(word.replace("D", "E")) for word in lines[2].split()[:5]]) == 5:
            return "eam"
    except ValueError:
        pass
    count = int(lines[3].split()[0])
    points_rho, points_r = (int(lines[4].split()[n]) for n in (0, 2))
    numbers = sum(len(line.split()) for line in lines[5:])
    alloy = count * (4 + points_rho + points_r) + count * (count + 1) // 2 * points_r
    return "eam.fs" if numbers >= alloy + count * (count - 1) * points_r and count > 1 else "eam.alloy"


def main():
    models, folder = map(pathlib.Path, sys.argv[1:])
    folder.mkdir(parents=True, exist_ok=True)
    for library in sorted(models.glob("**/portable-models/EAM_Dynamo_*/*.so")):
        model = library.parent.name
        for name, contents in parameter_files(library):
            path = folder / f"{model}.{name}.{kind(contents)}"
            path.write_bytes(contents)


if __name__ == "__main__":
    main()
