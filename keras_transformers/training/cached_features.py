"""The features of a frozen encoder, computed once and kept on disk."""

import hashlib
import itertools
import json
import os
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, nullcontext
from pathlib import Path

import keras
import numpy as np

from keras_transformers.checkpoints.hub_handle import find_saved_model
from keras_transformers.data.bucketed_batches import (
    XLA_LENGTHS,
    bucket_lengths,
    pad,
    plan_batches,
)
from keras_transformers.data.tf_data import compiles_each_shape
from keras_transformers.hub.hub_layer import HubLayer
from keras_transformers.hub.native_features import native_features
from keras_transformers.text import bert_inputs
from keras_transformers.training.progress import Progress
from keras_transformers.utils import is_sealed, replacing, seal


def cached_features(
    encoder: keras.Model,
    sequences: Sequence[np.ndarray],
    directory: str | os.PathLike[str],
    *,
    batch_size: int = 64,
    progress: bool = True,
) -> np.ndarray:
    """Returns the feature vector of each sequence, from disk if it has been computed before.

    What is kept is found again by the encoder's program and weights, its precision and the ids, not
    by a name, so that another encoder or other texts can never be mistaken for these.

    Args:
        encoder: from the dict of a BERT's inputs to floats of shape `(batch, dim)`; run without
            dropout, and a BERT SavedModel in it by way of `native_features`.
        sequences: the ids of each text, without padding.
        directory: where features are kept; made if it is not there.
        batch_size: int, sequences in a batch; two batches are computed at a time.
        progress: bool, whether to show a line with a bar on standard output; in a log one every
            few seconds.

    Returns:
        float32 array of shape `(len(sequences), dim)`, read from the file as it is used.

    Raises:
        OSError: if the file cannot be written.
        ValueError: if an id is none of the encoder's, or a sequence too long for it.
    """
    import tensorflow as tf

    sequences = list(sequences)
    path = Path(directory) / f"{_fingerprint(encoder, sequences)}.npy"
    shape = (len(sequences), encoder.output_shape[-1])
    if not _is_whole(path, shape):
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            features = _compute(encoder, sequences, shape, batch_size, progress)
        except tf.errors.InvalidArgumentError as error:
            raise ValueError(
                "`sequences` must be of ids and lengths that the encoder takes: do tokenizer and "
                f"encoder go together? Received: ids up to {max(map(max, sequences))}, lengths up "
                f"to {max(map(len, sequences))}"
            ) from error
        with replacing(path) as temporary:
            np.save(temporary, features)
            seal(temporary)
    return np.load(path, mmap_mode="r")


def _is_whole(path, shape):
    try:
        return is_sealed(path) and np.load(path, mmap_mode="r").shape == shape
    except Exception:  # absent, empty, cut off; what NumPy raises depends on where it is damaged
        return False


def _compute(encoder, sequences, shape, batch_size, progress):
    run = _compiled(encoder, sequences)
    features = np.empty(shape, dtype="float32")

    def compute(batch):
        length, rows = batch
        features[rows] = run(pad([sequences[row] for row in rows], length))
        return len(rows)

    # Two batches at a time: while one waits for its slowest thread, the other has work for the
    # rest. The longest come first, so that both end at about the same time.
    lengths = bucket_lengths(sequences, XLA_LENGTHS if compiles_each_shape() else None)
    batches = plan_batches(sequences, batch_size, lengths)[::-1]
    with (
        closing(Progress("features", len(sequences))) if progress else nullcontext() as bar,
        ThreadPoolExecutor(2 if keras.backend.backend() == "tensorflow" else 1) as pool,
    ):
        for done in itertools.accumulate(pool.map(compute, batches)):
            if bar:
                bar.show(done)
    return features


def _compiled(encoder, sequences):
    """Returns a function from padded ids, an array, to their features."""
    import tensorflow as tf

    if keras.backend.backend() != "tensorflow":
        # TensorFlow's tensors are none of another backend's.
        return lambda ids: encoder.predict_on_batch(
            {name: tensor.numpy() for name, tensor in bert_inputs(ids).items()}
        )
    encoder = native_features(encoder, bert_inputs(sequences[0][None]))

    @tf.function(input_signature=[tf.TensorSpec([None, None], tf.int32)])
    def run(ids):
        return encoder(bert_inputs(ids), training=False)

    # Traced here, once for all lengths, not by the threads: Keras keeps state for each of them.
    run = run.get_concrete_function()
    return lambda ids: run(tf.constant(ids)).numpy()


def _fingerprint(encoder, sequences):
    digest = hashlib.sha256()
    for layer in encoder.layers:
        digest.update(f"{type(layer).__name__} {_program(layer)} ".encode())
    for weight in encoder.weights:
        digest.update(np.ascontiguousarray(weight.numpy()))
    for sequence in sequences:
        digest.update(len(sequence).to_bytes(8, "little"))
        digest.update(np.ascontiguousarray(sequence, dtype="int32"))
    return digest.hexdigest()[:32]


def _program(layer):
    """Returns what the layer computes with its weights, wherever its SavedModel lies."""
    config = layer.get_config()
    if isinstance(layer, HubLayer):
        (file,) = Path(find_saved_model(layer.handle)).glob("saved_model.pb*")
        config["handle"] = hashlib.sha256(file.read_bytes()).hexdigest()
    # Keras numbers some of the names by how many it has made.
    config = {k: v for k, v in config.items() if k not in ("name", "trainable")}
    return json.dumps(config, default=str)
