//! Floor 1: bytes to TKVList, frames and T-Server messages, and back; UserEvents in printed logs.
//!
//! [`ListView`] reads a packed list in place, [`ListWriter`] packs one,
//! [`TkvList`] is the tree for building and keeping; [`logtext`] is print.

pub mod dialect;
mod frame;
pub mod limits;
pub mod logtext;
mod text;
mod tkv;
mod tmessage;
pub mod tserver;
pub mod user_event;
mod view;
mod writer;

pub use dialect::{Dialect, Reading};
pub use frame::{Frame, FrameError, FrameView, next_frame, take_frame};
pub use text::{Charset, Text, escape_bytes};
pub use tkv::{Key, TkvList, Value};
pub use tmessage::{
    Attribute, AttributeValue, EventStamp, MessageEncodeError, MessageError, MessageWriter, SEQUENCE_TAIL_BYTES,
    TMessage, sequence_tail,
};
pub use tserver::{AttributeNumber, AttributeType, ErrorCode, MessageId, ServerRole};
pub use user_event::{AttributeError, Password, ReferenceId, TServerMessage};
pub use view::{DecodeError, DecodeErrorKind, ListView, Pairs, StrView, ValueView};
pub use writer::{EncodeError, ListWriter};
