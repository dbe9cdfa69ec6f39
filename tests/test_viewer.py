"""The viewer: what is in its pages, of every kind of model, and what it refuses."""

import base64
import html
import json
import re
from html.parser import HTMLParser

import keras
import numpy as np
import pytest
import tensorflow as tf
from support.checks import numpy, randomise

from keras_transformers.models import (
    BertEncoder,
    TextClassifier,
    Translator,
    bert_classifier,
    fill_mask,
    masked_language_model,
    rnn_translator,
    transformer_classifier,
    transformer_translator,
)
from keras_transformers.text import SentencePieceTokenizer, WordPieceTokenizer, WordVectorizer
from keras_transformers.viewer import Attention, AttentionView, attention_view, view

WORDS = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *"abcdef", "rain", "##s", "sun"]
HOSTILE = "<script>alert(1)</script> & <!-- \u2028 \u2029 ]]> \"'` ${x} $title"


class Scripts(HTMLParser):
    """The elements of a page, and what is in its scripts, as a browser sees them."""

    def __init__(self, page):
        super().__init__()
        self.tags, self.scripts = [], []
        self.feed(page)

    def handle_starttag(self, tag, attributes):
        self.tags.append((tag, dict(attributes)))

    def handle_data(self, text):
        if self.tags and self.tags[-1][0] == "script":
            self.scripts.append(text)


def data_of(page):
    return json.loads(Scripts(page).scripts[0])


def weights_of(attention):
    roots = np.frombuffer(base64.b64decode(attention["weights"]), "uint8")
    shape = [attention[name] for name in ("layers", "heads")]
    return (roots / 255).reshape(*shape, len(attention["queries"]), -1) ** 2


def softmax(rng, *shape):
    return numpy(keras.ops.softmax(rng.normal(0, 3, shape).astype("float32")))


def assert_shows(attention, scores, queries, keys=None):
    """Holds what a page has against the scores of a model, `(layers, heads, queries, keys)`."""
    assert (attention["queries"], attention["keys"]) == (queries, keys or queries)
    np.testing.assert_allclose(weights_of(attention), scores, rtol=0, atol=1 / 255)


def test_weights_come_back(rng):
    scores = softmax(rng, 3, 2, 5, 7)
    scores[0, 0, 0] = np.eye(7)[2]
    page = attention_view(scores, list("abcde"), list("tuvwxyz"), title="a title").html
    data = data_of(page)
    assert data["title"] == "a title"
    [attention] = data["attentions"]
    assert_shows(attention, scores, list("abcde"), list("tuvwxyz"))
    assert weights_of(attention)[0, 0, 0].tolist() == np.eye(7)[2].tolist()


def test_small_weights_are_told_apart():
    [attention] = data_of(attention_view(np.full((300, 300), 1 / 300), ["a"] * 300).html)[
        "attentions"
    ]
    np.testing.assert_allclose(weights_of(attention), 1 / 300, rtol=0.05)


@pytest.mark.parametrize("shape", [(4, 4), (2, 4, 4), (3, 2, 4, 4)])
def test_axes_that_are_missing_are_one(rng, shape):
    scores = softmax(rng, *shape)
    [attention] = data_of(attention_view(scores, list("abcd")).html)["attentions"]
    expected = scores.reshape((1,) * (4 - len(shape)) + shape)
    assert_shows(attention, expected, list("abcd"))


def test_takes_the_layers_that_an_encoder_returns(rng):
    layers = [keras.ops.convert_to_tensor(softmax(rng, 1, 2, 4, 4)) for _ in range(3)]
    [attention] = data_of(attention_view(layers, np.array(list("abcd"))).html)["attentions"]
    assert_shows(attention, np.concatenate([numpy(layer) for layer in layers]), list("abcd"))


def test_texts_are_data():
    shown = attention_view(np.eye(2), [HOSTILE, "</script>"], title=HOSTILE)
    page = Scripts(shown.html)
    assert [tag for tag, _ in page.tags].count("script") == 2
    data = json.loads(page.scripts[0])
    assert data["attentions"][0]["queries"] == [HOSTILE, "</script>"]
    assert data["title"] == HOSTILE
    assert "<script>alert" not in shown.html
    assert "\u2028" not in shown.html.split('id="data">')[1].split("</script>")[0]


def test_only_its_own_script_may_run():
    page = attention_view(np.eye(2), ["a", "b"]).html
    [policy] = [a["content"] for tag, a in Scripts(page).tags if a.get("http-equiv")]
    assert "default-src 'none'" in policy
    assert re.search(r"script-src 'sha256-[\w+/=]{44}'$", policy)


