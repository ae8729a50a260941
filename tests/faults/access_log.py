"""The lines of a log, as the server must write them."""

import re

from harness import Client, check


LINE = re.compile(r'127\.0\.0\.1 - - \[\d\d/\w{3}/\d{4}:\d\d:\d\d:\d\d \+0000\] '
                  r'"(GET \S+ HTTP/1\.1|-)" \d{3} \d+ "-" "-" \d+')
OWN_LINE = re.compile(r"\[\S+Z (INFO|WARN|ERROR) [^\]]*\] .*|httpd \S+ listening on .*")
OUTAGE = "does not take lines"


def access_lines(text, cut_off=0):
    """Counts the lines of a log; each must be whole, but for so many that end too soon."""
    lines = [line for line in text.splitlines() if not OWN_LINE.fullmatch(line)]
    torn = [line for line in lines if not LINE.fullmatch(line)]
    check(len(torn) <= cut_off, f"a torn line: «{torn[:1]}»")
    check(not any(line.count("127.0.0.1 - - [") > 1 for line in torn), f"one line runs into another: «{torn[:1]}»")
    return len(lines) - len(torn)


def serve_many(server, count=50):
    with Client(server) as client:
        for _ in range(count):
            check(client.get().status == 200, "no 200 while the log fails")
