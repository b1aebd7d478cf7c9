//! `contacts push | delete | clear --to genesys-cloud`, and going on with them.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use serde_json::json;
use tokio_util::sync::CancellationToken;

use crate::cli::args::{
    BatchArgs, ContactsClearArgs, ContactsDeleteArgs, ContactsJobsArgs, ContactsPushArgs, ContactsResumeArgs,
    MaxErrors, ProgressWhen, ReportArgs,
};
use crate::cli::client::Ctx;
use crate::cli::contacts::parameters;
use crate::cli::contacts::progress::Progress;
use crate::cli::contacts::spool::Spooled;
use crate::cli::contacts::summary;
use crate::cli::exit::{CliError, Exit};
use crate::cli::output::confirm;
use crate::contact::Counts;
use crate::contact::genesys_cloud::{Parameters, PhoneColumnParameter};
use crate::http::shown;
use crate::service::push::{
    FileLedger, Finished, Job, Ledger, NoLedger, Outside, PushError, Remote, RemoteOptions, Stage, State, Task,
    TaskKind,
};

/// What a job needs besides its task.
struct Order {
    parameters: Parameters,
    task: Task,
    /// Where the job is kept; `None` = it cannot be resumed.
    job: Option<PathBuf>,
    summary: Option<PathBuf>,
    progress: ProgressWhen,
    outside: Arc<dyn Outside>,
    stop: CancellationToken,
}

pub(super) async fn push(
    args: ContactsPushArgs,
    ctx: &Ctx,
    outside: Arc<dyn Outside>,
    stop: CancellationToken,
) -> Result<Exit, CliError> {
    if args.other.to.is_none() {
        return Err(
            CliError::usage("--to is required").hint("give --to genesys-cloud; `contacts import` loads a list of ours")
        );
    }
    let phones = args.phone_column.into_iter().map(|(column, kind)| PhoneColumnParameter { column, kind });
    let flags = Parameters {
        file_name: args.file,
        id_column: args.id_column,
        callable_column: args.callable_column,
        contact_list_name: args.list_name,
        clear_contact_list_before_upload: args.clear_first.then_some(true),
        column_names: args.columns,
        phone_columns: Some(phones.collect::<Vec<_>>()).filter(|phones| !phones.is_empty()),
        ..Parameters::default()
    };
    let parameters = parameters::read(&args.other, flags, ctx)?;
    let spool = Spool::of(&parameters)?;
    let mut task = Task::new(TaskKind::Push, &parameters);
    task.phone_policy = args.phone_policy;
    task.default_country = args.default_country;
    task.value_chars = args.value_chars;
    let job = with_reports(&mut task, &spool, &args.report, &args.batch, ctx)?;
    let (summary, progress) = (args.report.summary, args.report.progress);
    begin(Order { parameters, task, job, summary, progress, outside, stop }, ctx).await
}

pub(super) async fn delete(
    args: ContactsDeleteArgs,
    ctx: &Ctx,
    outside: Arc<dyn Outside>,
    stop: CancellationToken,
) -> Result<Exit, CliError> {
    let flags = Parameters { file_name: args.file, id_column: args.id_column, ..Parameters::default() };
    let parameters = parameters::read(&args.other, flags, ctx)?;
    let spool = Spool::of(&parameters)?;
    let mut task = Task::new(TaskKind::Delete, &parameters);
    let job = with_reports(&mut task, &spool, &args.report, &args.batch, ctx)?;
    task.check().map_err(error)?;
    let list = task.list_id.as_deref().unwrap_or_default();
    confirm(&ctx.global, &ctx.out, &format!("delete the contacts of this file from list {list}?"))?;
    let (summary, progress) = (args.report.summary, args.report.progress);
    begin(Order { parameters, task, job, summary, progress, outside, stop }, ctx).await
}

pub(super) async fn clear(
    args: ContactsClearArgs,
    ctx: &Ctx,
    outside: Arc<dyn Outside>,
    stop: CancellationToken,
) -> Result<Exit, CliError> {
    let mut parameters = parameters::read(&args.other, Parameters::default(), ctx)?;
    parameters.file_name = None;
    let mut task = Task::new(TaskKind::Clear, &parameters);
    task.dry_run = ctx.global.dry_run;
    task.check().map_err(error)?;
    let list = task.list_id.as_deref().unwrap_or_default();
    confirm(&ctx.global, &ctx.out, &format!("delete ALL contacts of list {list}?"))?;
    let (job, progress) = (None, ProgressWhen::Never);
    begin(Order { parameters, task, job, summary: args.summary, progress, outside, stop }, ctx).await
}

