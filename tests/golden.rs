//! Every vector and every printed block of `proto-fixtures`, in both directions.

use std::{collections::BTreeMap, fs, path::PathBuf};

use commdn::wire::{
    DecodeErrorKind, Dialect, ListView, Reading, TkvList,
    dialect::{IntOrder, ListPrefix},
    logtext::{self, AttributeValue, HeadKind, Reader, Style, Verdict},
};

fn folder(name: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("proto-fixtures").join(name)
}

fn files(name: &str) -> BTreeMap<String, Vec<u8>> {
    let files: BTreeMap<String, Vec<u8>> = fs::read_dir(folder(name))
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .map(|path| (path.file_stem().unwrap().to_string_lossy().into_owned(), fs::read(&path).unwrap()))
        .collect();
    assert!(!files.is_empty(), "no fixtures in {name}");
    files
}

struct Fixture {
    name: String,
    fields: BTreeMap<String, String>,
    tree: Option<String>,
}

impl Fixture {
    fn all(folder: &str) -> Vec<Self> {
        files(folder).into_iter().map(|(name, bytes)| Self::read(name, &String::from_utf8(bytes).unwrap())).collect()
    }

    fn read(name: String, text: &str) -> Self {
        let (fields, tree) = match text.split_once("tree:\n") {
            Some((fields, tree)) => (fields, Some(tree.to_owned())),
            None => (text, None),
        };
        let fields = fields.lines().map(|line| line.split_once(": ").unwrap());
        let fields = fields.map(|(key, value)| (key.to_owned(), value.to_owned())).collect();
        Self { name, fields, tree }
    }

    fn bytes(&self) -> Vec<u8> {
        let hex = &self.fields["hex"];
        (0..hex.len()).step_by(2).map(|at| u8::from_str_radix(&hex[at..at + 2], 16).unwrap()).collect()
    }

    fn dialect(&self) -> Dialect {
        let words: Vec<&str> = self.fields["dialect"].split(' ').collect();
        let [prefix, order, charset] = words[..] else { panic!("{}: three words of dialect", self.name) };
        Dialect {
            list_prefix: prefix.parse().unwrap(),
            int_order: order.parse().unwrap(),
            charset: charset.parse().unwrap(),
            ..Dialect::default()
        }
    }

    fn tree(&self) -> TkvList {
        logtext::read_tree(self.tree.as_ref().unwrap().as_bytes(), &self.dialect())
            .unwrap_or_else(|error| panic!("{}: {error}", self.name))
    }
}

const PREFIXES: [ListPrefix; 3] = [ListPrefix::Len32, ListPrefix::Len16Inner16, ListPrefix::Len16Count32];

#[test]
fn every_vector_decodes_to_its_tree_and_encodes_back() {
    let vectors = Fixture::all("messages");
    assert!(vectors.len() >= 14, "g1 to g4 and v1 to v10 at least");
    for vector in vectors {
        let (dialect, tree, name) = (vector.dialect(), vector.tree(), &vector.name);
        let reading = if name.starts_with("v10") { Reading::Tolerant } else { Reading::Strict };
        assert_eq!(TkvList::decode(&vector.bytes(), &dialect, reading).as_ref(), Ok(&tree), "{name}");
        assert_eq!(tree.encode(&dialect).unwrap(), vector.bytes(), "{name}");
    }
}

#[test]
fn every_vector_keeps_its_tree_and_size_in_all_prefixes_and_int_orders() {
    for vector in Fixture::all("messages") {
        for list_prefix in PREFIXES {
            for int_order in [IntOrder::Big, IntOrder::Little] {
                let dialect = Dialect { list_prefix, int_order, ..vector.dialect() };
                let bytes = vector.tree().encode(&dialect).unwrap();
                assert_eq!(bytes.len(), vector.bytes().len(), "{} {list_prefix}", vector.name);
                assert_eq!(TkvList::decode(&bytes, &dialect, Reading::Tolerant), Ok(vector.tree()), "{}", vector.name);
            }
        }
    }
}

#[test]
fn every_prefix_of_a_vector_is_truncated_or_of_a_wrong_list_length() {
    for vector in Fixture::all("messages") {
        for list_prefix in PREFIXES {
            let dialect = Dialect { list_prefix, ..vector.dialect() };
            let bytes = vector.tree().encode(&dialect).unwrap();
            for end in 0..bytes.len() {
                let error = ListView::parse(&bytes[..end], &dialect, Reading::Tolerant).unwrap_err();
                let named = matches!(error.kind, DecodeErrorKind::Truncated | DecodeErrorKind::ListLength);
                assert!(named && error.at <= end, "{} {list_prefix} up to {end}: {error}", vector.name);
            }
        }
    }
}

#[test]
fn every_vector_with_a_byte_behind_it_has_trailing_bytes() {
    for vector in Fixture::all("messages") {
        for list_prefix in PREFIXES {
            let dialect = Dialect { list_prefix, ..vector.dialect() };
            let mut bytes = vector.tree().encode(&dialect).unwrap().to_vec();
            for byte in [0, 1, 0xff] {
                bytes.push(byte);
                let error = ListView::parse(&bytes, &dialect, Reading::Tolerant).unwrap_err();
                assert_eq!((error.kind, error.at), (DecodeErrorKind::Trailing, bytes.len() - 1), "{}", vector.name);
                bytes.pop();
            }
        }
    }
}

