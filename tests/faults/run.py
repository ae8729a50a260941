#!/usr/bin/env python3
"""Promises of robustness, each shown on the real httpd: under abuse, while files and logs change beneath it,
through signals and upgrades, with system calls that fail, in packets, and locked down.

    tests/faults/run.py [HTTPD] [--only SUBSTRING]

HTTPD is the binary; without it the script builds target/release/httpd. --only shows the promises whose heading
or text holds SUBSTRING. Needs Linux, Python 3.10 and nothing else. These are used where they are found, and what
needs them is skipped with a word where they are not: slowhttptest, wrk, strace. Some promises need more than
others may give: 4,096 descriptors, root (to be nobody, whom chmod stops), a kernel with Landlock, /dev/fuse.

One line a promise: `ok`, `FAIL` with why, or `skip` with what is missing; at the end `N passed, N failed,
N skipped`. Exit status 1 when a promise is broken, 2 when the server can't be started. About three minutes.
Everything talks to 127.0.0.1 and lives in one temporary folder; every wait has its end.
"""

import argparse
import collections
import importlib
import os
import sys
import time

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))

import harness
from harness import Broken, Closed, Server, make_site
from promise import promises, show

# A file each, in this order.
HEADINGS = ["slow_clients", "limits", "spoofing", "http2", "handshakes", "garbage", "endings", "files", "symlinks", "tags",
            "compression", "leases", "log", "signals", "upgrades", "listening", "injected", "disks", "listing", "auth",
            "packets", "locked", "delays"]


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("httpd", nargs="?", metavar="HTTPD")
    parser.add_argument("--only", default="", metavar="SUBSTRING")
    options = parser.parse_args()
    for heading in HEADINGS:
        importlib.import_module(heading)
    with harness.prepared(options.httpd):
        try:
            with Server(make_site()) as server:
                server.check_serves()
        except (Broken, Closed, OSError) as error:
            print(f"the server cannot be started: {error}", file=sys.stderr)
            return 2
        return show_all(options.only.lower())


def show_all(wanted):
    began, counts, heading = time.monotonic(), collections.Counter(), None
    for group, text, function in promises:
        if wanted not in f"{group} {text}".lower():
            continue
        if group != heading:
            heading = group
            print(heading)
        word, rest = show(function)
        counts[word] += 1
        print(f"{word} {text}{rest}", flush=True)
    print(f"in {time.monotonic() - began:.0f} s")
    print(f"{counts['ok   ']} passed, {counts['FAIL ']} failed, {counts['skip ']} skipped")
    return 1 if counts["FAIL "] else 0


if __name__ == "__main__":
    sys.exit(main())
