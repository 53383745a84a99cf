//! The table `swaps` of a stage: Monte Carlo moves that change of which element atoms are, with the
//! rules for it. As in `config`, each key has its one home here.

use super::config::{Arrangement, Config, Ensemble, StageConfig};
use super::rules::{fractions, known_element};
use super::source::Problems;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct SwapsConfig {
    /// Between rounds of attempts, to the nearest whole number of steps.
    #[schemars(extend("exclusiveMinimum" = 0), range(max = 100_000_000))]
    pub interval_ps: f64,
    /// How many swaps are tried in a round. Those that are far enough from one another are decided
    /// from one evaluation of the energies, so that few cost as much as many do.
    #[schemars(range(min = 1, max = 1_000_000_000))]
    pub attempts: u64,
    /// Temperature at which attempts are accepted; unless given, that of the stage, along its ramp.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(extend("exclusiveMinimum" = 0), range(max = 20_000))]
    pub temperature_k: Option<f64>,
    /// What an attempt changes, and what it keeps.
    #[serde(default)]
    pub ensemble: SwapEnsemble,
    /// The elements that are exchanged; unless given, all of the potential.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(min = 2))]
    pub species: Vec<String>,
    /// For `canonical`: which two atoms may exchange their elements. Unless given `anywhere`, and
    /// `within-particles` while the particles are apart.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub region: Option<SwapRegion>,
    /// For `within-clusters`: atoms nearer to one another than this hang together; half-way between first and second
    /// neighbours, for fcc 0.85 lattice constants. At most the cutoff of the potential.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1, max = 20))]
    pub bond_angstrom: Option<f64>,
    /// For `variance-constrained`: K in the energy K N/2 Σ (c - c₀)², the sum over the elements with
    /// their fractions c of the N atoms and c₀ of `composition`. N counts the atoms that take part: of
    /// these elements, in all particles together, without those that are fixed, came to rest or were removed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(extend("exclusiveMinimum" = 0), range(max = 1_000_000))]
    pub constraint_ev: Option<f64>,
    /// For `semi-grand` and `variance-constrained`: chemical potential of each element, of which
    /// only differences matter (what masses add to them is left out, as LAMMPS does).
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    #[schemars(extend(
        "additionalProperties" = { "type": "number", "minimum": -1000, "maximum": 1000 },
        "minProperties" = 1
    ))]
    pub chemical_potential_ev: BTreeMap<String, f64>,
    /// For `variance-constrained`: atom fractions that add up to 1.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    #[schemars(extend(
        "additionalProperties" = { "type": "number", "minimum": 0, "maximum": 1 },
        "minProperties" = 1
    ))]
    pub composition: BTreeMap<String, f64>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum SwapEnsemble {
    /// Two atoms exchange their elements: the numbers of atoms stay.
    #[default]
    Canonical,
    /// One atom becomes another element: differences of chemical potentials stay.
    SemiGrand,
    /// The same with a composition that is held as by a spring: also where a mixture would part.
    VarianceConstrained,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum SwapRegion {
    /// Any two.
    Anywhere,
    /// Both of one particle.
    WithinParticles,
    /// Both of one cluster: of atoms that hang together, each nearer than `bond_angstrom` to another, as they stand when a round
    /// begins. Particles that have grown together are one, and what has evaporated is left out.
    WithinClusters,
    /// Of two particles.
    BetweenParticles,
}

impl SwapRegion {
    /// As in the input.
    pub fn name(self) -> &'static str {
        match self {
            SwapRegion::Anywhere => "anywhere",
            SwapRegion::WithinParticles => "within-particles",
            SwapRegion::WithinClusters => "within-clusters",
            SwapRegion::BetweenParticles => "between-particles",
        }
    }
}

impl SwapEnsemble {
    /// As in the input.
    pub fn name(self) -> &'static str {
        match self {
            SwapEnsemble::Canonical => "canonical",
            SwapEnsemble::SemiGrand => "semi-grand",
            SwapEnsemble::VarianceConstrained => "variance-constrained",
        }
    }
}

impl SwapsConfig {
    /// Symbols of the elements that are exchanged.
    pub fn symbols<'a>(&'a self, config: &'a Config) -> Vec<&'a str> {
        match self.species.is_empty() {
            true => config.symbols(),
            false => self.species.iter().map(String::as_str).collect(),
        }
    }

    /// Which atoms may exchange their elements in this stage.
    pub fn region(&self, stage: &StageConfig) -> SwapRegion {
        self.region.unwrap_or(match stage.particles {
            Arrangement::Together => SwapRegion::Anywhere,
            Arrangement::Apart => SwapRegion::WithinParticles,
        })
    }
}

