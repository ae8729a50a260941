"""Segments on the wire, and sends that are taken in part."""

import os
import socket
import struct

from harness import Client, KIB, MIB, Missing, SMALL, Server, check, make_site
from promise import promise


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
