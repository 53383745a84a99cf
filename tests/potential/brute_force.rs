//! One frame evaluated the plainest way: periodic images as ghosts, a list from all
//! distances, ghost sums folded onto their owners.

use crate::frames::Frame;
use rayon::prelude::*;
use sinter_hpc::Result;
use sinter_hpc::fixed::Quantum;
use sinter_hpc::geometry::on_grid;
use sinter_hpc::neighbour::{Kept, MINE, Neighbours, computes_pair};
use sinter_hpc::potential::{Environment, Potential, Shared, Sums};
use sinter_hpc::sweep::{RingBuffer, Tile};
use std::ops::Range;

/// How the list is made; nothing of it may show in the results.
#[derive(Debug, Clone, Copy)]
pub struct Listing {
    /// Å beyond the range of the potential.
    pub skin: f64,
    pub reversed: bool,
    /// So many places that no atom has lie before each image: lists name atoms far apart.
    pub scattered: usize,
    /// Atoms per tile.
    pub chunk: usize,
    /// All tiles at once, for atoms in groups out of each other's reach; else one by one.
    pub parallel: bool,
    pub quantum: Quantum,
}

impl Default for Listing {
    fn default() -> Listing {
        Listing {
            skin: 0.5,
            reversed: false,
            scattered: 0,
            chunk: usize::MAX,
            parallel: false,
            quantum: Quantum::STANDARD,
        }
    }
}

#[derive(Debug, Clone, PartialEq)]
pub struct Outcome {
    /// In quanta: force and energy by atom.
    pub fixed: Vec<[i64; 4]>,
    /// eV/Å
    pub forces: Vec<[f64; 3]>,
    /// eV
    pub energies: Vec<f64>,
    /// xx yy zz xy xz yz, eV
    pub virial: [f64; 6],
}

impl Outcome {
    pub fn energy(&self) -> f64 {
        self.energies.iter().sum()
    }
}

struct Images {
    positions: Vec<[f64; 4]>,
    owner: Vec<usize>,
}

/// Owned atoms, then every image within `reach` of the box.
fn images(frame: &Frame, reach: f64, scattered: usize) -> Images {
    const NOWHERE: [f64; 4] = [1e5, 1e5, 1e5, 0.0];
    let edges = frame.edges.map(on_grid);
    let mut positions: Vec<[f64; 4]> = Vec::new();
    for p in &frame.positions {
        let mut q = p.map(on_grid);
        for d in 0..3 {
            if frame.periodic[d] {
                q[d] -= (q[d] / edges[d]).floor() * edges[d];
            }
        }
        positions.push([q[0], q[1], q[2], 0.0]);
    }
    let count = positions.len();
    let mut owner: Vec<usize> = (0..count).collect();
    let copies = |d: usize| if frame.periodic[d] { (reach / edges[d]).ceil() as i32 } else { 0 };
    let (nx, ny, nz) = (copies(0), copies(1), copies(2));
    for x in -nx..=nx {
        for y in -ny..=ny {
            for z in -nz..=nz {
                if (x, y, z) == (0, 0, 0) {
                    continue;
                }
                let shift = [x as f64 * edges[0], y as f64 * edges[1], z as f64 * edges[2]];
                for i in 0..count {
                    let p: [f64; 3] = std::array::from_fn(|d| positions[i][d] + shift[d]);
                    let inside = (0..3)
                        .all(|d| !frame.periodic[d] || (p[d] > -reach && p[d] < edges[d] + reach));
                    if inside {
                        positions.resize(positions.len() + scattered, NOWHERE);
                        owner.resize(owner.len() + scattered, 0);
                        positions.push([p[0], p[1], p[2], 0.0]);
                        owner.push(i);
                    }
                }
            }
        }
    }
    Images { positions, owner }
}

fn list(images: &Images, id: &[u64], owned: usize, reach: f64, listing: Listing) -> Neighbours {
    let mut lists = Vec::new();
    for i in 0..owned {
        let p = images.positions[i];
        let mut found: Vec<(f64, u32)> = Vec::new();
        for (j, q) in images.positions.iter().enumerate() {
            let d = [q[0] - p[0], q[1] - p[1], q[2] - p[2]];
            let square = d[0] * d[0] + d[1] * d[1] + d[2] * d[2];
            if j != i && square < reach * reach {
                let mine = if computes_pair(id[i], id[j], d) { MINE } else { 0 };
                found.push((square, j as u32 | mine));
            }
        }
        found.sort_by(|a, b| a.0.total_cmp(&b.0));
        if listing.reversed {
            found.reverse();
        }
        lists.push(found.into_iter().map(|(_, entry)| entry).collect());
    }
    Neighbours::new(Kept::All, &lists)
}

