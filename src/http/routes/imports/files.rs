//! Reports of jobs: attachments, whole or a part of them.

use std::fs::File;
use std::io::{self, Read as _, Seek as _, SeekFrom};
use std::path::Path;

use axum::body::{Body, Bytes};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use futures_util::stream;
use tokio::task::spawn_blocking;

use crate::http::problem::Problem;
use crate::store::contacts::{ImportJob, Step};

/// Bytes read at a time.
const PART: u64 = 256 * 1024;

/// The outcome file of the last step of a job.
pub(super) fn outcome_of(job: &ImportJob) -> Option<&Path> {
    let validation = job.spec.dry_outcome.as_deref().filter(|_| job.progress.step != Some(Step::Importing));
    validation.or(job.spec.outcome.as_deref())
}

/// Bytes from one to before another.
type Span = (u64, u64);

/// The part that a caller wants; `None` = the whole, an error = there is no such part.
fn span(headers: &HeaderMap, len: u64) -> Result<Option<Span>, ()> {
    let Some(range) = headers.get(header::RANGE).and_then(|range| range.to_str().ok()) else { return Ok(None) };
    // Several parts at once may be answered with the whole.
    let Some((from, to)) = range.strip_prefix("bytes=").and_then(|one| one.split_once('-')) else { return Ok(None) };
    if to.contains(',') || headers.contains_key(header::IF_RANGE) {
        return Ok(None);
    }
    let span = match (from.trim(), to.trim()) {
        ("", last) => {
            let Ok(last) = last.parse::<u64>() else { return Ok(None) };
            (len.saturating_sub(last), len)
        }
        (from, "") => {
            let Ok(from) = from.parse() else { return Ok(None) };
            (from, len)
        }
        (from, to) => {
            let (Ok(from), Ok(to)) = (from.parse::<u64>(), to.parse::<u64>()) else { return Ok(None) };
            if from > to {
                return Ok(None);
            }
            (from, len.min(to.saturating_add(1)))
        }
    };
    if span.0 < span.1 { Ok(Some(span)) } else { Err(()) }
}

fn answer(kind: &str, name: &str, len: u64, span: Option<Span>, body: Body) -> Response {
    let (from, to) = span.unwrap_or((0, len));
    let status = if span.is_some() { StatusCode::PARTIAL_CONTENT } else { StatusCode::OK };
    let headers = [
        (header::CONTENT_TYPE, kind.to_owned()),
        (header::CONTENT_DISPOSITION, format!("attachment; filename=\"{name}\"")),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff".to_owned()),
        (header::ACCEPT_RANGES, "bytes".to_owned()),
        (header::CONTENT_LENGTH, (to - from).to_string()),
    ];
    let mut response = (status, headers, body).into_response();
    if span.is_some()
        && let Ok(range) = format!("bytes {from}-{}/{len}", to - 1).parse()
    {
        response.headers_mut().insert(header::CONTENT_RANGE, range);
    }
    response
}

fn no_such_part(len: u64) -> Response {
    let detail = format!("Range: there are {len} bytes");
    let mut response = Problem::new("range-not-satisfiable", 416, detail).into_response();
    if let Ok(range) = format!("bytes */{len}").parse() {
        response.headers_mut().insert(header::CONTENT_RANGE, range);
    }
    response
}

/// A file as it stands now.
pub(in crate::http::routes) async fn file(
    path: Option<&Path>,
    name: &str,
    headers: &HeaderMap,
) -> Result<Response, Problem> {
    let none = || Problem::new("report-not-found", 404, format!("there is no {name} of this job"));
    let path = path.ok_or_else(none)?.to_owned();
    let open = move || {
        let file = File::open(path)?;
        let len = file.metadata()?.len();
        io::Result::Ok((file, len))
    };
    let opened = spawn_blocking(open).await.map_err(|error| Problem::new("internal", 500, error.to_string()))?;
    let (mut file, len) = opened.map_err(|_| none())?;
    let Ok(span) = span(headers, len) else { return Ok(no_such_part(len)) };
    let (from, to) = span.unwrap_or((0, len));
    file.seek(SeekFrom::Start(from)).map_err(|_| none())?;
    let parts = stream::try_unfold((file, to - from), async |(mut file, left)| {
        if left == 0 {
            return Ok(None);
        }
        let read = spawn_blocking(move || {
            let mut part = Vec::new();
            file.by_ref().take(left.min(PART)).read_to_end(&mut part).map(|_| (part, file))
        });
        let (part, file) = read.await.map_err(io::Error::other)??;
        let read = part.len() as u64;
        if read == 0 {
            return Err(io::Error::from(io::ErrorKind::UnexpectedEof)); // a job that runs has cut it
        }
        Ok(Some((Bytes::from(part), (file, left - read))))
    });
    Ok(answer("text/csv", name, len, span, Body::from_stream(parts)))
}

/// A text as it is made now.
pub(super) fn text(text: String, name: &str, headers: &HeaderMap) -> Result<Response, Problem> {
    let bytes = Bytes::from(text);
    let len = bytes.len() as u64;
    let Ok(span) = span(headers, len) else { return Ok(no_such_part(len)) };
    let (from, to) = span.unwrap_or((0, len));
    let place = |at: u64| usize::try_from(at).unwrap_or(usize::MAX).min(bytes.len());
    let part = bytes.slice(place(from)..place(to));
    Ok(answer("text/plain; charset=utf-8", name, len, span, Body::from(part)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_are_cut_to_what_is_there() {
        let of = |range: &str| {
            let mut headers = HeaderMap::new();
            headers.insert(header::RANGE, range.parse().unwrap());
            span(&headers, 100)
        };
        assert_eq!(of("bytes=0-9"), Ok(Some((0, 10))));
        assert_eq!(of("bytes=90-"), Ok(Some((90, 100))));
        assert_eq!(of("bytes=-10"), Ok(Some((90, 100))));
        assert_eq!(of("bytes=-1000"), Ok(Some((0, 100))));
        assert_eq!(of("bytes=50-1000"), Ok(Some((50, 100))));
        assert_eq!((of("bytes=100-"), of("bytes=-0"), of("bytes=100-200")), (Err(()), Err(()), Err(())));
        for whole in ["lines=1-2", "bytes=5-1", "bytes=x-", "bytes=0-1,5-6", "bytes=-"] {
            assert_eq!(of(whole), Ok(None), "{whole}");
        }
        assert_eq!(span(&HeaderMap::new(), 100), Ok(None));
    }
}
