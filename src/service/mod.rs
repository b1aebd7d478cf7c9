//! Floor 6: what runs for hours, put together: the gateway and the simulator.

mod config;
mod config_check;

pub use config::*;
pub use config_check::{Finding, Severity};
