//! How far atoms go, by where they were: `/sinter/diffusion`, in windows of time, a row with each frame after the one that a
//! window begins with. It lasts to the first frame that is so much later as the input says, and no longer than its stage;
//! minimisations have none.
//!
//! A frame that begins a window keeps of each atom its place r₀, its site (`facets`), and at surfaces the normal n there. Later
//! ones take the motion of whole particles away, by the rotation R and the shift that bring the inner atoms of each (all,
//! where they are fewer than `FEWEST`) nearest to where they were (`superposition`), and what a barostat did to the box of particles that
//! reach from end to end of it (others it only moves):
//! ```text
//! u = R (r − X) + X₀ − r₀      inner atoms: ⟨u²⟩ = 6 D t + c      at surfaces: ⟨u² − (n·u)²⟩ = 4 D t + c
//! ```
//! X being the centre of these atoms. D is the slope of the line that fits best from a fifth of the window on (c is
//! vibration). By layers below the surface, as they were then (`layers`), the frames of the window tell how atoms vibrate about their mean
//! places (F. A. Lindemann, Phys. Z. 11 (1910) 609), with d the distance of neighbours:
//! ```text
//! δ = √⟨⟨u²⟩ − ⟨u⟩²⟩ / d
//! ```
//! the inner means over frames, the outer one over atoms. Atoms that have been vapour since then count in none, nor do those that are
//! held fixed or have departed.
//!
//! What is kept of an atom stays on one rank, its **home**, wherever the atom goes: the homes share the ids evenly, in order.
//! With each frame all atoms tell their homes where they are.
//!
//! Invariants. Sums over atoms are of integers, so that neither ranks nor the order of atoms can be told from the values. What is kept
//! goes into checkpoints (`Beginnings`), beside the state, which is the same on all ranks.

use std::collections::BTreeMap;
use std::sync::Arc;

use bytemuck::{Pod, Zeroable};
use serde::{Deserialize, Serialize};

use super::facets::{Site, Sites};
use super::layers::{self, LAYERS, NOWHERE};
use super::superposition::{self, Quaternion, Superposition, UNTURNED};
use super::surroundings::AllSurroundings;
use super::{Column, Series, Snapshot, Values, particles};
use crate::comm::Comm;
use crate::exchange::Routes;
use crate::fixed::ExactSum;
use crate::geometry::{Cell, Vec3, add, dot, scale, sub};

/// Sites that atoms are counted by: inner ones, (100), (111), (110), steps and edges.
const KINDS: usize = Site::Vapour as usize;
const INNER: usize = Site::Inner as usize;
/// Of what is added up of a site: u², and u² − (n·u)².
const SQUARE: usize = 0;
const ALONG: usize = 1;
/// Inner atoms that tell how their particle lies.
const FEWEST: i128 = 4;
/// Where in the window the line begins whose slope is D.
const LATE: f64 = 0.2;
/// Times are sums of steps.
const SAME_TIME: f64 = 1e-9;
/// Atoms of a rank that are on their way at a time: what travels is there several times.
const ROUND: usize = 1 << 13;

/// What is kept of the atoms of this rank's home, in the order of their ids.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Beginnings {
    pub id: Vec<u64>,
    /// Å, unwrapped.
    pub place: Vec<Vec3>,
    /// A unit vector; of atoms at no surface zero.
    pub normal: Vec<[f32; 3]>,
    /// By its number in frames; vapour of all that do not count, or no more.
    pub site: Vec<u8>,
    /// From 0 at the surface on; of vapour `NOWHERE`.
    pub layer: Vec<u8>,
    /// Of the frames since then: Σ u in Å, and Σ u² in Å².
    pub sum: Vec<Vec3>,
    pub square: Vec<f64>,
}

/// What a window has been through; the same on all ranks.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct Window {
    began_ps: f64,
    length_ps: f64,
    /// Number of the stage that it is of.
    stage: usize,
    /// Whether the particles shared one space.
    together: bool,
    /// So many it has had, the first included.
    frames: u32,
    /// Of the box when it began, Å, for each particle that reached from end to end of it; else and along free
    /// directions 0.
    filled: Vec<Vec3>,
    /// Of each particle, by site.
    lines: Vec<[Line; KINDS]>,
}

/// The line through points (t, y) that fits best.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
struct Line {
    n: f64,
    t: f64,
    y: f64,
    tt: f64,
    ty: f64,
}

impl Line {
    fn add(&mut self, t: f64, y: f64) {
        self.n += 1.0;
        self.t += t;
        self.y += y;
        self.tt += t * t;
        self.ty += t * y;
    }

