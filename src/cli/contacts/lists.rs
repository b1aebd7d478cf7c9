//! `contacts lists | create | export | clear | preview`.

use std::path::Path;
use std::sync::Arc;

use serde_json::json;

use crate::cli::args::{ContactsClearArgs, ContactsCreateArgs, ContactsExportArgs, ContactsPreviewArgs, WhereArgs};
use crate::cli::client::Ctx;
use crate::cli::contacts::place::{Place, error};
use crate::cli::contacts::rows::JsonRows;
use crate::cli::contacts::spool::Spooled;
use crate::cli::exit::{CliError, Exit};
use crate::cli::output::confirm;
use crate::cli::store::error as store_error;
use crate::contact::phone::NumberingPlans;
use crate::http::dto::{ListBody, ListDto, Page, PhoneColumnDto, PreviewDto};
use crate::http::shown;
use crate::service::import::{ImportService, ImportSettings};
use crate::store::Store;
use crate::store::sqlite::{Options, SqliteStore};

pub(super) async fn lists(args: WhereArgs, ctx: &Ctx) -> Result<Exit, CliError> {
    let place = Place::open(args.data.as_deref(), ctx)?;
    let done = place.lists().await;
    place.close().await?;
    let page = Page { schema: "commdn.lists.v1".into(), items: done?, next: None };
    ctx.out.either(&page, || {
        let row = |list: &ListDto| {
            let phones: Vec<&str> = list.phone_columns.iter().map(|column| column.column.as_str()).collect();
            vec![
                list.name.clone(),
                list.size.to_string(),
                list.columns.join(" "),
                phones.join(" "),
                list.modified_at.clone(),
                list.id.clone(),
            ]
        };
        ctx.out.table(&["NAME", "CONTACTS", "COLUMNS", "PHONES", "CHANGED", "ID"], page.items.iter().map(row).collect())
    })?;
    Ok(Exit::Done)
}

pub(super) async fn create(args: ContactsCreateArgs, ctx: &Ctx) -> Result<Exit, CliError> {
    if ctx.global.dry_run {
        return Err(CliError::usage("making a list cannot be tried out"));
    }
    let phone = |(column, kind)| PhoneColumnDto { column, kind, time_zone_column: None };
    let body = ListBody {
        name: args.name,
        columns: args.columns,
        phone_columns: args.phone_column.into_iter().map(phone).collect(),
        email_columns: args.email_column,
        customer_column: args.customer_column,
        phone_policy: args.phone_policy,
        ..ListBody::default()
    };
    let place = Place::open(args.place.data.as_deref(), ctx)?;
    let done = place.create_list(body).await;
    place.close().await?;
    let list = done?;
    ctx.out.either(&list, || format!("list {} made, id {}", list.name, list.id))?;
    Ok(Exit::Done)
}

pub(super) async fn export(args: ContactsExportArgs, ctx: &Ctx) -> Result<Exit, CliError> {
    let place = Place::open(args.place.data.as_deref(), ctx)?;
    let work = async {
        let list = place.list(&args.list).await?;
        if let Some(path) = args.output.as_deref().filter(|path| *path != Path::new("-")) {
            let bytes = place.export_to(&list, args.raw, path).await?;
            let told = json!({
                "schema": "commdn.list_export.v1", "list": list.name, "file": path, "bytes": bytes, "raw": args.raw,
            });
            ctx.out.either(&told, || format!("list {}: {bytes} bytes to {}", list.name, path.display()))?;
        } else if ctx.out.json {
            let mut rows = JsonRows::new();
            place.export(&list, args.raw, |bytes| ctx.out.bytes(rows.push(bytes, false).as_bytes())).await?;
            ctx.out.bytes(rows.push(b"", true).as_bytes())?;
        } else {
            place.export(&list, args.raw, |bytes| ctx.out.bytes(bytes)).await?;
        }
        Ok(Exit::Done)
    };
    let done = work.await;
    let closed = place.close().await;
    let exit = done?;
    closed.map(|()| exit)
}

