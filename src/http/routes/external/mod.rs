//! B: external contacts in the shape of Genesys Cloud. Each route asks who may, and leaves everything else to the service.
//! Errors and tokens are those of A.

mod csv_settings;
mod jobs;
mod settings;
mod sources;
mod uploads;
mod words;

use crate::http::access::{Caller, Routes};
use crate::http::routes::genesys_cloud::{Answer, Words, address};
use crate::service::access::{Object, Verb};
use crate::service::external::{Ask, Who};

pub(super) fn routes() -> Routes {
    Routes::new()
        .merge(uploads::routes())
        .merge(settings::routes())
        .merge(csv_settings::routes())
        .merge(sources::routes())
        .merge(jobs::routes())
}

/// The caller, who sees what is others' with this scope.
fn who(caller: &Caller, all: Verb) -> Who {
    Who { subject: caller.subject().to_owned(), sees_all: caller.may(all, Object::default()) }
}

/// Which page is wanted, and its address.
fn ask(words: &Words, path: &str, most: usize) -> Answer<Ask> {
    let ask = Ask::of(words.number("pageSize")?, most, words.get("after"), words.get("sortOrder"))?;
    Ok(Ask { address: address(path, words, &["pageSize", "after"]), ..ask })
}
