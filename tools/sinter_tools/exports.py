"""Frames for other programs, streamed: one frame is in memory at a time.

`xyz` extended XYZ; `lammps` a LAMMPS dump (`dump custom`); `cfg` AtomEye's CFG, one file a
frame; `vtk` VTKHDF for ParaView, with the time of each frame.
"""

from pathlib import Path

import h5py
import numpy as np

from .trajectory import Unusable


def _bounds(trajectory, frame):
    """Lower and upper corner of a box: the periodic one, or else around the atoms."""
    low = np.where(trajectory.periodic, frame.origin, np.floor(frame.positions.min(0)) - 5)
    high = np.where(trajectory.periodic, frame.origin + frame.lengths, np.ceil(frame.positions.max(0)) + 5)
    return low, high


def xyz(trajectory, frames, path):
    flags = " ".join("T" if p else "F" for p in trajectory.periodic)
    with open(path, "w") as file:
        for frame in frames:
            low, high = _bounds(trajectory, frame)
            a, b, c = high - low
            velocity = trajectory.column("velocity", frame.index)
            names = "species:S:1:pos:R:3:particle:I:1:id:I:1" + (":velo:R:3" if velocity is not None else "")
            origin = " ".join(f"{x:.10g}" for x in low)
            file.write(
                f'{trajectory.atoms}\nLattice="{a:.10g} 0 0 0 {b:.10g} 0 0 0 {c:.10g}" Origin="{origin}" '
                f'pbc="{flags}" Properties={names} step={frame.step} time={frame.time:.10g}\n'
            )
            columns = [frame.symbols, *frame.positions.T, trajectory.particle, np.arange(trajectory.atoms)]
            columns += [] if velocity is None else list(velocity.T)
            kinds = ["%s"] + ["%.10f"] * 3 + ["%d"] * 2 + ([] if velocity is None else ["%.10g"] * 3)
            table = np.empty(trajectory.atoms, [(f"c{n}", "O") for n in range(len(columns))])
            for n, column in enumerate(columns):
                table[f"c{n}"] = column
            np.savetxt(file, table, fmt=" ".join(kinds))
    return [path]


def lammps(trajectory, frames, path):
    """Types count the elements from 1 in the order of `Trajectory.elements`; `element` names them."""
    kinds = {symbol: n + 1 for n, symbol in enumerate(trajectory.elements)}
    with open(path, "w") as file:
        for frame in frames:
            low, high = _bounds(trajectory, frame)
            boundary = " ".join("pp" if p else "ff" for p in trajectory.periodic)
            file.write(
                f"ITEM: UNITS\nmetal\nITEM: TIME\n{frame.time:.10g}\nITEM: TIMESTEP\n{frame.step}\n"
                f"ITEM: NUMBER OF ATOMS\n{trajectory.atoms}\nITEM: BOX BOUNDS {boundary}\n"
            )
            file.writelines(f"{a:.10g} {b:.10g}\n" for a, b in zip(low, high))
            file.write("ITEM: ATOMS id type element mol xu yu zu\n")
            for n, (symbol, particle, r) in enumerate(
                zip(frame.symbols.tolist(), trajectory.particle, frame.positions)
            ):
                file.write(f"{n + 1} {kinds[symbol]} {symbol} {particle + 1} {r[0]:.10f} {r[1]:.10f} {r[2]:.10f}\n")
    return [path]


def cfg(trajectory, frames, path):
    path = Path(path)
    written = []
    for frame in frames:
        low, high = _bounds(trajectory, frame)
        size = high - low
        name = path.with_name(f"{path.stem}-{frame.index:05d}.cfg")
        with open(name, "w") as file:
            file.write(f"Number of particles = {trajectory.atoms}\nA = 1.0 Angstrom (basic length-scale)\n")
            file.writelines(
                f"H0({i + 1},{j + 1}) = {size[i] if i == j else 0:.10g} A\n" for i in range(3) for j in range(3)
            )
            file.write(".NO_VELOCITY.\nentry_count = 4\nauxiliary[0] = particle\n")
            for symbol in frame.composition:
                own = np.flatnonzero(frame.symbols == symbol)
                file.write(f"{trajectory.mass(symbol):.6g}\n{symbol}\n")
                np.savetxt(
                    file,
                    np.column_stack([(frame.positions[own] - low) / size, trajectory.particle[own]]),
                    fmt="%.12f %.12f %.12f %d",
                )
        written.append(name)
    return written


