//! Where a run starts: from the structure that the input describes, or from a
//! checkpoint.

use std::path::{Path, PathBuf};

use super::potential::complete;
use super::state::State;
use super::warnings;
use crate::atoms::{Atom, Atoms, Species};
use crate::build::{self, Layout};
use crate::comm::Comm;
use crate::dynamics::{IntegratorState, Outcome, Progress, Protocol};
use crate::error::{Error, Result};
use crate::geometry::{Cell, on_grid};
use crate::input::config::Boundary;
use crate::input::extension::{self, Extension};
use crate::input::past::{Asked, Changes, Difference, File, Minimised, Standing};
use crate::input::{
    self, Change, Config, Group, StageConfig, SwapEnsemble, SwapRegion, SwapsConfig,
};
use crate::observe::Observers;
use crate::potential::Potential;
use crate::potential::{ForceField, read_text};
use crate::write::checkpoint::{Checkpoint, read_checkpoint};
use crate::write::provenance::{PotentialFile, Provenance, Restart, StructureFile};

/// The first state of a run, or of the rest of one.
pub struct Start {
    pub layout: Layout,
    pub cell: Cell,
    /// This rank's share, wherever in space.
    pub atoms: Vec<Atom>,
    pub state: State,
    pub provenance: Provenance,
    /// Checkpoint and its step, where the run goes on from one.
    pub resumed: Option<(PathBuf, u64)>,
    /// What is other than in the run so far (`may_change`).
    pub changed: Vec<Change>,
}

impl Start {
    /// What the input describes. Collective.
    pub fn build(
        config: &mut Config,
        potential: &ForceField,
        comm: &Comm,
        extend: Option<f64>,
    ) -> Result<Start> {
        let wish = extend.map(|by_ps| extension::of_last_stage(config, by_ps)).transpose();
        let extensions: Vec<Extension> = comm.agree(wish)?.into_iter().collect();
        extension::apply(config, &extensions);
        let provenance =
            Provenance { extensions, ..provenance(config, potential.species(), comm)? };
        let built = comm.agree(build::structure(config, comm))?;
        warnings::of_structure(&built, potential, comm);
        Ok(Start {
            state: State {
                progress: Progress::default(),
                integrator: None,
                observers: Observers::new(potential.cutoff(), built.layout.cell.periodic)
                    .beside(built.layout.filling)
                    .of_particles(built.layout.measures_particles()),
                stage_energy: None,
                last_frame: None,
                shortfalls: Vec::new(),
                departures: Vec::new(),
                one_body: None,
            },
            provenance,
            layout: built.layout,
            cell: built.cell,
            atoms: built.atoms,
            resumed: None,
            changed: Vec::new(),
        })
    }

    /// What a checkpoint holds, if it belongs to the past of this input; what was extended
    /// by earlier jobs, or is by this one, is longer in `config` afterwards. Collective.
    pub fn restart(
        config: &mut Config,
        potential: &ForceField,
        comm: &Comm,
        from: &From,
    ) -> Result<Start> {
        let path = from.checkpoint;
        let (checkpoint, atoms) = read_checkpoint(path, comm)?;
        checkpoint.goes_by_its_name(path)?;
        let state = serde_json::from_value(checkpoint.state.clone()).map_err(|error| {
            Error::Run(format!("{}: its state cannot be read: {error}", path.display()))
        });
        let mut state: State = comm.agree(state)?;
        state.observers.take_back(comm, &checkpoint.beginnings);
        let mut provenance = provenance(config, potential.species(), comm)?;
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        let past = Past { name: &name, checkpoint: &checkpoint, state: &state, from, potential };
        let extensions = comm.agree(past.extensions(config))?;
        extension::apply(config, &extensions);
        provenance.extensions = extensions;
        let changes = comm.agree(past.changes(config, &provenance))?;
        let mut progress = state.progress;
        if let Some(steps) = changes.longer {
            // Back into the stage that had ended at its old length.
            progress.stage -= 1;
            progress.step_in_stage = steps;
        }
        let layout = build::layout(config, comm)?;
        let checked = past.check(config, (&layout, &atoms, comm), &progress);
        comm.agree(checked.map_err(|message| Error::input(path, 0, 0, message)))?;
        state.progress = progress;
        if changes.longer.is_some() {
            if let Some(IntegratorState::Minimisation(fire)) = &mut state.integrator {
                fire.go_on();
            }
            // What it has not reached was said of its old length.
            let stage = format!("stage {} ", progress.stage + 1);
            state.shortfalls.retain(|told| !told.starts_with(&stage));
        }

        provenance.lineage = checkpoint.provenance.lineage.clone();
        provenance.lineage.push(Restart {
            step: checkpoint.step,
            checkpoint: name,
            changes: changes.noted.iter().map(Difference::to_string).collect(),
        });
        let mut list: Vec<Atom> = (0..atoms.owned).map(|i| atoms.record(i)).collect();
        let mut cell = checkpoint.cell;
        let changed = |change| changes.system.contains(&change);
        if changed(Change::Box) && changes.together {
            list.iter_mut().for_each(|atom| unwrap(atom, &cell));
            cell = layout.cell;
        }
        if changed(Change::Box) || changed(Change::Potential) {
            // What was remembered of another system means nothing in this one.
            state.observers = Observers::new(potential.cutoff(), layout.cell.periodic)
                .beside(layout.filling)
                .of_particles(layout.measures_particles());
            state.stage_energy = None;
        }
        Ok(Start {
            layout,
            cell,
            atoms: list,
            state,
            provenance,
            resumed: Some((path.to_path_buf(), checkpoint.step)),
            changed: changes.system,
        })
    }
}

