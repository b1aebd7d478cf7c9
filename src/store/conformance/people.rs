//! Do-not-call entries, audit, keys, calling lists.

use super::*;

pub(crate) async fn a_do_not_call_is_found_by_every_spelling(store: &dyn Store) {
    let odd = Phone::from(Text::from_bytes(&[0xff, b'1'], Charset::Utf8));
    let customer = DncEntry { phone: None, raw: None, normalised: None, customer: Some("C-7".into()), ..entry(3) };
    let writes = vec![
        dnc(1),
        Write::Dnc(Box::new(DncEntry { phone: Some("00420777880001".into()), ..entry(2) })),
        Write::Dnc(Box::new(customer.clone())),
        Write::Dnc(Box::new(DncEntry { phone: Some(odd.clone()), raw: None, normalised: None, ..entry(4) })),
    ];
    store.commit(writes).await.unwrap();
    let find = async |query: DncQuery| {
        let found = store.dnc_entries(query).await.unwrap();
        found.iter().map(|evidence| evidence.entry.request.0).collect::<Vec<_>>()
    };
    let phone = async |text: &str| find(DncQuery { phone: Some(text.into()), ..DncQuery::default() }).await;
    assert_eq!(phone("+420777880001").await, [1]);
    assert_eq!(phone("777 88 0002").await, [2], "as it was given");
    assert_eq!(phone("00420777880001").await, [2], "as it was sent");
    assert_eq!(phone("+420777880002").await, [2], "in its one spelling");
    assert_eq!(phone("777").await, [] as [u64; 0]);
    assert_eq!(find(DncQuery { phone: Some(odd), ..DncQuery::default() }).await, [4], "bytes that are no text");
    assert_eq!(find(DncQuery { customer: Some("C-7".into()), ..DncQuery::default() }).await, [3]);
    assert_eq!(find(DncQuery { after: Some(RequestNumber(2)), most: 1, ..DncQuery::default() }).await, [3]);
    assert_eq!(find(DncQuery { since: Some(at(2)), before: Some(at(4)), ..DncQuery::default() }).await, [2, 3]);
    assert_eq!(store.dnc(RequestNumber(3)).await.unwrap().unwrap().entry, customer);
    let error = store.commit(vec![dnc(1)]).await.unwrap_err();
    assert_eq!(error.kind, StoreErrorKind::Refused, "an entry has one request");
}

pub(crate) async fn confirmations_are_kept_with_their_latency(store: &dyn Store) {
    let answer = |ocs, seconds, confirmed| {
        Write::DncAnswer(DncAnswer {
            request: RequestNumber(1),
            ocs: AppDbid(ocs),
            at: at(seconds),
            latency: Duration::from_millis(20),
            confirmed,
            code: (!confirmed).then_some(ErrorCode(10)),
        })
    };
    store.commit(vec![dnc(1), dnc(2)]).await.unwrap();
    store.commit(vec![answer(301, 5, false), answer(301, 6, true), answer(301, 9, false)]).await.unwrap();
    let found = store.dnc(RequestNumber(1)).await.unwrap().unwrap();
    assert!(!found.is_confirmed());
    assert_eq!((found.deliveries[0].confirmed_at, found.deliveries[0].code), (Some(at(6)), None));
    assert_eq!(found.deliveries[0].latency, Some(Duration::from_millis(20)));
    assert_eq!(found.deliveries[1].confirmed_at, None);
    assert_eq!(store.counts().await.unwrap().dnc_unconfirmed, 2);
    store.commit(vec![answer(302, 7, true)]).await.unwrap();
    assert!(store.dnc(RequestNumber(1)).await.unwrap().unwrap().is_confirmed());
    let late = DncQuery { unconfirmed: true, before: Some(at(3)), ..DncQuery::default() };
    let late = store.dnc_entries(late).await.unwrap();
    assert_eq!(late.iter().map(|evidence| evidence.entry.request.0).collect::<Vec<_>>(), [2]);
    let stray = DncAnswer {
        request: RequestNumber(9),
        ocs: AppDbid(301),
        at: at(1),
        latency: Duration::ZERO,
        confirmed: true,
        code: None,
    };
    let error = store.commit(vec![Write::DncAnswer(stray)]).await.unwrap_err();
    assert_eq!(error.kind, StoreErrorKind::Refused);
    assert!(store.verify(Verify { chain: Chain::Dnc, head: None }).await.unwrap().is_whole());
}

