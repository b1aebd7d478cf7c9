//! The status mirror: what was last heard of each campaign on each group, whoever the event was for.

use std::collections::BTreeMap;

use crate::message::AppDbid;
use crate::message::Dialing;
use crate::message::ErrorCode;
use crate::message::GroupCampStatus;
use crate::message::Message;
use crate::message::MessageType;
use crate::message::Pair;
use crate::protocol::UtcTime;

/// Pairs that are mirrored; a pair beyond them is not taken up, and counted.
pub(super) const PAIRS_MAX: usize = 10_000;

/// State of one pair as its OCS last told it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PairState {
    /// Which OCS.
    pub ocs: AppDbid,
    /// Which campaign on which group.
    pub pair: Pair,
    /// `None` until something was heard.
    pub status: Option<GroupCampStatus>,
    /// Parameters in force, as far as they were heard.
    pub dialing: Dialing,
    /// When status or parameters were last seen to change.
    pub changed_at: UtcTime,
    /// What made them change.
    pub changed_by: ChangedBy,
    /// When anything was last heard.
    pub observed_at: UtcTime,
    /// The event that told it.
    pub observed_by: MessageType,
}

/// What made a state change, as far as it can be told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ChangedBy {
    /// The event answered a request of ours.
    Request,
    /// It was not asked for by us.
    Notification,
    /// It was an answer to a question for the status.
    Status,
}

impl ChangedBy {
    /// Reads what [`ChangedBy::slug`] writes.
    #[must_use]
    pub fn from_slug(slug: &str) -> Option<Self> {
        [Self::Request, Self::Notification, Self::Status].into_iter().find(|by| by.slug() == slug)
    }

    /// The name in settings and JSON.
    #[must_use]
    pub fn slug(self) -> &'static str {
        match self {
            Self::Request => "request",
            Self::Notification => "notification",
            Self::Status => "status",
        }
    }
}

/// Every pair that was heard of.
#[derive(Clone, Debug, Default)]
pub struct StatusMirror {
    pairs: BTreeMap<(AppDbid, Pair), PairState>,
    /// Events about pairs beyond the limit.
    pub refused: u64,
}

impl StatusMirror {
    /// Takes an event of an OCS. `Some` when status or parameters changed, or the pair is new.
    pub fn apply(&mut self, at: UtcTime, ocs: AppDbid, event: &Message, by: ChangedBy) -> Option<&PairState> {
        let pair = event.pair()?;
        let status = status_after(event)?;
        let dialing = event.dialing();
        let observed_by = event.message_type();
        let key = (ocs, pair);
        if !self.pairs.contains_key(&key) && self.pairs.len() >= PAIRS_MAX {
            self.refused = self.refused.saturating_add(1);
            return None;
        }
        let new = !self.pairs.contains_key(&key);
        let state = self.pairs.entry(key).or_insert(PairState {
            ocs,
            pair,
            status: None,
            dialing: Dialing::default(),
            changed_at: at,
            changed_by: by,
            observed_at: at,
            observed_by,
        });
        state.observed_at = at;
        state.observed_by = observed_by;
        let dialing = dialing.or(state.dialing);
        if !new && state.status == Some(status) && state.dialing == dialing {
            return None;
        }
        state.status = Some(status);
        state.dialing = dialing;
        state.changed_at = at;
        state.changed_by = by;
        Some(state)
    }

    /// Takes up what was known in an earlier run.
    pub fn restore(&mut self, state: PairState) {
        if self.pairs.len() < PAIRS_MAX {
            self.pairs.insert((state.ocs, state.pair), state);
        }
    }

    /// The state of a pair on one OCS.
    #[must_use]
    pub fn pair(&self, ocs: AppDbid, pair: Pair) -> Option<&PairState> {
        self.pairs.get(&(ocs, pair))
    }

    /// Every pair by OCS, campaign, group.
    pub fn iter(&self) -> impl Iterator<Item = &PairState> {
        self.pairs.values()
    }
}

