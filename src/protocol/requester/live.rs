//! Numbers under keys, and with them what is live: the few that an event could be about are found without a walk.

use std::collections::{BTreeMap, hash_map::Entry};
use std::hash::Hash;

use crate::message::CampaignDbid;
use crate::message::Pair;
use crate::message::RequestKind;
use crate::protocol::requester::Requester;
use crate::protocol::requester::asked::{Asked, Key, Lookup, Place};
use crate::protocol::requester::book::FlightId;
use crate::protocol::requester::config::CANDIDATES_MAX;
use crate::protocol::requester::job::Flight;
use crate::protocol::requester::table::Table;

/// Numbers under keys, ascending.
#[derive(Clone, Debug)]
pub(super) struct Index<K = (Place, Key)>(Table<K, Numbers>);

impl<K> Default for Index<K> {
    fn default() -> Self {
        Self(Table::default())
    }
}

/// Nearly always one.
#[derive(Clone, Debug)]
enum Numbers {
    One(u64),
    Several(Box<Bits>),
}

/// Numbers that were given out in a row, a bit for each: of a million neighbours all are at hand.
#[derive(Clone, Debug, Default)]
struct Bits(BTreeMap<u64, [u64; WORDS]>);

const WORDS: usize = 8;

impl Bits {
    /// Block, word and bit of a number.
    fn place(number: u64) -> (u64, usize, u64) {
        (number >> 9, usize::try_from((number >> 6) & 7).unwrap_or(0), 1 << (number & 63))
    }

    fn insert(&mut self, number: u64) {
        let (block, word, bit) = Self::place(number);
        if let Some(word) = self.0.entry(block).or_default().get_mut(word) {
            *word |= bit;
        }
    }

    /// True when nothing is left.
    fn remove(&mut self, number: u64) -> bool {
        let (block, word, bit) = Self::place(number);
        if let Some(words) = self.0.get_mut(&block) {
            if let Some(word) = words.get_mut(word) {
                *word &= !bit;
            }
            if *words == [0; WORDS] {
                self.0.remove(&block);
            }
        }
        self.0.is_empty()
    }

    fn iter(&self) -> impl Iterator<Item = u64> {
        let words = self.0.iter().flat_map(|(block, words)| ((block << 3)..).zip(words));
        words.flat_map(|(word, bits)| ones(*bits).map(move |bit| (word << 6) | u64::from(bit)))
    }
}

impl<K: Hash + Eq> Index<K> {
    pub(super) fn insert(&mut self, key: K, number: u64) {
        match self.0.entry(key) {
            Entry::Vacant(place) => {
                place.insert(Numbers::One(number));
            }
            Entry::Occupied(mut place) => match place.get_mut() {
                Numbers::One(other) if *other == number => {}
                Numbers::One(other) => {
                    let mut numbers = Box::<Bits>::default();
                    numbers.insert(*other);
                    numbers.insert(number);
                    *place.get_mut() = Numbers::Several(numbers);
                }
                Numbers::Several(numbers) => {
                    numbers.insert(number);
                }
            },
        }
    }

    pub(super) fn remove(&mut self, key: K, number: u64) {
        let Entry::Occupied(mut place) = self.0.entry(key) else { return };
        let empty = match place.get_mut() {
            Numbers::One(one) => *one == number,
            Numbers::Several(numbers) => numbers.remove(number),
        };
        if empty {
            place.remove();
        }
    }

    pub(super) fn under(&self, key: K) -> impl Iterator<Item = u64> + use<'_, K> {
        let (one, several) = match self.0.get(&key) {
            Some(Numbers::One(number)) => (Some(*number), None),
            Some(Numbers::Several(numbers)) => (None, Some(numbers)),
            None => (None, None),
        };
        one.into_iter().chain(several.into_iter().flat_map(|bits| bits.iter()))
    }
}

/// The jobs with live flights at every place, of each kind about people and of any kind, by where they stand in the book.
#[derive(Clone, Debug, Default)]
pub(super) struct Live(Table<(Place, Option<RequestKind>), Slots>);

/// A bit for each place in the book.
#[derive(Clone, Debug, Default)]
struct Slots {
    words: Vec<u64>,
    len: usize,
}

impl Slots {
    fn word(slot: u32) -> (usize, u64) {
        (usize::try_from(slot >> 6).unwrap_or(usize::MAX), 1 << (slot & 63))
    }

    fn insert(&mut self, slot: u32) {
        let (at, bit) = Self::word(slot);
        if self.words.len() <= at {
            self.words.resize(at.saturating_add(1), 0);
        }
        if let Some(word) = self.words.get_mut(at).filter(|word| **word & bit == 0) {
            *word |= bit;
            self.len = self.len.saturating_add(1);
        }
    }

