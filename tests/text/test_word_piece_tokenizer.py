# ruff: noqa: RUF001 - characters that look like others are what is tested
import json
import os
import random
import subprocess
import sys
import unicodedata
from pathlib import Path

import keras
import numpy as np
import pytest
import tensorflow as tf
from support.data import real_data
from tokenizers import BertWordPieceTokenizer, Tokenizer

from keras_transformers.text.word_piece_tokenizer import SPECIAL_TOKENS, WordPieceTokenizer

NASTY = [
    "",
    " ",
    " \t\n\r \u3000",
    "Tensorflow is a great framework for NLP",
    "Don't stop: it's 3.14% of $1,000 — e-mail me@example.com!?",
    "crème brûlée, Ångström, naïve façade, São Tomé, Việt Nam",
    "cre\u0300me bru\u0302le\u0301e, o\u0308\u0304\u0323, a\u030a\u0301",  # combining, decomposed
    "Z\u0351\u036b\u0343\u036a\u0302\u036b\u033d\u034f\u0334\u0319a\u0324\u035el\u035fg\u0322o",
    "東京は日本の首都です。中文abc字符，한국어 텍스트 ｱｲｳ",
    "𠀀𪜀\U0002b820\U0002b920豈侮",  # CJK beyond the basic plane, compatibility forms
    "I ❤️ 😀😀 👩‍👩‍👧‍👦 👍🏽 🇳🇴 x😀y",
    "a\u0000b\u0001c\u0007d\u007fe\u0080f\u0085g\u009fh",
    "zero\u200bwidth\u200cnon\u200djoiner\u2060\ufeff soft\u00adhyphen \ufffd",
    "tab\there\nnew\r\nline\u000bvertical\u000cform\u001cfile",
    "non\u00a0breaking\u202fnarrow\u2009thin\u2028line\u2029paragraph\u1680ogham\u205f",
    "שָׁלוֹם עולם \u202eمرحبا بالعالم\u202c سَلَام",
    "İstanbul I ı İİ i̇ ISTANBUL",
    "Straße STRASSE ẞ groß",
    "ΟΔΥΣΣΕΥΣ Σ ΑΣ ΑΣ. σς ΌΔΟΣ",
    "ǅ ǈ ﬁ ﬂ ½ ① Ⅷ ㎏ Å K Ω",
    "∑∫√∞≠≤±×÷∂ x²+y³=z⁴ a<b>c^d`e|f~g",
    "€100 £5 ¥7 ₹9 ¢ ₿ $3",
    "«quoted» “curly” ‘single’ …–— ¿qué? ¡sí! 〈書〉「引用」",
    "हिन्दी में नमस्ते বাংলা ไทย ภาษาไทย ქართული ᲥᲐᲠᲗᲣᲚᲘ Ꭰꭰ",
    "x" * 100,
    "x" * 101,
    "é" * 100 + " " + "é" * 101 + " " + "😀" * 100 + " " + "😀" * 101,
    "e\u0301" * 100 + " " + "e\u0301" * 101,
    "y" * 250 + "." + "y" * 99,
    "[CLS] a [SEP] b [MASK] c [PAD] d [UNK] e",
    "a[MASK]b [MASK][MASK].[mask] [Mask] [ MASK ] [MASK",
    "[[MASK]] [MA\u0000SK] [MA\u200dSK] [MASK\u0301] ##ing #",
    "private \ue000 \U000f0000 \U00100000\U00100003[MA\U00100004SK] \U0010fffd",
    "\ufdd0 \uffff \U0001ffff \u0378 unassigned",
    "word" * 24 + "more",
    "﷽ ﷺ ꧁༺ ¯\\_(ツ)_/¯ ಠ_ಠ",
]

SETTINGS = [
    {"lower_case": True},
    {"lower_case": False},
    {"lower_case": True, "strip_accents": False},
    {"lower_case": False, "strip_accents": True},
]

