//! `contacts import | delete | resume | jobs | undo` of our own calling lists.

use std::fs::File;
use std::io::{IsTerminal, Read as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Instant;

use serde_json::{Value, json};
use tokio_util::sync::CancellationToken;

use crate::cli::args::{
    ContactsDeleteArgs, ContactsImportArgs, ContactsJobsArgs, ContactsResumeArgs, ContactsUndoArgs, ReportArgs,
};
use crate::cli::client::Ctx;
use crate::cli::contacts::genesys_cloud::job_id;
use crate::cli::contacts::place::{Place, Wanted};
use crate::cli::contacts::progress::Progress;
use crate::cli::contacts::spool::Spooled;
use crate::cli::contacts::summary;
use crate::cli::exit::{CliError, Exit};
use crate::cli::output::confirm;
use crate::http::dto::{CountsDto, ImportSettings, JobDto, JobProgressDto, Page};
use crate::store::contacts::JobKind;

/// True for the id of an import, which is no name of a file that a push leaves.
pub(super) fn is_id(job: &Path) -> bool {
    !job.exists() && job.to_str().is_some_and(|text| text.len() == 36 && text.matches('-').count() == 4)
}

/// What a job leaves beside its work.
struct Reports {
    outcome: Option<PathBuf>,
    reject: Option<PathBuf>,
    summary: Option<PathBuf>,
    allow_rejects: bool,
    dry_run: bool,
    /// Folder of our own store, for the hint of what to do next.
    data: Option<PathBuf>,
    /// Reports that go to stdout or into what is no regular file, once they are whole.
    passed_on: Vec<PassedOn>,
}

/// A report that is made as a file of ours first.
struct PassedOn {
    made: Spooled,
    /// `-` = stdout.
    to: PathBuf,
}

pub(super) async fn import(args: ContactsImportArgs, ctx: &Ctx, stop: &CancellationToken) -> Result<Exit, CliError> {
    if args.confirm && !(std::io::stdin().is_terminal() && std::io::stderr().is_terminal()) && !ctx.global.yes {
        return Err(CliError::usage("--confirm needs a terminal to ask on").hint("leave it out, or give --yes"));
    }
    let (outcome, reject, passed_on) = beside(&args.file, &args.report, ctx)?;
    let wanted = Wanted {
        kind: JobKind::Import,
        list: args.list,
        create: args.create,
        profile: args.mapping.profile.clone(),
        settings: args.mapping.settings(Some(&args.report)),
        auto_continue: !args.confirm,
        outcome: outcome.clone(),
        reject: reject.clone(),
        file: args.file,
    };
    let reports = Reports {
        outcome: Some(outcome),
        reject: Some(reject),
        summary: args.report.summary.clone(),
        allow_rejects: args.report.allow_rejects,
        dry_run: ctx.global.dry_run,
        data: args.place.data.clone(),
        passed_on,
    };
    load(wanted, reports, &args.report, ctx, stop).await
}

pub(super) async fn delete(args: ContactsDeleteArgs, ctx: &Ctx, stop: &CancellationToken) -> Result<Exit, CliError> {
    let need = |what: &str| CliError::usage(format!("{what} is required"));
    let file = args.file.clone().ok_or_else(|| need("FILE"))?;
    let list = args.list.clone().ok_or_else(|| need("--list NAME, or --to SYSTEM,"))?;
    let id_column = args.id_column.clone().ok_or_else(|| need("--id-column"))?;
    confirm(&ctx.global, &ctx.out, &format!("delete the contacts of this file from list {list}?"))?;
    let (outcome, reject, passed_on) = beside(&file, &args.report, ctx)?;
    let report = crate::cli::args::MappingArgs::default().settings(Some(&args.report));
    let wanted = Wanted {
        kind: JobKind::Delete,
        file,
        list,
        create: false,
        profile: None,
        settings: ImportSettings { id_column: Some(id_column), ..report },
        auto_continue: true,
        outcome: outcome.clone(),
        reject: reject.clone(),
    };
    let reports = Reports {
        outcome: Some(outcome),
        reject: Some(reject),
        summary: args.report.summary.clone(),
        allow_rejects: args.report.allow_rejects,
        dry_run: ctx.global.dry_run,
        data: args.place.data.clone(),
        passed_on,
    };
    load(wanted, reports, &args.report, ctx, stop).await
}

/// Where reports go when nothing is said. Only regular files can be cut and gone on with: the others get a whole one.
fn beside(file: &Path, report: &ReportArgs, ctx: &Ctx) -> Result<(PathBuf, PathBuf, Vec<PassedOn>), CliError> {
    let name = |ending: &str| {
        let mut name = if is_stdout(file) { "stdin".into() } else { file.as_os_str().to_owned() };
        name.push(ending);
        PathBuf::from(name)
    };
    // A link that was named is meant; one that stands where nothing was named is somebody else's.
    let place = |given: &Option<PathBuf>, ending| match given {
        None => Some(name(ending)).filter(|path| !path.is_symlink()).ok_or_else(|| {
            CliError::usage(format!("{}: a symbolic link stands in the place of a report", name(ending).display()))
                .hint("name another place with --outcome and --reject")
        }),
        Some(path) => {
            Ok(std::fs::canonicalize(path).ok().filter(|real| real.is_file()).unwrap_or_else(|| path.clone()))
        }
    };
    let mut outcome = place(&report.outcome, ".outcome.csv")?;
    let mut reject = place(&report.reject, ".reject.csv")?;
    let named = [Some(&outcome), Some(&reject), report.summary.as_ref()];
    let to_stdout = named.into_iter().flatten().filter(|path| is_stdout(path)).count();
    if to_stdout + usize::from(ctx.out.json) > 1 {
        return Err(CliError::usage("only one of --outcome -, --reject -, --summary - and --json can go to stdout"));
    }
    let mut passed_on = Vec::new();
    for path in [&mut outcome, &mut reject] {
        if is_stdout(path) || std::fs::metadata(&*path).is_ok_and(|about| !about.is_file() && !about.is_dir()) {
            let made = Spooled::named()?;
            let to = std::mem::replace(path, made.path.clone());
            passed_on.push(PassedOn { made, to });
        }
    }
    Ok((outcome, reject, passed_on))
}

fn is_stdout(path: &Path) -> bool {
    path == Path::new("-")
}

async fn load(
    wanted: Wanted,
    reports: Reports,
    report: &ReportArgs,
    ctx: &Ctx,
    stop: &CancellationToken,
) -> Result<Exit, CliError> {
    if !is_stdout(&wanted.file) {
        let wrong = |why: String| CliError::usage(format!("{}: {why}", wanted.file.display()));
        let about = std::fs::metadata(&wanted.file).map_err(|error| wrong(error.to_string()))?;
        if !about.is_file() {
            return Err(wrong("expected a regular file".into()));
        }
    }
    let place = Place::open(reports.data.as_deref(), ctx)?;
    let done = run(&place, &wanted, &reports, report, ctx, stop).await;
    let closed = place.close().await;
    let exit = done?;
    closed.map(|()| exit)
}

async fn run(
    place: &Place,
    wanted: &Wanted,
    reports: &Reports,
    report: &ReportArgs,
    ctx: &Ctx,
    stop: &CancellationToken,
) -> Result<Exit, CliError> {
    let progress = Arc::new(Progress::new(report.progress, ctx.out));
    let uploading = Arc::clone(&progress);
    let sent = move |bytes, total| uploading.show("uploading", bytes, total, |_| String::new());
    let started = Instant::now();
    let key = job_id()?;
    let seen = |at: &JobProgressDto| show(&progress, at);
    if reports.dry_run {
        // A list that is made only to be compared with does not stay.
        let made = wanted.create && !place.lists().await?.iter().any(|list| list.name == wanted.list);
        let done = place.dry_run(wanted, &key, &seen, stop, sent).await;
        progress.finish();
        if let (Ok(job), Place::There(_)) = (&done, place) {
            bring(place, job, reports).await?;
            place.forget(job).await?;
        }
        if made && let Ok(list) = place.list(&wanted.list).await {
            place.delete_list(&list).await?;
        }
        return tell(&done?, reports, started, ctx);
    }
    let job = place.start(wanted, &key, sent).await?;
    if ctx.global.no_wait && matches!(place, Place::There(_)) {
        ctx.out.either(&job, || format!("job {}", job.id))?;
        return Ok(Exit::Done);
    }
    follow(place, job, reports, &progress, started, ctx, stop).await
}

/// Watches a job to its end and tells it.
async fn follow(
    place: &Place,
    job: JobDto,
    reports: &Reports,
    progress: &Progress,
    started: Instant,
    ctx: &Ctx,
    stop: &CancellationToken,
) -> Result<Exit, CliError> {
    let seen = |at: &JobProgressDto| show(progress, at);
    let id = job.id.clone();
    let go_on = |error: CliError| match error.exit {
        Exit::Interrupted => error.hint(match (&reports.data, place) {
            (Some(data), _) => format!("go on with `commdn contacts resume {id} --data {}`", data.display()),
            (None, _) => format!("the gateway goes on; see `commdn contacts jobs {id}`"),
        }),
        _ => error,
    };
    let followed = place.follow(&job.id, &seen, stop).await;
    let mut job = match followed {
        Ok(job) => job,
        Err(error) => {
            progress.finish();
            return Err(go_on(error));
        }
    };
    if job.state == "validated" && !job.auto_continue && !job.dry_run {
        progress.finish();
        ctx.out.note(&format!("validated: {}", counts(&job.validation)));
        if let Err(error) = confirm(&ctx.global, &ctx.out, "go on?") {
            place.act(&job.id, "cancel").await?;
            return Err(error);
        }
        let id = place.act(&job.id, "continue").await?.id;
        let followed = place.follow(&id, &seen, stop).await;
        progress.finish();
        job = followed.map_err(go_on)?;
    }
    progress.finish();
    if job.auto_continue && job.step.as_deref() == Some("importing") {
        progress.note(&ctx.out, &format!("validated: {}", counts(&job.validation)));
    }
    bring(place, &job, reports).await?;
    if job.state == "completed" {
        place.forget(&job).await?;
    }
    tell(&job, reports, started, ctx)
}

async fn bring(place: &Place, job: &JobDto, reports: &Reports) -> Result<(), CliError> {
    for (name, to) in [("outcome", &reports.outcome), ("reject", &reports.reject)] {
        if let Some(to) = to {
            place.fetch(job, name, to).await?;
        }
    }
    Ok(())
}

fn show(progress: &Progress, at: &JobProgressDto) {
    let phase = match at.step.as_deref() {
        Some("importing") => "importing",
        Some(_) => "validating",
        None => "waiting",
    };
    progress.show(phase, at.bytes, at.size, |_| {
        let rate = if at.rate > 0.0 { format!(", {:.0}/s", at.rate) } else { String::new() };
        format!("{} records{rate}: {}", at.counts.records, counts(&at.counts))
    });
}

/// Sums in words.
fn counts(counts: &CountsDto) -> String {
    let mut parts = Vec::new();
    for (count, word) in [
        (counts.before_start, "in front of the first"),
        (counts.created, "created"),
        (counts.updated, "updated"),
        (counts.unchanged, "unchanged"),
        (counts.skipped, "skipped"),
        (counts.deleted, "deleted"),
        (counts.failed, "failed"),
        (counts.not_reached, "not reached"),
        (counts.warnings, if counts.warnings == 1 { "warning" } else { "warnings" }),
        (counts.dnc_hits, "on the do-not-call list"),
        (counts.merged_away, "merged away"),
        (counts.drift, "other than validated"),
    ] {
        if count > 0 {
            parts.push(format!("{count} {word}"));
        }
    }
    if parts.is_empty() { "nothing".to_owned() } else { parts.join(", ") }
}

/// The exit code of a job that nothing runs any more.
fn exit_of(job: &JobDto, allow_rejects: bool) -> Exit {
    let atomic = job.settings.atomic == Some(true) && job.step.as_deref() == Some("validating");
    let failed = job.counts.failed > 0;
    match job.state.as_str() {
        "completed" if job.stopped.as_deref() == Some("max_errors") => Exit::Missed,
        "completed" if failed && !allow_rejects => Exit::Partial,
        "cancelled" => Exit::Partial,
        "failed" if job.stopped.as_deref() == Some("max_errors") || (atomic && failed) => Exit::Missed,
        "failed" if job.failure.as_deref().is_some_and(|why| why.starts_with("the file has changed")) => Exit::Usage,
        "failed" => Exit::Internal,
        _ => Exit::Done,
    }
}

fn tell(job: &JobDto, reports: &Reports, started: Instant, ctx: &Ctx) -> Result<Exit, CliError> {
    let exit = exit_of(job, reports.allow_rejects);
    let seconds = started.elapsed().as_secs_f64();
    let document = document(job, reports, seconds, exit);
    let words = || {
        let dry = if reports.dry_run { " (dry run, nothing was stored)" } else { "" };
        let list = job.list.as_deref().unwrap_or("-");
        format!("list {list}: {} records: {}{dry}", job.counts.records, counts(&job.counts))
    };
    for report in &reports.passed_on {
        report.give(ctx)?;
    }
    let summary = reports.summary.as_deref();
    if summary.is_some_and(is_stdout) {
        ctx.out.document(&document)?;
    } else if reports.passed_on.iter().any(|report| is_stdout(&report.to)) {
        ctx.out.stderr(&format!("{}\n", words()));
    } else {
        ctx.out.either(&document, words)?;
    }
    if let Some(path) = summary.filter(|path| !is_stdout(path)) {
        summary::write(path, &document)?;
    }
    let is_here = |path: &&Path| !reports.passed_on.iter().any(|report| report.made.path == **path);
    if let Some(reject) = reports.reject.as_deref().filter(|_| job.counts.failed > 0).filter(is_here) {
        ctx.out.hint(&format!("failed records stand in {}", reject.display()));
    }
    match (&job.failure, job.state.as_str()) {
        (Some(why), "failed") => Err(CliError::new(exit, why.clone())),
        (_, "cancelled") => Err(CliError::new(exit, "the job was cancelled")),
        _ if exit == Exit::Missed => Err(CliError::new(exit, "too many records fail")),
        _ => Ok(exit),
    }
}

impl PassedOn {
    /// Gives the report to where it is wanted; one that was never begun is empty.
    fn give(&self, ctx: &Ctx) -> Result<(), CliError> {
        let wrong = |path: &Path, error: &std::io::Error| CliError::internal(format!("{}: {error}", path.display()));
        let mut made = match File::open(&self.made.path) {
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(()),
            made => made.map_err(|error| wrong(&self.made.path, &error))?,
        };
        if is_stdout(&self.to) {
            let mut part = vec![0; 64 * 1_024];
            loop {
                match made.read(&mut part).map_err(|error| wrong(&self.made.path, &error))? {
                    0 => return Ok(()),
                    length => ctx.out.bytes(&part[..length])?,
                }
            }
        }
        let to = File::options().write(true).open(&self.to);
        to.and_then(|mut to| std::io::copy(&mut made, &mut to)).map(drop).map_err(|error| wrong(&self.to, &error))
    }
}

fn document(job: &JobDto, reports: &Reports, seconds: f64, exit: Exit) -> Value {
    let rate = if seconds > 0.0 { job.counts.records as f64 / seconds } else { 0.0 };
    json!({
        "schema": "commdn.contacts_summary.v1",
        "job": (!reports.dry_run || reports.data.is_none()).then_some(&job.id),
        "kind": job.kind,
        "to": null,
        "list": job.list,
        "file": job.file_name,
        "bytes": job.size,
        "sha256": job.sha256,
        "encoding": job.encoding,
        "delimiter": job.delimiter,
        "profile": job.profile,
        "settings": job.settings,
        "dry_run": reports.dry_run,
        "state": job.state,
        "counts": job.counts,
        "validation": job.validation,
        "resumes": job.resumes,
        "outcome": reports.outcome,
        "reject": reports.reject,
        "seconds": (seconds * 1_000.0).round() / 1_000.0,
        "records_per_second": rate.round(),
        "exit": exit.code(),
        "error": job.failure,
    })
}

pub(super) async fn resume(args: ContactsResumeArgs, ctx: &Ctx, stop: &CancellationToken) -> Result<Exit, CliError> {
    if ctx.global.dry_run {
        return Err(CliError::usage("a job that has begun cannot be tried out"));
    }
    let place = Place::open(args.place.data.as_deref(), ctx)?;
    let id = args.job.display().to_string();
    let work = async {
        let mut reports = Reports {
            outcome: args.outcome.clone(),
            reject: args.reject.clone(),
            summary: args.summary.clone(),
            allow_rejects: args.allow_rejects,
            dry_run: false,
            data: args.place.data.clone(),
            passed_on: Vec::new(),
        };
        let job = match &place {
            Place::Here(here) => {
                (reports.outcome, reports.reject) = here.reports(&id).await?;
                place.act(&id, "resume").await?
            }
            // A gateway takes its own jobs up again; what waits for somebody goes on.
            Place::There(_) => {
                let job = place.job(&id).await?;
                if job.state == "validated" { place.act(&id, "continue").await? } else { job }
            }
        };
        let progress = Progress::new(args.progress, ctx.out);
        follow(&place, job, &reports, &progress, Instant::now(), ctx, stop).await
    };
    let done = work.await;
    let closed = place.close().await;
    let exit = done?;
    closed.map(|()| exit)
}

pub(super) async fn jobs(args: ContactsJobsArgs, ctx: &Ctx, stop: &CancellationToken) -> Result<Exit, CliError> {
    let place = Place::open(args.place.data.as_deref(), ctx)?;
    let done = jobs_in(&place, &args, ctx, stop).await;
    let closed = place.close().await;
    let exit = done?;
    closed.map(|()| exit)
}

async fn jobs_in(
    place: &Place,
    args: &ContactsJobsArgs,
    ctx: &Ctx,
    stop: &CancellationToken,
) -> Result<Exit, CliError> {
    let Some(id) = &args.job else {
        let page = Page { schema: "commdn.import_jobs.v1".into(), items: place.jobs(args.limit).await?, next: None };
        ctx.out.either(&page, || {
            let row = |job: &JobDto| {
                let list = job.list.clone().unwrap_or_else(|| "-".into());
                let records = job.counts.records.to_string();
                let failed = job.counts.failed.to_string();
                vec![job.id.clone(), job.kind.clone(), job.state.clone(), list, records, failed, job.created_at.clone()]
            };
            let head = ["JOB", "KIND", "STATE", "LIST", "RECORDS", "FAILED", "CREATED"];
            ctx.out.table(&head, page.items.iter().map(row).collect())
        })?;
        return Ok(Exit::Done);
    };
    let act = match (args.go_on, args.cancel, args.retry) {
        (true, ..) => Some("continue"),
        (_, true, _) => Some("cancel"),
        (_, _, true) => Some("retry"),
        _ => None,
    };
    let mut job = match act {
        Some(act) => place.act(id, act).await?,
        None => place.job(id).await?,
    };
    if act.is_some_and(|act| act != "cancel") && matches!(place, Place::Here(_)) {
        // Nobody else would do it.
        job = place.follow(id, &|_| {}, stop).await?;
    }
    ctx.out.either(&job, || crate::http::shown::log(&job).trim_end().to_owned())?;
    Ok(match act {
        Some("cancel") | None => Exit::Done,
        Some(_) => exit_of(&job, false),
    })
}

pub(super) async fn undo(args: ContactsUndoArgs, ctx: &Ctx) -> Result<Exit, CliError> {
    confirm(&ctx.global, &ctx.out, &format!("take back what job {} did?", args.job))?;
    if ctx.global.dry_run {
        return Err(CliError::usage("an undo cannot be tried out"));
    }
    let place = Place::open(args.place.data.as_deref(), ctx)?;
    let done = place.act(&args.job, "undo").await;
    let closed = place.close().await;
    let job = done?;
    closed?;
    let undone = job.undone.clone().unwrap_or_default();
    ctx.out
        .either(&job, || format!("{} deleted, {} restored, {} kept", undone.deleted, undone.restored, undone.kept))?;
    Ok(if undone.kept > 0 { Exit::Partial } else { Exit::Done })
}
