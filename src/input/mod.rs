//! TOML to a checked `Config`. Builds nothing, knows nothing of ranks.

pub mod config;

pub use config::*;
