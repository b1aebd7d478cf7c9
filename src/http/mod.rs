//! Floor 7: the HTTP door. REST, server-sent events, OpenAPI; it holds no rule of the protocol.

mod access;
mod convert;
pub mod dto;
pub(crate) mod evidence;
mod extract;
mod foreign;
mod guard;
mod key;
mod problem;
mod routes;
mod serve;
pub(crate) mod shown;
mod shown_sequences;
mod stream;
mod trace;

use std::{any::Any, io, ops::Deref, path::PathBuf, sync::Arc, time::Duration};

use axum::{Router, middleware, response::IntoResponse};
use tokio::net::TcpListener;
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;
use tower_http::catch_panic::CatchPanicLayer;
use utoipa::openapi::security::{Http, HttpAuthScheme, SecurityScheme};
use utoipa::{Modify, OpenApi};
use utoipa_swagger_ui::SwaggerUi;

use crate::engine::sequence::Terms;
use crate::net::tls::TlsServer;
use crate::service::access::Access;
use crate::service::backup;
use crate::service::contact_lists::ContactLists;
use crate::service::dialler::Dialler;
use crate::service::external::External;
use crate::service::gateway::Gateway;
use crate::service::import::{ImportError, ImportService, open_imports};
use crate::service::sequencer::{Sequencer, start_sequencer, terms};
use crate::service::simulator::SimControl;
use crate::service::ucs::Ucs;
use crate::service::{Config, ContactListsSection, JtelSection, LoadedLists, UcsSection};
use access::{Routes, SCHEME};
use foreign::Bases;
use guard::AllowedHosts;
use problem::Problem;
use serve::Most;
use trace::Tracer;

pub(crate) use routes::{audited as shown_audit, key as shown_key, verdict as shown_verdict};

/// What the handlers share. One count for all of it: every layer and every handler has its own copy.
#[derive(Clone, Debug)]
struct Door(Arc<Behind>);

#[derive(Debug)]
struct Behind {
    gateway: Gateway,
    access: Access,
    ucs: Ucs,
    dialler: Dialler,
    contact_lists: ContactLists,
    external: External,
    has_tls: bool,
    imports: ImportService,
    sequencer: Sequencer,
    stop: CancellationToken,
    backups: Backups,
    loaded: LoadedLists,
    /// In `demo` and `sim run`.
    simulator: Option<SimControl>,
}

/// Time between two looks for files that nobody has come back for.
const SWEEP_EVERY: Duration = Duration::from_secs(3_600);

/// Where copies of the store are made, one at a time.
#[derive(Debug)]
struct Backups {
    folder: PathBuf,
    turn: Arc<Semaphore>,
}

impl Door {
    /// Refuses what would take a list from under a campaign.
    async fn need_unloaded(&self, list: &str) -> Result<(), ImportError> {
        if !self.loaded.is_known(list) {
            return Ok(());
        }
        match self.loaded.by(list, &self.gateway.states().await) {
            None => Ok(()),
            Some(campaign) => Err(ImportError::InUse(format!("campaign {campaign} has loaded the list"))),
        }
    }
}

impl Deref for Door {
    type Target = Behind;

    fn deref(&self) -> &Behind {
        &self.0
    }
}

/// How the door is guarded.
#[derive(Clone, Debug)]
pub struct DoorConfig {
    /// Who may do what.
    pub access: Access,
    /// Names that a Host header may have beside loopback ones.
    pub allowed_hosts: Vec<String>,
    /// TLS; `None` = plain text.
    pub tls: Option<TlsServer>,
    /// Folder of the store: copies are made beside it, where there is room as a rule.
    pub data: Option<PathBuf>,
    /// Connections of everybody.
    pub connections_max: usize,
    /// Connections of one address beyond loopback.
    pub connections_per_peer: usize,
    /// Contacts and imports.
    pub imports: ImportService,
    /// Who may run sequences, and for how long.
    pub sequencer: Terms,
    /// The interface of contact lists.
    pub contact_lists: ContactListsSection,
    /// The interface of UCS profiles.
    pub ucs: UcsSection,
    /// The interface of jtel's dialler contacts.
    pub jtel: JtelSection,
    /// Country of national phones.
    pub default_country: String,
    /// Calling lists of campaigns.
    pub loaded: LoadedLists,
    /// The simulator that this door controls, in `demo` and `sim run`.
    pub simulator: Option<SimControl>,
}

