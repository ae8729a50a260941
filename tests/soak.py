#!/usr/bin/env python3
"""An hour of mixed load with faults against the real binary: no answer may be wrong, and nothing may grow.

    tests/soak.py [HTTPD] [--minutes 60] [--workers 2] [--rate 2000]

HTTPD is the binary; without it the script builds target/release/httpd. Needs Python 3.11; wrk joins in where it is
found. Where there is openssl, a third of the load goes to a second server, which speaks TLS. Everything talks to 127.0.0.1
and lives in one temporary folder.

Well-behaved clients ask while others break off, dawdle, talk garbage or crowd in, and while files are replaced, cut
short, deleted and swapped, and the log is rotated. Each answer has to be, in status, length and bytes, a version that
was there between the request and the answer. After a warm-up of a third of the time (2 minutes at most), and at the
end, all clients leave: the log then has a line for each answer, no socket is left, and memory and descriptors are
compared. A line a minute says how it goes. Exit status 1 if anything was wrong, with a line for each fault.
"""

import argparse
import asyncio
import collections
import contextlib
import math
import os
import random
import re
import resource
import shutil
import signal
import socket
import ssl
import struct
import subprocess
import sys
import time
from dataclasses import dataclass

import harness

HOST = "127.0.0.1"
DESCRIPTORS = 2048  # of the server: few enough that a crowd meets its bound, which is half of them
CROWD = 1200
ALLOWED_GROWTH = 512, 0.05  # KiB, and a share of what there was
PATIENCE = 20  # seconds that an answer, or coming to rest, may take
MANY_FAULTS = 20
HEAD_TIMEOUT = 5
FLAGS = ["--backlog", "4096", "--cache-size", "4", "--head-timeout", str(HEAD_TIMEOUT),
         "--idle-timeout", "6"]

STEADY = {"empty": 0, "byte": 1, "tiny": 63, "page": 4096, "more": 20_000, "kept": 65_536, "sent": 65_537,
          "large": 1 << 20, **{f"many/{number}": 10_000 for number in range(600)}}
HUGE = "huge"
HUGE_BYTES = 8 << 20
CHANGING = {**{f"small-{number}": 40_000 for number in range(24)}, **{f"big-{number}": 1 << 20 for number in range(4)}}
LINKED = {"link/page": 3000, "link/big": 300_000}
NAMES = ["tiny", "page", "more", "kept", "sent", "empty", "byte", "link/page"] * 4 + ["large", "link/big"] + \
    [name for name in STEADY if name.startswith("many/")][:200] + list(CHANGING) * 3

LENGTH = re.compile(rb"\r\ncontent-length: (\d+)\r\n", re.I)
TAG = re.compile(rb"\r\netag: (\S+)\r\n", re.I)
CONTENT_RANGE = re.compile(rb"\r\ncontent-range: bytes (?:(\d+)-(\d+)|\*)/(\d+)\r\n", re.I)
ACCESS_LINE = re.compile(rb'127\.0\.0\.1 - - \[[^]]+\] "[^"]*" \d{3} \d+ "[^"]*" "([^"]*)" \d+')
USUAL_MESSAGES = rb"listening on|the log is reopened"

