"""A classifier made ready for training."""

import keras
import numpy as np

from keras_transformers.data.tf_data import compiles_each_shape


def compile_classifier(
    model: keras.Model,
    optimizer: keras.optimizers.Optimizer,
    *,
    jit: bool = False,
    steps_per_execution: int = 1,
) -> None:
    """Compiles a classifier for the cross-entropy with integer labels, and its accuracy.

    The optimizer's variables and the metrics' are made here; otherwise TensorFlow would trace the
    first step twice.

    Args:
        model: built, to class probabilities of shape `(batch, num_classes)`.
        optimizer: minimises the cross-entropy.
        jit: bool, whether to compile the steps with XLA, once for each length.
        steps_per_execution: int, steps between two returns to Python.
    """
    model.compile(
        optimizer=optimizer,
        loss="sparse_categorical_crossentropy",
        metrics=["accuracy"],
        jit_compile=compiles_each_shape(jit),
        # JAX would compile each combination of shapes that several steps have; PyTorch has no loop.
        steps_per_execution=steps_per_execution if keras.backend.backend() == "tensorflow" else 1,
    )
    model.optimizer.build(model.trainable_variables)  # wrapped in another for float16
    probabilities = np.ones((1, model.output_shape[-1]), "float32")
    model.compute_metrics(None, np.zeros(1, "int32"), probabilities)
    model.reset_metrics()
