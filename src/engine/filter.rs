//! One filter language for tap, events and console: `type=CM_Ev* && campaign=101 && error!=0`.
//!
//! Terms are joined by `&&` and `||` (which binds less). A term is `key=value` or `key!=value`; a value may hold `*` for
//! any text. Keys that a thing does not have are unequal to everything.

use std::borrow::Cow;
use std::fmt;

/// A thing that can be filtered: it has named fields.
pub trait Filtered {
    /// Every spelling of a field, for instance the name and the number of a message type.
    fn field(&self, key: &str) -> Vec<Cow<'_, str>>;
}

/// A filter that was understood; empty lets everything pass.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Filter {
    any: Vec<Vec<Term>>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct Term {
    key: String,
    equal: bool,
    pattern: String,
}

/// A filter that cannot be understood.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("filter term '{term}' at column {column}: expected key=value or key!=value, with a key of {keys}", keys = KEYS.join(", "))]
pub struct FilterError {
    /// The term.
    pub term: String,
    /// Where it begins, from 1.
    pub column: usize,
}

/// Keys that a filter may name.
pub const KEYS: &[&str] = &[
    "type",
    "campaign",
    "group",
    "origin",
    "target",
    "error",
    "dn",
    "link",
    "direction",
    "event",
    "request",
    "kind",
    "outcome",
    "status",
    "ocs",
];

impl Filter {
    /// Reads a filter; blank text lets everything pass.
    ///
    /// # Errors
    /// [`FilterError`] names the term that is no `key=value`.
    pub fn parse(text: &str) -> Result<Self, FilterError> {
        Self::parse_with(text, &|key| KEYS.contains(&key))
    }

    /// The same for things that have other fields.
    ///
    /// # Errors
    /// As [`Filter::parse`].
    pub fn parse_with(text: &str, is_key: &dyn Fn(&str) -> bool) -> Result<Self, FilterError> {
        let mut any = Vec::new();
        if text.trim().is_empty() {
            return Ok(Self { any });
        }
        for alternative in text.split("||") {
            let mut all = Vec::new();
            for term in alternative.split("&&") {
                let column = 1 + text.char_indices().take_while(|(at, _)| *at < offset(text, term)).count();
                let wrong = || FilterError { term: term.trim().to_owned(), column };
                let (left, right) = term.split_once('=').ok_or_else(wrong)?;
                let (key, equal) = match left.strip_suffix('!') {
                    Some(key) => (key, false),
                    None => (left, true),
                };
                let (key, pattern) = (key.trim(), right.trim().trim_matches('"'));
                if !is_key(key) || pattern.is_empty() {
                    return Err(wrong());
                }
                all.push(Term { key: key.to_owned(), equal, pattern: pattern.to_owned() });
            }
            any.push(all);
        }
        Ok(Self { any })
    }

    /// Whether everything passes.
    #[must_use]
    pub fn is_open(&self) -> bool {
        self.any.is_empty()
    }

    /// Whether a thing passes.
    #[must_use]
    pub fn passes(&self, thing: &(impl Filtered + ?Sized)) -> bool {
        let holds = |term: &Term| {
            let found = thing.field(&term.key).iter().any(|value| matches(&term.pattern, value));
            found == term.equal
        };
        self.is_open() || self.any.iter().any(|all| all.iter().all(holds))
    }
}

impl Filter {
    /// Whether a comparison looks at this field.
    #[must_use]
    pub fn names(&self, key: &str) -> bool {
        self.any.iter().flatten().any(|term| term.key == key)
    }
}

impl fmt::Display for Filter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (n, all) in self.any.iter().enumerate() {
            f.write_str(if n == 0 { "" } else { " || " })?;
            for (n, term) in all.iter().enumerate() {
                f.write_str(if n == 0 { "" } else { " && " })?;
                write!(f, "{}{}{}", term.key, if term.equal { "=" } else { "!=" }, term.pattern)?;
            }
        }
        Ok(())
    }
}

/// Where a part of a text begins in it.
fn offset(text: &str, part: &str) -> usize {
    part.as_ptr().addr().saturating_sub(text.as_ptr().addr())
}

/// `*` stands for any text; ASCII case does not matter.
pub(crate) fn matches(pattern: &str, value: &str) -> bool {
    if !pattern.contains('*') {
        return pattern.eq_ignore_ascii_case(value);
    }
    let value = value.to_ascii_lowercase();
    let pattern = pattern.to_ascii_lowercase();
    let mut parts = pattern.split('*');
    let Some(mut rest) = parts.next().and_then(|head| value.strip_prefix(head)) else { return false };
    let mut parts: Vec<&str> = parts.collect();
    let Some(tail) = parts.pop() else { return rest.is_empty() };
    for part in parts {
        match rest.find(part) {
            Some(at) => rest = rest.get(at + part.len()..).unwrap_or_default(),
            None => return false,
        }
    }
    rest.ends_with(tail)
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Event;
    impl Filtered for Event {
        fn field(&self, key: &str) -> Vec<Cow<'_, str>> {
            match key {
                "type" => vec!["CM_EvError".into(), "27".into()],
                "campaign" => vec!["101".into()],
                "error" => vec!["4".into()],
                _ => Vec::new(),
            }
        }
    }

    fn passes(text: &str) -> bool {
        Filter::parse(text).unwrap().passes(&Event)
    }

    #[test]
    fn the_language_of_the_manual_is_understood() {
        assert!(passes("type=CM_Ev* && campaign=101 && error!=0"));
        assert!(passes(""));
        assert!(passes("type=27"));
        assert!(passes("campaign=9 || error=4"));
        assert!(!passes("campaign=9 || error=5"));
        assert!(!passes("type=CM_Req*"));
    }

    #[test]
    fn a_field_that_is_not_there_is_unequal_to_everything() {
        assert!(passes("group!=732"));
        assert!(!passes("group=732"));
    }

    #[test]
    fn stars_stand_anywhere() {
        assert!(passes("type=*Error"));
        assert!(passes("type=c*e*r"));
        assert!(!passes("type=c*x*r"));
        assert!(matches("*", ""));
        assert!(!matches("ab*ba", "aba"));
    }

    #[test]
    fn a_wrong_term_is_named_with_its_column() {
        let error = Filter::parse("type=CM_* && campaing=101").unwrap_err();
        assert_eq!((error.term.as_str(), error.column), ("campaing=101", 13));
        assert!(Filter::parse("type").is_err());
        assert!(Filter::parse("type= && error=1").is_err());
    }
}
