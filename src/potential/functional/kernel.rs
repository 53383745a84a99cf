//! Phases 1 and 3: sums over pairs, eight neighbours of an atom at a time.
//!
//! dE/dr of a pair = F'_i ρ'_ij + F'_j ρ'_ji + φ', where ρ_ij is what j gives at i. The
//! products are plain and their sum is of two, so that it has the same bits whichever way
//! round the atoms are given; atoms of one species share ρ', and their F' are added first.
//!
//! Half pairs: what an atom gets from its own pairs is added up in a vector and written once;
//! its neighbours get theirs one by one. Each force is rounded once to quanta, and its exact
//! negative goes to the other atom.

// Lanes are counted, over several arrays at once.
#![allow(clippy::needless_range_loop)]

use super::{CurveTables, Functional};
use crate::atoms::FixedForce;
use crate::error::{Error, Result};
use crate::neighbour::MINE;
use crate::potential::ahead::Ahead;
use crate::potential::lanes::{Coarse, Lanes, WIDTH, eight, eight_mut};
use crate::potential::shared::{Through, add, bounded, ensure};
use crate::potential::{Environment, Shared, Sums};
use crate::sweep::Tile;
use std::ops::Range;

/// What phase 1 leaves for phase 3, with room to find it in.
#[derive(Debug, Default)]
pub struct Records {
    /// The neighbours within the cutoff of each atom of the tile, one after another; `len` of
    /// them, and eight more atoms behind the last.
    near: Vec<u32>,
    len: usize,
    /// Where those of each atom end.
    ends: Vec<u32>,
    /// Whether that is of the block at hand alone, and phase 3 finds it again by `kept`.
    compact: bool,
    /// Which entries of the lists are within the cutoff: a bit for each entry that is looked at, a byte
    /// for eight of an atom and for what is left of them; and how many bytes there are.
    kept: Vec<u8>,
    bytes: usize,
    /// While a thread is at the tile, its own.
    pub(super) work: Workspace,
}

/// The pairs of the atoms at hand, in the order of the records. A root, a quotient and an
/// entry of a table take long, and are on their way for several vectors at once only where
/// little stands between them: so each is found for all of these pairs before the next is.
#[derive(Debug, Default)]
pub struct Workspace {
    /// Å²
    square: Vec<f64>,
    /// To the neighbour, Å.
    line: [Vec<f64>; 3],
    /// 1/r
    inverse: Vec<f64>,
    /// Where distances lie in the tables: the interval, and how far in it.
    interval: Vec<u32>,
    t: Vec<f64>,
}

/// So many atoms ahead the list is fetched: a processor that sees that memory is read in order
/// foresees no farther than the end of a page.
const AHEAD: usize = 32;

/// So many atoms of a rank are many: where there are ghosts, tiles that see them all wait for phase 3
/// together, and neighbours by their indices take as much memory as the lists. By bits they
/// take a sixteenth, and a tenth of phase 3.
pub const MANY_ATOMS: usize = 1 << 20;

/// Atoms whose pairs are worked on at a time: what is known of these stays in the first level
/// of the cache.
const BLOCK: usize = 8;

/// A tile, and all that phases see of it. Who has one may write to the sums and forces of its atoms
/// and of their neighbours: that is what `new` asks for.
#[derive(Clone, Copy)]
pub struct View<'a> {
    functional: &'a Functional,
    env: Environment<'a>,
    species: &'a [u32],
    tile: &'a Tile,
}

impl<'a> View<'a> {
    /// `species` of each atom; empty where there is only one.
    ///
    /// # Safety
    /// As for `Potential::densities` and `forces`, of the sums, adjoints and forces that a phase is
    /// given with this: the list of `env` names atoms that have positions (and species, below the
    /// number of those of the functional), sums, adjoints and forces, and meanwhile nobody else
    /// touches what is of the atoms of this tile or of any that their lists name.
    pub unsafe fn new(
        functional: &'a Functional,
        env: Environment<'a>,
        species: &'a [u32],
        tile: &'a Tile,
    ) -> View<'a> {
        View { functional, env, species, tile }
    }
}

/// Where distances lie in the tables.
struct Place<'a, L> {
    interval: &'a [u32; WIDTH],
    /// Of the interval's length.
    t: L,
}

