"""Clients that send or read slowly: heads, bodies, responses."""

import contextlib
import itertools
import os
import re
import resource
import signal
import subprocess
import time

import harness
from harness import (
    Broken, Client, Closed, Crowd, MIB, Missing, PATIENCE, SMALL, Server, check, eventually, make_site, need,
    new_folder)
from access_log import OWN_LINE
from promise import promise


class Visitor:
    """An ordinary client that asks for a small file every 5 ms while others misbehave."""

    def __init__(self, server):
        self.times, self.failures = [], []
        self.crowd = Crowd(1, lambda _, over: self.visit(server, over))

    def visit(self, server, over):
        client, due = Client(server), time.perf_counter()
        while not over.is_set():
            # A visitor that is kept waiting asks late, and that counts: a second without service delays 200 requests.
            began = due
            if due > time.perf_counter():
                over.wait(due - time.perf_counter())
                began = time.perf_counter()
            try:
                response = client.get()
                if (response.status, response.body) != (200, SMALL):
                    self.failures.append(f"a {response.status}")
            except (Broken, Closed, OSError) as error:
                self.failures.append(str(error))
                client = Client(server)
            self.times.append(time.perf_counter() - began)
            due += 0.005

    def __enter__(self):
        self.crowd.__enter__()
        return self

    def __exit__(self, *error):
        self.crowd.__exit__(*error)

    def slow(self):
        """The 99th percentile."""
        return sorted(self.times)[int(len(self.times) * 0.99)]


def attack(flags, path, *server_flags, seconds=10):
    """slowhttptest with 1,000 connections, again and again if it has enough too soon, while a visitor comes."""
    need("slowhttptest")
    if resource.getrlimit(resource.RLIMIT_NOFILE)[0] < 4096:
        raise Missing("4,096 descriptors")
    log = f"{new_folder()}/log"
    with Server(make_site(), "--backlog", "1024", "--file-log", log, *server_flags, log="info") as server:
        command = ["slowhttptest", *flags.split(), "-c", "1000", "-r", "500", "-l", str(seconds)]
        command += ["-u", f"{server}{path}"]
        with Visitor(server) as visitor, Server(make_site()) as other, Visitor(other) as bystander:
            end = time.monotonic() + seconds
            while time.monotonic() < end - 1 and not visitor.failures:
                subprocess.run(command, stdout=subprocess.DEVNULL, timeout=60, cwd=os.path.dirname(log))
        count, failures, slow = len(visitor.times), visitor.failures, visitor.slow()
        check(not failures, f"{len(failures)} of {count} requests fail: {failures[:3]}")
        # A busy machine costs the visitor of another server as much, or by luck half of it; it excuses no more than
        # 150 ms.
        excuse = min(2 * bystander.slow(), 0.15)
        check(slow < 0.05 + excuse, f"the 99th percentile of {count} requests is {slow * 1000:.0f} ms, of another "
                                    f"server's {bystander.slow() * 1000:.0f} ms")
        check(server.resident() < 96 * MIB, f"it has {server.resident() // MIB} MiB of memory")
        server.signal(signal.SIGTERM)  # what was not finished is logged now
        server.await_exit(15)
    with open(log) as lines:
        attacks = sum(not OWN_LINE.fullmatch(line.rstrip()) and '"GET /small.txt' not in line for line in lines)
    check(attacks >= 900, f"slowhttptest made {attacks} connections only")


@promise("SLOW CLIENTS", "1,000 slow heads (slowhttptest -H) cost others nothing: p99 below 50 ms, no failure")
def slow_heads():
    attack("-H -i 1 -x 24", "/large.bin", "--head-timeout", "3")


@promise("SLOW CLIENTS", "1,000 slow bodies (slowhttptest -B) cost others nothing")
def slow_bodies():
    attack("-B -i 1 -s 8192 -x 10", "/large.bin", "--stall-timeout", "3")


@promise("SLOW CLIENTS", "1,000 slow readers (slowhttptest -X) cost others nothing")
def slow_readers():
    attack("-X -w 512 -y 1024 -n 1 -z 32 -k 3", "/large.bin", "--stall-timeout", "3", "--grace", "0.5", seconds=15)


@promise("SLOW CLIENTS", "1,000 clients with overlapping ranges (slowhttptest -R) cost others nothing")
def ranges():
    attack("-R -a 5 -b 2000", "/large.bin", "--idle-timeout", "3")


