//! The only place that writes: stdout is data; stderr is progress, hints and errors.

use std::io::{self, IsTerminal, Write};

use comfy_table::{ContentArrangement, Table, presets};
use indicatif::ProgressBar;
use serde::Serialize;

use crate::cli::args::{ColorWhen, Global};
use crate::cli::exit::{CliError, Exit};

/// How to print.
#[derive(Clone, Copy, Debug, Default)]
pub struct Output {
    /// JSON instead of words.
    pub json: bool,
    /// No progress and no hints.
    pub quiet: bool,
    /// stdout is a terminal.
    pub terminal: bool,
    /// Colours on stderr.
    pub color: bool,
}

impl Output {
    /// As the global flags, the terminal and `NO_COLOR` want it.
    #[must_use]
    pub fn new(global: &Global) -> Self {
        let color = match global.color {
            ColorWhen::Always => true,
            ColorWhen::Never => false,
            ColorWhen::Auto => {
                io::stderr().is_terminal() && std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty())
            }
        };
        Self { json: global.json, quiet: global.quiet, terminal: io::stdout().is_terminal(), color }
    }

    /// Data: one line.
    ///
    /// # Errors
    /// [`CliError::closed`] when nobody reads any more, exit 1 when stdout cannot be written.
    pub fn line(&self, text: &str) -> Result<(), CliError> {
        self.bytes(format!("{text}\n").as_bytes())
    }

    /// Data: text as it is, or bytes.
    ///
    /// # Errors
    /// As [`Output::line`].
    pub fn bytes(&self, bytes: &[u8]) -> Result<(), CliError> {
        let mut stdout = io::stdout().lock();
        stdout.write_all(bytes).and_then(|()| stdout.flush()).map_err(|error| match error.kind() {
            io::ErrorKind::BrokenPipe => CliError::closed(),
            _ => CliError::new(Exit::Internal, format!("stdout cannot be written: {error}")),
        })
    }

    /// Data: one JSON document on one line.
    ///
    /// # Errors
    /// As [`Output::line`].
    pub fn document(&self, document: &impl Serialize) -> Result<(), CliError> {
        let text = serde_json::to_string(document).map_err(|error| CliError::internal(error.to_string()))?;
        self.line(&text)
    }

    /// The document with `--json`, else the words.
    ///
    /// # Errors
    /// As [`Output::line`].
    pub fn either(&self, document: &impl Serialize, words: impl FnOnce() -> String) -> Result<(), CliError> {
        if self.json { self.document(document) } else { self.line(&words()) }
    }

    /// Progress on stderr, kept back by `-q`.
    pub fn note(&self, text: &str) {
        if !self.quiet {
            self.stderr(&format!("{text}\n"));
        }
    }

    /// A hint on stderr, kept back by `-q`.
    pub fn hint(&self, text: &str) {
        if !self.quiet {
            self.stderr(&format!("{} {text}\n", self.paint("36", "hint:")));
        }
    }

    /// The error that ends the verb, with its hint.
    pub fn error(&self, error: &CliError) {
        if error.message.is_empty() {
            return;
        }
        if self.json {
            self.stderr(&format!("{}\n", error.to_json()));
            return;
        }
        self.stderr(&format!("{} {}\n", self.paint("31;1", "error:"), error.message));
        if let Some(hint) = &error.hint {
            self.hint(hint);
        }
    }

    /// A bar for so many steps, on a terminal that wants to see it.
    #[must_use]
    pub fn bar(&self, steps: usize) -> ProgressBar {
        if self.quiet || self.json || !io::stderr().is_terminal() {
            return ProgressBar::hidden();
        }
        ProgressBar::new(u64::try_from(steps).unwrap_or(u64::MAX))
    }

    /// Text on stderr as it is. A stderr that nobody reads is no reason to fail.
    pub fn stderr(&self, text: &str) {
        let _ = io::stderr().lock().write_all(text.as_bytes());
    }

    fn paint(&self, code: &str, text: &str) -> String {
        if self.color { format!("\u{1b}[{code}m{text}\u{1b}[0m") } else { text.to_owned() }
    }

    /// A table: lines on a terminal, plain columns otherwise.
    #[must_use]
    pub fn table(&self, head: &[&str], rows: Vec<Vec<String>>) -> String {
        let mut table = Table::new();
        table.load_style(if self.terminal { presets::UTF8_FULL_CONDENSED } else { presets::NOTHING });
        let arrangement = if self.terminal { ContentArrangement::Dynamic } else { ContentArrangement::Disabled };
        table.set_content_arrangement(arrangement).set_header(head.to_vec()).add_rows(rows);
        let trim = |line: String| line.strip_prefix(' ').unwrap_or(&line).trim_end().to_owned();
        let lines: Vec<String> = table.lines().map(trim).collect();
        lines.join("\n")
    }
}

/// Asks before something that cannot be taken back.
///
/// # Errors
/// Exit 2 without a terminal and without `--yes`, or when the answer is no.
pub fn confirm(global: &Global, out: &Output, question: &str) -> Result<(), CliError> {
    if global.yes || global.dry_run {
        return Ok(());
    }
    if !(io::stdin().is_terminal() && io::stderr().is_terminal()) {
        let message = format!("not confirmed: {question}");
        return Err(CliError::usage(message).hint("there is no terminal to ask on; say it with --yes"));
    }
    out.stderr(&format!("{question} [y/N] "));
    let mut answer = String::new();
    io::stdin().read_line(&mut answer).map_err(|error| CliError::internal(format!("stdin: {error}")))?;
    match answer.trim().to_ascii_lowercase().as_str() {
        "y" | "yes" => Ok(()),
        _ => Err(CliError::usage("not confirmed, nothing was sent")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_table_that_nobody_sees_on_a_terminal_is_plain() {
        let out = Output::default();
        let table = out.table(&["CAMPAIGN", "STATUS"], vec![vec!["101 Renewals".into(), "running".into()]]);
        let lines: Vec<&str> = table.lines().collect();
        assert_eq!(lines.len(), 2, "{table}");
        assert!(table.is_ascii(), "{table}");
        assert!(lines[1].contains("101 Renewals") && lines[1].ends_with("running"), "{table}");
    }

    #[test]
    fn colours_are_only_printed_when_wanted() {
        assert_eq!(Output::default().paint("31", "error:"), "error:");
        assert!(Output { color: true, ..Output::default() }.paint("31", "error:").starts_with('\u{1b}'));
    }
}
