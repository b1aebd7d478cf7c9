//! TLS between links and T-Server ports, with certificates made here: what is refused, what the operator is told, and
//! what happens when the files change. Nothing sleeps; the guard only turns a test that would hang into one that fails.
#![cfg(feature = "app")]

#[path = "tls/authority.rs"]
mod authority;

use std::{future::Future, net::SocketAddr, path::PathBuf, time::Duration};

use bytes::Bytes;
use commdn::engine::tserver::{DnConfig, TServerConfig};
use commdn::net::{
    client::{LinkEvent, LinkHandle},
    driver::{AddpTrace, LinkSettings, start_link},
    listener::{Doors, TServerHandle, serve_tserver_at},
    registry::LinkDirectory,
    tls::{ClientFiles, ServerFiles, TlsClient, TlsError, TlsServer, reload_all},
};
use commdn::protocol::link::{Endpoint, LinkConfig, Tag};
use commdn::wire::limits::{FRAME_BYTES_MAX, LIST_BYTES_DEFAULT};
use commdn::wire::{Dialect, TkvList};
use rcgen::{CertificateParams, date_time_ymd};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc;
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;

use authority::Authority;

const DN: &str = "CommDN_1";

async fn guard<T>(future: impl Future<Output = T>) -> T {
    timeout(Duration::from_secs(60), future).await.expect("the test hangs")
}

impl Authority {
    fn server(&self, name: &str, client_ca: Option<PathBuf>) -> ServerFiles {
        let (cert, key) = self.issue("server", name, |_| {});
        ServerFiles { cert, key, client_ca }
    }

    fn client(&self) -> ClientFiles {
        ClientFiles { ca: self.ca(), identity: None, server_name: None }
    }
}

struct Server {
    handle: TServerHandle,
    _stop: tokio_util::sync::DropGuard,
}

impl Server {
    async fn start(tls: Option<TlsServer>) -> Self {
        let outer = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let config = TServerConfig::new(vec![DnConfig::new(DN)]);
        let stop = CancellationToken::new();
        let doors = Doors { outer, tls, inner: None };
        let handle = serve_tserver_at(doors, config, FRAME_BYTES_MAX, stop.clone()).unwrap();
        Self { handle, _stop: stop.drop_guard() }
    }

    async fn with(files: ServerFiles) -> Self {
        Self::start(Some(TlsServer::new(files).unwrap())).await
    }

    fn addr(&self) -> SocketAddr {
        self.handle.local_addr()
    }
}

struct Linked {
    handle: LinkHandle,
    events: mpsc::Receiver<LinkEvent>,
    directory: LinkDirectory,
    _stop: tokio_util::sync::DropGuard,
}

impl Linked {
    fn start(primary: SocketAddr, tls: Option<TlsClient>) -> Self {
        let settings = LinkSettings {
            name: "link".into(),
            primary: primary.to_string(),
            backup: None,
            link: LinkConfig::new("gateway", &[DN]),
            frame_bytes_max: FRAME_BYTES_MAX,
            addp_trace: AddpTrace::Off,
            tls,
        };
        let (directory, stop) = (LinkDirectory::new(), CancellationToken::new());
        let (handle, events) = start_link(settings, &directory, stop.clone());
        Self { handle, events, directory, _stop: stop.drop_guard() }
    }

    fn with(primary: SocketAddr, files: ClientFiles) -> Self {
        Self::start(primary, Some(TlsClient::new(files).unwrap()))
    }

    async fn next(&mut self) -> LinkEvent {
        guard(self.events.recv()).await.expect("the link has stopped")
    }

    async fn up(&mut self) {
        while self.next().await != LinkEvent::Up(vec![DN.into()]) {}
    }

    /// The first attempt must fail; what the operator is told.
    async fn refused(&mut self) -> String {
        let event = self.next().await;
        assert!(matches!(event, LinkEvent::AttemptFailed(Endpoint::Primary, _)), "{event:?}");
        self.directory.find("link").unwrap().snapshot.last_loss.unwrap()
    }

