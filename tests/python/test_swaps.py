"""Monte Carlo swaps in runs: bits, restarts, what is conserved and what stays."""

import signal
import time

import h5py
import numpy as np
import pytest

from running import POTENTIALS, different_atoms, run, same_end, sinter, start, steps_begun, wait_until, write_input

HEAD = f"""
[potential]
library = "{POTENTIALS}/PtFe.library.meam"
parameters = "{POTENTIALS}/PtFe.meam"
elements = ["Pt", "Fe"]
[output]
trajectory_interval_ps = 0.02
series_interval_ps = 0.002
[[particle]]
count = 2
atoms = 79
surface_energy_j_per_m2 = {{ "111" = 1.0, "100" = 1.07 }}
lattice_constant_angstrom = 3.9
composition = {{ Pt = 0.75, Fe = 0.25 }}
[placement]
gap_angstrom = 3.0
"""

# Swaps within particles that are apart, then anywhere along a ramp, then between them at
# constant energy.
PROTOCOL = """
[[stage]]
kind = "equilibrate"
particles = "apart"
temperature_k = 1500
duration_ps = 0.06
thermostat = "bussi"
swaps = { interval_ps = 0.006, attempts = 10 }
[[stage]]
kind = "cool"
temperature_k = 1500
end_temperature_k = 1200
duration_ps = 0.06
thermostat_for = "particle"
[stage.swaps]
interval_ps = 0.01
attempts = 12
[[stage]]
kind = "hold"
ensemble = "nve"
duration_ps = 0.08
[stage.swaps]
interval_ps = 0.004
attempts = 8
temperature_k = 2000
region = "between-particles"
"""


def finished(folder, path, *arguments, **how):
    done = run("--output", folder, *arguments, path, **how)
    assert done.returncode == 0, done.stderr
    return done


def checkpoints(folder):
    return {path.name: path.read_bytes() for path in folder.glob("checkpoint-*.h5")}


@pytest.fixture(scope="module")
def alone(tmp_path_factory):
    """The protocol on one rank, with all checkpoints."""
    folder = tmp_path_factory.mktemp("swaps")
    path = write_input(folder, HEAD + "[checkpoint]\nevery_steps = 7\nkeep = 99\n" + PROTOCOL)
    finished(folder / "one", path)
    return path, folder / "one"


def test_same_bits_on_any_ranks_and_threads(alone, tmp_path):
    path, reference = alone
    for ranks, threads in [(2, 1), (3, 1), (1, 2)]:
        folder = tmp_path / f"{ranks}-{threads}"
        finished(folder, path, ranks=ranks, threads=threads)
        assert checkpoints(folder) == checkpoints(reference)


# Between rounds in each stage, one of them just after a round.
@pytest.mark.parametrize("step", [7, 21, 30, 42, 70, 98])
def test_same_bits_through_restarts(alone, tmp_path, step):
    path, reference = alone
    start = reference / f"checkpoint-{step}.h5"
    finished(tmp_path / "out", path, "--restart", start, ranks=2)
    assert different_atoms(reference / "checkpoint-100.h5", tmp_path / "out/checkpoint-100.h5") == []
    whole, rest = columns(reference, "swaps"), columns(tmp_path / "out", "swaps")
    for name, values in whole.items():
        assert (values[whole["step"] >= step] == rest[name]).all(), name


def columns(folder, name):
    with h5py.File(folder / "trajectory.h5md") as file:
        group = file[f"sinter/{name}"]
        return {key: group[key][:] for key in group}


def test_what_swaps_give_is_booked(alone):
    _, folder = alone
    swaps, thermo = columns(folder, "swaps"), columns(folder, "thermo")
    assert (np.diff(swaps["atoms"], axis=0) == 0).all()
    for stage, rounds, each in [(1, 10, 10), (2, 6, 12), (3, 20, 8)]:
        here = swaps["stage_number"] == stage
        attempts, accepted = swaps["attempts"][here], swaps["accepted"][here]
        assert attempts[0] == 0 and 0 < accepted[-1] < attempts[-1] <= rounds * each
        assert np.ptp(swaps["energy"][here]) > 0.5, "no test"
        assert np.ptp(thermo["conserved_energy"][thermo["stage_number"] == stage]) < 0.05
    # A stage ends with its last round, where the next one begins.
    for end, stage in [(30, 1), (60, 2), (100, 3)]:
        before, last = (np.flatnonzero(swaps["step"] == step)[0] for step in (end - 1, end))
        assert (swaps["stage_number"][[before, last]] == stage).all()
        assert swaps["attempts"][last] > swaps["attempts"][before]
    # At constant energy nothing else changes it.
    last = (thermo["stage_number"] == 3) & (swaps["stage_number"] == 3)
    assert np.ptp((thermo["total_energy"] - swaps["energy"])[last]) < 0.05
    assert np.ptp(thermo["total_energy"][last]) > 0.5


