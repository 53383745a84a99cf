//! The starting structure: lattices, shapes, alloys, adatoms, placement; and the
//! files that a structure can be read from.

pub mod extxyz;
pub mod frame;
pub mod lattice;
pub mod shape;
mod text;

pub use frame::Frame;
