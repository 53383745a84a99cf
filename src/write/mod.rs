//! What a run leaves behind: the trajectory, the checkpoints, the log.

pub mod log;
pub mod progress;
pub mod report;
