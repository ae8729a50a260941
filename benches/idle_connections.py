#!/usr/bin/env python3
"""What the server costs at rest: its start, its memory, and an idle keep-alive connection.

    benches/idle_connections.py target/release/httpd

Opens up to 9,000 connections to 127.0.0.1, as far as the limit of descriptors allows, and ends by itself.
"""
import os, resource, socket, statistics, subprocess, sys, time

STARTS, COUNTS = 20, (1, 1000, 9000)
REQUEST = b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n"


def start(binary):
    began = time.monotonic()
    flags = ["--port", "0", "-r", "www", "--backlog", "4096", "--idle-timeout", "600"]
    server = subprocess.Popen([binary, *flags], stderr=subprocess.PIPE, env=dict(os.environ, RUST_LOG="off"))
    line = server.stderr.readline().decode()
    return server, int(line.split("http://127.0.0.1:")[1].split(",")[0]), time.monotonic() - began


def stop(server):
    server.terminate()
    server.wait()


def kilobytes(server, name):
    with open(f"/proc/{server.pid}/smaps_rollup") as lines:
        return next(int(line.split()[1]) for line in lines if line.startswith(name + ":"))


def keep_one(port):
    connection = socket.create_connection(("127.0.0.1", port))
    connection.sendall(REQUEST)
    received = b""
    while b"</html>" not in received:
        received += connection.recv(65536)
    return connection


def main():
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    limit = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (limit, limit))
    times = []
    for _ in range(STARTS):
        server, _, seconds = start(sys.argv[1])
        times.append(seconds)
        stop(server)
    print(f"start to listening: median {statistics.median(times) * 1000:.2f} ms of {STARTS}")
    server, port, _ = start(sys.argv[1])
    print(f"at rest: {kilobytes(server, 'Rss')} KiB resident")
    connections, first = [], 0
    for count in COUNTS:
        if count + 100 > limit:
            break
        while len(connections) < count:
            connections.append(keep_one(port))
        private = kilobytes(server, "Private_Dirty")
        first = first or private
        each = (private - first) * 1024 / max(count - 1, 1)
        print(f"{count} idle connections: {kilobytes(server, 'Rss')} KiB resident, {each:.0f} bytes of its own for each")
    stop(server)


if __name__ == "__main__":
    main()
