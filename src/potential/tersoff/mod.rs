//! The bond-order potential of J. Tersoff, Phys. Rev. B 37 (1988) 6991 and 39 (1989) 5566, as LAMMPS
//! `pair_style tersoff` defines it:
//!
//! E = ½ Σ_i Σ_j f_C(r_ij) [A exp(-λ₁ r_ij) - b_ij B exp(-λ₂ r_ij)],
//! b_ij = (1 + βⁿ ζ_ijⁿ)^(-1/2n),
//! ζ_ij = Σ_k f_C(r_ik) g(θ_ijk) exp{[λ₃ (r_ij - r_ik)]ᵐ},
//! g = γ [1 + c²/d² - c²/(d² + (cos θ - cos θ₀)²)],
//!
//! f_C falls from 1 at R - D to 0 at R + D as half a sine. Parameters of a bond are those of the
//! entry i j j, those of a triple (R and D of f_C(r_ik) among them) those of i j k. Each end of
//! a bond gets half of its energy.
//!
//! All there is to a centre i follows from its own neighbours, so nothing is summed before
//! phase 3, and every centre is worked on where it is owned, with all its neighbours (whole lists).
//! Invariants: the terms of ζ are sorted before they are added; each force on j or k is rounded
//! to quanta once, and its exact negative goes to i. The arithmetic is plain and that of `libm`,
//! so its bits are those of any processor.

use crate::atoms::{FixedForce, Species};
use crate::error::Result;
use crate::geometry::{Vec3, dot, norm, scale};
use crate::input::PotentialConfig;
use crate::neighbour::MINE;
use crate::potential::functional;
use crate::potential::shared::add;
use crate::potential::{Environment, Model, Potential, Shared, Sums};
use crate::sweep::Tile;
use file::Entry;
use std::f64::consts::{FRAC_PI_2, PI};
use std::fmt::Write;

mod file;

/// A potential of this kind, for all species of a force field.
#[derive(Debug)]
pub struct Tersoff {
    /// Of the field; the files know no masses.
    species: Vec<Species>,
    /// Which place of `entries` each has, if any.
    members: Vec<Option<usize>>,
    /// Elements in the entries.
    count: usize,
    /// A cube over centre, bond and third.
    entries: Vec<Entry>,
    /// Å
    cutoff: f64,
    conventions: String,
    warnings: Vec<String>,
}

/// Room for the neighbours of a centre.
#[derive(Debug, Default)]
pub struct Records {
    near: Vec<Near>,
    triples: Vec<Triple>,
    terms: Vec<f64>,
}

/// A neighbour of the centre at hand.
#[derive(Debug, Clone, Copy)]
struct Near {
    atom: u32,
    element: usize,
    r: f64,
    /// From the centre to it.
    unit: Vec3,
}

/// A neighbour k beside the bond at hand.
#[derive(Debug, Clone, Copy)]
struct Triple {
    k: usize,
    cosine: f64,
    /// Of its term in ζ: by r_ij and r_ik at a fixed angle, and by the cosine.
    slopes: [f64; 3],
}

impl Tersoff {
    /// Reads the file of a term, for the species of a force field in their order; those that the
    /// term does not name feel nothing of it.
    ///
    /// # Errors
    /// [`Error::Input`] with the place of whatever is missing or wrong in the file.
    pub fn read(term: &PotentialConfig, field: &[&str]) -> Result<Tersoff> {
        let names: Vec<&str> = term.entries().collect();
        let (entries, warnings) = file::read(&term.file[0], &names)?;
        let symbols: Vec<&str> = term.symbols().collect();
        let cutoff = entries.iter().map(Entry::end).fold(0.0, f64::max);
        let mut conventions = format!("tersoff: {}, cutoff {cutoff} Å\n", term.file_names());
        for (i, one) in names.iter().enumerate() {
            for (j, two) in names.iter().enumerate() {
                let entry = &entries[(i * names.len() + j) * names.len() + j];
                let Entry { cutoff, width, repulsion, attraction, n, beta, .. } = entry;
                // Writing to a string does not fail.
                let _ = writeln!(
                    conventions,
                    "{one}-{two}: A {repulsion} eV, B {attraction} eV, n {n}, beta {beta}, R {cutoff} Å, \
                     D {width} Å"
                );
            }
        }
        let place = |symbol: &&str| symbols.iter().position(|own| own == symbol);
        let members = field.iter().map(place).collect();
        let species = field.iter().map(|symbol| functional::species(symbol, &[])).collect();
        let count = symbols.len();
        Ok(Tersoff { species, members, count, entries, cutoff, conventions, warnings })
    }