def test_nothing_comes_from_outside():
    page = attention_view(np.eye(2), ["a", "b"]).html
    assert "://" not in page
    addresses = [a.get("src") or a.get("href") for _, a in Scripts(page).tags]
    assert all(address.startswith("data:") for address in addresses if address)


def test_twelve_layers_of_twelve_heads_and_64_tokens_are_small(rng, tmp_path):
    attention_view(softmax(rng, 12, 12, 64, 64), ["token"] * 64).save(tmp_path / "x.html")
    assert (tmp_path / "x.html").stat().st_size < 1_000_000
    assert [path.name for path in tmp_path.iterdir()] == ["x.html"]


def test_a_notebook_shows_it_and_a_picture_where_scripts_do_not_run(rng):
    shown = attention_view(softmax(rng, 2, 3, 4, 4), list("ab<$"), title='a "title"')
    cell = Scripts(shown._repr_html_())
    assert [tag for tag, _ in cell.tags] == ["div", "img", "noscript", "style", "iframe"]
    picture, frame = cell.tags[1][1], cell.tags[4][1]
    assert frame["srcdoc"] == shown.html
    assert frame["sandbox"] == "allow-scripts"  # and not the notebook's origin
    assert frame["title"] == picture["alt"] == 'a "title"'
    png = shown._repr_png_()
    assert png.startswith(b"\x89PNG")
    assert picture["src"] == f"data:image/png;base64,{base64.b64encode(png).decode()}"


@pytest.mark.parametrize("length", [80, 256])
def test_a_picture_of_a_long_text_stays_small(rng, length):
    picture = attention_view(softmax(rng, length, length), ["$x$", "\u4e2d"] * (length // 2))
    width, height = np.frombuffer(picture._repr_png_()[16:24], ">u4")
    assert max(width, height) <= 1200


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (([0.5, 0.5], ["a"]), r"`scores` must have the axes .* Received: shape \(2,\)"),
        ((np.ones((1, 1, 1, 1, 1)), ["a"]), r"Received: shape \(1, 1, 1, 1, 1\)"),
        ((np.ones((0, 0)), []), r"Received: shape \(0, 0\)"),
        (([np.ones((2, 3, 3)), np.ones((2, 2, 2))], ["a"]), "the same shape in each layer"),
        (([[[1.5]]], ["a"]), "after the softmax. Received: numbers from 1.5 to 1.5"),
        (([[-1.0]], ["a"]), "Received: numbers from -1 to -1"),
        (([[np.nan]], ["a"]), "Received: numbers from nan to nan"),
        ((np.eye(2), ["a"]), "`tokens` must hold .* for each of the 2 queries .* 1 tokens"),
        ((np.eye(2), "ab"), "`tokens` must hold .* Received: 'ab'"),
        ((np.eye(2), ["a", "\ud800"]), r"that UTF-8 can encode .* Received: \['a', '.ud800'\]"),
        ((np.eye(2), ["a", 3]), r"`tokens` must hold .* Received: \['a', 3\]"),
        ((np.eye(2), ["a", "b"], ["c"]), "`keys` must hold .* for each of the 2 keys"),
    ],
)
def test_refusals(arguments, message):
    with pytest.raises(ValueError, match=message):
        attention_view(*arguments)


@pytest.mark.parametrize("start", [0, 2, 0.5, "1"])
def test_a_second_text_starts_within_the_first(start):
    with pytest.raises(ValueError, match=r"`second_start` must be from 1 to 1.* Received: "):
        attention_view(np.eye(2), ["a", "b"], second_start=start)


def test_other_keys_have_no_second_text():
    with pytest.raises(ValueError, match=r"where the tokens look at each other. Received: 1"):
        attention_view(np.eye(2), ["a", "b"], ["c", "d"], second_start=1)


def test_says_what_is_in_it():
    shown = AttentionView([Attention("a", np.eye(1), ["a"]), Attention("b", np.eye(2), ["a", "b"])])
    parts = "1 layer, 1 head, 1 query, 1 key; 1 layer, 1 head, 2 queries, 2 keys"
    assert repr(shown) == f"<AttentionView: {parts}>"


def test_a_file_that_cannot_be_written_is_named(tmp_path):
    with pytest.raises(OSError, match=r"gone/x\.html: could not be written"):
        attention_view(np.eye(1), ["a"]).save(tmp_path / "gone/x.html")


# Models


@pytest.fixture(scope="module")
def from_scratch():
    vectorizer = WordVectorizer(vocab_size=30, maxlen=6)
    vectorizer.adapt(["shares fell again", "the home side won the cup"])
    classifier = transformer_classifier(30, 6, 8, 3, 8, 2, num_blocks=2)
    return TextClassifier(vectorizer, randomise(classifier, np.random.default_rng(0)), ["x", "y"])


