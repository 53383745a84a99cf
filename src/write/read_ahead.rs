//! Reads parts of a file before they are wanted, so that the disk works while the
//! processor looks at what came before. The buffers go round: fresh memory would cost
//! more than what is done with it.

use crate::error::Result;
use crate::write::failure;
use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom};
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::mpsc::{Receiver, Sender, channel};

/// Buffers, and so the parts that may wait.
const LEAD: usize = 16;

/// What was read, in words: any number may stand at its front.
#[derive(Default)]
struct Buffer {
    words: Vec<u64>,
    /// Bytes.
    length: usize,
}

pub struct ReadAhead {
    path: PathBuf,
    full: Receiver<io::Result<Buffer>>,
    empty: Sender<Buffer>,
    /// The part that is looked at.
    part: Buffer,
}

impl ReadAhead {
    /// Begins with the first part.
    pub fn start(path: &Path, parts: Vec<Range<u64>>) -> Result<ReadAhead> {
        let failed = |error| failure::unread(path, error);
        let file = File::open(path).map_err(failed)?;
        let (filled, full) = channel();
        let (empty, emptied) = channel();
        // The part that is looked at is a buffer too.
        (1..LEAD).for_each(|_| empty.send(Buffer::default()).expect("both ends are here"));
        let thread = std::thread::Builder::new().name("read-ahead".into());
        thread.spawn(move || read(file, parts, &emptied, &filled)).map_err(failed)?;
        Ok(ReadAhead { path: path.to_path_buf(), full, empty, part: Buffer::default() })
    }

    /// The next part, whose length is a multiple of that of `T`.
    pub fn next<T: bytemuck::Pod>(&mut self) -> Result<&[T]> {
        // A thread that is through needs no more buffers.
        let _ = self.empty.send(std::mem::take(&mut self.part));
        let next = self.full.recv().unwrap_or_else(|_| Err(io::ErrorKind::UnexpectedEof.into()));
        self.part = next.map_err(|error| failure::unread(&self.path, error))?;
        let bytes: &[u8] = bytemuck::cast_slice(&self.part.words);
        Ok(bytemuck::cast_slice(&bytes[..self.part.length]))
    }
}

/// Ends with the first failure, and when nobody waits any more.
fn read(
    mut file: File,
    parts: Vec<Range<u64>>,
    empty: &Receiver<Buffer>,
    filled: &Sender<io::Result<Buffer>>,
) {
    for part in parts {
        let Ok(mut buffer) = empty.recv() else { return };
        buffer.length = (part.end - part.start) as usize;
        buffer.words.resize(buffer.length.div_ceil(size_of::<u64>()), 0);
        let bytes = &mut bytemuck::cast_slice_mut(&mut buffer.words)[..buffer.length];
        let read = file.seek(SeekFrom::Start(part.start)).and_then(|_| file.read_exact(bytes));
        let failed = read.is_err();
        if filled.send(read.map(|()| buffer)).is_err() || failed {
            return;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn write(folder: &tempfile::TempDir, bytes: &[u8]) -> PathBuf {
        let path = folder.path().join("file");
        std::fs::write(&path, bytes).unwrap();
        path
    }

    #[test]
    fn gives_each_part_in_turn_whatever_their_lengths() {
        let folder = tempfile::tempdir().unwrap();
        let bytes: Vec<u8> = (0..=255).cycle().take(100_000).collect();
        let path = write(&folder, &bytes);
        // Longer and shorter ones, more than there are buffers, some empty, not in order.
        let start = |n: u64| n * 7919 % 50_000;
        let parts: Vec<_> = (0..5 * LEAD as u64).map(|n| start(n)..start(n) + n * 12).collect();
        let mut ahead = ReadAhead::start(&path, parts.clone()).unwrap();
        for part in parts {
            let expected = &bytes[part.start as usize..part.end as usize];
            let rows: &[[i32; 3]] = ahead.next().unwrap();
            assert_eq!(bytemuck::cast_slice::<_, u8>(rows), expected);
        }
    }

    #[test]
    fn tells_what_cannot_be_read_and_does_not_wait_for_it() {
        let folder = tempfile::tempdir().unwrap();
        let path = write(&folder, &[7; 100]);
        let mut ahead = ReadAhead::start(&path, vec![0..100, 60..101, 0..1]).unwrap();
        assert_eq!(ahead.next::<u8>().unwrap(), [7; 100]);
        for _ in 0..3 {
            let error = ahead.next::<u8>().expect_err("the file is too short").to_string();
            assert!(error.contains("file"), "{error}");
        }
        assert!(ReadAhead::start(&folder.path().join("nowhere"), vec![0..1, 1..2]).is_err());
    }
}
