//! A list manager: a file becomes a calling list, and every row that was not taken says why.
//!
//! `commdn demo` in one shell, `cargo run --example list_manager -- http://127.0.0.1:8080` in another.

use std::error::Error;

use commdn::net::tls::install_provider;
use serde_json::{Value, json};

const FILE: &str = "id,name,cell\n1,Ada,+420777888701\n2,Grace,+420777888702\n3,Nobody,no phone\n";

#[allow(clippy::print_stdout)] // what it is for
#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    install_provider();
    let url = std::env::args().nth(1).unwrap_or_else(|| "http://127.0.0.1:8080".into());
    let http = reqwest::Client::new();

    let upload = http.post(format!("{url}/v1/import-uploads?name=people.csv")).header("content-type", "text/csv");
    let upload: Value = upload.body(FILE).send().await?.error_for_status()?.json().await?;

    // The job goes on by itself once the file is validated; `"auto_continue": false` would wait for a look at it.
    let job = json!({
        "upload_id": upload["upload_id"], "list": "example", "create": true, "dry_run": false,
        "settings": {"id_column": "id", "phone_columns": [{"column": "cell", "type": "cell"}]},
    });
    let job = http.post(format!("{url}/v1/import-jobs")).json(&job).send().await?;
    let job: Value = job.error_for_status()?.json().await?;
    let at = format!("{url}/v1/import-jobs/{}", job["id"].as_str().ok_or("a job without an id")?);

    // Its events end when it does.
    let events = http.get(format!("{at}/events")).send().await?.text().await?;
    println!("{} events", events.matches("\ndata:").count());
    let done: Value = http.get(&at).send().await?.json().await?;
    println!("{}: {}", done["state"], done["counts"]);
    let rejects = http.get(format!("{at}/reject")).send().await?.text().await?;
    print!("{rejects}");

    assert_eq!((&done["state"], &done["counts"]["created"]), (&json!("completed"), &json!(2)), "{done}");
    assert!(rejects.contains("Nobody"), "{rejects}");
    Ok(())
}
