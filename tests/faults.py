#!/usr/bin/env python3
"""Promises of robustness, each shown on the real httpd: under abuse, while files and logs change beneath it,
through signals and upgrades, with system calls that fail, in packets, and locked down.

    tests/faults.py [HTTPD] [--only SUBSTRING]

HTTPD is the binary; without it the script builds target/release/httpd. --only shows the promises whose heading
or text holds SUBSTRING. Needs Linux, Python 3.10 and nothing else. These are used where they are found, and what
needs them is skipped with a word where they are not: slowhttptest, wrk, strace. Some promises need more than
others may give: 4,096 descriptors, root (to be nobody, whom chmod stops), a kernel with Landlock, /dev/fuse.

One line a promise: `ok`, `FAIL` with why, or `skip` with what is missing. Exit status 1 when a promise is
broken, 2 when the server can't be started. About three minutes. Everything talks to 127.0.0.1 and lives in one
temporary folder; every wait has its end.
"""
import argparse, collections, contextlib, ctypes, itertools, os, re, resource, shutil, signal, socket
import struct, subprocess, sys, tempfile, threading, time

from slow_disk import SlowDisk, Unavailable

PATIENCE = 10  # seconds for anything that should take milliseconds
LONGEST = 75  # seconds for one promise
KIB, MIB = 1024, 1024 * 1024
SMALL = b"small file\n" * 90
REQUEST = b"GET /small.txt HTTP/1.1\r\nHost: a\r\n\r\n"
NOBODY = 65534

scratch = None  # the temporary folder
httpd = None  # the binary that is tested, copied to where everybody may run it
promises = []


class Broken(Exception):
    """The promise is broken."""


class Missing(Exception):
    """Something that the promise needs is not here."""


def promise(heading, text):
    """Makes a function a promise. It keeps it by returning."""
    def add(function):
        promises.append((heading, text, function))
        return function
    return add


def check(condition, why):
    if not condition:
        raise Broken(why)


def need(program):
    if not shutil.which(program):
        raise Missing(f"{program} is not found")


def eventually(what, condition, within=PATIENCE):
    """Waits until the condition holds, and returns what it returned."""
    end = time.monotonic() + within
    while True:
        result = condition()
        if result:
            return result
        check(time.monotonic() < end, f"not within {within} s: {what}")
        time.sleep(0.01)


# ---------------------------------------------------------------------------------------------- the server


def make_site(**files):
    """A folder to serve, with small.txt and large.bin (32 MiB without a byte on the disk) in it."""
    root = tempfile.mkdtemp(prefix="site-", dir=scratch)
    os.chmod(root, 0o755)
    write(f"{root}/small.txt", SMALL)
    with open(f"{root}/large.bin", "wb") as file:
        file.truncate(32 * MIB)
    for name, content in files.items():
        write(f"{root}/{name}", content)
    return root


def write(path, content):
    with open(path, "wb") as file:
        file.write(content)


def put(path, content):
    """Puts a file in the place of what the path names, in one step."""
    write(f"{path}.new", content)
    os.replace(f"{path}.new", path)


class Server:
    """A running httpd, and what it says on standard error."""

    def __init__(self, root, *flags, port=0, log="warn", wrap=(), as_nobody=False, listener=None):
        command = [*wrap, httpd, "-r", root, *flags]
        if listener is None:
            command += ["--port", str(port)]
        else:  # as systemd does it: the listener is descriptor 3, and the variables say whose it is
            command = ["sh", "-c", 'LISTEN_FDS=1 LISTEN_PID=$$ exec "$@" 3<&0 </dev/null', "sh", *command]
        who = dict(user=NOBODY, group=NOBODY, extra_groups=[]) if as_nobody and os.geteuid() == 0 else {}
        environment = {name: value for name, value in os.environ.items() if not name.startswith("HTTPD_")}
        self.root, self.lines, self.said = root, [], threading.Condition()
        self.process = subprocess.Popen(
            command, stdin=listener or subprocess.DEVNULL, stderr=subprocess.PIPE, env=dict(environment, RUST_LOG=log),
            text=True, errors="replace", **who)
        self.pid, self.may_end = self.process.pid, False
        threading.Thread(target=self.listen, daemon=True).start()
        try:
            found = self.await_line(r"listening on http://\S+:(\d+)")
        except Broken:
            self.end()
            raise Broken(f"it does not start: {' / '.join(self.lines)}")
        self.port, self.own_sockets = int(found.group(1)), self.sockets()

    def listen(self):
        for line in self.process.stderr:
            with self.said:
                self.lines.append(line.rstrip("\n"))
                self.said.notify_all()
        with self.said:
            self.lines.append("(standard error ends)")
            self.said.notify_all()

    def await_line(self, pattern):
        """Waits for a line that the pattern is found in; its match."""
        def found():
            return next(filter(None, (re.search(pattern, line) for line in self.lines)), None)
        with self.said:
            self.said.wait_for(lambda: found() or "(standard error ends)" in self.lines, PATIENCE)
            return found() or self.complain(f"no line «{pattern}»")

    def complain(self, what):
        raise Broken(f"{what}; it said: {' / '.join(self.lines[-5:])}")

    def count(self, pattern):
        return sum(bool(re.search(pattern, line)) for line in self.lines)

    def signal(self, number):
        os.kill(self.pid, number)

    def await_exit(self, within=PATIENCE):
        """Its exit status, once it has ended by itself."""
        self.may_end = True
        try:
            return self.process.wait(within)
        except subprocess.TimeoutExpired:
            self.complain(f"it does not end within {within} s")

    def end(self):
        if self.process.poll() is None:
            self.process.terminate()
            try:
                self.process.wait(2)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()

    def __enter__(self):
        return self

    def __exit__(self, kind, *_):
        has_ended = self.process.poll()
        self.end()
        if has_ended is not None and not self.may_end:
            self.complain(f"the server ended by itself with {has_ended}")
        if self.count("panicked"):
            self.complain("the server panicked")

    def __str__(self):
        return f"http://127.0.0.1:{self.port}"

    # What the kernel says of the process.

    def status(self, name, thread=None):
        """A line of /proc/PID/status; memory in KiB."""
        with open(f"/proc/{self.pid}/task/{thread or self.pid}/status") as lines:
            return int(next(line.split()[1] for line in lines if line.startswith(name + ":")))

    def threads(self):
        return os.listdir(f"/proc/{self.pid}/task")

    def resident(self):
        return self.status("VmRSS") * KIB

    def cpu_seconds(self):
        with open(f"/proc/{self.pid}/stat") as file:
            fields = file.read().rsplit(")", 1)[1].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def connections(self):
        return self.sockets() - self.own_sockets

    def sockets(self):
        return sum(link.startswith("socket:") for link in self.links())

    def links(self):
        """What its descriptors stand for."""
        folder = f"/proc/{self.pid}/fd"
        for name in os.listdir(folder):
            with contextlib.suppress(FileNotFoundError):
                yield os.readlink(f"{folder}/{name}")

    def await_rest(self):
        """Waits until it does nothing any more: no processor time in a third of a second."""
        def rests():
            before = self.cpu_seconds()
            time.sleep(0.3)
            return self.cpu_seconds() == before
        eventually("the server comes to rest", rests)

    # One request.

    def get(self, path="/small.txt", **options):
        with Client(self, **options) as client:
            return client.get(path)

    def check_serves(self):
        response = self.get()
        check((response.status, response.body) == (200, SMALL), f"the next client gets a {response.status}")