impl DoorConfig {
    /// As the configuration says.
    #[must_use]
    pub fn new(config: &Config, access: Access, tls: Option<TlsServer>) -> Self {
        Self {
            imports: open_imports(config, access.store().contacts()),
            sequencer: terms(config),
            contact_lists: config.contact_lists.clone(),
            ucs: config.ucs.clone(),
            jtel: config.jtel.clone(),
            default_country: config.import.default_country.clone(),
            loaded: LoadedLists::new(config),
            access,
            allowed_hosts: config.http.allowed_hosts.clone(),
            tls,
            data: config.store.path.as_deref().map(PathBuf::from).filter(|path| path.is_dir()),
            connections_max: config.limits.connections_max,
            connections_per_peer: config.limits.connections_per_peer,
            simulator: None,
        }
    }
}

#[derive(OpenApi)]
#[openapi(
    modifiers(&Token),
    info(
        title = "commdn",
        description = "Campaign control, do-not-call and cancel-record for Genesys Outbound, over the Communication DN API. \
            Errors are application/problem+json.",
        license(name = "MIT OR Apache-2.0")
    ),
    tags(
        (name = "campaigns", description = "Load, start, stop, unload, dial mode, state"),
        (name = "people", description = "Do-not-call and cancel-record"),
        (name = "sequences", description = "Campaigns one after the other"),
        (name = "requests", description = "What was asked and what became of it"),
        (name = "streams", description = "Server-sent events"),
        (name = "adjacent", description = "What OCS itself posts"),
        (name = "contacts", description = "Calling lists, uploads, import jobs and profiles"),
        (name = "contact-lists", description = "Contact lists in the shape of Genesys Cloud"),
        (name = "external-contacts", description = "External contacts and organisations in the shape of Genesys Cloud"),
        (name = "profiles", description = "UCS profiles: definitions, imports, questions"),
        (name = "dialler", description = "Dialler contacts of jtel"),
        (name = "access", description = "Keys and the audit"),
        (name = "operations", description = "Health and version"),
        (name = "simulator", description = "Faults, answers, triggers and clock of the simulator, in demo and sim run")
    )
)]
struct Api;

/// The scheme that the routes' security names.
struct Token;

impl Modify for Token {
    fn modify(&self, openapi: &mut utoipa::openapi::OpenApi) {
        let words = "An API key of `commdn key create`, or a JSON Web Token of the configured issuer";
        let mut scheme = Http::new(HttpAuthScheme::Bearer);
        scheme.description = Some(words.into());
        let components = openapi.components.get_or_insert_default();
        components.security_schemes.insert(SCHEME.into(), SecurityScheme::Http(scheme).into());
    }
}

fn api(bases: &Bases) -> Routes {
    Routes::with_openapi(Api::openapi()).merge(routes::all()).merge(stream::routes()).merge(routes::foreign(bases))
}

/// The OpenAPI 3.1 document, with the default paths of other systems' interfaces.
#[must_use]
pub fn openapi() -> utoipa::openapi::OpenApi {
    api(&Bases::default()).into_inner().into_openapi()
}

