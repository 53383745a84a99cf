"""What became of many particles in each stage: necks, migration, ripening."""

import csv
import sys

import h5py
import numpy as np
import pytest

from running import HEAD, ROOT, run, write_input

sys.path.insert(0, str(ROOT / "tools"))

from sinter_tools import Trajectory, events
from sinter_tools.cli import main

PARTICLES = 5
#: A row a picosecond; six of each stage, but for the first, in which particles are apart.
TIMES = np.arange(0.0, 25)
STAGES = [("alone", 673)] + [("400 C", 673)] * 6 + [("600 C", 873)] * 6 + [("900 C", 1173)] * 6 + [("1000 C", 1273)] * 6


def write(path, stretch=1.0):
    """A file in which every event is known, of particles of one atom each. `stretch`: of the box along x, evenly from the begin to
    the end, and of the centres with it."""
    nan = np.nan
    pairs = [(0, 1), (1, 2), (3, 4)]
    since, bridging = np.full((25, 3), nan), np.zeros((25, 3, 2), int)
    # Found when it has lasted for a picosecond: of the second stage. It breaks in the third.
    since[9:15, 0], bridging[8:15, 0] = 8.0, 5
    # Of the last moments of the second stage, found in the third.
    since[14:, 1], bridging[12:, 1] = 12.0, 4
    since[21:, 2], bridging[20:, 2] = 20.0, 9
    centres = np.zeros((25, PARTICLES, 3))
    centres[..., 0] = 50.0 * np.arange(PARTICLES)
    # The last one comes 9 Å nearer in the last stage, of which 8 until it has its neck; the first moves 5 Å while it has one.
    centres[20:, 4, 0] -= 8.0
    centres[21:, 4, 0] -= 1.0
    centres[11:, 0, 1] += 5.0
    grown = np.linspace(1.0, stretch, 25)
    centres[..., 0] *= grown[:, None]
    lost = np.zeros((25, PARTICLES), int)
    # In the third stage of one without a neck, and of one that has one, which is mixing. In the last one some come back.
    lost[15:20, 3], lost[20:, 3], lost[15:, 1] = 2, 1, 7
    # As much as there was while particles were apart is nothing new.
    vapour = np.full(25, 4)
    vapour[22:] = 7
    series = {
        "thermo": {
            "stage": np.array([name.encode() for name, _ in STAGES]),
            "stage_number": np.array([1] + [2] * 6 + [3] * 6 + [4] * 6 + [5] * 6),
            "target_temperature": np.array([float(t) for _, t in STAGES]),
            "temperature": np.array([t + 1.0 for _, t in STAGES]),
            "evaporated_atoms": vapour,
        },
        "particles": {"centre": centres, "displacement": np.where(TIMES[:, None] < 1, nan, np.zeros((25, PARTICLES)))},
        "pairs": {"particles": np.tile(np.array(pairs), (25, 1, 1)), "neck_time": since, "bridging_atoms": bridging},
        "structure": {"lost_atoms": lost, "vapour_atoms": np.zeros_like(lost), "nearest_neighbour_distance": np.full(25, 2.8)},
    }
    merged = {"particles": pairs, "neck_time": [8.0, 12.0, 20.0], "closure": [b"surface diffusion", b"touching", b"migration"]}
    with h5py.File(path, "w") as file:
        for group, columns in series.items():
            for name, values in (columns | {"time": TIMES, "step": TIMES.astype(int) * 500}).items():
                file[f"sinter/{group}/{name}"] = values
        for name, values in (merged | {"time": [9.0, 14.0, 21.0], "step": [4500, 7000, 10500]}).items():
            file[f"sinter/mergers/{name}"] = values
        atoms = file.create_group("particles/trajectory")
        atoms["position/value"] = centres
        atoms["position/step"], atoms["position/time"] = TIMES.astype(int) * 500, TIMES
        atoms["species/value"] = np.full((25, PARTICLES), 78)
        atoms["box/edges/value"] = np.outer(grown, [400.0, 0, 0]) if stretch != 1 else np.zeros((25, 3))
        atoms["box"].attrs["boundary"] = ["periodic" if stretch != 1 else "none", "none", "none"]
        file["particle"] = np.arange(PARTICLES)
    return path


def told(path):
    with Trajectory(path) as trajectory:
        return events.periods(events.Run(trajectory))


