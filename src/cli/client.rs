//! The gateway as the verbs see it: one client of its HTTP API.

use std::path::Path;
use std::time::Duration;

use reqwest::{Certificate, ClientBuilder, Identity, Method, Response, StatusCode, Url};
use secrecy::{ExposeSecret, SecretString};
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::cli::args::Global;
use crate::cli::exit::{CliError, Exit, exit_of_outcome};
use crate::cli::output::Output;
use crate::http::dto::{DryRunDto, ProblemDto, RequestDto};
use crate::net::tls::install_provider;

/// How long connecting may take.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
/// What the gateway gets beyond the wait it was asked for.
const GRACE: Duration = Duration::from_secs(10);

/// Bytes of an upload that are read at once.
const UPLOAD_BYTES: u64 = 256 << 10;

/// What every verb needs.
#[derive(Clone, Debug)]
pub struct Ctx {
    /// The flags of every verb.
    pub global: Global,
    /// Where words go.
    pub out: Output,
}

/// A client of one gateway.
#[derive(Clone, Debug)]
pub struct Client {
    http: reqwest::Client,
    base: Url,
    token: Option<SecretString>,
    global: Global,
}

/// What a verb that changes something got back.
#[derive(Clone, Debug)]
pub enum Asked<T> {
    /// `--dry-run`: the UserEvent that would have been sent.
    Dry(DryRunDto),
    /// The answer.
    Done(T),
}

impl Client {
    /// A client of the gateway at `--url`.
    ///
    /// # Errors
    /// Exit 2 for an address that cannot be used.
    pub fn new(global: &Global) -> Result<Self, CliError> {
        let bad = |why: String| {
            CliError::usage(format!("--url {}: {why}", global.url()))
                .hint("expected an address like http://127.0.0.1:8080")
        };
        let base = Url::parse(global.url()).map_err(|error| bad(error.to_string()))?;
        match base.scheme() {
            "http" | "https" => {}
            scheme => return Err(bad(format!("unknown scheme '{scheme}'"))),
        }
        install_provider();
        let host = base.host_str().unwrap_or_default();
        let loopback = host == "localhost" || host.starts_with("127.") || host == "[::1]";
        install_provider();
        let mut builder = reqwest::Client::builder()
            .connect_timeout(CONNECT_TIMEOUT)
            .redirect(reqwest::redirect::Policy::none())
            .user_agent(concat!("commdn/", env!("CARGO_PKG_VERSION")));
        if loopback {
            builder = builder.no_proxy();
        }
        let builder = with_certificates(builder, global)?;
        let http = builder.build().map_err(|error| CliError::usage(format!("certificates: {}", innermost(&error))))?;
        let token = global.token.as_ref().map(token).transpose()?;
        Ok(Self { http, base, token, global: global.clone() })
    }

    /// The address of a path; names are percent-encoded.
    fn address(&self, path: &[&str], query: &[(&str, &str)]) -> Result<Url, CliError> {
        let mut url = self.base.clone();
        if path.iter().any(|segment| matches!(*segment, "" | "." | "..")) {
            return Err(CliError::usage("expected a DBID or a name, found an empty one or dots"));
        }
        url.path_segments_mut()
            .map_err(|()| CliError::usage(format!("--url {}: no address of a server", self.global.url())))?
            .pop_if_empty()
            .extend(path);
        if !query.is_empty() {
            url.query_pairs_mut().extend_pairs(query);
        }
        Ok(url)
    }

    fn request(&self, method: Method, url: Url) -> reqwest::RequestBuilder {
        let request = self.http.request(method, url);
        match &self.token {
            Some(token) => request.bearer_auth(token.expose_secret()),
            None => request,
        }
    }

    /// Reads something.
    ///
    /// # Errors
    /// What the gateway answered, or why it cannot be reached.
    pub async fn get<T: DeserializeOwned>(&self, path: &[&str], query: &[(&str, &str)]) -> Result<T, CliError> {
        let request = self.request(Method::GET, self.address(path, query)?).timeout(self.global.timeout + GRACE);
        let response = request.send().await.map_err(|error| self.unreachable(&error, false))?;
        self.body(response, false).await
    }

