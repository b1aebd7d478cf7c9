//! Values that flags take: lists of DBIDs, shares, times, words.

use std::time::Duration;

use clap::ValueEnum;

/// `GSW_CHAIN_ATTR`
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
#[value(rename_all = "snake_case")]
pub enum Scope {
    /// Every record of the chains that contain a match.
    #[value(alias = "all-chain", alias = "AllChain")]
    AllChain,
    /// The matching records only.
    #[value(alias = "record-only", alias = "RecordOnly")]
    RecordOnly,
}

impl Scope {
    /// The word of the HTTP API.
    #[must_use]
    pub fn word(self) -> String {
        match self {
            Self::AllChain => "all_chain".into(),
            Self::RecordOnly => "record_only".into(),
        }
    }
}

/// DBIDs as `--origin` takes them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct DbidList(pub Vec<i32>);

/// Most DBIDs that one list may name, so that a mistyped range asks for no memory.
const DBIDS_MAX: usize = 4_096;

/// Reads `201-208`, `299` or `201,203,205-207`.
///
/// # Errors
/// What was found and what is wanted, in words.
pub fn origin_list(text: &str) -> Result<DbidList, String> {
    let mut list = Vec::new();
    for part in text.split(',').map(str::trim) {
        let (first, last) = part.split_once('-').unwrap_or((part, part));
        let number = |word: &str| word.trim().parse::<i32>().ok().filter(|dbid| *dbid > 0);
        let (Some(first), Some(last)) = (number(first), number(last)) else {
            return Err(format!("expected DBIDs above 0 like 201-208 or 201,203, found '{part}'"));
        };
        if first > last {
            return Err(format!("expected a range from low to high, found '{part}'"));
        }
        for dbid in first..=last {
            if list.len() >= DBIDS_MAX {
                return Err(format!("expected at most {DBIDS_MAX} DBIDs"));
            }
            list.push(dbid);
        }
    }
    Ok(DbidList(list))
}

/// A share of `--priority`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Share {
    /// `general`, `campaign_rescheduled` or `campaign_call_back`.
    pub kind: &'static str,
    /// 0 to 3.
    pub priority: Option<i32>,
    /// Records taken in one turn.
    pub n_records: Option<i32>,
}

pub(super) fn share(text: &str) -> Result<Share, String> {
    const KINDS: [&str; 3] = ["general", "campaign_rescheduled", "campaign_call_back"];
    let wanted = || format!("expected KIND=PRIORITY:RECORDS, for instance general=1:2, found '{text}'");
    let (kind, numbers) = text.split_once('=').ok_or_else(wanted)?;
    let kind = kind.replace('-', "_");
    let kind = KINDS.into_iter().find(|known| *known == kind);
    let kind = kind.ok_or_else(|| format!("expected the kind {}, found '{text}'", KINDS.join(", ")))?;
    let (priority, n_records) = numbers.split_once(':').unwrap_or((numbers, ""));
    let number = |word: &str| match word {
        "" => Ok(None),
        word => word.parse::<i32>().map(Some).map_err(|_| wanted()),
    };
    let share = Share { kind, priority: number(priority)?, n_records: number(n_records)? };
    if share.priority.is_none() && share.n_records.is_none() { Err(wanted()) } else { Ok(share) }
}

/// The gateway waits no longer for one caller.
const WAIT_MAX_MS: u64 = 600_000;

pub(super) fn duration(text: &str) -> Result<Duration, String> {
    let digits = text.trim_end_matches(|letter: char| letter.is_ascii_alphabetic());
    let number: u64 = digits.parse().map_err(|_| format!("expected a time like 500ms, 45s or 2m, found '{text}'"))?;
    let millis = match text.get(digits.len()..).unwrap_or_default() {
        "ms" => Some(number),
        "" | "s" => number.checked_mul(1_000),
        "m" => number.checked_mul(60_000),
        unit => return Err(format!("expected the unit ms, s or m, found '{unit}'")),
    };
    let millis = millis.filter(|millis| *millis <= WAIT_MAX_MS);
    millis.map(Duration::from_millis).ok_or_else(|| format!("expected at most 10m, found '{text}'"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn origin_lists_are_numbers_and_ranges() {
        assert_eq!(origin_list("201-203").unwrap().0, [201, 202, 203]);
        assert_eq!(origin_list("299").unwrap().0, [299]);
        assert_eq!(origin_list("201, 205-206").unwrap().0, [201, 205, 206]);
        for bad in ["", "0", "208-201", "a", "1-2-3", "1-2147483647", "-5"] {
            assert!(origin_list(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn times_have_a_unit_and_a_limit() {
        assert_eq!(duration("500ms"), Ok(Duration::from_millis(500)));
        assert_eq!(duration("45"), Ok(Duration::from_secs(45)));
        assert_eq!(duration("2m"), Ok(Duration::from_secs(120)));
        for bad in ["", "s", "-1s", "1.5s", "3h", "11m", "99999999999999999999s"] {
            assert!(duration(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn a_share_names_its_kind_and_its_numbers() {
        let general = Share { kind: "general", priority: Some(1), n_records: Some(2) };
        assert_eq!(share("general=1:2"), Ok(general));
        assert_eq!(share("campaign-call-back=:2").unwrap().n_records, Some(2));
        for bad in ["general", "general=", "personal=1:2", "general=x:2"] {
            assert!(share(bad).is_err(), "{bad}");
        }
    }
}
