//! DYNAMO `funcfl` files, one element each: a comment; number, mass, lattice constant, lattice;
//! nrho, drho, nr, dr, cutoff; then F(ρ) in eV, the effective charge Z(r), and ρ(r).
//!
//! Pairs are mixed: r φ_ij = 27.2 eV × 0.529 Å × Z_i Z_j (Hartree times Bohr radius as these
//! files have them). Files with different grids come onto one, with the widest spacing and the
//! longest extent of them, by cubics through the four nearest values, as LAMMPS does; like there
//! the last knot is lost on the way, of r and of ρ. Between the last that is left and the end
//! LAMMPS takes constants for energies and the last slope for forces; here the forces are those of
//! the constants. Beyond the end of ρ, F goes on straight from that constant with the slope of the
//! last knot that is left, there and here, to the last digits.

use super::numbers::{Numbers, energy_unit};
use super::{Element, Tables, format};
use crate::elements;
use crate::error::{Error, Result};
use crate::input::symbol_and_entry;
use crate::potential::text;
use std::path::{Path, PathBuf};

/// Hartree × Bohr radius, eV Å.
const CHARGES: f64 = 27.2 * 0.529;

/// One file.
struct File {
    element: Element,
    density_spacing: f64,
    spacing: f64,
    cutoff: f64,
    /// eV
    embedding: Vec<f64>,
    charge: Vec<f64>,
    density: Vec<f64>,
}

/// A file for each element, in their order; or one for all that it is (`Cu`).
///
/// # Errors
/// [`Error::Input`] with the place of whatever is missing or wrong, or with no line where a file is one of
/// another element.
pub fn read(paths: &[PathBuf], wanted: &[String]) -> Result<Tables> {
    if paths.len() != wanted.len() {
        let message = format!(
            "`eam` takes a file for each element, in their order; there are {} files and {} elements",
            paths.len(),
            wanted.len()
        );
        return Err(Error::input(&paths[0], 0, 0, message));
    }
    let files: Vec<File> =
        paths.iter().zip(wanted).map(|(path, name)| one(path, name)).collect::<Result<_>>()?;
    belong_to_elements(paths, &files, wanted)?;
    let mut warnings = Vec::new();
    for (path, file) in paths.iter().zip(&files) {
        file.element.contradictions(path, &mut warnings);
    }

    let widest = |of: fn(&File) -> f64| files.iter().map(of).fold(0.0, f64::max);
    let spacing = widest(|f| f.spacing);
    let extent = widest(|f| f.spacing * (f.charge.len() - 1) as f64);
    let density_spacing = widest(|f| f.density_spacing);
    let density_extent = widest(|f| f.density_spacing * (f.embedding.len() - 1) as f64);
    let knots = (extent / spacing + 0.5) as usize;
    let density_knots = (density_extent / density_spacing + 0.5) as usize;
    let radial = |values: &[f64], own: f64| regridded(values, own, spacing, knots);

    let n = files.len();
    let charges: Vec<Vec<f64>> = files.iter().map(|f| radial(&f.charge, f.spacing)).collect();
    let product = |p: usize| -> Vec<f64> {
        let (a, b) = (&charges[p / n], &charges[p % n]);
        a.iter().zip(b).map(|(a, b)| CHARGES * a * b).collect()
    };
    Ok(Tables {
        angular: None,
        embedding: files
            .iter()
            .map(|f| regridded(&f.embedding, f.density_spacing, density_spacing, density_knots))
            .collect(),
        density: files.iter().map(|f| radial(&f.density, f.spacing)).collect(),
        density_of: (0..n * n).map(|p| p % n).collect(),
        energy: (0..n * n).map(product).collect(),
        cutoff: widest(|f| f.cutoff),
        elements: files.into_iter().map(|f| f.element).collect(),
        density_spacing,
        density_end: Some(density_extent),
        spacing,
        warnings,
    })
}

