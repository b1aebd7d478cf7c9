//! Who asks, and whether they may: every route is registered with what it needs, or it cannot be registered at all.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use axum::extract::{FromRequestParts, MatchedPath, RawPathParams, Request, State};
use axum::http::{HeaderMap, Method, header, request::Parts};
use axum::middleware::{Next, from_fn};
use axum::response::{IntoResponse, Response};
use base64::Engine;
use base64::prelude::BASE64_STANDARD as BASE64;
use futures_util::future::BoxFuture;
use utoipa::openapi::security::SecurityRequirement;
use utoipa_axum::router::{OpenApiRouter, UtoipaMethodRouter};

use crate::http::Door;
use crate::http::problem::{Problem, Told};
use crate::http::serve::Peer;
use crate::service::access::{Object, Principal, PrincipalKind, Verb, now};
use crate::store::AuditRow;

/// Name of the security scheme in the OpenAPI document.
pub(super) const SCHEME: &str = "token";

/// Routes, each with what it needs. There is no way to add one without saying it.
pub(super) struct Routes(OpenApiRouter<Door>);

/// What a route needs.
#[derive(Clone, Copy, Debug)]
enum Rule {
    /// Every one of these, for the objects in its path. A narrowed scope is not enough where the path names none.
    All(&'static [Verb]),
    /// Every one of these, or a caller on this machine.
    Local(&'static [Verb]),
    /// One of these for any object at all: the handler asks [`Caller::need`] or [`Caller::may`] about each object.
    Within(&'static [Verb]),
}

impl Rule {
    fn verbs(self) -> &'static [Verb] {
        match self {
            Self::All(verbs) | Self::Local(verbs) | Self::Within(verbs) => verbs,
        }
    }

    fn fits(self, principal: &Principal, peer: Peer, object: Object<'_>) -> bool {
        let all = |verbs: &[Verb]| verbs.iter().all(|verb| principal.may(*verb, object));
        match self {
            Self::All(verbs) => all(verbs),
            Self::Local(verbs) => all(verbs) || peer.addr.ip().to_canonical().is_loopback(),
            Self::Within(verbs) => verbs.iter().any(|verb| principal.grants.touches(*verb)),
        }
    }
}

impl Routes {
    pub(super) fn new() -> Self {
        Self(OpenApiRouter::new())
    }

    pub(super) fn with_openapi(openapi: utoipa::openapi::OpenApi) -> Self {
        Self(OpenApiRouter::with_openapi(openapi))
    }

    /// A route that needs every one of these verbs for the campaign, group and list in its path.
    pub(super) fn guarded(self, verbs: &'static [Verb], route: UtoipaMethodRouter<Door>) -> Self {
        self.add(Some(Rule::All(verbs)), route)
    }

    /// A route whose objects stand in its body or in its answer: one of the verbs lets a caller in, and the handler has
    /// to ask about each object.
    pub(super) fn guarded_within(self, verbs: &'static [Verb], route: UtoipaMethodRouter<Door>) -> Self {
        self.add(Some(Rule::Within(verbs)), route)
    }

    /// A route for those who have every one of these verbs, and for everybody on this machine.
    pub(super) fn guarded_or_local(self, verbs: &'static [Verb], route: UtoipaMethodRouter<Door>) -> Self {
        self.add(Some(Rule::Local(verbs)), route)
    }

    /// A route of [`Routes::guarded_within`] that takes `multipart/form-data`. A page of another site could post that
    /// without being asked, but not without naming itself: [`crate::http::guard`] refuses it by its Origin.
    pub(super) fn guarded_form(self, verbs: &'static [Verb], route: UtoipaMethodRouter<Door>) -> Self {
        self.add_with(Some(Rule::Within(verbs)), true, route)
    }

    /// Puts routes below a path, which the configuration says.
    pub(super) fn under(self, base: &str, routes: Self) -> Self {
        Self(self.0.nest(base, routes.0))
    }

    /// A route for everybody.
    pub(super) fn open(self, route: UtoipaMethodRouter<Door>) -> Self {
        self.add(None, route)
    }

    pub(super) fn merge(self, other: Self) -> Self {
        Self(self.0.merge(other.0))
    }

    pub(super) fn into_inner(self) -> OpenApiRouter<Door> {
        self.0
    }

    fn add(self, rule: Option<Rule>, route: UtoipaMethodRouter<Door>) -> Self {
        self.add_with(rule, false, route)
    }

    fn add_with(
        self,
        rule: Option<Rule>,
        multipart: bool,
        (schemas, mut paths, methods): UtoipaMethodRouter<Door>,
    ) -> Self {
        let requirements = requirements(rule);
        for item in paths.paths.values_mut() {
            let operations = [&mut item.get, &mut item.put, &mut item.post, &mut item.delete, &mut item.patch];
            for operation in operations.into_iter().flatten() {
                operation.security = Some(requirements.clone());
            }
        }
        let methods = match rule {
            None => methods,
            Some(rule) => methods.route_layer(from_fn(move |request, next| check(rule, multipart, request, next))),
        };
        Self(self.0.routes((schemas, paths, methods)))
    }
}

fn requirements(rule: Option<Rule>) -> Vec<SecurityRequirement> {
    let of = |verbs: &[Verb]| SecurityRequirement::new(SCHEME, verbs.iter().map(|verb| verb.name()));
    match rule {
        None => Vec::new(),
        Some(Rule::All(verbs) | Rule::Local(verbs)) => vec![of(verbs)],
        Some(Rule::Within(verbs)) => verbs.iter().map(|verb| of(&[*verb])).collect(),
    }
}

/// Who asks; an extension of every request, and what handlers take to ask about objects.
#[derive(Clone)]
pub(super) struct Caller {
    found: Result<Arc<Principal>, &'static str>,
    door: Door,
    peer: Peer,
    /// What the audit says beside the path: a pseudonym, never a phone.
    note: Arc<Mutex<Option<String>>>,
    /// Asked to see numbers as they are: that is written down, even of a read.
    shows: Arc<AtomicBool>,
}

impl Caller {
    /// May the caller do this to that object?
    pub(super) fn may(&self, verb: Verb, object: Object<'_>) -> bool {
        self.found.as_ref().is_ok_and(|principal| principal.may(verb, object))
    }

    /// Refuses what the caller may not do.
    pub(super) fn need(&self, verb: Verb, object: Object<'_>) -> Result<(), Problem> {
        if verb == Verb::NumbersShow {
            self.shows.store(true, Ordering::Relaxed);
        }
        if self.may(verb, object) { Ok(()) } else { Err(forbidden(&[verb], object)) }
    }

    /// Its stable name.
    pub(super) fn subject(&self) -> &str {
        self.found.as_ref().map_or("nobody", |principal| principal.subject.as_str())
    }

    /// True where nobody has to say who they are.
    pub(super) fn is_anonymous(&self) -> bool {
        self.found.as_ref().is_ok_and(|principal| principal.kind == PrincipalKind::AnonymousLoopback)
    }

    /// Resolves with the reason when the caller is no longer who it was let in as.
    pub(super) fn worthless(&self) -> BoxFuture<'static, &'static str> {
        match &self.found {
            Ok(principal) => Box::pin(self.door.access.clone().worthless(Arc::clone(principal))),
            Err(reason) => Box::pin(std::future::ready(*reason)),
        }
    }

    /// Adds to the row of the audit whom or what the command is about. No phone, no customer id.
    pub(super) fn note(&self, text: String) {
        *self.note.lock().unwrap_or_else(PoisonError::into_inner) = Some(text);
    }
}

impl<S: Send + Sync> FromRequestParts<S> for Caller {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Problem> {
        // A request that did not pass `identify` has no caller, so nothing is allowed.
        parts.extensions.get::<Self>().cloned().ok_or_else(|| unauthorised(None))
    }
}

/// Finds out who asks and counts it against the client's rate; refuses nobody else.
pub(super) async fn identify(State(door): State<Door>, mut request: Request, next: Next) -> Response {
    let peer = request.extensions().get::<Peer>().copied().unwrap_or_default();
    let found = match bearer(request.headers()) {
        Ok(token) => door.access.identify(token.as_deref(), peer.certificate).await,
        Err(reason) => Err(reason),
    };
    let client = match &found {
        Ok(principal) if principal.kind == PrincipalKind::AnonymousLoopback => None,
        Ok(principal) if principal.kind != PrincipalKind::Stranger => Some(principal.subject.clone()),
        _ => Some(peer.addr.ip().to_canonical().to_string()),
    };
    if let Some(Err(wait)) = client.map(|client| door.access.spend(&client)) {
        let seconds = u32::try_from(wait.as_millis().div_ceil(1_000)).unwrap_or(u32::MAX).max(1);
        let detail = "more requests than limits.client_rate_per_s and limits.client_burst allow";
        return Problem::new("too-many-requests", 429, detail).retry_after(seconds).into_response();
    }
    let caller = Caller { found: found.map(Arc::new), door, peer, note: Arc::default(), shows: Arc::default() };
    request.extensions_mut().insert(caller);
    next.run(request).await
}

/// The token of `Authorization: Bearer`, or the password of `Authorization: Basic`, whose user may be anybody: it is for
/// clients that know no other scheme.
fn bearer(headers: &HeaderMap) -> Result<Option<String>, &'static str> {
    let mut values = headers.get_all(header::AUTHORIZATION).iter();
    let Some(value) = values.next() else { return Ok(None) };
    if values.next().is_some() {
        return Err("the header Authorization stands twice");
    }
    let wrong = "expected 'Authorization: Bearer TOKEN'";
    let (scheme, token) = value.to_str().map_err(|_| wrong)?.split_once(' ').ok_or(wrong)?;
    let token = token.trim();
    if scheme.eq_ignore_ascii_case("basic") {
        let pair = BASE64.decode(token).ok().and_then(|pair| String::from_utf8(pair).ok());
        let password = pair.as_deref().and_then(|pair| pair.split_once(':')).map(|(_, password)| password);
        return password.filter(|password| !password.is_empty()).map(|password| Some(password.to_owned())).ok_or(wrong);
    }
    if scheme.eq_ignore_ascii_case("bearer") && !token.is_empty() { Ok(Some(token.to_owned())) } else { Err(wrong) }
}

async fn check(rule: Rule, multipart: bool, request: Request, next: Next) -> Response {
    let Some(caller) = request.extensions().get::<Caller>().cloned() else {
        return unauthorised(None).into_response();
    };
    let principal = match &caller.found {
        Ok(principal) => Arc::clone(principal),
        Err(reason) => return unauthorised(Some(reason)).into_response(),
    };
    let (mut parts, body) = request.into_parts();
    let place = Place::of(&caller.door, &mut parts).await;
    let reads_admin = matches!(rule, Rule::All([Verb::Admin]));
    let is_read = parts.method == Method::GET || parts.method == Method::HEAD;
    let is_command = !is_read || reads_admin;
    let dry = parts.uri.query().is_some_and(|query| query.split('&').any(|pair| pair == "dry_run=true"));
    let response = if !rule.fits(&principal, caller.peer, place.object()) {
        if principal.kind == PrincipalKind::Stranger {
            // Whoever is not known is not written down: anybody could fill the audit.
            return unauthorised(None).into_response();
        }
        forbidden(rule.verbs(), place.object()).into_response()
    } else if let Some(problem) = form(&parts, multipart) {
        problem.into_response()
    } else {
        next.run(Request::from_parts(parts, body)).await
    };
    let shows = caller.shows.load(Ordering::Relaxed);
    if is_command || shows { audit(&caller, rule, place, dry, response).await } else { response }
}

/// A page of another site can send these without being asked.
fn form(parts: &Parts, multipart: bool) -> Option<Problem> {
    let kind = parts.headers.get(header::CONTENT_TYPE)?.to_str().unwrap_or_default();
    let essence = kind.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
    let forms = ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data"];
    let changes = parts.method != Method::GET && parts.method != Method::HEAD;
    if multipart && essence == "multipart/form-data" {
        return None;
    }
    (changes && forms.contains(&essence.as_str())).then(|| Problem::media_type(&essence))
}

/// The objects that a path names, by DBID.
#[derive(Debug, Default)]
struct Place {
    path: String,
    campaign: Option<i32>,
    group: Option<i32>,
    list: Option<String>,
}

impl Place {
    async fn of(door: &Door, parts: &mut Parts) -> Self {
        let path = parts.extensions.get::<MatchedPath>().map(|path| path.as_str().to_owned()).unwrap_or_default();
        let mut place = Self { path, ..Self::default() };
        let router = door.gateway.router();
        let Ok(words) = RawPathParams::from_request_parts(parts, &()).await else { return place };
        for (name, word) in &words {
            match name {
                "campaign" => place.campaign = router.campaign(word).ok().map(|campaign| campaign.dbid),
                "group" => place.group = router.group(word).ok().map(|group| group.dbid),
                "list" => place.list = Some(word.to_owned()),
                _ => {}
            }
        }
        place
    }

