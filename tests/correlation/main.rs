//! The proof of the correlator: worlds of requesters, a T-Server and OCSs under seeded faults.
//!
//! ```text
//! cargo test --profile proof --no-default-features --features mutants --test correlation     all, with a short share of the schedules
//! COMMDN_CORRELATION_SECONDS=60 COMMDN_CORRELATION_SCHEDULES=100000 ... schedules
//! COMMDN_CORRELATION_SEED=7 ...                                  begins (or goes on) with this seed
//! COMMDN_CORRELATION_REPLAY=FILE ... replay -- --nocapture
//! ```

mod groups;
#[cfg(feature = "mutants")]
mod mutants;
mod relations;
mod schedules;
mod small;
mod world;
