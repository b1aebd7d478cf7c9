//! One application at a T-Server's port: it asks, and knows the answers that are its own.
//!
//! Answers carry no number. Every session has an application DBID of its own, so that an answer belongs to this session;
//! within it, the oldest question about the same pair or phone takes it.

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::net::IpAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::{mpsc, oneshot};
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;

use crate::cli::args::TserverArgs;
use crate::cli::bench::own::{self, Own};
use crate::cli::exit::{CliError, Exit};
use crate::message::{AppDbid, CommDnMessage, Envelope, ErrorCode, Message, MessageType, Pair, Target};
use crate::net::client::{LinkEvent, LinkHandle};
use crate::net::driver::{AddpTrace, LinkSettings, start_link};
use crate::net::registry::LinkDirectory;
use crate::protocol::link::{LinkConfig, Tag};
use crate::wire::limits::FRAME_BYTES_MAX;
use crate::wire::{Dialect, ListView, Reading, Text};

/// How long a session may take to register its CommDN.
const CONNECT_PATIENCE: Duration = Duration::from_secs(10);

/// Who may use which T-Server, and whom it asks.
#[derive(Clone, Debug)]
pub(super) struct Place {
    /// Host and port.
    pub(super) addr: String,
    /// A CommDN and an application DBID for each session.
    pub(super) sessions: Vec<(String, AppDbid)>,
    /// The OCSs that answer there.
    pub(super) ocss: Vec<AppDbid>,
}

impl Place {
    /// The T-Server of a site of ours.
    pub(super) fn own(own: &Own, sessions: usize) -> Self {
        let session = |session| (own::dn(session), AppDbid(own::origin(session)));
        Self {
            addr: own.at.tserver.to_string(),
            sessions: (0..sessions).map(session).collect(),
            ocss: own::OCSS.to_vec(),
        }
    }

    /// The T-Server of `--tserver ADDR`, with the words that go with it.
    ///
    /// # Errors
    /// Exit 2 where one is missing, or the address is beyond this machine and nobody said that this is wanted.
    pub(super) fn given(addr: &str, args: &TserverArgs) -> Result<Self, CliError> {
        let missing = |flag: &str, what: &str| {
            CliError::usage(format!("--tserver {addr}: {flag} is missing, {what}"))
                .hint("for instance --tserver 127.0.0.1:7000 --dn CommDN_1 --ocs 301 --origin 209-216")
        };
        let origins =
            args.origin.as_ref().ok_or_else(|| missing("--origin", "the application DBIDs of its sessions"))?;
        let ocs = args.ocs.ok_or_else(|| missing("--ocs", "the DBID of the OCS that is asked"))?;
        if !args.tserver_plaintext && !is_this_machine(addr) {
            return Err(CliError::usage(format!(
                "--tserver {addr}: not on this machine, and the way is not encrypted"
            ))
            .hint("say so with --tserver-plaintext, or run the bench beside the T-Server"));
        }
        let sessions = origins.0.iter().map(|origin| (args.dn.clone(), AppDbid(*origin)));
        Ok(Self { addr: addr.to_owned(), sessions: sessions.collect(), ocss: vec![AppDbid(ocs)] })
    }

    /// A session for each application.
    ///
    /// # Errors
    /// Exit 3 when the T-Server cannot be reached.
    pub(super) async fn connect(&self, patience: Duration, stop: &CancellationToken) -> Result<Vec<Session>, CliError> {
        let mut sessions = Vec::with_capacity(self.sessions.len());
        for (dn, origin) in &self.sessions {
            sessions.push(Session::connect(&self.addr, dn, *origin, patience, stop).await?);
        }
        Ok(sessions)
    }
}

fn is_this_machine(addr: &str) -> bool {
    let host = addr.rsplit_once(':').map_or(addr, |(host, _)| host).trim_matches(['[', ']']);
    host == "localhost" || host.parse::<IpAddr>().is_ok_and(|ip| ip.is_loopback())
}

/// What a question is about.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
enum Subject {
    Pair(Pair),
    Phone(Text),
}

impl Subject {
    fn of(message: &Message) -> Option<Self> {
        let phone = message.do_not_call().and_then(|entry| entry.phone.as_ref());
        message.pair().map(Self::Pair).or_else(|| Some(Self::Phone(phone?.reveal().clone())))
    }
}

#[derive(Debug)]
struct Waiter {
    subject: Option<Subject>,
    answer: MessageType,
    told: oneshot::Sender<Result<(), String>>,
}

/// Questions without an answer, in the order in which they were asked.
#[derive(Debug, Default)]
struct Waiting {
    last: u64,
    all: BTreeMap<u64, Waiter>,
    by_subject: HashMap<Subject, VecDeque<u64>>,
}

