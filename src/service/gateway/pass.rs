//! What is passed on as OCS said it: the answers to one request, and what is heard unasked.

use bytes::Bytes;

use super::core::{Core, Line};
use crate::engine::RequestNumber;
use crate::message::AppDbid;
use crate::message::CommDnMessage;
use crate::message::Direction;
use crate::message::ErrorCode;
use crate::message::Target;
use crate::protocol::requester::LinkId;
use crate::protocol::requester::NotSent;
use crate::protocol::requester::OcsAnswer;
use crate::protocol::requester::Outcome;
use crate::protocol::requester::RefusedBy;
use crate::wire::Dialect;

/// News for whoever follows a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Passed {
    /// What an OCS said about it: an answer, or that an unload goes on.
    Told {
        /// UserData as it came.
        user_data: Bytes,
        /// Its layout.
        dialect: Dialect,
    },
    /// No OCS has refused it, the gateway has.
    Refused {
        /// Code that comes nearest.
        code: ErrorCode,
        /// In words.
        text: &'static str,
    },
}

/// Takes the news of one request; it is dropped when there will be no more. Called by the gateway's task: it must
/// not block.
pub type Follower = Box<dyn FnMut(Passed) + Send>;

/// A UserEvent of an OCS that answers no followed request.
#[derive(Clone, Debug)]
pub struct Unasked<'a> {
    /// CommDN it came on.
    pub dn: &'a str,
    /// The message.
    pub message: &'a CommDnMessage,
    /// UserData as it came.
    pub user_data: &'a Bytes,
    /// Its layout.
    pub dialect: Dialect,
}

/// Takes what is heard unasked. Called by the gateway's task: it must not block.
pub type Overhearer = Box<dyn FnMut(Unasked<'_>) + Send>;

/// A request that is followed.
pub(super) struct Followed {
    follower: Follower,
    /// OCSs whose answer was passed on.
    answered: Vec<AppDbid>,
}

impl Followed {
    pub(super) fn new(follower: Follower) -> Self {
        Self { follower, answered: Vec::new() }
    }
}

impl Core {
    /// An OCS has answered; that is told when it comes and again at the end.
    pub(super) fn pass_answer(&mut self, number: RequestNumber, answer: &OcsAnswer) {
        let Some(followed) = self.followed.get_mut(&number) else { return };
        if answer.frame.is_empty() || followed.answered.contains(&answer.ocs) {
            return;
        }
        followed.answered.push(answer.ocs);
        self.pass_frame(number, answer.ocs, &answer.frame);
    }

    /// An OCS has told something about a request.
    pub(super) fn pass_frame(&mut self, number: RequestNumber, ocs: AppDbid, frame: &Bytes) {
        let peer = self.ocss.iter().find(|peer| peer.dbid == ocs);
        let Some(line) = peer.and_then(|peer| self.lines.get(&peer.address.link)) else { return };
        let Some(followed) = self.followed.get_mut(&number) else { return };
        (followed.follower)(Passed::Told { user_data: frame.clone(), dialect: line.dialect });
        self.passed_now = true;
    }

    /// The end of a followed request. What nobody can say is not said: an OCS that does not answer is silent too.
    pub(super) fn pass_end(&mut self, number: RequestNumber, outcome: &Outcome) {
        for answer in outcome.answers() {
            self.pass_answer(number, answer);
        }
        let Some(mut followed) = self.followed.remove(&number) else { return };
        if let Outcome::Refused { by, .. } = outcome
            && let Some((code, text)) = refusal(by)
        {
            (followed.follower)(Passed::Refused { code, text });
        }
    }

    /// An event that answered no followed request, for those who only listen.
    pub(super) fn pass_unasked(&mut self, link: LinkId, dn: &str, message: &CommDnMessage, user_data: &Bytes) {
        let Some(Line { dialect, .. }) = self.lines.get(&link) else { return };
        let known = self.ocss.iter().any(|peer| peer.dbid == message.origin || peer.backup == Some(message.origin));
        let is_event = message.body.message_type().row().is_some_and(|row| row.direction == Direction::FromOcs);
        // Answers for others are theirs, but for what they tell of a campaign group.
        let is_for_all = message.target == Target::Every || message.body.pair_event().is_some();
        if known && is_event && is_for_all {
            for overhearer in &mut self.overhearers {
                overhearer(Unasked { dn, message, user_data, dialect: *dialect });
            }
        }
    }
}

/// A refusal that is no OCS's, as `CM_EvError` tells it. Codes 0 to 2 have no meaning of their own, and a client may
/// take 0 for success.
fn refusal(by: &RefusedBy) -> Option<(ErrorCode, &'static str)> {
    let no_code = ErrorCode(1);
    match by {
        RefusedBy::Ocs { .. } => None,
        RefusedBy::Superseded => Some((no_code, "superseded by a stop")),
        RefusedBy::Overloaded(_) => Some((no_code, "overloaded")),
        // The T-Server may not have taken it, or had no link: who asked it directly would have heard so from it.
        RefusedBy::NotSent(NotSent::LinkDown | NotSent::TServer(_)) => Some((no_code, "not sent: link down")),
        RefusedBy::NotSent(_) => Some((no_code, "not sent in time")),
        RefusedBy::Local(_) => Some((ErrorCode::INVALID_PARAMETER, "invalid parameter")),
    }
}
