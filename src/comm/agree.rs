//! Failures that every rank learns of: a rank that returned early would leave
//! the others waiting for its messages.

use super::Comm;
use crate::error::{Error, Place, Result};
use serde::{Deserialize, Serialize};

/// A failure as ranks tell it to each other.
#[derive(Serialize, Deserialize)]
enum Told {
    Input { place: Place, message: String },
    Usage(String),
    Physics { step: u64, atom: u64, message: String },
    Other(String),
}

impl From<&Error> for Told {
    fn from(error: &Error) -> Told {
        match error {
            Error::Input { place, message } => {
                Told::Input { place: place.clone(), message: message.clone() }
            }
            Error::Usage(message) => Told::Usage(message.clone()),
            Error::Physics { step, atom, message } => {
                Told::Physics { step: *step, atom: *atom, message: message.clone() }
            }
            other => Told::Other(other.to_string()),
        }
    }
}

impl Told {
    /// Names the rank where the failure is its own and not that of the input.
    fn by(self, rank: usize) -> Error {
        match self {
            Told::Input { place, message } => Error::Input { place, message },
            Told::Usage(message) => Error::Usage(message),
            Told::Physics { step, atom, message } => {
                Error::Physics { step, atom, message: format!("{message} (rank {rank})") }
            }
            // That of a smaller group names it already.
            Told::Other(message) if message.ends_with(')') && message.contains(" (rank ") => {
                Error::Run(message)
            }
            Told::Other(message) => Error::Run(format!("{message} (rank {rank})")),
        }
    }
}

impl Comm {
    /// What this rank has, if no rank failed; else on every rank the failure of
    /// the lowest rank that failed, which is named where there are several.
    /// Collective.
    pub fn agree<T>(&self, mine: Result<T>) -> Result<T> {
        if self.size() == 1 || !self.any(mine.is_err()) {
            return mine;
        }
        let told = mine.as_ref().err().map(Told::from);
        let told = told.map(|t| serde_json::to_vec(&t).expect("plain data serialises"));
        let all = self.transport.all_gather(&told.unwrap_or_default());
        let failed = all.iter().position(|bytes| !bytes.is_empty()).expect("some rank failed");
        let told: Told = serde_json::from_slice(&all[failed]).expect("that rank wrote it");
        let error = told.by(failed);
        self.agreed.replace(Some(error.to_string()));
        Err(error)
    }

    /// Whether all ranks have this failure, so that each can return with it; else
    /// this rank fails alone and must end the others (`abort`).
    pub fn agreed_on(&self, error: &Error) -> bool {
        self.size() == 1 || self.agreed.borrow().as_ref() == Some(&error.to_string())
    }
}

#[cfg(test)]
mod tests {
    use crate::comm::threads;
    use crate::error::Error;
    use std::path::Path;

    #[test]
    fn every_rank_gets_the_failure_of_the_lowest_that_failed() {
        let failures = threads::run(4, |comm| {
            let mine = match comm.rank() {
                rank @ (1 | 3) => {
                    Err(Error::Physics { step: 5, atom: rank as u64, message: "lost".into() })
                }
                rank => Ok(rank),
            };
            let error = comm.agree(mine).unwrap_err();
            assert!(comm.agreed_on(&error));
            assert!(!comm.agreed_on(&Error::Run("another one, here alone".into())));
            error.to_string()
        });
        assert!(failures.iter().all(|f| f == "step 5, atom 1: lost (rank 1)"), "{failures:?}");
        assert_eq!(threads::run(2, |comm| comm.agree(Ok(comm.rank())).unwrap()), [0, 1]);
    }

    #[test]
    fn all_ranks_leave_with_the_same_exit_code() {
        let bad = || Error::input(Path::new("in.toml"), 3, 1, "unknown key");
        let codes = threads::run(3, |comm| {
            let mine = if comm.is_root() { Err(bad()) } else { Ok(()) };
            let error = comm.agree(mine).unwrap_err();
            assert_eq!(error.to_string(), bad().to_string());
            error.exit_code()
        });
        assert_eq!(codes, [2; 3]);
    }
}