/// Where a run goes on, and how.
pub struct From<'a> {
    pub checkpoint: &'a Path,
    /// By how much the last stage is to be longer than before, ps (`--extend`).
    pub extend: Option<f64>,
    /// Whether the output folder has no trajectory yet.
    pub new_trajectory: bool,
}

/// What a checkpoint tells of the run so far.
struct Past<'a> {
    name: &'a str,
    checkpoint: &'a Checkpoint,
    state: &'a State,
    from: &'a From<'a>,
    potential: &'a ForceField,
}

impl Past<'_> {
    /// The input that wrote the checkpoint, as it stood in its file, with what it leaves to the
    /// potential; none where it is of a program whose inputs this one does not read.
    fn input(&self, now: &Config) -> Option<Config> {
        let text = &self.checkpoint.provenance.input;
        let mut then = input::parse_of_earlier_job(text, &now.source.path).ok()?;
        complete(&mut then, self.potential).ok()?;
        Some(then)
    }

    /// By how much stages are longer than their input says: what earlier jobs were asked,
    /// and this one. The same wish again, in a job that goes on with it, is one wish.
    fn extensions(&self, now: &Config) -> Result<Vec<Extension>> {
        let earlier = &self.checkpoint.provenance.extensions;
        let Some(mut then) = self.input(now) else {
            let wish = self.from.extend.map(|by_ps| extension::of_last_stage(now, by_ps));
            return Ok(wish.transpose()?.into_iter().collect());
        };
        let mut extensions = extension::carried_on(earlier, &then, now);
        if let Some(by_ps) = self.from.extend {
            extension::apply(&mut then, earlier);
            let mut longer = now.clone();
            extension::apply(&mut longer, &extensions);
            let wish = extension::of_last_stage(&longer, by_ps)?;
            let finished = self.state.progress.stage >= then.stages.len();
            if finished || extensions.last() != Some(&wish) {
                self.may_stretch(now, wish.stage)?;
                extensions.push(wish);
            }
        }
        Ok(extensions)
    }

    /// A ramp that has begun cannot become longer: it would have led elsewhere so far.
    fn may_stretch(&self, now: &Config, stage: usize) -> Result<()> {
        let Progress { stage: here, step_in_stage, .. } = self.state.progress;
        let has_begun = here > stage || here == stage && step_in_stage > 0;
        match now.stages[stage].ramps() {
            Some(ramps) if has_begun => Err(Error::Usage(format!(
                "--extend: longer, the ramp of stage[{stage}] would have had other {ramps} so far, and \
                 {} is of step {}: add a stage instead, which holds or goes on with the ramp",
                self.name, self.checkpoint.step
            ))),
            _ => Ok(()),
        }
    }

    /// What the input asks that is different, if it may.
    fn changes(&self, config: &Config, now: &Provenance) -> Result<Changes> {
        let then = &self.checkpoint.provenance;
        let Some(mut input) = self.input(config) else {
            log::warn!(
                "{}: its input is not one that this program reads: only the potential, the seed \
                 and the atoms are compared",
                self.name
            );
            return self.without_input(config, now);
        };
        extension::apply(&mut input, &then.extensions);
        let mut config = config.clone();
        write_down_boundaries(&mut input, &mut config)?;
        let config = &config;
        let Progress { stage, step_in_stage, .. } = self.state.progress;
        let standing = Standing {
            checkpoint: self.name.to_string(),
            step: self.checkpoint.step,
            stage,
            steps: step_in_stage,
            minimised: match &self.state.integrator {
                Some(IntegratorState::Minimisation(fire)) => {
                    let told = fire.told(0.0);
                    let converged = told.outcome == Some(Outcome::Converged);
                    Some(Minimised { steps: told.steps, can_go_on: fire.can_go_on(), converged })
                }
                _ => None,
            },
            new_trajectory: self.from.new_trajectory,
        };
        let then = Asked { config: &input, files: files(&input, then) };
        let now = Asked { config, files: files(config, now) };
        input::compare(&then, &now, &standing)
    }

    /// The same by what the checkpoint says besides its input.
    fn without_input(&self, config: &Config, now: &Provenance) -> Result<Changes> {
        let then = &self.checkpoint.provenance;
        let sums = |p: &Provenance| p.potential.iter().map(|f| f.sha256()).collect::<Vec<_>>();
        let differs = [
            (Change::Potential, "potential", sums(then) != sums(now)),
            (Change::Seed, "seed", then.seed != now.seed),
        ];
        let protocol = Protocol::new(config);
        let mut changes =
            Changes { together: !protocol.is_apart(&self.state.progress), ..Changes::default() };
        for (change, key, _) in differs.into_iter().filter(|(.., differs)| *differs) {
            if !config.checkpoint.may_change.contains(&change) {
                let message = format!("{} was written with another {key}", self.name);
                return Err(config.source.error(key, message));
            }
            changes.system.push(change);
        }
        Ok(changes)
    }

    /// Whether atoms, time and thermostat of the checkpoint are those of the input: what
    /// holds whatever the inputs say.
    fn check(
        &self,
        config: &Config,
        (layout, atoms, comm): (&Layout, &Atoms, &Comm),
        progress: &Progress,
    ) -> Result<(), String> {
        let now = config.symbols();
        let then: Vec<&str> =
            self.checkpoint.provenance.species.iter().map(|s| s.symbol.as_str()).collect();
        if then != now {
            let (then, now) = (then.join(", "), now.join(", "));
            return Err(format!(
                "this checkpoint was written with the elements {then}, and the input says {now}"
            ));
        }
        // By particle and species.
        let mut counts = vec![0i64; layout.particles.len().max(1) * now.len()];
        let mut strange = false;
        for i in 0..atoms.owned {
            let place = atoms.particle[i] as usize * now.len() + atoms.species[i] as usize;
            match counts.get_mut(place) {
                Some(count) => *count += 1,
                None => strange = true,
            }
        }
        comm.sum_i64(&mut counts);
        let wanted = layout.particles.iter().flat_map(|p| p.species.iter().map(|&n| n as i64));
        let kept = |counts: Vec<i64>| kept_by_swaps(config, progress.stage, &counts);
        if comm.any(strange)
            || kept(wanted.collect()) != kept(counts)
            || layout.atoms != self.checkpoint.atoms
        {
            return Err(format!(
                "this checkpoint holds {} atoms, and the input describes {}, or other particles \
                 or another composition",
                self.checkpoint.atoms, layout.atoms
            ));
        }
        let protocol = Protocol::new(config);
        if progress.stage > protocol.stages.len() {
            return Err(format!(
                "this checkpoint stands after stage {}, and the protocol of the input has {}",
                progress.stage,
                protocol.stages.len()
            ));
        }
        if protocol.time(progress) != self.checkpoint.time_ps {
            let timestep = self.checkpoint.time_ps * 1000.0 / progress.moving_steps as f64;
            return Err(format!(
                "this checkpoint was written with a time step of {timestep} fs, and the input says {}",
                config.dynamics.timestep_fs
            ));
        }
        let under_way = protocol.stage(progress).filter(|_| progress.step_in_stage > 0);
        if let (Some(stage), Some(integrator)) = (under_way, &self.state.integrator) {
            let groups = match stage.group() {
                Group::System => 1,
                Group::Particle => layout.particles.len(),
            };
            if !integrator.fits(stage, groups) {
                return Err(format!(
                    "this checkpoint stands in the middle of stage {}, of another kind or with \
                     another thermostat than the input has it",
                    progress.stage + 1
                ));
            }
        }
        Ok(())
    }
}

