//! The parameter file (`keyword(I,J,K) = value`) and what follows from both files:
//! every parameter of every pair and triple, defaults filled in.
//!
//! Indices count the elements in the order in which they were asked for. Of the two
//! orders of a pair only I <= J is read, but for `nn2`, `zbl` and `theta`, which LAMMPS
//! takes in either; of a keyword that stands twice the later counts.

use super::consistency::{self, Own};
use super::functions::{Rose, cutoff};
use super::library::{self, Element};
use super::pair::Pair;
use crate::error::{Error, Result};
use crate::potential::lattice::Lattice;
use crate::potential::text::{self, Word, words_of};
use std::ops::RangeInclusive;
use std::path::Path;

/// How the weights t of an atom's angular densities follow from its neighbours (`ialloy`).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Averaging {
    /// 0: mean of the neighbours' weights over their densities.
    Standard,
    /// 1: as in DYNAMO, the weights also inside the angular densities.
    Alternative,
    /// 2: the weights of the atom's own element.
    None,
}

/// Bounds of the screening parameter C of a pair and a third atom.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Screen {
    pub minimum: f64,
    pub maximum: f64,
}

impl Screen {
    /// What a third atom with parameter C leaves of a pair, and the slope.
    pub fn factor(self, c: f64) -> (f64, f64) {
        let inverse_width = 1.0 / (self.maximum - self.minimum);
        let (factor, slope) = cutoff((c - self.minimum) * inverse_width);
        (factor, slope * inverse_width)
    }
}

/// Everything that the two files say.
#[derive(Debug, Clone, PartialEq)]
pub struct Parameters {
    pub elements: Vec<Element>,
    /// `pairs[i * n + j]`
    pub pairs: Vec<Pair>,
    /// `screens[(i * n + j) * n + k]`: atom k between i and j.
    pub screens: Vec<Screen>,
    /// Å
    pub cutoff: f64,
    /// Length over which the cutoff function falls from 1 to 0, Å.
    pub smoothing: f64,
    /// `augt1`: how much of 3/5 t3 is added to t1.
    pub augment_t1: f64,
    /// `gsmooth_factor`
    pub angular_smoothing: f64,
    pub averaging: Averaging,
    pub mixture_reference: bool,
    pub rose_form: u8,
    pub linear_negative: bool,
    pub dynamo_background: bool,
    /// What deserves a second look, in words.
    pub warnings: Vec<String>,
    /// How the two files contradict each other in all that can be compared.
    pub contradiction: Option<String>,
}

impl Parameters {
    pub fn pair(&self, i: usize, j: usize) -> &Pair {
        &self.pairs[i * self.elements.len() + j]
    }

    pub fn screen(&self, i: usize, j: usize, k: usize) -> Screen {
        let n = self.elements.len();
        self.screens[(i * n + j) * n + k]
    }

    /// Weights t1, t2, t3 of an element as the formulas use them: the third-order
    /// density here is orthogonal to the first; parameters fitted without that term
    /// (`augt1` = 1) are corrected by t1 + 3/5 t3.
    pub fn weights(&self, element: usize) -> [f64; 3] {
        let [t1, t2, t3] = self.elements[element].weights;
        [t1 + self.augment_t1 * 0.6 * t3, t2, t3]
    }

    /// Reads both files.
    pub fn read(library: &Path, file: Option<&Path>, elements: &[String]) -> Result<Parameters> {
        let (elements, warnings) = library::read(library, elements)?;
        let mut raw = Raw::new(&elements);
        raw.warnings = warnings;
        if let Some(path) = file {
            raw.read(path)?;
        }
        let named = consistency::of_names(library, &elements);
        raw.warnings.extend(named);
        let mut read = raw.complete(file.unwrap_or(library), elements)?;
        let charges = consistency::of_charges(library, &read.elements, &read.pairs);
        read.warnings.extend(charges);
        Ok(read)
    }
}

