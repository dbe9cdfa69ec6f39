"""Draws README.md's picture from a trained model: what its attention heads look at.

.venv/bin/python benchmarks/readme_picture.py runs/from-scratch "A text"
"""

import sys
from pathlib import Path

import keras
import tensorflow as tf

import keras_transformers  # noqa: F401  registers the classes
from keras_transformers.plots import attention_heat_map


def main():
    """Writes docs/attention.png."""
    directory, text = sys.argv[1:]
    model = keras.saving.load_model(Path(directory) / "model.keras")
    ids = model.tokenizer(tf.constant([text]))
    vectors = model.classifier.get_layer("embedding")(ids)
    _, scores = model.classifier.get_layer("block_0")(vectors, return_attention_scores=True)
    tokens = [model.tokenizer.vocabulary[token] for token in ids.numpy()[0]]
    figure = attention_heat_map(scores.numpy()[0], tokens)
    figure.savefig(Path(__file__).parents[1] / "docs" / "attention.png", dpi=90)


if __name__ == "__main__":
    main()
