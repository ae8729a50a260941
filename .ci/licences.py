#!/usr/bin/env python3
"""Whether every dependency is from crates.io, under a licence that .ci/deny.toml allows, and there in one version.

    .ci/licences.py [FOLDER]     needs only cargo and Python 3.11; exit status 1, and a line for each fault
"""

import collections
import json
import os
import re
import subprocess
import sys
import tomllib

PROJECT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
CRATES_IO = "registry+https://github.com/rust-lang/crates.io-index"


def main():
    with open(os.path.join(PROJECT, ".ci", "deny.toml"), "rb") as file:
        rules = tomllib.load(file)
    crates = dependencies(sys.argv[1] if len(sys.argv) > 1 else PROJECT)
    faults = [fault for crate in crates for fault in faults_of(crate, rules["licenses"]["allow"])]
    skipped = [skip["crate"] for skip in rules["bans"]["skip"]]
    versions = collections.defaultdict(list)
    for crate in crates:
        if f"{crate['name']}@{crate['version'].split('.')[0]}" not in skipped:
            versions[crate["name"]].append(crate["version"])
    faults += [f"{name} is there in versions {', '.join(each)}" for name, each in versions.items() if len(each) > 1]
    print("\n".join(f"licences: {line}" for line in faults or [f"{len(crates)} dependencies are in order"]))
    return 1 if faults else 0


def dependencies(folder):
    """All that is built for any system, also what only tests need. Cargo.lock has more: what no feature asks for."""
    cargo("fetch --quiet", folder)
    tree = cargo("tree --offline --edges all --target all --prefix none --format {p}", folder)
    built = {tuple(line.split()[:2]) for line in tree.splitlines() if line.strip()}
    found = json.loads(cargo("metadata --offline --format-version 1", folder))
    crates = [crate for crate in found["packages"] if crate["id"] not in found["workspace_members"]]
    return [crate for crate in crates if (crate["name"], "v" + crate["version"]) in built]


def cargo(command, folder):
    result = subprocess.run(["cargo", *command.split(), "--locked"], cwd=folder, stdout=subprocess.PIPE)
    if result.returncode:
        sys.exit(f"licences: cargo {command} failed in {folder}")
    return result.stdout.decode()


def faults_of(crate, allowed):
    name, licence = f"{crate['name']} {crate['version']}", crate["license"]
    if crate["source"] != CRATES_IO:
        yield f"{name} is not from crates.io but from {crate['source'] or crate['manifest_path']}"
    if not licence or not permits(licence, allowed):
        yield f"{name} is under {licence or 'no licence that it names'}, which .ci/deny.toml does not allow"


def permits(expression, allowed):
    """SPDX: `A OR B AND (C WITH X)`; AND binds closer, as in Python. `A/B` is how OR was once written."""
    words = re.findall(r"[()]|[^\s()]+ WITH [^\s()]+|[^\s()]+", expression.replace("/", " OR "))
    return eval(" ".join(word.lower() if word in ("(", ")", "AND", "OR") else str(word in allowed) for word in words))


if __name__ == "__main__":
    sys.exit(main())
