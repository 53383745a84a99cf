"""`sinter-tools barriers`: adatoms on a small slab of copper."""

import csv
import json
import os
import signal
import subprocess
import sys
import time

import ase.io
import numpy as np
import pytest
from ase.constraints import FixAtoms, FixedLine
from ase.optimize import FIRE

from running import PROGRAM, ROOT

sys.path.insert(0, str(ROOT / "tools"))

from sinter_tools import barriers, inputs, survey
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
    assert survey.table(found) == [
        "| eV | Pt | Pt3Fe | paper, DFT |",
        "| --- | --- | --- | --- |",
        "| hop (100) | 1.250 | 1.250 ± 0.354 (2 of 3) | 1.08 |",
    ]
    assert barriers.composition("Pt85Fe15") == {"Pt": 0.85, "Fe": 0.15}
    for wrong in ("", "85", "Pt-Fe", "Pt0"):
        with pytest.raises(Unusable, match="an element or an alloy, as Pt or Pt85Fe15"):
            barriers.composition(wrong)


def kept(path, settings={"size": 6, "layers": 6, "seed": 1, "force_field": "ab"}):
    return survey.Rows(path, settings)


@pytest.mark.parametrize("name", ["rows.csv", "rows.json"])
def test_rows_are_kept_as_they_are_found_and_read_back(tmp_path, name):
    path = tmp_path / name
    rows = [survey.Row("Pt", sample, "100", process) for sample in (0, 1) for process in ("detachment", "hop")]
    made = kept(path)
    for row in rows[::-1]:
        fault = "it leads to other minima, and on" if row.process == "hop" else ""
        one = barriers.Found(row.slab, row.surface, row.process, row.sample, "Pt", energy=0.1 + row.sample, constant=3.9, fault=fault)
        made.keep(row, one, rows)
        assert list(kept(path).found) == [row for row in rows if row in made.found]
    again = kept(path).found
    assert [again[row].energy for row in rows] == [0.1, 0.1, 1.1, 1.1]
    assert [again[row].fault for row in rows[:2]] == ["", "it leads to other minima, and on"]
    assert np.isnan(again[rows[0]].back)
    # Of rows that are not wanted now none is lost.
    made.keep(rows[0], again[rows[0]], rows[:1])
    assert len(kept(path).found) == 4


def test_rows_found_otherwise_and_foreign_files_are_not_mixed_in(tmp_path):
    path = tmp_path / "rows.csv"
    row = survey.Row("Pt", 0, "100", "hop")
    kept(path).keep(row, barriers.Found("Pt", "100", "hop", 0, "Pt", energy=1.0, constant=3.9), [row])
    whole = path.read_bytes()
    other = {"size": 4, "layers": 6, "seed": 1, "force_field": "ab"}
    with pytest.raises(Unusable, match=r"rows.csv: row 1 was found with size 6, and 4 is asked for: another --output"):
        kept(path, other)
    for foreign in (b"time,energy\n1,2\n", b"notes\n", whole[:-20], b"\xff\xfe\x00", whole.replace(b",0,", b",x,", 1)):
        path.write_bytes(foreign)
        with pytest.raises(Unusable, match="rows.csv.*another --output, or remove it"):
            kept(path)
        assert path.read_bytes() == foreign
    for foreign in ("{", "3", "[1]", '{"a": 1}'):
        (tmp_path / "rows.json").write_text(foreign)
        with pytest.raises(Unusable, match="rows.json.*another --output, or remove it"):
            kept(tmp_path / "rows.json")


def test_a_survey_goes_on_where_it_was(copper, tmp_path, capsys):
    """What is there is not computed again, and what is missing is found with the same value, by however many processes."""
    lines = (copper / "out.csv").read_text().splitlines(keepends=True)
    part = tmp_path / "out.csv"
    part.write_text("".join(lines[:1] + lines[2:5] + lines[6:]))
    where = ["--output", str(part), "--jobs", "1"]
    assert main(["barriers", str(FIELD), "--slabs", "Cu", *SMALL, *where]) == 0
    told = capsys.readouterr().out
    assert f"{part}: 4 of 6 rows are there already" in told
    # Nor is the crystal relaxed again.
    assert "lattice constant" not in told
    assert "Cu (111) 0: hop of Cu" in told and "exchange of Cu-Cu:" not in told
    assert part.read_text() == "".join(lines)
    # With a program that is not there: nothing is left to ask it.
    assert main(["barriers", str(FIELD), "--slabs", "Cu", *SMALL[:-1], "/nowhere", *where]) == 0
    # Structures that are wanted and are not there are made.
    assert main(["barriers", str(FIELD), "--slabs", "Cu", *SMALL[:-1], "/nowhere", *where, "--structures", str(tmp_path)]) == 2
    assert "/nowhere" in capsys.readouterr().err


def test_a_survey_that_is_killed_keeps_its_rows_and_leaves_nothing_running(tmp_path):
    path = tmp_path / "out.csv"
    command = [sys.executable, "-m", "sinter_tools", "barriers", FIELD, "--slabs", "Cu", "Ag", *SMALL, "--output", path]
    ours = {**os.environ, "PYTHONPATH": str(ROOT / "tools"), "TMPDIR": str(tmp_path)}
    begun = subprocess.Popen(list(map(str, command)), env=ours, stdout=subprocess.DEVNULL, start_new_session=True)
    try:
        waited(lambda: path.exists())
        begun.kill()
        begun.wait()
        # The processes of its group: the workers and the programs that they drive.
        waited(lambda: not is_there(begun.pid))
    finally:
        if is_there(begun.pid):
            os.killpg(begun.pid, signal.SIGKILL)
    assert len(path.read_text().splitlines()) >= 2
    assert not list(tmp_path.glob("sinter-hpc-*"))


def waited(done):
    end = time.monotonic() + 60
    while not done():
        assert time.monotonic() < end
        time.sleep(0.05)


def is_there(group):
    try:
        os.killpg(group, 0)
    except ProcessLookupError:
        return False
    return True


def test_force_fields_have_fingerprints_of_what_is_in_their_files(tmp_path):
    def known(name, text, places="file"):
        path = tmp_path / name
        path.write_text(text)
        return inputs.fingerprint({"potential": {"kind": "eam/alloy", places: str(path)}})

    one = known("one", "a")
    assert known("other", "a") == one and known("other", "b") != one and known("other", "a", "library") != one
    assert inputs.fingerprint({"potential": {"file": "/none"}}) != inputs.fingerprint({"potential": {"file": "/nil"}})


def test_what_cannot_be_done_is_told_before_anything_is_computed(capsys):
    for more, said in [
        (["--output", "out.txt"], "the ending must tell the format: .csv or .json"),
        (["--size", "2"], "fewer than 4 atoms or layers"),
        (["--slabs", "copper"], "an element or an alloy"),
        (["--slabs", "Au", *SMALL], "is Au, but the potential has only Cu, Ag"),
    ]:
        assert main(["barriers", str(FIELD), *more]) == 2
        assert said in capsys.readouterr().err
