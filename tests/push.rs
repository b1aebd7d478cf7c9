//! The client of contact lists against a recording server: a test double, written from the documents.
#![cfg(feature = "app")]

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use clap::Parser;
use commdn::cli::args::{Cli, Verb};
use commdn::cli::client::Ctx;
use commdn::cli::contacts;
use commdn::cli::exit::Exit;
use commdn::cli::output::Output;
use commdn::service::push::Outside;
use futures_util::future::BoxFuture;
use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::{TcpListener, TcpStream};

const SECRET: &str = "s3cret-of-the-client";

/// A clock that goes on when somebody waits.
#[derive(Debug, Default)]
struct Clock {
    now: AtomicI64,
    waits: Mutex<Vec<Duration>>,
}

impl Outside for Clock {
    fn now_ms(&self) -> i64 {
        self.now.load(Ordering::SeqCst)
    }

    fn wait(&self, time: Duration) -> BoxFuture<'_, ()> {
        self.waits.lock().unwrap().push(time);
        self.now.fetch_add(i64::try_from(time.as_millis()).unwrap(), Ordering::SeqCst);
        Box::pin(std::future::ready(()))
    }

    fn chance(&self) -> u32 {
        500
    }
}

/// A request as it came.
#[derive(Clone, Debug, PartialEq)]
struct Came {
    line: String,
    headers: Vec<(String, String)>,
    body: Vec<u8>,
    /// By the clock of the test.
    at: i64,
}

impl Came {
    fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str())
    }

    fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap()
    }

    fn contacts(&self) -> Vec<Value> {
        self.json().as_array().unwrap().clone()
    }

    fn is_add(&self) -> bool {
        self.line.starts_with("POST ") && self.line.ends_with("/contacts")
    }

    fn ids(&self) -> Vec<String> {
        self.contacts().iter().map(|contact| contact["id"].as_str().unwrap_or("-").to_owned()).collect()
    }
}

