//! What goes wrong on purpose: one set of faults and one text for scenarios, the simulator's control and the tests.
//!
//! ```text
//! WHAT                                                when (all of them hold)
//! drop                                                from D  to D  for D      since the start; `for` since it came
//! delay SPAN                                          at D | now               cut, half-open, switchover, jump only
//! duplicate [N] [after D]                             ocs DBID | app DBID | client NAME
//! reorder [D]                                         up | down                to the T-Server | from it
//! corrupt [frame|list|message]                        KEY=VALUE KEY!=VALUE     the filter language; also "a=1 || b=2"
//! split [BYTES]                                       nth N  every N  first N
//! slow BYTES                                          probability N            of a thousand
//! cut | half-open | switchover [D] | jump D           seed N
//! refuse CODE | answer "MESSAGE KEY=VALUE ..." | silent | fail CODE
//! without-ids | look-alike | two-answers [after D]
//! ```
//!
//! [`read`] reads the words behind `fault`, `Display` prints them back; [`Faults`] decides what happens to a frame or
//! message, [`Lines`] does it to the frames between clients and a T-Server. Times and chance are given.

mod edit;
mod held;
mod judge;
mod lines;
mod print;
mod text;

use std::time::Duration;

pub use judge::{Fate, Faults, Listed, Passing, RULES_MAX, RuleId, TooMany, Verdict};
pub use lines::{Client, Given, Lines};
pub use text::{FaultError, WHATS, read, read_line};

use crate::engine::filter::Filter;
use crate::engine::ocs::dialer::Span;
use crate::message::AppDbid;
use crate::message::CommDnMessage;
use crate::message::ErrorCode;
use crate::wire::ErrorCode as TServerCode;

/// One fault: what happens, and to what.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rule {
    /// What happens.
    pub what: What,
    /// When, and to what.
    pub when: When,
}

/// What happens.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum What {
    /// It is lost.
    Drop,
    /// It comes later; what is behind it may pass.
    Delay(Span),
    /// It comes again.
    Duplicate {
        /// How often.
        copies: u32,
        /// From one to the next.
        after: Duration,
    },
    /// It waits until the next one has passed, at most so long.
    Reorder(Duration),
    /// Its bytes are changed.
    Corrupt(Spoiled),
    /// It comes in pieces of so many bytes, a millisecond apart; what is behind it waits.
    Split(usize),
    /// So many bytes a second; what is behind it waits.
    Slow(u32),
    /// The connection is closed.
    Cut,
    /// From then on the connection swallows everything; when the fault ends it is closed.
    HalfOpen,
    /// The T-Server becomes the backup, and is primary again after so long.
    Switchover(Duration),
    /// The clock leaps forward.
    Jump(Duration),
    /// An OCS does not take a request up: `CM_EvError` with this code.
    Refuse(ErrorCode),
    /// An OCS does not take a request up and answers so.
    Answer(Box<Answer>),
    /// An OCS does what it is asked and tells nobody in particular: its answer is lost.
    Silent,
    /// The T-Server answers a user event with this error and distributes nothing; with 57 it does all the same.
    Fail(TServerCode),
    /// A `CM_EvError` with nothing but its code.
    WithoutIds,
    /// An equal notification comes just before an answer.
    LookAlike,
    /// An answer comes again.
    TwoAnswers(Duration),
}

/// Which bytes are changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Spoiled {
    /// Any one behind the length of the frame.
    Frame,
    /// The packed list says that it has more pairs than there are.
    List,
    /// The list is whole, but its message type has another key.
    Message,
}

/// An answer that was written by hand; what it lacks of campaign and group is the request's.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answer {
    /// As it was written: message and attributes.
    text: String,
    message: CommDnMessage,
}

/// When, and to what. What is absent excludes nothing, but see [`Faults`].
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct When {
    /// Not before.
    pub from: Option<Duration>,
    /// Not from then on.
    pub to: Option<Duration>,
    /// Only so long, counted from `from` or from when the rule came.
    pub lasts: Option<Duration>,
    /// Once at this time, whatever passes.
    pub at: Option<Moment>,
    /// Whose connection.
    pub peer: Option<Peer>,
    /// Which way.
    pub way: Option<Way>,
    /// What is passing; all of them.
    pub matching: Vec<Filter>,
    /// Only the match of this number, from 1.
    pub nth: Option<u64>,
    /// Only every so many matches.
    pub every: Option<u64>,
    /// Until it has struck so often.
    pub first: Option<u64>,
    /// In so many of a thousand cases.
    pub probability: Option<u32>,
    /// For its chance; absent: of the host's seed and the rule's number.
    pub seed: Option<u64>,
}

/// A time at which something happens by itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Moment {
    /// When the rule comes.
    Now,
    /// Then.
    At(Duration),
}

/// Whose connection.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Peer {
    /// That of an OCS.
    Ocs(AppDbid),
    /// That of the client which has sent messages of this application.
    App(AppDbid),
    /// That of a client with this ApplicationName; `*` stands for any text.
    Client(String),
}

/// Which way a frame goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Way {
    /// From a client to the T-Server.
    Up,
    /// From the T-Server to a client.
    Down,
}

impl Rule {
    /// A fault that strikes whatever it can.
    #[must_use]
    pub fn new(what: What) -> Self {
        Self { what, when: When::default() }
    }
}

impl What {
    /// May happen by itself, without a frame.
    #[must_use]
    pub fn is_timed(&self) -> bool {
        matches!(self, Self::Cut | Self::HalfOpen | Self::Switchover(_) | Self::Jump(_))
    }

    /// Concerns the whole site and no connection.
    fn is_of_site(&self) -> bool {
        matches!(self, Self::Switchover(_) | Self::Jump(_))
    }

    /// Strikes every frame unless types are named; the others strike messages only.
    fn takes_every_frame(&self) -> bool {
        matches!(self, Self::Cut | Self::HalfOpen | Self::Split(_) | Self::Slow(_))
    }

    /// The way that is meant when none is named, and nobody either.
    fn usual_way(&self, is_named: bool) -> Option<Way> {
        match self {
            Self::Refuse(_) | Self::Answer(_) => Some(Way::Down),
            Self::Silent | Self::Fail(_) | Self::WithoutIds | Self::LookAlike | Self::TwoAnswers(_) => Some(Way::Up),
            Self::Cut | Self::HalfOpen => None,
            Self::Drop
            | Self::Delay(_)
            | Self::Duplicate { .. }
            | Self::Reorder(_)
            | Self::Corrupt(_)
            | Self::Split(_)
            | Self::Slow(_)
            | Self::Switchover(_)
            | Self::Jump(_) => (!is_named).then_some(Way::Up),
        }
    }
}

impl Answer {
    /// The message; sender and receiver are those of the exchange.
    #[must_use]
    pub fn message(&self) -> &CommDnMessage {
        &self.message
    }
}

#[cfg(test)]
mod tests;
