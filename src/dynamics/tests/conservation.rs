//! What must not change along a trajectory.

use crate::dynamics::groups::Group;
use crate::dynamics::testing::{
    LennardJones, Run, constant_energy, constant_temperature, icosahedron, moments,
};
use crate::dynamics::verlet::{self, HalfStep};
use crate::dynamics::{Integrator, Stage, velocities};
use crate::force::System;
use crate::geometry::{norm, sub};
use crate::input::config::{Scheme, Thermostat};
use crate::units::FORCE_PER_MASS;

/// ps; the fastest vibration of the test cluster takes about 100 fs.
const TIMESTEP: f64 = 0.001;

/// A vibrating cluster that neither drifts nor turns.
fn start(temperature: f64) -> Stage {
    Stage {
        first_temperature: Some(temperature),
        remove_linear: Some(Group::System),
        remove_angular: Some(Group::System),
        ..constant_energy(0)
    }
}

/// Root mean square of the conserved energy about its mean over 4 ps.
fn energy_noise(stage: Stage, timestep: f64) -> f64 {
    let steps = (4.0 / timestep).round() as u64;
    let mut run =
        Run::begin(Stage { steps, ..stage }, timestep, LennardJones::new(icosahedron(0.0)));
    let mut energies = Vec::new();
    while !run.integrator.is_finished(&run.progress) {
        run.step();
        run.integrator.catch_up(&mut run.system, false).unwrap();
        energies.push(run.integrator.conserved_energy());
    }
    moments(&energies).1.sqrt()
}

/// The error of velocity Verlet is of second order; what is left of the fourth
/// shifts the ratio of halved steps from 4 by a few hundredths.
const ORDER_TOLERANCE: f64 = 0.25;

fn assert_second_order(stage: Stage) {
    let noise: Vec<f64> =
        [0.25, 0.5, 1.0].map(|n| energy_noise(stage.clone(), n * TIMESTEP)).to_vec();
    for pair in noise.windows(2) {
        let ratio = pair[1] / pair[0];
        assert!((ratio - 4.0).abs() < ORDER_TOLERANCE, "{noise:?}: ratio {ratio}");
    }
}

#[test]
fn energy_error_is_of_second_order_at_constant_energy() {
    assert_second_order(start(300.0));
}

#[test]
fn leapfrog_and_position_verlet_are_of_second_order() {
    for integrator in [Scheme::Leapfrog, Scheme::PositionVerlet] {
        assert_second_order(Stage { integrator, ..start(300.0) });
    }
    let chains = constant_temperature(Thermostat::NoseHoover, 300.0, 0);
    assert_second_order(Stage { integrator: Scheme::PositionVerlet, ..chains });
}

/// Where atoms are after so many steps of 1 fs, and the energy at the end.
fn after(integrator: Scheme, steps: u64) -> (Vec<[f64; 4]>, f64) {
    let stage = Stage { integrator, steps, ..start(300.0) };
    let mut run = Run::begin(stage, TIMESTEP, LennardJones::new(icosahedron(0.0)));
    run.finish(|_| {});
    run.integrator.catch_up(&mut run.system, false).unwrap();
    (run.system.atoms.position.clone(), run.integrator.conserved_energy())
}

/// Leapfrog has the positions of velocity Verlet, to the bit, and the velocities that are shown are those of the same time;
/// position Verlet has others, by the square of the time step.
#[test]
fn leapfrog_goes_where_velocity_verlet_does_and_position_verlet_near_it() {
    let [(verlet, energy), (leapfrog, same), (position, other)] =
        [Scheme::VelocityVerlet, Scheme::Leapfrog, Scheme::PositionVerlet].map(|s| after(s, 100));
    let farthest = |a: &[[f64; 4]]| {
        let each = a.iter().zip(&verlet).flat_map(|(a, b)| (0..3).map(|d| (a[d] - b[d]).abs()));
        each.fold(0.0, f64::max)
    };
    assert_eq!((&leapfrog, same), (&verlet, energy));
    let off = farthest(&position);
    assert!((1e-6..1e-2).contains(&off) && other != energy, "{off}");
    assert!((other - energy).abs() < 1e-2, "{other} {energy}");
}