/// Values as they stand in the file: `None` where it says nothing.
struct Raw {
    n: usize,
    scalars: [Option<f64>; SCALARS.len()],
    pairs: Vec<RawPair>,
    density: Vec<Option<f64>>,
    /// Cmin and Cmax.
    screens: Vec<[Option<f64>; 2]>,
    /// What deserves a second look.
    warnings: Vec<String>,
}

#[derive(Clone, Default)]
struct RawPair {
    lattice: Option<Lattice>,
    values: [Option<f64>; PAIRS.len()],
}

/// The values that a keyword may take.
enum Allowed {
    Any,
    Positive,
    Within(RangeInclusive<f64>),
    /// Cut to a whole number.
    Whole,
    /// Cut to a whole number, which is one of these, or else as good as 0.
    OneOf(&'static [f64]),
}

use Allowed::{Any, OneOf, Positive, Whole, Within};

const FLAG: Allowed = OneOf(&[0.0, 1.0]);

/// Keywords without index.
const SCALARS: [(&str, Allowed); 9] = [
    ("rc", Within(1.0..=20.0)),
    ("delr", Within(1e-3..=20.0)),
    ("gsmooth_factor", Positive),
    ("augt1", Whole),
    ("ialloy", OneOf(&[0.0, 1.0, 2.0])),
    ("mixture_ref_t", FLAG),
    ("erose_form", OneOf(&[0.0, 1.0, 2.0])),
    ("emb_lin_neg", FLAG),
    ("bkgd_dyn", FLAG),
];
/// Of Cmin and Cmax: beyond, an atom would screen from far away.
const SCREENS: Allowed = Within(-100.0..=100.0);
/// Keywords of a pair.
const PAIRS: [(&str, Allowed); 9] = [
    ("Ec", Any),
    ("re", Any),
    ("alpha", Any),
    ("delta", Any),
    ("attrac", Any),
    ("repuls", Any),
    ("nn2", FLAG),
    ("zbl", FLAG),
    ("theta", Any),
];
/// Those that count in either order of their indices; of the others only I <= J does.
const EITHER_ORDER: [&str; 3] = ["nn2", "zbl", "theta"];

const DEFAULT_SCREEN: Screen = Screen { minimum: 2.0, maximum: 2.8 };

impl Raw {
    fn new(elements: &[Element]) -> Raw {
        let n = elements.len();
        Raw {
            n,
            scalars: [None; SCALARS.len()],
            pairs: vec![RawPair::default(); n * n],
            density: vec![None; n],
            screens: vec![[None; 2]; n * n * n],
            warnings: Vec::new(),
        }
    }

    fn read(&mut self, path: &Path) -> Result<()> {
        let text = text::of_potential(path)?;
        let (text, replaced) = text::replace_typography(path, &text);
        self.warnings.extend(replaced);
        for (number, line) in text.lines().enumerate() {
            let words = words_of(line, number + 1, &['=', '(', ')', ',']);
            if let Some((keyword, rest)) = words.split_first() {
                self.set(path, *keyword, rest)?;
            }
        }
        Ok(())
    }

