//! Plain values measured in situ, over all ranks.

mod record;

pub use record::{Column, Record, Series, Values};