/// Who looks, and so asks for forces of whole steps, changes nothing.
#[test]
fn looking_at_position_verlet_changes_no_bit() {
    let ways = [false, true].map(|look| {
        let stage = Stage { integrator: Scheme::PositionVerlet, steps: 60, ..start(300.0) };
        let mut run = Run::begin(stage, TIMESTEP, LennardJones::new(icosahedron(0.0)));
        run.system.shuffle = true;
        while !run.integrator.is_finished(&run.progress) {
            run.step();
            if look {
                run.integrator.catch_up(&mut run.system, true).unwrap();
            }
        }
        run.system.bits()
    });
    assert_eq!(ways[0], ways[1]);
}

#[test]
fn conserved_energy_of_chains_is_of_second_order() {
    assert_second_order(constant_temperature(Thermostat::NoseHoover, 300.0, 0));
}

#[test]
fn conserved_energy_of_chains_survives_a_ramp() {
    let ramp = Stage {
        temperature: Some([300.0, 500.0]),
        ..constant_temperature(Thermostat::NoseHoover, 300.0, 0)
    };
    assert_second_order(ramp);
}

/// Stochastic thermostats book what they take: the rest is the error of the
/// integrator alone, which in a stationary state performs a slow random walk.
#[test]
fn conserved_energy_of_stochastic_thermostats_stays() {
    for kind in [Thermostat::Bussi, Thermostat::Langevin] {
        let mut run = Run::begin(
            constant_temperature(kind, 300.0, 4000),
            TIMESTEP,
            LennardJones::new(icosahedron(0.0)),
        );
        let (mut conserved, mut total) = (Vec::new(), Vec::new());
        run.finish(|run| {
            conserved.push(run.integrator.conserved_energy());
            total.push(run.integrator.totals().potential_energy + run.integrator.kinetic_energy());
        });
        let (kept, moved) = (moments(&conserved).1.sqrt(), moments(&total).1.sqrt());
        assert!(kept < 0.01 * moved, "{kind:?}: {kept} eV of {moved} eV");
    }
}

/// Rounding of velocities (1e-16) grows with the chaos of the cluster, about
/// tenfold in 0.2 ps at this temperature.
const REVERSAL: f64 = 1e-9;

#[test]
fn motion_reverses_with_the_velocities() {
    for integrator in [Scheme::VelocityVerlet, Scheme::PositionVerlet, Scheme::Leapfrog] {
        reverses(integrator);
    }
}

fn reverses(integrator: Scheme) {
    let mut run = Run::begin(
        Stage { steps: 1000, integrator, ..start(300.0) },
        TIMESTEP,
        LennardJones::new(icosahedron(0.0)),
    );
    let first = run.system.atoms.position.clone();
    for _ in 0..500 {
        run.step();
    }
    let away = norm(sub(
        run.system.atoms.position[3][..3].try_into().unwrap(),
        first[3][..3].try_into().unwrap(),
    ));
    assert!(away > 0.01, "nothing moved: {away} Å");
    run.system.atoms.velocity.iter_mut().flatten().for_each(|v| *v = -*v);
    for _ in 0..500 {
        run.step();
    }
    for (now, then) in run.system.atoms.position.iter().zip(&first) {
        assert!((0..3).all(|d| (now[d] - then[d]).abs() < REVERSAL), "{now:?} {then:?}");
    }
}

