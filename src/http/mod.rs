//! The meaning of bytes: HTTP/1.1 as pure functions (RFC 9110 and 9112).
//!
//! Bytes and values come in, values go out: no sockets, no files, no clock, no configuration, no logging.
//! Time and limits that an operator may set arrive as arguments; a body is a length here. This is why every
//! test of this module is a table.
//!
//! # Supported, refused, and why
//!
//! The sections are those of RFC 9110 to 9112, of RFC 3986 for URIs, and of RFC 7239 for proxies.
//!
//! **Heads** ([`http1::parser`](crate::http1::parser))
//! - *Versions* (9112 2.3): 1.0 and 1.1. Versions 1.2 to 1.9 are read as 1.1, another major version gets 505,
//!   no version 400.
//! - *Line ends* (9112 2.2): CRLF. Empty lines before a request are ignored. A bare LF or CR gets 400: it is
//!   a way to smuggle a request.
//! - *Folded lines, space before the colon* (9112 5.1, 5.2): 400, for the same reason.
//!
//! **Methods and connections** ([`request`])
//! - *GET, HEAD* (9110 9.3.1, 9.3.2): supported. HEAD sends every field that GET sends, but Range is for GET
//!   alone.
//! - *OPTIONS* (9110 9.3.7): 204 with `Allow`, for `*` too.
//! - *Other methods* (9110 15.5.6, 15.6.2): known ones get 405 with `Allow`, unknown ones 501.
//! - *Persistence, pipelining* (9112 9.3): as the version and `Connection` say. Pipelined requests are
//!   answered in order.
//! - *Expect* (9110 10.1.1, in `site`): `100-continue` gets the final status and close, others 417. It is
//!   ignored in 1.0.
//!
//! **Credentials** ([`credentials`])
//! - *Basic* (7617): in UTF-8; control characters and more than 512 bytes are no credentials. Other schemes are not
//!   known.
//! - *Caches* (9111 3.5, 5.2.2.7, in [`cache_control`]): what is shown with credentials is `private`.
//!
//! **Targets** ([`target`])
//! - *Forms* (9112 3.2): origin and absolute. `*` and authority are taken only with the methods they belong
//!   to.
//! - *Host* (9112 3.2, 3.2.2, 3986 3.2.2): 400 if it is missing in 1.1, doubled, or not exactly a host and a
//!   port. The authority of the target wins over it, and is checked in the same way.
//! - *Bytes above 0x7F* (3986 2.1): taken as if they were percent-encoded. Controls, spaces and percent signs
//!   without two digits get 400.
//! - *Dot segments* (3986 5.2.4): removed after decoding. Above the root 400; an encoded slash 404, an
//!   encoded NUL 400.
//!
//! **Bodies of requests** ([`http1::framing`](crate::http1::framing))
//! - *Content-Length* (9112 6.3): one number. A list, a second line or Transfer-Encoding beside it get 400
//!   and close.
//! - *Transfer-Encoding* (9112 6.1, 7.1): chunked, with extensions and trailers, which are checked and
//!   ignored. Other codings get 501; chunked in 1.0, or not as the last coding, 400; then close.
//! - *Skipping* (9112 9.3): up to a limit, on any method. After a longer body the connection is closed in
//!   order.
//!
//! **Conditions** ([`validators`], [`preconditions`])
//! - *Dates* (9110 5.6.7, in [`date`]): three forms are read, with leap seconds, one is sent.
//! - *ETag* (9110 8.8.3): strong, always. It is made in `site`.
//! - *Last-Modified* (9110 8.8.2): never later than Date.
//! - *If-Match, If-None-Match* (9110 13.1.1, 13.1.2): lists, `*`, several lines; strong and weak comparison.
//! - *If-Modified-Since, If-Unmodified-Since* (9110 13.1.3, 13.1.4): ignored beside their tag fields, or if
//!   invalid.
//!
//! **Ranges** ([`range`])
//! - *Range* (9110 14.2): single, suffix, several as [`multipart`]. Overlaps are sent once. Sets above the
//!   limits, and ranges of an empty file, get the whole file.
//! - *If-Range* (9110 13.1.5): a strong tag, or exactly the date.
//! - *416* (9110 15.5.17): with `Content-Range: bytes */length`.
//! - *A range of a file that has coded forms* (9110 14.2, in `site`): one of the file itself, unless If-Range or
//!   If-Match names the tag of a coded form, or the client refuses the file itself.
//! - *Several ranges of a coded file* (9110 14.2, in `site`): the whole file, since Content-Encoding could
//!   stand in two places and would be understood in two ways.
//!
//! **Types** ([`media_type`], [`charset`])
//! - *Content-Type* (9110 8.3): by the extension of the name; `application/octet-stream` for an unknown one.
//! - *Charset* (9110 8.3.2): `utf-8` for text that is so, where a browser would not find it by itself.
//!
//! **Negotiation and caches**
//! - *Accept* (9110 12.5.1, in [`accept`]): weights, refusals, ranges of types. Where it accepts nothing that there
//!   is, it is passed over.
//! - *Accept-Encoding* (9110 12.5.3, in [`encoding`]): weights, refusals, `*`, `identity`, `x-gzip`, several
//!   lines. If nothing is acceptable 406. A file that is coded by its own name (`.svgz`) is sent to everybody.
//! - *Vary* (9110 12.5.5, in `site`): on every reply that negotiation could change.
//! - *Cache-Control* (9111 5.2.2, in `site`): `no-cache`, or the operator's value for found files. Errors and
//!   redirects always have `no-cache`.
//!
//! **Proxies** ([`forwarded`])
//! - *Forwarded* (7239 4 to 6) and *X-Forwarded-For*: from trusted proxies alone, read from the end on. Obfuscated
//!   identifiers and `unknown` are no addresses.
//!
//! **Not supported**, since no file needs them: TRACE, CONNECT, Upgrade, trailers in replies, digests.

pub mod accept;
pub mod authority;
pub mod cache_control;
pub mod charset;
pub mod compressible;
pub mod credentials;
pub mod date;
pub mod encoding;
pub mod field;
pub mod fields;
pub mod forwarded;
pub mod media_type;
pub mod multipart;
pub mod navigation;
pub mod preconditions;
pub mod range;
pub mod request;
pub mod status;
pub mod target;
pub mod validators;
