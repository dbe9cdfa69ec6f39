"""What holds for any text and any padding, tried on what Hypothesis thinks of."""

import functools
import unicodedata

import numpy as np
import pytest
from support.checks import numpy, randomise

from keras_transformers.checkpoints.vocabulary import SPECIAL_TOKENS
from keras_transformers.layers import (
    BahdanauAttention,
    MaskedAveragePooling1D,
    MultiHeadAttention,
    TransformerBlock,
    TransformerDecoderBlock,
)
from keras_transformers.models import (
    BertEncoder,
    masked_language_model,
    rnn_translator,
    transformer_classifier,
    transformer_translator,
)
from keras_transformers.text import WordPieceTokenizer

hypothesis = pytest.importorskip("hypothesis", reason="needs hypothesis, of the extra `test`")
st = hypothesis.strategies

COMMON = {"deadline": None, "database": None}
quickly = hypothesis.settings(max_examples=6, derandomize=True, **COMMON)
thoroughly = hypothesis.settings(max_examples=300, **COMMON)

# Tokenisers

# Of characters younger than Unicode 8.0 some have another form in TensorFlow Text.
OLD = st.characters(exclude_categories=["Cs"]).filter(
    lambda c: unicodedata.ucd_3_2_0.category(c) != "Cn"
)
WORDS = st.sampled_from(["rain", "snows", "Élan", "中文", "a" * 101, " ", "\t", "..."])
TEXTS = st.lists(
    st.one_of(st.text(OLD, max_size=8), WORDS, st.sampled_from(SPECIAL_TOKENS)), max_size=8
).map("".join)


@functools.cache
def tokenizers(lower_case):
    theirs = pytest.importorskip("tokenizers").implementations.BertWordPieceTokenizer
    ours = WordPieceTokenizer.from_pretrained("news-small-bert", lower_case=lower_case)
    return ours, theirs({piece: i for i, piece in enumerate(ours.vocabulary)}, lowercase=lower_case)


def check_words(texts, lower_case):
    """The words, which show more than ids do: a word of no pieces has one id, whatever it is."""
    ours, theirs = tokenizers(lower_case)
    texts = [text.translate(dict.fromkeys(map(ord, "[]"), " ")) for text in texts]
    expected = [
        [word for word, _ in theirs.pre_tokenizer.pre_tokenize_str(text)]
        for text in map(theirs.normalizer.normalize_str, texts)
    ]
    words = ours.words(texts).to_list() if texts else []
    assert [[word.decode() for word in row] for row in words] == expected


def check_ids(texts, lower_case):
    ours, theirs = tokenizers(lower_case)
    expected = [theirs.encode(text, add_special_tokens=False).ids for text in texts]
    assert (ours.tokenize(texts).to_list() if texts else []) == expected


@pytest.mark.parametrize("check", [check_words, check_ids])
@pytest.mark.parametrize("lower_case", [True, False])
@hypothesis.given(st.lists(TEXTS, max_size=20))
@quickly
def test_a_tokeniser_cuts_any_text_as_hugging_face_s(check, lower_case, texts):
    check(texts, lower_case)


@pytest.mark.slow
@pytest.mark.parametrize("check", [check_words, check_ids])
@pytest.mark.parametrize("lower_case", [True, False])
@hypothesis.given(st.lists(TEXTS, max_size=20))
@thoroughly
def test_a_tokeniser_cuts_very_many_texts_as_hugging_face_s(check, lower_case, texts):
    check(texts, lower_case)


# Layers and models


def of_vectors(layer, call, per_position=True):
    """From vectors and what of them is real to outputs, by `call(layer, x, mask)`."""
    x = np.random.default_rng(0).normal(size=(2, 3, 8)).astype("float32")
    call(layer, x, np.ones((2, 3), bool))
    randomise(layer, np.random.default_rng(1))
    return lambda ids, x: call(layer, x, ids != 0), per_position


