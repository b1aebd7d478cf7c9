//! Floor 3: sans-IO machines: link, requester, responder, lifecycle. Time is passed in.

pub mod heartbeat;
pub mod link;
pub mod time;
