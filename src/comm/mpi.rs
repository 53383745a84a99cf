//! Ranks that are MPI processes, on rsmpi and, where it is too narrow, on the C
//! interface beneath it.
//!
//! Invariants: MPI is called by the main thread only (`Funneled`), except for
//! the abort of a dying program. A buffer belongs to its transfer until that
//! has completed. Counts in MPI are 32-bit, so everything longer travels in
//! pieces of at most `PIECE` bytes; messages between two ranks never overtake
//! one another, so pieces arrive in order. Errors inside MPI end all ranks
//! (its default error handler), so return codes need no checks here.

use super::{Message, Transfer, Transport};
use ::mpi::environment::{Threading, Universe, initialize_with_threading};
use ::mpi::ffi;
use std::ffi::c_int;
use std::marker::PhantomData;

/// Longest message handed to MPI at once, in bytes: far below the limit of 32-bit
/// counts, long enough that the start of a message costs nothing beside it.
const PIECE: usize = 1 << 26;

/// Tags that keep the two kinds of messages apart.
const LENGTH: c_int = 1;
const CONTENT: c_int = 2;

/// A group of ranks: all of the launch, or those that `split` chose.
pub struct World {
    communicator: ffi::MPI_Comm,
    rank: usize,
    size: usize,
    ranks_on_node: usize,
    rank_on_node: usize,
    /// Of the group of all ranks: MPI finalises when it is dropped.
    universe: Option<Universe>,
}

impl World {
    /// Initialises MPI; `None` if it was initialised before, since MPI can be only once.
    pub fn initialise() -> Option<World> {
        let (universe, provided) = initialize_with_threading(Threading::Funneled)?;
        assert!(
            provided >= Threading::Funneled,
            "this MPI library allows no threads beside the one that calls it"
        );
        Some(World::of(world(), Some(universe)))
    }

    fn of(communicator: ffi::MPI_Comm, universe: Option<Universe>) -> World {
        let (mut rank, mut size, mut ranks_on_node, mut rank_on_node) = (0, 0, 0, 0);
        // SAFETY: MPI is initialised; each call writes one integer or handle into
        // a live variable, and the communicator of the node is freed once.
        unsafe {
            ffi::MPI_Comm_rank(communicator, &mut rank);
            ffi::MPI_Comm_size(communicator, &mut size);
            let mut node = ffi::RSMPI_COMM_NULL;
            ffi::MPI_Comm_split_type(
                communicator,
                ffi::RSMPI_COMM_TYPE_SHARED,
                rank,
                ffi::RSMPI_INFO_NULL,
                &mut node,
            );
            ffi::MPI_Comm_size(node, &mut ranks_on_node);
            ffi::MPI_Comm_rank(node, &mut rank_on_node);
            ffi::MPI_Comm_free(&mut node);
        }
        World {
            communicator,
            rank: rank as usize,
            size: size as usize,
            ranks_on_node: ranks_on_node as usize,
            rank_on_node: rank_on_node as usize,
            universe,
        }
    }

    fn reduce(&self, values: &mut [i64], operation: ffi::MPI_Op) {
        for piece in values.chunks_mut(PIECE / size_of::<i64>()) {
            let mine = piece.to_vec();
            // SAFETY: both buffers are live and as long as the count says.
            unsafe {
                ffi::MPI_Allreduce(
                    mine.as_ptr().cast(),
                    piece.as_mut_ptr().cast(),
                    piece.len() as c_int,
                    ffi::RSMPI_INT64_T,
                    operation,
                    self.communicator,
                );
            }
        }
    }

    /// How many messages the other ranks have for this one, from how many it has
    /// for each of them. No rank leaves this call before all have entered it.
    fn count_incoming(&self, send: &[Message]) -> usize {
        let mut outgoing = vec![0i32; self.size];
        send.iter().for_each(|&(to, _)| outgoing[to] += 1);
        let mut incoming = 0i32;
        // SAFETY: `outgoing` has one entry per rank, `incoming` takes the one block.
        unsafe {
            ffi::MPI_Reduce_scatter_block(
                outgoing.as_ptr().cast(),
                (&raw mut incoming).cast(),
                1,
                ffi::RSMPI_INT32_T,
                ffi::RSMPI_SUM,
                self.communicator,
            );
        }
        incoming as usize
    }
}

