//! What requests are about (correlation specification, section 1).

use crate::message::ChainAttr;
use crate::message::ChainScope;
use crate::message::CustomerId;
use crate::message::DoNotCall;
use crate::message::Message;
use crate::message::Pair;
use crate::message::Phone;
use crate::message::RequestKind;
use crate::wire::Text;

/// What a request is about; with the OCS it names a lane. Personal values are the bytes sent, never normalised.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Subject {
    /// Campaign control; campaign 0 is the sequence of the group.
    Pair(Pair),
    /// Do-not-call.
    Person {
        /// `GSW_PHONE`.
        phone: Option<Phone>,
        /// `GSW_CUSTOMER_ID`.
        customer: Option<CustomerId>,
        /// `GSW_CHAIN_ATTR`, absent = `AllChain`.
        scope: Scope,
    },
    /// Cancel record.
    Cancel(Option<Phone>),
}

/// `GSW_CHAIN_ATTR` with its default filled in, as a key.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Scope(Text);

impl Scope {
    pub(super) fn of(chain: Option<&ChainAttr>) -> Self {
        Self(chain.unwrap_or(&ChainAttr::Known(ChainScope::AllChain)).to_text())
    }
}

impl Subject {
    /// The subject of a request; `None` for anything else.
    #[must_use]
    pub fn of(body: &Message) -> Option<Self> {
        let kind = body.request_kind()?;
        match kind {
            RequestKind::DoNotCall => body.do_not_call().map(Self::of_entry),
            RequestKind::CancelRecord => body.cancel_record().map(|cancel| Self::Cancel(cancel.phone.clone())),
            _ => body.pair().map(Self::Pair),
        }
    }

    /// The subject of a do-not-call entry or of its echo.
    #[must_use]
    pub fn of_entry(entry: &DoNotCall) -> Self {
        Self::Person {
            phone: entry.phone.clone(),
            customer: entry.customer_id.clone(),
            scope: Scope::of(entry.scope.as_ref()),
        }
    }

    /// The pair, for campaign control.
    #[must_use]
    pub fn pair(&self) -> Option<Pair> {
        match self {
            Self::Pair(pair) => Some(*pair),
            Self::Person { .. } | Self::Cancel(_) => None,
        }
    }
}