def of_ids(model, call, per_position=True):
    """The same of ids, in which 0 is padding, by `call(model, ids)`."""
    randomise(model, np.random.default_rng(1))
    return lambda ids, x: call(model, ids), per_position


LENGTHS = st.lists(st.integers(1, 9), min_size=1, max_size=4)
PADDABLE = {
    "MultiHeadAttention": lambda: of_vectors(
        MultiHeadAttention(2, 4), lambda layer, x, m: layer(x, x, attention_mask=m)
    ),
    "BahdanauAttention": lambda: of_vectors(
        BahdanauAttention(4), lambda layer, x, m: layer(x, x, attention_mask=m)
    ),
    "TransformerBlock": lambda: of_vectors(
        TransformerBlock(8, 2, 8), lambda layer, x, m: layer(x, attention_mask=m)
    ),
    "TransformerDecoderBlock": lambda: of_vectors(
        TransformerDecoderBlock(8, 2, 8),
        lambda layer, x, m: layer(x, x, inputs_mask=m, memory_mask=m),
    ),
    "MaskedAveragePooling1D": lambda: of_vectors(
        MaskedAveragePooling1D(), lambda layer, x, m: layer(x, mask=m), per_position=False
    ),
    "classifier": lambda: of_ids(
        transformer_classifier(30, 20, 8, 2, 8, 3), lambda model, ids: model(ids), False
    ),
    "BERT's positions": lambda: of_ids(
        BertEncoder(30, 2, 8, 2, 16, 20),
        lambda model, ids: model({"input_word_ids": ids})["sequence_output"],
    ),
    "BERT's pooled output": lambda: of_ids(
        BertEncoder(30, 2, 8, 2, 16, 20),
        lambda model, ids: model({"input_word_ids": ids})["pooled_output"],
        False,
    ),
    "masked language model": lambda: of_ids(
        masked_language_model(BertEncoder(30, 1, 8, 2, 16, 20)),
        lambda model, ids: model({"input_word_ids": ids}),
    ),
    "transformer translator": lambda: of_ids(
        transformer_translator(30, 30, 8, 2, 8, num_blocks=1), lambda model, ids: model((ids, ids))
    ),
    "recurrent translator": lambda: of_ids(
        rnn_translator(30, 30, 8, 8), lambda model, ids: model((ids, ids))
    ),
    "recurrent translator without attention": lambda: of_ids(
        rnn_translator(30, 30, 8, 8, attention=None), lambda model, ids: model((ids, ids))
    ),
}
paddable = functools.cache(lambda name: PADDABLE[name]())


def check_padding(name, lengths, padding, seed):
    """Each row by itself, unpadded, gives what it gives among others, padded with anything."""
    compute, per_position = paddable(name)
    rng = np.random.default_rng(seed)
    real = np.arange(max(lengths) + padding) < np.array(lengths)[:, None]
    ids = np.where(real, rng.integers(1, 30, real.shape), 0).astype("int32")
    x = rng.normal(size=(*real.shape, 8)).astype("float32") * np.where(real, 1, 100)[..., None]
    x = x.astype("float32")
    together = numpy(compute(ids, x))
    for row, length in enumerate(lengths):
        alone = numpy(compute(ids[row : row + 1, :length], x[row : row + 1, :length]))[0]
        among = together[row, :length] if per_position else together[row]
        np.testing.assert_allclose(among, alone, rtol=0, atol=1e-5)


@pytest.mark.parametrize("name", PADDABLE)
@hypothesis.given(LENGTHS, st.integers(0, 7), st.integers(0, 2**32 - 1))
@quickly
def test_padding_changes_nothing(name, lengths, padding, seed):
    check_padding(name, lengths, padding, seed)


@pytest.mark.slow
@pytest.mark.parametrize("name", PADDABLE)
@hypothesis.given(LENGTHS, st.integers(0, 7), st.integers(0, 2**32 - 1))
@thoroughly
def test_padding_changes_nothing_in_very_many_batches(name, lengths, padding, seed):
    check_padding(name, lengths, padding, seed)
