"""What a model looks at in a text."""

import keras
import numpy as np
from keras import ops

from keras_transformers.layers import TransformerBlock
from keras_transformers.models import (
    BertEncoder,
    MaskedLanguageModel,
    TextClassifier,
    Translator,
    fill_mask,
)
from keras_transformers.models.fill_mask import MASK
from keras_transformers.text import WordPieceTokenizer
from keras_transformers.utils import check_texts, some
from keras_transformers.viewer.attention import Attention
from keras_transformers.viewer.attention_view import AttentionView


def view(
    model: keras.Model,
    text: str | tuple[str, str],
    tokenizer: WordPieceTokenizer | None = None,
) -> AttentionView:
    """Shows what a model looks at while it reads a text, in all its layers and heads.

    Args:
        model: a `TextClassifier` made of Transformer blocks or on a `BertEncoder`; a
            `BertEncoder`; a `MaskedLanguageModel`, with which one sees what `[MASK]` looks at and
            what is guessed there; or a `Translator` with attention, to the source and, in a
            Transformer, of encoder and decoder to themselves.
        text: a text; for a BERT a tuple of two as well, for a translator one of a source and the
            translation to be written, which otherwise is the model's own.
        tokenizer: the `WordPieceTokenizer` that goes with a `BertEncoder`; other models bring
            theirs.

    Returns:
        An `AttentionView`, which a notebook shows and `save` writes to a file.

    Raises:
        ValueError: if the model is of another kind or has no attention that it returns, if there
            is nothing in the text for it to read, or its tokeniser is missing.

    Example:
        >>> from keras_transformers.models import masked_language_model
        >>> from keras_transformers.viewer import view
        >>> view(masked_language_model("news-small-bert"), "Oil [MASK] rose on Monday.")
        <AttentionView: 4 layers, 2 heads, 8 queries, 8 keys>
    """
    _check_text(text)
    if isinstance(model, Translator):
        return _translator(model, text)
    if isinstance(model, TextClassifier):
        return _classifier(model, text)
    if isinstance(model, MaskedLanguageModel):
        return _masked_language_model(model, text)
    if isinstance(model, BertEncoder):
        return AttentionView([_bert(model, tokenizer, text)[0]], _title(text))
    raise ValueError(
        "`model` must be a TextClassifier, a BertEncoder, a MaskedLanguageModel or a Translator. "
        f"Received: {type(model).__name__}"
    )


def _check_text(text):
    parts = (text,) if isinstance(text, str) else text
    if not isinstance(parts, tuple) or not all(isinstance(part, str) for part in parts):
        raise ValueError(f"`text` must be a string or a tuple of two. Received: {text!r:.80}")
    if len(parts) != 1 + isinstance(text, tuple) or not all(part.strip() for part in parts):
        raise ValueError(f"`text` must be one text or two, none empty. Received: {text!r:.80}")
    check_texts(parts)


def _title(text):
    return text if isinstance(text, str) else " / ".join(text)


def _bert(encoder, tokenizer, text):
    """Returns a BERT's attention, and the inputs that it is the attention of."""
    if tokenizer is None or not hasattr(tokenizer, "vocabulary"):
        raise ValueError(
            "`tokenizer` must be the WordPieceTokenizer that goes with the encoder. "
            f"Received: {tokenizer}"
        )
    pair = isinstance(text, tuple)
    texts = tuple([part] for part in text) if pair else [text]
    inputs = {name: np.asarray(array) for name, array in tokenizer(texts).items()}
    outputs = encoder(inputs, training=False, return_attention_scores=True)
    tokens = [tokenizer.vocabulary[i] for i in inputs["input_word_ids"][0]]
    second = int(np.argmax(inputs["input_type_ids"][0])) if pair else None
    attention = Attention("attention", outputs["attention_scores"], tokens, second_start=second)
    return attention, inputs


def _masked_language_model(model, text):
    attention, _ = _bert(model.encoder, model.tokenizer, text)
    places = [i for i, token in enumerate(attention.tokens) if token == MASK]
    if places and isinstance(text, str):
        attention.guesses = dict(zip(places, fill_mask(model, text), strict=True))
    return AttentionView([attention], _title(text))


def _classifier(model, text):
    encoder = _encoder_in(model.classifier)
    if encoder:
        attention, inputs = _bert(encoder, model.tokenizer, text)
    else:
        attention, inputs = _from_scratch(model, text)
    probabilities = ops.convert_to_numpy(model.classifier(inputs, training=False))[0]
    best = np.argsort(-probabilities)[:3]
    caption = " \u00b7 ".join(f"{model.class_names[i]} {probabilities[i]:.2f}" for i in best)
    return AttentionView([attention], _title(text), caption)


def _encoder_in(model):
    """Returns the `BertEncoder` in a model, or in a model in it; None if there is none."""
    for layer in getattr(model, "layers", []):
        encoder = layer if isinstance(layer, BertEncoder) else _encoder_in(layer)
        if encoder:
            return encoder
    return None


def _from_scratch(model, text):
    if not isinstance(text, str):
        raise ValueError(f"`text` must be a single text for this model. Received: {text!r:.80}")
    blocks = _blocks_in(model.classifier)
    [ids] = model.tokenizer.encode([text])
    if not len(ids):
        raise ValueError(f"`text` must hold words. Received: {text!r:.80}")
    tokens = [model.tokenizer.vocabulary[i] for i in ids]
    scores = _scores_of(blocks, model.classifier, ids[None])
    return Attention("attention", scores, tokens), ids[None]


def _blocks_in(model):
    """Returns the Transformer blocks in a model."""
    blocks = [layer for layer in model.layers if isinstance(layer, TransformerBlock)]
    if not blocks:
        kinds = some([type(layer).__name__ for layer in model.layers])
        raise ValueError(
            "`model` must have Transformer blocks or a BertEncoder in it, whose attention can be "
            f"asked for. Received: one made of {kinds}"
        )
    return blocks


def _scores_of(blocks, model, inputs):
    """Returns the attention scores of blocks in a model that is given inputs."""
    # By name: of a list of one Keras makes the one.
    before = keras.Model(model.input, {block.name: block.input for block in blocks})
    vectors = before(inputs, training=False)
    return [
        block(vectors[block.name], training=False, return_attention_scores=True)[1]
        for block in blocks
    ]


def _translator(model, text):
    source, *given = (text,) if isinstance(text, str) else text
    [translation] = given or model.translate([source])
    scores, read, written = model.attention_scores(source, translation)
    if not read:
        raise ValueError(f"`text` must hold words. Received: {text!r:.80}")
    *to_itself, to_source = scores
    attentions = [Attention("written \u2192 read", to_source, written, read)]
    if to_itself:
        before = ["<s>", *written[:-1]]
        attentions.append(Attention("decoder \u2192 itself", to_itself[0], before))
        encoder = model.model.get_layer("encoder")
        ids = np.asarray(model.source_tokenizer([source]))
        scores = _scores_of(_blocks_in(encoder), encoder, ids)
        attentions.append(Attention("encoder \u2192 itself", scores, read))
    return AttentionView(attentions, source, translation)
