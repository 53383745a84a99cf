//! Shapes: which sites of a crystal belong to a particle of a wanted size.
//!
//! Every shape is given by a gauge g(r) that grows in proportion to r: the shape of
//! size λ is all r with g(r) <= λ.
//!   Wulff (G. Wulff, Z. Kristallogr. 34 (1901) 449): the facet (hkl) lies at a
//!     distance λ γ_hkl from the centre, hence g(r) = max over facets n·r / γ_hkl;
//!   sphere: g(r) = |r|;   cube: g(r) = max(|x|, |y|, |z|).
//! Sites of equal gauge form a shell. As λ grows, whole shells enter, so the counts
//! after each shell are those of the complete shapes. The centre may be an atom or
//! an octahedral site, the two points about which the shape keeps the symmetry of
//! the crystal (WulffPack's atoms are the first of these two); the one that comes
//! nearer to the wanted number is taken, the atom if both are equally near.
//!
//! An exact number is made from the nearest complete shape: one by one the atom
//! with the fewest neighbours goes, or the empty site with the most neighbours is
//! filled; ties go by the distance from the centre (the farthest goes first, the
//! nearest is filled first), then by the order of the sites.

use super::lattice::{Centre, Crystal, Site, dot, step};
use crate::geometry::{self, Vec3};
use crate::input::{Lattice, ParticleConfig, Shape as Kind, Size};
use std::cmp::Reverse;
use std::collections::{BTreeMap, BinaryHeap, HashMap, HashSet};

/// Gauges nearer to each other than this, relatively, are one shell: quotients are
/// rounded at 10⁻¹⁶, and shells of different families come so near to each other
/// only where the surface energies mean them to fall together.
const SAME_SHELL: f64 = 1e-9;

/// A shape by its gauge; a new one is a variant, its gauge and how far it reaches.
///
/// ```
/// use sinter_hpc::build::shape::Outline;
///
/// assert_eq!(Outline::Sphere.gauge([3, 0, 4]), 5.0);
/// assert_eq!(Outline::Cube.gauge([3, 0, 4]), 4.0);
/// // Inside of several at once: the largest of their gauges, each in units of its own size.
/// let rounded = Outline::Within(vec![(Outline::Cube, 1.0), (Outline::Sphere, 1.25)]);
/// assert_eq!(rounded.gauge([2, 0, 0]), 2.0);
/// assert_eq!(rounded.gauge([3, 0, 4]), 4.0);
/// assert_eq!(rounded.gauge([2, 2, 2]), 12f64.sqrt() / 1.25);
/// ```
#[derive(Debug, Clone, PartialEq)]
pub enum Outline {
    /// For each family: Miller indices, not negative and falling, and surface energy.
    Wulff(Vec<(Site, f64)>),
    Sphere,
    Cube,
    /// Facets one by one, with their distances at size 1 from a point `about` (in units of sites); no
    /// point of it lies farther from there than `reach` along an axis.
    Facets {
        facets: Vec<(Site, f64)>,
        reach: f64,
        about: Vec3,
    },
    /// Along z, so many times as long as wide, with round ends.
    Rod {
        ratio: f64,
    },
    /// Above z = 0.
    Hemisphere,
    /// What lies in all of these, each of this size.
    Within(Vec<(Outline, f64)>),
}

/// Directions in which an outline is measured: up to this in each index.
const MEASURED: i32 = 6;

