//! What of a phase is done at a time, and when.
//!
//! Slabs and rows are at least reach wide. A **tile** is a slab, some slabs that follow one
//! another, or some rows of one (`tiling`): whatever a phase reads or writes for its atoms
//! lies in it, in the tiles around it, or is a ghost. That is used twice (`scheduler`).
//!
//! **In time.** The phases need not pass over all atoms one after another: when a tile and
//! those around it have their densities, its sums are complete; when these are embedded, it
//! can have its forces. A sweep of this kind keeps what a phase leaves for the next in the
//! cache, and the records of few tiles in memory instead of all.
//!
//! **In space.** Tiles with no tile around them in common may be worked on by several
//! threads at once, and write to the atoms around them without asking.
//!
//! Tiles with atoms that other ranks (or periodic images) have as ghosts are **open**: their
//! sums are complete when those of the ghosts have been gathered, so what depends on them
//! comes after the exchange. Only atoms of open tiles have ghosts in reach. Other tiles are
//! **free**, but for those around open ones: they fill the time while messages travel, until
//! these have arrived, so that a rank waits for others only when it has nothing left to do.
//! What is left comes last.
//!
//! Nothing of this shows in the results: sums are of integers.

use super::Tiling;
use std::ops::Range;

/// Where an evaluation is among the exchanges of ghosts. What is done while something
/// travels touches owned atoms only.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
pub enum Section {
    #[default]
    PositionsTravel,
    /// Leaves all sums of ghosts complete.
    BeforeSums,
    SumsTravel,
    /// Leaves all adjoints that ghosts wait for.
    BeforeAdjoints,
    AdjointsTravel,
    /// Leaves all forces on ghosts complete.
    BeforeForces,
    ForcesTravel,
}

impl Section {
    /// In the order in which they run.
    pub const ALL: [Section; 7] = [
        Section::PositionsTravel,
        Section::BeforeSums,
        Section::SumsTravel,
        Section::BeforeAdjoints,
        Section::AdjointsTravel,
        Section::BeforeForces,
        Section::ForcesTravel,
    ];

    /// Whether messages are on their way meanwhile.
    pub fn is_travelling(self) -> bool {
        use Section::{AdjointsTravel, ForcesTravel, PositionsTravel, SumsTravel};
        matches!(self, PositionsTravel | SumsTravel | AdjointsTravel | ForcesTravel)
    }
}

/// What is done to a tile, in this order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Task {
    Densities,
    Embed,
    Forces,
}

/// Owned atoms that a phase works on at a time.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Tile {
    /// They stand one after another. There may be none: tiles on either side may see the
    /// same ghosts here.
    pub atoms: Range<usize>,
    /// The tiles in which all neighbours (range + skin) of its atoms lie that are not ghosts;
    /// itself is one. There are nine at most.
    pub near: Vec<usize>,
    /// Atoms of these that the tile before in the sweep did not see, where the cache will have
    /// lost them since the sweep last did: what is read early is not waited for.
    pub ahead: Vec<Range<usize>>,
    /// Whether the next tile of the sweep lies beside it in the same slab and column: what has
    /// become possible waits until that has its densities, so that a phase passes over tiles
    /// side by side, while what these see in common is in the cache.
    pub leads_on: bool,
    /// Whether any of its atoms has ghosts.
    pub is_open: bool,
    /// Where its densities come at the latest.
    pub section: Section,
}

impl Tile {
    /// Whether its densities may come in any section in which messages travel.
    pub fn is_free(&self) -> bool {
        self.section == Section::ForcesTravel
    }

    /// Whether a task may be done to this tile in a section, as far as exchanges go.
    pub fn is_due(&self, task: Task, section: Section) -> bool {
        section >= self.earliest(task)
    }

    fn earliest(&self, task: Task) -> Section {
        match task {
            Task::Densities => self.section,
            Task::Embed if self.is_open => Section::BeforeAdjoints,
            Task::Forces if self.is_open => Section::BeforeForces,
            Task::Embed | Task::Forces => Section::PositionsTravel,
        }
    }
}

/// Places for what atoms have only while a sweep passes over them: those of atoms that
/// need one at the same time are different.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RingBuffer {
    /// As many places as this and one, a power of two; or more than there are atoms.
    mask: usize,
}

impl Default for RingBuffer {
    fn default() -> RingBuffer {
        RingBuffer { mask: usize::MAX }
    }
}

impl RingBuffer {
    /// With different places for atoms of which so many follow one another.
    fn of(atoms: usize) -> RingBuffer {
        RingBuffer { mask: atoms.next_power_of_two() - 1 }
    }

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

/// The tiles of one rank, in the order in which a thread passes over them.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Schedule {
    pub tiles: Vec<Tile>,
    /// Of sums and adjoints.
    pub ring: RingBuffer,
    pub threads: usize,
}

impl Schedule {
    /// `shared` are the owned atoms that have ghosts anywhere; `ghosts`, how many this rank has.
    pub fn new(
        tiling: &Tiling,
        shared: impl IntoIterator<Item = usize>,
        ghosts: usize,
    ) -> Schedule {
        let mut tiles = tiling.tiles();
        let mut by_atom: Vec<usize> = (0..tiles.len()).collect();
        by_atom.sort_by_key(|&tile| (tiles[tile].atoms.start, tiles[tile].atoms.end));
        for atom in shared {
            let tile = by_atom.partition_point(|&tile| tiles[tile].atoms.end <= atom);
            tiles[by_atom[tile]].is_open = true;
        }
        divide(&mut tiles);
        // Ghosts have places of their own behind those of all atoms.
        let threads = tiling.threads();
        let sweeps_once = threads == 1 && ghosts == 0 && tiles.iter().all(|tile| !tile.is_open);
        let ring =
            if sweeps_once { RingBuffer::of(tiling.most_in_use()) } else { RingBuffer::default() };
        Schedule { tiles, ring, threads }
    }
}

/// Gives each tile the section of its densities.
fn divide(tiles: &mut [Tile]) {
    // What an open tile needs from others before something is sent on: densities of those
    // beside it for its sums, and for its forces the embedding of these, which takes densities
    // of those behind them.
    let open: Vec<bool> = tiles.iter().map(|tile| tile.is_open).collect();
    let beside = widened(tiles, &open);
    let behind = widened(tiles, &beside);
    // Without exchanges there is nothing to wait for.
    let free = match open.contains(&true) {
        true => Section::ForcesTravel,
        false => Section::PositionsTravel,
    };
    for (n, tile) in tiles.iter_mut().enumerate() {
        tile.section = if open[n] {
            Section::BeforeSums
        } else if beside[n] {
            Section::SumsTravel
        } else if behind[n] {
            Section::AdjointsTravel
        } else {
            free
        };
    }
}

/// These tiles and those around them.
fn widened(tiles: &[Tile], some: &[bool]) -> Vec<bool> {
    tiles.iter().map(|tile| tile.near.iter().any(|&near| some[near])).collect()
}
