//! `sinter-hpc build`: what is written reads back as what was built.

use sinter_hpc::build::{Built, structure};
use sinter_hpc::comm::Comm;
use sinter_hpc::geometry::Vec3;
use sinter_hpc::input::{self, Arrangement, Config};
use sinter_hpc::run::build::build;
use sinter_hpc::run::potential::potential;
use std::path::{Path, PathBuf};

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).to_path_buf()
}

fn quickstart() -> PathBuf {
    root().join("inputs/quickstart.toml")
}

/// An input with the quickstart's potential, and these tables.
fn input(folder: &Path, name: &str, tables: &str) -> PathBuf {
    let potentials = root().join("inputs/potentials");
    let text = format!(
        "[potential]\nlibrary = '{0}/PtFe.library.meam'\nparameters = '{0}/PtFe.meam'\nelements = ['Pt', 'Fe']\n\
         {tables}\n[[stage]]\nkind = 'hold'\ntemperature_k = 300\nduration_ps = 1\n",
        potentials.display()
    );
    let path = folder.join(name);
    std::fs::write(&path, text).unwrap();
    path
}

/// An input with what follows from its potential.
fn read(input: &Path) -> Config {
    let mut config = input::read(input).unwrap();
    potential(&mut config).unwrap();
    config
}

fn together(input: &Path) -> Config {
    let mut config = read(input);
    config.stages.iter_mut().for_each(|stage| stage.particles = Arrangement::Together);
    config
}

type Plain = Vec<(u64, u32, u32, Vec3)>;

/// Ids, particles, species and unwrapped positions.
fn plain(built: &Built) -> Plain {
    let whole = |r: Vec3, image| built.cell.unwrap(&[r[0], r[1], r[2], 0.0], image);
    let atoms = built.atoms.iter();
    atoms.map(|a| (a.id, a.particle, a.species, whole(a.position, &a.image))).collect()
}

#[test]
fn a_structure_reads_back_from_either_format_to_the_bit() {
    let folder = tempfile::tempdir().unwrap();
    let periodic =
        "[box]\nboundary = ['free', 'periodic', 'free']\nlengths_angstrom = [0, 40.5, 0]\n";
    let particle = "[[particle]]\natoms = 200\nlattice_constant_angstrom = 3.88\ncomposition = { Pt = 0.5, Fe = 0.5 }\n\
        centre_angstrom = [3.3, 20.0, 0.1]\neuler_angles_deg = [10, 20, 30]\n";
    let own = input(folder.path(), "own.toml", &format!("{periodic}{particle}"));
    for (source, cell) in [(quickstart(), ""), (own, periodic)] {
        let built = structure(&together(&source), &Comm::single()).unwrap();
        for name in ["a.xyz", "a.h5"] {
            let file = folder.path().join(name);
            build(&source, &file, true).unwrap();
            let again = format!("{cell}[structure]\nfile = '{}'\n", file.display());
            let again = together(&input(folder.path(), "again.toml", &again));
            let read = structure(&again, &Comm::single()).unwrap();
            assert_eq!(plain(&read), plain(&built), "{name}");
            assert_eq!(read.cell.periodic, built.cell.periodic);
            for d in (0..3).filter(|&d| built.cell.periodic[d]) {
                assert_eq!(read.cell.length[d], built.cell.length[d]);
            }
            assert!(!read.velocities);
        }
    }
}

#[test]
fn nothing_is_overwritten_unasked_and_no_format_is_guessed() {
    let folder = tempfile::tempdir().unwrap();
    let message = |file: &Path, force| {
        let error = build(&quickstart(), file, force).unwrap_err();
        assert_eq!(error.exit_code(), 2);
        error.to_string().replace(&format!("{}/", folder.path().display()), "")
    };
    let file = folder.path().join("a.xyz");
    std::fs::write(&file, "precious").unwrap();
    assert_eq!(
        message(&file, false),
        "a.xyz: this file exists already: replace it (--force) or choose another (--output)"
    );
    assert_eq!(std::fs::read_to_string(&file).unwrap(), "precious");
    assert_eq!(
        message(&folder.path().join("a.pdb"), false),
        "a.pdb: the ending must tell the format: .xyz (extended XYZ) or .h5 (H5MD)"
    );
    build(&quickstart(), &file, true).unwrap();
    assert!(std::fs::read_to_string(&file).unwrap().starts_with("2206\n"));
}

