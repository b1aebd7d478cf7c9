//! `key` and `audit`: by a gateway, or in the store of a folder while no gateway has it.

use std::path::Path;
use std::sync::Arc;

use reqwest::Method;
use secrecy::ExposeSecret;

use crate::cli::args::{AuditListArgs, AuditVerb, KeyCreateArgs, KeyVerb};
use crate::cli::client::{Client, Ctx};
use crate::cli::exit::{CliError, Exit};
use crate::cli::expiry;
use crate::cli::store::error as store_error;
use crate::http::dto::{AuditDto, AuditVerdictDto, KeyBody, KeyDto, Page};
use crate::http::{shown_audit, shown_key, shown_verdict};
use crate::service::Config;
use crate::service::access::{Access, KeyChangeError, KeyWish, now};
use crate::store::sqlite::{Options, SqliteStore};
use crate::store::{AuditQuery, AuditRow, Chain, Store, Verify};

/// Who makes keys without a gateway, for the audit.
const OFFLINE: &str = "offline";

/// Runs a verb of `key`.
///
/// # Errors
/// What gateway or store refuse, or why neither can be reached.
pub(super) async fn key(verb: KeyVerb, ctx: &Ctx) -> Result<Exit, CliError> {
    match verb {
        KeyVerb::Create(args) => create(args, ctx).await,
        KeyVerb::List(args) => {
            let page = match args.data {
                None => Client::new(&ctx.global)?.get::<Page<KeyDto>>(&["v1", "keys"], &[]).await?,
                Some(data) => {
                    let (access, store) = open(&data).await?;
                    let items = access.keys().iter().map(|record| shown_key(record, None)).collect();
                    close(&store).await?;
                    Page { schema: "commdn.keys.v1".into(), items, next: None }
                }
            };
            ctx.out.either(&page, || {
                let row = |key: &KeyDto| {
                    let end = key.expires_at.clone().unwrap_or_else(|| "-".into());
                    vec![
                        key.id.clone(),
                        key.name.clone(),
                        key.state.clone(),
                        key.scopes.join(" "),
                        key.created_at.clone(),
                        end,
                        key.used_at.clone().unwrap_or_else(|| "-".into()),
                    ]
                };
                let head = ["KEY", "NAME", "STATE", "SCOPES", "CREATED", "EXPIRES", "USED"];
                ctx.out.table(&head, page.items.iter().map(row).collect())
            })?;
            Ok(Exit::Done)
        }
        KeyVerb::Revoke(args) => {
            let key = match args.data.data {
                None => {
                    Client::new(&ctx.global)?.change(Method::DELETE, &["v1", "keys", &args.id], None::<&()>).await?
                }
                Some(data) => {
                    let (access, store) = open(&data).await?;
                    let record = access.revoke_key(&args.id).await.map_err(refused)?;
                    wrote(&access, format!("key {}", record.id)).await?;
                    close(&store).await?;
                    shown_key(&record, None)
                }
            };
            ctx.out.either(&key, || format!("key {} ({}) is revoked", key.id, key.name))?;
            Ok(Exit::Done)
        }
    }
}

async fn create(args: KeyCreateArgs, ctx: &Ctx) -> Result<Exit, CliError> {
    let expires_at = args.expires.as_deref().map(|text| expiry::end(text, now())).transpose()?;
    let key: KeyDto = match args.data.data {
        None => {
            let expires_at = expires_at.map(expiry::rfc3339).transpose()?;
            let body = KeyBody { name: args.name, scopes: args.scopes, expires_at };
            Client::new(&ctx.global)?.change(Method::POST, &["v1", "keys"], Some(&body)).await?
        }
        Some(data) => {
            let (access, store) = open(&data).await?;
            let wish = KeyWish { name: args.name, scopes: args.scopes, expires_at };
            let (record, token) = access.create_key(&wish, OFFLINE).await.map_err(refused)?;
            wrote(&access, format!("key {} {}", record.id, record.grants.words().join(" "))).await?;
            close(&store).await?;
            shown_key(&record, Some(token.expose_secret().to_owned()))
        }
    };
    ctx.out.either(&key, || key.token.clone().unwrap_or_default())?;
    ctx.out.note(&format!("key {} for {}: keep it now, it is not shown again", key.id, key.name));
    Ok(Exit::Done)
}

