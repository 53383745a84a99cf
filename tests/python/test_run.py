"""The program as a whole: the same bits everywhere, restarts, and how it fails."""

import re
import shutil
import subprocess
from pathlib import Path

import h5py
import numpy as np
import pytest

from running import (
    HEAD,
    ONE_PROCESS,
    PROGRAM,
    PROTOCOL,
    ROOT,
    different_atoms,
    differences,
    run,
    state_of,
    write_input,
)


@pytest.fixture(scope="module")
def alone(tmp_path_factory):
    """The run on one rank and one thread, with all its checkpoints."""
    folder = tmp_path_factory.mktemp("alone")
    text = HEAD + "surface_interval_ps = 0.05\ndiffusion_window_ps = 0.1\n[checkpoint]\nkeep = 99\nevery_steps = 13\n" + PROTOCOL
    path = write_input(folder, text)
    done = run("--output", folder / "out", path)
    assert done.returncode == 0, done.stderr
    return path, folder / "out", done.stdout


@pytest.mark.parametrize("ranks", [1, 2, 3, 8])
def test_trajectory_has_the_same_bits_on_any_number_of_ranks(alone, tmp_path, ranks):
    path, reference, _ = alone
    done = run("--output", tmp_path, path, ranks=ranks)
    assert done.returncode == 0, done.stderr
    assert differences(reference / "trajectory.h5md", tmp_path / "trajectory.h5md") == []
    checkpoints = sorted(file.name for file in reference.glob("checkpoint-*.h5"))
    assert len(checkpoints) == 15
    for name in checkpoints:
        assert (tmp_path / name).read_bytes() == (reference / name).read_bytes(), name


@pytest.mark.parametrize("threads", [2, 4])
def test_trajectory_has_the_same_bits_on_any_number_of_threads(alone, tmp_path, threads):
    path, reference, _ = alone
    done = run("--output", tmp_path, path, ranks=2, threads=threads)
    assert done.returncode == 0, done.stderr
    assert differences(reference / "trajectory.h5md", tmp_path / "trajectory.h5md") == []


def test_trajectory_has_the_same_bits_without_mpi(alone, tmp_path):
    path, reference, _ = alone
    done = run("--output", tmp_path, path, program=ONE_PROCESS)
    assert done.returncode == 0, done.stderr
    assert "none (one process)" in done.stdout
    assert differences(reference / "trajectory.h5md", tmp_path / "trajectory.h5md") == []


def test_trajectory_has_the_same_bits_in_all_forms_of_the_kernels(alone, tmp_path):
    path, reference, _ = alone
    have = set(re.search("^flags.*", Path("/proc/cpuinfo").read_text(), re.M)[0].split())
    forms = ["portable"]
    forms += ["avx2"] * ({"avx2", "fma"} <= have)
    forms += ["avx512"] * ({"avx2", "fma", "avx512f", "avx512dq", "avx512vl"} <= have)
    with h5py.File(reference / "trajectory.h5md") as file:
        assert file["parameters"].attrs["instruction_set"] == forms[-1], "the best there is"
    for form in forms[:-1]:
        folder = tmp_path / form
        done = run("--output", folder, path, more={"SINTER_SIMD": form})
        assert done.returncode == 0, done.stderr
        assert f"1 rank x 1 thread, {form}" in done.stdout
        with h5py.File(folder / "trajectory.h5md") as file:
            assert file["parameters"].attrs["instruction_set"] == form
        assert differences(reference / "trajectory.h5md", folder / "trajectory.h5md") == []
        for checkpoint in reference.glob("checkpoint-*.h5"):
            (header, data), (other, others) = map(state_of, (checkpoint, folder / checkpoint.name))
            assert (header.pop("instruction_set"), other.pop("instruction_set")) == (forms[-1], form)
            assert (header, data) == (other, others)


def test_files_tell_which_program_wrote_them(alone):
    """Revision, compiler, profile, features, target and form: in the log, in checkpoints and in the trajectory."""
    _, folder, _ = alone
    version, build = subprocess.run([PROGRAM, "--version"], capture_output=True, text=True).stdout.splitlines()
    revision = version.split("(")[1].rstrip(")")
    compiler, profile = build.split(", ")[0], ", ".join(build.split(", ")[1:3])
    assert revision == "unknown" or re.match("[0-9a-f]{12}( with changes)?$", revision)
    assert re.match(r"rustc 1\.\d+", compiler) and re.match(r"release, opt-level [0-3s]", profile)
    header, _ = state_of(next(folder.glob("checkpoint-*.h5")))
    told = header["build"]
    assert (header["git_revision"], told["compiler"], told["profile"]) == (revision, compiler, profile)
    assert build == f"{compiler}, {profile}, features: {told['features']}, {told['target']}"
    with h5py.File(folder / "trajectory.h5md") as file:
        attributes = file["parameters"].attrs
        assert {name: attributes[name] for name in told} == told and attributes["git_revision"] == revision
        assert attributes["instruction_set"] == header["instruction_set"]
    log = (folder / "run.log").read_text()
    assert f"revision {revision}; {build}" in " ".join(log.split())
    for file in [folder / "trajectory.h5md", next(folder.glob("checkpoint-*.h5"))]:
        done = subprocess.run([PROGRAM, "inspect", file], capture_output=True, text=True)
        assert f"built with  {build}" in done.stdout and f"kernels     {header['instruction_set']}" in done.stdout


