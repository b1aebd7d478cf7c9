//! JSON Web Tokens at the door: good ones, and every way in which one can be wrong.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use commdn::engine::topology::Topology;
use commdn::service::Config;
use commdn::service::access::Access;
use commdn::store::sqlite::{Options, SqliteStore};
use jsonwebtoken::jwk::Jwk;
use jsonwebtoken::{Algorithm, EncodingKey, Header, encode};
use rcgen::{KeyPair, PKCS_ECDSA_P256_SHA256};
use reqwest::Method;
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;

use crate::site::{Reply, Site, guard};
use crate::stream::Stream;

/// Seconds since 1970 that are past, and those that no test lives to see.
const PAST: u64 = 1_000_000_000;
const FUTURE: u64 = 9_000_000_000;

struct Signer {
    pair: KeyPair,
    kid: &'static str,
}

impl Signer {
    fn new(kid: &'static str) -> Self {
        Self { pair: KeyPair::generate_for(&PKCS_ECDSA_P256_SHA256).unwrap(), kid }
    }

    fn encoding(&self) -> EncodingKey {
        EncodingKey::from_ec_pem(self.pair.serialize_pem().as_bytes()).unwrap()
    }

    fn jwk(&self) -> Value {
        let mut jwk = Jwk::from_encoding_key(&self.encoding(), Algorithm::ES256).unwrap();
        jwk.common.key_id = Some(self.kid.into());
        serde_json::to_value(jwk).unwrap()
    }

    fn sign(&self, claims: &Value) -> String {
        let header = Header { kid: Some(self.kid.into()), ..Header::new(Algorithm::ES256) };
        encode(&header, claims, &self.encoding()).unwrap()
    }
}

fn claims() -> Value {
    json!({"sub": "crm", "iss": "https://idp.example/", "aud": "commdn", "exp": FUTURE, "scope": "openid dnc:add"})
}

fn with(change: impl FnOnce(&mut Value)) -> Value {
    let mut claims = claims();
    change(&mut claims);
    claims
}

fn configured(config: &mut Config) {
    config.auth.mode = "tokens".into();
    config.auth.issuer = Some("https://idp.example/".into());
    config.auth.audience = Some("commdn".into());
}

async fn site(keys: &[Value]) -> (Site, TempDir) {
    let folder = TempDir::new().unwrap();
    let file = folder.path().join("keys.json");
    std::fs::write(&file, json!({ "keys": keys }).to_string()).unwrap();
    let site = Site::start(&Topology::demo(), None, |config| {
        configured(config);
        config.auth.jwks_file = Some(file.display().to_string());
    })
    .await;
    (site, folder)
}

async fn dnc(site: &Site, token: &str) -> Reply {
    let request = site.ask(Method::POST, "/v1/dnc?dry_run=true").bearer_auth(token).json(&json!({"phone": "5"}));
    Reply::of(request).await
}

fn part(value: &Value) -> String {
    use std::fmt::Write;
    // URL-safe base64 without padding, from hex digits of the bits: short, and no other crate for it.
    let bits: String = value.to_string().bytes().fold(String::new(), |mut bits, byte| {
        write!(bits, "{byte:08b}").unwrap();
        bits
    });
    let letters: Vec<char> = ('A'..='Z').chain('a'..='z').chain('0'..='9').chain(['-', '_']).collect();
    let bits: Vec<char> = bits.chars().collect();
    let value_of =
        |six: &[char]| six.iter().chain(['0'; 6].iter()).take(6).fold(0, |sum, bit| sum * 2 + usize::from(*bit == '1'));
    bits.chunks(6).map(|six| letters[value_of(six)]).collect()
}

