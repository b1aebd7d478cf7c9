//! Requests about a campaign on a group: the pre-checks of specification 5.2, the table of 5.3, auto completion (5.6).

use std::time::Duration;

use crate::engine::ocs::modes::take;
use crate::engine::ocs::{Asker, Ocs, Output};
use crate::message::AppDbid;
use crate::message::AutoCompletion;
use crate::message::AutoCompletionPlace;
use crate::message::CampaignLoaded;
use crate::message::CampaignSchedule;
use crate::message::CampaignStatus;
use crate::message::CampaignUnloaded;
use crate::message::DialMode;
use crate::message::Dialing;
use crate::message::DialingModeChanged;
use crate::message::DialingPriority;
use crate::message::DialingStarted;
use crate::message::DialingStopped;
use crate::message::ErrorCode;
use crate::message::GroupCampStatus;
use crate::message::GroupDbid;
use crate::message::Message;
use crate::message::MessageType;
use crate::message::Pair;
use crate::message::PairEvent;
use crate::message::RequestKind;
use crate::protocol::Time;
use crate::protocol::lifecycle::{Emit, Outcome, PairState, Trigger};
use crate::protocol::profile::Rows;

/// What a campaign on a group is doing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct PairRuntime {
    pub(super) state: PairState,
    /// Mode, method and goal in force.
    pub(super) dialing: Dialing,
    /// A mode change that waits for so many calls.
    pub(super) pending: Option<(Dialing, u32)>,
    pub(super) priority: Option<DialingPriority>,
    pub(super) auto_completion: bool,
    /// Counts loads: a reload is a new session.
    pub(super) session: u64,
    pub(super) last_requester: Option<AppDbid>,
    /// Who waits for the end of the unload, and for which event.
    pub(super) unload: Option<(Asker, Emit)>,
    /// When a waiting or running unload goes on by itself.
    pub(super) deadline: Option<Time>,
    /// Loaded by a running sequence.
    pub(super) owned: bool,
    /// Dial attempts of this session.
    pub(super) dials: u32,
    /// Calls of this session that reached an agent or the IVR.
    pub(super) contacts: u32,
    /// While owned: stopAtContacts and stopAtDials of the item, 0 = off.
    pub(super) limits: (u32, u32),
}

impl PairRuntime {
    pub(super) fn new(dialing: Dialing) -> Self {
        Self {
            state: PairState::NotLoaded,
            dialing,
            pending: None,
            priority: None,
            auto_completion: false,
            session: 0,
            last_requester: None,
            unload: None,
            deadline: None,
            owned: false,
            dials: 0,
            contacts: 0,
            limits: (0, 0),
        }
    }
}

/// What is due first of campaigns and sequences; at one time in this order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Alarm {
    Pair(Pair),
    Sequence(GroupDbid),
}

/// A campaign request without its envelope.
pub(super) struct Request {
    pub(super) kind: RequestKind,
    pub(super) pair: Pair,
    pub(super) dialing: Dialing,
    pub(super) auto_completion: Option<bool>,
    pub(super) priority: Option<DialingPriority>,
    pub(super) has_schedule: bool,
}

impl Request {
    pub(super) fn new(kind: RequestKind, pair: Pair, body: &Message, rows: &Rows) -> Self {
        let auto_completion = match body {
            Message::LoadCampaign(load) => load.auto_completion,
            Message::StartDialing(start) => start.auto_completion,
            Message::SetDialingMode(mode) => mode.auto_completion,
            _ => None,
        };
        let read = |auto: &AutoCompletion| auto.place == AutoCompletionPlace::Top || rows.auto_completion_in_properties;
        Self {
            kind,
            pair,
            dialing: body.dialing(),
            auto_completion: auto_completion.filter(read).map(|auto| auto.on),
            priority: body.priority().copied(),
            has_schedule: body.schedule().is_some(),
        }
    }

