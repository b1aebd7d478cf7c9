//! Rule 6: shadows stand in for what is no longer live, so that its late or doubled events cannot fit another.

use std::{collections::VecDeque, sync::Arc};

use crate::message::CommDnMessage;
use crate::message::Message;
use crate::message::Pair;
use crate::message::RequestKind;
use crate::protocol::Time;
use crate::protocol::correlate::{self, Fit, fit};
use crate::protocol::requester::asked::{Asked, Family, Key, Lookup, Named, Place, lookup};
use crate::protocol::requester::echo::EchoKnowledge;
use crate::protocol::requester::live::Index;
use crate::protocol::requester::table::{NumberTable, Table};

/// What of an ended request is still to be expected.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Cover {
    /// Everything rule 3 allows.
    Full,
    /// The double of this answer. Assumed: compared by what it says, not byte by byte, since the other member of an
    /// OCS pair may say it with its own DBID.
    Equal(Arc<CommDnMessage>),
    /// What may still come although it was answered; never counts when an address is chosen. Of a do-not-call only a
    /// refusal: whatever else comes proves the entry once more.
    Aside,
    /// The stop on the way of an answered unload.
    Draining,
}

/// Stands in for a request that is no longer live.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Shadow {
    pub(super) place: Place,
    pub(super) asked: Asked,
    pub(super) cover: Cover,
    pub(super) until: Time,
    /// When it was laid, to tell how late doubles come.
    pub(super) since: Time,
}

impl Shadow {
    /// Whether the event can belong to what this stands for.
    pub(super) fn fits(&self, event: &Message, echo: &EchoKnowledge) -> bool {
        match &self.cover {
            Cover::Full => fit(&self.asked.body, event).is_possible(),
            Cover::Equal(answer) => {
                let unnamed = !echo.names_subject(self.asked.kind) && event.message_type() == self.asked.kind.answer();
                unnamed || answer.body == *event
            }
            Cover::Aside => match fit(&self.asked.body, event) {
                Fit::Answer { refusal, .. } => refusal || self.asked.kind != RequestKind::DoNotCall,
                fit => fit.is_possible(),
            },
            Cover::Draining => matches!(fit(&self.asked.body, event), Fit::Draining { .. }),
        }
    }

    fn keys(&self) -> impl Iterator<Item = Key> {
        let frame = match &self.cover {
            Cover::Equal(answer) => match lookup(&answer.body) {
                Lookup::Anything(code) => Some(Key::ErrorFrame(code)),
                Lookup::Keys(_) | Lookup::Nothing => None,
            },
            Cover::Full | Cover::Aside | Cover::Draining => None,
        };
        let errors = matches!(self.cover, Cover::Full | Cover::Aside);
        let keys = self.asked.keys().into_iter().flatten();
        keys.filter(move |key| errors || !matches!(key, Key::Errors(_))).chain(frame)
    }
}

/// All shadows.
#[derive(Clone, Debug, Default)]
pub(super) struct Shadows {
    all: NumberTable<u64, Shadow>,
    index: Index,
    next: u64,
}

impl Shadows {
    pub(super) fn len(&self) -> usize {
        self.all.len()
    }

    pub(super) fn insert(&mut self, shadow: Shadow) -> u64 {
        let number = self.next;
        self.next = self.next.saturating_add(1);
        for key in shadow.keys() {
            self.index.insert((shadow.place, key), number);
        }
        self.all.insert(number, shadow);
        number
    }

    pub(super) fn remove(&mut self, number: u64) -> Option<Shadow> {
        let shadow = self.all.remove(&number)?;
        for key in shadow.keys() {
            self.index.remove((shadow.place, key), number);
        }
        Some(shadow)
    }

    pub(super) fn until(&self, number: u64) -> Option<Time> {
        self.all.get(&number).map(|shadow| shadow.until)
    }

    pub(super) fn extend(&mut self, number: u64, until: Time) {
        if let Some(shadow) = self.all.get_mut(&number) {
            shadow.until = shadow.until.max(until);
        }
    }

    fn under(&self, place: Place, key: Key) -> impl Iterator<Item = (u64, &Shadow)> {
        self.index.under((place, key)).filter_map(|number| Some((number, self.all.get(&number)?)))
    }

