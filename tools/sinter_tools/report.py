"""One page of HTML with everything in it: figures as SVG, pictures as PNG."""

import base64
import html
from io import BytesIO

import matplotlib.pyplot as plt

from . import diffraction, necks, pictures, plots, strain, summary
from .trajectory import Unusable

CAPTIONS = {
    "thermo": "Temperature and total energy.",
    "neck": "Gap and neck radius of the pairs.",
    "centres": "Motion of the particles' centres of mass.",
    "climbing": "Coverage of the two layers above the facets with which two particles face each other, those of the widest neck: adatoms, and steps that they make.",
    "displacements": "Mean square displacement of surface and inner atoms, motion and rotation of their particle taken away.",
    "diffusion": "Mean square displacement by the kind of facet that atoms were on when the lag began, along the facet, and coefficients of diffusion.",
    "lindemann": "Lindemann index (relative fluctuation of the distances to neighbours) by layer below the surface; melting points lie about 0.1.",
    "layers": "Potential energy per atom and melted atoms (by their bond order) in layers below the surface.",
    "order": f"Long-range order as in L1_2 and L1_0, and short-range order, means over the particles of both elements with {plots.LEAST_SHARED} atoms or more in their lattice.",
    "surface": "Surface area and volume of what the atoms enclose (alpha shape of 2.8 Å).",
    "pressing": "Void fraction (of the alpha shape) and contact area (π R² of all necks) against the pressure on the box.",
    "composition": "Composition below the surface, when the particles were put together and at the end.",
    "structures": "Structure classes by adaptive common neighbour analysis, and faults of the stacking.",
    "g_of_r": "Pair distribution function at the end.",
    "sizes": "Sizes of the particles at the start.",
}

STYLE = """
body { font: 16px/1.5 system-ui, sans-serif; max-width: 60em; margin: 2em auto; padding: 0 1em; color: #222 }
figure { display: inline-block; margin: 0 1em 1.5em 0; max-width: 28em; vertical-align: top }
img { width: 100%; height: auto }
figcaption { font-size: 0.85em; color: #555 }
pre { background: #f5f5f5; padding: 1em; overflow-x: auto; font-size: 0.85em }
"""


def _embedded(figure, kind):
    buffer = BytesIO()
    options = {"metadata": {"Date": None}} if kind == "svg" else {"dpi": 140}
    figure.savefig(buffer, format=kind, **options)
    plt.close(figure)
    data = base64.b64encode(buffer.getvalue()).decode()
    return f"data:image/{'svg+xml' if kind == 'svg' else kind};base64,{data}"


def _figure(source, caption):
    text = html.escape(caption)
    return f'<figure><img src="{source}" alt="{text}"><figcaption>{text}</figcaption></figure>'


#: The Debye sum over more takes minutes.
MOST_SCATTERERS = 10_000


def _of_the_end(trajectory):
    """Figures of the last frame with form and caption, as far as there is something to draw them from."""
    end = trajectory.frame(-1)

    def pattern():
        angles, intensity = diffraction.pattern(trajectory, end)
        return diffraction.figure(angles, intensity, diffraction.peaks(angles, intensity), f"{end.time:g} ps")

    wanted = [
        (lambda: pictures.haadf_figure(trajectory, end), "png", "As a HAADF detector would see the end (Z to the power 1.7)."),
        (lambda: strain.figure(trajectory, end), "svg", "Strain of the lattice at the end, in the plane of the picture."),
    ]
    if trajectory.pairs():
        names = "particles {} and {}".format(*trajectory.main_pair())
        caption = f"The gap between {names} from when the particles were put together to the end, with atoms that came into it."
        wanted.insert(0, (lambda: necks.figure(trajectory), "png", caption))
    if trajectory.atoms <= MOST_SCATTERERS:
        wanted.append((pattern, "svg", "X-ray pattern of the end by the Debye sum, with Scherrer sizes."))
    for draw, kind, caption in wanted:
        try:
            yield draw(), kind, caption
        except Unusable:
            continue


def page(trajectory):
    """The page as text."""
    parts = [f"<h1>{html.escape(trajectory.title)}</h1>"]
    parts.append(f"<pre>{html.escape(chr(10).join(summary.lines(trajectory)))}</pre>")
    parts.append("<h2>Pictures</h2>")
    start = trajectory.frame(trajectory.at(trajectory.together()))
    several = int(trajectory.particle.max()) > 0 and trajectory.is_together()
    first = "when the particles were put together" if several else "at the beginning"
    for frame, when in [(start, first), (trajectory.frame(-1), "at the end")]:
        for by in ("particle", "structure"):
            figure = pictures.balls_figure(trajectory, frame, by=by)
            parts.append(_figure(_embedded(figure, "png"), f"Atoms {when}, {frame.time:g} ps, by {by}."))
    parts += [_figure(_embedded(figure, kind), caption) for figure, kind, caption in _of_the_end(trajectory)]
    parts.append("<h2>Figures</h2>")
    parts += [_figure(_embedded(figure, "svg"), CAPTIONS[name]) for name, figure in plots.draw(trajectory)]
    text = trajectory.file.get("parameters/input")
    if text is not None:
        parts.append(f"<h2>Input</h2><pre>{html.escape(text[()].decode('utf-8', 'replace'))}</pre>")
    body = "\n".join(parts)
    title = html.escape(trajectory.title)
    return (
        f'<!doctype html>\n<html lang="en"><meta charset="utf-8"><title>{title}</title>'
        f"<style>{STYLE}</style>\n<body>\n{body}\n</body></html>\n"
    )
