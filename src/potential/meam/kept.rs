//! What serves for several evaluations: which pairs and third atoms were found.
//!
//! Atoms fly straight for some steps, nearly. So when they are looked at, the place is noted where each
//! is expected to be in the middle of some evaluations, and how far from there it may be until
//! their end. The filter finds what may count as long as all keep to that. After these evaluations it
//! looks again, counted from the neighbour list, so that all ranks do so in the same one: each waits for
//! those that look. Before that it does only where an atom does not keep to its way. What was found is
//! kept for each tile.
//!
//! The way of an atom in the evaluation before tells how it flies. How far it may leave the straight line is
//! a length, for lighter atoms more. It shrinks until one has left its way before the time; then it grows, and
//! shrinks only as slowly as makes that rare among all atoms of all ranks. Where atoms fly so fast that nothing
//! would be gained, or there are so many that memory counts for more, all is found anew each time.
//!
//! Invariant: what is found is a matter of speed. Whatever does not count has a screening of exactly
//! 0 or a factor of exactly 1, so no bit of a result depends on when something was found.

use super::Members;
use super::filter::{CoarseAtom, PER_ANGSTROM, SPECIES, blur_of, coarse_atom, coarse_position};
use super::records::Selection;
use crate::lanes::{Loop, run_loop};
use crate::potential::Environment;
use rayon::prelude::*;
use std::collections::HashMap;
use std::ops::Range;
use std::sync::{Mutex, MutexGuard, PoisonError};

/// Å: where one atom might be farther from its place, too much would be looked at that does not count.
const MOST_BLUR: f64 = 0.15;

/// Å: how far the lightest atoms may leave a straight line, at first and at least.
const FIRST_BEND: f32 = 0.02;
const LEAST_BEND: f32 = 0.001;

/// Evaluations for which what is found shall serve: with fewer too much is looked for, with more too
/// much is found (benches/README.md).
const EVALUATIONS: u32 = 3;

/// By how much the bend grows when an atom has left its way before the time.
const GROWTH: f32 = 1.2;

/// What part of the looks shall be before the time, while none has been yet, ...
const EARLY_AT_FIRST: f32 = 0.2;
/// ... and later for each atom of a rank: one of twenty-five for a million atoms, on however many ranks, as all
/// wait for the one that looks.
const EARLY_OF_ATOM: f32 = 4e-8;

/// Atoms worth a task of their own.
const TASK: usize = 4096;

/// Whose finds are kept, and for how long.
#[derive(Debug)]
pub struct Keeping {
    /// The mass of the lightest species over that of each.
    pub lightness: Vec<f32>,
    /// Atoms that a rank owns up to which what was found is kept.
    pub most_atoms: usize,
}

impl Keeping {
    /// Where ranks own more atoms, memory counts for more than time (benches/README.md).
    const MOST_ATOMS: usize = 1_000_000;

    /// For species of these masses.
    pub fn new(masses: impl Iterator<Item = f64> + Clone) -> Keeping {
        let lightest = masses.clone().fold(f64::INFINITY, f64::min);
        let lightness = masses.map(|mass| (lightest / mass) as f32).collect();
        Keeping { lightness, most_atoms: Keeping::MOST_ATOMS }
    }
}

/// What the phases of the potential see of all atoms, from evaluation to evaluation.
#[derive(Debug, Default)]
pub struct Prepared {
    pub coarse: Vec<CoarseAtom>,
    /// How far from there one of them may be at most, coarse units.
    pub most: i32,
    /// Grows whenever `coarse` is written; never 0 then.
    pub version: u64,
    /// Where they were at the last evaluation.
    before: Vec<[i32; 3]>,
    /// For which neighbour list (`Neighbours::number`).
    list: Option<u64>,
    /// Whether the owned atoms were noted anew in this evaluation.
    is_fresh: bool,
    /// Whether there are few enough atoms.
    keeps: bool,
    /// Evaluations since `coarse` was written.
    age: u32,
    /// Evaluations with this list before the present one.
    evaluations: u32,
    /// How far the lightest atoms may leave a straight line, Å.
    bend: f32,
    /// Whether one has left its way before the time.
    has_left: bool,
    tiles: Mutex<Tiles>,
}

