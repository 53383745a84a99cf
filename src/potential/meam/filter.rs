//! The filter before the screening: which pairs and triples are worth exact arithmetic.
//!
//! With t = r_ik·r_ij / r_ij² the place of k's foot on the axis, the ellipse of C is
//!
//! r_ik² = r_ij² t [C (1 - t) + t],   0 < t < 1,
//!
//! smaller for smaller C. Inside that of Cmax k screens in part, inside that of Cmin
//! wholly. Both are tested for sixteen k at once in single precision, with a margin
//! greater than its rounding and, as what is found serves while atoms fly on (`kept`), than what their ways
//! can do to the comparison (`drift`).
//!
//! Positions come as integers, some 5e-7 Å apart, modulo 2³²: their differences are exact
//! however far the atoms are from the origin, and a row of sixteen bytes has room for
//! the species and for how far the atom may be from its place.

use super::drift::{Drift, NEAREST};
use super::parameters::{Parameters, Screen};
use super::records::{Pairs, Selection, Thirds};
use super::table::CLOSEST;
use super::{Meam, Members};
use crate::error::{Error, Result};
use crate::neighbour::MINE;
use crate::potential::Environment;
use crate::potential::lanes::{COARSE_WIDTH as WIDTH, Coarse, sixteen, sixteen_mut};
use crate::potential::shared::ensure;
use std::ops::Range;

/// Å⁻¹: the units of coarse positions. Differences up to 8 Å are exact in an f32.
pub const PER_ANGSTROM: f64 = (1 << 21) as f64;

/// More than the relative rounding errors of squared distances in single precision.
const MARGIN: f32 = 1e-4;

/// Farther than any atom, squared: fills up vectors of neighbours.
const FAR: f32 = 1e30;

/// So many atoms ahead the list is fetched: a processor that sees that memory is read in order
/// foresees no farther than the end of a page, which is 22 atoms.
const AHEAD: usize = 32;

/// Position of an atom, and in one word its species and how far from there it may be: a multiple of
/// 256 coarse units.
pub type CoarseAtom = [i32; 4];

/// The bits of that word that tell the species.
pub const SPECIES: u32 = 0xff;

/// Atoms as phase 1 sees them.
#[derive(Clone, Copy)]
pub struct View<'a> {
    pub meam: &'a Meam,
    pub env: Environment<'a>,
    /// Where the atoms are, about.
    pub coarse: &'a [CoarseAtom],
    /// How far from there one of them may be at most, coarse units.
    pub most: i32,
}

/// The coarse form of an atom that is where it seems to be. Those of species that are no `members`
/// are not of this potential: they stand half a period away, out of reach of all others.
#[inline(always)]
pub fn coarse_atom(members: &Members, position: &[f64; 4], species: u8) -> CoarseAtom {
    let [x, y, z] = coarse_position(position);
    match members.own(species) {
        Some(own) => [x, y, z, own as i32],
        None => [x ^ i32::MIN, y, z, 0],
    }
}

/// A position in coarse units, modulo 2³².
#[inline(always)]
pub fn coarse_position(position: &[f64; 4]) -> [i32; 3] {
    /// 1.5 × 2⁵²: adding it leaves the nearest integer in the low bits of the mantissa.
    const MAGIC: f64 = 6_755_399_441_055_744.0;
    let mut coarse = [0; 3];
    for c in 0..3 {
        coarse[c] = (position[c] * PER_ANGSTROM + MAGIC).to_bits() as i32;
    }
    coarse
}

/// The bounds of C in single precision.
#[derive(Debug)]
pub struct Bounds {
    /// By ordered pair of species.
    kinds: Vec<Kind>,
    species: usize,
    /// By first species of a pair.
    margins: Vec<Margins>,
    /// Coarse units: third atoms are no farther than this, pairs than that.
    reach: f32,
    cutoff: f32,
    /// r as a line in r², that is nowhere below: √a <= (a/s + s)/2, the tangent at s.
    tangent: [f32; 2],
}

/// What follows from how far atoms may be from where they seem to be.
#[derive(Clone, Copy)]
struct Blur {
    /// The farthest, coarse units.
    most: f32,
    /// Squared: what is nearer may not be for long.
    closest: f32,
    /// Squared: of pairs that are nearer nothing is foreseen.
    nearest: f32,
}

