#!/usr/bin/env python3
"""Measures the cost of the server at rest: its start, its memory, and an idle keep-alive connection.

    benches/idle_connections.py target/release/httpd
    benches/idle_connections.py target/release/httpd tls      the same over TLS 1.3, 1,000 connections; needs openssl

Opens up to 9,000 connections to 127.0.0.1, as far as the limit of descriptors allows, and ends by itself.
"""
import os, resource, socket, ssl, statistics, subprocess, sys

PROJECT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
sys.path.insert(0, os.path.join(PROJECT, "tests"))
import harness

STARTS, COUNTS = 20, (1, 1000, 9000)


def start(*flags):
    return harness.Server(f"{PROJECT}/www", "--backlog", "4096", "--idle-timeout", "600", *flags, log="off")


def certificate():
    """The flags of a new certificate, and a client of it."""
    cert, key = f"{harness.scratch}/cert.pem", f"{harness.scratch}/key.pem"
    subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-subj",
                    "/CN=localhost", "-addext", "subjectAltName=DNS:localhost", "-days", "2", "-keyout", key, "-out", cert],
                   check=True, stderr=subprocess.DEVNULL)
    return ["--tls-cert", cert, "--tls-key", key], ssl.create_default_context(cafile=cert)


def kilobytes(server, name):
    with open(f"/proc/{server.pid}/smaps_rollup") as lines:
        return next(int(line.split()[1]) for line in lines if line.startswith(name + ":"))


def keep_one(server, client):
    """A connection that has had its answer, without a buffer here."""
    connection = socket.create_connection(("127.0.0.1", server.port))
    if client:
        connection = client.wrap_socket(connection, server_hostname="localhost")
    connection.sendall(harness.REQUEST.replace(b"/small.txt", b"/"))
    received = b""
    while b"</html>" not in received:
        received += connection.recv(65536)
    return connection


def measure(flags, client, counts):
    times = []
    for _ in range(STARTS):
        with start(*flags) as server:
            times.append(server.listened_after)
    print(f"start to listening: median {statistics.median(times) * 1000:.2f} ms of {STARTS}")
    with start(*flags) as server:
        print(f"at rest: {kilobytes(server, 'Rss')} KiB resident")
        connections, first = [], 0
        for count in counts:
            if count + 100 > resource.getrlimit(resource.RLIMIT_NOFILE)[0]:
                break
            while len(connections) < count:
                connections.append(keep_one(server, client))
            resident, private = kilobytes(server, "Rss"), kilobytes(server, "Private_Dirty")
            first = first or private
            each = (private - first) * 1024 / max(count - 1, 1)
            print(f"{count} idle connections: {resident} KiB resident, {each:.0f} bytes of its own for each")


def main():
    if len(sys.argv) < 2 or sys.argv[2:] not in ([], ["tls"]):
        sys.exit(__doc__)
    with harness.prepared(sys.argv[1]):
        if sys.argv[2:]:
            measure(*certificate(), COUNTS[:2])
        else:
            measure([], None, COUNTS)


if __name__ == "__main__":
    main()
