//! Do-not-calls on their way: answers are evidence, silence is another attempt, and the last attempt is an end.

use std::{sync::atomic::Ordering, time::Duration};

use super::core::{Core, Open};
use super::errand::{Errand, age, body_of, later, why_dead};
use super::stage::Effect;
use super::{Accepted, OrderError, Standing, outcome};
use crate::engine::RequestNumber;
use crate::engine::RequestResult;
use crate::message::{AppDbid, Target};
use crate::protocol::requester::{
    AnswerResult, Input, LinkId, NotSent, OcsAnswer, Outcome, RefusedBy, RequestId, Submission,
};
use crate::store::{Delivery, DncAnswer, StoredRequest, Write};

impl Core {
    /// One OCS of several has answered.
    pub(super) fn errand_answer(&mut self, number: RequestNumber, answer: &OcsAnswer) {
        self.pass_answer(number, answer);
        self.note_answer(number, answer);
        let Some(open) = self.open.get(&number) else { return };
        let latency = open.age(self.now());
        let Some(errand) = self.errands.all.get_mut(&number) else { return };
        let recorded = outcome::recorded(answer);
        let confirmed = Errand::is_good(&recorded);
        if !confirmed && answer.result != AnswerResult::Refused {
            errand.silent.insert(answer.ocs, recorded);
            return;
        }
        if errand.heard.insert(answer.ocs, recorded).is_none() {
            let code = answer.code.filter(|_| !confirmed);
            let at = Self::utc();
            let said = DncAnswer { request: number, ocs: answer.ocs, at, latency, confirmed, code };
            self.stage.write(Some(number), Write::DncAnswer(said));
        }
    }

    /// What came of one submission of a do-not-call.
    pub(super) fn errand_outcome(&mut self, number: RequestNumber, id: RequestId, outcome: &Outcome) {
        for answer in outcome.answers() {
            self.errand_answer(number, answer);
        }
        let now = self.now();
        let took = self.open.get(&number).map_or(Duration::ZERO, |open| open.age(now));
        self.errands.subs.remove(&id);
        let patience = self.errands.patience;
        let Some(errand) = self.errands.all.get_mut(&number) else { return };
        errand.out.remove(&id);
        if !errand.out.is_empty() {
            return;
        }
        let pending = errand.pending();
        let whole = id.0 == number.0 && errand.failures == 0;
        // What cannot be sent as it is never can.
        let hopeless =
            matches!(outcome, Outcome::Refused { by: RefusedBy::Local(_) | RefusedBy::NotSent(NotSent::Overdue), .. });
        if !pending.is_empty() && !hopeless {
            errand.failures = errand.failures.saturating_add(1);
            let failures = errand.failures;
            if failures < patience.attempts_max {
                let pause = patience.pause(failures);
                self.try_later(number, failures, pause, &pending, outcome);
                return;
            }
        }
        let errand = errand.clone();
        self.errands.forget(number);
        let ended = match outcome {
            _ if whole || hopeless => outcome::ended(outcome, Self::utc(), took),
            _ => errand.ended(Self::utc(), took),
        };
        let dead = (ended.result != RequestResult::Answered).then(|| why_dead(&errand, &ended));
        self.pass_end(number, outcome);
        self.finish(number, ended);
        if let Some(reason) = dead {
            tracing::error!(request = %number, reason, "a do-not-call is given up");
            self.shared.tally.dead_letters.fetch_add(1, Ordering::Relaxed);
            self.stage.write(Some(number), Write::Dead { number, at: Self::utc(), reason });
        }
    }

    fn try_later(
        &mut self,
        number: RequestNumber,
        failures: u32,
        pause: Duration,
        pending: &[AppDbid],
        outcome: &Outcome,
    ) {
        let ocss: Vec<String> = pending.iter().map(ToString::to_string).collect();
        let why = match outcome {
            Outcome::Unknown { reason, .. } => reason.slug().to_owned(),
            Outcome::Refused { by, .. } => by.to_string(),
            _ => "no answer".to_owned(),
        };
        let text = format!(
            "attempt {failures} came to nothing with OCS {} ({why}); the next one in {} s",
            ocss.join(", "),
            pause.as_secs_f32()
        );
        self.note(number, text, None);
        self.shared.tally.retries.fetch_add(1, Ordering::Relaxed);
        let not_before = later(Self::utc(), pause);
        self.stage.write(Some(number), Write::Again { number, attempts: failures, not_before });
        let due = self.now() + pause;
        self.errands.park(number, due);
    }