GARBAGE = [b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n", b"GET / HTTP/1.1\r\n\r\n", b"GET /\r\n\r\n",
           b"GET / HTTP/1.1\r\nHost : a\r\n\r\n", b"GET / HTTP/7.0\r\nHost: a\r\n\r\n", b"\x00" * 500 + b"\r\n\r\n",
           b"GET /" + b"a" * 20_000 + b" HTTP/1.1\r\nHost: a\r\n\r\n",
           b"GET / HTTP/1.1\r\nHost: a\r\n" + b"a: b\r\n" * 200,
           b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"]


@dataclass
class State:
    """The content of a name, and its time at the widest: while it is changed, both contents may be seen."""

    content: bytes | None  # None: there is no such file
    since: float
    until: float = math.inf
    is_cut: bool = False  # the file of the state before, made shorter in place


class Site:
    """The files, how each was at any time of late, and who changes them."""

    def __init__(self, folder):
        self.root = os.path.join(folder, "root")
        self.states = collections.defaultdict(collections.deque)
        self.releases = 0
        for name in ("many", "releases"):
            os.makedirs(os.path.join(self.root, name))
        for name, size in {**STEADY, HUGE: HUGE_BYTES, **CHANGING}.items():
            self.write(name, size)
        self.swap()

    def path(self, name):
        return os.path.join(self.root, name)

    def between(self, name, sent, received):
        return [state for state in self.states[name] if state.until >= sent and state.since <= received]

    def note(self, name, content, since, is_cut=False):
        states, now = self.states[name], time.monotonic()
        if states:
            states[-1].until = now
        states.append(State(content, since, is_cut=is_cut))
        while states[0].until < now - 2 * PATIENCE:
            states.popleft()

    def write(self, name, size):
        content = random.randbytes(size)
        with open(self.path("new"), "wb") as file:
            file.write(content)
        since = time.monotonic()
        os.rename(self.path("new"), self.path(name))
        self.note(name, content, since)

    def change(self):
        """Something happens to one of the files that change."""
        name = random.choice(list(CHANGING))
        content, since = self.states[name][-1].content, time.monotonic()
        what = random.random()
        if content and what < 0.25:
            os.truncate(self.path(name), len(content) // 2)
            self.note(name, content[:len(content) // 2], since, is_cut=True)
        elif content is not None and what < 0.4:
            os.unlink(self.path(name))
            self.note(name, None, since)
        else:
            self.write(name, random.randint(CHANGING[name] // 2, CHANGING[name]))

    def swap(self):
        """A deploy: the link leads to a new folder from one moment to the next."""
        self.releases += 1
        release = f"releases/{self.releases}"
        os.mkdir(self.path(release))
        contents = {name: random.randbytes(size) for name, size in LINKED.items()}
        for name, content in contents.items():
            with open(self.path(name.replace("link", release)), "wb") as file:
                file.write(content)
        os.symlink(release, self.path("new"))
        since = time.monotonic()
        os.rename(self.path("new"), self.path("link"))
        for name, content in contents.items():
            self.note(name, content, since)
        shutil.rmtree(self.path(f"releases/{self.releases - 2}"), ignore_errors=True)


@dataclass
class Request:
    name: str
    first: int | None = None  # of a range; None for the whole file
    last: int = 0
    known: tuple | None = None  # a tag and its bytes, from an earlier answer

    def bytes(self):
        fields = ""
        if self.first is not None:
            fields = f"Range: bytes={self.first}-{self.last}\r\n"
        if self.known:
            fields += f"{'If-None-Match' if self.first is None else 'If-Range'}: {self.known[0]}\r\n"
        return f"GET /{self.name} HTTP/1.1\r\nHost: soak\r\nUser-Agent: soak\r\n{fields}\r\n".encode()


@dataclass
class Reply:
    status: int
    head: bytes
    body: bytes
    is_whole: bool
    sent: float
    received: float


class Refused(Exception):
    """The connection ended before the head of an answer was there."""


class Soaked(harness.Server):
    """A server under test, with what its log and its descriptors say."""

    def __init__(self, workers, root, flags=()):
        self.log = os.path.join(harness.new_folder(), "access.log")
        self.generation = 0
        self.logged, self.messages, self.broken = collections.Counter(), [], []
        limit = ["sh", "-c", 'ulimit -n "$0" && exec "$@"', str(DESCRIPTORS)]
        super().__init__(root, *FLAGS, *flags, "--workers", str(workers), "--file-log", self.log, log="info", wrap=limit)

    def descriptors(self):
        """Counts them by kind: sockets, files of the site, and the server's own."""
        kinds = collections.Counter()
        for link in self.links():
            is_socket, is_file = link.startswith("socket:"), link.startswith(self.root)
            kinds["sockets" if is_socket else "files" if is_file else "own"] += 1
        return kinds

    async def rotate(self):
        """As logrotate does. The old file is read once nobody can be writing to it any more."""
        self.generation += 1
        old = f"{self.log}.{self.generation}"
        os.rename(self.log, old)
        self.signal(signal.SIGHUP)
        deadline = time.monotonic() + PATIENCE
        while not os.path.exists(self.log) and time.monotonic() < deadline:
            await asyncio.sleep(0.05)
        await asyncio.sleep(1)
        with open(old, "rb") as lines:
            for line in lines:
                if access := ACCESS_LINE.fullmatch(line.rstrip(b"\n")):
                    self.logged["wrk" if access[1] == b"wrk" else "soak"] += 1
                elif not line.startswith(b"["):
                    self.broken.append(line)
                elif not re.search(USUAL_MESSAGES, line):
                    self.messages.append(line.decode(errors="replace").strip())
        os.unlink(old)


class Soak:
    """All clients of one server, what they found, and what they are owed in the log."""

    kind = "plain"
    flags = ["--stall-timeout", "4"]  # of the server, beside the usual ones
    ssl = None  # what its clients need to open a connection

    def __init__(self, site, workers, rate):
        self.site, self.server, self.rate = site, Soaked(workers, site.root, self.flags), rate
        self.began = time.monotonic()
        self.answered, self.checked, self.faults = 0, 0, 0
        self.wrk_answered, self.wrk_uncertain = 0, 0
        self.next_turn, self.ends, self.crowded_until = 0.0, 0.0, 0.0
        self.loop = asyncio.get_running_loop()
        self.crowd_or_wrk = asyncio.Lock()  # wrk would call it an error to make room

    # Common to all clients.

    def fault(self, what):
        self.faults += 1
        if self.faults <= MANY_FAULTS:
            print(f"FAULT ({self.kind}) {what}", flush=True)
        if self.faults == MANY_FAULTS:
            self.ends = 0.0

    def goes_on(self):
        return time.monotonic() < self.ends

    def is_crowded(self, time_of_asking):
        return time_of_asking < self.crowded_until

    async def turn(self, count=1):
        """Waits until `count` more requests are within the rate."""
        now = time.monotonic()
        self.next_turn = max(self.next_turn, now - 0.1) + count / self.rate
        await asyncio.sleep(self.next_turn - now)

    async def open(self, receive_buffer=None, limit=1 << 16):
        raw = socket.socket()
        raw.setblocking(False)
        if receive_buffer:
            raw.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
        await self.loop.sock_connect(raw, (HOST, self.server.port))
        return await asyncio.open_connection(sock=raw, limit=limit, ssl=self.ssl, server_hostname=self.ssl and "localhost")

    async def head(self, reader):
        """The head of an answer. From here on the log owes a line."""
        try:
            async with asyncio.timeout(PATIENCE):
                head = await reader.readuntil(b"\r\n\r\n")
        except (asyncio.IncompleteReadError, ConnectionError, ssl.SSLError) as error:
            raise Refused from error
        self.answered += 1
        return int(head[9:12]), head

    async def reply(self, reader, sent):
        status, head = await self.head(reader)
        length = 0 if status == 304 else int(LENGTH.search(head)[1])
        try:
            async with asyncio.timeout(PATIENCE):
                body, is_whole = await reader.readexactly(length), True
        except asyncio.IncompleteReadError as error:
            body, is_whole = error.partial, False
        except (ConnectionError, ssl.SSLError):
            body, is_whole = b"", False
        return Reply(status, head, body, is_whole, sent, time.monotonic())

    @contextlib.asynccontextmanager
    async def bare(self):
        """A socket without a stream: what the server has said can be read even if it takes no more."""
        with socket.socket() as bare:
            bare.setblocking(False)
            await self.loop.sock_connect(bare, (HOST, self.server.port))
            yield bare

    async def to_the_end(self, bare):
        """Reads until the server ends the connection -> the statuses of what it said."""
        text = b""
        with contextlib.suppress(ConnectionError):
            async with asyncio.timeout(PATIENCE):
                while received := await self.loop.sock_recv(bare, 1 << 16):
                    text += received
        statuses = [int(status) for status in re.findall(rb"HTTP/1\.1 (\d{3}) ", text)]
        self.answered += len(statuses)
        return statuses

    def ended_early(self, began, when, refused, writer):
        # While it is crowded, one that has not begun to speak is idle and makes room.
        if not self.is_crowded(began):
            now, port = time.monotonic(), (writer.get_extra_info("sockname") or (HOST, "unknown"))[1]
            self.fault(f"a connection ended {when}: {refused.__cause__!r}, port {port}, {now - began:.3f} s after its "
                       f"request, {now - self.crowded_until:.0f} s after a crowd, at {time.time():.3f}")

    def check(self, request, reply):
        self.checked += 1
        what = self.what_is_wrong(request, reply)
        if what:
            self.fault(f"{request.bytes().decode()!r}: {what}")

    def what_is_wrong(self, request, reply):
        states = self.site.between(request.name, reply.sent, reply.received)
        contents = [state.content for state in states]
        ranged = CONTENT_RANGE.search(reply.head)
        match reply.status:
            case 404:
                return None if None in contents else "404, and it is there"
            case 503:
                return None if self.is_crowded(reply.sent) else "503, and nobody crowds in"
            case 304:
                return None if request.known and request.known[1] in contents else "304, and it is another one"
            case 416:
                is_beyond = any(content is not None and len(content) <= request.first for content in contents)
                return None if is_beyond else "416, and it is not as short"
            case 200:
                first, total = 0, int(LENGTH.search(reply.head)[1])
                part = slice(0, total)
            case 206 if ranged and ranged[1] and int(ranged[1]) == request.first:
                first, total = request.first, int(ranged[3])
                part = slice(first, min(request.last + 1, total))
                if request.known:  # If-Range: the rest of what is known, or everything
                    states = [state for state in states if state.content == request.known[1] or state.is_cut]
            case _:
                return f"status {reply.status}"
        cuts = [len(state.content) for state in states if state.is_cut]
        for state in states:
            if state.content is None or len(state.content) != total:
                continue
            expected = state.content[part]
            if reply.is_whole and reply.body == expected:
                return None
            # A file that is cut short while it is sent breaks off, or has zeros there: sendfile does not copy.
            sure = max(0, min(cuts, default=0) - first)
            if cuts and min(cuts) < total and reply.body[:sure] == expected[:len(reply.body)][:sure]:
                return None
        return f"{reply.status}, {len(reply.body)} bytes of {total}, which are of no version of that time"

    def wanted(self, known):
        """Something to ask for: often all of a file, sometimes a range of it, or whether it is still the same."""
        request = Request(random.choice(NAMES))
        if random.random() < 0.25:
            size = STEADY.get(request.name) or CHANGING.get(request.name) or LINKED.get(request.name) or 1
            request.first = random.randrange(size)
            request.last = request.first + random.randrange(size)
        if random.random() < 0.5:
            request.known = known.get(request.name)
        return request

    # Well-behaved clients: every answer is checked.

    async def keeps_alive(self, batch=1):
        """One connection for many requests, `batch` of them at once."""
        known, connection = {}, None
        while self.goes_on():
            await self.turn(batch)
            requests = [self.wanted(known) for _ in range(batch)]
            replies, is_new = [], connection is None
            connection = connection or await self.open()
            try:
                sent = time.monotonic()
                connection[1].write(b"".join(request.bytes() for request in requests))
                for request in requests:
                    reply = await self.reply(connection[0], sent)
                    replies.append(reply)
                    self.check(request, reply)
                    if not reply.is_whole or reply.status == 503:
                        raise Refused
                    if reply.status == 200 and (tag := TAG.search(reply.head)):
                        known[request.name] = tag[1].decode(), reply.body
            except Refused as refused:
                # The server may close a connection that is idle, or whose file broke off; nothing else.
                if not replies and is_new or replies and replies[-1].is_whole and replies[-1].status != 503:
                    when = f"after {len(replies)} of {batch} answers"
                    self.ended_early(sent, when, refused, connection[1])
                connection[1].close()
                connection = None
            if connection and random.random() < 0.002:
                connection[1].close()
                connection = None
        if connection:
            connection[1].close()

    async def pipelines(self):
        await self.keeps_alive(batch=8)

    async def connects_each_time(self):
        while self.goes_on():
            await self.turn()
            reader, writer = await self.open()
            request, sent = self.wanted({}), time.monotonic()
            writer.write(request.bytes().replace(b"\r\n\r\n", b"\r\nConnection: close\r\n\r\n"))
            try:
                reply = await self.reply(reader, sent)
                self.check(request, reply)
                if reply.is_whole and reply.status != 503:
                    async with asyncio.timeout(PATIENCE):
                        if await reader.read(1):
                            self.fault("there is more after the last answer")
            except Refused as refused:
                self.ended_early(sent, "without an answer", refused, writer)
            writer.close()

    async def scans(self):
        """Names that are not there, each once."""
        reader = writer = None
        while self.goes_on():
            await self.turn()
            if not writer:
                reader, writer = await self.open()
            request = Request(f"{random.choice(['', 'many/', 'link/'])}{random.randbytes(12).hex()}.php")
            self.site.states[request.name].append(State(None, 0))
            try:
                writer.write(request.bytes())
                self.check(request, await self.reply(reader, time.monotonic()))
            except Refused:
                writer.close()
                writer = None
            del self.site.states[request.name]
        if writer:
            writer.close()

    async def reads_slowly(self):
        while self.goes_on():
            reader, writer = await self.open(receive_buffer=1 << 15, limit=1 << 14)
            sent, request, body = time.monotonic(), Request("large"), b""
            writer.write(request.bytes())
            try:
                status, head = await self.head(reader)
                while len(body) < STEADY["large"] and (received := await reader.read(1 << 14)):
                    body += received
                    await asyncio.sleep(random.uniform(0, 0.1))
                is_whole = len(body) == STEADY["large"]
                self.check(request, Reply(status, head, body, is_whole, sent, time.monotonic()))
            except Refused as refused:
                self.ended_early(sent, "without an answer to a slow reader", refused, writer)
            writer.close()

    # Clients that are not.

    async def breaks_off(self):
        while self.goes_on():
            await self.turn()
            reader, writer = await self.open()
            writer.write(Request(HUGE, *random.choice([(), (random.randrange(HUGE_BYTES // 2), HUGE_BYTES)])).bytes())
            with contextlib.suppress(Refused):
                await self.head(reader)
                await reader.read(random.randrange(1 << 20))
            if random.random() < 0.5:
                # A reset, and no orderly end.
                writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            writer.transport.abort()
            await asyncio.sleep(random.uniform(0, 0.2))

    async def stops_reading(self):
        """Reads no more, until the server closes the connection."""
        while self.goes_on():
            reader, writer = await self.open(receive_buffer=1 << 15, limit=1 << 12)
            writer.write(Request(HUGE).bytes())
            with contextlib.suppress(Refused):
                await self.head(reader)
                await asyncio.sleep(random.uniform(3, 7))
            writer.transport.abort()

    async def talks_garbage(self):
        while self.goes_on():
            await self.turn()
            noise = random.randbytes(random.randrange(1, 3000)).replace(b"\n", b"") + b"\r\n\r\n"
            async with self.bare() as bare:
                began = time.monotonic()
                await self.loop.sock_sendall(bare, random.choice([*GARBAGE, noise]))
                statuses = await self.to_the_end(bare)
            if statuses not in ([400], [414], [431], [501], [505]) and not self.is_crowded(began):
                self.fault(f"garbage is answered with {statuses}")
            await asyncio.sleep(random.uniform(0, 0.2))

    async def dribbles(self):
        """A head byte by byte, left unfinished: given up, half closed, or for the server to time out."""
        head = Request("page").bytes()
        while self.goes_on():
            async with self.bare() as bare:
                began = time.monotonic()
                with contextlib.suppress(ConnectionError):
                    for position in range(random.randrange(1, len(head) - 1)):
                        await self.loop.sock_sendall(bare, head[position:position + 1])
                        await asyncio.sleep(0.01)
                is_late = time.monotonic() > began + HEAD_TIMEOUT / 2  # this machine is busy
                gives_up, half_closes = random.choice([(True, False), (False, True), (False, False)])
                if is_late or self.is_crowded(began):
                    await self.to_the_end(bare)  # it may have been turned away, or not
                elif not gives_up:
                    if half_closes:
                        self.half_close(bare)
                    statuses = await self.to_the_end(bare)
                    if statuses != ([] if half_closes else [408]):
                        self.fault(f"an unfinished head is answered with {statuses}, half closed: {half_closes}")

    async def stays_idle(self):
        """With a request or without one, until the server ends it, or not as long."""
        while self.goes_on():
            async with self.bare() as bare:
                if random.random() < 0.5:
                    await self.loop.sock_sendall(bare, Request("tiny").bytes())
                end = self.loop.call_later(random.uniform(0, 10), self.half_close, bare)
                await self.to_the_end(bare)
                end.cancel()

    def half_close(self, bare):
        with contextlib.suppress(OSError):
            bare.shutdown(socket.SHUT_WR)

    async def crowds_in(self):
        """Now and then more connections than there may be, for a second: idle ones are to make room."""
        await asyncio.sleep(min(15, (self.ends - time.monotonic()) / 3))
        while self.goes_on():
            async with self.crowd_or_wrk:
                self.crowded_until = math.inf
                crowd = [socket.socket() for _ in range(CROWD)]
                try:
                    await asyncio.gather(*map(self.one_of_a_crowd, crowd))
                    await asyncio.sleep(1)
                finally:
                    for bare in crowd:
                        bare.close()
                self.crowded_until = time.monotonic() + 2
            await self.pause(45)

    async def one_of_a_crowd(self, bare):
        bare.setblocking(False)
        await self.loop.sock_connect(bare, (HOST, self.server.port))
        text = b""
        with contextlib.suppress(ConnectionError):
            await self.loop.sock_sendall(bare, Request("tiny").bytes())
            async with asyncio.timeout(PATIENCE):
                text = await self.loop.sock_recv(bare, 1 << 16)  # small enough to come at once
        self.answered += bool(text)
        if text and not text.startswith((b"HTTP/1.1 200 ", b"HTTP/1.1 503 ")):
            self.fault(f"a crowd is answered with {text[:100]}")

    async def runs_wrk(self):
        script = os.path.join(harness.new_folder(), "slowly.lua")
        connections, milliseconds = 8, 8 * 1000 * 5 // self.rate + 1  # a fifth of the rate
        with open(script, "w") as file:
            file.write(f"function delay() return {milliseconds} end\n")
        command = ["wrk", "-t1", f"-c{connections}", "-d3s", "-s", script, "-H", "User-Agent: wrk",
                   f"http://{HOST}:{self.server.port}/page"]
        while self.goes_on() and shutil.which("wrk"):
            async with self.crowd_or_wrk:
                wrk = await asyncio.create_subprocess_exec(*command, stdout=subprocess.PIPE)
                said = (await wrk.communicate())[0].decode()
            self.wrk_answered += int(re.search(r"(\d+) requests in", said)[1])
            self.wrk_uncertain += connections  # what was under way at its end
            if complaint := re.search(r"Socket errors.*|Non-2xx.*", said):
                self.fault(f"wrk: {complaint[0]}")
            await self.pause(20)

    # Changes and looks beside the clients.

    async def pause(self, seconds):
        await asyncio.sleep(max(0, min(seconds, self.ends - time.monotonic())))

    async def changes_files(self):
        while self.goes_on():
            self.site.change()
            await asyncio.sleep(0.05)

    async def swaps_the_link(self):
        while self.goes_on():
            self.site.swap()
            await asyncio.sleep(1)

    async def rotates(self):
        while self.goes_on():
            await self.pause(30)
            await self.server.rotate()

    async def run(self, client):
        """A client for as long as it goes on; what it did not expect is a fault."""
        while True:
            try:
                return await client()
            except (Refused, OSError) as error:
                self.fault(f"{client.__name__}: {error!r}")
                await asyncio.sleep(0.1)

    async def watches(self):
        """Looks every 10 seconds, says so every minute."""
        most = 0
        for look in range(1, 1 << 30):
            await self.pause(10)
            most = max(most, self.server.status("VmRSS"))
            if look % 6 == 0 or not self.goes_on():
                minutes, memory = (time.monotonic() - self.began) / 60, self.server.status("VmRSS")
                descriptors, threads = self.server.descriptors().total(), self.server.status("Threads")
                print(f"{minutes:5.1f} min  {self.kind:5}  {self.answered} requests  {self.faults} faults  {memory} KiB resident, "
                      f"{most} at most  {descriptors} descriptors  {threads} threads  "
                      f"{self.server.cpu_seconds():.0f} s cpu", flush=True)
            if not self.goes_on():
                return

    def clients(self):
        """Who does what, and how many of them."""
        return [(self.keeps_alive, 16), (self.pipelines, 4), (self.connects_each_time, 8), (self.scans, 2),
                (self.reads_slowly, 6), (self.breaks_off, 4), (self.stops_reading, 6), (self.talks_garbage, 2),
                (self.dribbles, 10), (self.stays_idle, 20), (self.crowds_in, 1), (self.runs_wrk, 1),
                (self.changes_files, 1), (self.swaps_the_link, 1), (self.rotates, 1), (self.watches, 1)]

    async def load(self, seconds):
        """Everything at once for so long, until the last client has left."""
        self.ends = time.monotonic() + seconds
        async with asyncio.timeout(seconds + 3 * PATIENCE), asyncio.TaskGroup() as group:
            for client, count in self.clients():
                for _ in range(count):
                    group.create_task(self.run(client))

    async def rest(self, at_start):
        """Everybody has left: what the server holds now -> its memory and its descriptors."""
        deadline = time.monotonic() + PATIENCE
        while (held := self.server.descriptors())["sockets"] != at_start["sockets"] and time.monotonic() < deadline:
            await asyncio.sleep(0.2)
        for _ in range(5):  # a machine that is busy writes the last lines late
            await self.server.rotate()
            if self.server.logged["soak"] == self.answered:
                break
        for kind in ("sockets", "own"):
            if held[kind] != at_start[kind]:
                self.fault(f"descriptors ({kind}): {at_start[kind]} at the start, {held[kind]} when all have left")
        lines = self.server.logged
        if lines["soak"] != self.answered:
            self.fault(f"{self.answered} requests were answered, and the log has {lines['soak']} lines of them")
        if not self.wrk_answered <= lines["wrk"] <= self.wrk_answered + self.wrk_uncertain:
            self.fault(f"wrk had {self.wrk_answered} answers, and the log has {lines['wrk']} lines of them")
        for line in self.server.broken + self.server.messages:
            self.fault(f"in the log: {line}")
        self.server.broken, self.server.messages = [], []
        return self.server.status("VmRSS"), held


    async def whole(self, minutes, workers):
        """The warm-up, the load, and what is left when all have gone."""
        self.server.await_rest()  # what it holds only while it starts is gone
        at_start = self.server.descriptors()
        warm_up = min(120, minutes * 20)
        await self.load(warm_up)
        memory, _ = await self.rest(at_start)
        if self.faults < MANY_FAULTS:
            await self.load(minutes * 60 - warm_up)
        later, held = await self.rest(at_start)
        cpu = self.server.cpu_seconds() / max(self.answered + self.wrk_answered, 1) * 1e6
        print(f"{self.kind}: {self.answered} answers, {self.checked} of them checked, and {self.wrk_answered} to wrk; "
              f"{cpu:.0f} us of cpu each\nat rest {memory} KiB resident after the warm-up and {later} at the end, "
              f"{held['files']} files open")
        if later - memory > ALLOWED_GROWTH[0] + memory * ALLOWED_GROWTH[1]:
            self.fault(f"memory has grown from {memory} to {later} KiB")
        # A worker may keep a file open once for each name that is too large to be kept in memory.
        names = [name for name, size in {**STEADY, **CHANGING, **LINKED, HUGE: HUGE_BYTES}.items() if size > 65_536]
        if held["files"] - at_start["files"] > len(names) * workers:
            self.fault(f"{held['files']} files are open, of {len(names)} that may be, by {workers} workers")

    def stop(self):
        self.server.signal(signal.SIGTERM)
        status = self.server.await_exit(PATIENCE)
        if status != 0 or len(self.server.lines) != 2:  # it listens, and standard error ends
            self.fault(f"the server ended with status {status} and had said {' / '.join(self.server.lines)[:2000]!r}")


class TlsSoak(Soak):
    """The same by TLS, of what goes through a stream, and clients that break a handshake off."""

    kind = "TLS"

    def __init__(self, *arguments):
        folder = harness.new_folder()
        certificate, key = f"{folder}/cert.pem", f"{folder}/key.pem"
        subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes",
                        "-days", "2", "-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost",
                        "-keyout", key, "-out", certificate], check=True, stderr=subprocess.DEVNULL)
        os.chmod(key, 0o644)
        # A stream of asyncio's reads 256 KiB ahead by TLS, and then nothing until they are taken.
        self.flags = ["--tls-cert", certificate, "--tls-key", key, "--stall-timeout", "10"]
        self.ssl = ssl.create_default_context(cafile=certificate)
        super().__init__(*arguments)

    def clients(self):
        return [(self.keeps_alive, 8), (self.pipelines, 2), (self.connects_each_time, 4), (self.scans, 1),
                (self.reads_slowly, 3), (self.breaks_off, 2), (self.stops_reading, 3), (self.breaks_handshakes, 4),
                (self.rotates, 1), (self.watches, 1)]

    async def breaks_handshakes(self):
        """A piece of what a client says first, or noise, and no more."""
        while self.goes_on():
            await self.turn()
            outgoing = ssl.MemoryBIO()
            connection = self.ssl.wrap_bio(ssl.MemoryBIO(), outgoing, server_hostname="localhost")
            with contextlib.suppress(ssl.SSLWantReadError):
                connection.do_handshake()
            hello = outgoing.read()
            async with self.bare() as bare:
                with contextlib.suppress(ConnectionError):
                    await self.loop.sock_sendall(bare, random.choice(
                        [b"", hello, hello[:random.randrange(len(hello))], b"\x16" + random.randbytes(300)]))
                if random.random() < 0.5:
                    self.half_close(bare)
                    async with asyncio.timeout(PATIENCE):
                        with contextlib.suppress(ConnectionError):
                            while await self.loop.sock_recv(bare, 1 << 16):
                                pass
            await asyncio.sleep(random.uniform(0, 0.5))


# Each kind of load, and its share.
KINDS = [(Soak, 2 / 3), (TlsSoak, 1 / 3)]


async def soak(options):
    site = Site(harness.new_folder())
    kinds = KINDS if shutil.which("openssl") else KINDS[:1]
    runs = [kind(site, options.workers, options.rate * share) for kind, share in kinds]
    try:
        await asyncio.gather(*(run.whole(options.minutes, options.workers) for run in runs))
        for run in runs:
            run.stop()
    except (OSError, TimeoutError, harness.Broken) as error:
        runs[0].fault(f"the run has come to nothing, the servers' status is "
                      f"{[run.server.process.poll() for run in runs]}: {error!r}")
    finally:
        for run in runs:
            run.server.end()
    faults = sum(run.faults for run in runs)
    print(f"{faults} faults" if faults else "nothing was wrong")
    return 1 if faults else 0


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("httpd", nargs="?", metavar="HTTPD")
    parser.add_argument("--minutes", type=float, default=60)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--rate", type=int, default=2000, help="requests a second of all clients together")
    options = parser.parse_args()
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    if hard < 2 * DESCRIPTORS:
        raise SystemExit(f"{2 * DESCRIPTORS} descriptors are needed, and the limit is {hard} (ulimit -Hn)")
    with harness.prepared(options.httpd):
        return asyncio.run(soak(options))


if __name__ == "__main__":
    sys.exit(main())
