//! Floor 1: contacts, from the bytes of a file to what is to be stored. One model, four dialects of it.
//!
//! ```text
//! bytes -> csv (records with line and number) -> mapping (draft) -> policy (trim, phones, checks)
//!       -> decide (what a draft does to the contacts that it meets) -> chain (records of the calling list)
//! ```
//!
//! Nothing here reads a file, a clock or a store: hits of keys and do-not-call verdicts are passed in.

pub mod chain;
pub mod csv;
mod decide;
#[cfg(feature = "app")]
pub mod dialler;
mod draft;
pub mod external;
pub mod formula;
pub mod genesys_cloud;
mod mapping;
mod outcome;
pub mod phone;
pub mod policy;
#[cfg(feature = "app")]
pub mod preset;
mod profile;
mod record;
mod report;
#[cfg(feature = "app")]
pub mod ucs;
mod words;

pub use decide::{
    Decision, OrganisationDecision, Rules, customer_of, decide, decide_organisation, match_order, no_phone, same_field,
};
pub use draft::{Draft, FollowUp, KeyKind, KeyValue, OrganisationDraft, keys_of};
pub use mapping::{Mapping, MappingError, apply_phone};
pub use outcome::{OutcomeWriter, REJECT_COLUMNS, RejectWriter};
pub use policy::{FieldKind, FieldRule};
pub use profile::{
    DncPolicy, EmptyPolicy, ImportProfile, MatchKey, MatchScope, OnMatch, PhonePolicy, Ragged, SourceKind, WrongKey,
};
pub use record::{CallingList, Contact, ExternalId, Organisation, Phone, PhoneColumn, PhoneType};
pub use report::{Code, Counts, Outcome, RecordReport, Remark, Severity};
pub use words::UnknownWord;

/// A list of the documents: `first_name` and `phone_number` (example A1).
#[cfg(test)]
fn test_list() -> CallingList {
    let phone = PhoneColumn { column: "phone_number".to_owned(), kind: "cell".to_owned(), time_zone_column: None };
    CallingList {
        number: 1,
        id: "l".to_owned(),
        name: "L".to_owned(),
        columns: vec!["first_name".to_owned(), "phone_number".to_owned()],
        phone_columns: vec![phone],
        ..CallingList::default()
    }
}
