//! Ranks as threads of one process: any number of ranks without MPI, for tests
//! and for planning a run on more ranks than there are cores.
//!
//! Every collective is an all-gather through one shared board; messages between
//! two ranks wait in mailboxes keyed by source, destination and the number of
//! the operation. A rank that panics takes all others with it.

use super::{Comm, Message, Transfer, Transport};
use std::cell::Cell;
use std::collections::HashMap;
use std::sync::{Arc, Condvar, Mutex, MutexGuard};

/// Runs `body` on `ranks` ranks and returns what each gave, in order of rank. Each has a node
/// to itself.
pub fn run<R: Send>(ranks: usize, body: impl Fn(&Comm) -> R + Sync) -> Vec<R> {
    run_on_nodes(&Vec::from_iter(0..ranks), body)
}

/// The same, with a rank for each of `nodes`, the number of the node that it is on.
pub fn run_on_nodes<R: Send>(nodes: &[usize], body: impl Fn(&Comm) -> R + Sync) -> Vec<R> {
    let ranks = nodes.len();
    let hub = Arc::new(Hub::new(nodes));
    std::thread::scope(|scope| {
        let handles: Vec<_> = (0..ranks)
            .map(|rank| {
                let hub = hub.clone();
                let body = &body;
                scope.spawn(move || {
                    let _alarm = Alarm(hub.clone());
                    body(&Comm::new(Box::new(Threads {
                        hub,
                        rank,
                        operations: Default::default(),
                    })))
                })
            })
            .collect();
        handles.into_iter().map(|h| h.join().expect("a rank panicked")).collect()
    })
}

struct Threads {
    hub: Arc<Hub>,
    rank: usize,
    /// How many point-to-point operations this rank has begun; equal on every
    /// rank at the same place of the program, hence a tag.
    operations: Cell<u64>,
}

struct Hub {
    ranks: usize,
    /// The node of each.
    nodes: Vec<usize>,
    board: Mutex<Board>,
    changed: Condvar,
}

#[derive(Default)]
struct Board {
    given: Vec<Option<Vec<u8>>>,
    present: usize,
    round: u64,
    complete: Arc<Vec<Vec<u8>>>,
    mail: HashMap<(usize, usize, u64), Vec<u8>>,
    /// Of groups that were split off, the newest last.
    parts: Vec<Arc<Hub>>,
    broken: bool,
}

impl Hub {
    fn new(nodes: &[usize]) -> Hub {
        let ranks = nodes.len();
        let board = Board { given: vec![None; ranks], ..Board::default() };
        Hub { ranks, nodes: nodes.to_vec(), board: Mutex::new(board), changed: Condvar::new() }
    }

    /// Waits until `ready` finds what it looks for.
    fn wait<T>(&self, mut ready: impl FnMut(&mut Board) -> Option<T>) -> T {
        let mut board = self.lock();
        loop {
            assert!(!board.broken, "another rank panicked");
            match ready(&mut board) {
                Some(value) => return value,
                None => board = self.changed.wait(board).unwrap_or_else(|e| e.into_inner()),
            }
        }
    }

    fn fetch(&self, operation: u64, from: usize, to: usize) -> Vec<u8> {
        let key = (from, to, operation);
        self.wait(|board| board.mail.remove(&key))
    }

    fn lock(&self) -> MutexGuard<'_, Board> {
        self.board.lock().unwrap_or_else(|e| e.into_inner())
    }

    /// Whoever waits here, or in a group that was split off, panics.
    fn break_up(&self) {
        let mut board = self.lock();
        board.broken = true;
        self.changed.notify_all();
        board.parts.iter().for_each(|part| part.break_up());
    }
}

/// Tells the other ranks when this one panics, so that none waits for ever.
struct Alarm(Arc<Hub>);

impl Drop for Alarm {
    fn drop(&mut self) {
        if std::thread::panicking() {
            self.0.break_up();
        }
    }
}

impl Threads {
    fn next_operation(&self) -> u64 {
        self.operations.set(self.operations.get() + 1);
        self.operations.get()
    }

    fn post(&self, operation: u64, messages: impl IntoIterator<Item = Message>) {
        let mut board = self.hub.lock();
        for (to, bytes) in messages {
            let old = board.mail.insert((self.rank, to, operation), bytes);
            assert!(old.is_none(), "one message to each rank in one exchange");
        }
        drop(board);
        self.hub.changed.notify_all();
    }

