"""How well a model translates."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from keras_transformers.models import Translator
from keras_transformers.utils import check_texts

MAX_GROUPS = 10


def evaluate_translator(
    model: Translator, sources: Sequence[str], targets: Sequence[str], *, beam: int = 1
) -> tuple[dict[str, Any], list[str]]:
    """Translates texts and compares the translations with given ones.

    Args:
        model: the translator.
        sources: the texts to translate.
        targets: a translation of each.
        beam: int, the number of candidates in view, see `beam_search`.

    Returns:
        What `score_translations` gives, and the translations.

    Raises:
        ValueError: if there are no texts, not as many targets as sources, or something is no text.
    """
    sources, targets = check_texts(sources, "sources"), check_texts(targets, "targets")
    if not sources or len(sources) != len(targets):
        raise ValueError(
            "`sources` and `targets` must be as many as each other, at least one. "
            f"Received: {len(sources)} sources, {len(targets)} targets"
        )
    translations = model.translate(sources, beam=beam)
    tokens = [
        [model.target_tokenizer.tokens(text) for text in side] for side in (translations, targets)
    ]
    lengths = np.array([len(model.source_tokenizer.tokens(text)) for text in sources])
    scores = score_translations(translations, targets, *tokens)
    scores |= {"beam": beam, "by_length": []}
    for shortest, longest in _groups(lengths):
        rows = np.flatnonzero((lengths >= shortest) & (lengths <= longest))
        part = [[side[row] for row in rows] for side in (translations, targets, *tokens)]
        group = {"shortest": shortest, "longest": longest} | score_translations(*part)
        scores["by_length"].append(group)
    return scores, translations


def score_translations(
    translations: Sequence[str],
    targets: Sequence[str],
    translation_tokens: Sequence[Sequence[str]],
    target_tokens: Sequence[Sequence[str]],
) -> dict[str, Any]:
    """Compares translations with given ones.

    Args:
        translations: the texts to judge.
        targets: what they should be.
        translation_tokens: the tokens of each translation.
        target_tokens: the tokens of each target.

    Returns:
        A dict with `pairs`, their number; `exact_match`, the share of translations that are the
        target; `token_accuracy`, the share of the targets' tokens that stand in the translation
        where they should; `bleu`, from 0 to 100 (Papineni et al., 2002; Post, 2018, arXiv
        1804.08771), and the `bleu_signature` that says how it was computed.
    """
    import sacrebleu

    bleu = sacrebleu.BLEU()
    hits = sum(
        a == b
        for pair in zip(translation_tokens, target_tokens, strict=True)
        for a, b in zip(*pair, strict=False)
    )
    return {
        "pairs": len(targets),
        "exact_match": float(np.mean([a == b for a, b in zip(translations, targets, strict=True)])),
        "token_accuracy": hits / max(1, sum(map(len, target_tokens))),
        "bleu": bleu.corpus_score(translations, [targets]).score,
        "bleu_signature": str(bleu.get_signature()),
    }


def _groups(lengths):
    """Returns the shortest and the longest of each group: one length, or those of one half."""
    different = np.unique(lengths)
    if len(different) <= MAX_GROUPS:
        return [(int(length), int(length)) for length in different]
    median = int(np.median(lengths))
    return [(int(different[0]), median), (median + 1, int(different[-1]))]
