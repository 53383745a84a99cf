//! Loops over atoms on the threads of a rank. What a loop computes for an atom
//! involves no other one, so how it is divided cannot be told from the result.

use crate::atoms::Atoms;
use crate::geometry::Vec3;
use crate::lanes::{Loop, run_loop};
use rayon::prelude::*;
use std::ops::Range;

/// Least number of atoms worth a task of its own: some microseconds of work, as
/// much as it takes to wake a thread. Fewer atoms are done where they are.
const LEAST_TASK: usize = 2048;

/// Values that are at hand, the first of them number `first`, and what is done with each.
struct Each<'a, T, W> {
    first: usize,
    values: &'a mut [T],
    work: &'a W,
}

impl<T, W: Fn(usize, &mut T)> Loop for Each<'_, T, W> {
    type Output = ();

    #[inline(always)]
    // Adaptors of iterators need not be compiled for the processor at hand.
    #[allow(clippy::explicit_counter_loop)]
    fn run(self) {
        let mut i = self.first;
        for value in self.values {
            (self.work)(i, value);
            i += 1;
        }
    }
}

/// Calls `work(i, value i)` for each value.
pub fn for_each<T: Send>(values: &mut [T], work: impl Fn(usize, &mut T) + Sync) {
    for_each_task(values, |first, values| run_loop(Each { first, values, work: &work }));
}

/// Calls `work(first, values)` for portions of the values, the first of them number `first`.
pub fn for_each_task<T: Send>(values: &mut [T], work: impl Fn(usize, &mut [T]) + Sync) {
    if values.len() <= LEAST_TASK {
        work(0, values);
    } else {
        let tasks = values.par_chunks_mut(LEAST_TASK).enumerate();
        tasks.for_each(|(n, values)| work(n * LEAST_TASK, values));
    }
}

/// Calls `work(first, values, others)` for portions of both at the same places, the first of them
/// number `first`.
pub fn for_each_task_of_two<T: Send, U: Send>(
    values: &mut [T],
    others: &mut [U],
    work: impl Fn(usize, &mut [T], &mut [U]) + Sync,
) {
    if values.len() <= LEAST_TASK {
        work(0, values, others);
    } else {
        let tasks = values.par_chunks_mut(LEAST_TASK).zip(others.par_chunks_mut(LEAST_TASK));
        tasks.enumerate().for_each(|(n, (values, others))| work(n * LEAST_TASK, values, others));
    }
}

/// Calls `change(atoms, i, velocity)` for each owned atom that has not departed and is not held
/// fixed: those stay at rest. `atoms` are all but their velocities.
pub fn change_velocities(atoms: &mut Atoms, change: impl Fn(&Atoms, usize, &mut Vec3) + Sync) {
    let mut velocity = std::mem::take(&mut atoms.velocity);
    for_each(&mut velocity[..atoms.owned], |i, v| {
        if !atoms.has_departed(i) && !atoms.is_fixed(i) {
            change(atoms, i, v);
        }
    });
    atoms.velocity = velocity;
}

/// Numbers of atoms, and what an accumulator takes up from each.
struct Take<'a, A, W> {
    atoms: Range<usize>,
    sum: A,
    add: &'a W,
}

impl<A, W: Fn(&mut A, usize)> Loop for Take<'_, A, W> {
    type Output = A;

    #[inline(always)]
    fn run(mut self) -> A {
        for i in self.atoms {
            (self.add)(&mut self.sum, i);
        }
        self.sum
    }
}

/// Folds 0 .. n into accumulators that begin as `zero`, and these into one. Both
/// operations have to be sums of integers. A task covers at least as many indices
/// as `weight`, the size of an accumulator.
pub fn fold<A: Send>(
    n: usize,
    weight: usize,
    zero: impl Fn() -> A + Sync + Send,
    add: impl Fn(&mut A, usize) + Sync + Send,
    merge: impl Fn(&mut A, A) + Sync + Send,
) -> A {
    let take = |sum: A, atoms: Range<usize>| run_loop(Take { atoms, sum, add: &add });
    fold_tasks(n, weight, zero, take, merge)
}

/// The same for what takes up a range at a time.
pub fn fold_tasks<A: Send>(
    n: usize,
    weight: usize,
    zero: impl Fn() -> A + Sync + Send,
    take: impl Fn(A, Range<usize>) -> A + Sync + Send,
    merge: impl Fn(&mut A, A) + Sync + Send,
) -> A {
    let task = LEAST_TASK.max(weight);
    if n <= task {
        return take(zero(), 0..n);
    }
    let parts = (0..n.div_ceil(task)).into_par_iter();
    let parts = parts.fold(&zero, |sum, k| take(sum, k * task..n.min((k + 1) * task)));
    parts.reduce(&zero, |mut left, right| {
        merge(&mut left, right);
        left
    })
}
