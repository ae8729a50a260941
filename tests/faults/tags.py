"""Entity tags: other bytes bear another tag, and the same bytes bear the same, whatever dates and clocks say."""

import os
import time

from harness import Client, KIB, MIB, Missing, Server, check, eventually, make_site, new_folder, put, write
from promise import promise
from slow_disk import SlowDisk, Unavailable

NPM_DATE = 499162500  # 1985-10-26 08:15:00: what is in a package of npm's


def tag_of(server, path):
    response = server.get(path)
    check(response.status == 200, f"a {response.status}")
    return response.fields["etag"]


def settled_tag_of(server, path):
    """The tag once it has been the same for a quarter of a second."""
    tag, since = None, 0
    def is_settled():
        nonlocal tag, since
        before, tag = tag, tag_of(server, path)
        if tag != before:
            since = time.monotonic()
        return time.monotonic() > since + 0.25
    eventually("one tag", is_settled)
    return tag


def check_is_other(server, path, tag, content):
    """A client that has the file of this tag gets the new one, as a whole."""
    with Client(server) as client:
        for name, others in {"If-None-Match": "", "If-Range": "Range: bytes=500-\r\n"}.items():
            client.ask(path, f"{others}{name}: {tag}\r\n")
            response = client.response()
            check(response.status == 200 and response.body == content, f"{name} is answered {response.status}")
            check(response.fields["etag"] != tag, "another file bears the same tag")


def other_bytes(size, change):
    one, other = os.urandom(size), os.urandom(size)
    root = make_site(**{"package.js": one})
    path = f"{root}/package.js"
    os.utime(path, (NPM_DATE, NPM_DATE))
    with Server(root) as server:
        tag = settled_tag_of(server, "/package.js")
        change(path, other)
        os.utime(path, (NPM_DATE, NPM_DATE))
        check_is_other(server, "/package.js", tag, other)
        settled_tag_of(server, "/package.js")
        check_is_other(server, "/package.js", tag, other)
    with Server(root) as server:
        check_is_other(server, "/package.js", tag, other)


@promise("TAGS", "other bytes of the same length and date (npm's) in the place of a file: no 304, no range for the old tag")
def replaced_with_the_same_date():
    for size in (1000, 120_000, 2 * MIB):
        other_bytes(size, put)


@promise("TAGS", "the same for bytes that are written over the old ones")
def overwritten_with_the_same_date():
    for size in (1000, 120_000, 2 * MIB):
        other_bytes(size, write)


def check_is_used_again(server, path, seconds):
    """The tag of the first answer is that of the later ones, over so many seconds."""
    began = time.monotonic()
    first = tag_of(server, path)
    took = time.monotonic() - began
    check(took < 3, f"the first answer takes {took:.1f} s")
    while time.monotonic() < began + seconds:
        check(tag_of(server, path) == first, f"{path}: another tag {time.monotonic() - began:.3f} s after the first")
        time.sleep(0.02)
    with Server(server.root) as other:
        check(tag_of(other, path) == first, "another server has another tag")


@promise("TAGS", "a file that is asked for as soon as it arrives (2 MiB, ten times): the tag of the first answer is used again")
def tag_of_a_new_file():
    with Server(make_site()) as server:
        for number in range(10):
            put(f"{server.root}/{number}.bin", os.urandom(2 * MIB))
            check_is_used_again(server, f"/{number}.bin", 0.3)


@promise("TAGS", "the same for a small one of 100 KiB, and for a large one of 20 MiB")
def tag_of_a_new_file_of_other_sizes():
    with Server(make_site()) as server:
        for size in (100 * KIB, 20 * MIB):
            for number in range(3):
                put(f"{server.root}/{size}-{number}.bin", os.urandom(size))
                check_is_used_again(server, f"/{size}-{number}.bin", 0.3)


@promise("TAGS", "the same for files that were changed an hour from now, by their own time")
def tag_of_a_file_from_the_future():
    with Server(make_site()) as server:
        for size in (100 * KIB, 2 * MIB, 20 * MIB):
            path = f"{server.root}/{size}.bin"
            write(f"{path}.new", os.urandom(size))
            os.utime(f"{path}.new", (time.time() + 3600,) * 2)
            os.replace(f"{path}.new", path)
            check_is_used_again(server, f"/{size}.bin", 0.3)


@promise("TAGS", "the same on a disk whose clock is an hour ahead, so that the kernel's time of the change is, too")
def tag_of_a_disk_from_the_future():
    folder = new_folder()
    files = {f"{size}.bin": os.urandom(size) for size in (100 * KIB, 2 * MIB)}
    try:
        disk = SlowDisk(folder, files, changed=int(time.time()) + 3600)
    except Unavailable as error:
        raise Missing(error)
    with disk, Server(folder) as server:
        for name in files:
            check_is_used_again(server, f"/{name}", 1)