def vtk(trajectory, frames, path):
    """VTKHDF 2.0, temporal PolyData: points with atomic number, particle and id."""
    atoms = trajectory.atoms
    with h5py.File(path, "w") as file:
        root = file.create_group("VTKHDF")
        root.attrs["Version"] = np.array([2, 0], "i8")
        root.attrs.create("Type", np.bytes_("PolyData"), dtype=h5py.string_dtype("ascii", len("PolyData")))
        points = root.create_dataset("Points", (0, 3), "f4", maxshape=(None, 3), chunks=(min(atoms, 65536), 3))
        root["NumberOfPoints"] = np.zeros(0, "i8")
        data = root.create_group("PointData")
        numbers = data.create_dataset("atomic_number", (0,), "i4", maxshape=(None,), chunks=(min(atoms, 65536),))
        # What is the same in many frames is stored once, and their steps look at the same place.
        data["particle"] = trajectory.particle.astype("i4")
        data["id"] = np.arange(atoms, dtype="i8")
        for kind in ("Lines", "Polygons", "Strips", "Vertices"):
            group = root.create_group(kind)
            vertices = kind == "Vertices"
            group["Connectivity"] = np.arange(atoms if vertices else 0, dtype="i8")
            group["Offsets"] = np.arange(atoms + 1 if vertices else 1, dtype="i8")
            group["NumberOfCells"] = np.array([atoms if vertices else 0], "i8")
            group["NumberOfConnectivityIds"] = np.array([atoms if vertices else 0], "i8")
        times, kinds, places = [], None, []
        for frame in frames:
            first = points.shape[0]
            points.resize(first + atoms, axis=0)
            points[first:] = frame.positions
            if not np.array_equal(kinds, frame.symbols):
                kinds = frame.symbols
                numbers.resize(numbers.shape[0] + atoms, axis=0)
                numbers[-atoms:] = frame.numbers
            places.append(numbers.shape[0] - atoms)
            times.append(frame.time)
        n = len(times)
        del root["NumberOfPoints"]
        root["NumberOfPoints"] = np.full(n, atoms, "i8")
        for kind in ("Lines", "Polygons", "Strips", "Vertices"):
            for name in ("NumberOfCells", "NumberOfConnectivityIds"):
                value = root[kind][name][0]
                del root[kind][name]
                root[kind][name] = np.full(n, value, "i8")
        steps = root.create_group("Steps")
        steps.attrs["NSteps"] = n
        steps["Values"] = np.array(times)
        steps["PartOffsets"] = np.arange(n, dtype="i8")
        steps["NumberOfParts"] = np.ones(n, "i8")
        steps["PointOffsets"] = np.arange(n, dtype="i8") * atoms
        steps["CellOffsets"] = np.zeros((n, 4), "i8")
        steps["ConnectivityIdOffsets"] = np.zeros((n, 4), "i8")
        offsets = steps.create_group("PointDataOffsets")
        for name in data:
            offsets[name] = np.array(places if name == "atomic_number" else [0] * n, "i8")
    return [path]


FORMATS = {"xyz": (xyz, ".xyz"), "lammps": (lammps, ".dump"), "cfg": (cfg, ".cfg"), "vtk": (vtk, ".vtkhdf")}


def export(trajectory, kind, path=None, frames=None):
    """Writes frames (all unless given) in a format; returns the files."""
    if kind not in FORMATS:
        raise Unusable(f"formats are {', '.join(FORMATS)}, not {kind}")
    writer, ending = FORMATS[kind]
    path = Path(path or trajectory.path.with_suffix(ending))
    if kind == "vtk" and path.suffix.startswith(".vt") and path.suffix != ending:
        raise Unusable(f"{path}: {path.suffix} is the ending of another of VTK's formats; this is VTKHDF, {ending}")
    if path.resolve() == trajectory.path.resolve():
        raise Unusable(f"{path}: this is the trajectory itself")
    return writer(trajectory, trajectory.frames() if frames is None else frames, path)
