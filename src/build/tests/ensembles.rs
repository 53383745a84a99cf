//! Many particles: of sizes and orientations that are drawn, placed in every way.

use super::super::contact::closest;
use super::*;

const CUBES: &str = "shape = \"cube\"\nsizes = { kind = \"gaussian\", mean_nm = 1.6, fwhm_nm = 0.5, of = \"edge\" }";

/// `particles` are lines of each `[[particle]]`.
fn ensemble(particles: &[&str], more: &str) -> Result<Config> {
    let mut text = String::from("[potential]\nlibrary = \"a\"\nelements = [\"Pt\", \"Fe\"]\n");
    for lines in particles {
        text += "[[particle]]\nlattice_constant_angstrom = 3.9\ncomposition = { Pt = 0.75, Fe = 0.25 }\n";
        text += &format!("{lines}\n");
    }
    text += &format!("{more}\n[[stage]]\nkind = \"hold\"\ntemperature_k = 300\nduration_ps = 1\n");
    Ok(with_surfaces(input::parse(&text, Path::new("many.toml"))?))
}

fn refused(particles: &[&str], more: &str) -> String {
    let error = ensemble(particles, more).and_then(|config| structure(&config, &Comm::single()));
    let error = error.expect_err("it is refused");
    assert_eq!(error.exit_code(), 2);
    error.to_string()
}

/// The shortest distance between atoms of different particles, with images along periodic directions.
fn gap(built: &Built, limit: f64) -> f64 {
    let whole = |atom: &Atom| {
        let [x, y, z] = atom.position;
        built.cell.unwrap(&[x, y, z, 0.0], &atom.image)
    };
    let images = built.cell.periodic.map(|p| if p { vec![-1.0, 0.0, 1.0] } else { vec![0.0] });
    let mut shortest = limit;
    for (&x, &y, &z) in itertools(&images) {
        let shift: Vec3 = std::array::from_fn(|d| [x, y, z][d] * built.cell.length[d]);
        let (all, moved) =
            (built.atoms.iter().map(whole), built.atoms.iter().map(|a| add(whole(a), shift)));
        let other = |i: usize, j: usize| {
            built.atoms[i].particle != built.atoms[j].particle || (shift != [0.0; 3] && i != j)
        };
        shortest =
            closest(all, moved, shortest, other).map_or(shortest, |(distance, _, _)| distance);
    }
    shortest
}

fn itertools(images: &[Vec<f64>; 3]) -> Vec<(&f64, &f64, &f64)> {
    let [x, y, z] = images;
    let plane = |x| y.iter().flat_map(move |y| z.iter().map(move |z| (x, y, z)));
    x.iter().flat_map(plane).collect()
}

/// Facets that meet plane to plane leave atoms a little farther apart than their hulls: by the square
/// root of the squares of the gap and half a spacing of atoms, at most so much.
const BESIDE: f64 = 1.0;

