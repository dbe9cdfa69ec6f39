"""Contestants that take turns, each in a process of its own, so that all meet the same noise."""

import multiprocessing
import resource
import sys
import time


class Clock:
    """Measures a contestant's own time while the others wait for their turn."""

    def __init__(self, connection):
        self.connection = connection
        self.seconds = 0.0
        self.started = None

    def start(self):
        """Waits for the turn."""
        self.connection.recv()
        self.started = time.perf_counter()

    def pass_on(self):
        """Ends the turn and waits for the next."""
        self.stop()
        self.connection.send(("turn", None))
        self.start()

    def stop(self):
        """Stops the time."""
        self.seconds += time.perf_counter() - self.started

    def lap(self) -> float:
        """Returns the seconds since the last lap and starts anew."""
        self.stop()
        seconds, self.seconds = self.seconds, 0.0
        self.started = time.perf_counter()
        return seconds


def race(contestants: dict, **arguments) -> dict:
    """Runs every contestant in turns and returns what each gave, with its peak memory in MB.

    Args:
        contestants: names and functions `f(clock, **arguments) -> dict`. A function calls
            `clock.pass_on()` every few steps; it begins and ends inside its turn.
        **arguments: for all of them.
    """
    context = multiprocessing.get_context("spawn")
    running, results = {}, {}
    for name, function in contestants.items():
        here, there = context.Pipe()
        process = context.Process(target=_run, args=(function, there, arguments), daemon=True)
        process.start()
        there.close()  # or a contestant's death would go unnoticed
        running[name] = here
    while running:
        for name, connection in list(running.items()):
            connection.send("go")
            kind, value = connection.recv()
            if kind == "done":
                results[name] = value
                del running[name]
                print(f"  {name}: {value}", file=sys.stderr, flush=True)
    return {name: results[name] for name in contestants}


def _run(function, connection, arguments):
    clock = Clock(connection)
    clock.start()
    result = function(clock, **arguments)
    kilobytes = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    connection.send(("done", result | {"peak_mb": kilobytes / 1024}))
