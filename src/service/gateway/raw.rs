//! One raw request under a DBID that is not the gateway's own: for trying things out, past the correlator.

use std::collections::BTreeMap;

use bytes::Bytes;
use tokio::sync::mpsc;

use super::core::{Line, encode};
use crate::message::AppDbid;
use crate::message::CommDnMessage;
use crate::message::Message;
use crate::message::Target;
use crate::protocol::link::Tag;
use crate::protocol::requester::LinkId;
use crate::protocol::requester::OcsPeer;
use crate::wire::EncodeError;
use crate::wire::Text;

/// Tags of raw requests, so that they are never taken for the correlator's.
const RAW: u64 = 1 << 63;
/// Events that may wait for a caller; later ones are dropped.
const EVENTS_MAX: usize = 64;
/// Raw requests at a time; one more is refused.
const DESK_MAX: usize = 64;

/// What to send.
#[derive(Clone, Debug)]
pub struct RawRequest {
    /// DBID of the sender; none of ours, none of an OCS.
    pub origin: AppDbid,
    /// Whom it is for.
    pub target: Target,
    /// The message.
    pub body: Message,
    /// CommDN; `None` = that of the target, or of the first OCS.
    pub dn: Option<String>,
}

/// What came of it.
#[derive(Clone, Debug)]
pub enum RawAnswer {
    /// An event for the sender's DBID.
    Event(Box<CommDnMessage>),
    /// The T-Server did not take the request.
    Failed(String),
}

/// Why a raw request is refused.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RawError {
    /// The correlator answers for this DBID.
    #[error("origin {0} belongs to the gateway or to an OCS, name another application's DBID")]
    Origin(AppDbid),
    /// A number that no table has is never sent.
    #[error("{0} is no message of the CommDN API")]
    Unknown(String),
    /// No OCS listens there.
    #[error("CommDN '{0}' is on none of the links")]
    NoSuchDn(String),
    /// It cannot be packed.
    #[error(transparent)]
    Encode(#[from] EncodeError),
    /// The link takes nothing.
    #[error("{0}")]
    Link(String),
    /// Too many at a time.
    #[error("more than {DESK_MAX} raw requests at a time")]
    Busy,
    /// The gateway is stopping.
    #[error("the gateway is stopping")]
    Stopping,
}

/// A raw request that can be sent.
pub(super) struct PreparedRaw {
    pub(super) link: LinkId,
    pub(super) dn: String,
    pub(super) message: CommDnMessage,
    pub(super) user_data: Bytes,
}

/// Those who wait for events of their DBID.
#[derive(Default)]
pub(super) struct RawDesk {
    waits: Vec<(AppDbid, Tag, mpsc::Sender<RawAnswer>)>,
    last: u64,
}

impl RawDesk {
    pub(super) fn prepare(
        &mut self,
        request: &RawRequest,
        pool: &[AppDbid],
        ocss: &[OcsPeer],
        lines: &BTreeMap<LinkId, Line>,
    ) -> Result<PreparedRaw, RawError> {
        let of_ocs = |peer: &OcsPeer| peer.dbid == request.origin || peer.backup == Some(request.origin);
        if pool.contains(&request.origin) || ocss.iter().any(of_ocs) || request.origin.0 < 1 {
            return Err(RawError::Origin(request.origin));
        }
        if let Message::Unknown(number) = request.body {
            return Err(RawError::Unknown(number.to_string()));
        }
        let target = ocss.iter().find(|peer| Target::One(peer.dbid) == request.target).or(ocss.first());
        let named = request.dn.as_deref();
        let link = match named {
            None => target.map(|peer| peer.address.link),
            Some(dn) => {
                let on_dn = ocss.iter().find(|peer| *peer.address.dn == *dn);
                on_dn.or(target).map(|peer| peer.address.link)
            }
        };
        let dn = named.map(str::to_owned).or(target.map(|peer| peer.address.dn.to_string())).unwrap_or_default();
        let (Some(link), Some(line)) = (link, link.and_then(|link| lines.get(&link))) else {
            return Err(RawError::NoSuchDn(dn));
        };
        let message = CommDnMessage::new(request.origin, request.target, request.body.clone());
        let user_data = encode(&message, line)?;
        Ok(PreparedRaw { link, dn, message, user_data })
    }

    pub(super) fn send(
        &mut self,
        prepared: PreparedRaw,
        lines: &BTreeMap<LinkId, Line>,
    ) -> Result<mpsc::Receiver<RawAnswer>, RawError> {
        self.waits.retain(|(_, _, sender)| !sender.is_closed());
        if self.waits.len() >= DESK_MAX {
            return Err(RawError::Busy);
        }
        let line = lines.get(&prepared.link).ok_or(RawError::NoSuchDn(prepared.dn.clone()))?;
        self.last = (self.last + 1) & (RAW - 1);
        let tag = Tag(RAW | self.last);
        let dn = Text::from(prepared.dn);
        line.handle.distribute(dn, prepared.user_data, tag).map_err(|error| RawError::Link(error.to_string()))?;
        let (sender, receiver) = mpsc::channel(EVENTS_MAX);
        self.waits.push((prepared.message.origin, tag, sender));
        Ok(receiver)
    }

    /// Hands an event to those whose DBID it names. A caller that does not listen misses it.
    pub(super) fn heard(&self, message: &CommDnMessage) {
        for (origin, _, sender) in &self.waits {
            if message.target == Target::One(*origin) {
                let _ = sender.try_send(RawAnswer::Event(Box::new(message.clone())));
            }
        }
    }

    pub(super) fn failed(&self, tag: Tag, reason: &str) {
        for (_, own, sender) in &self.waits {
            if *own == tag {
                let _ = sender.try_send(RawAnswer::Failed(reason.to_owned()));
            }
        }
    }
}

/// Whether a tag is a raw request's.
pub(super) fn is_raw(tag: Tag) -> bool {
    tag.0 & RAW != 0
}
