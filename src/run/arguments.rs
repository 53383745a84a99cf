//! The command line. Its words are a contract with users (README.md).

use super::evaluate;
use clap::{Args, Parser, Subcommand};
use std::num::NonZeroUsize;
use std::path::PathBuf;

/// Molecular dynamics of metallic nanoparticles that neck, sinter and coalesce.
///
/// Without a command: the run of an input file, on one process or, under mpirun,
/// on many. Results go into one folder: trajectory, checkpoints, log, input.
#[derive(Debug, Parser)]
#[command(
    name = "sinter-hpc",
    version = VERSION,
    args_conflicts_with_subcommands = true,
    subcommand_negates_reqs = true,
    disable_help_subcommand = true,
    after_help = AFTER_HELP
)]
pub struct Arguments {
    #[command(subcommand)]
    pub command: Option<Command>,
    #[command(flatten)]
    pub run: Option<Run>,
}

const VERSION: &str = concat!(env!("CARGO_PKG_VERSION"), " (", env!("SINTER_GIT_REVISION"), ")");

const AFTER_HELP: &str = "\
Exit codes: 0 done; 1 failed while running; 2 bad input or usage;
75 stopped early with a good checkpoint (wall time, signal, STOP file): submit again.";

/// The run of an input.
#[derive(Debug, Clone, PartialEq, Args)]
pub struct Run {
    /// Input file
    #[arg(value_name = "INPUT.toml")]
    pub input: PathBuf,
    /// Go on from the newest sound checkpoint in the output folder
    #[arg(long, conflicts_with = "restart")]
    pub resume: bool,
    /// Go on from this checkpoint
    #[arg(long, value_name = "FILE")]
    pub restart: Option<PathBuf>,
    /// Threads of each rank [default: the cores of the node divided by its ranks]
    #[arg(long, value_name = "N")]
    pub threads: Option<NonZeroUsize>,
    /// Folder for the results [default: results/<name of the input file>]
    #[arg(long, value_name = "DIR")]
    pub output: Option<PathBuf>,
    /// Replace the run that the output folder holds
    #[arg(long, conflicts_with_all = ["resume", "restart"])]
    pub force: bool,
}

#[derive(Debug, Subcommand)]
pub enum Command {
    /// Validate an input, print its effective settings, start nothing
    Check {
        /// Input file
        #[arg(value_name = "INPUT.toml")]
        input: PathBuf,
    },
    /// Foretell atoms, imbalance, ghosts, memory, file sizes and time
    Plan(Plan),
    /// Build the starting structure alone
    Build(Build),
    /// Energy, forces and virial of every frame of a file
    Evaluate(evaluate::Arguments),
    /// Say what a checkpoint or trajectory holds and whether it is sound
    Inspect {
        /// Checkpoint or trajectory
        #[arg(value_name = "FILE.h5")]
        file: PathBuf,
    },
}

#[derive(Debug, Clone, PartialEq, Args)]
pub struct Plan {
    /// Input file
    #[arg(value_name = "INPUT.toml")]
    pub input: PathBuf,
    /// Number of ranks to plan for
    #[arg(long, value_name = "N")]
    pub ranks: NonZeroUsize,
    /// Threads of each rank
    #[arg(long, value_name = "T", default_value = "1")]
    pub threads: NonZeroUsize,
}

#[derive(Debug, Clone, PartialEq, Args)]
pub struct Build {
    /// Input file
    #[arg(value_name = "INPUT.toml")]
    pub input: PathBuf,
    /// Where the structure goes: extended XYZ (.xyz) or H5MD (.h5)
    #[arg(long, value_name = "FILE")]
    pub output: PathBuf,
    /// Replace the output file if there is one
    #[arg(long)]
    pub force: bool,
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory;
    use clap::error::ErrorKind;

    fn parse(line: &str) -> Result<Arguments, clap::Error> {
        Arguments::try_parse_from(line.split_whitespace())
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
            threads: NonZeroUsize::new(4),
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
        assert!(matches!(plan, Some(Command::Plan(plan)) if plan.ranks.get() == 64));
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
            ("sinter-hpc plan in.toml --ranks 0", ErrorKind::ValueValidation),
            ("sinter-hpc plan in.toml", ErrorKind::MissingRequiredArgument),
            ("sinter-hpc --nonsense in.toml", ErrorKind::UnknownArgument),
            ("sinter-hpc in.toml other.toml", ErrorKind::ArgumentConflict),
        ] {
            let error = parse(line).unwrap_err();
            assert_eq!(error.kind(), kind, "{line}");
            assert_eq!(error.exit_code(), 2, "{line}");
        }
    }
}
