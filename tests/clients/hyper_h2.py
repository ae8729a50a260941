"""hyper-h2, a client of HTTP/2 that checks each frame: its answers are those of HTTP/1.1, byte by byte.
Arguments: the port, the folder that is served."""

import http.client, socket, struct, sys
import h2.config, h2.connection, h2.errors, h2.events, h2.exceptions, h2.settings

port, site = int(sys.argv[1]), sys.argv[2]
CONNECTION_FIELDS = ("connection", "keep-alive", "transfer-encoding", "date")

def check(name, condition, why=""):
    print(f"ok hyper-h2 {name}" if condition else f"bad hyper-h2 {name} | {str(why)[:300]}")

def content(name):
    with open(f"{site}/{name}", "rb") as file:
        return file.read()

class Answer:
    def __init__(self):
        self.status, self.fields, self.body, self.reset, self.is_over = None, [], b"", None, False

class Client:
    """One connection. Credit is given back as `credit` says: all of it at once, or never."""

    def __init__(self, settings=None, credit=True):
        self.socket = socket.create_connection(("127.0.0.1", port), timeout=10)
        self.h2 = h2.connection.H2Connection(h2.config.H2Configuration(client_side=True, header_encoding="utf-8"))
        self.credit, self.answers, self.order, self.pings, self.end = credit, {}, [], 0, None
        if settings:
            initial = {h2.settings.SettingCodes.ENABLE_PUSH: 0, **settings}
            self.h2.local_settings = h2.settings.Settings(client=True, initial_values=initial)
        self.h2.initiate_connection()
        self.flush()

    def flush(self):
        self.socket.sendall(self.h2.data_to_send())

    def ask(self, method, path, fields=(), body=None, trailers=None, is_open=False):
        stream = self.h2.get_next_available_stream_id()
        head = [(":method", method), (":scheme", "http"), (":path", path), (":authority", f"127.0.0.1:{port}"), *fields]
        self.h2.send_headers(stream, head, end_stream=body is None and not trailers and not is_open)
        if body is not None:
            for start in range(0, max(len(body), 1), 16384):
                is_last = start + 16384 >= len(body)
                self.h2.send_data(stream, body[start:start + 16384], end_stream=is_last and not trailers and not is_open)
        if trailers:
            self.h2.send_headers(stream, trailers, end_stream=True)
        self.answers[stream] = Answer()
        self.flush()
        return stream

    def read(self):
        data = self.socket.recv(65536)
        if not data:
            raise EOFError("the server has closed")
        for event in self.h2.receive_data(data):
            answer = self.answers.get(getattr(event, "stream_id", None))
            if isinstance(event, h2.events.ResponseReceived):
                answer.fields = [(name, value) for name, value in event.headers if not name.startswith(":")]
                answer.status = int(dict(event.headers)[":status"])
            elif isinstance(event, h2.events.DataReceived):
                answer.body += event.data
                self.order.append(event.stream_id)
                if self.credit:
                    self.h2.acknowledge_received_data(event.flow_controlled_length, event.stream_id)
            elif isinstance(event, h2.events.StreamEnded):
                answer.is_over = True
            elif isinstance(event, h2.events.StreamReset):
                answer.reset, answer.is_over = event.error_code, True
            elif isinstance(event, h2.events.PingAckReceived):
                self.pings += 1
            elif isinstance(event, h2.events.ConnectionTerminated):
                self.end = event.error_code
        self.flush()

    def upload(self, stream):
        """Sends content without end, until there is an answer. Returns how much that was."""
        sent = 0
        while not self.answers[stream].is_over:
            most = min(16384, self.h2.local_flow_control_window(stream))
            if most > 0:
                self.h2.send_data(stream, b"x" * most)
                self.flush()
                sent += most
            else:
                self.read()
        return sent

    def wait(self, *streams):
        while not all(self.answers[stream].is_over for stream in streams):
            self.read()
        return [self.answers[stream] for stream in streams]

    def wait_for_ping(self):
        """What the server had to say before is said when it answers."""
        before = self.pings
        self.h2.ping(b"12345678")
        self.flush()
        while self.pings == before:
            self.read()

    def send_raw(self, kind, stream, payload):
        self.socket.sendall(len(payload).to_bytes(3, "big") + bytes([kind, 0]) + struct.pack(">I", stream) + payload)

def http_1(method, path, fields=(), body=None):
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
    connection.putrequest(method, path, skip_accept_encoding=True)
    for name, value in fields:
        connection.putheader(name, value)
    if body is not None:
        connection.putheader("content-length", str(len(body)))
    connection.endheaders(body)
    response = connection.getresponse()
    received = response.read()
    fields = [(name.lower(), value) for name, value in response.getheaders() if name.lower() not in CONNECTION_FIELDS]
    connection.close()
    return response.status, fields, received

