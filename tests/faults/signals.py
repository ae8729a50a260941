"""Signals under load."""

import collections
import contextlib
import os
import signal
import socket
import time

from access_log import access_lines
from harness import (
    Client, Closed, Crowd, REQUEST, SMALL, Server, check, eventually, make_site, new_folder, read)
from promise import promise


def stop_under_load(workers):
    """SIGTERM while clients ask. Who asked before it, and who got the first byte, gets the whole response."""
    with Server(make_site(), "-w", workers, "--grace", "5", "--backlog", "512") as server:
        stopped = [float("inf")]  # when, a moment before the signal
        served = [0]

        def ask_again(over):
            client = Client(server)
            while not over.is_set() and ask_once(client):
                pass

        def ask_anew(over):
            while not over.is_set():
                try:
                    client = Client(server)
                except (ConnectionRefusedError, ConnectionResetError):
                    return check(time.monotonic() >= stopped[0], "refused before the signal")
                with client:
                    ask_once(client)

        def ask_once(client):
            """Returns true if the connection stays open."""
            try:
                client.ask()
                sent = time.monotonic()
            except OSError as error:
                return check(time.monotonic() >= stopped[0], f"before the signal: {error}")
            try:
                response = client.response()
            except Closed as error:
                check(not error.begun, f"torn: {error}")
                return check(sent >= stopped[0], f"sent {(stopped[0] - sent) * 1e6:.0f} µs before the signal: {error}")
            check(response.body == SMALL, "a wrong response")
            served[0] += 1
            return response.fields.get("connection") != "close"

        download = Client(server, receive_buffer=4096)
        download.ask("/large.bin")
        length = int(download.head()[1]["content-length"])
        with Crowd(8, lambda number, over: (ask_anew if number < 2 else ask_again)(over)):
            eventually("the load is there", lambda: served[0] > 300)
            stopped[0] = time.monotonic()
            server.signal(signal.SIGTERM)
            body = download.input.read(length)
            check(len(body) == length, f"the download in flight gets {len(body)} bytes of {length}")
            download.close()
            check(server.await_exit() == 0, "its exit status is not 0")


@promise("SIGNALS", "SIGTERM under load, one worker: what was sent before it is answered, downloads are finished")
def stop_one():
    for _ in range(5):
        stop_under_load("1")


@promise("SIGNALS", "SIGTERM under load, four workers: the same")
def stop_four():
    for _ in range(5):
        stop_under_load("4")


@promise("SIGNALS", "a request that is on its way when SIGTERM comes is answered: 100 ms later on an idle connection")
def stop_and_late():
    with Server(make_site()) as server, Client(server) as client:
        client.get()
        server.signal(signal.SIGTERM)
        time.sleep(0.1)
        response = client.get()
        check((response.status, response.fields.get("connection")) == (200, "close"), f"{response}")
        check(server.await_exit(3) == 0, "its exit status is not 0")


@promise("SIGNALS", "50 times SIGHUP under load, four workers: a line for each request in all logs together, none torn")
def rotate():
    log, served = f"{new_folder()}/log", collections.Counter()
    with Server(make_site(), "-w", "4", "--file-log", log, log="info") as server:
        def ask(number, over):
            with Client(server) as client:
                while not over.is_set():
                    client.send(REQUEST * 3)
                    for _ in range(3):
                        check(client.response().status == 200, "no 200")
                        served[number] += 1
        with Crowd(6, ask):
            for number in range(50):
                os.rename(log, f"{log}.{number}")
                server.signal(signal.SIGHUP)
                eventually("a new log", lambda: os.path.exists(log))
                before = sum(served.values())
                eventually("more requests", lambda: sum(served.values()) > before + 20)
        server.signal(signal.SIGTERM)
        server.await_exit()
    lines = 0
    for path in [log] + [f"{log}.{number}" for number in range(50)]:
        lines += access_lines(read(path))
    check(lines == sum(served.values()), f"{lines} lines of {sum(served.values())} requests")


def stop_twice(workers):
    """Ten times, for the download is now with one worker, now with another."""
    for number in range(10):
        with stalled_download("-w", workers, "--grace", "60") as server:
            server.signal(signal.SIGTERM)
            eventually("the server takes no more connections", lambda: not accepts(server))
            server.signal(signal.SIGTERM)
            status = server.await_exit(2)
            check(status == 1, f"try {number}: its exit status is {status}")


@contextlib.contextmanager
def stalled_download(*flags, **options):
    with Server(make_site(), *flags, **options) as server, Client(server, receive_buffer=4096) as client:
        client.ask("/large.bin")
        client.head()
        yield server


def accepts(server):
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", server.port)) == 0


@promise("SIGNALS", "a second SIGTERM ends a server with a stalled download at once, with status 1: one worker, ten times")
def stop_one_twice():
    stop_twice("1")


@promise("SIGNALS", "the same with two workers")
def stop_two_twice():
    stop_twice("2")


@promise("SIGNALS", "the same with four workers")
def stop_four_twice():
    stop_twice("4")


@promise("SIGNALS", "SIGHUP reopens the log also while the server is stopping, one, two and four workers")
def rotate_while_stopping():
    for workers in ("1", "2", "4"):
        for number in range(5):
            log = f"{new_folder()}/log"
            with stalled_download("-w", workers, "--grace", "60", "--file-log", log, log="info") as server:
                server.signal(signal.SIGTERM)
                eventually("the server takes no more connections", lambda: not accepts(server))
                time.sleep(0.3)  # workers that have no connection end
                os.rename(log, f"{log}.1")
                server.signal(signal.SIGHUP)
                eventually(f"-w {workers}, try {number}: a new log", lambda: os.path.exists(log), 2)
                server.may_end = True
                server.process.kill()
