//! The OCS side of the protocol: whose requests are accepted (specification 3.9), and what answers look like (4.4).

use crate::message::AppDbid;
use crate::message::CampaignDbid;
use crate::message::CancelRecord;
use crate::message::CommDnMessage;
use crate::message::Decoded;
use crate::message::Envelope;
use crate::message::ErrorCode;
use crate::message::ErrorEvent;
use crate::message::Fields;
use crate::message::GroupDbid;
use crate::message::Message;
use crate::message::MessageError;
use crate::message::RequestKind;
use crate::message::Sheet;
use crate::message::Target;
use crate::message::Warning;
use crate::message::WarningKind;
use crate::message::keys;
use crate::protocol::profile::{Rows, Rule};
use crate::wire::Dialect;
use crate::wire::ListView;
use crate::wire::Reading;

/// One OCS as the protocol sees it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Responder {
    /// DBID of this OCS.
    pub dbid: AppDbid,
    /// DBID of its backup, which answers when the profile says so.
    pub backup: Option<AppDbid>,
    /// Applications whose requests are accepted: Third-Party Servers that this OCS lists in its Connections, and
    /// Third-Party Applications that list this OCS in theirs.
    pub origins: Vec<AppDbid>,
    /// The rows of its profile.
    pub rows: Rows,
}

/// Who gets the answer to a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Requester {
    /// The origin of the request, the target of its answer.
    pub origin: AppDbid,
    /// `GSW_CM_AttrReferenceID` of the request.
    pub reference_id: Option<i32>,
}

/// Why a user event is ignored.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Ignored {
    /// No list, or without type or sender.
    Undecodable,
    /// Sent by this OCS itself.
    Echo,
    /// Sent by an application that this OCS does not know. It never gets an answer.
    UnknownOrigin,
    /// For another application, or for nobody.
    Target,
    /// Not a request.
    Type,
}

impl Ignored {
    /// Every reason, in the order of the tests.
    pub const ALL: [Self; 5] = [Self::Undecodable, Self::Echo, Self::UnknownOrigin, Self::Target, Self::Type];

    /// The name of the counter.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Undecodable => "dropped_undecodable",
            Self::Echo => "dropped_echo",
            Self::UnknownOrigin => "dropped_unknown_origin",
            Self::Target => "dropped_target",
            Self::Type => "dropped_type",
        }
    }
}

/// What becomes of a user event.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// A request to serve.
    Serve {
        /// Who asks.
        requester: Requester,
        /// Which request.
        kind: RequestKind,
        /// The request.
        message: CommDnMessage,
        /// The tolerances its reading needed.
        warnings: Vec<Warning>,
    },
    /// A request to this OCS that cannot be read, or only with a tolerance that the profile does not grant.
    Refuse {
        /// Who asks.
        requester: Requester,
        /// What is known of it.
        error: ErrorEvent,
    },
    /// Nothing of ours: silence.
    Ignore(Ignored),
}

impl Responder {
    /// Judges the UserData of one user event.
    #[must_use]
    pub fn judge(&self, user_data: &[u8], dialect: &Dialect) -> Verdict {
        let Ok(list) = ListView::parse(user_data, dialect, Reading::Tolerant) else {
            return Verdict::Ignore(Ignored::Undecodable);
        };
        let (envelope, read) = match CommDnMessage::read(list, Reading::Tolerant) {
            Ok(decoded) => (envelope_of(&decoded.message), Ok(decoded)),
            Err(MessageError::Body { envelope, .. }) => (envelope, Err(())),
            Err(MessageError::List(_) | MessageError::Envelope(_)) => return Verdict::Ignore(Ignored::Undecodable),
        };
        let kind = match self.ignore(&envelope) {
            Ok(kind) => kind,
            Err(ignored) => return Verdict::Ignore(ignored),
        };
        let requester = Requester { origin: envelope.origin, reference_id: int_of(list, keys::REFERENCE_ID) };
        match (kind, read) {
            (Ok(kind), Ok(Decoded { message, warnings })) => match self.refused_tolerance(&warnings) {
                None => Verdict::Serve { requester, kind, message, warnings },
                Some(code) => Verdict::Refuse { requester, error: ids_of(list, code) },
            },
            (Ok(_), Err(())) => Verdict::Refuse { requester, error: ids_of(list, ErrorCode::INVALID_PARAMETER) },
            (Err(code), _) => Verdict::Refuse { requester, error: ids_of(list, code) },
        }
    }

