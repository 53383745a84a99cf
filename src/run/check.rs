//! `sinter-hpc check`: says what a run of an input would be, and starts nothing.

use crate::error::Result;
use crate::input::{self, Config};
use std::io::Write;
use std::path::Path;

/// Validates an input and prints its effective settings. Bad input is an error with
/// its place; what only deserves a second look is told on the error stream.
pub fn check(path: &Path) -> Result<()> {
    let config = input::read(path)?;
    for warning in input::warnings(&config) {
        eprintln!("{warning}");
    }
    say(&report(&config)?);
    Ok(())
}

/// What `check` prints: sections under comment lines, the effective input first.
fn report(config: &Config) -> Result<String> {
    let mut report = format!(
        "# Effective input of {}\n{}",
        config.source.path.display(),
        input::effective(config)
    );
    report += "\ninput is sound\n";
    Ok(report)
}

/// To standard output; a reader that has gone away (`| head`) is no failure.
fn say(text: &str) {
    let _ = std::io::stdout().lock().write_all(text.as_bytes());
}
