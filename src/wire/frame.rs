//! Frames on the stream: length, kind, body. Assumed: our own, the vendor's framing is not public.

use bytes::{Buf, BufMut, Bytes, BytesMut};

use crate::wire::Reading;

/// One frame. The body of a message shares the buffer that it was read into.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Frame {
    /// Kind 0: a T-Server message.
    Message(Bytes),
    /// Kind 1: are you there; its serial.
    Poll(u32),
    /// Kind 2: the serial of the poll that is answered.
    PollAnswer(u32),
    /// Kind 3: idle milliseconds after which the receiver must poll; 0 = not at all.
    PollSettings(u32),
    /// Kinds 4 to 255, tolerant reading only: to be skipped with a warning.
    Reserved(u8),
}

/// Why a stream cannot be read on. Each of them closes the connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum FrameError {
    /// A length of 0.
    #[error("frame_empty: a frame of 0 bytes, expected at least its kind")]
    Empty,
    /// A length above the limit.
    #[error("frame_bytes: frame claims {claimed} bytes, limit is {limit}")]
    Bytes {
        /// What the length field says.
        claimed: usize,
        /// The setting `frame_bytes_max`.
        limit: usize,
    },
    /// A poll, poll answer or poll settings whose body is not one number.
    #[error("frame_width: frame kind {kind} with a body of {found} bytes, expected 4")]
    Width {
        /// The kind of frame.
        kind: u8,
        /// Bytes behind the kind.
        found: usize,
    },
    /// Strict reading: a kind that means nothing yet.
    #[error("frame_kind: frame kind {0}, expected 0 to 3")]
    Kind(u8),
}

/// Bytes of the length field.
const LENGTH_BYTES: usize = 4;
const MESSAGE: u8 = 0;
const POLL: u8 = 1;
const POLL_ANSWER: u8 = 2;
const POLL_SETTINGS: u8 = 3;

/// Splits one frame off; `Ok(None)` asks for more bytes. The length is checked before anything waits for it.
///
/// # Errors
/// [`FrameError`]; the stream is then lost, since nobody knows where the next frame starts.
///
/// ```
/// use bytes::BytesMut;
/// use commdn::wire::{Frame, Reading, take_frame};
///
/// let mut stream = BytesMut::from(&[0, 0, 0, 5, 1, 0, 0, 0, 42, 0, 0][..]);
/// assert_eq!(take_frame(&mut stream, 100, Reading::Strict), Ok(Some(Frame::Poll(42))));
/// assert_eq!(take_frame(&mut stream, 100, Reading::Strict), Ok(None));
/// assert_eq!(stream.len(), 2);
/// ```
pub fn take_frame(input: &mut BytesMut, bytes_max: usize, reading: Reading) -> Result<Option<Frame>, FrameError> {
    let mut rest = &input[..];
    let frame = match next_frame(&mut rest, bytes_max, reading)? {
        None => return Ok(None),
        Some(FrameView::Message(body)) => Err(body.len()),
        Some(FrameView::Poll(serial)) => Ok(Frame::Poll(serial)),
        Some(FrameView::PollAnswer(serial)) => Ok(Frame::PollAnswer(serial)),
        Some(FrameView::PollSettings(millis)) => Ok(Frame::PollSettings(millis)),
        Some(FrameView::Reserved(kind)) => Ok(Frame::Reserved(kind)),
    };
    let taken = input.len().saturating_sub(rest.len());
    Ok(Some(match frame {
        Ok(frame) => {
            input.advance(taken);
            frame
        }
        Err(body_bytes) => {
            input.advance(taken.saturating_sub(body_bytes));
            Frame::Message(input.split_to(body_bytes).freeze())
        }
    }))
}

/// A frame where it lies; see [`Frame`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FrameView<'a> {
    /// Kind 0.
    Message(&'a [u8]),
    /// Kind 1.
    Poll(u32),
    /// Kind 2.
    PollAnswer(u32),
    /// Kind 3.
    PollSettings(u32),
    /// Kinds 4 to 255.
    Reserved(u8),
}

/// Steps over one frame; `Ok(None)` asks for more bytes.
///
/// # Errors
/// As [`take_frame`].
pub fn next_frame<'a>(
    input: &mut &'a [u8],
    bytes_max: usize,
    reading: Reading,
) -> Result<Option<FrameView<'a>>, FrameError> {
    let Some((length, rest)) = input.split_first_chunk::<LENGTH_BYTES>() else { return Ok(None) };
    let claimed = usize::try_from(u32::from_be_bytes(*length)).unwrap_or(usize::MAX);
    if claimed > bytes_max {
        return Err(FrameError::Bytes { claimed, limit: bytes_max });
    }
    let Some(body_bytes) = claimed.checked_sub(1) else { return Err(FrameError::Empty) };
    // An unknown kind is told before its body has come: strict readers need not wait for it.
    if let Some(kind) = rest.first().filter(|kind| **kind > POLL_SETTINGS && reading == Reading::Strict) {
        return Err(FrameError::Kind(*kind));
    }
    let Some((frame, behind)) = rest.split_at_checked(claimed) else { return Ok(None) };
    let Some((kind, body)) = frame.split_first() else { return Err(FrameError::Empty) };
    let number = || <[u8; 4]>::try_from(body).map(u32::from_be_bytes);
    let width = |_| FrameError::Width { kind: *kind, found: body_bytes };
    let frame = match *kind {
        MESSAGE => FrameView::Message(body),
        POLL => FrameView::Poll(number().map_err(width)?),
        POLL_ANSWER => FrameView::PollAnswer(number().map_err(width)?),
        POLL_SETTINGS => FrameView::PollSettings(number().map_err(width)?),
        reserved => FrameView::Reserved(reserved),
    };
    *input = behind;
    Ok(Some(frame))
}

