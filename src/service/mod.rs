//! Floor 6: what runs for hours, put together: the gateway and the simulator.

pub mod access;
pub mod backup;
mod config;
mod config_check;
mod config_contacts;
pub mod confined;
pub mod contact_lists;
pub mod dialler;
pub mod dnc;
pub mod external;
pub mod gateway;
mod health;
mod hub;
pub mod import;
mod loaded;
pub mod metrics;
pub mod port;
mod pseudonym;
pub mod push;
pub mod signed;
pub mod sim_clock;
pub mod simulator;
mod site;
pub mod ucs;
pub mod wall;
mod zones;

pub use config::*;
pub use config_check::{Finding, Severity};
pub use config_contacts::{ContactListsSection, ImportSection, JtelSection, UcsSection};
pub use health::Health;
pub use hub::{Hub, Numbered, Subscription, Told};
pub use loaded::LoadedLists;
pub use pseudonym::{Pseudonyms, without_numbers};
pub use site::config_of_site;
pub use zones::{ZoneError, fill_zones};