    /// Changes something: waits as `--timeout` and `--no-wait` say, or only asks what would be sent.
    ///
    /// # Errors
    /// As [`Client::get`]; a connection that breaks after sending leaves the outcome unknown.
    pub async fn ask<T: DeserializeOwned>(
        &self,
        method: Method,
        path: &[&str],
        body: &impl Serialize,
    ) -> Result<Asked<T>, CliError> {
        let wait = self.wait();
        let mut query = vec![("wait", wait.as_str())];
        if self.global.dry_run {
            query.push(("dry_run", "true"));
        }
        let request = self.request(method, self.address(path, &query)?).timeout(self.global.timeout + GRACE).json(body);
        let response = request.send().await.map_err(|error| self.unreachable(&error, true))?;
        if self.global.dry_run {
            return self.body(response, true).await.map(Asked::Dry);
        }
        self.body(response, true).await.map(Asked::Done)
    }

    /// Changes something that is no request to OCS.
    ///
    /// # Errors
    /// As [`Client::ask`].
    pub async fn change<T: DeserializeOwned>(
        &self,
        method: Method,
        path: &[&str],
        body: Option<&impl Serialize>,
    ) -> Result<T, CliError> {
        let mut request = self.request(method, self.address(path, &[])?).timeout(self.global.timeout + GRACE);
        if let Some(body) = body {
            request = request.json(body);
        }
        let response = request.send().await.map_err(|error| self.unreachable(&error, true))?;
        self.body(response, true).await
    }

    /// Has something done that takes as long as there is to do.
    ///
    /// # Errors
    /// As [`Client::ask`].
    pub async fn work<T: DeserializeOwned>(&self, path: &[&str]) -> Result<T, CliError> {
        let request = self.request(Method::POST, self.address(path, &[])?);
        let response = request.send().await.map_err(|error| self.unreachable(&error, true))?;
        self.body(response, true).await
    }

