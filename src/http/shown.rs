//! Lists, profiles, uploads and jobs as they are shown, and settings as they are read. The command line uses the same
//! for a store that it opens itself.

use std::collections::BTreeMap;

use jiff::Timestamp;

use crate::contact::preset::rules_of;
use crate::contact::{CallingList, Counts, ImportProfile, MatchKey, OnMatch, PhoneColumn, PhonePolicy};
use crate::http::dto::{
    ClearedDto, CountsDto, CursorDto, ImportSettings, JobDto, JobProgressDto, ListBody, ListDto, PhoneColumnDto,
    PreviewColumnDto, PreviewDto, ProfileDto, UndoneDto, UploadDto,
};
use crate::service::import::{JobStatus, Preview, new_list};
use crate::store::contacts::{
    Cleared, ImportJob, JobKind, JobState, ListRow, SavedProfile, Step, StopReason, StoredUpload, Undone,
};

fn time(ms: i64) -> String {
    Timestamp::from_millisecond(ms).unwrap_or_default().to_string()
}

fn phone_column(column: &PhoneColumn) -> PhoneColumnDto {
    PhoneColumnDto {
        column: column.column.clone(),
        kind: column.kind.clone(),
        time_zone_column: column.time_zone_column.clone(),
    }
}

fn of_phone_column(column: PhoneColumnDto) -> PhoneColumn {
    PhoneColumn { column: column.column, kind: column.kind, time_zone_column: column.time_zone_column }
}

/// A list.
pub(crate) fn list(row: &ListRow) -> ListDto {
    let list = &row.list;
    ListDto {
        schema: "commdn.list.v1".into(),
        id: list.id.clone(),
        number: list.number,
        name: list.name.clone(),
        columns: list.columns.clone(),
        phone_columns: list.phone_columns.iter().map(phone_column).collect(),
        email_columns: list.email_columns.clone(),
        customer_column: list.customer_column.clone(),
        phone_policy: list.phone_policy.map(|policy| policy.word().to_owned()),
        trim: list.trim,
        daily_from: list.daily_from,
        daily_till: list.daily_till,
        time_zone: list.time_zone.clone(),
        tz_dbid: list.tz_dbid,
        version: list.version,
        size: row.size,
        created_at: time(row.created_at),
        modified_at: time(row.modified_at),
        last_job: row.last_job.clone(),
    }
}

/// The settings of a list that is there already, as they are given to a mapping.
pub(crate) fn of_list(dto: &ListDto) -> Result<CallingList, String> {
    let body = ListBody {
        name: dto.name.clone(),
        columns: dto.columns.clone(),
        phone_columns: dto.phone_columns.clone(),
        email_columns: dto.email_columns.clone(),
        customer_column: dto.customer_column.clone(),
        phone_policy: dto.phone_policy.clone(),
        trim: Some(dto.trim),
        ..ListBody::default()
    };
    list_of(body, CallingList { number: dto.number, id: dto.id.clone(), ..new_list(&dto.name) })
}

/// A new list of these settings.
pub(crate) fn new_list_of(body: ListBody) -> Result<CallingList, String> {
    let list = new_list(&body.name);
    list_of(body, list)
}

/// A list with these settings over its own.
pub(crate) fn list_of(body: ListBody, list: CallingList) -> Result<CallingList, String> {
    let phone_policy = body.phone_policy.map(|word| word.parse().map_err(|error| format!("phone_policy: {error}")));
    Ok(CallingList {
        name: body.name,
        columns: body.columns,
        phone_columns: body.phone_columns.into_iter().map(of_phone_column).collect(),
        email_columns: body.email_columns,
        customer_column: body.customer_column,
        phone_policy: phone_policy.transpose()?,
        trim: body.trim.unwrap_or(list.trim),
        daily_from: body.daily_from.unwrap_or(list.daily_from),
        daily_till: body.daily_till.unwrap_or(list.daily_till),
        time_zone: body.time_zone.unwrap_or(list.time_zone),
        tz_dbid: body.tz_dbid.unwrap_or(list.tz_dbid),
        ..list
    })
}

