"""Masked language models: against tf-models-official's head, in and out of files, and guesses."""

import json

import keras
import numpy as np
import pytest
from safetensors.numpy import load_file
from support.checks import numpy, randomise

from keras_transformers.models import (
    BertEncoder,
    MaskedLanguageModel,
    fill_mask,
    masked_language_model,
)
from keras_transformers.text import WordPieceTokenizer

WORDS = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *"abcdefghij", "rain", "##s", "sun"]


def make_model(rng, **options):
    encoder = BertEncoder(len(WORDS), 2, 8, 2, 16, 20, pooler=False, **options)
    model = masked_language_model(encoder, WordPieceTokenizer(WORDS, max_length=20))
    return randomise(model, rng)


@pytest.fixture
def model(rng):
    return make_model(rng)


@pytest.fixture
def inputs(rng):
    ids = rng.integers(5, len(WORDS), (3, 9)).astype("int32")
    ids[1, 6:] = 0
    return {"input_word_ids": ids, "masked_positions": np.array([[1, 4], [2, 0], [8, 7]])}


def test_the_head_equals_that_of_tf_models_official(model, inputs):
    import tensorflow as tf
    from official.nlp.modeling.layers import MaskedLM

    table = numpy(model.encoder.embedding.token_embedding.embeddings)
    theirs = MaskedLM(table, activation="gelu", output="logits")
    theirs.build((None, None, 8))
    theirs(np.zeros((1, 2, 8), "float32"), tf.constant([[0]]))  # makes its weights
    theirs.dense.set_weights(model.head.transform_dense.get_weights())
    theirs.layer_norm.set_weights(model.head.transform_norm.get_weights())
    theirs.bias.assign(numpy(model.head.output_bias))
    vectors = model.encoder({"input_word_ids": inputs["input_word_ids"]})["sequence_output"]
    expected = theirs(vectors, tf.constant(inputs["masked_positions"]))
    np.testing.assert_allclose(numpy(model(inputs)), expected, rtol=0, atol=1e-4)


def test_without_positions_it_scores_all(model, inputs):
    positions = inputs.pop("masked_positions")
    everywhere = numpy(model(inputs))
    assert everywhere.shape == (3, 9, len(WORDS))
    expected = np.stack([row[chosen] for row, chosen in zip(everywhere, positions, strict=True)])
    given = model(inputs | {"masked_positions": positions})
    np.testing.assert_allclose(numpy(given), expected, rtol=0, atol=1e-5)


def test_padding_changes_nothing(model, inputs):
    longer = np.pad(inputs["input_word_ids"], ((0, 0), (0, 7)))
    np.testing.assert_allclose(
        numpy(model(inputs | {"input_word_ids": longer})), numpy(model(inputs)), rtol=0, atol=1e-5
    )


def test_the_token_matrix_is_shared_and_learns_from_both_sides(model, inputs):
    assert sum(w.shape == (len(WORDS), 8) for w in model.weights) == 1
    ids = inputs["input_word_ids"]
    never = next(i for i in range(5, len(WORDS)) if i not in ids[[0, 2]])
    before = numpy(model.encoder.embedding.token_embedding.embeddings)
    model.compile("sgd", keras.losses.SparseCategoricalCrossentropy(from_logits=True))
    chosen = {name: array[[0, 2]] for name, array in inputs.items()}
    model.train_on_batch(chosen, np.full((2, 2), 7))
    change = np.abs(numpy(model.encoder.embedding.token_embedding.embeddings) - before)
    assert change[never].max() > 0  # by the head alone
    assert change.max() > 2 * change[never].max()


def test_symbolic_outputs_are_known(model):
    symbols = {
        "input_word_ids": keras.Input((None,), dtype="int32"),
        "masked_positions": keras.Input((None,), dtype="int32"),
    }
    outputs = model(symbols)
    assert (outputs.shape, outputs.dtype) == ((None, None, len(WORDS)), "float32")


# Files


def test_keras_file_opens_with_its_tokeniser(model, inputs, tmp_path):
    model.save(tmp_path / "model.keras")
    again = keras.saving.load_model(tmp_path / "model.keras")
    np.testing.assert_allclose(numpy(again(inputs)), numpy(model(inputs)), rtol=0, atol=1e-6)
    assert fill_mask(again, "rain [MASK]") == fill_mask(model, "rain [MASK]")
    bare = MaskedLanguageModel.from_config(MaskedLanguageModel(model.encoder).get_config())
    assert bare.tokenizer is None


