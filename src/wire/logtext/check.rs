//! Packs printed lists again and compares: every genuine print must agree with our packing.

use bytes::BytesMut;

use crate::wire::{
    Dialect, TkvList, Value,
    limits::DEPTH_MAX,
    logtext::{
        PrintedList, Problem, Reader, Verdict, is_masked,
        nest::{Nesting, Printed, build, by_indentation, by_known_parents, flat, nest},
    },
};

/// Counts of one log, and each list of it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct KvReport {
    /// Printed lists that state their packed length.
    pub lists: usize,
    /// Those that agree with our packing.
    pub agree: usize,
    /// Those with a hidden pair or value.
    pub filtered: usize,
    /// Those that agree in size, with an open question who is nested in whom.
    pub ambiguous: usize,
    /// Those that contradict our packing.
    pub disagree: usize,
    /// Each list in print order.
    pub details: Vec<KvDetail>,
    /// Lines that could not be read.
    pub problems: Vec<Problem>,
}

/// One printed list of a report.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KvDetail {
    /// The line of its attribute, from 1.
    pub line: usize,
    /// The attribute, without the word `Attribute`.
    pub attribute: String,
    /// The verdict.
    pub verdict: Verdict,
    /// The packed length that the print states.
    pub printed: usize,
    /// The bytes of our own packing; `None` when it cannot be packed.
    pub packed: Option<usize>,
}

/// Packs every printed list of a log again and compares lengths and first bytes.
#[must_use]
pub fn check(input: &[u8], dialect: &Dialect, lenient: bool) -> KvReport {
    let mut report = KvReport::default();
    let mut reader = Reader::new(input, dialect, lenient);
    for block in reader.by_ref() {
        for (attribute, list) in block.lists() {
            report.add(attribute, list);
        }
    }
    report.problems = reader.into_problems();
    report
}

impl KvReport {
    fn add(&mut self, attribute: &str, list: &PrintedList) {
        let Some(printed) = list.length else { return };
        let count = match list.verdict {
            Verdict::Agree => &mut self.agree,
            Verdict::Filtered => &mut self.filtered,
            Verdict::Ambiguous => &mut self.ambiguous,
            Verdict::Disagree { .. } => &mut self.disagree,
            Verdict::Unstated => return,
        };
        *count = count.saturating_add(1);
        self.lists = self.lists.saturating_add(1);
        let (attribute, verdict) = (attribute.to_owned(), list.verdict.clone());
        self.details.push(KvDetail { line: list.line, attribute, verdict, printed, packed: list.packed });
    }
}

/// A list whose pairs are read: its tree, the bytes of our packing, the verdict.
pub(super) struct Judged {
    pub(super) tree: TkvList,
    pub(super) packed: Option<usize>,
    pub(super) verdict: Verdict,
}

/// Decides who is nested in whom and compares with what the print states: `length` and the first bytes in `head`.
pub(super) fn judge(pairs: Vec<Printed>, length: usize, head: &[u8], unit: usize, dialect: &Dialect) -> Judged {
    let mut bytes = BytesMut::new();
    if let Err(error) = flat(pairs.clone()).encode_into(&mut bytes, dialect) {
        let why = format!("the printed pairs cannot be packed: {error}");
        return Judged { tree: flat(pairs), packed: None, verdict: Verdict::Disagree { why } };
    }
    let packed = bytes.len();
    let count = head.first_chunk().map(|count| usize::from(u16::from_be_bytes(*count)));
    let judged = |tree, verdict| Judged { tree, packed: Some(packed), verdict };
    if packed != length {
        // Less than stated is a hidden pair; a masked value has any length. More without a mask is our own error.
        let hidden = packed < length || longest_mask(&pairs) > 0 || count.is_some_and(|count| pairs.len() < count);
        let verdict = if hidden {
            Verdict::Filtered
        } else {
            Verdict::Disagree { why: format!("the printed pairs need {packed} bytes, the print states {length}") }
        };
        return judged(best_tree(pairs, count, unit), verdict);
    }
    // A mask of four is what an int or a text of four bytes looks like, so the size says nothing about it.
    if longest_mask(&pairs) > 2 {
        return judged(best_tree(pairs, count, unit), Verdict::Filtered);
    }
    let count = count.unwrap_or_else(|| pairs.iter().filter(|pair| !pair.inline).count());
    let depths = match nest(&pairs, count, unit) {
        Nesting::Known(depths) => depths,
        nesting @ (Nesting::Open | Nesting::Impossible) => {
            let same = bytes.get(2..4).zip(head.get(2..4)).is_none_or(|(packed, stated)| packed == stated);
            let verdict = match nesting {
                Nesting::Open if same => Verdict::Ambiguous,
                Nesting::Open => disagree(&bytes, head),
                _ => Verdict::Disagree {
                    why: format!("the print states {count} pairs at the top, {} are printed", pairs.len()),
                },
            };
            return judged(flat(pairs), verdict);
        }
    };
    let Some(tree) = build(pairs.clone(), &depths) else {
        let why = format!("more than {DEPTH_MAX} lists in each other");
        return judged(flat(pairs), Verdict::Disagree { why });
    };
    bytes.clear();
    let verdict = match tree.encode_into(&mut bytes, dialect) {
        Ok(()) if bytes.len() == length && bytes.starts_with(head) => Verdict::Agree,
        Ok(()) => disagree(&bytes, head),
        Err(error) => Verdict::Disagree { why: format!("the printed pairs cannot be packed: {error}") },
    };
    judged(tree, verdict)
}