fn tiles(owned: usize, listing: Listing) -> Vec<Range<usize>> {
    let chunk = listing.chunk.min(owned.max(1));
    (0..owned).step_by(chunk).map(|i| i..(i + chunk).min(owned)).collect()
}

/// A phase over all tiles, each with its records.
fn over<R: Send>(
    tiles: &mut [(Range<usize>, R)],
    parallel: bool,
    work: impl Fn(Range<usize>, &mut R) -> Result<()> + Sync,
) -> Result<()> {
    let work = |(atoms, records): &mut (Range<usize>, R)| work(atoms.clone(), records);
    if parallel {
        tiles.par_iter_mut().try_for_each(work)
    } else {
        tiles.iter_mut().try_for_each(work)
    }
}

/// Energies, forces and virial; `ids` decide which end computes a pair.
pub fn evaluate_with<P: Potential>(
    potential: &P,
    frame: &Frame,
    ids: &[u64],
    listing: Listing,
) -> Result<Outcome> {
    let owned = frame.positions.len();
    let reach = potential.range() + listing.skin;
    let images = images(frame, reach, listing.scattered);
    let id: Vec<u64> = images.owner.iter().map(|&o| ids[o]).collect();
    let species: Vec<u8> = images
        .owner
        .iter()
        .map(|&o| {
            let found = potential.species().iter().position(|s| s.symbol == frame.symbols[o]);
            found.expect("a species of the potential") as u8
        })
        .collect();
    let neighbours = list(&images, &id, owned, reach, listing);
    let env = Environment {
        owned,
        position: &images.positions,
        species: &species,
        id: &id,
        neighbours: &neighbours,
        quantum: listing.quantum,
    };

    let (total, words) = (images.positions.len(), potential.words());
    let mut prepared = Default::default();
    let mut tiles: Vec<_> =
        tiles(owned, listing).into_iter().map(|atoms| (atoms, Default::default())).collect();
    let mut sums = vec![0i64; total * words];
    let mut force = vec![[0i64; 4]; total];
    potential.prepare(env, 0..total, &mut prepared);
    let shared = Sums::new(&mut sums, words, RingBuffer::default());
    over(&mut tiles, listing.parallel, |atoms, records| {
        // To be fetched: what no other thread has.
        let tile = Tile { ahead: vec![atoms.clone()], atoms, ..Tile::default() };
        // SAFETY: the list names atoms of the images; tiles that are worked on at the same
        // time are out of each other's reach.
        unsafe { potential.densities(env, &prepared, &tile, records, &shared) }
    })?;
    for ghost in owned..total {
        for w in 0..words {
            sums[images.owner[ghost] * words + w] += sums[ghost * words + w];
        }
    }
    potential.embed(env, 0..owned, &mut sums[..owned * words], &mut force[..owned])?;
    for ghost in owned..total {
        let from = images.owner[ghost] * words;
        sums.copy_within(from..from + words, ghost * words);
    }
    let (adjoints, shared) =
        (Sums::new(&mut sums, words, RingBuffer::default()), Shared::new(&mut force));
    over(&mut tiles, listing.parallel, |atoms, records| {
        let tile = Tile { ahead: vec![atoms.clone()], atoms, ..Tile::default() };
        // SAFETY: as above.
        unsafe { potential.forces(env, &prepared, &tile, records, &adjoints, &shared) }
    })?;

    let value = |quanta| listing.quantum.value(quanta);
    let mut virial = [0.0; 6];
    for (p, f) in images.positions.iter().zip(&force) {
        for (n, (a, b)) in [(0, 0), (1, 1), (2, 2), (0, 1), (0, 2), (1, 2)].into_iter().enumerate()
        {
            virial[n] += p[a] * value(f[b]);
        }
    }
    for ghost in owned..total {
        let partial = force[ghost];
        for (sum, part) in force[images.owner[ghost]].iter_mut().zip(partial) {
            *sum += part;
        }
    }
    force.truncate(owned);
    Ok(Outcome {
        forces: force.iter().map(|f| [value(f[0]), value(f[1]), value(f[2])]).collect(),
        energies: force.iter().map(|f| value(f[3])).collect(),
        fixed: force,
        virial,
    })
}

/// The same with ids in order; where a force exceeds the standard quantum, with coarser ones.
pub fn evaluate<P: Potential>(potential: &P, frame: &Frame) -> Result<Outcome> {
    let ids: Vec<u64> = (0..frame.positions.len() as u64).collect();
    let with = |bits| {
        let listing = Listing { quantum: Quantum::new(bits), ..Listing::default() };
        evaluate_with(potential, frame, &ids, listing)
    };
    with(40).or_else(|_| with(30)).or_else(|_| with(20))
}
