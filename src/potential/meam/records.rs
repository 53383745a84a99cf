//! What phase 1 leaves for phase 3: pairs and the third atoms that screen them in part, as flat
//! arrays that are read eight at a time.
//!
//! - [`Selection`]: which pairs may survive the screening, and which third atoms may screen them: the
//!   filter's work, which serves for as long as no atom has come far (`kept`);
//! - [`Records`]: that, and what the screening makes of it at the positions of one evaluation.
//!
//! Invariant: behind the last record of every array stand eight more that name existing
//! atoms, so the last vector is computed as any other; its results are left out.

use crate::potential::lanes::WIDTH;
use crate::potential::shared::{Through, ensure};

/// Pairs and triples that may count. Those that do not have a screening of exactly 0, or a factor of
/// exactly 1.
#[derive(Debug, Default)]
pub struct Selection {
    /// Of the state of the atoms for which this was found (`Prepared::version`); 0: of none.
    pub version: u64,
    pub pairs: Pairs,
    pub thirds: Thirds,
    pub blocks: Vec<Block>,
    /// How many blocks the tile has.
    all_blocks: usize,
    /// Atoms of the greatest tile for which it has had room.
    pub room: usize,
}

/// Where what was found for a block of atoms ends.
#[derive(Debug, Clone, Copy, Default)]
pub struct Block {
    /// Pairs of atoms of one species, which stand first.
    pub alike: usize,
    pub pairs: usize,
    pub thirds: usize,
}

/// Pairs that this rank computes.
#[derive(Debug, Default)]
pub struct Pairs {
    pub len: usize,
    pub i: Vec<u32>,
    pub j: Vec<u32>,
    /// Species of i in the upper half, of j in the lower.
    pub species: Vec<u32>,
    /// Its first third, counted from that of its block.
    pub first_third: Vec<u32>,
}

/// Third atoms k of pairs.
#[derive(Debug, Default)]
pub struct Thirds {
    pub len: usize,
    /// The pair, counted from the first of its block.
    pub pair: Vec<u32>,
    pub k: Vec<u32>,
}

#[derive(Debug, Default)]
pub struct Records {
    pub found: Selection,
    /// S, by pair.
    pub screening: Vec<f64>,
    /// dS/d(r_ij²) at fixed distances to third atoms, Å⁻², by pair.
    pub slope: Vec<f64>,
    pub triples: Triples,
    /// Where the triples of each block end.
    pub triple_ends: Vec<usize>,
}

/// Third atoms that screen their pair in part.
#[derive(Debug, Default)]
pub struct Triples {
    pub thirds: Thirds,
    /// d ln S/d(r_ik²) and d ln S/d(r_jk²), Å⁻²
    pub slope_i: Vec<f64>,
    pub slope_j: Vec<f64>,
}

/// Of an atom of a hot metal (benches/README.md): what is found, and what of it is screened in part. Third
/// atoms are most when a crystal begins to move, whose nearest neighbours stand just outside of the
/// ellipses of all pairs; later they are some 11.
const PAIRS_OF_ATOM: f64 = 6.1;
const THIRDS_OF_ATOM: f64 = 28.0;
const TRIPLES_OF_ATOM: f64 = 8.1;
const WORD: f64 = size_of::<f64>() as f64;
const NUMBER: f64 = size_of::<u32>() as f64;

impl Selection {
    /// Bytes of each atom of a tile, about.
    pub fn bytes_of_atom() -> f64 {
        PAIRS_OF_ATOM * 4.0 * NUMBER + THIRDS_OF_ATOM * 2.0 * NUMBER
    }

    /// For a tile of so many atoms in so many blocks, none of which is known yet.
    pub fn begin(&mut self, atoms: usize, blocks: usize) {
        self.room = self.room.max(atoms);
        self.version = 0;
        self.pairs.len = 0;
        self.thirds.len = 0;
        self.blocks.clear();
        self.all_blocks = blocks;
    }

    /// All blocks are known: gives back room that is far more than they took, as there are many tiles
    /// whose finds are kept, and they began with others.
    pub fn fit(&mut self) {
        let Pairs { len, i, j, species, first_third } = &mut self.pairs;
        [i, j, species, first_third].into_iter().for_each(|values| fit(values, *len));
        let Thirds { len, pair, k } = &mut self.thirds;
        [pair, k].into_iter().for_each(|values| fit(values, *len));
    }

