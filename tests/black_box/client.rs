//! A client that does what it is told and nothing else: bytes go out as they are given, replies are read
//! strictly, and every read and write has a deadline, so that a server that hangs fails one test instead
//! of stopping all. It carries a name, which every failure message begins with.

use std::io::{self, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpStream};
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use rustls::{ClientConfig, ClientConnection, StreamOwned};

use crate::patience::PATIENCE;
use crate::response::Response;

/// A way to the server.
enum Stream {
    Plain(TcpStream),
    Tls(Box<StreamOwned<ClientConnection, TcpStream>>),
}

impl Stream {
    fn socket(&self) -> &TcpStream {
        match self {
            Stream::Plain(socket) => socket,
            Stream::Tls(stream) => &stream.sock,
        }
    }
}

impl Read for Stream {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        match self {
            Stream::Plain(socket) => socket.read(buffer),
            Stream::Tls(stream) => stream.read(buffer),
        }
    }
}

impl Write for Stream {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match self {
            Stream::Plain(socket) => socket.write(bytes),
            Stream::Tls(stream) => stream.write(bytes).and_then(|count| stream.flush().map(|()| count)),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// One connection to the server.
pub(crate) struct Client {
    stream: Stream,
    /// What has come and was not yet taken by a reply.
    received: Vec<u8>,
    name: String,
}

impl Client {
    /// Connects; `name` says which row of which table the connection belongs to.
    pub(crate) fn connect(address: SocketAddr, name: &str) -> Client {
        let stream = TcpStream::connect(address).unwrap_or_else(|error| panic!("{name}: connect: {error}"));
        stream.set_nodelay(true).expect("TCP_NODELAY");
        stream.set_read_timeout(Some(PATIENCE)).expect("a read timeout");
        stream.set_write_timeout(Some(PATIENCE)).expect("a write timeout");
        Client { stream: Stream::Plain(stream), received: Vec::new(), name: name.to_owned() }
    }

    /// Connects to a socket file.
    pub(crate) fn connect_unix(path: &Path, name: &str) -> Client {
        let stream = UnixStream::connect(path).unwrap_or_else(|error| panic!("{name}: connect: {error}"));
        // The calls that are made on it are those of any socket.
        let stream = TcpStream::from(OwnedFd::from(stream));
        stream.set_read_timeout(Some(PATIENCE)).expect("a read timeout");
        stream.set_write_timeout(Some(PATIENCE)).expect("a write timeout");
        Client { stream: Stream::Plain(stream), received: Vec::new(), name: name.to_owned() }
    }

    /// Connects and speaks TLS. An end without close_notify is an error of every read from then on.
    pub(crate) fn connect_tls(address: SocketAddr, name: &str, config: &Arc<ClientConfig>) -> Client {
        Client::connect(address, name).begin_tls(config)
    }

    /// Speaks TLS from now on.
    pub(crate) fn begin_tls(self, config: &Arc<ClientConfig>) -> Client {
        let Client { stream, received, name } = self;
        let Stream::Plain(socket) = stream else { unreachable!("it was just connected") };
        let host = "localhost".try_into().expect("a host");
        let connection = ClientConnection::new(Arc::clone(config), host).expect("a session");
        Client { stream: Stream::Tls(Box::new(StreamOwned::new(connection, socket))), received, name }
    }

    /// The session.
    pub(crate) fn tls(&mut self) -> &mut ClientConnection {
        match &mut self.stream {
            Stream::Tls(stream) => &mut stream.conn,
            Stream::Plain(_) => panic!("{}: no TLS", self.name),
        }
    }

    /// Sends and receives what the session wants to, without waiting for an answer.
    pub(crate) fn complete_io(&mut self) -> io::Result<()> {
        let Stream::Tls(stream) = &mut self.stream else { panic!("{}: no TLS", self.name) };
        while stream.conn.wants_write() {
            stream.conn.write_tls(&mut stream.sock)?;
        }
        Ok(())
    }

