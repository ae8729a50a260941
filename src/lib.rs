//! Otuserver: a static file server for Linux, hand-written on epoll. This page is the map of the house.
//!
//! # Four rooms
//!
//! Meaning, content, time and kernel: [`http`] knows what bytes mean, [`site`] knows which file answers,
//! [`server`] knows what to do next on which connection, [`sys`] knows how to ask Linux. [`config`] holds
//! every flag.
//!
//! Doors: `main -> server -> site -> http`, and `sys` beneath `server` and `site`. `http` and `sys` never
//! meet: what bytes mean does not depend on where they come from, so every test of `http` is a table.
//!
//! # The way of a request
//!
//! 1. `server::worker`: epoll says that something is ready. The worker accepts and reads everything that is,
//!    into one arena, and only then answers: that is one *turn*.
//! 2. `server::connection`: the state machine of a connection feeds the bytes to [`http::parser`].
//! 3. [`site::Site::answer`]: *method, target, file, coding, preconditions, range, response*. Files come from
//!    [`site::cache`], which looks at each of them at most once a turn and is never stale all the same.
//!    What is not in memory (`site::cold`) is fetched by a thread of `server::disk` first; only who asked for
//!    it waits.
//! 4. `server::output`: the response is rendered and sent at once; what the socket does not take waits there.
//! 5. `server::access_log`: one line, after the response; one write a turn.
//!
//! Before the first request, `server::lockdown` gives up every right that this way does not need; what is defended
//! against whom is in SECURITY.md.
//!
//! # Three ideas
//!
//! *The state is the only truth*: what a connection waits for, and until when, are functions of its state.
//! *A request is a straight line*: no handler tables, no callbacks. *Bad input is an ordinary value*: a parse
//! error knows its status, a start-up error its one line, and nothing that comes from outside can panic.

mod codec;
pub mod commands;
pub mod config;
pub mod http;
pub mod http1;
pub mod listing;
pub mod server;
mod site;
mod sys;
mod throttle;
