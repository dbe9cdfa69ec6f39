"""The classifier on a frozen BERT against the lesson's way.

    .venv/bin/python benchmarks/frozen_bert.py --data DIR_WITH_AG_NEWS_CSV \
        --vocabulary VOCAB_TXT --checkpoint HUGGING_FACE_BERT

The lesson's way is Keras 2 with tensorflow-hub's KerasLayer: every text padded to 128 tokens, the
encoder run in every epoch. Ours computes the features once, padded to the batch's length, and
trains the head on them, in float32 and with the encoder in bfloat16. All classify the same rows
with the same two SavedModels: with --vocabulary a small BERT (4 layers, 128 numbers, random
weights), with --checkpoint the checkpoint. Each round runs all in turn, each in a process of its
own; the table gives medians. Loading models and libraries is not counted; tokenising, tracing and
compiling are.
"""

import argparse
import os
import statistics
import tempfile
from pathlib import Path

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

from turns import race

from keras_transformers.hub.lesson_bert import SMALL_BERT
from keras_transformers.utils import markdown_table

HEAD_EPOCHS = 20


def lesson(clock, pair, data, rows, batch_size):
    """Keras 2 and hub.KerasLayer, as the lesson has it."""
    os.environ["TF_USE_LEGACY_KERAS"] = "1"
    import tensorflow as tf
    import tensorflow_hub as hub
    import tensorflow_text  # noqa: F401
    import tf_keras

    from keras_transformers.data.tf_data import without_tuning

    texts, labels = _read(data, rows)
    preprocessor = hub.KerasLayer(f"{pair}/preprocessor")
    encoder = hub.KerasLayer(f"{pair}/encoder", trainable=False)
    inputs = tf_keras.Input((), dtype=tf.string)
    x = tf_keras.layers.Dropout(0.1)(encoder(preprocessor(inputs))["pooled_output"])
    model = tf_keras.Model(inputs, tf_keras.layers.Dense(4, activation="softmax")(x))
    model.compile("adam", "sparse_categorical_crossentropy", metrics=["acc"])
    batches = tf.data.Dataset.from_tensor_slices((texts, labels)).batch(batch_size)
    batches = without_tuning(batches)
    clock.lap()
    model.fit(batches, verbose=0)
    first = clock.lap()
    model.fit(batches, verbose=0)
    return {"first_s": first, "further_s": clock.lap()}


def ours(clock, pair, data, rows, batch_size, dtype="float32"):
    """Features once, then the head."""
    import keras

    from keras_transformers.hub import hub_classifier
    from keras_transformers.training import cached_features, feature_batches
    from keras_transformers.training.fit import one_iterator
    from keras_transformers.training.train_frozen import compile_head

    keras.config.set_dtype_policy(dtype)
    texts, labels = _read(data, rows)
    model = hub_classifier(f"{pair}/preprocessor", f"{pair}/encoder")
    encoder, head = (model.classifier.get_layer(name) for name in ("features", "head"))
    with tempfile.TemporaryDirectory() as directory:
        clock.lap()
        sequences = model.tokenizer.encode(texts)
        features = cached_features(encoder, sequences, directory, progress=False)
        batches = feature_batches(features, labels, batch_size=batch_size, seed=0)
        compile_head(head, len(batches), 1 + HEAD_EPOCHS, 0.001)
        head.fit(**one_iterator(batches, head), verbose=0, shuffle=False)
        first = clock.lap()
        head.fit(**one_iterator(batches, head), verbose=0, shuffle=False, epochs=HEAD_EPOCHS)
        return {"first_s": first, "further_s": clock.lap() / HEAD_EPOCHS}


def ours_bfloat16(clock, **arguments):
    """The same with the encoder computing in bfloat16."""
    return ours(clock, dtype="mixed_bfloat16", **arguments)


LESSON = "the lesson's way"
CONTESTANTS = {
    LESSON: lesson,
    "keras_transformers": ours,
    "keras_transformers, bfloat16": ours_bfloat16,
}


def _read(data, rows):
    from keras_transformers.data.load_news import read_news_directory

    news = read_news_directory(data)
    return news.train_texts[:rows], news.train_labels[:rows]


def main():
    """Runs the rounds and prints the table."""
    from keras_transformers.hub import export_to_hub

    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--data", required=True, help="directory with train.csv and test.csv")
    parser.add_argument("--vocabulary", help="BERT's vocab.txt, 30,522 pieces")
    parser.add_argument("--checkpoint", help="a Hugging Face BERT directory")
    parser.add_argument("--rows", type=int, default=4096, help="training rows (default: 4096)")
    parser.add_argument("--batch-size", type=int, default=128)
    parser.add_argument("--rounds", type=int, default=3)
    options = parser.parse_args()
    if not options.vocabulary and not options.checkpoint:
        parser.error("expected --vocabulary, --checkpoint or both, found neither")

    table = []
    with tempfile.TemporaryDirectory() as scratch:
        if options.vocabulary:
            export_to_hub(SMALL_BERT, f"{scratch}/small BERT", vocab_file=options.vocabulary)
        if options.checkpoint:
            export_to_hub(options.checkpoint, f"{scratch}/{Path(options.checkpoint).name}")
        for pair in sorted(Path(scratch).iterdir()):
            rounds = [
                race(
                    CONTESTANTS,
                    pair=str(pair),
                    data=options.data,
                    rows=options.rows,
                    batch_size=options.batch_size,
                )
                for _ in range(options.rounds)
            ]
            table += [{"encoder": pair.name} | _medians(rounds, name) for name in CONTESTANTS]
    print(f"{options.rows:,} rows, batch {options.batch_size}, {os.cpu_count()} cores,")
    print(f"medians of {options.rounds} rounds\n")
    print(markdown_table(table))


def _medians(rounds, name):
    def seconds(key):
        return statistics.median(result[name][key] for result in rounds)

    def ratio(key):
        return statistics.median(result[LESSON][key] / result[name][key] for result in rounds)

    return {
        "": name,
        "first epoch, s": f"{seconds('first_s'):.1f}",
        "further epoch, s": f"{seconds('further_s'):.3f}",
        "first, times faster": f"{ratio('first_s'):.1f}",
        "further, times faster": f"{ratio('further_s'):.0f}",
    }


if __name__ == "__main__":
    main()