impl Outline {
    /// The outline of a particle of the input; none of one that is no single cubic crystal. Surface
    /// energies must be there by now.
    pub fn of(particle: &ParticleConfig) -> Option<Outline> {
        let cut = particle.truncation.unwrap_or(0.0);
        let root = 3f64.sqrt();
        let octahedron = |cut: f64| {
            let corners = (cut > 0.0).then_some(([1, 0, 0], 1.0 - cut));
            Outline::Wulff([([1, 1, 1], 1.0 / root)].into_iter().chain(corners).collect())
        };
        let signs = [[1, 1, 1], [1, -1, -1], [-1, 1, -1], [-1, -1, 1]];
        let whole = match particle.shape {
            Kind::Wulff => Outline::wulff(particle.surface_energy_j_per_m2.as_ref()?),
            Kind::Sphere => Outline::Sphere,
            Kind::Cube if cut == 0.0 => Outline::Cube,
            Kind::Cube => {
                Outline::Wulff(vec![([1, 0, 0], 1.0), ([1, 1, 1], (3.0 - 2.0 * cut) / root)])
            }
            Kind::Octahedron => octahedron(cut),
            Kind::TruncatedOctahedron => octahedron(1.0 / 3.0),
            Kind::Cuboctahedron => Outline::Wulff(vec![([1, 0, 0], 1.0), ([1, 1, 1], 2.0 / root)]),
            Kind::Tetrahedron => {
                // Its corners lie three times as far as its facets.
                let corners = signs.iter().filter(|_| cut > 0.0);
                let corners = corners.map(|n| (n.map(|x| -x), 3.0 - 4.0 * cut));
                let facets = signs.iter().map(|&n| (n, 1.0)).chain(corners).collect();
                Outline::Facets { facets, reach: root, about: [0.0; 3] }
            }
            Kind::TriangularPlate => {
                // Across its three sides it reaches 1 from the middle and 2 into the corners.
                let half = particle.aspect_ratio() * root;
                let sides = [[-2, 1, 1], [1, -2, 1], [1, 1, -2]];
                let corners = sides.iter().filter(|_| cut > 0.0);
                let corners = corners.map(|n| (n.map(|x| -x), 2.0 - 3.0 * cut));
                let ends = [([1, 1, 1], half), ([-1, -1, -1], half)];
                let facets = sides.iter().map(|&n| (n, 1.0)).chain(corners).chain(ends).collect();
                Outline::Facets { facets, reach: (4.0 + half * half).sqrt(), about: [0.0; 3] }
            }
            Kind::Rod => Outline::Rod { ratio: particle.aspect_ratio() },
            Kind::Hemisphere => Outline::Hemisphere,
            Kind::Decahedron | Kind::Icosahedron => return None,
        };
        Some(match particle.rounding.filter(|&rounding| rounding > 0.0) {
            Some(rounding) => {
                let [inner, outer] = whole.radii();
                let ball = outer + rounding * (inner - outer);
                Outline::Within(vec![(whole, 1.0), (Outline::Sphere, ball)])
            }
            None => whole,
        })
    }

    /// The same shape about the points that its symmetry allows beside those of the cube's: a tetrahedron
    /// with an even number of atoms along its edges has its centre in a tetrahedral site.
    pub fn moved(&self, particle: &ParticleConfig) -> Vec<Outline> {
        match self {
            Outline::Facets { facets, reach, .. } if particle.shape == Kind::Tetrahedron => {
                let moved =
                    |x| Outline::Facets { facets: facets.clone(), reach: *reach, about: [x; 3] };
                vec![moved(0.5), moved(-0.5)]
            }
            _ => Vec::new(),
        }
    }

    /// The point that it lies about, in units of sites.
    pub fn about(&self) -> Vec3 {
        match self {
            Outline::Facets { about, .. } => *about,
            _ => [0.0; 3],
        }
    }

    /// Distances of the nearest and the farthest point of its surface from the centre, at size 1.
    fn radii(&self) -> [f64; 2] {
        let all = -MEASURED..=MEASURED;
        let directions = all.clone().flat_map(|x| {
            all.clone().flat_map(move |y| (-MEASURED..=MEASURED).map(move |z| [x, y, z]))
        });
        let surface =
            directions.filter(|h| *h != [0; 3]).map(|h| (dot(h, h) as f64).sqrt() / self.gauge(h));
        surface.fold([f64::INFINITY, 0.0], |[low, high], r| [low.min(r), high.max(r)])
    }

