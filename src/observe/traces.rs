//! Paths of chosen atoms at a fine interval: `/sinter/traces`, where each row has the
//! unwrapped places of all of them. What frames would need for that is all atoms.
//!
//! The atoms are chosen once and stay: those that the input names, and, by the rule `gap`,
//! the outermost layer of each particle towards each of its neighbours when the particles
//! are put together (`Pairs::facing_layers`). Where some rule needs them together, nothing
//! is traced before; and where none are named and it finds none, until it does, which is told.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use super::{Column, Record, Series, Snapshot, Values};
use crate::geometry::{GRID, grid_index};
use crate::input::{TracedAtoms, TracesConfig};

#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct Traces {
    /// Ids of the chosen atoms, rising.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    chosen: Option<Vec<u64>>,
    /// What they were chosen by.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    rule: Option<TracedAtoms>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    ids: Vec<u64>,
    /// What was said in this job of a rule that finds nothing.
    #[serde(skip)]
    told: Option<String>,
}

impl Traces {
    /// Whether the atoms are still to be chosen, or by another rule, and now is the time.
    pub fn are_to_be_chosen(&self, wanted: &TracesConfig, together: bool) -> bool {
        let known = self.chosen.is_some() && self.rule == wanted.atoms && self.ids == wanted.ids;
        !known && (together || wanted.atoms != Some(TracedAtoms::Gap))
    }

    /// Chooses those that are named, and these of all ranks, if there are any; gives what is to be
    /// told of it. Collective.
    pub fn choose(
        &mut self,
        wanted: &TracesConfig,
        snapshot: &Snapshot,
        mine: &[u64],
    ) -> Option<String> {
        let found = snapshot.system.comm.all_gather(mine).concat();
        let none = wanted.atoms.is_some() && found.is_empty();
        let chosen: BTreeSet<u64> = wanted.ids.iter().copied().chain(found).collect();
        if !chosen.is_empty() {
            self.chosen = Some(chosen.into_iter().collect());
            (self.rule, self.ids) = (wanted.atoms, wanted.ids.clone());
        }
        let so = match wanted.ids.is_empty() {
            true => "no paths are kept until there are",
            false => "only the paths of `ids` are kept",
        };
        let told = format!(
            "step {}: `[traces] atoms = \"gap\"` finds no atoms, for no particle has another near \
             it: {so}",
            snapshot.step
        );
        (none && self.told.is_none()).then(|| self.told.insert(told).clone())
    }

    /// How many there are.
    pub fn count(&self) -> usize {
        self.chosen.as_ref().map_or(0, Vec::len)
    }

    /// Where they are, if they are chosen. Collective.
    pub fn measure(&self, snapshot: &Snapshot) -> Option<Record> {
        let chosen = self.chosen.as_ref()?;
        let (atoms, cell) = (snapshot.system.atoms, snapshot.system.cell);
        // Each place is known to one rank; on the grid it is an integer.
        let mut places = vec![0i64; 3 * chosen.len()];
        for (i, id) in atoms.id[..atoms.owned].iter().enumerate() {
            if let Ok(k) = chosen.binary_search(id) {
                let place = cell.unwrap(&atoms.position[i], &atoms.image[i]);
                places[3 * k..3 * k + 3].copy_from_slice(&place.map(grid_index));
            }
        }
        snapshot.system.comm.sum_i64(&mut places);
        let columns = vec![
            Column {
                name: "atoms",
                unit: "1",
                definition: "ids of the traced atoms, the same in every row",
                shape: vec![chosen.len()],
                values: Values::Integer(chosen.iter().map(|&id| id as i64).collect()),
            },
            Column {
                name: "position",
                unit: "Angstrom",
                definition: "where they are, unwrapped",
                shape: vec![chosen.len(), 3],
                values: Values::Real(places.into_iter().map(|x| x as f64 * GRID).collect()),
            },
        ];
        let series = vec![Series { path: "/sinter/traces", columns }];
        Some(Record { step: snapshot.step, time_ps: snapshot.time_ps, series })
    }
}
