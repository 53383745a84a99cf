//! The list itself: for each owned atom nine stretches of candidates, those
//! within reach kept, nearest first.
//!
//! Eight candidates at a time: distance, comparison, and the survivors packed. Their
//! order need not be exact for a kernel that looks at near atoms first, so they are
//! dealt out into shells by counting, where a sort would take half of the time.

use super::packed::{BEHIND, BLOCK, Packer, Windows};
use super::{Count, Kept, MANY, MINE, Neighbours, QUARTERS, Rows, computes_pair};
use crate::atoms::Atoms;
use crate::lanes::{InstructionSet, Lanes, WIDTH, dispatch, eight_mut};
use rayon::prelude::*;
use std::ops::Range;

/// Shells of equal difference in squared distance up to reach.
pub(super) const SHELLS: usize = 32;

/// Å, above all roundings of distances.
const MARGIN: f64 = 1e-9;

/// Atoms whose lists are made by one thread, one after another: so many at most.
const MOST_OF_PART: usize = 16 * BLOCK;

impl Neighbours {
    /// Lists all atoms within `range` and `skin` (Å) of each owned atom; those removed are nobody's
    /// neighbours. `rows` are those by
    /// which the owned atoms are sorted, cell c beginning at `owned_first[c]`
    /// (`Rows::sort_owned`); no ghost that matters lies beyond their border.
    pub fn build(
        &mut self,
        (rows, owned_first): (&Rows, &[u32]),
        atoms: &Atoms,
        [range, skin]: [f64; 2],
        kept: Kept,
    ) {
        let reach = range + skin;
        let mut search = Search::new((rows, owned_first), atoms, reach, kept);
        for (quarter, last) in search.nearer.iter_mut().enumerate() {
            let limit = range + skin * (quarter + 1) as f64 / (QUARTERS + 1) as f64 + MARGIN;
            *last = ((limit * limit * shells_per_square(reach)) as usize).min(SHELLS - 1);
        }
        // Whoever chose a set that is not available has been told by the potential.
        let set = InstructionSet::choose().unwrap_or(InstructionSet::Portable);
        let owned = atoms.owned;
        self.kept = kept;
        self.number += 1;
        self.first.clear();
        self.first.reserve_exact(owned + 1);
        self.first.push(0);
        self.shorts.clear();
        self.windows.clear();
        self.windows.reserve_exact(owned.div_ceil(BLOCK));
        self.count = Count::default();
        self.moved = 0;
        self.nearer.clear();
        if kept == Kept::Once {
            self.nearer.reserve_exact(owned);
        }
        // In batches, so that little is held twice.
        let batch = 16 * rayon::current_num_threads();
        let part = (owned / batch).next_multiple_of(BLOCK).clamp(BLOCK, MOST_OF_PART);
        let parts: Vec<Range<usize>> =
            (0..owned).step_by(part).map(|i| i..owned.min(i + part)).collect();
        let mut lists: Vec<PartLists> = Vec::new();
        lists.resize_with(batch.min(parts.len()), PartLists::default);
        for batch in parts.chunks(batch) {
            batch.par_iter().zip(&mut lists).for_each(|(part, lists)| {
                let (search, owned) = (&search, part.clone());
                dispatch!(set, list_part, (
                    search: &Search,
                    owned: Range<usize>,
                    lists: &mut PartLists,
                ) -> ());
            });
            for list in &lists[..batch.len()] {
                let mut end = self.shorts.len();
                for length in &list.lengths {
                    end += *length as usize;
                    self.first.push(end);
                }
                self.make_room(list.shorts.len(), owned);
                self.shorts.extend_from_slice(&list.shorts);
                self.windows.extend_from_slice(&list.windows);
                self.nearer.extend_from_slice(&list.nearer);
                self.count.add(list.count);
            }
        }
        self.shorts.extend([0; BEHIND]);
    }

    /// Room for `more` shorts and those behind; where it lacks, for as many as the atoms so far
    /// let expect, instead of twice as many.
    fn make_room(&mut self, more: usize, owned: usize) {
        let needed = self.shorts.len() + more;
        if needed + BEHIND > self.shorts.capacity() {
            let atoms_so_far = self.first.len() - 1;
            let expected = needed * owned / atoms_so_far.max(1) * 21 / 20;
            self.shorts.reserve_exact(expected.max(needed) + BEHIND - self.shorts.len());
        }
    }
}

/// All atoms in the order of rows, coordinates apart so that distances fill whole
/// vectors (infinite where an atom is removed), and as many more that a vector may begin at the last.
struct Search<'a> {
    rows: &'a Rows,
    atoms: &'a Atoms,
    reach: f64,
    /// Where the owned atoms of each row begin, and those of the last end.
    row_first: Vec<usize>,
    first: Vec<u32>,
    coordinate: [Vec<f64>; 3],
    index: Vec<u32>,
    kept: Kept,
    /// The last shells of `Neighbours::nearer`.
    nearer: [usize; QUARTERS],
    /// How many of the atoms before each are ghosts, where only one entry of a pair is kept.
    ghosts_before: Vec<u32>,
}

