//! The client of contact lists in the shape of Genesys Cloud (specification of contacts, 3.A.2): a file is checked as a
//! whole, then sent batch by batch, one request in flight.
//!
//! ```text
//! table   file -> rows that are checked          remote  one call: token, tries, waits
//! run     validate, token, list, clear, batches  report  outcome and reject file
//! state   what a job is and how far it has come; kept after each batch that was answered
//! ```

mod error;
mod outside;
mod remote;
mod report;
mod run;
mod send;
mod state;
mod table;

pub use error::PushError;
pub use outside::{Outside, ThisMachine};
pub use remote::{Account, Remote, RemoteOptions};
pub use run::{Finished, Job, Phase, Seen, Watch};
pub use state::{FileLedger, Ledger, NoLedger, Place, Stage, State, Task, TaskKind};
