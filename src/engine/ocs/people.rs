//! Requests about a person: do-not-call (specification 5.8) and cancel (5.9).

use crate::engine::dnc::Added;
use crate::engine::ocs::{Asker, Held, Ocs, Output, PairState};
use crate::message::CancelRecord;
use crate::message::ChainAttr;
use crate::message::ChainScope;
use crate::message::DoNotCall;
use crate::message::DoNotCallProcessed;
use crate::message::ErrorCode;
use crate::message::ErrorEvent;
use crate::message::Pair;
use crate::message::RECORDS_ON_DESKTOP;
use crate::message::RecordCanceled;
use crate::protocol::profile::Rule;
use crate::wire::Text;

/// Most bytes of a phone or customer id.
const PERSONAL_BYTES_MAX: usize = 64;

impl Ocs {
    pub(super) fn do_not_call(&mut self, asker: &Asker, request: DoNotCall) {
        match self.forbid(&request) {
            Ok(()) => {
                let error = Some(ErrorCode::NO);
                self.answer(asker, DoNotCallProcessed { error, error_message: None, do_not_call: Some(request) });
            }
            Err(code) => {
                let do_not_call = Some(request);
                self.answer(asker, ErrorEvent { error: Some(code), do_not_call, ..ErrorEvent::default() });
            }
        }
    }

    fn forbid(&mut self, request: &DoNotCall) -> Result<(), ErrorCode> {
        let all_chain = scope_of(request.scope.as_ref())? == ChainScope::AllChain;
        let (phone, customer) = (request.phone.as_ref(), request.customer_id.as_ref());
        if phone.is_none() && customer.is_none() {
            return Err(ErrorCode::INVALID_PARAMETER);
        }
        check_text(phone.map(|phone| phone.reveal()))?;
        check_text(customer.map(|customer| customer.reveal()))?;
        match self.dnc.add(phone, customer) {
            Added::Known => return Ok(()), // a repeat changes nothing
            Added::Full => return Err(ErrorCode::WRONG_CONFIGURATION),
            Added::New => {}
        }
        let (phone_row, customer_row) = (phone.cloned(), customer.cloned());
        self.outbox.push(Output::DncAdded { phone: phone_row, customer: customer_row, at: self.utc });
        let customer = customer.and_then(|customer| customer.reveal().as_str());
        for n in self.loaded_lists(None) {
            let Some(list) = self.config.lists.get(n) else { continue };
            let scope = list.in_scope(all_chain, |list, record| {
                phone.is_some_and(|phone| record.has_phone(phone))
                    || customer.is_some_and(|customer| list.customer_of(record) == Some(customer))
            });
            for at in scope {
                let list = self.config.lists.get_mut(n);
                let record = list.and_then(|list| list.records.get_mut(at)).filter(|record| !record.is_final());
                if let Some(record) = record {
                    record.forbid();
                    self.note_record(n, at);
                }
            }
        }
        self.complete_depleted();
        Ok(())
    }

    pub(super) fn cancel(&mut self, asker: &Asker, mut request: CancelRecord) {
        request.message = None; // answers only
        match self.cancel_records(&request) {
            Ok(partial) => {
                request.message = partial.then(|| RECORDS_ON_DESKTOP.into());
                let error = Some(ErrorCode::NO);
                self.answer(asker, RecordCanceled { error, error_message: None, cancel_record: Some(request) });
            }
            Err(code) => {
                let cancel_record = Some(request);
                self.answer(asker, ErrorEvent { error: Some(code), cancel_record, ..ErrorEvent::default() });
            }
        }
    }

    /// True when records on a desktop were left alone.
    fn cancel_records(&mut self, request: &CancelRecord) -> Result<bool, ErrorCode> {
        let rows = self.config.profile.rows;
        let all_chain = scope_of(request.scope.as_ref())? == ChainScope::AllChain;
        let (phone, customer) = (request.phone.as_ref(), request.customer_id.as_ref());
        check_text(phone.map(|phone| phone.reveal()))?;
        check_text(customer.map(|customer| customer.reveal()))?;
        match (phone, customer, rows.cancel_without_phone) {
            (Some(_), _, _) | (None, Some(_), Rule::Accept) => {}
            (None, _, Rule::Refuse(code)) => return Err(code),
            (None, None, Rule::Accept) => return Err(ErrorCode::INVALID_PARAMETER),
        }
        if let Some(name) = &request.campaign_name {
            self.check_loaded(name)?;
        }
        let customer = customer.map(|customer| customer.reveal().as_str());
        let (mut matched, mut left) = (false, false);
        for n in self.loaded_lists(request.campaign_name.as_ref()) {
            let Some(list) = self.config.lists.get(n) else { continue };
            let scope = list.in_scope(all_chain, |list, record| {
                let by_phone = phone.map(|phone| record.has_phone(phone));
                // An id that is no text in the charset matches nothing.
                let by_customer = customer.map(|id| id.is_some() && list.customer_of(record) == id);
                match (by_phone, by_customer) {
                    (Some(phone), Some(customer)) if rows.cancel_either => phone || customer,
                    (Some(phone), Some(customer)) => phone && customer,
                    (Some(hit), None) | (None, Some(hit)) => hit,
                    (None, None) => false,
                }
            });
            for at in scope {
                matched = true;
                let list = self.config.lists.get_mut(n);
                let record = list.and_then(|list| list.records.get_mut(at)).filter(|record| !record.is_final());
                match record.map(|record| (record.held, record)) {
                    None => {}
                    Some((Some(Held::Desktop), _)) => left = true,
                    Some((Some(Held::Call) | None, record)) => {
                        record.cancel();
                        self.note_record(n, at);
                    }
                }
            }
        }
        match rows.cancel_no_match {
            Rule::Refuse(code) if !matched => return Err(code),
            Rule::Refuse(_) | Rule::Accept => {}
        }
        self.complete_depleted();
        Ok(left)
    }