/// Eight neighbours of an atom.
struct Kinds {
    /// Where the tables of ρ at the atom, of ρ at the neighbour, and of φ begin.
    here: [u32; WIDTH],
    there: [u32; WIDTH],
    energy: [u32; WIDTH],
}

impl Functional {
    /// Finds the place of distances within the cutoff.
    #[inline(always)]
    fn find_place<L: Lanes>(&self, r: L, interval: &mut [u32; WIDTH], t: &mut [f64; WIDTH]) {
        let x = r * L::splat(self.per_angstrom);
        *interval = x.truncate();
        let mut left = [0.0; WIDTH];
        for lane in 0..WIDTH {
            left[lane] = interval[lane] as i32 as f64;
        }
        (x - L::load(&left)).store(t);
    }

    /// # Safety
    /// `species` is of atoms, and of species of this functional.
    #[inline(always)]
    unsafe fn kinds<L: Lanes>(&self, own: usize, species: &[u32], near: &[u32; WIDTH]) -> Kinds {
        // SAFETY: the caller's promise.
        let other = unsafe { L::gather_index(species, near) };
        if let Some(starts) = &self.starts_of_few {
            let [here, there, energy] = &starts[own];
            return Kinds {
                here: L::lookup_index(here, &other),
                there: L::lookup_index(there, &other),
                energy: L::lookup_index(energy, &other),
            };
        }
        let n = self.species.len();
        let (mut here, mut there, mut energy) = ([0; WIDTH], [0; WIDTH], [0; WIDTH]);
        for lane in 0..WIDTH {
            let other = other[lane] as usize;
            here[lane] = self.densities.start[own * n + other];
            there[lane] = self.densities.start[other * n + own];
            energy[lane] = self.energies.start[own * n + other];
        }
        Kinds { here, there, energy }
    }

    /// ρ of these tables.
    ///
    /// # Safety
    /// The place lies within the tables that begin at `start`.
    #[inline(always)]
    unsafe fn density<L: Lanes, const ONE: bool>(
        &self,
        start: &[u32; WIDTH],
        place: &Place<L>,
    ) -> L {
        let rows = self.densities.rows();
        let index = self.densities.index::<L, ONE>(start, place);
        // SAFETY: the caller's promise.
        let [a, b, c, d] = unsafe { L::gather_rows(rows, &index) };
        let t = place.t;
        t.mul_add(t.mul_add(t.mul_add(d, c), b), a)
    }

    /// dρ/dr in units of the grid's spacing.
    ///
    /// # Safety
    /// As for `density`.
    #[inline(always)]
    unsafe fn density_slope<L: Lanes, const ONE: bool>(
        &self,
        start: &[u32; WIDTH],
        place: &Place<L>,
    ) -> L {
        let rows = self.densities.rows();
        let index = self.densities.index::<L, ONE>(start, place);
        // SAFETY: the caller's promise.
        let [_, b, c, d] = unsafe { L::gather_rows(rows, &index) };
        slope(place.t, [b, c, d])
    }

    /// r φ, and its derivative in units of the grid's spacing.
    ///
    /// # Safety
    /// As for `density`.
    #[inline(always)]
    unsafe fn energy<L: Lanes, const ONE: bool>(
        &self,
        start: &[u32; WIDTH],
        place: &Place<L>,
    ) -> [L; 2] {
        let rows = self.energies.rows();
        let index = self.energies.index::<L, ONE>(start, place);
        // SAFETY: the caller's promise.
        let [a, b, c, d] = unsafe { L::gather_rows(rows, &index) };
        let t = place.t;
        [t.mul_add(t.mul_add(t.mul_add(d, c), b), a), slope(t, [b, c, d])]
    }
}

#[inline(always)]
fn slope<L: Lanes>(t: L, [b, c, d]: [L; 3]) -> L {
    t.mul_add(t.mul_add(L::splat(3.0) * d, c + c), b)
}

impl CurveTables {
    /// Where the intervals of tables that begin at `start` are.
    #[inline(always)]
    fn index<L, const ONE: bool>(&self, start: &[u32; WIDTH], place: &Place<L>) -> [u32; WIDTH] {
        let mut index = *place.interval;
        if !ONE {
            for lane in 0..WIDTH {
                index[lane] = index[lane] * self.count + start[lane];
            }
        }
        index
    }
}

