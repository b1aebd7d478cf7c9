//! Pairs alone as text, and the trees of style commdn, which states the length of every list.

use crate::wire::{
    Dialect, TkvList, Value,
    limits::PAIRS_MAX,
    logtext::{
        Problem, ProblemKind, Style,
        line::{self, PairForm},
        nest::{Printed, build, by_indentation, by_stated_lengths, flat},
        reader::{Lines, inner_of},
    },
};

/// Reads pairs alone in style commdn. Lists state their length, or their children are indented deeper; empty lines and
/// lines that start with `#` are passed over.
///
/// # Errors
/// The first line that does not fit.
pub fn read_tree(input: &[u8], dialect: &Dialect) -> Result<TkvList, Problem> {
    let mut lines = Lines { rest: input, number: 1 };
    let mut pairs: Vec<Printed> = Vec::new();
    while let Some((raw, after)) = lines.peek() {
        let number = lines.number;
        lines = after;
        let fail = |kind| Problem { line: number, kind };
        let line = raw.strip_suffix(b"\r").unwrap_or(raw);
        let mut rest = inner_of(line);
        let indent = line.len().saturating_sub(rest.len());
        if rest.is_empty() || rest.starts_with(b"#") {
            continue;
        }
        let mut inline = false;
        while !rest.is_empty() {
            let pair = line::pair(rest, Style::Commdn, dialect).ok_or_else(|| fail(ProblemKind::NoForm))?;
            let (value, stated, behind) = match pair.form {
                PairForm::Value(value) => (value, None, &[][..]),
                PairForm::List(stated, behind) => (Value::List(TkvList::new()), stated, behind),
                PairForm::Quoted(_) => return Err(fail(ProblemKind::NoQuote)),
            };
            if pairs.len() >= PAIRS_MAX {
                return Err(fail(ProblemKind::Pairs));
            }
            pairs.push(Printed { key: pair.key, value, indent, inline, stated, line: number });
            (rest, inline) = (behind.trim_ascii(), true);
        }
    }
    stated_tree(pairs, dialect).map_err(|(_, problem)| problem)
}

/// The tree by the stated lengths of its lists, or by indentation when none states one; else flat, with the problem.
pub(super) fn stated_tree(pairs: Vec<Printed>, dialect: &Dialect) -> Result<TkvList, (TkvList, Problem)> {
    let last = pairs.last().map_or(0, |pair| pair.line);
    let size = |pair: &Printed| {
        let value = match &pair.value {
            Value::Str(text) => text.to_bytes(dialect.charset).map_or(0, |bytes| bytes.len()),
            Value::Int(_) | Value::List(_) => 4, // of a list: its prefix and its count
            Value::Binary(bytes) | Value::Opaque { bytes, .. } => bytes.len(),
            Value::Unicode(text) => text.encode_utf16().count().saturating_mul(2),
        };
        pair.key.len().saturating_add(value).saturating_add(5)
    };
    let depths = if pairs.iter().any(|pair| pair.stated.is_some()) {
        let sizes: Vec<usize> = pairs.iter().map(size).collect();
        by_stated_lengths(&pairs, &sizes)
    } else {
        by_indentation(&pairs, 1).map_or(if pairs.is_empty() { Ok(Vec::new()) } else { Err(last) }, Ok)
    };
    match depths {
        Ok(depths) => {
            build(pairs.clone(), &depths).ok_or_else(|| (flat(pairs), Problem { line: last, kind: ProblemKind::Depth }))
        }
        Err(line) => Err((flat(pairs), Problem { line, kind: ProblemKind::ListLength })),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<TkvList, Problem> {
        read_tree(text.as_bytes(), &Dialect::default())
    }

    #[test]
    fn a_tree_may_be_written_with_lengths_or_with_indentation() {
        let expected = TkvList::new().int("n", 5).list("p", TkvList::new().str("x", "hi")).str("z", "");
        let lengths = "# commdn-text 1\n'n'\t5\n'p'(list 10) \n'x'\t'hi'\n'z'\t''\n";
        assert_eq!(read(lengths), Ok(expected.clone()));
        assert_eq!(read("'n' 5\n\n'p'(list)\n  'x' 'hi'\n'z' ''\n"), Ok(expected.clone()));
        assert_eq!(read("'n' 5\n'p'(list) 'x' 'hi'\n'z' ''"), Ok(expected));
        assert_eq!(read(""), Ok(TkvList::new()));
    }

    #[test]
    fn the_line_that_does_not_fit_is_named() {
        let error = |text| read(text).unwrap_err().to_string();
        assert_eq!(error("'n' 5\nn 5\n"), "line 2: expected an attribute or a pair");
        assert_eq!(error("'p'(list 11) \n'x'\t'hi'\n"), "line 2: the stated length of a list does not fit its pairs");
        assert_eq!(error("'p'(list 9) \n'x'\t'hi'\n"), "line 2: the stated length of a list does not fit its pairs");
        assert_eq!(error("'n' 4294967296\n"), "line 1: expected an attribute or a pair");
        let deep = format!("{}'x' 1\n", "'p'(list) ".repeat(16));
        assert_eq!(error(&deep), "line 1: more than 16 lists in each other");
        let pairs = "'n' 1\n".repeat(PAIRS_MAX + 1);
        assert_eq!(error(&pairs), "line 4097: more than 4096 pairs in one list");
    }
}
