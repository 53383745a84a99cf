//! Atoms to their owners, and the proof that none was lost on the way.

use crate::atoms::{Atom, Atoms};
use crate::comm::Comm;
use crate::error::{Error, Result};
use xxhash_rust::xxh3::xxh3_64;

/// How many atoms there are and which: their number, and the sum of a hash of each id. Sums of
/// powers of ids would not do: 0, 4 and 5 have the sums of 1, 2 and 6, of squares too. Other
/// ids with the same sum of hashes are as likely as a given number of 64 bits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Census {
    atoms: i128,
    hashes: i128,
}

impl Census {
    /// Over all ranks. Collective.
    pub fn take(comm: &Comm, ids: &[u64]) -> Census {
        let hashes = ids.iter().map(|id| xxh3_64(&id.to_le_bytes()) as i128).sum();
        let mut sums = [ids.len() as i128, hashes];
        comm.sum_i128(&mut sums);
        Census { atoms: sums[0], hashes: sums[1] }
    }

    /// Atoms over all ranks.
    pub fn count(&self) -> u64 {
        self.atoms as u64
    }

    /// Fails, on every rank, with the id of an atom that is lost or doubled.
    /// Collective.
    pub fn check(&self, comm: &Comm, ids: &[u64], step: u64) -> Result<()> {
        let now = Census::take(comm, ids);
        if now == *self {
            return Ok(());
        }
        let mut all = comm.all_gather(ids).concat();
        all.sort_unstable();
        let doubled = all.windows(2).find(|pair| pair[0] == pair[1]).map(|pair| pair[0]);
        let missing = all.iter().zip(0..).find(|(id, expected)| **id != *expected);
        let (atom, what) = match (doubled, missing) {
            (Some(id), _) => (id, "is on the ranks twice"),
            (None, Some((_, id))) => (id, "was lost"),
            (None, None) => (all.len() as u64, "was lost"),
        };
        let message = format!(
            "this atom {what} ({} atoms at the beginning, {} now)",
            self.count(),
            now.count()
        );
        Err(Error::Physics { step, atom, message })
    }
}

/// Sends every owned atom to the rank that `owner` names for its position; ghosts
/// are dropped. Then each atom is on the rank that owns its position. Collective.
pub fn migrate(comm: &Comm, atoms: &mut Atoms, owner: impl Fn(&[f64; 4]) -> usize) {
    atoms.drop_ghosts();
    let mut leaving: Vec<Vec<Atom>> = vec![Vec::new(); comm.size()];
    let mut kept = 0;
    for i in 0..atoms.owned {
        let rank = owner(&atoms.position[i]);
        if rank == comm.rank() {
            atoms.move_owned(i, kept);
            kept += 1;
        } else {
            leaving[rank].push(atoms.record(i));
        }
    }
    atoms.truncate_owned(kept);
    let send: Vec<(usize, Vec<Atom>)> =
        leaving.into_iter().enumerate().filter(|(_, list)| !list.is_empty()).collect();
    let received = comm.exchange(&send);
    drop(send);
    for (_, list) in received {
        atoms.append_owned(&list);
    }
}
