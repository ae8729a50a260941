"""Clients that do not talk HTTP, or talk it wrong."""

import contextlib
import itertools
import re
import socket

from harness import Client, Crowd, KIB, MIB, PATIENCE, Server, check, eventually, make_site
from promise import promise


def chunks():
    """A chunked body without end."""
    yield b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n"
    while True:
        yield b"1000\r\n" + b"x" * 4096 + b"\r\n"


HEAD = b"GET /small.txt HTTP/1.1\r\nHost: a\r\n"
GARBAGE = {
    "a TLS ClientHello": bytes.fromhex("16030100c8010000c40303") + bytes(range(190)),
    "the HTTP/2 preface": b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + bytes.fromhex("000000040000000000"),
    "random bytes": bytes((number * 7919 + 13) % 251 for number in range(40_000)),
    "high bytes": b"\xff\xfe" * 500 + b"\r\n\r\n",
    "NULs": b"\0" * 4096,
    "a NUL in the target": b"GET /\0 HTTP/1.1\r\nHost: a\r\n\r\n",
    "a megabyte without a line": b"x" * MIB,
    "a request line of a megabyte": b"GET /" + b"a" * MIB + b" HTTP/1.1\r\nHost: a\r\n\r\n",
    "a field of a megabyte": HEAD + b"X: " + b"y" * MIB + b"\r\n\r\n",
    "10,000 fields": HEAD + b"X: y\r\n" * 10_000 + b"\r\n",
    "empty lines": b"\r\n" * 100_000,
    "line feeds": b"\n" * 100_000,
    "a length below nothing": HEAD + b"Content-Length: -1\r\n\r\n",
    "a length beyond 64 bits": HEAD + b"Content-Length: 99999999999999999999\r\n\r\n",
    "a length of 18 EB and no body": HEAD + b"Content-Length: 18446744073709551615\r\n\r\n",
    "two lengths": HEAD + b"Content-Length: 1\r\nContent-Length: 2\r\n\r\n",
    "a length and chunks": HEAD + b"Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    "a chunk beyond 64 bits": HEAD + b"Transfer-Encoding: chunked\r\n\r\nfffffffffffffffff\r\n",
    "a chunk that is none": HEAD + b"Transfer-Encoding: chunked\r\n\r\nzz\r\n",
    "half a head": HEAD,
    "a way out": b"GET /../../../../etc/passwd HTTP/1.1\r\nHost: a\r\n\r\n" * 10,
    "a body without end": chunks,
}


def poke(server, garbage, half_close):
    """Sends garbage and waits for the end of the connection; what came back."""
    with Client(server) as client:
        with contextlib.suppress(BrokenPipeError, ConnectionResetError):
            for piece in garbage() if callable(garbage) else [garbage]:
                client.send(piece)
            if half_close:
                client.socket.shutdown(socket.SHUT_WR)
        return client.await_end()


@promise("GARBAGE", f"{len(GARBAGE)} kinds of garbage: an error or a close for each, in time, and service for the next")
def garbage():
    flags = ["--head-timeout", "1", "--stall-timeout", "1", "--idle-timeout", "1"]
    with Server(make_site(), *flags) as server:
        def send(number, _):
            name, payload = list(GARBAGE.items())[number]
            replies = re.findall(rb"HTTP/1\.1 (\d{3}) ", poke(server, payload, False))
            # A head may be right where its body is not, and is then answered before the body comes.
            may_be_right = "chunk" in name or name == "a length of 18 EB and no body"
            is_refused = all(reply[:1] in b"45" for reply in replies)
            check(is_refused or may_be_right and len(replies) == 1, f"{name} is answered with {replies}")
        with Crowd(len(GARBAGE), send) as crowd:
            for thread in crowd.threads:
                thread.join(2 * PATIENCE)
        server.check_serves()


@promise("GARBAGE", "2,000 connections of garbage leave the memory as it was (within 1 MiB)")
def garbage_for_long():
    kinds = [payload for payload in GARBAGE.values() if not callable(payload)]
    with Server(make_site()) as server:
        def rounds(count):
            def work(number, _):
                for payload in itertools.islice(itertools.cycle(kinds), number, count // 4 + number):
                    poke(server, payload, True)
            with Crowd(4, work) as crowd:
                for thread in crowd.threads:
                    thread.join(30)
            eventually("all connections are closed", lambda: server.connections() == 0)
            server.check_serves()
            return server.resident()
        first, last = rounds(400), rounds(2000)
        check(last - first < MIB, f"{(last - first) // KIB} KiB more after 2,000")
