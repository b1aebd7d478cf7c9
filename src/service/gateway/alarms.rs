//! Alarms about our own DBIDs: kept, so that a restart does not forget what was forged (rule 16).

use std::time::Duration;

use super::core::Core;
use super::{Alarm, GatewayEvent};
use crate::message::AppDbid;
use crate::protocol::requester::Input;
use crate::store::{StoredAlarm, Write};

impl Core {
    /// Somebody else sends with one of our DBIDs.
    pub(super) fn forged(&mut self, origin: AppDbid, dn: &str) {
        let text = format!("somebody else sends as application {origin} on {dn}");
        tracing::error!(%origin, dn, "somebody else sends with our DBID");
        let at = Self::utc();
        self.stage.write(None, Write::Alarmed { origin, at });
        let alarm =
            Alarm { at, kind: "forged_origin", ocs: None, origin: Some(origin), pair: None, request: None, text };
        self.shared.events.publish(GatewayEvent::Alarm(alarm));
    }

    /// An operator has looked at it. False = there was nothing to look at.
    pub(super) fn clear_alarm(&mut self, origin: AppDbid) -> bool {
        let is_alarmed = self.requester.alarmed_origins().any(|alarmed| alarmed == origin);
        if is_alarmed {
            self.stage.write(None, Write::AlarmCleared { origin, at: Self::utc() });
            self.give(Input::ClearAlarm { origin });
        }
        is_alarmed
    }

    /// Alarms of an earlier run. One that was cleared lately is raised and cleared again: the answer to what was forged
    /// may still come.
    pub(super) fn restore_alarms(&mut self, alarms: Vec<StoredAlarm>, longest: Duration) {
        for StoredAlarm { origin, cleared_at, .. } in alarms {
            if cleared_at.is_some_and(|at| super::errand::age(at) > longest) {
                continue;
            }
            self.give(Input::Alarmed { origin });
            if cleared_at.is_some() {
                self.give(Input::ClearAlarm { origin });
            } else {
                tracing::error!(%origin, "somebody else has sent with our DBID before this start");
            }
        }
    }
}
