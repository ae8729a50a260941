"""The sandbox, and the user that it runs as."""

import os
import re

from harness import MIB, Missing, Server, check, make_cold, make_site, need
from promise import promise


@promise("LOCKED", "every thread has no new privileges and a system call filter, also those for the disk")
def locked_down():
    for flags, expected in [([], (1, 2)), (["--no-sandbox"], (0, 0))]:
        site = make_site(**{"cold.bin": b"c" * MIB})
        make_cold(f"{site}/cold.bin")
        with Server(site, "-w", "4", *flags) as server:
            server.get("/cold.bin")
            for thread in server.threads():
                state = (server.status("NoNewPrivs", thread), server.status("Seccomp", thread))
                check(state == expected, f"{flags or 'by default'}: NoNewPrivs and Seccomp are {state}")


@promise("LOCKED", "without Landlock or seccomp in the kernel the server starts all the same, and says so once")
def no_locks():
    need("strace")
    for call, error, word in [("landlock_create_ruleset", "ENOSYS", "landlock"),
                              ("landlock_create_ruleset", "EOPNOTSUPP", "landlock"),
                              ("seccomp", "EINVAL", "seccomp"), ("seccomp", "ENOSYS", "seccomp")]:
        wrap = ["strace", "-D", "-f", "-qq", "-o", "/dev/null", "-e", f"trace={call}",
                "-e", f"inject={call}:error={error}"]
        with Server(make_site(), "-w", "2", wrap=wrap) as server:
            server.check_serves()
            said = server.count(f"(?i){word}")
            check(said == 1, f"{call} {error}: {said} lines about it: {server.lines}")


@promise("LOCKED", "--user drops root, its groups too, once the port is bound")
def drops_root():
    if os.geteuid() != 0:
        raise Missing("root")
    with Server(make_site(), "--user", "nobody") as server:
        server.check_serves()
        with open(f"/proc/{server.pid}/status") as file:
            text = file.read()
        ids = re.findall(r"^(Uid|Gid|Groups):\s*(.*)$", text, re.M)
        check(all("0" not in value.split() for _, value in ids), f"{ids}")
        check(re.search(r"^CapEff:\s*0+$", text, re.M), "it has capabilities left")