impl Blur {
    fn of(most: i32) -> Blur {
        let square = |r: f64| (r * r) as f32;
        let most = most as f64;
        Blur {
            most: most as f32,
            closest: square(CLOSEST * PER_ANGSTROM + 2.0 * most) * (1.0 + MARGIN),
            nearest: square(NEAREST * most),
        }
    }
}

/// The ellipses of a pair of species.
#[derive(Debug, Clone)]
#[repr(align(64))]
struct Kind {
    /// Cmin and Cmax by third species; from the ninth species on several share a place,
    /// and the widest bounds of these stand there.
    minimum: [f32; WIDTH],
    maximum: [f32; WIDTH],
}

impl Kind {
    fn new(thirds: &[Screen]) -> Kind {
        let bounds = |n: usize| thirds.iter().skip(n % 8).step_by(8);
        Kind {
            minimum: std::array::from_fn(|n| {
                bounds(n).map(|s| s.minimum as f32).fold(f32::MAX, f32::min)
            }),
            maximum: std::array::from_fn(|n| {
                bounds(n).map(|s| s.maximum as f32).fold(0.0, f32::max)
            }),
        }
    }
}

/// What is the same for all third atoms of a pair, by its second species, those of several that
/// share a place being the widest.
#[derive(Debug, Clone)]
#[repr(align(64))]
struct Margins {
    /// How far the largest ellipse reaches from either end, in units of r_ij.
    reach: [f32; WIDTH],
    /// What is more than the rounding errors of the comparisons, in units of r_ij⁴.
    rounding: [f32; WIDTH],
    /// What displacements do to the comparisons: K and B (`drift`).
    drift: [[f32; WIDTH]; 2],
}

impl Margins {
    /// Of pairs of a species, whose screens come by second and third species.
    fn new(thirds: &[&[Screen]], ellipse: &[f64]) -> Margins {
        let widest = |value: &dyn Fn(usize) -> f64| {
            std::array::from_fn(|n| {
                (n % 8..thirds.len()).step_by(8).map(value).fold(0.0, f64::max) as f32
            })
        };
        let largest = |n: usize| thirds[n].iter().map(|s| s.maximum).fold(1.0, f64::max);
        let drifts =
            thirds.iter().map(|s| Drift::of(s.iter().flat_map(|s| [s.minimum, s.maximum])));
        let drifts: Vec<Drift> = drifts.collect();
        Margins {
            reach: widest(&|n| ellipse[n].sqrt() * (1.0 + MARGIN as f64)),
            rounding: widest(&|n| ellipse[n] * largest(n) * MARGIN as f64),
            drift: [widest(&|n| drifts[n].first), widest(&|n| drifts[n].second)],
        }
    }
}

