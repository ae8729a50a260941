//! Flags under the heading Proxies.

use clap::Args;

use super::Networks;

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
    pub(super) fn check(&self, command: &mut clap::Command) -> Result<(), clap::Error> {
        if self.need_header && self.trusted.is_none() {
            let message = "--proxy-protocol needs --trusted-proxies: anybody could send the header otherwise";
            return Err(command.error(clap::error::ErrorKind::MissingRequiredArgument, message));
        }
        Ok(())
    }
}
