"""What to keep of a run whose trajectory is too large to keep: what it was started from, where it ended, with a
checksum of every bit of that state, what it shows, and its series as a table.

The checksum is SHA-256 over the last checkpoint's atoms in the order of their ids: id (u64), species (u8), particle (u32),
image (3 i32), position and velocity (3 f64 each), array by array, little-endian. The same input on other ranks, threads or through other
restarts has the same one. Where a run was killed, what it shows and the table go on beyond that state, to `series_end`.
"""

import hashlib
import json

import numpy as np

from . import analysis, checkpoints, facing, summary, surfaces, tables
from .trajectory import Unusable

ARRAYS = {"id": "<u8", "species": "u1", "particle": "<u4", "image": "<i4", "position": "<f8", "velocity": "<f8"}
MOST_ROWS = 400
#: Of each series: the columns of the table, of every particle or pair where there are several.
COLUMNS = {
    "thermo": ["temperature", "potential_energy", "evaporated_atoms"],
    "pairs": ["gap", "neck_radius", "neck_atoms", "bonded_atoms", "centre_distance"],
    "particles": ["displacement"],
}
#: What the end shows: key, and series.
LAST_THIRD = [
    ("temperature_k", "thermo", "temperature"),
    ("centres_moved_angstrom", "particles", "displacement"),
    ("gap_angstrom", "pairs", "gap"),
    ("neck_radius_angstrom", "pairs", "neck_radius"),
    ("neck_atoms", "pairs", "neck_atoms"),
]


def state(checkpoint):
    """Step, time (ps) and checksum of a checkpoint, and its header."""
    header, atoms = checkpoints.read(checkpoint, ARRAYS)
    order = np.argsort(atoms["id"][:, 0])
    checksum = hashlib.sha256()
    for name, kind in ARRAYS.items():
        checksum.update(np.ascontiguousarray(atoms[name].astype(kind)[order]).tobytes())
    return {"step": header["step"], "time_ps": header["time_ps"], "checkpoint": checkpoint.name, "atoms_sha256": checksum.hexdigest()}, header


def last_checkpoint(folder):
    """The newest checkpoint in the folder of a run, which tells where it ended."""
    found = checkpoints.last(folder)
    if found is None:
        raise Unusable(f"{folder}: there is no checkpoint here to tell where the run ended")
    return found


def _mean(series, rows):
    """Of each column mean and error over rows, as numbers that JSON has."""
    values = np.asarray(series.values[rows], float).reshape(len(series.values[rows]), -1)
    return [[round(float(x), 4) for x in analysis.mean_and_error(column)] for column in values.T]


