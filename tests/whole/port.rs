//! The gateway's own T-Server port, with a client that knows nothing of the gateway.

use std::net::SocketAddr;

use bytes::{Bytes, BytesMut};
use commdn::engine::topology::Topology;
use commdn::message::{
    AppDbid, CommDnMessage, DoNotCall, ErrorCode, GetCampaignStatus, LoadCampaign, Message, Pair, Target,
};
use commdn::net::codec::FrameCodec;
use commdn::net::tls::{ClientFiles, Stream, TlsClient};
use commdn::protocol::responder::Ignored;
use commdn::service::{ApplicationSection, Config, ServerTls};
use commdn::wire::limits::FRAME_BYTES_MAX;
use commdn::wire::user_event::{
    EventUserEvent, RequestDistributeUserEvent, RequestRegisterAddress, RequestRegisterClient,
};
use commdn::wire::{Dialect, Frame, Reading, ReferenceId, TMessage, TServerMessage, TkvList, Value, take_frame};
use futures_util::SinkExt;
use serde_json::json;
use tokio::net::TcpStream;
use tokio_stream::StreamExt;
use tokio_util::codec::Framed;

use crate::site::{Site, guard, renewals, simulate};

const DN: &str = "CommDN_1";

/// One session of an old application.
pub(crate) struct Client {
    framed: Framed<Stream, FrameCodec>,
    references: u32,
}

impl Client {
    async fn connect(addr: SocketAddr) -> Self {
        let stream = TcpStream::connect(addr).await.unwrap();
        Self::over(Stream::Plain(stream))
    }

    fn over(stream: Stream) -> Self {
        Self { framed: Framed::new(stream, FrameCodec::new(FRAME_BYTES_MAX, Reading::Strict)), references: 0 }
    }

    /// Logged in and registered on the CommDN.
    pub(crate) async fn registered(addr: SocketAddr, name: &str) -> Self {
        let mut client = Self::connect(addr).await;
        client.register(name).await;
        client
    }

    async fn register(&mut self, name: &str) {
        let client = self;
        client
            .send(RequestRegisterClient {
                reference: None,
                protocol_version: "commdn-1".into(),
                application_name: name.into(),
                application_password: None,
            })
            .await;
        let reference = client.reference();
        assert!(matches!(client.next().await, Some(TServerMessage::EventServerInfo(_))));
        assert!(matches!(client.next().await, Some(TServerMessage::EventLinkConnected(_))));
        client
            .send(RequestRegisterAddress { reference, this_dn: DN.into(), address_type: None, register_mode: None })
            .await;
        assert!(matches!(client.next().await, Some(TServerMessage::EventRegistered(_))));
    }

    fn reference(&mut self) -> ReferenceId {
        self.references += 1;
        ReferenceId(self.references)
    }

    async fn send(&mut self, message: impl Into<TServerMessage>) {
        let mut out = BytesMut::new();
        message.into().encode(&mut out, &Dialect::default(), None).unwrap();
        let frame = take_frame(&mut out, FRAME_BYTES_MAX, Reading::Strict).unwrap().unwrap();
        self.framed.send(frame).await.unwrap();
    }

    /// The next message, `None` when the server has closed.
    async fn next(&mut self) -> Option<TServerMessage> {
        match guard(self.framed.next()).await?.ok()? {
            Frame::Message(body) => {
                let message = TMessage::decode(&body, &Dialect::default(), Reading::Strict).unwrap();
                Some(TServerMessage::read(&message).unwrap().unwrap())
            }
            other => panic!("{other:?}"),
        }
    }

    pub(crate) async fn distribute(&mut self, message: &CommDnMessage) {
        let user_data = message.encode(&Dialect::default()).unwrap();
        self.distribute_list(user_data).await;
    }

    async fn distribute_list(&mut self, user_data: Bytes) {
        let reference = self.reference();
        let (communication_dn, extensions, reason) = (DN.into(), None, None);
        self.send(RequestDistributeUserEvent {
            reference,
            this_dn: None,
            communication_dn,
            user_data,
            extensions,
            reason,
        })
        .await;
    }

    /// The next user event that `wanted` accepts.
    async fn event(&mut self, wanted: impl Fn(&CommDnMessage) -> bool) -> CommDnMessage {
        loop {
            if let TServerMessage::EventUserEvent(EventUserEvent { user_data, .. }) = self.next().await.expect("closed")
            {
                let decoded = CommDnMessage::decode(&user_data, &Dialect::default(), Reading::Strict);
                if let Some(decoded) = decoded.ok().filter(|decoded| wanted(&decoded.message)) {
                    return decoded.message;
                }
            }
        }
    }