impl Frame {
    /// Writes the frame behind what is there. A reserved kind has no body.
    pub fn encode(&self, out: &mut BytesMut) {
        match self {
            Self::Message(body) => {
                let head = start_frame(out);
                out.put_slice(body);
                finish_frame(out, head, 0);
            }
            Self::Poll(serial) => put_number(out, POLL, *serial),
            Self::PollAnswer(serial) => put_number(out, POLL_ANSWER, *serial),
            Self::PollSettings(millis) => put_number(out, POLL_SETTINGS, *millis),
            Self::Reserved(kind) => {
                out.put_u32(1);
                out.put_u8(*kind);
            }
        }
    }
}

fn put_number(out: &mut BytesMut, kind: u8, number: u32) {
    out.put_u32(5);
    out.put_u8(kind);
    out.put_u32(number);
}

/// Begins a message frame and tells where it begins; [`finish_frame`] fills its length in.
pub(crate) fn start_frame(out: &mut BytesMut) -> usize {
    let start = out.len();
    out.put_u32(0);
    out.put_u8(MESSAGE);
    start
}

/// Ends a frame; `more` bytes of it will be written behind this buffer. Gives its length, kind and body.
pub(crate) fn finish_frame(out: &mut BytesMut, start: usize, more: usize) -> usize {
    let length = out.len().saturating_sub(start).saturating_sub(LENGTH_BYTES).saturating_add(more);
    let field = u32::try_from(length).unwrap_or(u32::MAX).to_be_bytes();
    if let Some(place) = out.get_mut(start..).and_then(|frame| frame.first_chunk_mut::<LENGTH_BYTES>()) {
        *place = field;
    }
    length
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::limits::FRAME_BYTES_MAX;

    fn take(bytes: &[u8], reading: Reading) -> (Result<Option<Frame>, FrameError>, usize) {
        let mut input = BytesMut::from(bytes);
        let taken = take_frame(&mut input, FRAME_BYTES_MAX, reading);
        (taken, input.len())
    }

    #[test]
    fn the_printed_polls_read_and_write() {
        let cases: [(Frame, &[u8]); 2] = [
            (Frame::Poll(42), &[0, 0, 0, 5, 1, 0, 0, 0, 0x2a]),
            (Frame::PollSettings(20_000), &[0, 0, 0, 5, 3, 0, 0, 0x4e, 0x20]),
        ];
        for (frame, bytes) in cases {
            assert_eq!(take(bytes, Reading::Strict), (Ok(Some(frame.clone())), 0));
            let mut out = BytesMut::new();
            frame.encode(&mut out);
            assert_eq!(&out[..], bytes);
        }
    }

    #[test]
    fn any_split_of_the_stream_gives_the_same_frames() {
        let frames = [Frame::Poll(1), Frame::Message(Bytes::from_static(b"abc")), Frame::PollAnswer(u32::MAX)];
        let mut bytes = BytesMut::new();
        frames.iter().for_each(|frame| frame.encode(&mut bytes));
        for cut in 0..=bytes.len() {
            let mut input = BytesMut::new();
            let mut seen = Vec::new();
            for part in [&bytes[..cut], &bytes[cut..]] {
                input.extend_from_slice(part);
                while let Some(frame) = take_frame(&mut input, 100, Reading::Strict).unwrap() {
                    seen.push(frame);
                }
            }
            assert_eq!(seen, frames, "cut at {cut}");
        }
    }

    #[test]
    fn a_length_outside_the_limits_is_refused_at_its_fourth_byte() {
        assert_eq!(take(&[0, 0, 0], Reading::Tolerant).0, Ok(None));
        assert_eq!(take(&[0, 0, 0, 0], Reading::Tolerant).0, Err(FrameError::Empty));
        let claimed = FRAME_BYTES_MAX + 1;
        assert_eq!(
            take(&[0, 0x10, 0, 1], Reading::Tolerant).0,
            Err(FrameError::Bytes { claimed, limit: FRAME_BYTES_MAX })
        );
        assert_eq!(take(&[0, 0x10, 0, 0], Reading::Tolerant).0, Ok(None));
    }

    #[test]
    fn a_reserved_kind_is_skipped_or_refused() {
        assert_eq!(take(&[0, 0, 0, 3, 9, 1, 2, 7], Reading::Tolerant), (Ok(Some(Frame::Reserved(9))), 1));
        assert_eq!(take(&[0, 0, 0, 3, 9], Reading::Strict).0, Err(FrameError::Kind(9)));
    }

    #[test]
    fn a_poll_of_another_width_is_refused() {
        let error = take(&[0, 0, 0, 3, 1, 0, 0], Reading::Tolerant).0.unwrap_err();
        assert_eq!(error.to_string(), "frame_width: frame kind 1 with a body of 2 bytes, expected 4");
    }
}
