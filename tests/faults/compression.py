"""Compression under load: never old bytes under a new tag, nor the reverse, and no small request waits for it."""

import random
import threading
import time
import zlib

from harness import MIB, Client, Crowd, Server, check, make_site, put
from promise import promise

CODINGS = ("identity", "gzip", "br", "zstd")
REPLACED = 100  # times a second
SECONDS = 5


def script(size, seed):
    """Text that is compressed to about a fifth."""
    words = random.Random(seed)
    lines, length = [], 0
    while length < size:
        value, argument, other = words.getrandbits(14), words.getrandbits(7), words.getrandbits(10)
        lines.append(f"let value_{value} = compute({argument}, other_{other});\n")
        length += len(lines[-1])
    return "".join(lines).encode()[:size]


class Replaced:
    """A file that is replaced all the time. A version is told by its number, and the number by its first line."""

    def __init__(self, root, name, size):
        self.path, self.name = f"{root}/{name}", name
        self.rest, self.begun, self.done = script(size, 1), 0, 0
        self.replace()

    def content(self, number):
        return b"// version %08d\n" % number + self.rest

    def replace(self):
        self.begun += 1
        put(self.path, self.content(self.begun))
        self.done = self.begun

    def keep_replacing(self, _, over):
        while not over.wait(1 / REPLACED):
            self.replace()


class Reader:
    """Asks for one form after another, and remembers which bytes a tag stood for."""

    def __init__(self, file):
        self.file, self.bodies = file, {}
        self.lock, self.coded = threading.Lock(), 0

    def keep_reading(self, server):
        def read(number, over):
            with Client(server) as client:
                tags = {}
                while not over.is_set():
                    coding = random.choice(CODINGS)
                    known = tags.get(coding)
                    condition = f"If-None-Match: {known[0]}\r\n" if known and random.random() < 0.5 else ""
                    oldest = self.file.done
                    client.ask(f"/{self.file.name}", f"Accept-Encoding: {coding}\r\n{condition}")
                    response = client.response()
                    newest = self.file.begun
                    if response.status == 304:
                        check(condition and known[1] >= oldest, f"304 for version {known[1]}, not before {oldest} ({coding})")
                        continue
                    tags[coding] = response.fields["etag"], self.version(response, oldest, newest)
        return read

    def version(self, response, oldest, newest):
        """The version that it is of, once it is found to be right."""
        check(response.status == 200, f"a {response.status}")
        tag, coding = response.fields["etag"], response.fields.get("content-encoding", "identity")
        with self.lock:
            known = self.bodies.setdefault(tag, response.body)
            self.coded += coding != "identity"
        check(known == response.body, f"two bodies bear the tag {tag}")
        if coding not in ("identity", "gzip"):
            return newest  # nothing here decodes it; the bytes of its tag are the same each time
        body = zlib.decompress(response.body, 31) if coding == "gzip" else response.body
        number = int(body[11:19])
        check(oldest <= number <= newest, f"version {number}, and {oldest} to {newest} are right ({coding})")
        check(body == self.file.content(number), f"version {number} is not whole ({coding})")
        return number


@promise("COMPRESSION", f"a script that is replaced {REPLACED} times a second, four workers: no old bytes, in any coding or tag")
def never_stale():
    coded = 0
    for size in (20_000, 200_000):
        root = make_site()
        file = Replaced(root, "app.js", size)
        reader = Reader(file)
        with Server(root, "-w", "4") as server:
            with Crowd(1, file.keep_replacing), Crowd(4, reader.keep_reading(server)):
                time.sleep(SECONDS)
        check(file.done > SECONDS * REPLACED / 10, f"it was replaced {file.done} times only")
        coded += reader.coded
    # A large one is changed so often while it is read that it is mostly sent as it is.
    check(coded > 100, f"{coded} coded answers are too few to tell")


def latencies(server, count, is_over=lambda: True):
    """Seconds that small requests take, some milliseconds apart; the number of them at least, and until it is over."""
    found = []
    with Client(server) as client:
        while len(found) < count or not is_over():
            began = time.perf_counter()
            client.get()
            found.append(time.perf_counter() - began)
            time.sleep(0.002)
    return sorted(found)


def p99(found):
    return found[len(found) * 99 // 100]


@promise("COMPRESSION", "eight scripts of 8 MiB are compressed: p99 of small requests stays below twice its value (and 2 ms)")
def small_requests_do_not_wait():
    text = script(8 * MIB, 1)
    # Other programs want the processors, too: one quiet round of five tells enough.
    for _ in range(5):
        before, during = with_and_without(make_site(**{f"{number}.js": text for number in range(8)}))
        if during < max(2 * before, 0.002):
            return
    check(False, f"p99 is {during * 1e3:.2f} ms, and {before * 1e3:.2f} ms without")


def with_and_without(root):
    """p99 before and while scripts are compressed. HEAD asks for them, so that no large bodies are in the way."""
    asked, coded = [(number, coding) for coding in CODINGS[1:] for number in range(8)], []
    with Server(root) as server:
        def ask(_, over):
            with Client(server) as client:
                while asked and not over.is_set():
                    number, coding = asked.pop(0)
                    head = f"HEAD /{number}.js HTTP/1.1\r\nHost: a\r\nAccept-Encoding: {coding}\r\n\r\n"
                    client.send(head.encode())
                    coded.append(client.head()[1].get("content-encoding"))

        before = p99(latencies(server, 1000))
        with Crowd(8, ask) as crowd:
            during = p99(latencies(server, 500, lambda: not any(thread.is_alive() for thread in crowd.threads)))
    check(sum(map(bool, coded)) >= 8, f"{len(coded)} were asked for, and few compressed")
    return before, during
