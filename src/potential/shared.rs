//! Slices that several threads write to at once, in disjoint places.
//!
//! A thread that works on a tile writes to the atoms of the tiles around it, and
//! `sweep::Scheduler` promises that meanwhile no other thread reads or writes these. Their
//! indices are scattered, and the compiler cannot know.

use crate::atoms::FixedForce;
use crate::fixed::Quantum;
use crate::lanes::Lanes;
use crate::sweep::RingBuffer;
use std::marker::PhantomData;
use std::ops::Range;
use std::sync::{Mutex, MutexGuard, PoisonError};

/// A slice to which several threads write, each in places that are its own meanwhile.
pub struct Shared<'a, T> {
    start: *mut T,
    length: usize,
    slice: PhantomData<&'a mut [T]>,
}

// SAFETY: `at` and `read`, the only ways to the entries, are unsafe: their callers keep
// threads apart.
unsafe impl<T: Send> Sync for Shared<'_, T> {}

impl<'a, T> Shared<'a, T> {
    /// Of a slice that nobody else has while this lives.
    pub fn new(slice: &'a mut [T]) -> Shared<'a, T> {
        Shared { start: slice.as_mut_ptr(), length: slice.len(), slice: PhantomData }
    }

    /// The same entries without the first few.
    fn behind(&self, first: usize) -> Shared<'_, T> {
        let first = first.min(self.length);
        // SAFETY: within the slice, or just behind it.
        let start = unsafe { self.start.add(first) };
        Shared { start, length: self.length - first, slice: PhantomData }
    }

    /// Whether it has so many entries.
    pub fn has_room_for(&self, entries: usize) -> bool {
        self.length >= entries
    }

    /// The entries `first .. first + count`. They are compared with the length in debug
    /// builds only: in the force phase these comparisons took 6 % of the time.
    ///
    /// # Safety
    /// The slice has these entries. No other thread may access them while the result
    /// lives, nor may the caller hold another reference to them.
    #[inline(always)]
    #[allow(clippy::mut_from_ref)]
    pub unsafe fn at(&self, first: usize, count: usize) -> &mut [T] {
        debug_assert!(first + count <= self.length);
        // SAFETY: in bounds and unshared by the caller's promise.
        unsafe { std::slice::from_raw_parts_mut(self.start.add(first), count) }
    }

    /// The same to read.
    ///
    /// # Safety
    /// The slice has these entries. Nobody may write to them while the result lives.
    #[inline(always)]
    pub unsafe fn read(&self, first: usize, count: usize) -> &[T] {
        debug_assert!(first + count <= self.length);
        // SAFETY: in bounds, and not written to, by the caller's promise.
        unsafe { std::slice::from_raw_parts(self.start.add(first), count) }
    }
}

/// The sums of atoms, later their adjoints.
pub struct Sums<'a> {
    words: Shared<'a, i64>,
    /// Of each atom.
    count: usize,
    /// Words of an atom that stand before these and belong to other terms.
    before: usize,
    ring: RingBuffer,
}

impl<'a> Sums<'a> {
    /// `count` words for each place of the ring.
    pub fn new(words: &'a mut [i64], count: usize, ring: RingBuffer) -> Sums<'a> {
        Sums { words: Shared::new(words), count, before: 0, ring }
    }

    /// The words of each atom from the `first` on, as they belong to one of several terms.
    pub fn from_word(&self, first: usize) -> Sums<'_> {
        assert!(first <= self.count, "an atom has {} words", self.count);
        Sums { words: self.words.behind(first), before: self.before + first, ..*self }
    }

    /// Whether so many atoms have words here.
    pub fn has_room_for(&self, atoms: usize) -> bool {
        self.words.has_room_for((self.ring.places(atoms) * self.count).saturating_sub(self.before))
    }

    /// `count` words of an atom from the `first` on.
    ///
    /// # Safety
    /// As for `Shared::at`: the atom has a place and these words.
    #[inline(always)]
    #[allow(clippy::mut_from_ref)]
    pub unsafe fn of(&self, atom: u32, first: usize, count: usize) -> &mut [i64] {
        // SAFETY: by the caller's promise.
        unsafe { self.words.at(self.ring.place(atom as usize) * self.count + first, count) }
    }

    /// The adjoints that stand there after embedding.
    ///
    /// # Safety
    /// As for `Shared::read`: the atom has a place and these words.
    #[inline(always)]
    pub unsafe fn adjoints(&self, atom: u32, first: usize, count: usize) -> &[f64] {
        let first = self.ring.place(atom as usize) * self.count + first;
        // SAFETY: by the caller's promise.
        bytemuck::cast_slice(unsafe { self.words.read(first, count) })
    }

