"""One server, one load, and what it cost.

The server runs in a session of its own: its processes are found, counted and ended by that session, whatever they are
called. The load comes from wrk or ab on another core and is bounded in time.
"""

import contextlib
import http.client
import itertools
import os
import re
import signal
import socket
import ssl
import subprocess
import time
from dataclasses import dataclass

from servers import Place

TICKS = os.sysconf("SC_CLK_TCK")
START_SECONDS = 10
# Above this size an answer that the end of the load cuts off is no trifle, and is counted by its bytes.
COUNTED_BY_BYTES = 1 << 20
# Beneath the ports that Linux gives to outgoing connections.
PORTS = itertools.cycle(range(20_000, 30_000))


class Failure(Exception):
    """A server that did not start, or does not answer what the case is about."""


@dataclass(frozen=True)
class Load:
    """The figures of the load generator."""

    requests: float
    per_second: float
    p99_us: float
    failed: int


@dataclass(frozen=True)
class Sample:
    """One round of one server on one case."""

    cpu_us: float  # user and system time a request
    answered: float
    per_second: float
    p99_us: float
    failed: int
    mib: float  # proportional memory of all its processes, halfway through the load


def sample(server, scenario, folder, seconds):
    """Starts the server, checks its answer, warms it up, loads it, ends it."""
    place = Place(free_port(), folder, scenario)
    server_cores, load_core = cores(scenario.workers)
    with running(server, place, server_cores) as session:
        check_answer(scenario, place.port)
        run_load(scenario, place, load_core, scenario.warm_up)
        before, memory = cpu_seconds(session), []
        load = run_load(scenario, place, load_core, seconds, lambda: memory.append(memory_mib(session)))
        cpu = cpu_seconds(session) - before
    if not load.requests:
        raise Failure("not one request was answered")
    return Sample(cpu / load.requests * 1e6, load.requests, load.per_second, load.p99_us, load.failed, memory[0])


def cores(workers):
    """The server has the first cores, one a worker; the load has the next one, or shares the last if there is none."""
    allowed = sorted(os.sched_getaffinity(0))
    return ",".join(map(str, allowed[:workers])), str(allowed[min(workers, len(allowed) - 1)])


def free_port():
    for port in PORTS:
        with socket.socket() as probe, contextlib.suppress(OSError):
            probe.bind(("127.0.0.1", port))
            return port


@contextlib.contextmanager
def running(server, place, server_cores):
    """The server's session while it runs."""
    with open(os.path.join(place.folder, "server.out"), "w+b") as output:
        process = subprocess.Popen(
            ["taskset", "-c", server_cores, *server.command(place)], stdin=subprocess.DEVNULL, stdout=output,
            stderr=output, env={**os.environ, **server.environment}, start_new_session=True)
        try:
            wait_until_listening(process, place.port)
            yield process.pid
        except Failure as failure:
            output.seek(0)
            raise Failure(f"{failure} {output.read()[-300:].decode(errors='replace')}".strip()) from None
        finally:
            end(process)


def wait_until_listening(process, port):
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline and process.poll() is None:
        with contextlib.suppress(OSError):
            socket.create_connection(("127.0.0.1", port), 1).close()
            return
        time.sleep(0.02)
    raise Failure("did not start:")


def end(process):
    """Asks the whole session to end, and makes it."""
    for number in (signal.SIGTERM, signal.SIGKILL):
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, number)
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(3)
    # The first process may be gone before its children: the second signal was for them.


