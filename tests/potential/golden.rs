//! Energies, forces and virials that LAMMPS (22 Jul 2025) gave for the same files;
//! `tests/reference/README.md` says how they were made.

use crate::brute_force::evaluate;
use crate::frames::{self, Frame};
use sinter_hpc::geometry::on_grid;
use sinter_hpc::input::PotentialConfig;
use sinter_hpc::potential::meam::Meam;
use sinter_hpc::potential::{ForceField, Potential};

/// What is asked for at least: energy (eV), force (eV/Å), virial (eV), relative above 1, absolute
/// below. LAMMPS interpolates φ on a 1000-point table, which errs by less.
const ASKED_FOR: [f64; 3] = [1e-6, 1e-5, 1e-5];

/// Over what was measured (`tests/reference/deviations.txt`): bits are the same on any processor.
const MARGIN: f64 = 3.0;

/// The largest deviations that the frames of a file may have.
fn allowed(file: &str) -> [f64; 3] {
    let list = std::fs::read_to_string(frames::path("tests/reference/deviations.txt")).unwrap();
    let line = list.lines().find_map(|line| line.strip_prefix(file));
    let measured = line.unwrap_or_default().split_whitespace().map(|x| x.parse().unwrap());
    let measured: Vec<f64> = measured.collect();
    // A file that nobody has measured is allowed nothing.
    std::array::from_fn(|k| measured.get(k).map_or(0.0, |m| (MARGIN * m).min(ASKED_FOR[k])))
}

pub fn potential(library: &str, parameters: Option<&str>, elements: &[&str]) -> ForceField {
    let elements: Vec<String> = elements.iter().map(|e| e.to_string()).collect();
    let parameters = parameters.map(frames::path);
    Meam::from_files(&frames::path(library), parameters.as_deref(), &elements)
        .unwrap_or_else(|e| panic!("{e}"))
        .into()
}

pub fn iron_platinum() -> ForceField {
    potential(
        "inputs/potentials/PtFe.library.meam",
        Some("inputs/potentials/PtFe.meam"),
        &["Pt", "Fe"],
    )
}

/// Largest deviations: energy, force, virial.
fn deviations(meam: &ForceField, frame: &Frame) -> [f64; 3] {
    let Ok(found) = evaluate(meam, frame) else { return [f64::INFINITY; 3] };
    let relative = |found: f64, expected: f64| (found - expected).abs() / expected.abs().max(1.0);
    let mut worst = [0.0f64; 3];
    for i in 0..frame.positions.len() {
        worst[0] = worst[0].max(relative(found.energies[i], frame.energies[i]));
        let expected = frame.forces[i].iter().map(|f| f * f).sum::<f64>().sqrt();
        let d: f64 = (0..3).map(|c| (found.forces[i][c] - frame.forces[i][c]).powi(2)).sum();
        worst[1] = worst[1].max(d.sqrt() / expected.max(1.0));
    }
    let scale = frame.virial.iter().fold(1.0f64, |m, v| m.max(v.abs()));
    for c in 0..6 {
        worst[2] = worst[2].max((found.virial[c] - frame.virial[c]).abs() / scale);
    }
    worst
}

pub fn agrees(meam: &ForceField, file: &str) {
    let failures = failures(meam, file);
    assert!(failures.is_empty(), "{}", failures.join("\n"));
}

fn failures(meam: &ForceField, file: &str) -> Vec<String> {
    let mut largest = [0.0f64; 3];
    for frame in frames::read(file) {
        let found = deviations(meam, &frame);
        // Not a number is no deviation that is allowed.
        let larger = |old: f64, new: f64| if new > old || new.is_nan() { new } else { old };
        largest = std::array::from_fn(|k| larger(largest[k], found[k]));
    }
    let allowed = allowed(file);
    if (0..3).all(|k| largest[k] <= allowed[k]) {
        return Vec::new();
    }
    let [largest, allowed] =
        [largest, allowed].map(|three| three.map(|x| format!("{x:.1e}")).join(" "));
    vec![format!("{file} {largest} is beyond {allowed}")]
}

macro_rules! iron_platinum_agrees {
    ($($name:ident)*) => {$(
        #[test]
        fn $name() {
            agrees(&iron_platinum(), concat!(stringify!($name), ".xyz"));
        }
    )*};
}

iron_platinum_agrees!(dimers trimers crystals alloy_rattled liquid particle_hot pair_hot nve_bulk nve_particle);

const POTENTIALS: &str = "tests/reference/potentials";

/// A file pair of `tests/reference/potentials`.
pub fn other(name: &str, elements: &[&str]) -> ForceField {
    potential(
        &format!("{POTENTIALS}/{name}.library.meam"),
        Some(&format!("{POTENTIALS}/{name}.meam")),
        elements,
    )
}

