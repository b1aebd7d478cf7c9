//! `events` and `tap`: streams that come back after a break.

use std::time::Duration;

use futures_util::StreamExt;
use serde_json::Value;

use crate::cli::args::{StreamArgs, TapArgs};
use crate::cli::campaign::state_line;
use crate::cli::client::{Client, Ctx};
use crate::cli::exit::{CliError, Exit};
use crate::cli::request::request_line;
use crate::cli::sse::{SseEvent, SseParser};
use crate::http::dto::{LinkDto, RequestDto, SnapshotDto, StateDto, TapDto};

/// Pauses before the next attempt, the last one for ever.
const BACKOFF: [Duration; 5] = [
    Duration::from_millis(100),
    Duration::from_millis(300),
    Duration::from_secs(1),
    Duration::from_secs(2),
    Duration::from_secs(5),
];

/// What to follow.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Follow<'a> {
    /// Path of the stream.
    pub(crate) path: &'a [&'a str],
    /// Its query.
    pub(crate) query: &'a [(&'a str, &'a str)],
    /// The stream has ids and starts again behind the last one.
    pub(crate) resume: bool,
    /// Stop after so many lines.
    pub(crate) count: Option<u64>,
}

/// Runs `events`.
///
/// # Errors
/// What the gateway refused, or why it cannot be reached.
pub(super) async fn events(args: StreamArgs, ctx: &Ctx) -> Result<Exit, CliError> {
    let query: Vec<_> = args.filter.iter().map(|filter| ("filter", filter.as_str())).collect();
    let wanted = Follow { path: &["v1", "events"], query: &query, resume: true, count: args.count };
    let json = ctx.out.json;
    follow(&Client::new(&ctx.global)?, ctx, wanted, |event| {
        let line = if json { event_json(event) } else { event_line(event) };
        line.map(|line| vec![line]).map_err(|error| CliError::internal(format!("event {}: {error}", event.event)))
    })
    .await
}

/// Runs `tap`.
///
/// # Errors
/// What the gateway refused, or why it cannot be reached.
pub(super) async fn tap(args: TapArgs, ctx: &Ctx) -> Result<Exit, CliError> {
    let mut query: Vec<_> = args.stream.filter.iter().map(|filter| ("filter", filter.as_str())).collect();
    if args.show_numbers {
        query.push(("show_numbers", "true"));
    }
    let wanted = Follow { path: &["v1", "tap"], query: &query, resume: false, count: args.stream.count };
    let json = ctx.out.json;
    follow(&Client::new(&ctx.global)?, ctx, wanted, |event| {
        let passed: TapDto =
            serde_json::from_str(&event.data).map_err(|error| CliError::internal(format!("tap: {error}")))?;
        Ok(vec![if json { event.data.replace('\n', " ") } else { passed.step }])
    })
    .await
}

/// Prints what `lines` makes of each event until the count is reached; comes back after a break.
pub(crate) async fn follow(
    client: &Client,
    ctx: &Ctx,
    wanted: Follow<'_>,
    lines: impl Fn(&SseEvent) -> Result<Vec<String>, CliError>,
) -> Result<Exit, CliError> {
    let mut left = wanted.count.unwrap_or(u64::MAX);
    let mut last_id: Option<String> = None;
    let mut attempt = 0;
    let mut first = true;
    while left > 0 {
        let stream = client.stream(wanted.path, wanted.query, last_id.as_deref()).await;
        let mut bytes = match stream {
            Ok(response) => {
                (attempt, first) = (0, false);
                response.bytes_stream()
            }
            Err(error) if first || error.exit != Exit::Unreachable => return Err(error),
            Err(error) => {
                tracing::debug!(%error, "no stream");
                pause(&mut attempt).await;
                continue;
            }
        };
        let mut parser = SseParser::default();
        while let Some(Ok(part)) = bytes.next().await {
            let events = parser.push(&part).map_err(|error| CliError::internal(error.to_string()))?;
            for event in events {
                if event.event == "cut" {
                    ctx.out.note(&event.data); // the gateway's last words on this stream; it ends now
                    continue;
                }
                for line in lines(&event)? {
                    ctx.out.line(&line)?;
                    left -= 1;
                    if left == 0 {
                        return Ok(Exit::Done);
                    }
                }
                if wanted.resume {
                    last_id = event.id.or(last_id);
                }
            }
        }
        ctx.out.note("the stream broke off, connecting again");
        pause(&mut attempt).await;
    }
    Ok(Exit::Done)
}

