"""A BERT encoder and its preprocessing model, from whatever names them."""

import hashlib
import os
import warnings
from pathlib import Path

from keras_transformers.checkpoints.encoder_at_hand import ENCODER, PREPROCESSOR, encoder_at_hand
from keras_transformers.checkpoints.find_checkpoint import NEWS_SMALL_BERT, find_checkpoint
from keras_transformers.hub.export_to_hub import export_to_hub


def bert_pair(
    encoder: str | os.PathLike[str] | None,
    preprocessor: str | os.PathLike[str] | None,
    directory: str | os.PathLike[str],
) -> tuple[str, str]:
    """Returns the handles of the SavedModels for preprocessing and encoding.

    Args:
        encoder: a TensorFlow Hub handle; a directory that `export_to_hub` wrote; a Hugging Face
            directory or `"news-small-bert"`, which are exported; or None for the small BERT on
            TensorFlow Hub and, where that cannot be had, `"news-small-bert"`.
        preprocessor: the handle that goes with a TensorFlow Hub encoder; None for a directory
            that brings its own.
        directory: where exported models are kept; an encoder that is there is not exported again.

    Returns:
        The handles of the preprocessing model and of the encoder, local ones as absolute paths:
        a model saved with them opens from anywhere.

    Raises:
        FileNotFoundError: if `encoder` is neither there nor an address, or a Hugging Face
            directory lacks a file.
        ValueError: if a Hugging Face directory cannot be exported, or there is no telling which
            preprocessing model goes with the encoder.
    """
    if encoder is None:
        encoder = encoder_at_hand(ENCODER, PREPROCESSOR)
        preprocessor = PREPROCESSOR if encoder == ENCODER and not preprocessor else preprocessor
    if encoder == NEWS_SMALL_BERT and not os.path.exists(encoder):
        # One for all trainings: what they save opens as long as it is there.
        encoder, directory = find_checkpoint(encoder), _home()
    if not os.path.exists(encoder) and "://" not in str(encoder):
        raise FileNotFoundError(
            "`encoder` must be a directory, an archive or an address. "
            f"Received: encoder={str(encoder)!r}, which is not there"
        )
    source = Path(encoder)
    if (source / "config.json").is_file():
        source = Path(directory).absolute() / f"bert-{_fingerprint(source)}"
        if not source.is_dir():
            _export(encoder, source)
    if (source / "encoder").is_dir() and (source / "preprocessor").is_dir():
        pair = source.absolute()
        return _absolute(preprocessor or pair / "preprocessor"), str(pair / "encoder")
    if preprocessor is None:
        raise ValueError(
            "`preprocessor` must name the preprocessing model that goes with the encoder. "
            f"Received: preprocessor=None, encoder={str(encoder)!r}"
        )
    return _absolute(preprocessor), _absolute(encoder)


def _home():
    return Path(os.environ.get("KERAS_HOME", "~/.keras")).expanduser() / "keras_transformers"


def _export(source, target):
    target.parent.mkdir(parents=True, exist_ok=True)
    try:
        with warnings.catch_warnings():
            # Of the package's own encoder its card tells it.
            if source == find_checkpoint(NEWS_SMALL_BERT):
                warnings.filterwarnings("ignore", message=".* has no pooler")
            export_to_hub(source, target)
    except OSError:
        if not target.is_dir():  # Else another process was faster, and its copy is as good.
            raise


def _absolute(handle):
    return os.path.abspath(handle) if os.path.exists(handle) else str(handle)


def _fingerprint(directory):
    """Tells checkpoints apart without reading all of them."""
    digest = hashlib.sha256(str(directory.absolute()).encode())
    for file in sorted(directory.glob("*.*")):
        state = file.stat()
        digest.update(f"{file.name} {state.st_size} {state.st_mtime_ns}".encode())
    return digest.hexdigest()[:12]
