"""Who is who: an atom is its element's symbol, in every file and for every reader.

The numbers of the library (`ielement`) are filler in most published potentials, as here."""

import re
from types import SimpleNamespace

import h5py
import MDAnalysis
import netCDF4
import numpy as np
import pytest
from ase.io.netcdftrajectory import NetCDFTrajectory
from ovito.io import export_file, import_file

from running import POTENTIALS, ROOT, run, sinter, write_input

FE, PT = 26, 78
REFERENCE = ROOT / "tests/reference/potentials"

INPUT = """
[potential]
library = "library.meam"
parameters = "{parameters}"
elements = ["Pt", "Fe"]
{atoms}
[[stage]]
kind = "hold"
temperature_k = 300
duration_ps = 0.02
"""

PARTICLE = """
[[particle]]
atoms = 92
shape = "sphere"
lattice_constant_angstrom = 3.88
composition = { Pt = 0.5, Fe = 0.5 }
"""


def composition(symbols):
    names, counts = np.unique(list(symbols), return_counts=True)
    return dict(zip(names.tolist(), counts.tolist()))


def species_of(path):
    """The first column of an extended XYZ file that the program wrote."""
    return [line.split()[0] for line in path.read_text().splitlines()[2:]]


@pytest.fixture(scope="module")
def case(tmp_path_factory):
    """A run whose library gives both elements the number 1, its trajectory and what
    `build` writes of the same input."""
    folder = tmp_path_factory.mktemp("names")
    library = (POTENTIALS / "PtFe.library.meam").read_text()
    filler, count = re.subn(r"^('\w+' '\w+' \d+) \d+ ", r"\1 1 ", library, flags=re.M)
    assert count == 2
    (folder / "library.meam").write_text(filler)
    text = INPUT.format(parameters=POTENTIALS / "PtFe.meam", atoms=PARTICLE)
    path = write_input(folder, text)
    done = run("--output", folder / "out", path)
    assert done.returncode == 0, done.stderr
    for name in ["built.h5", "built.xyz"]:
        built = sinter("build", path, "--output", folder / name)
        assert built.returncode == 0, built.stderr
    # `build` names the elements itself, without any file of numbers.
    expected = species_of(folder / "built.xyz")
    assert len(composition(expected)) == 2
    return SimpleNamespace(folder=folder, path=folder / "out/trajectory.h5md", expected=expected)


@pytest.fixture(params=["out/trajectory.h5md", "built.h5"])
def file(case, request):
    return case.folder / request.param


def again(case, file, structure=""):
    """What the program reads from a structure file, as an extended XYZ file."""
    text = INPUT.format(
        parameters=POTENTIALS / "PtFe.meam", atoms=f'[structure]\nfile = "{file}"\n{structure}'
    )
    path = write_input(case.folder, text, "again.toml")
    output = case.folder / "again.xyz"
    return sinter("build", "--force", path, "--output", output), output


def test_h5py_finds_numbers_and_names(case, file):
    with h5py.File(file) as opened:
        species = opened["particles/trajectory/species/value"]
        assert species.dtype == np.int32, "an enumeration is no type to OVITO"
        names = dict(zip(species.attrs["numbers"].tolist(), species.attrs["names"].astype(str)))
        assert names == {FE: "Fe", PT: "Pt"}
        for row in species[:]:
            assert [names[number] for number in row] == case.expected
        assert {n: g.attrs["atomic_number"] for n, g in opened["parameters/species"].items()} == {
            "Fe": FE,
            "Pt": PT,
        }


def test_netcdf_and_ase_see_elements(case, file):
    with netCDF4.Dataset(file) as opened:
        types = opened["atom_types"]
        names = dict(zip(types.numbers.tolist(), types.names))
        assert [names[number] for number in types[0].tolist()] == case.expected
    for atoms in NetCDFTrajectory(str(file)):
        assert atoms.get_chemical_symbols() == case.expected


def test_ovito_sees_atomic_numbers(case, file):
    types = import_file(str(file)).compute(0).particles.particle_types
    assert {t.id for t in types.types} == {FE, PT}
    assert types[...].tolist() == [{"Fe": FE, "Pt": PT}[name] for name in case.expected]


