//! Who is nested in whom: a print states the number of pairs of the top list only.

use std::borrow::Cow;

use crate::wire::{TkvList, Value, limits::DEPTH_MAX};

/// A printed pair before it is known in which list it stands. A list is `Value::List` without pairs.
#[derive(Clone, Debug)]
pub(super) struct Printed {
    pub(super) key: Vec<u8>,
    pub(super) value: Value,
    /// Blanks before it; for a pair on the line of its list, those of the line.
    pub(super) indent: usize,
    /// It stands on the line of its list, so it is that list's first child.
    pub(super) inline: bool,
    /// The length behind `(list`, in style commdn.
    pub(super) stated: Option<usize>,
    /// The line, from 1.
    pub(super) line: usize,
}

impl Printed {
    pub(super) fn is_list(&self) -> bool {
        matches!(self.value, Value::List(_))
    }
}

/// What the count of the top list says about the nesting.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Nesting {
    /// The depth of each pair, 0 at the top.
    Known(Vec<usize>),
    /// More than one way fits.
    Open,
    /// No way fits.
    Impossible,
}

/// Decides the nesting for a top list of `count` pairs; `unit` = blanks that one level of indentation has.
pub(super) fn nest(pairs: &[Printed], count: usize, unit: usize) -> Nesting {
    let flat = on_own_lines(pairs);
    let tops = pairs.iter().filter(|pair| !pair.inline).count();
    if count > tops {
        return Nesting::Impossible;
    }
    if count == tops {
        return Nesting::Known(flat); // every further nested pair would lack at the top
    }
    // A list with nothing behind it on its line is empty, unless no list has anything there.
    let filled: Vec<usize> = (0..pairs.len())
        .filter(|at| pairs.get(*at).is_some_and(Printed::is_list) && next_is_inline(pairs, *at))
        .collect();
    let lists: Vec<usize> = (0..pairs.len()).filter(|at| pairs.get(*at).is_some_and(Printed::is_list)).collect();
    let only = match (filled.as_slice(), lists.as_slice()) {
        ([], []) => return Nesting::Impossible,
        ([only], _) | ([], [only]) => Some(*only),
        _ => None,
    };
    if let Some(only) = only {
        let owned = pairs.len().saturating_sub(count);
        if only.saturating_add(owned) >= pairs.len() {
            return Nesting::Impossible;
        }
        let inside = only.saturating_add(1)..=only.saturating_add(owned);
        return Nesting::Known((0..pairs.len()).map(|at| usize::from(inside.contains(&at))).collect());
    }
    let fits = |depths: &Vec<usize>| depths.iter().filter(|depth| **depth == 0).count() == count;
    let known = by_indentation(pairs, unit).filter(fits).or_else(|| by_known_parents(pairs).filter(fits));
    known.map_or(Nesting::Open, Nesting::Known)
}

fn next_is_inline(pairs: &[Printed], at: usize) -> bool {
    at.checked_add(1).and_then(|next| pairs.get(next)).is_some_and(|pair| pair.inline)
}

/// Every pair at the top that does not stand on the line of its list.
fn on_own_lines(pairs: &[Printed]) -> Vec<usize> {
    let mut depth = 0_usize;
    pairs
        .iter()
        .map(|pair| {
            depth = if pair.inline { depth.saturating_add(1) } else { 0 };
            depth
        })
        .collect()
}

/// Every pair stands in the innermost list that has fewer blanks before it.
pub(super) fn by_indentation(pairs: &[Printed], unit: usize) -> Option<Vec<usize>> {
    let top = pairs.first()?.indent;
    let mut open: Vec<usize> = Vec::new(); // blanks before each list that is open
    let mut depths = Vec::with_capacity(pairs.len());
    for pair in pairs {
        let indent = match open.last() {
            Some(list) if pair.inline => list.saturating_add(unit),
            _ => pair.indent,
        };
        if indent < top {
            return None;
        }
        while open.last().is_some_and(|list| *list >= indent) {
            open.pop();
        }
        if open.is_empty() && indent > top {
            return None; // deeper than the top, but in no list
        }
        depths.push(open.len());
        if pair.is_list() {
            open.push(indent);
        }
    }
    Some(depths)
}

