"""Training of a translator."""

import os
from collections.abc import Sequence
from typing import Any

import keras
import numpy as np

from keras_transformers import plots
from keras_transformers.data import Pairs, bucketed_pairs
from keras_transformers.data.tf_data import compiles_each_shape, multiple_of_lengths
from keras_transformers.distribution.processes import in_first_process
from keras_transformers.models import Translator, rnn_translator, transformer_translator
from keras_transformers.text import SentencePieceTokenizer
from keras_transformers.text.sentence_piece_tokenizer import END_ID, START_ID
from keras_transformers.training.create_optimizer import create_optimizer
from keras_transformers.training.evaluate_translator import evaluate_translator
from keras_transformers.training.fit import best_epoch
from keras_transformers.training.masked_cross_entropy import MaskedCrossEntropy, TokenAccuracy
from keras_transformers.training.run_directory import RunDirectory
from keras_transformers.training.settings import Translation


def train_translator(
    pairs: Pairs,
    directory: str | os.PathLike[str],
    *,
    resume: bool = False,
    verbose: int | str = "auto",
    distribute: str | None = None,
    **settings: Any,
) -> tuple[Translator, dict[str, Any]]:
    """Trains a translator on sentence pairs and writes model, metrics and plots.

    At each position the model is given the target up to there and learns to predict the next
    token (teacher forcing). AdamW with warm-up, see `create_optimizer`, minimises the
    cross-entropy. The weights are those of the epoch that predicted the validation part best.

    Args:
        pairs: what to train and to test on.
        directory: where the results go, see `RunDirectory`; made if it is not there.
        resume: bool, whether to go on from the last finished epoch of a run that was stopped.
        verbose: as for `keras.Model.fit`, or "line" for one line of all epochs.
        distribute: None, `"data"` or, on JAX, `"model"`: over which devices it is spread, as for
            `fit`.
        **settings: fields of `keras_transformers.training.settings.Translation`, such as `model`,
            `epochs`, `seed` and sizes.

    Returns:
        The trained translator, from strings to strings, and its metrics.

    Raises:
        ValueError: if a setting is out of range, no pair is short enough, or `resume` finds a run
            with other arguments.

    Example:
        >>> from keras_transformers.data import date_pairs
        >>> from keras_transformers.training import train_translator
        >>> translator, metrics = train_translator(
        ...     date_pairs(train=100, valid=10, test=10), "runs/dates", epochs=1, verbose=0
        ... )
        >>> len(translator.translate(["3 May 2021"]))
        1
    """
    settings = Translation(**settings)
    run = RunDirectory(directory, {"data": str(pairs)} | settings.record(), resume)
    keras.utils.set_random_seed(settings.seed)
    tokenizers = train_tokenizers(pairs, settings)
    train = _encode(pairs.train_sources, pairs.train_targets, tokenizers, settings.max_length)
    valid = _encode(pairs.valid_sources, pairs.valid_targets, tokenizers, settings.max_length)

    def make_batches(first_epoch):
        return _batches(train, settings, seed=settings.seed, first_epoch=first_epoch)

    model = build_translator(settings, *(tokenizer.vocab_size for tokenizer in tokenizers))
    compile_translator(model, settings, settings.epochs * len(make_batches(0)))
    history = run.fit(
        model,
        make_batches,
        epochs=settings.epochs,
        validation=_batches(valid, settings),
        verbose=verbose,
        distribute=distribute,
    )
    longest = max(map(len, train[1]))
    translator = Translator(*tokenizers, model, min(3 * longest // 2, settings.max_length) + 1)

    def finish():
        test, _ = evaluate_translator(translator, pairs.test_sources, pairs.test_targets)
        run.save(translator)
        return run.finish(
            translator,
            history,
            data={
                "source": pairs.source,
                "train_pairs": len(train[0]),
                "too_long": len(pairs.train_sources) - len(train[0]),
                "valid_pairs": len(valid[0]),
                "test_pairs": len(pairs.test_sources),
                "vocabularies": [tokenizer.vocab_size for tokenizer in tokenizers],
            },
            test=test,
            figures={"training.png": plots.training_curve(history)},
            best_epoch=1 + best_epoch(history),
        )

    return translator, in_first_process(finish)


def train_tokenizers(pairs: Pairs, settings: Translation) -> tuple[SentencePieceTokenizer, ...]:
    """Learns the tokens of both sides from the training texts: one vocabulary, or one for each."""
    unit = settings.unit or pairs.unit
    sides = [pairs.train_sources, pairs.train_targets]
    names = ["source_tokenizer", "target_tokenizer"]
    if settings.shared_vocabulary:
        sides, names = [sides[0] + sides[1]], ["tokenizer"]
    tokenizers = [
        SentencePieceTokenizer.train(texts, settings.vocab_size, unit=unit, name=name)
        for texts, name in zip(sides, names, strict=True)
    ]
    return tokenizers[0], tokenizers[-1]


def build_translator(
    settings: Translation, source_vocab_size: int, target_vocab_size: int
) -> keras.Model:
    """Builds the model that the settings name."""
    vocabularies = source_vocab_size, target_vocab_size
    if settings.model == "transformer":
        return transformer_translator(
            *vocabularies,
            settings.embed_dim,
            settings.num_heads,
            settings.ff_dim,
            num_blocks=settings.num_blocks,
            rate=settings.rate,
            positions=settings.positions,
            # The target's start is one token more.
            maxlen=None if settings.positions == "sinusoidal" else settings.max_length + 1,
        )
    return rnn_translator(
        *vocabularies,
        settings.embed_dim,
        settings.units,
        attention="bahdanau" if settings.model == "rnn-attention" else None,
        rate=settings.rate,
    )


def compile_translator(model: keras.Model, settings: Translation, num_train_steps: int) -> None:
    """Compiles a model of `build_translator` for AdamW and the cross-entropy of the next token."""
    optimizer = create_optimizer(
        settings.learning_rate, num_train_steps, int(settings.warmup * num_train_steps)
    )
    model.compile(
        optimizer=optimizer,
        loss=MaskedCrossEntropy(settings.label_smoothing),
        metrics=[TokenAccuracy(name="accuracy")],
        jit_compile=compiles_each_shape(),
    )


def _encode(
    sources: Sequence[str],
    targets: Sequence[str],
    tokenizers: tuple[SentencePieceTokenizer, ...],
    max_length: int,
) -> tuple[list[np.ndarray], list[np.ndarray]]:
    """Returns the ids of both sides, without pairs that are too long on one of them."""
    sides = [
        tokenizer.encode(texts)
        for tokenizer, texts in zip(tokenizers, (sources, targets), strict=True)
    ]
    fitting = [pair for pair in zip(*sides, strict=True) if max(map(len, pair)) <= max_length]
    if not fitting:
        raise ValueError(
            f"`max_length` must leave a pair to train and one to validate on. "
            f"Received: max_length={max_length}"
        )
    return tuple(map(list, zip(*fitting, strict=True)))


def _batches(side_ids: tuple, settings: Translation, **options):
    return bucketed_pairs(
        *side_ids,
        start_id=START_ID,
        end_id=END_ID,
        batch_size=settings.batch_size,
        multiple=multiple_of_lengths(),
        **options,
    )
