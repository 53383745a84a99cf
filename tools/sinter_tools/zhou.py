"""Tables of the embedded-atom method (`setfl`, as LAMMPS `pair_style eam/alloy`) from the analytic functions of
X. W. Zhou, R. A. Johnson, H. N. G. Wadley, Phys. Rev. B 69 (2004) 144113, with x = r / r_e:

    f(r)   = f_e exp[-β (x - 1)] / [1 + (x - λ)²⁰]
    φ(r)   = A exp[-α (x - 1)] / [1 + (x - κ)²⁰] - B exp[-β (x - 1)] / [1 + (x - λ)²⁰]
    φ_ab   = ½ [f_b / f_a φ_a + f_a / f_b φ_b]
    F(ρ)   = Σ F_ni (ρ / ρ_n - 1)^i   below ρ_n = 0.85 ρ_e
           = Σ F_i (ρ / ρ_e - 1)^i    up to 1.15 ρ_e
           = F_e [1 - η ln(ρ / ρ_s)] (ρ / ρ_s)^η   beyond

The parameters are fitted to the elements; alloys are those of the mixing rule. Lengths in Å, energies in eV.
"""

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Element:
    """One row of the paper's table, in its order."""

    number: int
    mass: float
    r_e: float
    f_e: float
    rho_e: float
    rho_s: float
    alpha: float
    beta: float
    a: float
    b: float
    kappa: float
    lam: float
    below: tuple
    within: tuple
    eta: float
    energy: float

    def density(self, r):
        return self._falling(r, self.f_e, self.beta, self.lam)

    def pair(self, r):
        return self._falling(r, self.a, self.alpha, self.kappa) - self._falling(r, self.b, self.beta, self.lam)

    def _falling(self, r, strength, decay, shift):
        """What all functions of r are made of."""
        x = r / self.r_e
        return strength * np.exp(-decay * (x - 1)) / (1 + (x - shift) ** 20)

    def embedding(self, rho):
        end, begin = 0.85 * self.rho_e, 1.15 * self.rho_e
        below = np.polynomial.polynomial.polyval(rho / end - 1, self.below)
        within = np.polynomial.polynomial.polyval(rho / self.rho_e - 1, self.within)
        ratio = np.maximum(rho, begin) / self.rho_s
        beyond = self.energy * (1 - self.eta * np.log(ratio)) * ratio**self.eta
        return np.where(rho < end, below, np.where(rho < begin, within, beyond))

    @property
    def lattice_constant(self):
        """Of fcc, Å."""
        return 2**0.5 * self.r_e


# Those that crystallise as fcc.
ELEMENTS = {
    "Cu": Element(29, 63.546, 2.556162, 1.554485, 21.175871, 21.175395, 8.127620, 4.334731, 0.396620, 0.548085, 0.308782, 0.756515,
                  (-2.170269, -0.263788, 1.088878, -0.817603), (-2.19, 0.0, 0.561830, -2.100595), 0.310490, -2.186568),
    "Ag": Element(47, 107.8682, 2.891814, 1.106232, 14.604100, 14.604144, 9.132010, 4.870405, 0.277758, 0.419611, 0.339710, 0.750758,
                  (-1.729364, -0.255882, 0.912050, -0.561432), (-1.75, 0.0, 0.744561, -1.150650), 0.783924, -1.748423),
    "Au": Element(79, 196.966569, 2.885034, 1.529021, 19.991632, 19.991509, 9.516052, 5.075228, 0.229762, 0.356666, 0.356570, 0.748798,
                  (-2.937772, -0.500288, 1.601954, -0.835530), (-2.98, 0.0, 1.706587, -1.134778), 1.021095, -2.978815),
    "Pd": Element(46, 106.42, 2.750897, 1.595417, 21.335246, 21.940073, 8.697397, 4.638612, 0.406763, 0.598880, 0.397263, 0.754799,
                  (-2.321006, -0.473983, 1.615343, -0.231681), (-2.36, 0.0, 1.481742, -1.675615), 1.130000, -2.352753),
    "Pt": Element(78, 195.084, 2.771916, 2.336509, 33.367564, 35.205357, 7.105782, 3.789750, 0.556398, 0.696037, 0.385255, 0.770510,
                  (-1.455568, -2.149952, 0.528491, 1.222875), (-4.17, 0.0, 3.010561, -2.420128), 1.450000, -4.145597),
    "Al": Element(13, 26.9815386, 2.863924, 1.403115, 20.418205, 23.195740, 6.613165, 3.527021, 0.314873, 0.365551, 0.379846, 0.759692,
                  (-2.807602, -0.301435, 1.258562, -1.247604), (-2.83, 0.0, 0.622245, -2.488244), 0.785902, -2.824528),
    "Pb": Element(82, 207.2, 3.499723, 0.647872, 8.450154, 8.450063, 9.121799, 5.212457, 0.161219, 0.236884, 0.250805, 0.764955,
                  (-1.422370, -0.210107, 0.682886, -0.529378), (-1.44, 0.0, 0.702726, -0.538766), 0.935380, -1.439436),
}  # fmt: skip

# Beyond half of this many lattice constants the functions, below 10⁻⁶, count as zero.
REACH = 10**0.5
# Densities in the table, in units of the highest ρ_e: those of atoms pressed to three quarters of their distance.
DENSEST = 4.0


def _mixed(one, other, r):
    """φ between atoms of two elements."""
    ratio = other.density(r) / one.density(r)
    return 0.5 * (ratio * one.pair(r) + other.pair(r) / ratio)


def _rows(values):
    for first in range(0, len(values), 5):
        yield " ".join(f"{value:.9e}" for value in values[first : first + 5])


def setfl(names, points=1000):
    """The table of these elements and all their alloys, as text."""
    elements = [ELEMENTS[name] for name in names]
    cutoff = REACH / 2 * max(element.lattice_constant for element in elements)
    spacing = cutoff / (points - 1)
    r = spacing * np.arange(points)
    density_spacing = DENSEST * max(element.rho_e for element in elements) / (points - 1)
    rho = density_spacing * np.arange(points)
    lines = [
        "Embedded-atom method of X. W. Zhou, R. A. Johnson, H. N. G. Wadley, Phys. Rev. B 69 (2004) 144113",
        f"Made by `sinter-tools eam {' '.join(names)} --points {points}`",
        "Alloys by the mixing rule of that paper. UNITS: metal",
        f"{len(names)} {' '.join(names)}",
        f"{points} {density_spacing:.12e} {points} {spacing:.12e} {cutoff:.12e}",
    ]
    for element in elements:
        lines.append(f"{element.number} {element.mass} {element.lattice_constant:.6f} fcc")
        lines += _rows(element.embedding(rho))
        lines += _rows(element.density(r))
    for i, one in enumerate(elements):
        for other in elements[: i + 1]:
            lines += _rows(r * _mixed(one, other, r))
    return "\n".join(lines) + "\n"