    /// Pre-check 2: the required fields of specification 4.3 that a message can be read without.
    pub(super) fn check_fields(&self, rows: &Rows) -> Result<(), ErrorCode> {
        let invalid = Err(ErrorCode::INVALID_PARAMETER);
        let whole = self.dialing.mode.is_some() && self.dialing.optimize_by.is_some() && self.dialing.goal.is_some();
        let is_sequence = self.pair.campaign.is_sequence();
        match self.kind {
            RequestKind::Load if is_sequence && !self.has_schedule => invalid,
            RequestKind::Load if !is_sequence && self.dialing.mode.is_none() => take(rows.load_without_mode),
            RequestKind::Start if !is_sequence && !whole => take(rows.start_without_mode),
            RequestKind::SetMode if !whole => invalid,
            _ if self.priority.is_some_and(|priority| !priority.is_valid()) => invalid,
            _ => Ok(()),
        }
    }
}

impl Ocs {
    pub(super) fn campaign_request(&mut self, asker: &Asker, request: &Request) -> Result<(), ErrorCode> {
        let rows = self.config.profile.rows;
        request.check_fields(&rows)?;
        self.check_objects(request.pair, request.kind != RequestKind::Status)?;
        let Some(runtime) = self.pairs.get(&request.pair) else { return Err(ErrorCode::GROUP_CAMP_NOT_FOUND) };
        if runtime.owned && request.kind != RequestKind::Status {
            return Err(ErrorCode::PART_OF_SEQUENCE);
        }
        let (state, in_force) = (runtime.state, runtime.dialing);
        let outcome = self.config.profile.lifecycle.campaign(request.kind, state).cloned();
        let (next, events, when_closed) = match outcome {
            Some(Outcome::Go { next, events, when_closed }) => (next, events, when_closed),
            Some(Outcome::Refuse(code)) => return Err(code),
            None => return Ok(()), // cancel and do-not-call have no state and do not come here
        };
        let wanted = request.dialing.or(self.config.dialing(request.pair));
        self.check_dialing(request.kind, &request.dialing, &wanted)?;
        self.check_mode(request, state, in_force, wanted)?;
        self.take_parameters(asker, request, state, wanted);
        let pending_unload = self.enter(request.pair, next, request.kind == RequestKind::ForceUnload);
        for emit in events {
            let dialing = match next {
                _ if request.kind == RequestKind::SetMode => Some(wanted), // a delayed change is told at once
                PairState::NotLoaded if state.is_loaded() => Some(in_force), // what was unloaded
                _ => None,
            };
            let event = self.pair_event(request.pair, emit, dialing);
            self.answer(asker, event);
        }
        if let Some((first, emit)) = pending_unload {
            let event = self.pair_event(request.pair, emit, Some(in_force));
            self.answer(&first, event);
        }
        if let (Some(emit), Some(runtime)) = (when_closed, self.pairs.get_mut(&request.pair)) {
            runtime.unload = Some((asker.clone(), emit));
        }
        self.drain(request.pair);
        self.complete_if_depleted(request.pair);
        self.dial_soon(request.pair);
        Ok(())
    }

    /// Pre-checks 4 to 7.
    pub(super) fn check_objects(&self, pair: Pair, enabled: bool) -> Result<(), ErrorCode> {
        let campaign = self.config.campaign(pair.campaign).ok_or(ErrorCode::CAMPAIGN_NOT_FOUND)?;
        let group = self.config.group(pair.group).ok_or(ErrorCode::GROUP_NOT_FOUND)?;
        let config = self.config.pair(pair).ok_or(ErrorCode::GROUP_CAMP_NOT_FOUND)?;
        let has_list = self.config.lists_of(pair.campaign).next().is_some();
        if enabled && !(campaign.enabled && group.enabled && config.enabled && has_list) {
            return Err(ErrorCode::WRONG_CONFIGURATION);
        }
        Ok(())
    }

    fn take_parameters(&mut self, asker: &Asker, request: &Request, state: PairState, wanted: Dialing) {
        let history = self.config.profile.rows.history_length;
        let Some(runtime) = self.pairs.get_mut(&request.pair) else { return };
        runtime.last_requester = Some(asker.requester.origin);
        match request.kind {
            RequestKind::Load if state == PairState::NotLoaded => {
                runtime.session += 1;
                runtime.dialing = wanted;
                runtime.auto_completion = false;
                runtime.priority = None;
            }
            RequestKind::Load => {} // loaded already, and the profile takes it
            RequestKind::Start => runtime.dialing = wanted,
            RequestKind::SetMode => {
                let slow = runtime.dialing.mode == Some(DialMode::PROGRESSIVE)
                    && wanted.mode == Some(DialMode::PREDICTIVE)
                    && state == PairState::Running
                    && history > 0;
                if slow {
                    runtime.pending = Some((wanted, history));
                } else {
                    (runtime.dialing, runtime.pending) = (wanted, None);
                }
            }
            _ => return,
        }
        runtime.priority = request.priority.or(runtime.priority);
        runtime.auto_completion = request.auto_completion.unwrap_or(runtime.auto_completion);
    }

