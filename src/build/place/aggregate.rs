//! A fractal aggregate: N = k (R/a)^D for every number on the way. With the mass of each particle its
//! number of atoms, the next one must stand at a distance Γ from the centre of mass that makes R what the
//! law says,  M' R'² = M R² + m M/M' Γ² + m r²,  where M' = M + m and R counts the particles' own extent.

use super::{Placed, Table, centred, direction};
use crate::error::Result;
use crate::geometry::{Vec3, add, dot, norm, scale, sub};
use crate::input::AggregateConfig;
use crate::random::Stream;
use crate::terminal::counted;

/// So often a particle to be added to, and a side of it, are drawn before there is no way on.
const TRIES: usize = 5000;

/// How far the radius of gyration may be from the law in the end, relatively.
const KEPT: f64 = 0.05;

/// Halvings of an angle, and how near to the wanted distance the centre then comes, over the radius.
const HALVINGS: usize = 30;
const NEAR: f64 = 1e-3;

/// Radius of gyration of a ball over its radius, squared.
const BALL: f64 = 0.6;

/// What has been put together.
struct Grown {
    mass: f64,
    /// Σ m r, and Σ m (r² + own radius of gyration²).
    first: Vec3,
    second: f64,
}

impl Grown {
    fn centre(&self) -> Vec3 {
        scale(self.first, 1.0 / self.mass)
    }

    fn add(&mut self, mass: f64, centre: Vec3, own: f64) {
        self.mass += mass;
        self.first = add(self.first, scale(centre, mass));
        self.second += mass * (dot(centre, centre) + own);
    }

    /// Squared radius of gyration.
    fn gyration(&self) -> f64 {
        let centre = self.centre();
        self.second / self.mass - dot(centre, centre)
    }
}

/// In random order.
pub fn aggregate(table: &Table, wanted: &AggregateConfig) -> Result<Placed> {
    let order = table.shuffled();
    let mass: Vec<f64> = table.lines.iter().map(|line| line.info.atoms as f64).collect();
    // Of balls with their volumes; a facet's distance and a corner's lie on either side.
    let ball: Vec<f64> =
        table.lines.iter().map(|line| (line.hull.shadow() / std::f64::consts::PI).sqrt()).collect();
    let mut centres = vec![[0.0; 3]; table.count()];
    let mut grown = Grown { mass: 0.0, first: [0.0; 3], second: 0.0 };
    let mut sum = 0.0;
    for (done, &next) in order.iter().enumerate() {
        let own = BALL * ball[next] * ball[next];
        sum += ball[next] + table.gap / 2.0;
        if done > 0 {
            let mean = sum / (done + 1) as f64;
            let law = law(wanted, done + 1);
            let (m, total) = (mass[next], grown.mass + mass[next]);
            let missing = total * law * mean * mean - grown.mass * grown.gyration() - m * own;
            let distance = (missing * total / (m * grown.mass)).max(0.0).sqrt();
            let mut stream = table.stream(next);
            let found = (0..TRIES).find_map(|_| {
                let host = order[stream.below(done as u64) as usize];
                let centre =
                    beside(table, [host, next], &centres, (grown.centre(), distance), &mut stream)?;
                let clear =
                    |&i: &usize| i == host || table.are_clear(i, next, sub(centre, centres[i]));
                order[..done].iter().all(clear).then_some(centre)
            });
            // Two or three cannot be as far from the law as its prefactor may want.
            let found =
                found.or_else(|| nearest(table, &order[..done], next, &centres, &grown, distance));
            let Some(centre) = found else {
                let message = format!(
                    "the aggregate has no place for another particle of dimension {} after {done} of {}: take a \
                     `dimension` nearer to 1.8, another `prefactor` or another `seed`",
                    wanted.dimension,
                    table.count()
                );
                return Err(table.refusal("dimension", message));
            };
            centres[next] = centre;
        }
        grown.add(mass[next], centres[next], own);
    }
    let (count, radius) = (table.count(), sum / table.count() as f64);
    let gyration = grown.gyration().max(0.0).sqrt();
    let law = radius * law(wanted, count).sqrt();
    if count > 1 && (gyration / law - 1.0).abs() > KEPT {
        let (how, change) =
            if gyration < law { ("far out", "larger") } else { ("near", "smaller") };
        let prefactor = count as f64 * libm::pow(radius / gyration, wanted.dimension);
        let message = format!(
            "{} in an aggregate of dimension {} with `prefactor` {} have a radius of gyration of {:.2} nm, and came \
             to {:.2} nm: those that touch another do not stand so {how}. Take a {change} `dimension`, a \
             {change} `prefactor` ({prefactor:.2} is that of what came), or another number of particles",
            counted(count, "particle"),
            wanted.dimension,
            wanted.prefactor,
            law / 10.0,
            gyration / 10.0,
        );
        return Err(table.refusal("dimension", message));
    }
    let note = format!(
        "{} in an aggregate with a radius of gyration of {:.2} nm, which is {:.3} radii of {:.2} nm",
        counted(count, "particle"),
        gyration / 10.0,
        gyration / radius,
        radius / 10.0
    );
    Ok(Placed { centres: centred(centres), lengths: [None; 3], note })
}

