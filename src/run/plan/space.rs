//! What each of so many ranks would have: space is divided by the same bisection and the
//! same costs as in a run that begins, and ghosts are counted by the rule of the exchange: all atoms
//! and images within the range of the potential plus the skin of the bounding box of a
//! rank's atoms.

use super::waiting::{Cells, Waiting};
use crate::atoms::Atom;
use crate::build::{Built, Parts};
use crate::comm::Comm;
use crate::domain::{Balance, Domains, Region, Shares, imbalance};
use crate::error::{Error, Result};
use crate::exchange::{Traffic, bytes_sent};
use crate::force::{Engine, Settings, System};
use crate::geometry::{Cell, Vec3, add, on_grid, scale};
use crate::potential::{ForceField, Potential};
use crate::random::{Purpose, Stream};
use crate::run::warnings;
use crate::write::progress::Bar;
use std::collections::{HashMap, HashSet};
use std::time::{Duration, Instant};

/// Atoms on which the speed is measured, and evaluations of the forces.
const SAMPLE: u64 = 10_000;
const EVALUATIONS: u32 = 3;
const WARM_UP: u32 = 3;

/// Distance of planes of atoms in a metal, about, Å.
const PLANES: f64 = 2.0;

/// Thermal displacement along an axis, Å: that of a metal at some 1000 K. And the way of a step.
const THERMAL: f64 = 0.15;
const STRIDE: f64 = 0.005;

/// Up to so many atoms each counts for itself. Of more, those of a cube count as one **heap**,
/// so that there is room for plans of runs that have none on this machine.
const MOST_ATOMS: u64 = 4_000_000;

/// Atoms whose neighbours are listed at a time where there are more.
const PART: u64 = 1 << 20;

/// Of so many atoms neighbours are listed at least; others are taken to have as many.
const LISTED: u64 = 32_000_000;

/// Up to so many atoms cubes are as wide as a border reaches, from there on twice as wide.
const MOST_IN_SMALL_CUBES: u64 = 200_000_000;

/// Where the atoms of an input are, and how many neighbours they have: one heap for each
/// atom, or for those of a cube.
pub struct Space {
    cell: Cell,
    /// Range of the potential and skin, Å.
    pub reach: f64,
    heaps: Vec<Extent>,
    /// The middle of each, and the cost of its atoms.
    positions: Vec<[f64; 4]>,
    costs: Vec<i64>,
    /// Periodic images near the box, and of which heap each is.
    images: Vec<(Extent, usize)>,
}

/// The heaps among ranks.
struct Divided {
    shares: Vec<Share>,
    /// The rank of each heap, and whether another, or an image, has copies of its atoms.
    owners: Vec<usize>,
    sends: Vec<bool>,
}

/// Where the atoms of a heap are.
#[derive(Debug, Clone, Copy)]
struct Extent {
    atoms: u32,
    low: Vec3,
    high: Vec3,
}

impl Extent {
    fn of_atom(&[x, y, z, _]: &[f64; 4]) -> Extent {
        Extent { atoms: 1, low: [x, y, z], high: [x, y, z] }
    }

    fn middle(&self) -> Vec3 {
        scale(add(self.low, self.high), 0.5)
    }

    /// A place for each of its atoms, spread evenly.
    fn places(&self) -> impl Iterator<Item = Vec3> {
        // A sequence of low discrepancy: powers of the inverse of the root of x⁴ = x + 1.
        const STEP: Vec3 = [0.819_172_513, 0.671_043_607, 0.549_700_478];
        let Extent { atoms, low, high } = *self;
        let part = |n: u32, d: usize| ((n as f64 + 0.5) * STEP[d]).fract();
        let along = move |n: u32, d: usize| low[d] + part(n, d) * (high[d] - low[d]);
        (0..atoms).map(move |n| [along(n, 0), along(n, 1), along(n, 2)])
    }
}

/// What one rank has.
#[derive(Debug, Clone, Copy)]
pub struct Share {
    pub atoms: u64,
    pub ghosts: u64,
    /// Entries of its lists.
    pub neighbours: u64,
    /// Other ranks whose atoms are its ghosts, and such that have ghosts of its atoms.
    pub senders: u64,
    pub receivers: u64,
    /// Ghosts that are of other ranks, and copies of its atoms there.
    pub received: u64,
    pub sent: u64,
    /// What is of them only while tiles wait.
    pub waiting: Waiting,
    low: Vec3,
    high: Vec3,
}

