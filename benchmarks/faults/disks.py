"""Disks that are full, and directories that cannot be written."""

import contextlib
import os
import random
import shutil
import subprocess
from collections import Counter
from pathlib import Path

from trainings import half_written, refused_in_one_line, run, unfinished, weights

PAGE = 4096


def is_permitted(directory: Path) -> bool:
    """Whether a file system of a size of its own can be mounted, which takes root on Linux."""
    try:
        with _disk(directory, PAGE):
            return True
    except (OSError, subprocess.CalledProcessError):
        return False


def fill(
    commands: dict[str, list[str]], whole: Path, directory: Path, times: int, rng: random.Random
) -> Counter:
    """Trains on disks of random sizes, most of them too small, and resumes with more room."""
    tally = Counter()
    for number in range(times):
        name = sorted(commands)[number % len(commands)]
        size = sum(path.stat().st_size for path in (whole / name).rglob("*") if path.is_file())
        log = directory / f"{name}-{number}.log"
        with _disk(directory / "disk", rng.randrange(PAGE, size)) as disk:
            command = [*commands[name], "--output", str(disk / "run")]
            code = run(command, log)
            tally["how many"] += 1
            tally["half-written"] += len(half_written(disk) + unfinished(disk))
            refused = code == 2 and refused_in_one_line(log)
            tally["refused in one line"] += refused
            if code != 0 and not refused:
                tally["tracebacks"] += 1
                print(f"full disk, {name}, exit code {code}: {log.read_text()[-3000:]}", flush=True)
            _mount(disk, f"remount,size={100 * size}")
            code = run([*command, "--resume"], log)
            equal = code == 0 and weights(disk / "run") == weights(whole / name)
            tally["equal" if equal else "other values"] += 1
            if not equal:
                print(f"full disk, {name} did not resume: {log.read_text()[-3000:]}", flush=True)
        print(f"full disks: {tally['how many']}, {name}", flush=True)
    return tally


def lock(commands: dict[str, list[str]], directory: Path) -> Counter:
    """Lets each training write to a disk that is mounted for reading, and resume there."""
    tally = Counter()
    for name, command in commands.items():
        with _disk(directory / "disk", 1 << 20) as disk:
            (disk / "run").mkdir()
            _mount(disk, "remount,ro")
            for options in ([], ["--resume"]):
                log = directory / f"{name}-read-only.log"
                code = run([*command, "--output", str(disk / "run"), *options], log)
                tally["how many"] += 1
                refused = code == 2 and refused_in_one_line(log)
                tally["refused in one line" if refused else "tracebacks"] += 1
                if not refused:
                    print(f"read-only, {name}, {code}: {log.read_text()[-3000:]}", flush=True)
    return tally


@contextlib.contextmanager
def _disk(directory, size):
    directory.mkdir(parents=True, exist_ok=True)
    _mount(directory, f"size={size}")
    try:
        yield directory
    finally:
        subprocess.run(["umount", directory], check=True)


def _mount(directory, options):
    if os.name != "posix" or not shutil.which("mount"):
        raise OSError("no mount")
    command = ["mount", "-t", "tmpfs", "-o", options, "tmpfs", directory]
    subprocess.run(command, check=True, capture_output=True)
