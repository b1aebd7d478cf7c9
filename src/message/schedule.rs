//! `campaign_schedule`: a sequence of campaigns on one group (vendor page, "User Event Attributes for campaign_schedule").

use std::fmt;

use crate::message::CampaignDbid;
use crate::message::DialMode;
use crate::message::GroupCampStatus;
use crate::message::OptimizeBy;
use crate::message::fields::{FieldError, Fields};
use crate::message::keys;
use crate::message::top::put;
use crate::wire::ListWriter;
use crate::wire::Text;
use crate::wire::ValueView;

/// Most items of one schedule; more would not fit the T-Server's usual limit of one list.
pub const ITEMS_MAX: i32 = 64;
/// Most bytes of a description.
pub(crate) const DESCRIPTION_BYTES_MAX: usize = 255;

/// A sequence. A request about a sequence that OCS already has may carry the description alone.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct CampaignSchedule {
    /// Names the sequence for people.
    pub description: Option<Text>,
    /// Seconds since 1970 UTC; absent or 0 = at once.
    pub start_time: Option<i32>,
    /// How many items there are to be.
    pub n_items: Option<i32>,
    /// The items with their numbers, from 1.
    pub items: Vec<(i32, ScheduleItem)>,
}

/// One campaign of a sequence.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct ScheduleItem {
    /// The campaign.
    pub campaign: Option<CampaignDbid>,
    /// Dial mode, absent = the configured one.
    pub mode: Option<DialMode>,
    /// Optimisation method, absent = the configured one.
    pub optimize_by: Option<OptimizeBy>,
    /// Goal in the unit of the method.
    pub goal: Option<i32>,
    /// Seconds since 1970 UTC; 0 = off.
    pub stop_at_time: Option<i32>,
    /// Transferred calls; 0 = off.
    pub stop_at_contacts: Option<i32>,
    /// Dial attempts; 0 = off.
    pub stop_at_dials: Option<i32>,
    /// Minutes waited before this item's own start.
    pub sleep_before_next_start_minutes: Option<i32>,
    /// Answers only: state of the item's campaign on the group.
    pub status: Option<GroupCampStatus>,
}

/// What makes a schedule unusable (OCS error 12).
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ScheduleProblem {
    /// No count.
    #[error("nItems: expected 1 to {ITEMS_MAX}, found nothing")]
    NoCount,
    /// A count outside 1 to 64.
    #[error("nItems: expected 1 to {ITEMS_MAX}, found {0}")]
    Count(i32),
    /// Items are missing, too many or numbered with a gap.
    #[error("nItems is {wanted}, expected scheduleItem-1 to scheduleItem-{wanted} without gaps, found {found}")]
    Items {
        /// The count that was stated.
        wanted: i32,
        /// The numbers that are there.
        found: String,
    },
    /// An item without a campaign.
    #[error("scheduleItem-{0}/campaignDBID: expected a campaign above 0")]
    NoCampaign(i32),
    /// The same campaign twice in a row without a pause.
    #[error("scheduleItem-{0}: the same campaign as the item before it, without sleepBeforeNextStart")]
    Repeated(i32),
    /// A stop before the sequence starts.
    #[error("scheduleItem-{0}/stopAtTime: before startTime")]
    StopsBeforeStart(i32),
    /// A description that is too long.
    #[error("Description: more than {DESCRIPTION_BYTES_MAX} bytes")]
    Description,
}

impl CampaignSchedule {
    /// The schedule that only names a sequence.
    #[must_use]
    pub fn named(description: &str) -> Self {
        Self { description: Some(description.into()), ..Self::default() }
    }

    /// Checks a schedule that is to be loaded.
    ///
    /// # Errors
    /// The first [`ScheduleProblem`].
    pub fn check(&self) -> Result<(), ScheduleProblem> {
        let too_long = |text: &Text| text.display().len() > DESCRIPTION_BYTES_MAX;
        if self.description.as_ref().is_some_and(too_long) {
            return Err(ScheduleProblem::Description);
        }
        let wanted = self.n_items.ok_or(ScheduleProblem::NoCount)?;
        if !(1..=ITEMS_MAX).contains(&wanted) {
            return Err(ScheduleProblem::Count(wanted));
        }
        let mut numbers: Vec<i32> = self.items.iter().map(|(number, _)| *number).collect();
        numbers.sort_unstable();
        if !numbers.iter().copied().eq(1..=wanted) {
            let found = numbers.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ");
            return Err(ScheduleProblem::Items { wanted, found });
        }
        let mut before = None;
        for (number, item) in self.in_order() {
            let campaign = item.campaign.filter(|campaign| campaign.0 > 0);
            let campaign = campaign.ok_or(ScheduleProblem::NoCampaign(number))?;
            let sleeps = item.sleep_before_next_start_minutes.is_some_and(|minutes| minutes > 0);
            if before == Some(campaign) && !sleeps {
                return Err(ScheduleProblem::Repeated(number));
            }
            let stop = item.stop_at_time.filter(|stop| *stop != 0);
            if stop.is_some_and(|stop| stop < self.start_time.unwrap_or(0)) {
                return Err(ScheduleProblem::StopsBeforeStart(number));
            }
            before = Some(campaign);
        }
        Ok(())
    }

