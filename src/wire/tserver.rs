//! The numbers of the session protocol: messages, attributes, error codes. Each table is written once, here.

use std::fmt;

/// Numbers that stay open: what the peer sends is kept, what the table knows has a name.
macro_rules! open_numbers {
    ($(#[$doc:meta])* $type:ident($int:ty) { $($constant:ident = $number:literal, $name:literal;)+ }) => {
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $type(pub $int);

        impl $type {
            $(#[doc = concat!(stringify!($number), ": ", $name)] pub const $constant: Self = Self($number);)+

            /// Every number of the table with its text.
            pub const NAMED: &[(Self, &str)] = &[$((Self($number), $name)),+];

            /// The text of the table.
            #[must_use]
            pub fn name(self) -> Option<&'static str> {
                match self.0 { $($number => Some($name),)+ _ => None }
            }
        }

        impl fmt::Display for $type {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                match self.name() {
                    Some(name) => f.write_str(name),
                    None => write!(f, "{}", self.0),
                }
            }
        }

        impl fmt::Debug for $type {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, "{} ({})", self.0, self.name().unwrap_or("not in the table"))
            }
        }
    };
}

open_numbers! {
    /// Number of a T-Server message (commdn.md 3.3; the numbers are public). Others are answered or ignored, never fatal.
    MessageId(u16) {
        REQUEST_REGISTER_CLIENT = 0, "RequestRegisterClient";
        REQUEST_REGISTER_ADDRESS = 3, "RequestRegisterAddress";
        REQUEST_UNREGISTER_ADDRESS = 4, "RequestUnregisterAddress";
        REQUEST_DISTRIBUTE_USER_EVENT = 48, "RequestDistributeUserEvent";
        EVENT_ERROR = 52, "EventError";
        EVENT_REGISTERED = 53, "EventRegistered";
        EVENT_UNREGISTERED = 54, "EventUnregistered";
        EVENT_SERVER_INFO = 93, "EventServerInfo";
        EVENT_LINK_DISCONNECTED = 94, "EventLinkDisconnected";
        EVENT_LINK_CONNECTED = 95, "EventLinkConnected";
        EVENT_USER_EVENT = 96, "EventUserEvent";
        EVENT_PRIMARY_CHANGED = 133, "EventPrimaryChanged";
        EVENT_ACK = 138, "EventACK";
        EVENT_DN_OUT_OF_SERVICE = 147, "EventDNOutOfService";
        EVENT_DN_BACK_IN_SERVICE = 148, "EventDNBackInService";
    }
}

open_numbers! {
    /// Code of EventError (commdn.md 3.4).
    ErrorCode(i32) {
        NOT_REGISTERED = 41, "client has not registered for the DN";
        UNKNOWN_ERROR = 50, "unknown error";
        UNSUPPORTED = 51, "unsupported operation";
        INTERNAL = 52, "internal error";
        INVALID_ATTRIBUTE = 53, "invalid attribute value";
        NO_SWITCH = 54, "no connection to the switch";
        WRONG_VERSION = 55, "incorrect protocol version";
        TIMEOUT = 57, "timeout";
        OUT_OF_SERVICE = 58, "out of service";
        DN_NOT_CONFIGURED = 59, "DN is not configured";
    }
}

/// How the value of an attribute is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AttributeType {
    /// Code 0: text in the dialect's charset.
    Str,
    /// Code 1: signed, 32 bit.
    I32,
    /// Code 2: any bytes.
    Binary,
    /// Code 3: unsigned, 32 bit.
    U32,
    /// Code 4: a packed TKVList.
    List,
}

impl AttributeType {
    /// The code on the wire.
    #[must_use]
    pub const fn code(self) -> u8 {
        match self {
            Self::Str => 0,
            Self::I32 => 1,
            Self::Binary => 2,
            Self::U32 => 3,
            Self::List => 4,
        }
    }

