//! `sinter-hpc audit`: a piece of a run, from one of its checkpoints to a later one, is done again,
//! and what comes of it is held against what the run has left, bit by bit.
//!
//! The trajectory is a function of the input alone, on any ranks and threads and in any form of the
//! kernels; so a difference is a fault of the hardware, of a file, or of the program. What is
//! asked stands in the later checkpoint: the input and the files of the potential. (Those that
//! atoms were read from are where the effective input beside it says.) The piece goes the way of any
//! job that goes on from a checkpoint (`start`, `simulation`), in a folder of its own.
//!
//! Invariant: nothing is written into the folder of the run, nor read of it but for its checkpoints,
//! its effective input and its frames.

use super::Ending;
use super::files::Files;
use super::folder::{INPUT, LOG, TRAJECTORY};
use super::potential::potential;
use super::simulation::Simulation;
use super::start::{From, Start};
use super::threads::Threads;
use super::warnings;
use super::watch::Watch;
use crate::atoms::Atoms;
use crate::comm::Comm;
use crate::error::{Error, Result};
use crate::input::{self, Config};
use crate::terminal::counted;
use crate::write::checkpoint::{Checkpoint, checkpoint_name, read_checkpoint, steps};
use crate::write::frames;
use crate::write::log::Log;
use crate::write::provenance::{GIT_REVISION, Provenance, StructureFile};
use std::path::{Path, PathBuf};
use std::time::SystemTime;
use tempfile::TempDir;

/// Which piece, and how.
#[derive(Debug, Clone, clap::Args)]
pub struct Arguments {
    /// Output folder of a run
    #[arg(value_name = "FOLDER")]
    pub folder: PathBuf,
    /// Steps of two checkpoints that it keeps [default: one and the next, drawn at random]
    #[arg(long, num_args = 2, value_names = ["STEP", "STEP"])]
    pub between: Vec<u64>,
    /// Where the piece has a folder of its own while it lasts, seen by all nodes if there are
    /// several [default: that of the system's temporary files]
    #[arg(long, value_name = "FOLDER")]
    pub scratch: Option<PathBuf>,
    #[command(flatten)]
    pub threads: Threads,
}

/// Runs the piece again and compares. Collective.
pub fn audit(comm: &Comm, wanted: &Arguments, log: &Log) -> Result<Ending> {
    let folder = &wanted.folder;
    let piece = comm.is_root().then(|| choose(&kept(folder)?, wanted)).transpose();
    let [first, last]: [u64; 2] = comm.broadcast(0, comm.agree(piece)?);
    let [from, to] = [first, last].map(|step| folder.join(checkpoint_name(step)));
    let [(begin, _), (end, _)] = [read(&from, comm)?, read(&to, comm)?];
    begin.goes_by_its_name(&from)?;
    end.goes_by_its_name(&to)?;
    let asked = comm.agree(one_input(&begin, &end).map_err(|why| Error::input(&to, 0, 0, why)))?;
    log.say(&format!(
        "{}: steps {first} to {last} of {} are done again",
        folder.display(),
        counted(end.atoms, "atom")
    ));
    tell_revisions([&begin, &end]);

    let scratch = Scratch::make(comm, wanted.scratch.as_deref())?;
    let mut config = input_of(asked.by, &to, &scratch, comm)?;
    let (field, _) = comm.agree(potential(&mut config))?;
    let from = From { checkpoint: &from, extend: asked.extend, new_trajectory: true };
    let start = Start::restart(&mut config, &field, comm, &from)?;
    comm.agree(input::settle(&mut config, start.layout.cell.periodic))?;
    let mut own_log = Log::silent(comm);
    let opened = own_log.open(&scratch.path.join(LOG));
    comm.agree(opened)?;
    let files = Files::open(&scratch.path, &config, comm, &start, own_log)?;
    let mut watch = comm.agree(Watch::until(last, comm))?;
    watch.start(&scratch.path, start.layout.atoms, first);
    let ending = Simulation::new(&config, comm, &field, start, (files, watch))?.run()?;

    let again = scratch.path.join(checkpoint_name(last));
    if !comm.any(comm.is_root() && again.exists()) {
        return match ending {
            Ending::Stopped => {
                warnings::tell([
                    "stopped before the end of the piece: nothing was compared, audit it again",
                ]);
                Ok(Ending::Stopped)
            }
            Ending::Done => {
                let why = "done again, the run is through before that";
                comm.agree(Err(Error::Run(format!("{}: {why}", to.display()))))
            }
        };
    }
    let [(end, left), (other, made)] =
        [read_checkpoint(&to, comm)?, read_checkpoint(&again, comm)?];
    let watched_otherwise = comm.any(end.beginnings != other.beginnings);
    let piece = Piece { begin: &begin, end: &end, again: &other, watched_otherwise };
    let atoms = OtherAtoms::count(&left, &made, comm);
    let judged = comm.is_root().then(|| piece.judge(&atoms, &config, [folder, &scratch.path]));
    log.say(&comm.agree(judged.transpose())?.unwrap_or_default());
    Ok(Ending::Done)
}

