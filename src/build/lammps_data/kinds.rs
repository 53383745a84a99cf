//! Atom types: their elements by the input (`types`) or by the labels of the file, held
//! against the masses of the file and the names behind them.

use super::header::Section;
use super::{not_a, number, without_comment};
use crate::build::species::{is_other, may_be_types};
use crate::build::text::{Lines, Word, words};
use crate::elements::{atomic_number, atomic_weight, symbol};
use crate::error::{Error, Result};
use std::collections::BTreeSet;
use std::io::BufRead;

/// Relative difference of a mass from the atomic weight of the element that it means.
const SAME_MASS: f64 = 0.01;

/// What the file says of a type.
#[derive(Debug, Clone, Default)]
struct Kind {
    label: Option<String>,
    /// g/mol, and the line on which it stands.
    mass: Option<(f64, usize)>,
    /// The name behind the mass, if it is that of an element.
    comment: Option<String>,
}

pub struct Kinds<'a> {
    types: &'a [String],
    all: Vec<Kind>,
}

impl<'a> Kinds<'a> {
    /// `types` of the input; `count` of the header.
    pub fn new(types: &'a [String], count: Option<usize>) -> Kinds<'a> {
        // A damaged header asks for no memory.
        let count = count.filter(|&n| n <= 1_000_000).unwrap_or(types.len());
        Kinds { types, all: vec![Kind::default(); count] }
    }

    pub fn count(&self) -> usize {
        self.all.len()
    }

    pub fn read_labels<R: BufRead>(
        &mut self,
        lines: &mut Lines<R>,
        section: &Section,
    ) -> Result<()> {
        self.each_line(lines, section, |kinds, lines| {
            let all: Vec<Word> = words(without_comment(lines.text()).0).collect();
            let (Some(first), Some(label)) = (all.first(), all.get(1)) else {
                return Err(lines.error(1, "a number and a label are wanted here"));
            };
            let kind = kinds.number(lines, *first)?;
            kinds.all[kind].label = Some(label.text.into());
            Ok(())
        })
    }

    pub fn read_masses<R: BufRead>(
        &mut self,
        lines: &mut Lines<R>,
        section: &Section,
    ) -> Result<()> {
        self.each_line(lines, section, |kinds, lines| {
            let (text, comment) = without_comment(lines.text());
            let all: Vec<Word> = words(text).collect();
            let Some(&word) = all.first() else { return Ok(()) };
            let kind = kinds.place(lines, word)?;
            let mass = number(lines, all.get(1))?;
            let name = words(comment).next().map(|word| word.text.to_string());
            kinds.all[kind].mass = Some((mass, lines.number()));
            kinds.all[kind].comment = name.filter(|name| atomic_number(name).is_some());
            Ok(())
        })
    }

    /// Takes the line of each type.
    fn each_line<R: BufRead>(
        &mut self,
        lines: &mut Lines<R>,
        section: &Section,
        take: impl Fn(&mut Self, &Lines<R>) -> Result<()>,
    ) -> Result<()> {
        let count = self.count();
        (0..count).try_for_each(|done| {
            section.entry(lines, done, count)?;
            take(self, lines)
        })
    }

    /// The place of a type by its number.
    fn number<R: BufRead>(&self, lines: &Lines<R>, word: Word) -> Result<usize> {
        let number: i64 = word.text.parse().map_err(|_| not_a(lines, word, "an atom type"))?;
        let place = usize::try_from(number).ok().and_then(|n| n.checked_sub(1));
        place.filter(|&place| place < self.count()).ok_or_else(|| {
            let message = match self.types.len() == self.count() {
                true => format!(
                    "atom type {number}: `types` in the input names the elements of types 1 to {}",
                    self.types.len()
                ),
                false => format!("atom type {number}: the header says {} atom types", self.count()),
            };
            lines.error(word.column, message)
        })
    }

    /// The same by its label, too.
    fn place<R: BufRead>(&self, lines: &Lines<R>, word: Word) -> Result<usize> {
        let label = |kind: &Kind| kind.label.as_deref() == Some(word.text);
        match self.all.iter().position(label) {
            Some(place) => Ok(place),
            None => self.number(lines, word),
        }
    }

    /// The element of the type of an atom: of the input's `types`, or else the label; none
    /// where there are neither.
    pub fn symbol<R: BufRead>(&self, lines: &Lines<R>, word: Word) -> Result<Option<String>> {
        let place = self.place(lines, word)?;
        let label = self.all[place].label.as_ref();
        let symbol = if self.types.is_empty() { label } else { self.types.get(place) };
        match symbol {
            None if !self.types.is_empty() => Err(lines.error(
                word.column,
                format!(
                    "atom type {}: `types` in the input names the elements of types 1 to {}",
                    word.text,
                    self.types.len()
                ),
            )),
            symbol => Ok(symbol.cloned()),
        }
    }

    /// Whether the types of the atoms are atomic numbers: none can be the type of one of so many
    /// elements, and the masses are theirs.
    pub fn are_atomic_numbers(&self, used: &[String], elements: usize) -> bool {
        let used: BTreeSet<i64> = used.iter().filter_map(|name| name.parse().ok()).collect();
        let fits = |&number: &i64| {
            let place = usize::try_from(number).ok().and_then(|number| number.checked_sub(1));
            let kind = place.and_then(|place| self.all.get(place));
            let mass = kind.and_then(|kind| kind.mass);
            symbol(number).is_some_and(|symbol| !mass.is_some_and(|(m, _)| is_other(symbol, m)))
        };
        !used.is_empty() && !may_be_types(used.iter().copied(), elements) && used.iter().all(fits)
    }

    /// An error: nothing says what this type is.
    pub fn unnamed<R: BufRead>(&self, lines: &Lines<R>, word: Word) -> Error {
        let guess: Option<Vec<String>> = self.all.iter().map(Kind::guess).collect();
        let advice = guess
            .filter(|all| !all.is_empty())
            .map_or(String::new(), |all| format!("; by its masses it may be `types = {all:?}`"));
        lines.error(
            word.column,
            format!(
                "which element is atom type {}? Write `types` under `[structure]`, the element of \
                 type 1, 2, ...{advice}",
                word.text
            ),
        )
    }

    /// Holds the elements of the types against all that the file says of them.
    ///
    /// # Errors
    /// A label of another element, or a mass that is that of another of the elements.
    pub fn finish<R: BufRead>(&self, lines: &Lines<R>, warnings: &mut Vec<String>) -> Result<()> {
        if !self.types.is_empty() && self.types.len() != self.count() {
            warnings.push(format!(
                "`types` names {} elements, and the file has {} atom types",
                self.types.len(),
                self.count()
            ));
        }
        for (i, kind) in self.all.iter().enumerate() {
            let named = self.types.get(i).or(kind.label.as_ref());
            let Some(symbol) = named else { continue };
            let others = self.types.iter().chain(self.all.iter().filter_map(|k| k.label.as_ref()));
            let others: Vec<&str> = others.map(String::as_str).collect();
            kind.check((i + 1, symbol), &others, lines, warnings)?;
        }
        Ok(())
    }
}

impl Kind {
    /// The element that its mass or the name behind it means.
    fn guess(&self) -> Option<String> {
        self.label.clone().or(self.comment.clone()).or_else(|| Some(by_mass(self.mass?.0)?.into()))
    }

