//! Files of LAMMPS `pair_style tersoff`: entries of 17 words wherever lines end,
//!
//! element 1 (the centre), element 2 (the bond), element 3, m, γ, λ₃, c, d, cos θ₀, n, β, λ₂, B, R, D, λ₁, A,
//!
//! one for each ordered triple of elements; what belongs to a bond is read where elements 2 and
//! 3 are the same.

use crate::error::{Error, Result};
use crate::input::did_you_mean;
use crate::potential::eam::energy_unit;
use crate::potential::text::{self, Word, words_of};
use std::path::Path;

const WORDS: usize = 17;

/// An entry of the file.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Entry {
    /// 3, else 1.
    pub is_cubic: bool,
    pub gamma: f64,
    /// λ₃, 1/Å.
    pub lambda3: f64,
    pub c: f64,
    pub d: f64,
    /// cos θ₀.
    pub cosine: f64,
    pub n: f64,
    pub beta: f64,
    /// 1/Å
    pub lambda2: f64,
    /// B, eV.
    pub attraction: f64,
    /// R and D, Å.
    pub cutoff: f64,
    pub width: f64,
    /// 1/Å
    pub lambda1: f64,
    /// A, eV.
    pub repulsion: f64,
}

impl Entry {
    /// Å: where its cutoff function is zero.
    pub fn end(&self) -> f64 {
        self.cutoff + self.width
    }
}

/// The entries of the ordered triples of these elements of the file, as a cube, and what deserves
/// a second look.
///
/// # Errors
/// With the place of what is missing or wrong.
pub fn read(path: &Path, elements: &[&str]) -> Result<(Vec<Entry>, Vec<String>)> {
    let text = text::of_potential(path)?;
    parse(path, &text, elements)
}

fn parse(path: &Path, text: &str, elements: &[&str]) -> Result<(Vec<Entry>, Vec<String>)> {
    let unit = energy_unit(path, text.lines().next().unwrap_or(""))?;
    let words: Vec<Word> =
        text.lines().enumerate().flat_map(|(n, line)| words_of(line, n + 1, &[])).collect();
    let count = elements.len();
    let mut found: Vec<Option<(Entry, Word)>> = vec![None; count.pow(3)];
    let mut known: Vec<&str> = Vec::new();
    for entry in words.chunks(WORDS) {
        let name = &entry[0];
        if entry.len() < WORDS {
            let message = format!(
                "the file ends within the entry that begins here: {} words instead of {WORDS}",
                entry.len()
            );
            return Err(name.error(path, message));
        }
        if let Some(number) = entry[..3].iter().find(|word| word.as_number().is_some()) {
            let message = format!(
                "an entry of {WORDS} words begins with the names of three elements, and `{}` is a \
                 number: is the file one for another `tersoff`?",
                number.text
            );
            return Err(number.error(path, message));
        }
        known.extend((!known.contains(&name.text)).then_some(name.text));
        let place = |word: &Word| elements.iter().position(|element| *element == word.text);
        let [Some(i), Some(j), Some(k)] = [&entry[0], &entry[1], &entry[2]].map(place) else {
            continue;
        };
        let slot = &mut found[(i * count + j) * count + k];
        if let Some((_, before)) = slot {
            let message = format!(
                "the entry {} {} {} is given twice, first in line {}",
                entry[0].text, entry[1].text, entry[2].text, before.line
            );
            return Err(name.error(path, message));
        }
        *slot = Some((of_words(path, entry, unit)?, *name));
    }
    if let Some(missing) = elements.iter().find(|element| !known.contains(element)) {
        let meant = did_you_mean(missing, known.iter().copied());
        let message = format!("no entry for {missing}; there are {}{meant}", known.join(", "));
        return Err(Error::input(path, 0, 0, message));
    }
    let mut entries = Vec::new();
    for (p, entry) in found.into_iter().enumerate() {
        let Some((entry, _)) = entry else {
            let names = [p / count / count, p / count % count, p % count].map(|e| elements[e]);
            let message = format!("the entry {} is missing", names.join(" "));
            return Err(Error::input(path, 0, 0, message));
        };
        entries.push(entry);
    }
    let warnings = asymmetries(path, elements, &entries);
    Ok((entries, warnings))
}

