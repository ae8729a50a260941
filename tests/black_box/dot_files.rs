//! Names that begin with a dot: served with `--dot-files` alone, but for `.well-known`.

use crate::server::Server;
use crate::site::Site;

fn site() -> Site {
    let site = Site::new();
    for name in
        [".treeinfo", ".disk/info", "dir/.nojekyll", ".well-known/known", ".well-known/.key", "..data"]
    {
        site.write(name, name);
    }
    site.write(".hidden/index.html", ".hidden/");
    site
}

const HIDDEN: [&str; 6] =
    [".treeinfo", ".disk/info", "dir/.nojekyll", ".well-known/.key", "..data", ".hidden/"];

#[test]
fn they_are_not_served() {
    let server = site().serve();
    let missing = server.get("/missing");
    for name in HIDDEN {
        let reply = server.get(&format!("/{name}"));
        assert_eq!((reply.status, &reply.body), (404, &missing.body), "{name}: nothing is told");
    }
    assert_eq!(server.get("/.well-known/known").text(), ".well-known/known");
}

#[test]
fn they_are_served_with_the_flag() {
    let site = site();
    std::fs::write(site.outside(".secret"), "secret").expect("a secret");
    site.link("../.secret", ".link");
    let server = site.serve_with(&["--dot-files"]);
    for name in HIDDEN.into_iter().chain([".well-known/known"]) {
        let reply = server.get(&format!("/{name}"));
        assert_eq!((reply.status, reply.text().as_str()), (200, name), "{name}");
    }
    assert_eq!(server.get("/.hidden").must("Location"), ".hidden/");
    for (target, status) in [("/../.secret", 400), ("/.link", 403), ("/.missing", 404), ("/.../x", 404)] {
        assert_eq!(server.get(target).status, status, "{target}");
    }
}

#[test]
fn the_environment_gives_the_flag_too() {
    let site = site();
    for (value, status) in [("true", 200), ("false", 404), ("", 404)] {
        let mut command = site.command(&[]);
        command.env("HTTPD_DOT_FILES", value);
        assert_eq!(Server::start(command).get("/.treeinfo").status, status, "{value:?}");
    }
}
