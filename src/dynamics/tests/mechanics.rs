//! Bodies, momenta, degrees of freedom, first velocities.

use crate::comm::Comm;
use crate::dynamics::groups::{Group, Groups, View, temperature};
use crate::dynamics::testing::{LennardJones, bodies, icosahedron, moments};
use crate::dynamics::{momentum, velocities};
use crate::geometry::{Vec3, add, cross, norm, sub};
use crate::units::MASS_VELOCITY_SQUARED;

/// Rounding of sums over a few dozen atoms, relative to the terms.
const ROUNDING: f64 = 1e-12;

fn close(found: f64, expected: f64) {
    assert!((found - expected).abs() <= ROUNDING * (1.0 + expected.abs()), "{found} != {expected}");
}

fn all_close(found: Vec3, expected: Vec3) {
    (0..3).for_each(|d| close(found[d], expected[d]));
}

/// The pair of clusters with thermal velocities, each particle drifting and turning.
fn moving_pair() -> LennardJones {
    let mut system = LennardJones::pair(icosahedron(0.1), 20.0);
    velocities::draw(&mut system, 900.0, 3, 0);
    for i in 0..system.atoms.owned {
        let (drift, turning, centre) = match system.atoms.particle[i] {
            0 => ([1.0, -2.0, 0.5], [0.0, 0.3, 0.1], [0.0; 3]),
            _ => ([-3.0, 0.2, 0.0], [0.5, 0.0, -0.4], [20.0, 0.0, 0.0]),
        };
        let [x, y, z, _] = system.atoms.position[i];
        let field = add(drift, cross(turning, sub([x, y, z], centre)));
        system.atoms.velocity[i] = add(system.atoms.velocity[i], field);
    }
    system
}

#[test]
fn two_atoms_have_the_moments_of_the_textbook() {
    // 195.08 g/mol turns clockwise against 55.847 g/mol, 3 Å apart along y.
    let mut system = LennardJones::new(vec![[0.0, 0.0, 0.0], [0.0, 3.0, 0.0]]);
    system.atoms.velocity = vec![[1.0, 0.0, 0.0], [-1.0, 0.0, 0.0]];
    let (light, heavy) = (55.847, 195.08);
    assert_eq!(
        (0..2).map(|i| system.masses[system.atoms.species[i] as usize]).collect::<Vec<_>>(),
        [light, heavy]
    );
    let body = bodies(&system, Group::System)[0];
    let reduced = light * heavy / (light + heavy);
    assert_eq!(body.atoms, 2);
    close(body.mass, light + heavy);
    all_close(body.centre, [0.0, 3.0 * heavy / (light + heavy), 0.0]);
    all_close(body.momentum, [light - heavy, 0.0, 0.0]);
    all_close(body.angular_momentum, [0.0, 0.0, reduced * 3.0 * 2.0]);
    close(body.inertia.polar(), reduced * 9.0);
    close(body.gyration_radius(), (reduced * 9.0 / (light + heavy)).sqrt());
    close(body.thermal_energy, 0.5 * MASS_VELOCITY_SQUARED * reduced * 4.0);
    close(body.rotational_energy(), body.thermal_energy);
    assert_eq!(body.inertia.rotations(), 2);
}

#[test]
fn centres_are_those_of_unwrapped_positions() {
    let mut system = LennardJones::new(vec![[1.0, 2.0, 3.0], [9.0, 2.0, 3.0]]);
    system.cell = crate::geometry::Cell::new([0.0; 3], [10.0; 3], [true, true, true]);
    system.atoms.species.fill(0);
    system.atoms.image[1] = [-1, 0, 2];
    all_close(bodies(&system, Group::System)[0].centre, [0.0, 2.0, 13.0]);
}

#[test]
fn particles_add_up_to_the_system() {
    let system = moving_pair();
    let whole = bodies(&system, Group::System)[0];
    let parts = bodies(&system, Group::Particle);
    assert_eq!(parts.len(), 2);
    close(parts.iter().map(|b| b.mass).sum(), whole.mass);
    all_close(add(parts[0].momentum, parts[1].momentum), whole.momentum);
    // Parallel axes: the whole has the spins, and the particles' own motion about the common centre.
    let orbital = parts
        .iter()
        .fold([0.0; 3], |sum, b| add(sum, cross(sub(b.centre, whole.centre), b.momentum)));
    let spins = add(parts[0].angular_momentum, parts[1].angular_momentum);
    all_close(add(orbital, spins), whole.angular_momentum);
}

#[test]
fn removal_leaves_no_momentum_and_touches_nothing_else() {
    let comm = Comm::single();
    for group in [Group::System, Group::Particle] {
        let mut system = moving_pair();
        let before = bodies(&system, group);
        momentum::remove_linear(&mut system, &comm, group);
        momentum::remove_angular(&mut system, &comm, group);
        for (body, before) in bodies(&system, group).iter().zip(before) {
            assert!(norm(body.momentum) < ROUNDING * body.mass);
            assert!(norm(body.angular_momentum) < ROUNDING * body.inertia.polar());
            close(body.thermal_energy, before.thermal_energy - before.rotational_energy());
            assert_eq!(body.centre, before.centre);
        }
    }
}

