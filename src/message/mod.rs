//! Floor 2: TKVList to typed CommDN messages and back. One file holds a request and its event; `table.rs` lists them all.

mod campaign_status;
mod cancel_record;
mod dialing;
mod do_not_call;
mod enums;
mod error_event;
mod fields;
mod force_unload;
mod ids;
pub mod keys;
mod load_campaign;
mod pair_event;
mod pair_request;
mod priority;
mod schedule;
mod set_dialing_mode;
mod sheet;
mod start_dialing;
mod stop_dialing;
#[cfg(test)]
mod straight;
mod table;
#[cfg(test)]
mod testing;
mod top;
mod unload_campaign;
mod validate;

use bytes::{Bytes, BytesMut};

pub use campaign_status::{CampaignStatus, GetCampaignStatus};
pub use cancel_record::{CancelRecord, RECORDS_ON_DESKTOP, RecordCanceled};
pub use dialing::{AutoCompletion, AutoCompletionPlace, Dialing};
pub use do_not_call::{DoNotCall, DoNotCallProcessed};
pub use enums::{ChainAttr, ChainScope, DialMode, ErrorCode, GroupCampStatus, OptimizeBy};
pub use error_event::ErrorEvent;
pub use fields::{FieldError, FieldErrorKind, Fields, Warning, WarningKind};
pub use force_unload::ForceUnloadCampaign;
pub use ids::{AppDbid, CampaignDbid, CustomerId, GroupDbid, Pair, Phone, Target};
pub use load_campaign::{CampaignLoaded, LoadCampaign};
pub use pair_event::PairEvent;
pub use priority::{DialingPriority, PriorityShare};
pub use schedule::{CampaignSchedule, ITEMS_MAX, ScheduleItem, ScheduleProblem};
pub use set_dialing_mode::{DialingModeChanged, SetDialingMode};
pub use sheet::Sheet;
pub use start_dialing::{DialingStarted, StartDialing};
pub use stop_dialing::{DialingStopped, StopDialing};
pub use table::{Direction, Message, MessageType, RequestKind, Row, TABLE};
pub use unload_campaign::{CampaignUnloaded, UnloadCampaign};
pub use validate::{Advice, Refusal, SendPolicy, validate};

use crate::wire::DecodeError;
use crate::wire::Dialect;
use crate::wire::EncodeError;
use crate::wire::ListView;
use crate::wire::ListWriter;
use crate::wire::Reading;
use crate::wire::ValueView;
use top::Top;

/// A message body: reads itself from the top list and says what it has to write there.
trait Body: Sized {
    fn read(fields: &mut Fields<'_, '_>) -> Result<Self, FieldError>;
    fn top(&self) -> Top<'_>;
}

/// A whole CommDN message.
///
/// ```
/// use commdn::message::{AppDbid, CommDnMessage, DoNotCall};
/// use commdn::wire::{Dialect, Reading};
///
/// let request = DoNotCall { phone: Some("5551234".into()), ..DoNotCall::default() };
/// let message = CommDnMessage::new(AppDbid(201), AppDbid(301), request);
/// let user_data = message.encode(&Dialect::default()).unwrap();
/// let decoded = CommDnMessage::decode(&user_data, &Dialect::default(), Reading::Strict).unwrap();
/// assert_eq!(decoded.message, message);
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CommDnMessage {
    /// DBID of the sender.
    pub origin: AppDbid,
    /// DBID of the receiver, or 0.
    pub target: Target,
    /// `GSW_CM_AttrReferenceID`, when it is used at all.
    pub reference_id: Option<i32>,
    /// What it says.
    pub body: Message,
}

/// What every message must tell before anything else of it is looked at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Envelope {
    /// The number of the message.
    pub message_type: MessageType,
    /// DBID of the sender.
    pub origin: AppDbid,
    /// DBID of the receiver or 0, `None` when it is missing or no int.
    pub target: Option<Target>,
}

/// A message that was read, with the tolerances that were used.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Decoded {
    /// The message.
    pub message: CommDnMessage,
    /// Which tolerances the reading needed.
    pub warnings: Vec<Warning>,
}

/// UserData that is no CommDN message.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum MessageError {
    /// The bytes are no list.
    #[error("user data: {0}")]
    List(#[from] DecodeError),
    /// The list lacks its type or its sender.
    #[error("{0}")]
    Envelope(FieldError),
    /// A field of the body cannot be read; type and sender are known.
    #[error("{error}")]
    Body {
        /// Who sent what to whom.
        envelope: Envelope,
        /// The field.
        error: FieldError,
    },
}

impl CommDnMessage {
    /// A message without reference id.
    pub fn new(origin: AppDbid, target: impl Into<Target>, body: impl Into<Message>) -> Self {
        Self { origin, target: target.into(), reference_id: None, body: body.into() }
    }

