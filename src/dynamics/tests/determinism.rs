//! The same bits whatever the order of atoms, the ranks, the threads, the restart.

use crate::atoms::Atoms;
use crate::comm::{Comm, threads};
use crate::dynamics::groups::{Body, Group, Groups, View};
use crate::dynamics::testing::{
    LennardJones, Run, constant_energy, constant_temperature, icosahedron,
};
use crate::dynamics::thermostat::{Target, langevin};
use crate::dynamics::{Integrator, IntegratorState, Stage, velocities};
use crate::force::System;
use crate::input::config::{StageKind, Thermostat};

/// A stage of every kind, on two particles.
fn stages() -> Vec<Stage> {
    let mut stages = Vec::new();
    for kind in [Thermostat::NoseHoover, Thermostat::Bussi, Thermostat::Langevin] {
        for group in [Group::System, Group::Particle] {
            let mut stage = constant_temperature(kind, 900.0, 300);
            stage.thermostat.as_mut().unwrap().group = group;
            stages.push(stage);
        }
    }
    stages.push(Stage { first_temperature: Some(900.0), ..constant_energy(300) });
    stages.push(Stage { kind: StageKind::Minimise, ..constant_energy(300) });
    stages
}

fn begin(stage: &Stage, shuffle: bool) -> Run {
    let mut system = LennardJones::pair(icosahedron(0.1), 9.0);
    system.shuffle = shuffle;
    Run::begin(stage.clone(), 0.002, system)
}

#[test]
fn bits_do_not_depend_on_the_order_of_atoms() {
    for stage in stages() {
        let [mut sorted, mut shuffled] = [false, true].map(|shuffle| begin(&stage, shuffle));
        let start = sorted.system.bits();
        sorted.finish(|_| ());
        shuffled.finish(|_| ());
        assert_ne!(sorted.system.bits(), start);
        assert_eq!(sorted.system.bits(), shuffled.system.bits(), "{stage:?}");
        assert_eq!(sorted.integrator.state(), shuffled.integrator.state());
    }
}

#[test]
fn a_restart_in_the_middle_gives_the_same_bits() {
    for stage in stages() {
        let mut straight = begin(&stage, false);
        straight.finish(|_| ());

        let mut first = begin(&stage, false);
        for _ in 0..123 {
            first.step();
        }
        let saved = serde_json::to_string(first.integrator.state()).unwrap();
        let records: Vec<_> =
            (0..first.system.atoms.owned).map(|i| first.system.atoms.record(i)).collect();
        let mut system = LennardJones::pair(icosahedron(0.1), 9.0);
        system.atoms = Atoms::from_list(&records);

        let state: IntegratorState = serde_json::from_str(&saved).unwrap();
        let Run { protocol, progress, comm, .. } = first;
        let integrator =
            Integrator::resume(&protocol, &progress, state, &mut system, &comm).unwrap();
        let mut second = Run { protocol, progress, system, integrator, comm };
        second.finish(|_| ());
        assert_eq!(second.system.bits(), straight.system.bits(), "{stage:?}");
        assert_eq!(second.integrator.state(), straight.integrator.state());
    }
}

/// Some thousand atoms of four particles in a row, with velocities.
fn many() -> LennardJones {
    let places = (0..6000).map(|i| [0.37 * i as f64, (i % 17) as f64, (i % 5) as f64]).collect();
    let mut system = LennardJones::new(places);
    for i in 0..system.atoms.owned {
        system.atoms.particle[i] = (i / 1500) as u32;
    }
    velocities::draw(&mut system, 1000.0, 1, 0);
    system
}

/// The atoms of one rank out of `comm.size()`.
fn share(whole: &LennardJones, comm: &Comm) -> LennardJones {
    let mine: Vec<_> = (0..whole.atoms.owned)
        .filter(|i| i % comm.size() == comm.rank())
        .map(|i| whole.atoms.record(i))
        .collect();
    let mut system = LennardJones::new(Vec::new());
    system.atoms = Atoms::from_list(&mine);
    system
}

fn bodies(system: &LennardJones, comm: &Comm) -> Vec<Body> {
    let view = View::new(system, comm);
    Groups::new(Group::Particle, &view).bodies(&view)
}

#[test]
fn sums_do_not_depend_on_ranks_or_threads() {
    let whole = many();
    let reference = bodies(&whole, &Comm::single());
    assert_eq!(reference.len(), 4);
    assert!(reference.iter().all(|b| b.atoms == 1500));
    for ranks in [1, 2, 3, 8] {
        for found in threads::run(ranks, |comm| bodies(&share(&whole, comm), comm)) {
            assert_eq!(found, reference, "{ranks} ranks");
        }
    }
    for workers in [1, 2, 5] {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(workers).build().unwrap();
        assert_eq!(pool.install(|| bodies(&whole, &Comm::single())), reference);
    }
}

#[test]
fn noise_does_not_depend_on_ranks() {
    let whole = many();
    let target = Target { temperature: 800.0, relaxation: 0.1, timestep: 0.002 };
    let noisy = |comm: &Comm| {
        let mut system = share(&whole, comm);
        let particles = Groups::new(Group::Particle, &View::new(&system, comm));
        let key = langevin::Key { seed: 2, step: 77 };
        let gained = langevin::friction_and_noise(
            &mut system,
            comm,
            &particles,
            &target,
            key,
            &mut Vec::new(),
        );
        let list: Vec<_> = (0..system.atoms.owned)
            .map(|i| (system.atoms.id[i], system.atoms.velocity[i].map(f64::to_bits)))
            .collect();
        (gained.unwrap().to_bits(), list)
    };
    let (energy, reference) = noisy(&Comm::single());
    for ranks in [2, 3, 8] {
        let found = threads::run(ranks, noisy);
        assert!(found.iter().all(|(gained, _)| *gained == energy));
        let mut velocities: Vec<_> = found.into_iter().flat_map(|(_, list)| list).collect();
        velocities.sort_unstable();
        assert_eq!(velocities, reference, "{ranks} ranks");
    }
}

#[test]
fn an_atom_out_of_bounds_is_told_to_every_rank() {
    let mut whole = many();
    whole.atoms_mut().velocity[1234] = [f64::NAN; 3];
    let told = threads::run(3, |comm| {
        let system = share(&whole, comm);
        let view = View::new(&system, comm);
        Groups::new(Group::System, &view).kinetics(&view).unwrap_err().atom
    });
    assert_eq!(told, [1234; 3]);
}
