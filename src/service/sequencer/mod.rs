//! Runs sequences on the gateway, and takes them up again after a restart.
//!
//! ```text
//! run, submit -> row of the store -> task: lease -> machine of each open sequence
//!    machine -> intent into its log (fenced by the lease's epoch), synced -> gateway: request with a key of its own
//!    gateway -> outcome, states of the mirror -> machine
//! ```
//!
//! The key of a request names sequence, step, act and attempt: after a crash it is handed over again and is the same
//! request, whether the first one had reached the journal or not. A step that ends after dials or contacts is given to OCS
//! as a schedule of its own, since OCS alone counts them; the gateway stops it as it stops any other.

mod act;
mod doc;
mod task;
#[cfg(test)]
mod tests;
mod view;

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::sync::mpsc;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

pub use view::{ActualStep, PlannedSequence, SequenceView};

use crate::engine::sequence::{
    Elsewhere, Machine, Sequence, Standing, Step, Terms, plan, schedule_of_step, submission,
};
use crate::message::GroupCampStatus;
use crate::protocol::UtcTime;
use crate::service::Config;
use crate::service::gateway::{Gateway, SEND_SLACK};
use crate::service::sequence_file::{Flaw, Format, SequenceFile, read};
use crate::service::wall;
use crate::store::sequences::{NewSequence, SequenceStore, StoredSequence};
use crate::store::{StoreError, StoreErrorKind};
use task::{Command, Task};

/// Commands that may wait for the task; they only say that the store has news.
const COMMANDS_MAX: usize = 64;
/// Open sequences at a time; one more is refused.
const OPEN_MAX: usize = 256;

/// Who runs a sequence.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RunBy {
    /// The gateway, step by step.
    Gateway,
    /// OCS, as a schedule.
    Ocs,
}

impl RunBy {
    /// The name in stores and JSON.
    #[must_use]
    pub fn slug(self) -> &'static str {
        match self {
            Self::Gateway => "gateway",
            Self::Ocs => "ocs",
        }
    }

    /// Reads what [`RunBy::slug`] writes.
    #[must_use]
    pub fn from_slug(slug: &str) -> Option<Self> {
        [Self::Gateway, Self::Ocs].into_iter().find(|it| it.slug() == slug)
    }
}

/// News of a sequence, for subscribers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SequenceNews {
    /// Which.
    pub number: i64,
    /// Its name.
    pub name: String,
    /// What is new, in order.
    pub entries: Vec<crate::engine::sequence::Entry>,
    /// Campaigns on groups of it, for those who may see some only.
    pub pairs: Vec<crate::message::Pair>,
}

/// Why a sequence is not taken.
#[derive(Clone, Debug, thiserror::Error)]
pub enum SequenceError {
    /// The file, or its plan, is wrong.
    #[error("{}", .0.first().map(ToString::to_string).unwrap_or_default())]
    Flaws(Vec<Flaw>),
    /// OCS cannot run it.
    #[error("step {}: OCS cannot run it: {reason}", step + 1)]
    NotNative {
        /// Which step.
        step: usize,
        /// Why.
        reason: String,
    },
    /// Too many at a time.
    #[error("there are {OPEN_MAX} open sequences, one more is not taken")]
    TooMany,
    /// The store refuses.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// The sequencer as its callers see it. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Sequencer {
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    gateway: Gateway,
    store: Arc<dyn SequenceStore>,
    commands: mpsc::Sender<Command>,
    /// Where the sequences stand that this process runs.
    live: Mutex<BTreeMap<i64, Standing>>,
}

impl Shared {
    fn set_live(&self, number: i64, standing: Option<Standing>) {
        let mut live = self.live.lock().unwrap_or_else(PoisonError::into_inner);
        match standing {
            Some(standing) => drop(live.insert(number, standing)),
            None => drop(live.remove(&number)),
        }
    }
}

/// Milliseconds since 1970 UTC by the wall clock.
pub(super) fn now_ms() -> i64 {
    let UtcTime { seconds, micros } = UtcTime::from(wall::now());
    seconds.0.saturating_mul(1_000).saturating_add(i64::from(micros / 1_000))
}

/// The terms of the lease: a successor waits for the longest time that a request takes to go out.
#[must_use]
pub fn terms(config: &Config) -> Terms {
    let grace = Duration::from_millis(config.limits.lane_wait_ms).saturating_add(SEND_SLACK);
    Terms { grace, ..Terms::default() }
}