/// Of the numbers of atoms by particle and species those sums that the stages up to this one keep,
/// in which swaps may have changed the elements of atoms.
fn kept_by_swaps(config: &Config, stage: usize, counts: &[i64]) -> Vec<i64> {
    let kinds = config.symbols().len();
    let stages = config.stages.iter().take(stage + 1);
    let swaps = || stages.clone().filter_map(|stage| Some((stage, stage.swaps.as_ref()?)));
    let is_within = |(stage, swaps): (&StageConfig, &SwapsConfig)| {
        swaps.region(stage) == SwapRegion::WithinParticles
    };
    let is_canonical =
        |(_, swaps): (&StageConfig, &SwapsConfig)| swaps.ensemble == SwapEnsemble::Canonical;
    if swaps().all(is_canonical) && swaps().all(is_within) {
        return counts.to_vec();
    }
    let mut sums: Vec<i64> = counts.chunks(kinds).map(|of| of.iter().sum()).collect();
    if swaps().all(is_canonical) {
        sums.extend((0..kinds).map(|s| counts.iter().skip(s).step_by(kinds).sum::<i64>()));
    }
    sums
}

/// Where one of two inputs leaves the boundaries or the box to the file of its `[structure]`, and
/// the other says what the file says, both do.
fn write_down_boundaries(then: &mut Config, now: &mut Config) -> Result<()> {
    let same = then.cell.boundary.is_some() == now.cell.boundary.is_some()
        && then.cell.lengths_angstrom.is_some() == now.cell.lengths_angstrom.is_some();
    if same || then.structure.is_none() {
        return Ok(());
    }
    let Some(own) = build::box_of_file(now)? else { return Ok(()) };
    for cell in [&mut then.cell, &mut now.cell] {
        let of_file = own.periodic.map(|p| if p { Boundary::Periodic } else { Boundary::Free });
        let boundary = *cell.boundary.get_or_insert(of_file);
        let is_own = |d: usize, length: f64| {
            boundary[d] == Boundary::Free || (own.periodic[d] && on_grid(length) == own.length[d])
        };
        if cell.lengths_angstrom.is_some_and(|all| (0..3).all(|d| is_own(d, all[d]))) {
            cell.lengths_angstrom = None;
        }
    }
    Ok(())
}

