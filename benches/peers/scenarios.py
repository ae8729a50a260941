"""The requests: one row a case, and the site that has the answers."""

import os
import subprocess
from dataclasses import dataclass, field

HERE = os.path.dirname(os.path.abspath(__file__))
PROJECT = os.path.dirname(os.path.dirname(HERE))
# Beneath target/, because that is on a disk, ignored by git and gone after `cargo clean`.
BUILD = os.path.join(PROJECT, "target", "peers")
SITE = os.path.join(BUILD, "site")
# A certificate of ECDSA P-256, and its key.
CERTIFICATE, KEY = os.path.join(BUILD, "cert.pem"), os.path.join(BUILD, "key.pem")

KIB, MIB = 1 << 10, 1 << 20
MANY = 10_000
# Every file is from 2026-01-01: nginx and h2o answer 304 only to the very time of the file.
MODIFIED = 1_767_225_600
MODIFIED_TEXT = "Thu, 01 Jan 2026 00:00:00 GMT"


@dataclass(frozen=True)
class Scenario:
    """One case. `body` is the bytes behind the head, `length` what Content-Length says if that is not the same."""

    what: str
    path: str = "/"
    body: int = 63
    status: int = 200
    tool: str = "wrk"
    method: str = "GET"
    headers: dict = field(default_factory=dict)
    keep_alive: bool = True
    connections: int = 100
    workers: int = 1
    warm_up: int = 1  # seconds
    script: str = ""  # Lua for wrk: what differs from one request to the next
    length: int | None = None
    tls: str = ""  # the version that the load offers, if the case is about TLS: "1.3", "1.2"
    protocol: str = "http/1.1"  # or "h2", for h2load
    streams: int = 1  # requests at a time on each connection


SIXTEEN_AT_ONCE = """
function init() local one = wrk.format() all = string.rep(one, 16) end
function request() return all end
"""

# All requests are written beforehand, so that choosing one costs the load generator next to nothing.
# The order is the same in every run: the generator is never seeded.
ANY_OF_MANY = f"""
local requests = {{}}
function init()
  for i = 0, {MANY - 1} do
    requests[i + 1] = wrk.format("GET", string.format("/many/%02d/%04d.html", i % 100, i))
  end
end
function request() return requests[math.random({MANY})] end
"""

SCENARIOS = {
    "ab": Scenario("one connection a request", tool="ab", keep_alive=False),
    "ab-k": Scenario("HTTP/1.0 with keep-alive", tool="ab"),
    "tiny": Scenario("63 bytes"),
    "one": Scenario("63 bytes, a single connection", connections=1),
    "1k": Scenario("1 KiB", "/1k.html", 1 * KIB),
    "10k": Scenario("10 KiB", "/10k.html", 10 * KIB),
    "24k": Scenario("24 KiB", "/24k.html", 24 * KIB),
    "48k": Scenario("48 KiB", "/48k.html", 48 * KIB),
    "64k": Scenario("64 KiB", "/64k.html", 64 * KIB),
    "100k": Scenario("100 KiB", "/100k.html", 100 * KIB),
    "1m": Scenario("1 MiB", "/1m.bin", 1 * MIB, connections=16),
    "100m": Scenario("100 MiB", "/100m.bin", 100 * MIB, connections=4),
    "pipe": Scenario("16 requests in one write", script=SIXTEEN_AT_ONCE),
    "many": Scenario(f"{MANY:,} files of 4 KiB at random", "/many/00/0000.html", 4 * KIB,
                     script=ANY_OF_MANY, warm_up=3),  # until each has been asked for
    "304": Scenario("not modified", body=0, status=304, headers={"If-Modified-Since": MODIFIED_TEXT}),
    "404": Scenario("no such file", "/missing.html", 150, status=404),
    # wrk waits for the body that a HEAD has not got; ab knows better.
    "head": Scenario("HEAD, HTTP/1.0 with keep-alive", body=0, length=63, tool="ab", method="HEAD"),
    "range": Scenario("1 KiB out of 100 MiB", "/100m.bin", 1 * KIB, status=206,
                      headers={"Range": f"bytes={50 * MIB}-{50 * MIB + KIB - 1}"}),
    "two": Scenario("63 bytes, two workers", workers=2),
    "conns-1000": Scenario("63 bytes, 1,000 active connections", connections=1000),
    "conns-8000": Scenario("63 bytes, 8,000 active connections", connections=8000),
    "tls": Scenario("TLS 1.3, 63 bytes", tool="h2load", tls="1.3"),
    "tls-1m": Scenario("TLS 1.3, 1 MiB", "/1m.bin", 1 * MIB, tool="h2load", tls="1.3", connections=16),
    "tls-ab": Scenario("TLS 1.2, one connection a request", tool="ab", tls="1.2", keep_alive=False, connections=20),
    "h2-32": Scenario("HTTP/2, 63 bytes, 32 streams", tool="h2load", tls="1.3", protocol="h2", streams=32),
    "h2-1": Scenario("HTTP/2, 63 bytes, 1 stream", tool="h2load", tls="1.3", protocol="h2"),
    "h2-10k": Scenario("HTTP/2, 10 KiB, 32 streams", "/10k.html", 10 * KIB, tool="h2load", tls="1.3", protocol="h2",
                       streams=32),
    "h2-1m": Scenario("HTTP/2, 1 MiB, 8 streams", "/1m.bin", 1 * MIB, tool="h2load", tls="1.3", protocol="h2",
                      connections=16, streams=8),
}

# Names for several cases at once.
GROUPS = {
    "all": list(SCENARIOS),
    "connections": ["one", "tiny", "conns-1000", "conns-8000"],
    "sizes": ["tiny", "1k", "10k", "24k", "48k", "64k", "100k", "1m", "100m"],
    "plain": [case for case, scenario in SCENARIOS.items() if not scenario.tls],
    "encrypted": [case for case, scenario in SCENARIOS.items() if scenario.tls],
    "check": ["ab", "tiny"],
}


def choose(names):
    """The cases that a list such as `ab,sizes` stands for, each once, in the order of the table."""
    chosen = {case for name in names.split(",") for case in GROUPS.get(name, [name])}
    unknown = chosen - SCENARIOS.keys()
    if unknown:
        raise SystemExit(f"no such case: {', '.join(sorted(unknown))}; there are {', '.join([*GROUPS, *SCENARIOS])}")
    return [case for case in SCENARIOS if case in chosen]


def make_site():
    """Writes what is not there yet, some 150 MB."""
    for scenario in SCENARIOS.values():
        if scenario.status == 200 and scenario.method == "GET":
            put(scenario.path[1:] or "index.html", scenario.body)
    for i in range(MANY):
        put(f"many/{i % 100:02}/{i:04}.html", 4 * KIB)


def make_certificate():
    if not os.path.exists(KEY):
        subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes",
                        "-subj", "/CN=localhost", "-days", "3650", "-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1",
                        "-keyout", KEY, "-out", CERTIFICATE], check=True, capture_output=True)


def put(name, size):
    path = os.path.join(SITE, name)
    if os.path.exists(path) and os.path.getsize(path) == size:
        return
    os.makedirs(os.path.dirname(path), exist_ok=True)
    line = f"{name} ".encode()
    block = (line * (MIB // len(line) + 1))[:min(size, MIB)]
    with open(path, "wb") as file:
        for _ in range(size // len(block)):
            file.write(block)
    os.utime(path, (MODIFIED, MODIFIED))
