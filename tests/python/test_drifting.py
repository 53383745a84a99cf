"""Particles that drift: pairs are found as they come near, mergers are told, space is divided anew,
and nothing of it depends on ranks or on when jobs end."""

import re

import h5py
import numpy as np
import pytest

from running import POTENTIALS, run, same_end, write_input

TEXT = f"""
[potential]
library = "{POTENTIALS}/PtFe.library.meam"
parameters = "{POTENTIALS}/PtFe.meam"
elements = ["Pt", "Fe"]
[structure]
file = "drifting.xyz"
[output]
trajectory_interval_ps = 0.04
series_interval_ps = 0.02
neck_hold_ps = 0.04
[checkpoint]
every_steps = 80
[[stage]]
kind = "hold"
ensemble = "nve"
duration_ps = DURATION
"""
A = 3.92
SERIES = ["pairs", "boundaries", "mergers", "thermo", "particles", "clusters"]


def cube(cells):
    """An fcc cube with its centre at 0."""
    sites = np.indices([2 * cells + 1] * 3).reshape(3, -1).T
    sites = sites[sites.sum(axis=1) % 2 == 0] * (0.5 * A)
    return sites - 0.5 * A * cells


def radius(places):
    """Of a sphere with the same gyration radius."""
    return np.sqrt(5 / 3 * (places**2).sum(axis=1).mean())


def drifting(folder, duration, bodies):
    """Each body: places, where, velocity."""
    lines = []
    for number, (places, where, velocity) in enumerate(bodies):
        for x, y, z in places + np.array(where):
            lines.append("Pt {} {} {} {} {} {} {}".format(x, y, z, *velocity, number))
    properties = "Properties=species:S:1:pos:R:3:velo:R:3:particle:I:1"
    (folder / "drifting.xyz").write_text(f"{len(lines)}\n{properties}\n" + "\n".join(lines) + "\n")
    return write_input(folder, TEXT.replace("DURATION", str(duration)))


def series(folder):
    with h5py.File(folder / "trajectory.h5md") as file:
        return {f"{name}/{column}": file[f"sinter/{name}/{column}"][:] for name in SERIES for column in file[f"sinter/{name}"]}


@pytest.fixture(scope="module")
def approaching(tmp_path_factory):
    """Two cubes grown together, a third that comes within 20 Å of the second in step 100."""
    folder = tmp_path_factory.mktemp("approaching")
    body = cube(2)
    joined = 2 * A + 0.5 * A
    far = joined + 2 * radius(body) + 20 + 4.1
    bodies = [(body, [0, 0, 0], [0, 0, 0]), (body, [joined, 0.5 * A, 0], [0, 0, 0]), (body, [far, 0.5 * A, 0], [-20, 0, 0])]
    path = drifting(folder, 0.4, bodies)
    done = run("--output", folder / "whole", path)
    assert done.returncode == 0, done.stderr
    return path, folder / "whole"


def test_pairs_are_found_while_particles_move(approaching):
    _, whole = approaching
    found = series(whole)
    steps = list(found["pairs/step"])
    assert steps == list(range(0, 201, 10))
    pairs = found["pairs/particles"]
    assert pairs.shape == (21, 2, 2)
    assert (pairs[:, 0] == [0, 1]).all()
    since = steps.index(110)
    assert (pairs[:since, 1] == -1).all() and (pairs[since:, 1] == [1, 2]).all()
    for column in ["centre_distance", "gap", "neck_radius", "neck_ratio", "compactness", "shrinkage"]:
        assert np.isnan(found[f"pairs/{column}"][:since, 1]).all(), column
        assert np.isfinite(found[f"pairs/{column}"][since:, 1]).all(), column
    for column in ["neck_atoms", "bonded_atoms"]:
        assert (found[f"pairs/{column}"][:since, 1] == -1).all()
        assert (found[f"pairs/{column}"][since:, 1] == 0).all()
    assert np.isnan(found["pairs/found_time"][:, 0]).all()
    assert found["pairs/found_time"][since:, 1] == pytest.approx(0.22)
    # 20 Å/ps, and what attracts at that distance does not reach.
    distance = found["pairs/centre_distance"][since:, 1]
    assert np.diff(distance) == pytest.approx(-0.4, abs=0.05)
    assert found["boundaries/particles"].shape == (11, 2, 2)
    assert list(found["boundaries/particles"][:, 1, 0]) == [-1] * 6 + [1] * 5
    assert list(found["mergers/time"]) == pytest.approx([0.04])
    assert found["mergers/particles"].tolist() == [[0, 1]]
    assert found["mergers/clusters"].tolist() == [[0, 1]]
    assert found["mergers/cluster_particles"].tolist() == [[1, 1]]


def test_series_of_pairs_do_not_depend_on_ranks(approaching, tmp_path):
    path, whole = approaching
    done = run("--output", tmp_path / "out", path, ranks=3)
    assert done.returncode == 0, done.stderr
    same_end(whole / "checkpoint-200.h5", tmp_path / "out")


def test_a_job_that_died_after_a_pair_was_found_goes_on_as_if_nothing_had_been(approaching, tmp_path):
    path, whole = approaching
    died = run("--output", tmp_path / "out", path, more={"SINTER_FAULT": "nan 145 0"}.items())
    assert died.returncode == 1
    with h5py.File(tmp_path / "out/trajectory.h5md") as file:
        assert file["sinter/pairs/gap"].shape[1] == 2
    done = run("--output", tmp_path / "out", "--resume", path, ranks=2)
    assert done.returncode == 0, done.stderr
    assert "checkpoint-80.h5" in done.stdout
    same_end(whole / "checkpoint-200.h5", tmp_path / "out")


def test_space_is_divided_anew_where_loads_shift(tmp_path):
    """One particle flies past another: on two and three ranks the work is even again, to the same bits."""
    random = np.random.default_rng(1)
    one, other = (cube(4) + random.normal(scale=0.1, size=cube(4).shape) for _ in range(2))
    path = drifting(tmp_path, 0.3, [(one, [0, 0, 0], [0, 0, 0]), (other, [26, 19, 0], [-100, 0, 0])])
    for ranks in [1, 2, 3]:
        done = run("--output", tmp_path / str(ranks), path, ranks=ranks)
        assert done.returncode == 0, done.stderr
        if ranks > 1:
            work, divided = re.search(r"^ranks: .* work ([\d.]+) of (?:the mean|its share, by speed .*?); space divided (\d+) times", done.stdout, re.M).groups()
            assert float(work) <= 1.05 and int(divided) > 2, done.stdout
            same_end(tmp_path / "1/checkpoint-150.h5", tmp_path / str(ranks))
