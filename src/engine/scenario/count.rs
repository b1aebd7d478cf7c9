//! `check campaign 101 records = final + open`: what is counted inside the site, compared.

use std::fmt;

use crate::engine::ocs::dialer::{CallResult, PairCounts};
use crate::engine::words::nearest;
use crate::engine::world::World;
use crate::message::AppDbid;
use crate::message::CampaignDbid;
use crate::message::GroupCampStatus;
use crate::message::Pair;

/// What has to hold.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Check {
    /// What is looked at.
    pub subject: Subject,
    left: Vec<Term>,
    relation: Relation,
    right: Vec<Term>,
}

/// What is looked at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Subject {
    /// Records and calls of a campaign.
    Campaign(CampaignDbid),
    /// Calls and the state of a campaign on a group.
    Pair(Pair),
    /// An OCS.
    Ocs(AppDbid),
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Term {
    Number(i64),
    /// A state, by its word.
    Status(GroupCampStatus),
    /// One of the names below.
    Count(&'static str),
    /// Final records with this result.
    Result(CallResult),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Relation {
    Equal,
    Unequal,
    Less,
    AtMost,
    More,
    AtLeast,
}

const RELATIONS: [(&str, Relation); 6] = [
    ("=", Relation::Equal),
    ("!=", Relation::Unequal),
    ("<", Relation::Less),
    ("<=", Relation::AtMost),
    (">", Relation::More),
    (">=", Relation::AtLeast),
];
const OF_RECORDS: [&str; 3] = ["records", "final", "open"];
const OF_CALLS: [&str; 9] =
    ["dials", "ringing", "cut", "answers", "waiting", "contacts", "abandoned", "dropped", "held_back"];
const OF_PAIR: [&str; 1] = ["status"];
const OF_OCS: [&str; 1] = ["dnc"];

/// Words that are no check.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("expected {wanted}, found '{found}'{hint}")]
pub struct CountError {
    wanted: &'static str,
    /// The word.
    pub found: String,
    hint: String,
}

impl Check {
    /// Reads the words behind `check`.
    ///
    /// # Errors
    /// [`CountError`].
    pub fn read(words: &[&str]) -> Result<Self, CountError> {
        const SUBJECT: &str = "campaign N, pair N-N or ocs N, then counts";
        let wrong = |wanted, found: &str| CountError { wanted, found: found.to_owned(), hint: String::new() };
        let number = |word: &str| word.parse::<i32>().map_err(|_| wrong("a DBID", word));
        let (subject, terms) = match words {
            ["campaign", dbid, terms @ ..] => (Subject::Campaign(CampaignDbid(number(dbid)?)), terms),
            ["pair", pair, terms @ ..] => {
                let (campaign, group) = pair.split_once('-').ok_or_else(|| wrong("a pair such as 101-732", pair))?;
                (Subject::Pair(Pair::new(number(campaign)?, number(group)?)), terms)
            }
            ["ocs", dbid, terms @ ..] => (Subject::Ocs(AppDbid(number(dbid)?)), terms),
            other => {
                let found = other.first().copied().unwrap_or("the end of the line");
                let hint = hint(found, ["campaign", "pair", "ocs"]);
                return Err(CountError { hint, ..wrong(SUBJECT, found) });
            }
        };
        let relation = terms.iter().enumerate().find_map(|(at, word)| {
            RELATIONS.iter().find(|(known, _)| known == word).map(|(_, relation)| (at, *relation))
        });
        let Some((at, relation)) = relation else {
            return Err(wrong(
                "one of = != < <= > >= between two sums",
                terms.last().unwrap_or(&"the end of the line"),
            ));
        };
        let (left, right) = (sum(&subject, &terms[..at])?, sum(&subject, &terms[at + 1..])?);
        Ok(Self { subject, left, relation, right })
    }

    /// Whether it holds, with both sides in words.
    #[must_use]
    pub fn holds(&self, world: &World) -> (bool, String) {
        let sides = (self.side(world, &self.left), self.side(world, &self.right));
        let (Some(left), Some(right)) = sides else { return (false, "there is no such object in the site".to_owned()) };
        let holds = match self.relation {
            Relation::Equal => left == right,
            Relation::Unequal => left != right,
            Relation::Less => left < right,
            Relation::AtMost => left <= right,
            Relation::More => left > right,
            Relation::AtLeast => left >= right,
        };
        (holds, format!("{left} on the left, {right} on the right"))
    }

    fn side(&self, world: &World, terms: &[Term]) -> Option<i64> {
        terms.iter().map(|term| self.value(world, term)).sum()
    }

    fn value(&self, world: &World, term: &Term) -> Option<i64> {
        let count = |number: u64| i64::try_from(number).ok();
        match (term, self.subject) {
            (Term::Number(number), _) => Some(*number),
            (Term::Status(status), _) => Some(i64::from(status.0)),
            (Term::Count("status"), Subject::Pair(pair)) => {
                world.ocss().find_map(|ocs| ocs.state(pair)).map(|state| i64::from(state.status().0))
            }
            (Term::Count(name), Subject::Pair(pair)) => {
                let ocs = world.ocss().find(|ocs| ocs.state(pair).is_some())?;
                calls(&ocs.pair_counts(pair), name).and_then(count)
            }
            (Term::Count("dnc"), Subject::Ocs(ocs)) => i64::try_from(world.ocs(ocs)?.dnc().len()).ok(),
            (term, Subject::Campaign(campaign)) => {
                let (_, counts) = world.counts().into_iter().find(|(_, counts)| counts.campaign == campaign)?;
                match term {
                    Term::Count("records") => count(counts.records),
                    Term::Count("final") => count(counts.finals),
                    Term::Count("open") => count(counts.open),
                    Term::Result(result) => count(counts.results.get(result).copied().unwrap_or(0)),
                    Term::Count(name) => counts.pairs.iter().map(|(_, pair)| calls(pair, name).and_then(count)).sum(),
                    Term::Number(_) | Term::Status(_) => None,
                }
            }
            (Term::Count(_) | Term::Result(_), _) => None,
        }
    }
}

fn calls(counts: &PairCounts, name: &str) -> Option<u64> {
    Some(match name {
        "dials" => counts.dials,
        "ringing" => counts.ringing,
        "cut" => counts.cut,
        "answers" => counts.answers,
        "waiting" => counts.waiting,
        "contacts" => counts.contacts,
        "abandoned" => counts.abandoned,
        "dropped" => counts.dropped,
        "held_back" => counts.do_not_call,
        _ => return None,
    })
}

fn sum(subject: &Subject, words: &[&str]) -> Result<Vec<Term>, CountError> {
    const WANTED: &str = "counts or numbers with + between them";
    let wrong = |found: &str| CountError { wanted: WANTED, found: found.to_owned(), hint: String::new() };
    let mut terms = Vec::new();
    for (at, word) in words.iter().enumerate() {
        match (at % 2, *word) {
            (0, word) => terms.push(term(subject, word)?),
            (_, "+") if at + 1 < words.len() => {}
            (_, other) => return Err(wrong(other)),
        }
    }
    if terms.is_empty() { Err(wrong("nothing")) } else { Ok(terms) }
}

fn term(subject: &Subject, word: &str) -> Result<Term, CountError> {
    if let Ok(number) = word.parse() {
        return Ok(Term::Number(number));
    }
    let names: Vec<&'static str> = match subject {
        Subject::Campaign(_) => [&OF_RECORDS[..], &OF_CALLS].concat(),
        Subject::Pair(_) => [&OF_CALLS[..], &OF_PAIR].concat(),
        Subject::Ocs(_) => OF_OCS.to_vec(),
    };
    if let Some(name) = names.iter().find(|name| **name == word) {
        return Ok(Term::Count(name));
    }
    match subject {
        Subject::Pair(_) => {
            if let Some(status) = GroupCampStatus::from_word(word) {
                return Ok(Term::Status(status));
            }
        }
        Subject::Campaign(_) => {
            if let Some(result) = CallResult::from_word(word) {
                return Ok(Term::Result(result));
            }
        }
        Subject::Ocs(_) => {}
    }
    let results = matches!(subject, Subject::Campaign(_)).then(CallResult::words).into_iter().flatten();
    let hint = hint(word, names.into_iter().chain(results));
    Err(CountError { wanted: "a count", found: word.to_owned(), hint })
}

fn hint<'a>(word: &str, candidates: impl IntoIterator<Item = &'a str>) -> String {
    nearest(word, candidates).map(|near| format!(", did you mean '{near}'")).unwrap_or_default()
}

impl fmt::Display for Check {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.subject {
            Subject::Campaign(campaign) => write!(f, "campaign {campaign}")?,
            Subject::Pair(pair) => write!(f, "pair {pair}")?,
            Subject::Ocs(ocs) => write!(f, "ocs {ocs}")?,
        }
        let side = |terms: &[Term]| terms.iter().map(ToString::to_string).collect::<Vec<_>>().join(" + ");
        let relation = RELATIONS.iter().find(|(_, relation)| *relation == self.relation).map_or("", |(word, _)| word);
        write!(f, " {} {relation} {}", side(&self.left), side(&self.right))
    }
}

impl fmt::Display for Term {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Number(number) => write!(f, "{number}"),
            Self::Status(status) => f.write_str(status.slug().unwrap_or_default()),
            Self::Count(name) => f.write_str(name),
            Self::Result(result) => write!(f, "{result}"),
        }
    }
}
