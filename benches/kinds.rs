//! How fast each kind of potential is: one evaluation of the forces of two particles whose
//! atoms are displaced as by heat, nanoseconds per atom. `cargo bench --bench kinds`
//!
//! Most kinds are the platinum-iron potential with one option changed; what they say about
//! the metals is beside the point. All are timed in turn, round after round.

mod hot;

use hot::Sizes;
use sinter_hpc::comm::Comm;
use sinter_hpc::force::{Engine, Settings, System};
use sinter_hpc::potential::Potential;
use std::path::{Path, PathBuf};
use std::time::Instant;

struct Kind {
    name: &'static str,
    files: [&'static str; 2],
    /// A text of the library, and what stands there instead.
    replaced: Option<[&'static str; 2]>,
    /// Lines behind those of the parameter file.
    more: &'static str,
    /// Each with its share of the atoms.
    elements: &'static [(&'static str, f64)],
    lattice_constant: f64,
}

const PUBLISHED: Kind = Kind {
    name: "platinum-iron as published: ialloy 2, ibar 3, second neighbours",
    files: ["inputs/potentials/PtFe.library.meam", "inputs/potentials/PtFe.meam"],
    replaced: None,
    more: "",
    elements: &[("Pt", 0.85), ("Fe", 0.15)],
    lattice_constant: 3.95,
};

const KINDS: [Kind; 14] = [
    PUBLISHED,
    Kind { name: "half iron", elements: &[("Pt", 0.5), ("Fe", 0.5)], ..PUBLISHED },
    Kind { name: "its platinum alone", elements: &[("Pt", 1.0)], more: ONE, ..PUBLISHED },
    Kind { name: "ialloy 0", more: "ialloy = 0", ..PUBLISHED },
    Kind { name: "ialloy 1", more: "ialloy = 1", ..PUBLISHED },
    Kind { name: "ibar 0 of both", replaced: Some(["1.00 3", "1.00 0"]), ..PUBLISHED },
    Kind { name: "ibar 1 of both", replaced: Some(["1.00 3", "1.00 1"]), ..PUBLISHED },
    Kind { name: "ibar 4 of both", replaced: Some(["1.00 3", "1.00 4"]), ..PUBLISHED },
    Kind { name: "ibar -5 of both", replaced: Some(["1.00 3", "1.00 -5"]), ..PUBLISHED },
    Kind {
        name: "ibar -5 of iron",
        replaced: Some(["-7.20 1.00 3", "-7.20 1.00 -5"]),
        ..PUBLISHED
    },
    Kind { name: "augt1 1, erose_form 0", more: "augt1 = 1\nerose_form = 0", ..PUBLISHED },
    Kind { name: "bkgd_dyn 1, emb_lin_neg 1", more: "bkgd_dyn = 1\nemb_lin_neg = 1", ..PUBLISHED },
    Kind {
        name: "nickel: first neighbours, ibar 0, rc 4.0",
        files: [
            "tests/reference/potentials/Ni4.library.meam",
            "tests/reference/potentials/Ni4.meam",
        ],
        elements: &[("Ni=Ni4", 1.0)],
        lattice_constant: 3.52,
        ..PUBLISHED
    },
    Kind {
        name: "five elements: ialloy 1, ibar -5, rc 5.0",
        files: [
            "tests/reference/potentials/Jelinek2012.library.meam",
            "tests/reference/potentials/Jelinek2012.meam",
        ],
        elements: &[
            ("Al=AlS", 0.6),
            ("Si=SiS", 0.1),
            ("Mg=MgS", 0.1),
            ("Cu=CuS", 0.1),
            ("Fe=FeS", 0.1),
        ],
        lattice_constant: 4.05,
        ..PUBLISHED
    },
];

/// Leaves out the lines of the parameter file that name a second element.
const ONE: &str = "ONE";

impl Kind {
    /// Its two files, in this folder.
    fn write(&self, folder: &Path) -> [PathBuf; 2] {
        let root = Path::new(env!("CARGO_MANIFEST_DIR"));
        let [mut library, mut parameters] =
            self.files.map(|file| std::fs::read_to_string(root.join(file)).expect("is there"));
        if let Some([text, instead]) = self.replaced {
            assert!(library.contains(text), "{}: nothing to replace", self.name);
            library = library.replace(text, instead);
        }
        if self.more == ONE {
            let names_second = |line: &str| {
                let indices = line.split_once('(').and_then(|(_, rest)| rest.split_once(')'));
                indices.is_some_and(|(indices, _)| indices.contains('2'))
            };
            let kept: Vec<&str> = parameters.lines().filter(|line| !names_second(line)).collect();
            parameters = kept.join("\n");
        } else {
            parameters = format!("{parameters}\n{}\n", self.more);
        }
        let files = ["kind.library.meam", "kind.meam"].map(|name| folder.join(name));
        for (file, text) in files.iter().zip([library, parameters]) {
            std::fs::write(file, text).expect("a folder to write to");
        }
        files
    }

    fn material(&self, folder: &Path) -> hot::Material {
        let [library, parameters] = self.write(folder);
        let composition = self.elements.iter().map(|(name, share)| {
            let symbol = name.split('=').next().unwrap_or(name);
            format!("{symbol} = {share:?}")
        });
        hot::Material {
            library,
            parameters,
            elements: self.elements.iter().map(|(name, _)| name.to_string()).collect(),
            lattice_constant: self.lattice_constant,
            composition: composition.collect::<Vec<String>>().join(", "),
        }
    }
}

fn main() {
    hot::start_threads();
    let sizes = Sizes::read();
    let comm = Comm::single();
    let folder = tempfile::tempdir().expect("a temporary folder");
    let configs = KINDS.each_ref().map(|kind| {
        let config = hot::config_of(&kind.material(folder.path()), sizes.kinds_atoms, &sizes);
        let potential = hot::potential(&config);
        (config, potential)
    });
    let mut engines: Vec<_> = configs
        .iter()
        .map(|(config, potential)| {
            let settings = Settings { skin: sizes.skin_angstrom, energy_bound: 1e6 };
            let (cell, atoms) = hot::atoms(config, &comm);
            Engine::new(&comm, potential, cell, atoms, settings).expect("valid atoms")
        })
        .collect();
    let mut times = vec![Vec::new(); KINDS.len()];
    for round in 0..sizes.kinds_rounds {
        for ((engine, times), kind) in engines.iter_mut().zip(&mut times).zip(&KINDS) {
            hot::fly(engine, round);
            let began = Instant::now();
            engine.update_forces(false).unwrap_or_else(|error| panic!("{}: {error}", kind.name));
            times.push(began.elapsed().as_secs_f64());
        }
    }
    println!("| kind | words per atom | neighbours in the list | ns per atom | relative |");
    println!("|---|---|---|---|---|");
    let mut published = 0.0;
    for (n, kind) in KINDS.iter().enumerate() {
        let statistics = engines[n].statistics();
        // Whatever disturbs a round makes it longer.
        let shortest = times[n].iter().copied().fold(f64::INFINITY, f64::min);
        let time = 1e9 * shortest / statistics.atoms as f64;
        if n == 0 {
            published = time;
        }
        let neighbours = statistics.neighbours / statistics.atoms;
        let (words, relative) = (configs[n].1.words(), time / published);
        println!("| {} | {words} | {neighbours} | {time:.0} | {relative:.2} |", kind.name);
    }
}
