"""The switch between the fast forms and the plain ones."""

import contextlib
import contextvars
from collections.abc import Iterator

FORMS = ("folded", "one_query", "by_vector", "dropout", "gelu", "layer_normalization")

_switched_off = contextvars.ContextVar("switched_off", default=frozenset())


@contextlib.contextmanager
def plain(*forms: str) -> Iterator[None]:
    """Lets the layers compute as their equations are written, without the fast forms.

    The numbers are the same up to rounding; only the operations differ. A debugger then stops in
    the equation itself. What was traced or compiled before keeps the form it was traced in.

    Args:
        *forms: the forms to switch off, of `FORMS`; none means all of them.

    Raises:
        ValueError: if there is no form of such a name.

    Example:
        >>> import numpy as np
        >>> from keras_transformers.layers import MultiHeadAttention, plain
        >>> attention, x = MultiHeadAttention(num_heads=2, key_dim=8), np.ones((1, 3, 8))
        >>> with plain():
        ...     outputs = attention(x, x)
        >>> bool(np.allclose(outputs, attention(x, x), atol=1e-5))
        True
    """
    unknown = set(forms) - set(FORMS)
    if unknown:
        raise ValueError(f"`forms` must be of {', '.join(FORMS)}. Received: {sorted(unknown)}")
    token = _switched_off.set(_switched_off.get() | frozenset(forms or FORMS))
    try:
        yield
    finally:
        _switched_off.reset(token)


def is_on(form: str) -> bool:
    """Returns whether a fast form is to be used."""
    return form not in _switched_off.get()
