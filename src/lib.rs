//! `sinter-hpc`: molecular dynamics of metallic nanoparticles that neck, sinter
//! and coalesce. ARCHITECTURE.md has the picture of the house; the modules stand
//! below in its order, and each uses only those above it.

pub mod error;
pub mod terminal;
pub mod units;
pub mod elements;
pub mod geometry;
pub mod fixed;
pub mod random;
pub mod clock;
pub mod lanes;
pub mod atoms;
pub mod neighbour;
pub mod sweep;
pub mod input;
pub mod potential;
pub mod domain;
pub mod comm;
pub mod build;
pub mod exchange;
pub mod force;
pub mod dynamics;
pub mod observe;
pub mod write;
pub mod run;

pub use error::{Error, Result};
