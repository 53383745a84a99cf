"""One look for all figures: colours that colour-blind people can tell apart (Okabe and
Ito), units in every label, and files as PNG and SVG."""

from pathlib import Path

import matplotlib

matplotlib.use("Agg")
import matplotlib.pyplot as plt
from PIL import Image

from .trajectory import Unusable

COLOURS = ["#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#7F7F7F", "#000000"]
STRUCTURE_COLOURS = ["#B0B0B0", "#009E73", "#D55E00", "#0072B2", "#E69F00"]

plt.rcParams.update(
    {
        "axes.prop_cycle": plt.cycler(color=COLOURS),
        "axes.spines.top": False,
        "axes.spines.right": False,
        "axes.grid": True,
        "grid.alpha": 0.25,
        "legend.frameon": False,
        "legend.fontsize": "small",
        "figure.constrained_layout.use": True,
        "savefig.dpi": 160,
        "svg.fonttype": "none",
        "svg.hashsalt": "sinter",
    }
)


def save(figure, path, formats=("png", "svg")):
    """Writes the figure; a path with an ending tells the format, one without gets all of
    `formats`. Returns the files."""
    path = Path(path)
    known = {f".{ending}" for ending in figure.canvas.get_supported_filetypes()}
    if path.suffix.lower() in set(Image.registered_extensions()) - known:
        plt.close(figure)
        raise Unusable(f"{path}: pictures end in .png, .svg or .pdf")
    path.parent.mkdir(parents=True, exist_ok=True)
    wanted = [path] if path.suffix.lower() in known else [
        path.with_name(f"{path.name}.{ending}") for ending in formats
    ]
    for file in wanted:
        # No time of day: the same figure is the same file.
        metadata = {"Date": None} if file.suffix == ".svg" else {"CreationDate": None} if file.suffix == ".pdf" else None
        figure.savefig(file, metadata=metadata)
    plt.close(figure)
    return wanted
