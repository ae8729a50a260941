//! `httpd completions`: the flags as a shell completes them.

use std::io::{self, Write};

use clap::CommandFactory;
use clap_complete::Shell;
use clap_complete::generate;

use crate::config::{Completions, Config, ShellName};

/// Writes a script for a shell to standard output.
///
/// # Errors
/// Standard output takes nothing.
pub fn run(options: &Completions) -> io::Result<bool> {
    let shell = match options.shell {
        ShellName::Bash => Shell::Bash,
        ShellName::Zsh => Shell::Zsh,
        ShellName::Fish => Shell::Fish,
    };
    let mut script = Vec::new();
    generate(shell, &mut Config::command(), "httpd", &mut script);
    io::stdout().write_all(&script)?;
    Ok(true)
}