def test_elements_change_where_they_may(alone):
    _, folder = alone
    with h5py.File(folder / "trajectory.h5md") as file:
        atoms = file["particles/trajectory"]
        step, species = atoms["position/step"][:], atoms["species/value"][:]
        particle = file["particle"][0] if file["particle"].ndim > 1 else file["particle"][:]
    iron = species == 26
    assert (iron.sum(axis=1) == iron[0].sum()).all()
    assert (iron[-1] != iron[0]).any()
    of_first = iron[:, particle == 0].sum(axis=1)
    assert (of_first[step <= 30] == of_first[0]).all(), "within particles"
    assert (of_first != of_first[0]).any(), "between them"


def test_fixed_atoms_stay_what_they_are(tmp_path):
    one = HEAD.replace("count = 2\n", "").replace("[placement]\ngap_angstrom = 3.0\n", "")
    more = """
[[fixed]]
atoms = { lowest_angstrom = 3 }
[[stage]]
kind = "hold"
temperature_k = 1500
duration_ps = 0.06
swaps = { interval_ps = 0.004, attempts = 20 }
"""
    finished(tmp_path / "out", write_input(tmp_path, one + more))
    with h5py.File(tmp_path / "out/trajectory.h5md") as file:
        atoms = file["particles/trajectory"]
        place, species = atoms["position/value"][:], atoms["species/value"][:]
    held = place[0, :, 2] < place[0, :, 2].min() + 3
    changed = (species != species[0]).any(axis=0)
    assert held.any() and changed.any() and not (held & changed).any()


def test_swaps_among_fixed_atoms_alone_are_refused_before_anything_begins(tmp_path):
    more = """
[[fixed]]
atoms = { species = ["Fe"] }
[[stage]]
kind = "hold"
temperature_k = 1500
duration_ps = 0.06
swaps = { interval_ps = 0.004, attempts = 20 }
"""
    told = sinter("check", write_input(tmp_path, HEAD + more))
    assert told.returncode == 2 and "there is nothing to swap" in told.stderr, told.stdout + told.stderr


OPEN = """
[[stage]]
kind = "hold"
temperature_k = 1500
duration_ps = 0.08
[stage.swaps]
interval_ps = 0.004
attempts = 10
"""


def test_composition_follows_chemical_potentials(tmp_path):
    counts = {}
    for sign in (-1, 1):
        potentials = f'ensemble = "semi-grand"\nchemical_potential_ev = {{ Pt = 0, Fe = {1.4 + 2 * sign} }}\n'
        folder = tmp_path / str(sign)
        folder.mkdir()
        path = write_input(folder, HEAD + "[checkpoint]\nevery_steps = 19\nkeep = 99\n" + OPEN + potentials)
        finished(folder / "out", path)
        counts[sign] = columns(folder / "out", "swaps")["atoms"][:, 1]
        finished(folder / "again", path, "--restart", folder / "out/checkpoint-19.h5", ranks=2)
        assert different_atoms(folder / "out/checkpoint-40.h5", folder / "again/checkpoint-40.h5") == []
        told = sinter("inspect", folder / "out/trajectory.h5md").stdout
        first, last = counts[sign][0], counts[sign][-1]
        assert f"{first} Fe, {158 - first} Pt in the first frame\n" in told, told
        assert f"{last} Fe, {158 - last} Pt in the last\n" in told, told
    assert counts[-1][-1] < counts[-1][0] == counts[1][0] < counts[1][-1]


def test_a_constraint_holds_the_composition(tmp_path):
    constraint = 'ensemble = "variance-constrained"\nconstraint_ev = 200\ncomposition = { Pt = 0.5, Fe = 0.5 }\n'
    more = OPEN.replace("attempts = 10", "attempts = 60")
    finished(tmp_path / "out", write_input(tmp_path, HEAD + more + constraint))
    atoms = columns(tmp_path / "out", "swaps")["atoms"]
    part = atoms[:, 1] / atoms.sum(axis=1)
    assert part[0] < 0.3 and (abs(part[-10:] - 0.5) < 0.03).all()


def test_another_composition_is_still_refused(alone, tmp_path):
    path, reference = alone
    text = path.read_text().replace("Pt = 0.75, Fe = 0.25", "Pt = 0.7, Fe = 0.3")
    done = run("--output", tmp_path / "out", "--restart", reference / "checkpoint-98.h5", write_input(tmp_path, text))
    assert done.returncode == 2 and "composition" in done.stderr


# Two particles far apart, of which the second is all Pt: what is within a cluster cannot reach it. Two that touch are one.
CLUSTERS = """
[[stage]]
kind = "hold"
temperature_k = 1500
duration_ps = 0.08
[stage.swaps]
interval_ps = 0.008
attempts = 20
temperature_k = 4000
region = "within-clusters"
bond_angstrom = 3.3
"""


def of_two(folder, gap):
    """Pt3Fe and Pt across a gap, and what is Fe in each in the end."""
    second = HEAD[HEAD.index("[[particle]]") : HEAD.index("[placement]")].replace("count = 2", "count = 1")
    text = HEAD.replace("count = 2", "count = 1").replace(
        "[placement]", second.replace("{ Pt = 0.75, Fe = 0.25 }", "{ Pt = 1.0 }") + "[placement]"
    )
    text = text.replace("gap_angstrom = 3.0", f"gap_angstrom = {gap}") + "[checkpoint]\nevery_steps = 9\nkeep = 99\n" + CLUSTERS
    path = write_input(folder, text)
    finished(folder / "one", path)
    with h5py.File(folder / "one/trajectory.h5md") as file:
        species = file["particles/trajectory/species/value"][:]
        particle = file["particle"][0] if file["particle"].ndim > 1 else file["particle"][:]
    return path, [int((species[-1][particle == k] == 26).sum()) for k in (0, 1)]