# ---------------------------------------------------------------------------------------------- the client

Response = collections.namedtuple("Response", "status fields body")


class Closed(Exception):
    """The connection ended: `begun` says whether a response had."""

    def __init__(self, begun, how):
        super().__init__(f"closed {'within' if begun else 'instead of'} a response ({how})")
        self.begun = begun


class Client:
    """A connection. It believes nothing: a response is read strictly, by its Content-Length."""

    def __init__(self, server, source=None, receive_buffer=None, segment=None):
        self.socket = socket.socket()
        self.socket.settimeout(PATIENCE)
        if segment:  # small ones make the kernel keep less for the server, too
            self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_MAXSEG, segment)
        if receive_buffer:
            self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
        if source:
            self.socket.bind((source, 0))
        try:
            self.socket.connect(("127.0.0.1", server if isinstance(server, int) else server.port))
        except OSError:
            self.socket.close()
            raise
        self.input = self.socket.makefile("rb", 256 * KIB)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def close(self):
        self.input.close()
        self.socket.close()

    def reset(self):
        """Leaves without an orderly end."""
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.close()

    def send(self, data):
        self.socket.sendall(data)

    def ask(self, path="/small.txt", extra=""):
        self.send(f"GET {path} HTTP/1.1\r\nHost: a\r\n{extra}\r\n".encode())

    def get(self, path="/small.txt"):
        try:
            self.ask(path)
        except (BrokenPipeError, ConnectionResetError) as error:
            raise Closed(False, error)
        return self.response()

    def head(self):
        """The status and the fields."""
        begun = False
        try:
            line = self.input.readline()
            begun = bool(line)
            found = re.fullmatch(rb"HTTP/1\.1 (\d{3}) [^\r\n]*\r\n", line)
            if not found:
                raise Closed(begun, "the end") if not line.endswith(b"\n") else Broken(f"a status line {line[:80]}")
            fields = {}
            while (line := self.input.readline()) != b"\r\n":
                if not line.endswith(b"\r\n"):
                    raise Closed(True, "the end")
                name, _, value = line.partition(b":")
                fields[name.lower().decode()] = value.strip().decode()
            return int(found.group(1)), fields
        except ConnectionResetError as error:
            raise Closed(begun, error)
        except TimeoutError:
            raise Broken("a request hangs: no response")

    def response(self):
        status, fields = self.head()
        length = int(fields["content-length"]) if "content-length" in fields else 0
        try:
            body = self.input.read(length)
        except ConnectionResetError as error:
            raise Closed(True, error)
        except TimeoutError:
            raise Broken("a response hangs in its middle")
        if len(body) < length:
            raise Closed(True, f"{len(body)} bytes of {length}")
        return Response(status, fields, body)

    def await_end(self, within=PATIENCE):
        """What comes until the server ends the connection."""
        received = b""
        self.socket.settimeout(within)
        try:
            while piece := self.input.read1(64 * KIB):
                received += piece
        except ConnectionResetError:
            pass
        except TimeoutError:
            raise Broken(f"a connection is not ended within {within} s")
        return received


class Crowd:
    """Threads that do the same until they are told that it is over. What one of them meets is raised here."""

    def __init__(self, count, work):
        self.over, self.errors = threading.Event(), []
        self.threads = [threading.Thread(target=self.run, args=(work, number), daemon=True) for number in range(count)]

    def run(self, work, number):
        try:
            work(number, self.over)
        except Exception as error:
            self.errors.append(error)

    def __enter__(self):
        for thread in self.threads:
            thread.start()
        return self

    def __exit__(self, kind, *_):
        self.over.set()
        for thread in self.threads:
            thread.join(PATIENCE + 5)
        if self.errors and (kind is None or issubclass(kind, Broken)):
            raise self.errors[0]
        if kind is None and any(thread.is_alive() for thread in self.threads):
            raise Broken("a client hangs")


# ---------------------------------------------------------------------------------------------- ABUSE


class Visitor:
    """An ordinary client that asks for a small file every 5 ms while others misbehave."""

    def __init__(self, server):
        self.times, self.failures = [], []
        self.crowd = Crowd(1, lambda _, over: self.visit(server, over))

    def visit(self, server, over):
        client, due = Client(server), time.perf_counter()
        while not over.is_set():
            # Who is kept waiting asks late, and that counts: a second without service delays two hundred requests.
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
    log = f"{tempfile.mkdtemp(dir=scratch)}/log"
    with Server(make_site(), "--backlog", "1024", "--file-log", log, *server_flags, log="info") as server:
        command = ["slowhttptest", *flags.split(), "-c", "1000", "-r", "500", "-l", str(seconds)]
        command += ["-u", f"{server}{path}"]
        with Visitor(server) as visitor, Server(make_site()) as other, Visitor(other) as bystander:
            end = time.monotonic() + seconds
            while time.monotonic() < end - 1 and not visitor.failures:
                subprocess.run(command, stdout=subprocess.DEVNULL, timeout=60, cwd=scratch)
        count, failures, slow = len(visitor.times), visitor.failures, visitor.slow()
        check(not failures, f"{len(failures)} of {count} requests fail: {failures[:3]}")
        # What a busy machine costs, it costs the visitor of another server too, by luck the half of it; it excuses
        # no more than 150 ms.
        excuse = min(2 * bystander.slow(), 0.15)
        check(slow < 0.05 + excuse, f"the 99th percentile of {count} requests is {slow * 1000:.0f} ms, of another "
                                    f"server's {bystander.slow() * 1000:.0f} ms")
        check(server.resident() < 96 * MIB, f"it has {server.resident() // MIB} MiB of memory")
        server.signal(signal.SIGTERM)  # what was not finished is logged now
        server.await_exit(15)
    with open(log) as lines:
        attacks = sum(not OWN_LINE.fullmatch(line.rstrip()) and '"GET /small.txt' not in line for line in lines)
    check(attacks >= 900, f"slowhttptest made {attacks} connections only")


@promise("ABUSE", "1,000 slow heads (slowhttptest -H) cost others nothing: p99 below 50 ms, no failure")
def slow_heads():
    attack("-H -i 1 -x 24", "/large.bin", "--head-timeout", "3")


@promise("ABUSE", "1,000 slow bodies (slowhttptest -B) cost others nothing")
def slow_bodies():
    attack("-B -i 1 -s 8192 -x 10", "/large.bin", "--stall-timeout", "3")


@promise("ABUSE", "1,000 slow readers (slowhttptest -X) cost others nothing")
def slow_readers():
    attack("-X -w 512 -y 1024 -n 1 -z 32 -k 3", "/large.bin", "--stall-timeout", "3", "--grace", "0.5", seconds=15)


@promise("ABUSE", "1,000 clients with overlapping ranges (slowhttptest -R) cost others nothing")
def ranges():
    attack("-R -a 5 -b 2000", "/large.bin", "--idle-timeout", "3")


