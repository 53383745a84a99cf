//! Who is who in a trajectory: the number of each species, and beside the numbers of
//! the atoms (`schema::SPECIES`) what each of them is called.
//!
//! A species is its symbol. The number of a chemical element is its atomic number, so that
//! every reader shows the element; any other name (`Ni4`, `AlS`) gets one that no element
//! has. Numbers of libraries (`ielement`) are often filler and play no part.

use super::hdf5::{Attribute, File};
use super::schema;
use crate::atoms::Species;
use crate::elements::atomic_number;
use crate::error::Result;

/// Number of the first species, if it is no chemical element; those after it follow.
const FIRST_OF_OTHERS: i32 = 1001;

/// Attributes of the numbers of the atoms: symbols, and the number of each.
const NAMES: &str = "names";
const NUMBERS: &str = "numbers";

/// The number of each species in a file, in their order.
pub fn numbers(species: &[Species]) -> Vec<i32> {
    let other = |index: usize| FIRST_OF_OTHERS + index as i32;
    let number = |(index, kind): (usize, &Species)| {
        atomic_number(&kind.symbol).map_or(other(index), |number| number as i32)
    };
    species.iter().enumerate().map(number).collect()
}

/// Writes the names beside the numbers, once.
pub fn write(file: &File, species: &[Species]) -> Result<()> {
    let path = schema::SPECIES.value();
    let names: Vec<&str> = species.iter().map(|kind| kind.symbol.as_str()).collect();
    file.set_attribute(&path, NAMES, Attribute::FixedList(&names))?;
    file.set_attribute(&path, NUMBERS, Attribute::Integers(&numbers(species)))
}

/// Whether a file has names beside its numbers; those of earlier versions do not.
pub fn are_named(file: &File) -> Result<bool> {
    file.has_attribute(&schema::SPECIES.value(), NAMES)
}

/// Number and symbol of each species of a file, by rising number. One of an earlier version
/// may give several species the same number.
pub fn read(file: &File) -> Result<Vec<(i32, String)>> {
    let mut list: Vec<(i32, String)> = if are_named(file)? {
        let path = schema::SPECIES.value();
        let numbers = file.numbers_attribute(&path, NUMBERS)?;
        numbers.into_iter().zip(file.text_list_attribute(&path, NAMES)?).collect()
    } else {
        let here = format!("{}/species", schema::PARAMETERS);
        let numbered = |symbol: String| {
            let path = format!("{here}/{symbol}");
            Ok((file.number_attribute(&path, "atomic_number")?, symbol))
        };
        file.members(&here)?.into_iter().map(numbered).collect::<Result<_>>()?
    };
    list.sort();
    Ok(list)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_follow_from_symbols_and_others_are_beyond_all_elements() {
        let named = |symbol: &str| Species { symbol: symbol.into(), mass: 1.0, atomic_number: 1 };
        let species = ["Pt", "Ni4", "Co", "D"].map(named);
        assert_eq!(numbers(&species), [78, 1002, 27, 1004]);
    }
}
