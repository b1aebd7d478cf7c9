//! Where evidence is read: a gateway, or a store without one.

use std::path::Path;

use jiff::Timestamp;
use reqwest::Method;

use crate::cli::args::SiteArgs;
use crate::cli::client::{Client, Ctx};
use crate::cli::config;
use crate::cli::exit::{CliError, Exit};
use crate::cli::store::error as store_error;
use crate::engine::RequestNumber;
use crate::http::dto::{DncEvidenceDto, DncExportDto, DncReportDto, DncVerdictDto, DncVerifyBody, Page};
use crate::http::evidence::{self, Shown};
use crate::message::{CustomerId, Phone};
use crate::protocol::{UtcSeconds, UtcTime};
use crate::service::Config;
use crate::service::Pseudonyms;
use crate::service::access::now;
use crate::service::dnc::{self, Deadline, E164Rules};
use crate::store::sqlite::{Files, Options, SqliteStore};
use crate::store::{Chain, DncQuery, Head, Store, Verify};

/// Entries of one page.
const PAGE: usize = 1_000;

/// Where evidence is read.
pub(super) enum Source {
    /// A gateway.
    Gateway(Box<Client>),
    /// The store of a folder.
    Folder(Box<Folder>),
}

/// A store without a gateway, and the rules of its site. Without a configuration these are the defaults, and stand-ins
/// are the same within one run only.
pub(super) struct Folder {
    store: SqliteStore,
    pseudonyms: Pseudonyms,
    phones: E164Rules,
    deadline: Deadline,
}

/// Which entries are wanted.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Wanted<'a> {
    pub(super) since: Option<&'a str>,
    pub(super) unconfirmed: bool,
    pub(super) show_numbers: bool,
}

impl Source {
    pub(super) async fn open(args: &SiteArgs, ctx: &Ctx) -> Result<Self, CliError> {
        let Some(data) = &args.data else { return Ok(Self::Gateway(Box::new(Client::new(&ctx.global)?))) };
        let config = config::load(&Config::default(), args.config.as_deref())?;
        let wrong = |error: &dyn std::fmt::Display| CliError::usage(format!("dnc: {error}"));
        let (phones, deadline) = (
            E164Rules::new(&config.dnc.default_country).map_err(|error| wrong(&error))?,
            Deadline::new(config.dnc.deadline_days, &config.dnc.deadline_profile).map_err(|error| wrong(&error))?,
        );
        let pseudonyms = match &config.telemetry.pseudonym_key_file {
            Some(path) => Pseudonyms::of_file(Path::new(path))
                .map_err(|error| CliError::usage(format!("telemetry.pseudonym_key_file {path}: {error}")))?,
            None => Pseudonyms::random().map_err(|error| CliError::internal(error.to_string()))?,
        };
        if !Files::of(data).database.exists() {
            return Err(CliError::new(Exit::NotFound, format!("there is no store in {}", data.display())));
        }
        let store = SqliteStore::open(data, Options::default()).map_err(store_error)?;
        Ok(Self::Folder(Box::new(Folder { store, pseudonyms, phones, deadline })))
    }

    pub(super) async fn close(self) -> Result<(), CliError> {
        match self {
            Self::Gateway(_) => Ok(()),
            Self::Folder(folder) => folder.store.close().await.map_err(store_error),
        }
    }

    pub(super) async fn find(
        &self,
        phone: Option<&str>,
        customer: Option<&str>,
        show_numbers: bool,
    ) -> Result<Page<DncEvidenceDto>, CliError> {
        match self {
            Self::Gateway(client) => {
                let mut query = vec![("show_numbers", if show_numbers { "true" } else { "false" })];
                query.extend(phone.map(|phone| ("phone", phone)));
                query.extend(customer.map(|customer| ("customer_id", customer)));
                client.get(&["v1", "dnc"], &query).await
            }
            Self::Folder(folder) => {
                let ask = DncQuery {
                    phone: phone.map(Phone::from),
                    customer: customer.map(CustomerId::from),
                    ..DncQuery::default()
                };
                let found = dnc::find(&folder.store, &folder.phones, ask).await.map_err(store_error)?;
                let shown = folder.shown(show_numbers || phone.is_some(), show_numbers || customer.is_some());
                let items = found.iter().map(|evidence| shown.evidence(evidence)).collect();
                Ok(Page { schema: "commdn.dnc_evidences.v1".into(), items, next: None })
            }
        }
    }

    pub(super) async fn verify(&self, head: Option<Head>) -> Result<DncVerdictDto, CliError> {
        match self {
            Self::Gateway(client) => {
                let body = DncVerifyBody { head: head.map(|head| head.to_string()) };
                client.change(Method::POST, &["v1", "dnc", "verify"], Some(&body)).await
            }
            Self::Folder(folder) => {
                let report = folder.store.verify(Verify { chain: Chain::Dnc, head }).await.map_err(store_error)?;
                Ok(evidence::verdict(&report))
            }
        }
    }

    pub(super) async fn report(&self, since: Option<&str>) -> Result<DncReportDto, CliError> {
        match self {
            Self::Gateway(client) => {
                let query: Vec<(&str, &str)> = since.map(|since| ("since", since)).into_iter().collect();
                client.get(&["v1", "dnc", "report"], &query).await
            }
            Self::Folder(folder) => {
                let (since, deadline) = (since.map(time).transpose()?, folder.deadline);
                let report = dnc::report(&folder.store, deadline, since, now()).await.map_err(store_error)?;
                Ok(evidence::report(&report, deadline))
            }
        }
    }

    /// One page of evidence.
    pub(super) async fn page(&self, wanted: Wanted<'_>, after: Option<&str>) -> Result<DncExportDto, CliError> {
        let flag = |is_set: bool| if is_set { "true" } else { "false" };
        match self {
            Self::Gateway(client) => {
                let limit = PAGE.to_string();
                let mut query = vec![
                    ("limit", limit.as_str()),
                    ("unconfirmed", flag(wanted.unconfirmed)),
                    ("show_numbers", flag(wanted.show_numbers)),
                ];
                query.extend(after.map(|after| ("after", after)));
                query.extend(wanted.since.map(|since| ("since", since)));
                client.get(&["v1", "dnc", "export"], &query).await
            }
            Self::Folder(folder) => {
                let ask = DncQuery {
                    since: wanted.since.map(time).transpose()?,
                    after: after.and_then(RequestNumber::parse),
                    unconfirmed: wanted.unconfirmed,
                    most: PAGE,
                    ..DncQuery::default()
                };
                let (page, next) = dnc::report_page(&folder.store, ask).await.map_err(store_error)?;
                let heads = folder.store.heads().await.map_err(store_error)?;
                let head = heads.into_iter().find(|head| head.chain == Chain::Dnc).unwrap_or(Head::empty(Chain::Dnc));
                let shown = folder.shown(wanted.show_numbers, wanted.show_numbers);
                Ok(shown.page(&page, next.map(|next| next.to_string()), head))
            }
        }
    }
}

impl Folder {
    fn shown(&self, phone: bool, customer: bool) -> Shown<'_> {
        Shown { pseudonyms: &self.pseudonyms, phone, customer, deadline: Some(self.deadline) }
    }
}

fn time(text: &str) -> Result<UtcTime, CliError> {
    let at: Timestamp =
        text.parse().map_err(|_| CliError::usage("--since: expected a time such as 2026-12-31T00:00:00Z"))?;
    Ok(UtcTime { seconds: UtcSeconds(at.as_second()), micros: 0 })
}
