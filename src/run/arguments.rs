//! The command line. Its words are a contract with users (README.md).
//!
//! An input file is the only argument without a name at the top, so whatever word stands
//! there could be one. A word that is no file, and could be none by its look, is taken
//! for a command that was misspelt.

use super::threads::Threads;
use super::{audit, evaluate, serve};
use crate::input::{extension, nearest};
use clap::error::{ContextKind, ContextValue, ErrorKind};
use clap::{Args, Command as Definition, CommandFactory, FromArgMatches, Parser, Subcommand};
use std::ffi::OsString;
use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};

/// Molecular dynamics of metallic nanoparticles that neck, sinter and coalesce.
///
/// With an input file: the run that it describes, on one process or, under mpirun, on
/// many. Its results go into one folder: trajectory, checkpoints, log and the input with
/// all defaults. With a command: that command.
#[derive(Debug, Parser)]
#[command(
    name = "sinter-hpc",
    version = VERSION,
    long_version = WHOLE_VERSION,
    args_conflicts_with_subcommands = true,
    subcommand_negates_reqs = true,
    max_term_width = 100,
    after_help = AFTER_HELP
)]
pub struct Arguments {
    #[command(subcommand)]
    pub command: Option<Command>,
    #[command(flatten)]
    pub run: Option<Run>,
}

const VERSION: &str = concat!(env!("CARGO_PKG_VERSION"), " (", env!("SINTER_REVISION"), ")");

/// `--version`; `-V` gives the first line.
const WHOLE_VERSION: &str = concat!(
    env!("CARGO_PKG_VERSION"),
    " (",
    env!("SINTER_REVISION"),
    ")\n",
    env!("SINTER_COMPILER"),
    ", ",
    env!("SINTER_PROFILE"),
    ", features: ",
    env!("SINTER_FEATURES"),
    ", ",
    env!("SINTER_TARGET")
);

const AFTER_HELP: &str = "\
Begin with:  sinter-hpc check inputs/quickstart.toml    what would be done
             sinter-hpc inputs/quickstart.toml          the run; mpirun -n 4 before it: on 4 ranks
             sinter-hpc --resume inputs/quickstart.toml to go on with it

Exit codes:  0 done; 1 failed while running; 2 bad input or usage; 75 stopped early
             with a good checkpoint (wall time, signal, STOP file): submit again";

impl Arguments {
    /// What is said of threads.
    pub fn threads(&self) -> Option<Threads> {
        match (&self.run, &self.command) {
            (Some(Run { threads, oversubscribe, .. }), _) => {
                Some(Threads { threads: *threads, oversubscribe: *oversubscribe })
            }
            (None, Some(Command::Serve(serve))) => Some(serve.threads.clone()),
            (None, Some(Command::Audit(audit))) => Some(audit.threads.clone()),
            _ => None,
        }
    }
}

/// The run of an input.
#[derive(Debug, Clone, PartialEq, Args)]
pub struct Run {
    /// Input file (inputs/README.md has all its keys)
    #[arg(value_name = "INPUT.toml")]
    pub input: PathBuf,
    /// Go on from the newest sound checkpoint in the output folder; where that holds no run
    /// yet, begin
    #[arg(long, conflicts_with = "restart")]
    pub resume: bool,
    /// Go back to this checkpoint and on from there
    #[arg(long, value_name = "CHECKPOINT.h5")]
    pub restart: Option<PathBuf>,
    /// Go on for so much longer: 10ps, 0.5ns; lengthens the last stage
    #[arg(long, value_name = "TIME", value_parser = extension::span_ps)]
    pub extend: Option<f64>,
    /// Threads of each rank [default: the cores of the node divided by its ranks]
    #[arg(long, value_name = "N", allow_negative_numbers = true)]
    pub threads: Option<NonZeroUsize>,
    /// Start more threads than there are cores for them
    #[arg(long, requires = "threads")]
    pub oversubscribe: bool,
    /// Folder for the results [default: results/NAME, for an input file NAME.toml]
    #[arg(long, value_name = "FOLDER")]
    pub output: Option<PathBuf>,
    /// Replace the run that the output folder holds
    #[arg(long, conflicts_with_all = ["resume", "restart"])]
    pub force: bool,
}

