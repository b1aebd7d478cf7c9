//! Sequences that the gateway runs: campaigns one after the other, each with its end, exactly as they are written down.
//!
//! ```text
//! model    what a sequence is                     log      what has happened, from which a run goes on
//! window   weekdays and hours in a zone           machine  one sequence: what to do next
//! native   the same as `campaign_schedule`        lease    who may run them
//! plan     who runs what when, and what is odd
//! ```
//!
//! Plain values: the time (milliseconds since 1970 UTC) comes with every input.

mod lease;
mod log;
mod machine;
mod model;
mod native;
mod plan;
#[cfg(test)]
mod tests;
mod window;

pub use lease::{Answer as LeaseAnswer, Keeper, Output as LeaseOutput, Terms};
pub use log::{Act, ActOutcome, Entry, SequenceResult, StepResult, What};
pub use machine::{Input, Machine, Output, Standing};
pub use model::{Condition, End, OnFailure, RETRIES, RETRY_APART_MS, Sequence, Step, Want};
pub use native::{Obstacle, schedule_of_step, submission};
pub use plan::{Elsewhere, Line, Lint, Moment, Plan, RunBy, plan};
pub use window::Window;
