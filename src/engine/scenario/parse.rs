//! Text to scenario. Every mistake of the file is told, each with line, column and the nearest word.

use std::time::Duration;

use super::finding::{Finding, Severity, Wrong, column};
use super::{Base, Check, Expectation, Line, Moment, START, Scenario, Step, read_utc};
use crate::engine::conversation::{Pattern, Step as Talk, step_of_words};
use crate::engine::fault;
use crate::engine::ocs::dialer::millis_from_word;
use crate::engine::words::{split, unquote};
use crate::protocol::UtcSeconds;
use crate::protocol::profile::PROFILES;

/// Lines above the first step.
const HEAD: [&str; 7] = ["scenario", "site", "seed", "start", "for", "within", "operator"];
/// Lines of the topology language.
const SITE: [&str; 15] = [
    "comm_dn",
    "ocs",
    "origin",
    "gateway",
    "group",
    "campaign",
    "pair",
    "list",
    "desktop",
    "dialing",
    "outcome",
    "treatment",
    "agents",
    "ports",
    "zone",
];
/// Steps, and what belongs to them.
const STEPS: [&str; 16] = [
    "app",
    "ocs",
    "expect",
    "unordered",
    "optional",
    "never",
    "when",
    "every",
    "at",
    "wait",
    "trigger",
    "fault",
    "check",
    "profile",
    "say",
    "end",
];
/// Most lines of a file.
const LINES_MAX: usize = 100_000;
/// Most mistakes that are told.
const FINDINGS_MAX: usize = 100;

/// A scenario with everything that is to be said about its text.
#[derive(Clone, Debug)]
pub struct Parsed {
    /// What could be understood.
    pub scenario: Scenario,
    /// In the order of the lines.
    pub findings: Vec<Finding>,
}

/// What is said from outside and wins over the file.
#[derive(Clone, Debug, Default)]
pub struct Given {
    /// Variables.
    pub variables: Vec<(String, String)>,
    /// The calendar at the start.
    pub start: Option<UtcSeconds>,
    /// How long it takes.
    pub length: Option<Duration>,
}

impl Parsed {
    /// True when the file can be used.
    #[must_use]
    pub fn is_usable(&self) -> bool {
        self.findings.iter().all(|finding| finding.severity != Severity::Error)
    }
}

/// Reads a file.
#[must_use]
pub fn parse(text: &str) -> Parsed {
    parse_with(text, &Given::default())
}

/// Reads a file of which something is said from outside.
#[must_use]
pub fn parse_with(text: &str, given: &Given) -> Parsed {
    let mut reader = Reader::new(given);
    for (line, content) in (1..).zip(text.lines()) {
        if line > LINES_MAX {
            reader.error(line, content, &Wrong::new(format!("expected at most {LINES_MAX} lines"), ""));
            break;
        }
        reader.line(line, content);
    }
    reader.finish()
}

struct Variable {
    name: String,
    value: String,
    line: usize,
    used: bool,
}

/// A block that is open.
enum Block {
    When { pattern: Pattern, once: bool },
    Every { period: Duration, until: Option<Moment> },
    Unordered { within: Option<Duration>, patterns: Vec<(usize, Pattern)> },
}

struct Reader<'g> {
    given: &'g Given,
    scenario: Scenario,
    variables: Vec<Variable>,
    findings: Vec<Finding>,
    /// Open blocks with their lines, and the steps of what is around them.
    blocks: Vec<(usize, Block, Vec<Line>)>,
    steps: Vec<Line>,
}

impl<'g> Reader<'g> {
    fn new(given: &'g Given) -> Self {
        let scenario = Scenario { start: given.start, length: given.length, ..Scenario::default() };
        Self { given, scenario, variables: Vec::new(), findings: Vec::new(), blocks: Vec::new(), steps: Vec::new() }
    }

