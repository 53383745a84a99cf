//! The chemical elements: symbol, atomic number, standard atomic weight.
//!
//! An atom is known by its symbol; numbers and weights follow from here.

const SYMBOLS: &str = "H He Li Be B C N O F Ne Na Mg Al Si P S Cl Ar K Ca Sc Ti V Cr Mn Fe Co Ni \
    Cu Zn Ga Ge As Se Br Kr Rb Sr Y Zr Nb Mo Tc Ru Rh Pd Ag Cd In Sn Sb Te I Xe Cs Ba La Ce Pr Nd \
    Pm Sm Eu Gd Tb Dy Ho Er Tm Yb Lu Hf Ta W Re Os Ir Pt Au Hg Tl Pb Bi Po At Rn Fr Ra Ac Th Pa U \
    Np Pu Am Cm Bk Cf Es Fm Md No Lr Rf Db Sg Bh Hs Mt Ds Rg Cn Nh Fl Mc Lv Ts Og";

/// By atomic number, from 1: J. Meija et al., Pure Appl. Chem. 88 (2016) 265; of elements
/// without a stable isotope a long-lived one.
const WEIGHTS: [f64; 118] = [
    1.008, 4.003, 6.94, 9.012, 10.81, 12.011, 14.007, 15.999, 18.998, 20.18, 22.99, 24.305, 26.982,
    28.085, 30.974, 32.06, 35.45, 39.948, 39.098, 40.078, 44.956, 47.867, 50.941, 51.996, 54.938,
    55.845, 58.933, 58.693, 63.546, 65.38, 69.723, 72.63, 74.922, 78.971, 79.904, 83.798, 85.468,
    87.62, 88.906, 91.224, 92.906, 95.95, 97.907, 101.07, 102.906, 106.42, 107.868, 112.414,
    114.818, 118.71, 121.76, 127.6, 126.904, 131.293, 132.905, 137.327, 138.905, 140.116, 140.908,
    144.242, 144.913, 150.36, 151.964, 157.25, 158.925, 162.5, 164.93, 167.259, 168.934, 173.054,
    174.967, 178.49, 180.948, 183.84, 186.207, 190.23, 192.217, 195.084, 196.967, 200.592, 204.38,
    207.2, 208.98, 208.982, 209.987, 222.018, 223.02, 226.025, 227.028, 232.038, 231.036, 238.029,
    237.048, 244.064, 243.061, 247.07, 247.07, 251.08, 252.083, 257.095, 258.098, 259.101, 262.11,
    267.122, 268.126, 271.134, 270.133, 269.134, 278.156, 281.165, 281.166, 285.177, 286.182,
    289.19, 289.194, 293.204, 293.208, 294.214,
];

/// The symbol of an atomic number, from 1.
pub fn symbol(atomic_number: i64) -> Option<&'static str> {
    let place = usize::try_from(atomic_number).ok()?.checked_sub(1)?;
    SYMBOLS.split_ascii_whitespace().nth(place)
}

/// The atomic number of a symbol, where it is that of a chemical element.
pub fn atomic_number(symbol: &str) -> Option<u32> {
    SYMBOLS.split_ascii_whitespace().position(|s| s == symbol).map(|place| place as u32 + 1)
}

/// The symbol that a name would be in other letters, small or capital ones; none for a symbol.
pub fn in_other_letters(name: &str) -> Option<&'static str> {
    let mut all = SYMBOLS.split_ascii_whitespace();
    let symbol = all.find(|symbol| symbol.eq_ignore_ascii_case(name));
    symbol.filter(|symbol| *symbol != name)
}

/// The standard atomic weight of an element, g/mol.
pub fn atomic_weight(symbol: &str) -> Option<f64> {
    atomic_number(symbol).map(|number| WEIGHTS[number as usize - 1])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn symbols_stand_at_their_atomic_numbers() {
        let known = [(1, "H"), (13, "Al"), (26, "Fe"), (57, "La"), (78, "Pt"), (118, "Og")];
        assert!(known.iter().all(|&(number, name)| symbol(number) == Some(name)));
        assert!(known.iter().all(|&(number, name)| atomic_number(name) == Some(number as u32)));
        assert_eq!([symbol(0), symbol(-1), symbol(119)], [None; 3]);
        assert_eq!(["", "pt", "AlS", "X"].map(atomic_number), [None; 4]);
        let found = ["pt", "FE", "Fe", "AlS", ""].map(in_other_letters);
        assert_eq!(found, [Some("Pt"), Some("Fe"), None, None, None]);
    }

    #[test]
    fn weights_stand_at_their_elements() {
        let known = [("H", 1.008), ("Co", 58.933), ("Ni", 58.693), ("Pt", 195.084), ("U", 238.029)];
        assert!(known.iter().all(|&(name, weight)| atomic_weight(name) == Some(weight)));
        assert_eq!(atomic_weight("AlS"), None);
    }
}
