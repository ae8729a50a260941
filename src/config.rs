//! Every flag, once, in groups: the doc comments are the help text. A group is handed on whole and read where it
//! is obeyed.

use std::ffi::OsStr;
use std::path::PathBuf;
use std::time::Duration;

use clap::builder::Resettable;
use clap::builder::styling::{AnsiColor, Styles};
use clap::{Args, CommandFactory, FromArgMatches, Parser, ValueEnum};

use crate::rules::Reading;

const STYLES: Styles = Styles::styled()
    .header(AnsiColor::Green.on_default().bold())
    .usage(AnsiColor::Green.on_default().bold())
    .literal(AnsiColor::Cyan.on_default());

/// Serves the files of a folder over HTTP/1.1.
///
/// `httpd -r ./www` serves ./www on http://127.0.0.1:8000. Every option can also be given by the environment
/// variable that stands beside it; the option wins. RUST_LOG says how much is logged: `info` (the
/// default), `warn` (no access lines) or `off`. SIGTERM and SIGINT stop the server once the responses in
/// flight are finished; SIGHUP and SIGUSR1 reopen the log file and read the certificate again.
#[derive(Clone, Debug, Parser)]
#[command(name = "httpd", version, styles = STYLES, max_term_width = 100)]
pub struct Config {
    /// Where clients connect.
    #[command(flatten)]
    pub listen: Listen,
    /// How connections are encrypted.
    #[command(flatten)]
    pub tls: Tls,
    /// Which files are served, and how.
    #[command(flatten)]
    pub files: Files,
    /// How many threads and connections there are.
    #[command(flatten)]
    pub limits: Limits,
    /// How long things may take.
    #[command(flatten)]
    pub timeouts: Timeouts,
    /// Where the log goes.
    #[command(flatten)]
    pub log: Log,
    /// Which rights the process keeps.
    #[command(flatten)]
    pub privileges: Privileges,
    /// Environment variables that were passed over, as `NAME=value`.
    #[arg(skip)]
    pub passed_over: Vec<String>,
}

impl Config {
    /// Reads the command line, and the environment for what the command line does not say. A variable that is empty
    /// counts as not set. Kubernetes sets variables such as HTTPD_PORT for a service called `httpd`, to the address
    /// of that service: these are passed over.
    ///
    /// # Errors
    /// A usage error, or the request for help or the version.
    pub fn read() -> Result<Config, clap::Error> {
        let mut command = Config::command();
        let mut passed_over = Vec::new();
        for argument in Config::command().get_arguments() {
            let Some(name) = argument.get_env() else { continue };
            let Some(value) = std::env::var_os(name) else { continue };
            let is_service = is_service_address(&value);
            if is_service {
                passed_over.push(format!("{}={}", name.display(), value.display()));
            }
            if is_service || value.is_empty() {
                command = command.mut_arg(argument.get_id(), |argument| argument.env(Resettable::Reset));
            }
        }
        let matches = command.try_get_matches_from_mut(std::env::args_os())?;
        let config = Config::from_arg_matches(&matches).map_err(|error| error.format(&mut command))?;
        Ok(Config { passed_over, ..config })
    }
}

/// Where clients connect.
#[derive(Args, Clone, Debug)]
#[command(next_help_heading = "Listening")]
pub struct Listen {
    /// Address or name to listen on; 0.0.0.0 takes every IPv4 address, :: also every IPv6 one
    #[arg(long, env = "HTTPD_HOST", value_name = "HOST", default_value = "127.0.0.1")]
    pub host: String,

    /// Port to listen on; 0 lets the system choose one. A socket that systemd passes (LISTEN_FDS) is used instead
    #[arg(short, long, env = "HTTPD_PORT", value_name = "PORT", default_value_t = 8000)]
    pub port: u16,

    /// Connections that may wait to be accepted, 1 to 65535
    #[arg(long, env = "HTTPD_BACKLOG", value_name = "COUNT", default_value_t = 100)]
    #[arg(value_parser = clap::value_parser!(u16).range(1..))]
    pub backlog: u16,

    /// Let another server share the port, so that a new one can take over from this one without a gap
    #[arg(long, env = "HTTPD_REUSE_PORT", value_parser = clap::builder::FalseyValueParser::new())]
    pub reuse_port: bool,
}

/// How connections are encrypted.
#[derive(Args, Clone, Debug)]
#[command(next_help_heading = "TLS")]
pub struct Tls {
    /// Speak TLS with this certificate, a PEM file with its chain; a renewed one is taken without a restart
    #[arg(long = "tls-cert", env = "HTTPD_TLS_CERT", value_name = "FILE")]
    pub certificate: Option<PathBuf>,

