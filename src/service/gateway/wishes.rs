//! Stops that were asked for (G5): a stop is wished until the pair is known to stand still, however often it has to be
//! said again. Who starts or loads the pair takes the wish back.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::atomic::Ordering,
};

use super::core::Core;
use super::errand::Patience;
use super::{Alarm, Asker, GatewayEvent, Prepared};
use crate::engine::RequestNumber;
use crate::message::{
    AppDbid, ForceUnloadCampaign, GroupCampStatus, Message, Pair, RequestKind, StopDialing, Target, UnloadCampaign,
};
use crate::protocol::Time;
use crate::protocol::requester::{LinkId, Outcome, RefusedBy};
use crate::store::{StopWish, Write};

/// Stops without success after which an operator is told.
const ALARM_AFTER: u32 = 3;

/// States in which nothing is dialed (rule 10).
const STANDS_STILL: [GroupCampStatus; 3] = [GroupCampStatus(0), GroupCampStatus(3), GroupCampStatus(4)];
const RUNNING: GroupCampStatus = GroupCampStatus(5);

type PlaceOf = (AppDbid, Pair);

#[derive(Clone, Copy, Debug)]
struct Wish {
    wish: StopWish,
    /// Stops that we have said again.
    tries: u32,
    last_try: Option<Time>,
    /// When to say it again; `None` = when the link is back, or the stop that is open has ended.
    due: Option<Time>,
}

/// Every stop that is still wished.
pub(super) struct Wishes {
    patience: Patience,
    /// What is tried instead when stopping does not help.
    escalation: Option<RequestKind>,
    all: BTreeMap<PlaceOf, Wish>,
    /// Stops and unloads without an outcome.
    open: BTreeSet<(PlaceOf, RequestNumber)>,
    of: BTreeMap<RequestNumber, PlaceOf>,
}

impl Wishes {
    pub(super) fn new(patience: Patience, escalation: Option<RequestKind>) -> Self {
        Self { patience, escalation, all: BTreeMap::new(), open: BTreeSet::new(), of: BTreeMap::new() }
    }

    pub(super) fn all(&self) -> Vec<StopWish> {
        self.all.values().map(|wish| wish.wish).collect()
    }

    pub(super) fn add(&mut self, wish: StopWish) {
        self.all.insert((wish.ocs, wish.pair), Wish { wish, tries: 0, last_try: None, due: None });
    }

    pub(super) fn forget(&mut self, ocs: AppDbid, pair: Pair) {
        self.all.remove(&(ocs, pair));
    }

    pub(super) fn next_due(&self) -> Option<Time> {
        self.all.values().filter_map(|wish| wish.due).min()
    }

    /// A request that may fulfil a wish was accepted.
    pub(super) fn opened(&mut self, kind: RequestKind, number: RequestNumber, place: Option<PlaceOf>) {
        let helps = matches!(kind, RequestKind::Stop | RequestKind::Unload | RequestKind::ForceUnload);
        if let Some(place) = place.filter(|_| helps) {
            self.open.insert((place, number));
            self.of.insert(number, place);
        }
    }

    /// It has ended; where it was.
    pub(super) fn closed(&mut self, number: RequestNumber) -> Option<PlaceOf> {
        let place = self.of.remove(&number)?;
        self.open.remove(&(place, number));
        Some(place)
    }

    fn is_being_stopped(&self, place: PlaceOf) -> bool {
        self.open.range((place, RequestNumber(0))..=(place, RequestNumber(u64::MAX))).next().is_some()
    }
}

impl Core {
    /// A stop or an unload has ended.
    pub(super) fn stop_ended(&mut self, number: RequestNumber, outcome: &Outcome) {
        let Some(place) = self.wishes.closed(number) else { return };
        let kind = self.open.get(&number).map(|open| open.kind);
        if !self.wishes.all.contains_key(&place) || self.wishes.is_being_stopped(place) {
            return;
        }
        // Error 6 says that nothing runs; any other refusal was told to whoever asked, and is not argued with.
        let settled = match outcome {
            Outcome::Answered { .. } | Outcome::Partial { .. } => true,
            Outcome::Refused { by: RefusedBy::Ocs { .. }, .. } => kind == Some(RequestKind::Stop),
            _ => false,
        };
        if settled {
            self.wish_done(place);
            return;
        }
        let now = self.now();
        if let Some(wish) = self.wishes.all.get_mut(&place) {
            wish.due = Some(now + self.wishes.patience.pause(wish.tries + 1));
            let text = "the stop stays wished: it is said again until the campaign stands still".to_owned();
            self.note(number, text, None);
        }
    }