@pytest.fixture(scope="module")
def encoder():
    bert = BertEncoder(len(WORDS), 3, 8, 2, 16, 20)
    bert.build()
    return randomise(bert, np.random.default_rng(0))


@pytest.fixture(scope="module")
def tokenizer():
    return WordPieceTokenizer(WORDS, max_length=20)


@pytest.fixture(scope="module")
def letters():
    return SentencePieceTokenizer.train(["3 May 2021", "12 June '99", "<s>"], unit="character")


def make_translator(letters, **options):
    size = letters.vocab_size
    if options:
        model = rnn_translator(size, size, 8, 12, **options)
    else:
        model = transformer_translator(size, size, 8, 2, 16, num_blocks=3)
    return Translator(letters, letters, randomise(model, np.random.default_rng(0)), 9)


def test_a_classifier_from_scratch(from_scratch):
    data = data_of(view(from_scratch, "The side fell").html)
    [attention] = data["attentions"]
    model, ids = from_scratch.classifier, from_scratch.tokenizer(tf.constant(["The side fell"]))
    x, first = model.get_layer("block_0")(
        model.get_layer("embedding")(ids), return_attention_scores=True
    )
    _, second = model.get_layer("block_1")(x, return_attention_scores=True)
    scores = np.concatenate([numpy(first), numpy(second)])
    assert scores.shape == (2, 3, 3, 3)
    assert_shows(attention, scores, ["the", "side", "fell"])
    [row] = from_scratch.predict_texts(["The side fell"])
    names = ["x", "y"] if row[0] > row[1] else ["y", "x"]
    expected = zip(names, sorted(row, reverse=True), strict=True)
    assert data["caption"] == " \u00b7 ".join(f"{name} {share:.2f}" for name, share in expected)


def test_a_single_block(from_scratch):
    classifier = transformer_classifier(30, 6, 8, 3, 8, 2)
    model = TextClassifier(from_scratch.tokenizer, classifier)
    [attention] = data_of(view(model, "the cup").html)["attentions"]
    assert (attention["layers"], attention["heads"]) == (1, 3)
    np.testing.assert_allclose(weights_of(attention).sum(axis=-1), 1, atol=0.01)


def test_a_classifier_that_was_saved(from_scratch, tmp_path):
    from_scratch.save(tmp_path / "model.keras")
    opened = keras.saving.load_model(tmp_path / "model.keras")
    text = "the cup again"
    assert view(opened, text).html == view(from_scratch, text).html


@pytest.mark.parametrize("pooling", ["pooled", "mean"])
def test_a_bert_classifier(encoder, tokenizer, pooling):
    classifier = bert_classifier(encoder, 3, pooling=pooling, tokenizer=tokenizer)
    [attention] = data_of(view(classifier, "rains a").html)["attentions"]
    expected = encoder(tokenizer(["rains a"]), return_attention_scores=True)["attention_scores"]
    tokens = ["[CLS]", "rain", "##s", "a", "[SEP]"]
    assert_shows(attention, np.concatenate(expected), tokens)
    assert attention["second"] is None


def test_an_encoder_of_two_segments(encoder, tokenizer):
    [attention] = data_of(view(encoder, ("rain", "a sun"), tokenizer).html)["attentions"]
    inputs = tokenizer((["rain"], ["a sun"]))
    expected = encoder(inputs, return_attention_scores=True)["attention_scores"]
    tokens = ["[CLS]", "rain", "[SEP]", "a", "sun", "[SEP]"]
    assert_shows(attention, np.concatenate(expected), tokens)
    assert attention["second"] == 3


def test_a_masked_language_model(encoder, tokenizer):
    model = masked_language_model(encoder, tokenizer)
    text = "[MASK] a [MASK]"
    [attention] = data_of(view(model, text).html)["attentions"]
    assert (attention["layers"], attention["heads"]) == (3, 2)
    assert attention["queries"] == ["[CLS]", "[MASK]", "a", "[MASK]", "[SEP]"]
    first, second = (
        [[piece, pytest.approx(share)] for piece, share in guesses]
        for guesses in fill_mask(model, text)
    )
    assert attention["guesses"] == [
        {"position": 1, "pieces": first},
        {"position": 3, "pieces": second},
    ]
    [attention] = data_of(view(model, "nothing to guess").html)["attentions"]
    assert attention["guesses"] == []


