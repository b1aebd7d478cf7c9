//! The campaign-group engine against a small model of it, written down a second time from the table of the
//! specification (section 5.3), with random commands.

use commdn::{
    engine::ocs::{Held, Input, Internal, Output},
    message::{CommDnMessage, Target},
    protocol::{Time, UtcSeconds},
    wire::Dialect,
};

use crate::{
    schedules::say,
    world::{dice::Dice, plan::WHATS, site},
};

/// GSW_CM_AttrGroupCampStatus, and who waits for the unload.
#[derive(Clone, Copy, Debug, Default)]
struct Model {
    status: i32,
    waiter: Option<i32>,
    /// When an unload goes on by itself.
    due: Option<u64>,
    /// A call of the pair is open.
    call: bool,
}

/// Message type, status or error code, target.
type Said = (i32, i32, i32);

impl Model {
    fn ask(&mut self, now: u64, what: &str, from: i32) -> Vec<Said> {
        let say = |number, status| vec![(number, status, from)];
        let refuse = |code| vec![(27, code, from)];
        let loaded = self.status != 0;
        match (what, self.status) {
            ("status", status) => say(24, status),
            ("load", 0) => {
                self.status = 4;
                say(19, 4)
            }
            ("load", _) => refuse(5),
            (_, 0) => refuse(4),
            ("force_unload", _) if loaded => {
                let waiter = self.waiter.take();
                (self.status, self.due) = (0, None);
                let mut said = say(20, 0);
                said.extend(waiter.map(|waiter| (20, 0, waiter)));
                said
            }
            ("unload", 3 | 4) => {
                (self.status, self.waiter, self.due) = (2, Some(from), Some(now + 1_000));
                vec![]
            }
            ("unload", 5) => {
                (self.status, self.waiter, self.due) = (1, Some(from), Some(now + 20_000));
                let mut said = say(22, 1);
                said.extend(self.drain(now));
                said
            }
            ("unload" | "start", 1 | 2) => refuse(4),
            ("start", 3) => refuse(16),
            ("start", 4) => {
                self.status = 5;
                say(21, 5)
            }
            ("start", _) => refuse(7),
            ("stop", 5) => {
                self.status = 4;
                say(22, 4)
            }
            ("set_mode", 5) => say(23, 5),
            _ => refuse(6),
        }
    }

    /// The last call is over: told to everybody, then a second for the unload itself.
    fn drain(&mut self, now: u64) -> Vec<Said> {
        if self.status != 1 || self.call {
            return vec![];
        }
        (self.status, self.due) = (2, Some(now + 1_000));
        vec![(24, 2, 0)]
    }

    fn pass(&mut self, now: u64) -> Vec<Said> {
        let mut said = vec![];
        while let Some(due) = self.due.filter(|due| *due <= now) {
            match self.status {
                1 => {
                    (self.status, self.due) = (2, Some(due + 1_000));
                    said.push((24, 2, 0));
                }
                _ => {
                    (self.status, self.due) = (0, None);
                    said.push((20, 0, self.waiter.take().unwrap_or(0)));
                }
            }
        }
        said
    }

    fn inside(&mut self, back: bool) -> Vec<Said> {
        match (self.status, back) {
            (4, false) => self.status = 3,
            (3, true) => self.status = 4,
            _ => return vec![],
        }
        vec![(24, self.status, 0)]
    }
}

fn said(message: &CommDnMessage) -> Said {
    let target = match message.target {
        Target::Every => 0,
        Target::One(dbid) => dbid.0,
    };
    let body = &message.body;
    let status = body.pair_event().and_then(|event| event.status).map(|status| status.0);
    (body.message_type().0, status.or(body.error().map(|code| code.0)).unwrap_or(-1), target)
}

#[test]
fn the_campaign_engine_does_what_the_model_does() {
    let mut commands = 0_u64;
    for seed in 1..300 {
        let mut dice = Dice::new(seed);
        let mut ocs = site::ocs(0, 0);
        let mut model = Model::default();
        let mut now = 1_000;
        let mut ladder = Vec::new();
        for _ in 0..60 {
            commands += 1;
            now += dice.of(&[1, 200, 900, 1_500, 25_000]);
            let passed = model.pass(now);
            let pair = site::pair(0);
            let (name, wanted) = match dice.below(12) {
                0 => (Err(Internal::SetInactive(pair)), model.inside(false)),
                1 => (Err(Internal::ClearInactive(pair)), model.inside(true)),
                2 if model.status == 5 => {
                    model.call = true;
                    let list = "people".to_owned();
                    (Err(Internal::RecordTaken { list, record_id: 1, pair, held: Held::Call }), vec![])
                }
                3 => {
                    model.call = false;
                    (Err(Internal::RecordBack { list: "people".to_owned(), record_id: 1 }), model.drain(now))
                }
                _ => {
                    let what = dice.below(7);
                    let from = dice.of(&[201, 202]);
                    let message =
                        CommDnMessage::new(commdn::message::AppDbid(from), site::OCS[0], site::request(what, 0, 0));
                    (Ok(message), model.ask(now, WHATS[what as usize], from))
                }
            };
            let (time, utc) = (Time::from_millis(now), UtcSeconds(1_700_000_000 + (now / 1_000) as i64));
            ladder.push(format!("{now} {name:?}"));
            match name {
                Ok(message) => {
                    let user_data = message.encode(&Dialect::default()).unwrap();
                    ocs.handle(time, utc, Input::UserEvent { dn: site::DN, user_data: &user_data });
                }
                Err(internal) => ocs.handle(time, utc, Input::Internal(internal)),
            }
            let mut found = Vec::new();
            while let Some(output) = ocs.poll() {
                if let Output::Send { message, .. } = output {
                    found.push(said(&message));
                }
            }
            let expected: Vec<Said> = passed.into_iter().chain(wanted).collect();
            assert_eq!(found, expected, "seed {seed}: (type, status or code, target)\n{}", ladder.join("\n"));
        }
    }
    say(&format!("schedules: {commands} commands to the campaign engine, each answered as the model answers"));
}
