//! What records are must not be told from the forces.

use super::*;
use crate::neighbour::{Kept, MINE, Neighbours};
use crate::sweep::RingBuffer;
use std::array::from_fn;

/// Two species whose densities and energies have nothing in common.
fn functional(many_atoms: usize) -> Functional {
    let functions = functions(Embedding::Roots(vec![1.0, 1.5]));
    let functional = Functional::new(functions, InstructionSet::choose().unwrap()).unwrap();
    Functional { many_atoms, ..functional }
}

fn functions(embedding: Embedding) -> Functions {
    const CUTOFF: f64 = 4.0;
    let curve = |scale: f64| {
        let value = move |r: f64| {
            let x = (CUTOFF - r).max(0.0);
            [scale * x * x * x, -3.0 * scale * x * x]
        };
        Curve::of(401, 0.01, value)
    };
    let species = |symbol: &str| term::species(symbol, &[]);
    Functions {
        species: vec![species("Cu"), species("Ag")],
        cutoff: CUTOFF,
        cutoffs: None,
        spacing: 0.01,
        curves: [0.02, 0.03, 0.004, 0.005, 0.007].map(curve).to_vec(),
        density: [0, 1, 0, 1].map(Some).to_vec(),
        energy: [2, 3, 3, 4].map(Some).to_vec(),
        embedding,
    }
}

/// Of 216 atoms in a rattled cube; all entries are in the lists, so many cutoffs away as may be.
fn forces(functional: &Functional) -> Vec<FixedForce> {
    const SIDE: usize = 6;
    const ATOMS: usize = SIDE * SIDE * SIDE;
    let rattled = |n: usize, d: usize| {
        let site = [n % SIDE, n / SIDE % SIDE, n / SIDE / SIDE][d];
        2.2 * site as f64 + 0.5 * ((n * 3 + d) as f64 * 0.754_877).fract()
    };
    let position: Vec<[f64; 4]> =
        (0..ATOMS).map(|n| from_fn(|d| if d < 3 { rattled(n, d) } else { 0.0 })).collect();
    let species: Vec<u8> = (0..ATOMS).map(|n| (n % 3 == 0) as u8).collect();
    let id: Vec<u64> = (0..ATOMS as u64).collect();
    let list = |i: u32| (i + 1..ATOMS as u32).map(|j| j | MINE).collect();
    let lists: Vec<Vec<u32>> = (0..ATOMS as u32).map(list).collect();
    let neighbours = Neighbours::new(Kept::All, &lists);
    let env = Environment {
        owned: ATOMS,
        position: &position,
        species: &species,
        id: &id,
        neighbours: &neighbours,
        quantum: Quantum::STANDARD,
    };
    let (mut wide, mut records) = (Vec::new(), Records::default());
    let (mut words, mut force) = (vec![0; ATOMS], vec![[0; 4]; ATOMS]);
    functional.prepare(env, 0..ATOMS, &mut wide);
    let tile = Tile { atoms: 0..ATOMS, ..Tile::default() };
    // A second time with the same records.
    for _ in 0..2 {
        words.fill(0);
        force.fill([0; 4]);
        let sums = Sums::new(&mut words, 1, RingBuffer::default());
        // SAFETY: the list names these atoms, and this is the only thread.
        unsafe { functional.densities(env, &wide, &tile, &mut records, &sums) }.unwrap();
        functional.embed(env, 0..ATOMS, &mut words, &mut force).unwrap();
        let adjoints = Sums::new(&mut words, 1, RingBuffer::default());
        let all = Shared::new(&mut force);
        // SAFETY: as above.
        unsafe { functional.forces(env, &wide, &tile, &mut records, &adjoints, &all) }.unwrap();
    }
    force
}

#[test]
fn compact_records_give_the_same_forces() {
    let expected = forces(&functional(usize::MAX));
    assert!(expected.iter().all(|force| force[3] != 0) && expected[0] != expected[100]);
    for set in InstructionSet::ALL.into_iter().filter(|set| set.is_available()) {
        for many_atoms in [0, usize::MAX] {
            let mut functional = functional(many_atoms);
            functional.set_instruction_set(set);
            let found = forces(&functional);
            assert!(found == expected, "{}, compact from {many_atoms} atoms on", set.name());
        }
    }
}

/// As the file of Sturgeon and Laird (2000) for Al does, up to 0.5 Å.
#[test]
fn densities_are_as_fine_where_a_file_begins_with_huge_numbers() {
    let roots: Vec<f64> = (0..201).map(|n| -(0.1 * n as f64).sqrt()).collect();
    let curves = vec![Some(Curve::through(roots)); 2];
    let functional = |filled: usize| {
        let splines = Splines::new(0.1, 201, &curves);
        let mut functions = functions(Embedding::Splines(splines));
        for curve in &mut functions.curves[..2] {
            let mut values = curve.values.clone();
            values[..filled].fill(1e12);
            *curve = Curve::through(values);
        }
        Functional::new(functions, InstructionSet::choose().unwrap()).unwrap()
    };
    let (sound, filled) = (functional(0), functional(71));
    assert_eq!((sound.closest, filled.closest), (0.5, 0.74));
    assert!(filled.density_quantum.per_unit() >= sound.density_quantum.per_unit());
    let (expected, found) = (forces(&sound), forces(&filled));
    let apart =
        |one: &FixedForce, other: &FixedForce| (0..4).map(|d| one[d].abs_diff(other[d])).max();
    let most = expected.iter().zip(&found).filter_map(|(one, other)| apart(one, other)).max();
    // In quanta of 2⁻⁴⁰ eV and eV/Å: 10⁻⁹ of them. It was 10⁻³.
    assert!(most < Some(1 << 10), "{most:?}");
}
