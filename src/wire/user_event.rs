//! The session protocol's messages as types: one table, from which reading and writing come.

use std::fmt;

use bytes::{Bytes, BytesMut};

use crate::wire::{
    AttributeNumber, AttributeType, AttributeValue, DecodeError, Dialect, ErrorCode, EventStamp, MessageEncodeError,
    MessageId, MessageWriter, ServerRole, TMessage, Text, tserver::REFERENCE_NONE,
};

/// What ties a direct answer to its request, within one session.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ReferenceId(pub u32);

/// A password, never shown.
#[derive(Clone, PartialEq, Eq)]
pub struct Password(pub Text);

/// Why a message that could be read says nothing that can be done. The answer to a request is EventError 53.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum AttributeError {
    /// A required attribute is not there.
    #[error("{0} is missing")]
    Missing(AttributeNumber),
    /// An attribute of another type than the table gives it.
    #[error("{attribute}: expected {}, found {found}", .expected.name())]
    WrongType {
        /// Which attribute.
        attribute: AttributeNumber,
        /// The type of the table.
        expected: AttributeType,
        /// What came.
        found: &'static str,
    },
    /// A list that cannot be read.
    #[error("{attribute}: {error}")]
    List {
        /// Which attribute.
        attribute: AttributeNumber,
        /// What is wrong with it.
        error: DecodeError,
    },
}

/// A type that one attribute can have.
trait Field: Sized {
    /// `Ok(None)` reads as "not there".
    fn read(number: AttributeNumber, value: &AttributeValue) -> Result<Option<Self>, AttributeError>;
    fn write(&self, number: AttributeNumber, writer: &mut MessageWriter<'_>);
}

/// A field that must be there, or one that may be.
trait Slot: Sized {
    fn take(message: &TMessage, number: AttributeNumber) -> Result<Self, AttributeError>;
    fn put(&self, number: AttributeNumber, writer: &mut MessageWriter<'_>);
}

impl<T: Field> Slot for T {
    fn take(message: &TMessage, number: AttributeNumber) -> Result<Self, AttributeError> {
        <Option<T> as Slot>::take(message, number)?.ok_or(AttributeError::Missing(number))
    }

    fn put(&self, number: AttributeNumber, writer: &mut MessageWriter<'_>) {
        self.write(number, writer);
    }
}

impl<T: Field> Slot for Option<T> {
    fn take(message: &TMessage, number: AttributeNumber) -> Result<Self, AttributeError> {
        message.value(number).map_or(Ok(None), |value| T::read(number, value))
    }

