import contextlib
import hashlib
import http.server
import io
import os
import re
import socket
import subprocess
import sys
import tarfile
import threading
import time

import pytest
import tensorflow as tf

from keras_transformers.checkpoints import hub_handle
from keras_transformers.checkpoints.hub_handle import load_saved_model


@pytest.fixture(scope="module")
def saved_model(tmp_path_factory):
    """A SavedModel that multiplies by 3, with its factor in a variable."""
    directory = str(tmp_path_factory.mktemp("saved_model") / "triple")
    module = tf.Module()
    module.factor = tf.Variable(3.0)
    module.__call__ = tf.function(lambda x: x * module.factor, [tf.TensorSpec([])])
    tf.saved_model.save(module, directory)
    return directory


@pytest.fixture
def cache(tmp_path, monkeypatch):
    directory = tmp_path / "cache"
    directory.mkdir()
    monkeypatch.setenv("TFHUB_CACHE_DIR", str(directory))
    return directory


def pack(directory, archive, folder="."):
    with tarfile.open(archive, "w:gz") as tar:
        tar.add(directory, arcname=folder)
    return str(archive)


@contextlib.contextmanager
def server(status, body):
    """Answers every request on a local port; yields the address. A status of 0 never answers."""
    done = threading.Event()

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            if not status:
                done.wait(30)
                return
            self.send_response(status)
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_):
            pass

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as httpd:
        thread = threading.Thread(target=httpd.serve_forever)
        thread.start()
        try:
            yield f"http://127.0.0.1:{httpd.server_port}/model/1"
        finally:
            done.set()
            httpd.shutdown()
            thread.join()


def assert_refused(handle, reason, seconds=5):
    start = time.perf_counter()
    with pytest.raises(ValueError, match="must lead to a TensorFlow 2 SavedModel") as caught:
        load_saved_model(handle)
    assert time.perf_counter() - start < seconds
    message = str(caught.value)
    assert re.search(reason, message), message
    assert message.endswith(f"Received: handle={handle!r}")
    assert "local copy" in message
    assert "TFHUB_CACHE_DIR" in message
    assert "\n" not in message
    return message


def test_directory(saved_model):
    assert load_saved_model(saved_model)(tf.constant(2.0)) == 6.0


def test_load_options_reach_tensorflow(saved_model):
    options = tf.saved_model.LoadOptions(experimental_load_function_aliases=True)
    assert hasattr(load_saved_model(saved_model, options), "function_aliases")
    assert not hasattr(load_saved_model(saved_model), "function_aliases")


@pytest.mark.parametrize("folder", [".", "triple"])
def test_local_archive(saved_model, tmp_path, cache, folder):
    handle = pack(saved_model, tmp_path / "triple.tar.gz", folder)
    assert load_saved_model(handle)(tf.constant(2.0)) == 6.0
    assert len(list(cache.iterdir())) == 1


def test_local_archive_is_unpacked_once_until_it_changes(saved_model, tmp_path, cache):
    handle = pack(saved_model, tmp_path / "triple.tar.gz")
    load_saved_model(handle)
    (entry,) = cache.iterdir()
    unpacked_at = entry.stat().st_ctime_ns
    load_saved_model(handle)
    assert [path.stat().st_ctime_ns for path in cache.iterdir()] == [unpacked_at]

    os.utime(handle, ns=(1, 1))
    load_saved_model(handle)
    assert len(list(cache.iterdir())) == 2


def test_where_another_process_unpacked_first_its_copy_is_used(tmp_path):
    source, target = tmp_path / "ours", tmp_path / "theirs"
    for directory in (source, target):
        directory.mkdir()
        (directory / "file").write_text(directory.name)
    hub_handle._rename_unless_there(source, target)
    assert (target / "file").read_text() == "theirs"
    with pytest.raises(OSError, match="No such file"):
        hub_handle._rename_unless_there(tmp_path / "nothing", tmp_path / "new")


def test_address_is_downloaded_once(saved_model, tmp_path, cache):
    with open(pack(saved_model, tmp_path / "triple.tar.gz"), "rb") as archive:
        body = archive.read()
    with server(200, body) as address:
        assert load_saved_model(address)(tf.constant(2.0)) == 6.0
    assert load_saved_model(address)(tf.constant(2.0)) == 6.0  # The server is gone.
    assert (cache / hashlib.sha1(address.encode()).hexdigest() / "saved_model.pb").exists()


@pytest.mark.parametrize(
    "handle",
    [
        "https://tfhub.invalid/tensorflow/small_bert/1",
        "https://kaggle.invalid/models/tensorflow/bert/TensorFlow2/1",
        "https://models.invalid/bert.tar.gz",
    ],
)
def test_offline(handle, cache):
    assert_refused(handle, "urlopen error")
    assert not list(cache.iterdir())


def test_forbidden(cache):
    with server(403, b"") as address:
        assert_refused(address, "HTTP Error 403: Forbidden")
    assert not list(cache.iterdir())


def test_address_of_something_else(cache):
    with server(200, b"<html>Not a model</html>") as address:
        assert_refused(address, "not appear to be a valid module")
    assert not list(cache.iterdir())