/// Where an atom is, in all lanes.
#[inline(always)]
fn centre<L: Lanes>(env: Environment, i: usize) -> [L; 3] {
    // Not by `map`, which is not inlined into functions for an instruction set.
    let [x, y, z, _] = env.position[i];
    [L::splat(x), L::splat(y), L::splat(z)]
}

/// `x` in the first `count` lanes, zero in the others.
#[inline(always)]
fn first<L: Lanes>(count: usize, x: L) -> L {
    if count >= WIDTH {
        return x;
    }
    let lanes = L::load(&[0.0, 1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0]);
    L::select(lanes.below(L::splat(count as f64)), x, L::splat(0.0))
}

impl Workspace {
    /// Room for what phase 3 finds of so many pairs, and eight more.
    fn ensure(&mut self, pairs: usize) {
        let Workspace { line, inverse, interval, t, .. } = self;
        for values in line {
            ensure(values, pairs + WIDTH);
        }
        ensure(inverse, pairs + WIDTH);
        ensure(t, pairs + WIDTH);
        ensure(interval, pairs + WIDTH);
    }
}

/// The atoms of entries.
#[inline(always)]
fn named(mut entries: [u32; WIDTH]) -> [u32; WIDTH] {
    for entry in &mut entries {
        *entry &= !MINE;
    }
    entries
}

#[inline(always)]
fn fetch_list<L: Lanes>(env: Environment, i: usize) {
    env.neighbours.within_range(i.min(env.owned - 1)).fetch::<L::Coarse>();
}

impl Records {
    fn clear(&mut self) {
        self.len = 0;
        self.ends.clear();
    }

    /// Appends the neighbours of atom i again, of which the bytes from `at` on tell; gives where
    /// those of the next atom are.
    #[inline(always)]
    fn recall<L: Lanes>(&mut self, env: Environment, i: usize, at: usize) -> usize {
        let list = env.neighbours.within_range(i);
        ensure(&mut self.near, self.len + list.len() + 2 * WIDTH);
        fetch_list::<L>(env, i + AHEAD);
        let Records { near, kept, .. } = self;
        let near = &mut near[self.len..];
        let end = at + list.len().div_ceil(WIDTH);
        let mut count = 0;
        for (from, &kept) in (0..list.len()).step_by(WIDTH).zip(&kept[at..end]) {
            let index = named(list.eight::<L>(from, i as u32));
            L::compress_index(&index, kept as u32, eight_mut(near, count));
            count += kept.count_ones() as usize;
        }
        *eight_mut(near, count) = [i as u32; WIDTH];
        self.len += count;
        self.ends.push(self.len as u32);
        end
    }

    /// Appends the neighbours of atom i within its cutoffs that this rank computes, nearest
    /// first, and their squared distances; the block's pairs begin with the record `base`.
    #[inline(always)]
    fn collect<L: Lanes>(&mut self, view: View, i: usize, base: usize) -> Result<()> {
        let View { functional, env, species, tile } = view;
        let list = env.neighbours.within_range(i);
        let start = self.len;
        let through = |len| Through { len, done: i - tile.atoms.start, all: tile.atoms.len() };
        let more = list.len() + 2 * WIDTH;
        match self.compact {
            true => ensure(&mut self.near, self.len + more),
            false => through(self.len).ensure(&mut self.near, more),
        }
        let square_start = start - base;
        ensure(&mut self.work.square, square_start + list.len() + 2 * WIDTH);
        let bytes = list.len().div_ceil(WIDTH);
        through(self.bytes).ensure(&mut self.kept, bytes);
        fetch_list::<L>(env, i + AHEAD);
        let records = &mut self.kept[self.bytes..self.bytes + bytes];
        if self.compact {
            self.bytes += bytes;
        }
        let near = &mut self.near[start..];
        let square = &mut self.work.square[square_start..];
        let [x, y, z] = centre::<L>(env, i);
        let limit = L::splat(functional.cutoff * functional.cutoff);
        let closest = L::splat(functional.closest * functional.closest);
        let (mut count, mut too_close) = (0, 0);
        for (at, record) in (0..list.len()).step_by(WIDTH).zip(records) {
            let entries = list.eight::<L>(at, i as u32);
            let index = named(entries);
            // SAFETY: the list names atoms of this rank.
            let [px, py, pz, _] = unsafe { L::gather_rows(env.position, &index) };
            let (dx, dy, dz) = (px - x, py - y, pz - z);
            let distance = dz.mul_add(dz, dy.mul_add(dy, dx * dx));
            // Behind the last entry stands the atom itself, without `MINE`.
            let valid = L::high_bits(&entries);
            let mut kept = L::bits(distance.at_most(limit)) & valid;
            if let Some(cutoffs) = &functional.cutoff_squares {
                let n = functional.species.len();
                let own = env.species[i] as usize * n;
                // SAFETY: every atom has a species here, where there are several.
                let other = unsafe { L::gather_index(species, &index) };
                let mut limits = [0.0; WIDTH];
                for lane in 0..WIDTH {
                    limits[lane] = cutoffs[own + other[lane] as usize];
                }
                kept &= L::bits(distance.at_most(L::load(&limits)));
            }
            // Between other pairs nothing of this term acts, however near.
            too_close |= L::bits(distance.below(closest)) & kept;
            L::compress_index(&index, kept, eight_mut(near, count));
            distance.compress(kept).store(eight_mut(square, count));
            count += kept.count_ones() as usize;
            *record = kept as u8;
        }
        if too_close != 0 {
            return Err(functional.too_close(env, i));
        }
        // What fills up the last vector is an atom at a distance that tables have.
        *eight_mut(near, count) = [i as u32; WIDTH];
        *eight_mut(square, count) = [1.0; WIDTH];
        self.len += count;
        self.ends.push(self.len as u32);
        Ok(())
    }
}