    /// Changes the state with its trace line and timer; gives back who waited for the unload when it is over.
    pub(super) fn enter(&mut self, pair: Pair, next: PairState, forced: bool) -> Option<(Asker, Emit)> {
        let (now, rows) = (self.now, self.config.profile.rows);
        let configured = self.config.dialing(pair);
        let runtime = self.pairs.get_mut(&pair)?;
        let before = std::mem::replace(&mut runtime.state, next);
        if before == next {
            return None;
        }
        runtime.deadline = match next {
            PairState::WaitingUnload => Some(now + seconds(rows.drain_seconds_max)),
            PairState::UnloadInProgress => Some(now + seconds(rows.unload_seconds)),
            PairState::NotLoaded | PairState::InActive | PairState::Active | PairState::Running => None,
        };
        if next != PairState::Running {
            runtime.pending = None;
        }
        let mut waiting = None;
        if next == PairState::NotLoaded {
            waiting = runtime.unload.take();
            let PairRuntime { session, last_requester, .. } = *runtime;
            *runtime = PairRuntime { session, last_requester, ..PairRuntime::new(configured) };
        }
        let trace = match (before, next) {
            (_, PairState::NotLoaded) if forced => Some((52003, "force unloaded")),
            (_, PairState::NotLoaded) => Some((52004, "unloaded")),
            (PairState::NotLoaded, _) => Some((52000, "loaded")),
            (_, PairState::Running) => Some((52001, "started")),
            (PairState::Running, _) => Some((52002, "stopped")),
            _ => None,
        };
        if let Some((number, state)) = trace {
            let text = format!("Campaign Group {} has been {state}", self.config.names(pair));
            self.outbox.push(Output::Trace { number, level: "Trc", text });
        }
        self.alarm = None;
        self.dialing_changed(pair, before, next);
        waiting
    }

    /// A trigger of the table, told to everybody; to whoever asked for the unload as its answer.
    pub(super) fn trigger(&mut self, pair: Pair, trigger: Trigger) {
        let Some(runtime) = self.pairs.get(&pair) else { return };
        let Some(Outcome::Go { next, events, .. }) =
            self.config.profile.lifecycle.trigger(trigger, runtime.state).cloned()
        else {
            return; // nothing happens in this state
        };
        let (last, before) = (runtime.last_requester, runtime.dialing);
        match self.enter(pair, next, false) {
            Some((asker, emit)) => {
                let event = self.pair_event(pair, emit, Some(before));
                self.answer(&asker, event);
            }
            None => {
                for emit in events {
                    let event = self.pair_event(pair, emit, Some(before));
                    self.notify(last, event);
                }
            }
        }
    }

    /// Works off what is due, in the order of time: what ends a campaign before what dials for it.
    pub(super) fn run_timers(&mut self, now: Time) {
        loop {
            let alarm = self.next_alarm();
            let dial = self.dialer.as_ref().and_then(|dialer| dialer.next_due());
            if let Some(at) = dial.filter(|at| *at <= now && alarm.is_none_or(|(first, _)| *at < first)) {
                self.now = self.now.max(at);
                self.dial_event();
                continue;
            }
            let Some((at, alarm)) = alarm.filter(|(at, _)| *at <= now) else { return };
            // The next timer counts from this one, however late the tick is.
            self.now = self.now.max(at);
            self.alarm = None;
            match alarm {
                Alarm::Sequence(group) => self.sequence_due(group),
                Alarm::Pair(pair) => {
                    let Some(runtime) = self.pairs.get_mut(&pair) else { return };
                    runtime.deadline = None;
                    let trigger = match runtime.state {
                        PairState::WaitingUnload => Trigger::Drained,
                        _ => Trigger::Closed,
                    };
                    self.trigger(pair, trigger);
                }
            }
        }
    }

