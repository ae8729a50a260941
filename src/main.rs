//! Parses the flags, runs the server or another command, turns an error into one line and an exit code.

use std::fmt::Display;
use std::process::ExitCode;

use clap::error::ErrorKind;
use otuserver::commands::{check, completions, healthcheck, man, precompress};
use otuserver::config::{Command, Config};
use otuserver::server::{report, survive_file_size_limit};

fn main() -> ExitCode {
    survive_file_size_limit();
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
    match &config.command {
        None => finish(otuserver::server::run(&config).map(|()| true)),
        Some(Command::Check(options)) => finish(check::run(options)),
        Some(Command::Precompress(options)) => finish(precompress::run(options)),
        Some(Command::Healthcheck) => finish(healthcheck::run(&config)),
        Some(Command::Man) => finish(man::run()),
        Some(Command::Completions(options)) => finish(completions::run(options)),
    }
}

/// The exit code of work that succeeded or not.
fn finish(result: Result<bool, impl Display>) -> ExitCode {
    match result {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            report(&format!("httpd: {error}"));
            ExitCode::FAILURE
        }
    }
}
