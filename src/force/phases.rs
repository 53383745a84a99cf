//! The phases of one evaluation on this rank, wave by wave as the schedule orders them.

use crate::atoms::FixedForce;
use crate::clock::{Clock, Phase};
use crate::comm::Transfer;
use crate::error::Result;
use crate::neighbour::{Step, Task, Wave};
use crate::potential::{Environment, Potential};
use rayon::prelude::*;
use std::ops::Range;

/// One evaluation under way.
pub struct Phases<'a, P: Potential> {
    pub potential: &'a P,
    pub scratch: &'a mut P::Scratch,
    pub waves: &'a [Wave],
    pub clock: &'a mut Clock,
    /// The first failure: after it nothing is computed any more.
    pub result: Result<()>,
}

impl<P: Potential> Phases<'_, P> {
    /// Carries out these steps, and looks after the messages that travel meanwhile. `words`
    /// and `force` belong to the atoms of `env`.
    pub fn run(
        &mut self,
        steps: &[Step],
        env: Environment,
        words: &mut [i64],
        force: &mut [FixedForce],
        transfer: &mut dyn Transfer,
    ) {
        for &(task, wave) in steps {
            transfer.progress();
            if self.result.is_err() {
                return;
            }
            let (potential, wave) = (self.potential, &self.waves[wave]);
            self.clock.enter(match task {
                Task::Begin | Task::Densities => Phase::Density,
                Task::Embed => Phase::Embedding,
                Task::Forces => Phase::Force,
            });
            self.result = match task {
                Task::Begin => {
                    self.begin(wave.atoms.clone(), env, words, force);
                    Ok(())
                }
                Task::Densities => potential.densities(env, wave, self.scratch, words),
                Task::Embed => self.embed(wave.atoms.clone(), env, words, force),
                Task::Forces => potential.forces(env, wave, self.scratch, words, force),
            };
        }
    }

    /// Sums and forces of these atoms from zero.
    pub fn begin(
        &mut self,
        atoms: Range<usize>,
        env: Environment,
        words: &mut [i64],
        force: &mut [FixedForce],
    ) {
        for atoms in env.ring.parts(atoms.clone()) {
            zero(self.words_of(atoms, env, words));
        }
        zero(force[atoms.clone()].as_flattened_mut());
        self.potential.prepare(env, atoms, self.scratch);
    }

    fn embed(
        &self,
        atoms: Range<usize>,
        env: Environment,
        words: &mut [i64],
        force: &mut [FixedForce],
    ) -> Result<()> {
        env.ring.parts(atoms).try_for_each(|atoms| {
            let words = self.words_of(atoms.clone(), env, words);
            self.potential.embed(env, atoms, words, force)
        })
    }

    /// The words of atoms whose places follow one another.
    fn words_of<'w>(
        &self,
        atoms: Range<usize>,
        env: Environment,
        words: &'w mut [i64],
    ) -> &'w mut [i64] {
        let (stride, first) = (self.potential.words(), env.ring.place(atoms.start));
        &mut words[first * stride..(first + atoms.len()) * stride]
    }

    /// Whatever other ranks will be sent after a failure is zero: it fails nothing there.
    pub fn withhold(&self, words: &mut [i64]) {
        if self.result.is_err() {
            zero(words);
        }
    }
}

fn zero(words: &mut [i64]) {
    words.par_iter_mut().with_min_len(1 << 15).for_each(|word| *word = 0);
}
