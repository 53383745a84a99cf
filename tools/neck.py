#!/usr/bin/env python3
"""Draws how two particles sinter: gap, neck radius, neck atoms, distance of the
centres and temperature against time, from the time series of a trajectory file.

    python3 tools/neck.py results/quickstart/trajectory.h5md [--output neck.png]

Needs h5py, numpy and matplotlib. The definition of each quantity stands beside it
in the file (attribute `definition`).
"""

import argparse
import sys
from pathlib import Path

try:
    import h5py
    import matplotlib
    import numpy as np
except ImportError as missing:
    sys.exit(f"neck.py: {missing}; python3 -m pip install h5py matplotlib")

matplotlib.use("Agg")
import matplotlib.pyplot as plt  # noqa: E402

# group and name of a column, label of its axis
PANELS = [
    ("pairs", "gap", "gap / Å"),
    ("pairs", "neck_radius", "neck radius / Å"),
    ("pairs", "neck_atoms", "atoms in the neck"),
    ("pairs", "centre_distance", "distance of centres / Å"),
    ("thermo", "temperature", "temperature / K"),
]


def series(file, group, name):
    """Times in ps (rows) and values (rows, or rows x pairs); None where there are none."""
    path = f"sinter/{group}"
    if path not in file or name not in file[path]:
        return None
    return file[path]["time"][:], file[path][name][:]


def growth(time, radius):
    """Exponent n of R ~ (t - t0)^n, fitted from the moment the gap closed; None
    where there is less than a decade of it."""
    grown = np.flatnonzero(radius > 0)
    if len(grown) < 10:
        return None
    since = time[grown[1:]] - time[grown[0]]
    if since[-1] < 10 * since[0]:
        return None
    return np.polyfit(np.log(since), np.log(radius[grown[1:]]), 1)[0]


def draw(trajectory, picture):
    with h5py.File(trajectory) as file:
        columns = [(label, series(file, group, name)) for group, name, label in PANELS]
        pairs = None if "sinter/pairs" not in file else file["sinter/pairs/particles"][0]
    columns = [(label, data) for label, data in columns if data is not None]
    if pairs is None:
        print("no pair of particles was observed together: only the temperature is drawn")

    figure, axes = plt.subplots(
        len(columns), sharex=True, figsize=(7, 1.8 * len(columns)), squeeze=False, layout="constrained"
    )
    for axis, (label, (time, values)) in zip(axes[:, 0], columns):
        for k, column in enumerate(values.reshape(len(time), -1).T):
            of_pair = pairs is not None and values.ndim == 2
            axis.plot(time, column, lw=1, label="{} and {}".format(*pairs[k]) if of_pair else None)
            exponent = growth(time, column) if label.startswith("neck radius") else None
            if exponent is not None:
                axis.set_title(f"R grows as t^{exponent:.2f}", fontsize="small", loc="right")
        axis.set_ylabel(label, fontsize="small")
        axis.grid(alpha=0.3)
    if pairs is not None and len(pairs) > 1:
        axes[0, 0].legend(title="particles", fontsize="small")
    axes[-1, 0].set_xlabel("time / ps")
    figure.align_ylabels()
    figure.savefig(picture, dpi=150)
    print(f"drawn: {picture}")


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("trajectory", type=Path)
    parser.add_argument("--output", type=Path, help="picture [default: neck.png beside the trajectory]")
    arguments = parser.parse_args()
    picture = arguments.output or arguments.trajectory.with_name("neck.png")
    try:
        draw(arguments.trajectory, picture)
    except (OSError, KeyError) as error:
        sys.exit(f"{arguments.trajectory}: {error}")


if __name__ == "__main__":
    main()
