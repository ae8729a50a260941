//! What bytes mean: HTTP/1.1 as pure functions (RFC 9110 and 9112).
//!
//! Bytes and values come in, values go out: no sockets, no files, no clock, no configuration, no
//! logging. Time and limits that an operator may set arrive as arguments; a body is a length here.
//! That is what makes every test of this room a table.

pub mod date;
pub mod encoding;
pub mod field;
pub mod framing;
pub mod media_type;
pub mod parser;
pub mod preconditions;
pub mod range;
pub mod request;
pub mod response;
pub mod status;
pub mod target;
pub mod validators;
