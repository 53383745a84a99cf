//! Whole structures, from the text of an input.

mod ensembles;
mod files;

use super::*;
use crate::atoms::{Atoms, Species};
use crate::comm::threads;
use crate::geometry::{Vec3, add, norm, on_grid, sub};
use crate::input;
use std::collections::BTreeMap;
use std::path::Path;

/// The pair of the quickstart; `placement` and `more` are lines of their tables.
fn pair(particle: &str, placement: &str, more: &str) -> Config {
    let text = format!(
        r#"
[potential]
library = "a"
elements = ["Pt", "Fe"]
[[particle]]
count = 2
lattice_constant_angstrom = 3.88
composition = {{ Pt = 0.85, Fe = 0.15 }}
{particle}
[placement]
{placement}
{more}
[[stage]]
kind = "hold"
temperature_k = 1473
duration_ps = 1
"#
    );
    with_surfaces(input::parse(&text, Path::new("pair.toml")).unwrap())
}

/// With surface energies for Wulff shapes that have none, which a run takes from its potential.
fn with_surfaces(mut config: Config) -> Config {
    for particle in &mut config.particles {
        let energies = [("111", 1.656), ("100", 2.167), ("110", 1.979)];
        let own = || energies.map(|(family, energy)| (family.to_string(), energy)).into();
        particle.surface_energy_j_per_m2.get_or_insert_with(own);
    }
    config
}

const APART: &str = "[[stage]]\nkind = \"equilibrate\"\nparticles = \"apart\"\ntemperature_k = 1473\nduration_ps = 1";

fn build(config: &Config) -> Built {
    structure(config, &Comm::single()).unwrap()
}

fn of(built: &Built, particle: u32) -> impl Iterator<Item = Vec3> + '_ {
    built.atoms.iter().filter(move |a| a.particle == particle).map(|a| a.position)
}

fn highest(positions: impl Iterator<Item = Vec3>) -> f64 {
    positions.map(|r| r[0]).fold(f64::NEG_INFINITY, f64::max)
}

fn lowest(positions: impl Iterator<Item = Vec3>) -> f64 {
    positions.map(|r| r[0]).fold(f64::INFINITY, f64::min)
}

#[test]
fn the_gap_is_the_wanted_one_in_the_wanted_reading() {
    let planes = build(&pair("atoms = 1000", "gap_angstrom = 5.5", ""));
    let gap = lowest(of(&planes, 1)) - highest(of(&planes, 0));
    assert_eq!(gap, 5.5);
    assert_eq!(planes.layout.gaps, [Gap { planes: 5.5, atoms: 5.5 }]);

    // Adatoms stand half a lattice constant above their plane, on the grid.
    let adatoms = "atoms = 1000\nadatoms = { removed_fraction = 0.8 }";
    let planes = build(&pair(adatoms, "gap_angstrom = 5.5", ""));
    let gap = lowest(of(&planes, 1)) - highest(of(&planes, 0));
    assert_eq!(gap, 5.5 - 2.0 * on_grid(1.94));
    assert_eq!(planes.layout.gaps, [Gap { planes: 5.5, atoms: gap }]);

    let atoms = build(&pair(adatoms, "gap_angstrom = 5.5\ngap_between = \"atoms\"", ""));
    assert_eq!(lowest(of(&atoms, 1)) - highest(of(&atoms, 0)), 5.5);
    let planes = 5.5 + 2.0 * on_grid(1.94);
    assert_eq!(atoms.layout.gaps, [Gap { planes, atoms: 5.5 }]);
}

#[test]
fn ids_composition_and_adatoms_are_as_ordered() {
    let config =
        pair("atoms = 1000\nadatoms = { removed_fraction = 0.8 }", "gap_angstrom = 4.5", "");
    let built = build(&config);
    assert!(built.atoms.iter().enumerate().all(|(i, atom)| atom.id == i as u64));
    assert_eq!(built.layout.atoms, built.atoms.len() as u64);
    for (p, info) in built.layout.particles.iter().enumerate() {
        let atoms = &built.atoms[info.first as usize..(info.first + info.atoms) as usize];
        assert!(atoms.iter().all(|a| a.particle == p as u32));
        let shape = info.shape.as_ref().unwrap();
        let (body, adatoms) = atoms.split_at(shape.complete as usize);
        let iron = |atoms: &[Atom]| atoms.iter().filter(|a| a.species == 1).count() as f64;
        assert_eq!(iron(body), (0.15 * body.len() as f64).round());
        assert_eq!(iron(adatoms), (0.15 * adatoms.len() as f64).round());
        assert_eq!(info.species[1] as f64, iron(body) + iron(adatoms));
        let left = shape.monolayer - (0.8 * shape.monolayer as f64).round() as u64;
        assert_eq!((info.adatoms, adatoms.len() as u64), (left, left));
        // The adatoms lie before the facet, towards the other particle, and nowhere else.
        let facing = &info.facing[0];
        let before = |a: &Atom| facing.side * (a.position[0] - info.centre[0]);
        let plane = before(&built.atoms[facing.layer[0] as usize]);
        assert!(facing.layer.iter().all(|&id| before(&built.atoms[id as usize]) == plane));
        assert!(body.iter().all(|a| before(a) <= plane));
        assert!(adatoms.iter().all(|a| before(a) == plane + on_grid(1.94)));
    }
    let [one, other] = &built.layout.particles[..] else { panic!("two particles") };
    let alloy = |p: &ParticleInfo| -> Vec<u32> {
        built.atoms[p.first as usize..][..p.atoms as usize].iter().map(|a| a.species).collect()
    };
    assert_ne!(alloy(one), alloy(other), "each particle has its own alloy");
}

