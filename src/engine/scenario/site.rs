//! Where a scenario takes place: a shipped site, and lines of the topology language behind it.

use std::fmt;

use crate::engine::topology::{DEMO, DEMO_DIALING, SHIFT, Topology};

/// A shipped site.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Base {
    /// The built-in site, which does not dial.
    #[default]
    Quiet,
    /// The same, with a few agents.
    Demo,
    /// 200 agents.
    Shift,
    /// Nothing at all.
    Empty,
}

impl Base {
    /// Each with its word.
    pub const TABLE: [(Self, &'static str); 4] =
        [(Self::Quiet, "quiet"), (Self::Demo, "demo"), (Self::Shift, "shift"), (Self::Empty, "empty")];

    fn word(self) -> &'static str {
        Self::TABLE.iter().find(|(base, _)| *base == self).map_or("", |(_, word)| word)
    }

    fn texts(self) -> &'static [&'static str] {
        match self {
            Self::Quiet => &[DEMO],
            Self::Demo => &[DEMO, DEMO_DIALING],
            Self::Shift => &[SHIFT],
            Self::Empty => &[],
        }
    }
}

/// A site and what was added to it.
#[derive(Clone, Debug, Default, Eq)]
pub struct Site {
    /// What is there already; absent: the built-in site.
    pub base: Option<Base>,
    /// Lines of the topology language, each with its line of the file.
    pub lines: Vec<(usize, String)>,
}

impl PartialEq for Site {
    fn eq(&self, other: &Self) -> bool {
        let texts = |site: &Self| site.lines.iter().map(|(_, text)| text.clone()).collect::<Vec<_>>();
        self.base == other.base && texts(self) == texts(other)
    }
}

impl Site {
    /// The site, and every line that cannot be used, with what is wrong.
    #[must_use]
    pub fn build(&self) -> (Topology, Vec<(usize, String)>) {
        let (mut topology, mut wrong) = (Topology::default(), Vec::new());
        for line in self.base.unwrap_or_default().texts().iter().flat_map(|text| text.lines()) {
            if let Err(message) = topology.read_line(line) {
                wrong.push((0, message));
            }
        }
        for (number, line) in &self.lines {
            if let Err(message) = topology.read_line(line) {
                wrong.push((*number, message));
            }
        }
        (topology, wrong)
    }
}

impl fmt::Display for Site {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(base) = self.base {
            writeln!(f, "site {}", base.word())?;
        }
        self.lines.iter().try_for_each(|(_, line)| writeln!(f, "{line}"))
    }
}