pub(super) async fn clear(args: ContactsClearArgs, ctx: &Ctx) -> Result<Exit, CliError> {
    let name = args.list.ok_or_else(|| CliError::usage("--list NAME, or --to SYSTEM, is required"))?;
    if ctx.global.dry_run {
        return Err(
            CliError::usage("clearing a list cannot be tried out").hint("`contacts lists` says how many are in it")
        );
    }
    confirm(&ctx.global, &ctx.out, &format!("delete ALL contacts of list {name}?"))?;
    let place = Place::open(args.place.data.as_deref(), ctx)?;
    let work = async {
        let list = place.list(&name).await?;
        place.clear(&list, args.backup.as_deref()).await
    };
    let done = work.await;
    let closed = place.close().await;
    let cleared = done?;
    closed?;
    if let Some(path) = &args.summary {
        crate::cli::contacts::summary::write(path, &json!(cleared))?;
    }
    ctx.out.either(&cleared, || {
        format!(
            "list {}: {} deleted, {} in use, {} cancelled records went with them",
            cleared.list, cleared.deleted, cleared.in_use, cleared.cancellations
        )
    })?;
    if let Some(job) = &cleared.job {
        ctx.out.hint(&format!("`commdn contacts undo {job}` brings them back"));
    }
    Ok(if cleared.in_use > 0 { Exit::Conflict } else { Exit::Done })
}

/// Nothing is sent and nothing is kept: only a list and a profile are asked for, where one is named.
pub(super) async fn preview(args: ContactsPreviewArgs, ctx: &Ctx) -> Result<Exit, CliError> {
    let settings = args.mapping.settings(None);
    let (list, profile) = if args.list.is_some() || args.mapping.profile.is_some() {
        let place = Place::open(args.place.data.as_deref(), ctx)?;
        let work = async {
            let list = match &args.list {
                Some(name) => Some(place.calling_list(name).await?),
                None => None,
            };
            Ok((list, place.profile_of(args.mapping.profile.as_deref(), settings).await?))
        };
        let done: Result<_, CliError> = work.await;
        place.close().await?;
        done?
    } else {
        (None, shown::profile(settings, None).map_err(CliError::usage)?)
    };
    let spooled = if args.file == Path::new("-") { Some(Spooled::stdin()?) } else { None };
    let file = spooled.as_ref().map_or(args.file.clone(), |spooled| spooled.path.clone());
    let store = SqliteStore::in_memory(Options::default()).map_err(store_error)?;
    let imports =
        ImportService::new(store.contacts(), ImportSettings::new(std::env::temp_dir(), Arc::new(NumberingPlans)));
    let found = imports.preview(file, profile.clone(), list, args.rows).await.map_err(error)?;
    let preview = shown::preview(found, &profile);
    ctx.out.either(&preview, || words(&preview, ctx))?;
    Ok(if preview.mismatch.is_some() { Exit::Usage } else { Exit::Done })
}

fn words(preview: &PreviewDto, ctx: &Ctx) -> String {
    let guessed = if preview.encoding_guessed { " (guessed)" } else { "" };
    let mut text = format!("{} bytes, {}{guessed}, delimiter {}\n", preview.bytes, preview.encoding, preview.delimiter);
    let columns = preview.columns.iter().map(|column| {
        let target = column.target.clone().unwrap_or_else(|| "not read".to_owned());
        vec![column.name.clone(), column.kind.clone(), target]
    });
    text.push_str(&ctx.out.table(&["COLUMN", "TYPE", "GOES TO"], columns.collect()));
    text.push('\n');
    let head: Vec<&str> = preview.columns.iter().map(|column| column.name.as_str()).collect();
    let clean = |cell: &String| cell.chars().map(|c| if c.is_control() { ' ' } else { c }).collect::<String>();
    let rows = preview.rows.iter().map(|row| {
        let mut cells: Vec<String> = row.iter().map(clean).collect();
        cells.resize(head.len(), "-".to_owned());
        cells
    });
    text.push_str(&ctx.out.table(&head, rows.collect()));
    for (what, names) in
        [("only in the file", &preview.unmatched_in_file), ("only in the list", &preview.unmatched_in_list)]
    {
        if !names.is_empty() {
            text.push_str(&format!("\n{what}: {}", names.join(", ")));
        }
    }
    if let Some(why) = &preview.mismatch {
        text.push_str(&format!("\ndoes not fit: {why}"));
    }
    text
}