    /// A named campaign that is unknown or not loaded is error 3.
    fn check_loaded(&self, name: &Text) -> Result<(), ErrorCode> {
        let campaigns = self.config.campaigns.iter().filter(|campaign| name.as_str() == Some(campaign.name.as_str()));
        let mut loaded = campaigns.filter(|campaign| self.is_loaded(|pair| pair.campaign == campaign.dbid));
        loaded.next().map(|_| ()).ok_or(ErrorCode::CAMPAIGN_NOT_FOUND)
    }

    fn is_loaded(&self, wanted: impl Fn(Pair) -> bool) -> bool {
        self.pairs.iter().any(|(pair, runtime)| wanted(*pair) && runtime.state.is_loaded())
    }

    /// Indices of the calling lists of the loaded campaigns, each once; with a name only those of that campaign.
    fn loaded_lists(&self, name: Option<&Text>) -> Vec<usize> {
        let campaigns = self.config.campaigns.iter().filter(|campaign| {
            name.is_none_or(|name| name.as_str() == Some(campaign.name.as_str()))
                && self.is_loaded(|pair| pair.campaign == campaign.dbid)
        });
        let mut lists: Vec<usize> = campaigns.flat_map(|campaign| self.config.lists_of(campaign.dbid)).collect();
        lists.sort_unstable();
        lists.dedup();
        lists
    }

    /// The last open records may be gone.
    pub(super) fn complete_depleted(&mut self) {
        let running = self.pairs.iter().filter(|(_, runtime)| runtime.state == PairState::Running);
        for pair in running.map(|(pair, _)| *pair).collect::<Vec<_>>() {
            self.complete_if_depleted(pair);
        }
    }

    /// A pair takes an open record.
    pub(super) fn record_taken(&mut self, list: &str, record_id: i32, pair: Pair, held: Held) {
        let Some((list, n)) = self.find_record(list, record_id) else { return };
        let record = self.config.lists.get_mut(list).and_then(|list| list.records.get_mut(n));
        // What dialing has in hand comes back by its own way.
        let is_out = self.books.get(list).is_some_and(|book| book.is_out(n));
        if let Some(record) = record.filter(|record| !record.is_final() && !is_out) {
            record.take(pair, held);
            self.note_record(list, n);
        }
    }

    /// A record comes back: what waited for it is done.
    pub(super) fn record_back(&mut self, list: &str, record_id: i32) {
        if let Some((list, n)) = self.find_record(list, record_id)
            && !self.books.get(list).is_some_and(|book| book.is_out(n))
            && let Some(record) = self.config.lists.get_mut(list).and_then(|list| list.records.get_mut(n))
        {
            record.come_back();
            self.queue_record(list, n);
            self.note_record(list, n);
        }
        for pair in self.pairs.keys().copied().collect::<Vec<_>>() {
            self.drain(pair);
        }
        self.complete_depleted();
    }

    fn find_record(&self, list: &str, record_id: i32) -> Option<(usize, usize)> {
        let n = self.config.lists.iter().position(|known| known.name == list)?;
        let at = self.config.lists.get(n)?.records.iter().position(|record| record.record_id == record_id)?;
        Some((n, at))
    }
}

fn scope_of(scope: Option<&ChainAttr>) -> Result<ChainScope, ErrorCode> {
    match scope {
        None => Ok(ChainScope::AllChain),
        Some(attr) => attr.scope().ok_or(ErrorCode::INVALID_PARAMETER),
    }
}

/// 1 to 64 bytes, when it is there.
fn check_text(text: Option<&Text>) -> Result<(), ErrorCode> {
    match text {
        Some(text) if text.is_empty() || text.display().len() > PERSONAL_BYTES_MAX => Err(ErrorCode::INVALID_PARAMETER),
        Some(_) | None => Ok(()),
    }
}
