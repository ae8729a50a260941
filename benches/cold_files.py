#!/usr/bin/env python3
"""Measures the wait of a small request while large files come from the disk.

    benches/cold_files.py target/release/httpd [FOLDER]

Eight clients download files that are dropped from the page cache beforehand, and wrk asks for a small page
meanwhile: its latency is what the disk costs everybody else. nginx stands beside, with and without a thread
pool. Needs wrk, curl, and 4 GiB of room in FOLDER (on a real disk: in a tmpfs nothing is ever cold); nginx if
it is to be measured. Traffic goes to 127.0.0.1 only, for some seconds a server.
"""
import contextlib, os, re, shutil, socket, subprocess, sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), "tests"))
import harness

CLIENTS, SIZE, SECONDS, ROUNDS = 8, 512 << 20, 6, 3


def make_files(root):
    os.makedirs(root, exist_ok=True)
    with open(f"{root}/index.html", "w") as page:
        page.write("x" * 63)
    for number in range(CLIENTS):
        path = f"{root}/{number}.bin"
        if not os.path.exists(path) or os.path.getsize(path) != SIZE:
            with open(path, "wb") as file:
                for _ in range(SIZE >> 20):
                    file.write(os.urandom(1 << 10) * 1024)


@contextlib.contextmanager
def ours(root):
    with harness.Server(root) as server:
        yield server.port


@contextlib.contextmanager
def nginx(root, aio):
    port, scratch = free_port(), harness.new_folder()
    text = f"""worker_processes 1; daemon off; error_log stderr crit; pid {scratch}/pid; events {{ worker_connections 512; }}
http {{ access_log off; sendfile on; {aio} client_body_temp_path {scratch}/1; proxy_temp_path {scratch}/2;
fastcgi_temp_path {scratch}/3; uwsgi_temp_path {scratch}/4; scgi_temp_path {scratch}/5; keepalive_requests 100000000;
server {{ listen 127.0.0.1:{port}; root {root}; }} }}"""
    harness.write(f"{scratch}/conf", text.encode())
    command = ["nginx", "-p", scratch, "-e", "stderr", "-c", f"{scratch}/conf"]
    with ended(subprocess.Popen(command, stderr=subprocess.DEVNULL)):
        harness.eventually("nginx listens", lambda: is_open(port))
        yield port


@contextlib.contextmanager
def ended(process):
    try:
        yield process
    finally:
        process.terminate()
        process.wait()


def is_open(port):
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def measure(server, root):
    """The median, the 99th percentile and the worst latency of small requests, and MiB/s downloaded."""
    with server(root) as port, contextlib.ExitStack() as stack:
        paths = [f"/{number}.bin" for number in range(CLIENTS)]
        for path in paths:
            harness.make_cold(root + path)
        downloads = []
        for path in paths:
            fetch = ["curl", "-s", "-o", os.devnull, "-w", "%{size_download}", "-m", str(SECONDS + 1)]
            download = subprocess.Popen(fetch + [f"http://127.0.0.1:{port}{path}"], stdout=subprocess.PIPE)
            downloads.append(stack.enter_context(ended(download)))
        load = ["wrk", "-t1", "-c8", f"-d{SECONDS}s", "--latency", f"http://127.0.0.1:{port}/"]
        text = subprocess.run(load, capture_output=True, text=True, timeout=60).stdout
        fetched = sum(int(download.communicate()[0] or 0) for download in downloads)
    milliseconds = lambda value, unit: float(value) * {"us": 0.001, "ms": 1, "s": 1000}[unit]
    percentile = lambda name: milliseconds(*re.search(rf"{name}%\s+([\d.]+)(us|ms|s)", text).groups())
    worst = milliseconds(*re.search(r"Latency\s+\S+\s+\S+\s+([\d.]+)(us|ms|s)", text).groups())
    return percentile(50), percentile(99), worst, fetched >> 20


def main():
    if len(sys.argv) < 2:
        sys.exit(__doc__)
    root = os.path.abspath(sys.argv[2] if len(sys.argv) > 2 else "target/cold-files")
    make_files(root)
    os.environ["PATH"] += ":/usr/sbin"
    servers = {"ours": ours}
    if shutil.which("nginx"):
        servers["nginx"] = lambda root: nginx(root, "")
        servers["nginx, aio threads"] = lambda root: nginx(root, "aio threads;")
    with harness.prepared(sys.argv[1]):
        for number in range(ROUNDS):
            for name, server in servers.items():
                median, ninety_nine, worst, fetched = measure(server, root)
                print(f"round {number + 1}  {name:18}  median {median:7.2f} ms  p99 {ninety_nine:7.2f} ms  "
                      f"worst {worst:7.2f} ms  downloaded {fetched} MiB", flush=True)


if __name__ == "__main__":
    main()
