//! What each of so many ranks would have: space is divided by the same bisection and the
//! same costs as in a run, and ghosts are counted by the rule of the exchange: all atoms
//! and images within the range of the potential plus the skin of the bounding box of a
//! rank's atoms.

use crate::atoms::Atom;
use crate::build;
use crate::comm::Comm;
use crate::domain::{Domains, imbalance};
use crate::error::{Error, Result};
use crate::force::{Engine, Settings, System};
use crate::geometry::{Vec3, add, scale};
use crate::input::Config;
use crate::potential::{ForceField, Potential};
use crate::random::{Purpose, Stream};
use crate::run::warnings;
use std::collections::HashSet;
use std::time::Instant;

/// Atoms on which the speed is measured, and evaluations of the forces.
const SAMPLE: usize = 10_000;
const EVALUATIONS: u32 = 3;

/// Thermal displacement along an axis, Å: that of a metal at some 1000 K.
const THERMAL: f64 = 0.15;

/// The atoms of an input with the lists of their neighbours, on one process.
pub struct Space<'m> {
    engine: Engine<'m, ForceField>,
    reach: f64,
}

/// What one rank has.
#[derive(Debug, Clone, Copy)]
pub struct Share {
    pub atoms: u64,
    pub ghosts: u64,
    /// Entries of its lists.
    pub neighbours: u64,
    /// Ranks whose atoms are its ghosts.
    pub senders: u64,
    low: Vec3,
    high: Vec3,
}

impl Share {
    const NONE: Share = Share {
        atoms: 0,
        ghosts: 0,
        neighbours: 0,
        senders: 0,
        low: [f64::INFINITY; 3],
        high: [f64::NEG_INFINITY; 3],
    };

    fn take(&mut self, r: &[f64; 4], neighbours: u64) {
        self.atoms += 1;
        self.neighbours += neighbours;
        self.low = std::array::from_fn(|d| self.low[d].min(r[d]));
        self.high = std::array::from_fn(|d| self.high[d].max(r[d]));
    }

    /// Squared distance of a point from the bounding box, Å².
    fn distance_squared(&self, r: Vec3) -> f64 {
        let outside = |d: usize| (self.low[d] - r[d]).max(r[d] - self.high[d]).max(0.0);
        (0..3).map(|d| outside(d) * outside(d)).sum()
    }
}

impl<'m> Space<'m> {
    pub fn new(
        config: &Config,
        comm: &'m Comm,
        field: &'m ForceField,
        settings: Settings,
    ) -> Result<Space<'m>> {
        let mut built = build::structure(config, comm)?;
        warnings::of_structure(&built, field, comm);
        built.atoms.iter_mut().for_each(shake);
        let engine = Engine::new(comm, field, built.cell, built.atoms, settings)?;
        Ok(Space { engine, reach: field.range() + settings.skin })
    }

    pub fn atoms(&self) -> u64 {
        self.engine.atoms().owned as u64
    }

    /// What each of so many ranks would have.
    pub fn shares(&self, ranks: usize) -> Vec<Share> {
        let (atoms, counts) = (self.engine.atoms(), self.engine.neighbours().counts());
        let count = |i: usize| counts[i] as u64;
        let costs: Vec<i64> = (0..atoms.owned).map(|i| 1 + count(i) as i64).collect();
        let owned = &atoms.position[..atoms.owned];
        let domains = Domains::bisect(self.engine.cell(), ranks, owned, &costs, self.engine.comm());
        let owners: Vec<usize> = owned.iter().map(|r| domains.owner(r)).collect();
        let mut shares = vec![Share::NONE; ranks];
        for (i, &rank) in owners.iter().enumerate() {
            shares[rank].take(&owned[i], count(i));
        }
        let (reach, mut ways) = (self.reach, HashSet::new());
        // Beyond the owned atoms stand their periodic images.
        for (i, &[x, y, z, _]) in atoms.position.iter().enumerate() {
            let r = [x, y, z];
            let owner = owners.get(i).copied();
            domains.ranks_in(r.map(|x| x - reach), r.map(|x| x + reach), &mut |rank| {
                let near = shares[rank].distance_squared(r) <= reach * reach;
                if near && owner != Some(rank) {
                    shares[rank].ghosts += 1;
                    ways.extend(owner.map(|owner| (owner, rank)));
                }
            });
        }
        ways.into_iter().for_each(|(_, rank)| shares[rank].senders += 1);
        shares
    }
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

/// Atoms times steps in a second on one core of this machine, forces only.
pub fn speed(config: &Config, field: &ForceField, settings: Settings) -> Result<f64> {
    let one = rayon::ThreadPoolBuilder::new().num_threads(1).build();
    let one = one.map_err(|e| Error::Run(format!("no thread could be started: {e}")))?;
    one.install(|| {
        let comm = Comm::single();
        let mut built = build::structure(config, &comm)?;
        built.atoms.truncate(SAMPLE);
        let atoms = built.atoms.len();
        let mut engine = Engine::new(&comm, field, built.cell, built.atoms, settings)?;
        engine.update_forces(false)?;
        let start = Instant::now();
        for _ in 0..EVALUATIONS {
            engine.update_forces(false)?;
        }
        let evaluated = atoms as f64 * EVALUATIONS as f64;
        Ok(evaluated / start.elapsed().as_secs_f64())
    })
}
