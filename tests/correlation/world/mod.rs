//! The world of the proof: gateways, a T-Server, two OCSs, one queue, virtual time, one seed.
//!
//! The requesters and the OCSs are the product's own machines. The T-Server is a fan-out in one order: framing, logins
//! and attributes of `engine::tserver` would cost time and decide nothing here (its own tests
//! and `sockets.rs` hold it to the same fan-out), and 100,000 schedules a minute are worth more.
#![allow(dead_code, unreachable_pub, clippy::wildcard_imports)]

pub mod acts;
pub mod checks;
pub mod dice;
pub mod gateway;
pub mod laws;
pub mod ocss;
pub mod plan;
pub mod records;
pub mod rest;
pub mod run;
pub mod show;
pub mod shrink;
pub mod site;
pub mod wires;

pub use plan::Plan;
pub use records::Tally;
pub use run::play;
