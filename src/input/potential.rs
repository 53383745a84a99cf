//! The force field as an input has it: `[potential]` and further terms, `[[term]]`.

use super::source::Problems;
use crate::elements;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct PotentialConfig {
    /// The kind of potential.
    #[serde(default)]
    pub kind: PotentialKind,
    /// `meam`: library file in LAMMPS format; relative to the input file.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub library: Option<PathBuf>,
    /// `meam`: parameter file in LAMMPS format, relative to the input file; without
    /// it the library alone.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub parameters: Option<PathBuf>,
    /// All other kinds: the file, relative to the input file; for `eam` a list of one for each
    /// element.
    #[serde(default, skip_serializing_if = "Vec::is_empty", with = "one_or_more")]
    #[schemars(with = "OneOrMore")]
    pub file: Vec<PathBuf>,
    /// Species between which it acts; `"Ni=Ni4"` takes the entry Ni4 of the file for the element
    /// Ni. `meam`: in the order that the indices of the parameter file follow; `eam`: in the order of
    /// the files.
    #[schemars(length(min = 1))]
    pub elements: Vec<String>,
    /// `lennard-jones`, `morse` and `johnson`: the pairs of these elements between which it acts, such as
    /// `[["Ag", "C"]]`; without it all of them.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(min = 1))]
    pub pairs: Vec<[String; 2]>,
}

impl PotentialConfig {
    /// Its files, with the keys that name them; `key` is the table's own.
    pub fn files(&self, key: &str) -> Vec<(String, &Path)> {
        let named = [("library", &self.library), ("parameters", &self.parameters)];
        let named = named.into_iter().filter_map(|(name, path)| Some((name, path.as_deref()?)));
        let named = named.map(|(name, path)| (format!("{key}.{name}"), path));
        let several = self.file.len() > 1;
        let file = self.file.iter().enumerate().map(|(n, path)| match several {
            true => (format!("{key}.file[{n}]"), &**path),
            false => (format!("{key}.file"), &**path),
        });
        named.chain(file).collect()
    }

    pub(super) fn files_mut(&mut self) -> impl Iterator<Item = &mut PathBuf> {
        self.library.iter_mut().chain(&mut self.parameters).chain(&mut self.file)
    }

    /// The names of the files under `file`, without folders.
    pub fn file_names(&self) -> String {
        let name =
            |path: &PathBuf| path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        self.file.iter().map(name).collect::<Vec<_>>().join(", ")
    }

    /// The places of `pairs` among the elements, the lower first; none where it acts between all.
    pub fn chosen_pairs(&self) -> Option<Vec<[usize; 2]>> {
        let place = |symbol: &String| self.symbols().position(|own| own == symbol);
        let places = |[a, b]: &[String; 2]| {
            let (a, b) = place(a).zip(place(b))?;
            Some([a.min(b), a.max(b)])
        };
        (!self.pairs.is_empty()).then(|| self.pairs.iter().filter_map(places).collect())
    }

    /// The chemical symbol of each of `elements`.
    pub fn symbols(&self) -> impl Iterator<Item = &str> {
        self.elements.iter().map(|element| symbol_and_entry(element).0)
    }

    /// What each of `elements` is called in the files.
    pub fn entries(&self) -> impl Iterator<Item = &str> {
        self.elements.iter().map(|element| symbol_and_entry(element).1)
    }
}

/// `Ni` and `Ni4` of `Ni=Ni4`: the symbol of an element, and what it is called in files; of `Ni` both
/// are the same.
pub fn symbol_and_entry(element: &str) -> (&str, &str) {
    element.split_once('=').unwrap_or((element, element))
}

/// The key of a table of the force field, of which `[potential]` is number 0.
pub fn key_of_term(number: usize) -> String {
    match number {
        0 => "potential".into(),
        _ => format!("term[{}]", number - 1),
    }
}

/// The chemical symbols that tables name, each once, in the order in which they come: that of the
/// species of a force field.
pub fn symbols<'a>(tables: impl Iterator<Item = &'a PotentialConfig>) -> Vec<&'a str> {
    let mut symbols: Vec<&str> = Vec::new();
    for symbol in tables.flat_map(PotentialConfig::symbols) {
        if !symbols.contains(&symbol) {
            symbols.push(symbol);
        }
    }
    symbols
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum PotentialKind {
    /// Second-nearest-neighbour modified embedded-atom method, as LAMMPS `pair_style meam`.
    #[default]
    Meam,
    /// Embedded-atom method, DYNAMO `funcfl` files, mixed, as LAMMPS `pair_style eam`.
    Eam,
    /// Embedded-atom method, a DYNAMO `setfl` file, as LAMMPS `pair_style eam/alloy`.
    #[serde(rename = "eam/alloy")]
    EamAlloy,
    /// The same with densities by pair of species (Finnis-Sinclair), as LAMMPS `pair_style eam/fs`.
    #[serde(rename = "eam/fs")]
    EamFs,
    /// Angular-dependent potential, as LAMMPS `pair_style adp`.
    Adp,
    /// Bond-order potential, as LAMMPS `pair_style tersoff`.
    Tersoff,
    /// Second-moment approximation of tight binding (Gupta; Cleri and Rosato), parameters in TOML.
    Gupta,
    /// Long-range Finnis-Sinclair potential of Sutton and Chen, its quantum form too, parameters in TOML.
    SuttonChen,
    /// Pair potential 12-6, parameters in TOML.
    LennardJones,
    /// Pair potential of two exponentials, parameters in TOML.
    Morse,
    /// Pair potential of pieces of cubics (Johnson's iron), parameters in TOML.
    Johnson,
}

