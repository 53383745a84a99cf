//! The force field as an input has it: `[potential]` and further terms, `[[term]]`.

use super::source::Problems;
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
    /// Species in the order that the indices of a MEAM parameter file follow;
    /// `"Ni=Ni4"` takes the entry Ni4 of the file for the element Ni.
    #[schemars(length(min = 1))]
    pub elements: Vec<String>,
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

    /// The chemical symbol of each of `elements`: `Ni` of `Ni=Ni4`.
    pub fn symbols(&self) -> impl Iterator<Item = &str> {
        self.elements.iter().map(|element| element.split('=').next().unwrap_or_default())
    }
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
        }
    }
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
