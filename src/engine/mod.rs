//! Floor 4: campaigns, do-not-call, routing, the simulated T-Server and OCS: plain values, no I/O, time passed in.

mod filter;
mod journal;
mod router;
mod status;
pub mod tserver;

pub use filter::{Filter, FilterError, Filtered, KEYS as FILTER_KEYS};
pub use journal::{
    Ended, Journal, RecordedAnswer, RequestNumber, RequestRecord, RequestResult, STEPS_MAX, Step, Which,
};
pub use router::{CampaignRoute, Named, OcsRoute, Priority, RouteError, Router, nearest};
pub use status::{ChangedBy, PairState, StatusMirror};