# Characters younger than Unicode 9.0 that Hugging Face and TensorFlow Text give different forms:
# capitals (the first two lines) and composed letters.
UNEQUAL = (
    "1C89 2C2F A7C0 A7CB-A7CC A7CE A7D0 A7D2 A7D4 A7D6 A7D8 A7DA A7DC 10570-1057A 1057C-1058A "
    "1058C-10592 10594-10595 10D50-10D65 16EA0-16EB8 "
    "105C9 105E4 11383 11385 1138E 11391 113C5 113C7-113C8 11938 16121-16128 16D68-16D6A"
)
# Accents younger than Unicode 9.0, which only TensorFlow Text sorts when several follow each other.
UNSORTED = (
    "7FD 897-89F 8CA-8D3 9FE C3C D3B-D3C EBA 1715 1ABF-1ACE 1DF6-1DFA A82C 10D24-10D27 10D69-10D6D "
    "10EAB-10EAC 10EFD-10EFF 10F46-10F50 10F82-10F85 11070 1133B 113CE-113D0 1145E 11839-1183A "
    "1193D-1193E 11943 119E0 11A34 11A47 11A99 11D42 11D44-11D45 11D97 11F41-11F42 1612F "
    "16FF0-16FF1 1E08F 1E130-1E136 1E2AE 1E2EC-1E2EF 1E4EC-1E4EF 1E5EE-1E5EF"
)


def characters(ranges):
    bounds = ([int(point, 16) for point in span.split("-")] for span in ranges.split())
    return {chr(c) for bound in bounds for c in range(bound[0], bound[-1] + 1)}


def vocabulary_for(texts, seed=0):
    """Every character in every form it can take, and some words, beginnings and ends of words."""
    rng = random.Random(seed)
    forms = {form for text in texts for form in (text, text.lower(), text.upper())}
    forms |= {unicodedata.normalize("NFD", form) for form in forms}
    pieces = {piece for form in forms for c in form for piece in (c, "##" + c)}
    for word in sorted({word for form in forms for word in form.split() if len(word) < 60}):
        cut = rng.randrange(len(word))
        pieces |= set(rng.sample([word, word[:cut], "##" + word[cut:]], 1))
    placeholders = {chr(c) for c in range(0x100000, 0x100005)}
    pieces = {p for p in pieces if p.strip() and not set(p) & {"\0", *placeholders}}
    return [*SPECIAL_TOKENS, *sorted(pieces - set(SPECIAL_TOKENS) - {"##"})]


def hugging_face(vocabulary, lower_case=True, strip_accents=None):
    return BertWordPieceTokenizer(
        {piece: i for i, piece in enumerate(vocabulary)},
        lowercase=lower_case,
        strip_accents=strip_accents,
    )


def ids_of(tokenizer, texts):
    return [e.ids for e in tokenizer.encode_batch(texts, add_special_tokens=False)]


def differing(ours, theirs, texts):
    pairs = zip(texts, ours.tokenize(texts).to_list(), ids_of(theirs, texts), strict=True)
    return [text for text, got, expected in pairs if got != expected]


@pytest.fixture(scope="module")
def mini_lm():
    return real_data("models", "all-MiniLM-L6-v2")


@pytest.fixture
def small():
    pieces = ["a", "b", "c", "d", "e", "f", "##a", "##b", "##c", "cat", "##s", "sleep"]
    return [*SPECIAL_TOKENS, *pieces]


# Ids


@pytest.mark.parametrize("settings", SETTINGS, ids=str)
def test_nasty_texts_get_the_ids_of_hugging_face(settings):
    vocabulary = vocabulary_for(NASTY)
    ours, theirs = WordPieceTokenizer(vocabulary, **settings), hugging_face(vocabulary, **settings)
    assert differing(ours, theirs, NASTY) == []
    known = [i != 1 for ids in ids_of(theirs, NASTY) for i in ids]
    assert 0.9 < np.mean(known) < 1  # the comparison is of pieces, with some [UNK]


