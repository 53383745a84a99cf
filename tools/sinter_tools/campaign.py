"""Many runs of one input or of several: over temperatures, gaps, seeds; what is missing is run, and a figure
is drawn: a map of which necked, or melting points.

A campaign is a TOML file:

    input = "small_pair.toml"                       # what the runs have in common
    [vary]                                          # every combination of these is a run
    "stage.temperature_k" = [1073, 1473]            # in all stages that have the key
    "placement.gap_angstrom" = [4.5, 5.5]
    seed = [1, 2, 3, 4]

Several inputs are its parts, and `figure` says what is measured and drawn ("map" unless given, or "melting"):

    figure = "melting"
    [[part]]
    input = "particle.toml"
    [part.vary]
    "particle.diameter_nm" = [2.0, 3.0]
    [[part]]
    input = "coexistence.toml"
    after = "half_molten.toml"                      # whose last frame these begin with, run once
    [part.vary]
    "stage.temperature_k" = [1200, 1300]

Runs that differ only in `placement` share the stages in which the particles are apart: these
are run once (`alone/`) and gone on with from their last checkpoint. Each run has a folder with
its input; a folder with `result.json` is done, and `runs.csv` has a row for each of these. A campaign that was killed goes on where it was
when it is called again: the runs checkpoint when they are told to stop, and are resumed.
"""

import copy
import itertools
import json
import os
import re
import shutil
import signal
import subprocess
import threading
import tomllib
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import tomli_w
from scipy.stats import beta

from . import checkpoints, digest, melting, pressing
from .inputs import absolute
from .summary import main_neck
from .trajectory import Trajectory, Unusable

STOPPED = 75
PLACEMENT = "placement."


@dataclass(frozen=True, eq=False)
class Run:
    """One combination: the varied keys and their values, its folder, and a run that comes before it."""

    keys: tuple
    values: tuple
    folder: Path
    config: dict
    after: "Run" = None


def _read(path):
    try:
        return tomllib.loads(path.read_text())
    except OSError as error:
        raise Unusable(f"{error.filename}: {error.strerror}") from None
    except tomllib.TOMLDecodeError as error:
        raise Unusable(f"{path}: {error}") from None


def _place(path, key):
    """file:line:column of the first line that gives a key or begins its table."""
    wanted = re.compile(rf"""^\s*(\[*\s*(?:[\w.]+\.)?)?["']?{re.escape(key)}["']?\s*(?:=|\])""")
    for number, line in enumerate(path.read_text().splitlines(), 1):
        if wanted.match(line):
            return f"{path}:{number}:{len(line) - len(line.lstrip()) + 1}"
    return str(path)


