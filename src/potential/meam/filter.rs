//! The filter before the screening: which pairs and triples are worth exact arithmetic.
//!
//! With t = r_ik·r_ij / r_ij² the place of k's foot on the axis, the ellipse of C is
//!
//! r_ik² = r_ij² t [C (1 - t) + t],   0 < t < 1,
//!
//! smaller for smaller C. Inside that of Cmax k screens in part, inside that of Cmin
//! wholly. Both are tested for sixteen k at once in single precision, with a margin
//! greater than its rounding.
//!
//! Positions come as integers, some 5e-7 Å apart, modulo 2³²: their differences are exact
//! however far the atoms are from the origin, and a row of sixteen bytes has room for
//! the species.

use super::parameters::{Parameters, Screen};
use super::records::Records;
use super::table::CLOSEST;
use super::{Meam, Members};
use crate::error::{Error, Result};
use crate::neighbour::MINE;
use crate::potential::Environment;
use crate::potential::lanes::{COARSE_WIDTH as WIDTH, Coarse, sixteen, sixteen_mut};
use crate::potential::shared::ensure;
use rayon::prelude::*;
use std::ops::Range;

/// Å⁻¹: the units of coarse positions. Differences up to 8 Å are exact in an f32.
const PER_ANGSTROM: f64 = (1 << 21) as f64;

/// More than the relative rounding errors of squared distances in single precision.
const MARGIN: f32 = 1e-4;

/// Farther than any atom, squared: fills up vectors of neighbours.
const FAR: f32 = 1e30;

/// So many atoms ahead the list is fetched: a processor that sees that memory is read in order
/// foresees no farther than the end of a page, which is 22 atoms.
const AHEAD: usize = 32;

/// Position and species of an atom.
pub type CoarseAtom = [i32; 4];

/// Atoms as phase 1 sees them.
#[derive(Clone, Copy)]
pub struct View<'a> {
    pub meam: &'a Meam,
    pub env: Environment<'a>,
    pub coarse: &'a [CoarseAtom],
}

/// Writes the coarse form of these atoms. Those of species that are no `members` are not of this
/// potential: they stand half a period away, out of reach of all others.
pub fn coarsen(
    env: Environment,
    members: &Members,
    atoms: Range<usize>,
    coarse: &mut Vec<CoarseAtom>,
) {
    /// 1.5 × 2⁵²: adding it leaves the nearest integer in the low bits of the mantissa.
    const MAGIC: f64 = 6_755_399_441_055_744.0;
    let missing = env.position.len().saturating_sub(coarse.len());
    coarse.reserve_exact(missing);
    coarse.resize(coarse.len() + missing, Default::default());
    coarse[atoms.clone()]
        .par_iter_mut()
        .zip(&env.position[atoms.clone()])
        .zip(&env.species[atoms])
        .with_min_len(4096)
        .for_each(|((coarse, &[x, y, z, _]), &species)| {
            let [x, y, z] = [x, y, z].map(|x| (x * PER_ANGSTROM + MAGIC).to_bits() as i32);
            *coarse = match members.own(species) {
                Some(own) => [x, y, z, own as i32],
                None => [x ^ i32::MIN, y, z, 0],
            };
        });
}

/// The bounds of C in single precision.
#[derive(Debug)]
pub struct Bounds {
    /// By ordered pair of species.
    kinds: Vec<Kind>,
    species: usize,
    /// In coarse units: what is farther is left out, what is nearer is a pair.
    reach_square: f32,
    cutoff_square: f32,
    closest_square: f32,
}

/// The ellipses of a pair of species.
#[derive(Debug, Clone)]
#[repr(align(64))]
struct Kind {
    /// Cmin and Cmax by third species; from the ninth species on several share a place,
    /// and the widest bounds of these stand there.
    minimum: [f32; WIDTH],
    maximum: [f32; WIDTH],
    /// How far the largest reaches from either end, squared, in units of r_ij².
    reach: f32,
    /// What is more than the rounding errors of the comparisons, in units of r_ij⁴.
    margin: f32,
}

impl Kind {
    fn new(thirds: &[Screen], ellipse: f64) -> Kind {
        let bounds = |n: usize| thirds.iter().skip(n % 8).step_by(8);
        let largest = thirds.iter().map(|s| s.maximum).fold(1.0, f64::max);
        Kind {
            minimum: std::array::from_fn(|n| {
                bounds(n).map(|s| s.minimum as f32).fold(f32::MAX, f32::min)
            }),
            maximum: std::array::from_fn(|n| {
                bounds(n).map(|s| s.maximum as f32).fold(0.0, f32::max)
            }),
            reach: ellipse as f32 * (1.0 + MARGIN),
            margin: (ellipse * largest) as f32 * MARGIN,
        }
    }
}

