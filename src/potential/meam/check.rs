//! What a potential says of itself: its conventions in words, and its reference
//! structures evaluated atom by atom, against what the files want them to be.
//!
//! The structure is laid out as a cluster around one atom, as large as the atom can feel,
//! and goes through the same kernels as any other: one owned atom, the rest ghosts. What
//! differs from the wish is then the potential itself: neighbours beyond those that its
//! reference counts (bcc iron: third neighbours are not wholly screened, 0.2 meV), or
//! conventions that do not fit the parameters.

use super::Meam;
use super::lattice::Lattice;
use super::parameters::{Averaging, Pair};
use crate::error::Result;
use crate::fixed::Quantum;
use crate::geometry::{Vec3, norm, on_grid, scale};
use crate::neighbour::{MINE, Neighbours, Ring, Tile};
use crate::potential::{Environment, Potential, Shared, Sums};
use std::fmt::Write;

/// A reference structure as wanted and as found.
#[derive(Debug, Clone, PartialEq)]
pub struct ReferenceState {
    /// Such as `Pt fcc` or `Pt-Fe l12`.
    pub name: String,
    /// Energy per atom, eV.
    pub energy: Found,
    /// Nearest-neighbour distance of lowest energy, Å.
    pub distance: Found,
    /// Bulk modulus, as alpha = √(9 B Ω/E): without unit.
    pub alpha: Found,
}

/// A quantity as the files want it and as the potential gives it.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Found {
    pub wanted: f64,
    pub found: f64,
}

impl Found {
    pub fn relative_error(self) -> f64 {
        (self.found - self.wanted).abs() / self.wanted.abs().max(f64::MIN_POSITIVE)
    }
}

/// An atom of each kind of site: its element, and all atoms around it.
pub struct Site {
    pub weight: f64,
    /// Element and position in units of the nearest-neighbour distance; the first is the
    /// site itself.
    pub atoms: Vec<(u8, Vec3)>,
}

impl Meam {
    /// The reference structure of every element and pair that is a crystal or a dimer;
    /// of molecules, chains and C11 (whose reference energy LAMMPS defines otherwise) none.
    ///
    /// # Errors
    /// Where a structure cannot be evaluated at all.
    pub fn reference_states(&self) -> Result<Vec<ReferenceState>> {
        let mut states = Vec::new();
        let count = self.species_count();
        for (a, b) in (0..count * count).map(|p| (p / count, p % count)).filter(|(a, b)| a <= b) {
            let pair = self.parameters.pair(a, b);
            let reach = 1.2 * self.range() / pair.rose.distance;
            let sites = sites(pair.lattice, a as u8, b as u8, reach);
            if !sites.is_empty() {
                states.push(self.reference_state(a, b, pair, &sites)?);
            }
        }
        Ok(states)
    }

    fn reference_state(
        &self,
        a: usize,
        b: usize,
        pair: &Pair,
        sites: &[Site],
    ) -> Result<ReferenceState> {
        const STEP: f64 = 1e-3;
        let wanted = pair.rose;
        let energy = |r: f64| -> Result<f64> {
            sites
                .iter()
                .try_fold(0.0, |sum, site| Ok(sum + site.weight * self.site_energy(site, r)?))
        };
        // Newton's method on a parabola through three points.
        let mut r = wanted.distance;
        let mut curvature = 0.0;
        for _ in 0..5 {
            let [left, middle, right] = [energy(r - STEP)?, energy(r)?, energy(r + STEP)?];
            curvature = (right - 2.0 * middle + left) / (STEP * STEP);
            if curvature <= 0.0 || curvature.is_nan() {
                break;
            }
            let step = (left - right) / (2.0 * STEP * curvature);
            r += step.clamp(-0.05, 0.05);
        }
        let found = energy(r)?;
        let symbol = |e: usize| self.species[e].symbol.as_str();
        let names = if a == b { symbol(a).into() } else { format!("{}-{}", symbol(a), symbol(b)) };
        Ok(ReferenceState {
            name: format!("{names} {}", pair.lattice.name()),
            energy: Found { wanted: -wanted.energy, found },
            distance: Found { wanted: wanted.distance, found: r },
            alpha: Found {
                wanted: wanted.alpha,
                found: r * (curvature.max(0.0) / found.abs()).sqrt(),
            },
        })
    }