/// What was found, by the first atom of a tile; and what is of no use any more but for its memory.
#[derive(Debug, Default)]
struct Tiles {
    found: HashMap<usize, Selection>,
    free: Vec<Selection>,
}

impl Tiles {
    /// The smallest that has room for so many atoms, else the greatest.
    fn take_free(&mut self, atoms: usize) -> Option<Selection> {
        let fit = |(_, free): &(usize, &Selection)| match free.room.checked_sub(atoms) {
            Some(more) => more,
            None => usize::MAX - free.room,
        };
        let (n, _) = self.free.iter().enumerate().min_by_key(fit)?;
        let mut free = self.free.swap_remove(n);
        // It may be of this very evaluation, but of another tile.
        free.version = 0;
        Some(free)
    }
}

impl Prepared {
    /// Bytes of each atom, owned or ghost, of a rank that owns so many; and of each owned one besides.
    pub fn bytes_of_atom(owned: usize, keeping: &Keeping) -> [f64; 2] {
        let place = size_of::<CoarseAtom>() as f64;
        match owned <= keeping.most_atoms {
            true => [place + size_of::<[i32; 3]>() as f64, Selection::bytes_of_atom()],
            false => [place, 0.0],
        }
    }

    /// Takes notice of where these atoms are: all owned ones, then all ghosts, of which there may be
    /// none.
    pub fn notice(
        &mut self,
        env: Environment,
        members: &Members,
        keeping: &Keeping,
        atoms: Range<usize>,
    ) {
        let flight = Flight { env, members, lightness: &keeping.lightness };
        let begins = atoms.start == 0 && atoms.end <= env.owned;
        if begins {
            self.age += 1;
            let number = Some(env.neighbours.number());
            if self.list != number {
                self.list = number;
                self.evaluations = 0;
                self.keeps = env.owned <= keeping.most_atoms;
                self.forget();
                self.is_fresh = true;
            } else {
                self.evaluations += 1;
                self.is_fresh = !self.keeps || self.evaluations % EVALUATIONS == 1;
            }
            let leaves = !self.is_fresh && self.leave(flight, atoms.clone());
            self.is_fresh |= leaves;
            if self.is_fresh {
                self.renew(leaves, env.owned);
            }
        }
        if self.is_fresh {
            self.note(flight, atoms.clone());
        } else if !begins && self.leave(flight, atoms.clone()) {
            // Tiles that see no ghosts have had theirs by what was found before.
            self.renew(true, env.owned);
            self.note(flight, 0..env.position.len());
        }
        if self.keeps && !begins {
            self.remember(env);
        }
    }

    /// Places from now on are others, as an atom has left its own or because it is time.
    fn renew(&mut self, leaves: bool, owned: usize) {
        self.version += 1;
        if self.bend == 0.0 {
            self.bend = FIRST_BEND;
        } else if self.most > 0 && (leaves || self.age >= EVALUATIONS) {
            self.has_left |= leaves;
            let early = if self.has_left { EARLY_OF_ATOM * owned as f32 } else { EARLY_AT_FIRST };
            let factor = if leaves { GROWTH } else { GROWTH.powf(-early) };
            self.bend = (factor * self.bend).clamp(LEAST_BEND, MOST_BLUR as f32);
        }
        (self.most, self.age) = (0, 0);
    }

    /// Whether one of these atoms is farther from its place than it may be, or has become another.
    fn leave(&self, flight: Flight, atoms: Range<usize>) -> bool {
        if self.coarse.len() < atoms.end {
            return true;
        }
        let parts = self.coarse[atoms.clone()].par_chunks(TASK);
        let parts = parts.zip(flight.env.position[atoms.clone()].par_chunks(TASK));
        let parts = parts.zip(flight.env.species[atoms].par_chunks(TASK));
        parts.any(|((place, now), species)| flight.one_leaves(place, now, species))
    }

