"""The last checkpoint beside a trajectory, and what it tells of how far the run has come."""

import json
import re
import tomllib

import h5py

from .trajectory import Unusable


def last(folder):
    """The newest checkpoint in the folder of a run; None where there is none."""
    step = lambda path: path.stem.removeprefix("checkpoint-")
    found = [path for path in folder.glob("checkpoint-*.h5") if step(path).isdigit()]
    return max(found, key=lambda path: int(step(path)), default=None)


def read(path, arrays=()):
    """Header of a checkpoint, and some arrays of its atoms by name."""
    try:
        with h5py.File(path, "r", locking=False) as file:
            return json.loads(file["header"][()]), {name: file[f"atoms/{name}"][:] for name in arrays}
    except (OSError, KeyError, ValueError) as error:
        raise Unusable(f"{path}: this is no checkpoint that can be read ({error})") from None


def reached(trajectory):
    """Step and time (ps) that the series go to, or else the frames: beyond the last checkpoint, where a run was killed."""
    thermo = trajectory.series("thermo", "total_energy")
    of = (trajectory.steps, trajectory.times) if thermo is None or not len(thermo.step) else (thermo.step, thermo.time)
    return int(of[0][-1]), float(of[1][-1])


def is_finished(trajectory, header):
    """Whether all stages were through in a checkpoint, or the run was done before by what `[stop]` wanted, and nothing has come
    after that."""
    through = header["step"] if header["stage"] >= len(_stages(header)) else -1
    return max(through, _done_at(trajectory.path.parent / "run.log")) >= reached(trajectory)[0]


def _done_at(log):
    """The step at which a log last says that the run is done; -1 where it does not."""
    text = log.read_text(errors="replace") if log.exists() else ""
    return max((int(step) for step in re.findall(r"^Done\b.* at step (\d+):", text, re.M)), default=-1)


def planned_end(header):
    """Time to which the run was to go, ps."""
    longer = sum(extension["by_ps"] for extension in header["provenance"].get("extensions", []))
    return sum(stage.get("duration_ps", 0) for stage in _stages(header)) + longer


def _stages(header):
    """As the input has them that the checkpoint was written with."""
    return tomllib.loads(header["provenance"]["input"])["stage"]