impl Share {
    const NONE: Share = Share {
        atoms: 0,
        ghosts: 0,
        neighbours: 0,
        senders: 0,
        receivers: 0,
        received: 0,
        sent: 0,
        waiting: Waiting { sums: 0, records: 0 },
        low: [f64::INFINITY; 3],
        high: [f64::NEG_INFINITY; 3],
    };

    fn take(&mut self, heap: &Extent, cost: i64) {
        self.atoms += heap.atoms as u64;
        self.neighbours += cost as u64 - heap.atoms as u64;
        self.low = std::array::from_fn(|d| self.low[d].min(heap.low[d]));
        self.high = std::array::from_fn(|d| self.high[d].max(heap.high[d]));
    }

    /// What it sends to others for an evaluation of the forces, with `words` per atom.
    pub fn traffic(&self, words: usize) -> Traffic {
        let messages = 2 * (self.senders + self.receivers);
        Traffic { messages, bytes: bytes_sent(self.sent + self.received, words) }
    }

    fn clip(&mut self, region: &Region) {
        self.low = std::array::from_fn(|d| self.low[d].max(region.low[d]));
        self.high = std::array::from_fn(|d| self.high[d].min(region.high[d]));
    }

    /// The part of a heap that lies within `reach` (Å) of the bounding box, its atoms being spread
    /// evenly over their extent, in planes of which the first and the last stand at its ends.
    fn part_within(&self, heap: &Extent, reach: f64) -> f64 {
        let low: Vec3 = std::array::from_fn(|d| heap.low[d].max(self.low[d] - reach));
        let high: Vec3 = std::array::from_fn(|d| heap.high[d].min(self.high[d] + reach));
        if (0..3).any(|d| low[d] > high[d]) {
            return 0.0;
        }
        // Edges and corners are rounded.
        let inside = Extent { atoms: heap.atoms, low, high }.middle();
        let outside = |d: usize| (self.low[d] - inside[d]).max(inside[d] - self.high[d]).max(0.0);
        if (0..3).map(|d| outside(d) * outside(d)).sum::<f64>() > reach * reach {
            return 0.0;
        }
        let along = |d: usize| {
            let (part, whole) = (high[d] - low[d], heap.high[d] - heap.low[d]);
            if part < whole { (part + 0.5 * PLANES) / (whole + PLANES) } else { 1.0 }
        };
        along(0) * along(1) * along(2)
    }
}

impl Space {
    pub fn new(parts: &Parts, field: &ForceField, settings: Settings) -> Result<Space> {
        let atoms = parts.whole().layout.atoms;
        match atoms <= MOST_ATOMS {
            true => Space::of_atoms(parts, field, settings),
            false => {
                let width = if atoms <= MOST_IN_SMALL_CUBES { 1.0 } else { 2.0 };
                let width = width * (field.range() + settings.skin);
                Space::of_cubes(parts, field, settings, width)
            }
        }
    }

    fn of_atoms(parts: &Parts, field: &ForceField, settings: Settings) -> Result<Space> {
        let comm = Comm::single();
        let built = parts.with_atoms(0..parts.whole().layout.atoms)?;
        warnings::of_structure(&built, field, &comm);
        let engine = listed(&comm, built, field, settings)?;
        let owned = engine.atoms().owned;
        let (own, images) = engine.atoms().position.split_at(owned);
        let mut place = vec![0; owned];
        engine.atoms().id[..owned].iter().enumerate().for_each(|(i, id)| place[*id as usize] = i);
        let of = engine.atoms().id[owned..].iter().map(|id| place[*id as usize]);
        let counts = engine.neighbours().counts();
        Ok(Space {
            cell: *engine.cell(),
            reach: field.range() + settings.skin,
            heaps: own.iter().map(Extent::of_atom).collect(),
            positions: own.to_vec(),
            costs: counts.iter().map(|&count| 1 + count as i64).collect(),
            images: images.iter().map(Extent::of_atom).zip(of).collect(),
        })
    }

    /// Atoms in different parts are not neighbours here: parts are few, so what is missed is
    /// little.
    fn of_cubes(
        parts: &Parts,
        field: &ForceField,
        settings: Settings,
        width: f64,
    ) -> Result<Space> {
        let comm = Comm::single();
        let Built { layout, cell, .. } = parts.whole();
        warnings::of_structure(parts.whole(), field, &comm);
        let mut heaps = Heaps { width, ..Heaps::default() };
        let bar = Bar::new(true, "atoms");
        bar.begin(0, layout.atoms);
        let mut first = 0;
        while first < layout.atoms {
            let last = (first + PART).min(layout.atoms);
            let part = parts.with_atoms(first..last)?;
            match first < LISTED {
                true => heaps.add_listed(&listed(&comm, part, field, settings)?),
                false => heaps.add(cell, &part.atoms),
            }
            first = last;
            bar.at(first);
        }
        bar.finish();
        Ok(heaps.space(*cell, field.range() + settings.skin))
    }

