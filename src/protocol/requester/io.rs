//! What goes into the requester and what comes out of it.

use std::{sync::Arc, time::Duration};

use bytes::Bytes;

use crate::message::AppDbid;
use crate::message::CommDnMessage;
use crate::message::Message;
use crate::message::RequestKind;
use crate::message::Target;
use crate::protocol::requester::config::{DnAddress, LinkId};
use crate::protocol::requester::echo::EchoFact;
use crate::protocol::requester::outcome::{OcsAnswer, Outcome};

/// A submission, numbered by the caller; unique among those without an outcome.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RequestId(pub u64);

/// A frame that is to be sent, numbered by the requester.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SendId(pub u64);

/// What a caller wants done. The origin is not given: the pool decides.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Submission {
    /// The caller's number.
    pub id: RequestId,
    /// One OCS, or every one.
    pub target: Target,
    /// The request.
    pub body: Message,
    /// How long this caller waits for an outcome; `None` = as long as the rules take.
    pub deadline: Option<Duration>,
    /// Kept in a journal: a do-not-call then outlives a lost link.
    pub durable: bool,
}

/// What happens to the requester.
#[derive(Clone, Debug)]
pub enum Input {
    /// A new submission.
    Submit(Submission),
    /// A user event that holds a CommDN message.
    Event {
        /// The T-Server pair it came from.
        link: LinkId,
        /// The DN it came on.
        dn: Arc<str>,
        /// The message.
        message: CommDnMessage,
        /// The bytes it was read from.
        user_data: Bytes,
    },
    /// EventACK for a send.
    Acked {
        /// Which.
        send: SendId,
    },
    /// A send failed.
    SendFailed {
        /// Which.
        send: SendId,
        /// Code of EventError; `None` = no direct answer, it may have been delivered.
        tserver_code: Option<i32>,
    },
    /// Logged in and all DNs registered.
    LinkUp {
        /// The T-Server pair.
        link: LinkId,
    },
    /// The connection is gone.
    LinkDown {
        /// The T-Server pair.
        link: LinkId,
    },
    /// What the journal held at start-up; given before anything else.
    Restored(Vec<JournalRow>),
    /// An alarm that a restart has outlived; after [`Input::Restored`]. One that was cleared less than the longest B and
    /// D ago is given as well, and cleared again.
    Alarmed {
        /// One of our DBIDs.
        origin: AppDbid,
    },
    /// The deadline of [`crate::protocol::requester::Requester::next_deadline`] has come.
    Timer,
    /// An operator has looked at the alarm of this DBID.
    ClearAlarm {
        /// One of our DBIDs.
        origin: AppDbid,
    },
}

/// What the caller has to do, in this order.
#[derive(Clone, Debug, PartialEq)]
// Outputs are taken one at a time; a box would cost an allocation for each frame.
#[allow(clippy::large_enum_variant)]
pub enum Output {
    /// Write these marks and sync them before the next [`Output::Send`] is sent.
    Journal(JournalMark),
    /// Send this message on a DN.
    Send {
        /// Number for the EventACK.
        send: SendId,
        /// Where.
        address: DnAddress,
        /// What.
        message: CommDnMessage,
    },
    /// The end of a submission; comes once for each.
    Outcome {
        /// Which.
        id: RequestId,
        /// How it ended.
        outcome: Outcome,
    },
    /// News about a submission that goes on.
    Progress {
        /// Which.
        id: RequestId,
        /// What is new.
        progress: Progress,
    },
    /// An event for the view of the world, in the order of arrival, before any outcome it causes.
    Mirror {
        /// Where it came on.
        address: DnAddress,
        /// The message.
        message: Arc<CommDnMessage>,
        /// What it was to us.
        standing: Standing,
    },
    /// Something an operator must see.
    Alarm(Alarm),
    /// Something about an OCS was learned or withdrawn; to be kept in the store.
    Echo {
        /// The OCS (its primary DBID).
        ocs: AppDbid,
        /// What.
        fact: EchoFact,
        /// Proved, or withdrawn.
        proved: bool,
    },
}

/// News about a submission that goes on.
#[derive(Clone, Debug, PartialEq)]
pub enum Progress {
    /// It went out.
    Sent {
        /// The send.
        send: SendId,
        /// Our DBID.
        origin: AppDbid,
    },
    /// One OCS of several has answered.
    Answer(OcsAnswer),
    /// The unload was accepted, calls are still open.
    AcceptedDraining {
        /// The OCS.
        ocs: AppDbid,
        /// UserData of the event that told it.
        frame: Bytes,
    },
    /// Its link is lost, what became of it is not known.
    Checking,
    /// An event could have been its answer or another's.
    Suspect,
    /// The state of the pair is being asked, or the request repeated.
    Settling,
}

/// What an event was to us.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Standing {
    /// It decided a request, or brought one forward.
    Answer,
    /// Nobody had asked.
    Notification,
    /// It can be the late or doubled event of something that has ended.
    Late,
    /// It could have been the answer to more than one request.
    Ambiguous,
    /// For somebody else, or for nobody in particular.
    NotAddressed,
    /// Our own frame, back from the T-Server.
    OwnCopy,
    /// Our DBID on a frame that we did not send.
    Forged,
    /// Addressed to us by an application that is none of our OCSs, or on another DN than its own.
    Foreign,
}

/// Something an operator must see.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Alarm {
    /// Somebody else sends with our DBID; it takes no new mutating request but do-not-call until the alarm is cleared.
    ForgedOrigin {
        /// The DBID.
        origin: AppDbid,
        /// Where the frame was seen.
        address: DnAddress,
    },
    /// The table of shadows is full.
    ShadowsFull,
}

/// What the journal must hold before a request goes out.
#[derive(Clone, Debug, PartialEq)]
pub struct JournalMark {
    /// The frame.
    pub send: SendId,
    /// The submissions it is sent for.
    pub requests: Vec<RequestId>,
    /// The OCSs it is for (primary DBIDs).
    pub ocss: Vec<AppDbid>,
    /// The DN.
    pub address: DnAddress,
    /// Our DBID.
    pub origin: AppDbid,
    /// What is asked.
    pub kind: RequestKind,
}

/// One submission as the journal held it.
#[derive(Clone, Debug, PartialEq)]
pub struct JournalRow {
    /// The submission; its deadline is what is left of it.
    pub submission: Submission,
    /// It has an outcome.
    pub ended: bool,
    /// The time for a load or a start that was never sent has passed; it is then not sent any more.
    pub overdue: bool,
    /// Its marks and how long ago each was written.
    pub marks: Vec<(JournalMark, Duration)>,
}
