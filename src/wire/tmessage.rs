//! A T-Server message as it travels: a number and typed attributes, known or not.

use std::fmt;

use bytes::{BufMut, Bytes, BytesMut};

use crate::wire::{
    AttributeNumber, AttributeType, DecodeError, Dialect, ListView, MessageId, Reading, Text,
    frame::{finish_frame, start_frame},
    limits::{ATTRIBUTES_MAX, FRAME_BYTES_HARD_MAX},
};

/// A message with its attributes in the order they came. Bytes share the frame they were read from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TMessage {
    /// What the message is.
    pub id: MessageId,
    attributes: Vec<Attribute>,
    doubled: Option<AttributeNumber>,
}

/// One attribute.
#[derive(Clone, PartialEq, Eq)]
pub struct Attribute {
    /// Which.
    pub number: AttributeNumber,
    /// What.
    pub value: AttributeValue,
}

/// The value of an attribute.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum AttributeValue {
    /// Type 0.
    Str(Text),
    /// Type 1.
    I32(i32),
    /// Type 2.
    Binary(Bytes),
    /// Type 3.
    U32(u32),
    /// Type 4: a packed list that was checked whole.
    List(Bytes),
    /// Type 4 whose bytes are no list: the message stands, only this attribute cannot be used.
    BadList {
        /// The bytes as they came.
        bytes: Bytes,
        /// What is wrong with them.
        error: DecodeError,
    },
    /// A type that means nothing yet.
    Other {
        /// The type code.
        code: u8,
        /// The bytes as they came.
        bytes: Bytes,
    },
}

/// Why a message body cannot be read at all. Each of them closes the connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum MessageError {
    /// The body ends inside the message.
    #[error("message_truncated: the message goes on behind its last byte, {0}")]
    Truncated(usize),
    /// Bytes stand behind the last attribute.
    #[error("message_trailing: {0} bytes behind the last attribute")]
    Trailing(usize),
    /// More attributes than [`ATTRIBUTES_MAX`].
    #[error("attributes: {0} attributes, limit is {ATTRIBUTES_MAX}")]
    Attributes(u16),
    /// A number whose width is not 4.
    #[error("attribute_width: {attribute} has {found} bytes, expected 4")]
    Width {
        /// Which attribute.
        attribute: AttributeNumber,
        /// Its length.
        found: usize,
    },
}

/// Why a message cannot be written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum MessageEncodeError {
    /// A character that the dialect's charset lacks.
    #[error("charset: {0} has a character that the dialect's charset lacks")]
    Charset(AttributeNumber),
    /// More bytes than a frame can have.
    #[error("frame_bytes: a message of {0} bytes, limit is {FRAME_BYTES_HARD_MAX}")]
    Bytes(usize),
    /// More attributes than [`ATTRIBUTES_MAX`].
    #[error("attributes: {0} attributes, limit is {ATTRIBUTES_MAX}")]
    Attributes(u16),
}

impl TMessage {
    /// A message to be filled.
    #[must_use]
    pub fn new(id: MessageId) -> Self {
        Self { id, attributes: Vec::new(), doubled: None }
    }

    /// The message with one more attribute. The first of a number is the one that counts.
    #[must_use]
    pub fn with(mut self, number: AttributeNumber, value: AttributeValue) -> Self {
        self.push(number, value);
        self
    }

    fn push(&mut self, number: AttributeNumber, value: AttributeValue) {
        if self.value(number).is_some() {
            self.doubled.get_or_insert(number);
        } else {
            self.attributes.push(Attribute { number, value });
        }
    }

    /// The attributes in the order they came.
    #[must_use]
    pub fn attributes(&self) -> &[Attribute] {
        &self.attributes
    }

    /// The value of an attribute.
    #[must_use]
    pub fn value(&self, number: AttributeNumber) -> Option<&AttributeValue> {
        self.attributes.iter().find(|attribute| attribute.number == number).map(|attribute| &attribute.value)
    }

    /// The first attribute that came twice: a warning, or in strict reading an EventError 53.
    #[must_use]
    pub fn doubled(&self) -> Option<AttributeNumber> {
        self.doubled
    }