KINDS = ["nothing", "necks only", "ripening", "necks and migration and ripening"]


@pytest.mark.parametrize("stretch", [1.0, 1.2, 0.7])
def test_events_are_those_that_were_made(tmp_path, stretch):
    found = told(write(tmp_path / "trajectory.h5md", stretch))
    assert [p.name for p in found] == ["400 C", "600 C", "900 C", "1000 C"]
    # The row where two stages meet is of the one that begins.
    assert [(p.begin_ps, p.end_ps) for p in found] == [(1, 7), (7, 13), (13, 19), (19, 24)]
    assert [(p.from_k, p.to_k) for p in found] == [(t, t) for t in (673, 873, 1173, 1273)]
    closed = [(p.by_surface_diffusion, p.by_migration, p.touching) for p in found]
    assert closed == [(0, 0, 0), (1, 0, 1), (0, 0, 0), (0, 1, 0)]
    # The first neck has broken by the end of the third stage.
    assert [p.bodies for p in found] == [5, 3, 4, 3]
    assert [p.moved for p in found] == [0, 0, 0, 1]
    assert [p.farthest_angstrom for p in found] == pytest.approx([0, 0, 0, 8 * (1 + (stretch - 1) * 20 / 24)], abs=1e-3)
    assert [(p.vapour, p.evaporated) for p in found] == [(4, 0), (4, 0), (4, 0), (7, 3)]
    assert [p.gone_over for p in found] == [0, 0, 2, 0]
    assert [p.kind for p in found] == KINDS


def test_the_number_of_bodies_is_drawn_when_necks_break_too(tmp_path):
    with Trajectory(write(tmp_path / "trajectory.h5md")) as trajectory:
        times, bodies = events.Run(trajectory).history()
    assert times.tolist() == [0, 8, 12, 15, 20] and bodies == [5, 4, 3, 4, 3]


def test_what_fills_the_box_is_no_body_and_joins_none(tmp_path):
    """A slab on which particles stand made one body of them, in which nothing could move."""
    path = write(tmp_path / "trajectory.h5md")
    with h5py.File(path, "r+") as file:
        del file["particles/trajectory/box"]
        # Particle 1 is a slab of two atoms, as long as its period but for a bond.
        file["particles/trajectory/box/edges/value"] = np.tile([0.0, 52.0, 0.0], (25, 1))
        file["particles/trajectory/box"].attrs["boundary"] = ["none", "periodic", "none"]
        for name in ("position", "species"):
            values = file[f"particles/trajectory/{name}/value"][:]
            more = values[:, 1:2].copy()
            if name == "position":
                more[..., 1] += 50.0
            del file[f"particles/trajectory/{name}/value"]
            file[f"particles/trajectory/{name}/value"] = np.concatenate([values, more], axis=1)
        del file["particle"]
        file["particle"] = [0, 1, 2, 3, 4, 1]
    found = told(path)
    assert [p.bodies for p in found] == [4, 4, 4, 3]
    assert [p.necks for p in found] == [0, 0, 0, 1]
    # The first one is free now when it moves by 5 Å. What it has lost to the slab has not gone over to a particle.
    assert [p.moved for p in found] == [0, 1, 0, 1]


def test_a_bond_that_is_no_neck_yet_makes_no_ripening(tmp_path):
    path = write(tmp_path / "trajectory.h5md")
    with h5py.File(path, "r+") as file:
        file["sinter/pairs/bridging_atoms"][16:18, 2] = 2
    assert [p.gone_over for p in told(path)] == [0, 0, 0, 0]


def test_what_touches_from_the_start_does_not_move_without_a_neck(tmp_path):
    path = write(tmp_path / "trajectory.h5md")
    with h5py.File(path, "r+") as file:
        file["sinter/pairs/bridging_atoms"][:, 2], file["sinter/pairs/neck_time"][2:, 2] = 8, 1.0
    found = told(path)
    assert [p.necks for p in found] == [1, 2, 0, 0] and [p.moved for p in found] == [0, 0, 0, 0]


def test_atoms_that_fly_away_do_not_move_the_particle(tmp_path):
    """The centre is that of all atoms that came from it; frames tell where what is left is."""
    path = write(tmp_path / "trajectory.h5md")
    with h5py.File(path, "r+") as file:
        file["sinter/structure/vapour_atoms"][14:, 2] = 1
        file["sinter/particles/centre"][14:, 2, 2] += 30.0
    assert [p.moved for p in told(path)] == [0, 0, 0, 1]