#[test]
fn a_structure_is_a_function_of_the_input_alone() {
    let config =
        pair("atoms = 600\nadatoms = { removed_fraction = 0.5 }", "gap_angstrom = 6", APART);
    let whole = build(&config);
    assert_eq!(whole, build(&config));
    assert_eq!(whole.layout, layout(&config, &Comm::single()).unwrap());
    for ranks in [2, 3, 8] {
        let shares = threads::run(ranks, |comm| structure(&config, comm).unwrap());
        assert!(shares.iter().all(|s| s.layout == whole.layout && s.cell == whole.cell));
        let sizes: Vec<usize> = shares.iter().map(|s| s.atoms.len()).collect();
        assert!(sizes.iter().max().unwrap() - sizes.iter().min().unwrap() <= 1);
        let all: Vec<Atom> = shares.into_iter().flat_map(|s| s.atoms).collect();
        assert_eq!(all, whole.atoms);
    }
    let mut other = config.clone();
    other.seed += 1;
    assert_ne!(whole.atoms, build(&other).atoms);
}

#[test]
fn twist_tilt_and_facing_turn_the_second_particle() {
    let straight = build(&pair("atoms = 600", "gap_angstrom = 8", ""));
    let turned = build(&pair("atoms = 600", "gap_angstrom = 8\ntwist_deg = 30\ntilt_deg = 10", ""));
    let same = |p: u32| of(&straight, p).eq(of(&turned, p));
    assert!(same(0) && !same(1));
    // Turned about its own centre as a rigid body: distances from there remain.
    let centre = |b: &Built| b.layout.particles[1].centre;
    for (r, s) in of(&straight, 1).zip(of(&turned, 1)) {
        let [before, after] = [norm(sub(r, centre(&straight))), norm(sub(s, centre(&turned)))];
        // Rounding to the grid moves each coordinate by up to 2⁻³⁷ Å.
        assert!((before - after).abs() < 1e-10);
    }

    let octahedral = "atoms = 600\nsurface_energy_j_per_m2 = { 111 = 1.0, 100 = 1.3 }";
    let built = build(&pair(octahedral, "gap_angstrom = 5\nfacing = [1, 1, 1]", ""));
    assert_eq!(built.layout.gaps[0].planes, 5.0);
    for info in &built.layout.particles {
        let facing = &info.facing[0];
        let facet = &info.shape.as_ref().unwrap().facets[0];
        assert_eq!((facet.indices, facet.atoms), ([1, 1, 1], facing.layer.len() as u64));
        for &id in &facing.layer {
            let x = built.atoms[id as usize].position[0];
            assert!((x * facing.side + 2.5).abs() < 1e-10, "{x}");
        }
    }
}

fn species() -> Vec<Species> {
    let pt = Species { symbol: "Pt".into(), mass: 195.08, atomic_number: 78 };
    vec![pt, Species { symbol: "Fe".into(), mass: 55.847, atomic_number: 26 }]
}

/// Positions after the particles are put together.
fn joined(config: &Config, built: &Built, ranks: usize) -> (Join, BTreeMap<u64, Vec3>) {
    let mut all = threads::run(ranks, |comm| {
        let mine: Vec<Atom> = (built.atoms.iter().copied())
            .filter(|a| (a.id * 7 % ranks as u64) as usize == comm.rank())
            .rev()
            .collect();
        let atoms = Atoms::from_list(&mine);
        join(config, &species(), &built.layout, &atoms, comm)
    });
    let join = all.pop().unwrap();
    assert!(all.iter().all(|other| *other == join));
    let moved = |a: &Atom| (a.id, add(a.position, join.shift[a.particle as usize]));
    let positions = built.atoms.iter().map(moved).collect();
    (join, positions)
}