impl Bounds {
    /// `ellipse` by pair of species: the farthest that an ellipse of Cmax reaches from
    /// either end, squared, in units of r_ij².
    pub fn new(parameters: &Parameters, ellipse: &[f64]) -> Bounds {
        /// Of the cutoff: where most pairs are.
        const TANGENT: f32 = 0.7;
        let species = parameters.elements.len();
        let thirds = parameters.screens.chunks(species);
        let largest = ellipse.iter().copied().fold(1.0, f64::max);
        let thirds: Vec<&[Screen]> = thirds.collect();
        let firsts = thirds.chunks(species).zip(ellipse.chunks(species));
        let cutoff = (parameters.cutoff * PER_ANGSTROM) as f32;
        let middle = TANGENT * cutoff;
        Bounds {
            kinds: thirds.iter().map(|thirds| Kind::new(thirds)).collect(),
            species,
            margins: firsts.map(|(thirds, ellipse)| Margins::new(thirds, ellipse)).collect(),
            reach: cutoff * largest.sqrt() as f32 * (1.0 + MARGIN),
            cutoff: cutoff * (1.0 + MARGIN),
            tangent: [0.5 / middle, 0.5 * middle],
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
    /// What is found of the block: few of all that are tested.
    thirds: Thirds,
}

/// An atom of the block, and which sixteens are its neighbours.
#[derive(Debug, Clone, Copy)]
struct Centre {
    atom: u32,
    species: u32,
    /// How far from its place it may be, coarse units.
    blur: f32,
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
    /// How far from their places they may be.
    blur: [f32; WIDTH],
    index: [u32; WIDTH],
    /// For the pair with each of them: what roundings can do to a comparison; how far its ends
    /// may be from their places, together; a K r and a B; and how far its largest ellipse
    /// reaches from either end, squared.
    rounding: [f32; WIDTH],
    both: [f32; WIDTH],
    drift: [[f32; WIDTH]; 2],
    reach: [f32; WIDTH],
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
    /// species first, and the k that may screen them in part. False where atoms are so near each
    /// other that they may soon be too close.
    #[inline(always)]
    pub fn find<C: Coarse>(
        &mut self,
        view: View,
        atoms: Range<usize>,
        found: &mut Selection,
    ) -> Result<bool> {
        let bounds = &view.meam.bounds;
        let blur = Blur::of(view.most);
        let all_apart = self.collect::<C>(view, blur, atoms)?;
        let tests = self.choose::<C>(view, blur);
        let Filter { sixteens, centres, alike, unlike, thirds, .. } = self;
        found.reserve_pairs(alike.count + unlike.count);
        thirds.clear_for(tests);
        let mut output = Output { first_pair: found.pairs.len, pairs: &mut found.pairs, thirds };
        test::<C>(bounds, (sixteens, centres), alike, &mut output);
        let all_alike = output.pairs.len;
        test::<C>(bounds, (sixteens, centres), unlike, &mut output);
        found.end_block(all_alike, thirds);
        Ok(all_apart)
    }

    /// Collects the entries within reach of each atom, in as many sixteens as they need.
    /// False where one may soon be too close to another.
    #[inline(always)]
    fn collect<C: Coarse>(&mut self, view: View, blur: Blur, atoms: Range<usize>) -> Result<bool> {
        let View { meam, env, coarse, .. } = view;
        let lists = env.neighbours;
        let room = lists.most_of(atoms.clone()) + (atoms.len() + 1) * WIDTH;
        ensure(&mut self.entries, room);
        self.centres.clear();
        let entries = &mut self.entries[..];
        let closest = C::splat(blur.closest);
        let (mut count, mut all_apart) = (0, true);
        for i in atoms {
            lists.of((i + AHEAD).min(env.owned - 1)).fetch::<C>();
            let centre = coarse[i];
            let own_blur = blur_of(centre[3]);
            let reach = meam.bounds.reach + own_blur + blur.most;
            let reach = C::splat(reach * reach);
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
                check_closest(view, i)?;
                all_apart = false;
            }
            // Whatever fills up the last sixteen must name an atom.
            *sixteen_mut(entries, count) = [i as u32; WIDTH];
            self.centres.push(Centre {
                atom: i as u32,
                species: centre[3] as u32 & SPECIES,
                blur: own_blur,
                first: first as u32,
                end: count as u32,
            });
            count = count.next_multiple_of(WIDTH);
        }
        Ok(all_apart)
    }

    /// Writes the sixteens, and makes candidates of those neighbours that are within the
    /// cutoff and marked as computed from this end. Gives how many triples there may be.
    #[inline(always)]
    fn choose<C: Coarse>(&mut self, View { meam, coarse, .. }: View, blur: Blur) -> usize {
        let bounds = &meam.bounds;
        let [steepness, height] = bounds.tangent.map(C::splat);
        let (most, nearest) = (C::splat(blur.most), C::splat(blur.nearest));
        let Filter { entries, sixteens, centres, alike, unlike, .. } = self;
        ensure(sixteens, entries.len() / WIDTH);
        for candidates in [&mut *alike, &mut *unlike] {
            candidates.count = 0;
            ensure(&mut candidates.slot, entries.len() + WIDTH);
            ensure(&mut candidates.centre, entries.len() + WIDTH);
        }
        let mut tests = WIDTH;
        for (number, centre) in centres.iter_mut().enumerate() {
            let before = alike.count + unlike.count;
            let (first, end) = (centre.first as usize, centre.end as usize);
            let from = coarse[centre.atom as usize];
            let cutoff = C::splat(bounds.cutoff + centre.blur);
            let margins = &bounds.margins[centre.species as usize];
            let own_blur = C::splat(centre.blur);
            for at in (first..end).step_by(WIDTH) {
                let (lanes, to) = (sixteen(entries, at), &mut sixteens[at / WIDTH]);
                for (index, entry) in to.index.iter_mut().zip(lanes) {
                    *index = entry & !MINE;
                }
                // SAFETY: entries of the list, and the centre itself.
                let ([x, y, z], words) = unsafe { C::differences(coarse, &to.index, from) };
                let square = z.mul_add(z, y.mul_add(y, x * x));
                for (lane, word) in words.into_iter().enumerate() {
                    to.species[lane] = word & SPECIES;
                    to.blur[lane] = blur_of(word as i32);
                }
                x.store(&mut to.x);
                y.store(&mut to.y);
                z.store(&mut to.z);
                square.store(sixteen_mut(&mut to.square, 0));
                *sixteen_mut(&mut to.square, WIDTH.min(end - at)) = [FAR; WIDTH];
                let other_blur = C::load(&to.blur);
                let both = own_blur + other_blur;
                let length = square.mul_add(steepness, height);
                let [first, second] = margins.drift.each_ref();
                (square * C::lookup(first, &to.species) * length).store(&mut to.drift[0]);
                (square * C::lookup(second, &to.species)).store(&mut to.drift[1]);
                let rounding = C::lookup(&margins.rounding, &to.species);
                (rounding * (square * square)).store(&mut to.rounding);
                both.store(&mut to.both);
                let reach =
                    C::lookup(&margins.reach, &to.species) * (length + both) + (both + most);
                (reach * reach).store(&mut to.reach);
                let near = square.below(nearest) & u32::MAX >> (32 - WIDTH.min(end - at));
                if near != 0 {
                    to.foresee_nothing(near);
                }
                let cutoff = cutoff + other_blur;
                let chosen = square.at_most(cutoff * cutoff) & C::high_bits(lanes);
                let equal = C::equal(&to.species, centre.species);
                alike.push::<C>(at, chosen & equal, number as u32);
                unlike.push::<C>(at, chosen & !equal, number as u32);
            }
            (centre.first, centre.end) = ((first / WIDTH) as u32, end.div_ceil(WIDTH) as u32);
            tests += (alike.count + unlike.count - before) * (end - first).next_multiple_of(WIDTH);
        }
        tests
    }
}

/// How far an atom may be from its place, by its word.
#[inline(always)]
pub fn blur_of(word: i32) -> f32 {
    (word & !(SPECIES as i32)) as f32
}

impl Sixteen {
    /// Of pairs with these, which are nearer than displacements are foreseen for: all
    /// may be inside their ellipses, and nothing stays so.
    #[cold]
    fn foresee_nothing(&mut self, near: u32) {
        /// Greater than all that is compared, but for `FAR`.
        const ANYTHING: f32 = 1e36;
        for (n, rounding) in self.rounding.iter_mut().enumerate() {
            if near >> n & 1 == 1 {
                *rounding = ANYTHING;
            }
        }
    }
}

/// A pair, from i to j, and its ellipses.
struct Axis<'a, C> {
    /// r_ij²
    a: C,
    d: [C; 3],
    rounding: C,
    both: C,
    drift: [C; 2],
    kind: &'a Kind,
}