    fn error(&mut self, line: usize, content: &str, wrong: &Wrong) {
        self.tell(line, column(content, &wrong.found), Severity::Error, &wrong.message);
    }

    fn tell(&mut self, line: usize, column: usize, severity: Severity, message: &str) {
        if self.findings.len() < FINDINGS_MAX {
            self.findings.push(Finding { line, column, severity, message: message.to_owned() });
        }
    }

    fn line(&mut self, line: usize, content: &str) {
        let words = match split(content) {
            Ok(words) => words,
            Err(error) => return self.error(line, content, &Wrong::new(error.to_string(), "\"")),
        };
        let read: Result<Vec<Vec<String>>, Wrong> = words.iter().map(|word| self.expand(word)).collect();
        let read = read.and_then(|words| {
            let words = words.concat();
            let words: Vec<&str> = words.iter().map(String::as_str).collect();
            if words.is_empty() { Ok(()) } else { self.words(line, content, &words) }
        });
        if let Err(wrong) = read {
            self.error(line, content, &wrong);
        }
    }

    /// A word that is nothing but `$name` may stand for several.
    fn expand(&mut self, word: &str) -> Result<Vec<String>, Wrong> {
        let whole = word.strip_prefix('$').and_then(|name| self.variables.iter_mut().find(|it| it.name == name));
        let Some(variable) = whole else { return Ok(vec![self.substitute(word)?]) };
        variable.used = true;
        let words = split(&variable.value).map_err(|error| Wrong::new(error.to_string(), word))?;
        Ok(words.into_iter().map(str::to_owned).collect())
    }

    /// Puts in what stands for `$name`; text in quotes stays as it is. `@30m` behind a time is a date.
    fn substitute(&mut self, word: &str) -> Result<String, Wrong> {
        let mut text = word.to_owned();
        if !word.contains('"') {
            let mut parts = word.split('$');
            text = parts.next().unwrap_or_default().to_owned();
            for part in parts {
                let end = part.find(|c: char| !c.is_ascii_alphanumeric() && c != '_').unwrap_or(part.len());
                let (name, behind) = part.split_at(end);
                if name.is_empty() {
                    text.push('$');
                } else if let Some(variable) = self.variables.iter_mut().find(|variable| variable.name == name) {
                    variable.used = true;
                    if variable.value.contains(' ') && !variable.value.starts_with('"') {
                        let message = format!("expected ${name} alone, because it stands for several words");
                        return Err(Wrong::new(message, name));
                    }
                    text.push_str(&variable.value);
                } else {
                    let names = self.variables.iter().map(|variable| variable.name.as_str());
                    return Err(Wrong::near("a variable of a line above", name, names));
                }
                text.push_str(behind);
            }
        }
        if let Some((key, moment)) = text.split_once("=@")
            && key.ends_with("_time")
        {
            let start = self.scenario.start.unwrap_or(START);
            let at = Moment::read(moment).and_then(|moment| moment.time(start, self.scenario.length));
            let at = at.ok_or_else(|| Wrong::expected("a moment such as @30m or @17:30", moment))?;
            let seconds = start.0.saturating_add(i64::try_from(at.0.as_secs()).unwrap_or(i64::MAX));
            return Ok(format!("{key}={seconds}"));
        }
        Ok(text)
    }

    fn words(&mut self, line: usize, content: &str, words: &[&str]) -> Result<(), Wrong> {
        let is_event = words.iter().any(|word| *word == "->" || word.starts_with("CM_"));
        match *words {
            ["let", ref rest @ ..] => self.variable(line, rest),
            [word, ref rest @ ..] if HEAD.contains(&word) => {
                self.above(word)?;
                self.head(word, rest)
            }
            [word, ..] if SITE.contains(&word) && !is_event => {
                self.above(word)?;
                let text = words.join(" ");
                self.scenario.site.lines.push((line, text));
                Ok(())
            }
            ["profile", name] if self.steps.is_empty() && self.blocks.is_empty() => {
                self.scenario.profile = Some(profile(name)?);
                Ok(())
            }
            _ => self.step(line, content, words),
        }
    }

