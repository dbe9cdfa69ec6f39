"""What all kinds of data need: text files, prepared datasets on disk, servers that answer."""

import os
import threading
import urllib.error
import urllib.request
from pathlib import Path

PROBE_SECONDS = 5


def prepared_dataset(name: str) -> Path | None:
    """Returns the directory of a dataset that TensorFlow Datasets has prepared, or None.

    It is found without asking TensorFlow Datasets, which would ask the network.
    """
    root = Path(os.environ.get("TFDS_DATA_DIR", "~/tensorflow_datasets")).expanduser()
    found = sorted(root.glob(f"{name}/*/dataset_info.json"))
    return found[-1].parent if found else None


def is_reachable(url: str) -> bool:
    """Whether a server answers within PROBE_SECONDS, name resolution included."""
    answers = []

    def probe():
        try:
            urllib.request.urlopen(
                urllib.request.Request(url, method="HEAD"), timeout=PROBE_SECONDS
            ).close()
            answers.append(True)
        except urllib.error.HTTPError:
            answers.append(True)
        except OSError:
            answers.append(False)

    # No socket timeout covers name resolution, so the wait is bounded from outside.
    thread = threading.Thread(target=probe, daemon=True)
    thread.start()
    thread.join(PROBE_SECONDS)
    return bool(answers and answers[0])
