//! The least of an HTTP client, so that clients cost little beside the servers that are measured.

use std::net::SocketAddr;

use bytes::{Buf, BytesMut};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};

fn find(text: &[u8], wanted: &[u8]) -> Option<usize> {
    text.windows(wanted.len()).position(|window| window == wanted)
}

/// Posts do-not-calls on one connection.
pub(crate) struct Poster {
    stream: TcpStream,
    input: BytesMut,
    wanted: &'static str,
}

impl Poster {
    /// Every answer must have `wanted` in it.
    pub(crate) async fn connect(addr: SocketAddr, wanted: &'static str) -> Self {
        let stream = TcpStream::connect(addr).await.expect("a connection");
        stream.set_nodelay(true).expect("a socket option");
        Self { stream, input: BytesMut::new(), wanted }
    }

    pub(crate) async fn post(&mut self, phone: &str) {
        let body = format!("{{\"phone\":\"{phone}\",\"ocs\":301}}");
        let request = format!(
            "POST /v1/dnc HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\r\n{body}",
            body.len()
        );
        self.stream.write_all(request.as_bytes()).await.expect("it is written");
        let head = loop {
            if let Some(end) = find(&self.input, b"\r\n\r\n") {
                break end + 4;
            }
            self.read().await;
        };
        let text = std::str::from_utf8(&self.input[..head]).expect("text").to_ascii_lowercase();
        let length = text.split("content-length: ").nth(1).and_then(|rest| rest.split('\r').next());
        let length: usize = length.and_then(|length| length.parse().ok()).expect("a length");
        while self.input.len() < head + length {
            self.read().await;
        }
        let body = std::str::from_utf8(&self.input[head..head + length]).expect("text");
        assert!(text.starts_with("http/1.1 200") && body.contains(self.wanted), "{text}{body}");
        self.input.advance(head + length);
    }

    async fn read(&mut self) {
        self.input.reserve(8_192);
        assert_ne!(self.stream.read_buf(&mut self.input).await.expect("it is read"), 0, "the server is there");
    }
}

/// Reads server-sent events.
pub(crate) struct Reader {
    stream: TcpStream,
    part: Vec<u8>,
    tail: Vec<u8>,
}

/// Longer than any event.
const TAIL: usize = 2_048;

impl Reader {
    /// Open, with the snapshot read.
    pub(crate) async fn open(addr: SocketAddr) -> Self {
        let mut stream = TcpStream::connect(addr).await.expect("a connection");
        stream.write_all(b"GET /v1/events HTTP/1.1\r\nhost: localhost\r\n\r\n").await.expect("it is written");
        let mut reader = Self { stream, part: vec![0; 16_384], tail: Vec::new() };
        reader.find("event: snapshot").await;
        reader
    }

    /// Reads up to the event with this number.
    pub(crate) async fn until(&mut self, number: u64) {
        self.find(&format!("\nid: {number}\n")).await;
    }

    async fn find(&mut self, wanted: &str) {
        loop {
            let read = self.stream.read(&mut self.part).await.expect("it is read");
            assert_ne!(read, 0, "the server is there");
            let new = &self.part[..read];
            // Only the last event is looked for, and it comes last.
            self.tail.extend_from_slice(&new[read.saturating_sub(TAIL)..]);
            self.tail.drain(..self.tail.len().saturating_sub(TAIL));
            if find(&self.tail, wanted.as_bytes()).is_some() {
                return;
            }
        }
    }
}
