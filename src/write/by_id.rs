//! Atoms in the order of their ids, whichever rank owns them: what goes into a
//! file is the same for any number of ranks and any decomposition.
//!
//! The ranks that touch files (`Comm::writers`) take them, each a portion of ids: a
//! whole number of blocks of `BLOCK` atoms, so that checksums of blocks do not
//! depend on the number of ranks either. Few atoms leave most ranks without any;
//! then the amount is small too.
//!
//! Where each value comes from is found once (`IdOrder::find`). Then one field of the atoms
//! after the other passes in rounds, through a few MB that stay in the cache: a portion is
//! never in memory a second time, and each array of a file is written from front to back.

use crate::comm::{Comm, parts, parts_mut};
use crate::error::{Error, Result};
use bytemuck::Pod;
use rayon::prelude::*;
use std::ops::Range;

/// Atoms in a block.
pub const BLOCK: u64 = 4096;

/// Atoms of each portion that pass in one round.
const ROUND: u64 = 32 * BLOCK;

/// The ids of writer `writer` among `writers`.
pub fn portion(total: u64, writer: usize, writers: usize) -> Range<u64> {
    let blocks = total.div_ceil(BLOCK);
    let start = |w: usize| (blocks * w as u64 / writers as u64 * BLOCK).min(total);
    start(writer)..start(writer + 1)
}

/// The writer whose portion holds this id.
fn holder(id: u64, total: u64, writers: usize) -> usize {
    let (block, blocks) = (id / BLOCK, total.div_ceil(BLOCK));
    (((block + 1) * writers as u64 - 1) / blocks) as usize
}

/// Where the value of an atom comes from: its number on this rank, or, with this bit, its
/// place among the values that the other ranks send in its round.
type Source = u32;
const RECEIVED: Source = 1 << 31;
const NOWHERE: Source = Source::MAX;

/// How the atoms of all ranks come into the order of their ids.
pub struct IdOrder<'c> {
    routes: Routes<'c>,
    /// Ids of this rank's portion; none if it is no writer.
    portion: Range<u64>,
    /// Of each atom of the portion.
    sources: Vec<Source>,
}

impl<'c> IdOrder<'c> {
    /// `ids`: those of the atoms that this rank owns. `total` is the number of atoms over all
    /// ranks, whose ids are 0 .. total - 1. Collective; an error on every rank if an id is
    /// missing, twice there or too large.
    pub fn find(comm: &'c Comm, ids: &[u64], total: u64) -> Result<IdOrder<'c>> {
        comm.agree(check_range(ids, total))?;
        let turns = Turns::new(comm, total);
        let portion = turns.own.map_or(0..0, |own| portion(total, own, turns.writers));
        let mut sources = vec![NOWHERE; (portion.end - portion.start) as usize];
        let mut complete = Ok(());
        let mut put = |place: usize, source: Source| {
            if std::mem::replace(&mut sources[place], source) != NOWHERE {
                let id = portion.start + place as u64;
                complete = Err(Error::Run(format!("atom {id} is owned twice")));
            }
        };
        let routes = Routes::find(comm, ids, &turns, |i| {
            put((ids[i] - portion.start) as usize, i as Source);
        });
        let within = |i: usize| (turns.place_of(ids[i]) % ROUND) as u32;
        routes.carry(within, |round, places| {
            for (n, &place) in places.iter().enumerate() {
                put(round * ROUND as usize + place as usize, n as Source | RECEIVED);
            }
        });
        let missing = sources.iter().position(|&source| source == NOWHERE);
        comm.agree(complete.and(match missing {
            None => Ok(()),
            Some(place) => {
                let id = portion.start + place as u64;
                Err(Error::Run(format!("atom {id} is lost: no rank owns it")))
            }
        }))?;
        Ok(IdOrder { routes, portion, sources })
    }

    pub fn comm(&self) -> &'c Comm {
        self.routes.comm
    }

    /// Passes `value(i)` of every atom i of this rank to the rank that holds its portion. There
    /// `take` gets the values in order of id, in as many rounds on every writer, with the id
    /// of the first, at least once; after an error no more. Collective but for its outcome.
    pub fn pass<T: Pod + Send + Sync>(
        &self,
        value: impl Fn(usize) -> T + Sync,
        mut take: impl FnMut(u64, &[T]) -> Result<()>,
    ) -> Result<()> {
        let is_writer = self.comm().writers().group.is_some();
        let mut sorted = Vec::new();
        let mut outcome = Ok(());
        self.routes.carry(&value, |round, received| {
            if is_writer && outcome.is_ok() {
                let length = self.sources.len();
                let first = (round * ROUND as usize).min(length);
                let sources = &self.sources[first..(first + ROUND as usize).min(length)];
                let pick = |&source: &Source| match source & RECEIVED {
                    0 => value(source as usize),
                    _ => received[(source ^ RECEIVED) as usize],
                };
                sources.par_iter().map(pick).collect_into_vec(&mut sorted);
                outcome = take(self.portion.start + first as u64, &sorted);
            }
        });
        outcome
    }
}

