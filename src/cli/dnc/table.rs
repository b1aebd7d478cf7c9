//! `dnc verify --table`: what the evidence has as confirmed must stand in the table of OCS.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use super::import::read;
use super::source::{Source, Wanted};
use super::verdict_words;
use crate::cli::client::Ctx;
use crate::cli::exit::{CliError, Exit};
use crate::http::dto::{DncBody, DncEvidenceDto, DncVerdictDto, RequestDto};
use crate::store::hex;

/// A dump of `gsw_donotcall_list`.
#[derive(Debug, Default, PartialEq, Eq)]
struct Table {
    rows: u64,
    phones: BTreeSet<String>,
    customers: BTreeSet<String>,
}

impl Table {
    fn parse(bytes: &[u8]) -> Result<Self, String> {
        let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
        let mut reader = csv::ReaderBuilder::new().flexible(true).from_reader(bytes);
        let head = reader.headers().map_err(|_| "no CSV in UTF-8".to_owned())?;
        let column = |name: &str| head.iter().position(|found| found.trim().eq_ignore_ascii_case(name));
        let (phone, customer) = (column("phone"), column("customer_id"));
        if phone.is_none() && customer.is_none() {
            return Err("expected the columns phone and customer_id of gsw_donotcall_list, found neither".into());
        }
        let mut table = Self::default();
        for record in reader.records() {
            let record = record.map_err(|_| format!("row {}: no CSV in UTF-8", table.rows + 1))?;
            table.rows += 1;
            let cell = |at: Option<usize>| record.get(at?).map(str::trim).filter(|cell| !cell.is_empty());
            table.phones.extend(cell(phone).map(str::to_owned));
            table.customers.extend(cell(customer).map(str::to_owned));
        }
        Ok(table)
    }

    /// Both the phone and the customer id stand in it, where the entry has them.
    fn has(&self, entry: &DncEvidenceDto) -> bool {
        entry.phone.as_ref().is_none_or(|phone| self.phones.contains(phone))
            && entry.customer_id.as_ref().is_none_or(|customer| self.customers.contains(customer))
    }
}

pub(super) async fn compare(
    source: &Source,
    file: &Path,
    resend: bool,
    verdict: &DncVerdictDto,
    ctx: &Ctx,
) -> Result<Exit, CliError> {
    let bytes = read(file)?;
    let table = Table::parse(&bytes).map_err(|why| CliError::usage(format!("{}: {why}", file.display())))?;
    let wanted = Wanted { show_numbers: true, ..Wanted::default() };
    let (mut confirmed, mut missing, mut after) = (0_u64, Vec::new(), None);
    loop {
        let page = source.page(wanted, after.as_deref()).await?;
        // What does not count any more may have been taken out of the table.
        for entry in page.items.into_iter().filter(|entry| entry.confirmed && !entry.expired) {
            confirmed += 1;
            if !table.has(&entry) {
                missing.push((entry, None));
            }
        }
        match page.next {
            Some(next) => after = Some(next),
            None => break,
        }
    }
    if let (true, Source::Gateway(client)) = (resend, source) {
        // The same dump again, and the same person again, are the same request.
        let dump: String = hex(&Sha256::digest(&bytes).into()).chars().take(24).collect();
        let mut first = BTreeMap::new();
        for (entry, sent) in &mut missing {
            let whom = (entry.phone.clone(), entry.customer_id.clone());
            let first: &DncEvidenceDto = first.entry(whom).or_insert(entry);
            let key = format!("resend-{dump}-{}", first.request_id);
            *sent = Some(client.post_keyed::<RequestDto>(&["v1", "dnc"], &again(first), &key).await);
        }
    }
    let document = json!({
        "schema": "commdn.dnc_table.v1", "chain": verdict, "table_rows": table.rows, "confirmed": confirmed,
        "missing": missing.iter().map(|(entry, sent)| json!({
            "request_id": entry.request_id, "at": entry.at, "phone": entry.phone, "customer_id": entry.customer_id,
            "resent_as": sent.as_ref().and_then(|sent| sent.as_ref().ok()).map(|sent| sent.request_id.clone()),
            "error": sent.as_ref().and_then(|sent| sent.as_ref().err()).map(|error| error.message.clone()),
        })).collect::<Vec<Value>>(),
    });
    ctx.out.either(&document, || {
        let counts = format!(
            "{}\n{confirmed} confirmed entries, {} rows in the table, {} missing there",
            verdict_words(verdict),
            table.rows,
            missing.len()
        );
        let line = |(entry, sent): &(DncEvidenceDto, Option<Result<RequestDto, CliError>>)| {
            let whom = [entry.phone.as_deref(), entry.customer_id.as_deref()].into_iter().flatten();
            let sent = match sent {
                None => String::new(),
                Some(Ok(request)) => format!("  sent again as {}", request.request_id),
                Some(Err(error)) => format!("  not sent again: {}", error.message),
            };
            format!("\n{}  {}{sent}", entry.request_id, whom.collect::<Vec<_>>().join(" "))
        };
        counts + &missing.iter().map(line).collect::<String>()
    })?;
    let not_sent = missing.iter().filter(|(_, sent)| !matches!(sent, Some(Ok(_)))).count();
    Ok(if not_sent == 0 { Exit::Done } else { Exit::Missed })
}

fn again(entry: &DncEvidenceDto) -> DncBody {
    let scope = entry.scope.as_deref().and_then(|scope| match scope {
        "AllChain" => Some("all_chain"),
        "RecordOnly" => Some("record_only"),
        _ => None,
    });
    DncBody {
        phone: entry.phone.clone(),
        customer_id: entry.customer_id.clone(),
        scope: scope.map(str::to_owned),
        ocs: None,
        reason: Some(format!("missing in the table of OCS, asked for as {}", entry.request_id)),
        expires_at: entry.expires_at.clone(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_entry_is_in_a_table_with_all_that_it_names() {
        let table = Table::parse(b"PHONE,dnc_message,customer_id\n5551234,,\n,x,C-7\n").unwrap();
        assert_eq!(table.rows, 2);
        let entry = |phone: Option<&str>, customer: Option<&str>| DncEvidenceDto {
            phone: phone.map(str::to_owned),
            customer_id: customer.map(str::to_owned),
            ..DncEvidenceDto::default()
        };
        assert!(table.has(&entry(Some("5551234"), None)) && table.has(&entry(None, Some("C-7"))));
        assert!(!table.has(&entry(Some("5551235"), None)) && !table.has(&entry(Some("5551234"), Some("C-8"))));
        assert!(Table::parse(b"a,b\n1,2\n").is_err());
    }
}