/// What a clear did.
pub(crate) fn cleared(name: &str, cleared: &Cleared) -> ClearedDto {
    ClearedDto {
        schema: "commdn.list_cleared.v1".into(),
        list: name.to_owned(),
        deleted: cleared.deleted,
        cancellations: cleared.cancellations,
        in_use: cleared.in_use.len() as u64,
        in_use_ids: cleared.in_use.iter().take(100).map(|(_, id)| id.clone()).collect(),
        job: None,
    }
}

/// What the job of a clear did.
pub(crate) fn cleared_by(name: &str, job: &ImportJob) -> ClearedDto {
    let progress = &job.progress;
    ClearedDto {
        schema: "commdn.list_cleared.v1".into(),
        list: name.to_owned(),
        deleted: progress.counts.deleted,
        cancellations: progress.cancellations,
        in_use: progress.counts.failed,
        in_use_ids: serde_json::from_str(&progress.extra).unwrap_or_default(),
        job: Some(job.id.clone()),
    }
}

/// All choices of a profile.
pub(crate) fn settings(profile: &ImportProfile) -> ImportSettings {
    let some = |text: &str| (!text.is_empty()).then(|| text.to_owned());
    ImportSettings {
        system: Some(profile.source.word().to_owned()),
        id_column: profile.id_column.clone(),
        callable_column: profile.callable_column.clone(),
        phone_columns: Some(profile.phone_columns.iter().map(phone_column).collect()),
        email_columns: Some(profile.email_columns.clone()),
        tz_column: profile.tz_column.clone(),
        country_column: profile.country_column.clone(),
        map: Some(profile.mapping.iter().cloned().collect()),
        ignore: Some(profile.ignored.clone()),
        only_mapped: Some(profile.only_mapped),
        match_keys: Some(profile.match_keys.iter().map(ToString::to_string).collect()),
        on_match: Some(profile.on_match.word().to_owned()),
        scope: Some(profile.scope.word().to_owned()),
        empty: Some(profile.empty.word().to_owned()),
        trim: Some(profile.trim),
        phone_policy: Some(profile.phones.word().to_owned()),
        phone_required: Some(profile.phone_required),
        default_country: some(&profile.default_country),
        plusless: Some(profile.plusless),
        dnc: Some(profile.dnc.word().to_owned()),
        encoding: Some(profile.encoding.clone()),
        delimiter: Some(profile.delimiter.map_or_else(|| "auto".to_owned(), delimiter)),
        ragged: Some(profile.ragged.word().to_owned()),
        from_export: Some(profile.from_export),
        max_errors: max_errors_of(profile),
        start_from: Some(profile.start_from),
        clear_system_data: Some(profile.clear_system_data),
        atomic: Some(profile.atomic),
    }
}

fn max_errors_of(profile: &ImportProfile) -> Option<String> {
    match (profile.max_errors, profile.max_error_share) {
        (Some(most), _) => Some(most.to_string()),
        (None, Some(share)) => Some(format!("{}.{:02}%", share / 100, share % 100)),
        (None, None) => None,
    }
}

fn delimiter(delimiter: char) -> String {
    if delimiter == '\t' { "tab".to_owned() } else { delimiter.to_string() }
}

fn delimiter_of(word: &str) -> Result<Option<char>, String> {
    let mut chars = word.chars();
    match (word, chars.next(), chars.next()) {
        ("auto", ..) => Ok(None),
        ("tab" | "\\t", ..) => Ok(Some('\t')),
        (_, Some(one), None) if one.is_ascii() && !matches!(one, '"' | '\r' | '\n' | '\0') => Ok(Some(one)),
        _ => Err(format!("delimiter: expected auto, tab or one ASCII character, found {word:?}")),
    }
}