    /// Reads the body of a message frame.
    ///
    /// # Errors
    /// [`MessageError`] when the body is no message at all. A list that cannot be read, a wrong type or a missing
    /// attribute is no error here: the message must be answered with EventError 53.
    pub fn decode(body: &Bytes, dialect: &Dialect, reading: Reading) -> Result<Self, MessageError> {
        Self::decode_part(body, body, dialect, reading)
    }

    /// As [`TMessage::decode`], of a body that lies somewhere in these bytes.
    ///
    /// # Errors
    /// As [`TMessage::decode`].
    pub fn decode_part(whole: &Bytes, body: &[u8], dialect: &Dialect, reading: Reading) -> Result<Self, MessageError> {
        let mut message = Self::new(MessageId(0));
        message.read_part(whole, body, dialect, reading)?;
        Ok(message)
    }

    /// As [`TMessage::decode_part`], in the place of what was there: its room is used again.
    ///
    /// # Errors
    /// As [`TMessage::decode`]; what is there then is good for nothing.
    pub fn read_part(
        &mut self,
        whole: &Bytes,
        body: &[u8],
        dialect: &Dialect,
        reading: Reading,
    ) -> Result<(), MessageError> {
        let truncated = MessageError::Truncated(body.len());
        let ([i0, i1, c0, c1], mut rest) = body.split_first_chunk::<4>().ok_or(truncated)?;
        self.clear();
        self.id = MessageId(u16::from_be_bytes([*i0, *i1]));
        let count = u16::from_be_bytes([*c0, *c1]);
        if usize::from(count) > ATTRIBUTES_MAX {
            return Err(MessageError::Attributes(count));
        }
        self.attributes.reserve(usize::from(count));
        for _ in 0..count {
            let ([n0, n1, code, l0, l1, l2, l3], behind) = rest.split_first_chunk::<7>().ok_or(truncated)?;
            let number = AttributeNumber(u16::from_be_bytes([*n0, *n1]));
            let length = usize::try_from(u32::from_be_bytes([*l0, *l1, *l2, *l3])).unwrap_or(usize::MAX);
            let (bytes, behind) = behind.split_at_checked(length).ok_or(truncated)?;
            self.push(number, AttributeValue::decode(number, *code, (bytes, whole), dialect, reading)?);
            rest = behind;
        }
        if rest.is_empty() { Ok(()) } else { Err(MessageError::Trailing(rest.len())) }
    }

    /// Takes every attribute out; the room for them stays.
    pub fn clear(&mut self) {
        self.attributes.clear();
        self.doubled = None;
    }

    /// Writes the message as a frame behind what is there, attributes by ascending number.
    ///
    /// # Errors
    /// [`MessageEncodeError`]; the buffer is then as it was.
    pub fn encode(&self, out: &mut BytesMut, dialect: &Dialect) -> Result<(), MessageEncodeError> {
        let mut sorted: Vec<&Attribute> = self.attributes.iter().collect();
        sorted.sort_by_key(|attribute| attribute.number);
        let mut writer = MessageWriter::start(out, dialect, self.id, None);
        for attribute in sorted {
            writer.value(attribute.number, &attribute.value);
        }
        writer.finish()
    }
}

impl AttributeValue {
    /// Of the bytes in the body only what stays packed keeps the body alive.
    fn decode(
        attribute: AttributeNumber,
        code: u8,
        (bytes, body): (&[u8], &Bytes),
        dialect: &Dialect,
        reading: Reading,
    ) -> Result<Self, MessageError> {
        let width = |_| MessageError::Width { attribute, found: bytes.len() };
        Ok(match AttributeType::from_code(code) {
            Some(AttributeType::Str) => Self::Str(Text::from_bytes(bytes, dialect.charset)),
            Some(AttributeType::I32) => Self::I32(<[u8; 4]>::try_from(bytes).map(i32::from_be_bytes).map_err(width)?),
            Some(AttributeType::U32) => Self::U32(<[u8; 4]>::try_from(bytes).map(u32::from_be_bytes).map_err(width)?),
            Some(AttributeType::Binary) => Self::Binary(body.slice_ref(bytes)),
            Some(AttributeType::List) => match ListView::parse(bytes, dialect, reading) {
                Ok(_) => Self::List(body.slice_ref(bytes)),
                Err(error) => Self::BadList { bytes: body.slice_ref(bytes), error },
            },
            None => Self::Other { code, bytes: body.slice_ref(bytes) },
        })
    }

