"""http.client and urllib. Arguments: the port, the folder that is served."""

import email.utils, http.client, io, os, sys, time, urllib.error, urllib.request
port, site = int(sys.argv[1]), sys.argv[2]
url = f"http://127.0.0.1:{port}"
urllib.request.install_opener(urllib.request.build_opener(urllib.request.ProxyHandler({})))

def check(name, condition, why=""):
    print(f"ok python {name}" if condition else f"bad python {name} | {why}")

def content(name):
    with open(f"{site}/{name}", "rb") as file:
        return file.read()

connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
connection.connect()
socket = connection.sock
small, tag = content("small.txt"), None
# Every kind of reply on one connection: a length that is wrong by one byte breaks the next.
plan = [
    ("GET", "/small.txt", {}, None, 200, small), ("HEAD", "/small.txt", {}, None, 200, b""),
    ("GET", "/small.txt", {"If-None-Match": "TAG"}, None, 304, b""), ("HEAD", "/small.txt", {"If-None-Match": "TAG"}, None, 304, b""),
    ("GET", "/small.txt", {"Range": "bytes=10-19"}, None, 206, small[10:20]), ("GET", "/small.txt", {"Range": "bytes=999999-"}, None, 416, None),
    ("GET", "/small.txt", {"Range": "bytes=0-0,9-9"}, None, 206, None), ("HEAD", "/small.txt", {"Range": "bytes=0-0"}, None, 200, b""),
    ("GET", "/dir", {}, None, 301, None), ("HEAD", "/dir", {}, None, 301, b""), ("GET", "/none", {}, None, 404, None),
    ("HEAD", "/none", {}, None, 404, b""), ("GET", "/empty.txt", {}, None, 200, b""), ("GET", "/empty.txt", {"Range": "bytes=0-0"}, None, 200, b""),
    ("GET", "/small.txt", {"If-Match": '"0"'}, None, 412, None), ("GET", "/small.txt", {"Accept-Encoding": "identity;q=0"}, None, 406, None),
    ("POST", "/", {}, b"x" * 5000, 405, None), ("POST", "/", {}, iter([b"one", b"two" * 1000]), 405, None), ("GET", "/", {}, b"GET /none HTTP/1.1\r\n\r\n", 200, None),
    ("GET", "/%00", {}, None, 400, None), ("GET", "/../x", {}, None, 400, None), ("GET", "/small.txt", {"Expect": "tea"}, None, 417, None),
    ("BREW", "/", {}, None, 501, None), ("OPTIONS", "*", {}, None, 204, b""), ("GET", "/large.txt", {}, None, 200, content("large.txt")),
]
for method, target, fields, body, status, expected in plan:
    name = f"http.client {method} {target} {fields}".replace("|", "")
    fields = {key: tag if value == "TAG" else value for key, value in fields.items()}
    try:
        connection.request(method, target, body, fields)
        response = connection.getresponse()
        received = response.read()
    except Exception as error:
        check(name, False, repr(error))
        connection.close()
        continue
    tag = response.headers.get("ETag", tag)
    date = email.utils.parsedate_to_datetime(response.headers["Date"]).timestamp()
    what = f"{response.status} {response.headers.items()} {len(received)} bytes"
    check(f"{name}: {status}", response.status == status and (expected is None or received == expected) and abs(date - time.time()) < 2
          and (status in (204, 304) or response.headers["Content-Length"] is not None), what)
check("http.client: all on one connection", connection.sock is socket, "it was closed in between")
connection.close()

with urllib.request.urlopen(f"{url}/dir?q=1", timeout=10) as response:
    check("urllib follows the redirect", response.url == f"{url}/dir/?q=1" and response.read() == content("dir/index.html"), response.url)
for name, fields, status in [("none", {}, 404), ("small.txt", {"If-Modified-Since": "Mon, 06 May 2024 07:08:09 GMT"}, 304)]:
    try:
        urllib.request.urlopen(urllib.request.Request(f"{url}/{name}", headers=fields), timeout=10)
        check(f"urllib {name}: {status}", False, "no error")
    except urllib.error.HTTPError as error:
        check(f"urllib {name}: {status}", error.code == status, error.code)
with urllib.request.urlopen(f"{url}/app.js", timeout=10) as response:
    check("urllib: the type", response.headers.get_content_type() == "text/javascript", response.headers.get_content_type())

with urllib.request.urlopen(f"{url}/64m.bin", timeout=10) as response:
    digest = response.read(1000)
    check("urllib reads 64 MiB", len(digest) + sum(len(part) for part in iter(lambda: response.read(1 << 16), b"")) == 64 << 20)
