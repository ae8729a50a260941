"""Nobody but a trusted proxy chooses an address: in the log, in the limits a client, in --allow."""

import contextlib
import itertools
import socket
import struct

from harness import KIB, SMALL, Client, Closed, Server, check, eventually, make_site, new_folder, read
from promise import promise

VICTIM = "203.0.113.9"
VALUES = [VICTIM, f"{VICTIM}:80", "2001:db8::9", "[2001:db8::9]:80", "127.0.0.1", "10.0.0.1", "unknown", "_x", "",
          "," * (16 * KIB), f"{VICTIM}," * 1000, f'"{VICTIM}', f"{VICTIM}\\", "\\" * 999 + '"']
NAMES = ["X-Forwarded-For", "x-forwarded-for", "Forwarded", "X-Real-IP", "X-Client-IP", "True-Client-IP",
         "CF-Connecting-IP", "X-Forwarded", "Forwarded-For", "X-Cluster-Client-IP", "Via", "X-Forwarded-Host"]


def lines_of(name, value):
    """The lines that a client may send: a field once, twice, and with the other one before or after it."""
    text = f"for={value}" if name == "Forwarded" else value
    one, other = f"{name}: {text}\r\n", f"Forwarded: for={VICTIM}\r\nX-Forwarded-For: {VICTIM}\r\n"
    return [one, one + one, one + other, other + one]


SPOOFS = [lines for name, value in itertools.product(NAMES, VALUES) for lines in lines_of(name, value)]
SPOOFS.append(f"X-Forwarded-For: {VICTIM}\r\n" * 98)


def clients_in(log, count):
    """The clients of so many lines of the log, once they are there."""
    def found():
        lines = [line for line in read(log).splitlines() if '"GET /' in line]
        return len(lines) >= count and [line.split()[0] for line in lines]
    return eventually(f"{count} lines in the log", found)


def served(flags, requests, in_front=b""):
    """The statuses of requests, a connection each after those bytes, and the clients in the log."""
    log = new_folder() + "/log"
    statuses = []
    with Server(make_site(), "--file-log", log, *flags, log="info") as server:
        for number, lines in enumerate(requests):
            with Client(server) as client:
                client.send(in_front + f"GET /small.txt?{number} HTTP/1.1\r\nHost: a\r\n{lines}\r\n".encode())
                statuses.append(client.response().status)
        return statuses, clients_in(log, len(requests))


@promise("SPOOFING", "no field of a client that is not trusted changes its address in the log, in any order or number")
def in_the_log():
    for flags in [[], ["--trusted-proxies", "127.0.0.2,10.0.0.0/8,2001:db8::/32,unix"]]:
        statuses, clients = served(flags, SPOOFS)
        check(set(statuses) == {200}, f"statuses {set(statuses)}")
        check(set(clients) == {"127.0.0.1"}, f"with {flags}: clients {set(clients)}")


@promise("SPOOFING", "what a client sends through a trusted proxy does not change the address that the proxy adds")
def through_a_proxy():
    for name, added in [("X-Forwarded-For", "192.0.2.1"), ("X-Forwarded-For", "192.0.2.1, 10.0.0.1"),
                        ("X-Forwarded-For", "[2001:db8::1]:80"), ("Forwarded", "for=192.0.2.1"),
                        ("Forwarded", 'for="[2001:db8::1]:80";host="a,\\";b"')]:
        requests = []
        for value in VALUES:
            sent = f"for={value}" if name == "Forwarded" else value
            requests.append(f"{name}: {sent}, {added}\r\n")
            requests.append(f"{name}: {sent}\r\n{name}: {added}\r\n")
            requests.append(f"{name}: {sent}\r\n{name}: {sent}\r\n{name}:\r\n{name}: {added}\r\n")
            if name == "X-Forwarded-For":  # it wins
                requests.append(f"{name}: {added}\r\nForwarded: for={value}\r\n")
        _, clients = served(["--trusted-proxies", "127.0.0.1,10.0.0.0/8"], requests)
        expected = "2001:db8::1" if "2001" in added else "192.0.2.1"
        check(set(clients) == {expected}, f"{name}: {added}: clients {set(clients)}")


@promise("SPOOFING", "a head that its proxy could not finish names nobody, cut at every byte")
def cut_heads():
    head = f"GET /cut HTTP/1.1\r\nHost: a\r\nX-Forwarded-For: {VICTIM}\r\nForwarded: for={VICTIM}\r\n"
    log = new_folder() + "/log"
    flags = ["--trusted-proxies", "127.0.0.1", "--head-timeout", "0.3", "--file-log", log]
    with Server(make_site(), *flags, log="info") as server, contextlib.ExitStack() as stack:
        clients = [stack.enter_context(Client(server)) for _ in range(18, len(head))]
        for length, client in enumerate(clients, 18):
            client.send(head[:length].encode())
        for client in clients:
            check(client.response().status == 408, "a head without end is answered")
        eventually("all lines", lambda: read(log).count(" 408 ") == len(clients))
        found = {line.split()[0] for line in read(log).splitlines() if " 408 " in line}
        check(found == {"127.0.0.1"}, f"clients {found}")


def fields(pairs):
    """A list of fields as HPACK has them without its tables (RFC 7541 section 6.2.2); no text has 127 bytes or more."""
    text = lambda part: bytes([len(part)]) + part.encode()
    return b"".join(b"\0" + text(name) + text(value) for name, value in pairs)


