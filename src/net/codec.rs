//! Frames on a socket: the codec for tokio-util, and the bytes that wait to be written.

use std::io;

use bytes::{Buf, BytesMut};
use tokio_util::codec::{Decoder, Encoder};

use crate::wire::Frame;
use crate::wire::FrameError;
use crate::wire::FrameView;
use crate::wire::Reading;
use crate::wire::limits::{FRAME_BYTES_HARD_MAX, FRAME_BYTES_MAX, SEND_QUEUE_BYTES_MAX, SEND_QUEUE_FRAMES_MAX};
use crate::wire::next_frame;
use crate::wire::take_frame;

/// Frames for `Framed`, `FramedRead` and `FramedWrite`, and for reading by hand.
#[derive(Clone, Copy, Debug)]
pub struct FrameCodec {
    frame_bytes_max: usize,
    reading: Reading,
}

impl FrameCodec {
    /// A codec with the setting `frame_bytes_max`, which has a ceiling of its own.
    #[must_use]
    pub fn new(frame_bytes_max: usize, reading: Reading) -> Self {
        Self { frame_bytes_max: frame_bytes_max.min(FRAME_BYTES_HARD_MAX), reading }
    }

    /// One frame from what was read.
    ///
    /// # Errors
    /// [`FrameError`]; the stream is then lost.
    pub fn take(&self, input: &mut BytesMut) -> Result<Option<Frame>, FrameError> {
        take_frame(input, self.frame_bytes_max, self.reading)
    }
}

impl FrameCodec {
    /// How many bytes are whole frames, and what is wrong behind them.
    pub(crate) fn whole(&self, input: &[u8], mut reserved: impl FnMut(u8)) -> (usize, Option<FrameError>) {
        let mut rest = input;
        loop {
            match next_frame(&mut rest, self.frame_bytes_max, self.reading) {
                Ok(Some(FrameView::Reserved(kind))) => reserved(kind),
                Ok(Some(_)) => {}
                Ok(None) => return (input.len() - rest.len(), None),
                Err(error) => return (input.len() - rest.len(), Some(error)),
            }
        }
    }
}

impl Default for FrameCodec {
    fn default() -> Self {
        Self::new(FRAME_BYTES_MAX, Reading::Tolerant)
    }
}

/// Why reading or writing frames ended.
#[derive(Debug, thiserror::Error)]
pub enum CodecError {
    /// The socket failed.
    #[error(transparent)]
    Io(#[from] io::Error),
    /// The stream is no stream of frames.
    #[error(transparent)]
    Frame(#[from] FrameError),
}

impl Decoder for FrameCodec {
    type Item = Frame;
    type Error = CodecError;

    fn decode(&mut self, input: &mut BytesMut) -> Result<Option<Frame>, CodecError> {
        Ok(self.take(input)?)
    }
}

impl Encoder<Frame> for FrameCodec {
    type Error = CodecError;

    fn encode(&mut self, frame: Frame, out: &mut BytesMut) -> Result<(), CodecError> {
        frame.encode(out);
        Ok(())
    }
}

/// A queue that may not grow further.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "send_queue: {frames} frames and {bytes} bytes wait, limits are {SEND_QUEUE_FRAMES_MAX} and {SEND_QUEUE_BYTES_MAX}"
)]
pub struct QueueFull {
    /// Frames that wait.
    pub frames: usize,
    /// Bytes that wait.
    pub bytes: usize,
}

/// Bytes of one connection that wait to be written. Holds no buffer while nothing waits.
#[derive(Debug, Default)]
pub(crate) struct SendQueue {
    /// On its way: may be written in part, so nothing can be put before it.
    writing: BytesMut,
    urgent: BytesMut,
    waiting: BytesMut,
    frames_writing: usize,
    frames_waiting: usize,
}

impl SendQueue {
    /// Bytes that wait.
    pub(crate) fn len(&self) -> usize {
        self.writing.len() + self.urgent.len() + self.waiting.len()
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Adds frames; an urgent one stands before those that are not on their way yet.
    pub(crate) fn push(&mut self, parts: [&[u8]; 2], urgent: bool, more_frames: usize) -> Result<(), QueueFull> {
        let (frames, bytes) = (self.frames_writing + self.frames_waiting, self.len());
        let more = parts[0].len() + parts[1].len();
        if frames >= SEND_QUEUE_FRAMES_MAX || bytes + more > SEND_QUEUE_BYTES_MAX {
            return Err(QueueFull { frames, bytes });
        }
        self.frames_waiting += more_frames;
        let queue = if urgent { &mut self.urgent } else { &mut self.waiting };
        parts.iter().for_each(|part| queue.extend_from_slice(part));
        Ok(())
    }

    /// What to write next: everything that is ready, in one piece.
    pub(crate) fn next(&mut self) -> &[u8] {
        if self.writing.is_empty() {
            self.writing = std::mem::take(&mut self.urgent);
            if self.writing.is_empty() {
                self.writing = std::mem::take(&mut self.waiting);
            } else {
                self.writing.unsplit(std::mem::take(&mut self.waiting));
            }
            self.frames_writing = std::mem::take(&mut self.frames_waiting);
        }
        &self.writing
    }

    /// So much of it was written.
    pub(crate) fn written(&mut self, bytes: usize) {
        self.writing.advance(bytes);
        if self.writing.is_empty() {
            self.writing = BytesMut::new();
            self.frames_writing = 0;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn push(queue: &mut SendQueue, bytes: &[u8], urgent: bool) {
        queue.push([bytes, &[]], urgent, 1).unwrap();
    }

    #[test]
    fn everything_ready_is_one_piece_and_urgent_frames_never_split_another() {
        let mut queue = SendQueue::default();
        push(&mut queue, b"first", false);
        assert_eq!(queue.next(), b"first");
        queue.written(2);
        push(&mut queue, b"second", false);
        push(&mut queue, b"!", true);
        queue.push([b"thi", b"rd"], false, 1).unwrap();
        assert_eq!(queue.next(), b"rst");
        queue.written(3);
        assert_eq!(queue.next(), b"!secondthird");
        queue.written(12);
        assert!(queue.is_empty());
    }

    #[test]
    fn a_full_queue_refuses_by_frames_and_by_bytes() {
        let mut queue = SendQueue::default();
        for _ in 0..SEND_QUEUE_FRAMES_MAX {
            push(&mut queue, b"x", false);
        }
        assert_eq!(queue.push([b"x", &[]], true, 1), Err(QueueFull { frames: 4_096, bytes: 4_096 }));
        // A reader that makes progress makes room.
        queue.next();
        queue.written(4_096);
        push(&mut queue, &vec![0; SEND_QUEUE_BYTES_MAX], false);
        assert_eq!(queue.push([b"x", &[]], false, 1), Err(QueueFull { frames: 1, bytes: SEND_QUEUE_BYTES_MAX }));
    }
}
