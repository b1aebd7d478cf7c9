//! `CM_ReqForceUnloadCampaign` (29). Its event is `CM_EvCampaignUnloaded` (20), which lives in `unload_campaign.rs`.
//!
//! The vendor page lists 29 twice under two names and has no row for its answer; 20 is the reading here.

use crate::message::pair_request::control_request;

control_request! {
    /// `CM_ReqForceUnloadCampaign` (29): unload now, whatever is open. Answer: `CM_EvCampaignUnloaded` (20).
    ForceUnloadCampaign
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::message::Pair;
    use crate::message::testing::{round_trip, to_tree};

    #[test]
    fn force_unload_names_only_the_pair() {
        let request = ForceUnloadCampaign::new(Pair::new(101, 732));
        assert_eq!(to_tree(request.clone().into()).len(), 5);
        round_trip(request.into());
    }
}
