//! Lines of words, as topology and conversation files have them: blanks between, double quotes around, `#` behind.

/// Why a line is no list of words.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum WordError {
    /// A quote without its end.
    #[error("expected a closing quote, found the end of the line")]
    Open,
    /// A backslash before something else.
    #[error("expected \\\\, \\\", \\n, \\r, \\t or \\u{{HEX}} behind a backslash, found '{0}'")]
    Escape(String),
}

/// Splits a line at blanks outside quotes; a `#` at the start of a word begins a comment.
///
/// # Errors
/// [`WordError::Open`].
pub fn split(line: &str) -> Result<Vec<&str>, WordError> {
    let mut words = Vec::new();
    let mut rest = line.trim_start();
    while !rest.is_empty() && !rest.starts_with('#') {
        let end = word_end(rest)?;
        let (word, behind) = rest.split_at(end);
        words.push(word);
        rest = behind.trim_start();
    }
    Ok(words)
}

fn word_end(rest: &str) -> Result<usize, WordError> {
    let (mut quoted, mut escaped) = (false, false);
    for (at, c) in rest.char_indices() {
        match c {
            _ if escaped => escaped = false,
            '\\' if quoted => escaped = true,
            '"' => quoted = !quoted,
            c if c.is_whitespace() && !quoted => return Ok(at),
            _ => {}
        }
    }
    if quoted { Err(WordError::Open) } else { Ok(rest.len()) }
}

/// The text of a word: as it is, or without its quotes and escapes.
///
/// # Errors
/// [`WordError`].
pub fn unquote(word: &str) -> Result<String, WordError> {
    let Some(inner) = word.strip_prefix('"') else { return Ok(word.to_owned()) };
    let inner = inner.strip_suffix('"').ok_or(WordError::Open)?;
    let mut text = String::with_capacity(inner.len());
    let mut chars = inner.chars();
    while let Some(c) = chars.next() {
        if c != '\\' {
            text.push(c);
            continue;
        }
        let unknown = |found: String| WordError::Escape(found);
        match chars.next() {
            Some('\\') => text.push('\\'),
            Some('"') => text.push('"'),
            Some('n') => text.push('\n'),
            Some('r') => text.push('\r'),
            Some('t') => text.push('\t'),
            Some('u') => {
                let code: String = chars.by_ref().take_while(|c| *c != '}').collect();
                let number = code.strip_prefix('{').and_then(|hex| u32::from_str_radix(hex, 16).ok());
                text.push(number.and_then(char::from_u32).ok_or_else(|| unknown(format!("u{code}")))?);
            }
            other => return Err(unknown(other.map(String::from).unwrap_or_default())),
        }
    }
    Ok(text)
}

/// A word for a text: bare when it may be, else quoted.
#[must_use]
pub fn quote(text: &str) -> String {
    let bare = |c: char| c.is_alphanumeric() || "_+-.*@:/".contains(c);
    if !text.is_empty() && text.chars().all(bare) {
        return text.to_owned();
    }
    let mut word = String::with_capacity(text.len() + 2);
    word.push('"');
    for c in text.chars() {
        match c {
            '\\' => word.push_str("\\\\"),
            '"' => word.push_str("\\\""),
            '\n' => word.push_str("\\n"),
            '\r' => word.push_str("\\r"),
            '\t' => word.push_str("\\t"),
            c if c.is_control() || (c.is_whitespace() && c != ' ') => {
                word.push_str(&format!("\\u{{{:x}}}", u32::from(c)));
            }
            c => word.push(c),
        }
    }
    word.push('"');
    word
}

/// The candidate that a mistyped word most likely means, `None` when none is near.
#[must_use]
pub fn nearest<'a>(word: &str, candidates: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let with_distance = candidates.into_iter().map(|candidate| (distance(word, candidate), candidate));
    let limit = word.chars().count() / 3 + 1;
    with_distance.filter(|(distance, _)| *distance <= limit).min_by_key(|(distance, _)| *distance).map(|(_, it)| it)
}

/// Letters to change, add or leave out, without regard to case.
fn distance(a: &str, b: &str) -> usize {
    let (a, b) = (a.to_lowercase(), b.to_lowercase());
    let mut row: Vec<usize> = (0..=b.chars().count()).collect();
    for (i, x) in a.chars().enumerate() {
        let mut diagonal = row[0];
        row[0] = i + 1;
        for (j, y) in b.chars().enumerate() {
            let change = diagonal + usize::from(x != y);
            diagonal = row[j + 1];
            row[j + 1] = change.min(diagonal + 1).min(row[j] + 1);
        }
    }
    row.last().copied().unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn words_quotes_and_comments_are_told_apart() {
        assert_eq!(split("a  b=\"c d\" e#f # g").unwrap(), ["a", "b=\"c d\"", "e#f"]);
        assert_eq!(split("# all").unwrap(), Vec::<&str>::new());
        assert_eq!(split("a \"b"), Err(WordError::Open));
        assert_eq!(unquote("\"a\\qb\""), Err(WordError::Escape("q".to_owned())));
    }

    #[test]
    fn the_nearest_word_is_found() {
        assert_eq!(nearest("statsu", ["goal", "status", "group"]), Some("status"));
        assert_eq!(nearest("Renewal", ["Winback", "Renewals"]), Some("Renewals"));
        assert_eq!(nearest("zebra", ["goal", "status"]), None);
    }

    proptest! {
        #[test]
        fn a_quoted_text_is_one_word_and_reads_back(text in any::<String>()) {
            let word = quote(&text);
            prop_assert_eq!(split(&word).unwrap(), vec![word.as_str()]);
            prop_assert_eq!(unquote(&word).unwrap(), text);
        }
    }
}