    /// An OCS told the state of a pair. While a stop is open, its outcome decides.
    pub(super) fn wish_heard(&mut self, ocs: AppDbid, pair: Pair, status: GroupCampStatus) {
        let place = (ocs, pair);
        if !self.wishes.all.contains_key(&place) || self.wishes.is_being_stopped(place) {
            return;
        }
        if STANDS_STILL.contains(&status) {
            self.wish_done(place);
            return;
        }
        let now = self.now();
        if let Some(wish) = self.wishes.all.get_mut(&place).filter(|_| status == RUNNING) {
            let not_before = wish.last_try.map_or(now, |last| last + self.wishes.patience.first);
            let soon = now.max(not_before);
            wish.due = Some(wish.due.map_or(soon, |due| due.min(soon)));
        }
    }

    fn wish_done(&mut self, (ocs, pair): PlaceOf) {
        self.wishes.forget(ocs, pair);
        self.stage.write(None, Write::StopDone { ocs, pair });
    }

    /// States are being asked; whoever does not answer is told to stop all the same.
    pub(super) fn wishes_link_up(&mut self, link: LinkId) {
        let soon = self.now() + self.wishes.patience.first;
        let places: Vec<PlaceOf> = self.wishes.all.keys().copied().collect();
        for place in places {
            if self.link_of(place.0) == Some(link)
                && !self.wishes.is_being_stopped(place)
                && let Some(wish) = self.wishes.all.get_mut(&place)
            {
                wish.due = Some(wish.due.map_or(soon, |due| due.min(soon)));
            }
        }
    }

    pub(super) fn wishes_due(&mut self) {
        let now = self.now();
        let due = |wish: &&Wish| wish.due.is_some_and(|due| due <= now);
        let places: Vec<PlaceOf> = self.wishes.all.values().filter(due).map(|it| (it.wish.ocs, it.wish.pair)).collect();
        for place in places {
            self.stop_again(place);
        }
    }

    fn stop_again(&mut self, place: PlaceOf) {
        let (now, (ocs, pair)) = (self.now(), place);
        let waits = self.wishes.is_being_stopped(place);
        let up = self.link_of(ocs).is_some_and(|link| self.is_up(link));
        let (patience, escalation) = (self.wishes.patience, self.wishes.escalation);
        let Some(wish) = self.wishes.all.get_mut(&place) else { return };
        if waits || !up {
            wish.due = None; // the outcome, or the link, brings it up again
            return;
        }
        wish.tries = wish.tries.saturating_add(1);
        wish.last_try = Some(now);
        wish.due = Some(now + patience.pause(wish.tries));
        let (tries, request) = (wish.tries, wish.wish.request);
        let escalated = escalation.filter(|_| tries > ALARM_AFTER);
        if tries == ALARM_AFTER {
            self.stop_alarm(ocs, pair, request, tries);
        }
        let body = match escalated {
            Some(RequestKind::ForceUnload) => Message::from(ForceUnloadCampaign::new(pair)),
            Some(RequestKind::Unload) => UnloadCampaign::new(pair).into(),
            _ => StopDialing::new(pair).into(),
        };
        let note = Some(format!("try {tries} after {request}: the campaign is to stand still"));
        let prepared = Prepared { body, target: Target::One(ocs), advice: Vec::new(), note, expires_at: None };
        // Without the store it waits for the next turn.
        if self.stage.trouble().is_none()
            && let Err(error) = self.accept(prepared, Asker::gateway(), None, None)
        {
            tracing::error!(%error, "a stop cannot be said again");
        }
    }

    fn stop_alarm(&mut self, ocs: AppDbid, pair: Pair, request: RequestNumber, tries: u32) {
        let (campaign, group) = (pair.campaign.0, pair.group.0);
        let text = format!("OCS {ocs} was told {tries} times to stop campaign {campaign} on group {group}");
        tracing::error!(request = %request, "{text}, and nothing says that it has");
        self.shared.tally.stop_alarms.fetch_add(1, Ordering::Relaxed);
        let (ocs, pair, request) = (Some(ocs), Some(pair), Some(request));
        let alarm = Alarm { at: Self::utc(), kind: "stop", ocs, origin: None, pair, request, text };
        self.shared.events.publish(GatewayEvent::Alarm(alarm));
    }
}
