"""Where it listens, on machines that lack something, and socket files that outlive nobody."""

import os
import signal
import socket

from harness import Server, check, eventually, make_site, need, new_folder
from promise import promise


@promise("LISTENING", "where the kernel has no IPv6, :PORT is every address of IPv4, and localhost is 127.0.0.1 with a warning")
def no_ipv6():
    need("strace")
    # The first socket is that of --port 0.
    wrap = ["strace", "-D", "-qq", "-o", "/dev/null", "-e", "trace=socket",
            "-e", "inject=socket:error=EAFNOSUPPORT:when=2"]
    with Server(make_site(), "--listen", ":0", wrap=wrap) as server:
        server.await_line(r"listening on http://127.0.0.1:\d+, http://0.0.0.0:\d+, ")
        server.check_serves()
    wrap[-1] = "inject=socket:error=EAFNOSUPPORT:when=3"
    with Server(make_site(), "--listen", "localhost:0", wrap=wrap) as server:
        server.await_line(r"listening on http://127.0.0.1:\d+, http://127.0.0.1:\d+, ")
        server.await_line(r"WARN .*cannot listen on \[::1\]:")
        server.check_serves()


@promise("LISTENING", "a socket file is gone however the server ends: by a signal, by force, by a bug of its own")
def socket_files():
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGKILL, signal.SIGABRT):
        path = f"{new_folder()}/socket"
        with Server(make_site(), "--listen", f"unix:{path}") as server:
            with socket.socket(socket.AF_UNIX) as client:
                client.connect(path)
                client.sendall(b"GET /small.txt HTTP/1.0\r\n\r\n")
                check(client.recv(12) == b"HTTP/1.1 200", "it does not answer")
            server.may_end = True
            server.signal(number)
            eventually(f"the file is removed after {number.name}", lambda: not os.path.lexists(path))
