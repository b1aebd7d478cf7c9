//! Floor 1: bytes to TKVList, frames and T-Server messages, and back; UserEvents in printed logs.
//!
//! [`ListView`] reads a packed list in place, [`ListWriter`] packs one, [`TkvList`] is the tree for building and keeping.

pub mod dialect;
pub mod limits;
pub mod logtext;
mod text;
mod tkv;
mod view;
mod writer;

pub use dialect::{Dialect, Reading};
pub use text::{Charset, Text, escape_bytes};
pub use tkv::{Key, TkvList, Value};
pub use view::{DecodeError, DecodeErrorKind, ListView, Pairs, StrView, ValueView};
pub use writer::{EncodeError, ListWriter};
