//! Open numbers with closed tables: a number the tables do not know is data and survives a round trip.

use std::fmt;

use crate::wire::Text;

/// Defines an open number and its table: constant = number, vendor name, slug for settings and JSON.
macro_rules! open_number {
    ($(#[$doc:meta])* $type:ident { $($(#[$vdoc:meta])* $constant:ident = $number:literal $name:literal $slug:literal,)+ }) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $type(pub i32);

        impl $type {
            $($(#[$vdoc])* pub const $constant: Self = Self($number);)+

            /// Every known number: value, vendor name, slug.
            pub const TABLE: &[(Self, &str, &str)] = &[$((Self($number), $name, $slug)),+];

            /// The vendor's name, `None` for a number outside the table.
            #[must_use]
            pub fn name(self) -> Option<&'static str> {
                Self::TABLE.iter().find(|(value, _, _)| *value == self).map(|(_, name, _)| *name)
            }

            /// The short name of settings and JSON, `None` for a number outside the table.
            #[must_use]
            pub fn slug(self) -> Option<&'static str> {
                Self::TABLE.iter().find(|(value, _, _)| *value == self).map(|(_, _, slug)| *slug)
            }

            /// The value of a slug, a vendor name (any case) or a number.
            #[must_use]
            pub fn from_word(word: &str) -> Option<Self> {
                let row = Self::TABLE.iter().find(|(_, name, slug)| {
                    name.eq_ignore_ascii_case(word) || slug.eq_ignore_ascii_case(&word.replace('-', "_"))
                });
                row.map(|(value, _, _)| *value).or_else(|| word.parse().ok().map(Self))
            }
        }

        impl fmt::Display for $type {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                match self.name() {
                    Some(name) => f.write_str(name),
                    None => write!(f, "Unknown({})", self.0),
                }
            }
        }
    };
}

open_number! {
    /// `GSW_CM_AttrDialMode`.
    DialMode {
        /// No mode; never sent.
        NONE = 0 "NoMode" "none",
        /// Predictive.
        PREDICTIVE = 1 "CFGDMPredict" "predict",
        /// Progressive.
        PROGRESSIVE = 2 "CFGDMProgress" "progress",
        /// Preview.
        PREVIEW = 3 "CFGDMPreview" "preview",
        /// Progressive with engage.
        PROGRESSIVE_AND_SEIZE = 4 "CFGDMProgressAndSeize" "progress_and_seize",
        /// Predictive with engage.
        PREDICTIVE_AND_SEIZE = 5 "CFGDMPredictAndSeize" "predict_and_seize",
        /// Not in the vendor page.
        POWER = 6 "CFGDMPower" "power",
        /// Not in the vendor page.
        POWER_AND_SEIZE = 7 "CFGDMPowerAndSeize" "power_and_seize",
        /// Push preview.
        PUSH_PREVIEW = 8 "CFGDMPushPreview" "push_preview",
        /// Progressive GVP.
        PROGRESSIVE_GVP = 9 "CFGDMProgressGVP" "progress_gvp",
        /// Not in the vendor page.
        PREDICTIVE_GVP = 10 "CFGDMPredictGVP" "predict_gvp",
        /// Power GVP.
        POWER_GVP = 11 "CFGDMPowerGVP" "power_gvp",
    }
}

impl DialMode {
    /// In the vendor page's table, so that we send it without being asked twice.
    #[must_use]
    pub fn is_documented(self) -> bool {
        matches!(self.0, 1..=5 | 8 | 9 | 11)
    }

    /// Optimisation method and goal matter for 1, 5 and 10 only.
    #[must_use]
    pub fn uses_goal(self) -> bool {
        matches!(self, Self::PREDICTIVE | Self::PREDICTIVE_AND_SEIZE | Self::PREDICTIVE_GVP)
    }

    /// Modes that exclude each other among campaigns running on one group; 3, 8, 9 and 11 run beside anything.
    #[must_use]
    pub fn excludes_others(self) -> bool {
        matches!(self.0, 1 | 2 | 4 | 5 | 6 | 7 | 10)
    }
}

open_number! {
    /// `GSW_CM_AttrOptimizeBy`.
    OptimizeBy {
        /// No method, sent with modes that ignore it.
        NONE = 0 "NoOptimization" "none",
        /// Percent.
        BUSY_FACTOR = 1 "CFGOMBusyFactor" "busy_factor",
        /// Percent.
        OVERDIAL_RATE = 2 "CFGOMOverdialRate" "overdial_rate",
        /// Seconds.
        WAIT_TIME = 3 "CFGOMWaitTime" "wait_time",
        /// Seconds; not in the vendor page.
        DISTRIBUTION_TIME = 4 "CFGOMDistributionTime" "distribution_time",
        /// Percent; not in the vendor page, never sent.
        MAXIMUM_GAIN = 5 "CFGOMMaximumGain" "maximum_gain",
    }
}

