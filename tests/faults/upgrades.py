"""One server takes over from another under load, and no request is lost."""

import collections
import contextlib
import re
import shutil
import signal
import socket
import subprocess

import harness
from harness import Client, Crowd, PATIENCE, Server, check, eventually, make_site, new_folder
from promise import promise


class Load:
    """wrk on keep-alive connections where it is found, and own clients that ask which server it is: one keeps its
    connection as long as it may, the others make one for each request. No error is forgiven."""

    def __init__(self, port):
        self.port, self.served = port, collections.Counter()
        self.crowd = Crowd(3, self.ask)

    def ask(self, number, over):
        while not over.is_set():
            with Client(self.port) as client:
                stays = True
                while stays and not over.wait(0.001):
                    response = client.get("/which.txt")
                    check(response.status == 200, f"a {response.status}")
                    self.served[response.body] += 1
                    stays = number == 0 and response.fields.get("connection") != "close"

    def __enter__(self):
        self.wrk = None
        if shutil.which("wrk"):
            command = ["wrk", "-t1", "-c16", "-d60s", f"http://127.0.0.1:{self.port}/small.txt"]
            self.wrk = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        self.crowd.__enter__()
        return self

    def __exit__(self, kind, *rest):
        text = ""
        try:
            self.crowd.__exit__(kind, *rest)
        finally:
            if self.wrk:
                self.wrk.send_signal(signal.SIGINT)  # it stops and reports
                text = self.wrk.communicate(timeout=PATIENCE)[0]
        if kind is None and self.wrk:
            check("Socket errors" not in text and "Non-2xx" not in text, f"wrk: {' '.join(text.split()[-30:])}")
            check(int(re.search(r"(\d+) requests in", text).group(1)) > 1000, "wrk made few requests only")


def upgrade(begin, port, steps=5):
    """One server after another under load: the next one is started, then the one before is told to stop."""
    with contextlib.ExitStack() as servers:
        current = servers.enter_context(begin(0))
        with Load(port or current.port) as load:
            for number in range(1, steps + 1):
                before = sum(load.served.values())
                eventually("requests are served", lambda: sum(load.served.values()) > before + 50 or load.crowd.errors)
                check(not load.crowd.errors, f"between upgrades: {load.crowd.errors[:1]}")
                following = servers.enter_context(begin(number, port or current.port))
                if port is None:
                    for _ in range(20):
                        which = following.get("/which.txt").body
                        check(which == b"%d" % number, f"a new connection goes to server {which} and not {number}")
                current.signal(signal.SIGTERM)
                check(current.await_exit(15) == 0, "the old one's exit status is not 0")
                check(following.get("/which.txt").body == b"%d" % number, "the new one does not answer")
                current = following
        check(len(load.served) == steps + 1, f"only {sorted(load.served)} have served")


def upgrade_by_reuse_port(workers):
    def begin(number, port=0):
        site = make_site(**{"which.txt": b"%d" % number})
        return Server(site, "--reuse-port", "-w", workers, "--backlog", "512", port=port)
    upgrade(begin, None)


@promise("UPGRADES", "100 upgrades by --reuse-port that cannot start, under load: no request fails")
def failed_upgrade():
    missing = f"{new_folder()}/missing"
    with Server(make_site(**{"which.txt": b"0"}), "--reuse-port", "--backlog", "512") as server:
        with Load(server.port) as load:
            for _ in range(100):
                command = [harness.httpd, "-r", missing, "--reuse-port", "--port", str(server.port)]
                result = subprocess.run(command, stderr=subprocess.DEVNULL, timeout=PATIENCE)
                check(result.returncode == 1, f"exit status {result.returncode}")
            check(load.served, "nobody was served")


def upgrade_by_activation(workers):
    with socket.create_server(("127.0.0.1", 0), backlog=512) as listener:
        def begin(number, _=0):
            return Server(make_site(**{"which.txt": b"%d" % number}), "-w", workers, listener=listener)
        upgrade(begin, listener.getsockname()[1])


@promise("UPGRADES", "five upgrades by --reuse-port under load, one worker: no request fails, new ones go to the new")
def reuse_port_one():
    upgrade_by_reuse_port("1")


@promise("UPGRADES", "five upgrades by --reuse-port under load, four workers: the same")
def reuse_port_four():
    upgrade_by_reuse_port("4")


@promise("UPGRADES", "five upgrades by socket activation under load, one worker: no request fails")
def activation_one():
    upgrade_by_activation("1")


@promise("UPGRADES", "five upgrades by socket activation under load, four workers: the same")
def activation_four():
    upgrade_by_activation("4")


@promise("UPGRADES", "three servers on one port: the last one gets every connection; when it stops, one of the others does")
def three_on_one_port():
    for workers in ("1", "2"):
        with contextlib.ExitStack() as stack:
            servers, port = [], 0
            for number in range(3):
                site = make_site(**{"which.txt": b"%d" % number})
                servers.append(stack.enter_context(Server(site, "--reuse-port", "-w", workers, port=port)))
                port = servers[0].port
                check_all_go_to(port, [number])
            for number in (2, 1):
                servers[number].signal(signal.SIGTERM)
                check(servers[number].await_exit() == 0, "its exit status is not 0")
                # The kernel chooses among two that are left of three.
                check_all_go_to(port, range(number))


def check_all_go_to(port, numbers):
    for _ in range(40):
        with Client(port) as client:
            which = int(client.get("/which.txt").body)
            check(which in numbers, f"a new connection goes to server {which} and not to {list(numbers)}")


@promise("UPGRADES", "a port that is in use is an error at the start: exit status 1 and one line, with four workers too")
def port_in_use():
    with Server(make_site()) as server:
        for workers in ("1", "4"):
            command = [harness.httpd, "-r", server.root, "-w", workers, "--port", str(server.port)]
            result = subprocess.run(command, capture_output=True, text=True, timeout=PATIENCE)
            lines = result.stderr.splitlines()
            check(result.returncode == 1 and len(lines) == 1, f"-w {workers}: {result.returncode}, {lines}")
        server.check_serves()
