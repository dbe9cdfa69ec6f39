"""The local directory of a published BERT."""

import os
from pathlib import Path

from keras_transformers.checkpoints import hub_handle
from keras_transformers.utils import one_line

# A small BERT that comes with the package; the directory's README.md says what it is.
NEWS_SMALL_BERT = "news-small-bert"
_DOWNLOADS = ("*.json", "vocab.txt", "model*.safetensors")
_TIMEOUT = 10  # Seconds that the Hugging Face Hub may take to answer.


def find_checkpoint(name_or_directory: str | os.PathLike[str]) -> Path:
    """Finds the local directory of a checkpoint, downloading it if need be.

    Args:
        name_or_directory: a directory, a model's name on the Hugging Face Hub, the address or
            local archive of a SavedModel, or `"news-small-bert"`, which comes with the package. Of
            `export_to_hub`'s pair it is the encoder's.

    Returns:
        The directory that has its files.

    Raises:
        FileNotFoundError: if there is no such directory, nor such a model in the caches of
            `huggingface_hub` and `tensorflow_hub` or within reach.

    Example:
        >>> from keras_transformers.checkpoints import find_checkpoint
        >>> (find_checkpoint("news-small-bert") / "config.json").is_file()
        True
    """
    name = os.fspath(name_or_directory)
    if os.path.isdir(name):
        encoder = Path(name) / "encoder"
        return encoder if (encoder / "saved_model.pb").is_file() else Path(name)
    if name == NEWS_SMALL_BERT:
        return Path(__file__).with_name(NEWS_SMALL_BERT)
    try:
        if "://" in name or os.path.isfile(name):
            return Path(hub_handle.find_saved_model(name))
        directory = _download(name)
    except (OSError, ValueError) as error:
        raise FileNotFoundError(
            "`name_or_directory` must be a directory, or the name or address of a model that is "
            f"in the cache or can be downloaded. Received: {name!r} ({one_line(error)})"
        ) from error
    if not any(directory.glob("*.safetensors")):
        raise FileNotFoundError(
            f"{name!r} must have model.safetensors on the Hugging Face Hub. If it has "
            f"pytorch_model.bin, run `hf download {name} --local-dir DIRECTORY` and open "
            "DIRECTORY: the message then has the command that converts it."
        )
    return directory


def _download(name):
    from huggingface_hub import model_info, snapshot_download

    unreachable = None
    try:
        # By itself, snapshot_download waits for a silent server without end.
        model_info(name, timeout=_TIMEOUT)
    except Exception as error:  # Of the HTTP library's, whichever that is.
        unreachable = error
    try:
        return Path(
            snapshot_download(
                name, allow_patterns=_DOWNLOADS, local_files_only=unreachable is not None
            )
        )
    except FileNotFoundError as error:
        raise OSError(unreachable or error) from error