/// A checkpoint, in which a bit that has changed is a fault found, as one in what follows from it.
fn read(path: &Path, comm: &Comm) -> Result<(Checkpoint, Atoms)> {
    read_checkpoint(path, comm).map_err(|error| {
        let why = "what was written is not what is there now, and nothing can be done again from it \
                   (--between names other checkpoints)";
        Error::Run(format!("{error}: {why}"))
    })
}

/// The steps of the checkpoints in the folder of a run, the newest first.
fn kept(folder: &Path) -> Result<Vec<u64>> {
    match folder.is_dir() {
        true => steps(folder),
        false => {
            Err(Error::input(folder, 0, 0, "this is no folder: name the output folder of a run"))
        }
    }
}

/// The steps of the two checkpoints between which is the piece; `kept`: the newest first.
fn choose(kept: &[u64], wanted: &Arguments) -> Result<[u64; 2]> {
    let refused = |why: String| Err(Error::input(&wanted.folder, 0, 0, why));
    let all: Vec<String> = kept.iter().rev().map(u64::to_string).collect();
    let all = all.join(", ");
    if wanted.between.len() > 2 {
        let message = "--between is given twice: an audit is of one piece";
        return Err(Error::Usage(message.into()));
    }
    match (kept, &wanted.between[..]) {
        (_, &[first, last]) => match [first, last].iter().find(|step| !kept.contains(step)) {
            Some(step) => refused(format!(
                "there is no checkpoint of step {step}; those of steps {all} are kept"
            )),
            None if first >= last => Err(Error::Usage(format!(
                "--between {first} {last}: the first step is to be below the second"
            ))),
            None => Ok([first, last]),
        },
        ([], _) => refused("there is no checkpoint in this folder".into()),
        ([step], _) => refused(format!(
            "an audit goes from one checkpoint to another, and that of step {step} is alone: `every_steps` or \
             `every_minutes` of `[checkpoint]` writes more of them, and `keep` says how many stay"
        )),
        _ => {
            // Any will do, and nobody can know which.
            let now = SystemTime::UNIX_EPOCH.elapsed().map_or(0, |time| time.subsec_nanos());
            let pairs: Vec<&[u64]> = kept.windows(2).collect();
            let drawn = pairs[now as usize % pairs.len()];
            Ok([drawn[1], drawn[0]])
        }
    }
}

/// What leads from one checkpoint to the other.
struct Asked<'a> {
    by: &'a Provenance,
    /// By how much the last stage became longer where the piece begins, ps (`--extend`).
    extend: Option<f64>,
}

/// The one input that leads from a checkpoint to another.
///
/// # Errors
/// In words, why none does.
fn one_input<'a>(
    begin: &'a Checkpoint,
    end: &'a Checkpoint,
) -> std::result::Result<Asked<'a>, String> {
    let (then, now) = (&begin.provenance, &end.provenance);
    let name = checkpoint_name(begin.step);
    let later = now.lineage.strip_prefix(&then.lineage[..]);
    let Some(later) = later.filter(|later| later.iter().all(|job| job.step >= begin.step)) else {
        return Err(format!("this checkpoint has another past than {name}"));
    };
    let mut changed = later.iter().filter(|job| !job.changes.is_empty());
    // A job that goes on from a checkpoint between two stages with another input writes it again.
    if changed.clone().all(|job| job.step == end.step) && changed.clone().next().is_some() {
        return Ok(Asked { by: then, extend: None });
    }
    match changed.find(|job| job.step > begin.step) {
        Some(job) => Err(format!(
            "between {name} and this checkpoint the input changed, at step {} ({}): choose two between \
             which it did not (--between)",
            job.step,
            job.changes.join("; ")
        )),
        None => {
            let longer = now.extensions.len() > then.extensions.len();
            let last = now.extensions.last().filter(|_| longer);
            Ok(Asked { by: now, extend: last.map(|extension| extension.by_ps) })
        }
    }
}

