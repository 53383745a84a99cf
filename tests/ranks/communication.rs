//! Everything that `Comm` and its transport offer, on any number of ranks.

use super::Body;
use sinter_hpc::comm::{Comm, Message, Transport};

pub const BODIES: &[(&str, Body)] = &[
    ("ranks know themselves", ranks_know_themselves),
    ("sums are exact", sums_are_exact),
    ("extremes", extremes),
    ("all gather", all_gather),
    ("broadcast", broadcast),
    ("exchange in every pattern", exchange_in_every_pattern),
    ("exchanges do not mix", exchanges_do_not_mix),
    ("started exchanges overlap", transfers_reach_the_memory_meant_for_them),
    ("long messages", long_messages),
    ("barrier", barrier),
];

fn ranks_know_themselves(comm: &Comm) {
    let ranks: Vec<Vec<u64>> = comm.all_gather(&[comm.rank() as u64]);
    let expected: Vec<Vec<u64>> = (0..comm.size() as u64).map(|r| vec![r]).collect();
    assert_eq!(ranks, expected);
    // Tests run on one node.
    assert_eq!(comm.transport().ranks_on_node(), comm.size());
    let library = comm.transport().library();
    assert!(!library.is_empty());
    assert_eq!(comm.broadcast(0, Some(library.clone())), library);
}

fn sums_are_exact(comm: &Comm) {
    let (me, size) = (comm.rank() as i64, comm.size() as i64);
    assert_eq!(comm.sum(me), size * (size - 1) / 2);
    let mut many: Vec<i64> = (0..1000).map(|k| k * me - 7).collect();
    comm.sum_i64(&mut many);
    for (k, value) in many.iter().enumerate() {
        assert_eq!(*value, k as i64 * size * (size - 1) / 2 - 7 * size);
    }
    for start in [1i128 << 100, -(1i128 << 100), -1, (1 << 32) - 1, 1 << 95] {
        let mut wide = [start + me as i128, 0];
        comm.sum_i128(&mut wide);
        assert_eq!(wide, [start * size as i128 + (size * (size - 1) / 2) as i128, 0]);
    }
}

fn extremes(comm: &Comm) {
    let (me, last) = (comm.rank(), comm.size() - 1);
    let x = me as f64 - 0.5;
    assert_eq!(comm.max(x), last as f64 - 0.5);
    assert_eq!(comm.min(x), -0.5);
    assert_eq!(comm.max(-x), 0.5);
    assert_eq!(comm.min(f64::INFINITY), f64::INFINITY);
    // NaN on one rank is NaN on all, whatever its sign.
    for nan in [f64::NAN, -f64::NAN] {
        assert!(comm.max(if me == last { nan } else { 1.0 }).is_nan());
        assert!(comm.min(if me == last { nan } else { 1.0 }).is_nan());
    }
    let mut several = [x, -x, 3.0];
    comm.max_f64(&mut several);
    assert_eq!(several, [last as f64 - 0.5, 0.5, 3.0]);
    assert_eq!(comm.max_u64(if me == 0 { u64::MAX } else { 0 }), u64::MAX);
    assert_eq!(comm.min_u64(me as u64 + 5), 5);
    assert!(comm.any(me == last) && !comm.any(me > last));
    assert!(comm.all(me <= last) && (last == 0 || !comm.all(me < last)));
}

fn all_gather(comm: &Comm) {
    // The first rank gives nothing, each later one more.
    let mine: Vec<u32> = (0..comm.rank() as u32 * 3).collect();
    for (rank, list) in comm.all_gather(&mine).into_iter().enumerate() {
        assert_eq!(list, (0..rank as u32 * 3).collect::<Vec<_>>());
    }
    assert!(comm.all_gather::<u8>(&[]).iter().all(|list| list.is_empty()));
}

fn broadcast(comm: &Comm) {
    for root in 0..comm.size() {
        let text = format!("from {root}");
        let given = (comm.rank() == root).then(|| (text.clone(), vec![0.1, 1e300]));
        assert_eq!(comm.broadcast(root, given), (text, vec![0.1, 1e300]));
    }
    let mut nothing = Vec::new();
    comm.transport().broadcast(0, &mut nothing);
    assert!(nothing.is_empty());
}

/// What rank `from` says to rank `to`.
fn words(from: usize, to: usize, count: usize) -> Vec<u64> {
    (0..count as u64).map(|k| (from * 1000 + to) as u64 ^ k << 32).collect()
}

