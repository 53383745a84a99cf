//! The crystal of `[crystal]`: whole periods of an orthogonal unit cell (`unit_cell`) along
//! the periodic directions of the box, and layers between two surfaces across the axis of a slab.
//!
//! The box has its middle at the origin; the upper surface of a slab, adatoms not counted,
//! lies at 0, the slab below it. Sites come period after period, x slowest, then the adatoms.

use super::alloy;
use super::axes::{axes, shown};
use super::layout::{MARGIN, OVERLAP};
use super::unit_cell::{Direction, Shape, UnitCell, UnitSite, nearest_distance};
use crate::error::{Error, Result};
use crate::geometry::{Cell, LARGEST_COORDINATE, Vec3, on_grid};
use crate::input::{Axis, Config, CrystalConfig, MOST_ATOMS};
use crate::random::Purpose;

/// The number by which the random choices of the crystal are keyed: the same whatever
/// particles there are.
const CRYSTAL: usize = u32::MAX as usize;

/// Lengths that differ by less than this part of them are the same.
const SAME_LENGTH: f64 = 1e-6;

/// Between the lowest atoms of a slab and the end of a periodic box below it, at most, Å.
const BELOW: f64 = 2.0;

/// Layers from `first` on, counted through all periods across the axis, of which
/// each has its layers at `levels`.
#[derive(Debug, Clone, PartialEq)]
struct Slab {
    axis: usize,
    first: i64,
    layers: i64,
    levels: Vec<i64>,
}

/// The crystal as it stands in the box.
#[derive(Debug)]
pub struct Block {
    crystal: CrystalConfig,
    axes: [Direction; 3],
    unit: UnitCell,
    /// Periods along each axis; across the surfaces of a slab those that its layers touch.
    repeats: [i64; 3],
    slab: Option<Slab>,
    /// Of the layer on top, those that are left.
    adatoms: Vec<Site>,
    pub monolayer: usize,
    /// Å
    pub nearest_distance: f64,
}

/// A site of the unit cell in one of the periods.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Site {
    period: [i64; 3],
    site: UnitSite,
}

impl Block {
    /// # Errors
    /// Directions that make no box, or a size that no box holds.
    pub fn new(config: &Config, crystal: &CrystalConfig) -> Result<Block> {
        let axes = axes(config, crystal)?;
        let shape = Shape::of(crystal);
        let count = UnitCell::count(crystal.lattice, axes);
        if count as f64 > MOST_ATOMS / 100.0 {
            let message =
                format!("these directions make a unit cell of {count} atoms: take smaller indices");
            return Err(config.source.error("crystal.z", message));
        }
        let unit = UnitCell::new(crystal.lattice, shape, axes);
        let mut block = Block {
            crystal: crystal.clone(),
            axes,
            unit,
            repeats: [1; 3],
            slab: None,
            adatoms: Vec::new(),
            monolayer: 0,
            nearest_distance: nearest_distance(crystal.lattice, shape),
        };
        block.cut(config)?;
        block.repeat();
        block.check(config)?;
        block.add_adatoms(config);
        Ok(block)
    }

    /// How many layers the slab has, and which.
    fn cut(&mut self, config: &Config) -> Result<()> {
        let Some(axis) = self.crystal.surface.map(Axis::index) else { return Ok(()) };
        let levels = self.unit.levels(axis);
        let period = levels.len() as i64;
        let first = self.crystal.first_layer.unwrap_or(0) as i64;
        if first >= period {
            let message = format!(
                "a period across this surface has {period} layers, counted from 0: there is no \
                 layer {first}"
            );
            return Err(config.source.error("crystal.first_layer", message));
        }
        let mut slab = Slab { axis, first, layers: 1, levels };
        let wanted = |lengths: &Option<Vec<f64>>| Some(lengths.as_ref()?[axis]);
        slab.layers = if let Some(layers) = self.crystal.layers {
            layers as i64
        } else if let Some(thickness) = self.crystal.thickness_angstrom {
            let last =
                (1..).find(|&layers| self.thickness(&Slab { layers, ..slab.clone() }) >= thickness);
            let off =
                |layers: i64| (self.thickness(&Slab { layers, ..slab.clone() }) - thickness).abs();
            let last = last.unwrap_or(1);
            if last > 1 && off(last - 1) < off(last) { last - 1 } else { last }
        } else if let Some(repeats) = &self.crystal.repeats {
            repeats[axis] as i64 * period
        } else {
            let length = wanted(&self.crystal.lengths_angstrom).unwrap_or_default();
            (length / self.unit.period[axis]).round().max(1.0) as i64 * period
        };
        self.repeats[axis] = (slab.first + slab.layers - 1).div_euclid(period) + 1;
        self.slab = Some(slab);
        Ok(())
    }