/// That no file is of another element than the one in whose place it stands. Who it is of, its atomic
/// number alone says; where that is none, or the element is invented, or `Ag=Cu` says what is
/// meant, nothing contradicts.
fn belong_to_elements(paths: &[PathBuf], files: &[File], wanted: &[String]) -> Result<()> {
    let own = |file: &File| elements::symbol(file.element.atomic_number);
    let is_of_another = |(file, name): (&File, &String)| {
        let (symbol, entry) = symbol_and_entry(name);
        let is_element = elements::atomic_number(symbol).is_some();
        let contradicts =
            |own: &&str| *own != symbol && (is_element || own.eq_ignore_ascii_case(symbol));
        own(file).filter(contradicts).filter(|_| symbol == entry)
    };
    let mut all = files.iter().zip(wanted).enumerate();
    let Some((n, other)) = all.find_map(|(n, pair)| Some((n, is_of_another(pair)?))) else {
        return Ok(());
    };
    // For each element a file of its own, if there are such.
    let file_of = |name: &String| {
        let symbol = symbol_and_entry(name).0;
        let mut of_it = files.iter().zip(paths).filter(|(file, _)| own(file) == Some(symbol));
        of_it.next().map(|(_, path)| path.display())
    };
    let order: Option<Vec<_>> = wanted.iter().map(file_of).collect();
    let name = symbol_and_entry(&wanted[n]).0;
    let advice = match order {
        Some(order) => {
            let order: Vec<String> = order.iter().map(|path| format!("{path}")).collect();
            format!("files in the order of these elements: {}", order.join(", "))
        }
        None if other.eq_ignore_ascii_case(name) => format!("`{other}` is how it is written"),
        None => format!("`{name}={other}` in `elements` takes the tables of {other} for {name}"),
    };
    let message = format!(
        "this is the file of {other} (atomic number {}), and stands where that of {name} should: {advice}",
        files[n].element.atomic_number
    );
    Err(Error::input(&paths[n], 0, 0, message))
}

fn one(path: &Path, name: &str) -> Result<File> {
    let text = text::of_potential(path)?;
    if format::looks_like_setfl(&text) {
        let message =
            "this looks like a `setfl` file: `kind` is \"eam/alloy\", \"eam/fs\" or \"adp\" then";
        return Err(Error::input(path, 4, 1, message));
    }
    let mut numbers = Numbers::new(path, &text);
    let unit = energy_unit(path, numbers.whole_line("a comment")?)?;
    let header = numbers.line_of_words("atomic number, mass, lattice constant and lattice")?;
    let (symbol, entry) = symbol_and_entry(name);
    let element = Element::of_header(path, symbol, &header)?;
    let atomic_number = element.atomic_number;
    if entry != symbol && Some(entry) != elements::symbol(atomic_number) {
        let message =
            format!("there is no element `{entry}` here: the atomic number is {atomic_number}");
        return Err(numbers.error(message));
    }
    let density_knots = numbers.knots("nrho")?;
    let density_spacing = numbers.positive("drho")?;
    let knots = numbers.knots("nr")?;
    let spacing = numbers.positive("dr")?;
    let cutoff = numbers.positive("cutoff")?;
    numbers.skip_rest_of_line();
    let embedding = numbers.reals(density_knots, "F(rho)")?;
    let charge = numbers.reals(knots, "Z(r)")?;
    let density = numbers.reals(knots, "rho(r)")?;
    // Charges go into products of two.
    let root = unit.sqrt();
    Ok(File {
        element,
        density_spacing,
        spacing,
        cutoff,
        embedding: embedding.into_iter().map(|energy| unit * energy).collect(),
        charge: charge.into_iter().map(|charge| root * charge).collect(),
        density,
    })
}

/// Values on another grid by the cubic through the four nearest; behind their end the last counts.
fn regridded(values: &[f64], own: f64, spacing: f64, knots: usize) -> Vec<f64> {
    let last = values.len() - 1;
    let at = |n: usize| {
        let x = n as f64 * spacing / own;
        let k = (x as usize).clamp(1, last - 2);
        let t = (x - k as f64).min(2.0);
        let [a, b, c, d] = [values[k - 1], values[k], values[k + 1], values[k + 2]];
        let weights = [
            -t * (t - 1.0) * (t - 2.0) / 6.0,
            (t * t - 1.0) * (t - 2.0) / 2.0,
            -t * (t + 1.0) * (t - 2.0) / 2.0,
            t * (t * t - 1.0) / 6.0,
        ];
        weights[0] * a + weights[1] * b + weights[2] * c + weights[3] * d
    };
    (0..knots).map(at).collect()
}