    fn object(&self) -> Object<'_> {
        Object { campaign: self.campaign, group: self.group, list: self.list.as_deref() }
    }

    fn words(&self, note: Option<String>) -> String {
        let object = words_of(self.object());
        let mut words = if object.is_empty() { self.path.clone() } else { object };
        if let Some(note) = note {
            words = format!("{words} {note}");
        }
        words
    }
}

fn words_of(object: Object<'_>) -> String {
    let campaign = object.campaign.map(|dbid| format!("campaign {dbid}"));
    let group = object.group.map(|dbid| format!("group {dbid}"));
    let list = object.list.map(|name| format!("list {name}"));
    [campaign, group, list].into_iter().flatten().collect::<Vec<_>>().join(", ")
}

/// One row for one command. A command that the journal has is not held up for it: the row is queued before the answer
/// leaves. Everything else is answered once its row is kept.
async fn audit(caller: &Caller, rule: Rule, place: Place, dry: bool, response: Response) -> Response {
    let told = response.extensions().get::<Told>().cloned().unwrap_or_default();
    let outcome = match (told.slug, response.status().as_u16()) {
        (Some(slug), _) => slug,
        (None, _) if dry => "dry_run".into(),
        (None, 202) => "accepted".into(),
        (None, status) if status < 400 => "done".into(),
        (None, status) => status.to_string(),
    };
    let note = caller.note.lock().unwrap_or_else(PoisonError::into_inner).take();
    let shows = caller.shows.load(Ordering::Relaxed).then_some(Verb::NumbersShow);
    let verbs = rule.verbs().iter().copied().chain(shows);
    let row = AuditRow {
        at: now(),
        subject: caller.subject().to_owned(),
        client: Some(caller.peer.addr.ip().to_canonical().to_string()),
        action: verbs.map(|verb| verb.name()).collect::<Vec<_>>().join(" "),
        object: Some(place.words(note)),
        outcome,
        detail: None,
        request: told.request,
    };
    let kept = caller.door.access.audit(row);
    let warn = |error: &dyn std::fmt::Display| tracing::error!(%error, "a command is not in the audit");
    if told.request.is_some() {
        tokio::spawn(async move {
            if let Err(error) = kept.await {
                warn(&error);
            }
        });
        return response;
    }
    match kept.await {
        Ok(_) => response,
        // Nothing was done, and the caller is told why: a store that is full keeps no row about it either.
        Err(error) if response.status().is_server_error() => {
            warn(&error);
            response
        }
        Err(error) => {
            warn(&error);
            Problem::new("audit-unavailable", 503, "the command cannot be written to the audit")
                .retry_after(5)
                .into_response()
        }
    }
}