    /// The next event for an application.
    pub(crate) async fn answer(&mut self, application: i32) -> CommDnMessage {
        self.event(|message| message.target == Target::One(AppDbid(application))).await
    }

    pub(crate) fn do_not_call(&self, origin: i32, target: i32, phone: &str) -> CommDnMessage {
        let entry = DoNotCall { phone: Some(phone.into()), ..DoNotCall::default() };
        CommDnMessage::new(AppDbid(origin), target, entry)
    }
}

fn load(origin: i32, target: i32) -> CommDnMessage {
    CommDnMessage::new(AppDbid(origin), target, LoadCampaign::new(Pair::new(101, 732), Default::default()))
}

fn status(origin: i32, target: i32) -> CommDnMessage {
    CommDnMessage::new(AppDbid(origin), target, GetCampaignStatus::new(Pair::new(101, 732)))
}

fn listens(config: &mut Config) {
    config.gateway.listen_tserver = Some("127.0.0.1:0".into());
}

async fn open(change: impl FnOnce(&mut Config)) -> Site {
    Site::start(&Topology::demo(), None, |config| {
        listens(config);
        change(config);
    })
    .await
}

impl Site {
    fn port_addr(&self) -> SocketAddr {
        self.port.as_ref().unwrap().addr()
    }

    fn ignored(&self, reason: Ignored) -> u64 {
        self.port.as_ref().unwrap().counts().ignored(reason)
    }
}

/// From OCS to somebody: the gateway's own questions are answered too, and heard with target 0.
fn is_answer(message: &CommDnMessage) -> bool {
    message.origin == AppDbid(301) && message.target != Target::Every
}

fn code(message: &CommDnMessage) -> Option<i32> {
    matches!(message.body, Message::ErrorEvent(_)).then(|| message.body.error()).flatten().map(|code| code.0)
}

#[tokio::test]
async fn a_request_of_the_port_is_journaled_like_every_request() {
    let site = open(|_| {}).await;
    let mut client = Client::registered(site.port_addr(), "desktop").await;
    client.distribute(&client.do_not_call(209, 0, "+420777888777")).await;
    let answers = [client.answer(209).await, client.answer(209).await];
    let mut told: Vec<(i32, i32)> = answers.iter().map(|it| (it.origin.0, it.body.message_type().0)).collect();
    told.sort_unstable();
    assert_eq!(told, [(301, 33), (302, 33)]);
    // The application hears each answer as it comes; the request has ended when that is on the disk too.
    guard(async { while site.get("/v1/requests").await.with(200)["items"][0]["outcome"] == "pending" {} }).await;
    let requests = site.get("/v1/requests").await.with(200);
    let request = &requests["items"][0];
    assert_eq!((&request["kind"], &request["outcome"]), (&json!("do_not_call"), &json!("answered")));
    assert_eq!(request["asked_by"], "application 209 (Desktop_209)");
    let counts = site.port.as_ref().unwrap().counts();
    assert_eq!((counts.requests(), counts.refused()), (1, 0));
    site.stop().await;
}

#[tokio::test]
async fn what_others_change_is_heard_as_a_notification() {
    let site = open(|_| {}).await;
    let mut client = Client::registered(site.port_addr(), "monitor").await;
    site.post(&renewals("/load")).await.outcome("answered");
    let loaded = client.event(|message| matches!(message.body, Message::CampaignLoaded(_))).await;
    assert_eq!((loaded.origin, loaded.target), (AppDbid(301), Target::Every));
    // An application on the T-Server itself, past the gateway.
    let mut other = Client::registered(site.tserver(), "desktop").await;
    other
        .distribute(&CommDnMessage::new(
            AppDbid(216),
            AppDbid(301),
            commdn::message::ForceUnloadCampaign::new(Pair::new(101, 732)),
        ))
        .await;
    let unloaded = client.event(|message| matches!(message.body, Message::CampaignUnloaded(_))).await;
    assert_eq!((unloaded.origin, unloaded.target), (AppDbid(301), Target::Every));
    // Whom others put on the list is none of its business.
    site.post_json("/v1/dnc", json!({"phone": "+420777888777"})).await.outcome("answered");
    client.distribute(&status(209, 301)).await;
    let is_either = |message: &CommDnMessage| is_answer(message) || message.body.do_not_call().is_some();
    let next = client.event(is_either).await;
    assert_eq!(next.body.message_type().0, 24, "{next:?}");
    site.stop().await;
}