    fn entry(&self, i: usize, j: usize, k: usize) -> &Entry {
        &self.entries[(i * self.count + j) * self.count + k]
    }

    /// The neighbours of an atom within the cutoff.
    fn collect(&self, env: Environment, i: usize, near: &mut Vec<Near>) {
        near.clear();
        let p = env.position[i];
        for entry in env.neighbours.of(i).iter() {
            let atom = entry & !MINE;
            let q = env.position[atom as usize];
            let d: Vec3 = [q[0] - p[0], q[1] - p[1], q[2] - p[2]];
            let Some(element) = self.members[env.species[atom as usize] as usize] else { continue };
            let r = norm(d);
            if r < self.cutoff {
                near.push(Near { atom, element, r, unit: scale(d, 1.0 / r) });
            }
        }
    }

    /// Adds what the bond from the centre (atom and element) to its j-th neighbour comes to.
    ///
    /// # Safety
    /// As for `Potential::forces`; the centre is an atom of the tile at hand, and `records` hold
    /// neighbours of it.
    unsafe fn bond(
        &self,
        env: Environment,
        [i, centre]: [usize; 2],
        j: usize,
        records: &mut Records,
        force: &Shared<FixedForce>,
    ) -> Result<()> {
        let to = records.near[j];
        let own = self.entry(centre, to.element, to.element);
        if to.r >= own.end() {
            return Ok(());
        }
        self.triples(centre, j, records);
        let Records { near, triples, terms } = records;
        terms.sort_unstable_by(f64::total_cmp);
        let zeta = terms.iter().fold(0.0, |sum, term| sum + term);
        let (order, order_slope) = bond_order(own, zeta);
        let [fade, fade_slope] = fading(own, to.r);
        let repulsion = own.repulsion * libm::exp(-own.lambda1 * to.r);
        let attraction = -own.attraction * libm::exp(-own.lambda2 * to.r);
        let bond = repulsion + order * attraction;
        let bond_slope = -own.lambda1 * repulsion - own.lambda2 * order * attraction;
        // Half of the sum over ordered pairs, half of that for each end.
        let energy = 0.25 * fade * bond;
        let slope = 0.5 * (fade_slope * bond + fade * bond_slope);
        let by_zeta = 0.5 * fade * attraction * order_slope;

        let quantum = env.quantum;
        let give = |atom: u32, pull: Vec3, energy: f64| {
            let values = [pull[0], pull[1], pull[2], energy];
            if !values.iter().all(|x| x.abs() < quantum.bound()) {
                return Err(env.out_of_bounds(i, atom as usize));
            }
            let [x, y, z, energy] = values.map(|x| quantum.round(x));
            let back = [x.wrapping_neg(), y.wrapping_neg(), z.wrapping_neg(), energy];
            // SAFETY: by the caller's promise; one after the other.
            unsafe {
                add(force, atom, back);
                add(force, i as u32, [x, y, z, energy]);
            }
            Ok(())
        };
        give(to.atom, scale(to.unit, slope), energy)?;
        for triple in triples.iter() {
            let third = near[triple.k];
            let [by_bond, by_third, by_cosine] = triple.slopes.map(|slope| by_zeta * slope);
            let cosine = triple.cosine;
            let turn = |from: &Near, towards: &Near, radial: f64| -> Vec3 {
                let across = by_cosine / from.r;
                std::array::from_fn(|d| {
                    radial * from.unit[d] + across * (towards.unit[d] - cosine * from.unit[d])
                })
            };
            give(to.atom, turn(&to, &third, by_bond), 0.0)?;
            give(third.atom, turn(&third, &to, by_third), 0.0)?;
        }
        Ok(())
    }

