//! What phase 1 leaves for phase 3: surviving pairs and the third atoms that screen
//! them in part, as flat arrays that are read eight at a time.
//!
//! Invariant: behind the last record of every array stand eight more that name existing
//! atoms, so the last vector is computed as any other; its results are left out.

use crate::potential::lanes::WIDTH;
use crate::potential::shared::Through;

#[derive(Debug, Default)]
pub struct Records {
    pub pairs: Pairs,
    pub triples: Triples,
    pub blocks: Vec<Block>,
    /// How many blocks the tile has.
    all_blocks: usize,
}

/// Where the records of a block of atoms end.
#[derive(Debug, Clone, Copy, Default)]
pub struct Block {
    /// Pairs of atoms of one species, which stand first.
    pub alike: usize,
    pub pairs: usize,
    pub triples: usize,
}

/// Pairs that this rank computes.
#[derive(Debug, Default)]
pub struct Pairs {
    pub len: usize,
    pub i: Vec<u32>,
    pub j: Vec<u32>,
    /// Species of i in the upper half, of j in the lower.
    pub species: Vec<u32>,
    /// S
    pub screening: Vec<f64>,
    /// dS/d(r_ij²) at fixed distances to third atoms, Å⁻².
    pub slope: Vec<f64>,
}

/// Third atoms k of pairs.
#[derive(Debug, Default)]
pub struct Triples {
    pub len: usize,
    /// The pair, counted from the first of its block.
    pub pair: Vec<u32>,
    pub k: Vec<u32>,
    /// d ln S/d(r_ik²) and d ln S/d(r_jk²), Å⁻²
    pub slope_i: Vec<f64>,
    pub slope_j: Vec<f64>,
}

/// Of an atom of a hot metal (benches/README.md).
const PAIRS_OF_ATOM: f64 = 5.8;
const TRIPLES_OF_ATOM: f64 = 8.1;

impl Records {
    /// Bytes of each atom of a tile, about.
    pub fn bytes_of_atom() -> f64 {
        let [word, number] = [size_of::<f64>(), size_of::<u32>()].map(|size| size as f64);
        PAIRS_OF_ATOM * (3.0 * number + 2.0 * word) + TRIPLES_OF_ATOM * (2.0 * number + 2.0 * word)
    }

    /// For a tile of so many blocks, none of which is known yet.
    pub fn begin(&mut self, blocks: usize) {
        self.pairs.len = 0;
        self.triples.len = 0;
        self.blocks.clear();
        self.all_blocks = blocks;
    }

    /// When the first `len` of something are of the blocks that are known.
    fn through(&self, len: usize) -> Through {
        Through { len, done: self.blocks.len(), all: self.all_blocks }
    }

    /// Room for `more` pairs of the next block, and eight.
    #[inline(always)]
    pub fn reserve_pairs(&mut self, more: usize) {
        let through = self.through(self.pairs.len);
        let Pairs { i, j, species, screening, slope, .. } = &mut self.pairs;
        for values in [i, j, species] {
            through.ensure(values, more + WIDTH);
        }
        for values in [screening, slope] {
            through.ensure(values, more + WIDTH);
        }
    }

    /// Room for `more` triples of the next block, and eight; not yet for their slopes, as most of
    /// what is tested is none.
    #[inline(always)]
    pub fn reserve_triples(&mut self, more: usize) {
        let through = self.through(self.triples.len);
        let Triples { pair, k, .. } = &mut self.triples;
        for values in [pair, k] {
            through.ensure(values, more + WIDTH);
        }
    }

    /// All pairs and triples of a block are known: makes what stands behind them valid.
    pub fn end_block(&mut self, alike: usize) {
        let (pairs, triples) = (&mut self.pairs, &mut self.triples);
        let (i, j, species) = match pairs.len {
            0 => (0, 0, 0),
            n => (pairs.i[n - 1], pairs.j[n - 1], pairs.species[n - 1]),
        };
        let behind = pairs.len..pairs.len + WIDTH;
        pairs.i[behind.clone()].fill(i);
        pairs.j[behind.clone()].fill(j);
        pairs.species[behind].fill(species);
        let behind = triples.len..triples.len + WIDTH;
        triples.pair[behind.clone()].fill(0);
        triples.k[behind].fill(j);
        self.blocks.push(Block { alike, pairs: pairs.len, triples: triples.len });
        let through = self.through(self.triples.len);
        let Triples { slope_i, slope_j, .. } = &mut self.triples;
        for values in [slope_i, slope_j] {
            through.ensure(values, WIDTH);
        }
    }
}
