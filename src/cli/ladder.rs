//! `ladder`: who said what to whom, as arrows.

use std::path::Path;

use serde_json::{Value, json};

use crate::cli::args::{LadderArgs, LadderForm};
use crate::cli::client::Ctx;
use crate::cli::config::read_text;
use crate::cli::exit::{CliError, Exit};
use crate::engine::conversation::{Step, parse_step};
use crate::engine::scenario::Ladder;

/// Lines of a conversation from a file; those that `tap --json` wrote are unpacked.
pub(super) fn read_lines(file: &Path) -> Result<String, CliError> {
    let text = read_text(file)?;
    if !text.trim_start().starts_with('{') {
        return Ok(text);
    }
    let step = |(number, line): (usize, &str)| {
        let document: Value = serde_json::from_str(line)
            .map_err(|error| CliError::usage(format!("{}:{number}: {error}", file.display())))?;
        Ok(format!("{}\n", document["step"].as_str().unwrap_or_default()))
    };
    (1..).zip(text.lines()).filter(|(_, line)| !line.trim().is_empty()).map(step).collect()
}

/// Runs `ladder`.
///
/// # Errors
/// A file that cannot be read or holds no message.
pub(super) fn run(args: &LadderArgs, ctx: &Ctx) -> Result<Exit, CliError> {
    let text = read_lines(&args.file)?;
    let mut ladder = Ladder::default();
    for (number, line) in (1..).zip(text.lines()) {
        match parse_step(line) {
            Ok(Some(Step::Message(step))) => ladder.pass_at(step.time.as_deref().unwrap_or_default(), &step.message),
            Ok(_) => {}
            Err(error) => ctx.out.note(&format!("line {number} is left out: {error}")),
        }
    }
    if ladder.arrows.is_empty() {
        let hint = "expected lines of tap, a recording or a conversation";
        return Err(CliError::usage(format!("{}: there is no message in it", args.file.display())).hint(hint));
    }
    let arrows = ladder.arrows.iter().map(|arrow| {
        json!({ "at": arrow.at, "from": arrow.from, "to": arrow.to, "event": arrow.is_event, "label": arrow.label })
    });
    let document = json!({ "schema": "commdn.ladder.v1", "arrows": arrows.collect::<Vec<_>>(), "more": ladder.more });
    ctx.out.either(&document, || {
        let drawn = match args.form {
            LadderForm::Text => ladder.text(),
            LadderForm::Mermaid => ladder.mermaid(),
        };
        drawn.trim_end().to_owned()
    })?;
    Ok(Exit::Done)
}
