//! A system for tests: Lennard-Jones atoms, every pair computed, bits independent
//! of the order of atoms as the contract of `force::System` asks.

use crate::atoms::{Atom, Atoms};
use crate::comm::Comm;
use crate::dynamics::groups::{Body, Group, Groups, View};
use crate::dynamics::{Integrator, Progress, Protocol, Stage, ThermostatSettings};
use crate::error::Result;
use crate::force::{Share, System, Totals};
use crate::geometry::{Cell, Vec3, on_grid};
use crate::input::config::{Scheme, StageKind, Thermostat};
use crate::random::{Purpose, Stream};

pub struct LennardJones {
    pub atoms: Atoms,
    pub cell: Cell,
    pub masses: Vec<f64>,
    /// Reorders the atoms at every evaluation, as migration may.
    pub shuffle: bool,
    evaluations: u64,
}

impl LennardJones {
    /// eV
    pub const EPSILON: f64 = 0.5;
    /// Å
    pub const SIGMA: f64 = 2.5;

    /// Atoms of two masses in free space, at rest.
    pub fn new(positions: Vec<Vec3>) -> LennardJones {
        let atoms: Vec<Atom> = positions
            .iter()
            .enumerate()
            .map(|(i, p)| Atom {
                id: i as u64,
                position: p.map(on_grid),
                velocity: [0.0; 3],
                image: [0; 3],
                particle: 0,
                species: (i % 3 == 0) as u32,
                padding: 0,
            })
            .collect();
        LennardJones {
            atoms: Atoms::from_list(&atoms),
            cell: Cell::new([0.0; 3], [1.0; 3], [false; 3]),
            masses: vec![195.08, 55.847],
            shuffle: false,
            evaluations: 0,
        }
    }

    /// Two copies of a cluster, this far apart along x: particles 0 and 1.
    pub fn pair(cluster: Vec<Vec3>, distance: f64) -> LennardJones {
        let n = cluster.len();
        let shifted: Vec<Vec3> = cluster.iter().map(|p| [p[0] + distance, p[1], p[2]]).collect();
        let mut system = LennardJones::new([cluster, shifted].concat());
        system.atoms.particle[n..].fill(1);
        system
    }

    /// Positions and velocities in order of id, as bits.
    pub fn bits(&self) -> Vec<[u64; 6]> {
        let mut list: Vec<usize> = (0..self.atoms.owned).collect();
        list.sort_by_key(|&i| self.atoms.id[i]);
        list.iter()
            .map(|&i| {
                let (x, v) = (self.atoms.position[i], self.atoms.velocity[i]);
                [x[0], x[1], x[2], v[0], v[1], v[2]].map(f64::to_bits)
            })
            .collect()
    }

    fn reorder(&mut self) {
        let mut order: Vec<usize> = (0..self.atoms.owned).collect();
        let step = self.evaluations;
        order.sort_by_key(|&i| Stream::new(9, Purpose::Test, step, i as u64).next_u64());
        let list: Vec<Atom> = order.iter().map(|&i| self.atoms.record(i)).collect();
        self.atoms = Atoms::from_list(&list);
    }
}

impl System for LennardJones {
    fn atoms(&self) -> &Atoms {
        &self.atoms
    }

    fn atoms_mut(&mut self) -> &mut Atoms {
        &mut self.atoms
    }

    fn cell(&self) -> &Cell {
        &self.cell
    }

    fn masses(&self) -> &[f64] {
        &self.masses
    }

    fn stretch(&mut self, _length: Vec3) {
        unreachable!("its boundaries are free");
    }

    fn begin_forces(&mut self, _virial: bool) -> Result<Share> {
        self.evaluations += 1;
        if self.shuffle {
            self.reorder();
        }
        let Atoms { position, force, quantum, owned, .. } = &mut self.atoms;
        force.fill([0; 4]);
        let mut energy = 0i64;
        for i in 0..*owned {
            for j in 0..i {
                let r: Vec3 = std::array::from_fn(|d| position[i][d] - position[j][d]);
                let inverse = Self::SIGMA * Self::SIGMA / (r[0] * r[0] + r[1] * r[1] + r[2] * r[2]);
                let sixth = inverse * inverse * inverse;
                let pair = 4.0 * Self::EPSILON * (sixth * sixth - sixth);
                energy += quantum.round(pair);
                let strength = 24.0 * Self::EPSILON * (2.0 * sixth * sixth - sixth) * inverse
                    / (Self::SIGMA * Self::SIGMA);
                for d in 0..3 {
                    let f = quantum.round(strength * r[d]);
                    force[i][d] += f;
                    force[j][d] -= f;
                }
            }
        }
        Ok(Share::of_one_process(energy))
    }