/// The counts that the inputs of the paper promise.
#[test]
fn the_papers_particles_have_the_papers_numbers() {
    for name in ["pair_1473K_5p5A", "pair_1073K_5p5A", "pair_1273K_5p5A", "pair_1473K_10A"] {
        let config = read(&root().join(format!("inputs/paper/{name}.toml")));
        let layout = sinter_hpc::build::layout(&config, &Comm::single()).unwrap();
        let gap = if name.ends_with("10A") { 10.0 } else { 5.5 };
        assert!((layout.gaps[0].atoms - gap).abs() < 1e-9);
        assert_eq!(layout.particles.len(), 2);
        for particle in &layout.particles {
            let shape = particle.shape.as_ref().unwrap();
            assert_eq!(particle.atoms - particle.adatoms, 30_802);
            assert_eq!(particle.adatoms as f64, (0.2 * shape.monolayer as f64).round());
            let adatoms_of_iron = (0.15 * particle.adatoms as f64).round() as u64;
            assert_eq!(particle.species[1], 4_620 + adatoms_of_iron);
        }
    }
}

const PLATINUM: &str = "lattice_constant_angstrom = 3.92\ncomposition = { Pt = 1.0 }\n";
const SLAB: &str = "surface = 'z'\nz = [1, 1, 1]\nlengths_angstrom = [40, 40]\nlayers = 5\n";

/// The structure of an input with these tables.
fn built(folder: &Path, tables: &str) -> Built {
    let config = read(&input(folder, "input.toml", tables));
    structure(&config, &Comm::single()).unwrap()
}

fn of(built: &Built, particle: u32) -> Vec<Vec3> {
    built.atoms.iter().filter(|a| a.particle == particle).map(|a| a.position).collect()
}

fn ends(positions: &[Vec3], d: usize) -> [f64; 2] {
    let along = || positions.iter().map(|r| r[d]);
    [along().fold(f64::INFINITY, f64::min), along().fold(f64::NEG_INFINITY, f64::max)]
}

#[test]
fn the_box_follows_from_the_crystal() {
    let folder = tempfile::tempdir().unwrap();
    let bulk = built(folder.path(), &format!("[crystal]\n{PLATINUM}repeats = [3, 4, 5]"));
    assert_eq!(bulk.atoms.len(), 4 * 3 * 4 * 5);
    assert_eq!(bulk.cell.periodic, [true; 3]);
    for (length, periods) in bulk.cell.length.into_iter().zip([3.0, 4.0, 5.0]) {
        assert!((length - periods * 3.92).abs() < 1e-10);
    }
    // Written and read again it is the same crystal, periodic as well.
    let file = folder.path().join("bulk.xyz");
    build(&folder.path().join("input.toml"), &file, true).unwrap();
    let read = format!(
        "[box]\nboundary = ['periodic', 'periodic', 'periodic']\n[structure]\nfile = '{}'",
        file.display()
    );
    let read = built(folder.path(), &read);
    assert_eq!(plain(&read), plain(&bulk));
    assert_eq!(read.cell, bulk.cell);

    // 6.8 cubes along each side: 7, 7, 6 are nearer to the wanted number than 7, 7, 7.
    let wanted = built(folder.path(), &format!("[crystal]\n{PLATINUM}atoms = 1200"));
    assert_eq!(wanted.atoms.len(), 4 * 7 * 7 * 6);
}

