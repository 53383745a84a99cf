"""The command `sinter-tools`: one subcommand for each thing that is made from a run."""

import argparse
import math
import os
import sys
from contextlib import ExitStack
from pathlib import Path

from . import __version__
from .trajectory import Trajectory, Unusable


def _named(arguments, trajectory, default):
    """Where a picture goes: `--output`, or else beside the trajectory."""
    return arguments.output or trajectory.path.parent / default


def _frame(arguments, trajectory):
    if arguments.time is not None:
        times = trajectory.times.tolist()
        first, last = times[0], times[-1]
        # Half of the longest time between two frames, and what rounding does to times.
        slack = 0.5 * max((after - before for before, after in zip(times, times[1:])), default=0.0) + 1e-6
        if not first - slack <= arguments.time <= last + slack:
            raise Unusable(f"--time {arguments.time:g}: the frames of {trajectory.path} are from {first:g} to {last:g} ps")
        return trajectory.frame(trajectory.at(arguments.time))
    return trajectory.frame(arguments.frame)


def _tell(files):
    for file in files:
        print(f"written: {file}")


def summary(arguments):
    from .summary import lines

    for path in arguments.runs:
        with Trajectory(path) as trajectory:
            print("\n".join(lines(trajectory)))


def plot(arguments):
    from . import plots, style

    with Trajectory(arguments.run) as trajectory:
        drawn = set()
        for name, figure in plots.draw(trajectory, arguments.figures or None):
            folder = arguments.output or trajectory.path.parent / "figures"
            _tell(style.save(figure, Path(folder) / name))
            drawn.add(name)
        missing = [f"no figure {name}, which takes {plots.NEEDS[name]}" for name in arguments.figures or [] if name not in drawn]
        if missing:
            raise Unusable(f"{trajectory.path}: {'; '.join(missing)}")
        if not drawn:
            raise Unusable(f"{trajectory.path}: there is nothing in this file to draw these figures from")


def _refuse_idle(arguments, *of_haadf):
    """Says which options mean nothing in the picture that is asked for."""
    if arguments.haadf and arguments.by:
        raise Unusable("--by is of balls: with --haadf, atoms are as bright as their atomic numbers make them")
    for name in of_haadf:
        if getattr(arguments, name) is not None and not arguments.haadf:
            raise Unusable(f"--{name} is of what a HAADF detector would see: it wants --haadf")


def image(arguments):
    from . import pictures, style

    if arguments.haadf and arguments.cut:
        raise Unusable("--cut is of balls: with --haadf, --thickness says what is seen")
    _refuse_idle(arguments, "probe", "thickness")
    with Trajectory(arguments.run) as trajectory:
        frame = _frame(arguments, trajectory)
        view = {"view": arguments.view, "pixels": arguments.pixels}
        if arguments.haadf:
            more = {"probe": arguments.probe or pictures.PROBE, "thickness": arguments.thickness}
            figure = pictures.haadf_figure(trajectory, frame, **view, **more)
            name = "haadf.png"
        else:
            by = arguments.by or pictures.COLOURINGS[0]
            figure = pictures.balls_figure(trajectory, frame, by=by, cut=arguments.cut, **view)
            name = f"{by}.png"
        _tell(style.save(figure, _named(arguments, trajectory, name)))


def movie(arguments):
    from . import movie as movies

    _refuse_idle(arguments)
    with Trajectory(arguments.run) as trajectory:
        path = _named(arguments, trajectory, "movie.mp4" if movies.ffmpeg() else "movie.gif")
        kind = "haadf" if arguments.haadf else "balls"
        more = {"by": arguments.by} if arguments.by else {}
        frames = trajectory.frames(arguments.every)
        _tell(movies.write(trajectory, path, frames, kind, arguments.rate, arguments.pixels, view=arguments.view, **more))


def neck(arguments):
    from . import necks, style

    with Trajectory(arguments.run) as trajectory:
        figure = necks.figure(trajectory, arguments.pair and tuple(arguments.pair), arguments.atoms)
        _tell(style.save(figure, _named(arguments, trajectory, "neck.png")))


def xrd(arguments):
    from . import diffraction, style

    with Trajectory(arguments.run) as trajectory:
        frame = _frame(arguments, trajectory)
        angles, intensity = diffraction.pattern(
            trajectory, frame, arguments.particle, arguments.wavelength, arguments.low, arguments.high, arguments.step
        )
        found = diffraction.peaks(angles, intensity, arguments.wavelength)
        for line in diffraction.lines(found):
            print(line)
        figure = diffraction.figure(angles, intensity, found, f"{frame.time:g} ps", arguments.wavelength)
        _tell(style.save(figure, _named(arguments, trajectory, "xrd.png")))