def test_mdanalysis_shows_the_names_of_the_built_structure(case):
    universe = MDAnalysis.Universe(
        str(case.folder / "built.xyz"), str(case.path), topology_format="XYZ", format="H5MD"
    )
    assert universe.trajectory.n_frames == 2
    assert list(universe.atoms.names) == case.expected
    assert universe.select_atoms("name Fe").n_atoms == case.expected.count("Fe")


def test_the_program_reads_its_own_file_by_names(case, file):
    done, output = again(case, file)
    assert done.returncode == 0, done.stderr
    assert species_of(output) == case.expected


def test_inspect_counts_each_element(case, file):
    counts = composition(case.expected)
    told = sinter("inspect", file).stdout
    assert f"{len(case.expected)}: {counts['Fe']} Fe, {counts['Pt']} Pt" in told


@pytest.mark.parametrize("named", [False, True], ids=["numbers", "names"])
def test_what_ovito_exports_comes_back_as_the_same_elements(case, named):
    pipeline = import_file(str(case.path))
    if named:

        def name(frame, data):
            for number, symbol in [(FE, "Fe"), (PT, "Pt")]:
                data.particles_.particle_types_.type_by_id_(number).name = symbol

        pipeline.modifiers.append(name)
    exported = case.folder / "ovito.xyz"
    columns = ["Particle Identifier", "Particle Type"]
    columns += [f"{what}.{axis}" for what in ("Position", "Velocity") for axis in "XYZ"]
    export_file(pipeline, str(exported), "xyz", columns=columns, frame=1)
    written = {line.split()[1] for line in exported.read_text().splitlines()[2:]}
    assert written == ({"Fe", "Pt"} if named else {str(FE), str(PT)})
    done, output = again(case, exported)
    assert done.returncode == 0, done.stderr
    assert species_of(output) == case.expected
    evaluated = case.folder / "evaluated.xyz"
    done = sinter(
        *("evaluate", "--library", case.folder / "library.meam"),
        *("--parameters", POTENTIALS / "PtFe.meam", "--elements", "Pt,Fe"),
        *(exported, "--output", evaluated),
    )
    assert done.returncode == 0, done.stderr
    header, first = evaluated.read_text().splitlines()[1:3]
    assert "species:S:1" in header and case.expected[0] in first.split()


BULK = """
[crystal]
lattice = "l1_2"
lattice_constant_angstrom = 3.84
repeats = [2, 2, 2]
sublattices = [{ Fe = 1.0 }, { Pt = 1.0 }]
"""


@pytest.fixture(scope="module")
def bulk(tmp_path_factory):
    """OVITO's exports of a periodic trajectory of ours (it exports no cluster as LAMMPS data or
    dump), whose types are atomic numbers."""
    folder = tmp_path_factory.mktemp("bulk")
    library = POTENTIALS / "PtFe.library.meam"
    text = INPUT.format(parameters=POTENTIALS / "PtFe.meam", atoms=BULK)
    text = text.replace("library.meam", str(library))
    done = run("--output", folder / "out", write_input(folder, text))
    assert done.returncode == 0, done.stderr
    pipeline = import_file(str(folder / "out/trajectory.h5md"))
    export_file(pipeline, str(folder / "a.data"), "lammps/data", frame=1)
    columns = ["Particle Identifier", "Particle Type"]
    columns += [f"{what}.{axis}" for what in ("Position", "Velocity") for axis in "XYZ"]
    export_file(pipeline, str(folder / "a.dump"), "lammps/dump", columns=columns, frame=1)
    columns = ["Particle Type", "Position"]
    export_file(pipeline, str(folder / "a.nc"), "netcdf/amber", columns=columns, frame=1)
    return SimpleNamespace(folder=folder, head=text.split("[crystal]")[0])


