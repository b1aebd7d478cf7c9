//! A profile: how one OCS behaves where the vendor page leaves a choice (specification 5.12), read from a text file.
//!
//! A user with a real OCS corrects the file, not the code. The shipped files lie in `profiles/`.

use std::collections::BTreeMap;

use crate::message::ErrorCode;
use crate::message::RequestKind;
use crate::protocol::lifecycle::{
    CellState, Lifecycle, Outcome, PairState, SequenceState, Trigger, campaign_requests, read_cell,
};

/// The profiles that are shipped, with their texts.
pub const PROFILES: &[(&str, &str)] = &[
    ("documented", include_str!("profiles/documented.profile")),
    ("strict", include_str!("profiles/strict.profile")),
    ("lenient", include_str!("profiles/lenient.profile")),
    ("adversarial", include_str!("profiles/adversarial.profile")),
];

/// How an OCS behaves.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Profile {
    /// Its name, for people.
    pub name: String,
    /// What requests do to campaigns and sequences.
    pub lifecycle: Lifecycle,
    /// The rows beside the tables.
    pub rows: Rows,
}

/// A row that either takes something or refuses it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Rule {
    /// Taken, in the way that the row's word says.
    Accept,
    /// `CM_EvError` with this code.
    Refuse(ErrorCode),
}

/// What a sequence does about an item that cannot be loaded or started.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ItemFailure {
    /// The next item is in turn.
    Skip,
    /// Three tries in all, a minute apart; then the next item is in turn.
    Retry,
    /// The sequence is over.
    Abort,
}

/// The rows of section 5.12 and the switches of correlation.md section 3, in the order of `documented.profile`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rows {
    /// An int that came as a decimal string.
    pub int_as_string: Rule,
    /// A key that came twice; the first is taken.
    pub duplicate_key: Rule,
    /// Load without a mode takes the configured one.
    pub load_without_mode: Rule,
    /// Start without mode, method or goal takes the configured ones.
    pub start_without_mode: Rule,
    /// A message type that is no request meets silence.
    pub unknown_request: Rule,
    /// Modes 6, 7 and 10.
    pub undocumented_modes: Rule,
    /// Method and goal are checked with modes that ignore them, too.
    pub validate_unused_goal: bool,
    /// While running any change among modes 1, 2, 4, 5, 10 is taken, not only those of section 5.4.
    pub any_mode_change_running: bool,
    /// A cancel without phone goes by the customer id.
    pub cancel_without_phone: Rule,
    /// A cancel that matches no record succeeds.
    pub cancel_no_match: Rule,
    /// A cancel with phone and customer id takes records that match one of them, not only both.
    pub cancel_either: bool,
    /// `GSW_AUTO_COMPLETION` is read inside Properties, too.
    pub auto_completion_in_properties: bool,
    /// Target 0 is served with any request, not only with cancel and do-not-call.
    pub target_zero_any: bool,
    /// 31, 33 and 27 repeat `cancel_record` or `do_not_call`.
    pub answer_echo: bool,
    /// 27 carries campaign and group.
    pub error_ids: bool,
    /// 27 carries words.
    pub error_text: bool,
    /// Changes that nobody asked for are told.
    pub notify: bool,
    /// Notifications go to the last requester of the pair, not to target 0.
    pub notify_last_requester: bool,
    /// Answers repeat `GSW_CM_AttrReferenceID`.
    pub reference_id_echo: bool,
    /// What a sequence does about an item that cannot be loaded or started.
    pub on_item_failure: ItemFailure,
    /// Longest wait for open calls and records before an unload, in seconds.
    pub drain_seconds_max: u32,
    /// How long an unload takes, in seconds.
    pub unload_seconds: u32,
    /// Calls before a change from mode 2 to mode 1 takes effect.
    pub history_length: u32,
    /// Every answer leaves so many milliseconds later.
    pub answer_delay_ms: u32,
    /// And up to so many more.
    pub answer_spread_ms: u32,
    /// Every answer is sent twice.
    pub answer_twice: bool,
    /// Milliseconds between the two.
    pub answer_twice_gap_ms: u32,
    /// An unasked event equal to the answer goes just before it.
    pub look_alike_before_answer: bool,
    /// The backup of the OCS pair answers.
    pub answer_from_backup: bool,
}

/// A profile file that cannot be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("line {line}: {kind}")]
pub struct ProfileError {
    /// Line of the file, from 1; for something missing, the last one.
    pub line: usize,
    /// What is wrong there.
    pub kind: ProfileErrorKind,
}