/// The communicator of all ranks.
fn world() -> ffi::MPI_Comm {
    // SAFETY: a constant of the MPI library.
    unsafe { ffi::RSMPI_COMM_WORLD }
}

/// Ends all ranks. Also for a thread other than the main one: the program is
/// lost by then, and to hang would be worse.
fn abort(code: i32) -> ! {
    if ::mpi::environment::is_initialized() && !::mpi::environment::is_finalized() {
        // SAFETY: MPI is initialised and not yet finalised.
        unsafe { ffi::MPI_Abort(world(), code) };
    }
    std::process::exit(code)
}

/// The colour of ranks that `MPI_Comm_split` leaves out.
fn ffi_undefined() -> c_int {
    // SAFETY: a constant of the MPI library.
    unsafe { ffi::RSMPI_UNDEFINED }
}

impl Drop for World {
    fn drop(&mut self) {
        if self.universe.is_none() {
            // SAFETY: made by `split`, and dropped before MPI finalises (`Comm`).
            unsafe { ffi::MPI_Comm_free(&mut self.communicator) };
        }
    }
}

impl Transport for World {
    fn rank(&self) -> usize {
        self.rank
    }

    fn size(&self) -> usize {
        self.size
    }

    fn ranks_on_node(&self) -> usize {
        self.ranks_on_node
    }

    fn rank_on_node(&self) -> usize {
        self.rank_on_node
    }

    fn split(&self, take_part: bool) -> Option<Box<dyn Transport>> {
        let colour = if take_part { 0 } else { ffi_undefined() };
        // SAFETY: every rank calls it; the new communicator is freed when dropped.
        let part = unsafe {
            let mut part = ffi::RSMPI_COMM_NULL;
            ffi::MPI_Comm_split(self.communicator, colour, self.rank as c_int, &mut part);
            part
        };
        take_part.then(|| Box::new(World::of(part, None)) as Box<dyn Transport>)
    }

    fn barrier(&self) {
        // SAFETY: no buffers.
        unsafe { ffi::MPI_Barrier(self.communicator) };
    }

    fn sum_i64(&self, values: &mut [i64]) {
        // SAFETY: a constant of the MPI library.
        self.reduce(values, unsafe { ffi::RSMPI_SUM });
    }

    fn max_i64(&self, values: &mut [i64]) {
        // SAFETY: a constant of the MPI library.
        self.reduce(values, unsafe { ffi::RSMPI_MAX });
    }

    fn broadcast(&self, root: usize, bytes: &mut Vec<u8>) {
        let mut length = [if self.rank == root { bytes.len() as i64 } else { 0 }];
        self.sum_i64(&mut length);
        bytes.resize(length[0] as usize, 0);
        for piece in bytes.chunks_mut(PIECE) {
            // SAFETY: `piece` is live, writable, and of the same length everywhere.
            unsafe {
                ffi::MPI_Bcast(
                    piece.as_mut_ptr().cast(),
                    piece.len() as c_int,
                    ffi::RSMPI_UINT8_T,
                    root as c_int,
                    self.communicator,
                );
            }
        }
    }

