"""System calls that fail, one after another: a table of calls, errors and how the request ends."""

import contextlib
import gzip
import signal
import time

from harness import (
    Broken, Client, Closed, KIB, MIB, Missing, REQUEST, SMALL, Server, check, eventually, make_cold, make_site, new_folder, put)
from access_log import OUTAGE
from promise import promise
from strace import Strace


RETRY, CLOSE, CUT = "as if nothing had happened", "closed", "broken off"

# A call (and which one of them, if not the first), what is asked for, and how it ends for each error: with the
# answer that it would have had, with a connection closed before or within the response, or with a status.
INJECTED = [
    ("accept4", "small", {"EINTR": RETRY, "EAGAIN": RETRY, "ECONNABORTED": RETRY, "EPROTO": RETRY, "EPERM": RETRY,
                          "EMFILE": RETRY, "ENFILE": RETRY, "ENOBUFS": RETRY, "ENOMEM": RETRY}),
    ("epoll_pwait", "small", {"EINTR": RETRY}),
    ("epoll_ctl", "small", {"ENOMEM": RETRY, "ENOSPC": RETRY}),  # sent already; not watched: closed after it
    ("epoll_ctl", "large", {"ENOMEM": CUT, "ENOSPC": CUT}),
    ("recvfrom", "small", {"EINTR": RETRY, "EAGAIN": RETRY, "ECONNRESET": CLOSE, "ETIMEDOUT": CLOSE, "ENOMEM": CLOSE}),
    ("sendto", "small", {"EINTR": RETRY, "EAGAIN": RETRY, "EPIPE": CLOSE, "ECONNRESET": CLOSE, "ENOMEM": CLOSE}),
    ("sendmsg", "medium", {"EINTR": RETRY, "EAGAIN": RETRY, "EPIPE": CLOSE, "ECONNRESET": CLOSE, "ENOBUFS": CLOSE}),
    ("sendfile", "large", {"EINTR": RETRY, "EAGAIN": RETRY, "EPIPE": CUT, "ECONNRESET": CUT, "EIO": CUT,
                           "ENOMEM": CUT}),
    ("ioctl", "slow", {"EINVAL": RETRY}),
    ("shutdown", "bad", {"ENOTCONN": 400}),
    ("openat2:1+", "small", {"ENOSYS": RETRY, "EPERM": RETRY}),  # an old kernel, a container's profile
    ("openat2", "small", {"EINTR": RETRY, "EAGAIN": RETRY, "EMFILE": 503, "ENFILE": 503, "ENOMEM": 503,
                          "EIO": 500, "EACCES": 403, "EPERM": 403, "ENOENT": 404, "ELOOP": 404,
                          "EXDEV": RETRY}),  # as an absolute symlink makes it fail: the path is looked at again
    ("openat", "small", {"EINTR": RETRY, "EMFILE": 503, "ENFILE": 503, "ENOMEM": 503, "EIO": 500, "EACCES": 403}),
    ("newfstatat", "small", {"EINTR": RETRY, "EIO": 500, "ENOMEM": 503, "EACCES": 403}),  # by name
    ("newfstatat:2", "small", {"EIO": RETRY, "ENOMEM": RETRY}),  # the folder, for coded files that may come
    ("newfstatat:3", "small", {"EIO": 500, "ENOMEM": 503}),  # the file that was opened
    ("pread64", "small", {"EINTR": RETRY, "EIO": 500, "ENOMEM": 503}),
    ("preadv2", "range", {"EAGAIN": RETRY, "EOPNOTSUPP": RETRY, "EIO": RETRY}),
    ("cachestat", "large", {"ENOSYS": RETRY, "EPERM": RETRY}),
    ("readahead", "cold", {"EINVAL": RETRY, "EIO": RETRY}),
    ("pread64", "cold", {"EIO": RETRY, "EINTR": RETRY}),  # the disk's thread; sending finds out for itself
    ("clone3:1+", "cold", {"EAGAIN": RETRY}),  # no thread for the disk: the worker waits for it
    ("write", "small", {"ENOSPC": RETRY, "EIO": RETRY, "EAGAIN": RETRY, "EINTR": RETRY, "EPIPE": RETRY}),
    ("recvmsg", "hangup", {"EINTR": RETRY, "EIO": RETRY}),
    ("read", "hangup", {"EINTR": RETRY, "EAGAIN": RETRY}),
]
MEDIUM = b"medium\n" * 2000


