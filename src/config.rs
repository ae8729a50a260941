//! Every flag, once, in groups: the doc comments are the help text. A group is handed on whole and read where it
//! is obeyed.

mod address;
mod commands;
mod networks;

use std::ffi::OsStr;
use std::path::PathBuf;
use std::time::Duration;

use clap::builder::Resettable;
use clap::builder::styling::{AnsiColor, Styles};
use clap::parser::ValueSource;
use clap::{Args, CommandFactory, FromArgMatches, Parser, ValueEnum};

pub use self::address::Address;
pub use self::commands::{Check, Command, Completions, Format, Precompress, ShellName};
pub use self::networks::Networks;
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
#[command(args_conflicts_with_subcommands = true)]
pub struct Config {
    /// Work other than serving.
    #[command(subcommand)]
    pub command: Option<Command>,
    /// Addresses that clients connect to.
    #[command(flatten)]
    pub listen: Listen,
    /// Encryption of connections.
    #[command(flatten)]
    pub tls: Tls,
    /// Proxies in front of the server.
    #[command(flatten)]
    pub proxies: Proxies,
    /// Clients that are served.
    #[command(flatten)]
    pub access: Access,
    /// Files that are served, and the ways to serve them.
    #[command(flatten)]
    pub files: Files,
    /// Numbers of threads and connections.
    #[command(flatten)]
    pub limits: Limits,
    /// Limits of time and rate.
    #[command(flatten)]
    pub timeouts: Timeouts,
    /// Target of the log, and its form.
    #[command(flatten)]
    pub log: Log,
    /// Ways to watch the server.
    #[command(flatten)]
    pub watching: Watching,
    /// Rights that the process keeps.
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
        let mut passed_over = Vec::new();
        let mut command = without_unset_variables(Config::command(), &mut passed_over);
        let matches = command.try_get_matches_from_mut(std::env::args_os())?;
        let mut config = Config::from_arg_matches(&matches).map_err(|error| error.format(&mut command))?;
        let is_given = |name| matches.value_source(name) == Some(ValueSource::CommandLine);
        config.listen.is_host_given = is_given("host") || is_given("port");
        config.proxies.check(&mut command)?;
        Ok(Config { passed_over, ..config })
    }
}