    /// Energy of the first atom of a site, in eV, at nearest-neighbour distance r.
    pub(super) fn site_energy(&self, site: &Site, r: f64) -> Result<f64> {
        let position: Vec<[f64; 4]> = site
            .atoms
            .iter()
            .map(|(_, p)| {
                let [x, y, z] = scale(*p, r).map(on_grid);
                [x, y, z, 0.0]
            })
            .collect();
        let species: Vec<u8> = site.atoms.iter().map(|(e, _)| *e).collect();
        let id: Vec<u64> = (0..position.len() as u64).collect();
        let neighbours = Neighbours {
            first: vec![0, position.len() - 1],
            entries: (1..position.len() as u32).map(|j| j | MINE).collect(),
        };
        let env = Environment {
            owned: 1,
            position: &position,
            species: &species,
            id: &id,
            neighbours: &neighbours,
            quantum: Quantum::STANDARD,
        };
        let (mut coarse, mut records) = Default::default();
        let count = self.words();
        let mut words = vec![0; position.len() * count];
        let mut force = vec![[0; 4]; position.len()];
        self.prepare(env, 0..position.len(), &mut coarse);
        let sums = Sums::new(&mut words, count, Ring::default());
        let tile = Tile { atoms: 0..1, ..Tile::default() };
        self.densities(env, &coarse, &tile, &mut records, &sums)?;
        self.embed(env, 0..1, &mut words[..count], &mut force[..1])?;
        // Only the energy is asked for: without the ghosts' adjoints the forces are not whole.
        words[count..].fill(0);
        let adjoints = Sums::new(&mut words, count, Ring::default());
        self.forces(env, &tile, &mut records, &adjoints, &Shared::new(&mut force))?;
        Ok(env.quantum.value(force[0][3]))
    }

    /// The conventions in effect, line by line, for the log.
    pub fn conventions(&self) -> String {
        let p = &self.parameters;
        let mut text = String::new();
        let mut line = |words: std::fmt::Arguments| {
            // Writing to a string does not fail.
            let _ = writeln!(text, "{words}");
        };
        line(format_args!(
            "2NN MEAM: rc {} Å, delr {} Å, atoms matter up to {:.4} Å",
            p.cutoff,
            p.smoothing,
            self.range()
        ));
        let averaging = match p.averaging {
            Averaging::Standard => "0 (t averaged over neighbours)",
            Averaging::Alternative => "1 (t averaged as in DYNAMO)",
            Averaging::None => "2 (t of the atom's own element)",
        };
        line(format_args!(
            "ialloy {averaging}, augt1 {}, erose_form {}, mixture_ref_t {}, bkgd_dyn {}, emb_lin_neg {}, gsmooth_factor {}",
            p.augment_t1,
            p.rose_form,
            p.mixture_reference as u8,
            p.dynamo_background as u8,
            p.linear_negative as u8,
            p.angular_smoothing
        ));
        for (n, e) in p.elements.iter().enumerate() {
            let [t1, t2, t3] = p.weights(n);
            let [b0, b1, b2, b3] = e.beta;
            line(format_args!(
                "{} {}: entry {}, ielement {}, mass {}, A {}, b {b0} {b1} {b2} {b3}, t {t1} {t2} {t3}, rho0 {}, ibar {}",
                n + 1,
                e.symbol,
                e.entry,
                e.charge,
                e.mass,
                e.embedding,
                e.density,
                e.ibar
            ));
        }
        let count = p.elements.len();
        for (i, j) in (0..count * count).map(|n| (n / count, n % count)).filter(|(i, j)| i <= j) {
            let pair = p.pair(i, j);
            let r = &pair.rose;
            line(format_args!(
                "{}-{}: {}, Ec {} eV, re {} Å, alpha {}, attrac {}, repuls {}, nn2 {}, zbl {}",
                p.elements[i].symbol,
                p.elements[j].symbol,
                pair.lattice.name(),
                r.energy,
                r.distance,
                r.alpha,
                r.attraction,
                r.repulsion,
                pair.second_neighbours as u8,
                pair.zbl as u8
            ));
            for k in 0..count {
                let screen = p.screen(i, j, k);
                line(format_args!(
                    "{}-{} screened by {}: Cmin {}, Cmax {}",
                    p.elements[i].symbol,
                    p.elements[j].symbol,
                    p.elements[k].symbol,
                    screen.minimum,
                    screen.maximum
                ));
            }
        }
        text
    }
}