/// What is wrong with a line of a profile file.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ProfileErrorKind {
    /// A word outside its table.
    #[error("{what}: expected {wanted}, found '{found}'")]
    Word {
        /// What stands there.
        what: String,
        /// What is allowed.
        wanted: String,
        /// What was found.
        found: String,
    },
    /// Something that the file and its base do not give.
    #[error("{0}: expected a value here or in the base, found none")]
    Missing(String),
}

impl Profile {
    /// A shipped profile; `None` for a name that is not in [`PROFILES`].
    #[must_use]
    pub fn shipped(name: &str) -> Option<Self> {
        let (name, text) = PROFILES.iter().find(|(known, _)| *known == name)?;
        Self::parse(name, text).ok()
    }

    /// Reads a profile file.
    ///
    /// # Errors
    /// [`ProfileError`] with the line, also when a cell or a row is missing.
    pub fn parse(name: &str, text: &str) -> Result<Self, ProfileError> {
        let mut draft = Draft::default();
        draft.read(text, true)?;
        draft.build(name)
    }
}

type Given = (usize, String);

/// What the lines say, before it is complete. Later lines win over earlier ones and over the base.
#[derive(Default)]
struct Draft {
    campaign: BTreeMap<(RequestKind, PairState), Given>,
    sequence: BTreeMap<(RequestKind, SequenceState), Given>,
    triggers: BTreeMap<(Trigger, PairState), Given>,
    rows: BTreeMap<String, Given>,
    last_line: usize,
}

/// The table whose rows are being read, with its columns once they are known.
enum Table {
    Campaign(Vec<PairState>),
    Sequence(Vec<SequenceState>),
}

impl Draft {
    fn read(&mut self, text: &str, base_allowed: bool) -> Result<(), ProfileError> {
        let mut table = None;
        for (number, line) in (1..).zip(text.lines()) {
            self.last_line = number;
            let words: Vec<&str> = line.split('#').next().unwrap_or_default().split_whitespace().collect();
            match words.as_slice() {
                [] => {}
                ["base", name] if base_allowed => self.read_base(number, name)?,
                ["set", row, value] => {
                    self.rows.insert((*row).to_owned(), (number, (*value).to_owned()));
                }
                ["trigger", trigger, state, cell] => {
                    let key = (word(number, "trigger", trigger)?, word(number, "state", state)?);
                    self.triggers.insert(key, (number, (*cell).to_owned()));
                }
                ["cell", "campaign", request, state, cell] => {
                    let key = (read_request(number, request)?, word(number, "state", state)?);
                    self.campaign.insert(key, (number, (*cell).to_owned()));
                }
                ["cell", "sequence", request, state, cell] => {
                    let key = (read_request(number, request)?, word(number, "state", state)?);
                    self.sequence.insert(key, (number, (*cell).to_owned()));
                }
                ["table", "campaign"] => table = Some(Table::Campaign(Vec::new())),
                ["table", "sequence"] => table = Some(Table::Sequence(Vec::new())),
                [first, rest @ ..] => match &mut table {
                    Some(Table::Campaign(columns)) => read_row(number, first, rest, columns, &mut self.campaign)?,
                    Some(Table::Sequence(columns)) => read_row(number, first, rest, columns, &mut self.sequence)?,
                    None => return Err(wrong(number, "line", "base, table, cell, trigger or set", first)),
                },
            }
        }
        Ok(())
    }

    fn read_base(&mut self, line: usize, name: &str) -> Result<(), ProfileError> {
        let Some((_, text)) = PROFILES.iter().find(|(known, _)| *known == name) else {
            let names: Vec<&str> = PROFILES.iter().map(|(name, _)| *name).collect();
            return Err(wrong(line, "base", &names.join(", "), name));
        };
        // The shipped files stand on `documented` at most, which stands on nothing.
        self.read(text, name != "documented")?;
        self.last_line = line;
        Ok(())
    }