fn of_words(path: &Path, words: &[Word], unit: f64) -> Result<Entry> {
    let number = |n: usize, name: &str| words[n].number(path, name);
    let least = |n: usize, name: &str| match number(n, name)? {
        x if x >= 0.0 => Ok(x),
        x => Err(words[n].error(path, format!("`{name}` is {x} but must not be negative"))),
    };
    let m = number(3, "m")?;
    if m != 3.0 && m != 1.0 {
        return Err(words[3].error(path, format!("`m` is {m} but must be 3 or 1")));
    }
    let entry = Entry {
        is_cubic: m == 3.0,
        gamma: least(4, "gamma")?,
        lambda3: number(5, "lambda3")?,
        c: least(6, "c")?,
        d: least(7, "d")?,
        cosine: number(8, "costheta0")?,
        n: least(9, "n")?,
        beta: least(10, "beta")?,
        lambda2: least(11, "lambda2")?,
        attraction: unit * least(12, "B")?,
        cutoff: least(13, "R")?,
        width: least(14, "D")?,
        lambda1: least(15, "lambda1")?,
        repulsion: unit * least(16, "A")?,
    };
    if entry.width > entry.cutoff {
        let message = format!("`D` is {} but must not be above R, {}", entry.width, entry.cutoff);
        return Err(words[14].error(path, message));
    }
    if entry.d == 0.0 && entry.c != 0.0 {
        return Err(words[7].error(path, "`d` is 0, and c is not"));
    }
    if words[1].text == words[2].text && entry.n == 0.0 {
        return Err(words[9].error(path, "`n` is 0"));
    }
    Ok(entry)
}

/// Bonds that are not the same seen from both of their ends in what both ends share.
fn asymmetries(path: &Path, elements: &[&str], entries: &[Entry]) -> Vec<String> {
    let count = elements.len();
    let bond = |i: usize, j: usize| {
        let e = &entries[(i * count + j) * count + j];
        [e.repulsion, e.lambda1, e.cutoff, e.width]
    };
    let pairs = (0..count).flat_map(|i| (0..i).map(move |j| (j, i)));
    pairs
        .filter(|&(i, j)| bond(i, j) != bond(j, i))
        .map(|(i, j)| {
            format!(
                "{}: A, lambda1, R or D of {a}-{b} differ between the entries {a} {b} {b} and {b} {a} \
                 {a}: each counts for half of the repulsion",
                path.display(),
                a = elements[i],
                b = elements[j]
            )
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const SI: &str = "# UNITS: metal\nSi Si Si 3.0 1.0 1.3258 4.8381 2.0417 0.0 22.956 0.33675\n 1.3258 \
                      95.373 3.0 0.2 3.2394 3264.7 # two lines\n";

    fn message(text: &str, elements: &[&str]) -> String {
        parse(Path::new("a.tersoff"), text, elements).unwrap_err().to_string()
    }

    #[test]
    fn entries_are_read_wherever_lines_end() {
        let (entries, warnings) = parse(Path::new("a.tersoff"), SI, &["Si"]).unwrap();
        assert_eq!(warnings, Vec::<String>::new());
        assert_eq!(entries.len(), 1);
        let [si] = &entries[..] else { panic!("one") };
        assert!(si.is_cubic);
        assert_eq!([si.end(), si.n, si.repulsion, si.attraction], [3.2, 22.956, 3264.7, 95.373]);
        let (in_real, _) =
            parse(Path::new("a.tersoff"), &SI.replace("metal", "real"), &["Si"]).unwrap();
        assert!((in_real[0].repulsion / 3264.7 - 0.0433641).abs() < 1e-7);
    }

    #[test]
    fn bad_files_are_refused_with_the_place() {
        for (text, elements, expected) in [
            (
                SI.replace("3264.7", ""),
                &["Si"][..],
                "a.tersoff:2:1: the file ends within the entry that begins here: 16 words instead of 17",
            ),
            (
                SI.replace("0.2 ", "0.2x "),
                &["Si"],
                "a.tersoff:3:20: `0.2x` is no number; `D` needs one",
            ),
            (
                SI.replace("3.0 1.0", "2.0 1.0"),
                &["Si"],
                "a.tersoff:2:10: `m` is 2 but must be 3 or 1",
            ),
            (
                SI.replace("3.0 0.2", "3.0 3.2"),
                &["Si"],
                "a.tersoff:3:20: `D` is 3.2 but must not be above R, 3",
            ),
            (
                format!("{SI}{SI}"),
                &["Si"],
                "a.tersoff:5:1: the entry Si Si Si is given twice, first in line 2",
            ),
            (SI.into(), &["Si", "C"], "a.tersoff: no entry for C; there are Si"),
            (
                format!("{SI}{}", SI.replace("Si Si Si", "C C C")),
                &["Si", "C"],
                "a.tersoff: the entry Si Si C is missing",
            ),
            (
                SI.replace("# two lines", "1.0"),
                &["Si"],
                "a.tersoff:3:38: the file ends within the entry that begins here: 1 words instead of 17",
            ),
        ] {
            assert_eq!(message(&text, elements), expected);
        }
    }
}
