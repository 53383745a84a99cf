//! Symbols of the chemical elements by atomic number.

const SYMBOLS: &str = "H He Li Be B C N O F Ne Na Mg Al Si P S Cl Ar K Ca Sc Ti V Cr Mn Fe Co Ni \
    Cu Zn Ga Ge As Se Br Kr Rb Sr Y Zr Nb Mo Tc Ru Rh Pd Ag Cd In Sn Sb Te I Xe Cs Ba La Ce Pr Nd \
    Pm Sm Eu Gd Tb Dy Ho Er Tm Yb Lu Hf Ta W Re Os Ir Pt Au Hg Tl Pb Bi Po At Rn Fr Ra Ac Th Pa U \
    Np Pu Am Cm Bk Cf Es Fm Md No Lr Rf Db Sg Bh Hs Mt Ds Rg Cn Nh Fl Mc Lv Ts Og";

/// The symbol of an atomic number, from 1.
pub fn symbol(atomic_number: i64) -> Option<&'static str> {
    let place = usize::try_from(atomic_number).ok()?.checked_sub(1)?;
    SYMBOLS.split_ascii_whitespace().nth(place)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn symbols_stand_at_their_atomic_numbers() {
        let known = [(1, "H"), (13, "Al"), (26, "Fe"), (57, "La"), (78, "Pt"), (118, "Og")];
        assert!(known.iter().all(|&(number, name)| symbol(number) == Some(name)));
        assert_eq!([symbol(0), symbol(-1), symbol(119)], [None; 3]);
    }
}
