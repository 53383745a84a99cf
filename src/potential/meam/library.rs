//! The library file: entries of 19 values, which may span lines,
//!
//! elt lat z ielement atwt alpha b0 b1 b2 b3 alat esub asub t0 t1 t2 t3 rozero ibar
//!
//! as the documentation of LAMMPS' `pair_style meam` describes it. Text may stand in
//! quotes, `#` begins a comment, numbers may be written in any way (`3.` for ibar);
//! of two entries with one name the first counts.

use crate::error::{Error, Result};
use crate::input::symbol_and_entry;
use crate::potential::lattice::Lattice;
use crate::potential::text::{self, Word, words_of};
use std::path::Path;

/// One element as the library describes it.
#[derive(Debug, Clone, PartialEq)]
pub struct Element {
    /// What the user calls it: the species of the structure files.
    pub symbol: String,
    /// The name of its entry in the library.
    pub entry: String,
    pub lattice: Lattice,
    /// `ielement`, which is the nuclear charge that the repulsion of `zbl` takes and nothing
    /// else: published libraries use it as filler. The element is known by its symbol.
    pub charge: i32,
    /// g/mol
    pub mass: f64,
    pub alpha: f64,
    /// Decay of the partial densities.
    pub beta: [f64; 4],
    /// Nearest-neighbour distance of the reference structure, Å: from `alat`, or `re`.
    pub distance: f64,
    /// eV per atom
    pub energy: f64,
    /// A of the embedding function.
    pub embedding: f64,
    /// Weights of the angular densities, t1 t2 t3, as the file has them.
    pub weights: [f64; 3],
    /// Scale of its density.
    pub density: f64,
    /// Form of G: 0, 1, 3, 4 or -5.
    pub ibar: i32,
}

const VALUES: [&str; 19] = [
    "elt", "lat", "z", "ielement", "atwt", "alpha", "b0", "b1", "b2", "b3", "alat", "esub", "asub",
    "t0", "t1", "t2", "t3", "rozero", "ibar",
];

/// The number of values of an entry for `pair_style meam/ms`.
const MODIFIED: usize = 25;

/// Tables grow with the third power of the number of elements.
const MOST_ELEMENTS: usize = 32;

/// The elements that `wanted` names, each either `Pt` or, where the entry has
/// another name, `Ni=Ni4`; and what deserves a second look.
pub fn read(path: &Path, wanted: &[String]) -> Result<(Vec<Element>, Vec<String>)> {
    let text = text::of_potential(path)?;
    let (text, mut said) = text::replace_typography(path, &text);
    let entries = split(path, &text)?;
    if wanted.is_empty() {
        return Err(Error::input(path, 0, 0, "no element is named: which entries are wanted?"));
    }
    if wanted.len() > MOST_ELEMENTS {
        let message =
            format!("{} elements are named; at most {MOST_ELEMENTS} may be", wanted.len());
        return Err(Error::input(path, 0, 0, message));
    }
    let mut elements: Vec<Element> = Vec::new();
    for name in wanted {
        let (symbol, entry) = symbol_and_entry(name);
        if elements.iter().any(|e| e.symbol == symbol) {
            return Err(Error::input(path, 0, 0, format!("the element `{symbol}` is named twice")));
        }
        let Some(words) = entries.iter().find(|words| words[0].text == entry) else {
            return Err(Error::input(path, 0, 0, missing_entry(entry, &entries)));
        };
        elements.push(Element { symbol: symbol.into(), ..parse(path, words)? });
        said.extend(warnings(path, words, &entries));
    }
    Ok((elements, said))
}

fn missing_entry(entry: &str, entries: &[Vec<Word>]) -> String {
    let mut names: Vec<&str> = entries.iter().map(|words| words[0].text).collect();
    names.dedup();
    let nearest = names
        .iter()
        .max_by(|a, b| strsim::jaro_winkler(a, entry).total_cmp(&strsim::jaro_winkler(b, entry)));
    match nearest {
        None => format!("no entry `{entry}`: the file holds no entry at all"),
        Some(nearest) if names.len() > 12 => {
            format!("no entry `{entry}` among {}; did you mean `{nearest}`?", names.len())
        }
        Some(nearest) => {
            format!("no entry `{entry}`; there are {}; did you mean `{nearest}`?", names.join(", "))
        }
    }
}

