//! Metropolis swaps: moves between two steps in which atoms change their species where they stand.
//!
//! ```text
//! canonical:              atoms i and j exchange their species          w = U
//! semi-grand:             atom i becomes another species                w = U - Σ μ_s N_s
//! variance-constrained:   the same                                      w = U - Σ μ_s N_s + K N/2 Σ (c_s - c°_s)²
//! accepted with the probability min(1, exp(-Δw/kT))
//! ```
//!
//! (B. Sadigh et al., Phys. Rev. B 85 (2012) 184203 for the last, K N/2 for their κ.)
//!
//! **Velocities.** In an exchange the atoms exchange their velocities too: it is as if the two had
//! changed places, each with its momentum. That is a permutation of phase space, so the volume
//! stays, and so do kinetic energy and momentum, to the bit: Δw alone decides. (Velocities scaled by
//! √(m/m'), as LAMMPS has them, keep the energy, but let the centre of mass walk.) An atom that becomes
//! another one keeps its kinetic energy, v' = v √(m/m'); of the volume that this takes from or gives to
//! phase space, (m'/m)^(3/2), the chemical potentials are free by convention, as in LAMMPS. The angular
//! momentum changes, so a particle turns as heat will have it (`momentum`).
//!
//! **Many at once.** The energy of an atom depends on atoms within `System::energy_reach` of it alone.
//! Where no atom is within reach of the sites of two attempts, which is so if they are more than twice
//! the reach apart, what one does to the energy does not depend on the other. So a *group* of such
//! attempts is put on trial in one evaluation; Δ of each is the sum over the atoms near it of the
//! differences of their energies, exact because energies are integers; each is accepted or not by
//! itself, in their order, and those that are not are put back. Every atom whose energy changes must be near one
//! attempt, and the energies in the end those that the trials promised, to the bit: both are checked.
//!
//! **Detailed balance.** Let σ say which atom is of which species. A group is chosen by drawing pairs of
//! atoms uniformly (within particles or clusters: an atom, and another of its own), without a look at σ; those
//! count that are unlike and do not touch one that was chosen before. Given the first k - 1, the k-th is
//! therefore any of the allowed pairs, those of unlike species outside of spheres about the earlier
//! sites, with a probability that is inversely proportional to their number. Let σ' come of σ by
//! accepting some of the group. Outside of the first spheres, σ' is σ with the species of some later pairs
//! exchanged, each of which lies outside as a whole (and in one particle, where that is asked). So as
//! many atoms of each species are there, the number of allowed pairs is the same, and the group has the
//! same probability from σ' as from σ. Its acceptance is the product of those of its attempts, each of
//! which obeys detailed balance. Exchanges between particles do change the numbers in each: there like
//! pairs count as attempts too, so that groups are chosen without a look at σ at all. So are the sites
//! at which an atom becomes another; where the composition is constrained, decisions one after another
//! make each the usual step.
//!
//! Clusters are those of places, which no move of a round changes, and no species has a say in them: from σ and from σ'
//! they are the same, and as good as particles. Between rounds the atoms move, and clusters with them.
//!
//! How large groups are follows from positions and from numbers that no move changes, and how many there
//! are from the number of attempts: never from what became of those before. A group in which nothing
//! more is found, which is as likely from σ' as from σ, stays short and is not made up for.
//!
//! **Bits.** Draws are keyed by seed, step and number, atoms by id over the whole system, sums and decisions are
//! the same on all ranks. A round is done within a step, so no checkpoint stands in one: a job that ends
//! in one gives it up, and goes back to before that step.

mod draws;
mod near;
#[cfg(test)]
mod tests;

use crate::atoms::Atoms;
use crate::comm::Comm;
use crate::dynamics::View;
use crate::error::{Error, Result};
use crate::force::{System, Totals};
use crate::geometry::{Vec3, scale};
use crate::input::config::{Config, StageConfig, SwapEnsemble, SwapRegion};
use crate::units::BOLTZMANN;
use draws::{Attempt, Draws};
use near::Near;
use rayon::prelude::*;
use serde::{Deserialize, Serialize};

/// What the input says of swaps in a stage.
#[derive(Debug, Clone, PartialEq)]
pub struct Settings {
    /// Steps between rounds.
    pub interval: u64,
    /// In each round.
    pub attempts: u64,
    /// K; unless given, that of the stage.
    pub temperature: Option<f64>,
    /// Of each species, whether atoms become it and cease to be it.
    pub exchanged: Vec<bool>,
    pub ensemble: Ensemble,
    /// Atoms nearer than this are of one cluster, Å; where exchanges are within clusters.
    pub bond: Option<f64>,
}