impl OptimizeBy {
    /// Largest goal of the method, `None` for a method outside the table. The smallest is 0 everywhere.
    #[must_use]
    pub fn goal_max(self) -> Option<i32> {
        match self {
            Self::NONE => Some(i32::MAX),
            Self::BUSY_FACTOR | Self::OVERDIAL_RATE | Self::MAXIMUM_GAIN => Some(100),
            Self::WAIT_TIME | Self::DISTRIBUTION_TIME => Some(1_000),
            Self(_) => None,
        }
    }

    /// Unit of the goal.
    #[must_use]
    pub fn goal_unit(self) -> &'static str {
        match self {
            Self::WAIT_TIME | Self::DISTRIBUTION_TIME => "s",
            Self(_) => "%",
        }
    }
}

open_number! {
    /// `GSW_CM_AttrGroupCampStatus`: state of a campaign on a group.
    GroupCampStatus {
        /// Nothing loaded.
        NOT_LOADED = 0 "CM_GCS_NotLoaded" "not_loaded",
        /// Unload was asked, calls are still open.
        WAITING_UNLOAD = 1 "CM_GCS_WaitingUnload" "waiting_unload",
        /// Unload is being done.
        UNLOAD_IN_PROGRESS = 2 "CM_GCS_UnloadInProgress" "unload_in_progress",
        /// Loaded, cannot dial. Assumed: the vendor page does not say what it means.
        INACTIVE = 3 "CM_GCS_InActive" "inactive",
        /// Loaded, idle.
        ACTIVE = 4 "CM_GCS_Active" "active",
        /// Loaded, dialing.
        RUNNING = 5 "CM_GCS_Running" "running",
    }
}

open_number! {
    /// `GSW_CM_AttrError`; 16 and 17 are by the order of a public list.
    ErrorCode {
        /// No error; in a CM_EvError an error of unknown kind.
        NO = 0 "CM_ERROR_NO" "no_error",
        /// Not used on a CommDN.
        SERVER_CONNECTED = 1 "CM_ERROR_SERVER_CONNECTED" "server_connected",
        /// Not used on a CommDN.
        REGISTER_CLIENT = 2 "CM_ERROR_REGISTER_CLIENT" "register_client",
        /// Not in configuration; for a cancel: not loaded.
        CAMPAIGN_NOT_FOUND = 3 "CM_ERROR_CAMPAIGN_NOT_FOUND" "campaign_not_found",
        /// Not loaded.
        CAMPAIGN_NOT_LOADED = 4 "CM_ERROR_CAMPAIGN_NOT_LOADED" "campaign_not_loaded",
        /// Already loaded.
        CAMPAIGN_ALREADY_LOADED = 5 "CM_ERROR_CAMPAIGN_ALREADY_LOADED" "campaign_already_loaded",
        /// Not started.
        CAMPAIGN_NOT_STARTED = 6 "CM_ERROR_CAMPAIGN_NOT_STARTED" "campaign_not_started",
        /// Already started.
        CAMPAIGN_ALREADY_STARTED = 7 "CM_ERROR_CAMPAIGN_ALREADY_STARTED" "campaign_already_started",
        /// Group not in configuration.
        GROUP_NOT_FOUND = 8 "CM_ERROR_GROUP_NOT_FOUND" "group_not_found",
        /// Campaign not configured for the group.
        GROUP_CAMP_NOT_FOUND = 9 "CM_ERROR_GROUP_CAMP_NOT_FOUND" "campaign_not_in_group",
        /// Invalid parameter.
        INVALID_PARAMETER = 10 "CM_ERROR_INVALID_PARAMETER" "invalid_parameter",
        /// Invalid mode for a running campaign.
        INVALID_CAMPAIGN_MODE = 11 "CM_ERROR_INVALID_CAMPAIGN_MODE" "invalid_campaign_mode",
        /// Wrong sequence received.
        INVALID_CAMPAIGN_SCHEDULE = 12 "CM_ERROR_INVALID_CAMPAIGN_SCHEDULE" "invalid_sequence",
        /// Sequence neither loaded nor running.
        CAMPAIGN_SCHEDULE_NOT_FOUND = 13 "CM_ERROR_CAMPAIGN_SCHEDULE_NOT_FOUND" "sequence_not_found",
        /// Invalid mode for a running sequence.
        INVALID_CAMPAIGN_SCHEDULE_MODE = 14 "CM_ERROR_INVALID_CAMPAIGN_SCHEDULE_MODE" "invalid_sequence_mode",
        /// Dial mode not in the licence.
        LICENSE_VIOLATION = 15 "CM_ERROR_LICENSE_VIOLATION" "licence_violation",
        /// Disabled or inconsistent objects.
        WRONG_CONFIGURATION = 16 "WrongConfiguration" "wrong_configuration",
        /// Owned by a running sequence.
        PART_OF_SEQUENCE = 17 "PartOfSequence" "part_of_sequence",
    }
}

