//! The only module that names MPI. Everything above it speaks of ranks through
//! `Comm`; with one process, and in a build without MPI, `Single` stands behind it.
//!
//! Reductions are of integers or of minima and maxima, so they do not depend on
//! the order in which ranks take part. Called by the main thread only.

use std::cell::OnceCell;

use bytemuck::{AnyBitPattern, NoUninit};

mod agree;
mod launch;
#[cfg(feature = "mpi")]
mod mpi;
mod single;
pub mod threads;
mod wait;

pub use launch::{abort_on_panic, begins_step, step_under_way};
pub use single::Single;

/// Bytes on their way to or from a rank.
pub type Message = (usize, Vec<u8>);

/// What a transport has to offer; bytes and machine integers only.
pub trait Transport {
    fn rank(&self) -> usize;
    fn size(&self) -> usize;
    /// Ranks that share this node's memory and cores.
    fn ranks_on_node(&self) -> usize;
    /// This rank's number among them.
    fn rank_on_node(&self) -> usize;
    /// A group of the ranks that take part, in the order of rank. Collective.
    fn split(&self, take_part: bool) -> Option<Box<dyn Transport>>;
    fn barrier(&self);
    fn sum_i64(&self, values: &mut [i64]);
    fn max_i64(&self, values: &mut [i64]);
    fn broadcast(&self, root: usize, bytes: &mut Vec<u8>);
    /// What every rank gave, in order of rank.
    fn all_gather(&self, mine: &[u8]) -> Vec<Vec<u8>>;
    /// Sends each message and receives every message sent here, in order of
    /// source. All ranks take part; a rank may send to itself, and has at most one
    /// message for each rank.
    fn exchange(&self, send: &[Message]) -> Vec<Message>;
    /// Begins the same exchange, straight from and into memory, where both sides know who
    /// sends how many bytes: `send` to and `receive` from these ranks. Not collective. One
    /// at a time: each is complete before the next begins.
    fn begin_transfer<'b>(
        &self,
        send: &[(usize, &'b [u8])],
        receive: Vec<(usize, &'b mut [u8])>,
    ) -> Box<dyn Transfer + 'b>;
    /// The same to its end.
    fn transfer(&self, send: &[(usize, &[u8])], receive: &mut [(usize, &mut [u8])]) {
        let receive = receive.iter_mut().map(|(from, bytes)| (*from, &mut **bytes));
        self.begin_transfer(send, receive.collect()).complete();
    }
    /// What ends every rank with an exit code, for any thread and without `self`.
    fn aborter(&self) -> fn(i32) -> !;
    /// Ends every rank with this exit code.
    fn abort(&self, code: i32) -> ! {
        self.aborter()(code)
    }
    /// Name and version of the MPI library, or "none (one process)".
    fn library(&self) -> String;
}

/// Messages on their way, from and into memory that is theirs until they have arrived.
pub trait Transfer {
    /// Lets MPI look after them: most libraries move long messages only while they are called.
    /// Says whether all have arrived.
    fn progress(&mut self) -> bool;
    /// Waits until all have arrived.
    fn complete(self: Box<Self>);
}

/// What stands one after another for several ranks, as a transfer sends it: the part of each
/// rank, by how many values it has.
pub fn parts<T: bytemuck::Pod>(
    mut values: &[T],
    counts: impl Iterator<Item = (usize, usize)>,
) -> Vec<(usize, &[u8])> {
    let part = |(rank, count): (usize, usize)| {
        let part = values.split_off(..count).expect("values of every rank");
        (rank, bytemuck::cast_slice(part))
    };
    counts.map(part).collect()
}

/// The same to receive into.
pub fn parts_mut<T: bytemuck::Pod>(
    mut values: &mut [T],
    counts: impl Iterator<Item = (usize, usize)>,
) -> Vec<(usize, &mut [u8])> {
    let part = |(rank, count): (usize, usize)| {
        let part = values.split_off_mut(..count).expect("values of every rank");
        (rank, bytemuck::cast_slice_mut(part))
    };
    counts.map(part).collect()
}

/// What has arrived already.
pub struct Arrived;

impl Transfer for Arrived {
    fn progress(&mut self) -> bool {
        true
    }
    fn complete(self: Box<Self>) {}
}

/// Ranks of a node that touch files. More do not make a parallel file system
/// faster, and each operation on a file waits for all that take part.
const WRITERS_PER_NODE: usize = 4;

/// The ranks that touch files together; the others hand them their data.
pub struct Writers {
    /// Their numbers among all ranks; the first is 0.
    pub ranks: Vec<usize>,
    /// Their own group, on a rank that is one of them.
    pub group: Option<Comm>,
}

/// The ranks of a run.
pub struct Comm {
    /// Before `transport`, since groups are dropped before MPI finalises.
    writers: OnceCell<Box<Writers>>,
    transport: Box<dyn Transport>,
    /// The last failure that `agree` told all ranks.
    agreed: std::cell::RefCell<Option<String>>,
}

impl Comm {
    pub fn new(transport: Box<dyn Transport>) -> Comm {
        Comm { writers: OnceCell::new(), transport, agreed: Default::default() }
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

    /// The ranks that touch files. The first call is collective.
    pub fn writers(&self) -> &Writers {
        self.writers.get_or_init(|| {
            let is_writer = self.transport.rank_on_node() < WRITERS_PER_NODE;
            let all = self.all_gather(&[is_writer as u8]);
            let ranks = (0..self.size()).filter(|&rank| all[rank] == [1]).collect();
            Box::new(Writers { ranks, group: self.transport.split(is_writer).map(Comm::new) })
        })
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

    /// The largest value; NaN if any rank has NaN.
    pub fn max(&self, value: f64) -> f64 {
        let mut v = [value];
        self.max_f64(&mut v);
        v[0]
    }

    /// The smallest value; NaN if any rank has NaN.
    pub fn min(&self, value: f64) -> f64 {
        -self.max(-value)
    }

    /// The largest of each value over ranks; NaN where any rank has NaN, and
    /// 0 before -0, so that the bits do not depend on the number of ranks.
    pub fn max_f64(&self, values: &mut [f64]) {
        let mut keys: Vec<i64> = values.iter().map(|&v| order_key(v)).collect();
        self.transport.max_i64(&mut keys);
        values.iter_mut().zip(keys).for_each(|(v, key)| *v = from_order_key(key));
    }

    pub fn max_i64(&self, values: &mut [i64]) {
        self.transport.max_i64(values);
    }

    pub fn max_u64(&self, value: u64) -> u64 {
        let mut v = [(value ^ SIGN) as i64];
        self.transport.max_i64(&mut v);
        v[0] as u64 ^ SIGN
    }

    pub fn min_u64(&self, value: u64) -> u64 {
        !self.max_u64(!value)
    }

    /// True on every rank if it is true on any.
    pub fn any(&self, value: bool) -> bool {
        self.sum(value as i64) > 0
    }

    /// True on every rank if it is true on all.
    pub fn all(&self, value: bool) -> bool {
        !self.any(!value)
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

    /// Ends every rank with this exit code.
    pub fn abort(&self, code: i32) -> ! {
        self.transport.abort(code)
    }

    /// The same after a failure that all ranks know, once the first of them has told it.
    /// MPI is not finalised: HDF5 would try there once more to write files that it could
    /// not write, and crash.
    pub fn leave(&self, code: i32) -> ! {
        if self.size() == 1 {
            std::process::exit(code);
        }
        if !self.is_root() {
            self.barrier(); // to which the first rank does not come
        }
        self.abort(code)
    }
}

impl crate::domain::Reduction for Comm {
    fn sum(&self, values: &mut [i64]) {
        self.sum_i64(values);
    }

    fn max(&self, values: &mut [i64]) {
        self.max_i64(values);
    }
}

const SIGN: u64 = 1 << 63;

/// An integer that orders like the number, with every NaN above infinity.
fn order_key(x: f64) -> i64 {
    let bits = if x.is_nan() { f64::NAN.abs() } else { x }.to_bits() as i64;
    bits ^ ((bits >> 63) as u64 >> 1) as i64
}

fn from_order_key(key: i64) -> f64 {
    f64::from_bits((key ^ ((key >> 63) as u64 >> 1) as i64) as u64)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn order_keys_order_like_numbers_and_come_back() {
        let ascending =
            [f64::NEG_INFINITY, -1e300, -1.0, -1e-310, -0.0, 0.0, 1e-310, 2.5, f64::INFINITY];
        assert!(ascending.windows(2).all(|w| order_key(w[0]) < order_key(w[1])));
        for x in ascending {
            assert_eq!(from_order_key(order_key(x)).to_bits(), x.to_bits());
        }
        for nan in [f64::NAN, -f64::NAN] {
            assert!(order_key(nan) > order_key(f64::INFINITY));
            assert!(from_order_key(order_key(nan)).is_nan());
        }
    }
}
