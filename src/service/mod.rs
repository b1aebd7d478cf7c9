//! Floor 6: what runs for hours, put together: the gateway and the simulator.

mod config;
pub mod gateway;
mod hub;
pub mod simulator;

pub use config::*;
pub use hub::{Hub, Numbered, Subscription};
