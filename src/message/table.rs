//! The one table of message types (vendor page, "Data Enumeration Values for GSW_CM_MessageType").

use std::fmt;

use crate::message::top::Top;
use crate::message::{
    Body, CampaignLoaded, CampaignSchedule, CampaignStatus, CampaignUnloaded, CancelRecord, Dialing,
    DialingModeChanged, DialingPriority, DialingStarted, DialingStopped, DoNotCall, DoNotCallProcessed, ErrorCode,
    ErrorEvent, FieldError, Fields, ForceUnloadCampaign, GetCampaignStatus, LoadCampaign, Pair, PairEvent,
    RecordCanceled, SetDialingMode, StartDialing, StopDialing, UnloadCampaign,
};

/// `GSW_CM_MessageType`: an open number.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct MessageType(pub i32);

/// Who sends a message type.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Direction {
    /// An application to OCS.
    ToOcs,
    /// OCS to applications.
    FromOcs,
    /// Neither; a number the vendor reserves.
    Neither,
}

/// One row of the table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Row {
    /// The number that travels.
    pub number: MessageType,
    /// The vendor's name.
    pub name: &'static str,
    /// Who sends it.
    pub direction: Direction,
    /// Whether the CommDN API uses it.
    pub used: bool,
    /// Events that answer this request; `CM_EvError` (27) answers every request besides.
    pub answered_by: &'static [MessageType],
}

macro_rules! messages {
    (@used $variant:ident) => { true };
    (@used) => { false };
    ($($number:literal $name:literal $direction:ident $(= $variant:ident)? $(answered_by $answer:literal)?;)+) => {
        /// Every type of the vendor page, by number.
        pub const TABLE: &[Row] = &[$(Row {
            number: MessageType($number),
            name: $name,
            direction: Direction::$direction,
            used: messages!(@used $($variant)?),
            answered_by: &[$(MessageType($answer))?],
        }),+];

        /// The body of a message.
        #[derive(Clone, Debug, PartialEq, Eq)]
        pub enum Message {
            $($(
                #[doc = concat!("`", $name, "` (", stringify!($number), ").")]
                $variant($variant),
            )?)+
            /// A number that the CommDN API does not use: kept, never sent.
            Unknown(MessageType),
        }

        impl Message {
            /// The number that travels.
            #[must_use]
            pub fn message_type(&self) -> MessageType {
                match self {
                    $($(Self::$variant(_) => { let _ = stringify!($variant); MessageType($number) })?)+
                    Self::Unknown(number) => *number,
                }
            }

            pub(super) fn read(number: MessageType, fields: &mut Fields<'_, '_>) -> Result<Self, FieldError> {
                match number.0 {
                    $($($number => <$variant as Body>::read(fields).map(Self::$variant),)?)+
                    _ => Ok(Self::Unknown(number)),
                }
            }

            pub(super) fn top(&self) -> Top<'_> {
                match self {
                    $($(Self::$variant(body) => { let body: &$variant = body; body.top() })?)+
                    Self::Unknown(_) => Top::default(),
                }
            }
        }

        $($(
            impl From<$variant> for Message {
                fn from(body: $variant) -> Self {
                    Self::$variant(body)
                }
            }
        )?)+
    };
}

messages! {
    0 "MSGCFG_NONE" Neither;
    1 "MSGCFG_UNKNOWN" Neither;
    2 "MSGCFG_ERROR" Neither;
    3 "MSGCFG_CLIENTREGISTER" Neither;
    4 "MSGCFG_DISCONNECTED" Neither;
    5 "CM_UnknownMessage" Neither;
    6 "CM_ReqRegisterClient" ToOcs;
    7 "CM_ReqLoadCampaign" ToOcs = LoadCampaign answered_by 19;
    8 "CM_ReqUnloadCampaign" ToOcs = UnloadCampaign answered_by 20;
    9 "CM_ReqStartDialing" ToOcs = StartDialing answered_by 21;
    10 "CM_ReqStopDialing" ToOcs = StopDialing answered_by 22;
    11 "CM_ReqSetDialingMode" ToOcs = SetDialingMode answered_by 23;
    12 "CM_ReqGetCampaignStatus" ToOcs = GetCampaignStatus answered_by 24;
    13 "CM_ReqCampaignRegistered" ToOcs;
    14 "CM_ReqCampaignUnregistered" ToOcs;
    15 "CM_EvServerConnected" FromOcs;
    16 "CM_EvServerDisconnected" FromOcs;
    17 "CM_EvClientDisconnected" FromOcs;
    18 "CM_EvClientRegistered" FromOcs;
    19 "CM_EvCampaignLoaded" FromOcs = CampaignLoaded;
    20 "CM_EvCampaignUnloaded" FromOcs = CampaignUnloaded;
    21 "CM_EvDialingStarted" FromOcs = DialingStarted;
    22 "CM_EvDialingStopped" FromOcs = DialingStopped;
    23 "CM_EvDialingModeChanged" FromOcs = DialingModeChanged;
    24 "CM_EvCampaignStatus" FromOcs = CampaignStatus;
    25 "CM_EvCampaignRegistered" FromOcs;
    26 "CM_EvCampaignUnregistered" FromOcs;
    27 "CM_EvError" FromOcs = ErrorEvent;
    28 "GSW_CM_ReqCommDNGetCampaignData" ToOcs;
    29 "CM_ReqForceUnloadCampaign" ToOcs = ForceUnloadCampaign answered_by 20;
    30 "CM_ReqCancelRecord" ToOcs = CancelRecord answered_by 31;
    31 "CM_EvRecordCanceled" FromOcs = RecordCanceled;
    32 "CM_ReqDoNotCall" ToOcs = DoNotCall answered_by 33;
    33 "CM_EvDoNotCallProcessed" FromOcs = DoNotCallProcessed;
}

