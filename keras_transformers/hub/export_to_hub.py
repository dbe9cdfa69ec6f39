"""BERT as the pair of SavedModels that TF Hub publishes, written without the internet."""

import contextlib
import logging
import os
import random
import tempfile
import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from keras_transformers.checkpoints.bert_names import ENCODER
from keras_transformers.checkpoints.hugging_face import (
    check_encoder,
    complete_config,
    read_config,
    read_tensors,
    read_tokenizer_config,
    tensor_shapes,
)
from keras_transformers.checkpoints.vocabulary import (
    check_vocabulary_file,
    write_made_up_vocabulary,
)
from keras_transformers.text.read_tokenizer import read_tokenizer
from keras_transformers.utils import one_line


def export_to_hub(
    source: Mapping[str, Any] | str | os.PathLike[str],
    directory: str | os.PathLike[str],
    *,
    vocab_file: str | os.PathLike[str] | None = None,
    lower_case: bool | None = None,
    seed: int = 0,
) -> None:
    """Writes a BERT encoder and its preprocessing model as TF Hub publishes them.

    `directory/encoder` takes BERT's inputs, int32 of shape `(batch, length)`, and returns a dict of
    float32: `pooled_output` (or `default`), `(batch, hidden_size)`; `sequence_output`, `(batch,
    length, hidden_size)`; `encoder_outputs`, a list with the like of it for each layer.

    `directory/preprocessor` takes strings of shape `(batch,)` and returns the encoder's inputs,
    packed to 128 tokens (fewer if the encoder has fewer positions). Its `.tokenize(strings)`
    returns ragged int32 token ids, `(batch, words, wordpieces)`, and its
    `.bert_pack_inputs([tokens], seq_length=…)` packs one or two such segments. Lower-casing takes
    characters such as “…” and “²” apart, which Hugging Face's tokenizers keep.

    The writing is done by tf-models-official's `export_tfhub_lib`, so that the files have the
    published format. The equations are those of Devlin et al., 2019 (arXiv 1810.04805); `gelu` is
    the exact function, `gelu_new` the approximation with tanh that the published models use.

    Args:
        source: a local Hugging Face directory with `config.json`, `model.safetensors` (or its
            shards), `vocab.txt` and optionally `tokenizer_config.json`; or a dict with the
            names of `config.json`, which gives an encoder with random weights. If a directory's
            tensors have no pooler, a random one is made and a warning says so.
        directory: where the pair is written; must not exist, or be empty. The pair appears in it
            when both models are complete, never before.
        vocab_file: a WordPiece vocabulary, one token a line. None means the `vocab.txt` of the
            directory; for a dict, a vocabulary made up of single characters.
        lower_case: bool, whether the preprocessing model lower-cases and strips accents. None
            means `do_lower_case` of `tokenizer_config.json`, and True where there is none.
        seed: int, for the random weights: normal, cut at two standard deviations of
            `initializer_range`; biases are 0.

    Raises:
        FileExistsError: if there is something in `directory`.
        FileNotFoundError: if a file of `source`, or `vocab_file`, is missing; also if the
            weights are there as a pickle only.
        ValueError: if `source` is not a BERT encoder that can be exported, if tensors or the
            vocabulary do not go with it, or if `lower_case` is no bool.

    Example:
        >>> import tempfile
        >>> import tensorflow as tf, tensorflow_hub as hub
        >>> import tensorflow_text  # the preprocessing model needs its operations
        >>> from keras_transformers.hub.export_to_hub import export_to_hub
        >>> tiny = dict(vocab_size=200, hidden_size=8, num_hidden_layers=1,
        ...             num_attention_heads=2, intermediate_size=16)
        >>> directory = tempfile.mkdtemp()
        >>> export_to_hub(tiny, directory)
        >>> preprocessor = hub.load(f"{directory}/preprocessor")
        >>> encoder = hub.load(f"{directory}/encoder")
        >>> tuple(encoder(preprocessor(tf.constant(["Rates rise"])))["sequence_output"].shape)
        (1, 128, 8)
    """
    import tensorflow as tf

    directory = Path(directory).resolve()
    if directory.exists() and not (directory.is_dir() and not any(directory.iterdir())):
        raise FileExistsError(
            f"`directory` must not exist yet, or be empty. Received: {str(directory)!r}"
        )
    directory.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=f".{directory.name}-", dir=directory.parent) as scratch:
        scratch = Path(scratch)
        if isinstance(source, Mapping):
            config, tensors, tokenizer = complete_config(source), {}, {}
            vocab_file = vocab_file or write_made_up_vocabulary(scratch, config["vocab_size"])
        else:
            config, tensors = complete_config(read_config(source)), read_tensors(source)
            tensors = _encoder_tensors(tensors, config)
            tokenizer = read_tokenizer_config(source)
            if vocab_file is None:
                _check_tokenizer(Path(source))
                vocab_file = Path(source) / "vocab.txt"
            _warn_of_new_pooler(tensors, source)
        lower_case = tokenizer.get("do_lower_case", True) if lower_case is None else lower_case
        if not isinstance(lower_case, bool):
            raise ValueError(f"`lower_case` must be a bool. Received: lower_case={lower_case!r}")
        check_vocabulary_file(vocab_file, config["vocab_size"])
        _warn_of_other_tokenizer(tokenizer, lower_case)

        tensors = _random_tensors(config, seed) | tensors
        pair = scratch / "pair"
        try:
            with _undisturbed():
                _export_encoder(pair / "encoder", config, tensors, vocab_file, lower_case, scratch)
                _export_preprocessor(pair / "preprocessor", config, vocab_file, lower_case)
        except tf.errors.ResourceExhaustedError as error:
            raise OSError(f"{directory}: could not be written: {one_line(error)}") from error
        os.rename(pair, directory)


