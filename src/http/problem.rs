//! Errors at the door: `application/problem+json`, one table from sources to slugs (docs/commdn.md section 6).

use axum::{
    Json,
    http::{HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};

use crate::engine::RequestNumber;
use crate::http::dto::{AnswerDto, ProblemDto, RequestDto};
use crate::http::trace::REQUEST_ID;
use crate::message::ErrorCode;
use crate::service::without_numbers;

/// A problem on its way out.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Problem {
    /// The body; boxed, since a problem travels in many results.
    pub body: Box<ProblemDto>,
    /// Seconds after which another try makes sense.
    pub retry_after_s: Option<u32>,
    /// `WWW-Authenticate`.
    pub challenge: Option<String>,
}

/// What an answer says of itself, for the audit: an extension of the response.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Told {
    /// The slug of a problem.
    pub slug: Option<String>,
    /// What a problem says, without numbers.
    pub detail: Option<String>,
    /// The request that was accepted.
    pub request: Option<RequestNumber>,
}

/// What a request that OCS refused is called, and its HTTP status.
fn of_code(code: Option<ErrorCode>) -> (&'static str, u16) {
    match code {
        Some(ErrorCode::CAMPAIGN_NOT_FOUND) => ("campaign-not-found", 404),
        Some(ErrorCode::GROUP_NOT_FOUND) => ("group-not-found", 404),
        Some(ErrorCode::GROUP_CAMP_NOT_FOUND) => ("campaign-not-in-group", 404),
        Some(ErrorCode::CAMPAIGN_SCHEDULE_NOT_FOUND) => ("sequence-not-found", 404),
        Some(ErrorCode::CAMPAIGN_NOT_LOADED) => ("campaign-not-loaded", 409),
        Some(ErrorCode::CAMPAIGN_ALREADY_LOADED) => ("campaign-already-loaded", 409),
        Some(ErrorCode::CAMPAIGN_NOT_STARTED) => ("campaign-not-started", 409),
        Some(ErrorCode::CAMPAIGN_ALREADY_STARTED) => ("campaign-already-started", 409),
        Some(ErrorCode::PART_OF_SEQUENCE) => ("part-of-sequence", 409),
        Some(ErrorCode::WRONG_CONFIGURATION) => ("wrong-configuration", 409),
        Some(ErrorCode::INVALID_PARAMETER) => ("invalid-parameter", 422),
        Some(ErrorCode::INVALID_CAMPAIGN_MODE) => ("invalid-campaign-mode", 422),
        Some(ErrorCode::INVALID_CAMPAIGN_SCHEDULE) => ("invalid-sequence", 422),
        Some(ErrorCode::INVALID_CAMPAIGN_SCHEDULE_MODE) => ("invalid-sequence-mode", 422),
        Some(ErrorCode::LICENSE_VIOLATION) => ("licence-violation", 403),
        Some(_) | None => ("ocs-error", 502),
    }
}

/// What to do about an error of OCS.
fn hint_of(code: Option<ErrorCode>) -> Option<&'static str> {
    Some(match code? {
        ErrorCode::CAMPAIGN_NOT_FOUND => "check the campaign's DBID; a cancel needs the campaign to be loaded",
        ErrorCode::GROUP_NOT_FOUND => "check the DBID: it is the agent group's, not the campaign group object's",
        ErrorCode::GROUP_CAMP_NOT_FOUND => "the campaign is not configured for this group in OCS",
        ErrorCode::CAMPAIGN_NOT_LOADED => "load the campaign first",
        ErrorCode::CAMPAIGN_ALREADY_LOADED => "nothing to do, or unload it first to load it anew",
        ErrorCode::CAMPAIGN_NOT_STARTED => "start the campaign first",
        ErrorCode::CAMPAIGN_ALREADY_STARTED => "stop it first, or change its parameters with set-mode",
        ErrorCode::INVALID_CAMPAIGN_MODE => {
            "the mode does not fit the running campaign, or another campaign dials on this group; stop it first"
        }
        ErrorCode::LICENSE_VIOLATION => "this dial mode is not in the licence of OCS",
        ErrorCode::PART_OF_SEQUENCE => "a running sequence owns this campaign; stop the sequence first",
        ErrorCode::WRONG_CONFIGURATION => "campaign, group, their pair or all calling lists are disabled in OCS",
        _ => return None,
    })
}

