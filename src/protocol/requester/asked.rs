//! What was asked, and what it is found by.

use std::{
    hash::{DefaultHasher, Hash, Hasher},
    ops::Deref,
    sync::Arc,
};

use crate::message::AppDbid;
use crate::message::ErrorCode;
use crate::message::GroupDbid;
use crate::message::Message;
use crate::message::Pair;
use crate::message::RequestKind;
use crate::protocol::correlate::Subject;

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
/// In this order, so that what an event needs of it stands in its first lines.
#[derive(Debug, PartialEq)]
#[repr(C)]
pub(super) struct Question {
    pub(super) kind: RequestKind,
    digest: u64,
    phone: u64,
    customer: u64,
    pub(super) body: Message,
}

impl Deref for Asked {
    type Target = Question;

    fn deref(&self) -> &Question {
        &self.0
    }
}

/// A request by what it is about.
#[derive(Clone, Debug)]
pub(super) struct Named(Asked);

impl Hash for Named {
    fn hash<H: Hasher>(&self, state: &mut H) {
        state.write_u64(self.0.digest);
    }
}

impl PartialEq for Named {
    fn eq(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0.0, &other.0.0) || self.0.is_about(&other.0.body)
    }
}

impl Eq for Named {}

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
        Some(Self(Arc::new(Question { kind, digest: digest(&subject), phone, customer, body })))
    }

    /// Of the subject.
    pub(super) fn digest(&self) -> u64 {
        self.digest
    }

    pub(super) fn named(&self) -> Named {
        Named(self.clone())
    }

    fn family(&self) -> Family {
        match (self.kind, self.pair()) {
            (RequestKind::DoNotCall, _) => Family::DoNotCall,
            (RequestKind::CancelRecord, _) => Family::Cancel,
            (_, Some(pair)) if pair.campaign.is_sequence() => Family::Sequence,
            _ => Family::Campaign,
        }
    }

    /// The pair, for campaign control.
    pub(super) fn pair(&self) -> Option<Pair> {
        self.body.pair()
    }

    /// The same subject as that of a request, or of the echo of one.
    pub(super) fn is_about(&self, other: &Message) -> bool {
        if let (Some(one), Some(other)) = (self.body.do_not_call(), other.do_not_call()) {
            let same_scope = || one.scope == other.scope || Subject::of_entry(one) == Subject::of_entry(other);
            return one.phone == other.phone && one.customer_id == other.customer_id && same_scope();
        }
        match (self.body.cancel_record(), other.cancel_record()) {
            (Some(one), Some(other)) => one.phone == other.phone,
            (None, None) => self.pair().is_some() && self.pair() == other.pair(),
            (Some(_), None) | (None, Some(_)) => false,
        }
    }

    /// `GSW_PHONE` and `GSW_CUSTOMER_ID` of a request about a person, as keys.
    fn person(&self) -> (Option<Key>, Option<Key>) {
        let (phone, customer) = match (self.body.do_not_call(), self.body.cancel_record()) {
            (Some(entry), _) => (entry.phone.is_some(), entry.customer_id.is_some()),
            (None, Some(cancel)) => (cancel.phone.is_some(), cancel.customer_id.is_some()),
            (None, None) => (false, false),
        };
        let phone = phone.then_some(Key::Phone(self.kind, self.phone));
        (phone, customer.then_some(Key::Customer(self.kind, self.customer)))
    }

    /// What the subject is found by; for an event that names it, the first of [`lookup`].
    pub(super) fn key(&self) -> Key {
        let (phone, customer) = self.person();
        // The customer is no part of what a cancel is about.
        let customer = customer.filter(|_| self.kind == RequestKind::DoNotCall);
        self.pair().map(Key::Pair).or(phone).or(customer).unwrap_or(Key::Kind(self.kind))
    }

    /// The same and, where an event could name less, what it would then be found by.
    pub(super) fn keys_of_subject(&self) -> impl Iterator<Item = Key> {
        let key = self.key();
        let (_, customer) = self.person();
        [Some(key), customer.filter(|customer| *customer != key)].into_iter().flatten()
    }

    pub(super) fn keys(&self) -> [Option<Key>; 4] {
        let errors = Some(Key::Errors(self.family()));
        if let Some(pair) = self.pair() {
            let group = pair.campaign.is_sequence().then_some(Key::Sequence(pair.group));
            return [Some(Key::Pair(pair)), group, errors, None];
        }
        let (phone, customer) = self.person();
        [Some(Key::Kind(self.kind)), phone, customer, errors]
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