/// Groups the words of whole lines into entries, as LAMMPS does: a line that completes one
/// ends it, with whatever stands behind. Titles without `#` are entries that nobody asks
/// for; those of another length than an entry end where a line looks like its first.
fn split<'a>(path: &Path, text: &'a str) -> Result<Vec<Vec<Word<'a>>>> {
    let is_number = |word: Option<&Word>| word.is_some_and(|w| w.as_number().is_some());
    let names_lattice =
        |words: &[Word]| words.get(1).is_some_and(|w| Lattice::from_name(w.text).is_some());
    let mut entries: Vec<Vec<Word>> = Vec::new();
    let mut entry: Vec<Word> = Vec::new();
    for (number, line) in text.lines().enumerate() {
        let words = words_of(line, number + 1, &[]);
        // A name where a number should stand: the entry before it is too short, or a title.
        if !entry.is_empty() && !words.is_empty() && !is_number(words.first()) {
            if entry.len() > 1 && (is_number(entry.get(2)) || names_lattice(&entry)) {
                return Err(wrong_count(path, &entry));
            }
            if names_lattice(&words) && is_number(words.get(2)) {
                entry.clear();
            }
        }
        entry.extend(words);
        if entry.len() >= VALUES.len() {
            entries.push(std::mem::take(&mut entry));
        }
    }
    match is_number(entry.get(2)) || names_lattice(&entry) {
        true => Err(wrong_count(path, &entry)),
        false => Ok(entries.into_iter().filter(|entry| is_number(entry.get(2))).collect()),
    }
}

fn wrong_count(path: &Path, entry: &[Word]) -> Error {
    let (first, count) = (entry[0], entry.len());
    let hint = match VALUES.get(count) {
        Some(next) => format!("`{next}` and what follows is missing"),
        None if count == MODIFIED => "that is the form of `meam/ms`, which is not supported".into(),
        None => "each entry must begin a line of its own".into(),
    };
    first.error(
        path,
        format!(
            "the entry `{}` has {count} values instead of {}: {hint}",
            first.text,
            VALUES.len()
        ),
    )
}

/// What a second look should go to in an entry that is taken.
fn warnings(path: &Path, words: &[Word], entries: &[Vec<Word>]) -> Vec<String> {
    let mut warnings = Vec::new();
    let name = words[0].text;
    if let Some(extra) = words.get(VALUES.len()) {
        let place = extra.place(path);
        warnings.push(format!(
            "{place}: the entry `{name}` has {} values instead of {}: what stands from `{}` on is not read",
            words.len(),
            VALUES.len(),
            extra.text
        ));
    }
    let texts = |entry: &[Word]| entry.iter().map(|w| w.text.to_string()).collect::<Vec<_>>();
    let mut others = entries.iter().filter(|e| e[0].text == name && texts(e) != texts(words));
    if let Some(other) = others.next() {
        warnings.push(format!(
            "{}: another entry `{name}`, with other values: that of line {} counts, the first of {}",
            other[0].place(path),
            words[0].line,
            others.count() + 2
        ));
    }
    warnings
}

fn parse(path: &Path, words: &[Word]) -> Result<Element> {
    if words.len() == MODIFIED || words.len() >= 2 * VALUES.len() {
        return Err(wrong_count(path, words));
    }
    let number = |k: usize| words[k].number(path, VALUES[k]);
    let positive = |k: usize| match number(k)? {
        x if x > 0.0 => Ok(x),
        x => Err(words[k].error(path, format!("`{}` is {x} but must be positive", VALUES[k]))),
    };
    let lattice = match Lattice::from_name(words[1].text) {
        Some(lattice) if lattice.is_elemental() => lattice,
        Some(_) => {
            let message = format!("`{}` is no lattice of a single element", words[1].text);
            return Err(words[1].error(path, message));
        }
        None => return Err(words[1].error(path, unknown_lattice(words[1].text))),
    };
    if number(2)? != lattice.coordination() as f64 {
        let message = format!(
            "z is {}, but {} has {} nearest neighbours",
            words[2].text,
            lattice.name(),
            lattice.coordination()
        );
        return Err(words[2].error(path, message));
    }
    if number(13)? != 1.0 {
        let message = "t0 is not 1: divide rozero and t1 to t3 so that it is";
        return Err(words[13].error(path, message));
    }
    let ibar = words[18].integer(path, "ibar")?;
    if ![0, 1, 3, 4, -5].contains(&ibar) {
        return Err(words[18].error(path, format!("ibar is {ibar}; known are 0, 1, 3, 4 and -5")));
    }
    Ok(Element {
        symbol: String::new(),
        entry: words[0].text.into(),
        lattice,
        charge: words[3].integer(path, "ielement")?,
        mass: positive(4)?,
        alpha: number(5)?,
        beta: [number(6)?, number(7)?, number(8)?, number(9)?],
        distance: number(10)? * lattice.distance_over_constant(),
        energy: number(11)?,
        embedding: number(12)?,
        weights: [number(14)?, number(15)?, number(16)?],
        density: number(17)?,
        ibar,
    })
}

pub(super) fn unknown_lattice(name: &str) -> String {
    let names: Vec<&str> = Lattice::all_names().collect();
    format!("`{name}` is no known lattice; known are {}", names.join(" "))
}
