//! What goes into the simulated T-Server and what comes out.

use bytes::Bytes;

use crate::protocol::time::UtcTime;
use crate::wire::ErrorCode;
use crate::wire::Frame;
use crate::wire::FrameError;
use crate::wire::MessageEncodeError;
use crate::wire::MessageError;
use crate::wire::SEQUENCE_TAIL_BYTES;
use crate::wire::ServerRole;
use crate::wire::Text;

/// One connection, numbered by whoever accepts it; never used again.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SessionId(pub u64);

/// What happened.
#[derive(Clone, Debug)]
pub enum TServerInput {
    /// A client connected.
    Accepted(SessionId),
    /// Any bytes came, whole frames or not.
    Heard(SessionId),
    /// A frame came.
    Frame(SessionId, Frame),
    /// Whole frames came, one behind the other; the answers are given out together.
    Frames(SessionId, Bytes),
    /// Everything for this session was handed to its socket: no request of it is in flight any more.
    Flushed(SessionId),
    /// Its stream cannot be read on.
    Broken(SessionId, FrameError),
    /// It is gone.
    Closed(SessionId),
    /// A deadline may be over.
    Tick,
    /// The switch comes or goes.
    SetSwitch(bool),
    /// A DN goes in or out of service; unknown names change nothing.
    SetInService(Text, bool),
    /// The server becomes primary or backup.
    SetRole(ServerRole),
    /// Whether senders get their own copy.
    SetEcho(bool),
}

/// What to do, or what to know.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TServerOutput {
    /// Write a frame to a session. Bounded by the sender of bytes: a full queue closes the session.
    Send(SessionId, Outgoing),
    /// Write what waits for the session, then close it. It is unregistered already.
    Close(SessionId, CloseReason),
    /// A user event passed.
    Seen(UserEventSeen),
}

/// A frame for one session. The bytes are shared by all that get the same event.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Outgoing {
    /// The frame, or all of it but its tail.
    pub head: Bytes,
    /// The sequence number of this session, when the head is shared.
    pub tail: Option<[u8; SEQUENCE_TAIL_BYTES]>,
    /// True for answers to polls: they go before what waits.
    pub urgent: bool,
    /// How many frames it is.
    pub frames: usize,
}

/// A user event that was distributed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UserEventSeen {
    /// When.
    pub at: UtcTime,
    /// Who sent it.
    pub session: SessionId,
    /// The sender's ApplicationName.
    pub application: Text,
    /// Where to.
    pub dn: Text,
    /// Packed list, checked.
    pub user_data: Bytes,
}

/// Why the server closes a session.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CloseReason {
    /// One more than the limit.
    #[error("sessions: too many sessions")]
    Sessions,
    /// No login in time.
    #[error("login_timeout: no login in time")]
    LoginTimeout,
    /// The login was refused.
    #[error("login: refused with error {0:?}")]
    LoginRefused(ErrorCode),
    /// The client was silent for twice the idle time.
    #[error("heartbeat: nothing was heard")]
    Heartbeat,
    /// The stream cannot be read.
    #[error(transparent)]
    Frame(#[from] FrameError),
    /// A message cannot be read at all.
    #[error(transparent)]
    Message(#[from] MessageError),
    /// An event cannot be written in the dialect.
    #[error(transparent)]
    Unsendable(#[from] MessageEncodeError),
}
