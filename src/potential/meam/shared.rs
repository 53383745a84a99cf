//! A slice that several threads write to at once, in disjoint places.
//!
//! The colours of a wave (`neighbour::Wave`) promise that
//! no atom is within reach of two ranges of one colour. A thread that works on one
//! range therefore writes to atoms that no other thread touches meanwhile, although
//! their indices are scattered and the compiler cannot know.

use crate::neighbour::Ring;
use std::marker::PhantomData;

pub struct Shared<'a, T> {
    start: *mut T,
    length: usize,
    slice: PhantomData<&'a mut [T]>,
}

// SAFETY: the only access is the unsafe `at`, whose callers keep threads apart.
unsafe impl<T: Send> Sync for Shared<'_, T> {}

impl<'a, T> Shared<'a, T> {
    pub fn new(slice: &'a mut [T]) -> Shared<'a, T> {
        Shared { start: slice.as_mut_ptr(), length: slice.len(), slice: PhantomData }
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
}

/// The sums of atoms, to which several threads add in this way.
pub struct Sums<'a> {
    pub words: Shared<'a, i64>,
    /// Of each atom.
    pub count: usize,
    pub ring: Ring,
}

impl Sums<'_> {
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
}