    /// Part of its volume that rounding leaves of it.
    pub fn left_by_rounding(&self) -> f64 {
        let Outline::Within(parts) = self else { return 1.0 };
        let volume = |outline: &Outline| {
            // So many points along an axis tell it to a thousandth.
            const POINTS: i32 = 60;
            let reach = outline.reach(1.0);
            let size = POINTS as f64 / reach;
            let points = || -POINTS..=POINTS;
            let inside = |x, y| points().filter(|&z| outline.gauge([x, y, z]) <= size).count();
            let sum: usize = points().flat_map(|x| points().map(move |y| inside(x, y))).sum();
            sum as f64 * (reach / POINTS as f64).powi(3)
        };
        volume(self) / volume(&parts[0].0)
    }

    /// No point of the shape of this size lies farther along an axis.
    fn reach(&self, size: f64) -> f64 {
        match self {
            // Of this symmetry, and convex: the farthest lies on it.
            Outline::Wulff(_) | Outline::Sphere | Outline::Cube => size / self.gauge([1, 0, 0]),
            Outline::Facets { reach, .. } => size * reach,
            Outline::Rod { ratio } => size * ratio.max(1.0),
            Outline::Hemisphere => size,
            Outline::Within(parts) => {
                parts.iter().map(|(part, own)| part.reach(size * own)).fold(f64::INFINITY, f64::min)
            }
        }
    }

    /// From surface energies by family, `"111"`, `"100"`, `"110"`.
    pub fn wulff(energies: &BTreeMap<String, f64>) -> Outline {
        let families = energies.iter().map(|(family, &energy)| {
            let mut hkl = [0; 3];
            for (index, digit) in hkl.iter_mut().zip(family.bytes()) {
                *index = digit.wrapping_sub(b'0') as i32;
            }
            hkl.sort_by_key(|&index| Reverse(index));
            (hkl, energy)
        });
        Outline::Wulff(families.collect())
    }

    /// Equal bits for sites that a symmetry of the cube, or a facet, has in common.
    pub fn gauge(&self, h: Site) -> f64 {
        match self {
            Outline::Facets { facets, about, .. } => {
                let one = |&(n, d): &(Site, f64)| {
                    let height = dot(n, h) as f64 - geometry::dot(n.map(f64::from), *about);
                    height / ((dot(n, n) as f64).sqrt() * d)
                };
                return facets.iter().map(one).fold(0.0, f64::max);
            }
            &Outline::Rod { ratio } => {
                let (across, along) = ((h[0] * h[0] + h[1] * h[1]) as f64, h[2].abs() as f64);
                // From the middle to where the ends begin, over the radius.
                let straight = (ratio - 1.0).max(0.0);
                let beside = across.sqrt();
                if along <= straight * beside {
                    return beside;
                }
                // On the ball about (0, 0, straight λ) with the radius λ.
                let (a, b) = (1.0 - straight * straight, straight * along);
                let c = across + along * along;
                let root = (b * b + a * c).max(0.0).sqrt();
                return if a.abs() < 1e-9 { c / (2.0 * b) } else { c / (b + root) };
            }
            Outline::Hemisphere if h[2] < 0 => return f64::INFINITY,
            Outline::Within(parts) => {
                return parts.iter().map(|(part, own)| part.gauge(h) / own).fold(0.0, f64::max);
            }
            _ => {}
        }
        let mut r = h.map(i32::abs);
        r.sort_by_key(|&x| Reverse(x));
        match self {
            // Of a family, the facet whose indices fall as the coordinates do is the nearest.
            Outline::Wulff(families) => families
                .iter()
                .map(|&(hkl, energy)| dot(hkl, r) as f64 / ((dot(hkl, hkl) as f64).sqrt() * energy))
                .fold(0.0, f64::max),
            Outline::Cube => r[0] as f64,
            _ => (dot(r, r) as f64).sqrt(),
        }
    }

