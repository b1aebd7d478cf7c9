//! The proof of the correlator: worlds of requesters, a T-Server and OCSs under seeded faults.
//!
//! ```text
//! cargo test --test correlation                                  a short share
//! cargo test --test correlation --features mutants               the planted mutants, too
//! COMMDN_CORRELATION_SECONDS=60 COMMDN_CORRELATION_SCHEDULES=100000 cargo test --test correlation schedules
//! COMMDN_CORRELATION_SEED=7 ...                                  begins (or goes on) with this seed
//! COMMDN_CORRELATION_REPLAY=FILE cargo test --test correlation replay -- --nocapture
//! ```

mod groups;
#[cfg(feature = "mutants")]
mod mutants;
mod relations;
mod schedules;
mod small;
mod world;
