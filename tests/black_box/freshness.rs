//! The promise that a cache must not break: a request sent after a file was changed gets the new file, always.
//! Each way of changing a file is tried some hundred times, as fast as the machine can, on a connection that
//! stays open, and with every kind of server: one worker, several, and no cache at all.

use std::fs::{self, File};
use std::os::unix::fs::FileExt;
use std::time::Duration;

use crate::calendar;
use crate::client::Client;
use crate::coder::{decoded, gzip_of_time};
use crate::patience::eventually;
use crate::site::{Site, pattern};

const ROUNDS: usize = 200;

/// Runs a scenario on a fresh site, once with each kind of server.
fn with_every_server(scenario: impl Fn(&Site, &mut Client)) {
    for flags in [&[][..], &["-w", "4"], &["--cache-size", "0"]] {
        let site = Site::new();
        // Whom permissions bind, for one of the scenarios takes them away.
        let server = site.serve_unprivileged(flags);
        scenario(&site, &mut server.connect_as(&format!("httpd {}", flags.join(" "))));
    }
}

fn assert_text(client: &mut Client, target: &str, expected: &str) {
    let reply = client.get(target);
    assert_eq!((reply.status, reply.text().as_str()), (200, expected), "{target}");
}

#[test]
fn replaced_by_a_rename() {
    with_every_server(|site, client| {
        for round in 0..ROUNDS {
            let text = format!("round {round:08}");
            site.replace("file.txt", &text);
            assert_text(client, "/file.txt", &text);
            assert_text(client, "/file.txt", &text);
        }
    });
}

#[test]
fn rewritten_in_place_with_the_same_length() {
    with_every_server(|site, client| {
        site.write("file.txt", "round --------");
        let file = File::options().write(true).open(site.path("file.txt")).expect("open");
        for round in 0..ROUNDS {
            let text = format!("round {round:08}");
            file.write_all_at(text.as_bytes(), 0).expect("write");
            assert_text(client, "/file.txt", &text);
        }
    });
}

#[test]
fn rewritten_in_place_between_two_requests_of_a_burst() {
    // The file is warm in any cache: asked for again and again before each change.
    with_every_server(|site, client| {
        site.write("file.txt", "round --------");
        let file = File::options().write(true).open(site.path("file.txt")).expect("open");
        let mut before = "round --------".to_owned();
        for round in 0..ROUNDS {
            for _ in 0..5 {
                assert_text(client, "/file.txt", &before);
            }
            before = format!("round {round:08}");
            file.write_all_at(before.as_bytes(), 0).expect("write");
            assert_text(client, "/file.txt", &before);
        }
    });
}

#[test]
fn rewritten_with_its_old_time() {
    // Only the change time, which nobody can set, tells (cp -p, rsync -t, touch -r).
    with_every_server(|site, client| {
        for round in 0..ROUNDS {
            let text = format!("round {round:08}");
            site.write_dated("file.txt", &text, calendar::EXAMPLE);
            assert_text(client, "/file.txt", &text);
        }
    });
}

#[test]
fn large_files_too() {
    with_every_server(|site, client| {
        let mut bytes = pattern(1 << 20);
        site.write("file.bin", &bytes);
        let file = File::options().write(true).open(site.path("file.bin")).expect("open");
        for round in 0..ROUNDS / 10 {
            let text = format!("round {round:08}");
            bytes[500_000..500_014].copy_from_slice(text.as_bytes());
            file.write_all_at(text.as_bytes(), 500_000).expect("write");
            assert!(client.get("/file.bin").body == bytes, "round {round}");
        }
    });
}

#[test]
fn it_grows_and_shrinks() {
    with_every_server(|site, client| {
        for round in 0..ROUNDS {
            let text = "x".repeat(round * 997 % 10_000);
            site.write("file.txt", &text);
            assert_text(client, "/file.txt", &text);
        }
    });
}

#[test]
fn a_tag_of_yesterday_is_no_tag_of_today() {
    with_every_server(|site, client| {
        site.write("file.txt", "round --------");
        let mut tag = client.get("/file.txt").must("ETag").to_owned();
        for round in 0..ROUNDS {
            let fields = format!("If-None-Match: {tag}\r\n");
            assert_eq!(client.ask("GET", "/file.txt", &fields).status, 304, "round {round}: nothing changed");
            let text = format!("round {round:08}");
            site.write("file.txt", &text);
            let reply = client.ask("GET", "/file.txt", &fields);
            assert_eq!((reply.status, reply.text()), (200, text));
            tag = reply.must("ETag").to_owned();
        }
    });
}

