//! The one home of stand-ins for people: what tap, explain and error bodies show instead of a phone or customer id.

use std::borrow::Cow;
use std::ops::Range;
use std::path::Path;

use sha2::{Digest, Sha256};

use crate::engine::conversation::Veil;
use crate::wire::Charset;
use crate::wire::Text;

/// Rounds of the permutation; from eight on its halves are mixed as well as they will be.
const ROUNDS: u8 = 10;
/// From this many digits on a number may be a phone.
const PHONE_DIGITS_MIN: usize = 7;

/// Makes stand-ins under one key: digits stay digits, letters letters, the rest stays as it is. Two people never get the
/// same stand-in and one person always gets the same, so that what was recorded under one key replays.
#[derive(Clone)]
pub struct Pseudonyms {
    key: [u8; 32],
}

impl std::fmt::Debug for Pseudonyms {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Pseudonyms(hidden)")
    }
}

/// One place of a text that changes: its letter is `base` and `value`, of which there are `radix`.
#[derive(Clone, Copy)]
struct Symbol {
    base: u32,
    radix: u32,
    value: u32,
}

impl Symbol {
    /// `None` for what stays as it is. Letters beyond ASCII become others that are as long in UTF-8.
    fn of(letter: char) -> Option<Self> {
        let (base, radix) = match letter {
            '0'..='9' => ('0'.into(), 10),
            'a'..='z' => ('a'.into(), 26),
            'A'..='Z' => ('A'.into(), 26),
            '\0'..='\u{7f}' => return None,
            '\u{80}'..='\u{7ff}' => (0x100, 128),
            '\u{800}'..='\u{ffff}' => (0x4e00, 20_480),
            '\u{10000}'.. => (0x2_0000, 40_960),
        };
        let code = u32::from(letter);
        let value = if letter.is_ascii() { code - base } else { code % radix };
        Some(Self { base, radix, value })
    }

    /// A byte that is no part of a text.
    fn of_byte(byte: u8) -> Option<Self> {
        if byte.is_ascii() {
            return Self::of(char::from(byte));
        }
        Some(Self { base: 0x80, radix: 0x80, value: u32::from(byte & 0x7f) })
    }

    fn code(self) -> u32 {
        self.base + self.value
    }
}

impl Pseudonyms {
    /// A key that nobody has: stable as long as the process runs.
    ///
    /// # Errors
    /// The system gives no randomness.
    pub fn random() -> Result<Self, getrandom::Error> {
        let mut key = [0; 32];
        getrandom::fill(&mut key)?;
        Ok(Self { key })
    }

    /// The key that these bytes make.
    #[must_use]
    pub fn of_key(bytes: &[u8]) -> Self {
        Self { key: Sha256::digest(bytes).into() }
    }

    /// The key in a file, so that stand-ins are the same in every run.
    ///
    /// # Errors
    /// The file cannot be read, or holds fewer than 16 bytes.
    pub fn of_file(path: &Path) -> std::io::Result<Self> {
        let bytes = std::fs::read(path)?;
        if bytes.len() < 16 {
            let text = format!("expected a key of at least 16 bytes, found {}", bytes.len());
            return Err(std::io::Error::other(text));
        }
        Ok(Self::of_key(&bytes))
    }

    /// The stand-in for a phone or customer id.
    #[must_use]
    pub fn person(&self, text: &str) -> String {
        let mut symbols: Vec<Symbol> = text.chars().filter_map(Symbol::of).collect();
        self.permute(&mut symbols);
        let mut changed = symbols.into_iter().map(Symbol::code);
        let stand_in = |letter| match Symbol::of(letter) {
            Some(_) => changed.next().and_then(char::from_u32).unwrap_or('?'),
            None => letter,
        };
        text.chars().map(stand_in).collect()
    }

    /// Words with stand-ins for every number in them that may be a phone.
    #[must_use]
    pub fn words(&self, text: &str) -> String {
        replaced(text, |number| self.person(number)).into_owned()
    }

    fn person_bytes(&self, bytes: &[u8]) -> Vec<u8> {
        let mut symbols: Vec<Symbol> = bytes.iter().copied().filter_map(Symbol::of_byte).collect();
        self.permute(&mut symbols);
        let mut changed = symbols.into_iter().filter_map(|symbol| u8::try_from(symbol.code()).ok());
        let stand_in = |byte| Symbol::of_byte(byte).and_then(|_| changed.next()).unwrap_or(byte);
        bytes.iter().copied().map(stand_in).collect()
    }

