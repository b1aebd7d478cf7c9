//! The gateway: one task owns correlator, mirror and journal; callers hold a cheap handle and talk to it by channel.

mod alarms;
mod asker;
mod build;
mod core;
mod deliver;
mod ends;
mod errand;
mod handle;
mod hear;
mod intake;
mod known_dnc;
mod order;
mod outcome;
mod pass;
mod raw;
mod restore;
mod sight;
mod stage;
mod watch;
mod wishes;

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, Instant, SystemTime},
};

use bytes::Bytes;
use tokio::sync::{mpsc, oneshot};

pub(super) use self::core::SEND_SLACK;
pub use asker::{Alarm, Asker, GivenKey, Tally};
pub use build::{BuildError, open_store, start_gateway, start_gateway_on};
pub(super) use build::{dialect, used_names};
pub use order::{DialingWish, Order, OrderError, Prepared, Site};
pub use pass::{Follower, Overhearer, Passed, Unasked};
pub use raw::{RawAnswer, RawError, RawRequest};
pub use sight::{OcsSight, Sight};

use crate::engine::PairState;
use crate::engine::RequestNumber;
use crate::engine::RequestRecord;
use crate::engine::Router;
use crate::engine::Which;
use crate::message::AppDbid;
use crate::message::CommDnMessage;
use crate::message::Message;
use crate::message::Pair;
use crate::net::registry::LinkDirectory;
use crate::protocol::UtcTime;
use crate::service::Health;
use crate::service::Hub;
use crate::service::Pseudonyms;
use crate::service::dnc::{Deadline, PhoneRules};
use crate::service::metrics::Metrics;
use crate::service::sequencer::SequenceNews;
use crate::store::{Dead, Delivery, StopWish, Store, StoredRequest};
use crate::wire::Dialect;
use known_dnc::KnownDnc;

/// Commands of callers that may wait, in each priority; one more is refused as overloaded.
const COMMANDS_MAX: usize = 4_096;

/// Something that subscribers of `/v1/events` hear.
#[derive(Clone, Debug)]
pub enum GatewayEvent {
    /// A campaign group changed.
    State(PairState),
    /// A request was accepted or has ended.
    Request(Arc<RequestRecord>),
    /// A do-not-call has ended well on at least one OCS.
    Dnc(Arc<RequestRecord>),
    /// A link came or went.
    Link(String),
    /// An operator has to know.
    Alarm(Alarm),
    /// A sequence has got on.
    Sequence(Arc<SequenceNews>),
}

/// A UserEvent that passed.
#[derive(Clone, Debug)]
pub struct TapEvent {
    /// When.
    pub at: UtcTime,
    /// The link it passed on.
    pub link: Arc<str>,
    /// True when it came, false when we sent it.
    pub incoming: bool,
    /// CommDN.
    pub dn: String,
    /// The packed list.
    pub user_data: Bytes,
    /// Layout of the packed list.
    pub dialect: Dialect,
    /// What it says, `None` for UserData that is no CommDN message.
    pub message: Option<CommDnMessage>,
}

/// A request that was accepted.
#[derive(Debug)]
pub struct Accepted {
    /// Its name.
    pub number: RequestNumber,
    /// Is told when it has ended.
    pub ended: oneshot::Receiver<()>,
}

/// How a request stands, for those who wait and those who ask why.
#[derive(Clone, Debug)]
pub struct Standing {
    /// The request.
    pub record: Arc<RequestRecord>,
    /// `waiting`, `live`, `settling`, `checking`, `ended`.
    pub phase: &'static str,
    /// Why it waits, in words.
    pub waits_for: Option<String>,
    /// True once the time for an answer has passed and no OCS has given one.
    pub overdue: bool,
    /// An event came that could be its answer or another request's.
    pub suspect: bool,
    /// How often it came to nothing.
    pub attempts: u32,
    /// When it is tried again.
    pub next_try: Option<UtcTime>,
    /// It was given up.
    pub dead: Option<Dead>,
}

