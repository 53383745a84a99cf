//! Stress of necks, with each frame that has stresses of atoms.
//!
//! Single atoms shake, so the stress of a neck is the mean tensor σ of its atoms, those that
//! `/sinter/pairs` counts as `neck_atoms` (`neck` has the definition): its pressure −tr σ/3, and after von
//! Mises √(3/2 s:s), s being σ without its trace. Sums are of integers.

use super::neck::Neck;
use super::pairs::{Ends, Pairs, necks};
use super::strangers::Strangers;
use super::{Column, Scene, Values};
use crate::fixed::ExactSum;

/// Of one pair: the sum over the neck atoms, components as `force::COMPONENTS` has them, and how many.
#[derive(Debug, Clone, Copy, Default)]
struct Sum {
    stress: [ExactSum; 6],
    atoms: i64,
}

impl Sum {
    fn join(&mut self, other: &Sum) {
        self.stress.iter_mut().zip(other.stress).for_each(|(sum, more)| *sum = *sum + more);
        self.atoms += other.atoms;
    }

    /// Pressure and von Mises's stress of the mean.
    fn invariants(&self) -> [f64; 2] {
        let [xx, yy, zz, xy, xz, yz] = self.stress.map(|sum| sum.value() / self.atoms as f64);
        let pressure = -(xx + yy + zz) / 3.0;
        let along = [xx, yy, zz].map(|x| x + pressure);
        let square = |all: [f64; 3]| all.map(|x| x * x).iter().sum::<f64>();
        [pressure, (1.5 * (square(along) + 2.0 * square([xy, xz, yz]))).sqrt()]
    }
}

/// Columns beside those of boundaries; `stress`: of the owned atoms, GPa. Collective.
pub fn columns(scene: &Scene, pairs: &Pairs, stress: &[[f64; 6]]) -> [Column; 2] {
    let (list, lines, sections) = pairs.sections(scene);
    let necks = necks(scene, &Strangers::find(scene), &list, (&lines, &sections));

    let add = |sums: &mut Vec<Sum>, i: usize, (k, end): (usize, usize), position| {
        if sections[k].is_some_and(|section| section.holds(lines[k].axial(end, position))) {
            sums[k].stress.iter_mut().zip(stress[i]).for_each(|(sum, x)| sum.add(x));
            sums[k].atoms += 1;
        }
    };
    let join = |sums: &mut Vec<Sum>, more: Vec<Sum>| {
        sums.iter_mut().zip(&more).for_each(|(sum, more)| sum.join(more));
    };
    let sums = Ends::find(scene, &list).gather(|| vec![Sum::default(); list.len()], add, join);
    let words = |sum: &Sum| sum.stress.map(|part| part.0).into_iter().chain([sum.atoms as i128]);
    let mut words: Vec<i128> = sums.iter().flat_map(words).collect();
    let comm = scene.snapshot.system.comm;
    comm.sum_i128(&mut words);
    // Without a distance of neighbours there are none of atoms.
    let is_known = comm.all(stress.iter().flatten().all(|x| x.is_finite()));
    let of = |(neck, words): (&Neck, &[i128])| {
        let stress = std::array::from_fn(|k| ExactSum(words[k]));
        let sum = Sum { stress, atoms: words[6] as i64 };
        let stands = is_known && neck.is_closed() && sum.atoms > 0;
        if stands { sum.invariants() } else { [f64::NAN; 2] }
    };
    let found: Vec<[f64; 2]> = necks.iter().zip(words.chunks_exact(7)).map(of).collect();
    let column = |name, definition, k: usize| Column {
        name,
        unit: "GPa",
        definition,
        shape: vec![list.len()],
        values: Values::Real(found.iter().map(|invariants| invariants[k]).collect()),
    };
    [
        column(
            "neck_pressure",
            "pressure of the mean stress of the neck atoms (as /sinter/pairs counts them); none (NaN) \
             where the gap is open",
            0,
        ),
        column("neck_von_mises", "von Mises's stress of the same mean", 1),
    ]
}
