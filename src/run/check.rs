//! `sinter-hpc check`: says what a run of an input would be, and starts nothing.

use super::warnings;
use crate::atoms::Atoms;
use crate::build::{self, Built};
use crate::comm::Comm;
use crate::dynamics::{Protocol, View};
use crate::error::Result;
use crate::force::OneBodyTerms;
use crate::force::one_body::Scene;
use crate::input::{self, Arrangement, Config};
use crate::potential::{ForceField, Potential, one_body};
use crate::terminal::counted;
use std::io::Write;
use std::path::Path;

/// Validates an input and prints its effective settings. Bad input is an error with
/// its place; what only deserves a second look is a warning.
///
/// # Errors
/// [`Error::Input`](crate::error::Error::Input) with the place of what is wrong.
pub fn check(path: &Path) -> Result<()> {
    let mut config = warnings::read_input(path)?;
    say(&report(&mut config)?);
    Ok(())
}

/// What `check` prints: the effective input, then what comes of it as comment lines.
fn report(config: &mut Config) -> Result<String> {
    let (potential, references) = warnings::potential(config)?;
    let (structure, one_body) = structure(config, &potential)?;
    let mut report = format!(
        "# Effective input of {}\n{}",
        config.source.path.display(),
        input::effective(config)
    );
    report += &comment("Potential", &potential.conventions());
    report += &comment("Reference structures of the potential", &references);
    let terms = one_body::conventions(config) + &one_body;
    if !terms.is_empty() {
        report += &comment("One-body terms", &terms);
    }
    report += &comment("Starting structure", &structure);
    report += "\ninput is sound\n";
    Ok(report)
}

/// Builds or reads the atoms, which finds overlaps and broken files, and settles the boundaries;
/// the second text is of the one-body terms, where these act from the start.
fn structure(config: &mut Config, potential: &ForceField) -> Result<(String, String)> {
    let comm = Comm::single();
    let built = build::looked_at(config, &comm)?;
    warnings::of_structure(&built, potential, &comm);
    input::settle(config, built.layout.cell.periodic)?;
    let mut atoms = Atoms::from_list(&built.atoms);
    let one_body = match config.stages[0].particles {
        Arrangement::Together => begin_one_body(config, &built, potential, &mut atoms)?,
        Arrangement::Apart => String::new(),
    };
    can_swap(config, &built, potential, &atoms)?;
    let symbols = config.symbols();
    let cell = built.layout.cell;
    let sides: Vec<String> = (0..3)
        .map(|d| match cell.periodic[d] {
            // Six digits hide the rounding to the grid.
            true => format!("{} Å (periodic)", (cell.length[d] * 1e6).round() / 1e6),
            false => format!("{:.1} Å (free)", cell.length[d]),
        })
        .collect();
    let told = format!(
        "{}, {}\n{}box: {}\n",
        counted(built.layout.atoms, "atom"),
        counted(built.layout.particles.len(), "particle"),
        built.layout.describe(&symbols),
        sides.join(" x ")
    );
    Ok((told, one_body))
}

/// Lets the one-body terms act on the atoms: where they stand, and for how many atoms they are.
fn begin_one_body(
    config: &Config,
    built: &Built,
    potential: &ForceField,
    atoms: &mut Atoms,
) -> Result<String> {
    let (comm, species) = (Comm::single(), potential.species());
    let scene = Scene { comm: &comm, atoms, cell: &built.cell, species };
    let begun = OneBodyTerms::begin(config, scene);
    let mut begun = begun.map_err(|(key, message)| config.source.error(&key, message))?;
    begun.mark(atoms);
    warnings::of_movable(atoms, &comm);
    Ok(begun.found())
}

/// Swaps that are asked for must be possible.
fn can_swap(config: &Config, built: &Built, potential: &ForceField, atoms: &Atoms) -> Result<()> {
    if config.stages.iter().all(|stage| stage.swaps.is_none()) {
        return Ok(());
    }
    let comm = Comm::single();
    let masses: Vec<f64> = potential.species().iter().map(|species| species.mass).collect();
    let view = View { atoms, cell: &built.cell, masses: &masses, comm: &comm };
    match Protocol::new(config).idle_swaps(0, &view, potential.cutoff()) {
        Some((key, why)) => Err(config.source.error(&key, why)),
        None => Ok(()),
    }
}

/// A section of lines for people behind the `#` of TOML.
fn comment(title: &str, lines: &str) -> String {
    let lines = lines.lines().map(|line| format!("# {line}\n"));
    format!("\n# {title}\n{}", lines.collect::<String>())
}

/// To standard output; a reader that has gone away (`| head`) is no failure.
fn say(text: &str) {
    let _ = std::io::stdout().lock().write_all(text.as_bytes());
}