impl ErrorCode {
    /// The lower-case words of the name, as our simulator writes them in `GSW_CM_AttrErrorMessage`.
    #[must_use]
    pub fn words(self) -> String {
        let Some(name) = self.name() else { return format!("error {}", self.0) };
        match name.strip_prefix("CM_ERROR_") {
            Some(words) => words.to_lowercase().replace('_', " "),
            // 16 and 17 are written in one word with capitals.
            None => self.slug().unwrap_or(name).replace('_', " "),
        }
    }
}

/// `GSW_CHAIN_ATTR`: which records of a chain a request is about. Text outside the table is error 10.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum ChainScope {
    /// Every record of the chains that contain a match; the default.
    #[default]
    AllChain,
    /// The matching records only.
    RecordOnly,
}

impl ChainScope {
    /// The vendor's word, as it travels.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::AllChain => "AllChain",
            Self::RecordOnly => "RecordOnly",
        }
    }

    /// Reads the vendor's word without regard to case, and the slugs `all_chain`, `record_only`.
    #[must_use]
    pub fn from_word(word: &str) -> Option<Self> {
        let word = word.replace(['_', '-'], "");
        [Self::AllChain, Self::RecordOnly].into_iter().find(|scope| scope.word().eq_ignore_ascii_case(&word))
    }
}

/// `GSW_CHAIN_ATTR` as it travelled: one of the two words, or a text that no table knows.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum ChainAttr {
    /// A word of the table, read without regard to case.
    Known(ChainScope),
    /// Another text; OCS answers it with error 10.
    Other(Text),
}

impl ChainAttr {
    /// The text that travels.
    #[must_use]
    pub fn to_text(&self) -> Text {
        match self {
            Self::Known(scope) => Text::from(scope.word()),
            Self::Other(text) => text.clone(),
        }
    }

    /// The scope, `None` for a text outside the table.
    #[must_use]
    pub fn scope(&self) -> Option<ChainScope> {
        match self {
            Self::Known(scope) => Some(*scope),
            Self::Other(_) => None,
        }
    }
}

impl From<ChainScope> for ChainAttr {
    fn from(scope: ChainScope) -> Self {
        Self::Known(scope)
    }
}

impl From<Text> for ChainAttr {
    fn from(text: Text) -> Self {
        let known = [ChainScope::AllChain, ChainScope::RecordOnly];
        match known.into_iter().find(|scope| text.eq_ignore_ascii_case(scope.word())) {
            Some(scope) => Self::Known(scope),
            None => Self::Other(text),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_outside_the_table_is_shown_as_unknown() {
        assert_eq!(DialMode(77).to_string(), "Unknown(77)");
        assert_eq!(DialMode(8).to_string(), "CFGDMPushPreview");
    }

    #[test]
    fn words_are_read_by_slug_name_and_number() {
        assert_eq!(DialMode::from_word("predict"), Some(DialMode::PREDICTIVE));
        assert_eq!(DialMode::from_word("push-preview"), Some(DialMode::PUSH_PREVIEW));
        assert_eq!(OptimizeBy::from_word("CFGOMWaitTime"), Some(OptimizeBy::WAIT_TIME));
        assert_eq!(ErrorCode::from_word("42"), Some(ErrorCode(42)));
        assert_eq!(DialMode::from_word("fast"), None);
    }

    #[test]
    fn error_words_are_the_lower_case_words_of_the_name() {
        assert_eq!(ErrorCode::CAMPAIGN_NOT_LOADED.words(), "campaign not loaded");
        assert_eq!(ErrorCode::GROUP_CAMP_NOT_FOUND.words(), "group camp not found");
        assert_eq!(ErrorCode::WRONG_CONFIGURATION.words(), "wrong configuration");
        assert_eq!(ErrorCode(99).words(), "error 99");
    }
}
