"""What kills, full disks and damaged files do to the package.

    .venv/bin/python benchmarks/faults [--kills N] [--files N] [--seed N]

Trainings of every kind on tiny data are killed (SIGKILL) at random moments, several times each, and
resumed until they end: weights, optimizer and features must be those of an undisturbed run, bit by
bit, and nothing may be there that is half written. They run on disks too small for them and in
directories that cannot be written. Every kind of file that is read is cut off and has bits flipped.
A Markdown table says what came of it; the lines before it say where something went wrong.
"""

import argparse
import os
import random
import sys
import tempfile
import time
from pathlib import Path

os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"

import disks
import kills
from damage import damage, poison
from trainings import write_data

from keras_transformers.utils import markdown_table

COLUMNS = (
    "how many",
    "refused in one line",
    "equal",
    "other values",
    "tracebacks",
    "half-written",
)
NEVER = ("tracebacks", "half-written")


def main() -> int:
    parser = argparse.ArgumentParser(prog="faults", description=__doc__.split("\n")[0])
    parser.add_argument("--kills", type=int, default=100, metavar="N")
    parser.add_argument("--disks", type=int, default=12, metavar="N")
    parser.add_argument("--files", type=int, default=600, metavar="N")
    parser.add_argument("--seed", type=int, default=0, metavar="N")
    options = parser.parse_args()
    started = time.perf_counter()
    with tempfile.TemporaryDirectory(prefix="faults-") as directory:
        rows = campaign(Path(directory), options, random.Random(options.seed))
    table = [{"what": what} | {column: tally[column] for column in COLUMNS} for what, tally in rows]
    print(f"\n{markdown_table(table)}\n\n{(time.perf_counter() - started) / 60:.0f} minutes")
    return any(tally[column] for _, tally in rows for column in NEVER)


def campaign(directory: Path, options, rng) -> list[tuple]:
    places = {name: directory / name for name in ("data", "whole", "killed", "disks", "files")}
    for place in places.values():
        place.mkdir()
    os.environ["KERAS_HOME"] = os.environ["TFHUB_CACHE_DIR"] = str(directory / "home")
    commands = write_data(places["data"])
    seconds = kills.undisturbed(commands, places["whole"])
    rows = [
        (f"damaged files, {kind}", tally)
        for kind, tally in damage(places, options.files, rng).items()
    ]
    rows.append(("files with code in them", poison(places)))
    killed = kills.kill(commands, places["whole"], seconds, places["killed"], options.kills, rng)
    rows.insert(0, ("kills, resumed", killed))
    if disks.is_permitted(places["disks"] / "disk"):
        full = disks.fill(commands, places["whole"], places["disks"], options.disks, rng)
        rows[1:1] = [
            ("full disks, resumed with more room", full),
            ("directories that cannot be written", disks.lock(commands, places["disks"])),
        ]
    else:
        print("Full disks are left out: only root may mount one (tmpfs)", flush=True)
    return rows


if __name__ == "__main__":
    sys.exit(main())
