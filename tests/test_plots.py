"""What the figures show, read back from matplotlib's artists."""

import numpy as np
import pandas as pd
import pytest
from matplotlib.backends.backend_agg import FigureCanvasAgg

from keras_transformers import plots

HISTORY = [
    {
        "steps": [
            {"step": 8, "loss": 1.3, "accuracy": 0.3},
            {"step": 10, "loss": 1.2, "accuracy": 0.4},
        ]
    },
    {
        "steps": [
            {"step": 8, "loss": 0.9, "accuracy": 0.6},
            {"step": 10, "loss": 0.8, "accuracy": 0.7},
        ]
    },
]


def saved(figure, path):
    figure.savefig(path)
    assert path.read_bytes().startswith(b"\x89PNG\r\n")


def test_training_curve_draws_each_epoch_behind_the_one_before(tmp_path):
    figure = plots.training_curve(HISTORY)
    loss, accuracy = figure.axes
    for axes, metric in ((loss, "loss"), (accuracy, "accuracy")):
        points = np.concatenate([line.get_xydata() for line in axes.lines])
        assert points[:, 0].tolist() == [8, 10, 18, 20]
        assert points[:, 1].tolist() == [
            step[metric] for epoch in HISTORY for step in epoch["steps"]
        ]
        assert metric in axes.get_ylabel()
        assert "step" in axes.get_xlabel()
    assert accuracy.get_legend() is None
    saved(figure, tmp_path / "training.png")


def test_training_curve_marks_the_test_accuracy():
    loss, accuracy = plots.training_curve(HISTORY, test_accuracy=0.65).axes
    assert set(accuracy.lines[-1].get_ydata()) == {0.65}
    assert "0.6500" in accuracy.get_legend().get_texts()[0].get_text()
    assert len(loss.lines) == 2


def test_confusion_matrix_counts_true_classes_in_rows(tmp_path):
    names = ["World", "Sports", "Business"]
    # Nothing is of the class Business, or taken for it.
    figure = plots.confusion_matrix(np.array([0, 0, 0, 1]), np.array([0, 1, 1, 1]), names)
    [axes] = figure.axes
    assert axes.images[0].get_array().tolist() == [[1, 2, 0], [0, 1, 0], [0, 0, 0]]
    assert [text.get_text() for text in axes.texts] == list("120010000")
    assert [label.get_text() for label in axes.get_yticklabels()] == names
    assert [label.get_text() for label in axes.get_xticklabels()] == names
    assert "true" in axes.get_ylabel().lower()
    saved(figure, tmp_path / "confusion_matrix.png")


@pytest.mark.parametrize("heads", [1, 3])
def test_attention_heat_map_has_a_panel_for_each_head(tmp_path, heads):
    scores = np.random.default_rng(0).random((heads, 7, 7))
    tokens = ["the", "rain", "fell", "again"]
    figure = plots.attention_heat_map(scores, tokens, title="block 0")
    panels = [axes for axes in figure.axes if axes.get_title().startswith("head")]
    assert len(panels) == heads
    for head, axes in enumerate(panels):
        assert axes.get_title() == f"head {head}"
        # Queries in rows, and no padding.
        np.testing.assert_array_equal(axes.images[0].get_array(), scores[head, :4, :4])
        assert [label.get_text() for label in axes.get_xticklabels()] == tokens
    assert [label.get_text() for label in panels[0].get_yticklabels()] == tokens
    assert panels[0].get_ylabel() == "query"
    assert figure.get_supxlabel() == "key"
    assert figure.get_suptitle() == "block 0"
    saved(figure, tmp_path / "attention.png")


def test_attention_grid_has_layers_in_rows_and_heads_in_columns(tmp_path):
    scores = np.random.default_rng(0).random((3, 2, 5, 5))
    figure = plots.attention_grid(scores, title="all of it")
    panels = np.array(figure.axes[:6]).reshape(3, 2)
    for place, axes in np.ndenumerate(panels):
        np.testing.assert_array_equal(axes.images[0].get_array(), scores[place])
        assert axes.images[0].get_clim() == (0, 1)  # one scale for all
    assert [axes.get_title() for axes in panels[0]] == ["head 0", "head 1"]
    assert [axes.get_ylabel() for axes in panels[:, 0]] == ["layer 0", "layer 1", "layer 2"]
    left, top = panels[0, 0].get_position().p0
    assert panels[0, 1].get_position().x0 > left
    assert panels[1, 0].get_position().y0 < top
    assert figure.get_suptitle() == "all of it"
    saved(figure, tmp_path / "grid.png")


def test_position_heat_map_shows_vectors_and_their_cosines(tmp_path):
    positions = np.random.default_rng(0).normal(size=(6, 4))
    figure = plots.position_heat_map(positions)
    vectors, similarity = figure.axes[:2]
    np.testing.assert_array_equal(vectors.images[0].get_array(), positions.T)
    expected = [[a @ b / np.sqrt((a @ a) * (b @ b)) for b in positions] for a in positions]
    np.testing.assert_allclose(similarity.images[0].get_array(), expected, atol=1e-12)
    assert similarity.images[0].get_clim() == (-1, 1)
    saved(figure, tmp_path / "positions.png")


