//! Flags under the heading Limits.

use clap::Args;

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