/// `N`, or `N%` in hundredths of a percent.
pub(crate) fn max_errors(text: &str) -> Result<(Option<u64>, Option<u32>), String> {
    let wrong = || format!("max_errors: expected a number or a percentage such as 0.5%, found {text:?}");
    let Some(percent) = text.strip_suffix('%') else {
        return text.parse().map(|most| (Some(most), None)).map_err(|_| wrong());
    };
    let (whole, part) = percent.split_once('.').unwrap_or((percent, ""));
    let is_number = part.len() <= 2 && percent.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.');
    let hundredths = format!("{whole}{part:0<2}").parse::<u32>().ok();
    let share = hundredths.filter(|share| is_number && !whole.is_empty() && *share <= 10_000).ok_or_else(wrong)?;
    Ok((None, Some(share)))
}

fn set<T>(to: &mut T, value: Option<T>) {
    if let Some(value) = value {
        *to = value;
    }
}

fn set_word<T: std::str::FromStr>(to: &mut T, name: &str, word: Option<String>) -> Result<(), String>
where
    T::Err: std::fmt::Display,
{
    if let Some(word) = word {
        *to = word.parse().map_err(|error: T::Err| format!("{name}: {error}"))?;
    }
    Ok(())
}

/// These settings over a profile. Without a profile of their own, keys come of the id column, and what a match does of
/// the keys (specification 4.1).
pub(crate) fn profile(given: ImportSettings, base: Option<ImportProfile>) -> Result<ImportProfile, String> {
    let fresh = base.is_none();
    let mut profile = base.unwrap_or_default();
    set_word(&mut profile.source, "system", given.system)?;
    if fresh {
        profile = rules_of(profile.source);
    }
    let names_id = profile.id_column.is_none() && given.id_column.is_some();
    let always = given.on_match.as_deref() == Some(OnMatch::CreateAlways.word());
    let by_id = profile.match_keys.is_empty() && names_id && !always;
    profile.id_column = given.id_column.or(profile.id_column);
    profile.callable_column = given.callable_column.or(profile.callable_column);
    let phones = given.phone_columns.map(|columns| columns.into_iter().map(of_phone_column).collect());
    set(&mut profile.phone_columns, phones);
    set(&mut profile.email_columns, given.email_columns);
    profile.tz_column = given.tz_column.or(profile.tz_column);
    profile.country_column = given.country_column.or(profile.country_column);
    set(&mut profile.mapping, given.map.map(|map| map.into_iter().collect()));
    set(&mut profile.ignored, given.ignore);
    set(&mut profile.only_mapped, given.only_mapped);
    let keys = given.match_keys.map(|keys| {
        let key = |text: &String| text.parse::<MatchKey>().map_err(|error| format!("match: {error}"));
        keys.iter().map(key).collect::<Result<Vec<_>, _>>()
    });
    let keys = keys.transpose()?;
    let keys_given = keys.is_some();
    set(&mut profile.match_keys, keys);
    if !keys_given && by_id {
        profile.match_keys = vec![MatchKey::Id];
    }
    match given.on_match {
        Some(word) => profile.on_match = word.parse().map_err(|error| format!("on_match: {error}"))?,
        None if keys_given || by_id => {
            let has_keys = !profile.match_keys.is_empty();
            profile.on_match = if has_keys { OnMatch::Overwrite } else { OnMatch::CreateAlways };
        }
        None => {}
    }
    if profile.on_match != OnMatch::CreateAlways && profile.match_keys.is_empty() {
        return Err(format!("on_match {}: expected keys to match by, found none", profile.on_match));
    }
    set_word(&mut profile.scope, "scope", given.scope)?;
    set_word(&mut profile.empty, "empty", given.empty)?;
    set(&mut profile.trim, given.trim);
    if let Some(word) = given.phone_policy {
        profile.phones = word.parse().map_err(|error| format!("phone_policy: {error}"))?;
        profile.phone_required = profile.phones == PhonePolicy::Require;
    }
    set(&mut profile.phone_required, given.phone_required);
    set(&mut profile.default_country, given.default_country);
    set(&mut profile.plusless, given.plusless);
    set_word(&mut profile.dnc, "dnc", given.dnc)?;
    set(&mut profile.encoding, given.encoding);
    if let Some(word) = given.delimiter {
        profile.delimiter = delimiter_of(&word)?;
    }
    set_word(&mut profile.ragged, "ragged", given.ragged)?;
    set(&mut profile.from_export, given.from_export);
    if let Some(text) = given.max_errors {
        (profile.max_errors, profile.max_error_share) = max_errors(&text)?;
    }
    set(&mut profile.start_from, given.start_from);
    if profile.start_from == 0 {
        return Err("start_from: expected a number from 1 on, found 0".into());
    }
    set(&mut profile.clear_system_data, given.clear_system_data);
    set(&mut profile.atomic, given.atomic);
    Ok(profile)
}

