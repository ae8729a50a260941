#!/usr/bin/env python3
"""Makes mime-db.types, beside this file, from the db.json of the npm package mime-db.

    npm pack mime-db && tar xf mime-db-*.tgz && src/http/media_type/mime_db.py package

Where several types claim an extension, the one with the highest score gets it, as in the npm package mime-types:
a type of the standards tree before vnd., x. and x-; then one of IANA's before mime-db's own, Apache's and nginx's;
then video before audio and application; then the shorter name.
"""

import json
import pathlib
import re
import sys

TREES = {"prs.": 100, "x-": 200, "x.": 300, "vnd.": 400}
SOURCES = {"nginx": 10, "apache": 20, None: 30, "iana": 40}
TOP_LEVELS = {"application": 1, "font": 2, "audio": 2, "video": 3}
# An unknown extension gets it anyway.
UNKNOWN = "application/octet-stream"


def main():
    package = pathlib.Path(sys.argv[1])
    database = json.loads((package / "db.json").read_text())
    version = json.loads((package / "package.json").read_text())["version"]
    licence = (package / "LICENSE").read_text().strip()
    types = {}
    for name, entry in database.items():
        for extension in entry.get("extensions", []):
            rival = types.get(extension, UNKNOWN)
            types[extension] = max(rival, name, key=lambda name: score(name, database[name].get("source")))
    rows = {}
    for extension, name in sorted(types.items()):
        rows.setdefault(name, []).append(extension)
    rows.pop(UNKNOWN, None)
    head = f"mime-db {version} (https://github.com/jshttp/mime-db), made by mime_db.py\n\n{licence}\n"
    lines = [f"# {line}".rstrip() for line in head.splitlines()]
    lines += [f"{name} {' '.join(extensions)}" for name, extensions in sorted(rows.items())]
    (pathlib.Path(__file__).parent / "mime-db.types").write_text("\n".join(lines) + "\n")


def score(name, source):
    if name == UNKNOWN:
        return 0
    top_level, subtype = name.split("/")
    tree = re.sub(r"(\.|x-).*", r"\1", subtype)
    return TREES.get(tree, 900) + SOURCES[source] + TOP_LEVELS.get(top_level, 0) + 1 - len(name) / 100


if __name__ == "__main__":
    main()
