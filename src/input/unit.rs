//! The units that the names of keys end in, to say what is meant by a key with
//! another unit (`timestep_ps`) or with none (`gap`).

/// A unit as the ending of a key. `factor` and `offset` turn a value into the
/// first unit of its dimension.
#[derive(Debug, PartialEq)]
pub struct Unit {
    pub name: &'static str,
    /// As it is written in a text.
    pub symbol: &'static str,
    dimension: Dimension,
    factor: f64,
    offset: f64,
}

#[derive(Debug, PartialEq, Clone, Copy)]
enum Dimension {
    Time,
    Length,
    Temperature,
    Angle,
    SurfaceEnergy,
    Force,
    Energy,
    /// On a plane.
    Density,
    Stiffness,
    Speed,
    Pressure,
    Compressibility,
    Area,
    Volume,
    Mass,
    /// No unit of the input, but one that people write.
    Steps,
}

const fn unit(name: &'static str, symbol: &'static str, dimension: Dimension, factor: f64) -> Unit {
    Unit { name, symbol, dimension, factor, offset: 0.0 }
}

/// Longer endings before those that they end in.
const UNITS: [Unit; 43] = [
    unit("ev_per_angstrom3", "eV/Å³", Dimension::Stiffness, 1.0),
    unit("angstrom_per_ps", "Å/ps", Dimension::Speed, 1.0),
    unit("m_per_s", "m/s", Dimension::Speed, 0.01),
    unit("per_gpa", "1/GPa", Dimension::Compressibility, 1.0),
    unit("per_mpa", "1/MPa", Dimension::Compressibility, 1e3),
    unit("per_bar", "1/bar", Dimension::Compressibility, 1e4),
    unit("gpa", "GPa", Dimension::Pressure, 1.0),
    unit("mpa", "MPa", Dimension::Pressure, 1e-3),
    unit("bar", "bar", Dimension::Pressure, 1e-4),
    unit("g_per_mol", "g/mol", Dimension::Mass, 1.0),
    unit("j_per_m2", "J/m²", Dimension::SurfaceEnergy, 1.0),
    unit("mj_per_m2", "mJ/m²", Dimension::SurfaceEnergy, 1e-3),
    unit("ev_per_angstrom2", "eV/Å²", Dimension::SurfaceEnergy, 16.021_766_34),
    unit("ev_per_angstrom", "eV/Å", Dimension::Force, 1.0),
    unit("angstrom2", "Å²", Dimension::Area, 1.0),
    unit("nm2", "nm²", Dimension::Area, 100.0),
    unit("angstrom3", "Å³", Dimension::Volume, 1.0),
    unit("nm3", "nm³", Dimension::Volume, 1000.0),
    unit("ev_per_nm", "eV/nm", Dimension::Force, 0.1),
    unit("per_um2", "1/µm²", Dimension::Density, 1.0),
    unit("ev_per_atom", "eV", Dimension::Energy, 1.0),
    unit("mev_per_atom", "meV", Dimension::Energy, 1e-3),
    unit("ev", "eV", Dimension::Energy, 1.0),
    unit("mev", "meV", Dimension::Energy, 1e-3),
    unit("fs", "fs", Dimension::Time, 1.0),
    unit("ps", "ps", Dimension::Time, 1e3),
    unit("ns", "ns", Dimension::Time, 1e6),
    unit("us", "µs", Dimension::Time, 1e9),
    unit("ms", "ms", Dimension::Time, 1e12),
    unit("s", "s", Dimension::Time, 1e15),
    unit("angstrom", "Å", Dimension::Length, 1.0),
    unit("nm", "nm", Dimension::Length, 10.0),
    unit("pm", "pm", Dimension::Length, 0.01),
    unit("um", "µm", Dimension::Length, 1e4),
    unit("m", "m", Dimension::Length, 1e10),
    unit("k", "K", Dimension::Temperature, 1.0),
    unit("kelvin", "K", Dimension::Temperature, 1.0),
    Unit {
        name: "c",
        symbol: "°C",
        dimension: Dimension::Temperature,
        factor: 1.0,
        offset: 273.15,
    },
    Unit {
        name: "celsius",
        symbol: "°C",
        dimension: Dimension::Temperature,
        factor: 1.0,
        offset: 273.15,
    },
    unit("deg", "°", Dimension::Angle, 1.0),
    unit("degrees", "°", Dimension::Angle, 1.0),
    unit("rad", "rad", Dimension::Angle, 180.0 / std::f64::consts::PI),
    unit("steps", "steps", Dimension::Steps, 1.0),
];

impl Unit {
    /// `value` of this unit in another of the same dimension, to 12 digits.
    pub fn to(&self, wanted: &Unit, value: f64) -> Option<f64> {
        let same = self.dimension == wanted.dimension;
        let converted = (value * self.factor + self.offset - wanted.offset) / wanted.factor;
        same.then(|| format!("{converted:.11e}").parse().unwrap_or(converted))
    }
}

/// A key's name without its unit, and the unit: `gap_angstrom` is `gap` in Å.
pub fn split(key: &str) -> (&str, Option<&'static Unit>) {
    for unit in &UNITS {
        if let Some(stem) = key.strip_suffix(unit.name).and_then(|stem| stem.strip_suffix('_')) {
            return (stem, Some(unit));
        }
    }
    (key, None)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn splits_the_longest_unit_off_a_key() {
        let (stem, unit) = split("force_tolerance_ev_per_angstrom");
        assert_eq!((stem, unit.unwrap().name), ("force_tolerance", "ev_per_angstrom"));
        let symbol = |key| split(key).1.unwrap().symbol;
        assert_eq!(symbol("spring_ev_per_angstrom2"), "eV/Å²");
        assert_eq!(symbol("stiffness_ev_per_angstrom3"), "eV/Å³");
        assert_eq!([symbol("area_angstrom2"), symbol("atomic_volume_angstrom3")], ["Å²", "Å³"]);
        assert_eq!(symbol("speed_angstrom_per_ps"), "Å/ps");
        assert_eq!([symbol("compressibility_per_gpa"), symbol("pressure_gpa")], ["1/GPa", "GPa"]);
        assert_eq!(split("max_steps").0, "max");
        assert_eq!(split("seed"), ("seed", None));
    }

    #[test]
    fn converts_within_a_dimension_only() {
        let unit = |key| split(key).1.unwrap();
        assert_eq!(unit("t_ps").to(unit("t_fs"), 0.002), Some(2.0));
        assert_eq!(unit("g_nm").to(unit("g_angstrom"), 0.55), Some(5.5));
        assert_eq!(unit("t_c").to(unit("t_k"), 1200.0), Some(1473.15));
        assert_eq!(unit("t_ps").to(unit("g_angstrom"), 1.0), None);
        assert_eq!(unit("c_per_mpa").to(unit("c_per_gpa"), 2e-5), Some(0.02));
        assert_eq!(unit("c_gpa").to(unit("c_per_gpa"), 1.0), None);
    }
}
