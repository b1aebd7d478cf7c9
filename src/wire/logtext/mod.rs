//! UserEvents as T-Server, OCS and URS print them in their logs: reading, writing, and checking the codec against them.
//!
//! ```
//! use commdn::wire::Dialect;
//! use commdn::wire::logtext::{AttributeValue, Reader, Verdict};
//!
//! let log = b"request to 65200(TServer) message RequestDistributeEvent\n\
//!     \tAttributeReason\t[14] 00 01 01 00..\n\
//!     \t\t'RTR'\t115\n";
//! let block = Reader::new(log, &Dialect::default(), false).next().unwrap();
//! assert_eq!(block.head.name, "RequestDistributeEvent");
//! let Some(AttributeValue::List(list)) = block.attribute("Reason") else { panic!("a list was printed") };
//! assert_eq!(list.verdict, Verdict::Agree);
//! assert_eq!(list.tree.encode(&Dialect::default()).unwrap().len(), 14);
//! ```

mod body;
mod check;
mod line;
mod nest;
mod quote;
mod reader;
mod tree;
mod typography;
mod writer;

pub use check::{KvDetail, KvReport, check};
pub use reader::{Problem, ProblemKind, Reader};
pub use tree::read_tree;
pub use writer::{write_block, write_header, write_tree};

use crate::wire::{Text, TkvList};

/// First line of text in [`Style::Commdn`].
pub const COMMDN_HEADER: &str = "# commdn-text 1";

/// How text is printed and read.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Style {
    /// As the vendor's servers print: no escapes, nested lists without their length.
    #[default]
    Vendor,
    /// Our own: escapes, every list with its length, every child on its own line; every tree survives.
    Commdn,
}

/// One printed message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Block {
    /// The line of the head, from 1; 0 for a block that was not read.
    pub line: usize,
    /// The time as printed; the last one seen when the block itself has none.
    pub time: Option<String>,
    /// The other side, as far as the log tells.
    pub peer: Option<String>,
    /// What was printed.
    pub head: Head,
    /// The attributes in print order.
    pub attributes: Vec<Attribute>,
}

/// The line that starts a block.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Head {
    /// Its form.
    pub kind: HeadKind,
    /// The message: `EventUserEvent`, or `OCMClient`, `Thirdparty` for what OCS prints of its own clients.
    pub name: String,
    /// What stands before the name on the line.
    pub before: String,
    /// What stands behind the name.
    pub behind: String,
}

/// The five forms of a head.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum HeadKind {
    /// `@10:00:00.0010 [0] 8.1 send_to_client: message EventUserEvent`.
    TserverEvent,
    /// `message RequestDistributeUserEvent`.
    TserverRequest,
    /// `received from 65200(Switch)host:7007(fd=5) message EventUserEvent`.
    OcsReceived,
    /// `request to 65200(TServer) message RequestDistributeUserEvent`, closed by `..sent to`.
    OcsSent,
    /// `OCMClient[1]::message received` or `Thirdparty, processing ...`: keys unquoted, no packed length.
    CommPrint,
}

/// One attribute of a block.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Attribute {
    /// The name without the word `Attribute` before it: `ThisDN`.
    pub name: String,
    /// Its value.
    pub value: AttributeValue,
}

/// The value of an attribute.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum AttributeValue {
    /// A quoted string.
    Text(Text),
    /// A decimal number; what stands behind it is dropped.
    Number(i64),
    /// 16 bare hex digits, as a ConnID is printed.
    Hex(u64),
    /// A list with its pairs.
    List(PrintedList),
    /// A bare word, as `AttributeUserEvent` names a message, or a form that is not known.
    Other(String),
}

/// A list as printed, and what packing it again says about it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PrintedList {
    /// The line of its attribute, from 1.
    pub line: usize,
    /// The packed length that the print states; `None` in blocks that state none.
    pub length: Option<usize>,
    /// The first bytes that the print states, four unless the list is shorter.
    pub head: Vec<u8>,
    /// The bytes that the printed pairs need by our own packing; `None` when they cannot be packed.
    pub packed: Option<usize>,
    /// The pairs; flat when it cannot be told who is nested in whom.
    pub tree: TkvList,
    /// Whether the print agrees with our packing.
    pub verdict: Verdict,
}

