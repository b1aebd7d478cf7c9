//! The OCSs: the product's own engine, and the oracle that knows what each of its messages answers.

use commdn::{
    engine::ocs::{self, Ocs},
    message::*,
    protocol::{Time, UtcSeconds, correlate::Subject},
};

use super::{
    plan::{Fault, Leg},
    records::{Cause, Happening, Told},
    run::World,
    show::show,
    site,
};

impl World<'_> {
    pub(super) fn utc(&self) -> UtcSeconds {
        UtcSeconds(1_700_000_000 + (self.now / 1_000) as i64)
    }

    /// What an OCS says to an input, with what each message answers.
    pub(super) fn at_ocs(&mut self, ocs: usize, input: ocs::Input<'_>, asked: Option<(Cause, &Message)>) {
        let utc = self.utc();
        self.ocs[ocs].handle(Time::from_millis(self.now), utc, input);
        let mut said = Vec::new();
        while let Some(output) = self.ocs[ocs].poll() {
            if let ocs::Output::Send { message, .. } = output {
                said.push(*message);
            }
        }
        let rows = self.ocs[ocs].config().profile.rows;
        let kind = asked.and_then(|(_, body)| body.request_kind());
        let pair = asked.and_then(|(_, body)| body.pair());
        // What unloads, refused or not, can tell another the end of an unload that was on its way.
        let refused = said.iter().any(|message| matches!(message.body, Message::ErrorEvent(_)));
        let asker = Target::One(self.asker);
        let mut own_unloaded = false;
        let mut look_alike = false;
        let mut pending = None;
        if let (Some((cause, _)), Some(RequestKind::Unload), Some(pair)) = (asked, kind, pair) {
            let refused = said.iter().any(|message| matches!(message.body, Message::ErrorEvent(_)));
            let done = said.iter().any(|message| matches!(message.body, Message::CampaignUnloaded(_)));
            if !refused && !done && !said.is_empty() || said.is_empty() {
                pending = Some((pair, cause));
            }
        }
        let mut told: Vec<(Cause, CommDnMessage)> = Vec::new();
        for message in said {
            let about = message.body.pair();
            let waits = about.and_then(|pair| self.unloads.get(&(ocs, pair)).copied());
            let cause = match (&message.body, kind, message.target) {
                (_, _, Target::Every) => Cause::Nobody,
                (Message::CampaignStatus(_), Some(RequestKind::Status | RequestKind::ForceUnload), _) => {
                    asked.map_or(Cause::Nobody, |(cause, _)| cause)
                }
                (Message::CampaignStatus(_), _, _) => Cause::Nobody,
                (Message::CampaignUnloaded(_), Some(RequestKind::Unload), _)
                    if about == pair && message.target == asker && !refused =>
                {
                    asked.map_or(Cause::Nobody, |(cause, _)| cause)
                }
                (Message::CampaignUnloaded(_), Some(RequestKind::ForceUnload), _)
                    if about == pair
                        && message.target == asker
                        && !refused
                        && !own_unloaded
                        && !force_tells_status(&self.ocs[ocs]) =>
                {
                    asked.map_or(Cause::Nobody, |(cause, _)| cause)
                }
                (Message::CampaignUnloaded(_), _, _) => waits.unwrap_or(Cause::Nobody),
                // What a request does on its way (the load of a start, the stop of an unload, the campaigns of a
                // sequence) nobody has asked for: true of the state, and the answer to nothing.
                _ if message.body.pair_event().is_some()
                    && (about != pair || kind.map(RequestKind::answer) != Some(message.body.message_type())) =>
                {
                    Cause::Nobody
                }
                _ => asked.map_or(Cause::Nobody, |(cause, _)| cause),
            };
            let answers = cause != Cause::Nobody && message.body.pair_event().is_some();
            if rows.look_alike_before_answer && answers && !look_alike {
                look_alike = true;
                told.push((Cause::Nobody, message));
                continue;
            }
            look_alike = false;
            own_unloaded |= matches!(message.body, Message::CampaignUnloaded(_));
            if let (Message::CampaignUnloaded(_), Some(pair), true) = (&message.body, about, waits == Some(cause)) {
                self.unloads.remove(&(ocs, pair));
            }
            told.push((cause, message));
        }
        if let Some((pair, cause)) = pending {
            self.unloads.insert((ocs, pair), cause);
        }
        for (cause, message) in told {
            if let (Message::DoNotCallProcessed(_), Some((_, Message::DoNotCall(entry)))) = (&message.body, asked) {
                self.listed.insert((ocs, Subject::of_entry(entry)));
            }
            self.tell(cause, ocs, message);
        }
    }

    pub(super) fn tick(&mut self, ocs: usize) {
        self.at_ocs(ocs, ocs::Input::Tick, None);
    }

    pub(super) fn serve(&mut self, cause: Cause, ocs: usize, message: &CommDnMessage, refuse: Option<u64>) {
        self.note(|| format!("ocs{ocs} gets {} {cause:?}", show(message)));
        if let Some(code) = refuse {
            let rows = self.ocs[ocs].config().profile.rows;
            let pair = message.body.pair().filter(|_| rows.error_ids);
            let error = ErrorEvent {
                error: Some(ErrorCode(code as i32)),
                campaign: pair.map(|pair| pair.campaign),
                group: pair.map(|pair| pair.group),
                do_not_call: message.body.do_not_call().filter(|_| rows.answer_echo).cloned(),
                cancel_record: message.body.cancel_record().filter(|_| rows.answer_echo).cloned(),
                ..ErrorEvent::default()
            };
            let reference_id = message.reference_id.filter(|_| rows.reference_id_echo);
            let answer = CommDnMessage { reference_id, ..CommDnMessage::new(site::OCS[ocs], message.origin, error) };
            return self.tell(cause, ocs, answer);
        }
        let Ok(user_data) = message.encode(&commdn::wire::Dialect::default()) else { return };
        let input = ocs::Input::UserEvent { dn: site::DN, user_data: &user_data };
        self.asker = message.origin;
        self.at_ocs(ocs, input, Some((cause, &message.body)));
    }

    /// An OCS sends an event; every gateway on the DN gets it, by its own way.
    pub(super) fn tell(&mut self, cause: Cause, ocs: usize, mut message: CommDnMessage) {
        if self.backup && message.origin == site::OCS[0] {
            message.origin = site::BACKUP;
        }
        self.note(|| format!("ocs{ocs} says {} {cause:?}", show(&message)));
        let number = message.body.message_type().0 as u64;
        let (item, age) = match cause {
            Cause::Send(ix) => {
                let sent = &self.sends[ix];
                (sent.items.first().copied().unwrap_or(0), self.now - sent.world_at)
            }
            _ => (0, 0),
        };
        let told = self.told.len();
        let target = message.target;
        self.told.push(Told { cause, ocs, at: self.now, message });
        for gateway in 0..self.gateways.len() {
            let ours = if gateway == 0 { 201..221 } else { 221..290 };
            if !matches!(target, Target::One(AppDbid(dbid)) if ours.contains(&dbid)) {
                self.push(3, Happening::Event { gateway, told, single: false });
                continue;
            }
            let message = self.plan.faults.as_ref().map(|_| self.told[told].message.clone());
            let (way, fault) = self.way(Leg::Down, gateway, ocs, number, (item, age), message.as_ref());
            let (late, double) = match fault {
                Some(Fault::Drop) => continue,
                Some(Fault::Late { late, double }) => (late, double),
                _ => (0, None),
            };
            if let Some(gap) = double {
                self.push(way + late + gap, Happening::Event { gateway, told, single: false });
            }
            self.push(way + late, Happening::Event { gateway, told, single: double.is_none() });
        }
    }
}

fn force_tells_status(ocs: &Ocs) -> bool {
    ocs.config().profile.name == "lenient"
}