def test_a_transformer_that_translates(letters):
    translator = make_translator(letters)
    data = data_of(view(translator, ("3 May", "2021")).html)
    cross, decoder, encoder = data["attentions"]
    weights, read, written = translator.align("3 May", "2021")
    assert_shows(cross, weights, written, read)
    start = ["<s>", *written[:-1]]
    scores = translator.attention_scores("3 May", "2021")[0][0]
    assert_shows(decoder, scores, start)
    assert np.all(np.triu(weights_of(decoder), 1) == 0)  # it looks at what is written
    model = translator.model.get_layer("encoder")
    x, rows = model.get_layer("embedding")(letters(["3 May"])), []
    for block in range(3):
        x, row = model.get_layer(f"block_{block}")(x, return_attention_scores=True)
        rows.append(numpy(row))
    assert_shows(encoder, np.concatenate(rows), read)
    assert (data["title"], data["caption"]) == ("3 May", "2021")


def test_the_translation_is_the_models_own_if_none_is_given(letters):
    translator = make_translator(letters)
    data = data_of(view(translator, "3 May").html)
    assert data["caption"] == translator.translate(["3 May"])[0]
    assert data["attentions"][0]["queries"] == translator.align("3 May")[2]


def test_a_recurrent_network_with_attention(letters):
    translator = make_translator(letters, attention="bahdanau")
    [attention] = data_of(view(translator, ("3 May", "2021")).html)["attentions"]
    weights, read, written = translator.align("3 May", "2021")
    assert_shows(attention, weights[None, None], written, read)


def test_models_that_show_nothing_are_refused(letters, encoder, tokenizer, from_scratch):
    with pytest.raises(ValueError, match="no attention"):
        view(make_translator(letters, attention=None), "3 May")
    with pytest.raises(ValueError, match="`tokenizer` must be the WordPieceTokenizer that goes"):
        view(encoder, "rain")
    with pytest.raises(ValueError, match=r"`model` must be a TextClassifier, .* Received: Dense"):
        view(keras.layers.Dense(3), "rain")
    dense = keras.Sequential([keras.Input((4,)), keras.layers.Dense(3)])
    with pytest.raises(ValueError, match=r"Transformer blocks or a BertEncoder .* made of Dense"):
        view(TextClassifier(from_scratch.tokenizer, dense), "rain")


@pytest.mark.parametrize(
    "text", ["", " ", ("a", ""), ("a",), ("a", "b", "c"), (), ["a"], ("a", 3), 3, None]
)
def test_texts_that_are_none_are_refused(encoder, tokenizer, text):
    with pytest.raises(ValueError, match=r"`text` must be .* Received: "):
        view(encoder, text, tokenizer)


def test_a_text_that_utf_8_cannot_encode_is_refused(encoder, tokenizer):
    with pytest.raises(ValueError, match="that UTF-8 can encode"):
        view(encoder, "\ud800", tokenizer)


def test_texts_without_words_are_refused(from_scratch):
    with pytest.raises(ValueError, match=r"`text` must hold words. Received: '\.\.\.'"):
        view(from_scratch, "...")
    with pytest.raises(ValueError, match="`text` must be a single text for this model"):
        view(from_scratch, ("a", "b"))


# The command


def test_the_command_opens_every_kind_of_model(from_scratch, letters, tmp_path, run):
    from_scratch.save(tmp_path / "model.keras")
    make_translator(letters).save(tmp_path / "translator.keras")
    output = tmp_path / "x.html"
    for model, *texts, expected in (
        (tmp_path, "the cup", "the cup"),
        (tmp_path / "translator.keras", "3 May", "2021", "3 May"),
        ("news-small-bert", "Shares fell.", "Shares fell."),
        ("news-small-bert", "Shares fell.", "Oil rose.", "Shares fell. / Oil rose."),
        ("news-small-bert", "Oil [MASK] rose.", "Oil [MASK] rose."),
    ):
        code, out, err = run("view", model, *texts, "--output", output)
        assert code == 0, err
        assert out == f"Wrote {output}: open it in a browser.\n"
        data = data_of(output.read_text(encoding="utf-8"))
        assert html.unescape(data["title"]) == expected
    assert data["attentions"][0]["guesses"][0]["position"] == 2
    code, out, err = run("view", tmp_path, "--output", output, "the cup", "again")
    assert (code, err.count("\n")) == (2, 1)
    assert "`text` must be a single text" in err


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["news-small-bert"], "required: TEXT"),
        (["news-small-bert", "a", "b", "c"], "expected one text or two, found 3"),
        (["news-small-bert", " "], "`text` must be one text or two, none empty"),
        (["gone/away", "a"], "gone/away"),
        (["gone.keras", "a"], "gone.keras: expected a .keras file, found none"),
        (["news-small-bert", "a", "--output", "gone/x.html"], "x.html: could not be written"),
    ],
)
def test_bad_arguments(arguments, message, tmp_path, run, monkeypatch, offline):
    monkeypatch.chdir(tmp_path)
    code, _, err = run("view", *arguments)
    assert code == 2
    assert err.count("\n") == 1
    assert message in err
    assert list(tmp_path.iterdir()) == []
