//! Which attempts are made: groups of sites that do not touch, drawn by id over the whole system.

use super::near::Near;
use super::{Ensemble, Key, Settings};
use crate::atoms::Atoms;
use crate::comm::Comm;
use crate::dynamics::View;
use crate::geometry::Vec3;
use crate::input::config::SwapRegion;
use crate::random::{Purpose, Stream};
use rayon::prelude::*;
use std::collections::HashMap;

/// Numbers of the streams of random numbers that are for no draw.
const BEYOND_DRAWS: u64 = 1 << 39;

/// Sites whose surroundings are counted.
const SAMPLE: u64 = 16;

/// A group stays short when so many possible attempts, one after another, touched others.
const PATIENCE: f64 = 256.0;

/// The least number of atoms that are not of the most frequent kind, for each attempt of a group: with fewer
/// most draws would touch.
const LEAST_MINORITY: i64 = 8;

/// Most draws that are looked at together.
const MOST_DRAWS: u64 = 1 << 16;

/// An atom that a draw has hit; the same on every rank.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Site {
    pub id: u64,
    pub species: u8,
    /// Its particle, or its cluster where that counts.
    pub part: u32,
    /// Å
    pub position: Vec3,
}

/// A site and what it becomes.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Change {
    pub site: Site,
    pub to: u8,
}

/// One site that becomes another species, or two that exchange theirs.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Attempt {
    pub first: Change,
    pub second: Option<Change>,
    /// In [0, 1): decides where the energy rises.
    pub uniform: f64,
}

impl Attempt {
    pub fn changes(&self) -> impl Iterator<Item = &Change> {
        std::iter::once(&self.first).chain(&self.second)
    }

    /// Whether two of one species would exchange it.
    pub fn is_idle(&self) -> bool {
        self.first.to == self.first.site.species
    }
}

/// What atoms may be exchanged within, or between.
enum Parts {
    Particles,
    /// Of each owned atom the number of its cluster, by rising names.
    Clusters(Vec<u32>),
}

impl Parts {
    /// Collective.
    fn numbered(names: Vec<u64>, comm: &Comm) -> Parts {
        let mut all: Vec<u64> = names.clone();
        let one_of_each = |names: &mut Vec<u64>| {
            names.sort_unstable();
            names.dedup();
        };
        one_of_each(&mut all);
        let mut all = comm.all_gather(&all).concat();
        one_of_each(&mut all);
        let number = |name: &u64| all.binary_search(name).expect("one of them") as u32;
        Parts::Clusters(names.iter().map(number).collect())
    }

    fn of(&self, atoms: &Atoms, i: usize) -> u32 {
        match self {
            Parts::Particles => atoms.particle[i],
            Parts::Clusters(of) => of[i],
        }
    }
}

/// What draws need to know of a system whose atoms stay where they are.
pub struct Draws<'a> {
    settings: &'a Settings,
    key: Key,
    /// Å: sites nearer to one another touch.
    touching: f64,
    /// Atoms over all ranks: ids are below.
    atoms: u64,
    /// Owned atoms that may take part.
    here: HashMap<u64, u32>,
    parts: Parts,
    /// First and last id of each part.
    ids: Vec<[u64; 2]>,
    /// Of atoms that take part: by part and species, when the round began.
    began: Vec<Vec<i64>>,
    /// The same by species, as things stand.
    pub counts: Vec<i64>,
    /// The next draw.
    next: u64,
}

