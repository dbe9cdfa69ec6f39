"""Attention as a page."""

import base64
import hashlib
import html
import importlib.resources
import io
import json
import os
import string
import warnings
from collections.abc import Sequence
from functools import cached_property
from typing import Any

import numpy as np

from keras_transformers import plots
from keras_transformers.utils import replacing
from keras_transformers.viewer.attention import Attention

PICTURE_PIXELS = 1200
MOST_LABELS = 100  # More could not be read in a picture.
# The higher ones scroll.
FRAME_PIXELS = (420, 760)


def attention_view(
    scores: np.ndarray | Sequence[Any],
    tokens: Sequence[str],
    keys: Sequence[str] | None = None,
    *,
    second_start: int | None = None,
    title: str = "Attention",
) -> "AttentionView":
    """Shows attention weights: which token looks at which, in each layer and head.

    Args:
        scores: floats from 0 to 1 of shape `(queries, keys)`, `(heads, queries, keys)` or
            `(layers, heads, queries, keys)`, whose last axis sums to 1; or a list with an array
            for each layer, such as the `attention_scores` of `BertEncoder` for one text.
        tokens: a token for each query, those that look.
        keys: a token for each key, where those that are looked at are others: in a translation
            `tokens` are what is written and `keys` what is read.
        second_start: of a pair of texts, the place of the second one's first token. Each text's
            looks at itself and at the other can then be seen by themselves.
        title: above it.

    Returns:
        An `AttentionView`, which a notebook shows and `save` writes to a file.

    Raises:
        ValueError: if `scores` has other axes or other numbers, if there are more or fewer tokens
            than queries or keys, or `second_start` is not within the tokens.

    Example:
        >>> import numpy as np
        >>> from keras_transformers.viewer import attention_view
        >>> scores = np.array([[[0.9, 0.1], [0.4, 0.6]]])  # one head
        >>> attention_view(scores, ["rain", "fell"])
        <AttentionView: 1 layer, 1 head, 2 queries, 2 keys>
    """
    return AttentionView([Attention("attention", scores, tokens, keys, second_start)], title)


class AttentionView:
    """Attention weights as a page that needs nothing else: a file, or a cell of a notebook.

    Three looks: words joined by lines, all layers and heads as small squares, the matrix. Texts in
    it are data; nothing in them is run.

    Args:
        attentions: a list of `Attention`, of which one is looked at at a time.
        title: above it.
        caption: below the title.

    Example:
        >>> import pathlib, tempfile
        >>> import numpy as np
        >>> from keras_transformers.viewer import attention_view
        >>> page = pathlib.Path(tempfile.mkdtemp(), "attention.html")
        >>> attention_view(np.eye(2), ["rain", "fell"]).save(page)
        >>> page.read_text(encoding="utf-8")[:15]
        '<!DOCTYPE html>'
    """

    def __init__(
        self, attentions: Sequence[Attention], title: str = "Attention", caption: str = ""
    ) -> None:
        self.attentions: list[Attention] = list(attentions)
        self.title = title
        self.caption = caption

    def __repr__(self) -> str:
        parts = [
            ", ".join(map(_counted, attention.scores.shape, ("layer", "head", "query", "key")))
            for attention in self.attentions
        ]
        return f"<AttentionView: {'; '.join(parts)}>"

    def save(self, path: str | os.PathLike[str]) -> None:
        """Writes the page to a file, which opens in a browser without the internet.

        Raises:
            OSError: if the file cannot be written; the message names it.
        """
        with replacing(path) as temporary:
            temporary.write_bytes(self.html.encode("utf-8"))

    @cached_property
    def html(self) -> str:
        """The page."""
        script = _file("viewer.js")
        digest = base64.b64encode(hashlib.sha256(script.encode("utf-8")).digest()).decode("ascii")
        return string.Template(_file("viewer.html")).substitute(
            allowed_script=f"sha256-{digest}",
            data=_as_script(self._to_dict()),
            script=script,
            style=_file("viewer.css"),
            title=_as_text(self.title),
        )

    def _to_dict(self):
        attentions = [attention.to_dict() for attention in self.attentions]
        return {"title": self.title, "caption": self.caption, "attentions": attentions}

    def _repr_html_(self):
        longest = max(max(attention.scores.shape[2:]) for attention in self.attentions)
        height = int(np.clip(240 + 29 * longest, *FRAME_PIXELS))
        picture = base64.b64encode(self._picture).decode("ascii")
        title = _as_text(self.title)
        # The page by itself, so that neither the notebook's styles nor anything in a text reach
        # the other; in front of a picture, which is left where frames or scripts are not allowed.
        return (
            f'<div style="position: relative; height: {height}px">'
            f'<img alt="{title}" style="max-width: 100%; max-height: 100%" '
            f'src="data:image/png;base64,{picture}">'
            "<noscript><style>.attention-view { display: none }</style></noscript>"
            f'<iframe class="attention-view" sandbox="allow-scripts" title="{title}" width="100%" '
            f'height="100%" style="position: absolute; inset: 0; border: 0" '
            f'srcdoc="{html.escape(self.html)}"></iframe></div>'
        )

    def _repr_png_(self):
        return self._picture

    @cached_property
    def _picture(self) -> bytes:
        """A PNG of the first attention's mean of layers and heads, for where no scripts run."""
        figure = self._figure()
        file = io.BytesIO()
        with warnings.catch_warnings():  # of letters that the font does not have
            warnings.simplefilter("ignore")
            figure.savefig(file, dpi=min(100, PICTURE_PIXELS / max(figure.get_size_inches())))
        return file.getvalue()

    def _figure(self):
        first = self.attentions[0]
        if max(first.scores.shape[2:]) > MOST_LABELS:
            return plots.attention_grid(first.scores.mean(axis=(0, 1), keepdims=True))
        figure = plots.alignment(first.scores, first.keys, first.tokens)
        image = figure.axes[0].images[0]
        image.set_cmap("Blues")
        image.autoscale()  # A mean of many heads is far from 1.
        return figure


def _file(name):
    return importlib.resources.files(__package__).joinpath(name).read_text(encoding="utf-8")


def _as_script(content):
    """Returns JSON that an HTML parser finds no markup in, whatever the texts hold."""
    text = json.dumps(content, separators=(",", ":"))  # ASCII alone, the rest escaped
    return text.translate({ord(letter): rf"\u{ord(letter):04x}" for letter in "<>&"})


def _as_text(text):
    # What UTF-8 cannot encode becomes a reference.
    return html.escape(text).encode("ascii", "xmlcharrefreplace").decode("ascii")


def _counted(number, name):
    many = {"query": "queries"}.get(name, f"{name}s")
    return f"{number} {name if number == 1 else many}"
