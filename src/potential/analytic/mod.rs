//! Families of potentials whose functions are formulas; their parameters stand in a TOML file.
//!
//! - `gupta`: second-moment approximation of tight binding;
//! - `sutton_chen`: power laws under a root, with their quantum form;
//! - `pairs`: Lennard-Jones, Morse, and Johnson's pieces of cubics.
//!
//! All become the tables of a pair functional (`functional`), on a grid so fine that energies
//! of pairs, and densities, err by less than 10⁻⁹ eV (or 10⁻⁹ of themselves where they are
//! larger than 1) wherever the energy of a pair is below 20 eV. What holds for one pair of species stands in a
//! `[[pair]]`; pairs that have none follow from those of their elements by the `mixing` that the
//! file states. `radial`: how functions end.

use crate::error::{Error, Result};
use crate::input::{PotentialConfig, PotentialKind, Source, did_you_mean, or};
use crate::lanes::InstructionSet;
use crate::potential::functional::{
    Curve, Element, Embedding, Functional, FunctionalTerm, Functions, species,
};
use radial::Radial;
use std::collections::BTreeMap;
use std::fmt::Write;

mod gupta;
mod pairs;
mod radial;
mod sutton_chen;

/// Nearer than this, Å, functions stay as they are: no two atoms come so near
/// (`functional::CLOSEST`), and powers would grow beyond numbers.
const INNERMOST: f64 = 0.45;

/// What a family makes of its file.
pub struct Family {
    /// By pair of the elements of the term, the first not after the second.
    pub pairs: BTreeMap<[usize; 2], PairFunctions>,
    /// A of -A √ρ by element, eV; `None` for a sum over pairs.
    pub factors: Option<Vec<f64>>,
    /// What it is, line by line.
    pub conventions: String,
    pub warnings: Vec<String>,
}

/// The functions of a pair of species.
pub struct PairFunctions {
    /// φ, eV.
    pub energy: Radial,
    pub density: Option<Radial>,
    /// Å
    pub cutoff: f64,
    /// Å: where pieces meet that digits of theirs do not let meet exactly.
    pub joints: Vec<f64>,
}

/// What a file is asked for.
#[derive(Clone, Copy)]
pub struct Wanted<'a> {
    /// The elements of a term, as the file has them.
    pub entries: &'a [&'a str],
    /// Between which of them it acts (their places, the lower first); `None`: all.
    pub pairs: Option<&'a [[usize; 2]]>,
    /// What else may help where the file lacks a pair.
    pub advice: &'static str,
}

impl<'a> Wanted<'a> {
    /// Between all of these elements.
    pub fn all(entries: &'a [&'a str]) -> Wanted<'a> {
        Wanted { entries, pairs: None, advice: "" }
    }

    fn has(self, pair: [usize; 2]) -> bool {
        self.pairs.is_none_or(|chosen| chosen.contains(&pair))
    }
}

/// Parameters of a pair of elements.
pub trait OfPair {
    /// As the file has them.
    fn elements(&self) -> &[String; 2];
}

/// Reads the file of a term, for the species of a force field in their order; those that the
/// term does not name feel nothing of it.
///
/// # Errors
/// [`Error::Input`] with the place of whatever is missing or wrong in the file.
pub fn read(term: &PotentialConfig, field: &[&str]) -> Result<FunctionalTerm> {
    let path = &term.file[0];
    let symbols: Vec<&str> = term.symbols().collect();
    let entries: Vec<&str> = term.entries().collect();
    let chosen = term.chosen_pairs();
    let advice = match chosen {
        None if entries.len() > 1 => {
            "; `pairs` of the term in the input names those between which it acts, if not all do"
        }
        _ => "",
    };
    let wanted = Wanted { entries: &entries, pairs: chosen.as_deref(), advice };
    let mut family = match term.kind {
        PotentialKind::Gupta => gupta::read(path, &entries)?,
        PotentialKind::SuttonChen => sutton_chen::read(path, &entries)?,
        PotentialKind::LennardJones => pairs::lennard_jones(path, wanted)?,
        PotentialKind::Morse => pairs::morse(path, wanted)?,
        PotentialKind::Johnson => pairs::johnson(path, wanted)?,
        _ => unreachable!("not a kind of these"),
    };
    let name = term.file_names();
    let elements: Vec<Element> = symbols
        .iter()
        .map(|&symbol| Element { symbol: symbol.into(), ..Element::default() })
        .collect();
    let mut conventions = format!("{}: {name}", term.kind.name());
    let warnings = std::mem::take(&mut family.warnings);
    let lines = std::mem::take(&mut family.conventions);
    let functions = tabulated(family, &symbols, &elements, field);
    // Writing to a string does not fail.
    let _ = write!(
        conventions,
        ", tables of {} knots every {:.5} Å, cubics between them\n{lines}",
        functions.curves[0].values.len(),
        functions.spacing
    );
    let functional = Functional::new(functions, InstructionSet::choose()?)
        .map_err(|message| Error::input(path, 0, 0, message))?;
    Ok(FunctionalTerm { functional, name, elements, conventions, warnings })
}

