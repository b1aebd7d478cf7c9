//! Floor 5: sockets, clocks and tasks; the only async protocol code.

pub mod client;
pub mod codec;
pub mod driver;
pub mod listener;
mod ready;
pub mod registry;
pub mod tls;
