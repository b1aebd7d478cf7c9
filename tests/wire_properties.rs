//! Lists and printed logs under random input: what is written reads back, and no bytes make a reader panic.

use bytes::BytesMut;
use commdn::wire::{
    Charset, Dialect, ListView, Reading, Text, TkvList, Value, ValueView,
    dialect::{IntOrder, ListPrefix},
    logtext::{self, Attribute, AttributeValue, Block, Head, Reader, Style, Verdict},
};
use proptest::{collection::vec, prelude::*};

/// No file of seeds: a failing case is printed with its seed and becomes a named test.
fn config(cases: u32) -> ProptestConfig {
    ProptestConfig { cases, failure_persistence: None, ..ProptestConfig::default() }
}

fn dialects() -> impl Strategy<Value = Dialect> {
    let prefix = prop::sample::select(vec![ListPrefix::Len32, ListPrefix::Len16Inner16, ListPrefix::Len16Count32]);
    let order = prop::sample::select(vec![IntOrder::Big, IntOrder::Little]);
    let charset = prop::sample::select(vec![Charset::Utf8, Charset::Iso8859_1, Charset::Windows1252]);
    (prefix, order, charset).prop_map(|(list_prefix, int_order, charset)| Dialect {
        list_prefix,
        int_order,
        charset,
        ..Dialect::default()
    })
}

/// Text as a dialect reads it: what it takes from bytes, so that invalid bytes are among it.
fn texts(charset: Charset) -> impl Strategy<Value = Text> {
    let bytes = prop_oneof![
        "[ -~]{0,12}".prop_map(String::into_bytes),
        r"[\\'x0nrt\n\r\t ]{0,8}".prop_map(String::into_bytes),
        "\\PC{0,6}".prop_map(String::into_bytes),
        vec(any::<u8>(), 0..12),
    ];
    bytes.prop_map(move |bytes| Text::from_bytes(&bytes, charset))
}

fn keys() -> impl Strategy<Value = Vec<u8>> {
    prop_oneof![
        "[a-c]{0,2}".prop_map(String::into_bytes),
        "GSW_[A-Z_]{1,12}".prop_map(String::into_bytes),
        vec(any::<u8>(), 0..6),
    ]
}

fn scalars(charset: Charset) -> impl Strategy<Value = Value> {
    prop_oneof![
        4 => texts(charset).prop_map(Value::Str),
        3 => any::<i32>().prop_map(Value::Int),
        1 => vec(any::<u8>(), 0..8).prop_map(Value::Binary),
        1 => "\\PC{0,5}".prop_map(Value::Unicode),
        1 => (5_u8..=255, vec(any::<u8>(), 0..8)).prop_map(|(code, bytes)| Value::Opaque { code, bytes }),
        1 => Just(Value::Opaque { code: 4, bytes: vec![0xd8, 0x00] }),
    ]
}

fn tree(pairs: Vec<(Vec<u8>, Value)>) -> TkvList {
    let mut list = TkvList::new();
    for (key, value) in pairs {
        list.push(key, value);
    }
    list
}

fn trees_of(
    keys: impl Strategy<Value = Vec<u8>> + Clone + 'static,
    scalars: impl Strategy<Value = Value> + 'static,
) -> impl Strategy<Value = TkvList> {
    let values = scalars.prop_recursive(5, 40, 6, {
        let keys = keys.clone();
        move |inner| vec((keys.clone(), inner), 0..6).prop_map(|pairs| Value::List(tree(pairs)))
    });
    vec((keys, values), 0..8).prop_map(tree)
}

fn any_tree() -> impl Strategy<Value = (Dialect, TkvList)> {
    dialects().prop_flat_map(|dialect| (Just(dialect), trees_of(keys().boxed(), scalars(dialect.charset))))
}

/// Trees that vendor style can carry: no quote and no line break in a string.
fn plain_tree() -> impl Strategy<Value = (Dialect, TkvList)> {
    let plain = |bytes: &Vec<u8>| !bytes.iter().any(|byte| b"'\n\r".contains(byte));
    dialects().prop_flat_map(move |dialect| {
        let charset = dialect.charset;
        let text = texts(charset)
            .prop_filter("plain", move |text| text.to_bytes(charset).is_some_and(|text| plain(&text.into_owned())));
        let scalars = prop_oneof![text.prop_map(Value::Str), any::<i32>().prop_map(Value::Int)];
        (Just(dialect), trees_of(keys().prop_filter("plain", plain).boxed(), scalars))
    })
}

/// A vector to mutate: every form of a pair, three lists in each other.
fn sample() -> TkvList {
    let deep = TkvList::new().str("GSW_PHONE", "5551234").list("empty", TkvList::new());
    let mut list = TkvList::new().int("n", -2).str("s", "Zoe").list("p", TkvList::new().list("q", deep).int("r", 3));
    list.push(&b"b"[..], Value::Binary(vec![0, 255]));
    list.push(&b"u"[..], Value::Unicode("Ü".to_owned()));
    list.push(&b"o"[..], Value::Opaque { code: 9, bytes: vec![1] });
    list
}

