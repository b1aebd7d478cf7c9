//! A copy of the whole store while the gateway works.

use std::fs::File;
use std::io::{self, Read};
use std::sync::Arc;

use axum::body::{Body, Bytes};
use axum::extract::State;
use axum::http::header;
use axum::response::{IntoResponse, Response};
use futures_util::stream;
use utoipa_axum::routes;

use crate::http::Door;
use crate::http::access::Routes;
use crate::http::dto::ProblemDto;
use crate::http::problem::Problem;
use crate::service::access::Verb;
use crate::service::backup;

/// Bytes read at a time.
const PART: usize = 256 * 1024;

pub(super) fn routes() -> Routes {
    // A copy has everybody's numbers.
    Routes::new().guarded(&[Verb::Admin, Verb::NumbersShow], routes!(store_backup))
}

/// A copy of the store as one SQLite file, for `store check` and `store restore`. Work goes on meanwhile.
#[utoipa::path(post, path = "/v1/store/backup", tag = "operations",
    responses((status = 200, content_type = "application/vnd.sqlite3"), (status = 409, body = ProblemDto),
    (status = 503, body = ProblemDto)))]
async fn store_backup(State(door): State<Door>) -> Result<Response, Problem> {
    let Ok(turn) = Arc::clone(&door.backups.turn).try_acquire_owned() else {
        return Err(Problem::new("backup-running", 409, "another copy of the store is being made").retry_after(30));
    };
    let copy = backup::copy(&**door.gateway.store(), &door.backups.folder).await?;
    let unread = |error: io::Error| Problem::new("store-unavailable", 503, format!("the copy: {error}"));
    let length = copy.metadata().map_err(unread)?.len();
    let kind = (header::CONTENT_TYPE, "application/vnd.sqlite3".to_owned());
    let name = (header::CONTENT_DISPOSITION, "attachment; filename=\"commdn.sqlite\"".to_owned());
    let headers = [kind, name, (header::CONTENT_LENGTH, length.to_string())];
    Ok((headers, Body::from_stream(parts(copy, turn))).into_response())
}

/// A file piece by piece; what is held is let go at its end.
pub(super) fn parts<T: Send + 'static>(
    copy: File,
    held: T,
) -> impl futures_util::Stream<Item = io::Result<Bytes>> + Send {
    stream::try_unfold((copy, held), async move |(mut copy, held)| {
        let read = tokio::task::spawn_blocking(move || {
            let mut part = Vec::with_capacity(PART);
            copy.by_ref().take(PART as u64).read_to_end(&mut part).map(|_| (copy, part))
        });
        let (copy, part) = read.await.map_err(io::Error::other)??;
        Ok((!part.is_empty()).then(|| (Bytes::from(part), (copy, held))))
    })
}