impl Waiting {
    fn add(&mut self, waiter: Waiter) -> u64 {
        self.last += 1;
        if let Some(subject) = &waiter.subject {
            self.by_subject.entry(subject.clone()).or_default().push_back(self.last);
        }
        self.all.insert(self.last, waiter);
        self.last
    }

    fn take(&mut self, number: u64) -> Option<Waiter> {
        let waiter = self.all.remove(&number)?;
        if let Some(subject) = &waiter.subject
            && let Some(numbers) = self.by_subject.get_mut(subject)
        {
            numbers.retain(|other| *other != number);
            if numbers.is_empty() {
                self.by_subject.remove(subject);
            }
        }
        Some(waiter)
    }

    /// The oldest question that this can be the answer to; an event that names no subject may be about any.
    fn asked(&mut self, event: &Message) -> Option<Waiter> {
        let (kind, is_error) = (event.message_type(), matches!(event, Message::ErrorEvent(_)));
        let fits = |waiter: &Waiter| is_error || kind == waiter.answer;
        let number = match Subject::of(event) {
            Some(subject) => {
                let numbers = self.by_subject.get(&subject)?;
                numbers.iter().copied().find(|number| self.all.get(number).is_some_and(&fits))
            }
            None => self.all.iter().find(|(_, waiter)| fits(waiter)).map(|(number, _)| *number),
        };
        self.take(number?)
    }
}

/// A registered session.
#[derive(Clone, Debug)]
pub(super) struct Session {
    handle: LinkHandle,
    dn: Text,
    origin: AppDbid,
    dialect: Dialect,
    patience: Duration,
    waiting: Arc<Mutex<Waiting>>,
}

impl Session {
    /// Logs in and registers.
    ///
    /// # Errors
    /// Exit 3 when that does not come about.
    pub(super) async fn connect(
        addr: &str,
        dn: &str,
        origin: AppDbid,
        patience: Duration,
        stop: &CancellationToken,
    ) -> Result<Self, CliError> {
        let (handle, events) = link(addr, dn, &format!("bench {origin}"), stop).await?;
        let dialect = Dialect::default();
        let session = Self { handle, dn: dn.into(), origin, dialect, patience, waiting: Arc::default() };
        tokio::spawn(session.clone().listen(events));
        Ok(session)
    }

    fn waiting(&self) -> MutexGuard<'_, Waiting> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Asks an OCS and waits for its answer; an error is a code to count by.
    pub(super) async fn ask(&self, target: AppDbid, body: impl Into<Message>) -> Result<(), String> {
        let body = body.into();
        let Some(kind) = body.request_kind() else { return Err("not_sent".into()) };
        let (told, answer) = oneshot::channel();
        let waiter = Waiter { subject: Subject::of(&body), answer: kind.answer(), told };
        let user_data = CommDnMessage::new(self.origin, target, body).encode(&self.dialect);
        let user_data = user_data.map_err(|_| "not_sent".to_owned())?;
        let number = self.waiting().add(waiter);
        if self.handle.distribute(self.dn.clone(), user_data, Tag(number)).is_err() {
            self.waiting().take(number);
            return Err("not_sent".into());
        }
        match timeout(self.patience, answer).await {
            Ok(Ok(came)) => came,
            Ok(Err(_)) => Err("link_lost".into()),
            Err(_) => {
                self.waiting().take(number);
                Err("no_answer".into())
            }
        }
    }

    async fn listen(self, mut events: mpsc::Receiver<LinkEvent>) {
        while let Some(event) = events.recv().await {
            match event {
                LinkEvent::UserEvent { user_data, own_copy: false, .. } => self.heard(&user_data),
                LinkEvent::Failed(Tag(number), failure) => {
                    if let Some(waiter) = self.waiting().take(number) {
                        let _ = waiter.told.send(Err(failure.to_string())); // nobody waits any more
                    }
                }
                _ => {} // neither an answer nor the end of one
            }
        }
    }

    fn heard(&self, user_data: &[u8]) {
        let Some(message) = meant_for(self.origin, user_data, &self.dialect) else { return };
        let Some(waiter) = self.waiting().asked(&message) else { return };
        let is_error = matches!(message, Message::ErrorEvent(_));
        let came = match message.error() {
            Some(code) if is_error || code != ErrorCode(0) => Err(of_ocs(code)),
            None if is_error => Err("CM_EvError".into()),
            _ => Ok(()),
        };
        let _ = waiter.told.send(came); // nobody waits any more
    }
}

fn of_ocs(code: ErrorCode) -> String {
    code.name().map_or_else(|| format!("OCS error {}", code.0), |name| format!("{name} ({})", code.0))
}

/// The message, when it is for this application.
pub(super) fn meant_for(target: AppDbid, user_data: &[u8], dialect: &Dialect) -> Option<Message> {
    let list = ListView::parse(user_data, dialect, Reading::Tolerant).ok()?;
    let envelope = Envelope::of(list)?;
    (envelope.target == Some(Target::One(target))).then_some(())?;
    CommDnMessage::read(list, Reading::Tolerant).ok().map(|decoded| decoded.message.body)
}