def without_boundary(fields, body):
    """The boundary of several parts is new in each answer."""
    for name, value in fields:
        if name == "content-type" and "boundary=" in value:
            boundary = value.split("boundary=")[1].strip('"')
            return [(name, value.replace(boundary, "B")) for name, value in fields], body.replace(boundary.encode(), b"B")
    return fields, body

def same(name, answer, expected):
    status, fields, body = expected
    found = [(key, value) for key, value in answer.fields if key not in CONNECTION_FIELDS]
    found, found_body = without_boundary(found, answer.body)
    fields, body = without_boundary(fields, body)
    if answer.status != status or found != fields:
        check(name, False, f"{answer.status} {found} and not {status} {fields}")
    else:
        check(f"{name}: {status}", found_body == body, f"{len(found_body)} bytes and not {len(body)}")

tag = dict(http_1("HEAD", "/small.txt")[1])["etag"]
plan = [
    ("GET", "/", ()), ("GET", "/small.txt", ()), ("GET", "/empty.txt", ()), ("GET", "/large.txt", ()), ("HEAD", "/large.txt", ()),
    ("GET", "/app.js", ()), ("GET", "/app.js", [("accept-encoding", "gzip, br, zstd")]), ("GET", "/app.js", [("accept-encoding", "gzip")]),
    ("GET", "/app.js", [("accept-encoding", "identity;q=0")]), ("GET", "/none", ()), ("HEAD", "/none", ()), ("GET", "/dir", ()),
    ("GET", "/dir/", ()), ("GET", "/.hidden", ()), ("GET", "/%00", ()), ("GET", "/a/../small.txt", ()), ("GET", "/many/7.txt?x=y", ()),
    ("GET", "/small.txt", [("if-none-match", tag)]), ("HEAD", "/small.txt", [("if-none-match", tag)]),
    ("GET", "/small.txt", [("if-match", '"0"')]), ("GET", "/small.txt", [("if-modified-since", "Mon, 06 May 2024 07:08:09 GMT")]),
    ("GET", "/small.txt", [("range", "bytes=10-19")]), ("GET", "/large.txt", [("range", "bytes=1000000-")]),
    ("GET", "/large.txt", [("range", "bytes=-70000")]), ("GET", "/small.txt", [("range", "bytes=0-0,9-9")]),
    ("GET", "/large.txt", [("range", "bytes=0-99999,200000-300000,1000000-")]), ("GET", "/small.txt", [("range", "bytes=999999-")]),
    ("HEAD", "/small.txt", [("range", "bytes=0-0")]), ("GET", "/small.txt", [("range", "bytes=0-0"), ("if-range", '"0"')]),
    ("GET", "/small.txt", [("expect", "tea")]), ("BREW", "/", ()), ("DELETE", "/small.txt", ()), ("OPTIONS", "/", ()),
]

def compare_answers():
    client = Client()
    for method, path, fields in plan:
        same(f"{method} {path} {list(fields)}".replace("|", ""), client.wait(client.ask(method, path, fields))[0], http_1(method, path, fields))
    for method, path, body in [("POST", "/", b"x" * 5000), ("PUT", "/small.txt", b""), ("GET", "/small.txt", b"x" * 30000)]:
        same(f"{method} {path} with {len(body)} bytes", client.wait(client.ask(method, path, body=body))[0], http_1(method, path, body=body))
    answer = client.wait(client.ask("POST", "/", body=b"abc", trailers=[("x-checksum", "1")]))[0]
    same("POST with trailers", answer, http_1("POST", "/", body=b"abc"))
    answer = client.wait(client.ask("GET", "/small.txt", [("content-length", "3")], body=b"abc", trailers=[("a", "b")]))[0]
    same("GET with a content and trailers", answer, http_1("GET", "/small.txt", body=b"abc"))
    check("all on one connection", client.end is None, client.end)

def ask_at_once():
    expected = {path: content(path) for path in [f"many/{number}.txt" for number in range(1, 41)] + ["large.txt", "app.js", "small.txt"]}
    client, asked = Client(), {}
    for number in range(100):
        path = list(expected)[number % len(expected)]
        asked[client.ask("GET", f"/{path}")] = path
    answers = zip(asked, client.wait(*asked))
    wrong = [asked[stream] for stream, answer in answers if answer.status != 200 or answer.body != expected[asked[stream]]]
    check("100 requests at once", not wrong, wrong)

