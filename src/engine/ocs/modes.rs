//! Dial modes: what may be asked for, what may change while running, what may share a group (specification 5.4 and 5.5).

use crate::engine::ocs::campaign::Request;
use crate::engine::ocs::{Ocs, PairState};
use crate::message::DialMode;
use crate::message::Dialing;
use crate::message::ErrorCode;
use crate::message::OptimizeBy;
use crate::message::Pair;
use crate::message::RequestKind;
use crate::protocol::profile::Rule;

impl Ocs {
    /// Pre-check 10: mode and method known, goal in range; for a load only what it brings.
    pub(super) fn check_dialing(&self, kind: RequestKind, given: &Dialing, wanted: &Dialing) -> Result<(), ErrorCode> {
        let rows = &self.config.profile.rows;
        let checked = match kind {
            RequestKind::Load => given,
            RequestKind::Start | RequestKind::SetMode => wanted,
            _ => return Ok(()),
        };
        if let Some(mode) = checked.mode {
            if mode == DialMode::NONE || mode.name().is_none() {
                return Err(ErrorCode::INVALID_PARAMETER);
            }
            if !mode.is_documented() {
                take(rows.undocumented_modes)?;
            }
        }
        if !wanted.mode.is_some_and(DialMode::uses_goal) && !rows.validate_unused_goal {
            return Ok(()); // stored, echoed, not looked at
        }
        if checked.optimize_by.is_some_and(|method| method.name().is_none()) {
            return Err(ErrorCode::INVALID_PARAMETER);
        }
        let max = wanted.optimize_by.and_then(OptimizeBy::goal_max).unwrap_or(i32::MAX);
        if checked.goal.is_some_and(|goal| !(0..=max).contains(&goal)) {
            return Err(ErrorCode::INVALID_PARAMETER);
        }
        Ok(())
    }

    /// Pre-checks 11 and 12: licence, change while running, clash on the group.
    pub(super) fn check_mode(
        &self,
        request: &Request,
        state: PairState,
        now: Dialing,
        wanted: Dialing,
    ) -> Result<(), ErrorCode> {
        if !matches!(request.kind, RequestKind::Start | RequestKind::SetMode) {
            return Ok(());
        }
        let Some(mode) = wanted.mode else { return Err(ErrorCode::INVALID_PARAMETER) };
        self.check_licence(mode)?;
        let runs = state == PairState::Running;
        if request.kind == RequestKind::SetMode && runs && !self.change_allowed(now.mode, mode) {
            return Err(ErrorCode::INVALID_CAMPAIGN_MODE);
        }
        if self.clashes(request.pair, mode) { Err(ErrorCode::INVALID_CAMPAIGN_MODE) } else { Ok(()) }
    }

    pub(super) fn check_licence(&self, mode: DialMode) -> Result<(), ErrorCode> {
        if !self.config.licensed_modes.contains(&mode) {
            return Err(ErrorCode::LICENSE_VIOLATION);
        }
        Ok(())
    }

    /// While running: 1 and 2, 4 and 5, the same mode; lenient: any among 1, 2, 4, 5, 10.
    pub(super) fn change_allowed(&self, from: Option<DialMode>, to: DialMode) -> bool {
        let Some(from) = from else { return true };
        let both = |modes: &[i32]| modes.contains(&from.0) && modes.contains(&to.0);
        from == to
            || both(&[1, 2])
            || both(&[4, 5])
            || (self.config.profile.rows.any_mode_change_running && both(&[1, 2, 4, 5, 10]))
    }

    /// Another campaign runs on the group in a mode that excludes this one.
    pub(super) fn clashes(&self, pair: Pair, mode: DialMode) -> bool {
        mode.excludes_others()
            && self.pairs.iter().any(|(other, runtime)| {
                other.group == pair.group
                    && other.campaign != pair.campaign
                    && runtime.state == PairState::Running
                    && runtime.dialing.mode.is_some_and(DialMode::excludes_others)
            })
    }
}

/// What a row says about something that came.
pub(super) fn take(rule: Rule) -> Result<(), ErrorCode> {
    match rule {
        Rule::Accept => Ok(()),
        Rule::Refuse(code) => Err(code),
    }
}
