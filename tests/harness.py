"""A server under test, and clients that believe nothing: what the fault suite, the soak and the benches share.

    with harness.prepared(HTTPD):
        with Server(make_site()) as server, Client(server) as client:
            client.get("/small.txt")

Everything talks to 127.0.0.1 and lives in one temporary folder; every wait has its end. Needs Linux and Python 3.10.
"""

import collections
import contextlib
import os
import re
import resource
import select
import shutil
import signal
import socket
import struct
import subprocess
import sys
import tempfile
import threading
import time

PATIENCE = 10  # seconds for anything that should take milliseconds
KIB, MIB = 1024, 1024 * 1024
SMALL = b"small file\n" * 90
REQUEST = b"GET /small.txt HTTP/1.1\r\nHost: a\r\n\r\n"
NOBODY = 65534

scratch = None  # the temporary folder
httpd = None  # the binary that is tested, copied to where everybody may run it


class Broken(Exception):
    """The promise is broken."""


class Missing(Exception):
    """Something that the promise needs is not here."""


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


@contextlib.contextmanager
def prepared(binary=None):
    """Sets up the temporary folder and the binary, which is built if none is given."""
    global scratch, httpd
    # The end of the run ends its servers too: unwinding is what stops them.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    with tempfile.TemporaryDirectory(prefix="httpd-") as scratch:
        os.chmod(scratch, 0o755)
        httpd = shutil.copy(binary or build(), f"{scratch}/httpd")
        yield


def build():
    project = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
    if subprocess.run(["cargo", "build", "--release", "--quiet"], cwd=project).returncode:
        sys.exit(2)
    return os.path.join(project, os.environ.get("CARGO_TARGET_DIR", "target"), "release", "httpd")


def new_folder(prefix=""):
    return tempfile.mkdtemp(prefix=prefix, dir=scratch)


def make_site(**files):
    """A folder to serve, with small.txt and large.bin (32 MiB without a byte on the disk) in it."""
    root = new_folder("site-")
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


def make_cold(path):
    """Drops a file from the page cache."""
    with open(path, "rb") as file:
        os.fsync(file.fileno())
        os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)


def read(path):
    with open(path) as file:
        return file.read()


class Server:
    """A running httpd, and what it says on standard error."""

    def __init__(self, root, *flags, port=0, log="warn", wrap=(), as_nobody=False, listener=None, stdout=None,
                 stderr=None):
        """`stderr` is a pair of descriptors to read from and for the server: nobody reads it once it listens."""
        command = [*wrap, httpd, "-r", root, *flags]
        if listener is None:
            command += ["--port", str(port)]
        else:  # as systemd does it: the listener is descriptor 3, and the variables say whose it is
            command = ["sh", "-c", 'LISTEN_FDS=1 LISTEN_PID=$$ exec "$@" 3<&0 </dev/null', "sh", *command]
        who = dict(user=NOBODY, group=NOBODY, extra_groups=[]) if as_nobody and os.geteuid() == 0 else {}
        environment = {name: value for name, value in os.environ.items() if not name.startswith("HTTPD_")}
        self.root, self.lines, self.said = root, [], threading.Condition()
        began = time.monotonic()
        self.process = subprocess.Popen(
            command, stdin=listener or subprocess.DEVNULL, stdout=stdout,
            stderr=stderr[1] if stderr else subprocess.PIPE,
            env=dict(environment, RUST_LOG=log), cwd=scratch, text=True, errors="replace", **who)
        self.pid, self.may_end = self.process.pid, False
        if stderr:
            self.listen_until_it_serves(stderr[0])
        else:
            threading.Thread(target=self.listen, daemon=True).start()
        try:
            found = self.await_line(r"listening on https?://\S+:(\d+)")
        except Broken:
            self.end()
            raise Broken(f"it does not start: {' / '.join(self.lines)}")
        self.listened_after = time.monotonic() - began
        self.port, self.own_sockets = int(found.group(1)), self.sockets()

    def listen(self):
        for line in self.process.stderr:
            with self.said:
                self.lines.append(line.rstrip("\n"))
                self.said.notify_all()
        with self.said:
            self.lines.append("(standard error ends)")
            self.said.notify_all()

    def listen_until_it_serves(self, descriptor):
        said = b""
        while b"listening on" not in said or not said.endswith(b"\n"):
            if not select.select([descriptor], [], [], PATIENCE)[0]:
                break
            said += os.read(descriptor, 4096)
        self.lines += said.decode(errors="replace").splitlines() + ["(standard error ends)"]

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
        self.may_end |= number == signal.SIGTERM
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

    # The process, as the kernel sees it.

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
        """The targets of its descriptors."""
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
        """Reads until the server ends the connection; returns all that has come."""
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