    fn above(&self, word: &str) -> Result<(), Wrong> {
        if self.steps.is_empty() && self.blocks.is_empty() {
            return Ok(());
        }
        Err(Wrong::new(format!("expected {word} above the first step, found it behind"), word))
    }

    fn variable(&mut self, line: usize, words: &[&str]) -> Result<(), Wrong> {
        let [name, "=", value @ ..] = words else {
            return Err(Wrong::expected("let NAME = VALUE", &words.join(" ")));
        };
        if value.is_empty() {
            return Err(Wrong::expected("a value", "the end of the line"));
        }
        let name = *name;
        let is_name = name.starts_with(|c: char| c.is_ascii_alphabetic())
            && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_');
        if !is_name {
            return Err(Wrong::expected("a name of letters, digits and _", name));
        }
        if self.variables.iter().any(|variable| variable.name == name) {
            return Err(Wrong::new(format!("{name}: expected once, found twice"), name));
        }
        let given = self.given.variables.iter().find(|(given, _)| given == name);
        let value = given.map_or_else(|| value.join(" "), |(_, value)| value.clone());
        self.scenario.variables.push((name.to_owned(), value.clone()));
        self.variables.push(Variable { name: name.to_owned(), value, line, used: false });
        Ok(())
    }

    fn head(&mut self, word: &str, rest: &[&str]) -> Result<(), Wrong> {
        let scenario = &mut self.scenario;
        match (word, rest) {
            ("scenario", [title]) => {
                scenario.title = unquote(title).map_err(|error| Wrong::new(error.to_string(), title))?;
            }
            ("scenario", words) if !words.is_empty() => scenario.title = words.join(" "),
            ("site", [name]) => {
                let found = Base::TABLE.iter().find(|(_, word)| word == name);
                let names = Base::TABLE.iter().map(|(_, word)| *word);
                scenario.site.base =
                    Some(found.ok_or_else(|| Wrong::near("quiet, demo, shift or empty", name, names))?.0);
            }
            ("seed", [number]) => {
                scenario.seed = Some(number.parse().map_err(|_| Wrong::expected("a number", number))?);
            }
            ("start", [utc]) => {
                let read = read_utc(utc).ok_or_else(|| Wrong::expected("a time such as 2026-12-01T17:00:00Z", utc))?;
                scenario.start.get_or_insert(read);
            }
            ("for", [length]) => {
                let length = span(length)?;
                scenario.length.get_or_insert(length);
            }
            ("within", [within]) => scenario.within = Some(span(within)?),
            ("operator", []) => scenario.operator = true,
            (word, []) => return Err(Wrong::expected(&format!("something behind {word}"), "the end of the line")),
            (_, [_, other, ..] | [other]) => return Err(Wrong::expected("the end of the line", other)),
        }
        Ok(())
    }

