//! The units that H5MD files name: of lengths and of velocities, as they are written
//! (`nm ps-1`, `nm/ps`, `Angstrom ps^-1`).

/// How much of ours (Å, Å/ps) one of another unit is: a ratio, so that decimal units are
/// converted with one rounding.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Unit {
    times: f64,
    over: f64,
}

impl Unit {
    /// Å or Å/ps: ours.
    pub const ANGSTROM: Unit = Unit { times: 1.0, over: 1.0 };

    pub fn convert(self, value: f64) -> f64 {
        value * self.times / self.over
    }
}

/// The length of this name.
pub fn length(name: &str) -> Option<Unit> {
    let times = |times| Some(Unit { times, over: 1.0 });
    match name.trim() {
        "Angstrom" | "angstrom" | "Angstroms" | "angstroms" | "Ang" | "ang" | "A" | "Å"
        | "\u{212b}" => times(1.0),
        "nm" | "nanometer" | "nanometre" | "nanometers" | "nanometres" => times(10.0),
        "pm" | "picometer" | "picometre" => Some(Unit { times: 1.0, over: 100.0 }),
        "fm" | "femtometer" | "femtometre" => Some(Unit { times: 1.0, over: 1e5 }),
        "um" | "µm" | "μm" | "micrometer" | "micrometre" => times(1e4),
        "m" | "meter" | "metre" => times(1e10),
        // CODATA 2018.
        "bohr" | "Bohr" | "a0" | "a_0" => times(0.529_177_210_903),
        _ => None,
    }
}

/// How many picoseconds a time of this name is, as `Unit` is of Å.
fn time(name: &str) -> Option<Unit> {
    match name.trim() {
        "ps" | "picosecond" | "picoseconds" => Some(Unit { times: 1.0, over: 1.0 }),
        "fs" | "femtosecond" | "femtoseconds" => Some(Unit { times: 1.0, over: 1e3 }),
        "ns" | "nanosecond" | "nanoseconds" => Some(Unit { times: 1e3, over: 1.0 }),
        "s" | "second" | "seconds" => Some(Unit { times: 1e12, over: 1.0 }),
        _ => None,
    }
}

/// The velocity of this name: a length over a time.
pub fn velocity(name: &str) -> Option<Unit> {
    let (above, below) = match name.split_once('/') {
        Some(parts) => parts,
        None => {
            let (above, below) = name.trim().rsplit_once([' ', '*', '·'])?;
            let inverse = ["^-1", "^{-1}", "**-1", "⁻¹", "-1"];
            (above.trim_end_matches('*'), inverse.iter().find_map(|end| below.strip_suffix(end))?)
        }
    };
    let (length, time) = (length(above)?, time(below)?);
    Some(Unit { times: length.times * time.over, over: length.over * time.times })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lengths_in_angstrom() {
        let known = [("Angstrom", 1.0), ("Å", 1.0), ("nm", 10.0), ("pm", 0.01), ("m", 1e10)];
        for (name, angstrom) in known {
            assert_eq!(length(name).unwrap().convert(1.0), angstrom, "{name}");
        }
        assert_eq!(["", "nn", "sigma", "nm ps-1", "eV"].map(length), [None; 5]);
    }

    #[test]
    fn velocities_in_angstrom_per_picosecond() {
        let known = [
            ("Angstrom ps-1", 1.0),
            ("Angstrom/ps", 1.0),
            ("angstrom/picosecond", 1.0),
            ("Angstrom fs-1", 1000.0),
            ("nm ps-1", 10.0),
            ("nm ps^-1", 10.0),
            ("nm/ns", 0.01),
            ("m s-1", 0.01),
            ("m/s", 0.01),
        ];
        for (name, ours) in known {
            assert_eq!(velocity(name).unwrap().convert(1.0), ours, "{name}");
        }
        assert_eq!(["ps-1", "nm", "nm ps", "nm ps-2", "sigma/tau"].map(velocity), [None; 5]);
    }
}
