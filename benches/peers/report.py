"""From samples to medians, and from medians to text."""

import statistics
from dataclasses import dataclass

from scenarios import SCENARIOS
from servers import NOT_PEERS

# A server that fails more of its requests than this is not compared: failing is cheap.
FAILURES_ALLOWED = 0.001


@dataclass(frozen=True)
class Row:
    """The medians of one server on one case."""

    server: str
    cpu_us: float
    cpu_ratio: float | None  # to the floor
    spread: float  # of cpu_us over the rounds: (highest - lowest) / median
    per_second: float
    speed_ratio: float | None
    p99_us: float
    failed: int
    mib: float
    compared: bool


def rows(samples):
    """One row a server, in the order of the table of servers. `samples` is server -> one sample (or None) a round."""
    return [row(server, rounds, samples.get("floor", [])) for server, rounds in samples.items() if any(rounds)]


def row(server, rounds, floor):
    done = [sample for sample in rounds if sample]
    median = lambda name: statistics.median(sample[name] for sample in done)
    cpu = [sample["cpu_us"] for sample in done]
    failed = sum(sample["failed"] for sample in done)
    return Row(server, median("cpu_us"), ratio("cpu_us", rounds, floor), (max(cpu) - min(cpu)) / max(median("cpu_us"), 1e-9),
               median("per_second"), ratio("per_second", rounds, floor), median("p99_us"), failed, median("mib"),
               failed <= FAILURES_ALLOWED * sum(sample["answered"] for sample in done))


def ratio(name, rounds, floor):
    """The median of each round's ratio: what slows the machine for a while slows both sides of it."""
    pairs = [(ours[name], theirs[name]) for ours, theirs in zip(rounds, floor) if ours and theirs]
    return statistics.median(ours / max(theirs, 1e-9) for ours, theirs in pairs) if pairs else None


def ours_and_peers(samples):
    """Our row, and the peers' that can be compared, the cheapest first."""
    by_server = {row.server: row for row in rows(samples)}
    peers = [row for row in by_server.values() if row.server not in NOT_PEERS and row.compared]
    return by_server.get("ours"), sorted(peers, key=lambda row: row.cpu_us)


def describe(case):
    s = SCENARIOS[case]
    connections = f"{s.connections:,} connection{'s' if s.connections > 1 else ''}"
    return f"{case}: {s.what} ({s.tool}, {s.method} {s.path}, {connections})"


def table(case, samples):
    """One case as text."""
    lines = [describe(case),
             f"  {'':18}{'cpu us':>10}{'x floor':>9}{'spread':>8}{'requests/s':>12}{'x floor':>9}{'p99 us':>10}{'failed':>8}{'MiB':>8}"]
    for r in rows(samples):
        lines.append(f"  {r.server:18}{r.cpu_us:10,.2f}{times(r.cpu_ratio):>9}{r.spread:8.0%}{number(r.per_second):>12}"
                     f"{times(r.speed_ratio):>9}{p99(r):>10}{r.failed:8,}{r.mib:8,.1f}")
    lines += [f"  {server:18}{'no sample':>10}" for server, rounds in samples.items() if not any(rounds)]
    return "\n".join(lines) + "\n"


def p99(row):
    """Nothing where the load was too short or too odd for one."""
    return f"{row.p99_us:,.0f}" if row.p99_us else "-"


def times(value):
    return "-" if value is None else f"{value:.2f}"


def number(value):
    """Large figures without a fraction, small ones with three digits."""
    return f"{value:,.0f}" if value >= 100 else f"{value:.3g}"


def text(results):
    """The whole report."""
    about = results["about"]
    head = "\n".join(f"{key + ':':12}{value}" for key, value in about.items() if key != "versions")
    versions = "\n".join(f"  {server:18}{version}" for server, version in about["versions"].items())
    tables = "\n".join(table(case, samples) for case, samples in results["cases"].items())
    return (f"{head}\nversions:\n{versions}\n\n"
            "Medians over the rounds. cpu us: user and system time of all of a server's processes, a request.\n"
            "x floor: the median of each round's ratio to floor.c. spread: (highest - lowest) / median of cpu us.\n"
            f"failed: the sum over all rounds. MiB: proportional memory in the middle of the load.\n\n{tables}")


def markdown(results):
    """The table of the project's README: cpu time a request, ours and the best of the others."""
    lines = ["| case | ours: cpu µs | × floor | best peer | cpu µs | × floor | requests/s: ours | best peer |",
             "| --- | ---: | ---: | --- | ---: | ---: | ---: | ---: |"]
    for case, samples in results["cases"].items():
        ours, peers = ours_and_peers(samples)
        if not ours:
            continue
        best = peers[0] if peers else None
        # The cheapest need not be the fastest.
        fastest = f"{number(max(peer.per_second for peer in peers))}" if peers else "-"
        cells = [f"{case} ({SCENARIOS[case].what})", f"{ours.cpu_us:,.2f}", times(ours.cpu_ratio),
                 best.server if best else "-", f"{best.cpu_us:,.2f}" if best else "-", times(best.cpu_ratio) if best else "-",
                 number(ours.per_second), fastest]
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines)
