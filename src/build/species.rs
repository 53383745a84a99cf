//! From the names that a file gives its atoms to the elements of the potential.
//!
//! A name is the symbol of an element, as the potential writes it or in other capitals (`PT`).
//! A number is an atom type where the input names `types`, or else an atomic number. Where
//! every number of a file may be a type, that is not guessed.

use super::frame::Frame;
use crate::elements::{atomic_weight, symbol};
use std::collections::HashMap;

/// Relative difference of a mass from the atomic weight that is no isotope any more.
const OTHER_MASS: f64 = 0.05;

/// For each atom the place of its element among `known`; `types` are the elements of the
/// atom types 1, 2, ...; adds to `warnings` what was taken another way than it is written.
///
/// # Errors
/// In words: an atom that is none of `known`, or whose number may mean two things.
pub fn resolve(
    names: &[String],
    known: &[&str],
    types: &[String],
    warnings: &mut Vec<String>,
) -> Result<Vec<u32>, String> {
    let mut places: HashMap<&str, u32> = HashMap::new();
    let mut found = Vec::with_capacity(names.len());
    for (i, name) in names.iter().enumerate() {
        let place = match places.get(name.as_str()) {
            Some(&place) => place,
            None => {
                let (place, warning) = one(name, known, types, names)
                    .map_err(|reason| format!("atom {i} (counted from 0) is {name}, {reason}"))?;
                warnings.extend(warning);
                places.insert(name, place);
                place
            }
        };
        found.push(place);
    }
    Ok(found)
}

fn one(
    name: &str,
    known: &[&str],
    types: &[String],
    all: &[String],
) -> Result<(u32, Option<String>), String> {
    let place = |symbol: &str| known.iter().position(|k| *k == symbol).map(|k| k as u32);
    if let Some(place) = place(name) {
        return Ok((place, None));
    }
    if let Ok(number) = name.parse::<i64>() {
        let numbers = all.iter().filter_map(|name| name.parse().ok());
        let ambiguous = types.is_empty() && may_be_types(numbers, known.len());
        return of_number(number, known, types, ambiguous);
    }
    let mut alike = known.iter().filter(|k| k.eq_ignore_ascii_case(name));
    if let (Some(symbol), None) = (alike.next(), alike.next()) {
        let warning = format!("the species {name} of the file is taken as {symbol}");
        return Ok((place(symbol).expect("one of the known"), Some(warning)));
    }
    let advice =
        if name.contains([',', ';']) { "; columns are divided by white space alone" } else { "" };
    Err(format!("but the potential has only {}{advice}", known.join(", ")))
}

fn of_number(
    number: i64,
    known: &[&str],
    types: &[String],
    ambiguous: bool,
) -> Result<(u32, Option<String>), String> {
    if ambiguous && (1..=known.len() as i64).contains(&number) {
        return Err(format!(
            "which may be a type or an atomic number: `types` names the element of type 1, 2, ...; or \
             write symbols ({}) in the file",
            known.join(", ")
        ));
    }
    let symbol = numbered(number, types)?;
    match known.iter().position(|k| *k == symbol) {
        Some(place) => {
            let warning = format!("the species {number} is taken as an atomic number: {symbol}");
            Ok((place as u32, types.is_empty().then_some(warning)))
        }
        None => {
            Err(format!("{symbol} by this number, but the potential has only {}", known.join(", ")))
        }
    }
}

/// Whether all numbers of a file may be types of so many elements; one beyond them shows that
/// they are atomic numbers.
pub fn may_be_types(mut numbers: impl Iterator<Item = i64>, elements: usize) -> bool {
    numbers.all(|number| (1..=elements as i64).contains(&number))
}

/// The name of a number: that of the type 1, 2, ... of `types`, if the input names any, or the
/// element of this atomic number. An error says what is wrong with the number.
pub fn numbered(number: i64, types: &[String]) -> Result<String, String> {
    if types.is_empty() {
        return symbol(number).map(String::from).ok_or_else(|| {
            format!(
                "species {number} is no atomic number of an element, and the file has no name for \
                 it: if it is the number of a type, write `types`, the element of type 1, 2, ..."
            )
        });
    }
    let place = usize::try_from(number).ok().and_then(|number| number.checked_sub(1));
    place
        .and_then(|place| types.get(place).cloned())
        .ok_or_else(|| format!("species {number}: `types` names only 1 to {}", types.len()))
}

