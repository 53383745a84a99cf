//! Whether a stage has held its pressure: what is in the box does not follow each barostat, and a run that
//! went through says nothing of it.
//!
//! Every change of the box adds the deviations P_k - P° to a block of as many changes; where there are `MOST` blocks,
//! they are joined two by two, so that memory stays small for any length. Looked at is the last half of them: the
//! mean deviation D of a group of axes, and the fluctuation σ within blocks, which what drifts has no part in.
//! With the relaxation time τ (or period) of the box and the time T that was looked at, D is known to
//!
//! ```text
//! δ = σ √(2 τ / T)
//! ```
//!
//! and a ramp is followed τ dP°/dt behind. What is further off than four δ and twice that lag was not held.
//!
//! In a short stage blocks are too short for that: σ is then the fluctuation about the straight line through
//! what is looked at. Fewer changes than `FEWEST` tell nothing, which is told itself.

use super::{Change, Inside, Settings};
use serde::{Deserialize, Serialize};

/// Blocks that are kept, at most.
const MOST: usize = 16;

/// So many changes in a block tell a fluctuation.
const LEAST: u64 = 4;

/// So many changes to look at tell a fluctuation about a line.
const FEWEST: u64 = 8;

/// The pressure in a stage so far.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct History {
    blocks: Vec<Block>,
}

/// Some changes of the box after another.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
struct Block {
    changes: u64,
    /// Of the box where it begins, Å³.
    volume: f64,
    /// Sum of P°, eV/Å³.
    target: f64,
    /// Sums of P - P° and of its square, of each group of axes.
    sum: [f64; 3],
    squares: [f64; 3],
}

/// What the pressure of a stage came to.
#[derive(Debug, Clone, PartialEq)]
pub enum Judgement {
    Held,
    NotHeld(Deviation),
    /// The box changed so often, which is too seldom to tell; so often would do.
    TooShort {
        changes: u64,
        enough: u64,
    },
}

/// A pressure that was asked for and not held, in the last part of a stage.
#[derive(Debug, Clone, PartialEq)]
pub struct Deviation {
    /// The axes, as the input has them.
    pub axes: String,
    /// Means, eV/Å³.
    pub pressure: f64,
    pub target: f64,
    /// δ, eV/Å³.
    pub error: f64,
    /// How long was looked, ps.
    pub time: f64,
    /// By how much the volume has changed in this time, as a fraction.
    pub growth: f64,
    /// Of the box, as the input guesses it, Å³/eV.
    pub compressibility: f64,
}

impl History {
    pub fn is_empty(&self) -> bool {
        self.blocks.is_empty()
    }

    /// One more change of the box, which found this in it.
    pub fn add(&mut self, settings: &Settings, change: &Change, before: &Inside) {
        let mut deviation = [0.0; 3];
        for (mean, axes) in deviation.iter_mut().zip(&settings.groups) {
            let part = axes.len() as f64 * before.volume;
            *mean = before.excess(axes, change.pressure) / part;
        }
        let one = Block {
            changes: 1,
            volume: before.volume,
            target: change.pressure,
            sum: deviation,
            squares: deviation.map(|d| d * d),
        };
        // Blocks but the last are as long as the first.
        let full = self.blocks.first().map_or(1, |first| first.changes);
        if let Some(last) = self.blocks.last_mut().filter(|last| last.changes < full) {
            *last = last.with(&one);
            return;
        }
        if self.blocks.len() == MOST {
            self.blocks = self.blocks.chunks(2).map(|pair| pair[0].with(&pair[1])).collect();
        }
        self.blocks.push(one);
    }

    /// The group of axes that is farthest from its pressure is told, if any was not held; `duration`: from one
    /// change of the box to the next, `length`: of the whole stage, ps; `volume`: of the box now.
    pub fn judge(
        &self,
        settings: &Settings,
        [duration, length]: [f64; 2],
        volume: f64,
    ) -> Judgement {
        let last = &self.blocks[self.blocks.len() / 2..];
        let count = |blocks: &[Block]| blocks.iter().map(|block| block.changes).sum::<u64>();
        let changes = count(last);
        if changes < FEWEST {
            return Judgement::TooShort { changes: count(&self.blocks), enough: 2 * FEWEST };
        }
        let is_long = self.blocks[0].changes >= LEAST;
        let (n, time) = (changes as f64, changes as f64 * duration);
        let target = last.iter().map(|block| block.target).sum::<f64>() / n;
        let [start, end] = settings.target;
        let lag = settings.relaxation * ((end - start) / length).abs();
        let per_group = settings.groups.iter().enumerate().map(|(g, axes)| {
            let mean = last.iter().map(|block| block.sum[g]).sum::<f64>() / n;
            let scatter = match is_long {
                true => last.iter().map(|block| block.scatter(g)).sum::<f64>(),
                false => about_line(last, g),
            } / n;
            let error = scatter.sqrt() * (2.0 * settings.relaxation / time).max(1.0 / n).sqrt();
            (axes, mean, error)
        });
        let beyond = |mean: f64, error: f64| mean.abs() - 4.0 * error - 2.0 * lag;
        let worst = per_group
            .filter(|&(_, mean, error)| beyond(mean, error) > 0.0)
            .max_by(|a, b| beyond(a.1, a.2).total_cmp(&beyond(b.1, b.2)));
        let Some((axes, mean, error)) = worst else { return Judgement::Held };
        Judgement::NotHeld(Deviation {
            axes: axes.iter().map(|&k| ["x", "y", "z"][k]).collect(),
            pressure: target + mean,
            target,
            error,
            time,
            growth: volume / last[0].volume - 1.0,
            compressibility: settings.compressibility,
        })
    }
}

impl Block {
    fn with(&self, later: &Block) -> Block {
        Block {
            changes: self.changes + later.changes,
            volume: self.volume,
            target: self.target + later.target,
            sum: std::array::from_fn(|g| self.sum[g] + later.sum[g]),
            squares: std::array::from_fn(|g| self.squares[g] + later.squares[g]),
        }
    }

    /// Σ (d - mean d)², corrected for its own mean.
    fn scatter(&self, g: usize) -> f64 {
        let n = self.changes as f64;
        let about = (self.squares[g] - self.sum[g] * self.sum[g] / n).max(0.0);
        if n > 1.0 { about * n / (n - 1.0) } else { 0.0 }
    }
}

/// As `Block::scatter` of all these changes, about the straight line through them in place of their mean.
fn about_line(blocks: &[Block], g: usize) -> f64 {
    let all = blocks[1..].iter().fold(blocks[0], |all, block| all.with(block));
    let n = all.changes as f64;
    let (mean, mut before) = (all.sum[g] / n, 0.0);
    let (mut with, mut own) = (0.0, 0.0);
    for block in blocks {
        let changes = block.changes as f64;
        // From the middle of all to the middle of the block.
        let at = before + 0.5 * (changes - n);
        with += at * (block.sum[g] - changes * mean);
        own += changes * at * at;
        before += changes;
    }
    let about = all.squares[g] - all.sum[g] * mean - with * with / own;
    about.max(0.0) * n / (n - 2.0)
}
