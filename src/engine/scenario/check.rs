//! What can be said about a scenario before it is played: what can never come, what nobody hears.

use super::count::Subject;
use super::{Expectation, Finding, Line, Parsed, START, Scenario, Severity, Step, each};
use crate::engine::conversation::Pattern;
use crate::engine::topology::Topology;
use crate::message::AppDbid;
use crate::message::ErrorCode;
use crate::message::GroupCampStatus;
use crate::message::MessageType;
use crate::message::Target;

/// Everything that is to be said about a file that was read, and the site that it describes.
#[must_use]
pub fn check(parsed: &Parsed, text: &str) -> (Topology, Vec<Finding>) {
    let (topology, wrong) = parsed.scenario.site.build();
    let mut checker = Checker {
        scenario: &parsed.scenario,
        topology: &topology,
        text: text.lines().collect(),
        findings: parsed.findings.clone(),
    };
    for (line, message) in wrong {
        let found = message.split('\'').nth(1).unwrap_or_default().to_owned();
        checker.tell(line, &found, Severity::Error, &message);
    }
    checker.look();
    let mut findings = checker.findings;
    findings.sort_by_key(|finding| (finding.line, finding.column));
    findings.dedup();
    (topology, findings)
}

struct Checker<'a> {
    scenario: &'a Scenario,
    topology: &'a Topology,
    text: Vec<&'a str>,
    findings: Vec<Finding>,
}

