//! What goes into the connection machine and what comes out.

use std::time::Duration;

use bytes::Bytes;

use crate::protocol::time::Time;
use crate::wire::limits::ANSWER_SECONDS;
use crate::wire::tserver::PROTOCOL_VERSION;
use crate::wire::{
    AttributeError, Dialect, ErrorCode, Frame, FrameError, MessageEncodeError, MessageError, MessageId, Password,
    Reading, Text,
};

use super::Endpoint;

/// The owner's own mark of a user event, handed back with what became of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Tag(pub u64);

/// Settings of a link.
#[derive(Clone, Debug)]
pub struct LinkConfig {
    /// Name of the client application.
    pub application_name: Text,
    /// Its password, if the server wants one.
    pub password: Option<Password>,
    /// Whether there is a backup to dial.
    pub has_backup: bool,
    /// DNs to register after every login.
    pub dns: Vec<Text>,
    /// Our idle time before we poll; zero = off.
    pub heartbeat: Duration,
    /// The idle time that the server is told to use.
    pub remote_heartbeat: Duration,
    /// Longest time for one connection attempt.
    pub connect_timeout: Duration,
    /// Layout of bytes.
    pub dialect: Dialect,
    /// Treatment of what the tables do not foresee.
    pub reading: Reading,
}

impl LinkConfig {
    /// The defaults of commdn.md 3.6 and 3.7 for one T-Server.
    #[must_use]
    pub fn new(application_name: &str, dns: &[&str]) -> Self {
        Self {
            application_name: application_name.into(),
            password: None,
            has_backup: false,
            dns: dns.iter().map(|dn| Text::from(*dn)).collect(),
            heartbeat: Duration::from_secs(10),
            remote_heartbeat: Duration::from_secs(20),
            connect_timeout: Duration::from_millis(4_000),
            dialect: Dialect::default(),
            reading: Reading::Tolerant,
        }
    }
}

/// What happened.
#[derive(Clone, Debug)]
pub enum LinkInput {
    /// Begin to dial.
    Start,
    /// Close and stay closed until the next start.
    Stop,
    /// Leave the session or the rest, and dial again as at the start.
    Redial,
    /// The same, with the other one of the pair first.
    Switch,
    /// The connection that was asked for is there.
    Connected,
    /// It could not be made.
    DialFailed,
    /// Any bytes came, whole frames or not.
    Heard,
    /// A frame came.
    Frame(Frame),
    /// The stream cannot be read on.
    Broken(FrameError),
    /// The peer closed, or the network did.
    Closed,
    /// A deadline may be over.
    Tick,
    /// Register this DN, now and after every login.
    Register(Text),
    /// Do so no more.
    Unregister(Text),
    /// Send a user event.
    Distribute {
        /// The DN it goes to.
        dn: Text,
        /// Packed list.
        user_data: Bytes,
        /// Comes back with what became of it.
        tag: Tag,
    },
}

/// What to do, or what to know.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum LinkOutput {
    /// Make a connection, then say `Connected` or `DialFailed`.
    Dial(Endpoint),
    /// Write this frame; an urgent one goes before those that wait.
    Send {
        /// The frame.
        bytes: Bytes,
        /// True for answers to polls.
        urgent: bool,
    },
    /// Drop the connection, or the attempt to make one. Nothing of it is to be told any more.
    Close,
    /// The next attempt comes then.
    RestUntil(Time),
    /// An attempt came to nothing; others follow.
    AttemptFailed(Endpoint, LossReason),
    /// The server accepted the login.
    LoggedIn(Endpoint),
    /// A DN is registered.
    Registered(Text),
    /// A DN is not registered, or no more. It is asked for again from time to time.
    NotRegistered(Text, Failure),
    /// The owner's wish to leave a DN was granted.
    Unregistered(Text),
    /// The switch is there and every DN is settled: user events can be sent on these.
    Up(Vec<Text>),
    /// The switch is gone; the session stays.
    SwitchDown,
    /// A DN cannot be used for now.
    DnOutOfService(Text),
    /// It can again.
    DnBackInService(Text),
    /// The T-Server took the user event over. Says nothing about OCS.
    Acked(Tag),
    /// It did not, or nobody knows.
    Failed(Tag, Failure),
    /// A user event on a registered DN.
    UserEvent {
        /// The DN.
        dn: Text,
        /// Packed list, checked.
        user_data: Bytes,
        /// True for the copy of what this link sent.
        own_copy: bool,
    },
    /// The session is over. Every user event without its answer was told to have failed before this.
    Lost(LossReason),
    /// Trace: we asked whether the peer lives.
    PollSent(u32),
    /// Trace: the peer asked, and was answered.
    PollAnswered(u32),
    /// Counted, and nothing else.
    Ignored(Ignored),
}