/// Reads everything that a checked list offers.
fn walk(list: &ListView<'_>) -> usize {
    list.iter().fold(list.len(), |count, (_, value)| {
        count
            + match value {
                ValueView::List(list) => walk(&list),
                ValueView::Str(text) => text.display().len(),
                ValueView::Int(_) | ValueView::Binary(_) | ValueView::Unicode(_) | ValueView::Opaque { .. } => 1,
            }
    })
}

fn block(tree: &TkvList) -> Block {
    Block::new(Head::tserver_event("10:00:00.0010", "EventUserEvent"))
        .with("ThisDN", AttributeValue::Text("CommDN_1".into()))
        .with("UserData", AttributeValue::list(tree.clone()))
        .with("ConnID", AttributeValue::Hex(0x006c_029a_6685_d004))
        .with("ReferenceID", AttributeValue::Number(4_294_967_295))
        .with("UserEvent", AttributeValue::Other("EventQueued".to_owned()))
}

fn printed(block: &Block, dialect: &Dialect, style: Style) -> Vec<u8> {
    let mut text = Vec::new();
    logtext::write_header(&mut text, style);
    logtext::write_block(&mut text, block, dialect, style).unwrap();
    text
}

/// The blocks read from a print, the attributes without what only a print has.
fn read_attributes(text: &[u8], dialect: &Dialect) -> Vec<Vec<Attribute>> {
    let plain = |attribute: Attribute| match attribute.value {
        AttributeValue::List(list) => Attribute { name: attribute.name, value: AttributeValue::list(list.tree) },
        _ => attribute,
    };
    Reader::new(text, dialect, false).map(|block| block.attributes.into_iter().map(plain).collect()).collect()
}

