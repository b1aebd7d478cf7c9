//! Made contacts of a calling list.

use std::collections::BTreeSet;

use crate::engine::ocs::Record;

/// Contacts that are made, the same ones for the same seed.
pub(super) struct Made {
    pub(super) contacts: u32,
    /// So many contacts have three phones in a chain.
    pub(super) chains: u32,
    pub(super) seed: u32,
    /// The first contact's phone.
    pub(super) first: Option<String>,
    /// Numbers of their own: this, and eight digits behind it.
    pub(super) prefix: Option<String>,
    /// The daily window, as seconds since midnight.
    pub(super) daily: Option<(i32, i32)>,
    /// The zone of the records.
    pub(super) tz_dbid: i32,
    pub(super) used: BTreeSet<String>,
}

impl Made {
    pub(super) fn records(&mut self, customer_column: &str) -> Vec<Record> {
        let mut records = Vec::new();
        for contact in 0..self.contacts {
            // The first contact keeps its one phone; the chains come behind it.
            let phones = if (1..=self.chains).contains(&contact) { 3 } else { 1 };
            let mut chain_id = None;
            for chain_n in 0..phones {
                let phone = match &self.prefix {
                    Some(prefix) => self.numbered(prefix, records.len()),
                    None => self.phone(records.is_empty()),
                };
                let record_id = i32::try_from(records.len() + 1).unwrap_or(i32::MAX);
                let mut record = Record::new(record_id, phone);
                record.chain_id = *chain_id.get_or_insert(record_id);
                record.chain_n = chain_n;
                record.tz_dbid = self.tz_dbid;
                (record.daily_from, record.daily_till) = self.daily.unwrap_or((record.daily_from, record.daily_till));
                record.contact_info_type = [1, 4, 2][usize::try_from(chain_n).unwrap_or(0) % 3];
                record.user.push((customer_column.to_owned(), format!("C{:04}", contact + 1)));
                records.push(record);
            }
        }
        records
    }

    /// `+1202555xxxx`, each number once a list.
    fn phone(&mut self, is_first: bool) -> String {
        let first = self.first.clone().filter(|_| is_first);
        let mut phone = first.unwrap_or_else(|| self.draw());
        while !self.used.insert(phone.clone()) {
            phone = self.draw();
        }
        phone
    }

    /// Eight digits that look mixed and come once: the multiplier has no factor in common with their number.
    fn numbered(&self, prefix: &str, n: usize) -> String {
        const COUNT: u64 = 100_000_000;
        let n = u64::try_from(n).unwrap_or(0) + u64::from(self.seed) * 7_919;
        format!("{prefix}{:08}", n % COUNT * 61_803_397 % COUNT)
    }

    /// A linear congruence over all four-digit numbers; which is first depends on the seed alone.
    fn draw(&mut self) -> String {
        self.seed = self.seed.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        format!("+1202555{:04}", (self.seed >> 8) % 10_000)
    }
}
