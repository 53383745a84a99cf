//! Loops over atoms on the threads of a rank. What a loop computes for an atom
//! involves no other one, so how it is divided cannot be told from the result.

use crate::atoms::Atoms;
use crate::geometry::Vec3;
use rayon::prelude::*;

/// Least number of atoms worth a task of its own: some microseconds of work, as
/// much as it takes to wake a thread. Fewer atoms are done where they are.
const LEAST_TASK: usize = 2048;

/// Calls `work(i, value i)` for each value.
pub fn for_each<T: Send>(values: &mut [T], work: impl Fn(usize, &mut T) + Sync) {
    if values.len() <= LEAST_TASK {
        values.iter_mut().enumerate().for_each(|(i, value)| work(i, value));
    } else {
        let tasks = values.par_iter_mut().with_min_len(LEAST_TASK).enumerate();
        tasks.for_each(|(i, value)| work(i, value));
    }
}

/// Calls `work(one, other)` for each two values at the same place.
pub fn for_each_two<T: Send, U: Send>(
    values: &mut [T],
    others: &mut [U],
    work: impl Fn(&mut T, &mut U) + Sync,
) {
    if values.len() <= LEAST_TASK {
        values.iter_mut().zip(others).for_each(|(one, other)| work(one, other));
    } else {
        let tasks = values.par_iter_mut().with_min_len(LEAST_TASK).zip(others);
        tasks.for_each(|(one, other)| work(one, other));
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
    let task = LEAST_TASK.max(weight);
    let step = |mut sum: A, i: usize| {
        add(&mut sum, i);
        sum
    };
    if n <= task {
        (0..n).fold(zero(), step)
    } else {
        let parts = (0..n).into_par_iter().with_min_len(task).fold(&zero, step);
        parts.reduce(&zero, |mut left, right| {
            merge(&mut left, right);
            left
        })
    }
}
