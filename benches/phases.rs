//! The phases of a step one by one, on the hot particles of `sizes.toml`; the throughput
//! that criterion prints is in atoms per second. `cargo bench --bench phases`

mod hot;

use criterion::measurement::WallTime;
use criterion::{BenchmarkGroup, Criterion, Throughput};
use hot::{Run, Sizes};
use sinter_hpc::atoms::Atoms;
use sinter_hpc::comm::Comm;
use sinter_hpc::exchange::share_ghosts;
use sinter_hpc::force::System;
use sinter_hpc::geometry::{Cell, Vec3};
use sinter_hpc::neighbour::{Kept, Neighbours, Rows};
use sinter_hpc::potential::ForceField;
use sinter_hpc::potential::{Environment, Potential, Shared, Sums};
use sinter_hpc::sweep::{RingBuffer, Tile};
use std::time::{Duration, Instant};

fn main() {
    hot::start_threads();
    let sizes = Sizes::read();
    let comm = Comm::single();
    let mut criterion = Criterion::default()
        .sample_size(10)
        .warm_up_time(Duration::from_millis(500))
        .measurement_time(Duration::from_secs(2))
        .configure_from_args();
    for &size in &sizes.atoms {
        let config = hot::config(size, &sizes);
        let potential = hot::potential(&config);
        let run = Run::new(&config, &sizes, &comm, &potential);
        let atoms = run.engine.atoms().clone();
        let mut group = criterion.benchmark_group(format!("{} atoms", atoms.owned));
        group.throughput(Throughput::Elements(atoms.owned as u64));
        let reach = potential.range() + sizes.skin_angstrom;
        neighbours(&mut group, &atoms, reach);
        phases(&mut group, &atoms, &potential, reach);
        exchange(&mut group, &comm, &atoms, (potential.words(), reach));
        group.finish();
    }
    criterion.final_summary();
}

type Group<'a> = BenchmarkGroup<'a, WallTime>;

/// A rebuild without its messages: rows, the atoms into their order, the list.
fn neighbours(group: &mut Group, atoms: &Atoms, reach: f64) {
    let (mut atoms, mut list) = (atoms.clone(), Neighbours::default());
    group.bench_function("list", |bencher| bencher.iter(|| build(&mut list, &mut atoms, reach)));
}

fn build(list: &mut Neighbours, atoms: &mut Atoms, reach: f64) -> (Rows, Vec<u32>) {
    let rows = Rows::around(&atoms.position, reach);
    let first = rows.sort_owned(atoms);
    // Whole lists do not care how much of it is skin.
    list.build((&rows, &first), atoms, [reach, 0.0], Kept::All);
    (rows, first)
}

/// The three phases of the potential, each over all atoms at once on one thread; the first is
/// screening and densities in one.
fn phases(group: &mut Group, atoms: &Atoms, potential: &ForceField, reach: f64) {
    let (mut atoms, mut list) = (atoms.clone(), Neighbours::default());
    build(&mut list, &mut atoms, reach);
    let Atoms { owned, id, species, position, force, quantum, .. } = &mut atoms;
    let (owned, quantum) = (*owned, *quantum);
    let env = Environment { owned, position, species, id, neighbours: &list, quantum };
    let (mut prepared, mut records) = Default::default();
    let tile = Tile { atoms: 0..owned, ..Tile::default() };
    let count = potential.words();
    let mut sums = vec![0; owned * count];
    for (name, is_new) in [("density", true), ("density, pairs known", false)] {
        group.bench_function(name, |bencher| {
            bencher.iter(|| {
                sums.fill(0);
                if is_new {
                    prepared = Default::default();
                }
                potential.prepare(env, 0..owned, &mut prepared);
                let sums = Sums::new(&mut sums, count, RingBuffer::default());
                // SAFETY: the list is of these atoms, and this is the only thread.
                unsafe { potential.densities(env, &prepared, &tile, &mut records, &sums) }.unwrap();
            });
        });
    }
    let mut words = sums.clone();
    group.bench_function("embedding", |bencher| {
        bencher.iter(|| {
            words.copy_from_slice(&sums);
            potential.embed(env, 0..owned, &mut words, &mut force[..owned]).unwrap();
        });
    });
    let adjoints = Sums::new(&mut words, count, RingBuffer::default());
    group.bench_function("force", |bencher| {
        bencher.iter_custom(|times| {
            let mut elapsed = Duration::ZERO;
            for _ in 0..times {
                // Each wants records of its own.
                let mut sums = vec![0; owned * count];
                let sums = Sums::new(&mut sums, count, RingBuffer::default());
                // SAFETY: as above.
                unsafe { potential.densities(env, &prepared, &tile, &mut records, &sums) }.unwrap();
                force.fill([0; 4]);
                let force = Shared::new(&mut force[..]);
                let began = Instant::now();
                // SAFETY: as above.
                unsafe { potential.forces(env, &prepared, &tile, &mut records, &adjoints, &force) }
                    .unwrap();
                elapsed += began.elapsed();
            }
            elapsed
        });
    });
}

/// All that one step sends, in a box with periodic boundaries close around the atoms: the
/// rank is its own neighbour, so this is packing and unpacking without the wires. Per
/// ghost, since owned atoms inside do not take part.
fn exchange(group: &mut Group, comm: &Comm, atoms: &Atoms, (stride, reach): (usize, f64)) {
    let mut atoms = atoms.clone();
    let bounds = |pick: fn(f64, f64) -> f64| -> Vec3 {
        std::array::from_fn(|d| atoms.position.iter().map(|p| p[d]).reduce(pick).unwrap())
    };
    let (low, high) = (bounds(f64::min), bounds(f64::max));
    let length = std::array::from_fn(|d| high[d] - low[d] + 1.0);
    let cell = Cell::new(low, length, [true; 3]);
    let mut routes = share_ghosts(comm, &cell, reach, &mut atoms);
    let ghosts = atoms.len() - atoms.owned;
    let mut words = vec![0; atoms.len() * stride];
    group.throughput(Throughput::Elements(ghosts as u64));
    group.bench_function("exchange, per ghost", |bencher| {
        bencher.iter(|| {
            routes.refresh_positions(comm, &mut atoms.position);
            routes.gather(comm, &mut words, stride);
            routes.refresh(comm, &mut words, stride);
            routes.gather(comm, atoms.force.as_flattened_mut(), 4);
        });
    });
}