@pytest.mark.parametrize("lower_case", [True, False])
def test_nasty_texts_with_a_published_vocabulary(mini_lm, lower_case):
    ours = WordPieceTokenizer.from_pretrained(mini_lm, lower_case=lower_case)
    theirs = hugging_face(ours.vocabulary, lower_case)
    if lower_case:
        theirs = Tokenizer.from_file(str(mini_lm / "tokenizer.json"))
        theirs.no_padding()
        theirs.no_truncation()
    assert differing(ours, theirs, NASTY) == []


def test_sentence_of_the_lesson(mini_lm):
    tokenizer = WordPieceTokenizer.from_pretrained(mini_lm)
    inputs = tokenizer(["Tensorflow is a great framework for NLP"])
    expected = [101, 23435, 12314, 2003, 1037, 2307, 7705, 2005, 17953, 2361, 102]
    assert inputs["input_word_ids"].numpy().tolist() == [expected]
    assert tokenizer.tokens("a great NLP") == ["[CLS]", "a", "great", "nl", "##p", "[SEP]"]


def random_character(rng, marks):
    kind = rng.randrange(8)
    if kind == 0:
        return chr(rng.choice([rng.randrange(1, 0xD800), rng.randrange(0xE000, 0x110000)]))
    if kind == 1:
        return chr(rng.randrange(0x10000, 0x20000))
    if kind == 2:
        return chr(rng.randrange(1, 0x3000))
    if kind == 3:
        return rng.choice(marks)
    if kind == 4:
        return rng.choice([*SPECIAL_TOKENS, "[mask]", "[MA\0SK]", "[MA\U00100004SK]"])
    return rng.choice("abcABC  \t\n.,-İIßΣσ")


@pytest.mark.parametrize("settings", SETTINGS, ids=str)
def test_random_unicode_gets_the_ids_of_hugging_face(settings):
    rng = random.Random(20)
    marks = [chr(c) for c in range(0x300, 0x1F000) if unicodedata.combining(chr(c))]
    texts = [
        "".join(random_character(rng, marks) for _ in range(rng.randrange(25))) for _ in range(4000)
    ]
    vocabulary = vocabulary_for(texts)
    ours, theirs = WordPieceTokenizer(vocabulary, **settings), hugging_face(vocabulary, **settings)
    exceptions = characters(UNEQUAL) | characters(UNSORTED)
    wrong = differing(ours, theirs, texts)
    assert [text for text in wrong if not set(text) & exceptions] == []
    assert len(wrong) < 0.03 * len(texts)


def unequal_characters(settings, candidates):
    texts = [f"a{c}b" for c in candidates]
    vocabulary = vocabulary_for(texts)
    ours, theirs = WordPieceTokenizer(vocabulary, **settings), hugging_face(vocabulary, **settings)
    return {text[1] for text in differing(ours, theirs, texts)}


# All but surrogates and the planes that hold no characters, or private ones only.
EVERY_CHARACTER = [
    chr(c) for c in [*range(1, 0xD800), *range(0xE000, 0x34000), *range(0xE0000, 0xE1000)]
]


def test_only_the_documented_characters_differ():
    dull = ("Lo", "Co", "Cn")  # without case; private; unassigned as far as this Python knows
    candidates = {c for c in EVERY_CHARACTER if unicodedata.category(c) not in dull}
    candidates |= characters(UNEQUAL)
    assert unequal_characters({"lower_case": True}, sorted(candidates)) == characters(UNEQUAL)


@pytest.mark.slow
@pytest.mark.parametrize("lower_case", [True, False])
def test_only_the_documented_characters_differ_of_all_there_are(lower_case):
    differ = set()
    for start in range(0, len(EVERY_CHARACTER), 100_000):
        candidates = EVERY_CHARACTER[start : start + 100_000]
        differ |= unequal_characters({"lower_case": lower_case}, candidates)
    assert differ == (characters(UNEQUAL) if lower_case else set())


def test_news_get_the_ids_of_hugging_face(mini_lm):
    path = real_data("ag_news_csv", "test.csv")
    texts = path.read_text("utf-8").splitlines()[:2000]
    ours = WordPieceTokenizer.from_pretrained(mini_lm)
    assert differing(ours, hugging_face(ours.vocabulary), texts) == []


