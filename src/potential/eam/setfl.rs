//! DYNAMO `setfl` files: three comments; the elements; nrho, drho, nr, dr, cutoff; for each
//! element its number, mass, lattice constant and lattice, then F(ρ) and ρ(r) (`eam/fs`: a ρ(r)
//! for every element at whose place it is); then r φ(r) of the pairs 1-1, 2-1, 2-2, 3-1, ...

use super::numbers::{Numbers, energy_unit};
use super::{Element, Tables, format};
use crate::error::{Error, Result};
use crate::input::{did_you_mean, symbol_and_entry};
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
///
/// # Errors
/// [`Error::Input`] with the place of whatever is missing or wrong, with the line of the grids where the
/// file is one of another form, or with no line where it lacks an element.
pub fn read(path: &Path, wanted: &[String], form: Form) -> Result<Tables> {
    let text = text::of_potential(path)?;
    if format::looks_like_funcfl(&text) {
        let message = "this looks like a `funcfl` file, of one element: `kind` is \"eam\" then";
        return Err(Error::input(path, 2, 1, message));
    }
    let mut numbers = Numbers::new(path, &text);
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

    let grid = Grid { unit, density_knots, knots };
    let read = Body::read(&mut numbers, path, &names, form, grid);
    let rest = numbers.end();
    if read.is_err() || rest.is_err() {
        form.is_likely(path, &text, [count, density_knots, knots])?;
    }
    let Body { elements, embedding, density, lower, angular } = read?;
    let mut warnings = Vec::new();
    if let Err(word) = rest {
        let place = word.place(path);
        warnings.push(format!(
            "{place}: more numbers than the tables of {count} elements need: what stands from here on is \
             not read"
        ));
    }
    let end = spacing * (knots - 1) as f64;
    if cutoff > end * (1.0 + 1e-9) && ends_high(&[&density, &lower]) {
        warnings.push(format!(
            "{}: the cutoff {cutoff} Å lies beyond the end of its tables at {end} Å, from where on \
             their last values count, which are not zero",
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
        density_of: pairs().map(|(i, j)| if form.by_pair() { j * count + i } else { j }).collect(),
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

impl Form {
    /// As `kind` in the input.
    fn kind(self) -> &'static str {
        match self {
            Form::Alloy => "eam/alloy",
            Form::FinnisSinclair => "eam/fs",
            Form::Angular => "adp",
        }
    }

    /// Whether densities depend on the element at whose place they are.
    fn by_pair(self) -> bool {
        self == Form::FinnisSinclair
    }

    /// How many numbers stand behind the grids, of so many elements, knots of F and knots of r.
    fn numbers(self, [elements, density_knots, knots]: [usize; 3]) -> usize {
        /// Atomic number, mass and lattice constant.
        const HEADER: usize = 3;
        let pairs = elements * (elements + 1) / 2;
        let densities = if self.by_pair() { elements * elements } else { elements };
        let of_pairs = if self == Form::Angular { 3 * pairs } else { pairs };
        elements * (HEADER + density_knots) + (densities + of_pairs) * knots
    }

    /// That a file which does not have the numbers of this form does not have just those of another.
    ///
    /// # Errors
    /// Where it has.
    fn is_likely(self, path: &Path, text: &str, counts: [usize; 3]) -> Result<()> {
        const LINES_BEFORE: usize = 5;
        let lines = text.lines().enumerate().skip(LINES_BEFORE);
        let words = lines.flat_map(|(n, line)| words_of(line, n + 1, &[]));
        let found = words.filter(|word| word.as_number().is_some()).count();
        let is_of = |form: &Form| form.numbers(counts) == found;
        if is_of(&self) {
            return Ok(());
        }
        match [Form::Alloy, Form::FinnisSinclair, Form::Angular].iter().find(|form| is_of(form)) {
            Some(other) => {
                let message = format!(
                    "behind this line stand the {found} numbers of a file for `kind = \"{}\"`, and the \
                     input says \"{}\" ({} numbers)",
                    other.kind(),
                    self.kind(),
                    self.numbers(counts)
                );
                Err(Error::input(path, LINES_BEFORE, 1, message))
            }
            None => Ok(()),
        }
    }
}

#[derive(Clone, Copy)]
struct Grid {
    /// Energies of the file in eV.
    unit: f64,
    density_knots: usize,
    knots: usize,
}

/// What stands behind the grids.
struct Body {
    elements: Vec<Element>,
    embedding: Vec<Vec<f64>>,
    density: Vec<Vec<f64>>,
    /// r φ(r) of the pairs 1-1, 2-1, 2-2, 3-1, ...
    lower: Vec<Vec<f64>>,
    /// u and w of the same.
    angular: Option<[Vec<Vec<f64>>; 2]>,
}

impl Body {
    fn read(
        numbers: &mut Numbers,
        path: &Path,
        names: &[String],
        form: Form,
        grid: Grid,
    ) -> Result<Body> {
        let Grid { unit, density_knots, knots } = grid;
        let count = names.len();
        let (mut elements, mut embedding, mut density) = (Vec::new(), Vec::new(), Vec::new());
        for name in names {
            let header =
                numbers.line_of_words("atomic number, mass, lattice constant and lattice")?;
            elements.push(Element::of_header(path, name, &header)?);
            let f = numbers.reals(density_knots, "F(rho)")?;
            embedding.push(f.into_iter().map(|energy| unit * energy).collect::<Vec<_>>());
            for _ in 0..if form.by_pair() { count } else { 1 } {
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
        Ok(Body { elements, embedding, density, lower, angular })
    }
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

/// Whether a table ends with more than a millionth of what it has where atoms come to stand.
fn ends_high(tables: &[&[Vec<f64>]]) -> bool {
    const NOTHING: f64 = 1e-6;
    tables.iter().copied().flatten().any(|table| {
        let (middle, last) = (table[table.len() / 2], table[table.len() - 1]);
        last.abs() > NOTHING * middle.abs().max(NOTHING)
    })
}

/// What the user calls each wanted element, and its place in the file.
fn chosen(path: &Path, wanted: &[String], names: &[String]) -> Result<Vec<(String, usize)>> {
    let one = |name: &String| {
        let (symbol, entry) = symbol_and_entry(name);
        match names.iter().position(|name| name == entry) {
            Some(place) => Ok((symbol.to_string(), place)),
            None => {
                let meant = did_you_mean(entry, names.iter().map(String::as_str));
                let message =
                    format!("no element `{entry}`; there are {}{meant}", names.join(", "));
                Err(Error::input(path, 0, 0, message))
            }
        }
    };
    wanted.iter().map(one).collect()
}
