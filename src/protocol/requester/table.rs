//! Who stands where: tables that find the few requests and shadows that an event could be about.

use std::{
    borrow::Borrow,
    cmp::Ordering,
    collections::{BTreeMap, HashMap, hash_map::Entry},
    hash::{BuildHasher, BuildHasherDefault, DefaultHasher, Hash, Hasher},
    ops::Deref,
    sync::Arc,
};

use crate::message::AppDbid;
use crate::message::DoNotCall;
use crate::message::ErrorCode;
use crate::message::GroupDbid;
use crate::message::Message;
use crate::message::Pair;
use crate::message::RequestKind;
use crate::protocol::Time;
use crate::protocol::correlate::Subject;
use crate::protocol::requester::config::{CANDIDATES_MAX, DnAddress};
use crate::protocol::requester::io::SendId;

/// Index of an OCS in the configuration.
pub(super) type OcsIx = usize;

/// One of our DBIDs on the DN of one OCS: where answers arrive.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) struct Place {
    pub(super) ocs: OcsIx,
    pub(super) origin: AppDbid,
}

/// What was asked; cheap to clone.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Asked(Arc<Question>);

/// All that a request is found by stands together, and personal values are digested once.
#[derive(Debug, PartialEq)]
pub(super) struct Question {
    pub(super) kind: RequestKind,
    digest: u64,
    phone: u64,
    customer: u64,
    pub(super) subject: Subject,
    pub(super) body: Message,
}

impl Deref for Asked {
    type Target = Question;

    fn deref(&self) -> &Question {
        &self.0
    }
}

/// A request by what it is about: with the OCS, the key of its lane.
#[derive(Clone, Debug)]
pub(super) struct Named(Asked);

impl Hash for Named {
    fn hash<H: Hasher>(&self, state: &mut H) {
        state.write_u64(self.0.digest);
    }
}

impl PartialEq for Named {
    fn eq(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0.0, &other.0.0) || self.0.subject == other.0.subject
    }
}

impl Eq for Named {}

impl Ord for Named {
    fn cmp(&self, other: &Self) -> Ordering {
        self.0.subject.cmp(&other.0.subject)
    }
}

impl PartialOrd for Named {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

/// What a lane is looked up by without a request of its own.
pub(super) trait Sought {
    fn key(&self) -> (OcsIx, u64, &Subject);
}

/// The subject of an event.
pub(super) struct Told {
    ocs: OcsIx,
    digest: u64,
    subject: Subject,
}

impl Told {
    pub(super) fn of(ocs: OcsIx, entry: &DoNotCall) -> Self {
        let subject = Subject::of_entry(entry);
        Self { ocs, digest: digest(&subject), subject }
    }
}

impl Sought for Told {
    fn key(&self) -> (OcsIx, u64, &Subject) {
        (self.ocs, self.digest, &self.subject)
    }
}

impl Sought for (OcsIx, Named) {
    fn key(&self) -> (OcsIx, u64, &Subject) {
        (self.0, self.1.0.digest, &self.1.0.subject)
    }
}

impl Sought for (OcsIx, &Asked) {
    fn key(&self) -> (OcsIx, u64, &Subject) {
        (self.0, self.1.digest, &self.1.subject)
    }
}

impl<'t> Borrow<dyn Sought + 't> for (OcsIx, Named) {
    fn borrow(&self) -> &(dyn Sought + 't) {
        self
    }
}

/// As the key itself.
impl Hash for dyn Sought + '_ {
    fn hash<H: Hasher>(&self, state: &mut H) {
        let (ocs, digest, _) = self.key();
        (ocs, digest).hash(state);
    }
}

impl PartialEq for dyn Sought + '_ {
    fn eq(&self, other: &Self) -> bool {
        self.key() == other.key()
    }
}

impl Eq for dyn Sought + '_ {}

impl Asked {
    pub(super) fn of(body: Message) -> Option<Self> {
        let kind = body.request_kind()?;
        let subject = Subject::of(&body)?;
        let (phone, customer) = match &subject {
            Subject::Pair(_) => (None, None),
            Subject::Person { phone, customer, .. } => (phone.as_ref(), customer.as_ref()),
            Subject::Cancel(phone) => {
                (phone.as_ref(), body.cancel_record().and_then(|cancel| cancel.customer_id.as_ref()))
            }
        };
        let (phone, customer) = (phone.map_or(0, digest), customer.map_or(0, digest));
        Some(Self(Arc::new(Question { kind, digest: digest(&subject), phone, customer, subject, body })))
    }

