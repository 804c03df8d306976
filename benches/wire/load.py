"""Runs the load generator on its core."""

import json
import resource
import subprocess

import pinning

# Unanswered queries: enough that the server's next batch always waits, and few enough for a socket buffer
# of Linux' default size (212,992 octets hold some 270 datagrams) to take them all.
WINDOW = 192


class Load:
    """The load generator: a program, a file of queries, a core."""

    def __init__(self, program, query_file, core, window=WINDOW):
        self.program, self.query_file, self.core, self.window = program, query_file, core, window

    def start(self, server, seconds, rate=None):
        """Starts a run against a server and returns its process, for `finish`."""
        command = [self.program, "load", f"127.0.0.1:{server.port}", self.query_file]
        command += ["--seconds", str(seconds), "--window", str(self.window)]
        command += ["--rate", str(rate)] if rate else []
        command += ["--echo"] if server.echoes else []
        return subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            preexec_fn=pinning.on_core(self.core),
        )

    def finish(self, process, seconds):
        """Waits for a run of so many seconds and returns what it counted."""
        try:
            output, _ = process.communicate(timeout=seconds + 30)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
            raise
        if process.returncode:
            raise RuntimeError("the load generator failed")
        return json.loads(output)

    def run(self, server, seconds, rate=None):
        """One run, start to end; `busy` is the share of its core that the load generator used."""
        before = _children_seconds()
        result = self.finish(self.start(server, seconds, rate), seconds)
        result["busy"] = (_children_seconds() - before) / result["seconds"]
        return result


def _children_seconds():
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    return usage.ru_utime + usage.ru_stime