#[test]
fn alloys_are_exact_and_ordered_ones_in_order() {
    let folder = tempfile::tempdir().unwrap();
    let random = "lattice_constant_angstrom = 3.9\ncomposition = { Pt = 0.85, Fe = 0.15 }\nrepeats = [5, 5, 5]";
    let random = built(folder.path(), &format!("[crystal]\n{random}"));
    assert_eq!(random.layout.particles[0].species, [425, 75]);
    let ordered = "lattice = 'l1_2'\nlattice_constant_angstrom = 3.86\nrepeats = [4, 4, 4]\n\
        sublattices = [{ Fe = 0.5, Pt = 0.5 }, { Pt = 1.0 }]";
    let ordered = built(folder.path(), &format!("[crystal]\n{ordered}"));
    assert_eq!(ordered.layout.particles[0].species, [4 * 64 - 32, 32]);
    // Iron at corners of the cell alone, which stand at whole cells from the end of the box.
    for atom in ordered.atoms.iter().filter(|a| a.species == 1) {
        for d in 0..3 {
            let cells = (atom.position[d] - ordered.cell.origin[d]) / 3.86;
            assert!((cells - cells.round()).abs() < 1e-9);
        }
    }
}

#[test]
fn a_slab_ends_at_zero_and_bears_adatoms() {
    let folder = tempfile::tempdir().unwrap();
    let adatoms = "adatoms = { removed_fraction = 0.75 }\n";
    let slab = built(folder.path(), &format!("[crystal]\n{PLATINUM}{SLAB}{adatoms}"));
    assert_eq!(slab.cell.periodic, [true, true, false]);
    let info = &slab.layout.particles[0];
    let layer = (info.atoms - info.adatoms) / 5;
    assert_eq!(info.adatoms, layer - (0.75 * layer as f64).round() as u64);
    let spacing = 3.92 / 3f64.sqrt();
    let heights = slab.atoms.iter().map(|a| a.position[2] / spacing);
    let of_layer = |k: i32| heights.clone().filter(|h| (h - k as f64).abs() < 1e-9).count() as u64;
    assert_eq!(
        (-5..=2).map(of_layer).collect::<Vec<_>>(),
        [0, layer, layer, layer, layer, layer, info.adatoms, 0]
    );

    let vacuum = format!(
        "[box]\nboundary = ['periodic', 'periodic', 'periodic']\n[crystal]\n{PLATINUM}{SLAB}vacuum_angstrom = 12"
    );
    let slab = built(folder.path(), &vacuum);
    assert!((slab.cell.length[2] - 4.0 * spacing - 12.0).abs() < 1e-9);
    assert_eq!(ends(&of(&slab, 0), 2)[1], 0.0);
}

const PARTICLE: &str = "[[particle]]\natoms = 300\nlattice_constant_angstrom = 3.92\ncomposition = { Pt = 0.5, Fe = 0.5 }\n";

#[test]
fn particles_stand_above_a_surface_at_their_gap() {
    let folder = tempfile::tempdir().unwrap();
    let adatoms = "adatoms = { removed_fraction = 0.9 }\n";
    let support = format!("[crystal]\n{PLATINUM}{SLAB}{adatoms}");
    let alone = built(folder.path(), PARTICLE);
    let rise = 3.92 / 3f64.sqrt();
    for (gap, planes, atoms) in [
        ("facet = [1, 1, 1], gap_angstrom = 4.5", 4.5, 4.5 - rise),
        ("facet = [1, 1, 1], gap_angstrom = 4.5, gap_between = 'atoms'", 4.5 + rise, 4.5),
        ("gap_angstrom = 2.5", 2.5 + rise, 2.5),
    ] {
        let both = built(folder.path(), &format!("{support}{PARTICLE}above = {{ {gap} }}\n"));
        let above = both.layout.particles[0].above.unwrap();
        assert!((above.planes - planes).abs() < 1e-9 && (above.atoms - atoms).abs() < 1e-9);
        let [lowest, _] = ends(&of(&both, 0), 2);
        let [_, highest] = ends(&of(&both, 1), 2);
        assert!((lowest - highest - atoms).abs() < 1e-9);
        // Its alloy is the one that it has without a support.
        let species = |b: &Built| {
            b.atoms.iter().filter(|a| a.particle == 0).map(|a| a.species).collect::<Vec<_>>()
        };
        assert_eq!(species(&both), species(&alone));
        assert_eq!(both.layout.particles[0].centre[..2], [0.0, 0.0]);
    }
    // A row across a gap, both of it above the surface.
    let row = format!(
        "{support}{PARTICLE}above = {{ gap_angstrom = 2.5 }}\ncount = 2\n[placement]\ngap_angstrom = 4.0\n"
    )
    .replace("[40, 40]", "[60, 40]");
    let row = built(folder.path(), &row);
    assert_eq!(row.layout.gaps[0].planes, 4.0);
    let [one, other] = [0, 1].map(|p| of(&row, p));
    assert_eq!(ends(&other, 0)[0] - ends(&one, 0)[1], 4.0);
    assert_eq!(ends(&one, 2)[0], ends(&other, 2)[0]);
}

