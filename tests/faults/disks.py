"""Slow disks: what is not in memory keeps nobody waiting but who asked for it."""

import contextlib
import gzip
import os
import subprocess
import time

from harness import Client, MIB, Missing, SMALL, Server, check, eventually, make_cold, make_site, new_folder
from promise import promise
from slow_disk import SlowDisk, Unavailable
from strace import Strace


def errands(server):
    """Counts how often the threads that may wait have gone to sleep."""
    count = 0
    for thread in server.threads():
        with open(f"/proc/{server.pid}/task/{thread}/comm") as name:
            count += server.status("voluntary_ctxt_switches", thread) if name.read() == "blocking\n" else 0
    return count


@promise("DISKS", "a small file that is not in memory is read by a thread, its coded one too, and others are served meanwhile")
def small_and_cold():
    coded = gzip.compress(SMALL)
    root = make_site(**{"small.txt.gz": coded, "other.txt": SMALL, "probe.txt": SMALL})
    make_cold_or_skip(root, "small.txt", "small.txt.gz")
    with Server(root) as server, Client(server) as client, Client(server) as other:
        client.ask()
        client.ask("/small.txt", "Accept-Encoding: gzip\r\n")
        check(other.get("/other.txt").body == SMALL, "a wrong body for the other")
        check(client.response().body == SMALL, "a wrong body")
        check(client.response().body == coded, "a wrong coded body")
        eventually("a thread has read them", lambda: errands(server) > 0)


@contextlib.contextmanager
def overlaid(root):
    """The folder, seen through overlayfs, as the files of a container's image are."""
    above, work, merged = (new_folder() for _ in range(3))
    os.chmod(merged, 0o755)
    options = f"lowerdir={root},upperdir={above},workdir={work}"
    result = subprocess.run(["mount", "-t", "overlay", "overlay", "-o", options, merged], capture_output=True, text=True)
    if result.returncode:
        raise Missing(f"overlayfs may not be mounted: {result.stderr.strip()}")
    try:
        yield merged
    finally:
        subprocess.run(["umount", "--lazy", merged], check=True)


@promise("DISKS", "on overlayfs, which does not tell what is in memory, a thread reads a hot file once a second, not each time")
def overlay():
    content = os.urandom(MIB)
    with overlaid(make_site(**{"medium.bin": content, "long.bin": 8 * content})) as root:
        with Server(root) as server, Client(server) as client:
            check(client.get("/small.txt").body == SMALL, "a wrong small body")
            eventually("a thread has read the small file", lambda: errands(server) > 0)
            settled = time.monotonic() + 0.2  # so young a file is opened anew each time
            while time.monotonic() < settled:
                check(client.get("/medium.bin").body == content, "a wrong body")
            before, begin = errands(server), time.monotonic()
            for _ in range(100):
                check(client.get("/medium.bin").body == content, "a wrong body")
            bound = 10 + 10 * (time.monotonic() - begin)
            check(errands(server) - before <= bound, f"{errands(server) - before} errands for 100 requests")
            check(client.get("/long.bin").body == 8 * content, "a wrong long body")
            client.ask("/long.bin", "Range: bytes=5000000-5000099\r\n")
            check(client.response().body == (8 * content)[5000000:5000100], "a wrong range")


def make_cold_or_skip(root, *names):
    """To ask whether a file is cold begins to read it: probe.txt is asked in the place of the others."""
    for _ in range(5):  # a page that is just being used stays
        for name in (*names, "probe.txt"):
            make_cold(f"{root}/{name}")
        with open(f"{root}/probe.txt", "rb") as file:
            try:
                os.preadv(file.fileno(), [bytearray(1)], 0, os.RWF_NOWAIT)
            except BlockingIOError:
                return
    raise Missing("no cold file can be had here")


@promise("DISKS", "while a disk takes a second for each read, who wants a cold file waits, and others are served at once")
def slow_disk():
    root = make_site(**{"cold.bin": b"c" * MIB, "cold.txt": b"cold", "probe.txt": SMALL})
    with Server(root, log="info") as server, Strace(server, "readahead:1+", "delay_enter=1000000"), \
            Client(server) as other:
        other.get()
        begin = time.monotonic()
        make_cold_or_skip(root, "cold.bin", "cold.txt")
        with Client(server) as small, Client(server) as large:
            small.ask("/cold.txt")
            large.ask("/cold.bin")
            for _ in range(100):
                check(other.get().body == SMALL, "a wrong body")
            took = time.monotonic() - begin
            check(took < 0.8, f"a hundred requests took {took:.2f} s")
            check(small.response().body == b"cold" and large.response().body == b"c" * MIB, "a wrong body")
            check(time.monotonic() - begin > 1, "no disk was slow")
        for name in ("cold.txt", "cold.bin"):
            (microseconds,) = server.await_line(rf'"GET /{name} .* (\d+)$').groups()
            check(int(microseconds) > 900_000, f"the log says that {name} took {microseconds} us")


