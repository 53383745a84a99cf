//! Who needs a copy of what: decided by the owner of an atom, from the tight
//! bounding boxes of all ranks' atoms.

use super::{Copies, Routes};
use crate::atoms::Atoms;
use crate::comm::Comm;
use crate::geometry::{Cell, Vec3};
use rayon::prelude::*;

/// Tight bounds of a rank's owned atoms; without atoms, empty (low > high).
#[repr(C)]
#[derive(Debug, Clone, Copy, bytemuck::Pod, bytemuck::Zeroable)]
struct Bounds {
    low: Vec3,
    high: Vec3,
}

/// An atom as a ghost's rank first hears of it.
#[repr(C)]
#[derive(Debug, Clone, Copy, bytemuck::Pod, bytemuck::Zeroable)]
struct GhostRecord {
    id: u64,
    position: Vec3,
    particle: u32,
    species: u32,
}

impl Bounds {
    fn of<'a>(positions: impl Iterator<Item = &'a [f64; 4]>) -> Bounds {
        let mut bounds = Bounds { low: [f64::INFINITY; 3], high: [f64::NEG_INFINITY; 3] };
        for p in positions {
            for (d, &x) in p[..3].iter().enumerate() {
                bounds.low[d] = bounds.low[d].min(x);
                bounds.high[d] = bounds.high[d].max(x);
            }
        }
        bounds
    }

    fn is_empty(&self) -> bool {
        self.low[0] > self.high[0]
    }

    fn shifted(&self, shift: &Vec3) -> Bounds {
        let moved = |corner: Vec3| std::array::from_fn(|d| corner[d] + shift[d]);
        Bounds { low: moved(self.low), high: moved(self.high) }
    }

    /// Squared distance between two boxes, 0 where they overlap.
    fn distance_squared(&self, other: &Bounds) -> f64 {
        (0..3)
            .map(|d| (self.low[d] - other.high[d]).max(other.low[d] - self.high[d]).max(0.0))
            .map(|gap| gap * gap)
            .sum()
    }
}

/// Replaces the ghosts: every rank gets copies of all atoms and images within
/// `shell` (Å) of the bounding box of its own atoms, those removed left out. Positions must be wrapped
/// into the cell. Collective.
pub fn share_ghosts(comm: &Comm, cell: &Cell, shell: f64, atoms: &mut Atoms) -> Routes {
    atoms.drop_ghosts();
    let acting = (0..atoms.owned).filter(|&i| !atoms.is_removed(i));
    let mine = Bounds::of(acting.map(|i| &atoms.position[i]));
    let boxes: Vec<Bounds> = comm.all_gather(&[mine]).concat();
    let send: Vec<Copies> = (0..comm.size())
        .filter(|&rank| !mine.is_empty() && !boxes[rank].is_empty())
        .map(|rank| {
            copies_for(rank, rank == comm.rank(), (&mine, &boxes[rank]), cell, shell, atoms)
        })
        .filter(|copies| !copies.atoms.is_empty())
        .collect();

    let records: Vec<(usize, Vec<GhostRecord>)> = send
        .iter()
        .map(|copies| (copies.rank, copies.iter().map(|(i, s)| record(atoms, i, s)).collect()))
        .collect();
    let received = comm.exchange(&records);
    let ghosts = received.iter().map(|(_, list)| list.len()).sum();
    atoms.reserve_ghosts(ghosts);
    let mut receive = Vec::with_capacity(received.len());
    for (rank, list) in received {
        for g in &list {
            atoms.push_ghost(g.id, g.species as u8, g.particle, g.position);
        }
        receive.push((rank, list.len()));
    }
    Routes { send, receive, packed: Vec::new() }
}

fn record(atoms: &Atoms, i: usize, shift: &Vec3) -> GhostRecord {
    GhostRecord {
        id: atoms.id[i],
        position: std::array::from_fn(|d| atoms.position[i][d] + shift[d]),
        particle: atoms.particle[i],
        species: atoms.species[i] as u32,
    }
}

/// The copies of owned atoms (within bounds `mine`) that `rank` needs, whose own
/// atoms lie within `theirs`.
fn copies_for(
    rank: usize,
    is_self: bool,
    (mine, theirs): (&Bounds, &Bounds),
    cell: &Cell,
    shell: f64,
    atoms: &Atoms,
) -> Copies {
    // A hair more than the shell, for the rounding of the squares.
    let reach_squared = shell * shell * (1.0 + 1e-9);
    let is_near = |bounds: Bounds| bounds.distance_squared(theirs) <= reach_squared;
    let mut copies = Copies { rank, ..Copies::default() };
    for shift in shifts(mine, theirs, cell, shell) {
        if (is_self && shift == [0.0; 3]) || !is_near(mine.shifted(&shift)) {
            continue;
        }
        let place = |p: &[f64; 4]| {
            let corner = std::array::from_fn(|d| p[d] + shift[d]);
            Bounds { low: corner, high: corner }
        };
        let within = (0..atoms.owned as u32).into_par_iter().with_min_len(4096).filter(|&i| {
            !atoms.is_removed(i as usize) && is_near(place(&atoms.position[i as usize]))
        });
        copies.atoms.extend(within.collect::<Vec<u32>>());
        copies.runs.push((shift, copies.atoms.len()));
    }
    copies.atoms.shrink_to_fit();
    copies
}

/// Every combination of whole periodic lengths that may bring one box within
/// `shell` of the other.
fn shifts(mine: &Bounds, theirs: &Bounds, cell: &Cell, shell: f64) -> Vec<Vec3> {
    let mut shifts = vec![[0.0; 3]];
    for d in 0..3 {
        if cell.periodic[d] {
            let length = cell.length[d];
            // One more on either side than rounding could ask for.
            let least = ((theirs.low[d] - shell - mine.high[d]) / length).floor() as i64;
            let most = ((theirs.high[d] + shell - mine.low[d]) / length).ceil() as i64;
            let along = |shift: Vec3| {
                (least..=most).map(move |n| {
                    let mut shift = shift;
                    shift[d] = n as f64 * length;
                    shift
                })
            };
            shifts = shifts.into_iter().flat_map(along).collect();
        }
    }
    shifts
}
