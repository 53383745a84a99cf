//! Faults on demand, for the tests of what the program makes of them
//! (`tests/python/test_faults.py`). `SINTER_FAULT="panic 40 5"` lets a worker thread of
//! rank 5 panic in step 40; `"nan 40 5"` puts not-a-number into an atom of it, and `"flip 40 5"` changes
//! one bit of the velocity of an atom, as a broken memory does.

use crate::atoms::Atoms;
use crate::comm::Comm;
use crate::error::{Error, Result};

const VARIABLE: &str = "SINTER_FAULT";

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Panic,
    Nan,
    Flip,
}

/// What happens to this rank, and in which step.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Fault {
    kind: Kind,
    step: u64,
    rank: usize,
}

impl Fault {
    /// The one that is ordered for this rank, if any.
    pub fn ordered(comm: &Comm) -> Result<Option<Fault>> {
        let Ok(order) = std::env::var(VARIABLE) else { return Ok(None) };
        let wrong = || Error::Usage(format!("{VARIABLE}=\"{order}\": as in \"panic 40 5\""));
        let fault = parse(&order).ok_or_else(wrong)?;
        Ok((fault.rank == comm.rank()).then_some(fault))
    }

    pub fn strike(&self, step: u64, atoms: &mut Atoms) {
        if step != self.step {
            return;
        }
        match self.kind {
            // The last one is a worker, if this rank has any.
            Kind::Panic => drop(rayon::broadcast(|thread| {
                if thread.index() + 1 == thread.num_threads() {
                    panic!("ordered by {VARIABLE}");
                }
            })),
            Kind::Nan => {
                atoms.velocity[..atoms.owned].iter_mut().take(1).for_each(|v| v[1] = f64::NAN)
            }
            // One that is not rounded away.
            Kind::Flip => atoms.velocity[..atoms.owned]
                .iter_mut()
                .take(1)
                .for_each(|v| v[1] = f64::from_bits(v[1].to_bits() ^ 1 << 40)),
        }
    }
}

fn parse(order: &str) -> Option<Fault> {
    let [kind, step, rank] = order.split_whitespace().collect::<Vec<_>>()[..] else { return None };
    let kind = match kind {
        "panic" => Kind::Panic,
        "nan" => Kind::Nan,
        "flip" => Kind::Flip,
        _ => return None,
    };
    Some(Fault { kind, step: step.parse().ok()?, rank: rank.parse().ok()? })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_order_names_kind_step_and_rank() {
        assert_eq!(parse("panic 40 5"), Some(Fault { kind: Kind::Panic, step: 40, rank: 5 }));
        for wrong in ["", "panic", "panic 40", "panic 40 x", "melt 40 5", "nan 1 2 3"] {
            assert_eq!(parse(wrong), None, "{wrong}");
        }
    }
}