    /// Sends what is due, only to those who were silent.
    pub(super) fn errands_due(&mut self) {
        let now = self.now();
        while let Some((due, number)) = self.errands.due.first().copied().filter(|(due, _)| *due <= now) {
            self.errands.due.remove(&(due, number));
            self.errand_send(number);
        }
    }

    pub(super) fn errand_send(&mut self, number: RequestNumber) {
        let Some(errand) = self.errands.all.get_mut(&number) else { return };
        errand.due = None;
        let (body, target, pending) = (errand.body.clone(), errand.target, errand.pending());
        let targets = if pending == errand.expected {
            vec![(RequestId(number.0), target)]
        } else {
            pending.into_iter().map(|ocs| (RequestId(self.next_number().0), Target::One(ocs))).collect()
        };
        for (id, _) in &targets {
            self.errands.sent_as(number, *id);
        }
        for (id, target) in targets {
            let body = body.clone();
            self.give(Input::Submit(Submission { id, target, body, deadline: None, durable: true }));
        }
    }

    /// OCS was perhaps away for the same reason as the link: nobody waits for the end of a long pause.
    pub(super) fn errands_link_up(&mut self, link: LinkId) {
        let soon = self.now() + self.errands.patience.first;
        let later = self.errands.due.range((soon, RequestNumber(0))..).map(|(_, number)| *number);
        let on_link = |number: &RequestNumber| {
            let errand = self.errands.all.get(number);
            errand.is_some_and(|errand| errand.pending().iter().any(|ocs| self.link_of(*ocs) == Some(link)))
        };
        let numbers: Vec<RequestNumber> = later.filter(on_link).collect();
        for number in numbers {
            self.errands.park(number, soon);
        }
    }

    pub(super) fn errand_standing(&self, number: RequestNumber, standing: &mut Standing) {
        let Some(errand) = self.errands.all.get(&number) else { return };
        standing.attempts = errand.failures;
        let Some(due) = errand.due else { return };
        let pause = due.saturating_sub(self.now());
        let ocss: Vec<String> = errand.pending().iter().map(ToString::to_string).collect();
        standing.phase = "waiting";
        standing.waits_for = Some(format!("the next attempt at OCS {}", ocss.join(", ")));
        standing.next_try = Some(later(Self::utc(), pause));
        standing.overdue = errand.heard.is_empty();
    }

    /// An operator wants a do-not-call to be tried again.
    pub(super) fn retry(
        &mut self,
        stored: StoredRequest,
        deliveries: &[Delivery],
        reply: tokio::sync::oneshot::Sender<Result<Accepted, OrderError>>,
    ) {
        let number = stored.record.number;
        if self.errands.all.contains_key(&number) {
            // It is open: at once instead of later, unless it is on its way anyway.
            if self.errands.all.get(&number).is_some_and(|errand| errand.due.is_some()) {
                let now = self.now();
                self.errands.park(number, now);
            }
        } else if let Err(error) = self.reopen(stored, deliveries) {
            let _ = reply.send(Err(error));
            return;
        }
        let accepted = self.await_end(number);
        self.then(Some(number), Effect::Reply { reply, accepted });
    }

    fn reopen(&mut self, stored: StoredRequest, deliveries: &[Delivery]) -> Result<(), OrderError> {
        if let Some(error) = self.stage.trouble() {
            return Err(OrderError::Store(error.to_string()));
        }
        let number = stored.record.number;
        let body = body_of(&stored).ok_or(OrderError::NotRepeatable(number))?;
        // A refusal is asked about once more: that is what the operator wants.
        let confirmed: Vec<Delivery> = deliveries.iter().filter(|it| it.confirmed_at.is_some()).copied().collect();
        let expected = self.expected(stored.record.target);
        let errand = Errand::new(body, stored.record.target, expected).with(&confirmed, 0);
        if errand.pending().is_empty() {
            return Err(OrderError::NotRepeatable(number));
        }
        let (before, mut record) = (age(stored.record.accepted_at), stored.record);
        (record.ended, record.draining) = (None, false);
        let open = Open { kind: record.kind, since: self.now(), before, waiters: Vec::new() };
        self.open.insert(number, open);
        self.journal.reopen(record);
        self.errands.insert(number, errand);
        self.stage.write(Some(number), Write::Retry(number));
        self.note(number, "tried again by an operator".to_owned(), None);
        self.then(Some(number), Effect::Accepted(number));
        self.errand_send(number);
        Ok(())
    }
}