    fn step(&mut self, line: usize, content: &str, words: &[&str]) -> Result<(), Wrong> {
        if let Some((_, Block::Unordered { .. }, _)) = self.blocks.last() {
            return self.in_unordered(line, words);
        }
        let step = match *words {
            ["at", moment, ref rest @ ..] => {
                let moment = self.moment(moment)?;
                self.steps.push(Line { line, step: Step::At(moment) });
                return if rest.is_empty() { Ok(()) } else { self.step(line, content, rest) };
            }
            ["every", period, ref rest @ ..] => {
                let period = span(period)?;
                let (until, rest) = match *rest {
                    ["until", moment, ref rest @ ..] => (Some(self.moment(moment)?), rest),
                    ["until"] => (Some(self.moment("the end of the line")?), &[][..]),
                    ref rest => (None, rest),
                };
                return self.block(line, content, Block::Every { period, until }, rest);
            }
            ["when", ref rest @ ..] => {
                let (once, rest) = match rest {
                    ["once", rest @ ..] => (true, rest),
                    rest => (false, rest),
                };
                let end = rest.iter().skip(5).position(|word| !word.contains('=') && *word != "...");
                let (pattern, rest) = rest.split_at(end.map_or(rest.len(), |end| end + 5));
                let pattern = event(pattern)?;
                return self.block(line, content, Block::When { pattern, once }, rest);
            }
            ["unordered", ref rest @ ..] => {
                let (within, rest) = within(rest)?;
                if let [other, ..] = rest {
                    return Err(Wrong::expected("the end of the line, and the events on lines of their own", other));
                }
                return self.block(line, content, Block::Unordered { within, patterns: Vec::new() }, &[]);
            }
            ["end"] => return self.end(line),
            ["expect", ref rest @ ..] => {
                let (within, rest) = within(rest)?;
                Step::Expect(Expectation { within, patterns: vec![(line, event(rest)?)], unordered: false })
            }
            ["optional", ref rest @ ..] => Step::Optional(event(rest)?),
            ["never", "for", lasting, ref rest @ ..] => {
                Step::Never { lasting: Some(span(lasting)?), pattern: event(rest)? }
            }
            ["never", ref rest @ ..] => Step::Never { lasting: None, pattern: event(rest)? },
            ["say", ref rest @ ..] => match step_of_words(rest)? {
                Talk::Message(step) if is_event(&step.message) => Step::Say(step),
                _ => return Err(Wrong::expected("an event of an OCS", &rest.join(" "))),
            },
            ["fault", ref rest @ ..] => Step::Fault(Box::new(fault::read(rest)?)),
            ["check", ref rest @ ..] => {
                Step::Check(Check::read(rest).map_err(|error| Wrong::new(error.to_string(), &error.found))?)
            }
            ["profile", name] if self.blocks.is_empty() => Step::Profile(profile(name)?),
            _ => self.talk(line, words)?,
        };
        self.steps.push(Line { line, step });
        Ok(())
    }

    /// What a conversation file has, too.
    fn talk(&self, line: usize, words: &[&str]) -> Result<Step, Wrong> {
        let first = words.first().copied().unwrap_or_default();
        let is_dated = first.starts_with(|c: char| c.is_ascii_digit() || c == '+' || c == '@');
        if !is_dated && !["app", "ocs", "wait", "trigger"].contains(&first) {
            let known = HEAD.iter().chain(&SITE).chain(&STEPS).chain(&["let"]).copied();
            return Err(Wrong::near("a line of a scenario", first, known));
        }
        if words.contains(&"ocs") && !["wait", "trigger"].contains(&first) {
            let patterns = vec![(line, event(words)?)];
            return Ok(Step::Expect(Expectation { within: None, patterns, unordered: false }));
        }
        Ok(match step_of_words(words)? {
            Talk::Message(step) => Step::Send(step),
            Talk::Wait(duration) => Step::Wait(duration),
            Talk::Trigger(ocs, internal) => Step::Trigger(ocs, internal),
            Talk::Profile(name) => Step::Profile(name),
        })
    }

    fn in_unordered(&mut self, line: usize, words: &[&str]) -> Result<(), Wrong> {
        if words == ["end"] {
            return self.end(line);
        }
        let words = words.strip_prefix(&["expect"]).unwrap_or(words);
        let read = event(words)?;
        if let Some((_, Block::Unordered { patterns, .. }, _)) = self.blocks.last_mut() {
            patterns.push((line, read));
        }
        Ok(())
    }

