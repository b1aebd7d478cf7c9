//! What the tests of the message files share.

use crate::message::{AppDbid, CommDnMessage, Message};
use crate::wire::{Dialect, Reading, TkvList};

/// The message between application 201 and OCS 301, as a tree.
pub(super) fn to_tree(body: Message) -> TkvList {
    let bytes = CommDnMessage::new(AppDbid(201), AppDbid(301), body).encode(&Dialect::default()).unwrap();
    TkvList::decode(&bytes, &Dialect::default(), Reading::Strict).unwrap()
}

/// Reads a tree as a message.
pub(super) fn from_tree(tree: &TkvList) -> CommDnMessage {
    let bytes = tree.encode(&Dialect::default()).unwrap();
    CommDnMessage::decode(&bytes, &Dialect::default(), Reading::Tolerant).unwrap().message
}

/// The error that a tree gives.
pub(super) fn failure(tree: &TkvList) -> String {
    let bytes = tree.encode(&Dialect::default()).unwrap();
    CommDnMessage::decode(&bytes, &Dialect::default(), Reading::Tolerant).unwrap_err().to_string()
}

/// What is written reads back equal, without a warning, in strict reading too.
pub(super) fn round_trip(body: Message) {
    let message = CommDnMessage::new(AppDbid(201), AppDbid(301), body);
    let bytes = message.encode(&Dialect::default()).unwrap();
    for reading in [Reading::Tolerant, Reading::Strict] {
        let decoded = CommDnMessage::decode(&bytes, &Dialect::default(), reading).unwrap();
        assert_eq!(decoded.message, message);
        assert_eq!(decoded.warnings, []);
    }
}
