//! System A, contact lists in the shape of Genesys Cloud (specification 3.A): the words that server and client share.
//!
//! Feature `app` adds what travels as JSON ([`shape`]) and the keys of a configuration file ([`Parameters`]).

mod batch;
mod error;
#[cfg(feature = "app")]
mod parameters;
mod region;
mod rules;
#[cfg(feature = "app")]
pub mod shape;
#[cfg(feature = "app")]
mod time;

pub use batch::{BatchLimits, Batcher, DeleteLimits, DeleteQuery, encode_component};
pub use error::ErrorCode;
#[cfg(feature = "app")]
pub use parameters::{ParameterError, Parameters, PhoneColumnParameter};
pub use region::{Hosts, REGIONS, Region, UnknownRegion};
pub use rules::{ContactRules, Fault, ListLimits, ListRules, contact_faults, list_faults};
#[cfg(feature = "app")]
pub use time::{read_time, write_time};

/// Most contacts of one add request.
pub const CONTACTS_MAX: usize = 1_000;
/// Characters of an id.
pub const ID_CHARS_MAX: usize = 255;