#[test]
fn deleted_and_created_again() {
    with_every_server(|site, client| {
        for round in 0..ROUNDS {
            let text = format!("round {round:08}");
            site.write("file.txt", &text);
            assert_text(client, "/file.txt", &text);
            site.remove("file.txt");
            assert_eq!(client.get("/file.txt").status, 404, "round {round}");
        }
    });
}

#[test]
fn its_folder_is_renamed_away_and_back() {
    with_every_server(|site, client| {
        site.write("folder/file.txt", "here");
        for _ in 0..ROUNDS {
            assert_text(client, "/folder/file.txt", "here");
            fs::rename(site.path("folder"), site.path("elsewhere")).expect("rename");
            assert_eq!(client.get("/folder/file.txt").status, 404);
            assert_text(client, "/elsewhere/file.txt", "here");
            fs::rename(site.path("elsewhere"), site.path("folder")).expect("rename");
        }
    });
}

#[test]
fn a_file_becomes_a_folder_and_a_link() {
    with_every_server(|site, client| {
        for _ in 0..ROUNDS {
            site.write("thing", "a file");
            assert_text(client, "/thing", "a file");
            site.remove("thing");
            site.make_folder("thing");
            assert_eq!(client.get("/thing").status, 301);
            fs::remove_dir(site.path("thing")).expect("remove");
            site.link("second.txt", "thing");
            assert_text(client, "/thing", crate::site::SECOND);
            site.remove("thing");
            site.link("/etc/passwd", "thing");
            assert_eq!(client.get("/thing").status, 403);
            site.remove("thing");
        }
    });
}

#[test]
fn an_index_page_comes_and_goes() {
    with_every_server(|site, client| {
        site.make_folder("folder");
        for _ in 0..ROUNDS {
            assert_eq!(client.get("/folder/").status, 404);
            site.write("folder/index.html", "index");
            assert_text(client, "/folder/", "index");
            site.remove("folder/index.html");
        }
    });
}

#[test]
fn its_time_is_touched() {
    with_every_server(|site, client| {
        site.write("file.txt", "the same bytes");
        for round in 0..ROUNDS {
            let seconds = calendar::EXAMPLE + i64::try_from(round).expect("small");
            site.set_modified("file.txt", seconds);
            assert_eq!(client.get("/file.txt").must("Last-Modified"), calendar::imf(seconds));
        }
    });
}

#[test]
fn its_permission_is_taken_and_given() {
    with_every_server(|site, client| {
        site.write("file.txt", "readable");
        for round in 0..ROUNDS {
            site.set_mode("file.txt", 0o000);
            assert_eq!(client.get("/file.txt").status, 403, "round {round}");
            site.set_mode("file.txt", 0o644);
            assert_text(client, "/file.txt", "readable");
        }
    });
}

#[test]
fn a_folder_behind_a_link_is_swapped() {
    // Deployment by symbolic link: the file that was open is unchanged, its name leads elsewhere now.
    with_every_server(|site, client| {
        site.write("release-a/page.txt", "release a");
        site.write("release-b/page.txt", "release b");
        for round in 0..ROUNDS {
            let name = if round % 2 == 0 { "a" } else { "b" };
            site.swap_link(format!("release-{name}"), &site.path("current"));
            assert_text(client, "/current/page.txt", &format!("release {name}"));
        }
    });
}

/// A text that a coding makes shorter.
fn original(round: usize) -> String {
    format!("the original of round {round:04}, ").repeat(20)
}

fn assert_coded(client: &mut Client, name: &str, coding: Option<&str>, expected: impl AsRef<[u8]>) {
    let reply = client.ask("GET", &format!("/{name}"), "Accept-Encoding: gzip, br\r\n");
    assert_eq!((reply.field("Content-Encoding"), &*reply.body), (coding, expected.as_ref()));
}

#[test]
fn a_precompressed_neighbour_changes_and_goes() {
    with_every_server(|site, client| {
        // A neighbour that is new is tried once no other change can bear its time: some milliseconds each.
        for round in 0..ROUNDS / 10 {
            let text = original(round);
            let form = |number| gzip_of_time(number, text.as_bytes());
            let (file, neighbour) = (format!("{round}.js"), format!("{round}.js.gz"));
            site.write_dated(&file, &text, calendar::EXAMPLE);
            site.write(&neighbour, form(1));
            assert_coded(client, &file, Some("gzip"), form(1));
            site.replace(&neighbour, form(2));
            assert_coded(client, &file, Some("gzip"), form(2));
            site.write(&neighbour, form(3));
            assert_coded(client, &file, Some("gzip"), form(3));
            site.write(&neighbour, gzip_of_time(4, b"another"));
            assert_coded(client, &file, None, &text);
            site.remove(&neighbour);
            assert_coded(client, &file, None, &text);
        }
    });
}

