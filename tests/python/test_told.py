"""Odd inputs against the question: was I told?"""

import subprocess

import h5py
import numpy as np
import pytest

from running import HEAD, MPIRUN, POTENTIALS, PROGRAM, PROTOCOL, ROOT, environment, run, sinter, write_input

TABLES = ROOT / "tests/reference/embedded"

HOLD = '[[stage]]\nkind = "hold"\ntemperature_k = 300\nduration_ps = 0.02\n'
FILE = f"""
[potential]
library = "{POTENTIALS}/PtFe.library.meam"
parameters = "{POTENTIALS}/PtFe.meam"
elements = ["Pt", "Fe"]
[structure]
file = "atoms.xyz"
"""


def crystal(folder, repeats=2, comment="", a=3.92):
    """A periodic crystal of 4 repeats^3 atoms."""
    base = np.array([(0, 0, 0), (0, 0.5, 0.5), (0.5, 0, 0.5), (0.5, 0.5, 0)])
    sites = np.concatenate([base + n for n in np.ndindex(repeats, repeats, repeats)]) * a
    edge = repeats * a
    lines = [f"Pt {x} {y} {z}" for x, y, z in sites]
    head = f'Lattice="{edge} 0 0 0 {edge} 0 0 0 {edge}" Properties=species:S:1:pos:R:3 {comment}'
    (folder / "atoms.xyz").write_text("\n".join([str(len(lines)), head, *lines]) + "\n")
    return edge


def check(folder, text):
    return sinter("check", write_input(folder, text))


def test_all_meaningless_keys_of_a_stage_are_told(tmp_path):
    stage = """[[stage]]
kind = "minimise"
duration_ps = 1
temperature_k = 300
end_temperature_k = 400
thermostat = "bussi"
chain_length = 4
"""
    told = check(tmp_path, HEAD + stage)
    assert told.returncode == 2
    for name in ["duration_ps", "temperature_k", "end_temperature_k"]:
        assert f"`{name}` has no meaning in a stage of kind `minimise`" in told.stderr
    for name in ["thermostat", "chain_length"]:
        assert f"`{name}` has no effect: `minimise` has no temperature" in told.stderr


def test_boundaries_of_a_file_written_down_are_no_difference(tmp_path):
    edge = crystal(tmp_path)
    first = run("--output", tmp_path / "out", write_input(tmp_path, FILE + HOLD))
    assert first.returncode == 0, first.stderr
    more = f'[box]\nboundary = ["periodic", "periodic", "periodic"]\nlengths_angstrom = [{edge}, {edge}, {edge}]\n'
    longer = HOLD.replace("0.02", "0.04")
    done = run("--resume", "--output", tmp_path / "out", write_input(tmp_path, FILE + more + longer))
    assert done.returncode == 0, done.stderr
    with h5py.File(tmp_path / "out/trajectory.h5md") as file:
        assert file["parameters/restarts/0001"].attrs["changes"] == "stage[0].duration_ps: 0.02 -> 0.04"
    other = more.replace('"periodic"]', '"free"]')
    done = run("--resume", "--output", tmp_path / "out", write_input(tmp_path, FILE + other + longer))
    assert done.returncode == 2 and "box.boundary" in done.stderr, done.stderr


def contents(path):
    """Every dataset of a file with what is in it, to the bit, and all attributes."""
    found = {}

    def note(name, item):
        found[name] = {key: repr(value) for key, value in item.attrs.items()}
        if isinstance(item, h5py.Dataset):
            values = item[()]
            found[name]["values"] = (item.shape, values.tolist() if item.dtype.kind == "O" else np.asarray(values).tobytes())

    with h5py.File(path) as file:
        file.visititems(note)
    return found


# Two particles with a neck from the first moment on.
NECKED = HEAD.replace("gap_angstrom = 4.0", "gap_angstrom = 1.5").replace("[output]", "[output]\nneck_hold_ps = 0")