/// Phase 1 of a functional of one species.
///
/// # Errors
/// Where two atoms are closer than any table goes.
#[inline(always)]
pub fn sum_one<L: Lanes>(view: View, records: &mut Records, sums: &Sums) -> Result<()> {
    sum::<L, true>(view, records, sums)
}

/// Phase 1.
///
/// # Errors
/// Where two atoms are closer than any table goes.
#[inline(always)]
pub fn sum_several<L: Lanes>(view: View, records: &mut Records, sums: &Sums) -> Result<()> {
    sum::<L, false>(view, records, sums)
}

#[inline(always)]
fn sum<L: Lanes, const ONE: bool>(view: View, records: &mut Records, sums: &Sums) -> Result<()> {
    let View { functional, env, species, tile } = view;
    records.clear();
    records.bytes = 0;
    records.compact = env.owned >= functional.many_atoms;
    let per_unit = L::splat(functional.density_quantum.per_unit());
    let embeds = functional.embeds();
    let mut ahead = portions(tile);
    let fetch = |atoms: Range<usize>| {
        L::Coarse::fetch(&env.position[atoms.clone()]);
        // SAFETY: atoms of tiles around this one, which no other thread has meanwhile.
        unsafe { sums.parts(atoms) }.for_each(L::Coarse::fetch);
    };
    for first_atom in tile.atoms.clone().step_by(BLOCK) {
        let atoms = first_atom..tile.atoms.end.min(first_atom + BLOCK);
        if records.compact {
            records.clear();
        }
        let base = records.len;
        for i in atoms.clone() {
            ahead.next().into_iter().for_each(fetch);
            records.collect::<L>(view, i, base)?;
        }
        if !embeds {
            continue;
        }
        let Records { near, len, ends, work, .. } = &mut *records;
        let Workspace { square, interval, t, .. } = work;
        let pairs = *len - base;
        ensure(interval, pairs + WIDTH);
        ensure(t, pairs + WIDTH);
        for at in (0..pairs).step_by(WIDTH) {
            let r = L::load(eight(square, at)).sqrt();
            functional.find_place(r, eight_mut(interval, at), eight_mut(t, at));
        }
        let mut start = base;
        for (i, &end) in atoms.clone().zip(&ends[ends.len() - atoms.len()..]) {
            let end = end as usize;
            let mut total = [0i64; WIDTH];
            for at in (start..end).step_by(WIDTH) {
                let neighbours = eight(near, at);
                let place =
                    Place { interval: eight(interval, at - base), t: L::load(eight(t, at - base)) };
                // SAFETY: distances within the cutoff, or 1 Å, have a place; atoms have species.
                let [here, there] = unsafe {
                    if ONE {
                        let rho = functional.density::<L, true>(&[0; WIDTH], &place);
                        [rho, rho]
                    } else {
                        let own = env.species[i] as usize;
                        let kinds = functional.kinds::<L>(own, species, neighbours);
                        [
                            functional.density::<L, false>(&kinds.here, &place),
                            functional.density::<L, false>(&kinds.there, &place),
                        ]
                    }
                };
                let here = first(end - at, here).quanta(per_unit);
                here.add_to(&mut total);
                let mut quanta = [0.0; WIDTH];
                match ONE {
                    true => here.store(&mut quanta),
                    false => there.quanta(per_unit).store(&mut quanta),
                }
                for lane in 0..WIDTH.min(end - at) {
                    // SAFETY: a neighbour of an atom of this tile, which no other thread touches.
                    let sum = unsafe { sums.of(neighbours[lane], 0, 1) };
                    sum[0] = sum[0].wrapping_add(quanta[lane].to_bits() as i64);
                }
            }
            start = end;
            // SAFETY: an atom of this tile.
            let sum = unsafe { sums.of(i as u32, 0, 1) };
            sum[0] = total.into_iter().fold(sum[0], i64::wrapping_add);
        }
    }
    Ok(())
}