/// What an attempt changes and what decides it besides U.
#[derive(Debug, Clone, PartialEq)]
pub enum Ensemble {
    Canonical(SwapRegion),
    Open {
        /// By species, eV.
        potential: Vec<f64>,
        constraint: Option<Constraint>,
    },
}

/// The energy K N/2 Σ (c - c°)².
#[derive(Debug, Clone, PartialEq)]
pub struct Constraint {
    /// K, eV
    pub strength: f64,
    /// c°, by species.
    pub composition: Vec<f64>,
}

/// What came of swaps since the stage began.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
pub struct Tally {
    pub attempts: u64,
    pub accepted: u64,
    /// Evaluations of the energy for them.
    pub evaluations: u64,
    /// What accepted ones added to the potential energy, eV.
    pub energy: f64,
}

impl Tally {
    pub fn add(&mut self, other: &Tally) {
        self.attempts += other.attempts;
        self.accepted += other.accepted;
        self.evaluations += other.evaluations;
        self.energy += other.energy;
    }
}

/// What the random numbers of a round are keyed by.
#[derive(Debug, Clone, Copy)]
pub struct Key {
    pub seed: u64,
    pub step: u64,
}

impl Settings {
    /// Those of a stage, if it has swaps.
    pub fn new(config: &Config, stage: &StageConfig) -> Option<Settings> {
        let swaps = stage.swaps.as_ref()?;
        let (all, chosen) = (config.symbols(), swaps.symbols(config));
        let by_species = |values: &std::collections::BTreeMap<String, f64>| {
            all.iter().map(|symbol| values.get(*symbol).copied().unwrap_or(0.0)).collect()
        };
        let open = |constraint| Ensemble::Open {
            potential: by_species(&swaps.chemical_potential_ev),
            constraint,
        };
        Some(Settings {
            interval: config.dynamics.steps(swaps.interval_ps),
            attempts: swaps.attempts,
            temperature: swaps.temperature_k,
            exchanged: all.iter().map(|symbol| chosen.contains(symbol)).collect(),
            bond: swaps.bond_angstrom,
            ensemble: match swaps.ensemble {
                SwapEnsemble::Canonical => Ensemble::Canonical(swaps.region(stage)),
                SwapEnsemble::SemiGrand => open(None),
                SwapEnsemble::VarianceConstrained => open(Some(Constraint {
                    strength: swaps.constraint_ev.unwrap_or_default(),
                    composition: by_species(&swaps.composition),
                })),
            },
        })
    }

    /// Whether a round is due after step `step` of the stage.
    pub fn is_due(&self, step: u64) -> bool {
        step.is_multiple_of(self.interval)
    }

    /// Why no attempt is possible at all among these atoms, if that is so. Collective.
    pub fn idle(&self, view: &View) -> Option<&'static str> {
        // Clusters are to come: all may be one.
        let clusters = self.bond.map(|_| vec![0; view.atoms.owned]);
        let draws = Draws::new(self, (view, 0.0), clusters, Key { seed: 0, step: 0 });
        draws.are_idle().then_some(match self.ensemble {
            Ensemble::Open { .. } => "no atom is of these elements",
            Ensemble::Canonical(SwapRegion::Anywhere | SwapRegion::WithinClusters) => {
                "no two atoms are of different ones of these elements"
            }
            Ensemble::Canonical(SwapRegion::WithinParticles) => {
                "in no particle are atoms of different ones of these elements"
            }
            Ensemble::Canonical(SwapRegion::BetweenParticles) => {
                "no two particles have atoms of different ones of these elements"
            }
        })
    }

    /// Whether an owned atom may take part.
    fn takes_part(&self, atoms: &Atoms, i: usize) -> bool {
        self.exchanged[atoms.species[i] as usize] && !atoms.has_departed(i) && !atoms.is_fixed(i)
    }
}

/// What an attempt adds to w besides U, eV; `counts` of each species.
fn cost(ensemble: &Ensemble, attempt: &Attempt, counts: &[i64]) -> f64 {
    let Ensemble::Open { potential, constraint } = ensemble else { return 0.0 };
    let [old, new] = [attempt.first.site.species, attempt.first.to].map(usize::from);
    let held = constraint.as_ref().map_or(0.0, |Constraint { strength, composition }| {
        let all = counts.iter().sum::<i64>() as f64;
        let excess = |s: usize| counts[s] as f64 / all - composition[s];
        strength * (excess(new) - excess(old) + 1.0 / all)
    });
    potential[old] - potential[new] + held
}