fn exchange_in_every_pattern(comm: &Comm) {
    let (me, size) = (comm.rank(), comm.size());
    let patterns: [fn(usize, usize, usize) -> bool; 6] = [
        |_, _, _| false,
        |_, _, _| true,
        |from, to, _| from == to,
        |from, to, size| (from + 1) % size == to,
        |from, _, _| from == 0,
        |from, to, _| (from * 31 + to * 17) % 5 < 2,
    ];
    for speaks in patterns {
        // Messages of zero words are messages as well. Destinations fall, so that
        // the order of arrival cannot be that of sources by accident.
        let send: Vec<_> = (0..size)
            .rev()
            .filter(|&to| speaks(me, to, size))
            .map(|to| (to, words(me, to, (me + to) % 4)))
            .collect();
        let expected: Vec<_> = (0..size)
            .filter(|&from| speaks(from, me, size))
            .map(|from| (from, words(from, me, (me + from) % 4)))
            .collect();
        assert_eq!(comm.exchange(&send), expected);
    }
}

/// One exchange right after another, with ranks that run ahead of each other.
fn exchanges_do_not_mix(comm: &Comm) {
    let (me, size) = (comm.rank(), comm.size());
    for round in 0..200 {
        let to = (me * 7 + round) % size;
        let senders = (0..size).filter(|from| (from * 7 + round) % size == me);
        let expected: Vec<_> = senders.map(|from| (from, words(from, round, 3))).collect();
        assert_eq!(comm.exchange(&[(to, words(me, round, 3))]), expected);
    }
}

fn transfers_reach_the_memory_meant_for_them(comm: &Comm) {
    let (me, size, transport) = (comm.rank(), comm.size(), comm.transport());
    // To every rank as many bytes as its number, twice in a row; `receive` runs backwards.
    for tag in [1u8, 2] {
        let sent: Vec<Vec<u8>> = (0..size).map(|to| vec![tag + me as u8; to]).collect();
        let send: Vec<(usize, &[u8])> = sent.iter().map(Vec::as_slice).enumerate().collect();
        let mut arrived = vec![vec![0u8; me]; size];
        let mut receive: Vec<(usize, &mut [u8])> =
            arrived.iter_mut().map(Vec::as_mut_slice).enumerate().rev().collect();
        transport.transfer(&send, &mut receive);
        for (from, bytes) in arrived.iter().enumerate() {
            assert_eq!(*bytes, vec![tag + from as u8; me]);
        }
    }
    // Only between neighbours, and nothing at all.
    let (next, previous) = ((me + 1) % size, (me + size - 1) % size);
    let mut arrived = [0; 5];
    transport.transfer(&[(next, &[me as u8; 5])], &mut [(previous, &mut arrived)]);
    assert_eq!(arrived, [previous as u8; 5]);
    transport.transfer(&[], &mut []);
}

/// Longer than what goes to MPI in one piece (64 MiB), and not a multiple of it.
const LONG: usize = (70 << 20) + 3;

fn long_messages(comm: &Comm) {
    let (me, last) = (comm.rank(), comm.size() - 1);
    let transport: &dyn Transport = comm.transport();
    let long: Vec<u8> = (0..LONG).map(|k| (k / 1021) as u8).collect();

    // From the last rank to the first, in all three ways.
    let send: Vec<Message> = if me == last { vec![(0, long.clone())] } else { Vec::new() };
    let expected = (me == 0) as usize;
    let arrived = transport.exchange(&send);
    assert_eq!(arrived.len(), expected);
    assert!(arrived.iter().all(|(from, bytes)| *from == last && *bytes == long));
    let mut arrived = vec![vec![0; LONG]; expected];
    let send: Vec<(usize, &[u8])> = send.iter().map(|(to, bytes)| (*to, &bytes[..])).collect();
    let mut receive: Vec<(usize, &mut [u8])> =
        arrived.iter_mut().map(|bytes| (last, &mut bytes[..])).collect();
    transport.transfer(&send, &mut receive);
    assert!(arrived.iter().all(|bytes| *bytes == long));
    let mut bytes = if me == last { long.clone() } else { Vec::new() };
    transport.broadcast(last, &mut bytes);
    assert!(bytes == long);

    // A few bytes from most ranks, very many from one.
    let gathered = transport.all_gather(if me == last { &long } else { &long[..me] });
    for (rank, bytes) in gathered.iter().enumerate() {
        assert!(*bytes == long[..if rank == last { LONG } else { rank }]);
    }
}

/// Every rank leaves a file before the barrier; behind it each finds all of them.
fn barrier(comm: &Comm) {
    let folder = comm.is_root().then(|| tempfile::tempdir().expect("a temporary folder"));
    let path = comm.broadcast(0, folder.as_ref().map(|f| f.path().to_path_buf()));
    std::fs::write(path.join(comm.rank().to_string()), "here").expect("written");
    comm.barrier();
    assert_eq!(std::fs::read_dir(&path).expect("a folder").count(), comm.size());
    comm.barrier();
}
