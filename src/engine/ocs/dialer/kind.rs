//! The three shares of `dialing_priority`, and whose turn it is.

use crate::engine::ocs::record::Record;
use crate::message::{DialingPriority, PriorityShare};

/// Which share a record belongs to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// `General`: record type 2.
    General = 0,
    /// `CampaignRescheduled`: types 3 and 4.
    Rescheduled = 1,
    /// `CampaignCallBack`: types 5 and 6.
    CallBack = 2,
}

impl Kind {
    const ALL: [Self; 3] = [Self::General, Self::Rescheduled, Self::CallBack];

    /// `None` for types that are never dialed.
    pub(super) fn of(record: &Record) -> Option<Self> {
        match record.record_type {
            2 => Some(Self::General),
            3 | 4 => Some(Self::Rescheduled),
            5 | 6 => Some(Self::CallBack),
            _ => None,
        }
    }
}

/// Whose turn it is among kinds of equal priority, and how many records are left of it.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Turn {
    kind: usize,
    left: i32,
}

impl Turn {
    /// Takes the next record: kinds of higher priority first, equal ones in turns of `n_records`.
    pub(super) fn next<R>(
        &mut self,
        priority: Option<DialingPriority>,
        mut take: impl FnMut(Kind) -> Option<R>,
    ) -> Option<R> {
        let shares = shares(priority.unwrap_or_default());
        for level in (0..=3).rev() {
            // The kind in turn, the two others, and once more itself with a new turn.
            let first = self.kind;
            for step in 0..=3 {
                let at = (first + step) % 3;
                let (priority, n_records) = shares[at];
                let left = if step == 0 { self.left.min(n_records) } else { n_records };
                if priority != level || left <= 0 {
                    continue;
                }
                if let Some(record) = take(Kind::ALL[at]) {
                    *self = Self { kind: at, left: left - 1 };
                    return Some(record);
                }
            }
        }
        None
    }
}

/// Priority and records of a turn, with the defaults of specification 4.5.
fn shares(priority: DialingPriority) -> [(i32, i32); 3] {
    let share = |share: Option<PriorityShare>, n_records| {
        let share = share.unwrap_or_default();
        (share.priority.unwrap_or(1), share.n_records.unwrap_or(n_records))
    };
    [share(priority.general, 2), share(priority.campaign_rescheduled, 1), share(priority.campaign_call_back, 1)]
}

#[cfg(test)]
mod tests {
    use super::*;

    fn taken(priority: Option<DialingPriority>, mut stock: [u32; 3], count: usize) -> String {
        let mut turn = Turn::default();
        let mut take = |kind: Kind| {
            let left = &mut stock[kind as usize];
            *left = left.checked_sub(1)?;
            Some(['G', 'R', 'C'][kind as usize])
        };
        (0..count).map_while(|_| turn.next(priority, &mut take)).collect()
    }

    fn share(priority: i32, n_records: i32) -> Option<PriorityShare> {
        Some(PriorityShare { priority: Some(priority), n_records: Some(n_records) })
    }

    #[test]
    fn two_general_records_are_taken_for_one_of_each_other_kind() {
        assert_eq!(taken(None, [9, 9, 9], 9), "RCGGRCGGR");
        assert_eq!(taken(None, [3, 0, 1], 9), "CGGG", "what is not there is passed over");
    }

    #[test]
    fn a_higher_priority_goes_first_and_a_share_of_nothing_is_not_dialed() {
        let priority = DialingPriority {
            general: share(1, 5),
            campaign_rescheduled: share(3, 1),
            campaign_call_back: share(2, 0),
        };
        assert_eq!(taken(Some(priority), [3, 2, 2], 9), "RRGGG");
    }
}
