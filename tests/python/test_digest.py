"""What is kept of a run without its trajectory, and the layers above facing facets that it tells of."""

import csv
import hashlib
import json
import sys
from types import SimpleNamespace

import h5py
import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from running import HEAD, ROOT, run, write_input

sys.path.insert(0, str(ROOT / "tools"))

from sinter_tools import Trajectory, checkpoints, digest, facing
from sinter_tools.cli import main
from test_surfaces import Made, shape

A = 3.92
PROTOCOL = """
[[stage]]
kind = "equilibrate"
particles = "apart"
temperature_k = 900
duration_ps = 0.04
[[stage]]
kind = "hold"
temperature_k = 900
duration_ps = 0.1
"""


def block(rng, first, second, noise):
    """A crystal whose upper (001) facet bears parts of two more layers, centred on the axis; positions."""
    n = 12
    corners = np.stack(np.meshgrid(*[np.arange(n)] * 3, indexing="ij"), axis=-1).reshape(-1, 1, 3)
    sites = A * (corners + 0.5 * np.array([[0, 0, 0], [0, 1, 1], [1, 0, 1], [1, 1, 0]])).reshape(-1, 3)
    sites -= A * n / 2
    levels = np.round(sites[:, 2] / (A / 2)).astype(int)
    kept = levels <= levels.max() - 2
    for level, share in ((levels.max() - 1, first), (levels.max(), second)):
        candidates = np.flatnonzero((levels == level) & (np.hypot(sites[:, 0], sites[:, 1]) < 12))
        kept[rng.choice(candidates, round(share * len(candidates)), replace=False)] = True
    return sites[kept] + rng.normal(0, noise, (kept.sum(), 3)), levels[kept] - (levels.max() - 2)


@pytest.mark.parametrize("noise", [0, 0.2])
@pytest.mark.parametrize("first, second", [(0.2, 0), (0.3, 0.1), (0, 0)])
def test_layers_above_a_facet_are_counted(noise, first, second):
    rng = np.random.default_rng(3)
    places, levels = block(rng, first, second, noise)
    turned = Rotation.from_rotvec([0.3, -0.8, 0.4])
    direction = turned.apply([0, 0, 1.0])
    # The line of centres goes through the centre of mass, beside which the facet's sites stand.
    aside = np.linalg.norm((places - places.mean(0))[:, :2], axis=1) < facing.RADIUS
    count = np.bincount(levels[aside & (levels >= -8)] + 8)
    full = np.median(count[:9])
    expected = np.pad(count[9:], (0, 3))[:3] / full
    centre = turned.apply(places).mean(0)
    found = facing.coverage(turned.apply(places), np.ones(len(places), bool), centre + 100 * direction, A / np.sqrt(2))
    # An inner layer has two atoms more or fewer within the cylinder, as sites of layers alternate.
    assert found == pytest.approx(expected, rel=0.03)
    assert (found > 0).tolist() == (expected > 0).tolist()


