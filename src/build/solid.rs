//! One particle in its own frame: which sites, which adatoms, which way up. What
//! its atoms are made of is dealt out when the atoms are wanted (`alloy`).

use super::alloy;
use super::lattice::{Site, dot, nearest_distance, position, step};
use super::orientation::{IDENTITY, Rotation, about, apply, euler, facing, product};
use super::shape::{Outline, Shape};
use crate::error::Result;
use crate::geometry::{Vec3, norm, on_grid};
use crate::input::{AdatomConfig, Config, Facet, ParticleConfig, PlacementConfig};
use crate::random::Purpose;
use std::collections::BTreeSet;
use std::rc::Rc;

/// The geometry of a particle; the origin of its frame is the centre of its shape.
pub struct Solid {
    /// Its number, and that of its table in the input.
    pub number: usize,
    pub table: usize,
    pub shape: Rc<Shape>,
    pub adatoms: Vec<Site>,
    /// Sites of the full monolayer that the adatoms are left of.
    pub monolayer: usize,
    /// The facet towards the other particle, in the crystal's frame, and the side
    /// it is on: +1 looks along x, -1 against it.
    pub facing: Option<(Site, f64)>,
    rotation: Rotation,
    /// Half the cubic lattice constant, Å.
    half: f64,
    /// Å
    pub nearest_distance: f64,
}

/// Every particle of the input.
///
/// # Errors
/// Adatoms are wanted on a facet without a place for any.
pub fn solids(config: &Config) -> Result<Vec<Solid>> {
    let mut solids = Vec::new();
    for (table, particle) in config.particles.iter().enumerate() {
        let shape = Rc::new(shape(particle));
        for _ in 0..particle.count {
            solids.push(solid(config, table, solids.len(), &shape)?);
        }
    }
    Ok(solids)
}

fn shape(particle: &ParticleConfig) -> Shape {
    let outline = match particle.shape {
        crate::input::Shape::Wulff => Outline::wulff(&particle.surface_energy_j_per_m2),
        crate::input::Shape::Sphere => Outline::Sphere,
        crate::input::Shape::Cube => Outline::Cube,
    };
    Shape::new(outline, particle.lattice, particle.wanted_atoms() as usize, particle.size)
}

fn solid(config: &Config, table: usize, number: usize, shape: &Rc<Shape>) -> Result<Solid> {
    let particle = &config.particles[table];
    let placement = config.placement.as_ref();
    let facing = placement.map(|placement| towards_the_other(placement, number));
    let mut solid = Solid {
        number,
        table,
        shape: shape.clone(),
        adatoms: Vec::new(),
        monolayer: 0,
        facing,
        rotation: rotation(particle, placement, number),
        half: particle.lattice_constant_angstrom / 2.0,
        nearest_distance: nearest_distance(particle.lattice, particle.lattice_constant_angstrom),
    };
    if let Some(AdatomConfig { facet, removed_fraction }) = particle.adatoms {
        let facet = match (facet, facing) {
            (Facet::Miller(indices), _) => indices,
            (Facet::Facing, Some((facet, _))) => facet,
            (Facet::Facing, None) => [1, 0, 0],
        };
        let sites = monolayer(shape, facet);
        if sites.is_empty() {
            let [h, k, l] = facet;
            let message = format!(
                "no adatom finds a place on the ({h} {k} {l}) facet of this particle: it is too \
                 small or too rough; take another facet, more atoms or a complete shape"
            );
            return Err(config.source.error(&format!("particle[{table}].adatoms"), message));
        }
        let removed = (removed_fraction * sites.len() as f64).round() as usize;
        let order = alloy::shuffled(config.seed, Purpose::Adatoms, number, 0, sites.len());
        solid.adatoms = order[removed..].iter().map(|&i| sites[i]).collect();
        solid.adatoms.sort_unstable();
        solid.monolayer = sites.len();
    }
    Ok(solid)
}

/// The first particle looks along x with the facet of these indices, the second
/// against it with the opposite one.
fn towards_the_other(placement: &PlacementConfig, number: usize) -> (Site, f64) {
    match number {
        0 => (placement.facing, 1.0),
        _ => (placement.facing.map(|index| -index), -1.0),
    }
}

/// The facet to the other particle, then the particle's own turn, then twist and tilt of the second.
fn rotation(
    particle: &ParticleConfig,
    placement: Option<&PlacementConfig>,
    number: usize,
) -> Rotation {
    let own = euler(particle.euler_angles_deg);
    let Some(placement) = placement else { return own };
    let towards = product(&own, &facing(placement.facing));
    let turn = if number == 0 {
        IDENTITY
    } else {
        product(&about(2, placement.tilt_deg), &about(0, placement.twist_deg))
    };
    product(&turn, &towards)
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

impl Solid {
    /// Number of atoms, adatoms included.
    pub fn atoms(&self) -> usize {
        self.shape.sites.len() + self.adatoms.len()
    }

    /// Å from the centre, on the grid.
    fn position(&self, site: Site) -> Vec3 {
        apply(&self.rotation, position(site, self.half)).map(on_grid)
    }

    /// The atoms of the shape, then the adatoms; Å from the centre, on the grid.
    pub fn positions(&self) -> impl Iterator<Item = Vec3> + '_ {
        self.shape.sites.iter().chain(&self.adatoms).map(|&h| self.position(h))
    }

    /// The species of these atoms. The composition is exact for the shape by itself
    /// and for the adatoms by themselves.
    pub fn species(&self, config: &Config) -> Vec<u32> {
        let composition = &config.particles[self.table].composition;
        let fractions: Vec<f64> = (config.potential.symbols())
            .map(|symbol| composition.get(symbol).copied().unwrap_or(0.0))
            .collect();
        let body = self.shape.sites.len();
        let mut species = alloy::deal(config.seed, self.number, 0, body, &fractions);
        species.extend(alloy::deal(config.seed, self.number, body, self.adatoms.len(), &fractions));
        species
    }

    /// The atoms of the facing facet (without adatoms): their places in `positions`.
    pub fn facing_layer(&self) -> Vec<usize> {
        let Some((facet, _)) = self.facing else { return Vec::new() };
        let layer = self.shape.facet_layer(facet);
        let place = |h: &Site| self.shape.sites.binary_search(h).expect("a site of the shape");
        layer.iter().map(place).collect()
    }

    /// Distance of a facet's outermost layer from the centre, Å.
    pub fn facet_distance(&self, facet: Site) -> f64 {
        self.shape.facet_height(facet) as f64 * self.half / norm(facet.map(f64::from))
    }

    /// Distance of the farthest atom from the centre, Å.
    pub fn radius(&self) -> f64 {
        self.positions().map(norm).fold(0.0, f64::max)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::input::{Lattice, Size};

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
