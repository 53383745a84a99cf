//! Barostats against the ensemble of constant pressure.

use super::*;
use crate::atoms::Atom;
use crate::dynamics::testing::{constant_temperature, moments};
use crate::dynamics::{Integrator, Progress, Protocol};
use crate::force::two_densities::TwoDensities;
use crate::force::{self, Engine};
use crate::geometry::{Cell, on_grid};
use crate::input::config::Thermostat;
use crate::random::{Purpose, Stream};
use crate::units::BOLTZMANN;
use bytemuck::Zeroable;

const TEMPERATURE: f64 = 300.0;
const ATOMS: usize = 50;
/// Å³ per atom: so thin that collisions change the pressure by less than a thousandth.
const VOLUME: f64 = 1e5;

fn gas(kind: Barostat, pressure: f64) -> Settings {
    Settings {
        kind,
        groups: vec![vec![0, 1, 2]],
        target: [pressure; 2],
        relaxation: 0.1,
        compressibility: 1.0 / pressure,
        chain_length: 3,
        interval: 1,
    }
}

/// Atoms at random in a cubic box of this volume, at rest.
fn engine<'c>(
    comm: &'c Comm,
    potential: &'c TwoDensities,
    volume: f64,
) -> Engine<'c, TwoDensities> {
    let edge = volume.cbrt();
    let cell = Cell::new([0.0; 3], [edge; 3], [true; 3]);
    let atom = |i: usize| {
        let mut random = Stream::new(3, Purpose::Test, 0, i as u64);
        let position = std::array::from_fn(|_| on_grid(edge * random.uniform()));
        Atom { id: i as u64, position, ..Atom::zeroed() }
    };
    let settings = force::Settings { skin: 0.5, energy_bound: 100.0 };
    Engine::new(comm, potential, cell, (0..ATOMS).map(atom).collect(), settings).unwrap()
}

fn protocol(pressure: Settings, steps: u64) -> Protocol {
    let stage = constant_temperature(Thermostat::Langevin, TEMPERATURE, steps);
    let stage = crate::dynamics::Stage { pressure: Some(pressure), remove_angular: None, ..stage };
    Protocol { seed: 5, timestep: 0.002, stages: vec![stage] }
}

/// The volume after each step of the only stage but for the first fiftieth of them, Å³.
fn settled_volumes(protocol: &Protocol, system: &mut dyn System, comm: &Comm) -> Vec<f64> {
    let mut progress = Progress::default();
    let mut run = Integrator::begin(protocol, &progress, system, comm).unwrap();
    let mut volumes = Vec::new();
    while !run.is_finished(&progress) {
        progress.advance(protocol);
        run.step(system, comm, &progress, false).unwrap();
        if progress.step > protocol.stages[0].steps / 50 {
            volumes.push(system.cell().volume());
        }
    }
    volumes
}

/// N atoms that do not act on each other, at momentum zero: p(V) ∝ V^(N-1) exp(-P° V/kT), so <V> = N kT/P°
/// and the variance of V is N (kT/P°)².
#[test]
fn an_ideal_gas_has_the_volumes_of_its_ensemble() {
    /// 120 ps, some 600 correlation times of V: standard errors are 0.6 % of the mean
    /// and 6 % of the variance; four of them, and 2 % for the steps of the barostat.
    const STEPS: u64 = 60_000;
    const MEAN_TOLERANCE: f64 = 0.03;
    const VARIANCE_TOLERANCE: f64 = 0.26;
    let pressure = BOLTZMANN * TEMPERATURE / VOLUME;
    for kind in [Barostat::Stochastic, Barostat::MartynaTobiasKlein] {
        let (comm, potential) = (Comm::single(), TwoDensities::default());
        let mut system = engine(&comm, &potential, 1.3 * VOLUME * ATOMS as f64);
        let protocol = protocol(gas(kind, pressure), STEPS);
        let volumes = settled_volumes(&protocol, &mut system, &comm);
        let volumes: Vec<f64> = volumes.into_iter().map(|volume| volume / VOLUME).collect();
        let (mean, variance) = moments(&volumes);
        let (mean, variance) = (mean / ATOMS as f64, variance / ATOMS as f64);
        assert!((mean - 1.0).abs() < MEAN_TOLERANCE, "{kind:?}: mean {mean} of theory");
        assert!(
            (variance - 1.0).abs() < VARIANCE_TOLERANCE,
            "{kind:?}: variance {variance} of theory"
        );
    }
}