    fn build(mut self, name: &str) -> Result<Profile, ProfileError> {
        let last = self.last_line;
        let states = PairState::ALL.iter().map(|(state, word)| (*state, *word)).collect::<Vec<_>>();
        let sequence_states = SequenceState::ALL.iter().map(|(state, word)| (*state, *word)).collect::<Vec<_>>();
        let triggers = self.triggers.iter().map(|(key, (line, cell))| Ok((*key, cell_at(*line, cell)?)));
        let lifecycle = Lifecycle {
            campaign: complete("campaign", &self.campaign, &states, last)?,
            sequence: complete("sequence", &self.sequence, &sequence_states, last)?,
            triggers: triggers.collect::<Result<_, _>>()?,
        };
        for (trigger, word) in Trigger::ALL {
            if !lifecycle.triggers.keys().any(|(known, _)| known == trigger) {
                return Err(ProfileError { line: last, kind: ProfileErrorKind::Missing(format!("trigger {word}")) });
            }
        }
        let rows = Rows::take(&mut self.rows, last)?;
        match self.rows.into_iter().min_by_key(|(_, (line, _))| *line) {
            Some((row, (line, _))) => Err(wrong(line, "row", "a row of documented.profile", &row)),
            None => Ok(Profile { name: name.to_owned(), lifecycle, rows }),
        }
    }
}

/// The closed sets that lines name.
trait Word: Copy + 'static {
    fn all() -> &'static [(Self, &'static str)];
}
impl Word for PairState {
    fn all() -> &'static [(Self, &'static str)] {
        Self::ALL
    }
}
impl Word for SequenceState {
    fn all() -> &'static [(Self, &'static str)] {
        Self::ALL
    }
}
impl Word for Trigger {
    fn all() -> &'static [(Self, &'static str)] {
        Self::ALL
    }
}

fn word<W: Word>(line: usize, what: &str, found: &str) -> Result<W, ProfileError> {
    let row = W::all().iter().find(|(_, known)| *known == found);
    row.map(|(value, _)| *value).ok_or_else(|| {
        let wanted: Vec<&str> = W::all().iter().map(|(_, word)| *word).collect();
        wrong(line, what, &wanted.join(", "), found)
    })
}

fn read_request(line: usize, found: &str) -> Result<RequestKind, ProfileError> {
    campaign_requests().find(|(_, slug)| *slug == found).map(|(kind, _)| kind).ok_or_else(|| {
        let wanted: Vec<&str> = campaign_requests().map(|(_, slug)| slug).collect();
        wrong(line, "request", &wanted.join(", "), found)
    })
}

/// A line of a table: its head, or a request with one cell a column.
fn read_row<S: Word + Ord>(
    line: usize,
    first: &str,
    rest: &[&str],
    columns: &mut Vec<S>,
    cells: &mut BTreeMap<(RequestKind, S), Given>,
) -> Result<(), ProfileError> {
    if first == "request" {
        *columns = rest.iter().map(|name| word(line, "column", name)).collect::<Result<_, _>>()?;
        return Ok(());
    }
    let request = read_request(line, first)?;
    if rest.len() != columns.len() {
        let wanted = format!("{} cells, one a column", columns.len());
        return Err(wrong(line, first, &wanted, &format!("{} cells", rest.len())));
    }
    for (column, cell) in columns.iter().zip(rest) {
        cells.insert((request, *column), (line, (*cell).to_owned()));
    }
    Ok(())
}

/// Every request has a cell in every state.
fn complete<S: CellState + Ord>(
    table: &str,
    given: &BTreeMap<(RequestKind, S), Given>,
    states: &[(S, &str)],
    last: usize,
) -> Result<BTreeMap<(RequestKind, S), Outcome<S>>, ProfileError> {
    let mut cells = BTreeMap::new();
    for (request, slug) in campaign_requests() {
        for (state, state_word) in states {
            let Some((line, cell)) = given.get(&(request, *state)) else {
                let what = format!("cell {table} {slug} {state_word}");
                return Err(ProfileError { line: last, kind: ProfileErrorKind::Missing(what) });
            };
            cells.insert((request, *state), cell_at(*line, cell)?);
        }
    }
    Ok(cells)
}

fn cell_at<S: CellState>(line: usize, cell: &str) -> Result<Outcome<S>, ProfileError> {
    read_cell(cell).map_err(|wanted| wrong(line, "cell", wanted, cell))
}

fn wrong(line: usize, what: &str, wanted: &str, found: &str) -> ProfileError {
    let (what, wanted, found) = (what.to_owned(), wanted.to_owned(), found.to_owned());
    ProfileError { line, kind: ProfileErrorKind::Word { what, wanted, found } }
}