def test_comparison_draws_accuracy_interval_and_the_lesson():
    rows = [
        {"model": "a", "accuracy": 0.8, "accuracy_interval": [0.7, 0.9], "lesson_accuracy": None},
        {"model": "b", "accuracy": 0.6, "accuracy_interval": [0.5, 0.7], "lesson_accuracy": 0.9},
    ]
    [axes] = plots.comparison(rows).axes
    drawn = [(list(line.get_xdata()), list(line.get_ydata())) for line in axes.lines]
    assert drawn == [
        ([0.7, 0.9], [0, 0]),
        ([0.8], [0]),
        ([0.5, 0.7], [1, 1]),
        ([0.6], [1]),
        ([0.9], [1]),
    ]
    assert [label.get_text() for label in axes.get_yticklabels()] == ["a", "b"]
    assert len(axes.get_legend().get_texts()) == 2


def test_no_global_state_is_touched():
    import matplotlib
    from matplotlib import pyplot

    before = dict(matplotlib.rcParams)
    plots.training_curve(HISTORY, test_accuracy=0.5)
    plots.confusion_matrix(np.array([0, 1]), np.array([0, 1]), ["a", "b"])
    plots.attention_heat_map(np.ones((1, 2, 2)), ["a", "b"])
    plots.attention_grid(np.ones((1, 1, 2, 2)))
    plots.position_heat_map(np.eye(3))
    assert pyplot.get_fignums() == []
    assert dict(matplotlib.rcParams) == before


def test_what_is_drawn_goes_by_order_whatever_holds_it(rng):
    features, labels, names = rng.normal(size=(6, 3)), [0, 1, 1, 0, 2, 2], ["a", "b", "c"]
    pictures = {
        "scatter": lambda labels, names, vectors: plots.feature_scatter(vectors, labels, names),
        "confusion": lambda labels, names, _: plots.confusion_matrix(labels, labels[::-1], names),
        "positions": lambda _, __, vectors: plots.position_similarity({"a": vectors}, anchor=1),
        "vectors": lambda _, __, vectors: plots.position_heat_map(vectors),
    }
    index = [4, 2, 0, 1, 5, 3]
    held = pd.Series(labels, index), pd.Series(names, [2, 0, 1]), pd.DataFrame(features, index)
    for name, draw in pictures.items():
        expected = pixels(draw(np.array(labels), names, features))
        for arguments in (held, (labels, (name for name in names), features.tolist())):
            np.testing.assert_array_equal(pixels(draw(*arguments)), expected, name)


def pixels(figure):
    canvas = FigureCanvasAgg(figure)
    canvas.draw()
    return np.asarray(canvas.buffer_rgba())


def test_alignment_has_the_source_across_and_the_translation_down(tmp_path):
    weights = np.array([[[0.9, 0.1, 0.0], [0.2, 0.2, 0.6]], [[0.7, 0.3, 0.0], [0.0, 0.0, 1.0]]])
    figure = plots.alignment(weights, ["a", "b", "c"], ["x", "y"])
    axes = figure.axes[0]
    np.testing.assert_allclose(axes.images[0].get_array(), weights.mean(axis=0))
    assert [label.get_text() for label in axes.get_xticklabels()] == ["a", "b", "c"]
    assert [label.get_text() for label in axes.get_yticklabels()] == ["x", "y"]
    saved(figure, tmp_path / "alignment.png")


def test_dollars_in_tokens_are_no_formula(tmp_path):
    tokens = ["$\\frac$", "$5"]
    for figure in (
        plots.attention_heat_map(np.eye(2)[None], tokens),
        plots.alignment(np.eye(2), tokens, tokens),
    ):
        saved(figure, tmp_path / "x.png")


def test_position_similarity_is_1_at_the_anchor_and_by_distance_from_it(rng):
    vectors = {"fixed": rng.normal(size=(9, 4)), "trained": rng.normal(size=(7, 4))}
    [axes] = plots.position_similarity(vectors, anchor=3).axes
    for line, (name, table) in zip(axes.lines, vectors.items(), strict=True):
        assert line.get_label() == name
        distances, similarity = line.get_data()
        assert distances.tolist() == list(range(-3, len(table) - 3))
        assert similarity[3] == pytest.approx(1)
        a, b = table[3], table[5]
        expected = a @ b / np.linalg.norm(a) / np.linalg.norm(b)
        assert similarity[5] == pytest.approx(expected)


def test_accuracy_by_length_puts_groups_at_their_middle():
    groups = [
        {"shortest": 5, "longest": 5, "token_accuracy": 1.0},
        {"shortest": 6, "longest": 10, "token_accuracy": 0.5},
    ]
    [axes] = plots.accuracy_by_length({"rnn": groups}, trained_up_to=8).axes
    assert axes.lines[0].get_xydata().tolist() == [[5, 1.0], [8, 0.5]]
    assert set(axes.lines[1].get_xdata()) == {8}
    assert [text.get_text() for text in axes.get_legend().get_texts()] == [
        "rnn",
        "longest in training",
    ]
