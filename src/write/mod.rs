//! What a run leaves behind: the trajectory (`trajectory`, with its names in
//! `schema`), checkpoints, the edge to HDF5 that both stand on, and the log.

mod arrays;
pub mod by_id;
pub mod checkpoint;
pub mod content;
pub mod departure;
pub mod failure;
pub mod frames;
pub mod hdf5;
mod layout;
pub mod log;
pub mod progress;
pub mod provenance;
mod read_ahead;
pub mod report;
pub mod schema;
pub mod seal;
mod series;
mod species;
pub mod survey;
pub mod trajectory;
mod write_back;

pub use checkpoint::{Checkpoint, read_checkpoint, write_checkpoint};
pub use content::{Content, Form};
pub use departure::Departure;
pub use provenance::{Job, PotentialFile, Provenance, Restart};
pub use trajectory::{Frame, Trajectory};

#[cfg(test)]
mod tests;
