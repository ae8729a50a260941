#!/usr/bin/env python3
"""Measures the cost of the server at rest: its start, its memory, and an idle keep-alive connection.

    benches/idle_connections.py target/release/httpd

Opens up to 9,000 connections to 127.0.0.1, as far as the limit of descriptors allows, and ends by itself.
"""
import os, resource, socket, statistics, sys

PROJECT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
sys.path.insert(0, os.path.join(PROJECT, "tests"))
import harness

STARTS, COUNTS = 20, (1, 1000, 9000)


def start():
    return harness.Server(f"{PROJECT}/www", "--backlog", "4096", "--idle-timeout", "600", log="off")


def kilobytes(server, name):
    with open(f"/proc/{server.pid}/smaps_rollup") as lines:
        return next(int(line.split()[1]) for line in lines if line.startswith(name + ":"))


def keep_one(server):
    """A connection that has had its answer, without a buffer here."""
    connection = socket.create_connection(("127.0.0.1", server.port))
    connection.sendall(harness.REQUEST.replace(b"/small.txt", b"/"))
    received = b""
    while b"</html>" not in received:
        received += connection.recv(65536)
    return connection


def measure():
    times = []
    for _ in range(STARTS):
        with start() as server:
            times.append(server.listened_after)
    print(f"start to listening: median {statistics.median(times) * 1000:.2f} ms of {STARTS}")
    with start() as server:
        print(f"at rest: {kilobytes(server, 'Rss')} KiB resident")
        connections, first = [], 0
        for count in COUNTS:
            if count + 100 > resource.getrlimit(resource.RLIMIT_NOFILE)[0]:
                break
            while len(connections) < count:
                connections.append(keep_one(server))
            resident, private = kilobytes(server, "Rss"), kilobytes(server, "Private_Dirty")
            first = first or private
            each = (private - first) * 1024 / max(count - 1, 1)
            print(f"{count} idle connections: {resident} KiB resident, {each:.0f} bytes of its own for each")


def main():
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    with harness.prepared(sys.argv[1]):
        measure()


if __name__ == "__main__":
    main()