proptest! {
    #![proptest_config(config(400))]

    #[test]
    fn a_tree_survives_packing_in_every_dialect((dialect, tree) in any_tree()) {
        let bytes = tree.encode(&dialect).unwrap();
        prop_assert_eq!(TkvList::decode(&bytes, &dialect, Reading::Tolerant), Ok(tree));
    }

    #[test]
    fn packing_appends_and_repeats_the_same_bytes((dialect, tree) in any_tree(), before in vec(any::<u8>(), 0..20)) {
        let mut out = BytesMut::from(&before[..]);
        tree.encode_into(&mut out, &dialect).unwrap();
        prop_assert_eq!(&out[..before.len()], &before[..]);
        let again = TkvList::decode(&out[before.len()..], &dialect, Reading::Tolerant).unwrap();
        prop_assert_eq!(&again.encode(&dialect).unwrap()[..], &out[before.len()..]);
    }

    #[test]
    fn all_prefixes_have_one_size((dialect, tree) in any_tree()) {
        let sizes: Vec<usize> = [ListPrefix::Len32, ListPrefix::Len16Inner16, ListPrefix::Len16Count32]
            .into_iter()
            .map(|list_prefix| tree.encode(&Dialect { list_prefix, ..dialect }).unwrap().len())
            .collect();
        prop_assert!(sizes.windows(2).all(|pair| pair[0] == pair[1]), "{:?}", sizes);
    }

    #[test]
    fn any_bytes_are_a_list_or_an_error_within_them(
        dialect in dialects(), bytes in vec(any::<u8>(), 0..200), strict in any::<bool>(),
    ) {
        let reading = if strict { Reading::Strict } else { Reading::Tolerant };
        match ListView::parse(&bytes, &dialect, reading) {
            Ok(list) => { walk(&list); }
            Err(error) => prop_assert!(error.at <= bytes.len(), "{}", error),
        }
    }

    #[test]
    fn a_damaged_list_is_a_list_or_an_error_within_it(
        dialect in dialects(),
        damage in vec((any::<prop::sample::Index>(), any::<u8>()), 1..4),
        cut in any::<prop::sample::Index>(),
        strict in any::<bool>(),
    ) {
        let reading = if strict { Reading::Strict } else { Reading::Tolerant };
        let mut bytes = sample().encode(&dialect).unwrap().to_vec();
        for (at, byte) in damage {
            let at = at.index(bytes.len());
            bytes[at] = byte;
        }
        if cut.index(3) == 0 {
            bytes.truncate(cut.index(bytes.len()));
        }
        match ListView::parse(&bytes, &dialect, reading) {
            Ok(list) => {
                walk(&list);
                // What was accepted is packed to the same bytes.
                prop_assert_eq!(&TkvList::from(&list).encode(&dialect).unwrap()[..], &bytes[..]);
            }
            Err(error) => prop_assert!(error.at <= bytes.len(), "{}", error),
        }
    }

    #[test]
    fn style_commdn_keeps_every_tree((dialect, tree) in any_tree()) {
        let mut text = Vec::new();
        logtext::write_tree(&mut text, &tree, &dialect).unwrap();
        prop_assert_eq!(logtext::read_tree(&text, &dialect), Ok(tree.clone()));
        let text = printed(&block(&tree), &dialect, Style::Commdn);
        prop_assert_eq!(read_attributes(&text, &dialect), vec![block(&tree).attributes]);
        let report = logtext::check(&text, &dialect, false);
        prop_assert_eq!((report.agree, report.problems.len()), (1, 0));
    }

    #[test]
    fn vendor_style_keeps_trees_without_quotes_and_line_breaks((dialect, tree) in plain_tree()) {
        let text = printed(&block(&tree), &dialect, Style::Vendor);
        prop_assert_eq!(read_attributes(&text, &dialect), vec![block(&tree).attributes]);
    }

    #[test]
    fn our_own_vendor_prints_never_disagree((dialect, tree) in plain_tree()) {
        let text = printed(&block(&tree), &dialect, Style::Vendor);
        for detail in logtext::check(&text, &dialect, false).details {
            prop_assert!(matches!(detail.verdict, Verdict::Agree | Verdict::Filtered), "{:?}", detail);
            prop_assert_eq!(Some(detail.printed), detail.packed);
        }
    }

    #[test]
    fn a_print_without_one_pair_is_filtered((dialect, tree) in plain_tree(), which in any::<prop::sample::Index>()) {
        let text = printed(&block(&tree), &dialect, Style::Vendor);
        let lines: Vec<&[u8]> = text.split_inclusive(|byte| *byte == b'\n').collect();
        let pairs: Vec<usize> = (0..lines.len()).filter(|at| lines[*at].starts_with(b"\t\t")).collect();
        if pairs.is_empty() {
            return Ok(()); // the empty list has no pair to hide
        }
        let hidden = pairs[which.index(pairs.len())];
        let text = lines.iter().enumerate().filter(|(at, _)| *at != hidden).flat_map(|(_, line)| line.to_vec());
        let report = logtext::check(&text.collect::<Vec<u8>>(), &dialect, false);
        prop_assert_eq!((report.lists, report.filtered), (1, 1), "{:?}", report.details);
    }

    #[test]
    fn no_bytes_make_the_log_reader_panic(bytes in vec(any::<u8>(), 0..400), lenient in any::<bool>()) {
        let _ = logtext::check(&bytes, &Dialect::default(), lenient);
        let _ = logtext::read_tree(&bytes, &Dialect::default());
    }

    #[test]
    fn no_pieces_of_logs_make_the_log_reader_panic(
        pieces in vec(prop::sample::select(PIECES.to_vec()), 0..40), lenient in any::<bool>(),
    ) {
        let text = pieces.concat();
        let blocks = Reader::new(text.as_bytes(), &Dialect::default(), lenient).count();
        prop_assert!(blocks <= text.lines().count());
        let report = logtext::check(text.as_bytes(), &Dialect::default(), lenient);
        prop_assert_eq!(report.lists, report.agree + report.filtered + report.ambiguous + report.disagree);
        let _ = logtext::read_tree(text.as_bytes(), &Dialect::default());
    }

    #[test]
    fn a_damaged_log_keeps_its_other_blocks(at in any::<prop::sample::Index>(), byte in any::<u8>()) {
        let whole = printed(&block(&sample_text()), &Dialect::default(), Style::Vendor);
        let mut damaged = whole.clone();
        let at = at.index(damaged.len());
        damaged[at] = byte;
        let text = [&whole[..], b"\n", &damaged, b"\n", &whole].concat();
        let agree = logtext::check(&text, &Dialect::default(), false).agree;
        prop_assert!(agree >= 2, "{} of 3 agree", agree);
    }
}

fn sample_text() -> TkvList {
    TkvList::new().int("n", 5).list("p", TkvList::new().str("a", "b").str("c", "d")).str("z", "")
}

const PIECES: &[&str] = &[
    "@10:00:00.0010 [0] 8.1 send_to_client: message EventUserEvent\n",
    "message RequestX\n",
    "10:00:00.100 OCMClient[4]::message received\n",
    "\n",
    "\r\n",
    "# commdn-text 1\n",
    "Application name: x\n",
    "\tAttributeUserData\t[34] 00 01 00 00..\n",
    "\tAttributeUserData\t[2] 00 00..\n",
    "\tAttributeUserData\t[",
    "\tAttributeThisDN\t'",
    "\t\t'k'\t'v'\n",
    "\t\t'k'(list) ",
    "\t\t\t'k'(list 10) \n",
    "\t'k'(list 99999999999) ",
    "'k'\t",
    "'",
    "''",
    "\\",
    "\\x",
    "(bin) 0",
    "(uni) '",
    "(type 9) 00\n",
    "-5\n",
    "    GSW_CM_MessageType              7 [GSW_CM_ReqLoadCampaign]\n",
    "    GSW_CM_AttrProperties\n",
    "****",
    "\u{2018}k\u{2019}",
    "\u{a0}",
    " ",
    "\n",
];
