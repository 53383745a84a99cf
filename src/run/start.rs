//! Where a run starts: from the structure that the input describes, or from a
//! checkpoint.

use std::path::{Path, PathBuf};

use super::simulation::State;
use super::warnings;
use crate::atoms::{Atom, Species};
use crate::build::{self, Layout};
use crate::comm::Comm;
use crate::dynamics::{Plan, Progress};
use crate::error::{Error, Result};
use crate::geometry::Cell;
use crate::input::{Change, Config, Group};
use crate::observe::Observers;
use crate::potential::Potential;
use crate::potential::meam::{Meam, read_text};
use crate::write::checkpoint::{Checkpoint, read_checkpoint};
use crate::write::provenance::{PotentialFile, Provenance, Restart};

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
    /// Whether it goes on as another system (`may_change`).
    pub changed: bool,
}

impl Start {
    /// What the input describes. Collective.
    pub fn build(config: &Config, potential: &Meam, comm: &Comm) -> Result<Start> {
        let built = comm.agree(build::structure(config, comm))?;
        warnings::tell(&built.warnings);
        Ok(Start {
            state: State {
                progress: Progress::default(),
                integrator: None,
                observers: Observers::new(potential.cutoff(), built.layout.cell.periodic)
                    .beside(built.layout.filling),
                stage_energy: None,
                last_frame: None,
                unconverged: Vec::new(),
            },
            provenance: provenance(config, potential.species())?,
            layout: built.layout,
            cell: built.cell,
            atoms: built.atoms,
            resumed: None,
            changed: false,
        })
    }

    /// What a checkpoint holds, if it belongs to this input. Collective.
    pub fn restart(config: &Config, potential: &Meam, comm: &Comm, path: &Path) -> Result<Start> {
        let (checkpoint, atoms) = read_checkpoint(path, comm)?;
        let mut provenance = provenance(config, potential.species())?;
        let layout = comm.agree(build::layout(config))?;
        let refused = |message: String| Error::input(path, 0, 0, message);
        let differences =
            comm.agree(differences(&checkpoint, &provenance, &layout).map_err(refused))?;
        for Difference { change, what, then, now } in &differences {
            if !config.checkpoint.may_change.contains(change) {
                let name = serde_json::to_string(change).expect("a name");
                return comm.agree(Err(refused(format!(
                    "this checkpoint was written with {what} {then}, and the input says {now}; go \
                     on with the input of that run, or let it change: `[checkpoint] may_change = \
                     [{name}]`"
                ))));
            }
        }
        provenance.lineage = checkpoint.provenance.lineage.clone();
        provenance.lineage.push(Restart {
            step: checkpoint.step,
            checkpoint: path.file_name().unwrap_or_default().to_string_lossy().into_owned(),
        });
        let state = serde_json::from_value(checkpoint.state).map_err(|error| {
            Error::Run(format!("{}: its state cannot be read: {error}", path.display()))
        });
        let mut state: State = comm.agree(state)?;
        let checked = check_protocol(config, &layout, &state, checkpoint.time_ps);
        comm.agree(checked.map_err(refused))?;
        let mut list: Vec<Atom> = (0..atoms.owned).map(|i| atoms.record(i)).collect();
        let mut cell = checkpoint.cell;
        let changed = |change| differences.iter().any(|d| d.change == change);
        if changed(Change::Box) {
            list.iter_mut().for_each(|atom| unwrap(atom, &cell));
            cell = layout.cell;
        }
        if changed(Change::Box) || changed(Change::Potential) {
            // What was remembered of another system means nothing in this one.
            state.observers =
                Observers::new(potential.cutoff(), cell.periodic).beside(layout.filling);
            state.stage_energy = None;
        }
        Ok(Start {
            layout,
            cell,
            atoms: list,
            state,
            provenance,
            resumed: Some((path.to_path_buf(), checkpoint.step)),
            changed: !differences.is_empty(),
        })
    }
}

/// Something that makes another system of the same atoms.
struct Difference {
    change: Change,
    what: &'static str,
    then: String,
    now: String,
}