#[tokio::test]
async fn the_answer_is_that_of_ocs_but_for_the_application() {
    let site = open(|_| {}).await;
    let mut client = Client::registered(site.port_addr(), "desktop").await;
    let mut tap = site.gateway.tap().subscribe(None).live;
    client.distribute(&load(209, 301)).await;
    let told = loop {
        let TServerMessage::EventUserEvent(event) = client.next().await.unwrap() else { continue };
        let list = TkvList::decode(&event.user_data, &Dialect::default(), Reading::Strict).unwrap();
        if list.first("GSW_CM_MessageType") == Some(&Value::Int(19)) {
            break list;
        }
    };
    let came = loop {
        let (_, event) = guard(tap.recv()).await.unwrap();
        if event.incoming && matches!(event.message, Some(CommDnMessage { body: Message::CampaignLoaded(_), .. })) {
            break TkvList::decode(&event.user_data, &event.dialect, Reading::Strict).unwrap();
        }
    };
    let target = |list: &TkvList| list.first("GSW_CM_AttrTargetAppID").cloned();
    assert_eq!(target(&told), Some(Value::Int(209)));
    let differs = |(one, other): &(&(_, _), &(_, _))| one != other;
    assert_eq!(told.pairs().iter().zip(came.pairs()).filter(differs).count(), 1, "{told:?} {came:?}");
    site.stop().await;
}

#[tokio::test]
async fn who_is_not_configured_meets_silence_and_is_counted() {
    let site = open(|config| {
        config.application = vec![
            ApplicationSection { dbid: 209, name: "Desktop".into(), ..ApplicationSection::default() },
            ApplicationSection {
                dbid: 210,
                name: "Far".into(),
                addresses: vec!["192.0.2.0/24".into()],
                ..ApplicationSection::default()
            },
            ApplicationSection {
                dbid: 211,
                name: "Elsewhere".into(),
                dns: vec!["CommDN_2".into()],
                ..ApplicationSection::default()
            },
            ApplicationSection {
                dbid: 212,
                name: "Signed".into(),
                certificate: Some("desk.example".into()),
                ..ApplicationSection::default()
            },
            ApplicationSection {
                dbid: 213,
                name: "Reader".into(),
                requests: vec!["status".into()],
                ..ApplicationSection::default()
            },
        ];
    })
    .await;
    let mut client = Client::registered(site.port_addr(), "desktop").await;
    for origin in [299, 201, 210, 211, 212] {
        client.distribute(&load(origin, 301)).await;
    }
    client.distribute(&status(209, 301)).await;
    let answer = client.event(is_answer).await;
    assert_eq!((answer.target, answer.body.message_type().0), (Target::One(AppDbid(209)), 24));
    assert_eq!(site.ignored(Ignored::UnknownOrigin), 5);
    client.distribute(&status(213, 301)).await;
    assert_eq!(client.answer(213).await.body.message_type().0, 24);
    client.distribute(&load(213, 301)).await;
    let refused = client.answer(213).await;
    assert_eq!((code(&refused), refused.body.pair()), (Some(16), Some(Pair::new(101, 732))));
    let requests = site.get("/v1/requests").await.with(200);
    assert_eq!(requests["items"].as_array().unwrap().len(), 2, "{}", requests.text);
    site.stop().await;
}

#[tokio::test]
async fn an_address_of_no_application_is_not_let_in() {
    let site = open(|config| {
        for application in &mut config.application {
            application.addresses = vec!["192.0.2.0/24".into()];
        }
    })
    .await;
    let mut client = Client::connect(site.port_addr()).await;
    assert!(client.next().await.is_none());
    site.stop().await;
}

/// An authority, and certificates of it as files.
struct Authority {
    issuer: rcgen::CertifiedIssuer<'static, rcgen::KeyPair>,
    folder: tempfile::TempDir,
}

impl Authority {
    fn new() -> Self {
        let mut params = rcgen::CertificateParams::default();
        params.is_ca = rcgen::IsCa::Ca(rcgen::BasicConstraints::Unconstrained);
        let issuer = rcgen::CertifiedIssuer::self_signed(params, rcgen::KeyPair::generate().unwrap()).unwrap();
        Self { issuer, folder: tempfile::TempDir::new().unwrap() }
    }

    fn file(&self, name: &str, text: &str) -> String {
        let path = self.folder.path().join(name);
        std::fs::write(&path, text).unwrap();
        path.to_str().unwrap().to_owned()
    }

    fn ca(&self) -> String {
        self.file("ca.pem", &self.issuer.as_ref().pem())
    }

    fn issue(&self, name: &str) -> (String, String) {
        let params = rcgen::CertificateParams::new(vec![name.to_owned()]).unwrap();
        let key = rcgen::KeyPair::generate().unwrap();
        let certificate = params.signed_by(&key, &self.issuer).unwrap();
        let cert = self.file(&format!("{name}.pem"), &certificate.pem());
        (cert, self.file(&format!("{name}.key"), &key.serialize_pem()))
    }

