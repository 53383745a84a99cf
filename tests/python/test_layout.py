"""The layout of the trajectory file as a contract: `tools/README.md` lists every dataset.

SINTER_UPDATE=1 writes what the program says of its series (units, meanings) into the table;
shapes and whatever has no definition in the file are written by hand.
"""

import os
import re

import h5py
import pytest

from running import HEAD, ROOT, run, write_input

README = ROOT / "tools/README.md"
ROW = re.compile(r"^\| `(/[^`]*)` \| ([^|]*) \| ([^|]*) \| (.*) \|$", re.M)

SMALL = (("count = 2", "count = 3"), ("atoms = 200", "atoms = 80"), ("gap_angstrom = 4.0", "gap_angstrom = 2.0"))
INPUT = HEAD
for usual, here in SMALL:
    INPUT = INPUT.replace(usual, here)
INPUT += """
columns = ["structure", "template", "template_rmsd", "surface", "facet", "coordination", "host", "cluster", "grain", "displacement", "stress"]
layers = true
diffusion_window_ps = 0.1
neck_hold_ps = 0
pair_distribution_angstrom = 8
[box]
boundary = ["periodic", "periodic", "periodic"]
lengths_angstrom = [80, 40, 40]
[traces]
atoms = "gap"
[[stage]]
kind = "hold"
temperature_k = 300
duration_ps = 0.02
swaps = { interval_ps = 0.01, attempts = 1 }
"""


# One-body terms, which need free directions.
TERMS = HEAD.replace("count = 2", "count = 1").replace("atoms = 200", "atoms = 80").replace("[placement]\ngap_angstrom = 4.0\n", "") + """
[[plane]]
kind = "lj-12-6"
gap_angstrom = 2.5
sigma_angstrom = { Pt = 2.3, Fe = 2.3 }
epsilon_ev = { Pt = 0.1, Fe = 0.1 }
[[piston]]
gap_angstrom = 1
pressure_gpa = 1
area_angstrom2 = 100
[[tether]]
spring_ev_per_angstrom2 = 0.1
[[uniform_force]]
force_ev_per_angstrom = [0, 0, -0.001]
[[fixed]]
atoms = { lowest_angstrom = 2 }
[[stage]]
kind = "hold"
temperature_k = 300
duration_ps = 0.02
"""
KINDS = ["plane", "piston", "tether", "uniform_force", "fixed"]


@pytest.fixture(scope="module")
def terms(tmp_path_factory):
    """The series of a run with one table of each kind of one-body term."""
    folder = tmp_path_factory.mktemp("terms")
    done = run("--output", folder / "out", write_input(folder, TERMS))
    assert done.returncode == 0, done.stderr
    with h5py.File(folder / "out/trajectory.h5md") as file:
        yield {path: item for path, item in datasets(file) if path.startswith("/sinter/") and path.split("/")[2] in KINDS}


@pytest.fixture(scope="module")
def trajectory(tmp_path_factory):
    """Of three particles and two species, with everything that a file may hold."""
    folder = tmp_path_factory.mktemp("layout")
    done = run("--output", folder / "out", write_input(folder, INPUT))
    assert done.returncode == 0, done.stderr
    with h5py.File(folder / "out/trajectory.h5md") as file:
        yield file


def datasets(group, path=""):
    for name, item in group.items():
        here = f"{path}/{name}"
        if isinstance(item, h5py.Group):
            yield from datasets(item, here)
        else:
            yield here, item


def text(value):
    return value.decode() if isinstance(value, bytes) else str(value)


def told(path, dataset):
    """Unit and meaning as the file has them; None for what it does not say."""
    unit = dataset.attrs.get("unit", dataset.attrs.get("units"))
    meaning = dataset.attrs.get("definition")
    return unit and text(unit), meaning and text(meaning)


def test_every_dataset_is_in_the_readme(trajectory, terms):
    page = README.read_text()
    rows = {path: (shape.strip(), unit.strip(), meaning.strip()) for path, shape, unit, meaning in ROW.findall(page)}
    found = dict(datasets(trajectory)) | terms
    # Files of potentials have names of their own.
    found = {re.sub(r"^/parameters/potential/.*", "/parameters/potential/<file>", path): d for path, d in found.items()}
    if os.environ.get("SINTER_UPDATE"):
        def line(path):
            shape, unit, meaning = rows.get(path, ("?", "", "?"))
            says = told(path, found[path])
            return f"| `{path}` | {shape} | {says[0] or unit} | {says[1] or meaning} |"

        page = ROW.sub(lambda match: line(match[1]) if match[1] in found else match[0], page)
        README.write_text(page)
        rows = {path: (shape.strip(), unit.strip(), meaning.strip()) for path, shape, unit, meaning in ROW.findall(page)}
    assert sorted(set(found) - set(rows)) == [], "not in tools/README.md"
    elsewhere = {path for path in rows if path.startswith("/sinter/departures/")}  # none here
    assert sorted(set(rows) - set(found) - elsewhere) == [], "in tools/README.md and not in the file"
    pairs = trajectory["sinter/pairs/gap"].shape[1]
    traced = trajectory["sinter/traces/atoms"].shape[1]
    names = {"frames": 2, "traced": traced, "bins": 160, "tables": 1, "atoms": len(trajectory["particle"]), "particles": 3, "pairs": pairs, "species": 2}
    wrong = []
    for path, dataset in found.items():
        shape, unit, meaning = rows[path]
        names["rows"] = dataset.shape[0] if dataset.shape else None
        expected = tuple(names[n] if n in names else int(n) for n in shape.split(" x ") if n != "scalar")
        if dataset.shape != expected:
            wrong.append(f"{path}: {dataset.shape}, not {shape}")
        says = told(path, dataset)
        if says[0] is not None and unit != says[0] or says[1] is not None and meaning != says[1]:
            wrong.append(f"{path}: {says}, not {unit}, {meaning}")
        if path.startswith("/sinter/") and None in says:
            wrong.append(f"{path} says nothing of itself")
    assert wrong == []
    assert names["rows"] is None or pairs >= 2


def test_hard_links_are_what_the_readme_says(trajectory):
    """AMBER's names are the arrays of H5MD, not copies."""
    for amber, path in {
        "coordinates": "position/value",
        "velocities": "velocity/value",
        "forces": "forces/value",
        "potential_energy": "potential_energy/value",
        "id": "id/value",
        "atom_types": "species/value",
        "structure": "structure/value",
        "template": "template/value",
        "template_rmsd": "template_rmsd/value",
        "surface": "surface/value",
        "coordination": "coordination/value",
        "host": "host/value",
        "cluster": "cluster/value",
        "displacement": "displacement/value",
        "stress": "stress/value",
        "cell_lengths": "box/edges/value",
        "time": "position/time",
        "step": "position/step",
    }.items():
        assert trajectory[amber] == trajectory[f"particles/trajectory/{path}"], amber