@promise("ABUSE", "a head that is dribbled is answered 408 when the head timeout is over, whatever still comes")
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


@promise("ABUSE", "who takes a response slower than --min-rate is cut off, though it takes a little all the time")
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


@promise("ABUSE", "what a client that was cut off left unread is not kept by the kernel either")
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


@promise("ABUSE", "who takes a response faster than --min-rate gets the whole, however long it takes")
def above_the_rate():
    content = os.urandom(MIB)
    root = make_site(**{"mib.bin": content})
    with Server(root, "--min-rate", "100000", "--stall-timeout", "0.5") as server:
        with Client(server, receive_buffer=4096) as client:
            client.ask("/mib.bin")
            length = int(client.head()[1]["content-length"])
            rest = length - len(client.input.peek())  # what the reader of the head has in its buffer
            check(read_slowly(client, rest, 400_000) == rest, "cut off")


@promise("ABUSE", "at --max-connections the idle connection that waits longest makes room")
def idle_make_room():
    with Server(make_site(), "--max-connections", "4") as server, contextlib.ExitStack() as stack:
        clients = [stack.enter_context(Client(server)) for _ in range(4)]
        for client in clients:
            check(client.get().status == 200, "no 200 below the limit")
        newcomer = stack.enter_context(Client(server))
        check(newcomer.get().status == 200, "the newcomer gets no 200")
        clients[0].await_end(2)
        for client in clients[1:] + [newcomer]:
            check(client.get().body == SMALL, "a connection that was not the oldest is disturbed")


@promise("ABUSE", "at --max-connections, four workers: 200 newcomers in a row are served, and idle ones make room")
def idle_make_room_in_all_workers():
    with Server(make_site(), "--max-connections", "8", "-w", "4") as server, contextlib.ExitStack() as stack:
        for number in range(200):
            status = stack.enter_context(Client(server)).get().status
            check(status == 200, f"newcomer {number} gets a {status}")
        eventually("no more than 8 are open", lambda: server.connections() <= 8)


def turn_away(workers):
    flags = ["--max-connections", "4", "--backlog", "64", "-w", workers]
    with Server(make_site(), *flags) as server, contextlib.ExitStack() as stack:
        clients = [stack.enter_context(Client(server, receive_buffer=4096)) for _ in range(4)]
        for client in clients:
            client.ask("/large.bin")
            client.head()
        for _ in range(20):
            with Client(server) as newcomer:
                response = newcomer.get()
                check(response.status == 503, f"the newcomer gets a {response.status}")
                check(response.fields.get("connection") == "close" and response.body, "the 503 is not whole")
                check(newcomer.await_end() == b"", "bytes behind the 503")
        clients[0].close()
        eventually("there is room again", lambda: server.get().status == 200)


@promise("ABUSE", "at --max-connections with none idle the newcomer gets a whole 503, and 200 when there is room again")
def none_idle():
    turn_away("1")


@promise("ABUSE", "at --max-connections with none idle, four workers: the same")
def none_idle_in_all_workers():
    turn_away("4")


@promise("ABUSE", "beyond --max-connections-per-ip a client gets 503, and another address is served, four workers too")
def per_address():
    for workers in ("1", "4"):
        flags = ["--max-connections-per-ip", "3", "-w", workers]
        with Server(make_site(), *flags) as server, contextlib.ExitStack() as stack:
            clients = [stack.enter_context(Client(server)) for _ in range(3)]
            for client in clients:
                check(client.get().status == 200, "no 200 below the limit")
            check(server.get().status == 503, "the fourth gets no 503")
            check(server.get(source="127.0.0.2").status == 200, "another address is not served")
            check(all(client.get().status == 200 for client in clients), "the first three are disturbed")
            clients[0].close()
            eventually("a closed one makes room", lambda: server.get().status == 200)


@promise("ABUSE", "without descriptors the server rests (below 20 % of a processor) and serves when they come back")
def no_descriptors():
    with Server(make_site(), "--backlog", "512") as server:
        # The limit falls while it runs: it was started with enough for all connections that it lets in.
        resource.prlimit(server.pid, resource.RLIMIT_NOFILE, (64, 64))
        clients = []
        for _ in range(150):
            clients.append(Client(server))
            clients[-1].send(b"GET /small.txt HTTP/1.1\r\n")  # a head that is begun: not idle
        eventually("it runs out of descriptors", lambda: len(os.listdir(f"/proc/{server.pid}/fd")) >= 60)
        began, before = time.monotonic(), server.cpu_seconds()
        time.sleep(1)
        used = (server.cpu_seconds() - before) / (time.monotonic() - began)
        check(used < 0.2, f"it uses {used:.0%} of a processor")
        for client in clients:
            client.close()
        eventually("it serves again", lambda: server.get().status == 200)


def pipeline(client, count, request=REQUEST):
    """Sends requests and reads nothing, until all are sent or the server takes no more; what is left."""
    left = memoryview(request * count)
    client.socket.settimeout(0.3)
    with contextlib.suppress(TimeoutError):
        while left:
            left = left[client.socket.send(left[:64 * KIB]):]
    client.socket.settimeout(PATIENCE)
    return left


@promise("ABUSE", "10,000 pipelined requests whose answers nobody reads cost below 2 MiB, and all are answered")
def unread_pipeline():
    with Server(make_site()) as server, Client(server, receive_buffer=4096) as client:
        server.check_serves()
        server.await_rest()
        before = server.resident()
        left = pipeline(client, 10_000)
        server.await_rest()
        grown = server.resident() - before
        check(grown < 2 * MIB, f"{grown // KIB} KiB")
        with Crowd(1, lambda *_: client.send(left)):
            for number in range(10_000):
                check(client.response().body == SMALL, f"response {number} is wrong")


@promise("ABUSE", "200 such pipelines cost below 160 KiB each")
def many_unread_pipelines():
    with Server(make_site(), "--backlog", "512") as server, contextlib.ExitStack() as stack:
        server.check_serves()
        server.await_rest()
        before = server.resident()
        for _ in range(200):
            pipeline(stack.enter_context(Client(server, receive_buffer=4096, segment=536)), 2000)
        server.await_rest()
        each = (server.resident() - before) // 200
        check(each < 160 * KIB, f"{each // KIB} KiB each")


def chunks():
    """A chunked body without end."""
    yield b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n"
    while True:
        yield b"1000\r\n" + b"x" * 4096 + b"\r\n"