/// Tables of these functions for the species of a force field.
fn tabulated(family: Family, symbols: &[&str], elements: &[Element], field: &[&str]) -> Functions {
    let cutoff = family.pairs.values().map(|pair| pair.cutoff).fold(0.0, f64::max);
    let spacing = cutoff / intervals(&family, cutoff) as f64;
    let knots = (cutoff / spacing).round() as usize + 3;
    let of = |function: &dyn Fn(f64) -> [f64; 2]| Curve::of(knots, spacing, function);
    let mut curves = Vec::new();
    let mut place = BTreeMap::new();
    for (&key, pair) in &family.pairs {
        let energy = curves.len();
        curves.push(of(&|r| radial::times_distance(&pair.energy, r)));
        let density = pair.density.as_ref().map(|density| {
            curves.push(of(density));
            energy + 1
        });
        place.insert(key, (energy, density, pair.cutoff));
    }
    let n = field.len();
    let members: Vec<Option<usize>> =
        field.iter().map(|symbol| symbols.iter().position(|own| own == symbol)).collect();
    let pairs: Vec<_> = (0..n * n)
        .map(|p| {
            let (i, j) = members[p / n].zip(members[p % n])?;
            place.get(&[i.min(j), i.max(j)]).copied()
        })
        .collect();
    Functions {
        species: field.iter().map(|symbol| species(symbol, elements)).collect(),
        cutoff,
        cutoffs: (n > 1).then(|| pairs.iter().map(|pair| pair.map_or(0.0, |p| p.2)).collect()),
        spacing,
        curves,
        density: pairs.iter().map(|pair| pair.and_then(|p| p.1)).collect(),
        energy: pairs.iter().map(|pair| pair.map(|p| p.0)).collect(),
        embedding: match family.factors {
            Some(factors) => {
                let factor = |member: &Option<usize>| member.map_or(0.0, |i| factors[i]);
                Embedding::Roots(members.iter().map(factor).collect())
            }
            None => Embedding::Nothing,
        },
    }
}

/// Into how many intervals the range is divided: few with errors below those of the opening
/// comment, and knots where pieces meet, as far as `MOST`.
fn intervals(family: &Family, cutoff: f64) -> usize {
    const FEWEST: usize = 400;
    const MOST: usize = 20_000;
    let joints: Vec<f64> = family.pairs.values().flat_map(|pair| pair.joints.clone()).collect();
    let on_knots = |spacing: f64| {
        joints.iter().all(|joint| (joint / spacing - (joint / spacing).round()).abs() < 1e-6)
    };
    let sound = |count: usize| {
        let spacing = cutoff / count as f64;
        on_knots(spacing) && family.pairs.values().all(|pair| error(pair, spacing) < 1e-9)
    };
    let mut count = FEWEST;
    while count < MOST && !sound(count) {
        count += if joints.is_empty() { count / 4 } else { 1 };
    }
    count.min(MOST)
}

/// The largest error of the tables of a pair, of its energy and its density: absolute below 1,
/// relative above.
fn error(pair: &PairFunctions, spacing: f64) -> f64 {
    /// eV: where a pair has more, nothing is asked for.
    const HIGHEST: f64 = 20.0;
    let middle = |function: &dyn Fn(f64) -> [f64; 2], r: f64| {
        let [[a, da], [b, db]] = [r - 0.5 * spacing, r + 0.5 * spacing].map(function);
        let cubic = 0.5 * (a + b) + 0.125 * spacing * (da - db);
        let exact = function(r)[0];
        [cubic - exact, exact]
    };
    let last = (pair.cutoff / spacing) as usize;
    let distances = (0..last).rev().map(|n| (n as f64 + 0.5) * spacing);
    let joint = |r: f64| pair.joints.iter().any(|joint| (r - joint).abs() < spacing);
    let near = distances.take_while(|&r| r > INNERMOST && (pair.energy)(r)[0].abs() < HIGHEST);
    near.filter(|&r| !joint(r))
        .map(|r| {
            let [energy, _] = middle(&|r| radial::times_distance(&pair.energy, r), r);
            let density = pair.density.as_ref().map_or([0.0; 2], |density| middle(density, r));
            let energy = energy.abs() / r / (pair.energy)(r)[0].abs().max(1.0);
            energy.max(density[0].abs() / density[1].abs().max(1.0))
        })
        .fold(0.0, f64::max)
}