/// At constant energy a run is undone to the bit, whatever the order of atoms.
#[test]
fn a_run_comes_back_to_the_bit() {
    let way = |integrator, timestep| {
        let plain = Stage { integrator, ..constant_energy(3000) };
        let out = Stage { first_temperature: Some(900.0), ..plain.clone() };
        let back = Stage { reverse: true, ..plain };
        let mut system = LennardJones::pair(icosahedron(0.1), 9.0);
        system.shuffle = true;
        let mut run = Run::begin(out.clone(), timestep, system);
        let first = run.system.bits();
        run.finish(|_| ());
        let farthest = run.system.bits();
        run.protocol.stages = vec![out, back];
        run.progress.next_stage();
        run.integrator =
            Integrator::begin(&run.protocol, &run.progress, &mut run.system, &run.comm).unwrap();
        run.finish(|_| ());
        verlet::turn_around(&mut run.system.atoms);
        (first, farthest, run.system.bits())
    };
    for integrator in [Scheme::VelocityVerlet, Scheme::Leapfrog, Scheme::PositionVerlet] {
        // In the shortest time step that there is, too, where a velocity has most quanta of momentum.
        for timestep in [TIMESTEP, 1e-5] {
            let (first, farthest, last) = way(integrator, timestep);
            assert_ne!(first, farthest);
            assert_eq!(first, last, "{integrator:?} in steps of {timestep} ps");
        }
    }
}

/// A kick is undone to the bit up to the speed that `verlet` states, for any mass and time step, and is as large as
/// it should be.
#[test]
fn kicks_reverse_to_the_bit_up_to_the_fastest() {
    for (timestep, mass) in
        [(1e-5, 1.008), (1e-5, 238.0), (1e-3, 238.0), (1e-3, 1e4), (0.02, 1.008)]
    {
        let masses = vec![mass, 1.008];
        let half_step = HalfStep { duration: timestep / 2.0, masses: &masses };
        let places = (0..1000).map(|i| [f64::from(i), 0.0, 0.0]).collect();
        let mut atoms = LennardJones::new(places).atoms;
        atoms.species.iter_mut().for_each(|species| *species = 0);
        for (i, (v, force)) in atoms.velocity.iter_mut().zip(&mut atoms.force).enumerate() {
            let part = i as f64 / 1000.0;
            *v = [verlet::FASTEST * part, -verlet::FASTEST * part, 1e-9 * part];
            *force = [i as i64 - 500, (i as i64 - 500) << 30, 1 - 2 * (i as i64 % 2), 0];
        }
        half_step.round_momenta(&mut atoms);
        let before = atoms.velocity.clone();
        let kicks = 100;
        for _ in 0..kicks {
            half_step.kick(&mut atoms, 1.0);
        }
        let per_quantum = timestep / 2.0 * FORCE_PER_MASS / atoms.quantum.per_unit() / mass;
        for ((now, then), force) in atoms.velocity.iter().zip(&before).zip(&atoms.force) {
            let [given, due] = [now[1] - then[1], f64::from(kicks) * force[1] as f64 * per_quantum];
            assert!((given - due).abs() < 1e-7 * due.abs() + 1e-12, "{given} {due}");
        }
        verlet::turn_around(&mut atoms);
        for _ in 0..kicks {
            half_step.kick(&mut atoms, 1.0);
        }
        verlet::turn_around(&mut atoms);
        assert_eq!(atoms.velocity, before, "{timestep} ps, {mass} g/mol");
    }
}

/// A drift is undone to the bit, anywhere in space and at any speed.
#[test]
fn drift_reverses_to_the_bit() {
    let places = (0..200).map(|i| [-3e4 + 301.7 * i as f64, 0.1 * i as f64, 17.3]).collect();
    let mut system = LennardJones::new(places);
    velocities::draw(&mut system, 1e4, 2, 0);
    let before = system.atoms.position.clone();
    verlet::drift(&mut system.atoms, TIMESTEP);
    assert_ne!(system.atoms.position, before);
    verlet::drift(&mut system.atoms, -TIMESTEP);
    assert_eq!(system.atoms.position, before);
}

/// Momenta are integers, of which each atom's is rounded once, when the run begins: relative to the momentum of an
/// atom at 1 Å/ps.
const MOMENTUM_ROUNDING: f64 = 1e-12;

