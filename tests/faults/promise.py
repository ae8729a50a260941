"""The promises: a function each, with its heading and its sentence."""

import signal
import time

from harness import Broken, Closed, Missing

LONGEST = 75  # seconds for one promise

promises = []  # heading, text, function


def promise(heading, text):
    """Makes a function a promise. It keeps it by returning."""
    def add(function):
        promises.append((heading, text, function))
        return function
    return add


def show(function):
    """Shows one promise: the word for how it went, and what to say of it."""
    began = time.monotonic()
    signal.signal(signal.SIGALRM, out_of_time)
    signal.alarm(LONGEST)
    try:
        function()
        return "ok   ", f" ({time.monotonic() - began:.1f} s)"
    except Missing as missing:
        return "skip ", f": {missing}"
    except Exception as error:
        kind = "" if isinstance(error, (Broken, Closed)) else f"{type(error).__name__}: "
        return "FAIL ", f": {kind}{error}".replace("\n", " ")[:600]
    finally:
        signal.alarm(0)


def out_of_time(*_):
    raise Broken(f"no end after {LONGEST} s")