    /// Notes where these atoms are to be for some evaluations: here, if nothing is known of their
    /// flight or one of them flies too fast.
    fn note(&mut self, flight: Flight, atoms: Range<usize>) {
        let missing = flight.env.position.len().saturating_sub(self.coarse.len());
        self.coarse.reserve_exact(missing);
        self.coarse.resize(self.coarse.len() + missing, Default::default());
        let here = flight.env.position[atoms.clone()].par_chunks(TASK);
        let here = here.zip(flight.env.species[atoms.clone()].par_chunks(TASK));
        let places = self.coarse[atoms.clone()].par_chunks_mut(TASK);
        if self.before.len() >= atoms.end {
            let bend = self.bend * PER_ANGSTROM as f32;
            let before = self.before[atoms.clone()].par_chunks(TASK);
            let most = places
                .zip(before)
                .zip(here.clone())
                .map(|((places, before), (now, species))| {
                    run_loop(Expect { flight, places, before, now, species, bend })
                })
                .reduce(|| 0, i32::max);
            if most <= (MOST_BLUR * PER_ANGSTROM) as i32 {
                self.most = self.most.max(most);
                return;
            }
        }
        let places = self.coarse[atoms].par_chunks_mut(TASK);
        places.zip(here).for_each(|(places, (now, species))| {
            for ((place, now), &species) in places.iter_mut().zip(now).zip(species) {
                *place = coarse_atom(flight.members, now, species);
            }
        });
    }

    fn remember(&mut self, env: Environment) {
        self.before.resize(env.position.len(), [0; 3]);
        let before = self.before.par_chunks_mut(TASK);
        before.zip(env.position.par_chunks(TASK)).for_each(|(before, now)| {
            run_loop(Remember { before, now });
        });
    }

    /// What was found for a tile of these atoms, or once for another of about as many: the memory of
    /// each grows to what its greatest tile has needed.
    pub fn take(&self, atoms: &Range<usize>) -> Selection {
        let mut tiles = self.tiles();
        let known = tiles.found.remove(&atoms.start);
        known.or_else(|| tiles.take_free(atoms.len())).unwrap_or_default()
    }

    /// Keeps what was found for a tile.
    pub fn give_back(&self, first: usize, found: Selection) {
        let mut tiles = self.tiles();
        match self.keeps {
            true => drop(tiles.found.insert(first, found)),
            false => tiles.free.push(found),
        }
    }

    /// Atoms and tiles are others now.
    fn forget(&mut self) {
        let Tiles { found, free } = self.tiles.get_mut().unwrap_or_else(PoisonError::into_inner);
        free.clear();
        if self.keeps {
            free.extend(found.drain().map(|(_, found)| found));
            self.before.clear();
        } else {
            (*found, self.before) = Default::default();
        }
        self.most = 0;
    }

    fn tiles(&self) -> MutexGuard<'_, Tiles> {
        self.tiles.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What tells how atoms fly.
#[derive(Clone, Copy)]
struct Flight<'a> {
    env: Environment<'a>,
    members: &'a Members,
    lightness: &'a [f32],
}

impl Flight<'_> {
    fn one_leaves(self, place: &[CoarseAtom], now: &[[f64; 4]], species: &[u8]) -> bool {
        let is_same = |(place, &species): (&CoarseAtom, &u8)| {
            self.members.own(species) == Some((place[3] as u32 & SPECIES) as u8)
        };
        if place.iter().zip(species).all(is_same) {
            return run_loop(Farthest { place, now }) > 0.0;
        }
        place.iter().zip(now).zip(species).any(|((place, now), &species)| {
            let now = coarse_atom(self.members, now, species);
            (now[3] ^ place[3]) as u32 & SPECIES != 0
                || beyond([now[0], now[1], now[2]], place) > 0.0
        })
    }
}

/// Where atoms will be in the middle of some evaluations, and within what they will be until the
/// end of these. Gives the most of it.
struct Expect<'a> {
    flight: Flight<'a>,
    places: &'a mut [CoarseAtom],
    before: &'a [[i32; 3]],
    now: &'a [[f64; 4]],
    species: &'a [u8],
    bend: f32,
}

