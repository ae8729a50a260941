"""Logs that fail, stall or move: serving goes on."""

import contextlib
import os
import re
import resource
import shutil
import signal
import socket
import time

from access_log import LINE, OUTAGE, access_lines, serve_many
from harness import (
    Broken, Client, MIB, Missing, PATIENCE, REQUEST, Server, check, eventually, make_site, new_folder, read)
from promise import promise
from slow_disk import SlowDisk, Unavailable


@promise("LOG", "a log on a full disk: serving goes on, with one warning")
def full_log():
    with Server(make_site(), "--file-log", "/dev/full", log="info") as server:
        serve_many(server)
        server.await_line(OUTAGE)
        serve_many(server)
        check(server.count(OUTAGE) == 1, f"{server.count(OUTAGE)} warnings")


@promise("LOG", "a log whose reader goes away: one warning each time, and lines again when it is back")
def log_without_reader():
    path = f"{new_folder()}/log"
    os.mkfifo(path)
    def reader():
        return os.open(path, os.O_RDONLY | os.O_NONBLOCK)
    descriptor = reader()
    with Server(make_site(), "--file-log", path, log="info") as server:
        for outage in (1, 2):
            serve_many(server)
            eventually("lines", lambda: access_lines(drain(descriptor)))
            os.close(descriptor)
            serve_many(server)
            eventually("a warning", lambda: server.count(OUTAGE) == outage)
            descriptor = reader()
            serve_many(server)
            eventually("lines again", lambda: access_lines(drain(descriptor)))
        check(server.count(OUTAGE) == 2, f"{server.count(OUTAGE)} warnings for two outages")
    os.close(descriptor)


@promise("LOG", "a log whose reader sleeps: serving goes on, one warning, and no line runs into another later")
def log_with_sleeping_reader():
    path = f"{new_folder()}/log"
    os.mkfifo(path)
    descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
    with Server(make_site(), "--file-log", path, log="info") as server, Client(server) as client:
        # More than the pipe and the server's queue (4 MiB) take.
        request = REQUEST.replace(b" HTTP", b"?" + b"q" * 2000 + b" HTTP")
        for _ in range(100):
            client.send(request * 30)
            for _ in range(30):
                check(client.response().status == 200, "no 200 while the log is full")
        server.await_line(OUTAGE)
        check(server.count(OUTAGE) == 1, f"{server.count(OUTAGE)} warnings")
        text, end = "", time.monotonic() + PATIENCE
        while not (lost := re.search("lines of the log that were lost: (\\d+)\n", text)) and time.monotonic() < end:
            text += drain(descriptor)
        check(lost, "no word of the lines that were lost")
        check(access_lines(text) + int(lost.group(1)) == 3000, "the lost lines are miscounted")
        serve_many(server)
        while text.count('/small.txt HTTP') < 50 and time.monotonic() < end:
            text += drain(descriptor)
        check(access_lines(text) == 3050 - int(lost.group(1)), "no lines when the reader is awake again")
    os.close(descriptor)


def drain(descriptor):
    """Reads all that lies in a FIFO now."""
    text = b""
    with contextlib.suppress(BlockingIOError):
        while piece := os.read(descriptor, MIB):
            text += piece
    return text.decode()


@promise("LOG", "a log folder that is removed and made again: lines again after SIGHUP, in the sandbox too")
def log_folder_made_again():
    folder = f"{new_folder()}/logs"
    os.mkdir(folder)
    with Server(make_site(), "--file-log", f"{folder}/log", log="info") as server:
        serve_many(server)
        shutil.rmtree(folder)
        serve_many(server)
        server.signal(signal.SIGHUP)
        server.await_line("cannot be reopened")
        serve_many(server)
        os.mkdir(folder)
        server.signal(signal.SIGHUP)
        eventually("the log is there again", lambda: os.path.exists(f"{folder}/log"))
        serve_many(server)
        eventually("lines again", lambda: access_lines(read(f"{folder}/log")) >= 50)
        check(server.count("cannot be reopened") == 1, "more than one warning")


def keeper_of(server):
    """The process that opens the log again for a server that may not: its only child."""
    with open(f"/proc/{server.pid}/task/{server.pid}/children") as file:
        children = file.read().split()
    if not children:
        raise Missing("a keeper of the log")
    return int(children[0])


@promise("LOG", "the keeper of the log is killed: SIGHUP says so, serving and the old log go on")
def keeper_killed():
    log = f"{new_folder()}/log"
    with Server(make_site(), "--file-log", log, log="info") as server:
        os.kill(keeper_of(server), signal.SIGKILL)
        for _ in range(2):
            server.signal(signal.SIGHUP)
        eventually("a warning", lambda: server.count("cannot be reopened"))
        serve_many(server)
        eventually("all lines are there", lambda: access_lines(read(log)) == 50)


@promise("LOG", "the log's folder hangs when SIGHUP comes: serving goes on, and the log is reopened when it can be")
def keeper_hangs():
    log = f"{new_folder()}/log"
    with Server(make_site(), "--file-log", log, log="info") as server:
        # A file system that hangs holds up who opens the file: here that process is stopped itself.
        keeper = keeper_of(server)
        os.kill(keeper, signal.SIGSTOP)
        try:
            os.rename(log, f"{log}.1")
            server.signal(signal.SIGHUP)
            for _ in range(3):
                serve_many(server)
        finally:
            os.kill(keeper, signal.SIGCONT)
        def is_reopened():
            server.signal(signal.SIGHUP)
            return os.path.exists(log)
        eventually("the log is there again", is_reopened)
        server.check_serves()