def hold_back():
    size = h2.settings.SettingCodes.INITIAL_WINDOW_SIZE
    large = content("large.txt")
    client = Client({size: 100}, credit=False)
    first, second = client.ask("GET", "/large.txt"), client.ask("GET", "/large.txt", [("range", "bytes=0-49")])
    client.wait(second)
    client.wait_for_ping()
    check("a window of 100 bytes", len(client.answers[first].body) == 100, len(client.answers[first].body))
    client.h2.increment_flow_control_window(1, first)
    client.wait_for_ping()
    check("a window of one byte more", client.answers[first].body == large[:101], len(client.answers[first].body))
    client.h2.update_settings({size: 50})
    client.flush()
    client.wait_for_ping()
    client.h2.increment_flow_control_window(51, first)
    client.wait_for_ping()
    check("a window that was negative", client.answers[first].body == large[:102], len(client.answers[first].body))
    client.h2.update_settings({size: 200_000})
    client.flush()
    client.wait_for_ping()
    received = sum(len(answer.body) for answer in client.answers.values())
    check("the connection's window", received == 65535, received)
    client.credit = True
    client.h2.increment_flow_control_window(10_000_000)
    client.h2.increment_flow_control_window(10_000_000, first)
    client.flush()
    check("and all of it in the end", client.wait(first)[0].body == large, len(client.answers[first].body))

def settle():
    codes = h2.settings.SettingCodes
    for name, settings in [("no table", {codes.HEADER_TABLE_SIZE: 0}), ("a small table", {codes.HEADER_TABLE_SIZE: 100}),
                           ("a large table", {codes.HEADER_TABLE_SIZE: 65536}), ("large frames", {codes.MAX_FRAME_SIZE: 1 << 20})]:
        client = Client(settings)
        answers = client.wait(*[client.ask("GET", "/small.txt") for _ in range(3)], client.ask("GET", "/large.txt"))
        is_right = [answer.body for answer in answers] == [content("small.txt")] * 3 + [content("large.txt")]
        client.h2.update_settings({codes.HEADER_TABLE_SIZE: 4096})
        client.flush()
        answer = client.wait(client.ask("GET", "/small.txt"))[0]
        client.h2.update_settings({codes.HEADER_TABLE_SIZE: 50})
        client.flush()
        again = client.wait(client.ask("GET", "/small.txt"))[0]
        check(f"settings: {name}", is_right and again.body == answer.body == content("small.txt") and answer.fields[2:] == again.fields[2:])

def prefer():
    """PRIORITY_UPDATE, before and after the stream has begun, and the field of the request."""
    client = Client({h2.settings.SettingCodes.INITIAL_WINDOW_SIZE: 0}, credit=False)
    client.h2.increment_flow_control_window(10_000_000)
    client.flush()
    client.send_raw(0x10, 0, struct.pack(">I", 5) + b"u=1")
    streams = [client.ask("GET", "/large.txt", fields) for fields in [[("priority", "u=5")], [("priority", "u=4")], [], [("priority", "u=0")]]]
    client.send_raw(0x10, 0, struct.pack(">I", streams[0]) + b"u=7")
    client.h2.update_settings({h2.settings.SettingCodes.INITIAL_WINDOW_SIZE: 3_000_000})
    client.flush()
    answers = client.wait(*streams)
    order = sorted(streams, key=lambda stream: max(place for place, other in enumerate(client.order) if other == stream))
    check("priorities", order == [7, 5, 3, 1] and all(answer.body == content("large.txt") for answer in answers), order)
    client = Client({h2.settings.SettingCodes.INITIAL_WINDOW_SIZE: 0}, credit=False)
    client.h2.increment_flow_control_window(10_000_000)
    streams = [client.ask("GET", "/large.txt", [("priority", "i")]) for _ in range(3)]
    client.h2.update_settings({h2.settings.SettingCodes.INITIAL_WINDOW_SIZE: 3_000_000})
    client.flush()
    client.wait(*streams)
    check("in turns", client.order[:9] == streams * 3, client.order[:9])

def break_rules():
    """Errors of a stream leave the connection alone."""
    client = Client()
    for name, fields in [("a field in upper case", [("X-A", "b")]), ("a field of a connection", [("connection", "close")]),
                         ("another host", [("host", "other")]), ("a wrong length", [("content-length", "3")])]:
        client.h2.config.validate_outbound_headers = client.h2.config.normalize_outbound_headers = False
        answer = client.wait(client.ask("GET", "/small.txt", fields))[0]
        check(f"error: {name}", answer.reset == h2.errors.ErrorCodes.PROTOCOL_ERROR, answer.reset)
    client.h2.config.validate_outbound_headers = client.h2.config.normalize_outbound_headers = True
    stream = client.ask("GET", "/64m.bin")
    client.h2.reset_stream(stream)
    client.flush()
    stream = client.ask("POST", "/", is_open=True)
    sent, answer = client.upload(stream), client.answers[stream]
    is_answered = answer.status == 405 and answer.body == http_1("POST", "/", body=b"")[2]
    check("a content without end: the answer, and NO_ERROR", is_answered and answer.reset == 0 and sent >= 1 << 20, (answer.status, answer.reset, sent))
    check("and the next request", client.wait(client.ask("GET", "/small.txt"))[0].body == content("small.txt"))

for step in [compare_answers, ask_at_once, hold_back, settle, prefer, break_rules]:
    try:
        step()
    except Exception as error:
        check(step.__name__, False, repr(error))