/// The squared radius of gyration that so many particles are to have, over that of their mean radius.
fn law(wanted: &AggregateConfig, count: usize) -> f64 {
    libm::pow(count as f64 / wanted.prefactor, 2.0 / wanted.dimension)
}

/// At the gap from its host, as far from a point as is wanted, on a side that is drawn.
fn beside(
    table: &Table,
    [host, next]: [usize; 2],
    centres: &[Vec3],
    (point, wanted): (Vec3, f64),
    stream: &mut Stream,
) -> Option<Vec3> {
    let out = sub(centres[host], point);
    let axis = if norm(out) > 1e-6 { scale(out, 1.0 / norm(out)) } else { direction(stream) };
    let side = direction(stream);
    let side = sub(side, scale(axis, dot(side, axis)));
    let side = scale(side, 1.0 / norm(side));
    // From straight out to straight in it comes nearer all the while.
    let place = |angle: f64| {
        let (sine, cosine) = libm::sincos(angle);
        let way = add(scale(axis, cosine), scale(side, sine));
        add(centres[host], scale(way, table.contact(host, next, way)))
    };
    let excess = |centre: Vec3| norm(sub(centre, point)) - wanted;
    let (mut low, mut high) = (0.0, std::f64::consts::PI);
    if excess(place(low)) < 0.0 || excess(place(high)) > 0.0 {
        return None;
    }
    for _ in 0..HALVINGS {
        let middle = (low + high) / 2.0;
        if excess(place(middle)) > 0.0 { low = middle } else { high = middle }
    }
    let centre = place(high);
    (excess(centre).abs() < NEAR * table.radii[next].max(1.0)).then_some(centre)
}

/// Of places beside any of them that which comes nearest to the wanted distance.
fn nearest(
    table: &Table,
    there: &[usize],
    next: usize,
    centres: &[Vec3],
    grown: &Grown,
    wanted: f64,
) -> Option<Vec3> {
    let mut stream = table.stream(next + table.count());
    let mut best: Option<(f64, Vec3)> = None;
    for _ in 0..TRIES / 10 {
        let host = there[stream.below(there.len() as u64) as usize];
        let way = direction(&mut stream);
        let centre = add(centres[host], scale(way, table.contact(host, next, way)));
        let away = (norm(sub(centre, grown.centre())) - wanted).abs();
        let mut others = there.iter().filter(|&&i| i != host);
        if best.is_none_or(|b| away < b.0)
            && others.all(|&i| table.are_clear(i, next, sub(centre, centres[i])))
        {
            best = Some((away, centre));
        }
    }
    best.map(|b| b.1)
}
