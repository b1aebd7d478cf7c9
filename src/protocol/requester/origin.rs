//! Rule 12: which of our DBIDs a request goes out with.

use crate::message::AppDbid;
use crate::message::Pair;
use crate::message::RequestKind;
use crate::protocol::Time;
use crate::protocol::correlate::fit;
use crate::protocol::requester::Requester;
use crate::protocol::requester::asked::{Asked, OcsIx, Place};
use crate::protocol::requester::config::SETTLING_POOL_MIN;
use crate::protocol::requester::echo::Proof;
use crate::protocol::requester::mutant::Mutant;
use crate::protocol::requester::shadow::{Cover, Shadow};
use crate::protocol::requester::submit::is_urgent;

impl Requester {
    /// The least recently used address that is free of confusable requests and shadows at all these OCSs.
    pub(super) fn choose_origin(&self, ocss: &[OcsIx], asked: &Asked) -> Option<AppDbid> {
        let free =
            |origin: &AppDbid| ocss.iter().all(|ocs| !self.is_confusable(Place { ocs: *ocs, origin: *origin }, asked));
        let least_used = |origin: &AppDbid| {
            let uses = ocss.iter().filter_map(|ocs| self.ocss.get(*ocs)?.used.get(origin).copied());
            uses.max().unwrap_or(0)
        };
        let usable = || self.usable(asked.kind);
        if asked.kind == RequestKind::Status {
            return usable().min_by_key(least_used);
        }
        // What stands aside never keeps a request waiting, but where there is a choice it goes where an event would be
        // its own for sure: an ambiguous one would cost its caller the settling time.
        let doubt = |origin: &AppDbid| {
            let places = ocss.iter().map(|ocs| Place { ocs: *ocs, origin: *origin });
            places.map(|place| self.error_doubt(place, asked)).sum::<usize>()
        };
        let free = usable().filter(free).min_by_key(|origin| (doubt(origin), least_used(origin)));
        if !is_urgent(asked.kind) {
            return free;
        }
        // Assumed: "a live request of their own kind" means of the same pair, whose answer it could be; the lane keeps
        // those apart already. Shared addresses are judged by rule 7.
        let calm =
            |origin: &AppDbid| ocss.iter().all(|ocs| !self.has_same_kind(Place { ocs: *ocs, origin: *origin }, asked));
        free.or_else(|| usable().filter(calm).min_by_key(least_used))
    }

    /// The pool without the DBID kept for settling and those that are alarmed.
    fn usable(&self, kind: RequestKind) -> impl Iterator<Item = AppDbid> {
        let kept = usize::from(self.config.pool.len() >= SETTLING_POOL_MIN);
        let count = self.config.pool.len().saturating_sub(kept);
        let wary = kind.is_mutating() && kind != RequestKind::DoNotCall;
        let pool = self.config.pool.iter().take(count).copied();
        pool.filter(move |origin| !(wary && self.alarmed.contains(origin)))
    }

    /// How many shadows that stand aside could own what comes for this request: same codes count before others.
    fn error_doubt(&self, place: Place, asked: &Asked) -> usize {
        let Some(pair) = asked.pair() else { return 0 };
        let errors = self.shadows.of_pair(place, pair).filter(|shadow| matches!(shadow.cover, Cover::Aside));
        errors.map(|shadow| error_overlap(shadow.asked.kind, asked.kind)).sum()
    }

    fn has_same_kind(&self, place: Place, asked: &Asked) -> bool {
        let Some(pair) = asked.pair() else { return false };
        let mut live = self.live_of_pair(place, pair);
        live.any(|flight| flight.asked.kind == asked.kind)
    }

    /// Some event could fit both this request and something at this place.
    fn is_confusable(&self, place: Place, asked: &Asked) -> bool {
        if self.is(Mutant::FirstFit) || self.is(Mutant::OneInFlight) {
            return false;
        }
        let echo = self.echo(place.ocs);
        if echo.reference == Proof::Proved {
            return false;
        }
        let named = echo.names_subject(asked.kind);
        // An echo proves a do-not-call whoever asked.
        let proves = named && asked.kind == RequestKind::DoNotCall;
        let forged = self.forged_before.get(&place.origin);
        if forged.is_some_and(|people| !proves && (*people || asked.kind.is_campaign_control())) {
            return true;
        }
        if !named {
            return self.live.has_kind(place, asked.kind) || self.shadows.has_kind(place, asked.kind);
        }
        let Some(pair) = asked.pair() else {
            // With the echo proved only an equal subject can be meant.
            let mut live = self.live_of_person(place, asked);
            return live.any(|flight| flight.asked.is_about(&asked.body))
                || self.shadows.of_person(place, asked).any(|shadow| shadow.asked.is_about(&asked.body));
        };
        // A CM_EvError with ids can mean any request of the pair. Reads share addresses and are judged by rule 7.
        let mut live = self.live_of_pair(place, pair);
        live.any(|flight| flight.asked.kind.is_mutating())
            || self.shadows.of_pair(place, pair).any(|shadow| shadow_confuses(shadow, asked))
    }

    /// A DBID without a live or shadowed read of the pair, or a force unload sent before the request that is settled
    /// (some OCSs answer it with a status); of a pool of 3 or more the last one first.
    pub(super) fn choose_settling(&self, ocs: OcsIx, pair: Pair, sent: Time) -> Option<AppDbid> {
        let free = |origin: &&AppDbid| {
            let place = Place { ocs, origin: **origin };
            let mut live = self.live_of_pair(place, pair);
            if self.is(Mutant::SettlesFromOlderStatus) {
                return true;
            }
            let older = |kind: RequestKind, since: Time| kind == RequestKind::ForceUnload && since < sent;
            !self.forged_before.contains_key(*origin)
                && live.all(|it| it.asked.kind != RequestKind::Status && !older(it.asked.kind, it.emitted))
                && self.shadows.of_read(place, pair).is_none()
                && !self.shadows.of_pair(place, pair).any(|shadow| older(shadow.asked.kind, shadow.since))
        };
        self.config.pool.iter().rev().find(free).copied()
    }
}

/// How likely an error code means both kinds: the codes of rule 8 that only the two have count most.
fn error_overlap(one: RequestKind, other: RequestKind) -> usize {
    use RequestKind::{Load, SetMode, Start, Stop, Unload};
    match (one, other) {
        _ if one == other => 100,
        (Start, Unload) | (Unload, Start) | (Stop, SetMode) | (SetMode, Stop) | (Start, SetMode) | (SetMode, Start) => {
            100
        }
        (Load, _) | (_, Load) => 1,
        _ => 10,
    }
}

fn shadow_confuses(shadow: &Shadow, asked: &Asked) -> bool {
    match &shadow.cover {
        Cover::Full => true,
        Cover::Equal(answer) => fit(&asked.body, &answer.body).is_possible(),
        Cover::Aside => false,
        Cover::Draining => asked.kind == RequestKind::Stop,
    }
}
