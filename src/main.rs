//! Parses the flags, runs the server, turns an error into one line and an exit code.

use std::process::ExitCode;

use clap::error::ErrorKind;
use otuserver::config::Config;
use otuserver::server::report;

fn main() -> ExitCode {
    let config = match Config::read() {
        Ok(config) => config,
        Err(error) if matches!(error.kind(), ErrorKind::DisplayHelp | ErrorKind::DisplayVersion) => {
            error.exit()
        }
        Err(error) => {
            let text = error.to_string();
            let first_line = text.lines().next().unwrap_or_default();
            report(&format!("httpd: {} (see --help)", first_line.trim_start_matches("error: ")));
            return ExitCode::from(2);
        }
    };
    match otuserver::server::run(&config) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            report(&format!("httpd: {error}"));
            ExitCode::FAILURE
        }
    }
}