/// The files that an input names, by their keys. What a structure file held is not known
/// of checkpoints before its checksum was written down; then its atoms are compared.
fn files(config: &Config, provenance: &Provenance) -> Vec<(String, Option<File>)> {
    let potential = config.potential_files().into_iter().zip(&provenance.potential);
    let potential = potential.map(|((key, _), file)| {
        let PotentialFile { name, text } = file;
        let text = Some(text.clone());
        (key, Some(File { name: name.clone(), sum: file.sha256(), text }))
    });
    let structures = config.structure_files().into_iter().map(|(key, _)| {
        let file = provenance.structures.iter().find(|file| file.key == key);
        let file = file.map(|f| File { name: f.name.clone(), sum: f.sha256.clone(), text: None });
        (key, file)
    });
    potential.chain(structures).collect()
}

/// Makes the place of an atom its position, whatever box comes next.
fn unwrap(atom: &mut Atom, cell: &Cell) {
    let [x, y, z] = atom.position;
    atom.position = cell.unwrap(&[x, y, z, 0.0], &atom.image);
    atom.image = [0; 3];
}

/// What the run was asked. Each rank reads the potential for itself.
fn provenance(config: &Config, species: &[Species], comm: &Comm) -> Result<Provenance> {
    let file = |(_, path): (String, &Path)| -> Result<PotentialFile> {
        Ok(PotentialFile {
            name: path.file_name().unwrap_or_default().to_string_lossy().into_owned(),
            text: read_text(path).map_err(|source| Error::file(path, source))?,
        })
    };
    let potential =
        comm.agree(config.potential_files().into_iter().map(file).collect::<Result<_>>())?;
    let mut structures = Vec::new();
    for (key, path) in config.structure_files() {
        let file = comm.is_root().then(|| StructureFile::of(&key, path)).transpose();
        structures.push(comm.broadcast(0, comm.agree(file)?));
    }
    Ok(Provenance {
        title: config.title.clone(),
        author: std::env::var("USER").unwrap_or_default(),
        input: config.source.text.clone(),
        potential,
        structures,
        species: species.to_vec(),
        seed: config.seed,
        extensions: Vec::new(),
        lineage: Vec::new(),
    })
}