    /// The tests of section 3.9 in their order: `Err` = ignored, `Ok(Err)` = a type that the profile answers with an error.
    fn ignore(&self, envelope: &Envelope) -> Result<Result<RequestKind, ErrorCode>, Ignored> {
        if envelope.origin == self.dbid {
            return Err(Ignored::Echo);
        }
        if !self.origins.contains(&envelope.origin) {
            return Err(Ignored::UnknownOrigin);
        }
        let kind = RequestKind::of(envelope.message_type);
        match envelope.target {
            Some(Target::One(dbid)) if dbid == self.dbid => {}
            Some(Target::Every) if self.rows.target_zero_any => {}
            Some(Target::Every) if kind.is_some_and(|kind| !kind.is_campaign_control()) => {}
            Some(_) | None => return Err(Ignored::Target),
        }
        match (kind, self.rows.unknown_request) {
            (Some(kind), _) => Ok(Ok(kind)),
            (None, Rule::Accept) => Err(Ignored::Type),
            (None, Rule::Refuse(code)) => Ok(Err(code)),
        }
    }

    fn refused_tolerance(&self, warnings: &[Warning]) -> Option<ErrorCode> {
        warnings.iter().find_map(|warning| {
            let rule = match warning.kind {
                WarningKind::IntAsString => self.rows.int_as_string,
                WarningKind::DuplicateKey => self.rows.duplicate_key,
                WarningKind::StringAsInt | WarningKind::KeyCase | WarningKind::AutoCompletionIgnored => Rule::Accept,
            };
            match rule {
                Rule::Accept => None,
                Rule::Refuse(code) => Some(code),
            }
        })
    }

    /// An answer: origin and target of the request swapped, echoes as the profile says.
    #[must_use]
    pub fn answer(&self, to: Requester, body: impl Into<Message>) -> CommDnMessage {
        let backup = self.backup.filter(|_| self.rows.answer_from_backup);
        let mut message = CommDnMessage::new(backup.unwrap_or(self.dbid), to.origin, body);
        message.reference_id = to.reference_id.filter(|_| self.rows.reference_id_echo);
        match &mut message.body {
            Message::ErrorEvent(error) => self.reduce(error),
            Message::RecordCanceled(event) if !self.rows.answer_echo => {
                // The text that makes it partial is no echo, so it stays.
                let partial = event.partial().cloned();
                event.cancel_record =
                    partial.map(|text| CancelRecord { message: Some(text), ..CancelRecord::default() });
            }
            Message::DoNotCallProcessed(event) if !self.rows.answer_echo => event.do_not_call = None,
            _ => {}
        }
        message
    }

    /// A change that nobody asked for, or that others asked for; `None` when the profile does not tell it.
    #[must_use]
    pub fn notification(&self, last_requester: Option<AppDbid>, body: impl Into<Message>) -> Option<CommDnMessage> {
        let target = last_requester.filter(|_| self.rows.notify_last_requester).map_or(Target::Every, Target::One);
        self.rows.notify.then(|| CommDnMessage::new(self.dbid, target, body))
    }

    fn reduce(&self, error: &mut ErrorEvent) {
        let words = error.error.filter(|_| self.rows.error_text).map(ErrorCode::words);
        error.error_message = words.map(Into::into);
        if !self.rows.error_ids {
            (error.campaign, error.group) = (None, None);
        }
        if !self.rows.answer_echo {
            (error.cancel_record, error.do_not_call) = (None, None);
        }
    }
}

fn envelope_of(message: &CommDnMessage) -> Envelope {
    let message_type = message.body.message_type();
    Envelope { message_type, origin: message.origin, target: Some(message.target) }
}

/// An error with what can be read of the ids of a request.
fn ids_of(list: ListView<'_>, code: ErrorCode) -> ErrorEvent {
    let campaign = int_of(list, keys::CAMPAIGN_ID).map(CampaignDbid);
    let group = int_of(list, keys::GROUP_ID).map(GroupDbid);
    ErrorEvent { campaign, group, error: Some(code), ..ErrorEvent::default() }
}

