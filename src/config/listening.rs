//! Flags under the heading Listening.

use clap::Args;

use super::address::{self, Address};

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