#[test]
fn every_way_of_placing_keeps_the_gap_on_any_number_of_ranks() {
    let periodic = "[box]\nboundary = [\"periodic\", \"periodic\", \"periodic\"]\n";
    let flat = "[box]\nboundary = [\"periodic\", \"periodic\", \"free\"]\n";
    let file = std::env::temp_dir().join("sinter-positions-of-the-test.txt");
    let line = |k: usize| format!("{} {}, 0\n", 40 * (k % 3), 40 * (k / 3));
    std::fs::write(&file, (0..9).map(line).collect::<String>()).unwrap();
    let listed = format!("[placement]\nkind = \"file\"\nfile = {file:?}");
    let random = format!("{CUBES}\norientation = \"random\"\ncount = 9");
    for (placement, wanted, exact) in [
        ("[placement]\nkind = \"support\"\ncoverage = 0.35\ngap_angstrom = 4", 4.0, false),
        (
            &*format!("{flat}[placement]\nkind = \"support\"\ncoverage = 0.35\ngap_angstrom = 4"),
            4.0,
            false,
        ),
        ("[placement]\nkind = \"support\"\ndensity_per_um2 = 1e5\ngap_angstrom = 4", 4.0, false),
        (
            "[placement]\nkind = \"support\"\nlengths_angstrom = [120, 90]\ngap_angstrom = 4",
            4.0,
            false,
        ),
        ("[placement]\nkind = \"raft\"\ngap_angstrom = 3.5", 3.5, true),
        ("[placement]\nkind = \"chain\"\ngap_angstrom = 3.5\nbend_deg = 50", 3.5, true),
        ("[placement]\nkind = \"ring\"\ngap_angstrom = 3.5", 3.5, true),
        ("[placement]\nkind = \"aggregate\"\ngap_angstrom = 3.5\ndimension = 1.8", 3.5, true),
        ("[placement]\nkind = \"box\"\ngap_angstrom = 3\npacking_fraction = 0.25", 3.0, false),
        (
            &*format!(
                "{periodic}[placement]\nkind = \"box\"\ngap_angstrom = 3\npacking_fraction = 0.25"
            ),
            3.0,
            false,
        ),
        (&*listed, 1.5, false),
    ] {
        let config = ensemble(&[&random], placement).unwrap();
        let built = build(&config);
        assert_eq!(built.layout.particles.len(), 9, "{placement}");
        let gap = gap(&built, 12.0);
        assert!(gap > wanted - 1e-3, "{gap}: {placement}");
        assert!(!exact || gap < wanted + BESIDE, "{gap}: {placement}");
        for ranks in [2, 7] {
            let shares = threads::run(ranks, |comm| structure(&config, comm).unwrap());
            assert!(shares.iter().all(|share| share.layout == built.layout));
            let all: Vec<Atom> = shares.into_iter().flat_map(|share| share.atoms).collect();
            assert_eq!(all, built.atoms, "{placement}");
        }
        let mut other = config.clone();
        other.seed += 1;
        let elsewhere =
            |built: &Built| built.layout.particles.iter().map(|p| p.centre).collect::<Vec<_>>();
        assert!(elsewhere(&build(&other)) != elsewhere(&built) || placement.contains("file"));
    }
    std::fs::remove_file(file).unwrap();
}

#[test]
fn a_ring_of_any_sizes_keeps_the_gap_or_is_said_to_stay_open() {
    let spheres = |nm: &[f64]| {
        format!(
            "shape = \"sphere\"\ncount = {}\nsizes = {{ kind = \"list\", values_nm = {nm:?} }}",
            nm.len()
        )
    };
    let ring = "[placement]\nkind = \"ring\"\ngap_angstrom = 3";
    // Two large ones on either side of a small one are neighbours of each other as well.
    let built = build(&ensemble(&[&spheres(&[3.0, 3.0, 1.0])], ring).unwrap());
    let gap_of_three = gap(&built, 12.0);
    assert!((3.0 - 1e-3..3.0 + BESIDE).contains(&gap_of_three), "{gap_of_three}");
    let (mut closed, mut open) = (0, 0);
    for seed in 1..=6 {
        let mut config = ensemble(&[&spheres(&[3.0, 3.0, 1.0, 1.0])], ring).unwrap();
        config.seed = seed;
        match structure(&config, &Comm::single()) {
            Ok(built) => {
                closed += 1;
                let gap = gap(&built, 12.0);
                assert!((3.0 - 1e-3..3.0 + BESIDE).contains(&gap), "{gap}");
            }
            Err(error) => {
                open += 1;
                let message = error.to_string();
                assert!(
                    message.contains("this ring of 4 particles does not close: large"),
                    "{message}"
                );
            }
        }
    }
    assert!(closed > 0 && open > 0, "{closed} closed, {open} open");
}