def test_a_run_that_has_reached_its_end_is_resumed_without_a_trace(tmp_path):
    path = write_input(tmp_path, NECKED + PROTOCOL + "[stop]\nneck_ratio = 1e-6\n")
    first = run("--output", tmp_path / "out", path)
    assert first.returncode == 0 and "Done (the neck ratio is" in first.stdout, first.stderr
    before = contents(tmp_path / "out/trajectory.h5md")
    for _ in range(2):
        again = run("--resume", "--output", tmp_path / "out", path)
        assert again.returncode == 0 and "Done (the neck ratio is" in again.stdout, again.stderr
        last = again.stdout[again.stdout.index("Done (") :].splitlines()[0]
        assert last.endswith(" K.") and "ns/day" not in last
    with h5py.File(tmp_path / "out/trajectory.h5md") as file:
        assert list(file["parameters/restarts"]) == []
    assert contents(tmp_path / "out/trajectory.h5md") == before


def test_an_extension_holds_also_where_the_run_ends_between_stages(tmp_path):
    """[stop] ends the run where the last stage begins, in the job that was asked for more."""
    stages = """[[stage]]
kind = "hold"
temperature_k = 300
duration_ps = 0.02
[[stage]]
kind = "hold"
temperature_k = 300
duration_ps = 0.02
"""
    head = NECKED
    path = write_input(tmp_path, head + stages + "[stop]\nneck_ratio = 1.5\n")
    first = run("--output", tmp_path / "out", path)
    assert first.returncode == 0, first.stderr
    (tmp_path / "out/checkpoint-20.h5").unlink()
    path.write_text(head + stages + "[stop]\nneck_ratio = 1e-6\n")
    ended = run("--resume", "--extend", "0.02ps", "--output", tmp_path / "out", path)
    assert ended.returncode == 0 and "Done (the neck ratio" in ended.stdout, ended.stdout + ended.stderr
    path.write_text(head + stages)
    later = run("--resume", "--output", tmp_path / "out", path)
    assert later.returncode == 0 and "Done at step 30" in later.stdout, later.stdout + later.stderr


def test_series_of_very_many_small_particles_are_not_written(tmp_path):
    edge = crystal(tmp_path, repeats=4)
    lines = (tmp_path / "atoms.xyz").read_text().splitlines()
    lines[1] = lines[1].replace("pos:R:3", "pos:R:3:molecule:I:1")
    lines[2:] = [f"{line} {i + 1}" for i, line in enumerate(lines[2:])]
    (tmp_path / "atoms.xyz").write_text("\n".join(lines) + "\n")
    text = FILE + 'particles_from = "molecule"\n' + HOLD
    told = check(tmp_path, text)
    assert told.returncode == 0, told.stderr
    assert "256 particles of 1.0 atoms on average: there will be no series of particles and of pairs" in told.stderr
    assert "and 244 more particles of 1 atom" in told.stdout
    assert len(told.stdout.splitlines()) < 150
    done = run("--output", tmp_path / "out", tmp_path / "pair.toml")
    assert done.returncode == 0 and "no series of particles" in done.stderr, done.stderr
    with h5py.File(tmp_path / "out/trajectory.h5md") as file:
        assert set(file["sinter"]) == {"thermo", "surface"}
        whole = {"total_area", "total_smooth_area", "total_volume", "void_fraction"}
        assert set(file["sinter/surface"]) == {"step", "time", *whole}
    stops = check(tmp_path, text + "[stop]\nneck_ratio = 0.5\n")
    assert stops.returncode == 2 and "are not measured one by one" in stops.stderr
    # Nor is what was asked for passed over.
    for asked in ("layers = true", "template_rmsd = 0.1", 'columns = ["surface", "facet"]'):
        refused = check(tmp_path, f"{text}[output]\n{asked}\n")
        assert refused.returncode == 2 and "this is told by particle: leave it out" in refused.stderr, refused.stderr
        assert f"pair.toml:{text.count(chr(10)) + 2}:1: " in refused.stderr, refused.stderr
    taken = check(tmp_path, text + '[output]\nlayers = false\ntemplate_rmsd = 0.1\ncolumns = ["grain"]\n')
    assert taken.returncode == 0, taken.stderr
    assert edge > 0


