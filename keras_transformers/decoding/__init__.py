"""Writing sequences with a decoder.

A decoder is a layer with two methods: `start(memory, memory_mask, length)` returns a state,
`step(ids, position, state)` the logits of the next token and the state after it. All tensors of a
state have the batch as first axis.
"""

from keras_transformers.decoding.beam_search import beam_search, length_penalty
from keras_transformers.decoding.greedy_search import greedy_search

__all__ = ["beam_search", "greedy_search", "length_penalty"]