def serve_while_nobody_reads(stderr, **options):
    """5,000 requests that are logged to what is full after some of them, and a stop."""
    with Server(make_site(), log="info", stderr=stderr, **options) as server:
        ask_many(server)
        server.signal(signal.SIGTERM)
        status = server.await_exit(2)
        check(status == 0, f"its exit status is {status}")


def ask_many(server, count=5000, request=REQUEST, batch=50):
    with Client(server) as client:
        for number in range(0, count, batch):
            client.send(request * batch)
            for _ in range(batch):
                try:
                    check(client.response().status == 200, "no 200")
                except Broken as error:
                    raise Broken(f"after {number} requests: {error}")


@contextlib.contextmanager
def closing(*descriptors):
    try:
        yield descriptors
    finally:
        for descriptor in descriptors:
            os.close(descriptor)


@promise("LOG", "standard error is a socket that nobody reads: 5,000 requests are answered, and SIGTERM ends it in 2 s")
def stderr_is_a_socket():
    ours, theirs = socket.socketpair()
    with ours, theirs:
        serve_while_nobody_reads((ours.fileno(), theirs.fileno()))


@promise("LOG", "the same where standard error is a terminal")
def stderr_is_a_terminal():
    with closing(*os.openpty()) as pair:
        serve_while_nobody_reads(pair)


@promise("LOG", "the same where it is another user's pipe, which the server may not open again")
def stderr_is_a_pipe_of_another():
    if os.geteuid() != 0:
        raise Missing("root")
    with closing(*os.pipe()) as pair:
        serve_while_nobody_reads(pair, as_nobody=True)


@promise("LOG", "the same where it is a pipe of its own")
def stderr_is_a_pipe():
    with closing(*os.pipe()) as pair:
        serve_while_nobody_reads(pair)


@promise("LOG", "the log is a file on a disk that hangs: 5,000 requests are answered, and SIGTERM ends the server in 2 s")
def log_on_a_disk_that_hangs():
    folder = new_folder()
    with contextlib.ExitStack() as stack:
        try:
            stack.enter_context(SlowDisk(folder, {"log": b""}, delay=60))
        except Unavailable as error:
            raise Missing(error)
        server = stack.enter_context(Server(make_site(), "--file-log", f"{folder}/log", log="info"))
        ask_many(server)
        server.signal(signal.SIGTERM)
        status = server.await_exit(2)
        check(status == 0, f"its exit status is {status}")


@promise("LOG", "--file-log - and --file-log /dev/stdout are standard output: a pipe, a socket, a file")
def log_on_standard_output():
    for name in ("-", "/dev/stdout"):
        for kind in ("pipe", "socket", "file"):
            with contextlib.ExitStack() as stack:
                if kind == "file":
                    path = f"{new_folder()}/log"
                    writer = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
                    reader = os.open(path, os.O_RDONLY)
                else:
                    ours, theirs = socket.socketpair()
                    reader, writer = os.pipe() if kind == "pipe" else (ours.detach(), theirs.detach())
                stack.enter_context(closing(reader, writer))
                try:
                    server = stack.enter_context(Server(make_site(), "--file-log", name, log="info", stdout=writer))
                except Broken as error:
                    raise Broken(f"{name}, a {kind}: {error}")
                serve_many(server)
                os.set_blocking(reader, False)
                text = []
                def has_come():
                    text.append(drain(reader))
                    return access_lines("".join(text)) >= 50
                eventually(f"{name}, a {kind}: the lines", has_come, 3)


LOST = re.compile(r"(\d+)[^\d]*\blost\b|\blost\b[^\d]*(\d+)")


def lost_lines(text):
    """Adds up the numbers of lost lines that a log reports. Its own lines begin with a date in brackets."""
    own = [re.sub(r"^\[[^]]*\] ", "", line) for line in text.splitlines() if not LINE.fullmatch(line)]
    return sum(int(number[1] or number[2]) for number in map(LOST.search, own) if number)


@promise("LOG", "when lines were lost and its reader goes on, the log or standard error says how many: none is left out")
def lost_lines_are_counted():
    path = f"{new_folder()}/log"
    os.mkfifo(path)
    with closing(os.open(path, os.O_RDONLY | os.O_NONBLOCK)) as (descriptor,):
        with Server(make_site(), "--file-log", path, log="info") as server:
            asked, text = 10_000, ""
            ask_many(server, asked, REQUEST.replace(b" HTTP", b"?" + b"q" * 900 + b" HTTP"))
            end = time.monotonic() + PATIENCE
            while time.monotonic() < end:
                serve_many(server, 10)
                asked += 10
                quiet = time.monotonic() + 0.3
                while time.monotonic() < quiet:
                    text += drain(descriptor)
                    time.sleep(0.01)
                there, lost = access_lines(text, cut_off=2), lost_lines(text) or lost_lines("\n".join(server.lines))
                if lost and abs(there + lost - asked) <= 1:  # one may be cut off
                    return
            raise Broken(f"of {asked} lines {there} are there and {lost} are said to be lost")


@promise("LOG", "SIGHUP without a descriptor left: the log says why it is not reopened, and it is when there are some again")
def reopened_without_descriptors():
    log = f"{new_folder()}/log"
    with Server(make_site(), "--file-log", log, log="info") as server:
        limits = resource.prlimit(server.pid, resource.RLIMIT_NOFILE, (3, resource.getrlimit(resource.RLIMIT_NOFILE)[1]))
        server.signal(signal.SIGHUP)
        server.await_line("cannot be reopened")
        check(not server.count("Success|os error 0"), f"it says {server.lines[-1]}")
        resource.prlimit(server.pid, resource.RLIMIT_NOFILE, limits)
        os.rename(log, f"{log}.1")
        server.signal(signal.SIGHUP)
        eventually("the log is there again", lambda: os.path.exists(log))
        server.check_serves()
