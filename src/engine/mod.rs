//! Floor 4: campaigns, do-not-call, routing, the simulated T-Server and OCS: plain values, no I/O.

pub mod conversation;
pub mod dnc;
pub mod ocs;
pub mod topology;
pub mod words;
