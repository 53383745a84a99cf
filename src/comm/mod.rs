//! The only module that names MPI. Everything above it speaks of ranks through
//! `Comm`; with one process, and in a build without MPI, `Single` stands behind it.
//!
//! Reductions are of integers or of minima and maxima, so they do not depend on
//! the order in which ranks take part. Called by the main thread only.

use bytemuck::{AnyBitPattern, NoUninit};

mod agree;
mod single;
pub mod threads;
#[cfg(feature = "mpi")]
pub mod mpi;

pub use single::Single;

/// Bytes on their way to or from a rank.
pub type Message = (usize, Vec<u8>);

/// What a transport has to offer; bytes and machine integers only.
pub trait Transport {
    fn rank(&self) -> usize;
    fn size(&self) -> usize;
    /// Ranks that share this node's memory and cores.
    fn ranks_on_node(&self) -> usize;
    fn barrier(&self);
    fn sum_i64(&self, values: &mut [i64]);
    fn max_f64(&self, values: &mut [f64]);
    fn broadcast(&self, root: usize, bytes: &mut Vec<u8>);
    /// What every rank gave, in order of rank.
    fn all_gather(&self, mine: &[u8]) -> Vec<Vec<u8>>;
    /// Sends each message and receives every message sent here; in order of source.
    fn exchange(&self, send: &[Message]) -> Vec<Message>;
    /// Starts the same exchange where both sides know who sends how many bytes;
    /// nothing may block. `receive` names the sources and lengths.
    fn start(&self, send: Vec<Message>, receive: &[(usize, usize)]) -> Box<dyn Pending + '_>;
    /// Ends every rank with this exit code.
    fn abort(&self, code: i32) -> !;
    /// Name and version of the MPI library, or "none (one process)".
    fn library(&self) -> String;
}

/// An exchange under way.
pub trait Pending {
    /// Waits for all messages, in the order of `receive`.
    fn wait(self: Box<Self>) -> Vec<Vec<u8>>;
}

/// The ranks of a run.
pub struct Comm {
    transport: Box<dyn Transport>,
}

impl Comm {
    pub fn new(transport: Box<dyn Transport>) -> Comm {
        Comm { transport }
    }

    /// One process, no MPI.
    pub fn single() -> Comm {
        Comm::new(Box::new(Single))
    }

    pub fn transport(&self) -> &dyn Transport {
        &*self.transport
    }

    pub fn rank(&self) -> usize {
        self.transport.rank()
    }

    pub fn size(&self) -> usize {
        self.transport.size()
    }

    pub fn is_root(&self) -> bool {
        self.rank() == 0
    }

    /// Exact sums over ranks: each number travels as four limbs of 32 bits.
    pub fn sum_i128(&self, values: &mut [i128]) {
        if self.size() == 1 {
            return;
        }
        let mut limbs: Vec<i64> = values
            .iter()
            .flat_map(|v| {
                (0..4).map(
                    move |l| if l == 3 { (v >> 96) as i64 } else { (v >> (32 * l)) as u32 as i64 },
                )
            })
            .collect();
        self.transport.sum_i64(&mut limbs);
        for (v, l) in values.iter_mut().zip(limbs.chunks_exact(4)) {
            *v = l.iter().rev().fold(0i128, |sum, &limb| (sum << 32) + limb as i128);
        }
    }

    pub fn sum_i64(&self, values: &mut [i64]) {
        self.transport.sum_i64(values);
    }

    pub fn sum(&self, value: i64) -> i64 {
        let mut v = [value];
        self.transport.sum_i64(&mut v);
        v[0]
    }

    pub fn max(&self, value: f64) -> f64 {
        let mut v = [value];
        self.transport.max_f64(&mut v);
        v[0]
    }

    pub fn min(&self, value: f64) -> f64 {
        -self.max(-value)
    }

    pub fn max_f64(&self, values: &mut [f64]) {
        self.transport.max_f64(values);
    }

    /// True on every rank if it is true on any.
    pub fn any(&self, value: bool) -> bool {
        self.sum(value as i64) > 0
    }

    /// What every rank gave, in order of rank.
    pub fn all_gather<T: AnyBitPattern + NoUninit>(&self, mine: &[T]) -> Vec<Vec<T>> {
        let bytes = self.transport.all_gather(bytemuck::cast_slice(mine));
        bytes.iter().map(|b| bytemuck::pod_collect_to_vec(b)).collect()
    }

    /// `root`'s value on every rank.
    pub fn broadcast<T: serde::Serialize + serde::de::DeserializeOwned>(
        &self,
        root: usize,
        value: Option<T>,
    ) -> T {
        let mut bytes = match &value {
            Some(v) if self.rank() == root => serde_json::to_vec(v).expect("plain data serialises"),
            _ => Vec::new(),
        };
        self.transport.broadcast(root, &mut bytes);
        serde_json::from_slice(&bytes).expect("the root sent it")
    }

    /// Sends records to ranks and returns what arrived, in order of source rank.
    pub fn exchange<T: AnyBitPattern + NoUninit>(
        &self,
        send: &[(usize, Vec<T>)],
    ) -> Vec<(usize, Vec<T>)> {
        let bytes: Vec<Message> =
            send.iter().map(|(to, list)| (*to, bytemuck::cast_slice(list).to_vec())).collect();
        let received = self.transport.exchange(&bytes);
        received.into_iter().map(|(from, b)| (from, bytemuck::pod_collect_to_vec(&b))).collect()
    }

    pub fn barrier(&self) {
        self.transport.barrier();
    }
}
