//! DBIDs, each its own type, and the personal values that hide themselves.

use std::fmt;

use crate::wire::Text;

/// DBID of an application object: one of ours (origin) or an OCS.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct AppDbid(pub i32);

/// DBID of a campaign; 0 addresses the sequence of the group.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct CampaignDbid(pub i32);

impl CampaignDbid {
    /// The sequence of a group instead of a campaign.
    pub const SEQUENCE: Self = Self(0);

    /// True for campaign 0.
    #[must_use]
    pub fn is_sequence(self) -> bool {
        self == Self::SEQUENCE
    }
}

/// DBID of an agent group (not of a campaign-group object).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct GroupDbid(pub i32);

/// A campaign on an agent group: what is loaded, started, stopped and unloaded.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Pair {
    /// The campaign, or 0 for the sequence of the group.
    pub campaign: CampaignDbid,
    /// The agent group.
    pub group: GroupDbid,
}

impl Pair {
    /// Both numbers, in the order in which every message names them.
    #[must_use]
    pub fn new(campaign: i32, group: i32) -> Self {
        Self { campaign: CampaignDbid(campaign), group: GroupDbid(group) }
    }
}

/// Whom a message is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Target {
    /// One application.
    One(AppDbid),
    /// DBID 0: every OCS on the DN, for cancel and do-not-call only; in notifications: nobody in particular.
    Every,
}

impl Target {
    /// The number that travels.
    #[must_use]
    pub fn dbid(self) -> i32 {
        match self {
            Self::One(AppDbid(dbid)) => dbid,
            Self::Every => 0,
        }
    }
}

impl From<i32> for Target {
    fn from(dbid: i32) -> Self {
        if dbid == 0 { Self::Every } else { Self::One(AppDbid(dbid)) }
    }
}

impl From<AppDbid> for Target {
    fn from(dbid: AppDbid) -> Self {
        Self::from(dbid.0)
    }
}

macro_rules! shown_as_number {
    ($($type:ident),+) => {$(
        impl fmt::Display for $type {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.fmt(f)
            }
        }
    )+};
}
shown_as_number!(AppDbid, CampaignDbid, GroupDbid);

impl fmt::Display for Pair {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}-{}", self.campaign, self.group)
    }
}

impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.dbid().fmt(f)
    }
}

/// Personal text: compared byte by byte, never normalised, and never printed by `Debug`.
macro_rules! personal {
    ($($(#[$doc:meta])* $type:ident),+) => {$(
        $(#[$doc])*
        #[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $type(Text);

        impl $type {
            /// The value itself, for the wire and for those who may see it.
            #[must_use]
            pub fn reveal(&self) -> &Text {
                &self.0
            }
        }
        impl From<Text> for $type {
            fn from(text: Text) -> Self {
                Self(text)
            }
        }
        impl From<&str> for $type {
            fn from(text: &str) -> Self {
                Self(text.into())
            }
        }
        impl fmt::Debug for $type {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(concat!(stringify!($type), "(hidden)"))
            }
        }
    )+};
}
personal!(
    /// A phone number as the bytes that travel (`GSW_PHONE`).
    Phone,
    /// What the calling list's customer column holds (`GSW_CUSTOMER_ID`).
    CustomerId
);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn personal_values_hide_themselves() {
        assert_eq!(format!("{:?}", Phone::from("5551234")), "Phone(hidden)");
        assert_eq!(Phone::from("5551234").reveal().as_str(), Some("5551234"));
    }

    #[test]
    fn target_zero_is_every_ocs() {
        assert_eq!(Target::from(0), Target::Every);
        assert_eq!(Target::from(301).dbid(), 301);
    }
}
