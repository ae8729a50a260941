"""The servers: one row and one function each.

Each is set up to be as fast as its manual lets it be while it serves what is on the disk: one worker a core, no
access log, no limit on requests a connection, a deep backlog, and connections handed over once the request is there
(TCP_DEFER_ACCEPT) where there is a switch for it. None may be slow for want of a setting; correct a row that is.

    servers.py NAME CASE PORT FOLDER    prints the command of a server, one word a line (counts.sh runs it)
"""

import os
import shutil
import subprocess
import sys
from dataclasses import dataclass, field
from typing import Callable

from scenarios import BUILD, CERTIFICATE, HERE, KEY, PROJECT, SCENARIOS, SITE, Scenario

FLOOR = os.path.join(BUILD, "floor")
OURS = os.environ.get("OURS", os.path.join(PROJECT, "target", "release", "httpd"))
# $PEERS: a folder of servers that Debian does not package.
os.environ["PATH"] = os.pathsep.join(filter(None, [os.environ.get("PEERS"), os.environ["PATH"], "/usr/sbin"]))


@dataclass(frozen=True)
class Place:
    """The port of a server, its case, and a folder for the files that it writes."""

    port: int
    folder: str
    scenario: Scenario

    @property
    def workers(self):
        return self.scenario.workers

    def config(self, name, text):
        path = os.path.join(self.folder, name)
        with open(path, "w") as file:
            file.write(text)
        return path


@dataclass(frozen=True)
class Server:
    program: str
    command: Callable[[Place], list]
    version: tuple | None = ("--version",)  # the arguments that make it say its version, if any do
    environment: dict = field(default_factory=dict)
    only: tuple = ()  # the cases that it is for; all if there are none
    speaks_tls: bool = False

    def found(self):
        return shutil.which(self.program) is not None

    def takes_part(self, case, scenario):
        return (not self.only or case in self.only) and (self.speaks_tls or not scenario.tls)

    def version_text(self):
        """The first line of what it says about itself, on whichever output."""
        if self.version is None:
            return "unknown"
        said = subprocess.run([self.program, *self.version], capture_output=True, text=True, timeout=10)
        return ((said.stdout + said.stderr).strip().splitlines() or [""])[0]


def floor(place):
    s = place.scenario
    length = s.body if s.length is None else s.length
    return [FLOOR, str(place.port), str(s.status), str(length), str(s.body), "keep" if s.keep_alive else "close"]


def ours(place, *more):
    return [OURS, "--port", str(place.port), "--document-root", SITE, "--workers", str(place.workers),
            "--backlog", "4096", *(["--tls-cert", CERTIFICATE, "--tls-key", KEY] if place.scenario.tls else []), *more]


def ours_log(place):
    return ours(place, "--file-log", os.path.join(place.folder, "access.log"))


def ours_open(place):
    return ours(place, "--no-sandbox")


