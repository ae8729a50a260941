//! README's list of options beside clap's: the same names, values and defaults.

use std::collections::BTreeMap;

use clap::{Arg, CommandFactory};
use otuserver::config::Config;

/// An option: its short name, its value and its default, as README writes them; empty where there is none.
type Row = (String, String, String);

/// The options of README by their long names.
fn options_of_readme() -> BTreeMap<String, Row> {
    let text = include_str!("../README.md");
    let (_, list) = text.split_once("httpd [OPTIONS]\n").expect("a list of options");
    let (list, _) = list.split_once("```").expect("its end");
    let mut rows = BTreeMap::new();
    for entry in list.split("\n  ").map(str::trim).collect::<Vec<_>>().join("\n").split_inclusive("--").collect::<Vec<_>>().windows(2) {
        let [before, entry] = entry else { continue };
        let short = before.trim_end_matches("--").lines().last().unwrap_or_default().trim_end_matches(", ");
        let name = entry.split_whitespace().next().expect("a name");
        let value = between(entry, "<", ">\n").or(between(entry, "<", "> ")).unwrap_or_default();
        let default = between(entry, "[default: ", "]").unwrap_or_default();
        let short = if short.starts_with('-') { short } else { "" };
        rows.insert(name.to_owned(), (short.to_owned(), value.to_owned(), default.to_owned()));
    }
    rows
}

fn between<'a>(text: &'a str, start: &str, end: &str) -> Option<&'a str> {
    Some(text.split_once(start)?.1.split_once(end)?.0)
}
