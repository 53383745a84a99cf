//! Tests that take several ranks: each group of bodies runs on 1, 2, 3 and 8 of
//! them. In a build with MPI the ranks are processes under mpirun, and without
//! mpirun the tests fail; in a build without MPI they are threads.
//!
//! MPI wants the main thread, which the usual test harness keeps to itself. So
//! this program is its own harness: it starts itself once more under mpirun.

mod communication;
mod decomposition;
mod files;
#[cfg(feature = "mpi")]
#[path = "../support/mod.rs"]
mod support;
mod trajectories;

use libtest_mimic::{Arguments, Failed, Trial};
use sinter_hpc::comm::Comm;
use std::process::ExitCode;

/// Called on every rank; it fails by a panic on any of them.
type Body = fn(&Comm);

const GROUPS: [(&str, &[(&str, Body)]); 4] = [
    ("communication", communication::BODIES),
    ("decomposition", decomposition::BODIES),
    ("files", files::BODIES),
    ("trajectories", trajectories::BODIES),
];

const RANKS: [usize; 4] = [1, 2, 3, 8];

fn main() -> ExitCode {
    #[cfg(feature = "mpi")]
    if let Some(("--as-rank", group)) = processes::order().as_ref().map(|(a, b)| (&**a, &**b)) {
        return processes::serve(group);
    }
    let mut arguments = Arguments::from_args();
    // One launch at a time: eight ranks are more than enough for a few cores.
    arguments.test_threads = Some(1);
    let mut trials = Vec::new();
    for (group, bodies) in GROUPS {
        for ranks in RANKS {
            if cfg!(not(feature = "mpi")) && group == "files" && ranks > 1 {
                continue; // files of several ranks are MPI's
            }
            let name = format!("{group}::on_{ranks}_ranks");
            trials.push(Trial::test(name, move || launch(group, bodies, ranks)));
        }
    }
    #[cfg(feature = "mpi")]
    trials.extend(processes::trials());
    libtest_mimic::run(&arguments, trials).exit_code()
}

#[cfg(feature = "mpi")]
fn launch(group: &str, _: &[(&str, Body)], ranks: usize) -> Result<(), Failed> {
    processes::launch(group, ranks)
}

#[cfg(not(feature = "mpi"))]
fn launch(_: &str, bodies: &'static [(&'static str, Body)], ranks: usize) -> Result<(), Failed> {
    for (name, body) in bodies {
        println!("{name} on {ranks} ranks");
        sinter_hpc::comm::threads::run(ranks, body);
    }
    Ok(())
}

/// Ranks as processes under mpirun.
#[cfg(feature = "mpi")]
mod processes {
    use super::{GROUPS, support};
    use libtest_mimic::{Failed, Trial};
    use sinter_hpc::comm::{Comm, abort_on_panic};
    use std::path::Path;
    use std::process::{Command, ExitCode, Output};

    const PROGRAM: &str = env!("CARGO_BIN_EXE_sinter-hpc");

    /// The bodies that are there to fail.
    const PANIC: &str = "panic";

    /// The first two arguments, if there are two.
    pub fn order() -> Option<(String, String)> {
        let mut arguments = std::env::args().skip(1);
        Some((arguments.next()?, arguments.next()?))
    }

    /// One rank of a launch.
    pub fn serve(group: &str) -> ExitCode {
        let comm = match Comm::world() {
            Ok(comm) => comm,
            Err(error) => {
                eprintln!("{error}");
                return ExitCode::FAILURE;
            }
        };
        abort_on_panic(&comm);
        if group == PANIC {
            panic_on_a_worker(&comm);
        }
        let bodies = GROUPS.iter().find(|(name, _)| *name == group).expect("a known group").1;
        for (name, body) in bodies {
            if comm.is_root() {
                eprintln!("{name} on {} ranks", comm.size());
            }
            body(&comm);
            comm.barrier();
        }
        if comm.is_root() {
            println!("all {} bodies done on {} ranks", bodies.len(), comm.size());
        }
        ExitCode::SUCCESS
    }

    fn run(group: &str, ranks: usize) -> Result<(Output, String), Failed> {
        let itself = std::env::current_exe()?;
        let mut command = support::mpirun(ranks, &itself);
        let output = command
            .args(["--as-rank", group])
            .output()
            .map_err(|e| format!("{:?} does not start: {e}", command.get_program()))?;
        let text = [&output.stdout[..], &output.stderr[..]].map(String::from_utf8_lossy).concat();
        Ok((output, text))
    }

    pub fn launch(group: &str, ranks: usize) -> Result<(), Failed> {
        let (output, text) = run(group, ranks)?;
        // The last line proves that it ran, and on so many ranks.
        let done = text.contains(&format!("bodies done on {ranks} ranks"));
        if output.status.success() && done {
            return Ok(());
        }
        Err(format!("{}\n{text}", output.status).into())
    }

    pub fn trials() -> Vec<Trial> {
        vec![
            Trial::test("a_panic_on_one_rank_ends_all", || {
                let (output, text) = run(PANIC, 3)?;
                expect(output.status.code() == Some(1) && text.contains("rank 2 of 3"), &text)
            }),
            Trial::test("bad_input_is_told_once_with_its_exit_code", || {
                let mut command = support::mpirun(3, Path::new(PROGRAM));
                let output = command.arg("no-such-input.toml").output()?;
                let text = String::from_utf8_lossy(&output.stderr);
                let told = text.matches("no-such-input.toml: there is no such file").count();
                expect(output.status.code() == Some(2) && told == 1, &text)
            }),
            Trial::test("the_launcher_of_another_library_is_refused", || {
                let mut command = Command::new(PROGRAM);
                let output = command.arg("no-such-input.toml").env("PMI_SIZE", "3").output()?;
                let text = String::from_utf8_lossy(&output.stderr);
                let told = text
                    .starts_with("error: 3 processes were started, but each finds itself alone");
                expect(output.status.code() == Some(2) && told, &text)
            }),
        ]
    }

    fn expect(fulfilled: bool, text: &str) -> Result<(), Failed> {
        if fulfilled { Ok(()) } else { Err(text.into()) }
    }

    /// One worker thread of the last rank dies while the other ranks wait for it.
    fn panic_on_a_worker(comm: &Comm) {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(2).build().expect("two threads");
        if comm.rank() + 1 == comm.size() {
            pool.install(|| rayon::join(|| (), || panic!("as ordered")));
        }
        comm.barrier();
    }
}
