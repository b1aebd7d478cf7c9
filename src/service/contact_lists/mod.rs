//! A: contact lists in the shape of Genesys Cloud on the one store (specification of contacts, 3.A). What a route of the
//! door needs besides asking who may: limits, pages, words, work that goes on behind an answer.

mod bulk;
mod contacts;
mod error;
mod export;
mod kept;
mod lists;
mod receive;
mod search;
mod uploads;

use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::UNIX_EPOCH;

use serde::de::DeserializeOwned;
use serde_json::Value;
use tokio::sync::Semaphore;

pub use bulk::{Bulk, BulkKind};
pub use error::{Answer, Refusal};
pub use export::Exported;
pub use lists::{ListFilter, shown};
pub use receive::{Parts, take_file};
pub use uploads::FormUpload;

use crate::contact::genesys_cloud::shape::Page;
use crate::contact::genesys_cloud::{ErrorCode, ListLimits};
use crate::service::ContactListsSection;
use crate::service::import::ImportService;
use crate::service::signed::Signer;
use crate::service::wall;

/// Path in front of the addresses of lists.
pub const LISTS: &str = "/api/v2/outbound/contactlists";
/// Most entities of a page.
const PAGE_MAX: u64 = 100;
/// Entities of a page where nobody says.
const PAGE_DEFAULT: u64 = 25;
/// Bulk changes and exports that run at a time.
const AT_ONCE: usize = 4;
/// Those that may wait for their turn.
const WAITING_MAX: usize = 100;

/// Contact lists. Cheap to clone.
#[derive(Clone, Debug)]
pub struct ContactLists(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    imports: ImportService,
    limits: ListLimits,
    default_country: String,
    /// `None` = the operating system gave no random bytes: there are no uploads.
    signer: Option<Signer>,
    slots: Semaphore,
    work: Mutex<Work>,
}

/// What goes on behind answers.
#[derive(Debug, Default)]
struct Work {
    /// Oldest first.
    bulk: VecDeque<Bulk>,
    /// The last export of each list.
    exports: HashMap<i64, Exported>,
    /// Files that can be fetched, and the list they come from.
    downloads: HashMap<String, i64>,
    /// The last upload of each list; a restart knows the last job only.
    uploads: HashMap<i64, uploads::Last>,
}

impl ContactLists {
    /// On this store, as the configuration says.
    #[must_use]
    pub fn new(imports: ImportService, section: &ContactListsSection, default_country: &str) -> Self {
        let work = Mutex::new(kept::read(&imports));
        let signer = Signer::new().inspect_err(|error| tracing::error!(%error, "no random bytes: no uploads")).ok();
        Self(Arc::new(Inner {
            imports,
            limits: section.limits(),
            default_country: default_country.to_owned(),
            signer,
            slots: Semaphore::new(AT_ONCE),
            work,
        }))
    }

    fn imports(&self) -> &ImportService {
        &self.0.imports
    }

    fn work(&self) -> MutexGuard<'_, Work> {
        self.0.work.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Milliseconds since 1970 UTC.
fn now_ms() -> i64 {
    let since = wall::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_millis()).unwrap_or(i64::MAX)
}

/// A request as it came: members that are null are members that are not there, except for values of contacts.
///
/// # Errors
/// It is not of this form.
pub fn read<T: DeserializeOwned + Default>(body: Value) -> Answer<T> {
    if body.is_null() {
        return Ok(T::default());
    }
    if !body.is_object() {
        return Err(Refusal::new(ErrorCode::BadRequest, "the body is no object"));
    }
    let read = serde_json::from_value(without_nulls(body));
    read.map_err(|error| Refusal::new(ErrorCode::BadRequest, shape_of(&error)))
}

/// Says what was expected, and nothing of what was found: it may be a phone.
fn shape_of(error: &serde_json::Error) -> String {
    let words = error.to_string();
    match words.rsplit_once("expected ") {
        Some((_, wanted)) => format!("the body has another form: expected {wanted}"),
        None => "the body has another form".to_owned(),
    }
}

