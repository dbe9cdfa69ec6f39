"""A step of fine-tuning, and BERT's forward pass: the lesson's way, ours, Hugging Face's.

    .venv/bin/python benchmarks/fine_tuning.py --data DIR_WITH_AG_NEWS_CSV --vocabulary VOCAB_TXT

All contestants train and run a BERT of the same size and the same random weights on the same
texts, with AdamW and dropout 0.1. The lesson pads every text to 128 tokens and uses Keras 2,
tensorflow-hub's KerasLayer and tf-models-official's optimizer; the others get batches grouped by
length. Each has a process of its own; after warming up they take turns, a pass over the texts
each. The table gives medians over the passes; the lesson's passes include
tokenising, which is part of its model. Hugging Face joins in where torch and transformers are
installed.
"""

import argparse
import importlib.util
import os
import statistics
import tempfile
from pathlib import Path

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

from turns import race

RATE = 3e-5
STEPS = 1000


def lesson(clock, directory, data, rows, batch_size, passes):
    """Keras 2, hub.KerasLayer, official's optimizer, padded to 128."""
    os.environ["TF_USE_LEGACY_KERAS"] = "1"
    import tensorflow as tf
    import tensorflow_hub as hub
    import tensorflow_text  # noqa: F401
    import tf_keras
    from official.nlp import optimization

    texts, labels = _read(data, rows)
    preprocessor = hub.KerasLayer(f"{directory}/preprocessor")
    encoder = hub.KerasLayer(f"{directory}/encoder", trainable=True)
    inputs = tf_keras.Input((), dtype=tf.string)
    x = tf_keras.layers.Dropout(0.1)(encoder(preprocessor(inputs))["pooled_output"])
    model = tf_keras.Model(inputs, tf_keras.layers.Dense(4, activation="softmax")(x))
    optimizer = optimization.create_optimizer(RATE, STEPS, STEPS // 10, optimizer_type="adamw")
    model.compile(optimizer, "sparse_categorical_crossentropy")
    batches = list(tf.data.Dataset.from_tensor_slices((texts, labels)).batch(batch_size))
    forward = tf.function(lambda texts: model(texts, training=False))
    return _measure(clock, passes, batches, forward, model.train_on_batch)


def hub_layer(clock, directory, data, rows, batch_size, passes):
    """Our HubLayer around the SavedModel."""
    from keras_transformers.hub import hub_classifier

    model = hub_classifier(f"{directory}/preprocessor", f"{directory}/encoder", trainable=True)
    return _ours(clock, model, directory, data, rows, batch_size, passes)


def native(clock, directory, data, rows, batch_size, passes, jit=False):
    """The same weights in our BertEncoder."""
    from keras_transformers.models import bert_classifier

    model = bert_classifier(f"{directory}/encoder", trainable=True)
    return _ours(clock, model, directory, data, rows, batch_size, passes, jit)


def native_bfloat16(clock, **arguments):
    """The same with matrix products and activations in bfloat16."""
    import keras

    keras.config.set_dtype_policy("mixed_bfloat16")
    return native(clock, **arguments)


def native_xla(clock, **arguments):
    """The same compiled by XLA."""
    return native(clock, jit=True, **arguments)


def hugging_face(clock, directory, data, rows, batch_size, passes):
    """Hugging Face's BertForSequenceClassification, padded to each batch's length."""
    import torch
    import transformers

    # Before Keras and TensorFlow: PyTorch's own compiler crashes where it is loaded after them.
    from transformers import BertForSequenceClassification

    from keras_transformers.models import BertEncoder

    transformers.logging.set_verbosity_error()
    with tempfile.TemporaryDirectory() as scratch:
        BertEncoder.from_pretrained(f"{directory}/encoder").save_pretrained(scratch)
        model = BertForSequenceClassification.from_pretrained(scratch, num_labels=4)
    optimizer = torch.optim.AdamW(model.parameters(), lr=RATE, weight_decay=0.01)

    def inputs(ids):
        ids = torch.tensor(ids.numpy()).long()
        return {"input_ids": ids, "attention_mask": (ids != 0).long()}

    def forward(ids):
        model.eval()
        with torch.no_grad():
            return model(**inputs(ids)).logits

    def step(ids, labels):
        model.train()
        optimizer.zero_grad()
        model(**inputs(ids), labels=torch.tensor(labels.numpy()).long()).loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()

    texts, labels = _read(data, rows)
    batches = _bucketed(f"{directory}/encoder", texts, labels, batch_size)
    return _measure(clock, passes, batches, forward, step)


def _ours(clock, model, directory, data, rows, batch_size, passes, jit=False):
    import tensorflow as tf

    from keras_transformers.text import bert_inputs
    from keras_transformers.training import create_optimizer

    texts, labels = _read(data, rows)
    classifier = model.classifier
    optimizer = create_optimizer(RATE, STEPS, STEPS // 10)
    classifier.compile(optimizer, "sparse_categorical_crossentropy", jit_compile=jit)
    run = tf.function(
        lambda ids: classifier(bert_inputs(ids), training=False),
        jit_compile=jit,
        reduce_retracing=not jit,
    )
    batches = _bucketed(f"{directory}/encoder", texts, labels, batch_size, jit)
    return _measure(
        clock,
        passes,
        batches,
        run,
        lambda ids, labels: classifier.train_on_batch(bert_inputs(ids), labels),
    )


def _measure(clock, passes, batches, forward, step):
    """Returns the milliseconds of a forward pass and of a training step, a median over passes."""
    times = {}
    for name, run in (
        ("forward_ms", lambda inputs, labels: forward(inputs)),
        ("step_ms", step),
    ):
        for batch in batches:
            run(*batch)
        clock.pass_on()
        laps = []
        for _ in range(passes):
            clock.lap()
            for batch in batches:
                run(*batch)
            laps.append(clock.lap())
            clock.pass_on()
        times[name] = 1000 * statistics.median(laps) / len(batches)
    return times


def _read(data, rows):
    import keras

    from keras_transformers.data.load_news import read_news_directory

    keras.utils.set_random_seed(0)
    news = read_news_directory(data)
    return news.train_texts[:rows], news.train_labels[:rows]


def _bucketed(encoder, texts, labels, batch_size, jit=False):
    from keras_transformers.data import bucketed_batches
    from keras_transformers.data.bucketed_batches import XLA_LENGTHS, bucket_lengths
    from keras_transformers.text import WordPieceTokenizer

    sequences = WordPieceTokenizer.from_pretrained(encoder, max_length=128).encode(texts)
    lengths = bucket_lengths(sequences, XLA_LENGTHS if jit else None)
    return list(bucketed_batches(sequences, labels, batch_size=batch_size, lengths=lengths, seed=0))


def main():
    """Runs the race and prints the table."""
    from keras_transformers.hub import export_to_hub
    from keras_transformers.hub.lesson_bert import SMALL_BERT
    from keras_transformers.utils import markdown_table

    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--data", required=True, help="directory with train.csv and test.csv")
    parser.add_argument("--vocabulary", required=True, help="BERT's vocab.txt, 30,522 pieces")
    parser.add_argument("--rows", type=int, default=1024, help="training rows (default: 1024)")
    parser.add_argument("--batch-size", type=int, default=128)
    parser.add_argument("--passes", type=int, default=5)
    options = parser.parse_args()

    contestants = {
        "the lesson's way": lesson,
        "SavedModel in HubLayer": hub_layer,
        "BertEncoder": native,
        "BertEncoder, mixed_bfloat16": native_bfloat16,
        "BertEncoder, XLA": native_xla,
    }
    if all(map(importlib.util.find_spec, ("torch", "transformers"))):
        contestants["Hugging Face, PyTorch"] = hugging_face
    with tempfile.TemporaryDirectory() as scratch:
        directory = Path(scratch) / "bert"
        export_to_hub(SMALL_BERT, directory, vocab_file=options.vocabulary)
        results = race(
            contestants,
            directory=str(directory),
            data=options.data,
            rows=options.rows,
            batch_size=options.batch_size,
            passes=options.passes,
        )
    base = results["the lesson's way"]
    print(f"{options.rows:,} rows, batch {options.batch_size}, {os.cpu_count()} cores,")
    print(f"medians of {options.passes} passes\n")
    table = [
        {
            "": name,
            "training step, ms": f"{result['step_ms']:.0f}",
            "times faster": f"{base['step_ms'] / result['step_ms']:.1f}",
            "forward pass, ms": f"{result['forward_ms']:.0f}",
            "times faster ": f"{base['forward_ms'] / result['forward_ms']:.1f}",
            "peak memory, MB": f"{result['peak_mb']:,.0f}",
        }
        for name, result in results.items()
    ]
    print(markdown_table(table))


if __name__ == "__main__":
    main()
