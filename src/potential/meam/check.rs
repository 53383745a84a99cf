//! What a potential says of itself: its conventions in words, and its reference
//! structures evaluated atom by atom, against what the files want them to be.

use super::Meam;

/// A reference structure as wanted and as found.
#[derive(Debug, Clone, PartialEq)]
pub struct ReferenceState {
    /// Such as `Pt fcc` or `Pt-Fe l12`.
    pub name: String,
}

impl Meam {
    /// The reference structure of every element and pair.
    pub fn reference_states(&self) -> Vec<ReferenceState> {
        Vec::new()
    }

    pub fn conventions(&self) -> String {
        String::new()
    }
}
