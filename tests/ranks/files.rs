//! Files written by several ranks together hold what one process alone would
//! have written.

use super::Body;
use sinter_hpc::atoms::{Atom, Atoms, Species};
use sinter_hpc::comm::Comm;
use sinter_hpc::geometry::{Cell, on_grid};
use sinter_hpc::observe::{Beginnings, Column, Record, Series};
use sinter_hpc::write::hdf5::{Dataset, Element, File, Purpose};
use sinter_hpc::write::{
    Checkpoint, Content, Form, Frame, Job, PotentialFile, Provenance, Trajectory, read_checkpoint,
    write_checkpoint,
};
use std::path::{Path, PathBuf};
use std::sync::Arc;

pub const BODIES: &[(&str, Body)] = &[
    ("a trajectory is the same as from one process", trajectory_is_the_same),
    ("a checkpoint has the same bytes and is read by any ranks", checkpoint_is_the_same),
    ("few atoms leave ranks without any", few_atoms),
    ("a lost atom fails on every rank", lost_atom),
    ("blocks of all ranks come to their places", blocks_of_all_ranks),
    ("a file that is taken away fails on every rank", file_taken_away),
];

/// Three blocks of ids and a part of one.
const MANY: u64 = 3 * 4096 + 100;

const ALL: Content = Content { forces: true, energies: true, ..Content::bare(true) };

/// A fresh folder for files of this number of ranks, the same on every rank.
fn folder(comm: &Comm, name: &str) -> PathBuf {
    let parent = Path::new(env!("CARGO_TARGET_TMPDIR")).join("files");
    let folder = parent.join(format!("{name}-{}", comm.size()));
    if comm.is_root() {
        let _ = std::fs::remove_dir_all(&folder);
        std::fs::create_dir_all(&folder).expect("the target folder takes files");
    }
    comm.barrier();
    folder
}

fn provenance() -> Provenance {
    let potential = PotentialFile { name: "FePt.library".into(), text: "text".repeat(20_000) };
    Provenance {
        title: "Sample".into(),
        author: "tests".into(),
        input: "title = \"Sample\"\n".into(),
        potential: vec![potential],
        species: vec![
            Species { symbol: "Pt".into(), mass: 195.08, atomic_number: 78 },
            Species { symbol: "Fe".into(), mass: 55.847, atomic_number: 26 },
        ],
        seed: 3,
        structures: Vec::new(),
        extensions: Vec::new(),
        lineage: Vec::new(),
    }
}

fn cell() -> Cell {
    Cell::new([-5.0, 0.0, 0.0], [40.0, 41.0, 42.0], [true, true, false])
}

/// To look at: rounded, in single precision, compressed.
const SMALL: Content =
    Content { form: Form { bits: Some(9), compressed: true }, ..Content::bare(false) };

/// The atoms of `rank` among `ranks` at a step: dealt so that neighbours in id are
/// on different ranks, and otherwise at every step.
fn share(step: u64, total: u64, rank: usize, ranks: usize) -> Atoms {
    let list: Vec<Atom> = (0..total)
        .rev()
        .filter(|id| ((id * 31 + step) % 7) as usize % ranks == rank)
        .map(|id| {
            let wander = |k: u64| on_grid(((id * k + step) % 997) as f64 * 0.04);
            Atom {
                id,
                position: [wander(17), wander(29), wander(5)],
                velocity: [0.1 * id as f64, 1.0 / (step + 1) as f64, -2.5],
                image: [(id % 3) as i32 - 1, (step % 2) as i32, 0],
                particle: (id * 2 / total) as u32,
                species: (id % 7 == 0) as u32,
                padding: 0,
            }
        })
        .collect();
    let mut atoms = Atoms::from_list(&list);
    for (force, &id) in atoms.force.iter_mut().zip(&atoms.id) {
        *force = [id as i64 * 999_999_937, -(step as i64), 1 << 41, -(id as i64) << 32];
    }
    atoms
}