    /// The items by their numbers.
    #[must_use]
    pub fn in_order(&self) -> Vec<(i32, &ScheduleItem)> {
        let mut items: Vec<_> = self.items.iter().map(|(number, item)| (*number, item)).collect();
        items.sort_by_key(|(number, _)| *number);
        items
    }

    pub(super) fn read(fields: &mut Fields<'_, '_>) -> Result<Self, FieldError> {
        Ok(Self {
            description: fields.text(keys::DESCRIPTION)?,
            start_time: fields.int(keys::START_TIME)?,
            n_items: fields.int(keys::N_ITEMS)?,
            items: if fields.is_straight() { items_straight(fields)? } else { items(fields)? },
        })
    }

    pub(super) fn write(&self, writer: &mut ListWriter<'_>) {
        if let Some(description) = &self.description {
            writer.text(keys::DESCRIPTION.as_bytes(), description);
        }
        put(writer, keys::START_TIME, self.start_time);
        put(writer, keys::N_ITEMS, self.n_items);
        for (number, item) in &self.items {
            writer.list(ItemKey::new(*number).as_bytes(), |writer| item.write(writer));
        }
    }
}

impl ScheduleItem {
    fn read(fields: &mut Fields<'_, '_>) -> Result<Self, FieldError> {
        Ok(Self {
            campaign: fields.int(keys::ITEM_CAMPAIGN_DBID)?.map(CampaignDbid),
            mode: fields.int(keys::ITEM_DIAL_MODE)?.map(DialMode),
            optimize_by: fields.int(keys::ITEM_OPT_METHOD)?.map(OptimizeBy),
            goal: fields.int(keys::ITEM_OPT_METHOD_VALUE)?,
            stop_at_time: fields.int(keys::ITEM_STOP_AT_TIME)?,
            stop_at_contacts: fields.int(keys::ITEM_STOP_AT_CONTACTS)?,
            stop_at_dials: fields.int(keys::ITEM_STOP_AT_DIALS)?,
            sleep_before_next_start_minutes: fields.int(keys::ITEM_SLEEP_BEFORE_NEXT_START)?,
            status: fields.int(keys::ITEM_STATUS)?.map(GroupCampStatus),
        })
    }

    fn write(&self, writer: &mut ListWriter<'_>) {
        put(writer, keys::ITEM_CAMPAIGN_DBID, self.campaign.map(|campaign| campaign.0));
        put(writer, keys::ITEM_DIAL_MODE, self.mode.map(|mode| mode.0));
        put(writer, keys::ITEM_OPT_METHOD, self.optimize_by.map(|method| method.0));
        put(writer, keys::ITEM_OPT_METHOD_VALUE, self.goal);
        put(writer, keys::ITEM_STOP_AT_TIME, self.stop_at_time);
        put(writer, keys::ITEM_STOP_AT_CONTACTS, self.stop_at_contacts);
        put(writer, keys::ITEM_STOP_AT_DIALS, self.stop_at_dials);
        put(writer, keys::ITEM_SLEEP_BEFORE_NEXT_START, self.sleep_before_next_start_minutes);
        put(writer, keys::ITEM_STATUS, self.status.map(|status| status.0));
    }
}

impl fmt::Display for CampaignSchedule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.description {
            Some(description) => write!(f, "sequence '{description}'"),
            None => f.write_str("the sequence"),
        }
    }
}

/// The items, wherever they stand.
fn items(fields: &mut Fields<'_, '_>) -> Result<Vec<(i32, ScheduleItem)>, FieldError> {
    let mut numbers = Vec::new();
    for (key, _) in &fields.list() {
        if let Some((key, number)) = item_number(key)
            && !numbers.contains(&(key, number))
        {
            numbers.push((key, number));
        }
    }
    let mut items = Vec::with_capacity(numbers.len());
    for (key, number) in numbers {
        if let Some(item) = fields.nested(key, ScheduleItem::read)? {
            items.push((number, item));
        }
    }
    Ok(items)
}

/// The items where they stand last and ascend, so that none can stand twice.
fn items_straight(fields: &mut Fields<'_, '_>) -> Result<Vec<(i32, ScheduleItem)>, FieldError> {
    let mut items: Vec<(i32, ScheduleItem)> = Vec::with_capacity(fields.left());
    while let Some((key, value)) = fields.next_pair() {
        let ascending = |number: i32| items.last().is_none_or(|(last, _)| *last < number);
        match (item_number(key).filter(|(_, number)| ascending(*number)), value) {
            (Some((key, number)), ValueView::List(list)) => {
                items.push((number, fields.inside(key, list, ScheduleItem::read)?));
            }
            _ => {
                fields.go_astray();
                break;
            }
        }
    }
    Ok(items)
}

