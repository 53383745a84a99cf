//! In which order the atoms of a rank are worked on, and which at the same time.
//!
//! - `tiling`: owned atoms are cut into tiles, which have an order;
//! - `schedule`: which phase of which tile may come when, between which exchanges;
//! - `scheduler`: deals tasks out to threads.
//!
//! Invariants: two threads never have tiles with a tile around them in common; a task is dealt
//! out when what it reads is complete; and none of this shows in the results, since sums are
//! of integers. Sizes are arguments (`Measures`).

mod schedule;
mod scheduler;
mod tiling;

pub use schedule::{RingBuffer, Schedule, Section, Task, Tile};
pub use scheduler::{Job, Next, Scheduler};
pub use tiling::{Measures, Tiling};
