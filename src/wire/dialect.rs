//! The dialect seam: everything that a capture of real bytes could change, in one small value.

use std::{fmt, str::FromStr};

use crate::wire::Charset;

/// What README, `--help`, `version` and the API say about compatibility.
pub const CLAIM: &str = "T-Server-style and semantically compatible with the CommDN API, tested against its own \
    simulator and published material; not byte-compatible with the TCP framing of a Genesys T-Server, which is not \
    public. The dialect is where that can be changed.";

/// How the bytes of lists, ints and strings are laid out. Codec and link take it; no other room looks inside.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Dialect {
    /// What stands between the key of a nested list and its pairs.
    pub list_prefix: ListPrefix,
    /// Byte order of the value of an int pair.
    pub int_order: IntOrder,
    /// Charset of strings.
    pub charset: Charset,
    /// Frames on the TCP stream.
    pub framing: Framing,
}

/// The three public-log-compatible readings of the 4 bytes before a nested list (all of one size).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ListPrefix {
    /// `u32be n`, then the list of n bytes.
    #[default]
    Len32,
    /// `u16be n+2`, `u16be n`, then the list of n bytes.
    Len16Inner16,
    /// `u16be n+2`, then the list with its count as `u32be`.
    Len16Count32,
}

/// Byte order of an int's four value bytes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum IntOrder {
    /// Most significant byte first.
    #[default]
    Big,
    /// Least significant byte first.
    Little,
}

/// The framing of the stream. Assumed: the vendor's framing is not public, so this is our own.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Framing {
    /// Length, kind, body.
    #[default]
    Commdn1,
}

/// How a reader treats what the tables do not foresee.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Reading {
    /// Keep what can be kept, warn.
    #[default]
    Tolerant,
    /// Refuse it.
    Strict,
}

/// A dialect word that is not in the table.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("unknown {field} '{found}', expected one of {wanted}")]
pub struct UnknownName {
    /// Which setting.
    pub field: &'static str,
    /// What was given.
    pub found: String,
    /// What is allowed, separated by commas.
    pub wanted: String,
}

/// Gives a closed enumeration its names once, for reading and printing.
macro_rules! named {
    ($type:ident, $field:literal, $($name:literal => $variant:ident),+ $(,)?) => {
        impl $type {
            /// Every value with its name, in the order of the specification.
            pub const NAMED: &[(&str, $type)] = &[$(($name, $type::$variant)),+];

            /// The name used in settings.
            #[must_use]
            pub fn name(self) -> &'static str {
                match self { $($type::$variant => $name),+ }
            }
        }
        impl fmt::Display for $type {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(self.name())
            }
        }
        impl FromStr for $type {
            type Err = UnknownName;
            fn from_str(text: &str) -> Result<Self, UnknownName> {
                Self::NAMED.iter().find(|(name, _)| *name == text).map(|(_, value)| *value).ok_or_else(|| {
                    let wanted = Self::NAMED.iter().map(|(name, _)| *name).collect::<Vec<_>>().join(", ");
                    UnknownName { field: $field, found: text.to_owned(), wanted }
                })
            }
        }
    };
}

named!(ListPrefix, "list_prefix", "len32" => Len32, "len16_inner16" => Len16Inner16, "len16_count32" => Len16Count32);
named!(IntOrder, "int_order", "big" => Big, "little" => Little);
named!(Framing, "framing", "commdn-1" => Commdn1);
named!(Reading, "reading", "tolerant" => Tolerant, "strict" => Strict);
named!(
    Charset, "charset", "utf-8" => Utf8, "iso-8859-1" => Iso8859_1, "windows-1252" => Windows1252,
    "windows-1251" => Windows1251, "shift_jis" => ShiftJis, "euc-kr" => EucKr, "gbk" => Gbk
);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_name_reads_back() {
        for (name, charset) in Charset::NAMED {
            assert_eq!(name.parse(), Ok(*charset));
            assert_eq!(charset.to_string(), *name);
        }
        assert_eq!("len16_count32".parse(), Ok(ListPrefix::Len16Count32));
    }

    #[test]
    fn an_unknown_name_lists_what_is_allowed() {
        let error = "middle".parse::<IntOrder>().unwrap_err();
        assert_eq!(error.to_string(), "unknown int_order 'middle', expected one of big, little");
    }
}
