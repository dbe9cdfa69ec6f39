"""Greedy and beam search: against a search through all sequences, and decoders called anew."""

import itertools
import math

import keras
import numpy as np
import pytest
from keras import ops
from support.checks import NOT_POSITIVE_INTEGERS, numpy

from keras_transformers.decoding import beam_search, greedy_search, length_penalty
from keras_transformers.layers import RNNDecoder, TransformerDecoder

START, END, VOCAB_SIZE, MAX_LENGTH = 2, 3, 6, 4
IDS = {"start_id": START, "end_id": END, "max_length": MAX_LENGTH}


class Table:
    """Writes by a table: logits `[row, token before, token]`, a row for each sequence."""

    def __init__(self, logits):
        self.logits = ops.convert_to_tensor(logits.astype("float32"))
        self.steps = 0

    def start(self, memory, memory_mask, length):
        return {"row": ops.cast(memory[:, 0, 0], "int32")}

    def step(self, ids, position, state):
        self.steps += 1
        flat = ops.reshape(self.logits, (-1, VOCAB_SIZE))
        return ops.take(flat, state["row"] * VOCAB_SIZE + ids, axis=0), state


def random_table(rng, batch, scale=2.0):
    logits = rng.normal(0, scale, (batch, VOCAB_SIZE, VOCAB_SIZE))
    logits[..., [0, START]] = -50  # neither padding nor a start is ever written
    return logits


def search(logits, beam=None, **options):
    batch = len(logits)
    memory = np.arange(batch, dtype="float32")[:, None, None]
    mask = np.ones((batch, 1), bool)
    if beam is None:
        found = greedy_search(Table(logits), memory, mask, **IDS)
    else:
        found = beam_search(Table(logits), memory, mask, beam=beam, **IDS, **options)
    return ops.convert_to_numpy(found[0]).tolist(), numpy(found[1])


def log_softmax(logits):
    return logits - np.log(np.exp(logits).sum(-1, keepdims=True))


def score(table, sequence, alpha=0.0):
    before = [START, *sequence[:-1]]
    total = sum(log_softmax(table)[a, b] for a, b in zip(before, sequence, strict=True))
    return total / ((5 + len(sequence)) / 6) ** alpha


def all_sequences():
    """All that end with END, or are as long as allowed without."""
    tokens = [token for token in range(VOCAB_SIZE) if token not in (0, START, END)]
    for length in range(MAX_LENGTH + 1):
        for sequence in itertools.product(tokens, repeat=length):
            if length < MAX_LENGTH:
                yield (*sequence, END)
            else:
                yield sequence


def padded(sequence):
    return [*sequence, *[0] * (MAX_LENGTH - len(sequence))]


def test_greedy_takes_the_likeliest_token_each_time(rng):
    logits = random_table(rng, 20)
    ids, scores = search(logits)
    for table, row, found in zip(logits, ids, scores, strict=True):
        sequence = [START]
        while len(sequence) <= MAX_LENGTH and sequence[-1] != END:
            sequence.append(int(table[sequence[-1]].argmax()))
        assert row == padded(sequence[1:])
        assert found == pytest.approx(score(table, sequence[1:]), abs=1e-4)


@pytest.mark.parametrize("alpha", [0.0, 0.6, 2.0])
def test_a_wide_beam_finds_the_best_of_all_sequences(rng, alpha):
    logits = random_table(rng, 12)
    ids, scores = search(logits, beam=100, alpha=alpha)
    for table, row, found in zip(logits, ids, scores, strict=True):
        best = max(all_sequences(), key=lambda sequence: score(table, sequence, alpha))
        assert row == padded(best)
        assert found == pytest.approx(score(table, best, alpha), abs=1e-4)


@pytest.mark.parametrize("alpha", [0.0, 0.6])
def test_one_candidate_is_greedy(rng, alpha):
    logits = random_table(rng, 20)
    ids, scores = search(logits, beam=1, alpha=alpha)
    greedy_ids, sums = search(logits)
    assert ids == greedy_ids
    lengths = np.count_nonzero(ids, axis=1)
    np.testing.assert_allclose(scores, sums / ((5 + lengths) / 6) ** alpha, atol=1e-5)


@pytest.mark.parametrize("beam", [2, 3, 5])
def test_never_below_greedy(rng, beam):
    logits = random_table(rng, 400, scale=1.0)
    scores, greedy = search(logits, beam=beam)[1], search(logits, beam=1)[1]
    assert (scores >= greedy).all()
    assert (scores > greedy + 1e-3).any()