    /// The type of a code, `None` for codes that mean nothing yet.
    #[must_use]
    pub const fn from_code(code: u8) -> Option<Self> {
        Some(match code {
            0 => Self::Str,
            1 => Self::I32,
            2 => Self::Binary,
            3 => Self::U32,
            4 => Self::List,
            _ => return None,
        })
    }

    /// What people call it, for error texts.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Str => "string",
            Self::I32 => "i32",
            Self::Binary => "binary",
            Self::U32 => "u32",
            Self::List => "list",
        }
    }
}

/// The attribute table: number, name and type of each in one row.
macro_rules! attributes {
    ($($constant:ident = $number:literal, $name:literal, $kind:ident;)+) => {
        open_numbers! {
            /// Number of an attribute (commdn.md 3.2; the numbers are our own). Unknown ones are kept.
            AttributeNumber(u16) { $($constant = $number, $name;)+ }
        }

        impl AttributeNumber {
            /// The type that the table gives this attribute.
            #[must_use]
            pub fn kind(self) -> Option<AttributeType> {
                match self { $(Self::$constant => Some(AttributeType::$kind),)+ _ => None }
            }
        }
    };
}

attributes! {
    REFERENCE_ID = 1, "ReferenceID", U32;
    THIS_DN = 2, "ThisDN", Str;
    COMMUNICATION_DN = 3, "CommunicationDN", Str;
    USER_DATA = 4, "UserData", List;
    EXTENSIONS = 5, "Extensions", List;
    REASON = 6, "Reason", List;
    ERROR_CODE = 7, "ErrorCode", I32;
    ERROR_MESSAGE = 8, "ErrorMessage", Str;
    PROTOCOL_VERSION = 9, "ProtocolVersion", Str;
    APPLICATION_NAME = 10, "ApplicationName", Str;
    APPLICATION_PASSWORD = 11, "ApplicationPassword", Str;
    SERVER_VERSION = 12, "ServerVersion", Str;
    SERVER_ROLE = 13, "ServerRole", I32;
    ADDRESS_TYPE = 14, "AddressType", I32;
    REGISTER_MODE = 15, "RegisterMode", I32;
    TIME_IN_SECS = 17, "TimeinSecs", U32;
    TIME_IN_USECS = 18, "TimeinuSecs", U32;
    EVENT_SEQUENCE_NUMBER = 19, "EventSequenceNumber", U32;
    SESSION_ID = 20, "SessionID", Str;
}

/// The value of attribute ProtocolVersion that both ends speak.
pub const PROTOCOL_VERSION: &str = "commdn-1";
/// ReferenceID that means none.
pub const REFERENCE_NONE: u32 = u32::MAX;
/// AddressType of a DN; a CommDN is registered as one.
pub const ADDRESS_TYPE_DN: i32 = 1;
/// RegisterMode that shares the DN with others; the only one there is.
pub const REGISTER_MODE_SHARED: i32 = 0;

open_numbers! {
    /// Attribute ServerRole: which of a pair of T-Servers this one is.
    ServerRole(i32) {
        PRIMARY = 0, "primary";
        BACKUP = 1, "backup";
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_of_the_tables_ascend_so_that_none_is_doubled() {
        assert!(MessageId::NAMED.windows(2).all(|two| two[0].0 < two[1].0));
        assert!(AttributeNumber::NAMED.windows(2).all(|two| two[0].0 < two[1].0));
        assert!(ErrorCode::NAMED.windows(2).all(|two| two[0].0 < two[1].0));
        assert_eq!((MessageId::NAMED.len(), AttributeNumber::NAMED.len(), ErrorCode::NAMED.len()), (15, 19, 10));
    }

    #[test]
    fn numbers_outside_the_table_are_data() {
        assert_eq!(MessageId(77).to_string(), "77");
        assert_eq!(MessageId(96).to_string(), "EventUserEvent");
        assert_eq!((AttributeNumber(16).kind(), AttributeNumber(4).kind()), (None, Some(AttributeType::List)));
        assert!((0..=4).all(|code| AttributeType::from_code(code).map(AttributeType::code) == Some(code)));
    }
}