    /// Sends a list and hears it again.
    async fn sends(&mut self, list: Bytes, tag: u64) {
        self.handle.distribute(DN.into(), list.clone(), Tag(tag)).unwrap();
        for wanted in [
            LinkEvent::Acked(Tag(tag)),
            LinkEvent::UserEvent { dn: DN.into(), user_data: list.clone(), own_copy: true },
        ] {
            let mut event = self.next().await;
            while matches!(event, LinkEvent::UserEvent { own_copy: false, .. }) {
                event = self.next().await; // another link's
            }
            assert_eq!(event, wanted);
        }
    }
}

fn list(bytes: usize) -> Bytes {
    TkvList::new().str("k", "x".repeat(bytes)).encode(&Dialect::default()).unwrap().freeze()
}

#[tokio::test]
async fn a_link_with_tls_sends_small_and_large_user_events() {
    let authority = Authority::new("ours");
    let server = Server::with(authority.server("127.0.0.1", None)).await;
    let mut link = Linked::with(server.addr(), authority.client());
    link.up().await;
    assert!(link.directory.find("link").unwrap().snapshot.tls);
    for tag in 0..200 {
        link.sends(list(10), tag).await;
    }
    for tag in 200..220 {
        link.sends(list(LIST_BYTES_DEFAULT - 100), tag).await;
    }
}

#[tokio::test]
async fn many_large_events_at_once_arrive_whole_and_in_order() {
    const EVENTS: u64 = 400;
    let authority = Authority::new("ours");
    let server = Server::with(authority.server("127.0.0.1", None)).await;
    let mut sender = Linked::with(server.addr(), authority.client());
    let mut reader = Linked::with(server.addr(), authority.client());
    sender.up().await;
    reader.up().await;
    for tag in 0..EVENTS {
        sender.handle.distribute(DN.into(), list(10_000 + tag as usize), Tag(tag)).unwrap();
    }
    for tag in 0..EVENTS {
        let event = reader.next().await;
        let LinkEvent::UserEvent { user_data, .. } = event else { panic!("{event:?}") };
        assert_eq!(user_data, list(10_000 + tag as usize));
    }
}

#[tokio::test]
async fn what_is_wrong_with_a_certificate_is_refused_and_told() {
    let (ours, other) = (Authority::new("ours"), Authority::new("other"));
    let expired = |params: &mut CertificateParams| {
        (params.not_before, params.not_after) = (date_time_ymd(2001, 1, 1), date_time_ymd(2002, 1, 1));
    };
    let future = |params: &mut CertificateParams| {
        (params.not_before, params.not_after) = (date_time_ymd(2900, 1, 1), date_time_ymd(2901, 1, 1));
    };
    let files = |(cert, key)| ServerFiles { cert, key, client_ca: None };
    let cases = [
        ("expired", files(ours.issue("expired", "127.0.0.1", expired)), "expired"),
        ("not yet valid", files(ours.issue("future", "127.0.0.1", future)), "not valid yet"),
        ("wrong name", files(ours.issue("name", "tserver.example", |_| {})), "not valid for name"),
        ("unknown authority", files(other.issue("other", "127.0.0.1", |_| {})), "UnknownIssuer"),
    ];
    for (case, files, word) in cases {
        let server = Server::with(files).await;
        let mut link = Linked::with(server.addr(), ours.client());
        let told = link.refused().await;
        assert!(told.contains(word), "{case}: {told}");
    }
}

#[tokio::test]
async fn a_name_that_was_configured_is_the_one_that_counts() {
    let authority = Authority::new("ours");
    let server = Server::with(authority.server("tserver.example", None)).await;
    let files = ClientFiles { server_name: Some("tserver.example".into()), ..authority.client() };
    Linked::with(server.addr(), files).up().await;
    let files = ClientFiles { server_name: Some("no name".into()), ..authority.client() };
    assert!(matches!(TlsClient::new(files), Err(TlsError::Name(_))));
}

