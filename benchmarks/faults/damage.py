"""Files that are cut off or have bits flipped, and files that try to run code."""

import io
import os
import pickle
import random
import shutil
import sys
import tarfile
import warnings
from collections import Counter
from pathlib import Path

import keras
import numpy as np
from formats import Format, formats
from trainings import context

from keras_transformers.utils import one_line

SECONDS_TO_READ = 120
TOLD = ("tracebacks", "other values")
# What no reading of a file does unless code in it makes it do so.
OF_CODE = ("os.system", "os.exec", "os.posix_spawn", "subprocess.Popen", "pickle.find_class")


def damage(places: dict[str, Path], files: int, rng: random.Random) -> dict[str, Counter]:
    """Damages so many files in all, each format as often as the others; counts what came of it."""
    groups = formats(places["data"], places["whole"], _made(places["files"] / "damaged"))
    for_each = -(-files // sum(map(len, groups.values())))
    tallies = {group: Counter() for group in groups}
    for group, examples in groups.items():
        for name, example in examples.items():
            original = (example.directory / example.file).read_bytes()
            damaged = [_damaged(original, rng) for _ in range(for_each)]
            tally = _read_all(name, example, damaged, places["files"] / "copy")
            print(f"{name}: {dict(tally)}", flush=True)
            tallies[group] += tally
    return tallies


def _made(directory):
    directory.mkdir()
    return directory


def _damaged(content: bytes, rng: random.Random) -> tuple[str, bytes]:
    """Cuts a file off, or flips one bit of it, as often near its ends as anywhere."""
    if rng.random() < 0.5:
        length = rng.randrange(len(content))
        return f"cut to {length} of {len(content)} bytes", content[:length]
    end = min(len(content), 300)
    position = rng.choice(
        [rng.randrange(len(content)), rng.randrange(end), len(content) - 1 - rng.randrange(end)]
    )
    bit = rng.randrange(8)
    flipped = bytes([content[position] ^ 1 << bit])
    how = f"bit {bit} of byte {position} of {len(content)} flipped"
    return how, content[:position] + flipped + content[position + 1 :]


def _read_all(name: str, example: Format, damaged: list[tuple], copy: Path) -> Counter:
    """Reads all in a process of its own, in another one after each that ended it."""
    tally = Counter({"how many": len(damaged)})
    whole = (example.directory / example.file).read_bytes()
    waiting = list(damaged)
    while waiting:
        contents = [whole, *(content for _, content in waiting)]
        here, there = context.Pipe()
        process = context.Process(target=_reader, args=(example, contents, copy, there))
        process.start()
        there.close()
        for verdict, message in _verdicts(here, process, len(waiting)):
            how, _ = waiting.pop(0)
            tally[verdict] += 1
            if verdict in TOLD:
                print(f"{name}, {how}: {verdict} {message}", flush=True)
    return tally


def _verdicts(connection, process, count):
    """Yields a verdict and a message on each file, as far as the process that reads them came."""
    try:
        for _ in range(count):
            if not connection.poll(SECONDS_TO_READ):
                yield "tracebacks", "took too long"
                break
            yield connection.recv()
    except EOFError:
        process.join()
        yield "tracebacks", f"the process ended with {process.exitcode}"
    process.kill()
    process.join()


def _reader(example, contents, copy, connection):
    """Sends a verdict and a message on each of the contents but the first, which is whole."""
    _be_quiet()
    code = _listen_for_code()
    values = None
    for content in contents:
        shutil.rmtree(copy, ignore_errors=True)
        shutil.copytree(example.directory, copy)
        (copy / example.file).write_bytes(content)
        try:
            read = _flat(example.read(copy))
        except (ValueError, OSError) as error:
            message = one_line(error)
            named = str(copy) in message or Path(example.file).name in message
            named |= os.environ["TFHUB_CACHE_DIR"] in message  # where archives are unpacked
            verdict = "refused in one line" if named else "tracebacks"
        except BaseException as error:
            verdict, message = "tracebacks", repr(error)
        else:
            if values is None:
                values = read
                continue
            verdict, message = ("equal" if read == values else "other values"), ""
        if code:
            verdict, message = "tracebacks", f"code was run: {code.pop()}"
        connection.send((verdict, message))


def _be_quiet():
    warnings.simplefilter("ignore")
    os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
    sys.stdout = open(os.devnull, "w")  # noqa: SIM115


def _listen_for_code():
    heard = []
    sys.addaudithook(lambda event, _: heard.append(event) if event in OF_CODE else None)
    return heard


def _flat(values):
    """Writes a nest so that two can be compared, NaN included."""
    if isinstance(values, dict):
        return [(key, _flat(value)) for key, value in values.items()]
    if isinstance(values, list | tuple):
        return [_flat(value) for value in values]
    if isinstance(values, np.ndarray):
        return str(values.dtype), values.shape, values.tobytes()
    return repr(values)


# Files that try to run code.


class _Bomb:
    def __init__(self, path):
        self.path = str(path)

    def __reduce__(self):
        return os.mkdir, (self.path,)


def poison(places: dict[str, Path]) -> Counter:
    """Opens files that make a directory where code in them is run; counts what came of it."""
    made = places["files"] / "code was run"
    groups = formats(places["data"], places["whole"], _made(places["files"] / "poisoned"))
    examples = {name: example for group in groups.values() for name, example in group.items()}
    array = np.array([_Bomb(made)], dtype=object)
    poisoned = {
        "state.npz": _npz(array),
        "best.npz": _npz(array),
        "features, .npy": _npy(array),
        "lengths.npy": _npy(array),
        "arguments.json": pickle.dumps(_Bomb(made)),
        "model.safetensors": pickle.dumps(_Bomb(made)),
        "a classifier's .keras": _with_lambda(made, places["files"]),
        "archive, .tar": _outside_of_itself(made),
    }
    tally = Counter()
    for name, content in poisoned.items():
        tally += _read_all(name, examples[name], [("code", content)], places["files"] / "copy")
        if made.exists():
            print(f"{name}: code was run", flush=True)
            tally["tracebacks"] += 1
            shutil.rmtree(made)
    return tally


def _npz(array):
    file = io.BytesIO()
    np.savez(file, array, history=array)
    return file.getvalue()


def _npy(array):
    file = io.BytesIO()
    np.save(file, array)
    return file.getvalue()


def _with_lambda(made, directory):
    layer = keras.layers.Lambda(
        eval(f"lambda x: __import__('os').makedirs({str(made)!r}, exist_ok=True) or x")
    )
    keras.Sequential([keras.Input((3,)), layer]).save(directory / "lambda.keras")
    shutil.rmtree(made)  # Keras calls the function to see its output.
    return (directory / "lambda.keras").read_bytes()


def _outside_of_itself(made):
    file = io.BytesIO()
    with tarfile.open(fileobj=file, mode="w") as archive:
        entry = tarfile.TarInfo(f"../../../../../../../../../..{made}")
        entry.type = tarfile.DIRTYPE
        archive.addfile(entry)
    return file.getvalue()
