//! Laws of motion, held against a small Lennard-Jones system (`testing`).

mod canonical;
mod conservation;
mod determinism;
mod mechanics;
