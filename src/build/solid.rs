//! One particle in its own frame: which sites, which adatoms, which way up. What
//! its atoms are made of is dealt out when the atoms are wanted (`alloy`).

use super::lattice::{Centre, Crystal, Site, dot, nearest_distance, position, step};
use super::members::Member;
use super::orientation::{Rotation, apply};
use super::shape::{Outline, Roughness, Shape};
use super::{alloy, mixture};
use crate::error::Result;
use crate::geometry::{self, Vec3, norm, on_grid};
use crate::input::{AdatomConfig, Config, Defect, Facet, Lattice};
use crate::random::Purpose;
use std::collections::BTreeSet;
use std::sync::Arc;

/// The geometry of a particle; the origin of its frame is the centre of its shape.
pub struct Solid {
    /// Its number, and that of its table in the input.
    pub number: usize,
    pub table: usize,
    pub shape: Arc<Shape>,
    pub adatoms: Vec<Site>,
    /// Sites of the full monolayer that the adatoms are left of.
    pub monolayer: usize,
    /// The facets towards the particles beside it in a row, in the crystal's frame, and the sides
    /// they are on: +1 looks along x, -1 against it.
    pub facing: Vec<(Site, f64)>,
    /// The facet that lies on a surface, in the crystal's frame.
    pub down: Option<Site>,
    rotation: Rotation,
    /// Half the lattice constants along the axes, Å.
    half: Vec3,
    defect: Option<Defect>,
    /// Å
    pub nearest_distance: f64,
}

/// The shape of the particles of a table that want so many atoms. The surface energies of a Wulff shape
/// must be there by now, from the input or the potential.
pub fn shape(config: &Config, table: usize, wanted: usize) -> Result<Shape> {
    let particle = &config.particles[table];
    let Some(outline) = Outline::of(particle) else {
        let message = "a Wulff shape needs `surface_energy_j_per_m2`";
        return Err(config.source.error(&format!("particle[{table}]"), message));
    };
    let mut crystals = Crystal::all(particle.lattice);
    if particle.defect.is_some() {
        // It lies in a layer of atoms.
        crystals.retain(|crystal| crystal.centre == Centre::Atom);
    }
    let shape = |wanted: usize| {
        let others = outline.moved(particle).into_iter();
        let others = others.map(|other| Shape::about(&crystals[..1], other, wanted, particle.size));
        let first = Shape::about(&crystals, outline.clone(), wanted, particle.size);
        let all = std::iter::once(first).chain(others);
        all.min_by_key(|shape| shape.complete.abs_diff(wanted)).expect("the first of them")
    };
    let roughness = Roughness::of(particle, wanted);
    Ok(Roughness::whole(roughness, wanted, shape, |shape| shape.surface().len()))
}

/// The sides on which a particle has another beside it: -1 for those after the first of a row, +1
/// for those before the last.
pub fn sides(config: &Config, number: usize) -> Vec<f64> {
    let last = config.particle_count().saturating_sub(1);
    let sides = [(-1.0, number > 0), (1.0, number < last)];
    let in_row = config.row().is_some();
    sides.iter().filter(|(_, beside)| in_row && *beside).map(|&(side, _)| side).collect()
}

/// The sites of a full layer on a facet: those of the next lattice plane that rest
/// on the facet with every neighbour that lies below them.
pub fn monolayer(shape: &Shape, facet: Site) -> Vec<Site> {
    let layer = shape.facet_layer(facet);
    let steps = shape.crystal.neighbours();
    let occupied = |h: &Site| shape.sites.binary_search(h).is_ok();
    let rise = steps.iter().map(|&v| dot(facet, v)).filter(|&up| up > 0).min().unwrap_or(0);
    let above: BTreeSet<Site> = (layer.iter())
        .flat_map(|&h| steps.iter().filter(|&&v| dot(facet, v) == rise).map(move |&v| step(h, v)))
        .collect();
    let rests = |h: &Site| {
        let mut below = steps.iter().filter(|&&v| dot(facet, v) < 0).map(|&v| step(*h, v));
        !occupied(h) && below.all(|b| occupied(&b))
    };
    above.into_iter().filter(rests).collect()
}

/// Whether a site lies beyond the defect across the middle.
fn is_beyond(site: Site) -> bool {
    dot(site, [1, 1, 1]) > 0
}