    /// Posts to an address of another system's interface, with headers of its own.
    ///
    /// # Errors
    /// As [`Client::ask`].
    pub async fn post_foreign<T: DeserializeOwned>(
        &self,
        path: &[&str],
        headers: &[(&'static str, String)],
        body: &impl Serialize,
    ) -> Result<T, CliError> {
        let mut request = self.request(Method::POST, self.address(path, &[])?).timeout(self.global.timeout + GRACE);
        for (name, value) in headers {
            request = request.header(*name, value);
        }
        let response = request.json(body).send().await.map_err(|error| self.unreachable(&error, true))?;
        self.body(response, true).await
    }

    /// Sends a file as it is read.
    ///
    /// # Errors
    /// As [`Client::ask`], or the file cannot be read.
    pub async fn upload<T: DeserializeOwned>(
        &self,
        path: &[&str],
        query: &[(&str, &str)],
        file: std::fs::File,
        sent: impl Fn(u64) + Send + Sync + 'static,
    ) -> Result<T, CliError> {
        use std::io::Read as _;
        let parts = futures_util::stream::try_unfold((file, 0_u64, sent), async |(mut file, total, sent)| {
            let read = tokio::task::spawn_blocking(move || {
                let mut part = Vec::new();
                file.by_ref().take(UPLOAD_BYTES).read_to_end(&mut part).map(|_| (part, file))
            });
            let (part, file) = read.await.map_err(std::io::Error::other)??;
            let total = total + part.len() as u64;
            sent(total);
            Ok::<_, std::io::Error>((!part.is_empty()).then(|| (bytes::Bytes::from(part), (file, total, sent))))
        });
        let request = self.request(Method::POST, self.address(path, query)?).header("content-type", "text/csv");
        let response = request.body(reqwest::Body::wrap_stream(parts)).send().await;
        self.body(response.map_err(|error| self.unreachable(&error, true))?, true).await
    }

    /// Something large that is only read, to be read with [`Client::part`].
    ///
    /// # Errors
    /// As [`Client::get`].
    pub async fn download(&self, path: &[&str], query: &[(&str, &str)]) -> Result<Response, CliError> {
        let request = self.request(Method::GET, self.address(path, query)?);
        let response = request.send().await.map_err(|error| self.unreachable(&error, false))?;
        if response.status().is_success() { Ok(response) } else { Err(self.refused(response).await) }
    }

    /// Sends a text of that kind.
    ///
    /// # Errors
    /// As [`Client::ask`].
    pub async fn send<T: DeserializeOwned>(
        &self,
        method: Method,
        path: &[&str],
        query: &[(&str, &str)],
        kind: &str,
        text: String,
    ) -> Result<T, CliError> {
        let request = self.request(method, self.address(path, query)?).timeout(self.global.timeout + GRACE);
        let response = request.header("content-type", kind).body(text).send().await;
        self.body(response.map_err(|error| self.unreachable(&error, true))?, true).await
    }

    /// Removes or ends something that answers with what it was.
    ///
    /// # Errors
    /// As [`Client::ask`].
    pub async fn delete<T: DeserializeOwned>(&self, path: &[&str], query: &[(&str, &str)]) -> Result<T, CliError> {
        let request = self.request(Method::DELETE, self.address(path, query)?).timeout(self.global.timeout + GRACE);
        let response = request.send().await.map_err(|error| self.unreachable(&error, true))?;
        self.body(response, true).await
    }

    /// Removes something that answers with nothing.
    ///
    /// # Errors
    /// As [`Client::ask`].
    pub async fn remove(&self, path: &[&str]) -> Result<(), CliError> {
        let request = self.request(Method::DELETE, self.address(path, &[])?).timeout(self.global.timeout + GRACE);
        let response = request.send().await.map_err(|error| self.unreachable(&error, true))?;
        if response.status().is_success() { Ok(()) } else { Err(self.refused(response).await) }
    }

    /// Asks for a request of a file and does not wait for its outcome; asked again under the same key it is the same.
    ///
    /// # Errors
    /// As [`Client::ask`].
    pub async fn post_keyed<T: DeserializeOwned>(
        &self,
        path: &[&str],
        body: &impl Serialize,
        key: &str,
    ) -> Result<T, CliError> {
        let request = self.request(Method::POST, self.address(path, &[("wait", "0")])?);
        let request = request
            .timeout(self.global.timeout + GRACE)
            .header("user-agent", concat!("commdn-import/", env!("CARGO_PKG_VERSION")))
            .header("idempotency-key", key)
            .json(body);
        let response = request.send().await.map_err(|error| self.unreachable(&error, true))?;
        self.body(response, true).await
    }

    /// Asks for a request and prints what became of it.
    ///
    /// # Errors
    /// As [`Client::ask`].
    pub async fn submit(
        &self,
        out: &Output,
        method: Method,
        path: &[&str],
        body: &impl Serialize,
    ) -> Result<Exit, CliError> {
        match self.ask::<RequestDto>(method, path, body).await? {
            Asked::Dry(dry) => {
                print_dry_run(out, &dry)?;
                Ok(Exit::Done)
            }
            Asked::Done(request) => {
                out.either(&request, || crate::cli::request::outcome_text(&request))?;
                for warning in &request.warnings {
                    out.note(&format!("warning: {warning}"));
                }
                let exit = exit_of_outcome(&request, !self.global.no_wait);
                match &request.hint {
                    Some(hint) if !out.json => out.hint(hint),
                    _ if matches!(exit, Exit::Unknown) && !out.json => {
                        out.hint(&format!("see `commdn request show {}`", request.request_id));
                    }
                    _ => {}
                }
                Ok(exit)
            }
        }
    }

    /// A stream of server-sent events, open until either side ends it.
    ///
    /// # Errors
    /// As [`Client::get`].
    pub async fn stream(
        &self,
        path: &[&str],
        query: &[(&str, &str)],
        last_id: Option<&str>,
    ) -> Result<Response, CliError> {
        let mut request = self.request(Method::GET, self.address(path, query)?).header("accept", "text/event-stream");
        if let Some(id) = last_id {
            request = request.header("last-event-id", id);
        }
        let response = request.send().await.map_err(|error| self.unreachable(&error, false))?;
        if response.status().is_success() { Ok(response) } else { Err(self.refused(response).await) }
    }

    /// Something large, to be read with [`Client::part`]; it may take its time.
    ///
    /// # Errors
    /// As [`Client::get`].
    pub async fn fetch(&self, path: &[&str]) -> Result<Response, CliError> {
        let request = self.request(Method::POST, self.address(path, &[])?);
        let response = request.send().await.map_err(|error| self.unreachable(&error, false))?;
        if response.status().is_success() { Ok(response) } else { Err(self.refused(response).await) }
    }

    /// The next part of it; `None` = that was all.
    ///
    /// # Errors
    /// The connection ended early.
    pub async fn part(&self, response: &mut Response) -> Result<Option<bytes::Bytes>, CliError> {
        response.chunk().await.map_err(|error| self.unreachable(&error, false))
    }

    /// `?wait=` as the flags say.
    pub fn wait(&self) -> String {
        if self.global.no_wait { "0".into() } else { format!("{}ms", self.global.timeout.as_millis()) }
    }

    async fn body<T: DeserializeOwned>(&self, response: Response, changes: bool) -> Result<T, CliError> {
        if !response.status().is_success() {
            return Err(self.refused(response).await);
        }
        let bytes = response.bytes().await.map_err(|error| self.unreachable(&error, changes))?;
        serde_json::from_slice(&bytes).map_err(|error| unexpected(&error))
    }

    async fn refused(&self, response: Response) -> CliError {
        let status = response.status();
        let retry = response.headers().get("retry-after").and_then(|value| value.to_str().ok()).map(str::to_owned);
        let bytes = response.bytes().await.unwrap_or_default();
        let mut problem = match foreign_words(&bytes) {
            Some(words) => self.no_problem_but(status, &words),
            None => serde_json::from_slice(&bytes).unwrap_or_else(|_| self.no_problem(status, &bytes)),
        };
        problem.status = status.as_u16();
        if problem.hint.is_none() {
            problem.hint = match (retry, status.as_u16()) {
                (Some(seconds), _) => Some(format!("try again in {seconds} s")),
                (None, 401) => Some("give the key with --token or COMMDN_TOKEN".into()),
                (None, _) => None,
            };
        }
        CliError::from_problem(problem)
    }

    /// An error without problem+json: no gateway, or something between it and us.
    fn no_problem(&self, status: StatusCode, bytes: &[u8]) -> ProblemDto {
        let words: String =
            String::from_utf8_lossy(bytes).chars().filter(|letter| !letter.is_control()).take(120).collect();
        let detail = match words.trim() {
            "" => format!("{} answered {status}", self.global.url()),
            words => format!("{} answered {status}: {words}", self.global.url()),
        };
        ProblemDto { problem_type: "about:blank".into(), title: status.to_string(), detail, ..ProblemDto::default() }
    }

    /// The error of another system's interface.
    fn no_problem_but(&self, status: StatusCode, words: &str) -> ProblemDto {
        ProblemDto { detail: words.to_owned(), ..self.no_problem(status, b"") }
    }

    fn unreachable(&self, error: &reqwest::Error, changes: bool) -> CliError {
        let why = innermost(error);
        let url = self.global.url();
        if error.is_connect() {
            return CliError::new(Exit::Unreachable, format!("cannot reach the gateway at {url}: {why}"))
                .hint("start one with `commdn demo` or `commdn serve`, or name another with --url");
        }
        let exit = if changes || error.is_timeout() { Exit::Unknown } else { Exit::Unreachable };
        let what = if error.is_timeout() { "did not answer in time".to_owned() } else { format!("broke off: {why}") };
        let error = CliError::new(exit, format!("the gateway at {url} {what}"));
        if changes { error.hint("it may have taken the request: see `commdn request list`") } else { error }
    }
}

/// The words of a fault of C, `{"code", "message"}`: its code is a status, and none of OCS.
fn foreign_words(bytes: &[u8]) -> Option<String> {
    let fault: serde_json::Value = serde_json::from_slice(bytes).ok()?;
    let is_problem = fault.get("type").is_some() || fault.get("detail").is_some();
    fault.get("message").filter(|_| !is_problem)?.as_str().map(str::to_owned)
}

/// Whom to trust beyond what the machine trusts, and who we are.
fn with_certificates(mut builder: ClientBuilder, global: &Global) -> Result<ClientBuilder, CliError> {
    let wrong = |file: &Path, error: &dyn std::fmt::Display| CliError::usage(format!("{}: {error}", file.display()));
    let read = |file: &Path| std::fs::read(file).map_err(|error| wrong(file, &error));
    if let Some(file) = &global.ca {
        let roots = Certificate::from_pem_bundle(&read(file)?).map_err(|error| wrong(file, &innermost(&error)))?;
        if roots.is_empty() {
            return Err(wrong(file, &"expected a certificate in PEM, found none"));
        }
        builder = builder.tls_certs_only(roots);
    }
    if let (Some(cert), Some(key)) = (&global.cert, &global.cert_key) {
        let both = [read(cert)?, b"\n".to_vec(), read(key)?].concat();
        let identity = Identity::from_pem(&both).map_err(|error| wrong(cert, &innermost(&error)))?;
        builder = builder.identity(identity);
    }
    Ok(builder)
}

/// A document as the type it must be.
///
/// # Errors
/// Exit 1 when it is another.
pub fn read<T: DeserializeOwned>(document: serde_json::Value) -> Result<T, CliError> {
    serde_json::from_value(document).map_err(|error| unexpected(&error))
}

fn unexpected(error: &serde_json::Error) -> CliError {
    CliError::internal(format!("the gateway's answer is not what this version expects: {error}"))
        .hint("is it a commdn gateway of the same version? compare `commdn version` with /version")
}

/// What `--dry-run` prints.
///
/// # Errors
/// stdout cannot be written.
pub fn print_dry_run(out: &Output, dry: &DryRunDto) -> Result<(), CliError> {
    out.either(dry, || dry.text.trim_end().to_owned())
}

/// The token itself, or what stands in the file that `@FILE` names. No error repeats a token.
fn token(given: &SecretString) -> Result<SecretString, CliError> {
    let given = given.expose_secret();
    let found = match given.strip_prefix('@') {
        None => given.to_owned(),
        Some(file) => std::fs::read_to_string(file)
            .map_err(|error| CliError::usage(format!("--token @{file}: {error}")))?
            .trim()
            .to_owned(),
    };
    if found.is_empty() || !found.bytes().all(|byte| byte.is_ascii_graphic()) {
        let error = CliError::usage("--token: expected one word of printable characters");
        return Err(error.hint("a key looks like cdn_0123456789abcdef_..."));
    }
    Ok(SecretString::from(found))
}

fn innermost(error: &dyn std::error::Error) -> String {
    let mut source = error;
    while let Some(inner) = source.source() {
        source = inner;
    }
    source.to_string()
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;
    use crate::cli::args::Cli;

    fn client(words: &[&str]) -> Result<Client, CliError> {
        let words = [&["commdn"], words, &["version"]].concat();
        Client::new(&Cli::try_parse_from(words).unwrap().global)
    }

    #[test]
    fn names_are_percent_encoded() {
        let client = client(&["--url", "http://localhost:9/base/"]).unwrap();
        let url = client.address(&["v1", "campaigns", "Zoë/2 %"], &[("wait", "1 s")]).unwrap();
        assert_eq!(url.as_str(), "http://localhost:9/base/v1/campaigns/Zo%C3%AB%2F2%20%25?wait=1+s");
        assert_eq!(client.address(&["v1", ".."], &[]).unwrap_err().exit, Exit::Usage);
    }

    #[test]
    fn http_and_https_are_spoken() {
        assert!(client(&["--url", "https://gateway"]).is_ok());
        let error = client(&["--url", "https://gateway", "--ca", "no/such/file.pem"]).unwrap_err();
        assert!(error.exit == Exit::Usage && error.message.contains("no/such/file.pem"), "{error}");
        for bad in ["gateway:8080", "ftp://gateway", ""] {
            assert_eq!(client(&["--url", bad]).unwrap_err().exit, Exit::Usage, "{bad}");
        }
    }

    #[test]
    fn a_token_is_a_word_or_a_file_and_is_never_shown() {
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), "cdn_1_secret\n").unwrap();
        let of_file = client(&["--token", &format!("@{}", file.path().display())]).unwrap();
        let given = client(&["--token", "cdn_1_secret"]).unwrap();
        for client in [of_file, given] {
            assert_eq!(client.token.as_ref().unwrap().expose_secret(), "cdn_1_secret");
            assert!(!format!("{client:?}").contains("secret\""), "{client:?}");
            assert!(!format!("{client:?}").contains("cdn_1"), "{client:?}");
        }
        for wrong in ["two words", "", "é", "@/there/is/no/such/file"] {
            let error = client(&["--token", wrong]).unwrap_err();
            assert!(error.exit == Exit::Usage && error.message.starts_with("--token"), "{error}");
        }
    }

    #[test]
    fn the_wait_is_told_to_the_gateway() {
        assert_eq!(client(&[]).unwrap().wait(), "45000ms");
        assert_eq!(client(&["--timeout", "2m"]).unwrap().wait(), "120000ms");
        assert_eq!(client(&["--no-wait"]).unwrap().wait(), "0");
    }
}
