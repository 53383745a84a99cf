"""`sinter-tools campaign`: what is missing is run, a killed one goes on, the map is right."""

import csv
import json
import os
import signal
import subprocess
import sys

import numpy as np
import pytest

from running import HEAD, PROGRAM, ROOT, environment, wait_until

sys.path.insert(0, str(ROOT / "tools"))

from sinter_tools import campaign, digest
from sinter_tools.cli import main
from sinter_tools.trajectory import Unusable

# The first lines still belong to `[output]`: a neck that has held for a few frames counts.
STAGES = """
neck_hold_ps = 0.04
[[stage]]
kind = "equilibrate"
particles = "apart"
temperature_k = 300
duration_ps = 0.1
[[stage]]
kind = "hold"
temperature_k = 300
duration_ps = {together}
"""

VARY = """
input = "pair.toml"
[vary]
"stage.temperature_k" = [300, 600]
"placement.gap_angstrom" = [1.8, 8.0]
seed = [1]
"""


def written(folder, together=0.1):
    (folder / "pair.toml").write_text(HEAD + STAGES.format(together=together))
    path = folder / "map.toml"
    path.write_text(VARY)
    return path


def start(path, folder):
    command = [sys.executable, "-m", "sinter_tools", "campaign", str(path), "--output", str(folder)]
    command += ["--jobs", "2", "--program", str(PROGRAM)]
    return subprocess.Popen(
        command, cwd=ROOT / "tools", env=environment(), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )


def steps_of(folder):
    return json.loads((folder / "result.json").read_text())["steps"]


def test_a_campaign_runs_what_is_missing_and_draws_the_map(tmp_path):
    path = written(tmp_path)
    folder = tmp_path / "out"
    out, err = (process := start(path, folder)).communicate(timeout=300)
    assert process.returncode == 0, out + err
    runs = sorted(file.parent for file in folder.glob("*/*/result.json"))
    assert len(runs) == 4 and {steps_of(run) for run in runs} == {100}
    # Each temperature was equilibrated once.
    assert len(list(folder.glob("*/alone/last-checkpoint"))) == 2
    assert (folder / "map.png").stat().st_size > 5000
    rows = [line.split(",") for line in (folder / "map.csv").read_text().split()[1:]]
    necked = {(row[0], row[1]): row[3] for row in rows}
    assert necked == {("300", "1.8"): "1", ("300", "8.0"): "0", ("600", "1.8"): "1", ("600", "8.0"): "0"}
    with (folder / "runs.csv").open() as file:
        each = list(csv.DictReader(file))
    assert sorted((row["stage.temperature_k"], row["placement.gap_angstrom"]) for row in each) == sorted(necked)
    assert all((row["neck_after_ps"] != "") == (row["placement.gap_angstrom"] == "1.8") for row in each)
    # Every state is another one, and is that of its last checkpoint.
    assert {row["atoms_sha256"] for row in each} == {digest.state(run / "checkpoint-100.h5")[0]["atoms_sha256"] for run in runs}
    assert len({row["atoms_sha256"] for row in each}) == 4
    # Called again it runs nothing.
    before = {file: file.stat().st_mtime_ns for file in folder.glob("*/*/*.h5*")}
    out, err = (process := start(path, folder)).communicate(timeout=300)
    assert process.returncode == 0, out + err
    assert before == {file: file.stat().st_mtime_ns for file in folder.glob("*/*/*.h5*")}


def test_a_killed_campaign_goes_on(tmp_path):
    path = written(tmp_path, together=3)
    folder = tmp_path / "out"
    process = start(path, folder)
    began = lambda: list(folder.glob("*/gap_angstrom-*/trajectory.h5md"))
    wait_until(began, 300)
    process.send_signal(signal.SIGTERM)
    out, err = process.communicate(timeout=120)
    assert process.returncode == 75, out + err
    assert "call again to go on" in out
    out, err = (process := start(path, folder)).communicate(timeout=600)
    assert process.returncode == 0, out + err
    assert {steps_of(file.parent) for file in folder.glob("*/*/result.json")} == {1550}


def test_intervals_hold_what_is_known():
    assert campaign.fraction(0, 4)[0] == 0 and campaign.fraction(4, 4)[2] == 1
    # Clopper and Pearson's for 8 of 10.
    np.testing.assert_allclose(campaign.fraction(8, 10), (0.8, 0.4439, 0.9748), atol=1e-4)
    median, low, high = campaign.median_time([10, 20, None, 30, 40, 25])
    assert (median, low, high) == (27.5, 10.0, np.inf)
    assert campaign.median_time([None, None, 5])[0] == np.inf


