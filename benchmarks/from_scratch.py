"""The from-scratch classifier against the lesson's way, KerasHub's layers and PyTorch.

    .venv/bin/python benchmarks/from_scratch.py --data DIR_WITH_AG_NEWS_CSV

Each contestant trains two epochs on the same rows in a process of its own; they take turns of
TURN steps. The first epoch counts the vocabulary, tokenising, tracing and compiling; importing
libraries and reading the CSV files are counted for none. The lesson finds its vocabulary one text
at a time, which takes longer than its training: the table gives that time on its own, and the
first epoch with it and without it. Accuracy is that on the test texts after one epoch. PyTorch
joins in where it is installed.
"""

import argparse
import importlib.util
import os
import platform

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

from turns import race

TURN = 64


def lesson(clock, data, rows, batch_size):
    """Text vectoriser inside the model, everything padded to 256, no mask."""
    import keras
    import tensorflow as tf
    from keras import layers

    from keras_transformers.data.tf_data import without_tuning

    news = _read(data, rows)
    clock.lap()
    train = tf.data.Dataset.from_tensor_slices((news.train_texts, news.train_labels))
    vectorizer = layers.TextVectorization(max_tokens=20_000, output_sequence_length=256)
    vectorizer.adapt(train.map(lambda text, label: text))
    vocabulary = clock.lap()

    texts = keras.Input((), dtype="string")
    ids = vectorizer(texts)
    positions = layers.Embedding(256, 32)(keras.ops.arange(256))
    x = layers.Embedding(20_000, 32)(ids) + positions
    attended = layers.MultiHeadAttention(num_heads=2, key_dim=32)(x, x)
    x = layers.LayerNormalization(epsilon=1e-6)(x + layers.Dropout(0.1)(attended))
    hidden = layers.Dense(32)(layers.Dense(32, activation="relu")(x))
    x = layers.LayerNormalization(epsilon=1e-6)(x + layers.Dropout(0.1)(hidden))
    x = layers.GlobalAveragePooling1D()(x)
    model = keras.Model(texts, _head(layers.Dropout(0.1)(x)))
    model.compile("adam", "sparse_categorical_crossentropy", metrics=["accuracy"])

    test = tf.data.Dataset.from_tensor_slices((news.test_texts, news.test_labels))
    train, test = (without_tuning(texts.batch(batch_size)) for texts in (train, test))
    return _train(clock, model, train, test) | {"vocabulary_s": vocabulary}


def ours(clock, data, rows, batch_size, jit=False):
    """What `keras-transformers train from-scratch` does."""
    from keras_transformers.models import transformer_classifier
    from keras_transformers.training.train_from_scratch import compile_from_scratch

    news = _read(data, rows)
    clock.lap()
    train, test = _bucketed(news, batch_size, jit)
    vocabulary = clock.lap()
    model = transformer_classifier()
    compile_from_scratch(model, len(train), jit=jit)
    return _train(clock, model, train, test) | {"vocabulary_s": vocabulary}


def ours_xla(clock, **arguments):
    """The same with the training step compiled by XLA."""
    return ours(clock, jit=True, **arguments)


def keras_hub(clock, data, rows, batch_size):
    """KerasHub's layers in our pipeline. Its heads have size 16, so it computes less."""
    import keras
    from keras_hub.layers import TokenAndPositionEmbedding, TransformerEncoder

    from keras_transformers.layers import MaskedAveragePooling1D
    from keras_transformers.training.train_from_scratch import compile_from_scratch

    news = _read(data, rows)
    clock.lap()
    train, test = _bucketed(news, batch_size)
    vocabulary = clock.lap()
    ids = keras.Input((None,), dtype="int32")
    x = TokenAndPositionEmbedding(20_000, 256, 32, mask_zero=True)(ids)
    x = TransformerEncoder(intermediate_dim=32, num_heads=2, dropout=0.1)(x)
    x = keras.layers.Dropout(0.1)(MaskedAveragePooling1D()(x))
    model = keras.Model(ids, _head(x))
    compile_from_scratch(model, len(train))
    return _train(clock, model, train, test) | {"vocabulary_s": vocabulary}