/// Says which programs wrote the checkpoints, where this is another one.
fn tell_revisions(checkpoints: [&Checkpoint; 2]) {
    let mut others: Vec<&str> = checkpoints.map(|c| &*c.git_revision).to_vec();
    others.dedup();
    others.retain(|revision| *revision != GIT_REVISION);
    warnings::tell((!others.is_empty()).then(|| {
        format!(
            "the checkpoints are of revision {} of the program, and this is {GIT_REVISION}: if the piece comes \
             out otherwise, that may be the program's doing; an audit with that revision tells",
            others.join(" and ")
        )
    }));
}

/// A folder that goes when this does.
struct Scratch {
    path: PathBuf,
    /// On the first rank.
    _held: Option<TempDir>,
}

impl Scratch {
    fn make(comm: &Comm, wanted: Option<&Path>) -> Result<Scratch> {
        let home = wanted.map_or_else(std::env::temp_dir, Path::to_path_buf);
        if comm.any(comm.is_root() && !home.is_dir()) {
            let message = format!("--scratch {}: there is no such folder", home.display());
            return Err(Error::Usage(message));
        }
        let make = || tempfile::Builder::new().prefix("sinter-audit-").tempdir_in(&home);
        let held = comm.is_root().then(make).transpose();
        let held = comm.agree(held.map_err(|error| Error::file(&home, error)))?;
        let path = held.as_ref().map(|folder| folder.path().to_path_buf());
        Ok(Scratch { path: comm.broadcast(0, path), _held: held })
    }
}

/// The input of a checkpoint. The files of its potential are those that it holds, written down
/// again; those of its structure are where the effective input beside it says.
fn input_of(
    provenance: &Provenance,
    path: &Path,
    scratch: &Scratch,
    comm: &Comm,
) -> Result<Config> {
    let mut config = comm.agree(input::parse(&provenance.input, path))?;
    let potential: Vec<PathBuf> = (provenance.potential.iter().enumerate())
        .map(|(n, file)| scratch.path.join(format!("potential-{n}")).join(&file.name))
        .collect();
    let write = || {
        for (file, path) in provenance.potential.iter().zip(&potential) {
            let home = path.parent().expect("it was joined");
            let written = std::fs::create_dir(home).and_then(|()| std::fs::write(path, &file.text));
            written.map_err(|error| Error::file(path, error))?;
        }
        Ok(())
    };
    comm.agree(if comm.is_root() { write() } else { Ok(()) })?;
    let structures = comm.agree(structures(provenance, path))?;
    let (of_potential, of_structure) = config.files_mut();
    for (path, file) in of_potential.into_iter().zip(potential) {
        *path = file;
    }
    for (path, file) in of_structure.into_iter().zip(structures) {
        *path = file;
    }
    Ok(config)
}

/// Where the files are that atoms were read from.
fn structures(provenance: &Provenance, path: &Path) -> Result<Vec<PathBuf>> {
    let wanted = &provenance.structures;
    if wanted.is_empty() {
        return Ok(Vec::new());
    }
    let effective = path.with_file_name(INPUT);
    let text = std::fs::read_to_string(&effective).map_err(|e| Error::file(&effective, e))?;
    let config = input::parse_of_earlier_job(&text, &effective)?;
    let known = config.structure_files();
    let find = |file: &StructureFile| {
        let found = known.iter().find(|(key, path)| *key == file.key && path.is_file());
        let refused = |what: &str| {
            let why = format!("`{}`, from which the run read its atoms, {what}", file.name);
            Err(config.source.error(&file.key, why))
        };
        let Some((key, path)) = found else {
            return refused("is not where this input says: bring it back");
        };
        if StructureFile::of(key, path)?.sha256 != file.sha256 {
            return refused(
                "is another file by now: bring back what it was, an audit begins with the same",
            );
        }
        Ok(path.to_path_buf())
    };
    wanted.iter().map(find).collect()
}

