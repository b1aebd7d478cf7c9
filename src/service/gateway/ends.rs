//! What happens to a request after it was accepted: its steps, its answers, its end.

use bytes::Bytes;

use super::core::Core;
use super::stage::Effect;
use super::{GatewayEvent, outcome};
use crate::engine::Ended;
use crate::engine::RequestNumber;
use crate::engine::RequestResult;
use crate::engine::Step;
use crate::message::{AppDbid, RequestKind, Target};
use crate::protocol::requester::{OcsAnswer, Outcome, Progress, RefusedBy, RequestId};
use crate::store::Write;

impl Core {
    pub(super) fn progress(&mut self, number: RequestNumber, progress: Progress) {
        let (text, frame) = match progress {
            Progress::Sent { send, origin } => (format!("sent as application {origin} (send {})", send.0), None),
            Progress::Answer(answer) => {
                self.errand_answer(number, &answer);
                return;
            }
            Progress::AcceptedDraining { ocs, frame } => {
                self.pass_frame(number, ocs, &frame);
                self.journal.draining(number);
                if self.is_journaled(number) {
                    self.stage.write(Some(number), Write::Draining(number));
                }
                (format!("OCS {ocs} accepted the unload; calls are still open"), self.frame_of(ocs, &frame))
            }
            Progress::Checking => ("the link was lost; what became of it is being found out".to_owned(), None),
            Progress::Suspect => ("an event came that could be its answer or another request's".to_owned(), None),
            Progress::Settling => {
                ("no clear answer; the state is being asked, or the request repeated".to_owned(), None)
            }
        };
        self.note(number, text, frame);
    }

    /// The end of everything but do-not-calls, which have errands.
    pub(super) fn ended(&mut self, number: RequestNumber, outcome: &Outcome) {
        let answered = matches!(
            outcome,
            Outcome::Answered { .. } | Outcome::Partial { .. } | Outcome::Refused { by: RefusedBy::Ocs { .. }, .. }
        );
        if self.watch.ended(self.now(), RequestId(number.0), answered) {
            return; // our own question
        }
        let Some(open) = self.open.get(&number) else { return };
        let took = open.age(self.now());
        self.pass_end(number, outcome);
        for answer in outcome.answers() {
            self.note_answer(number, answer);
        }
        let ended = outcome::ended(outcome, Self::utc(), took);
        self.stop_ended(number, outcome);
        self.finish(number, ended);
    }

    /// Writes the end down; everybody hears of it afterwards.
    pub(super) fn finish(&mut self, number: RequestNumber, ended: Ended) {
        if self.is_journaled(number) {
            self.stage.write(Some(number), Write::End(number, Box::new(ended.clone())));
        }
        self.then(Some(number), Effect::End(number, Box::new(ended)));
    }

    pub(super) fn end(&mut self, number: RequestNumber, ended: Ended) {
        let good = matches!(ended.result, RequestResult::Answered | RequestResult::Mixed | RequestResult::Partial);
        let (result, why, took) = (ended.result, ended.why.clone(), ended.took);
        let record = self.journal.end(number, ended);
        let kind = record.map(|record| record.kind);
        let question = record.and_then(|record| match (record.pair, record.target) {
            (Some(pair), Target::One(ocs)) if result == RequestResult::Unknown => Some((pair, ocs)),
            _ => None,
        });
        if let Some(question) = question {
            self.watch.unanswered(self.now(), question);
        }
        if let Some(kind) = kind {
            self.shared.metrics.ended(kind, result, took);
            let (kind, outcome) = (kind.slug(), result.slug());
            let took_ms = took.as_secs_f64() * 1_000.0;
            tracing::info!(request = %number, kind, outcome, why = why.as_deref().unwrap_or("none"), took_ms, "ended");
        }
        self.followed.remove(&number);
        if let Some(open) = self.open.remove(&number) {
            for waiter in open.waiters {
                let _ = waiter.send(()); // a caller that has gone is no error
            }
        }
        self.publish_request(number);
        if kind == Some(RequestKind::DoNotCall)
            && good
            && let Some(record) = self.journal.share(number)
        {
            self.shared.events.publish(GatewayEvent::Dnc(record));
        }
    }

    /// Reads are not journaled.
    pub(super) fn is_journaled(&self, number: RequestNumber) -> bool {
        self.open.get(&number).is_some_and(|open| open.kind.is_mutating())
    }

    pub(super) fn note_answer(&mut self, number: RequestNumber, answer: &OcsAnswer) {
        let frame = self.frame_of(answer.ocs, &answer.frame);
        self.note(number, outcome::describe(answer), frame);
    }

    pub(super) fn note(&mut self, number: RequestNumber, text: String, frame: Option<(String, Bytes)>) {
        let Some(open) = self.open.get(&number) else { return };
        let after = open.age(self.now());
        let told = |step: &Step| step.text == text; // an answer of one OCS is told when it comes, and again at the end
        if self.journal.get(number).is_some_and(|record| record.steps.iter().any(told)) {
            return;
        }
        let step = Step { after, text, frame };
        if self.is_journaled(number) {
            self.stage.write(Some(number), Write::Step(number, step.clone()));
        }
        self.journal.step(number, step);
    }

    /// A frame with the DN of the OCS it came from; copied, since it shares the link's read buffer.
    fn frame_of(&self, ocs: AppDbid, frame: &Bytes) -> Option<(String, Bytes)> {
        let peer = self.ocss.iter().find(|peer| peer.dbid == ocs)?;
        (!frame.is_empty()).then(|| (peer.address.dn.to_string(), Bytes::copy_from_slice(frame)))
    }

    pub(super) fn publish_request(&self, number: RequestNumber) {
        if let Some(record) = self.journal.share(number) {
            self.shared.events.publish(GatewayEvent::Request(record));
        }
    }
}
