//! `--user NAME[:GROUP]`: names of /etc/passwd and /etc/group, or numbers.

use std::fs;
use std::io;

use crate::sys::user::Identity;

/// Finds the user and the group that the option names. Without a group, it is the user's own.
///
/// # Errors
/// Those of reading the two files; `NotFound` for a name that is not in them.
pub(crate) fn find(text: &str) -> io::Result<Identity> {
    let (user, group) = match text.split_once(':') {
        Some((user, group)) => (user, Some(group)),
        None => (text, None),
    };
    if let (Ok(user), Some(Ok(group))) = (user.parse(), group.map(str::parse)) {
        return Ok(Identity { user, group }); // no file is needed, as in an empty container
    }
    let groups = match group {
        Some(_) => fs::read_to_string("/etc/group")?,
        None => String::new(),
    };
    identify(user, group, &fs::read_to_string("/etc/passwd")?, &groups)
        .ok_or_else(|| io::Error::new(io::ErrorKind::NotFound, "no such user or group"))
}

/// Looks both up in the texts of the two files (passwd(5), group(5)).
fn identify(user: &str, group: Option<&str>, users: &str, groups: &str) -> Option<Identity> {
    let entry = |text: &str, wanted: &str| {
        let is_wanted = |fields: &Vec<String>| {
            fields.first().is_some_and(|name| name == wanted) || fields.get(2).is_some_and(|id| id == wanted)
        };
        text.lines().map(|line| line.split(':').map(String::from).collect()).find(is_wanted)
    };
    let number = |fields: &[String], index: usize| fields.get(index)?.parse().ok();
    let found = entry(users, user);
    let user = match &found {
        Some(fields) => number(fields, 2)?,
        None => user.parse().ok()?,
    };
    let group = match group {
        None => number(&found?, 3)?,
        Some(group) => match entry(groups, group) {
            Some(fields) => number(&fields, 2)?,
            None => group.parse().ok()?,
        },
    };
    Some(Identity { user, group })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_numbers() {
        let users = "root:x:0:0:root:/root:/bin/sh\nwww:x:33:34:www:/var/www:/bin/false\nodd:x:no:1::\n";
        let groups = "root:x:0:\nweb:x:44:www\n";
        for (user, group, expected) in [
            ("www", None, Some((33, 34))),
            ("www", Some("web"), Some((33, 44))),
            ("www", Some("7"), Some((33, 7))),
            ("33", None, Some((33, 34))),
            ("1000", Some("web"), Some((1000, 44))),
            ("1000", None, None), // its group is not known
            ("nobody", None, None),
            ("www", Some("nobody"), None),
            ("odd", None, None),
            ("", None, None),
            ("-1", Some("0"), None),
        ] {
            let expected = expected.map(|(user, group)| Identity { user, group });
            assert_eq!(identify(user, group, users, groups), expected, "{user}:{group:?}");
        }
    }
}