class Campaign:
    def __init__(self, path, folder=None):
        path = Path(path)
        self.path = path
        told = _read(path)
        parts = told.get("part")
        unknown = sorted(set(told) - {"figure", "part", "input", "vary", "after"})
        if unknown:
            what = "there are `input`, `[vary]`, `after`, `figure`, or several `[[part]]`"
            raise Unusable(f"{_place(path, unknown[0])}: `{unknown[0]}` is unknown; {what}")
        beside = sorted(set(told) & {"input", "vary", "after"}) if parts else []
        if beside:
            raise Unusable(f"{_place(path, beside[0])}: `{beside[0]}` stands beside `[[part]]`: it belongs into one of them")
        self.kind = told.get("figure", "map")
        if self.kind not in KINDS:
            raise Unusable(f"{_place(path, 'figure')}: there is no figure `{self.kind}`, only {' and '.join(KINDS)}")
        self.folder = Path(folder or Path("results") / path.stem)
        self.groups = {}
        for part in parts or [told]:
            self.axes = part.get("vary", {})
            self.template = path.parent / part["input"] if "input" in part else None
            if self.template is None:
                raise Unusable(f"{path}: `input` is missing: the file that the runs have in common")
            unknown = sorted(set(part) - {"input", "vary", "after", "figure"})
            if unknown:
                raise Unusable(f"{_place(path, unknown[0])}: `{unknown[0]}` is unknown in a part; there are `input`, `[vary]` and `after`")
            base = self._input(self.template, "input")
            if not self.axes or not all(isinstance(v, list) and v for v in self.axes.values()):
                raise Unusable(f"{_place(path, 'vary')}: `[vary]` wants keys with lists of values")
            for key, values in self.axes.items():
                twice = [value for k, value in enumerate(values) if value in values[:k]]
                if twice or any(value != value for value in values):
                    why = f"{twice[0]} stands there twice" if twice else "nan is no value"
                    raise Unusable(f"{_place(path, key)}: `{key}`: {why}")
            home = self.folder / self.template.stem if parts else self.folder
            self.groups |= self._groups(base, home, self._before(part.get("after"), base))

    def _input(self, path, key):
        if not path.is_file():
            raise Unusable(f"{_place(self.path, key)}: `{key}`: there is no file {path}")
        config = _read(path)
        absolute(config, path.parent.resolve())
        return config

    def _before(self, name, base):
        """The run whose last frame others begin with; their own atoms give way to it."""
        if name is None:
            return None
        run = Run((), (), self.folder / Path(name).stem, self._input(self.path.parent / name, "after"))
        for table in ("crystal", "particle", "placement"):
            base.pop(table, None)
        base["structure"] = {"file": str((run.folder / "trajectory.h5md").resolve())}
        return run

    def _groups(self, base, home, after):
        """Runs by the name of the folder that they share."""
        keys = list(self.axes)
        groups = {}
        for values in itertools.product(*self.axes.values()):
            config = copy.deepcopy(base)
            for key, value in zip(keys, values):
                _set(config, key.split("."), value, f"{self.path}: `{key}`", self.template)
            name = lambda late: "_".join(
                f"{key.split('.')[-1]}-{value}" for key, value in zip(keys, values) if key.startswith(PLACEMENT) == late
            )
            group = home / (name(False) or "all")
            groups.setdefault(group, []).append(Run(tuple(keys), values, group / (name(True) or "run"), config, after))
        return groups

    def runs(self):
        return [run for runs in self.groups.values() for run in runs]

    def results(self):
        """Runs that are done, with what came of them."""
        return {run: json.loads((run.folder / "result.json").read_text()) for run in self.runs() if _is_done(run)}

    def carry_out(self, program, jobs, task=None, say=print):
        """Runs what is missing, some groups at a time; `task`: that group alone, from 1 on, for
        array jobs. Returns how many runs are left undone."""
        groups = list(self.groups.items())
        if task is not None:
            if not 1 <= task <= len(groups):
                raise Unusable(f"task {task}: there are {len(groups)}, from 1 on")
            groups = [groups[task - 1]]
        worker = Worker(program, say, KINDS[self.kind])
        with worker.until_told(), ThreadPoolExecutor(jobs) as pool:
            for outcome in [pool.submit(worker.group, folder, runs) for folder, runs in groups]:
                outcome.result()
        return sum(not _is_done(run) for _, runs in groups for run in runs)