impl<'a> Draws<'a> {
    /// `reach`: of energies, Å; `clusters`: of each owned atom the name of its cluster, where they count. Collective.
    pub fn new(
        settings: &'a Settings,
        (view, reach): (&View, f64),
        clusters: Option<Vec<u64>>,
        key: Key,
    ) -> Draws<'a> {
        let View { atoms, comm, .. } = *view;
        let owned = 0..atoms.owned;
        let here: HashMap<u64, u32> = owned
            .clone()
            .filter(|&i| settings.takes_part(atoms, i))
            .map(|i| (atoms.id[i], i as u32))
            .collect();
        let parts = match clusters {
            None => Parts::Particles,
            Some(names) => Parts::numbered(names, comm),
        };
        let last = owned.clone().map(|i| parts.of(atoms, i)).max().unwrap_or(0);
        let count = comm.max_u64(last as u64) as usize + 1;
        // Greatest of the negative first and of the last; one without atoms has neither.
        let mut ids = vec![[-i64::MAX; 2]; count];
        for i in owned {
            let ([first, last], id) = (&mut ids[parts.of(atoms, i) as usize], atoms.id[i] as i64);
            (*first, *last) = ((*first).max(-id), (*last).max(id));
        }
        comm.max_i64(ids.as_flattened_mut());
        let kinds = settings.exchanged.len();
        let mut began = vec![0i64; count * kinds];
        for &i in here.values() {
            let i = i as usize;
            began[parts.of(atoms, i) as usize * kinds + atoms.species[i] as usize] += 1;
        }
        comm.sum_i64(&mut began);
        let began: Vec<Vec<i64>> = began.chunks(kinds).map(<[i64]>::to_vec).collect();
        Draws {
            settings,
            key,
            touching: 2.0 * reach,
            atoms: comm.sum(atoms.owned as i64) as u64,
            here,
            parts,
            ids: ids.into_iter().map(|[first, last]| [-first as u64, last.max(0) as u64]).collect(),
            counts: (0..kinds).map(|s| began.iter().map(|of| of[s]).sum()).collect(),
            began,
            next: 0,
        }
    }

    /// Where an atom that takes part is among the owned ones of this rank.
    pub fn place(&self, id: u64) -> Option<usize> {
        self.here.get(&id).map(|&i| i as usize)
    }

    /// Takes account of an attempt that is accepted.
    pub fn count(&mut self, attempt: &Attempt) {
        for change in attempt.changes() {
            self.counts[change.site.species as usize] -= 1;
            self.counts[change.to as usize] += 1;
        }
    }

    /// Whether any attempt would change something.
    pub fn are_idle(&self) -> bool {
        let within = || self.began.iter().map(|counts| unlike(counts));
        match &self.settings.ensemble {
            Ensemble::Open { .. } => self.counts.iter().all(|&n| n == 0),
            Ensemble::Canonical(SwapRegion::Anywhere) => unlike(&self.counts) == 0.0,
            Ensemble::Canonical(SwapRegion::WithinParticles | SwapRegion::WithinClusters) => {
                within().all(|pairs| pairs == 0.0)
            }
            Ensemble::Canonical(SwapRegion::BetweenParticles) => {
                unlike(&self.counts) == within().sum::<f64>()
            }
        }
    }

    /// The part of all draws that are attempts: the same through a round.
    fn share(&self) -> f64 {
        let atoms = self.atoms as f64;
        let sum = |counts: &[i64]| counts.iter().sum::<i64>() as f64;
        let within = |(counts, [first, last]): (&Vec<i64>, &[u64; 2])| {
            unlike(counts) / (last.saturating_sub(*first) + 1) as f64
        };
        match &self.settings.ensemble {
            Ensemble::Open { .. } => sum(&self.counts) / atoms,
            Ensemble::Canonical(SwapRegion::Anywhere) => unlike(&self.counts) / (atoms * atoms),
            Ensemble::Canonical(SwapRegion::WithinParticles | SwapRegion::WithinClusters) => {
                self.began.iter().zip(&self.ids).map(within).sum::<f64>() / atoms
            }
            Ensemble::Canonical(SwapRegion::BetweenParticles) => {
                let same: f64 = self.began.iter().map(|counts| sum(counts).powi(2)).sum();
                (sum(&self.counts).powi(2) - same) / (atoms * atoms)
            }
        }
    }

    /// How many attempts are made together, group by group: from what the moves of the round leave
    /// as it is. Collective.
    pub fn groups(&self, view: &View) -> Vec<u64> {
        let wanted = self.settings.attempts;
        if self.are_idle() {
            return Vec::new();
        }
        let all: i64 = self.counts.iter().sum();
        let minority =
            |counts: &[i64]| counts.iter().sum::<i64>() - counts.iter().max().copied().unwrap_or(0);
        // Sites of an attempt, and how many atoms can be one of them at most.
        let (sites, scarce) = match &self.settings.ensemble {
            Ensemble::Open { .. } => (1.0, all),
            Ensemble::Canonical(SwapRegion::Anywhere) => (2.0, minority(&self.counts)),
            Ensemble::Canonical(SwapRegion::WithinParticles | SwapRegion::WithinClusters) => {
                (2.0, self.began.iter().map(|counts| minority(counts)).sum())
            }
            Ensemble::Canonical(SwapRegion::BetweenParticles) => {
                (2.0, minority(&self.began.iter().map(|of| of.iter().sum()).collect::<Vec<_>>()))
            }
        };
        let apart = all as f64 / (sites * self.crowd(view));
        let most = (apart as u64).min((scarce / LEAST_MINORITY) as u64).max(1);
        let groups = wanted.div_ceil(most);
        // As equal as can be.
        (0..groups).map(|g| wanted * (g + 1) / groups - wanted * g / groups).collect()
    }

    /// How many atoms are so near to a site that an attempt there touches it: the mean of some sites.
    fn crowd(&self, view: &View) -> f64 {
        let Key { seed, step } = self.key;
        let drawn: Vec<u64> = (0..SAMPLE)
            .map(|n| Stream::new(seed, Purpose::Swaps, step, BEYOND_DRAWS + n).below(self.atoms))
            .collect();
        let sites: Vec<Site> = self.look_up(view, &drawn).into_iter().flatten().collect();
        if sites.is_empty() {
            return self.atoms as f64;
        }
        let (atoms, cell, touching) = (view.atoms, view.cell, self.touching);
        let near = (0..atoms.owned).into_par_iter().with_min_len(1024).map(|i| {
            let [x, y, z, _] = atoms.position[i];
            let is_near = |s: &&Site| cell.distance(&s.position, &[x, y, z]) <= touching;
            sites.iter().filter(is_near).count() as i64
        });
        view.comm.sum(near.sum()) as f64 / sites.len() as f64
    }

    /// The next group of attempts, fewer than wanted where there is no room for so many. Collective.
    pub fn choose(&mut self, view: &View, wanted: u64) -> Vec<Attempt> {
        let touching = self.touching;
        let mut near = Near::new(view.cell, touching);
        let mut chosen: Vec<Attempt> = Vec::new();
        let (share, mut in_vain) = (self.share(), 0u64);
        let patience = (PATIENCE / share).ceil() as u64;
        while (chosen.len() as u64) < wanted && in_vain < patience {
            let missing = wanted - chosen.len() as u64;
            let draws = ((1.5 * missing as f64 / share) as u64).clamp(64, MOST_DRAWS);
            for attempt in self.draw(view, draws) {
                self.next += 1;
                let touches = |a: &Attempt| {
                    a.changes().any(|change| near.find(&change.site.position, touching).is_some())
                };
                match attempt.filter(|attempt| !touches(attempt)) {
                    Some(attempt) => {
                        attempt.changes().for_each(|change| near.insert(change.site.position, 0));
                        chosen.push(attempt);
                        in_vain = 0;
                    }
                    None => in_vain += 1,
                }
                if chosen.len() as u64 == wanted || in_vain == patience {
                    break;
                }
            }
        }
        chosen
    }

    /// The attempts that the next draws are, none where a draw is nothing that could be tried.
    fn draw(&self, view: &View, count: u64) -> Vec<Option<Attempt>> {
        let Key { seed, step } = self.key;
        let stream = |n| Stream::new(seed, Purpose::Swaps, step, self.next + n);
        let mut streams: Vec<Stream> = (0..count).map(stream).collect();
        let ids: Vec<u64> = streams.iter_mut().map(|random| random.below(self.atoms)).collect();
        let first = self.look_up(view, &ids);
        let Ensemble::Canonical(region) = self.settings.ensemble else {
            let draws = first.into_iter().zip(&mut streams);
            return draws.map(|(site, random)| self.transmutation(site?, random)).collect();
        };
        let range = |site: &Option<Site>| match (region, site) {
            (SwapRegion::WithinParticles | SwapRegion::WithinClusters, Some(site)) => {
                self.ids[site.part as usize]
            }
            _ => [0, self.atoms - 1],
        };
        let partner = |(site, random): (&Option<Site>, &mut Stream)| {
            let [low, high] = range(site);
            low + random.below(high - low + 1)
        };
        let ids: Vec<u64> = first.iter().zip(&mut streams).map(partner).collect();
        let second = self.look_up(view, &ids);
        let draws = first.into_iter().zip(second).zip(streams);
        draws.map(|((one, other), random)| exchange(region, one?, other?, random)).collect()
    }

    /// One of the other species, each as likely.
    fn transmutation(&self, site: Site, random: &mut Stream) -> Option<Attempt> {
        let others: Vec<u8> = (0..self.settings.exchanged.len() as u8)
            .filter(|&s| self.settings.exchanged[s as usize] && s != site.species)
            .collect();
        let to = others[random.below(others.len() as u64) as usize];
        Some(Attempt { first: Change { site, to }, second: None, uniform: random.uniform() })
    }

    /// The atoms with these ids that take part. Collective.
    fn look_up(&self, view: &View, ids: &[u64]) -> Vec<Option<Site>> {
        const WORDS: usize = 5;
        let atoms = view.atoms;
        let mut words = vec![0i64; WORDS * ids.len()];
        for (id, words) in ids.iter().zip(words.chunks_exact_mut(WORDS)) {
            if let Some(i) = self.place(*id) {
                // Never 0, which stands for none.
                words[0] = atoms.species[i] as i64 + 1;
                words[1] = self.parts.of(atoms, i) as i64;
                (0..3).for_each(|d| words[2 + d] = atoms.position[i][d].to_bits() as i64);
            }
        }
        view.comm.sum_i64(&mut words);
        let site = |(id, words): (&u64, &[i64])| {
            (words[0] > 0).then(|| Site {
                id: *id,
                species: (words[0] - 1) as u8,
                part: words[1] as u32,
                position: std::array::from_fn(|d| f64::from_bits(words[2 + d] as u64)),
            })
        };
        ids.iter().zip(words.chunks_exact(WORDS)).map(site).collect()
    }
}

/// Ordered pairs of unlike species.
fn unlike(counts: &[i64]) -> f64 {
    let all = counts.iter().sum::<i64>() as f64;
    counts.iter().map(|&n| n as f64 * (all - n as f64)).sum()
}

/// The exchange of two atoms, if they may. Between particles like pairs count, which change nothing: how
/// many pairs are unlike is not the same before and after there.
fn exchange(region: SwapRegion, one: Site, other: Site, mut random: Stream) -> Option<Attempt> {
    let (alike, same) = (one.species == other.species, one.part == other.part);
    let is_possible = match region {
        SwapRegion::Anywhere => !alike,
        SwapRegion::WithinParticles | SwapRegion::WithinClusters => !alike && same,
        SwapRegion::BetweenParticles => !same,
    };
    is_possible.then(|| Attempt {
        first: Change { site: one, to: other.species },
        second: Some(Change { site: other, to: one.species }),
        uniform: random.uniform(),
    })
}
