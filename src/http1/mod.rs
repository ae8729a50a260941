//! HTTP/1.1 on the wire: pure functions between bytes and the values of [`http`](crate::http) (RFC 9112).

mod chunk_extension;
pub mod framing;
pub mod parser;
pub mod render;
