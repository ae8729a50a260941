//! Flags under the heading Log.

use std::path::PathBuf;

use clap::{Args, ValueEnum};

/// Target of the log, and its form.
#[derive(Args, Clone, Debug)]
#[command(next_help_heading = "Log")]
pub struct Log {
    /// Append the log to this file instead of standard error; - is standard output
    #[arg(long = "file-log", env = "HTTPD_FILE_LOG", value_name = "FILE")]
    pub file: Option<PathBuf>,

    /// The form of the access log: combined, common or JSON lines
    #[arg(long = "log-format", env = "HTTPD_LOG_FORMAT", value_name = "FORMAT", default_value = "combined")]
    pub format: LogFormat,
}

/// The form of the access log.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum LogFormat {
    /// The combined format of Apache, and then the microseconds that the response took
    Combined,
    /// The common format of Apache
    Common,
    /// An object a line, also for what is no access line
    Json,
}