    fn set(&mut self, path: &Path, keyword: Word, rest: &[Word]) -> Result<()> {
        let name = keyword.text;
        let Some((value, indices)) = rest.split_last() else {
            return Err(keyword.error(path, format!("`{name}` has no value")));
        };
        let wanted = match name {
            _ if place_in(&SCALARS, name).is_some() => 0,
            "rho0" => 1,
            "lattce" => 2,
            _ if place_in(&PAIRS, name).is_some() => 2,
            "Cmin" | "Cmax" => 3,
            _ => return Err(keyword.error(path, unknown_keyword(name))),
        };
        let more = indices.get(wanted..).unwrap_or_default();
        if indices.len() < wanted || more.iter().any(|word| word.integer(path, name).is_err()) {
            let message = format!(
                "`{name}` takes {wanted} indices and one value, but {} words follow it",
                rest.len()
            );
            return Err(keyword.error(path, message));
        }
        if let Some(word) = more.first() {
            self.warnings.push(format!(
                "{}: `{name}` takes {wanted} indices: from `{}` on they are not read",
                word.place(path),
                word.text
            ));
        }
        let mut index = [0; 3];
        for (slot, word) in index.iter_mut().zip(&indices[..wanted]) {
            *slot = self.element(path, *word)?;
        }
        let [i, j, k] = index;
        let n = self.n;
        let Raw { scalars, pairs, density, screens, warnings, .. } = self;
        let (slot, allowed) = match name {
            "lattce" => return set_lattice(path, *value, i == j, &mut pairs[i * n + j].lattice),
            "rho0" => (&mut density[i], &Positive),
            "Cmin" => (&mut screens[(i * n + j) * n + k][0], &SCREENS),
            "Cmax" => (&mut screens[(i * n + j) * n + k][1], &SCREENS),
            _ => match place_in(&SCALARS, name) {
                Some(place) => (&mut scalars[place], &SCALARS[place].1),
                None => {
                    let ordered = EITHER_ORDER.contains(&name);
                    let [i, j] = if ordered { [i.min(j), i.max(j)] } else { [i, j] };
                    let place = place_in(&PAIRS, name).unwrap_or(0);
                    (&mut pairs[i * n + j].values[place], &PAIRS[place].1)
                }
            },
        };
        let x = allowed.value(path, *value, name, warnings)?;
        if let Some(before) = slot.replace(x).filter(|before| *before != x) {
            let place = keyword.place(path);
            warnings
                .push(format!("{place}: `{name}` is {x} here and was {before}: the later counts"));
        }
        Ok(())
    }

    /// An index of the file, from 1, as an index of the elements, from 0.
    fn element(&self, path: &Path, word: Word) -> Result<usize> {
        let index = word.integer(path, "an index")?;
        if index < 1 || index as usize > self.n {
            let message = format!(
                "index {index}, but {} element{} named: indices follow the order of `elements`",
                self.n,
                if self.n == 1 { " is" } else { "s are" }
            );
            return Err(word.error(path, message));
        }
        Ok(index as usize - 1)
    }

    /// Values with I > J that do not count and say something else than those with I < J.
    fn ignored(&self) -> Vec<String> {
        let n = self.n;
        let mut found = Vec::new();
        for (i, j) in (0..n * n).map(|p| (p / n, p % n)).filter(|(i, j)| i > j) {
            let (lower, upper) = (&self.pairs[i * n + j], &self.pairs[j * n + i]);
            if lower.lattice.is_some() && lower.lattice != upper.lattice {
                found.push(format!("lattce({},{})", i + 1, j + 1));
            }
            for ((name, _), (x, y)) in PAIRS.iter().zip(lower.values.iter().zip(&upper.values)) {
                if x.is_some() && x != y {
                    found.push(format!("{name}({},{})", i + 1, j + 1));
                }
            }
            for k in 0..n {
                let [lower, upper] =
                    [(i, j), (j, i)].map(|(i, j)| self.screens[(i * n + j) * n + k]);
                for (name, (x, y)) in ["Cmin", "Cmax"].iter().zip(lower.iter().zip(&upper)) {
                    if x.is_some() && x != y {
                        found.push(format!("{name}({},{},{})", i + 1, j + 1, k + 1));
                    }
                }
            }
        }
        found
    }

