//! What a checkpoint costs against the disk itself: the same bytes, written one after
//! the other by one process and brought to the disk, and read back. In turn, in one
//! run; the medians count.
//!
//! ```text
//! cargo bench --bench checkpoint [-- ATOMS [RANKS]]       10 million atoms on 2 ranks
//! ```
//!
//! A checkpoint sorts by id over the ranks, writes, synchronises, reads back, verifies and
//! seals; reading verifies the seal and every array. Files are dropped from the memory of
//! the system before they are read. On a loaded machine the ranks wait for each other as
//! often as for the disk: there, compare only with a quiet one.

#[path = "../tests/support/mod.rs"]
mod support;

use sinter_hpc::atoms::{Atom, Atoms, Species};
use sinter_hpc::comm::{Comm, abort_on_panic};
use sinter_hpc::geometry::Cell;
use sinter_hpc::run::threads;
use sinter_hpc::write::Provenance;
use sinter_hpc::write::checkpoint::{Checkpoint, read_checkpoint, write_checkpoint};
use std::fs::{self, File};
use std::io::{Read, Write};
use std::path::Path;
use std::process::{Command, ExitCode};
use std::time::Instant;

const ATOMS: u64 = 10_000_000;
const RANKS: usize = 2;
const ROUNDS: usize = 3;

/// Seconds between checkpoints of a run (`every_minutes`).
const BETWEEN: f64 = 600.0;

fn main() -> ExitCode {
    let mut arguments = std::env::args().skip(1).filter(|argument| argument != "--bench");
    let first = arguments.next();
    if first.as_deref() == Some("--as-rank") {
        return measure(arguments.next().and_then(|n| n.parse().ok()).unwrap_or(ATOMS));
    }
    let ranks = arguments.next().and_then(|n| n.parse().ok()).unwrap_or(RANKS);
    let atoms = first.unwrap_or_else(|| ATOMS.to_string());
    let itself = std::env::current_exe().expect("a program knows itself");
    let ended = support::mpirun(ranks, &itself).args(["--as-rank", &atoms]).status();
    match ended {
        Ok(status) if status.success() => ExitCode::SUCCESS,
        other => {
            eprintln!("the ranks did not end well: {other:?}");
            ExitCode::FAILURE
        }
    }
}

/// Seconds of each round.
#[derive(Default)]
struct Times {
    raw_write: Vec<f64>,
    write: Vec<f64>,
    raw_read: Vec<f64>,
    read: Vec<f64>,
}

fn measure(atoms: u64) -> ExitCode {
    let comm = Comm::world().expect("MPI starts");
    abort_on_panic(&comm);
    threads::start(&comm, None).expect("threads start");
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("checkpoint-bench");
    if comm.is_root() {
        fs::create_dir_all(&folder).expect("the folder can be made");
    }
    comm.barrier();
    let raw = folder.join("raw");
    let mine = share(&comm, atoms);
    let header = checkpoint(atoms);
    let mut times = Times::default();
    let mut bytes = 0;
    for _ in 0..ROUNDS {
        let began = Instant::now();
        let path = write_checkpoint(&folder, &comm, &header, &mine, 2).expect("it is written");
        times.write.push(began.elapsed().as_secs_f64());
        if comm.is_root() {
            let content = fs::read(&path).expect("it is there");
            bytes = content.len();
            times.raw_write.push(seconds(|| {
                let mut file = File::create(&raw).expect("it can be made");
                file.write_all(&content).and_then(|()| file.sync_all()).expect("there is room");
            }));
            drop(content);
            forget(&raw);
            times.raw_read.push(seconds(|| {
                let mut file = File::open(&raw).expect("it is there");
                let mut buffer = vec![0; 1 << 20];
                while file.read(&mut buffer).expect("it can be read") > 0 {}
            }));
            forget(&path);
        }
        comm.barrier();
        let began = Instant::now();
        let (_, read) = read_checkpoint(&path, &comm).expect("it is sound");
        times.read.push(began.elapsed().as_secs_f64());
        assert_eq!(comm.sum(read.owned as i64), atoms as i64);
        if comm.is_root() {
            fs::remove_file(&raw).and_then(|()| fs::remove_file(&path)).expect("both are there");
        }
        comm.barrier();
    }
    if comm.is_root() {
        report(atoms, comm.size(), bytes, times);
    }
    ExitCode::SUCCESS
}