def evaluate(folder, lines, *more):
    (folder / "frames.xyz").write_text("\n".join(lines) + "\n")
    files = ["--library", POTENTIALS / "PtFe.library.meam", "--parameters", POTENTIALS / "PtFe.meam"]
    return sinter(
        "evaluate", *files, "--elements", "Pt,Fe", *more, folder / "frames.xyz", "--output", folder / "out.xyz"
    )


@pytest.mark.parametrize("far", ["140000", "-1e9", "131072"])
def test_an_atom_beyond_all_coordinates_is_bad_input_with_its_frame(tmp_path, far):
    frame = ["2", "Properties=species:S:1:pos:R:3", "Pt 0 0 0", "Pt 0 2.5 0"]
    done = evaluate(tmp_path, frame + [*frame[:3], f"Pt {far} 0 0"])
    assert done.returncode == 2, done.stderr
    assert "frame 1 (the first is 0): atom 1 (the first is 0) is at (" in done.stderr
    assert "coordinates end at 131072 Å" in done.stderr
    assert not (tmp_path / "out.xyz").exists()


@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-le", "utf-16-be"])
@pytest.mark.parametrize("which", ["library", "parameters"])
def test_a_potential_in_utf_16_is_told_as_such(tmp_path, encoding, which):
    names = {"library": "PtFe.library.meam", "parameters": "PtFe.meam"}
    text = (POTENTIALS / names[which]).read_text()
    (tmp_path / "utf16.meam").write_bytes(text.encode(encoding))
    told = check(tmp_path, (HEAD + HOLD).replace(f"{POTENTIALS}/{names[which]}", "utf16.meam"))
    assert told.returncode == 2
    assert "utf16.meam: cannot read the potential: it is text in UTF-16" in told.stderr
    assert "save it as UTF-8" in told.stderr


def test_the_edge_of_a_cube_is_told_and_a_warning_where_it_is_another(tmp_path):
    cube = HEAD.replace("atoms = 200", 'shape = "cube"\nedge_nm = 2.1')
    cube = "\n".join(line for line in cube.splitlines() if not line.startswith("surface_energy")) + "\n"
    told = check(tmp_path, cube + HOLD)
    assert told.returncode == 0, told.stderr
    # Layers stand 0.194 nm apart.
    assert ", edge 2.134 nm (2.1 wanted)" in told.stdout and "the edge of the cube" not in told.stderr
    # Other shapes with edges have other layers.
    told = check(tmp_path, cube.replace('"cube"', '"octahedron"') + HOLD)
    assert told.returncode == 0 and ", edge " not in told.stdout and "the edge of the cube" not in told.stderr
    told = check(tmp_path, cube.replace("edge_nm = 2.1", "edge_nm = 2.03") + HOLD)
    assert "warning: " in told.stderr
    assert "the edge of the cube is 2.134 nm, not 2.03 nm: an odd number of layers of 0.194 nm lies about its middle, which makes 1.746 nm or 2.134 nm" in told.stderr


def test_a_job_without_end_is_understood_in_silence(tmp_path):
    path = write_input(tmp_path, HEAD + HOLD)
    done = run("--output", tmp_path / "out", path, more={"PBS_WALLTIME": "unlimited"})
    assert done.returncode == 0 and done.stderr == "", done.stderr
    assert "no end is known" in done.stdout
    later = {"SINTER_JOB_END_TIME": "2099-01-01T00:00:00Z"}
    done = run("--force", "--output", tmp_path / "out", path, more=later)
    assert done.returncode == 0 and "not understood" not in done.stderr, done.stderr
    assert "job ends      2099-01-01T00:00:00Z, in " in done.stdout


def limited(path, out, kilobytes, ranks=None):
    """A run that may write no larger files, as `ulimit -f` has it."""
    launch = [MPIRUN, "-n", str(ranks)] if ranks else []
    command = f'ulimit -f {kilobytes}; exec "{PROGRAM}" --oversubscribe --threads 1 --output "{out}" "{path}"'
    return subprocess.run(
        [*launch, "bash", "-c", command], capture_output=True, text=True, timeout=120, env=environment()
    )


