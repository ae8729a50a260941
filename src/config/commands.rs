//! The work other than serving, and its arguments.

use std::path::PathBuf;

use clap::{Args, Subcommand, ValueEnum};

use super::RuleFiles;
use crate::http::encoding::{Coding, SIDECARS};

/// The work other than serving.
#[derive(Clone, Debug, Subcommand)]
pub enum Command {
    /// Read _headers, _redirects and the names of a folder, and say what is wrong with them; serve nothing
    ///
    /// One line a finding. The exit code is 1 if any is an error: a line that is skipped, a redirect that goes in a
    /// circle, a destination that is missing.
    Check(Check),

    /// Write file.br, file.zst and file.gz beside files that become smaller by that
    ///
    /// Files of 1 KiB to 64 MiB whose type is not compressed by itself are compressed as far as they can be, on all
    /// processors. A neighbour that decodes to its file is left alone, one that does not is replaced; what would save
    /// less than 5 % is not written.
    Precompress(Precompress),

    /// Ask the server that the environment describes whether it is well
    ///
    /// It asks for /healthz of HTTPD_ADMIN, or else for HTTPD_HEALTH, or else for /, at the first address of
    /// HTTPD_LISTEN, or else of HTTPD_HOST and HTTPD_PORT, where somebody listens. Any answer below 500 within five seconds
    /// is well: the exit code is 0 then, and 1 otherwise.
    Healthcheck,

    /// Print the man page
    Man,

    /// Print the script by which a shell completes the options
    Completions(Completions),
}

/// The shell that completes.
#[derive(Args, Clone, Debug)]
pub struct Completions {
    /// The shell
    pub shell: ShellName,
}

/// A shell.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum ShellName {
    /// bash
    Bash,
    /// zsh
    Zsh,
    /// fish
    Fish,
}

/// The folder to check, and the form of the findings.
#[derive(Args, Clone, Debug)]
pub struct Check {
    /// Folder that is to be served
    #[arg(short = 'r', long, env = "HTTPD_DOCUMENT_ROOT", value_name = "FOLDER", default_value = ".")]
    pub document_root: PathBuf,

    /// Host whose reading of _headers and _redirects holds, or off to look at the names alone
    #[arg(long, env = "HTTPD_RULES", value_name = "HOST", default_value = "netlify")]
    pub rules: RuleFiles,

    /// The form of the findings
    #[arg(long, value_name = "FORM", default_value = "text")]
    pub format: Format,
}

/// The form of findings.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Format {
    /// A line a finding
    Text,
    /// An array of objects
    Json,
}

/// Neighbours that are written.
#[derive(Args, Clone, Debug)]
pub struct Precompress {
    /// Folder whose files are compressed, and those of the folders in it
    #[arg(short = 'r', long, env = "HTTPD_DOCUMENT_ROOT", value_name = "FOLDER", default_value = ".")]
    pub document_root: PathBuf,

    /// Codings, with commas between them
    #[arg(long, value_name = "CODING", default_value = "br,zst,gz", value_delimiter = ',', value_parser = coding)]
    pub codings: Vec<Coding>,

    /// Compress and print the table, but write nothing
    #[arg(long)]
    pub dry_run: bool,
}

/// The coding of files with this suffix.
fn coding(text: &str) -> Result<Coding, String> {
    let known = SIDECARS.into_iter().find(|coding| coding.suffix().trim_start_matches('.') == text);
    known.ok_or_else(|| "not one of br, zst and gz".into())
}
