//! The neck between two particles, from the atoms along their line of centres.
//!
//! Axial coordinate. With c_A and c_B the centres of mass, d their distance (the
//! nearest image in periodic directions) and e the unit vector from A to B, an
//! atom of A lies at t = (r − c_A)·e − d/2 and an atom of B at
//! t = (r − c_B)·e + d/2: t = 0 is the mid-plane.
//!
//! Density. ρ is measured in the cores of both particles with a smooth window,
//!   ρ = Σ w(|r − c|/h) / (8/105 · 4π h³),  w(x) = (1 − x²)² for x < 1,
//! h being `CORE` of the radius √(5/3) R_g of a sphere with the particle's gyration
//! radius; the smoothness keeps lattice sums from fluctuating with h. Then
//! a = (4/ρ)^⅓ is the cubic cell edge of an fcc crystal of that density, hot and
//! alloyed as it is.
//!
//! Cross-section. Each atom's volume 1/ρ is spread along the axis by a triangle,
//!   A(t) = 1/ρ · Σ_i K(t − t_i),  K(x) = max(0, 1 − |x|/b)/b,  b = a/2,
//! so that layers of (100) planes, a/2 apart, add up to an exactly flat profile.
//! The neck is where A is smallest between the centres, and its radius that of a
//! disc of the same area, R = √(A/π). An adatom counts for its own volume and no
//! more, wherever it sits (the second moment of a slab, the other usual measure,
//! takes two adatoms at the rims of two facets for a wide neck). As the centres
//! merge, R grows continuously into the radius of the one particle that is left.
//!
//! Atoms in the neck. Those in a slab 3/4 a thick about the narrowest place.
//!
//! Gap. The interval of t between the last atom before the narrowest place and the
//! first atom after it: before contact, the axial distance between the outermost
//! atoms of the facing surfaces, adatoms included.
//!
//! Closed. Two atoms are bonded when they are closer than half-way between first
//! and second neighbours of the crystal, (1/√2 + 1)/2 a (1.21 nearest-neighbour
//! distances). The gap is closed, and reported as 0, when some atom is bonded to one
//! of the other particle and the interval above is shorter than a bond: without the
//! second condition an atom that went over through the vapour would close it.
//! Where the gap is open there is no neck: radius 0, no atoms in it.
//!
//! Neck or contact. Two adatoms that touch across the gap close it, and may let go again.
//! A neck stands when on each side at least `LAYER` atoms, the smallest patch of a layer
//! in which every atom has neighbours, have been bonded to atoms of the other particle for
//! a stated time without a break; it stands until the gap opens (`pairs`).
//!
//! Limits. Planes across the line of centres are the cross-sections: for facets
//! inclined to each other R also counts what of either body reaches into the
//! other's planes beside the contact. Only atoms that came from the two particles
//! count.

use crate::fixed::ExactSum;
use crate::geometry::{Cell, Vec3, dot, norm, scale, sub};

/// Width of the bins of the axial coordinate, Å: fine against b (about 2 Å).
const BIN: f64 = 0.125;

/// How far the profile reaches beyond either centre, Å; more than b for any metal.
const MARGIN: f64 = 8.0;

/// Radius of the window that measures the density, as a fraction of the particle's.
const CORE: f64 = 0.6;

/// Thickness of the slab whose atoms make the neck, in lattice constants: one or two
/// layers of (100) or (111) planes wherever it falls, and nothing of two (100) facets
/// that face each other across one missing layer.
const SLAB: f64 = 0.75;

/// Atoms of each side that hold a layer: a square of a (100), a rhombus of a (111) plane.
pub(super) const LAYER: i64 = 4;

/// Relative difference below which two cross-sections are the same.
const SAME_AREA: f64 = 1e-9;

/// The line of centres of two particles.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Line {
    centres: [Vec3; 2],
    pub direction: Vec3,
    pub distance: f64,
}

impl Line {
    /// From the first centre to the nearest image of the second (unwrapped, Å).
    pub fn new(centres: [Vec3; 2], cell: &Cell) -> Line {
        let apart = sub(centres[1], centres[0]);
        let apart: Vec3 = std::array::from_fn(|d| {
            let period = cell.length[d];
            if cell.periodic[d] {
                apart[d] - (apart[d] / period).round() * period
            } else {
                apart[d]
            }
        });
        let distance = norm(apart);
        // Centres that coincide have no line: any direction serves.
        let direction = if distance > 0.0 { scale(apart, 1.0 / distance) } else { [1.0, 0.0, 0.0] };
        Line { centres, direction, distance }
    }