impl Loop for Expect<'_> {
    type Output = i32;

    #[inline(always)]
    fn run(self) -> i32 {
        let Expect { flight: Flight { members, lightness, .. }, bend, .. } = self;
        let ahead = 0.5 * (EVALUATIONS - 1) as f32;
        let mut most = 0;
        let atoms = self.before.iter().zip(self.now).zip(self.species);
        for (place, ((before, now), &species)) in self.places.iter_mut().zip(atoms) {
            let mut atom = coarse_atom(members, now, species);
            let lightness = members.own(species).map_or(1.0, |own| lightness[own as usize]);
            let here = coarse_position(now);
            let mut square = 0.0;
            for c in 0..3 {
                let way = here[c].wrapping_sub(before[c]) as f32 * ahead;
                square += way * way;
                atom[c] = atom[c].wrapping_add(way as i32);
            }
            // Up to the next multiple, above the roundings.
            let blur = (square.sqrt() + bend * lightness) as i32 + SPECIES as i32 + 4;
            let blur = blur & !(SPECIES as i32);
            most = if blur > most { blur } else { most };
            atom[3] |= blur;
            *place = atom;
        }
        most
    }
}

/// By how much an atom is farther from its place than it may be: a difference of squares.
#[inline(always)]
fn beyond(now: [i32; 3], place: &CoarseAtom) -> f32 {
    let blur = blur_of(place[3]);
    let mut square = 0.0;
    for c in 0..3 {
        let d = now[c].wrapping_sub(place[c]) as f32;
        square += d * d;
    }
    square - blur * blur
}

struct Farthest<'a> {
    place: &'a [CoarseAtom],
    now: &'a [[f64; 4]],
}

impl Loop for Farthest<'_> {
    type Output = f32;

    #[inline(always)]
    fn run(self) -> f32 {
        let mut most = f32::NEG_INFINITY;
        for (place, now) in self.place.iter().zip(self.now) {
            let beyond = beyond(coarse_position(now), place);
            most = if beyond > most { beyond } else { most };
        }
        most
    }
}

struct Remember<'a> {
    before: &'a mut [[i32; 3]],
    now: &'a [[f64; 4]],
}