impl<'a, C: Coarse> Axis<'a, C> {
    #[inline(always)]
    fn new(kind: &'a Kind, home: &Sixteen, lane: usize) -> Self {
        Axis {
            a: C::splat(home.square[lane]),
            d: [C::splat(home.x[lane]), C::splat(home.y[lane]), C::splat(home.z[lane])],
            rounding: C::splat(home.rounding[lane]),
            both: C::splat(home.both[lane]),
            drift: [C::splat(home.drift[0][lane]), C::splat(home.drift[1][lane])],
            kind,
        }
    }

    /// Which k may come to lie inside the ellipse of Cmax, j itself among them, and which stay
    /// inside that of Cmin.
    #[inline(always)]
    fn test(&self, k: &Sixteen) -> [u32; 2] {
        // r_ik·r_ij = t r_ij², and both sides of the inequality times r_ij².
        let e = C::load(&k.x) * self.d[0];
        let e = C::load(&k.y).mul_add(self.d[1], e);
        let e = C::load(&k.z).mul_add(self.d[2], e);
        let left = self.a * C::load(sixteen(&k.square, 0));
        let slope = e * (self.a - e);
        let ways = C::load(&k.blur) + self.both;
        let drift = ways.mul_add(self.drift[1], self.drift[0]);
        let margin = drift.mul_add(ways, self.rounding);
        let largest = C::lookup(&self.kind.maximum, &k.species);
        let smallest = C::lookup(&self.kind.minimum, &k.species);
        let square = e * e;
        let largest = largest.mul_add(slope, square + margin);
        // What is inside by more than the margin lies between i and j, as left is never below e².
        let smallest = smallest.mul_add(slope, square - margin);
        [left.at_most(largest), left.at_most(smallest)]
    }
}