    /// Defaults, mixing rules and symmetry. `path` is named where the whole is wrong.
    fn complete(self, path: &Path, mut elements: Vec<Element>) -> Result<Parameters> {
        let n = self.n;
        let ignored = self.ignored();
        let own: Vec<Own> = (0..n)
            .map(|i| &self.pairs[i * n + i])
            .map(|own| Own { energy: own.value("Ec"), distance: own.value("re") })
            .collect();
        let (said, contradiction) = consistency::of_elements(path, &elements, &own);
        let mut warnings = self.warnings;
        warnings.extend(said);
        if !ignored.is_empty() {
            warnings.push(format!(
                "{}: of a pair only the order I <= J counts here: {} not read",
                path.display(),
                ignored.join(", ")
            ));
        }
        let [rc, delr, smoothing, augt1, ialloy, mixture, form, negative, dynamo] = self.scalars;
        let rose_form = form.unwrap_or(0.0) as u8;
        for (i, element) in elements.iter_mut().enumerate() {
            let own = &self.pairs[i * n + i];
            let value = |name| own.value(name);
            element.lattice = own.lattice.unwrap_or(element.lattice);
            element.energy = value("Ec").unwrap_or(element.energy);
            element.distance = value("re").unwrap_or(element.distance);
            element.alpha = value("alpha").unwrap_or(element.alpha);
            element.density = self.density[i].unwrap_or(element.density);
        }
        let mut pairs = Vec::with_capacity(n * n);
        let mut screens = Vec::with_capacity(n * n * n);
        for i in 0..n {
            for j in 0..n {
                let (a, b) = (i.min(j), i.max(j));
                let pair =
                    complete_pair(&self.pairs[a * n + b], &elements[a], &elements[b], rose_form);
                check_pair(path, &pair, &elements[a], &elements[b])?;
                if i < j {
                    let missing = self.pairs[a * n + b].missing();
                    let both = [&elements[a], &elements[b]];
                    warnings.extend(consistency::of_pair(path, both, &pair, &missing));
                    if let Some([delta, energy]) = self.pairs[a * n + b].idle_delta() {
                        warnings.push(format!(
                            "{}: delta({i},{j}) = {delta} has no effect: Ec({i},{j}) = {energy} is given",
                            path.display(),
                            i = a + 1,
                            j = b + 1
                        ));
                    }
                }
                pairs.push(pair);
                for k in 0..n {
                    let [minimum, maximum] = self.screens[(a * n + b) * n + k];
                    let screen = Screen {
                        minimum: minimum.unwrap_or(DEFAULT_SCREEN.minimum),
                        maximum: maximum.unwrap_or(DEFAULT_SCREEN.maximum),
                    };
                    if screen.maximum <= screen.minimum {
                        let message = format!(
                            "Cmax({0},{1},{2}) = {3} is not above Cmin({0},{1},{2}) = {4}",
                            a + 1,
                            b + 1,
                            k + 1,
                            screen.maximum,
                            screen.minimum
                        );
                        return Err(Error::input(path, 0, 0, message));
                    }
                    screens.push(screen);
                }
            }
        }
        Ok(Parameters {
            elements,
            pairs,
            screens,
            cutoff: rc.unwrap_or(4.0),
            smoothing: delr.unwrap_or(0.1),
            augment_t1: augt1.unwrap_or(1.0),
            angular_smoothing: smoothing.unwrap_or(99.0),
            averaging: match ialloy {
                Some(1.0) => Averaging::Alternative,
                Some(2.0) => Averaging::None,
                _ => Averaging::Standard,
            },
            mixture_reference: mixture == Some(1.0),
            rose_form,
            linear_negative: negative == Some(1.0),
            dynamo_background: dynamo == Some(1.0),
            warnings,
            contradiction,
        })
    }
}

fn complete_pair(raw: &RawPair, a: &Element, b: &Element, form: u8) -> Pair {
    let value = |name| raw.value(name);
    let same = a.symbol == b.symbol;
    let lattice = raw.lattice.unwrap_or(if same { a.lattice } else { Lattice::Fcc });
    let mean = |x: f64, y: f64| if same { x } else { 0.5 * (x + y) };
    let given = |name, mixed: f64| value(name).filter(|x| *x != 0.0).unwrap_or(mixed);
    // Energy of the unmixed elements in the composition of the reference structure.
    let unmixed = match lattice {
        _ if same => a.energy,
        Lattice::L12 => 0.75 * a.energy + 0.25 * b.energy,
        Lattice::C11 if a.lattice == Lattice::Diamond => (2.0 * a.energy + b.energy) / 3.0,
        Lattice::C11 => (a.energy + 2.0 * b.energy) / 3.0,
        _ => 0.5 * (a.energy + b.energy),
    };
    Pair {
        lattice,
        rose: Rose {
            energy: given("Ec", unmixed - value("delta").unwrap_or(0.0)),
            distance: given("re", mean(a.distance, b.distance)),
            alpha: given("alpha", mean(a.alpha, b.alpha)),
            attraction: value("attrac").unwrap_or(0.0),
            repulsion: value("repuls").unwrap_or(0.0),
            form,
        },
        theta: value("theta").unwrap_or(180.0).to_radians(),
        second_neighbours: value("nn2") == Some(1.0),
        zbl: value("zbl") != Some(0.0),
    }
}

fn check_pair(path: &Path, pair: &Pair, a: &Element, b: &Element) -> Result<()> {
    let rose = &pair.rose;
    for (name, value) in [("re", rose.distance), ("alpha", rose.alpha)] {
        if value <= 0.0 {
            let message =
                format!("{name} of {}-{} is {value}: it must be positive", a.symbol, b.symbol);
            return Err(Error::input(path, 0, 0, message));
        }
    }
    Ok(())
}

impl RawPair {
    fn value(&self, name: &str) -> Option<f64> {
        place_in(&PAIRS, name).and_then(|place| self.values[place])
    }