    /// The private key of that certificate, a PEM file that is not encrypted
    #[arg(long = "tls-key", env = "HTTPD_TLS_KEY", value_name = "FILE")]
    pub key: Option<PathBuf>,

    /// Redirect plain HTTP on this port of the same host to https, but for /.well-known/acme-challenge/
    #[arg(long, env = "HTTPD_HTTP_REDIRECT", value_name = "PORT")]
    pub http_redirect: Option<u16>,
}

/// Which files are served, and how.
#[derive(Args, Clone, Debug)]
#[command(next_help_heading = "Files")]
pub struct Files {
    /// Folder to serve; it may be a symlink that is swapped while the server runs
    #[arg(short = 'r', long, env = "HTTPD_DOCUMENT_ROOT", value_name = "FOLDER", default_value = ".")]
    pub document_root: PathBuf,

    /// Cache-Control value of found files; errors and redirects always say no-cache
    #[arg(long, env = "HTTPD_CACHE_CONTROL", value_name = "VALUE", default_value = "no-cache")]
    #[arg(value_parser = field_value)]
    pub cache_control: String,

    /// Do not serve file.br, file.zst and file.gz in place of file to clients that accept them
    #[arg(long, env = "HTTPD_NO_PRECOMPRESSED", value_parser = clap::builder::FalseyValueParser::new())]
    pub no_precompressed: bool,

    /// Names that answer for a folder, tried in this order
    #[arg(
        long,
        env = "HTTPD_INDEX",
        value_name = "NAME,...",
        default_value = "index.html",
        value_delimiter = ','
    )]
    #[arg(value_parser = file_name)]
    pub index: Vec<String>,

    /// Answer /about with about.html, and redirect /about.html to it
    #[arg(long, env = "HTTPD_CLEAN_URLS", value_parser = clap::builder::FalseyValueParser::new())]
    pub clean_urls: bool,

    /// Show the names in a folder that has no index.html, as a page or as JSON
    #[arg(long, env = "HTTPD_LISTING", value_parser = clap::builder::FalseyValueParser::new())]
    pub listing: bool,

    /// Serve names that begin with a dot, too; .well-known is always served
    #[arg(long, env = "HTTPD_DOT_FILES", value_parser = clap::builder::FalseyValueParser::new())]
    pub dot_files: bool,

    /// Media types that win over the built-in ones, in the form of /etc/mime.types: a type and its extensions a line
    #[arg(long, env = "HTTPD_TYPES", value_name = "FILE")]
    pub types: Option<PathBuf>,

    /// Whose meaning _headers and _redirects of the root have, or off to take them for files like any others
    #[arg(long, env = "HTTPD_RULES", value_name = "HOST", default_value = "netlify")]
    pub rules: RuleFiles,

    /// Memory for files that are kept ready, in MiB over all workers; 0 reads each file anew
    #[arg(long, env = "HTTPD_CACHE_SIZE", value_name = "MIB", default_value_t = 64)]
    #[arg(value_parser = clap::value_parser!(u32).range(..=1024 * 1024))]
    pub cache_size: u32,
}

/// Whether the files of rules are obeyed, and what they mean.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum RuleFiles {
    /// As Netlify reads them
    Netlify,
    /// As Cloudflare Pages reads them
    Cloudflare,
    /// Not at all
    Off,
}

impl RuleFiles {
    /// The reading, unless they are off.
    pub(crate) fn reading(self) -> Option<Reading> {
        match self {
            RuleFiles::Netlify => Some(Reading::Netlify),
            RuleFiles::Cloudflare => Some(Reading::Cloudflare),
            RuleFiles::Off => None,
        }
    }
}

/// How many threads and connections there are.
#[derive(Args, Clone, Debug)]
#[command(next_help_heading = "Limits")]
pub struct Limits {
    /// Worker threads, 1 to 1024; more than there are processors do not help
    #[arg(short, long, env = "HTTPD_WORKERS", value_name = "COUNT", default_value_t = 1)]
    #[arg(value_parser = clap::value_parser!(u16).range(1..=1024))]
    pub workers: u16,

    /// Connections at once, 1 or more, of which idle ones make room for new ones [default: half of the descriptors
    /// that the process may have]
    #[arg(long, env = "HTTPD_MAX_CONNECTIONS", value_name = "COUNT")]
    #[arg(value_parser = clap::value_parser!(u32).range(1..))]
    pub max_connections: Option<u32>,

    /// Connections at once from one IPv4 address or IPv6 network of 64 bits; 0 for any number
    #[arg(long, env = "HTTPD_MAX_CONNECTIONS_PER_IP", value_name = "COUNT", default_value_t = 0)]
    pub max_connections_per_ip: u32,
}