fn check_range(ids: &[u64], total: u64) -> Result<()> {
    assert!(ids.len() < RECEIVED as usize, "atoms of a rank are numbered in 31 bits");
    match ids.iter().find(|&&id| id >= total) {
        Some(id) => Err(Error::Run(format!("atom {id} among {total} atoms: its id is too large"))),
        None => Ok(()),
    }
}

/// When the atoms of each block pass, and to which writer.
struct Turns {
    total: u64,
    writers: usize,
    /// The number of this rank among the writers.
    own: Option<usize>,
    rounds: usize,
    /// Of each block: round times `writers`, plus writer.
    of_block: Vec<u32>,
}

impl Turns {
    fn new(comm: &Comm, total: u64) -> Turns {
        let ranks = &comm.writers().ranks;
        let writers = ranks.len();
        let longest =
            (0..writers).map(|w| portion(total, w, writers)).map(|s| s.end - s.start).max();
        let mut turns = Turns {
            total,
            writers,
            own: ranks.iter().position(|&rank| rank == comm.rank()),
            rounds: longest.unwrap_or(0).div_ceil(ROUND).max(1) as usize,
            of_block: Vec::new(),
        };
        let turn = |id| {
            let (round, to) = (turns.place_of(id) / ROUND, holder(id, total, writers));
            round as u32 * writers as u32 + to as u32
        };
        turns.of_block = (0..total).step_by(BLOCK as usize).map(turn).collect();
        turns
    }

    /// Where an atom stands in its portion.
    fn place_of(&self, id: u64) -> u64 {
        id - portion(self.total, holder(id, self.total, self.writers), self.writers).start
    }

    fn of(&self, id: u64) -> usize {
        self.of_block[(id / BLOCK) as usize] as usize
    }

    fn is_own(&self, turn: usize) -> bool {
        self.own == Some(turn % self.writers)
    }
}

/// What travels between ranks, round by round.
struct Routes<'c> {
    comm: &'c Comm,
    rounds: Vec<Round>,
    /// Atoms of this rank in portions of others, in the order in which they travel.
    leaving: Vec<u32>,
}

/// How many values go to each rank and come from each.
#[derive(Default)]
struct Round {
    to: Vec<(usize, usize)>,
    from: Vec<(usize, usize)>,
}

impl<'c> Routes<'c> {
    /// `stay` is told the atoms that do not travel.
    fn find(comm: &'c Comm, ids: &[u64], turns: &Turns, mut stay: impl FnMut(usize)) -> Self {
        let mut counts = vec![0u32; turns.rounds * turns.writers];
        for &id in ids {
            counts[turns.of(id)] += 1;
        }
        let mut places = Vec::with_capacity(counts.len());
        let mut total = 0;
        for (turn, count) in counts.iter_mut().enumerate() {
            if turns.is_own(turn) {
                *count = 0;
            }
            places.push(total);
            total += *count as usize;
        }
        let mut leaving = vec![0; total];
        for (i, &id) in ids.iter().enumerate() {
            let turn = turns.of(id);
            if turns.is_own(turn) {
                stay(i);
            } else {
                leaving[places[turn]] = i as u32;
                places[turn] += 1;
            }
        }
        Routes { comm, rounds: announce(comm, &counts, turns), leaving }
    }

    /// Carries `value(i)` of the travelling atoms; `arrive` gets what came in each round.
    fn carry<T: Pod + Send + Sync>(
        &self,
        value: impl Fn(usize) -> T + Sync,
        mut arrive: impl FnMut(usize, &[T]),
    ) {
        let mut rest = &self.leaving[..];
        let (mut sent, mut received) = (Vec::new(), Vec::new());
        for (number, Round { to, from }) in self.rounds.iter().enumerate() {
            let (now, later) = rest.split_at(to.iter().map(|&(_, count)| count).sum());
            rest = later;
            now.par_iter().map(|&i| value(i as usize)).collect_into_vec(&mut sent);
            received.resize(from.iter().map(|&(_, count)| count).sum(), T::zeroed());
            let sends = parts(&sent, to.iter().copied());
            let mut receives = parts_mut(&mut received, from.iter().copied());
            self.comm.transport().transfer(&sends, &mut receives);
            arrive(number, &received);
        }
    }
}

