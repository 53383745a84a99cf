//! The protocol of i-PI, on the side of the client.
//!
//! Words are of twelve bytes, filled up with spaces; numbers are f64 and i32 as the processor has
//! them, lengths in Bohr and energies in Hartree. The other program says one of
//!
//! ```text
//! STATUS    and is told READY, or HAVEDATA once what was asked is known
//! INIT      i32 number of the replica, i32 n, n bytes: nothing follows from it here
//! POSDATA   9 f64 cell (its columns are the vectors), 9 f64 its inverse, i32 atoms, f64 positions
//! GETFORCE  and gets FORCEREADY, f64 energy, i32 atoms, f64 forces, 9 f64 virial, i32 n, n bytes
//! EXIT      and this client ends
//! ```
//!
//! As ASE's own client and LAMMPS do, this one never says NEEDINIT. ASE's server ends without
//! EXIT: a connection that is closed between two questions is an end, in the middle a failure.

use super::system::{Answer, Expected, Frame};
use crate::error::{Error, Result};
use crate::units::{BOHR, HARTREE};
use serde::Serialize;
use std::io::{self, ErrorKind, Read, Write};

/// Length of a word.
const WORD: usize = 12;

/// More than the word, i32 and f64 that come before the positions: cell, inverse, atoms.
const BEFORE_POSITIONS: usize = 2 * 9 * 8 + 4;

/// What follows the virial: an object of JSON (i-PI), not empty (ASE doubts empty ones).
#[derive(Serialize)]
struct Extra {
    /// Of single atoms, eV.
    #[serde(skip_serializing_if = "Option::is_none")]
    energies: Option<Vec<f64>>,
}

/// What the other program wants that is not answered at once.
pub enum Ask {
    Evaluate(Frame),
    End(End),
}

/// How the other program took its leave.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum End {
    Said,
    Closed,
}

impl End {
    /// For people.
    pub fn told(self) -> &'static str {
        match self {
            End::Said => "the other program says that it is done",
            End::Closed => "the other program closed the connection",
        }
    }
}

pub struct Session<S> {
    stream: S,
    /// What the next GETFORCE gets.
    answer: Option<Answer>,
}

impl<S: Read + Write> Session<S> {
    pub fn over(stream: S) -> Session<S> {
        Session { stream, answer: None }
    }

    /// What GETFORCE is to get.
    pub fn answer(&mut self, answer: Answer) {
        self.answer = Some(answer);
    }

    /// Answers until there is something to evaluate, or the end.
    ///
    /// # Errors
    /// The other program has gone away, speaks another protocol, or has another system.
    pub fn next(&mut self, expected: &Expected) -> Result<Ask> {
        loop {
            let Some(word) = self.word()? else { return self.closed().map(Ask::End) };
            match word.trim_ascii_end() {
                b"STATUS" => match self.answer {
                    Some(_) => self.send(b"HAVEDATA    ")?,
                    None => self.send(b"READY       ")?,
                },
                b"INIT" => self.pass_over_init()?,
                b"POSDATA" => return self.frame(expected).map(Ask::Evaluate),
                b"GETFORCE" => self.give()?,
                b"EXIT" => return Ok(Ask::End(End::Said)),
                _ => {
                    let word = String::from_utf8_lossy(&word);
                    let message = format!(
                        "the other program says {word:?}, which is no word of i-PI's protocol: is it \
                         one that speaks this (i-PI, ASE's SocketIOCalculator)?"
                    );
                    return Err(Error::Run(message));
                }
            }
        }
    }