/// The diagnosis of silence: OCS does not answer applications that it does not know.
pub(super) const SILENCE_HINT: &str = "OCS ignores requests of applications it does not know: check that our application \
    DBID is in the Connections of OCS (or OCS in those of our application), the option outbound_contact_server of the \
    CommDN, and both DBIDs";

impl Problem {
    /// A problem by slug; its title is the slug in words.
    #[must_use]
    pub(super) fn new(slug: &str, status: u16, detail: impl Into<String>) -> Self {
        Self {
            body: Box::new(ProblemDto {
                problem_type: format!("/problems/{slug}"),
                title: slug.replace('-', " "),
                status,
                detail: detail.into(),
                ..ProblemDto::default()
            }),
            retry_after_s: None,
            challenge: None,
        }
    }

    /// A body of a kind that is not read here.
    #[must_use]
    pub(super) fn media_type(found: &str) -> Self {
        let detail = format!("Content-Type: expected application/json, found {found}");
        Self::new("unsupported-media-type", 415, detail).hint("send -H 'content-type: application/json'")
    }

    /// Adds what to do about it.
    #[must_use]
    pub(super) fn hint(mut self, hint: &str) -> Self {
        self.body.hint = Some(hint.to_owned());
        self
    }

    /// Adds the request that was accepted all the same.
    #[must_use]
    pub(super) fn request(mut self, request_id: &str) -> Self {
        self.body.request_id = Some(request_id.to_owned());
        self
    }

    /// Says when to come back.
    #[must_use]
    pub(super) fn retry_after(mut self, seconds: u32) -> Self {
        self.retry_after_s = Some(seconds);
        self
    }

    /// No answer in time.
    #[must_use]
    pub(super) fn silent(detail: impl Into<String>) -> Self {
        Self::new("ocs-silent", 504, detail).hint(SILENCE_HINT)
    }

    /// Answers that could have been another request's, or a state that is not the one that was asked for.
    #[must_use]
    pub(super) fn unclear(detail: impl Into<String>) -> Self {
        Self::new("ocs-silent", 504, detail).hint("see /v1/requests/{id}/explain, and ask for the campaign's state")
    }

    /// The problem of a request that ended badly, `None` when it ended well or is still open.
    #[must_use]
    pub(super) fn of_request(request: &RequestDto) -> Option<Self> {
        let problem = match request.outcome.as_str() {
            "refused" => match request.answers.iter().find(|answer| answer.result == "refused") {
                Some(answer) => Self::of_refusal(answer),
                None => Self::of_reason(request),
            },
            "unknown" => Self::of_reason(request),
            _ => return None,
        };
        Some(problem.request(&request.request_id))
    }

    fn of_refusal(answer: &AnswerDto) -> Self {
        let code = answer.code.map(ErrorCode);
        let (slug, status) = of_code(code);
        let words = match code {
            Some(_) if slug != "ocs-error" => slug.replace('-', " "),
            Some(code) => code.words(),
            None => "error without a code".to_owned(),
        };
        let mut problem = Self::new(slug, status, words);
        problem.body.ocs = Some(answer.ocs);
        problem.body.code = answer.code;
        problem.body.name.clone_from(&answer.name);
        problem.body.ocs_message.clone_from(&answer.message);
        problem.body.hint = hint_of(code).map(str::to_owned);
        problem
    }

    fn of_reason(request: &RequestDto) -> Self {
        let reason = request.reason.as_deref().unwrap_or("silent");
        let detail = request.detail.clone().unwrap_or_else(|| reason.replace('_', " "));
        let mut problem = match reason {
            "overloaded" => Self::new("overloaded", 503, detail).retry_after(1),
            "superseded" => Self::new("superseded", 409, detail).hint("a stop or force unload came after it"),
            "not_sent" => Self::new("not-sent", 503, detail)
                .hint("earlier requests about the same campaign or person were still open; nothing was sent")
                .retry_after(10),
            "link_down" => Self::new("link-down", 502, detail)
                .hint("check that the T-Server runs and that its address and application name are right"),
            "link_timeout" => Self::new("link-timeout", 504, detail)
                .hint("the T-Server did not confirm the request in time; it may have reached OCS"),
            "not_in_effect" | "ambiguous" => Self::unclear(detail),
            "invalid_parameter" => Self::new("invalid-parameter", 422, detail),
            _ => Self::silent(detail),
        };
        problem.body.tserver_code = request.tserver_code;
        problem
    }
}

