//! In which order the owned atoms are worked on.
//!
//! Slabs and rows are at least reach wide, which is used twice.
//!
//! **In time: waves.** A wave is one slab, or some that follow one another. Whatever a
//! phase reads or writes for a wave lies in it, in the wave before, in the one behind, or
//! is a ghost. So the phases need not pass over all atoms one after another: when a wave
//! has its densities, the one before has its sums complete, and when that is embedded, the
//! one before it can have its forces. A sweep of this kind keeps what a phase leaves for
//! the next in the cache, and the records of three waves in memory instead of all.
//!
//! Waves with atoms that other ranks (or periodic images) have as ghosts are **open**: their
//! sums are complete when those of the ghosts have been gathered, so what depends on them
//! comes after the exchange. Only atoms of open waves have ghosts in reach. Everything
//! else is done while messages travel, a third of it during each of three exchanges.
//!
//! **In space: colours.** Two slabs, or rows, with two others in between have no neighbour
//! in common: within a wave every third slab may run at once (three colours), or, where
//! that leaves threads without work, every third row of every third slab (nine colours,
//! more and smaller ranges in each). Waves are for one thread: several would have to share
//! each of them by rows, and two threads then took up to twice as long as by slabs
//! (measured; rows next to one another go to different cores, which have to hand each other
//! the sums of their atoms). So with several threads one wave is everything.
//!
//! Nothing of this shows in the results: sums are of integers.

use super::Rows;
use std::ops::Range;

/// Ranges of one colour per thread that keep all threads busy to the end.
const RANGES_PER_THREAD: usize = 4;

/// Atoms of a wave, at least: beginning and ending one costs a microsecond or two,
/// and a vector that is not full for each kind of record. Tests have few atoms and want waves.
const LEAST_ATOMS: usize = if cfg!(test) { 20 } else { 1000 };

/// Owned atoms that a phase works on at a time.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Wave {
    /// They stand one after another.
    pub atoms: Range<usize>,
    /// Ranges by colour: no atom is within reach (range + skin) of two ranges of one
    /// colour, so these may run in parallel and write to all neighbours of their atoms;
    /// colours run one after another.
    pub colours: Vec<Vec<Range<usize>>>,
    /// Where the first phase leaves what the last one reads: no two waves have the same
    /// place at the same time.
    pub place: usize,
}

/// Places for what atoms have only while a sweep passes over them: those of atoms that
/// need one at the same time are different.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Ring {
    /// As many places as this and one, a power of two; or more than there are atoms.
    mask: usize,
}

impl Default for Ring {
    fn default() -> Ring {
        Ring { mask: usize::MAX }
    }
}

impl Ring {
    /// The place of an atom.
    #[inline(always)]
    pub fn place(self, atom: usize) -> usize {
        atom & self.mask
    }

    /// How many places so many atoms need.
    pub fn places(self, atoms: usize) -> usize {
        atoms.min(self.mask.saturating_add(1))
    }

    /// The longest parts of these atoms whose places follow one another.
    pub fn parts(self, atoms: Range<usize>) -> impl Iterator<Item = Range<usize>> {
        let mut rest = atoms;
        std::iter::from_fn(move || {
            let behind = (rest.start | self.mask).saturating_add(1).min(rest.end);
            let part = rest.start..behind;
            rest.start = behind;
            (!part.is_empty()).then_some(part)
        })
    }
}

/// What can be done to a wave, in this order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Task {
    /// Before its atoms are read or written to.
    Begin,
    Densities,
    Embed,
    Forces,
}

/// A task and the number of the wave.
pub type Step = (Task, usize);

/// The steps of one evaluation, by their place among the exchanges of ghosts. Those behind
/// an exchange under way touch owned atoms only.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Schedule {
    pub waves: Vec<Wave>,
    /// Of sums and adjoints.
    pub ring: Ring,
    pub while_positions_travel: Vec<Step>,
    /// Leaves all sums of ghosts complete.
    pub before_gather: Vec<Step>,
    pub while_sums_travel: Vec<Step>,
    /// Leaves all adjoints that ghosts wait for.
    pub before_refresh: Vec<Step>,
    pub while_adjoints_travel: Vec<Step>,
    pub at_last: Vec<Step>,
}

impl Schedule {
    /// For owned atoms in the order of `rows`, cell c beginning at `first[c]`. `shared` are
    /// those that have ghosts anywhere.
    pub fn new(
        rows: &Rows,
        first: &[u32],
        threads: usize,
        shared: impl IntoIterator<Item = usize>,
    ) -> Schedule {
        let waves = waves(rows, first, threads);
        let mut open = vec![false; waves.len()];
        for atom in shared {
            open[waves.partition_point(|wave| wave.atoms.end <= atom)] = true;
        }
        Schedule::of(waves, &open)
    }

