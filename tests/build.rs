//! `sinter-hpc build`: what is written reads back as what was built.

use sinter_hpc::build::{Built, structure};
use sinter_hpc::comm::Comm;
use sinter_hpc::geometry::Vec3;
use sinter_hpc::input::{self, Arrangement, Config};
use sinter_hpc::run::build::build;
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

fn together(input: &Path) -> Config {
    let mut config = input::read(input).unwrap();
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
        let config = input::read(&root().join(format!("inputs/paper/{name}.toml"))).unwrap();
        let layout = sinter_hpc::build::layout(&config).unwrap();
        let gap = if name.ends_with("10A") { 10.0 } else { 5.5 };
        assert_eq!(layout.gap.unwrap().planes, gap);
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