HEAD = b"GET /small.txt HTTP/1.1\r\nHost: a\r\n"
GARBAGE = {
    "a TLS ClientHello": bytes.fromhex("16030100c8010000c40303") + bytes(range(190)),
    "the HTTP/2 preface": b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + bytes.fromhex("000000040000000000"),
    "random bytes": bytes((number * 7919 + 13) % 251 for number in range(40_000)),
    "high bytes": b"\xff\xfe" * 500 + b"\r\n\r\n",
    "NULs": b"\0" * 4096,
    "a NUL in the target": b"GET /\0 HTTP/1.1\r\nHost: a\r\n\r\n",
    "a megabyte without a line": b"x" * MIB,
    "a request line of a megabyte": b"GET /" + b"a" * MIB + b" HTTP/1.1\r\nHost: a\r\n\r\n",
    "a field of a megabyte": HEAD + b"X: " + b"y" * MIB + b"\r\n\r\n",
    "10,000 fields": HEAD + b"X: y\r\n" * 10_000 + b"\r\n",
    "empty lines": b"\r\n" * 100_000,
    "line feeds": b"\n" * 100_000,
    "a length below nothing": HEAD + b"Content-Length: -1\r\n\r\n",
    "a length beyond 64 bits": HEAD + b"Content-Length: 99999999999999999999\r\n\r\n",
    "a length of 18 EB and no body": HEAD + b"Content-Length: 18446744073709551615\r\n\r\n",
    "two lengths": HEAD + b"Content-Length: 1\r\nContent-Length: 2\r\n\r\n",
    "a length and chunks": HEAD + b"Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    "a chunk beyond 64 bits": HEAD + b"Transfer-Encoding: chunked\r\n\r\nfffffffffffffffff\r\n",
    "a chunk that is none": HEAD + b"Transfer-Encoding: chunked\r\n\r\nzz\r\n",
    "half a head": HEAD,
    "a way out": b"GET /../../../../etc/passwd HTTP/1.1\r\nHost: a\r\n\r\n" * 10,
    "a body without end": chunks,
}


def poke(server, garbage, half_close):
    """Sends garbage and waits for the end of the connection; what came back."""
    with Client(server) as client:
        with contextlib.suppress(BrokenPipeError, ConnectionResetError):
            for piece in garbage() if callable(garbage) else [garbage]:
                client.send(piece)
            if half_close:
                client.socket.shutdown(socket.SHUT_WR)
        return client.await_end()


@promise("ABUSE", f"{len(GARBAGE)} kinds of garbage: an error or a close for each, in time, and service for the next")
def garbage():
    flags = ["--head-timeout", "1", "--stall-timeout", "1", "--idle-timeout", "1"]
    with Server(make_site(), *flags) as server:
        def send(number, _):
            name, payload = list(GARBAGE.items())[number]
            replies = re.findall(rb"HTTP/1\.1 (\d{3}) ", poke(server, payload, False))
            # A head may be right where its body is not, and is then answered before the body comes.
            may_be_right = "chunk" in name or name == "a length of 18 EB and no body"
            is_refused = all(reply[:1] in b"45" for reply in replies)
            check(is_refused or may_be_right and len(replies) == 1, f"{name} is answered with {replies}")
        with Crowd(len(GARBAGE), send) as crowd:
            for thread in crowd.threads:
                thread.join(2 * PATIENCE)
        server.check_serves()


