"""Attacks on HTTP/2: each is ended soon, and costs an ordinary client nothing."""

import multiprocessing
import time

import http2_attacks
from harness import MIB, Server, check, make_site
from http2_attacks import ATTACKS, ENHANCE_YOUR_CALM
from promise import promise
from slow_clients import Visitor

SECONDS = 1
FLOW_CONTROL_ERROR = 3


def under_attack(name, *flags):
    """What the attacker has seen, from a process of its own; a visitor is served meanwhile, and memory stays bounded."""
    with Server(make_site(), *flags) as server, Visitor(server) as visitor:
        with Server(make_site()) as other, Visitor(other) as bystander:
            with multiprocessing.Pool(1) as pool:
                seen = pool.apply(attack, (server.port, name))
            excuse = min(2 * bystander.slow(), 0.15)
        check(not visitor.failures, f"requests fail: {visitor.failures[:3]}")
        slow = visitor.slow()
        check(slow < 0.05 + excuse, f"p99 is {slow * 1000:.0f} ms, of another server's {bystander.slow() * 1000:.0f} ms")
        check(server.resident() < 64 * MIB, f"it has {server.resident() // MIB} MiB of memory")
    return seen


def attack(port, name):
    end = time.monotonic() + SECONDS
    return http2_attacks.attack(port, name, Deadline(end))


class Deadline:
    """An event that is set at a time."""

    def __init__(self, end):
        self.end = end

    def is_set(self):
        return time.monotonic() > self.end


def promise_end(name, code):
    @promise("HTTP/2", f"{name}: the connection ends with code {code}, others are served meanwhile, memory is bounded")
    def ends():
        seen = under_attack(name)
        check(set(seen.codes) <= {code, None} and seen.codes[code], f"{seen.connections} ended with {dict(seen.codes)}")


for attacked in ATTACKS:
    if attacked not in ("100 windows of nothing", "requests that are answered"):
        promise_end(attacked, FLOW_CONTROL_ERROR if "beyond their end" in attacked else ENHANCE_YOUR_CALM)


@promise("HTTP/2", "100 responses that no window lets through are given up after the stall timeout; memory is bounded")
def closed_windows():
    under_attack("100 windows of nothing", "--stall-timeout", "0.5")


@promise("HTTP/2", "requests that are answered and never read are no more than the socket holds")
def unread_answers():
    under_attack("requests that are answered")