/// What differs between a checkpoint and the input. Other elements or another number of
/// atoms are no system to go on with: an error.
fn differences(
    checkpoint: &Checkpoint,
    now: &Provenance,
    layout: &Layout,
) -> Result<Vec<Difference>, String> {
    let then = &checkpoint.provenance;
    // An element is its symbol: masses are the potential's, numbers may be filler of its library.
    let list = |species: &[Species]| {
        let symbols: Vec<&str> = species.iter().map(|s| s.symbol.as_str()).collect();
        symbols.join(", ")
    };
    if list(&then.species) != list(&now.species) {
        return Err(format!(
            "this checkpoint was written with the elements {}, and the input says {}",
            list(&then.species),
            list(&now.species)
        ));
    }
    if layout.atoms != checkpoint.atoms {
        return Err(format!(
            "this checkpoint holds {} atoms, and the input describes {}",
            checkpoint.atoms, layout.atoms
        ));
    }
    let mut found = Vec::new();
    let mut note = |change, what, then: String, now: String| {
        if then != now {
            found.push(Difference { change, what, then, now });
        }
    };
    note(Change::Seed, "seed", then.seed.to_string(), now.seed.to_string());
    let boundary = |periodic: [bool; 3]| {
        let names = periodic.map(|p| if p { "periodic" } else { "free" });
        names.join(", ")
    };
    let (before, after) = (checkpoint.cell.periodic, layout.cell.periodic);
    note(Change::Box, "the boundaries", boundary(before), boundary(after));
    let files = |origin: &Provenance| {
        let one = |file: &PotentialFile| format!("{} ({:.12})", file.name, file.sha256());
        origin.potential.iter().map(one).collect::<Vec<_>>()
    };
    // A file is the same under any name.
    let sums = |p: &Provenance| p.potential.iter().map(|f| f.sha256()).collect::<Vec<_>>();
    if sums(then) != sums(now) {
        let (then, now) = (files(then).join(", "), files(now).join(", "));
        note(Change::Potential, "the potential", then, now);
    }
    Ok(found)
}

/// Whether the protocol of the input can be gone on with from this place.
fn check_protocol(
    config: &Config,
    layout: &Layout,
    state: &State,
    time_ps: f64,
) -> Result<(), String> {
    let plan = Plan::new(config);
    let progress = &state.progress;
    if progress.stage > plan.stages.len() {
        return Err(format!(
            "this checkpoint stands after stage {}, and the protocol of the input has {}",
            progress.stage,
            plan.stages.len()
        ));
    }
    if plan.time(progress) != time_ps {
        let timestep = time_ps * 1000.0 / progress.moving_steps as f64;
        return Err(format!(
            "this checkpoint was written with a time step of {timestep} fs, and the input says {}",
            config.dynamics.timestep_fs
        ));
    }
    let under_way = plan.stage(progress).filter(|_| progress.step_in_stage > 0);
    if let (Some(stage), Some(integrator)) = (under_way, &state.integrator) {
        let groups = match stage.group() {
            Group::System => 1,
            Group::Particle => layout.particles.len(),
        };
        if !integrator.fits(stage, groups) {
            return Err(format!(
                "this checkpoint stands in the middle of stage {}, of another kind or with \
                 another thermostat than the input has it; go on from a checkpoint at the end \
                 of a stage",
                progress.stage + 1
            ));
        }
    }
    Ok(())
}

/// Makes the place of an atom its position, whatever box comes next.
fn unwrap(atom: &mut Atom, cell: &Cell) {
    let [x, y, z] = atom.position;
    atom.position = cell.unwrap(&[x, y, z, 0.0], &atom.image);
    atom.image = [0; 3];
}

/// What the run was asked. Each rank reads the files for itself.
fn provenance(config: &Config, species: &[Species]) -> Result<Provenance> {
    let paths = std::iter::once(&config.potential.library).chain(&config.potential.parameters);
    let file = |path: &PathBuf| -> Result<PotentialFile> {
        Ok(PotentialFile {
            name: path.file_name().unwrap_or_default().to_string_lossy().into_owned(),
            text: read_text(path).map_err(|source| Error::file(path, source))?,
        })
    };
    Ok(Provenance {
        title: config.title.clone(),
        author: std::env::var("USER").unwrap_or_default(),
        input: config.source.text.clone(),
        potential: paths.map(file).collect::<Result<_>>()?,
        species: species.to_vec(),
        seed: config.seed,
        lineage: Vec::new(),
    })
}