@pytest.mark.slow
@pytest.mark.parametrize(
    "locale", ["tr_TR.UTF-8", pytest.param("lt_LT.UTF-8", marks=pytest.mark.slow)]
)
def test_ids_do_not_depend_on_the_language_of_the_computer(locale):
    texts = ["TITLE İstanbul I\u0307", "Ì Í Ĩ Į\u0301 J\u0303 I\u0301"]
    vocabulary = vocabulary_for(texts)
    script = (
        "import json, sys\n"
        "from keras_transformers.text.word_piece_tokenizer import WordPieceTokenizer\n"
        "vocabulary, texts = json.load(sys.stdin)\n"
        "tokenizer = WordPieceTokenizer(vocabulary, strip_accents=False)\n"
        "print(json.dumps(tokenizer.tokenize(texts).to_list()))\n"
    )
    printed = run_python(script, json.dumps([vocabulary, texts]), LC_ALL=locale)
    assert json.loads(printed) == ids_of(hugging_face(vocabulary, strip_accents=False), texts)


def test_bytes_that_are_not_utf_8_are_dropped(small):
    tokenizer = WordPieceTokenizer(small)
    texts = [b"ab\xffc", b"\xc3", b"cat \xe4\xbd", b"c\xc3\xa4\xf0\x9f\x98t"]
    clean = ["abc", "", "cat", "cat"]
    assert tokenizer.tokenize(texts).to_list() == tokenizer.tokenize(clean).to_list()


def test_without_mask_token(small):
    vocabulary = [piece for piece in small if piece != "[MASK]"]
    texts = ["a [MASK] b", "[CLS]"]
    assert differing(WordPieceTokenizer(vocabulary), hugging_face(vocabulary), texts) == []


# The three inputs


def random_texts(rng, count):
    return [" ".join(rng.choices("abcdef", k=rng.randrange(12))) for _ in range(count)]


@pytest.mark.parametrize("pair", [False, True])
@pytest.mark.parametrize("max_length", [3, 4, 5, 6, 9, 10, 15, 40])
def test_truncation_and_padding_are_those_of_hugging_face(small, pair, max_length):
    rng = random.Random(max_length)
    first, second = random_texts(rng, 200), random_texts(rng, 200)
    theirs = hugging_face(small)
    theirs.enable_truncation(max_length)
    theirs.enable_padding()
    encoded = theirs.encode_batch(list(zip(first, second, strict=True)) if pair else first)

    inputs = WordPieceTokenizer(small, max_length=max_length)((first, second) if pair else first)
    assert inputs["input_word_ids"].numpy().tolist() == [e.ids for e in encoded]
    assert inputs["input_mask"].numpy().tolist() == [e.attention_mask for e in encoded]
    assert inputs["input_type_ids"].numpy().tolist() == [e.type_ids for e in encoded]
    assert {x.dtype for x in inputs.values()} == {tf.int32}


@pytest.mark.parametrize("pair", [False, True])
def test_given_length_pads_and_truncates(small, pair):
    rng = random.Random(1)
    first, second = random_texts(rng, 50), random_texts(rng, 50)
    theirs = hugging_face(small)
    theirs.enable_truncation(12)
    theirs.enable_padding(length=12)
    encoded = theirs.encode_batch(list(zip(first, second, strict=True)) if pair else first)

    inputs = WordPieceTokenizer(small)((first, second) if pair else first, length=12)
    assert inputs["input_word_ids"].numpy().tolist() == [e.ids for e in encoded]
    assert inputs["input_mask"].numpy().tolist() == [e.attention_mask for e in encoded]
    assert inputs["input_type_ids"].numpy().tolist() == [e.type_ids for e in encoded]


def test_inside_tf_data(small):
    tokenizer = WordPieceTokenizer(small)
    texts = tf.data.Dataset.from_tensor_slices(["cats sleep", "a b [MASK]", "f"]).batch(2)

    batches = list(texts.map(tokenizer))
    assert [tuple(batch["input_mask"].shape) for batch in batches] == [(2, 5), (1, 3)]
    assert batches[0]["input_word_ids"].numpy().tolist() == [[2, 14, 15, 16, 3], [2, 5, 6, 4, 3]]

    pairs = texts.map(lambda t: tokenizer((t, t), length=16))
    assert pairs.element_spec["input_word_ids"].shape.as_list() == [None, 16]
    assert next(iter(pairs))["input_type_ids"].numpy().sum(-1).tolist() == [4, 4]