    /// The first timer of a campaign or a sequence; looked for only when one of them may have changed.
    fn next_alarm(&mut self) -> Option<(Time, Alarm)> {
        *self.alarm.get_or_insert_with(|| {
            let pairs = self.pairs.iter().filter_map(|(pair, it)| Some((it.deadline?, Alarm::Pair(*pair))));
            let sequences = self.sequences.iter().filter_map(|(group, it)| Some((it.due()?, Alarm::Sequence(*group))));
            pairs.chain(sequences).min()
        })
    }

    /// An unload waits for no call and no record any more.
    pub(super) fn drain(&mut self, pair: Pair) {
        let waits = self.state(pair) == Some(PairState::WaitingUnload);
        // A record counts for the group that took it; one of an earlier session holds nobody up.
        let held = |list: usize| self.books.get(list).map_or(0, |book| book.held_by(pair.group));
        if waits && self.config.lists_of(pair.campaign).all(|list| held(list) == 0) {
            self.trigger(pair, Trigger::Drained);
        }
    }

    /// A call has ended: a delayed mode change comes nearer.
    pub(super) fn call_ended(&mut self, pair: Pair) {
        let Some(runtime) = self.pairs.get_mut(&pair) else { return };
        match runtime.pending.take() {
            Some((dialing, left)) if left <= 1 => {
                runtime.dialing = dialing;
                self.trigger(pair, Trigger::ModeInEffect);
            }
            Some((dialing, left)) => runtime.pending = Some((dialing, left - 1)),
            None => {}
        }
    }

    /// Assumed: depleted = every record is final. Those that wait for their time are open.
    pub(super) fn complete_if_depleted(&mut self, pair: Pair) {
        let open = |list: usize| self.books.get(list).map_or(0, |book| book.open());
        if self.state(pair) == Some(PairState::Running)
            && self.config.lists_of(pair.campaign).all(|list| open(list) == 0)
        {
            self.complete(pair);
        }
    }

    /// Auto completion (5.6): stop and unload, both told to everybody. In a sequence the item ends instead.
    pub(super) fn complete(&mut self, pair: Pair) {
        let Some(runtime) = self.pairs.get(&pair) else { return };
        if runtime.owned {
            return self.item_end(pair.group);
        }
        if runtime.state == PairState::Running && runtime.auto_completion {
            self.trigger(pair, Trigger::Depleted);
            self.unload_unasked(pair);
        }
    }

    /// The unload that nobody asked for.
    pub(super) fn unload_unasked(&mut self, pair: Pair) {
        let Some(runtime) = self.pairs.get(&pair) else { return };
        let (last, before) = (runtime.last_requester, runtime.dialing);
        let outcome = self.config.profile.lifecycle.campaign(RequestKind::Unload, runtime.state).cloned();
        let Some(Outcome::Go { next, events, .. }) = outcome else { return };
        self.enter(pair, next, false);
        for emit in events {
            let event = self.pair_event(pair, emit, Some(before));
            self.notify(last, event);
        }
        self.drain(pair);
    }

    /// An event about a pair with everything that the simulator always sends.
    pub(super) fn pair_event(&self, pair: Pair, emit: Emit, dialing: Option<Dialing>) -> Message {
        let runtime = self.pairs.get(&pair);
        let status = emit.status.unwrap_or(runtime.map_or(GroupCampStatus::NOT_LOADED, |it| it.state.status()));
        let mut event = PairEvent::new(pair, status);
        event.dialing = dialing.unwrap_or_else(|| runtime.map(|it| it.dialing).unwrap_or_default());
        if emit.event == MessageType(23) {
            event.priority = runtime.and_then(|it| it.priority);
        }
        wrap(emit.event, event, None)
    }
}

/// The event of a number, 19 to 24.
pub(super) fn wrap(event_type: MessageType, mut event: PairEvent, schedule: Option<CampaignSchedule>) -> Message {
    event.schedule = schedule;
    match event_type.0 {
        19 => CampaignLoaded(event).into(),
        20 => CampaignUnloaded(event).into(),
        21 => DialingStarted(event).into(),
        22 => DialingStopped(event).into(),
        23 => DialingModeChanged(event).into(),
        _ => CampaignStatus(event).into(), // cells hold 19 to 24
    }
}

fn seconds(seconds: u32) -> Duration {
    Duration::from_secs(u64::from(seconds))
}
