//! Flags under the heading Watching.

use clap::Args;

use super::address::{self, Address};

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

#[cfg(test)]
mod tests {
    use super::*;

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
}
