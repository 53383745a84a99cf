//! What of a phase is done at a time, and when.
//!
//! Slabs and rows are at least reach wide. A **tile** is a slab, some slabs that follow one
//! another, or some rows of one: whatever a phase reads or writes for its atoms lies in it,
//! in the tiles around it, or is a ghost. That is used twice (`board`).
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
//! comes after the exchange. Only atoms of open tiles have ghosts in reach. Everything
//! else is done while messages travel, a quarter of it during each of four exchanges.
//!
//! Nothing of this shows in the results: sums are of integers.

use super::Rows;
use std::ops::Range;

/// Atoms of a tile, at least, if there are enough for all threads: beginning and ending one
/// costs a microsecond or two, and a vector that is not full for each kind of record.
/// Tests have few atoms and want tiles.
const LEAST_ATOMS: usize = if cfg!(test) { 20 } else { 1000 };

/// Tiles per thread that keep all threads busy to the end, though those next to a tile under
/// way have to wait: one in three at most is under way where tiles are slabs, ...
const SLABS_PER_THREAD: usize = 6;
/// ... one in nine where they are rows.
const ROWS_PER_THREAD: usize = 18;

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
    pub const ALL: [Section; 7] = [
        Section::PositionsTravel,
        Section::BeforeSums,
        Section::SumsTravel,
        Section::BeforeAdjoints,
        Section::AdjointsTravel,
        Section::BeforeForces,
        Section::ForcesTravel,
    ];
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
    /// Whether any of its atoms has ghosts.
    pub is_open: bool,
    /// Where its densities come.
    pub section: Section,
}

impl Tile {
    /// Before this section a task must not be done to this tile.
    pub fn section_of(&self, task: Task) -> Section {
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

/// The tiles of one rank, in the order of their atoms.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Schedule {
    pub tiles: Vec<Tile>,
    /// Of sums and adjoints.
    pub ring: Ring,
    pub threads: usize,
}

impl Schedule {
    /// For owned atoms in the order of `rows`, cell c beginning at `first[c]`. `shared` are
    /// those that have ghosts anywhere; `ghosts`, how many this rank has.
    pub fn new(
        rows: &Rows,
        first: &[u32],
        threads: usize,
        shared: impl IntoIterator<Item = usize>,
        ghosts: usize,
    ) -> Schedule {
        let mut tiles = tiles(rows, first, threads);
        for atom in shared {
            let tile = tiles.partition_point(|tile| tile.atoms.end <= atom);
            tiles[tile].is_open = true;
        }
        divide(&mut tiles);
        // Ghosts have places of their own behind those of all atoms.
        let sweeps_once = threads == 1 && ghosts == 0 && tiles.iter().all(|tile| !tile.is_open);
        let ring = if sweeps_once { ring(&tiles) } else { Ring::default() };
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
    let free = behind.iter().filter(|&&behind| !behind).count();
    let parts = if free == tiles.len() { 1 } else { 4 };
    let mut passed = 0;
    for (n, tile) in tiles.iter_mut().enumerate() {
        tile.section = if open[n] {
            Section::BeforeSums
        } else if beside[n] {
            Section::SumsTravel
        } else if behind[n] {
            Section::AdjointsTravel
        } else {
            passed += 1;
            [
                Section::PositionsTravel,
                Section::SumsTravel,
                Section::AdjointsTravel,
                Section::ForcesTravel,
            ][(passed - 1) * parts / free]
        };
    }
}

/// These tiles and those around them.
fn widened(tiles: &[Tile], some: &[bool]) -> Vec<bool> {
    tiles.iter().map(|tile| tile.near.iter().any(|&near| some[near])).collect()
}

/// With room for five tiles in a row, where one thread passes over them all: when one
/// begins, the forces of the third before it are still to come, and need what belongs to
/// the fourth.
fn ring(tiles: &[Tile]) -> Ring {
    let five = |n: usize| tiles[(n + 4).min(tiles.len() - 1)].atoms.end - tiles[n].atoms.start;
    let most = (0..tiles.len()).map(five).max().unwrap_or(0);
    Ring { mask: most.next_power_of_two() - 1 }
}

/// Slabs, or for more threads than these keep busy parts of slabs; all slabs have as many.
fn tiles(rows: &Rows, first: &[u32], threads: usize) -> Vec<Tile> {
    let [slabs, per_slab] = rows.counts();
    let atoms = |start: usize, end: usize| {
        let cells = rows.pieces_of(start..end);
        first[cells.start] as usize..first[cells.end] as usize
    };
    let rows_of = |slabs: Range<usize>, part: Range<usize>| {
        atoms(rows.number(slabs.start, part.start), rows.number(slabs.end - 1, part.end - 1) + 1)
    };
    let mut grid: Vec<Vec<Range<usize>>> = Vec::new();
    if threads == 1 || slabs >= SLABS_PER_THREAD * threads {
        let all = rows_of(0..slabs, 0..per_slab).len();
        let enough = match threads {
            1 => LEAST_ATOMS,
            _ => LEAST_ATOMS.min(all / (SLABS_PER_THREAD * threads)),
        };
        let mut start = 0;
        for end in 1..=slabs {
            let together = rows_of(start..end, 0..per_slab);
            if together.len() >= enough || end == slabs {
                grid.push(vec![together]);
                start = end;
            }
        }
    } else {
        let parts = (ROWS_PER_THREAD * threads).div_ceil(slabs).min(per_slab);
        let border = |part: usize| part * per_slab / parts;
        grid.extend((0..slabs).map(|slab| {
            let part = |n: usize| rows_of(slab..slab + 1, border(n)..border(n + 1));
            (0..parts).map(part).collect()
        }));
    }
    let around = |n: usize, end: usize| n.saturating_sub(1)..(n + 2).min(end);
    let mut tiles = Vec::new();
    for (a, parts) in grid.iter().enumerate() {
        for (b, atoms) in parts.iter().enumerate() {
            let near = around(a, grid.len())
                .flat_map(|a| around(b, parts.len()).map(move |b| a * parts.len() + b))
                .collect();
            tiles.push(Tile { atoms: atoms.clone(), near, ..Tile::default() });
        }
    }
    tiles
}