#[test]
fn particles_from_files_are_placed_like_built_ones() {
    let folder = tempfile::tempdir().unwrap();
    let read =
        |name: &str, more: &str| format!("[[particle]]\nstructure = {{ file = '{name}' }}\n{more}");
    // A bar along x with velocities, and one without.
    let bar = "3\nProperties=species:S:1:pos:R:3:velo:R:3\nPt 10 5 0 1 2 3\nFe 12.5 5 0 0 0 0\nPt 15 5 0.25 0 0 0\n";
    std::fs::write(folder.path().join("hot.xyz"), bar).unwrap();
    std::fs::write(folder.path().join("cold.xyz"), "2\n\nPt 0 0 0\nPt 2.5 0 0\n").unwrap();

    let pair = format!(
        "{}{}{PARTICLE}[placement]\ngap_angstrom = 4.0\n",
        read("hot.xyz", ""),
        read("cold.xyz", "")
    );
    let row = built(folder.path(), &pair);
    assert!(!row.velocities);
    assert!(row.warnings.iter().any(|line| line.contains("drawn anew")), "{:?}", row.warnings);
    assert_eq!(row.layout.gaps.iter().map(|gap| gap.atoms).collect::<Vec<_>>(), [4.0, 4.0]);
    let x = |p: u32| ends(&of(&row, p), 0);
    assert_eq!([x(1)[0] - x(0)[1], x(2)[0] - x(1)[1]], [4.0, 4.0]);
    assert_eq!(row.layout.particles[0].species, [2, 1]);
    let one = of(&row, 0);
    assert_eq!([one[1][0] - one[0][0], one[2][2] - one[0][2]], [2.5, 0.25]);

    // One of several that a file holds.
    let two =
        "3\nProperties=species:S:1:pos:R:3:particle:I:1\nPt 0 0 0 4\nFe 9 9 9 7\nFe 9 9 12 7\n";
    std::fs::write(folder.path().join("two.xyz"), two).unwrap();
    let second = built(folder.path(), &read("two.xyz", "particle_of_file = 1\n"));
    assert_eq!(of(&second, 0), [[0.0, 0.0, -1.5], [0.0, 0.0, 1.5]]);

    // Alone with another of its kind it keeps its velocities, turned with it.
    let turned = read("hot.xyz", "euler_angles_deg = [90, 0, 0]\ncentre_angstrom = [0, 0, 0]\n");
    let other = read("hot.xyz", "centre_angstrom = [20, 0, 0]\n");
    let both = built(folder.path(), &format!("{turned}{other}"));
    assert!(both.velocities && both.warnings.is_empty(), "{:?}", both.warnings);
    let near = |a: Vec3, b: Vec3| (0..3).all(|d| (a[d] - b[d]).abs() < 1e-9);
    assert!(near(both.atoms[0].velocity, [-2.0, 1.0, 3.0]));
    assert!(near(both.atoms[0].position, [0.0, -2.5, -0.125]));
    assert_eq!(both.atoms[3].velocity, [1.0, 2.0, 3.0]);
    assert_eq!(both.atoms[3].position, [17.5, 0.0, -0.125]);
}