/// What the server does with a request.
enum Reply {
    Answer(u16, Vec<(&'static str, String)>, Value),
    /// The connection ends.
    Nothing,
    /// The connection stays, and nothing comes.
    Never,
}

fn status(status: u16) -> Reply {
    Reply::Answer(status, Vec::new(), json!({"message": "no", "code": "some.code", "status": status}))
}

/// What a server does by itself: (request, how many of its kind came before it).
type Script = dyn Fn(&Came, usize) -> Option<Reply> + Send + Sync;

struct Server {
    url: String,
    came: Arc<Mutex<Vec<Came>>>,
    clock: Arc<Clock>,
}

impl Server {
    /// `None` of the script = what a server does when all is well.
    async fn start(script: impl Fn(&Came, usize) -> Option<Reply> + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let (came, clock) = (Arc::new(Mutex::new(Vec::new())), Arc::new(Clock::default()));
        let script: Arc<Script> = Arc::new(script);
        let (held, time) = (Arc::clone(&came), Arc::clone(&clock));
        tokio::spawn(async move {
            loop {
                let (stream, _) = listener.accept().await.unwrap();
                let (came, clock, script) = (Arc::clone(&held), Arc::clone(&time), Arc::clone(&script));
                tokio::spawn(async move { serve(stream, &came, &clock, &*script).await });
            }
        });
        Self { url, came, clock }
    }

    fn came(&self) -> Vec<Came> {
        self.came.lock().unwrap().clone()
    }

    fn lines(&self) -> Vec<String> {
        self.came().into_iter().map(|came| came.line).collect()
    }

    fn adds(&self) -> Vec<Came> {
        self.came().into_iter().filter(Came::is_add).collect()
    }

    fn waits(&self) -> Vec<Duration> {
        self.clock.waits.lock().unwrap().clone()
    }
}

async fn serve(stream: TcpStream, held: &Mutex<Vec<Came>>, clock: &Clock, script: &Script) {
    let mut stream = BufReader::new(stream);
    loop {
        let mut line = String::new();
        if stream.read_line(&mut line).await.unwrap_or(0) == 0 {
            return;
        }
        let mut headers = Vec::new();
        loop {
            let mut header = String::new();
            stream.read_line(&mut header).await.unwrap();
            let Some((name, value)) = header.trim_end().split_once(": ") else { break };
            headers.push((name.to_ascii_lowercase(), value.to_owned()));
        }
        let line = line.trim_end().trim_end_matches(" HTTP/1.1").to_owned();
        let mut came = Came { line, headers, body: Vec::new(), at: clock.now_ms() };
        let length = came.header("content-length").map_or(0, |value| value.parse().unwrap());
        came.body = vec![0; length];
        stream.read_exact(&mut came.body).await.unwrap();
        let earlier = {
            let mut held = held.lock().unwrap();
            held.push(came.clone());
            held.iter().filter(|other| other.line == came.line).count() - 1
        };
        let (status, headers, body) = match script(&came, earlier).unwrap_or_else(|| usual(&came)) {
            Reply::Answer(status, headers, body) => (status, headers, body),
            Reply::Nothing => return,
            Reply::Never => std::future::pending().await,
        };
        let body = if body.is_null() { String::new() } else { body.to_string() };
        let mut answer = format!("HTTP/1.1 {status} X\r\ncontent-length: {}\r\n", body.len());
        for (name, value) in headers {
            answer.push_str(&format!("{name}: {value}\r\n"));
        }
        answer.push_str(&format!("\r\n{body}"));
        if stream.write_all(answer.as_bytes()).await.is_err() {
            return;
        }
    }
}

/// What a server does when all is well: list X has two columns.
fn usual(came: &Came) -> Reply {
    let body = match came.line.as_str() {
        "POST /oauth/token" => json!({"access_token": "t0ken", "token_type": "bearer", "expires_in": 86_400}),
        "GET /api/v2/outbound/contactlists/X" => {
            json!({"id": "X", "name": "L", "columnNames": ["first_name", "phone_number"], "version": 1})
        }
        "POST /api/v2/outbound/contactlists" => {
            let mut list = came.json();
            list["id"] = "made".into();
            list
        }
        line if line.ends_with("/clear") || line.starts_with("DELETE ") => Value::Null,
        line if line.ends_with("/contacts") => {
            let given = |(n, mut contact): (usize, Value)| {
                if contact["id"].is_null() {
                    contact["id"] = format!("given-{n}").into();
                }
                contact
            };
            came.contacts().into_iter().enumerate().map(given).collect()
        }
        line => panic!("nobody wanted {line}"),
    };
    Reply::Answer(200, Vec::new(), body)
}

/// A folder with a file and a secret, and what a verb made of them.
struct Site {
    folder: tempfile::TempDir,
}

const SAMPLE: &str = "id,first_name,phone_number,callable\n42,john,+420777888777,1\n84,jane,+420777888777,0\n";
const COLUMNS: &[&str] = &["--columns", "id,first_name,phone_number,callable", "--phone-column", "phone_number:cell"];
const BY_ID: &[&str] = &["--list-id", "X", "--id-column", "id", "--callable-column", "callable"];

impl Site {
    fn new(csv: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("a.csv"), csv).unwrap();
        std::fs::write(folder.path().join("secret"), format!("{SECRET}\n")).unwrap();
        Self { folder }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn text(&self, name: &str) -> String {
        std::fs::read_to_string(self.path(name)).unwrap()
    }

    fn words(&self, verb: &str, server: &str, words: &[&str]) -> Vec<String> {
        let (secret, file) = (self.path("secret").display().to_string(), self.path("a.csv").display().to_string());
        let mut all = vec!["commdn", "contacts", verb, "--to", "genesys-cloud", "--region", server];
        all.extend(["--client-id", "client", "--client-secret-file", &secret, "--quiet"]);
        if verb != "clear" {
            all.push(&file);
        }
        all.extend(words);
        let summary = self.path("summary.json").display().to_string();
        all.extend(["--summary", &summary]);
        all.into_iter().map(str::to_owned).collect()
    }

    /// Runs a verb in this process, with the clock of the server.
    async fn run(&self, verb: &str, server: &Server, words: &[&str]) -> Exit {
        run(self.words(verb, &server.url, words), Arc::clone(&server.clock)).await
    }

    async fn push(&self, server: &Server, words: &[&str]) -> Exit {
        self.run("push", server, &[COLUMNS, words].concat()).await
    }

    /// `contacts jobs` about the file of the job.
    async fn job(&self, server: &Server, words: &[&str]) -> Exit {
        let job = self.path("a.csv.job.json").display().to_string();
        let words = [&["commdn", "contacts", "jobs", &job], words].concat();
        run(words.into_iter().map(str::to_owned).collect(), Arc::clone(&server.clock)).await
    }

    async fn resume(&self, server: &Server) -> Exit {
        let job = self.path("a.csv.job.json").display().to_string();
        let words = ["commdn", "contacts", "resume", &job, "--quiet"].map(str::to_owned);
        run(words.to_vec(), Arc::clone(&server.clock)).await
    }

    /// Runs it as a program.
    fn program(&self, verb: &str, server: &str, words: &[&str]) -> Command {
        let mut command = Command::new(assert_cmd::cargo::cargo_bin!("commdn"));
        command.args(&self.words(verb, server, words)[1..]).stdin(Stdio::null());
        command.env_remove("COMMDN_GC_CLIENT_SECRET");
        command
    }

    /// Columns of the outcome file, by name, for each record.
    fn outcome(&self) -> Vec<(String, String, String, String)> {
        let mut reader = csv::Reader::from_path(self.path("a.csv.outcome.csv")).unwrap();
        let names = "record,line,key,outcome,contact_id,code,column,message";
        assert_eq!(reader.headers().unwrap().iter().collect::<Vec<_>>().join(","), names);
        let row = |row: csv::StringRecord| (row[0].to_owned(), row[3].to_owned(), row[4].to_owned(), row[5].to_owned());
        reader.records().map(|record| row(record.unwrap())).collect()
    }

    fn outcomes(&self) -> Vec<String> {
        self.outcome().into_iter().map(|(_, outcome, _, code)| format!("{outcome} {code}").trim().to_owned()).collect()
    }

    fn summary(&self) -> Value {
        let summary: Value = serde_json::from_str(&self.text("summary.json")).unwrap();
        let counts = summary["counts"].as_object().unwrap();
        let law = ["before_start", "created", "updated", "unchanged", "skipped", "deleted", "failed", "not_reached"];
        let sum: u64 = law.iter().map(|name| counts[*name].as_u64().unwrap()).sum();
        assert_eq!(counts["records"], sum, "the law of counts: {counts:?}");
        summary
    }
}

async fn run(words: Vec<String>, clock: Arc<Clock>) -> Exit {
    let cli = Cli::try_parse_from(&words).unwrap();
    let ctx = Ctx { out: Output::new(&cli.global), global: cli.global };
    let Verb::Contacts(verb) = cli.verb else { panic!("{words:?}") };
    contacts::run_with(*verb, &ctx, clock).await.unwrap_or_else(|error| {
        assert!(!error.to_string().contains(SECRET) && !error.to_string().contains("t0ken"), "{error}");
        error.exit
    })
}

/// So many contacts with ids and without a callable column.
fn many(count: usize, id: impl Fn(usize) -> String) -> String {
    let rows = (0..count).map(|n| format!("{},name{n},+420777888777\n", id(n)));
    "id,first_name,phone_number\n".to_owned() + &rows.collect::<String>()
}

const MANY: &[&str] = &["--columns", "id,first_name,phone_number", "--list-id", "X", "--id-column", "id"];

#[tokio::test]
async fn a7_a_push_waits_as_long_as_it_is_told_and_sends_the_same_again() {
    let server = Server::start(|came, earlier| {
        let busy = || Reply::Answer(429, vec![("Retry-After", "2".to_owned())], json!({}));
        (came.is_add() && earlier == 0).then(busy)
    })
    .await;
    let site = Site::new(SAMPLE);
    assert_eq!(site.push(&server, BY_ID).await, Exit::Done);
    let wanted = json!([
        {"id": "42", "data": {"first_name": "john", "phone_number": "+420777888777"}, "callable": true},
        {"id": "84", "data": {"first_name": "jane", "phone_number": "+420777888777"}, "callable": false},
    ]);
    let adds = server.adds();
    let [first, second] = adds.as_slice() else { panic!("{adds:?}") };
    assert_eq!(first.json(), wanted);
    assert_eq!((&first.line, &first.headers, &first.body), (&second.line, &second.headers, &second.body));
    assert!(second.at - first.at >= 2_000, "{} ms", second.at - first.at);
    assert_eq!(first.line, "POST /api/v2/outbound/contactlists/X/contacts");
    assert_eq!(first.header("authorization"), Some("Bearer t0ken"));
    assert_eq!(first.header("content-type"), Some("application/json"));
    let token = &server.came()[0];
    assert_eq!(token.line, "POST /oauth/token");
    assert_eq!(token.body, b"grant_type=client_credentials");
    assert_eq!(token.header("content-type"), Some("application/x-www-form-urlencoded"));
    // base64 of `client:s3cret-of-the-client`
    assert_eq!(token.header("authorization"), Some("Basic Y2xpZW50OnMzY3JldC1vZi10aGUtY2xpZW50"));
    assert_eq!(site.outcomes(), ["updated", "updated"]);
    assert_eq!(site.summary()["exit"], 0);
    assert!(!site.path("a.csv.job.json").exists(), "a job that has ended leaves nothing to go on with");
}

#[tokio::test]
async fn a8_a_file_that_lacks_a_column_empties_no_list() {
    let server = Server::start(|_, _| None).await;
    let site = Site::new("id,phone_number,callable\n42,+420777888777,1\n");
    assert_eq!(site.push(&server, &[BY_ID, &["--clear-first"]].concat()).await, Exit::Usage);
    assert_eq!(server.lines(), [""; 0], "nothing was asked for, nor cleared");
}

#[tokio::test]
async fn a_list_is_emptied_only_behind_a_good_file_a_token_and_a_look_at_the_list() {
    let server = Server::start(|_, _| None).await;
    let bad = Site::new(&SAMPLE.replace("777,0", "777,maybe"));
    assert_eq!(bad.push(&server, &[BY_ID, &["--clear-first"]].concat()).await, Exit::Usage);
    assert_eq!(server.lines(), [""; 0]);
    assert_eq!(bad.outcomes(), ["not-reached", "failed bad-callable"]);
    let site = Site::new(SAMPLE);
    assert_eq!(site.push(&server, &[BY_ID, &["--clear-first"]].concat()).await, Exit::Done);
    let wanted = [
        "POST /oauth/token",
        "GET /api/v2/outbound/contactlists/X",
        "POST /api/v2/outbound/contactlists/X/clear",
        "POST /api/v2/outbound/contactlists/X/contacts",
    ];
    assert_eq!(server.lines(), wanted);
    assert_eq!(server.came()[2].body, b"", "a clear has no body");
    assert_eq!(site.outcomes(), ["created", "created"], "what goes into an empty list is new");
    let refused = Server::start(|came, _| {
        (came.line == "POST /oauth/token").then(|| Reply::Answer(401, Vec::new(), json!({"error": "invalid_client"})))
    })
    .await;
    assert_eq!(site.push(&refused, &[BY_ID, &["--clear-first"]].concat()).await, Exit::NotAuthorised);
    assert_eq!(refused.lines(), ["POST /oauth/token"]);
}

#[tokio::test]
async fn a_list_that_is_made_has_neither_id_nor_callable_column() {
    let server = Server::start(|_, _| None).await;
    let site = Site::new(SAMPLE);
    let words = ["--list-name", "L", "--id-column", "id", "--callable-column", "callable"];
    assert_eq!(site.push(&server, &words).await, Exit::Done);
    let came = server.came();
    assert_eq!(came[1].line, "POST /api/v2/outbound/contactlists");
    let wanted = json!({
        "name": "L",
        "columnNames": ["first_name", "phone_number"],
        "phoneColumns": [{"columnName": "phone_number", "type": "cell"}],
    });
    assert_eq!(came[1].json(), wanted);
    assert_eq!(came[2].line, "POST /api/v2/outbound/contactlists/made/contacts");
    assert_eq!(came[2].contacts()[0]["data"], json!({"first_name": "john", "phone_number": "+420777888777"}));
    assert_eq!(site.outcomes(), ["created", "created"]);
    assert_eq!(site.summary()["list_id"], "made");
}

#[tokio::test]
async fn id_and_callable_go_into_data_only_where_the_list_has_them() {
    let server = Server::start(|came, _| {
        let list = json!({"id": "X", "columnNames": ["callable", "phone_number", "id", "first_name", "other"]});
        came.line.starts_with("GET ").then(|| Reply::Answer(200, Vec::new(), list.clone()))
    })
    .await;
    let site = Site::new(SAMPLE);
    assert_eq!(site.push(&server, BY_ID).await, Exit::Done);
    let text = String::from_utf8(server.adds()[0].body.clone()).unwrap();
    let first = r#"[{"id":"42","data":{"id":"42","first_name":"john","phone_number":"+420777888777","callable":"1"},"callable":true},"#;
    assert!(text.starts_with(first), "{text}");
    let lacking = Server::start(|came, _| {
        let list = json!({"id": "X", "columnNames": ["phone_number"]});
        came.line.starts_with("GET ").then(|| Reply::Answer(200, Vec::new(), list.clone()))
    })
    .await;
    assert_eq!(site.push(&lacking, BY_ID).await, Exit::Usage);
    assert_eq!(lacking.adds(), []);
}

#[tokio::test]
async fn an_empty_id_is_a_new_contact_and_an_empty_callable_is_yes() {
    let server = Server::start(|_, _| None).await;
    let site = Site::new("id,first_name,phone_number,callable,extra\n,john,+420777888777,,x\n");
    let words = [BY_ID, &["--list-name", "L"]].concat();
    assert_eq!(site.push(&server, &words).await, Exit::Done);
    let wanted = json!([{"data": {"first_name": "john", "phone_number": "+420777888777"}, "callable": true}]);
    assert_eq!(server.adds()[0].json(), wanted);
    let given = ("1".into(), "created".into(), "given-0".into(), String::new());
    assert_eq!(site.outcome(), [given], "the id that the server gave");
    let warnings = site.summary()["warnings"].clone();
    let codes: Vec<&str> = warnings.as_array().unwrap().iter().map(|it| it["code"].as_str().unwrap()).collect();
    assert_eq!(codes, ["both-list-ids", "ignored-column"]);
}

#[tokio::test]
async fn a_token_that_ends_in_mid_run_is_renewed_once_and_the_same_request_goes_out_again() {
    let server = Server::start(|came, earlier| (came.is_add() && earlier == 0).then(|| status(401))).await;
    let site = Site::new(SAMPLE);
    assert_eq!(site.push(&server, BY_ID).await, Exit::Done);
    let tokens = server.lines().iter().filter(|line| *line == "POST /oauth/token").count();
    let adds = server.adds();
    assert_eq!((tokens, adds.len()), (2, 2));
    assert_eq!(adds[0].body, adds[1].body);
    assert!(server.waits().is_empty());
    let refused = Server::start(|came, _| came.is_add().then(|| status(401))).await;
    assert_eq!(site.push(&refused, BY_ID).await, Exit::NotAuthorised);
    assert_eq!(refused.adds().len(), 2);
    assert_eq!(site.outcomes(), ["not-reached", "not-reached"]);
}

#[tokio::test]
async fn a_token_is_renewed_when_a_tenth_of_its_time_is_left() {
    let server = Server::start(|came, earlier| match came.line.as_str() {
        "POST /oauth/token" => {
            let token = json!({"access_token": format!("t0ken{earlier}"), "expires_in": 100});
            Some(Reply::Answer(200, Vec::new(), token))
        }
        _ if came.is_add() && earlier == 0 => Some(Reply::Answer(429, vec![("retry-after", "90".into())], Value::Null)),
        _ => None,
    })
    .await;
    assert_eq!(Site::new(SAMPLE).push(&server, BY_ID).await, Exit::Done);
    let used: Vec<String> = server.adds().iter().map(|add| add.header("authorization").unwrap().to_owned()).collect();
    assert_eq!(used, ["Bearer t0ken0", "Bearer t0ken1"]);
}

#[tokio::test]
async fn a_date_is_waited_for_and_without_one_the_waits_double() {
    let server = Server::start(|came, earlier| {
        let date = || vec![("Retry-After", "Thu, 01 Jan 1970 00:00:07 GMT".to_owned())];
        (came.is_add() && earlier == 0).then(|| Reply::Answer(429, date(), Value::Null))
    })
    .await;
    assert_eq!(Site::new(SAMPLE).push(&server, BY_ID).await, Exit::Done);
    assert_eq!(server.waits(), [Duration::from_secs(7)]);
    let statuses = [503, 502, 504];
    let server =
        Server::start(move |came, n| statuses.get(n).filter(|_| came.is_add()).map(|code| status(*code))).await;
    assert_eq!(Site::new(SAMPLE).push(&server, BY_ID).await, Exit::Done);
    // One second, two, four, and of each an eighth more: half of the quarter that is left to chance.
    assert_eq!(server.waits(), [1_125, 2_250, 4_500].map(Duration::from_millis));
    let bodies: Vec<Vec<u8>> = server.adds().into_iter().map(|add| add.body).collect();
    assert!(bodies.len() == 4 && bodies.iter().all(|body| *body == bodies[0]));
}

#[tokio::test]
async fn ten_tries_end_a_job_that_can_be_taken_up_again() {
    let server = Server::start(|came, n| (came.is_add() && (1..11).contains(&n)).then(|| status(503))).await;
    let csv = many(2_500, |n| n.to_string());
    let site = Site::new(&csv);
    assert_eq!(site.run("push", &server, MANY).await, Exit::Unreachable);
    assert_eq!(server.adds().len(), 11);
    assert_eq!(*server.waits().last().unwrap(), Duration::from_millis(67_500), "60 s and an eighth");
    let counts = site.summary()["counts"].clone();
    assert_eq!((&counts["updated"], &counts["not_reached"]), (&1_000.into(), &1_500.into()));
    assert_eq!(site.run("push", &server, MANY).await, Exit::Conflict, "it is not begun again by mistake");
    assert_eq!(site.job(&server, &["--json"]).await, Exit::Done);
    assert_eq!(site.job(&server, &["--cancel"]).await, Exit::Usage, "it is gone on with, or its file removed");
    assert_eq!(site.resume(&server).await, Exit::Done);
    assert_eq!(site.job(&server, &[]).await, Exit::NotFound, "it has ended");
    let sent: Vec<usize> = server.adds()[11..].iter().map(|add| add.contacts().len()).collect();
    assert_eq!(sent, [1_000, 500]);
    let whole = Site::new(&csv);
    assert_eq!(whole.run("push", &Server::start(|_, _| None).await, MANY).await, Exit::Done);
    assert_eq!(site.text("a.csv.outcome.csv"), whole.text("a.csv.outcome.csv"));
    assert_eq!(site.text("a.csv.reject.csv"), whole.text("a.csv.reject.csv"));
}

#[tokio::test]
async fn another_file_is_not_sent_for_a_job_that_has_begun() {
    let server = Server::start(|came, n| (came.is_add() && n > 0).then(|| status(503))).await;
    let site = Site::new(&many(1_001, |n| n.to_string()));
    assert_eq!(site.run("push", &server, MANY).await, Exit::Unreachable);
    std::fs::write(site.path("a.csv"), many(1_001, |n| (n + 1).to_string())).unwrap();
    let before = server.lines().len();
    assert_eq!(site.resume(&server).await, Exit::Usage);
    assert_eq!(server.lines().len(), before);
}

#[tokio::test]
async fn a_refused_batch_is_sent_in_halves_until_only_the_bad_row_fails() {
    let is_bad = |came: &Came| came.is_add() && came.ids().contains(&"5".to_owned());
    let refusal = || Reply::Answer(400, Vec::new(), json!({"code": "invalid.value", "message": "city is too long"}));
    let server = Server::start(move |came, _| is_bad(came).then(refusal)).await;
    let site = Site::new(&many(8, |n| n.to_string()));
    assert_eq!(site.run("push", &server, MANY).await, Exit::Partial);
    let sizes: Vec<String> = server.adds().iter().map(|add| add.ids().join(",")).collect();
    assert_eq!(sizes, ["0,1,2,3,4,5,6,7", "0,1,2,3", "4,5,6,7", "4,5", "4", "5", "6,7"]);
    let failed: Vec<String> = site.outcome().into_iter().filter(|row| row.1 == "failed").map(|row| row.0).collect();
    assert_eq!(failed, ["6"]);
    let wanted = "id,first_name,phone_number,reject_code,reject_message\n\
                  5,name5,+420777888777,remote,invalid.value: city is too long\n";
    assert_eq!(site.text("a.csv.reject.csv"), wanted);
    let whole = Server::start(move |came, _| is_bad(came).then(refusal)).await;
    let site = Site::new(&many(8, |n| n.to_string()));
    assert_eq!(site.run("push", &whole, &[MANY, &["--no-split"]].concat()).await, Exit::Partial);
    assert_eq!(whole.adds().len(), 1);
    assert_eq!(site.outcomes(), ["failed remote"; 8]);
}

#[tokio::test]
async fn an_unanswered_request_is_repeated_when_every_contact_has_an_id() {
    let server = Server::start(|came, n| (came.is_add() && n == 0).then_some(Reply::Nothing)).await;
    let site = Site::new(SAMPLE);
    assert_eq!(site.push(&server, BY_ID).await, Exit::Done);
    let adds = server.adds();
    assert_eq!(adds.len(), 2);
    assert_eq!(adds[0].body, adds[1].body);
    let dead = Server::start(|came, _| came.is_add().then_some(Reply::Nothing)).await;
    assert_eq!(site.push(&dead, BY_ID).await, Exit::Unknown);
    assert_eq!(dead.adds().len(), 10);
    assert_eq!(site.outcomes(), ["failed outcome-unknown"; 2]);
}

#[tokio::test]
async fn an_unanswered_request_without_ids_is_never_repeated() {
    let id = |n: usize| if n == 1 { String::new() } else { n.to_string() };
    let silent = |came: &Came, n: usize| (came.is_add() && n == 0).then_some(Reply::Nothing);
    let csv = many(1_002, id);
    let server = Server::start(silent).await;
    let site = Site::new(&csv);
    assert_eq!(site.run("push", &server, MANY).await, Exit::Unknown);
    assert_eq!(server.adds().len(), 1);
    let outcomes = site.outcomes();
    assert!(outcomes[..1_000].iter().all(|it| it == "failed outcome-unknown"), "{:?}", &outcomes[..3]);
    assert_eq!(outcomes[1_000..], ["not-reached", "not-reached"]);
    // Taken up again, it goes on behind them.
    assert_eq!(site.resume(&server).await, Exit::Partial);
    assert_eq!(server.adds()[1].ids(), ["1000", "1001"]);
    let counts = (site.outcomes()[999].clone(), site.outcomes()[1_000].clone());
    assert_eq!(counts, ("failed outcome-unknown".to_owned(), "updated".to_owned()));

    let server = Server::start(silent).await;
    let site = Site::new(&csv);
    assert_eq!(site.run("push", &server, &[MANY, &["--continue-unknown"]].concat()).await, Exit::Partial);
    assert_eq!(server.adds().len(), 2);
    let counts = site.summary()["counts"].clone();
    assert_eq!((&counts["failed"], &counts["updated"]), (&1_000.into(), &2.into()));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_was_under_way_at_a_kill_is_outcome_unknown_and_is_not_sent_again() {
    let server = Server::start(|came, n| (came.is_add() && n == 1).then_some(Reply::Never)).await;
    let site = Site::new(&many(2_500, |_| String::new()));
    let mut child = site.program("push", &server.url, MANY).stdout(Stdio::null()).spawn().unwrap();
    while server.adds().len() < 2 {
        tokio::task::yield_now().await;
    }
    child.kill().unwrap();
    child.wait().unwrap();
    assert_eq!(site.resume(&server).await, Exit::Partial);
    let sizes: Vec<usize> = server.adds().iter().map(|add| add.contacts().len()).collect();
    assert_eq!(sizes, [1_000, 1_000, 500]);
    let outcomes = site.outcomes();
    assert!(outcomes[..1_000].iter().all(|it| it == "created"));
    assert!(outcomes[1_000..2_000].iter().all(|it| it == "failed outcome-unknown"));
    assert!(outcomes.len() == 2_500 && outcomes[2_000..].iter().all(|it| it == "created"));
}

#[tokio::test]
async fn batches_end_at_a_thousand_contacts_two_mebibytes_or_an_id_that_they_hold() {
    let server = Server::start(|_, _| None).await;
    assert_eq!(Site::new(&many(1_001, |n| n.to_string())).run("push", &server, MANY).await, Exit::Done);
    let sizes: Vec<usize> = server.adds().iter().map(|add| add.contacts().len()).collect();
    assert_eq!(sizes, [1_000, 1]);

    let server = Server::start(|_, _| None).await;
    let site = Site::new("id,first_name,phone_number\n1,a,+1\n2,b,+1\n1,c,+1\n3,d,+1\n");
    assert_eq!(site.run("push", &server, MANY).await, Exit::Done);
    let ids: Vec<String> = server.adds().iter().map(|add| add.ids().join(",")).collect();
    assert_eq!(ids, ["1,2", "1,3"], "the last of two equal ids wins");

    let server = Server::start(|_, _| None).await;
    let long = "é".repeat(2_000);
    let site = Site::new(&many(700, |n| n.to_string()).replace(",name", &format!(",{long}")));
    assert_eq!(site.run("push", &server, &[MANY, &["--value-chars", "3000"]].concat()).await, Exit::Done);
    let bytes: Vec<usize> = server.adds().iter().map(|add| add.body.len()).collect();
    assert!(bytes.len() == 2 && bytes.iter().all(|bytes| *bytes <= 2 << 20), "{bytes:?}");
    assert!(bytes[0] + 4_200 > 2 << 20, "the first one is full: {bytes:?}");
}

#[tokio::test]
async fn bad_rows_stay_here_and_good_ones_go() {
    let server = Server::start(|_, _| None).await;
    let csv = "id,first_name,phone_number,callable\n1,a,+1,1\n2,b,+1,yes\n3,c\n4,d,+1,0\n";
    let site = Site::new(csv);
    assert_eq!(site.push(&server, BY_ID).await, Exit::Partial);
    assert_eq!(server.adds()[0].ids(), ["1", "4"]);
    assert_eq!(site.outcomes(), ["updated", "failed bad-callable", "failed ragged", "updated"]);
    let reject = site.text("a.csv.reject.csv");
    let lines: Vec<&str> = reject.lines().collect();
    assert!(
        lines.len() == 3 && lines[1].starts_with("2,b,+1,yes,bad-callable,") && lines[2].starts_with("3,c,ragged,")
    );
    for (words, exit, requests) in [
        (["--allow-rejects", "--quiet"], Exit::Done, 3),
        (["--max-errors", "1"], Exit::Missed, 0),
        (["--max-errors", "50%"], Exit::Partial, 3),
        (["--max-errors", "49.99%"], Exit::Missed, 0),
        (["--atomic", "--quiet"], Exit::Usage, 0),
    ] {
        let words: Vec<&str> = words.into_iter().filter(|word| *word != "--quiet").collect();
        let server = Server::start(|_, _| None).await;
        assert_eq!(site.push(&server, &[BY_ID, &words].concat()).await, exit, "{words:?}");
        assert_eq!(server.lines().len(), requests, "{words:?}");
    }
    let server = Server::start(|_, _| None).await;
    assert_eq!(site.push(&server, &[BY_ID, &["--start-from", "4"]].concat()).await, Exit::Done);
    assert_eq!(server.adds()[0].ids(), ["4"]);
    assert_eq!(site.summary()["counts"]["before_start"], 3);
}

#[tokio::test]
async fn a_dry_run_asks_nobody_and_counts_as_the_run_that_follows() {
    let server = Server::start(|_, _| None).await;
    let site = Site::new("id,first_name,phone_number,callable\n1,a,+1,1\n,b,+1,1\n3,c,+1,x\n");
    assert_eq!(site.push(&server, &[BY_ID, &["--dry-run"]].concat()).await, Exit::Partial);
    assert_eq!(server.lines(), [""; 0]);
    let dry = site.summary()["counts"].clone();
    assert_eq!(site.push(&server, BY_ID).await, Exit::Partial);
    assert_eq!(site.summary()["counts"], dry);
}

#[tokio::test]
async fn phones_travel_as_they_are_unless_a_policy_says_otherwise() {
    let server = Server::start(|_, _| None).await;
    let site = Site::new("id,first_name,phone_number,callable\n1,a,777 888 777,1\n2,b,none,1\n");
    assert_eq!(site.push(&server, BY_ID).await, Exit::Done);
    let policy = ["--phone-policy", "require", "--default-country", "CZ"];
    assert_eq!(site.push(&server, &[BY_ID, &policy].concat()).await, Exit::Partial);
    let phones: Vec<Value> =
        server.adds().iter().flat_map(Came::contacts).map(|it| it["data"]["phone_number"].clone()).collect();
    assert_eq!(phones, ["777 888 777", "none", "+420777888777"]);
    assert_eq!(site.outcomes(), ["updated", "failed bad-phone"]);
}

#[tokio::test]
async fn the_words_of_the_document_are_read_from_a_file() {
    let server = Server::start(|_, _| None).await;
    let site = Site::new(SAMPLE);
    let config = json!({
        "region": server.url, "client_id": "client", "client_secret": SECRET,
        "file_name": site.path("a.csv"), "id_column": "id", "callable_column": "callable",
        "contact_list_id": "X", "contact_list_name": "", "clear_contact_list_before_upload": true,
        "column_names": ["id", "first_name", "phone_number", "callable"],
        "phone_columns": [{"column": "phone_number", "type": "cell"}],
    });
    let file = site.path("config.json");
    std::fs::write(&file, config.to_string()).unwrap();
    let words = ["commdn", "contacts", "push", "--to", "genesys-cloud", "--quiet", "--config"].map(str::to_owned);
    let words = [words.to_vec(), vec![file.display().to_string()]].concat();
    assert_eq!(run(words, Arc::clone(&server.clock)).await, Exit::Done);
    assert_eq!(server.lines().len(), 4, "token, list, clear, contacts");
}

#[tokio::test]
async fn deletes_have_a_hundred_ids_at_most_joined_by_encoded_commas() {
    let server = Server::start(|_, _| None).await;
    let site = Site::new("id\n42\n84\n\"\"\n");
    let words = ["--list-id", "X", "--id-column", "id", "--yes"];
    assert_eq!(site.run("delete", &server, &words).await, Exit::Partial);
    let wanted = ["POST /oauth/token", "DELETE /api/v2/outbound/contactlists/X/contacts?contactIds=42%2C84"];
    assert_eq!(server.lines(), wanted);
    assert_eq!(server.came()[1].body, b"");
    assert_eq!(site.outcomes(), ["deleted", "deleted", "failed missing-key"]);

    let server = Server::start(|_, _| None).await;
    let csv = "id\n".to_owned() + &(0..150).map(|n| format!("{n}\n")).collect::<String>();
    assert_eq!(Site::new(&csv).run("delete", &server, &words).await, Exit::Done);
    let counts: Vec<usize> = server.lines()[1..].iter().map(|line| line.matches("%2C").count() + 1).collect();
    assert_eq!(counts, [100, 50]);

    let server = Server::start(|_, _| None).await;
    let csv = "id\n".to_owned() + &(0..100).map(|n| format!("{n:ž>60}\n")).collect::<String>();
    assert_eq!(Site::new(&csv).run("delete", &server, &words).await, Exit::Done);
    let addresses: Vec<String> = server.lines()[1..].iter().map(|line| line.replace("DELETE ", &server.url)).collect();
    assert!(addresses.iter().all(|url| url.len() <= 4_000), "{:?}", addresses.iter().map(String::len).max());
    assert!(addresses.len() > 1 && addresses[0].contains("%C5%BE"));
}

#[tokio::test]
async fn contacts_in_use_are_found_by_smaller_requests() {
    let server = Server::start(|came, _| {
        let ids = came.line.split_once("contactIds=")?.1;
        let busy = ids.split("%2C").filter(|id| *id == "3").count();
        Some(Reply::Answer(200, vec![("X-Commdn-Not-Deleted", busy.to_string())], Value::Null))
    })
    .await;
    let site = Site::new("id\n1\n2\n3\n4\n");
    let words = ["--list-id", "X", "--id-column", "id", "--yes"];
    assert_eq!(site.run("delete", &server, &words).await, Exit::Partial);
    assert_eq!(site.outcomes(), ["deleted", "deleted", "failed in-use", "deleted"]);
}

#[tokio::test]
async fn a_clear_is_one_request_without_body() {
    let server = Server::start(|_, _| None).await;
    let site = Site::new("");
    assert_eq!(site.run("clear", &server, &["--list-id", "a b/c", "--yes"]).await, Exit::Done);
    assert_eq!(server.lines(), ["POST /oauth/token", "POST /api/v2/outbound/contactlists/a%20b%2Fc/clear"]);
    assert_eq!(server.came()[1].body, b"");
    let server = Server::start(|came, _| came.line.ends_with("/clear").then(|| status(404))).await;
    assert_eq!(site.run("clear", &server, &["--list-id", "X", "--yes"]).await, Exit::NotFound);
    let server = Server::start(|came, _| came.line.ends_with("/clear").then(|| status(403))).await;
    assert_eq!(site.run("clear", &server, &["--list-id", "X", "--yes"]).await, Exit::NotAuthorised);
    let server = Server::start(|came, _| came.line.ends_with("/clear").then(|| status(409))).await;
    assert_eq!(site.run("clear", &server, &["--list-id", "X", "--yes"]).await, Exit::Refused);
}

#[tokio::test]
async fn a_redirect_is_refused_and_nobody_else_gets_the_token() {
    let other = Server::start(|_, _| None).await;
    let there = other.url.clone();
    let server = Server::start(move |came, _| {
        let location = vec![("Location", format!("{there}/api/v2/outbound/contactlists/X/contacts"))];
        came.is_add().then(|| Reply::Answer(307, location, Value::Null))
    })
    .await;
    let site = Site::new(SAMPLE);
    assert_eq!(site.push(&server, BY_ID).await, Exit::Refused);
    assert_eq!(other.lines(), [""; 0]);
    let there = other.url.clone();
    let server = Server::start(move |_, _| {
        Some(Reply::Answer(302, vec![("Location", format!("{there}/oauth/token"))], Value::Null))
    })
    .await;
    assert_eq!(site.push(&server, BY_ID).await, Exit::Refused);
    assert_eq!(other.lines(), [""; 0]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_secret_and_the_token_are_in_nothing_that_is_written() {
    let server = Server::start(|came, _| {
        let told = json!({"code": format!("x {SECRET}"), "message": format!("{SECRET} t0ken {:?}", came.headers)});
        came.is_add().then(|| Reply::Answer(400, Vec::new(), told))
    })
    .await;
    for verbose in [&["-vv"][..], &["--json"], &[]] {
        let site = Site::new(SAMPLE);
        let words: Vec<&str> = [COLUMNS, BY_ID, verbose].concat();
        let mut command = site.program("push", &server.url, &words);
        let output = tokio::task::spawn_blocking(move || command.output().unwrap()).await.unwrap();
        assert_eq!(output.status.code(), Some(6));
        let mut all = [output.stdout, output.stderr].concat();
        for entry in std::fs::read_dir(site.folder.path()).unwrap() {
            let path = entry.unwrap().path();
            if path.file_name() != Some("secret".as_ref()) {
                all.extend(std::fs::read(path).unwrap());
            }
        }
        let all = String::from_utf8(all).unwrap();
        assert!(all.contains("***") && all.contains("remote"), "the refusal is told: {all}");
        for secret in [SECRET, "t0ken", "Y2xpZW50OnMzY3JldC1vZi10aGUtY2xpZW50"] {
            assert!(!all.contains(secret), "{secret} in {all}");
        }
    }
}

#[cfg(unix)]
#[tokio::test]
async fn what_is_written_is_for_its_owner_only() {
    use std::os::unix::fs::PermissionsExt;
    let server = Server::start(|came, n| (came.is_add() && n > 0).then(|| status(503))).await;
    let site = Site::new(&many(1_001, |n| n.to_string()));
    assert_eq!(site.run("push", &server, MANY).await, Exit::Unreachable);
    for name in ["a.csv.outcome.csv", "a.csv.reject.csv", "a.csv.job.json", "summary.json"] {
        let mode = std::fs::metadata(site.path(name)).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600, "{name}");
    }
}

#[test]
fn what_cannot_be_done_is_said_before_anything_is_sent() {
    let site = Site::new(SAMPLE);
    let ended = |verb: &str, region: &str, words: &[&str]| {
        let output = site.program(verb, region, words).output().unwrap();
        (output.status.code().unwrap(), String::from_utf8(output.stderr).unwrap())
    };
    let push = [COLUMNS, BY_ID].concat();
    let here = "http://127.0.0.1:1";
    for (verb, region, words, wanted) in [
        ("push", "http://api.example", push.as_slice(), "http goes to this machine only"),
        ("push", "eu-north-99", &push, "expected a region"),
        ("push", here, &[COLUMNS, &["--id-column", "id"]].concat(), "contact_list_id or contact_list_name"),
        ("push", here, &["--list-id", "X"], "column_names is required"),
        ("push", here, &["--list-name", "L", "--columns", "id"], "phone_columns"),
        ("push", here, &[&push[..], &["--phone-column", "none:cell"]].concat(), "not in column_names"),
        ("delete", here, &["--list-id", "X", "--id-column", "id"], "not confirmed"),
        ("delete", here, &["--list-id", "X", "--yes"], "id_column is required"),
        ("clear", here, &["--list-id", "X"], "not confirmed"),
        ("clear", here, &["--yes"], "contact_list_id is required"),
    ] {
        let (code, error) = ended(verb, region, words);
        assert!(code == 2 && error.contains(wanted), "{verb} {words:?}: {code} {error}");
    }
    std::fs::write(site.path("a.csv"), "").unwrap();
    assert!(ended("push", here, &push).1.contains("missing header"));
    std::fs::remove_file(site.path("a.csv")).unwrap();
    assert_eq!(ended("push", here, &push).0, 2);
    assert!(!Path::exists(&site.path("a.csv.job.json")));
}
