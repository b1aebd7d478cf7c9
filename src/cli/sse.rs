//! Server-sent events: lines over a byte stream.

/// Most bytes of one event, so that no server can fill our memory.
const EVENT_BYTES_MAX: usize = 16 << 20;

/// One event.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SseEvent {
    /// Its kind; `message` when it has none.
    pub event: String,
    /// Its lines of data, joined.
    pub data: String,
    /// The last id seen, for `Last-Event-ID`.
    pub id: Option<String>,
}

/// Takes bytes as they come, gives events as they end.
#[derive(Debug, Default)]
pub struct SseParser {
    line: Vec<u8>,
    after_return: bool,
    event: String,
    data: Option<String>,
    id: Option<String>,
}

/// An event longer than `EVENT_BYTES_MAX`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("an event of more than {EVENT_BYTES_MAX} bytes")]
pub struct TooLong;

impl SseParser {
    /// The events that end in these bytes.
    ///
    /// # Errors
    /// [`TooLong`]; the stream is then of no use any more.
    pub fn push(&mut self, bytes: &[u8]) -> Result<Vec<SseEvent>, TooLong> {
        let mut ended = Vec::new();
        for byte in bytes {
            let line_feed_of_pair = *byte == b'\n' && self.after_return;
            self.after_return = *byte == b'\r';
            match byte {
                b'\n' if line_feed_of_pair => {}
                b'\n' | b'\r' => {
                    let line = std::mem::take(&mut self.line);
                    ended.extend(self.take_line(&String::from_utf8_lossy(&line)));
                }
                byte => self.line.push(*byte),
            }
            if self.line.len() + self.data.as_ref().map_or(0, String::len) > EVENT_BYTES_MAX {
                return Err(TooLong);
            }
        }
        Ok(ended)
    }

    fn take_line(&mut self, line: &str) -> Option<SseEvent> {
        if line.is_empty() {
            let event = std::mem::take(&mut self.event);
            let data = self.data.take()?;
            let event = if event.is_empty() { "message".to_owned() } else { event };
            return Some(SseEvent { event, data, id: self.id.clone() });
        }
        let (field, value) = line.split_once(':').unwrap_or((line, ""));
        let value = value.strip_prefix(' ').unwrap_or(value);
        match field {
            "event" => value.clone_into(&mut self.event),
            "data" => match &mut self.data {
                Some(data) => {
                    data.push('\n');
                    data.push_str(value);
                }
                None => self.data = Some(value.to_owned()),
            },
            "id" if !value.contains('\0') => self.id = Some(value.to_owned()),
            _ => {} // a comment (empty field), retry, or a field we do not know
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const STREAM: &[u8] = b": hello\n\nevent: state\nid: 7\ndata: {\"a\":1}\n\nretry: 5\r\ndata: x\r\ndata:  y\r\n\r\n\
        event: nothing\n\ndata\n\nid: 8\rdata: z\r\r";

    fn wanted() -> Vec<SseEvent> {
        let event = |event: &str, data: &str, id: &str| SseEvent {
            event: event.into(),
            data: data.into(),
            id: Some(id.into()),
        };
        vec![
            event("state", "{\"a\":1}", "7"),
            event("message", "x\n y", "7"),
            event("message", "", "7"),
            event("message", "z", "8"),
        ]
    }

    #[test]
    fn events_are_read_whatever_ends_the_lines() {
        assert_eq!(SseParser::default().push(STREAM), Ok(wanted()));
    }

    #[test]
    fn events_are_read_wherever_the_stream_is_cut() {
        for at in 0..=STREAM.len() {
            let mut parser = SseParser::default();
            let mut events = parser.push(&STREAM[..at]).unwrap();
            events.extend(parser.push(&STREAM[at..]).unwrap());
            assert_eq!(events, wanted(), "cut at {at}");
        }
    }

    #[test]
    fn an_event_without_end_is_refused() {
        let mut parser = SseParser::default();
        let block = vec![b'x'; 1 << 20];
        let result = (0..20).map(|_| parser.push(&block)).find(Result::is_err);
        assert_eq!(result, Some(Err(TooLong)));
    }

    #[test]
    fn half_an_event_is_not_told() {
        assert_eq!(SseParser::default().push(b"data: x\n"), Ok(vec![]));
    }
}