def test_pairs_and_batches_of_two(small):
    tokenizer = WordPieceTokenizer(small)
    batch_of_two = tokenizer(["cats", "sleep"])["input_word_ids"].numpy().tolist()
    pair = tokenizer((["cats"], ["sleep"]))["input_word_ids"].numpy().tolist()
    assert batch_of_two == [[2, 14, 15, 3], [2, 16, 3, 0]]
    assert pair == [[2, 14, 15, 3, 16, 3]]
    assert tokenizer.tokens(("cats", "sleep")) == ["[CLS]", "cat", "##s", "[SEP]", "sleep", "[SEP]"]


def test_empty_batch(small):
    inputs = WordPieceTokenizer(small)(tf.constant([], tf.string), length=8)
    assert {tuple(x.shape) for x in inputs.values()} == {(0, 8)}


# Keras


def run_python(script, stdin="", **environment):
    finished = subprocess.run(
        [sys.executable, "-c", script],
        input=stdin,
        env={**os.environ, **environment},
        cwd=Path(__file__).parents[2],
        capture_output=True,
        text=True,
    )
    assert finished.returncode == 0, finished.stderr
    return finished.stdout


@pytest.mark.slow
def test_model_opens_in_a_fresh_process(small, tmp_path):
    first, second = keras.Input((), dtype="string"), keras.Input((), dtype="string")
    tokenizer = WordPieceTokenizer(small, lower_case=False, max_length=7, name="tokenizer")
    ids = tokenizer((first, second), length=6)["input_word_ids"]
    model = keras.Model([first, second], keras.layers.Embedding(len(small), 2)(ids))
    assert model.output_shape == (None, 6, 2)
    model.save(tmp_path / "model.keras")
    texts = [["cats sleep", "CATS é"], ["b", "[MASK] cafe"]]
    expected = model.predict([tf.constant(t) for t in texts], verbose=0)

    script = (
        "import json, sys, keras, tensorflow as tf\n"
        "import keras_transformers.text.word_piece_tokenizer\n"
        "path, texts = json.load(sys.stdin)\n"
        "model = keras.saving.load_model(path)\n"
        "outputs = model.predict([tf.constant(t) for t in texts], verbose=0)\n"
        "print(json.dumps([outputs.tolist(), model.get_layer('tokenizer').get_config()]))\n"
    )
    printed = run_python(script, json.dumps([str(tmp_path / "model.keras"), texts]))
    outputs, config = json.loads(printed.splitlines()[-1])
    np.testing.assert_array_equal(np.array(outputs, "float32"), expected)
    assert config["vocabulary"] == small
    assert (config["lower_case"], config["max_length"], config["strip_accents"]) == (False, 7, None)


def test_model_with_tokenizer_trains(small):
    texts = keras.Input((), dtype="string")
    ids = WordPieceTokenizer(small)(texts)["input_word_ids"]
    x = keras.layers.GlobalAveragePooling1D()(keras.layers.Embedding(len(small), 4)(ids))
    model = keras.Model(texts, keras.layers.Dense(1, "sigmoid")(x))
    with pytest.warns(UserWarning, match="jit_compile"):  # which Keras then leaves off
        model.compile(keras.optimizers.Adam(0.05), "binary_crossentropy", jit_compile=True)
    data = tf.data.Dataset.from_tensors((["a a a", "b b"], [[0.0], [1.0]])).repeat(50)
    model.fit(data, verbose=0)
    low, high = model.predict(tf.constant(["a a", "b"]), verbose=0)[:, 0]
    assert low < 0.3 < 0.7 < high