impl Solid {
    /// The particle of this shape that is `member`.
    ///
    /// # Errors
    /// Adatoms are wanted on a facet without a place for any.
    pub fn new(config: &Config, member: &Member, shape: Arc<Shape>) -> Result<Solid> {
        let particle = &config.particles[member.table];
        let sides = sides(config, member.number);
        let facing: Vec<(Site, f64)> = (config.row().iter())
            .flat_map(|row| sides.iter().map(|&side| (row.facing.map(|i| i * side as i32), side)))
            .collect();
        let a = particle.lattice_constant();
        let c = if particle.lattice == Lattice::L10 { particle.lattice_constant_c() } else { a };
        let mut solid = Solid {
            number: member.number,
            table: member.table,
            shape,
            adatoms: Vec::new(),
            monolayer: 0,
            facing,
            down: member.down,
            rotation: member.turn,
            half: [a, a, c].map(|length| length / 2.0),
            defect: particle.defect,
            nearest_distance: nearest_distance(particle.lattice, a, c),
        };
        if let Some(roughness) = Roughness::of(particle, member.wanted) {
            let order =
                |count| alloy::shuffled(config.seed, Purpose::Roughness, member.number, 0, count);
            solid.shape = Arc::new(solid.shape.roughened(roughness, order));
        }
        if let Some(AdatomConfig { facet, removed_fraction }) = particle.adatoms {
            let facets: Vec<Site> = match facet {
                Facet::Miller(indices) => vec![indices],
                Facet::Facing => solid.facing.iter().map(|&(facet, _)| facet).collect(),
            };
            for facet in facets {
                solid.add_adatoms(config, facet, removed_fraction)?;
            }
            solid.adatoms.sort_unstable();
        }
        Ok(solid)
    }

    /// What is left at random of a full layer on a facet.
    fn add_adatoms(&mut self, config: &Config, facet: Site, removed_fraction: f64) -> Result<()> {
        let sites = monolayer(&self.shape, facet);
        if sites.is_empty() {
            let [h, k, l] = facet;
            let message = format!(
                "no adatom finds a place on the ({h} {k} {l}) facet of this particle: it is too \
                 small or too rough; take another facet, more atoms or a complete shape"
            );
            return Err(config.source.error(&format!("particle[{}].adatoms", self.table), message));
        }
        let removed = (removed_fraction * sites.len() as f64).round() as usize;
        let (number, before) = (self.number, self.monolayer);
        let order = alloy::shuffled(config.seed, Purpose::Adatoms, number, before, sites.len());
        self.adatoms.extend(order[removed..].iter().map(|&i| sites[i]));
        self.monolayer += sites.len();
        Ok(())
    }

    /// The facet that lies on a surface across this axis, unless it was turned away from there.
    pub fn lies_on(&self, axis: usize) -> Option<Site> {
        /// What rounding leaves of a right angle.
        const LEVEL: f64 = 1e-9;
        self.down.filter(|facet| {
            let normal = facet.map(f64::from);
            -apply(&self.rotation, normal)[axis] > norm(normal) * (1.0 - LEVEL)
        })
    }

    /// Number of atoms, adatoms included.
    pub fn atoms(&self) -> usize {
        self.shape.sites.len() + self.adatoms.len()
    }

    /// Å from the centre, on the grid.
    fn position(&self, site: Site) -> Vec3 {
        let r = position(site, self.half);
        let r = match self.defect.filter(|_| is_beyond(site)) {
            None => r,
            // By 180° about [111]: 2 n (n·r) - r.
            Some(Defect::Twin) => {
                let twice = 2.0 / 3.0 * (r[0] + r[1] + r[2]);
                r.map(|x| twice - x)
            }
            // a/6 [11-2], from the hollows of one kind to those of the other.
            Some(Defect::StackingFault) => {
                let step = self.half[0] / 3.0;
                [r[0] + step, r[1] + step, r[2] - 2.0 * step]
            }
        };
        let centre = self.shape.outline.about();
        let r = std::array::from_fn(|d| r[d] - centre[d] * self.half[d]);
        apply(&self.rotation, r).map(on_grid)
    }

