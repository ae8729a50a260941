#!/usr/bin/env python3
"""What a small request waits while large files come from the disk.

    benches/cold_files.py target/release/httpd [FOLDER]

Eight clients download files that are dropped from the page cache beforehand, and wrk asks for a small page
meanwhile: its latency is what the disk costs everybody else. nginx stands beside, with and without a thread
pool. Needs wrk, curl, and 4 GiB of room in FOLDER (on a real disk: in a tmpfs nothing is ever cold); nginx if
it is to be measured. Traffic goes to 127.0.0.1 only, for some seconds a server.
"""
import os, re, shutil, socket, subprocess, sys, tempfile, time

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


def drop(root):
    for number in range(CLIENTS):
        with open(f"{root}/{number}.bin", "rb") as file:
            os.fsync(file.fileno())
            os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)


def nginx(root, port, scratch, aio):
    text = f"""worker_processes 1; daemon off; error_log stderr crit; pid {scratch}/pid; events {{ worker_connections 512; }}
http {{ access_log off; sendfile on; {aio} client_body_temp_path {scratch}/1; proxy_temp_path {scratch}/2;
fastcgi_temp_path {scratch}/3; uwsgi_temp_path {scratch}/4; scgi_temp_path {scratch}/5; keepalive_requests 100000000;
server {{ listen 127.0.0.1:{port}; root {root}; }} }}"""
    with open(f"{scratch}/{port}.conf", "w") as file:
        file.write(text)
    return ["nginx", "-p", scratch, "-e", "stderr", "-c", f"{scratch}/{port}.conf"]


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def measure(command, port, root):
    """The median, the 99th percentile and the worst latency of small requests, and MiB/s downloaded."""
    server = subprocess.Popen(command, env=dict(os.environ, RUST_LOG="warn"), stderr=subprocess.DEVNULL)
    downloads = []
    try:
        for _ in range(100):
            with socket.socket() as probe:
                if probe.connect_ex(("127.0.0.1", port)) == 0:
                    break
            time.sleep(0.05)
        drop(root)
        for number in range(CLIENTS):
            fetch = ["curl", "-s", "-o", os.devnull, "-w", "%{size_download}", "-m", str(SECONDS + 1)]
            downloads.append(subprocess.Popen(fetch + [f"http://127.0.0.1:{port}/{number}.bin"], stdout=subprocess.PIPE))
        load = ["wrk", "-t1", "-c8", f"-d{SECONDS}s", "--latency", f"http://127.0.0.1:{port}/"]
        text = subprocess.run(load, capture_output=True, text=True, timeout=60).stdout
        fetched = sum(int(download.communicate()[0] or 0) for download in downloads)
    finally:
        for process in downloads + [server]:
            process.terminate()
            process.wait()
    milliseconds = lambda value, unit: float(value) * {"us": 0.001, "ms": 1, "s": 1000}[unit]
    percentile = lambda name: milliseconds(*re.search(rf"{name}%\s+([\d.]+)(us|ms|s)", text).groups())
    worst = milliseconds(*re.search(r"Latency\s+\S+\s+\S+\s+([\d.]+)(us|ms|s)", text).groups())
    return percentile(50), percentile(99), worst, fetched >> 20


def main():
    if len(sys.argv) < 2:
        sys.exit(__doc__)
    root = os.path.abspath(sys.argv[2] if len(sys.argv) > 2 else "target/cold-files")
    make_files(root)
    scratch = tempfile.mkdtemp()
    os.environ["PATH"] += ":/usr/sbin"
    servers = {"ours": lambda port: [os.path.abspath(sys.argv[1]), "-p", str(port), "-r", root]}
    if shutil.which("nginx"):
        servers["nginx"] = lambda port: nginx(root, port, scratch, "")
        servers["nginx, aio threads"] = lambda port: nginx(root, port, scratch, "aio threads;")
    for number in range(ROUNDS):
        for name, command in servers.items():
            port = free_port()
            median, ninety_nine, worst, fetched = measure(command(port), port, root)
            print(f"round {number + 1}  {name:18}  median {median:7.2f} ms  p99 {ninety_nine:7.2f} ms  "
                  f"worst {worst:7.2f} ms  downloaded {fetched} MiB", flush=True)
    shutil.rmtree(scratch)


if __name__ == "__main__":
    main()
