"""Files that change while they are asked for: each response is one version of the file, or an honest refusal."""

import collections
import itertools
import os
import time

from harness import Client, Closed, Crowd, KIB, MIB, Server, check, make_site, put
from promise import promise


# Each version of a file is one letter, repeated so often as no other version is: a mixture is seen at once.
SIZES = {"small.bin": 10 * KIB, "large.bin": 3 * MIB}
SECRET = b"Z" * 5000


def version(name, number):
    letter = number % 25
    return bytes([ord("A") + letter]) * (SIZES[name] + letter)


def is_version(name, body):
    return bool(body) and body[0] != ord("Z") and body == version(name, body[0] - ord("A"))


def while_it_changes(change, statuses, is_right=is_version, may_close=False, seconds=1.5):
    """Clients ask for two files while a thread changes them: `change(path, number, pause)` changes one and makes
    it a whole file again. Every response must be right, or have one of the statuses."""
    site = make_site()
    seen, letters, closed = collections.Counter(), set(), []
    for name in SIZES:
        put(f"{site}/{name}", version(name, 0))
    with Server(site, as_nobody=True) as server:
        def ask(_, over):
            client = Client(server)
            for name in itertools.cycle(SIZES):
                if over.is_set():
                    return client.close()
                try:
                    response = client.get(f"/{name}")
                except Closed as error:
                    check(may_close, error)
                    closed.append(name)
                    client = Client(server)
                    continue
                seen[response.status] += 1
                if response.status == 200:
                    letters.add(response.body[:1])
                    check(is_right(name, response.body), f"a mixture: {len(response.body)} bytes of {name}")
                else:
                    check(response.status in statuses, f"a {response.status} for {name}")
                    check(SECRET not in response.body, "the secret")
        with Crowd(3, ask) as crowd:
            end, number = time.monotonic() + seconds, 0
            while time.monotonic() < end and not crowd.errors:
                for name in SIZES:
                    number += 1
                    change(f"{site}/{name}", number, lambda: crowd.over.wait(0.002))
                    put(f"{site}/{name}", version(name, number))
                    crowd.over.wait(0.002)
        check(statuses <= set(seen), f"not seen: {statuses - set(seen)}, but {dict(seen)}")
        check(len(letters) > 5, f"{len(letters)} versions are seen only")
        for name in SIZES:
            put(f"{site}/{name}", version(name, 7))
            check(server.get(f"/{name}").body == version(name, 7), f"{name} is stale afterwards")


@promise("FILES", "files replaced by rename under load: every response is one whole version")
def replaced():
    while_it_changes(lambda *_: None, set())


@promise("FILES", "files truncated in place under load: whole, the whole rest, or a closed connection")
def truncated():
    def is_right(name, body):
        # The kernel makes zero what it cuts off, also while it is being sent: with sendfile nobody can help it.
        letters = body.rstrip(b"\0") if name == "large.bin" else body
        whole = letters[:1] * len(body)
        return is_version(name, whole) or len(body) == SIZES[name] // 2 and set(letters) <= set(letters[:1])
    def change(path, _, pause):
        os.truncate(path, SIZES[os.path.basename(path)] // 2)
        pause()
    while_it_changes(change, set(), is_right, may_close=True)


@promise("FILES", "a large file truncated while it is sent: the connection ends early, and nothing is made up")
def truncated_in_flight():
    root = make_site(**{"wide.bin": b"A" * (32 * MIB)})
    with Server(root) as server, Client(server, receive_buffer=64 * KIB) as client:
        client.ask("/wide.bin")
        client.head()
        os.truncate(f"{root}/wide.bin", 16 * KIB)
        body = client.await_end()
        check(len(body) < 32 * MIB, "it got all of a file that was gone")
        check(set(body) <= set(b"A\0"), "other bytes than the file had")
        server.check_serves()


@promise("FILES", "files deleted and made again under load: whole or 404")
def deleted():
    def change(path, _, pause):
        os.unlink(path)
        pause()
    while_it_changes(change, {404})


@promise("FILES", "files that may not be read for a while under load: whole or 403")
def forbidden():
    def change(path, _, pause):
        os.chmod(path, 0)
        pause()
        os.chmod(path, 0o644)
    while_it_changes(change, {403})


@promise("FILES", "files turned into directories under load: whole, 301 or 404")
def directories():
    def change(path, _, pause):
        os.unlink(path)
        pause()
        os.mkdir(path)
        pause()
        os.rmdir(path)
    while_it_changes(change, {301, 404})


@promise("FILES", "files turned into FIFOs under load: whole or 404, and nothing hangs")
def fifos():
    def change(path, _, pause):
        os.mkfifo(f"{path}.new")
        os.replace(f"{path}.new", path)
        pause()
    while_it_changes(change, {404})