#[test]
fn removal_knows_single_atoms_and_atoms_on_a_line() {
    let comm = Comm::single();
    let line: Vec<Vec3> =
        (0..3).map(|k| [1.0 * k as f64, -2.0 * k as f64, 0.5 * k as f64]).collect();
    for n in 1..=3 {
        let mut system = LennardJones::new(line[..n].to_vec());
        velocities::draw(&mut system, 500.0, 8, 0);
        momentum::remove_linear(&mut system, &comm, Group::System);
        momentum::remove_angular(&mut system, &comm, Group::System);
        let body = bodies(&system, Group::System)[0];
        assert!(norm(body.momentum) < ROUNDING * body.mass);
        assert!(norm(body.angular_momentum) < ROUNDING * body.mass);
        assert!(system.atoms.velocity.iter().flatten().all(|v| v.is_finite()));
        // What is left on a line is motion along it (2 atoms) and bending (3 atoms).
        let left = [0, 1, 4][n - 1];
        assert_eq!(momentum::degrees_of_freedom(&body, true), left);
    }
}

#[test]
fn degrees_of_freedom_follow_the_rule() {
    let comm = Comm::single();
    let mut system = moving_pair();
    let count = |system: &LennardJones, group, isolated| -> Vec<u64> {
        bodies(system, group).iter().map(|b| momentum::degrees_of_freedom(b, isolated)).collect()
    };
    assert_eq!(count(&system, Group::System, true), [78 - 3], "it turns");
    momentum::remove_angular(&mut system, &comm, Group::System);
    assert_eq!(count(&system, Group::System, true), [78 - 6]);
    assert_eq!(count(&system, Group::System, false), [78 - 3], "others can turn it");
    assert_eq!(count(&system, Group::Particle, true), [39 - 3, 39 - 3], "each turns");
    momentum::remove_angular(&mut system, &comm, Group::Particle);
    assert_eq!(count(&system, Group::Particle, true), [39 - 6, 39 - 6]);
}

#[test]
fn first_velocities_have_the_wanted_temperature_and_equal_energies_by_species() {
    let comm = Comm::single();
    let places = (0..6000).map(|i| [3.0 * i as f64, 0.0, 0.0]).collect();
    let mut system = LennardJones::new(places);
    velocities::draw(&mut system, 1473.0, 1, 0);
    let energies = |species: u8| -> Vec<f64> {
        (0..system.atoms.owned)
            .filter(|&i| system.atoms.species[i] == species)
            .map(|i| {
                let v = norm(system.atoms.velocity[i]);
                0.5 * MASS_VELOCITY_SQUARED * system.masses[species as usize] * v * v
            })
            .collect()
    };
    for species in [0, 1] {
        let list = energies(species);
        let (mean, variance) = moments(&list);
        // Of m v²/2: mean 3/2 kT, variance 3/2 (kT)²; four standard errors of the mean
        // and about as much of the variance.
        let relative_error = 4.0 * (2.0 / 3.0 / list.len() as f64).sqrt();
        assert!((temperature(mean, 3.0) / 1473.0 - 1.0).abs() < relative_error);
        assert!((variance / (mean * mean * 2.0 / 3.0) - 1.0).abs() < 4.0 * relative_error);
    }

    let groups = Groups::new(Group::System, &View::new(&system, &comm));
    let freedom = [3 * 6000 - 3];
    velocities::set_temperature(&mut system, &comm, &groups, &freedom, 1473.0);
    let body = bodies(&system, Group::System)[0];
    close(temperature(body.thermal_energy, freedom[0] as f64), 1473.0);
}

#[test]
fn drawing_depends_on_seed_and_step() {
    let mut system = LennardJones::new(icosahedron(0.0));
    let mut draw = |seed, step| {
        velocities::draw(&mut system, 300.0, seed, step);
        system.bits()
    };
    assert_eq!(draw(1, 0), draw(1, 0));
    assert_ne!(draw(1, 0), draw(2, 0));
    assert_ne!(draw(1, 0), draw(1, 1));
}

#[test]
fn an_atom_out_of_bounds_is_named() {
    let comm = Comm::single();
    let mut far = LennardJones::new(icosahedron(0.0));
    far.atoms.position[7][2] = -140_000.0;
    let fast = |v| {
        let mut system = LennardJones::new(icosahedron(0.0));
        system.atoms.velocity[7][1] = v;
        system
    };
    for system in [far, fast(f64::NAN), fast(f64::INFINITY), fast(1e6)] {
        let view = View::new(&system, &comm);
        let error = Groups::new(Group::System, &view).kinetics(&view).unwrap_err().at(40);
        let text = error.to_string();
        assert!(text.starts_with("step 40, atom 7: its velocity is out of bounds"), "{text}");
        assert_eq!(error.exit_code(), 1);
    }
}
