//! Index names, and clean URLs: a page without its `.html`.

use crate::site::Site;

#[test]
fn clean_urls() {
    let site = Site::new();
    for folder in ["folder", "bare"] {
        site.make_folder(folder);
    }
    for name in
        ["about.html", "404.html", "bare.html", "folder.html", "folder/index.html", "taken", "taken.html"]
    {
        site.write(name, name);
    }
    let server = site.serve_with(&["--clean-urls"]);
    for (target, status, expected) in [
        ("/about", 200, "about.html"),
        ("/about?a=b", 200, "about.html"),
        ("/about.html", 301, "about"),
        ("/about.html?a=b&c", 301, "about?a=b&c"),
        ("/index.html", 301, "./"),
        ("/folder/index.html?q", 301, "./?q"),
        ("/folder", 301, "folder/"),
        ("/folder/", 200, "folder/index.html"),
        ("/folder.html", 200, "folder.html"),
        ("/bare", 200, "bare.html"),
        ("/taken", 200, "taken"),
        ("/taken.html", 200, "taken.html"),
        ("/404.html", 200, "404.html"),
        ("/about/", 404, "404.html"),
        ("/index", 404, "404.html"),
        ("//example.org/about.html", 404, "404.html"),
    ] {
        let reply = server.get(target);
        assert_eq!(reply.status, status, "{target}");
        match status {
            301 => assert_eq!(reply.must("Location"), expected, "{target}"),
            _ => assert_eq!(reply.text(), expected, "{target}"),
        }
    }
    // Each of these changes is seen by the next request.
    site.write("about", "a file of this name");
    assert_eq!(server.get("/about").text(), "a file of this name");
    assert_eq!(server.get("/about.html").text(), "about.html");
    site.remove("about");
    assert_eq!(server.get("/about").text(), "about.html");
    assert_eq!(server.get("/about.html").status, 301);
    site.write("bare/index.html", "now with an index");
    assert_eq!(server.get("/bare").status, 301);
    assert_eq!(server.get("/bare.html").text(), "bare.html");
}

#[test]
fn without_the_flag_a_name_is_a_name() {
    let site = Site::new();
    site.write("about.html", "about");
    let server = site.serve();
    assert_eq!(server.get("/about").status, 404);
    assert_eq!(server.get("/about.html").status, 200);
    assert_eq!(server.get("/index.html").status, 200);
}

#[test]
fn index_names_are_tried_in_their_order() {
    let site = Site::new();
    site.make_folder("a");
    site.write("a/home.htm", "home");
    let server = site.serve_with(&["--index", "index.html,home.htm"]);
    assert_eq!(server.get("/a/").text(), "home");
    site.write("a/index.html", "index");
    assert_eq!(server.get("/a/").text(), "index");
    site.remove("a/index.html");
    assert_eq!(server.get("/a/").text(), "home");
    site.remove("a/home.htm");
    assert_eq!(server.get("/a/").status, 404);
}