def _check_tokenizer(source):
    """Refuses a tokeniser that splits texts in another way than the preprocessing model does."""
    settings = read_tokenizer(source)
    for name, usual in (("clean_text", True), ("split", "punctuation")):
        if settings.get(name, usual) != usual:
            raise ValueError(
                f"{source / 'tokenizer.json'} must normalise and split as BERT does, for the "
                f"preprocessing model can do nothing else. Received: {name}={settings[name]!r}"
            )


def _encoder_tensors(tensors, config):
    """Returns the tensors of the encoder alone, checked; the pooler may be missing."""
    tensors = {
        name: tensor
        for name, tensor in tensors.items()
        if name.startswith(ENCODER) and tensor.dtype.kind == "f" and not name.endswith("_ids")
    }
    check_encoder(tensors, config)
    return tensors


def _export_encoder(directory, config, tensors, vocab_file, lower_case, scratch):
    import tensorflow as tf
    from official.modeling import hyperparams
    from official.nlp.configs.encoders import EncoderConfig
    from official.nlp.tools import export_tfhub_lib

    encoder = _build_encoder(config)
    for name, modules in _modules(config).items():
        layer = encoder.get_layer(name)
        values = [value for module in modules for value in _module_weights(tensors, module)]
        # Attention's have an axis for the heads.
        shapes = [weight.shape for weight in layer.weights]
        layer.set_weights([v.reshape(shape) for v, shape in zip(values, shapes, strict=True)])

    class Built(hyperparams.Config):
        """Hands the exporter an encoder that is built already."""

        BUILDER = staticmethod(lambda config: encoder)

    # The exporter insists on restoring a checkpoint: it gets the encoder's own.
    checkpoint = tf.train.Checkpoint(encoder=encoder).save(str(scratch / "checkpoint"))
    export_tfhub_lib.export_model(
        str(directory),
        encoder_config=EncoderConfig(type="any", any=Built()),
        model_checkpoint_path=checkpoint,
        with_mlm=False,
        vocab_file=str(vocab_file),
        do_lower_case=lower_case,
    )


def _export_preprocessor(directory, config, vocab_file, lower_case):
    from official.nlp.tools import export_tfhub_lib

    export_tfhub_lib.export_preprocessing(
        str(directory),
        vocab_file=str(vocab_file),
        do_lower_case=lower_case,
        tokenize_with_offsets=False,
        default_seq_length=min(128, config["max_position_embeddings"]),
    )


