//! `call_result` of a record, with its words (specification 4.6).

use std::fmt;

/// How a call ended, as the number that stands in the calling list.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct CallResult(pub i32);

/// The words of the results, by their numbers.
const WORDS: [&str; 54] = [
    "ok",
    "transferred",
    "conferenced",
    "general_error",
    "system_error",
    "remote_release",
    "busy",
    "no_answer",
    "sit_detected",
    "answering_machine",
    "all_trunks_busy",
    "sit_invalid_num",
    "sit_vacant",
    "sit_oper_intercept",
    "sit_unknown",
    "sit_no_circuit",
    "sit_reorder",
    "fax",
    "queue_full",
    "cleared",
    "overflowed",
    "abandoned",
    "redirected",
    "forwarded",
    "consult",
    "picked_up",
    "dropped",
    "dropped_no_answer",
    "unknown",
    "covered",
    "converse_on",
    "bridged",
    "silence",
    "answer",
    "nu_tone",
    "no_dial_tone",
    "no_progress",
    "no_ring_back",
    "no_established",
    "pager",
    "wrong_party",
    "dial_error",
    "call_drop_error",
    "switch_error",
    "no_free_port",
    "transfer_error",
    "stale",
    "agent_callback_error",
    "group_callback_error",
    "deafened",
    "held",
    "do_not_call",
    "cancel_record",
    "wrong_number",
];

impl CallResult {
    /// 1: the agent gave the call to somebody else.
    pub const TRANSFERRED: Self = Self(1);
    /// 6.
    pub const BUSY: Self = Self(6);
    /// 7.
    pub const NO_ANSWER: Self = Self(7);
    /// 9.
    pub const ANSWERING_MACHINE: Self = Self(9);
    /// 21: the customer hung up before an agent was free.
    pub const ABANDONED: Self = Self(21);
    /// 26: OCS hung up because no agent was free.
    pub const DROPPED: Self = Self(26);
    /// 28: a new record.
    pub const UNKNOWN: Self = Self(28);
    /// 33: somebody answered and spoke with an agent.
    pub const ANSWER: Self = Self(33);
    /// 40.
    pub const WRONG_PARTY: Self = Self(40);

    /// The word of a result, `None` outside the table.
    #[must_use]
    pub fn word(self) -> Option<&'static str> {
        usize::try_from(self.0).ok().and_then(|n| WORDS.get(n)).copied()
    }

    /// The result of a word.
    #[must_use]
    pub fn from_word(word: &str) -> Option<Self> {
        WORDS.iter().position(|known| *known == word).and_then(|n| i32::try_from(n).ok()).map(Self)
    }

    /// Every word, in the order of the numbers.
    pub fn words() -> impl Iterator<Item = &'static str> {
        WORDS.into_iter()
    }
}

impl fmt::Display for CallResult {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.word() {
            Some(word) => f.write_str(word),
            None => write!(f, "{}", self.0),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_stand_at_the_numbers_of_the_specification() {
        for (number, word) in
            [(0, "ok"), (9, "answering_machine"), (21, "abandoned"), (33, "answer"), (51, "do_not_call")]
        {
            assert_eq!(
                (CallResult(number).word(), CallResult::from_word(word)),
                (Some(word), Some(CallResult(number)))
            );
        }
        assert_eq!((CallResult(53).word(), CallResult(54).word()), (Some("wrong_number"), None));
        assert_eq!(CallResult(99).to_string(), "99");
    }
}
