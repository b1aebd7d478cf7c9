//! C: profiles of UCS. The words of its requests, headers and answers, and how its rows become contacts.
//!
//! ```text
//! description -> Request        header + Metadata -> Layout -> ImportProfile        outcome file -> Answer, log
//! ```

mod answer;
mod fault;
mod layout;
mod request;
mod schema;
mod shown;

pub use answer::{Answer, ENTRIES_MAX, Entry, log_first, log_last, log_line};
pub use fault::Fault;
pub use layout::{Layout, Place, match_key, rules};
pub use request::{Origin, Request};
pub use schema::{Attribute, AttributeType, Cardinality, Extension, IdKey, Metadata, NAME_MAX, Schema};
pub use shown::{profile, profile_id};
