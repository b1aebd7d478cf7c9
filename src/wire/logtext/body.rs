//! The lines of one block: attributes, pairs, and what OCS prints of its own clients.

use crate::wire::{
    Text, TkvList, Value,
    limits::{ATTRIBUTES_MAX, PAIRS_MAX, TEXT_LINE_BYTES_MAX},
    logtext::{
        Attribute, AttributeValue, PrintedList, ProblemKind, Reader, Style, Verdict,
        check::{judge, unstated},
        line::{self, AttributeLine, PairForm, shown},
        nest::Printed,
        reader::inner_of,
        tree::stated_tree,
    },
};

/// A block while it is read.
pub(super) struct Open {
    pub(super) comm: bool,
    /// Its head ended with a carriage return, so the others do too.
    pub(super) returns: bool,
    pub(super) attributes: Vec<Attribute>,
    pub(super) list: Option<OpenList>,
}

pub(super) struct OpenList {
    name: String,
    line: usize,
    length: Option<usize>,
    head: Vec<u8>,
    pairs: Vec<Printed>,
    /// Blanks before its attribute.
    indent: usize,
}

impl Reader<'_> {
    /// Reads the lines behind a head up to the end of the block.
    pub(super) fn body(&mut self, open: &mut Open) {
        while let Some((raw, after)) = self.lines.peek() {
            let number = self.lines.number;
            if raw.len() > TEXT_LINE_BYTES_MAX {
                self.lines = after;
                self.problem(number, ProblemKind::LineTooLong(raw.len()));
                continue;
            }
            let line = self.clean(raw, true);
            let inner = line.trim_ascii_start();
            if inner.is_empty() {
                self.lines = after;
                return;
            }
            if line::head(&line, true).is_some() || line::time_of(&line).is_some() {
                return;
            }
            if inner.starts_with(b"..sent to") {
                self.lines = after;
                return;
            }
            let text = self.clean(raw, open.returns);
            let margin = text.len().saturating_sub(inner_of(&text).len());
            if margin == 0 && !self.lenient {
                return;
            }
            let before = std::mem::replace(&mut self.lines, after);
            if let Some((name, value)) = line::attribute(&text, self.dialect.charset) {
                let name = shown(name, self.dialect.charset);
                self.attribute(open, number, margin, name, value);
            } else if inner.starts_with(b"'") && self.pair(open, number, margin, inner_of(&text)) {
                // read
            } else if margin == 0 {
                self.lines = before;
                return;
            } else if let Some((key, value)) = line::comm_line(&line).filter(|_| open.comm) {
                self.comm_pair(open, number, key, value);
            } else {
                self.problem(number, ProblemKind::NoForm);
            }
        }
    }

    fn attribute(&mut self, open: &mut Open, line: usize, indent: usize, name: String, value: AttributeLine<'_>) {
        self.finish_list(open);
        if open.attributes.len() >= ATTRIBUTES_MAX {
            return self.problem(line, ProblemKind::Attributes);
        }
        let value = match value {
            AttributeLine::Value(value) => value,
            AttributeLine::Quoted(text) => AttributeValue::Text(self.text(line, text, open.returns)),
            AttributeLine::List(length, head) => {
                let length = Some(length);
                open.list = Some(OpenList { name, line, length, head, pairs: Vec::new(), indent });
                return;
            }
        };
        open.attributes.push(Attribute { name, value });
    }

    /// Reads a pair and those behind it on the same line; false when the line is none.
    fn pair(&mut self, open: &mut Open, number: usize, indent: usize, line: &[u8]) -> bool {
        let (mut rest, mut inline) = (line, false);
        // Quoted pairs stand below the unquoted key of their list, with whatever blanks.
        let indent = if open.comm { indent.max(1) } else { indent };
        while let Some(pair) = line::pair(rest, self.style, &self.dialect) {
            let (value, stated, behind) = match pair.form {
                PairForm::Value(value) => (value, None, &[][..]),
                PairForm::Quoted(text) => (Value::Str(self.text(number, text, open.returns)), None, &[][..]),
                PairForm::List(stated, behind) => (Value::List(TkvList::new()), stated, behind),
            };
            match &mut open.list {
                Some(list) if list.pairs.len() < PAIRS_MAX => {
                    list.pairs.push(Printed { key: pair.key, value, indent, inline, stated, line: number });
                }
                Some(_) => self.problem(number, ProblemKind::Pairs),
                None => self.problem(number, ProblemKind::NoList),
            }
            if behind.trim_ascii().is_empty() {
                return true;
            }
            (rest, inline) = (behind, true);
        }
        if inline {
            self.problem(number, ProblemKind::NoForm); // behind `(list)` stands no pair
        }
        inline
    }

    /// A line of what OCS prints of its own clients: all of them together are one list.
    fn comm_pair(&mut self, open: &mut Open, number: usize, key: &[u8], value: &[u8]) {
        let charset = self.dialect.charset;
        let bare = value.is_empty() || value.starts_with(b"(list") || value.eq_ignore_ascii_case(b"list");
        let value = if bare {
            Value::List(TkvList::new())
        } else {
            match line::attribute_value(line::without_symbol(value), charset) {
                AttributeLine::Quoted(text) => Value::Str(self.text(number, text, open.returns)),
                AttributeLine::List(..) => Value::List(TkvList::new()),
                AttributeLine::Value(AttributeValue::Number(number)) => match i32::try_from(number) {
                    Ok(number) => Value::Int(number),
                    Err(_) => Value::Str(Text::from_bytes(value, charset)),
                },
                AttributeLine::Value(_) => Value::Str(Text::from_bytes(value, charset)),
            }
        };
        let list = open.list.get_or_insert_with(|| OpenList {
            name: "UserData".to_owned(),
            line: number,
            length: None,
            head: Vec::new(),
            pairs: Vec::new(),
            indent: 0,
        });
        if list.pairs.len() >= PAIRS_MAX {
            return self.problem(number, ProblemKind::Pairs);
        }
        list.pairs.push(Printed { key: key.to_vec(), value, indent: 0, inline: false, stated: None, line: number });
    }

    /// Turns the pairs read so far into the list of their attribute.
    pub(super) fn finish_list(&mut self, open: &mut Open) {
        let Some(OpenList { name, line, length, head, pairs, indent }) = open.list.take() else { return };
        // One level is what a pair has more than its attribute.
        let first = pairs.first().map_or(0, |pair| pair.indent);
        let unit = first.checked_sub(indent).filter(|unit| *unit > 0).unwrap_or(1);
        let (tree, packed, verdict) = if self.style == Style::Commdn && pairs.iter().any(|pair| pair.stated.is_some()) {
            self.stated(pairs, length, &head)
        } else if let Some(length) = length {
            let judged = judge(pairs, length, &head, unit, &self.dialect);
            (judged.tree, judged.packed, judged.verdict)
        } else {
            let tree = unstated(pairs, unit);
            let packed = tree.encode(&self.dialect).ok().map(|bytes| bytes.len());
            (tree, packed, Verdict::Unstated)
        };
        let list = PrintedList { line, length, head, packed, tree, verdict };
        if open.attributes.len() >= ATTRIBUTES_MAX {
            return self.problem(line, ProblemKind::Attributes);
        }
        open.attributes.push(Attribute { name, value: AttributeValue::List(list) });
    }

    /// A list of style commdn: its lengths tell everything.
    fn stated(&mut self, pairs: Vec<Printed>, length: Option<usize>, head: &[u8]) -> (TkvList, Option<usize>, Verdict) {
        let tree = match stated_tree(pairs, &self.dialect) {
            Ok(tree) => tree,
            Err((tree, problem)) => {
                let why = problem.kind.to_string();
                self.problem(problem.line, problem.kind);
                return (tree, None, Verdict::Disagree { why });
            }
        };
        match (tree.encode(&self.dialect), length) {
            (Ok(bytes), None) => (tree, Some(bytes.len()), Verdict::Unstated),
            (Ok(bytes), Some(length)) if bytes.len() == length && bytes.starts_with(head) => {
                (tree, Some(length), Verdict::Agree)
            }
            (Ok(bytes), Some(length)) => {
                let why = format!("the printed pairs need {} bytes, the print states {length}", bytes.len());
                (tree, Some(bytes.len()), Verdict::Disagree { why })
            }
            (Err(error), _) => {
                (tree, None, Verdict::Disagree { why: format!("the printed pairs cannot be packed: {error}") })
            }
        }
    }
}