#[test]
fn a_box_that_would_change_at_once_is_told() {
    let (comm, potential) = (Comm::single(), TwoDensities::default());
    let mut system = engine(&comm, &potential, VOLUME * ATOMS as f64);
    let hard =
        Settings { compressibility: 1e9, target: [1.0; 2], ..gas(Barostat::Stochastic, 1.0) };
    let (protocol, mut progress) = (protocol(hard, 10), Progress::default());
    let mut run = Integrator::begin(&protocol, &progress, &mut system, &comm).unwrap();
    progress.advance(&protocol);
    let error = run.step(&mut system, &comm, &progress, false).unwrap_err().to_string();
    assert!(error.starts_with("step 1: the pressure would change the box"), "{error}");
}

#[test]
fn places_are_carried_along_whatever_their_image() {
    let (comm, potential) = (Comm::single(), TwoDensities::default());
    let mut system = engine(&comm, &potential, VOLUME * ATOMS as f64);
    let mut shifted = engine(&comm, &potential, VOLUME * ATOMS as f64);
    // As after a drift across the border that nobody has wrapped yet.
    let length = shifted.cell().length;
    for i in 0..ATOMS {
        let away = [1, -1][i % 2];
        shifted.atoms_mut().position[i][0] += away as f64 * length[0];
        shifted.atoms_mut().image[i][0] -= away;
    }
    let new = length.map(|length| 1.01 * length);
    let places = |system: &mut Engine<TwoDensities>| {
        system.stretch(new);
        system.update_forces(false).unwrap();
        let (atoms, cell) = (system.atoms(), system.cell());
        let mut places: Vec<_> = (0..atoms.owned)
            .map(|i| (atoms.id[i], cell.unwrap(&atoms.position[i], &atoms.image[i])))
            .collect();
        places.sort_by_key(|place| place.0);
        places
    };
    assert_eq!(places(&mut system), places(&mut shifted));
}

/// An fcc crystal of 2 x 2 x 2 cells, at rest in a box without pressure; and its bulk modulus at
/// 0 K, -V dP/dV, eV/Å³.
fn crystal<'c>(comm: &'c Comm, potential: &'c TwoDensities) -> (Engine<'c, TwoDensities>, f64) {
    let sites = [[0.0, 0.0, 0.0], [0.0, 0.5, 0.5], [0.5, 0.0, 0.5], [0.5, 0.5, 0.0]];
    let edge = 5.0;
    let mut atoms = Vec::new();
    for cell in 0..8 {
        for site in sites {
            let place = |d: usize| (site[d] + (cell >> d & 1) as f64) * edge / 2.0;
            let position = [place(0), place(1), place(2)].map(on_grid);
            atoms.push(Atom { id: atoms.len() as u64, position, ..Atom::zeroed() });
        }
    }
    let cell = Cell::new([0.0; 3], [edge; 3], [true; 3]);
    let settings = force::Settings { skin: 0.2, energy_bound: 100.0 };
    let mut system = Engine::new(comm, potential, cell, atoms, settings).unwrap();
    let mut pressure = |edge: f64| {
        system.stretch([edge; 3]);
        let [xx, yy, zz, ..] = system.update_forces(true).unwrap().virial.unwrap();
        (xx + yy + zz) / (3.0 * edge.powi(3))
    };
    // Pressed, then pulled.
    let mut bounds = [4.0, 8.0];
    for _ in 0..40 {
        let middle = (bounds[0] + bounds[1]) / 2.0;
        bounds[(pressure(middle) < 0.0) as usize] = middle;
    }
    let (edge, strain) = (bounds[0], 1e-4);
    let change = pressure(edge * (1.0 + strain)) - pressure(edge * (1.0 - strain));
    system.stretch([edge; 3]);
    (system, -change / (6.0 * strain))
}