impl Checker<'_> {
    fn tell(&mut self, line: usize, found: &str, severity: Severity, message: &str) {
        let content = line.checked_sub(1).and_then(|at| self.text.get(at)).copied().unwrap_or_default();
        let column = super::finding::column(content, found);
        self.findings.push(Finding { line, column, severity, message: message.to_owned() });
    }

    fn look(&mut self) {
        let scenario = self.scenario;
        if scenario.operator && scenario.length.is_none() {
            self.tell(1, "", Severity::Error, "expected a line 'for DURATION' with operator, found none");
        }
        self.moments(&scenario.steps);
        let mut lines = Vec::new();
        each(&scenario.steps, &mut |line| lines.push(line));
        let says = lines.iter().any(|line| matches!(line.step, Step::Say(_)));
        for Line { line, step } in &lines {
            match step {
                Step::Send(sent) => self.sent(*line, sent.message.origin, sent.message.target),
                Step::Expect(Expectation { patterns, .. }) => {
                    for (line, pattern) in patterns {
                        self.event(*line, pattern, Severity::Error, says);
                    }
                }
                Step::Never { pattern, .. } | Step::Optional(pattern) | Step::When { pattern, .. } => {
                    self.event(*line, pattern, Severity::Warning, says);
                }
                Step::Check(check) => self.counted(*line, check.subject),
                Step::Trigger(Some(ocs), _) if !self.is_ocs(*ocs) => self.no_ocs(*line, *ocs, Severity::Error),
                Step::Trigger(..) | Step::Say(_) | Step::Every { .. } | Step::At(_) | Step::Wait(_) => {}
                Step::Fault(_) | Step::Profile(_) => {}
            }
        }
        let proves = |line: &&Line| matches!(line.step, Step::Expect(_) | Step::Never { .. } | Step::Check(_));
        if !lines.is_empty() && !lines.iter().any(proves) && self.findings.is_empty() {
            let line = lines.first().map_or(1, |line| line.line);
            self.tell(
                line,
                "",
                Severity::Warning,
                "nothing has to come and nothing is checked: any event ends the run",
            );
        }
    }

    /// Moments go forward.
    fn moments(&mut self, steps: &[Line]) {
        let (start, length) = (self.scenario.start.unwrap_or(START), self.scenario.length);
        let mut before = None;
        for Line { line, step } in steps {
            let Step::At(moment) = step else {
                if matches!(step, Step::Profile(_)) {
                    before = None;
                }
                continue;
            };
            let at = moment.time(start, length);
            if at < before {
                let message = format!("expected a moment behind the one before it, found {moment}");
                self.tell(*line, &moment.to_string(), Severity::Error, &message);
            }
            if length.is_some_and(|length| at.is_some_and(|at| at.0 > length)) {
                let message = format!("expected a moment before the end of the run, found {moment}");
                self.tell(*line, &moment.to_string(), Severity::Error, &message);
            }
            before = at;
        }
    }

    fn is_ocs(&self, dbid: AppDbid) -> bool {
        self.topology.ocs.iter().any(|ocs| ocs.dbid == dbid)
    }

    fn no_ocs(&mut self, line: usize, dbid: AppDbid, severity: Severity) {
        let all: Vec<String> = self.topology.ocs.iter().map(|ocs| ocs.dbid.to_string()).collect();
        let message = format!("there is no OCS {dbid} in the site, only {}", all.join(", "));
        self.tell(line, &dbid.to_string(), severity, &message);
    }

    fn sent(&mut self, line: usize, origin: AppDbid, target: Target) {
        if let Target::One(ocs) = target
            && !self.is_ocs(ocs)
        {
            self.no_ocs(line, ocs, Severity::Warning);
        }
        let mut silence = false; // whoever writes that nothing may come knows it
        each(&self.scenario.steps, &mut |line| {
            let of = |pattern: &Pattern| pattern.to() == Some(Target::One(origin));
            silence |= matches!(&line.step, Step::Never { pattern, .. } if of(pattern));
        });
        if !silence && !self.topology.origins.iter().any(|(known, _)| known.dbid == origin) {
            let message = format!("no OCS of the site knows application {origin}: all will be silent");
            self.tell(line, &origin.to_string(), Severity::Warning, &message);
        }
    }

    fn event(&mut self, line: usize, pattern: &Pattern, severity: Severity, says: bool) {
        if let Some(ocs) = pattern.from().filter(|ocs| !says && !self.is_ocs(*ocs)) {
            self.no_ocs(line, ocs, severity);
        }
        if let Some(Target::One(to)) = pattern.to() {
            let hears = self.scenario.senders().contains(&to) || self.scenario.operator || says;
            if !hears {
                let message = format!("application {to} asks nothing in this file, so nothing is sent to it");
                self.tell(line, &to.to_string(), Severity::Warning, &message);
            }
        }
        let is_error = pattern.message_type().is_none_or(|kind| kind == MessageType(27));
        let known = |dbid| self.topology.campaigns.iter().any(|(campaign, _)| campaign.dbid.0 == dbid);
        if let Some(campaign) = pattern.number("campaign").filter(|it| *it != 0 && !is_error && !says && !known(*it)) {
            let message = format!("campaign {campaign} is not in the site: only an error can come of it");
            self.tell(line, &campaign.to_string(), Severity::Warning, &message);
        }
        let known = |dbid| self.topology.groups.iter().any(|group| group.dbid.0 == dbid);
        if let Some(group) = pattern.number("group").filter(|it| !is_error && !says && !known(*it)) {
            let message = format!("group {group} is not in the site: only an error can come of it");
            self.tell(line, &group.to_string(), Severity::Warning, &message);
        }
        if says {
            return;
        }
        for (key, name) in [
            ("status", pattern.number("status").filter(|it| GroupCampStatus(*it).name().is_none())),
            ("error", pattern.number("error").filter(|it| ErrorCode(*it).name().is_none())),
        ] {
            if let Some(number) = name {
                let message = format!("{key} {number} is in no table: no simulated OCS sends it");
                self.tell(line, &number.to_string(), Severity::Warning, &message);
            }
        }
    }

    fn counted(&mut self, line: usize, subject: Subject) {
        let (found, message) = match subject {
            Subject::Campaign(campaign) => {
                let all: Vec<String> = self.topology.campaigns.iter().map(|(it, _)| it.dbid.to_string()).collect();
                if all.contains(&campaign.to_string()) {
                    return;
                }
                let only = all.join(", ");
                (campaign.to_string(), format!("there is no campaign {campaign} in the site, only {only}"))
            }
            Subject::Pair(pair) => {
                let all: Vec<String> = self.topology.pairs.iter().map(|it| it.pair.to_string()).collect();
                if all.contains(&pair.to_string()) {
                    return;
                }
                (pair.to_string(), format!("there is no pair {pair} in the site, only {}", all.join(", ")))
            }
            Subject::Ocs(ocs) if !self.is_ocs(ocs) => return self.no_ocs(line, ocs, Severity::Error),
            Subject::Ocs(_) => return,
        };
        self.tell(line, &found, Severity::Error, &message);
    }
}