fn report(atoms: u64, ranks: usize, bytes: usize, times: Times) {
    let Times { raw_write, write, raw_read, read } = times;
    println!("checkpoint of {atoms} atoms on {ranks} ranks, {:.1} MB", bytes as f64 * 1e-6);
    let cost = median(write.clone());
    for (what, raw, own) in [("write", raw_write, write), ("read", raw_read, read)] {
        let (raw, own) = (median(raw), median(own));
        let rate = |seconds: f64| bytes as f64 * 1e-6 / seconds;
        println!(
            "{what:<6} disk alone {raw:>7.2} s {:>7.0} MB/s   checkpoint {own:>7.2} s {:>7.0} MB/s   {:>4.0} %",
            rate(raw),
            rate(own),
            100.0 * raw / own
        );
    }
    println!("one every 10 minutes costs {:.2} % of the time", 100.0 * cost / BETWEEN);
}

fn seconds(task: impl FnOnce()) -> f64 {
    let began = Instant::now();
    task();
    began.elapsed().as_secs_f64()
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}

/// Lets the system drop what it remembers of a file.
fn forget(path: &Path) {
    let mut file = std::ffi::OsString::from("if=");
    file.push(path);
    let options = ["iflag=nocache", "count=0", "status=none"];
    let done = Command::new("dd").arg(file).args(options).status();
    assert!(done.is_ok_and(|status| status.success()), "dd of GNU coreutils");
}

/// The atoms of this rank, in memory as in a run: sorted by cells of a few Å, while ids
/// follow the lattice that they were built on. Neighbours in id are on different ranks, so
/// all but one in `ranks` of them travel.
fn share(comm: &Comm, atoms: u64) -> Atoms {
    let (rank, ranks) = (comm.rank() as u64, comm.size() as u64);
    let edge = (atoms as f64).cbrt().ceil() as u64;
    let cell = |id: &u64| [id / (edge * edge), id / edge % edge, id % edge].map(|site| site / 3);
    let mut ids: Vec<u64> = (0..atoms).filter(|id| (id * 31 / 7) % ranks == rank).collect();
    ids.sort_by_key(cell);
    let list: Vec<Atom> = ids
        .into_iter()
        .map(|id| Atom {
            id,
            position: [0.01, 0.02, 0.03].map(|x| x * (id % 9973) as f64),
            velocity: [0.1 * id as f64, 1.0 / (id + 1) as f64, -2.5],
            image: [0, (id % 3) as i32 - 1, 0],
            particle: (id * 2 / atoms) as u32,
            species: (id % 7 == 0) as u32,
            padding: 0,
        })
        .collect();
    Atoms::from_list(&list)
}

fn checkpoint(atoms: u64) -> Checkpoint {
    let species =
        |symbol: &str, mass, atomic_number| Species { symbol: symbol.into(), mass, atomic_number };
    let provenance = Provenance {
        title: "bench".into(),
        author: String::new(),
        input: String::new(),
        potential: Vec::new(),
        species: vec![species("Pt", 195.08, 78), species("Fe", 55.847, 26)],
        seed: 1,
        structures: Vec::new(),
        extensions: Vec::new(),
        lineage: Vec::new(),
    };
    let cell = Cell::new([0.0; 3], [400.0; 3], [true; 3]);
    Checkpoint::new(provenance, atoms, (1000, 2.0), 0, cell, serde_json::Value::Null)
}
