"""Symlinks and folders that are swapped while they are followed: nothing outside the root is ever served."""

import collections
import ctypes
import os

from harness import Client, Crowd, Server, check, make_site, new_folder, put, write
from files import SECRET, version, while_it_changes
from promise import promise


@promise("SYMLINKS", "files turned into symlinks that stay inside under load: whole")
def symlinks_inside():
    def change(path, number, pause):
        folder, name = os.path.split(path)
        os.makedirs(f"{folder}/kept", exist_ok=True)
        put(f"{folder}/kept/{name}", version(name, number + 9))
        link(f"kept/{name}", path)
        pause()
    while_it_changes(change, set())


@promise("SYMLINKS", "files turned into symlinks that lead out under load: whole or 403, never what is outside")
def symlinks_outside():
    outside = new_folder("outside-")
    os.chmod(outside, 0o755)
    write(f"{outside}/secret", SECRET)
    def change(path, _, pause):
        link(f"{outside}/secret", path)
        pause()
    while_it_changes(change, {403})


def link(target, path):
    os.symlink(target, f"{path}.new")
    os.replace(f"{path}.new", path)


def exchange(one, other):
    """Swaps two names in one step: renameat2(2), which Python does not have."""
    at_cwd, rename_exchange = -100, 2
    result = libc.renameat2(at_cwd, os.fsencode(one), at_cwd, os.fsencode(other), rename_exchange)
    check(result == 0, f"renameat2: {os.strerror(ctypes.get_errno())}")


libc = ctypes.CDLL(None, use_errno=True)


def swap_and_ask(total, *flags, batch=500):
    """So many pipelined requests below a folder that is swapped all the time with a symlink that leads out."""
    site, outside = make_site(), new_folder("outside-")
    os.mkdir(f"{site}/folder")
    for number in range(50):
        write(f"{site}/folder/{number}", b"inside")
        write(f"{outside}/{number}", SECRET)
    os.symlink(outside, f"{site}/other")
    swaps = 0
    def swap(_, over):
        nonlocal swaps
        while not over.is_set():
            exchange(f"{site}/folder", f"{site}/other")
            swaps += 1
    requests = b"".join(b"GET /folder/%d HTTP/1.1\r\nHost: a\r\n\r\n" % (number % 50) for number in range(batch))
    seen = collections.Counter()
    with Server(site, *flags) as server, Crowd(1, swap), Client(server) as client:
        for _ in range(total // batch):
            client.send(requests)
            for _ in range(batch):
                response = client.response()
                seen[response.status] += 1
                check(b"Z" not in response.body, "it leaks what is outside")
    check(seen[200] and seen[403] and set(seen) <= {200, 403, 404}, f"{dict(seen)}")
    check(swaps > 1000, f"{swaps} swaps only")


@promise("SYMLINKS", "100,000 requests below a folder that is swapped with a way out leak nothing")
def swapped_folder():
    # Without the sandbox, which is a second wall behind the one that is shown here.
    swap_and_ask(50_000, "--no-sandbox")
    swap_and_ask(50_000, "--no-sandbox", "--cache-size", "0")


@promise("SYMLINKS", "renames elsewhere while a symlink with .. in it is followed: 200 each time")
def renames_elsewhere():
    # The kernel gives up such a walk (EAGAIN) when anything was renamed meanwhile, wherever that was.
    site, elsewhere = make_site(), new_folder()
    os.mkdir(f"{site}/folder")
    os.symlink("folder/../" * 200 + "small.txt", f"{site}/link")
    def rename(number, over):
        one, other = f"{elsewhere}/{number}", f"{elsewhere}/{number}.moved"
        write(one, b"")
        while not over.is_set():
            os.rename(one, other)
            os.rename(other, one)
    with Server(site, "--cache-size", "0") as server, Crowd(2, rename), Client(server) as client:
        for _ in range(5000):
            status = client.get("/link").status
            check(status == 200, f"a {status}")
