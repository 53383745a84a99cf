//! One-body terms in a run: which atoms each is for, where it is, and what it gives.
//!
//! The other contributions to the forces add up to exactly zero, and the virial rests on that;
//! these do not. So they are added to owned atoms alone, when forces have been gathered and the
//! virial is known: it is of the forces of atoms on one another only. Force and energy of each
//! atom are rounded to quanta like all others, and the energy goes into that of the atom.
//!
//! Terms begin to act when the particles are together (`OneBodyTerms::begin`), and look at the atoms
//! then: distances from the nearest atom, layers, the anchors of tethers. What they found goes
//! into checkpoints (`TermState`). Invariant: all that a term decides follows from integers or
//! from greatest and smallest values over all ranks.
//!
//! What fixed atoms take is told last, when all else has acted on them; then their force is
//! zero, hence they stay where they are.

use crate::atoms::{Atoms, FixedForce, Species};
use crate::comm::Comm;
use crate::error::{Error, Result};
use crate::fixed::Quantum;
use crate::geometry::{Cell, Vec3};
use crate::input::{AtomsConfig, Config, Side};
use crate::potential::one_body::{Drive, OneBodyForm as Form, Piston, Plane, Site, Surroundings};
use crate::terminal::counted;
use rayon::prelude::*;
use serde::{Deserialize, Serialize};

/// Fewest atoms worth a task of their own.
const LEAST_TASK: usize = 2048;

/// Energy that a piston may give an atom when it begins to act, eV: about what binds an atom in a metal.
const ATOM_FLIES: f64 = 3.0;

/// What a term gives, over all atoms.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Share {
    /// eV
    pub energy: f64,
    /// Sum of its forces on atoms; of fixed atoms, of the forces on them that they do not follow. eV/Å
    pub force: Vec3,
}

/// What a term found when it began to act; goes into checkpoints.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct TermState {
    /// Of a plane or piston, Å.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub position: Option<f64>,
    /// Of a piston: velocity (Å/ps) and the energy that it has given (eV).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub motion: Option<[f64; 2]>,
    /// Of a piston that bears a pressure: its mass (g/mol) and its area (Å²), which by default are those of
    /// the atoms and the box that it found; these can change later.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub body: Option<[f64; 2]>,
    /// First and last of each run of ids; none where the term is for all atoms.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub atoms: Option<Vec<[u64; 2]>>,
    /// Of a tether, in the order of the ids, Å.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub anchors: Vec<Vec3>,
}

/// One of the terms.
#[derive(Debug, Clone)]
pub struct OneBodyTerm {
    /// Of its table in the input.
    pub key: String,
    pub form: Form,
    /// Ids in order; none: all atoms.
    members: Option<Vec<u64>>,
    anchors: Vec<Vec3>,
    /// Owned atoms among the members, and their places among these.
    here: Vec<(u32, u32)>,
    pub share: Share,
}

/// All of them.
#[derive(Debug, Clone, Default)]
pub struct OneBodyTerms {
    terms: Vec<OneBodyTerm>,
    /// Sums of this rank as of the last `act`: energy and force of each term, in quanta.
    sums: Vec<[i128; 4]>,
}

/// The atoms that terms look at when they begin, over all ranks.
#[derive(Clone, Copy)]
pub struct Scene<'a> {
    pub comm: &'a Comm,
    pub atoms: &'a Atoms,
    pub cell: &'a Cell,
    pub species: &'a [Species],
}

impl Scene<'_> {
    fn place(&self, i: usize) -> Vec3 {
        self.cell.unwrap(&self.atoms.position[i], &self.atoms.image[i])
    }

    fn counting(&self) -> impl Iterator<Item = usize> {
        (0..self.atoms.owned).filter(|&i| !self.atoms.has_departed(i))
    }

    /// Mass of all atoms and the area of the cell across an axis.
    fn around(&self, axis: usize) -> Surroundings {
        let mut counts = vec![0; self.species.len()];
        self.counting().for_each(|i| counts[self.atoms.species[i] as usize] += 1);
        self.comm.sum_i64(&mut counts);
        let mass = counts.iter().zip(self.species).map(|(&n, s)| n as f64 * s.mass).sum();
        let across = || (0..3).filter(|&d| d != axis);
        let whole = across().all(|d| self.cell.periodic[d]);
        let area = whole.then(|| across().map(|d| self.cell.length[d]).product());
        Surroundings { mass, area }
    }

    /// The smallest of a value over atoms of all ranks.
    fn least(&self, values: impl Iterator<Item = f64>) -> f64 {
        self.comm.min(values.fold(f64::INFINITY, f64::min))
    }
}

