"""Logs that fail, stall or move: serving goes on."""

import contextlib
import os
import re
import shutil
import signal
import time

from harness import Client, MIB, Missing, PATIENCE, REQUEST, Server, check, eventually, make_site, new_folder, read
from access_log import OUTAGE, access_lines, serve_many
from promise import promise


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
    """What lies in a FIFO now."""
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