    fn gather(&self, mine: &[u8]) -> Arc<Vec<Vec<u8>>> {
        let mut board = self.hub.lock();
        let round = board.round;
        board.given[self.rank] = Some(mine.to_vec());
        board.present += 1;
        if board.present == self.hub.ranks {
            let all = board.given.iter_mut().map(|g| g.take().expect("all are present")).collect();
            board.complete = Arc::new(all);
            board.present = 0;
            board.round += 1;
            self.hub.changed.notify_all();
        }
        drop(board);
        // No rank can begin the next round before all have left this one: it
        // would need this rank to be present there.
        self.hub.wait(|board| (board.round > round).then(|| board.complete.clone()))
    }

    fn reduce<T: bytemuck::Pod>(&self, values: &mut [T], combine: impl Fn(T, T) -> T) {
        let all = self.gather(bytemuck::cast_slice(values));
        for (k, value) in values.iter_mut().enumerate() {
            let size = size_of::<T>();
            let given = all.iter().map(|b| bytemuck::pod_read_unaligned(&b[k * size..][..size]));
            *value = given.reduce(&combine).expect("at least one rank");
        }
    }
}

/// A transfer whose messages are not fetched yet.
struct UnderWay<'b> {
    hub: Arc<Hub>,
    rank: usize,
    operation: u64,
    receive: Vec<(usize, &'b mut [u8])>,
}

impl Transfer for UnderWay<'_> {
    fn progress(&mut self) -> bool {
        let board = self.hub.lock();
        let has_come = |(from, _): &(usize, &mut [u8])| {
            board.mail.contains_key(&(*from, self.rank, self.operation))
        };
        assert!(!board.broken, "another rank panicked");
        self.receive.iter().all(has_come)
    }

    fn complete(self: Box<Self>) {
        let UnderWay { hub, rank, operation, receive } = *self;
        for (from, bytes) in receive {
            // Panics where the sides do not agree about the length.
            bytes.copy_from_slice(&hub.fetch(operation, from, rank));
        }
    }
}

