//! Contacts of a list by what stands in their columns (specification 3.A, search).

use std::cmp::Ordering;

use crate::contact::Contact;
use crate::service::import::ImportService;
use crate::service::import::error::Answer;
use crate::store::contacts::{ContactRef, StoredContact};

/// Contacts that are looked at in one read.
const PAGE: usize = 1_000;

/// How conditions are put together.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Join {
    /// All of them hold.
    #[default]
    And,
    /// One of them holds.
    Or,
}

/// How a cell is compared.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Comparison {
    /// `EQUALS`
    Equals,
    /// `LESS_THAN`, `BEFORE`
    Less,
    /// `LESS_THAN_EQUALS`
    LessOrEqual,
    /// `GREATER_THAN`, `AFTER`
    Greater,
    /// `GREATER_THAN_EQUALS`
    GreaterOrEqual,
    /// `CONTAINS`
    Contains,
    /// `BEGINS_WITH`
    BeginsWith,
    /// `ENDS_WITH`
    EndsWith,
    /// `BETWEEN`
    Between,
    /// `IN`
    In,
}

impl Comparison {
    /// The comparison with A's word.
    #[must_use]
    pub fn from_word(word: &str) -> Option<Self> {
        Some(match word {
            "EQUALS" => Self::Equals,
            "LESS_THAN" | "BEFORE" => Self::Less,
            "LESS_THAN_EQUALS" => Self::LessOrEqual,
            "GREATER_THAN" | "AFTER" => Self::Greater,
            "GREATER_THAN_EQUALS" => Self::GreaterOrEqual,
            "CONTAINS" => Self::Contains,
            "BEGINS_WITH" => Self::BeginsWith,
            "ENDS_WITH" => Self::EndsWith,
            "BETWEEN" => Self::Between,
            "IN" => Self::In,
            _ => return None,
        })
    }
}

/// A condition about one column.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Predicate {
    /// Which.
    pub column: String,
    /// Cells are numbers; those that are none never match.
    pub numeric: bool,
    /// How.
    pub comparison: Comparison,
    /// With what: two for [`Comparison::Between`], any number for [`Comparison::In`], else one.
    pub values: Vec<String>,
    /// Lower and upper end of [`Comparison::Between`] that do not count themselves.
    pub open: (bool, bool),
    /// What does not match does.
    pub inverted: bool,
}

/// Conditions that belong together.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Clause {
    /// How.
    pub join: Join,
    /// None at all holds always.
    pub predicates: Vec<Predicate>,
}

/// By which column contacts are put in order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sort {
    /// Which.
    pub column: String,
    /// Greatest first.
    pub descending: bool,
    /// Cells are numbers.
    pub numeric: bool,
}

/// What is looked for.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Search {
    /// How clauses are put together.
    pub join: Join,
    /// None at all holds always.
    pub clauses: Vec<Clause>,
    /// Without any: in the order of creation.
    pub sorts: Vec<Sort>,
    /// Contacts in front of the page.
    pub skip: usize,
    /// Contacts of the page.
    pub most: usize,
}

/// What was found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Found {
    /// The page.
    pub contacts: Vec<StoredContact>,
    /// All that match.
    pub total: usize,
}

fn cell<'a>(contact: &'a Contact, column: &str) -> &'a str {
    match contact.value(column) {
        Some(value) => value,
        None if column == "id" => &contact.id,
        None => "",
    }
}

fn compare(left: &str, right: &str, numeric: bool) -> Option<Ordering> {
    if !numeric {
        return Some(left.cmp(right));
    }
    left.trim().parse::<f64>().ok()?.partial_cmp(&right.trim().parse::<f64>().ok()?)
}