impl MessageType {
    /// The row of the table, `None` for a number outside it.
    #[must_use]
    pub fn row(self) -> Option<&'static Row> {
        TABLE.iter().find(|row| row.number == self)
    }

    /// The vendor's name, `None` for a number outside the table.
    #[must_use]
    pub fn name(self) -> Option<&'static str> {
        self.row().map(|row| row.name)
    }

    /// Reads a vendor name; the vendor writes `GSW_CM_x` and `CM_x`, and `CMEvError` once.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        let bare = |name: &str| name.strip_prefix("GSW_").unwrap_or(name).replace("CMEv", "CM_Ev");
        TABLE.iter().find(|row| bare(row.name) == bare(name)).map(|row| row.number)
    }
}

impl fmt::Display for MessageType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.name() {
            Some(name) => f.write_str(name),
            None => write!(f, "Unknown({})", self.0),
        }
    }
}

/// The requests of the CommDN API, closed: what an application can ask of an OCS.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum RequestKind {
    /// 7.
    Load,
    /// 8.
    Unload,
    /// 9.
    Start,
    /// 10.
    Stop,
    /// 11.
    SetMode,
    /// 12.
    Status,
    /// 29.
    ForceUnload,
    /// 30.
    CancelRecord,
    /// 32.
    DoNotCall,
}

impl RequestKind {
    /// Every request, with its number and its short name in settings and JSON.
    pub const ALL: [(Self, MessageType, &'static str); 9] = [
        (Self::Load, MessageType(7), "load"),
        (Self::Unload, MessageType(8), "unload"),
        (Self::Start, MessageType(9), "start"),
        (Self::Stop, MessageType(10), "stop"),
        (Self::SetMode, MessageType(11), "set_mode"),
        (Self::Status, MessageType(12), "status"),
        (Self::ForceUnload, MessageType(29), "force_unload"),
        (Self::CancelRecord, MessageType(30), "cancel_record"),
        (Self::DoNotCall, MessageType(32), "do_not_call"),
    ];

    /// The request of a message type, `None` for events and what is not used.
    #[must_use]
    pub fn of(number: MessageType) -> Option<Self> {
        Self::ALL.iter().find(|(_, n, _)| *n == number).map(|(kind, _, _)| *kind)
    }

    /// The number that travels.
    #[must_use]
    pub fn message_type(self) -> MessageType {
        Self::ALL.iter().find(|(kind, _, _)| *kind == self).map_or(MessageType(0), |(_, number, _)| *number)
    }

    /// The short name.
    #[must_use]
    pub fn slug(self) -> &'static str {
        Self::ALL.iter().find(|(kind, _, _)| *kind == self).map_or("", |(_, _, slug)| slug)
    }

    /// The event that answers it, beside `CM_EvError`.
    #[must_use]
    pub fn answer(self) -> MessageType {
        let row = self.message_type().row();
        row.and_then(|row| row.answered_by.first()).copied().unwrap_or(MessageType(27))
    }

    /// Everything but a question for the state changes something.
    #[must_use]
    pub fn is_mutating(self) -> bool {
        self != Self::Status
    }

    /// Cancel and do-not-call are about a person, the others about a campaign on a group.
    #[must_use]
    pub fn is_campaign_control(self) -> bool {
        !matches!(self, Self::CancelRecord | Self::DoNotCall)
    }
}

impl Message {
    /// Which request this is, `None` for events and unknown numbers.
    #[must_use]
    pub fn request_kind(&self) -> Option<RequestKind> {
        RequestKind::of(self.message_type())
    }

    /// The campaign and group that the message names.
    #[must_use]
    pub fn pair(&self) -> Option<Pair> {
        match self {
            Self::LoadCampaign(LoadCampaign { pair, .. })
            | Self::UnloadCampaign(UnloadCampaign { pair, .. })
            | Self::StartDialing(StartDialing { pair, .. })
            | Self::StopDialing(StopDialing { pair, .. })
            | Self::SetDialingMode(SetDialingMode { pair, .. })
            | Self::GetCampaignStatus(GetCampaignStatus { pair, .. })
            | Self::ForceUnloadCampaign(ForceUnloadCampaign { pair, .. }) => Some(*pair),
            Self::ErrorEvent(event) => event.pair(),
            other => other.pair_event().map(|event| event.pair),
        }
    }

