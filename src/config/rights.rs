//! Flags under the heading Rights.

use clap::Args;

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
