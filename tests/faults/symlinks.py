"""Symlinks and folders that are swapped while they are followed: nothing outside the root is ever served."""

import collections
import ctypes
import os
import threading

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
    # Without the sandbox, which would stop a way out that opens here, too.
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


def absolute_links():
    """A site with absolute links that stay inside, seen through a link to it, and paths that lead to inside.txt."""
    real, above = make_site(**{"inside.txt": b"inside"}), new_folder()
    named = f"{above}/www"
    os.symlink(real, named)
    os.makedirs(f"{real}/releases/7/deep")
    for folder in ("releases/7", "releases/7/deep"):
        write(f"{real}/{folder}/f", b"inside")
    for by, root in (("real", real), ("named", named)):
        os.symlink(f"{root}/releases/7", f"{real}/{by}-current")
        os.symlink(f"{root}/releases/7/f", f"{real}/{by}-file")
        os.symlink(f"{root}/{by}-current", f"{real}/{by}-chain")
        os.symlink(f"{by}-chain", f"{real}/{by}-relative")
        os.symlink(f"{root}/{by}-relative/deep", f"{real}/releases/{by}-deep")
        os.symlink(f"{root}/releases/../{by}-current/deep/../f", f"{real}/{by}-dots")
    paths = ["current/f", "current/deep/f", "file", "chain/f", "relative/deep/f", "dots"]
    return real, named, [f"/{by}-{path}" for by in ("real", "named") for path in paths] + [
        f"/releases/{by}-deep/f" for by in ("real", "named")]


@promise("SYMLINKS", "absolute links that lead back beneath the root are followed, by its name and by its real path")
def absolute_inside():
    real, named, paths = absolute_links()
    # By its real path the root has no other name: what leads to it by a name that it was not given leads out.
    for root, served in ((named, paths), (real, [path for path in paths if "named" not in path])):
        for flags in ([], ["--cache-size", "0"], ["--no-sandbox"]):
            with Server(root, *flags) as server, Client(server) as client:
                for path in served * 2:
                    response = client.get(path)
                    check((response.status, response.body) == (200, b"inside"), f"{path}: a {response.status}")


@promise("SYMLINKS", "absolute links that lead out are 403, also from within a chain, and the log says why")
def absolute_outside():
    outside = new_folder("outside-")
    os.chmod(outside, 0o755)
    write(f"{outside}/secret", SECRET)
    root = make_site()
    # One leads into a folder that has the name of the root and some letters more.
    os.makedirs(f"{root}-more")
    write(f"{root}-more/secret", SECRET)
    links = {"out": outside, "beside": f"{root}-more", "back-and-out": f"{root}/../{os.path.basename(outside)}",
             "chain": f"{root}/out", "away": f"{root}/beside/..", "all": "/"}
    for name, target in links.items():
        os.symlink(target, f"{root}/{name}")
    with Server(root, log="info") as server:
        for name in links:
            path = f"/all{outside}/secret" if name == "all" else f"/{name}/secret"
            status = server.get(path).status
            check(status in (403, 404) if name == "away" else status == 403, f"{path}: a {status}")
            check(SECRET not in server.get(path).body, "the secret")
        server.await_line(r"(?i)(symlink|link).*(out|beyond|root)|(outside|leads out).*link")


@promise("SYMLINKS", "an absolute link that is swapped 20,000 times between inside and outside: never what is outside")
def absolute_swapped():
    root, outside = make_site(), new_folder("outside-")
    os.chmod(outside, 0o755)
    for folder, content in ((f"{root}/inside", b"inside"), (outside, SECRET)):
        os.makedirs(folder, exist_ok=True)
        write(f"{folder}/f", content)
    os.symlink(f"{root}/inside", f"{root}/current")
    for flags in (["--no-sandbox"], ["--no-sandbox", "--cache-size", "0"]):
        seen, done = collections.Counter(), threading.Event()
        def swap(_, over):
            for number in range(20_000):
                link((outside, f"{root}/inside")[number % 2], f"{root}/current")
                if over.is_set():
                    return
            done.set()
        with Server(root, *flags) as server, Crowd(1, swap) as crowd, Client(server) as client:
            while not done.is_set() and not crowd.errors:
                client.send(b"GET /current/f HTTP/1.1\r\nHost: a\r\n\r\n" * 20)
                for _ in range(20):
                    response = client.response()
                    seen[response.status] += 1
                    check(b"Z" not in response.body, "it leaks what is outside")
            check(server.get("/current/f").body == b"inside", "the last link is not followed")
        check(seen[200] and seen[403] and set(seen) <= {200, 403, 404}, f"{dict(seen)}")