@promise("SLOW CLIENTS", "a head that is dribbled is answered 408 when the head timeout is over, whatever still comes")
def dribbled_head():
    with Server(make_site(), "--head-timeout", "1") as server, Client(server) as client:
        began = time.monotonic()
        with Crowd(1, lambda _, over: dribble(client, over)):
            status, _ = client.head()
            seconds = time.monotonic() - began
        check(status == 408 and 0.9 < seconds < 2, f"a {status} after {seconds:.1f} s")


def dribble(client, over):
    with contextlib.suppress(OSError):
        for byte in itertools.chain(b"GET / HTTP/1.1\r\n", itertools.cycle(b"X: y\r\n")):
            client.send(bytes([byte]))
            if over.wait(0.05):
                return


def read_slowly(client, count, bytes_a_second):
    """Reads about so many bytes at this rate, a little every 20 ms; how many came before the end."""
    began, received = time.monotonic(), 0
    while received < count:
        piece = client.socket.recv(min(count - received, max(1, bytes_a_second // 50)))
        if not piece:
            break
        received += len(piece)
        time.sleep(max(0, began + received / bytes_a_second - time.monotonic()))
    return received


@promise("SLOW CLIENTS", "who takes a response slower than --min-rate is cut off, though it takes a little all the time")
def below_the_rate():
    with Server(make_site(), "--min-rate", "100000", "--stall-timeout", "1") as server:
        with Client(server, receive_buffer=4096) as client:
            client.ask("/large.bin")
            eventually("the connection is open", lambda: server.connections() == 1)
            began = time.monotonic()
            def read(_, over):
                with contextlib.suppress(ConnectionResetError):
                    while not over.is_set():
                        read_slowly(client, 1000, 20_000)
            with Crowd(1, read):
                # By the rate alone 1.25 s; what lies in the client's own buffers counts as taken.
                eventually("the server lets go of it", lambda: server.connections() == 0, 6)
            check(time.monotonic() - began > 0.9, "cut off before the grace is over")
        server.check_serves()


@promise("SLOW CLIENTS", "--stall-timeout 3: who takes a first bit and nothing more is cut off after 3 to 4 s, not twice as many")
def first_bit_only():
    with Server(make_site(), "--stall-timeout", "3") as server, Client(server, receive_buffer=4096) as client:
        client.ask("/large.bin")
        client.head()
        for _ in range(20):
            client.socket.recv(4096)
        began = time.monotonic()
        eventually("the server lets go of it", lambda: server.connections() == 0, 8)
        seconds = time.monotonic() - began
        check(2.8 < seconds < 4.2, f"it is cut off after {seconds:.1f} s")


@promise("SLOW CLIENTS", "the idle timeout is 75 s if nothing else is said: longer than the 60 s of common load balancers")
def default_idle_timeout():
    text = subprocess.run([harness.httpd, "--help"], capture_output=True, text=True, timeout=PATIENCE).stdout
    default = re.search(r"--idle-timeout <SECONDS>[^[]*\[default: (\d+)\]", text) or re.search(
        r"--idle-timeout <SECONDS>.*?\[default: (\d+)\]", text, re.S)
    check(default and default[1] == "75", f"it is {default and default[1]}")


@promise("SLOW CLIENTS", "what a client that was cut off left unread is not kept by the kernel either")
def no_orphans():
    with Server(make_site(), "--stall-timeout", "0.5") as server, Client(server, receive_buffer=4096) as client:
        client.ask("/large.bin")
        eventually("the connection is open", lambda: server.connections() == 1)
        eventually("the server lets go of it", lambda: server.connections() == 0, 5)
        port = client.socket.getsockname()[1]
        mine = f" 0100007F:{server.port:04X} 0100007F:{port:04X} "
        def orphan():
            with open("/proc/net/tcp") as lines:
                return next((line for line in lines if mine in line), None)
        eventually("the kernel forgets the connection", lambda: not orphan(), 2)


@promise("SLOW CLIENTS", "who takes a response faster than --min-rate gets the whole, however long it takes")
def above_the_rate():
    content = os.urandom(MIB)
    root = make_site(**{"mib.bin": content})
    with Server(root, "--min-rate", "100000", "--stall-timeout", "0.5") as server:
        with Client(server, receive_buffer=4096) as client:
            client.ask("/mib.bin")
            length = int(client.head()[1]["content-length"])
            rest = length - len(client.input.peek())  # what the reader of the head has in its buffer
            check(read_slowly(client, rest, 400_000) == rest, "cut off")
