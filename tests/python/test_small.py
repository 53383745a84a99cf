"""Trajectories to look at (`[output] position_tolerance_angstrom`): a tenth as large, opened
by every reader, the same on any number of ranks, and gone on with as they were begun."""

from types import SimpleNamespace

import h5py
import netCDF4
import numpy as np
import pytest
from ase.io.netcdftrajectory import NetCDFTrajectory
from MDAnalysis.coordinates.H5MD import H5MDReader
from ovito.io import import_file

from running import POTENTIALS, different_atoms, differences, run, sinter, write_input

TOLERANCE = 0.001

# At constant energy, without a minimum before: every frame is that of the other run.
INPUT = f"""
seed = 5
[potential]
library = "{POTENTIALS}/PtFe.library.meam"
parameters = "{POTENTIALS}/PtFe.meam"
elements = ["Pt", "Fe"]
[[particle]]
atoms = ATOMS
lattice_constant_angstrom = 3.88
composition = {{{{ Pt = 0.85, Fe = 0.15 }}}}
[output]
trajectory_interval_ps = INTERVAL
series_interval_ps = 0.02
{{output}}
[[stage]]
kind = "hold"
name = "warm"
temperature_k = 1000
duration_ps = {{duration}}
"""
SMALL = f"position_tolerance_angstrom = {TOLERANCE}"


def text(output, atoms=400, interval=0.004, duration=0.04):
    filled = INPUT.replace("ATOMS", str(atoms)).replace("INTERVAL", str(interval))
    return filled.format(output=output, duration=duration)


def carried_out(folder, name, content, ranks=None, more=()):
    path = write_input(folder, content, f"{name}.toml")
    done = run(*more, "--output", folder / name, path, ranks=ranks)
    assert done.returncode == 0, done.stderr
    return folder / name / "trajectory.h5md", done


@pytest.fixture(scope="module")
def case(tmp_path_factory):
    folder = tmp_path_factory.mktemp("small")
    exact, _ = carried_out(folder, "exact", text(""))
    small, _ = carried_out(folder, "small", text(SMALL))
    with h5py.File(exact) as file:
        frames = file["particles/trajectory"]
        position, species = frames["position/value"][:], frames["species/value"][:]
    return SimpleNamespace(folder=folder, exact=exact, small=small, position=position, species=species)


def close(positions, expected, rounding=0.0):
    return np.abs(positions - expected).max() <= TOLERANCE + rounding


def test_a_tenth_of_the_size(tmp_path):
    # Many atoms and some frames, so that these are what counts.
    sizes = [
        carried_out(tmp_path, name, text(output, 12_000, 0.002, 0.04))[0].stat().st_size
        for name, output in [("exact", ""), ("small", SMALL)]
    ]
    assert sizes[0] >= 10 * sizes[1], sizes


def test_h5py_finds_rounded_positions(case):
    with h5py.File(case.small) as file:
        value = file["particles/trajectory/position/value"]
        assert value.dtype == np.float32 and value.attrs["unit"] == "Angstrom"
        assert value.attrs["resolution"] == 2.0**-9
        assert (value[:] * 512 == np.rint(value[:] * 512)).all()
        assert close(value[:], case.position)
        assert "velocity" not in file["particles/trajectory"]
        assert (file["particles/trajectory/species/value"][:] == case.species).all()
        assert (file["id"][:] == np.arange(case.position.shape[1])).all()


def test_netcdf_and_ase_see_the_same(case):
    with netCDF4.Dataset(case.small) as file:
        assert close(file["coordinates"][:], case.position)
        assert file.dimensions["frame"].isunlimited()
    frames = NetCDFTrajectory(str(case.small))
    assert len(frames) == len(case.position)
    for n, atoms in enumerate(frames):
        assert close(atoms.positions, case.position[n])
        assert (atoms.numbers == case.species[n]).all()