/// What is wrong with a term: the key of its table, and why.
type Wrong = (String, String);

impl OneBodyTerms {
    /// The terms of an input, as they begin to act on these atoms. Collective.
    ///
    /// # Errors
    /// The key of the table that is for no atom, or in the midst of them, and why; alike on every rank.
    pub fn begin(config: &Config, scene: Scene) -> Result<OneBodyTerms, Wrong> {
        let one_body = OneBodyTerms::of(config, scene, None)?;
        one_body.stand_clear(scene)?;
        one_body.press_from_outside(scene)?;
        Ok(one_body)
    }

    /// The same of atoms of a frame alone, on which a table may find nothing to do. Collective.
    ///
    /// # Errors
    /// An atom is behind a plane.
    pub fn on_frame(config: &Config, scene: Scene) -> Result<OneBodyTerms, Wrong> {
        let one_body = OneBodyTerms::of(config, scene, Some(&[]))?;
        one_body.stand_clear(scene)?;
        Ok(one_body)
    }

    /// The same, as they went into a checkpoint. Collective.
    ///
    /// # Errors
    /// As for `begin`.
    pub fn resume(
        config: &Config,
        scene: Scene,
        states: &[TermState],
    ) -> Result<OneBodyTerms, Wrong> {
        OneBodyTerms::of(config, scene, Some(states))
    }

    fn of(
        config: &Config,
        scene: Scene,
        states: Option<&[TermState]>,
    ) -> Result<OneBodyTerms, Wrong> {
        let mut terms = Vec::new();
        let symbols: Vec<&str> = scene.species.iter().map(|s| s.symbol.as_str()).collect();
        let keys = config.one_body_keys();
        let then = |n: usize| states.and_then(|states| states.get(n)).cloned();
        let planes = config.planes.iter();
        let mut forms: Vec<(Form, Option<&AtomsConfig>)> = Vec::new();
        for plane in planes {
            let position = then(forms.len()).and_then(|state| state.position);
            let gap = || nearest(scene, plane.side, plane.axis.index(), plane.gap_angstrom);
            let position = position.or(plane.position_angstrom).unwrap_or_else(gap);
            forms.push((Form::Plane(Plane::new(plane, &symbols, position)), None));
        }
        for config in &config.pistons {
            let state = then(forms.len());
            let position = state.as_ref().and_then(|state| state.position);
            let gap = || nearest(scene, config.side, config.axis.index(), config.gap_angstrom);
            let position = position.or(config.position_angstrom).unwrap_or_else(gap);
            let around = match state.as_ref().and_then(|state| state.body) {
                Some([mass, area]) => Surroundings { mass, area: Some(area) },
                None => scene.around(config.axis.index()),
            };
            let mut piston = Piston::new(config, position, around);
            if let Some([velocity, given]) = state.and_then(|state| state.motion) {
                (piston.velocity, piston.given) = (velocity, given);
            }
            forms.push((Form::Piston(piston), None));
        }
        let tethers = config.tethers.iter();
        forms.extend(tethers.map(|t| (Form::Tether(t.spring_ev_per_angstrom2), Some(&t.atoms))));
        let uniform = config.uniform_forces.iter();
        forms.extend(uniform.map(|t| (Form::Uniform(t.force_ev_per_angstrom), Some(&t.atoms))));
        forms.extend(config.fixed.iter().map(|t| (Form::Fixed, Some(&t.atoms))));

        for (n, ((form, atoms), key)) in forms.into_iter().zip(keys).enumerate() {
            let everywhere =
                atoms.is_none_or(AtomsConfig::is_all) && !matches!(form, Form::Tether(_));
            let (members, anchors) = match (then(n), atoms) {
                _ if everywhere => (None, Vec::new()),
                (Some(TermState { atoms: Some(runs), anchors, .. }), _) => {
                    (Some(runs.iter().flat_map(|&[first, last]| first..=last).collect()), anchors)
                }
                (_, atoms) => {
                    let found = choose(scene, atoms.unwrap_or(&AtomsConfig::default()));
                    if found.is_empty() && states.is_none() {
                        let why = "no atom is of these elements, particles, numbers and places: this \
                                   table does nothing";
                        return Err((key + ".atoms", why.into()));
                    }
                    let (ids, places): (Vec<u64>, Vec<Vec3>) = found.into_iter().unzip();
                    (Some(ids), if matches!(form, Form::Tether(_)) { places } else { Vec::new() })
                }
            };
            terms.push(OneBodyTerm {
                key,
                form,
                members,
                anchors,
                here: Vec::new(),
                share: Share::default(),
            });
        }
        let one_body = OneBodyTerms { sums: vec![[0; 4]; terms.len()], terms };
        one_body.leaves_some(scene)?;
        Ok(one_body)
    }

