"""Pictures. Each function returns a matplotlib `Figure` and touches no global state."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def training_curve(history: list[dict[str, Any]], test_accuracy: float | None = None) -> Figure:
    """Draws loss and accuracy over the training steps.

    Args:
        history: what `keras_transformers.training.fit` gives: for each epoch a dict with `steps`,
            the running means of `loss` and `accuracy` since the epoch began.
        test_accuracy: optional float in [0, 1], drawn as a dashed line.

    Returns:
        A figure with two axes.
    """
    figure = _figure(9, 3.2)
    for axes, metric in zip(figure.subplots(1, 2), ("loss", "accuracy"), strict=True):
        first = 0
        for epoch in history:
            steps = [first + step["step"] for step in epoch["steps"]]
            axes.plot(steps, [step[metric] for step in epoch["steps"]], color="tab:blue")
            first = steps[-1]
        axes.set_xlabel("training step")
        axes.set_ylabel(f"{metric}, mean since the epoch began")
        axes.grid(alpha=0.3)
    if test_accuracy is not None:
        axes.axhline(
            test_accuracy, color="tab:orange", linestyle="--", label=f"test: {test_accuracy:.4f}"
        )
        axes.legend(loc="lower right")
    return figure


def confusion_matrix(
    labels: np.ndarray, predicted: np.ndarray, class_names: Sequence[str]
) -> Figure:
    """Draws how often each class was taken for which.

    Args:
        labels: integers of shape `(rows,)`, the true classes.
        predicted: integers of shape `(rows,)`, the answers.
        class_names: the name of each class.

    Returns:
        A figure whose rows are the true classes.
    """
    from sklearn.metrics import ConfusionMatrixDisplay

    class_names = list(class_names)
    figure = _figure(4.6, 4)
    ConfusionMatrixDisplay.from_predictions(
        np.asarray(labels),
        np.asarray(predicted),
        labels=range(len(class_names)),
        display_labels=class_names,
        cmap="Blues",
        colorbar=False,
        ax=figure.subplots(),
    )
    return figure


def attention_heat_map(scores: np.ndarray, tokens: Sequence[str], title: str = "") -> Figure:
    """Draws what each token attends to, one panel for each head.

    Args:
        scores: floats of shape `(num_heads, length, length)`, each row summing to 1: how much the
            query (row) attends to the key (column). Only the first `len(tokens)` rows and columns
            are drawn, so that padding is left out.
        tokens: the tokens of the text.
        title: above the panels.

    Returns:
        A figure with `num_heads` axes.
    """
    size = len(tokens)
    scores = np.asarray(scores)[:, :size, :size]
    side = max(2.4, 0.28 * size)
    figure = _figure(side * len(scores) + 1.2, side + 0.8)
    panels = figure.subplots(1, len(scores), squeeze=False, sharey=True)[0]
    for head, (axes, weights) in enumerate(zip(panels, scores, strict=True)):
        image = axes.imshow(weights, cmap="viridis", vmin=0)
        axes.set_xticks(range(size), _plain(tokens), rotation=90)
        axes.set_yticks(range(size), _plain(tokens))
        axes.set_title(f"head {head}")
        figure.colorbar(image, ax=axes, shrink=0.6)
    panels[0].set_ylabel("query")
    figure.supxlabel("key")
    figure.suptitle(title)
    return figure


def attention_grid(scores: np.ndarray, title: str = "") -> Figure:
    """Draws the attention of all heads of a stack of layers, small, to be seen at a glance.

    Args:
        scores: floats of shape `(num_layers, num_heads, length, length)`, each row summing to 1:
            how much the query (row) attends to the key (column).
        title: above the panels.

    Returns:
        A figure with a row of panels for each layer and a column for each head, all in the same
        colours, from 0 to 1.
    """
    scores = np.asarray(scores)
    rows, columns = scores.shape[:2]
    figure = _figure(0.95 * columns + 1.2, 0.95 * rows + 0.7)
    panels = figure.subplots(rows, columns, squeeze=False)
    for place in np.ndindex(rows, columns):
        image = panels[place].imshow(scores[place], cmap="viridis", vmin=0, vmax=1)
        panels[place].set(xticks=[], yticks=[])
    for head, axes in enumerate(panels[0]):
        axes.set_title(f"head {head}", fontsize="small")
    for layer, axes in enumerate(panels[:, 0]):
        axes.set_ylabel(f"layer {layer}", fontsize="small")
    figure.colorbar(image, ax=panels, aspect=40)
    figure.suptitle(title)
    return figure


def alignment(weights: np.ndarray, read: Sequence[str], written: Sequence[str]) -> Figure:
    """Draws which tokens of the source each written token looked at.

    As figure 3 of Bahdanau et al., 2015 (arXiv 1409.0473): the brighter, the more.

    Args:
        weights: floats of shape `(..., written, read)`, whose rows sum to 1; further axes, such as
            blocks and heads, are averaged over.
        read: the tokens of the source.
        written: the tokens of the translation.

    Returns:
        A figure with one axes: the source from left to right, the translation downwards.
    """
    weights = np.asarray(weights)
    weights = weights.reshape(-1, *weights.shape[-2:]).mean(axis=0)
    figure = _figure(0.32 * len(read) + 1.8, 0.32 * len(written) + 1.2)
    axes = figure.subplots()
    image = axes.imshow(weights, cmap="gray", vmin=0, vmax=1)
    axes.set_xticks(range(len(read)), _plain(read), rotation=90)
    axes.set_yticks(range(len(written)), _plain(written))
    axes.xaxis.tick_top()
    figure.colorbar(image, ax=axes, shrink=0.6)
    return figure


def position_similarity(positions: dict[str, np.ndarray], anchor: int) -> Figure:
    """Draws how alike position vectors are to that of one position, for several encodings.

    Args:
        positions: for each encoding its name and floats of shape `(length, dim)`.
        anchor: int, the position that the others are compared with.

    Returns:
        A figure with one axes: the cosine similarity by the distance from `anchor`.
    """
    figure = _figure(6.5, 3.4)
    axes = figure.subplots()
    for name, vectors in positions.items():
        vectors = np.asarray(vectors)
        unit = vectors / np.linalg.norm(vectors, axis=1, keepdims=True)
        axes.plot(np.arange(len(unit)) - anchor, unit @ unit[anchor], label=name)
    axes.set(xlabel=f"distance from position {anchor}", ylabel="cosine similarity")
    axes.grid(alpha=0.3)
    axes.legend()
    return figure


def accuracy_by_length(
    tests: dict[str, list[dict[str, Any]]], trained_up_to: int | None = None
) -> Figure:
    """Draws how well several translators do by the length of what they translate.

    Args:
        tests: for each model its name and the `by_length` of `evaluate_translator`.
        trained_up_to: optional int, the longest source in training, drawn as a dashed line.

    Returns:
        A figure with one axes: token accuracy by the number of source tokens.
    """
    figure = _figure(6.5, 3.4)
    axes = figure.subplots()
    for name, groups in tests.items():
        lengths = [(group["shortest"] + group["longest"]) / 2 for group in groups]
        axes.plot(lengths, [group["token_accuracy"] for group in groups], marker="o", label=name)
    if trained_up_to is not None:
        axes.axvline(trained_up_to, color="gray", linestyle="--", label="longest in training")
    axes.set(xlabel="tokens of the source", ylabel="token accuracy", ylim=(0, 1.03))
    axes.grid(alpha=0.3)
    axes.legend()
    return figure


def position_heat_map(positions: np.ndarray) -> Figure:
    """Draws position vectors and how alike they are.

    Args:
        positions: floats of shape `(length, dim)`.

    Returns:
        A figure with the vectors themselves and their cosine similarities.
    """
    positions = np.asarray(positions)
    unit = positions / np.linalg.norm(positions, axis=1, keepdims=True)
    figure = _figure(10, 3.6)
    vectors, similarity = figure.subplots(1, 2)
    image = vectors.imshow(positions.T, aspect="auto", cmap="RdBu_r")
    vectors.set(xlabel="position", ylabel="dimension", title="position vectors")
    figure.colorbar(image, ax=vectors)
    image = similarity.imshow(unit @ unit.T, cmap="RdBu_r", vmin=-1, vmax=1)
    similarity.set(xlabel="position", ylabel="position", title="cosine similarity")
    figure.colorbar(image, ax=similarity)
    return figure


def feature_scatter(features: np.ndarray, labels: np.ndarray, class_names: Sequence[str]) -> Figure:
    """Draws feature vectors in the plane of their two widest directions, coloured by class.

    Args:
        features: floats of shape `(rows, dim)`.
        labels: integers of shape `(rows,)`.
        class_names: the name of each class.

    Returns:
        A figure with one axes: the first two principal components.
    """
    from sklearn.decomposition import PCA

    points = PCA(n_components=2, random_state=0).fit_transform(features)
    labels = np.asarray(labels)
    figure = _figure(6, 4.5)
    axes = figure.subplots()
    for label, name in enumerate(class_names):
        axes.scatter(*points[labels == label].T, s=9, alpha=0.7, label=name)
    axes.set(xlabel="first principal component", ylabel="second principal component")
    axes.legend()
    return figure


def comparison(rows: list[dict[str, Any]]) -> Figure:
    """Draws the test accuracy of several models with their intervals.

    Args:
        rows: what `keras_transformers.training.compare` gives. A model's `lesson_accuracy`, where
            it is not None, is marked as well.

    Returns:
        A figure with one axes.
    """
    figure = _figure(7, 0.5 * len(rows) + 1.2)
    axes = figure.subplots()
    for place, row in enumerate(rows):
        axes.plot(row["accuracy_interval"], [place, place], color="tab:blue", linewidth=3)
        axes.plot(row["accuracy"], place, "o", color="tab:blue", label="here, with 95 % interval")
        if row["lesson_accuracy"] is not None:
            axes.plot(row["lesson_accuracy"], place, "D", color="tab:orange", label="the lesson")
    axes.set_yticks(range(len(rows)), [row["model"] for row in rows])
    axes.invert_yaxis()
    axes.set_xlabel("test accuracy")
    axes.grid(axis="x", alpha=0.3)
    handles = dict(zip(*reversed(axes.get_legend_handles_labels()), strict=True))
    axes.legend(handles.values(), handles.keys())
    return figure


def _plain(tokens):
    # Between two dollars matplotlib reads a formula, and stops at one it cannot read.
    return [token.replace("$", r"\$") for token in tokens]


def _figure(width, height):
    from matplotlib.figure import Figure

    return Figure(figsize=(width, height), layout="constrained")
