//! Which lattice directions lie along the axes of the box: those of the input, checked,
//! and the missing ones found.

use super::unit_cell::{Direction, Shape, determinant, direction, period_length, primitive};
use crate::error::{Error, Result};
use crate::input::{Axis, Config, CrystalConfig, CrystalLattice};

/// Indices up to this, or those of the given direction, are tried for a missing one.
const TRIED: i64 = 6;

type Axes = [Direction; 3];

/// At right angles, right-handed, each with the smallest integers.
///
/// # Errors
/// The given ones are not so, or no direction of the lattice is at right angles to them.
pub fn axes(config: &Config, crystal: &CrystalConfig) -> Result<Axes> {
    let given = [&crystal.x, &crystal.y, &crystal.z].map(|i| i.as_deref().map(direction));
    let lattice = Lattice { shape: Shape::of(crystal), lattice: crystal.lattice };
    if let Some(axes) = lattice.complete(given)
        && lattice.fits(axes)
    {
        return Ok(axes);
    }
    Err(refusal(config, crystal, lattice, given))
}

/// What is wrong with the given directions, and the nearest that are right.
fn refusal(
    config: &Config,
    crystal: &CrystalConfig,
    lattice: Lattice,
    given: [Option<Direction>; 3],
) -> Error {
    let named = |axes: Axes| {
        let one = |d: usize| format!("{} = {}", Axis::ALL[d].name(), lattice.shown(axes[d]));
        format!("{}, {}, {}", one(0), one(1), one(2))
    };
    let error = |d: usize, message: String| {
        let key = format!("crystal.{}", Axis::ALL[d].name());
        config.source.error(&key, message)
    };
    // The normal of the surface is what matters most.
    let kept = crystal.surface.map_or(2, Axis::index);
    let kept = if given[kept].is_some() {
        kept
    } else {
        (0..3).find(|&d| given[d].is_some()).unwrap_or(2)
    };
    let advice = match lattice.nearest(given, kept) {
        Some(axes) => format!("; right would be {}", named(axes)),
        None => String::new(),
    };
    let shape = lattice.shape;
    for (d, e) in [(0, 1), (0, 2), (1, 2)] {
        if let (Some(u), Some(v)) = (given[d], given[e])
            && !shape.at_right_angles(u, v)
        {
            let wrong = if e == kept { d } else { e };
            return error(
                wrong,
                format!(
                    "{} = {} and {} = {} are not at right angles but at {:.2}°{advice}",
                    Axis::ALL[d].name(),
                    lattice.shown(u),
                    Axis::ALL[e].name(),
                    lattice.shown(v),
                    libm::acos(shape.cosine(u, v)).to_degrees()
                ),
            );
        }
    }
    if let [Some(x), Some(y), Some(z)] = given
        && determinant([x, y, z]) < 0
    {
        let turned = named([x, y.map(|i| -i), z]);
        return error(1, format!("these axes are left-handed; turn one round, as {turned}"));
    }
    error(
        kept,
        format!(
            "no two other directions of the lattice make right angles with this one (with a = {:.4} Å \
             and c = {:.4} Å those along c and across it have some){advice}",
            shape.a, shape.c
        ),
    )
}

#[derive(Debug, Clone, Copy)]
struct Lattice {
    shape: Shape,
    lattice: CrystalLattice,
}

impl Lattice {
    fn default_axes(self) -> Axes {
        let y = if self.shape.hexagonal { [1, 2, 0] } else { [0, 1, 0] };
        [[1, 0, 0], y, [0, 0, 1]]
    }

    fn fits(self, axes: Axes) -> bool {
        let right = |d: usize, e: usize| self.shape.at_right_angles(axes[d], axes[e]);
        right(0, 1) && right(0, 2) && right(1, 2) && determinant(axes) > 0
    }

    /// Finds the missing ones.
    fn complete(self, given: [Option<Direction>; 3]) -> Option<Axes> {
        let usual = self.default_axes();
        if (0..3).all(|d| given[d].is_none_or(|v| v == usual[d])) {
            return Some(usual);
        }
        match given {
            [Some(x), Some(y), Some(z)] => Some([x, y, z]),
            [Some(x), Some(y), None] => Some([x, y, self.shape.perpendicular(x, y)?]),
            [Some(x), None, Some(z)] => Some([x, self.shape.perpendicular(z, x)?, z]),
            [None, Some(y), Some(z)] => Some([self.shape.perpendicular(y, z)?, y, z]),
            _ => {
                let d = (0..3).find(|&d| given[d].is_some())?;
                self.about(d, given[d]?, |u, v| (self.length(u) * self.length(v), self.length(u)))
            }
        }
    }

