//! Flags under the heading Timeouts.

use std::time::Duration;

use clap::Args;

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

#[cfg(test)]
mod tests {
    use super::*;

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
