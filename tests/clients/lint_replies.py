"""httplint on every kind of reply. Argument: the port."""

import http.client, re, socket, sys, time
from httplint import HttpRequestLinter, HttpResponseLinter
port = int(sys.argv[1])
host, base = f"127.0.0.1:{port}", f"http://127.0.0.1:{port}"

# Remarks that are right as observations and no faults of the reply.
EXPECTED = {
    # RFC 9110 section 15.3.7.2 forbids Content-Range in the head of several parts; httplint asks for it.
    "PARTIAL_WITHOUT_RANGE": lambda case: "," in dict(case[2]).get("Range", ""),
    # A redirect that must be asked for again each time: there is nothing in it to revalidate.
    "FRESHNESS_NO_CACHE_NO_VALIDATOR": lambda case: case[3] == 301,
    # The remark is the status itself.
    "STATUS_BAD_REQUEST": lambda case: case[3] == 400,
    "STATUS_URI_TOO_LONG": lambda case: case[3] == 414,
}

def head(path, name, fields={}):
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
    connection.request("HEAD", path, headers=fields)
    return connection.getresponse().getheader(name)

def lint(method, path, fields, status, body=b""):
    lines = [("Host", host), ("User-Agent", "test")] + fields
    block = "".join(f"{name}: {value}\r\n" for name, value in lines)
    started = time.time()
    with socket.create_connection(("127.0.0.1", port), 10) as stream:
        stream.sendall(f"{method} {path} HTTP/1.1\r\n{block}\r\n".encode() + body)
        stream.shutdown(socket.SHUT_WR)
        data = b"".join(iter(lambda: stream.recv(65536), b""))
    top, _, rest = data.partition(b"\r\n")
    block, _, content = rest.partition(b"\r\n\r\n")
    version, code, phrase = top.split(b" ", 2)
    request = HttpRequestLinter(start_time=started)
    request.process_request_topline(method.encode(), (base + path).encode(), b"1.1")
    request.process_headers([(name.encode(), value.encode()) for name, value in lines])
    request.feed_content(body)
    request.finish_content(True)
    response = HttpResponseLinter(start_time=started, _related=request)
    response.is_head_response = method == "HEAD"
    response.base_uri = base + path
    response.process_response_topline(version.partition(b"/")[2], code, phrase)
    response.process_headers([tuple(line.split(b": ", 1)) for line in block.split(b"\r\n")])
    response.feed_content(content)
    response.finish_content(True)
    found = [] if int(code) == status else [f"status {code.decode()}"]
    notes = [note for outer in response.notes for note in (outer, *outer.subnotes)]
    for note in notes:
        name = type(note).__name__
        expected = EXPECTED.get(name, lambda case: False)
        if note.level.name in ("BAD", "WARN") and not expected((method, path, fields, status)):
            found.append(f"{note.level.name} {name}: {note.summary}")
    name = f"httplint {method} {path[:30]} {str(dict(fields) or '')[:80]} {status}".replace("|", "")
    print(f"bad {name} | {found}" if found else f"ok {name}")

tag, date = head("/large.txt", "ETag"), head("/large.txt", "Last-Modified")
gzip_tag = head("/app.js", "ETag", {"Accept-Encoding": "gzip"})
for method in ("GET", "HEAD"):
    for case in [
        ("/", [], 200), ("/small.txt", [], 200), ("/large.txt", [], 200), ("/empty.txt", [], 200), ("/logo.svg", [], 200),
        ("/style.css", [], 200), ("/script.js", [], 200), ("/64m.bin", [], 200) if method == "HEAD" else ("/.well-known/known.txt", [], 200),
        ("/app.js", [], 200), ("/app.js", [("Accept-Encoding", "gzip")], 200), ("/app.js", [("Accept-Encoding", "br")], 200),
        ("/app.js", [("Accept-Encoding", "zstd")], 200), ("/app.js.gz", [], 200), ("/app.js.br", [], 200), ("/sp%20ace/%C3%BC%20%231.txt", [], 200),
        ("/large.txt", [("If-None-Match", tag)], 304), ("/large.txt", [("If-Modified-Since", date)], 304),
        ("/app.js", [("If-None-Match", gzip_tag), ("Accept-Encoding", "gzip")], 304),
        ("/large.txt", [("If-Match", '"0"')], 412), ("/large.txt", [("Accept-Encoding", "identity;q=0")], 406),
        ("/dir", [], 301), ("/dir?q=1", [], 301), ("/none", [], 404), ("/%zz", [], 400), ("/large.txt", [("Expect", "tea")], 417),
        ("/" + "a" * 17000, [], 414), ("/", [("X-Long", "0" * 70000)], 431), ("/", [("X Y", "0")], 400), ("/", [("Host", "two")], 400),
        ("/", [("Transfer-Encoding", "other")], 501),
    ]:
        lint(method, *case)
lint("GET", "/large.txt", [("Range", "bytes=0-99")], 206)
lint("GET", "/small.txt", [("Range", "bytes=-99")], 206)
lint("GET", "/small.txt", [("Range", "bytes=0-9,100-199")], 206)
lint("GET", "/app.js", [("Range", "bytes=0-99"), ("Accept-Encoding", "gzip")], 206)
lint("GET", "/app.js", [("Range", "bytes=0-99"), ("If-Range", gzip_tag), ("Accept-Encoding", "gzip")], 206)
lint("GET", "/large.txt", [("Range", "bytes=99999999-")], 416)
lint("POST", "/", [("Content-Length", "3")], 405, b"a=b")
lint("POST", "/", [("Content-Length", "3"), ("Expect", "100-continue")], 405)
lint("OPTIONS", "/", [], 204)
lint("OPTIONS", "*", [], 204)
lint("BREW", "/", [], 501)