#[tokio::test]
async fn with_a_client_authority_only_its_certificates_come_in() {
    let (ours, other) = (Authority::new("ours"), Authority::new("other"));
    let server = Server::with(ours.server("127.0.0.1", Some(ours.ca()))).await;

    let told = Linked::with(server.addr(), ours.client()).refused().await;
    assert!(told.contains("CertificateRequired"), "{told}");
    let strange = ClientFiles { identity: Some(other.issue("client", "gateway", |_| {})), ..ours.client() };
    let told = Linked::with(server.addr(), strange).refused().await;
    assert!(told.contains("alert"), "{told}");
    let expired = ours.issue("old", "gateway", |params| {
        (params.not_before, params.not_after) = (date_time_ymd(2001, 1, 1), date_time_ymd(2002, 1, 1));
    });
    let told = Linked::with(server.addr(), ClientFiles { identity: Some(expired), ..ours.client() }).refused().await;
    assert!(told.contains("alert"), "{told}");

    let good = ClientFiles { identity: Some(ours.issue("client", "gateway", |_| {})), ..ours.client() };
    let mut link = Linked::with(server.addr(), good);
    link.up().await;
    link.sends(list(10), 1).await;
}

#[tokio::test]
async fn tls_and_plain_text_do_not_meet() {
    let authority = Authority::new("ours");
    let server = Server::with(authority.server("127.0.0.1", None)).await;
    let mut link = Linked::start(server.addr(), None);
    link.refused().await;

    let plain = Server::start(None).await;
    Linked::with(plain.addr(), authority.client()).refused().await;
}

#[tokio::test]
async fn who_never_finishes_its_handshake_delays_nobody() {
    let authority = Authority::new("ours");
    let server = Server::with(authority.server("127.0.0.1", None)).await;
    let mut silent = Vec::new();
    for byte in [None, Some(0x16_u8)] {
        for _ in 0..50 {
            let mut stream = TcpStream::connect(server.addr()).await.unwrap();
            if let Some(byte) = byte {
                stream.write_all(&[byte]).await.unwrap();
            }
            silent.push(stream);
        }
    }
    let mut link = Linked::with(server.addr(), authority.client());
    link.up().await;
    link.sends(list(10), 1).await;
    // They are cut off when their time is over, before anything was read as a frame.
    let mut rest = Vec::new();
    assert_eq!(guard(silent[0].read_to_end(&mut rest)).await.unwrap_or(0), 0);
}

#[tokio::test]
async fn new_files_count_for_new_connections_and_open_ones_stay() {
    let (ours, next) = (Authority::new("ours"), Authority::new("next"));
    let files = ours.server("127.0.0.1", None);
    let server = Server::with(files.clone()).await;
    let kept = TlsClient::new(ours.client()).unwrap();
    let mut early = Linked::start(server.addr(), Some(kept.clone()));
    early.up().await;

    // The server's certificate comes from another authority now; the key follows a moment later.
    let (cert, key) = next.issue("server", "127.0.0.1", |_| {});
    std::fs::copy(cert, &files.cert).unwrap();
    Linked::start(server.addr(), Some(kept.clone())).up().await;
    std::fs::copy(key, &files.key).unwrap();
    let told = Linked::start(server.addr(), Some(kept.clone())).refused().await;
    assert!(told.contains("UnknownIssuer"), "{told}");
    early.sends(list(10), 1).await;

    // So do the client's roots, in the file that it was started with.
    ours.file("ca.pem", &next.issuer.as_ref().pem());
    let mut late = Linked::start(server.addr(), Some(kept.clone()));
    late.up().await;
    late.sends(list(10), 2).await;

    // Files that cannot be used change nothing, however often they are to be read.
    std::fs::write(&files.cert, "no certificate").unwrap();
    ours.file("ca.pem", "");
    reload_all();
    Linked::start(server.addr(), Some(kept.clone())).up().await;
    early.sends(list(10), 3).await;
}

