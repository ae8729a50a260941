#!/usr/bin/env python3
"""Measures the cost of the server at rest: its start, its memory, and an idle keep-alive connection.

    benches/idle_connections.py target/release/httpd
    benches/idle_connections.py target/release/httpd tls      the same over TLS 1.3, 1,000 connections; needs openssl
    benches/idle_connections.py target/release/httpd http2    HTTP/2 without TLS, 1,000 connections; also with 100 requests
                                                              on each whose responses nobody reads
    benches/idle_connections.py target/release/httpd tls http2

Opens up to 9,000 connections to 127.0.0.1, as far as the limit of descriptors allows, and ends by itself.
"""
import os, resource, socket, ssl, statistics, subprocess, sys, tempfile

PROJECT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
sys.path.insert(0, os.path.join(PROJECT, "tests"))
import harness
import http2_attacks as http2

STARTS, COUNTS, UNREAD = 20, (1, 1000, 9000), 50


def start(*flags, root=f"{PROJECT}/www"):
    return harness.Server(root, "--backlog", "4096", "--idle-timeout", "600", *flags, log="off")


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


PROTOCOL = "http/1.1"


def keep_one(server, client):
    """A connection that has had its answer, without a buffer here."""
    connection = socket.create_connection(("127.0.0.1", server.port))
    if client:
        connection = client.wrap_socket(connection, server_hostname="localhost")
    is_http2 = PROTOCOL == "h2"
    connection.sendall(http2.PREFACE + http2.settings() + http2.request(1, b"/") if is_http2 else
                       harness.REQUEST.replace(b"/small.txt", b"/"))
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


def measure_unread(flags, client):
    """Connections with 100 requests each, for other files of 1 MiB, whose windows let nothing through."""
    with tempfile.TemporaryDirectory(dir=harness.scratch) as root:
        for number in range(100):
            with open(f"{root}/{number}", "wb") as file:
                file.truncate(1 << 20)
        with start(*flags, "--stall-timeout", "600", root=root) as server:
            asked = b"".join(http2.request(http2.odd(i), f"/{i}".encode()) for i in range(100))
            connections = []
            for _ in range(UNREAD + 1):
                connection = socket.create_connection(("127.0.0.1", server.port))
                connection = client.wrap_socket(connection, server_hostname="localhost") if client else connection
                connection.sendall(http2.PREFACE + http2.settings(window=0) + asked)
                connections.append(connection)
                server.await_rest()
                if len(connections) == 1:
                    first, open_first = kilobytes(server, "Private_Dirty"), len(os.listdir(f"/proc/{server.pid}/fd"))
            each = (kilobytes(server, "Private_Dirty") - first) / UNREAD
            files = (len(os.listdir(f"/proc/{server.pid}/fd")) - open_first) / UNREAD - 1
            print(f"100 requests that nobody reads: {each:.0f} KiB of its own and {files:.0f} open files for each connection")


def main():
    global PROTOCOL
    modes = sys.argv[2:]
    if len(sys.argv) < 2 or modes not in ([], ["tls"], ["http2"], ["tls", "http2"]):
        sys.exit(__doc__)
    with harness.prepared(sys.argv[1]):
        flags, client = certificate() if "tls" in modes else ([], None)
        if "http2" in modes:
            PROTOCOL = "h2"
            client and client.set_alpn_protocols(["h2"])
        measure(flags, client, COUNTS[:2] if modes else COUNTS)
        if "http2" in modes:
            measure_unread(flags, client)


if __name__ == "__main__":
    main()
