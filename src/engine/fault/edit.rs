//! Frames looked into, and made anew.

use std::borrow::Cow;

use bytes::{Bytes, BytesMut};

use super::{Spoiled, Way};
use crate::engine::conversation::attribute;
use crate::engine::filter::Filtered;
use crate::message::AppDbid;
use crate::message::CommDnMessage;
use crate::message::DialMode;
use crate::message::Direction;
use crate::message::ErrorCode;
use crate::message::ErrorEvent;
use crate::message::GroupCampStatus;
use crate::message::Message;
use crate::message::OptimizeBy;
use crate::message::Target;
use crate::message::keys;
use crate::wire::ErrorCode as TServerCode;
use crate::wire::user_event::{EventError, RequestDistributeUserEvent};
use crate::wire::{
    AttributeNumber, AttributeValue, Dialect, FrameView, Reading, ReferenceId, TMessage, TServerMessage, Text,
    next_frame,
};

/// What a frame is, as far as faults ask.
pub(super) struct Look<'a> {
    pub(super) client: &'a str,
    pub(super) way: Way,
    /// Name of the T-Server's message or of the kind of frame.
    pub(super) name: Cow<'static, str>,
    pub(super) reference: Option<ReferenceId>,
    /// Where a user event goes to.
    pub(super) dn: Option<Text>,
    pub(super) user_data: Option<Bytes>,
    pub(super) message: Option<CommDnMessage>,
}

impl<'a> Look<'a> {
    pub(super) fn at(frame: &Bytes, client: &'a str, way: Way, dialect: &Dialect) -> Self {
        let named = |name: &'static str| Self {
            client,
            way,
            name: Cow::Borrowed(name),
            reference: None,
            dn: None,
            user_data: None,
            message: None,
        };
        let body = match next_frame(&mut &frame[..], usize::MAX, Reading::Tolerant) {
            Ok(Some(FrameView::Message(body))) => body,
            Ok(Some(FrameView::Poll(_))) => return named("Poll"),
            Ok(Some(FrameView::PollAnswer(_))) => return named("PollAnswer"),
            Ok(Some(FrameView::PollSettings(_))) => return named("PollSettings"),
            Ok(Some(FrameView::Reserved(_)) | None) | Err(_) => return named("unreadable"),
        };
        let Ok(message) = TMessage::decode_part(frame, body, dialect, Reading::Tolerant) else {
            return named("unreadable");
        };
        let name = message.id.name().map_or_else(|| Cow::Owned(message.id.0.to_string()), Cow::Borrowed);
        let look = Self { name, ..named("") };
        match TServerMessage::read(&message) {
            Ok(Some(TServerMessage::RequestDistributeUserEvent(request))) => {
                look.with(Some(request.reference), request.communication_dn, request.user_data, dialect)
            }
            Ok(Some(TServerMessage::EventUserEvent(event))) => {
                look.with(event.reference, event.communication_dn, event.user_data, dialect)
            }
            Ok(_) | Err(_) => look,
        }
    }

    fn with(self, reference: Option<ReferenceId>, dn: Text, user_data: Bytes, dialect: &Dialect) -> Self {
        let decoded = CommDnMessage::decode(&user_data, dialect, Reading::Tolerant);
        let message = decoded.ok().map(|decoded| decoded.message);
        Self { reference, dn: Some(dn), user_data: Some(user_data), message, ..self }
    }
}

impl Filtered for Look<'_> {
    fn field(&self, key: &str) -> Vec<Cow<'_, str>> {
        match (key, &self.message) {
            ("link", _) => vec![Cow::from(self.client)],
            ("direction", _) => vec![Cow::from(if self.way == Way::Up { "up" } else { "down" })],
            ("dn", _) => self.dn.iter().map(|dn| dn.display()).collect(),
            ("type", message) => {
                let own = message.iter().flat_map(|message| {
                    let kind = message.body.message_type();
                    [Cow::from(kind.0.to_string())].into_iter().chain(kind.name().map(Cow::from))
                });
                own.chain([Cow::from(self.name.as_ref())]).collect()
            }
            (key, Some(message)) => field_of(message, key),
            (_, None) => Vec::new(),
        }
    }
}

/// Every spelling of a field of a message.
pub(super) fn field_of(message: &CommDnMessage, key: &str) -> Vec<Cow<'static, str>> {
    let number = |number: i32| vec![Cow::from(number.to_string())];
    match key {
        "origin" => number(message.origin.0),
        "target" => number(message.target.dbid()),
        "ocs" => match message.body.message_type().row().map(|row| row.direction) {
            Some(Direction::FromOcs) => number(message.origin.0),
            _ => number(message.target.dbid()),
        },
        path => {
            let Some(value) = attribute(message, path) else { return Vec::new() };
            let word = value.parse().ok().and_then(|number| word_of(path.rsplit('.').next().unwrap_or(path), number));
            word.into_iter().map(Cow::from).chain([Cow::from(value)]).collect()
        }
    }
}

fn word_of(name: &str, number: i32) -> Option<&'static str> {
    match name {
        "mode" => DialMode(number).slug(),
        "optimize_by" => OptimizeBy(number).slug(),
        "status" => GroupCampStatus(number).slug(),
        "error" => ErrorCode(number).slug(),
        _ => None,
    }
}

