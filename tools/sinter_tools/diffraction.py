"""X-ray pattern of a frame by the Debye sum, peaks, and the Scherrer size.

I(q) = sum_i f_i(q)^2 + 2 sum_{i<j} f_i f_j sin(q r_ij) / (q r_ij), with the form factors of
Cromer and Mann (`periodictable`). Distances are gathered in bins of `WIDTH` and stand for
the mean of their bin: the error of a term is at most (q WIDTH)^2 / 8, 3e-7 at q = 8 1/Å
and WIDTH = 0.0002 Å in the worst case. There are no images: what fills a periodic box is taken as if it stood in vacuum, a
crystal as small as the box.
"""

from itertools import combinations_with_replacement

import matplotlib.pyplot as plt
import numpy as np
from periodictable.cromermann import fxrayatq
from scipy.signal import find_peaks, peak_widths

from .style import COLOURS
from .trajectory import Unusable, number_of

WIDTH = 2e-4
#: Å: of bins; what is farther (atoms that have evaporated) stands for itself.
FAR = 2000.0
COPPER = 1.5406  # Å, K alpha 1
SCHERRER = 0.94
MOST_ATOMS = 100_000
#: Steps between angles that a peak's width takes to be known.
LEAST_STEPS = 3


def _distances(one, other, same):
    """Counts and sums of the distances between two groups of atoms, by bin."""
    everything = np.concatenate([one, other])
    longest = np.linalg.norm(np.ptp(everything, axis=0))
    bins = int(min(longest, FAR) / WIDTH) + 2
    counts, sums, far = np.zeros(bins), np.zeros(bins), []
    rows = max(1, 4_000_000 // len(other))
    square = (other**2).sum(1)
    for first in range(0, len(one), rows):
        some = one[first : first + rows]
        distance = (some**2).sum(1)[:, None] + square - 2 * some @ other.T
        distance = np.sqrt(np.maximum(distance, 0))
        if same:  # each pair once
            later = np.arange(len(other)) > np.arange(first, first + len(some))[:, None]
            distance = distance[later]
        flat = distance.ravel()
        if longest > FAR:
            far.append(flat[flat > FAR])
            flat = flat[flat <= FAR]
        index = (flat / WIDTH).astype(np.int64)
        counts += np.bincount(index, minlength=bins)
        sums += np.bincount(index, flat, minlength=bins)
    full = counts > 0
    beyond = np.concatenate([np.zeros(0), *far])
    return np.concatenate([sums[full] / counts[full], beyond]), np.concatenate([counts[full], np.ones(len(beyond))])


def debye(positions, symbols, q):
    """Intensity per atom at each q (1/Å), of atoms in vacuum."""
    if len(positions) > MOST_ATOMS:
        raise Unusable(
            f"the Debye sum over {len(positions):,} atoms takes hours: choose a particle (--particle), "
            f"at most {MOST_ATOMS:,} atoms"
        )
    q = np.asarray(q, float)
    positions = positions - positions.mean(0)
    elements = sorted(set(symbols.tolist()))
    strange = [element for element in elements if number_of(element) == 0]
    if strange:
        raise Unusable(f"{strange[0]} is no chemical element: it has no form factor")
    factor = {element: np.asarray(fxrayatq(element, q)) for element in elements}
    intensity = np.zeros_like(q)
    for element in elements:
        intensity += np.count_nonzero(symbols == element) * factor[element] ** 2
    for a, b in combinations_with_replacement(elements, 2):
        r, count = _distances(positions[symbols == a], positions[symbols == b], a == b)
        product = 2 * factor[a] * factor[b]
        for k in range(len(q)):
            intensity[k] += product[k] * (count * np.sinc(q[k] * r / np.pi)).sum()
    return intensity / len(positions)


def peaks(two_theta, intensity, wavelength=COPPER):
    """Position (degrees), width and Scherrer size (Å) of each peak that stands out by 5 %; width and size are NaN where it is so
    narrow, or the step so wide, that `LEAST_STEPS` do not go into it."""
    places, _ = find_peaks(intensity, prominence=0.05 * intensity.max())
    steps = peak_widths(intensity, places, rel_height=0.5)[0]
    widths = np.where(steps >= LEAST_STEPS, steps, np.nan) * (two_theta[1] - two_theta[0])
    theta = np.radians(two_theta[places] / 2)
    return [
        (float(t), float(w), float(SCHERRER * wavelength / (np.radians(w) * np.cos(h))))
        for t, w, h in zip(two_theta[places], widths, theta)
    ]


def lines(found):
    """The peaks in words."""
    for place, width, size in found:
        what = "too narrow for this step to tell width and size" if np.isnan(size) else f"width {width:.2f} deg, Scherrer size {size / 10:.2f} nm"
        yield f"peak at {place:6.2f} deg, {what}"
    if any(np.isnan(size) for _, _, size in found):
        yield f"a width takes {LEAST_STEPS} steps or more: choose a smaller --step"


def pattern(trajectory, frame, particle=None, wavelength=COPPER, low=30.0, high=90.0, step=0.1):
    """Angles 2 theta (degrees) and intensities of all atoms or of one particle."""
    if not 0 < low < high < 180:
        raise Unusable(f"angles must rise between 0 and 180 degrees, not from {low} to {high}")
    if (high - low) / step < 2:
        raise Unusable(f"a pattern wants three angles or more: {low} to {high} degrees in steps of {step} are fewer")
    chosen = slice(None) if particle is None else trajectory.particle == particle
    if particle is not None and not chosen.any():
        raise Unusable(f"there is no particle {particle}; there are {trajectory.particle.max() + 1}, from 0 on")
    two_theta = np.arange(low, high + step / 2, step)
    q = 4 * np.pi * np.sin(np.radians(two_theta / 2)) / wavelength
    return two_theta, debye(frame.positions[chosen], frame.symbols[chosen], q)


def figure(two_theta, intensity, found, title, wavelength=COPPER):
    """Pattern with position and size at each peak, as far as there is room: the higher ones first."""
    figure, axis = plt.subplots(figsize=(6, 3.4))
    axis.plot(two_theta, intensity, lw=1)
    height_at = lambda place: np.interp(place, two_theta, intensity)
    # Widths of a label in both directions, as parts of the axes.
    across, up, top = 0.075 * np.ptp(two_theta), 0.13, 1.18 * intensity.max()
    written = []
    for place, _, size in sorted(found, key=lambda peak: -height_at(peak[0])):
        height = height_at(place)
        if any(abs(place - x) < across and abs(height - y) < up * top for x, y in written):
            continue
        # Nor over a flank of its higher neighbours.
        beside = np.abs(two_theta - place) < across / 2
        if intensity[beside].max() > height + 0.02 * top:
            continue
        written.append((place, height))
        label = f"{place:.1f}°" if np.isnan(size) else f"{place:.1f}°\n{size / 10:.1f} nm"
        axis.annotate(label, (place, height), xytext=(0, 4), textcoords="offset points",
                      ha="center", va="bottom", fontsize="x-small", color=COLOURS[1])
    axis.set_ylim(0, top)
    radiation = r"Cu K$\alpha_1$" if wavelength == COPPER else rf"$\lambda$ = {wavelength:g} Å"
    axis.set_xlabel(rf"$2\theta$ / ° ({radiation})")
    axis.set_ylabel("intensity per atom / electrons²")
    axis.set_title(title, fontsize="small", loc="right")
    return figure