    pub fn atoms(&self) -> u64 {
        self.heaps.iter().map(|heap| heap.atoms as u64).sum()
    }

    /// What each of so many ranks would have; nothing is said of what waits.
    pub fn shares(&self, ranks: usize) -> Vec<Share> {
        self.divide(ranks).shares
    }

    /// The same with what waits, where a rank has so many threads.
    pub fn shares_with_waiting(&self, ranks: usize, threads: usize) -> Vec<Share> {
        let Space { reach, heaps, .. } = self;
        let Divided { mut shares, owners, sends } = self.divide(ranks);
        let mut by_owner: Vec<u32> = (0..heaps.len() as u32).collect();
        by_owner.sort_by_key(|&heap| owners[heap as usize]);
        for of_one in by_owner.chunk_by(|&a, &b| owners[a as usize] == owners[b as usize]) {
            let share = &mut shares[owners[of_one[0] as usize]];
            let mut cells = Cells::within((share.low, share.high), share.atoms, *reach);
            for &heap in of_one {
                let is_shared = sends[heap as usize];
                heaps[heap as usize].places().for_each(|place| cells.take(place, is_shared));
            }
            share.waiting = cells.waiting(share.ghosts, threads);
        }
        shares
    }

    fn divide(&self, ranks: usize) -> Divided {
        let Space { reach, heaps, positions, costs, images, .. } = self;
        let domains = self.domains(ranks);
        let owners: Vec<usize> = positions.iter().map(|r| domains.owner(r)).collect();
        let mut shares = vec![Share::NONE; ranks];
        for ((heap, &cost), &rank) in heaps.iter().zip(costs).zip(&owners) {
            shares[rank].take(heap, cost);
        }
        // Heaps at a border have atoms on both of its sides.
        for (rank, share) in shares.iter_mut().enumerate() {
            share.clip(&domains.region(rank));
        }
        let mut sends = vec![false; heaps.len()];
        let mut ways = HashSet::new();
        // Ghosts of its own images and of others, copies on others.
        let mut shared = vec![[0.0; 3]; ranks];
        let own = heaps.iter().zip(0..).map(|(heap, i)| (heap, i, false));
        let images = images.iter().map(|(image, of)| (image, *of, true));
        for (heap, of, is_image) in own.chain(images) {
            let owner = owners[of];
            let (low, high) = (heap.low.map(|x| x - reach), heap.high.map(|x| x + reach));
            domains.ranks_in(low, high, &mut |rank| {
                let near = shares[rank].part_within(heap, *reach) * heap.atoms as f64;
                if near == 0.0 {
                } else if owner != rank {
                    sends[of] = true;
                    shared[rank][1] += near;
                    shared[owner][2] += near;
                    ways.insert((owner, rank));
                } else if is_image {
                    sends[of] = true;
                    shared[rank][0] += near;
                }
            });
        }
        for (owner, rank) in ways {
            shares[owner].receivers += 1;
            shares[rank].senders += 1;
        }
        for (share, [own, received, sent]) in shares.iter_mut().zip(shared) {
            share.ghosts = (own + received).round() as u64;
            (share.received, share.sent) = (received.round() as u64, sent.round() as u64);
        }
        Divided { shares, owners, sends }
    }

    /// Space divided as a run does when it begins: by atoms, and once more if their neighbours ask
    /// for it.
    fn domains(&self, ranks: usize) -> Domains {
        let Space { cell, reach, heaps, positions, costs, .. } = self;
        let comm = Comm::single();
        let shares = &Shares::even(ranks);
        let by = |costs: &[i64]| Domains::bisect(cell, shares, (positions, costs), *reach, &comm);
        let atoms: Vec<i64> = heaps.iter().map(|heap| heap.atoms as i64).collect();
        let domains = by(&atoms);
        drop(atoms);
        let mut loads = vec![0; ranks];
        positions.iter().zip(costs).for_each(|(r, cost)| loads[domains.owner(r)] += cost);
        let mut balance = Balance::default();
        balance.divided(false);
        balance.count(imbalance(&loads));
        if balance.calls_for_division() { by(costs) } else { domains }
    }
}

