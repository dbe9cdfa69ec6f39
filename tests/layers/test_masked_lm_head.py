"""The head that guesses: against the equation; positions, refusals."""

import numpy as np
import pytest
from support.checks import NOT_POSITIVE_INTEGERS, check_layer, numpy, randomise, weights_of
from support.equations import masked_lm_head

from keras_transformers.layers import MaskedLMHead

BATCH, LENGTH, DIM, VOCAB = 3, 6, 4, 9


@pytest.fixture
def inputs(rng):
    x = rng.normal(size=(BATCH, LENGTH, DIM)).astype("float32")
    return x, rng.normal(size=(VOCAB, DIM)).astype("float32")


@pytest.fixture
def head(rng):
    layer = MaskedLMHead(VOCAB, DIM, epsilon=1e-3)
    layer.build((None, None, DIM))
    return randomise(layer, rng)


def test_equals_the_equation(head, inputs):
    expected = masked_lm_head(*inputs, weights_of(head), epsilon=1e-3)
    np.testing.assert_allclose(numpy(head(*inputs)), expected, rtol=0, atol=1e-5)


def test_scores_the_positions_it_is_asked_for_in_their_order(head, inputs):
    positions = np.array([[0, 5], [3, 3], [2, 1]])
    everywhere = numpy(head(*inputs))
    expected = np.stack([row[chosen] for row, chosen in zip(everywhere, positions, strict=True)])
    np.testing.assert_allclose(numpy(head(*inputs, positions)), expected, rtol=0, atol=1e-5)


def test_what_every_layer_owes(inputs, predict_in_another_process):
    x, matrix = inputs
    arguments = {"vocab_size": VOCAB, "hidden_size": DIM, "activation": "tanh", "epsilon": 1e-5}
    # A model's inputs have a batch in front: one matrix cannot be one of them.
    check_layer(
        MaskedLMHead, arguments, [x], predict_in_another_process, token_matrix=matrix.tolist()
    )


@pytest.mark.parametrize("size", NOT_POSITIVE_INTEGERS)
def test_sizes_must_be_positive_integers(size):
    for name in ("vocab_size", "hidden_size"):
        with pytest.raises(ValueError, match=f"`{name}` must be a positive integer"):
            MaskedLMHead(**{"vocab_size": 5, "hidden_size": 5} | {name: size})


@pytest.mark.parametrize("positions", [[[4]], [[-1]], [[0.5]]])
def test_positions_that_are_none_are_refused(positions):
    head = MaskedLMHead(5, 4)
    with pytest.raises(ValueError, match="`masked_positions` must be integers from 0 to 3"):
        head(np.ones((1, 4, 4), "float32"), np.ones((5, 4), "float32"), np.array(positions))