    /// A Feistel network: each half is moved by what the other half and the key say, in turn. Whatever a round adds can
    /// be taken away again, so no two texts meet.
    fn permute(&self, symbols: &mut [Symbol]) {
        let middle = symbols.len() / 2;
        for round in 0..ROUNDS {
            let (left, right) = symbols.split_at_mut(middle);
            if round % 2 == 0 { self.mix(round, left, right) } else { self.mix(round, right, left) }
        }
    }

    /// The key is of one length and stands first, and what comes out is never shown whole: a plain hash will do.
    fn mix(&self, round: u8, from: &[Symbol], into: &mut [Symbol]) {
        for (block, symbols) in (0_u32..).zip(into.chunks_mut(8)) {
            let mut hash = Sha256::new_with_prefix(self.key);
            hash.update([round]);
            hash.update(block.to_be_bytes());
            for symbol in from {
                hash.update(symbol.radix.to_be_bytes());
                hash.update(symbol.value.to_be_bytes());
            }
            let words = hash.finalize();
            for (symbol, word) in symbols.iter_mut().zip(words.as_chunks::<4>().0) {
                symbol.value = (symbol.value + u32::from_be_bytes(*word) % symbol.radix) % symbol.radix;
            }
        }
    }
}

impl Veil for Pseudonyms {
    fn person(&self, text: &Text) -> Text {
        match text.as_str() {
            Some(text) => Text::from(Pseudonyms::person(self, text)),
            None => {
                let bytes = text.to_bytes(Charset::Utf8).unwrap_or_default();
                Text::from_bytes(&self.person_bytes(&bytes), Charset::Utf8)
            }
        }
    }

    fn words(&self, text: &Text) -> Text {
        Text::from(Pseudonyms::words(self, &text.display()))
    }
}

/// Words without the numbers in them that may be a phone. What a caller wrote in the wrong place is told back to him, and
/// error bodies end up in logs.
#[must_use]
pub fn without_numbers(text: &str) -> Cow<'_, str> {
    replaced(text, |_| "***".to_owned())
}

fn replaced(text: &str, stand_in: impl Fn(&str) -> String) -> Cow<'_, str> {
    let runs = numbers(text);
    if runs.is_empty() {
        return Cow::Borrowed(text);
    }
    let (mut shown, mut at) = (String::with_capacity(text.len()), 0);
    for run in runs {
        shown.push_str(&text[at..run.start]);
        shown.push_str(&stand_in(&text[run.clone()]));
        at = run.end;
    }
    shown.push_str(&text[at..]);
    Cow::Owned(shown)
}

/// Where numbers stand that may be a phone: seven digits or more; behind a `+` with one separator between them. Request
/// ids are left alone.
fn numbers(text: &str) -> Vec<Range<usize>> {
    let bytes = text.as_bytes();
    let is_digit = |at: usize| bytes.get(at).is_some_and(u8::is_ascii_digit);
    let (mut found, mut at) = (Vec::new(), 0);
    while at < bytes.len() {
        let plus = bytes[at] == b'+';
        let start = at + usize::from(plus);
        if !is_digit(start) {
            at += 1;
            continue;
        }
        let (mut end, mut digits) = (start, 0);
        loop {
            if is_digit(end) {
                (end, digits) = (end + 1, digits + 1);
            } else if plus && bytes.get(end).is_some_and(|byte| b" -./()".contains(byte)) && is_digit(end + 1) {
                end += 1;
            } else {
                break;
            }
        }
        if digits >= PHONE_DIGITS_MIN && !in_request_id(bytes, start) {
            found.push(start..end);
        }
        at = end;
    }
    found
}

