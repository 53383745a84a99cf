//! What files that are each sound by themselves may contradict: each other, or the names
//! that the user gives the elements. Nothing here changes a number; it is only told.

use super::library::Element;
use super::pair::Pair;
use crate::elements::{atomic_number, atomic_weight};
use std::path::Path;

/// Published pairs of files agree within 1.2 % in the energy and 0.5 % in the distance of
/// an element (97 models of OpenKIM); beyond that another element is meant.
const ENERGY: f64 = 0.02;
const DISTANCE: f64 = 0.01;
/// Weights are rounded to the whole number at worst (118 for tin: 0.6 %).
const WEIGHT: f64 = 0.02;

fn differ(x: f64, y: f64, tolerance: f64) -> bool {
    (x - y).abs() > tolerance * y.abs()
}

/// Entries against the chemical elements that they are taken for.
pub fn of_names(library: &Path, elements: &[Element]) -> Vec<String> {
    let mut said = Vec::new();
    let library = library.display();
    for Element { symbol, entry, mass, .. } in elements {
        let Some(weight) = atomic_weight(symbol) else {
            said.push(format!(
                "`{symbol}` is not the symbol of a chemical element: files of results give it no \
                 atomic number; `SYMBOL={entry}` says which element the entry `{entry}` stands for"
            ));
            continue;
        };
        if atomic_number(entry).is_some() && entry != symbol {
            said.push(format!("{library}: the entry `{entry}` is taken for the element {symbol}"));
        }
        if differ(*mass, weight, WEIGHT) {
            said.push(format!(
                "{library}: atwt of the entry `{entry}` is {mass} g/mol, and {symbol} weighs {weight}"
            ));
        }
    }
    said
}

/// `ielement` against the element, for the pairs whose repulsion takes it as nuclear charge.
pub fn of_charges(library: &Path, elements: &[Element], pairs: &[Pair]) -> Vec<String> {
    let n = elements.len();
    let repels = |i: usize| pairs[i * n..(i + 1) * n].iter().any(|pair| pair.zbl);
    (0..n)
        .filter(|&i| repels(i))
        .filter_map(|i| {
            let Element { symbol, entry, charge, .. } = &elements[i];
            let number = atomic_number(symbol).filter(|&number| number as i32 != *charge)?;
            Some(format!(
                "{}: ielement of the entry `{entry}` is {charge}, and the atomic number of {symbol} is \
                 {number}: the repulsion of `zbl`, which acts here, is that of charge {charge}, as in LAMMPS",
                library.display()
            ))
        })
        .collect()
}

/// What the parameter file says of an element by itself: Ec(i,i) and re(i,i).
#[derive(Debug, Clone, Copy)]
pub struct Own {
    pub energy: Option<f64>,
    pub distance: Option<f64>,
}

impl Own {
    /// Each value in the file with its name, that of the library, the unit, and whether they contradict.
    fn against(self, element: &Element) -> Vec<(&'static str, f64, f64, &'static str, bool)> {
        let energy = self.energy.map(|x| ("Ec", x, element.energy, "eV", ENERGY));
        let distance = self.distance.map(|x| ("re", x, element.distance, "Å", DISTANCE));
        let pairs = [energy, distance].into_iter().flatten();
        pairs.map(|(name, x, y, unit, most)| (name, x, y, unit, differ(x, y, most))).collect()
    }

    fn fits(self, element: &Element) -> bool {
        self.against(element).iter().all(|(.., contradict)| !contradict)
    }
}

/// The parameter file against the library, element by element. Warnings; and, where two
/// values or more can be compared and all of them contradict, the same as one
/// contradiction: most likely the indices follow another order of the elements.
pub fn of_elements(
    file: &Path,
    elements: &[Element],
    own: &[Own],
) -> (Vec<String>, Option<String>) {
    let mut said = Vec::new();
    let mut compared = 0;
    for (i, (element, own)) in elements.iter().zip(own).enumerate() {
        let values = own.against(element);
        compared += values.len();
        for (name, here, there, unit, _) in values.iter().filter(|(.., contradict)| *contradict) {
            said.push(format!(
                "{name}({0},{0}) is {here} {unit}, and element {0}, {1}, has {there:.4} {unit} in the library",
                i + 1,
                element.symbol
            ));
        }
    }
    let order = match fitting_order(elements, own) {
        Some(order) if !said.is_empty() => {
            format!("; all fit with elements = [{}]", order.join(", "))
        }
        _ => String::new(),
    };
    let file = file.display();
    if compared > 1 && said.len() == compared {
        let message = format!(
            "{file}: nothing that it says of the elements fits the library: {}; indices follow the \
             order of `elements`{order}",
            said.join("; ")
        );
        return (Vec::new(), Some(message));
    }
    (said.into_iter().map(|said| format!("{file}: {said}{order}")).collect(), None)
}

/// The elements in the order that fits the file, if there is one.
fn fitting_order(elements: &[Element], own: &[Own]) -> Option<Vec<String>> {
    let mut left: Vec<&Element> = elements.iter().collect();
    let order = own.iter().enumerate().map(|(i, own)| {
        let stays = left.iter().position(|e| *e == &elements[i] && own.fits(e));
        let place = stays.or_else(|| left.iter().position(|e| own.fits(e)))?;
        let Element { symbol, entry, .. } = left.remove(place);
        let renamed = if entry == symbol { String::new() } else { format!("={entry}") };
        Some(format!("\"{symbol}{renamed}\""))
    });
    order.collect()
}

/// Parameters of a pair of elements that no file gives.
pub fn of_pair(
    file: &Path,
    [a, b]: [&Element; 2],
    pair: &Pair,
    missing: &[&str],
) -> Option<String> {
    let Pair { lattice, rose, .. } = pair;
    let taken = missing.iter().map(|name| match *name {
        "lattce" => format!("lattce '{}'", lattice.name()),
        "Ec" => format!("Ec {:.4} eV", rose.energy),
        "re" => format!("re {:.4} Å", rose.distance),
        _ => format!("{name} {:.4}", rose.alpha),
    });
    let taken: Vec<String> = taken.collect();
    (!missing.is_empty()).then(|| {
        format!(
            "{}: of {}-{} nothing says {}: taken from the elements by the rules of mixing: {}",
            file.display(),
            a.symbol,
            b.symbol,
            missing.join(", "),
            taken.join(", ")
        )
    })
}
