"""One trajectory file, opened by every reader of the field: all see the same."""

import hashlib

import h5py
import netCDF4
import numpy as np
import pytest
from ase.data import atomic_masses
from ase.io.netcdftrajectory import NetCDFTrajectory
from MDAnalysis.coordinates.H5MD import H5MDReader
from ovito.io import import_file

from running import POTENTIALS, run, write_input

# MDAnalysis keeps positions and velocities as f32, whose relative rounding is 2^-24.
F32 = 2.0**-23

INPUT = f"""
title = "opened everywhere"
seed = 5
[potential]
library = "{POTENTIALS}/PtFe.library.meam"
parameters = "{POTENTIALS}/PtFe.meam"
elements = ["Pt", "Fe"]
[box]
boundary = BOUNDARY
lengths_angstrom = [32, 34, 36]
[[particle]]
atoms = 200
surface_energy_j_per_m2 = {{ "111" = 1.656, "100" = 2.167, "110" = 1.979 }}
lattice_constant_angstrom = 3.88
composition = {{ Pt = 0.85, Fe = 0.15 }}
centre_angstrom = [1, 17, 18]
[output]
trajectory_interval_ps = 0.02
series_interval_ps = 0.01
forces = true
energies = true
[[stage]]
kind = "hold"
temperature_k = 1000
duration_ps = 0.1
"""

FRAMES = 6
LENGTHS = np.array([32.0, 34.0, 36.0])


class Case:
    """A finished run: its boundaries, its number of ranks and its files."""

    def __init__(self, folder, periodic, ranks):
        self.periodic, self.ranks = np.array(periodic), ranks
        words = str(["periodic" if p else "free" for p in periodic]).replace("'", '"')
        self.input = write_input(folder, INPUT.replace("BOUNDARY", words))
        done = run("--output", folder / "out", self.input, ranks=ranks)
        assert done.returncode == 0, done.stderr
        self.path = folder / "out/trajectory.h5md"
        with h5py.File(self.path) as file:
            frames = file["particles/trajectory"]
            self.position = frames["position/value"][:]
            self.velocity = frames["velocity/value"][:]
            self.force = frames["forces/value"][:]
            self.energy = frames["potential_energy/value"][:]
            self.species = frames["species/value"][:]
            self.id = frames["id/value"][:]
            self.time = frames["position/time"][:]
            self.step = frames["position/step"][:]

    @property
    def edges(self):
        """What the file tells of the box: 0 in a free direction."""
        return LENGTHS * self.periodic


@pytest.fixture(
    scope="module",
    params=[((False, False, False), 1), ((True, True, False), 2), ((True, True, True), 3)],
    ids=["free-1-rank", "slab-2-ranks", "periodic-3-ranks"],
)
def case(request, tmp_path_factory):
    return Case(tmp_path_factory.mktemp("readers"), *request.param)


def test_h5md_is_as_the_specification_asks(case):
    with h5py.File(case.path) as file:
        assert list(file["h5md"].attrs["version"]) == [1, 1]
        for group, name in [("author", "name"), ("creator", "name"), ("creator", "version")]:
            kind = file["h5md"][group].attrs.get_id(name).get_type()
            assert not kind.is_variable_str(), f"{group}/{name} has a fixed length"
        assert list(file["particles"]) == ["trajectory"]
        frames = file["particles/trajectory"]
        box = frames["box"]
        assert box.attrs["dimension"] == 3
        expected = [b"periodic" if p else b"none" for p in case.periodic]
        assert list(np.char.encode(box.attrs["boundary"].astype(str))) == expected
        quantities = [
            (name, item) for name, item in frames.items() if isinstance(item, h5py.Group) and name != "box"
        ] + list(box.items())
        assert len(quantities) == 9
        for name, group in quantities:
            assert group["value"].shape[0] == FRAMES, name
            for shared in ("step", "time"):
                assert group[shared] == frames["position"][shared], f"{name}/{shared} is the same object"
        for name, unit in [("position", "Angstrom"), ("velocity", "Angstrom ps-1")]:
            value = frames[name]["value"]
            assert value.attrs["unit"] == unit
            assert value.attrs.get_id("unit").get_type().is_variable_str()
        assert frames["position/time"].attrs["unit"] == "ps"
        assert frames["forces/value"].attrs["units"] == b"eV/angstrom"
        assert "mass" not in frames


def test_steps_and_times_are_those_of_the_input(case):
    assert list(case.step) == [10 * n for n in range(FRAMES)]
    # Steps of 2 fs, whose product with the step is rounded once.
    assert np.abs(case.time - 0.002 * case.step).max() < 1e-15
    assert (case.id == np.arange(case.id.shape[1])).all()
    assert set(np.unique(case.species)) == {26, 78}
    assert (case.species == case.species[0]).all()
    assert (case.force.sum(axis=1) == 0).all(), "sums of quanta of 2^-40 eV/Å cancel exactly"


def test_positions_go_on_across_periodic_boundaries(case):
    # No atom is as fast as 20 Å/ps at 1000 K; a jump would be 32 Å.
    assert np.abs(np.diff(case.position, axis=0)).max() < 20 * 0.02
    if case.periodic.any():
        assert case.position[..., 0].min() < 0, "the particle sits on the boundary and stays whole"


def test_amber_names_are_hard_links_to_the_same_data(case):
    pairs = {
        "coordinates": "position/value",
        "velocities": "velocity/value",
        "forces": "forces/value",
        "potential_energy": "potential_energy/value",
        "time": "position/time",
        "step": "position/step",
        "id": "id/value",
        "atom_types": "species/value",
        "cell_lengths": "box/edges/value",
        "cell_angles": "box/angles/value",
        "cell_origin": "box/origin/value",
        "particle": "particle",
    }
    with h5py.File(case.path) as file:
        for amber, h5md in pairs.items():
            assert file[amber] == file["particles/trajectory"][h5md], amber