/// Adds every breach of the rules to `problems`.
pub fn check(config: &Config, problems: &mut Problems) {
    for (i, stage) in config.stages.iter().enumerate() {
        if let Some(swaps) = &stage.swaps {
            one_table(config, (stage, swaps), &format!("stage[{i}].swaps"), problems);
        }
    }
}

fn one_table(
    config: &Config,
    (stage, swaps): (&StageConfig, &SwapsConfig),
    key: &str,
    problems: &mut Problems,
) {
    let at = |name: &str| format!("{key}.{name}");
    let kind = stage.kind.name();
    if !stage.kind.is_dynamic() {
        let message = format!("`swaps` have no meaning in a stage of kind `{kind}`");
        return problems.at(key, message + ": it has no temperature");
    }
    let interval = swaps.interval_ps;
    if let Some(duration) = stage.duration_ps.filter(|&duration| duration < interval) {
        let message = format!(
            "no swaps would come in this stage: it ends after {duration} ps and they come every \
             {interval} ps"
        );
        problems.at(&at("interval_ps"), message);
    }
    if stage.ensemble == Ensemble::Nve && swaps.temperature_k.is_none() {
        problems.at(
            key,
            "swaps are accepted at a temperature, and `nve` steers to none: write their own \
             `temperature_k`",
        );
    }
    for (n, symbol) in swaps.species.iter().enumerate() {
        let place = at(&format!("species[{n}]"));
        known_element(config, symbol, &place, problems);
        if swaps.species[..n].contains(symbol) {
            problems.at(&place, format!("{symbol} is named twice"));
        }
    }
    let symbols = swaps.symbols(config);
    if let [only] = symbols[..] {
        let message = format!("{only} is the only element of the potential: it takes two to swap");
        problems.at(key, message);
    }
    if let Some(region) = swaps.region {
        let name = region.name();
        if swaps.ensemble != SwapEnsemble::Canonical {
            let message = format!(
                "`region` is for pairs of atoms, and `{}` changes one at a time: leave this key out",
                swaps.ensemble.name()
            );
            problems.at(&at("region"), message);
        } else if stage.particles == Arrangement::Apart && region != SwapRegion::WithinParticles {
            problems.at(
                &at("region"),
                format!(
                    "`{name}` exchanges atoms of several particles, which are apart: write \
                     `within-particles`"
                ),
            );
        }
    }
    match (swaps.bond_angstrom, swaps.region == Some(SwapRegion::WithinClusters)) {
        (None, true) => problems.at(
            &at("region"),
            "`within-clusters` needs `bond_angstrom`: how near atoms are that hang together",
        ),
        (Some(_), false) => problems.at(
            &at("bond_angstrom"),
            "`bond_angstrom` is for `region = \"within-clusters\"`: write that, or leave it out",
        ),
        _ => {}
    }
    open(config, swaps, key, problems);
}

/// The keys of the ensembles in which the composition changes.
fn open(config: &Config, swaps: &SwapsConfig, key: &str, problems: &mut Problems) {
    let at = |name: &str| format!("{key}.{name}");
    let ensemble = swaps.ensemble;
    let mut needs = |name: &str, given: bool, wanted: bool| match (given, wanted) {
        (false, true) => {
            problems.at(&at(name), format!("the ensemble `{}` needs `{name}`", ensemble.name()));
        }
        (true, false) => problems.at(
            &at(name),
            format!("`{name}` has no meaning in the ensemble `{}`", ensemble.name()),
        ),
        _ => {}
    };
    let constrained = ensemble == SwapEnsemble::VarianceConstrained;
    needs("constraint_ev", swaps.constraint_ev.is_some(), constrained);
    needs("composition", !swaps.composition.is_empty(), constrained);
    let potentials = !swaps.chemical_potential_ev.is_empty();
    match ensemble {
        SwapEnsemble::Canonical => needs("chemical_potential_ev", potentials, false),
        SwapEnsemble::SemiGrand => needs("chemical_potential_ev", potentials, true),
        SwapEnsemble::VarianceConstrained => {}
    }
    let symbols = swaps.symbols(config);
    for (name, map) in [
        ("chemical_potential_ev", &swaps.chemical_potential_ev),
        ("composition", &swaps.composition),
    ] {
        for symbol in map.keys().filter(|symbol| !symbols.contains(&symbol.as_str())) {
            let place = at(&format!("{name}.{symbol}"));
            match config.symbols().contains(&symbol.as_str()) {
                true => problems
                    .at(&place, format!("{symbol} is not among the `species` of these swaps")),
                false => known_element(config, symbol, &place, problems),
            }
        }
        if let Some(missing) = symbols.iter().find(|symbol| !map.contains_key(**symbol))
            && !map.is_empty()
        {
            problems.at(
                &at(name),
                format!("{missing} is missing: `{name}` is of all elements that are exchanged"),
            );
        }
    }
    if !swaps.composition.is_empty() {
        fractions(config, &swaps.composition, &at("composition"), problems);
    }
}