    /// How many periods there are along the other axes.
    fn repeat(&mut self) {
        let normal = self.slab.as_ref().map(|slab| slab.axis);
        let along: Vec<usize> = (0..3).filter(|&d| Some(d) != normal).collect();
        // Where the list leaves out the normal, its places are those of `along`.
        let place = |length: usize, k: usize| if length == 3 { along[k] } else { k };
        if let Some(repeats) = &self.crystal.repeats {
            for (k, &d) in along.iter().enumerate() {
                self.repeats[d] = repeats[place(repeats.len(), k)] as i64;
            }
        } else if let Some(lengths) = &self.crystal.lengths_angstrom {
            for (k, &d) in along.iter().enumerate() {
                let periods = lengths[place(lengths.len(), k)] / self.unit.period[d];
                self.repeats[d] = periods.round().max(1.0) as i64;
            }
        } else {
            self.repeat_for(self.crystal.atoms.unwrap_or(1) as f64, &along);
        }
    }

    /// Sides as equal as may be: of the whole numbers about the equal length those with which the
    /// number of atoms comes nearest.
    fn repeat_for(&mut self, wanted: f64, along: &[usize]) {
        let each = self.atoms_of_a_column();
        let area: f64 = along.iter().map(|&d| self.unit.period[d]).product();
        let side = (wanted / each * area).powf(1.0 / along.len() as f64);
        let mut best = (f64::INFINITY, self.repeats);
        for choice in 0..1usize << along.len() {
            let mut repeats = self.repeats;
            for (k, &d) in along.iter().enumerate() {
                let below = (side / self.unit.period[d]).floor() as i64;
                repeats[d] = (below + (choice >> k & 1) as i64).max(1);
            }
            let atoms = each * along.iter().map(|&d| repeats[d] as f64).product::<f64>();
            if (atoms - wanted).abs() < best.0 {
                best = ((atoms - wanted).abs(), repeats);
            }
        }
        self.repeats = best.1;
    }

    /// Atoms above one period of the surface, or of one period of bulk.
    fn atoms_of_a_column(&self) -> f64 {
        let Some(slab) = &self.slab else { return self.unit.sites.len() as f64 };
        let period = slab.levels.len() as i64;
        let of_level = |level: i64| {
            self.unit.sites.iter().filter(|site| site.at[slab.axis] == level).count() as f64
        };
        let counts: Vec<f64> = slab.levels.iter().map(|&level| of_level(level)).collect();
        let whole = slab.layers.div_euclid(period) as f64 * counts.iter().sum::<f64>();
        let rest = slab.layers.rem_euclid(period);
        whole + (0..rest).map(|k| counts[(slab.first + k).rem_euclid(period) as usize]).sum::<f64>()
    }

    fn error(&self, config: &Config, message: String) -> Error {
        let keys = ["repeats", "lengths_angstrom", "atoms"].map(|key| format!("crystal.{key}"));
        let given = keys.iter().find(|key| config.source.has(key));
        config.source.error(given.map_or("crystal", |key| key), message)
    }