/// A round of attempts at this temperature (K), on atoms whose forces and energies belong to
/// their positions; afterwards they do again. Without totals nothing was done. It is given up, and
/// there is none, as soon as `gives_up` says so, which is asked before each group. Collective.
///
/// # Errors
/// Those of evaluations, and energies that do not add up, which would be a fault of the program.
pub fn round(
    settings: &Settings,
    system: &mut dyn System,
    comm: &Comm,
    (key, temperature): (Key, f64),
    virial: bool,
    gives_up: &mut dyn FnMut() -> bool,
) -> Result<Option<(Tally, Option<Totals>)>> {
    let mut round = Round::begin(settings, system, comm, (key, temperature));
    for size in round.draws.groups(&View::new(&*round.system, comm)) {
        if gives_up() {
            return Ok(None);
        }
        round.group(size)?;
    }
    round.end(virial).map(Some)
}

/// A round under way.
struct Round<'a> {
    settings: &'a Settings,
    system: &'a mut dyn System,
    comm: &'a Comm,
    /// kT, eV
    thermal: f64,
    step: u64,
    draws: Draws<'a>,
    /// Of the owned atoms as they are, in quanta; those of `Atoms` are of the last trial.
    energy: Vec<i64>,
    tally: Tally,
}

/// What a trial has shown.
struct Trial {
    /// Change of the energy by each attempt, in quanta; none where it is beyond all bounds.
    change: Vec<Option<i64>>,
    /// Owned atoms whose energy changes, with the attempt near them and the new energy.
    atoms: Vec<(u32, u32, i64)>,
}

