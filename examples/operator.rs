//! A campaign operator: an evening as a program. Every refusal is an answer that says what to do about it.
//!
//! `commdn demo` in one shell, `cargo run --example operator -- http://127.0.0.1:8080` in another.

use std::error::Error;

use commdn::net::tls::install_provider;
use serde_json::{Value, json};

struct Pair {
    http: reqwest::Client,
    url: String,
}

impl Pair {
    /// Asks for something and waits for the answer of OCS; its HTTP status and what it says.
    async fn ask(&self, verb: &str, body: Value) -> Result<(u16, Value), reqwest::Error> {
        let answer = self.http.post(format!("{}/{verb}", self.url)).json(&body).send().await?;
        Ok((answer.status().as_u16(), answer.json().await?))
    }

    async fn status(&self) -> Result<Value, reqwest::Error> {
        // Without `refresh` it is the last known state; with it OCS is asked.
        self.http.get(format!("{}?refresh=true", self.url)).send().await?.json().await
    }
}

#[allow(clippy::print_stdout)] // what it is for
#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    install_provider();
    let url = std::env::args().nth(1).unwrap_or_else(|| "http://127.0.0.1:8080".into());
    // Campaigns and groups by DBID or by name.
    let pair = Pair { http: reqwest::Client::new(), url: format!("{url}/v1/campaigns/Survey/groups/Team%20A") };

    let (_, loaded) = pair.ask("load", json!({})).await?;
    println!("load: {}", loaded["outcome"]);
    let (_, started) = pair.ask("start", json!({"mode": "predict", "optimize_by": "busy_factor", "goal": 80})).await?;
    println!("start: {}", started["outcome"]);

    let (status, refused) = pair.ask("start", json!({})).await?;
    println!("start again: {status}, {} ({}), hint: {}", refused["title"], refused["code"], refused["hint"]);

    let state = pair.status().await?;
    println!("now: {} in {} at {} %", state["status"], state["mode"], state["goal"]);

    // Stops, waits until it has stopped, and unloads.
    let (_, ended) = pair.ask("complete", json!({})).await?;
    println!("complete: {}", ended["outcome"]);
    let after = pair.status().await?;

    assert_eq!((status, &refused["code"]), (409, &json!(7)), "{refused}");
    assert_eq!((&state["status"], &state["goal"]), (&json!("running"), &json!(80)), "{state}");
    assert_eq!(after["status"], "not_loaded", "{after}");
    Ok(())
}
