//! `httpd man`: the man page, made of the flags.

use std::io::{self, Write};

use clap::CommandFactory;
use clap_mangen::Man;

use crate::config::Config;

/// The day on which the text of the page was last looked through.
const DATE: &str = "2026-11-25";

/// The part of the page that no flag tells.
const OPERATION: &str = r#".SH "EXIT STATUS, SIGNALS AND ENVIRONMENT"
.TP
Exit 0
after a stop, or where a command found nothing wrong
.TP
Exit 1
when it cannot serve, after a second signal to stop, or where a command found something wrong
.TP
Exit 2
for a wrong option
.TP
SIGTERM, SIGINT
serves on for \fB\-\-drain\fR, then finishes responses within \fB\-\-grace\fR; a second one ends it at once
.TP
SIGHUP, SIGUSR1
opens \fB\-\-file\-log\fR again
.TP
HTTPD_\fIOPTION\fR
stands for the option that is named beside it; the option wins, and an empty variable counts as not set
.TP
HTTPD_LISTEN
has several addresses with blanks between them
.TP
RUST_LOG
is \fBinfo\fR (the default), \fBwarn\fR (no access lines) or \fBoff\fR
.TP
LISTEN_FDS, LISTEN_PID
pass listening sockets, of TCP or unix, as systemd does; they are used instead of \fB\-\-listen\fR, \fB\-\-host\fR and \fB\-\-port\fR
.TP
NOTIFY_SOCKET, WATCHDOG_USEC, WATCHDOG_PID
name the supervisor that hears that the server is ready, reloads, stops and lives, as systemd does
"#;

/// Writes the page to standard output.
///
/// # Errors
/// Standard output takes nothing.
pub fn run() -> io::Result<bool> {
    io::stdout().write_all(&page()?)?;
    Ok(true)
}

fn page() -> io::Result<Vec<u8>> {
    let mut page = Vec::new();
    let man = Man::new(Config::command()).title("HTTPD").section("8").date(DATE);
    man.render_title(&mut page)?;
    man.render_name_section(&mut page)?;
    man.render_synopsis_section(&mut page)?;
    man.render_description_section(&mut page)?;
    man.render_options_section(&mut page)?;
    // Two line breaks in a row are one too many for strict readers of the format.
    let mut page = String::from_utf8_lossy(&page).replace(".br\n\n.br\n", ".br\n");
    page.push_str(".SH COMMANDS\n");
    for command in Config::command().get_subcommands() {
        let about = command.get_about().map(ToString::to_string).unwrap_or_default().replace('-', "\\-");
        page.push_str(&format!(".TP\n\\fBhttpd {}\\fR\n{about}\n", command.get_name()));
    }
    page.push_str("Each of them has \\fB\\-\\-help\\fR.\n");
    page.push_str(OPERATION);
    Ok(page.into_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_option_and_the_table() {
        let page = String::from_utf8(page().unwrap()).unwrap();
        for option in Config::command().get_arguments() {
            let name = option.get_long().unwrap().replace('-', "\\-");
            assert!(page.contains(&format!("\\-\\-{name}")), "{name}");
        }
        assert!(
            page.starts_with(".ie") && page.contains("\n.TH HTTPD 8") && page.ends_with(OPERATION),
            "{page}"
        );
    }
}