/// A saved profile.
pub(crate) fn saved_profile(saved: &SavedProfile) -> ProfileDto {
    ProfileDto {
        schema: "commdn.import_profile.v1".into(),
        id: saved.id.clone(),
        name: saved.name.clone(),
        kind: saved.kind.clone(),
        owner: saved.owner.clone(),
        version: saved.version,
        created_at: time(saved.created_at),
        modified_at: time(saved.modified_at),
        settings: settings(&saved.profile),
    }
}

/// A complete upload.
pub(crate) fn upload(upload: &StoredUpload) -> UploadDto {
    UploadDto {
        schema: "commdn.import_upload.v1".into(),
        upload_id: upload.id.clone(),
        bytes: upload.bytes.unwrap_or_default(),
        sha256: upload.sha256.clone().unwrap_or_default(),
        file_name: upload.file_name.clone(),
    }
}

/// The first rows of a file.
pub(crate) fn preview(preview: Preview, profile: &ImportProfile) -> PreviewDto {
    let target = |name: &String| {
        let is = |column: &Option<String>| column.as_ref() == Some(name);
        match profile.mapping.iter().find(|(from, _)| from == name) {
            _ if is(&profile.id_column) => Some("(id)".to_owned()),
            _ if is(&profile.callable_column) => Some("(callable)".to_owned()),
            _ if preview.ignored.contains(name) => None,
            Some((_, to)) => Some(to.clone()),
            None => Some(name.clone()),
        }
    };
    let column = |(name, kind): (&String, &crate::service::import::ColumnType)| PreviewColumnDto {
        name: name.clone(),
        kind: kind.word().to_owned(),
        target: target(name),
    };
    PreviewDto {
        schema: "commdn.import_preview.v1".into(),
        columns: preview.header.iter().zip(&preview.types).map(column).collect(),
        encoding: preview.encoding,
        encoding_guessed: preview.guessed,
        delimiter: delimiter(preview.delimiter),
        bytes: preview.size,
        rows: preview.rows,
        unmatched_in_file: preview.ignored,
        unmatched_in_list: preview.absent,
        mismatch: preview.mismatch,
    }
}

/// Sums.
pub(crate) fn counts(counts: &Counts) -> CountsDto {
    CountsDto {
        records: counts.records(),
        before_start: counts.before_start,
        created: counts.created,
        updated: counts.updated,
        unchanged: counts.unchanged,
        skipped: counts.skipped,
        deleted: counts.deleted,
        failed: counts.failed,
        not_reached: counts.not_reached,
        warnings: counts.warnings,
        blank_lines: counts.blank_lines,
        merged_away: counts.merged_away,
        dnc_hits: counts.dnc_hits,
        drift: counts.drift,
    }
}

fn step(step: Step) -> String {
    match step {
        Step::Validating => "validating".into(),
        Step::Importing => "importing".into(),
    }
}

/// What undoing a job did.
pub(crate) fn undone(undone: &Undone) -> UndoneDto {
    UndoneDto {
        deleted: undone.deleted,
        restored: undone.restored,
        kept: undone.kept,
        kept_numbers: undone.kept_numbers.clone(),
        finished: undone.finished,
    }
}