impl Round<'_> {
    fn begin<'a>(
        settings: &'a Settings,
        system: &'a mut dyn System,
        comm: &'a Comm,
        (key, temperature): (Key, f64),
    ) -> Round<'a> {
        let view = View::new(system, comm);
        let clusters = settings.bond.map(|bond| system.clusters(bond));
        let draws = Draws::new(settings, (&view, system.energy_reach()), clusters, key);
        let energy = view.atoms.force[..view.atoms.owned].iter().map(|f| f[3]).collect();
        Round {
            settings,
            system,
            comm,
            thermal: BOLTZMANN * temperature,
            step: key.step,
            draws,
            energy,
            tally: Tally::default(),
        }
    }

    /// So many attempts together, or as many as do not touch.
    fn group(&mut self, size: u64) -> Result<()> {
        let mut attempts = self.draws.choose(&View::new(&*self.system, self.comm), size);
        self.tally.attempts += attempts.len() as u64;
        attempts.retain(|attempt| !attempt.is_idle());
        if !attempts.is_empty() {
            let trial = self.put_on_trial(&attempts)?;
            self.decide(&attempts, trial);
        }
        Ok(())
    }

    /// Makes the sites of these attempts what `species` says, and tells ghosts.
    fn put(&mut self, attempts: &[Attempt], species: fn(&draws::Change) -> u8) {
        let atoms = self.system.atoms_mut();
        for change in attempts.iter().flat_map(Attempt::changes) {
            if let Some(i) = self.draws.place(change.site.id) {
                atoms.species[i] = species(change);
            }
        }
        self.system.refresh_species();
    }

    /// Evaluates attempts that do not touch; afterwards species are as before.
    fn put_on_trial(&mut self, attempts: &[Attempt]) -> Result<Trial> {
        self.put(attempts, |change| change.to);
        let evaluated = self.system.update_forces(false);
        self.tally.evaluations += 1;
        let trial = match evaluated {
            Ok(_) => self.compare(attempts),
            // Beyond the bounds of energies or forces: such an attempt is not accepted.
            Err(Error::Physics { .. }) => {
                Ok(Trial { change: vec![None; attempts.len()], atoms: Vec::new() })
            }
            Err(other) => Err(other),
        }?;
        self.put(attempts, |change| change.site.species);
        if attempts.len() == 1 || trial.change.iter().any(Option::is_some) {
            return Ok(trial);
        }
        // Which of them it was.
        let (one, other) = attempts.split_at(attempts.len() / 2);
        let mut trial = self.put_on_trial(one)?;
        let more = self.put_on_trial(other)?;
        trial.change.extend(more.change);
        let behind = |(i, attempt, energy)| (i, attempt + one.len() as u32, energy);
        trial.atoms.extend(more.atoms.into_iter().map(behind));
        Ok(trial)
    }

    /// What has become of the energies near each attempt.
    fn compare(&self, attempts: &[Attempt]) -> Result<Trial> {
        let (atoms, reach) = (self.system.atoms(), self.system.energy_reach());
        let mut near = Near::new(self.system.cell(), reach);
        for (k, attempt) in attempts.iter().enumerate() {
            attempt.changes().for_each(|change| near.insert(change.site.position, k as u32));
        }
        let before = &self.energy;
        let different = |i: &usize| atoms.force[*i][3] != before[*i];
        let changed = (0..atoms.owned).into_par_iter().with_min_len(4096).filter(different);
        let attributed: Vec<(u32, Option<u32>, i64)> = changed
            .map(|i| {
                let [x, y, z, _] = atoms.position[i];
                (i as u32, near.find(&[x, y, z], reach), atoms.force[i][3])
            })
            .collect();
        let mut sums = vec![0i64; attempts.len() + 1];
        let mut seen = Vec::with_capacity(attributed.len());
        let mut stray = None;
        for (i, attempt, energy) in attributed {
            match attempt {
                Some(k) => {
                    sums[k as usize] += energy - before[i as usize];
                    seen.push((i, k, energy));
                }
                None => stray = Some(i),
            }
        }
        sums[attempts.len()] = stray.is_some() as i64;
        self.comm.sum_i64(&mut sums);
        if sums.pop() != Some(0) {
            let own = stray.map_or(Ok(()), |i| {
                let message =
                    format!("its energy changed by a swap farther than {reach:.3} Å from it");
                Err(Error::Physics { step: self.step, atom: atoms.id[i as usize], message })
            });
            self.comm.agree(own)?;
        }
        Ok(Trial { change: sums.into_iter().map(Some).collect(), atoms: seen })
    }

    /// Accepts attempts or not, one after another, and carries out those that are.
    fn decide(&mut self, attempts: &[Attempt], trial: Trial) {
        let quantum = self.system.atoms().quantum;
        let mut is_accepted = vec![false; attempts.len()];
        let mut energy = 0i128;
        for (k, attempt) in attempts.iter().enumerate() {
            let Some(change) = trial.change[k] else { continue };
            let cost =
                quantum.value(change) + cost(&self.settings.ensemble, attempt, &self.draws.counts);
            if cost <= 0.0 || attempt.uniform < libm::exp(-cost / self.thermal) {
                is_accepted[k] = true;
                energy += change as i128;
                self.draws.count(attempt);
            }
        }
        for (i, k, energy) in trial.atoms {
            if is_accepted[k as usize] {
                self.energy[i as usize] = energy;
            }
        }
        let accepted: Vec<Attempt> =
            attempts.iter().zip(&is_accepted).filter(|(_, is)| **is).map(|(a, _)| *a).collect();
        self.change_velocities(&accepted);
        self.put(&accepted, |change| change.to);
        self.tally.accepted += accepted.len() as u64;
        self.tally.energy += quantum.value_wide(energy);
    }

    /// What becomes of the velocities of sites that change their species.
    fn change_velocities(&mut self, accepted: &[Attempt]) {
        let masses = self.system.masses().to_vec();
        let atoms = self.system.atoms_mut();
        let sites = || accepted.iter().flat_map(Attempt::changes);
        // As bits; each is on one rank.
        let mut velocities: Vec<[i64; 3]> = sites()
            .map(|change| {
                let own = self.draws.place(change.site.id).map(|i| atoms.velocity[i]);
                own.map_or([0; 3], |v| v.map(|x| x.to_bits() as i64))
            })
            .collect();
        self.comm.sum_i64(velocities.as_flattened_mut());
        let velocity = |k: usize| -> Vec3 { velocities[k].map(|bits| f64::from_bits(bits as u64)) };
        let mut at = 0;
        for attempt in accepted {
            let count = attempt.changes().count();
            for (n, change) in attempt.changes().enumerate() {
                let Some(i) = self.draws.place(change.site.id) else { continue };
                let [old, new] = [change.site.species, change.to].map(|s| masses[s as usize]);
                atoms.velocity[i] = match count {
                    2 => velocity(at + 1 - n),
                    _ => scale(velocity(at), (old / new).sqrt()),
                };
            }
            at += count;
        }
    }

    /// Forces and energies of the atoms as they are now, unless nothing was tried.
    fn end(mut self, virial: bool) -> Result<(Tally, Option<Totals>)> {
        if self.tally.evaluations == 0 {
            return Ok((self.tally, None));
        }
        let totals = self.system.update_forces(virial)?;
        self.tally.evaluations += 1;
        let atoms = self.system.atoms();
        let own = atoms.force[..atoms.owned].iter().map(|f| f[3]);
        let wrong = own.zip(&self.energy).position(|(now, promised)| now != *promised);
        let wrong = wrong.map_or(Ok(()), |i| {
            let message = "its energy after swaps is not what their trials had shown".into();
            Err(Error::Physics { step: self.step, atom: atoms.id[i], message })
        });
        self.comm.agree(wrong)?;
        Ok((self.tally, Some(totals)))
    }
}