#[test]
fn sizes_and_numbers_are_those_wanted() {
    let placement =
        "[placement]\nkind = \"support\"\nparticles = 40\ncoverage = 0.3\ngap_angstrom = 4";
    let cubes = format!("fraction = 0.8\norientation = \"spin\"\n{CUBES}");
    let spheres =
        "fraction = 0.2\nshape = \"sphere\"\nsizes = { kind = \"list\", values_nm = [1.5, 2.0] }";
    let built = build(&ensemble(&[&cubes, spheres], placement).unwrap());
    let (cubes, spheres) = built.layout.particles.split_at(32);
    assert_eq!(spheres.len(), 8);
    // With half a layer of space about it, a cube of so many atoms has this edge, nm.
    let edges: Vec<f64> =
        cubes.iter().map(|p| (p.atoms as f64 * 3.9f64.powi(3) / 4.0).cbrt() / 10.0).collect();
    let mean = edges.iter().sum::<f64>() / 32.0;
    let deviation = (edges.iter().map(|e| (e - mean).powi(2)).sum::<f64>() / 32.0).sqrt();
    // Complete cubes come in steps of half a lattice constant, 0.195 nm.
    assert!((mean - 1.6).abs() < 0.05, "{mean}");
    assert!((deviation - 0.5 / 2.3548).abs() < 0.05, "{deviation}");
    let atoms: Vec<u64> = spheres.iter().map(|p| p.atoms).collect();
    assert!(atoms.chunks(2).all(|two| two == &atoms[..2] && two[0] < two[1]), "{atoms:?}");
    // A cube lies on its facet: all of the lowest layer is on the plane.
    for (p, info) in cubes.iter().enumerate() {
        let lowest = of(&built, p as u32).filter(|r| r[2] == 0.0).count();
        assert!(
            lowest as f64 >= 0.8 * (info.atoms as f64 / 1.5).powf(2.0 / 3.0),
            "{lowest} of {}",
            info.atoms
        );
    }
    assert!(built.layout.note.contains("40 particles at random on"), "{}", built.layout.note);
}

#[test]
fn as_many_come_as_cover_an_area() {
    let table = format!("fraction = 1\norientation = \"spin\"\n{CUBES}");
    let place = |more: &str| {
        let text = format!(
            "[placement]\nkind = \"support\"\ngap_angstrom = 3\nlengths_angstrom = [150, 100]\n{more}"
        );
        build(&ensemble(&[&table], &text).unwrap()).layout.particles.len()
    };
    assert_eq!(place("density_per_um2 = 1e5"), 15);
    // 15,000 Å² at 0.3, and facets of 7 spacings of 1.95 Å and a little more for the width of the distribution.
    let count = place("coverage = 0.3");
    assert!((22..=24).contains(&count), "{count}");
}

/// By the measure of the report: shadows of hulls.
#[test]
fn the_coverage_that_is_asked_is_reached_within_a_particle() {
    let size = "sizes = { kind = \"gaussian\", mean_nm = 1.6, fwhm_nm = 0.5 }";
    for (shape, orientation) in [
        ("sphere", "random"),
        ("octahedron", "random"),
        ("cube", "spin"),
        ("triangular-plate", "spin"),
        ("rod", "spin"),
        ("icosahedron", "random"),
    ] {
        let half =
            format!("fraction = 0.5\nshape = \"{shape}\"\norientation = \"{orientation}\"\n{size}");
        let other = format!("fraction = 0.5\nshape = \"sphere\"\n{size}");
        let placement = "[placement]\nkind = \"support\"\ngap_angstrom = 3\nlengths_angstrom = [150, 150]\n\
                         coverage = 0.3";
        let built = build(&ensemble(&[&half, &other], placement).unwrap());
        let told = built.layout.note.split("nm: ").nth(1).unwrap();
        let covered: f64 = told.split(" %").next().unwrap().parse().unwrap();
        let each = covered / built.layout.particles.len() as f64;
        // The report has one digit.
        assert!((covered - 30.0).abs() <= each + 0.05, "{shape}: {}", built.layout.note);
    }
}

#[test]
fn a_population_of_which_there_is_none_is_told() {
    let spheres = |fraction: f64| format!("fraction = {fraction}\nshape = \"sphere\"\natoms = 13");
    let raft = "[placement]\nkind = \"raft\"\nparticles = 10\ngap_angstrom = 4";
    let config = ensemble(&[&spheres(0.96), &spheres(0.04)], raft).unwrap();
    let told = build(&config).warnings.concat();
    assert!(
        told.contains(
            "many.toml:13:1: a fraction of 0.04 of 10 particles is none: it takes 13 to have one"
        ),
        "{told}"
    );
    let enough = raft.replace("10", "13");
    let built = build(&ensemble(&[&spheres(0.96), &spheres(0.04)], &enough).unwrap());
    assert_eq!((built.layout.particles.len(), built.warnings), (13, Vec::new()));
    let sizes =
        "fraction = 1\nshape = \"sphere\"\nsizes = { kind = \"list\", values_nm = [1, 1.1, 1.2] }";
    let two = raft.replace("10", "2");
    let told = build(&ensemble(&[sizes], &two).unwrap()).warnings.concat();
    assert!(told.contains("there are 3 sizes, and a fraction of 1 of 2 particles is 2"), "{told}");
    // Elements of a mixture, too, of which so few atoms have none.
    let core = "shape = \"sphere\"\natoms = 13\n[particle.mixture]\nkind = \"shells\"\nparts = [\
                { fraction = 0.01, composition = { Fe = 1 } }, { fraction = 0.99, composition = { Pt = 1 } }]";
    let text = "[potential]\nlibrary = \"a\"\nelements = [\"Pt\", \"Fe\"]\n[[particle]]\n\
                lattice_constant_angstrom = 3.9\n";
    let stage = "[[stage]]\nkind = \"minimise\"\n";
    let config = input::parse(&format!("{text}{core}\n{stage}"), Path::new("many.toml")).unwrap();
    let told = build(&config).warnings.concat();
    assert!(told.contains("none of the 13 atoms is Fe: a fraction of 0.01"), "{told}");
}

