//! Pages that are gone through with `after`.

use serde::Serialize;
use serde_json::Value;

use crate::service::contact_lists::{Answer, Refusal};

/// Entities of a page where nobody says.
const PAGE_DEFAULT: usize = 25;

/// Which page is wanted.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Ask {
    /// Behind the entity with this id.
    pub after: Option<String>,
    /// Entities.
    pub size: usize,
    /// From the newest on, or not.
    pub descending: Option<bool>,
    /// The address without `after` and `pageSize`.
    pub address: String,
}

/// A page as it travels.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Listing {
    /// What is on it.
    pub entities: Vec<Value>,
    /// Most entities of a page.
    pub page_size: usize,
    /// What to ask for next; absent on the last page.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub after: Option<String>,
    /// The next page.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub next_uri: Option<String>,
    /// This page.
    pub self_uri: String,
}

impl Ask {
    /// With what is not said, and sizes that are too large, put right.
    ///
    /// # Errors
    /// A size below 1, another order.
    pub fn of(size: Option<i64>, most: usize, after: Option<&str>, order: Option<&str>) -> Answer<Self> {
        let size = match size.map(usize::try_from) {
            None => PAGE_DEFAULT,
            Some(Ok(size)) if size > 0 => size.min(most),
            Some(_) => return Err(Refusal::invalid("pageSize")),
        };
        let descending = match order.map(str::to_ascii_lowercase).as_deref() {
            None => None,
            Some("a" | "asc" | "ascending") => Some(false),
            Some("d" | "desc" | "descending") => Some(true),
            Some(_) => return Err(Refusal::invalid("sortOrder")),
        };
        Ok(Self { after: after.map(str::to_owned), size, descending, address: String::new() })
    }

    /// The page of these, which are in order and all there are.
    ///
    /// # Errors
    /// `after` is none of them.
    pub fn of_all<T>(&self, all: &[T], id: impl Fn(&T) -> &str, shown: impl Fn(&T) -> Value) -> Answer<Listing> {
        let from = match &self.after {
            None => 0,
            Some(after) => {
                let at = all.iter().position(|it| id(it) == after);
                at.ok_or_else(|| Refusal::invalid("after"))?.saturating_add(1)
            }
        };
        Ok(self.first_of(all.get(from..).unwrap_or_default(), id, shown))
    }

    /// The page of these, which stand behind `after`; one more than a page has is enough.
    pub fn first_of<T>(&self, rest: &[T], id: impl Fn(&T) -> &str, shown: impl Fn(&T) -> Value) -> Listing {
        let page = rest.get(..self.size).unwrap_or(rest);
        let next = page.last().filter(|_| rest.len() > self.size).map(|it| id(it).to_owned());
        self.listing(page.iter().map(shown).collect(), next)
    }

    fn listing(&self, entities: Vec<Value>, next: Option<String>) -> Listing {
        let sign = if self.address.contains('?') { '&' } else { '?' };
        let at = |after: Option<&String>| {
            let after = after.map(|id| format!("&after={id}")).unwrap_or_default();
            format!("{}{sign}pageSize={}{after}", self.address, self.size)
        };
        let next_uri = next.as_ref().map(|id| at(Some(id)));
        Listing { entities, page_size: self.size, next_uri, self_uri: at(self.after.as_ref()), after: next }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn page(ask: &Ask) -> Answer<Listing> {
        ask.of_all(&["a", "b", "c"], |it| it, |it| (*it).into())
    }

    #[test]
    fn pages_follow_each_other_to_the_last() {
        let ask = Ask { address: "/x?name=n".into(), ..Ask::of(Some(2), 100, None, None).unwrap() };
        let first = page(&ask).unwrap();
        assert_eq!((first.entities.len(), first.after.as_deref()), (2, Some("b")));
        assert_eq!(first.next_uri.as_deref(), Some("/x?name=n&pageSize=2&after=b"));
        let last = page(&Ask { after: first.after, ..ask.clone() }).unwrap();
        assert_eq!((last.entities, last.next_uri), (vec!["c".into()], None));
        assert_eq!(last.self_uri, "/x?name=n&pageSize=2&after=b");
        assert!(page(&Ask { after: Some("z".into()), ..ask }).is_err());
    }

    #[test]
    fn sizes_are_put_right_and_orders_are_words() {
        let of = |size, order| Ask::of(size, 200, None, order).map(|ask| (ask.size, ask.descending));
        assert_eq!(of(None, None), Ok((25, None)));
        assert_eq!(of(Some(500), Some("Descending")), Ok((200, Some(true))));
        assert!(of(Some(0), None).is_err() && of(None, Some("sideways")).is_err());
    }
}