/// Two checkpoints of a run, and what became of the first one now.
struct Piece<'a> {
    begin: &'a Checkpoint,
    end: &'a Checkpoint,
    again: &'a Checkpoint,
    /// Whether what is kept of atoms since they are watched for diffusion differs, on any rank.
    watched_otherwise: bool,
}

impl Piece<'_> {
    /// What to say where all is the same; `folders`: of the run, and of the piece done again.
    fn judge(&self, atoms: &OtherAtoms, config: &Config, folders: [&Path; 2]) -> Result<String> {
        let Piece { begin, end, .. } = self;
        let frames = self.frames(folders)?;
        let mut others: Vec<String> = atoms.told(end.atoms).into_iter().collect();
        others.extend(self.other_state(config, folders[0])?);
        let follows = others.is_empty();
        others.extend(frames.first_other.as_ref().map(|other| {
            let until = match frames.last_same {
                Some(step) => format!(", up to that of step {step} they are the same"),
                None => String::new(),
            };
            format!("the frame of step {}{until}: {}", other.step, other.what)
        }));
        let (from, to) = (checkpoint_name(begin.step), checkpoint_name(end.step));
        if others.is_empty() {
            let between = match frames.same {
                0 => String::new(),
                _ => format!(", and so have {} between them", counted(frames.same as u64, "frame")),
            };
            return Ok(format!(
                "{to} follows from {from}: done again it has the same bits{between}"
            ));
        }
        let (others, to) = (others.join("; "), folders[0].join(to));
        let found = match follows {
            false => format!(
                "{}: this does not follow from {from}: done again, it differs in {others}",
                to.display()
            ),
            true => format!(
                "{}: {} follows from {from}, but what stands here between them does not: done again, it \
                 differs in {others}",
                folders[0].join(TRAJECTORY).display(),
                checkpoint_name(end.step)
            ),
        };
        Err(Error::Run(format!(
            "{found}. Audit it once more: what is the same each time is a fault of the run, what is not is \
             one of this machine"
        )))
    }

    /// None where the run has no trajectory that can be read.
    fn frames(&self, [run, piece]: [&Path; 2]) -> Result<frames::Comparison> {
        let path = run.join(TRAJECTORY);
        if !path.exists() {
            warnings::tell([format!(
                "there is no {}: its frames are not compared",
                path.display()
            )]);
            return Ok(frames::Comparison::default());
        }
        // The last one comes with the piece that begins there: a job leaves no frame where it is stopped.
        let steps = self.begin.step..=self.end.step;
        match frames::compare(&path, &piece.join(TRAJECTORY), steps) {
            Err(error) => {
                warnings::tell([format!("{error}: its frames are not compared")]);
                Ok(frames::Comparison::default())
            }
            found => found,
        }
    }

    /// Names of what is other besides the atoms, where a restart reads it.
    fn other_state(&self, config: &Config, folder: &Path) -> Result<Vec<String>> {
        let Piece { end, again, .. } = self;
        let mut others = Vec::new();
        others.extend((end.cell != again.cell).then(|| "the box".to_string()));
        others.extend((end.time_ps != again.time_ps).then(|| "the time".to_string()));
        others.extend(self.watched_otherwise.then(|| "`beginnings`".to_string()));
        // A physical end is looked for once more before the checkpoint is written.
        let stop = &config.stop;
        let ends = stop.neck_ratio.or(stop.coalesced_within).or(stop.energy_drift_ev_per_atom);
        let was_observed = ends.is_some() && steps(folder)?.first() == Some(&end.step);
        let empty = serde_json::Map::new();
        let [one, other] = [end, again].map(|c| c.state.as_object().unwrap_or(&empty));
        for name in one.keys().chain(other.keys().filter(|name| !one.contains_key(*name))) {
            // Of the trajectory that it stands beside.
            let passed = name == "last_frame" || (name == "observers" && was_observed);
            if !passed && one.get(name) != other.get(name) {
                others.push(format!("`{name}` of the state"));
            }
        }
        Ok(others)
    }
}

/// Whether an atom of one is other than that of another.
type IsOther = fn(&Atoms, &Atoms, usize) -> bool;