impl Standing {
    /// Of a request that nothing more is known of.
    #[must_use]
    pub fn of(record: Arc<RequestRecord>) -> Self {
        Self {
            record,
            phase: "waiting",
            waits_for: None,
            overdue: false,
            suspect: false,
            attempts: 0,
            next_try: None,
            dead: None,
        }
    }
}

type Reply<T> = oneshot::Sender<T>;

/// An OCS, a pair of them counting as one, and where it is reached.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OcsOnLink {
    /// Name of the link.
    pub link: Arc<str>,
    /// Application DBID of the primary.
    pub dbid: AppDbid,
    /// That of the backup.
    pub backup: Option<AppDbid>,
    /// The CommDN that carries our requests.
    pub dn: Arc<str>,
}

/// When something was heard: the hour for people, the moment for ages, which no step of the clock changes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct HeardAt {
    /// By the wall clock.
    pub at: SystemTime,
    /// By a clock that only goes forward.
    pub moment: Instant,
}

enum Command {
    Submit {
        order: Order,
        asker: Asker,
        follower: Option<Follower>,
        reply: Reply<Result<Accepted, OrderError>>,
    },
    Overhear {
        overhearer: Overhearer,
    },
    Observe {
        ocs: AppDbid,
        event: Box<Message>,
        reply: Reply<Option<PairState>>,
    },
    State {
        ocs: AppDbid,
        pair: Pair,
        reply: Reply<Option<PairState>>,
    },
    Sight {
        reply: Reply<Sight>,
    },
    /// The request that a key stands for.
    Held {
        asker: Asker,
        reply: Reply<Option<Result<Accepted, OrderError>>>,
    },
    Retry {
        stored: Box<StoredRequest>,
        confirmed: Vec<Delivery>,
        reply: Reply<Result<Accepted, OrderError>>,
    },
    Wishes {
        reply: Reply<Vec<StopWish>>,
    },
    ClearAlarm {
        origin: AppDbid,
        reply: Reply<bool>,
    },
    DryRun {
        order: Order,
        reply: oneshot::Sender<Result<String, OrderError>>,
    },
    Standing {
        number: RequestNumber,
        reply: oneshot::Sender<Option<Standing>>,
    },
    List {
        which: Which,
        after: Option<RequestNumber>,
        most: usize,
        reply: oneshot::Sender<Vec<RequestRecord>>,
    },
    States {
        reply: oneshot::Sender<Vec<PairState>>,
    },
    Raw {
        request: Box<RawRequest>,
        reply: oneshot::Sender<Result<mpsc::Receiver<RawAnswer>, RawError>>,
    },
}

/// Speaks to the gateway. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Gateway {
    urgent: mpsc::Sender<Command>,
    normal: mpsc::Sender<Command>,
    shared: Arc<Shared>,
}

/// What may be read without asking the task.
#[derive(Debug)]
struct Shared {
    router: Router,
    links: LinkDirectory,
    ocss: Vec<OcsOnLink>,
    heard: Mutex<BTreeMap<AppDbid, HeardAt>>,
    link_names: Vec<Arc<str>>,
    link_dialects: BTreeMap<Arc<str>, Dialect>,
    events: Hub<GatewayEvent>,
    tap: Hub<TapEvent>,
    wait: Duration,
    store: Arc<dyn Store>,
    tally: Tally,
    dnc: KnownDnc,
    phones: Box<dyn PhoneRules>,
    deadline: Deadline,
    metrics: Metrics,
    health: Health,
    pseudonyms: Pseudonyms,
    origins: Vec<AppDbid>,
}

impl Shared {
    fn heard(&self, member: AppDbid) {
        let heard = HeardAt { at: SystemTime::now(), moment: Instant::now() };
        self.heard.lock().unwrap_or_else(PoisonError::into_inner).insert(member, heard);
    }

    fn last_heard(&self, member: AppDbid) -> Option<HeardAt> {
        self.heard.lock().unwrap_or_else(PoisonError::into_inner).get(&member).copied()
    }
}