    pub(super) fn named(&self) -> Named {
        Named(self.clone())
    }

    fn family(&self) -> Family {
        match (self.kind, self.subject.pair()) {
            (RequestKind::DoNotCall, _) => Family::DoNotCall,
            (RequestKind::CancelRecord, _) => Family::Cancel,
            (_, Some(pair)) if pair.campaign.is_sequence() => Family::Sequence,
            _ => Family::Campaign,
        }
    }

    pub(super) fn keys(&self) -> [Option<Key>; 4] {
        let errors = Some(Key::Errors(self.family()));
        match &self.subject {
            Subject::Pair(pair) => {
                let group = pair.campaign.is_sequence().then_some(Key::Sequence(pair.group));
                [Some(Key::Pair(*pair)), group, errors, None]
            }
            Subject::Person { phone, customer, .. } => [
                Some(Key::Kind(self.kind)),
                phone.as_ref().map(|_| Key::Phone(self.kind, self.phone)),
                customer.as_ref().map(|_| Key::Customer(self.kind, self.customer)),
                errors,
            ],
            Subject::Cancel(phone) => {
                let customer = self.body.cancel_record().and_then(|cancel| cancel.customer_id.as_ref());
                [
                    Some(Key::Kind(self.kind)),
                    phone.as_ref().map(|_| Key::Phone(self.kind, self.phone)),
                    customer.map(|_| Key::Customer(self.kind, self.customer)),
                    errors,
                ]
            }
        }
    }
}

/// Requests that a CM_EvError without ids treats alike.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) enum Family {
    Campaign,
    Sequence,
    DoNotCall,
    Cancel,
}

impl Family {
    pub(super) const ALL: [(Self, RequestKind); 4] = [
        (Self::Campaign, RequestKind::Start),
        (Self::Sequence, RequestKind::Start),
        (Self::DoNotCall, RequestKind::DoNotCall),
        (Self::Cancel, RequestKind::CancelRecord),
    ];
}

/// What a request or shadow is found by. Personal values stand as digests; the full value is compared afterwards.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) enum Key {
    All,
    Kind(RequestKind),
    Errors(Family),
    ErrorFrame(ErrorCode),
    Pair(Pair),
    Sequence(GroupDbid),
    Phone(RequestKind, u64),
    Customer(RequestKind, u64),
}

/// The same on every run: the hasher has fixed keys, and nothing depends on the order of digests.
fn digest<T: Hash>(value: &T) -> u64 {
    let mut hasher = DefaultHasher::new();
    value.hash(&mut hasher);
    hasher.finish()
}

/// Where an event has to be looked up.
pub(super) enum Lookup {
    /// Under these keys.
    Keys([Option<Key>; 3]),
    /// A CM_EvError that does not say what it is about.
    Anything(ErrorCode),
    /// Nowhere.
    Nothing,
}

pub(super) fn lookup(event: &Message) -> Lookup {
    let person = |kind, phone: Option<u64>, customer: Option<u64>| {
        let key = match (phone, customer) {
            (Some(phone), _) => Key::Phone(kind, phone),
            (None, Some(customer)) => Key::Customer(kind, customer),
            (None, None) => Key::Kind(kind),
        };
        Lookup::Keys([Some(key), None, None])
    };
    let entry = event.do_not_call().map(|entry| {
        (RequestKind::DoNotCall, entry.phone.as_ref().map(digest), entry.customer_id.as_ref().map(digest))
    });
    let cancel = event.cancel_record().map(|cancel| {
        (RequestKind::CancelRecord, cancel.phone.as_ref().map(digest), cancel.customer_id.as_ref().map(digest))
    });
    match event {
        Message::DoNotCallProcessed(_) => {
            let (kind, phone, customer) = entry.unwrap_or((RequestKind::DoNotCall, None, None));
            person(kind, phone, customer)
        }
        Message::RecordCanceled(_) => {
            let (kind, phone, customer) = cancel.unwrap_or((RequestKind::CancelRecord, None, None));
            person(kind, phone, customer)
        }
        Message::ErrorEvent(error) => match (error.pair(), entry.or(cancel)) {
            (Some(pair), _) => {
                let sequence = (!pair.campaign.is_sequence()).then_some(Key::Sequence(pair.group));
                let cancels = error.error == Some(ErrorCode::CAMPAIGN_NOT_FOUND);
                let cancels = cancels.then_some(Key::Kind(RequestKind::CancelRecord));
                Lookup::Keys([Some(Key::Pair(pair)), sequence, cancels])
            }
            (None, Some((kind, phone, customer))) => person(kind, phone, customer),
            (None, None) => Lookup::Anything(error.error.unwrap_or(ErrorCode::NO)),
        },
        other => match other.pair_event() {
            Some(state) => Lookup::Keys([Some(Key::Pair(state.pair)), None, None]),
            None => Lookup::Nothing,
        },
    }
}