    fn finish_forces(&mut self, share: Share, _more: &mut [i128]) -> Result<Totals> {
        let potential_energy = self.atoms.quantum.value_wide(share.energy());
        Ok(Totals { potential_energy, virial: None })
    }
}

/// The 13 atoms of an icosahedron at about the distance of the Lennard-Jones
/// minimum, each coordinate moved at random by up to `disorder` Å.
pub fn icosahedron(disorder: f64) -> Vec<Vec3> {
    let golden = (1.0 + 5f64.sqrt()) / 2.0;
    let mut places = vec![[0.0; 3]];
    for a in [-1.0, 1.0] {
        for b in [-golden, golden] {
            places.extend([[0.0, a, b], [a, b, 0.0], [b, 0.0, a]]);
        }
    }
    let edge = 1.11 * LennardJones::SIGMA / 2.0;
    places
        .iter()
        .enumerate()
        .map(|(i, p)| {
            let mut random = Stream::new(4, Purpose::Test, 0, i as u64);
            p.map(|x| x * edge + disorder * (2.0 * random.uniform() - 1.0))
        })
        .collect()
}

/// A stage at constant energy of this many steps.
pub fn constant_energy(steps: u64) -> Stage {
    Stage {
        name: "test".into(),
        kind: StageKind::Hold,
        steps,
        temperature: None,
        first_temperature: None,
        thermostat: None,
        swaps: None,
        pressure: None,
        apart: false,
        reverse: false,
        integrator: Scheme::VelocityVerlet,
        remove_linear: None,
        remove_angular: None,
        force_tolerance: 1e-6,
        trajectory_interval: 1,
        series_interval: 1,
        trace_interval: None,
    }
}

/// A stage at constant temperature (K) that begins with momenta taken away.
pub fn constant_temperature(kind: Thermostat, temperature: f64, steps: u64) -> Stage {
    let settings =
        ThermostatSettings { kind, relaxation: 0.1, chain_length: 3, group: Group::System };
    Stage {
        temperature: Some([temperature; 2]),
        first_temperature: Some(temperature),
        thermostat: Some(settings),
        remove_linear: Some(Group::System),
        remove_angular: Some(Group::System),
        ..constant_energy(steps)
    }
}

/// A run of one stage on one rank.
pub struct Run {
    pub protocol: Protocol,
    pub progress: Progress,
    pub system: LennardJones,
    pub integrator: Integrator,
    pub comm: Comm,
}

impl Run {
    /// `timestep` in ps.
    pub fn begin(stage: Stage, timestep: f64, mut system: LennardJones) -> Run {
        let comm = Comm::single();
        let protocol = Protocol { seed: 11, timestep, stages: vec![stage] };
        let progress = Progress::default();
        let integrator = Integrator::begin(&protocol, &progress, &mut system, &comm).unwrap();
        Run { protocol, progress, system, integrator, comm }
    }

    pub fn step(&mut self) {
        self.progress.advance(&self.protocol);
        self.integrator.step(&mut self.system, &self.comm, &self.progress, false).unwrap();
    }

    /// To the end of the stage, with a look after each step.
    pub fn finish(&mut self, mut look: impl FnMut(&Run)) {
        while !self.integrator.is_finished(&self.progress) {
            self.step();
            look(self);
        }
    }

    pub fn bodies(&self, group: Group) -> Vec<Body> {
        bodies(&self.system, group)
    }
}

/// The bodies of a system on one rank.
pub fn bodies(system: &LennardJones, group: Group) -> Vec<Body> {
    let comm = Comm::single();
    let view = View::new(system, &comm);
    Groups::new(group, &view).bodies(&view)
}

/// Mean and variance.
pub fn moments(values: &[f64]) -> (f64, f64) {
    let n = values.len() as f64;
    let mean = values.iter().sum::<f64>() / n;
    (mean, values.iter().map(|x| (x - mean).powi(2)).sum::<f64>() / n)
}