@pytest.mark.parametrize("noise", [0, 0.15])
@pytest.mark.parametrize("height, corners, facet", [(7, 11, 16), (8, 12, 25), (10, 15, 25), (12, 18, 49)])
def test_layers_that_taper_towards_a_small_facet_lack_no_atoms(height, corners, facet, noise):
    """Truncated octahedra of 807 to 4,033 atoms, bare and with a fourth of a layer on their (001)."""
    rng = np.random.default_rng(3)
    sites = np.stack(np.meshgrid(*[np.arange(-corners, corners + 1)] * 3, indexing="ij"), axis=-1).reshape(-1, 3)
    sites = sites[(sites.sum(1) % 2 == 0) & (np.abs(sites).sum(1) <= corners)]
    bare = sites[np.abs(sites).max(1) <= height]
    assert (bare[:, 2] == height).sum() == facet
    above = rng.permutation(sites[(sites[:, 2] == height + 1) & (np.abs(sites[:, :2]).max(1) <= height)])[: facet // 4]
    for places, expected in ((bare, 0), (np.concatenate([bare, above]), facet // 4 / facet)):
        places = places * A / 2 + rng.normal(0, noise, places.shape)
        first, *more = facing.coverage(places, np.arange(len(places)) >= 0, np.array([0, 0, 100.0]), A / np.sqrt(2))
        assert first == pytest.approx(expected, abs=0.025) and more == [0, 0]


class Faced(Made):
    """Two particles of as many atoms each."""

    def __init__(self, frames):
        super().__init__(frames)
        self.particle = np.repeat([0, 1], self.atoms // 2)


def test_evaporated_atoms_move_no_facet():
    """The mean place of all atoms of a particle would be far beside it, and one atom of a hundred its farthest corner."""
    rng = np.random.default_rng(5)
    one = shape(face_100=8, face_111=12)[0] @ shape(face_100=8)[1].T
    both = np.concatenate([one, one + [0, 0, 36.0]]) + rng.normal(0, 0.05, (2 * len(one), 3))
    gone = both.copy()
    corner = np.linalg.norm(one, axis=1).argmax()
    gone[corner] = [90_000, 20_000, -50_000]
    made = Faced([both, gone])
    _, coverage = facing.history(made)
    assert np.isfinite(coverage).all() and coverage[1] == pytest.approx(coverage[0], abs=0.01)
    assert digest._corners(made, 1) == pytest.approx(digest._corners(made, 0), rel=0.01)
    made.periodic, beyond = np.array([False, False, True]), np.array([0, 0, 100.0])
    frame = made.frame
    made.frame = lambda index: SimpleNamespace(**vars(frame(index)) | {"lengths": beyond})
    made.positions = [both + (made.particle == 1)[:, None] * beyond]
    assert facing.history(made)[1][0] == pytest.approx(coverage[0], abs=0.01)


def test_what_is_not_known_is_null_in_json():
    content = {"shown": {"misorientation_deg": [[float("nan")], [1.5]], "sigma": [3]}}
    refuse = lambda name: pytest.fail(f"{name} is no JSON")
    assert json.loads(digest._lines(digest._without_nan(content)), parse_constant=refuse)["shown"]["misorientation_deg"] == [[None], [1.5]]
    assert digest._known_mean(np.array([[1, np.nan], [3, np.nan]]))[0] == 2


def test_what_has_no_layers_has_no_facet():
    places = np.random.default_rng(1).uniform(-20, 20, (4000, 3))
    assert facing.coverage(places, np.ones(len(places), bool), np.array([0, 0, 100.0]), A / np.sqrt(2)) is None


@pytest.fixture(scope="module")
def digested(tmp_path_factory):
    """Folder, and what is told of a run on one rank and on two."""
    folder = tmp_path_factory.mktemp("digest")
    path = write_input(folder, HEAD.replace("series_interval_ps = 0.02", "series_interval_ps = 0.002") + PROTOCOL)
    told = []
    for name, ranks in (("one", None), ("two", 2)):
        done = run("--output", folder / name, path, ranks=ranks)
        assert done.returncode == 0, done.stderr
        assert main(["digest", str(folder / name), "--output", str(folder / f"{name}-kept")]) == 0
        told.append(json.loads((folder / f"{name}-kept.json").read_text()))
    return folder, *told


def test_the_same_state_has_the_same_checksum_on_any_ranks(digested):
    folder, one, two = digested
    assert one["end"]["atoms_sha256"] == two["end"]["atoms_sha256"]
    assert one["end"]["step"] == 70 and one["end"]["time_ps"] == pytest.approx(0.14)
    other = folder / "one/checkpoint-70.h5"
    with h5py.File(other) as file:
        atoms = {name: file[f"atoms/{name}"][:] for name in ("id", "species", "particle", "image", "position", "velocity")}
    order = np.argsort(atoms["id"][:, 0])
    whole = b"".join(values[order].tobytes() for values in atoms.values())
    assert one["end"]["atoms_sha256"] == hashlib.sha256(whole).hexdigest()


def test_a_digest_tells_what_the_series_tell(digested):
    folder, one, _ = digested
    rows = list(csv.DictReader((folder / "one-kept.csv").open()))
    with Trajectory(folder / "one") as trajectory:
        temperature, gap = trajectory.series("thermo", "temperature"), trajectory.series("pairs", "gap")
        assert one["seed"] == trajectory.input["seed"]
        assert one["input_sha256"] == hashlib.sha256(trajectory.file["parameters/input"][()]).hexdigest()
        assert one["atoms"] == trajectory.frame(0).composition
    assert len(rows) == len(temperature.time)
    assert [float(row["temperature"]) for row in rows] == pytest.approx(temperature.values.tolist(), rel=1e-7)
    apart = [row for row in rows if row["gap"] == ""]
    assert len(apart) == len(temperature.time) - len(gap.time) > 0
    assert [float(row["gap"]) for row in rows if row["gap"]] == pytest.approx(gap.values[:, 0].tolist(), rel=1e-7)
    third = gap.values[2 * len(gap.values) // 3 :, 0]
    (mean, error), = one["shown"]["gap_angstrom_mean_and_error_of_the_last_third"]
    assert mean == pytest.approx(third.mean(), abs=1e-4) and 0 < error < np.ptp(third)
    assert one["shown"]["evaporated_atoms_at_the_most_and_at_the_end"] == [0, 0]
    assert one["shown"]["neck_since_ps"] == [None]


def test_a_run_that_was_killed_is_told_as_not_finished(digested, tmp_path, capsys):
    """Its last checkpoint is of before the last rows of its series."""
    folder, one, _ = digested
    assert one["finished"] and one["series_end"] == {"step": one["end"]["step"], "time_ps": one["end"]["time_ps"]}
    assert main(["summary", str(folder / "one")]) == 0
    assert "not finished" not in capsys.readouterr().out
    for name in ("trajectory.h5md", "checkpoint-70.h5"):
        (tmp_path / name).write_bytes((folder / "one" / name).read_bytes())
    (tmp_path / "checkpoint-70.h5").rename(tmp_path / "checkpoint-60.h5")
    with h5py.File(tmp_path / "checkpoint-60.h5", "a") as file:
        header = json.loads(file["header"][()]) | {"step": 60, "time_ps": 0.12, "stage": 1}
        # Asked to be longer, and killed: more was to come than the input says.
        header["provenance"]["extensions"] = [{"stage": 1, "by_ps": 0.5}]
        del file["header"]
        file["header"] = json.dumps(header)
    assert main(["digest", str(tmp_path)]) == 0
    told = json.loads((tmp_path / "digest.json").read_text())
    assert not told["finished"] and told["end"]["step"] == 60 and told["series_end"]["step"] == 70
    assert main(["summary", str(tmp_path)]) == 0
    assert "  not finished, it was to go to 0.64 ps; the last checkpoint is of 0.12 ps, step 60\n" in capsys.readouterr().out


def test_a_run_that_was_done_before_its_last_stage_is_finished(tmp_path):
    """As `[stop] neck_ratio` ends it."""
    header = {"stage": 0, "step": 10, "provenance": {"input": '[[stage]]\nkind = "hold"\nduration_ps = 9\n'}}
    trajectory = SimpleNamespace(path=tmp_path / "trajectory.h5md", steps=[0, 10], times=[0, 0.02], series=lambda *_: None)
    assert not checkpoints.is_finished(trajectory, header)
    log = tmp_path / "run.log"
    log.write_text("Stopped early (wall time) at step 10: 0.020 ps\n")
    assert not checkpoints.is_finished(trajectory, header)
    log.write_text("Done (the neck ratio is 0.500, 0.5 was wanted) at step 10: 0.020 ps, 300 K.\n")
    assert checkpoints.is_finished(trajectory, header)
    trajectory.steps.append(15)
    assert not checkpoints.is_finished(trajectory, header), "it went on"


def test_a_folder_without_a_checkpoint_is_told_of(digested, tmp_path, capsys):
    (tmp_path / "trajectory.h5md").write_bytes((digested[0] / "one/trajectory.h5md").read_bytes())
    assert main(["digest", str(tmp_path)]) == 2
    assert "there is no checkpoint here to tell where the run ended" in capsys.readouterr().err
    assert not list(tmp_path.glob("digest*"))