    /// None (NaN) of fewer than two points.
    fn slope(&self) -> f64 {
        let spread = self.n * self.tt - self.t * self.t;
        if spread > 0.0 { (self.n * self.ty - self.t * self.y) / spread } else { f64::NAN }
    }
}

#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct Diffusion {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    window: Option<Window>,
    #[serde(skip)]
    beginnings: Arc<Beginnings>,
}

/// An atom as it tells its home.
#[derive(Clone, Copy, Pod, Zeroable)]
#[repr(C)]
struct Here {
    id: u64,
    place: Vec3,
    /// Σ u and Σ u² so far; zero of those that begin.
    sum: Vec3,
    square: f64,
    normal: [f32; 3],
    site: u8,
    layer: u8,
    padding: [u8; 2],
    particle: u32,
    more_padding: u32,
}

/// What atoms of one particle add up to.
#[derive(Debug, Clone, Copy)]
struct Sum<const N: usize> {
    atoms: i128,
    of: [ExactSum; N],
}

impl<const N: usize> Sum<N> {
    const NONE: Sum<N> = Sum { atoms: 0, of: [ExactSum(0); N] };

    fn add(&mut self, values: [f64; N]) {
        self.atoms += 1;
        self.of.iter_mut().zip(values).for_each(|(sum, x)| sum.add(x));
    }

    /// None (NaN) without atoms.
    fn mean(&self, k: usize) -> f64 {
        self.of[k].value() / self.atoms as f64
    }

    /// Over all ranks.
    fn gather(sums: &mut [Sum<N>], comm: &Comm) {
        let words = |sum: &Sum<N>| std::iter::once(sum.atoms).chain(sum.of.map(|part| part.0));
        let mut all: Vec<i128> = sums.iter().flat_map(words).collect();
        comm.sum_i128(&mut all);
        for (sum, words) in sums.iter_mut().zip(all.chunks_exact(N + 1)) {
            *sum = Sum { atoms: words[0], of: std::array::from_fn(|k| ExactSum(words[k + 1])) };
        }
    }
}

/// What one particle's atoms add up to: u² and u² − (n·u)² by site; by layer the square of the distance from the mean place.
#[derive(Debug, Clone, Copy)]
struct Tally {
    sites: [Sum<2>; KINDS],
    layers: [Sum<1>; LAYERS],
}

impl Tally {
    const NONE: Tally = Tally { sites: [Sum::NONE; KINDS], layers: [Sum::NONE; LAYERS] };
}

impl Diffusion {
    /// Whether there is nothing to keep.
    pub fn is_idle(&self) -> bool {
        self.window.is_none()
    }

    pub fn beginnings(&self) -> &Arc<Beginnings> {
        &self.beginnings
    }

    /// Goes on with what a checkpoint has kept, of whatever ids on this rank. Collective.
    pub fn take_back(&mut self, comm: &Comm, kept: &Beginnings) {
        let tell = |n: usize| Here {
            id: kept.id[n],
            place: kept.place[n],
            sum: kept.sum[n],
            square: kept.square[n],
            normal: kept.normal[n],
            site: kept.site[n],
            layer: kept.layer[n],
            ..Here::zeroed()
        };
        self.beginnings = Arc::new(Beginnings::of(&sent_home(comm, kept.id.len(), tell)));
    }

    /// The row of this frame, if it is wanted and a window is open; one that is over gives way to the next. Collective.
    pub fn measure(
        &mut self,
        snapshot: &Snapshot,
        routes: &Routes,
        around: &AllSurroundings,
        sites: &Sites,
    ) -> Option<Series> {
        let Some(length_ps) = snapshot.settings.diffusion_window_ps else {
            *self = Diffusion::default();
            return None;
        };
        let (place, together, time) = (snapshot.place, snapshot.together, snapshot.time_ps);
        // The state at the end of a stage is that at the beginning of the next one, unless particles were put together.
        let goes_on = |window: &&mut Window| {
            let same = window.stage == place.stage || place.begins;
            same && window.together == together && window.length_ps == length_ps
        };
        let open = self.window.as_mut().filter(goes_on);
        let is_over = open.as_ref().is_none_or(|window| {
            window.stage != place.stage || time - window.began_ps >= length_ps * (1.0 - SAME_TIME)
        });
        let begins = is_over && snapshot.moving;
        let layers = begins.then(|| layers::depths(snapshot, routes, around));
        let here = told(snapshot, sites, layers.as_deref());
        let series = open.map(|window| {
            let then = Arc::make_mut(&mut self.beginnings);
            let tallies = window.look(snapshot, then, &here);
            window.series(time, &tallies, around.nearest)
        });
        if begins {
            let particles = particles(snapshot);
            self.window = Some(Window {
                began_ps: time,
                length_ps,
                stage: place.stage,
                together,
                frames: 1,
                filled: filled(snapshot, &here, around.bond, particles),
                lines: vec![[Line::default(); KINDS]; particles],
            });
            self.beginnings = Arc::new(Beginnings::of(&here));
        } else if is_over {
            *self = Diffusion::default();
        }
        series
    }
}

