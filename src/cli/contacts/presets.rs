//! `contacts presets`: saved import profiles.

use serde_json::json;

use crate::cli::args::{PresetArgs, PresetSaveArgs, PresetsVerb, WhereArgs};
use crate::cli::client::Ctx;
use crate::cli::contacts::place::Place;
use crate::cli::exit::{CliError, Exit};
use crate::http::dto::{Page, ProfileDto};
use crate::http::shown;

pub(super) async fn run(verb: PresetsVerb, ctx: &Ctx) -> Result<Exit, CliError> {
    match verb {
        PresetsVerb::List(args) => list(args, ctx).await,
        PresetsVerb::Show(args) => show(args, ctx).await,
        PresetsVerb::Save(args) => save(args, ctx).await,
        PresetsVerb::Delete(args) => delete(args, ctx).await,
    }
}

async fn list(args: WhereArgs, ctx: &Ctx) -> Result<Exit, CliError> {
    let place = Place::open(args.data.as_deref(), ctx)?;
    let done = place.profiles().await;
    place.close().await?;
    let page = Page { schema: "commdn.import_profiles.v1".into(), items: done?, next: None };
    ctx.out.either(&page, || {
        let row = |it: &ProfileDto| {
            let (version, changed) = match it.version {
                0 => ("-".to_owned(), "-".to_owned()), // a preset is as old as the program
                version => (version.to_string(), it.modified_at.clone()),
            };
            vec![it.name.clone(), it.kind.clone(), version, changed, it.id.clone()]
        };
        ctx.out.table(&["NAME", "KIND", "VERSION", "CHANGED", "ID"], page.items.iter().map(row).collect())
    })?;
    Ok(Exit::Done)
}

async fn find(place: &Place, name: &str) -> Result<ProfileDto, CliError> {
    let found = place.profiles().await?.into_iter().find(|it| it.name == name || it.id == name);
    found.ok_or_else(|| {
        CliError::new(Exit::NotFound, format!("there is no profile {name:?}"))
            .hint("`commdn contacts presets list` shows those that there are")
    })
}

async fn show(args: PresetArgs, ctx: &Ctx) -> Result<Exit, CliError> {
    let place = Place::open(args.place.data.as_deref(), ctx)?;
    let done = find(&place, &args.name).await;
    place.close().await?;
    let profile = done?;
    ctx.out.either(&profile, || {
        let settings = json!(profile.settings);
        let lines = settings.as_object().into_iter().flatten().map(|(key, value)| format!("{key} = {value}"));
        lines.collect::<Vec<_>>().join("\n")
    })?;
    Ok(Exit::Done)
}

async fn save(args: PresetSaveArgs, ctx: &Ctx) -> Result<Exit, CliError> {
    if ctx.global.dry_run {
        return Err(CliError::usage("saving a profile cannot be tried out"));
    }
    let place = Place::open(args.place.data.as_deref(), ctx)?;
    let work = async {
        let settings = args.mapping.settings(None);
        // Flags go over another profile, when one is named.
        let profile = place.profile_of(args.mapping.profile.as_deref(), settings).await?;
        place.save_profile(&args.name, shown::settings(&profile)).await
    };
    let done = work.await;
    place.close().await?;
    let profile = done?;
    ctx.out.either(&profile, || format!("profile {} saved, version {}", profile.name, profile.version))?;
    Ok(Exit::Done)
}

async fn delete(args: PresetArgs, ctx: &Ctx) -> Result<Exit, CliError> {
    if ctx.global.dry_run {
        return Err(CliError::usage("removing a profile cannot be tried out"));
    }
    let place = Place::open(args.place.data.as_deref(), ctx)?;
    let work = async {
        let profile = find(&place, &args.name).await?;
        place.delete_profile(&profile.id).await?;
        Ok(profile)
    };
    let done: Result<ProfileDto, CliError> = work.await;
    place.close().await?;
    let profile = done?;
    ctx.out.either(&profile, || format!("profile {} removed", profile.name))?;
    Ok(Exit::Done)
}
