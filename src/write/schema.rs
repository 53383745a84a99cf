//! Names, units and layout of everything in a trajectory file, in one place.
//!
//! The file is H5MD 1.1 and, by hard links in the root group to the same arrays,
//! an AMBER netCDF-4 trajectory. What the readers of the field insist on:
//! - the group is `/particles/trajectory` and holds a time-dependent `id` and
//!   `species` (atomic numbers, integers; an enumeration is no type to OVITO, so names are
//!   attributes beside them, see `species`); masses stand in `/parameters/species`;
//! - unit attributes of H5MD are strings of variable length with the names that
//!   MDAnalysis knows (`Angstrom`, `ps`, `Angstrom ps-1`); AMBER's are `units`, of
//!   fixed length. MDAnalysis knows no electronvolt and refuses a group `force`
//!   whose unit it does not know, so forces stand in `forces`;
//! - `edges` is 0 in a free direction: AMBER's way to say so, which ASE and OVITO
//!   follow, and no periodic cell to MDAnalysis either.
//!
//! Positions are unwrapped (an atom that crosses a periodic boundary goes on
//! beyond it), so displacements are differences and particles stay whole; no
//! common reader joins H5MD images. Every reader wraps them by the box if asked.
//! Positions and velocities are f64: the same bits as in the run.

use crate::input::AtomColumn;

/// The group of frames.
pub const FRAMES: &str = "/particles/trajectory";
/// The step of every frame, shared by hard links.
pub const STEP: &str = "/particles/trajectory/position/step";
pub const TIME: &str = "/particles/trajectory/position/time";
/// The particle that each atom came from, fixed in time.
pub const PARTICLE: &str = "/particles/trajectory/particle";
pub const BOX: &str = "/particles/trajectory/box";
/// Time series: one group each, with `step`, `time` and a dataset per column.
pub const SERIES: &str = "/sinter";
pub const PARAMETERS: &str = "/parameters";

/// Series of pairs: their rows grow, as pairs are found in the course of a run.
pub const WIDENING: [&str; 2] = ["/sinter/pairs", "/sinter/boundaries"];

/// How netCDF names the scale of a direction that has no values of its own; the
/// length follows, in ten columns.
pub const NO_VARIABLE: &str = "This is a netCDF dimension but not a netCDF variable.";

/// Directions of the arrays, the dimension scales of netCDF.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Direction {
    Frame,
    Atom,
    Spatial,
    CellSpatial,
    CellAngular,
    /// Components of a symmetric tensor, by the name that netCDF files of atoms have for it.
    Voigt,
}

impl Direction {
    pub const ALL: [Direction; 6] = [
        Direction::Frame,
        Direction::Atom,
        Direction::Spatial,
        Direction::CellSpatial,
        Direction::CellAngular,
        Direction::Voigt,
    ];

    /// Name in the root group.
    pub fn name(self) -> &'static str {
        match self {
            Direction::Frame => "frame",
            Direction::Atom => "atom",
            Direction::Spatial => "spatial",
            Direction::CellSpatial => "cell_spatial",
            Direction::CellAngular => "cell_angular",
            Direction::Voigt => "Voigt",
        }
    }

    /// Of those that are as long in every file.
    pub fn length(self) -> u64 {
        if self == Direction::Voigt { 6 } else { 3 }
    }

    /// The names along a direction, where AMBER asks for a variable of them.
    pub fn labels(self) -> Option<&'static str> {
        match self {
            Direction::Frame | Direction::Atom | Direction::CellAngular | Direction::Voigt => None,
            Direction::Spatial => Some("xyz"),
            Direction::CellSpatial => Some("abc"),
        }
    }
}

/// A quantity of every frame: `value`, `step` and `time` in a group of H5MD.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Quantity {
    /// Path of the group.
    pub group: &'static str,
    /// Name of the hard link to `value` in the root group.
    pub amber: &'static str,
    /// The directions after `frame`.
    pub directions: &'static [Direction],
    /// `unit` of H5MD; empty for none.
    pub unit: &'static str,
    /// `units` of AMBER; empty for none.
    pub amber_units: &'static str,
}

impl Quantity {
    pub fn value(&self) -> String {
        format!("{}/value", self.group)
    }
}

const fn quantity(
    group: &'static str,
    amber: &'static str,
    directions: &'static [Direction],
    unit: &'static str,
    amber_units: &'static str,
) -> Quantity {
    Quantity { group, amber, directions, unit, amber_units }
}

const PER_ATOM: &[Direction] = &[Direction::Atom];
const VECTOR: &[Direction] = &[Direction::Atom, Direction::Spatial];
const TENSOR: &[Direction] = &[Direction::Atom, Direction::Voigt];

