//! The log of a run, on the terminal and in `run.log`.