impl<'a> Search<'a> {
    fn new(
        (rows, owned_first): (&'a Rows, &[u32]),
        atoms: &'a Atoms,
        reach: f64,
        kept: Kept,
    ) -> Search<'a> {
        let order = rows.order(&atoms.position);
        let coordinate = [0, 1, 2].map(|d| {
            let mut values = vec![0.0; atoms.len() + WIDTH];
            let places = values.par_iter_mut().with_min_len(4096).zip(&order.atoms);
            places.for_each(|(value, &i)| {
                let i = i as usize;
                let place = atoms.position[i][d];
                *value = if atoms.is_removed(i) { f64::INFINITY } else { place };
            });
            values
        });
        let mut index = order.atoms;
        let mut ghosts_before = Vec::new();
        if kept == Kept::Once {
            let mut ghosts = 0;
            ghosts_before.push(0);
            ghosts_before.extend(index.iter().map(|&i| {
                ghosts += (i as usize >= atoms.owned) as u32;
                ghosts
            }));
        }
        index.resize(atoms.len() + WIDTH, 0);
        let (first, nearer) = (order.first, [0; QUARTERS]);
        let begin = |row: usize| owned_first[rows.pieces_of(row..row).start] as usize;
        let row_first = (0..=rows.total()).map(begin).collect();
        Search {
            rows,
            atoms,
            reach,
            row_first,
            first,
            coordinate,
            index,
            kept,
            nearer,
            ghosts_before,
        }
    }

    /// What of these atoms, a stretch, atom i has to look at: without ghosts among them they are
    /// owned atoms one after another, and those before i have the entries of their pairs with it.
    #[inline(always)]
    fn looked_at(&self, i: usize, stretch: Range<usize>) -> Range<usize> {
        let Range { start, end } = stretch;
        if self.kept == Kept::All || start == end {
            return stretch;
        }
        if self.ghosts_before[start] != self.ghosts_before[end] {
            return stretch;
        }
        let before = i.saturating_sub(self.index[start] as usize);
        (start + before).min(end)..end
    }

    /// The entry of atom j in the list of i; without a branch where there are no ghosts,
    /// because none could be predicted.
    #[inline(always)]
    fn entry(&self, i: u32, j: u32) -> u32 {
        if (j as usize) < self.atoms.owned {
            // The sign of i - j is where `MINE` is.
            return j | (i.wrapping_sub(j) & MINE);
        }
        j | (self.computes_pair(i as usize, j as usize) as u32 * MINE)
    }

    fn computes_pair(&self, i: usize, ghost: usize) -> bool {
        let (a, b) = (self.atoms.position[i], self.atoms.position[ghost]);
        let d = [b[0] - a[0], b[1] - a[1], b[2] - a[2]];
        computes_pair(self.atoms.id[i], self.atoms.id[ghost], d)
    }
}

/// The lists of some owned atoms that follow one another, the first of a block foremost, and
/// what it takes to make them.
#[derive(Default)]
struct PartLists {
    /// In shorts.
    lengths: Vec<u32>,
    shorts: Vec<u16>,
    windows: Vec<Windows>,
    count: Count,
    packer: Packer,
    /// Of the block at hand.
    entries: Vec<u32>,
    /// As in `Neighbours`.
    nearer: Vec<[u8; QUARTERS]>,
    /// Within reach of the atom at hand, itself included: indices and squared distances.
    near: Vec<u32>,
    square: Vec<f64>,
    /// The shells that these lie in, and the entries in the order of shells.
    shell: Vec<u32>,
    sorted: Vec<u32>,
}

impl PartLists {
    fn clear(&mut self) {
        let PartLists { lengths, shorts, windows, count, nearer, .. } = self;
        lengths.clear();
        shorts.clear();
        windows.clear();
        *count = Count::default();
        nearer.clear();
    }
}

#[inline(always)]
fn list_part<L: Lanes>(search: &Search, part: Range<usize>, lists: &mut PartLists) {
    lists.clear();
    lists.packer.ensure(search.atoms.len());
    let mut row = search.row_first.partition_point(|&first| first <= part.start) - 1;
    for block in part.clone().step_by(BLOCK) {
        let atoms = block..part.end.min(block + BLOCK);
        let first_length = lists.lengths.len();
        lists.entries.clear();
        for i in atoms {
            while i >= search.row_first[row + 1] {
                row += 1;
            }
            let before = lists.entries.len();
            list_atom::<L>(search, row, i, lists);
            lists.lengths.push((lists.entries.len() - before) as u32);
        }
        let PartLists { lengths, shorts, windows, count, packer, entries, .. } = lists;
        count.add(Count::of(entries, search.atoms.owned));
        let (of_block, each) = packer.pack::<L>(entries, shorts);
        windows.push(of_block);
        lengths[first_length..].iter_mut().for_each(|length| *length *= each as u32);
    }
}