    /// All words of these atoms, in parts as their places follow one another.
    ///
    /// # Safety
    /// As for `Shared::at`.
    pub unsafe fn parts(&self, atoms: Range<usize>) -> impl Iterator<Item = &[i64]> {
        // SAFETY: by the caller's promise.
        self.ring.parts(atoms).map(|part| unsafe { &*self.of_all(part) })
    }

    /// All words of atoms whose places follow one another.
    ///
    /// # Safety
    /// As for `Shared::at`.
    #[allow(clippy::mut_from_ref)]
    pub unsafe fn of_all(&self, atoms: Range<usize>) -> &mut [i64] {
        let first = self.ring.place(atoms.start);
        // SAFETY: by the caller's promise.
        unsafe { self.words.at(first * self.count, atoms.len() * self.count - self.before) }
    }
}

/// In which lanes all values are below the bound of the quantum, and what is no greater too.
#[inline(always)]
pub(super) fn bounded<L: Lanes, const N: usize>(quantum: Quantum, values: [L; N]) -> u32 {
    /// More than the rounding of a vector's components against its length.
    const ROUNDING: f64 = 1e-12;
    let bound = L::splat(quantum.bound() * (1.0 - ROUNDING));
    let zero = L::splat(0.0);
    // Loops: closures given to the library would be compiled for any processor.
    let mut below = values[0].max(zero - values[0]).below(bound);
    for value in &values[1..] {
        below = below & value.max(zero - *value).below(bound);
    }
    L::bits(below)
}

/// Adds quanta to the force of an atom.
///
/// # Safety
/// The atom has a force, which no other thread touches meanwhile and to which the caller holds no
/// reference: it is one of the tile at hand, or a neighbour of one.
#[inline(always)]
pub(super) unsafe fn add(force: &Shared<FixedForce>, atom: u32, quanta: [i64; 4]) {
    // SAFETY: by the caller's promise; the reference ends with this function.
    let sum = unsafe { &mut force.at(atom as usize, 1)[0] };
    for d in 0..4 {
        sum[d] = sum[d].wrapping_add(quanta[d]);
    }
}

/// Lengthens `values` to hold `needed`, by a quarter more where it must.
#[inline(always)]
pub(super) fn ensure<T: Copy + Default>(values: &mut Vec<T>, needed: usize) {
    if values.len() < needed {
        values.resize(needed + needed / 4, T::default());
    }
}

/// What is known of a tile when `done` of the `all` parts of it are through, and the first `len` values
/// are of these. Many tiles wait for others at the same time: what they hold shall be no more than they need.
#[derive(Debug, Clone, Copy)]
pub(super) struct Through {
    pub len: usize,
    pub done: usize,
    pub all: usize,
}

impl Through {
    /// Lengthens `values` by room for `more`; where it must, for as many as the parts so far let
    /// expect of the whole tile.
    #[inline(always)]
    pub fn ensure<T: Copy + Default>(self, values: &mut Vec<T>, more: usize) {
        if values.len() < self.len + more {
            self.lengthen(values, more);
        }
    }

    #[cold]
    fn lengthen<T: Copy + Default>(self, values: &mut Vec<T>, more: usize) {
        let Through { len, done, all } = self;
        let expected = (len * all).checked_div(done).map_or(0, |expected| expected * 21 / 20);
        let needed = expected.max(len) + more;
        values.reserve_exact(needed - values.len());
        values.resize(needed, T::default());
    }
}

/// What threads need while they are at a tile, as many as there are threads that work at once: making it
/// anew for each tile takes ten microseconds, and keeping it with each tile that waits, memory.
#[derive(Debug, Default)]
pub(super) struct Pool<T>(Mutex<Vec<T>>);

impl<T: Default> Pool<T> {
    pub fn take(&self) -> T {
        self.lock().pop().unwrap_or_default()
    }

    pub fn give_back(&self, used: T) {
        self.lock().push(used);
    }

    fn lock(&self) -> MutexGuard<'_, Vec<T>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_tile_keeps_is_little_more_than_it_needs() {
        // Ten parts with 200 values each, of which at most 300 are foreseen.
        let (mut values, all) = (Vec::<u64>::new(), 10);
        for done in 0..all {
            Through { len: 200 * done, done, all }.ensure(&mut values, 300);
            assert!(values.len() >= 200 * done + 300);
        }
        assert_eq!(values.len(), 2100 + 300);
        assert_eq!(values.capacity(), values.len());
        // The next tile of its size has room enough.
        Through { len: 0, done: 0, all }.ensure(&mut values, 2400);
        assert_eq!(values.capacity(), 2400);
    }

    #[test]
    fn what_is_given_back_to_a_pool_is_taken_again() {
        let pool = Pool::<Vec<u8>>::default();
        pool.give_back(vec![7]);
        assert_eq!(pool.take(), [7]);
        assert!(pool.take().is_empty());
    }
}