/// A hash table, so that a look-up costs the same however many requests are pending. Its hasher has fixed keys and its
/// order never shows: it can be walked only in the order of its keys.
#[derive(Clone, Debug)]
pub(super) struct Table<K, V, H = foldhash::quality::FixedState>(HashMap<K, V, H>);

/// A table for numbers that are given out one after the other: neighbours stand side by side, as they are used.
pub(super) type NumberTable<K, V> = Table<K, V, BuildHasherDefault<InARow>>;

/// The low bits, which choose the place, stay as they are; the high ones, which tell neighbours apart, are mixed.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct InARow(u64);

impl Hasher for InARow {
    fn finish(&self) -> u64 {
        self.0 ^ self.0.wrapping_mul(0x9e37_79b9_7f4a_7c15).wrapping_shl(57)
    }

    fn write(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.write_u64(u64::from(*byte));
        }
    }

    fn write_u64(&mut self, number: u64) {
        self.0 = self.0.rotate_left(8) ^ number;
    }
}

impl<K, V, H: Default> Default for Table<K, V, H> {
    fn default() -> Self {
        Self(HashMap::default())
    }
}

impl<K: Hash + Ord, V, H: BuildHasher> Table<K, V, H> {
    pub(super) fn len(&self) -> usize {
        self.0.len()
    }

    pub(super) fn get(&self, key: &K) -> Option<&V> {
        self.0.get(key)
    }

    pub(super) fn find<Q: Hash + Eq + ?Sized>(&self, key: &Q) -> Option<&V>
    where
        K: Borrow<Q>,
    {
        self.0.get(key)
    }

    pub(super) fn get_mut(&mut self, key: &K) -> Option<&mut V> {
        self.0.get_mut(key)
    }

    pub(super) fn contains_key(&self, key: &K) -> bool {
        self.0.contains_key(key)
    }

    pub(super) fn entry(&mut self, key: K) -> Entry<'_, K, V> {
        self.0.entry(key)
    }

    pub(super) fn insert(&mut self, key: K, value: V) -> Option<V> {
        self.0.insert(key, value)
    }

    pub(super) fn remove(&mut self, key: &K) -> Option<V> {
        self.0.remove(key)
    }

    /// Everything, by ascending keys; for what happens seldom.
    pub(super) fn in_order(&self) -> impl Iterator<Item = (&K, &V)> {
        let mut all: Vec<(&K, &V)> = self.0.iter().collect();
        all.sort_unstable_by_key(|(key, _)| *key);
        all.into_iter()
    }
}

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
    Several(Bits),
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
        words.flat_map(|(word, bits)| {
            let next = |bits: &u64| Some(bits & bits.saturating_sub(1)).filter(|bits| *bits != 0);
            let ones = std::iter::successors(Some(*bits).filter(|bits| *bits != 0), next);
            ones.map(move |bits| (word << 6) | u64::from(bits.trailing_zeros()))
        })
    }
}

