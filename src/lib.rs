//! The open stack for the Genesys Communication DN (CommDN) API.
//!
//! Rooms, arrows pointing down only:
//!
//! ```text
//! cli        the program: flags, tables, progress
//! http       REST, SSE, pages; holds no rule
//! service    long-lived things: gateway, simulator
//! net        sockets, timers, tasks (no `async` below this line)
//! store      SQL: what outlives the process
//! engine     routing, status, the simulated T-Server and OCS: plain values
//! protocol   sans-IO machines: link, requester, responder, lifecycle
//! message    TKVList to typed CommDN messages, one file per request and its event
//! wire       bytes to TKVList, frames, log text
//! contact    bytes of a file to contacts: CSV, mapping, phones, matching, chains
//! ```
//!
//! Floors 1 to 3 read untrusted bytes: what could panic or wrap silently is refused there at compile time.

#[cfg(feature = "app")]
pub mod cli;
#[cfg_attr(
    not(test),
    deny(
        clippy::indexing_slicing,
        clippy::unwrap_used,
        clippy::expect_used,
        clippy::panic,
        clippy::arithmetic_side_effects,
        clippy::as_conversions
    )
)]
pub mod contact;
pub mod engine;
#[cfg(feature = "app")]
pub mod http;
#[cfg_attr(
    not(test),
    deny(
        clippy::indexing_slicing,
        clippy::unwrap_used,
        clippy::expect_used,
        clippy::panic,
        clippy::arithmetic_side_effects,
        clippy::as_conversions
    )
)]
pub mod message;
#[cfg(feature = "app")]
pub mod net;
#[cfg_attr(
    not(test),
    deny(
        clippy::indexing_slicing,
        clippy::unwrap_used,
        clippy::expect_used,
        clippy::panic,
        clippy::arithmetic_side_effects,
        clippy::as_conversions
    )
)]
pub mod protocol;
#[cfg(feature = "app")]
pub mod service;
#[cfg(feature = "app")]
pub mod store;
#[cfg_attr(
    not(test),
    deny(
        clippy::indexing_slicing,
        clippy::unwrap_used,
        clippy::expect_used,
        clippy::panic,
        clippy::arithmetic_side_effects,
        clippy::as_conversions
    )
)]
pub mod wire;