fn record(step: u64) -> Record {
    let columns = vec![
        Column::real("temperature", "K", "From the kinetic energy.", 1000.0 + step as f64),
        Column::count("evaporated", "Atoms without a neighbour.", 0),
    ];
    let series = vec![Series { path: "/sinter/thermo", columns }];
    Record { step, time_ps: 0.002 * step as f64, series }
}

/// Five frames, with a stop after the third and a resume one frame further back.
fn write_trajectory(path: &Path, comm: &Comm, total: u64, content: Content) {
    let job = Job::new(comm, 1);
    let origin = (&provenance(), &job);
    let frames = |trajectory: &mut Trajectory, steps: std::ops::Range<u64>| {
        for step in steps.map(|n| 10 * n) {
            trajectory.append_series(&record(step)).unwrap();
            let atoms = share(step, total, comm.rank(), comm.size());
            let time_ps = 0.002 * step as f64;
            trajectory
                .append(&Frame {
                    step,
                    time_ps,
                    cell: &cell(),
                    atoms: &atoms,
                    more: None,
                    together: true,
                    moving: true,
                })
                .unwrap();
            trajectory.append_series(&record(step + 5)).unwrap();
        }
    };
    let mut trajectory =
        Trajectory::create(path, comm, total, cell().periodic, content, origin).unwrap();
    frames(&mut trajectory, 0..3);
    trajectory.close().unwrap();
    let mut trajectory = Trajectory::resume(path, comm, (10, Some(10)), &origin.0.species).unwrap();
    trajectory.write_restart(10, origin).unwrap();
    frames(&mut trajectory, 1..5);
    trajectory.close().unwrap();
}

fn compare_trajectories(left: &Path, right: &Path) {
    let alone = Comm::single();
    let [left, right] = [left, right].map(|path| File::open(path, &alone, false).unwrap());
    for name in [
        "coordinates",
        "velocities",
        "forces",
        "potential_energy",
        "time",
        "cell_lengths",
        "cell_origin",
        "cell_angles",
        "sinter/thermo/temperature",
        "sinter/thermo/time",
    ] {
        if !left.exists(&format!("/{name}")).unwrap() {
            continue;
        }
        let [a, b] = [&left, &right].map(|file| bits(file, name));
        assert!(!a.is_empty() && a == b, "{name}");
    }
    for name in ["id", "step", "sinter/thermo/step"] {
        compare_integers::<i64>(&left, &right, name);
    }
    for name in ["atom_types", "particle"] {
        compare_integers::<i32>(&left, &right, name);
    }
}

/// The bits of real numbers, of either precision.
fn bits(file: &File, name: &str) -> Vec<u64> {
    let dataset = file.dataset(&format!("/{name}")).unwrap();
    match dataset.holds::<f32>().unwrap() {
        true => {
            let values = dataset.read_all::<f32>().unwrap();
            values.into_iter().map(|x| x.to_bits() as u64).collect()
        }
        false => dataset.read_all::<f64>().unwrap().into_iter().map(f64::to_bits).collect(),
    }
}

fn compare_integers<T: Element + PartialEq>(left: &File, right: &File, name: &str) {
    let [a, b] = [left, right].map(|f| f.dataset(&format!("/{name}")).unwrap().read_all::<T>());
    let (a, b) = (a.unwrap(), b.unwrap());
    assert!(!a.is_empty() && a == b, "{name}");
}

fn trajectory_is_the_same(comm: &Comm) {
    let folder = folder(comm, "trajectory");
    // Of compressed frames ranks write parts of the same chunks, in two rounds.
    for (name, content, total) in [("exact", ALL, MANY), ("small", SMALL, 140_000)] {
        let together = folder.join(format!("{name}-together.h5md"));
        write_trajectory(&together, comm, total, content);
        if comm.is_root() {
            let alone = folder.join(format!("{name}-alone.h5md"));
            write_trajectory(&alone, &Comm::single(), total, content);
            compare_trajectories(&together, &alone);
        }
        comm.barrier();
    }
}