/// Starts it on a gateway; open sequences of an earlier run go on. It ends with the token, and gives its lease back.
#[must_use]
pub fn start_sequencer(gateway: &Gateway, terms: Terms, stop: &CancellationToken) -> (Sequencer, JoinHandle<()>) {
    let holder = uuid::Uuid::new_v4().to_string();
    start_as(gateway, gateway.store().sequences(), &holder, terms, stop)
}

fn start_as(
    gateway: &Gateway,
    store: Arc<dyn SequenceStore>,
    holder: &str,
    terms: Terms,
    stop: &CancellationToken,
) -> (Sequencer, JoinHandle<()>) {
    let (commands, inbox) = mpsc::channel(COMMANDS_MAX);
    let shared = Arc::new(Shared { gateway: gateway.clone(), store, commands, live: Mutex::default() });
    let task = Task::new(Arc::clone(&shared), holder, terms);
    let task = tokio::spawn(task.run(inbox, stop.clone()));
    (Sequencer { shared }, task)
}

impl Sequencer {
    /// Reads a file with the names of the site.
    ///
    /// # Errors
    /// Everything that is wrong with it.
    pub fn read(&self, text: &str, format: Format) -> Result<SequenceFile, SequenceError> {
        read(text, format, self.shared.gateway.router(), now_ms()).map_err(SequenceError::Flaws)
    }

    /// The timeline of a file, and what is odd about it beside what runs on the same groups.
    ///
    /// # Errors
    /// The store's.
    pub async fn plan(&self, file: SequenceFile) -> Result<PlannedSequence, SequenceError> {
        let now = now_ms();
        let elsewhere = self.elsewhere(now).await?;
        let plan = plan(&file.sequence, self.shared.gateway.router(), &elsewhere, now);
        let mut flaws = file.warnings.clone();
        flaws.extend(plan.lints.iter().map(|lint| file.flaw(lint)));
        flaws.sort_by_key(|flaw| (!flaw.is_error, flaw.line));
        Ok(PlannedSequence { now_ms: now, sequence: file.sequence, plan, flaws })
    }

    /// Who dials, and who will.
    async fn elsewhere(&self, now_ms: i64) -> Result<Vec<Elsewhere>, SequenceError> {
        let states = self.shared.gateway.states().await;
        let running = states.iter().filter(|state| state.status == Some(GroupCampStatus::RUNNING));
        let mut all: Vec<Elsewhere> = running
            .map(|state| Elsewhere {
                group: state.pair.group,
                campaign: state.pair.campaign,
                mode: state.dialing.mode,
                from_ms: now_ms,
                till_ms: None,
                by: "it dials now".into(),
            })
            .collect();
        for stored in self.shared.store.sequences(None, OPEN_MAX, true).await? {
            let Ok(sequence) = doc::decode(&stored.new.plan) else { continue };
            let planned = plan(&sequence, self.shared.gateway.router(), &[], now_ms);
            for (step, line) in sequence.steps.iter().zip(&planned.lines).filter(|(_, line)| !line.skipped) {
                all.push(Elsewhere {
                    group: step.pair.group,
                    campaign: step.pair.campaign,
                    mode: step.dialing.or(self.shared.gateway.router().configured(step.pair)).mode,
                    from_ms: line.begin.earliest_ms,
                    till_ms: line.end.latest_ms,
                    by: format!("sequence {} '{}'", id_of(stored.number), stored.new.name),
                });
            }
        }
        Ok(all)
    }

    /// Takes a sequence: it is on the disk when this returns, and runs whether the caller stays or not.
    ///
    /// # Errors
    /// [`SequenceError`]; nothing is kept.
    pub async fn run(
        &self,
        planned: &PlannedSequence,
        by: RunBy,
        asked_by: &str,
        source: &str,
        key: Option<(String, [u8; 32])>,
    ) -> Result<StoredSequence, SequenceError> {
        if !planned.plan.is_good() {
            return Err(SequenceError::Flaws(planned.flaws.clone()));
        }
        if by == RunBy::Ocs {
            self.native(&planned.sequence)?;
        }
        if self.shared.store.sequences(None, OPEN_MAX, true).await?.len() >= OPEN_MAX {
            return Err(SequenceError::TooMany);
        }
        let new = NewSequence {
            name: planned.sequence.name.clone(),
            run_by: by.slug().into(),
            asked_by: asked_by.to_owned(),
            created_at: planned.now_ms,
            plan: doc::encode(&planned.sequence),
            source: source.to_owned(),
            key,
        };
        let stored = self.shared.store.create_sequence(new).await?;
        self.look();
        Ok(stored)
    }

