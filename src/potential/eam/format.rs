//! Which of the two formats a text seems to have: for messages only.

use crate::potential::text::{Word, words_of};

/// Whether a text begins as a `setfl` file does: the fourth line counts the elements that it names.
pub fn looks_like_setfl(text: &str) -> bool {
    let words = line(text, 3);
    words.first().and_then(|w| w.text.parse::<usize>().ok()).is_some_and(|n| words.len() == n + 1)
}

/// Whether a text begins as a `funcfl` file does: numbers of one element, then five of its grids.
pub fn looks_like_funcfl(text: &str) -> bool {
    let is_number = |word: &Word| word.as_number().is_some();
    let (header, grid) = (line(text, 1), line(text, 2));
    let of_an_element = header.len() >= 2 && header[..2].iter().all(is_number);
    !looks_like_setfl(text) && of_an_element && grid.len() >= 5 && grid[..5].iter().all(is_number)
}

/// The words of a line, numbered from 0; none where the text ends before.
fn line(text: &str, n: usize) -> Vec<Word<'_>> {
    words_of(text.lines().nth(n).unwrap_or(""), n + 1, &[])
}