/// Serves the gateway's door until the token is cancelled; open answers are finished, streams are ended.
///
/// # Errors
/// The listener's.
pub async fn serve(
    listener: TcpListener,
    gateway: Gateway,
    config: DoorConfig,
    stop: CancellationToken,
) -> io::Result<()> {
    let bases = Bases { ucs: config.ucs.base.clone(), jtel: config.jtel.base.clone() };
    let (router, openapi) = api(&bases).into_inner().split_for_parts();
    let tracer = Tracer::new(gateway.clone());
    let guard = AllowedHosts(Arc::from(config.allowed_hosts));
    let imports = config.imports;
    let ucs = Ucs::new(imports.clone(), config.ucs);
    let contact_lists = ContactLists::new(imports.clone(), &config.contact_lists, &config.default_country);
    tokio::spawn(take_up(imports.clone(), ucs.clone()));
    tokio::spawn(sweep(imports.clone(), contact_lists.clone(), stop.clone()));
    let (sequencer, sequences) = start_sequencer(&gateway, config.sequencer, &stop);
    if let Some(folder) = &config.data {
        backup::sweep(folder);
    }
    let folder = config.data.unwrap_or_else(std::env::temp_dir);
    let door = Door(Arc::new(Behind {
        gateway,
        access: config.access,
        dialler: Dialler::new(imports.clone(), &config.jtel, &config.default_country),
        ucs,
        contact_lists,
        external: External::new(imports.clone(), &config.default_country),
        has_tls: config.tls.is_some(),
        imports: imports.clone(),
        sequencer,
        stop: stop.clone(),
        backups: Backups { folder, turn: Arc::new(Semaphore::new(1)) },
        loaded: config.loaded,
        simulator: config.simulator,
    }));
    let app: Router = router
        .with_state(door.clone())
        .merge(SwaggerUi::new("/docs").url("/openapi.json", openapi))
        .fallback(no_such_page)
        .method_not_allowed_fallback(no_such_method)
        .layer(middleware::from_fn(key::read))
        .layer(CatchPanicLayer::custom(panicked))
        .layer(middleware::from_fn_with_state(door, access::identify))
        .layer(middleware::from_fn_with_state(guard, guard::check))
        .layer(middleware::from_fn_with_state(Arc::new(bases), foreign::translate))
        .layer(middleware::from_fn(guard::harden))
        .layer(middleware::from_fn_with_state(tracer, trace::trace));
    let most = Most { all: config.connections_max, per_peer: config.connections_per_peer };
    let ended = serve::run(listener, config.tls, app, most, stop).await;
    imports.stop().await;
    if let Err(error) = sequences.await {
        tracing::error!(%error, "the sequencer failed");
    }
    ended
}

/// Goes on with imports that were interrupted.
async fn take_up(imports: ImportService, ucs: Ucs) {
    let work = async {
        let interrupted = ucs.interrupted().await?;
        imports.resume_all().await?;
        ucs.finish(interrupted);
        Ok::<_, ImportError>(())
    };
    if let Err(error) = work.await {
        tracing::error!(%error, "interrupted imports are not taken up again");
    }
}

/// Removes files that nobody has come back for, now and each hour.
async fn sweep(imports: ImportService, contact_lists: ContactLists, stop: CancellationToken) {
    let mut every = tokio::time::interval(SWEEP_EVERY);
    loop {
        tokio::select! {
            biased;
            () = stop.cancelled() => return,
            _ = every.tick() => {}
        }
        contact_lists.sweep();
        match imports.sweep_uploads().await {
            Ok(0) => {}
            Ok(gone) => tracing::info!(gone, "abandoned uploads were removed"),
            Err(error) => tracing::warn!(%error, "abandoned uploads are not removed"),
        }
    }
}

fn panicked(_: Box<dyn Any + Send>) -> axum::response::Response {
    Problem::new("internal", 500, "the gateway made a mistake").into_response()
}

async fn no_such_page(uri: axum::http::Uri) -> impl IntoResponse {
    Problem::new("not-found", 404, format!("there is nothing at {}", uri.path())).hint("the API is described at /docs")
}