#[test]
fn files_that_cannot_be_used_are_named() {
    let authority = Authority::new("ours");
    let (cert, key) = authority.issue("server", "127.0.0.1", |_| {});
    let (_, other_key) = authority.issue("other", "127.0.0.1", |_| {});
    let missing = authority.folder.path().join("missing.pem");
    let empty = authority.file("empty.pem", "");
    let cases = [
        (ServerFiles { cert: missing.clone(), key: key.clone(), client_ca: None }, "missing.pem"),
        (ServerFiles { cert: empty.clone(), key: key.clone(), client_ca: None }, "empty.pem: expected at least one"),
        (ServerFiles { cert: cert.clone(), key: empty.clone(), client_ca: None }, "empty.pem"),
        (ServerFiles { cert: cert.clone(), key: other_key, client_ca: None }, "server.pem"),
        (ServerFiles { cert, key, client_ca: Some(empty) }, "empty.pem"),
    ];
    for (files, word) in cases {
        let error = TlsServer::new(files).unwrap_err().to_string();
        assert!(error.contains(word), "{error}");
    }
    assert!(TlsClient::new(ClientFiles { ca: missing, identity: None, server_name: None }).is_err());
}

/// Answers every request over TLS with an empty list.
async fn empty_gateway(tls: TlsServer) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let addr = listener.local_addr().unwrap();
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let Ok(mut stream) = tls.accept(stream).await else { continue };
            let mut request = Vec::new();
            while !request.ends_with(b"\r\n\r\n") && stream.read_buf(&mut request).await.unwrap_or(0) > 0 {}
            let body = r#"{"schema":"commdn.requests.v1","items":[],"next":null}"#;
            let head = "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\nconnection: close";
            let answer = format!("{head}\r\ncontent-length: {}\r\n\r\n{body}", body.len());
            // A client that has gone took what it wanted.
            let _ = stream.write_all(answer.as_bytes()).await;
            let _ = stream.shutdown().await;
        }
    });
    addr
}

#[tokio::test]
async fn the_verbs_speak_https_and_show_a_certificate_when_asked() {
    let ours = Authority::new("ours");
    let (cert, key) = ours.issue("person", "operator", |_| {});
    let [ca, cert, key] = [ours.ca(), cert, key].map(|path| path.display().to_string());
    let run = |addr: SocketAddr, words: &[&str]| {
        let mut command = std::process::Command::new(env!("CARGO_BIN_EXE_commdn"));
        command.args(["request", "list", "--json", "--url", &format!("https://{addr}")]).args(words);
        async move { guard(tokio::task::spawn_blocking(move || command.output())).await.unwrap().unwrap() }
    };
    let addr = empty_gateway(TlsServer::new(ours.server("127.0.0.1", None)).unwrap()).await;
    let listed = run(addr, &["--ca", &ca]).await;
    assert!(listed.status.success(), "{}", String::from_utf8_lossy(&listed.stderr));
    assert!(String::from_utf8_lossy(&listed.stdout).contains("commdn.requests.v1"));
    assert_eq!(run(addr, &[]).await.status.code(), Some(3), "this machine does not know the authority");

    let files = ours.server("127.0.0.1", Some(ours.folder.path().join("ca.pem")));
    let addr = empty_gateway(TlsServer::new(files).unwrap()).await;
    let known = run(addr, &["--ca", &ca, "--cert", &cert, "--cert-key", &key]).await;
    assert!(known.status.success(), "{}", String::from_utf8_lossy(&known.stderr));
    assert_eq!(run(addr, &["--ca", &ca]).await.status.code(), Some(3), "who shows none is refused");
    assert_eq!(run(addr, &["--cert", &cert]).await.status.code(), Some(2), "a certificate needs its key");
}
