"""A small training, run as a process of its own: spread_training.py DIRECTORY DISTRIBUTE EPOCHS.

Devices and processes come from the environment, TensorFlow's devices as LOGICAL_CPUS; DISTRIBUTE is
none, data or model. The weights go to DIRECTORY/weights-PROCESS.npz, with a frozen encoder's
features of the same ids.
"""

import os
import sys
from pathlib import Path

import keras
import numpy as np
import tensorflow as tf

from keras_transformers.data import bucketed_batches
from keras_transformers.distribution import join_processes
from keras_transformers.distribution.processes import in_first_process
from keras_transformers.models import BertEncoder, encoder_classifier, transformer_classifier
from keras_transformers.training import cached_features, fit
from keras_transformers.training.compile_classifier import compile_classifier
from keras_transformers.training.fused_adam import FusedAdam

ROWS, BATCH = 100, 24  # the last batch has 4 rows

directory, distribute, epochs = sys.argv[1:]
tf.config.set_logical_device_configuration(
    tf.config.list_physical_devices("CPU")[0],
    [tf.config.LogicalDeviceConfiguration()] * int(os.environ.get("LOGICAL_CPUS", 1)),
)
number = os.environ.get("KERAS_DISTRIBUTION_PROCESS_ID", "0")
join_processes()

rng = np.random.default_rng(0)
ids = [rng.integers(1, 64, size=rng.integers(2, 9)) for _ in range(ROWS)]
labels = np.array([row[0] % 3 for row in ids])
keras.utils.set_random_seed(0)
# TensorFlow's devices draw their dropout each for itself.
rate = 0.1 if keras.backend.backend() == "jax" else 0.0
model = transformer_classifier(64, 8, 8, 2, 8, 3, rate=rate)
compile_classifier(model, FusedAdam(global_clipnorm=0.1), steps_per_execution=3)


def batches(first_epoch, seed=0):
    return bucketed_batches(
        ids, labels, batch_size=BATCH, lengths=[8], seed=seed, first_epoch=first_epoch
    )


spread = None if distribute == "none" else distribute
# Only the first process has what an earlier run left.
own = Path(directory, "state" if number == "0" else f"other-{number}")
history = fit(
    model,
    batches,
    epochs=int(epochs),
    directory=own,
    validation=batches(0, seed=None),
    resume=True,
    verbose=0,
    distribute=spread,
)
encoder = encoder_classifier(BertEncoder(64, 1, 8, 2, 16, 8)).get_layer("features")
computed, read = (
    np.array(
        cached_features(
            encoder, ids, own / "features", batch_size=BATCH, progress=False, distribute=spread
        )
    )
    for _ in range(2)
)
np.testing.assert_array_equal(read, computed)
np.savez(
    Path(directory, f"weights-{number}.npz"),
    *model.get_weights(),
    features=computed,
    accuracy=[epoch["val_accuracy"] for epoch in history],
    evaluated_by=in_first_process(lambda: int(number)),
)