#[derive(Debug, Subcommand)]
pub enum Command {
    /// Check an input file: print all its settings, start nothing
    ///
    /// Reads the input and the files that it names, builds the starting structure and
    /// tests the potential. Prints the input with every default filled in, then what
    /// comes of it. What is wrong is told with its place (exit code 2).
    Check {
        /// Input file
        #[arg(value_name = "INPUT.toml")]
        input: PathBuf,
    },
    /// Say what a run would take: atoms per rank, memory, time, size of files
    Plan(Plan),
    /// Write the starting structure of an input, and nothing else
    Build(Build),
    /// Energy, forces and virial of structures in a file
    #[command(override_usage = evaluate::USAGE)]
    Evaluate(evaluate::Arguments),
    /// Energy, forces and virial for another program that asks over a socket, as i-PI and ASE do
    ///
    /// That program (i-PI, ASE's SocketIOCalculator) listens; this one connects to it and answers
    /// until it is told to end. Elements, number of atoms, their order and periodic directions are
    /// those of the structure of the input. Under mpirun, all ranks compute.
    Serve(serve::Arguments),
    /// Say what a checkpoint or trajectory holds and whether it is sound
    Inspect {
        /// Checkpoint or trajectory of sinter-hpc
        #[arg(value_name = "FILE.h5")]
        file: PathBuf,
    },
    /// Do a piece of a run again, between two of its checkpoints, and compare bits
    ///
    /// A check of the hardware: on any machine, ranks and threads the piece has the bits that the
    /// run has left, or something is broken. Needs the folder alone, writes nothing into it. Exit
    /// code 0: the same; 1: not (what differs is told), or one of its checkpoints is damaged; 2: there is no
    /// such piece.
    Audit(audit::Arguments),
    /// Print what completes commands and options in a shell
    ///
    /// For bash: sinter-hpc completions bash > ~/.local/share/bash-completion/completions/sinter-hpc
    /// (zsh: into a folder of $fpath as _sinter-hpc; fish: ~/.config/fish/completions/sinter-hpc.fish).
    #[command(verbatim_doc_comment)]
    Completions {
        /// Which shell
        shell: clap_complete::Shell,
    },
    /// Print the manual page, of the program or of one command
    ///
    /// To read it: sinter-hpc man > sinter-hpc.1, then man ./sinter-hpc.1
    Man {
        /// Command [default: the program as a whole]
        command: Option<String>,
    },
}

#[derive(Debug, Clone, PartialEq, Args)]
pub struct Plan {
    /// Input file
    #[arg(value_name = "INPUT.toml")]
    pub input: PathBuf,
    /// Number of ranks, or several to compare, as 16,64,256
    #[arg(
        long,
        value_name = "N",
        required = true,
        value_delimiter = ',',
        allow_negative_numbers = true
    )]
    pub ranks: Vec<NonZeroUsize>,
    /// Threads of each rank
    #[arg(long, value_name = "T", default_value = "1", allow_negative_numbers = true)]
    pub threads: NonZeroUsize,
    /// Ranks on each node, whose memory is added up [default: that of all ranks]
    #[arg(long, value_name = "N")]
    pub ranks_per_node: Option<NonZeroUsize>,
    /// Evaluations of an atom's forces per second on one core [default: measured here]
    #[arg(long, value_name = "N", allow_negative_numbers = true)]
    pub speed: Option<NonZeroUsize>,
}

#[derive(Debug, Clone, PartialEq, Args)]
pub struct Build {
    /// Input file; stages may be missing
    #[arg(value_name = "INPUT.toml")]
    pub input: PathBuf,
    /// Where the structure goes: extended XYZ (.xyz) or H5MD (.h5)
    #[arg(long, value_name = "FILE")]
    pub output: PathBuf,
    /// Replace the output file if there is one
    #[arg(long)]
    pub force: bool,
}

impl Arguments {
    /// What this process was called with; the first word is its own name.
    ///
    /// # Errors
    /// Help and versions that are asked for, too, which are printed and end the program.
    pub fn read(line: impl IntoIterator<Item = OsString>) -> Result<Arguments, clap::Error> {
        let line: Vec<OsString> = line.into_iter().collect();
        let mut definition = Arguments::command();
        definition.build();
        look_at_words(&line, &definition)?;
        Arguments::from_arg_matches(&definition.try_get_matches_from(line)?)
    }
}

/// Refuses what clap, which takes the first word for an input file, could only
/// misunderstand: a misspelt command, and more than one input file.
fn look_at_words(line: &[OsString], definition: &Definition) -> Result<(), clap::Error> {
    let words = words(line, definition);
    let Some(first) = words.first() else { return Ok(()) };
    let refusal = |kind| clap::Error::new(kind).with_cmd(definition);
    if let Some(command) = definition.find_subcommand(first) {
        let before = line[1].to_string_lossy();
        if !before.starts_with('-') {
            return Ok(());
        }
        let mut error = refusal(ErrorKind::ArgumentConflict);
        let option = before.split('=').next().unwrap_or_default().to_string();
        error.insert(ContextKind::InvalidSubcommand, ContextValue::String(first.clone()));
        let has_it =
            |own: &clap::Arg| own.get_long().is_some_and(|long| option == format!("--{long}"));
        if command.get_arguments().any(has_it) {
            let tip = format!("options of a command stand behind it: sinter-hpc {first} {option}");
            error.insert(ContextKind::Suggested, ContextValue::StyledStrs(vec![tip.into()]));
        }
        error.insert(ContextKind::PriorArg, ContextValue::String(option));
        return Err(error);
    }
    if could_be_a_command(first) {
        let mut error = refusal(ErrorKind::InvalidSubcommand);
        error.insert(ContextKind::InvalidSubcommand, ContextValue::String(first.clone()));
        let names = || definition.get_subcommands().map(Definition::get_name);
        let (kind, value) = match nearest(first, names()) {
            Some(name) => {
                (ContextKind::SuggestedSubcommand, ContextValue::Strings(vec![name.into()]))
            }
            None => {
                let tip = "a run needs no command, only its input file: sinter-hpc INPUT.toml";
                (ContextKind::Suggested, ContextValue::StyledStrs(vec![tip.into()]))
            }
        };
        error.insert(kind, value);
        return Err(error);
    }
    if let Some(second) = words.get(1) {
        let mut error = refusal(ErrorKind::UnknownArgument);
        error.insert(ContextKind::InvalidArg, ContextValue::String(second.clone()));
        return Err(error);
    }
    Ok(())
}