impl Loop for Remember<'_> {
    type Output = ();

    #[inline(always)]
    fn run(self) {
        for (before, now) in self.before.iter_mut().zip(self.now) {
            *before = coarse_position(now);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::atoms::Species;
    use crate::fixed::Quantum;
    use crate::neighbour::Neighbours;

    const ATOMS: usize = 100;

    struct Flock {
        prepared: Prepared,
        position: Vec<[f64; 4]>,
        species: Vec<u8>,
    }

    impl Flock {
        fn new() -> Flock {
            let position = (0..ATOMS).map(|n| [3.0 * n as f64, 0.0, 0.0, 0.0]).collect();
            let species = (0..ATOMS).map(|n| (n % 3 == 0) as u8).collect();
            Flock { prepared: Prepared::default(), position, species }
        }

        /// Each flies so far, Å, and is looked at, the last ten as ghosts; the version then.
        fn fly(&mut self, way: impl Fn(usize) -> f64) -> u64 {
            let (neighbours, owned) = (Neighbours::default(), ATOMS - 10);
            for (n, position) in self.position.iter_mut().enumerate() {
                position[n % 3] += way(n);
            }
            let species =
                |symbol: &str| Species { symbol: symbol.into(), mass: 1.0, atomic_number: 1 };
            let members = Members::new(&["A", "B"], &[species("A"), species("B")]);
            let env = Environment {
                owned,
                position: &self.position[..owned],
                species: &self.species,
                id: &[],
                neighbours: &neighbours,
                quantum: Quantum::STANDARD,
            };
            let keeping = Keeping::new([1.0, 0.3].into_iter());
            self.prepared.notice(env, &members, &keeping, 0..owned);
            let env = env.at(&self.position);
            self.prepared.notice(env, &members, &keeping, owned..ATOMS);
            self.hold();
            self.prepared.version
        }

        /// All are where they may be.
        fn hold(&self) {
            let kinds = self.position.iter().zip(&self.prepared.coarse);
            for (position, place) in kinds {
                let beyond = beyond(coarse_position(position), place);
                assert!(beyond <= 0.0, "{position:?} {place:?}");
            }
            let blurs = self.prepared.coarse.iter().map(|place| place[3] & !(SPECIES as i32));
            assert_eq!(blurs.max(), Some(self.prepared.most));
        }
    }

    #[test]
    fn what_is_found_serves_while_atoms_fly_straight() {
        let mut flock = Flock::new();
        let way = |n: usize| 0.001 * (n % 30) as f64;
        let mut versions = vec![flock.fly(|_| 0.0)];
        versions.extend((0..12).map(|_| flock.fly(way)));
        // Nothing is known of their flight at first.
        assert_eq!(versions[0], 1);
        let looks = versions.windows(2).filter(|pair| pair[0] != pair[1]).count();
        assert!((2..=1 + 12 / EVALUATIONS as usize).contains(&looks), "{versions:?}");
        assert!(flock.prepared.most > 0);
    }

    #[test]
    fn atoms_that_leave_their_way_or_become_others_are_noticed() {
        let way = |_: usize| 0.01;
        for single in [3, ATOMS - 3] {
            let mut flock = Flock::new();
            (0..3).for_each(|_| _ = flock.fly(way));
            let before = flock.prepared.version;
            let version = flock.fly(|n| if n == single { 0.15 } else { 0.01 });
            assert!(version > before, "atom {single}");
            // Once it is known how they fly.
            (0..4).for_each(|_| _ = flock.fly(way));
            let before = flock.fly(|_| 0.0);
            flock.species[single] = 1 - flock.species[single];
            assert!(flock.fly(|_| 0.0) > before, "atom {single}");
        }
    }

    /// Ranks wait for each other: where one looks again, all should.
    #[test]
    fn atoms_that_keep_to_their_ways_are_looked_at_in_the_same_evaluations_whatever_these_are() {
        let looks = |way: &dyn Fn(usize) -> f64| {
            let mut flock = Flock::new();
            (0..12).map(|_| flock.fly(way)).collect::<Vec<u64>>()
        };
        let slow = looks(&|n| 0.0003 * (n % 7) as f64);
        assert_eq!(slow, looks(&|n| 0.002 * (n % 13) as f64));
        // When nothing is known of their flight, when it is known, and then every third time.
        assert_eq!(slow, [1, 2, 2, 2, 3, 3, 3, 4, 4, 4, 5, 5]);
    }

    #[test]
    fn how_far_atoms_may_leave_their_ways_shrinks_until_one_does_and_hardly_later() {
        let mut flock = Flock::new();
        (0..30).for_each(|_| _ = flock.fly(|_| 0.01));
        let narrow = flock.prepared.bend;
        assert!(narrow < 0.8 * FIRST_BEND, "{narrow}");
        // One flies round a corner in the evaluation after a look.
        assert_eq!(flock.prepared.age, 1);
        _ = flock.fly(|n| if n == 4 { 0.06 } else { 0.01 });
        let wide = flock.prepared.bend;
        assert!((wide / narrow - GROWTH).abs() < 1e-4, "{wide} {narrow}");
        (0..300).for_each(|_| _ = flock.fly(|_| 0.01));
        assert!(flock.prepared.bend > 0.999 * wide);
        assert!(flock.prepared.bend < wide);
    }

    #[test]
    fn what_was_found_for_one_tile_is_never_taken_for_that_of_another() {
        let found = || {
            let mut found = Selection::default();
            (found.version, found.room) = (5, 10);
            found
        };
        let few = Prepared { keeps: true, ..Prepared::default() };
        few.give_back(20, found());
        assert_eq!(few.take(&(20..30)).version, 5);
        assert_eq!(few.take(&(20..30)).version, 0);
        // Where there are too many to keep, its memory serves the next tile.
        let many = Prepared::default();
        for tile in [20..30, 30..40] {
            many.give_back(20, found());
            let taken = many.take(&tile);
            assert_eq!((taken.version, taken.room), (0, 10));
        }
    }

    #[test]
    fn of_atoms_that_fly_too_fast_nothing_is_expected() {
        let mut flock = Flock::new();
        for step in 0..5 {
            assert_eq!(flock.fly(|n| if n == 7 { 0.5 } else { 0.01 }), 1 + step);
        }
        // Ghosts, and owned ones but the seventh, have their ways: only together they count.
        assert!(flock.prepared.coarse[..ATOMS - 10].iter().all(|atom| atom[3] <= 1));
    }
}
