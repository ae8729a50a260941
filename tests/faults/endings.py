"""The end of a connection (RFC 9112 section 9.6): a client that sends more than is read gets its whole answer all the
same, and then an orderly end. A reset would destroy what is still on its way."""

import contextlib
import os
import re
import signal
import time

from harness import Broken, Client, KIB, MIB, REQUEST, Server, check, eventually, make_site
from promise import promise
from strace import Strace

CONTENT = os.urandom(3 * MIB)
CLOSE = b"GET /3m.bin HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n"


def read_slowly_to_the_end(client):
    """Reads until the connection ends; returns the bytes and the kind of end."""
    received = bytearray()
    try:
        while piece := client.socket.recv(64 * KIB):
            received += piece
            time.sleep(0.01)
        return bytes(received), "an end"
    except ConnectionResetError:
        return bytes(received), "a reset"
    except TimeoutError:
        return bytes(received), "no end"


def check_whole(client, content, status=200, answers=1):
    """Reads slowly: the last answer has this body and this status, and after it comes an orderly end."""
    received, how = read_slowly_to_the_end(client)
    heads = re.findall(rb"HTTP/1\.1 (\d{3}) ", received)
    check(how == "an end" and received.endswith(content), f"{len(received)} bytes come and then {how}")
    check(heads[-1:] == [b"%d" % status] and len(heads) == answers, f"it is answered {heads}")


def send_all(client, data):
    """As far as the server lets it be sent: the reader finds out."""
    with contextlib.suppress(BrokenPipeError, ConnectionResetError):
        client.send(data)


def send_later(client, data=b"xx"):
    time.sleep(0.3)
    send_all(client, data)


def ask_and_send_more(request, answers=1):
    with Server(make_site(**{"3m.bin": CONTENT})) as server:
        with Client(server, receive_buffer=64 * KIB) as client:
            client.send(request)
            send_later(client)
            check_whole(client, CONTENT, answers=answers)
        eventually("the connection is closed", lambda: server.connections() == 0)
        server.check_serves()


@promise("ENDINGS", "Connection: close, and two more bytes while 3 MiB are read slowly: all of them, and an orderly end")
def close_and_more():
    ask_and_send_more(CLOSE)


@promise("ENDINGS", "HTTP/1.0: the same")
def old_version_and_more():
    ask_and_send_more(b"GET /3m.bin HTTP/1.0\r\n\r\n")


@promise("ENDINGS", "a pipelined request after the one that closes: the same")
def close_and_pipelined():
    ask_and_send_more(CLOSE + CLOSE)


@promise("ENDINGS", "a pipelined request before the one that closes: the same")
def pipelined_and_close():
    ask_and_send_more(CLOSE.replace(b"Connection: close\r\n", b"") + CLOSE, answers=2)


@promise("ENDINGS", "HEAD and garbage: the head, the refusal, and an orderly end")
def head_and_garbage():
    with Server(make_site()) as server:
        for garbage in (b"\0" * 100, b"garbage\r\n\r\n" * 20_000):
            with Client(server) as client:
                client.send(b"HEAD /small.txt HTTP/1.1\r\nHost: a\r\n\r\n" + garbage + b"\r\n\r\n")
                send_later(client)
                check_whole(client, b"", 400, answers=2)


@promise("ENDINGS", "a refusal (400, 414, 431) while the client goes on sending: whole, and an orderly end")
def refused_and_more():
    long = b"x" * 100 * KIB
    with Server(make_site()) as server:
        for status, request in [(400, b"GET / HTTP/1.1\r\nHost : a\r\n\r\n" + long), (414, b"GET /" + long),
                                (431, b"GET / HTTP/1.1\r\nHost: a\r\nX: " + long)]:
            with Client(server) as client:
                send_all(client, request)
                send_later(client)
                check_whole(client, b"</html>\n", status)


@promise("ENDINGS", "at --max-connections a POST with a body of 100 KiB gets a whole 503, and an orderly end")
def turned_away_while_posting():
    for size in (100 * KIB, 700 * KIB):
        with Server(make_site(), "--max-connections", "1") as server, Client(server, receive_buffer=4096) as busy:
            busy.ask("/large.bin")
            busy.head()
            for _ in range(5):
                with Client(server) as client:
                    client.send(b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: %d\r\n\r\n" % size)
                    for _ in range(10):
                        try:
                            client.send(b"x" * (size // 10))
                        except (BrokenPipeError, ConnectionResetError):
                            raise Broken("a reset while the body is sent")
                        time.sleep(0.02)
                    check_whole(client, b"</html>\n", 503)


@promise("ENDINGS", "told to stop while 3 MiB are read slowly, and the client sends more: all of them, and an orderly end")
def stopped_and_more():
    for more in (b"xx", CLOSE):
        with Server(make_site(**{"3m.bin": CONTENT})) as server, Client(server, receive_buffer=64 * KIB) as client:
            client.send(CLOSE.replace(b"Connection: close\r\n", b""))
            received = client.socket.recv(1)
            server.signal(signal.SIGTERM)
            send_later(client, more)
            rest, how = read_slowly_to_the_end(client)
            whole = received + rest
            check(how == "an end" and CONTENT in whole, f"{len(whole)} bytes come and then {how}")
            check(server.await_exit() == 0, "its exit status is not 0")


@promise("ENDINGS", "an idle connection that asks while it is closed to make room: an answer or an orderly end, no reset")
def asked_while_making_room():
    with Server(make_site(), "--max-connections", "1") as server, Strace(server, "shutdown,close:1+", "delay_enter=50000"):
        for _ in range(5):
            with Client(server) as idle, Client(server) as newcomer:
                check(idle.get().status == 200, "no 200 where there is room")
                newcomer.ask()
                time.sleep(0.02)  # within the call that shuts or closes the idle one
                send_all(idle, REQUEST)
                try:
                    idle.socket.recv(64 * KIB)
                except ConnectionResetError:
                    raise Broken("a reset")
                check(newcomer.response().status in (200, 503), "the newcomer is not answered")
            eventually("both are gone", lambda: server.connections() == 0)
