//! Order of short range: whom the neighbours of atoms in fcc surroundings are.
//!
//! J. M. Cowley, Phys. Rev. 77 (1950) 669. Of the neighbours of atoms in fcc
//! surroundings let n_ab be those of species b about atoms of species a, half of them and half of
//! n_ba, n_a the sum over b, and n that of all. The first shell ends half-way to the second, this one
//! half-way to the third or at the cutoff of the potential. Then
//!   α_ab = 1 − n_ab n / (n_a n_b)
//! is 0 for a random alloy, negative where unlike atoms stand beside each other; in L1_2 and L1_0 at
//! their compositions −1/3 and 1. Nothing of the lattice needs to be known.

use super::pairs_of_species;

/// First and second neighbours of fcc.
pub const SHELLS: usize = 2;

/// Neighbours of atoms in fcc surroundings by both species, in either shell.
#[derive(Debug, Clone)]
pub struct Shells {
    species: usize,
    /// By shell, species of the atom, species of the neighbour.
    pub counts: Vec<i64>,
}

impl Shells {
    pub fn new(species: usize) -> Shells {
        Shells { species, counts: vec![0; SHELLS * species * species] }
    }

    /// `kinds`: of the atom and of its neighbour.
    pub fn add(&mut self, shell: usize, [a, b]: [usize; 2]) {
        self.counts[(shell * self.species + a) * self.species + b] += 1;
    }

    pub fn merge(&mut self, other: &Shells) {
        self.counts.iter_mut().zip(&other.counts).for_each(|(a, b)| *a += b);
    }

    /// α of each shell and pair of unlike species.
    pub fn warren_cowley(&self) -> impl Iterator<Item = f64> + '_ {
        let kinds = self.species;
        self.counts.chunks_exact(kinds * kinds).flat_map(move |n| {
            let both = move |a: usize, b: usize| 0.5 * (n[a * kinds + b] + n[b * kinds + a]) as f64;
            let of = move |a: usize| (0..kinds).map(|b| both(a, b)).sum::<f64>();
            let all = (0..kinds).map(of).sum::<f64>();
            let unlike = pairs_of_species(kinds).filter(|(a, b)| a != b);
            unlike.map(move |(a, b)| 1.0 - both(a, b) * all / (of(a) * of(b)))
        })
    }
}