    async fn client(&self, addr: SocketAddr, name: &str) -> Client {
        let (cert, key) = self.issue(name);
        let files = ClientFiles {
            ca: self.ca().into(),
            identity: Some((cert.into(), key.into())),
            server_name: Some("gateway.example".into()),
        };
        let stream = TcpStream::connect(addr).await.unwrap();
        Client::over(TlsClient::new(files).unwrap().connect("127.0.0.1", stream).await.unwrap())
    }
}

#[tokio::test]
async fn an_application_is_known_by_the_name_in_its_certificate() {
    let authority = Authority::new();
    let (cert, key) = authority.issue("gateway.example");
    let tls = ServerTls { cert, key, client_ca: Some(authority.ca()) };
    let site = open(|config| {
        config.gateway.tls = Some(tls);
        let application = |dbid, name: &str| ApplicationSection {
            dbid,
            name: name.into(),
            certificate: Some(format!("{name}.example")),
            ..ApplicationSection::default()
        };
        config.application = vec![application(209, "desk"), application(210, "till")];
    })
    .await;
    let mut desk = authority.client(site.port_addr(), "desk.example").await;
    desk.register("desk").await;
    // The other one's DBID needs the other one's certificate.
    desk.distribute(&status(210, 301)).await;
    desk.distribute(&status(209, 301)).await;
    let answer = desk.event(is_answer).await;
    assert_eq!(answer.target, Target::One(AppDbid(209)));
    assert_eq!(site.ignored(Ignored::UnknownOrigin), 1);
    // A good certificate that is nobody's.
    let mut nobody = authority.client(site.port_addr(), "nobody.example").await;
    assert!(nobody.next().await.is_none());
    site.stop().await;
}

#[tokio::test]
async fn a_silent_ocs_is_silent_here_too() {
    // OCS does not know the gateway's application.
    let site = open(|config| {
        config.origin.pool = vec![299];
        config.limits.answer_ms = 150;
        config.limits.answer_life_ms = 200;
        config.limits.double_gap_ms = 50;
    })
    .await;
    let mut client = Client::registered(site.port_addr(), "desktop").await;
    let mut events = crate::stream::Stream::open(&site, "/v1/events?filter=outcome%3Dunknown", None).await;
    client.distribute(&load(209, 301)).await;
    events.find(|item| item.data["kind"] == "load").await;
    // What is refused here comes behind whatever the end of the load would have said.
    client.distribute(&client.do_not_call(209, 301, "")).await;
    let next = client.event(is_answer).await;
    assert_eq!(code(&next), Some(ErrorCode::INVALID_PARAMETER.0), "{next:?}");
    site.stop().await;
}

#[tokio::test]
async fn without_a_link_a_do_not_call_waits_and_a_load_is_refused() {
    let listener = tokio::net::TcpListener::bind("127.0.0.79:0").await.unwrap();
    let addr = listener.local_addr().unwrap().to_string();
    drop(listener);
    let site = Site::gateway(&Topology::demo(), &addr, |config| {
        listens(config);
        config.limits.lane_wait_ms = 100;
        config.limits.answer_ms = 1_000;
    })
    .await;
    let mut client = Client::registered(site.port_addr(), "desktop").await;
    client.distribute(&client.do_not_call(209, 0, "+420777888777")).await;
    client.distribute(&load(209, 301)).await;
    let refused = client.answer(209).await;
    assert_eq!((refused.origin, code(&refused)), (AppDbid(301), Some(1)));
    assert_eq!(refused.body.error_message().unwrap().display(), "not sent: link down");
    let (simulator, stop) = simulate(&addr, &Topology::demo(), None).await;
    let answers = [client.answer(209).await, client.answer(209).await];
    let mut told: Vec<(i32, i32)> = answers.iter().map(|it| (it.origin.0, it.body.message_type().0)).collect();
    told.sort_unstable();
    assert_eq!(told, [(301, 33), (302, 33)]);
    site.stop().await;
    stop.cancel();
    simulator.stopped().await;
}

#[tokio::test]
async fn many_requests_in_a_row_are_all_answered() {
    let site = open(|_| {}).await;
    let mut client = Client::registered(site.port_addr(), "desktop").await;
    let phones: Vec<String> = (0..500).map(|n| format!("+1202556{n:04}")).collect();
    for phone in &phones {
        client.distribute(&client.do_not_call(209, 301, phone)).await;
    }
    let mut answered = Vec::new();
    while answered.len() < phones.len() {
        let answer = client.answer(209).await;
        let entry = answer.body.do_not_call().and_then(|entry| entry.phone.clone()).unwrap();
        answered.push(entry.reveal().display().into_owned());
    }
    answered.sort_unstable();
    assert_eq!(answered, phones);
    site.stop().await;
}
