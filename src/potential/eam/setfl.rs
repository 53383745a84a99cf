//! DYNAMO `setfl` files: three comments; the elements; nrho, drho, nr, dr, cutoff; for each
//! element its number, mass, lattice constant and lattice, then F(ρ) and ρ(r) (`eam/fs`: a ρ(r)
//! for every element at whose place it is); then r φ(r) of the pairs 1-1, 2-1, 2-2, 3-1, ...

use super::numbers::{Numbers, energy_unit};
use super::{Element, Tables};
use crate::error::{Error, Result};
use crate::potential::text::{self, words_of};
use std::path::Path;

/// What such a file holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Form {
    Alloy,
    FinnisSinclair,
    /// As `adp`: behind φ come u and w of the same pairs.
    Angular,
}

/// The elements that `wanted` names (`Cu`, or `Cu=Cu1` where the file has another name).
pub fn read(path: &Path, wanted: &[String], form: Form) -> Result<Tables> {
    let by_pair = form == Form::FinnisSinclair;
    let text = text::of_potential(path)?;
    let mut numbers = Numbers::new(path, &text);
    numbers.advice = match form {
        Form::Alloy => "; is the file one for `eam/fs`?",
        _ => "; is the file one for `eam/alloy`?",
    };
    // One for `eam/fs` or `adp` has more tables than one for `eam/alloy`, not fewer.
    numbers.advice_at_end = match form {
        Form::Alloy => "; it was probably cut short",
        _ => "; it was cut short, or is one for `eam/alloy`",
    };
    let unit = energy_unit(path, numbers.whole_line("a comment")?)?;
    numbers.whole_line("a comment")?;
    numbers.whole_line("a comment")?;
    let names = names(&mut numbers, path)?;
    let count = names.len();
    let chosen = chosen(path, wanted, &names)?;

    let density_knots = numbers.knots("nrho")?;
    let density_spacing = numbers.positive("drho")?;
    let knots = numbers.knots("nr")?;
    let spacing = numbers.positive("dr")?;
    let cutoff = numbers.positive("cutoff")?;
    numbers.skip_rest_of_line();

    let (mut elements, mut embedding, mut density) = (Vec::new(), Vec::new(), Vec::new());
    for name in &names {
        let header = numbers.line_of_words("atomic number, mass, lattice constant and lattice")?;
        elements.push(Element::of_header(path, name, &header)?);
        let f = numbers.reals(density_knots, "F(rho)")?;
        embedding.push(f.into_iter().map(|energy| unit * energy).collect::<Vec<_>>());
        for _ in 0..if by_pair { count } else { 1 } {
            density.push(numbers.reals(knots, "rho(r)")?);
        }
    }
    let mut triangle_of = |what: &str, unit: f64| -> Result<Vec<Vec<f64>>> {
        let scaled = |values: Vec<f64>| values.into_iter().map(|value| unit * value).collect();
        (0..count * (count + 1) / 2).map(|_| numbers.reals(knots, what).map(scaled)).collect()
    };
    let lower = triangle_of("r phi(r)", unit)?;
    let angular = match form {
        // Their squares are energies.
        Form::Angular => {
            Some([triangle_of("u(r)", unit.sqrt())?, triangle_of("w(r)", unit.sqrt())?])
        }
        _ => None,
    };

    let mut warnings = Vec::new();
    if let Err(word) = numbers.end() {
        let place = word.place(path);
        // Files for other styles have more tables behind these, or fewer densities before.
        let advice = match form {
            Form::Alloy => "is the file `eam/fs` or `adp`?",
            _ => "is the file `eam/alloy`?",
        };
        let message =
            format!("{place}: more numbers than the tables of {count} elements need: {advice}");
        warnings.push(message);
    }
    if cutoff > spacing * (knots - 1) as f64 * (1.0 + 1e-9) {
        let end = spacing * (knots - 1) as f64;
        warnings.push(format!(
            "{}: the cutoff {cutoff} Å lies beyond the end of its tables at {end} Å, from where on \
             their last values count",
            path.display()
        ));
    }
    let elements: Vec<Element> = chosen
        .iter()
        .map(|(symbol, place)| Element { symbol: symbol.clone(), ..elements[*place].clone() })
        .collect();
    elements.iter().for_each(|element| element.contradictions(path, &mut warnings));
    let pairs = || chosen.iter().flat_map(|(_, i)| chosen.iter().map(move |(_, j)| (*i, *j)));
    let triangle = |i: usize, j: usize| i.max(j) * (i.max(j) + 1) / 2 + i.min(j);
    Ok(Tables {
        embedding: chosen.iter().map(|(_, e)| embedding[*e].clone()).collect(),
        // A file says first who gives, then where.
        density_of: pairs().map(|(i, j)| if by_pair { j * count + i } else { j }).collect(),
        energy: pairs().map(|(i, j)| lower[triangle(i, j)].clone()).collect(),
        angular: angular.map(|both| {
            both.map(|tables| pairs().map(|(i, j)| tables[triangle(i, j)].clone()).collect())
        }),
        density,
        elements,
        density_spacing,
        density_end: None,
        spacing,
        cutoff,
        warnings,
    })
}

/// The elements of the file: their number and their names.
fn names(numbers: &mut Numbers, path: &Path) -> Result<Vec<String>> {
    const MOST_ELEMENTS: usize = 32;
    let words = numbers.line_of_words("number of elements and their names")?;
    let count = words[0].integer(path, "number of elements")?;
    if !(1..=MOST_ELEMENTS as i32).contains(&count) {
        let message =
            format!("the file says that it has {count} elements; 1 to {MOST_ELEMENTS} are read");
        return Err(words[0].error(path, message));
    }
    let names: Vec<String> = words[1..].iter().map(|word| word.text.to_string()).collect();
    if names.len() < count as usize {
        let message = format!("{count} elements, but {} names", names.len());
        return Err(words[0].error(path, message));
    }
    Ok(names.into_iter().take(count as usize).collect())
}

/// What the user calls each wanted element, and its place in the file.
fn chosen(path: &Path, wanted: &[String], names: &[String]) -> Result<Vec<(String, usize)>> {
    let one = |name: &String| {
        let (symbol, entry) = name.split_once('=').unwrap_or((name, name));
        match names.iter().position(|name| name == entry) {
            Some(place) => Ok((symbol.to_string(), place)),
            None => {
                let message = format!("no element `{entry}`; there are {}", names.join(", "));
                Err(Error::input(path, 0, 0, message))
            }
        }
    };
    wanted.iter().map(one).collect()
}

/// Whether a text begins as such a file does: for messages only.
pub fn looks_like(text: &str) -> bool {
    let line = text.lines().nth(3).unwrap_or("");
    let words = words_of(line, 4, &[]);
    words.first().and_then(|w| w.text.parse::<usize>().ok()).is_some_and(|n| words.len() == n + 1)
}