pub(super) async fn resume(
    args: ContactsResumeArgs,
    ctx: &Ctx,
    outside: Arc<dyn Outside>,
    stop: CancellationToken,
) -> Result<Exit, CliError> {
    let state = FileLedger::load(&args.job).map_err(|error| match error.kind() {
        std::io::ErrorKind::NotFound => {
            CliError::new(Exit::NotFound, format!("{}: there is no such job", args.job.display()))
                .hint("a job leaves its file only when it is interrupted; it stands beside the file that was sent")
        }
        _ => CliError::usage(format!("{}: {error}", args.job.display())),
    })?;
    if ctx.global.dry_run {
        return Err(CliError::usage("a job that has begun cannot be tried out"));
    }
    let config = args.config.as_deref().map(|file| parameters::config(file, ctx)).transpose()?.unwrap_or_default();
    let flags = Parameters {
        region: Some(state.region.clone()),
        client_id: Some(state.client_id.clone()),
        client_secret_file: args.client_secret_file.or_else(|| state.client_secret_file.clone()),
        ..Parameters::default()
    };
    let parameters = flags.over(config);
    let task = state.task.clone();
    let (job, summary, progress) = (Some(args.job), args.summary, args.progress);
    work(Order { parameters, task, job, summary, progress, outside, stop }, state, ctx).await
}

/// Gives a task its reports and what is allowed; where the job is kept.
fn with_reports(
    task: &mut Task,
    spool: &Spool,
    report: &ReportArgs,
    batch: &BatchArgs,
    ctx: &Ctx,
) -> Result<Option<PathBuf>, CliError> {
    let all = [&report.outcome, &report.reject, &report.summary];
    if all.into_iter().flatten().any(|path| path.as_os_str() == "-") {
        return Err(CliError::usage("the reports of a job with another system are files: `-` is none")
            .hint("a resume goes on with them"));
    }
    let source = task.file.clone().unwrap_or_default();
    let beside = |ending: &str| match spool {
        Spool::None => {
            let mut name = source.clone().into_os_string();
            name.push(ending);
            PathBuf::from(name)
        }
        Spool::Stdin(_) => PathBuf::from(format!("stdin{ending}")),
    };
    task.outcome = Some(report.outcome.clone().unwrap_or_else(|| beside(".outcome.csv")));
    task.reject = Some(report.reject.clone().unwrap_or_else(|| beside(".reject.csv")));
    if let Spool::Stdin(file) = spool {
        task.file = Some(file.path.clone());
    }
    match report.max_errors {
        Some(MaxErrors::Records(most)) => task.max_errors = Some(most),
        Some(MaxErrors::Share(most)) => task.max_error_share = Some(most),
        None => {}
    }
    task.start_from = report.start_from;
    task.allow_rejects = report.allow_rejects;
    task.atomic = report.atomic;
    task.dry_run = ctx.global.dry_run;
    task.no_split = batch.no_split;
    task.continue_unknown = batch.continue_unknown;
    let kept = matches!(spool, Spool::None) && !task.dry_run;
    Ok(kept.then(|| batch.job.clone().unwrap_or_else(|| beside(".job.json"))))
}

/// The file of a push job, where one is asked for instead of a job of a store.
pub(super) fn file_of(args: &ContactsJobsArgs) -> Option<&Path> {
    args.job.as_deref().map(Path::new).filter(|job| !super::import::is_id(job))
}

/// How far a push has come that was interrupted.
pub(super) fn show(args: &ContactsJobsArgs, ctx: &Ctx) -> Result<Exit, CliError> {
    let Some(file) = file_of(args) else { return Err(CliError::usage("expected the file of a job")) };
    if args.go_on || args.cancel || args.retry {
        let hint = format!("go on with `commdn contacts resume {0}`, or remove {0}", file.display());
        return Err(CliError::usage("a push is moved on by resume only").hint(hint));
    }
    let state = FileLedger::load(file).map_err(|error| match error.kind() {
        std::io::ErrorKind::NotFound => CliError::new(Exit::NotFound, format!("{}: there is no job", file.display())),
        _ => CliError::usage(format!("{}: {error}", file.display())),
    })?;
    let counts = shown::counts(&state.sums);
    let document = json!({
        "schema": state.schema,
        "id": state.id,
        "kind": state.task.kind.word(),
        "to": "genesys-cloud",
        "region": state.region,
        "stage": state.stage,
        "list_id": state.list_id,
        "file": state.task.file,
        "bytes": state.place.offset,
        "size": state.size,
        "sha256": state.sha256,
        "counts": counts,
    });
    ctx.out.either(&document, || {
        let list = state.list_id.as_deref().unwrap_or("-");
        let Counts { created, updated, deleted, failed, .. } = state.sums;
        format!(
            "{} {}: list {list}, {} of {} bytes, {} records: {created} created, {updated} updated, {deleted} deleted, {failed} failed",
            state.task.kind.word(),
            state.id,
            state.place.offset,
            state.size,
            counts.records
        )
    })?;
    Ok(Exit::Done)
}

