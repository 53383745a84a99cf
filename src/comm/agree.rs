//! Failures that every rank learns of: a rank that returned early would leave
//! the others waiting for its messages.

use super::Comm;
use crate::error::{Error, Result};

impl Comm {
    /// What this rank has, if no rank failed; else on every rank the failure of
    /// the lowest rank that failed, which is named where there are several.
    /// Collective.
    pub fn agree<T>(&self, mine: Result<T>) -> Result<T> {
        if self.size() == 1 || !self.any(mine.is_err()) {
            return mine;
        }
        let told = mine.as_ref().err().map(|error| match error {
            Error::Physics { step, atom, message } => (Some((*step, *atom)), message.clone()),
            other => (None, other.to_string()),
        });
        let told = told.map(|t| serde_json::to_vec(&t).expect("plain data serialises"));
        let all = self.transport.all_gather(&told.unwrap_or_default());
        let failed = all.iter().position(|bytes| !bytes.is_empty()).expect("some rank failed");
        let (place, message): (Option<(u64, u64)>, String) =
            serde_json::from_slice(&all[failed]).expect("that rank wrote it");
        let message = format!("{message} (rank {failed})");
        match (place, mine) {
            (Some((step, atom)), _) => Err(Error::Physics { step, atom, message }),
            (None, Err(error @ Error::Input { .. })) if failed == self.rank() => Err(error),
            (None, _) => Err(Error::Run(message)),
        }
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
        assert_eq!(threads::run(2, |comm| comm.agree(Ok(comm.rank())).unwrap()), [0, 1]);
    }
}
