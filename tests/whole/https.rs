//! The HTTPS port of `serve`: which certificates are taken on either side, old protocols, and new files without a restart.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use rcgen::{ExtendedKeyUsagePurpose, date_time_ymd};
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName, pem::PemObject};
use rustls::{ClientConfig, RootCertStore, SupportedProtocolVersion, version};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

use crate::authority::Authority;
use crate::program::{Running, listening};
use crate::site::guard;

type Pair = (PathBuf, PathBuf);

struct Door {
    running: Running,
    addr: SocketAddr,
}

impl Door {
    /// `serve` with these files.
    fn open((cert, key): &Pair, client_ca: Option<&Path>) -> Self {
        commdn::net::tls::install_provider();
        let text = |path: &Path| path.display().to_string();
        let (cert, key, ca) = (text(cert), text(key), client_ca.map(text));
        let mut variables = vec![("COMMDN_HTTP__TLS__CERT", cert.as_str()), ("COMMDN_HTTP__TLS__KEY", key.as_str())];
        variables.extend(ca.as_deref().map(|ca| ("COMMDN_HTTP__TLS__CLIENT_CA", ca)));
        // Nobody listens at port 1: the door is open without a T-Server too.
        let words = ["serve", "--http", "127.0.0.1:0", "--tserver", "127.0.0.1:1", "--log", "off"];
        let running = listening(&words, &variables);
        let addr = running.url.strip_prefix("http://").unwrap().parse().unwrap();
        Self { running, addr }
    }

    /// A session with this port, as far as the client's side of it goes.
    async fn session(&self, client: &Client<'_>) -> Result<TlsStream<TcpStream>, String> {
        let mut roots = RootCertStore::empty();
        for root in CertificateDer::pem_file_iter(client.root).unwrap() {
            roots.add(root.unwrap()).unwrap();
        }
        let builder = ClientConfig::builder_with_protocol_versions(&[client.version]).with_root_certificates(roots);
        let config = match client.shows {
            None => builder.with_no_client_auth(),
            Some((cert, key)) => {
                let chain = CertificateDer::pem_file_iter(cert).unwrap().map(Result::unwrap).collect();
                builder.with_client_auth_cert(chain, PrivateKeyDer::from_pem_file(key).unwrap()).unwrap()
            }
        };
        let stream = TcpStream::connect(self.addr).await.unwrap();
        let name = ServerName::try_from(client.name).unwrap();
        let session = guard(TlsConnector::from(Arc::new(config)).connect(name, stream)).await;
        session.map_err(|error| error.to_string())
    }

    /// The first line of the answer, or why there is none.
    async fn ask(&self, client: &Client<'_>) -> Result<String, String> {
        talk(&mut self.session(client).await?).await
    }
}

async fn talk(session: &mut TlsStream<TcpStream>) -> Result<String, String> {
    let request = b"GET /healthz HTTP/1.1\r\nhost: localhost\r\n\r\n";
    session.write_all(request).await.map_err(|error| error.to_string())?;
    let mut answer = Vec::new();
    // A server of TLS 1.3 refuses a client's certificate after the client's side is done.
    while !answer.ends_with(b"ok\n") {
        let read = guard(session.read_buf(&mut answer)).await.map_err(|error| error.to_string())?;
        if read == 0 {
            return Err("closed".into());
        }
    }
    Ok(String::from_utf8(answer).unwrap().lines().next().unwrap().to_owned())
}

#[derive(Clone, Copy)]
struct Client<'a> {
    root: &'a Path,
    name: &'static str,
    version: &'static SupportedProtocolVersion,
    shows: Option<&'a Pair>,
}

impl<'a> Client<'a> {
    fn of(root: &'a Path) -> Self {
        Self { root, name: "localhost", version: &version::TLS13, shows: None }
    }
}

const GOOD: &str = "HTTP/1.1 200 OK";

#[tokio::test]
async fn a_client_takes_the_right_certificate_and_no_other() {
    let (ours, others) = (Authority::new("ours"), Authority::new("others"));
    let (ca, foreign) = (ours.ca(), others.ca());
    let door = Door::open(&ours.issue("right", "localhost", |_| {}), None);
    let client = Client::of(&ca);
    assert_eq!(door.ask(&client).await.as_deref(), Ok(GOOD));
    assert_eq!(door.ask(&Client { version: &version::TLS12, ..client }).await.as_deref(), Ok(GOOD));
    let unknown = door.ask(&Client { root: &foreign, ..client }).await.unwrap_err();
    assert!(unknown.contains("UnknownIssuer"), "{unknown}");
    let name = door.ask(&Client { name: "gateway.example", ..client }).await.unwrap_err();
    assert!(name.contains("not valid for"), "{name}");
    assert_eq!(door.ask(&client).await.as_deref(), Ok(GOOD), "nobody's refusal disturbs others");

    let expired = ours.issue("expired", "localhost", |params| {
        (params.not_before, params.not_after) = (date_time_ymd(2000, 1, 1), date_time_ymd(2001, 1, 1));
    });
    let expired = Door::open(&expired, None).ask(&client).await.unwrap_err();
    assert!(expired.to_lowercase().contains("expired"), "{expired}");
}