impl<K: Hash + Ord> Index<K> {
    pub(super) fn insert(&mut self, key: K, number: u64) {
        match self.0.entry(key) {
            Entry::Vacant(place) => {
                place.insert(Numbers::One(number));
            }
            Entry::Occupied(mut place) => match place.get_mut() {
                Numbers::One(other) if *other == number => {}
                Numbers::One(other) => {
                    let mut numbers = Bits::default();
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
        one.into_iter().chain(several.into_iter().flat_map(Bits::iter))
    }
}

/// The live flights of every place.
#[derive(Clone, Debug, Default)]
pub(super) struct Live(Index);

/// The flights that an event could be about.
#[derive(Debug, Default)]
pub(super) struct Candidates {
    pub(super) flights: Vec<u64>,
    /// There are more than were looked at, so nothing can be decided.
    pub(super) more: bool,
    /// The event does not say what it is about.
    pub(super) anything: bool,
}

impl Live {
    pub(super) fn insert(&mut self, place: Place, asked: &Asked, flight: u64) {
        for key in live_keys(asked) {
            self.0.insert((place, key), flight);
        }
    }

    pub(super) fn remove(&mut self, place: Place, asked: &Asked, flight: u64) {
        for key in live_keys(asked) {
            self.0.remove((place, key), flight);
        }
    }

    /// Flights to be judged one by one.
    pub(super) fn candidates(&self, place: Place, event: &Message) -> Candidates {
        let mut found = Candidates::default();
        let mut take = |key| {
            for flight in self.0.under((place, key)) {
                if found.flights.len() >= CANDIDATES_MAX {
                    found.more = true;
                    return;
                }
                found.flights.push(flight);
            }
        };
        match lookup(event) {
            Lookup::Keys(keys) => keys.into_iter().flatten().for_each(&mut take),
            Lookup::Anything(_) => {
                take(Key::All);
                found.anything = true;
            }
            Lookup::Nothing => {}
        }
        found
    }

    /// Live flights about a pair, reads included.
    pub(super) fn of_pair(&self, place: Place, pair: Pair) -> impl Iterator<Item = u64> {
        self.0.under((place, Key::Pair(pair)))
    }

    pub(super) fn has_kind(&self, place: Place, kind: RequestKind) -> bool {
        self.0.under((place, Key::Kind(kind))).next().is_some()
    }

    /// Whether one flight alone is about the same pair or person.
    pub(super) fn is_alone(&self, place: Place, asked: &Asked) -> bool {
        let key = asked.keys().into_iter().flatten().find(|key| !matches!(key, Key::Kind(_)));
        key.is_some_and(|key| matches!(self.0.0.get(&(place, key)), Some(Numbers::One(_))))
    }

    /// Live flights about the same person.
    pub(super) fn of_person(&self, place: Place, asked: &Asked) -> impl Iterator<Item = u64> {
        let key = asked.keys().into_iter().flatten().find(|key| matches!(key, Key::Phone(..) | Key::Customer(..)));
        self.0.under((place, key.unwrap_or(Key::Kind(asked.kind))))
    }
}

/// The families are for shadows; whatever is live is found under [`Key::All`] by an error without ids.
fn live_keys(asked: &Asked) -> impl Iterator<Item = Key> {
    let keys = asked.keys().into_iter().flatten().filter(|key| !matches!(key, Key::Errors(_)));
    keys.chain([Key::All])
}

/// Our own frames, so that their copies are known when the T-Server sends them back.
#[derive(Clone, Debug, Default)]
pub(super) struct OwnFrames {
    all: BTreeMap<SendId, OwnFrame>,
    index: Index<OwnKey>,
    /// Frames younger than this were forgotten for want of room.
    unsure_until: Time,
}

/// Origin, target, kind and a digest of the subject.
type OwnKey = (AppDbid, i32, RequestKind, u64);

#[derive(Clone, Debug)]
struct OwnFrame {
    key: OwnKey,
    asked: Asked,
    address: DnAddress,
    until: Time,
}

fn own_key(origin: AppDbid, target: i32, asked: &Asked) -> OwnKey {
    (origin, target, asked.kind, asked.digest)
}

impl OwnFrames {
    pub(super) fn len(&self) -> usize {
        self.all.len()
    }

    pub(super) fn contains(&self, send: SendId) -> bool {
        self.all.contains_key(&send)
    }

    /// Remembers a frame; the answer is the one that had to go for it.
    pub(super) fn insert(
        &mut self,
        send: SendId,
        (origin, target, asked): (AppDbid, i32, &Asked),
        address: DnAddress,
        until: Time,
        most: usize,
    ) -> Option<(SendId, Time)> {
        let key = own_key(origin, target, asked);
        self.index.insert(key, send.0);
        self.all.insert(send, OwnFrame { key, asked: asked.clone(), address, until });
        if self.all.len() <= most {
            return None;
        }
        let (oldest, frame) = self.all.pop_first()?;
        self.index.remove(frame.key, oldest.0);
        self.unsure_until = self.unsure_until.max(frame.until);
        Some((oldest, frame.until))
    }

    pub(super) fn remove(&mut self, send: SendId) {
        if let Some(frame) = self.all.remove(&send) {
            self.index.remove(frame.key, send.0);
        }
    }

    /// `None`: it may have been ours, but that is forgotten.
    pub(super) fn knows(
        &self,
        now: Time,
        (origin, target, asked): (AppDbid, i32, &Asked),
        address: &DnAddress,
    ) -> Option<bool> {
        let key = own_key(origin, target, asked);
        let known = self
            .index
            .under(key)
            .filter_map(|send| self.all.get(&SendId(send)))
            .any(|frame| frame.asked.body == asked.body && frame.address == *address);
        if known { Some(true) } else { (now > self.unsure_until).then_some(false) }
    }
}
