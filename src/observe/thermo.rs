//! Temperature, energies, pressure of the whole system.
//!
//! ```text
//! K = sum m v² / 2       T = 2 (K - K_c) / (f k)       E = K + U
//! P_ab = (sum m u_a u_b + W_ab) / V,  W_ab = sum r_a f_b,  P = (P_xx + P_yy + P_zz) / 3
//! ```
//!
//! with u the velocity about the centre of mass, as barostats have it (`dynamics::flow`).
//!
//! f counts the degrees of freedom that are not held fixed, and not those of the centre of
//! mass, whose motion has K_c: that of the system, or of each particle while they are apart. While energy is minimised K
//! is 0 and there is no T: what moves the atoms then is no motion in time. A cluster in vacuum has
//! no volume, hence no pressure: the column exists only where the box is periodic in
//! all three directions, and only then is the virial asked for.

use serde::{Deserialize, Serialize};

use super::{Column, Needs, Observer, Scene, Series};
use crate::dynamics::flow::Flow;
use crate::dynamics::groups::{Groups, Kinetics, largest_force, temperature};
use crate::error::Result;
use crate::geometry::add;
use crate::units::PRESSURE_GPA;

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

/// Kinetic energy relative to the centre of mass, of each particle while they are apart, eV.
fn thermal_energy(scene: &Scene, kinetics: &[Kinetics]) -> f64 {
    // Fixed atoms have no part in the motion.
    let view = &scene.snapshot.system;
    let moving = (!view.atoms.fixed.is_empty()).then(|| Groups::moving(scene.groups.kind(), view));
    let masses = &moving.as_ref().unwrap_or(scene.groups).mass;
    if !scene.snapshot.together {
        return kinetics.iter().zip(masses).map(|(k, &mass)| k.thermal_energy(mass)).sum();
    }
    let all = Kinetics {
        energy: kinetics.iter().map(|k| k.energy).sum(),
        momentum: kinetics.iter().fold([0.0; 3], |sum, k| add(sum, k.momentum)),
    };
    all.thermal_energy(masses.iter().sum())
}

impl Observer for Thermo {
    fn needs(&self) -> Needs {
        Needs { virial: self.pressure }
    }

    fn measure(&mut self, scene: &Scene) -> Result<Option<Series>> {
        let snapshot = &scene.snapshot;
        let kinetics = scene.groups.kinetics(&snapshot.system).map_err(|e| e.at(snapshot.step))?;
        let (kinetic, temperature) = match snapshot.moving {
            true => {
                let kinetic: f64 = kinetics.iter().map(|k| k.energy).sum();
                let thermal = thermal_energy(scene, &kinetics);
                (kinetic, temperature(thermal, snapshot.degrees_of_freedom))
            }
            false => (0.0, f64::NAN),
        };
        let potential = snapshot.totals.potential_energy;
        let evaporated = scene.evaporated.iter().filter(|alone| **alone).count() as i64;

        let atoms = snapshot.system.atoms;
        let departed = (0..atoms.owned).filter(|&i| atoms.has_departed(i)).count() as i64;
        let departed = snapshot.system.comm.sum(departed);

        let mut columns = vec![
            Column::real(
                "temperature",
                "K",
                "2 (K - K_c) / (f k) with f degrees of freedom, momenta that are held at zero not \
                 counted; K_c is the motion of the centre of mass; none (NaN) while energy is \
                 minimised",
                temperature,
            ),
            Column::real("kinetic_energy", "eV", "sum of m v^2 / 2", kinetic),
            Column::real("potential_energy", "eV", "energy of the potential", potential),
            Column::real("total_energy", "eV", "kinetic and potential energy", kinetic + potential),
            Column::real(
                "conserved_energy",
                "eV",
                "total energy less what thermostats and barostats put in",
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
                if atoms.removes { 0 } else { departed },
            ),
            Column::count(
                "removed_atoms",
                "atoms that have been removed far out ([evaporation] in the input)",
                if atoms.removes { departed } else { 0 },
            ),
        ];
        if self.pressure {
            let virial = snapshot.totals.virial.unwrap_or([f64::NAN; 6]);
            let [xx, yy, zz, ..] = virial;
            // Particles that are apart share no box.
            let volume = match snapshot.together {
                true => snapshot.system.cell.volume(),
                false => f64::NAN,
            };
            let flow = match snapshot.moving {
                true => Flow::of(&snapshot.system).map_err(|e| e.at(snapshot.step))?.tensor,
                false => [0.0; 6],
            };
            let pressure = (flow[..3].iter().sum::<f64>() + (xx + yy + zz)) / (3.0 * volume);
            columns.push(Column::real(
                "volume",
                "Angstrom3",
                "of the periodic box; none (NaN) while particles are apart",
                volume,
            ));
            let target = snapshot.place.target_pressure.unwrap_or(f64::NAN);
            columns.push(Column::real(
                "target_pressure",
                "GPa",
                "what the barostat steers to; none (NaN) where there is none",
                target * PRESSURE_GPA,
            ));
            columns.push(Column::real(
                "pressure",
                "GPa",
                "(sum m u^2 + trace of the virial) / (3 V), u the velocity about the centre of mass",
                pressure * PRESSURE_GPA,
            ));
            for ((name, flow), virial) in COMPONENTS.into_iter().zip(flow).zip(virial) {
                let component = (flow + virial) / volume * PRESSURE_GPA;
                let definition = "component of the pressure: (sum m u_a u_b + W_ab) / V";
                columns.push(Column::real(name, "GPa", definition, component));
            }
        }
        Ok(Some(Series { path: "/sinter/thermo", columns }))
    }
}