    /// Sends bytes in records whose every `size` bytes are a segment of their own.
    pub(crate) fn send_cut_records(&mut self, bytes: &[u8], size: usize) {
        let Stream::Tls(stream) = &mut self.stream else { panic!("{}: no TLS", self.name) };
        stream.conn.writer().write_all(bytes).expect("room for the request");
        let mut records = Vec::new();
        while stream.conn.wants_write() {
            stream.conn.write_tls(&mut records).expect("records");
        }
        for piece in records.chunks(size) {
            stream.sock.write_all(piece).unwrap_or_else(|error| panic!("{}: send: {error}", self.name));
        }
    }

    /// Reads until that fails, and returns the error.
    pub(crate) fn read_to_error(&mut self) -> io::Error {
        loop {
            match self.receive() {
                Ok(0) => panic!("{}: an end in order", self.name),
                Ok(_) => self.received.clear(),
                Err(error) => return error,
            }
        }
    }

    /// Does the handshake, and no more.
    pub(crate) fn shake_hands(&mut self) -> io::Result<()> {
        let Stream::Tls(stream) = &mut self.stream else { panic!("{}: no TLS", self.name) };
        while stream.conn.is_handshaking() {
            stream.conn.complete_io(&mut stream.sock)?;
        }
        Ok(())
    }

    /// What it was called when it connected.
    pub(crate) fn name(&self) -> &str {
        &self.name
    }

    /// Sends bytes in one write, as far as the kernel takes them in one.
    pub(crate) fn send(&mut self, bytes: impl AsRef<[u8]>) {
        self.try_send(bytes).unwrap_or_else(|error| panic!("{}: send: {error}", self.name));
    }

    /// Sends bytes to a server that may have stopped listening, which is then for the reader to judge.
    pub(crate) fn try_send(&mut self, bytes: impl AsRef<[u8]>) -> io::Result<()> {
        self.stream.write_all(bytes.as_ref())
    }

    /// Sends every `size` bytes in a write, and with TCP_NODELAY in a segment, of their own.
    pub(crate) fn try_send_in_pieces(&mut self, bytes: &[u8], size: usize) -> io::Result<()> {
        bytes.chunks(size).try_for_each(|piece| self.stream.write_all(piece))
    }

    /// Sends bytes in front of a session, if there is one: every `size` bytes in a segment of their own.
    pub(crate) fn send_in_front(&mut self, bytes: &[u8], size: usize) {
        let mut socket = self.stream.socket();
        for piece in bytes.chunks(size) {
            socket.write_all(piece).unwrap_or_else(|error| panic!("{}: send: {error}", self.name));
        }
    }

    /// Half-closes: the server sees the end of what this client has to say, and can still answer.
    pub(crate) fn finish_sending(&mut self) {
        if let Stream::Tls(stream) = &mut self.stream {
            stream.conn.send_close_notify();
            stream.conn.complete_io(&mut stream.sock).expect("close_notify");
        }
        self.stream.socket().shutdown(Shutdown::Write).expect("half-close");
    }

    /// Sends one whole request and reads its reply.
    pub(crate) fn request(&mut self, request: impl AsRef<[u8]>) -> Response {
        self.send(request.as_ref());
        self.response_to(method_of(request.as_ref()))
    }

    /// GET with the fewest fields.
    pub(crate) fn get(&mut self, target: &str) -> Response {
        self.ask("GET", target, "")
    }

    /// A request with further field lines, each ending with CRLF.
    pub(crate) fn ask(&mut self, method: &str, target: &str, fields: &str) -> Response {
        self.request(format!("{method} {target} HTTP/1.1\r\nHost: localhost\r\n{fields}\r\n"))
    }

    /// The reply to a GET, or to any method whose replies have bodies.
    pub(crate) fn response(&mut self) -> Response {
        self.response_to("GET")
    }

    /// The reply to `method`, with its body.
    pub(crate) fn response_to(&mut self, method: &str) -> Response {
        let mut response = self.response_head();
        if method != "HEAD" && !matches!(response.status, 204 | 304) {
            let length = usize::try_from(response.length()).expect("a body that fits into memory");
            response.body = self.read(length);
        }
        response
    }

