"""Handshakes of TLS: dear ones do not hold up the clients whose handshake is done."""

import multiprocessing
import socket
import ssl
import subprocess
import time

import harness
from harness import Broken, Server, check, make_site, need, new_folder
from promise import promise
from slow_clients import Visitor

RATE = 200
SECONDS = 3


def certificate():
    need("openssl")
    folder = new_folder()
    subprocess.run(["openssl", "req", "-x509", "-newkey", "rsa:4096", "-nodes", "-subj", "/CN=localhost", "-days", "2",
                    "-keyout", f"{folder}/key.pem", "-out", f"{folder}/cert.pem"], check=True, stderr=subprocess.DEVNULL)
    return ["--tls-cert", f"{folder}/cert.pem", "--tls-key", f"{folder}/key.pem"]


def anything():
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    return context


def shake_hands(port):
    """So many handshakes a second, of clients that know the server not yet; how many were done."""
    context, done, due, end = anything(), 0, time.monotonic(), time.monotonic() + SECONDS
    while time.monotonic() < end:
        time.sleep(max(0, due - time.monotonic()))
        due += 1 / RATE
        with socket.create_connection(("127.0.0.1", port), 10) as connection, context.wrap_socket(connection):
            done += 1
    return done


def times_of(server, seconds):
    """The times of an established client that asks every 5 ms."""
    times, end, due = [], time.monotonic() + seconds, time.perf_counter()
    with socket.create_connection(("127.0.0.1", server.port), 10) as plain, anything().wrap_socket(plain) as connection:
        while time.monotonic() < end:
            time.sleep(max(0, due - time.perf_counter()))
            connection.sendall(harness.REQUEST)
            received = b""
            while harness.SMALL not in received:
                received += connection.recv(65536) or cut_off()
            times.append(time.perf_counter() - due)
            due += 0.005
    return times


def cut_off():
    raise Broken("the connection of a client that is served ends")


@promise("HANDSHAKES", "200 handshakes a second of RSA 4096: the p99 of others is at most three times its value, or 5 ms")
def dear_handshakes():
    with Server(make_site(), *certificate()) as server, Server(make_site()) as other:
        quiet = p99(times_of(server, 1))
        with multiprocessing.Pool(1) as pool, Visitor(other) as bystander:
            handshakes = pool.apply_async(shake_hands, (server.port,))
            slow = p99(times_of(server, SECONDS))
            done = handshakes.get(30)
        # What a busy machine costs the visitor of another server is not the handshakes' fault.
        excuse = min(2 * bystander.slow(), 0.15)
    check(done > RATE * SECONDS / 2, f"{done} handshakes only were done in {SECONDS} s")
    check(slow < max(3 * quiet, 0.005) + excuse, f"p99 is {slow * 1000:.1f} ms, {quiet * 1000:.1f} without them, and of "
                                                 f"another server's {bystander.slow() * 1000:.1f} ms")


def p99(times):
    return sorted(times)[int(len(times) * 0.99)]