def test_a_table_and_a_figure_are_written(tmp_path, capsys):
    write(tmp_path / "trajectory.h5md")
    assert main(["events", str(tmp_path)]) == 0
    shown = capsys.readouterr().out.splitlines()
    assert shown[0].split()[0] == "stage"
    assert [line.split("  ")[-1].strip() for line in shown[1:5]] == KINDS
    for ending in (".png", ".svg"):
        assert (tmp_path / f"events{ending}").stat().st_size > 5000
    with (tmp_path / "events.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert [row["what_happened"] for row in rows] == KINDS
    assert [int(row["stage"]) for row in rows] == [2, 3, 4, 5]


def test_events_of_a_run(tmp_path):
    """Two particles that all but touch, through stages that heat them, and one in which no time passes."""
    stages = """
[[stage]]
kind = "equilibrate"
particles = "apart"
temperature_k = 600
duration_ps = 0.1
[[stage]]
name = "to 900 K"
kind = "heat"
temperature_k = 600
end_temperature_k = 900
duration_ps = 0.4
[[stage]]
name = "still"
kind = "minimise"
max_steps = 3
[[stage]]
kind = "hold"
ensemble = "nve"
duration_ps = 0.1
"""
    head = HEAD.replace("gap_angstrom = 4.0", "gap_angstrom = 2.0") + "neck_hold_ps = 0.1\n"
    done = run("--output", tmp_path / "out", write_input(tmp_path, head + stages))
    assert done.returncode == 0, done.stderr
    assert main(["events", str(tmp_path / "out")]) == 0
    heated, still, held = told(tmp_path / "out")
    assert heated.name == "to 900 K" and heated.begin_ps == pytest.approx(0.1) and heated.end_ps == pytest.approx(0.5)
    assert heated.from_k == pytest.approx(600, abs=20) and heated.to_k == 900
    assert heated.bodies == 1 and heated.necks == 1 and heated.kind == "necks only"
    assert still.begin_ps == still.end_ps == 0.5 and np.isnan(still.from_k) and still.kind == "nothing"
    # Without a thermostat the temperature is that which was measured.
    assert held.name == "hold" and held.bodies == 1 and held.kind == "nothing"
    with h5py.File(tmp_path / "out/trajectory.h5md") as file:
        measured = file["sinter/thermo/temperature"][:][file["sinter/thermo/stage_number"][:] == 4]
    assert held.from_k == held.to_k == pytest.approx(measured.mean())


def test_a_run_that_ends_while_particles_are_apart_has_no_events(tmp_path, capsys):
    path = write(tmp_path / "trajectory.h5md")
    with h5py.File(path, "r+") as file:
        file["sinter/particles/displacement"][...] = np.nan
    assert main(["events", str(path)]) == 2
    assert "do not come to share one space" in capsys.readouterr().err


def test_what_fills_the_box_alone_has_no_events(tmp_path, capsys):
    path = write(tmp_path / "trajectory.h5md")
    with h5py.File(path, "r+") as file:
        del file["particles/trajectory/box"]
        file["particles/trajectory/box/edges/value"] = np.tile([0.0, 1.0, 0.0], (25, 1))
        file["particles/trajectory/box"].attrs["boundary"] = ["none", "periodic", "none"]
    assert main(["events", str(path)]) == 2
    assert "there are no particles" in capsys.readouterr().err


@pytest.mark.parametrize("series", ["thermo/stage_number", "particles/displacement", "pairs/neck_time", "mergers/closure", "structure/lost_atoms"])
def test_what_is_missing_is_named(tmp_path, capsys, series):
    path = write(tmp_path / "trajectory.h5md")
    with h5py.File(path, "r+") as file:
        del file[f"sinter/{series}"]
    assert main(["events", str(path)]) == 2
    assert series.split("/")[1] in capsys.readouterr().err


def test_nothing_has_happened_before_the_first_step(tmp_path, capsys):
    path = write(tmp_path / "trajectory.h5md")
    with h5py.File(path, "r+") as file:
        file["sinter/particles/displacement"][:24] = np.nan
    assert main(["events", str(path)]) == 2
    assert "nothing has happened yet" in capsys.readouterr().err
