//! Floor 7: the HTTP door. REST, server-sent events, OpenAPI; it holds no rule of the protocol.

pub mod dto;
pub mod problem;
