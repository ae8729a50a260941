//! What bytes mean: HTTP/1.1 as pure functions (RFC 9110 and 9112).
//!
//! Bytes and values come in, values go out: no sockets, no files, no clock, no configuration, no
//! logging. Time and limits that an operator may set arrive as arguments; a body is a length here.
//! That is what makes every test of this room a table.
//!
//! # What is supported, what is refused, and why
//!
//! | feature | section | here | where |
//! | --- | --- | --- | --- |
//! | GET, HEAD | 9110 9.3.1, 9.3.2 | supported; HEAD sends every field that GET does, but Range is for GET alone | [`request`] |
//! | other methods | 9110 15.5.6, 15.6.2 | known ones 405 with `Allow`, unknown ones 501 | [`request`] |
//! | versions | 9112 2.3 | 1.0 and 1.1; 1.2 to 1.9 are read as 1.1; another major version 505; no version 400 | [`http1::parser`](crate::http1::parser) |
//! | line ends | 9112 2.2 | CRLF; empty lines before the request are ignored; bare LF or CR 400: a way to smuggle | [`http1::parser`](crate::http1::parser) |
//! | folded lines, space before the colon | 9112 5.1, 5.2 | 400: likewise | [`http1::parser`](crate::http1::parser) |
//! | target forms | 9112 3.2 | origin and absolute; `*` and authority only with the methods they belong to | [`target`] |
//! | Host | 9112 3.2, 3.2.2 | 400 when missing in 1.1, doubled or invalid; the target's authority wins over it | [`target`] |
//! | dot segments | 3986 5.2.4 | removed after decoding; above the root 400; encoded slash 404, encoded NUL 400 | [`target`] |
//! | Content-Length | 9112 6.3 | one number; a list, a second line or Transfer-Encoding beside it 400 and close | [`http1::framing`](crate::http1::framing) |
//! | Transfer-Encoding | 9112 6.1, 7.1 | chunked, with extensions and trailers; others 501; in 1.0, or not last, 400; then close | [`http1::framing`](crate::http1::framing) |
//! | request bodies | 9112 9.3 | skipped up to a bound, on any method; beyond it the connection is closed in order | [`http1::framing`](crate::http1::framing) |
//! | Expect | 9110 10.1.1 | `100-continue` gets the final status and close; others 417; ignored in 1.0 | `site` |
//! | persistence, pipelining | 9112 9.3 | as the version and `Connection` say; pipelined requests are answered in order | [`request`] |
//! | dates | 9110 5.6.7 | three forms are read, one is sent | [`date`] |
//! | ETag | 9110 8.8.3 | strong, always; what it is made of stands in `site::file` | [`validators`] |
//! | Last-Modified | 9110 8.8.2 | never later than Date | [`validators`] |
//! | If-Match, If-None-Match | 9110 13.1.1, 13.1.2 | lists, `*`, several lines; strong and weak comparison | [`preconditions`] |
//! | If-Modified-Since, If-Unmodified-Since | 9110 13.1.3, 13.1.4 | ignored beside their tag fields, or when invalid | [`preconditions`] |
//! | Range | 9110 14.2 | single, suffix, several as [`multipart`]; overlaps coalesced; abusive sets get the whole file | [`range`] |
//! | several ranges of a coded file | 9110 14.2 | the whole: two places for Content-Encoding would be understood in two ways | `site` |
//! | If-Range | 9110 13.1.5 | strong tag, or exactly the date | [`range`] |
//! | 416 | 9110 15.5.17 | with `Content-Range: bytes */length` | [`range`] |
//! | Accept-Encoding | 9110 12.5.3 | weights, refusals, `*`, `identity`, `x-gzip`, several lines; nothing acceptable 406 | [`encoding`] |
//! | Vary | 9110 12.5.5 | on every reply that negotiation could change | `site` |
//! | Cache-Control | 9111 5.2.2 | `no-cache`, or what the operator says for found files; errors and redirects always `no-cache` | `site` |
//! | TRACE, CONNECT, Upgrade, trailers in replies, digests | | not supported: nothing that a file needs | |

mod authority;
pub mod date;
pub mod encoding;
pub mod field;
pub mod fields;
pub mod media_type;
pub mod multipart;
pub mod preconditions;
pub mod range;
pub mod request;
pub mod status;
pub mod target;
pub mod validators;
