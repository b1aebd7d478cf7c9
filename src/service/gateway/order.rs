//! What a caller asks for, turned into a checked CommDN request.

use jiff::Timestamp;

use crate::engine::RequestNumber;
use crate::engine::RouteError;
use crate::engine::Router;
use crate::engine::StatusMirror;
use crate::message::{
    Advice, AppDbid, AutoCompletion, AutoCompletionPlace, CancelRecord, ChainAttr, ChainScope, CommDnMessage, DialMode,
    Dialing, DialingPriority, DoNotCall, ForceUnloadCampaign, GetCampaignStatus, LoadCampaign, Message, OptimizeBy,
    Pair, Refusal, RequestKind, SendPolicy, SetDialingMode, StartDialing, StopDialing, Target, UnloadCampaign,
    validate,
};
use crate::protocol::UtcSeconds;
use crate::service::access::now;
use crate::wire::EncodeError;
use crate::wire::Text;

/// One thing that a caller wants done.
#[derive(Clone, Debug)]
pub enum Order {
    /// Something about a campaign on a group.
    Campaign {
        /// What: any kind but cancel and do-not-call.
        kind: RequestKind,
        /// Campaign by DBID or name.
        campaign: String,
        /// Group by DBID or name.
        group: String,
        /// How to dial, for load, start and set mode.
        wish: Box<DialingWish>,
    },
    /// Put a person on the do-not-call list.
    DoNotCall {
        /// Phone as it is to travel.
        phone: Option<String>,
        /// Customer id.
        customer_id: Option<String>,
        /// `all_chain` or `record_only`.
        scope: Option<String>,
        /// One OCS by DBID or name; `None` = every OCS.
        ocs: Option<String>,
        /// Kept with the request, never sent.
        note: Option<String>,
        /// From when on it does not count any more, RFC 3339. Never sent: OCS keeps what it was told.
        expires_at: Option<String>,
    },
    /// Cancel the records of a phone.
    CancelRecord {
        /// The phone.
        phone: Option<String>,
        /// The records must have this customer id too.
        customer_id: Option<String>,
        /// One campaign by DBID or name.
        campaign: Option<String>,
        /// `all_chain` or `record_only`.
        scope: Option<String>,
        /// One OCS by DBID or name; `None` = the campaign's, else every OCS.
        ocs: Option<String>,
    },
    /// A request as an application has written it: it is checked, and then sent as it is.
    Verbatim {
        /// The request.
        body: Message,
        /// Whom it is for.
        target: Target,
    },
}

/// How to dial, in the caller's words; what is absent is filled in.
#[derive(Clone, Debug, Default)]
pub struct DialingWish {
    /// Slug, vendor name or number of a dial mode.
    pub mode: Option<String>,
    /// Slug, vendor name or number of a method.
    pub optimize_by: Option<String>,
    /// Goal in the unit of the method.
    pub goal: Option<i32>,
    /// OCS stops and unloads by itself at the end of the list.
    pub auto_completion: Option<bool>,
    /// Shares of the record kinds.
    pub priority: Option<DialingPriority>,
    /// Send what the vendor page does not have.
    pub allow_undocumented: bool,
}

/// An order that can be sent.
#[derive(Clone, Debug)]
pub struct Prepared {
    /// The request.
    pub body: Message,
    /// Whom it is for.
    pub target: Target,
    /// What the local check has to say.
    pub advice: Vec<Advice>,
    /// Kept with the request.
    pub note: Option<String>,
    /// From when on a do-not-call does not count any more.
    pub expires_at: Option<UtcSeconds>,
}