/// The arguments that are neither options of the run nor values of these.
fn words(line: &[OsString], definition: &Definition) -> Vec<String> {
    let mut words = Vec::new();
    let mut rest = line.iter().skip(1).map(|word| word.to_string_lossy());
    while let Some(word) = rest.next() {
        let Some(option) = word.strip_prefix('-') else {
            words.push(word.into_owned());
            continue;
        };
        let name = option.trim_start_matches('-');
        let takes_value = |option: &clap::Arg| {
            option.get_long() == Some(name) && option.get_action().takes_values()
        };
        if definition.get_arguments().any(takes_value) {
            rest.next();
        }
    }
    words
}

/// Letters only, and no file of this name.
fn could_be_a_command(word: &str) -> bool {
    word.chars().all(|c| c.is_ascii_alphabetic() || c == '-') && !Path::new(word).exists()
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory;
    use clap::error::ErrorKind;

    fn parse(line: &str) -> Result<Arguments, clap::Error> {
        Arguments::read(line.split_whitespace().map(OsString::from))
    }

    #[test]
    fn definition_is_consistent() {
        Arguments::command().debug_assert();
    }

    #[test]
    fn a_run_needs_no_command() {
        let arguments =
            parse("sinter-hpc --threads 4 --output here --restart c.h5 in.toml").unwrap();
        assert!(arguments.command.is_none());
        let expected = Run {
            input: "in.toml".into(),
            resume: false,
            restart: Some("c.h5".into()),
            extend: None,
            threads: NonZeroUsize::new(4),
            oversubscribe: false,
            output: Some("here".into()),
            force: false,
        };
        assert_eq!(arguments.run, Some(expected));
    }

    #[test]
    fn commands_take_their_own_arguments() {
        let arguments = parse(
            "sinter-hpc evaluate --library l --parameters p --elements Pt,Fe f.xyz --output o.xyz",
        );
        let Ok(Arguments { command: Some(Command::Evaluate(evaluate)), run: None }) = arguments
        else {
            panic!("{arguments:?}")
        };
        assert_eq!(evaluate.elements, ["Pt", "Fe"]);
        let plan = parse("sinter-hpc plan in.toml --ranks 64").unwrap().command;
        assert!(matches!(plan, Some(Command::Plan(plan)) if plan.ranks[0].get() == 64));
        for line in [
            "sinter-hpc check in.toml",
            "sinter-hpc build in.toml --output s.xyz",
            "sinter-hpc inspect c.h5",
        ] {
            assert!(parse(line).unwrap().command.is_some(), "{line}");
        }
    }

    #[test]
    fn wrong_usage_is_refused() {
        for (line, kind) in [
            ("sinter-hpc", ErrorKind::MissingRequiredArgument),
            ("sinter-hpc --threads 0 in.toml", ErrorKind::ValueValidation),
            ("sinter-hpc --resume --restart c.h5 in.toml", ErrorKind::ArgumentConflict),
            ("sinter-hpc --resume --force in.toml", ErrorKind::ArgumentConflict),
            ("sinter-hpc --oversubscribe in.toml", ErrorKind::MissingRequiredArgument),
            ("sinter-hpc plan in.toml --ranks 0", ErrorKind::ValueValidation),
            ("sinter-hpc plan in.toml", ErrorKind::MissingRequiredArgument),
            ("sinter-hpc --nonsense in.toml", ErrorKind::UnknownArgument),
            ("sinter-hpc --threads 2 check in.toml", ErrorKind::ArgumentConflict),
            ("sinter-hpc --threads 2 chek in.toml", ErrorKind::InvalidSubcommand),
            ("sinter-hpc in.toml other.toml", ErrorKind::UnknownArgument),
        ] {
            let error = parse(line).unwrap_err();
            assert_eq!(error.kind(), kind, "{line}");
            assert_eq!(error.exit_code(), 2, "{line}");
        }
    }

    #[test]
    fn where_an_option_of_a_command_stands_is_told() {
        let tip = "options of a command stand behind it: sinter-hpc plan --threads";
        for (line, told) in [
            ("sinter-hpc --threads 2 plan in.toml --ranks 4", true),
            ("sinter-hpc --threads 2 check in.toml", false),
            ("sinter-hpc -h=2 plan in.toml", false),
        ] {
            let error = parse(line).unwrap_err().to_string();
            assert_eq!(error.contains(tip), told, "{error}");
        }
    }
}
