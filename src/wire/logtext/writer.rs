//! Printing blocks and trees.

use bytes::BytesMut;

use crate::wire::{
    Dialect, EncodeError, Text, TkvList, Value,
    logtext::{AttributeValue, Block, COMMDN_HEADER, HeadKind, Style},
};

/// Writes what a file of that style starts with.
pub fn write_header(out: &mut Vec<u8>, style: Style) {
    match style {
        Style::Vendor => {}
        Style::Commdn => out.extend_from_slice(format!("{COMMDN_HEADER}\n").as_bytes()),
    }
}

/// Prints one message, without an empty line behind it. A file of style commdn starts with [`write_header`].
///
/// # Errors
/// A list that cannot be packed, so that its length and first bytes are not known; `out` is then unchanged.
pub fn write_block(out: &mut Vec<u8>, block: &Block, dialect: &Dialect, style: Style) -> Result<(), EncodeError> {
    let start = out.len();
    let result = Printer { out, dialect, style }.block(block);
    if result.is_err() {
        out.truncate(start);
    }
    result
}

/// Prints pairs alone in style commdn, with its first line.
///
/// # Errors
/// A nested list that cannot be packed, so that its length is not known; `out` is then unchanged.
pub fn write_tree(out: &mut Vec<u8>, tree: &TkvList, dialect: &Dialect) -> Result<(), EncodeError> {
    let start = out.len();
    write_header(out, Style::Commdn);
    let result = Printer { out, dialect, style: Style::Commdn }.children(tree, 0);
    if result.is_err() {
        out.truncate(start);
    }
    result
}

struct Printer<'o> {
    out: &'o mut Vec<u8>,
    dialect: &'o Dialect,
    style: Style,
}