    /// Opens a block; one that has its step on the same line is closed at once.
    fn block(&mut self, line: usize, content: &str, block: Block, rest: &[&str]) -> Result<(), Wrong> {
        let around = std::mem::take(&mut self.steps);
        self.blocks.push((line, block, around));
        if rest.is_empty() {
            return Ok(());
        }
        let depth = self.blocks.len();
        let read = self.step(line, content, rest);
        if self.blocks.len() > depth {
            self.blocks.truncate(depth);
            self.end(line)?;
            return Err(Wrong::expected("a step, not a block", rest.first().copied().unwrap_or_default()));
        }
        self.end(line)?;
        read
    }

    fn end(&mut self, line: usize) -> Result<(), Wrong> {
        let Some((begun, block, around)) = self.blocks.pop() else {
            return Err(Wrong::new("expected a block that is open (when, every, unordered), found none", "end"));
        };
        let steps = std::mem::replace(&mut self.steps, around);
        let is_empty = match &block {
            Block::Unordered { patterns, .. } => patterns.is_empty(),
            Block::When { .. } | Block::Every { .. } => steps.is_empty(),
        };
        if is_empty && line != begun {
            self.tell(begun, 1, Severity::Warning, "the block is empty");
        }
        let steps = steps.into();
        let step = match block {
            Block::When { pattern, once } => Step::When { pattern, once, steps },
            Block::Every { period, until } => Step::Every { period, until, steps },
            Block::Unordered { within, patterns } => Step::Expect(Expectation { within, patterns, unordered: true }),
        };
        self.steps.push(Line { line: begun, step });
        Ok(())
    }

    fn moment(&self, word: &str) -> Result<Moment, Wrong> {
        let moment = Moment::read(word);
        let moment = moment.ok_or_else(|| Wrong::expected("a moment such as 90s, 17:30 or end", word))?;
        match moment.time(self.scenario.start.unwrap_or(START), self.scenario.length) {
            Some(_) => Ok(moment),
            None => {
                Err(Wrong::new("expected a line 'for DURATION' above, found none: the run has no end of its own", word))
            }
        }
    }

    fn finish(mut self) -> Parsed {
        while let Some((line, _, _)) = self.blocks.last() {
            let line = *line;
            self.tell(line, 1, Severity::Error, "expected a line 'end' for this block, found the end of the file");
            let _ = self.end(line);
        }
        for variable in std::mem::take(&mut self.variables) {
            if !variable.used {
                let message = format!("the variable {} is not used", variable.name);
                self.tell(variable.line, 5, Severity::Warning, &message);
            }
        }
        self.scenario.steps = self.steps.into();
        self.findings.sort_by_key(|finding| (finding.line, finding.column));
        Parsed { scenario: self.scenario, findings: self.findings }
    }
}

fn is_event(message: &crate::message::CommDnMessage) -> bool {
    let row = message.body.message_type().row();
    row.is_some_and(|row| row.direction == crate::message::Direction::FromOcs)
}

fn event(words: &[&str]) -> Result<Pattern, Wrong> {
    if words.is_empty() {
        return Err(Wrong::expected("ocs FROM -> TO MESSAGE", "the end of the line"));
    }
    Ok(Pattern::read(words)?)
}

fn within<'w, 'a>(words: &'w [&'a str]) -> Result<(Option<Duration>, &'w [&'a str]), Wrong> {
    match words {
        ["within", word, rest @ ..] => Ok((Some(span(word)?), rest)),
        rest => Ok((None, rest)),
    }
}

fn span(word: &str) -> Result<Duration, Wrong> {
    let millis = millis_from_word(word).map(Duration::from_millis).filter(|span| !span.is_zero());
    millis.ok_or_else(|| Wrong::expected("a duration such as 500ms, 20s, 5m or 2h", word))
}

fn profile(word: &str) -> Result<String, Wrong> {
    let name = unquote(word).map_err(|error| Wrong::new(error.to_string(), word))?;
    let names = PROFILES.iter().map(|(name, _)| *name);
    match PROFILES.iter().any(|(known, _)| *known == name) {
        true => Ok(name),
        false => Err(Wrong::near("the name of a shipped profile", &name, names)),
    }
}