def test_swaps_within_clusters_go_where_particles_touch(tmp_path):
    (tmp_path / "far").mkdir()
    (tmp_path / "near").mkdir()
    _, far = of_two(tmp_path / "far", 8.0)
    path, near = of_two(tmp_path / "near", 1.9)
    assert far[1] == 0 and near[1] > 0 and sum(far) == sum(near)
    reference = tmp_path / "near/one"
    finished(tmp_path / "three", path, ranks=3)
    assert checkpoints(tmp_path / "three") == checkpoints(reference)
    finished(tmp_path / "rest", path, "--restart", reference / "checkpoint-18.h5", ranks=2)
    assert different_atoms(reference / "checkpoint-40.h5", tmp_path / "rest/checkpoint-40.h5") == []


def test_a_stage_without_a_single_attempt_is_told(tmp_path):
    text = HEAD + CLUSTERS.replace("bond_angstrom = 3.3", "bond_angstrom = 1.1")
    done = run("--output", tmp_path / "out", write_input(tmp_path, text))
    assert done.returncode == 0, done.stderr
    said = "warning: stage 1 (hold) ended without a single swap being tried: no round found two atoms of different elements in one"
    assert said in done.stderr and "`bond_angstrom` = 1.1 Å" in done.stderr, done.stderr


# One round of some seconds, at step 5 of 6, beside all else that a step changes.
LONG_ROUND = """
[checkpoint]
keep = 9
[[piston]]
gap_angstrom = 0
pressure_gpa = 3
area_angstrom2 = 300
[[stage]]
kind = "hold"
temperature_k = 1500
duration_ps = 0.006
[[stage]]
kind = "hold"
temperature_k = 1500
duration_ps = 0.006
[stage.swaps]
interval_ps = 0.004
attempts = 12000
"""


def test_a_round_is_given_up_when_the_job_ends_and_done_by_the_next(tmp_path):
    path = write_input(tmp_path, HEAD + LONG_ROUND)
    finished(tmp_path / "one", path)
    out = tmp_path / "out"
    job = start("--output", out, path)
    wait_until(lambda: steps_begun(out) and "Stage 2" in (out / "run.log").read_text(), pause=0.005)
    time.sleep(0.1)
    job.send_signal(signal.SIGTERM)
    asked = time.monotonic()
    told, errors = job.communicate(timeout=100)
    assert job.returncode == 75, told + errors
    assert time.monotonic() - asked < 5
    assert "warning: the round of swaps of step 5 was given up after" in errors, errors
    assert sorted(checkpoints(out)) == ["checkpoint-3.h5", "checkpoint-4.h5"]
    finished(out, path, "--resume")
    same_end(tmp_path / "one/checkpoint-6.h5", out)


@pytest.mark.parametrize(
    ["change", "told"],
    [
        ("bond_angstrom = 3.3\n", "needs `bond_angstrom`"),
        ('region = "within-clusters"\n', "is for `region = \"within-clusters\"`"),
        ("bond_angstrom = 3.3", "beyond the cutoff of the potential"),
    ],
)
def test_clusters_want_a_bond_and_only_they_do(tmp_path, change, told):
    new = "bond_angstrom = 9.0" if "beyond" in told else ""
    done = sinter("check", write_input(tmp_path, HEAD + CLUSTERS.replace(change, new)))
    assert done.returncode == 2 and told in done.stderr, done.stderr


@pytest.mark.parametrize(["temperature", "least", "most"], [(1000, -1 / 3, -0.28), (2600, -0.23, -0.1)])
def test_a_random_alloy_orders_where_it_is_cold(tmp_path, temperature, least, most):
    """Of the twelve neighbours of an atom in L1_0 four are of its element: Warren and Cowley's parameter is -1/3, of a random alloy 0,
    and above the ordering temperature (some 1900 K) what correlation heat leaves."""
    potential = HEAD[: HEAD.index("[output]")]
    path = write_input(
        tmp_path,
        f"""seed = 2
{potential}
[crystal]
lattice_constant_angstrom = 3.8
composition = {{ Pt = 0.5, Fe = 0.5 }}
repeats = [3, 3, 3]
[output]
trajectory_interval_ps = 0.25
[[stage]]
kind = "hold"
temperature_k = {temperature}
duration_ps = 3
thermostat = "bussi"
swaps = {{ interval_ps = 0.05, attempts = 100 }}
""",
    )
    finished(tmp_path / "out", path)
    with h5py.File(tmp_path / "out/trajectory.h5md") as file:
        order = file["sinter/order/warren_cowley"][:, 0, 0, 0]
    assert abs(order[0]) < 0.1
    assert least - 1e-9 <= order[6:].mean() < most, order
