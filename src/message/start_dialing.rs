//! `CM_ReqStartDialing` (9) and `CM_EvDialingStarted` (21).

use crate::message::pair_event::pair_event;
use crate::message::pair_request::dialing_request;

dialing_request! {
    /// `CM_ReqStartDialing` (9): start dialing; mode, method and goal are mandatory. Answer: `CM_EvDialingStarted` (21).
    StartDialing
}

pair_event! {
    /// `CM_EvDialingStarted` (21): the campaign dials; also sent unasked.
    DialingStarted
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::message::testing::{round_trip, to_tree};
    use crate::message::{CampaignSchedule, DialMode, Dialing, GroupCampStatus, OptimizeBy, Pair, PairEvent, keys};

    #[test]
    fn the_request_and_its_event_travel_there_and_back() {
        let mut request = StartDialing::new(Pair::new(101, 732), Dialing::new(DialMode::PREVIEW, OptimizeBy::NONE, 0));
        assert_eq!(to_tree(request.clone().into()).len(), 8);
        request.pair = Pair::new(0, 732);
        request.schedule = Some(CampaignSchedule::named("night"));
        let tree = to_tree(request.clone().into());
        assert!(tree.first(keys::PROPERTIES).is_some(), "the schedule travels in the properties");
        round_trip(request.into());
        round_trip(DialingStarted(PairEvent::new(Pair::new(101, 732), GroupCampStatus::ACTIVE)).into());
    }
}