def nginx(place, cache=""):
    # As root it would serve as `nobody`, who may not be allowed to see the site.
    user = "user root;" if os.geteuid() == 0 else ""
    spread = "reuseport" if place.workers > 1 else ""
    ssl = "ssl http2" if place.scenario.tls else ""
    pair = f"ssl_certificate {CERTIFICATE}; ssl_certificate_key {KEY};" if ssl else ""
    scratch = "\n".join(f"    {kind}_temp_path {place.folder}/{kind};"
                        for kind in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi"))
    return ["nginx", "-p", place.folder, "-e", "stderr", "-c", place.config("nginx.conf", f"""
{user}
daemon off;
worker_processes {place.workers};
error_log stderr crit;
pid {place.folder}/nginx.pid;
events {{ worker_connections 20000; multi_accept on; }}
http {{
    access_log off;
    sendfile on;
    tcp_nopush on;
    tcp_nodelay on;
    keepalive_requests 1000000000;
    types {{ text/html html; }}
    {cache}
{scratch}
    server {{
        listen 127.0.0.1:{place.port} backlog=4096 deferred {spread} {ssl};
        {pair}
        http2_max_concurrent_streams 128;
        root {SITE};
    }}
}}
""")]


def nginx_cache(place):
    # Its answers may be 60 s behind the disk: the price of not looking.
    return nginx(place, "open_file_cache max=20000 inactive=60s; open_file_cache_valid 60s; open_file_cache_errors on;")


def lighttpd(place):
    return ["lighttpd", "-D", "-f", place.config("lighttpd.conf", f"""
server.document-root = "{SITE}"
server.bind = "127.0.0.1"
server.port = {place.port}
server.listen-backlog = 4096
server.defer-accept = 1
server.max-keep-alive-requests = 1000000000
server.max-connections = 16000
server.max-fds = 20000
server.max-worker = {place.workers if place.workers > 1 else 0}
index-file.names = ( "index.html" )
mimetype.assign = ( ".html" => "text/html" )
""")]


def h2o(place):
    user = "user: root" if os.geteuid() == 0 else ""
    ssl = f", ssl: {{ certificate-file: {CERTIFICATE}, key-file: {KEY} }}" if place.scenario.tls else ""
    return ["h2o", "-m", "worker", "-c", place.config("h2o.conf", f"""
{user}
num-threads: {place.workers}
max-connections: 20000
listen: {{ host: 127.0.0.1, port: {place.port}{ssl} }}
hosts: {{ default: {{ paths: {{ /: {{ file.dir: "{SITE}" }} }} }} }}
""")]


def caddy(place):
    # It keeps a copy of its configuration where XDG says.
    scheme, tls = ("https", f"tls {CERTIFICATE} {KEY}") if place.scenario.tls else ("http", "")
    return ["env", f"XDG_CONFIG_HOME={place.folder}", f"XDG_DATA_HOME={place.folder}", "caddy", "run",
            "--adapter", "caddyfile", "--config", place.config("Caddyfile", f"""{{
    admin off
    auto_https off
}}
{scheme}://127.0.0.1:{place.port} {{
    {tls}
    root * {SITE}
    file_server
}}
""")]


def lwan(place):
    # Its answers may be 5 s behind the disk.
    return ["lwan", "-c", place.config("lwan.conf", f"""
keep_alive_timeout = 65
quiet = true
threads = {place.workers}
listener 127.0.0.1:{place.port}
site {{
    serve_files / {{
        path = {SITE}
    }}
}}
""")]


def static_web_server(place):
    # It counts its threads by the cores that it may use.
    return ["static-web-server", "--host", "127.0.0.1", "--port", str(place.port), "--root", SITE,
            "--log-level", "error", "--threads-multiplier", "1", "--compression", "false",
            "--cache-control-headers", "false"]


def darkhttpd(place):
    return ["darkhttpd", SITE, "--addr", "127.0.0.1", "--port", str(place.port)]


SERVERS = {
    "floor": Server(FLOOR, floor, version=None),
    "ours": Server(OURS, ours, environment={"RUST_LOG": "warn"}, speaks_tls=True),  # no access log, as with the others
    "ours-log": Server(OURS, ours_log, environment={"RUST_LOG": "info"}, only=("ab", "tiny")),
    "ours-open": Server(OURS, ours_open, environment={"RUST_LOG": "warn"}, only=("ab", "tiny")),
    "nginx": Server("nginx", nginx, ("-v",), speaks_tls=True),
    "nginx-cache": Server("nginx", nginx_cache, ("-v",), speaks_tls=True),
    "lighttpd": Server("lighttpd", lighttpd, ("-v",)),
    "h2o": Server("h2o", h2o, speaks_tls=True),
    "caddy": Server("caddy", caddy, ("version",), speaks_tls=True),
    "lwan": Server("lwan", lwan, version=None),
    "static-web-server": Server("static-web-server", static_web_server),
    "darkhttpd": Server("darkhttpd", darkhttpd, version=()),
}
# Rows that are no rivals: never the best peer.
NOT_PEERS = ("floor", "ours", "ours-log", "ours-open")


def choose(names):
    """The servers that are asked for and are there, and the names of those that are not there."""
    wanted = list(SERVERS) if names == "all" else names.split(",")
    unknown = set(wanted) - SERVERS.keys()
    if unknown:
        raise SystemExit(f"no such server: {', '.join(sorted(unknown))}; there are {', '.join(SERVERS)}")
    return [name for name in wanted if SERVERS[name].found()], [name for name in wanted if not SERVERS[name].found()]


def build_floor():
    os.makedirs(BUILD, exist_ok=True)
    subprocess.run(["gcc", "-O2", "-Wall", "-o", FLOOR, os.path.join(HERE, "floor.c")], check=True)


if __name__ == "__main__":
    if len(sys.argv) != 5:
        raise SystemExit(__doc__)
    name, case, port, folder = sys.argv[1:]
    if not SERVERS[name].found():
        raise SystemExit(f"{name}: not found")
    print("\n".join(SERVERS[name].command(Place(int(port), folder, SCENARIOS[case]))))
