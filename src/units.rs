//! Internal units: Å, ps, eV, K, g/mol. Constants are the 2019 SI values (CODATA 2018).

/// Boltzmann's constant, eV/K.
pub const BOLTZMANN: f64 = 8.617_333_262e-5;

/// 1 g/mol (Å/ps)² in eV: turns m v² into energy.
pub const MASS_VELOCITY_SQUARED: f64 = 1.036_426_965_627e-4;

/// (eV/Å) / (g/mol) in Å/ps²: turns force over mass into acceleration.
pub const FORCE_PER_MASS: f64 = 1.0 / MASS_VELOCITY_SQUARED;

/// ASE's unit of velocity, √(eV/u), in Å/ps.
pub const ASE_VELOCITY: f64 = 98.226_947_4;

/// 1 eV/Å³ in GPa.
pub const PRESSURE_GPA: f64 = 160.217_663_4;

/// 1 J/m² in eV/Å².
pub const SURFACE_ENERGY: f64 = 0.062_415_090_74;

/// Bohr's radius in Å and the Hartree in eV. These two are ASE's (CODATA 2014, 6e-10 and 3e-10
/// off those of 2018), so that lengths which it sends in atomic units come back as they were.
pub const BOHR: f64 = 0.529_177_210_563_841_1;
pub const HARTREE: f64 = 27.211_386_024_367_243;