/// The command and those within it, without the environment variables that do not count.
fn without_unset_variables(mut command: clap::Command, passed_over: &mut Vec<String>) -> clap::Command {
    for argument in command.clone().get_arguments() {
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
    command.mut_subcommands(|command| without_unset_variables(command, &mut Vec::new()))
}

/// Addresses that clients connect to.
#[derive(Args, Clone, Debug)]
#[command(next_help_heading = "Listening")]
pub struct Listen {
    /// Address to listen on: HOST:PORT, :PORT for every IPv4 and IPv6 address of the machine, or unix:/path[,mode=0660]
    ///
    /// It may be given several times, and its variable may hold several with blanks between them. --host and --port are
    /// one address more if they stand on the command line, and are not used otherwise. A name is heard on all addresses
    /// that it stands for. Without a mode the umask says who may connect to a socket file, which belongs to --user.
    /// Sockets that systemd passes (LISTEN_FDS) are used instead of all of these.
    #[arg(long = "listen", env = "HTTPD_LISTEN", value_name = "ADDRESS", value_parser = address::parse_list)]
    pub lists: Vec<AddressList>,

    /// Address or name to listen on; 0.0.0.0 takes every IPv4 address, :: also every IPv6 one
    #[arg(long, env = "HTTPD_HOST", value_name = "HOST", default_value = "127.0.0.1")]
    pub host: String,

    /// Port to listen on; 0 lets the system choose one
    #[arg(short, long, env = "HTTPD_PORT", value_name = "PORT", default_value_t = 8000)]
    pub port: u16,

    /// Connections that may wait to be accepted, 1 to 65535
    #[arg(long, env = "HTTPD_BACKLOG", value_name = "COUNT", default_value_t = 100)]
    #[arg(value_parser = clap::value_parser!(u16).range(1..))]
    pub backlog: u16,

    /// Let another server share the port, so that a new one can take over from this one without a gap
    #[arg(long, env = "HTTPD_REUSE_PORT", value_parser = clap::builder::FalseyValueParser::new())]
    pub reuse_port: bool,

    /// Whether `--host` or `--port` stands on the command line.
    #[arg(skip)]
    pub is_host_given: bool,
}

/// The addresses of one `--listen`. (Clap takes a plain list of them for the values of several.)
pub type AddressList = Vec<Address>;

impl Listen {
    /// All addresses, in the order in which they are to be taken: `--host` and `--port`, unless `--listen` is there and
    /// they are not on the command line, and then those of `--listen`.
    pub(crate) fn addresses(&self) -> Vec<Address> {
        let mut addresses = self.lists.concat();
        if addresses.is_empty() || self.is_host_given {
            addresses.insert(0, Address::of_host(&self.host, self.port));
        }
        addresses
    }
}

/// Encryption of connections.
#[derive(Args, Clone, Debug)]
#[command(next_help_heading = "TLS")]
pub struct Tls {
    /// Speak TLS with this certificate, a PEM file with its chain; a renewed one is taken without a restart
    #[arg(long = "tls-cert", env = "HTTPD_TLS_CERT", value_name = "FILE")]
    pub certificate: Option<PathBuf>,

    /// The private key of that certificate, a PEM file that is not encrypted
    #[arg(long = "tls-key", env = "HTTPD_TLS_KEY", value_name = "FILE")]
    pub key: Option<PathBuf>,

    /// Redirect plain HTTP on this port of the same hosts to https, but for /.well-known/acme-challenge/
    #[arg(long, env = "HTTPD_HTTP_REDIRECT", value_name = "PORT")]
    pub http_redirect: Option<u16>,

    /// Speak HTTP/1.1 only; otherwise a client may choose HTTP/2, without TLS by beginning with it
    #[arg(long, env = "HTTPD_NO_HTTP2", value_parser = clap::builder::FalseyValueParser::new())]
    pub no_http2: bool,
}

/// Proxies in front of the server.
#[derive(Args, Clone, Debug)]
#[command(next_help_heading = "Proxies")]
pub struct Proxies {
    /// Believe proxies in these networks, or at unix sockets, whose client a request is: the last address of
    /// X-Forwarded-For, or else of Forwarded, that is not in them; and X-Forwarded-Proto
    #[arg(long = "trusted-proxies", env = "HTTPD_TRUSTED_PROXIES", value_name = "CIDR,...")]
    pub trusted: Option<Networks>,

    /// Take connections from these proxies alone, and only with a header of the PROXY protocol in front, version 1 or 2
    #[arg(long = "proxy-protocol", env = "HTTPD_PROXY_PROTOCOL")]
    #[arg(value_parser = clap::builder::FalseyValueParser::new())]
    pub need_header: bool,
}

impl Proxies {
    /// Checks that there are proxies to take a header from.
    fn check(&self, command: &mut clap::Command) -> Result<(), clap::Error> {
        if self.need_header && self.trusted.is_none() {
            let message = "--proxy-protocol needs --trusted-proxies: anybody could send the header otherwise";
            return Err(command.error(clap::error::ErrorKind::MissingRequiredArgument, message));
        }
        Ok(())
    }
}

/// Clients that are served, and who may see the site.
#[derive(Args, Clone, Debug)]
#[command(next_help_heading = "Access")]
pub struct Access {
    /// Serve clients in these networks, or at unix sockets, and answer 403 to all others, for whatever they ask
    #[arg(long, env = "HTTPD_ALLOW", value_name = "CIDR,...")]
    pub allow: Option<Networks>,

    /// Ask for a name and a password that are in this file, as htpasswd -B writes it; a changed one is obeyed at once
    #[arg(long, env = "HTTPD_AUTH", value_name = "FILE")]
    pub auth: Option<PathBuf>,
}

/// Files that are served, and the ways to serve them.
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

    /// Do not compress files that have no such neighbour
    #[arg(long, env = "HTTPD_NO_COMPRESS", value_parser = clap::builder::FalseyValueParser::new())]
    pub no_compress: bool,
    /// A field of every response; it may be given several times
    #[arg(long, env = "HTTPD_HEADER", value_name = "NAME: VALUE", value_delimiter = '\n', value_parser = header)]
    pub header: Vec<Header>,

    /// Let scripts of any origin read the responses, or those of the origins in this list [default value: *]
    #[arg(long, env = "HTTPD_CORS", value_name = "ORIGIN,...", num_args = 0..=1, require_equals = true)]
    #[arg(default_missing_value = "*", value_parser = cors)]
    pub cors: Option<Cors>,

    /// Cache files whose path matches this glob for a year; it may be given several times
    #[arg(long, env = "HTTPD_IMMUTABLE", value_name = "GLOB", value_delimiter = '\n')]
    pub immutable: Vec<String>,

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

    /// Answer navigations to missing paths with this file of the folder, as single-page applications need it
    #[arg(long, env = "HTTPD_FALLBACK", value_name = "FILE", value_parser = path_beneath)]
    pub fallback: Option<String>,

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

    /// Host whose reading of _headers and _redirects of the root holds, or off to take them for files like any others
    #[arg(long, env = "HTTPD_RULES", value_name = "HOST", default_value = "netlify")]
    pub rules: RuleFiles,

    /// Memory for files that are kept ready, in MiB over all workers; 0 reads each file anew and compresses none
    #[arg(long, env = "HTTPD_CACHE_SIZE", value_name = "MIB", default_value_t = 64)]
    #[arg(value_parser = clap::value_parser!(u32).range(..=1024 * 1024))]
    pub cache_size: u32,
}

/// The meaning of the files of rules.
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

