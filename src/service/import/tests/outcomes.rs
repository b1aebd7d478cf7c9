//! Every record stands in the outcome file once, and what failed can be corrected in the reject file and loaded.

use proptest::prelude::*;

use super::*;

/// A record of a made file: its bytes, what they are when they are corrected, and what is wrong with them.
#[derive(Clone, Debug)]
struct Made {
    raw: Vec<u8>,
    good: String,
    lines: u64,
    code: Option<&'static str>,
    column: &'static str,
}

fn made(n: usize, kind: usize) -> Made {
    let id = if kind == 9 { "r1".to_owned() } else { format!("r{}", n + 1) };
    let good = format!("r{},\"x\n{n}\",+42077710{n:04},1", n + 1);
    let one = |raw: Vec<u8>, code, column| Made { raw, good: good.clone(), lines: 1, code, column };
    match kind {
        0 => one(format!("{id},name {n},+42077710{n:04},1").into(), None, ""),
        1 => Made { lines: 2, ..one(format!("{id},\"two\nlines, \"\"{n}\"\"\",+42077710{n:04},0").into(), None, "") },
        2 => one(format!("{id},bad phone,nobody,1").into(), Some("bad-phone"), "phone"),
        3 => one(format!("{id},short").into(), Some("ragged"), ""),
        4 => one(format!("{id},long,+42077710{n:04},1,and more").into(), Some("ragged"), ""),
        5 => one(format!("{id},n\0l,+42077710{n:04},1").into(), Some("nul-byte"), ""),
        6 => one([id.as_bytes(), b",b\xFFd,+420777100000,1"].concat(), Some("bad-encoding"), ""),
        7 => one(format!("{id},x,+42077710{n:04},maybe").into(), Some("bad-callable"), "callable"),
        8 => one(format!("{id},no phone,,1").into(), Some("no-phone"), ""),
        _ => one(format!("{id},again,+42077710{n:04},1").into(), None, ""),
    }
}

fn file(kinds: &[usize], ends: bool, cut: bool) -> (Vec<u8>, Vec<(u64, Made)>) {
    let end: &[u8] = if ends { b"\r\n" } else { b"\n" };
    let mut bytes = [b"id,name,phone,callable".as_slice(), end].concat();
    let (mut line, mut all) = (2, Vec::new());
    for (n, kind) in kinds.iter().enumerate() {
        if *kind == 10 {
            bytes.extend_from_slice(end);
            line += 1;
            continue;
        }
        let made = made(n, *kind);
        bytes.extend_from_slice(&made.raw);
        bytes.extend_from_slice(end);
        all.push((line, made.clone()));
        line += made.lines;
    }
    if cut {
        let n = kinds.len();
        let good = format!("r{},x,+42077710{n:04},1", n + 1);
        let raw = format!("r{},\"never ends,+42077710{n:04}", n + 1).into_bytes();
        bytes.extend_from_slice(&raw);
        all.push((line, Made { raw, good, lines: 1, code: Some("unterminated-quote"), column: "" }));
    }
    (bytes, all)
}

fn choices(on_match: OnMatch) -> ImportProfile {
    let match_keys = if on_match == OnMatch::CreateAlways { Vec::new() } else { vec![MatchKey::Id] };
    ImportProfile {
        callable_column: Some("callable".into()),
        encoding: "utf-8".into(),
        delimiter: Some(','),
        match_keys,
        on_match,
        ..native()
    }
}

/// The rows of an outcome file.
fn rows_of(path: &Path) -> Vec<csv::StringRecord> {
    let mut reader = csv::Reader::from_path(path).unwrap();
    reader.records().collect::<Result<_, _>>().unwrap()
}

/// The reject file with each record in the place of which stands its correction.
fn repaired(reject: &[u8], failed: &[&Made]) -> Vec<u8> {
    let header = reject.iter().position(|byte| *byte == b'\n').unwrap() + 1;
    let (mut out, mut rest) = (reject[..header].to_vec(), &reject[header..]);
    for made in failed {
        rest = rest.strip_prefix(made.raw.as_slice()).unwrap_or_else(|| panic!("{made:?} does not come next"));
        let end = rest.iter().position(|byte| *byte == b'\n').unwrap() + 1;
        out.extend_from_slice(made.good.as_bytes());
        out.extend_from_slice(&rest[..end]);
        rest = &rest[end..];
    }
    assert!(rest.is_empty(), "nobody knows of {:?}", String::from_utf8_lossy(rest));
    out
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(60) })]

    #[test]
    fn each_record_is_told_once_with_place_and_reason_and_rejects_load_after_repair(
        kinds in proptest::collection::vec(0..11_usize, 1..40),
        ends in any::<bool>(),
        cut in any::<bool>(),
        mode in 0..3_usize,
        batch in 1..9_usize,
    ) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let folder = tempfile::tempdir().unwrap();
            let store = SqliteStore::in_memory(Options::default()).unwrap();
            let settings = ImportSettings {
                batch_records: batch,
                ..ImportSettings::new(folder.path().join("imports"), Arc::new(NumberingPlans))
            };
            let service = ImportService::new(Arc::new(store.clone()), settings);
            let world = World { folder, store, service };
            let (bytes, made) = file(&kinds, ends, cut);
            let path = world.folder.path().join("made.csv");
            std::fs::write(&path, bytes).unwrap();
            let on_match = [OnMatch::Skip, OnMatch::Overwrite, OnMatch::CreateAlways][mode];
            let job = world.import(&path, choices(on_match), named("N")).await;
            prop_assert_eq!(job.state, JobState::Completed, "{:?}", job.progress.failure);

            let rows = rows_of(job.spec.outcome.as_deref().unwrap());
            prop_assert_eq!(rows.len(), made.len());
            let (mut failed, mut skipped) = (Vec::new(), 0);
            for ((n, row), (line, made)) in rows.iter().enumerate().zip(&made) {
                prop_assert_eq!(&row[0], (n + 1).to_string(), "each record once, in file order");
                prop_assert_eq!(&row[1], line.to_string(), "{:?}", made);
                skipped += u64::from(&row[3] == "skipped");
                if &row[3] == "failed" {
                    let code = made.code.unwrap_or("ambiguous"); // an id that is there, in a file that makes all anew
                    prop_assert_eq!((&row[5], &row[6], row[7].is_empty()), (code, made.column, false));
                    failed.push(made);
                } else {
                    prop_assert_eq!(made.code, None, "{:?} {:?}", row, made);
                }
            }
            let counts = job.progress.counts;
            prop_assert_eq!((counts.failed, counts.skipped), (failed.len() as u64, skipped));
            prop_assert_eq!(counts.records(), made.len() as u64);

            let reject = std::fs::read(job.spec.reject.as_deref().unwrap()).unwrap();
            let again = world.folder.path().join("again.csv");
            std::fs::write(&again, repaired(&reject, &failed)).unwrap();
            let again = world.import(&again, choices(OnMatch::Overwrite), named("N")).await;
            let counts = again.progress.counts;
            prop_assert_eq!((counts.records(), counts.failed), (failed.len() as u64, 0), "{:?}", again.progress);
            Ok::<_, TestCaseError>(())
        })?;
    }
}
