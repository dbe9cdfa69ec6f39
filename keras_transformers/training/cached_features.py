"""The features of a frozen encoder, computed once and kept on disk."""

import functools
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
from keras_transformers.distribution.place import place
from keras_transformers.distribution.placement import to_numpy
from keras_transformers.distribution.processes import (
    from_first_process,
    in_first_process,
    is_first_process,
    is_one_of_several,
)
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
    distribute: str | None = None,
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
        distribute: None, `"data"` or, on JAX, `"model"`: over which devices each batch is spread,
            as for `fit`. Of several processes the first alone reads and writes the file.

    Returns:
        float32 array of shape `(len(sequences), dim)`, read from the file as it is used; in one of
        several processes it is in memory.

    Raises:
        OSError: if the file cannot be written.
        ValueError: if an id is none of the encoder's, or a sequence too long for it; if
            `distribute` is nothing that Keras' backend can do.
    """
    import tensorflow as tf

    sequences = list(sequences)
    path = Path(directory) / f"{_fingerprint(encoder, sequences)}.npy"
    shape = (len(sequences), encoder.output_shape[-1])
    if not in_first_process(lambda: _is_whole(path, shape)):
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            features = _compute(encoder, sequences, shape, batch_size, progress, distribute)
            if np.isnan(features).any():  # what JAX looks up where there is nothing
                raise IndexError("there are features that are no numbers")
        except (IndexError, tf.errors.InvalidArgumentError) as error:
            raise ValueError(
                "`sequences` must be of ids and lengths that the encoder takes: do tokenizer and "
                f"encoder go together? Received: ids up to {max(map(max, sequences))}, lengths up "
                f"to {max(map(len, sequences))}"
            ) from error
        if is_first_process():
            with replacing(path) as temporary:
                np.save(temporary, features)
                seal(temporary)
    if not is_one_of_several():
        return np.load(path, mmap_mode="r")
    features = np.load(path) if is_first_process() else np.empty(shape, "float32")
    return from_first_process([features])[0]


def _is_whole(path, shape):
    try:
        return is_sealed(path) and np.load(path, mmap_mode="r").shape == shape
    except Exception:  # absent, empty, cut off; what NumPy raises depends on where it is damaged
        return False


def _compute(encoder, sequences, shape, batch_size, progress, distribute):
    encoder = native_features(encoder, bert_inputs(sequences[0][None]))
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
        place(encoder, distribute) as placed,
        closing(Progress("features", len(sequences))) if progress else nullcontext() as bar,
        ThreadPoolExecutor(2 if keras.backend.backend() == "tensorflow" else 1) as pool,
    ):
        run = _compiled(encoder, placed)
        for done in itertools.accumulate(pool.map(compute, batches)):
            if bar:
                bar.show(done)
    return features


def _compiled(encoder, placed):
    """Returns a function from padded ids, an array, to their features."""
    match keras.backend.backend():
        case "tensorflow":
            return _compiled_by_tensorflow(encoder)
        case "jax":
            return _compiled_by_jax(encoder, placed)
    return lambda ids: encoder.predict_on_batch(_numpy_inputs(ids))


def _compiled_by_tensorflow(encoder):
    import tensorflow as tf

    @tf.function(input_signature=[tf.TensorSpec([None, None], tf.int32)])
    def run(ids):
        return encoder(bert_inputs(ids), training=False)

    # Traced here, once for all lengths, not by the threads: Keras keeps state for each of them.
    run = run.get_concrete_function()
    return lambda ids: run(tf.constant(ids)).numpy()


def _compiled_by_jax(encoder, placed):
    import jax

    run = jax.jit(functools.partial(encoder.stateless_call, training=False))
    variables = encoder.trainable_variables, encoder.non_trainable_variables
    weights = [[variable.value for variable in some] for some in variables]
    return lambda ids: to_numpy(run(*weights, placed.rows(_numpy_inputs(ids)))[0])


def _numpy_inputs(ids):
    """Returns BERT's inputs for a backend that does not know TensorFlow's tensors."""
    return {name: tensor.numpy() for name, tensor in bert_inputs(ids).items()}


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