def test_trajectory_does_not_depend_on_the_skin(alone, tmp_path):
    _, reference, _ = alone
    path = write_input(tmp_path, HEAD + "surface_interval_ps = 0.05\ndiffusion_window_ps = 0.1\n[dynamics]\nskin_angstrom = 0.3\n" + PROTOCOL)
    done = run("--output", tmp_path / "out", path, ranks=2)
    assert done.returncode == 0, done.stderr
    assert differences(reference / "trajectory.h5md", tmp_path / "out/trajectory.h5md") == []


def test_restart_from_any_checkpoint_ends_with_the_same_bits(alone, tmp_path):
    path, reference, _ = alone
    checkpoints = sorted(reference.glob("checkpoint-*.h5"))
    stages = {20, 50, 100, 130, 150}
    steps = {int(checkpoint.stem.split("-")[1]) for checkpoint in checkpoints}
    assert steps == stages | set(range(13, 150, 13)), "ends of stages, and every 13 steps"
    last = reference / "checkpoint-150.h5"
    for n, checkpoint in enumerate(checkpoints):
        folder = tmp_path / checkpoint.stem
        shutil.copytree(reference, folder)
        done = run(
            "--restart", folder / checkpoint.name, "--output", folder, path, ranks=1 + n % 4
        )
        assert done.returncode == 0, done.stderr
        assert differences(reference / "trajectory.h5md", folder / "trajectory.h5md") == []
        assert different_atoms(last, folder / last.name) == []


def test_a_restart_sets_newer_checkpoints_aside(alone, tmp_path):
    """Else --resume would take them, and the trajectory does not reach so far."""
    path, reference, _ = alone
    folder = tmp_path / "out"
    shutil.copytree(reference, folder)
    (folder / "checkpoint-140.h5.partial").write_text("of a killed job")
    shorter = write_input(tmp_path, path.read_text().replace("duration_ps = 0.04", "duration_ps = 0.02"))
    done = run("--restart", folder / "checkpoint-39.h5", "--output", folder, shorter)
    assert done.returncode == 0, done.stderr
    assert "set aside" in done.stderr
    names = {p.name for p in folder.glob("checkpoint-*")}
    assert "checkpoint-140.h5" in names, "the new end"
    assert not names & {"checkpoint-143.h5", "checkpoint-150.h5", "checkpoint-140.h5.partial"}
    aside = {p.name for p in (folder / "set-aside-1").iterdir()}
    assert {"checkpoint-52.h5", "checkpoint-150.h5"} <= aside and "checkpoint-39.h5" not in aside