impl Bounds {
    /// `ellipse` by pair of species: the farthest that an ellipse of Cmax reaches from
    /// either end, squared, in units of r_ij².
    pub fn new(parameters: &Parameters, ellipse: &[f64]) -> Bounds {
        let species = parameters.elements.len();
        let thirds = parameters.screens.chunks(species);
        let largest = ellipse.iter().copied().fold(1.0, f64::max);
        let square = |r: f64| (r * r * PER_ANGSTROM * PER_ANGSTROM) as f32;
        let cutoff_square = square(parameters.cutoff) * (1.0 + MARGIN);
        Bounds {
            kinds: thirds.zip(ellipse).map(|(thirds, &e)| Kind::new(thirds, e)).collect(),
            species,
            reach_square: cutoff_square * largest as f32,
            cutoff_square,
            closest_square: square(CLOSEST),
        }
    }
}

/// Workspace for the atoms of a block.
#[derive(Debug, Default)]
pub struct Filter {
    centres: Vec<Centre>,
    /// Entries of the list that are within reach, by centre.
    entries: Vec<u32>,
    sixteens: Vec<Sixteen>,
    /// Both ends of one species, and of two.
    alike: Candidates,
    unlike: Candidates,
    /// By pair of the block where its triples begin, and where the last one's end.
    pub first_triple: Vec<u32>,
}

/// An atom of the block, and which sixteens are its neighbours.
#[derive(Debug, Clone, Copy)]
struct Centre {
    atom: u32,
    species: u32,
    first: u32,
    end: u32,
}

/// Up to sixteen neighbours of an atom in the order of the list: relative to that atom,
/// in coarse units.
#[derive(Debug, Clone, Copy, Default)]
#[repr(C, align(64))]
struct Sixteen {
    x: [f32; WIDTH],
    y: [f32; WIDTH],
    z: [f32; WIDTH],
    species: [u32; WIDTH],
    index: [u32; WIDTH],
    /// With room for sixteen times `FAR` behind the last neighbour.
    square: [f32; 2 * WIDTH],
}

/// Pairs within the cutoff that this rank computes: slot of j, and which centre i is.
#[derive(Debug, Default)]
struct Candidates {
    count: usize,
    slot: Vec<u32>,
    centre: Vec<u32>,
}

impl Filter {
    /// Appends the pairs of a block of atoms that no k screens wholly, those of equal
    /// species first, and the k that screen them in part.
    #[inline(always)]
    pub fn find<C: Coarse>(
        &mut self,
        view: View,
        atoms: Range<usize>,
        records: &mut Records,
    ) -> Result<()> {
        if let Some(i) = self.collect::<C>(view, atoms) {
            return Err(closest_neighbour(view.meam, view.env, i));
        }
        let tests = self.choose::<C>(view);
        let Filter { sixteens, centres, alike, unlike, first_triple, .. } = self;
        let block = [records.pairs.len, records.triples.len];
        records.reserve_pairs(alike.count + unlike.count);
        records.reserve_triples(tests);
        ensure(first_triple, alike.count + unlike.count + 1);
        let mut output = Output { records, first_triple, block };
        let bounds = &view.meam.bounds;
        test::<C>(bounds, sixteens, centres, alike, &mut output);
        let all_alike = output.records.pairs.len;
        test::<C>(bounds, sixteens, centres, unlike, &mut output);
        first_triple[records.pairs.len - block[0]] = (records.triples.len - block[1]) as u32;
        records.end_block(all_alike);
        Ok(())
    }

