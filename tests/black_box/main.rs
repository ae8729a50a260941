//! Black-box tests: the real `httpd` is started on a port that the system chooses, real bytes go in over
//! TCP, and what comes back is read by a strict reader. This file is the table of contents: first the
//! harness, then one module a feature. Traffic stays on the loopback, everything runs in parallel.

#![allow(clippy::panic, reason = "a failed expectation is how a test speaks, also in its helpers")]

// The harness: what every feature below is written with.
mod calendar;
mod certificate;
mod client;
mod coder;
mod feeding;
mod patience;
mod peer;
mod response;
mod server;
mod site;
mod system;

// The command: how it starts, stops and speaks to its operator.
mod access_log;
mod admin;
mod documents;
mod drain;
mod healthcheck;
mod limits;
mod listen;
mod listen_unix;
mod log_format;
mod packaging;
mod precompress;
mod sandbox;
mod signals;
mod startup;
mod systemd;
mod upgrade;
mod workers;

// Proxies in front, and who may see the site.
mod allow;
mod auth;
mod proxies;
mod proxy_protocol;

// Encryption.
mod http_redirect;
mod tls;
mod tls_renewal;

// From a target to a file, and never to any other file.
mod charset;
mod clean_urls;
mod confinement;
mod dot_files;
mod files;
mod freshness;
mod listing;
mod media_types;
mod missing;
mod redirect;

// Fields and redirects that the operator sets.
mod check;
mod flag_fields;
mod headers_rules;
mod redirects;

// The protocol, in the order in which a request walks through it (RFC 9112, then RFC 9110).
mod parser;

mod connection;
mod field;
mod framing;
mod three_ways;
mod timeouts;

// HTTP/2.
mod http2;

mod request;

mod compression;
mod encoding;
mod error_page;
mod preconditions;
mod range;
mod response_head;
mod validators;