impl Rows {
    /// Takes every row out of what the lines gave; what is left over then is unknown.
    fn take(given: &mut BTreeMap<String, Given>, last: usize) -> Result<Self, ProfileError> {
        let mut taker = Taker { given, last };
        let rows = &mut taker;
        Ok(Self {
            int_as_string: rows.rule("int_as_string", "accept")?,
            duplicate_key: rows.rule("duplicate_key", "first")?,
            load_without_mode: rows.rule("load_without_mode", "configured")?,
            start_without_mode: rows.rule("start_without_mode", "configured")?,
            unknown_request: rows.rule("unknown_request", "silence")?,
            undocumented_modes: rows.rule("undocumented_modes", "accept")?,
            validate_unused_goal: rows.choice("validate_unused_goal", "no", "yes")?,
            any_mode_change_running: rows.choice("mode_change_running", "table", "any")?,
            cancel_without_phone: rows.rule("cancel_without_phone", "by_customer")?,
            cancel_no_match: rows.rule("cancel_no_match", "31")?,
            cancel_either: rows.choice("cancel_phone_and_customer", "both", "either")?,
            auto_completion_in_properties: rows.choice("auto_completion_place", "top", "both")?,
            target_zero_any: rows.choice("target_zero_any", "no", "yes")?,
            answer_echo: rows.choice("answer_echo", "no", "yes")?,
            error_ids: rows.choice("error_ids", "no", "yes")?,
            error_text: rows.choice("error_text", "no", "yes")?,
            notify: rows.choice("notify", "no", "yes")?,
            notify_last_requester: rows.choice("notify_target", "0", "last_requester")?,
            reference_id_echo: rows.choice("reference_id_echo", "no", "yes")?,
            on_item_failure: rows.item_failure("on_item_failure")?,
            drain_seconds_max: rows.number("drain_seconds_max")?,
            unload_seconds: rows.number("unload_seconds")?,
            history_length: rows.number("history_length")?,
            answer_delay_ms: rows.number("answer_delay_ms")?,
            answer_spread_ms: rows.number("answer_spread_ms")?,
            answer_twice: rows.choice("answer_twice", "no", "yes")?,
            answer_twice_gap_ms: rows.number("answer_twice_gap_ms")?,
            look_alike_before_answer: rows.choice("look_alike_before_answer", "no", "yes")?,
            answer_from_backup: rows.choice("answer_from_backup", "no", "yes")?,
        })
    }
}

struct Taker<'a> {
    given: &'a mut BTreeMap<String, Given>,
    last: usize,
}

impl Taker<'_> {
    fn row(&mut self, name: &str) -> Result<Given, ProfileError> {
        let missing = || ProfileError { line: self.last, kind: ProfileErrorKind::Missing(format!("set {name}")) };
        self.given.remove(name).ok_or_else(missing)
    }

    /// `accept`'s word, or `27/N`.
    fn rule(&mut self, name: &str, accept: &str) -> Result<Rule, ProfileError> {
        let (line, value) = self.row(name)?;
        if value == accept {
            return Ok(Rule::Accept);
        }
        let code = value.strip_prefix("27/").and_then(|code| code.parse().ok()).map(ErrorCode);
        let code = code.filter(|code| code.name().is_some());
        code.map(Rule::Refuse).ok_or_else(|| wrong(line, name, &format!("{accept} or 27/N"), &value))
    }

    /// True for the second word.
    fn choice(&mut self, name: &str, first: &str, second: &str) -> Result<bool, ProfileError> {
        let (line, value) = self.row(name)?;
        match value {
            value if value == first => Ok(false),
            value if value == second => Ok(true),
            value => Err(wrong(line, name, &format!("{first} or {second}"), &value)),
        }
    }

    fn item_failure(&mut self, name: &str) -> Result<ItemFailure, ProfileError> {
        let (line, value) = self.row(name)?;
        match value.as_str() {
            "skip" => Ok(ItemFailure::Skip),
            "retry" => Ok(ItemFailure::Retry),
            "abort" => Ok(ItemFailure::Abort),
            value => Err(wrong(line, name, "skip, retry or abort", value)),
        }
    }

    fn number(&mut self, name: &str) -> Result<u32, ProfileError> {
        /// A day, so that no sum of times can leave its range.
        const NUMBER_MAX: u32 = 86_400_000;
        let (line, value) = self.row(name)?;
        let number = value.parse().ok().filter(|number| *number <= NUMBER_MAX);
        number.ok_or_else(|| wrong(line, name, &format!("0 to {NUMBER_MAX}"), &value))
    }
}

#[cfg(test)]
mod tests;