impl Beginnings {
    fn of(here: &[Here]) -> Beginnings {
        Beginnings {
            id: here.iter().map(|atom| atom.id).collect(),
            place: here.iter().map(|atom| atom.place).collect(),
            normal: here.iter().map(|atom| atom.normal).collect(),
            site: here.iter().map(|atom| atom.site).collect(),
            layer: here.iter().map(|atom| atom.layer).collect(),
            sum: here.iter().map(|atom| atom.sum).collect(),
            square: here.iter().map(|atom| atom.square).collect(),
        }
    }
}

impl Window {
    /// Takes a frame into the sums of the atoms, and adds up those of each particle over all ranks. Collective.
    fn look(&mut self, snapshot: &Snapshot, then: &mut Beginnings, here: &[Here]) -> Vec<Tally> {
        self.frames += 1;
        for (site, atom) in then.site.iter_mut().zip(here) {
            if atom.site == Site::Vapour as u8 {
                *site = Site::Vapour as u8;
            }
        }
        let now = periods(snapshot.system.cell);
        let stretch = |filled: &Vec3| -> Vec3 {
            let along = |d: usize| now[d] > 0.0 && filled[d] > 0.0;
            std::array::from_fn(|d| if along(d) { filled[d] / now[d] } else { 1.0 })
        };
        let stretch: &[Vec3] = &self.filled.iter().map(stretch).collect::<Vec<_>>();
        let comm = snapshot.system.comm;
        let motions = motions(comm, &Watched { then, here, stretch }, stretch.len());

        let frames = f64::from(self.frames);
        let mut tallies = vec![Tally::NONE; motions.len()];
        for n in 0..here.len() {
            let Some(atom) = (Watched { then, here, stretch }).atom(n) else { continue };
            let moved = sub(motions[atom.particle].back(atom.now), atom.then);
            let (square, across) = (dot(moved, moved), dot(moved, atom.normal));
            then.sum[n] = add(then.sum[n], moved);
            then.square[n] += square;
            let mean = scale(then.sum[n], 1.0 / frames);
            let tally = &mut tallies[atom.particle];
            tally.sites[atom.kind].add([square, square - across * across]);
            tally.layers[then.layer[n] as usize].add([then.square[n] / frames - dot(mean, mean)]);
        }
        let mut sites: Vec<Sum<2>> = tallies.iter().flat_map(|tally| tally.sites).collect();
        let mut layers: Vec<Sum<1>> = tallies.iter().flat_map(|tally| tally.layers).collect();
        Sum::gather(&mut sites, comm);
        Sum::gather(&mut layers, comm);
        let of = sites.chunks_exact(KINDS).zip(layers.chunks_exact(LAYERS));
        of.map(|(sites, layers)| Tally {
            sites: std::array::from_fn(|k| sites[k]),
            layers: std::array::from_fn(|k| layers[k]),
        })
        .collect()
    }

