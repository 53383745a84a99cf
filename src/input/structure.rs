//! The table `[structure]`: atoms read from a file. As in `config`, each key has its one home here.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::path::{Path, PathBuf};

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct StructureConfig {
    /// Extended XYZ (.xyz, .extxyz), LAMMPS data (.data, .lmp), a LAMMPS dump (.dump,
    /// .lammpstrj) or H5MD (.h5md, .h5); relative to the input file.
    pub file: PathBuf,
    /// Format; told by the ending of the name unless given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub format: Option<StructureFormat>,
    /// Frame, counted from 0; negative counts from the end.
    #[serde(default = "last_frame")]
    pub frame: i64,
    /// For H5MD: which group of `/particles` holds the atoms; needed where there are several.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub group: Option<String>,
    /// Element of atom type 1, 2, ...: for LAMMPS data without type labels, and where species of
    /// another file are numbers of types (numbers without `types` are atomic numbers, where they
    /// cannot be types).
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub types: Vec<String>,
    /// Which atoms are one particle; unless given, `column`, or else `molecule`, where the
    /// file has it, and else `clusters`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub particles_from: Option<ParticlesFrom>,
    /// For `clusters`: atoms closer than this are of one cluster; unless given, 1.3 times the
    /// distance of nearest neighbours in the file (their median).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(extend("exclusiveMinimum" = 0), range(max = 20))]
    pub cluster_distance_angstrom: Option<f64>,
    /// For `clusters`: those of fewer atoms (evaporated ones) are no particles of their own
    /// but belong to the nearest.
    #[serde(default = "smallest_particle")]
    #[schemars(range(min = 1))]
    pub smallest_particle_atoms: usize,
}

fn smallest_particle() -> usize {
    10
}

/// Where the particles of a structure file come from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum ParticlesFrom {
    /// The column `particle`, as files of this program have it.
    Column,
    /// The molecules of LAMMPS data, or a column `molecule`.
    Molecule,
    /// Clusters of atoms that are within `cluster_distance_angstrom` of each other.
    Clusters,
    /// All atoms are one particle.
    One,
}

fn last_frame() -> i64 {
    -1
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum StructureFormat {
    /// Extended XYZ.
    Extxyz,
    /// LAMMPS data file.
    LammpsData,
    /// LAMMPS dump of style `atom` or `custom`, as text.
    LammpsDump,
    /// A frame of an H5MD trajectory.
    H5md,
}

impl StructureFormat {
    /// The format that the ending of a file's name tells.
    pub fn of(file: &Path) -> Option<StructureFormat> {
        match file.extension()?.to_str()? {
            "xyz" | "extxyz" => Some(StructureFormat::Extxyz),
            "data" | "lmp" => Some(StructureFormat::LammpsData),
            "dump" | "lammpstrj" | "lammpsdump" => Some(StructureFormat::LammpsDump),
            "h5md" | "h5" => Some(StructureFormat::H5md),
            _ => None,
        }
    }

    /// As people call it.
    pub fn name(self) -> &'static str {
        match self {
            StructureFormat::Extxyz => "extended XYZ",
            StructureFormat::LammpsData => "LAMMPS data",
            StructureFormat::LammpsDump => "a LAMMPS dump",
            StructureFormat::H5md => "H5MD",
        }
    }
}