pub const POSITION: Quantity =
    quantity("/particles/trajectory/position", "coordinates", VECTOR, "Angstrom", "angstrom");
pub const VELOCITY: Quantity = quantity(
    "/particles/trajectory/velocity",
    "velocities",
    VECTOR,
    "Angstrom ps-1",
    "angstrom/picosecond",
);
pub const FORCE: Quantity =
    quantity("/particles/trajectory/forces", "forces", VECTOR, "", "eV/angstrom");
pub const ENERGY: Quantity =
    quantity("/particles/trajectory/potential_energy", "potential_energy", PER_ATOM, "eV", "eV");
/// What there is of each atom besides, with what the numbers mean.
pub fn column(column: AtomColumn) -> (Quantity, &'static str) {
    match column {
        AtomColumn::Structure => (
            quantity("/particles/trajectory/structure", "structure", PER_ATOM, "", ""),
            "adaptive common neighbour analysis: 0 other, 1 fcc, 2 hcp, 3 bcc, 4 icosahedral",
        ),
        AtomColumn::Template => (
            quantity("/particles/trajectory/template", "template", PER_ATOM, "", ""),
            "polyhedral template matching: 0 other, 1 fcc, 2 hcp, 3 bcc, 4 icosahedral, within \
             template_rmsd of the input",
        ),
        AtomColumn::TemplateRmsd => (
            quantity("/particles/trajectory/template_rmsd", "template_rmsd", PER_ATOM, "", ""),
            "root mean square deviation from the template that fits best, within template_rmsd of \
             the input or not, in mean distances of the neighbours; none (NaN) where none has its \
             neighbours",
        ),
        AtomColumn::Surface => (
            quantity("/particles/trajectory/surface", "surface", PER_ATOM, "", ""),
            "1 where the neighbours leave a cone of 45° empty, else 0",
        ),
        AtomColumn::Facet => (
            quantity("/particles/trajectory/facet", "facet", PER_ATOM, "", ""),
            "of what kind of facet a surface atom is, as in facets of /sinter/structure: 1 (100), 2 (111), \
             3 (110), 4 steps and edges; 0 within, 5 without a neighbour",
        ),
        AtomColumn::Coordination => (
            quantity("/particles/trajectory/coordination", "coordination", PER_ATOM, "", ""),
            "neighbours within 1.21 of nearest_neighbour_distance in /sinter/structure",
        ),
        AtomColumn::Host => (
            quantity("/particles/trajectory/host", "host", PER_ATOM, "", ""),
            "the particle that more than half of the neighbours came from, else its own",
        ),
        AtomColumn::Cluster => (
            quantity("/particles/trajectory/cluster", "cluster", PER_ATOM, "", ""),
            "lowest id in the cluster that it belongs to, as in /sinter/clusters",
        ),
        AtomColumn::Grain => (
            quantity("/particles/trajectory/grain", "grain", PER_ATOM, "", ""),
            "number of its grain, from 1 in the order of the lowest ids in them, as in /sinter/grains; 0 \
             for none",
        ),
        AtomColumn::Displacement => (
            quantity(
                "/particles/trajectory/displacement",
                "displacement",
                PER_ATOM,
                "Angstrom",
                "angstrom",
            ),
            "how far it is from where it was in the first frame of this file in which the particles \
             stand together; none (NaN) before",
        ),
        AtomColumn::Stress => (
            quantity("/particles/trajectory/stress", "stress", TENSOR, "GPa", "GPa"),
            "xx, yy, zz, xy, xz, yz of its stress, tension positive: the derivatives of its energy by \
             strains less m u_a u_b, with the velocity u about the centre of its particle, over \
             d^3/sqrt(2), d being nearest_neighbour_distance in /sinter/structure",
        ),
    }
}
pub const ID: Quantity = quantity("/particles/trajectory/id", "id", PER_ATOM, "", "");
pub const SPECIES: Quantity =
    quantity("/particles/trajectory/species", "atom_types", PER_ATOM, "", "");
pub const EDGES: Quantity = quantity(
    "/particles/trajectory/box/edges",
    "cell_lengths",
    &[Direction::CellSpatial],
    "Angstrom",
    "angstrom",
);
pub const ANGLES: Quantity = quantity(
    "/particles/trajectory/box/angles",
    "cell_angles",
    &[Direction::CellAngular],
    "",
    "degree",
);
/// The corner of the box; 0 in free directions.
pub const ORIGIN: Quantity = quantity(
    "/particles/trajectory/box/origin",
    "cell_origin",
    &[Direction::CellSpatial],
    "Angstrom",
    "angstrom",
);