def _corners(trajectory, index):
    """Of each particle the mean distance from its centre of the hundredth of atoms that are farthest out, over the root of the mean
    square distance: it falls as corners and edges become round. Atoms that have evaporated do not count."""
    frame = trajectory.frame(index)
    bound = ~surfaces.vapour(trajectory, frame)
    rows = []
    for particle in range(int(trajectory.particle.max()) + 1):
        places = frame.positions[bound & (trajectory.particle == particle)]
        if not len(places):
            rows.append(None)
            continue
        far = np.sort(np.linalg.norm(places - places.mean(0), axis=1))
        rows.append(round(float(far[-max(len(far) // 100, 1) :].mean() / np.sqrt((far**2).mean())), 4))
    return rows


def shown(trajectory):
    """What the run shows since its particles stand together, in the words of the paper's statements."""
    since = trajectory.together()
    found = {}
    for key, group, name in LAST_THIRD:
        series = trajectory.series(group, name)
        if series is not None and (rows := np.flatnonzero(series.time >= since)).size >= 10:
            found[f"{key}_mean_and_error_of_the_last_third"] = _mean(series, rows[2 * len(rows) // 3 :])
    found["neck_since_ps"] = summary.contacts(trajectory)
    evaporated = trajectory.series("thermo", "evaporated_atoms")
    if evaporated is not None and len(evaporated.values):
        found["evaporated_atoms_at_the_most_and_at_the_end"] = [int(evaporated.values.max()), int(evaporated.values[-1])]
    for key, group, name in (
        ("atoms_gone_over", "structure", "lost_atoms"),
        ("misorientation_deg", "boundaries", "misorientation"),
        ("sigma", "boundaries", "sigma"),
        ("relative_rotation_deg", "boundaries", "relative_rotation"),
    ):
        series = trajectory.series(group, name)
        if series is not None and len(series.values):
            found[f"{key}_first_and_last"] = [np.round(series.values[k], 4).tolist() for k in (0, -1)]
    moments = 0, trajectory.at(since), len(trajectory) - 1
    found["corners_first_put_together_and_last"] = [_corners(trajectory, index) for index in moments]
    if trajectory.pairs():
        _, coverage = facing.history(trajectory, trajectory.main_pair())
        last = _known_mean(coverage[2 * len(coverage) // 3 :])
        found["layers_above_the_facing_facets_put_together_and_last_third"] = [np.round(c, 4).tolist() for c in (coverage[0], last)]
    return found


def _known_mean(rows):
    """Mean over rows, of what is known; NaN where nothing is."""
    known = np.isfinite(rows)
    return np.where(known, rows, 0).sum(0) / np.where(known.any(0), known.sum(0), np.nan)


def _without_nan(content):
    """JSON has no NaN: what is not known is null."""
    if isinstance(content, dict):
        return {key: _without_nan(value) for key, value in content.items()}
    if isinstance(content, list):
        return [_without_nan(value) for value in content]
    return None if isinstance(content, float) and not np.isfinite(content) else content


def table(trajectory):
    """Header and at most `MOST_ROWS` rows of the series, evenly chosen; nothing where a series has not begun."""
    series = {(group, name): trajectory.series(group, name) for group, names in COLUMNS.items() for name in names}
    series = {key: value for key, value in series.items() if value is not None and len(value.values)}
    times = series[("thermo", "temperature")].time
    chosen = times[np.unique(np.linspace(0, len(times) - 1, MOST_ROWS).round().astype(int))]
    header, columns = ["time_ps"], [chosen]
    for (group, name), one in series.items():
        values = np.asarray(one.values, float).reshape(len(one.values), -1)
        # A time beyond the last row finds that, which is not of this time.
        places = np.minimum(np.searchsorted(one.time, chosen - 1e-9), len(one.time) - 1)
        there = np.isclose(one.time[places], chosen)
        for k, column in enumerate(values.T):
            header.append(name if values.shape[1] == 1 else f"{name}_{k}")
            columns.append(np.where(there, column[places], np.nan))
    rows = [[f"{value:.8g}" if np.isfinite(value) else "" for value in row] for row in zip(*columns)]
    return header, rows


def _lines(content, deep=1):
    """JSON with a line for each key of the two outer tables."""
    if not isinstance(content, dict) or deep > 2:
        return json.dumps(content, ensure_ascii=False)
    rows = (f"{' ' * deep}{json.dumps(key)}: {_lines(value, deep + 1)}" for key, value in content.items())
    return "{\n" + ",\n".join(rows) + "\n" + " " * (deep - 1) + "}"


def write(trajectory, path):
    """`path`.json and `path`.csv; returns both."""
    end, header = state(last_checkpoint(trajectory.path.parent))
    provenance = header["provenance"]
    text = trajectory.file["parameters/input"][()]
    first = trajectory.frame(0)
    content = {
        "title": trajectory.title,
        "seed": provenance["seed"],
        "revision": header["git_revision"],
        "input_sha256": hashlib.sha256(text).hexdigest(),
        "atoms": first.composition,
        "went_on_at_steps": [entry["step"] for entry in provenance["lineage"]],
        "finished": checkpoints.is_finished(trajectory, header),
        "end": end,
        "series_end": dict(zip(("step", "time_ps"), checkpoints.reached(trajectory))),
        "shown": shown(trajectory),
    }
    files = path.with_name(path.name + ".json"), path.with_name(path.name + ".csv")
    path.parent.mkdir(parents=True, exist_ok=True)
    files[0].write_text(_lines(_without_nan(content)) + "\n", encoding="utf-8")
    names, rows = table(trajectory)
    tables.write([names, *rows], files[1])
    return files
