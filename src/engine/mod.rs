//! Floor 4: campaigns, do-not-call, routing, the simulated T-Server and OCS: plain values, no I/O, time passed in.

pub mod conversation;
pub mod dnc;
pub mod fault;
pub(crate) mod filter;
mod journal;
pub mod ocs;
mod router;
pub mod scenario;
pub mod sequence;
mod status;
pub mod topology;
pub mod tserver;
pub mod words;
pub mod world;

pub use filter::{Filter, FilterError, Filtered, KEYS as FILTER_KEYS};
pub use journal::{
    Ended, Journal, RecordedAnswer, RequestNumber, RequestRecord, RequestResult, STEPS_MAX, Slug, Step, Which,
};
pub use router::{CampaignRoute, Named, OcsRoute, Priority, RouteError, Router};
pub use status::{ChangedBy, PairState, StatusMirror};