def strain(arguments):
    from . import strain as strains
    from . import style

    with Trajectory(arguments.run) as trajectory:
        figure = strains.figure(trajectory, _frame(arguments, trajectory), arguments.view, arguments.resolution)
        _tell(style.save(figure, _named(arguments, trajectory, "strain.png")))


def stress(arguments):
    from . import stress as stresses
    from . import style

    with Trajectory(arguments.run) as trajectory:
        frame = _frame(arguments, trajectory)
        tensor = stresses.stresses(trajectory, frame, arguments.input, arguments.program)
        found = list(stresses.necks(trajectory, frame, tensor))
        print("\n".join(stresses.lines(found, trajectory.pairs())) or "there is no pair of particles")
        figure = stresses.figure(trajectory, frame, tensor, found)
        _tell(style.save(figure, _named(arguments, trajectory, "stress.png")))


def dislocations(arguments):
    from . import dislocations as found_by_ovito
    from . import style

    with Trajectory(arguments.run) as trajectory:
        frame = _frame(arguments, trajectory)
        found = found_by_ovito.lines(trajectory, frame, arguments.lattice)
        print("\n".join(found_by_ovito.told(found)))
        _tell(style.save(found_by_ovito.figure(frame, found), _named(arguments, trajectory, "dislocations.png")))


def digest(arguments):
    from . import digest as digests

    with Trajectory(arguments.run) as trajectory:
        _tell(digests.write(trajectory, Path(_named(arguments, trajectory, "digest"))))


def events(arguments):
    from . import events as happened
    from . import style

    with Trajectory(arguments.run) as trajectory:
        run = happened.Run(trajectory)
        found = happened.periods(run)
        print("\n".join(happened.lines(found)))
        path = Path(_named(arguments, trajectory, "events"))
        _tell([happened.write(found, path.with_name(path.name + ".csv")), *style.save(happened.figure(run, found), path)])


def report(arguments):
    from .report import page

    with Trajectory(arguments.run) as trajectory:
        path = Path(_named(arguments, trajectory, "report.html"))
        path.write_text(page(trajectory), encoding="utf-8")
        _tell([path])


def compare(arguments):
    from . import style
    from . import summary as summaries

    with ExitStack() as stack:
        runs = [stack.enter_context(Trajectory(path)) for path in arguments.runs]
        rows, figure = summaries.compare(runs)
    print("\n".join(summaries.table(rows)))
    if figure is None:
        print("no map: no input of these runs names a temperature and a gap")
    else:
        _tell(style.save(figure, arguments.output or Path("compare.png")))


def export(arguments):
    from .exports import export as write

    with Trajectory(arguments.run) as trajectory:
        frames = trajectory.frames(arguments.every) if arguments.frame is None else [trajectory.frame(arguments.frame)]
        _tell(write(trajectory, arguments.to, arguments.output, frames))


def campaign(arguments):
    from . import campaign as campaigns
    from . import style, tables

    wanted = campaigns.Campaign(arguments.campaign, arguments.output)
    left = 0
    if not arguments.map:
        program = campaigns.find_program(arguments.program)
        left = wanted.carry_out(program, arguments.jobs, arguments.task)
    kind = campaigns.KINDS[wanted.kind]
    found = kind.found(wanted)
    if found and arguments.task is None:
        lines = "\n".join(kind.table(found))
        print(lines)
        path = wanted.folder / wanted.kind
        path.with_suffix(".csv").write_text(lines + "\n")
        runs = tables.write(campaigns.each(wanted), wanted.folder / "runs.csv")
        _tell([path.with_suffix(".csv"), runs, *style.save(kind.figure(found), path)])
    elif arguments.map:
        print(f"no run of this campaign is done in {wanted.folder}: there is nothing to draw")
    if left:
        print(f"{left} run{'s are' if left > 1 else ' is'} not done: call again to go on")
        return 75
    return 0


def barriers(arguments):
    from . import barriers  # noqa: F401, says first whether ASE is there
    from . import survey

    found = survey.survey(arguments)
    print("\n".join(survey.table(found)))
    _tell([path for path in (arguments.output, arguments.structures) if path])


def eam(arguments):
    from . import zhou

    names = list(dict.fromkeys(arguments.elements))
    output = arguments.output or Path("".join(names) + ".eam.alloy")
    output.write_text(zhou.setfl(names, arguments.points))
    _tell([output])


