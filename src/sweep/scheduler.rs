//! Who does what next: the tasks of one evaluation, dealt out to the threads of a rank.
//!
//! A task may begin when all tiles around its own have had the task before. Densities and
//! forces write to all of these tiles, so meanwhile no other task of the kind has any of
//! them: they are **held**. Each thread passes over tiles that follow one another, as deep
//! into the phases as it can: what has become possible comes before new densities, but for
//! those of tiles beside the last one (`Tile::leads_on`).
//! Free tiles are begun only until what travels has arrived (`note_arrival`), or last of all.
//! Where its way ends, it takes its share of the longest stretch that is left, so threads
//! finish together though some tiles, or cores, are slower.
//!
//! This is bookkeeping alone; `force::phases` does the tasks. One thread deals with some
//! sixty tiles per step and 60,000 atoms: a lock around all of it is never in the way.

use super::{Schedule, Section, Task};

/// A task for one thread, with what densities leave for forces.
#[derive(Debug)]
pub struct Job<R> {
    pub task: Task,
    pub tile: usize,
    /// Before densities: the tiles `near` this one, by bits, to which nothing was added yet.
    pub fresh: u16,
    pub records: R,
}

/// What a thread shall do.
#[derive(Debug)]
pub enum Next<R> {
    Do(Job<R>),
    /// Others have to finish something first.
    Wait,
    /// Nothing is left for anybody in this section.
    Leave,
}

#[derive(Debug, Default)]
struct State<R> {
    /// Whether anything was added to the sums of its atoms.
    is_begun: bool,
    /// By a task under way.
    is_held: bool,
    /// Whether its densities were given to a thread.
    is_taken: bool,
    /// How many tiles near it have not had densities, and embedding.
    lacking: [usize; 2],
    records: Option<R>,
}

/// What is done to which tile next, and by which thread.
#[derive(Debug)]
pub struct Scheduler<R> {
    states: Vec<State<R>>,
    section: Section,
    /// Whether free tiles are begun that may also come later.
    fills_time: bool,
    /// Possible but for tiles that are held; the oldest first, in the order of the sweep.
    possible: Vec<(Task, usize)>,
    /// Possible in a later section.
    later: Vec<(Task, usize)>,
    /// By thread, the tile whose densities it would do next.
    cursors: Vec<usize>,
    under_way: usize,
    is_stopped: bool,
    /// Records that are free.
    spare: Vec<R>,
}

impl<R> Default for Scheduler<R> {
    fn default() -> Scheduler<R> {
        Scheduler {
            states: Vec::new(),
            section: Section::default(),
            fills_time: false,
            possible: Vec::new(),
            later: Vec::new(),
            cursors: Vec::new(),
            under_way: 0,
            is_stopped: false,
            spare: Vec::new(),
        }
    }
}

impl<R: Default> Scheduler<R> {
    /// A new evaluation: nothing is done yet.
    pub fn clear(&mut self, schedule: &Schedule) {
        self.spare.extend(self.states.drain(..).filter_map(|state| state.records));
        self.states.extend(schedule.tiles.iter().map(|tile| State {
            is_begun: false,
            is_held: false,
            is_taken: false,
            lacking: [tile.near.len(); 2],
            records: None,
        }));
        self.possible.clear();
        self.later.clear();
        (self.under_way, self.is_stopped) = (0, false);
    }

    /// Records that no tile has: all, when an evaluation is through.
    pub fn spare(&self) -> &[R] {
        &self.spare
    }

    /// A new section; whether there is anything to do in it.
    pub fn enter(&mut self, schedule: &Schedule, section: Section) -> bool {
        self.section = section;
        self.fills_time = section.is_travelling();
        let pending: Vec<usize> =
            (0..self.states.len()).filter(|&tile| self.is_pending(schedule, tile)).collect();
        let threads = schedule.threads;
        self.cursors.clear();
        self.cursors.extend((0..threads).map(|thread| {
            pending.get(thread * pending.len() / threads).copied().unwrap_or_default()
        }));
        let is_due =
            |(task, tile): &mut (Task, usize)| schedule.tiles[*tile].is_due(*task, section);
        self.possible.extend(self.later.extract_if(.., is_due));
        !(self.is_stopped || pending.is_empty() && self.possible.is_empty())
    }

    /// What travelled has arrived: free tiles can wait.
    pub fn note_arrival(&mut self) {
        self.fills_time = false;
    }

    /// Nobody begins anything any more.
    pub fn stop(&mut self) {
        self.is_stopped = true;
    }

    /// What a thread is to do now.
    pub fn next(&mut self, schedule: &Schedule, thread: usize) -> Next<R> {
        if self.is_stopped {
            return Next::Leave;
        }
        let chosen = self
            .beside(schedule, thread)
            .or_else(|| self.oldest_possible(schedule))
            .or_else(|| self.choose(schedule, thread));
        match chosen {
            Some((task, tile)) => Next::Do(self.begin(schedule, task, tile)),
            None if self.under_way > 0 => Next::Wait,
            None => Next::Leave,
        }
    }

