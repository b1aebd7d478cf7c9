//! Where things stand in a file.

use std::collections::BTreeMap;
use std::ops::Range;

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::{Flaw, Format, SequenceShape};
use crate::engine::words::nearest;

/// Line and column of every key.
#[derive(Clone, Debug, Default)]
pub(super) struct Places(BTreeMap<String, (usize, usize)>);

impl Places {
    /// A flaw at a key, or at the nearest one around it.
    pub(super) fn flaw(&self, is_error: bool, path: String, message: String, hint: Option<String>) -> Flaw {
        let mut at = path.as_str();
        let place = loop {
            match (self.0.get(at), at.rfind(['.', '['])) {
                (Some(place), _) => break Some(*place),
                (None, Some(end)) => at = &at[..end],
                (None, None) => break None,
            }
        };
        let (line, column) = place.unzip();
        Flaw { is_error, line, column, path, message, hint }
    }

    fn of(text: &str) -> Self {
        let mut places = BTreeMap::new();
        if let Ok(tree) = DeTable::parse(text) {
            walk(tree.get_ref(), "", text, &mut places);
        }
        Self(places)
    }
}

fn walk(table: &DeTable<'_>, path: &str, text: &str, places: &mut BTreeMap<String, (usize, usize)>) {
    for (key, value) in table {
        let name = key.get_ref();
        let path = if path.is_empty() { name.to_string() } else { format!("{path}.{name}") };
        places.insert(path.clone(), line_column(text, key.span().start));
        walk_value(value, &path, text, places);
    }
}

fn walk_value(value: &Spanned<DeValue<'_>>, path: &str, text: &str, places: &mut BTreeMap<String, (usize, usize)>) {
    match value.get_ref() {
        DeValue::Table(table) => walk(table, path, text, places),
        DeValue::Array(values) => {
            for (at, value) in values.iter().enumerate() {
                let path = format!("{path}[{at}]");
                places.insert(path.clone(), line_column(text, value.span().start));
                walk_value(value, &path, text, places);
            }
        }
        _ => {}
    }
}

fn line_column(text: &str, at: usize) -> (usize, usize) {
    let before = text.get(..at).unwrap_or(text);
    let column = before.rsplit('\n').next().unwrap_or_default().chars().count() + 1;
    (before.matches('\n').count() + 1, column)
}

/// Reads the keys of a file.
pub(super) fn parse(text: &str, format: Format) -> Result<(SequenceShape, Places), Flaw> {
    let wrong = |place: Option<(usize, usize)>, message: &str| {
        let (line, column) = place.unzip();
        let (message, hint) = told(message);
        Flaw { is_error: true, line, column, path: String::new(), message, hint }
    };
    match format {
        Format::Toml => {
            let shape = toml::from_str(text).map_err(|error| {
                let span: Range<usize> = error.span().unwrap_or(0..0);
                wrong(Some(line_column(text, span.start)), error.message())
            })?;
            Ok((shape, Places::of(text)))
        }
        Format::Json => {
            let shape = serde_json::from_str(text).map_err(|error| {
                let text = error.to_string();
                let message = text.split(" at line ").next().unwrap_or(&text);
                wrong(Some((error.line(), error.column())), message)
            })?;
            Ok((shape, Places::default()))
        }
    }
}

/// The words of a reader, and the nearest key for one that it does not know.
fn told(message: &str) -> (String, Option<String>) {
    let line = message.lines().next().unwrap_or_default().to_owned();
    let mut quoted = line.split('`').skip(1).step_by(2);
    let Some(found) = line.starts_with("unknown field").then(|| quoted.next()).flatten() else { return (line, None) };
    let known: Vec<&str> = quoted.collect();
    let near = nearest(found, known.iter().copied()).map(|near| format!(", the nearest known key is '{near}'"));
    (format!("unknown key '{found}'{}", near.unwrap_or_default()), Some(format!("known here: {}", known.join(", "))))
}
