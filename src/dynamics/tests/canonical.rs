//! Thermostats against the canonical distribution.
//!
//! The kinetic energy of f degrees of freedom has mean f kT/2 and variance
//! f (kT)²/2, whatever the potential; near the ground state the potential energy
//! of 3N-6 vibrations has mean (3N-6) kT/2.

use crate::dynamics::Stage;
use crate::dynamics::groups::Group;
use crate::dynamics::testing::{LennardJones, Run, constant_temperature, icosahedron, moments};
use crate::dynamics::thermostat::{Target, bussi};
use crate::input::config::Thermostat;
use crate::random::{Purpose, Stream};
use crate::units::BOLTZMANN;

const TIMESTEP: f64 = 0.002;
const TEMPERATURE: f64 = 300.0;
/// 300 ps, some 2000 relaxation times: the mean of K is known to about 1 %, its variance to 5 %.
const STEPS: u64 = 150_000;
const WARM_UP: u64 = 5_000;
/// Three standard errors, with the bias of the time step (0.3 %).
const MEAN_TOLERANCE: f64 = 0.03;
const VARIANCE_TOLERANCE: f64 = 0.15;

fn samples(stage: Stage, system: LennardJones) -> (Run, Vec<f64>, Vec<f64>) {
    let mut run = Run::begin(stage, TIMESTEP, system);
    let (mut kinetic, mut potential) = (Vec::new(), Vec::new());
    run.finish(|run| {
        if run.progress.step > WARM_UP {
            kinetic.push(run.integrator.thermal_energy());
            potential.push(run.integrator.totals().potential_energy);
        }
    });
    (run, kinetic, potential)
}

fn assert_canonical(kinetic: &[f64], freedom: f64, name: &str) {
    let kt = BOLTZMANN * TEMPERATURE;
    let (mean, variance) = moments(kinetic);
    let (mean, variance) = (mean / (freedom * kt / 2.0), variance / (freedom * kt * kt / 2.0));
    assert!((mean - 1.0).abs() < MEAN_TOLERANCE, "{name}: mean {mean} of theory");
    assert!((variance - 1.0).abs() < VARIANCE_TOLERANCE, "{name}: variance {variance} of theory");
}

#[test]
fn thermostats_of_the_system_are_canonical() {
    for (kind, freedom) in
        [(Thermostat::NoseHoover, 33), (Thermostat::Bussi, 33), (Thermostat::Langevin, 36)]
    {
        let stage = constant_temperature(kind, TEMPERATURE, STEPS);
        let (run, kinetic, potential) = samples(stage, LennardJones::new(icosahedron(0.0)));
        let name = format!("{kind:?}");
        assert_eq!(run.integrator.degrees_of_freedom(), freedom, "{name}");
        assert_canonical(&kinetic, freedom as f64, &name);
        // Equipartition: 33 vibrations; anharmonicity adds a few per cent at kT = epsilon/20.
        let energy = moments(&potential).0 + 44.326801 * LennardJones::EPSILON;
        let ratio = energy / (33.0 * BOLTZMANN * TEMPERATURE / 2.0);
        assert!((0.97..1.10).contains(&ratio), "{name}: potential energy {ratio} of harmonic");
    }
}

#[test]
fn each_particle_gets_its_own_temperature() {
    for kind in [Thermostat::NoseHoover, Thermostat::Bussi, Thermostat::Langevin] {
        let mut stage = constant_temperature(kind, TEMPERATURE, 40_000);
        stage.thermostat.as_mut().unwrap().group = Group::Particle;
        stage.apart = true;
        stage.remove_linear = Some(Group::Particle);
        stage.remove_angular = Some(Group::Particle);
        let mut run = Run::begin(stage, TIMESTEP, LennardJones::pair(icosahedron(0.0), 300.0));
        // Heat one particle and cool the other: each has to find its way back alone.
        for (v, particle) in run.system.atoms.velocity.iter_mut().zip(&run.system.atoms.particle) {
            let factor = if *particle == 0 { 2.0 } else { 0.1 };
            *v = v.map(|x| x * factor);
        }
        let freedom = if kind == Thermostat::Langevin { 36 } else { 33 };
        assert_eq!(run.integrator.degrees_of_freedom(), 2 * freedom);
        let mut energies = [Vec::new(), Vec::new()];
        run.finish(|run| {
            if run.progress.step > WARM_UP && run.progress.step.is_multiple_of(10) {
                let bodies = run.bodies(Group::Particle);
                energies.iter_mut().zip(bodies).for_each(|(e, b)| e.push(b.thermal_energy));
            }
        });
        for energies in energies {
            let expected = freedom as f64 * BOLTZMANN * TEMPERATURE / 2.0;
            let ratio = moments(&energies).0 / expected;
            // 80 ps, 700 relaxation times.
            assert!((ratio - 1.0).abs() < 0.05, "{kind:?}: {ratio}");
        }
    }
}

#[test]
fn a_ramp_is_followed() {
    for kind in [Thermostat::NoseHoover, Thermostat::Bussi, Thermostat::Langevin] {
        let stage = Stage {
            temperature: Some([200.0, 600.0]),
            ..constant_temperature(kind, 200.0, 100_000)
        };
        let mut run = Run::begin(stage, TIMESTEP, LennardJones::new(icosahedron(0.0)));
        let mut last_tenth = Vec::new();
        run.finish(|run| {
            if run.progress.step > 90_000 {
                last_tenth.push(run.integrator.temperature());
            }
        });
        // The mean target of the last tenth is 580 K; 20 ps know it to about 4 %.
        let (mean, _) = moments(&last_tenth);
        assert!((mean / 580.0 - 1.0).abs() < 0.1, "{kind:?}: {mean} K");
    }
}

/// Bussi's map alone, without dynamics, has the chi-square distribution of K as its fixed point.
#[test]
fn bussi_rescaling_alone_is_canonical() {
    let target = Target { temperature: TEMPERATURE, relaxation: 0.1, timestep: 0.05 };
    for freedom in [1, 3, 33] {
        let mut kinetic = 0.01;
        let energies: Vec<f64> = (0..200_000)
            .map(|step| {
                let mut random = Stream::new(5, Purpose::Bussi, step, 0);
                let factor = bussi::factor(kinetic, freedom, &target, &mut random);
                kinetic *= factor * factor;
                kinetic
            })
            .collect();
        assert_canonical(&energies, freedom as f64, &format!("f = {freedom}"));
    }
    let mut random = Stream::new(5, Purpose::Bussi, 0, 0);
    assert_eq!(bussi::factor(0.0, 33, &target, &mut random), 1.0);
    assert_eq!(bussi::factor(1.0, 0, &target, &mut random), 1.0);
}
