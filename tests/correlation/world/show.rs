//! Messages, inputs and outputs in a few words, for ladders.

use commdn::{message::*, protocol::requester::*};

/// A message in a few words.
pub fn show(message: &CommDnMessage) -> String {
    let body = &message.body;
    let mut text = format!("{}->{} {}", message.origin, message.target.dbid(), body.message_type());
    if let Some(pair) = body.pair() {
        text += &format!(" {}-{}", pair.campaign, pair.group);
    }
    if let Some(status) = body.pair_event().and_then(|event| event.status) {
        text += &format!("[{}]", status.0);
    }
    if let Some(code) = body.error().filter(|code| code.0 != 0) {
        text += &format!(" error {}", code.0);
    }
    if let Some(phone) = body.do_not_call().and_then(|entry| entry.phone.as_ref()) {
        text += &format!(" {}", phone.reveal().display());
    }
    if let Some(phone) = body.cancel_record().and_then(|cancel| cancel.phone.as_ref()) {
        text += &format!(" {}", phone.reveal().display());
    }
    text
}

pub(super) fn show_input(input: &Input) -> String {
    match input {
        Input::Event { message, .. } => format!("event {}", show(message)),
        Input::Submit(submission) => {
            let message = CommDnMessage::new(AppDbid(0), submission.target, submission.body.clone());
            format!("submit {} {}", submission.id.0, show(&message))
        }
        Input::Restored(rows) => format!("restored {} rows", rows.len()),
        other => format!("{other:?}"),
    }
}

pub(super) fn show_output(output: &Output) -> String {
    match output {
        Output::Send { send, message, .. } => format!("send {} {}", send.0, show(message)),
        Output::Journal(mark) => {
            format!(
                "journal {} {:?} for {:?}",
                mark.send.0,
                mark.kind,
                mark.requests.iter().map(|it| it.0).collect::<Vec<_>>()
            )
        }
        Output::Outcome { id, outcome } => {
            let why = outcome.why().map_or("", Why::slug);
            format!("outcome {} {} {why}", id.0, outcome.slug())
        }
        Output::Mirror { standing, .. } => format!("took it as {standing:?}"),
        Output::Progress { id, progress: Progress::Answer(answer) } => {
            format!("progress {} {} {}", id.0, answer.ocs, answer.result.slug())
        }
        other => format!("{other:?}"),
    }
}