    /// The atoms of the shape, then the adatoms; Å from the centre, on the grid.
    pub fn positions(&self) -> impl Iterator<Item = Vec3> + '_ {
        self.shape.sites.iter().chain(&self.adatoms).map(|&h| self.position(h))
    }

    /// The species of these atoms. At random, the composition is exact for the shape by itself
    /// and for the adatoms by themselves.
    pub fn species(&self, config: &Config) -> Vec<u32> {
        let particle = &config.particles[self.table];
        let composition = &particle.composition;
        if composition.is_empty() {
            let sites: Vec<Site> = self.shape.sites.iter().chain(&self.adatoms).copied().collect();
            let place = mixture::Places {
                count: sites.len(),
                depth: &|i| self.shape.outline.gauge(sites[i]),
                along: &|i, direction| dot(sites[i], direction) as f64,
                sublattice: &|i| self.shape.crystal.sublattice(sites[i]),
            };
            return mixture::species(config, particle, self.number, &place);
        }
        let fractions = alloy::fractions(config, composition);
        let body = self.shape.sites.len();
        let mut species = alloy::deal(config.seed, self.number, 0, body, &fractions);
        species.extend(alloy::deal(config.seed, self.number, body, self.adatoms.len(), &fractions));
        species
    }

    /// How many atoms of each species there will be, where that follows from the numbers alone.
    pub fn composition(&self, config: &Config) -> Option<Vec<u64>> {
        let composition = &config.particles[self.table].composition;
        let fractions = (!composition.is_empty()).then(|| alloy::fractions(config, composition))?;
        let [body, adatoms] = [self.shape.sites.len(), self.adatoms.len()]
            .map(|sites| alloy::counts(&fractions, sites));
        Some(body.iter().zip(adatoms).map(|(a, b)| (a + b) as u64).collect())
    }

    /// The atoms of a facet (without adatoms): their places in `positions`.
    pub fn layer(&self, facet: Site) -> Vec<usize> {
        let layer = self.shape.facet_layer(facet);
        let place = |h: &Site| self.shape.sites.binary_search(h).expect("a site of the shape");
        layer.iter().map(place).collect()
    }

    /// The positions of these atoms.
    pub fn facet(&self, facet: Site) -> Vec<Vec3> {
        self.shape.facet_layer(facet).into_iter().map(|h| self.position(h)).collect()
    }

    /// Distance of a facet's outermost layer from the centre, Å.
    pub fn facet_distance(&self, facet: Site) -> f64 {
        let normal = facet.map(f64::from);
        let height = self.shape.facet_height(facet) as f64
            - geometry::dot(normal, self.shape.outline.about());
        height * self.half[0] / norm(normal)
    }

    /// Atoms among which are all corners of the convex hull: those that are not in the middle between
    /// two others.
    pub fn outermost(&self) -> Vec<Vec3> {
        let occupied = |h: &Site| {
            self.shape.sites.binary_search(h).is_ok() || self.adatoms.binary_search(h).is_ok()
        };
        let steps =
            self.shape.crystal.neighbours().iter().chain(&[[2, 0, 0], [0, 2, 0], [0, 0, 2]]);
        let half: Vec<Site> = steps.copied().filter(|v| *v > [0; 3]).collect();
        let together = |h: Site, g: Site| self.defect.is_none() || is_beyond(h) == is_beyond(g);
        let between = |h: Site| {
            half.iter().any(|&v| {
                let (g, f) = (step(h, v), step(h, v.map(|x| -x)));
                occupied(&g) && occupied(&f) && together(h, g) && together(h, f)
            })
        };
        let all = self.shape.sites.iter().chain(&self.adatoms);
        all.filter(|&&h| !between(h)).map(|&h| self.position(h)).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::input::Size;

    /// A cuboctahedron bears square (100) facets of n² atoms, on which a layer of
    /// (n - 1)² has four neighbours each. Its triangular (111) facets have n(n + 1)/2
    /// hollows: n(n - 1)/2 for the stacking of hcp, (n - 1)(n - 2)/2 for that of fcc.
    #[test]
    fn a_monolayer_rests_in_the_hollows_of_its_facet() {
        let outline = Outline::Wulff(vec![([1, 1, 1], 2.0 / 3f64.sqrt()), ([1, 0, 0], 1.0)]);
        let shape = Shape::new(outline, Lattice::Fcc, 309, Size::Nearest);
        let n = 5;
        assert_eq!((shape.sites.len(), shape.facet_layer([0, 0, 1]).len()), (309, n * n));
        for facet in [[1, 0, 0], [-1, 0, 0], [0, 1, 0], [0, 0, -1]] {
            let sites = monolayer(&shape, facet);
            assert_eq!(sites.len(), (n - 1) * (n - 1));
            assert!(sites.iter().all(|&h| dot(facet, h) == shape.facet_height(facet) + 1));
        }
        assert_eq!(monolayer(&shape, [1, 1, 1]).len(), (n - 1) * (n - 2) / 2);
        assert_eq!(monolayer(&shape, [-1, 1, -1]).len(), (n - 1) * (n - 2) / 2);
    }

    #[test]
    fn sites_of_a_layer_on_110_rest_on_five_atoms() {
        let energies = vec![([1, 1, 1], 1.0), ([1, 0, 0], 1.0), ([1, 1, 0], 0.9)];
        let shape = Shape::new(Outline::Wulff(energies), Lattice::Fcc, 5000, Size::Nearest);
        let sites = monolayer(&shape, [1, 1, 0]);
        assert!(!sites.is_empty());
        for h in sites {
            let support =
                shape.crystal.neighbours().iter().filter(|&&v| shape.sites.contains(&step(h, v)));
            assert_eq!(support.count(), 5);
        }
    }
}
