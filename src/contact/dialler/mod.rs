//! D: dialler contacts of jtel. The fields with their lengths, requests as drafts, contacts as answers.

mod fields;
mod refusal;
mod request;
mod shown;

pub use fields::{PHONES, Release, schema};
pub use refusal::Refusal;
pub use request::{Campaign, Submission, profile};
pub use shown::{Tried, record};