/// These atoms with the lists of their neighbours, displaced as by heat.
fn listed<'c>(
    comm: &'c Comm,
    mut part: Built,
    field: &'c ForceField,
    settings: Settings,
) -> Result<Engine<'c, ForceField>> {
    part.atoms.iter_mut().for_each(shake);
    for (i, atom) in part.atoms.iter_mut().enumerate() {
        atom.id = i as u64;
    }
    Engine::new(comm, field, part.cell, part.atoms, settings)
}

/// Heaps that grow.
#[derive(Default)]
struct Heaps {
    /// Of a cube, Å.
    width: f64,
    by_cube: HashMap<[i32; 3], Heap>,
    /// Over all that were listed.
    listed: [u64; 2],
}

struct Heap {
    extent: Extent,
    neighbours: u64,
    /// Atoms whose neighbours were not listed.
    unlisted: u32,
}

impl Default for Heap {
    fn default() -> Heap {
        let extent = Extent { atoms: 0, low: [f64::INFINITY; 3], high: [f64::NEG_INFINITY; 3] };
        Heap { extent, neighbours: 0, unlisted: 0 }
    }
}

impl Heaps {
    fn at(&mut self, r: Vec3) -> &mut Heap {
        let heap = self.by_cube.entry(r.map(|x| (x / self.width).floor() as i32)).or_default();
        let Extent { atoms, low, high } = &mut heap.extent;
        *atoms += 1;
        *low = std::array::from_fn(|d| low[d].min(r[d]));
        *high = std::array::from_fn(|d| high[d].max(r[d]));
        heap
    }

    fn add_listed(&mut self, engine: &Engine<ForceField>) {
        let counts = engine.neighbours().counts();
        for (&[x, y, z, _], count) in engine.atoms().position.iter().zip(counts) {
            let neighbours = count as u64;
            self.at([x, y, z]).neighbours += neighbours;
            self.listed = [self.listed[0] + 1, self.listed[1] + neighbours];
        }
    }

    fn add(&mut self, cell: &Cell, atoms: &[Atom]) {
        for atom in atoms {
            let [x, y, z] = atom.position;
            let (mut r, mut image) = ([x, y, z, 0.0], [0; 3]);
            cell.wrap(&mut r, &mut image);
            self.at([r[0], r[1], r[2]]).unlisted += 1;
        }
    }

    fn space(self, cell: Cell, reach: f64) -> Space {
        let mean = self.listed[1] as f64 / self.listed[0].max(1) as f64;
        let mut heaps: Vec<([i32; 3], Heap)> = self.by_cube.into_iter().collect();
        heaps.sort_unstable_by_key(|(cube, _)| *cube);
        let heaps = heaps.into_iter().map(|(_, heap)| heap);
        let mut space = Space {
            cell,
            reach,
            heaps: Vec::new(),
            positions: Vec::new(),
            costs: Vec::new(),
            images: Vec::new(),
        };
        for heap in heaps {
            let Heap { extent, neighbours, unlisted } = heap;
            let [x, y, z] = extent.middle().map(on_grid);
            let neighbours = neighbours + (mean * unlisted as f64).round() as u64;
            space.positions.push([x, y, z, 0.0]);
            space.costs.push(extent.atoms as i64 + neighbours as i64);
            let of = space.heaps.len();
            space.images.extend(images_of(extent, &cell, reach).map(|image| (image, of)));
            space.heaps.push(extent);
        }
        space
    }
}

/// The periodic images of a heap that come within `reach` of the box.
fn images_of(heap: Extent, cell: &Cell, reach: f64) -> impl Iterator<Item = Extent> {
    let Cell { origin, length, periodic } = *cell;
    let shifts = (1..27).map(|n: usize| [n, n / 3, n / 9].map(|n| [0.0, 1.0, -1.0][n % 3]));
    let wanted = move |shift: &Vec3| (0..3).all(|d| shift[d] == 0.0 || periodic[d]);
    let image = move |shift: Vec3| {
        let moved = |r: Vec3| {
            let along = |d: usize| if shift[d] == 0.0 { r[d] } else { r[d] + shift[d] * length[d] };
            [along(0), along(1), along(2)]
        };
        Extent { low: moved(heap.low), high: moved(heap.high), ..heap }
    };
    let is_near = move |image: &Extent| {
        (0..3).all(|d| {
            !periodic[d]
                || (image.high[d] >= origin[d] - reach
                    && image.low[d] <= origin[d] + length[d] + reach)
        })
    };
    shifts.filter(wanted).map(image).filter(is_near)
}