    /// In rounds, each of which gathers less than `PIECE` bytes in all.
    fn all_gather(&self, mine: &[u8]) -> Vec<Vec<u8>> {
        let own = mine.len() as u64;
        let mut lengths = vec![0u64; self.size];
        // SAFETY: `lengths` has one entry per rank.
        unsafe {
            ffi::MPI_Allgather(
                (&raw const own).cast(),
                1,
                ffi::RSMPI_UINT64_T,
                lengths.as_mut_ptr().cast(),
                1,
                ffi::RSMPI_UINT64_T,
                self.communicator,
            );
        }
        let longest = lengths.iter().max().map_or(0, |&l| l as usize);
        let share = (PIECE / self.size).max(1);
        let mut gathered: Vec<Vec<u8>> =
            lengths.iter().map(|&l| Vec::with_capacity(l as usize)).collect();
        for start in (0..longest).step_by(share) {
            let part = |length: usize| length.saturating_sub(start).min(share);
            let counts: Vec<c_int> = lengths.iter().map(|&l| part(l as usize) as c_int).collect();
            let places: Vec<c_int> = counts
                .iter()
                .scan(0, |end, &count| Some(std::mem::replace(end, *end + count)))
                .collect();
            let total: usize = counts.iter().map(|&c| c as usize).sum();
            let mut buffer = vec![0u8; total];
            let from = start.min(mine.len());
            // SAFETY: `mine` holds this rank's count of bytes after `from`; `buffer`
            // holds the sum of all counts, and `places` are their running sums.
            unsafe {
                ffi::MPI_Allgatherv(
                    mine[from..].as_ptr().cast(),
                    counts[self.rank],
                    ffi::RSMPI_UINT8_T,
                    buffer.as_mut_ptr().cast(),
                    counts.as_ptr(),
                    places.as_ptr(),
                    ffi::RSMPI_UINT8_T,
                    self.communicator,
                );
            }
            for ((list, &place), &count) in gathered.iter_mut().zip(&places).zip(&counts) {
                list.extend_from_slice(&buffer[place as usize..][..count as usize]);
            }
        }
        gathered
    }

    /// First every rank learns how many messages it will get, then from whom and
    /// how long, then the contents travel. Work and memory besides one integer
    /// per rank grow with the messages, not with the ranks.
    fn exchange(&self, send: &[Message]) -> Vec<Message> {
        let incoming = self.count_incoming(send);
        let lengths: Vec<u64> = send.iter().map(|(_, bytes)| bytes.len() as u64).collect();
        let mut transfers = Transfers::new(self.communicator);
        for ((to, _), length) in send.iter().zip(&lengths) {
            transfers.send(*to, LENGTH, bytemuck::bytes_of(length));
        }
        let mut announced: Vec<(usize, usize)> =
            (0..incoming).map(|_| receive_length(self.communicator)).collect();
        transfers.complete();
        announced.sort_by_key(|&(from, _)| from);
        let mut received: Vec<Message> =
            announced.into_iter().map(|(from, length)| (from, vec![0; length])).collect();
        for (from, bytes) in &mut received {
            transfers.receive(*from, CONTENT, bytes);
        }
        for (to, bytes) in send {
            transfers.send(*to, CONTENT, bytes);
        }
        transfers.complete();
        received
    }

