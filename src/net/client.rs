//! The handle of a link: what its owner says to it, and what it hears.

use std::sync::Arc;

use bytes::Bytes;
use tokio::sync::mpsc;

use crate::protocol::link::{Endpoint, Failure, LinkInput, LossReason, Tag};
use crate::wire::Text;

/// Commands that may wait for a link; one more is refused.
pub(crate) const COMMANDS_MAX: usize = 4_096;
/// Events that may wait for the owner; the link reads nothing more from its socket meanwhile.
pub(crate) const EVENTS_MAX: usize = 4_096;

/// What a link tells its owner.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum LinkEvent {
    /// The server accepted the login; DNs are being registered.
    LoggedIn(Endpoint),
    /// User events can be sent on these DNs.
    Up(Vec<Text>),
    /// The switch is gone; the session stays.
    SwitchDown,
    /// A DN is registered.
    Registered(Text),
    /// A DN is not registered, or no more.
    NotRegistered(Text, Failure),
    /// The wish to leave a DN was granted.
    Unregistered(Text),
    /// A DN cannot be used for now.
    DnOutOfService(Text),
    /// It can again.
    DnBackInService(Text),
    /// The T-Server took a user event over. Says nothing about OCS.
    Acked(Tag),
    /// It did not, or nobody knows.
    Failed(Tag, Failure),
    /// A user event came.
    UserEvent {
        /// The DN.
        dn: Text,
        /// Packed list, checked. It shares the link's read buffer: copy what is kept for long.
        user_data: Bytes,
        /// True for the copy of what this link sent.
        own_copy: bool,
    },
    /// The session is over; every user event without an answer was told to have failed before.
    Lost(LossReason),
    /// An attempt to connect came to nothing; others follow.
    AttemptFailed(Endpoint, LossReason),
}

/// Too many commands wait, or the link has stopped; nothing was sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CommandRefused {
    /// The queue is full.
    #[error("link_queue: {COMMANDS_MAX} commands wait for the link")]
    Busy,
    /// There is no link any more.
    #[error("link_stopped: the link has stopped")]
    Stopped,
}

/// Speaks to a link. Cheap to clone.
#[derive(Clone, Debug)]
pub struct LinkHandle {
    pub(crate) name: Arc<str>,
    pub(crate) commands: mpsc::Sender<LinkInput>,
}

impl LinkHandle {
    /// The link's name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Sends a user event; what became of it comes as [`LinkEvent::Acked`] or [`LinkEvent::Failed`].
    ///
    /// # Errors
    /// [`CommandRefused`]; then no event follows.
    pub fn distribute(&self, dn: Text, user_data: Bytes, tag: Tag) -> Result<(), CommandRefused> {
        self.give(LinkInput::Distribute { dn, user_data, tag })
    }

    /// Registers a DN, now and after every login.
    ///
    /// # Errors
    /// [`CommandRefused`].
    pub fn register(&self, dn: Text) -> Result<(), CommandRefused> {
        self.give(LinkInput::Register(dn))
    }

    /// Leaves the session or the rest between attempts, and dials again.
    ///
    /// # Errors
    /// [`CommandRefused`].
    pub fn redial(&self) -> Result<(), CommandRefused> {
        self.give(LinkInput::Redial)
    }

    /// The same, with the other one of the pair first.
    ///
    /// # Errors
    /// [`CommandRefused`].
    pub fn switch(&self) -> Result<(), CommandRefused> {
        self.give(LinkInput::Switch)
    }

    /// Leaves a DN.
    ///
    /// # Errors
    /// [`CommandRefused`].
    pub fn unregister(&self, dn: Text) -> Result<(), CommandRefused> {
        self.give(LinkInput::Unregister(dn))
    }

    fn give(&self, command: LinkInput) -> Result<(), CommandRefused> {
        self.commands.try_send(command).map_err(|error| match error {
            mpsc::error::TrySendError::Full(_) => CommandRefused::Busy,
            mpsc::error::TrySendError::Closed(_) => CommandRefused::Stopped,
        })
    }
}