@pytest.mark.slow
@pytest.mark.parametrize("backend", ["jax", "torch"])
def test_other_backends(small, backend):
    pytest.importorskip(backend)
    script = (
        "import json, sys, keras, tensorflow as tf\n"
        "from keras_transformers.text.word_piece_tokenizer import WordPieceTokenizer\n"
        "tokenizer = WordPieceTokenizer(json.load(sys.stdin))\n"
        "texts = tf.data.Dataset.from_tensors(['cats sleep'])\n"
        "ids = next(iter(texts.map(tokenizer)))['input_word_ids']\n"
        "same = tokenizer(['cats sleep'])['input_word_ids']\n"
        "shape = keras.layers.Embedding(99, 3)(same).shape\n"
        "print(keras.backend.backend(), ids.numpy().tolist(), same.numpy().tolist(), *shape)\n"
    )
    printed = run_python(script, json.dumps(small), KERAS_BACKEND=backend)
    assert printed.strip() == f"{backend} [[2, 14, 15, 16, 3]] [[2, 14, 15, 16, 3]] 1 5 3"


# Files


def write_vocab(directory, vocabulary):
    (directory / "vocab.txt").write_text("\n".join(vocabulary) + "\n", "utf-8")


def write_json(directory, name, content):
    (directory / name).write_text(json.dumps(content), "utf-8")


def tokenizer_json(vocabulary, **settings):
    return json.loads(hugging_face(vocabulary, **settings).to_str())


@pytest.mark.parametrize("settings", SETTINGS, ids=str)
def test_opens_tokenizer_json_alone(tmp_path, settings):
    vocabulary = vocabulary_for(NASTY)
    write_json(tmp_path, "tokenizer.json", tokenizer_json(vocabulary, **settings))
    tokenizer = WordPieceTokenizer.from_pretrained(tmp_path)
    assert tokenizer.vocabulary == vocabulary
    assert differing(tokenizer, hugging_face(vocabulary, **settings), NASTY) == []


def test_opens_tokenizer_json_that_names_no_model_type(small, tmp_path):
    content = tokenizer_json(small)
    del content["model"]["type"]
    write_json(tmp_path, "tokenizer.json", content)
    assert WordPieceTokenizer.from_pretrained(str(tmp_path)).vocabulary == small


def test_opens_vocab_txt_alone(small, tmp_path):
    vocabulary = [*small, "\u2028", "\x85", "é"]  # two of them end a line for splitlines()
    (tmp_path / "vocab.txt").write_bytes("\r\n".join(vocabulary).encode())
    tokenizer = WordPieceTokenizer.from_pretrained(tmp_path)
    assert len(tokenizer.vocabulary) == len(vocabulary)
    assert tokenizer.vocabulary[-1] == "é"
    assert tokenizer.lower_case


@pytest.mark.parametrize("file", ["vocab.txt", "tokenizer.json"])
def test_tokenizer_config_says_whether_to_lower_case(small, tmp_path, file):
    if file == "vocab.txt":
        write_vocab(tmp_path, small)
    else:
        write_json(tmp_path, file, tokenizer_json(small, lower_case=True))
    write_json(tmp_path, "tokenizer_config.json", {"do_lower_case": False, "strip_accents": True})
    tokenizer = WordPieceTokenizer.from_pretrained(tmp_path)
    assert (tokenizer.lower_case, tokenizer.strip_accents) == (False, True)
    assert tokenizer.tokens("CATS cäts") == ["[CLS]", "[UNK]", "cat", "##s", "[SEP]"]


def test_arguments_go_before_the_files(small, tmp_path):
    write_vocab(tmp_path, small)
    write_json(tmp_path, "tokenizer_config.json", {"do_lower_case": False})
    tokenizer = WordPieceTokenizer.from_pretrained(tmp_path, lower_case=True, max_length=9)
    assert (tokenizer.lower_case, tokenizer.max_length) == (True, 9)


def test_published_files_agree(mini_lm, tmp_path):
    (tmp_path / "vocab.txt").write_bytes((mini_lm / "vocab.txt").read_bytes())
    from_json = WordPieceTokenizer.from_pretrained(mini_lm)
    from_text = WordPieceTokenizer.from_pretrained(tmp_path)
    assert len(from_json.vocabulary) == 30522
    assert from_json.vocabulary == from_text.vocabulary
    assert from_json.lower_case
    assert from_text.lower_case


