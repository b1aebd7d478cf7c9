//! The lists that are being read: straight on, or thoroughly.
//!
//! A message is nearly always written in the order in which its fields are read, with no key twice and none that is
//! not known. So it is first read straight on: each key is looked for where the list goes on, and nowhere else. When
//! all lists are at their end after that, every pair was taken once and nothing else can be said about the message.
//! Otherwise what was read is thrown away, and the pairs are walked and found by a slot of their key.

use crate::message::fields::Warning;
use crate::wire::ListView;
use crate::wire::Pairs;
use crate::wire::ValueView;

/// What reading a message needs beside its bytes: the pairs of the lists that are open, and the warnings so far.
#[derive(Debug, Default)]
pub struct Sheet<'a> {
    /// A nested list's pairs stand behind those of the list that it is in.
    entries: Vec<Entry<'a>>,
    /// Which tolerances were used.
    pub warnings: Vec<Warning>,
    pass: Pass,
}

/// How the lists are read.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Pass {
    /// Straight on.
    Straight,
    /// Straight on, and it went wrong.
    Astray,
    #[default]
    Thorough,
}

/// Room for the lists of nearly every message, made once.
const ENTRIES_LEAST: usize = 32;

#[derive(Clone, Copy, Debug)]
struct Entry<'a> {
    slot: Slot,
    key: &'a [u8],
    value: ValueView<'a>,
}

/// A number below 128 that a key shares with its spellings in other ASCII cases.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Slot(u8);

impl Slot {
    /// Chosen so that no two keys of one list of the vendor's tables share a slot; should strangers do, reading is
    /// slower and no different.
    const SPREAD: u32 = 0x1e2f_eb89;

    #[inline]
    pub(super) fn of(key: &[u8]) -> Self {
        let [length, ..] = key.len().to_le_bytes();
        let last = key.last().map_or(0, |byte| byte & 0x1f);
        let sixth = key.len().checked_sub(6).and_then(|at| key.get(at)).map_or(0, |byte| byte & 0x1f);
        let [top, ..] = u32::from_le_bytes([length, last, sixth, 0]).wrapping_mul(Self::SPREAD).to_be_bytes();
        Self(top >> 1)
    }

    fn bit(self) -> u128 {
        1_u128.wrapping_shl(u32::from(self.0))
    }
}

/// Where one list stands on the sheet.
#[derive(Debug)]
pub(super) struct Part<'a> {
    /// Straight on: what is left of it.
    rest: Pairs<'a>,
    /// The same of the properties, which are read in several goes.
    properties: Option<Pairs<'a>>,
    first: usize,
    /// The slots that are taken.
    slots: u128,
    /// No two keys share a slot, so none stands twice in whatever case.
    distinct: bool,
    /// The entry that comes next when keys are asked for in the order in which they travel.
    next: usize,
}

impl<'a> Part<'a> {
    fn is_at_end(&self) -> bool {
        self.rest.is_at_end() && self.properties.as_ref().is_none_or(Pairs::is_at_end)
    }

    #[inline(always)]
    pub(super) fn next_under(&mut self, key: &str) -> Option<ValueView<'a>> {
        self.rest.next_under(key.as_bytes())
    }

    /// The pair that a straight reading comes to next.
    pub(super) fn next(&mut self) -> Option<(&'a [u8], ValueView<'a>)> {
        self.rest.next()
    }

    pub(super) fn left(&self) -> usize {
        self.rest.size_hint().0
    }

    /// Straight on: what is left of the properties; put back by [`Part::leave_properties`].
    pub(super) fn take_properties(&mut self) -> Option<Pairs<'a>> {
        self.properties.take()
    }

    pub(super) fn leave_properties(&mut self, inner: Self) {
        self.properties = Some(inner.rest);
    }
}