class Worker:
    """Starts runs, and hands on the order to stop."""

    def __init__(self, program, say, kind):
        self.program, self.say, self.kind = program, say, kind
        # Runs that come before others are waited for.
        self.before = threading.Lock()
        self.children, self.lock, self.stopping = set(), threading.Lock(), False

    def until_told(self):
        worker = self

        class Until:
            def __enter__(self):
                # Only the main thread may take signals.
                main = threading.current_thread() is threading.main_thread()
                self.before = {s: signal.signal(s, worker.stop) for s in (signal.SIGINT, signal.SIGTERM)} if main else {}

            def __exit__(self, *_):
                for number, handler in self.before.items():
                    signal.signal(number, handler)

        return Until()

    def stop(self, *_):
        """The runs write a checkpoint and end."""
        self.stopping = True
        with self.lock:
            for child in self.children:
                child.send_signal(signal.SIGTERM)

    def group(self, folder, runs):
        missing = [run for run in runs if not _is_done(run)]
        if not missing or self.stopping or not self.is_prepared(runs[0].after):
            return
        apart = [stage for stage in runs[0].config["stage"] if stage.get("particles") == "apart"]
        end = None
        if apart and len(runs) > 1:
            end = self.alone(folder / "alone", {**runs[0].config, "stage": apart})
            if end is None:
                return
        for run in missing:
            if not self.stopping:
                self.one(run, end)

    def alone(self, folder, config):
        """The last checkpoint of the stages in which the particles are apart."""
        done = folder / "last-checkpoint"
        if not done.exists():
            if self.call(folder, config) != 0:
                return None
            done.write_text(checkpoints.last(folder).name)
        return folder / done.read_text()

    def is_prepared(self, before):
        """Whether the run that comes before others is done; it is done once."""
        with self.before:
            if before is None or (done := before.folder / "done").exists():
                return True
            if self.call(before.folder, before.config) != 0:
                return False
            done.touch()
            return True

    def one(self, run, end):
        if self.call(run.folder, run.config, end) != 0:
            return
        with Trajectory(run.folder) as trajectory:
            result = self.kind.outcome(trajectory) | {"steps": int(trajectory.steps[-1])}
        result["atoms_sha256"] = digest.state(digest.last_checkpoint(run.folder))[0]["atoms_sha256"]
        partial = run.folder / "result.json.partial"
        partial.write_text(json.dumps(result, indent=1) + "\n")
        partial.rename(run.folder / "result.json")
        self.say(f"{run.folder}: {self.kind.said(result)}")

    def call(self, folder, config, start=None):
        folder.mkdir(parents=True, exist_ok=True)
        path = folder / "campaign.toml"
        text = tomli_w.dumps(config)
        if path.exists() and path.read_text() != text and any(folder.glob("checkpoint-*.h5")):
            raise Unusable(f"{path}: this run was begun with another input; choose another folder (--output)")
        path.write_text(text)
        begun = any(folder.glob("checkpoint-*.h5"))
        how = ["--restart", start] if start and not begun else ["--resume"]
        command = [self.program, *map(str, how), "--threads", "1", "--output", str(folder), str(path)]
        with open(folder / "output.txt", "a") as output:
            with self.lock:
                if self.stopping:
                    return STOPPED
                child = subprocess.Popen(
                    command, stdout=output, stderr=subprocess.STDOUT, start_new_session=True,
                    preexec_fn=lambda: os.nice(19),
                )
                self.children.add(child)
            code = child.wait()
            with self.lock:
                self.children.discard(child)
        if code not in (0, STOPPED):
            self.say(f"{folder}: exit code {code}; {folder}/output.txt says why")
        return code


def _is_done(run):
    return (run.folder / "result.json").exists()


def _set(config, keys, value, where, template):
    """Sets a key in all tables of that name that have it."""
    *tables, last = keys
    places = [config]
    for name in tables:
        found = [place.get(name) for place in places]
        places = [inner for place in found for inner in (place if isinstance(place, list) else [place]) if inner]
    places = [place for place in places if last in place]
    if not places:
        raise Unusable(f"{where}: {template} has no such key")
    for place in places:
        place[last] = value


def neck(trajectory):
    """What became of the pair; of several, of that with the widest neck."""
    since, radius = main_neck(trajectory)
    return {
        "neck_after_ps": since,
        "observed_ps": float(trajectory.times[-1] - trajectory.together()),
        "neck_radius_angstrom": radius,
    }


def necked(result):
    since = result["neck_after_ps"]
    return "no neck" if since is None else f"a neck after {since:.1f} ps"


def fraction(necked, of, confidence=0.95):
    """A fraction and its Clopper-Pearson interval."""
    rest = (1 - confidence) / 2
    low = 0.0 if necked == 0 else float(beta.ppf(rest, necked, of - necked + 1))
    high = 1.0 if necked == of else float(beta.ppf(1 - rest, necked + 1, of - necked))
    return necked / of, low, high


def median_time(times, confidence=0.95):
    """Median time to the neck with an interval that needs no distribution (order statistics);
    `None` among the times: no neck while it was looked at. Infinite where beyond that."""
    ordered = np.sort([np.inf if time is None else time for time in times])
    n = len(ordered)
    median = float(np.median(ordered)) if np.isfinite(ordered).sum() * 2 > n else np.inf
    # P(at most k of n below the median) for a fair coin.
    below = np.cumsum([1.0] + [float(np.prod([(n - i) / (i + 1) for i in range(k)])) for k in range(1, n + 1)]) / 2.0**n
    k = int(np.searchsorted(below, (1 - confidence) / 2, side="right"))
    low, high = (ordered[k - 1], ordered[n - k]) if k > 0 else (0.0, np.inf)
    return median, float(low), float(high)