def test_netcdf_sees_an_amber_trajectory(case):
    with netCDF4.Dataset(case.path) as file:
        assert file.Conventions == "AMBER" and file.ConventionVersion == "1.0"
        assert file.program == "sinter-hpc" and file.title == "opened everywhere"
        assert {name: len(d) for name, d in file.dimensions.items()} == {
            "frame": FRAMES,
            "atom": case.position.shape[1],
            "spatial": 3,
            "cell_spatial": 3,
            "cell_angular": 3,
        }
        assert file.dimensions["frame"].isunlimited()
        directions = {
            "coordinates": ("frame", "atom", "spatial"),
            "velocities": ("frame", "atom", "spatial"),
            "cell_lengths": ("frame", "cell_spatial"),
            "cell_angles": ("frame", "cell_angular"),
            "atom_types": ("frame", "atom"),
            "id": ("frame", "atom"),
            "time": ("frame",),
        }
        assert {name: file[name].dimensions for name in directions} == directions
        assert b"".join(file["spatial"][:].data) == b"xyz"
        assert (file["coordinates"][:] == case.position).all()
        assert (file["velocities"][:] == case.velocity).all()
        assert (file["time"][:] == case.time).all() and file["time"].units == "picosecond"
        assert (file["cell_lengths"][:] == case.edges).all()
        assert (file["cell_angles"][:] == 90).all()
        assert (file["atom_types"][:] == case.species).all()


def test_mdanalysis_sees_the_same(case):
    with H5MDReader(case.path) as reader:
        assert reader.n_frames == FRAMES and reader.n_atoms == case.position.shape[1]
        assert reader.units["time"] == "ps" and reader.units["length"] == "Angstrom"
        assert reader.units["velocity"] == "Angstrom/ps"
        for n, frame in enumerate(reader):
            assert frame.time == case.time[n] and frame.data["step"] == case.step[n]
            assert np.allclose(frame.positions, case.position[n], rtol=F32, atol=0)
            assert np.allclose(frame.velocities, case.velocity[n], rtol=F32, atol=0)
            if case.periodic.any():
                assert (frame.dimensions == [*case.edges, 90, 90, 90]).all()
            else:
                assert frame.dimensions is None, "no periodic cell"


def test_ase_sees_the_same(case):
    trajectory = NetCDFTrajectory(str(case.path))
    assert len(trajectory) == FRAMES
    for n, atoms in enumerate(trajectory):
        assert (atoms.positions == case.position[n]).all()
        assert (atoms.numbers == case.species[n]).all()
        assert (atoms.pbc == case.periodic).all()
        lengths = atoms.cell.lengths()
        assert (lengths[case.periodic] == case.edges[case.periodic]).all()
        assert atoms.info["time"] == case.time[n]
        # ASE multiplies by its masses and so has momenta in the file's units, u Å/ps.
        momenta = case.velocity[n] * atomic_masses[case.species[n]][:, None]
        assert (atoms.get_momenta() == momenta).all()
        assert (atoms.get_array("forces") == case.force[n]).all()


def test_ovito_sees_the_same(case):
    pipeline = import_file(str(case.path))
    assert pipeline.source.num_frames == FRAMES
    for n in range(FRAMES):
        data = pipeline.compute(n)
        particles = data.particles
        assert data.attributes["time"] == case.time[n] and data.attributes["step"] == case.step[n]
        assert (particles.identifiers[...] == case.id[n]).all()
        assert (particles.positions[...] == case.position[n]).all()
        assert (particles.particle_types[...] == case.species[n]).all()
        assert np.allclose(particles.velocities[...], case.velocity[n], rtol=F32, atol=0)
        assert np.allclose(particles.forces[...], case.force[n], rtol=F32, atol=0)
        assert (particles["potential_energy"][...] == case.energy[n]).all()
        if not case.periodic.any():
            assert data.cell is None, "without any boundary there is no box"
            continue
        assert list(data.cell.pbc) == list(case.periodic)
        lengths = np.diag(data.cell[:, :3])
        assert (lengths[case.periodic] == case.edges[case.periodic]).all()


def test_parameters_tell_where_the_file_comes_from(case):
    with h5py.File(case.path) as file:
        parameters = file["parameters"]
        assert parameters["input"].asstr()[()] == case.input.read_text()
        for name in ["PtFe.library.meam", "PtFe.meam"]:
            text = (POTENTIALS / name).read_bytes()
            stored = parameters["potential"][name]
            assert stored[()] == text
            assert stored.attrs["sha256"] == hashlib.sha256(text).hexdigest()
        told = parameters.attrs
        assert (told["seed"], told["ranks"], told["threads"]) == (5, case.ranks, 1)
        assert len(told["git_revision"]) >= 7
        assert "MPI" in told["mpi"] and told["hdf5"][0].isdigit()
        masses = {name: group.attrs["mass"] for name, group in parameters["species"].items()}
        assert masses == {"Pt": 195.08, "Fe": 55.847}


def test_series_are_longer_than_the_trajectory_and_explain_themselves(case):
    with h5py.File(case.path) as file:
        thermo = file["sinter/thermo"]
        assert list(thermo["step"]) == list(range(0, 51, 5))
        assert thermo["temperature"].attrs["unit"] == "K"
        for name, column in thermo.items():
            assert len(column) == 11, name
            assert name in ("step", "time") or column.attrs["definition"], name