/// What stands under a key.
pub(super) enum Found<'a> {
    /// Nothing.
    Nothing,
    /// One value.
    Exact(ValueView<'a>),
    /// The first of several.
    Several(ValueView<'a>),
    /// A value under another case of the key.
    OtherCase(ValueView<'a>),
}

impl<'a> Sheet<'a> {
    /// For reading straight on.
    pub(super) fn straight() -> Self {
        Self { pass: Pass::Straight, ..Self::default() }
    }

    #[inline(always)]
    pub(super) fn is_straight(&self) -> bool {
        self.pass != Pass::Thorough
    }

    /// What was read may not be all that there is.
    pub(super) fn is_astray(&self) -> bool {
        self.pass == Pass::Astray
    }

    pub(super) fn go_astray(&mut self) {
        if self.is_straight() {
            self.pass = Pass::Astray;
        }
    }

    pub(super) fn open(&mut self, list: ListView<'a>) -> Part<'a> {
        let mut part = self.go_on(list.iter());
        if self.is_straight() {
            return part;
        }
        if self.entries.len().saturating_add(list.len()) > self.entries.capacity() {
            self.entries.reserve(list.len().max(ENTRIES_LEAST));
        }
        for (key, value) in &list {
            let slot = Slot::of(key);
            part.distinct &= part.slots & slot.bit() == 0;
            part.slots |= slot.bit();
            self.entries.push(Entry { slot, key, value });
        }
        part
    }

    /// Straight on: a list from where it was left.
    pub(super) fn go_on(&self, rest: Pairs<'a>) -> Part<'a> {
        let first = self.entries.len();
        Part { rest, properties: None, first, slots: 0, distinct: true, next: first }
    }

    /// Takes the list that was opened last away.
    pub(super) fn close(&mut self, part: &Part<'a>) {
        self.entries.truncate(part.first);
        if !part.is_at_end() {
            self.go_astray();
        }
    }

    #[inline]
    pub(super) fn find(&self, part: &mut Part<'a>, key: &str, slot: Slot) -> Found<'a> {
        if self.is_straight() {
            return part.next_under(key).map_or(Found::Nothing, Found::Exact);
        }
        if part.slots & slot.bit() == 0 {
            return Found::Nothing;
        }
        if !part.distinct {
            return self.find_among_alike(part, key);
        }
        let mut place = part.next;
        let mut entry = self.entries.get(place).filter(|entry| entry.slot == slot);
        if entry.is_none() {
            let entries = self.entries.get(part.first..).unwrap_or_default();
            place = part.first.saturating_add(entries.iter().position(|entry| entry.slot == slot).unwrap_or(0));
            entry = self.entries.get(place);
        }
        let Some(entry) = entry else { return Found::Nothing };
        part.next = place.saturating_add(1);
        if entry.key == key.as_bytes() {
            Found::Exact(entry.value)
        } else if entry.key.eq_ignore_ascii_case(key.as_bytes()) {
            Found::OtherCase(entry.value)
        } else {
            Found::Nothing
        }
    }

    #[cold]
    fn find_among_alike(&self, part: &Part<'a>, key: &str) -> Found<'a> {
        let entries = self.entries.get(part.first..).unwrap_or_default();
        let mut exact = entries.iter().filter(|entry| entry.key == key.as_bytes());
        match (exact.next(), exact.next()) {
            (Some(entry), None) => return Found::Exact(entry.value),
            (Some(entry), Some(_)) => return Found::Several(entry.value),
            (None, _) => {}
        }
        let other_case = entries.iter().find(|entry| entry.key.eq_ignore_ascii_case(key.as_bytes()));
        other_case.map_or(Found::Nothing, |entry| Found::OtherCase(entry.value))
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use crate::message::keys;

    #[test]
    fn the_keys_of_every_list_have_slots_of_their_own() {
        let items: Vec<String> = (1..=16).map(|n| format!("{}{n}", keys::SCHEDULE_ITEM_PREFIX)).collect();
        let schedule = [keys::DESCRIPTION, keys::START_TIME, keys::N_ITEMS];
        let lists: [Vec<&str>; 7] = [
            vec![
                keys::MESSAGE_TYPE,
                keys::ORIGIN_APP_ID,
                keys::TARGET_APP_ID,
                keys::CAMPAIGN_ID,
                keys::GROUP_ID,
                keys::DIAL_MODE,
                keys::OPTIMIZE_BY,
                keys::OPTIMIZE_GOAL,
                keys::GROUP_CAMP_STATUS,
                keys::ERROR,
                keys::ERROR_MESSAGE,
                keys::REFERENCE_ID,
                keys::AUTO_COMPLETION,
                keys::PROPERTIES,
            ],
            vec![
                keys::AUTO_COMPLETION,
                keys::CAMPAIGN_SCHEDULE,
                keys::DIALING_PRIORITY,
                keys::CANCEL_RECORD,
                keys::DO_NOT_CALL,
            ],
            schedule.into_iter().chain(items.iter().map(String::as_str)).collect(),
            vec![
                keys::ITEM_CAMPAIGN_DBID,
                keys::ITEM_DIAL_MODE,
                keys::ITEM_OPT_METHOD,
                keys::ITEM_OPT_METHOD_VALUE,
                keys::ITEM_STOP_AT_TIME,
                keys::ITEM_STOP_AT_CONTACTS,
                keys::ITEM_STOP_AT_DIALS,
                keys::ITEM_SLEEP_BEFORE_NEXT_START,
                keys::ITEM_STATUS,
            ],
            vec![keys::GENERAL, keys::CAMPAIGN_RESCHEDULED, keys::CAMPAIGN_CALL_BACK],
            vec![keys::PRIORITY, keys::N_RECORDS],
            vec![keys::PHONE, keys::CAMPAIGN_NAME, keys::CHAIN_ATTR, keys::CUSTOMER_ID, keys::MESSAGE],
        ];
        for list in lists {
            let slots: BTreeSet<u8> = list.iter().map(|key| Slot::of(key.as_bytes()).0).collect();
            assert_eq!(slots.len(), list.len(), "{list:?}");
        }
    }

    proptest::proptest! {
        #[test]
        fn all_cases_of_a_key_share_its_slot(key in "[ -~]{0,30}") {
            let slot = Slot::of(key.as_bytes());
            proptest::prop_assert_eq!(slot, Slot::of(key.to_ascii_uppercase().as_bytes()));
            proptest::prop_assert_eq!(slot, Slot::of(key.to_ascii_lowercase().as_bytes()));
        }
    }
}
