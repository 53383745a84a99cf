//! Brings a file to the disk while it is still being written, so that the disk works
//! as long as the processors do and little is left to wait for at the end.

use super::failure;
use crate::error::Result;
use std::fs::File;
use std::path::{Path, PathBuf};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread::JoinHandle;

pub struct WriteBack {
    path: PathBuf,
    more: Sender<()>,
    thread: JoinHandle<std::io::Result<()>>,
}

/// The last part, under way.
pub struct LastPart {
    path: PathBuf,
    thread: JoinHandle<std::io::Result<()>>,
}

impl WriteBack {
    /// For a file that is there.
    pub fn start(path: &Path) -> Result<WriteBack> {
        let failed = |error| failure::unwritten(path, error);
        let file = File::open(path).map_err(failed)?;
        let (more, written) = channel();
        let thread = std::thread::Builder::new().name("write-back".into());
        let thread = thread.spawn(move || synchronise(file, written)).map_err(failed)?;
        Ok(WriteBack { path: path.to_path_buf(), more, thread })
    }

    /// Something has been written.
    pub fn more(&self) {
        // A thread that has failed tells so at the end.
        let _ = self.more.send(());
    }

    /// All has been written.
    pub fn finish(self) -> LastPart {
        LastPart { path: self.path, thread: self.thread }
    }
}

impl LastPart {
    /// Until all is on the disk.
    pub fn wait(self) -> Result<()> {
        let done = self.thread.join().expect("it does not panic");
        done.map_err(|error| failure::unwritten(&self.path, error))
    }
}

/// The system tells an open file once that its disk has failed, so each error counts.
fn synchronise(file: File, written: Receiver<()>) -> std::io::Result<()> {
    while written.recv().is_ok() {
        written.try_iter().for_each(drop);
        file.sync_data()?;
    }
    file.sync_all()
}