@pytest.mark.parametrize(("dtype", "tolerance"), [("float32", 1e-6), ("float16", 2e-2)])
def test_saved_and_opened_again(model, inputs, tmp_path, dtype, tolerance):
    model.save_pretrained(tmp_path / "new", dtype=dtype)
    again = masked_language_model(tmp_path / "new")
    np.testing.assert_allclose(numpy(again(inputs)), numpy(model(inputs)), atol=tolerance, rtol=0)
    assert again.tokenizer.get_config() == model.tokenizer.get_config() | {"name": "tokenizer"}
    assert {w.dtype for w in again.weights} == {"float32"}
    encoder = BertEncoder.from_pretrained(tmp_path / "new")
    np.testing.assert_array_equal(numpy(encoder.weights[0]), numpy(again.encoder.weights[0]))


def test_the_files_are_those_of_a_bert_for_masked_lm(model, tmp_path):
    model.save_pretrained(tmp_path, dtype="float16")
    assert json.loads((tmp_path / "config.json").read_text())["architectures"] == [
        "BertForMaskedLM"
    ]
    tensors = load_file(tmp_path / "model.safetensors")
    assert all(name.startswith(("bert.", "cls.predictions.")) for name in tensors)
    assert {str(tensor.dtype) for tensor in tensors.values()} == {"float16"}
    np.testing.assert_allclose(
        tensors["cls.predictions.bias"], numpy(model.head.output_bias), rtol=1e-3, atol=1e-3
    )
    np.testing.assert_allclose(
        tensors["cls.predictions.transform.dense.weight"].T,
        numpy(model.head.transform_dense.kernel),
        rtol=1e-3,
        atol=1e-3,
    )


@pytest.mark.parametrize("case", [True, False])
def test_hugging_face_opens_them(model, inputs, tmp_path, case):
    torch = pytest.importorskip("torch", reason="`make .venv/torch` installs it")
    transformers = pytest.importorskip("transformers", reason="is in the extra 'benchmarks'")
    model.tokenizer.lower_case = case
    model.save_pretrained(tmp_path)
    theirs = transformers.AutoModelForMaskedLM.from_pretrained(tmp_path)
    ids = torch.tensor(inputs["input_word_ids"].astype("int64"))
    with torch.no_grad():
        logits = theirs.eval()(ids, attention_mask=ids != 0).logits.numpy()
    ours = numpy(model({"input_word_ids": inputs["input_word_ids"]}))
    exists = inputs["input_word_ids"] != 0
    np.testing.assert_allclose(ours[exists], logits[exists], rtol=0, atol=1e-4)
    tokenizer = transformers.AutoTokenizer.from_pretrained(tmp_path)
    for text in ("Rains [MASK] a", "B c"):
        assert (
            tokenizer(text)["input_ids"]
            == model.tokenizer([text])["input_word_ids"][0].numpy().tolist()
        )


def test_a_checkpoint_without_a_head_is_refused(model, tmp_path):
    model.encoder.save_pretrained(tmp_path)
    model.tokenizer.save_pretrained(tmp_path)
    with pytest.raises(ValueError, match="must have a head for masked language modelling"):
        masked_language_model(tmp_path)


def test_other_types_and_layouts_are_refused(model, tmp_path):
    with pytest.raises(ValueError, match="`dtype` must be 'float32' or 'float16'"):
        model.save_pretrained(tmp_path, dtype="int8")
    without_segments = masked_language_model(BertEncoder(9, 1, 4, 2, 4, 8, 0, pooler=False))
    with pytest.raises(ValueError, match="written as a DistilBERT"):
        without_segments.save_pretrained(tmp_path)


# Guesses


def test_guesses_are_the_likeliest_pieces(model):
    guesses = fill_mask(model, "rain [MASK] sun [MASK]", k=len(WORDS))
    inputs = model.tokenizer(["rain [MASK] sun [MASK]"])
    logits = numpy(model(dict(inputs)))[0].astype("float64")
    assert len(guesses) == 2
    for position, row in zip((2, 4), guesses, strict=True):
        expected = np.exp(logits[position]) / np.exp(logits[position]).sum()
        chances = [chance for _, chance in row]
        assert chances == sorted(chances, reverse=True)
        assert sum(chances) == pytest.approx(1)
        for piece, chance in row:
            assert chance == pytest.approx(expected[WORDS.index(piece)], rel=1e-4)
    assert fill_mask(model, "rain [MASK] sun [MASK]", k=2) == [row[:2] for row in guesses]


@pytest.mark.parametrize("k", [0, len(WORDS) + 1, 2.0, True])
def test_number_of_guesses_is_checked(model, k):
    with pytest.raises(ValueError, match=r"`k` must be from 1 to 18\. Received: k="):
        fill_mask(model, "[MASK]", k)


@pytest.mark.parametrize("text", ["rain", "a " * 30 + "[MASK]"])
def test_a_text_without_a_mask_is_refused(model, text):
    with pytest.raises(ValueError, match=r"`text` must contain \[MASK\] within its first 20"):
        fill_mask(model, text)


def test_a_model_without_a_tokeniser_is_refused(model):
    with pytest.raises(ValueError, match="`model` must have a tokeniser"):
        fill_mask(masked_language_model(model.encoder), "[MASK]")