    /// The event about a campaign on a group (19 to 24), if it is one.
    #[must_use]
    pub fn pair_event(&self) -> Option<&PairEvent> {
        match self {
            Self::CampaignLoaded(CampaignLoaded(event))
            | Self::CampaignUnloaded(CampaignUnloaded(event))
            | Self::DialingStarted(DialingStarted(event))
            | Self::DialingStopped(DialingStopped(event))
            | Self::DialingModeChanged(DialingModeChanged(event))
            | Self::CampaignStatus(CampaignStatus(event)) => Some(event),
            _ => None,
        }
    }

    /// `GSW_CM_AttrError` of an event.
    #[must_use]
    pub fn error(&self) -> Option<ErrorCode> {
        match self {
            Self::ErrorEvent(event) => event.error,
            Self::DoNotCallProcessed(answer) => answer.error,
            Self::RecordCanceled(answer) => answer.error,
            other => other.pair_event().and_then(|event| event.error),
        }
    }

    /// `GSW_CM_AttrErrorMessage` of an event.
    #[must_use]
    pub fn error_message(&self) -> Option<&crate::wire::Text> {
        self.top().error_message
    }

    /// Mode, method and goal that the message carries.
    #[must_use]
    pub fn dialing(&self) -> Dialing {
        match self {
            Self::LoadCampaign(LoadCampaign { dialing, .. })
            | Self::StartDialing(StartDialing { dialing, .. })
            | Self::SetDialingMode(SetDialingMode { dialing, .. }) => *dialing,
            other => other.pair_event().map(|event| event.dialing).unwrap_or_default(),
        }
    }

    /// `campaign_schedule`, if the message carries it.
    #[must_use]
    pub fn schedule(&self) -> Option<&CampaignSchedule> {
        self.top().schedule
    }

    /// `dialing_priority`, if the message carries it.
    #[must_use]
    pub fn priority(&self) -> Option<&DialingPriority> {
        self.top().priority
    }

    /// `cancel_record`, if the message carries it.
    #[must_use]
    pub fn cancel_record(&self) -> Option<&CancelRecord> {
        match self {
            Self::CancelRecord(cancel) => Some(cancel),
            Self::RecordCanceled(answer) => answer.cancel_record.as_ref(),
            Self::ErrorEvent(event) => event.cancel_record.as_ref(),
            _ => None,
        }
    }

    /// `do_not_call`, if the message carries it.
    #[must_use]
    pub fn do_not_call(&self) -> Option<&DoNotCall> {
        match self {
            Self::DoNotCall(entry) => Some(entry),
            Self::DoNotCallProcessed(answer) => answer.do_not_call.as_ref(),
            Self::ErrorEvent(event) => event.do_not_call.as_ref(),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_has_every_number_once_and_in_order() {
        assert!(TABLE.iter().map(|row| row.number.0).eq(0..=33));
    }

    #[test]
    fn what_is_used_is_what_the_vendor_page_says() {
        let used: Vec<i32> = TABLE.iter().filter(|row| row.used).map(|row| row.number.0).collect();
        assert_eq!(used, [7, 8, 9, 10, 11, 12, 19, 20, 21, 22, 23, 24, 27, 29, 30, 31, 32, 33]);
    }

    #[test]
    fn what_a_message_carries_is_what_it_writes() {
        for message in crate::message::straight::messages() {
            let top = message.top();
            assert_eq!(message.error(), top.error);
            assert_eq!(message.dialing(), top.dialing);
            assert_eq!(message.cancel_record(), top.cancel_record);
            assert_eq!(message.do_not_call(), top.do_not_call);
        }
    }

    #[test]
    fn every_request_has_an_answer_and_a_row() {
        for (kind, number, slug) in RequestKind::ALL {
            let row = number.row().unwrap();
            assert!(row.used && row.direction == Direction::ToOcs, "{slug}");
            assert_eq!(kind.answer(), row.answered_by[0]);
        }
        let requests = TABLE.iter().filter(|row| row.used && row.direction == Direction::ToOcs).count();
        assert_eq!(requests, RequestKind::ALL.len());
    }

    #[test]
    fn the_vendors_two_spellings_name_one_type() {
        for (name, number) in [
            ("CM_ReqLoadCampaign", 7),
            ("GSW_CM_ReqLoadCampaign", 7),
            ("CMEvError", 27),
            ("GSW_CM_ReqForceUnloadCampaign", 29),
            ("CM_ReqCommDNGetCampaignData", 28),
        ] {
            assert_eq!(MessageType::from_name(name), Some(MessageType(number)), "{name}");
        }
        assert_eq!(MessageType::from_name("CM_ReqNothing"), None);
    }

    #[test]
    fn a_number_outside_the_table_is_kept() {
        assert_eq!(MessageType(99).to_string(), "Unknown(99)");
    }
}