    /// Axial coordinate of an atom of the first (`end` 0) or second (1) particle.
    pub fn axial(&self, end: usize, position: Vec3) -> f64 {
        let from_centre = dot(sub(position, self.centres[end]), self.direction);
        from_centre + [-0.5, 0.5][end] * self.distance
    }
}

/// Sums over the atoms of a pair, complete once they are added over all ranks.
#[derive(Debug, Clone)]
pub struct Profile {
    line: Line,
    /// Radii of the windows, Å.
    core: [f64; 2],
    /// Atoms per bin; the middle of the list is the mid-plane.
    pub counts: Vec<i64>,
    /// Σ w in either core.
    pub core_weight: ExactSum,
}

impl Profile {
    /// `gyration`: gyration radii of the two particles, Å.
    pub fn new(line: Line, gyration: [f64; 2]) -> Profile {
        let half = ((0.5 * line.distance + MARGIN) / BIN).ceil() as usize;
        Profile {
            line,
            core: gyration.map(|radius| CORE * sphere_radius(radius)),
            counts: vec![0; 2 * half],
            core_weight: ExactSum::default(),
        }
    }

    /// Counts an atom of the first or second particle at an unwrapped position.
    pub fn add(&mut self, end: usize, position: Vec3) {
        let bin = (self.line.axial(end, position) / BIN).floor() + (self.counts.len() / 2) as f64;
        if bin >= 0.0 && bin < self.counts.len() as f64 {
            self.counts[bin as usize] += 1;
        }
        // The atom as either centre sees it: through its own particle's image.
        let own = sub(position, self.line.centres[end]);
        let step = scale(self.line.direction, [1.0, -1.0][end] * self.line.distance);
        let windows = [window(own, self.core[end]), window(sub(own, step), self.core[1 - end])];
        windows.into_iter().filter(|w| *w > 0.0).for_each(|w| self.core_weight.add(w));
    }

    /// Takes the counts of other atoms.
    pub fn join(&mut self, other: &Profile) {
        self.counts.iter_mut().zip(&other.counts).for_each(|(n, more)| *n += more);
        self.core_weight.0 += other.core_weight.0;
    }

    /// The narrowest cross-section; `None` where no atom is in either core.
    pub fn narrowest(&self) -> Option<CrossSection> {
        let windows: f64 =
            self.core.iter().map(|h| 8.0 / 105.0 * 4.0 * std::f64::consts::PI * h * h * h).sum();
        let density = self.core_weight.value() / windows;
        if !(density > 0.0 && density.is_finite()) {
            return None;
        }
        let lattice_constant = libm::cbrt(4.0 / density);
        let spread = 0.5 * lattice_constant;
        let reach = (0.5 * self.line.distance / BIN).floor() as i64;
        let areas: Vec<(i64, f64)> = (-reach..=reach)
            .map(|edge| (edge, self.weight_at(edge, spread) / (spread * density)))
            .collect();
        let area = areas.iter().map(|a| a.1).fold(f64::INFINITY, f64::min);
        let edge = middle_of_lowest(&areas, area);
        Some(CrossSection { position: edge as f64 * BIN, area, lattice_constant })
    }

    /// Σ max(0, 1 − |t − t_i|/b) at the plane t = `edge` · BIN, atoms at the centres of bins.
    fn weight_at(&self, edge: i64, spread: f64) -> f64 {
        let middle = (self.counts.len() / 2) as i64;
        let bins = (spread / BIN).ceil() as i64;
        let first = (middle + edge - bins).max(0);
        let last = (middle + edge + bins).min(self.counts.len() as i64);
        (first..last)
            .map(|bin| {
                let distance = ((bin - middle - edge) as f64 + 0.5).abs() * BIN;
                self.counts[bin as usize] as f64 * (1.0 - distance / spread).max(0.0)
            })
            .sum()
    }
}

/// Radius of the uniform sphere with this gyration radius.
pub fn sphere_radius(gyration: f64) -> f64 {
    (5.0f64 / 3.0).sqrt() * gyration
}

fn window(from_centre: Vec3, radius: f64) -> f64 {
    let x2 = dot(from_centre, from_centre) / (radius * radius);
    if x2 < 1.0 { (1.0 - x2) * (1.0 - x2) } else { 0.0 }
}