# Errors


@pytest.mark.parametrize("lacking", ["[UNK]", "[CLS]", "[SEP]", "[PAD]"])
def test_vocabulary_without_special_token(small, lacking):
    small.remove(lacking)
    with pytest.raises(ValueError, match=rf"pieces without \{lacking[:-1]}\]$"):
        WordPieceTokenizer(small)


def test_padding_must_be_id_0(small):
    with pytest.raises(ValueError, match=r"must begin with \[PAD\].*Received: \[PAD\] with id 1"):
        WordPieceTokenizer([small[1], small[0], *small[2:]])


def test_repeated_pieces(small):
    with pytest.raises(ValueError, match=r"twice. Received: \['cat'\]"):
        WordPieceTokenizer([*small, "cat"])


@pytest.mark.parametrize("vocabulary", ["vocab.txt", None, ["[PAD]", 3]])
def test_vocabulary_must_be_a_list_of_strings(vocabulary):
    with pytest.raises(ValueError, match="list of strings"):
        WordPieceTokenizer(vocabulary)


@pytest.mark.parametrize("max_length", [2, 0, -1, 3.0, True, None])
def test_max_length_below_3(small, max_length):
    with pytest.raises(ValueError, match=f"`max_length` .* 3. Received: max_length={max_length}"):
        WordPieceTokenizer(small, max_length=max_length)


@pytest.mark.parametrize(("length", "message"), [(2, "at least 3"), (9, "at most max_length=8")])
def test_length_out_of_range(small, length, message):
    with pytest.raises(ValueError, match=f"`length` must be .*{message}"):
        WordPieceTokenizer(small, max_length=8)(["a"], length=length)


@pytest.mark.parametrize("texts", ["a", [["a"]], (["a"], ["b"], ["c"]), (tf.constant("a"),) * 2])
def test_texts_of_another_shape(small, texts):
    with pytest.raises(ValueError, match=r"must be strings of shape \(batch,\)"):
        WordPieceTokenizer(small)(texts)


@pytest.mark.parametrize("piece", ["a" * 257, "a\0", "\U00100000"])
def test_piece_that_tensorflow_text_cannot_hold(small, piece):
    with pytest.raises(ValueError, match="`vocabulary` must suit TensorFlow Text"):
        WordPieceTokenizer([*small, piece])(["a"])


def test_missing_files(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"must be a directory, or .* Received: .*nowhere"):
        WordPieceTokenizer.from_pretrained(tmp_path / "nowhere")
    with pytest.raises(FileNotFoundError, match=r"tokenizer\.json or vocab\.txt"):
        WordPieceTokenizer.from_pretrained(tmp_path)


@pytest.mark.parametrize("name", ["tokenizer.json", "tokenizer_config.json"])
@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b'{"model": ', "expected JSON"),
        (b"\xff{}", "expected UTF-8"),
        (b"[]", "expected a JSON object"),
    ],
)
def test_file_that_is_no_json(small, tmp_path, name, content, message):
    write_vocab(tmp_path, small)
    (tmp_path / name).write_bytes(content)
    with pytest.raises(ValueError, match=f"{name}.*: {message}.* found"):
        WordPieceTokenizer.from_pretrained(tmp_path)


def test_vocab_txt_that_is_not_utf_8(tmp_path):
    (tmp_path / "vocab.txt").write_bytes("[PAD]\né".encode("latin-1"))
    with pytest.raises(
        ValueError, match=r"vocab.txt, line [0-9]+: expected UTF-8 text, found the byte"
    ):
        WordPieceTokenizer.from_pretrained(tmp_path)


def without(content, *path):
    *outer, last = path
    section = content
    for key in outer:
        section = section[key]
    del section[last]
    return content