/// How long things may take.
#[derive(Args, Clone, Copy, Debug)]
#[command(next_help_heading = "Timeouts")]
pub struct Timeouts {
    /// Seconds that a request head may take from its first byte on
    #[arg(long = "head-timeout", env = "HTTPD_HEAD_TIMEOUT", value_name = "SECONDS", default_value = "10")]
    #[arg(value_parser = seconds)]
    pub head: Duration,

    /// Seconds that a connection may wait for its next request
    #[arg(long = "idle-timeout", env = "HTTPD_IDLE_TIMEOUT", value_name = "SECONDS", default_value = "75")]
    #[arg(value_parser = seconds)]
    pub idle: Duration,

    /// Seconds that a client may take none of a response, or send none of a body
    #[arg(long = "stall-timeout", env = "HTTPD_STALL_TIMEOUT", value_name = "SECONDS", default_value = "30")]
    #[arg(value_parser = seconds)]
    pub stall: Duration,

    /// Bytes a second that a client must take of a response, on average after the stall timeout; 0 for any
    #[arg(long, env = "HTTPD_MIN_RATE", value_name = "BYTES", default_value_t = 500)]
    pub min_rate: u32,

    /// Seconds that responses in flight get to finish when the server is told to stop
    #[arg(long, env = "HTTPD_GRACE", value_name = "SECONDS", default_value = "10", value_parser = seconds)]
    pub grace: Duration,
}

/// Where the log goes.
#[derive(Args, Clone, Debug)]
#[command(next_help_heading = "Log")]
pub struct Log {
    /// Append the log to this file instead of standard error; - is standard output
    #[arg(long = "file-log", env = "HTTPD_FILE_LOG", value_name = "FILE")]
    pub file: Option<PathBuf>,
}

/// Which rights the process keeps.
#[derive(Args, Clone, Debug)]
#[command(next_help_heading = "Rights")]
pub struct Privileges {
    /// Run as this user once the port and the log are open: a name or a number, with a group if not its own
    #[arg(long, env = "HTTPD_USER", value_name = "NAME[:GROUP]")]
    pub user: Option<String>,

    /// Do not give up the right to other files, sockets and system calls (Landlock, seccomp)
    #[arg(long, env = "HTTPD_NO_SANDBOX", value_parser = clap::builder::FalseyValueParser::new())]
    pub no_sandbox: bool,
}

/// An address as Kubernetes writes it for a service: `tcp://10.96.0.7:80`.
fn is_service_address(value: &OsStr) -> bool {
    let Some(text) = value.to_str() else { return false };
    let address = ["tcp://", "udp://", "sctp://"].iter().find_map(|scheme| text.strip_prefix(scheme));
    address
        .and_then(|address| address.rsplit_once(':'))
        .is_some_and(|(host, port)| !host.is_empty() && port.parse::<u16>().is_ok())
}

/// A time in seconds, 0.001 to 86,400, with or without a fraction.
fn seconds(text: &str) -> Result<Duration, String> {
    match text.parse::<f64>() {
        Ok(seconds) if (0.001..=86_400.0).contains(&seconds) => Ok(Duration::from_secs_f64(seconds)),
        _ => Err("not a number of seconds from 0.001 to 86400".into()),
    }
}

/// The name of a file in some folder.
fn file_name(text: &str) -> Result<String, String> {
    if matches!(text, "" | "." | "..") || text.contains(['/', '\0']) {
        Err("not the name of a file".into())
    } else {
        Ok(text.into())
    }
}

/// What may stand in a field value.
fn field_value(text: &str) -> Result<String, String> {
    if !text.is_empty() && crate::http::field::is_value(text.as_bytes()) {
        Ok(text.into())
    } else {
        Err("not a field value".into())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn service_addresses() {
        for (value, expected) in [
            ("tcp://10.96.0.7:80", true),
            ("udp://10.96.0.7:53", true),
            ("sctp://[2001:db8::1]:80", true),
            ("tcp://10.96.0.7", false),
            ("tcp://10.96.0.7:http", false),
            ("tcp://:80", false),
            ("http://10.96.0.7:80", false),
            ("10.96.0.7:80", false),
            ("80", false),
            ("", false),
        ] {
            assert_eq!(is_service_address(OsStr::new(value)), expected, "{value}");
        }
    }

    #[test]
    fn the_flags_are_consistent() {
        Config::command().debug_assert();
    }

    #[test]
    fn times() {
        for (text, expected) in [("10", Some(10_000)), ("0.5", Some(500)), ("0", None), ("-1", None)] {
            assert_eq!(seconds(text).ok(), expected.map(Duration::from_millis), "{text}");
        }
        for text in ["nan", "inf", "1e9", "", "1s"] {
            assert!(seconds(text).is_err(), "{text}");
        }
    }
}