    /// No atom may be on the wrong side of a plane.
    fn stand_clear(&self, scene: Scene) -> Result<(), Wrong> {
        for OneBodyTerm { key, form, .. } in &self.terms {
            let Form::Plane(plane) = form else { continue };
            let feels = |i: &usize| plane.feels(scene.atoms.species[*i] as usize);
            let distances =
                || scene.counting().filter(feels).map(|i| plane.distance(&scene.place(i)));
            let least = scene.least(distances());
            if least <= 0.0 {
                let behind = distances().filter(|distance| *distance <= 0.0).count() as i64;
                let message = format!(
                    "{} of the atoms are behind this plane at {} = {} Å, the farthest by {:.3} Å, where they \
                     have no energy: move it, or write `gap_angstrom` in place of `position_angstrom`",
                    scene.comm.sum(behind),
                    plane.axis.name(),
                    plane.position,
                    -least
                );
                return Err((key.clone(), message));
            }
        }
        Ok(())
    }

    /// No atom may be so far behind the face of a piston that it would fly when let go.
    fn press_from_outside(&self, scene: Scene) -> Result<(), Wrong> {
        for OneBodyTerm { key, form, .. } in &self.terms {
            let Form::Piston(piston) = form else { continue };
            let depths = || scene.counting().map(|i| piston.depth(&scene.place(i)));
            let deepest = -scene.least(depths().map(|depth| -depth));
            if piston.energy(deepest) <= ATOM_FLIES {
                continue;
            }
            let behind = depths().filter(|depth| *depth > 0.0).count() as i64;
            let (axis, sign) = (piston.axis.name(), piston.sign);
            let (outwards, side) = if sign > 0.0 { ("below", "above") } else { ("above", "below") };
            let message = format!(
                "{} of the atoms are behind the face of this piston at {axis} = {} Å, which is for atoms {side} it; \
                 the outermost is at {axis} = {:.3} Å and would be thrown back with {:.3} eV: place the face \
                 {outwards} that, write `gap_angstrom` in place of `position_angstrom`, or take the other `side`",
                scene.comm.sum(behind),
                piston.position,
                piston.position - sign * deepest,
                piston.energy(deepest)
            );
            return Err((format!("{key}.position_angstrom"), message));
        }
        Ok(())
    }

    /// Where the terms stand and how many atoms they are for, line by line.
    pub fn found(&self) -> String {
        let of = |term: &OneBodyTerm| {
            let members = term.members.as_ref();
            let atoms = members.map_or("all atoms".into(), |ids| counted(ids.len(), "atom"));
            match &term.form {
                Form::Plane(plane) => {
                    format!(
                        "{}: stands at {} = {:.3} Å\n",
                        term.key,
                        plane.axis.name(),
                        plane.position
                    )
                }
                Form::Piston(piston) => {
                    let (axis, place) = (piston.axis.name(), piston.position);
                    let drive = match piston.drive {
                        Drive::Speed(_) => String::new(),
                        Drive::Pressure { load, area, mass, .. } => {
                            format!(", {load:.4} eV/Å on {area:.1} Å², mass {mass:.1} g/mol")
                        }
                    };
                    format!("{}: stands at {axis} = {place:.3} Å{drive}\n", term.key)
                }
                _ => format!("{}: {atoms}\n", term.key),
            }
        };
        self.terms.iter().map(of).collect()
    }

    /// Some atom has to be free to move.
    fn leaves_some(&self, scene: Scene) -> Result<(), Wrong> {
        let mut fixed = self.terms.iter().filter(|term| term.form == Form::Fixed).peekable();
        let Some(first) = fixed.peek().map(|term| term.key.clone()) else { return Ok(()) };
        let mut ids: Vec<u64> = fixed.filter_map(|term| term.members.clone()).flatten().collect();
        ids.sort_unstable();
        ids.dedup();
        let atoms = scene.comm.sum(scene.atoms.owned as i64);
        if ids.len() as i64 >= atoms {
            return Err((
                first,
                format!("all {atoms} atoms would be held fixed: nothing is left to move"),
            ));
        }
        Ok(())
    }

    /// In the order of the input.
    pub fn terms(&self) -> &[OneBodyTerm] {
        &self.terms
    }