/// Why a request came to nothing.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Failure {
    /// There is no session; nothing was sent.
    #[error("the link to the T-Server is down")]
    LinkDown,
    /// Too many requests wait for their answers; nothing was sent.
    #[error("too many requests wait for the T-Server's answer")]
    Busy,
    /// The message cannot be written; nothing was sent.
    #[error(transparent)]
    Unsendable(#[from] MessageEncodeError),
    /// The T-Server said no, or certainly would have.
    #[error("T-Server error {code:?}")]
    Refused {
        /// Its code.
        code: ErrorCode,
        /// Its words.
        text: Option<Text>,
    },
    /// No answer in time; the request may have worked.
    #[error("no answer of the T-Server within {ANSWER_SECONDS} s")]
    TimedOut,
    /// The session ended before the answer; the request may have worked.
    #[error("the link to the T-Server was lost")]
    LinkLost,
}

impl Failure {
    /// The T-Server's code, or the one that a client library uses for its own deadline.
    #[must_use]
    pub fn code(&self) -> Option<ErrorCode> {
        match self {
            Self::Refused { code, .. } => Some(*code),
            Self::TimedOut => Some(ErrorCode::TIMEOUT),
            Self::LinkDown | Self::Busy | Self::Unsendable(_) | Self::LinkLost => None,
        }
    }

    pub(super) fn local(code: ErrorCode) -> Self {
        Self::Refused { code, text: None }
    }
}

/// Why a session or an attempt ended.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum LossReason {
    /// No connection could be made.
    #[error("connect: the T-Server could not be reached")]
    Connect,
    /// No connection within the time for it.
    #[error("connect_timeout: no connection in time")]
    ConnectTimeout,
    /// The login or a registration was not answered.
    #[error("no_answer: no answer within {ANSWER_SECONDS} s")]
    NoAnswer,
    /// The login was refused.
    #[error("login: refused with T-Server error {0:?}")]
    LoginRefused(ErrorCode),
    /// The server speaks something else.
    #[error("version: the server speaks '{0}', expected '{PROTOCOL_VERSION}'")]
    Version(Text),
    /// The server is, or became, the backup of its pair.
    #[error("backup: the server is the backup of its pair")]
    Backup,
    /// The connection ended.
    #[error("closed: the connection ended")]
    Closed,
    /// The peer was silent for twice the idle time.
    #[error("heartbeat: nothing was heard")]
    Heartbeat,
    /// The stream cannot be read.
    #[error(transparent)]
    Frame(#[from] FrameError),
    /// A message cannot be read.
    #[error(transparent)]
    Message(#[from] MessageError),
    /// Our own login cannot be written.
    #[error(transparent)]
    Unsendable(#[from] MessageEncodeError),
    /// The owner stopped the link.
    #[error("stopped: the link was stopped")]
    Stopped,
    /// The owner wants another connection.
    #[error("asked: another connection was asked for")]
    Asked,
}

/// What came and meant nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Ignored {
    /// A reserved kind of frame.
    #[error("frame kind {0}")]
    FrameKind(u8),
    /// A message that clients do not get, or not now.
    #[error("unexpected {0}")]
    Message(MessageId),
    /// A message that lacks something.
    #[error("{0}: {1}")]
    Attribute(MessageId, AttributeError),
    /// An answer to no request in flight: too late, or doubled.
    #[error("late or unasked {0}")]
    Unasked(MessageId),
}