/// The request of a client that distributes a message.
pub(super) fn distribute(
    reference: ReferenceId,
    dn: &Text,
    message: &CommDnMessage,
    dialect: &Dialect,
) -> Option<Bytes> {
    let request = RequestDistributeUserEvent {
        reference,
        this_dn: Some(dn.clone()),
        communication_dn: dn.clone(),
        user_data: message.encode(dialect).ok()?,
        extensions: None,
        reason: None,
    };
    written(&request.into(), dialect)
}

/// The T-Server's refusal of a request.
pub(super) fn refusal(
    reference: Option<ReferenceId>,
    dn: Option<Text>,
    code: TServerCode,
    dialect: &Dialect,
) -> Option<Bytes> {
    let message = code.name().map(Text::from);
    written(&EventError { reference, this_dn: dn, code, message }.into(), dialect)
}

fn written(message: &TServerMessage, dialect: &Dialect) -> Option<Bytes> {
    let mut out = BytesMut::new();
    message.encode(&mut out, dialect, None).ok()?;
    Some(out.freeze())
}

/// A frame with one attribute changed, everything else as it was.
fn with_attribute(frame: &Bytes, dialect: &Dialect, number: AttributeNumber, value: AttributeValue) -> Option<Bytes> {
    let Ok(Some(FrameView::Message(body))) = next_frame(&mut &frame[..], usize::MAX, Reading::Tolerant) else {
        return None;
    };
    let message = TMessage::decode_part(frame, body, dialect, Reading::Tolerant).ok()?;
    let mut changed = TMessage::new(message.id);
    for attribute in message.attributes() {
        let kept = if attribute.number == number { &value } else { &attribute.value };
        changed = changed.with(attribute.number, kept.clone());
    }
    let mut out = BytesMut::new();
    changed.encode(&mut out, dialect).ok()?;
    Some(out.freeze())
}

/// The same user event as another request of its client.
pub(super) fn with_reference(frame: &Bytes, dialect: &Dialect, reference: ReferenceId) -> Option<Bytes> {
    with_attribute(frame, dialect, AttributeNumber::REFERENCE_ID, AttributeValue::U32(reference.0))
}

/// `CM_EvError` with its code alone.
pub(super) fn without_ids(frame: &Bytes, dialect: &Dialect, message: &CommDnMessage) -> Option<Bytes> {
    let Message::ErrorEvent(error) = &message.body else { return None };
    let bare = ErrorEvent { error: error.error, error_message: error.error_message.clone(), ..ErrorEvent::default() };
    let message = CommDnMessage { body: bare.into(), ..message.clone() };
    let user_data = message.encode(dialect).ok()?;
    with_attribute(frame, dialect, AttributeNumber::USER_DATA, AttributeValue::List(user_data))
}

/// The error with which an OCS refuses a request.
pub(super) fn refuse(request: &CommDnMessage, ocs: AppDbid, code: ErrorCode) -> CommDnMessage {
    let pair = request.body.pair();
    let error = ErrorEvent {
        campaign: pair.map(|pair| pair.campaign),
        group: pair.map(|pair| pair.group),
        error: Some(code),
        error_message: Some(code.words().into()),
        cancel_record: request.body.cancel_record().cloned(),
        do_not_call: request.body.do_not_call().cloned(),
        ..ErrorEvent::default()
    };
    answer(request, ocs, error.into())
}

/// An answer to a request; what it lacks of campaign and group is the request's.
pub(super) fn answer(request: &CommDnMessage, ocs: AppDbid, body: Message) -> CommDnMessage {
    let mut answer = CommDnMessage::new(ocs, Target::One(request.origin), body);
    answer.reference_id = request.reference_id;
    if let (Message::ErrorEvent(event), Some(pair)) = (&mut answer.body, request.body.pair()) {
        event.campaign.get_or_insert(pair.campaign);
        event.group.get_or_insert(pair.group);
    }
    answer
}

/// Changed bytes of the same length; a frame that has nothing of the kind stays as it is.
pub(super) fn spoil(frame: &Bytes, how: Spoiled, chance: u64, user_data: Option<&Bytes>) -> Bytes {
    /// Length and kind.
    const HEAD: usize = 5;
    let list_at = user_data.map(|list| list.as_ptr().addr().saturating_sub(frame.as_ptr().addr()));
    let place = |text: &str| frame.windows(text.len()).position(|part| part == text.as_bytes());
    let (at, flip) = match how {
        Spoiled::Frame => {
            let body = u64::try_from(frame.len().saturating_sub(HEAD)).unwrap_or(0);
            let at = chance.checked_rem(body).and_then(|at| usize::try_from(at).ok()).map(|at| at + HEAD);
            let flip = u8::try_from((chance >> 32) % 255).unwrap_or(0) + 1;
            (at, flip)
        }
        // The count of pairs begins the list.
        Spoiled::List => (list_at.map(|at| at + 1), 0x40),
        // Another letter; readers may be tolerant of another case.
        Spoiled::Message => (place(keys::MESSAGE_TYPE), 0x10),
    };
    let mut changed = BytesMut::from(&frame[..]);
    if let Some(byte) = at.and_then(|at| changed.get_mut(at)) {
        *byte ^= flip;
    }
    changed.freeze()
}