pub(crate) async fn an_entry_is_never_weakened(store: &dyn Store) {
    let listed = |ocs: Option<i32>, phone: &str, expires: Option<i64>| ListedDnc {
        ocs: ocs.map(AppDbid),
        phone: Some(phone.into()),
        customer: None,
        message: Some("m".into()),
        tenant: None,
        campaign: Some(101),
        list: None,
        at: UtcSeconds(5),
        expires_at: expires.map(UtcSeconds),
    };
    let row = |ocs, phone, expires| Write::OcsDnc(listed(ocs, phone, expires));
    let writes = vec![
        row(Some(301), "1", Some(100)),
        row(Some(301), "1", Some(50)),
        row(Some(301), "2", None),
        row(Some(301), "2", Some(50)),
        row(Some(301), "3", Some(50)),
        row(Some(301), "3", None),
        row(Some(302), "1", Some(7)),
    ];
    store.commit(writes).await.unwrap();
    let list = store.dnc_list(Some(AppDbid(301)), 0, 9).await.unwrap();
    let rows: Vec<ListedDnc> = list.iter().map(|(_, listed)| listed.clone()).collect();
    let wanted = [listed(Some(301), "1", Some(100)), listed(Some(301), "2", None), listed(Some(301), "3", None)];
    assert_eq!(rows, wanted);
    assert_eq!(store.dnc_list(Some(AppDbid(301)), list[1].0, 9).await.unwrap().len(), 1);
    assert_eq!(store.dnc_list(Some(AppDbid(302)), 0, 9).await.unwrap().len(), 1);
    assert_eq!(store.dnc_list(None, 0, 9).await.unwrap(), [], "the gateway's own list is another");
}

pub(crate) async fn audit_is_paged_by_subject_and_action(store: &dyn Store) {
    store.commit((1..=9).map(audit).collect()).await.unwrap();
    let rows = async |query: AuditQuery| {
        let found = store.audit(query).await.unwrap();
        found.iter().map(|row| row.row).collect::<Vec<_>>()
    };
    assert_eq!(rows(AuditQuery { most: 2, ..AuditQuery::default() }).await, [9, 8]);
    assert_eq!(rows(AuditQuery { after: Some(3), ..AuditQuery::default() }).await, [2, 1]);
    assert_eq!(rows(AuditQuery { subject: Some("key-1".into()), ..AuditQuery::default() }).await, [7, 4, 1]);
    assert_eq!(rows(AuditQuery { action: Some("dnc.add".into()), ..AuditQuery::default() }).await, [8, 6, 4, 2]);
    let Write::Audit(first) = audit(1) else { unreachable!() };
    assert_eq!(store.audit(AuditQuery { after: Some(2), ..AuditQuery::default() }).await.unwrap()[0].audit, *first);
}

