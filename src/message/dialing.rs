//! How a campaign is to dial: mode, method, goal, and whether it ends by itself.

use crate::message::DialMode;
use crate::message::OptimizeBy;
use crate::message::fields::{FieldError, FieldErrorKind, Fields, WarningKind};
use crate::message::keys;

/// Mode, optimisation method and goal; each may be absent, and then the configured one holds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Dialing {
    /// `GSW_CM_AttrDialMode`.
    pub mode: Option<DialMode>,
    /// `GSW_CM_AttrOptimizeBy`.
    pub optimize_by: Option<OptimizeBy>,
    /// `GSW_CM_AttrOptimizeGoal`: percent or seconds, by the method.
    pub goal: Option<i32>,
}

impl Dialing {
    /// All three given.
    #[must_use]
    pub fn new(mode: DialMode, optimize_by: OptimizeBy, goal: i32) -> Self {
        Self { mode: Some(mode), optimize_by: Some(optimize_by), goal: Some(goal) }
    }

    /// What is absent here is taken from `other`.
    #[must_use]
    pub fn or(self, other: Self) -> Self {
        Self {
            mode: self.mode.or(other.mode),
            optimize_by: self.optimize_by.or(other.optimize_by),
            goal: self.goal.or(other.goal),
        }
    }

    /// True unless both sides carry a field and differ in it.
    #[must_use]
    pub fn agrees(&self, other: &Self) -> bool {
        fn same<T: PartialEq>(ours: &Option<T>, theirs: &Option<T>) -> bool {
            ours.is_none() || theirs.is_none() || ours == theirs
        }
        same(&self.mode, &other.mode) && same(&self.optimize_by, &other.optimize_by) && same(&self.goal, &other.goal)
    }

    pub(super) fn read(fields: &mut Fields<'_, '_>) -> Result<Self, FieldError> {
        Ok(Self {
            mode: fields.int(keys::DIAL_MODE)?.map(DialMode),
            optimize_by: fields.int(keys::OPTIMIZE_BY)?.map(OptimizeBy),
            goal: fields.int(keys::OPTIMIZE_GOAL)?,
        })
    }
}

/// Where `GSW_AUTO_COMPLETION` stands: the vendor page says at the top, a printed log has it in Properties.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum AutoCompletionPlace {
    /// Beside the other keys.
    #[default]
    Top,
    /// Inside `GSW_CM_AttrProperties`.
    Properties,
}

/// `GSW_AUTO_COMPLETION`: OCS stops and unloads the campaign by itself once no record is left.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct AutoCompletion {
    /// 1 or 0.
    pub on: bool,
    /// Where it was found, or is to be written.
    pub place: AutoCompletionPlace,
}

impl AutoCompletion {
    /// Written at the top, as the vendor page says.
    #[must_use]
    pub fn top(on: bool) -> Self {
        Self { on, place: AutoCompletionPlace::Top }
    }

    /// Reads both places; the top wins.
    pub(super) fn read(fields: &mut Fields<'_, '_>) -> Result<Option<Self>, FieldError> {
        if let Some(on) = switch(fields)? {
            return Ok(Some(Self { on, place: AutoCompletionPlace::Top }));
        }
        let inside = fields.properties(switch)?.flatten();
        Ok(inside.map(|on| Self { on, place: AutoCompletionPlace::Properties }))
    }

    /// Warns when a message that does not know the key carries it.
    pub(super) fn warn_if_present(fields: &mut Fields<'_, '_>) {
        if fields.list().first(keys::AUTO_COMPLETION).is_some() {
            fields.warn(keys::AUTO_COMPLETION, WarningKind::AutoCompletionIgnored);
        }
    }
}

fn switch(fields: &mut Fields<'_, '_>) -> Result<Option<bool>, FieldError> {
    match fields.int(keys::AUTO_COMPLETION)? {
        None => Ok(None),
        Some(0) => Ok(Some(false)),
        Some(1) => Ok(Some(true)),
        Some(other) => {
            let kind = FieldErrorKind::Value { wanted: "0 or 1", found: other.to_string() };
            Err(fields.error(keys::AUTO_COMPLETION, kind))
        }
    }
}
