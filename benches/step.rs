//! Whole steps of a run, timed by the run's own clock: nanoseconds per atom and step
//! in each phase, of the rank that took longest. `cargo bench --bench step`; under mpirun
//! the same program runs on several ranks.

mod hot;

use hot::{Run, Sizes};
use sinter_hpc::clock::Phase;
use sinter_hpc::comm::Comm;
use std::time::Instant;

fn main() {
    hot::start_threads();
    let sizes = Sizes::read();
    let comm = Comm::world_if_launched().unwrap_or_else(|error| panic!("{error}"));
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
        let per = 1e9 / (statistics.atoms * sizes.timed_steps) as f64 * comm.size() as f64;
        let mut times: Vec<f64> = after.iter().zip(before).map(|(a, b)| (a - b) * per).collect();
        times.push(elapsed * per);
        comm.max_f64(&mut times);
        if comm.is_root() {
            println!(
                "{} atoms on {} ranks, {} neighbours each, {rebuilds} rebuilds in {} steps",
                statistics.atoms,
                comm.size(),
                statistics.neighbours / statistics.atoms,
                sizes.timed_steps
            );
            let names = Phase::ALL.iter().map(|phase| phase.name()).chain(["all"]);
            for (name, time) in names.zip(times) {
                println!("{name:>12} {time:8.1} ns per atom of a rank and step");
            }
        }
    }
}