impl Printer<'_> {
    fn put(&mut self, text: &str) {
        self.out.extend_from_slice(text.as_bytes());
    }

    fn block(&mut self, block: &Block) -> Result<(), EncodeError> {
        let head = &block.head;
        self.put(&format!("{}{}{}\n", head.before, head.name, head.behind));
        for attribute in &block.attributes {
            match &attribute.value {
                AttributeValue::List(list) if head.kind == HeadKind::CommPrint => self.comm(&list.tree)?,
                AttributeValue::List(list) => {
                    let mut packed = BytesMut::new();
                    list.tree.encode_into(&mut packed, self.dialect)?;
                    let shown: Vec<String> = packed.iter().take(4).map(|byte| format!("{byte:02x}")).collect();
                    self.put(&format!("\tAttribute{}\t[{}] {}..\n", attribute.name, packed.len(), shown.join(" ")));
                    self.children(&list.tree, 2)?;
                }
                AttributeValue::Text(text) => {
                    self.put(&format!("\tAttribute{}\t", attribute.name));
                    self.text(&attribute.name, text)?;
                    self.put("\n");
                }
                AttributeValue::Number(number) => self.put(&format!("\tAttribute{}\t{number}\n", attribute.name)),
                AttributeValue::Hex(number) => self.put(&format!("\tAttribute{}\t{number:016x}\n", attribute.name)),
                AttributeValue::Other(text) => self.put(&format!("\tAttribute{}\t{text}\n", attribute.name)),
            }
        }
        if head.kind == HeadKind::OcsSent {
            self.put("..sent to\n");
        }
        Ok(())
    }

    /// Each pair on its line. In vendor style the first child of a list stands on the line of the list.
    fn children(&mut self, list: &TkvList, depth: usize) -> Result<(), EncodeError> {
        for (key, value) in list.pairs() {
            self.put(&"\t".repeat(depth));
            self.pair(key, value, depth)?;
        }
        Ok(())
    }

    fn pair(&mut self, key: &[u8], value: &Value, depth: usize) -> Result<(), EncodeError> {
        self.put("'");
        match self.style {
            Style::Vendor => self.out.extend_from_slice(key),
            Style::Commdn => escape_key(self.out, key),
        }
        self.put("'");
        match value {
            Value::Str(text) => {
                self.put("\t");
                self.text(&String::from_utf8_lossy(key), text)?;
            }
            Value::Int(number) => self.put(&format!("\t{number}")),
            Value::Binary(bytes) => self.put(&format!("(bin) {}", hex(bytes))),
            Value::Opaque { code, bytes } => self.put(&format!("(type {code}) {}", hex(bytes))),
            Value::Unicode(text) => {
                self.put("(uni) \t'");
                match self.style {
                    Style::Vendor => self.put(text),
                    Style::Commdn => escape_text(self.out, text),
                }
                self.put("'");
            }
            Value::List(list) => {
                let inner = depth.saturating_add(1);
                match (self.style, list.pairs()) {
                    (Style::Commdn, _) => {
                        self.put(&format!("(list {}) \n", list.encode(self.dialect)?.len()));
                        return self.children(list, inner);
                    }
                    (Style::Vendor, []) => self.put("(list) "),
                    (Style::Vendor, [(key, value), rest @ ..]) => {
                        self.put("(list) ");
                        self.pair(key, value, inner)?;
                        for (key, value) in rest {
                            self.put(&"\t".repeat(inner));
                            self.pair(key, value, inner)?;
                        }
                        return Ok(());
                    }
                }
            }
        }
        self.put("\n");
        Ok(())
    }

    /// A string with its quotes: the bytes that travel, or Unicode with escapes in style commdn.
    fn text(&mut self, key: &str, text: &Text) -> Result<(), EncodeError> {
        self.put("'");
        let charset = self.dialect.charset;
        let Some(bytes) = text.to_bytes(charset) else {
            return Err(EncodeError::Charset { key: key.to_owned(), charset });
        };
        match (self.style, text.as_str()) {
            (Style::Vendor, _) => self.out.extend_from_slice(&bytes),
            (Style::Commdn, Some(text)) => escape_text(self.out, text),
            (Style::Commdn, None) => bytes.iter().for_each(|byte| escape_byte(self.out, *byte)),
        }
        self.put("'");
        Ok(())
    }

    /// Unquoted keys, padded to column 32; a list with its pairs quoted below it.
    fn comm(&mut self, tree: &TkvList) -> Result<(), EncodeError> {
        for (key, value) in tree.pairs() {
            self.put("    ");
            self.put(&format!("{:<31} ", String::from_utf8_lossy(key)));
            match value {
                Value::List(list) => {
                    self.put("\n");
                    self.children(list, 8)?;
                    continue;
                }
                Value::Int(number) => self.put(&number.to_string()),
                Value::Str(text) => self.text(&String::from_utf8_lossy(key), text)?,
                Value::Binary(bytes) | Value::Opaque { bytes, .. } => self.put(&hex(bytes)),
                Value::Unicode(text) => self.put(&format!("'{text}'")),
            }
            self.put("\n");
        }
        Ok(())
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn escape_key(out: &mut Vec<u8>, key: &[u8]) {
    match std::str::from_utf8(key) {
        Ok(text) => escape_text(out, text),
        Err(_) => key.iter().for_each(|byte| escape_byte(out, *byte)),
    }
}

fn escape_text(out: &mut Vec<u8>, text: &str) {
    for byte in text.bytes() {
        if byte.is_ascii() { escape_byte(out, byte) } else { out.push(byte) }
    }
}

fn escape_byte(out: &mut Vec<u8>, byte: u8) {
    match byte {
        b'\\' => out.extend_from_slice(br"\\"),
        b'\'' => out.extend_from_slice(br"\'"),
        b'\n' => out.extend_from_slice(br"\n"),
        b'\r' => out.extend_from_slice(br"\r"),
        b'\t' => out.extend_from_slice(br"\t"),
        b' '..=b'~' => out.push(byte),
        other => out.extend_from_slice(format!("\\x{other:02x}").as_bytes()),
    }
}