impl Transport for Threads {
    fn rank(&self) -> usize {
        self.rank
    }
    fn size(&self) -> usize {
        self.hub.ranks
    }
    /// All: whatever nodes they act as if they were on, they share the cores of this one.
    fn ranks_on_node(&self) -> usize {
        self.hub.ranks
    }
    fn rank_on_node(&self) -> usize {
        let nodes = &self.hub.nodes;
        nodes[..self.rank].iter().filter(|&&node| node == nodes[self.rank]).count()
    }
    fn split(&self, take_part: bool) -> Option<Box<dyn Transport>> {
        let all = self.gather(&[take_part as u8]);
        let members = Vec::from_iter((0..self.size()).filter(|&rank| all[rank] == [1]));
        if members.first() == Some(&self.rank) {
            let nodes = Vec::from_iter(members.iter().map(|&rank| self.hub.nodes[rank]));
            self.hub.lock().parts.push(Arc::new(Hub::new(&nodes)));
        }
        self.barrier();
        let rank = members.iter().position(|&rank| rank == self.rank);
        let part = rank.map(|rank| {
            let hub = self.hub.lock().parts.last().expect("the first member made it").clone();
            Box::new(Threads { hub, rank, operations: Default::default() }) as Box<dyn Transport>
        });
        self.barrier(); // before the next one is made
        part
    }
    fn barrier(&self) {
        self.gather(&[]);
    }
    fn sum_i64(&self, values: &mut [i64]) {
        self.reduce(values, i64::wrapping_add);
    }
    fn max_i64(&self, values: &mut [i64]) {
        self.reduce(values, i64::max);
    }
    fn broadcast(&self, root: usize, bytes: &mut Vec<u8>) {
        let all = self.gather(if self.rank == root { bytes } else { &[] });
        bytes.clone_from(&all[root]);
    }
    fn all_gather(&self, mine: &[u8]) -> Vec<Vec<u8>> {
        self.gather(mine).to_vec()
    }
    fn exchange(&self, send: &[Message]) -> Vec<Message> {
        let operation = self.next_operation();
        self.post(operation, send.iter().cloned());
        let targets: Vec<u64> = send.iter().map(|(to, _)| *to as u64).collect();
        let all_targets = self.gather(bytemuck::cast_slice(&targets));
        let names_me = |targets: &Vec<u8>| {
            targets
                .chunks_exact(8)
                .any(|t| bytemuck::pod_read_unaligned::<u64>(t) == self.rank as u64)
        };
        let sources = (0..self.size()).filter(|&from| names_me(&all_targets[from]));
        sources.map(|from| (from, self.hub.fetch(operation, from, self.rank))).collect()
    }
    fn begin_transfer<'b>(
        &self,
        send: &[(usize, &'b [u8])],
        receive: Vec<(usize, &'b mut [u8])>,
    ) -> Box<dyn Transfer + 'b> {
        let operation = self.next_operation();
        self.post(operation, send.iter().map(|(to, bytes)| (*to, bytes.to_vec())));
        Box::new(UnderWay { hub: self.hub.clone(), rank: self.rank, operation, receive })
    }
    fn aborter(&self) -> fn(i32) -> ! {
        |code| panic!("a rank ended the run with exit code {code}")
    }
    fn library(&self) -> String {
        "none (ranks are threads)".into()
    }
}

#[cfg(test)]
mod tests {
    #[test]
    fn collectives_and_messages_reach_every_rank() {
        for ranks in [1, 2, 3, 8, 64] {
            let sums = super::run(ranks, |comm| {
                let me = comm.rank();
                // Round the ring, and to oneself.
                let next = (me + 1) % ranks;
                let mut send = vec![(me, vec![me as u64])];
                if next != me {
                    send.push((next, vec![me as u64, 7]));
                }
                let received = comm.exchange(&send);
                assert!(received.is_sorted_by_key(|(from, _)| *from));
                let words: usize = received.iter().map(|(_, list)| list.len()).sum();
                assert_eq!(words, if ranks == 1 { 1 } else { 3 });
                assert_eq!(comm.max(me as f64), (ranks - 1) as f64);
                let mut wide = [-(1i128 << 90) + me as i128];
                comm.sum_i128(&mut wide);
                assert_eq!(wide[0] + ((ranks as i128) << 90), (ranks * (ranks - 1) / 2) as i128);
                comm.sum(me as i64)
            });
            assert!(sums.iter().all(|&s| s == (ranks * (ranks - 1) / 2) as i64));
        }
    }

    /// The first four ranks of each node touch files, wherever a launcher put the ranks; they
    /// are a group of their own.
    #[test]
    fn writers_are_the_first_four_of_each_node() {
        let in_blocks = [0, 0, 0, 0, 0, 0, 1, 2, 2, 2, 2, 2];
        let in_turn = [2, 0, 1, 2, 0, 2, 0, 2, 0, 2, 0, 0];
        let one = [7; 12];
        for (nodes, expected) in [
            (&in_blocks[..], &[0, 1, 2, 3, 6, 7, 8, 9, 10][..]),
            (&in_turn, &[0, 1, 2, 3, 4, 5, 6, 7, 8]),
            (&one, &[0, 1, 2, 3]),
            (&in_blocks[..3], &[0, 1, 2]),
        ] {
            super::run_on_nodes(nodes, |comm| {
                let writers = comm.writers();
                assert_eq!(writers.ranks, expected, "{nodes:?}");
                let place = expected.iter().position(|&rank| rank == comm.rank());
                assert_eq!(writers.group.as_ref().map(|group| group.rank()), place, "{nodes:?}");
                if let Some(group) = &writers.group {
                    assert_eq!(group.size(), expected.len());
                    let all = group.all_gather(&[comm.rank()]).concat();
                    assert_eq!(all, expected, "they hear each other, and nobody else");
                }
                // What the group does does not disturb what all do.
                assert_eq!(comm.sum(1), nodes.len() as i64);
            });
        }
    }

    #[test]
    #[should_panic(expected = "a rank panicked")]
    fn a_rank_that_panics_takes_a_group_with_it() {
        super::run(3, |comm| {
            let group = comm.transport().split(comm.rank() < 2);
            assert!(comm.rank() != 2, "as ordered");
            group.expect("two of three").barrier();
            comm.barrier();
        });
    }
}
