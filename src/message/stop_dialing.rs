//! `CM_ReqStopDialing` (10) and `CM_EvDialingStopped` (22).

use crate::message::pair_event::pair_event;
use crate::message::pair_request::control_request;

control_request! {
    /// `CM_ReqStopDialing` (10): stop a running campaign for one group. Answer: `CM_EvDialingStopped` (22).
    StopDialing
}

pair_event! {
    /// `CM_EvDialingStopped` (22): dialing has stopped; also sent unasked, and by an unload of a running campaign.
    DialingStopped
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::message::testing::{round_trip, to_tree};
    use crate::message::{CampaignSchedule, GroupCampStatus, Pair, PairEvent, keys};

    #[test]
    fn the_request_and_its_event_travel_there_and_back() {
        let mut request = StopDialing::new(Pair::new(101, 732));
        assert_eq!(to_tree(request.clone().into()).len(), 5);
        request.pair = Pair::new(0, 732);
        request.schedule = Some(CampaignSchedule::named("night"));
        let tree = to_tree(request.clone().into());
        assert!(tree.first(keys::PROPERTIES).is_some(), "the schedule travels in the properties");
        round_trip(request.into());
        round_trip(DialingStopped(PairEvent::new(Pair::new(101, 732), GroupCampStatus::ACTIVE)).into());
    }
}