    /// For these waves, of which no two have a neighbour of a third in common unless one
    /// follows the other.
    pub fn of(waves: Vec<Wave>, open: &[bool]) -> Schedule {
        let all = 0..waves.len();
        let (border, inner): (Vec<usize>, Vec<usize>) = all.partition(|&wave| open[wave]);
        // Those beside an open wave add to its sums, and cannot wait until these are sent on.
        let is_beside = |&wave: &usize| near(wave, 1, waves.len()).any(|near| open[near]);
        let (beside, far): (Vec<usize>, Vec<usize>) = inner.iter().partition(|w| is_beside(w));
        let (first, others) = far.split_at(far.len() / 3);
        let (second, third) = others.split_at(others.len() / 2);
        let ring = if border.is_empty() { ring(&waves) } else { Ring::default() };
        let done = vec![None; waves.len()];
        let mut sweep = Sweep { waves, open, done, free: Vec::new(), places: 0, steps: Vec::new() };
        sweep.run(first);
        let while_positions_travel = sweep.section();
        sweep.run(&border);
        let before_gather = sweep.section();
        sweep.run(&beside);
        sweep.run(second);
        let while_sums_travel = sweep.section();
        border.iter().for_each(|&wave| sweep.push(Task::Embed, wave));
        let before_refresh = sweep.section();
        inner.iter().for_each(|&wave| sweep.push_forces_if_possible(wave));
        sweep.run(third);
        let while_adjoints_travel = sweep.section();
        border.iter().for_each(|&wave| sweep.push(Task::Forces, wave));
        let at_last = sweep.section();
        Schedule {
            waves: sweep.waves,
            ring,
            while_positions_travel,
            before_gather,
            while_sums_travel,
            before_refresh,
            while_adjoints_travel,
            at_last,
        }
    }
}

/// A schedule in the making.
struct Sweep<'a> {
    waves: Vec<Wave>,
    open: &'a [bool],
    /// The last task of each wave so far.
    done: Vec<Option<Task>>,
    /// Places that are free again, and how many there are.
    free: Vec<usize>,
    places: usize,
    /// Of the section under way.
    steps: Vec<Step>,
}

impl Sweep<'_> {
    fn section(&mut self) -> Vec<Step> {
        std::mem::take(&mut self.steps)
    }

    /// The waves that lie so near to this one, itself included.
    fn near(&self, wave: usize, distance: usize) -> Range<usize> {
        near(wave, distance, self.waves.len())
    }

    /// Whether this task is done for all waves in reach of the atoms of a wave.
    fn is_done_near(&self, wave: usize, task: Task) -> bool {
        self.near(wave, 1).all(|near| self.done[near] >= Some(task))
    }

    /// Densities of these waves, and all that they make possible.
    fn run(&mut self, waves: &[usize]) {
        for &wave in waves {
            for near in self.near(wave, 1) {
                if self.done[near].is_none() {
                    self.push(Task::Begin, near);
                }
            }
            self.push(Task::Densities, wave);
            for near in self.near(wave, 1) {
                let complete = !self.open[near] && self.is_done_near(near, Task::Densities);
                if complete && self.done[near] == Some(Task::Densities) {
                    self.push(Task::Embed, near);
                }
            }
            // Two waves on either side may have become possible.
            for near in self.near(wave, 2) {
                self.push_forces_if_possible(near);
            }
        }
    }

    fn push_forces_if_possible(&mut self, wave: usize) {
        let waits = !self.open[wave] && self.done[wave] == Some(Task::Embed);
        if waits && self.is_done_near(wave, Task::Embed) {
            self.push(Task::Forces, wave);
        }
    }

    fn push(&mut self, task: Task, wave: usize) {
        match task {
            Task::Densities => {
                self.waves[wave].place = self.free.pop().unwrap_or(self.places);
                self.places = self.places.max(self.waves[wave].place + 1);
            }
            Task::Forces => self.free.push(self.waves[wave].place),
            Task::Begin | Task::Embed => {}
        }
        self.done[wave] = Some(task);
        self.steps.push((task, wave));
    }
}

/// The waves at most `distance` before or behind one of `count`.
fn near(wave: usize, distance: usize, count: usize) -> Range<usize> {
    wave.saturating_sub(distance)..(wave + distance + 1).min(count)
}

/// With room for five waves in a row: when one begins, the forces of the third before it
/// are still to come, and need what belongs to the fourth.
fn ring(waves: &[Wave]) -> Ring {
    let five = |n: usize| waves[(n + 4).min(waves.len() - 1)].atoms.end - waves[n].atoms.start;
    let most = (0..waves.len()).map(five).max().unwrap_or(0);
    Ring { mask: most.next_power_of_two() - 1 }
}

/// Slabs in waves of as few as are worth it.
fn waves(rows: &Rows, first: &[u32], threads: usize) -> Vec<Wave> {
    let [slabs, per_slab] = rows.counts();
    let atoms = |start: usize, end: usize| {
        let cells = rows.pieces_of(start..end + 1);
        first[cells.start] as usize..first[cells.end] as usize
    };
    let slabs_of = |part: Range<usize>| {
        atoms(rows.number(part.start, 0), rows.number(part.end - 1, per_slab - 1))
    };
    let row = |a: usize, b: usize| atoms(rows.number(a, b), rows.number(a, b));
    let mut waves = Vec::new();
    let mut start = 0;
    for end in 1..=slabs {
        let all = slabs_of(start..end);
        let enough = threads == 1 && all.len() >= LEAST_ATOMS;
        if !enough && end < slabs {
            continue;
        }
        let mut colours;
        if threads == 1 {
            colours = vec![vec![all.clone()]];
        } else if end - start >= 3 * RANGES_PER_THREAD * threads {
            colours = vec![Vec::new(); 3];
            for a in start..end {
                colours[a % 3].push(slabs_of(a..a + 1));
            }
        } else {
            colours = vec![Vec::new(); 9];
            for a in start..end {
                for b in 0..per_slab {
                    colours[a % 3 * 3 + b % 3].push(row(a, b));
                }
            }
        }
        for colour in &mut colours {
            colour.retain(|range| !range.is_empty());
        }
        colours.retain(|colour| !colour.is_empty());
        if !all.is_empty() {
            waves.push(Wave { atoms: all, colours, place: 0 });
        }
        start = end;
    }
    waves
}