    /// When the first `len` of something are of the blocks that are known.
    fn through(&self, len: usize) -> Through {
        Through { len, done: self.blocks.len(), all: self.all_blocks }
    }

    /// Where a block that is known begins: all ends of the one before it.
    #[inline(always)]
    pub fn beginning(&self, block: usize) -> Block {
        block.checked_sub(1).map_or(Block::default(), |before| self.blocks[before])
    }

    /// Room for so many pairs more of the next block, and eight.
    #[inline(always)]
    pub fn reserve_pairs(&mut self, more: usize) {
        let through = self.through(self.pairs.len);
        let Pairs { i, j, species, first_third, .. } = &mut self.pairs;
        for values in [i, j, species, first_third] {
            through.ensure(values, more + WIDTH);
        }
    }

    /// All pairs of a block are known, and these are their thirds: makes what stands behind them
    /// valid.
    pub fn end_block(&mut self, alike: usize, more: &Thirds) {
        let through = self.through(self.thirds.len);
        let (pairs, thirds) = (&mut self.pairs, &mut self.thirds);
        for (values, more) in
            [(&mut thirds.pair, &more.pair[..more.len]), (&mut thirds.k, &more.k[..more.len])]
        {
            through.ensure(values, more.len() + WIDTH);
            values[thirds.len..thirds.len + more.len()].copy_from_slice(more);
        }
        thirds.len += more.len;
        let (i, j, species) = match pairs.len {
            0 => (0, 0, 0),
            n => (pairs.i[n - 1], pairs.j[n - 1], pairs.species[n - 1]),
        };
        let behind = pairs.len..pairs.len + WIDTH;
        pairs.i[behind.clone()].fill(i);
        pairs.j[behind.clone()].fill(j);
        pairs.species[behind.clone()].fill(species);
        pairs.first_third[behind].fill(0);
        thirds.end(j);
        self.blocks.push(Block { alike, pairs: pairs.len, thirds: thirds.len });
    }
}

/// Leaves room for no more than a quarter above `len`, and a vector.
fn fit(values: &mut Vec<u32>, len: usize) {
    if values.len() > len + len / 4 + WIDTH {
        values.truncate(len + WIDTH);
        values.shrink_to_fit();
    }
}

impl Thirds {
    /// None, with room for so many.
    pub fn clear_for(&mut self, more: usize) {
        self.len = 0;
        ensure(&mut self.pair, more + WIDTH);
        ensure(&mut self.k, more + WIDTH);
    }

    /// Makes what stands behind them valid, by an atom that exists.
    pub fn end(&mut self, atom: u32) {
        let behind = self.len..self.len + WIDTH;
        self.pair[behind.clone()].fill(0);
        self.k[behind].fill(atom);
    }
}

impl Records {
    /// The same of what is not `Selection`.
    pub fn bytes_of_atom() -> f64 {
        PAIRS_OF_ATOM * 2.0 * WORD + TRIPLES_OF_ATOM * (2.0 * NUMBER + 2.0 * WORD)
    }

    /// Nothing is known yet of the screening.
    pub fn begin(&mut self) {
        self.triples.thirds.len = 0;
        self.triple_ends.clear();
    }

    /// Room for what the screening makes of a block, whose pairs and thirds end there.
    #[inline(always)]
    pub fn reserve(&mut self, pairs_end: usize, thirds: usize) {
        let (done, all) = (self.triple_ends.len(), self.found.all_blocks);
        let Records { screening, slope, triples, .. } = self;
        for values in [screening, slope] {
            Through { len: pairs_end, done: done + 1, all }.ensure(values, WIDTH);
        }
        let len = triples.thirds.len;
        let through = Through { len, done, all };
        let Triples { thirds: Thirds { pair, k, .. }, slope_i, slope_j } = triples;
        for values in [pair, k] {
            through.ensure(values, thirds + WIDTH);
        }
        for values in [slope_i, slope_j] {
            through.ensure(values, thirds + WIDTH);
        }
    }
}
