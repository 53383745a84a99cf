//! What frames of the trajectory may tell of each atom besides where it is.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "kebab-case")]
pub enum AtomColumn {
    /// Adaptive common neighbour analysis: 0 other, 1 fcc, 2 hcp, 3 bcc, 4 icosahedral.
    Structure,
    /// The same by polyhedral template matching, as in `/sinter/templates`.
    Template,
    /// How far it is from that template, whether within `template_rmsd` or not; NaN where none has its neighbours.
    #[serde(rename = "template_rmsd")]
    TemplateRmsd,
    /// 1 at surfaces: where the neighbours leave a cone of 45° empty; else 0.
    Surface,
    /// Of what kind of facet a surface atom is: 1 (100), 2 (111), 3 (110), 4 steps and edges; 0 within, 5 without a neighbour.
    Facet,
    /// Neighbours as near as those of the first shell.
    Coordination,
    /// The particle that it belongs to now: another than it came from if more than half of its neighbours came from there.
    Host,
    /// Its cluster by bonds, named by the lowest id in it.
    Cluster,
    /// Its grain: neighbours whose lattices by template, averaged over neighbours, are less than 2° apart, across stacking
    /// faults but not across twin boundaries; numbered from 1 in the order of the lowest ids in them, 0 in none or in one of fewer than 50 atoms.
    Grain,
    /// How far it is from where it was in the first frame of the file in which the particles stand together, Å; NaN before.
    Displacement,
    /// Its stress in GPa, tension positive: xx, yy, zz, xy, xz, yz. The derivatives of its energy by strains and its motion
    /// about the centre of its particle, over d³/√2 with the mean distance d of neighbours; planes, pistons and tethers
    /// have no part in it. A frame costs some twelve steps.
    Stress,
}

impl AtomColumn {
    pub const ALL: [AtomColumn; 11] = [
        AtomColumn::Structure,
        AtomColumn::Template,
        AtomColumn::TemplateRmsd,
        AtomColumn::Surface,
        AtomColumn::Facet,
        AtomColumn::Coordination,
        AtomColumn::Host,
        AtomColumn::Cluster,
        AtomColumn::Grain,
        AtomColumn::Displacement,
        AtomColumn::Stress,
    ];

    /// Whether it is of real numbers; else of whole ones.
    pub fn is_real(self) -> bool {
        matches!(self, AtomColumn::TemplateRmsd | AtomColumn::Displacement | AtomColumn::Stress)
    }

    /// How many numbers of each atom it has.
    pub fn width(self) -> usize {
        if self == AtomColumn::Stress { 6 } else { 1 }
    }

    pub fn name(self) -> &'static str {
        match self {
            AtomColumn::Structure => "structure",
            AtomColumn::Template => "template",
            AtomColumn::TemplateRmsd => "template_rmsd",
            AtomColumn::Surface => "surface",
            AtomColumn::Facet => "facet",
            AtomColumn::Coordination => "coordination",
            AtomColumn::Host => "host",
            AtomColumn::Cluster => "cluster",
            AtomColumn::Grain => "grain",
            AtomColumn::Displacement => "displacement",
            AtomColumn::Stress => "stress",
        }
    }
}