    fn remove(&mut self, slot: u32) {
        let (at, bit) = Self::word(slot);
        if let Some(word) = self.words.get_mut(at).filter(|word| **word & bit != 0) {
            *word &= !bit;
            self.len = self.len.saturating_sub(1);
        }
        if self.len == 0 {
            self.words.clear();
        }
    }

    fn iter(&self) -> impl Iterator<Item = u32> {
        let words = (0_u32..).step_by(64).zip(&self.words).take(if self.len == 0 { 0 } else { self.words.len() });
        words.flat_map(|(first, bits)| ones(*bits).map(move |bit| first | bit))
    }
}

/// The numbers of the bits that are set.
fn ones(bits: u64) -> impl Iterator<Item = u32> {
    let next = |bits: &u64| Some(bits & bits.saturating_sub(1)).filter(|bits| *bits != 0);
    std::iter::successors(Some(bits).filter(|bits| *bits != 0), next).map(u64::trailing_zeros)
}

/// The flights that an event could be about.
#[derive(Debug, Default)]
pub(super) struct Candidates {
    pub(super) flights: Vec<FlightId>,
    /// There are more than were looked at, so nothing can be decided.
    pub(super) more: bool,
    /// The event does not say what it is about.
    pub(super) anything: bool,
}

/// Only people can be asked about without being named.
fn counted(kind: RequestKind) -> Option<Option<RequestKind>> {
    (!kind.is_campaign_control()).then_some(Some(kind))
}

impl Live {
    pub(super) fn insert(&mut self, place: Place, kind: RequestKind, job: u32) {
        for key in [counted(kind), Some(None)].into_iter().flatten() {
            self.0.entry((place, key)).or_default().insert(job);
        }
    }

    /// A job of which others are live at the place stays among those of any kind.
    pub(super) fn remove(&mut self, place: Place, kind: RequestKind, job: u32, others: bool) {
        let any = (!others).then_some(None);
        for key in [counted(kind), any].into_iter().flatten() {
            if let Some(slots) = self.0.get_mut(&(place, key)) {
                slots.remove(job);
            }
        }
    }

    fn under(&self, place: Place, kind: Option<RequestKind>) -> impl Iterator<Item = u32> {
        self.0.get(&(place, kind)).into_iter().flat_map(Slots::iter)
    }

    pub(super) fn has_kind(&self, place: Place, kind: RequestKind) -> bool {
        self.0.get(&(place, Some(kind))).is_some_and(|slots| slots.len > 0)
    }
}

impl Requester {
    /// Flights to be judged one by one, in order of sending.
    pub(super) fn candidates(&self, place: Place, sought: &Lookup) -> Candidates {
        let mut found = Candidates::default();
        let mut take = |key| {
            for flight in self.live_under(place, key) {
                if found.flights.len() >= CANDIDATES_MAX {
                    found.more = true;
                    return;
                }
                found.flights.push(flight.id());
            }
        };
        match *sought {
            Lookup::Keys(keys) => keys.into_iter().flatten().for_each(&mut take),
            Lookup::Anything(_) => {
                take(Key::All);
                found.anything = true;
            }
            Lookup::Nothing => {}
        }
        found.flights.sort_unstable();
        found.flights.dedup();
        found
    }

    fn live_under(&self, place: Place, key: Key) -> impl Iterator<Item = &Flight> {
        let (some, about) = match key {
            Key::All => (Some(self.live.under(place, None)), None),
            Key::Kind(kind) => (Some(self.live.under(place, Some(kind))), None),
            Key::Sequence(group) => (None, Some(Key::Pair(Pair { campaign: CampaignDbid::SEQUENCE, group }))),
            key => (None, Some(key)),
        };
        let about = about.into_iter().flat_map(|key| self.about(key)).map(|(job, _)| job.slot());
        some.into_iter().flatten().chain(about).flat_map(move |job| self.jobs.flights_at(job, place))
    }

    /// Live flights about a pair, reads included.
    pub(super) fn live_of_pair(&self, place: Place, pair: Pair) -> impl Iterator<Item = &Flight> {
        self.live_under(place, Key::Pair(pair))
    }

    /// Live flights about the same person.
    pub(super) fn live_of_person(&self, place: Place, asked: &Asked) -> impl Iterator<Item = &Flight> {
        let key = asked.keys().into_iter().flatten().find(|key| matches!(key, Key::Phone(..) | Key::Customer(..)));
        self.live_under(place, key.unwrap_or(Key::Kind(asked.kind)))
    }
}
