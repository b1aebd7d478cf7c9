//! What goes into a world and what can be seen of it.

use std::time::Duration;

use crate::engine::fault::{Rule, RuleId, Way};
use crate::engine::ocs::RecordChange;
use crate::engine::topology::Topology;
use crate::message::AppDbid;
use crate::message::CommDnMessage;
use crate::message::MessageType;
use crate::protocol::profile::Profile;
use crate::protocol::{Time, UtcSeconds};
use crate::wire::Dialect;
use crate::wire::Text;

/// What a world is made of.
#[derive(Clone, Debug)]
pub struct WorldConfig {
    /// The site.
    pub topology: Topology,
    /// Replaces the profiles of the topology.
    pub profile: Option<Profile>,
    /// Replaces the seed of the topology's dialing.
    pub seed: Option<u64>,
    /// The calendar at the start of the world.
    pub start: UtcSeconds,
    /// Bytes and charset.
    pub dialect: Dialect,
    /// Idle time after which the ends of a link ask each other; zero = never, which is enough while nothing is lost.
    pub heartbeat: Duration,
}

impl WorldConfig {
    /// A site as its file says.
    #[must_use]
    pub fn new(topology: Topology, start: UtcSeconds) -> Self {
        let (dialect, heartbeat) = (Dialect::default(), Duration::ZERO);
        Self { topology, profile: None, seed: None, start, dialect, heartbeat }
    }
}

/// Why a world cannot be made.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum WorldError {
    /// A profile that is not shipped.
    #[error("OCS {0}: its profile is not known")]
    Profile(AppDbid),
}

/// What an application of the world is told.
#[derive(Clone, Copy, Debug)]
pub enum AppInput<'a> {
    /// Its CommDNs are registered: it can send.
    Up,
    /// A message for everybody or for somebody came by.
    Heard {
        /// The CommDN.
        dn: &'a str,
        /// The message.
        message: &'a CommDnMessage,
    },
    /// Its time has come.
    Tick,
}

/// An application in the world: a script, a test, an operator.
pub trait Application: Send {
    /// Its ApplicationName at the T-Server.
    fn name(&self) -> &str;
    /// Something happened; `utc` is the calendar.
    fn handle(&mut self, now: Time, utc: UtcSeconds, input: AppInput<'_>);
    /// What it sends next.
    fn poll(&mut self) -> Option<CommDnMessage>;
    /// When it wants a tick.
    fn next_deadline(&self) -> Option<Time> {
        None
    }
}

/// What can be watched while a world runs.
#[derive(Clone, Copy, Debug)]
pub enum Seen<'a> {
    /// A user event passed the T-Server.
    UserEvent {
        /// The CommDN.
        dn: &'a Text,
        /// Packed list.
        user_data: &'a [u8],
    },
    /// A row of a calling list changed.
    Record {
        /// Whose list it is.
        ocs: AppDbid,
        /// What changed.
        change: &'a RecordChange,
    },
    /// A line of an OCS log.
    Trace {
        /// Whose log.
        ocs: AppDbid,
        /// Its number.
        number: u32,
        /// Its words.
        text: &'a str,
    },
    /// A fault struck.
    Fault {
        /// Its number.
        id: RuleId,
        /// What it says; absent when it was taken away meanwhile.
        rule: Option<&'a Rule>,
        /// On whose connection; empty for what concerns the site.
        client: &'a str,
        /// Which way.
        way: Way,
        /// The message that it struck.
        message: Option<MessageType>,
    },
}
