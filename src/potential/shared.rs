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
