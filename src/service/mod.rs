//! Floor 6: what runs for hours, put together: the gateway and the simulator.

pub mod access;
mod config;
mod config_check;
pub mod confined;
pub mod dnc;
pub mod gateway;
pub mod import;
mod health;
mod hub;
pub mod metrics;
pub mod port;
mod pseudonym;
pub mod simulator;
mod site;
pub mod wall;

pub use config::*;
pub use config_check::{Finding, Severity};
pub use health::Health;
pub use hub::{Hub, Numbered, Subscription};
pub use pseudonym::{Pseudonyms, without_numbers};
pub use site::config_of_site;