/// Where the pairs and thirds of a block go.
struct Output<'a> {
    pairs: &'a mut Pairs,
    first_pair: usize,
    thirds: &'a mut Thirds,
}

/// Tests candidates and appends what passes. No branch asks whether a k passes or
/// screens wholly: that cannot be predicted, and a wrong guess costs more than a test.
#[inline(always)]
fn test<C: Coarse>(
    bounds: &Bounds,
    (sixteens, centres): (&[Sixteen], &[Centre]),
    candidates: &Candidates,
    output: &mut Output,
) {
    let Output { pairs, first_pair: block_pair, thirds } = output;
    // Slices of one length, so that one comparison checks all.
    let room = thirds.k.len();
    let (third, pair_of) = (&mut thirds.k[..room], &mut thirds.pair[..room]);
    let room = pairs.len + candidates.count;
    let (pair_i, pair_j) = (&mut pairs.i[..room], &mut pairs.j[..room]);
    let (pair_species, first_third) = (&mut pairs.species[..room], &mut pairs.first_third[..room]);
    let (mut pair, mut end) = (pairs.len, thirds.len);

    let slots = &candidates.slot[..candidates.count];
    for (&slot, &centre) in slots.iter().zip(&candidates.centre) {
        let Centre { atom, species: own, first, end: behind, .. } = centres[centre as usize];
        let (home, lane) = (&sixteens[slot as usize / WIDTH], slot as usize % WIDTH);
        let kind = own as usize * bounds.species + home.species[lane] as usize;
        let kind = &bounds.kinds[kind];
        let axis = Axis::<C>::new(kind, home, lane);
        let mut last = end;
        macro_rules! keep {
            ($n:expr, $k:expr) => {{
                let [inside, wholly] = axis.test($k);
                let own = ((slot / WIDTH as u32 == $n) as u32) << lane;
                let inside = inside & !own;
                C::compress_index(&$k.index, inside, sixteen_mut(third, last));
                *sixteen_mut(pair_of, last) = [(pair - *block_pair) as u32; WIDTH];
                last += inside.count_ones() as usize;
                wholly
            }};
        }
        let (nearest, others) = sixteens[first as usize..behind as usize].split_at(1);
        let mut wholly = keep!(first, &nearest[0]);
        // Beyond the first sixteen only a long axis reaches, and that of a pair which is
        // not yet dropped: seldom, and a branch on the latter alone could not be foreseen.
        for (n, other) in (first + 1..).zip(others) {
            let alive = ((wholly == 0) as u32).wrapping_neg();
            let reach = f32::from_bits(home.reach[lane].to_bits() & alive);
            if C::load(sixteen(&other.square, 0)).at_most(C::splat(reach)) != 0 {
                wholly |= keep!(n, other);
            }
        }
        pair_i[pair] = atom;
        pair_j[pair] = home.index[lane];
        pair_species[pair] = own << 16 | home.species[lane];
        first_third[pair] = end as u32;
        let survives = wholly == 0;
        pair += survives as usize;
        end = if survives { last } else { end };
    }
    (pairs.len, thirds.len) = (pair, end);
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

/// Fails if another atom is closer to this one than any may be.
#[cold]
fn check_closest(View { meam, env, .. }: View, i: usize) -> Result<()> {
    let is_member = |&j: &usize| meam.members.own(env.species[j]).is_some();
    let others = env.neighbours.of(i).atoms().filter(is_member);
    match env.nearest(i, others) {
        Some((r, j)) if r <= CLOSEST => {
            let message = format!(
                "it is {r:.3e} Å from atom {}: closer than {CLOSEST} Å the potential is not defined",
                env.id[j]
            );
            Err(Error::OutOfBounds { atom: env.id[i], message })
        }
        _ => Ok(()),
    }
}