/// First-neighbour MEAM with the square root form of G.
#[test]
fn ni() {
    agrees(&other("Ni4", &["Ni=Ni4"]), "ni.xyz");
}

/// Five elements, B1 references, ialloy 1, ibar -5, densities that may be negative.
#[test]
fn alsimgcufe() {
    let elements = ["Al=AlS", "Si=SiS", "Mg=MgS", "Cu=CuS", "Fe=FeS"];
    agrees(&other("Jelinek2012", &elements), "alsimgcufe.xyz");
}

const OPTIONS: &str = "tests/reference/options";

/// A force field of the elements A and B: one of `tests/reference/options`, or of tables.
pub fn options(case: &str) -> ForceField {
    let elements = ["A=Cu", "B=Ag"];
    match case {
        "eam" => return embedded("eam", &["Cu.eam", "Ag.eam"], &elements),
        "eam/alloy" => return embedded(case, &["tables.eam.alloy"], &elements),
        "eam/fs" => return embedded(case, &["tables.eam.fs"], &elements),
        "adp" => return embedded(case, &["tables.adp"], &elements),
        "tersoff" => return embedded(case, &["SiGe.tersoff"], &["A=Si", "B=Ge"]),
        "gupta" | "sutton-chen" | "lennard-jones" | "morse" => {
            return field(&[analytic(case, case, &elements)]);
        }
        "johnson" => return field(&[analytic(case, case, &["A=Fe", "B=Fe"])]),
        // MEAM of one species, a pair potential of both.
        "meam+morse" => {
            let [library, parameters] = ["library.meam", "meam"]
                .map(|ending| frames::path(&format!("{OPTIONS}/ialloy_1.{ending}")));
            let meam = format!(
                "library = {library:?}\nparameters = {parameters:?}\nelements = [\"A\", \"C=B\"]\n"
            );
            let meam = toml::from_str(&meam).expect("a table of the input");
            return field(&[analytic("morse", "morse", &elements), meam]);
        }
        _ => {}
    }
    let parameters = format!("{OPTIONS}/{case}.meam");
    let parameters = frames::path(&parameters).exists().then_some(parameters);
    potential(&format!("{OPTIONS}/{case}.library.meam"), parameters.as_deref(), &["A", "B"])
}

