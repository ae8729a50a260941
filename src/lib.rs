//! Otuserver: a static file server for Linux, hand-written on epoll. This page is the map of the source.
//!
//! # Layers
//!
//! | module | knows |
//! | --- | --- |
//! | [`http`] | the meaning of bytes, without a version of the protocol (RFC 9110) |
//! | [`http1`] | HTTP/1.1 on the wire (RFC 9112) |
//! | [`http2`] | HTTP/2 on the wire (RFC 9113, 7541, 9218) |
//! | [`auth`] | who may see the site: logins, hashes of passwords, clients that guess |
//! | `codec` | the bytes of the content codings: compressing, and comparing what is decoded |
//! | [`rules`], [`listing`] | the files `_headers` and `_redirects`; the page that shows a folder |
//! | `site` | the representation that answers a request |
//! | [`server`] | the next step of each connection |
//! | `sys` | how to ask Linux: the only unsafe code |
//! | [`commands`] | what the program does other than serving |
//! | [`config`] | every flag |
//!
//! Dependencies go one way: `main -> server -> site -> http`. `http1`, `http2`, `rules` and `listing` use `http`,
//! which does not know them, and `sys` is beneath `server` and `site`. `http` and `sys` never meet: the meaning of bytes does not
//! depend on where they come from, so every test of the pure modules is a table. `tests/layers.rs` fails on a wrong
//! arrow.
//!
//! # The way of a request
//!
//! 1. `server::worker`: epoll says that something is ready. The worker accepts and reads everything that is, into one
//!    arena, and only then answers: that is one *turn*. With TLS, `server::transport` decrypts while it reads; nothing
//!    after it knows the difference (`server::tls`).
//! 2. `server::connection`: the state machine of a connection feeds the bytes to [`http1::parser`], or to
//!    [`http2::session`], which knows the streams.
//! 3. `site::Site::answer`: *method, target, rules, file, coding, preconditions, range, response*. Files come from
//!    `site::cache`, which looks at each of them at most once a turn and is never stale all the same. Where the answer
//!    has to wait, for a disk or for work that takes long, it is a job instead (`site::pending`): a thread of
//!    `server::blocking` does it, and only the client that asked waits.
//! 4. `server::output`: the response is rendered ([`http1::render`]) and sent at once. What the socket does not take
//!    waits there.
//! 5. `server::access_log`: one line, after the response. A thread writes all lines of a turn (`server::log_writer`).
//!
//! The main thread meanwhile waits for signals, and answers at the admin address (`server::admin`) from the numbers that
//! each worker counts for itself (`server::counters`).
//!
//! Before the first request, `server::privileges` gives up every right that this way does not need. SECURITY.md says
//! what is defended against whom.
//!
//! # Three ideas
//!
//! *The state is the only truth*: what a connection waits for, and until when, are functions of its state.
//! *A request is a straight line*: no handler tables, no callbacks. *Bad input is an ordinary value*: a parse error
//! knows its status, a start-up error its one line, and nothing that comes from outside can panic.

pub mod auth;
mod codec;
pub mod commands;
pub mod config;
pub mod http;
pub mod http1;
pub mod http2;
pub mod listing;
pub mod rules;
pub mod server;
mod site;
mod sys;
mod throttle;
