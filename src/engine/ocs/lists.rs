//! Calling lists that the host keeps: an OCS reads them at start, and again each time a campaign is loaded.
//!
//! ```text
//! load, or the begin of an item -> Output::ReadLists, the load is parked -> Input::Lists -> the load goes on
//! ```

use crate::engine::ocs::{Asker, CallingList, Ocs, Output};
use crate::message::CampaignDbid;
use crate::message::GroupDbid;
use crate::message::Message;
use crate::message::Pair;
use crate::message::RequestKind;
use crate::protocol::lifecycle::PairState;

/// A load that waits for its calling lists.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Parked {
    /// A request to load.
    Request { asker: Asker, kind: RequestKind, pair: Pair, body: Box<Message> },
    /// The item in turn of a sequence.
    Item(GroupDbid),
}

impl Ocs {
    /// Asks for the lists of what is to be loaded. True = the request goes on when they are there.
    pub(super) fn read_before(&mut self, asker: &Asker, kind: RequestKind, pair: Pair, body: &Message) -> bool {
        if kind != RequestKind::Load {
            return false;
        }
        let items = body.schedule().into_iter().flat_map(|schedule| &schedule.items);
        let campaigns: Vec<CampaignDbid> = match pair.campaign.is_sequence() {
            true => items.filter_map(|(_, item)| item.campaign).collect(),
            false if self.state(pair) == Some(PairState::NotLoaded) => vec![pair.campaign],
            false => return false, // refused, or loaded already
        };
        let parked = || Parked::Request { asker: asker.clone(), kind, pair, body: Box::new(body.clone()) };
        self.park(&campaigns, parked)
    }

    /// As [`Self::read_before`], for an item whose turn it is.
    pub(super) fn read_before_item(&mut self, pair: Pair) -> bool {
        self.park(&[pair.campaign], || Parked::Item(pair.group))
    }

    fn park(&mut self, campaigns: &[CampaignDbid], parked: impl Fn() -> Parked) -> bool {
        let known = self.config.campaigns.iter().filter(|campaign| campaigns.contains(&campaign.dbid));
        let mut lists: Vec<String> = known.flat_map(|campaign| campaign.lists.iter().cloned()).collect();
        lists.sort_unstable();
        lists.dedup();
        if !self.config.reads_lists || lists.is_empty() {
            return false;
        }
        self.parked.push_back(parked());
        self.outbox.push(Output::ReadLists { lists });
        true
    }

    /// Takes lists as the host has them, and goes on with the load that waited for them.
    pub(super) fn lists_read(&mut self, lists: Vec<CallingList>) {
        let in_hand = self.records_in_hand();
        for list in lists {
            match self.config.lists.iter_mut().find(|known| known.name == list.name) {
                Some(known) => known.renew(list),
                None => self.config.lists.push(list),
            }
        }
        self.lists_renewed(in_hand);
        match self.parked.pop_front() {
            Some(Parked::Request { asker, kind, pair, body }) => self.serve_pair(&asker, kind, pair, &body),
            Some(Parked::Item(group)) => self.item_begin(group, true),
            None => {}
        }
    }
}

impl CallingList {
    /// Becomes what was read; who has a record in hand stands in no column and stays known as long as the row says
    /// that it was taken.
    fn renew(&mut self, mut read: Self) {
        let held = |known: &&super::Record| known.held.is_some() || known.do_not_call_pending;
        for known in self.records.iter().filter(held) {
            let by_id = |record: &super::Record| record.record_id.cmp(&known.record_id);
            let place = read.records.binary_search_by(by_id);
            let record = place.ok().and_then(|at| read.records.get_mut(at));
            if let Some(record) = record.filter(|record| record.record_status == super::record::RETRIEVED) {
                (record.held, record.do_not_call_pending) = (known.held, known.do_not_call_pending);
            }
        }
        *self = read;
    }
}