    /// The request that would give a sequence to OCS, as log text.
    ///
    /// # Errors
    /// It cannot be run by OCS, or not be sent.
    pub async fn dry_run(&self, planned: &PlannedSequence) -> Result<String, SequenceError> {
        let whole = self.native(&planned.sequence)?;
        let Some(step) = whole.steps.first() else { return Ok(String::new()) };
        let order = act::order(step, crate::engine::sequence::Act::Load);
        let text = self.shared.gateway.dry_run(order).await;
        text.map_err(|error| SequenceError::NotNative { step: 0, reason: error.to_string() })
    }

    fn native(&self, sequence: &Sequence) -> Result<Sequence, SequenceError> {
        submission(sequence).ok_or_else(|| {
            let obstacles = (0..sequence.steps.len()).filter_map(|at| Some((at, sequence.obstacle(at)?)));
            let (step, reason) = obstacles.map(|(at, obstacle)| (at, obstacle.to_string())).next().unwrap_or_default();
            SequenceError::NotNative { step, reason }
        })
    }

    /// One sequence with what has happened to it.
    ///
    /// # Errors
    /// The store's.
    pub async fn show(&self, number: i64) -> Result<Option<SequenceView>, SequenceError> {
        let Some((stored, log)) = self.shared.store.sequence(number).await? else { return Ok(None) };
        Ok(Some(self.view(stored, log)?))
    }

    /// Sequences with smaller numbers, from the newest on, with their logs.
    ///
    /// # Errors
    /// The store's.
    pub async fn list(&self, before: Option<i64>, most: usize) -> Result<Vec<SequenceView>, SequenceError> {
        let mut views = Vec::new();
        for stored in self.shared.store.sequences(before, most, false).await? {
            if let Some((stored, log)) = self.shared.store.sequence(stored.number).await? {
                views.push(self.view(stored, log)?);
            }
        }
        Ok(views)
    }

    /// Tells a sequence to stop: the step in turn is stopped and unloaded, no other follows. One that has ended stays as
    /// it is.
    ///
    /// # Errors
    /// The store's.
    pub async fn stop(&self, number: i64, by: &str) -> Result<Option<SequenceView>, SequenceError> {
        let found = self.shared.store.ask_stop(number, by.to_owned(), now_ms()).await?;
        self.look();
        match found {
            Some(_) => self.show(number).await,
            None => Ok(None),
        }
    }

    /// What is asked of OCS is found in the journal under this name.
    #[must_use]
    pub fn asker_of(stored: &StoredSequence) -> String {
        act::asker_name(stored.number, &stored.new.name)
    }

    fn look(&self) {
        // A full queue has the task look at the store anyway.
        let _ = self.shared.commands.try_send(Command::Look);
    }

    fn view(
        &self,
        stored: StoredSequence,
        log: Vec<crate::engine::sequence::Entry>,
    ) -> Result<SequenceView, StoreError> {
        let sequence = decoded(&stored)?;
        let live = self.shared.live.lock().unwrap_or_else(PoisonError::into_inner).get(&stored.number).copied();
        let standing = live.unwrap_or_else(|| {
            let run = runnable(&sequence, &stored);
            Machine::resume(run, &log, stored.stop_asked.is_some()).standing()
        });
        let planned = plan(&sequence, self.shared.gateway.router(), &[], stored.new.created_at);
        Ok(SequenceView::new(stored, sequence, planned, log, standing))
    }
}

/// `q12`
#[must_use]
pub fn id_of(number: i64) -> String {
    format!("q{number}")
}

/// Reads what [`id_of`] writes, or the number alone.
#[must_use]
pub fn number_of(id: &str) -> Option<i64> {
    id.strip_prefix('q').unwrap_or(id).parse().ok().filter(|number| *number > 0)
}

fn decoded(stored: &StoredSequence) -> Result<Sequence, StoreError> {
    doc::decode(&stored.new.plan).map_err(|error| {
        StoreError::new(StoreErrorKind::Damaged, format_args!("sequences: plan of {}: {error}", stored.number))
    })
}

/// The steps as they are run: what OCS runs is one step, and what OCS has to count is a schedule.
fn runnable(sequence: &Sequence, stored: &StoredSequence) -> Sequence {
    if stored.new.run_by == RunBy::Ocs.slug()
        && let Some(whole) = submission(sequence)
    {
        return whole;
    }
    let step = |step: &Step| if step.end.is_counted() { schedule_of_step(&sequence.name, step) } else { step.clone() };
    Sequence { steps: sequence.steps.iter().map(step).collect(), ..sequence.clone() }
}
