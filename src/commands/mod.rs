//! The work of the command other than serving: a file for each subcommand.

pub mod check;
pub mod precompress;