/// The middle of the run of lowest areas that lies nearest to the mid-plane.
fn middle_of_lowest(areas: &[(i64, f64)], lowest: f64) -> i64 {
    areas
        .chunk_by(|a, b| is_lowest(a.1, lowest) == is_lowest(b.1, lowest))
        .filter(|run| is_lowest(run[0].1, lowest))
        .map(|run| (run[0].0 + run[run.len() - 1].0).div_euclid(2))
        .min_by_key(|middle| (middle.abs(), *middle))
        .unwrap_or(0)
}

fn is_lowest(area: f64, lowest: f64) -> bool {
    area <= lowest * (1.0 + SAME_AREA)
}

/// The narrowest cross-section between two particles.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct CrossSection {
    /// Axial coordinate, Å.
    pub position: f64,
    /// Å²
    pub area: f64,
    /// Of an fcc crystal as dense as the cores, Å.
    pub lattice_constant: f64,
}

impl CrossSection {
    /// Two atoms closer than this are bonded, Å.
    pub fn bond_length(&self) -> f64 {
        0.5 * (std::f64::consts::FRAC_1_SQRT_2 + 1.0) * self.lattice_constant
    }

    /// Whether an atom at this axial coordinate would be in the neck: in a slab one
    /// lattice constant thick about the narrowest place.
    pub fn holds(&self, axial: f64) -> bool {
        (axial - self.position).abs() < 0.5 * SLAB * self.lattice_constant
    }

    /// From the complete sums over all ranks to what the neck is.
    pub fn neck(&self, faces: Faces) -> Neck {
        let gap = faces.after - faces.before;
        let bonded = faces.bonded;
        if bonded != [0; 2] && gap <= self.bond_length() {
            let radius = (self.area / std::f64::consts::PI).sqrt();
            Neck { gap: 0.0, atoms: faces.atoms, radius, bonded }
        } else {
            let atoms = vec![0; faces.atoms.len()];
            Neck { gap, atoms, radius: 0.0, bonded }
        }
    }
}

/// What stands on either side of the narrowest place.
#[derive(Debug, Clone, PartialEq)]
pub struct Faces {
    /// Largest axial coordinate up to the narrowest place, Å.
    pub before: f64,
    /// Smallest one beyond it, Å.
    pub after: f64,
    /// Atoms in the slab about it, by species.
    pub atoms: Vec<i64>,
    /// Atoms of either particle bonded to an atom of the other.
    pub bonded: [i64; 2],
}

impl Faces {
    pub fn new(species: usize) -> Faces {
        Faces {
            before: f64::NEG_INFINITY,
            after: f64::INFINITY,
            atoms: vec![0; species],
            bonded: [0; 2],
        }
    }

    /// Counts an atom of the first (`end` 0) or second (1) particle.
    pub fn add(
        &mut self,
        section: &CrossSection,
        (end, species): (usize, usize),
        axial: f64,
        bonded: bool,
    ) {
        if axial <= section.position {
            self.before = self.before.max(axial);
        } else {
            self.after = self.after.min(axial);
        }
        self.atoms[species] += section.holds(axial) as i64;
        self.bonded[end] += bonded as i64;
    }

    /// Takes the counts of other atoms.
    pub fn join(&mut self, other: &Faces) {
        self.before = self.before.max(other.before);
        self.after = self.after.min(other.after);
        self.atoms.iter_mut().zip(&other.atoms).for_each(|(n, more)| *n += more);
        (0..2).for_each(|end| self.bonded[end] += other.bonded[end]);
    }
}

/// The contact of two particles at one time.
#[derive(Debug, Clone, PartialEq)]
pub struct Neck {
    /// Å; 0 where the gap is closed.
    pub gap: f64,
    /// By species; none where the gap is open.
    pub atoms: Vec<i64>,
    /// Å; 0 where the gap is open.
    pub radius: f64,
    /// Atoms of either particle bonded to an atom of the other.
    pub bonded: [i64; 2],
}

impl Neck {
    /// Of particles without a core whose density could be measured.
    pub fn unknown(species: usize) -> Neck {
        Neck { gap: f64::NAN, atoms: vec![0; species], radius: 0.0, bonded: [0; 2] }
    }

    pub fn is_closed(&self) -> bool {
        self.radius > 0.0
    }

    /// Whether atoms of both sides hold a layer together.
    pub fn holds_layer(&self) -> bool {
        self.is_closed() && self.bonded.iter().all(|&atoms| atoms >= LAYER)
    }
}