@pytest.mark.parametrize(
    "text, words",
    [
        ('input = "none.toml"\n[vary]\nseed = [1]\n', r":1:1: `input`: there is no file .*none.toml"),
        ('[vary]\nseed = [1]\n', "`input` is missing"),
        ('input = "pair.toml"\n[vary]\nsed = [1]\n', "has no such key"),
        ('input = "pair.toml"\n', "`[vary]` wants"),
        ('input = "pair.toml"\nvari = 1\n', ":2:1: `vari` is unknown"),
        ('input = "pair.toml"\n[vary]\nseed = [1, 2, 1]\n', ":3:1: `seed`: 1 stands there twice"),
        ('input = "pair.toml"\n[vary]\n"stage.temperature_k" = [nan]\n', ":3:1: `stage.temperature_k`: nan is no value"),
        ('input = "pair.toml"\n[[part]]\ninput = "pair.toml"\n', ":1:1: `input` stands beside `[[part]]`"),
        ('[[part]]\ninput = "pair.toml"\nafter = "none.toml"\n[part.vary]\nseed = [1]\n', ":3:1: `after`: there is no file"),
    ],
)
def test_bad_campaigns_are_told(tmp_path, text, words):
    path = written(tmp_path)
    path.write_text(text)
    with pytest.raises(Unusable, match=words.replace("[", r"\[")):
        campaign.Campaign(path)


def test_a_map_is_of_all_groups(tmp_path, capsys):
    with pytest.raises(SystemExit) as ended:
        main(["campaign", str(written(tmp_path)), "--map", "--task", "1"])
    assert ended.value.code == 2 and "--task: not allowed with argument --map" in capsys.readouterr().err


def test_files_of_any_force_field_are_found_from_the_folders_of_the_runs(tmp_path):
    tables = ['seed = 1', '[potential]', 'file = "a/one.toml"', '[[term]]', 'file = ["two.alloy", "three.alloy"]']
    tables += ['[[particle]]', 'structure = { file = "four.xyz" }']
    (tmp_path / "in.toml").write_text("\n".join(tables))
    (tmp_path / "map.toml").write_text('input = "in.toml"\n[vary]\nseed = [1, 2]\n')
    for run in campaign.Campaign(tmp_path / "map.toml", tmp_path / "out").runs():
        assert run.config["potential"]["file"] == str(tmp_path / "a/one.toml")
        assert run.config["term"][0]["file"] == [str(tmp_path / name) for name in ("two.alloy", "three.alloy")]
        assert run.config["particle"][0]["structure"]["file"] == str(tmp_path / "four.xyz")


def test_powders_are_pressed_at_several_temperatures(tmp_path):
    text = (ROOT / "inputs/ensemble/pressed.toml").read_text().replace("../potentials/", f"{ROOT}/inputs/potentials/")
    for old, new in [("count = 12", "count = 4"), ("duration_ps = 16", "duration_ps = 3"), ("duration_ps = 1\n", "duration_ps = 0.2\n")]:
        assert old in text
        text = text.replace(old, new)
    (tmp_path / "pressed.toml").write_text(text)
    path = tmp_path / "pressed.campaign"
    path.write_text('figure = "pressing"\ninput = "pressed.toml"\n[vary]\n"stage.temperature_k" = [300, 1200]\n')
    folder = tmp_path / "out"
    out, err = (process := start(path, folder)).communicate(timeout=300)
    assert process.returncode == 0, out + err
    assert "300 K: " in out and "1200 K: " in out and " % void at " in out
    head, *lines = (folder / "pressing.csv").read_text().split()
    assert head == "temperature_k,pressure_gpa,void_fraction,contact_nm2"
    rows = np.array([line.split(",") for line in lines], float)
    assert set(rows[:, 0]) == {300, 1200}
    for temperature in (300, 1200):
        _, pressure, void, contact = rows[rows[:, 0] == temperature].T
        assert pressure[-1] > pressure[0] + 1 and contact[-1] > contact[0]
        assert 0 <= void[-1] < void[0] < 1
    assert (folder / "pressing.png").stat().st_size > 5000
