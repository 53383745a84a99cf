//! What is remembered of a pair of particles: since when its gap is closed and a neck stands, and
//! what has brought the two together (`pairs` measures them, `neck` has the definitions).

use serde::{Deserialize, Serialize};

use super::neck::Neck;
use crate::build::Filling;

/// Relative difference below which two times are the same: they are sums of steps.
const SAME_TIME: f64 = 1e-9;

/// Å: what centres come nearer while surfaces relax and attract each other is less. Where corners overlap along the line of centres
/// a gap may be a tenth of that, with the atoms out of each other's reach.
const LEAST_APPROACH: f64 = 1.0;

/// Whether this particle fills the box.
pub fn fills(filling: Option<Filling>, particle: u32) -> bool {
    filling.is_some_and(|filling| particle >= filling.first)
}

/// What is remembered of a pair.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Contact {
    pub particles: [u32; 2],
    /// When it was found, ps, unless that was when the particles were put together.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub found_ps: Option<f64>,
    /// Of spheres with the gyration radii that they had when they were put together, Å.
    pub radii: [f64; 2],
    /// When the gap was first found closed, ps.
    pub first_closed_ps: Option<f64>,
    /// Since when it has been closed at every measurement, ps.
    pub closed_since_ps: Option<f64>,
    /// Of the centres when the pair was found, Å.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub first_distance: Option<f64>,
    /// The gap when the pair was found, and the distance of the centres at the first contact, Å.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub first_gap: Option<f64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub contact_distance: Option<f64>,
    /// Since when atoms of both sides have held a layer at every measurement, ps.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub layer_since_ps: Option<f64>,
    /// Since when a neck stands, ps: the beginning of a layer that has held for long enough.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub neck_since_ps: Option<f64>,
}

impl Contact {
    /// Takes notice of the neck at a time, with the centres at a distance; a layer makes one
    /// when it has held for `hold_ps`. Returns whether that is now.
    pub(super) fn follow(
        &mut self,
        neck: &Neck,
        (distance, time): (f64, f64),
        hold_ps: f64,
    ) -> bool {
        if neck.is_closed() {
            if self.first_closed_ps.is_none() {
                self.first_closed_ps = Some(time);
                self.contact_distance = Some(distance);
            }
            self.closed_since_ps.get_or_insert(time);
        } else {
            self.closed_since_ps = None;
            self.neck_since_ps = None;
        }
        if !neck.holds_layer() {
            self.layer_since_ps = None;
            return false;
        }
        let since = *self.layer_since_ps.get_or_insert(time);
        let holds = time - since >= hold_ps * (1.0 - SAME_TIME);
        let is_new = holds && self.neck_since_ps.is_none();
        if is_new {
            self.neck_since_ps = Some(since);
        }
        is_new
    }

    /// How much nearer the centres were at the first contact than when the pair was found, Å.
    pub fn approach(&self) -> Option<f64> {
        Some(self.first_distance? - self.contact_distance?)
    }

    /// What has brought them together; none before, or where it is not known.
    pub fn closure(&self) -> Option<Closure> {
        let (approach, gap) = (self.approach()?, self.first_gap?);
        match approach > LEAST_APPROACH.max(0.5 * gap) {
            // Out of reach at the measurement before.
            _ if gap == 0.0 && self.found_ps.is_some() => Some(Closure::Migration),
            _ if gap == 0.0 => Some(Closure::Touching),
            true => Some(Closure::Migration),
            false => Some(Closure::Diffusion),
        }
    }

    /// How much nearer the centres are than they were, as a part of that distance.
    pub(super) fn shrinkage(&self, distance: f64) -> f64 {
        self.first_distance.map_or(f64::NAN, |first| (first - distance) / first)
    }

    pub(super) fn smaller_radius(&self) -> f64 {
        self.radii[0].min(self.radii[1])
    }
}

/// How a gap was closed, by what the centres had come nearer until the first contact.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Closure {
    /// The gap was closed when they were put together.
    Touching,
    /// Atoms came into it: the centres had made less than half of the way, or next to none.
    Diffusion,
    /// The particles moved.
    Migration,
}

impl Closure {
    pub fn name(self) -> &'static str {
        match self {
            Closure::Touching => "touching",
            Closure::Diffusion => "surface diffusion",
            Closure::Migration => "migration",
        }
    }
}
