//! Every limit of the wire, named once. A claim above a limit is refused before any buffer grows.

/// Most bytes of one key: the width of its length field.
pub const KEY_BYTES_MAX: usize = 65_535;
/// Most bytes of one scalar value: the width of its length field.
pub const VALUE_BYTES_MAX: usize = 65_535;
/// Most bytes of one packed top-level list; the ceiling of the T-Server's own setting.
pub const LIST_BYTES_MAX: usize = 65_535;
/// Default of the setting `list_bytes_max`: what we send, and what the simulated T-Server accepts.
pub const LIST_BYTES_DEFAULT: usize = 16_000;
/// Most lists in each other; the top list counts as 1.
pub const DEPTH_MAX: usize = 16;
/// Most pairs of one list, all depths together.
pub const PAIRS_MAX: usize = 4_096;
/// Default of the setting `frame_bytes_max`: bytes of one frame, its kind byte and body.
pub const FRAME_BYTES_MAX: usize = 1_048_576;
/// Ceiling of the setting `frame_bytes_max`.
pub const FRAME_BYTES_HARD_MAX: usize = 16_777_216;
/// Most attributes of one T-Server message.
pub const ATTRIBUTES_MAX: usize = 64;
/// Most bytes of one line of a log print.
pub const TEXT_LINE_BYTES_MAX: usize = 65_536;

/// Seconds a client has to send its first frame, RequestRegisterClient.
pub const LOGIN_SECONDS: u64 = 5;
/// Seconds a client waits for the direct answer to a request (EventRegistered, EventUnregistered, EventACK, EventError).
pub const ANSWER_SECONDS: u64 = 5;
/// Most sessions of one T-Server; one more is accepted and closed at once.
pub const SESSIONS_MAX: usize = 8_192;
/// Most DNs one session may register.
pub const DNS_PER_SESSION_MAX: usize = 64;
/// Most frames waiting to be sent to one session.
pub const SEND_QUEUE_FRAMES_MAX: usize = 4_096;
/// Most bytes waiting to be sent to one session.
pub const SEND_QUEUE_BYTES_MAX: usize = 4 << 20;
/// Most bytes waiting to be sent to all sessions of one process.
pub const SEND_QUEUE_PROCESS_BYTES_MAX: usize = 256 << 20;
/// Most requests of one session without their direct answer.
pub const IN_FLIGHT_MAX: usize = 1_024;
