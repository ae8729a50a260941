//! Flags under the heading TLS.

use std::path::PathBuf;

use clap::Args;

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
