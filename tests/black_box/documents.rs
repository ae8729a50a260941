//! `httpd man` and `httpd completions`: pages and scripts that their readers take without a complaint. A reader that
//! this machine does not have is not asked.

use std::io::Write;
use std::process::{Command, Stdio};

use crate::server::httpd;

fn printed(arguments: &[&str]) -> Vec<u8> {
    let output = httpd().args(arguments).output().expect("it runs");
    assert!(output.status.success() && output.stderr.is_empty(), "{arguments:?}: {output:?}");
    output.stdout
}

/// What a program says of its input; `None` where there is no such program.
fn complaints(program: &str, arguments: &[&str], input: &[u8]) -> Option<String> {
    let mut command = Command::new(program);
    command.args(arguments).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().ok()?;
    child.stdin.take().expect("piped").write_all(input).expect("it reads");
    let output = child.wait_with_output().expect("it ends");
    Some(String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned())
}

#[test]
fn a_man_page() {
    let page = printed(&["man"]);
    let text = String::from_utf8_lossy(&page);
    for words in [
        ".TH HTTPD 8",
        "\\-\\-document\\-root",
        "HTTPD_DRAIN",
        "httpd healthcheck",
        "SIGTERM, SIGINT",
        "NOTIFY_SOCKET",
    ] {
        assert!(text.contains(words), "{words}");
    }
    if let Some(said) = complaints("mandoc", &["-Tlint", "-Wwarning"], &page) {
        assert_eq!(said, "");
    }
}

#[test]
fn completions() {
    for (shell, words) in
        [("bash", "complete -F _httpd"), ("zsh", "#compdef httpd"), ("fish", "complete -c httpd")]
    {
        let script = printed(&["completions", shell]);
        let text = String::from_utf8_lossy(&script);
        assert!(text.contains(words) && text.contains("document-root"), "{shell}: {text}");
        let flags = if shell == "fish" { &["--no-execute", "/dev/stdin"][..] } else { &["-n", "/dev/stdin"] };
        if let Some(said) = complaints(shell, flags, &script) {
            assert_eq!(said, "", "{shell}");
        }
    }
    let output = httpd().args(["completions", "tcsh"]).output().expect("it runs");
    assert_eq!(output.status.code(), Some(2));
}