    /// The sites up to the size `size`, with their gauges, in the order of the sites.
    fn sites(&self, crystal: Crystal, size: f64) -> Vec<(f64, Site)> {
        let reach = self.reach(size) as i32 + 1 + (self.about() != [0.0; 3]) as i32;
        let mut sites = Vec::new();
        for x in -reach..=reach {
            for y in -reach..=reach {
                for z in -reach..=reach {
                    let h = [x, y, z];
                    if crystal.is_site(h) {
                        let gauge = self.gauge(h);
                        if gauge <= size {
                            sites.push((gauge, h));
                        }
                    }
                }
            }
        }
        sites
    }
}

/// The sites of one particle.
#[derive(Debug, Clone, PartialEq)]
pub struct Shape {
    pub crystal: Crystal,
    pub outline: Outline,
    /// In rising order.
    pub sites: Vec<Site>,
    /// Number of atoms of the complete shape that this is or was made from.
    pub complete: usize,
    /// Gauge of the outermost shell of that complete shape.
    size: f64,
}

impl Shape {
    /// The shape that comes nearest to `wanted` atoms, or has exactly as many.
    pub fn new(outline: Outline, lattice: Lattice, wanted: usize, size: Size) -> Shape {
        Shape::about(&Crystal::all(lattice), outline, wanted, size)
    }

    /// The same about one of these points; of equally near ones the first.
    pub fn about(crystals: &[Crystal], outline: Outline, wanted: usize, size: Size) -> Shape {
        let complete = crystals.iter().map(|&crystal| nearest(&outline, crystal, wanted));
        let shape = complete.min_by_key(|shape| shape.complete.abs_diff(wanted));
        let mut shape = shape.expect("a crystal has a centre");
        if size == Size::Exact {
            shape.trim(wanted);
            shape.fill(wanted);
        }
        shape
    }

    pub fn centre(&self) -> Centre {
        self.crystal.centre
    }

    /// Height of the facet with these Miller indices, n·r in the units of a site:
    /// that of the outermost layer of the complete shape.
    pub fn facet_height(&self, facet: Site) -> i32 {
        let last = self.size * (1.0 + SAME_SHELL);
        let inside = self.sites.iter().filter(|&&h| self.outline.gauge(h) <= last);
        inside.map(|&h| dot(facet, h)).max().unwrap_or(0)
    }

    /// The atoms of a facet, in rising order.
    pub fn facet_layer(&self, facet: Site) -> Vec<Site> {
        let height = self.facet_height(facet);
        self.sites.iter().copied().filter(|&h| dot(facet, h) == height).collect()
    }

    /// The atoms that lack neighbours, in rising order.
    pub fn surface(&self) -> Vec<Site> {
        let occupied: HashSet<Site> = self.sites.iter().copied().collect();
        let all = self.crystal.neighbours().len();
        let lacks = |h: &&Site| self.coordination(&occupied, **h) < all;
        self.sites.iter().filter(lacks).copied().collect()
    }

    /// Without some of the atoms that lack neighbours, drawn by numbers of `order`.
    pub fn roughened(&self, roughness: Roughness, order: impl Fn(usize) -> Vec<usize>) -> Shape {
        let surface = self.surface();
        let removed = roughness.removed(self.sites.len(), surface.len());
        let gone: HashSet<Site> =
            order(surface.len()).into_iter().take(removed).map(|i| surface[i]).collect();
        let mut rough = self.clone();
        rough.sites.retain(|h| !gone.contains(h));
        rough
    }

    fn coordination(&self, occupied: &HashSet<Site>, h: Site) -> usize {
        self.crystal.neighbours().iter().filter(|&&v| occupied.contains(&step(h, v))).count()
    }

