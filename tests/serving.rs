//! What is found once serves for several evaluations (`potential::meam`): whatever atoms do
//! meanwhile, energies, forces and virials are to the last bit those of an engine that has just
//! been made.

#[path = "support/frames.rs"]
mod frames;

use frames::platinum_iron;
use sinter_hpc::atoms::Atom;
use sinter_hpc::comm::Comm;
use sinter_hpc::force::{Engine, Settings, System, evaluate};
use sinter_hpc::geometry::{Cell, on_grid};
use sinter_hpc::lanes::InstructionSet;
use sinter_hpc::potential::meam::Meam;

const SETTINGS: Settings = Settings { skin: 1.0, energy_bound: f64::INFINITY };

/// The first frame of a file: its atoms in its cell.
fn sample(name: &str) -> (Cell, Vec<Atom>) {
    let frame = &frames::frames(name)[0];
    (frames::cell(frame), frames::atoms(frame))
}

/// Every owned atom on its way for so long, ps.
fn fly(engine: &mut Engine<Meam>, time: f64) {
    let atoms = engine.atoms_mut();
    for (position, velocity) in atoms.position[..atoms.owned].iter_mut().zip(&atoms.velocity) {
        for d in 0..3 {
            position[d] = on_grid(position[d] + velocity[d] * time);
        }
    }
}

/// Compares with an engine that has just been made; gives the greatest force, eV/Å.
fn compare(engine: &mut Engine<Meam>, potential: &Meam, what: &str) -> f64 {
    let totals = engine.update_forces(true).unwrap();
    let (atoms, cell) = (engine.atoms(), *engine.cell());
    let list: Vec<Atom> = (0..atoms.owned).map(|i| atoms.record(i)).collect();
    let fresh = evaluate(potential, cell, &list).unwrap();
    assert_eq!(
        totals.potential_energy.to_bits(),
        fresh.totals.potential_energy.to_bits(),
        "{what}"
    );
    assert_eq!(totals.virial, fresh.totals.virial, "{what}");
    let mut most = 0.0f64;
    for i in 0..atoms.owned {
        let (here, there) = (atoms.force_on(i), fresh.forces[atoms.id[i] as usize]);
        assert_eq!(here, there, "{what}: force on atom {}", atoms.id[i]);
        most = here.iter().fold(most, |most, f| most.max(f.abs()));
    }
    most
}

/// Steps of 2 fs in which each atom is drawn by its force, and something befalls one of them.
fn befall(name: &str, potential: Meam, mut happen: impl FnMut(&mut Engine<Meam>, usize)) {
    let ((cell, atoms), comm) = (sample(name), Comm::single());
    let mut engine = Engine::new(&comm, &potential, cell, atoms, SETTINGS).unwrap();
    for step in 0..40 {
        let what = format!("{name}, {}, step {step}", potential.instruction_set().name());
        assert!(compare(&mut engine, &potential, &what) > 0.1);
        let atoms = engine.atoms_mut();
        for i in 0..atoms.owned {
            // (eV/Å) / (u) in Å/ps², for some 150 u.
            let force = atoms.force_on(i);
            (0..3).for_each(|d| atoms.velocity[i][d] += 64.0 * force[d] * 0.002);
        }
        fly(&mut engine, 0.002);
        happen(&mut engine, step);
    }
}

fn sets() -> impl Iterator<Item = InstructionSet> {
    InstructionSet::ALL.into_iter().filter(|set| set.is_available())
}

#[test]
fn heat_changes_no_bit() {
    for set in sets() {
        for name in ["nve_bulk.xyz", "nve_particle.xyz"] {
            befall(name, platinum_iron().with_instruction_set(set), |_, _| ());
        }
    }
}

#[test]
fn what_befalls_single_atoms_changes_no_bit() {
    for name in ["nve_bulk.xyz", "nve_particle.xyz"] {
        befall(name, platinum_iron(), |engine, step| {
            let atoms = engine.atoms_mut();
            let i = (7 * step) % atoms.owned;
            match step % 8 {
                // A jump, a blow that the step before does not tell of, and another species.
                1 => atoms.position[i][0] = on_grid(atoms.position[i][0] + 0.2),
                4 => atoms.velocity[i] = [0.0, 150.0, -80.0],
                6 => {
                    atoms.species[i] = 1 - atoms.species[i];
                    engine.refresh_species();
                }
                _ => {}
            }
        });
    }
}

#[test]
fn atoms_that_are_carried_off_together_change_no_bit() {
    befall("nve_particle.xyz", platinum_iron(), |engine, step| {
        let atoms = engine.atoms_mut();
        for position in &mut atoms.position[..atoms.owned] {
            position[step % 3] = on_grid(position[step % 3] + 0.03 * step as f64);
        }
    });
}

/// Several threads cut the atoms into several tiles, whose memory goes round.
#[test]
fn where_there_are_too_many_atoms_to_keep_what_is_found_the_bits_are_the_same() {
    let pool = rayon::ThreadPoolBuilder::new().num_threads(2).build().unwrap();
    for name in ["nve_bulk.xyz", "nve_particle.xyz"] {
        for most in [0, usize::MAX] {
            pool.install(|| befall(name, platinum_iron().keeping_up_to(most), |_, _| ()));
        }
    }
}

/// Where two atoms come too close, that is told in the step in which they do, whatever was found
/// before.
#[test]
fn atoms_that_meet_are_told_of_in_the_step_in_which_they_do() {
    let (cell, mut atoms) = sample("nve_particle.xyz");
    let (potential, comm) = (platinum_iron(), Comm::single());
    atoms.truncate(40);
    // Two that fly at each other, far from all others.
    for (i, x, v) in [(38, 400.0, 30.0), (39, 402.0, -30.0)] {
        (atoms[i].position, atoms[i].velocity) = ([x, 0.0, 0.0], [v, 0.0, 0.0]);
    }
    let mut engine = Engine::new(&comm, &potential, cell, atoms, SETTINGS).unwrap();
    let mut told = None;
    for step in 0..80 {
        let atoms = engine.atoms();
        let list: Vec<Atom> = (0..atoms.owned).map(|i| atoms.record(i)).collect();
        let fresh = evaluate(&potential, *engine.cell(), &list).is_err();
        // Forces beyond the bound of the quantum are a failure, too, of both.
        let here = engine.update_forces(false).err().map(|error| error.to_string());
        let is_close = here.as_ref().is_some_and(|text| text.contains("closer than"));
        if is_close || fresh {
            assert!(is_close == fresh, "step {step}: {here:?}");
            told = Some(step);
            break;
        }
        fly(&mut engine, 0.0005);
    }
    assert!(told.is_some_and(|step| step > 30), "{told:?}");
}
