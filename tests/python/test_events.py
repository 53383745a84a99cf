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
    """A file in which every event is known. `stretch`: of the box along x, evenly from the begin to the end, and of the
    centres with it."""
    nan = np.nan
    pairs = [(0, 1), (1, 2), (3, 4)]
    since = np.full((25, 3), nan)
    # Found when it has lasted for a picosecond: of the second stage. It breaks in the third.
    since[9:15, 0] = 8.0
    # Of the last moment of the second stage, found in the third.
    since[14:, 1] = 12.5
    since[21:, 2] = 20.0
    centres = np.zeros((25, PARTICLES, 3))
    centres[..., 0] = 50.0 * np.arange(PARTICLES)
    # The last one comes 9 Å nearer in the last stage, of which 8 until it has its neck; the first moves 5 Å while it has one.
    centres[20:, 4, 0] -= 8.0
    centres[21:, 4, 0] -= 1.0
    centres[11:, 0, 1] += 5.0
    grown = np.linspace(1.0, stretch, 25)
    centres[..., 0] *= grown[:, None]
    lost = np.zeros((25, PARTICLES), int)
    # Of one without a neck in the third stage, and of one that has one: that is mixing.
    lost[15:, 3], lost[15:, 1] = 2, 7
    vapour = np.zeros(25, int)
    vapour[22:] = 3
    series = {
        "thermo": {
            "stage": np.array([name.encode() for name, _ in STAGES]),
            "stage_number": np.array([1] + [2] * 6 + [3] * 6 + [4] * 6 + [5] * 6),
            "target_temperature": np.array([float(t) for _, t in STAGES]),
            "temperature": np.array([t + 1.0 for _, t in STAGES]),
            "evaporated_atoms": vapour,
        },
        "particles": {"centre": centres, "displacement": np.where(TIMES[:, None] < 1, nan, np.zeros((25, PARTICLES)))},
        "pairs": {"particles": np.tile(np.array(pairs), (25, 1, 1)), "neck_time": since},
        "structure": {"lost_atoms": lost, "nearest_neighbour_distance": np.full(25, 2.8)},
    }
    merged = {"particles": pairs, "neck_time": [8.0, 12.5, 20.0], "closure": [b"surface diffusion", b"touching", b"migration"]}
    with h5py.File(path, "w") as file:
        for group, columns in series.items():
            for name, values in (columns | {"time": TIMES, "step": TIMES * 500}).items():
                file[f"sinter/{group}/{name}"] = values
        for name, values in (merged | {"time": [9.0, 14.0, 21.0], "step": [4500, 7000, 10500]}).items():
            file[f"sinter/mergers/{name}"] = values
        atoms = file.create_group("particles/trajectory")
        atoms["position/value"] = np.zeros((25, PARTICLES, 3))
        atoms["position/step"], atoms["position/time"] = TIMES.astype(int) * 500, TIMES
        atoms["species/value"] = np.full((25, PARTICLES), 78)
        atoms["box/edges/value"] = np.outer(grown, [400.0, 0, 0]) if stretch != 1 else np.zeros((25, 3))
        atoms["box"].attrs["boundary"] = ["periodic" if stretch != 1 else "none", "none", "none"]
    return path


@pytest.mark.parametrize("stretch", [1.0, 1.2, 0.7])
def test_events_are_those_that_were_made(tmp_path, stretch):
    with Trajectory(write(tmp_path / "trajectory.h5md", stretch)) as trajectory:
        found = events.periods(trajectory)
    assert [p.name for p in found] == ["400 C", "600 C", "900 C", "1000 C"]
    # The row where two stages meet is of the one that begins.
    assert [(p.begin_ps, p.end_ps) for p in found] == [(1, 7), (7, 13), (13, 19), (19, 24)]
    assert [(p.from_k, p.to_k) for p in found] == [(t, t) for t in (673, 873, 1173, 1273)]
    closed = [(p.by_surface_diffusion, p.by_migration, p.touching) for p in found]
    assert closed == [(0, 0, 0), (1, 0, 1), (0, 0, 0), (0, 1, 0)]
    # The first neck has broken by the end of the third stage.
    assert [p.bodies for p in found] == [5, 3, 4, 3]
    assert [p.moved for p in found] == [0, 0, 0, 1]
    # What a box carries along is as exact as its frames.
    assert [p.farthest_angstrom for p in found] == pytest.approx([0, 0, 0, 8 * (1 + (stretch - 1) * 20 / 24)], abs=1e-3)
    assert [p.vapour for p in found] == [0, 0, 0, 3]
    assert [p.gone_over for p in found] == [0, 0, 2, 0]
    assert [p.kind for p in found] == ["nothing", "necks only", "ripening", "necks and migration and ripening"]


def test_a_table_and_a_figure_are_written(tmp_path, capsys):
    write(tmp_path / "trajectory.h5md")
    assert main(["events", str(tmp_path)]) == 0
    told = capsys.readouterr().out.splitlines()
    assert told[0].split()[0] == "stage" and told[1].split()[-1] == "nothing"
    assert [line.split("  ")[-1].strip() for line in told[2:5]] == ["necks only", "ripening", "necks and migration and ripening"]
    for ending in (".png", ".svg"):
        assert (tmp_path / f"events{ending}").stat().st_size > 5000
    with (tmp_path / "events.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert [row["what_happened"] for row in rows] == ["nothing", "necks only", "ripening", "necks and migration and ripening"]
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
    with Trajectory(tmp_path / "out") as trajectory:
        heated, held = events.periods(trajectory)
        mergers = trajectory.series("mergers", "neck_time")
    assert heated.name == "to 900 K" and heated.begin_ps == pytest.approx(0.1) and heated.end_ps == pytest.approx(0.5)
    assert heated.from_k == pytest.approx(600, abs=20) and heated.to_k == 900
    assert heated.bodies == 1 and heated.necks == len(mergers.values) == 1 and heated.kind == "necks only"
    # Without a thermostat the temperature is that which was measured.
    assert held.name == "hold" and held.bodies == 1 and held.kind == "nothing" and 300 < held.to_k < 900


def test_a_run_that_ends_while_particles_are_apart_has_no_events(tmp_path, capsys):
    path = write(tmp_path / "trajectory.h5md")
    with h5py.File(path, "r+") as file:
        file["sinter/particles/displacement"][...] = np.nan
    assert main(["events", str(path)]) == 2
    assert "do not come to share one space" in capsys.readouterr().err


def test_what_is_missing_is_named(tmp_path, capsys):
    path = write(tmp_path / "trajectory.h5md")
    with h5py.File(path, "r+") as file:
        del file["sinter/thermo/stage_number"]
    assert main(["events", str(path)]) == 2
    assert "stage_number" in capsys.readouterr().err