    fn check(&self, config: &Config) -> Result<()> {
        let along = (0..3).filter(|&d| self.slab.as_ref().is_none_or(|slab| slab.axis != d));
        let atoms =
            self.atoms_of_a_column() * along.map(|d| self.repeats[d] as f64).product::<f64>();
        if atoms > MOST_ATOMS {
            let message = format!(
                "this crystal has {atoms:.2e} atoms, and at most {MOST_ATOMS:.0e} can be built: \
                 make it smaller"
            );
            return Err(self.error(config, message));
        }
        let cell = self.cell([[0.0; 3]; 2]);
        let reach = LARGEST_COORDINATE / 2.0;
        let longest = (0..3).map(|d| cell.length[d] / 2.0).fold(self.thick(), f64::max);
        if longest > reach {
            let message = format!(
                "this crystal reaches out to {longest:.0} Å, but coordinates end at {reach} Å"
            );
            return Err(self.error(config, message));
        }
        let Some(given) = config.cell.lengths_angstrom else { return Ok(()) };
        for d in (0..3).filter(|&d| cell.periodic[d]) {
            if (given[d] - cell.length[d]).abs() > SAME_LENGTH * cell.length[d] {
                let message = format!(
                    "along {} the crystal is {} Å long ({} periods of {} Å), not {} Å: leave \
                     `lengths_angstrom` out, it follows from the crystal",
                    Axis::ALL[d].name(),
                    rounded(cell.length[d]),
                    self.repeats[d],
                    rounded(self.unit.period[d]),
                    given[d]
                );
                return Err(config.source.error(&format!("box.lengths_angstrom[{d}]"), message));
            }
        }
        let lowest = OVERLAP * self.nearest_distance;
        if let Some(vacuum) = self.crystal.vacuum_angstrom.filter(|&vacuum| vacuum < lowest) {
            let message = format!(
                "with {vacuum} Å of vacuum the slab overlaps its own image, where neighbours in the \
                 crystal are {:.2} Å apart",
                self.nearest_distance
            );
            return Err(config.source.error("crystal.vacuum_angstrom", message));
        }
        Ok(())
    }

    fn add_adatoms(&mut self, config: &Config) {
        let (Some(slab), Some(adatoms)) = (&self.slab, &self.crystal.adatoms) else { return };
        let next = slab.first + slab.layers;
        let period = slab.levels.len() as i64;
        let (turn, level) =
            (next.div_euclid(period), slab.levels[next.rem_euclid(period) as usize]);
        let mut repeats = self.repeats;
        repeats[slab.axis] = turn + 1;
        let layer = |s: &Site| s.period[slab.axis] == turn && s.site.at[slab.axis] == level;
        let sites: Vec<Site> = all_sites(&self.unit, repeats).filter(layer).collect();
        let removed = (adatoms.removed_fraction * sites.len() as f64).round() as usize;
        let order = alloy::shuffled(config.seed, Purpose::Adatoms, CRYSTAL, 0, sites.len());
        let mut left = order[removed..].to_vec();
        left.sort_unstable();
        self.monolayer = sites.len();
        self.adatoms = left.into_iter().map(|i| sites[i]).collect();
    }

    /// From the lowest to the uppermost layer, Å.
    fn thickness(&self, slab: &Slab) -> f64 {
        self.height(slab, slab.first + slab.layers - 1) - self.height(slab, slab.first)
    }

    /// From the lowest layer of the slab to its upper surface, Å.
    pub fn thick(&self) -> f64 {
        self.slab.as_ref().map_or(0.0, |slab| self.thickness(slab))
    }

    /// Of a layer above the lowest end of the first period, Å.
    fn height(&self, slab: &Slab, layer: i64) -> f64 {
        let period = slab.levels.len() as i64;
        let level = slab.levels[layer.rem_euclid(period) as usize];
        self.along(slab.axis, layer.div_euclid(period), level)
    }

    /// Å
    fn along(&self, d: usize, period: i64, at: i64) -> f64 {
        let parts = self.unit.parts;
        (period * parts + at) as f64 / parts as f64 * self.unit.period[d]
    }

    /// The box about atoms within these bounds.
    pub fn cell(&self, [low, high]: [Vec3; 2]) -> Cell {
        let (mut origin, mut length, mut periodic) = ([0.0; 3], [0.0; 3], [true; 3]);
        for d in 0..3 {
            let along = self.repeats[d] as f64 * self.unit.period[d];
            (origin[d], length[d]) = match (&self.slab, self.crystal.vacuum_angstrom) {
                (Some(slab), Some(vacuum)) if slab.axis == d => {
                    let thickness = self.thickness(slab);
                    (-thickness - BELOW.min(vacuum / 2.0), thickness + vacuum)
                }
                (Some(slab), None) if slab.axis == d => {
                    periodic[d] = false;
                    (low[d] - MARGIN, high[d] - low[d] + 2.0 * MARGIN)
                }
                _ => (-along / 2.0, along),
            };
        }
        Cell::new(origin, length, periodic)
    }

    /// The axis across the surfaces.
    pub fn surface(&self) -> Option<usize> {
        self.slab.as_ref().map(|slab| slab.axis)
    }