    /// Collects the entries within reach of each atom, in as many sixteens as they need.
    /// Gives an atom to which another is too close.
    #[inline(always)]
    fn collect<C: Coarse>(
        &mut self,
        View { meam, env, coarse }: View,
        atoms: Range<usize>,
    ) -> Option<usize> {
        let lists = env.neighbours;
        let room = lists.most_of(atoms.clone()) + (atoms.len() + 1) * WIDTH;
        ensure(&mut self.entries, room);
        self.centres.clear();
        let entries = &mut self.entries[..];
        let reach = C::splat(meam.bounds.reach_square);
        let closest = C::splat(meam.bounds.closest_square);
        let mut count = 0;
        for i in atoms {
            lists.of((i + AHEAD).min(env.owned - 1)).fetch::<C>();
            let centre = coarse[i];
            let mut too_close = 0;
            let first = count;
            // Around an atom of a foreign species there is nothing to see.
            let foreign = meam.members.own(env.species[i]).is_none();
            let list = lists.of(i).beginning(if foreign { 0 } else { usize::MAX });
            for at in (0..list.len()).step_by(WIDTH) {
                let lanes = list.sixteen::<C>(at, i as u32);
                let mut index = lanes;
                for entry in &mut index {
                    *entry &= !MINE;
                }
                // SAFETY: the list names atoms of this rank, of which all have a coarse form.
                let ([x, y, z], _) = unsafe { C::differences(coarse, &index, centre) };
                let square = z.mul_add(z, y.mul_add(y, x * x));
                let valid = u32::MAX >> (32 - WIDTH.min(list.len() - at));
                let kept = square.at_most(reach) & valid;
                too_close |= square.at_most(closest) & valid;
                C::compress_index(&lanes, kept, sixteen_mut(entries, count));
                count += kept.count_ones() as usize;
            }
            if too_close != 0 {
                return Some(i);
            }
            // Whatever fills up the last sixteen must name an atom.
            *sixteen_mut(entries, count) = [i as u32; WIDTH];
            self.centres.push(Centre {
                atom: i as u32,
                species: centre[3] as u32,
                first: first as u32,
                end: count as u32,
            });
            count = count.next_multiple_of(WIDTH);
        }
        None
    }

    /// Writes the sixteens, and makes candidates of those neighbours that are within the
    /// cutoff and marked as computed from this end. Gives how many triples there may be.
    #[inline(always)]
    fn choose<C: Coarse>(&mut self, View { meam, coarse, .. }: View) -> usize {
        let Filter { entries, sixteens, centres, alike, unlike, .. } = self;
        ensure(sixteens, entries.len() / WIDTH);
        for candidates in [&mut *alike, &mut *unlike] {
            candidates.count = 0;
            ensure(&mut candidates.slot, entries.len() + WIDTH);
            ensure(&mut candidates.centre, entries.len() + WIDTH);
        }
        let cutoff = C::splat(meam.bounds.cutoff_square);
        let mut tests = WIDTH;
        for (number, centre) in centres.iter_mut().enumerate() {
            let before = alike.count + unlike.count;
            let (first, end) = (centre.first as usize, centre.end as usize);
            let from = coarse[centre.atom as usize];
            for at in (first..end).step_by(WIDTH) {
                let (lanes, to) = (sixteen(entries, at), &mut sixteens[at / WIDTH]);
                for (index, entry) in to.index.iter_mut().zip(lanes) {
                    *index = entry & !MINE;
                }
                // SAFETY: entries of the list, and the centre itself.
                let ([x, y, z], species) = unsafe { C::differences(coarse, &to.index, from) };
                let square = z.mul_add(z, y.mul_add(y, x * x));
                to.species = species;
                x.store(&mut to.x);
                y.store(&mut to.y);
                z.store(&mut to.z);
                square.store(sixteen_mut(&mut to.square, 0));
                *sixteen_mut(&mut to.square, WIDTH.min(end - at)) = [FAR; WIDTH];
                let chosen = square.at_most(cutoff) & C::high_bits(lanes);
                let equal = C::equal(&species, centre.species);
                alike.push::<C>(at, chosen & equal, number as u32);
                unlike.push::<C>(at, chosen & !equal, number as u32);
            }
            (centre.first, centre.end) = ((first / WIDTH) as u32, end.div_ceil(WIDTH) as u32);
            tests += (alike.count + unlike.count - before) * (end - first).next_multiple_of(WIDTH);
        }
        tests
    }
}

/// A pair, from i to j, and its ellipses.
struct Axis<'a, C> {
    /// r_ij²
    a: C,
    d: [C; 3],
    margin: [C; 2],
    kind: &'a Kind,
}

impl<'a, C: Coarse> Axis<'a, C> {
    #[inline(always)]
    fn new(kind: &'a Kind, home: &Sixteen, lane: usize) -> Axis<'a, C> {
        let square = home.square[lane];
        let margin = kind.margin * (square * square);
        Axis {
            a: C::splat(square),
            d: [C::splat(home.x[lane]), C::splat(home.y[lane]), C::splat(home.z[lane])],
            margin: [C::splat(margin), C::splat(-margin)],
            kind,
        }
    }

    /// Which k lie inside the ellipse of Cmax, and which inside that of Cmin.
    #[inline(always)]
    fn test(&self, k: &Sixteen) -> [u32; 2] {
        // r_ik·r_ij = t r_ij², and both sides of the inequality times r_ij². For j itself
        // e is a to the last bit, being computed as a was, and t (1 - t) exactly zero.
        let e = C::load(&k.x) * self.d[0];
        let e = C::load(&k.y).mul_add(self.d[1], e);
        let e = C::load(&k.z).mul_add(self.d[2], e);
        let left = self.a * C::load(sixteen(&k.square, 0));
        let slope = e * (self.a - e);
        let largest = C::lookup(&self.kind.maximum, &k.species);
        let smallest = C::lookup(&self.kind.minimum, &k.species);
        let largest = largest.mul_add(slope, e.mul_add(e, self.margin[0]));
        let smallest = smallest.mul_add(slope, e.mul_add(e, self.margin[1]));
        let inside = left.at_most(largest) & C::splat(0.0).below(slope);
        [inside, inside & left.at_most(smallest)]
    }
}

/// Where the pairs and triples of a block go.
struct Output<'a> {
    records: &'a mut Records,
    first_triple: &'a mut [u32],
    /// First pair and triple of the block.
    block: [usize; 2],
}