@pytest.mark.parametrize("ranks", [None, 2])
def test_a_limit_of_file_sizes_is_a_message_and_no_signal(tmp_path, ranks):
    text = HEAD.replace("interval_ps = 0.02", "interval_ps = 0.002") + HOLD.replace("0.02", "0.4")
    done = limited(write_input(tmp_path, text), tmp_path / "out", 6000, ranks)
    assert done.returncode == 1, (done.returncode, done.stderr)
    assert "trajectory.h5md" in done.stderr and "limit" in done.stderr, done.stderr
    again = run("--resume", "--output", tmp_path / "out", tmp_path / "pair.toml")
    assert again.returncode in (0, 2), again.stderr


def test_what_a_thermostat_cannot_do_is_told(tmp_path):
    for relaxation, told in [("4", "few time steps of 2 fs"), ("1e6", "longer than the stage (20 fs)")]:
        done = check(tmp_path, HEAD + HOLD + f"relaxation_fs = {relaxation}\n")
        assert done.returncode == 0 and told in done.stderr, done.stderr
    assert check(tmp_path, HEAD + HOLD + "relaxation_fs = 20\n").stderr == ""
    one = FILE + HOLD
    (tmp_path / "atoms.xyz").write_text("1\nProperties=species:S:1:pos:R:3\nPt 0 0 0\n")
    assert "there is one atom: it has no motion" in check(tmp_path, one).stderr


def test_atoms_too_near_and_too_far_are_told(tmp_path):
    crystal(tmp_path, repeats=3)
    text = (tmp_path / "atoms.xyz").read_text()
    lines = text.splitlines()
    (tmp_path / "atoms.xyz").write_text("\n".join(["109", *lines[1:], "Pt 0.3 0.3 0.3"]) + "\n")
    told = check(tmp_path, FILE + HOLD)
    assert told.returncode == 0 and "atoms 0 and 108 (counted from 0) are only 0.52 Å apart" in told.stderr
    # In bohr: no atom sees another.
    crystal(tmp_path, repeats=3, a=3.92 / 0.529)
    for command in (["check"], ["--threads", "1", "--oversubscribe", "--output", tmp_path / "out"]):
        told = sinter(*command, write_input(tmp_path, FILE + HOLD))
        assert told.returncode == 0 and "none has a neighbour within 4.4 Å" in told.stderr, told.stderr


def test_no_atom_leaves_the_periodic_box_of_a_file(tmp_path):
    crystal(tmp_path)
    left = '[evaporation]\natoms = "remove"\nbeyond_angstrom = 50\n'
    told = check(tmp_path, FILE + HOLD + left)
    assert told.returncode == 2 and "no atom leaves a box that is periodic in x, y and z" in told.stderr


def test_a_particle_that_would_have_left_from_the_start_is_refused(tmp_path):
    """Where it stands alone at first, too."""
    left = '[evaporation]\natoms = "remove"\nbeyond_angstrom = 12\n'
    told = check(tmp_path, HEAD + HOLD + left)
    assert told.returncode == 2 and "would be at rest from the start beyond 12 Å" in told.stderr, told.stderr
    assert check(tmp_path, HEAD + HOLD + left.replace("12", "40")).returncode == 0
    told = check(tmp_path, HEAD + PROTOCOL + left.replace("12", "20"))
    assert told.returncode == 2 and "where they begin, apart," in told.stderr, told.stderr


def test_evaluate_shows_both_ways_of_calling_it():
    told = sinter("evaluate", "--help").stdout
    assert "Usage: sinter-hpc evaluate [OPTIONS] <INPUT.toml> <FRAMES.xyz> --output <OUT.xyz>\n" in told
    assert "--library <FILE> --elements <ELEMENTS> <FRAMES.xyz> --output <OUT.xyz>\n" in told