def replaced(content, *path):
    *outer, last, value = path
    section = content
    for key in outer:
        section = section[key]
    section[last] = value
    return content


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda c: without(c, "model"), "describe a WordPiece tokeniser.*'model'"),
        (lambda c: without(c, "model", "vocab"), "describe a WordPiece tokeniser.*'vocab'"),
        (lambda c: replaced(c, "model", []), "describe a WordPiece tokeniser"),
        (lambda c: replaced(c, "model", "vocab", [["a", 0.5]]), "describe a WordPiece tokeniser"),
        (lambda c: replaced(c, "model", "vocab", "cat", [9]), "describe a WordPiece tokeniser"),
        (lambda c: without(c, "normalizer", "lowercase"), "describe a WordPiece .*'lowercase'"),
        (lambda c: replaced(c, "added_tokens", [3]), "describe a WordPiece tokeniser"),
        (lambda c: replaced(c, "model", "type", "BPE"), "type='WordPiece'.*Received.*type='BPE'"),
        (lambda c: replaced(c, "model", "unk_token", "<unk>"), "unk_token='<unk>'"),
        (lambda c: replaced(c, "model", "max_input_chars_per_word", 9), "chars_per_word=100"),
        (
            lambda c: replaced(c, "normalizer", "type", "NFC"),
            "one of these for its normalizer: .* with NFC",
        ),
        (
            lambda c: replaced(c, "pre_tokenizer", "type", "Digits"),
            "BertPreTokenizer; .* with Digits",
        ),
        (lambda c: replaced(c, "post_processor", None), r"put \[CLS\] and \[SEP\] .* with none"),
        (
            lambda c: replaced(c, "post_processor", {"type": "ByteLevel"}),
            r"put \[CLS\] and \[SEP\] .* with ByteLevel",
        ),
        (lambda c: replaced(c, "model", "vocab", "cat", 99), "number its 17 pieces from 0"),
        (
            lambda c: replaced(c, "added_tokens", [{"content": "<e1>", "id": 17}]),
            r"name no tokens but \[PAD\].*\['<e1>'\]",
        ),
    ],
)
def test_malformed_tokenizer_json(small, tmp_path, change, message):
    write_json(tmp_path, "tokenizer.json", change(tokenizer_json(small)))
    with pytest.raises(ValueError, match=f"tokenizer.json must .*{message}"):
        WordPieceTokenizer.from_pretrained(tmp_path)


def test_tokenizer_config_that_keeps_chinese_words_whole(small, tmp_path):
    write_vocab(tmp_path, [*small, "中文"])
    write_json(tmp_path, "tokenizer_config.json", {"tokenize_chinese_chars": False})
    tokenizer = WordPieceTokenizer.from_pretrained(tmp_path)
    assert tokenizer.tokens("中文") == ["[CLS]", "中文", "[SEP]"]
    tokenizer.save_pretrained(tmp_path / "again")
    assert not WordPieceTokenizer.from_pretrained(tmp_path / "again").split_chinese


# --- TensorFlow Hub --------------------------------------------------------------------------


@pytest.mark.parametrize("what", ["pair", "encoder"])
def test_opens_a_bert_of_tensorflow_hub(tiny_pair, what):
    tokenizer = WordPieceTokenizer.from_pretrained(
        tiny_pair if what == "pair" else tiny_pair / "encoder"
    )
    published = tf.saved_model.load(str(tiny_pair / "preprocessor"))
    texts = ["a Rains sun", "", "unknown b!", "c " * 20]
    expected = published.bert_pack_inputs([published.tokenize(tf.constant(texts))], seq_length=24)
    given = tokenizer(texts, length=24)
    for name, tensor in expected.items():
        np.testing.assert_array_equal(given[name], tensor)


def test_encode_drops_the_padding():
    tokenizer = WordPieceTokenizer(["[PAD]", "[UNK]", "[CLS]", "[SEP]", "a", "b"], max_length=5)
    encoded = tokenizer.encode(["a b", "", "a a a a a a"])
    assert [ids.tolist() for ids in encoded] == [[2, 4, 5, 3], [2, 3], [2, 4, 4, 4, 3]]
    assert encoded[0].dtype == np.int32
