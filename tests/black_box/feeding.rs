//! A helper for tables of request heads: each row is fed to the server in three ways (whole, every
//! byte in a segment of its own, and with a second request right after it), and must have the same outcome
//! each time. A difference between them is a bug in reading, or a door for request smuggling.

use crate::client::{Client, method_of};
use crate::response::Response;
use crate::server::Server;
use crate::site::SECOND;

/// What it is, with its section; the bytes; the status; what becomes of the connection.
pub(crate) type Row<'a> = (&'a str, &'a [u8], u16, After);

/// What becomes of the connection after the reply.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum After {
    /// The next request on it is answered.
    Stays,
    /// The reply says `Connection: close`, and nothing behind the request is answered.
    Closes,
    /// Either, if only the server keeps its word.
    AsAnnounced,
}

#[derive(Clone, Copy, Debug)]
enum Way {
    Whole,
    ByteByByte,
    Pipelined,
}

const SECOND_REQUEST: &[u8] = b"GET /second.txt HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n";

/// Feeds every row in every way.
pub(crate) fn check(server: &Server, table: &[Row]) {
    for row in table {
        for way in [Way::Whole, Way::ByteByByte, Way::Pipelined] {
            check_row(server, row, way);
        }
    }
}

fn check_row(server: &Server, (what, request, status, after): &Row, way: Way) {
    let name = format!("{what} [{way:?}]");
    let mut client = server.connect_as(&name);
    // A server that refuses a head in its middle may close before the rest was sent: the reply decides.
    let _ = match way {
        Way::Whole => client.try_send(request),
        Way::ByteByByte => client.try_send_in_pieces(request, 1),
        Way::Pipelined => client.try_send([request, SECOND_REQUEST].concat()),
    };
    let reply = client.response_to(method_of(request.trim_ascii_start()));
    assert_eq!(reply.status, *status, "{name}: {:?}", reply.text());
    assert_outcome(client, &reply, *after, way, &name);
}

fn assert_outcome(mut client: Client, reply: &Response, after: After, way: Way, name: &str) {
    match after {
        After::Closes => assert!(reply.says_close(), "{name}: should say that it closes: {reply:?}"),
        After::Stays => assert!(!reply.says_close(), "{name}: should stay open: {reply:?}"),
        After::AsAnnounced => {}
    }
    if !reply.says_close() {
        if !matches!(way, Way::Pipelined) {
            client.send(SECOND_REQUEST);
        }
        let second = client.response();
        assert_eq!((second.status, second.text().as_str()), (200, SECOND), "{name}: the second");
    }
    client.assert_closed();
}