    /// A shadow that the event could belong to (rule 7). Of a read only its CM_EvError can be taken for another's.
    pub(super) fn fitting(
        &self,
        place: Place,
        event: &Message,
        sought: &Lookup,
        echo: &EchoKnowledge,
    ) -> Option<&Shadow> {
        let error = correlate::is_error_event(event);
        let fits = |shadow: &Shadow| (error || shadow.asked.kind.is_mutating()) && shadow.fits(event, echo);
        match *sought {
            Lookup::Keys(keys) => {
                let mut found = keys.into_iter().flatten().flat_map(|key| self.under(place, key));
                found.find(|(_, shadow)| fits(shadow)).map(|(_, shadow)| shadow)
            }
            Lookup::Anything(code) => {
                let meant = Family::ALL
                    .into_iter()
                    .filter(|(family, kind)| correlate::error_can_mean(*kind, *family == Family::Sequence, code));
                let any = meant.filter_map(|(family, _)| self.under(place, Key::Errors(family)).next()).next();
                let same = || self.under(place, Key::ErrorFrame(code)).find(|(_, shadow)| fits(shadow));
                any.or_else(same).map(|(_, shadow)| shadow)
            }
            Lookup::Nothing => None,
        }
    }

    /// A shadow of a read of this pair.
    pub(super) fn of_read(&self, place: Place, pair: Pair) -> Option<&Shadow> {
        let mut reads = self.under(place, Key::Pair(pair)).map(|(_, shadow)| shadow);
        reads.find(|shadow| shadow.asked.kind == RequestKind::Status && shadow.cover != Cover::Aside)
    }

    /// Shadows of mutating requests about a pair.
    pub(super) fn of_pair(&self, place: Place, pair: Pair) -> impl Iterator<Item = &Shadow> {
        let all = self.under(place, Key::Pair(pair)).map(|(_, shadow)| shadow);
        all.filter(|shadow| shadow.asked.kind.is_mutating())
    }

    /// Shadows of a kind that keep others of it off this place.
    pub(super) fn has_kind(&self, place: Place, kind: RequestKind) -> bool {
        self.under(place, Key::Kind(kind)).any(|(_, shadow)| shadow.cover != Cover::Aside)
    }

    /// Shadows about the same person that keep requests off this place.
    pub(super) fn of_person(&self, place: Place, asked: &Asked) -> impl Iterator<Item = &Shadow> {
        let key = asked.keys().into_iter().flatten().find(|key| matches!(key, Key::Phone(..) | Key::Customer(..)));
        let found = self.under(place, key.unwrap_or(Key::Kind(asked.kind))).map(|(_, shadow)| shadow);
        found.filter(|shadow| shadow.cover != Cover::Aside)
    }

    /// The full shadow of an equal request.
    pub(super) fn twin(&self, place: Place, asked: &Asked) -> Option<u64> {
        let specific = |key: &Key| !matches!(key, Key::Kind(_) | Key::Errors(_) | Key::All);
        let key = asked.keys().into_iter().flatten().find(specific)?;
        let mut found = self.under(place, key);
        found
            .find(|(_, shadow)| shadow.cover == Cover::Full && shadow.asked.body == asked.body)
            .map(|(number, _)| number)
    }
}

/// The echoes of the last D that proved a do-not-call. Its double proves an equal one as well, whose own refusal is
/// then still to come; where the echo is proved nothing else of an answered do-not-call needs a shadow.
#[derive(Clone, Debug, Default)]
pub(super) struct Proofs {
    /// When each was seen, until when it counts.
    seen: Table<(Place, Named), (Time, Time)>,
    order: VecDeque<(Place, Named)>,
}

impl Proofs {
    pub(super) fn is_empty(&self) -> bool {
        self.order.is_empty()
    }

    /// When an equal echo was seen, unless that is too long ago.
    pub(super) fn first(&self, place: Place, entry: &Named, now: Time) -> Option<Time> {
        let (at, until) = self.seen.get(&(place, entry.clone())).copied()?;
        (now <= until).then_some(at)
    }

    pub(super) fn insert(&mut self, place: Place, entry: Named, now: Time, until: Time) {
        self.seen.insert((place, entry.clone()), (now, until));
        self.order.push_back((place, entry));
    }

    /// Forgets what no longer counts; the answer is when to come again.
    pub(super) fn forget(&mut self, now: Time) -> Option<Time> {
        while let Some(oldest) = self.order.front() {
            match self.seen.get(oldest) {
                Some((_, until)) if *until > now => return Some(*until),
                _ => {
                    self.seen.remove(oldest);
                    self.order.pop_front();
                }
            }
        }
        None
    }
}
