//! Rule 2, last part: copies of our own frames, and frames that somebody else sent with our DBID.

use crate::message::CommDnMessage;
use crate::message::Target;
use crate::protocol::Time;
use crate::protocol::requester::Requester;
use crate::protocol::requester::after;
use crate::protocol::requester::config::DnAddress;
use crate::protocol::requester::io::{Alarm, Output, Standing};
use crate::protocol::requester::job::Timer;
use crate::protocol::requester::mutant::Mutant;
use crate::protocol::requester::shadow::{Cover, Shadow};
use crate::protocol::requester::table::{Asked, OcsIx, Place};

impl Requester {
    pub(super) fn own_or_forged(&mut self, now: Time, address: &DnAddress, message: &CommDnMessage) -> Standing {
        let origin = message.origin;
        let asked = Asked::of(message.body.clone());
        if let Some(asked) = &asked {
            match self.own.knows(now, (origin, message.target.dbid(), asked), address) {
                Some(true) => return Standing::OwnCopy,
                None => return Standing::NotAddressed,
                Some(false) => {}
            }
        }
        if self.alarmed.insert(origin) {
            self.out.push_back(Output::Alarm(Alarm::ForgedOrigin { origin, address: address.clone() }));
        }
        if let Some(asked) = asked {
            for ocs in self.meant_by(address, message.target) {
                self.lay_forged(now, Place { ocs, origin }, &asked);
            }
        }
        Standing::Forged
    }

    fn meant_by(&self, address: &DnAddress, target: Target) -> Vec<OcsIx> {
        let one = match target {
            Target::Every => None,
            Target::One(dbid) => Some(self.by_dbid.get(&dbid).copied()),
        };
        let here = self.ocss.iter().enumerate().filter(|(_, peer)| peer.address == *address).map(|(ocs, _)| ocs);
        here.filter(|ocs| one.is_none_or(|one| one == Some(*ocs))).collect()
    }

    /// OCS will answer it to us, so a full shadow waits for that answer. Past the limit only the alarm is left.
    fn lay_forged(&mut self, now: Time, place: Place, asked: &Asked) {
        let until = after(after(now, self.config.b_of(asked.kind)), self.config.d);
        if let Some(twin) = self.shadows.twin(place, asked) {
            self.shadows.extend(twin, until);
            return;
        }
        if !self.shadows_are_full(1) {
            self.lay(now, Shadow { place, asked: asked.clone(), cover: Cover::Full, until, since: now });
        }
    }

    pub(super) fn lay(&mut self, now: Time, shadow: Shadow) {
        if shadow.until < now || self.is(Mutant::FirstFit) || self.is(Mutant::OneInFlight) {
            return;
        }
        let until = shadow.until;
        let number = self.shadows.insert(shadow);
        self.set_timer(until, Timer::Shadow(number));
    }
}