/// Why an order is refused before anything is sent.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum OrderError {
    /// A campaign, group or OCS that the configuration does not have.
    #[error(transparent)]
    Route(#[from] RouteError),
    /// A request that OCS could only refuse.
    #[error(transparent)]
    Refusal(#[from] Refusal),
    /// A word outside its table.
    #[error("{field}: expected {wanted}, found '{found}'")]
    Word {
        /// The field.
        field: &'static str,
        /// What is allowed.
        wanted: String,
        /// What was given.
        found: String,
    },
    /// A request that cannot be packed.
    #[error(transparent)]
    Encode(#[from] EncodeError),
    /// More requests than the gateway takes.
    #[error("the gateway has too many requests waiting")]
    Overloaded,
    /// The store does not take writes; nothing can be promised.
    #[error("the store takes nothing at the moment: {0}")]
    Store(String),
    /// The caller has used this idempotency key for something else.
    #[error("the idempotency key stands for request {0}, which had another body")]
    KeyConflict(RequestNumber),
    /// The gateway does not repeat it by itself.
    #[error("request {0} is not repeated: only a do-not-call that was not confirmed by every OCS is")]
    NotRepeatable(RequestNumber),
    /// Nobody knows it.
    #[error("request {0} is not known, or no longer")]
    NoSuchRequest(RequestNumber),
    /// Whoever asks may not do so any more.
    #[error("the order came after the time until which it was to be taken")]
    TooLate,
    /// The gateway is stopping.
    #[error("the gateway is stopping")]
    Stopping,
}

/// What the site adds to an order.
#[derive(Clone, Copy, Debug)]
pub struct Site<'a> {
    /// Configured objects.
    pub router: &'a Router,
    /// Last known states.
    pub mirror: &'a StatusMirror,
    /// Where `GSW_AUTO_COMPLETION` is written.
    pub auto_completion_place: AutoCompletionPlace,
    /// One of our DBIDs, for the check of the whole message.
    pub origin: AppDbid,
}

impl Order {
    /// What it asks for.
    #[must_use]
    pub fn kind(&self) -> RequestKind {
        match self {
            Self::Campaign { kind, .. } => *kind,
            Self::DoNotCall { .. } => RequestKind::DoNotCall,
            Self::CancelRecord { .. } => RequestKind::CancelRecord,
            Self::Verbatim { body, .. } => body.request_kind().unwrap_or(RequestKind::Status),
        }
    }

    /// The phone of a do-not-call as it was given.
    #[must_use]
    pub fn given_phone(&self) -> Option<&str> {
        match self {
            Self::DoNotCall { phone, .. } => phone.as_deref(),
            Self::Campaign { .. } | Self::CancelRecord { .. } | Self::Verbatim { .. } => None,
        }
    }

    /// Resolves names, fills in what is absent, and checks.
    ///
    /// # Errors
    /// [`OrderError`]; nothing was sent.
    pub fn prepare(&self, site: Site<'_>) -> Result<Prepared, OrderError> {
        let mut expires_at = None;
        let (body, target, allow_undocumented, note) = match self {
            Self::Verbatim { body, target } => {
                // Gaps are not filled and names not looked up: OCS has the last word on what it is asked.
                let mut checked = CommDnMessage::new(site.origin, *target, body.clone());
                let mut advice = validate(&mut checked, SendPolicy { allow_undocumented: true })?;
                advice.retain(|advice| !matches!(advice, Advice::GoalIgnored(_))); // nothing is changed
                return Ok(Prepared { body: body.clone(), target: *target, advice, note: None, expires_at });
            }
            Self::Campaign { kind, campaign, group, wish } => {
                let (body, ocs) = campaign_request(site, *kind, campaign, group, wish)?;
                (body, Target::One(ocs), wish.allow_undocumented, None)
            }
            Self::DoNotCall { phone, customer_id, scope, ocs, note, expires_at: end } => {
                expires_at = end.as_deref().map(expiry).transpose()?;
                let entry = DoNotCall {
                    phone: phone.as_deref().map(Into::into),
                    customer_id: customer_id.as_deref().map(Into::into),
                    scope: Some(chain(scope.as_deref())?),
                };
                (entry.into(), target(site.router, ocs.as_deref())?, false, note.clone())
            }
            Self::CancelRecord { phone, customer_id, campaign, scope, ocs } => {
                let campaign = campaign.as_deref().map(|word| site.router.campaign(word)).transpose()?;
                let record = CancelRecord {
                    phone: phone.as_deref().map(Into::into),
                    campaign_name: campaign.map(|campaign| Text::from(campaign.name.as_str())),
                    scope: Some(chain(scope.as_deref())?),
                    customer_id: customer_id.as_deref().map(Into::into),
                    message: None,
                };
                let target = match (ocs, campaign) {
                    (None, Some(campaign)) => Target::One(campaign.object.ocs),
                    (ocs, _) => target(site.router, ocs.as_deref())?,
                };
                (record.into(), target, false, None)
            }
        };
        let mut message = CommDnMessage::new(site.origin, target, body);
        let advice = validate(&mut message, SendPolicy { allow_undocumented })?;
        Ok(Prepared { body: message.body, target, advice, note, expires_at })
    }
}

/// An end that is still to come.
fn expiry(text: &str) -> Result<UtcSeconds, OrderError> {
    let at = text.parse::<Timestamp>().ok().map(|at| UtcSeconds(at.as_second()));
    at.filter(|at| *at > now().seconds).ok_or_else(|| OrderError::Word {
        field: "expires_at",
        wanted: "a time to come such as 2036-12-31T00:00:00Z".into(),
        found: text.to_owned(),
    })
}

fn campaign_request(
    site: Site<'_>,
    kind: RequestKind,
    campaign: &str,
    group: &str,
    wish: &DialingWish,
) -> Result<(Message, AppDbid), OrderError> {
    let campaign = site.router.campaign(campaign)?.object;
    let group = site.router.group(group)?.object;
    let pair = Pair { campaign: campaign.dbid, group };
    let body = match kind {
        RequestKind::Load => {
            let mut load = LoadCampaign::new(pair, wish.dialing()?);
            (load.auto_completion, load.priority) = (wish.auto(site), wish.priority);
            load.into()
        }
        RequestKind::Start => {
            let mut start = StartDialing::new(pair, known_dialing(site, campaign.ocs, pair, wish)?);
            (start.auto_completion, start.priority) = (wish.auto(site), wish.priority);
            start.into()
        }
        RequestKind::SetMode => {
            let mut mode = SetDialingMode::new(pair, known_dialing(site, campaign.ocs, pair, wish)?);
            (mode.auto_completion, mode.priority) = (wish.auto(site), wish.priority);
            mode.into()
        }
        RequestKind::Unload => UnloadCampaign::new(pair).into(),
        RequestKind::ForceUnload => ForceUnloadCampaign::new(pair).into(),
        RequestKind::Stop => StopDialing::new(pair).into(),
        RequestKind::Status => GetCampaignStatus::new(pair).into(),
        RequestKind::CancelRecord | RequestKind::DoNotCall => {
            return Err(Refusal::NotARequest(kind.message_type().to_string()).into());
        }
    };
    Ok((body, campaign.ocs))
}

/// What a start or set mode does not say is taken from the last known state, then from the configured pair. A mode
/// that was named anew does not inherit the method and goal of another mode that does not use them.
fn known_dialing(site: Site<'_>, ocs: AppDbid, pair: Pair, wish: &DialingWish) -> Result<Dialing, OrderError> {
    let wished = wish.dialing()?;
    let last = site.mirror.pair(ocs, pair).map(|state| state.dialing).unwrap_or_default();
    let last = Dialing { mode: last.mode.filter(|mode| *mode != DialMode::NONE), ..last };
    let configured = site.router.configured(pair);
    let mode = wished.mode.or(last.mode).or(configured.mode);
    let uses_goal = mode.is_some_and(DialMode::uses_goal);
    let last = if uses_goal && last.optimize_by == Some(OptimizeBy::NONE) { Dialing::default() } else { last };
    let mut dialing = wished;
    dialing.mode = mode;
    if uses_goal {
        // A goal belongs to its method: both come from one place.
        for known in [last, configured] {
            if dialing.optimize_by.is_none() || dialing.optimize_by == known.optimize_by {
                dialing = dialing.or(known);
            }
        }
    }
    Ok(dialing)
}

impl DialingWish {
    fn dialing(&self) -> Result<Dialing, OrderError> {
        let mode = word("mode", self.mode.as_deref(), DialMode::from_word, slugs(DialMode::TABLE))?;
        let method = word("optimize_by", self.optimize_by.as_deref(), OptimizeBy::from_word, slugs(OptimizeBy::TABLE))?;
        Ok(Dialing { mode, optimize_by: method, goal: self.goal })
    }

    fn auto(&self, site: Site<'_>) -> Option<AutoCompletion> {
        self.auto_completion.map(|on| AutoCompletion { on, place: site.auto_completion_place })
    }
}

fn slugs<T>(table: &[(T, &'static str, &'static str)]) -> String {
    table.iter().map(|(_, _, slug)| *slug).collect::<Vec<_>>().join(", ")
}

fn word<T>(
    field: &'static str,
    found: Option<&str>,
    read: impl Fn(&str) -> Option<T>,
    wanted: String,
) -> Result<Option<T>, OrderError> {
    found.map(|found| read(found).ok_or(OrderError::Word { field, wanted, found: found.to_owned() })).transpose()
}

fn chain(scope: Option<&str>) -> Result<ChainAttr, OrderError> {
    let scope = word("scope", scope, ChainScope::from_word, "all_chain or record_only".to_owned())?;
    Ok(ChainAttr::Known(scope.unwrap_or_default()))
}

fn target(router: &Router, ocs: Option<&str>) -> Result<Target, OrderError> {
    match ocs {
        Some(word) => Ok(Target::One(router.ocs(word)?.object.dbid)),
        None => Ok(Target::Every),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::ChangedBy;
    use crate::message::{CampaignDbid, CampaignStatus, GroupCampStatus, GroupDbid, PairEvent};
    use crate::protocol::UtcTime;

    fn router() -> Router {
        let mut router = Router::default();
        router.add_ocs(AppDbid(301), "OCS_A", None);
        router.add_campaign(CampaignDbid(101), "Renewals", AppDbid(301));
        router.add_group(GroupDbid(732), "Team A");
        let configured = Dialing::new(DialMode::PREDICTIVE, OptimizeBy::BUSY_FACTOR, 80);
        router.add_pair(Pair::new(101, 732), configured);
        router
    }

    fn prepare(order: &Order, mirror: &StatusMirror) -> Result<Prepared, OrderError> {
        let router = router();
        let place = AutoCompletionPlace::Top;
        order.prepare(Site { router: &router, mirror, auto_completion_place: place, origin: AppDbid(201) })
    }

    fn campaign(kind: RequestKind, wish: DialingWish) -> Order {
        Order::Campaign { kind, campaign: "renewals".into(), group: "732".into(), wish: Box::new(wish) }
    }

    #[test]
    fn a_start_without_parameters_takes_the_configured_ones() {
        let prepared =
            prepare(&campaign(RequestKind::Start, DialingWish::default()), &StatusMirror::default()).unwrap();
        assert_eq!(prepared.target, Target::One(AppDbid(301)));
        assert_eq!(prepared.body.dialing(), Dialing::new(DialMode::PREDICTIVE, OptimizeBy::BUSY_FACTOR, 80));
    }

    #[test]
    fn the_last_known_state_goes_before_the_configuration() {
        let mut mirror = StatusMirror::default();
        let dialing = Dialing::new(DialMode::PROGRESSIVE, OptimizeBy::NONE, 0);
        let told = PairEvent { dialing, ..PairEvent::new(Pair::new(101, 732), GroupCampStatus::ACTIVE) };
        mirror.apply(UtcTime::default(), AppDbid(301), &CampaignStatus(told).into(), ChangedBy::Status);
        let prepared = prepare(&campaign(RequestKind::Start, DialingWish::default()), &mirror).unwrap();
        assert_eq!(prepared.body.dialing(), dialing);
        // A predictive wish cannot use the progressive state's empty goal: the configured one is taken.
        let wish = DialingWish { mode: Some("predict".into()), ..DialingWish::default() };
        let prepared = prepare(&campaign(RequestKind::SetMode, wish), &mirror).unwrap();
        assert_eq!(prepared.body.dialing(), Dialing::new(DialMode::PREDICTIVE, OptimizeBy::BUSY_FACTOR, 80));
    }

    #[test]
    fn a_named_method_does_not_take_the_goal_of_another() {
        let wish = DialingWish { optimize_by: Some("wait_time".into()), ..DialingWish::default() };
        let error = prepare(&campaign(RequestKind::Start, wish), &StatusMirror::default()).unwrap_err();
        assert!(matches!(error, OrderError::Refusal(Refusal::Missing { .. })), "{error}");
    }

    #[test]
    fn wrong_words_say_what_is_allowed() {
        let wish = DialingWish { mode: Some("fast".into()), ..DialingWish::default() };
        let error = prepare(&campaign(RequestKind::Load, wish), &StatusMirror::default()).unwrap_err().to_string();
        assert!(error.starts_with("mode: expected none, predict, progress"), "{error}");
        let order = Order::Campaign {
            kind: RequestKind::Stop,
            campaign: "Renewal".into(),
            group: "732".into(),
            wish: Box::default(),
        };
        let error = prepare(&order, &StatusMirror::default()).unwrap_err().to_string();
        assert!(error.ends_with("did you mean 'Renewals'?"), "{error}");
    }

    #[test]
    fn people_go_to_every_ocs_unless_one_is_named() {
        let order = |ocs: Option<&str>| Order::DoNotCall {
            phone: Some("+420777888777".into()),
            customer_id: None,
            scope: None,
            ocs: ocs.map(str::to_owned),
            note: None,
            expires_at: None,
        };
        let mirror = StatusMirror::default();
        assert_eq!(prepare(&order(None), &mirror).unwrap().target, Target::Every);
        assert_eq!(prepare(&order(Some("ocs_a")), &mirror).unwrap().target, Target::One(AppDbid(301)));
        assert!(prepare(&order(Some("OCS_C")), &mirror).is_err());
    }

    #[test]
    fn an_end_is_a_time_to_come() {
        assert!(expiry("2999-01-01T00:00:00Z").is_ok());
        for wrong in ["2001-01-01T00:00:00Z", "2999-01-01", "90d", ""] {
            let error = expiry(wrong).unwrap_err().to_string();
            assert!(error.starts_with("expires_at: expected a time to come"), "{error}");
        }
    }
}