/// Names of the column of masses, g/mol.
pub const MASSES: [&str; 2] = ["masses", "mass"];

/// Masses of the file that are not those of the elements.
pub fn masses(frame: &Frame, warnings: &mut Vec<String>) {
    let Some(masses) = MASSES.iter().find_map(|name| frame.column(name)?.numbers()) else { return };
    let mut told: Vec<&str> = Vec::new();
    for (name, mass) in frame.species.iter().zip(masses) {
        if !told.contains(&name.as_str()) && is_other(name, mass) {
            told.push(name);
            warnings.push(format!(
                "the file gives an atom of {name} the mass {mass} g/mol: masses are those of the \
                 potential's library"
            ));
        }
    }
}

/// Whether this can be no mass of the element.
pub fn is_other(symbol: &str, mass: f64) -> bool {
    atomic_weight(symbol).is_some_and(|weight| (mass - weight).abs() > OTHER_MASS * weight)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn resolved(names: &[&str], types: &[&str]) -> (Result<Vec<u32>, String>, Vec<String>) {
        let all = |names: &[&str]| names.iter().map(|n| n.to_string()).collect::<Vec<_>>();
        let mut warnings = Vec::new();
        let found = resolve(&all(names), &["Pt", "Fe", "Co"], &all(types), &mut warnings);
        (found, warnings)
    }

    #[test]
    fn symbols_in_any_capitals_and_atomic_numbers() {
        assert_eq!(resolved(&["Fe", "Pt", "Fe"], &[]), (Ok(vec![1, 0, 1]), vec![]));
        let (found, warnings) = resolved(&["PT", "pt", "26", "PT"], &[]);
        assert_eq!(found, Ok(vec![0, 0, 1, 0]));
        assert_eq!(
            warnings,
            [
                "the species PT of the file is taken as Pt",
                "the species pt of the file is taken as Pt",
                "the species 26 is taken as an atomic number: Fe"
            ]
        );
    }

    #[test]
    fn numbers_are_types_where_the_input_names_them() {
        assert_eq!(resolved(&["1", "2"], &["Fe", "Pt"]), (Ok(vec![1, 0]), vec![]));
        let told = |names: &[&str], types: &[&str]| resolved(names, types).0.unwrap_err();
        assert_eq!(
            told(&["1", "3"], &["Fe", "Pt"]),
            "atom 1 (counted from 0) is 3, species 3: `types` names only 1 to 2"
        );
        assert!(told(&["1", "2"], &[]).starts_with(
            "atom 0 (counted from 0) is 1, which may be a type or an atomic number: `types` names"
        ));
        assert_eq!(
            told(&["79"], &[]),
            "atom 0 (counted from 0) is 79, Au by this number, but the potential has only Pt, Fe, Co"
        );
        assert!(told(&["1001"], &[]).contains("species 1001 is no atomic number of an element"));
    }

    #[test]
    fn a_number_beyond_the_types_shows_that_all_are_atomic_numbers() {
        let known = ["Fe", "H"];
        let names = |list: &[&str]| list.iter().map(|n| n.to_string()).collect::<Vec<_>>();
        let mut warnings = Vec::new();
        assert_eq!(resolve(&names(&["1", "26"]), &known, &[], &mut warnings), Ok(vec![1, 0]));
        assert_eq!(warnings[0], "the species 1 is taken as an atomic number: H");
        for all in [&["1", "2"][..], &["1"]] {
            let message = resolve(&names(all), &known, &[], &mut warnings).unwrap_err();
            assert!(message.contains("which may be a type or an atomic number"), "{message}");
        }
    }

    #[test]
    fn other_names_are_refused() {
        let told = |name: &str| resolved(&[name], &[]).0.unwrap_err();
        assert_eq!(
            told("Au"),
            "atom 0 (counted from 0) is Au, but the potential has only Pt, Fe, Co"
        );
        assert!(told("Pt,").ends_with("; columns are divided by white space alone"));
    }

    #[test]
    fn an_isotope_is_the_element_and_another_element_is_not() {
        assert!(!is_other("Fe", 55.847) && !is_other("Pt", 190.0) && is_other("Pt", 55.8));
        assert!(!is_other("AlS", 1.0), "no element, no weight");
    }
}