#[tokio::test]
async fn a_good_token_does_what_its_scopes_say_and_nothing_else() {
    let signer = Signer::new("a");
    let (site, _folder) = site(&[signer.jwk()]).await;
    dnc(&site, &signer.sign(&claims())).await.with(200);
    let request = site.ask(Method::GET, "/v1/campaigns").bearer_auth(signer.sign(&claims()));
    Reply::of(request).await.problem(403, "forbidden");
    for scopes in [json!("dnc:add"), json!(["openid", "dnc:add"])] {
        let token = signer.sign(&with(|claims| {
            claims.as_object_mut().unwrap().remove("scope");
            claims["scp"] = scopes.clone();
        }));
        dnc(&site, &token).await.with(200);
    }
    dnc(&site, &signer.sign(&with(|claims| claims["aud"] = json!(["other", "commdn"])))).await.with(200);
    for scope in ["", "dnc", "dnc:add@campaign=101", "DNC:ADD", "openid profile"] {
        dnc(&site, &signer.sign(&with(|claims| claims["scope"] = json!(scope)))).await.problem(403, "forbidden");
    }
    site.stop().await;
}

#[tokio::test]
async fn an_open_stream_ends_with_its_token() {
    let signer = Signer::new("a");
    let folder = TempDir::new().unwrap();
    let file = folder.path().join("keys.json");
    std::fs::write(&file, json!({ "keys": [signer.jwk()] }).to_string()).unwrap();
    let site = Site::start(&Topology::demo(), None, |config| {
        configured(config);
        config.auth.jwks_file = Some(file.display().to_string());
        config.auth.leeway_s = 0;
    })
    .await;
    let soon = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap().as_secs() + 3;
    let token = signer.sign(&with(|claims| (claims["exp"], claims["scope"]) = (json!(soon), json!("campaign:read"))));
    let mut events = Stream::of(site.ask(Method::GET, "/v1/events").bearer_auth(token)).await;
    let cut = events.find(|item| item.event == "cut").await;
    assert_eq!(cut.data, "the token has expired");
    assert!(events.next().await.is_none());
    site.stop().await;
}

#[tokio::test]
async fn every_wrong_token_is_refused_with_its_reason() {
    let (signer, stranger) = (Signer::new("a"), Signer::new("z"));
    let impostor = Signer::new("a");
    let (site, _folder) = site(&[signer.jwk()]).await;
    let none = format!("{}.{}.", part(&json!({"alg": "none", "typ": "JWT", "kid": "a"})), part(&claims()));
    let secret = EncodingKey::from_secret(signer.pair.public_key_pem().as_bytes());
    let hs = Header { kid: Some("a".into()), ..Header::new(Algorithm::HS256) };
    let confused = encode(&hs, &claims(), &secret).unwrap();
    let good = signer.sign(&claims());
    let unsigned = format!("{}.", good.rsplit_once('.').unwrap().0);
    let edited = {
        let mut parts: Vec<&str> = good.split('.').collect();
        let wider = part(&with(|claims| claims["scope"] = json!("*")));
        parts[1] = &wider;
        parts.join(".")
    };
    let missing = |name: &str| {
        signer.sign(&with(|claims| {
            claims.as_object_mut().unwrap().remove(name);
        }))
    };
    let table = [
        ("expired", signer.sign(&with(|claims| claims["exp"] = json!(PAST))), "expired"),
        ("not yet", signer.sign(&with(|claims| claims["nbf"] = json!(FUTURE))), "not valid yet"),
        ("issuer", signer.sign(&with(|claims| claims["iss"] = json!("https://evil.example/"))), "issuer"),
        ("audience", signer.sign(&with(|claims| claims["aud"] = json!("other"))), "audience"),
        ("no exp", missing("exp"), ""),
        ("no iss", missing("iss"), ""),
        ("no aud", missing("aud"), ""),
        ("no sub", missing("sub"), ""),
        ("alg none", none, ""),
        ("public key as secret", confused, "algorithm"),
        ("unknown kid", stranger.sign(&claims()), "not known"),
        ("another key under the same kid", impostor.sign(&claims()), "signature"),
        ("without signature", unsigned, ""),
        ("edited", edited, "signature"),
        ("three dots", "a.b.c".into(), ""),
        ("too long", format!("{good}{}", "A".repeat(9_000)), "too long"),
    ];
    for (what, token, word) in table {
        let reply = dnc(&site, &token).await.problem(401, "unauthorised");
        assert!(reply.str("detail").contains(word), "{what}: {}", reply.text);
    }
    dnc(&site, &good).await.with(200);
    site.stop().await;
}

