//! The phases of one evaluation on this rank, tile by tile as the scheduler deals them out.

use crate::atoms::FixedForce;
use crate::clock::{Clock, Phase};
use crate::comm::Transfer;
use crate::error::Result;
use crate::potential::{Environment, Potential, Shared, Sums};
use crate::sweep::{Job, Next, Schedule, Scheduler, Section, Task};
use rayon::prelude::*;
use std::ops::Range;
use std::sync::{Mutex, MutexGuard, PoisonError};

/// For how many turns a thread that waits spins before it lets another have its core.
const PATIENCE: usize = 64;

/// What the phases keep from step to step.
pub struct Memory<P: Potential> {
    prepared: P::Prepared,
    scheduler: Mutex<Scheduler<P::Records>>,
}

impl<P: Potential> Default for Memory<P> {
    fn default() -> Memory<P> {
        Memory { prepared: Default::default(), scheduler: Default::default() }
    }
}

/// One evaluation under way.
pub struct Phases<'a, P: Potential> {
    potential: &'a P,
    schedule: &'a Schedule,
    memory: &'a mut Memory<P>,
    pub clock: &'a mut Clock,
    /// The first failure: after it nothing is computed any more.
    pub result: Result<()>,
}

impl<'a, P: Potential> Phases<'a, P> {
    /// To run over the tiles of `schedule`; nothing has gone wrong yet.
    pub fn new(
        potential: &'a P,
        schedule: &'a Schedule,
        memory: &'a mut Memory<P>,
        clock: &'a mut Clock,
    ) -> Phases<'a, P> {
        lock(&memory.scheduler).clear(schedule);
        Phases { potential, schedule, memory, clock, result: Ok(()) }
    }

    /// Comes before a section sees these atoms at their positions.
    pub fn prepare(&mut self, env: Environment, atoms: Range<usize>) {
        self.potential.prepare(env, atoms, &mut self.memory.prepared);
    }

    /// Does what belongs to a section, on all threads, and looks after the messages that
    /// travel meanwhile: the calling thread alone does that, between its tasks, and its are
    /// the times that the clock shows. `words` and `force` belong to the atoms of `env`.
    pub fn run(
        &mut self,
        section: Section,
        env: Environment,
        words: &mut [i64],
        force: &mut [FixedForce],
        transfer: &mut dyn Transfer,
    ) {
        let Phases { potential, schedule, memory, clock, .. } = self;
        if self.result.is_err() || !lock(&memory.scheduler).enter(schedule, section) {
            return;
        }
        let work = &Work {
            potential: *potential,
            schedule,
            prepared: &memory.prepared,
            scheduler: &memory.scheduler,
            failure: Mutex::new(Ok(())),
            env,
            sums: Sums::new(words, potential.words(), schedule.ring),
            force: Shared::new(force),
        };
        rayon::in_place_scope(|scope| {
            for thread in 1..schedule.threads {
                scope.spawn(move |_| work.share(thread, || false, |_| ()));
            }
            let begins = |task| {
                clock.enter(match task {
                    Task::Densities => Phase::Density,
                    Task::Embed => Phase::Embedding,
                    Task::Forces => Phase::Force,
                });
            };
            work.share(0, || transfer.progress(), begins);
        });
        self.result = std::mem::replace(&mut *lock(&work.failure), Ok(()));
    }

    /// Sums and forces from zero.
    pub fn zero(&self, words: &mut [i64], force: &mut [FixedForce]) {
        for values in [words, force.as_flattened_mut()] {
            values.par_iter_mut().with_min_len(1 << 15).for_each(|value| *value = 0);
        }
    }

    /// Whatever other ranks will be sent after a failure is zero: it fails nothing there.
    pub fn withhold(&self, words: &mut [i64]) {
        if self.result.is_err() {
            words.fill(0);
        }
    }
}