impl ProblemDto {
    /// The body as it leaves: nobody's number stands in it, whoever wrote it there.
    fn without_numbers(&self) -> Self {
        let text = |text: &Option<String>| text.as_deref().map(|text| without_numbers(text).into_owned());
        Self {
            detail: without_numbers(&self.detail).into_owned(),
            ocs_message: text(&self.ocs_message),
            hint: text(&self.hint),
            ..self.clone()
        }
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let status = StatusCode::from_u16(self.body.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        let body = self.body.without_numbers();
        let mut response = (status, Json(&body)).into_response();
        let headers = response.headers_mut();
        if let Some(Ok(id)) = self.body.request_id.as_deref().map(HeaderValue::from_str) {
            headers.insert(REQUEST_ID, id);
        }
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/problem+json"));
        if let Some(seconds) = self.retry_after_s {
            headers.insert(header::RETRY_AFTER, HeaderValue::from(seconds));
        }
        if let Some(Ok(challenge)) = self.challenge.as_deref().map(HeaderValue::from_str) {
            headers.insert(header::WWW_AUTHENTICATE, challenge);
        }
        let slug = self.body.problem_type.rsplit('/').next().map(str::to_owned);
        let request = self.body.request_id.as_deref().and_then(RequestNumber::parse);
        response.extensions_mut().insert(Told { slug, detail: Some(body.detail), request });
        response
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(code: Option<i32>) -> Problem {
        let answer = AnswerDto { ocs: 301, result: "refused".into(), code, ..AnswerDto::default() };
        let request = RequestDto { outcome: "refused".into(), answers: vec![answer], ..RequestDto::default() };
        Problem::of_request(&request).unwrap()
    }

    #[test]
    fn every_code_has_the_slug_and_status_of_the_table() {
        let table: &[(i32, &str, u16)] = &[
            (0, "ocs-error", 502),
            (1, "ocs-error", 502),
            (2, "ocs-error", 502),
            (3, "campaign-not-found", 404),
            (4, "campaign-not-loaded", 409),
            (5, "campaign-already-loaded", 409),
            (6, "campaign-not-started", 409),
            (7, "campaign-already-started", 409),
            (8, "group-not-found", 404),
            (9, "campaign-not-in-group", 404),
            (10, "invalid-parameter", 422),
            (11, "invalid-campaign-mode", 422),
            (12, "invalid-sequence", 422),
            (13, "sequence-not-found", 404),
            (14, "invalid-sequence-mode", 422),
            (15, "licence-violation", 403),
            (16, "wrong-configuration", 409),
            (17, "part-of-sequence", 409),
            (99, "ocs-error", 502),
        ];
        for (code, slug, status) in table {
            let body = refused(Some(*code)).body;
            assert_eq!((body.problem_type, body.status), (format!("/problems/{slug}"), *status), "code {code}");
            assert_eq!(body.code, Some(*code));
        }
        assert_eq!(refused(None).body.status, 502);
    }

    #[tokio::test]
    async fn a_problem_leaves_without_numbers_and_with_its_request() {
        let mut problem = Problem::new("not-found", 404, "nothing at /+420777888777").request("r0190000000b2f0000");
        problem.body.ocs_message = Some("no record of 777888777".into());
        let response = problem.into_response();
        assert_eq!(response.headers()["x-request-id"], "r0190000000b2f0000");
        let body = axum::body::to_bytes(response.into_body(), 4_096).await.unwrap();
        let body: ProblemDto = serde_json::from_slice(&body).unwrap();
        assert_eq!(body.detail, "nothing at /+***");
        assert_eq!(body.ocs_message.as_deref(), Some("no record of ***"));
        assert_eq!(body.request_id.as_deref(), Some("r0190000000b2f0000"));
    }

    #[test]
    fn silence_says_why_ocs_may_be_silent() {
        let request = RequestDto { outcome: "unknown".into(), reason: Some("silent".into()), ..RequestDto::default() };
        let body = Problem::of_request(&request).unwrap().body;
        assert_eq!(body.status, 504);
        assert!(body.hint.unwrap().contains("outbound_contact_server"));
    }

    #[test]
    fn good_and_open_outcomes_are_no_problem() {
        for outcome in ["answered", "partial", "mixed", "pending", "draining"] {
            let request = RequestDto { outcome: outcome.into(), ..RequestDto::default() };
            assert_eq!(Problem::of_request(&request), None, "{outcome}");
        }
    }
}