    fn begin_transfer<'b>(
        &self,
        send: &[(usize, &'b [u8])],
        receive: Vec<(usize, &'b mut [u8])>,
    ) -> Box<dyn Transfer + 'b> {
        let mut transfers = Transfers::new(self.communicator);
        for (from, bytes) in receive {
            transfers.receive(from, CONTENT, bytes);
        }
        for (to, bytes) in send {
            transfers.send(*to, CONTENT, bytes);
        }
        Box::new(UnderWay { transfers, buffers: PhantomData })
    }

    fn aborter(&self) -> fn(i32) -> ! {
        abort
    }

    fn library(&self) -> String {
        let text = ::mpi::environment::library_version().unwrap_or_default();
        let (major, minor) = ::mpi::environment::version();
        format!("{} (MPI {major}.{minor})", first_words(&text))
    }
}

/// Name and version at the head of what a library says about itself: up to the
/// first comma (Open MPI) or the first line (MPICH and its kin).
fn first_words(text: &str) -> String {
    let head = text.split([',', '\n', '\0']).next().unwrap_or_default();
    head.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// The next announcement of a message: source and length in bytes.
fn receive_length(communicator: ffi::MPI_Comm) -> (usize, usize) {
    let mut length = 0u64;
    // SAFETY: MPI_Status is plain data that the call fills; `length` takes the
    // eight bytes of the announcement.
    let status = unsafe {
        let mut status: ffi::MPI_Status = std::mem::zeroed();
        ffi::MPI_Recv(
            (&raw mut length).cast(),
            size_of::<u64>() as c_int,
            ffi::RSMPI_UINT8_T,
            ffi::RSMPI_ANY_SOURCE,
            LENGTH,
            communicator,
            &mut status,
        );
        status
    };
    (status.MPI_SOURCE as usize, length as usize)
}

/// Sends and receives under way. Whoever starts one keeps its buffer alive and
/// untouched until `complete`.
struct Transfers {
    communicator: ffi::MPI_Comm,
    requests: Vec<ffi::MPI_Request>,
}

impl Transfers {
    fn new(communicator: ffi::MPI_Comm) -> Transfers {
        Transfers { communicator, requests: Vec::new() }
    }

    fn send(&mut self, to: usize, tag: c_int, bytes: &[u8]) {
        for piece in bytes.chunks(PIECE) {
            // SAFETY: the caller keeps `bytes` until `complete`.
            let request = unsafe {
                let mut request = ffi::RSMPI_REQUEST_NULL;
                ffi::MPI_Isend(
                    piece.as_ptr().cast(),
                    piece.len() as c_int,
                    ffi::RSMPI_UINT8_T,
                    to as c_int,
                    tag,
                    self.communicator,
                    &mut request,
                );
                request
            };
            self.requests.push(request);
        }
    }

    fn receive(&mut self, from: usize, tag: c_int, bytes: &mut [u8]) {
        for piece in bytes.chunks_mut(PIECE) {
            // SAFETY: the caller keeps `bytes` and does not touch them until `complete`.
            let request = unsafe {
                let mut request = ffi::RSMPI_REQUEST_NULL;
                ffi::MPI_Irecv(
                    piece.as_mut_ptr().cast(),
                    piece.len() as c_int,
                    ffi::RSMPI_UINT8_T,
                    from as c_int,
                    tag,
                    self.communicator,
                    &mut request,
                );
                request
            };
            self.requests.push(request);
        }
    }

    /// Gives the library an occasion to move what waits; whether all is done.
    fn test(&mut self) -> bool {
        let mut all_done = 0;
        // SAFETY: every request was started once; those that are done are set to null.
        unsafe {
            ffi::MPI_Testall(
                self.requests.len() as c_int,
                self.requests.as_mut_ptr(),
                &mut all_done,
                ffi::RSMPI_STATUSES_IGNORE,
            );
        }
        all_done != 0
    }

    fn complete(&mut self) {
        // SAFETY: every request was started once; completion sets it to null.
        unsafe {
            ffi::MPI_Waitall(
                self.requests.len() as c_int,
                self.requests.as_mut_ptr(),
                ffi::RSMPI_STATUSES_IGNORE,
            );
        }
        self.requests.clear();
    }
}

/// Transfers that have their buffers to the end.
struct UnderWay<'b> {
    transfers: Transfers,
    buffers: PhantomData<&'b mut [u8]>,
}

impl Transfer for UnderWay<'_> {
    fn progress(&mut self) -> bool {
        self.transfers.test()
    }

    fn complete(self: Box<Self>) {}
}

impl Drop for UnderWay<'_> {
    /// Complete, whatever happens meanwhile.
    fn drop(&mut self) {
        self.transfers.complete();
    }
}

#[cfg(test)]
mod tests {
    use super::first_words;

    #[test]
    fn libraries_name_themselves_in_few_words() {
        let openmpi = "Open MPI v4.1.4, package: Debian OpenMPI, ident: 4.1.4\0";
        assert_eq!(first_words(openmpi), "Open MPI v4.1.4");
        let mpich = "MPICH Version:      4.0.2\nMPICH Release date: Thu Apr 7\n";
        assert_eq!(first_words(mpich), "MPICH Version: 4.0.2");
    }
}