/// The tree of a list that states no length.
pub(super) fn unstated(pairs: Vec<Printed>, unit: usize) -> TkvList {
    best_tree(pairs, None, unit)
}

fn best_tree(pairs: Vec<Printed>, count: Option<usize>, unit: usize) -> TkvList {
    let nested = by_indentation(&pairs, unit).filter(|depths| {
        // Indentation that is lost puts all lines at the top.
        depths.iter().zip(&pairs).any(|(depth, pair)| *depth > 0 && !pair.inline)
    });
    let counted = || match count.map(|count| nest(&pairs, count, unit)) {
        Some(Nesting::Known(depths)) => Some(depths),
        _ => None,
    };
    let depths = nested.or_else(counted).or_else(|| by_known_parents(&pairs)).or_else(|| by_indentation(&pairs, unit));
    depths.and_then(|depths| build(pairs.clone(), &depths)).unwrap_or_else(|| flat(pairs))
}

fn longest_mask(pairs: &[Printed]) -> usize {
    let mask = |pair: &Printed| match &pair.value {
        Value::Str(text) if is_masked(text) => text.as_str().map_or(0, str::len),
        _ => 0,
    };
    pairs.iter().map(mask).max().unwrap_or(0)
}

fn disagree(bytes: &[u8], head: &[u8]) -> Verdict {
    let hex = |bytes: &[u8]| bytes.iter().map(|byte| format!("{byte:02x}")).collect::<Vec<_>>().join(" ");
    let ours = bytes.get(..head.len()).unwrap_or(bytes);
    Verdict::Disagree { why: format!("the packed list starts with {}, the print states {}", hex(ours), hex(head)) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn verdict(list: &str) -> (String, Option<usize>) {
        let log = format!("message RequestX\n\tAttributeUserData\t{list}\n");
        let report = check(log.as_bytes(), &Dialect::default(), false);
        assert_eq!((report.lists, report.details.len()), (1, 1), "{list}");
        let detail = &report.details[0];
        let why = match &detail.verdict {
            Verdict::Disagree { why } => why.clone(),
            verdict => verdict.name().to_owned(),
        };
        (why, detail.packed)
    }

    #[test]
    fn a_contradiction_says_what_was_found_and_what_is_printed() {
        let cases = [
            ("[13] 00 01 01 00..\n\t\t'RTR'\t115", "the printed pairs need 14 bytes, the print states 13"),
            (
                "[14] 00 01 00 00..\n\t\t'RTR'\t115",
                "the packed list starts with 00 01 01 00, the print states 00 01 00 00",
            ),
            ("[14] 00 02 01 00..\n\t\t'RTR'\t115", "the print states 2 pairs at the top, 1 are printed"),
        ];
        for (list, why) in cases {
            assert_eq!(verdict(list).0, why, "{list}");
        }
    }

    #[test]
    fn a_mask_or_a_missing_pair_is_filtered() {
        assert_eq!(verdict("[20] 00 01 00 00..\n\t\t'k'\t'****'"), ("filtered".into(), Some(12)));
        assert_eq!(verdict("[10] 00 01 00 00..\n\t\t'k'\t'****'"), ("filtered".into(), Some(12)));
        assert_eq!(verdict("[12] 00 01 01 00..\n\t\t'k'\t'****'"), ("filtered".into(), Some(12)));
        assert_eq!(verdict("[30] 00 02 01 00..\n\t\t'k'\t1"), ("filtered".into(), Some(12)));
        assert_eq!(verdict("[30] 00 02 01 00.."), ("filtered".into(), Some(2)));
    }

    #[test]
    fn one_pressed_star_is_a_value() {
        assert_eq!(verdict("[9] 00 01 00 00..\n\t\t'k'\t'*'"), ("agree".into(), Some(9)));
    }

    #[test]
    fn an_empty_list_agrees() {
        assert_eq!(verdict("[2] 00 00.."), ("agree".into(), Some(2)));
        assert_eq!(verdict("[2] 00 00.."), verdict("[2] 00 00"));
    }
}
