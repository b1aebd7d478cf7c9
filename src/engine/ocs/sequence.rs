//! Sequences of a group (specification 5.7): requests with campaign 0, and the items in their turn.
//!
//! An item begins after `startTime` and its own pause, and ends at `stopAtTime`, `stopAtContacts`, `stopAtDials` or when
//! no record is left; dialing reports the last three, or a test by [`super::Internal::ItemEnd`].

use std::time::Duration;

use crate::engine::ocs::campaign::{Request, wrap};
use crate::engine::ocs::{Asker, Ocs};
use crate::message::AppDbid;
use crate::message::CampaignDbid;
use crate::message::CampaignSchedule;
use crate::message::DialMode;
use crate::message::Dialing;
use crate::message::ErrorCode;
use crate::message::GroupCampStatus;
use crate::message::GroupDbid;
use crate::message::Message;
use crate::message::MessageType;
use crate::message::Pair;
use crate::message::PairEvent;
use crate::message::RequestKind;
use crate::message::ScheduleItem;
use crate::protocol::Time;
use crate::protocol::lifecycle::{Emit, Outcome, PairState, SequenceState};
use crate::protocol::profile::ItemFailure;

/// The sequence of a group.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Sequence {
    state: SequenceState,
    schedule: CampaignSchedule,
    /// The item in turn, from 0; kept over a stop.
    position: usize,
    /// The item that has been loaded by the sequence.
    item: Option<Pair>,
    /// How often the item in turn could not begin.
    failures: u32,
    last_requester: Option<AppDbid>,
    /// While running: when the item in turn begins, or the loaded one ends.
    due: Option<Time>,
}

impl Sequence {
    /// When a timer of it is due.
    pub(super) fn due(&self) -> Option<Time> {
        self.due
    }

    fn item_in_turn(&self) -> Option<&ScheduleItem> {
        self.schedule.in_order().get(self.position).map(|(_, item)| *item)
    }
}

impl Ocs {
    pub(super) fn sequence_request(
        &mut self,
        asker: &Asker,
        request: &Request,
        schedule: Option<&CampaignSchedule>,
    ) -> Result<(), ErrorCode> {
        request.check_fields(&self.config.profile.rows)?;
        self.alarm = None;
        let group = request.pair.group;
        let known = self.sequences.get(&group);
        let state = known.map_or(SequenceState::None, |sequence| sequence.state);
        let outcome = self.config.profile.lifecycle.sequence(request.kind, state).cloned();
        if request.kind != RequestKind::Load {
            let named = schedule.and_then(|schedule| schedule.description.as_ref());
            let stored = known.and_then(|sequence| sequence.schedule.description.as_ref());
            if known.is_some() && named.is_some() && named != stored {
                return Err(ErrorCode::CAMPAIGN_SCHEDULE_NOT_FOUND);
            }
        }
        let (next, events) = match outcome {
            Some(Outcome::Go { next, events, .. }) => (next, events),
            Some(Outcome::Refuse(code)) => return Err(code),
            None => return Ok(()), // cancel and do-not-call have no sequence
        };
        if state == SequenceState::None && next != SequenceState::None {
            let schedule = schedule.ok_or(ErrorCode::CAMPAIGN_SCHEDULE_NOT_FOUND)?;
            self.check_schedule(group, schedule)?;
            let schedule = schedule.clone();
            self.sequences.insert(
                group,
                Sequence { state, schedule, position: 0, item: None, failures: 0, last_requester: None, due: None },
            );
        }
        if request.kind == RequestKind::SetMode {
            self.set_item_mode(group, request)?;
        }
        let Some(sequence) = self.sequences.get_mut(&group) else { return Ok(()) };
        sequence.last_requester = Some(asker.requester.origin);
        sequence.state = next;
        sequence.due = sequence.due.filter(|_| next == SequenceState::Running);
        if state == SequenceState::Running && next != SequenceState::Running {
            self.end_item(group, request.kind == RequestKind::ForceUnload);
        }
        let answers: Vec<Message> = events.into_iter().map(|emit| self.sequence_event(group, emit)).collect();
        if next == SequenceState::None {
            self.sequences.remove(&group);
        }
        for event in answers {
            self.answer(asker, event);
        }
        if state != SequenceState::Running && next == SequenceState::Running {
            self.await_item(group);
        }
        Ok(())
    }

    /// Sets the time at which the item in turn begins: not before `startTime`, and after its own pause.
    fn await_item(&mut self, group: GroupDbid) {
        self.alarm = None;
        let (now, utc) = (self.now, self.utc_now());
        let Some(sequence) = self.sequences.get_mut(&group) else { return };
        let start = i64::from(sequence.schedule.start_time.unwrap_or(0));
        let minutes = sequence.item_in_turn().and_then(|item| item.sleep_before_next_start_minutes).unwrap_or(0);
        let seconds = start.saturating_sub(utc).max(0).saturating_add(i64::from(minutes.max(0)) * 60);
        sequence.due = Some(now + Duration::from_secs(seconds.unsigned_abs()));
    }

