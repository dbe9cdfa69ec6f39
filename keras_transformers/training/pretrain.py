"""Pre-training of a BERT by masked language modelling."""

import math
import os
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import keras
import numpy as np

from keras_transformers import plots
from keras_transformers.checkpoints.vocabulary import read_vocabulary, write_vocabulary
from keras_transformers.data import (
    MaskingVocabulary,
    StoredSequences,
    Texts,
    masked_batches,
)
from keras_transformers.data.load_texts import as_texts
from keras_transformers.data.tf_data import compiles_each_shape, multiple_of_lengths
from keras_transformers.distribution.processes import in_first_process
from keras_transformers.models import BertEncoder, MaskedLanguageModel, masked_language_model
from keras_transformers.text import WordPieceTokenizer, learn_vocabulary
from keras_transformers.text.learn_vocabulary import TEXTS_AT_ONCE, batched
from keras_transformers.training.create_optimizer import create_optimizer
from keras_transformers.training.masked_cross_entropy import MaskedCrossEntropy, TokenAccuracy
from keras_transformers.training.run_directory import RunDirectory
from keras_transformers.training.settings import Pretraining

if TYPE_CHECKING:
    import tensorflow as tf


# Layers, length of the vectors, heads, width of the feed-forward networks.
SIZES = {"tiny": (2, 64, 2, 256), "mini": (2, 128, 2, 512), "small": (4, 128, 2, 512)}
# After so many steps the model is tried on held-out texts, and all of its state kept.
STEPS_BETWEEN_CHECKPOINTS = 100
HELD_OUT_SHARE = 0.05
MAX_HELD_OUT = 1000


def pretrain(
    texts: Texts | Sequence[str],
    directory: str | os.PathLike[str],
    *,
    resume: bool = False,
    verbose: int | str = "auto",
    distribute: str | None = None,
    **settings: Any,
) -> tuple[MaskedLanguageModel, dict[str, Any]]:
    """Pre-trains a BERT on texts: it learns word pieces, and then to guess masked ones.

    That is task 1 of Devlin et al., 2019 (arXiv 1810.04805), section 3.1; there is no prediction
    of the next sentence, which later work found not to help (Liu et al., 2019, arXiv 1907.11692,
    section 4.2). AdamW with warm-up, see `create_optimizer`, minimises the cross-entropy. The
    weights are those that guessed most of the held-out texts' pieces right.

    Args:
        texts: what to train on, from `load_texts` or any sequence of strings; one in twenty, at
            most 1,000, is held out.
        directory: where the results go; made if it is not there. Beside `metrics.json` and
            `training.png` it becomes a checkpoint in Hugging Face's layout, which
            `BertEncoder.from_pretrained`, `export_to_hub` and Hugging Face's libraries open. While
            the run lasts, `checkpoint` in it holds the texts' ids and the state.
        resume: bool, whether to go on from the last checkpoint of a run that was stopped.
        verbose: as for `keras.Model.fit`, or "line" for one line of all epochs.
        distribute: None, `"data"` or, on JAX, `"model"`: over which devices it is spread, as for
            `fit`.
        **settings: fields of `keras_transformers.training.settings.Pretraining`, such as `size`,
            `steps` and `seed`.

    Returns:
        The model, with its tokeniser, and its metrics, which `metrics.json` has too.

    Raises:
        ValueError: if a setting is out of range, something is no text, there are not two, or
            `resume` finds a run with other arguments.

    Example:
        >>> from keras_transformers.data import load_texts
        >>> from keras_transformers.training import pretrain
        >>> model, metrics = pretrain(
        ...     load_texts("sample"), "runs/pretrain", size="tiny", steps=100, verbose=0
        ... )
        Data: bundled sample of fictional news: 800 training and 200 test texts in 4 classes
        >>> sorted(metrics["test"])
        ['accuracy', 'loss', 'perplexity', 'tokens']
    """
    settings, texts = Pretraining(**settings), as_texts(texts)
    run = RunDirectory(directory, {"data": str(texts)} | settings.record(), resume)
    keras.utils.set_random_seed(settings.seed)
    tokenizer = _tokenizer(texts, run.checkpoint / "vocab.txt", settings)
    sequences = _sequences(texts, run.checkpoint / "sequences", tokenizer)
    rows, held_out_rows = _split(len(sequences))
    vocabulary = MaskingVocabulary.of(tokenizer.vocabulary)
    multiple = multiple_of_lengths()

    def make_batches(first_epoch):
        return masked_batches(
            sequences,
            rows,
            vocabulary,
            batch_size=settings.batch_size,
            steps=STEPS_BETWEEN_CHECKPOINTS,
            first_step=first_epoch * STEPS_BETWEEN_CHECKPOINTS,
            seed=settings.seed,
            whole_words=settings.whole_words,
            multiple=multiple,
        )

    held_out = masked_batches(
        sequences,
        held_out_rows,
        vocabulary,
        batch_size=settings.batch_size,
        multiple=multiple,
    )
    encoder = build_encoder(len(tokenizer.vocabulary), settings)
    # Without the tokeniser: a model with strings in it is none that JAX compiles.
    model = masked_language_model(encoder)
    epochs = math.ceil(settings.steps / STEPS_BETWEEN_CHECKPOINTS)
    compile_masked_lm(model, settings, epochs * STEPS_BETWEEN_CHECKPOINTS)
    history = run.fit(
        model,
        make_batches,
        epochs=epochs,
        validation=held_out,
        verbose=verbose,
        distribute=distribute,
    )
    trained = masked_language_model(encoder, tokenizer)
    trained.set_weights(model.get_weights())

    def finish():
        test = evaluate_masked_lm(model, held_out)
        trained.save_pretrained(run.path)
        return run.finish(
            model,
            history,
            data={
                "source": texts.source,
                "train_rows": len(rows),
                "held_out_rows": len(held_out_rows),
                "train_tokens": int(sequences.lengths[rows].sum(dtype="int64")),
                "vocabulary": len(tokenizer.vocabulary),
            },
            test=test,
            figures={"training.png": plots.training_curve(history)},
        )

    return trained, in_first_process(finish)


