//! Do-not-call as evidence: who asked for what, which OCS has confirmed it, and what is late.

mod deadline;
mod phone;
mod report;

pub use deadline::{Deadline, UnknownProfile};
pub use phone::{E164Rules, PhoneRules, UnknownCountry};
pub use report::{DncReport, OcsTally, find, report, report_page, watch};