    /// A timer of a sequence is due.
    pub(super) fn sequence_due(&mut self, group: GroupDbid) {
        self.alarm = None;
        let Some(sequence) = self.sequences.get_mut(&group) else { return };
        sequence.due = None;
        if sequence.item.is_some() { self.item_end(group) } else { self.item_begin(group, false) }
    }

    /// A bad schedule first, then each item's campaign and group.
    fn check_schedule(&self, group: GroupDbid, schedule: &CampaignSchedule) -> Result<(), ErrorCode> {
        schedule.check().map_err(|_| ErrorCode::INVALID_CAMPAIGN_SCHEDULE)?;
        for (_, item) in schedule.in_order() {
            let campaign = item.campaign.ok_or(ErrorCode::INVALID_CAMPAIGN_SCHEDULE)?;
            self.check_objects(Pair { campaign, group }, true)?;
        }
        Ok(())
    }

    /// A mode change of the sequence applies to the item that dials; anything in its way is error 14.
    fn set_item_mode(&mut self, group: GroupDbid, request: &Request) -> Result<(), ErrorCode> {
        let refused = ErrorCode::INVALID_CAMPAIGN_SCHEDULE_MODE;
        let item = self.sequences.get(&group).and_then(|sequence| sequence.item).ok_or(refused)?;
        let runtime = self.pairs.get(&item).filter(|runtime| runtime.state == PairState::Running).ok_or(refused)?;
        let (from, wanted) = (runtime.dialing.mode, request.dialing.or(runtime.dialing));
        self.check_dialing(RequestKind::SetMode, &request.dialing, &wanted)?;
        let mode = wanted.mode.ok_or(refused)?;
        self.check_licence(mode)?;
        if !self.change_allowed(from, mode) || self.clashes(item, mode) {
            return Err(refused);
        }
        if let Some(runtime) = self.pairs.get_mut(&item) {
            runtime.dialing = wanted;
            runtime.priority = request.priority.or(runtime.priority);
        }
        Ok(())
    }

    /// State of the item in turn; not loaded without a sequence.
    pub(super) fn item_status(&self, group: GroupDbid) -> GroupCampStatus {
        let item = self.sequences.get(&group).and_then(Sequence::item_in_turn);
        let campaign = item.and_then(|item| item.campaign);
        self.status_of(campaign.map(|campaign| Pair { campaign, group }))
    }

    fn status_of(&self, pair: Option<Pair>) -> GroupCampStatus {
        pair.and_then(|pair| self.state(pair)).unwrap_or(PairState::NotLoaded).status()
    }

    /// Mode, method and goal of an item: its own, else the configured ones; while it is loaded those in force.
    fn item_dialing(&self, pair: Pair, item: &ScheduleItem) -> Dialing {
        match self.pairs.get(&pair) {
            Some(runtime) if runtime.owned => runtime.dialing,
            _ => {
                let given = Dialing { mode: item.mode, optimize_by: item.optimize_by, goal: item.goal };
                given.or(self.config.dialing(pair))
            }
        }
    }

    /// An event about the sequence: campaign 0, the schedule, and in a status answer the state of every item.
    fn sequence_event(&self, group: GroupDbid, emit: Emit) -> Message {
        let status = emit.status.unwrap_or_else(|| self.item_status(group));
        let mut event = PairEvent::new(Pair { campaign: CampaignDbid::SEQUENCE, group }, status);
        let Some(sequence) = self.sequences.get(&group) else { return wrap(emit.event, event, None) };
        if let Some(item) = sequence.item_in_turn()
            && let Some(campaign) = item.campaign
        {
            event.dialing = self.item_dialing(Pair { campaign, group }, item);
        }
        let mut schedule = sequence.schedule.clone();
        if emit.event == MessageType(24) {
            for (_, item) in &mut schedule.items {
                item.status = Some(self.status_of(item.campaign.map(|campaign| Pair { campaign, group })));
            }
        }
        wrap(emit.event, event, Some(schedule))
    }

    /// Loads and starts the item in turn. Before that its calling lists are read, where the host keeps them.
    pub(super) fn item_begin(&mut self, group: GroupDbid, is_read: bool) {
        self.alarm = None;
        let Some(sequence) = self.sequences.get(&group) else { return };
        if sequence.state != SequenceState::Running || sequence.item.is_some() {
            return;
        }
        let Some(item) = sequence.item_in_turn().copied() else { return };
        let Some(pair) = item.campaign.map(|campaign| Pair { campaign, group }) else { return };
        let last = sequence.last_requester;
        if !is_read && self.read_before_item(pair) {
            return;
        }
        let dialing = self.item_dialing(pair, &item);
        let stop_at = item.stop_at_time.filter(|stop| *stop != 0).map(i64::from);
        let left = stop_at.map(|stop| stop.saturating_sub(self.utc_now()));
        if left.is_some_and(|seconds| seconds <= 0) {
            return self.next_item(group);
        }
        if !self.item_can_start(pair, &dialing) {
            return self.item_failed(group);
        }
        let limit = |limit: Option<i32>| limit.and_then(|limit| u32::try_from(limit).ok()).unwrap_or(0);
        let limits = (limit(item.stop_at_contacts), limit(item.stop_at_dials));
        self.enter(pair, PairState::Active, false);
        if let Some(runtime) = self.pairs.get_mut(&pair) {
            runtime.session += 1;
            (runtime.dialing, runtime.owned, runtime.limits) = (dialing, true, limits);
        }
        if let Some(sequence) = self.sequences.get_mut(&group) {
            (sequence.item, sequence.failures) = (Some(pair), 0);
            sequence.due = left.map(|seconds| self.now + Duration::from_secs(seconds.unsigned_abs()));
        }
        self.tell_item(pair, last, 19, GroupCampStatus::ACTIVE);
        self.enter(pair, PairState::Running, false);
        self.tell_item(pair, last, 21, GroupCampStatus::RUNNING);
        self.complete_if_depleted(pair);
    }