def test_a_beam_that_loses_the_greedy_sequence_ends_with_it_all_the_same():
    """Greedy begins with 4, whose continuation is poor at first and certain later."""
    probabilities = np.full((VOCAB_SIZE, VOCAB_SIZE), 1e-9)
    probabilities[START, [4, 5, 1]] = [0.40, 0.31, 0.29]
    probabilities[4, [4, 1, 5, END]] = [0.05, 0.05, 0.05, 0.85]
    probabilities[5, END] = probabilities[1, END] = 1
    [greedy], [greedy_score] = search(np.log(probabilities)[None], beam=1)
    [ids], [found] = search(np.log(probabilities)[None], beam=2)
    assert found >= greedy_score
    assert greedy == [4, END, 0, 0]
    assert ids == greedy


@pytest.mark.parametrize("beam", [None, 3])
def test_rows_do_not_touch_each_other(rng, beam):
    logits = random_table(rng, 6)
    together = search(logits, beam=beam)
    for row in range(6):
        ids, [found] = search(logits[row : row + 1], beam=beam)
        assert ids[0] == together[0][row]
        assert found == pytest.approx(together[1][row], abs=1e-5)


def test_stops_when_all_have_ended():
    if keras.backend.backend() != "torch":
        pytest.skip("a compiled loop calls its body once, when it is traced")
    ends = np.full((2, VOCAB_SIZE, VOCAB_SIZE), -9.0)
    ends[..., END] = 9
    decoder = Table(ends)
    memory, mask = np.arange(2.0, dtype="float32")[:, None, None], np.ones((2, 1), bool)
    greedy_search(decoder, memory, mask, start_id=START, end_id=END, max_length=50)
    assert decoder.steps == 1


def test_length_penalty():
    given = numpy(length_penalty(ops.convert_to_tensor([1, 7]), 0.6))
    np.testing.assert_allclose(given, [1, math.pow(2, 0.6)], rtol=1e-6)


def test_padding_is_never_written_however_likely(rng):
    logits = random_table(rng, 5)
    likely = logits.copy()
    likely[..., 0] = 50
    for beam in (None, 3):
        assert search(likely, beam=beam)[0] == search(logits, beam=beam)[0]


@pytest.mark.parametrize("value", NOT_POSITIVE_INTEGERS)
def test_refuses_a_beam_that_is_no_positive_integer(value):
    with pytest.raises(ValueError, match=f"`beam` must be a positive integer.*beam={value!r}"):
        beam_search(None, None, None, beam=value, **IDS)


def decoders():
    sizes = {"embed_dim": 8, "num_heads": 2, "ff_dim": 12, "num_blocks": 2}
    yield RNNDecoder(VOCAB_SIZE, 8, 9)
    yield RNNDecoder(VOCAB_SIZE, 8, 9, attention="bahdanau")
    yield TransformerDecoder(VOCAB_SIZE, None, **sizes)
    yield TransformerDecoder(VOCAB_SIZE, 9, **sizes, positions="trained")


@pytest.mark.parametrize(
    "decoder", list(decoders()), ids=["rnn", "attention", "sinusoidal", "trained"]
)
def test_real_decoders_write_what_they_would_without_a_cache(rng, decoder):
    memory = rng.normal(size=(5, 4, 6)).astype("float32")
    mask = np.arange(4)[None] < [[4], [3], [4], [1], [2]]
    decoder(np.ones((1, 1), "int32"), memory[:1])
    decoder.set_weights([rng.normal(0, 0.6, w.shape) for w in decoder.get_weights()])
    ids, scores = greedy_search(decoder, memory, mask, start_id=START, end_id=END, max_length=8)
    ids = ops.convert_to_numpy(ids)
    for row in range(5):
        written, total = [START], 0.0
        while len(written) <= 8 and written[-1] != END:
            logits = decoder(
                np.array([written], "int32"), memory[row : row + 1], memory_mask=mask[row : row + 1]
            )
            logits = numpy(logits)[0, -1].astype("float64")
            logits[0] = -1e9  # padding is no token
            likelihoods = log_softmax(logits)
            written.append(int(likelihoods.argmax()))
            total += likelihoods.max()
        assert ids[row].tolist() == [*written[1:], *[0] * (9 - len(written))]
        assert numpy(scores)[row] == pytest.approx(total, abs=1e-4)
    best = beam_search(decoder, memory, mask, beam=3, alpha=0, **IDS | {"max_length": 8})
    assert (numpy(best[1]) >= numpy(scores) - 1e-5).all()
