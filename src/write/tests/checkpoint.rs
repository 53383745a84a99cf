use super::*;
use crate::observe::{Beginnings, NOWHERE, Site};
use crate::write::arrays::PART;
use crate::write::checkpoint::{checkpoint_name, checkpoints, newest_sound};
use crate::write::hdf5::{File, Purpose};
use bytemuck::Zeroable;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Random bytes of a file that are changed, one at a time.
const DAMAGES: usize = 1000;

/// File systems lose whole blocks of this size, bytes.
const FILE_BLOCK: usize = 4096;

fn checkpoint(step: u64) -> Checkpoint {
    // 0.1 + 0.2: a number whose last bit is lost by careless text.
    let state = serde_json::json!({ "clock": 0.1 + 0.2, "chain": [1e-300, -0.0] });
    Checkpoint::new(provenance(), ATOMS, (step, 0.002 * step as f64), 1, cell(), state)
}

/// The same with what is kept of atoms that are watched for diffusion.
fn watched(step: u64) -> Checkpoint {
    let place = |id: u64| [0.1, -0.2, 1e3].map(|x| x * id as f64 + step as f64);
    let beginnings = Beginnings {
        id: (0..ATOMS).collect(),
        place: (0..ATOMS).map(place).collect(),
        normal: (0..ATOMS).map(|id| [0.6, -0.8, 0.0].map(|x| x * (id % 2) as f32)).collect(),
        site: (0..ATOMS).map(|id| (id % Site::COUNT as u64) as u8).collect(),
        layer: (0..ATOMS).map(|id| [0, 1, 2, 3, NOWHERE][id as usize % 5]).collect(),
        sum: (0..ATOMS).map(|id| [0.1 * id as f64, -1e-3, 1.0]).collect(),
        square: (0..ATOMS).map(|id| 1.5 * id as f64).collect(),
    };
    Checkpoint { beginnings: Arc::new(beginnings), ..checkpoint(step) }
}

fn write(folder: &Path, step: u64) -> PathBuf {
    let comm = Comm::single();
    write_checkpoint(folder, &comm, &watched(step), &atoms_at(step), 2).unwrap()
}

fn refusal(path: &Path) -> String {
    read_checkpoint(path, &Comm::single()).expect_err("damage must be found").to_string()
}

#[test]
fn a_checkpoint_gives_back_what_it_was_given() {
    let folder = tempfile::tempdir().unwrap();
    let path = write(folder.path(), 40);
    assert_eq!(path.file_name().unwrap(), "checkpoint-40.h5");
    let (told, atoms) = read_checkpoint(&path, &Comm::single()).unwrap();
    assert_eq!(told, watched(40));
    assert_eq!(told.state["chain"][1].as_f64().unwrap().to_bits(), (-0.0f64).to_bits());
    let written = atoms_at(40);
    let mut records: Vec<_> = (0..written.owned).map(|i| written.record(i)).collect();
    records.reverse();
    let read: Vec<_> = (0..atoms.owned).map(|i| atoms.record(i)).collect();
    assert_eq!(read, records);
}

#[test]
fn atoms_of_several_parts_come_back_in_their_order() {
    let folder = tempfile::tempdir().unwrap();
    let count = 2 * PART + 5;
    let atom = |id| Atom {
        id,
        position: [0.25 * id as f64, -0.5, 1.0],
        velocity: [id as f64, 0.1, -0.1],
        image: [id as i32, 0, -1],
        particle: (id / 3) as u32,
        species: (id % 2) as u32,
        padding: 0,
    };
    let written: Vec<Atom> = (0..count).map(atom).collect();
    let free = Cell::new([0.0; 3], [1.0; 3], [false; 3]);
    let checkpoint = Checkpoint { atoms: count, cell: free, ..checkpoint(40) };
    let (comm, atoms) = (Comm::single(), Atoms::from_list(&written));
    let path = write_checkpoint(folder.path(), &comm, &checkpoint, &atoms, 2).unwrap();
    let (_, atoms) = read_checkpoint(&path, &comm).unwrap();
    let read: Vec<Atom> = (0..atoms.owned).map(|i| atoms.record(i)).collect();
    assert!(read == written);
}

/// Of files that are as they were written: their checksums are right.
#[test]
fn atoms_that_cannot_be_gone_on_with_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    let refused = |spoil: fn(&mut Atoms)| {
        let mut atoms = atoms_at(40);
        spoil(&mut atoms);
        let path =
            write_checkpoint(folder.path(), &Comm::single(), &checkpoint(40), &atoms, 2).unwrap();
        refusal(&path)
    };
    let told = refused(|atoms| atoms.position[3][2] = f64::NAN);
    assert!(told.contains("atom 46 is nowhere: NaN Å"), "{told}");
    let told = refused(|atoms| atoms.position[4][2] = -1e9);
    assert!(told.contains("atom 45 is nowhere: -1000000000.0 Å"), "{told}");
    let told = refused(|atoms| atoms.species[0] = 2);
    assert!(told.contains("atom 49 is of a species beyond all 2"), "{told}");
}

#[test]
fn the_same_state_gives_the_same_bytes() {
    let folders = [tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap()];
    let [a, b] = folders.each_ref().map(|f| std::fs::read(write(f.path(), 7)).unwrap());
    assert!(a == b);
}

