//! Floor 6: what runs for hours, put together: the gateway and the simulator.

pub mod access;
mod config;
mod config_check;
pub mod gateway;
mod hub;
pub mod simulator;
mod site;

pub use config::*;
pub use config_check::{Finding, Severity};
pub use hub::{Hub, Numbered, Subscription};
pub use site::config_of_site;