    /// What people call this type, for error texts.
    #[must_use]
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Str(_) => AttributeType::Str.name(),
            Self::I32(_) => AttributeType::I32.name(),
            Self::Binary(_) => AttributeType::Binary.name(),
            Self::U32(_) => AttributeType::U32.name(),
            Self::List(_) | Self::BadList { .. } => AttributeType::List.name(),
            Self::Other { .. } => "unknown type",
        }
    }
}

impl fmt::Debug for Attribute {
    /// Everything but the password, which is never shown.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.number {
            AttributeNumber::APPLICATION_PASSWORD => write!(f, "{}: hidden", self.number),
            number => write!(f, "{number}: {:?}", self.value),
        }
    }
}

/// What every event carries besides its own attributes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct EventStamp {
    /// Seconds since 1970 UTC.
    pub seconds: u32,
    /// Microseconds within that second.
    pub micros: u32,
    /// Number of the event in its session; `None` leaves it for [`sequence_tail`].
    pub sequence: Option<u32>,
}

/// Bytes of a sequence number as the last attribute of an event.
pub const SEQUENCE_TAIL_BYTES: usize = 11;

/// The end of an event that was written without its sequence number: the only bytes in which receivers differ.
#[must_use]
pub fn sequence_tail(sequence: u32) -> [u8; SEQUENCE_TAIL_BYTES] {
    let [n0, n1] = AttributeNumber::EVENT_SEQUENCE_NUMBER.0.to_be_bytes();
    let [s0, s1, s2, s3] = sequence.to_be_bytes();
    [n0, n1, AttributeType::U32.code(), 0, 0, 0, 4, s0, s1, s2, s3]
}

/// Writes one message frame, attribute by attribute, in ascending order. The first error sticks.
#[derive(Debug)]
pub struct MessageWriter<'b> {
    out: &'b mut BytesMut,
    dialect: Dialect,
    start: usize,
    count_at: usize,
    count: u16,
    stamp: Option<EventStamp>,
    error: Option<MessageEncodeError>,
}

impl<'b> MessageWriter<'b> {
    /// Begins a frame behind what is there; the stamp is put where its numbers belong.
    pub fn start(out: &'b mut BytesMut, dialect: &Dialect, id: MessageId, stamp: Option<EventStamp>) -> Self {
        let start = start_frame(out);
        out.put_u16(id.0);
        let count_at = out.len();
        out.put_u16(0);
        Self { out, dialect: *dialect, start, count_at, count: 0, stamp, error: None }
    }

    /// Adds a string.
    pub fn text(&mut self, number: AttributeNumber, text: &Text) {
        match text.to_bytes(self.dialect.charset) {
            Some(bytes) => self.bytes(number, AttributeType::Str.code(), &bytes),
            None => {
                self.error.get_or_insert(MessageEncodeError::Charset(number));
            }
        }
    }

    /// Adds a signed number.
    pub fn i32(&mut self, number: AttributeNumber, value: i32) {
        self.bytes(number, AttributeType::I32.code(), &value.to_be_bytes());
    }

    /// Adds an unsigned number.
    pub fn u32(&mut self, number: AttributeNumber, value: u32) {
        self.bytes(number, AttributeType::U32.code(), &value.to_be_bytes());
    }

    /// Adds a packed list.
    pub fn list(&mut self, number: AttributeNumber, packed: &[u8]) {
        self.bytes(number, AttributeType::List.code(), packed);
    }

    /// Adds any value.
    pub fn value(&mut self, number: AttributeNumber, value: &AttributeValue) {
        match value {
            AttributeValue::Str(text) => self.text(number, text),
            AttributeValue::I32(value) => self.i32(number, *value),
            AttributeValue::Binary(bytes) => self.bytes(number, AttributeType::Binary.code(), bytes),
            AttributeValue::U32(value) => self.u32(number, *value),
            AttributeValue::List(bytes) | AttributeValue::BadList { bytes, .. } => self.list(number, bytes),
            AttributeValue::Other { code, bytes } => self.bytes(number, *code, bytes),
        }
    }