@pytest.mark.parametrize("name", ["a.data", "a.dump"])
def test_lammps_files_that_ovito_exports_come_back_as_the_same_atoms(bulk, name):
    symbols = {FE: "Fe", PT: "Pt"}
    with h5py.File(bulk.folder / "out/trajectory.h5md") as file:
        frame = file["particles/trajectory"]
        numbers, positions = frame["species/value"][-1], frame["position/value"][-1]
        velocities = frame["velocity/value"][-1]
    text = f'{bulk.head}[structure]\nfile = "{bulk.folder / name}"\n[[stage]]\nkind = "minimise"\n'
    output = bulk.folder / f"{name}.xyz"
    built = sinter("build", write_input(bulk.folder, text, "again.toml"), "--output", output)
    assert built.returncode == 0, built.stderr
    assert "the species 26 is taken as an atomic number: Fe" in built.stderr
    assert species_of(output) == [symbols[number] for number in numbers]
    lines = output.read_text().splitlines()
    cell = np.array(re.search(r'Lattice="([^"]*)"', lines[1])[1].split(), float).reshape(3, 3)
    assert np.abs(cell - 7.68 * np.eye(3)).max() < 1e-9 and 'pbc="T T T"' in lines[1]
    rows = np.array([line.split()[1:7] for line in lines[2:]], float)
    away = rows[:, :3] - positions
    assert np.abs(away - 7.68 * np.round(away / 7.68)).max() < 1e-6
    if name == "a.dump":
        assert np.abs(rows[:, 3:] - velocities).max() < 1e-6


def test_classic_netcdf_is_told_apart_from_what_is_read(bulk):
    for line, told in [
        ("", "tells no format: write `format` as well (extended XYZ, LAMMPS data, LAMMPS dumps and H5MD"),
        ('format = "h5md"', "this file is netCDF in its classic form, which is not read: make extended"),
    ]:
        text = f'{bulk.head}[structure]\nfile = "{bulk.folder / "a.nc"}"\n{line}\n[[stage]]\nkind = "minimise"\n'
        built = sinter("build", write_input(bulk.folder, text, "nc.toml"), "--output", bulk.folder / "b.xyz")
        assert built.returncode == 2 and told in built.stderr, built.stderr


def test_types_beside_names_are_a_contradiction(case):
    done, _ = again(case, case.path, 'types = ["Fe", "Pt"]')
    assert done.returncode == 2
    assert "the file names its species itself" in done.stderr


def test_a_name_that_is_no_element_has_a_number_of_its_own(tmp_path):
    path = write_input(
        tmp_path,
        f"""
[potential]
library = "{REFERENCE}/Ni4.library.meam"
parameters = "{REFERENCE}/Ni4.meam"
elements = ["Ni4"]
[[particle]]
atoms = 60
shape = "sphere"
lattice_constant_angstrom = 3.52
composition = {{ Ni4 = 1.0 }}
[[stage]]
kind = "hold"
temperature_k = 300
duration_ps = 0.02
""",
    )
    done = run("--output", tmp_path / "out", path)
    assert done.returncode == 0, done.stderr
    file = tmp_path / "out/trajectory.h5md"
    with h5py.File(file) as opened:
        species = opened["particles/trajectory/species/value"]
        assert set(species[:].ravel()) == {1001}
        assert species.attrs["names"].astype(str).tolist() == ["Ni4"]
    told = sinter("inspect", file).stdout
    assert re.search(r"atoms +(\d+): \1 Ni4\n", told), told
    assert {t.id for t in import_file(str(file)).compute(0).particles.particle_types.types} == {1001}
    # ASE knows elements alone: it is told which one is meant.
    with pytest.raises(IndexError):
        NetCDFTrajectory(str(file))[0]
    atoms = NetCDFTrajectory(str(file), types_to_numbers={1001: 28})[0]
    assert set(atoms.get_chemical_symbols()) == {"Ni"}
    read = path.read_text().split("[[particle]]")[0]
    read += f'[structure]\nfile = "{file}"\n[[stage]]\nkind = "minimise"\n'
    built = sinter("build", write_input(tmp_path, read, "again.toml"), "--output", tmp_path / "a.xyz")
    assert built.returncode == 0, built.stderr
    assert set(species_of(tmp_path / "a.xyz")) == {"Ni4"}