/// What is kept of atoms that are watched for diffusion: ids in order, shared evenly.
fn watched(rank: usize, ranks: usize) -> Arc<Beginnings> {
    let home = |id: u64| (id * ranks as u64 / MANY) as usize;
    let id: Vec<u64> = (0..MANY).filter(|id| home(*id) == rank).collect();
    Arc::new(Beginnings {
        place: id.iter().map(|id| [0.3 * *id as f64, -1.0, 7.0]).collect(),
        normal: id.iter().map(|id| [0.0, (id % 2) as f32, 0.0]).collect(),
        site: id.iter().map(|id| (id % 5) as u8).collect(),
        layer: id.iter().map(|id| (id % 4) as u8).collect(),
        sum: id.iter().map(|id| [0.0, -0.1 * *id as f64, 2.0]).collect(),
        square: id.iter().map(|id| 0.7 * *id as f64).collect(),
        id,
    })
}

fn checkpoint_is_the_same(comm: &Comm) {
    let folder = folder(comm, "checkpoint");
    let state = serde_json::json!({ "thermostat": 0.1 });
    let checkpoint = Checkpoint::new(provenance(), MANY, (30, 0.06), 0, cell(), state);
    let checkpoint = Checkpoint { beginnings: watched(comm.rank(), comm.size()), ..checkpoint };
    let mine = share(30, MANY, comm.rank(), comm.size());
    let path = write_checkpoint(&folder, comm, &checkpoint, &mine, 2).unwrap();

    let (told, slab) = read_checkpoint(&path, comm).unwrap();
    assert_eq!(told, Checkpoint { beginnings: told.beginnings.clone(), ..checkpoint.clone() });
    assert_eq!(comm.sum(slab.owned as i64), MANY as i64);
    let [kept, all] = [&told.beginnings, &watched(0, 1)];
    assert_eq!(kept.id, slab.id);
    assert!((0..kept.id.len()).all(|n| {
        let id = kept.id[n] as usize;
        let of = |of: &Beginnings, n: usize| {
            let whole = (of.id[n], of.site[n], of.layer[n]);
            (whole, of.place[n], of.normal[n], of.sum[n], of.square[n])
        };
        of(kept, n) == of(all, id)
    }));
    if comm.is_root() {
        let alone = folder.join("alone");
        std::fs::create_dir_all(&alone).unwrap();
        // Another second: HDF5 is fond of putting the time of day into objects.
        std::thread::sleep(std::time::Duration::from_millis(1100));
        let single = Comm::single();
        let all = share(30, MANY, 0, 1);
        let checkpoint = Checkpoint { beginnings: watched(0, 1), ..checkpoint };
        let other = write_checkpoint(&alone, &single, &checkpoint, &all, 2).unwrap();
        let [a, b] = [&path, &other].map(|path| std::fs::read(path).unwrap());
        assert!(a == b, "{} bytes together, {} alone, or other bytes", a.len(), b.len());
        let (_, whole) = read_checkpoint(&path, &single).unwrap();
        assert!((0..slab.owned).all(|i| slab.record(i) == whole.record(i)));
    }
}

fn few_atoms(comm: &Comm) {
    let folder = folder(comm, "few");
    let together = folder.join("few.h5md");
    write_trajectory(&together, comm, 2, ALL);
    write_trajectory(&folder.join("small.h5md"), comm, 2, SMALL);
    let checkpoint = Checkpoint::new(provenance(), 2, (1, 0.0), 0, cell(), ().into());
    let mine = share(1, 2, comm.rank(), comm.size());
    let path = write_checkpoint(&folder, comm, &checkpoint, &mine, 1).unwrap();
    let (_, atoms) = read_checkpoint(&path, comm).unwrap();
    assert_eq!(comm.sum(atoms.owned as i64), 2);
}

fn lost_atom(comm: &Comm) {
    let folder = folder(comm, "lost");
    let mut mine = share(0, MANY, comm.rank(), comm.size());
    if mine.id.last() == Some(&0) {
        mine.owned -= 1;
        mine.drop_ghosts();
    }
    let checkpoint = Checkpoint::new(provenance(), MANY, (0, 0.0), 0, cell(), ().into());
    let error = write_checkpoint(&folder, comm, &checkpoint, &mine, 1).unwrap_err();
    assert!(error.to_string().contains("atom 0 is lost"), "{error}");
    comm.barrier();
    assert_eq!(std::fs::read_dir(&folder).unwrap().count(), 0, "nothing half done stays");
}