def ask_for(server, what):
    """Asks in the way that makes the call; how it ends."""
    path = {"medium": "/medium.txt", "large": "/large.bin", "slow": "/large.bin", "cold": "/cold.bin",
            "range": "/large.bin"}.get(what, "/small.txt")
    with open(server.root + path, "rb") as file:
        expected = file.read()
    if what == "cold":
        make_cold(server.root + path)
    extra = ""
    if what == "range":
        extra, expected = "Range: bytes=100-199\r\n", expected[100:200]
    with Client(server, receive_buffer=4096 if what == "slow" else 256 * KIB) as client:
        try:
            if what == "bad":
                client.send(b"bad\r\n\r\n")
            else:
                client.ask(path, extra)
            if what == "slow":
                time.sleep(0.5)  # within the stall timeout: the server looks several times how much was taken
            response = client.response()
        except Closed as error:
            return CUT if error.begun else CLOSE
        except OSError:
            return CLOSE
        if response.status in (200, 206):
            check(response.body == expected, "a wrong body")
            return RETRY
        return response.status


def inject(call, what, error, expected):
    """Asks while a call fails; what is wrong with the ending, if anything is."""
    log = f"{new_folder()}/log"
    site = make_site(**{"medium.txt": MEDIUM, "cold.bin": b"c" * MIB})
    # Without rules, whose names are looked up first once a second.
    with Server(site, "--file-log", log, "--stall-timeout", "1", "--rules", "off", log="info") as server:
        # The log's alone: a thread for the disk writes, too, to wake a worker, and that cannot fail.
        with Strace(server, call, f"error={error}", log if call == "write" else None) as strace:
            if what == "hangup":
                server.signal(signal.SIGHUP)
            ending = ask_for(server, what)
            with contextlib.suppress(Broken):
                eventually("the call is made", strace.was_met, 1)
            if not strace.was_met() and what == "cold":
                raise Missing("no cold file can be had here")
            check(strace.was_met(), f"{error}: no such call is made")
        server.check_serves()
        if call == "write":
            expected_warnings = 0 if error == "EINTR" else 1
            check(server.count(OUTAGE) == expected_warnings, f"{error}: {server.count(OUTAGE)} warnings")
    return None if ending == expected else f"{error}: {ending}"


def promise_injected(call, what, endings):
    call_in_words = call.replace(":1+", " always").replace(":", " no. ")
    errors = {}
    for error, ending in endings.items():
        errors.setdefault(ending, []).append(error)
    table = ", ".join(f"{' '.join(names)}: {ending}" for ending, names in errors.items())
    @promise("INJECTED", f"{call_in_words} fails ({what}): {table}")
    def show():
        wrong = filter(None, [inject(call, what, error, ending) for error, ending in endings.items()])
        if words := "; ".join(wrong):
            raise Broken(words)


for row in INJECTED:
    promise_injected(*row)


@promise("INJECTED", "a pipeline whose second response breaks off: the log has the right bytes of the first")
def broken_pipeline():
    with Server(make_site(**{"large.bin": b"l" * MIB}), log="info") as server:
        with Strace(server, "sendfile", "error=EIO"), Client(server) as client:
            client.send(REQUEST + REQUEST.replace(b"small.txt", b"large.bin"))
            client.await_end()
        server.await_line(rf'"GET /small.txt HTTP/1.1" 200 {len(SMALL)} ')
        server.await_line(r'"GET /large.bin HTTP/1.1" 200 0 ')


@promise("INJECTED", "a look-up that fails for once (newfstatat: EIO) does not prolong a 404")
def failed_look_up():
    with Server(make_site(), "--rules", "off") as server, Client(server) as client:
        check(client.get("/later.txt").status == 404, "it is there already")
        put(f"{server.root}/later.txt", SMALL)
        with Strace(server, "newfstatat", "error=EIO") as strace:
            status = client.get("/later.txt").status
            check(strace.was_met() and status == 200, f"it is answered {status}")


@promise("INJECTED", "a look-up that fails for once does not make the server forget a coded file, whichever look-up it is")
def failed_look_ups():
    coded, losses = gzip.compress(SMALL), 0
    for number in range(1, 9):
        with Server(make_site(**{"small.txt.gz": coded})) as server, Client(server) as client:
            time.sleep(0.05)  # what is so young is read again in any case
            with Strace(server, f"newfstatat:{number}", "error=EIO") as strace:
                client.ask("/small.txt", "Accept-Encoding: gzip\r\n")
                losses += client.response().body != coded
                check(strace.was_met(), "no such call is made")
            client.ask("/small.txt", "Accept-Encoding: gzip\r\n")
            check(client.response().body == coded, f"call no. {number} has lost it")
    check(losses > 0, "no call that fails matters")