    /// The axes with `axis` along d whose next one is the best: the least of `rank`; of equal ones
    /// that with the most zeros behind and the positive numbers in front.
    fn about(
        self,
        d: usize,
        axis: Direction,
        rank: impl Fn(Direction, Direction) -> (f64, f64),
    ) -> Option<Axes> {
        let most = axis.iter().map(|x| x.abs()).fold(TRIED, i64::max);
        let all = -most..=most;
        let mut best: Option<((f64, f64), [i64; 4], Axes)> = None;
        for (u, v) in all.clone().flat_map(|u| all.clone().map(move |v| (u, v))) {
            for w in all.clone() {
                let next = [u, v, w];
                if next == [0; 3]
                    || primitive(next) != next
                    || !self.shape.at_right_angles(axis, next)
                {
                    continue;
                }
                let Some(last) = self.shape.perpendicular(axis, next) else { continue };
                let mut axes = [axis; 3];
                axes[(d + 1) % 3] = next;
                axes[(d + 2) % 3] = last;
                // Lengths that differ by rounding are equal.
                let (first, second) = rank(next, last);
                let rank = ((first * 1e9).round(), (second * 1e9).round());
                let tie = [w.abs(), -u, -v, -w];
                if best.as_ref().is_none_or(|b| (rank, tie) < (b.0, b.1)) {
                    best = Some((rank, tie, axes));
                }
            }
        }
        best.map(|b| b.2)
    }

    /// The axes nearest to the given ones, of which one is kept.
    fn nearest(self, given: [Option<Direction>; 3], kept: usize) -> Option<Axes> {
        let axis = given[kept]?;
        let near = |wanted: Option<Direction>, u| wanted.map_or(0.0, |v| -self.shape.cosine(u, v));
        let (next, last) = (given[(kept + 1) % 3], given[(kept + 2) % 3]);
        self.about(kept, axis, |u, v| {
            (near(next, u) + near(last, v), self.length(u) * self.length(v))
        })
    }

    /// Of the period along a direction, Å.
    fn length(self, direction: Direction) -> f64 {
        period_length(self.lattice, self.shape, direction)
    }

    /// As the input writes it; with four indices where that is the custom.
    fn shown(self, [u, v, w]: Direction) -> String {
        if !self.shape.hexagonal {
            return format!("{:?}", [u, v, w]);
        }
        // u a₁ + v a₂ in the indices that add up to zero: thirds, or whole numbers of a multiple.
        let (a, b) = (2 * u - v, 2 * v - u);
        let four = [a, b, -a - b, 3 * w];
        let whole = if four.iter().all(|i| i % 3 == 0) { four.map(|i| i / 3) } else { four };
        format!("{whole:?}")
    }
}

/// For people.
pub fn shown(crystal: &CrystalConfig, axis: Direction) -> String {
    Lattice { shape: Shape::of(crystal), lattice: crystal.lattice }.shown(axis)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lattice(lattice: CrystalLattice, hexagonal: bool) -> Lattice {
        let c = if hexagonal { 5.0 } else { 3.0 };
        Lattice { shape: Shape { a: 3.0, c, hexagonal }, lattice }
    }

    fn cubic() -> Lattice {
        lattice(CrystalLattice::Fcc, false)
    }

    #[test]
    fn missing_directions_are_the_usual_ones() {
        let found = |given| cubic().complete(given).unwrap();
        assert_eq!(found([None, None, None]), [[1, 0, 0], [0, 1, 0], [0, 0, 1]]);
        assert_eq!(found([None, None, Some([0, 0, 1])]), [[1, 0, 0], [0, 1, 0], [0, 0, 1]]);
        let along_111 = found([None, None, Some([1, 1, 1])]);
        assert_eq!(along_111, [[1, -1, 0], [1, 1, -2], [1, 1, 1]]);
        assert_eq!(found([Some([1, -1, 0]), None, Some([1, 1, 1])]), along_111);
        assert_eq!(found([Some([1, 1, 0]), Some([-1, 1, 0]), None])[2], [0, 0, 1]);
        let hcp = lattice(CrystalLattice::Hcp, true);
        assert_eq!(hcp.complete([None, None, None]).unwrap(), [[1, 0, 0], [1, 2, 0], [0, 0, 1]]);
        for axis in [[1, 1, 0], [2, 1, 1], [3, 1, 0], [5, 3, 1], [0, -1, 0]] {
            for d in 0..3 {
                let mut given = [None; 3];
                given[d] = Some(axis);
                let axes = cubic().complete(given).unwrap();
                assert!(cubic().fits(axes) && axes[d] == axis, "{axes:?}");
            }
        }
    }

    #[test]
    fn the_nearest_axes_are_near() {
        let wrong = [Some([1, 0, 0]), None, Some([1, 1, 1])];
        assert_eq!(cubic().nearest(wrong, 2).unwrap(), [[2, -1, -1], [0, 1, -1], [1, 1, 1]]);
        assert!(!cubic().fits([[1, 0, 0], [0, -1, 0], [0, 0, 1]]), "left-handed");
    }

    #[test]
    fn four_indices_say_the_same_as_three() {
        let hcp = lattice(CrystalLattice::Hcp, true);
        for (four, three) in [
            ([2, -1, -1, 0], [1, 0, 0]),
            ([0, 1, -1, 0], [1, 2, 0]),
            ([0, 0, 0, 1], [0, 0, 1]),
            ([1, 1, -2, 3], [1, 1, 1]),
        ] {
            assert_eq!(direction(&four), three);
            assert_eq!(
                direction(
                    &hcp.shown(three)
                        .trim_matches(['[', ']'])
                        .split(", ")
                        .map(|i| i.parse().unwrap())
                        .collect::<Vec<i32>>()
                ),
                three
            );
        }
        // [10-10] is at right angles to [1-210] and to c.
        assert!(hcp.shape.at_right_angles(direction(&[1, 0, -1, 0]), direction(&[1, -2, 1, 0])));
    }
}