/// What the threads have in common during a section.
struct Work<'a, P: Potential> {
    potential: &'a P,
    schedule: &'a Schedule,
    prepared: &'a P::Prepared,
    scheduler: &'a Mutex<Scheduler<P::Records>>,
    failure: Mutex<Result<()>>,
    env: Environment<'a>,
    sums: Sums<'a>,
    force: Shared<'a, FixedForce>,
}

impl<P: Potential> Work<'_, P> {
    /// One thread's share of the section. Before each task, and while there is none, it asks
    /// whether what travels has arrived; it tells of each that begins.
    fn share(
        &self,
        thread: usize,
        mut has_arrived: impl FnMut() -> bool,
        mut begins: impl FnMut(Task),
    ) {
        let _stop = StopIfPanicking(self.scheduler);
        let mut done = None;
        loop {
            let arrived = has_arrived();
            let mut scheduler = lock(self.scheduler);
            if let Some(job) = done.take() {
                scheduler.finish(self.schedule, job);
            }
            if arrived {
                scheduler.note_arrival();
            }
            let next = scheduler.next(self.schedule, thread);
            drop(scheduler);
            match next {
                Next::Leave => return,
                Next::Wait => {
                    (0..PATIENCE).for_each(|_| std::hint::spin_loop());
                    std::thread::yield_now();
                }
                Next::Do(mut job) => {
                    begins(job.task);
                    let result = self.carry_out(&mut job);
                    done = Some(job);
                    if result.is_err() {
                        lock(self.scheduler).stop();
                        let mut first = lock(&self.failure);
                        if first.is_ok() {
                            *first = result;
                        }
                    }
                }
            }
        }
    }

    fn carry_out(&self, job: &mut Job<P::Records>) -> Result<()> {
        let Work { potential, schedule, prepared, env, sums, force, .. } = self;
        let tile = &schedule.tiles[job.tile];
        match job.task {
            _ if tile.atoms.is_empty() && job.fresh == 0 => Ok(()),
            Task::Densities => {
                let fresh =
                    tile.near.iter().enumerate().filter(|(bit, _)| job.fresh >> bit & 1 == 1);
                for (_, &near) in fresh {
                    let atoms = schedule.tiles[near].atoms.clone();
                    self.on_each_part(atoms, |_, words, force| {
                        words.fill(0);
                        force.as_flattened_mut().fill(0);
                        Ok(())
                    })?;
                }
                // SAFETY: the list was built of these atoms; the scheduler gives this tile and those
                // around it, in which all lie that it names of the owned ones, to nobody else;
                // ghosts are in reach of no tile that another thread may have meanwhile.
                unsafe { potential.densities(*env, prepared, tile, &mut job.records, sums) }
            }
            Task::Embed => self.on_each_part(tile.atoms.clone(), |atoms, words, force| {
                potential.embed(*env, atoms, words, force)
            }),
            // SAFETY: as for densities, whose records of this tile these are.
            Task::Forces => unsafe {
                potential.forces(*env, prepared, tile, &mut job.records, sums, force)
            },
        }
    }

    /// The words and forces of these atoms of a tile, which the calling thread has to
    /// itself, in parts as their places follow one another.
    fn on_each_part(
        &self,
        atoms: Range<usize>,
        work: impl Fn(Range<usize>, &mut [i64], &mut [FixedForce]) -> Result<()>,
    ) -> Result<()> {
        self.schedule.ring.parts(atoms).try_for_each(|atoms| {
            // SAFETY: the scheduler has given this tile to no other thread; each atom of a tile
            // has words and a force; the references end with this call.
            let (words, force) = unsafe {
                (self.sums.of_all(atoms.clone()), self.force.at(atoms.start, atoms.len()))
            };
            work(atoms, words, force)
        })
    }
}

/// A thread that panics will not finish its task, for which others would wait.
struct StopIfPanicking<'a, R: Default>(&'a Mutex<Scheduler<R>>);

impl<R: Default> Drop for StopIfPanicking<'_, R> {
    fn drop(&mut self) {
        if std::thread::panicking() {
            lock(self.0).stop();
        }
    }
}

/// No thread panics while it has one of these locks.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