/// Each option of the files by itself, on dimers and clusters of two invented elements.
#[test]
fn every_option() {
    let mut cases: Vec<String> = std::fs::read_dir(frames::path(OPTIONS))
        .expect("the folder of options")
        .filter_map(|entry| entry.ok()?.file_name().into_string().ok())
        .filter_map(|name| name.strip_suffix(".xyz").map(str::to_string))
        .collect();
    cases.sort();
    assert!(cases.len() > 70, "only {} cases", cases.len());
    let wrong: Vec<String> = cases
        .iter()
        .flat_map(|case| failures(&options(case), &format!("options/{case}.xyz")))
        .collect();
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// A term of table files in `tests/reference/embedded`, which `tests/reference/tables.py` wrote.
pub fn embedded(kind: &str, files: &[&str], elements: &[&str]) -> ForceField {
    let files: Vec<_> =
        files.iter().map(|name| frames::path("tests/reference/embedded").join(name)).collect();
    let text = format!("kind = {kind:?}\nfile = {files:?}\nelements = {elements:?}\n");
    let term: PotentialConfig = toml::from_str(&text).expect("a table of the input");
    ForceField::read(&[&term]).unwrap_or_else(|(_, e)| panic!("{e}"))
}

/// A table for a file of `inputs/potentials`.
pub fn analytic(kind: &str, name: &str, elements: &[&str]) -> PotentialConfig {
    let file = frames::path(&format!("inputs/potentials/{name}.toml"));
    let text = format!("kind = {kind:?}\nfile = {file:?}\nelements = {elements:?}\n");
    toml::from_str(&text).expect("a table of the input")
}

/// The force field of these tables.
pub fn field(tables: &[PotentialConfig]) -> ForceField {
    let tables: Vec<&PotentialConfig> = tables.iter().collect();
    ForceField::read(&tables).unwrap_or_else(|(_, e)| panic!("{e}"))
}

/// Densities beyond the end of F are among these.
#[test]
fn tables_of_all_elements() {
    let elements = ["Cu", "Ag"];
    let alloy = embedded("eam/alloy", &["tables.eam.alloy"], &elements);
    agrees(&alloy, "embedded/tables.eam.alloy.xyz");
    let told = alloy.remarks(&alloy.take_farthest());
    assert!(told.len() == 1 && told[0].contains("its tables of F end at 19.9000"), "{told:?}");
    agrees(&embedded("eam/fs", &["tables.eam.fs"], &elements), "embedded/tables.eam.fs.xyz");
}

#[test]
fn tables_with_dipoles_and_quadrupoles() {
    agrees(&embedded("adp", &["tables.adp"], &["Cu", "Ag"]), "embedded/tables.adp.xyz");
}

/// Entries with m of 1 and 3 and with lambda3, over several lines.
#[test]
fn bond_orders() {
    agrees(&embedded("tersoff", &["SiGe.tersoff"], &["Si", "Ge"]), "embedded/SiGe.tersoff.xyz");
}

/// Of different grids.
#[test]
fn tables_of_one_element_each_are_mixed() {
    let mixed = embedded("eam", &["Ag.eam", "Cu.eam"], &["Ag", "Cu"]);
    agrees(&mixed, "embedded/mixed.eam.xyz");
    assert_eq!(mixed.take_farthest(), [0.0]);
}

/// A file of `tests/reference/beyond.py`: F = (rho/scale)³, no pair energies, rho = 70 - 10 r/Å.
fn steep(number: u32, knots: usize, spacing: f64, scale: f64) -> String {
    let lines = |values: &mut dyn Iterator<Item = f64>| {
        values.map(|x| format!("{x:?}\n")).collect::<String>()
    };
    format!(
        "Invented\n{number} 60.0 3.6 fcc\n{knots} {spacing:?} 101 0.05 4.9\n{}{}{}",
        lines(&mut (0..knots).map(|n| (n as f64 * spacing / scale).powi(3))),
        lines(&mut std::iter::repeat_n(0.0, 101)),
        lines(&mut (0..101).map(|n| 70.0 - 0.5 * n as f64)),
    )
}

/// Of LAMMPS 22 Jul 2025 by `tests/reference/beyond.py`: rho, F in eV, dF/drho. Its last knots are
/// at 48 (46.5 in its own grid for Ag) and its tables end at 49; in between energies are constants, of
/// which its forces are not the derivative.
#[test]
fn energies_beyond_the_tables_of_funcfl_are_those_of_lammps() {
    let folder = tempfile::tempdir().unwrap();
    let [copper, silver] = ["Cu.eam", "Ag.eam"].map(|name| folder.path().join(name));
    std::fs::write(&copper, steep(29, 50, 1.0, 10.0)).unwrap();
    std::fs::write(&silver, steep(47, 31, 1.5, 12.0)).unwrap();
    let field = |files: &[&std::path::PathBuf], elements: &[&str]| {
        let text = format!("kind = \"eam\"\nfile = {files:?}\nelements = {elements:?}\n");
        self::field(&[toml::from_str(&text).unwrap()])
    };
    let (alone, mixed) = (field(&[&copper], &["Cu"]), field(&[&copper, &silver], &["Cu", "Ag"]));
    let (line, mixed_line) = (6.769, 6.69825);
    let cases = [
        (&alone, 0, (40.5, 66.430125, 4.92075)),
        (&alone, 0, (47.0, 103.823, 6.628)),
        (&alone, 0, (48.25, 110.592, 0.0)),
        (&alone, 0, (48.75, 110.592, 0.0)),
        (&alone, 0, (49.25, 112.28425, line)),
        (&alone, 0, (50.0, 117.361, line)),
        (&alone, 0, (60.0, 185.051, line)),
        (&mixed, 0, (47.0, 103.84725, mixed_line)),
        (&mixed, 0, (48.75, 110.592, 0.0)),
        (&mixed, 0, (49.25, 112.2665625, mixed_line)),
        (&mixed, 0, (60.0, 184.27275, mixed_line)),
        (&mixed, 1, (40.5, 38.443359375, 2.84765625)),
        (&mixed, 1, (46.5, 52.734375, 0.0)),
        (&mixed, 1, (60.0, 52.734375, 0.0)),
    ];
    for (field, species, (density, energy, slope)) in cases {
        let frame = Frame {
            positions: vec![[0.0; 3], [on_grid((70.0 - density) / 10.0), 0.0, 0.0]],
            symbols: vec![field.species()[species].symbol.clone(); 2],
            ..Frame::default()
        };
        let found = evaluate(field, &frame).unwrap();
        // By how much the grid of positions changes the density, times its slope.
        let off = [found.energies[0] - energy, found.forces[1][0] / 20.0 - slope];
        assert!(off.iter().all(|x| x.abs() < 1e-8), "{density} of {species}: {off:?}");
    }
    let told = alone.remarks(&alone.take_farthest());
    assert!(told[0].contains("its tables of F end at 49.0000"), "{told:?}");
}
