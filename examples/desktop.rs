//! A desktop integrator: the button "do not call me again", and the proof of what became of it.
//!
//! `commdn demo` in one shell, `cargo run --example desktop -- http://127.0.0.1:8080` in another.

use std::error::Error;

use commdn::net::tls::install_provider;
use serde_json::{Value, json};

#[allow(clippy::print_stdout)] // what it is for
#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    install_provider();
    let url = std::env::args().nth(1).unwrap_or_else(|| "http://127.0.0.1:8080".into());
    let http = reqwest::Client::new();

    // The desktop may ask again when the network failed: the same key gives the same request.
    let asked = http
        .post(format!("{url}/v1/dnc"))
        .header("idempotency-key", "desk-12/call-4711")
        .json(&json!({"phone": "+420777888777", "reason": "asked on call"}))
        .send()
        .await?;
    // 200: every OCS has answered. 202: it is on the disk and will be sent, however long that takes.
    let status = asked.status();
    let request: Value = asked.json().await?;
    println!("{status}: {} {} as request {}", request["kind"], request["outcome"], request["request_id"]);
    for answer in request["answers"].as_array().into_iter().flatten() {
        println!("  OCS {}: {} ({})", answer["ocs"], answer["event"], answer["result"]);
    }

    // Weeks later somebody wants to know whether it was done.
    let found: Value = http.get(format!("{url}/v1/dnc?phone=%2B420777888777")).send().await?.json().await?;
    let entry = &found["items"][0];
    println!("asked at {} by {}", entry["accepted_at"], entry["asked_by"]);

    assert!(status.is_success() && request["outcome"] == "answered", "{request}");
    assert!(found["items"].as_array().is_some_and(|items| !items.is_empty()), "{found}");
    Ok(())
}
