//! Floor 3: sans-IO machines for both ends of the CommDN protocol. Time is passed in, what to do is given back.

pub mod lifecycle;
pub mod profile;
pub mod responder;
mod time;

pub use time::{Time, UtcSeconds, UtcTime};
