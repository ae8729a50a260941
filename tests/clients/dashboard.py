#!/usr/bin/env python3
"""Runs Prometheus on a server, and asks it what a dashboard asks: dashboard.py DASHBOARD ADMIN URL FOLDER

ADMIN is the server's HOST:PORT with /metrics, URL where it serves. A query that has no answer is bad: it names a metric
or a label that is not there. It prints `ok NAME` and `bad NAME | WHY`. Everything is on 127.0.0.1; half a minute at most.
"""

import json
import math
import os
import socket
import subprocess
import sys
import time
import urllib.parse
import urllib.request

PATIENCE = 25  # seconds


def main():
    dashboard, admin, url, folder = sys.argv[1:]
    with open(dashboard) as file:
        panels = json.load(file)["panels"]
    os.makedirs(folder)
    with open(f"{folder}/prometheus.yml", "w") as file:
        json.dump({"global": {"scrape_interval": "200ms", "scrape_timeout": "200ms"}, "scrape_configs": [
            {"job_name": "httpd", "static_configs": [{"targets": [admin]}]}]}, file)
    with socket.create_server(("127.0.0.1", 0)) as free:
        address = f"127.0.0.1:{free.getsockname()[1]}"
    prometheus = subprocess.Popen(
        ["prometheus", f"--config.file={folder}/prometheus.yml", f"--storage.tsdb.path={folder}/data",
         f"--web.listen-address={address}"], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        # Rates need requests before a scrape and after it.
        until(lambda: ask(address, "httpd_build_info"))
        get(f"{url}/small.txt")
        queries = [(panel["title"], target["expr"]) for panel in panels for target in panel["targets"]]
        until(lambda: all(ask(address, query) for _, query in queries))
        for title, query in queries:
            result = ask(address, query)
            print(f"ok the dashboard: {title}" if result else f"bad the dashboard: {title} | no answer to {query}")
            numbers = [float(sample["value"][1]) for sample in result]
            if "quantile" in query and not all(map(math.isfinite, numbers)):
                print(f"bad the dashboard: {title} | {numbers}")
    finally:
        prometheus.terminate()
        prometheus.wait()


def until(condition):
    end = time.monotonic() + PATIENCE / 2
    while not condition() and time.monotonic() < end:
        time.sleep(0.2)


def ask(address, query):
    query = query.replace("$instance", ".*").replace("$__rate_interval", "10s")
    try:
        return json.loads(get(f"http://{address}/api/v1/query?" + urllib.parse.urlencode({"query": query})))["data"]["result"]
    except OSError:  # it does not listen yet, or the query is wrong
        return []


def get(url):
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    with opener.open(url, timeout=5) as answer:
        return answer.read()


main()