def pytorch(clock, data, rows, batch_size):
    """The same network in PyTorch on the same batches."""
    import numpy as np
    import torch

    # Before Keras and TensorFlow: PyTorch's own compiler crashes where it is loaded after them.
    import torch._dynamo
    from torch_classifier import TransformerClassifier

    from keras_transformers.training.train_from_scratch import EPSILON

    news = _read(data, rows)
    clock.lap()
    train, test = _bucketed(news, batch_size)
    vocabulary = clock.lap()
    torch.manual_seed(0)
    model = TransformerClassifier(20_000, 256, 32, 2, 32, 4)
    optimizer = torch.optim.Adam(model.parameters(), eps=EPSILON)

    def epoch():
        model.train()
        for step, (ids, labels) in enumerate(train.as_numpy_iterator(), 1):
            optimizer.zero_grad()
            logits = model(torch.tensor(ids))
            torch.nn.functional.cross_entropy(logits, torch.tensor(labels).long()).backward()
            optimizer.step()
            if step % TURN == 0:
                clock.pass_on()

    def accuracy():
        model.eval()
        with torch.no_grad():
            hits = [
                (model(torch.tensor(ids)).argmax(-1).numpy() == labels)
                for ids, labels in test.as_numpy_iterator()
            ]
        return float(np.mean(np.concatenate(hits)))

    result = _two_epochs(clock, epoch, accuracy, int(train.cardinality()))
    return result | {"vocabulary_s": vocabulary}


def _read(data, rows):
    import dataclasses

    import keras

    from keras_transformers.data.load_news import read_news_directory

    keras.utils.set_random_seed(0)
    news = read_news_directory(data)
    return dataclasses.replace(
        news, train_texts=news.train_texts[:rows], train_labels=news.train_labels[:rows]
    )


def _bucketed(news, batch_size, jit=False):
    from keras_transformers.data import bucketed_batches
    from keras_transformers.data.bucketed_batches import XLA_LENGTHS, bucket_lengths
    from keras_transformers.text import WordVectorizer

    vectorizer = WordVectorizer(20_000, 256)
    vectorizer.adapt(news.train_texts)
    train, test = (vectorizer.encode(texts) for texts in (news.train_texts, news.test_texts))
    lengths = bucket_lengths(train, XLA_LENGTHS if jit else None)
    options = {"batch_size": batch_size, "lengths": lengths}
    return (
        bucketed_batches(train, news.train_labels, seed=0, **options),
        bucketed_batches(test, news.test_labels, **options),
    )


def _head(x):
    from keras import layers

    x = layers.Dropout(0.1)(layers.Dense(20, activation="relu")(x))
    return layers.Dense(4, activation="softmax")(x)


def _train(clock, model, train, test):
    import keras

    class PassOn(keras.callbacks.Callback):
        def on_train_batch_end(self, batch, logs=None):
            if (batch + 1) % TURN == 0:
                clock.pass_on()

    def epoch():
        # Each epoch sees the same rates: where they have fallen to 0, Adam's moments decay into
        # denormal numbers, which take longer.
        model.optimizer.iterations.assign(0)
        model.fit(train, verbose=0, shuffle=False, callbacks=[PassOn()])

    def accuracy():
        return model.evaluate(test, verbose=0, return_dict=True)["accuracy"]

    return _two_epochs(clock, epoch, accuracy, int(train.cardinality()))


def _two_epochs(clock, epoch, accuracy, steps):
    epoch()
    first = clock.lap()
    reached = accuracy()
    clock.lap()
    epoch()
    return {"first_s": first, "further_s": clock.lap(), "steps": steps, "accuracy": reached}


def _first(result):
    return result["vocabulary_s"] + result["first_s"]


def main():
    """Runs the race and prints the table."""
    from keras_transformers.utils import markdown_table

    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--data", required=True, help="directory with train.csv and test.csv")
    parser.add_argument("--rows", type=int, help="training rows (default: all)")
    parser.add_argument("--batch-size", type=int, default=128)
    options = parser.parse_args()

    contestants = {
        "the lesson's way": lesson,
        "keras_transformers": ours,
        "keras_transformers, XLA": ours_xla,
        "KerasHub's layers": keras_hub,
    }
    if importlib.util.find_spec("torch"):
        contestants["PyTorch"] = pytorch
    results = race(contestants, **vars(options))

    base = results["the lesson's way"]
    rows = options.rows or base["steps"] * options.batch_size
    print(f"{rows:,} training rows, batch {options.batch_size}, {os.cpu_count()} cores,")
    print(f"{platform.machine()}, Python {platform.python_version()}\n")
    table = [
        {
            "": name,
            "step, ms": f"{1000 * result['further_s'] / result['steps']:.1f}",
            "rows a second": f"{rows / result['further_s']:,.0f}",
            "vocabulary, s": f"{result['vocabulary_s']:.1f}",
            "first epoch, s": f"{_first(result):.1f}",
            "further epoch, s": f"{result['further_s']:.1f}",
            "first, times faster": f"{_first(base) / _first(result):.1f}",
            "lesson without vocabulary": f"{base['first_s'] / _first(result):.1f}",
            "further, times faster": f"{base['further_s'] / result['further_s']:.1f}",
            "peak memory, MB": f"{result['peak_mb']:,.0f}",
            "test accuracy, 1 epoch": f"{result['accuracy']:.4f}",
        }
        for name, result in results.items()
    ]
    print(markdown_table(table))


if __name__ == "__main__":
    main()
