//! Reads parts of a file before they are wanted, so that the disk works while the
//! processor looks at what came before. What was read waits in the system's memory.

use std::fs::File;
use std::io::{Read, Seek, SeekFrom};
use std::ops::Range;
use std::path::Path;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};

/// Parts that may wait.
const LEAD: usize = 8;

/// Bytes that are read at once.
const PIECE: usize = 1 << 20;

pub struct ReadAhead {
    there: Receiver<()>,
}

impl ReadAhead {
    /// Begins with the first part. What cannot be read is left to the reader to find.
    pub fn start(path: &Path, parts: Vec<Range<u64>>) -> ReadAhead {
        let (done, there) = sync_channel(LEAD);
        let path = path.to_path_buf();
        let thread = std::thread::Builder::new().name("read-ahead".into());
        let _ = thread.spawn(move || read(&path, parts, done));
        ReadAhead { there }
    }

    /// Waits for the next part.
    pub fn next(&self) {
        let _ = self.there.recv();
    }
}

/// Ends early when nobody waits any more.
fn read(path: &Path, parts: Vec<Range<u64>>, done: SyncSender<()>) {
    let Ok(mut file) = File::open(path) else { return };
    let mut buffer = vec![0; PIECE];
    for part in parts {
        if file.seek(SeekFrom::Start(part.start)).is_err() {
            return;
        }
        let mut rest = (&mut file).take(part.end - part.start);
        while rest.read(&mut buffer).is_ok_and(|length| length > 0) {}
        if done.send(()).is_err() {
            return;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_for_each_part_and_never_for_what_cannot_be_read() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("file");
        std::fs::write(&path, vec![7; 3 * PIECE]).unwrap();
        let parts = (0..20).map(|n| n * 1000..4 * PIECE as u64).collect();
        let ahead = ReadAhead::start(&path, parts);
        (0..25).for_each(|_| ahead.next());
        ReadAhead::start(&folder.path().join("nowhere"), vec![0..1, 1..2]).next();
    }
}
