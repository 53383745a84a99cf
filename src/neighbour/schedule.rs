//! Which owned atoms may be worked on at the same time.
//!
//! Slabs and rows are at least reach wide, so two of them with two others in
//! between have no neighbour in common: every third slab may run at once (three
//! colours), or, where that leaves threads without work, every third row of every
//! third slab (nine colours, more and smaller ranges in each).

use super::Rows;
use std::ops::Range;

/// Ranges of one colour per thread that keep all threads busy to the end.
const RANGES_PER_THREAD: usize = 4;

/// Ranges of owned atoms by colour; `first[c]` is where cell c begins among them.
pub fn schedule(rows: &Rows, first: &[u32], threads: usize) -> Vec<Vec<Range<usize>>> {
    let [slabs, per_slab] = rows.counts();
    let range = |start: usize, end: usize| {
        let cells = rows.pieces_of(start..end + 1);
        first[cells.start] as usize..first[cells.end] as usize
    };
    let slab = |a: usize| range(rows.number(a, 0), rows.number(a, per_slab - 1));
    let mut colours;
    if threads == 1 {
        colours = vec![vec![range(rows.number(0, 0), rows.number(slabs - 1, per_slab - 1))]];
    } else if slabs >= 3 * RANGES_PER_THREAD * threads {
        colours = vec![Vec::new(); 3];
        for a in 0..slabs {
            colours[a % 3].push(slab(a));
        }
    } else {
        colours = vec![Vec::new(); 9];
        for a in 0..slabs {
            for b in 0..per_slab {
                let row = rows.number(a, b);
                colours[a % 3 * 3 + b % 3].push(range(row, row));
            }
        }
    }
    for colour in &mut colours {
        colour.retain(|range| !range.is_empty());
    }
    colours.retain(|colour| !colour.is_empty());
    colours
}