    fn bytes(&mut self, number: AttributeNumber, code: u8, bytes: &[u8]) {
        if number > AttributeNumber::EVENT_SEQUENCE_NUMBER {
            self.put_stamp();
        }
        let Ok(length) = u32::try_from(bytes.len()) else {
            self.error.get_or_insert(MessageEncodeError::Bytes(bytes.len()));
            return;
        };
        self.count = self.count.saturating_add(1);
        let ([n0, n1], [l0, l1, l2, l3]) = (number.0.to_be_bytes(), length.to_be_bytes());
        self.out.put_slice(&[n0, n1, code, l0, l1, l2, l3]);
        self.out.put_slice(bytes);
    }

    fn put_stamp(&mut self) {
        let Some(stamp) = self.stamp.take() else { return };
        self.u32(AttributeNumber::TIME_IN_SECS, stamp.seconds);
        self.u32(AttributeNumber::TIME_IN_USECS, stamp.micros);
        if let Some(sequence) = stamp.sequence {
            self.u32(AttributeNumber::EVENT_SEQUENCE_NUMBER, sequence);
        }
    }

    /// Ends the frame.
    ///
    /// # Errors
    /// The first [`MessageEncodeError`]; the buffer is then as it was.
    pub fn finish(self) -> Result<(), MessageEncodeError> {
        self.end(0, 0)
    }

    /// Ends the frame for a [`sequence_tail`] that is written behind it.
    ///
    /// # Errors
    /// As [`MessageWriter::finish`].
    pub fn finish_for_tail(self) -> Result<(), MessageEncodeError> {
        self.end(1, SEQUENCE_TAIL_BYTES)
    }