/// Runs a verb of `audit`.
///
/// # Errors
/// As [`key`].
pub(super) async fn audit(verb: AuditVerb, ctx: &Ctx) -> Result<Exit, CliError> {
    match verb {
        AuditVerb::List(args) => {
            let page = rows(args, ctx).await?;
            ctx.out.either(&page, || {
                let text = |text: &Option<String>| text.clone().unwrap_or_else(|| "-".into());
                let row = |row: &AuditDto| {
                    vec![
                        row.row.to_string(),
                        row.at.clone(),
                        row.subject.clone(),
                        row.action.clone(),
                        text(&row.object),
                        row.outcome.clone(),
                        text(&row.request_id),
                    ]
                };
                let head = ["ROW", "AT", "WHO", "ACTION", "OBJECT", "OUTCOME", "REQUEST"];
                ctx.out.table(&head, page.items.iter().map(row).collect())
            })?;
            if let (Some(next), false) = (&page.next, ctx.out.json) {
                ctx.out.hint(&format!("the next page: --after {next}"));
            }
            Ok(Exit::Done)
        }
        AuditVerb::Verify(args) => {
            let verdict = match args.data {
                None => Client::new(&ctx.global)?.get::<AuditVerdictDto>(&["v1", "audit", "verify"], &[]).await?,
                Some(data) => {
                    let (access, store) = open(&data).await?;
                    let report = access.store().verify(Verify { chain: Chain::Audit, head: None }).await;
                    let verdict = shown_verdict(&report.map_err(store_error)?);
                    close(&store).await?;
                    verdict
                }
            };
            ctx.out.either(&verdict, || match &verdict.fault {
                None => format!("{} rows, nothing is wrong; head {}", verdict.rows, verdict.head),
                Some(fault) => fault.clone(),
            })?;
            Ok(if verdict.whole { Exit::Done } else { Exit::Missed })
        }
    }
}

async fn rows(args: AuditListArgs, ctx: &Ctx) -> Result<Page<AuditDto>, CliError> {
    let limit = args.limit.clamp(1, 500);
    let Some(data) = args.data.data else {
        let (limit, after) = (limit.to_string(), args.after.map(|row| row.to_string()));
        let mut query = vec![("limit", limit.as_str())];
        let optional = [("after", &after), ("subject", &args.subject), ("action", &args.action)];
        query.extend(optional.iter().filter_map(|(name, value)| Some((*name, value.as_deref()?))));
        return Client::new(&ctx.global)?.get(&["v1", "audit"], &query).await;
    };
    let (access, store) = open(&data).await?;
    let ask = AuditQuery { subject: args.subject, action: args.action, after: args.after, most: limit + 1 };
    let mut found = access.store().audit(ask).await.map_err(store_error)?;
    close(&store).await?;
    let more = found.len() > limit;
    found.truncate(limit);
    let next = found.last().filter(|_| more).map(|last| last.row.to_string());
    let items = found.into_iter().map(shown_audit).collect();
    Ok(Page { schema: "commdn.audits.v1".into(), items, next })
}

async fn open(data: &Path) -> Result<(Access, SqliteStore), CliError> {
    let store = SqliteStore::open(data, Options::default()).map_err(store_error)?;
    let access = Access::new(&Config::default(), Arc::new(store.clone())).await;
    Ok((access.map_err(|error| CliError::internal(error.to_string()))?, store))
}

async fn close(store: &SqliteStore) -> Result<(), CliError> {
    store.close().await.map_err(store_error)
}

async fn wrote(access: &Access, object: String) -> Result<(), CliError> {
    let row = AuditRow {
        at: now(),
        subject: OFFLINE.into(),
        client: None,
        action: "admin".into(),
        object: Some(object),
        outcome: "done".into(),
        detail: None,
        request: None,
    };
    access.audit(row).await.map(drop).map_err(store_error)
}

fn refused(error: KeyChangeError) -> CliError {
    match error {
        KeyChangeError::Store(error) => store_error(error),
        KeyChangeError::Unknown(_) => CliError::new(Exit::NotFound, error.to_string()).hint("see `commdn key list`"),
        KeyChangeError::Wish(_) => CliError::usage(error.to_string()).hint("the scopes are in docs/access.md"),
    }
}
