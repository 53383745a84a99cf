//! A run: what it would be, where it writes.

pub mod check;
pub mod evaluate;
pub mod folder;
