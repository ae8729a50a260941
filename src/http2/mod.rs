//! HTTP/2 on the wire: pure functions between bytes and the values of [`http`](crate::http) (RFC 9113).

mod allowance;
mod closed;
pub mod error;
pub mod frame;
pub mod head;
pub mod hpack;
pub mod priority;
mod receiving;
pub mod session;
pub mod streams;
#[cfg(test)]
mod tests;

pub use receiving::{Event, MAX_BLOCK, MAX_BODY, MAX_CONTINUATIONS};
