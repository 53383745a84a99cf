//! `sinter-hpc inspect`: what a checkpoint or trajectory holds, and whether it is
//! sound. An unsound or foreign file is an error that says what is wrong with it.

use super::{lock, named};
use crate::comm::Comm;
use crate::error::{Error, Result};
use crate::terminal::counted;
use crate::write::checkpoint::{Checkpoint, read_checkpoint};
use crate::write::failure::folder_of;
use crate::write::provenance::{Build, Restart};
use crate::write::seal;
use crate::write::survey::{Pressed, Span, Survey, survey};
use std::fmt::Write;
use std::path::Path;
use std::time::Duration;

/// How often a file is looked at that a run writes into, until it is found sound.
const LOOKS: usize = 10;
const BETWEEN_LOOKS: Duration = Duration::from_millis(200);

/// Prints what the file holds.
///
/// # Errors
/// As for `report`.
pub fn inspect(path: &Path) -> Result<()> {
    print!("{}", report(path)?);
    Ok(())
}

/// What `inspect` prints. A file that a run writes into is between two states now and then.
///
/// # Errors
/// Where the file cannot be read, is foreign or unsound: what is wrong with it.
pub fn report(path: &Path) -> Result<String> {
    named::to_read(path)?;
    let holder = || lock::holder(folder_of(path));
    for _ in 0..LOOKS {
        match report_now(path) {
            Err(_) if holder().is_some() => std::thread::sleep(BETWEEN_LOOKS),
            told => return told,
        }
    }
    report_now(path).map_err(|error| match holder() {
        Some(who) => Error::Run(format!(
            "{error}; a run writes into this folder just now ({who}): look again later"
        )),
        None => error,
    })
}

fn report_now(path: &Path) -> Result<String> {
    let size = std::fs::metadata(path).map_err(|source| Error::file(path, source))?.len();
    let told = if seal::is_sealed(path) {
        let (checkpoint, atoms) = read_checkpoint(path, &Comm::single())?;
        of_checkpoint(&checkpoint, &atoms.species)
    } else {
        of_trajectory(&survey(path)?)
    };
    Ok(format!("{} ({})\n{told}\n", path.display(), bytes(size)))
}

/// Lines of a name and a value, aligned.
#[derive(Default)]
struct Table(String);

impl Table {
    fn line(&mut self, name: &str, value: impl std::fmt::Display) {
        writeln!(self.0, "  {name:<12}{value}").expect("a string takes text");
    }

    /// Nothing, where the input has no title.
    fn title(&mut self, title: &str) {
        if !title.is_empty() {
            self.line("title", title);
        }
    }

    /// How the program was built, and in which form it ran; nothing where the file is older.
    fn build(&mut self, build: &Build, form: &str) {
        if !build.compiler.is_empty() {
            self.line("built with", build);
        }
        if !form.is_empty() {
            self.line("kernels", form);
        }
    }
}

fn of_checkpoint(checkpoint: &Checkpoint, species: &[u8]) -> String {
    let mut table = Table::default();
    let origin = &checkpoint.provenance;
    table.line("holds", "a checkpoint");
    table.title(&origin.title);
    table.line("state", at((checkpoint.step as i64, checkpoint.time_ps)));
    table.line("stages", format!("{} finished", checkpoint.stage));
    let counts: Vec<(String, u64)> = (0u8..)
        .zip(&origin.species)
        .map(|(index, kind)| {
            let count = species.iter().filter(|&&s| s == index).count();
            (kind.symbol.clone(), count as u64)
        })
        .collect();
    table.line("atoms", composition(checkpoint.atoms, &counts));
    table.line("box", boxed(checkpoint.cell.length, checkpoint.cell.periodic));
    table.line("seed", origin.seed);
    for file in &origin.potential {
        table.line("potential", format!("{} (SHA-256 {})", file.name, file.sha256()));
    }
    restarts(&mut table, &origin.lineage);
    table.line("written by", program(&checkpoint.program_version, &checkpoint.git_revision));
    table.build(&checkpoint.build, &checkpoint.instruction_set);
    table.0 + "  sound: its length, the checksum of the file and those of all arrays agree"
}