#[test]
fn malformed_bytes_give_the_error_of_the_table() {
    for case in Fixture::all("malformed") {
        let (bytes, reading) = (case.bytes(), case.fields["reading"].parse().unwrap());
        let error = ListView::parse(&bytes, &case.dialect(), reading).map(|_| ()).unwrap_err();
        assert_eq!(error.kind.name(), case.fields["error"], "{}: {error}", case.name);
        assert!(error.at <= bytes.len(), "{}: {error}", case.name);
        if reading == Reading::Strict {
            assert!(ListView::parse(&bytes, &case.dialect(), Reading::Tolerant).is_ok(), "{} tolerant", case.name);
        }
    }
}

#[test]
fn vectors_read_back_from_text_in_both_styles() {
    for vector in Fixture::all("messages") {
        let (dialect, tree) = (vector.dialect(), vector.tree());
        let mut text = Vec::new();
        logtext::write_tree(&mut text, &tree, &dialect).unwrap();
        assert_eq!(logtext::read_tree(&text, &dialect), Ok(tree.clone()), "{}", vector.name);
        let expected = format!("{}\n{}", logtext::COMMDN_HEADER, vector.tree.as_ref().unwrap());
        assert_eq!(String::from_utf8(text).unwrap(), expected, "{}", vector.name);
        for style in [Style::Vendor, Style::Commdn] {
            let block = logtext::Block::new(logtext::Head::tserver_request("RequestDistributeUserEvent"))
                .with("UserData", AttributeValue::list(tree.clone()));
            let mut text = Vec::new();
            logtext::write_header(&mut text, style);
            logtext::write_block(&mut text, &block, &dialect, style).unwrap();
            let read = Reader::new(&text, &dialect, false).next().unwrap();
            let (_, list) = read.lists().next().unwrap();
            assert_eq!((&list.tree, &list.verdict), (&tree, &Verdict::Agree), "{} {style:?}", vector.name);
        }
    }
}

#[test]
fn printed_logs_count_what_they_say() {
    for (name, bytes) in files("logs") {
        let text = String::from_utf8_lossy(&bytes).into_owned();
        let expected = text.lines().find_map(|line| line.strip_prefix("# expect: ")).unwrap();
        let lenient = expected.ends_with(", lenient");
        let dialect = Dialect::default();
        let report = logtext::check(&bytes, &dialect, lenient);
        let blocks = Reader::new(&bytes, &dialect, lenient).count();
        let found = format!(
            "blocks {blocks}, lists {}, agree {}, filtered {}, ambiguous {}, disagree {}",
            report.lists, report.agree, report.filtered, report.ambiguous, report.disagree
        );
        assert_eq!(found, expected.trim_end_matches(", lenient"), "{name}: {:#?}", report.details);
        assert_eq!(report.problems, [], "{name}");
        assert_eq!(report.details.len(), report.lists, "{name}");
    }
}

#[test]
fn windows_line_ends_change_no_count() {
    for (name, bytes) in files("logs") {
        let lenient = name.contains("web-copy");
        let lines = String::from_utf8(bytes.clone()).unwrap().replace('\n', "\r\n");
        let plain = logtext::check(&bytes, &Dialect::default(), lenient);
        let windows = logtext::check(lines.as_bytes(), &Dialect::default(), lenient);
        assert_eq!(plain, windows, "{name}");
    }
}

#[test]
fn a_print_in_vendor_style_is_the_one_of_the_specification() {
    let vectors = Fixture::all("messages");
    let dnc = vectors.iter().find(|vector| vector.name == "v3-dnc").unwrap();
    let block = logtext::Block::new(logtext::Head::tserver_event("10:00:00.0010", "EventUserEvent"))
        .with("ThisDN", AttributeValue::Text("CommDN_1".into()))
        .with("UserData", AttributeValue::list(dnc.tree()));
    let mut text = Vec::new();
    logtext::write_block(&mut text, &block, &Dialect::default(), Style::Vendor).unwrap();
    let printed = String::from_utf8(fs::read(folder("logs").join("tserver-dnc.log")).unwrap()).unwrap();
    let expected: String = printed.split_inclusive('\n').filter(|line| !line.starts_with('#')).collect();
    assert_eq!(String::from_utf8(text).unwrap(), expected);
}

fn log(name: &str) -> (Vec<logtext::Block>, Vec<logtext::Problem>) {
    let bytes = fs::read(folder("logs").join(name)).unwrap();
    let mut reader = Reader::new(&bytes, &Dialect::default(), false);
    let blocks = reader.by_ref().collect();
    (blocks, reader.into_problems())
}

