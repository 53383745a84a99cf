//! What came of swaps, and the composition that they leave.

use super::{Column, Record, Series, Snapshot, Values};

/// Of a state between two stages alone: what came of the swaps of the one that ends (`Snapshot::swaps`).
pub fn of_ended_stage(snapshot: &Snapshot) -> Record {
    let series = series(snapshot).into_iter().collect();
    Record { step: snapshot.step, time_ps: snapshot.time_ps, series }
}

/// None in a run without swaps.
pub fn series(snapshot: &Snapshot) -> Option<Series> {
    let (stage, tally) = snapshot.swaps?;
    let (view, kinds) = (&snapshot.system, snapshot.system.masses.len());
    let mut counts = vec![0i64; kinds];
    let kept = (0..view.atoms.owned).filter(|&i| !view.atoms.has_departed(i));
    kept.for_each(|i| counts[view.atoms.species[i] as usize] += 1);
    view.comm.sum_i64(&mut counts);
    Some(Series {
        path: "/sinter/swaps",
        columns: vec![
            Column::count(
                "stage_number",
                "number of the stage that the counts are of, from 1; where two stages meet, of the one that ends",
                stage as i64,
            ),
            Column::count("attempts", "swaps tried since the stage began", tally.attempts as i64),
            Column::count("accepted", "of them those that were carried out", tally.accepted as i64),
            Column::count(
                "evaluations",
                "evaluations of the whole energy that they took: what they cost, as each is worth a step",
                tally.evaluations as i64,
            ),
            Column::real(
                "energy",
                "eV",
                "what they added to the potential energy since the stage began; the conserved energy is \
                 without it",
                tally.energy,
            ),
            Column {
                name: "atoms",
                unit: "1",
                definition: "atoms by species, in the order of `index` in /parameters/species; not those that \
                             came to rest or were removed far out (`[evaporation]`)",
                shape: vec![kinds],
                values: Values::Integer(counts),
            },
        ],
    })
}
