"""Finding and loading the SavedModel that a TensorFlow Hub handle names."""

import contextlib
import hashlib
import os
import socket
import tarfile
import tempfile
import warnings
from pathlib import Path
from typing import Any

from keras_transformers.errors import SavedModelError
from keras_transformers.utils import is_running, reading

# Seconds that a server may stay silent. Python's own default is to wait for ever.
NETWORK_TIMEOUT = 15


def load_saved_model(handle: str, options: Any = None) -> Any:
    """Loads the SavedModel that a TensorFlow Hub handle names, downloading it where need be.

    Downloads and unpacked archives are kept in the directory that the environment variable
    `TFHUB_CACHE_DIR` names, `tfhub_modules` in the system's temporary directory by default.

    Args:
        handle: str, an address on tfhub.dev or kaggle.com, or of a `.tar.gz` archive (`https://`,
            `gs://`); a local directory; a local `.tar`, `.tar.gz` or `.tgz` archive.
        options: optional `tf.saved_model.LoadOptions`.

    Returns:
        The restored object, as `tf.saved_model.load` returns it.

    Raises:
        SavedModelError: if it cannot be opened, whatever the reason: no network, refused by the
            server, no such file, damaged archive or cache entry, not a SavedModel, in the TF1 Hub
            format. The message names the handle and what can be done.
    """
    import tensorflow as tf
    import tensorflow_text  # noqa: F401  (registers the ops that SavedModels of text use)

    directory = handle
    try:
        directory = find_saved_model(handle)
        _check_format(directory)
        return tf.saved_model.load(directory, options=options)
    except Exception as error:  # Errors of network, archive, files and graph share no other base.
        raise SavedModelError(_explain(handle, directory, error)) from error


def find_saved_model(handle: str) -> str:
    """Returns the directory of the handle's SavedModel; `load_saved_model` explains its errors."""
    if os.path.isdir(handle):
        return handle
    if os.path.isfile(handle) and handle.endswith((".tar", ".tar.gz", ".tgz")):
        return _unpack(Path(handle))
    _drop_dead_lock(_cache_entry(handle))
    with _network_timeout():
        return _tensorflow_hub().resolve(handle)


def _check_format(directory):
    import tensorflow as tf

    def exists(name):
        return tf.io.gfile.exists(os.path.join(directory, name))

    if exists("tfhub_module.pb"):
        raise ValueError("it is in the TF1 Hub format; look for a newer version of the model")
    if not exists("saved_model.pb") and not exists("saved_model.pbtxt"):
        raise ValueError(f"there is no saved_model.pb in {directory}")


def _explain(handle, directory, error):
    reason = (str(error).strip() or type(error).__name__).splitlines()[0].rstrip(".:")
    cached = f", delete the damaged cache entry {directory}" if directory != handle else ""
    return (
        f"`handle` must lead to a TensorFlow 2 SavedModel, but {reason}. Pass the directory or "
        f".tar.gz archive of a local copy{cached}, or set TFHUB_CACHE_DIR to a cache that has it. "
        f"Received: handle={handle!r}"
    )


def _unpack(archive):
    """Unpacks a local archive into the cache, unless it is there already."""
    stat = archive.stat()
    entry = _cache_entry(f"{archive.resolve()} {stat.st_size} {stat.st_mtime_ns}")
    if not entry.exists():
        entry.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=entry.parent) as temporary:
            with reading(archive), tarfile.open(archive) as tar:
                tar.extractall(temporary + "/unpacked", filter="data")
                while tar.fileobj.read(1 << 20):
                    pass  # To the very end, where what is compressed has its checksum.
            _saved_model_in(Path(temporary, "unpacked"))
            _rename_unless_there(Path(temporary, "unpacked"), entry)
    return str(_saved_model_in(entry))


def _saved_model_in(directory):
    """Returns the directory itself or the one in it, whichever has the archive's SavedModel."""
    files = [*directory.glob("saved_model.pb*"), *directory.glob("*/saved_model.pb*")]
    if len(files) != 1:
        names = sorted(path.name for path in directory.iterdir())
        raise ValueError(f"the archive holds {len(files)} of them: {', '.join(names)}")
    return files[0].parent


def _rename_unless_there(source, target):
    try:
        source.rename(target)
    except OSError:
        if not target.exists():  # Else another process was faster, and its copy is as good.
            raise


def _cache_entry(handle):
    """Returns where tensorflow_hub keeps what it downloads for `handle`."""
    cache = _tensorflow_hub().resolver.tfhub_cache_dir(use_temp=True)
    return Path(cache, hashlib.sha1(handle.encode()).hexdigest())


def _drop_dead_lock(entry):
    """Removes the lock of a download that was killed.

    `hub.resolve` waits on it for ten minutes, and takes no argument that would make it fewer.
    """
    lock = entry.with_suffix(".lock")
    if not lock.exists():
        return
    host, _, process = lock.read_text().rpartition(".")[0].rpartition(".")
    if host == socket.gethostname() and not is_running(int(process)):
        lock.unlink(missing_ok=True)


@contextlib.contextmanager
def _network_timeout():
    before = socket.getdefaulttimeout()
    socket.setdefaulttimeout(before or NETWORK_TIMEOUT)
    try:
        yield
    finally:
        socket.setdefaulttimeout(before)


def _tensorflow_hub():
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="pkg_resources is deprecated")
        import tensorflow_hub
    return tensorflow_hub