fn unauthorised(reason: Option<&str>) -> Problem {
    let detail = reason.unwrap_or("callers must say who they are");
    let mut problem = Problem::new("unauthorised", 401, detail).hint(
        "send 'Authorization: Bearer TOKEN' with a key of `commdn key create` or a token of the configured issuer",
    );
    problem.challenge = Some(match reason {
        None => "Bearer realm=\"commdn\"".into(),
        Some(_) => "Bearer realm=\"commdn\", error=\"invalid_token\"".into(),
    });
    problem
}

fn forbidden(verbs: &[Verb], object: Object<'_>) -> Problem {
    let names = verbs.iter().map(|verb| verb.name()).collect::<Vec<_>>();
    let object = words_of(object);
    let place = if object.is_empty() { String::new() } else { format!(" for {object}") };
    let detail = format!("this needs the scope {}{place}", names.join(" and "));
    let mut problem = Problem::new("forbidden", 403, detail).hint("ask for a key or token with that scope");
    let scopes = names.join(" ");
    problem.challenge = Some(format!("Bearer realm=\"commdn\", error=\"insufficient_scope\", scope=\"{scopes}\""));
    problem
}

#[cfg(test)]
mod tests {
    use axum::http::HeaderValue;

    use super::*;

    #[test]
    fn one_bearer_token_is_read_and_everything_else_refused() {
        let read = |values: &[&'static str]| {
            let mut headers = HeaderMap::new();
            for value in values {
                headers.append(header::AUTHORIZATION, HeaderValue::from_static(value));
            }
            bearer(&headers)
        };
        assert_eq!(read(&[]), Ok(None));
        assert_eq!(read(&["Bearer abc"]), Ok(Some("abc".into())));
        assert_eq!(read(&["bearer  abc "]), Ok(Some("abc".into())));
        assert_eq!(read(&["Basic YTpi"]), Ok(Some("b".into())));
        assert_eq!(read(&["basic YTpiOmM="]), Ok(Some("b:c".into())));
        let basic = [&["Basic"][..], &["Basic YTo="], &["Basic YQ=="], &["Basic !"], &["Basic YTpi", "Basic YTpi"]];
        for wrong in basic {
            assert!(read(wrong).is_err(), "{wrong:?}");
        }
        for wrong in [&["Bearer"][..], &["Bearer "], &["Digest YTpi"], &["abc"], &["Bearer a", "Bearer b"]] {
            assert!(read(wrong).is_err(), "{wrong:?}");
        }
    }
}
