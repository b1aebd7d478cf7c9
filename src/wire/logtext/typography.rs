//! What web pages do to a print: typographic quotes, wide blanks.

use std::borrow::Cow;

/// Quotes and blanks as a web page shows them, and what they were.
const TYPOGRAPHY: &[(&str, u8)] = &[
    ("\u{2018}", b'\''),
    ("\u{2019}", b'\''),
    ("\u{201a}", b'\''),
    ("\u{201b}", b'\''),
    ("\u{2032}", b'\''),
    ("\u{00b4}", b'\''),
    ("\u{201c}", b'"'),
    ("\u{201d}", b'"'),
    ("\u{00a0}", b' '),
    ("\u{2002}", b' '),
    ("\u{2003}", b' '),
    ("\u{2009}", b' '),
    ("\u{202f}", b' '),
];

/// The line as it was printed, as far as that can be told.
pub(super) fn straighten(line: &[u8]) -> Cow<'_, [u8]> {
    if line.is_ascii() {
        return Cow::Borrowed(line);
    }
    let mut straight = Vec::with_capacity(line.len());
    let mut rest = line;
    while let Some((byte, after)) = rest.split_first() {
        let mapped = TYPOGRAPHY.iter().find_map(|(shown, was)| Some((rest.strip_prefix(shown.as_bytes())?, *was)));
        let (behind, byte) = mapped.unwrap_or((after, *byte));
        straight.push(byte);
        rest = behind;
    }
    Cow::Owned(straight)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quotes_and_blanks_are_mapped_back_and_other_text_stays() {
        let copied = "\u{a0}\u{2018}k\u{2019}\u{2003}\u{2032}Zo\u{eb}\u{2019}";
        assert_eq!(*straighten(copied.as_bytes()), *" 'k' 'Zo\u{eb}'".as_bytes());
        assert!(matches!(straighten(b"'k'\t5"), Cow::Borrowed(_)));
        assert_eq!(*straighten(b"\xe2\x80"), b"\xe2\x80"[..]);
    }
}