def check_answer(scenario, port):
    """A server that answers something else may be fast at it."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
    if scenario.tls:
        connection = http.client.HTTPSConnection("127.0.0.1", port, timeout=10, context=any_certificate())
    with contextlib.closing(connection):
        try:
            connection.request(scenario.method, scenario.path, headers=scenario.headers)
            answer = connection.getresponse()
            length = len(answer.read())
        except (OSError, http.client.HTTPException) as error:
            raise Failure(f"no answer: {error!r}") from None
    if answer.status != scenario.status:
        raise Failure(f"answers {answer.status} instead of {scenario.status}")
    if scenario.status != 404 and length != scenario.body:
        raise Failure(f"answers {length} bytes instead of {scenario.body}")


def any_certificate():
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    return context


# ---- what the server used ----

def processes(session):
    for entry in os.listdir("/proc"):
        # Processes come and go while we look.
        with contextlib.suppress(OSError):
            if entry.isdigit() and int(fields_of(entry)[3]) == session:
                yield entry


def fields_of(process):
    """The fields of /proc/PID/stat from the third on: the second is a name, and may contain anything."""
    with open(f"/proc/{process}/stat") as file:
        return file.read().rsplit(")", 1)[1].split()


def cpu_seconds(session):
    """User and system time of all processes and threads; 10 ms is the finest that /proc says."""
    return sum(int(ticks) for process in processes(session) for ticks in fields_of(process)[11:13]) / TICKS


def memory_mib(session):
    kib = 0
    for process in processes(session):
        with contextlib.suppress(OSError), open(f"/proc/{process}/smaps_rollup") as file:
            kib += sum(int(line.split()[1]) for line in file if line.startswith("Pss:"))
    return kib / 1024


# ---- the load ----

def run_load(scenario, place, core, seconds, halfway=lambda: None):
    load = {"ab": run_ab, "h2load": run_h2load, "wrk": run_wrk}[scenario.tool]
    return load(scenario, place, ["taskset", "-c", core], seconds, halfway)


def run(command, seconds, halfway):
    """Runs the command and returns its output. `halfway` is called in the middle of its time."""
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        try:
            time.sleep(seconds / 2)
            halfway()
            output, errors = process.communicate(timeout=seconds + 30)
        except BaseException:
            process.kill()
            raise
    if process.returncode:
        raise Failure(f"{os.path.basename(command[3])}: {errors.strip()[-200:]}")
    return output


def run_ab(scenario, place, prefix, seconds, halfway):
    percentiles = os.path.join(place.folder, "ab.csv")  # finer than the milliseconds that ab prints
    command = [*prefix, "ab", "-q", "-r", "-c", str(scenario.connections), "-e", percentiles,
               # The time is the limit; a number must be given, and room is set aside for as many.
               "-t", str(seconds), "-n", str(seconds * 200_000)]
    command += ["-k"] if scenario.keep_alive else []
    command += ["-i"] if scenario.method == "HEAD" else []
    command += ["-f", f"TLS{scenario.tls}"] if scenario.tls else []
    scheme = "https" if scenario.tls else "http"
    output = run([*command, f"{scheme}://127.0.0.1:{place.port}{scenario.path}"], seconds, halfway)
    number = lambda label: float((re.search(rf"^{label}:\s+([\d.]+)", output, re.M) or [0, 0])[1])
    with open(percentiles) as file:
        p99_ms = next((float(line[3:]) for line in file if line.startswith("99,")), 0.0)
    return Load(number("Complete requests"), number("Requests per second"), p99_ms * 1000,
                int(number("Failed requests") + number("Non-2xx responses")))


def run_h2load(scenario, place, prefix, seconds, halfway):
    """A few requests tell how many fill the time: with a limit in seconds, h2load may wait for ever at its end."""
    at_once = scenario.connections * scenario.streams
    first = h2load(scenario, place, prefix, at_once * 4, 0, lambda: None)
    rest = h2load(scenario, place, prefix, max(at_once, int(first.per_second * seconds)), seconds, halfway)
    return Load(first.requests + rest.requests, rest.per_second, 0.0, first.failed + rest.failed)


def h2load(scenario, place, prefix, requests, seconds, halfway):
    command = [*prefix, "h2load", "-t1", "-c", str(scenario.connections), "-m", str(scenario.streams), "-n", str(requests),
               f"--npn-list={scenario.protocol}", f"https://127.0.0.1:{place.port}{scenario.path}"]
    output = run(command, seconds, halfway)
    counts = re.search(r"(\d+) succeeded, (\d+) failed", output)
    speed = re.search(r"^finished in .*?, ([\d.]+) req/s", output, re.M)
    protocol = re.search(r"^Application protocol: (.*)$", output, re.M)
    if not counts or not speed or not protocol or protocol[1] != scenario.protocol:
        raise Failure(f"h2load: {output.strip()[-200:]}")
    return Load(int(counts[1]), float(speed[1]), 0.0, int(counts[2]))


# wrk prints rounded figures for people; this line has the exact ones. Its correction of latencies adds samples beneath
# the least one, which its percentiles then miss: with pipelining the upper ones come out as 0. So we look for the
# highest that does not, and take 99 % of that.
REPORT = """
function done(summary, latency, requests)
  local low, top = 0, 100
  if latency:percentile(top) == 0 then
    for _ = 1, 20 do
      local middle = (low + top) / 2
      if latency:percentile(middle) == 0 then top = middle else low = middle end
    end
    top = low
  end
  local e = summary.errors
  print(string.format("exactly %d %d %d %d %d %d", summary.requests, summary.bytes, summary.duration,
    latency:percentile(top * 0.99), e.status, e.connect + e.read + e.write + e.timeout))
end
"""


def run_wrk(scenario, place, prefix, seconds, halfway):
    headers = "".join(f'wrk.headers["{name}"] = "{value}"\n' for name, value in scenario.headers.items())
    script = place.config("load.lua", headers + scenario.script + REPORT)
    output = run([*prefix, "wrk", "-t1", "-c", str(scenario.connections), "-d", f"{seconds}s", "--timeout", "10s",
                  "-s", script, f"http://127.0.0.1:{place.port}{scenario.path}"], seconds, halfway)
    exact = re.search(r"^exactly (.*)$", output, re.M)
    if not exact:
        raise Failure(f"wrk: {output.strip()[-200:]}")
    requests, length, microseconds, p99_us, refusals, errors = map(int, exact[1].split())
    if scenario.status >= 400:
        refusals = requests - refusals  # here a refusal is what was asked for
    if scenario.body >= COUNTED_BY_BYTES:
        requests = length / scenario.body
    return Load(requests, requests / microseconds * 1e6, p99_us, refusals + errors)