async fn pause(attempt: &mut usize) {
    let pause = BACKOFF.get(*attempt).or(BACKOFF.last()).copied().unwrap_or_default();
    *attempt += 1;
    tokio::time::sleep(pause).await;
}

/// The data with the kind and the id of its event beside.
fn event_json(event: &SseEvent) -> Result<String, serde_json::Error> {
    let mut data: Value = serde_json::from_str(&event.data)?;
    if let Value::Object(members) = &mut data {
        members.insert("event".into(), Value::String(event.event.clone()));
        members.insert("id".into(), event.id.clone().map_or(Value::Null, Value::String));
    }
    serde_json::to_string(&data)
}

fn event_line(event: &SseEvent) -> Result<String, serde_json::Error> {
    let text = match event.event.as_str() {
        "snapshot" => {
            let snapshot: SnapshotDto = serde_json::from_str(&event.data)?;
            let counts = [
                (snapshot.campaigns.len(), "campaign group"),
                (snapshot.requests.len(), "open request"),
                (snapshot.links.len(), "link"),
            ];
            counts.map(|(n, what)| format!("{n} {what}{}", if n == 1 { "" } else { "s" })).join(", ")
        }
        "state" => state_line(&serde_json::from_str::<StateDto>(&event.data)?),
        "request" | "dnc" => request_line(&serde_json::from_str::<RequestDto>(&event.data)?),
        "link" => link_line(&serde_json::from_str::<LinkDto>(&event.data)?),
        _ => event.data.replace('\n', " "),
    };
    Ok(format!("{:<9} {text}", event.event))
}

fn link_line(link: &LinkDto) -> String {
    let mut line = format!("{} {}", link.name, link.state);
    if let Some(peer) = &link.peer {
        line.push_str(&format!(", {peer}"));
    }
    if !link.dns.is_empty() {
        line.push_str(&format!(", {}", link.dns.join(" ")));
    }
    if let Some(reason) = &link.reason {
        line.push_str(&format!(": {reason}"));
    }
    line
}

#[cfg(test)]
mod tests {
    use super::*;

    fn event(kind: &str, data: &str) -> SseEvent {
        SseEvent { event: kind.into(), data: data.into(), id: Some("7".into()) }
    }

    #[test]
    fn a_snapshot_is_counted() {
        let data = serde_json::to_string(&SnapshotDto { links: vec![LinkDto::default()], ..SnapshotDto::default() });
        let line = event_line(&event("snapshot", &data.unwrap())).unwrap();
        assert_eq!(line, "snapshot  0 campaign groups, 0 open requests, 1 link");
    }

    #[test]
    fn a_link_tells_why_it_is_down() {
        let link = LinkDto {
            name: "ts1".into(),
            state: "down".into(),
            reason: Some("connection refused".into()),
            ..LinkDto::default()
        };
        assert_eq!(link_line(&link), "ts1 down: connection refused");
    }

    #[test]
    fn kind_and_id_stand_in_the_json_line() {
        let line = event_json(&event("link", r#"{"schema":"commdn.link.v1"}"#)).unwrap();
        assert_eq!(line, r#"{"schema":"commdn.link.v1","event":"link","id":"7"}"#);
    }

    #[test]
    fn a_kind_we_do_not_know_is_shown_as_it_is() {
        assert_eq!(event_line(&event("import", r#"{"rows":1}"#)).unwrap(), "import    {\"rows\":1}");
    }
}