def ask_by_http2(server, path, pairs):
    """One request on a connection of its own, up to the head of its response."""
    block = fields([(":method", "GET"), (":scheme", "http"), (":path", path), (":authority", "a"), *pairs])
    frame = lambda kind, flags, stream, content: struct.pack("!I", len(content))[1:] + struct.pack(
        "!BBI", kind, flags, stream) + content
    with Client(server) as client:
        client.send(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + frame(4, 0, 0, b"") + frame(1, 5, 1, block))
        while True:
            head = client.input.read(9)
            check(len(head) == 9, "the connection ends without a response")
            client.input.read(int.from_bytes(head[:3], "big"))
            if head[3] == 1:
                return


@promise("SPOOFING", "by HTTP/2 it is the same: what a proxy adds counts, others and heads that are not whole name nobody")
def by_http2():
    sent = [("x-forwarded-for", VICTIM)]
    added = [("x-forwarded-for", "192.0.2.1")]
    too_many = [("x-filler", "x")] * 150
    for trusted, pairs, expected in [("127.0.0.1", sent + added, "192.0.2.1"),
                                     ("127.0.0.1", [("forwarded", f'for="{VICTIM}'), ("forwarded", "for=192.0.2.1")], "192.0.2.1"),
                                     ("127.0.0.1", sent + too_many + added, "127.0.0.1"),
                                     ("127.0.0.2", sent + added, "127.0.0.1"),
                                     ("127.0.0.2", sent + too_many, "127.0.0.1")]:
        log = new_folder() + "/log"
        with Server(make_site(), "--trusted-proxies", trusted, "--file-log", log, log="info") as server:
            ask_by_http2(server, "/small.txt", pairs)
            clients = clients_in(log, 1)
            check(clients == [expected], f"{trusted} is trusted, {pairs[:2]}: {clients}")


@promise("SPOOFING", "no field makes room under --max-connections-per-ip for a client that is not trusted")
def in_the_limits():
    flags = ["--max-connections-per-ip", "2", "--trusted-proxies", "127.0.0.2"]
    with Server(make_site(), *flags) as server, Client(server) as first, Client(server) as second:
        check(first.get().status == second.get().status == 200, "no 200 below the limit")
        for number, lines in enumerate(SPOOFS[::7] + [f"X-Forwarded-For: 192.0.2.{n}\r\n" for n in range(256)]):
            with Client(server) as client:
                client.send(f"GET /small.txt HTTP/1.1\r\nHost: a\r\n{lines}\r\n".encode())
                check(client.response().status == 503, f"number {number} is let in: {lines[:80]}")
        check(server.get(source="127.0.0.3").body == SMALL, "another address is not served")


@promise("SPOOFING", "no field lets a client in that --allow does not name, and 403 is all that it sees")
def in_allow():
    for flags in [["--allow", f"{VICTIM},10.0.0.0/8,2001:db8::/32,unix"],
                  ["--allow", f"{VICTIM},10.0.0.0/8,2001:db8::/32,unix", "--trusted-proxies", "127.0.0.2"]]:
        statuses, clients = served(flags, SPOOFS)
        check(set(statuses) == {403}, f"statuses {set(statuses)}")
        check(set(clients) == {"127.0.0.1"}, f"clients {set(clients)}")


def version_2(family, addresses, command=0x21, values=b""):
    rest = addresses + values
    return b"\r\n\r\n\0\r\nQUIT\n" + struct.pack("!BBH", command, family, len(rest)) + rest


IPV4 = socket.inet_aton(VICTIM) * 2 + struct.pack("!HH", 1, 2)
HEADERS = [f"PROXY TCP4 {VICTIM} {VICTIM} 1 2\r\n".encode(), b"PROXY TCP6 2001:db8::9 ::1 1 2\r\n", b"PROXY UNKNOWN\r\n",
           version_2(0x11, IPV4), version_2(0x11, IPV4, values=b"\4\0\1x"), version_2(0x11, IPV4, command=0x20),
           version_2(0, b"")]


def is_closed_unanswered(client, data):
    try:
        client.send(data)
    except (BrokenPipeError, ConnectionResetError):
        return True
    return client.await_end() == b""


@promise("SPOOFING", "with --proxy-protocol no header of an address that is not trusted is read: it is closed unanswered")
def headers_of_others():
    with Server(make_site(), "--proxy-protocol", "--trusted-proxies", "127.0.0.2") as server:
        for header in HEADERS:
            with Client(server) as client:
                check(is_closed_unanswered(client, header + b"GET / HTTP/1.1\r\nHost: a\r\n\r\n"), f"{header[:40]}")
        with Client(server, source="127.0.0.2") as client:
            client.send(HEADERS[0])
            check(client.get().body == SMALL, "the trusted one is not served")


@promise("SPOOFING", "a second PROXY header, and fields after a header of a client, change nothing")
def after_a_header():
    header = b"PROXY TCP4 192.0.2.1 127.0.0.1 1 2\r\n"
    flags = ["--proxy-protocol", "--trusted-proxies", "127.0.0.1,10.0.0.0/8"]
    for front in [header, version_2(0x11, socket.inet_aton("192.0.2.1") * 2 + b"\0\1\0\2", values=b"\x20\0\0")]:
        statuses, clients = served(flags, SPOOFS[::3], in_front=front)
        check(set(statuses) == {200} and set(clients) == {"192.0.2.1"}, f"{set(statuses)}, {set(clients)}")
    with Server(make_site(), *flags) as server:
        for second in HEADERS:
            with Client(server) as client:
                client.send(header + second + b"GET /small.txt HTTP/1.1\r\nHost: a\r\n\r\n")
                with contextlib.suppress(Closed):
                    check(client.response().status == 400, f"a second header is taken: {second[:40]}")
        with Client(server) as client:
            client.send(header)
            check(client.get().body == SMALL, "the next client is not served")
