//! The layers of the source: which module may use which. A new edge is a decision, and this table is its place.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

/// Each module of the crate, and the modules that it may name.
const MAY_USE: [(&str, &[&str]); 15] = [
    ("main", &["commands", "config", "server"]),
    ("lib", &[]),
    ("commands", &["codec", "config", "http", "rules", "site"]),
    ("config", &["http", "rules"]),
    ("server", &["auth", "config", "http", "http1", "http2", "site", "sys", "throttle"]),
    ("site", &["auth", "codec", "config", "http", "listing", "rules", "sys", "throttle"]),
    ("auth", &["http"]),
    ("codec", &["http"]),
    ("listing", &["http"]),
    ("rules", &["http"]),
    ("http1", &["http"]),
    ("http2", &["http"]),
    ("http", &[]),
    ("throttle", &[]),
    ("sys", &[]),
];

#[test]
fn each_module_uses_only_what_is_beneath_it() {
    let mut wrong = Vec::new();
    let mut seen = BTreeSet::new();
    look_into(Path::new("src"), &mut |path, text| {
        let inner = path.strip_prefix("src").expect("it was found there");
        // Unit tests may use what they need.
        let code = text.split("#[cfg(test)]\nmod tests").next().unwrap_or_default();
        let module = inner.components().next().expect("a name").as_os_str().to_string_lossy();
        let module = module.trim_end_matches(".rs").to_owned();
        let row = MAY_USE.iter().find(|(name, _)| *name == module);
        let (_, allowed) = row.unwrap_or_else(|| panic!("{module} has no row in the table"));
        for used in modules_named_in(code) {
            if used != module && !allowed.contains(&used.as_str()) {
                wrong.push(format!("{} uses {used}", path.display()));
            }
        }
        seen.insert(module);
    });
    assert!(wrong.is_empty(), "{wrong:#?}");
    assert_eq!(seen.len(), MAY_USE.len(), "a row without a module: {seen:?}");
}

fn look_into(folder: &Path, look_at: &mut impl FnMut(&Path, &str)) {
    for entry in fs::read_dir(folder).expect("the folder") {
        let path = entry.expect("an entry").path();
        if path.is_dir() {
            look_into(&path, look_at);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            look_at(&path, &fs::read_to_string(&path).expect("a source file"));
        }
    }
}

/// The first name after each `crate::`, or after the crate's own name in the program.
fn modules_named_in(code: &str) -> BTreeSet<String> {
    let lines = code.lines().filter(|line| !line.trim_start().starts_with("//"));
    let paths = lines.flat_map(|line| line.split("crate::").skip(1).chain(line.split("otuserver::").skip(1)));
    let first_name = |path: &str| {
        path.split(|letter: char| !letter.is_alphanumeric() && letter != '_').next().map(str::to_owned)
    };
    paths.filter_map(first_name).collect()
}
