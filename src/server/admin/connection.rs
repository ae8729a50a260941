//! A connection of the admin address: one request, one response, the end.

use std::io::{self, IoSlice};

use crate::http::request::Request;
use crate::http::status::Status;
use crate::http1::parser::Parser;
use crate::sys::epoll::Interest;
use crate::sys::socket::Socket;

/// Bytes that are received at once.
const RECEIVED: usize = 4 * 1024;
/// Calls after which others have their turn.
const CALLS: usize = 16;

/// The connection.
pub(super) struct Connection {
    socket: Socket,
    parser: Parser,
    received: Vec<u8>,
    state: State,
}

enum State {
    Reading,
    /// The response, and how much of it is sent.
    Sending(Vec<u8>, usize),
    /// All is sent. Closing while the client still sends would reset the connection, and lose the response.
    Ending,
}

impl Connection {
    /// A connection that has said nothing yet.
    pub(super) fn new(socket: Socket) -> Connection {
        Connection { socket, parser: Parser::new(), received: Vec::new(), state: State::Reading }
    }

    /// The socket.
    pub(super) fn socket(&self) -> &Socket {
        &self.socket
    }

    /// Goes on as far as it can without waiting. Returns what to wait for; `None` at the end.
    pub(super) fn advance(
        &mut self,
        mut answer: impl FnMut(Result<&Request, Status>) -> Vec<u8>,
    ) -> Option<Interest> {
        for _ in 0..CALLS {
            let result = match &mut self.state {
                State::Reading | State::Ending => self.receive(),
                State::Sending(response, sent) => {
                    let result = self.socket.send(&[IoSlice::new(&response[*sent..])], false);
                    result.inspect(|count| *sent += count)
                }
            };
            match result {
                Ok(0) => return None,
                Ok(_) => self.follow(&mut answer)?,
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => break,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(_) => return None,
            }
        }
        let is_sending = matches!(self.state, State::Sending(..));
        Some(if is_sending { Interest::Writable } else { Interest::Readable })
    }

    fn receive(&mut self) -> io::Result<usize> {
        if matches!(self.state, State::Ending) {
            self.received.clear();
        }
        self.received.reserve(RECEIVED);
        self.socket.receive(&mut self.received, RECEIVED)
    }

    /// Enters the next state once one is done with; `None` at the end.
    fn follow(&mut self, answer: &mut impl FnMut(Result<&Request, Status>) -> Vec<u8>) -> Option<()> {
        match &self.state {
            State::Reading => {
                let response = match self.parser.advance(&self.received) {
                    Ok(Some(request)) => answer(Ok(&request)),
                    Ok(None) => return Some(()),
                    Err(error) => answer(Err(error.status())),
                };
                self.state = State::Sending(response, 0);
            }
            State::Sending(response, sent) if *sent == response.len() => {
                self.socket.shutdown_write().ok()?;
                self.state = State::Ending;
            }
            State::Sending(..) | State::Ending => {}
        }
        Some(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::{Read, Write};

    fn answer(request: Result<&Request, Status>) -> Vec<u8> {
        match request {
            Ok(request) => request.target.to_vec(),
            Err(status) => status.code().to_string().into(),
        }
    }

    #[test]
    fn one_request_in_pieces() {
        let (socket, mut client) = Socket::pair().unwrap();
        let mut connection = Connection::new(socket);
        for piece in ["GET /a HT", "TP/1.1\r\nHost: a\r\n"] {
            client.write_all(piece.as_bytes()).unwrap();
            assert_eq!(connection.advance(answer), Some(Interest::Readable));
        }
        client.write_all(b"\r\nand more").unwrap();
        assert_eq!(connection.advance(answer), Some(Interest::Readable), "the client may still send");
        let mut text = String::new();
        client.read_to_string(&mut text).unwrap();
        assert_eq!(text, "/a");
        drop(client);
        assert_eq!(connection.advance(answer), None);
    }

    #[test]
    fn nonsense_is_refused() {
        let (socket, mut client) = Socket::pair().unwrap();
        let mut connection = Connection::new(socket);
        client.write_all(b"\x16\x03\x01\r\n\r\n").unwrap();
        connection.advance(answer);
        let mut text = String::new();
        client.read_to_string(&mut text).unwrap();
        assert_eq!(text, "400");
    }

    #[test]
    fn a_client_that_does_not_read_is_waited_for() {
        let (socket, mut client) = Socket::pair().unwrap();
        let mut connection = Connection::new(socket);
        client.write_all(b"GET /a HTTP/1.1\r\nHost: a\r\n\r\n").unwrap();
        let large = |_: Result<&Request, Status>| vec![b'x'; 4 << 20];
        assert_eq!(connection.advance(large), Some(Interest::Writable));
        let reading = std::thread::spawn(move || {
            let mut bytes = Vec::new();
            client.read_to_end(&mut bytes).map(|_| bytes.len())
        });
        while connection.advance(large).is_some() {
            std::thread::yield_now();
        }
        assert_eq!(reading.join().unwrap().unwrap(), 4 << 20);
    }
}