/// The one thing that may come late: until it is noticed, the original is served, which is right as well.
fn assert_coded_soon(client: &mut Client, name: &str, expected: &[u8]) {
    eventually("the neighbour is noticed", || {
        let reply = client.ask("GET", &format!("/{name}"), "Accept-Encoding: gzip, br\r\n");
        assert!(reply.status == 200 && reply.body.len() >= expected.len(), "{reply:?}");
        reply.body == expected
    });
}

#[test]
fn a_precompressed_neighbour_that_appears_is_noticed_soon() {
    with_every_server(|site, client| {
        site.write_dated("app.js", original(0), calendar::EXAMPLE);
        assert_coded(client, "app.js", None, original(0));
        wait_until_settled(client);
        let form = gzip_of_time(0, original(0).as_bytes());
        site.write("app.js.gz", &form);
        assert_coded_soon(client, "app.js", &form);
    });
}

#[test]
fn a_neighbour_that_was_of_another_version_and_is_brought_up_to_date_is_noticed_soon() {
    // Rewritten in place: nothing changes in the folder but the file itself.
    with_every_server(|site, client| {
        site.write_dated("app.js", original(1), calendar::EXAMPLE);
        site.write("app.js.gz", gzip_of_time(0, original(0).as_bytes()));
        assert_coded(client, "app.js", None, original(1));
        wait_until_settled(client);
        assert_coded(client, "app.js", None, original(1));
        let form = gzip_of_time(0, original(1).as_bytes());
        site.write("app.js.gz", &form);
        assert_coded_soon(client, "app.js", &form);
    });
}

/// Long enough for a server to be sure that a file will not change again within the same tick of the clock.
fn wait_until_settled(client: &mut Client) {
    assert!(client.is_silent_for(Duration::from_millis(100)));
}

#[test]
fn an_original_that_changes_leaves_its_neighbour_behind() {
    with_every_server(|site, client| {
        for round in 0..ROUNDS / 10 {
            let form = gzip_of_time(0, original(round).as_bytes());
            site.write_dated("app.js", original(round), calendar::EXAMPLE);
            site.write_dated("app.js.gz", &form, calendar::EXAMPLE);
            assert_coded(client, "app.js", Some("gzip"), &form);
            // Of the same size, and as old as before.
            site.write_dated("app.js", original(round + 1), calendar::EXAMPLE);
            assert_coded(client, "app.js", None, original(round + 1));
        }
    });
}

#[test]
fn rewritten_in_place_while_responses_are_under_way() {
    // Most of them are in the kernel by then. Each has the bytes of its tag.
    with_every_server(|site, client| {
        for length in [10_000, 30_000, 65_536] {
            let versions = [b'a', b'b'].map(|letter| vec![letter; length]);
            site.write("file.bin", &versions[1]);
            let file = File::options().write(true).open(site.path("file.bin")).expect("open");
            for round in 0..ROUNDS / 10 {
                let (old, new) = (&versions[(round + 1) % 2], &versions[round % 2]);
                let tag = client.get("/file.bin").must("ETag").to_owned();
                client.send("GET /file.bin HTTP/1.1\r\nHost: a\r\n\r\n".repeat(6));
                let mut reply = client.response_head();
                file.write_all_at(new, 0).expect("write");
                for number in 0..6 {
                    let body = client.read(length);
                    let expected = if reply.must("ETag") == tag { old } else { new };
                    assert!(body == *expected, "{length} bytes, round {round}, response {number}");
                    if number < 5 {
                        reply = client.response_head();
                    }
                }
            }
        }
    });
}

#[test]
fn a_file_that_is_compressed_by_the_server() {
    // Large enough for that, in memory and beyond; each version is asked for with and without a coding.
    with_every_server(|site, client| {
        let is_compressed = !client.name().contains("--cache-size 0");
        for (times, rounds) in [(60, ROUNDS), (2_500, ROUNDS / 10)] {
            for round in 0..rounds {
                let text = original(round).repeat(times / 20);
                site.replace("app.js", &text);
                for accept in ["gzip, br, zstd", "gzip", "identity"] {
                    let fields = format!("Accept-Encoding: {accept}\r\n");
                    let reply = client.ask("GET", "/app.js", &fields);
                    assert!(decoded(&reply) == text.as_bytes(), "round {round}, {accept}");
                    let is_coded = reply.field("Content-Encoding").is_some();
                    assert_eq!(is_coded, is_compressed && accept != "identity", "round {round}, {accept}");
                }
            }
        }
    });
}