#[test]
fn every_changed_byte_and_every_cut_is_found() {
    let folder = tempfile::tempdir().unwrap();
    let path = write_many(folder.path());
    let sound = std::fs::read(&path).unwrap();
    assert!(sound.len() > 100 * FILE_BLOCK, "{} bytes", sound.len());
    let mut drawn = 0u64;
    let mut below = |bound: usize| {
        drawn += 1;
        xxhash_rust::xxh3::xxh3_64(&drawn.to_le_bytes()) as usize % bound
    };
    let put = |place: usize, byte: u8| {
        let file = std::fs::OpenOptions::new().write(true).open(&path).unwrap();
        file.write_at(&[byte], place as u64).unwrap();
    };
    // Every fourth among the first blocks: seal, superblock, header.
    for n in 0..DAMAGES {
        let place = below(if n % 4 == 0 { 4 * FILE_BLOCK } else { sound.len() });
        put(place, sound[place] ^ (1 + below(255)) as u8);
        assert!(refusal(&path).contains("not a sound checkpoint"), "byte {place}");
        put(place, sound[place]);
    }
    std::fs::write(&path, [&sound[..], b"x"].concat()).unwrap();
    assert!(refusal(&path).contains("bytes instead of"));
    // From the end on, for a file only shrinks.
    for length in (0..sound.len()).step_by(FILE_BLOCK).rev() {
        std::fs::OpenOptions::new()
            .write(true)
            .open(&path)
            .unwrap()
            .set_len(length as u64)
            .unwrap();
        assert!(refusal(&path).contains("not a sound checkpoint"), "{length} bytes");
    }
    std::fs::write(&path, &sound).unwrap();
    read_checkpoint(&path, &Comm::single()).expect("undone damage leaves a sound file");
}

/// A checkpoint of more than a hundred blocks of the file system.
fn write_many(folder: &Path) -> PathBuf {
    let atoms = (0..8000).map(|id| Atom { id, velocity: [0.1 * id as f64; 3], ..Atom::zeroed() });
    let atoms = Atoms::from_list(&atoms.collect::<Vec<_>>());
    let checkpoint = Checkpoint { atoms: 8000, ..checkpoint(40) };
    write_checkpoint(folder, &Comm::single(), &checkpoint, &atoms, 2).unwrap()
}

/// Else the seal would have to be a checksum of all, and every byte be read twice.
#[test]
fn the_arrays_stand_last_and_without_gaps() {
    let folders = [tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap()];
    // Of watched ones: place, normal; site, layer; sum, square.
    let watched = 3 * 8 + 3 * 4 + 2 + 3 * 8 + 8;
    let files =
        [(write(folders[0].path(), 40), ATOMS, watched), (write_many(folders[1].path()), 8000, 0)];
    for (path, atoms, more) in files {
        let bytes = std::fs::read(path).unwrap();
        let seal = std::str::from_utf8(&bytes[..512]).unwrap();
        let head = seal.lines().find_map(|line| line.strip_prefix("head ")).unwrap();
        // Numbers of an atom: id; position, image, velocity; species; particle.
        let row = 8 + 3 * (8 + 4 + 8) + 1 + 4 + more;
        assert_eq!(head.parse::<u64>().unwrap() + row * atoms, bytes.len() as u64);
    }
}

#[test]
fn foreign_files_are_named() {
    let folder = tempfile::tempdir().unwrap();
    let text = folder.path().join("notes.txt");
    std::fs::write(&text, "Dear diary, ".repeat(100)).unwrap();
    assert!(refusal(&text).contains("notes.txt: not a sound checkpoint: it was not written by"));
    assert!(refusal(&folder.path().join("nowhere.h5")).contains("nowhere.h5: No such file"));
    let comm = Comm::single();
    let foreign = folder.path().join("foreign.h5");
    File::create(&foreign, &comm, Purpose::Growing { chunks: 512 }).unwrap().close().unwrap();
    assert!(refusal(&foreign).contains("foreign.h5: not a sound checkpoint"));
}

#[test]
fn the_newest_sound_checkpoint_is_found_and_old_ones_go() {
    let folder = tempfile::tempdir().unwrap();
    let comm = Comm::single();
    for step in [100, 20, 1000] {
        write(folder.path(), step);
    }
    // By step and not by name; two are kept; a name that only looks like one is left alone.
    std::fs::write(folder.path().join("checkpoint-1001.h5.partial"), "half").unwrap();
    std::fs::write(folder.path().join("checkpoint-007.h5"), "not ours").unwrap();
    let names = |steps: &[u64]| -> Vec<PathBuf> {
        steps.iter().map(|&step| folder.path().join(checkpoint_name(step))).collect()
    };
    assert_eq!(checkpoints(folder.path(), &comm).unwrap(), names(&[1000, 100]));

    let newest = folder.path().join(checkpoint_name(1000));
    let bytes = std::fs::read(&newest).unwrap();
    std::fs::write(&newest, &bytes[..bytes.len() / 2]).unwrap();
    let (found, refused) = newest_sound(folder.path(), &comm).unwrap();
    assert_eq!(found, Some(folder.path().join(checkpoint_name(100))));
    assert_eq!(refused.len(), 1);
    assert!(refused[0].to_string().contains("checkpoint-1000.h5"));
}
