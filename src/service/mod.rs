//! Floor 6: what runs for hours, put together: the gateway and the simulator.

mod config;

pub use config::*;
mod hub;
pub use hub::{Hub, Numbered, Subscription};
