//! Temperature, energies, pressure of the whole system.
//!
//! ```text
//! K = sum m v² / 2       T = 2 K / (f k)       E = K + U
//! P_ab = (sum m v_a v_b + W_ab) / V,  W_ab = sum r_a f_b,  P = (P_xx + P_yy + P_zz) / 3
//! ```
//!
//! f counts the degrees of freedom that are not held fixed. While energy is minimised K
//! is 0 and there is no T: what moves the atoms then is no motion in time. A cluster in vacuum has
//! no volume, hence no pressure: the column exists only where the box is periodic in
//! all three directions, and only then is the virial asked for.

use serde::{Deserialize, Serialize};

use super::{Column, Needs, Observer, Scene, Series, Snapshot, neighbours_within};
use crate::dynamics::groups::{View, largest_force, temperature};
use crate::error::{Error, Result};
use crate::units::{MASS_VELOCITY_SQUARED, PRESSURE_GPA};

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Thermo {
    pressure: bool,
}

impl Thermo {
    pub fn new(periodic: [bool; 3]) -> Thermo {
        Thermo { pressure: periodic == [true; 3] }
    }
}

/// In the order of virials.
const COMPONENTS: [&str; 6] =
    ["pressure_xx", "pressure_yy", "pressure_zz", "pressure_xy", "pressure_xz", "pressure_yz"];

/// sum m v_a v_b over all atoms, eV; xx, yy, zz, xy, xz, yz.
fn momentum_flow(scene: &Scene) -> [f64; 6] {
    let View { atoms, masses, .. } = scene.snapshot.system;
    let parts = scene.groups.sum(&scene.snapshot.system, |i| {
        let m = MASS_VELOCITY_SQUARED * masses[atoms.species[i] as usize];
        let [x, y, z] = atoms.velocity[i];
        [x * x, y * y, z * z, x * y, x * z, y * z].map(|square| m * square)
    });
    parts.into_iter().fold([0.0; 6], |sum, part| std::array::from_fn(|k| sum[k] + part[k]))
}

impl Observer for Thermo {
    fn needs(&self) -> Needs {
        Needs { virial: self.pressure, neighbours: true }
    }

    fn measure(&mut self, scene: &Scene) -> Result<Option<Series>> {
        let snapshot = &scene.snapshot;
        let kinetics = scene.groups.kinetics(&snapshot.system).map_err(|e| e.at(snapshot.step))?;
        let (kinetic, temperature) = match snapshot.moving {
            true => {
                let kinetic: f64 = kinetics.iter().map(|k| k.energy).sum();
                (kinetic, temperature(kinetic, snapshot.degrees_of_freedom))
            }
            false => (0.0, f64::NAN),
        };
        let potential = snapshot.totals.potential_energy;
        let evaporated = scene.evaporated.iter().filter(|alone| **alone).count() as i64;

        let mut columns = vec![
            Column::real(
                "temperature",
                "K",
                "2 K / (f k) with f degrees of freedom, momenta that are held at zero not counted; \
                 none (NaN) while energy is minimised",
                temperature,
            ),
            Column::real("kinetic_energy", "eV", "sum of m v^2 / 2", kinetic),
            Column::real("potential_energy", "eV", "energy of the potential", potential),
            Column::real("total_energy", "eV", "kinetic and potential energy", kinetic + potential),
            Column::real(
                "conserved_energy",
                "eV",
                "total energy less what the thermostats put in",
                snapshot.conserved_energy,
            ),
            Column::real(
                "largest_force",
                "eV Angstrom-1",
                "largest force component, x, y or z of any atom",
                largest_force(&snapshot.system),
            ),
            Column::real(
                "target_temperature",
                "K",
                "what the thermostat steers to; none (NaN) where there is none",
                snapshot.place.target_temperature.unwrap_or(f64::NAN),
            ),
            Column::text("stage", "name of the stage of the protocol", snapshot.place.name),
            Column::count(
                "stage_number",
                "number of the stage of the protocol, from 1",
                snapshot.place.stage as i64,
            ),
            Column::count(
                "evaporated_atoms",
                "atoms without any neighbour within the cutoff of the potential",
                snapshot.system.comm.sum(evaporated),
            ),
            Column::count(
                "frozen_atoms",
                "atoms that have come to rest far out ([evaporation] in the input)",
                frozen(scene)?,
            ),
        ];
        if self.pressure {
            let virial = snapshot.totals.virial.unwrap_or([f64::NAN; 6]);
            let [xx, yy, zz, ..] = virial;
            let volume = snapshot.system.cell.volume();
            let pressure = (2.0 * kinetic + (xx + yy + zz)) / (3.0 * volume);
            let flow = if snapshot.moving { momentum_flow(scene) } else { [0.0; 6] };
            columns.push(Column::real(
                "pressure",
                "GPa",
                "(2 K + trace of the virial) / (3 V)",
                pressure * PRESSURE_GPA,
            ));
            for ((name, flow), virial) in COMPONENTS.into_iter().zip(flow).zip(virial) {
                let component = (flow + virial) / volume * PRESSURE_GPA;
                let definition = "component of the pressure: (sum m v_a v_b + W_ab) / V";
                columns.push(Column::real(name, "GPa", definition, component));
            }
        }
        Ok(Some(Series { path: "/sinter/thermo", columns }))
    }
}

/// So many neighbours has an atom of a cluster that may evaporate as a whole; with more it
/// is part of what the run is about.
const MOST_OF_A_CLUSTER: usize = 3;

/// Atoms at rest far out. What has come there is to have evaporated: an error on every rank
/// where it is part of something larger, which would be held as by a wall.
fn frozen(scene: &Scene) -> Result<i64> {
    let Snapshot { step, system, .. } = scene.snapshot;
    let atoms = system.atoms;
    let frozen: Vec<usize> = (0..atoms.owned).filter(|&i| atoms.is_frozen(i)).collect();
    let neighbours = |i: usize| neighbours_within(&scene.snapshot, i, scene.cutoff).count();
    let bound = frozen.iter().find(|&&i| neighbours(i) > MOST_OF_A_CLUSTER);
    let checked = bound.map_or(Ok(()), |&i| {
        let [x, y, z, _] = atoms.position[i];
        let border = atoms.border.into_iter().fold(f64::INFINITY, f64::min);
        let message = format!(
            "this atom is at ({x:.1}, {y:.1}, {z:.1}) Å, beyond {border} Å, where atoms come to rest, \
             and has not evaporated: it has {} neighbours; make `[evaporation] beyond_angstrom` larger",
            neighbours(i)
        );
        Err(Error::Physics { step, atom: atoms.id[i], message })
    });
    system.comm.agree(checked)?;
    Ok(system.comm.sum(frozen.len() as i64))
}
