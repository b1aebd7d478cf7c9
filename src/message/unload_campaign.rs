//! `CM_ReqUnloadCampaign` (8) and `CM_EvCampaignUnloaded` (20).

use crate::message::pair_event::pair_event;
use crate::message::pair_request::control_request;

control_request! {
    /// `CM_ReqUnloadCampaign` (8): unload a campaign. Answer: `CM_EvCampaignUnloaded` (20), when everything is closed.
    UnloadCampaign
}

pair_event! {
    /// `CM_EvCampaignUnloaded` (20): nothing is loaded any more; answers 8 and 29, also sent unasked.
    CampaignUnloaded
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::message::testing::{round_trip, to_tree};
    use crate::message::{CampaignSchedule, GroupCampStatus, Pair, PairEvent, keys};

    #[test]
    fn the_request_and_its_event_travel_there_and_back() {
        let mut request = UnloadCampaign::new(Pair::new(101, 732));
        assert_eq!(to_tree(request.clone().into()).len(), 5);
        request.pair = Pair::new(0, 732);
        request.schedule = Some(CampaignSchedule::named("night"));
        let tree = to_tree(request.clone().into());
        assert!(tree.first(keys::PROPERTIES).is_some(), "the schedule travels in the properties");
        round_trip(request.into());
        round_trip(CampaignUnloaded(PairEvent::new(Pair::new(101, 732), GroupCampStatus::ACTIVE)).into());
    }
}