#[test]
fn an_element_of_which_so_few_atoms_have_none_is_told() {
    let folder = tempfile::tempdir().unwrap();
    let crystal = |fe: f64| {
        format!(
            "[crystal]\nlattice_constant_angstrom = 3.92\nrepeats = [1, 1, 1]\n\
             composition = {{ Pt = {}, Fe = {fe} }}\n",
            1.0 - fe
        )
    };
    let none = built(folder.path(), &crystal(0.125 / 2.0)).warnings;
    assert_eq!(none.len(), 1, "{none:?}");
    let end = ": none of the 4 atoms is Fe: a fraction of 0.0625 is less than one of them";
    assert!(none[0].ends_with(end), "{none:?}");
    assert_eq!(built(folder.path(), &crystal(0.25)).warnings, [""; 0]);
}

#[test]
fn a_particle_that_is_cut_out_of_bulk_is_told() {
    let folder = tempfile::tempdir().unwrap();
    let text = |length: f64, boundaries: &str| {
        format!(
            "2\nLattice=\"{length} 0 0 0 30 0 0 0 30\" pbc=\"{boundaries}\" \
             Properties=species:S:1:pos:R:3\nPt 0 0 0\nPt 2.77 0 0\n"
        )
    };
    let warnings = |text: &str| {
        std::fs::write(folder.path().join("a.xyz"), text).unwrap();
        built(folder.path(), "[[particle]]\nstructure = { file = 'a.xyz' }\n").warnings
    };
    let cut = "the atoms of `a.xyz` fill its periodic box along x: as a particle they are cut there, \
               with free surfaces (as bulk they are `[structure]`)";
    assert_eq!(warnings(&text(5.54, "T T T")), [cut]);
    assert_eq!(warnings(&text(30.0, "T T T")), [""; 0], "in vacuum");
    assert_eq!(warnings(&text(5.54, "F T T")), [""; 0]);
}

#[test]
fn a_structure_from_a_file_bears_built_particles() {
    let folder = tempfile::tempdir().unwrap();
    let slab = format!("[crystal]\n{PLATINUM}{SLAB}");
    let file = folder.path().join("slab.xyz");
    build(&input(folder.path(), "slab.toml", &slab), &file, true).unwrap();
    let bare = built(folder.path(), &slab);
    let tables = format!(
        "[box]\nboundary = ['periodic', 'periodic', 'free']\n[structure]\nfile = '{}'\n\
         {PARTICLE}above = {{ gap_angstrom = 2.5, facet = [1, 0, 0] }}\n",
        file.display()
    );
    let both = built(folder.path(), &tables);
    let particle = of(&both, 0);
    assert_eq!(
        (of(&both, 1), both.layout.particles[1].first),
        (of(&bare, 0), particle.len() as u64)
    );
    assert!((ends(&particle, 2)[0] - 2.5).abs() < 1e-9);
    assert!(both.atoms.iter().enumerate().all(|(i, atom)| atom.id == i as u64));
    assert_eq!(both.cell.length[..2], bare.cell.length[..2]);

    // Every rank has its share, whichever of it was read.
    let config = read(&input(folder.path(), "input.toml", &tables));
    let crystal = tables.replace(&tables[..tables.find("[[particle]]").unwrap()], &slab);
    let crystal = read(&input(folder.path(), "input.toml", &crystal));
    for config in [config, crystal] {
        let whole = structure(&config, &Comm::single()).unwrap();
        assert_eq!(sinter_hpc::build::layout(&config, &Comm::single()).unwrap(), whole.layout);
        for ranks in [2, 3] {
            let shares =
                sinter_hpc::comm::threads::run(ranks, |comm| structure(&config, comm).unwrap());
            assert!(shares.iter().all(|share| share.layout == whole.layout));
            let all: Vec<_> = shares.into_iter().flat_map(|share| share.atoms).collect();
            assert_eq!(all, whole.atoms);
        }
    }
}
