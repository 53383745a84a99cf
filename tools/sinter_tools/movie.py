"""Movies of the atoms: GIF by Pillow, MP4 by ffmpeg (of the system, or the package
`imageio-ffmpeg`: `pip install "sinter-tools[movie]"`)."""

import shutil
import subprocess
from io import BytesIO
from pathlib import Path

import matplotlib.pyplot as plt
from PIL import Image, ImageOps

from . import pictures
from .trajectory import Unusable


def ffmpeg():
    """The program, or None."""
    found = shutil.which("ffmpeg")
    if found:
        return found
    try:
        import imageio_ffmpeg

        return imageio_ffmpeg.get_ffmpeg_exe()
    except (ImportError, RuntimeError):
        return None


def images(trajectory, frames, kind, size, **options):
    """Pictures of frames, all of one size: the first one's view is kept."""
    shape = None
    for frame in frames:
        if kind == "haadf":
            figure = pictures.haadf_figure(trajectory, frame, **options)
        else:
            figure = pictures.balls_figure(trajectory, frame, **options)
        buffer = BytesIO()
        figure.savefig(buffer, format="png", dpi=size / 6)
        plt.close(figure)
        image = Image.open(buffer).convert("RGB")
        # ffmpeg's usual pixel format takes even numbers only.
        shape = shape or tuple(side // 2 * 2 for side in image.size)
        # Room beside it rather than another shape of what is seen.
        yield ImageOps.pad(image, shape, color="black" if kind == "haadf" else "white")


def write(trajectory, path, frames, kind="balls", rate=10, size=600, **options):
    path = Path(path)
    made = images(trajectory, frames, kind, size, **options)
    if path.suffix == ".gif":
        first, *others = made
        first.save(path, save_all=True, append_images=others, duration=round(1000 / rate), loop=0)
    elif path.suffix == ".mp4":
        program = ffmpeg()
        if program is None:
            raise Unusable(
                'MP4 takes ffmpeg, which is not here: install it, or pip install "sinter-tools[movie]", '
                "or choose a name that ends in .gif"
            )
        first = next(made)
        command = [program, "-y", "-loglevel", "error", "-f", "rawvideo", "-pix_fmt", "rgb24"]
        command += ["-s", f"{first.width}x{first.height}", "-r", str(rate), "-i", "-"]
        command += ["-an", "-c:v", "libx264", "-pix_fmt", "yuv420p", str(path)]
        with subprocess.Popen(command, stdin=subprocess.PIPE) as process:
            process.stdin.write(first.tobytes())
            for image in made:
                process.stdin.write(image.tobytes())
            process.stdin.close()
            if process.wait() != 0:
                raise Unusable(f"{path}: ffmpeg failed")
    else:
        raise Unusable(f"{path}: a movie's name ends in .mp4 or .gif")
    return [path]