def build_encoder(vocab_size: int, settings: Pretraining) -> BertEncoder:
    """Builds the encoder that the settings name; it has no pooler, for nothing would train it."""
    return BertEncoder(
        vocab_size,
        *SIZES[settings.size],
        settings.max_length,
        dropout=settings.rate,
        attention_dropout=settings.rate,
        pooler=False,
        dtype=f"mixed_{settings.mixed_precision}" if settings.mixed_precision else "float32",
        name="encoder",
    )


def compile_masked_lm(
    model: MaskedLanguageModel, settings: Pretraining, num_train_steps: int
) -> None:
    """Compiles a model for AdamW and the cross-entropy of the masked tokens."""
    optimizer = create_optimizer(
        settings.learning_rate, num_train_steps, int(settings.warmup * num_train_steps)
    )
    model.compile(
        optimizer=optimizer,
        loss=MaskedCrossEntropy(),
        metrics=[TokenAccuracy(name="accuracy")],
        jit_compile=compiles_each_shape(),
    )


def evaluate_masked_lm(
    model: MaskedLanguageModel, batches: "tf.data.Dataset[Any]"
) -> dict[str, Any]:
    """Measures how well a model guesses.

    Args:
        model: any model that takes what `masked_batches` gives.
        batches: what `masked_batches` returns.

    Returns:
        A dict with `accuracy`, the share of masked tokens that are guessed right, `loss`, their
        mean cross-entropy in nats, `perplexity`, its exponential, and `tokens`, their number.
    """
    hits = nats = tokens = 0
    for inputs, hidden in batches.as_numpy_iterator():
        logits = model.predict_on_batch(inputs)
        count = int(np.count_nonzero(hidden))
        nats += count * float(MaskedCrossEntropy()(hidden, logits))
        hits += int(np.count_nonzero((logits.argmax(axis=-1) == hidden) & (hidden != 0)))
        tokens += count
    loss = nats / tokens
    return {
        "accuracy": hits / tokens,
        "loss": loss,
        "perplexity": math.exp(loss),
        "tokens": tokens,
    }


def _tokenizer(texts: Texts, path: Path, settings: Pretraining) -> WordPieceTokenizer:
    """Returns the tokeniser of the vocabulary in a file, learned from the texts if need be."""
    if not path.is_file():
        write_vocabulary(path, learn_vocabulary(texts, settings.vocab_size))
    return WordPieceTokenizer(
        read_vocabulary(path), max_length=settings.max_length, name="tokenizer"
    )


def _sequences(texts: Texts, directory: Path, tokenizer: WordPieceTokenizer) -> StoredSequences:
    """Returns the texts' ids from a directory, written there if need be."""
    if directory.is_dir():
        return StoredSequences(directory)
    return StoredSequences.write(directory, _encode(texts, tokenizer))


def _encode(texts: Iterable[str], tokenizer: WordPieceTokenizer) -> Iterator[np.ndarray]:
    """Yields the ids of each text, `[CLS]` and `[SEP]` around them, long ones in several parts."""
    start, end = (tokenizer.vocabulary.index(token) for token in ("[CLS]", "[SEP]"))
    room = tokenizer.max_length - 2
    for batch in batched(texts, TEXTS_AT_ONCE):
        for ids in tokenizer.tokenize(batch).numpy():
            for first in range(0, len(ids), room):
                yield np.array([start, *ids[first : first + room], end])


def _split(total: int) -> tuple[np.ndarray, np.ndarray]:
    """Returns the rows to train on and those held out, which lie evenly among them."""
    if total < 2:
        raise ValueError(f"`texts` must hold at least two texts. Received: {total}")
    rows = np.arange(total)
    count = min(MAX_HELD_OUT, max(1, int(HELD_OUT_SHARE * total)))
    held_out = np.linspace(0, total, count, endpoint=False).astype(int)
    return np.delete(rows, held_out), held_out
