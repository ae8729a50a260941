#!/usr/bin/env python3
"""Static file servers side by side on loopback: what a request costs each of them.

    benches/peers/run.py --check                            does everything work here? (a minute)
    benches/peers/run.py --out peers.txt --svg peers.svg    everything (an hour and a half)
    benches/peers/run.py --cases ab,sizes --servers floor,ours,h2o --rounds 3

The servers of one case take turns, round after round, so that whatever else the machine does hits all of them alike.
The figure to trust is the cpu time a request as a ratio to the floor: requests/s are capped by the load generator,
which costs as much as the server does.
"""

import argparse
import datetime
import json
import os
import platform
import resource
import shlex
import shutil
import signal
import sys
import tempfile
from dataclasses import asdict

import chart
import measure
import report
import scenarios
import servers


def main():
    options = parse_arguments()
    # Whoever ends the run ends the server with it: unwinding is what stops it.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit("terminated"))
    results = read(options.read) if options.read else compare(options)
    if options.out:
        write(options.out, report.text(results))
    if options.svg:
        write(options.svg, chart.svg(results))
    if options.markdown:
        print(report.markdown(results))
    return 1 if options.check and not complete(results) else 0


def parse_arguments():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--cases", default="all", help=f"from {', '.join([*scenarios.GROUPS, *scenarios.SCENARIOS])}")
    parser.add_argument("--servers", default="all", help=f"from {', '.join(servers.SERVERS)}; those not found are left out")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=int, default=3, help="of each load, after one or a few of warming up")
    parser.add_argument("--check", action="store_true", help="one short round of two cases; fails if a server does")
    parser.add_argument("--out", metavar="FILE", help="write the report as text")
    parser.add_argument("--svg", metavar="FILE", help="draw it")
    parser.add_argument("--markdown", action="store_true", help="print the table of the README")
    parser.add_argument("--json", metavar="FILE", help="keep the samples, case by case")
    parser.add_argument("--read", metavar="FILE", help="report samples that --json kept, and measure nothing")
    options = parser.parse_args()
    if options.check:
        options.cases, options.rounds, options.seconds = "check", 1, 1
    return options


def compare(options):
    cases = scenarios.choose(options.cases)
    need(["taskset", "gcc", *{scenarios.SCENARIOS[case].tool for case in cases}])
    servers.build_floor()
    names, missing = servers.choose(options.servers)
    scenarios.make_site()
    if any(scenarios.SCENARIOS[case].tls for case in cases):
        scenarios.make_certificate()
    raise_descriptor_limit()
    if missing:
        print(f"not found: {', '.join(missing)}\n")
    results = {"about": about(names, options), "cases": {}}
    for case in cases:
        results["cases"][case] = interleaved(case, names, options)
        print(report.table(case, results["cases"][case]), flush=True)
        if options.json:  # after each case: a run is long, and may be interrupted
            write(options.json, json.dumps(results, indent=1))
    return results


def interleaved(case, names, options):
    """The samples of one case: server -> one a round, or None where it failed."""
    names = [name for name in names if servers.SERVERS[name].takes_part(case, scenarios.SCENARIOS[case])]
    samples = {name: [] for name in names}
    for turn in range(options.rounds):
        start = turn % len(names)  # nobody is always first, or always behind the same one
        for name in names[start:] + names[:start]:
            progress(f"{case}, round {turn + 1} of {options.rounds}: {name}")
            samples[name].append(one_sample(case, name, options.seconds))
    progress("")
    return samples


def one_sample(case, name, seconds):
    with tempfile.TemporaryDirectory(prefix="peers-") as folder:
        try:
            return asdict(measure.sample(servers.SERVERS[name], scenarios.SCENARIOS[case], folder, seconds))
        except measure.Failure as failure:
            progress("")
            print(f"! {case}, {name}: {failure}", file=sys.stderr)
            return None


def about(names, options):
    return {
        "date": datetime.datetime.now().astimezone().isoformat(sep=" ", timespec="minutes"),
        "kernel": platform.release(),
        "processor": f"{len(os.sched_getaffinity(0))} x {processor()}",
        "busy": "%.1f (the load average before the run; others' work blurs the figures)" % os.getloadavg()[0],
        "command": shlex.join(sys.argv),
        "rounds": f"{options.rounds} of {options.seconds} s",
        "versions": {name: servers.SERVERS[name].version_text() for name in names},
    }


def processor():
    with open("/proc/cpuinfo") as file:
        return next((line.split(":")[1].strip() for line in file if line.startswith("model name")), platform.machine())


def need(programs):
    missing = [program for program in programs if not shutil.which(program)]
    if missing:
        raise SystemExit(f"needed and not found: {', '.join(sorted(missing))}; see README.md beside this file")


def raise_descriptor_limit():
    """As far as we may; the servers and the load inherit it."""
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))


def complete(results):
    return all(all(rounds) for samples in results["cases"].values() for rounds in samples.values())


def progress(words):
    if sys.stderr.isatty():
        print(f"\r\033[K{words}", end="", file=sys.stderr, flush=True)


def read(path):
    with open(path) as file:
        return json.load(file)


def write(path, words):
    with open(path, "w") as file:
        file.write(words)


if __name__ == "__main__":
    sys.exit(main())
