"""Translators: sizes by hand, padding, strings to strings, saved, aligned, refused."""

import numpy as np
import pytest
import tensorflow as tf

from keras_transformers.models import (
    Translator,
    load_classifier,
    load_translator,
    rnn_translator,
    transformer_translator,
)
from keras_transformers.text import SentencePieceTokenizer

TEXTS = ["3 May 2021", "12 June '99", "1/2/03", "the 5th of May 1999", "7 May 2000"] * 3


def models(source=30, target=20):
    return {
        "rnn": rnn_translator(source, target, 8, 12),
        "rnn-attention": rnn_translator(source, target, 8, 12, attention="bahdanau"),
        "transformer": transformer_translator(source, target, 8, 2, 16),
        "trained": transformer_translator(source, target, 8, 2, 16, positions="trained", maxlen=60),
    }


every_model = pytest.mark.parametrize("name", models())


@pytest.fixture(scope="module")
def tokenizer():
    return SentencePieceTokenizer.train(TEXTS, unit="character")


@pytest.fixture(scope="module")
def translators(tokenizer):
    rng, size, translators = np.random.default_rng(0), tokenizer.vocab_size, {}
    for name, model in models(size, size).items():
        # So large that what is read makes a difference to what is written.
        model.set_weights([rng.normal(0, 0.4, w.shape) for w in model.get_weights()])
        translators[name] = Translator(tokenizer, tokenizer, model, 9)
    return translators


def test_weights_by_hand():
    sizes = {name: model.count_params() for name, model in models().items()}
    embed, units, gru = 8, 12, 3 * 12  # three gates
    encoder = 30 * embed + 2 * (embed * gru + units * gru + 2 * gru)
    width = 2 * units
    decoder = 20 * embed + (embed + width) * gru + units * gru + 2 * gru
    decoder += width * units + units + (units + width + embed) * embed + embed + embed * 20 + 20
    assert sizes["rnn"] == encoder + decoder
    assert sizes["rnn-attention"] - sizes["rnn"] == units * units + width * units + units
    attention, feed_forward, norm = 4 * (8 * 8 + 8), 8 * 16 + 16 + 16 * 8 + 8, 16
    blocks = 2 * (attention + feed_forward + 2 * norm) + 2 * (
        2 * attention + feed_forward + 3 * norm
    )
    assert sizes["transformer"] == (30 + 20) * 8 + blocks + 20
    assert sizes["trained"] - sizes["transformer"] == 2 * 60 * 8


@every_model
def test_padding_never_changes_logits(rng, name):
    model = models()[name]
    source, target = rng.integers(1, 30, (2, 5)), rng.integers(1, 20, (2, 4))
    expected = model.predict((source, target), verbose=0)
    for more in (1, 40):
        padded = (np.pad(source, ((0, 0), (0, more))), np.pad(target, ((0, 0), (0, more))))
        given = model.predict(padded, verbose=0)[:, :4]
        np.testing.assert_allclose(given, expected, rtol=0, atol=1e-5)


@every_model
def test_translates_in_order_whatever_the_batches(translators, name):
    expected = translators[name].translate(TEXTS)
    assert translators[name].translate(TEXTS, batch_size=2) == expected
    assert [translators[name].translate([text])[0] for text in TEXTS[:5]] == expected[:5]


@every_model
def test_a_call_is_the_greedy_translation(translators, name):
    given = translators[name](tf.constant(TEXTS[:5])).numpy()
    assert [text.decode() for text in given] == translators[name].translate(TEXTS[:5])


@every_model
def test_beams_score_at_least_as_high_as_greedy(translators, name):
    _, greedy = translators[name].translate(TEXTS, return_scores=True)
    for beam in (2, 4):
        _, scores = translators[name].translate(TEXTS, beam=beam, return_scores=True)
        assert (scores >= greedy - 1e-6).all()


def test_no_texts(translators):
    assert translators["rnn"].translate([]) == []


@every_model
def test_opens_again_and_translates_the_same(translators, name, tmp_path):
    translators[name].save(tmp_path / "model.keras")
    again = load_translator(tmp_path)
    assert again.translate(TEXTS, beam=2) == translators[name].translate(TEXTS, beam=2)


@pytest.mark.parametrize(
    ("name", "axes"), [("rnn-attention", ()), ("transformer", (2, 2)), ("trained", (2, 2))]
)
def test_aligns_what_it_writes_with_what_it_read(translators, name, axes):
    weights, read, written = translators[name].align("3 May 2021", "1999")
    assert "".join(read) == "▁3▁May▁2021"
    assert written == ["▁", "1", "9", "9", "9", "</s>"]
    assert weights.shape == (*axes, 6, 11)
    np.testing.assert_allclose(weights.sum(-1), 1, atol=1e-5)
    assert translators[name].align("3 May 2021")[1] == read


def test_all_attentions_of_a_decoder(translators):
    for name in ("rnn-attention", "transformer"):
        scores, *tokens = translators[name].attention_scores("3 May 2021", "1999")
        weights, *expected = translators[name].align("3 May 2021", "1999")
        np.testing.assert_array_equal(scores[-1], weights)
        assert tokens == expected
        assert len(scores) == (1 if name == "rnn-attention" else 2)
    assert scores[0].shape == (2, 2, 6, 6)
    np.testing.assert_allclose(scores[0].sum(-1), 1, atol=1e-5)
    assert np.all(np.triu(scores[0], 1) == 0)  # none looks at what is not yet written


def test_translations_come_with_their_alignments_on_request(translators):
    translator = translators["rnn-attention"]
    translations, scores, alignments = translator.translate(
        TEXTS[:2], return_scores=True, return_alignment=True
    )
    assert len(scores) == 2
    for text, translation, (weights, read, written) in zip(
        TEXTS, translations, alignments, strict=False
    ):
        expected = translator.align(text, translation)
        np.testing.assert_array_equal(weights, expected[0])
        assert (read, written) == expected[1:]


def test_without_attention_there_is_nothing_to_align(translators):
    with pytest.raises(ValueError, match="the translator has no attention"):
        translators["rnn"].align("3 May 2021")


def test_refusals(translators, tokenizer):
    with pytest.raises(ValueError, match="`texts` must be a sequence of strings"):
        translators["rnn"].translate("3 May 2021")
    with pytest.raises(ValueError, match="`beam` must be a positive integer"):
        translators["rnn"].translate(TEXTS, beam=0)
    with pytest.raises(ValueError, match="`batch_size` must be a positive integer"):
        translators["rnn"].translate(TEXTS, batch_size=0)
    with pytest.raises(ValueError, match="`max_length` must be a positive integer"):
        Translator(tokenizer, tokenizer, translators["rnn"].model, 0)
    with pytest.raises(ValueError, match=r"`model` must score the \d+ ids .* scores 20"):
        Translator(tokenizer, tokenizer, models()["rnn"], 9)


def test_a_translator_is_no_classifier(translators, tmp_path):
    translators["rnn"].save(tmp_path / "model.keras")
    with pytest.raises(ValueError, match=r"expected a text classifier .* found a Translator"):
        load_classifier(tmp_path)