/// A job, with how it goes at this moment when it runs.
pub(crate) fn job(job: &ImportJob, list: Option<&str>, status: &JobStatus) -> JobDto {
    let progress = &job.progress;
    JobDto {
        schema: "commdn.import_job.v1".into(),
        id: job.id.clone(),
        number: job.number,
        kind: job.kind.slug().into(),
        state: job.state.slug().into(),
        step: progress.step.map(step),
        list: list.map(str::to_owned).or_else(|| job.spec.made_list.clone()),
        file_name: job.spec.file_name.clone(),
        upload_id: job.spec.upload.clone(),
        profile: job.spec.profile.name.clone(),
        settings: settings(&job.spec.profile),
        auto_continue: job.spec.auto_continue,
        dry_run: job.spec.dry_run,
        bytes: if job.state.is_final() { progress.cursor.offset } else { status.bytes },
        size: progress.size.max(status.size),
        sha256: progress.sha256.clone(),
        encoding: progress.encoding.clone(),
        delimiter: progress.delimiter.map(delimiter),
        counts: counts(if job.state.is_final() { JobStatus::counts(progress) } else { &status.counts }),
        validation: counts(&progress.validation),
        cursor: CursorDto {
            offset: progress.cursor.offset,
            record: progress.cursor.record,
            line: progress.cursor.line,
        },
        rate: status.rate,
        seconds_left: status.seconds_left,
        stopped: progress.stopped.map(|stop| match stop.reason {
            StopReason::MaxErrors => "max_errors".to_owned(),
            StopReason::Cancelled => "cancelled".to_owned(),
        }),
        failure: progress.failure.clone(),
        owner: job.owner.clone(),
        continued_by: progress.continued_by.clone(),
        cancelled_by: job.cancelled_by.clone(),
        created_at: time(job.created_at),
        started_at: progress.started_at.map(time),
        validated_at: progress.validated_at.map(time),
        ended_at: progress.ended_at.map(time),
        resumes: progress.resumes,
        cancellations: progress.cancellations,
        undone: progress.undone.as_ref().map(undone),
        links: links(job),
        extra: serde_json::from_str(&job.spec.extra).ok(),
    }
}

fn links(job: &ImportJob) -> BTreeMap<String, String> {
    let base = format!("/v1/import-jobs/{}", job.id);
    let mut names = match job.kind {
        JobKind::Clear => vec!["events", "log"],
        _ => vec!["events", "outcome", "reject", "log"],
    };
    match job.state {
        JobState::Created | JobState::Validating | JobState::Importing => names.push("cancel"),
        JobState::Validated => names.extend(["continue", "cancel"]),
        JobState::Failed => names.extend(["retry", "undo"]),
        JobState::Completed | JobState::Cancelled => names.push("undo"),
    }
    let links = names.into_iter().map(|name| (name.to_owned(), format!("{base}/{name}")));
    links.chain([("self".to_owned(), base.clone())]).collect()
}

/// How a job goes.
pub(crate) fn progress(id: &str, status: &JobStatus) -> JobProgressDto {
    JobProgressDto {
        schema: "commdn.import_progress.v1".into(),
        id: id.to_owned(),
        state: status.state.slug().into(),
        step: status.step.map(step),
        bytes: status.bytes,
        size: status.size,
        counts: counts(&status.counts),
        rate: status.rate,
        seconds_left: status.seconds_left,
        failure: status.failure.clone(),
    }
}

