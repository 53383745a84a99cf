"""The atoms that both programs run: one LAMMPS data file each, which both read.

Our program makes them hot; a data file is made once and kept in `FOLDER`.
"""

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
    """A potential and the elements of atom types 1, 2, ..."""

    library: Path
    parameters: Path
    entries: tuple[str, ...]  # of the library
    elements: tuple[str, ...]
    numbers: tuple[int, ...]  # atomic ones
    masses: tuple[float, ...]
    timestep_fs: float

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


IRON_PLATINUM = Material(
    ROOT / "inputs/potentials/PtFe.library.meam",
    ROOT / "inputs/potentials/PtFe.meam",
    ("Pt", "Fe"),
    ("Pt", "Fe"),
    (78, 26),
    (195.08, 55.847),
    2.0,
)
# As the benchmark that comes with LAMMPS, bench/in.meam: its potential and time step.
NICKEL = Material(
    ROOT / "tests/reference/potentials/Ni4.library.meam",
    ROOT / "tests/reference/potentials/Ni4.meam",
    ("Ni4",),
    ("Ni",),
    (28,),
    (58.71,),
    5.0,
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
    """Two particles of Pt85Fe15 at 1473 K within reach of one another."""
    text = f"""
{snapshot.material.table()}
[[particle]]
count = 2
atoms = {snapshot.atoms // 2}
size = "exact"
surface_energy_j_per_m2 = {{ "111" = 1.0, "100" = 1.07, "110" = 1.125 }}
lattice_constant_angstrom = 3.90
composition = {{ Pt = 0.85, Fe = 0.15 }}
[placement]
gap_angstrom = 4.2
gap_between = "atoms"
[[stage]]
kind = "equilibrate"
particles = "apart"
temperature_k = 1473
duration_ps = {duration_ps}
relaxation_fs = 50
[[stage]]
kind = "hold"
temperature_k = 1473
duration_ps = {duration_ps / 4}
[output]
trajectory_interval_ps = 1000
"""
    trajectory = sinter.run(text, snapshot.name).trajectory
    types, positions, velocities = last_frame(trajectory, snapshot.material)
    box = bounds(positions)
    write_data(snapshot.data, snapshot.material, box, types, positions, velocities)


def make_crystal(snapshot, sinter, duration_ps):
    """Nickel as in LAMMPS's bench: an fcc crystal given 1600 K, of which the motion keeps half."""
    cells = round((snapshot.atoms / 4) ** (1 / 3))
    constant = 3.52
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
types = ["Ni"]
[box]
boundary = ["periodic", "periodic", "periodic"]
[dynamics]
timestep_fs = {snapshot.material.timestep_fs}
initial_temperature_k = 1600
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