    /// `delta` and the `Ec` beside which it means nothing.
    fn idle_delta(&self) -> Option<[f64; 2]> {
        let given = |name| self.value(name).filter(|x| *x != 0.0);
        Some([given("delta")?, given("Ec")?])
    }

    /// What a pair of two elements needs and does not have; `delta` stands for Ec too.
    fn missing(&self) -> Vec<&'static str> {
        let given = |name| self.value(name).is_some_and(|x| x != 0.0);
        let wanted = [
            ("lattce", self.lattice.is_some()),
            ("Ec", given("Ec") || given("delta")),
            ("re", given("re")),
            ("alpha", given("alpha")),
        ];
        wanted.iter().filter(|(_, given)| !given).map(|(name, _)| *name).collect()
    }
}

fn place_in(keywords: &[(&str, Allowed)], name: &str) -> Option<usize> {
    keywords.iter().position(|(keyword, _)| *keyword == name)
}

fn set_lattice(path: &Path, word: Word, same: bool, slot: &mut Option<Lattice>) -> Result<()> {
    let Some(lattice) = Lattice::from_name(word.text) else {
        return Err(word.error(path, library::unknown_lattice(word.text)));
    };
    if same && !lattice.is_elemental() {
        let message = format!("`{}` is no lattice of a single element", word.text);
        return Err(word.error(path, message));
    }
    *slot = Some(lattice);
    Ok(())
}

impl Allowed {
    /// The word as a number, if it may be that; `warnings` takes what it is read as.
    fn value(
        &self,
        path: &Path,
        word: Word,
        name: &str,
        warnings: &mut Vec<String>,
    ) -> Result<f64> {
        let x = word.number(path, name)?;
        let wanted = match self {
            Any => return Ok(x),
            Positive if x > 0.0 => return Ok(x),
            Positive => "but must be positive".to_string(),
            Within(range) if range.contains(&x) => return Ok(x),
            Within(range) => format!("but must be from {} to {}", range.start(), range.end()),
            Whole | OneOf(_) => {
                let taken = match self {
                    OneOf(known) if !known.contains(&x.trunc()) => 0.0,
                    _ => x.trunc() + 0.0, // no -0
                };
                if taken != x {
                    let place = word.place(path);
                    warnings.push(format!("{place}: `{name}` is {}: read as {taken}", word.text));
                }
                return Ok(taken);
            }
        };
        Err(word.error(path, format!("`{name}` is {} {wanted}", word.text)))
    }
}

fn unknown_keyword(name: &str) -> String {
    let known = SCALARS.iter().chain(&PAIRS).map(|(name, _)| *name);
    let nearest = known
        .chain(["rho0", "lattce", "Cmin", "Cmax"])
        .max_by(|a, b| strsim::jaro_winkler(a, name).total_cmp(&strsim::jaro_winkler(b, name)))
        .unwrap_or_default();
    format!("unknown keyword `{name}`; did you mean `{nearest}`?")
}
