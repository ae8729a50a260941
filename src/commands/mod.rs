//! The work of the command other than serving: a file for each subcommand.

pub mod check;
pub mod completions;
pub mod healthcheck;
pub mod man;
pub mod precompress;
