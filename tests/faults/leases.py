"""Files that somebody else holds a lease on (fcntl(2), F_SETLEASE), as Samba and NFS servers do: opening them would
wait until the lease is given back, or for as long as /proc/sys/fs/lease-break-time says."""

import contextlib
import fcntl
import gzip
import os
import signal
import time

from harness import Broken, Client, Missing, SMALL, Server, check, eventually, make_site
from promise import promise


@contextlib.contextmanager
def lease(path):
    """Holds a write lease and is deaf to the signal that asks for it back."""
    signal.signal(signal.SIGIO, signal.SIG_IGN)
    descriptor = os.open(path, os.O_RDWR)
    try:
        fcntl.fcntl(descriptor, fcntl.F_SETLEASE, fcntl.F_WRLCK)
    except OSError as error:
        os.close(descriptor)
        raise Missing(f"a lease: {error.strerror}")
    try:
        yield
    finally:
        os.close(descriptor)


def timed(client, path, extra=""):
    """The response, and how long it took."""
    client.socket.settimeout(3)
    began = time.monotonic()
    client.ask(path, extra)
    return client.response(), time.monotonic() - began


@promise("LEASES", "a lease on a.js.gz: GET /a.js is answered at once with the plain file, and nothing spins")
def leased_sidecar():
    plain = b"plain" * 200
    coded = gzip.compress(plain)
    for extra in ("", "Accept-Encoding: gzip\r\n"):
        root = make_site(**{"a.js": plain, "a.js.gz": coded})
        with Server(root) as server:
            with lease(f"{root}/a.js.gz"), Client(server) as client:
                before = server.cpu_seconds()
                try:
                    response, took = timed(client, "/a.js", extra)
                except Broken as error:
                    raise Broken(f"{error}, and {server.cpu_seconds() - before:.1f} s of processor time in 3 s")
                check((response.status, response.body) == (200, plain), f"a {response.status}")
                check(took < 0.5, f"it takes {took:.1f} s")
                time.sleep(1)
                used = server.cpu_seconds() - before
                check(used < 0.1, f"{used:.2f} s of processor time")
            def is_coded():
                with Client(server) as client:
                    client.ask("/a.js", "Accept-Encoding: gzip\r\n")
                    return client.response().body == coded
            eventually("the coded file is sent again once the lease is given back", is_coded, 3)


@promise("LEASES", "a lease on the file itself: 503 at once, and 200 when it is given back")
def leased_file():
    root = make_site(**{"leased.txt": SMALL})
    with Server(root) as server, Client(server) as client:
        with lease(f"{root}/leased.txt"):
            for _ in range(2):
                response, took = timed(client, "/leased.txt")
                check(response.status == 503 and took < 0.5, f"a {response.status} after {took:.1f} s")
        check(client.get("/leased.txt").body == SMALL, "no 200 when it is given back")


@promise("LEASES", "a lease on a file that is kept in memory: 200 or 503 at once, and others are served")
def leased_and_cached():
    root = make_site(**{"leased.txt": SMALL})
    with Server(root) as server, Client(server) as client, Client(server) as other:
        check(client.get("/leased.txt").body == SMALL, "no 200 before")
        with lease(f"{root}/leased.txt"):
            for _ in range(3):
                response, took = timed(client, "/leased.txt")
                check(response.status in (200, 503) and took < 0.5, f"a {response.status} after {took:.1f} s")
                check(other.get().body == SMALL, "a wrong body for the other")
