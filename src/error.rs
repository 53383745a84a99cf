//! Errors for people: what is wrong, where, what to do. The kind of an error
//! decides the exit code of the program (README.md, "Exit codes").

use std::path::{Path, PathBuf};

pub type Result<T, E = Error> = std::result::Result<T, E>;

#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Bad input or usage, with the place: `file:line:column: message`. Exit code 2.
    #[error("{place}: {message}")]
    Input { place: Place, message: String },

    /// The program was started in a way that cannot work. Exit code 2.
    #[error("{0}")]
    Usage(String),

    /// The run itself failed; nothing that was already written is lost. Exit code 1.
    #[error("{0}")]
    Run(String),

    /// The physics left the bounds: lost atom, NaN, overflow. Exit code 1.
    /// The rank is added where the error leaves the rank (`main`).
    #[error("step {step}, atom {atom}: {message}")]
    Physics { step: u64, atom: u64, message: String },

    /// The same before the step is known (a potential knows none), in one evaluation of
    /// forces: atoms too close, or a force that the quantum of the force array does not
    /// hold. A caller who evaluates single frames may retry with a coarser quantum.
    #[error("atom {atom}: {message}")]
    OutOfBounds { atom: u64, message: String },

    /// A file that could not be read or written. Exit code 1.
    #[error("{}: {source}", path.display())]
    File { path: PathBuf, source: std::io::Error },

    /// The same, as the library has it that reads and writes files of a kind.
    #[error("{}: {library}: {source}", path.display())]
    Library {
        path: PathBuf,
        library: &'static str,
        source: Box<dyn std::error::Error + Send + Sync>,
    },
}

/// A place in an input file; line and column count from 1, 0 means "the whole file".
#[derive(Debug, Clone, PartialEq, Eq, Default, serde::Serialize, serde::Deserialize)]
pub struct Place {
    pub file: PathBuf,
    pub line: usize,
    pub column: usize,
}

impl std::fmt::Display for Place {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}", self.file.display())?;
        if self.line > 0 {
            write!(f, ":{}:{}", self.line, self.column)?;
        }
        Ok(())
    }
}

impl Place {
    pub fn new(file: &Path, line: usize, column: usize) -> Place {
        Place { file: file.to_path_buf(), line, column }
    }
}

impl Error {
    /// Bad input at a place of a file (`line` = 0: the file as a whole).
    pub fn input(file: &Path, line: usize, column: usize, message: impl Into<String>) -> Error {
        Error::Input { place: Place::new(file, line, column), message: message.into() }
    }

    pub fn file(path: &Path, source: std::io::Error) -> Error {
        Error::File { path: path.to_path_buf(), source }
    }

    /// Whether the run failed, as opposed to input that was refused.
    pub fn is_failure(&self) -> bool {
        self.exit_code() == 1
    }

    pub fn exit_code(&self) -> i32 {
        match self {
            Error::Input { .. } | Error::Usage(_) => 2,
            _ => 1,
        }
    }
}
