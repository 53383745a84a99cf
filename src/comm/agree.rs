//! Failures that every rank learns of: a rank that returned early would leave
//! the others waiting for its messages.

use super::Comm;
use crate::error::{Error, Place, Result};
use serde::{Deserialize, Serialize};

/// An error as it travels; of those that are neither of bad input nor of physics
/// the text is enough.
#[derive(Serialize, Deserialize)]
enum Told {
    Input { file: std::path::PathBuf, line: usize, column: usize, message: String },
    Usage(String),
    Physics { step: u64, atom: u64, message: String },
    Other(String),
}

impl Comm {
    /// What this rank has, if no rank failed; else on every rank the failure of
    /// the lowest rank that failed, which is named unless the input is to blame.
    /// Collective.
    pub fn agree<T>(&self, mine: Result<T>) -> Result<T> {
        if self.size() == 1 || !self.any(mine.is_err()) {
            return mine;
        }
        let told = match mine {
            Ok(_) => Vec::new(),
            Err(error) => serde_json::to_vec(&told(error)).expect("plain data serialises"),
        };
        let all = self.transport.all_gather(&told);
        let rank = all.iter().position(|bytes| !bytes.is_empty()).expect("some rank failed");
        Err(match serde_json::from_slice(&all[rank]).expect("that rank wrote it") {
            Told::Input { file, line, column, message } => {
                Error::Input { place: Place { file, line, column }, message }
            }
            Told::Usage(message) => Error::Usage(message),
            Told::Physics { step, atom, message } => {
                Error::Physics { step, atom, message: format!("{message} (rank {rank})") }
            }
            Told::Other(message) => Error::Run(format!("{message} (rank {rank})")),
        })
    }
}

fn told(error: Error) -> Told {
    match error {
        Error::Input { place: Place { file, line, column }, message } => {
            Told::Input { file, line, column, message }
        }
        Error::Usage(message) => Told::Usage(message),
        Error::Physics { step, atom, message } => Told::Physics { step, atom, message },
        other => Told::Other(other.to_string()),
    }
}

#[cfg(test)]
mod tests {
    use crate::comm::threads;
    use crate::error::Error;

    #[test]
    fn every_rank_gets_the_failure_of_the_lowest_that_failed() {
        let failures = threads::run(4, |comm| {
            let mine = match comm.rank() {
                rank @ (1 | 3) => {
                    Err(Error::Physics { step: 5, atom: rank as u64, message: "lost".into() })
                }
                rank => Ok(rank),
            };
            comm.agree(mine).unwrap_err().to_string()
        });
        assert!(failures.iter().all(|f| f == "step 5, atom 1: lost (rank 1)"), "{failures:?}");
        let inputs = threads::run(3, |comm| {
            let bad = Error::input("a.toml".as_ref(), 3, 1, "no such key");
            let error = comm.agree::<()>(Err(bad)).unwrap_err();
            (error.exit_code(), error.to_string())
        });
        assert!(inputs.iter().all(|e| *e == (2, "a.toml:3:1: no such key".into())));
        assert_eq!(threads::run(2, |comm| comm.agree(Ok(comm.rank())).unwrap()), [0, 1]);
    }
}