    /// The head of a reply; its body, if it has one, is the caller's to read.
    pub(crate) fn response_head(&mut self) -> Response {
        let end = loop {
            if let Some(position) = find(&self.received, b"\r\n\r\n") {
                break position + 4;
            }
            if self.receive().unwrap_or_else(|error| panic!("{}: no reply: {error}", self.name)) == 0 {
                panic!("{}: closed instead of a reply; so far {:?}", self.name, self.unread());
            }
        };
        let head: Vec<u8> = self.received.drain(..end).collect();
        let shown = String::from_utf8_lossy(&head).into_owned();
        Response::parse(&head).unwrap_or_else(|error| panic!("{}: {error} in {shown:?}", self.name))
    }

    /// Exactly `length` bytes of a body.
    pub(crate) fn read(&mut self, length: usize) -> Vec<u8> {
        let ready = self.received.len().min(length);
        // Zeroed by the system: to resize a vector takes more than a second for 64 MiB in a debug build.
        let mut body = vec![0; length];
        body[..ready].copy_from_slice(&self.received[..ready]);
        self.received.drain(..ready);
        let result = self.stream.read_exact(&mut body[ready..]);
        result.unwrap_or_else(|error| panic!("{}: body of {length} bytes: {error}", self.name));
        body
    }

    /// The server has closed in an orderly way and has sent nothing more.
    pub(crate) fn assert_closed(&mut self) {
        match self.receive() {
            Ok(0) if self.received.is_empty() => {}
            Ok(_) => panic!("{}: more came: {:?}", self.name, self.unread()),
            Err(error) => panic!("{}: not closed: {error}", self.name),
        }
    }

    /// Whatever still comes until the connection ends, in an orderly way or with a reset.
    pub(crate) fn read_until_closed(&mut self) -> Vec<u8> {
        loop {
            match self.receive() {
                Ok(0) => break,
                Ok(_) => {}
                Err(error) if error.kind() == io::ErrorKind::ConnectionReset => break,
                Err(error) => panic!("{}: not closed: {error}", self.name),
            }
        }
        std::mem::take(&mut self.received)
    }

    /// Reads up to `size` bytes, pauses, and so on until the connection ends; returns how many came.
    pub(crate) fn read_slowly_until_closed(&mut self, size: usize, pause: Duration) -> u64 {
        let mut buffer = vec![0; size];
        let mut taken = self.received.len() as u64;
        // The end may be a reset: the server has thrown away what was not taken.
        while let Ok(count @ 1..) = self.stream.read(&mut buffer) {
            taken += count as u64;
            std::thread::sleep(pause);
        }
        taken
    }

    /// Listens for a while; true if the server neither spoke nor closed.
    pub(crate) fn is_silent_for(&mut self, time: Duration) -> bool {
        self.stream.socket().set_read_timeout(Some(time)).expect("a read timeout");
        let result = self.receive();
        self.stream.socket().set_read_timeout(Some(PATIENCE)).expect("a read timeout");
        match result {
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => true,
            result => {
                // Only shown when the test fails.
                println!("{}: not silent: {result:?}, {:?}", self.name, self.unread());
                false
            }
        }
    }

    fn unread(&self) -> String {
        String::from_utf8_lossy(&self.received).into_owned()
    }

    fn receive(&mut self) -> io::Result<usize> {
        let mut buffer = [0; 65_536];
        let count = loop {
            match self.stream.read(&mut buffer) {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                result => break result?,
            }
        };
        self.received.extend_from_slice(&buffer[..count]);
        Ok(count)
    }
}

/// The first word of a request: it decides whether the reply has a body.
pub(crate) fn method_of(request: &[u8]) -> &str {
    let end = request.iter().position(|byte| *byte == b' ').unwrap_or(request.len());
    std::str::from_utf8(&request[..end]).unwrap_or_default()
}

/// Where `needle` begins in `haystack`.
pub(crate) fn find(haystack: &[u8], needle: &[u8]) -> Option<usize> {
    haystack.windows(needle.len()).position(|window| window == needle)
}
