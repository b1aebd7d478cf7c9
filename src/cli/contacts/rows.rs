//! CSV of ours as one JSON document a line.

use serde_json::{Map, Value};

use crate::contact::csv::{Charset, Format, Framer, Item, Limits};

/// Takes bytes as they come, gives records as they end.
pub(super) struct JsonRows {
    framer: Framer,
    header: Option<Vec<String>>,
}

impl JsonRows {
    pub(super) fn new() -> Self {
        // What we write ourselves is UTF-8 with commas.
        let format = Format { charset: Charset::Utf8, bom: 0, guessed: false, delimiter: b',' };
        Self { framer: Framer::new(format, Limits::NATIVE), header: None }
    }

    /// The records that end in these bytes, a line each; `last` = nothing comes any more.
    pub(super) fn push(&mut self, bytes: &[u8], last: bool) -> String {
        self.framer.push(bytes);
        if last {
            self.framer.finish();
        }
        let mut lines = String::new();
        while let Item::Row(row) = self.framer.next() {
            let Ok(cells) = row.cells else { continue };
            let Some(header) = &self.header else {
                self.header = Some(cells.iter().map(str::to_owned).collect());
                continue;
            };
            let named = header.iter().cloned().zip(cells.iter().map(|cell| Value::String(cell.to_owned())));
            lines.push_str(&Value::Object(named.collect::<Map<_, _>>()).to_string());
            lines.push('\n');
        }
        lines
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn records_are_objects_wherever_the_bytes_are_cut() {
        let text = b"a,b\n1,\"x\ny\"\n2,\"say \"\"hi\"\"\"\n";
        for at in 0..=text.len() {
            let mut rows = JsonRows::new();
            let mut lines = rows.push(&text[..at], false);
            lines.push_str(&rows.push(&text[at..], true));
            assert_eq!(lines, "{\"a\":\"1\",\"b\":\"x\\ny\"}\n{\"a\":\"2\",\"b\":\"say \\\"hi\\\"\"}\n", "{at}");
        }
    }
}
