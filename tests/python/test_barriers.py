"""`sinter-tools barriers`: adatoms on a small slab of copper."""

import csv
import json
import sys

import ase.io
import numpy as np
import pytest
from ase.constraints import FixAtoms, FixedLine
from ase.optimize import FIRE

from running import PROGRAM, ROOT

sys.path.insert(0, str(ROOT / "tools"))

from sinter_tools import barriers
from sinter_tools.ase import SinterHPC
from sinter_tools.cli import main
from sinter_tools.trajectory import Unusable

FIELD = ROOT / "inputs/pairs/copper_silver.toml"
SMALL = ["--size", "4", "--layers", "4", "--command", str(PROGRAM)]


@pytest.fixture(scope="module")
def copper(tmp_path_factory):
    folder = tmp_path_factory.mktemp("barriers")
    where = ["--output", folder / "out.csv", "--structures", folder / "structures"]
    assert main(["barriers", str(FIELD), "--slabs", "Cu", *SMALL, *map(str, where)]) == 0
    return folder


def rows(folder):
    with open(folder / "out.csv") as file:
        return {(row["process"], row["surface"]): row for row in csv.DictReader(file)}


def read(folder, name):
    frames = ase.io.read(folder / "structures" / f"Cu-{name}.xyz", index=":")
    for atoms in frames:
        lowest = np.unique(np.round(atoms.positions[:, 2], 9))[:2]
        atoms.set_constraint(FixAtoms(np.flatnonzero(atoms.positions[:, 2] < lowest[1] + 0.1)))
    return frames


def test_energies_are_those_of_the_structures(copper):
    found = rows(copper)
    assert len(found) == 6
    with SinterHPC(FIELD, command=str(PROGRAM)) as served:

        def energy(atoms):
            atoms.calc = served
            return atoms.get_potential_energy()

        for surface in ("100", "111"):
            slab, bound = read(copper, f"{surface}-0-detachment")
            assert len(bound) == len(slab) + 1
            expected = energy(slab) + energy(bound[-1:]) - energy(bound)
            assert float(found["detachment", surface]["energy_ev"]) == pytest.approx(expected, abs=1e-9)
            start, end, saddle = read(copper, f"{surface}-0-hop")
            row = found["hop", surface]
            assert float(row["energy_ev"]) == pytest.approx(energy(saddle) - energy(start), abs=1e-9)
            assert float(row["back_ev"]) == pytest.approx(energy(saddle) - energy(end), abs=1e-9)
            for atoms in (start, end, saddle):
                energy(atoms)
                assert np.abs(atoms.get_forces()).max() < 4e-3


def test_a_hop_on_100_goes_over_the_bridge_and_the_exchange_is_no_hop(copper):
    found = rows(copper)
    hop, exchange = found["hop", "100"], found["exchange", "100"]
    for row in (hop, exchange):
        assert (row["fault"], row["negative_eigenvalues"]) == ("", "1")
        # Both ends are the same hollow.
        assert float(row["energy_ev"]) == pytest.approx(float(row["back_ev"]), abs=1e-3)
    # The top by symmetry: half-way, where only the height of the adatom is free.
    start, end, _ = read(copper, "100-0-hop")
    start.positions[-1] = (start.positions[-1] + end.positions[-1]) / 2
    start.constraints.append(FixedLine([len(start) - 1], [0, 0, 1]))
    with SinterHPC(FIELD, command=str(PROGRAM)) as start.calc:
        FIRE(start, logfile=None).run(fmax=2e-3, steps=500)
        top = start.get_potential_energy()
        end.calc = start.calc
        assert float(hop["energy_ev"]) == pytest.approx(top - end.get_potential_energy(), abs=2e-3)
    start, end, _ = read(copper, "100-0-exchange")
    moved = np.linalg.norm(barriers.apart(start, start.positions, end.positions), axis=1)
    # Two atoms have moved by about a bond.
    assert (moved > 1.5).sum() == 2


def test_negative_eigenvalues_are_counted(copper):
    """At the top of an atop site the landscape falls in two directions."""
    start, *_ = read(copper, "100-0-hop")
    top = start.positions[:-1, 2].max()
    under = np.flatnonzero(start.positions[:-1, 2] > top - 0.1)[0]
    start.positions[-1, :2] = start.positions[under, :2]
    start.positions[-1, 2] = top + 2.2
    start.set_constraint(FixAtoms(range(len(start) - 1)))
    with SinterHPC(FIELD, command=str(PROGRAM)) as start.calc:
        values, modes = barriers.curvatures(start)
    assert ((values < -barriers.FLAT).sum(), modes.shape) == (2, (3, len(start), 3))
    assert not modes[:, :-1].any()


def test_tables_have_means_of_alloys_and_say_what_is_missing(tmp_path):
    def one(slab, sample, energy, fault=""):
        return barriers.Found(slab, "100", "hop", sample, "Pt", energy=energy, fault=fault)

    found = [one("Pt", 0, 1.25), one("Pt3Fe", 0, 1.0), one("Pt3Fe", 1, 1.5), one("Pt3Fe", 2, 0.1, "it leads to other minima")]
    assert barriers.table(found) == [
        "| eV | Pt | Pt3Fe | paper, DFT |",
        "| --- | --- | --- | --- |",
        "| hop (100) | 1.250 | 1.250 ± 0.354 (2 of 3) | 1.08 |",
    ]
    told = json.loads(barriers.writer(tmp_path / "out.json")(found))
    assert told[0]["energy_ev"] == 1.25 and told[0]["back_ev"] is None
    assert barriers.composition("Pt85Fe15") == {"Pt": 0.85, "Fe": 0.15}
    for wrong in ("", "85", "Pt-Fe", "Pt0"):
        with pytest.raises(Unusable, match="an element or an alloy, as Pt or Pt85Fe15"):
            barriers.composition(wrong)


def test_what_cannot_be_done_is_told_before_anything_is_computed(capsys):
    for more, said in [
        (["--output", "out.txt"], "the ending must tell the format: .csv or .json"),
        (["--size", "2"], "fewer than 4 atoms or layers"),
        (["--slabs", "copper"], "an element or an alloy"),
        (["--slabs", "Au", *SMALL], "is Au, but the potential has only Cu, Ag"),
    ]:
        assert main(["barriers", str(FIELD), *more]) == 2
        assert said in capsys.readouterr().err