    /// Whether nothing acts on atoms one by one.
    pub fn is_empty(&self) -> bool {
        self.terms.is_empty()
    }

    /// The keys of terms that are for no atom.
    pub fn idle(&self) -> impl Iterator<Item = &str> {
        let idle = |term: &&OneBodyTerm| term.members.as_ref().is_some_and(Vec::is_empty);
        self.terms.iter().filter(idle).map(|term| term.key.as_str())
    }

    /// What a checkpoint has to know.
    pub fn states(&self) -> Vec<TermState> {
        let state = |term: &OneBodyTerm| TermState {
            position: match &term.form {
                Form::Plane(plane) => Some(plane.position),
                Form::Piston(piston) => Some(piston.position),
                _ => None,
            },
            motion: match &term.form {
                Form::Piston(piston) => Some([piston.velocity, piston.given]),
                _ => None,
            },
            body: match &term.form {
                Form::Piston(Piston { drive: Drive::Pressure { mass, area, .. }, .. }) => {
                    Some([*mass, *area])
                }
                _ => None,
            },
            atoms: term.members.as_deref().map(runs),
            anchors: term.anchors.clone(),
        };
        self.terms.iter().map(state).collect()
    }

    /// Finds the members among the owned atoms; to be called when these have changed. Fixed
    /// atoms come to rest.
    pub fn mark(&mut self, atoms: &mut Atoms) {
        let holds = self.terms.iter().any(|term| term.form == Form::Fixed);
        atoms.fixed.clear();
        atoms.fixed.resize(if holds { atoms.owned } else { 0 }, false);
        for term in &mut self.terms {
            let Some(members) = &term.members else { continue };
            let place =
                |i: usize| Some((i as u32, members.binary_search(&atoms.id[i]).ok()? as u32));
            term.here.clear();
            term.here.extend((0..atoms.owned).filter_map(place));
            if term.form == Form::Fixed {
                for &(i, _) in &term.here {
                    atoms.fixed[i as usize] = true;
                    atoms.velocity[i as usize] = [0.0; 3];
                }
            }
        }
    }

    /// Adds forces and energies to the owned atoms, whose other forces are complete.
    ///
    /// # Errors
    /// With the id of an atom that is where a term has no energy, or out of bounds.
    pub fn act(&mut self, atoms: &mut Atoms, cell: &Cell) -> Result<()> {
        let mut force = std::mem::take(&mut atoms.force);
        let owned = &mut force[..atoms.owned];
        let (terms, sums) = (&self.terms, &mut self.sums);
        let result = terms.iter().zip(sums).try_for_each(|(term, sum)| {
            *sum = term.act(atoms, cell, owned)?;
            Ok(())
        });
        atoms.force = force;
        result
    }

    /// What moves by itself begins a step of the atoms, half a step long, ...
    pub fn begin_step(&mut self, half: f64) {
        self.move_pistons(|piston, force| piston.begin_step(force, half));
    }

    /// ... moves on for a time, ps, ...
    pub fn drift(&mut self, duration: f64) {
        self.move_pistons(|piston, _| piston.drift(duration));
    }

    /// ... and ends the step, with the forces where all have come to.
    pub fn end_step(&mut self, half: f64) {
        self.move_pistons(|piston, force| piston.end_step(force, half));
    }

    fn move_pistons(&mut self, step: impl Fn(&mut Piston, f64)) {
        for term in &mut self.terms {
            if let Form::Piston(piston) = &mut term.form {
                let force = term.share.force[piston.axis.index()];
                step(piston, force);
            }
        }
    }

    /// To be added to the energy of the atoms for what is conserved, eV.
    pub fn balance(&self) -> f64 {
        let of = |term: &OneBodyTerm| match &term.form {
            Form::Piston(piston) => piston.balance(),
            _ => 0.0,
        };
        self.terms.iter().map(of).sum()
    }

    /// The sums of this rank, for a reduction; the same number on every rank.
    pub fn sums(&self) -> &[i128] {
        self.sums.as_flattened()
    }

    /// Takes over these sums over all ranks.
    pub fn learn(&mut self, sums: &[i128], quantum: Quantum) {
        for (term, sum) in self.terms.iter_mut().zip(sums.as_chunks::<4>().0) {
            let [x, y, z, energy] = sum.map(|quanta| quantum.value_wide(quanta));
            term.share = Share { energy, force: [x, y, z] };
        }
    }
}

