//! `CM_ReqLoadCampaign` (7) and `CM_EvCampaignLoaded` (19).
//!
//! The vendor page calls mode, method and goal mandatory for load; other public load requests carry none, so they are
//! read as optional here and the configured ones hold. With campaign 0 the properties must bring the schedule.

use crate::message::pair_event::pair_event;
use crate::message::pair_request::dialing_request;

dialing_request! {
    /// `CM_ReqLoadCampaign` (7): load a campaign for one group. Answer: `CM_EvCampaignLoaded` (19).
    LoadCampaign
}

pair_event! {
    /// `CM_EvCampaignLoaded` (19): the campaign is loaded; also sent unasked.
    CampaignLoaded
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::message::testing::{from_tree, round_trip, to_tree};
    use crate::message::{
        AutoCompletion, AutoCompletionPlace, DialMode, Dialing, GroupCampStatus, Message, OptimizeBy, Pair, PairEvent,
        keys,
    };
    use crate::wire::TkvList;

    #[test]
    fn load_travels_as_the_vendor_page_names_it() {
        let dialing = Dialing::new(DialMode::PREDICTIVE, OptimizeBy::BUSY_FACTOR, 80);
        let request = LoadCampaign::new(Pair::new(101, 732), dialing);
        assert_eq!(
            to_tree(request.into()),
            TkvList::new()
                .int(keys::MESSAGE_TYPE, 7)
                .int(keys::ORIGIN_APP_ID, 201)
                .int(keys::TARGET_APP_ID, 301)
                .int(keys::CAMPAIGN_ID, 101)
                .int(keys::GROUP_ID, 732)
                .int(keys::DIAL_MODE, 1)
                .int(keys::OPTIMIZE_BY, 1)
                .int(keys::OPTIMIZE_GOAL, 80)
        );
    }

    #[test]
    fn auto_completion_is_read_in_both_places_and_the_top_wins() {
        let head = || {
            TkvList::new()
                .int(keys::MESSAGE_TYPE, 7)
                .int(keys::ORIGIN_APP_ID, 201)
                .int(keys::TARGET_APP_ID, 301)
                .int(keys::CAMPAIGN_ID, 101)
                .int(keys::GROUP_ID, 732)
        };
        let inside = head().list(keys::PROPERTIES, TkvList::new().int(keys::AUTO_COMPLETION, 1));
        let Message::LoadCampaign(load) = from_tree(&inside).body else { panic!("a load") };
        assert_eq!(load.auto_completion, Some(AutoCompletion { on: true, place: AutoCompletionPlace::Properties }));
        round_trip(load.into());
        let both = inside.int(keys::AUTO_COMPLETION, 0);
        let Message::LoadCampaign(load) = from_tree(&both).body else { panic!("a load") };
        assert_eq!(load.auto_completion, Some(AutoCompletion::top(false)));
    }

    #[test]
    fn loaded_travels_there_and_back() {
        let mut event = PairEvent::new(Pair::new(101, 732), GroupCampStatus::ACTIVE);
        event.dialing = Dialing::new(DialMode::PREDICTIVE, OptimizeBy::BUSY_FACTOR, 80);
        round_trip(CampaignLoaded(event).into());
    }
}