#[test]
fn particles_apart_are_out_of_reach_and_join_at_the_wanted_gap() {
    for (between, reading) in [("planes", 0), ("atoms", 1)] {
        let config = pair(
            "atoms = 1000\nadatoms = { removed_fraction = 0.8 }",
            &format!("gap_angstrom = 4.5\ngap_between = \"{between}\""),
            APART,
        );
        let mut built = build(&config);
        assert_eq!(built.cell.periodic, [false; 3]);
        let [one, other] = [0, 1].map(|p| of(&built, p).collect::<Vec<_>>());
        let nearest = one.iter().flat_map(|&r| other.iter().map(move |&s| norm(sub(r, s))));
        assert!(nearest.fold(f64::INFINITY, f64::min) >= super::APART);

        // Drift of each particle, and an atom of the facet that has left it.
        for atom in &mut built.atoms {
            let drift = if atom.particle == 0 { [1.5, -2.0, 0.25] } else { [-3.0, 1.0, 8.5] };
            atom.position = add(atom.position, drift);
        }
        let facing = built.layout.particles[0].facing[0].clone();
        let wanderer = facing.layer[0] as usize;
        built.atoms[wanderer].position[0] += 20.0;

        let (join, positions) = joined(&config, &built, 1);
        assert_eq!((join.clone(), positions.clone()), joined(&config, &built, 3));
        let gap = join.gaps[0];
        assert_eq!([gap.planes, gap.atoms][reading], 4.5);
        let mut plane = [Vec::new(), Vec::new()];
        for (p, info) in built.layout.particles.iter().enumerate() {
            let layer = &&info.facing[0].layer;
            plane[p] = layer.iter().map(|id| positions[id][0]).collect();
            plane[p].sort_by(f64::total_cmp);
        }
        let middle = |x: &[f64]| x[x.len() / 2];
        assert_eq!(middle(&plane[1]) - middle(&plane[0]), gap.planes);

        for p in 0..2 {
            let atoms = built.atoms.iter().filter(|a| a.particle == p);
            let (mut mass, mut my, mut mz) = (0.0, 0.0, 0.0);
            for atom in atoms {
                let m = species()[atom.species as usize].mass;
                let [_, y, z] = positions[&atom.id];
                (mass, my, mz) = (mass + m, my + m * y, mz + m * z);
            }
            // Shifts are rounded to the grid; the sums here are plain.
            assert!((my / mass).abs() < 1e-9 && (mz / mass).abs() < 1e-9);
        }
    }
}

/// Particles placed one by one, in a box of 200 Å, periodic along x.
fn row(first: f64, second: f64, more: &str) -> Result<Built> {
    let particle = |x: f64| {
        format!(
            "[[particle]]\natoms = 300\nlattice_constant_angstrom = 3.88\n\
             composition = {{ Pt = 1.0 }}\ncentre_angstrom = [{x:?}, 0.0, 0.0]\n"
        )
    };
    let text = format!(
        "[potential]\nlibrary = \"a\"\nelements = [\"Pt\"]\n[box]\n\
         boundary = [\"periodic\", \"free\", \"free\"]\nlengths_angstrom = [200.0, 1.0, 1.0]\n\
         {}{}{more}[[stage]]\nkind = \"hold\"\ntemperature_k = 300\nduration_ps = 1\n",
        particle(first),
        particle(second)
    );
    let config = with_surfaces(input::parse(&text, Path::new("row.toml")).unwrap());
    structure(&config, &Comm::single())
}

#[test]
fn free_placing_wraps_into_periodic_boxes() {
    let built = row(-99.0, 0.0, "").unwrap();
    assert_eq!(built.cell.origin[0], -100.0);
    assert!(of(&built, 0).any(|r| r[0] > 80.0), "the first particle crosses the boundary");
    for atom in &built.atoms {
        let [x, y, z] = atom.position;
        assert!((-100.0..100.0).contains(&x));
        let whole = built.cell.unwrap(&[x, y, z, 0.0], &atom.image);
        let info = &built.layout.particles[atom.particle as usize];
        assert!(norm(sub(whole, info.centre)) <= info.radius + 1e-9);
    }
}

#[test]
fn particles_on_top_of_each_other_are_refused() {
    let message = |result: Result<Built>| {
        let error = result.unwrap_err();
        assert_eq!(error.exit_code(), 2);
        error.to_string()
    };
    assert_eq!(
        message(row(0.0, 16.5, "")),
        "row.toml:16:1: particles 0 and 1 overlap: two of their atoms are 0.98 Å apart, where neighbours \
         in the crystal are 2.74 Å apart; move their `centre_angstrom` apart"
    );
    // Across the periodic boundary.
    assert!(message(row(-91.75, 91.75, "")).contains("particles 0 and 1 overlap"));
    let close = pair("atoms = 1000", "gap_angstrom = 1.25", "");
    assert_eq!(
        message(structure(&close, &Comm::single())),
        "pair.toml:11:1: particles 0 and 1 overlap: two of their atoms are 1.25 Å apart, where neighbours \
         in the crystal are 2.74 Å apart; make `gap_angstrom` larger"
    );
}
