//! Every flag, once, in groups: the doc comments are the help text. A group is handed on whole and read where it
//! is obeyed.
//!
//! A file holds one heading of the help, with the parsers of its values. These are, in the order of the help:
//! `listening`, `tls`, `proxies`, `access`, `files`, `limits`, `timeouts`, `log`, `watching` and `rights`. `commands`
//! holds the subcommands and their arguments, and `address` and `networks` the values that flags of several headings
//! take.

mod access;
mod address;
mod commands;
mod files;
mod limits;
mod listening;
mod log;
mod networks;
mod proxies;
mod rights;
mod timeouts;
mod tls;
mod watching;

use std::ffi::OsStr;

use clap::builder::Resettable;
use clap::builder::styling::{AnsiColor, Styles};
use clap::parser::ValueSource;
use clap::{CommandFactory, FromArgMatches, Parser};

pub use self::access::Access;
pub use self::address::Address;
pub use self::commands::{Check, Command, Completions, Format, Precompress, ShellName};
pub use self::files::{Cors, Files, Header, RuleFiles};
pub use self::limits::Limits;
pub use self::listening::{AddressList, Listen};
pub use self::log::{Log, LogFormat};
pub use self::networks::Networks;
pub use self::proxies::Proxies;
pub use self::rights::Privileges;
pub use self::timeouts::Timeouts;
pub use self::tls::Tls;
pub use self::watching::Watching;

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

/// An address as Kubernetes writes it for a service: `tcp://10.96.0.7:80`.
fn is_service_address(value: &OsStr) -> bool {
    let Some(text) = value.to_str() else { return false };
    let address = ["tcp://", "udp://", "sctp://"].iter().find_map(|scheme| text.strip_prefix(scheme));
    address
        .and_then(|address| address.rsplit_once(':'))
        .is_some_and(|(host, port)| !host.is_empty() && port.parse::<u16>().is_ok())
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
}