def _build_encoder(config):
    import tf_keras
    from official.legacy.bert.configs import BertConfig
    from official.nlp.tools import export_tfhub_lib

    activation = _activation(config["hidden_act"])
    encoder = export_tfhub_lib.get_bert_encoder(
        BertConfig.from_dict({**config, "hidden_act": activation})
    )
    for layer in encoder.submodules:
        if isinstance(layer, tf_keras.layers.LayerNormalization):
            layer.epsilon = config["layer_norm_eps"]
    return encoder


def _activation(name):
    import tf_keras
    from official.modeling import activations

    functions = {
        "gelu": tf_keras.activations.gelu,
        "gelu_new": activations.gelu,
        "gelu_pytorch_tanh": activations.gelu,
        "relu": tf_keras.activations.relu,
        "silu": tf_keras.activations.swish,
        "swish": tf_keras.activations.swish,
    }
    if not isinstance(name, str) or name not in functions:
        raise ValueError(
            f"`hidden_act` must be one of {', '.join(functions)}. Received: hidden_act={name!r}"
        )
    return functions[name]


def _modules(config):
    """Returns the modules in each layer of tf-models-official's `BertEncoder`, in its order."""
    block = (
        "attention.self.query",
        "attention.self.key",
        "attention.self.value",
        "attention.output.dense",
        "attention.output.LayerNorm",
        "intermediate.dense",
        "output.dense",
        "output.LayerNorm",
    )
    return {
        "word_embeddings": ["embeddings.word_embeddings"],
        "position_embedding": ["embeddings.position_embeddings"],
        "type_embeddings": ["embeddings.token_type_embeddings"],
        "embeddings/layer_norm": ["embeddings.LayerNorm"],
        **{
            f"transformer/layer_{i}": [f"encoder.layer.{i}.{part}" for part in block]
            for i in range(config["num_hidden_layers"])
        },
        "pooler_transform": ["pooler.dense"],
    }


def _module_weights(tensors, name):
    weight = tensors[f"{name}.weight"]
    yield weight.T if name.endswith((".dense", ".query", ".key", ".value")) else weight
    if f"{name}.bias" in tensors:
        yield tensors[f"{name}.bias"]


def _random_tensors(config, seed):
    generator = np.random.default_rng(seed)

    def draw(name, shape):
        if name.endswith("LayerNorm.weight"):
            return np.ones(shape, "float32")
        if name.endswith(".bias"):
            return np.zeros(shape, "float32")
        values = generator.standard_normal(shape, "float32")
        while (far := np.abs(values) > 2).any():
            values[far] = generator.standard_normal(far.sum(), "float32")
        return values * np.float32(config["initializer_range"])

    return {name: draw(name, shape) for name, shape in tensor_shapes(config).items()}


def _warn_of_new_pooler(tensors, source):
    if "pooler.dense.weight" not in tensors:
        warnings.warn(
            f"{str(source)!r} has no pooler: `pooled_output` comes from a new one with random "
            "weights. `sequence_output` is not affected.",
            stacklevel=3,
        )


def _warn_of_other_tokenizer(tokenizer, lower_case):
    strips = tokenizer.get("strip_accents")
    if strips not in (None, lower_case) or tokenizer.get("tokenize_chinese_chars") is False:
        warnings.warn(
            "The preprocessing model strips accents exactly if it lower-cases "
            f"({lower_case=}), and splits Chinese characters; tokenizer_config.json asks for "
            f"strip_accents={strips!r}, tokenize_chinese_chars="
            f"{tokenizer.get('tokenize_chinese_chars', True)!r}. Tokens may differ.",
            stacklevel=3,
        )


@contextlib.contextmanager
def _undisturbed():
    """Keeps from the caller what Keras 2 does on the side: log lines, and draws from `random`."""
    state = random.getstate()
    loggers = [logging.getLogger(name) for name in ("tensorflow", "absl")]
    levels = [logger.level for logger in loggers]
    for logger in loggers:
        logger.setLevel(logging.ERROR)
    try:
        yield
    finally:
        random.setstate(state)
        for logger, level in zip(loggers, levels, strict=True):
            logger.setLevel(level)
