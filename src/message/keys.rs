//! Names of the keys of UserData (vendor page, "User Event Attributes").

#![allow(missing_docs, reason = "each name is its own documentation; the types that carry the values are documented")]

pub const MESSAGE_TYPE: &str = "GSW_CM_MessageType";
pub const ORIGIN_APP_ID: &str = "GSW_CM_AttrOriginAppID";
pub const TARGET_APP_ID: &str = "GSW_CM_AttrTargetAppID";
pub const CAMPAIGN_ID: &str = "GSW_CM_AttrCampaignID";
pub const GROUP_ID: &str = "GSW_CM_AttrGroupID";
pub const DIAL_MODE: &str = "GSW_CM_AttrDialMode";
pub const OPTIMIZE_BY: &str = "GSW_CM_AttrOptimizeBy";
pub const OPTIMIZE_GOAL: &str = "GSW_CM_AttrOptimizeGoal";
pub const GROUP_CAMP_STATUS: &str = "GSW_CM_AttrGroupCampStatus";
pub const ERROR: &str = "GSW_CM_AttrError";
pub const ERROR_MESSAGE: &str = "GSW_CM_AttrErrorMessage";
/// Seen in the direct protocol only; on a CommDN used for matching when an OCS is known to echo it.
pub const REFERENCE_ID: &str = "GSW_CM_AttrReferenceID";
pub const AUTO_COMPLETION: &str = "GSW_AUTO_COMPLETION";
pub const PROPERTIES: &str = "GSW_CM_AttrProperties";

pub const CAMPAIGN_SCHEDULE: &str = "campaign_schedule";
pub const DIALING_PRIORITY: &str = "dialing_priority";
pub const CANCEL_RECORD: &str = "cancel_record";
pub const DO_NOT_CALL: &str = "do_not_call";

pub const DESCRIPTION: &str = "Description";
pub const START_TIME: &str = "startTime";
pub const N_ITEMS: &str = "nItems";
/// Followed by the item's number, from 1.
pub const SCHEDULE_ITEM_PREFIX: &str = "scheduleItem-";
pub const ITEM_CAMPAIGN_DBID: &str = "campaignDBID";
pub const ITEM_DIAL_MODE: &str = "dialMode";
pub const ITEM_OPT_METHOD: &str = "optMethod";
pub const ITEM_OPT_METHOD_VALUE: &str = "optMethodValue";
pub const ITEM_STOP_AT_TIME: &str = "stopAtTime";
pub const ITEM_STOP_AT_CONTACTS: &str = "stopAtContacts";
pub const ITEM_STOP_AT_DIALS: &str = "stopAtDials";
pub const ITEM_SLEEP_BEFORE_NEXT_START: &str = "sleepBeforeNextStart";
pub const ITEM_STATUS: &str = "status";

pub const GENERAL: &str = "General";
pub const CAMPAIGN_RESCHEDULED: &str = "CampaignRescheduled";
pub const CAMPAIGN_CALL_BACK: &str = "CampaignCallBack";
pub const PRIORITY: &str = "priority";
pub const N_RECORDS: &str = "n_records";

pub const PHONE: &str = "GSW_PHONE";
pub const CAMPAIGN_NAME: &str = "GSW_CAMPAIGN_NAME";
pub const CHAIN_ATTR: &str = "GSW_CHAIN_ATTR";
pub const CUSTOMER_ID: &str = "GSW_CUSTOMER_ID";
pub const MESSAGE: &str = "GSW_MESSAGE";