const FIELDS: [(&str, IsOther); 6] = [
    ("id", |a, b, i| a.id[i] != b.id[i]),
    ("species", |a, b, i| a.species[i] != b.species[i]),
    ("particle", |a, b, i| a.particle[i] != b.particle[i]),
    ("position", |a, b, i| a.position[i].map(f64::to_bits) != b.position[i].map(f64::to_bits)),
    ("image", |a, b, i| a.image[i] != b.image[i]),
    ("velocity", |a, b, i| a.velocity[i].map(f64::to_bits) != b.velocity[i].map(f64::to_bits)),
];

/// Atoms that differ between two checkpoints, over all ranks.
#[derive(Debug, PartialEq, Eq)]
struct OtherAtoms {
    count: i64,
    first: i64,
    /// Which of `FIELDS` differ of any.
    fields: [i64; FIELDS.len()],
}

impl OtherAtoms {
    /// Of this rank's portion in each. Collective.
    fn count(one: &Atoms, other: &Atoms, comm: &Comm) -> OtherAtoms {
        let mut count = 0;
        let mut first = i64::MIN;
        let mut fields = [0; FIELDS.len()];
        for i in 0..one.owned.min(other.owned) {
            let mut differs = false;
            for (field, (_, is_other)) in fields.iter_mut().zip(&FIELDS) {
                let is_other = is_other(one, other, i);
                *field |= i64::from(is_other);
                differs |= is_other;
            }
            if differs {
                count += 1;
                // The least is the greatest of those below zero.
                first = first.max(-(one.id[i] as i64));
            }
        }
        count += one.owned.abs_diff(other.owned) as i64;
        let mut least = [first];
        comm.max_i64(&mut least);
        comm.max_i64(&mut fields);
        OtherAtoms { count: comm.sum(count), first: -least[0].max(-i64::MAX), fields }
    }

    fn told(&self, all: u64) -> Option<String> {
        let named = FIELDS.iter().zip(self.fields).filter(|(_, other)| *other == 1);
        let named: Vec<&str> = named.map(|((name, _), _)| *name).collect();
        (self.count > 0).then(|| frames::atoms_told((self.count as u64, all), self.first, &named))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::atoms::Atom;
    use crate::comm::threads;
    use bytemuck::Zeroable;

    fn wanted(between: &[u64]) -> Arguments {
        Arguments {
            folder: "out".into(),
            between: between.to_vec(),
            scratch: None,
            threads: Threads::default(),
        }
    }

    #[test]
    fn a_piece_lies_between_two_checkpoints_that_are_kept() {
        assert_eq!(choose(&[80, 40], &wanted(&[])).unwrap(), [40, 80]);
        assert_eq!(choose(&[80, 40, 10], &wanted(&[10, 80])).unwrap(), [10, 80]);
        let drawn = choose(&[80, 40, 10], &wanted(&[])).unwrap();
        assert!([[10, 40], [40, 80]].contains(&drawn));
        for (kept, between, told) in [
            (&[][..], &[][..], "there is no checkpoint"),
            (
                &[40],
                &[],
                "that of step 40 is alone: `every_steps` or `every_minutes` of `[checkpoint]`",
            ),
            (&[80, 40], &[40, 60], "no checkpoint of step 60; those of steps 40, 80 are kept"),
            (&[80, 40], &[80, 40], "the first step is to be below the second"),
        ] {
            let error = choose(kept, &wanted(between)).unwrap_err();
            assert_eq!(error.exit_code(), 2);
            assert!(error.to_string().contains(told), "{error}");
        }
    }

    #[test]
    fn atoms_that_differ_in_any_bit_are_counted() {
        let list: Vec<Atom> = (0..6).map(|id| Atom { id, ..Atom::zeroed() }).collect();
        let mut other = list.clone();
        other[2].velocity[1] = -0.0;
        other[5].position[0] = 1.0;
        let found = threads::run(2, |comm| {
            let mine = |all: &[Atom]| Atoms::from_list(&all[3 * comm.rank()..][..3]);
            assert_eq!(OtherAtoms::count(&mine(&list), &mine(&list), comm).told(6), None);
            OtherAtoms::count(&mine(&list), &mine(&other), comm).told(6)
        });
        let told = "2 of 6 atoms, atom 2 the first (position, velocity)";
        assert!(found.iter().all(|found| found.as_deref() == Some(told)), "{found:?}");
    }
}