    /// Reads UserData.
    ///
    /// # Errors
    /// [`MessageError`]: the bytes are no list, or a field is missing or of the wrong kind. A number outside the
    /// tables is no error.
    pub fn decode(user_data: &[u8], dialect: &Dialect, reading: Reading) -> Result<Decoded, MessageError> {
        Self::read(ListView::parse(user_data, dialect, reading)?, reading)
    }

    /// Reads a checked list.
    ///
    /// # Errors
    /// As [`CommDnMessage::decode`], but for the list itself.
    pub fn read(list: ListView<'_>, reading: Reading) -> Result<Decoded, MessageError> {
        let mut sheet = Sheet::straight();
        if let Ok(message) = Self::read_on(list, reading, &mut sheet)
            && !sheet.is_astray()
        {
            return Ok(Decoded { message, warnings: Vec::new() });
        }
        Self::read_thoroughly(list, reading)
    }

    fn read_thoroughly(list: ListView<'_>, reading: Reading) -> Result<Decoded, MessageError> {
        let mut sheet = Sheet::default();
        let message = Self::read_on(list, reading, &mut sheet)?;
        Ok(Decoded { message, warnings: sheet.warnings })
    }

    fn read_on<'a>(list: ListView<'a>, reading: Reading, sheet: &mut Sheet<'a>) -> Result<Self, MessageError> {
        let mut fields = Fields::new(list, reading, sheet);
        let envelope = Envelope::read(&mut fields).map_err(MessageError::Envelope)?;
        let in_body = |error| MessageError::Body { envelope, error };
        let body = Message::read(envelope.message_type, &mut fields).map_err(in_body)?;
        let reference_id = fields.int(keys::REFERENCE_ID).map_err(in_body)?;
        let target = match envelope.target {
            Some(target) => target,
            None => fields.required_int(keys::TARGET_APP_ID).map(Target::from).map_err(in_body)?,
        };
        fields.close();
        Ok(Self { origin: envelope.origin, target, reference_id, body })
    }

    /// Packs the message.
    ///
    /// # Errors
    /// [`EncodeError`]: a text does not fit the charset, or the list is too long.
    pub fn encode(&self, dialect: &Dialect) -> Result<Bytes, EncodeError> {
        let mut out = BytesMut::with_capacity(512);
        self.encode_into(&mut out, dialect)?;
        Ok(out.freeze())
    }

    /// Packs the message at the end of a reused buffer; on an error the buffer is as it was.
    ///
    /// # Errors
    /// As [`CommDnMessage::encode`].
    pub fn encode_into(&self, out: &mut BytesMut, dialect: &Dialect) -> Result<(), EncodeError> {
        ListWriter::write(out, dialect, |writer| {
            writer.int(keys::MESSAGE_TYPE.as_bytes(), self.body.message_type().0);
            writer.int(keys::ORIGIN_APP_ID.as_bytes(), self.origin.0);
            writer.int(keys::TARGET_APP_ID.as_bytes(), self.target.dbid());
            self.body.top().write(writer, self.reference_id);
        })
    }
}

impl Envelope {
    /// The routing keys of a checked list, without reading the rest: ints under their exact names, the first of each.
    /// `None` where type or sender cannot be told so; [`CommDnMessage::read`] then says why, or finds them tolerantly.
    #[must_use]
    pub fn of(list: ListView<'_>) -> Option<Self> {
        let (mut message_type, mut origin, mut target) = (None, None, None);
        for (key, value) in &list {
            let ValueView::Int(number) = value else { continue };
            let place = match key {
                _ if key == keys::MESSAGE_TYPE.as_bytes() => &mut message_type,
                _ if key == keys::ORIGIN_APP_ID.as_bytes() => &mut origin,
                _ if key == keys::TARGET_APP_ID.as_bytes() => &mut target,
                _ => continue,
            };
            place.get_or_insert(number);
            if let (Some(message_type), Some(origin), Some(target)) = (message_type, origin, target) {
                return Some(Self {
                    message_type: MessageType(message_type),
                    origin: AppDbid(origin),
                    target: Some(Target::from(target)),
                });
            }
        }
        Some(Self {
            message_type: MessageType(message_type?),
            origin: AppDbid(origin?),
            target: target.map(Target::from),
        })
    }

    fn read(fields: &mut Fields<'_, '_>) -> Result<Self, FieldError> {
        Ok(Self {
            message_type: MessageType(fields.required_int(keys::MESSAGE_TYPE)?),
            origin: AppDbid(fields.required_int(keys::ORIGIN_APP_ID)?),
            target: fields.int(keys::TARGET_APP_ID).ok().flatten().map(Target::from),
        })
    }
}