pub(crate) async fn keys_are_found_by_hash_and_revoked_once(store: &dyn Store) {
    let key = ApiKey {
        id: "k1".into(),
        sha256: [7; 32],
        subject: "desk".into(),
        scopes: vec!["dnc:add".into(), "campaign:stop campaign=101".into()],
        created_at: at(1),
        created_by: "admin".into(),
        expires_at: Some(at(99)),
        revoked_at: None,
        used_at: None,
    };
    store.commit(vec![Write::KeyCreated(Box::new(key.clone()))]).await.unwrap();
    assert_eq!(store.api_key([7; 32]).await.unwrap(), Some(key.clone()));
    assert_eq!(store.api_key([8; 32]).await.unwrap(), None);
    let writes = vec![
        Write::KeyUsed { id: "k1".into(), at: at(5) },
        Write::KeyUsed { id: "k1".into(), at: at(4) },
        Write::KeyRevoked { id: "k1".into(), at: at(6) },
        Write::KeyRevoked { id: "k1".into(), at: at(7) },
    ];
    store.commit(writes).await.unwrap();
    let found = ApiKey { used_at: Some(at(5)), revoked_at: Some(at(6)), ..key.clone() };
    assert_eq!(store.api_keys().await.unwrap(), [found]);
    let error = store.commit(vec![Write::KeyCreated(Box::new(ApiKey { id: "k2".into(), ..key }))]).await.unwrap_err();
    assert_eq!(error.kind, StoreErrorKind::Refused, "one secret, one key");
}

pub(crate) async fn calling_lists_come_back_by_column(store: &dyn Store) {
    let head = ListHead { name: "Renewals".into(), enabled: true, customer_column: "customer".into() };
    let mut first = Record::new(1, "5551234");
    first.user = vec![("customer".into(), "C-7".into()), ("note".into(), "ž".into())];
    first.dial_sched_time = Some(UtcSeconds(9));
    first.agent_id = Some("agent".into());
    first.campaign_id = Some(crate::message::CampaignDbid(101));
    first.treatments = Some("t".into());
    let records = vec![first.clone(), Record::new(2, "5551235"), Record::new(3, "5551236")];
    let writes = vec![Write::List(head.clone()), Write::Records { list: "Renewals".into(), records }];
    store.commit(writes).await.unwrap();
    assert_eq!(store.records("Renewals", None, 1).await.unwrap(), [first.clone()]);
    let changed = Record { record_status: 3, call_result: 51, ..first };
    let writes = vec![
        Write::Records { list: "Renewals".into(), records: vec![changed.clone()] },
        Write::List(ListHead { enabled: false, ..head.clone() }),
    ];
    store.commit(writes).await.unwrap();
    assert_eq!(store.records("Renewals", None, 9).await.unwrap()[0], changed);
    let rest = store.records("Renewals", Some(1), 9).await.unwrap();
    assert_eq!(rest.iter().map(|record| record.record_id).collect::<Vec<_>>(), [2, 3]);
    let lists = store.lists().await.unwrap();
    assert_eq!((lists.len(), lists[0].records, lists[0].head.enabled), (1, 3, false));
    // Dialing changes its own columns only: what an import has changed meanwhile stays, and no row comes back.
    let dialed = Record { record_status: 5, call_result: 52, attempt: 2, user: vec![], ..Record::new(1, "stale") };
    let states = |list: &str, id: i32| Write::RecordStates {
        list: list.into(),
        records: vec![Record { record_id: id, ..dialed.clone() }],
    };
    store.commit(vec![states("Renewals", 1), states("Renewals", 77), states("x", 1)]).await.unwrap();
    let row = store.records("Renewals", None, 1).await.unwrap().remove(0);
    assert_eq!((row.record_status, row.call_result, row.attempt), (5, 52, 2));
    assert_eq!((row.contact_info.as_str(), row.user.len(), row.dial_sched_time), ("5551234", 2, None));
    assert_eq!(store.lists().await.unwrap()[0].records, 3);
    let twin = Record { chain_id: 1, ..Record::new(4, "5551237") };
    let error = store.commit(vec![Write::Records { list: "Renewals".into(), records: vec![twin] }]).await.unwrap_err();
    assert_eq!(error.kind, StoreErrorKind::Refused, "one place in a chain is one record");
    let error = store.commit(vec![Write::Records { list: "x".into(), records: vec![] }]).await.unwrap_err();
    assert_eq!(error.kind, StoreErrorKind::Refused, "{error}");
}
