//! Atoms in the order of their ids, whichever rank owns them: what goes into a
//! file is the same for any number of ranks and any decomposition.
//!
//! The ranks that touch files (`Comm::writers`) hold them, each a slab of ids: a
//! whole number of blocks of `BLOCK` atoms, so that checksums of blocks do not
//! depend on the number of ranks either. Few atoms leave most ranks without any;
//! then the amount is small too.

use crate::atoms::{Atom, Atoms, FixedForce};
use crate::comm::Comm;
use crate::error::{Error, Result};
use std::ops::Range;

/// Atoms in a block.
pub const BLOCK: u64 = 4096;

/// Atoms that one rank receives in one round of the exchange: bounds the memory
/// that the exchange takes.
const ROUND: u64 = 64 * BLOCK;

/// The ids of writer `writer` among `writers`.
pub fn slab(total: u64, writer: usize, writers: usize) -> Range<u64> {
    let blocks = total.div_ceil(BLOCK);
    let start = |w: usize| (blocks * w as u64 / writers as u64 * BLOCK).min(total);
    start(writer)..start(writer + 1)
}

/// The ids of this rank; none if it is no writer.
fn own_slab(comm: &Comm, total: u64) -> Range<u64> {
    let group = comm.writers().group.as_ref();
    group.map_or(0..0, |group| slab(total, group.rank(), group.size()))
}

/// The writer whose slab holds this id.
fn holder(id: u64, total: u64, writers: usize) -> usize {
    let (block, blocks) = (id / BLOCK, total.div_ceil(BLOCK));
    (((block + 1) * writers as u64 - 1) / blocks) as usize
}

/// An atom with its force, as it travels to its slab.
#[repr(C)]
#[derive(Clone, Copy, bytemuck::Pod, bytemuck::Zeroable)]
struct Record {
    atom: Atom,
    force: FixedForce,
}

/// The atoms of this rank's slab, in order of id, from those that it owns; none on a
/// rank that is no writer. `total` is the number of atoms over all ranks, whose ids are 0 .. total - 1.
/// Collective; an error on every rank if an id is missing, twice there or too large.
pub fn by_id(comm: &Comm, atoms: &Atoms, total: u64) -> Result<Atoms> {
    comm.agree(check_range(atoms, total))?;
    let writers = comm.writers().ranks.len();
    let mine = own_slab(comm, total);
    let longest = (0..writers).map(|w| slab(total, w, writers)).map(|s| s.end - s.start);
    let rounds = longest.max().unwrap_or(0).div_ceil(ROUND);

    let round_of = |id: u64| {
        let to = holder(id, total, writers);
        (id - slab(total, to, writers).start) / ROUND
    };
    let mut order: Vec<(u64, u32)> =
        (0..atoms.owned).map(|i| (round_of(atoms.id[i]), i as u32)).collect();
    order.sort_unstable();

    let mut sorted = Atoms { quantum: atoms.quantum, ..Atoms::default() };
    let mut rest = &order[..];
    let mut complete = Ok(());
    for round in 0..rounds {
        let (now, later) = rest.split_at(rest.partition_point(|&(r, _)| r == round));
        rest = later;
        let records = trade(comm, atoms, now, total);
        let start = mine.start + (round * ROUND).min(mine.end - mine.start);
        let expected = start..(start + ROUND).min(mine.end);
        if complete.is_ok() {
            complete = append(&mut sorted, records, expected);
        }
    }
    comm.agree(complete)?;
    Ok(sorted)
}

fn check_range(atoms: &Atoms, total: u64) -> Result<()> {
    match atoms.id[..atoms.owned].iter().find(|&&id| id >= total) {
        Some(id) => Err(Error::Run(format!("atom {id} among {total} atoms: its id is too large"))),
        None => Ok(()),
    }
}