    /// The next word; none where the connection is closed before it.
    fn word(&mut self) -> Result<Option<[u8; WORD]>> {
        let mut word = [0; WORD];
        let first = loop {
            match self.stream.read(&mut word) {
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) if error.kind() == ErrorKind::ConnectionReset => return Ok(None),
                other => break other.map_err(gone)?,
            }
        };
        if first == 0 {
            return Ok(None);
        }
        self.stream.read_exact(&mut word[first..]).map_err(gone)?;
        Ok(Some(word))
    }

    fn closed(&self) -> Result<End> {
        match self.answer {
            None => Ok(End::Closed),
            Some(_) => Err(Error::Run(
                "the other program has gone away before it fetched the forces that it had asked for"
                    .into(),
            )),
        }
    }

    fn send(&mut self, bytes: &[u8]) -> Result<()> {
        self.stream.write_all(bytes).map_err(gone)
    }

    fn integer(&mut self) -> Result<i32> {
        let mut bytes = [0; 4];
        self.stream.read_exact(&mut bytes).map_err(gone)?;
        Ok(i32::from_ne_bytes(bytes))
    }

    fn pass_over_init(&mut self) -> Result<()> {
        let _replica = self.integer()?;
        let length = self.integer()?.max(0) as u64;
        let passed = io::copy(&mut (&mut self.stream).take(length), &mut io::sink());
        match passed.map_err(gone)? == length {
            true => Ok(()),
            false => Err(gone(ErrorKind::UnexpectedEof.into())),
        }
    }

    fn frame(&mut self, expected: &Expected) -> Result<Frame> {
        let mut before = [0; BEFORE_POSITIONS];
        self.stream.read_exact(&mut before).map_err(gone)?;
        let (cell, rest) = before.split_at(9 * 8);
        let cell: [f64; 9] = std::array::from_fn(|k| number(&cell[8 * k..]) * BOHR);
        let count: [u8; 4] = rest[9 * 8..].try_into().expect("four bytes are left");
        let count = expected.check_number(i32::from_ne_bytes(count))?;
        let mut bytes = vec![0; count * 3 * 8];
        self.stream.read_exact(&mut bytes).map_err(gone)?;
        self.answer = None;
        let position = |bytes: &[u8]| std::array::from_fn(|d| number(&bytes[8 * d..]) * BOHR);
        let vector = |k: usize| [cell[k], cell[k + 3], cell[k + 6]];
        let positions = bytes.chunks_exact(3 * 8).map(position).collect();
        expected.frame([vector(0), vector(1), vector(2)], positions)
    }

    fn give(&mut self) -> Result<()> {
        let Some(Answer { energy, forces, virial, energies }) = self.answer.take() else {
            return Err(Error::Run(
                "the other program asks for forces (GETFORCE) and has sent no positions before \
                 (POSDATA)"
                    .into(),
            ));
        };
        let [xx, yy, zz, xy, xz, yz] = virial;
        let count = forces.len() as i32;
        let mut bytes = Vec::with_capacity(128 + forces.len() * 24);
        bytes.extend(b"FORCEREADY  ");
        bytes.extend((energy / HARTREE).to_ne_bytes());
        bytes.extend(count.to_ne_bytes());
        forces.iter().flatten().for_each(|f| bytes.extend((f * (BOHR / HARTREE)).to_ne_bytes()));
        let virial = [xx, xy, xz, xy, yy, yz, xz, yz, zz];
        virial.iter().for_each(|w| bytes.extend((w / HARTREE).to_ne_bytes()));
        let extra = serde_json::to_vec(&Extra { energies }).expect("numbers are JSON");
        bytes.extend((extra.len() as i32).to_ne_bytes());
        bytes.extend(extra);
        self.send(&bytes)
    }
}

fn number(bytes: &[u8]) -> f64 {
    f64::from_ne_bytes(bytes[..8].try_into().expect("eight bytes"))
}

/// The other end of the connection is not there any more.
fn gone(error: io::Error) -> Error {
    let how = match error.kind() {
        ErrorKind::UnexpectedEof => "the connection was closed in the middle of a message".into(),
        _ => error.to_string(),
    };
    Error::Run(format!("the other program has gone away: {how}"))
}

#[cfg(test)]
mod tests;
