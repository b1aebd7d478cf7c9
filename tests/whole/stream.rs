//! A reader of server-sent events.

use reqwest::{Method, RequestBuilder, Response};
use serde_json::Value;

use crate::site::{Site, guard};

/// One event.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Item {
    pub(crate) event: String,
    pub(crate) id: Option<u64>,
    pub(crate) data: Value,
}

/// An open stream. Whoever opened it has subscribed: nothing that happens from then on is missed.
pub(crate) struct Stream {
    response: Response,
    rest: String,
}

impl Stream {
    pub(crate) async fn open(site: &Site, path: &str, after: Option<u64>) -> Self {
        let mut request = site.ask(Method::GET, path);
        if let Some(after) = after {
            request = request.header("last-event-id", after.to_string());
        }
        Self::of(request).await
    }

    /// The stream of a request that is complete.
    pub(crate) async fn of(request: RequestBuilder) -> Self {
        let response = guard(request.send()).await.unwrap();
        assert_eq!(response.status(), 200);
        assert_eq!(response.headers()["content-type"], "text/event-stream");
        Self { response, rest: String::new() }
    }

    /// The next event; `None` when the stream has ended.
    pub(crate) async fn next(&mut self) -> Option<Item> {
        guard(self.following()).await
    }

    async fn following(&mut self) -> Option<Item> {
        loop {
            if let Some(end) = self.rest.find("\n\n") {
                let block: String = self.rest.drain(..end + 2).collect();
                match item(&block) {
                    Some(item) => return Some(item),
                    None => continue, // a comment that keeps the connection alive
                }
            }
            let part = self.response.chunk().await.unwrap()?;
            self.rest.push_str(std::str::from_utf8(&part).unwrap());
        }
    }

    /// The first event from here on that is wanted.
    pub(crate) async fn find(&mut self, wanted: impl Fn(&Item) -> bool) -> Item {
        loop {
            let item = self.next().await.expect("the stream ended");
            if wanted(&item) {
                return item;
            }
        }
    }

    /// Everything up to the end.
    pub(crate) async fn drain(mut self) -> Vec<Item> {
        let mut items = Vec::new();
        while let Some(item) = self.next().await {
            items.push(item);
        }
        items
    }
}

fn item(block: &str) -> Option<Item> {
    let field = |name: &str| block.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':'));
    let data = field("data")?.trim_start();
    Some(Item {
        event: field("event").unwrap_or("message").trim().to_owned(),
        id: field("id").map(|id| id.trim().parse().unwrap()),
        data: serde_json::from_str(data).unwrap_or_else(|_| Value::String(data.to_owned())),
    })
}