#[tokio::test]
async fn with_a_client_authority_who_shows_none_or_a_wrong_one_is_refused() {
    let (ours, others) = (Authority::new("ours"), Authority::new("others"));
    let ca = ours.ca();
    let door = Door::open(&ours.issue("server", "localhost", |_| {}), Some(&ca));
    let right = ours.issue("person", "operator", |_| {});
    let wrong = others.issue("person", "operator", |_| {});
    let expired = ours.issue("late", "operator", |params| {
        (params.not_before, params.not_after) = (date_time_ymd(2000, 1, 1), date_time_ymd(2001, 1, 1));
    });
    let of_a_server = ours
        .issue("purpose", "operator", |params| params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth]);
    for version in [&version::TLS12, &version::TLS13] {
        let client = Client { version, ..Client::of(&ca) };
        assert_eq!(door.ask(&Client { shows: Some(&right), ..client }).await.as_deref(), Ok(GOOD));
        for (shows, word) in [
            (None, "CertificateRequired"),
            (Some(&wrong), "UnknownCA"),
            (Some(&expired), "CertificateExpired"),
            (Some(&of_a_server), "Certificate"),
        ] {
            let refused = door.ask(&Client { shows, ..client }).await.unwrap_err();
            // Before 1.3 there is no alert for a certificate that is missing.
            let word =
                if version.version == rustls::ProtocolVersion::TLSv1_2 && shows.is_none() { "alert" } else { word };
            assert!(refused.contains(word) || refused.contains("reset"), "{word}: {refused}");
        }
    }
}

/// The first flight of a client that speaks TLS 1.1 at most, or 1.0.
fn old_hello(minor: u8) -> Vec<u8> {
    let mut hello = vec![3, minor];
    hello.extend([7; 32]); // random
    hello.push(0); // no session
    hello.extend([0, 4, 0xc0, 0x13, 0x00, 0x2f]); // two suites of that time
    hello.extend([1, 0]); // no compression
    let mut handshake = vec![1, 0, 0, u8::try_from(hello.len()).unwrap()];
    handshake.extend(hello);
    let mut record = vec![22, 3, 1, 0, u8::try_from(handshake.len()).unwrap()];
    record.extend(handshake);
    record
}

#[tokio::test]
async fn old_protocols_and_plain_text_are_refused() {
    let ours = Authority::new("ours");
    let ca = ours.ca();
    let door = Door::open(&ours.issue("server", "localhost", |_| {}), None);
    for minor in [1, 2] {
        let mut socket = TcpStream::connect(door.addr).await.unwrap();
        socket.write_all(&old_hello(minor)).await.unwrap();
        let mut answer = Vec::new();
        // Closed, or reset behind the alert.
        let _ = guard(socket.read_to_end(&mut answer)).await;
        // An alert record: fatal, protocol_version or handshake_failure.
        assert!(answer.first() == Some(&21) && [Some(&70), Some(&40)].contains(&answer.get(6)), "{answer:?}");
    }
    let mut socket = TcpStream::connect(door.addr).await.unwrap();
    socket.write_all(b"GET /healthz HTTP/1.1\r\nhost: localhost\r\n\r\n").await.unwrap();
    let mut answer = Vec::new();
    let _ = guard(socket.read_to_end(&mut answer)).await;
    assert!(!String::from_utf8_lossy(&answer).contains("HTTP/1.1"), "{answer:?}");
    assert_eq!(door.ask(&Client::of(&ca)).await.as_deref(), Ok(GOOD));
}

#[tokio::test]
async fn new_files_count_without_a_restart_and_broken_ones_do_not() {
    let (ours, others) = (Authority::new("ours"), Authority::new("others"));
    let (ca, foreign) = (ours.ca(), others.ca());
    let files = ours.issue("server", "localhost", |_| {});
    let mut door = Door::open(&files, None);
    let mut open = door.session(&Client::of(&ca)).await.unwrap();
    assert_eq!(talk(&mut open).await.as_deref(), Ok(GOOD));

    ours.file("server.pem", "nothing of the kind");
    door.running.program.hang_up();
    assert_eq!(door.ask(&Client::of(&ca)).await.as_deref(), Ok(GOOD), "the last good files stay in place");

    let (cert, key) = others.issue("server", "localhost", |_| {});
    ours.file("server.key", &std::fs::read_to_string(key).unwrap());
    ours.file("server.pem", &std::fs::read_to_string(cert).unwrap());
    door.running.program.hang_up();
    // Signals come when they come; until then the old certificate stands.
    guard(async { while door.ask(&Client::of(&foreign)).await.is_err() {} }).await;
    assert!(door.ask(&Client::of(&ca)).await.unwrap_err().contains("UnknownIssuer"));
    assert_eq!(talk(&mut open).await.as_deref(), Ok(GOOD), "open connections keep theirs");
    drop(open);
    assert_eq!(door.running.program.terminate(), Some(0));
}