fn of_trajectory(survey: &Survey) -> String {
    let mut table = Table::default();
    table.line("holds", "a trajectory (H5MD 1.1, AMBER netCDF-4)");
    table.title(&survey.title);
    table.line("frames", span(&survey.frames));
    table.line("", survey.content.join(", "));
    let counts = |frame: usize| -> Vec<(String, u64)> {
        survey.composition.iter().map(|(symbol, counts)| (symbol.clone(), counts[frame])).collect()
    };
    let [first, last] = [counts(0), counts(1)];
    match first == last {
        true => table.line("atoms", composition(survey.atoms, &first)),
        false => {
            table.line("atoms", composition(survey.atoms, &first) + " in the first frame");
            table.line("", composition(survey.atoms, &last) + " in the last");
        }
    }
    let [first, last] = survey.edges.map(|edges| boxed(edges, survey.periodic));
    match first == last {
        true => table.line("box", last),
        false => {
            table.line("box", first + " in the first frame");
            table.line("", last + " in the last");
        }
    }
    if let Some(Pressed { at: place, pressure, target, volume }) = survey.pressed {
        let each = volume / survey.atoms as f64;
        let told = format!("{pressure:.3} GPa at {}, {target:.3} GPa asked for", at(place));
        table.line("pressure", format!("{told}; {each:.3} Å³ per atom"));
    }
    for (name, extent) in &survey.series {
        table.line("series", format!("{name}: {}", span(extent)));
    }
    table.line("seed", survey.seed);
    for (name, sum) in &survey.potential {
        table.line("potential", format!("{name} (SHA-256 {sum})"));
    }
    restarts(&mut table, &survey.restarts);
    table.line("written by", program(&survey.program_version, &survey.git_revision));
    table.build(&survey.build, &survey.instruction_set);
    table.line("with", format!("{}, HDF5 {}", survey.mpi, survey.hdf5));
    table.line("on", running_on(survey.ranks as usize, survey.threads as usize));
    table.0 + "  sound: steps rise, ids are complete, all numbers are finite in every frame"
}

fn restarts(table: &mut Table, lineage: &[Restart]) {
    for Restart { step, checkpoint, changes } in lineage {
        table.line("went on", format!("at step {step} from {checkpoint}"));
        changes.iter().for_each(|change| table.line("", format!("with {change}")));
    }
}

fn program(version: &str, revision: &str) -> String {
    format!("sinter-hpc {version}, revision {revision}")
}

fn running_on(ranks: usize, threads: usize) -> String {
    let each = if ranks == 1 { "" } else { " each" };
    format!("{}, {}{each}", counted(ranks, "rank"), counted(threads, "thread"))
}

fn composition(atoms: u64, counts: &[(String, u64)]) -> String {
    let counts: Vec<String> =
        counts.iter().map(|(symbol, count)| format!("{count} {symbol}")).collect();
    format!("{atoms}: {}", counts.join(", "))
}

fn boxed(length: [f64; 3], periodic: [bool; 3]) -> String {
    let direction = |d: usize| match periodic[d] {
        true => format!("{} periodic, {:.3} Å", ["x", "y", "z"][d], length[d]),
        false => format!("{} free", ["x", "y", "z"][d]),
    };
    [0, 1, 2].map(direction).join("; ")
}

fn span(span: &Span) -> String {
    match (span.rows, span.first, span.last) {
        (1, Some(only), _) => format!("1, {}", at(only)),
        (rows, Some(first), Some(last)) => format!("{rows}, {} to {}", at(first), at(last)),
        _ => "none".into(),
    }
}

fn at((step, time_ps): (i64, f64)) -> String {
    format!("step {step} ({time_ps:.3} ps)")
}

fn bytes(size: u64) -> String {
    match size {
        0..1_000_000 => format!("{:.1} kB", size as f64 / 1e3),
        1_000_000..1_000_000_000 => format!("{:.1} MB", size as f64 / 1e6),
        _ => format!("{:.1} GB", size as f64 / 1e9),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranks_and_threads_are_counted_in_words() {
        assert_eq!(running_on(1, 1), "1 rank, 1 thread");
        assert_eq!(running_on(1, 4), "1 rank, 4 threads");
        assert_eq!(running_on(16, 1), "16 ranks, 1 thread each");
    }
}
