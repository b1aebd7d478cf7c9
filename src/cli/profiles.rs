//! `profiles import`: a file goes into the import folder, and the gateway is told to read it.

use std::fs::{self, OpenOptions};
use std::io;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use serde_json::{Value, json};

use crate::cli::args::ProfilesImportArgs;
use crate::cli::client::{Client, Ctx};
use crate::cli::config;
use crate::cli::exit::{CliError, Exit};
use crate::service::Config;

/// Errors that are printed; all of them are in the answer of `--json` and in the log.
const SHOWN: usize = 20;

/// A copy that goes when it was read.
struct Copied(PathBuf);

impl Drop for Copied {
    fn drop(&mut self) {
        // The gateway works on a copy of its own; somebody may have been faster.
        let _ = fs::remove_file(&self.0);
    }
}

/// Runs the verb.
///
/// # Errors
/// The file, the folder, or what the gateway refuses.
pub(super) async fn import(args: ProfilesImportArgs, ctx: &Ctx) -> Result<Exit, CliError> {
    let settings = config::load(&Config::default(), args.config.as_deref())?;
    let folder = args.import_folder.clone().or_else(|| settings.ucs.import_folder.clone().map(PathBuf::from));
    let folder = folder.ok_or_else(|| {
        CliError::usage("the import folder is not known")
            .hint("give --import-folder, or --config with ucs.import_folder")
    })?;
    let client = Client::new(&ctx.global)?;
    let (name, copied) = place(&args.file, &folder)?;
    let copied = copied.filter(|_| !args.keep);
    let body = json!({
        "format": "CSV", "profiles": name, "id-key": args.id_key, "delimiter": args.delimiter,
        "max-errors": args.max_errors, "encoding": args.encoding, "start-from-index": args.start_from,
        "create-log": args.create_log,
    });
    let mut headers = Vec::new();
    headers.extend(args.tenant.map(|tenant| ("X-Genesys-TenantId", tenant.to_string())));
    headers.extend(args.segment.clone().map(|segment| ("X-Genesys-Segment", segment)));
    headers.extend(ctx.global.no_wait.then(|| ("Prefer", "respond-async".to_owned())));
    let base = settings.ucs.base.trim_matches('/').split('/');
    let path: Vec<&str> = base.chain(["profiles", "import"]).collect();
    let answer: Value = client.post_foreign(&path, &headers, &body).await?;
    drop(copied);
    ctx.out.either(&answer, || words(&answer))?;
    let failed = answer["failed"].as_u64().unwrap_or(0) > 0;
    Ok(if failed && !args.allow_rejects { Exit::Partial } else { Exit::Done })
}

/// Puts a file into a folder under its own name; one that lies there already is left where it is.
fn place(file: &Path, folder: &Path) -> Result<(String, Option<Copied>), CliError> {
    let wrong = |path: &Path, error: &io::Error| CliError::usage(format!("{}: {error}", path.display()));
    let real = file.canonicalize().map_err(|error| wrong(file, &error))?;
    let root = folder.canonicalize().map_err(|error| wrong(folder, &error))?;
    if let Ok(below) = real.strip_prefix(&root) {
        return Ok((text(below)?, None));
    }
    let name = text(Path::new(real.file_name().unwrap_or_default()))?;
    let to = root.join(&name);
    let mut source = fs::File::open(&real).map_err(|error| wrong(file, &error))?;
    // Never over another file, and through no link.
    let mut out = OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o640)
        .open(&to)
        .map_err(|error| wrong(&to, &error).hint("rename the file, or remove the one in the import folder"))?;
    let copied = Copied(to);
    io::copy(&mut source, &mut out).map_err(|error| wrong(&copied.0, &error))?;
    Ok((name, Some(copied)))
}

fn text(path: &Path) -> Result<String, CliError> {
    path.to_str().map(str::to_owned).ok_or_else(|| CliError::usage("the file's name is no text in UTF-8"))
}

fn words(answer: &Value) -> String {
    if let Some(job) = answer["job"].as_str() {
        return format!("job {job}");
    }
    let number = |name: &str| answer[name].as_u64().unwrap_or(0);
    let mut text = format!(
        "imported {}, skipped {}, failed {}, not reached {}; last record {}",
        number("imported"),
        number("skipped"),
        number("failed"),
        number("not-reached"),
        number("last-index")
    );
    let errors = answer["errors"].as_array().map(Vec::as_slice).unwrap_or_default();
    for error in errors.iter().take(SHOWN) {
        let word = |name: &str| error[name].as_str().unwrap_or_default();
        let (index, line) = (&error["index"], &error["line"]);
        let column = if word("attribute").is_empty() { String::new() } else { format!(" {}", word("attribute")) };
        text.push_str(&format!("\nrecord {index}, line {line}: {}{column}: {}", word("code"), word("message")));
    }
    if errors.len() > SHOWN {
        text.push_str(&format!("\nand {} more; see --json or --create-log", errors.len() - SHOWN));
    }
    text
}