@contextlib.contextmanager
def slow_site(delay, count, *flags):
    """A server of a disk that takes so long to look up each of so many names."""
    folder = new_folder()
    files = {f"slow-{number}.txt": b"%d" % number for number in range(count)}
    with contextlib.ExitStack() as stack:
        try:
            stack.enter_context(SlowDisk(folder, {"small.txt": SMALL, **files}, delay))
        except Unavailable as error:
            raise Missing(error)
        yield stack.enter_context(Server(folder, *flags)), files


def slow_names(delay):
    with slow_site(delay, 7) as (server, files), Client(server) as other, contextlib.ExitStack() as stack:
        other.get()
        clients = {name: stack.enter_context(Client(server)) for name in [*files, "slow-missing.txt"]}
        begin = time.monotonic()
        for name, client in clients.items():
            client.ask(f"/{name}")
        for _ in range(100):
            check(other.get().body == SMALL, "a wrong body")
        took = time.monotonic() - begin
        check(took < delay + 0.3, f"a hundred requests took {took:.2f} s")
        for name, client in clients.items():
            response = client.response()
            check(response.body == files[name] if name in files else response.status == 404, f"{name} is wrong")
        took = time.monotonic() - begin
        check(3 * delay < took < 8 * delay, f"no disk was slow, or each waited for the others: {took:.2f} s")


@promise("DISKS", "while a disk takes 0.2 s for each name, one look-up holds up the others, and the next ones do not")
def slow_names_short():
    slow_names(0.2)


@promise("DISKS", "the same with 1.1 s")
def slow_names_long():
    slow_names(1.1)


@promise("DISKS", "what was fetched for a client that has left is nothing to the next one in its seat")
def fetched_for_another():
    with slow_site(0.3, 3) as (server, _), Client(server) as other:
        with Client(server) as client:
            check(client.get("/slow-0.txt").body == b"0", "a wrong body")
        other.get()
        leaving = Client(server)
        leaving.ask("/slow-1.txt")
        other.get()  # its request has arrived
        leaving.reset()
        time.sleep(0.9)  # three of its four names are looked up
        with Client(server) as client:
            client.ask("/slow-2.txt")
            begin, longest = time.monotonic(), 0
            while (now := time.monotonic()) < begin + 1.5:
                other.get()
                longest = max(longest, time.monotonic() - now)
            check(client.response().body == b"2", "a wrong body")
        check(longest < 0.15, f"others were held up for {longest:.2f} s")


@promise("DISKS", "who leaves while a disk hangs takes its file along: no descriptors pile up")
def left_while_cold():
    names = [f"cold-{number}.txt" for number in range(200)]
    root = make_site(**{"probe.txt": SMALL, **{name: name.encode() for name in names}})
    with Server(root) as server, Strace(server, "readahead:1+", "delay_enter=1000000"):
        make_cold_or_skip(root, *names)
        for name in names:
            leaving = Client(server)
            leaving.ask(f"/{name}")
            leaving.reset()
        def are_few():
            server.check_serves()
            return sum(link.startswith(root) for link in server.links()) <= 16
        eventually("few files are open", are_few, 3)


@promise("DISKS", "who waits for a disk beyond the stall timeout is answered 503, and the log says so")
def stalled_disk():
    root = make_site(**{"cold.txt": b"cold", "probe.txt": SMALL})
    with Server(root, "--stall-timeout", "0.5", log="info") as server:
        with Strace(server, "readahead:1+", "delay_enter=2000000"):
            make_cold_or_skip(root, "cold.txt")
            begin = time.monotonic()
            response = server.get("/cold.txt")
            check(response.status == 503 and time.monotonic() - begin < 1.5, f"it is answered {response.status}")
            server.await_line('"GET /cold.txt HTTP/1.1" 503 ')
        server.check_serves()


@promise("DISKS", "threads that fetched cold files end: twelve seconds after the last one was fetched none is left")
def threads_end():
    names = [f"{number}.bin" for number in range(16)]
    root = make_site(**{"probe.txt": SMALL, **{name: os.urandom(MIB) for name in names}})
    with Server(root) as server, contextlib.ExitStack() as stack:
        server.check_serves()
        before = len(server.threads())
        with Strace(server, "readahead:1+", "delay_enter=200000"):
            make_cold_or_skip(root, *names)
            clients = [stack.enter_context(Client(server)) for _ in names]
            for name, client in zip(names, clients):
                client.ask(f"/{name}")
            eventually("several threads are there", lambda: len(server.threads()) >= before + 4, 3)
            for client in clients:
                check(client.response().status == 200, "no 200 for a cold file")
        time.sleep(2)
        check(len(server.threads()) > before, "they end at once: the next cold file would have to start one")
        eventually("the threads end", lambda: len(server.threads()) == before, 10)
        make_cold_or_skip(root, *names)
        check(server.get(f"/{names[0]}").status == 200, "no 200 for a cold file afterwards")