def test_mdanalysis_and_ovito_see_the_same(case):
    with H5MDReader(case.small) as reader:
        for n, frame in enumerate(reader):
            assert close(frame.positions, case.position[n], 1e-5)
    pipeline = import_file(str(case.small))
    assert pipeline.source.num_frames == len(case.position)
    for n in range(len(case.position)):
        particles = pipeline.compute(n).particles
        assert close(particles.positions[...], case.position[n])
        assert (particles.particle_types[...] == case.species[n]).all()


def test_the_program_reads_it_and_inspect_says_what_it_is(case):
    told = sinter("inspect", case.small).stdout
    assert "positions to 9.8e-4 Å (f32), compressed" in told and "sound: " in told
    start = text("").split("[[particle]]")[0] + f'[structure]\nfile = "{case.small}"\n'
    start += '[[stage]]\nkind = "minimise"\n'
    path = write_input(case.folder, start, "again.toml")
    done = sinter("build", "--force", path, "--output", case.folder / "again.xyz")
    assert done.returncode == 0, done.stderr
    rows = (case.folder / "again.xyz").read_text().splitlines()[2:]
    again = np.array([[float(x) for x in row.split()[1:4]] for row in rows])
    assert close(again, case.position[-1])


@pytest.mark.parametrize("ranks", [3, 4])
def test_frames_are_the_same_on_any_number_of_ranks(case, ranks):
    path, _ = carried_out(case.folder, f"ranks{ranks}", text(SMALL), ranks)
    assert differences(case.small, path) == []


def test_checkpoints_are_exact_and_going_on_keeps_the_form(case):
    whole = case.folder / "small"
    part = text(SMALL + "\n[checkpoint]\nevery_steps = 10")
    path, _ = carried_out(case.folder, "part", part, 3)
    checkpoints = sorted(path.parent.glob("checkpoint-*.h5"))
    assert len(checkpoints) == 2
    for run_of in [path.parent, case.exact.parent]:
        assert different_atoms(whole / "checkpoint-20.h5", run_of / "checkpoint-20.h5") == []
    restart = ("--restart", path.parent / "checkpoint-10.h5")
    resumed, _ = carried_out(case.folder, "part", part, 2, restart)
    assert differences(case.small, resumed) == []
    # Another form is asked for: one file cannot have both.
    changed = write_input(case.folder, part.replace(SMALL, "forces = true"), "part.toml")
    done = run(*restart, "--output", path.parent, changed)
    assert done.returncode == 2, done.stderr
    assert "forces" in done.stderr and "trajectory" in done.stderr, done.stderr
    assert differences(case.small, resumed) == []


def test_exact_frames_may_be_compressed_and_rounded_ones_may_not(case):
    compressed, _ = carried_out(case.folder, "compressed", text("compress = true"))
    assert differences(case.exact, compressed) == []
    with h5py.File(compressed) as small, h5py.File(case.exact) as large:
        stored = [file["coordinates"].id.get_storage_size() for file in (small, large)]
    assert stored[0] < stored[1]
    plain, _ = carried_out(
        case.folder, "plain", text(SMALL + "\ncompress = false\nvelocities = true")
    )
    with h5py.File(plain) as file:
        assert file["coordinates"].compression is None and file["velocities"].dtype == np.float32
        assert close(file["coordinates"][:], case.position)


def test_every_column_of_the_series_has_a_unit_and_a_definition(case):
    with h5py.File(case.exact) as file:
        for series in file["sinter"].values():
            for name, column in series.items():
                assert column.attrs["unit"] and column.attrs["definition"], name
        thermo = file["sinter/thermo"]
        assert set(thermo["stage"].asstr()[:]) == {"warm"}
        assert set(thermo["stage_number"][:]) == {1}
        assert set(thermo["target_temperature"][:]) == {1000.0}
        assert thermo["conserved_energy"].attrs["unit"] == "eV"
        assert "pressure_xx" not in thermo, "a cluster has no volume"