/// Sends the atoms `now` of this rank to their slabs and returns what came here.
fn trade(comm: &Comm, atoms: &Atoms, now: &[(u64, u32)], total: u64) -> Vec<Record> {
    let writers = &comm.writers().ranks;
    let mut send: std::collections::BTreeMap<usize, Vec<Record>> = Default::default();
    for &(_, i) in now {
        let i = i as usize;
        let record = Record { atom: atoms.record(i), force: atoms.force[i] };
        send.entry(writers[holder(record.atom.id, total, writers.len())]).or_default().push(record);
    }
    let send: Vec<(usize, Vec<Record>)> = send.into_iter().collect();
    comm.exchange(&send).into_iter().flat_map(|(_, records)| records).collect()
}

fn append(sorted: &mut Atoms, mut records: Vec<Record>, expected: Range<u64>) -> Result<()> {
    records.sort_unstable_by_key(|record| record.atom.id);
    let mut wanted = expected.clone();
    for record in &records {
        match wanted.next() {
            Some(id) if id == record.atom.id => {}
            Some(id) if id < record.atom.id => return Err(lost(id)),
            _ => {
                let id = record.atom.id;
                return Err(Error::Run(format!("atom {id} is owned twice")));
            }
        }
        sorted.push_owned(&record.atom);
        *sorted.force.last_mut().expect("just pushed") = record.force;
    }
    wanted.next().map_or(Ok(()), |id| Err(lost(id)))
}

fn lost(id: u64) -> Error {
    Error::Run(format!("atom {id} is lost: no rank owns it"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::comm::threads;

    /// More than two rounds' worth would be slow; several blocks and a part of one.
    const TOTAL: u64 = 3 * BLOCK + 17;

    fn atom(id: u64) -> Atom {
        Atom {
            id,
            position: [id as f64, 0.5, -1.0],
            velocity: [0.25 * id as f64, 1.0, 2.0],
            image: [id as i32, 0, -1],
            particle: (id % 3) as u32,
            species: (id % 2) as u32,
            padding: 0,
        }
    }

    /// Deals atoms to ranks like cards, in falling order.
    fn dealt(comm: &Comm, ids: impl DoubleEndedIterator<Item = u64>) -> Atoms {
        let mine: Vec<Atom> = ids
            .rev()
            .filter(|id| (id * 7 % 5) as usize % comm.size() == comm.rank())
            .map(atom)
            .collect();
        let mut atoms = Atoms::from_list(&mine);
        for (force, id) in atoms.force.iter_mut().zip(&atoms.id) {
            *force = [*id as i64, 1, 2, 3];
        }
        atoms
    }

    #[test]
    fn slabs_cover_every_id_once_and_know_their_holder() {
        for total in [1, BLOCK - 1, BLOCK, TOTAL] {
            for ranks in [1, 2, 3, 8, 300] {
                let mut next = 0;
                for rank in 0..ranks {
                    let slab = slab(total, rank, ranks);
                    assert_eq!(slab.start, next);
                    next = slab.end;
                    for id in [slab.start, slab.end.saturating_sub(1)] {
                        assert!(slab.is_empty() || holder(id, total, ranks) == rank);
                    }
                }
                assert_eq!(next, total);
            }
        }
    }

    #[test]
    fn slabs_joined_are_all_atoms_in_order_for_any_number_of_ranks() {
        for ranks in [1, 2, 3, 5] {
            let slabs = threads::run(ranks, |comm| {
                let slab = by_id(comm, &dealt(comm, 0..TOTAL), TOTAL).unwrap();
                (0..slab.owned).map(|i| (slab.record(i), slab.force[i])).collect::<Vec<_>>()
            });
            let joined: Vec<_> = slabs.into_iter().flatten().collect();
            let expected: Vec<_> = (0..TOTAL).map(|id| (atom(id), [id as i64, 1, 2, 3])).collect();
            assert!(joined == expected, "{ranks} ranks");
        }
    }

    #[test]
    fn a_lost_and_a_doubled_atom_are_named_on_every_rank() {
        let messages = |ids: fn() -> Vec<u64>| {
            threads::run(2, move |comm| {
                let atoms = dealt(comm, ids().into_iter());
                by_id(comm, &atoms, 10).unwrap_err().to_string()
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
