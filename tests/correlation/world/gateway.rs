//! One input for one gateway, and what comes out of it.

use commdn::{
    message::*,
    protocol::{Time, correlate::Subject, requester::*},
};

use super::{
    plan::{B, D},
    records::{Cause, Sent},
    run::World,
    show::{show_input, show_output},
    site,
};

impl World<'_> {
    /// One input for one gateway, and all that comes of it. `concerned`: it may change requests.
    pub fn input(&mut self, gateway: usize, input: Input, concerned: bool) {
        self.note(|| format!("g{gateway}   in  {}", show_input(&input)));
        let there = &mut self.gateways[gateway];
        let now = Time::from_millis(self.now + there.ahead);
        if let Some(copy) = &mut there.copy {
            copy.handle(now, input.clone());
        }
        there.machine.handle(now, input);
        let mut mark: Option<JournalMark> = None;
        let mut waiting: Option<(SendId, CommDnMessage)> = None;
        let mut ended: Vec<u64> = Vec::new();
        while let Some(output) = self.gateways[gateway].machine.poll() {
            if let Some(copy) = &mut self.gateways[gateway].copy
                && copy.poll().as_ref() != Some(&output)
            {
                self.fail("I8", format!("a snapshot does not go on alike: {output:?}"));
            }
            self.note(|| format!("g{gateway}   out {}", show_output(&output)));
            // A progress note says for whom the last frame went out; without one it settles.
            if let Some((send, message)) = waiting.take() {
                let settling = !matches!(&output, Output::Progress { progress: Progress::Sent { send: of, .. }, .. }
                    if *of == send);
                self.sent(gateway, send, message, mark.take(), settling);
            }
            match output {
                Output::Journal(it) => {
                    let at = self.now + self.gateways[gateway].ahead;
                    for id in &it.requests {
                        if let Some(row) = self.gateways[gateway].journal.get_mut(&id.0) {
                            row.marks.push((it.clone(), at));
                        }
                    }
                    mark = Some(it);
                }
                Output::Send { send, message, .. } => waiting = Some((send, message)),
                Output::Outcome { id, outcome } => {
                    if !concerned {
                        self.fail("I3", format!("a frame that is not for us ended request {}", id.0));
                    }
                    self.check_outcome(id.0, outcome);
                    ended.push(id.0);
                }
                Output::Progress { id, progress } => {
                    if !concerned && !matches!(progress, Progress::Sent { .. }) {
                        self.fail("I3", format!("a frame that is not for us changed request {}", id.0));
                    }
                    match progress {
                        Progress::Sent { send, .. } => self.joined(gateway, id.0, send),
                        Progress::Answer(answer) => self.check_answer(id.0, &answer),
                        _ => {}
                    }
                }
                Output::Echo { ocs, fact, proved } => self.learned(gateway, ocs, fact, proved),
                Output::Alarm(Alarm::ForgedOrigin { origin, .. }) => {
                    self.gateways[gateway].alarmed.insert(origin);
                    self.gateways[gateway].forged.insert(origin, None);
                }
                Output::Mirror { message, standing: Standing::Notification, .. } => {
                    let ocs = usize::from(message.origin == site::OCS[1]);
                    if message.body.pair_event().is_some() {
                        self.gateways[gateway].notified[ocs].get_or_insert(self.now);
                    }
                }
                Output::Mirror { message, standing: Standing::Answer, .. } => self.looked_alike(gateway, &message),
                Output::Mirror { .. } | Output::Alarm(_) => {}
            }
        }
        if let Some((send, message)) = waiting.take() {
            self.sent(gateway, send, message, mark.take(), true);
        }
        self.check_step(gateway, &ended);
    }

    /// An unasked status was taken for the answer to a read.
    pub(super) fn looked_alike(&mut self, gateway: usize, message: &CommDnMessage) {
        let unasked = self.delivering.is_some_and(|told| self.told[told].cause == Cause::Nobody);
        if !unasked || !matches!(message.body, Message::CampaignStatus(_)) {
            return;
        }
        let ocs = usize::from(message.origin == site::OCS[1]);
        let known = self.gateways[gateway].notified[ocs];
        if let Some(read) = self.question(ocs, message) {
            self.sends[read].looked_alike |= known.is_none_or(|known| self.sends[read].world_at < known);
        }
    }

    pub(super) fn learned(&mut self, gateway: usize, ocs: AppDbid, fact: EchoFact, proved: bool) {
        let ocs = usize::from(ocs == site::OCS[1]);
        let echo = &mut self.gateways[gateway].echo[ocs];
        let proof = match fact {
            EchoFact::DoNotCall => &mut echo.do_not_call,
            EchoFact::Cancel => &mut echo.cancel,
            EchoFact::ErrorIds => &mut echo.error_ids,
            EchoFact::ErrorSubject => &mut echo.error_subject,
            EchoFact::Reference => &mut echo.reference,
        };
        *proof = if proved { Proof::Proved } else { Proof::Withdrawn };
    }

    pub(super) fn joined(&mut self, gateway: usize, item: u64, send: SendId) {
        let Some(ix) = self.gateways[gateway].sends.get(&send).copied() else { return };
        let sent = &mut self.sends[ix];
        if !sent.items.contains(&item) {
            sent.items.push(item);
        }
        if let Some(item) = self.items.get_mut(&item)
            && item.sends.last() != Some(&ix)
        {
            item.sends.push(ix);
        }
    }

    /// A frame leaves.
    pub(super) fn sent(
        &mut self,
        gateway: usize,
        id: SendId,
        message: CommDnMessage,
        mark: Option<JournalMark>,
        settling: bool,
    ) {
        let Some(kind) = message.body.request_kind() else { return };
        let subject = Subject::of(&message.body).unwrap();
        let ocss: Vec<usize> = match (&mark, message.target) {
            (Some(mark), _) => mark.ocss.iter().map(|ocs| usize::from(*ocs == site::OCS[1])).collect(),
            (None, Target::One(ocs)) => vec![usize::from(ocs == site::OCS[1])],
            (None, Target::Every) => vec![0, 1],
        };
        let there = &mut self.gateways[gateway];
        there.next_send = there.next_send.max(id.0 + ocss.len() as u64 + 1);
        let at = self.now + there.ahead;
        let life = if kind == RequestKind::Unload { 330_000 } else { B } + D;
        let items: Vec<u64> = mark.iter().flat_map(|mark| &mark.requests).map(|id| id.0).collect();
        if mark.is_none() && kind.is_mutating() {
            self.fail("rule 16", format!("{kind:?} was sent without a mark in the journal"));
        }
        let ix = self.sends.len();
        self.tally.sends += u64::from(kind.is_mutating());
        let record = Sent {
            gateway,
            life: self.gateways[gateway].life,
            id,
            message: message.clone(),
            kind,
            subject,
            ocss: ocss.clone(),
            items: items.clone(),
            settling: settling && kind == RequestKind::Status,
            at,
            world_at: self.now,
            free: [at + life; 2],
            answered: [false; 2],
            looked_alike: false,
            arrived: false,
        };
        self.sends.push(record);
        self.gateways[gateway].sends.insert(id, ix);
        self.check_send(ix);
        for item in &items {
            if let Some(item) = self.items.get_mut(item) {
                item.sends.push(ix);
            }
        }
        if kind.is_mutating() {
            for ocs in &ocss {
                self.at_place.entry((gateway, message.origin, *ocs)).or_default().push(ix);
            }
        }
        self.travel(gateway, ix, items.first().copied().unwrap_or(0), message);
    }
}