    /// `nearest`: distance of neighbours, Å.
    fn series(&mut self, time: f64, tallies: &[Tally], nearest: Option<f64>) -> Series {
        let lag = time - self.began_ps;
        let late = LATE * self.length_ps * (1.0 - SAME_TIME);
        let mut coefficients = Vec::new();
        for (lines, tally) in self.lines.iter_mut().zip(tallies) {
            for (kind, (line, sum)) in lines.iter_mut().zip(&tally.sites).enumerate() {
                let is_inner = kind == INNER;
                if lag >= late && sum.atoms > 0 {
                    line.add(lag, sum.mean(if is_inner { SQUARE } else { ALONG }));
                }
                coefficients.push(line.slope() / if is_inner { 6.0 } else { 4.0 });
            }
        }
        let of_sites = |value: &dyn Fn(&Sum<2>) -> f64, from: usize| {
            let each = tallies.iter().flat_map(|tally| &tally.sites[from..]);
            Values::Real(each.map(value).collect())
        };
        let shells = || tallies.iter().flat_map(|tally| tally.layers);
        let distance = nearest.unwrap_or(f64::NAN);
        // Rounding can leave of no vibration less than none.
        let lindemann = |sum: Sum<1>| sum.mean(0).max(0.0).sqrt() / distance;
        let lindemann = |sum: Sum<1>| if sum.atoms > 0 { lindemann(sum) } else { f64::NAN };
        let column = |name, unit, definition, kinds: usize, values| Column {
            name,
            unit,
            definition,
            shape: vec![tallies.len(), kinds],
            values,
        };
        let counts = tallies.iter().flat_map(|tally| tally.sites).map(|sum| sum.atoms as i64);
        let began = "when the window began: atoms count by where they were then";
        let columns = vec![
            Column::count(
                "stage_number",
                "number of the stage that the window is of, from 1; where two stages meet, of the one \
                 that ends",
                self.stage as i64,
            ),
            Column::real("began", "ps", began, self.began_ps),
            column(
                "atoms",
                "1",
                "atoms that were inside, at (100), (111) and (110) facets, at steps and edges when the \
                 window began, and have had neighbours in each frame since; not those that are held fixed or \
                 have departed",
                KINDS,
                Values::Integer(counts.collect()),
            ),
            column(
                "square_displacement",
                "Angstrom2",
                "mean square displacement of these since then, less the motion of their particle as a \
                 whole; none (NaN) without atoms",
                KINDS,
                of_sites(&|sum| sum.mean(SQUARE), 0),
            ),
            column(
                "along_facet",
                "Angstrom2",
                "the same of those at facets, steps and edges without what is along the normal there",
                KINDS - 1,
                of_sites(&|sum| sum.mean(ALONG), 1),
            ),
            column(
                "coefficient",
                "Angstrom2 ps-1",
                "of diffusion, over the window so far: a sixth of the slope of `square_displacement` of \
                 inner atoms against time, a fourth of that of `along_facet`, from a fifth of the window \
                 on; none (NaN) of fewer than two frames",
                KINDS,
                Values::Real(coefficients),
            ),
            column(
                "layer_atoms",
                "1",
                "the same atoms by the layer that they were in: at the surface, next to it, next to \
                 these, deeper",
                LAYERS,
                Values::Integer(shells().map(|sum| sum.atoms as i64).collect()),
            ),
            column(
                "lindemann",
                "1",
                "root mean square distance of these from their mean places in the frames of the window so \
                 far, less the motion of their particle as a whole, in `nearest_neighbour_distance` of \
                 /sinter/structure: some 0.1 at melting points, more where atoms change places",
                LAYERS,
                Values::Real(shells().map(lindemann).collect()),
            ),
        ];
        Series { path: "/sinter/diffusion", columns }
    }
}

/// The atoms of this rank's home at the beginning of a window and now.
struct Watched<'a> {
    then: &'a Beginnings,
    here: &'a [Here],
    /// Of the box since then, for each particle.
    stretch: &'a [Vec3],
}

/// One of them, in the box of then.
struct Atom {
    particle: usize,
    kind: usize,
    now: Vec3,
    then: Vec3,
    normal: Vec3,
}

impl Watched<'_> {
    /// The n-th, if it counts.
    fn atom(&self, n: usize) -> Option<Atom> {
        let Watched { then, here, stretch } = self;
        let (kind, particle) = (then.site[n] as usize, here[n].particle as usize);
        (kind < KINDS).then(|| Atom {
            particle,
            kind,
            now: std::array::from_fn(|d| here[n].place[d] * stretch[particle][d]),
            then: then.place[n],
            normal: then.normal[n].map(f64::from),
        })
    }

    fn counted(&self) -> impl Iterator<Item = Atom> {
        (0..self.here.len()).filter_map(|n| self.atom(n))
    }
}

/// What takes the motion of a particle back.
#[derive(Clone, Copy)]
struct Motion {
    rotation: Quaternion,
    now: Vec3,
    then: Vec3,
}

impl Motion {
    fn back(&self, place: Vec3) -> Vec3 {
        add(superposition::turned(self.rotation, sub(place, self.now)), self.then)
    }
}