impl PotentialKind {
    /// As the input has it.
    pub fn name(self) -> &'static str {
        match self {
            PotentialKind::Meam => "meam",
            PotentialKind::Eam => "eam",
            PotentialKind::EamAlloy => "eam/alloy",
            PotentialKind::EamFs => "eam/fs",
            PotentialKind::Adp => "adp",
            PotentialKind::Tersoff => "tersoff",
            PotentialKind::Gupta => "gupta",
            PotentialKind::SuttonChen => "sutton-chen",
            PotentialKind::LennardJones => "lennard-jones",
            PotentialKind::Morse => "morse",
            PotentialKind::Johnson => "johnson",
        }
    }
}

impl PotentialKind {
    /// Whether its functions are formulas, whose parameters stand in a TOML file.
    pub fn is_analytic(self) -> bool {
        use PotentialKind::*;
        matches!(self, Gupta | SuttonChen | LennardJones | Morse | Johnson)
    }

    /// Whether its energy is a sum over pairs.
    pub fn is_of_pairs(self) -> bool {
        use PotentialKind::*;
        matches!(self, LennardJones | Morse | Johnson)
    }
}

/// One path or several.
#[derive(Serialize, Deserialize, JsonSchema)]
#[serde(untagged)]
enum OneOrMore {
    One(PathBuf),
    More(Vec<PathBuf>),
}

mod one_or_more {
    use super::OneOrMore;
    use serde::{Deserialize, Deserializer, Serialize, Serializer};
    use std::path::PathBuf;

    pub fn serialize<S: Serializer>(paths: &[PathBuf], serializer: S) -> Result<S::Ok, S::Error> {
        match paths {
            [path] => OneOrMore::One(path.clone()).serialize(serializer),
            _ => OneOrMore::More(paths.to_vec()).serialize(serializer),
        }
    }

    pub fn deserialize<'d, D: Deserializer<'d>>(deserializer: D) -> Result<Vec<PathBuf>, D::Error> {
        Ok(match OneOrMore::deserialize(deserializer)? {
            OneOrMore::One(path) => vec![path],
            OneOrMore::More(paths) => paths,
        })
    }
}

/// Adds what is wrong with the pairs that a table names.
fn check_pairs(table: &PotentialConfig, key: &str, problems: &mut Problems) {
    if table.pairs.is_empty() {
        return;
    }
    let kind = table.kind.name();
    if !table.kind.is_of_pairs() {
        let message = format!(
            "`{kind}` acts between all of its elements; `pairs` is for `lennard-jones`, `morse` and `johnson`"
        );
        return problems.at(&format!("{key}.pairs"), message);
    }
    let same = |p: &[String; 2], q: &[String; 2]| p == q || (p[0] == q[1] && p[1] == q[0]);
    for (n, pair) in table.pairs.iter().enumerate() {
        let [a, b] = pair;
        let key = format!("{key}.pairs[{n}]");
        if let Some(other) = pair.iter().find(|own| !table.symbols().any(|known| known == **own)) {
            let known: Vec<&str> = table.symbols().collect();
            let message = format!(
                "{other} is none of the elements of this term, which are {}",
                known.join(", ")
            );
            problems.at(&key, message);
        }
        if table.pairs[..n].iter().any(|earlier| same(earlier, pair)) {
            problems.at(&key, format!("the pair {a}-{b} is given twice"));
        }
    }
    for (n, symbol) in table.symbols().enumerate() {
        if !table.pairs.iter().flatten().any(|named| named == symbol) {
            let message = format!("{symbol} is in none of the `pairs` of this term: leave it out");
            problems.at(&format!("{key}.elements[{n}]"), message);
        }
    }
}

/// Adds what is wrong with a table of the force field to `problems`; `key` is its own.
pub(super) fn check(table: &PotentialConfig, key: &str, problems: &mut Problems) {
    let kind = table.kind.name();
    let mut seen = BTreeSet::new();
    for (i, symbol) in table.symbols().enumerate() {
        let key = format!("{key}.elements[{i}]");
        if symbol.is_empty() {
            problems.at(&key, "an element without a name");
        } else if !seen.insert(symbol) {
            problems.at(&key, format!("the element {symbol} is given twice"));
        } else if let Some(known) = elements::in_other_letters(symbol)
            && symbol == table.elements[i]
        {
            problems.at(
                &key,
                format!(
                    "the symbol of this element is {known}; where the file has another name for it, write \
                     `{known}={symbol}`"
                ),
            );
        }
    }
    check_pairs(table, key, problems);
    if table.kind == PotentialKind::Meam {
        if !table.file.is_empty() {
            let message = "`meam` takes `library` and `parameters`, not `file`";
            problems.at(&format!("{key}.file"), message);
        }
        if table.library.is_none() {
            problems.at(key, "`meam` lacks `library`, the file that its elements come from");
        }
        return;
    }
    for (name, given) in [("library", &table.library), ("parameters", &table.parameters)] {
        if given.is_some() {
            problems.at(&format!("{key}.{name}"), format!("`{kind}` takes `file`, not `{name}`"));
        }
    }
    match table.kind {
        _ if table.file.is_empty() => {
            let what = if table.kind.is_analytic() { "parameters" } else { "tables" };
            problems.at(key, format!("`{kind}` lacks `file`, from which its {what} come"));
        }
        PotentialKind::Eam if table.file.len() != table.elements.len() => problems.at(
            &format!("{key}.file"),
            format!(
                "`eam` takes a file for each element, in their order; there are {} files and {} elements",
                table.file.len(),
                table.elements.len()
            ),
        ),
        one if one != PotentialKind::Eam && table.file.len() > 1 => {
            problems.at(&format!("{key}.file"), format!("`{kind}` takes one file for all elements"));
        }
        _ => {}
    }
}