    /// An item that cannot be loaded or started: what follows is the profile's choice (`on_item_failure`).
    fn item_failed(&mut self, group: GroupDbid) {
        const TRIES: u32 = 3;
        const APART: Duration = Duration::from_secs(60);
        let (now, choice) = (self.now, self.config.profile.rows.on_item_failure);
        let Some(sequence) = self.sequences.get_mut(&group) else { return };
        sequence.failures += 1;
        match choice {
            ItemFailure::Retry if sequence.failures < TRIES => {
                self.alarm = None;
                sequence.due = Some(now + APART);
            }
            ItemFailure::Skip | ItemFailure::Retry => self.next_item(group),
            ItemFailure::Abort => self.end_sequence(group),
        }
    }

    /// Contacts and dials of the item that is being dialed, against its limits.
    pub(super) fn end_item_at_limit(&mut self, pair: Pair) {
        let Some(runtime) = self.pairs.get(&pair).filter(|runtime| runtime.owned) else { return };
        let (contacts, dials) = runtime.limits;
        let reached = |count: u32, limit: u32| limit > 0 && count >= limit;
        if reached(runtime.contacts, contacts) || reached(runtime.dials, dials) {
            self.item_end(pair.group);
        }
    }

    fn item_can_start(&self, pair: Pair, dialing: &Dialing) -> bool {
        self.check_objects(pair, true).is_ok()
            && self.state(pair) == Some(PairState::NotLoaded)
            && self.check_dialing(RequestKind::Start, dialing, dialing).is_ok()
            && dialing.mode.is_some_and(|mode: DialMode| self.check_licence(mode).is_ok() && !self.clashes(pair, mode))
    }

    fn tell_item(&mut self, pair: Pair, last: Option<AppDbid>, event: i32, status: GroupCampStatus) {
        let event = self.pair_event(pair, emit(event, status), None);
        self.notify(last, event);
    }

    /// The running item is over; the next one is in turn, or the sequence is done.
    pub(super) fn item_end(&mut self, group: GroupDbid) {
        if self.sequences.get(&group).is_some_and(|sequence| sequence.item.is_some()) {
            self.end_item(group, false);
            self.next_item(group);
        }
    }

    /// Stops and unloads the item that the sequence has loaded, if any.
    fn end_item(&mut self, group: GroupDbid, forced: bool) {
        let Some(sequence) = self.sequences.get_mut(&group) else { return };
        let (Some(pair), last) = (sequence.item.take(), sequence.last_requester) else { return };
        if let Some(runtime) = self.pairs.get_mut(&pair) {
            (runtime.owned, runtime.last_requester) = (false, last);
        }
        if forced {
            let before = self.pairs.get(&pair).map(|runtime| runtime.dialing);
            self.enter(pair, PairState::NotLoaded, true);
            let event = self.pair_event(pair, emit(20, GroupCampStatus::NOT_LOADED), before);
            return self.notify(last, event);
        }
        if self.state(pair) == Some(PairState::Running) {
            self.enter(pair, PairState::Active, false);
            self.tell_item(pair, last, 22, GroupCampStatus::ACTIVE);
        }
        self.unload_unasked(pair);
    }

    /// After the last item the sequence is unloaded.
    fn next_item(&mut self, group: GroupDbid) {
        self.alarm = None;
        let Some(sequence) = self.sequences.get_mut(&group) else { return };
        (sequence.position, sequence.failures, sequence.due) = (sequence.position + 1, 0, None);
        if sequence.item_in_turn().is_some() {
            return self.await_item(group);
        }
        self.end_sequence(group);
    }

    /// The sequence is over, and everybody is told.
    fn end_sequence(&mut self, group: GroupDbid) {
        self.alarm = None;
        let Some(sequence) = self.sequences.get(&group) else { return };
        let last = sequence.last_requester;
        let event = self.sequence_event(group, emit(20, GroupCampStatus::NOT_LOADED));
        self.sequences.remove(&group);
        self.notify(last, event);
    }
}

fn emit(event: i32, status: GroupCampStatus) -> Emit {
    Emit { event: MessageType(event), status: Some(status) }
}
