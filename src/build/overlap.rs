//! Refuses particles that lie on top of each other, of what fills the box, or of their own images.

use super::base::Base;
use super::body::Bodies;
use super::contact::closest;
use super::layout::{Layout, OVERLAP, bounds};
use super::survey::Line;
use crate::error::Result;
use crate::geometry::{Cell, LARGEST_COORDINATE, Vec3, add};
use crate::input::{Config, PlacementConfig};

/// Something with atoms, where it stands.
struct Standing<'a> {
    /// Made when they are wanted.
    positions: Box<dyn Fn() -> Vec<Vec3> + 'a>,
    bounds: [Vec3; 2],
    /// Of neighbours in it, Å, if it is known.
    nearest: Option<f64>,
}

/// Names the two that overlap, and the key that decides where they stand. `made` makes the particles of
/// which `lines` is the table.
pub fn check_overlap(
    config: &Config,
    layout: &Layout,
    (made, lines): (&Bodies, &[Line]),
    base: Option<&Base>,
) -> Result<()> {
    let standing: Vec<Standing> = (lines.iter().zip(&layout.particles).enumerate())
        .map(|(number, (line, info))| {
            let positions = move || {
                let body = made.body(number).expect("it was made before");
                body.positions().map(|r| add(r, info.centre)).collect()
            };
            Standing {
                positions: Box::new(positions),
                bounds: line.bounds.map(|r| add(r, info.centre)),
                nearest: Some(line.nearest_distance),
            }
        })
        .collect();
    let filling = base.map(|base| {
        let filling = Standing {
            positions: Box::new(|| base.positions().collect()),
            bounds: bounds(base.positions()),
            nearest: base.nearest_distance(),
        };
        (base.name(), filling)
    });
    let kept = config.placement.as_ref().is_some_and(|p| keeps_gaps(p, &layout.cell));
    for (p, line) in lines.iter().enumerate() {
        let body = (p, line);
        alone(config, layout, body, &standing[p])?;
        if let Some(taken) = base.and_then(Base::taken) {
            outside(config, &layout.cell, (body, &standing[p]), taken)?;
        }
        for (q, other) in lines.iter().enumerate().skip(p + 1).filter(|_| !kept) {
            if let Some(found) = overlap(&layout.cell, &standing[p], &standing[q]) {
                return Err(refusal(config, format!("particles {p} and {q}"), other, found));
            }
        }
        if let Some((name, filling)) = &filling
            && let Some(found) = overlap(&layout.cell, &standing[p], filling)
        {
            return Err(refusal(config, format!("particle {p} and {name}"), line, found));
        }
    }
    Ok(())
}

/// Whether hulls have kept their gap already, across periodic borders too: there is nothing to find.
fn keeps_gaps(placement: &PlacementConfig, cell: &Cell) -> bool {
    match placement {
        PlacementConfig::Row(_) => false,
        PlacementConfig::Support(_) | PlacementConfig::Box(_) => true,
        _ => cell.periodic == [false; 3],
    }
}

/// Whether a particle has room in the box.
fn alone(
    config: &Config,
    layout: &Layout,
    (p, body): (usize, &Line),
    standing: &Standing,
) -> Result<()> {
    let Cell { length, periodic, .. } = layout.cell;
    let [low, high] = standing.bounds;
    for d in 0..3 {
        let reach = low[d].abs().max(high[d].abs());
        if reach > LARGEST_COORDINATE / 2.0 {
            let message = format!(
                "particle {p} reaches out to {reach:.0} Å, but coordinates end at {} Å",
                LARGEST_COORDINATE / 2.0
            );
            let key = match &config.placement {
                Some(placement) => placement.room_key(),
                None => format!("particle[{}].centre_angstrom", body.table),
            };
            return Err(config.source.error(&key, message));
        }
        let wide = high[d] - low[d] + OVERLAP * body.nearest_distance;
        if periodic[d] && wide > length[d] {
            let message = format!(
                "particle {p} is {:.1} Å wide along {} and overlaps its own images in a box of {} Å",
                high[d] - low[d],
                ["x", "y", "z"][d],
                (length[d] * 1e6).round() / 1e6
            );
            let key = match config.source.has("box.lengths_angstrom") {
                true => format!("box.lengths_angstrom[{d}]"),
                false => format!("particle[{}]", body.table),
            };
            return Err(config.source.error(&key, message));
        }
    }
    Ok(())
}

