//! Whole steps of a run, timed by the run's own clock: nanoseconds per atom and step
//! in each phase. `cargo bench --bench step`.

mod hot;

use hot::{Run, Sizes};
use sinter_hpc::clock::Phase;
use sinter_hpc::comm::Comm;
use std::time::Instant;

fn main() {
    let sizes = Sizes::read();
    let comm = Comm::single();
    for &atoms in &sizes.atoms {
        let config = hot::config(atoms, &sizes);
        let potential = hot::potential(&config);
        let mut run = Run::new(&config, &sizes, &comm, &potential);
        let before = run.engine.clock().seconds();
        let rebuilds = run.engine.statistics().rebuilds;
        let began = Instant::now();
        run.steps(sizes.timed_steps);
        let elapsed = began.elapsed().as_secs_f64();
        let after = run.engine.clock().seconds();
        let statistics = run.engine.statistics();
        let rebuilds = statistics.rebuilds - rebuilds;
        let per = 1e9 / (statistics.atoms * sizes.timed_steps) as f64;
        println!(
            "{} atoms, {} neighbours each, {rebuilds} rebuilds in {} steps",
            statistics.atoms,
            statistics.neighbours / statistics.atoms,
            sizes.timed_steps
        );
        for (phase, (after, before)) in Phase::ALL.iter().zip(after.iter().zip(before)) {
            println!("{:>12} {:8.1} ns", phase.name(), (after - before) * per);
        }
        println!("{:>12} {:8.1} ns per atom and step", "all", elapsed * per);
    }
}