async fn no_such_method(method: axum::http::Method, uri: axum::http::Uri) -> impl IntoResponse {
    let detail = format!("{method} is not answered at {}", uri.path());
    Problem::new("method-not-allowed", 405, detail).hint("the header Allow has what is; the API is described at /docs")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::service::access::Verb;

    /// Paths that everybody may read: they say nothing about people or campaigns.
    /// Or they ask for what only the right caller has: a secret, a signed address.
    const OPEN: [&str; 7] = [
        "/healthz",
        "/readyz",
        "/version",
        "/oauth/token",
        "/uploads/v2/contactlist/{upload_key}",
        "/uploads/v2/externalcontacts/{upload_id}",
        "/api/v2/externalcontacts/import/jobs/{job_id}/reports/{step}",
    ];

    #[test]
    fn every_route_says_what_it_needs() {
        let document = serde_json::to_value(openapi()).unwrap();
        let scheme = &document["components"]["securitySchemes"][SCHEME];
        assert_eq!(scheme["scheme"], "bearer");
        let mut seen = 0;
        for (path, item) in document["paths"].as_object().unwrap() {
            for (method, operation) in item.as_object().unwrap() {
                let security = operation["security"].as_array().unwrap_or_else(|| panic!("{method} {path}: no scope"));
                let scopes: Vec<&str> = security
                    .iter()
                    .flat_map(|requirement| requirement[SCHEME].as_array().unwrap())
                    .map(|scope| scope.as_str().unwrap())
                    .collect();
                assert_eq!(scopes.is_empty(), OPEN.contains(&path.as_str()), "{method} {path}: {scopes:?}");
                for scope in scopes {
                    assert!(Verb::all().any(|verb| verb.name() == scope), "{method} {path}: {scope}");
                }
                seen += 1;
            }
        }
        assert!(seen >= 25, "{seen}");
    }

    /// [`Routes`] has no way to add a route without a scope; this finds a way around it.
    #[test]
    fn no_route_is_added_past_the_table() {
        fn walk(folder: &std::path::Path, found: &mut Vec<String>) {
            for entry in std::fs::read_dir(folder).unwrap() {
                let path = entry.unwrap().path();
                if path.is_dir() {
                    walk(&path, found);
                    continue;
                }
                let text = std::fs::read_to_string(&path).unwrap();
                let text = text.split("#[cfg(test)]").next().unwrap();
                let ways = [".route(", ".routes(", ".route_service(", ".nest(", ".nest_service(", "OpenApiRouter::new"];
                for way in ways.iter().filter(|way| text.contains(**way)) {
                    found.push(format!("{}: {way}", path.file_name().unwrap().to_string_lossy()));
                }
            }
        }
        let mut found = Vec::new();
        walk(&std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("src/http"), &mut found);
        found.sort();
        assert_eq!(found, ["access.rs: .nest(", "access.rs: .routes(", "access.rs: OpenApiRouter::new"]);
    }

    #[test]
    fn the_document_is_openapi_3_1_and_names_every_verb() {
        let document = serde_json::to_value(openapi()).unwrap();
        assert!(document["openapi"].as_str().unwrap().starts_with("3.1"));
        let paths = document["paths"].as_object().unwrap();
        for path in [
            "/v1/campaigns",
            "/v1/campaigns/{campaign}/groups/{group}",
            "/v1/campaigns/{campaign}/groups/{group}/load",
            "/v1/campaigns/{campaign}/groups/{group}/unload",
            "/v1/campaigns/{campaign}/groups/{group}/force-unload",
            "/v1/campaigns/{campaign}/groups/{group}/start",
            "/v1/campaigns/{campaign}/groups/{group}/stop",
            "/v1/campaigns/{campaign}/groups/{group}/complete",
            "/v1/campaigns/{campaign}/groups/{group}/mode",
            "/v1/dnc",
            "/v1/dnc/{id}/evidence",
            "/v1/dnc/export",
            "/v1/dnc/report",
            "/v1/dnc/verify",
            "/v1/records/cancel",
            "/v1/requests",
            "/v1/sequences",
            "/v1/sequences/plan",
            "/v1/sequences/{id}",
            "/v1/requests/{id}",
            "/v1/requests/{id}/explain",
            "/v1/events",
            "/v1/tap",
            "/v1/send",
            "/v1/links",
            "/ocs/predial",
            "/ocs/campaign-group-state",
            "/v1/keys",
            "/v1/keys/{id}",
            "/v1/audit",
            "/v1/audit/verify",
            "/v1/diagnosis",
            "/oauth/token",
            "/api/v2/outbound/contactlists",
            "/api/v2/outbound/contactlists/uploads",
            "/api/v2/outbound/contactlists/{contact_list_id}",
            "/api/v2/outbound/contactlists/{contact_list_id}/clear",
            "/api/v2/outbound/contactlists/{contact_list_id}/contacts",
            "/api/v2/outbound/contactlists/{contact_list_id}/contacts/bulk",
            "/api/v2/outbound/contactlists/{contact_list_id}/contacts/bulk/jobs",
            "/api/v2/outbound/contactlists/{contact_list_id}/contacts/bulk/jobs/{job_id}",
            "/api/v2/outbound/contactlists/{contact_list_id}/contacts/bulk/remove",
            "/api/v2/outbound/contactlists/{contact_list_id}/contacts/bulk/update",
            "/api/v2/outbound/contactlists/{contact_list_id}/contacts/search",
            "/api/v2/outbound/contactlists/{contact_list_id}/contacts/{contact_id}",
            "/api/v2/outbound/contactlists/{contact_list_id}/export",
            "/api/v2/outbound/contactlists/{contact_list_id}/importstatus",
            "/api/v2/downloads/{download_id}",
            "/uploads/v2/contactlist",
            "/uploads/v2/contactlist/{upload_key}",
            "/api/v2/externalcontacts/externalsources",
            "/api/v2/externalcontacts/externalsources/{source_id}",
            "/api/v2/externalcontacts/import/csv/jobs",
            "/api/v2/externalcontacts/import/csv/settings",
            "/api/v2/externalcontacts/import/csv/settings/{settings_id}",
            "/api/v2/externalcontacts/import/csv/uploads",
            "/api/v2/externalcontacts/import/csv/uploads/{upload_id}/details",
            "/api/v2/externalcontacts/import/csv/uploads/{upload_id}/preview",
            "/api/v2/externalcontacts/import/jobs",
            "/api/v2/externalcontacts/import/jobs/{job_id}",
            "/api/v2/externalcontacts/import/jobs/{job_id}/reports/{step}",
            "/api/v2/externalcontacts/import/settings",
            "/api/v2/externalcontacts/import/settings/{settings_id}",
            "/uploads/v2/externalcontacts/{upload_id}",
            "/ucs/profiles",
            "/ucs/profiles/import",
            "/ucs/metadata/profiles",
            "/ucs/metadata/profiles/extensions",
            "/ucs/metadata/identification-keys",
            "/rest/v1.0/{clients_id}/dialler/contacts",
            "/rest/v1.0/{clients_id}/dialler/contacts/import",
            "/rest/v1.0/{clients_id}/dialler/contacts/{id}",
            "/rest/v1.0/{clients_id}/dialler/contacts/contact",
            "/rest/v1.0/{clients_id}/dialler/contacts/contact/{id}",
            "/v1/lists",
            "/v1/lists/{id}",
            "/v1/lists/{id}/clear",
            "/v1/lists/{id}/export",
            "/v1/import-profiles",
            "/v1/import-profiles/{id}",
            "/v1/import-uploads",
            "/v1/import-uploads/{id}",
            "/v1/import-uploads/{id}/preview",
            "/v1/import-jobs",
            "/v1/import-jobs/{id}",
            "/v1/import-jobs/{id}/continue",
            "/v1/import-jobs/{id}/cancel",
            "/v1/import-jobs/{id}/retry",
            "/v1/import-jobs/{id}/undo",
            "/v1/import-jobs/{id}/outcome",
            "/v1/import-jobs/{id}/reject",
            "/v1/import-jobs/{id}/log",
            "/v1/import-jobs/{id}/events",
            "/v1/sim/faults",
            "/v1/sim/faults/{id}",
            "/v1/sim/answers",
            "/v1/sim/triggers",
            "/v1/sim/clock",
            "/v1/sim/state",
            "/metrics",
            "/healthz",
            "/readyz",
            "/version",
        ] {
            assert!(paths.contains_key(path), "{path}");
        }
    }
}
