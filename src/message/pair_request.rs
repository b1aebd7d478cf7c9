//! The two shapes of requests about a campaign on a group (specification 4.3).

/// A request that names the pair and nothing else: unload, stop, status, force unload.
macro_rules! control_request {
    ($(#[$doc:meta])* $type:ident) => {
        $(#[$doc])*
        #[derive(Clone, Debug, PartialEq, Eq)]
        pub struct $type {
            /// Which campaign on which group; campaign 0 = the sequence of the group.
            pub pair: $crate::message::Pair,
            /// With campaign 0: at least the description of the sequence.
            pub schedule: Option<$crate::message::CampaignSchedule>,
        }

        impl $type {
            /// The request for a campaign.
            #[must_use]
            pub fn new(pair: $crate::message::Pair) -> Self {
                Self { pair, schedule: None }
            }
        }

        impl $crate::message::Body for $type {
            fn read(fields: &mut $crate::message::Fields<'_, '_>) -> Result<Self, $crate::message::FieldError> {
                $crate::message::AutoCompletion::warn_if_present(fields);
                Ok(Self {
                    pair: $crate::message::top::read_pair(fields)?,
                    schedule: $crate::message::top::read_schedule(fields)?,
                })
            }

            fn top(&self) -> $crate::message::top::Top<'_> {
                $crate::message::top::Top {
                    schedule: self.schedule.as_ref(),
                    ..$crate::message::top::Top::of_pair(self.pair)
                }
            }
        }
    };
}

/// A request that also says how to dial: load, start, set dialing mode.
macro_rules! dialing_request {
    ($(#[$doc:meta])* $type:ident) => {
        $(#[$doc])*
        #[derive(Clone, Debug, PartialEq, Eq)]
        pub struct $type {
            /// Which campaign on which group; campaign 0 = the sequence of the group.
            pub pair: $crate::message::Pair,
            /// Mode, method and goal.
            pub dialing: $crate::message::Dialing,
            /// Whether OCS stops and unloads by itself when no record is left.
            pub auto_completion: Option<$crate::message::AutoCompletion>,
            /// With campaign 0: the sequence.
            pub schedule: Option<$crate::message::CampaignSchedule>,
            /// Shares of the record kinds.
            pub priority: Option<$crate::message::DialingPriority>,
        }

        impl $type {
            /// The request for a campaign.
            #[must_use]
            pub fn new(pair: $crate::message::Pair, dialing: $crate::message::Dialing) -> Self {
                Self { pair, dialing, auto_completion: None, schedule: None, priority: None }
            }
        }

        impl $crate::message::Body for $type {
            fn read(fields: &mut $crate::message::Fields<'_, '_>) -> Result<Self, $crate::message::FieldError> {
                Ok(Self {
                    pair: $crate::message::top::read_pair(fields)?,
                    dialing: $crate::message::Dialing::read(fields)?,
                    auto_completion: $crate::message::AutoCompletion::read(fields)?,
                    schedule: $crate::message::top::read_schedule(fields)?,
                    priority: $crate::message::top::read_priority(fields)?,
                })
            }

            fn top(&self) -> $crate::message::top::Top<'_> {
                $crate::message::top::Top {
                    dialing: self.dialing,
                    auto_completion: self.auto_completion,
                    schedule: self.schedule.as_ref(),
                    priority: self.priority.as_ref(),
                    ..$crate::message::top::Top::of_pair(self.pair)
                }
            }
        }
    };
}
pub(super) use control_request;
pub(super) use dialing_request;
