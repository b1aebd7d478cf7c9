//! Floor 3: sans-IO machines for both ends of the CommDN protocol. Time is passed in, what to do is given back.

pub mod correlate;
pub mod requester;
mod time;

pub use time::{Time, UtcSeconds, UtcTime};