fn without_nulls(body: Value) -> Value {
    match body {
        Value::Object(members) => {
            let kept = members.into_iter().filter(|(_, value)| !value.is_null());
            let each = |(name, value)| if name == "data" { (name, value) } else { (name, without_nulls(value)) };
            Value::Object(kept.map(each).collect())
        }
        Value::Array(values) => Value::Array(values.into_iter().map(without_nulls).collect()),
        other => other,
    }
}

/// Which page a request wants.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Place {
    /// From 1.
    pub number: u64,
    /// At most a hundred.
    pub size: u64,
}

impl Place {
    /// With what is not said, and sizes that are too large, put right.
    ///
    /// # Errors
    /// A number below 1.
    pub fn of(number: Option<i64>, size: Option<i64>) -> Answer<Self> {
        let above = |what: &str, given: Option<i64>, default: u64| match given.map(u64::try_from) {
            None => Ok(default),
            Some(Ok(given)) if given > 0 => Ok(given),
            Some(_) => Err(Refusal::invalid(what)),
        };
        let (number, size) = (above("pageNumber", number, 1)?, above("pageSize", size, PAGE_DEFAULT)?);
        Ok(Self { number, size: size.min(PAGE_MAX) })
    }

    fn skip(self) -> usize {
        usize::try_from(self.number.saturating_sub(1).saturating_mul(self.size)).unwrap_or(usize::MAX)
    }

    fn most(self) -> usize {
        usize::try_from(self.size).unwrap_or(usize::MAX)
    }

    /// The page as it travels. `address` is its own, with what else was asked.
    fn page<T>(self, entities: Vec<T>, total: usize, address: &str) -> Page<T> {
        let total = u64::try_from(total).unwrap_or(u64::MAX);
        let last = total.div_ceil(self.size);
        let sign = if address.contains('?') { '&' } else { '?' };
        let at = |number: u64| Some(format!("{address}{sign}pageSize={}&pageNumber={number}", self.size));
        Page {
            entities,
            page_size: self.size,
            page_number: self.number,
            total,
            page_count: last,
            contacts_count: None,
            first_uri: at(1),
            last_uri: at(last.max(1)),
            next_uri: if self.number < last { at(self.number.saturating_add(1)) } else { None },
            previous_uri: if self.number > 1 { at(self.number.saturating_sub(1)) } else { None },
            self_uri: at(self.number),
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::contact::genesys_cloud::ContactBody;

    #[test]
    fn pages_say_where_the_others_are() {
        let place = Place::of(Some(2), Some(500)).unwrap();
        assert_eq!((place.size, place.skip(), place.most()), (100, 100, 100));
        let page = place.page(vec![1], 201, "/x");
        assert_eq!((page.page_count, page.total), (3, 201));
        assert_eq!(page.next_uri.as_deref(), Some("/x?pageSize=100&pageNumber=3"));
        assert_eq!(page.previous_uri.as_deref(), Some("/x?pageSize=100&pageNumber=1"));
        let empty = Place::of(None, None).unwrap().page(Vec::<u8>::new(), 0, "/x?name=a");
        assert_eq!((empty.page_count, empty.next_uri, empty.previous_uri), (0, None, None));
        assert_eq!(empty.last_uri.as_deref(), Some("/x?name=a&pageSize=25&pageNumber=1"));
        assert!(Place::of(Some(0), None).is_err() && Place::of(None, Some(-1)).is_err());
    }

    #[test]
    fn nulls_are_absent_members_but_empty_values() {
        let body = json!({"id": null, "callable": null, "data": {"a": null, "b": "x"}, "unheard": 5});
        let contact: ContactBody = read(body).unwrap();
        assert_eq!((contact.id, contact.callable, contact.data["a"].as_str()), (None, None, Some("")));
        let refused = read::<ContactBody>(json!({"callable": "+420777888777"})).unwrap_err();
        assert!(refused.0.message.contains("expected a boolean"), "{}", refused.0.message);
        assert!(!refused.0.message.contains("777"), "{}", refused.0.message);
    }
}
