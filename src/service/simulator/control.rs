//! The simulator's controls: faults, what happens inside an OCS, the clock, and how everything stands.

use std::time::Duration;

use tokio::sync::{mpsc, oneshot};

use super::host::OcsCommand;
use crate::engine::fault::{Rule, RuleId, TooMany};
use crate::engine::ocs::dialer::CampaignCounts;
use crate::engine::ocs::{Internal, Ocs};
use crate::message::AppDbid;
use crate::message::Pair;
use crate::net::listener::{FaultControl, FaultState, Stopped};
use crate::protocol::Time;
use crate::protocol::lifecycle::PairState;
use crate::service::sim_clock::SimClock;

/// Controls a running simulator. Cheap to clone.
#[derive(Clone, Debug)]
pub struct SimControl {
    pub(super) faults: FaultControl,
    pub(super) clock: SimClock,
    pub(super) ocss: Vec<OcsControl>,
}

#[derive(Clone, Debug)]
pub(super) struct OcsControl {
    pub(super) dbid: AppDbid,
    pub(super) name: String,
    pub(super) commands: mpsc::Sender<OcsCommand>,
}

/// How one OCS stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OcsState {
    /// Its DBID.
    pub ocs: AppDbid,
    /// Entries of its do-not-call table.
    pub do_not_call: usize,
    /// Every pair: its state, and how often it was loaded.
    pub pairs: Vec<(Pair, PairState, u64)>,
    /// Records and calls of every campaign.
    pub campaigns: Vec<CampaignCounts>,
}

impl OcsState {
    pub(super) fn of(ocs: &Ocs) -> Self {
        let config = ocs.config();
        let pairs = config.pairs.iter().filter_map(|entry| {
            let pair = entry.pair;
            Some((pair, ocs.state(pair)?, ocs.session(pair)?))
        });
        Self { ocs: config.dbid, do_not_call: ocs.dnc().len(), pairs: pairs.collect(), campaigns: ocs.counts() }
    }
}

/// Why a command came to nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SimControlError {
    /// It is stopping.
    #[error("the simulator is stopping")]
    Stopped,
    /// No OCS has this DBID.
    #[error("there is no OCS {0}")]
    NoSuchOcs(AppDbid),
    /// No fault has this number.
    #[error("there is no fault {0}")]
    NoSuchFault(RuleId),
    /// One fault more than there may be.
    #[error(transparent)]
    TooMany(#[from] TooMany),
}

impl From<Stopped> for SimControlError {
    fn from(_: Stopped) -> Self {
        Self::Stopped
    }
}

impl SimControl {
    /// One more fault, from now on.
    ///
    /// # Errors
    /// [`SimControlError`].
    pub async fn add_fault(&self, rule: Rule) -> Result<FaultState, SimControlError> {
        let id = self.faults.add(rule.clone()).await??;
        let (_, listed) = self.faults.list().await?;
        let fresh = FaultState { id, rule, matched: 0, struck: 0, is_over: false };
        Ok(listed.into_iter().find(|state| state.id == id).unwrap_or(fresh))
    }

    /// All faults, and the time of the T-Server.
    ///
    /// # Errors
    /// [`SimControlError`].
    pub async fn faults(&self) -> Result<(Time, Vec<FaultState>), SimControlError> {
        Ok(self.faults.list().await?)
    }

    /// One fault less.
    ///
    /// # Errors
    /// [`SimControlError`].
    pub async fn remove_fault(&self, id: RuleId) -> Result<(), SimControlError> {
        if self.faults.remove(id).await? { Ok(()) } else { Err(SimControlError::NoSuchFault(id)) }
    }

    /// No faults any more.
    ///
    /// # Errors
    /// [`SimControlError`].
    pub async fn clear_faults(&self) -> Result<(), SimControlError> {
        Ok(self.faults.clear().await?)
    }

    /// Something happens inside an OCS, or inside every one.
    ///
    /// # Errors
    /// [`SimControlError`].
    pub async fn trigger(&self, ocs: Option<AppDbid>, internal: &Internal) -> Result<(), SimControlError> {
        for control in self.ocss(ocs)? {
            let command = OcsCommand::Internal(internal.clone());
            control.commands.send(command).await.map_err(|_| SimControlError::Stopped)?;
        }
        Ok(())
    }

    /// How every OCS stands, with its name.
    ///
    /// # Errors
    /// [`SimControlError`].
    pub async fn states(&self) -> Result<Vec<(String, OcsState)>, SimControlError> {
        let mut states = Vec::new();
        for control in &self.ocss {
            let (told, state) = oneshot::channel();
            control.commands.send(OcsCommand::State(told)).await.map_err(|_| SimControlError::Stopped)?;
            states.push((control.name.clone(), state.await.map_err(|_| SimControlError::Stopped)?));
        }
        Ok(states)
    }

    /// The clock of the OCSs.
    #[must_use]
    pub fn clock(&self) -> &SimClock {
        &self.clock
    }

    /// Turns the clock: first its speed, then its hands.
    pub fn turn(&self, times: Option<u32>, leap: Option<Duration>) {
        if let Some(times) = times {
            self.clock.set_times(times);
        }
        if let Some(leap) = leap {
            self.clock.leap(leap);
        }
    }

    fn ocss(&self, wanted: Option<AppDbid>) -> Result<Vec<&OcsControl>, SimControlError> {
        let found: Vec<&OcsControl> =
            self.ocss.iter().filter(|control| wanted.is_none_or(|dbid| dbid == control.dbid)).collect();
        match wanted {
            Some(dbid) if found.is_empty() => Err(SimControlError::NoSuchOcs(dbid)),
            Some(_) | None => Ok(found),
        }
    }
}
