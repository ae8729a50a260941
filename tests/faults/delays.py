"""Requests wait for nothing that happens beside them: a reader of the log that sleeps, scrapes of the admin address."""

import contextlib
import os
import random
import statistics
import subprocess
import sys
import time

from access_log import OUTAGE
from harness import Client, REQUEST, Server, check, make_site, new_folder
from promise import promise

ROUNDS = 9
SECONDS = 0.5  # for one measurement
RATE = 1000  # requests a second, at times of their own: a scrape of a millisecond would be met by one in twenty
SCRAPES = 50  # a second

# A process of its own, so that it takes no turn from the client that measures.
SCRAPER = """
import http.client, sys, time
due = time.monotonic()
while True:
    connection = http.client.HTTPConnection("127.0.0.1", int(sys.argv[1]), timeout=5)
    connection.request("GET", "/metrics")
    print(connection.getresponse().status, flush=True)
    connection.close()
    due += 1 / int(sys.argv[2])
    time.sleep(max(0, due - time.monotonic()))
"""


@contextlib.contextmanager
def scraped(port):
    """Asks for /metrics all the time; it must have been answered as often as it should ask."""
    with subprocess.Popen([sys.executable, "-c", SCRAPER, str(port), str(SCRAPES)], stdout=subprocess.PIPE) as scraper:
        try:
            check(scraper.stdout.readline().startswith(b"200"), "the admin address does not answer")
            began = time.monotonic()
            yield
            seconds = time.monotonic() - began
        finally:
            scraper.terminate()
            answers = 1 + sum(line.startswith(b"200") for line in scraper.stdout)
    check(answers >= 0.6 * SCRAPES * seconds, f"only {answers} scrapes are answered")


@contextlib.contextmanager
def log_that_nobody_reads():
    """A FIFO, held open."""
    path = f"{new_folder()}/log"
    os.mkfifo(path)
    descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
    try:
        yield path
    finally:
        os.close(descriptor)


def fill_log(server):
    """Requests until no line fits any more: the pipe and the queue (4 MiB) are full."""
    request = REQUEST.replace(b" HTTP", b"?" + b"q" * 2000 + b" HTTP")
    with Client(server) as client:
        for _ in range(100):
            client.send(request * 30)
            for _ in range(30):
                check(client.response().status == 200, "no 200 while the log is full")
    server.await_line(OUTAGE)


def slowest_percent(server):
    """Asks now and then for a while -> the 99th percentile in seconds, of what each request waited for its response."""
    taken = []
    with Client(server) as client:
        end = time.perf_counter() + SECONDS
        while time.perf_counter() < end:
            time.sleep(random.uniform(0, 2 / RATE))
            began = time.perf_counter()
            client.send(REQUEST)
            client.socket.recv(65536)
            taken.append(time.perf_counter() - began)
    return statistics.quantiles(taken, n=100)[98]


@promise("DELAYS", "a log reader that sleeps and 50 scrapes a second: the p99 of requests stays under twice what it is without")
def disturbed():
    with contextlib.ExitStack() as stack:
        quiet = stack.enter_context(Server(make_site(), "--file-log", f"{new_folder()}/log", log="info"))
        # Takes the scrapes meanwhile: the scraper has its share of the machine in both cases.
        other = stack.enter_context(Server(make_site(), "--admin", "127.0.0.1:0"))
        path = stack.enter_context(log_that_nobody_reads())
        server = stack.enter_context(Server(make_site(), "--file-log", path, "--admin", "127.0.0.1:0", log="info"))
        fill_log(server)
        without, beside = [], []
        for _ in range(ROUNDS):
            with scraped(admin_port(other)):
                without.append(slowest_percent(quiet))
            with scraped(admin_port(server)):
                beside.append(slowest_percent(server))
        compare(without, beside)


def admin_port(server):
    return int(server.await_line(r"admin pages at http://\S+:(\d+)").group(1))


def compare(without, beside):
    """The medians of some measurements: one may fall into a moment in which the machine is busy with others."""
    without, beside = statistics.median(without) * 1e6, statistics.median(beside) * 1e6
    check(beside < 2 * without, f"the p99 is {beside:.0f} µs, and {without:.0f} µs without")
