//! Not a byte from outside of the root, from a name with a dot in front, or from what is no regular file
//! (RFC 9110 section 17.3). Targets go over the wire as they are written here: no client library tidies them.
//! A secret lies beside the root, another behind a dot; no reply may hold either.

use std::os::unix::net::UnixListener;

use crate::server::Server;
use crate::site::{Site, WELCOME};
use crate::system;

const SECRET: &str = "the crown jewels";

/// A site with secrets in all the places where a careless server would find them.
fn guarded_site() -> Site {
    let site = Site::new();
    std::fs::write(site.outside("secret.txt"), SECRET).expect("a secret");
    for name in [".env", ".git/config", "dir/.hidden", ".well-known/.env", "..data", ".WELL-KNOWN/x"] {
        site.write(name, SECRET);
    }
    site.write("dir/file.txt", "file");
    site.write(".well-known/security.txt", "security");
    site
}

fn assert_statuses(server: &Server, table: &[(&str, &str, u16)]) {
    for (what, target, status) in table {
        let reply = server.get(target);
        assert_eq!(reply.status, *status, "{what}: {target}");
        assert!(!reply.text().contains(SECRET), "{what}: {target} gave the secret away");
    }
}

#[test]
fn targets_that_climb() {
    let site = guarded_site();
    let table = [
        ("above the root", "/../secret.txt", 400),
        ("above the root, nothing behind", "/..", 400),
        ("above the root, a slash behind", "/../", 400),
        ("above the root and back", "/../root/index.html", 400),
        ("down once, up twice", "/dir/../../secret.txt", 400),
        ("empty segments are no folders to climb from", "/dir//../../secret.txt", 400),
        ("dot segments neither", "/./././../secret.txt", 400),
        ("encoded", "/%2e%2e/secret.txt", 400),
        ("half encoded", "/.%2E/secret.txt", 400),
        ("the other half", "/%2e./secret.txt", 400),
        ("many", "/../../../../../../../../etc/passwd", 400),
        ("encoded twice is only a name", "/%252e%252e/secret.txt", 404),
        ("an encoded slash", "/..%2Fsecret.txt", 404),
        ("an encoded slash within", "/dir%2Ffile.txt", 404),
        ("an encoded slash in lower case", "/dir%2ffile.txt", 404),
        ("an absolute path in disguise", "/%2Fetc%2Fpasswd", 404),
        ("an absolute path", "//etc/passwd", 404),
        ("backslashes are ordinary bytes", "/..\\..\\secret.txt", 404),
        ("encoded backslashes too", "/..%5C..%5Csecret.txt", 404),
        ("overlong UTF-8", "/%c0%ae%c0%ae/secret.txt", 404),
        ("a parameter on the dots", "/..;/secret.txt", 404),
        ("three dots", "/.../secret.txt", 404),
        ("a space behind the dots", "/..%20/secret.txt", 404),
        ("NUL", "/index.html%00", 400),
        ("NUL before an extension", "/dir/file.txt%00.html", 400),
        ("NUL behind dots", "/..%00/secret.txt", 400),
        ("a bad escape", "/%zz", 400),
        ("half an escape", "/index.html%2", 400),
        ("a lone percent sign", "/%", 400),
        ("another kind of escape", "/%u002e%u002e/secret.txt", 400),
        ("a file as a folder to climb from is text only", "/index.html/../dir/file.txt", 200),
        ("up to the root and no further", "/dir/../dir/file.txt", 200),
    ];
    assert_statuses(&site.serve(), &table);
}

#[test]
fn names_with_a_dot_in_front() {
    let site = guarded_site();
    let table = [
        ("a file", "/.env", 404),
        ("in a folder", "/.git/config", 404),
        ("the folder itself", "/.git", 404),
        ("the folder with its slash", "/.git/", 404),
        ("below a folder", "/dir/.hidden", 404),
        ("encoded", "/%2eenv", 404),
        ("two dots and more", "/..data", 404),
        ("the exception", "/.well-known/security.txt", 200),
        ("the exception, encoded", "/%2Ewell-known/security.txt", 200),
        ("is for that folder only", "/.well-known/.env", 404),
        ("and in that case only", "/.WELL-KNOWN/x", 404),
        ("a dot further on", "/dir/file.txt", 200),
    ];
    assert_statuses(&site.serve(), &table);
}