/// What packing a printed list again says about it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// Length and first bytes are those of our packing.
    Agree,
    /// A pair or a value was hidden by the log filter: no vector, no failure.
    Filtered,
    /// Length and first bytes agree, who is nested in whom cannot be told: the pairs are kept flat.
    Ambiguous,
    /// The print contradicts our packing.
    Disagree {
        /// What was found and what was wanted.
        why: String,
    },
    /// The print states no length: nothing to compare.
    Unstated,
}

impl Verdict {
    /// The word used in reports.
    #[must_use]
    pub fn name(&self) -> &'static str {
        match self {
            Self::Agree => "agree",
            Self::Filtered => "filtered",
            Self::Ambiguous => "ambiguous",
            Self::Disagree { .. } => "disagree",
            Self::Unstated => "unstated",
        }
    }
}

impl Block {
    /// A block to be written.
    #[must_use]
    pub fn new(head: Head) -> Self {
        Self { line: 0, time: None, peer: None, head, attributes: Vec::new() }
    }

    /// The block with one more attribute.
    #[must_use]
    pub fn with(mut self, name: &str, value: AttributeValue) -> Self {
        self.attributes.push(Attribute { name: name.to_owned(), value });
        self
    }

    /// The first attribute of that name (`ThisDN`, without the word `Attribute`).
    #[must_use]
    pub fn attribute(&self, name: &str) -> Option<&AttributeValue> {
        self.attributes.iter().find(|attribute| attribute.name == name).map(|attribute| &attribute.value)
    }

    /// The printed lists with the names of their attributes.
    pub fn lists(&self) -> impl Iterator<Item = (&str, &PrintedList)> {
        self.attributes.iter().filter_map(|attribute| match &attribute.value {
            AttributeValue::List(list) => Some((attribute.name.as_str(), list)),
            _ => None,
        })
    }
}

impl Head {
    /// What a T-Server prints of an event; `time` as `10:00:00.0010`.
    #[must_use]
    pub fn tserver_event(time: &str, name: &str) -> Self {
        let before = format!("@{time} [0] 8.1 send_to_client: message ");
        Self { kind: HeadKind::TserverEvent, name: name.to_owned(), before, behind: String::new() }
    }

    /// What a T-Server prints of a request.
    #[must_use]
    pub fn tserver_request(name: &str) -> Self {
        let before = "message ".to_owned();
        Self { kind: HeadKind::TserverRequest, name: name.to_owned(), before, behind: String::new() }
    }

    /// What OCS and URS print of an event; `from` as `65200(Switch)host:7007(fd=5)`.
    #[must_use]
    pub fn received(from: &str, name: &str) -> Self {
        let before = format!("received from {from} message ");
        Self { kind: HeadKind::OcsReceived, name: name.to_owned(), before, behind: String::new() }
    }

    /// What OCS and URS print of a request; `to` as `65200(TServer)`.
    #[must_use]
    pub fn sent(to: &str, name: &str) -> Self {
        let before = format!("request to {to} message ");
        Self { kind: HeadKind::OcsSent, name: name.to_owned(), before, behind: String::new() }
    }
}

impl AttributeValue {
    /// A list to be written; its length and first bytes are made while writing.
    #[must_use]
    pub fn list(tree: TkvList) -> Self {
        let verdict = Verdict::Unstated;
        Self::List(PrintedList { line: 0, length: None, head: Vec::new(), packed: None, tree, verdict })
    }
}

/// True for a value that the log filter replaced: a run of `*`.
#[must_use]
pub fn is_masked(text: &Text) -> bool {
    text.as_str().is_some_and(|text| !text.is_empty() && text.bytes().all(|byte| byte == b'*'))
}