def test_silent_server(cache, monkeypatch):
    monkeypatch.setattr(hub_handle, "NETWORK_TIMEOUT", 0.5)
    with server(0, b"") as address:
        assert_refused(address, "timed out")
    assert socket.getdefaulttimeout() is None


@pytest.mark.parametrize("name", ["nowhere", "nowhere.tar.gz"])
def test_wrong_path(tmp_path, cache, name):
    assert_refused(str(tmp_path / name), "does not exist")


def test_directory_without_a_saved_model(tmp_path):
    message = assert_refused(str(tmp_path), "no saved_model.pb in ")
    assert "cache entry" not in message


def test_tf1_hub_format(saved_model, tmp_path):
    (tmp_path / "tfhub_module.pb").write_bytes(b"")
    (tmp_path / "saved_model.pb").write_bytes(b"")
    assert_refused(str(tmp_path), "TF1 Hub format")


@pytest.mark.parametrize("missing", ["saved_model.pb", "variables/variables.index"])
def test_half_downloaded_cache_entry(saved_model, tmp_path, cache, missing):
    address = "https://tfhub.invalid/triple/1"
    entry = cache / hashlib.sha1(address.encode()).hexdigest()
    with tarfile.open(pack(saved_model, tmp_path / "triple.tar.gz")) as tar:
        tar.extractall(entry, filter="data")
    assert load_saved_model(address)(tf.constant(2.0)) == 6.0
    (entry / missing).unlink()
    assert_refused(address, f"delete the damaged cache entry {re.escape(str(entry))}")


def test_truncated_weights_are_refused(saved_model, tmp_path):
    with tarfile.open(pack(saved_model, tmp_path / "triple.tar.gz")) as tar:
        tar.extractall(tmp_path / "triple", filter="data")
    (weights,) = (tmp_path / "triple" / "variables").glob("*.data*")
    weights.write_bytes(weights.read_bytes()[:2])
    assert_refused(str(tmp_path / "triple"), "Read less bytes")


@pytest.mark.parametrize("keep", [0.5, 0.0])
def test_truncated_archive_leaves_nothing_behind(saved_model, tmp_path, cache, keep):
    handle = pack(saved_model, tmp_path / "triple.tar.gz")
    with open(handle, "r+b") as archive:
        archive.truncate(int(os.path.getsize(handle) * keep))
    assert_refused(handle, "end-of-stream|could not be opened")
    assert not list(cache.iterdir())


def test_archive_without_a_saved_model_leaves_nothing_behind(saved_model, tmp_path, cache):
    handle = str(tmp_path / "pair.tar")
    with tarfile.open(handle, "w") as tar:
        tar.add(saved_model, arcname="encoder")
        tar.add(saved_model, arcname="preprocessor")
    assert_refused(handle, "the archive holds 2 of them: encoder, preprocessor. Pass the directory")
    assert not list(cache.iterdir())


def test_archive_that_writes_outside_is_refused(tmp_path, cache):
    handle = str(tmp_path / "evil.tar")
    with tarfile.open(handle, "w") as tar:
        member = tarfile.TarInfo("../../escaped")
        member.size = 4
        tar.addfile(member, io.BytesIO(b"evil"))
    assert_refused(handle, "outside the destination")
    assert not list(tmp_path.rglob("escaped"))


def locked_entry(cache, address, process):
    """What a download that was killed leaves: a lock that names it, and a temporary directory."""
    entry = cache / hashlib.sha1(address.encode()).hexdigest()
    lock = entry.with_suffix(".lock")
    lock.write_text(f"{socket.gethostname()}.{process}.0123456789abcdef")
    (cache / f"{entry.name}.0123456789abcdef.tmp").mkdir()
    return entry, lock


def test_killed_download_does_not_hold_up_the_next(cache):
    killed = subprocess.Popen([sys.executable, "-c", ""])
    killed.wait()
    address = "https://tfhub.invalid/triple/1"
    _, lock = locked_entry(cache, address, killed.pid)
    assert_refused(address, "urlopen error")
    assert not lock.exists()


def test_lock_of_a_running_download_stays(cache):
    entry, lock = locked_entry(cache, "https://tfhub.invalid/triple/1", os.getpid())
    hub_handle._drop_dead_lock(entry)
    assert lock.exists()
    entry, lock = locked_entry(cache, "https://tfhub.invalid/triple/2", 1)  # Somebody else's.
    hub_handle._drop_dead_lock(entry)
    assert lock.exists()
    lock.write_text("another-host.999999.0123456789abcdef")
    hub_handle._drop_dead_lock(entry)
    assert lock.exists()


def test_tensorflow_hub_is_imported_without_its_warning():
    code = (
        "from keras_transformers.checkpoints.hub_handle import load_saved_model\n"
        "try: load_saved_model('nowhere')\n"
        "except ValueError as error: print(error)\n"
        "import sys; assert 'tensorflow_hub' in sys.modules"
    )
    run = subprocess.run([sys.executable, "-W", "always", "-c", code], capture_output=True)
    assert run.returncode == 0, run.stderr.decode()
    assert b"nowhere does not exist" in run.stdout
    assert b"pkg_resources" not in run.stderr