    /// The neighbours beside the j-th, and their terms in ζ.
    fn triples(&self, centre: usize, j: usize, records: &mut Records) {
        /// LAMMPS takes no larger exponents.
        const LARGEST_EXPONENT: f64 = 69.0776;
        let Records { near, triples, terms } = records;
        triples.clear();
        terms.clear();
        let to = near[j];
        for (k, third) in near.iter().enumerate().filter(|(k, _)| *k != j) {
            let entry = self.entry(centre, to.element, third.element);
            if third.r >= entry.end() {
                continue;
            }
            let [fade, fade_slope] = fading(entry, third.r);
            let cosine = dot(to.unit, third.unit);
            let x = entry.lambda3 * (to.r - third.r);
            let (exponent, exponent_slope) = match entry.is_cubic {
                true => (x * x * x, 3.0 * x * x * entry.lambda3),
                false => (x, entry.lambda3),
            };
            let decay = match exponent {
                large if large > LARGEST_EXPONENT => 1e30,
                small if small < -LARGEST_EXPONENT => 0.0,
                other => libm::exp(other),
            };
            let [angle, angle_slope] = angular(entry, cosine);
            let term = fade * angle * decay;
            let by_bond = term * exponent_slope;
            let slopes =
                [by_bond, fade_slope * angle * decay - by_bond, fade * angle_slope * decay];
            terms.push(term);
            triples.push(Triple { k, cosine, slopes });
        }
    }
}

/// The last phase is all of it.
impl Potential for Tersoff {
    type Prepared = ();

    type Records = Records;

    fn species(&self) -> &[Species] {
        &self.species
    }

    fn range(&self) -> f64 {
        self.cutoff
    }

    /// Half of a bond is of an atom, and all neighbours of the other end have a part in it.
    fn energy_reach(&self) -> f64 {
        2.0 * self.cutoff
    }

    fn shares_energies(&self) -> bool {
        true
    }

    unsafe fn forces(
        &self,
        env: Environment,
        (): &(),
        tile: &Tile,
        records: &mut Records,
        _: &Sums,
        force: &Shared<FixedForce>,
    ) -> Result<()> {
        assert!(force.has_room_for(env.position.len()));
        for i in tile.atoms.clone() {
            let Some(centre) = self.members[env.species[i] as usize] else { continue };
            self.collect(env, i, &mut records.near);
            for j in 0..records.near.len() {
                // SAFETY: by the caller's promise, of an atom of the tile and its neighbours.
                unsafe { self.bond(env, [i, centre], j, records, force) }?;
            }
        }
        Ok(())
    }
}

impl Model for Tersoff {
    fn described(&self) -> Vec<Species> {
        let members = self.species.iter().zip(&self.members);
        members.filter(|(_, member)| member.is_some()).map(|(species, _)| species.clone()).collect()
    }

    fn cutoff(&self) -> f64 {
        self.cutoff
    }

    fn conventions(&self) -> String {
        self.conventions.clone()
    }

    fn is_many_body(&self) -> bool {
        true
    }

    fn warnings(&self) -> &[String] {
        &self.warnings
    }
}

/// f_C and its derivative.
fn fading(entry: &Entry, r: f64) -> [f64; 2] {
    if r <= entry.cutoff - entry.width {
        [1.0, 0.0]
    } else if r >= entry.end() {
        [0.0, 0.0]
    } else {
        let angle = FRAC_PI_2 * (r - entry.cutoff) / entry.width;
        [0.5 - 0.5 * libm::sin(angle), -0.25 * PI / entry.width * libm::cos(angle)]
    }
}

/// g and its derivative by the cosine.
fn angular(entry: &Entry, cosine: f64) -> [f64; 2] {
    if entry.c == 0.0 {
        return [entry.gamma, 0.0];
    }
    let (c, d, x) = (entry.c * entry.c, entry.d * entry.d, cosine - entry.cosine);
    let inverse = 1.0 / (d + x * x);
    [entry.gamma * (1.0 + c / d - c * inverse), 2.0 * entry.gamma * c * x * inverse * inverse]
}

/// b and its derivative by ζ.
fn bond_order(entry: &Entry, zeta: f64) -> (f64, f64) {
    /// Powers stay numbers.
    const LARGEST: f64 = 1e200;
    let x = entry.beta * zeta;
    if x <= 0.0 {
        return (1.0, 0.0);
    }
    let power = libm::pow(x, entry.n).min(LARGEST);
    let order = libm::pow(1.0 + power, -0.5 / entry.n);
    (order, -0.5 * order * power / (1.0 + power) / zeta)
}