/// `scheduleItem-` and a number, in place.
struct ItemKey {
    bytes: [u8; 24],
    length: usize,
}

impl ItemKey {
    fn new(number: i32) -> Self {
        let mut key = Self { bytes: [0; 24], length: 0 };
        let mut digits = [0; 10];
        let mut rest = number.unsigned_abs();
        let mut used = 0_usize;
        for place in digits.iter_mut().rev() {
            // One digit of a number is below 10, so that the conversion cannot fail.
            *place = b'0'.saturating_add(u8::try_from(rest % 10).unwrap_or_default());
            rest /= 10;
            used = used.saturating_add(1);
            if rest == 0 {
                break;
            }
        }
        let sign: &[u8] = if number < 0 { b"-" } else { b"" };
        let digits = digits.get(digits.len().saturating_sub(used)..).unwrap_or_default();
        for part in [keys::SCHEDULE_ITEM_PREFIX.as_bytes(), sign, digits] {
            let end = key.length.saturating_add(part.len());
            if let Some(place) = key.bytes.get_mut(key.length..end) {
                place.copy_from_slice(part);
                key.length = end;
            }
        }
        key
    }

    fn as_bytes(&self) -> &[u8] {
        self.bytes.get(..self.length).unwrap_or_default()
    }
}

/// The key as text and the number behind `scheduleItem-`, without leading zeros or plus sign: it prints back to the same.
fn item_number(key: &[u8]) -> Option<(&str, i32)> {
    let key = std::str::from_utf8(key).ok()?;
    let number = key.strip_prefix(keys::SCHEDULE_ITEM_PREFIX)?;
    let digits = number.strip_prefix('-').unwrap_or(number);
    let odd = number.starts_with('+') || (digits.starts_with('0') && number != "0");
    if odd { None } else { Some((key, number.parse().ok()?)) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn item(campaign: i32) -> ScheduleItem {
        ScheduleItem { campaign: Some(CampaignDbid(campaign)), ..ScheduleItem::default() }
    }

    fn schedule(items: Vec<(i32, ScheduleItem)>) -> CampaignSchedule {
        let n_items = i32::try_from(items.len()).ok();
        CampaignSchedule { description: Some("night".into()), start_time: Some(1_000), n_items, items }
    }

    #[test]
    fn a_whole_schedule_in_any_order_is_good() {
        assert_eq!(schedule(vec![(2, item(102)), (1, item(101))]).check(), Ok(()));
    }

    #[test]
    fn every_problem_is_named() {
        let mut none = schedule(vec![(1, item(101))]);
        none.n_items = None;
        assert_eq!(none.check(), Err(ScheduleProblem::NoCount));
        none.n_items = Some(65);
        assert_eq!(none.check(), Err(ScheduleProblem::Count(65)));
        none.n_items = Some(2);
        assert!(matches!(none.check(), Err(ScheduleProblem::Items { wanted: 2, .. })));
        assert!(matches!(schedule(vec![(1, item(101)), (3, item(102))]).check(), Err(ScheduleProblem::Items { .. })));
        assert_eq!(schedule(vec![(1, item(0))]).check(), Err(ScheduleProblem::NoCampaign(1)));
        assert_eq!(schedule(vec![(1, item(101)), (2, item(101))]).check(), Err(ScheduleProblem::Repeated(2)));
        let early = ScheduleItem { stop_at_time: Some(999), ..item(101) };
        assert_eq!(schedule(vec![(1, early)]).check(), Err(ScheduleProblem::StopsBeforeStart(1)));
    }

    #[test]
    fn the_same_campaign_after_a_pause_is_good() {
        let paused = ScheduleItem { sleep_before_next_start_minutes: Some(5), ..item(101) };
        assert_eq!(schedule(vec![(1, item(101)), (2, paused)]).check(), Ok(()));
    }

    #[test]
    fn only_plain_numbers_name_an_item() {
        for number in [12, 0, -5, i32::MIN, i32::MAX] {
            let key = ItemKey::new(number);
            assert_eq!(item_number(key.as_bytes()).map(|(_, number)| number), Some(number));
        }
        assert_eq!(ItemKey::new(12).as_bytes(), b"scheduleItem-12");
        for key in [
            &b"scheduleItem-"[..],
            b"scheduleItem-01",
            b"scheduleItem-+1",
            b"scheduleItem-x",
            b"scheduleItem--0",
            b"Item-1",
        ] {
            assert_eq!(item_number(key), None);
        }
    }
}