#[test]
fn an_exact_number_is_left_when_the_surface_is_rough() {
    for shape in ["sphere", "cube", "icosahedron", "decahedron", "hemisphere"] {
        for (atoms, fraction) in [(500, 0.2), (100, 0.7), (13, 1.0), (1, 0.5)] {
            let table = format!(
                "shape = \"{shape}\"\natoms = {atoms}\nsize = \"exact\"\nsurface_removed_fraction = {fraction}"
            );
            let built = build(&ensemble(&[&table], "").unwrap());
            assert_eq!(built.atoms.len(), atoms, "{shape}, {fraction}");
        }
    }
    // It comes off the surface of a larger one: 500 with a fifth of the 240 or so there.
    let table = "shape = \"sphere\"\natoms = 500\nsize = \"exact\"\nsurface_removed_fraction = 0.2";
    let told = build(&ensemble(&[table], "").unwrap()).layout.describe(&["Pt", "Fe"]);
    assert!(told.contains("500 atoms") && told.contains("complete shape of 555"), "{told}");
}

#[test]
fn aggregates_obey_their_law_or_are_refused() {
    let spheres = |count: usize| format!("count = {count}\nshape = \"sphere\"\natoms = 43");
    let placement = |dimension: f64, prefactor: f64| {
        format!(
            "[placement]\nkind = \"aggregate\"\ngap_angstrom = 3\ndimension = {dimension}\nprefactor = {prefactor}"
        )
    };
    for (count, dimension, prefactor) in
        [(12, 1.8, 1.3), (12, 2.5, 1.3), (8, 3.0, 1.3), (12, 1.0, 2.0), (2, 1.8, 1.3)]
    {
        let built = build(&ensemble(&[&spheres(count)], &placement(dimension, prefactor)).unwrap());
        let told = built.layout.note.split("which is ").nth(1).unwrap();
        let radii: f64 = told.split(' ').next().unwrap().parse().unwrap();
        let law = (count as f64 / prefactor).powf(1.0 / dimension);
        assert!((radii / law - 1.0).abs() < 0.05, "{count} {dimension}: {radii} {law}");
    }
    let told = refused(&[&spheres(12)], &placement(1.0, 1.3));
    assert!(
        told.contains("12 particles in an aggregate of dimension 1 with `prefactor` 1.3"),
        "{told}"
    );
    // What came of it is nearly straight.
    let came = told.split("a larger `prefactor` (").nth(1).unwrap();
    let came: f64 = came.split(' ').next().unwrap().parse().unwrap();
    assert!((1.5..1.8).contains(&came), "{told}");
}

#[test]
fn they_stand_above_a_crystal_on_their_facets() {
    let crystal = "[crystal]\nlattice_constant_angstrom = 3.9\ncomposition = { Pt = 1.0 }\nsurface = \"z\"\n\
                   lengths_angstrom = [100, 100]\nlayers = 3\n";
    let placement = "[placement]\nkind = \"support\"\ngap_angstrom = 4\n";
    let table = format!("count = 6\norientation = \"spin\"\n{CUBES}");
    let config = ensemble(&[&table], &format!("{crystal}{placement}")).unwrap();
    let built = build(&config);
    assert_eq!(built.layout.particles.len(), 7);
    for info in &built.layout.particles[..6] {
        let gap = info.above.unwrap();
        assert!((gap.atoms - 2.5).abs() < 1e-9, "{gap:?}");
    }
    assert!(gap(&built, 5.0) >= 2.5 - 1e-9);
    let shares = threads::run(5, |comm| structure(&config, comm).unwrap());
    let all: Vec<Atom> = shares.into_iter().flat_map(|share| share.atoms).collect();
    assert_eq!(all, built.atoms);
}