    fn end(mut self, more_attributes: u16, more_bytes: usize) -> Result<(), MessageEncodeError> {
        self.put_stamp();
        let count = self.count.saturating_add(more_attributes);
        if let Some(place) = self.out.get_mut(self.count_at..).and_then(|out| out.first_chunk_mut::<2>()) {
            *place = count.to_be_bytes();
        }
        let bytes = finish_frame(self.out, self.start, more_bytes);
        let error = match self.error {
            Some(error) => error,
            None if bytes > FRAME_BYTES_HARD_MAX => MessageEncodeError::Bytes(bytes),
            None if usize::from(count) > ATTRIBUTES_MAX => MessageEncodeError::Attributes(count),
            None => return Ok(()),
        };
        self.out.truncate(self.start);
        Err(error)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::DecodeErrorKind;

    const SOME: AttributeNumber = AttributeNumber(900);

    fn decode(body: &[u8]) -> Result<TMessage, MessageError> {
        TMessage::decode(&Bytes::copy_from_slice(body), &Dialect::default(), Reading::Tolerant)
    }

    /// A body: id 3, then attributes as (number, type, bytes).
    fn body(attributes: &[(u16, u8, &[u8])]) -> Vec<u8> {
        let mut out = vec![0, 3, 0, u8::try_from(attributes.len()).unwrap()];
        for (number, code, bytes) in attributes {
            out.extend(number.to_be_bytes());
            out.push(*code);
            out.extend(u32::try_from(bytes.len()).unwrap().to_be_bytes());
            out.extend(*bytes);
        }
        out
    }

    #[test]
    fn unknown_attributes_and_types_are_kept_and_written_in_ascending_order() {
        let message = decode(&body(&[(900, 9, b"xyz"), (2, 0, b"CommDN_1"), (899, 2, &[0, 1])])).unwrap();
        assert_eq!(message.value(SOME), Some(&AttributeValue::Other { code: 9, bytes: Bytes::from_static(b"xyz") }));
        let mut out = BytesMut::new();
        message.encode(&mut out, &Dialect::default()).unwrap();
        assert_eq!(out[5..], body(&[(2, 0, b"CommDN_1"), (899, 2, &[0, 1]), (900, 9, b"xyz")]));
    }

    #[test]
    fn a_number_of_another_width_is_no_message() {
        for code in [1, 3] {
            let error = decode(&body(&[(1, code, &[0, 0, 1])])).unwrap_err();
            assert_eq!(error.to_string(), "attribute_width: ReferenceID has 3 bytes, expected 4");
        }
    }

    #[test]
    fn the_first_of_a_doubled_attribute_wins() {
        let message = decode(&body(&[(2, 0, b"one"), (2, 0, b"two")])).unwrap();
        assert_eq!(message.value(AttributeNumber::THIS_DN), Some(&AttributeValue::Str("one".into())));
        assert_eq!(message.doubled(), Some(AttributeNumber::THIS_DN));
    }

    #[test]
    fn a_bad_list_spoils_its_attribute_only() {
        let bytes = body(&[(1, 3, &[0, 0, 0, 7]), (4, 4, &[0, 1])]);
        let message = decode(&bytes).unwrap();
        let Some(AttributeValue::BadList { error, .. }) = message.value(AttributeNumber::USER_DATA) else {
            panic!("{message:?}");
        };
        assert_eq!(error.kind, DecodeErrorKind::Truncated);
        assert_eq!(message.value(AttributeNumber::REFERENCE_ID), Some(&AttributeValue::U32(7)));
        let mut out = BytesMut::new();
        message.encode(&mut out, &Dialect::default()).unwrap();
        assert_eq!(out[5..], bytes);
    }

    #[test]
    fn every_prefix_and_every_appended_byte_is_refused() {
        let whole = body(&[(1, 3, &[0, 0, 0, 7]), (2, 0, b"CommDN_1")]);
        for cut in 0..whole.len() {
            assert_eq!(decode(&whole[..cut]), Err(MessageError::Truncated(cut)));
        }
        let longer = [&whole[..], &[0]].concat();
        assert_eq!(decode(&longer), Err(MessageError::Trailing(1)));
        assert_eq!(decode(&[0, 3, 0, 65]), Err(MessageError::Attributes(65)));
    }

    #[test]
    fn a_text_the_charset_lacks_leaves_the_buffer_as_it_was() {
        let latin = Dialect { charset: crate::wire::Charset::Iso8859_1, ..Dialect::default() };
        let message = TMessage::new(MessageId::EVENT_ERROR).with(SOME, AttributeValue::Str("Ж".into()));
        let mut out = BytesMut::from(&b"before"[..]);
        assert_eq!(message.encode(&mut out, &latin), Err(MessageEncodeError::Charset(SOME)));
        assert_eq!(&out[..], b"before");
    }

    #[test]
    fn the_password_is_not_shown() {
        let message = TMessage::new(MessageId::REQUEST_REGISTER_CLIENT)
            .with(AttributeNumber::APPLICATION_PASSWORD, AttributeValue::Str("secret".into()));
        assert!(!format!("{message:?}").contains("secret"));
    }

    proptest::proptest! {
        #[test]
        fn any_bytes_are_a_message_that_writes_itself_again_or_an_error(bytes: Vec<u8>) {
            if let Ok(message) = decode(&bytes) {
                let mut out = BytesMut::new();
                message.encode(&mut out, &Dialect::default()).unwrap();
                proptest::prop_assert_eq!(decode(&out[5..]).map(|again| again.attributes().len()), Ok(message.attributes().len()));
            }
        }

        #[test]
        fn any_attributes_come_back_as_they_were(
            parts in proptest::collection::btree_map(proptest::num::u16::ANY, (0_u8..9, proptest::collection::vec(0_u8.., 0..40)), 0..64)
        ) {
            let numbers = |code| code == 1 || code == 3;
            let parts: Vec<(u16, u8, Vec<u8>)> = parts
                .into_iter()
                .map(|(number, (code, bytes))| (number, code, if numbers(code) { vec![1, 2, 3, 4] } else { bytes }))
                .collect();
            let borrowed: Vec<(u16, u8, &[u8])> = parts.iter().map(|(n, code, bytes)| (*n, *code, &bytes[..])).collect();
            let whole = body(&borrowed);
            let mut out = BytesMut::new();
            decode(&whole).unwrap().encode(&mut out, &Dialect::default()).unwrap();
            proptest::prop_assert_eq!(&out[5..], &whole[..]);
        }
    }
}