/// Phase 3 of a functional of one species.
///
/// # Errors
/// Where a force or an energy is beyond the quantum's bound.
#[inline(always)]
pub fn push_one<L: Lanes>(
    view: View,
    records: &mut Records,
    adjoints: &Sums,
    force: &Shared<FixedForce>,
) -> Result<()> {
    push::<L, true>(view, records, adjoints, force)
}

/// Phase 3.
///
/// # Errors
/// Where a force or an energy is beyond the quantum's bound.
#[inline(always)]
pub fn push_several<L: Lanes>(
    view: View,
    records: &mut Records,
    adjoints: &Sums,
    force: &Shared<FixedForce>,
) -> Result<()> {
    push::<L, false>(view, records, adjoints, force)
}

#[inline(always)]
fn push<L: Lanes, const ONE: bool>(
    view: View,
    records: &mut Records,
    adjoints: &Sums,
    force: &Shared<FixedForce>,
) -> Result<()> {
    let View { functional, env, species, tile } = view;
    let quantum = env.quantum;
    let per_unit = L::splat(quantum.per_unit());
    let per_angstrom = L::splat(functional.per_angstrom);
    let (half, limit) = (L::splat(0.5), L::splat(functional.cutoff));
    let embeds = functional.embeds();
    let mut ahead = portions(tile);
    let fetch = |atoms: Range<usize>| {
        L::Coarse::fetch(&env.position[atoms.clone()]);
        // SAFETY: atoms of tiles around this one, which no other thread has meanwhile.
        unsafe {
            L::Coarse::fetch(force.read(atoms.start, atoms.len()));
            adjoints.parts(atoms).for_each(L::Coarse::fetch);
        }
    };
    // SAFETY: atoms of this tile and their neighbours, which have adjoints.
    let adjoint = |atom: u32| unsafe { adjoints.adjoints(atom, 0, 1) }[0];
    let (mut byte, mut block_start) = (0, 0);
    for first_atom in tile.atoms.clone().step_by(BLOCK) {
        let atoms = first_atom..tile.atoms.end.min(first_atom + BLOCK);
        if records.compact {
            records.clear();
            block_start = 0;
            for i in atoms.clone() {
                byte = records.recall::<L>(env, i, byte);
            }
        }
        let Records { near, ends, work, compact, .. } = &mut *records;
        let before = if *compact { 0 } else { first_atom - tile.atoms.start };
        let ends = &ends[before..before + atoms.len()];
        let base = block_start;
        block_start = ends[ends.len() - 1] as usize;
        work.ensure(block_start - base);
        let Workspace { line, inverse, interval, t, .. } = &mut *work;
        let [line_x, line_y, line_z] = line;
        let mut start = base;
        for (i, &end) in (first_atom..).zip(ends) {
            ahead.next().into_iter().for_each(fetch);
            let [x, y, z] = centre::<L>(env, i);
            for at in (start..end as usize).step_by(WIDTH) {
                // SAFETY: records hold atoms of the list.
                let [px, py, pz, _] = unsafe { L::gather_rows(env.position, eight(near, at)) };
                let (dx, dy, dz) = (px - x, py - y, pz - z);
                let r = dz.mul_add(dz, dy.mul_add(dy, dx * dx)).sqrt();
                // What stands behind the neighbours of this atom may be anywhere; it is
                // overwritten, or never used.
                let at = at - base;
                functional.find_place(r.min(limit), eight_mut(interval, at), eight_mut(t, at));
                r.inverse().store(eight_mut(inverse, at));
                dx.store(eight_mut(line_x, at));
                dy.store(eight_mut(line_y, at));
                dz.store(eight_mut(line_z, at));
            }
            start = end as usize;
        }
        let mut start = base;
        for (i, &end) in (first_atom..).zip(ends) {
            let end = end as usize;
            let own = L::splat(if embeds { adjoint(i as u32) } else { 0.0 });
            let mut total = [0i64; 4];
            let mut sound = u32::MAX;
            for pair in (start..end).step_by(WIDTH) {
                let count = WIDTH.min(end - pair);
                let neighbours = eight(near, pair);
                let at = pair - base;
                let inverse = L::load(eight(inverse, at));
                let place = Place { interval: eight(interval, at), t: L::load(eight(t, at)) };
                let kinds = match ONE {
                    true => Kinds { here: [0; WIDTH], there: [0; WIDTH], energy: [0; WIDTH] },
                    // SAFETY: every atom has a species here, where there are several.
                    false => unsafe {
                        functional.kinds::<L>(env.species[i] as usize, species, neighbours)
                    },
                };
                // SAFETY: distances up to the cutoff have a place in every table.
                let [energy, rise] = unsafe { functional.energy::<L, ONE>(&kinds.energy, &place) };
                let phi = energy * inverse;
                let mut rise = (rise * per_angstrom - phi) * inverse;
                if embeds {
                    let mut others = [0.0; WIDTH];
                    for lane in 0..WIDTH {
                        others[lane] = adjoint(neighbours[lane]);
                    }
                    let other = L::load(&others);
                    // SAFETY: as above.
                    let many = unsafe {
                        let here = functional.density_slope::<L, ONE>(&kinds.here, &place);
                        match ONE {
                            true => (own + other) * here,
                            false => {
                                let there =
                                    functional.density_slope::<L, false>(&kinds.there, &place);
                                own * here + other * there
                            }
                        }
                    };
                    rise = rise + many * per_angstrom;
                }
                let pull = rise * inverse;
                let [fx, fy, fz, half] = [
                    pull * L::load(eight(line_x, at)),
                    pull * L::load(eight(line_y, at)),
                    pull * L::load(eight(line_z, at)),
                    half * phi,
                ];
                sound &= bounded(quantum, [rise, half]) | (0xff << count);
                let rows = L::rows([
                    fx.quanta(per_unit),
                    fy.quanta(per_unit),
                    fz.quanta(per_unit),
                    half.quanta(per_unit),
                ]);
                for lane in 0..count {
                    let [x, y, z, half] = rows[lane];
                    for d in 0..4 {
                        total[d] = total[d].wrapping_add(rows[lane][d]);
                    }
                    let [x, y, z] = [x.wrapping_neg(), y.wrapping_neg(), z.wrapping_neg()];
                    // SAFETY: a neighbour of an atom of the tile of this view.
                    unsafe { add(force, neighbours[lane], [x, y, z, half]) };
                }
            }
            if sound & 0xff != 0xff {
                let near = near[start..end].iter().map(|&j| j as usize);
                let (_, j) = env.nearest(i, near).expect("an atom with a force has a pair");
                return Err(env.out_of_bounds(i, j));
            }
            // SAFETY: an atom of that tile.
            unsafe { add(force, i as u32, total) };
            start = end;
        }
    }
    Ok(())
}

/// What the sweep comes to, a little with each atom of the tile.
fn portions(tile: &Tile) -> Ahead {
    Ahead::of(tile, 0, 1).by_vectors_of(WIDTH * tile.atoms.len())
}

impl Functional {
    /// The failure where another atom, of a pair that this acts between, is too close to one.
    #[cold]
    fn too_close(&self, env: Environment, i: usize) -> Error {
        let (own, closest) = (env.species[i] as usize, self.closest);
        let acts = |&j: &usize| self.acts_between(own, env.species[j] as usize);
        let others = env.neighbours.of(i).atoms().filter(acts);
        let (r, j) = env.nearest(i, others).expect("one that is too close");
        let message = format!(
            "it is {r:.4} Å from atom {}; closer than {closest} Å no table of this potential goes",
            env.id[j]
        );
        Error::OutOfBounds { atom: env.id[i], message }
    }
}
