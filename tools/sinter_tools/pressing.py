"""Powders under pressure: what campaigns with `figure = "pressing"` measure and draw, void fraction and contact area against the
pressure, at several temperatures (`plots.pressed`)."""

import numpy as np


def outcome(trajectory):
    """Of a run: its last target temperature (K), and by frame pressures (GPa), void fractions and contact areas (nm²)."""
    from .plots import pressed

    found = pressed(trajectory)
    if found is None:
        return {"temperature_k": None}
    target = trajectory.series("thermo", "target_temperature")
    held = target.values[np.isfinite(target.values)] if target is not None else []
    _, pressure, void, contact, _ = found
    if contact is None:
        contact = np.full(len(void), np.nan)
    columns = {"pressure_gpa": pressure, "void_fraction": void, "contact_nm2": contact}
    given = {name: [None if np.isnan(x) else round(float(x), 5) for x in values] for name, values in columns.items()}
    return {"temperature_k": float(held[-1]) if len(held) else None} | given


def said(result):
    """In a few words."""
    if result["temperature_k"] is None:
        return "nothing presses on it at a temperature"
    return f"{result['temperature_k']:.0f} K: {100 * result['void_fraction'][-1]:.1f} % void at {result['pressure_gpa'][-1]:.2f} GPa"


def found(campaign):
    """Runs that are done and press, by temperature."""
    results = [result for result in campaign.results().values() if result["temperature_k"] is not None]
    return sorted(results, key=lambda result: result["temperature_k"])


def table(results):
    """Lines of CSV: a row for each frame of each run."""
    names = ("pressure_gpa", "void_fraction", "contact_nm2")
    lines = [",".join(("temperature_k", *names))]
    for result in results:
        for row in zip(*(result[name] for name in names)):
            lines.append(",".join([f"{result['temperature_k']:g}", *("" if x is None else f"{x:g}" for x in row)]))
    return lines


def figure(results):
    """Both against the pressure, a line for each run, coloured by its temperature."""
    import matplotlib.pyplot as plt

    from . import style  # noqa: F401, one look for all

    made, axes = plt.subplots(2, sharex=True, figsize=(6, 5))
    hot = [result["temperature_k"] for result in results]
    shade = plt.Normalize(min(hot), max(hot) if max(hot) > min(hot) else min(hot) + 1)
    for result in results:
        pressure, void, contact = (
            np.array([np.nan if x is None else x for x in result[name]]) for name in ("pressure_gpa", "void_fraction", "contact_nm2")
        )
        colour = plt.get_cmap("viridis")(0.9 * shade(result["temperature_k"]))
        axes[0].plot(pressure, 100 * void, ".-", color=colour, label=f"{result['temperature_k']:.0f} K")
        axes[1].plot(pressure, contact, ".-", color=colour)
    axes[0].set_ylabel("void fraction / %")
    axes[1].set_ylabel("contact area / nm²")
    axes[1].set_xlabel("pressure / GPa")
    for axis in axes:
        axis.set_ylim(bottom=0)
    axes[0].legend()
    made.align_ylabels()
    return made