/// The status that an event tells: its own, or the one that its kind implies when it carries none.
fn status_after(event: &Message) -> Option<GroupCampStatus> {
    if let Message::ErrorEvent(error) = event {
        // An error that says there is no such campaign, group or pair tells no state of it.
        let exists = !matches!(error.error, Some(ErrorCode(3 | 8 | 9)));
        return error.status.filter(|_| exists);
    }
    let told = event.pair_event()?;
    if told.status.is_some() {
        return told.status;
    }
    if told.error.is_some_and(|error| error.0 != 0) {
        return None;
    }
    match event {
        Message::CampaignLoaded(_) | Message::DialingStopped(_) => Some(GroupCampStatus::ACTIVE),
        Message::CampaignUnloaded(_) => Some(GroupCampStatus::NOT_LOADED),
        Message::DialingStarted(_) | Message::DialingModeChanged(_) => Some(GroupCampStatus::RUNNING),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::message::{CampaignLoaded, CampaignStatus, DialMode, DialingStarted, ErrorEvent, OptimizeBy, PairEvent};

    const OCS: AppDbid = AppDbid(301);

    fn event(status: Option<GroupCampStatus>) -> PairEvent {
        PairEvent { status, ..PairEvent::new(Pair::new(101, 732), GroupCampStatus::ACTIVE) }
    }

    #[test]
    fn an_event_changes_the_state_once() {
        let mut mirror = StatusMirror::default();
        let at = UtcTime::default();
        let started = Message::from(DialingStarted(event(Some(GroupCampStatus::RUNNING))));
        let state = mirror.apply(at, OCS, &started, ChangedBy::Notification).unwrap();
        assert_eq!((state.status, state.changed_by), (Some(GroupCampStatus::RUNNING), ChangedBy::Notification));
        assert_eq!(mirror.apply(at, OCS, &started, ChangedBy::Request), None);
    }

    #[test]
    fn a_bare_event_tells_its_state_by_its_kind() {
        let mut mirror = StatusMirror::default();
        let loaded = Message::from(CampaignLoaded(event(None)));
        let state = mirror.apply(UtcTime::default(), OCS, &loaded, ChangedBy::Request).unwrap();
        assert_eq!(state.status, Some(GroupCampStatus::ACTIVE));
        let silent = Message::from(CampaignStatus(event(None)));
        assert_eq!(mirror.apply(UtcTime::default(), OCS, &silent, ChangedBy::Status), None);
    }

    #[test]
    fn parameters_that_an_event_leaves_out_stay() {
        let mut mirror = StatusMirror::default();
        let dialing = Dialing::new(DialMode::PREDICTIVE, OptimizeBy::BUSY_FACTOR, 80);
        let told = PairEvent { dialing, ..event(Some(GroupCampStatus::ACTIVE)) };
        mirror.apply(UtcTime::default(), OCS, &CampaignLoaded(told).into(), ChangedBy::Request);
        let bare = DialingStarted(event(Some(GroupCampStatus::RUNNING)));
        let state = mirror.apply(UtcTime::default(), OCS, &bare.into(), ChangedBy::Request).unwrap();
        assert_eq!(state.dialing, dialing);
    }

    #[test]
    fn an_error_tells_the_state_only_when_it_carries_it() {
        let mut mirror = StatusMirror::default();
        let mut error = ErrorEvent { error: Some(ErrorCode(7)), ..ErrorEvent::default() };
        assert_eq!(mirror.apply(UtcTime::default(), OCS, &error.clone().into(), ChangedBy::Request), None);
        let pair = Pair::new(101, 732);
        error.campaign = Some(pair.campaign);
        error.group = Some(pair.group);
        error.status = Some(GroupCampStatus::RUNNING);
        assert!(mirror.apply(UtcTime::default(), OCS, &error.clone().into(), ChangedBy::Request).is_some());
        error.error = Some(ErrorCode::CAMPAIGN_NOT_FOUND);
        error.status = Some(GroupCampStatus::NOT_LOADED);
        assert_eq!(mirror.apply(UtcTime::default(), OCS, &error.into(), ChangedBy::Request), None);
    }
}