    fn check<R: BufRead>(
        &self,
        (number, symbol): (usize, &str),
        others: &[&str],
        lines: &Lines<R>,
        warnings: &mut Vec<String>,
    ) -> Result<()> {
        if let Some(label) = self.label.as_ref().filter(|label| *label != symbol) {
            let message = format!(
                "atom type {number} is {symbol} by `types` of the input, and {label} by its label in the \
                 file: leave `types` out or mend it"
            );
            return Err(Error::input(lines.path(), 0, 0, message));
        }
        let Some((mass, line)) = self.mass.filter(|(mass, _)| is_other(symbol, *mass)) else {
            let other = self.comment.as_ref().filter(|name| {
                *name != symbol && atomic_number(symbol).is_some() && self.mass.is_some()
            });
            warnings.extend(other.map(|name| {
                format!("atom type {number} is {symbol}, and {name} in a comment of the file")
            }));
            return Ok(());
        };
        let weight = atomic_weight(symbol).unwrap_or_default();
        let other = by_mass(mass);
        if let Some(other) = other.filter(|other| others.contains(other)) {
            let (by, advice) = match &self.label {
                Some(_) => ("its label", "the file contradicts itself"),
                None => ("the input", "is `types` in the order of the file?"),
            };
            let message = format!(
                "atom type {number} has the mass {mass} g/mol, which is that of {other}, and by {by} \
                 it is {symbol} ({weight} g/mol): {advice}"
            );
            return Err(Error::input(lines.path(), line, 1, message));
        }
        let of = other.map_or(String::new(), |other| format!(" (that of {other})"));
        warnings.push(format!(
            "atom type {number} has the mass {mass} g/mol{of} in the file, and {symbol} {weight}: \
             masses are those of the potential's library"
        ));
        Ok(())
    }
}

/// The element whose atomic weight is nearest to a mass, if it is near.
fn by_mass(mass: f64) -> Option<&'static str> {
    let off = |symbol: &str| atomic_weight(symbol).map_or(f64::MAX, |w| (w - mass).abs());
    let symbols = (1..).map_while(crate::elements::symbol);
    let nearest = symbols.min_by(|a, b| off(a).total_cmp(&off(b)))?;
    (off(nearest) <= SAME_MASS * mass).then_some(nearest)
}