/// An int of the top list, if it can be read.
fn int_of(list: ListView<'_>, key: &str) -> Option<i32> {
    Fields::new(list, Reading::Tolerant, &mut Sheet::default()).int(key).ok().flatten()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::message::{DoNotCall, DoNotCallProcessed, MessageType, Pair, RecordCanceled, StopDialing};
    use crate::protocol::profile::Profile;
    use crate::wire::TkvList;

    fn ocs(profile: &str) -> Responder {
        let rows = Profile::shipped(profile).unwrap().rows;
        Responder { dbid: AppDbid(301), backup: None, origins: vec![AppDbid(201)], rows }
    }

    fn judge(ocs: &Responder, tree: &TkvList) -> Verdict {
        ocs.judge(&tree.encode(&Dialect::default()).unwrap(), &Dialect::default())
    }

    fn head(kind: i32, origin: i32, target: i32) -> TkvList {
        TkvList::new().int(keys::MESSAGE_TYPE, kind).int(keys::ORIGIN_APP_ID, origin).int(keys::TARGET_APP_ID, target)
    }

    fn stop(origin: i32, target: i32) -> TkvList {
        head(10, origin, target).int(keys::CAMPAIGN_ID, 101).int(keys::GROUP_ID, 732)
    }

    fn refused(verdict: Verdict) -> ErrorEvent {
        let Verdict::Refuse { error, .. } = verdict else { panic!("{verdict:?}") };
        error
    }

    #[test]
    fn row_1_what_is_no_message_is_dropped() {
        let ocs = ocs("documented");
        let undecodable = Verdict::Ignore(Ignored::Undecodable);
        assert_eq!(ocs.judge(&[0], &Dialect::default()), undecodable);
        assert_eq!(judge(&ocs, &TkvList::new().int(keys::ORIGIN_APP_ID, 201)), undecodable);
        assert_eq!(judge(&ocs, &TkvList::new().int(keys::MESSAGE_TYPE, 12)), undecodable);
        let no_int = TkvList::new().int(keys::MESSAGE_TYPE, 12).str(keys::ORIGIN_APP_ID, "me");
        assert_eq!(judge(&ocs, &no_int), undecodable);
    }

    #[test]
    fn row_2_its_own_events_are_an_echo() {
        assert_eq!(judge(&ocs("documented"), &stop(301, 301)), Verdict::Ignore(Ignored::Echo));
    }

    #[test]
    fn row_3_and_5_a_known_origin_is_served() {
        let verdict = judge(&ocs("documented"), &stop(201, 301));
        let Verdict::Serve { requester, kind, message, warnings } = verdict else { panic!("{verdict:?}") };
        assert_eq!(requester, Requester { origin: AppDbid(201), reference_id: None });
        assert_eq!((kind, message.body), (RequestKind::Stop, StopDialing::new(Pair::new(101, 732)).into()));
        assert_eq!(warnings, []);
    }

    #[test]
    fn row_4_an_unknown_origin_meets_silence_whatever_it_asks() {
        for profile in ["documented", "strict", "lenient", "adversarial"] {
            for tree in [stop(299, 301), stop(299, 302), head(99, 299, 301), head(32, 299, 0), head(10, 299, 301)] {
                assert_eq!(judge(&ocs(profile), &tree), Verdict::Ignore(Ignored::UnknownOrigin), "{profile}");
            }
        }
    }

    #[test]
    fn row_6_target_zero_is_for_cancel_and_do_not_call() {
        for kind in [30, 32] {
            let refused = refused(judge(&ocs("documented"), &head(kind, 201, 0)));
            assert_eq!(refused.error, Some(ErrorCode::INVALID_PARAMETER), "served, though its list is missing");
        }
    }

    #[test]
    fn row_7_other_targets_are_ignored() {
        let target = Verdict::Ignore(Ignored::Target);
        let none = TkvList::new().int(keys::MESSAGE_TYPE, 10).int(keys::ORIGIN_APP_ID, 201);
        for tree in [stop(201, 0), stop(201, 302), none, head(32, 201, 302)] {
            assert_eq!(judge(&ocs("documented"), &tree), target);
        }
        let mut any = ocs("documented");
        any.rows.target_zero_any = true;
        assert!(matches!(judge(&any, &stop(201, 0)), Verdict::Serve { .. }));
    }

    #[test]
    fn row_8_other_types_are_ignored_or_refused_by_profile() {
        for kind in [0, 6, 13, 19, 27, 28, 34, 99, -1] {
            let tree = stop(201, 301);
            let mut tree = tree;
            tree.pairs_mut()[0].1 = crate::wire::Value::Int(kind);
            assert_eq!(judge(&ocs("documented"), &tree), Verdict::Ignore(Ignored::Type), "{kind}");
            let error = refused(judge(&ocs("strict"), &tree));
            assert_eq!((error.error, error.pair()), (Some(ErrorCode(10)), Some(Pair::new(101, 732))), "{kind}");
        }
    }

    #[test]
    fn a_request_that_cannot_be_read_is_refused_with_the_ids_it_has() {
        let tree = head(10, 201, 301).int(keys::CAMPAIGN_ID, 101).str(keys::GROUP_ID, "a");
        let error = refused(judge(&ocs("documented"), &tree));
        assert_eq!((error.error, error.campaign, error.group), (Some(ErrorCode(10)), Some(CampaignDbid(101)), None));
    }

    #[test]
    fn the_rows_int_as_string_and_duplicate_key_decide_about_tolerances() {
        let text = head(10, 201, 301).int(keys::CAMPAIGN_ID, 101).str(keys::GROUP_ID, "732");
        let double = stop(201, 301).int(keys::GROUP_ID, 733);
        for tree in [text, double] {
            let Verdict::Serve { message, warnings, .. } = judge(&ocs("documented"), &tree) else { panic!("served") };
            assert_eq!((message.body.pair(), warnings.len()), (Some(Pair::new(101, 732)), 1));
            assert_eq!(refused(judge(&ocs("strict"), &tree)).error, Some(ErrorCode::INVALID_PARAMETER));
        }
    }

    #[test]
    fn answers_swap_origin_and_target_and_echo_as_the_profile_says() {
        let to = Requester { origin: AppDbid(201), reference_id: Some(7) };
        let entry = DoNotCall { phone: Some("5551234".into()), ..DoNotCall::default() };
        let body = DoNotCallProcessed { do_not_call: Some(entry), ..DoNotCallProcessed::default() };
        let answer = ocs("documented").answer(to, body.clone());
        assert_eq!(
            (answer.origin, answer.target, answer.reference_id),
            (AppDbid(301), Target::One(AppDbid(201)), None)
        );
        assert!(answer.body.do_not_call().is_some());
        let answer = ocs("lenient").answer(to, body);
        assert_eq!((answer.reference_id, answer.body.do_not_call()), (Some(7), None));
        let mut pair = ocs("adversarial");
        pair.backup = Some(AppDbid(311));
        assert_eq!(pair.answer(to, DoNotCallProcessed::default()).origin, AppDbid(311));
    }

    #[test]
    fn a_partial_cancel_stays_partial_without_echo() {
        let to = Requester { origin: AppDbid(201), reference_id: None };
        let cancel = CancelRecord { phone: Some("5".into()), message: Some("left".into()), ..CancelRecord::default() };
        let body = RecordCanceled { cancel_record: Some(cancel), ..RecordCanceled::default() };
        let answer = ocs("lenient").answer(to, body);
        let Message::RecordCanceled(event) = answer.body else { panic!("31") };
        assert_eq!(event.partial().and_then(|text| text.as_str()), Some("left"));
        assert!(event.cancel_record.is_some_and(|echo| echo.phone.is_none()));
    }

    #[test]
    fn errors_carry_ids_text_and_echo_as_the_profile_says() {
        let to = Requester { origin: AppDbid(201), reference_id: None };
        let error = ErrorEvent {
            campaign: Some(CampaignDbid(101)),
            group: Some(GroupDbid(732)),
            error: Some(ErrorCode(4)),
            cancel_record: Some(CancelRecord::default()),
            ..ErrorEvent::default()
        };
        let full = ocs("documented").answer(to, error.clone()).body;
        assert_eq!(full.error_message().and_then(|text| text.as_str()), Some("campaign not loaded"));
        assert!(full.pair().is_some() && full.cancel_record().is_some());
        let bare = ocs("adversarial").answer(to, error).body;
        assert_eq!(bare.error(), Some(ErrorCode(4)));
        assert!(bare.pair().is_none() && bare.cancel_record().is_none() && bare.error_message().is_none());
    }

    #[test]
    fn notifications_go_to_nobody_or_to_the_last_requester() {
        let body = Message::Unknown(MessageType(24));
        let target = |ocs: Responder| ocs.notification(Some(AppDbid(201)), body.clone()).map(|message| message.target);
        assert_eq!(target(ocs("documented")), Some(Target::Every));
        assert_eq!(target(ocs("lenient")), Some(Target::One(AppDbid(201))));
        let mut quiet = ocs("documented");
        quiet.rows.notify = false;
        assert_eq!(target(quiet), None);
    }
}
