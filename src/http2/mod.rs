//! HTTP/2 on the wire: pure functions between bytes and the values of [`http`](crate::http) (RFC 9113).

pub mod hpack;