impl Files {
    /// The Cache-Control value of found files: that of `--header`, or of its own flag.
    pub(crate) fn found_cache_control(&self) -> &str {
        let header = self.header.iter().rfind(|header| header.is("Cache-Control"));
        header.map_or(&self.cache_control, |header| &header.value)
    }
}

/// A field that the operator sets.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Header {
    /// Its name, a token.
    pub name: String,
    /// Its value, without whitespace around it.
    pub value: String,
}

impl Header {
    /// Whether it has this name, in any case.
    pub fn is(&self, name: &str) -> bool {
        self.name.eq_ignore_ascii_case(name)
    }
}

/// The origins whose scripts may read responses.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Cors {
    /// All.
    Any,
    /// These, compared byte by byte.
    Origins(Vec<String>),
}

/// Numbers of threads and connections.
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

/// Limits of time and rate.
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

    /// Seconds for which the server goes on after it is told to stop, and says that it is not ready, so that a balancer
    /// can look away
    #[arg(long, env = "HTTPD_DRAIN", value_name = "SECONDS", default_value = "0", value_parser = seconds_or_none)]
    pub drain: Duration,
}

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

/// Ways to watch the server.
#[derive(Args, Clone, Debug)]
#[command(next_help_heading = "Watching")]
pub struct Watching {
    /// Address of /metrics, /healthz, /readyz and /status, on this machine: HOST:PORT or unix:/path[,mode=0660]
    #[arg(long, env = "HTTPD_ADMIN", value_name = "ADDRESS", value_parser = address::parse)]
    pub admin: Option<Address>,

    /// Let --admin be an address that other machines reach
    #[arg(long, env = "HTTPD_ADMIN_ANYWHERE", value_parser = clap::builder::FalseyValueParser::new())]
    pub admin_anywhere: bool,

    /// Path that answers 200, or 503 once the server is told to stop, and is not logged
    #[arg(long, env = "HTTPD_HEALTH", value_name = "PATH", value_parser = health_path)]
    pub health: Option<String>,
}

/// Rights that the process keeps.
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

/// A time in seconds, or 0.
fn seconds_or_none(text: &str) -> Result<Duration, String> {
    if text == "0" { Ok(Duration::ZERO) } else { seconds(text) }
}

/// A path that a request can ask for.
fn health_path(text: &str) -> Result<String, String> {
    if text.starts_with('/')
        && text.bytes().all(|byte| byte.is_ascii_graphic() && !matches!(byte, b'?' | b'#'))
    {
        Ok(text.into())
    } else {
        Err("not a path that begins with a slash".into())
    }
}

/// The name of a file in some folder.
fn header(text: &str) -> Result<Header, String> {
    let (name, value) = text.split_once(':').ok_or("not a name, a colon and a value")?;
    let value = value.trim_matches([' ', '\t']);
    if !crate::http::field::is_token(name.as_bytes()) {
        return Err("the name is no token".into());
    }
    field_value(value)?;
    let is_ours = ["Content-Encoding", "Content-Type"].iter().any(|ours| ours.eq_ignore_ascii_case(name));
    if is_ours || crate::rules::headers::is_reserved(name) {
        return Err(format!("{name} is a field that the server alone sets"));
    }
    Ok(Header { name: name.into(), value: value.into() })
}

/// `*`, or a list of origins.
fn cors(text: &str) -> Result<Cors, String> {
    if text == "*" {
        return Ok(Cors::Any);
    }
    let origins: Vec<String> = text.split(',').map(|origin| origin.trim().to_owned()).collect();
    let is_origin = |origin: &String| {
        let (scheme, host) = origin.split_once("://").unwrap_or_default();
        origin == "null" || !scheme.is_empty() && crate::http::authority::is_valid(host.as_bytes())
    };
    match origins.iter().find(|origin| !is_origin(origin)) {
        Some(wrong) => Err(format!("{wrong:?} is no origin, such as https://example.org")),
        None => Ok(Cors::Origins(origins)),
    }
}

/// The name of a file beneath the root.
fn path_beneath(text: &str) -> Result<String, String> {
    let path = text.trim_start_matches('/');
    if path.is_empty() || path.ends_with('/') || path.split('/').any(|name| matches!(name, "" | "." | "..")) {
        Err("not the name of a file beneath the folder".into())
    } else {
        Ok(path.into())
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

/// A field value (RFC 9110 section 5.5), not empty.
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
    fn health_paths() {
        for (text, expected) in [
            ("/healthz", true),
            ("/", true),
            ("healthz", false),
            ("/a b", false),
            ("/a?b", false),
            ("", false),
        ] {
            assert_eq!(health_path(text).is_ok(), expected, "{text}");
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
        assert_eq!(seconds_or_none("0"), Ok(Duration::ZERO));
        assert!(seconds_or_none("-1").is_err());
        for text in ["nan", "inf", "1e9", "", "1s"] {
            assert!(seconds(text).is_err(), "{text}");
        }
    }
}