def cells(campaign, rows="stage.temperature_k", columns="placement.gap_angstrom"):
    """Times to the neck (None: none) of the runs that are done, by row and column."""
    keys = list(campaign.axes)
    for key in (rows, columns):
        if key not in keys:
            raise Unusable(f"{campaign.path}: a map wants `{key}` in `[vary]`")
    row, column = keys.index(rows), keys.index(columns)
    found = {}
    for run, result in campaign.results().items():
        found.setdefault((run.values[row], run.values[column]), []).append(result["neck_after_ps"])
    return found


def each(campaign):
    """Runs that are done as rows: what was varied, the numbers that came out, and the checksum of the last state (`digest`)."""
    results = campaign.results()
    keys = list(dict.fromkeys(key for run in results for key in run.keys))
    plain = lambda value: value is None or isinstance(value, (str, int, float))
    names = list(dict.fromkeys(name for result in results.values() for name, value in result.items() if plain(value)))
    yield [*keys, *names]
    for run, result in results.items():
        varied = dict(zip(run.keys, run.values))
        came = (result.get(name) for name in names)
        yield [varied.get(key, "") for key in keys] + ["" if x is None else f"{x:.6g}" if isinstance(x, float) else x for x in came]


def table(found):
    """The cells as lines of CSV."""
    yield "temperature_k,gap_angstrom,runs,necked,fraction,fraction_low,fraction_high,median_ps,median_low_ps,median_high_ps"
    for (temperature, gap), times in sorted(found.items()):
        necked = sum(time is not None for time in times)
        numbers = [*fraction(necked, len(times)), *median_time(times)]
        yield f"{temperature},{gap},{len(times)},{necked}," + ",".join(f"{x:.4g}" for x in numbers)


def figure(found):
    """Fraction that necked, as colours and numbers, over gap and temperature."""
    import matplotlib.pyplot as plt

    from . import style  # noqa: F401, one look for all

    rows, columns = sorted({t for t, _ in found}), sorted({g for _, g in found})
    grid = np.full((len(rows), len(columns)), np.nan)
    drawn, axis = plt.subplots(figsize=(1.6 + 1.1 * len(columns), 1.2 + 0.7 * len(rows)))
    for (temperature, gap), times in found.items():
        i, j = rows.index(temperature), columns.index(gap)
        necked = sum(time is not None for time in times)
        grid[i, j] = necked / len(times)
        median = median_time(times)[0]
        text = f"{necked}/{len(times)}" + (f"\n{median:.0f} ps" if np.isfinite(median) else "")
        axis.text(j, i, text, ha="center", va="center", fontsize="small", color="white" if grid[i, j] < 0.6 else "black")
    shown = axis.imshow(grid, origin="lower", vmin=0, vmax=1, cmap="viridis", aspect="auto")
    axis.set_xticks(range(len(columns)), [f"{c:g}" for c in columns])
    axis.set_yticks(range(len(rows)), [f"{r:g}" for r in rows])
    axis.grid(False)
    axis.set_xlabel("gap / Å")
    axis.set_ylabel("temperature / K")
    drawn.colorbar(shown, label="fraction that necked")
    return drawn


@dataclass(frozen=True)
class Kind:
    """What a campaign measures of each run (`outcome`, said in a few words), and what it draws of all: of a campaign what `found`
    gives, as lines of CSV and as a figure."""

    outcome: Callable
    said: Callable
    found: Callable
    table: Callable
    figure: Callable


KINDS = {
    "map": Kind(neck, necked, cells, table, figure),
    "melting": Kind(
        melting.outcome, melting.said, lambda campaign: list(campaign.results().values()), melting.table, melting.figure
    ),
    "pressing": Kind(pressing.outcome, pressing.said, pressing.found, pressing.table, pressing.figure),
}


def find_program(wanted):
    """The program: as told, on the path, or where the repository is built."""
    built = Path(__file__).resolve().parents[2] / "target/release/sinter-hpc"
    for program in [wanted] if wanted else [shutil.which("sinter-hpc"), built]:
        if program and Path(program).is_file():
            return str(Path(program).resolve())
    raise Unusable("there is no sinter-hpc on the path: build it, or say where it is (--program)")