/// The lists of the CommDN messages: a pair stands in the innermost open list that may hold its key.
pub(super) fn by_known_parents(pairs: &[Printed]) -> Option<Vec<usize>> {
    let mut open: Vec<&[u8]> = Vec::new();
    let mut depths = Vec::with_capacity(pairs.len());
    for pair in pairs {
        if pair.key.starts_with(b"GSW_CM_") {
            open.clear();
        }
        if !pair.inline {
            while open.last().is_some_and(|list| !may_hold(list, &pair.key)) {
                open.pop();
            }
            if open.is_empty() && !depths.is_empty() && !pair.key.starts_with(b"GSW_") {
                return None;
            }
        }
        depths.push(open.len());
        if pair.is_list() {
            if !is_known_list(&pair.key) {
                return None;
            }
            open.push(&pair.key);
        }
    }
    Some(depths)
}

/// Children of the lists under `GSW_CM_AttrProperties`, as the vendor's page draws them.
const CHILDREN: &[(&str, &[&str])] = &[
    (
        "GSW_CM_AttrProperties",
        &["campaign_schedule", "dialing_priority", "cancel_record", "do_not_call", "GSW_AUTO_COMPLETION"],
    ),
    ("campaign_schedule", &["Description", "startTime", "nItems", "scheduleItem-"]),
    (
        "scheduleItem-",
        &[
            "campaignDBID",
            "dialMode",
            "optMethod",
            "optMethodValue",
            "stopAtTime",
            "stopAtContacts",
            "stopAtDials",
            "sleepBeforeNextStart",
            "status",
        ],
    ),
    ("dialing_priority", &["General", "CampaignRescheduled", "CampaignCallBack"]),
    ("General", &["priority", "n_records"]),
    ("CampaignRescheduled", &["priority", "n_records"]),
    ("CampaignCallBack", &["priority", "n_records"]),
    ("cancel_record", &["GSW_PHONE", "GSW_CAMPAIGN_NAME", "GSW_CHAIN_ATTR", "GSW_CUSTOMER_ID", "GSW_MESSAGE"]),
    ("do_not_call", &["GSW_PHONE", "GSW_CUSTOMER_ID", "GSW_CHAIN_ATTR", "GSW_MESSAGE"]),
];

fn names(name: &str, key: &[u8]) -> bool {
    if name.ends_with('-') { key.starts_with(name.as_bytes()) } else { key == name.as_bytes() }
}

fn is_known_list(key: &[u8]) -> bool {
    CHILDREN.iter().any(|(list, _)| names(list, key))
}

fn may_hold(list: &[u8], key: &[u8]) -> bool {
    CHILDREN.iter().filter(|(name, _)| names(name, list)).any(|(_, keys)| keys.iter().any(|name| names(name, key)))
}

/// Style commdn states the bytes of every list, so its pairs end where these are used up.
/// The error is the line at which they do not fit.
pub(super) fn by_stated_lengths(pairs: &[Printed], sizes: &[usize]) -> Result<Vec<usize>, usize> {
    let mut open: Vec<usize> = Vec::new(); // bytes that each open list still lacks
    let mut depths = Vec::with_capacity(pairs.len());
    for (pair, size) in pairs.iter().zip(sizes) {
        while open.last() == Some(&0) {
            open.pop();
        }
        depths.push(open.len());
        let bytes = size.saturating_add(pair.stated.map_or(0, |stated| stated.saturating_sub(2)));
        if let Some(lacking) = open.last_mut() {
            *lacking = lacking.checked_sub(bytes).ok_or(pair.line)?;
        }
        if pair.is_list() {
            open.push(pair.stated.and_then(|stated| stated.checked_sub(2)).ok_or(pair.line)?);
        }
    }
    let complete = open.iter().all(|lacking| *lacking == 0);
    if complete { Ok(depths) } else { Err(pairs.last().map_or(0, |pair| pair.line)) }
}

/// Builds the tree; `None` when lists stand deeper in each other than [`DEPTH_MAX`].
pub(super) fn build(pairs: Vec<Printed>, depths: &[usize]) -> Option<TkvList> {
    if depths.iter().any(|depth| *depth >= DEPTH_MAX) {
        return None;
    }
    let mut top = TkvList::new();
    let mut open: Vec<(Vec<u8>, TkvList)> = Vec::new();
    for (pair, depth) in pairs.into_iter().zip(depths) {
        shut(&mut open, &mut top, *depth);
        match pair.value {
            Value::List(list) => open.push((pair.key, list)),
            value => add(&mut open, &mut top, pair.key, value),
        }
    }
    shut(&mut open, &mut top, 0);
    Some(top)
}