/// Greatest work of a rank over the mean, in entries of lists.
pub fn imbalance_of(shares: &[Share]) -> f64 {
    let costs: Vec<i64> = shares.iter().map(|s| (s.atoms + s.neighbours) as i64).collect();
    imbalance(&costs)
}

/// Displaces an atom as heat does: no cut can divide a plane of a perfect crystal,
/// so cold it would look harder to divide than it is.
pub fn shake(atom: &mut Atom) {
    let by = Stream::new(0, Purpose::Planning, 0, atom.id).normal_vector();
    atom.position = add(atom.position, scale(by, THERMAL));
}

/// Atoms times steps in a second on one core of this machine, forces only; atoms fly meanwhile, as what
/// is found for one step serves for others.
pub fn speed(parts: &Parts, field: &ForceField, settings: Settings) -> Result<f64> {
    let one = rayon::ThreadPoolBuilder::new().num_threads(1).build();
    let one = one.map_err(|e| Error::Run(format!("no thread could be started: {e}")))?;
    one.install(|| {
        let comm = Comm::single();
        let built = parts.with_atoms(0..SAMPLE.min(parts.whole().layout.atoms))?;
        let atoms = built.atoms.len();
        let mut engine = Engine::new(&comm, field, built.cell, built.atoms, settings)?;
        let way = |&id: &u64| {
            let by = Stream::new(1, Purpose::Planning, 0, id).normal_vector();
            by.map(|x| on_grid(STRIDE * x))
        };
        let ways: Vec<_> = engine.atoms().id[..engine.atoms().owned].iter().map(way).collect();
        let mut elapsed = Duration::ZERO;
        for evaluation in 0..WARM_UP + EVALUATIONS {
            for (position, way) in engine.atoms_mut().position.iter_mut().zip(&ways) {
                (0..3).for_each(|d| position[d] += way[d]);
            }
            let start = Instant::now();
            engine.update_forces(false)?;
            elapsed += if evaluation < WARM_UP { Duration::ZERO } else { start.elapsed() };
        }
        let evaluated = atoms as f64 * EVALUATIONS as f64;
        Ok(evaluated / elapsed.as_secs_f64())
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::input;
    use crate::run::potential::potential;
    use std::path::Path;

    /// Particles in vacuum, and a crystal with periodic images.
    const INPUTS: [&str; 2] = ["paper/pair_1473K_5p5A.toml", "bulk.toml"];

    /// Of ghosts, of which a border reaches two or three planes in a cube as wide as that; and of
    /// neighbours.
    const BY_CUBES: [f64; 2] = [0.2, 0.001];

    #[test]
    fn many_atoms_are_counted_in_cubes_as_they_would_be_one_by_one() {
        let inputs = Path::new(env!("CARGO_MANIFEST_DIR")).join("inputs");
        for name in INPUTS {
            let mut config = input::read(&inputs.join(name)).unwrap();
            config.stages.truncate(0);
            config.crystal.iter_mut().for_each(|crystal| crystal.repeats = Some(vec![18; 3]));
            let (field, _) = potential(&mut config).unwrap();
            let settings = Settings { skin: 1.0, energy_bound: 100.0 };
            let parts = Parts::new(&config).unwrap();
            let one_by_one = Space::of_atoms(&parts, &field, settings).unwrap();
            let width = one_by_one.reach;
            let in_cubes = Space::of_cubes(&parts, &field, settings, width).unwrap();
            assert!(in_cubes.positions.len() < one_by_one.positions.len() / 3);
            for ranks in [1, 3, 8] {
                let [wanted, found] = [&one_by_one, &in_cubes].map(|space| {
                    let shares = space.shares(ranks);
                    let sum = |of: fn(&Share) -> u64| shares.iter().map(of).sum::<u64>();
                    assert!(imbalance_of(&shares) < 1.1);
                    [sum(|s| s.ghosts), sum(|s| s.neighbours), sum(|s| s.atoms)]
                });
                assert_eq!(found[2], wanted[2]);
                for k in 0..2 {
                    let [found, wanted] = [found[k] as f64, wanted[k] as f64];
                    assert!((found - wanted).abs() <= BY_CUBES[k] * wanted, "{found} {wanted}");
                }
            }
        }
    }
}