/// Tells the writers how much will come; `counts` are of each turn.
fn announce(comm: &Comm, counts: &[u32], turns: &Turns) -> Vec<Round> {
    let mut rounds: Vec<Round> = (0..turns.rounds).map(|_| Round::default()).collect();
    let mut send = Vec::new();
    for (to, &rank) in comm.writers().ranks.iter().enumerate() {
        let by_round: Vec<u32> = counts.iter().skip(to).step_by(turns.writers).copied().collect();
        for (round, &count) in rounds.iter_mut().zip(&by_round).filter(|(_, count)| **count > 0) {
            round.to.push((rank, count as usize));
        }
        if by_round.iter().any(|&count| count > 0) {
            send.push((rank, by_round));
        }
    }
    for (rank, by_round) in comm.exchange(&send) {
        for (round, &count) in rounds.iter_mut().zip(&by_round).filter(|(_, count)| **count > 0) {
            round.from.push((rank, count as usize));
        }
    }
    rounds
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::comm::threads;

    /// On one rank more than two rounds; several blocks and a part of one.
    const TOTAL: u64 = 2 * ROUND + 3 * BLOCK + 17;

    /// Deals ids to ranks like cards, in falling order.
    fn dealt(comm: &Comm, total: u64) -> Vec<u64> {
        share(comm, &(0..total).collect::<Vec<_>>())
    }

    fn share(comm: &Comm, ids: &[u64]) -> Vec<u64> {
        let is_mine = |id: &u64| (id * 7 % 5) as usize % comm.size() == comm.rank();
        ids.iter().copied().rev().filter(is_mine).collect()
    }

    #[test]
    fn portions_cover_every_id_once_and_know_their_holder() {
        for total in [1, BLOCK - 1, BLOCK, TOTAL] {
            for ranks in [1, 2, 3, 8, 300] {
                let mut next = 0;
                for rank in 0..ranks {
                    let portion = portion(total, rank, ranks);
                    assert_eq!(portion.start, next);
                    next = portion.end;
                    for id in [portion.start, portion.end.saturating_sub(1)] {
                        assert!(portion.is_empty() || holder(id, total, ranks) == rank);
                    }
                }
                assert_eq!(next, total);
            }
        }
    }

    #[test]
    fn portions_joined_are_all_atoms_in_order_for_any_number_of_ranks() {
        for ranks in [1, 2, 3, 5] {
            let portions = threads::run(ranks, |comm| {
                let mine = dealt(comm, TOTAL);
                let order = IdOrder::find(comm, &mine, TOTAL).unwrap();
                let (mut ids, mut vectors) = (Vec::new(), Vec::new());
                let start = portion(TOTAL, comm.rank(), ranks).start;
                order
                    .pass(
                        |i| mine[i],
                        |first, values| {
                            assert_eq!(first, start + ids.len() as u64);
                            ids.extend_from_slice(values);
                            Ok(())
                        },
                    )
                    .unwrap();
                let vector = |i: usize| [mine[i] as f64, 0.5, -1.0];
                let take = |_, values: &[[f64; 3]]| {
                    vectors.extend_from_slice(values);
                    Ok(())
                };
                order.pass(vector, take).unwrap();
                (ids, vectors)
            });
            let (ids, vectors): (Vec<_>, Vec<_>) = portions.into_iter().unzip();
            assert!(ids.concat().into_iter().eq(0..TOTAL), "{ranks} ranks");
            let expected = (0..TOTAL).map(|id| [id as f64, 0.5, -1.0]);
            assert!(vectors.concat().into_iter().eq(expected), "{ranks} ranks");
        }
    }

    #[test]
    fn a_lost_and_a_doubled_atom_are_named_on_every_rank() {
        let messages = |ids: fn() -> Vec<u64>| {
            threads::run(2, move |comm| {
                let found = IdOrder::find(comm, &share(comm, &ids()), 10);
                found.err().expect("it must be found").to_string()
            })
        };
        let lost = messages(|| (0..10).filter(|&id| id != 4).collect());
        assert!(lost.iter().all(|m| m.contains("atom 4 is lost")), "{lost:?}");
        let twice = messages(|| (0..10).chain([4]).collect());
        assert!(twice.iter().all(|m| m.contains("atom 4 is owned twice")), "{twice:?}");
        let large = messages(|| (0..11).collect());
        assert!(large.iter().all(|m| m.contains("atom 10 among 10")), "{large:?}");
    }
}