@promise("ABUSE", "2,000 connections of garbage leave the memory as it was (within 1 MiB)")
def garbage_for_long():
    kinds = [payload for payload in GARBAGE.values() if not callable(payload)]
    with Server(make_site()) as server:
        def rounds(count):
            def work(number, _):
                for payload in itertools.islice(itertools.cycle(kinds), number, count // 4 + number):
                    poke(server, payload, True)
            with Crowd(4, work) as crowd:
                for thread in crowd.threads:
                    thread.join(30)
            eventually("all connections are closed", lambda: server.connections() == 0)
            server.check_serves()
            return server.resident()
        first, last = rounds(400), rounds(2000)
        check(last - first < MIB, f"{(last - first) // KIB} KiB more after 2,000")


# ---------------------------------------------------------------------------------------------- FAULTS

# Each version of a file is one letter, repeated so often as no other version is: a mixture is seen at once.
SIZES = {"small.bin": 10 * KIB, "large.bin": 3 * MIB}
SECRET = b"Z" * 5000


def version(name, number):
    letter = number % 25
    return bytes([ord("A") + letter]) * (SIZES[name] + letter)


def is_version(name, body):
    return bool(body) and body[0] != ord("Z") and body == version(name, body[0] - ord("A"))


def while_it_changes(change, statuses, is_right=is_version, may_close=False, seconds=1.5):
    """Clients ask for two files while a thread changes them: `change(path, number, pause)` changes one and makes
    it a whole file again. Every response must be right, or have one of the statuses."""
    site = make_site()
    seen, letters, closed = collections.Counter(), set(), []
    for name in SIZES:
        put(f"{site}/{name}", version(name, 0))
    with Server(site, as_nobody=True) as server:
        def ask(_, over):
            client = Client(server)
            for name in itertools.cycle(SIZES):
                if over.is_set():
                    return client.close()
                try:
                    response = client.get(f"/{name}")
                except Closed as error:
                    check(may_close, error)
                    closed.append(name)
                    client = Client(server)
                    continue
                seen[response.status] += 1
                if response.status == 200:
                    letters.add(response.body[:1])
                    check(is_right(name, response.body), f"a mixture: {len(response.body)} bytes of {name}")
                else:
                    check(response.status in statuses, f"a {response.status} for {name}")
                    check(SECRET not in response.body, "the secret")
        with Crowd(3, ask) as crowd:
            end, number = time.monotonic() + seconds, 0
            while time.monotonic() < end and not crowd.errors:
                for name in SIZES:
                    number += 1
                    change(f"{site}/{name}", number, lambda: crowd.over.wait(0.002))
                    put(f"{site}/{name}", version(name, number))
                    crowd.over.wait(0.002)
        check(statuses <= set(seen), f"not seen: {statuses - set(seen)}, but {dict(seen)}")
        check(len(letters) > 5, f"{len(letters)} versions are seen only")
        for name in SIZES:
            put(f"{site}/{name}", version(name, 7))
            check(server.get(f"/{name}").body == version(name, 7), f"{name} is stale afterwards")


@promise("FAULTS", "files replaced by rename under load: every response is one whole version")
def replaced():
    while_it_changes(lambda *_: None, set())


@promise("FAULTS", "files truncated in place under load: whole, the whole rest, or a closed connection")
def truncated():
    def is_right(name, body):
        # What the kernel cuts off it makes zero, even while it is being sent: with sendfile nobody can help it.
        letters = body.rstrip(b"\0") if name == "large.bin" else body
        whole = letters[:1] * len(body)
        return is_version(name, whole) or len(body) == SIZES[name] // 2 and set(letters) <= set(letters[:1])
    def change(path, _, pause):
        os.truncate(path, SIZES[os.path.basename(path)] // 2)
        pause()
    while_it_changes(change, set(), is_right, may_close=True)


@promise("FAULTS", "a large file truncated while it is sent: the connection ends early, and nothing is made up")
def truncated_in_flight():
    root = make_site(**{"wide.bin": b"A" * (32 * MIB)})
    with Server(root) as server, Client(server, receive_buffer=64 * KIB) as client:
        client.ask("/wide.bin")
        client.head()
        os.truncate(f"{root}/wide.bin", 16 * KIB)
        body = client.await_end()
        check(len(body) < 32 * MIB, "it got all of a file that was gone")
        check(set(body) <= set(b"A\0"), "other bytes than the file had")
        server.check_serves()


def errands(server):
    """How often the threads for the disk have gone to sleep."""
    count = 0
    for thread in server.threads():
        with open(f"/proc/{server.pid}/task/{thread}/comm") as name:
            count += server.status("voluntary_ctxt_switches", thread) if name.read() == "disk\n" else 0
    return count


@promise("FAULTS", "a small file that is not in memory is read by a thread, its coded one too, and others are served meanwhile")
def small_and_cold():
    root = make_site(**{"small.txt.gz": b"coded" * 20, "other.txt": SMALL, "probe.txt": SMALL})
    make_cold_or_skip(root, "small.txt", "small.txt.gz")
    with Server(root) as server, Client(server) as client, Client(server) as other:
        client.ask()
        client.ask("/small.txt", "Accept-Encoding: gzip\r\n")
        check(other.get("/other.txt").body == SMALL, "a wrong body for the other")
        check(client.response().body == SMALL, "a wrong body")
        check(client.response().body == b"coded" * 20, "a wrong coded body")
        check(errands(server) > 0, "no thread has read them")


@contextlib.contextmanager
def overlaid(root):
    """The folder, seen through overlayfs, as the files of a container's image are."""
    above, work, merged = (tempfile.mkdtemp(dir=scratch) for _ in range(3))
    os.chmod(merged, 0o755)
    options = f"lowerdir={root},upperdir={above},workdir={work}"
    result = subprocess.run(["mount", "-t", "overlay", "overlay", "-o", options, merged], capture_output=True, text=True)
    if result.returncode:
        raise Missing(f"overlayfs may not be mounted: {result.stderr.strip()}")
    try:
        yield merged
    finally:
        subprocess.run(["umount", "--lazy", merged], check=True)


@promise("FAULTS", "on overlayfs, which does not tell what is in memory, a thread reads a hot file once a second, not each time")
def overlay():
    content = os.urandom(MIB)
    with overlaid(make_site(**{"medium.bin": content, "long.bin": 8 * content})) as root:
        with Server(root) as server, Client(server) as client:
            check(client.get("/small.txt").body == SMALL, "a wrong small body")
            check(errands(server) > 0, "no thread has read the small file")
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


@promise("FAULTS", "files deleted and made again under load: whole or 404")
def deleted():
    def change(path, _, pause):
        os.unlink(path)
        pause()
    while_it_changes(change, {404})


@promise("FAULTS", "files that may not be read for a while under load: whole or 403")
def forbidden():
    def change(path, _, pause):
        os.chmod(path, 0)
        pause()
        os.chmod(path, 0o644)
    while_it_changes(change, {403})


@promise("FAULTS", "files turned into directories under load: whole, 301 or 404")
def directories():
    def change(path, _, pause):
        os.unlink(path)
        pause()
        os.mkdir(path)
        pause()
        os.rmdir(path)
    while_it_changes(change, {301, 404})


@promise("FAULTS", "files turned into FIFOs under load: whole or 404, and nothing hangs")
def fifos():
    def change(path, _, pause):
        os.mkfifo(f"{path}.new")
        os.replace(f"{path}.new", path)
        pause()
    while_it_changes(change, {404})


@promise("FAULTS", "files turned into symlinks that stay inside under load: whole")
def symlinks_inside():
    def change(path, number, pause):
        folder, name = os.path.split(path)
        os.makedirs(f"{folder}/kept", exist_ok=True)
        put(f"{folder}/kept/{name}", version(name, number + 9))
        link(f"kept/{name}", path)
        pause()
    while_it_changes(change, set())


@promise("FAULTS", "files turned into symlinks that lead out under load: whole or 403, never what is outside")
def symlinks_outside():
    outside = tempfile.mkdtemp(prefix="outside-", dir=scratch)
    os.chmod(outside, 0o755)
    write(f"{outside}/secret", SECRET)
    def change(path, _, pause):
        link(f"{outside}/secret", path)
        pause()
    while_it_changes(change, {403})


def link(target, path):
    os.symlink(target, f"{path}.new")
    os.replace(f"{path}.new", path)


def exchange(one, other):
    """Swaps two names in one step: renameat2(2), which Python does not have."""
    at_cwd, rename_exchange = -100, 2
    result = libc.renameat2(at_cwd, os.fsencode(one), at_cwd, os.fsencode(other), rename_exchange)
    check(result == 0, f"renameat2: {os.strerror(ctypes.get_errno())}")


libc = ctypes.CDLL(None, use_errno=True)


def swap_and_ask(total, *flags, batch=500):
    """So many pipelined requests below a folder that is swapped all the time with a symlink that leads out."""
    site, outside = make_site(), tempfile.mkdtemp(prefix="outside-", dir=scratch)
    os.mkdir(f"{site}/folder")
    for number in range(50):
        write(f"{site}/folder/{number}", b"inside")
        write(f"{outside}/{number}", SECRET)
    os.symlink(outside, f"{site}/other")
    swaps = 0
    def swap(_, over):
        nonlocal swaps
        while not over.is_set():
            exchange(f"{site}/folder", f"{site}/other")
            swaps += 1
    requests = b"".join(b"GET /folder/%d HTTP/1.1\r\nHost: a\r\n\r\n" % (number % 50) for number in range(batch))
    seen = collections.Counter()
    with Server(site, *flags) as server, Crowd(1, swap), Client(server) as client:
        for _ in range(total // batch):
            client.send(requests)
            for _ in range(batch):
                response = client.response()
                seen[response.status] += 1
                check(b"Z" not in response.body, "it leaks what is outside")
    check(seen[200] and seen[403] and set(seen) <= {200, 403, 404}, f"{dict(seen)}")
    check(swaps > 1000, f"{swaps} swaps only")


@promise("FAULTS", "100,000 requests below a folder that is swapped with a way out leak nothing")
def swapped_folder():
    # Without the sandbox, which is a second wall behind the one that is shown here.
    swap_and_ask(50_000, "--no-sandbox")
    swap_and_ask(50_000, "--no-sandbox", "--cache-size", "0")


@promise("FAULTS", "renames elsewhere while a symlink with .. in it is followed: 200 each time")
def renames_elsewhere():
    # The kernel gives up such a walk (EAGAIN) when anything was renamed meanwhile, wherever that was.
    site, elsewhere = make_site(), tempfile.mkdtemp(dir=scratch)
    os.mkdir(f"{site}/folder")
    os.symlink("folder/../" * 200 + "small.txt", f"{site}/link")
    def rename(number, over):
        one, other = f"{elsewhere}/{number}", f"{elsewhere}/{number}.moved"
        write(one, b"")
        while not over.is_set():
            os.rename(one, other)
            os.rename(other, one)
    with Server(site, "--cache-size", "0") as server, Crowd(2, rename), Client(server) as client:
        for _ in range(5000):
            status = client.get("/link").status
            check(status == 200, f"a {status}")


LINE = re.compile(r'127\.0\.0\.1 - - \[\d\d/\w{3}/\d{4}:\d\d:\d\d:\d\d \+0000\] '
                  r'"(GET \S+ HTTP/1\.1|-)" \d{3} \d+ "-" "-" \d+')
OWN_LINE = re.compile(r"\[\S+Z (INFO|WARN|ERROR) [^\]]*\] .*|httpd \S+ listening on .*")
OUTAGE = "does not take lines"


def access_lines(text, cut_off=0):
    """How many lines a log has; each must be whole, but for so many that end too soon."""
    lines = [line for line in text.splitlines() if not OWN_LINE.fullmatch(line)]
    torn = [line for line in lines if not LINE.fullmatch(line)]
    check(len(torn) <= cut_off, f"a torn line: «{torn[:1]}»")
    check(not any(line.count("127.0.0.1 - - [") > 1 for line in torn), f"one line runs into another: «{torn[:1]}»")
    return len(lines) - len(torn)


def serve_many(server, count=50):
    with Client(server) as client:
        for _ in range(count):
            check(client.get().status == 200, "no 200 while the log fails")


@promise("FAULTS", "a log on a full disk: serving goes on, with one warning")
def full_log():
    with Server(make_site(), "--file-log", "/dev/full", log="info") as server:
        serve_many(server)
        server.await_line(OUTAGE)
        serve_many(server)
        check(server.count(OUTAGE) == 1, f"{server.count(OUTAGE)} warnings")


@promise("FAULTS", "a log whose reader goes away: one warning each time, and lines again when it is back")
def log_without_reader():
    path = f"{tempfile.mkdtemp(dir=scratch)}/log"
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


@promise("FAULTS", "a log whose reader sleeps: serving goes on, one warning, and no line runs into another later")
def log_with_sleeping_reader():
    path = f"{tempfile.mkdtemp(dir=scratch)}/log"
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


def read(path):
    with open(path) as file:
        return file.read()


def drain(descriptor):
    """What lies in a FIFO now."""
    text = b""
    with contextlib.suppress(BlockingIOError):
        while piece := os.read(descriptor, MIB):
            text += piece
    return text.decode()


@promise("FAULTS", "a log folder that is removed and made again: lines again after SIGHUP, in the sandbox too")
def log_folder_made_again():
    folder = f"{tempfile.mkdtemp(dir=scratch)}/logs"
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


@promise("FAULTS", "the keeper of the log is killed: SIGHUP says so, serving and the old log go on")
def keeper_killed():
    log = f"{tempfile.mkdtemp(dir=scratch)}/log"
    with Server(make_site(), "--file-log", log, log="info") as server:
        os.kill(keeper_of(server), signal.SIGKILL)
        for _ in range(2):
            server.signal(signal.SIGHUP)
        eventually("a warning", lambda: server.count("cannot be reopened"))
        serve_many(server)
        eventually("all lines are there", lambda: access_lines(read(log)) == 50)


@promise("FAULTS", "the log's folder hangs when SIGHUP comes: serving goes on, and the log is reopened when it can be")
def keeper_hangs():
    log = f"{tempfile.mkdtemp(dir=scratch)}/log"
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


# ---------------------------------------------------------------------------------------------- SIGNALS


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
            """Whether the connection stays."""
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
    log, served = f"{tempfile.mkdtemp(dir=scratch)}/log", collections.Counter()
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


@promise("SIGNALS", "100 upgrades by --reuse-port that cannot start, under load: no request fails")
def failed_upgrade():
    with Server(make_site(**{"which.txt": b"0"}), "--reuse-port", "--backlog", "512") as server:
        with Load(server.port) as load:
            for _ in range(100):
                command = [httpd, "-r", f"{scratch}/missing", "--reuse-port", "--port", str(server.port)]
                result = subprocess.run(command, stderr=subprocess.DEVNULL, timeout=PATIENCE)
                check(result.returncode == 1, f"exit status {result.returncode}")
            check(load.served, "nobody was served")


def upgrade_by_activation(workers):
    with socket.create_server(("127.0.0.1", 0), backlog=512) as listener:
        def begin(number, _=0):
            return Server(make_site(**{"which.txt": b"%d" % number}), "-w", workers, listener=listener)
        upgrade(begin, listener.getsockname()[1])


@promise("SIGNALS", "five upgrades by --reuse-port under load, one worker: no request fails, new ones go to the new")
def reuse_port_one():
    upgrade_by_reuse_port("1")


@promise("SIGNALS", "five upgrades by --reuse-port under load, four workers: the same")
def reuse_port_four():
    upgrade_by_reuse_port("4")


@promise("SIGNALS", "five upgrades by socket activation under load, one worker: no request fails")
def activation_one():
    upgrade_by_activation("1")


@promise("SIGNALS", "five upgrades by socket activation under load, four workers: the same")
def activation_four():
    upgrade_by_activation("4")


@promise("SIGNALS", "a port that is in use is an error at the start: exit status 1 and one line, with four workers too")
def port_in_use():
    with Server(make_site()) as server:
        for workers in ("1", "4"):
            command = [httpd, "-r", server.root, "-w", workers, "--port", str(server.port)]
            result = subprocess.run(command, capture_output=True, text=True, timeout=PATIENCE)
            lines = result.stderr.splitlines()
            check(result.returncode == 1 and len(lines) == 1, f"-w {workers}: {result.returncode}, {lines}")
        server.check_serves()


# ---------------------------------------------------------------------------------------------- INJECTED

RETRY, CLOSE, CUT = "as if nothing had happened", "closed", "broken off"

# A call (and which one of them, if not the first), what is asked for, and how it ends for each error: with the
# answer that it would have had, with a connection closed before or within the response, or with a status.
INJECTED = [
    ("accept4", "small", {"EINTR": RETRY, "EAGAIN": RETRY, "ECONNABORTED": RETRY, "EPROTO": RETRY, "EPERM": RETRY,
                          "EMFILE": RETRY, "ENFILE": RETRY, "ENOBUFS": RETRY, "ENOMEM": RETRY}),
    ("epoll_wait", "small", {"EINTR": RETRY}),
    ("epoll_ctl", "small", {"ENOMEM": RETRY, "ENOSPC": RETRY}),  # sent already; not watched: closed behind it
    ("epoll_ctl", "large", {"ENOMEM": CUT, "ENOSPC": CUT}),
    ("recvfrom", "small", {"EINTR": RETRY, "EAGAIN": RETRY, "ECONNRESET": CLOSE, "ETIMEDOUT": CLOSE, "ENOMEM": CLOSE}),
    ("sendto", "small", {"EINTR": RETRY, "EAGAIN": RETRY, "EPIPE": CLOSE, "ECONNRESET": CLOSE, "ENOMEM": CLOSE}),
    ("sendmsg", "medium", {"EINTR": RETRY, "EAGAIN": RETRY, "EPIPE": CLOSE, "ECONNRESET": CLOSE, "ENOBUFS": CLOSE}),
    ("sendfile", "large", {"EINTR": RETRY, "EAGAIN": RETRY, "EPIPE": CUT, "ECONNRESET": CUT, "EIO": CUT,
                           "ENOMEM": CUT}),
    ("ioctl", "slow", {"EINVAL": RETRY}),
    ("shutdown", "bad", {"ENOTCONN": 400}),
    ("openat2:1+", "small", {"ENOSYS": RETRY, "EPERM": RETRY}),  # an old kernel, a container's profile
    ("openat2", "small", {"EINTR": RETRY, "EAGAIN": RETRY, "EMFILE": 503, "ENFILE": 503, "ENOMEM": 503,
                          "EIO": 500, "EACCES": 403, "EPERM": 403, "EXDEV": 403, "ENOENT": 404, "ELOOP": 404}),
    ("openat", "small", {"EINTR": RETRY, "EMFILE": 503, "ENFILE": 503, "ENOMEM": 503, "EIO": 500, "EACCES": 403}),
    ("newfstatat", "small", {"EINTR": RETRY, "EIO": 500, "ENOMEM": 503, "EACCES": 403}),  # by name
    ("newfstatat:2", "small", {"EIO": RETRY, "ENOMEM": RETRY}),  # the folder, for coded files that may come
    ("newfstatat:3", "small", {"EIO": 500, "ENOMEM": 503}),  # the file that was opened
    ("pread64", "small", {"EINTR": RETRY, "EIO": 500, "ENOMEM": 503}),
    ("preadv2", "range", {"EAGAIN": RETRY, "EOPNOTSUPP": RETRY, "EIO": RETRY}),
    ("cachestat", "large", {"ENOSYS": RETRY, "EPERM": RETRY}),
    ("readahead", "cold", {"EINVAL": RETRY, "EIO": RETRY}),
    ("pread64", "cold", {"EIO": RETRY, "EINTR": RETRY}),  # the disk's thread; sending finds out for itself
    ("clone3:1+", "cold", {"EAGAIN": RETRY}),  # no thread for the disk: the worker waits for it
    ("write", "small", {"ENOSPC": RETRY, "EIO": RETRY, "EAGAIN": RETRY, "EINTR": RETRY, "EPIPE": RETRY}),
    ("recvmsg", "hangup", {"EINTR": RETRY, "EIO": RETRY}),
    ("read", "hangup", {"EINTR": RETRY, "EAGAIN": RETRY}),
]
MEDIUM = b"medium\n" * 2000


class Strace:
    """Makes the next `call` of each thread of a running server fail, with `call:3` the third, with `call:1+` all."""

    def __init__(self, server, call, fault, path=None):
        """With a path only calls on that file count."""
        need("strace")
        call, _, number = call.partition(":")
        self.output = f"{tempfile.mkdtemp(dir=scratch)}/strace"
        command = ["strace", "-f", "-qq", "-p", str(server.pid), "-o", self.output,
                   "-e", f"trace={call}", "-e", f"inject={call}:{fault}:when={number or 1}"]
        command += ["-P", path] if path else []
        self.process = subprocess.Popen(command, stderr=subprocess.PIPE, text=True)
        def is_attached():
            if self.process.poll() is not None:
                raise Missing(f"strace may not attach: {self.process.stderr.read().strip()}")
            return all(server.status("TracerPid", thread) == self.process.pid for thread in server.threads())
        eventually("strace is attached", is_attached)

    def was_met(self):
        with open(self.output) as file:
            return "INJECTED" in file.read()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.terminate()
        self.process.communicate(timeout=PATIENCE)


def make_cold(path):
    with open(path, "rb") as file:
        os.fsync(file.fileno())
        os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)


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


@promise("INJECTED", "while a disk takes a second for each read, who wants a cold file waits, and others are served at once")
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
    folder = tempfile.mkdtemp(dir=scratch)
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


@promise("INJECTED", "while a disk takes 0.2 s for each name, one look-up holds up the others, and the next ones do not")
def slow_names_short():
    slow_names(0.2)


@promise("INJECTED", "the same with 1.1 s")
def slow_names_long():
    slow_names(1.1)


@promise("INJECTED", "what was fetched for a client that has left is nothing to the next one in its seat")
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


@promise("INJECTED", "who leaves while a disk hangs takes its file along: no descriptors pile up")
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


@promise("INJECTED", "who waits for a disk beyond the stall timeout is answered 503, and the log says so")
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


@promise("INJECTED", "a pipeline whose second response breaks off: the log has the right bytes of the first")
def broken_pipeline():
    with Server(make_site(**{"large.bin": b"l" * MIB}), log="info") as server:
        with Strace(server, "sendfile", "error=EIO"), Client(server) as client:
            client.send(REQUEST + REQUEST.replace(b"small.txt", b"large.bin"))
            client.await_end()
        server.await_line(rf'"GET /small.txt HTTP/1.1" 200 {len(SMALL)} ')
        server.await_line(r'"GET /large.bin HTTP/1.1" 200 0 ')


@promise("INJECTED", "a look-up that fails for once (newfstatat: EIO) does not prolong a 404")
def failed_look_up():
    with Server(make_site()) as server, Client(server) as client:
        check(client.get("/later.txt").status == 404, "it is there already")
        put(f"{server.root}/later.txt", SMALL)
        with Strace(server, "newfstatat", "error=EIO") as strace:
            status = client.get("/later.txt").status
            check(strace.was_met() and status == 200, f"it is answered {status}")


@promise("INJECTED", "a look-up that fails for once does not make the server forget a coded file, whichever look-up it is")
def failed_look_ups():
    coded, losses = b"coded" * 20, 0
    for number in range(1, 9):
        with Server(make_site(**{"small.txt.gz": coded})) as server, Client(server) as client:
            time.sleep(0.05)  # what is so young is read again in any case
            with Strace(server, f"newfstatat:{number}", "error=EIO") as strace:
                client.ask("/small.txt", "Accept-Encoding: gzip\r\n")
                losses += client.response().body != coded
                check(strace.was_met(), "no such call is made")
            client.ask("/small.txt", "Accept-Encoding: gzip\r\n")
            check(client.response().body == coded, f"call no. {number} has lost it")
    check(losses > 0, "no call that fails matters")


def ask_for(server, what):
    """Asks in the way that makes the call; how it ends."""
    path = {"medium": "/medium.txt", "large": "/large.bin", "slow": "/large.bin", "cold": "/cold.bin",
            "range": "/large.bin"}.get(what, "/small.txt")
    with open(server.root + path, "rb") as file:
        expected = file.read()
    if what == "cold":
        make_cold(server.root + path)
    extra = ""
    if what == "range":
        extra, expected = "Range: bytes=100-199\r\n", expected[100:200]
    with Client(server, receive_buffer=4096 if what == "slow" else 256 * KIB) as client:
        try:
            if what == "bad":
                client.send(b"bad\r\n\r\n")
            else:
                client.ask(path, extra)
            if what == "slow":
                time.sleep(0.8)  # beyond the stall timeout's half: the server looks how much was taken
            response = client.response()
        except Closed as error:
            return CUT if error.begun else CLOSE
        except OSError:
            return CLOSE
        if response.status in (200, 206):
            check(response.body == expected, "a wrong body")
            return RETRY
        return response.status


def inject(call, what, error, expected):
    """Asks while a call fails; what is wrong with the ending, if anything is."""
    log = f"{tempfile.mkdtemp(dir=scratch)}/log"
    site = make_site(**{"medium.txt": MEDIUM, "cold.bin": b"c" * MIB})
    with Server(site, "--file-log", log, "--stall-timeout", "0.5", log="info") as server:
        # The log's alone: a thread for the disk writes, too, to wake a worker, and that cannot fail.
        with Strace(server, call, f"error={error}", log if call == "write" else None) as strace:
            if what == "hangup":
                server.signal(signal.SIGHUP)
            ending = ask_for(server, what)
            with contextlib.suppress(Broken):
                eventually("the call is made", strace.was_met, 1)
            if not strace.was_met() and what == "cold":
                raise Missing("no cold file can be had here")
            check(strace.was_met(), f"{error}: no such call is made")
        server.check_serves()
        if call == "write":
            expected_warnings = 0 if error == "EINTR" else 1
            check(server.count(OUTAGE) == expected_warnings, f"{error}: {server.count(OUTAGE)} warnings")
    return None if ending == expected else f"{error}: {ending}"


def promise_injected(call, what, endings):
    call_in_words = call.replace(":1+", " always").replace(":", " no. ")
    errors = {}
    for error, ending in endings.items():
        errors.setdefault(ending, []).append(error)
    table = ", ".join(f"{' '.join(names)}: {ending}" for ending, names in errors.items())
    @promise("INJECTED", f"{call_in_words} fails ({what}): {table}")
    def show():
        wrong = filter(None, [inject(call, what, error, ending) for error, ending in endings.items()])
        if words := "; ".join(wrong):
            raise Broken(words)


for row in INJECTED:
    promise_injected(*row)


@promise("INJECTED", "partial sends: a reader with a tiny buffer gets every byte in its place")
def partial_sends():
    large, medium = os.urandom(3 * MIB), os.urandom(60 * KIB)
    root = make_site(**{"random.bin": large, "medium.bin": medium})
    with Server(root) as server, Client(server, receive_buffer=2048) as client:
        paths = ["/medium.bin", "/small.txt", "/random.bin", "/medium.bin", "/random.bin", "/small.txt"]
        for path in paths:
            client.ask(path)
        for path in paths:
            expected = {"/medium.bin": medium, "/random.bin": large, "/small.txt": SMALL}[path]
            check(client.response().body == expected, f"{path} is wrong")


# ---------------------------------------------------------------------------------------------- PACKETS

SEGMENTS_RECEIVED = 140  # where `struct tcp_info` counts them


@promise("PACKETS", "the end of a connection comes with the last bytes of its response, for each of a hundred in a row")
def end_with_the_last_bytes():
    with Server(make_site()) as server:
        for number in range(100):
            # A response that is the last one as the client wishes, and one after which the rest is discarded.
            request = b"GET /small.txt HTTP/1.0\r\n\r\n" if number % 2 else b"bad\r\n\r\n"
            with Client(server) as client:
                client.send(request)
                check(client.await_end().startswith(b"HTTP/1.1 "), "no response")
                state = client.socket.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, 256)
                if len(state) < SEGMENTS_RECEIVED + 4:
                    raise Missing("the kernel does not count segments")
                # One each for the connection, the request, and the response with the end.
                (segments,) = struct.unpack_from("I", state, SEGMENTS_RECEIVED)
                check(segments <= 3, f"{segments} segments have come")


# ---------------------------------------------------------------------------------------------- LOCKED


@promise("LOCKED", "every thread has no new privileges and a system call filter, also those for the disk")
def locked_down():
    for flags, expected in [([], (1, 2)), (["--no-sandbox"], (0, 0))]:
        site = make_site(**{"cold.bin": b"c" * MIB})
        make_cold(f"{site}/cold.bin")
        with Server(site, "-w", "4", *flags) as server:
            server.get("/cold.bin")
            for thread in server.threads():
                state = (server.status("NoNewPrivs", thread), server.status("Seccomp", thread))
                check(state == expected, f"{flags or 'by default'}: NoNewPrivs and Seccomp are {state}")


@promise("LOCKED", "without Landlock or seccomp in the kernel the server starts all the same, and says so once")
def no_locks():
    need("strace")
    for call, error, word in [("landlock_create_ruleset", "ENOSYS", "landlock"),
                              ("landlock_create_ruleset", "EOPNOTSUPP", "landlock"),
                              ("seccomp", "EINVAL", "seccomp"), ("seccomp", "ENOSYS", "seccomp")]:
        wrap = ["strace", "-D", "-f", "-qq", "-o", "/dev/null", "-e", f"trace={call}",
                "-e", f"inject={call}:error={error}"]
        with Server(make_site(), "-w", "2", wrap=wrap) as server:
            server.check_serves()
            said = server.count(f"(?i){word}")
            check(said == 1, f"{call} {error}: {said} lines about it: {server.lines}")


@promise("LOCKED", "--user drops root, its groups too, once the port is bound")
def drops_root():
    if os.geteuid() != 0:
        raise Missing("root")
    with Server(make_site(), "--user", "nobody") as server:
        server.check_serves()
        with open(f"/proc/{server.pid}/status") as file:
            text = file.read()
        ids = re.findall(r"^(Uid|Gid|Groups):\s*(.*)$", text, re.M)
        check(all("0" not in value.split() for _, value in ids), f"{ids}")
        check(re.search(r"^CapEff:\s*0+$", text, re.M), "it has capabilities left")


# ---------------------------------------------------------------------------------------------- the runner


def out_of_time(*_):
    raise Broken(f"no end after {LONGEST} s")


def show(promise):
    """Shows one promise: the word for how it went, and what to say of it."""
    began = time.monotonic()
    signal.alarm(LONGEST)
    try:
        promise()
        return "ok   ", f" ({time.monotonic() - began:.1f} s)"
    except Missing as missing:
        return "skip ", f": {missing}"
    except Exception as error:
        kind = "" if isinstance(error, (Broken, Closed)) else f"{type(error).__name__}: "
        return "FAIL ", f": {kind}{error}".replace("\n", " ")[:600]
    finally:
        signal.alarm(0)


def build():
    here = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
    if subprocess.run(["cargo", "build", "--release", "--quiet"], cwd=here).returncode:
        sys.exit(2)
    return os.path.join(here, os.environ.get("CARGO_TARGET_DIR", "target"), "release", "httpd")


def main():
    global scratch, httpd
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("httpd", nargs="?", metavar="HTTPD")
    parser.add_argument("--only", default="", metavar="SUBSTRING")
    options = parser.parse_args()
    # Whoever ends the run ends its servers with it: unwinding is what stops them.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    signal.signal(signal.SIGALRM, out_of_time)
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    began, counts, heading = time.monotonic(), collections.Counter(), None
    with tempfile.TemporaryDirectory(prefix="faults-") as scratch:
        os.chmod(scratch, 0o755)
        httpd = shutil.copy(options.httpd or build(), f"{scratch}/httpd")
        try:
            with Server(make_site()) as server:
                server.check_serves()
        except (Broken, Closed, OSError) as error:
            print(f"the server cannot be started: {error}", file=sys.stderr)
            return 2
        for group, text, function in promises:
            if options.only.lower() not in f"{group} {text}".lower():
                continue
            if group != heading:
                heading = group
                print(heading)
            word, rest = show(function)
            counts[word] += 1
            print(f"{word} {text}{rest}", flush=True)
    print(f"{counts['ok   ']} kept, {counts['FAIL ']} broken, {counts['skip ']} skipped "
          f"in {time.monotonic() - began:.0f} s")
    return 1 if counts["FAIL "] else 0


if __name__ == "__main__":
    sys.exit(main())