#[test]
fn symbolic_links_stay_inside() {
    let site = guarded_site();
    let outside = site.path("..");
    std::fs::create_dir(outside.join("root-elsewhere")).expect("a folder whose name begins like the root's");
    std::fs::write(outside.join("root-elsewhere/secret.txt"), SECRET).expect("a secret");
    site.link("dir/file.txt", "inside.txt");
    site.link("../dir/file.txt", "dir/up-and-down.txt");
    site.link("inside.txt", "chain.txt");
    site.link("dir", "folder");
    site.link("../secret.txt", "outside.txt");
    site.link(outside.join("secret.txt"), "absolute.txt");
    site.link("outside.txt", "chain-outside.txt");
    site.link("..", "parent");
    site.link("../root-elsewhere", "sibling");
    site.link("/nowhere/at/all", "astray");
    site.link("/proc/self/root", "magic");
    site.link("loop-b", "loop-a");
    site.link("loop-a", "loop-b");
    site.link("nothing.txt", "dangling.txt");
    site.link(site.path("dir/file.txt"), "absolute-inside.txt");
    site.link(site.path("dir"), "absolute-folder");
    site.link(site.path("absolute-folder/file.txt"), "absolute-chain.txt");
    site.link(site.path("missing.txt"), "absolute-dangling.txt");
    let table = [
        ("inside by an absolute path", "/absolute-inside.txt", 200),
        ("below a folder by an absolute path", "/absolute-folder/file.txt", 200),
        ("a folder by an absolute path", "/absolute-folder", 301),
        ("a chain of absolute paths", "/absolute-chain.txt", 200),
        ("nothing at the end of an absolute path", "/absolute-dangling.txt", 404),
        ("inside", "/inside.txt", 200),
        ("inside by way of its parent", "/dir/up-and-down.txt", 200),
        ("a chain inside", "/chain.txt", 200),
        ("a folder inside", "/folder/file.txt", 200),
        ("outside", "/outside.txt", 403),
        ("outside by an absolute path", "/absolute.txt", 403),
        ("a chain that ends outside", "/chain-outside.txt", 403),
        ("a file below a folder outside", "/parent/secret.txt", 403),
        ("nobody learns what is missing there", "/parent/missing.txt", 403),
        ("or at the end of an absolute link", "/astray", 403),
        ("a folder outside", "/parent", 403),
        ("outside and in again", "/parent/root/index.html", 403),
        ("a folder beside the root", "/sibling/secret.txt", 403),
        ("a magic link of the kernel", "/magic/etc/passwd", 403),
        ("a loop", "/loop-a", 404),
        ("nothing at its end", "/dangling.txt", 404),
    ];
    let server = site.serve();
    assert_statuses(&server, &table);
    // One of them says why; more than one a second would fill the log.
    server.process.errors.await_line(|line| {
        line.contains(" is refused: the symlink ") && line.contains(" leads outside, to ")
    });
    // Old kernels do not know openat2, and profiles of containers forbid it: the same without it.
    for refusal in [libc::ENOSYS, libc::EPERM] {
        let mut command = site.command(&[]);
        system::refuse_openat2(&mut command, refusal);
        let server = Server::start(command);
        assert_statuses(&server, &table);
        assert!(server.process.status_line("Seccomp").ends_with('2'), "the filter is not in force");
    }
}

#[test]
fn only_regular_files_are_opened() {
    // Opening a FIFO waits for a writer, and there is none: a server that tries fails by the deadline.
    let site = Site::new();
    system::make_fifo(&site.path("fifo"));
    site.make_folder("dir");
    system::make_fifo(&site.path("dir/index.html"));
    let _socket = UnixListener::bind(site.path("socket")).expect("a socket");
    let table = [
        ("a FIFO", "/fifo", 404),
        ("a FIFO with a slash", "/fifo/", 404),
        ("a FIFO as an index", "/dir/", 404),
        ("a socket", "/socket", 404),
    ];
    assert_statuses(&site.serve(), &table);
}

#[test]
fn a_device_is_not_served() {
    // By way of a link out of the root, for which nobody needs the right to make devices: both are reasons
    // to refuse it.
    let site = Site::new();
    site.link("/dev/zero", "zero");
    assert!(matches!(site.serve().get("/zero").status, 403 | 404));
}

#[test]
fn files_without_permission_are_forbidden() {
    let site = Site::new();
    site.write("locked.txt", SECRET);
    site.write("locked/file.txt", SECRET);
    site.set_mode("locked.txt", 0o000);
    site.set_mode("locked", 0o000);
    let server = site.serve_unprivileged(&[]);
    let table = [
        ("a file", "/locked.txt", 403),
        ("a file in a locked folder", "/locked/file.txt", 403),
        ("the index of a locked folder", "/locked/", 403),
        ("an open file", "/index.html", 200),
    ];
    assert_statuses(&server, &table);
    // So that the folder can be removed, also by somebody who is not root.
    site.set_mode("locked", 0o755);
}

#[test]
fn a_root_that_is_a_link_may_be_swapped() {
    let site = Site::new();
    let current = site.outside("current");
    site.write("one/index.html", "one");
    site.write("one/only-in-one.txt", "one");
    site.write("two/index.html", "two");
    site.swap_link(site.path("one"), &current);
    let mut command = crate::server::httpd();
    command.args(["--port", "0", "--document-root"]).arg(&current);
    let server = Server::start(command);
    let mut client = server.connect();
    for round in 0..100 {
        let (name, extra) = if round % 2 == 0 { ("one", 200) } else { ("two", 404) };
        site.swap_link(site.path(name), &current);
        assert_eq!(client.get("/").text(), name, "round {round}");
        assert_eq!(client.get("/only-in-one.txt").status, extra, "round {round}");
    }
}

#[test]
fn an_error_page_does_not_repeat_the_target() {
    let server = Site::new().serve();
    for target in ["/%3Cscript%3Ealert(1)%3C/script%3E", "/<script>alert(1)</script>"] {
        let reply = server.get(target);
        assert!(!reply.text().contains("script"), "{target}: {}", reply.text());
    }
}

#[test]
fn the_guarded_site_has_a_welcome_page() {
    assert_eq!(guarded_site().serve().get("/").text(), WELCOME);
}
