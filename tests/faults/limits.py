"""Limits on connections, addresses, descriptors and memory."""

import contextlib
import os
import resource
import time

from harness import Client, Crowd, KIB, MIB, PATIENCE, REQUEST, SMALL, Server, check, eventually, make_site
from promise import promise


@promise("LIMITS", "at --max-connections the idle connection that waits longest makes room")
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


@promise("LIMITS", "at --max-connections, four workers: 200 newcomers in a row are served, and idle ones make room")
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
                check(newcomer.await_end() == b"", "bytes after the 503")
        clients[0].close()
        eventually("there is room again", lambda: server.get().status == 200)


@promise("LIMITS", "at --max-connections with none idle the newcomer gets a whole 503, and 200 when there is room again")
def none_idle():
    turn_away("1")


@promise("LIMITS", "at --max-connections with none idle, four workers: the same")
def none_idle_in_all_workers():
    turn_away("4")


@promise("LIMITS", "beyond --max-connections-per-ip a client gets 503, and another address is served, four workers too")
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


@promise("LIMITS", "without descriptors the server rests (below 20 % of a processor) and serves when they come back")
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


@promise("LIMITS", "without descriptors four workers say so once a second at most")
def no_descriptors_in_words():
    with Server(make_site(), "-w", "4", "--backlog", "512") as server, contextlib.ExitStack() as stack:
        resource.prlimit(server.pid, resource.RLIMIT_NOFILE, (64, 64))
        for _ in range(150):
            client = stack.enter_context(Client(server))
            client.send(b"GET /small.txt HTTP/1.1\r\n")
        server.await_line("no connection is accepted|accept")
        began = time.monotonic()
        time.sleep(3.2)
        said = len(server.lines) - 1
        allowed = time.monotonic() - began + 2
        check(said <= allowed, f"{said} lines in {allowed - 2:.1f} s")


def pipeline(client, count, request=REQUEST):
    """Sends requests and reads nothing, until all are sent or the server takes no more; what is left."""
    left = memoryview(request * count)
    client.socket.settimeout(0.3)
    with contextlib.suppress(TimeoutError):
        while left:
            left = left[client.socket.send(left[:64 * KIB]):]
    client.socket.settimeout(PATIENCE)
    return left


@promise("LIMITS", "10,000 pipelined requests whose answers nobody reads cost below 2 MiB, and all are answered")
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


@promise("LIMITS", "200 such pipelines cost below 160 KiB each")
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