    /// Takes away the least bound atoms until `wanted` are left.
    fn trim(&mut self, wanted: usize) {
        if self.sites.len() <= wanted {
            return;
        }
        let mut occupied: HashSet<Site> = self.sites.iter().copied().collect();
        let rank = |neighbours: usize, h: Site| (Reverse(neighbours), dot(h, h), Reverse(h));
        let mut heap: BinaryHeap<_> =
            (self.sites.iter()).map(|&h| (rank(self.coordination(&occupied, h), h), h)).collect();
        while occupied.len() > wanted {
            let (ranked, h) = heap.pop().expect("an entry for every atom");
            // An atom that lost neighbours since has a newer entry.
            if !occupied.contains(&h) || ranked != rank(self.coordination(&occupied, h), h) {
                continue;
            }
            occupied.remove(&h);
            for &v in self.crystal.neighbours() {
                let next = step(h, v);
                if occupied.contains(&next) {
                    heap.push((rank(self.coordination(&occupied, next), next), next));
                }
            }
        }
        self.keep(occupied);
    }

    /// Fills the best bound empty sites until there are `wanted` atoms.
    fn fill(&mut self, wanted: usize) {
        if self.sites.len() >= wanted {
            return;
        }
        let mut occupied: HashSet<Site> = self.sites.iter().copied().collect();
        let rank = |neighbours: usize, h: Site| (neighbours, Reverse(dot(h, h)), Reverse(h));
        let mut best: HashMap<Site, usize> = HashMap::new();
        let mut heap = BinaryHeap::new();
        let mut fresh = self.sites.clone();
        loop {
            for h in fresh.drain(..) {
                for &v in self.crystal.neighbours() {
                    let next = step(h, v);
                    let neighbours = self.coordination(&occupied, next);
                    if !occupied.contains(&next)
                        && best.insert(next, neighbours) != Some(neighbours)
                    {
                        heap.push((rank(neighbours, next), next));
                    }
                }
            }
            if occupied.len() == wanted {
                break;
            }
            let (ranked, h) = heap.pop().expect("a particle has empty sites around it");
            if !occupied.contains(&h) && ranked == rank(self.coordination(&occupied, h), h) {
                occupied.insert(h);
                fresh.push(h);
            }
        }
        self.keep(occupied);
    }

    fn keep(&mut self, occupied: HashSet<Site>) {
        self.sites = occupied.into_iter().collect();
        self.sites.sort_unstable();
    }
}

/// What is taken from the surface of a particle.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Roughness {
    /// Part of the surface atoms.
    pub fraction: f64,
    /// How many atoms are to be left, if that is promised.
    pub left: Option<usize>,
}

impl Roughness {
    /// Of a particle of the input that wants so many atoms, if it is rough.
    pub fn of(particle: &ParticleConfig, wanted: usize) -> Option<Roughness> {
        let left = (particle.size == Size::Exact).then_some(wanted);
        particle.surface_removed_fraction.map(|fraction| Roughness { fraction, left })
    }

    /// How many of so many atoms, of which so many lie at the surface.
    pub fn removed(&self, atoms: usize, surface: usize) -> usize {
        match self.left {
            Some(left) => atoms.saturating_sub(left).min(surface),
            None => self.part_of(surface).min(atoms - 1),
        }
    }

    fn part_of(&self, surface: usize) -> usize {
        (self.fraction * surface as f64).round() as usize
    }

    /// The particle to take them from, of all that `make` makes of a wanted number: where as many are to
    /// be left as are wanted, the one whose surface loses as many as it has too many.
    pub fn whole<T>(
        roughness: Option<Roughness>,
        wanted: usize,
        make: impl Fn(usize) -> T,
        surface: impl Fn(&T) -> usize,
    ) -> T {
        let mut whole = make(wanted);
        let Some((roughness, left)) = roughness.and_then(|r| Some((r, r.left?))) else {
            return whole;
        };
        // The surface grows with the particle, and by less; where it jumps, less of it is taken.
        let mut size = wanted;
        loop {
            let needed = left + roughness.part_of(surface(&whole));
            if needed == size {
                return whole;
            }
            let larger = make(needed);
            if needed < size || left + roughness.part_of(surface(&larger)) < needed {
                return whole;
            }
            (size, whole) = (needed, larger);
        }
    }
}