/// The wanted pairs: each from the one table that has it, or mixed (then `true`).
///
/// # Errors
/// At a table that has a pair again, or a symbol twice over; where a pair is missing and no
/// mixing is stated, or what it would be mixed from is missing too.
pub fn pairs_of<P: OfPair + Clone>(
    given: &[P],
    wanted: Wanted,
    source: &Source,
    mixed: Option<fn(&P, &P) -> P>,
) -> Result<BTreeMap<[usize; 2], (P, bool)>> {
    let entries = wanted.entries;
    let same = |p: &P, a: &str, b: &str| {
        let [c, d] = p.elements();
        (c == a && d == b) || (c == b && d == a)
    };
    for (n, pair) in given.iter().enumerate() {
        let [a, b] = pair.elements();
        if given[..n].iter().any(|earlier| same(earlier, a, b)) {
            let message = format!("the pair {a}-{b} is given twice");
            return Err(source.error(&format!("pair[{n}].elements"), message));
        }
    }
    let find = |a: &str, b: &str| given.iter().find(|pair| same(pair, a, b));
    let mut found = BTreeMap::new();
    for (i, a) in entries.iter().enumerate() {
        for (j, b) in entries.iter().enumerate().skip(i).filter(|(j, _)| wanted.has([i, *j])) {
            let own = find(a, b).cloned().map(|pair| (pair, false));
            let ends = || Some((mixed?)(find(a, a)?, find(b, b)?));
            let Some(pair) = own.or_else(|| (i != j).then(ends)?.map(|pair| (pair, true))) else {
                let known = given.iter().map(|pair| pair.elements().join("-"));
                let hint = match mixed {
                    None if i != j => "; the file states no `mixing` that would give it",
                    _ => "",
                };
                // What a pair would be mixed from may be what is missing.
                let own = [a, b].into_iter().find(|&e| mixed.is_some() && find(e, e).is_none());
                let missing = match own.filter(|_| i != j) {
                    Some(e) => format!("{e}-{e}, from which {a}-{b} would be mixed"),
                    None => format!("{a}-{b}"),
                };
                let names = || given.iter().flat_map(|pair| pair.elements()).map(String::as_str);
                let other = [a, b].into_iter().find(|own| !names().any(|known| known == **own));
                let meant = other.map_or(String::new(), |own| did_you_mean(own, names()));
                let message = format!(
                    "no `[[pair]]` for {missing}; there are {}{hint}{meant}{}",
                    or(&known.collect::<Vec<_>>()),
                    if meant.is_empty() { wanted.advice } else { "" }
                );
                return Err(Error::input(&source.path, 0, 0, message));
            };
            found.insert([i, j], pair);
        }
    }
    Ok(found)
}

/// Warns where the end of a function is not even.
fn end_of(name: &str, functions: [&Radial; 2], range: [f64; 2], warnings: &mut Vec<String>) {
    let [start, end] = range;
    if functions.iter().any(|function| !radial::ends_evenly(function, start, end)) {
        warnings.push(format!(
            "{name}: between {start} and {end} Å the functions do not fall evenly to zero: bring the \
             two closer together"
        ));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::path::Path;

    #[test]
    fn tables_are_small_and_exact() {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("inputs/potentials");
        let path = |name: &str| folder.join(name).with_extension("toml");
        let metals = ["Ag", "Al", "Au", "Cu", "Ni", "Pd", "Pt"];
        for (name, family) in [
            ("gupta", gupta::read(&path("gupta"), &metals)),
            ("sutton-chen", sutton_chen::read(&path("sutton-chen"), &metals)),
            ("lennard-jones", pairs::lennard_jones(&path("lennard-jones"), Wanted::all(&metals))),
            ("morse", pairs::morse(&path("morse"), Wanted::all(&["Ag", "Al", "Cu", "Ni", "Pb"]))),
            ("johnson", pairs::johnson(&path("johnson"), Wanted::all(&["Fe"]))),
        ] {
            let family = family.unwrap();
            let cutoff = family.pairs.values().map(|pair| pair.cutoff).fold(0.0, f64::max);
            let count = intervals(&family, cutoff);
            assert!(count < 4000, "{name}: {count} knots");
            for pair in family.pairs.values() {
                assert!(error(pair, cutoff / count as f64) < 1e-9, "{name}");
            }
        }
    }
}