/// What has happened to a job, a line each.
pub(crate) fn log(job: &JobDto) -> String {
    let mut lines = vec![format!("{} created by {}: {} {:?}", job.created_at, job.owner, job.kind, job.file_name)];
    let sums = |counts: &CountsDto| {
        format!(
            "records {}, before the first {}, created {}, updated {}, unchanged {}, skipped {}, deleted {}, failed {}, \
             not reached {}; warnings {}, blank lines {}, merged away {}, do-not-call {}, drift {}",
            counts.records,
            counts.before_start,
            counts.created,
            counts.updated,
            counts.unchanged,
            counts.skipped,
            counts.deleted,
            counts.failed,
            counts.not_reached,
            counts.warnings,
            counts.blank_lines,
            counts.merged_away,
            counts.dnc_hits,
            counts.drift
        )
    };
    let delimiter = job.delimiter.as_deref().unwrap_or("-");
    if let Some(at) = &job.started_at {
        lines.push(format!("{at} started: {} bytes, {}, delimiter {delimiter}", job.size, job.encoding));
    }
    if let Some(at) = &job.validated_at {
        lines.push(format!("{at} validated: {}", sums(&job.validation)));
    }
    lines.extend(job.continued_by.as_ref().map(|who| format!("continued by {who}")));
    lines.extend(job.cancelled_by.as_ref().map(|who| format!("cancelled by {who}")));
    if job.resumes > 0 {
        lines.push(format!("taken up again {} times", job.resumes));
    }
    if job.step.as_deref() == Some("importing") {
        lines.push(format!("imported: {}", sums(&job.counts)));
    }
    lines.extend(job.failure.as_ref().map(|why| format!("failed: {why}")));
    if let Some(at) = &job.ended_at {
        lines.push(format!("{at} {}", job.state));
    }
    if let Some(undone) = &job.undone {
        let UndoneDto { deleted, restored, kept, .. } = undone;
        lines.push(format!("undone: {deleted} deleted, {restored} restored, {kept} kept"));
    }
    lines.push(String::new());
    lines.join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn given(json: serde_json::Value) -> Result<ImportProfile, String> {
        profile(serde_json::from_value(json).unwrap(), None)
    }

    #[test]
    fn what_is_not_said_comes_of_the_id_column() {
        let none = given(serde_json::json!({})).unwrap();
        assert_eq!((none.on_match, none.match_keys.len()), (OnMatch::CreateAlways, 0));
        assert_eq!(none, ImportProfile::default());
        let by_id = given(serde_json::json!({"id_column": "id"})).unwrap();
        assert_eq!((by_id.on_match, by_id.match_keys), (OnMatch::Overwrite, vec![MatchKey::Id]));
        let always = given(serde_json::json!({"id_column": "id", "on_match": "create_always"})).unwrap();
        assert_eq!((always.on_match, always.match_keys.len()), (OnMatch::CreateAlways, 0));
        let warn = given(serde_json::json!({"phone_policy": "warn"})).unwrap();
        assert!(!warn.phone_required);
        assert!(given(serde_json::json!({"on_match": "skip"})).unwrap_err().contains("keys"));
    }

    #[test]
    fn all_choices_come_back_as_they_were_given() {
        let json = serde_json::json!({"id_column": "id", "phone_columns": [{"column": "p", "type": "cell"}],
            "map": {"a": "b"}, "match": ["id", "external_id:crm", "key:k=a+b"], "on_match": "merge_all", "delimiter": ";",
            "max_errors": "0.5%", "start_from": 3, "trim": false, "phone_policy": "warn", "phone_required": true});
        let one = given(json).unwrap();
        let again = profile(settings(&one), Some(ImportProfile::default())).unwrap();
        assert_eq!(again, one);
        assert_eq!((one.delimiter, one.max_error_share), (Some(';'), Some(50)));
    }

    #[test]
    fn wrong_words_are_named() {
        for (json, name) in [
            (serde_json::json!({"on_match": "x"}), "on_match"),
            (serde_json::json!({"match": ["x"]}), "match"),
            (serde_json::json!({"delimiter": ";;"}), "delimiter"),
            (serde_json::json!({"max_errors": "1e2"}), "max_errors"),
            (serde_json::json!({"start_from": 0}), "start_from"),
            (serde_json::json!({"phone_policy": "x"}), "phone_policy"),
        ] {
            assert!(given(json).unwrap_err().starts_with(name), "{name}");
        }
    }
}
