//! `sinter-hpc completions` and `sinter-hpc man`: the command line (`arguments`) as shells
//! and `man` read it.

use super::arguments::Arguments;
use crate::error::{Error, Result};
use crate::input::{nearest, or};
use clap::{Command, CommandFactory};
use clap_complete::Shell;
use std::io::Write;

const PROGRAM: &str = "sinter-hpc";

/// Prints what completes commands, options and file names in a shell.
pub fn completions(shell: Shell) {
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut Arguments::command(), PROGRAM, &mut script);
    say(&script);
}

/// Prints the manual page of the program or of one of its commands.
pub fn page(command: Option<&str>) -> Result<()> {
    let mut definition = Arguments::command();
    definition.build();
    let of = match command {
        None => definition,
        Some(name) => find(&definition, name)?.clone(),
    };
    let mut page = Vec::new();
    let rendered = clap_mangen::Man::new(of).render(&mut page);
    rendered.map_err(|error| Error::Run(format!("the page cannot be made: {error}")))?;
    say(&page);
    Ok(())
}

fn find<'a>(definition: &'a Command, name: &str) -> Result<&'a Command> {
    definition.find_subcommand(name).ok_or_else(|| {
        let names = || definition.get_subcommands().map(Command::get_name);
        let hint = nearest(name, names()).map(|near| format!("; did you mean {near}?"));
        let names: Vec<String> = names().map(String::from).collect();
        let hint = hint.unwrap_or_else(|| format!(": the commands are {}", or(&names)));
        Error::Usage(format!("there is no command {name}{hint}"))
    })
}

/// To standard output; a reader that has gone away (`| head`) is no failure.
fn say(text: &[u8]) {
    let _ = std::io::stdout().lock().write_all(text);
}