    /// A job that was done.
    pub fn finish(&mut self, schedule: &Schedule, job: Job<R>) {
        let Job { task, tile, records, .. } = job;
        self.under_way -= 1;
        let near = &schedule.tiles[tile].near;
        if task != Task::Embed {
            near.iter().for_each(|&near| self.states[near].is_held = false);
        }
        let then = match task {
            Task::Densities => {
                self.states[tile].records = Some(records);
                Task::Embed
            }
            Task::Embed => Task::Forces,
            Task::Forces => return self.spare.push(records),
        };
        for &near in near {
            let lacking = &mut self.states[near].lacking[task as usize];
            *lacking -= 1;
            if *lacking == 0 {
                let is_due = schedule.tiles[near].is_due(then, self.section);
                let list = if is_due { &mut self.possible } else { &mut self.later };
                list.push((then, near));
            }
        }
    }

    fn begin(&mut self, schedule: &Schedule, task: Task, tile: usize) -> Job<R> {
        self.under_way += 1;
        let near = &schedule.tiles[tile].near;
        let mut fresh = 0;
        if task != Task::Embed {
            for (bit, &near) in near.iter().enumerate() {
                let state = &mut self.states[near];
                state.is_held = true;
                fresh |= (!state.is_begun as u16) << bit;
                state.is_begun = true;
            }
        }
        let records = match task {
            Task::Densities => {
                self.states[tile].is_taken = true;
                self.spare.pop().unwrap_or_default()
            }
            Task::Embed => R::default(),
            Task::Forces => self.states[tile].records.take().expect("densities left records"),
        };
        Job { task, tile, fresh, records }
    }

    fn is_free(&self, schedule: &Schedule, tile: usize) -> bool {
        schedule.tiles[tile].near.iter().all(|&near| !self.states[near].is_held)
    }

    /// Whether densities of a tile wait for a thread.
    fn is_pending(&self, schedule: &Schedule, tile: usize) -> bool {
        let next = &schedule.tiles[tile];
        let is_due = next.is_due(Task::Densities, self.section);
        !self.states[tile].is_taken && (is_due || self.fills_time && next.is_free())
    }

    /// Densities of the tile to which the last one leads on.
    fn beside(&mut self, schedule: &Schedule, thread: usize) -> Option<(Task, usize)> {
        let tile = self.cursors[thread];
        let last = tile.checked_sub(1)?;
        let leads_on = schedule.tiles.get(last)?.leads_on && self.states[last].is_taken;
        (leads_on && self.may_begin(schedule, tile)).then(|| self.densities(thread, tile))
    }

    fn oldest_possible(&mut self, schedule: &Schedule) -> Option<(Task, usize)> {
        let is_possible =
            |&(task, tile): &(Task, usize)| task == Task::Embed || self.is_free(schedule, tile);
        let oldest = self.possible.iter().position(is_possible)?;
        Some(self.possible.remove(oldest))
    }

    /// Densities that a thread shall do.
    fn choose(&mut self, schedule: &Schedule, thread: usize) -> Option<(Task, usize)> {
        let count = self.states.len();
        let mut cursor = self.cursors[thread];
        if cursor >= count || !self.is_pending(schedule, cursor) {
            let stretch = self.longest_stretch(schedule)?;
            // All but the share of one thread is left to who comes from its beginning.
            cursor = stretch.start + stretch.len() * (schedule.threads - 1) / schedule.threads;
        }
        let behind = (cursor..count).chain(0..cursor);
        let found = behind.into_iter().find(|&tile| self.may_begin(schedule, tile))?;
        Some(self.densities(thread, found))
    }

    /// Whether densities of a tile wait for nothing but a thread.
    fn may_begin(&self, schedule: &Schedule, tile: usize) -> bool {
        self.is_pending(schedule, tile) && self.is_free(schedule, tile)
    }

    /// These are for this thread, which goes on behind them.
    fn densities(&mut self, thread: usize, tile: usize) -> (Task, usize) {
        self.cursors[thread] = tile + 1;
        (Task::Densities, tile)
    }

    /// Of tiles that follow one another and are pending.
    fn longest_stretch(&self, schedule: &Schedule) -> Option<std::ops::Range<usize>> {
        let mut longest = 0..0;
        let mut start = 0;
        for tile in 0..self.states.len() {
            if !self.is_pending(schedule, tile) {
                start = tile + 1;
            } else if tile + 1 - start > longest.len() {
                longest = start..tile + 1;
            }
        }
        (!longest.is_empty()).then_some(longest)
    }
}