/// Appends the entries of one atom.
#[inline(always)]
fn list_atom<L: Lanes>(search: &Search, row: usize, i: usize, lists: &mut PartLists) {
    if search.atoms.is_removed(i) {
        if search.kept == Kept::Once {
            lists.nearer.push([0; QUARTERS]);
        }
        return;
    }
    let count = find_near::<L>(search, row, i, lists);
    let ends = sort_by_shell::<L>(search, i as u32, count, lists);
    // An atom is the nearest of its own neighbours, but for those in the same place.
    let sorted = &mut lists.sorted[..count];
    let itself = sorted.iter().position(|&entry| entry == i as u32);
    sorted.swap(0, itself.expect("an atom is within reach of itself"));
    let before = lists.entries.len();
    match search.kept {
        Kept::All => lists.entries.extend_from_slice(&sorted[1..]),
        Kept::Once => {
            let owned = search.atoms.owned as u32;
            let kept = |entry: &&u32| **entry & MINE != 0 || **entry >= owned;
            let (mut nearer, mut done) = ([0; QUARTERS], 1);
            for (quarter, &shell) in search.nearer.iter().enumerate() {
                let end = ends[shell] as usize;
                lists.entries.extend(sorted[done..end].iter().filter(kept));
                let count = lists.entries.len() - before;
                nearer[quarter] = count.min(MANY as usize) as u8;
                done = end;
            }
            lists.entries.extend(sorted[done..].iter().filter(kept));
            lists.nearer.push(nearer);
        }
    }
}

/// Leaves all atoms within reach of atom i in `near` and `square` and returns their number.
#[inline(always)]
fn find_near<L: Lanes>(search: &Search, row: usize, i: usize, lists: &mut PartLists) -> usize {
    let position = &search.atoms.position[i];
    let [x0, y0, z0] = [L::splat(position[0]), L::splat(position[1]), L::splat(position[2])];
    let limit = L::splat(search.reach * search.reach);
    let mut count = 0;
    for cells in search.rows.stretches(row, position) {
        let stretch = search.first[cells.start] as usize..search.first[cells.end] as usize;
        let Range { start, end } = search.looked_at(i, stretch);
        let vectors = (end - start).div_ceil(WIDTH);
        if lists.near.len() < count + (vectors + 1) * WIDTH {
            make_room(lists, count + (vectors + 1) * WIDTH);
        }
        let all = start..start + vectors * WIDTH;
        let [x, y, z] = &search.coordinate;
        let x = x[all.clone()].as_chunks::<WIDTH>().0;
        let y = y[all.clone()].as_chunks::<WIDTH>().0;
        let z = z[all.clone()].as_chunks::<WIDTH>().0;
        let index = search.index[all].as_chunks::<WIDTH>().0;
        let mut valid = end - start;
        for (((x, y), z), index) in x.iter().zip(y).zip(z).zip(index) {
            let (dx, dy, dz) = (L::load(x) - x0, L::load(y) - y0, L::load(z) - z0);
            let square = dx * dx + dy * dy + dz * dz;
            let lanes = if valid < WIDTH { (1 << valid) - 1 } else { 0xff };
            let kept = L::bits(square.at_most(limit)) & lanes;
            square.compress(kept).store(eight_mut(&mut lists.square, count));
            L::compress_index(index, kept, eight_mut(&mut lists.near, count));
            count += kept.count_ones() as usize;
            valid = valid.wrapping_sub(WIDTH);
        }
    }
    count
}

#[cold]
fn make_room(lists: &mut PartLists, room: usize) {
    let room = 2 * room;
    lists.square.resize(room, 0.0);
    for values in [&mut lists.near, &mut lists.shell, &mut lists.sorted] {
        values.resize(room, 0);
    }
}

/// Shells for each Å²: a little less than one more, for the atom at reach.
fn shells_per_square(reach: f64) -> f64 {
    (SHELLS as f64 - 1e-6) / (reach * reach)
}

/// Puts the entries of the first `count` of `near` into the order of shells, in `sorted`.
/// Gives where each shell ends.
#[inline(always)]
fn sort_by_shell<L: Lanes>(
    search: &Search,
    i: u32,
    count: usize,
    lists: &mut PartLists,
) -> [u32; SHELLS] {
    let per_square = L::splat(shells_per_square(search.reach));
    let vectors = count.div_ceil(WIDTH);
    let squares = lists.square.as_chunks::<WIDTH>().0[..vectors].iter();
    let shells = lists.shell.as_chunks_mut::<WIDTH>().0[..vectors].iter_mut();
    for (square, shell) in squares.zip(shells) {
        *shell = (L::load(square) * per_square).truncate();
    }
    // Where the atoms of each shell begin: those of all shells within.
    let mut next = [0u32; SHELLS];
    for &shell in &lists.shell[..count] {
        next[shell as usize % SHELLS] += 1;
    }
    let mut begin = 0;
    for next in &mut next {
        (*next, begin) = (begin, begin + *next);
    }
    for (&j, &shell) in lists.near[..count].iter().zip(&lists.shell) {
        let next = &mut next[shell as usize % SHELLS];
        lists.sorted[*next as usize] = search.entry(i, j);
        *next += 1;
    }
    next
}
