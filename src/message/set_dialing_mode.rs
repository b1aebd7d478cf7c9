//! `CM_ReqSetDialingMode` (11) and `CM_EvDialingModeChanged` (23).

use crate::message::pair_event::pair_event;
use crate::message::pair_request::dialing_request;

dialing_request! {
    /// `CM_ReqSetDialingMode` (11): change mode, method or goal of a running campaign. Answer: `CM_EvDialingModeChanged` (23).
    SetDialingMode
}

pair_event! {
    /// `CM_EvDialingModeChanged` (23): the new parameters are accepted; also sent unasked.
    DialingModeChanged
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::message::testing::{round_trip, to_tree};
    use crate::message::{CampaignSchedule, DialMode, Dialing, GroupCampStatus, OptimizeBy, Pair, PairEvent, keys};

    #[test]
    fn the_request_and_its_event_travel_there_and_back() {
        let mut request =
            SetDialingMode::new(Pair::new(101, 732), Dialing::new(DialMode::PREDICTIVE, OptimizeBy::WAIT_TIME, 30));
        assert_eq!(to_tree(request.clone().into()).len(), 8);
        request.pair = Pair::new(0, 732);
        request.schedule = Some(CampaignSchedule::named("night"));
        let tree = to_tree(request.clone().into());
        assert!(tree.first(keys::PROPERTIES).is_some(), "the schedule travels in the properties");
        round_trip(request.into());
        round_trip(DialingModeChanged(PairEvent::new(Pair::new(101, 732), GroupCampStatus::ACTIVE)).into());
    }
}
