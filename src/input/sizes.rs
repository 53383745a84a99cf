//! Sizes of the particles of one table that are not alike, with the rules for them.

use super::config::ParticleConfig;
use super::source::Problems;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::path::{Path, PathBuf};

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "kind", rename_all = "kebab-case")]
pub enum SizesConfig {
    /// A normal distribution; what would be smaller than a fifth of the mean is that.
    Gaussian(GaussianSizes),
    /// The logarithms are normally distributed.
    LogNormal(LogNormalSizes),
    /// These, one after the other, and again from the first.
    List(ListedSizes),
    /// As a file tells how frequent they are.
    Histogram(HistogramSizes),
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct GaussianSizes {
    /// Mean size.
    #[schemars(extend("exclusiveMinimum" = 0), range(max = 1000))]
    pub mean_nm: f64,
    /// Full width at half maximum, 2.355 standard deviations.
    #[schemars(range(min = 0, max = 1000))]
    pub fwhm_nm: f64,
    /// What the sizes are.
    #[serde(default)]
    pub of: SizeOf,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct LogNormalSizes {
    /// Median size: half of the particles are smaller.
    #[schemars(extend("exclusiveMinimum" = 0), range(max = 1000))]
    pub median_nm: f64,
    /// Geometric standard deviation: two thirds of the particles lie between the median divided by it
    /// and the median times it.
    #[schemars(range(min = 1, max = 5))]
    pub deviation: f64,
    /// What the sizes are.
    #[serde(default)]
    pub of: SizeOf,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ListedSizes {
    /// The sizes.
    #[schemars(length(min = 1), inner(range(min = 0.1, max = 1000)))]
    pub values_nm: Vec<f64>,
    /// What the sizes are.
    #[serde(default)]
    pub of: SizeOf,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct HistogramSizes {
    /// Text with a line for each class: from and to in nm and how many (or what part), between blanks
    /// or commas; lines that begin with `#` say nothing. Relative to the input file.
    pub file: PathBuf,
    /// What the sizes are.
    #[serde(default)]
    pub of: SizeOf,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum SizeOf {
    /// Diameters of spheres of the same volume.
    #[default]
    Diameter,
    /// Edges, of shapes that have `edge_nm`.
    Edge,
}

impl SizesConfig {
    pub fn of(&self) -> SizeOf {
        match self {
            SizesConfig::Gaussian(sizes) => sizes.of,
            SizesConfig::LogNormal(sizes) => sizes.of,
            SizesConfig::List(sizes) => sizes.of,
            SizesConfig::Histogram(sizes) => sizes.of,
        }
    }

    /// The file that it is read from.
    pub fn file(&self) -> Option<&Path> {
        match self {
            SizesConfig::Histogram(sizes) => Some(&sizes.file),
            _ => None,
        }
    }

    /// The same, to change.
    pub fn file_mut(&mut self) -> Option<&mut PathBuf> {
        match self {
            SizesConfig::Histogram(sizes) => Some(&mut sizes.file),
            _ => None,
        }
    }

    /// A typical size, nm; of a histogram it is not known without its file.
    pub fn typical(&self) -> Option<f64> {
        match self {
            SizesConfig::Gaussian(sizes) => Some(sizes.mean_nm),
            SizesConfig::LogNormal(sizes) => Some(sizes.median_nm),
            SizesConfig::List(sizes) => {
                Some(sizes.values_nm.iter().sum::<f64>() / sizes.values_nm.len() as f64)
            }
            SizesConfig::Histogram(_) => None,
        }
    }
}

/// Adds every breach of the rules of `sizes`, in the table `key`, to `problems`.
pub fn check(particle: &ParticleConfig, key: &str, problems: &mut Problems) {
    let Some(sizes) = &particle.sizes else { return };
    if sizes.of() == SizeOf::Edge && particle.shape.volume_of_edge(0.0, 1.0).is_none() {
        problems.at(
            &format!("{key}.sizes.of"),
            "this shape has no edge of its own: write `of = \"diameter\"`, of the sphere of the same \
             volume",
        );
    }
    if let SizesConfig::List(list) = sizes
        && particle.fraction.is_none()
        && list.values_nm.len() > particle.count
    {
        problems.at(
            &format!("{key}.sizes.values_nm"),
            format!(
                "there are {} sizes, and `count` is {}: nobody would have the last",
                list.values_nm.len(),
                particle.count
            ),
        );
    }
}
