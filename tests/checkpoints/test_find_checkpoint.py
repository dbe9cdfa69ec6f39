"""Finding a checkpoint by a directory, a name or an address."""

import json
import os
import socket
import subprocess
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
from support.bert_checkpoints import (
    assert_equal_weights,
)

from keras_transformers.checkpoints import find_checkpoint
from keras_transformers.models import BertEncoder

FIND = """
import importlib, json, sys, time

module = importlib.import_module("keras_transformers.checkpoints.find_checkpoint")
module._TIMEOUT = 1
for name in sys.argv[1:]:
    start = time.perf_counter()
    try:
        found = str(module.find_checkpoint(name))
    except FileNotFoundError as error:
        found = str(error)
    print(json.dumps([found, time.perf_counter() - start]))
"""


def find_in_new_process(*names, **environment):
    """Runs `find_checkpoint` under other settings of huggingface_hub, which it reads only once.

    Returns the directory, or what the error says, and the seconds it took, for each name.
    """
    environment = os.environ | {"no_proxy": "*"} | environment
    command = [sys.executable, "-c", FIND, *names]
    output = subprocess.run(command, env=environment, stdout=subprocess.PIPE, check=True).stdout
    return [json.loads(line) for line in output.splitlines()]


@pytest.mark.slow
def test_silent_hub_is_not_waited_for(tmp_path):
    with socket.create_server(("127.0.0.1", 0)) as server:
        address = f"http://127.0.0.1:{server.getsockname()[1]}"
        [[error, seconds]] = find_in_new_process(
            "some/model", HF_ENDPOINT=address, HF_HOME=str(tmp_path)
        )
    assert error.startswith("`name_or_directory` must be a directory, or the name or address")
    assert error.endswith("Received: 'some/model' (timed out)")
    assert seconds < 20


class Hub(BaseHTTPRequestHandler):
    """As much of the Hugging Face Hub as a download asks for."""

    commit = "0123456789abcdef0123456789abcdef01234567"
    models: dict = {}  # noqa: RUF012

    def do_GET(self):
        parts = self.path.partition("?")[0].removeprefix("/api/models").split("/")
        files = self.models["/".join(parts[1:3])]
        if parts[3:4] == ["tree"]:
            content = [
                {"type": "file", "path": name, "size": len(data), "oid": "0" * 40}
                for name, data in files.items()
            ]
        elif parts[3:4] == ["resolve"]:
            content = files["/".join(parts[5:])]
        else:
            content = {"id": "/".join(parts[1:3]), "sha": self.commit, "siblings": []}
        data = content if isinstance(content, bytes) else json.dumps(content).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(data)))
        self.send_header("X-Repo-Commit", self.commit)
        self.send_header("ETag", f'"{abs(hash(data))}"')
        self.end_headers()
        if self.command == "GET":
            self.wfile.write(data)

    do_HEAD = do_GET  # noqa: N815

    def log_message(self, *args):
        pass


def test_names_are_downloaded_once(bert, tmp_path, monkeypatch):
    files = {file.name: file.read_bytes() for file in bert.iterdir()}
    pickle = {"config.json": b"{}", "pytorch_model.bin": b"not wanted"}
    other = {"2_Dense/model.safetensors": b"not wanted"}
    monkeypatch.setattr(Hub, "models", {"some/bert": files | pickle | files | other, "a/b": pickle})
    home = {"HF_HOME": str(tmp_path)}
    with ThreadingHTTPServer(("127.0.0.1", 0), Hub) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        address = f"http://127.0.0.1:{server.server_port}"
        [[directory, _], [error, _]] = find_in_new_process(
            "some/bert", "a/b", HF_ENDPOINT=address, **home
        )
        server.shutdown()
    assert sorted(os.listdir(directory)) == ["config.json", "model.safetensors"]
    assert_equal_weights(BertEncoder.from_pretrained(directory), BertEncoder.from_pretrained(bert))
    assert error.startswith("'a/b' must have model.safetensors on the Hugging Face Hub.")
    assert "hf download a/b --local-dir DIRECTORY" in error

    [[cached, _], [error, seconds]] = find_in_new_process(
        "some/bert", "never/seen", HF_HUB_OFFLINE="1", **home
    )
    assert cached == directory
    assert "Received: 'never/seen' (" in error
    assert seconds < 5


def test_what_is_no_name_either(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"`name_or_directory` must be .*'no/such/direct"):
        BertEncoder.from_pretrained("no/such/directory")


def test_directory_is_found_as_it_is(tmp_path):
    assert find_checkpoint(tmp_path) == tmp_path


def test_tf_hub_archive_is_unpacked(saved_model, tmp_path, monkeypatch):
    import tarfile

    monkeypatch.setenv("TFHUB_CACHE_DIR", str(tmp_path / "cache"))
    with tarfile.open(tmp_path / "model.tar.gz", "w:gz") as archive:
        archive.add(saved_model, ".")
    assert_equal_weights(
        BertEncoder.from_pretrained(tmp_path / "model.tar.gz"),
        BertEncoder.from_pretrained(saved_model),
    )
