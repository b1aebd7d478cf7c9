//! A: contact lists in the shape of Genesys Cloud. Each route asks who may, and leaves everything else to the service.

mod bulk;
mod contacts;
mod export;
mod lists;
mod oauth;
mod problem;
mod search;
mod uploads;
pub(super) use uploads::{BodyParts, SignedQuery};
mod words;

use axum::http::{HeaderMap, header};

use crate::contact::CallingList;
use crate::contact::genesys_cloud::ErrorCode;
use crate::contact::genesys_cloud::percent_encoded;
use crate::http::Door;
use crate::http::access::{Caller, Routes};
use crate::http::foreign::CloudError;
use crate::service::access::{Object, Verb};
use crate::service::contact_lists::Refusal;
use crate::store::contacts::ListRow;

const READ: &[Verb] = &[Verb::ContactsRead];
const IMPORT: &[Verb] = &[Verb::ContactsImport];
const DELETE: &[Verb] = &[Verb::ContactsDelete];
const CLEAR: &[Verb] = &[Verb::ContactsClear];

pub(super) fn routes() -> Routes {
    Routes::new()
        .merge(oauth::routes())
        .merge(lists::routes())
        .merge(contacts::routes())
        .merge(search::routes())
        .merge(bulk::routes())
        .merge(uploads::routes())
        .merge(export::routes())
}

/// What the handlers answer.
pub(super) type Answer<T> = Result<T, CloudError>;

fn may(caller: &Caller, verb: Verb, name: &str) -> bool {
    caller.may(verb, Object { list: Some(name), ..Object::default() })
}

/// Refuses what the caller may not do to a list.
fn need(caller: &Caller, verb: Verb, list: &CallingList) -> Answer<()> {
    if may(caller, verb, &list.name) {
        return Ok(());
    }
    let what = format!("this needs the scope {} for the list", verb.name());
    Err(Refusal::new(ErrorCode::NotAuthorized, what).into())
}

/// The list of an address, to which the caller may do this.
async fn list_of(door: &Door, caller: &Caller, verb: Verb, id: &str) -> Answer<ListRow> {
    let row = door.contact_lists.list(id).await?;
    need(caller, verb, &row.list)?;
    Ok(row)
}

/// What a query says, as often as it says it.
pub(super) struct Words(pub Vec<(String, String)>);

impl Words {
    pub(super) fn get(&self, name: &str) -> Option<&str> {
        self.0.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str()).filter(|value| !value.is_empty())
    }

    /// Values of a name that may be repeated, and may have commas.
    fn all(&self, name: &str) -> Vec<String> {
        let given = self.0.iter().filter(|(key, _)| key == name).flat_map(|(_, value)| value.split(','));
        given.filter(|value| !value.is_empty()).map(str::to_owned).collect()
    }

    pub(super) fn number(&self, name: &str) -> Answer<Option<i64>> {
        let read = self.get(name).map(|text| text.parse().map_err(|_| Refusal::invalid(name)));
        Ok(read.transpose()?)
    }

    pub(super) fn flag(&self, name: &str) -> Answer<Option<bool>> {
        match self.get(name).map(str::to_ascii_lowercase).as_deref() {
            None => Ok(None),
            Some("true") => Ok(Some(true)),
            Some("false") => Ok(Some(false)),
            Some(_) => Err(Refusal::invalid(name).into()),
        }
    }
}

/// An address with what else was asked, so that its other pages are asked the same.
pub(super) fn address(path: &str, words: &Words, page: &[&str]) -> String {
    let kept = words.0.iter().filter(|(name, value)| !value.is_empty() && !page.contains(&name.as_str()));
    let pairs: Vec<String> =
        kept.map(|(name, value)| format!("{}={}", percent_encoded(name), percent_encoded(value))).collect();
    if pairs.is_empty() { path.to_owned() } else { format!("{path}?{}", pairs.join("&")) }
}

/// Our own address, as the caller knows it: the name in Host was checked.
pub(super) fn base(door: &Door, headers: &HeaderMap) -> String {
    let host = headers.get(header::HOST).and_then(|host| host.to_str().ok()).unwrap_or("localhost");
    let scheme = if door.has_tls { "https" } else { "http" };
    format!("{scheme}://{host}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_repeated_or_joined_by_commas() {
        let pair = |name: &str, value: &str| (name.to_owned(), value.to_owned());
        let words = Words(vec![pair("id", "1,2"), pair("name", ""), pair("id", "3,"), pair("yes", "True")]);
        assert_eq!(words.all("id"), ["1", "2", "3"]);
        assert_eq!((words.get("name"), words.get("id")), (None, Some("1,2")));
        assert_eq!((words.flag("yes").unwrap(), words.flag("no").unwrap()), (Some(true), None));
        assert!(words.flag("id").is_err() && words.number("id").is_err());
        assert_eq!(address("/x", &words, &["yes"]), "/x?id=1%2C2&id=3%2C");
        assert_eq!(address("/x", &words, &["id", "yes"]), "/x");
    }
}
