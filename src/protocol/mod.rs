//! Floor 3: sans-IO machines for both ends of the CommDN protocol. Time is passed in, what to do is given back.

pub mod correlate;
pub mod heartbeat;
pub mod lifecycle;
pub mod link;
pub mod profile;
pub mod requester;
pub mod responder;
mod subject;
pub mod time;

pub use time::{Time, UtcSeconds, UtcTime};
