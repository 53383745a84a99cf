//! The potential against its peer (golden frames) and against the laws that hold for
//! any potential.

mod analytic;
mod brute_force;
mod frames;
mod golden;
mod bad_files;
mod laws;
mod many_elements;
mod reference_states;
mod surfaces;
mod terms;
mod instruction_sets;