/// A link that is up.
///
/// # Errors
/// Exit 3 when it does not come about.
pub(super) async fn link(
    addr: &str,
    dn: &str,
    name: &str,
    stop: &CancellationToken,
) -> Result<(LinkHandle, mpsc::Receiver<LinkEvent>), CliError> {
    let settings = LinkSettings {
        name: name.to_owned(),
        primary: addr.to_owned(),
        backup: None,
        link: LinkConfig::new(name, &[dn]),
        frame_bytes_max: FRAME_BYTES_MAX,
        addp_trace: AddpTrace::Off,
        tls: None,
    };
    let unreachable = |why: String| {
        CliError::new(Exit::Unreachable, format!("cannot use CommDN {dn} at the T-Server {addr}: {why}"))
            .hint("start one with `commdn sim run`, or leave --tserver without an address")
    };
    // Nobody looks these links up.
    let (handle, mut events) = start_link(settings, &LinkDirectory::new(), stop.clone());
    let up = async {
        loop {
            match events.recv().await {
                Some(LinkEvent::Up(_)) => return Ok(()),
                Some(LinkEvent::AttemptFailed(_, reason)) => return Err(reason.to_string()),
                Some(LinkEvent::NotRegistered(_, failure)) => return Err(failure.to_string()),
                Some(_) => {}
                None => return Err("the link has ended".into()),
            }
        }
    };
    match timeout(CONNECT_PATIENCE, up).await {
        Ok(Ok(())) => Ok((handle, events)),
        Ok(Err(why)) => Err(unreachable(why)),
        Err(_) => Err(unreachable("no registration in time".into())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::message::{
        CampaignStatus, DoNotCall, DoNotCallProcessed, ErrorEvent, GroupCampStatus, PairEvent, Phone,
    };

    fn waiter(subject: Option<Subject>, answer: i32) -> (Waiter, oneshot::Receiver<Result<(), String>>) {
        let (told, answered) = oneshot::channel();
        (Waiter { subject, answer: MessageType(answer), told }, answered)
    }

    fn phone(digits: &str) -> Option<Phone> {
        Some(Phone::from(Text::from(digits)))
    }

    #[test]
    fn an_answer_goes_to_the_oldest_question_about_its_subject() {
        let mut waiting = Waiting::default();
        let pair = Pair::new(101, 732);
        let (first, mut of_first) = waiter(Some(Subject::Pair(pair)), 24);
        let (second, mut of_second) = waiter(Some(Subject::Pair(pair)), 24);
        let (other, _of_other) = waiter(Some(Subject::Pair(Pair::new(102, 732))), 24);
        for waiter in [other, first, second] {
            waiting.add(waiter);
        }
        let status = Message::from(CampaignStatus(PairEvent::new(pair, GroupCampStatus::RUNNING)));
        waiting.asked(&status).unwrap().told.send(Ok(())).unwrap();
        assert!(of_first.try_recv().is_ok() && of_second.try_recv().is_err());
        waiting.asked(&status).unwrap().told.send(Ok(())).unwrap();
        assert!(of_second.try_recv().is_ok() && waiting.asked(&status).is_none());
        assert_eq!((waiting.all.len(), waiting.by_subject.len()), (1, 1));
    }

    #[test]
    fn an_answer_without_a_subject_goes_to_the_oldest_of_its_kind() {
        let mut waiting = Waiting::default();
        let entry = Message::from(DoNotCall { phone: phone("1"), ..DoNotCall::default() });
        let (status, mut of_status) = waiter(Some(Subject::Pair(Pair::new(1, 2))), 24);
        let (dnc, mut of_dnc) = waiter(Subject::of(&entry), 33);
        waiting.add(status);
        waiting.add(dnc);
        let bare = Message::from(DoNotCallProcessed::default());
        waiting.asked(&bare).unwrap().told.send(Ok(())).unwrap();
        assert!(of_dnc.try_recv().is_ok());
        let error = Message::from(ErrorEvent::default());
        waiting.asked(&error).unwrap().told.send(Err("x".into())).unwrap();
        assert!(of_status.try_recv().unwrap().is_err());
        assert!(waiting.all.is_empty() && waiting.by_subject.is_empty());
    }

    #[test]
    fn only_loopback_is_this_machine() {
        for addr in ["127.0.0.1:7000", "localhost:7000", "[::1]:7000", "127.3.2.1:1"] {
            assert!(is_this_machine(addr), "{addr}");
        }
        for addr in ["10.0.0.1:7000", "tserver:7000", "[fe80::1]:7000", "0.0.0.0:1"] {
            assert!(!is_this_machine(addr), "{addr}");
        }
    }
}