    fn sites(&self) -> impl Iterator<Item = Site> + '_ {
        let in_slab = |s: &Site| {
            self.slab.as_ref().is_none_or(|slab| {
                let level =
                    slab.levels.binary_search(&s.site.at[slab.axis]).expect("a level of the cell");
                let layer = s.period[slab.axis] * slab.levels.len() as i64 + level as i64;
                (slab.first..slab.first + slab.layers).contains(&layer)
            })
        };
        all_sites(&self.unit, self.repeats).filter(in_slab)
    }

    /// Number of atoms, adatoms included.
    pub fn atoms(&self) -> usize {
        self.sites().count() + self.adatoms.len()
    }

    pub fn adatoms(&self) -> usize {
        self.adatoms.len()
    }

    /// On the grid, Å.
    fn position(&self, site: Site) -> Vec3 {
        std::array::from_fn(|d| {
            let along = self.along(d, site.period[d], site.site.at[d]);
            on_grid(match &self.slab {
                Some(slab) if slab.axis == d => {
                    along - self.height(slab, slab.first + slab.layers - 1)
                }
                _ => along - self.repeats[d] as f64 * self.unit.period[d] / 2.0,
            })
        })
    }

    /// The sites of the crystal, then the adatoms; Å, on the grid.
    pub fn positions(&self) -> impl Iterator<Item = Vec3> + '_ {
        self.sites().chain(self.adatoms.iter().copied()).map(|site| self.position(site))
    }

    /// The species of these atoms. The composition is exact for the crystal by itself and for the
    /// adatoms by themselves, in each sublattice.
    pub fn species(&self, config: &Config) -> Vec<u32> {
        let body: Vec<usize> = self.sites().map(|s| s.site.sublattice).collect();
        let adatoms: Vec<usize> = self.adatoms.iter().map(|s| s.site.sublattice).collect();
        let mut species = self.deal(config, 0, &body);
        species.extend(self.deal(config, body.len(), &adatoms));
        species
    }

    /// Deals out the species over sites of these sublattices.
    fn deal(&self, config: &Config, mut first: usize, sublattices: &[usize]) -> Vec<u32> {
        let mut species = vec![0; sublattices.len()];
        let random = std::slice::from_ref(&self.crystal.composition);
        let ordered = &self.crystal.sublattices[..];
        let compositions = if ordered.is_empty() { random } else { ordered };
        for (k, composition) in compositions.iter().enumerate() {
            let own =
                || (0..sublattices.len()).filter(|&i| ordered.is_empty() || sublattices[i] == k);
            let count = own().count();
            let fractions = alloy::fractions(config, composition);
            let dealt = alloy::deal(config.seed, CRYSTAL, first, count, &fractions);
            own().zip(dealt).for_each(|(i, kind)| species[i] = kind);
            first += count;
        }
        species
    }

    /// Heights of the surface across the axis of a slab: without and with adatoms, Å.
    pub fn top(&self) -> [f64; 2] {
        let axis = self.surface().unwrap_or(2);
        let highest = self.adatoms.iter().map(|&site| self.position(site)[axis]);
        [0.0, highest.fold(0.0, f64::max)]
    }

    /// For people: `, fcc crystal with x = ..., 8 x 5 periods, 6 layers`.
    pub fn describe(&self) -> String {
        let axes: Vec<String> = (Axis::ALL.iter().zip(self.axes))
            .map(|(axis, v)| format!("{} = {}", axis.name(), shown(&self.crystal, v)))
            .collect();
        let normal = self.surface();
        let periods: Vec<String> =
            (0..3).filter(|&d| Some(d) != normal).map(|d| self.repeats[d].to_string()).collect();
        let mut text = format!(
            ", a crystal of {}: {}; {} periods",
            self.crystal.lattice.name(),
            axes.join(", "),
            periods.join(" x ")
        );
        if let Some(slab) = &self.slab {
            text += &format!(", {} layers, {:.2} Å thick", slab.layers, self.thickness(slab));
        }
        if self.monolayer > 0 {
            let (left, all) = (self.adatoms.len(), self.monolayer);
            text += &format!("; {left} of its atoms adatoms, left of a monolayer of {all}");
        }
        text
    }
}

/// For people: without the last digits, which rounding made.
fn rounded(length: f64) -> f64 {
    (length * 1e6).round() / 1e6
}

fn all_sites(unit: &UnitCell, [nx, ny, nz]: [i64; 3]) -> impl Iterator<Item = Site> + '_ {
    let periods =
        (0..nx).flat_map(move |x| (0..ny).flat_map(move |y| (0..nz).map(move |z| [x, y, z])));
    periods.flat_map(|period| unit.sites.iter().map(move |&site| Site { period, site }))
}
