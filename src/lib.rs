//! Otuserver: a static file server for Linux, hand-written on epoll. This page is the map of the source.
//!
//! # Layers
//!
//! [`http`] knows the meaning of bytes, `site` the file that answers, [`server`] the next step on each connection, and
//! `sys` the system calls. [`config`] holds every flag.
//!
//! Dependencies: `main -> server -> site -> http`, and `sys` beneath `server` and `site`. [`http1`] (the bytes of
//! HTTP/1.1), [`listing`] (the pages for folders) and [`rules`] (`_headers` and `_redirects`) use `http`, which does not
//! know them. These four and `sys` never meet: the meaning of bytes does not depend on their source, so every test of `http` is a table. `tests/layers.rs`
//! holds the table of all dependencies and fails on another one.
//!
//! # The way of a request
//!
//! 1. `server::worker`: epoll says that something is ready. The worker accepts and reads everything that is ready,
//!    into one arena, and only then answers: that is one *turn*.
//! 2. `server::connection`: the state machine of a connection feeds the bytes to [`http1::parser`].
//! 3. `site::Site::answer`: *method, target, file, coding, preconditions, range, response*. Files come from
//!    `site::cache`, which looks at each of them at most once a turn and is never stale all the same. A file that is
//!    not in memory is fetched by a thread of `server::blocking` first, and only the connection that asked for it waits.
//! 4. `server::output`: the response is rendered and sent at once; the bytes that the socket does not take wait there.
//! 5. `server::access_log`: one line, after the response. Once a turn the lines go to the one thread that writes the
//!    log (`server::log_writer`).
//!
//! Before the first request, `server::privileges` gives up every right that this way does not need. SECURITY.md says
//! which attacks are defended against.
//!
//! # Three ideas
//!
//! *The state is the only truth*: the events that a connection waits for, and its deadline, are functions of its state.
//! *A request is a straight line*: no handler tables. *Bad input is an ordinary value*: a parse error knows its status,
//! a start-up error its one line, and nothing that comes from outside can panic.

pub mod config;
pub mod http;
pub mod http1;
pub mod listing;
pub mod rules;
pub mod server;
mod site;
mod sys;
mod throttle;