/// Whether a particle stands above a slab, or below it, and not in it or in its image, where it may fit
/// between the atoms.
fn outside(
    config: &Config,
    cell: &Cell,
    ((p, body), standing): ((usize, &Line), &Standing),
    (axis, [bottom, top]): (usize, [f64; 2]),
) -> Result<()> {
    let [low, high] = standing.bounds.map(|corner| corner[axis]);
    let (table, name) = (body.table, ["x", "y", "z"][axis]);
    if low <= top && high >= bottom {
        let (key, advice) = match config.particles[table].above {
            Some(_) => ("above.gap_angstrom", "make `gap_angstrom` larger"),
            None => {
                ("centre_angstrom", "move its `centre_angstrom` away, or write `above` instead")
            }
        };
        let message = format!(
            "particle {p} stands from {name} = {low:.2} to {high:.2} Å, in the crystal, which takes all from \
             {bottom:.2} to {top:.2} Å; {advice}"
        );
        return Err(config.source.error(&format!("particle[{table}].{key}"), message));
    }
    let image = bottom + cell.length[axis];
    if cell.periodic[axis] && low > top && high >= image {
        let message = format!(
            "particle {p} reaches up to {name} = {high:.2} Å, into the image of the slab, which begins at \
             {image:.2} Å: there must be more vacuum"
        );
        return Err(config.source.error("crystal.vacuum_angstrom", message));
    }
    Ok(())
}

/// The key that decides where `body` stands, and what to do.
fn refusal(
    config: &Config,
    both: String,
    body: &Line,
    (distance, nearest): (f64, f64),
) -> crate::error::Error {
    let table = body.table;
    let above = config.particles[table].above.is_some();
    let (key, advice) = match (&config.placement, above) {
        (Some(placement), _)
            if both.starts_with("particles") && !matches!(placement, PlacementConfig::Row(_)) =>
        {
            (
                match config.source.has("box.lengths_angstrom") {
                    true => "box.lengths_angstrom".into(),
                    false => "placement".into(),
                },
                "they meet across a periodic border: make the box larger, or the border free",
            )
        }
        (Some(_), false) => ("placement.gap_angstrom".into(), "make `gap_angstrom` larger"),
        (_, true) if both.starts_with("particles") => (
            format!("particle[{table}].above.at_angstrom"),
            "move them apart along the surface (`at_angstrom`, or the gap of `[placement]`)",
        ),
        (_, true) => {
            (format!("particle[{table}].above.gap_angstrom"), "make `gap_angstrom` larger")
        }
        (None, false) => (
            format!("particle[{table}].centre_angstrom"),
            match both.starts_with("particles") {
                true => "move their `centre_angstrom` apart",
                false => "move its `centre_angstrom` away, or write `above` instead",
            },
        ),
    };
    let message = format!(
        "{both} overlap: two of their atoms are {distance:.2} Å apart, where neighbours in the crystal \
         are {nearest:.2} Å apart; {advice}"
    );
    config.source.error(&key, message)
}

/// The shortest distance between atoms of the two and their images, if they overlap, and that of
/// neighbours.
fn overlap(cell: &Cell, one: &Standing, other: &Standing) -> Option<(f64, f64)> {
    let nearest = [one.nearest, other.nearest].into_iter().flatten().fold(f64::INFINITY, f64::min);
    let limit = OVERLAP * nearest;
    let ([low, high], [other_low, other_high]) = (one.bounds, other.bounds);
    // The images of the other whose bounds come near.
    let images: [Vec<f64>; 3] = std::array::from_fn(|d| {
        if !cell.periodic[d] {
            return vec![0.0];
        }
        let first = ((low[d] - limit - other_high[d]) / cell.length[d]).ceil() as i64;
        let last = ((high[d] + limit - other_low[d]) / cell.length[d]).floor() as i64;
        (first..=last).map(|image| image as f64 * cell.length[d]).collect()
    });
    let within = |r: &Vec3, [low, high]: [Vec3; 2]| {
        (0..3).all(|d| r[d] >= low[d] - limit && r[d] <= high[d] + limit)
    };
    let mut shortest: Option<f64> = None;
    for &x in &images[0] {
        for &y in &images[1] {
            for &z in &images[2] {
                let shift = [x, y, z];
                let moved = [add(other_low, shift), add(other_high, shift)];
                if (0..3).any(|d| moved[0][d] > high[d] + limit || moved[1][d] < low[d] - limit) {
                    continue;
                }
                let own = (one.positions)().into_iter().filter(|r| within(r, moved));
                let others = (other.positions)().into_iter().map(|r| add(r, shift));
                let others = others.filter(|r| within(r, [low, high]));
                if let Some((distance, _, _)) = closest(own, others, limit, |_, _| true) {
                    shortest = Some(shortest.map_or(distance, |s| s.min(distance)));
                }
            }
        }
    }
    shortest.map(|distance| (distance, nearest))
}
