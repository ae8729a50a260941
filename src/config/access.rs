//! Flags under the heading Access.

use std::path::PathBuf;

use clap::Args;

use super::Networks;

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
