//! A run: what it would be, where it writes.

pub mod build;
pub mod check;
pub mod evaluate;
pub mod folder;
