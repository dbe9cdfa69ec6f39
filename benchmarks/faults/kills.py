"""Trainings that are killed at random moments, again and again, and resumed."""

import random
import time
from collections import Counter
from pathlib import Path

from trainings import half_written, run, start, unfinished, weights

KILLS_IN_A_TRAINING = 5


def undisturbed(commands: dict[str, list[str]], directory: Path) -> dict[str, float]:
    """Runs each training to its end; returns the seconds it takes."""
    seconds = {}
    # The first one starts the process that all others are forked from.
    for name, command in [next(iter(commands.items())), *commands.items()]:
        started = time.perf_counter()
        log = directory / f"{name}.log"
        assert run([*command, "--output", str(directory / name)], log) == 0, log.read_text()
        seconds[name] = time.perf_counter() - started
    return seconds


def kill(
    commands: dict[str, list[str]],
    whole: Path,
    seconds: dict[str, float],
    directory: Path,
    kills: int,
    rng: random.Random,
) -> Counter:
    """Kills trainings so many times in all, and compares what comes of them in the end."""
    tally = Counter()
    names = sorted(commands)
    training = 0
    while tally["how many"] < kills:
        name = names[training % len(names)]
        output = directory / f"{name}-{training}"
        log = output.with_suffix(".log")
        command = [*commands[name], "--output", str(output), "--resume"]
        training += 1
        killed = 0
        for _ in range(KILLS_IN_A_TRAINING):
            process = start(command, log)
            process.join(rng.uniform(0, seconds[name]))
            process.kill()
            process.join()
            killed += process.exitcode < 0
            tally["half-written"] += _report(half_written(output))
        code = run(command, log)
        left = half_written(output) + unfinished(output)
        tally["half-written"] += _report(left)
        equal = code == 0 and weights(output) == weights(whole / name)
        tally["how many"] += killed
        tally["equal"] += killed * equal
        if code == 0 and not equal:
            tally["other values"] += killed
        if code != 0:
            tally["tracebacks"] += killed
            print(f"{name} did not resume: {log.read_text()}", flush=True)
        print(f"kills: {tally['how many']}, {name} {'as undisturbed' if equal else 'DIFFERS'}")
    return tally


def _report(files):
    for file in files:
        print(f"half-written: {file}", flush=True)
    return len(files)
