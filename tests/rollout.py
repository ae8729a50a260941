#!/usr/bin/env python3
"""A rollout that no client notices: two servers behind HAProxy, each replaced in its turn under load.

    tests/rollout.py [HTTPD] [--rate 2000] [--rounds 1] [--drain 1]

HTTPD is the binary; without it the script builds target/release/httpd. Needs Python 3.10, haproxy, and h2load (Debian's
nghttp2-client), and says "skipped: ..." where one is missing. Everything talks to 127.0.0.1; about 20 seconds.

HAProxy asks each server's --health path every 100 ms and looks away after two refusals; it does not try a request
twice. A server is told to stop, drains, ends, and another takes its port; then the other one's turn comes. Every
request has to be answered 200, with kept connections to the servers and with one for each request. Prints what was
measured for each; exit status 1 if a request failed or the rate was not reached.
"""

import argparse
import contextlib
import math
import re
import signal
import socket
import subprocess
import sys

import harness
from harness import Broken, Missing, Server, check, eventually, make_site, need

CLIENTS = 20
REPLACED = 1.5  # seconds that a replacement may take beside the drain
CHECK = "check inter 100ms fall 2 rise 2"
# Kept connections to the servers are HAProxy's default; the other way is what many a proxy does.
MODES = {"kept connections": "http-reuse safe", "a connection for each request": "option http-server-close"}
HAPROXY = """
defaults
    mode http
    retries 0
    timeout connect 2s
    timeout client 5s
    timeout server 5s
    timeout check 1s
frontend clients
    bind 127.0.0.1:{front}
    default_backend servers
backend servers
    balance roundrobin
    {mode}
    option httpchk GET /-/health
    server one 127.0.0.1:{one} {check}
    server two 127.0.0.1:{two} {check}
"""


class Replica:
    """A server at a port that it keeps through its replacements."""

    def __init__(self, site, port, drain):
        self.site, self.port, self.drain = site, port, drain
        self.start()

    def start(self):
        self.server = Server(self.site, "--drain", str(self.drain), "--health", "/-/health", "--backlog", "1024",
                             "--admin", "127.0.0.1:0", port=self.port)
        self.admin = int(self.server.await_line(r"admin pages at http://127\.0\.0\.1:(\d+)").group(1))

    def answered(self):
        """How many requests it has answered, those of HAProxy's checks left out."""
        with harness.Client(self.admin) as client:
            text = client.get("/metrics").body.decode()
        return sum(map(int, re.findall(r'httpd_requests_total\{[^}]*class="2xx"\} (\d+)', text)))

    def replace(self):
        self.server.signal(signal.SIGTERM)
        status = self.server.await_exit(self.drain + harness.PATIENCE)
        check(status == 0, f"a server ends with {status}")
        self.start()
        eventually("HAProxy uses the new server", lambda: self.answered() > 100)


def free_port():
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return listener.getsockname()[1]


@contextlib.contextmanager
def process(command, **options):
    """A program that is ended with the block."""
    running = subprocess.Popen(command, stdin=subprocess.DEVNULL, text=True, **options)
    try:
        yield running
    finally:
        if running.poll() is None:
            running.terminate()
            try:
                running.wait(harness.PATIENCE)
            except subprocess.TimeoutExpired:
                running.kill()
                running.wait()


def roll_out(mode, options):
    """One rollout after the other under load -> what h2load says of it."""
    site, ports = make_site(), [free_port(), free_port()]
    replicas = [Replica(site, port, options.drain) for port in ports]
    front, config = free_port(), f"{harness.new_folder()}/haproxy.cfg"
    harness.write(config, HAPROXY.format(front=front, mode=MODES[mode], one=ports[0], two=ports[1], check=CHECK).encode())
    lasts = math.ceil(2 + options.rounds * 2 * (options.drain + REPLACED))
    load = ["h2load", "--h1", f"--clients={CLIENTS}", f"--rps={options.rate / CLIENTS}", f"--duration={lasts}",
            f"http://127.0.0.1:{front}/small.txt"]
    try:
        with process(["haproxy", "-db", "-f", config], stdout=subprocess.DEVNULL, stderr=subprocess.STDOUT):
            eventually("HAProxy answers", lambda: answers(front))
            with process(load, stdout=subprocess.PIPE, stderr=subprocess.STDOUT) as running:
                eventually("the load is there", lambda: all(replica.answered() > 500 for replica in replicas))
                for _ in range(options.rounds):
                    for replica in replicas:
                        replica.replace()
                check(running.poll() is None, f"the rollout takes longer than the load of {lasts} s")
                said = running.communicate(timeout=lasts + harness.PATIENCE)[0]
    finally:
        for replica in replicas:
            replica.server.end()
    return lasts, said


def judge(mode, lasts, said, options):
    """Prints what h2load has counted -> whether no request failed."""
    total, failed, errored, late = (int(number) for number in re.search(
        r"(\d+) total,.* (\d+) failed, (\d+) errored, (\d+) timeout", said).groups())
    good = int(re.search(r"status codes: (\d+) 2xx", said).group(1))
    longest = re.search(r"time for request: +\S+ +(\S+)", said).group(1)
    keeps = failed == errored == late == 0 and good == total and total >= 0.9 * lasts * options.rate
    print(f"{'ok   ' if keeps else 'FAIL '} {mode}: {2 * options.rounds} servers replaced in {lasts} s, {total} requests "
          f"({total / lasts:.0f} a second), {good} answered 200, {failed} failed, the slowest took {longest}", flush=True)
    return keeps


def answers(port):
    try:
        with harness.Client(port) as client:
            return client.get().status == 200
    except (OSError, harness.Closed, Broken):
        return False


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("httpd", nargs="?", metavar="HTTPD")
    parser.add_argument("--rate", type=int, default=2000, help="requests a second of all clients together")
    parser.add_argument("--rounds", type=int, default=1, help="times that each server is replaced")
    parser.add_argument("--drain", type=int, default=1, help="seconds of --drain")
    options = parser.parse_args()
    try:
        for program in ("haproxy", "h2load"):
            need(program)
    except Missing as missing:
        print(f"skipped: {missing}")
        return 0
    with harness.prepared(options.httpd):
        try:
            kept = [judge(mode, *roll_out(mode, options), options) for mode in MODES]
        except (Broken, OSError, subprocess.TimeoutExpired) as error:
            print(f"FAIL  {error}")
            return 1
    print(f"{sum(kept)} passed, {len(kept) - sum(kept)} failed")
    return 0 if all(kept) else 1


if __name__ == "__main__":
    sys.exit(main())