/// The complete shape about one centre whose number of atoms is nearest to
/// `wanted`; of two equally near ones the smaller.
fn nearest(outline: &Outline, crystal: Crystal, wanted: usize) -> Shape {
    let wanted = wanted.max(1);
    let unit = match outline {
        Outline::Wulff(_) | Outline::Sphere | Outline::Cube => outline.gauge([1, 0, 0]),
        _ => 1.0 / outline.reach(1.0),
    };
    let mut size = unit * (wanted as f64).cbrt().max(2.0) * 0.5;
    let (sites, gauges, sure) = loop {
        let sites = outline.sites(crystal, size);
        let mut gauges: Vec<f64> = sites.iter().map(|s| s.0).collect();
        gauges.sort_unstable_by(f64::total_cmp);
        // A shell at `size` itself may have been cut in two by rounding.
        let sure = gauges.partition_point(|&g| g < size * (1.0 - 2.0 * SAME_SHELL));
        if sure >= wanted {
            break (sites, gauges, sure);
        }
        size *= 1.2;
    };
    let is_shell = |&n: &usize| {
        gauges.get(n).is_none_or(|next| next - gauges[n - 1] > SAME_SHELL * gauges[n - 1])
    };
    let complete = (1..=sure)
        .filter(is_shell)
        .min_by_key(|n| n.abs_diff(wanted))
        .expect("the innermost shell is complete");
    let size = gauges[complete - 1];
    let last = size * (1.0 + SAME_SHELL);
    let sites = sites.into_iter().filter(|s| s.0 <= last).map(|s| s.1).collect();
    Shape { crystal, outline: outline.clone(), sites, complete, size }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn wulff(e111: f64, e100: f64, e110: f64) -> Outline {
        Outline::Wulff(vec![([1, 1, 1], e111), ([1, 0, 0], e100), ([1, 1, 0], e110)])
    }

    /// Half spaces that keep (111) planes up to `p111` and (100) planes up to `p100`.
    fn truncated(p111: i32, p100: i32) -> Outline {
        let e111 = p111 as f64 / 3f64.sqrt();
        Outline::Wulff(vec![([1, 1, 1], e111), ([1, 0, 0], p100 as f64)])
    }

    fn complete(outline: Outline, wanted: usize) -> Shape {
        Shape::new(outline, Lattice::Fcc, wanted, Size::Nearest)
    }

    /// Magic numbers: T. P. Martin, Physics Reports 273 (1996) 199, Table 1: octahedra n(2n²+1)/3,
    /// cuboctahedra (10n³+15n²+11n+3)/3, regular truncated octahedra 16n³+15n²+6n+1.
    #[test]
    fn complete_shapes_have_the_magic_numbers() {
        for n in 1..9 {
            let octahedron = (n * (2 * n * n + 1)) / 3;
            let shape = complete(Outline::Wulff(vec![([1, 1, 1], 1.0)]), octahedron);
            assert_eq!(shape.sites.len(), octahedron, "octahedron of {n} atoms along an edge");

            let cuboctahedron = (10 * n * n * n + 15 * n * n + 11 * n + 3) / 3;
            let shape = complete(truncated(2, 1), cuboctahedron);
            assert_eq!(shape.sites.len(), cuboctahedron, "cuboctahedron of {n} shells");
            assert_eq!(shape.centre(), Centre::Atom);

            // Edges of n + 1 atoms: a (100) facet of (n + 1)² atoms, a (111) facet with six such edges.
            let regular = 16 * n * n * n + 15 * n * n + 6 * n + 1;
            let shape = complete(truncated(3, 2), regular);
            assert_eq!(shape.sites.len(), regular, "truncated octahedron of edge {n}");
            assert_eq!(shape.facet_layer([1, 0, 0]).len(), (n + 1) * (n + 1));
            assert_eq!(shape.facet_layer([-1, 1, 1]).len(), 3 * n * n + 3 * n + 1);
        }
    }

    #[test]
    fn cubes_and_spheres_hold_what_they_enclose() {
        // A cube about an atom with faces n half constants away: all parities even.
        for n in 1i32..6 {
            let shape = complete(Outline::Cube, ((2 * n + 1).pow(3) / 2) as usize + 1);
            let reach = shape.facet_height([0, 0, 1]);
            assert!(shape.sites.iter().all(|h| h.iter().all(|x| x.abs() <= reach)));
            assert_eq!(
                shape.sites.len(),
                ((2 * reach + 1).pow(3) as usize).div_ceil(2)
                    - (shape.centre() == Centre::Octahedral) as usize * (reach % 2 == 0) as usize
                    - (shape.centre() == Centre::Atom) as usize * (reach % 2 == 1) as usize
            );
        }
        // Shells of fcc about an atom: 1, 13, 19, 43, 55, ...
        for count in [1, 13, 19, 43, 55, 79, 87, 135, 141] {
            assert_eq!(complete(Outline::Sphere, count).sites.len(), count);
        }
    }

    #[test]
    fn facets_stand_apart_as_their_energies() {
        let shape = complete(wulff(1.0, 1.1, 1.05), 20_000);
        let distance = |hkl: Site| shape.facet_height(hkl) as f64 / (dot(hkl, hkl) as f64).sqrt();
        let one = distance([1, 1, 1]);
        // A complete layer may stand up to one layer inside its ideal plane.
        assert!((distance([0, 0, -1]) / one - 1.1).abs() < 1.0 / one);
        assert!((distance([0, 1, 1]) / one - 1.05).abs() < 1.0 / one);
    }

    #[test]
    fn a_shape_has_the_symmetry_of_the_cube() {
        for wanted in [586, 1000, 3000] {
            let shape = complete(wulff(1.656, 2.167, 1.979), wanted);
            let all: HashSet<Site> = shape.sites.iter().copied().collect();
            for &[x, y, z] in &shape.sites {
                assert!([[y, z, x], [y, x, z], [-x, y, z]].iter().all(|h| all.contains(h)));
            }
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

        #[test]
        fn an_exact_number_is_met_by_a_compact_particle(
            wanted in 1usize..1500, e100 in 0.8f64..1.6, e110 in 0.9f64..1.5,
        ) {
            let shape = Shape::new(wulff(1.0, e100, e110), Lattice::Fcc, wanted, Size::Exact);
            prop_assert_eq!(shape.sites.len(), wanted);
            prop_assert!(shape.sites.is_sorted());
            prop_assert!(shape.sites.iter().all(|&h| shape.crystal.is_site(h)));
            let occupied: HashSet<Site> = shape.sites.iter().copied().collect();
            prop_assert_eq!(occupied.len(), wanted);
            let lonely = shape.sites.iter().filter(|&&h| shape.coordination(&occupied, h) < 3);
            prop_assert!(wanted < 13 || lonely.count() == 0);
        }

        #[test]
        fn no_complete_shape_is_nearer(wanted in 1usize..3000, e100 in 0.8f64..1.6) {
            let outline = wulff(1.0, e100, 1.2);
            let found = complete(outline.clone(), wanted).complete;
            // Whatever the size, the sites inside are a complete shape.
            for crystal in Crystal::all(Lattice::Fcc) {
                for step in 1..200 {
                    let count = outline.sites(crystal, 0.1 * step as f64).len();
                    prop_assert!(count == 0 || count.abs_diff(wanted) >= found.abs_diff(wanted));
                    if count > 2 * wanted { break; }
                }
            }
        }
    }
}