async fn begin(order: Order, ctx: &Ctx) -> Result<Exit, CliError> {
    order.task.check().map_err(error)?;
    if let Some(file) = order.job.as_deref().filter(|file| file.exists()) {
        let message = format!("{}: a job with this file was begun and has not ended", file.display());
        let hint = format!("go on with `commdn contacts resume {}`, or remove it to start again", file.display());
        return Err(CliError::new(Exit::Conflict, message).hint(hint));
    }
    let required = CliError::usage("region is required").hint("give it with --region, for instance eu-central-1");
    let region = order.parameters.region.clone().ok_or(required)?;
    let client = order.parameters.client_id.clone().unwrap_or_default();
    let secret_file = order.parameters.client_secret_file.clone();
    let state = State::new(job_id()?, region, client, secret_file, order.task.clone());
    work(order, state, ctx).await
}

async fn work(order: Order, state: State, ctx: &Ctx) -> Result<Exit, CliError> {
    let account = parameters::account(&order.parameters)?;
    let roots = ctx.global.ca.as_deref().map(std::fs::read).transpose();
    let roots = roots.map_err(|error| CliError::usage(format!("--ca: {error}")))?;
    let options = RemoteOptions { timeout: ctx.global.timeout, roots };
    let remote = Remote::new(&state.region, account, &options, Arc::clone(&order.outside), order.stop.clone());
    let remote = remote.map_err(error)?;
    let progress = Progress::new(order.progress, ctx.out);
    let mut ledger: Box<dyn Ledger> = match &order.job {
        Some(path) => Box::new(FileLedger::new(path.clone())),
        None => Box::new(NoLedger),
    };
    let started = order.outside.now_ms();
    let job = Job {
        remote: Some(&remote).filter(|_| !state.task.dry_run),
        state,
        ledger: ledger.as_mut(),
        watch: &progress,
        stop: order.stop.clone(),
    };
    let finished = job.run().await;
    progress.finish();
    let seconds = (order.outside.now_ms() - started) as f64 / 1_000.0;
    tell(finished, seconds, &order, ctx)
}

fn tell(finished: Finished, seconds: f64, order: &Order, ctx: &Ctx) -> Result<Exit, CliError> {
    let exit = summary::exit(&finished);
    let document = summary::document(&finished, seconds, exit);
    for warning in &finished.warnings {
        ctx.out.note(&format!("warning: {}: {}", warning.code, warning.message));
    }
    if let Some(path) = &order.summary {
        summary::write(path, &document)?;
    }
    let resumable = match &order.job {
        Some(path)
            if finished.state.stage == Stage::Ended || FileLedger::load(path).is_ok_and(|it| it.is_untouched()) =>
        {
            // Nothing is left to go on with, or nothing was done that would be done twice.
            let _ = std::fs::remove_file(path);
            None
        }
        path => path.as_deref().filter(|path| path.exists()),
    };
    if finished.error.is_none() || finished.state.sums.records() > 0 {
        ctx.out.either(&document, || summary::words(&finished))?;
    }
    let sums = &finished.state.sums;
    match finished.error {
        Some(cause) => {
            let failed = error_with(cause, exit);
            Err(match resumable {
                Some(job) => failed.hint(format!("go on with `commdn contacts resume {}`", job.display())),
                None => failed,
            })
        }
        None => {
            if let (Some(reject), true) = (&finished.state.task.reject, sums.failed > 0) {
                ctx.out.hint(&format!("failed records stand in {}", Path::display(reject)));
            }
            Ok(exit)
        }
    }
}

fn error(cause: PushError) -> CliError {
    error_with(cause, Exit::Usage)
}

fn error_with(cause: PushError, exit: Exit) -> CliError {
    CliError::new(exit, cause.to_string())
}

/// A UUID that nobody else has made.
pub(super) fn job_id() -> Result<String, CliError> {
    let mut bytes = [0; 16];
    getrandom::fill(&mut bytes).map_err(|error| CliError::internal(error.to_string()))?;
    bytes[6] = bytes[6] & 0x0f | 0x40;
    bytes[8] = bytes[8] & 0x3f | 0x80;
    let hex: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
    Ok([&hex[..8], &hex[8..12], &hex[12..16], &hex[16..20], &hex[20..]].join("-"))
}

/// Where a file comes from.
enum Spool {
    /// It is one.
    None,
    /// From stdin: two passes need it twice.
    Stdin(Spooled),
}

impl Spool {
    fn of(parameters: &Parameters) -> Result<Self, CliError> {
        if parameters.file_name.as_deref() != Some(Path::new("-")) {
            return Ok(Self::None);
        }
        Spooled::stdin().map(Self::Stdin)
    }
}
