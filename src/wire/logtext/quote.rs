//! Quoted text and hex digits.

use crate::wire::{Charset, Text};

/// Where the text behind an opening quote ends on its line.
pub(super) enum Closing<'a> {
    /// At the last quote, with nothing but blanks behind it.
    Closed(&'a [u8]),
    /// Nowhere; with the text up to the last quote of the line, if there is one.
    Open(Option<&'a [u8]>),
}

/// Looks for the closing quote in vendor style: the last one of the line.
pub(super) fn close(text: &[u8]) -> Closing<'_> {
    let before = text.iter().rposition(|byte| *byte == b'\'').and_then(|end| text.split_at_checked(end));
    match before {
        Some((inner, behind)) if behind.get(1..).unwrap_or_default().trim_ascii().is_empty() => Closing::Closed(inner),
        Some((inner, _)) => Closing::Open(Some(inner)),
        None => Closing::Open(None),
    }
}

/// A text of style commdn with its escapes resolved.
pub(super) struct Unescaped {
    pub(super) bytes: Vec<u8>,
    /// An escape made a byte beyond ASCII, so the bytes are those that travel.
    raw: bool,
}

impl Unescaped {
    pub(super) fn text(self, charset: Charset) -> Text {
        if self.raw {
            return Text::from_bytes(&self.bytes, charset);
        }
        match String::from_utf8(self.bytes) {
            Ok(text) => Text::from(text),
            Err(other) => Text::from_bytes(other.as_bytes(), charset),
        }
    }
}

/// Text up to the first quote that is not escaped, and what follows that quote.
pub(super) fn quoted(input: &[u8]) -> Option<(Unescaped, &[u8])> {
    let mut text = Unescaped { bytes: Vec::new(), raw: false };
    let mut rest = input;
    loop {
        let (byte, behind) = rest.split_first()?;
        rest = behind;
        match byte {
            b'\'' => return Some((text, rest)),
            b'\\' => {
                let (escape, behind) = rest.split_first()?;
                rest = behind;
                text.bytes.push(match escape {
                    b'\\' | b'\'' => *escape,
                    b'n' => b'\n',
                    b'r' => b'\r',
                    b't' => b'\t',
                    b'x' => {
                        let (digits, behind) = rest.split_at_checked(2)?;
                        rest = behind;
                        let byte = *hex(digits)?.first()?;
                        text.raw |= !byte.is_ascii();
                        byte
                    }
                    _ => return None,
                });
            }
            other => text.bytes.push(*other),
        }
    }
}

/// Hex digits, in pairs, with or without blanks between the pairs.
pub(super) fn hex(digits: &[u8]) -> Option<Vec<u8>> {
    let mut bytes = Vec::new();
    for group in digits.split(|byte| *byte == b' ') {
        let (pairs, odd) = group.as_chunks::<2>();
        if !odd.is_empty() {
            return None;
        }
        for [high, low] in pairs {
            let (high, low) = (char::from(*high).to_digit(16)?, char::from(*low).to_digit(16)?);
            bytes.push(u8::try_from(high.checked_mul(16)?.checked_add(low)?).ok()?);
        }
    }
    Some(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn escapes_read_back() {
        let (text, rest) = quoted(br"a\\\'\n\r\t\x00' tail").unwrap();
        assert_eq!((text.bytes.as_slice(), rest), (&b"a\\'\n\r\t\0"[..], &b" tail"[..]));
        assert!(quoted(br"a\q'").is_none());
        assert!(quoted(b"a").is_none());
    }
}