def test_resume_takes_the_newest_sound_checkpoint(alone, tmp_path):
    path, reference, _ = alone
    folder = tmp_path / "out"
    shutil.copytree(reference, folder)
    newest = max(folder.glob("checkpoint-*.h5"), key=lambda p: int(p.stem.split("-")[1]))
    damaged = bytearray(newest.read_bytes())
    damaged[len(damaged) // 2] ^= 1
    newest.write_bytes(damaged)
    done = run("--resume", "--output", folder, path, ranks=2)
    assert done.returncode == 0, done.stderr
    assert newest.name in done.stderr, "the refused checkpoint is named"
    assert differences(reference / "trajectory.h5md", folder / "trajectory.h5md") == []


def test_resume_of_nothing_is_a_fresh_start(alone, tmp_path):
    path, reference, _ = alone
    done = run("--resume", "--output", tmp_path / "new", path)
    assert done.returncode == 0, done.stderr
    assert differences(reference / "trajectory.h5md", tmp_path / "new/trajectory.h5md") == []


def test_a_longer_protocol_goes_on_from_the_end(alone, tmp_path):
    path, reference, _ = alone
    longer = path.read_text() + '[[stage]]\nkind = "quench"\nmax_steps = 5\n'
    folder = tmp_path / "out"
    shutil.copytree(reference, folder)
    done = run("--resume", "--output", folder, write_input(tmp_path, longer))
    assert done.returncode == 0, done.stderr
    with h5py.File(folder / "trajectory.h5md") as after, h5py.File(
        reference / "trajectory.h5md"
    ) as before:
        steps = after["particles/trajectory/position/step"][:]
        kept = before["particles/trajectory/position/step"][:]
    assert (np.diff(steps) > 0).all(), "no frame stands twice"
    assert list(steps[: len(kept)]) == list(kept) and steps[-1] == kept[-1] + 5


def test_restart_with_another_seed_is_refused(alone, tmp_path):
    path, reference, _ = alone
    other = write_input(tmp_path, path.read_text().replace("seed = 3", "seed = 4"))
    refuses(reference, tmp_path, other, "seed 3, and the input says 4")
    begins_another_trajectory(reference, tmp_path, other, "seed")


def test_restart_with_another_potential_is_refused(alone, tmp_path):
    path, reference, _ = alone
    text = (ROOT / "inputs/potentials/PtFe.meam").read_text()
    (tmp_path / "other.meam").write_text(text.replace("augt1 = 0", "augt1 = 1"))
    assert "augt1 = 1" in (tmp_path / "other.meam").read_text()
    old = f'"{ROOT}/inputs/potentials/PtFe.meam"'
    other = write_input(tmp_path, path.read_text().replace(old, '"other.meam"'))
    then, now = (rf"\(\w{{12}}, line \d+: `augt1 = {value}`\)" for value in "01")
    refuses(reference, tmp_path, other, rf"potential\.parameters .PtFe\.meam {then}., and the input says .other\.meam {now}")
    begins_another_trajectory(reference, tmp_path, other, "potential")


def test_restart_with_another_box_is_refused(alone, tmp_path):
    path, reference, _ = alone
    box = '[box]\nboundary = ["free", "free", "periodic"]\nlengths_angstrom = [0, 0, 60]\n[output]'
    other = write_input(tmp_path, path.read_text().replace("[output]", box))
    refuses(reference, tmp_path, other, r'box.boundary \["free", "free", "free"\], and the input says \["free", "free", "periodic"\]')
    begins_another_trajectory(reference, tmp_path, other, "box")


def test_restart_with_another_time_step_is_refused(alone, tmp_path):
    path, reference, _ = alone
    other = write_input(tmp_path, path.read_text() + "[dynamics]\ntimestep_fs = 1\n")
    refuses(reference, tmp_path, other, "dynamics.timestep_fs 2, and the input says 1")


def test_restart_in_a_stage_of_another_kind_is_refused(alone, tmp_path):
    """In its middle and when it is over; before it has begun it may be of another."""
    path, reference, _ = alone
    other = write_input(tmp_path, path.read_text().replace('"bussi"', '"langevin"'))
    told = r'stage\[3\]\.thermostat "bussi", and the input says "langevin"'
    for name in ("checkpoint-117.h5", "checkpoint-130.h5", "checkpoint-150.h5"):
        refuses(reference, tmp_path, other, told, name)
    done = run("--restart", reference / "checkpoint-100.h5", "--output", tmp_path / "on", other)
    assert done.returncode == 0, done.stderr


def refuses(reference, tmp_path, path, message, name="checkpoint-150.h5"):
    folder = tmp_path / "refused"
    done = run("--restart", reference / name, "--output", folder, path, ranks=2)
    assert done.returncode == 2, done.stdout
    assert re.search(message, done.stderr), done.stderr
    assert not folder.exists(), "nothing is written"


def begins_another_trajectory(reference, tmp_path, path, change):
    """That of the old system is left alone; the new one begins at the checkpoint."""
    allowed = f'[checkpoint]\nmay_change = ["{change}"]'
    path = write_input(tmp_path, path.read_text().replace("[checkpoint]", allowed))
    old = tmp_path / "old"
    shutil.copytree(reference, old)
    before = (old / "trajectory.h5md").read_bytes()
    checkpoint = old / "checkpoint-104.h5"
    done = run("--restart", checkpoint, "--output", old, path)
    assert done.returncode == 2 and "was begun with another" in done.stderr, done.stderr
    assert (old / "trajectory.h5md").read_bytes() == before
    done = run("--restart", checkpoint, "--output", tmp_path / "new", path)
    assert done.returncode == 0, done.stderr
    with h5py.File(tmp_path / "new/trajectory.h5md") as file:
        assert list(file["particles/trajectory/position/step"])[0] >= 104
        assert file["particles/trajectory/position/step"][-1] == 150
    assert run("--resume", "--output", tmp_path / "new", path).returncode == 0


def test_a_folder_that_holds_a_run_is_refused_and_force_replaces_it(alone, tmp_path):
    path, reference, _ = alone
    folder = tmp_path / "out"
    shutil.copytree(reference, folder)
    before = (folder / "trajectory.h5md").read_bytes()
    refused = run("--output", folder, path, ranks=2)
    assert refused.returncode == 2 and "--force" in refused.stderr
    assert (folder / "trajectory.h5md").read_bytes() == before
    forced = run("--force", "--output", folder, path)
    assert forced.returncode == 0, forced.stderr
    assert differences(reference / "trajectory.h5md", folder / "trajectory.h5md") == []


def test_quickstart_on_two_ranks_grows_a_neck(tmp_path):
    """The whole of it, as in README.md. Longer than any other test: it is the one that
    found HDF5 waiting forever in the second stage, in a file with many series."""
    done = run("--output", tmp_path, ROOT / "inputs/quickstart.toml", ranks=2)
    assert done.returncode == 0, done.stderr
    assert "\x1b" not in done.stdout, "no bar where nobody looks, whatever the launcher pretends"
    told = re.search(
        r"the gap closed, for good since ([0-9.]+) ps \(first contact at [0-9.]+ ps\);\n"
        r"  a neck since [0-9.]+ ps, by surface diffusion: (\d+) atoms in it, radius ([0-9.]+) Å",
        done.stdout,
    )
    assert told, done.stdout[-2000:]
    with h5py.File(tmp_path / "trajectory.h5md") as file:
        pairs = file["sinter/pairs"]
        apart = pairs["time"][:] < float(told[1])
        assert apart.any() and (pairs["gap"][:][~apart] == 0).all()
        assert pairs["neck_atoms"][-1, 0] == int(told[2]) > 20
        assert abs(pairs["neck_radius"][-1, 0] - float(told[3])) < 0.06
        centres = pairs["centre_distance"][:, 0]
        assert centres[-1] < centres[0] - 2, "the particles have come together"
        assert len(file["particles/trajectory/position/step"]) == 166


def test_momentum_and_energy_are_conserved_at_constant_energy(alone):
    """Total energy over the last stage (NVE, 20 steps): velocity Verlet at 2 fs."""
    _, reference, _ = alone
    with h5py.File(reference / "trajectory.h5md") as file:
        frames = file["particles/trajectory"]
        velocity = frames["velocity/value"][-1]
        number = frames["species/value"][-1]
        force = frames["forces/value"][:]
        energy = file["sinter/thermo/total_energy"][-3:]
        atoms = velocity.shape[0]
    mass = np.where(number == 78, 195.080, 55.847)
    # Momenta are taken away once per particle and then only by rounding of velocities.
    ROUNDING = 1e-9
    assert np.abs((mass[:, None] * velocity).sum(axis=0)).max() < ROUNDING * mass.sum()
    # Forces are sums of quanta of 2^-40 eV/Å that cancel exactly; f64 holds them exactly.
    assert (force.sum(axis=1) == 0).all()
    # Ten times the 0.0054 meV/atom of a particle at 2 fs: this one has just been cooled.
    DRIFT = 5e-5
    assert np.ptp(energy) < DRIFT * atoms


def test_the_log_says_what_ran_and_what_happened(alone):
    _, folder, terminal = alone
    log = (folder / "run.log").read_text()
    for text in (log, terminal):
        for expected in [
            r"atoms +402: 342 Pt, 60 Fe; 2 particles",
            r"box .* free in x, y, z",
            r"runs on +1 rank x 1 thread, (portable|avx2|avx512)",
            r"libraries +MPI: Open MPI.*HDF5 \d+\.\d+",
            r"ialloy +2|ialloy = 2|ialloy 2",
            r"Stage 5 of 5: hold",
            r"The particles are put together: 4\.00 Å between the facet planes",
            r"time by phase +min s +mean s +max s",
            r"lists: built \d+ times; \d+\.\d neighbours per atom, skin included; 0\.00 ghosts",
            r"speed: [\d.]+ ns/day, \d+ atom-steps per second and core",
            r"Particles 0 and 1, centres [\d.]+ Å apart",
            r"No atom has evaporated",
            r"ovito .*trajectory\.h5md|open .*trajectory\.h5md in OVITO",
            r"inspect .*trajectory\.h5md",
        ]:
            assert re.search(expected, text), expected


# Atoms that run into one another at the longest time step.
HOT = """
[[stage]]
kind = "hold"
temperature_k = 20000
duration_ps = 100
"""


def test_atoms_that_leave_the_bounds_end_the_run_with_step_and_atom(tmp_path):
    text = HEAD + "energy_bound_ev_per_atom = 10\n[dynamics]\ntimestep_fs = 20\n" + HOT
    path = write_input(tmp_path, text)
    done = run("--output", tmp_path / "out", path, ranks=2)
    assert done.returncode == 1, done.stdout
    assert re.search(r"step \d+, atom \d+: ", done.stderr), done.stderr
    with h5py.File(tmp_path / "out/trajectory.h5md") as file:
        assert len(file["particles/trajectory/position/step"]) >= 1, "what was written is there"