    fn put(&self, number: AttributeNumber, writer: &mut MessageWriter<'_>) {
        if let Some(field) = self {
            field.write(number, writer);
        }
    }
}

/// Fields that are one kind of [`AttributeValue`] in a wrapper.
macro_rules! fields {
    ($($type:ty: $kind:ident($inner:ident) => $made:expr, $method:ident($given:ident) $value:expr;)+) => {$(
        impl Field for $type {
            fn read(attribute: AttributeNumber, value: &AttributeValue) -> Result<Option<Self>, AttributeError> {
                match value {
                    AttributeValue::$kind($inner) => Ok($made),
                    AttributeValue::BadList { error, .. } if AttributeType::$kind == AttributeType::List => {
                        Err(AttributeError::List { attribute, error: *error })
                    }
                    other => Err(AttributeError::WrongType {
                        attribute, expected: AttributeType::$kind, found: other.kind(),
                    }),
                }
            }

            fn write(&self, number: AttributeNumber, writer: &mut MessageWriter<'_>) {
                let $given = self;
                writer.$method(number, $value);
            }
        }
    )+};
}

fields! {
    Text: Str(text) => Some(text.clone()), text(own) own;
    Password: Str(text) => Some(Self(text.clone())), text(own) &own.0;
    i32: I32(number) => Some(*number), i32(own) *own;
    ErrorCode: I32(number) => Some(Self(*number)), i32(own) own.0;
    ServerRole: I32(number) => Some(Self(*number)), i32(own) own.0;
    u32: U32(number) => Some(*number), u32(own) *own;
    ReferenceId: U32(number) => (*number != REFERENCE_NONE).then_some(Self(*number)), u32(own) own.0;
    Bytes: List(packed) => Some(packed.clone()), list(own) own;
}

/// Table 3.3 of commdn.md. Fields stand in ascending order of their numbers; `Option` marks the optional ones.
macro_rules! messages {
    ($($(#[$doc:meta])* $name:ident = $id:ident { $($(#[$field_doc:meta])* $field:ident: $type:ty = $number:ident,)* })+) => {
        $(
            $(#[$doc])*
            #[derive(Clone, Debug, PartialEq, Eq)]
            pub struct $name { $($(#[$field_doc])* pub $field: $type,)* }

            impl From<$name> for TServerMessage {
                fn from(message: $name) -> Self {
                    Self::$name(message)
                }
            }
        )+

        /// A message of the session protocol, typed.
        #[derive(Clone, Debug, PartialEq, Eq)]
        pub enum TServerMessage {
            $($(#[$doc])* $name($name),)+
        }

        impl TServerMessage {
            /// Gives a message its type; `None` for ids that are not in the table.
            ///
            /// # Errors
            /// [`AttributeError`] names the attribute that is missing or cannot be used.
            pub fn read(message: &TMessage) -> Result<Option<Self>, AttributeError> {
                Ok(Some(match message.id {
                    $(MessageId::$id => {
                        Self::$name($name { $($field: Slot::take(message, AttributeNumber::$number)?,)* })
                    })+
                    _ => return Ok(None),
                }))
            }

            /// The message's number.
            #[must_use]
            pub fn id(&self) -> MessageId {
                match self { $(Self::$name(_) => MessageId::$id,)+ }
            }

            fn write(&self, writer: &mut MessageWriter<'_>) {
                match self {
                    $(Self::$name(message) => {
                        let _ = message; // some messages have no attributes of their own
                        $(message.$field.put(AttributeNumber::$number, writer);)*
                    })+
                }
            }

            #[cfg(test)]
            const FIELDS: &[(MessageId, &[AttributeNumber])] =
                &[$((MessageId::$id, &[$(AttributeNumber::$number),*]),)+];
        }
    };
}

messages! {
    /// Client logs in: its first frame.
    RequestRegisterClient = REQUEST_REGISTER_CLIENT {
        /// Echoed in the answer.
        reference: Option<ReferenceId> = REFERENCE_ID,
        /// What the client speaks.
        protocol_version: Text = PROTOCOL_VERSION,
        /// Name of the client application.
        application_name: Text = APPLICATION_NAME,
        /// Its password.
        application_password: Option<Password> = APPLICATION_PASSWORD,
    }
    /// Client wants the events of a DN.
    RequestRegisterAddress = REQUEST_REGISTER_ADDRESS {
        /// Echoed in the answer.
        reference: ReferenceId = REFERENCE_ID,
        /// The DN.
        this_dn: Text = THIS_DN,
        /// 1 = DN, the default.
        address_type: Option<i32> = ADDRESS_TYPE,
        /// 0 = shared, the default.
        register_mode: Option<i32> = REGISTER_MODE,
    }
    /// Client wants them no more.
    RequestUnregisterAddress = REQUEST_UNREGISTER_ADDRESS {
        /// Echoed in the answer.
        reference: ReferenceId = REFERENCE_ID,
        /// The DN.
        this_dn: Text = THIS_DN,
    }
    /// Client sends a user event to everybody on a DN.
    RequestDistributeUserEvent = REQUEST_DISTRIBUTE_USER_EVENT {
        /// Echoed in the answer and in the sender's own copy.
        reference: ReferenceId = REFERENCE_ID,
        /// The DN the event is about.
        this_dn: Option<Text> = THIS_DN,
        /// The DN it goes to.
        communication_dn: Text = COMMUNICATION_DN,
        /// Packed list: the CommDN message.
        user_data: Bytes = USER_DATA,
        /// Packed list, free.
        extensions: Option<Bytes> = EXTENSIONS,
        /// Packed list, free.
        reason: Option<Bytes> = REASON,
    }
    /// Server refuses a request.
    EventError = EVENT_ERROR {
        /// The request's, if it had one.
        reference: Option<ReferenceId> = REFERENCE_ID,
        /// The DN of the request.
        this_dn: Option<Text> = THIS_DN,
        /// Why.
        code: ErrorCode = ERROR_CODE,
        /// Why, for people.
        message: Option<Text> = ERROR_MESSAGE,
    }
    /// Server: the DN is registered.
    EventRegistered = EVENT_REGISTERED {
        /// The request's.
        reference: ReferenceId = REFERENCE_ID,
        /// The DN.
        this_dn: Text = THIS_DN,
        /// Packed list, free.
        extensions: Option<Bytes> = EXTENSIONS,
        /// 1 = DN.
        address_type: i32 = ADDRESS_TYPE,
    }
    /// Server: the DN is registered no more.
    EventUnregistered = EVENT_UNREGISTERED {
        /// The request's; none when the server started it, then code and message tell the cause.
        reference: Option<ReferenceId> = REFERENCE_ID,
        /// The DN.
        this_dn: Text = THIS_DN,
        /// Why the server did it.
        code: Option<ErrorCode> = ERROR_CODE,
        /// Why, for people.
        message: Option<Text> = ERROR_MESSAGE,
    }
    /// Server: the login is accepted, and who answers.
    EventServerInfo = EVENT_SERVER_INFO {
        /// The request's, if it had one.
        reference: Option<ReferenceId> = REFERENCE_ID,
        /// What the server speaks.
        protocol_version: Text = PROTOCOL_VERSION,
        /// Free text.
        server_version: Text = SERVER_VERSION,
        /// Primary or backup.
        role: ServerRole = SERVER_ROLE,
        /// New for each session.
        session_id: Text = SESSION_ID,
    }
    /// Server: the switch is gone; the session stays.
    EventLinkDisconnected = EVENT_LINK_DISCONNECTED {
        /// Why.
        code: Option<ErrorCode> = ERROR_CODE,
        /// Why, for people.
        message: Option<Text> = ERROR_MESSAGE,
    }
    /// Server: the switch is there.
    EventLinkConnected = EVENT_LINK_CONNECTED {}
    /// Server: a user event on a DN that the receiver has registered.
    EventUserEvent = EVENT_USER_EVENT {
        /// The request's, only in the sender's own copy.
        reference: Option<ReferenceId> = REFERENCE_ID,
        /// The receiver's DN.
        this_dn: Text = THIS_DN,
        /// The DN it was sent to: the same.
        communication_dn: Text = COMMUNICATION_DN,
        /// Packed list: the CommDN message.
        user_data: Bytes = USER_DATA,
        /// Packed list, free.
        extensions: Option<Bytes> = EXTENSIONS,
        /// Packed list, free.
        reason: Option<Bytes> = REASON,
    }
    /// Server: its role from now on.
    EventPrimaryChanged = EVENT_PRIMARY_CHANGED {
        /// Primary or backup.
        role: ServerRole = SERVER_ROLE,
    }
    /// Server: a user event was handed to the fan-out. Says nothing about OCS.
    EventAck = EVENT_ACK {
        /// The request's.
        reference: ReferenceId = REFERENCE_ID,
        /// The DN.
        this_dn: Option<Text> = THIS_DN,
    }
    /// Server: a DN cannot be used for now.
    EventDnOutOfService = EVENT_DN_OUT_OF_SERVICE {
        /// The DN.
        this_dn: Text = THIS_DN,
    }
    /// Server: a DN can be used again.
    EventDnBackInService = EVENT_DN_BACK_IN_SERVICE {
        /// The DN.
        this_dn: Text = THIS_DN,
    }
}

impl TServerMessage {
    /// Writes the message as a frame behind what is there; events carry a stamp, requests do not.
    ///
    /// # Errors
    /// [`MessageEncodeError`]; the buffer is then as it was.
    pub fn encode(
        &self,
        out: &mut BytesMut,
        dialect: &Dialect,
        stamp: Option<EventStamp>,
    ) -> Result<(), MessageEncodeError> {
        let mut writer = MessageWriter::start(out, dialect, self.id(), stamp);
        self.write(&mut writer);
        writer.finish()
    }

    /// Writes an event once for many receivers: each gets these bytes and its own [`sequence_tail`](crate::wire::sequence_tail).
    /// Not for EventServerInfo, whose SessionID stands behind the sequence number.
    ///
    /// # Errors
    /// As [`TServerMessage::encode`].
    pub fn encode_shared(
        &self,
        out: &mut BytesMut,
        dialect: &Dialect,
        seconds: u32,
        micros: u32,
    ) -> Result<(), MessageEncodeError> {
        let stamp = EventStamp { seconds, micros, sequence: None };
        let mut writer = MessageWriter::start(out, dialect, self.id(), Some(stamp));
        self.write(&mut writer);
        writer.finish_for_tail()
    }
}

impl fmt::Debug for Password {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("hidden")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::{Frame, Reading, TkvList, limits::FRAME_BYTES_MAX, sequence_tail, take_frame};

    const LATER: &[AttributeNumber] = &[AttributeNumber::SESSION_ID];

    fn hex(text: &str) -> Vec<u8> {
        let digits: Vec<u8> = text.bytes().filter(|byte| !byte.is_ascii_whitespace()).collect();
        digits.chunks(2).map(|two| u8::from_str_radix(std::str::from_utf8(two).unwrap(), 16).unwrap()).collect()
    }

    fn read(bytes: &[u8]) -> TMessage {
        let mut input = BytesMut::from(bytes);
        let Ok(Some(Frame::Message(body))) = take_frame(&mut input, FRAME_BYTES_MAX, Reading::Strict) else {
            panic!("no message frame")
        };
        assert!(input.is_empty());
        TMessage::decode(&body, &Dialect::default(), Reading::Strict).unwrap()
    }

    fn write(message: &TServerMessage, stamp: Option<EventStamp>) -> BytesMut {
        let mut out = BytesMut::new();
        message.encode(&mut out, &Dialect::default(), stamp).unwrap();
        out
    }

    fn status_request() -> Bytes {
        TkvList::new().int("GSW_CM_MessageType", 12).encode(&Dialect::default()).unwrap().freeze()
    }

    #[test]
    fn the_printed_frames_read_and_write() {
        let cases: [(&str, TServerMessage); 3] = [
            (
                "000000350000030004000103000000040000000100020000000008436f6d6d444e5f31000e010000000400000001000f010000000400000000",
                RequestRegisterAddress {
                    reference: ReferenceId(1),
                    this_dn: "CommDN_1".into(),
                    address_type: Some(1),
                    register_mode: Some(0),
                }
                .into(),
            ),
            (
                "000000450000340004000103000000040000000200020000000008436f6d6d444e5f39000701000000040000003b00080000000014444e206973206e6f7420636f6e66696775726564",
                EventError {
                    reference: Some(ReferenceId(2)),
                    this_dn: Some("CommDN_9".into()),
                    code: ErrorCode::DN_NOT_CONFIGURED,
                    message: ErrorCode::DN_NOT_CONFIGURED.name().map(Text::from),
                }
                .into(),
            ),
            (
                "000000520000300004000103000000040000000700020000000008436f6d6d444e5f3100030000000008436f6d6d444e5f310004040000001d00010100124753575f434d5f4d6573736167655479706500040000000c",
                RequestDistributeUserEvent {
                    reference: ReferenceId(7),
                    this_dn: Some("CommDN_1".into()),
                    communication_dn: "CommDN_1".into(),
                    user_data: status_request(),
                    extensions: None,
                    reason: None,
                }
                .into(),
            ),
        ];
        for (text, message) in cases {
            let bytes = hex(text);
            assert_eq!(TServerMessage::read(&read(&bytes)), Ok(Some(message.clone())));
            assert_eq!(write(&message, None), bytes, "{message:?}");
        }
    }

    #[test]
    fn every_row_has_its_attributes_in_ascending_order() {
        for (id, fields) in TServerMessage::FIELDS {
            assert!(fields.windows(2).all(|two| two[0] < two[1]), "{id}");
            let stamped = fields.iter().filter(|field| !LATER.contains(field));
            assert!(stamped.clone().all(|field| *field < AttributeNumber::TIME_IN_SECS), "{id}");
        }
        assert_eq!(TServerMessage::FIELDS.len(), MessageId::NAMED.len());
    }

    #[test]
    fn the_stamp_stands_between_the_smaller_and_the_greater_numbers() {
        let info = EventServerInfo {
            reference: None,
            protocol_version: "commdn-1".into(),
            server_version: "x".into(),
            role: ServerRole::BACKUP,
            session_id: "s".into(),
        };
        let stamp = EventStamp { seconds: 5, micros: 6, sequence: Some(7) };
        let message = read(&write(&info.clone().into(), Some(stamp)));
        let numbers: Vec<u16> = message.attributes().iter().map(|attribute| attribute.number.0).collect();
        assert_eq!(numbers, [9, 12, 13, 17, 18, 19, 20]);
        assert_eq!(TServerMessage::read(&message), Ok(Some(info.into())));
    }

    #[test]
    fn a_shared_event_with_a_tail_is_the_event_with_that_sequence_number() {
        let event: TServerMessage = EventUserEvent {
            reference: None,
            this_dn: "CommDN_1".into(),
            communication_dn: "CommDN_1".into(),
            user_data: status_request(),
            extensions: None,
            reason: Some(status_request()),
        }
        .into();
        let mut shared = BytesMut::new();
        event.encode_shared(&mut shared, &Dialect::default(), 5, 6).unwrap();
        shared.extend_from_slice(&sequence_tail(9));
        assert_eq!(shared, write(&event, Some(EventStamp { seconds: 5, micros: 6, sequence: Some(9) })));
    }

    #[test]
    fn missing_wrong_and_bad_attributes_are_told_by_name() {
        let message = |number, value| {
            TMessage::new(MessageId::REQUEST_DISTRIBUTE_USER_EVENT)
                .with(AttributeNumber::REFERENCE_ID, AttributeValue::U32(1))
                .with(number, value)
        };
        let told = |message: TMessage| TServerMessage::read(&message).unwrap_err().to_string();
        let dn = message(AttributeNumber::COMMUNICATION_DN, AttributeValue::Str("d".into()));
        assert_eq!(
            told(message(AttributeNumber::COMMUNICATION_DN, AttributeValue::I32(1))),
            "CommunicationDN: expected string, found i32"
        );
        assert_eq!(told(dn.clone()), "UserData is missing");
        let error = crate::wire::ListView::parse(&[0], &Dialect::default(), Reading::Tolerant).unwrap_err();
        let bad = AttributeValue::BadList { bytes: Bytes::from_static(&[0]), error };
        assert_eq!(told(dn.with(AttributeNumber::USER_DATA, bad)), format!("UserData: {error}"));
    }

    #[test]
    fn the_reference_that_means_none_reads_as_absent() {
        let message =
            TMessage::new(MessageId::EVENT_ACK).with(AttributeNumber::REFERENCE_ID, AttributeValue::U32(u32::MAX));
        assert_eq!(TServerMessage::read(&message), Err(AttributeError::Missing(AttributeNumber::REFERENCE_ID)));
        assert_eq!(TServerMessage::read(&TMessage::new(MessageId(51))), Ok(None));
    }
}