/// Of each particle, by the atoms that were inside, or by all. Collective.
fn motions(comm: &Comm, atoms: &Watched, particles: usize) -> Vec<Motion> {
    // Places now and then, of the inner atoms of each particle and of all of them.
    let mut places = vec![Sum::<6>::NONE; 2 * particles];
    for atom in atoms.counted() {
        let [[x, y, z], [u, v, w]] = [atom.now, atom.then];
        for all in if atom.kind == INNER { &[0, 1][..] } else { &[1] } {
            places[2 * atom.particle + all].add([x, y, z, u, v, w]);
        }
    }
    Sum::gather(&mut places, comm);
    let by_all: Vec<bool> = places.chunks_exact(2).map(|of| of[0].atoms < FEWEST).collect();
    let mut motions: Vec<Motion> = (places.chunks_exact(2).zip(&by_all))
        .map(|(of, by_all)| {
            let of = &of[*by_all as usize];
            let part = 1.0 / (of.atoms as f64).max(1.0);
            let centre = |from: usize| std::array::from_fn(|d| of.of[from + d].value() * part);
            Motion { rotation: UNTURNED, now: centre(0), then: centre(3) }
        })
        .collect();

    // Σ v wᵀ, Σ v² and Σ w² about these centres.
    let mut products = vec![Sum::<11>::NONE; particles];
    for atom in atoms.counted().filter(|atom| by_all[atom.particle] || atom.kind == INNER) {
        let motion = &motions[atom.particle];
        let (v, w) = (sub(atom.now, motion.now), sub(atom.then, motion.then));
        products[atom.particle].add(std::array::from_fn(|k| match k {
            9 => dot(v, v),
            10 => dot(w, w),
            _ => v[k / 3] * w[k % 3],
        }));
    }
    Sum::gather(&mut products, comm);
    for (motion, sum) in motions.iter_mut().zip(products) {
        let values = sum.of.map(ExactSum::value);
        let m = std::array::from_fn(|a| std::array::from_fn(|b| values[3 * a + b]));
        motion.rotation = Superposition { squares: [values[9], values[10]], m }.rotation();
    }
    motions
}

/// Lengths of the box, Å, along periodic directions that a particle reaches all along, but for a bond; 0 along others.
/// Collective.
fn filled(snapshot: &Snapshot, here: &[Here], bond: f64, particles: usize) -> Vec<Vec3> {
    // Of each particle the greatest x, y, z, and of −x, −y, −z.
    let mut most = vec![[f64::NEG_INFINITY; 6]; particles];
    for atom in here.iter().filter(|atom| atom.site != Site::Vapour as u8) {
        let most = &mut most[atom.particle as usize];
        for d in 0..3 {
            most[d] = most[d].max(atom.place[d]);
            most[d + 3] = most[d + 3].max(-atom.place[d]);
        }
    }
    snapshot.system.comm.max_f64(most.as_flattened_mut());
    let lengths = periods(snapshot.system.cell);
    let fills = |most: &[f64; 6], d: usize| most[d] + most[d + 3] >= lengths[d] - bond;
    let of = |most| std::array::from_fn(|d| if fills(most, d) { lengths[d] } else { 0.0 });
    most.iter().map(of).collect()
}

/// Where the atoms are whose home this rank is; their layers where these matter. Collective.
fn told(snapshot: &Snapshot, sites: &Sites, layers: Option<&[u8]>) -> Vec<Here> {
    let (atoms, cell) = (snapshot.system.atoms, snapshot.system.cell);
    let mut normals = vec![[0f32; 3]; atoms.owned];
    for (i, normal) in &sites.normals {
        normals[*i as usize] = normal.map(|x| x as f32);
    }
    let tell = |i: usize| Here {
        id: atoms.id[i],
        place: cell.unwrap(&atoms.position[i], &atoms.image[i]),
        normal: normals[i],
        site: match atoms.is_fixed(i) || atoms.has_departed(i) {
            true => Site::Vapour as u8,
            false => sites.of[i] as u8,
        },
        layer: layers.map_or(NOWHERE, |layers| layers[i]),
        particle: atoms.particle[i],
        ..Here::zeroed()
    };
    sent_home(snapshot.system.comm, atoms.owned, tell)
}

/// Lengths of the box along periodic directions, Å; 0 along others.
fn periods(cell: &Cell) -> Vec3 {
    std::array::from_fn(|d| if cell.periodic[d] { cell.length[d] } else { 0.0 })
}

/// What came home to this rank, in the order of ids: what `tell` says of so many atoms. Collective.
fn sent_home(comm: &Comm, atoms: usize, tell: impl Fn(usize) -> Here) -> Vec<Here> {
    let total = comm.sum(atoms as i64).max(1) as u64;
    let home = |id: u64| (id * comm.size() as u64 / total) as usize;
    let mut here = Vec::new();
    for round in 0..comm.max_u64(atoms.div_ceil(ROUND) as u64) as usize {
        let mut sent: BTreeMap<usize, Vec<Here>> = BTreeMap::new();
        for atom in (round * ROUND..((round + 1) * ROUND).min(atoms)).map(&tell) {
            sent.entry(home(atom.id)).or_default().push(atom);
        }
        let sent: Vec<_> = sent.into_iter().collect();
        comm.exchange(&sent).iter().for_each(|(_, list)| here.extend(list));
    }
    here.sort_unstable_by_key(|atom: &Here| atom.id);
    here
}