/// The kinds of site of a structure; none where the reference is no crystal of its own.
pub fn sites(lattice: Lattice, a: u8, b: u8, reach: f64) -> Vec<Site> {
    // Cell vectors and basis (element, fractional position), in nearest-neighbour distances.
    let cubic = |edge: f64| [[edge, 0.0, 0.0], [0.0, edge, 0.0], [0.0, 0.0, edge]];
    let corner = [0.0; 3];
    let faces = [[0.0, 0.5, 0.5], [0.5, 0.0, 0.5], [0.5, 0.5, 0.0]];
    let shifted = |p: Vec3, by: f64| p.map(|x| x + by);
    let (cell, basis): ([Vec3; 3], Vec<(u8, Vec3)>) = match lattice {
        Lattice::Fcc if a == b => {
            (cubic(2f64.sqrt()), [corner].into_iter().chain(faces).map(|p| (a, p)).collect())
        }
        Lattice::L12 => {
            (cubic(2f64.sqrt()), [(b, corner)].into_iter().chain(faces.map(|p| (a, p))).collect())
        }
        Lattice::Bcc | Lattice::B2 => {
            (cubic(2.0 / 3f64.sqrt()), vec![(a, corner), (b, shifted(corner, 0.5))])
        }
        Lattice::SimpleCubic | Lattice::B1 => {
            let basis =
                [corner].into_iter().chain(faces).flat_map(|p| [(a, p), (b, shifted(p, 0.5))]);
            (cubic(2.0), basis.collect())
        }
        Lattice::Diamond | Lattice::Diamond3 => {
            let basis =
                [corner].into_iter().chain(faces).flat_map(|p| [(a, p), (b, shifted(p, 0.25))]);
            (cubic(4.0 / 3f64.sqrt()), basis.collect())
        }
        Lattice::Hcp if a == b => {
            let cell =
                [[1.0, 0.0, 0.0], [-0.5, 0.75f64.sqrt(), 0.0], [0.0, 0.0, (8f64 / 3.0).sqrt()]];
            (cell, vec![(a, corner), (a, [1.0 / 3.0, 2.0 / 3.0, 0.5])])
        }
        Lattice::Dimer => {
            let ends = [(a, corner), (b, [1.0, 0.0, 0.0])];
            let dimer =
                |first: usize| Site { weight: 0.5, atoms: vec![ends[first], ends[1 - first]] };
            return vec![dimer(0), dimer(1)];
        }
        _ => return Vec::new(),
    };
    let cartesian = |f: Vec3| -> Vec3 {
        std::array::from_fn(|d| f[0] * cell[0][d] + f[1] * cell[1][d] + f[2] * cell[2][d])
    };
    let shortest = cell.iter().map(|v| norm(*v)).fold(f64::INFINITY, f64::min);
    let extent = (2.0 * reach / shortest).ceil() as i32 + 1;
    let all: Vec<(u8, Vec3)> = (-extent..=extent)
        .flat_map(|x| {
            (-extent..=extent).flat_map(move |y| (-extent..=extent).map(move |z| [x, y, z]))
        })
        .flat_map(|n| basis.iter().map(move |(e, f)| (*e, [0, 1, 2].map(|d| f[d] + n[d] as f64))))
        .map(|(e, f)| (e, cartesian(f)))
        .collect();
    basis
        .iter()
        .map(|(e, f)| {
            let centre = cartesian(*f);
            let around = all.iter().map(|(e, p)| (*e, [0, 1, 2].map(|d| p[d] - centre[d])));
            let near = around.filter(|(_, p)| norm(*p) > 1e-6 && norm(*p) < reach);
            Site {
                weight: 1.0 / basis.len() as f64,
                atoms: [(*e, corner)].into_iter().chain(near).collect(),
            }
        })
        .collect()
}
