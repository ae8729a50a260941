"""System calls that fail or wait, with the help of strace(1)."""

import subprocess

from harness import Missing, PATIENCE, eventually, need, new_folder


class Strace:
    """Makes the next `call` of each thread of a running server fail, with `call:3` the third, with `call:1+` all."""

    def __init__(self, server, call, fault, path=None):
        """With a path only calls on that file count."""
        need("strace")
        call, _, number = call.partition(":")
        self.output = f"{new_folder()}/strace"
        command = ["strace", "-f", "-qq", "-p", str(server.pid), "-o", self.output,
                   "-e", f"trace={call}", "-e", f"inject={call}:{fault}:when={number or 1}"]
        command += ["-P", path] if path else []
        self.process = subprocess.Popen(command, stderr=subprocess.PIPE, text=True)
        def is_attached():
            if self.process.poll() is not None:
                raise Missing(f"strace may not attach: {self.process.stderr.read().strip()}")
            return all(server.status("TracerPid", thread) == self.process.pid for thread in server.threads())
        eventually("strace is attached", is_attached)

    def was_met(self):
        with open(self.output) as file:
            return "INJECTED" in file.read()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.terminate()
        self.process.communicate(timeout=PATIENCE)
