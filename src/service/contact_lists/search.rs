//! Criteria of a request as conditions of a search.

use super::contacts::shown;
use super::{Answer, ContactLists, LISTS, Place, Refusal};
use crate::contact::CallingList;
use crate::contact::genesys_cloud::ContactBody;
use crate::contact::genesys_cloud::ErrorCode;
use crate::contact::genesys_cloud::shape::{self, Criteria, Page, SearchRequest};
use crate::service::import::{Clause, Comparison, Join, Predicate, Search, Sort};

/// Names of the id that are no column's.
const ID: [&str; 2] = ["id", "inin-outbound-id"];

fn join(word: Option<&str>, field: impl Fn() -> String) -> Answer<Join> {
    match word {
        None | Some("AND") => Ok(Join::And),
        Some("OR") => Ok(Join::Or),
        Some(_) => Err(Refusal::invalid(&field())),
    }
}

fn column(name: Option<&str>, list: &CallingList) -> Option<String> {
    let name = name?;
    if list.columns.iter().any(|column| column == name) {
        return Some(name.to_owned());
    }
    ID.contains(&name).then(|| "id".to_owned())
}

/// The conditions of criteria; none at all hold for every contact.
///
/// # Errors
/// Names the first word, column, or value that cannot be.
pub(super) fn conditions(criteria: Option<&Criteria>, list: &CallingList) -> Answer<Search> {
    let Some(criteria) = criteria else { return Ok(Search::default()) };
    let mut clauses = Vec::new();
    for (n, clause) in criteria.clauses.iter().enumerate() {
        let place = format!("criteria.clauses[{n}]");
        let mut predicates = Vec::new();
        for (m, predicate) in clause.predicates.iter().enumerate() {
            predicates.push(condition(predicate, list, &format!("{place}.predicates[{m}]"))?);
        }
        let join = join(clause.filter_type.as_deref(), || format!("{place}.filterType"))?;
        clauses.push(Clause { join, predicates });
    }
    let join = join(criteria.filter_type.as_deref(), || "criteria.filterType".to_owned())?;
    Ok(Search { join, clauses, ..Search::default() })
}

fn condition(given: &shape::Predicate, list: &CallingList, place: &str) -> Answer<Predicate> {
    let wrong = |field: &str| Refusal::invalid(&format!("{place}.{field}"));
    let column = column(given.column.as_deref(), list).ok_or_else(|| wrong("column"))?;
    let comparison = given.operator.as_deref().and_then(Comparison::from_word).ok_or_else(|| wrong("operator"))?;
    let numeric = match given.column_type.as_deref().map(str::to_ascii_lowercase).as_deref() {
        None | Some("alphabetic") => false,
        Some("numeric") => true,
        Some(_) => return Err(wrong("columnType")),
    };
    let range = given.range.clone().unwrap_or_default();
    let values = match comparison {
        Comparison::Between => {
            let (Some(min), Some(max)) = (range.min, range.max) else { return Err(wrong("range")) };
            vec![min, max]
        }
        Comparison::In if range.in_set.is_empty() => return Err(wrong("range.inSet")),
        Comparison::In => range.in_set,
        _ => vec![given.value.clone().ok_or_else(|| wrong("value"))?],
    };
    let field = if matches!(comparison, Comparison::Between | Comparison::In) { "range" } else { "value" };
    let is_text = matches!(comparison, Comparison::Contains | Comparison::BeginsWith | Comparison::EndsWith);
    if numeric && !is_text && values.iter().any(|value| value.trim().parse::<f64>().is_err()) {
        return Err(wrong(field));
    }
    let open = (range.min_inclusive == Some(false), range.max_inclusive == Some(false));
    Ok(Predicate { column, numeric, comparison, values, open, inverted: given.inverted.unwrap_or(false) })
}

impl ContactLists {
    /// Contacts that match, a page of them.
    ///
    /// # Errors
    /// A stored filter is asked for, or criteria that cannot be.
    pub async fn search(&self, list: &CallingList, request: &SearchRequest) -> Answer<Page<ContactBody>> {
        no_filter(request.contact_list_filter_id.as_ref())?;
        let signed = |number: Option<u64>| number.map(|number| i64::try_from(number).unwrap_or(i64::MAX));
        let place = Place::of(signed(request.page_number), signed(request.page_size))?;
        let mut sorts = Vec::new();
        for (n, sort) in request.contact_sorts.iter().enumerate() {
            let wrong = |field: &str| Refusal::invalid(&format!("contactSorts[{n}].{field}"));
            let descending = match sort.direction.as_deref() {
                None | Some("ASC") => false,
                Some("DESC") => true,
                Some(_) => return Err(wrong("direction")),
            };
            let column = column(sort.field_name.as_deref(), list).ok_or_else(|| wrong("fieldName"))?;
            sorts.push(Sort { column, descending, numeric: sort.numeric.unwrap_or(false) });
        }
        let conditions = conditions(request.criteria.as_ref(), list)?;
        let search = Search { sorts, skip: place.skip(), most: place.most(), ..conditions };
        let found = self.imports().search(Some(list.number), &search).await?;
        let contacts = found.contacts.iter().map(|stored| shown(&stored.contact, list)).collect();
        let mut page = place.page(contacts, found.total, &format!("{LISTS}/{}/contacts/search", list.id));
        page.contacts_count = Some(page.total);
        Ok(page)
    }
}

/// Filters are not stored here.
///
/// # Errors
/// One is asked for.
pub(super) fn no_filter(id: Option<&String>) -> Answer<()> {
    match id {
        None => Ok(()),
        Some(_) => Err(Refusal::new(ErrorCode::NotSupported, "stored filters are not offered: send criteria")),
    }
}
