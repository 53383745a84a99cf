//! Species that a file gives as numbers: of types that the input names, or else of
//! chemical elements.

use crate::elements::symbol;

/// The species of a number: the type 1, 2, ... of `types`, if the input names any, or the
/// element of this atomic number. An error says what is wrong with the number.
pub fn species(number: i64, types: &[String]) -> Result<String, String> {
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

/// Names the species of a text file that are numbers, as OVITO writes types without a name.
/// An error if the input names types of a file that names its species.
pub fn name_all(species: &mut [String], types: &[String]) -> Result<(), String> {
    let mut numbers = species.iter().filter_map(|word| word.parse::<i64>().ok()).peekable();
    if numbers.peek().is_none() {
        return match types.is_empty() || species.is_empty() {
            true => Ok(()),
            false => {
                Err("the file names its species itself: leave `types` out of `[structure]`".into())
            }
        };
    }
    for word in species {
        if let Ok(number) = word.parse() {
            *word = self::species(number, types)?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(list: &[&str]) -> Vec<String> {
        list.iter().map(|word| word.to_string()).collect()
    }

    #[test]
    fn numbers_are_elements_or_the_types_of_the_input() {
        let named = |species: &[&str], types: &[&str]| {
            let mut all = words(species);
            name_all(&mut all, &words(types)).map(|()| all)
        };
        assert_eq!(named(&["78", "26"], &[]).unwrap(), ["Pt", "Fe"]);
        assert_eq!(named(&["2", "1"], &["Pt", "Fe"]).unwrap(), ["Fe", "Pt"]);
        assert_eq!(named(&["Pt", "AlS"], &[]).unwrap(), ["Pt", "AlS"]);
        assert!(named(&["Pt"], &["Fe"]).unwrap_err().contains("names its species itself"));
        assert!(named(&["1001"], &[]).unwrap_err().contains("species 1001 is no atomic number"));
        assert_eq!(named(&["3"], &["Pt"]).unwrap_err(), "species 3: `types` names only 1 to 1");
    }
}