#[test]
fn nested_lists_are_found_by_count_and_by_indentation() {
    let (blocks, _) = log("nested-and-empty.log");
    let list = |block: usize, name: &str| match blocks[block].attribute(name) {
        Some(AttributeValue::List(list)) => list.tree.clone(),
        other => panic!("{name}: {other:?}"),
    };
    let pairs = TkvList::new;
    assert_eq!(list(0, "UserData"), pairs().str("x", "1").list("empty", pairs()).int("y", -7).str("z", ""));
    assert_eq!(list(0, "Extensions"), pairs());
    let session = pairs().str("Session", "00PN").str("Node", "272").str("Url", "http://host:7005/scxml");
    assert_eq!(list(1, "UserData"), pairs().list("ORSI:C", session));
    let deep = pairs().str("d", "4").str("e", "5");
    let expected = pairs()
        .list("one", pairs().str("a", "1").str("b", "2"))
        .str("mid", "it's 'so'")
        .list("two", pairs().str("c", "3").list("deep", deep).str("f", "6"))
        .list("none", pairs())
        .int("last", 0);
    assert_eq!(list(2, "UserData"), expected);
    let inner = pairs().str("k", "v").str("l", "").str("m", "w");
    assert_eq!(list(2, "Reason"), pairs().str("first", "1").list("list", inner).str("after", "2"));
    assert_eq!(blocks[0].attribute("ConnID"), Some(&AttributeValue::Hex(0x0077_028a_809f_7004)));
    assert_eq!(blocks[2].attribute("ReferenceID"), Some(&AttributeValue::Number(7)));
    assert_eq!(blocks[1].peer.as_deref(), Some("SIPTS"));
}

#[test]
fn an_ambiguous_list_is_kept_flat_and_a_known_one_is_not() {
    let (blocks, _) = log("ambiguous.log");
    let lists: Vec<_> = blocks[0].lists().map(|(_, list)| list).collect();
    assert_eq!(lists[0].tree.len(), 6);
    let record = TkvList::new().str("GSW_PHONE", "5551234").str("GSW_CHAIN_ATTR", "AllChain");
    let expected = TkvList::new()
        .int("GSW_CM_MessageType", 30)
        .list("GSW_CM_AttrProperties", TkvList::new().list("cancel_record", record));
    assert_eq!(lists[1].tree, expected);
}

#[test]
fn what_ocs_prints_of_its_own_clients_is_a_tree_without_a_verdict() {
    let (blocks, _) = log("ocs-comm-print.log");
    assert_eq!(blocks[0].head.kind, HeadKind::CommPrint);
    assert_eq!(blocks[0].time.as_deref(), Some("10:00:00.100"));
    let Some(AttributeValue::List(load)) = blocks[0].attribute("UserData") else { panic!("a tree") };
    let expected = TkvList::new()
        .int("GSW_CM_MessageType", 7)
        .int("GSW_CM_AttrReferenceID", 1)
        .int("GSW_CM_AttrCampaignID", 101)
        .int("GSW_CM_AttrGroupID", 732)
        .list("GSW_CM_AttrProperties", TkvList::new().str("GSW_AUTO_COMPLETION", "****"));
    assert_eq!((&load.tree, &load.verdict), (&expected, &Verdict::Unstated));
    assert_eq!(blocks[1].peer.as_deref(), Some("TServer@CommDN_1"));
    assert_eq!(blocks[1].time.as_deref(), Some("10:00:00.200"));
    assert_eq!(blocks[1].attribute("TimeinSecs"), Some(&AttributeValue::Number(1_767_225_600)));
    let Some(AttributeValue::List(status)) = blocks[2].attribute("UserData") else { panic!("a tree") };
    assert_eq!(status.tree, TkvList::new().int("GSW_CM_MessageType", 12).int("GSW_CM_AttrCampaignID", -1));
}

#[test]
fn a_text_goes_on_over_lines_up_to_its_closing_quote() {
    let (blocks, _) = log("text-over-lines.log");
    let (_, list) = blocks[0].lists().next().unwrap();
    let expected = TkvList::new().str("note", "it's one,\n   two\nthree\n\nfour").str("k", "a 'b'\n  c").int("n", 1);
    assert_eq!(list.tree, expected);
    assert_eq!(blocks[0].attribute("ThisQueue"), Some(&AttributeValue::Text("Q".into())));
}

#[test]
fn bad_lines_are_reported_and_the_other_blocks_are_kept() {
    let text = "message RequestA\n\tAttributeUserData\t[14] 00 01 01 00..\n\t\t'RTR'\t115\n\t\tjunk\n\tmore junk\n\
                message RequestB\n\t\t'k'\t'v'\n\tAttributeThisDN\t'1'\n";
    let mut reader = Reader::new(text.as_bytes(), &Dialect::default(), false);
    let blocks: Vec<_> = reader.by_ref().collect();
    assert_eq!(blocks.len(), 2);
    assert_eq!(blocks[0].lists().next().unwrap().1.verdict, Verdict::Agree);
    assert_eq!(blocks[1].attribute("ThisDN"), Some(&AttributeValue::Text("1".into())));
    let problems: Vec<String> = reader.problems().iter().map(ToString::to_string).collect();
    assert_eq!(
        problems,
        [
            "line 4: expected an attribute or a pair",
            "line 5: expected an attribute or a pair",
            "line 7: a pair outside a list"
        ]
    );
}
