//! `CM_ReqGetCampaignStatus` (12) and `CM_EvCampaignStatus` (24).
//!
//! With campaign 0 the answer is the state of the sequence, with a `status` in each item of its schedule.

use crate::message::pair_event::pair_event;
use crate::message::pair_request::control_request;

control_request! {
    /// `CM_ReqGetCampaignStatus` (12): ask for the state. Answer: `CM_EvCampaignStatus` (24).
    GetCampaignStatus
}

pair_event! {
    /// `CM_EvCampaignStatus` (24): the state, as an answer or as a notification that the mode has changed.
    CampaignStatus
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::message::testing::{round_trip, to_tree};
    use crate::message::{CampaignSchedule, GroupCampStatus, Pair, PairEvent, keys};

    #[test]
    fn the_request_and_its_event_travel_there_and_back() {
        let mut request = GetCampaignStatus::new(Pair::new(101, 732));
        assert_eq!(to_tree(request.clone().into()).len(), 5);
        request.pair = Pair::new(0, 732);
        request.schedule = Some(CampaignSchedule::named("night"));
        let tree = to_tree(request.clone().into());
        assert!(tree.first(keys::PROPERTIES).is_some(), "the schedule travels in the properties");
        round_trip(request.into());
        round_trip(CampaignStatus(PairEvent::new(Pair::new(101, 732), GroupCampStatus::ACTIVE)).into());
    }
}