/// Chunked and contiguous, as in the two kinds of files, also where a rank has nothing to
/// write and where its block is not in one piece.
fn blocks_of_all_ranks(comm: &Comm) {
    let path = folder(comm, "blocks").join("a.h5");
    let file = File::create(&path, comm, Purpose::Growing { chunks: 512 }).unwrap();
    let rank = comm.rank() as u64;
    let empty = |rank: u64| rank % 3 == 2;
    let values = |rank: u64| -> Vec<f64> {
        (0..200).map(|n| (1000 * rank + n) as f64).filter(|_| !empty(rank)).collect()
    };
    let rows = if empty(rank) { 0 } else { 100 };
    let total = 100 * comm.size() as u64;
    // The last of three columns stays as it is.
    let fixed = file.create_dataset::<f64>("/fixed", &[total, 3]).unwrap();
    fixed
        .write(
            &[0, 0],
            &[if rank == 0 { total } else { 0 }, 3],
            &vec![-1.0; if rank == 0 { 3 * total as usize } else { 0 }],
        )
        .unwrap();
    // Ranks write for themselves: one that overwrites what another wrote comes after it.
    comm.barrier();
    fixed.write(&[100 * rank, 0], &[rows, 2], &values(rank)).unwrap();
    let growing = file.create_growing::<f64>("/growing", &[total, 2], &[1, 64, 2]).unwrap();
    growing.set_rows(1).unwrap();
    growing.write(&[0, 100 * rank, 0], &[1, rows, 2], &values(rank)).unwrap();
    for read in [
        fixed.read::<f64>(&[100 * rank, 0], &[rows, 2]).unwrap(),
        growing.read::<f64>(&[0, 100 * rank, 0], &[1, rows, 2]).unwrap(),
    ] {
        assert_eq!(read, values(rank));
    }
    let whole: Vec<f64> = fixed.read_all().unwrap();
    for (row, three) in whole.chunks(3).enumerate() {
        let (rank, n) = (row as u64 / 100, row as u64 % 100);
        let own = (1000 * rank + 2 * n) as f64;
        let expected = if empty(rank) { [-1.0; 3] } else { [own, own + 1.0, -1.0] };
        assert_eq!(three, expected, "row {row}");
    }
    drop((fixed, growing));
    file.close().unwrap();
}

/// A failure that the first rank alone sees: every rank learns it, and the file is as it was
/// last flushed.
fn file_taken_away(comm: &Comm) {
    let path = folder(comm, "away").join("a.h5");
    let elsewhere = path.with_extension("elsewhere");
    let rename = |from: &Path, to: &Path| {
        comm.barrier();
        if comm.is_root() {
            std::fs::rename(from, to).unwrap();
        }
        comm.barrier();
    };
    let file = File::create(&path, comm, Purpose::Growing { chunks: 512 }).unwrap();
    let growing = file.create_growing::<f64>("/growing", &[1000], &[1, 1000]).unwrap();
    // By the last rank.
    let write = |dataset: &Dataset, row: u64| {
        dataset.set_rows(row + 1).unwrap();
        let count = if comm.rank() + 1 == comm.size() { 1000 } else { 0 };
        dataset.write(&[row, 0], &[1, count], &vec![row as f64; count as usize])
    };
    write(&growing, 0).unwrap();
    file.flush().unwrap();
    rename(&path, &elsewhere);
    let written = write(&growing, 1).and_then(|()| file.flush());
    let error = written.unwrap_err().to_string();
    assert!(error.contains("a.h5: No such file or directory"), "{error}");
    assert!(error.contains("go on with --resume"), "{error}");
    drop((growing, file));
    // HDF5 knows the file itself as it was left in memory.
    if comm.is_root() {
        std::fs::copy(&elsewhere, &path).unwrap();
        let alone = Comm::single();
        let file = File::open(&path, &alone, false).unwrap();
        assert_eq!(file.dataset("/growing").unwrap().shape().unwrap(), [1, 1000]);
    }
}