/// All pairs at the top, lists without pairs: of the same size as any nesting of them.
pub(super) fn flat(pairs: Vec<Printed>) -> TkvList {
    let mut top = TkvList::new();
    for pair in pairs {
        top.push(Cow::Owned(pair.key), pair.value);
    }
    top
}

fn shut(open: &mut Vec<(Vec<u8>, TkvList)>, top: &mut TkvList, depth: usize) {
    while open.len() > depth {
        let Some((key, list)) = open.pop() else { return };
        add(open, top, key, Value::List(list));
    }
}

fn add(open: &mut [(Vec<u8>, TkvList)], top: &mut TkvList, key: Vec<u8>, value: Value) {
    let list = open.last_mut().map_or(top, |(_, list)| list);
    list.push(Cow::Owned(key), value);
}

#[cfg(test)]
mod tests {
    use super::*;

    /// `key` or `key>` for a list, each with its blanks; a dash before it stands on the line before.
    fn printed(text: &str) -> Vec<Printed> {
        text.split_whitespace()
            .map(|word| {
                let (indent, key) = word.split_once(':').unwrap();
                let value = if key.ends_with('>') { Value::List(TkvList::new()) } else { Value::Int(0) };
                let key = key.trim_end_matches('>').as_bytes().to_vec();
                let inline = indent == "-";
                Printed { key, value, indent: indent.parse().unwrap_or(0), inline, stated: None, line: 1 }
            })
            .collect()
    }

    #[test]
    fn without_nested_pairs_every_line_is_at_the_top() {
        assert_eq!(nest(&printed("2:a 2:b> 2:c"), 3, 1), Nesting::Known(vec![0, 0, 0]));
        assert_eq!(nest(&printed("2:a> -:b> -:c 2:d"), 2, 1), Nesting::Known(vec![0, 1, 2, 0]));
    }

    #[test]
    fn one_list_owns_the_next_pairs_whatever_the_indentation() {
        assert_eq!(nest(&printed("0:a> -:b 0:c 0:d 0:e"), 2, 1), Nesting::Known(vec![0, 1, 1, 1, 0]));
        assert_eq!(nest(&printed("0:e> 0:a> -:b 0:e> 0:c"), 2, 1), Nesting::Known(vec![0, 0, 1, 1, 1]));
        assert_eq!(nest(&printed("0:a> 0:b 0:c"), 1, 1), Nesting::Known(vec![0, 1, 1]));
    }

    #[test]
    fn several_lists_need_indentation_or_known_parents() {
        assert_eq!(nest(&printed("2:a> -:b 3:c 2:d> -:e 3:f"), 2, 1), Nesting::Known(vec![0, 1, 1, 0, 1, 1]));
        assert_eq!(nest(&printed("8:a> -:b> -:x 16:y 12:z 8:w"), 2, 4), Nesting::Known(vec![0, 1, 2, 2, 1, 0]));
        assert_eq!(nest(&printed("2:a> -:b 2:c 2:d> -:e 2:f"), 2, 1), Nesting::Open);
        let known = "2:GSW_CM_X 2:GSW_CM_AttrProperties> -:cancel_record> -:GSW_PHONE 2:GSW_CHAIN_ATTR";
        assert_eq!(nest(&printed(known), 2, 1), Nesting::Known(vec![0, 0, 1, 2, 2]));
    }

    #[test]
    fn a_count_that_no_nesting_has_is_impossible() {
        assert_eq!(nest(&printed("2:a 2:b"), 3, 1), Nesting::Impossible);
        assert_eq!(nest(&printed("2:a 2:b"), 1, 1), Nesting::Impossible);
        assert_eq!(nest(&printed("2:a 2:b> -:c"), 0, 1), Nesting::Impossible);
    }

    #[test]
    fn a_schedule_is_known_without_indentation() {
        let pairs = printed(
            "0:GSW_CM_AttrProperties> -:campaign_schedule> -:Description 0:nItems 0:scheduleItem-1> -:campaignDBID \
             0:dialMode 0:scheduleItem-2> -:campaignDBID 0:status 0:GSW_CM_AttrError",
        );
        assert_eq!(nest(&pairs, 2, 1), Nesting::Known(vec![0, 1, 2, 2, 2, 3, 3, 2, 3, 3, 0]));
    }
}