impl Predicate {
    fn matches(&self, contact: &Contact) -> bool {
        let cell = cell(contact, &self.column);
        let first = self.values.first().map(String::as_str).unwrap_or_default();
        let is = |wanted: &[Ordering], value: &str| {
            compare(cell, value, self.numeric).is_some_and(|found| wanted.contains(&found))
        };
        let found = match self.comparison {
            Comparison::Equals => is(&[Ordering::Equal], first),
            Comparison::Less => is(&[Ordering::Less], first),
            Comparison::LessOrEqual => is(&[Ordering::Less, Ordering::Equal], first),
            Comparison::Greater => is(&[Ordering::Greater], first),
            Comparison::GreaterOrEqual => is(&[Ordering::Greater, Ordering::Equal], first),
            Comparison::Contains => cell.contains(first),
            Comparison::BeginsWith => cell.starts_with(first),
            Comparison::EndsWith => cell.ends_with(first),
            Comparison::Between => {
                let last = self.values.get(1).map(String::as_str).unwrap_or_default();
                let ends = |open: bool| if open { None } else { Some(Ordering::Equal) };
                let within = |side: Ordering, open: bool, end: &str| {
                    let found = compare(cell, end, self.numeric);
                    found.is_some_and(|found| found == side || Some(found) == ends(open))
                };
                within(Ordering::Greater, self.open.0, first) && within(Ordering::Less, self.open.1, last)
            }
            Comparison::In => self.values.iter().any(|value| is(&[Ordering::Equal], value)),
        };
        found != self.inverted
    }
}

impl Join {
    fn holds(self, mut all: impl ExactSizeIterator<Item = bool>) -> bool {
        match self {
            Self::And => all.all(|holds| holds),
            Self::Or => all.len() == 0 || all.any(|holds| holds),
        }
    }
}

impl Search {
    /// Whether a contact is one of those that are looked for.
    #[must_use]
    pub fn matches(&self, contact: &Contact) -> bool {
        let clause = |clause: &Clause| clause.join.holds(clause.predicates.iter().map(|it| it.matches(contact)));
        self.join.holds(self.clauses.iter().map(clause))
    }

    fn order(&self, left: &[String], right: &[String]) -> Ordering {
        for ((sort, left), right) in self.sorts.iter().zip(left).zip(right) {
            let turned = |order: Ordering| if sort.descending { order.reverse() } else { order };
            let number = |cell: &str| cell.trim().parse::<f64>().ok().filter(|_| sort.numeric);
            // What is no number stands behind all numbers: an order of both kinds at once would be none.
            let order = match (number(left), number(right)) {
                (Some(left), Some(right)) => turned(left.total_cmp(&right)),
                (Some(_), None) => Ordering::Less,
                (None, Some(_)) => Ordering::Greater,
                (None, None) => turned(left.cmp(right)),
            };
            if order != Ordering::Equal {
                return order;
            }
        }
        Ordering::Equal
    }
}

impl ImportService {
    /// Contacts of a list that match. Every contact is looked at; only the page and the columns of the order are kept.
    ///
    /// # Errors
    /// The store.
    pub async fn search(&self, list: Option<i64>, search: &Search) -> Answer<Found> {
        let (mut after, mut total) = (0, 0);
        let mut contacts = Vec::new();
        let mut keys: Vec<(Vec<String>, i64)> = Vec::new();
        loop {
            let page = self.contacts_page(Some(list), after, PAGE).await?;
            let Some(last) = page.last() else { break };
            after = last.contact.number;
            for stored in page {
                if !search.matches(&stored.contact) {
                    continue;
                }
                total += 1;
                if !search.sorts.is_empty() {
                    let key = search.sorts.iter().map(|sort| cell(&stored.contact, &sort.column).to_owned()).collect();
                    keys.push((key, stored.contact.number));
                } else if total > search.skip && contacts.len() < search.most {
                    contacts.push(stored);
                }
            }
        }
        keys.sort_by(|left, right| search.order(&left.0, &right.0).then(left.1.cmp(&right.1)));
        for (_, number) in keys.iter().skip(search.skip).take(search.most) {
            contacts.extend(self.contact(ContactRef::Number(*number)).await?);
        }
        Ok(Found { contacts, total })
    }

    /// Numbers and ids of all contacts that match, for what is then done with them.
    ///
    /// # Errors
    /// The store.
    pub async fn search_ids(&self, list: Option<i64>, search: &Search) -> Answer<Vec<String>> {
        let (mut after, mut ids) = (0, Vec::new());
        loop {
            let page = self.contacts_page(Some(list), after, PAGE).await?;
            let Some(last) = page.last() else { return Ok(ids) };
            after = last.contact.number;
            ids.extend(page.into_iter().filter(|it| search.matches(&it.contact)).map(|it| it.contact.id));
        }
    }
}
