//! The same requests over HTTP/1.1, HTTP/1.1 with TLS, and HTTP/2: nothing that answers knows which protocol asked. And no
//! protocol gets what was there before.

use std::sync::Arc;

use otuserver::http2::frame::END_STREAM;

use crate::certificate::{self, Pair};
use crate::client::Client;
use crate::peer::{Peer, get, request, window_update};
use crate::server::Server;
use crate::site::{Site, pattern};

const TAG: &str = "\"no such tag\"";
const OLD: &str = "Thu, 01 Jan 1970 00:00:01 GMT";

/// Method, target, and the fields of a request.
type Row = (&'static str, &'static str, &'static [(&'static str, &'static str)]);

const REQUESTS: &[Row] = &[
    ("GET", "/", &[]),
    ("HEAD", "/", &[]),
    ("OPTIONS", "/", &[]),
    ("OPTIONS", "*", &[]),
    ("POST", "/", &[]),
    ("PUT", "/new", &[]),
    ("DELETE", "/", &[]),
    ("BREW", "/", &[]),
    ("GET", "/empty", &[]),
    ("HEAD", "/empty", &[]),
    ("GET", "/five?a=b", &[]),
    ("GET", "/f%69ve", &[]),
    ("GET", "/%00", &[]),
    ("GET", "/%zz", &[]),
    ("GET", "/../five", &[]),
    ("GET", "//five", &[]),
    ("GET", "/folder", &[]),
    ("GET", "/folder/", &[]),
    ("GET", "/none", &[]),
    ("HEAD", "/none", &[]),
    ("GET", "/.hidden", &[]),
    ("GET", "/large", &[]),
    ("HEAD", "/large", &[]),
    ("GET", "/large", &[("range", "bytes=0-9")]),
    ("GET", "/large", &[("range", "bytes=-20000")]),
    ("GET", "/large", &[("range", "bytes=0-9,100000-200000,-5")]),
    ("HEAD", "/large", &[("range", "bytes=0-9")]),
    ("GET", "/five", &[("range", "bytes=9-")]),
    ("GET", "/five", &[("range", "bytes=0-1"), ("if-range", TAG)]),
    ("GET", "/five", &[("if-none-match", "*")]),
    ("GET", "/five", &[("if-none-match", TAG)]),
    ("GET", "/five", &[("if-match", TAG)]),
    ("GET", "/five", &[("if-modified-since", OLD)]),
    ("GET", "/five", &[("if-unmodified-since", OLD)]),
    ("GET", "/page.html", &[("accept-encoding", "gzip")]),
    ("GET", "/page.html", &[("accept-encoding", "br, gzip"), ("range", "bytes=0-9")]),
    ("GET", "/page.html", &[("accept-encoding", "identity;q=0, *;q=0")]),
    ("GET", "/page.html", &[("origin", "https://example.org")]),
    ("GET", "/old", &[]),
    ("GET", "/five", &[("expect", "100-continue")]),
    ("GET", "/five", &[("expect", "nothing")]),
];

/// What can be seen of a response: the status, the fields but those of the moment and of a connection, and the body.
type Seen = (u16, Vec<(String, String)>, Vec<u8>);

fn seen(status: u16, fields: Vec<(String, String)>, body: Vec<u8>) -> Seen {
    let mut fields: Vec<_> =
        fields.into_iter().map(|(name, value)| (name.to_ascii_lowercase(), value)).collect();
    let boundary =
        fields.iter().find_map(|(_, value)| value.split_once("boundary=").map(|(_, b)| b.to_owned()));
    fields.retain(|(name, _)| !["date", "connection", "keep-alive"].contains(&name.as_str()));
    let Some(boundary) = boundary else { return (status, fields, body) };
    // The text between ranges is another one each time.
    fields.iter_mut().for_each(|(_, value)| *value = value.replace(&boundary, "boundary"));
    let latin: String = body.iter().copied().map(char::from).collect();
    (status, fields, latin.replace(&boundary, "boundary").chars().map(|letter| letter as u8).collect())
}

fn over_http1(client: &mut Client, &(method, target, fields): &Row) -> Seen {
    let fields: String = fields.iter().map(|(name, value)| format!("{name}: {value}\r\n")).collect();
    let reply = client.ask(method, target, &fields);
    seen(reply.status, reply.fields, reply.body)
}

fn over_http2(peer: &mut Peer, stream: u32, &(method, target, fields): &Row) -> Seen {
    peer.send(&request(stream, method, target, END_STREAM, fields));
    peer.send(&[window_update(0, 1 << 22), window_update(stream, 1 << 22)].concat());
    let reply = peer.reply(stream);
    seen(reply.status.parse().expect("a number"), reply.fields, reply.body)
}

#[test]
fn the_same_responses() {
    let site = Site::new();
    site.write("empty", "");
    site.write("five", "12345");
    site.write("large", pattern(300_000));
    site.write("page.html", "<p>a page\n".repeat(1000));
    site.write("_redirects", "/old /five 301\n");
    site.write("_headers", "/five\n  X-Rule: yes\n");
    site.make_folder("folder");
    let flags = ["--listing", "--cors", "--header", "X-Flag: yes"];
    let (plain, pair) = (site.serve_with(&flags), Pair::new());
    let tls = certificate::serve(&site, &pair, &flags);
    let mut peer = Peer::connect(plain.address);
    for (row, stream) in REQUESTS.iter().zip((1..).step_by(2)) {
        // Each on a connection of its own, for some end it.
        let expected = over_http1(&mut plain.connect(), row);
        let config = Arc::new(pair.client());
        let encrypted = over_http1(&mut Client::connect_tls(tls.address, "tls", &config), row);
        assert!(expected == encrypted, "{row:?}: {:?} and with TLS {:?}", expected.1, encrypted.1);
        let found = over_http2(&mut peer, stream, row);
        assert!(expected == found, "{row:?}: {} {:?} and {} {:?}", expected.0, expected.1, found.0, found.1);
    }
}

#[test]
fn never_stale_over_http2() {
    for flags in [&[][..], &["-w", "4"], &["--cache-size", "0"]] {
        let site = Site::new();
        let server: Server = site.serve_with(flags);
        let mut peer = Peer::connect(server.address);
        peer.send(&window_update(0, 1 << 30));
        let mut stream = 1;
        for round in 0..100 {
            for repeated in [1, 20_000] {
                let text = format!("round {round:08}").repeat(repeated);
                site.replace("file.txt", &text);
                for _ in 0..2 {
                    peer.send(&[get(stream, "/file.txt"), window_update(stream, 1 << 20)].concat());
                    assert!(peer.reply(stream).body == text.as_bytes(), "round {round} {flags:?}");
                    stream += 2;
                }
            }
        }
    }
}