def test_numbers_below_zero_are_refused_for_what_they_are(tmp_path):
    path = write_input(tmp_path, HEAD + HOLD)
    for line in [
        ["serve", path, "--socket", "unix:nobody", "--patience", "-1"],
        ["serve", path, "--socket", "unix:nobody", "--threads", "-1"],
        ["plan", path, "--ranks", "-1"],
        ["plan", path, "--ranks", "1", "--speed", "-5"],
        ["--threads", "-2", path],
    ]:
        done = sinter(*line)
        assert done.returncode == 2
        assert f"invalid value '{next(w for w in line if str(w)[0] == '-' and str(w)[1].isdigit())}'" in done.stderr
        assert "-- -" not in done.stderr
    assert "a number of seconds, 0 or more, is wanted" in sinter(
        "serve", path, "--socket", "unix:nobody", "--patience", "-1"
    ).stderr


def test_a_structure_is_built_without_a_protocol(tmp_path):
    path = write_input(tmp_path, HEAD)
    for name in ("pair.xyz", "pair.h5"):
        done = sinter("build", path, "--output", tmp_path / name)
        assert done.returncode == 0 and "warning" not in done.stderr, done.stderr
    with h5py.File(tmp_path / "pair.h5") as file:
        assert b"stage" not in file["parameters/input"][()]


DUMP = """ITEM: TIMESTEP
0
ITEM: NUMBER OF ATOMS
2
ITEM: BOX BOUNDS ff ff ff
0 10
0 10
0 10
ITEM: ATOMS id element x y z
1 Pt 1 1 1
2 Pt 3.5 1 1
"""


def evaluated(folder, text, name="frames.dump", more=""):
    (folder / name).write_text(text)
    path = write_input(folder, HEAD[: HEAD.index("[[particle]]")] + more)
    return sinter("evaluate", path, folder / name, "--output", folder / "out.xyz")


def test_frames_that_contradict_themselves_are_not_evaluated(tmp_path):
    assert evaluated(tmp_path, DUMP).returncode == 0
    overlapping = DUMP.replace("2 Pt 3.5", "2 Pt 1.01")
    for text, said in [
        (DUMP.replace("\n0 10\nITEM", "\n10 0\nITEM"), "frames.dump:8:1: the box ends at z = 0, below 10"),
        (DUMP.replace("2 Pt", "2.5 Pt"), 'frames.dump:11:1: the column id wants a whole number, not "2.5"'),
        (DUMP.replace("2 Pt", "1 Pt"), "frames.dump:11:1: atom 1 stands twice in this frame, first in line 10"),
        (overlapping, "frames.dump: frame 0 (the first is 0), atom 0: it is 1.000e-2 Å from atom 1"),
    ]:
        done = evaluated(tmp_path, text)
        assert done.returncode == 2 and said in done.stderr, done.stderr


def test_forces_on_atoms_that_a_frame_lacks_are_refused_or_told(tmp_path):
    def force(atoms):
        return evaluated(tmp_path, DUMP, more=f"[[uniform_force]]\nforce_ev_per_angstrom = [0, 0, 1]\natoms = {atoms}\n")

    done = force("{ numbers = [1, 2] }")
    assert done.returncode == 2, done.stderr
    assert "there is no atom 2: they are numbered from 0 to 1 in frame 0" in done.stderr
    for atoms in ('{ species = ["Fe"] }', "{ above_angstrom = 9 }"):
        done = force(atoms)
        assert done.returncode == 0, done.stderr
        said = "frame 0: `[[uniform_force]]` number 1 of the input does nothing: no atom is of these elements"
        assert done.stderr.count(said) == 1, done.stderr
    assert "warning" not in force("{ numbers = [1] }").stderr


def test_a_table_that_was_cut_short_is_no_other_kind(tmp_path):
    whole = (TABLES / "tables.eam.alloy").read_text().splitlines()
    (tmp_path / "short").write_text("\n".join(whole[: len(whole) // 2]) + "\n")
    text = '[potential]\nkind = "eam/alloy"\nfile = "short"\nelements = ["Cu", "Ag"]\n'
    done = check(tmp_path, text + HEAD[HEAD.index("[[particle]]") :].replace("Pt", "Cu").replace("Fe", "Ag") + HOLD)
    assert done.returncode == 2 and "it was probably cut short" in done.stderr, done.stderr
    assert "eam/fs" not in done.stderr