def parser():
    from .exports import FORMATS
    from .pictures import COLOURINGS, PROBE
    from .plots import FIGURES
    from .zhou import ELEMENTS

    top = argparse.ArgumentParser("sinter-tools", description="Figures, pictures and exports of sinter-hpc runs.")
    top.add_argument("--version", action="version", version=f"sinter-tools {__version__}")
    commands = top.add_subparsers(required=True, metavar="COMMAND")

    def command(function, text, output, several=False):
        made = commands.add_parser(function.__name__, help=text, description=text)
        made.set_defaults(function=function)
        where = "folder of a run, or its trajectory.h5md"
        made.add_argument("runs" if several else "run", nargs="+" if several else None, help=where)
        if output:
            made.add_argument("--output", type=Path, help=output)
        return made

    def positive(kind):
        def value(text):
            number = kind(text)
            if not 0 < number < math.inf:
                raise argparse.ArgumentTypeError(f"must be above 0, not {text}")
            return number

        return value

    def between(least, most):
        def value(text):
            if not least <= int(text) <= most:
                raise argparse.ArgumentTypeError(f"must be from {least} to {most}, not {text}")
            return int(text)

        return value

    def finite(text):
        number = float(text)
        if not math.isfinite(number):
            raise argparse.ArgumentTypeError(f"must be a finite number, not {text}")
        return number

    def of_frame(made):
        which = made.add_mutually_exclusive_group()
        which.add_argument("--frame", type=int, default=-1, help="number of the frame, negative from the end [-1]")
        which.add_argument("--time", type=finite, help="the frame nearest to this time, ps")

    def of_view(made):
        made.add_argument("--view", default="z", help='from where: x, y, z or a direction as "1,1,0" [z]')

    def of_picture(made, pixels):
        of_view(made)
        made.add_argument("--by", choices=COLOURINGS, help=f"what the colours of the atoms mean [{COLOURINGS[0]}]")
        made.add_argument("--haadf", action="store_true", help="as a HAADF detector would see it")
        made.add_argument("--pixels", type=positive(int), default=pixels, help=f"width or height, the longer [{pixels}]")

    command(summary, "What runs hold and what became of them", None, several=True)

    made = command(plot, "Figures against time and radius, as PNG and SVG", "folder [figures beside the trajectory]")
    made.add_argument("--figures", nargs="+", choices=list(FIGURES), help="which [all that the file has data for]")

    made = command(image, "A picture of a frame", "file [beside the trajectory]")
    of_frame(made)
    of_picture(made, 1000)
    made.add_argument("--cut", action="store_true", help="each particle cut open through its middle, across the view")
    made.add_argument("--probe", type=positive(float), help=f"with --haadf: full width of the probe, Å [{PROBE}]")
    made.add_argument("--thickness", type=positive(float), help="with --haadf: of the slab that is seen, Å [all]")

    made = command(movie, "A movie of the frames", "file that ends in .mp4 or .gif [beside the trajectory]")
    of_picture(made, 600)
    made.add_argument("--every", type=positive(int), default=1, help="take every so many frames [1]")
    made.add_argument("--rate", type=positive(int), default=10, help="frames per second [10]")

    made = command(neck, "Close-up of the gap, with the paths of atoms into it", "file [neck.png beside the trajectory]")
    made.add_argument("--pair", type=int, nargs=2, help="the two particles [those with the widest neck at the end, or the narrowest gap]")
    made.add_argument("--atoms", type=between(1, 25), default=3, help="how many atoms are followed, up to 25, which can be told apart [3]")

    made = command(xrd, "X-ray pattern by the Debye sum, peaks and Scherrer sizes; of periodic boxes as if in vacuum", "file [xrd.png beside the trajectory]")
    of_frame(made)
    made.add_argument("--particle", type=int, help="one particle alone [all atoms]")
    made.add_argument("--wavelength", type=positive(float), default=1.5406, help="Å [1.5406, Cu K alpha 1]")
    made.add_argument("--low", type=finite, default=30.0, help="first angle 2 theta, degrees [30]")
    made.add_argument("--high", type=finite, default=90.0, help="last angle, degrees [90]")
    made.add_argument("--step", type=positive(float), default=0.1, help="between angles, degrees [0.1]")

    made = command(strain, "Map of the lattice strain", "file [strain.png beside the trajectory]")
    of_frame(made)
    of_view(made)
    made.add_argument("--resolution", type=positive(float), default=4.0, help="width of the averaged columns, Å [4]")

    text = "Pressure and von Mises stress of atoms and necks, by evaluations of the strained frame"
    made = command(stress, text, "file [stress.png beside the trajectory]")
    of_frame(made)
    made.add_argument("--input", type=Path, help="input file, of which the force field counts [input.toml beside the trajectory]")
    made.add_argument("--program", help="the program [sinter-hpc on the path, or as built in the repository]")

    text = "Dislocation lines with their Burgers vectors, as OVITO finds them"
    made = command(dislocations, text, "file [dislocations.png beside the trajectory]")
    of_frame(made)
    made.add_argument("--lattice", choices=("fcc", "bcc", "hcp"), default="fcc", help="what the crystals are [fcc]")

    command(report, "One page of HTML with all figures in it", "file [report.html beside the trajectory]")
    text = "What to keep of a run without its trajectory: where it ended, checksum, what it shows, series"
    command(digest, text, "two files by this name, .json and .csv [digest beside the trajectory]")
    text = "What became of many particles in each stage, as they are heated: necks only, migration, ripening"
    command(events, text, "files by this name, .csv, .png and .svg [events beside the trajectory]")
    command(compare, "Runs side by side, necks over temperature and gap", "figure [compare.png]", several=True)

    made = command(export, "Frames for other programs", "file [beside the trajectory]")
    made.add_argument("--to", choices=list(FORMATS), required=True, help="format")
    which = made.add_mutually_exclusive_group()
    which.add_argument("--every", type=positive(int), default=1, help="take every so many frames [1]")
    which.add_argument("--frame", type=int, help="one frame alone, negative from the end")

    text = "Many runs of one input or several; runs what is missing and draws the map of necks, or melting points"
    made = commands.add_parser("campaign", help=text, description=text)
    made.set_defaults(function=campaign)
    made.add_argument("campaign", help="TOML file with `input` and `[vary]`, or several `[[part]]`")
    made.add_argument("--output", type=Path, help="folder [results/<name of the file>]")
    made.add_argument("--jobs", type=positive(int), default=os.cpu_count(), help="runs at a time [one for each core]")
    made.add_argument("--program", help="the program [sinter-hpc on the path, or as built in the repository]")
    which = made.add_mutually_exclusive_group()
    which.add_argument("--task", type=int, help="only this group of runs, counted from 1, for array jobs")
    which.add_argument("--map", action="store_true", help="run nothing, draw what there is")

    text = "What holds adatoms on fcc surfaces, and the barriers of hops and exchanges"
    made = commands.add_parser("barriers", help=text, description=text)
    made.set_defaults(function=barriers)
    made.add_argument("input", help="input file, of which the force field counts")
    made.add_argument("--slabs", nargs="+", default=["Pt"], help="elements and random alloys, as Pt85Fe15 [Pt]")
    made.add_argument("--surfaces", nargs="+", choices=("100", "111"), default=["100", "111"], help="which [both]")
    made.add_argument("--samples", type=positive(int), default=8, help="arrangements of an alloy [8]")
    made.add_argument("--size", type=positive(int), default=6, help="atoms along each side of the slab [6]")
    made.add_argument("--layers", type=positive(int), default=6, help="layers of the slab, two of them fixed [6]")
    made.add_argument("--seed", type=int, default=1, help="of the arrangements [1]")
    made.add_argument("--output", type=Path, help="file that ends in .csv or .json, a row for each sample; rows that it has are not computed again")
    made.add_argument("--structures", type=Path, help="folder for minima and saddles in extended XYZ")
    made.add_argument("--jobs", type=positive(int), default=os.cpu_count(), help="processes at a time [one for each core]")
    made.add_argument("--command", help='what starts the program, as "mpirun -n 4 sinter-hpc" [sinter-hpc on the path, or as built]')

    text = "A table of the embedded-atom method for elements and their alloys, by Zhou, Johnson and Wadley (2004)"
    made = commands.add_parser("eam", help=text, description=text)
    made.set_defaults(function=eam)
    made.add_argument("elements", nargs="+", choices=list(ELEMENTS), metavar="ELEMENT", help=", ".join(ELEMENTS))
    made.add_argument("--points", type=between(100, 100_000), default=1000, help="of each function [1000]")
    made.add_argument("--output", type=Path, help="file [the elements, as CuAg.eam.alloy]")
    return top


def main(arguments=None):
    try:
        parsed = parser().parse_args(arguments)
        return parsed.function(parsed) or 0
    except Unusable as error:
        print(f"sinter-tools: error: {error}", file=sys.stderr)
        return 2
    except OSError as error:
        print(f"sinter-tools: error: {error.filename or ''}: {error.strerror or error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("sinter-tools: interrupted", file=sys.stderr)
        return 130
