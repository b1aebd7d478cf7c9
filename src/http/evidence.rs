//! Do-not-call evidence as it is shown, by the gateway and by a program that opens a store without one.

use crate::http::convert::rfc3339;
use crate::http::dto::{DncDeliveryDto, DncEvidenceDto, DncExportDto, DncOcsDto, DncReportDto, DncVerdictDto};
use crate::protocol::UtcTime;
use crate::service::Pseudonyms;
use crate::service::access::now;
use crate::service::dnc::{Deadline, DncReport};
use crate::store::{Delivery, DncEvidence, Head, Report, hex};
use crate::wire::Text;

/// Whose phone and customer id are shown as they are; everybody else has a stand-in.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Shown<'a> {
    /// Makes the stand-ins.
    pub pseudonyms: &'a Pseudonyms,
    /// Phones as they are: the asker knows this one, or may see all.
    pub phone: bool,
    /// Customer ids likewise.
    pub customer: bool,
    /// The time an entry may take, when it is known.
    pub deadline: Option<Deadline>,
}

impl Shown<'_> {
    fn text(&self, text: &Text, as_it_is: bool) -> String {
        if as_it_is { text.display().into_owned() } else { self.pseudonyms.person(&text.display()) }
    }

    /// One entry.
    pub(crate) fn evidence(&self, evidence: &DncEvidence) -> DncEvidenceDto {
        let entry = &evidence.entry;
        let phone =
            |phone: &Option<crate::message::Phone>| phone.as_ref().map(|phone| self.text(phone.reveal(), self.phone));
        let reason = entry.note.as_deref();
        DncEvidenceDto {
            schema: "commdn.dnc_evidence.v1".into(),
            request_id: entry.request.to_string(),
            row: evidence.row,
            hash: hex(&evidence.hash),
            at: rfc3339(entry.at),
            who: entry.who.clone(),
            channel: entry.channel.clone(),
            phone: phone(&entry.phone),
            customer_id: entry.customer.as_ref().map(|customer| self.text(customer.reveal(), self.customer)),
            as_given: phone(&entry.raw),
            normalised: phone(&entry.normalised),
            scope: entry.scope.clone(),
            // People write numbers into reasons.
            reason: reason.map(|text| if self.phone { text.to_owned() } else { self.pseudonyms.words(text) }),
            confirmed: evidence.is_confirmed(),
            expires_at: entry.expires_at.map(|seconds| rfc3339(UtcTime { seconds, micros: 0 })),
            expired: entry.expires_at.is_some_and(|end| end <= now().seconds),
            deadline_at: self.deadline.map(|deadline| rfc3339(deadline.of(entry.at))),
            deliveries: evidence.deliveries.iter().map(delivery).collect(),
        }
    }

    /// A page of entries.
    pub(crate) fn page(&self, page: &[DncEvidence], next: Option<String>, head: Head) -> DncExportDto {
        DncExportDto {
            schema: "commdn.dnc_export.v1".into(),
            items: page.iter().map(|evidence| self.evidence(evidence)).collect(),
            next,
            head: head.to_string(),
            count: head.count,
        }
    }
}

fn millis(duration: std::time::Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

fn delivery(delivery: &Delivery) -> DncDeliveryDto {
    DncDeliveryDto {
        ocs: delivery.ocs.0,
        confirmed_at: delivery.confirmed_at.map(rfc3339),
        latency_ms: delivery.latency.filter(|_| delivery.confirmed_at.is_some()).map(millis),
        code: delivery.code.map(|code| code.0),
        name: delivery.code.map(|code| code.to_string()),
    }
}

/// What a walk along the chain found.
pub(crate) fn verdict(report: &Report) -> DncVerdictDto {
    DncVerdictDto {
        schema: "commdn.dnc_verdict.v1".into(),
        whole: report.is_whole(),
        rows: report.rows,
        purged_to: report.purged_to,
        compared: report.compared,
        row: report.fault.map(|fault| fault.row),
        fault: report.fault.map(|fault| fault.to_string()),
        head: report.head.to_string(),
    }
}

/// Everything added up.
pub(crate) fn report(report: &DncReport, deadline: Deadline) -> DncReportDto {
    let ocs = report.ocss.iter().map(|(ocs, tally)| DncOcsDto {
        ocs: ocs.0,
        confirmed: tally.confirmed,
        unconfirmed: tally.unconfirmed,
        slowest_ms: millis(tally.slowest),
    });
    DncReportDto {
        schema: "commdn.dnc_report.v1".into(),
        at: rfc3339(report.at),
        entries: report.entries,
        confirmed: report.entries - report.unconfirmed,
        unconfirmed: report.unconfirmed,
        overdue: report.overdue,
        overdue_requests: report.late.iter().map(ToString::to_string).collect(),
        deadline_days: deadline.days(),
        deadline_profile: deadline.profile().into(),
        channels: report.channels.clone(),
        ocs: ocs.collect(),
    }
}