/// <δV²> = kT <V>/K of a crystal that is nearly harmonic, for axes that change together or not.
#[test]
fn volumes_of_a_crystal_fluctuate_as_its_bulk_modulus_says() {
    /// K; some per cent of anharmonicity are within the tolerance.
    const COLD: f64 = 20.0;
    const STEPS: u64 = 60_000;
    const TOLERANCE: f64 = 0.25;
    // Three lengths that change each for itself take longest to forget what they were: the ratio of one such run has
    // a standard deviation of 0.2, that of four together of 0.1.
    for (kind, groups, runs) in [
        (Barostat::Stochastic, vec![vec![0, 1], vec![2]], 1),
        (Barostat::MartynaTobiasKlein, vec![vec![0, 1, 2]], 1),
        (Barostat::MartynaTobiasKlein, vec![vec![0], vec![1], vec![2]], 4),
    ] {
        let (comm, potential) = (Comm::single(), TwoDensities::default());
        let (mut means, mut variances) = (Vec::new(), Vec::new());
        let mut stiffness = 0.0;
        for seed in 0..runs {
            let (mut system, modulus) = crystal(&comm, &potential);
            stiffness = modulus;
            let settings = Settings {
                groups: groups.clone(),
                target: [0.0; 2],
                compressibility: 1.0 / modulus,
                interval: 2,
                ..gas(kind, 1.0)
            };
            let mut protocol = protocol(settings, STEPS);
            protocol.seed = seed;
            protocol.stages[0].temperature = Some([COLD; 2]);
            protocol.stages[0].first_temperature = Some(COLD);
            let (mean, variance) = moments(&settled_volumes(&protocol, &mut system, &comm));
            means.push(mean);
            variances.push(variance);
        }
        let (mean, variance) = (moments(&means).0, moments(&variances).0);
        let ratio = BOLTZMANN * COLD * mean / variance / stiffness;
        assert!((ratio - 1.0).abs() < TOLERANCE, "{kind:?}, {groups:?}: {ratio} of the modulus");
    }
}

/// What a barostat finds whose pressure (GPa) is `mean` off and shakes by ±1, so many times.
fn found(mean: f64, times: u32, settings: &Settings) -> History {
    let mut history = History::default();
    for n in 0..times {
        let off = (mean + if n % 2 == 0 { 1.0 } else { -1.0 }) / PRESSURE_GPA;
        let volume = 1000.0 + n as f64;
        let change = Change {
            seed: 1,
            step: 0,
            temperature: 300.0,
            pressure: settings.target[0],
            duration: 0.1,
        };
        let inside = Inside {
            pressed: [(settings.target[0] + off) * volume; 3],
            kinetic: 1.0,
            potential: 0.0,
            freedom: 3.0,
            volume,
            centre: [0.0; 3],
        };
        history.add(settings, &change, &inside);
    }
    history
}

#[test]
fn a_pressure_that_was_not_held_is_told_from_one_that_shakes() {
    let settings = gas(Barostat::Stochastic, 2.0 / PRESSURE_GPA);
    let judge = |mean: f64, times: u32| {
        found(mean, times, &settings).judge(&settings, [0.1, 0.1 * times as f64], 1200.0)
    };
    let told = |judgement: Judgement| match judgement {
        Judgement::NotHeld(deviation) => deviation,
        other => panic!("{other:?}"),
    };
    // 100 of 200 changes are looked at, 10 ps: 2 relaxation times of 100 fs in that are 0.14 of the fluctuation.
    assert_eq!(judge(0.0, 200), Judgement::Held);
    assert_eq!(judge(0.3, 200), Judgement::Held);
    let off = told(judge(1.0, 200));
    let gpa = [off.pressure, off.target, off.error].map(|p| p * PRESSURE_GPA);
    assert!((gpa[0] - 3.0).abs() < 1e-9 && (gpa[1] - 2.0).abs() < 1e-9, "{gpa:?}");
    assert!((0.12..0.17).contains(&gpa[2]), "{gpa:?}");
    assert_eq!(off.axes, "xyz");
    assert!((9.0..12.0).contains(&off.time) && (0.05..0.15).contains(&off.growth), "{off:?}");
    // Few changes tell less, very few nothing, and many take no more room.
    for times in [16, 21, 30, 33] {
        let off = told(judge(4.0, times));
        assert!((0.3..0.6).contains(&(off.error * PRESSURE_GPA)), "{off:?}");
        assert_eq!(judge(0.3, times), Judgement::Held);
    }
    assert_eq!(judge(10.0, 9), Judgement::TooShort { changes: 9, enough: 16 });
    assert_eq!(judge(10.0, 0), Judgement::TooShort { changes: 0, enough: 16 });
    told(judge(1.0, 100_000));
    let text = serde_json::to_string(&found(1.0, 100_000, &settings)).unwrap();
    assert!(text.len() < 4000);
    // One that is followed along a ramp lags behind.
    let ramp = Settings { target: [0.0, 100.0 / PRESSURE_GPA], ..settings.clone() };
    assert_eq!(found(-0.9, 200, &ramp).judge(&ramp, [0.1, 20.0], 1200.0), Judgement::Held);
    told(found(-3.0, 200, &ramp).judge(&ramp, [0.1, 20.0], 1200.0));
}