impl OneBodyTerm {
    /// What it adds on this rank, in quanta: force and energy.
    fn act(&self, atoms: &Atoms, cell: &Cell, force: &mut [FixedForce]) -> Result<[i128; 4]> {
        let on = |i: usize, member: Option<u32>, force: &mut FixedForce| -> Result<[i128; 4]> {
            if atoms.has_departed(i) {
                return Ok([0; 4]);
            }
            if self.form == Form::Fixed {
                let [x, y, z, _] = std::mem::replace(force, [0, 0, 0, force[3]]);
                return Ok([x, y, z, 0].map(i128::from));
            }
            let site = Site {
                position: cell.unwrap(&atoms.position[i], &atoms.image[i]),
                species: atoms.species[i] as usize,
                anchor: member.map_or([0.0; 3], |k| {
                    self.anchors.get(k as usize).copied().unwrap_or_default()
                }),
            };
            let fail = |message: String| Error::OutOfBounds { atom: atoms.id[i], message };
            let (energy, [x, y, z]) =
                self.form.act(&site).map_err(|why| fail(format!("{}: {why}", self.key)))?;
            let bound = atoms.quantum.bound();
            let values = [x, y, z, energy];
            if !values.iter().all(|value| value.abs() < bound) {
                return Err(fail(format!(
                    "{} gives it an energy of {energy:e} eV: it is out of bounds",
                    self.key
                )));
            }
            let quanta = values.map(|value| atoms.quantum.round(value));
            (0..4).for_each(|k| force[k] += quanta[k]);
            Ok(quanta.map(i128::from))
        };
        let add = |a: [i128; 4], b: [i128; 4]| std::array::from_fn(|k| a[k] + b[k]);
        match &self.members {
            Some(_) => self.here.iter().try_fold([0; 4], |sum, &(i, k)| {
                Ok(add(sum, on(i as usize, Some(k), &mut force[i as usize])?))
            }),
            None => force
                .par_iter_mut()
                .with_min_len(LEAST_TASK)
                .enumerate()
                .map(|(i, force)| on(i, None, force))
                .try_reduce(|| [0; 4], |a, b| Ok(add(a, b))),
        }
    }
}

/// Where a plane stands whose nearest atom is at this gap (Å).
fn nearest(scene: Scene, side: Side, axis: usize, gap: Option<f64>) -> f64 {
    let along = scene.counting().map(|i| side.sign() * scene.place(i)[axis]);
    let place = side.sign() * (scene.least(along) - gap.unwrap_or(0.0));
    if place.is_finite() { place } else { 0.0 }
}

/// The atoms over all ranks that a table is for, in order of their ids, with where they stand.
fn choose(scene: Scene, wanted: &AtomsConfig) -> Vec<(u64, Vec3)> {
    let Scene { comm, atoms, species, .. } = scene;
    let axis = wanted.axis.index();
    let is_of = |i: usize| {
        let symbol = &species[atoms.species[i] as usize].symbol;
        let along = scene.place(i)[axis];
        (wanted.species.is_empty() || wanted.species.contains(symbol))
            && (wanted.particles.is_empty() || wanted.particles.contains(&atoms.particle[i]))
            && (wanted.numbers.is_empty() || wanted.numbers.contains(&atoms.id[i]))
            && wanted.below_angstrom.is_none_or(|end| along < end)
            && wanted.above_angstrom.is_none_or(|end| along > end)
    };
    let mut mine: Vec<usize> = scene.counting().filter(|&i| is_of(i)).collect();
    let along = |i: usize| scene.place(i)[axis];
    let lowest = scene.least(mine.iter().map(|&i| along(i)));
    let highest = -scene.least(mine.iter().map(|&i| -along(i)));
    mine.retain(|&i| {
        wanted.lowest_angstrom.is_none_or(|by| along(i) <= lowest + by)
            && wanted.highest_angstrom.is_none_or(|by| along(i) >= highest - by)
    });
    let records: Vec<Member> =
        mine.iter().map(|&i| Member { id: atoms.id[i], place: scene.place(i) }).collect();
    let mut all: Vec<Member> = comm.all_gather(&records).concat();
    all.sort_unstable_by_key(|member| member.id);
    all.into_iter().map(|member| (member.id, member.place)).collect()
}

#[repr(C)]
#[derive(Debug, Clone, Copy, bytemuck::Pod, bytemuck::Zeroable)]
struct Member {
    id: u64,
    place: Vec3,
}

/// First and last of each run of ids that follow one another.
fn runs(ids: &[u64]) -> Vec<[u64; 2]> {
    let chunks = ids.chunk_by(|a, b| a + 1 == *b);
    chunks.map(|run| [run[0], run[run.len() - 1]]).collect()
}

#[cfg(test)]
mod tests;