/// Tests candidates and appends what passes. No branch asks whether a k passes or
/// screens wholly: that cannot be predicted, and a wrong guess costs more than a test.
#[inline(always)]
fn test<C: Coarse>(
    bounds: &Bounds,
    sixteens: &[Sixteen],
    centres: &[Centre],
    candidates: &Candidates,
    output: &mut Output,
) {
    let [block_pair, block_triple] = output.block;
    let (pairs, triples) = (&mut output.records.pairs, &mut output.records.triples);
    // Slices of one length, so that one comparison checks all.
    let room = triples.k.len();
    let (third, pair_of) = (&mut triples.k[..room], &mut triples.pair[..room]);
    let room = pairs.len + candidates.count;
    let (pair_i, pair_j) = (&mut pairs.i[..room], &mut pairs.j[..room]);
    let (pair_species, first_triple) =
        (&mut pairs.species[..room], &mut output.first_triple[..room - block_pair]);
    let (mut pair, mut triple) = (pairs.len, triples.len);

    let slots = &candidates.slot[..candidates.count];
    for (&slot, &centre) in slots.iter().zip(&candidates.centre) {
        let Centre { atom, species: own, first, end } = centres[centre as usize];
        let (home, lane) = (&sixteens[slot as usize / WIDTH], slot as usize % WIDTH);
        let kind = own as usize * bounds.species + home.species[lane] as usize;
        let kind = &bounds.kinds[kind];
        let axis = Axis::<C>::new(kind, home, lane);
        let mut last = triple;
        macro_rules! keep {
            ($k:expr) => {{
                let [inside, wholly] = axis.test($k);
                C::compress_index(&$k.index, inside, sixteen_mut(third, last));
                *sixteen_mut(pair_of, last) = [(pair - block_pair) as u32; WIDTH];
                last += inside.count_ones() as usize;
                wholly
            }};
        }
        let (nearest, others) = sixteens[first as usize..end as usize].split_at(1);
        let mut wholly = keep!(&nearest[0]);
        // Beyond the first sixteen only a long axis reaches, and that of a pair which is
        // not yet dropped: seldom, and a branch on the latter alone could not be foreseen.
        for other in others {
            let alive = ((wholly == 0) as u32).wrapping_neg();
            let reach = f32::from_bits((kind.reach * home.square[lane]).to_bits() & alive);
            if C::load(sixteen(&other.square, 0)).at_most(C::splat(reach)) != 0 {
                wholly |= keep!(other);
            }
        }
        pair_i[pair] = atom;
        pair_j[pair] = home.index[lane];
        pair_species[pair] = own << 16 | home.species[lane];
        first_triple[pair - block_pair] = (triple - block_triple) as u32;
        let survives = wholly == 0;
        pair += survives as usize;
        triple = if survives { last } else { triple };
    }
    (pairs.len, triples.len) = (pair, triple);
}

impl Candidates {
    /// Adds the chosen of sixteen slots.
    #[inline(always)]
    fn push<C: Coarse>(&mut self, at: usize, chosen: u32, centre: u32) {
        let mut slots = [0; WIDTH];
        for (n, slot) in slots.iter_mut().enumerate() {
            *slot = (at + n) as u32;
        }
        C::compress_index(&slots, chosen, sixteen_mut(&mut self.slot, self.count));
        *sixteen_mut(&mut self.centre, self.count) = [centre; WIDTH];
        self.count += chosen.count_ones() as usize;
    }
}

#[cold]
fn closest_neighbour(meam: &Meam, env: Environment, i: usize) -> Error {
    let is_member = |&j: &usize| meam.members.own(env.species[j]).is_some();
    let others = env.neighbours.of(i).atoms().filter(is_member);
    let (r, j) = env.nearest(i, others).expect("one that is too close");
    let message = format!(
        "it is {r:.3e} Å from atom {}: closer than {CLOSEST} Å the potential is not defined",
        env.id[j]
    );
    Error::OutOfBounds { atom: env.id[i], message }
}