/// A server of key sets that counts how often it is asked.
async fn key_server(answers: Vec<String>) -> (String, Arc<AtomicUsize>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/keys", listener.local_addr().unwrap());
    let asked = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&asked);
    tokio::spawn(async move {
        loop {
            let (mut socket, _) = listener.accept().await.unwrap();
            let mut head = [0; 2_048];
            let _ = socket.read(&mut head).await;
            let at = count.fetch_add(1, Ordering::SeqCst);
            let answer = &answers[at.min(answers.len() - 1)];
            let _ = socket.write_all(answer.as_bytes()).await;
        }
    });
    (url, asked)
}

fn answer(keys: &[Value]) -> String {
    let body = json!({ "keys": keys }).to_string();
    format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\nConnection: close\r\n\r\n{body}", body.len())
}

async fn access(url: &str, floor_s: u64) -> Result<Access, String> {
    commdn::net::tls::install_provider();
    let mut config = Config::default();
    configured(&mut config);
    config.auth.jwks_url = Some(url.into());
    config.auth.jwks_floor_s = floor_s;
    let store = Arc::new(SqliteStore::in_memory(Options::default()).unwrap());
    Access::new(&config, store).await.map_err(|error| error.to_string())
}

#[tokio::test]
async fn a_new_key_is_fetched_when_a_token_names_it() {
    let (old, new) = (Signer::new("old"), Signer::new("new"));
    let (url, asked) = key_server(vec![answer(&[old.jwk()]), answer(&[new.jwk()])]).await;
    let access = guard(access(&url, 0)).await.unwrap();
    let good = |token: String| {
        let access = access.clone();
        async move { guard(access.identify(Some(&token), None)).await.is_ok() }
    };
    assert!(good(old.sign(&claims())).await && good(old.sign(&claims())).await);
    assert_eq!(asked.load(Ordering::SeqCst), 1, "keys are kept");
    assert!(good(new.sign(&claims())).await);
    assert!(!good(old.sign(&claims())).await, "what was withdrawn is gone");
}

#[tokio::test]
async fn a_flood_of_invented_keys_costs_one_fetch() {
    let (known, invented) = (Signer::new("known"), Signer::new("invented"));
    let (url, asked) = key_server(vec![answer(&[known.jwk()])]).await;
    let access = guard(access(&url, 3_600)).await.unwrap();
    for _ in 0..50 {
        assert!(guard(access.identify(Some(&invented.sign(&claims())), None)).await.is_err());
    }
    assert!(asked.load(Ordering::SeqCst) <= 2, "{}", asked.load(Ordering::SeqCst));
    assert!(guard(access.identify(Some(&known.sign(&claims())), None)).await.is_ok());
}

#[tokio::test]
async fn a_key_server_that_redirects_or_talks_nonsense_stops_the_start() {
    let body = format!("HTTP/1.1 200 OK\r\nContent-Length: 300000\r\nConnection: close\r\n\r\n{}", " ".repeat(300_000));
    for bad in [
        "HTTP/1.1 302 Found\r\nLocation: http://127.0.0.1:1/keys\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"
            .to_owned(),
        "HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\nno".to_owned(),
        answer(&[]),
        answer(&[json!({"kty": "oct", "kid": "a", "k": "AAAA"})]),
        body,
    ] {
        let (url, _) = key_server(vec![bad.clone()]).await;
        assert!(guard(access(&url, 0)).await.is_err(), "{}", &bad[..40]);
    }
    for bad in ["http://idp.example/keys", "https://user@idp.example/keys", "file:///keys"] {
        assert!(access(bad, 0).await.unwrap_err().contains("jwks_url"), "{bad}");
    }
}
