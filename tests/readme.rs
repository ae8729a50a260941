//! README's list of options beside clap's: the same names, values and defaults.

use clap::CommandFactory;
use otuserver::config::Config;

/// README's lines about each option.
fn entries() -> Vec<String> {
    let (_, list) = include_str!("../README.md").split_once("httpd [OPTIONS]\n").expect("a list of options");
    let (list, _) = list.split_once("```").expect("its end");
    let mut entries: Vec<String> = Vec::new();
    for line in list.lines().map(str::trim).filter(|line| !line.is_empty()) {
        match entries.last_mut() {
            Some(entry) if !line.starts_with('-') => *entry += &format!(" {line}"),
            _ => entries.push(line.to_owned()),
        }
    }
    entries
}

/// The first words of an option's entry: `-p, --port <PORT>`.
fn head(option: &clap::Arg) -> String {
    let short = option.get_short().map(|short| format!("-{short}, ")).unwrap_or_default();
    let long = option.get_long().expect("every option has a long name");
    let names = option.get_value_names().filter(|_| option.get_action().takes_values());
    let value = names.map(|names| format!(" <{}>", names[0])).unwrap_or_default();
    format!("{short}--{long}{value}")
}

#[test]
fn options() {
    let command = Config::command();
    let mut entries = entries();
    for option in command.get_arguments() {
        let head = head(option);
        let index = entries.iter().position(|entry| entry.split("  ").next() == Some(&head));
        let index = index.or_else(|| entries.iter().position(|entry| entry.starts_with(&format!("{head} "))));
        let entry = entries.remove(index.unwrap_or_else(|| panic!("README has no option {head}")));
        let said = entry.split_once("[default: ").map(|(_, said)| said.trim_end_matches(']').to_owned());
        let value = option.get_default_values().first().map(|value| value.to_string_lossy().into_owned());
        match value.filter(|_| option.get_action().takes_values()) {
            Some(value) => assert_eq!(said, Some(value), "{head}"),
            // A default that is no value of its own stands in the help text.
            None => {
                let help = option.get_help().map(ToString::to_string).unwrap_or_default();
                let is_right = said.as_ref().is_none_or(|said| help.contains(&format!("[default: {said}")));
                assert!(is_right, "{head}: {said:?}");
            }
        }
    }
    assert!(entries.is_empty(), "README has options that there are not: {entries:?}");
}