#[test]
fn momenta_are_conserved_at_constant_energy() {
    let mut run = Run::begin(
        Stage { steps: 2000, ..start(300.0) },
        TIMESTEP,
        LennardJones::new(icosahedron(0.0)),
    );
    let before = run.bodies(Group::System)[0];
    run.finish(|_| ());
    let after = run.bodies(Group::System)[0];
    let atom = before.mass / 13.0;
    assert!(norm(after.momentum) < MOMENTUM_ROUNDING * atom);
    // The grid of positions adds 1e-11 Å a step at random.
    assert!(norm(after.angular_momentum) < 1e-6 * atom);
    assert!(norm(sub(after.centre, before.centre)) < 1e-9);
}

/// Momenta are integers, as `verlet` has them, whose sum no kick changes.
#[test]
fn momentum_is_conserved_to_the_bit() {
    let mut run = Run::begin(
        Stage { steps: 2000, ..start(900.0) },
        TIMESTEP,
        LennardJones::new(icosahedron(0.1)),
    );
    let momenta = |run: &Run| {
        let atoms = &run.system.atoms;
        let impulse = TIMESTEP / 2.0 * FORCE_PER_MASS / atoms.quantum.per_unit();
        let mut sums = [0_i64; 3];
        for (v, species) in atoms.velocity.iter().zip(&atoms.species) {
            for d in 0..3 {
                let momentum = v[d] * run.system.masses()[*species as usize] / impulse;
                assert!((momentum - momentum.round()).abs() < 0.1, "no integer: {momentum}");
                sums[d] += momentum.round() as i64;
            }
        }
        sums
    };
    let (before, places) = (momenta(&run), run.system.bits());
    run.finish(|_| ());
    assert_ne!(run.system.bits(), places, "nothing moved");
    assert_eq!(momenta(&run), before);
}

/// Thermostats of each particle leave its momentum alone: only the forces
/// between the particles change it, by opposite amounts.
#[test]
fn thermostats_do_not_move_particles() {
    for kind in [Thermostat::NoseHoover, Thermostat::Bussi, Thermostat::Langevin] {
        for apart in [false, true] {
            let mut stage = constant_temperature(kind, 600.0, 500);
            stage.thermostat.as_mut().unwrap().group = Group::Particle;
            stage.apart = apart;
            stage.remove_linear = Some(Group::Particle);
            stage.remove_angular = Some(Group::Particle);
            let mut system = LennardJones::pair(icosahedron(0.0), 300.0);
            velocities::draw(&mut system, 600.0, 1, 0);
            let mut run = Run::begin(stage, TIMESTEP, system);
            run.finish(|_| ());
            for body in run.bodies(Group::Particle) {
                // At 300 Å the Lennard-Jones force is below one quantum of force per pair; the
                // quantum of the thermostats' momentum sums is 2.3e-10.
                assert!(norm(body.momentum) < 1e-7, "{kind:?}: {:?}", body.momentum);
                assert!(body.thermal_energy > 0.1);
            }
        }
    }
}

/// With a momentum of its own, a system keeps it under every thermostat.
#[test]
fn thermostats_do_not_stop_a_moving_system() {
    for kind in [Thermostat::NoseHoover, Thermostat::Bussi, Thermostat::Langevin] {
        let mut system = LennardJones::new(icosahedron(0.0));
        velocities::draw(&mut system, 300.0, 1, 0);
        let stage = Stage {
            remove_linear: None,
            remove_angular: None,
            ..constant_temperature(kind, 300.0, 500)
        };
        let mut run = Run::begin(stage, TIMESTEP, system);
        let before = run.bodies(Group::System)[0].momentum;
        assert!(norm(before) > 1.0, "no test without a drift");
        run.finish(|_| ());
        let after = run.bodies(Group::System)[0].momentum;
        assert!(norm(sub(after, before)) < 1e-7, "{kind:?}: {before:?} -> {after:?}");
    }
}