#[test]
fn what_cannot_be_reached_says_how_far_it_came() {
    let table = format!("count = 40\norientation = \"spin\"\n{CUBES}");
    let told =
        refused(&[&table], "[placement]\nkind = \"support\"\ncoverage = 0.7\ngap_angstrom = 4");
    assert!(told.starts_with("many.toml:13:1: "), "{told}");
    assert!(told.contains(" of 40 particles found room at random, which cover "), "{told}");
    assert!(told.contains("of the 70.0 % wanted") && told.contains("`kind = \"raft\"`"), "{told}");
    let table = format!("count = 10\n{CUBES}");
    let told =
        refused(&[&table], "[placement]\nkind = \"box\"\npacking_fraction = 0.9\ngap_angstrom = 4");
    assert!(
        told.contains("the particles fill ") && told.contains("where 90.0 % are wanted"),
        "{told}"
    );
    let file = std::env::temp_dir().join("sinter-too-few-positions-of-the-test.txt");
    std::fs::write(&file, "# Å\n0 0 0\n40, 0, 0\n").unwrap();
    let listed = format!("[placement]\nkind = \"file\"\nfile = {file:?}");
    assert!(refused(&[&table], &listed).contains("has 2 positions, and the input 10 particles"));
    let table = format!("count = 2\n{CUBES}");
    std::fs::write(&file, "0 0 0\n15, 0, 0\n").unwrap();
    let told = refused(&[&table], &listed);
    assert!(told.contains("the gap between particles 0 and 1 is "), "{told}");
    std::fs::write(&file, "0 0 0\n16, 0\n").unwrap();
    let told = refused(&[&table], &listed);
    assert!(
        told.contains(".txt:2:1: a position is x, y and z in Å: three numbers, not 2"),
        "{told}"
    );
    std::fs::remove_file(file).unwrap();
}

#[test]
fn numbers_that_do_not_fit_together_are_refused() {
    let cubes = |more: &str| format!("{CUBES}\n{more}");
    let support = |more: &str| format!("[placement]\nkind = \"support\"\ngap_angstrom = 4\n{more}");
    for (particles, placement, wanted) in [
        (&[cubes("count = 4")][..], support(""), "how large is the support?"),
        (
            &[cubes("count = 4")],
            support("coverage = 0.2\nlengths_angstrom = [90, 90]"),
            "leave `coverage` out",
        ),
        (&[cubes("count = 4")], support("particles = 4\ncoverage = 0.2"), "leave `particles` out"),
        (
            &[cubes("fraction = 0.5")],
            support("particles = 4\ncoverage = 0.2"),
            "the fractions add up to 0.5",
        ),
        (
            &[cubes("fraction = 0.5"), cubes("count = 2")],
            support("particles = 4\ncoverage = 0.2"),
            "give that of this one too",
        ),
        (
            &[cubes("fraction = 1")],
            support("coverage = 0.2"),
            "how many particles, or how large a support?",
        ),
        (
            &[cubes("fraction = 1")],
            "[placement]\nkind = \"raft\"\ngap_angstrom = 4".into(),
            "write `particles`",
        ),
        (&[cubes("fraction = 1")], "[placement]\ngap_angstrom = 4".into(), "1 of how many?"),
        (
            &[cubes("count = 2")],
            "[placement]\ngap_angstrom = 4\ncoverage = 0.5".into(),
            "it belongs to \"support\"",
        ),
        (
            &[cubes("count = 2")],
            "[placement]\nkind = \"rafts\"\ngap_angstrom = 4".into(),
            "did you mean \"raft\"?",
        ),
        (
            &[cubes("count = 2\natoms = 50")],
            support("coverage = 0.2"),
            "`atoms` and `sizes` exclude each other",
        ),
    ] {
        let particles: Vec<&str> = particles.iter().map(|p| &**p).collect();
        let told = refused(&particles, &placement);
        assert!(told.contains(wanted), "{wanted}: {told}");
    }
}
