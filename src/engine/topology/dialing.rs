//! Lines about dialing: how calls go, who works, time zones. A site without them answers requests and never dials.

use super::{Options, Topology, number, unknown};
use crate::engine::ocs::dialer::{CallResult, DialModel, Outcome, Span, Treatment, millis_from_word};
use crate::message::AppDbid;
use crate::message::GroupDbid;

/// Most agents, or ports, of one group.
const SEATS_MAX: u32 = 100_000;

impl Topology {
    pub(super) fn dialing_line(&mut self, options: &mut Options) -> Result<(), String> {
        let model = self.dialing.get_or_insert_default();
        model.seed = count(options, "seed", u32::MAX)?.map_or(model.seed, u64::from);
        model.lines = count(options, "lines", SEATS_MAX)?.unwrap_or(model.lines);
        let spans = [
            ("talk", &mut model.talk),
            ("wrap_up", &mut model.wrap_up),
            ("ivr", &mut model.ivr),
            ("patience", &mut model.patience),
            ("preview", &mut model.preview),
            ("ask", &mut model.ask),
            ("call_back_after", &mut model.call_back_after),
        ];
        for (key, span) in spans {
            *span = take_span(options, key)?.unwrap_or(*span);
        }
        model.drop_after_ms = take_millis(options, "drop_after")?.unwrap_or(model.drop_after_ms);
        let rates = [
            ("transferred", &mut model.transferred_per_mille, 1_000),
            ("wrong_party", &mut model.wrong_party_per_mille, 1_000),
            ("call_back", &mut model.call_back_per_mille, 1_000),
            ("power", &mut model.power_per_mille, 100_000),
        ];
        for (key, rate, max) in rates {
            *rate = count(options, key, max)?.unwrap_or(*rate);
        }
        Ok(())
    }

    /// The first line replaces the shipped table.
    pub(super) fn outcome_line(&mut self, options: &mut Options) -> Result<(), String> {
        let result = take_result(options)?;
        let weight = count(options, "rate", 1_000_000)?.ok_or("expected rate=, found none")?;
        let ring = take_span(options, "ring")?.ok_or("expected ring=, found none")?;
        let is_first = !std::mem::replace(&mut self.outcomes_given, true);
        let model = self.dialing.get_or_insert_default();
        if is_first {
            model.outcomes.clear();
        }
        model.outcomes.push(Outcome { result, weight, ring });
        Ok(())
    }

    pub(super) fn treatment_line(&mut self, options: &mut Options) -> Result<(), String> {
        let result = take_result(options)?;
        let attempts = options.take("attempts").map(|word| number("attempts", &word)).transpose()?.unwrap_or(1);
        let after_ms = take_millis(options, "after")?.unwrap_or(0);
        let treatments = &mut self.dialing.get_or_insert_default().treatments;
        treatments.insert(result, Treatment { attempts, after_ms });
        Ok(())
    }

    pub(super) fn agents_line(&mut self, options: &mut Options) -> Result<(), String> {
        let group = self.known_group(&options.next("group")?)?;
        let agents = seats(&options.next("agents")?)?;
        let staff = self.dialing.get_or_insert_default().staff.entry(group).or_default();
        staff.agents = agents;
        for (key, span) in [("arrive", &mut staff.arrive), ("stint", &mut staff.stint), ("pause", &mut staff.pause)] {
            *span = take_span(options, key)?.unwrap_or(*span);
        }
        Ok(())
    }

    pub(super) fn ports_line(&mut self, options: &mut Options) -> Result<(), String> {
        let group = self.known_group(&options.next("group")?)?;
        let ports = seats(&options.next("ports")?)?;
        self.dialing.get_or_insert_default().staff.entry(group).or_default().ports = ports;
        Ok(())
    }

    pub(super) fn zone_line(&mut self, options: &mut Options) -> Result<(), String> {
        let dbid = number("DBID", &options.next("DBID")?)?;
        super::once("zone", dbid, self.zones.iter().any(|(known, _)| *known == dbid))?;
        self.zones.push((dbid, options.next("name")?));
        Ok(())
    }

    fn known_group(&self, word: &str) -> Result<GroupDbid, String> {
        let group = GroupDbid(number("group", word)?);
        match self.groups.iter().any(|known| known.dbid == group) {
            true => Ok(group),
            false => Err(format!("expected a group of a line above, found {group}")),
        }
    }

    /// What one OCS dials with. Agents and ports of a group that several OCSs use are shared out among them.
    pub(super) fn dialing_of(&self, dbid: AppDbid) -> Option<DialModel> {
        let mut model = self.dialing.clone()?;
        for (group, staff) in &mut model.staff {
            let uses = |ocs: AppDbid| {
                self.pairs.iter().any(|pair| pair.pair.group == *group && self.ocs_of(pair.pair.campaign) == Some(ocs))
            };
            let users: Vec<AppDbid> = self.ocs.iter().map(|ocs| ocs.dbid).filter(|ocs| uses(*ocs)).collect();
            let all = u32::try_from(users.len()).unwrap_or(u32::MAX);
            let place = users.iter().position(|ocs| *ocs == dbid).and_then(|place| u32::try_from(place).ok());
            for seats in [&mut staff.agents, &mut staff.ports] {
                *seats = place.map_or(0, |place| *seats / all + u32::from(place < *seats % all));
            }
        }
        Some(model)
    }
}

fn count(options: &mut Options, key: &str, max: u32) -> Result<Option<u32>, String> {
    let Some(word) = options.take(key) else { return Ok(None) };
    let count: Option<u32> = word.parse().ok().filter(|count| *count <= max);
    count.map(Some).ok_or_else(|| format!("{key}: expected 0 to {max}, found '{word}'"))
}

fn seats(word: &str) -> Result<u32, String> {
    let seats: Option<u32> = word.parse().ok().filter(|seats| *seats <= SEATS_MAX);
    seats.ok_or_else(|| format!("expected 0 to {SEATS_MAX}, found '{word}'"))
}

fn take_span(options: &mut Options, key: &str) -> Result<Option<Span>, String> {
    let Some(word) = options.take(key) else { return Ok(None) };
    let span = Span::from_word(&word).map(Some);
    span.ok_or_else(|| format!("{key}: expected 20s, 4s-18s or ~150s (a mean), found '{word}'"))
}

fn take_millis(options: &mut Options, key: &str) -> Result<Option<u64>, String> {
    let Some(word) = options.take(key) else { return Ok(None) };
    let millis = millis_from_word(&word).map(Some);
    millis.ok_or_else(|| format!("{key}: expected a duration such as 500ms, 20s, 5m or 2h, found '{word}'"))
}

fn take_result(options: &mut Options) -> Result<CallResult, String> {
    let word = options.next("result")?;
    CallResult::from_word(&word).ok_or_else(|| unknown("a call result such as busy", &word, CallResult::words()))
}