/// `r` and 16 hexadecimal digits.
fn in_request_id(bytes: &[u8], at: usize) -> bool {
    let word = |byte: &u8| byte.is_ascii_alphanumeric();
    let start = bytes[..at].iter().rposition(|byte| !word(byte)).map_or(0, |before| before + 1);
    let end = bytes[at..].iter().position(|byte| !word(byte)).map_or(bytes.len(), |behind| at + behind);
    match &bytes[start..end] {
        [b'r' | b'h', digits @ ..] => digits.len() == 16 && digits.iter().all(u8::is_ascii_hexdigit),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn a_stand_in_has_the_shape_of_the_person() {
        let pseudonyms = Pseudonyms::of_key(b"a key of this test");
        for person in ["+420 777-888-777", "5551234", "C-4711x", "", "+", "7", "Zoë 早 🙂", "0"] {
            let stand_in = pseudonyms.person(person);
            assert_eq!(stand_in, pseudonyms.person(person), "{person}");
            assert_eq!((stand_in.len(), stand_in.chars().count()), (person.len(), person.chars().count()), "{person}");
            for (letter, other) in person.chars().zip(stand_in.chars()) {
                assert_eq!(letter.is_ascii_digit(), other.is_ascii_digit(), "{person} {stand_in}");
                assert_eq!(letter.is_ascii_uppercase(), other.is_ascii_uppercase(), "{person} {stand_in}");
                assert!(letter.is_alphanumeric() || !letter.is_ascii() || letter == other, "{person} {stand_in}");
            }
        }
        assert_ne!(pseudonyms.person("+420777888777"), "+420777888777");
    }

    #[test]
    fn two_people_never_share_a_stand_in() {
        let pseudonyms = Pseudonyms::of_key(b"another key of this test");
        let all: BTreeSet<String> = (0..10_000).map(|number| pseudonyms.person(&format!("{number:04}"))).collect();
        assert_eq!(all.len(), 10_000);
        let same = (0..10_000).filter(|number| pseudonyms.person(&format!("{number:04}")) == format!("{number:04}"));
        assert!(same.count() < 10, "a permutation leaves about one where it is");
        let odd: BTreeSet<String> = (0..1_000).map(|number| pseudonyms.person(&format!("{number:03}"))).collect();
        assert_eq!(odd.len(), 1_000);
    }

    #[test]
    fn another_key_makes_other_stand_ins() {
        let (one, other) = (Pseudonyms::random().unwrap(), Pseudonyms::random().unwrap());
        assert_ne!(one.person("420777888777420777888777"), other.person("420777888777420777888777"));
        assert_eq!(format!("{one:?}"), "Pseudonyms(hidden)");
    }

    #[test]
    fn bytes_that_are_no_text_are_veiled_too() {
        let pseudonyms = Pseudonyms::of_key(b"bytes that are no text");
        let text = Text::from_bytes(&[b'+', 0xff, b'4', b'2', 0xfe], Charset::Utf8);
        let veiled = Veil::person(&pseudonyms, &text);
        let bytes = veiled.to_bytes(Charset::Utf8).unwrap().into_owned();
        assert_eq!(bytes.len(), 5);
        assert!(bytes[0] == b'+' && bytes[2].is_ascii_digit() && bytes[1] >= 0x80, "{bytes:?}");
    }

    #[test]
    fn numbers_in_words_are_found_and_little_else() {
        for (text, wanted) in [
            ("no such group '5551234'", "no such group '***'"),
            ("there is nothing at /v1/dnc/+420777888777", "there is nothing at /v1/dnc/+***"),
            ("+420 777-888.777, please", "+***, please"),
            ("C12345678x", "C***x"),
            ("request r0190000000b2f000 of h0190000000b2f000", "request r0190000000b2f000 of h0190000000b2f000"),
            ("limit 65536 at line 1 column 123456", "limit 65536 at line 1 column 123456"),
            ("2026-12-01T16:00:00Z", "2026-12-01T16:00:00Z"),
            ("Zoë 1234567", "Zoë ***"),
            ("+1", "+1"),
        ] {
            assert_eq!(without_numbers(text), wanted);
        }
        let pseudonyms = Pseudonyms::of_key(b"numbers in words");
        let alone = pseudonyms.person("777888777");
        assert_eq!(pseudonyms.words("no record of 777888777"), format!("no record of {alone}"));
    }

    #[test]
    fn a_key_file_must_hold_a_key() {
        let file = tempfile::NamedTempFile::new().unwrap();
        assert!(Pseudonyms::of_file(file.path()).is_err());
        std::fs::write(file.path(), "sixteen bytes or more").unwrap();
        let (one, other) = (Pseudonyms::of_file(file.path()).unwrap(), Pseudonyms::of_file(file.path()).unwrap());
        assert_eq!(one.person("5551234"), other.person("5551234"));
    }
}
