//! Each particle by itself: the atoms that came from it, wherever they are now.
//!
//! Centre of mass R and gyration radius, R_g² = sum m |x - R|² / M, from unwrapped
//! positions; how far the centre is from where it was when the particles were put
//! together; and the temperature of the motion relative to the centre (3 n - 3
//! degrees of freedom), so that a particle that drifts is not thought hot.

use serde::{Deserialize, Serialize};

use super::{Column, Needs, Observer, Scene, Series, Values};
use crate::dynamics::groups::Body;
use crate::error::Result;
use crate::geometry::{Vec3, norm, sub};

#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct Particles {
    /// Where the centres were when the particles were put together, Å.
    start: Option<Vec<Vec3>>,
}

impl Observer for Particles {
    fn needs(&self) -> Needs {
        Needs::default()
    }

    fn measure(&mut self, scene: &Scene) -> Result<Option<Series>> {
        let bodies = &scene.bodies;
        if scene.snapshot.together {
            self.start.get_or_insert_with(|| bodies.iter().map(|b| b.centre).collect());
        }
        let displacement = match &self.start {
            Some(start) => {
                bodies.iter().zip(start).map(|(b, then)| norm(sub(b.centre, *then))).collect()
            }
            None => vec![f64::NAN; bodies.len()],
        };
        let each = |of: fn(&Body) -> f64| bodies.iter().map(of).collect();
        let column = |name, unit, definition, values| Column {
            name,
            unit,
            definition,
            shape: vec![bodies.len()],
            values: Values::Real(values),
        };
        let columns = vec![
            Column {
                name: "centre",
                unit: "Angstrom",
                definition: "centre of mass of the atoms that came from the particle, unwrapped",
                shape: vec![bodies.len(), 3],
                values: Values::Real(bodies.iter().flat_map(|b| b.centre).collect()),
            },
            column(
                "gyration_radius",
                "Angstrom",
                "root of the mean square distance from the centre, weighted by mass",
                each(Body::gyration_radius),
            ),
            Column {
                name: "gyration_tensor",
                unit: "Angstrom2",
                definition: "mean of the products of components of the distance from the centre, \
                             weighted by mass: xx, yy, zz, xy, xz, yz",
                shape: vec![bodies.len(), 6],
                values: Values::Real(
                    bodies
                        .iter()
                        .flat_map(|b| b.inertia.second_moments().map(|s| s / b.mass))
                        .collect(),
                ),
            },
            column(
                "displacement",
                "Angstrom",
                "distance of the centre from where it was when the particles were put together",
                displacement,
            ),
            column(
                "temperature",
                "K",
                "of the motion relative to the centre of mass, 3 n - 3 degrees of freedom; none \
                 (NaN) while energy is minimised",
                match scene.snapshot.moving {
                    true => each(Body::temperature),
                    false => vec![f64::NAN; bodies.len()],
                },
            ),
        ];
        Ok(Some(Series { path: "/sinter/particles", columns }))
    }
}
